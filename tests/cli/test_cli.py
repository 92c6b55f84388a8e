#!/usr/bin/python3
"""The batch commands on local files: what they print, what they write, how they end."""
import collections
import datetime
import decimal
import json
import os
import pickle
import pwd
import signal
import stat
import subprocess
import sys
import uuid
import zipfile

from harness import Failed, Place, run_all, same, wait_until_waiting

JOHN = {"name": "John", "age": 30, "city": "New York"}
BYTES = pickle.dumps(JOHN)


def differing(a, b):
    return [i for i in range(max(len(a), len(b))) if a[i:i + 1] != b[i:i + 1]]


# ------------------------------------------------------------------------------------ grammar

def test_usage(p: Place):
    p.run("--nope").expect(2, "", "unknown option --nope")
    p.run("shwo", "x").expect(2, "", "did you mean show")
    p.run("show").expect(2, "", "too few operands")
    p.run("ls", "a", "b").expect(2, "", "too many operands")
    p.run("ls", "--repr").expect(2, "", "not an option of ls")
    p.run("show", "x", "--depth", "none").expect(2, "", "--depth")
    p.run("show", "x", "--json", "--tree").expect(2, "", "exclude")
    p.run("show", "").expect(2, "", "empty location")
    p.run("s3://b/k").expect(2, "", "terminal")
    p.run().expect(2, "", "terminal")


def test_help(p: Place):
    whole = p.run("--help").expect(0)
    for command in ("ls", "show", "set", "cp"):
        if f"\n  {command} " not in whole.out:
            raise Failed(f"--help does not name {command}: {whole}")
        one = p.run(command, "--help").expect(0)
        if f"pklbrowse {command}" not in one.out or "--profile" not in one.out:
            raise Failed(f"{one}")
    same(p.run("-V").expect(0).out.split()[0], "pklbrowse")
    if any(len(line) > 100 for line in whole.out.split("\n")):
        raise Failed("a line of --help is longer than 100 columns")


def test_options_anywhere(p: Place):
    p.put("f", BYTES)
    for args in (["--repr", "show", "f", ".age"], ["show", "--repr", "f", ".age"],
                 ["show", "f", ".age", "--repr"], ["show", "f", "--repr", "--", ".age"]):
        p.run(*args).expect(0, "30\n")
    p.put("--repr", BYTES)
    p.run("show", "--", "--repr", ".age").expect(0, "30\n")
    p.put("ls", BYTES)
    p.run("show", "ls", ".age").expect(0, "30\n")


# --------------------------------------------------------------------------------------- show

def test_show_repr(p: Place):
    values = [None, True, -7, 2**100, 1.5, float("inf"), "a'b\n\u202e\U0001f952", b"\x00\xff",
              [1, [2]], (1,), (), {"a": {1: 2}}, {1}, frozenset({2}), bytearray(b"x"), JOHN]
    for value in values:
        for protocol in range(6):
            p.put("v", pickle.dumps(value, protocol))
            p.run("show", "--repr", "v").expect(0, repr(value) + "\n")


def test_show_text(p: Place):
    p.put("f", BYTES)
    text = p.run("show", "f").expect(0).out
    same(eval(text, {}), JOHN, "the indented text")     # our own output for our own value
    if text.count("\n") < 4:
        raise Failed(f"not over several lines: {text!r}")
    p.run("show", "f", ".name").expect(0, "'John'\n")
    p.run("show", "f", "['city']").expect(0, "'New York'\n")
    p.run("show", "f", "[#1]").expect(0, "30\n")
    p.run("show", "f", "@0.age").expect(0, "30\n")


def test_show_depth(p: Place):
    p.put("f", pickle.dumps([[1, [2, [3]]]]))
    p.run("show", "--repr", "--depth", "2", "f").expect(0, "[[1, [...]]]\n")
    p.run("show", "f", "--json", "--depth=1").expect(2, "", "--depth")


def test_show_json(p: Place):
    p.put("f", BYTES)
    same(json.loads(p.run("show", "--json", "f").expect(0).out), JOHN)


def test_show_py2_str(p: Place):
    p.put("f", b"U\x02\xc3\xa9.")
    for how, text in (("ascii", "b'\\xc3\\xa9'"), ("latin1", "'Ã©'"), ("utf8", "'é'"),
                      ("bytes", "b'\\xc3\\xa9'")):
        p.run("show", "--py2-str", how, "f").expect(0, text + "\n")
    p.run("show", "--py2-str=cp437", "f").expect(2, "", "latin1")
    p.run("show", "--py2-str=utf8", "--json", "f").expect(2, "", "text")


def test_show_tree(p: Place):
    p.put("f", pickle.dumps({"users": [{"name": "Ann"}, {"name": "Bob"}], "n": 3}))
    lines = p.run("show", "--tree", "f").expect(0).out.split("\n")
    same([line.split()[0] for line in lines[1:] if line],
         ["'users'", "0", "'name'", "1", "'name'", "'n'"], "labels")
    if not lines[3].startswith("            'name'") or "'Ann'" not in lines[3]:
        raise Failed(f"third level: {lines[3]!r}")
    flat = p.run("show", "--tree", "--depth", "1", "f").expect(0).out
    same(flat.count("\n"), 3, "rows of --depth 1")
    part = p.run("show", "--tree", "f", ".users[1]").expect(0).out
    same(part.count("\n"), 2, "rows of a part")
    if "'Bob'" not in part:
        raise Failed(part)


def test_show_tree_is_big(p: Place):
    p.put("f", pickle.dumps([[i, {"k": i}] for i in range(20000)]))
    same(p.run("show", "--tree", "f").expect(0).out.count("\n"), 1 + 20000 * 4, "rows")


def test_show_tree_ends(p: Place):
    loop = []
    loop.append(loop)
    p.put("f", pickle.dumps({"l": loop, "again": loop}))
    rows = p.run("show", "--tree", "f").expect(0).out.count("\n")
    same(rows, 4, "rows of a value that holds itself")


def test_show_stream(p: Place):
    p.put("f", pickle.dumps(1) + pickle.dumps("two") + pickle.dumps([3]))
    p.run("show", "--repr", "f").expect(0, "1\n'two'\n[3]\n")
    p.run("show", "f", "@1").expect(0, "'two'\n")
    p.run("show", "f", "@2[0]").expect(0, "3\n")
    p.run("show", "f", "@3").expect(3, "", "@")


def test_show_stdin(p: Place):
    p.run("show", "--repr", "-", ".age", stdin=BYTES).expect(0, "30\n")
    p.run("show", "-", stdin=b"").expect(6, "")
    with open(p.put("f", BYTES), "rb") as f:
        w = p.start("show", "--repr", "-", ".age", stdin=f, stdout=subprocess.PIPE)
        same((w.communicate(timeout=60)[0], w.returncode), (b"30\n", 0), "a file as standard input")


def test_bad_paths(p: Place):
    p.put("f", BYTES)
    p.run("show", "f", "[age]").expect(2, "", ".age")
    p.run("show", "f", ".age.").expect(2, "")
    p.run("show", "f", "[1").expect(2, "")
    p.run("show", "f", "nonsense").expect(2, "")
    p.run("show", "f", ".nobody").expect(3, "", "nobody")
    p.run("show", "f", ".age[0]").expect(3, "")


def test_odd_text_is_escaped(p: Place):
    p.put("f", pickle.dumps("\x1b[2J\x07\u202e"))
    for form in ([], ["--repr"], ["--json"], ["--tree"]):
        out = p.run("show", *form, "f").expect(0).raw
        if b"\x1b" in out or b"\x07" in out or "\u202e".encode() in out:
            raise Failed(f"{form}: {out!r}")
    done = p.run("show", "\x1b[2Jmissing").expect(3, "")
    if "\x1b" in done.err:
        raise Failed(f"{done}")


# ------------------------------------------------------------------------- what cannot be read

def test_missing(p: Place):
    p.run("show", "nothing").expect(3, "", "nothing")
    p.run("show", "no/where").expect(3, "")
    p.run("set", "nothing", ".a=1").expect(3, "")
    p.run("cp", "nothing", "x").expect(3, "")
    p.run("ls", "nothing").expect(3, "")
    p.run("ls", "nothing/").expect(3, "")


def test_broken(p: Place):
    p.run("show", p.put("framed", pickle.dumps([1, [2, 3]])[:-4])).expect(6)
    p.put("cut", pickle.dumps([1, [2, 3], "four"], 2)[:-6])
    done = p.run("show", "--repr", "cut").expect(6)
    if "1" not in done.out or "[2, 3]" not in done.out:
        raise Failed(f"what could be read is not printed: {done}")
    p.run("show", "--tree", "cut").expect(6)
    p.run("set", "cut", "[0]=2").expect(6, "")
    p.put("text", b"just some words\n")
    p.run("show", "text").expect(6, "", "not a pickle")
    p.put("empty", b"")
    p.run("show", "empty").expect(6, "")


def test_not_files(p: Place):
    os.mkfifo(p.path("pipe"))
    os.mkdir(p.path("folder"))
    for command in (["show"], ["set"], ["cp"]):
        more = {"show": [], "set": [".a=1"], "cp": ["x"]}[command[0]]
        for name in ("pipe", "folder"):
            done = p.run(*command, name, *more)
            if done.status not in (2, 3, 7) or done.out or not done.err:
                raise Failed(f"{done}")
    same(os.path.exists(p.path("x")), False)


def test_denied(p: Place):
    os.chmod(p.put("f", BYTES), 0)
    me = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    why = f" --------- {me}; this is {me})"
    p.as_nobody("show", "f").expect(5, "", "Permission denied (" + why[1:])
    p.as_nobody("cp", "f", "g").expect(5, "")
    os.mkdir(p.path("d"), 0)
    p.as_nobody("ls", "d").expect(5, "", "/d" + why)
    p.as_nobody("show", "d/inside").expect(5, "", "/d" + why)
    os.chmod(p.path("f"), 0o444)
    p.as_nobody("set", "f", ".age=31").expect(5, "")
    same(p.get("f"), BYTES)


# ---------------------------------------------------------------------------------------- set

def test_set(p: Place):
    os.chmod(p.put("f", BYTES), 0o640)
    done = p.run("set", "f", ".age=31").expect(0)
    if "['age']  30 → 31" not in done.out or f"{len(BYTES)} → {len(BYTES)} bytes" not in done.out:
        raise Failed(f"{done}")
    now = p.get("f")
    same(pickle.loads(now), {**JOHN, "age": 31})
    same(len(differing(BYTES, now)), 1, "bytes that differ")
    same(stat.S_IMODE(os.stat(p.path("f")).st_mode), 0o640, "mode")
    same(os.listdir(p.work), ["f"], "files left behind")
    if BYTES not in p.history():
        raise Failed("the replaced bytes were not kept")


def test_set_again(p: Place):
    p.put("f", BYTES)
    for age in range(31, 36):
        p.run("set", "f", f".age={age}").expect(0)
    same(pickle.loads(p.get("f"))["age"], 35)


def test_set_kinds(p: Place):
    p.put("f", BYTES)
    p.run("set", "f", ".age='31'", ".name=None", ".city:='x' = [1]").expect(0)
    same(pickle.loads(p.get("f")), {"name": None, "age": "31", "city": "'x' = [1]"})
    p.run("set", "f", "['age']=2**3").expect(2, "")
    p.run("set", "f", "['age']=-1.5e3", ".name=True", ".city=b'\\xff'").expect(0)
    same(pickle.loads(p.get("f")), {"name": True, "age": -1500.0, "city": b"\xff"})


def test_set_protocols(p: Place):
    for protocol in range(6):
        p.put("f", pickle.dumps([1, ("a", 2), {"k": [3]}], protocol))
        p.run("set", "f", "[1][0]='b'", "[2].k[-1]=4", "[0]=12345678901234567890").expect(0)
        same(pickle.loads(p.get("f")), [12345678901234567890, ("b", 2), {"k": [4]}], f"p{protocol}")


def test_members_of_sets(p: Place):
    for protocol in range(6):
        p.put("f", pickle.dumps({"s": {1, 2}, "f": frozenset({3})}, protocol))
        same(p.run("show", "--repr", "f", ".s[#1]").out, "2\n", f"p{protocol}")
        same(p.run("show", "--repr", "f", ".f[#0]").out, "3\n", f"p{protocol}")
        p.run("show", "f", ".s[#2]").expect(3)
        p.run("set", "f", ".s[#0]=[1]").expect(2)
        p.run("set", "f", ".s[#0]=2").expect(7)
        p.run("set", "f", ".s[#0]=7").expect(0)
        p.run("del", "f", ".s[#1]").expect(0)
        same(pickle.loads(p.get("f")), {"s": {7}, "f": frozenset({3})}, f"p{protocol}")


def test_set_objects(p: Place):
    day, key = datetime.date(2024, 1, 2), uuid.UUID(int=5)
    for protocol in range(6):
        value = {"when": day, key: [decimal.Decimal("1.10")], "od": collections.OrderedDict(a=1)}
        p.put("f", pickle.dumps(value, protocol))
        if "no change" not in p.run("set", "f", ".when=datetime.date(2024, 1, 2)").out:
            raise Failed("the same date is a change")
        p.run("set", "f", ".when=datetime.date(2025, 1, 2)", f"[{key!r}][0]=Decimal('1.20')",
              ".od=deque([1], maxlen=3)").expect(0)
        now = pickle.loads(p.get("f"))
        same(now, {"when": datetime.date(2025, 1, 2), key: [decimal.Decimal("1.20")],
                   "od": collections.deque([1], 3)}, f"p{protocol}")
        same(repr(now[key]), "[Decimal('1.20')]")
    p.run("show", "f", f"[{key!r}][0]").expect(0, "Decimal('1.20')\n")
    p.run("set", "f", ".when=datetime.date(2025, 13, 2)").expect(2, "", "a month is from 1 to 12")
    p.run("set", "f", ".when=os.system('ls')").expect(2, "", "os.system cannot be written here")


def test_diff(p: Place):
    value = {"a": 1, "b": [1, 2, 3], "c": datetime.date(2024, 1, 2)}
    p.put("f", pickle.dumps(value))
    p.put("same", pickle.dumps(value, 2))
    value = {"a": 1, "b": [1, 3, 4], "c": datetime.date(2024, 1, 3), "it's": None}
    p.put("g", pickle.dumps(value))
    p.run("diff", "f", "same").expect(0, "", "")
    p.run("diff", "f", "f", "--bytes").expect(0, "", "")
    p.run("diff", "f", "g").expect(1, "['b'][1]  2 \u2192 (gone)\n['b'][2]  (new) \u2192 4\n"
                                      "['c']  datetime.date(2024, 1, 2) \u2192 "
                                      "datetime.date(2024, 1, 3)\n"
                                      "[\"it's\"]  (new) \u2192 None\n")
    same(json.loads(p.run("diff", "--json", "f", "g").expect(1).out)[0],
         {"path": "['b'][1]", "change": "removed", "old": 2})
    same(json.loads(p.run("diff", "--json", "f", "same").expect(0).out), [])
    same(len(json.loads(p.run("diff", "--json", "--bytes", "f", "g").expect(1).out)) > 1, True)
    same(p.run("diff", "-", "g", stdin=p.get("f")).expect(1).out,
         p.run("diff", "f", "g").out)
    p.run("diff", "-", "-").expect(2, "", "one of them")
    p.run("diff", "f", "nothing").expect(3, "", "nothing")
    p.put("broken", pickle.dumps(value)[:-5])
    p.run("diff", "f", "broken").expect(6, "", "broken")
    p.run("diff", "f").expect(2, "", "too few")


def test_set_many_is_one(p: Place):
    p.put("f", BYTES)
    p.run("set", "f", ".age=31", ".nobody=1").expect(3, "", "nobody")
    same(p.get("f"), BYTES)
    p.run("set", "f", ".age=31", ".age=32").expect(2, "", "the same place")
    p.run("set", "f", ".age=31", "['age']=32").expect(2, "", "the same place")
    p.run("set", "f", ".age=31", ".name=").expect(2, "")
    same(p.get("f"), BYTES)
    same(p.history(), [])


def test_set_inside(p: Place):
    data = p.put("f", pickle.dumps({"a": {"b": [1, 2]}})) and p.get("f")
    p.run("set", "f", ".a=1", ".a.b=2").expect(2, "", "lies inside")
    p.run("set", "f", ".a.b[0]=1", ".a=2").expect(2, "", "lies inside")
    same(p.get("f"), data)
    p.run("set", "f", ".a.b[0]=5", ".a.b[1]=6").expect(0)
    same(pickle.loads(p.get("f")), {"a": {"b": [5, 6]}})


def test_set_shared(p: Place):
    text = "".join(["sha", "red"])
    record = {"c": 1, "l": [1, 2]}
    p.run("set", "--here", "--everywhere", "f", ".x=1").expect(2, "", "exclude")
    p.run("show", "--here", "f").expect(2, "", "not an option of show")
    for protocol in range(6):
        def put(value):
            p.put("f", pickle.dumps(value, protocol))

        def now():
            return pickle.loads(p.get("f"))

        put({"x": record, "y": record})
        p.run("set", "f", ".y.c=2").expect(0, None, "at several places")
        same(now(), {"x": {"c": 2, "l": [1, 2]}, "y": {"c": 2, "l": [1, 2]}})
        there = now()
        same(there["x"] is there["y"], True)
        put({"x": record, "y": record})
        p.run("set", "f", ".x.c=2", "--here").expect(0, None)
        there = now()
        same(there, {"x": {"c": 2, "l": [1, 2]}, "y": record})
        same(there["x"]["l"] is there["y"]["l"], True, "beside the way it is still shared")
        put({"x": record, "y": record})
        p.run("set", "f", ".x.l[0]=5", ".y.c=7", ".x.c=8", "--here").expect(0)
        same(now(), {"x": {"c": 8, "l": [5, 2]}, "y": {"c": 7, "l": [1, 2]}})
        put([text, {"k": text, text: (text, 1)}])
        p.run("set", "f", "[0]='mine'").expect(0)                   # here
        same(now(), ["mine", {"k": text, text: (text, 1)}])
        put([text, {"k": text, text: (text, 1)}])
        p.run("set", "f", "[1].k='ours'", "--everywhere").expect(0)
        same(now(), ["ours", {"k": "ours", text: ("ours", 1)}])
        put([text, text, 5])
        data = p.get("f")
        p.run("set", "f", "[0]=1", "[1]=2", "--everywhere").expect(2, "", "the same place")
        p.run("set", "f", "[0]=1", "[0]=2", "--here").expect(2, "", "the same place")
        same(p.get("f"), data)
        put({"x": record, "y": record})
        report = json.loads(p.run("set", "--json", "f", ".y.c=2", "--here").expect(0).out)
        same([(c["path"], c["old"], c["new"]) for c in report["changes"]],
             [("['y']", record, {"c": 2, "l": [1, 2]}), ("['y']['c']", 1, 2)])


def test_add(p: Place):
    for protocol in range(6):
        value = {"l": [1, 2, 3], "t": (1,), "s": {1}, "o": collections.OrderedDict(a=1)}
        p.put("f", pickle.dumps(value, protocol))
        p.run("add", "f", ".l[]=4", ".l[0]=0", ".l[2]=1.5", ".l[]=5", ".new={'x': []}", "[7]=8",
              ".t[]='x'", ".s[]=2", ".o['b']=2").expect(0)
        same(pickle.loads(p.get("f")), {"l": [0, 1, 2, 1.5, 3, 4, 5], "t": (1, "x"), "s": {1, 2},
                                        "o": collections.OrderedDict(a=1, b=2), "new": {"x": []},
                                        7: 8}, f"p{protocol}")
    data = p.get("f")
    p.run("add", "f", ".l=1").expect(7, "", "already")
    p.run("add", "f", ".nobody.x=1").expect(3, "", "nobody")
    p.run("add", "f", ".l[9]=1").expect(3, "", "index 9")
    p.run("add", "f", ".l[1]=1", ".l[1]=2").expect(2, "", "the same place")
    p.run("add", "f", "=1").expect(2, "", "whole")
    p.run("add", "f", "[]=1").expect(2)
    p.run("add", "f", "[[1]]=1").expect(2, "", "key")
    p.run("add", "f", ".y=1", ".l=1").expect(7)                     # one save or none
    same(p.get("f"), data)
    p.run("set", "f", ".l[]=1").expect(2, "", "add")


def test_del(p: Place):
    value = {"a": 1, "l": [1, 2, 3, 4, 5], "d": {"x": 1, "y": [2]}, "o": JOHN}
    for protocol in range(6):
        p.put("f", pickle.dumps(value, protocol))
        p.run("del", "f", ".l[1]", ".l[-1]", ".l[0]", ".a", ".d.x", "['o'].age").expect(0)
        same(pickle.loads(p.get("f")), {"l": [3, 4], "d": {"y": [2]},
                                        "o": {"name": "John", "city": "New York"}}, f"p{protocol}")
    data = p.get("f")
    p.run("del", "f", ".nobody").expect(3, "", "nobody")
    p.run("del", "f", "@0").expect(7)
    p.run("del", "f", ".l[0]", ".l").expect(2, "", "lies inside")
    p.run("del", "f", ".l", ".l").expect(2, "", "the same place")
    same(p.get("f"), data)
    done = p.run("del", "--dry-run", "f", ".l[0]").expect(0)
    if "['l'][0]  3 \u2192 (deleted)" not in done.out:
        raise Failed(f"{done}")
    same(p.get("f"), data)
    report = json.loads(p.run("del", "--json", "f", ".d").expect(0).out)
    same([(c["path"], c["what"], c["old"], "new" in c) for c in report["changes"]],
         [("['d']", "deleted", {"y": [2]}, False)])


def test_rename(p: Place):
    for protocol in range(6):
        p.put("f", pickle.dumps(JOHN, protocol))
        p.run("rename", "f", ".age", "'years'").expect(0)
        same(list(pickle.loads(p.get("f")).items()),
             [("name", "John"), ("years", 30), ("city", "New York")], f"p{protocol}")
        p.run("rename", "f", ".years", "(1, None)").expect(0)
        same(list(pickle.loads(p.get("f"))), ["name", (1, None), "city"])
    data = p.get("f")
    p.run("rename", "f", ".name", "'city'").expect(7, "", "already")
    p.run("rename", "f", ".name", "[1]").expect(2, "", "key")
    p.run("rename", "f", ".name", "'x").expect(2, "", "at byte")
    p.run("rename", "f", ".nobody", "'x'").expect(3)
    p.run("rename", "f", ".name").expect(2)
    same(p.get("f"), data)
    report = json.loads(p.run("rename", "--json", "f", ".name", "'n'").expect(0).out)
    same([(c["path"], c["what"], c["key"]) for c in report["changes"]],
         [("['name']", "renamed", "n")])


def test_edits_of_shared(p: Place):
    record = {"c": 1, "l": [1, 2]}
    p.put("f", pickle.dumps({"x": record, "y": record}))
    p.run("add", "f", ".x.new=1", ".y.l[]=3", "--here").expect(0)
    same(pickle.loads(p.get("f")), {"x": {"c": 1, "l": [1, 2], "new": 1},
                                    "y": {"c": 1, "l": [1, 2, 3]}})
    p.put("f", pickle.dumps({"x": record, "y": record}))
    p.run("del", "f", ".x.l[0]", ".x.l[1]", "--here").expect(0)
    same(pickle.loads(p.get("f")), {"x": {"c": 1, "l": []}, "y": record})
    p.put("f", pickle.dumps({"x": record, "y": record}))
    p.run("del", "f", ".x.l[0]").expect(0)
    same(pickle.loads(p.get("f")), {"x": {"c": 1, "l": [2]}, "y": {"c": 1, "l": [2]}})


def test_edits_side_by_side(p: Place):
    """What names the same place, or one inside of another, and what only looks so."""
    shared = [1, 2]
    data = pickle.dumps({"a": shared, "b": shared, "c": {"l": shared}, "ab": 5, "l": [1, [2], 3]})
    p.put("f", data)
    for edits, words in [([".l[1]=1", ".l[1][0]=2"], "lies inside of"),
                         ([".l[1]=1", "['l'][-2]=2"], "name the same place"),
                         (["=1", ".a=2"], "lies inside of"),
                         ([".a[0]=1", ".b[0]=2"], "name the same place"),
                         (["--everywhere", ".a=1", ".b=2"], "name the same place"),
                         (["--everywhere", ".a=1", ".c.l[0]=2"], "lies inside of"),
                         (["--here", ".a=1", ".a[0]=2"], "lies inside of")]:
        p.run("set", "f", *edits).expect(2, "", words)
    for edits in [[".a=1", ".ab=2"], [".l[1]=1", ".l[2]=2"], [".a=1", ".b[0]=2"],
                  ["--here", ".a[0]=1", ".b[0]=2"], ["--here", ".a=1", ".b[0]=2"]]:
        p.run("set", "-n", "f", *edits).expect(0, None, "")
    same(p.get("f"), data)
    # Of what comes and goes it is the container that may stand in several places.
    p.run("del", "--everywhere", "f", ".a", ".b").expect(0)
    same(pickle.loads(p.get("f")), {"c": {"l": shared}, "ab": 5, "l": [1, [2], 3]})
    for option, there in (("--everywhere", [2]), ("--here", shared)):
        p.put("f", data)
        p.run("del", option, "f", ".c.l[0]").expect(0)
        same([pickle.loads(p.get("f"))[k] for k in "abc"], [there, there, {"l": [2]}], option)


def test_class_names(p: Place):
    def shown():
        return p.run("show", "--repr", "f").expect(0).out

    for protocol in (b"\x80\x02", b"\x80\x04"):
        data = protocol + b"](cm\nC\nq\x00)\x81h\x00)\x81h\x00cm\nD\n)\x81cm\nC\ne."
        p.put("f", data)
        p.run("set", "f", "[1]@class='n.o.E'").expect(0)
        same(shown(), "[<m.C>, <n.o.E>, <global m.C>, <m.D>, <global m.C>]\n")
        p.put("f", data)
        p.run("set", "f", "[1]@class='n.o.E'", "--everywhere").expect(0)
        same(shown(), "[<n.o.E>, <n.o.E>, <global n.o.E>, <m.D>, <global n.o.E>]\n")
        p.run("set", "f", "[1]@class='E'").expect(2, "", "module.Name")
        p.run("set", "f", "[1]@class=5").expect(2, "", "module.Name")


Pair = collections.namedtuple("Pair", "a b")


class Listed(list):
    pass


def test_objects_of_old_protocols(p: Place):
    """copyreg._reconstructor(class, base, state): its class and base are not just any value."""
    for protocol in (0, 1):
        data = pickle.dumps([Pair(1, 2), Pair(3, 4), Listed([5])], protocol)
        p.put("f", data)
        for edit, words in [("[0]@args[0]=5", "set by @class"), ("[0]@args[1]=5", "this type"),
                            ("[0]@args[2]=5", "made from a tuple"), ("[0]@args=(7, 8)", "@class"),
                            ("[0]@args[0]='x.Y'", "set by @class"), ("[0]@class=5", "by its name")]:
            if p.run("set", "f", edit).status not in (2, 7) or words not in p.run("set", "f",
                                                                               edit).err:
                raise Failed(f"{edit}: {p.run('set', 'f', edit)}")
        p.run("del", "f", "[0]@args[1]").expect(7, "", "none of them can")
        p.run("add", "f", "[0]@args[]=1").expect(7, "", "none of them can")
        for path in ("[0][0]", "[0].a", "[2][0]"):
            p.run("set", "f", path + "=5").expect(3, "", "stands at its @args[2]")
        same(p.get("f"), data)
        p.run("set", "f", "[0]@args[2][1]=7", "[1]@args[2]=(8, 9)", "[2]@args[2]=[6]").expect(0)
        same(pickle.loads(p.get("f")), [Pair(1, 7), Pair(8, 9), Listed([6])])
        p.put("f", data)
        p.run("set", "f", "[0]@class='collections.Other'").expect(0)
        out = p.run("show", "--repr", "f").expect(0).out
        same((out.count("<global collections.Other>"), out.count("Pair>")), (1, 1))
        p.run("set", "f", f"[0]@class='{__name__}.Pair'").expect(0)
        same(pickle.loads(p.get("f")), [Pair(1, 2), Pair(3, 4), Listed([5])])
        p.run("set", "f", "[0]@class='collections.Other'", "--everywhere").expect(0)
        same(p.run("show", "--repr", "f").expect(0).out.count("<global collections.Other>"), 2)


class Keyed(dict):
    pass


class Whole(int):
    pass


class Named(str):
    pass


class Several(tuple):
    pass


def test_diff_of_protocols(p: Place):
    """One value is the same however a protocol writes it; what differs is found through both."""
    listed = Listed([1, [2]])
    listed.attribute = 1
    same_ones = [listed, Listed(), Keyed(a=[1]), Whole(5), Named("x"), Several((1, 2)),
                 Several(((1, 2),)), Pair(1, [2]), [Pair(1, 2), {"k": Whole(5)}]]
    for value in same_ones:
        for a in range(6):
            for b in (0, 2, 4):
                p.put("a", pickle.dumps(value, a))
                p.put("b", pickle.dumps(value, b))
                p.run("diff", "a", "b").expect(0, "")
    for old, new, path, back in [
            (Pair(1, 2), Pair(1, 3), "@args[2][1]", "@args[1]"),
            (Listed([1, 2]), Listed([1, 3]), "@args[2][1]", "[1]"),
            (Keyed(a=1), Keyed(a=2), "@args[2]['a']", "['a']"),
            (Whole(5), Whole(6), "@args[2]", "@args[0]"),
            (Several((1, 2)), Several((1, 3)), "@args[2][1]", "@args[0][1]")]:
        p.put("a", pickle.dumps(old, 0))
        p.put("b", pickle.dumps(new, 4))
        for files, where in ((("a", "b"), path), (("b", "a"), back)):
            rows = p.run("diff", *files).expect(1).out.splitlines()
            same([row.split()[0] for row in rows], [where])
    p.put("a", pickle.dumps(Listed([1]), 0))
    p.put("b", pickle.dumps(Keyed(a=1), 4))
    p.run("diff", "a", "b").expect(1)


def test_set_grammar(p: Place):
    p.put("f", BYTES)
    for edit in (".age", ".age=", ".age=[1", ".age=open('x')", "[age]=1", ".age=31 32"):
        done = p.run("set", "f", edit).expect(2, "")
        if "at byte" not in done.err:
            raise Failed(f"it does not say where: {done}")
    same(p.get("f"), BYTES)


def test_set_from_file(p: Place):
    p.put("f", BYTES)
    p.put("value", b"31\n")
    p.run("set", "f", ".age=@value").expect(0)
    same(pickle.loads(p.get("f"))["age"], 31)
    p.run("set", "f", ".age=@-", stdin=b" 32 \n").expect(0)
    same(pickle.loads(p.get("f"))["age"], 32)
    p.run("set", "f", ".age=@nothing").expect(3, "", "nothing")
    p.put("value", b"1 +")
    p.run("set", "f", ".age=@value").expect(2, "", "value")
    p.run("set", "f", ".age=@-", ".name=@-", stdin=b"1").expect(2, "", "once")
    p.run("set", "-", ".age=@-", "-o", "x", stdin=b"1").expect(2, "", "once")
    same(pickle.loads(p.get("f"))["age"], 32)


def test_set_nothing(p: Place):
    p.put("f", BYTES)
    before = os.stat(p.path("f"))
    done = p.run("set", "f", ".age=30").expect(0)
    if "no change" not in done.out or "saved" in done.out:
        raise Failed(f"{done}")
    after = os.stat(p.path("f"))
    same((before.st_ino, before.st_mtime_ns), (after.st_ino, after.st_mtime_ns), "the file")
    same(p.history(), [])


def test_dry_run(p: Place):
    p.put("f", BYTES)
    before = os.stat(p.path("f"))
    done = p.run("set", "--dry-run", "f", ".age=31").expect(0)
    if "30 → 31" not in done.out or "saved" in done.out:
        raise Failed(f"{done}")
    p.run("set", "--dry-run", "--read-only", "f", ".age=31").expect(0)
    p.run("set", "-n", "-", ".age=31", stdin=BYTES).expect(0)
    same(p.get("f"), BYTES)
    same(os.stat(p.path("f")).st_ino, before.st_ino)
    same(p.history(), [])
    same(os.listdir(p.work), ["f"])


def test_output(p: Place):
    p.put("f", BYTES)
    p.run("set", "f", ".age=31", "--output", "new").expect(0)
    same(p.get("f"), BYTES)
    same(pickle.loads(p.get("new"))["age"], 31)
    p.put("old", b"before")
    os.chmod(p.path("old"), 0o600)
    p.run("set", "f", ".age=32", "-oold").expect(0)
    same(pickle.loads(p.get("old"))["age"], 32)
    same(stat.S_IMODE(os.stat(p.path("old")).st_mode), 0o600, "mode of what was there")
    if b"before" not in p.history():
        raise Failed("what was there was not kept")
    done = p.run("set", "f", ".age=33", "-o", "-").expect(0)
    same(pickle.loads(done.raw)["age"], 33)
    if "30 → 33" not in done.err:
        raise Failed(f"{done}")
    same(pickle.loads(p.run("set", "-", ".age=34", "-o-", stdin=BYTES).expect(0).raw)["age"], 34)
    p.run("set", "-", ".age=34", "-o", "from", stdin=BYTES).expect(0)
    same(pickle.loads(p.get("from"))["age"], 34)
    p.run("set", "-", ".age=34", stdin=BYTES).expect(2, "", "--output")
    p.run("set", "f", ".age=30", "-o", "copy").expect(0)
    same(p.get("copy"), BYTES, "nothing changed, so the copy")
    p.run("set", "f", ".age=31", "-o", "no/where").expect(3, "")
    os.mkdir(p.path("folder"))
    p.run("set", "f", ".age=31", "-o", "folder").expect(2, "")


def test_output_to_a_stream(p: Place):
    """Standard output, a pipe, a device: what is there is written to, and the report beside it."""
    p.put("f", BYTES)
    done = p.run("set", "f", ".age=33", "-o", "-", "--json").expect(0)
    same(pickle.loads(done.raw)["age"], 33)
    same(done.raw[-1:], b".", "nothing follows the pickle")
    same(json.loads(done.err)["changes"], [{"path": "['age']", "old": 30, "new": 33}])
    done = p.run("set", "f", ".age=33", "-o", "/dev/stdout").expect(0, None, "30 → 33")
    same(pickle.loads(done.raw)["age"], 33)
    same(done.raw[-1:], b".")
    report = json.loads(p.run("set", "f", ".age=33", "-o", "/dev/null", "--json").expect(0).out)
    same((report["output"], report["written"]), ("/dev/null", False))
    same(stat.S_ISCHR(os.stat("/dev/null").st_mode), True, "the device is still there")
    p.run("set", "f", ".age=33", "-o", "/dev/full").expect(7, "", "No space left")
    os.mkfifo(p.path("pipe"))
    p.run("set", "f", ".age=33", "-o", "pipe").expect(7, "", "nobody reads")
    reader = os.open(p.path("pipe"), os.O_RDONLY | os.O_NONBLOCK)
    try:
        p.run("del", "f", ".age", "-o", "pipe").expect(0, None)
        same(pickle.loads(os.read(reader, 4096)), {"name": "John", "city": "New York"})
    finally:
        os.close(reader)
    same(stat.S_ISFIFO(os.stat(p.path("pipe")).st_mode), True, "the pipe is still there")
    p.run("set", "f", ".age=33", "-o", "/dev/null", "--read-only").expect(7, "", "--read-only")
    same((p.get("f"), p.history()), (BYTES, []))


def test_read_only_file(p: Place):
    p.put("f", BYTES)
    os.chmod(p.path("f"), 0o444)
    p.as_nobody("set", "f", ".age=31").expect(5, "", "Permission denied")
    same(p.get("f"), BYTES)
    same(stat.S_IMODE(os.stat(p.path("f")).st_mode), 0o444)


def stamp(p, name):
    done = p.run("ls", "-l", "--json", name).expect(0)
    return json.loads(done.out)["etag"]


def test_if_match(p: Place):
    p.put("f", BYTES)
    old = stamp(p, "f")
    p.run("set", "f", ".age=31", "--if-match", old).expect(0)
    saved = p.get("f")
    p.run("set", "f", ".age=32", "--if-match", old).expect(4, "", "--if-match")
    p.run("set", "f", ".age=32", "--if-match", "nonsense").expect(4, "")
    p.run("set", "f", ".age=32", "--if-match", old, "-o", "x").expect(4, "")
    same(p.get("f"), saved)
    same(os.path.exists(p.path("x")), False)
    p.run("set", "f", ".age=32", "--if-match", f'"{stamp(p, "f")}"').expect(0)
    same(pickle.loads(p.get("f"))["age"], 32)


def test_stamp_of_ls_and_json(p: Place):
    p.put("f", BYTES)
    report = json.loads(p.run("set", "--json", "f", ".age=31").expect(0).out)
    same(report["etag"], stamp(p, "f"))
    columns = p.run("ls", "-l", "f").expect(0).out.split()
    same(columns[2], stamp(p, "f"), "of ls -l")
    p.run("set", "f", ".age=32", "--if-match", columns[2]).expect(0)


def test_set_json(p: Place):
    p.put("f", BYTES)
    report = json.loads(p.run("set", "--json", "f", ".age=31", ".name:=Ann").expect(0).out)
    same([(c["path"], c["old"], c["new"]) for c in report["changes"]],
         [("['name']", "John", "Ann"), ("['age']", 30, 31)])
    same((report["bytes_before"], report["bytes_after"]), (len(BYTES), len(p.get("f"))))
    same(report["written"], True)
    same(os.path.isfile(report["kept"]), True)
    report = json.loads(p.run("set", "--json", "-n", "f", ".age=32").expect(0).out)
    same(report["written"], False)


def test_read_only(p: Place):
    p.put("f", BYTES)
    p.run("set", "--read-only", "f", ".age=31").expect(7, "", "--read-only")
    p.run("cp", "--read-only", "f", "g").expect(7, "", "--read-only")
    done = p.run("set", "--read-only", "f", ".age=31", "-o", "-").expect(0)
    same(pickle.loads(done.raw)["age"], 31)
    same(os.listdir(p.work), ["f"])


def test_protected_places(p: Place):
    """read-only = PATTERN of the settings holds for every command that writes, by every way."""
    os.mkdir(p.path("prod"))
    os.mkdir(p.path("other"))
    p.put("prod/f", BYTES)
    p.put("other/f", BYTES)
    os.symlink("prod", p.path("link"))
    with open(p.path("other/settings"), "w", encoding="utf-8") as f:
        f.write(f"# mine\nsort = size\nread-only = {p.path('prod')}/*\nread-only = s3://prod-*\n")
    config = ("--config", p.path("other/settings"))
    words = (7, "", "the settings say that it is read-only")
    for place in ("prod/f", p.path("prod/f"), "./other/../prod/f", "link/f"):
        for args in (("set", place, ".age=31"), ("add", place, ".x=1"), ("del", place, ".age"),
                     ("rename", place, ".age", "'old'"), ("rm", place), ("mv", place, "other/g"),
                     ("cp", "other/f", place), ("mv", "other/f", place),
                     ("set", "other/f", ".age=31", "-o", place)):
            p.run(*args, *config).expect(*words)
    p.run("cp", "other/f", "link/new", *config).expect(*words)
    p.run("cp", "other/f", "prod/", *config).expect(*words)
    p.run("set", "s3://prod-eu/key", ".a=1", *config).expect(*words)
    same((os.listdir(p.path("prod")), p.get("prod/f"), p.get("other/f")), (["f"], BYTES, BYTES))
    p.run("set", "prod/f", ".age=31", "-n", *config).expect(0)
    p.run("set", "prod/f", ".age=31", "-o", "other/h", *config).expect(0)
    p.run("cp", "prod/f", "other/g", *config).expect(0)
    p.run("show", "prod/f", ".age", *config).expect(0)
    p.run("set", "other/f", ".age=31", *config).expect(0)
    # The usual place of the settings; those that cannot be read protect everything.
    folder = os.path.join(p.home, ".config", "pklbrowse")
    os.makedirs(folder)
    os.rename(p.path("other/settings"), os.path.join(folder, "config"))
    p.run("set", "prod/f", ".age=31").expect(*words)
    p.run("set", "other/f", ".age=32").expect(0)
    p.run("set", "other/f", ".age=33", *config).expect(3, "", "cannot read")
    # Those at the usual place: one may look, and is told.
    os.remove(os.path.join(folder, "config"))
    os.mkdir(os.path.join(folder, "config"))
    p.run("show", "other/f", ".age").expect(0, "32\n", "nothing is written")
    p.run("set", "other/f", ".age=33").expect(7, "", "read-only")


def test_symlink(p: Place):
    os.mkdir(p.path("real"))
    p.put("real/f", BYTES)
    os.symlink("real/f", p.path("link"))
    p.run("set", "link", ".age=31").expect(0)
    same(os.readlink(p.path("link")), "real/f", "the link")
    same(pickle.loads(p.get("real/f"))["age"], 31)
    same(os.listdir(p.path("real")), ["f"])


def test_unwritable_folder(p: Place):
    os.mkdir(p.path("d"))
    p.put("d/f", BYTES)
    os.chmod(p.path("d"), 0o555)
    try:
        p.as_nobody("set", "d/f", ".age=31").expect(5, "", "Permission denied")
        same(p.get("d/f"), BYTES)
    finally:
        os.chmod(p.path("d"), 0o755)


def test_state_that_cannot_be_written(p: Place):
    """Bytes that cannot be kept are not replaced."""
    p.put("f", BYTES)
    p.put("state", b"a file where a folder should be")
    done = p.run("set", "f", ".age=31", env={"XDG_STATE_HOME": p.path("state")})
    if done.status == 0 or p.get("f") != BYTES:
        raise Failed(f"{done}")


def test_concurrent(p: Place):
    """Two writers: one of them is refused, or they come one after the other; none is lost."""
    p.put("f", pickle.dumps({"a": 0, "b": 0}))
    for i in range(1, 6):
        both = [p.start("set", "f", f".{k}={i}", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                for k in "ab"]
        said = [w.communicate(timeout=60)[1] for w in both]
        done = [w.returncode for w in both]
        if any(s not in (0, 4) for s in done) or 0 not in done:
            raise Failed(f"statuses {done}: {said}")
        value = pickle.loads(p.get("f"))
        for key, status in zip("ab", done):
            if status == 0:
                same(value[key], i, f"what {key}'s writer was told is saved")
            else:
                p.run("set", "f", f".{key}={i}").expect(0)


def test_objects(p: Place):
    value = collections.OrderedDict(a=[1, 2], b=2)
    p.put("f", pickle.dumps(value))
    p.run("set", "f", ".b=3").expect(0)
    same(pickle.loads(p.get("f")), collections.OrderedDict(a=[1, 2], b=3))


def test_shared(p: Place):
    word = "twice".upper()
    p.put("f", pickle.dumps([word, word, [word]]))
    p.run("set", "f", "[0]='once'").expect(0)
    same(pickle.loads(p.get("f")), ["once", "TWICE", ["TWICE"]])
    p.run("set", "f", "[2][0]=7").expect(0)
    same(pickle.loads(p.get("f")), ["once", "TWICE", [7]])


# ----------------------------------------------------------------------------------------- ls

def test_ls(p: Place):
    os.mkdir(p.path("sub"))
    p.put("sub/x", b"1")
    p.put("b.pkl", BYTES)
    p.put("a b?%#.pkl", b"")
    same(sorted(p.run("ls", ".").expect(0).out.split("\n")), ["", "a b?%#.pkl", "b.pkl", "sub/"])
    same(sorted(p.run("ls", "-r", p.work).expect(0).out.split("\n")),
         ["", "a b?%#.pkl", "b.pkl", "sub/x"])
    p.run("ls", "sub").expect(0, "x\n")
    p.run("ls", "b.pkl").expect(0, "b.pkl\n")
    os.mkdir(p.path("empty"))
    p.run("ls", "empty").expect(0, "")


def test_ls_long(p: Place):
    os.utime(p.put("f", BYTES), (0, 1600000000))
    size, when, etag, version, name = p.run("ls", "-l", "f").expect(0).out.split()
    same((size, when, version, name), (str(len(BYTES)), "2020-09-13T12:26:40Z", "-", "f"))
    row = json.loads(p.run("ls", "--json", ".").expect(0).out)
    same((row["kind"], row["size"], row["time"], row["etag"], row["location"]),
         ("object", len(BYTES), when, etag, p.path("f")))


def test_ls_odd_names(p: Place):
    names = [b"\xff\xfe", "작업결과".encode(), b"new\nline", b"\x1b[2J", "\u202etxt".encode(), b"-l"]
    for name in names:
        with open(os.path.join(p.work.encode(), name), "wb") as f:
            f.write(BYTES)
    out = p.run("ls", ".").expect(0).raw
    same(out.count(b"\n"), len(names), "one line each")
    if b"\x1b" in out or "\u202e".encode() in out or b"\xff" in out:
        raise Failed(f"{out!r}")
    rows = [json.loads(line) for line in p.run("ls", "--json", ".").expect(0).out.split("\n")[:-1]]
    whole = sorted(os.path.join(p.work.encode(), n) for n in names)
    same(sorted(os.fsencode(r["location"]) for r in rows), whole, "names in JSON")
    for row in rows:
        p.run("show", "--repr", os.fsencode(row["location"]), ".age").expect(0, "30\n")


def test_ls_many(p: Place):
    for i in range(3000):
        with open(p.path(f"{i:05d}"), "wb"):
            pass
    same(p.run("ls", ".").expect(0).out.split(), [f"{i:05d}" for i in range(3000)])


def test_demo(p: Place):
    names = p.run("--demo", "ls").expect(0).out.split("\n")
    if "my-bucket/" not in names:
        raise Failed(f"{names}")
    same([n for n in os.listdir(p.folder) if "demo" in n], [], "copies left behind")


# ----------------------------------------------------------------------------------------- cp

def test_cp(p: Place):
    os.chmod(p.put("f", BYTES), 0o640)
    p.run("cp", "f", "g").expect(0, "")
    same(p.get("g"), BYTES)
    same(stat.S_IMODE(os.stat(p.path("g")).st_mode), 0o640)
    os.mkdir(p.path("d"))
    p.run("cp", "f", "d").expect(0)
    p.run("cp", "g", "d/").expect(0)
    same(sorted(os.listdir(p.path("d"))), ["f", "g"])
    p.run("cp", "-", "new", stdin=b"bytes").expect(0)
    same(p.get("new"), b"bytes")
    same(p.run("cp", "new", "-").expect(0).raw, b"bytes")
    same(p.run("cp", "-", "-", stdin=b"through").expect(0).raw, b"through")
    p.run("cp", "-", "d", stdin=b"x").expect(2, "", "name")
    p.run("cp", "f", "f").expect(2, "", "itself")
    os.link(p.path("f"), p.path("hard"))
    p.run("cp", "f", "hard").expect(2, "", "itself")
    p.run("cp", "f", "no/where").expect(3, "")


def test_cp_replaces(p: Place):
    p.put("f", BYTES)
    os.chmod(p.put("g", b"what was there"), 0o600)
    p.run("cp", "f", "g").expect(0)
    same(p.get("g"), BYTES)
    same(stat.S_IMODE(os.stat(p.path("g")).st_mode), 0o600, "mode of what was there")
    if b"what was there" not in p.history():
        raise Failed("what was there was not kept")


def test_cp_big(p: Place):
    data = os.urandom(1 << 20) * 20
    p.put("f", data)
    p.run("cp", "f", "g").expect(0)
    same(p.get("g") == data, True)
    same(p.run("cp", "f", "-").expect(0).raw == data, True)
    p.run("cp", "-", "h", stdin=data).expect(0)
    same(p.get("h") == data, True)


# -------------------------------------------------------------------------- how output can end

def test_reader_gone(p: Place):
    p.put("f", pickle.dumps(list(range(500000))))
    for args in (["show", "f"], ["show", "--tree", "f"], ["cp", "f", "-"], ["show", "--json", "f"]):
        w = p.start(*args, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        w.stdout.read(10)
        w.stdout.close()
        err = w.stderr.read()
        w.stderr.close()
        same((w.wait(60), err), (141, b""), f"{args}")


def test_full_disk(p: Place):
    p.put("f", BYTES)
    for args in (["show", "f"], ["ls", "."], ["cp", "f", "-"], ["--help"],
                 ["set", "-n", "f", ".age=1"]):
        with open("/dev/full", "wb") as full:
            p.run(*args, stdout=full).expect(7, "", "standard output")


def test_interrupt(p: Place):
    """^C while waiting for input, and while writing what nobody reads."""
    w = p.start("show", "-", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    w.stdin.write(BYTES[:5])
    w.stdin.flush()
    wait_until_waiting(w)
    w.send_signal(signal.SIGINT)
    same(w.wait(60), 130)
    w = p.start("cp", "-", "half", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE)
    w.stdin.write(b"x" * 100000)
    w.stdin.flush()
    wait_until_waiting(w)
    w.send_signal(signal.SIGTERM)
    same(w.wait(60), 130)
    same(os.path.exists(p.path("half")), False, "something half written")


def test_log_file(p: Place):
    p.put("f", BYTES)
    p.run("--log-file", "log", "show", "f").expect(0)
    same(stat.S_IMODE(os.stat(p.path("log")).st_mode), 0o600)
    p.run("--log-file", "no/where", "show", "f").expect(3, "")


def test_ints_at_the_limit(p: Place):
    """Of those with as many bits some have 4,300 digits and some one more, which Python refuses."""
    for value in (10**4300 - 1, 10**4300, -(10**4300), 2**14285 - 1, 2**14285):
        p.put("f", pickle.dumps([value, 1], 4))
        shown = hex(value) if abs(value) >= 10**4300 else "9" * 4300
        same(p.run("show", "--repr", "f").expect(0).out, f"[{shown}, 1]\n")
        p.run("dis", "f").expect(0)
        p.run("set", "f", "[0]=1").expect(0)
        same(pickle.loads(p.get("f")), [1, 1])


def test_history_mode(p: Place):
    """What is removed comes back with its mode."""
    for mode in (0o644, 0o600, 0o750):
        p.put("f", pickle.dumps([mode], 4))
        os.chmod(p.path("f"), mode)
        p.run("rm", "f").expect(0)
        entry = json.loads(p.run("history", "--json", "f").expect(0).out.splitlines()[0])
        p.run("history", "--restore", entry["id"]).expect(0)
        same(os.stat(p.path("f")).st_mode & 0o7777, mode)
        same(pickle.loads(p.get("f")), [mode])


def test_files_of_archives(p: Place):
    """They are no objects of their own: what takes whole objects says so."""
    with zipfile.ZipFile(p.path("a.zip"), "w") as z:
        z.writestr("b.pkl", pickle.dumps([1]))
    for args in (("cp", "a.zip!/b.pkl", "c"), ("mv", "a.zip!/b.pkl", "c"), ("rm", "a.zip!/b.pkl")):
        p.run(*args).expect(3, "", "a file of an archive is shown and edited, but not")


def test_add_to_known_types(p: Place):
    """What Python gives no append() or [] gets no items or keys; what has them does."""
    for value in (decimal.Decimal(1), datetime.date(2024, 1, 2), uuid.UUID(int=5), 1j):
        for edit in ("[0][]=4", "[0]['k']=4"):
            p.put("f", pickle.dumps([value], 4))
            p.run("add", "f", edit).expect(7, "", "takes no")
    for value, edit, want in (
        (collections.deque(), "[0][]=4", collections.deque([4])),
        (collections.OrderedDict(), "[0]['k']=4", collections.OrderedDict(k=4)),
        (collections.Counter(), "[0]['k']=4", collections.Counter(k=4)),
    ):
        p.put("f", pickle.dumps([value], 4))
        p.run("add", "f", edit).expect(0)
        same(pickle.loads(p.get("f")), [want])


def test_other_stores(p: Place):
    p.run("show", "https://h/k").expect(7, "", "not supported")


def test_locale(p: Place):
    p.put("f", pickle.dumps({"ключ": "значение"}))
    for locale in ("C", "POSIX", "C.UTF-8"):
        out = p.run("show", "--repr", "f", env={"LC_ALL": locale}).expect(0).out
        same(out, "{'ключ': 'значение'}\n", locale)
    same(p.run("show", "--ascii", "--repr", "f").expect(0).out, ascii({"ключ": "значение"}) + "\n")
    p.run("set", "--ascii", "f", "['ключ']=1").expect(0)


TESTS = [test for name, test in list(globals().items()) if name.startswith("test_")]
sys.exit(run_all(TESTS))
