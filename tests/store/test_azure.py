#!/usr/bin/python3
"""Azure Blob Storage against Azurite: what every store does, and what only this one does."""
import base64
import hashlib
import json
import os
import pickle
import sys
import time
import urllib.error
import urllib.request

from azure_rig import NoServer, Rig, azurite
from behaviours import BEHAVIOURS
from rig import run_table

MIB = 1 << 20


def xml_answer(text):
    return f"'body=<?xml version=\"1.0\" encoding=\"utf-8\"?>{text}'"


# ---------------------------------------------------------------------------- listing


def containers(rig):
    account = rig.env["ACCOUNT"]
    assert rig.names("buckets") == [account]
    assert rig.bucket in rig.names("list", account, "")
    rig.make("another")
    have = rig.names("list", account, "", "--max", 1)
    assert f"{account}/another" in have and rig.bucket in have
    rig.error("wrong usage", "no storage account is named", "buckets",
              env={"AZURE_STORAGE_CONNECTION_STRING": None})
    rig.error("wrong usage", "container is missing", "head", account, "k")
    rig.error("wrong usage", "not the name of a container", "list", f"{account}/a/b", "")
    rig.error("wrong usage", "not the name of a storage account", "list", "a.evil.example/c", "")


def paging(rig):
    keys = sorted(f"many/{i * 7 % 60:04d}" for i in range(60))
    for key in keys:
        rig.put(key, b"")
    assert rig.names("list", rig.bucket, "many/", "--max", 7) == keys
    lines = rig.ok("list", rig.bucket, "many/", "--recursive", "--max", 7, "--pages", 3)
    assert [line["page"] for line in lines if "page" in line] == [7, 7, 7]
    assert rig.names("list", rig.bucket, "many/", "--start-after", "many/0057") == keys[58:]
    assert rig.names("list", rig.bucket, "none/") == []
    # A page with a marker and nothing else; then the same marker again and again.
    empty = "<EnumerationResults><Blobs/><NextMarker>{}</NextMarker></EnumerationResults>"
    rig.proxy.rule("n=1 do=answer status=200 " + xml_answer(empty.format("m1")))
    assert rig.names("list", rig.bucket, "many/", through=rig.proxy, env={}) != []
    assert "marker=m1" in rig.proxy.heads[1].target
    rig.proxy.clear()
    rig.proxy.rule("do=answer status=200 " + xml_answer(empty.format("m1")))
    rig.error("server error", "again and again", "list", rig.bucket, "", through=rig.proxy)


def encoded_names(rig):
    """A name that XML cannot hold comes percent-encoded, and says so."""
    page = ("<EnumerationResults><Blobs>"
            "<BlobPrefix><Name Encoded=\"true\">p%08%25/</Name></BlobPrefix>"
            "<Blob><Name Encoded=\"true\">p%EF%BF%BE%2Bx</Name><Properties><Content-Length>5"
            "</Content-Length><Etag>0x1</Etag><AccessTier>Cool</AccessTier></Properties></Blob>"
            "<Blob><Name>p%20+</Name><Properties/></Blob>"
            "</Blobs><NextMarker/></EnumerationResults>").replace('"', '\\"')
    rig.proxy.rule(f'do=answer status=200 "body=\ufeff{page}"')
    lines = rig.ok("list", rig.bucket, "p", through=rig.proxy)
    have = [(line["kind"], line["name"], line["size"], line["class"]) for line in lines
            if "name" in line]
    assert have == [("prefix", "p%08%25/", 0, None), ("object", "p%EF%BF%BE%2Bx", 5, "Cool"),
                    ("object", "p%2520%2B", 0, None)], have
    for body, words in (("<EnumerationResults><Blobs>", "cut short"), ("<x/>", "no blob service"),
                        ("<EnumerationResults><NextMarker>\x08</NextMarker></EnumerationResults>",
                         "character that XML forbids")):
        rig.proxy.clear()
        rig.proxy.rule(f"do=answer status=200 {xml_answer(body)}")
        rig.error("server error", words, "list", rig.bucket, "", through=rig.proxy)


def snapshots(rig):
    rig.put("sn", b"one")
    first = rig.azure.call("PUT", rig.path("sn"), {"comp": "snapshot"}).headers["x-ms-snapshot"]
    rig.put("sn", b"two")
    rig.azure.call("PUT", rig.path("sn"), {"comp": "snapshot"})
    rig.put("sn", b"three")
    rows = [(line["version"], line["latest"]) for line in rig.ok("versions", rig.bucket, "sn")
            if "name" in line]
    assert rows[0] == ("current", True) and rows[2] == (f"snapshot:{first}", False), rows
    assert rig.fetch("sn", "--version", rows[2][0])[0] == b"one"
    assert rig.fetch("sn", "--version", rows[1][0])[0] == b"two"
    assert rig.fetch("sn", "--version", "current")[0] == b"three"
    rig.error("not permitted", "has snapshots", "rm", rig.bucket, "sn")
    rig.ok("rm", rig.bucket, "sn", "--version", rows[1][0])
    rig.ok("rm", rig.bucket, "sn", "--version", rows[2][0])
    rig.ok("rm", rig.bucket, "sn")
    assert rig.names("versions", rig.bucket, "sn") == []


def copies_carry_everything(rig):
    rig.put(
        "cc",
        b"N.",
        x__ms__blob__content__type="x/y",
        x__ms__tags="a=1%2B2&b=x",
        x__ms__meta__who="me",
        x__ms__access__tier="Cool",
    )
    rig.program("cp", f"az://{rig.bucket}/cc", f"az://{rig.bucket}/cc2")
    head = rig.head("cc2")
    assert head["content-type"] == "x/y" and head["x-ms-meta-who"] == "me"
    assert head["x-ms-access-tier"] == "Cool", head
    tags = rig.azure.call("GET", rig.path("cc"), {"comp": "tags"}).body
    assert rig.azure.call("GET", rig.path("cc2"), {"comp": "tags"}).body == tags
    assert "x-ms-copy-id" in head, "the service did not copy it"
    rig.azure.call("PUT", rig.path("cc"), {"comp": "snapshot"})
    version = [
        line["version"]
        for line in rig.ok("versions", rig.bucket, "cc")
        if str(line.get("version")).startswith("snapshot:")
    ][0]
    rig.put("cc", b"new")
    rig.program("cp", "--version-id", version, f"az://{rig.bucket}/cc", f"az://{rig.bucket}/cc")
    assert rig.get("cc") == b"N." and rig.head("cc")["x-ms-meta-who"] == "me"


# ------------------------------------------------------------------- reading, details


def properties(rig):
    rig.put("p", b"x", x__ms__blob__content__type="a/b", x__ms__blob__cache__control="no-store",
            x__ms__meta__who="me", x__ms__tags="k=v%20w&l=", x__ms__access__tier="Cool")
    head = rig.ok("head", rig.bucket, "p")[0]
    keep = {name.lower(): value for name, value in head["keep"].items()}
    assert keep == {"content-type": "a/b", "cache-control": "no-store", "x-ms-meta-who": "me",
                    "x-ms-access-tier": "Cool"}, keep
    assert head["tags"] == 2 and head["identity"]["size"] == 1
    assert head["shown"]["x-ms-blob-type"] == "BlockBlob"
    details = [line["value"] for line in rig.ok("details", rig.bucket, "p") if "value" in line]
    assert details == ["k = v w", "l = "], details


def broken_off(rig):
    """A transfer that breaks is continued, from the same blob."""
    body = os.urandom(300000)
    rig.put("b", body)
    rig.proxy.rule("method=GET n=1 do=cut at=100000")
    assert rig.fetch("b", through=rig.proxy)[0] == body
    second = rig.proxy.heads[1]
    assert second.header("Range") == "bytes=100000-" and second.header("If-Match")
    rig.proxy.clear()
    rig.proxy.rule(f"method=GET n=1 do=cut at=100000 run-after={rig.writer('b', body[::-1])}")
    rig.error("changed by someone else", "meanwhile", "get", rig.bucket, "b", rig.file(),
              through=rig.proxy)


def archived(rig):
    rig.put("ar", b"cold", x__ms__access__tier="Archive")
    told = rig.error("not supported", "rehydrated", "get", rig.bucket, "ar", rig.file())
    assert told["code"] == "BlobArchived"
    assert rig.ok("head", rig.bucket, "ar")[0]["shown"]["x-ms-access-tier"] == "Archive"


# --------------------------------------------------------------------------- writing


def everything_is_carried_over(rig):
    for size in (10, 9 * MIB):                  # in one piece, and in blocks
        kept = {"x-ms-blob-content-type": "a/b", "x-ms-blob-content-encoding": "x",
                "x-ms-blob-content-disposition": "attachment; filename=\"a b\"",
                "x-ms-blob-content-language": "ko", "x-ms-blob-cache-control": "no-store",
                "x-ms-meta-who_am": "me  two", "x-ms-meta-a1": "1", "x-ms-tags": "a=1%2B2&b=%20x",
                "x-ms-access-tier": "Cool"}
        rig.put("k", b"old", **{name.replace("-", "__"): v for name, v in kept.items()})
        tags = rig.azure.call("GET", rig.path("k"), {"comp": "tags"}).body
        body = os.urandom(size)
        rig.save("k", body)
        assert rig.get("k") == body
        now = rig.head("k")
        for name, value in kept.items():
            short = name.replace("x-ms-blob-", "")
            if name != "x-ms-tags":
                assert now[short] == value, (name, now)
        assert rig.azure.call("GET", rig.path("k"), {"comp": "tags"}).body == tags
        assert now["content-md5"] == base64.b64encode(hashlib.md5(body).digest()).decode()
    # A tier that nobody chose is not chosen by us.
    rig.put("k2", b"old")
    rig.save("k2", b"new", through=rig.proxy)
    writes = [head for head in rig.proxy.heads if head.method == "PUT"]
    assert len(writes) == 1 and writes[0].header("x-ms-access-tier") is None
    assert writes[0].header("If-Match") and writes[0].header("Content-MD5")


def tags_that_may_not_be_read(rig):
    rig.put("t", b"old", x__ms__tags="a=1")
    rig.proxy.rule("path=comp=tags do=answer status=403 set=x-ms-error-code:"
                   "AuthorizationPermissionMismatch")
    rig.save_error("not permitted", "may not read them", "t", b"new", through=rig.proxy)
    assert rig.get("t") == b"old"


def read_only_kinds(rig):
    rig.azure.call("PUT", rig.path("app"), None, {"x-ms-blob-type": "AppendBlob"})
    rig.azure.call("PUT", rig.path("page"), None, {"x-ms-blob-type": "PageBlob",
                                                   "x-ms-blob-content-length": 512})
    rig.put("leased", b"old")
    rig.azure.call("PUT", rig.path("leased"), {"comp": "lease"},
                   {"x-ms-lease-action": "acquire", "x-ms-lease-duration": 60})
    for key, words in (("app", "append blob"), ("page", "page blob"), ("leased", "leased")):
        rig.save_error("read-only", words, key, b"new")
    # Leased after we looked: the service says so.
    rig.proxy.rule("method=HEAD do=pass set=x-ms-lease-status:unlocked")
    told = rig.save_error("read-only", "leased", "leased", b"new", through=rig.proxy)
    assert told["code"] == "LeaseIdMissing"
    rig.error("read-only", "leased", "rm", rig.bucket, "leased")
    assert rig.get("leased") == b"old"
    rig.proxy.clear()
    rig.put("im", b"old")
    for code in ("BlobImmutableDueToPolicy", "BlobImmutableDueToLegalHold"):
        rig.proxy.rule(f"method=PUT do=answer status=409 set=x-ms-error-code:{code}")
        rig.save_error("read-only", "immutability", "im", b"new", through=rig.proxy)
        rig.proxy.clear()


# ---------------------------------------------------------------------------- blocks

OLD = b"".join(i.to_bytes(8, "big") for i in range(19 * MIB // 8))
AT = 9 * MIB
NEW = OLD[:AT] + b"changed" + OLD[AT + 3 :]
SAME = f"0:0:{AT},{AT + 7}:{AT + 3}:{len(OLD) - AT - 3}"


def sent(rig):
    """Bytes of bodies that went to the server."""
    return sum(int(head.header("Content-Length") or 0) for head in rig.proxy.heads)


def block_list(rig, key):
    return rig.azure.call("GET", rig.path(key),
                          {"comp": "blocklist", "blocklisttype": "committed"}).body.decode()


def only_changed_blocks(rig):
    rig.save("big", OLD, "--absent")
    assert block_list(rig, "big").count("<Block>") == 5
    before = set(block_list(rig, "big").split("<Name>")[1:])
    rig.save("big", NEW, "--same", SAME, through=rig.proxy)
    assert rig.get("big") == NEW
    assert sent(rig) < 4 * MIB + 10000, sent(rig)
    after = set(block_list(rig, "big").split("<Name>")[1:])
    assert len(before & after) == 4
    # And once more, back again.
    rig.proxy.clear()
    back = f"0:0:{AT},{AT + 3}:{AT + 7}:{len(OLD) - AT - 3}"
    rig.save("big", OLD, "--same", back, through=rig.proxy)
    assert rig.get("big") == OLD and sent(rig) < 4 * MIB + 10000


def blocks_of_others(rig):
    """Ids of another length are kept; those too short for ours to be like them are not."""
    for length, reused in ((32, True), (3, False)):
        ids = [base64.b64encode((f"{i}" * length)[:length].encode()).decode() for i in range(5)]
        for i, name in enumerate(ids):
            rig.azure.call("PUT", rig.path("o"), {"comp": "block", "blockid": name}, None,
                           OLD[i * 4 * MIB : (i + 1) * 4 * MIB])
        rig.azure.call("PUT", rig.path("o"), {"comp": "blocklist"}, None, (
            "<BlockList>" + "".join(f"<Latest>{name}</Latest>" for name in ids)
            + "</BlockList>").encode())
        rig.proxy.clear()
        rig.save("o", NEW, "--same", SAME, through=rig.proxy)
        assert rig.get("o") == NEW
        assert (sent(rig) < 5 * MIB) == reused, (length, sent(rig))


def copied_on_the_server(rig):
    """A blob without blocks is to be copied there: Azurite cannot, and everything is sent."""
    rig.put("c", OLD)
    rig.save("c", NEW, "--same", SAME, through=rig.proxy)
    assert rig.get("c") == NEW
    copies = [head for head in rig.proxy.heads if head.header("x-ms-copy-source")]
    assert copies, "nothing was asked to be copied"
    # What the service was given to read: with it, and nothing else, the blob can be read.
    assert copies[0].header("x-ms-source-if-match") and copies[0].header("x-ms-source-range")
    assert copies[0].header("x-ms-source-content-md5")
    rig.put("c", b"seen with it")
    source = copies[0].header("x-ms-copy-source")
    assert urllib.request.urlopen(source).read() == b"seen with it"
    with_other = source.replace(f"/{rig.container}/c", f"/{rig.container}/k2")
    try:
        urllib.request.urlopen(with_other)
    except urllib.error.HTTPError as error:
        assert error.code == 403
    else:
        raise AssertionError("it reads another blob as well")


def blocks_and_somebody_else(rig):
    old, at = OLD[: 9 * MIB], 4 * MIB           # less to be sent each time
    new, same = old[:at] + b"x" + old[at + 1 :], f"0:0:{at},{at + 1}:{at + 1}:{5 * MIB - 1}"
    for rule, words in ((f"path=blockid n=1 do=pass run={{}}", "nothing was written"),
                        (f"method=PUT path=comp=blocklist do=pass run={{}}", "nothing was written"),
                        (f"method=PUT path=comp=blocklist do=pass run-after={{}}", "same moment")):
        rig.save("bs", old, "--always")
        rig.proxy.clear()
        rig.proxy.rule(rule.format(rig.writer("bs", b"theirs")))
        rig.save_error("changed by someone else", words, "bs", new, "--same", same,
                       through=rig.proxy)
        assert rig.get("bs") == b"theirs"
    for rule in ("do=drop-after", "do=drop-before", "do=answer-after status=500",
                 "do=answer status=503"):
        rig.save("bs", old, "--always")
        rig.proxy.clear()
        rig.proxy.rule(f"method=PUT path=comp=blocklist n=1 {rule}")
        assert "saved" in rig.save("bs", new, "--same", same, through=rig.proxy), rule
        assert rig.get("bs") == new, rule


# ---------------------------------------------------------------------------- faults


def answer_lost(rig):
    """Each request of a save loses its answer, or never arrives: saved once, or told."""
    for rule in ("method=HEAD n=1 do=drop-before", "method=PUT n=1 do=drop-after",
                 "method=PUT n=1 do=drop-before", "method=PUT n=1 do=drop-forwarded",
                 "method=PUT n=1 do=answer status=503", "method=PUT n=1 do=answer-after status=500",
                 "method=PUT n=1 do=cut-head at=20", "method=HEAD n=3- do=drop-before"):
        rig.put("l", b"old", x__ms__meta__a="1")
        rig.proxy.rule(rule)
        assert "saved" in rig.save("l", b"mine", through=rig.proxy), rule
        assert rig.get("l") == b"mine", rule
        assert rig.head("l")["x-ms-meta-a"] == "1"
        assert len([head for head in rig.proxy.heads if head.method == "PUT"]) <= 2, rule
        rig.proxy.clear()
    rig.put("l", b"old")
    rig.proxy.rule("method=PUT n=1 do=drop-after")
    rig.proxy.rule("method=HEAD n=3- do=answer status=403")
    rig.save_error("connection failed", "not known whether", "l", b"mine", through=rig.proxy)
    # What was not there is made once.
    rig.proxy.clear()
    rig.proxy.rule("method=PUT n=1 do=drop-after")
    assert "saved" in rig.save("l-new", b"mine", "--absent", through=rig.proxy)
    # Removed, though the answer was lost.
    rig.proxy.clear()
    rig.proxy.rule("method=DELETE n=1 do=drop-after")
    rig.ok("rm", rig.bucket, "l-new", through=rig.proxy)


def lost_and_replaced(rig):
    rig.put("lr", b"old")
    rig.proxy.rule(f"method=PUT n=1 do=drop-after run-after={rig.writer('lr', b'theirs')}")
    rig.save_error("changed by someone else", "changed", "lr", b"mine", through=rig.proxy)
    assert rig.get("lr") == b"theirs"
    rig.proxy.clear()
    rig.proxy.rule(f"method=PUT n=1 do=pass run={rig.writer('lr', b'first')}")
    rig.save_error("changed by someone else", "nothing was written", "lr", b"mine",
                   through=rig.proxy)
    assert rig.get("lr") == b"first"
    rig.proxy.clear()
    rig.proxy.rule(f"method=PUT n=1 do=pass run-after={rig.writer('lr', b'second')}")
    rig.save_error("changed by someone else", "in the same moment", "lr", b"mine",
                   through=rig.proxy)


def in_their_own_words(rig):
    rig.put("w", b"x")
    for code, status, kind, words in (
            ("ContainerNotFound", 404, "not found", "no such container"),
            ("BlobBeingRehydrated", 409, "not supported", "rehydrated"),
            ("AccountIsDisabled", 403, "not permitted", "switched off"),
            ("KeyBasedAuthenticationNotPermitted", 403, "not permitted", "AUTH_MODE=login"),
            ("AuthorizationFailure", 403, "not permitted", "key is wrong"),
            ("ServerBusy", 503, "server error", "fewer requests"),
            ("SomethingNew", 409, "server error", "HTTP 409 SomethingNew"),
            ("APINotImplemented", 501, "not supported", "does not do this")):
        rig.proxy.rule(f"do=answer status={status} set=x-ms-error-code:{code} "
                       "set=x-ms-request-id:the-request")
        told = rig.error(kind, words, "head", rig.bucket, "w", through=rig.proxy)
        assert told["status"] == status and told["code"] == code
        assert "the-request" in told["detail"]
        assert len(rig.proxy.heads) == (5 if status == 503 else 1)
        rig.proxy.clear()
    told = rig.error("not found", "no such container", "list", rig.env["ACCOUNT"] + "/nowhere", "")
    assert "request id" in told["detail"], told
    rig.error("not found", "no such container", "put", rig.env["ACCOUNT"] + "/nowhere", "k",
              rig.file(b"x"), "--absent")
    rig.error("connection failed", "127.0.0.1:1", "list", rig.bucket, "",
              through=type("Nowhere", (), {"url": "http://127.0.0.1:1"}))


def clock(rig):
    """The service refuses a clock that is a day off; it is corrected by what the service says."""
    rig.put("clk", b"x")
    now = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time()))
    rig.proxy.rule(f"n=1 do=answer status=403 'set=Date:{now}' "
                   "set=x-ms-error-code:AuthenticationFailed")
    env = {"PKLBROWSE_NOW": str(int(time.time()) - 86400)}
    assert rig.fetch("clk", through=rig.proxy, env=env)[0] == b"x"
    first, second = (head.header("x-ms-date") for head in rig.proxy.heads[:2])
    assert first != second and abs(time.mktime(time.strptime(
        second, "%a, %d %b %Y %H:%M:%S GMT")) - time.mktime(time.gmtime())) < 120


# ----------------------------------------------------------------------- credentials


def credentials(rig):
    rig.put("c", b"x")
    get = ("get", rig.bucket, "c", rig.file())
    account, key = rig.env["ACCOUNT"], rig.env["ACCOUNT_KEY"]
    none = {"AZURE_STORAGE_CONNECTION_STRING": None,
            "AZURE_STORAGE_SERVICE_ENDPOINT": f"{rig.env['ENDPOINT']}/{account}"}
    wrong = base64.b64encode(b"another key").decode()
    rig.error("not permitted", "key is wrong", *get,
              env={"AZURE_STORAGE_CONNECTION_STRING": rig.connection(AccountKey=wrong)})
    rig.error("not permitted", "those of the account " + account, "list", "otheraccount/c", "")
    rig.error("wrong usage", "AZURE_STORAGE_CONNECTION_STRING", *get,
              env={"AZURE_STORAGE_CONNECTION_STRING": "AccountKey=s3cret-of-client"})
    # Account and key, of the environment and of the file.
    rig.ok(*get, env={**none, "AZURE_STORAGE_ACCOUNT": account, "AZURE_STORAGE_KEY": key})
    os.makedirs(os.path.join(rig.tmp, ".azure"), exist_ok=True)
    with open(os.path.join(rig.tmp, ".azure", "config"), "w", encoding="utf-8") as f:
        f.write(f"[storage]\naccount = {account}\nkey = {key}\n")
    rig.ok(*get, env=none)
    os.unlink(f.name)


def signatures(rig):
    """What somebody else signed for us: of a container, of one blob, wherever it is given."""
    rig.put("sa s", b"x")
    rig.put("other", b"y")
    account = rig.env["ACCOUNT"]
    at = {"AZURE_STORAGE_CONNECTION_STRING": None, "AZURE_STORAGE_ACCOUNT": account,
          "AZURE_STORAGE_SERVICE_ENDPOINT": f"{rig.env['ENDPOINT']}/{account}"}
    whole = rig.azure.sas(rig.container, "rwl")
    env = {**at, "AZURE_STORAGE_SAS_TOKEN": "?" + whole}
    assert "sa s" in rig.names("list", rig.bucket, "", env=env)
    assert rig.fetch("sa s", env=env)[0] == b"x"
    assert "saved" in rig.save("sa s", b"xx", env=env)
    rig.error("not permitted", "signature", "list", account, "", env=env)
    env = {"AZURE_STORAGE_CONNECTION_STRING": rig.connection(
        AccountKey=None, AccountName=None, SharedAccessSignature=whole)}
    assert rig.fetch("sa s", env=env)[0] == b"xx"
    one = rig.azure.sas(rig.container, "r", "b", "sa s")
    env = {**at, "AZURE_STORAGE_SAS_TOKEN": one}
    assert rig.fetch("sa s", env=env)[0] == b"xx"
    rig.error("not permitted", "signature", "get", rig.bucket, "other", rig.file(), env=env)
    rig.save_error("not permitted", "signature", "sa s", b"z", env=env)
    ended = rig.azure.sas(rig.container, "r", end="2020-01-01T00:00:00Z")
    rig.error("not permitted", "signature", "get", rig.bucket, "sa%20s", rig.file(),
              env={**at, "AZURE_STORAGE_SAS_TOKEN": ended})
    # Sent as it was given: nothing is encoded anew.
    odd = one.replace("%3A", ":")
    rig.ok("head", rig.bucket, "sa%20s", env={**at, "AZURE_STORAGE_SERVICE_ENDPOINT":
           f"{rig.proxy.url}/{account}", "AZURE_STORAGE_SAS_TOKEN": odd})
    assert rig.proxy.heads[-1].target.endswith("?" + odd)


def anonymous(rig):
    rig.make("public", x_ms_blob_public_access="container")
    rig.azure.call("PUT", "public/k", None, {"x-ms-blob-type": "BlockBlob"}, b"N.")
    where = rig.env["ACCOUNT"] + "/public"
    path = rig.file()
    rig.ok("get", where, "k", path, "--no-sign-request", through=rig.proxy)
    assert rig.proxy.heads[0].header("Authorization") is None
    assert rig.names("list", where, "", "--no-sign-request") == ["k"]
    rig.put("private", b"N.")
    rig.error("not permitted", "without credentials", "get",
              rig.bucket, "private", rig.file(), "--no-sign-request")


# ---------------------------------------------------------------------- the program


def command_line(rig):
    account, where = rig.env["ACCOUNT"], f"az://{rig.bucket}/cli/data.pickle"
    rig.put(
        "cli/data.pickle",
        pickle.dumps({"name": "John", "age": 30, "city": "New York"}),
        x__ms__meta__who="me",
    )
    who = json.loads(rig.program("whoami", "--json", "az://"))
    assert who["kind"] == "key" and who["account"] == account, who
    assert who["from"] == "account key of AZURE_STORAGE_CONNECTION_STRING"
    assert rig.program("ls", f"az://{account}").split().count(rig.bucket + "/") == 1
    assert rig.program("ls", f"az://{rig.bucket}/cli/") == "data.pickle\n"
    rig.make("further")
    rig.azure.call("PUT", "further/k", None, {"x-ms-blob-type": "BlockBlob"}, b"N.")
    for where_all in ("az://", f"az://{account}", f"az://{account}/"):
        told = rig.program("ls", "-r", where_all).splitlines()
        assert f"{rig.bucket}/cli/data.pickle" in told and f"{account}/further/k" in told, told
    assert rig.program("ls", "az://") == f"{account}/\n"
    rig.program("set", where, ".age=31")
    assert rig.program("show", where, ".age") == "31\n"
    assert rig.head("cli/data.pickle")["x-ms-meta-who"] == "me"
    rig.program("cp", where, f"az://{rig.bucket}/cli/copy.pickle")
    assert rig.head("cli/copy.pickle")["x-ms-meta-who"] == "me"
    rig.program("rm", f"az://{rig.bucket}/cli/copy.pickle")
    told = rig.program("show", f"az://{rig.bucket}/cli/copy.pickle", status=3)
    assert "no such object" in told
    rig.azure.call("PUT", rig.path("cli/append"), None, {"x-ms-blob-type": "AppendBlob"})
    rig.azure.call(
        "PUT", rig.path("cli/append"), {"comp": "appendblock"}, None, pickle.dumps({"a": 1})
    )
    assert rig.program("show", f"az://{rig.bucket}/cli/append", ".a") == "1\n"
    told = rig.program("set", f"az://{rig.bucket}/cli/append", ".a=2", status=7)
    assert "append blob" in told, told
    # A signature that was typed is used, kept out of every message, and goes nowhere else.
    typed = f"https://nowhere.blob.core.windows.net/{rig.container}/k?{rig.azure.sas('c', 'r')}"
    told = rig.program("show", typed, status=7, https_proxy="http://127.0.0.1:1")
    assert "sig" not in told, told


TESTS = BEHAVIOURS + (
    containers, paging, encoded_names, snapshots, copies_carry_everything,
    properties, broken_off, archived, everything_is_carried_over, tags_that_may_not_be_read,
    read_only_kinds, only_changed_blocks, blocks_of_others, copied_on_the_server,
    blocks_and_somebody_else, answer_lost, lost_and_replaced, in_their_own_words, clock,
    credentials, signatures, anonymous, command_line)


def main():
    try:
        with azurite() as env:
            return run_table(Rig(env), TESTS)
    except NoServer as why:
        print(f"skipped: {why}")
        print("0 passed, 0 failed, 1 skipped")
        return 0


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
