"""What every store does alike: one table, each store's rig a column.

A rig is a Driver (rig.py) with: put(key, bytes), get(key), put_with(key, bytes, content type,
metadata), get_with(key) -> (bytes, content type, metadata), takes(key): such a name is allowed
there, CHECKED: conditions are the server's to check, NO_ETAG: none that any object has.
"""
import json
import os
import pickle
from urllib.parse import unquote

from rig import quote

ODD_KEYS = [
    "a b", "a+b", "a%2Bb", "a%b", "a?b=c&d", "a#b", "a=b", "a:b@c", "a!b*c'(d)", "~-_.", "a\\b",
    "tiläsy", "작업결과.pkl", "e\u0301", "\u00e9", "\u3000x\u00a0", "emoji \U0001f600",
    "a//b", "a///", "/lead", "//", "./x", "../y", "a/./b", "a/../b", "a/..", "trail ", " lead",
    "tab\there", "line\nbreak", "bell\x07", "x\x08y",
    "escape\x1b[2J", "del\x7f", "<&>\"'", "x" * 1024,
    "k/" * 512, "\u20ac" * 341,
]


def folders(rig):
    for key in ("f/a", "f/b/1", "f/b/2", "f/b c+d%/x", "f/b/", "f//x", "f"):
        rig.put(key, b"")
    lines = rig.ok("list", rig.bucket, "f/")
    have = {(line["kind"], line["name"]) for line in lines if "name" in line}
    assert have == {("object", "f/a"), ("prefix", "f/b/"), ("prefix", "f/b%20c%2Bd%25/"),
                    ("prefix", "f//")}, have
    assert rig.names("list", rig.bucket, "f/b/") == ["f/b/", "f/b/1", "f/b/2"]
    assert rig.names("list", rig.bucket, "f/b%20c%2Bd%25/") == ["f/b c+d%/x"]
    assert rig.names("list", rig.bucket, "f//") == ["f//x"]
    assert sorted(rig.names("list", rig.bucket, "f/", "--recursive")) == sorted(
        ["f/a", "f/b/", "f/b/1", "f/b/2", "f/b c+d%/x", "f//x"])


def odd_keys(rig):
    """Found, read, saved by the name that the other side gave them, and read there again."""
    keys = [key for key in ODD_KEYS if rig.takes(key)]
    for key in keys:
        rig.put_with(key, b"old " + key.encode(), "x/y", {})
    listed = rig.names("list", rig.bucket, "", "--recursive")
    for key in keys:
        assert key in listed, key
        body, _ = rig.fetch(key)
        assert body == b"old " + key.encode(), key
        rig.save(key, b"new " + key.encode())
        assert rig.get(key) == b"new " + key.encode(), key
    assert len(listed) == len(set(listed))
    # Those in folders are reached folder by folder.
    reached, todo = set(), [""]
    while todo:
        for line in rig.ok("list", rig.bucket, todo.pop()):
            if line.get("kind") == "prefix" and line["name"].count("/") < 6:
                todo.append(line["name"])
            elif "name" in line:
                reached.add(unquote(line["name"]))
    shallow = {key for key in keys if key.count("/") < 6}
    assert shallow <= reached, shallow - reached


def reading(rig):
    body = bytes(range(256)) * 5000
    rig.put("r", body)
    rig.put("empty", b"")
    have, lines = rig.fetch("r")
    assert have == body and lines[0] == {"begin": len(body)}
    assert lines[1]["identity"]["size"] == len(body)
    assert rig.fetch("r", "--offset", 1000, "--length", 77)[0] == body[1000:1077]
    assert rig.fetch("r", "--offset", len(body) - 3)[0] == body[-3:]
    assert rig.fetch("r", "--offset", 10, "--length", 1 << 40)[0] == body[10:]
    assert rig.fetch("r", "--pause")[0] == body
    assert rig.fetch("empty")[0] == b""
    etag = lines[1]["identity"]["etag"]
    assert rig.fetch("r", "--etag", etag)[0] == body
    assert rig.fetch("r", "--etag", etag.strip('"'), "--length", 5)[0] == body[:5]
    told = rig.error("changed by someone else", "changed", "get", rig.bucket, "r", rig.file(),
                     "--etag", rig.NO_ETAG)
    assert "begin" not in told
    rig.error("changed by someone else", "shorter", "get", rig.bucket, "r", rig.file(),
              "--offset", len(body) + 1)


def one_byte_of_a_pickle(rig):
    """The example of the manual: one value changed, everything else as it was."""
    old = pickle.dumps({"name": "John", "age": 30, "city": "New York"})
    new = old.replace(b"K\x1e", b"K\x1f")
    rig.put_with("data.pickle", old, "application/x-pickle", {"team": "a b"})
    saved = rig.save("data.pickle", new)
    assert saved["unchecked"] is not rig.CHECKED
    body, content_type, metadata = rig.get_with("data.pickle")
    assert pickle.loads(body)["age"] == 31
    assert len(body) == len(old) and sum(a != b for a, b in zip(old, body)) == 1
    assert content_type == "application/x-pickle" and metadata == {"team": "a b"}


def conflicts(rig):
    """Somebody else is faster: nothing is written over, or made where something is."""
    rig.put("cf", b"theirs")
    etag = rig.ok("head", rig.bucket, "cf")[0]["identity"]["etag"]
    rig.put("cf", b"theirs, again")
    rig.save_error("changed by someone else", "changed", "cf", b"mine", "--etag", etag)
    assert rig.get("cf") == b"theirs, again"
    rig.save_error("exists already", "already", "cf", b"mine", "--absent")
    assert rig.get("cf") == b"theirs, again"
    rig.save_error("changed by someone else", "deleted", "cf-gone", b"mine", "--etag", etag)
    hold = rig.file(b"")
    held = rig.start("put", rig.bucket, "cf", rig.file(b"mine"), "--hold", hold)
    assert b"read" in held.stdout.readline()
    rig.put("cf", b"in between")
    os.unlink(hold)
    told = rig.finish(held)[-1]
    assert told["error"] == "changed by someone else", told
    assert rig.get("cf") == b"in between"
    assert "saved" in rig.save("cf", b"mine", "--always")
    assert rig.get("cf") == b"mine"
    assert "saved" in rig.save("cf-new", b"", "--absent")
    assert rig.get("cf-new") == b""


def gone_meanwhile(rig):
    rig.put("gm", b"x")
    etag = rig.ok("head", rig.bucket, "gm")[0]["identity"]["etag"]
    rig.ok("rm", rig.bucket, "gm", "--etag", etag)
    rig.error("not found", "no such object", "head", rig.bucket, "gm")
    rig.save_error("changed by someone else", "deleted", "gm", b"mine", "--etag", etag)
    rig.error("not found", "no such object", "get", rig.bucket, "gm", rig.file())


def copying(rig):
    """The service copies by itself: bytes, type and metadata; held to what is there."""
    body = os.urandom(70000)
    to = "copied here+%25/ä"
    rig.put_with("cp from+%/ä", body, "x/y", {"team": "a b"})
    source = ("copy", rig.bucket, quote("cp from+%/ä"), rig.bucket)
    said = rig.ok(*source, quote(to))[-1]["saved"]
    assert rig.get_with(to) == (body, "x/y", {"team": "a b"})
    assert rig.ok("head", rig.bucket, quote(to))[0]["identity"]["etag"] == said["etag"]
    rig.error("exists already", "already", *source, quote(to))
    rig.put(to, b"theirs")
    rig.error("changed by someone else", "changed", *source, quote(to), "--etag", rig.NO_ETAG)
    assert rig.get(to) == b"theirs"
    etag = rig.ok("head", rig.bucket, quote(to))[0]["identity"]["etag"]
    rig.ok(*source, quote(to), "--etag", etag)
    assert rig.get(to) == body
    rig.put("cp small", b"x")
    rig.ok("copy", rig.bucket, "cp%20small", rig.bucket, quote(to), "--always")
    assert rig.get(to) == b"x"
    rig.error("not found", "no such object", "copy", rig.bucket, "nothing", rig.bucket, "n")


def copy_without_an_answer(rig):
    """What became of a lost copy is looked at: never two, never a false conflict."""
    body = os.urandom(3000)
    rig.put("cl from", body)
    source = ("copy", rig.bucket, "cl%20from", rig.bucket, "cl-to")
    for fault in ("drop-before", "drop-after", "drop-forwarded", "answer status=503"):
        rig.put("cl-to", fault.encode())
        etag = rig.ok("head", rig.bucket, "cl-to")[0]["identity"]["etag"]
        rig.proxy.clear()
        rig.proxy.rule(f"{rig.COPIES} n=1 do={fault}")
        rig.ok(*source, "--etag", etag, through=rig.proxy)
        assert rig.get("cl-to") == body, fault
    rig.put("cl-to", b"old")
    etag = rig.ok("head", rig.bucket, "cl-to")[0]["identity"]["etag"]
    rig.proxy.clear()
    rig.proxy.rule(f"{rig.COPIES} n=1 do=drop-after run-after={rig.writer('cl-to', b'theirs')}")
    rig.error("changed by someone else", "changed", *source, "--etag", etag, through=rig.proxy)
    assert rig.get("cl-to") == b"theirs"


def worked_example(rig):
    """The manual's record of John: found, looked at, changed, guarded, brought back, copied."""
    where = rig.url("example/data.pickle")
    rig.put("example/data.pickle", pickle.dumps({"name": "John", "age": 30, "city": "New York"}))
    assert rig.program("ls", rig.url("example/")) == "data.pickle\n"
    assert rig.program("show", where) == (
        "{\n    'name': 'John',\n    'age': 30,\n    'city': 'New York',\n}\n"
    )
    first = json.loads(rig.program("ls", "--json", where))["etag"]
    rig.program("set", where, ".age=31", "--if-match", first)
    assert pickle.loads(rig.get("example/data.pickle")) == {
        "name": "John",
        "age": 31,
        "city": "New York",
    }
    told = rig.program("set", where, ".age=32", "--if-match", first, status=4)
    assert "changed" in told or "if-match" in told, told
    assert rig.program("show", where, ".age") == "31\n"
    kept = [json.loads(line) for line in rig.program("history", "--json", where).splitlines()]
    assert len(kept) == 1 and kept[0]["etag"].strip('"') == first.strip('"'), kept
    rig.program("history", where, "--restore", kept[0]["id"])
    assert rig.program("show", "--repr", where) == (
        "{'name': 'John', 'age': 30, 'city': 'New York'}\n"
    )
    rig.program("cp", where, rig.url("example/copy.pickle"))
    rig.program("mv", rig.url("example/copy.pickle"), rig.url("example/moved.pickle"))
    assert rig.program("diff", where, rig.url("example/moved.pickle")) == ""
    assert rig.program("ls", rig.url("example/")).split() == ["data.pickle", "moved.pickle"]


BEHAVIOURS = (
    folders,
    odd_keys,
    reading,
    conflicts,
    gone_meanwhile,
    one_byte_of_a_pickle,
    copying,
    copy_without_an_answer,
    worked_example,
)
