#!/usr/bin/python3
"""The S3 store when network or server go wrong: a fault proxy stands before a real server."""
import base64
import hashlib
import hmac
import os
import random
import shlex
import subprocess
import sys
import time

from behaviours import ODD_KEYS
from s3_rig import Proxy, quote
from test_s3 import main

BIG = bytes(i * 7 % 251 for i in range(1000000))


def xml(code, more=""):
    return shlex.quote(f"body=<?xml version='1.0'?><Error><Code>{code}</Code>"
                       f"<Message>said the server</Message>{more}<RequestId>REQ7</RequestId>"
                       f"</Error>")


def page(body, more=""):
    return shlex.quote(f"body=<?xml version='1.0' encoding='UTF-8'?><ListBucketResult "
                       f"xmlns='http://s3.amazonaws.com/doc/2006-03-01/'>{more}{body}"
                       f"</ListBucketResult>")


def key(name, more=""):
    return (f"<Contents><Key>{name}</Key><Size>1</Size>{more}"
            f"<LastModified>2026-11-22T10:02:03.000Z</LastModified></Contents>")


# -------------------------------------------------------------------------------- listing

def listing(rig, *words, **more):
    return rig.names("list", rig.bucket, "", *words, through=rig.proxy, **more)


def list_error(rig, kind, words, *more):
    return rig.error(kind, words, "list", rig.bucket, "", *more, through=rig.proxy)


def prefix_is_always_sent(rig):
    listing(rig)
    target = rig.proxy.heads[0].target
    for word in ("prefix=&", "encoding-type=url&", "delimiter=%2F&", "list-type=2&"):
        assert word in target + "&", target
    listing(rig, "--recursive")
    assert "delimiter" not in rig.proxy.heads[1].target


def decoded_only_when_the_answer_says_so(rig):
    name = "a+b%2Bc%20d"
    rig.proxy.rule("do=answer status=200 " + page(key(name)))
    assert listing(rig) == [name]
    rig.proxy.clear()
    # Said after the names, too.
    rig.proxy.rule("do=answer status=200 " + page(
        key(name) + "<CommonPrefixes><Prefix>x+y%2F</Prefix></CommonPrefixes>"
        "<EncodingType>url</EncodingType>"))
    assert listing(rig) == ["a b+c d", "x y/"]


def names_that_are_not_asked_for(rig):
    rig.proxy.rule("do=answer status=200 " + page(key("in/x") + key("out/x")))
    assert rig.names("list", rig.bucket, "in/", through=rig.proxy) == ["in/x"]


def token_is_opaque(rig):
    """Sent back as it came, encoded once, whatever it looks like."""
    token = "1/a%2Fb+c=&amp; d%20%C3%A9"
    rig.proxy.rule("path=continuation-token=1%2Fa%252Fb%2Bc%3D%26%20d%2520%25C3%25A9 "
                   "do=answer status=200 " + page(key("z")))
    rig.proxy.rule("n=1 do=answer status=200 " + page(
        key("a%2Bb"), f"<EncodingType>url</EncodingType><KeyCount>1</KeyCount>"
        f"<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>"))
    assert listing(rig) == ["a+b", "z"]


def bare_entries(rig):
    """Neither size nor time nor ETag."""
    rig.proxy.rule("do=answer status=200 " + page("<Contents><Key>x</Key></Contents>"))
    line = rig.ok("list", rig.bucket, "", through=rig.proxy)[0]
    assert line == {"kind": "object", "name": "x", "size": 0, "mtime": 0, "etag": None,
                    "class": None, "version": None, "latest": False, "deleted": False}


def forbidden_characters(rig):
    """A legal key that XML cannot hold: never another object's name, and no retry for nothing."""
    rig.proxy.rule("do=answer status=200 " + page(key("x&#x8;y")))
    list_error(rig, "server error", "character that XML forbids")
    assert len(rig.proxy.heads) == 1
    # As bytes, not as a reference; U+FFFE and what is no UTF-8, likewise.
    for raw in (b"x\x08y", b"x\xef\xbf\xbey", b"x\xffy"):
        body = shlex.split(page(key("NAME")))[0][len("body="):].encode().replace(b"NAME", raw)
        rig.proxy.clear()
        rig.proxy.rule(f"do=answer status=200 body=@{rig.file(body)}")
        list_error(rig, "server error", "XML forbids|UTF-8")
        assert len(rig.proxy.heads) == 1, raw


def cut_short(rig):
    rig.put("cut", b"")
    rig.proxy.rule("n=1 do=answer status=200 " + page(key("half"))[:-20] + "'")
    assert "cut" in listing(rig)
    assert len(rig.proxy.heads) == 2
    rig.proxy.clear()
    rig.proxy.rule("n=1 do=cut at=100")
    assert "cut" in listing(rig)
    rig.proxy.clear()
    rig.proxy.rule("do=answer status=200 " + page(key("half"))[:-20] + "'")
    list_error(rig, "server error", "cannot be read")
    assert len(rig.proxy.heads) == 5


def error_in_a_good_answer(rig):
    rig.put("good", b"")
    rig.proxy.rule("n=1 do=answer status=200 " + xml("InternalError"))
    assert "good" in listing(rig)
    rig.proxy.clear()
    rig.proxy.rule("do=answer status=200 " + xml("InternalError"))
    told = list_error(rig, "server error", "cannot list")
    assert told["code"] == "InternalError" and "REQ7" in told["detail"]


def something_else_answers(rig):
    rig.proxy.rule("do=answer status=200 body=<html><body>Hotel</body></html>")
    list_error(rig, "server error", "no object store")
    rig.proxy.clear()
    rig.proxy.rule("do=answer status=200 body=Hello")
    list_error(rig, "server error", "cannot be read")
    rig.proxy.clear()
    rig.proxy.rule("do=answer status=200")
    list_error(rig, "server error", "cannot be read")


def no_way_on(rig):
    """Truncated without a token, or with the same one again: an end with words, not a loop."""
    more = "<IsTruncated>true</IsTruncated><KeyCount>1</KeyCount>"
    rig.proxy.rule("do=answer status=200 " + page(key("x"), more))
    list_error(rig, "server error", "does not say where")
    rig.proxy.clear()
    more += "<NextContinuationToken>again</NextContinuationToken>"
    rig.proxy.rule("do=answer status=200 " + page(key("x"), more))
    list_error(rig, "server error", "same page")
    assert len(rig.proxy.heads) == 2


def empty_pages(rig):
    """A page without a name may still go on; a token is sent back as it came."""
    token = "a+b/c%2F= d&amp;"
    rig.proxy.rule("n=1 do=answer status=200 " + page(
        "", f"<IsTruncated>true</IsTruncated><NextContinuationToken>{token}"
        "</NextContinuationToken><EncodingType>url</EncodingType>"))
    rig.proxy.rule("do=answer status=200 " + page(key("x")))
    assert listing(rig) == ["x"]
    assert "continuation-token=a%2Bb%2Fc%252F%3D%20d%26" in rig.proxy.heads[1].target


def first_version_of_listings(rig):
    """A server that refuses the second, and one that answers it as if it were the first."""
    keys = [f"v1/{i:02d} +%" for i in range(25)]
    rig.put_many(keys)
    for refusal in ("do=answer status=501 " + xml("NotImplemented"),
                    "do=answer status=400 " + xml("InvalidArgument")):
        rig.proxy.clear()
        rig.proxy.rule("path=list-type " + refusal)
        assert rig.names("list", rig.bucket, "v1/", "--max", 10, through=rig.proxy) == keys
        targets = [head.target for head in rig.proxy.heads]
        assert len(targets) == 4, targets
        assert "marker=" in targets[3] and "list-type" not in targets[3]
    rig.proxy.clear()
    some = "".join(key(quote(name)) for name in keys[:10])
    rig.proxy.rule("path=list-type do=answer status=200 " + page(
        some, "<IsTruncated>true</IsTruncated><EncodingType>url</EncodingType>"))
    assert rig.names("list", rig.bucket, "v1/", "--max", 10, through=rig.proxy) == keys
    assert "marker=v1%2F09%20%2B%25" in rig.proxy.heads[1].target
    # A marker that does not move.
    rig.proxy.clear()
    rig.proxy.rule("do=answer status=200 " + page(
        key("x"), "<IsTruncated>true</IsTruncated><NextMarker>x</NextMarker>"))
    list_error(rig, "server error", "same page")


def signature_of(head, env):
    """What signature 4 of this request is, over the bytes of the request line as they were sent."""
    told = dict(word.strip().partition("=")[::2] for word in
                head.header("Authorization").partition(" ")[2].split(","))
    path, _, query = head.target.partition("?")
    pairs = sorted(pair.partition("=")[::2] for pair in query.split("&") if pair)
    canonical = "\n".join([
        head.method, path, "&".join(f"{n}={v}" for n, v in pairs),
        *(f"{name}:{' '.join(head.header(name).split())}"
          for name in told["SignedHeaders"].split(";")), "", told["SignedHeaders"],
        head.header("x-amz-content-sha256")])
    scope = told["Credential"].split("/", 1)[1]
    mac = ("AWS4" + env["SECRET_KEY"]).encode()
    for part in scope.split("/"):
        mac = hmac.new(mac, part.encode(), hashlib.sha256).digest()
    text = "\n".join(["AWS4-HMAC-SHA256", head.header("x-amz-date"), scope,
                      sha256(canonical.encode())])
    return hmac.new(mac, text.encode(), hashlib.sha256).hexdigest()


def signed_as_sent(rig):
    """The path of the request line is the key, encoded once, and what was signed: nobody on the
    way took "//" or "/../" out of it."""
    for name in ODD_KEYS:
        rig.proxy.clear()
        rig.proxy.rule("do=answer status=404")
        rig.run("head", rig.bucket, quote(name), through=rig.proxy)
        head = rig.proxy.heads[-1]
        assert head.target == f"/{rig.bucket}/{quote(name)}", (name, head.target)
        said = head.header("Authorization").rpartition("Signature=")[2]
        assert said == signature_of(head, rig.env), name


def busy_servers(rig):
    rig.put("busy", b"")
    for status in (500, 502, 503, 504, 429):
        rig.proxy.clear()
        rig.proxy.rule(f"n=1,2 do=answer status={status}")
        assert "busy" in listing(rig)
    rig.proxy.clear()
    rig.proxy.rule("n=1 do=answer status=400 " + xml("RequestTimeout"))
    rig.proxy.rule("n=1 do=drop-before")
    assert "busy" in listing(rig)
    # Each attempt is signed anew, with its own time.
    rig.proxy.clear()
    rig.proxy.rule("n=1 do=answer status=503 delay=1100")
    assert "busy" in listing(rig)
    dates = [head.header("x-amz-date") for head in rig.proxy.heads]
    assert len(set(dates)) == 2, dates
    for head in rig.proxy.heads:
        assert head.header("Authorization").endswith(signature_of(head, rig.env))


def words_of_errors(rig):
    table = (
        (403, "AccessDenied", "not permitted", "s3:ListBucket"),
        (403, "ExpiredToken", "not permitted", "expired"),
        (400, "ExpiredToken", "not permitted", "expired"),
        (403, "AllAccessDisabled", "not permitted", "switched off"),
        (404, "NoSuchBucket", "not found", "no such bucket"),
        (405, "MethodNotAllowed", "not supported", "does not do this"),
        (418, "Teapot", "server error", "HTTP 418 Teapot"),
        (403, "x" * 200, "not permitted", "denied"),
    )
    for status, code, kind, words in table:
        rig.proxy.clear()
        rig.proxy.rule(f"do=answer status={status} " + xml(code))
        told = list_error(rig, kind, words)
        assert told["status"] == status and "REQ7" in told["detail"], told
    rig.proxy.clear()
    rig.proxy.rule("do=answer status=403 " + xml("AccessDenied"))
    rig.error("not permitted", "open a bucket by its name", "buckets", through=rig.proxy)
    rig.proxy.clear()
    rig.proxy.rule("do=answer status=403 " + xml("InvalidObjectState"))
    rig.error("not supported", "archived", "get", rig.bucket, "x", rig.file(), through=rig.proxy)
    # What a server says is shown, but cannot act on the terminal.
    rig.proxy.clear()
    rig.proxy.rule("do=answer status=400 " + xml("A&#x85;B", "<x>\u202e</x>"))
    told = list_error(rig, "server error", "")
    assert "\x85" not in told["message"] + told["detail"]


# ------------------------------------------------------------------------ another region

def scope_of(head):
    return head.header("Authorization").split("Credential=")[1].split(",")[0].split("/")[2]


def another_region(rig):
    rig.put("region", b"x")
    header = "set=x-amz-bucket-region:eu-west-9"
    for rule in (f"do=answer status=301 {header}", f"do=answer status=400 {header}",
                 "do=answer status=301 " + xml("PermanentRedirect", "<Region>eu-west-9</Region>"),
                 "do=answer status=400 " + xml("AuthorizationHeaderMalformed",
                                               "<Region>eu-west-9</Region>")):
        body = "body=" in rule
        command = ("list", rig.bucket, "region") if body else ("head", rig.bucket, "region")
        rig.proxy.clear()
        rig.proxy.rule("n=1 " + rule)
        rig.ok(*command, through=rig.proxy)
        assert [scope_of(h) for h in rig.proxy.heads] == [rig.env["REGION"], "eu-west-9"], rule
        # Again and again: followed once.
        rig.proxy.clear()
        rig.proxy.rule(rule)
        rig.error("server error", "elsewhere|accept", *command, through=rig.proxy)
        assert len(rig.proxy.heads) == 2
    # Learned by the HEAD, the region is right for all that follows.
    rig.proxy.clear()
    rig.proxy.rule(f"n=1 do=answer status=301 {header}")
    assert "saved" in rig.save("region", b"y", through=rig.proxy)
    assert [scope_of(h) for h in rig.proxy.heads][1:] == ["eu-west-9"] * (len(rig.proxy.heads) - 1)


def a_region_that_is_none(rig):
    for region in ("x.evil.example/", "a b", "-x", "a@b"):
        rig.proxy.clear()
        rig.proxy.rule("do=answer status=301 " + xml("PermanentRedirect",
                                                     f"<Region>{region}</Region>"))
        list_error(rig, "server error", "elsewhere")
        assert len(rig.proxy.heads) == 1


def another_address(rig):
    """A redirect with nothing but a Location, to a second way to the server; PUT included."""
    rig.put("moved", b"x")
    other = Proxy(rig.proxy.to, rig.proxy.signer).start()
    try:
        for status in (301, 307):
            rig.proxy.clear()
            other.clear()
            rig.proxy.rule(f"do=answer status={status} "
                           f"set=Location:{other.url}/{rig.bucket}/moved")
            assert "saved" in rig.save("moved", b"%d" % status, through=rig.proxy)
            assert rig.get("moved") == b"%d" % status
            assert rig.proxy.methods() == "HEAD" and "PUT" in other.methods()
        rig.proxy.clear()
        rig.proxy.rule("do=answer status=307 set=Location:ftp://x/")
        list_error(rig, "server error", "elsewhere")
    finally:
        other.stop()


def skewed_clock(rig):
    rig.put("skew", b"x")
    rig.proxy.rule("n=1 do=answer status=403 " + xml(
        "RequestTimeTooSkewed", "<ServerTime>2031-01-01T00:00:00Z</ServerTime>"))
    rig.proxy.rule("do=answer status=200 " + page(key("skew")))
    assert listing(rig) == ["skew"]
    assert rig.proxy.heads[1].header("x-amz-date").startswith("20310101T00")
    rig.proxy.clear()
    rig.proxy.rule("do=answer status=403 " + xml(
        "RequestTimeTooSkewed", "<ServerTime>2031-01-01T00:00:00Z</ServerTime>"))
    list_error(rig, "not permitted", "clock")
    assert len(rig.proxy.heads) == 2


# --------------------------------------------------------------------- expired credentials

def key_of(head):
    return head.header("Authorization").split("Credential=")[1].split("/")[0]


def with_keys_in_a_file(rig, access, secret):
    """An environment whose keys are in a file, and a command that puts the good ones there."""
    lines = "[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n"
    path = rig.file(lines.format(access, secret).encode())
    good = rig.file(lines.format(rig.env["ACCESS_KEY"], rig.env["SECRET_KEY"]).encode())
    return ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None,
             "AWS_SHARED_CREDENTIALS_FILE": path}, shlex.quote(f"run-after=cp {good} {path}"))


def expired_session(rig):
    """Keys end in the middle of work: what is in the files by then is taken, at any request."""
    for method, code, status in (("HEAD", "", 400), ("HEAD", "", 403), ("PUT", "ExpiredToken", 400),
                                 ("PUT", "InvalidAccessKeyId", 403), ("GET", "ExpiredToken", 400),
                                 ("PUT", "TokenRefreshRequired", 400)):
        rig.put("session", b"old")
        rig.proxy.clear()
        env, renew = with_keys_in_a_file(rig, rig.env["ACCESS_KEY"], rig.env["SECRET_KEY"])
        rig.proxy.rule(f"method={method} n=1 do=answer-after status={status} {renew} "
                       + (xml(code) if code else ""))
        if method == "HEAD":    # no words, and keys without an end: an error like any other
            rig.save_error("not permitted" if status == 403 else "server error", "", "session",
                           b"new", through=rig.proxy, env=env)
        elif method == "GET":
            assert rig.fetch("session", through=rig.proxy, env=env)[0] == b"old"
            assert rig.proxy.methods() == "GET GET"
        else:
            rig.proxy.clear()
            rig.proxy.rule(f"method=PUT n=1 do=answer status={status} "
                           + renew.replace("run-after=", "run=") + " " + xml(code))
            assert "saved" in rig.save("session", b"new", through=rig.proxy, env=env)
            assert rig.get("session") == b"new"
            assert rig.proxy.methods().startswith("HEAD HEAD PUT PUT ")


def other_keys_meanwhile(rig):
    """The server does not know the keys; the file has others by the time that it says so."""
    rig.put("keys", b"x")
    env, renew = with_keys_in_a_file(rig, "PKLBNOBODY", "wrong")
    rig.proxy.rule(f"n=1 do=pass {renew}")
    assert rig.names("list", rig.bucket, "keys", through=rig.proxy, env=env) == ["keys"]
    assert [key_of(h) for h in rig.proxy.heads] == ["PKLBNOBODY", rig.env["ACCESS_KEY"]]
    # Nobody renews them: asked twice, then told.
    rig.proxy.clear()
    env, _ = with_keys_in_a_file(rig, "PKLBNOBODY", "wrong")
    rig.error("not permitted", "access key is not known", "list", rig.bucket, "",
              through=rig.proxy, env=env)
    assert len(rig.proxy.heads) == 2
    # A session that ends without words, at a HEAD.
    rig.proxy.clear()
    env, renew = with_keys_in_a_file(rig, rig.env["ACCESS_KEY"], rig.env["SECRET_KEY"])
    with open(env["AWS_SHARED_CREDENTIALS_FILE"], "a", encoding="utf-8") as f:
        f.write("aws_session_token = ended\n")
    rig.proxy.rule(f"method=HEAD n=1 do=answer status=400 {renew.replace('run-after=', 'run=')}")
    rig.ok("head", rig.bucket, "keys", through=rig.proxy, env=env)
    assert rig.proxy.methods() == "HEAD HEAD"


def renewed_before_the_end(rig):
    """Credentials of a short life: asked for again before they end, and not at every request."""
    rig.put_many([f"renew/{i}" for i in range(6)])
    runs = rig.file(b"")
    process = rig.file(
        f"import json, time\nopen({runs!r}, 'a').write('x')\n"
        f"end = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(time.time() + 5))\n"
        f"print(json.dumps({{'Version': 1, 'AccessKeyId': {rig.env['ACCESS_KEY']!r}, "
        f"'SecretAccessKey': {rig.env['SECRET_KEY']!r}, 'Expiration': end}}))\n".encode())
    config = rig.file(f"[default]\ncredential_process = {sys.executable} {process}\n".encode())
    env = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None, "AWS_CONFIG_FILE": config}
    rig.proxy.rule("do=pass delay=1200")
    assert len(rig.names("list", rig.bucket, "renew/", "--max", 1, through=rig.proxy,
                         env=env)) == 6
    with open(runs, encoding="ascii") as f:
        count = len(f.read())
    assert 2 <= count <= 4 < len(rig.proxy.heads), (count, len(rig.proxy.heads))


# -------------------------------------------------------------------------------- reading

def broken_off(rig):
    """A transfer that breaks is continued where it was, from the same version."""
    rig.put("big", BIG)
    rig.proxy.rule("method=GET n=1 do=cut at=300000")
    rig.proxy.rule("method=GET n=1 do=cut at=200000 reset=1")
    assert rig.fetch("big", through=rig.proxy)[0] == BIG
    assert rig.proxy.methods() == "GET GET GET"
    for head in rig.proxy.heads[1:]:
        assert head.header("If-Match") and head.header("Range").startswith("bytes=")
    rig.proxy.clear()
    rig.proxy.rule("method=GET n=1 do=cut at=50000")
    assert rig.fetch("big", "--offset", 1000, "--length", 100000,
                     through=rig.proxy)[0] == BIG[1000:101000]


def broken_off_for_good(rig):
    rig.put("big", BIG)
    rig.proxy.rule("method=GET n=1 do=cut at=300000")
    rig.proxy.rule("do=drop-before")
    rig.error("connection failed", "", "get", rig.bucket, "big", rig.file(), through=rig.proxy)


def changed_while_reading(rig):
    rig.put("swap", BIG)
    other = BIG[::-1]
    rig.proxy.rule(f"method=GET n=1 do=cut at=300000 run-after={rig.writer('swap', other)}")
    rig.error("changed by someone else", "changed", "get", rig.bucket, "swap", rig.file(),
              through=rig.proxy)
    # The server does not know If-Match: the ETag of its answer tells.
    rig.put("swap", BIG)
    rig.proxy.clear()
    rig.proxy.rule(f"method=GET n=1 do=cut at=300000 run-after={rig.writer('swap', other)}")
    rig.proxy.rule("method=GET do=pass strip=If-Match")
    rig.error("changed by someone else", "changed", "get", rig.bucket, "swap", rig.file(),
              through=rig.proxy)


LARGE = os.urandom(1 << 20) * 26 + b"the end"


def large(rig, *more):
    """Read as the program reads what is large: in ranges side by side."""
    tag = rig.put("large", LARGE)["ETag"]
    return ["--etag", tag, "--size", len(LARGE), *more]


def side_by_side(rig):
    """Ranges with If-Match on each; what breaks goes on where it was; slow readers, too."""
    words = large(rig)
    rig.proxy.rule("method=GET n=1 do=cut at=300000")
    rig.proxy.rule("method=GET n=3 do=cut at=5000000 reset=1")
    rig.proxy.rule("method=GET n=4 do=answer status=503")
    assert rig.fetch("large", *words, through=rig.proxy)[0] == LARGE
    firsts = []
    for head in rig.proxy.heads:
        first, last = head.header("Range")[6:].split("-")
        assert head.header("If-Match") and int(last) - int(first) < 8 << 20, head.header("Range")
        firsts.append(int(first))
    assert firsts.count(0) == 1 and 300000 in firsts, firsts
    assert {8 << 20, 16 << 20, 24 << 20} <= set(firsts), firsts
    assert len(firsts) == 7, firsts                     # four ranges, three of them twice
    rig.proxy.clear()
    assert rig.fetch("large", *words, "--pause")[0] == LARGE
    assert rig.fetch("large", *words, "--offset", 5)[0] == LARGE[5:]
    assert rig.fetch("large", *words, "--offset", 1 << 20, "--length", 20 << 20)[0] == \
        LARGE[1 << 20:21 << 20]


def swapped_between_ranges(rig):
    """Never two versions mixed: refused by If-Match, or by what the answers say."""
    for more in ([], ["method=GET do=pass strip=If-Match"]):
        words = large(rig)
        rig.proxy.clear()
        rig.proxy.rule(f"method=GET n=3 do=pass run={rig.writer('large', LARGE[::-1])}"
                       + (" strip=If-Match" if more else ""))
        for rule in more:
            rig.proxy.rule(rule)
        rig.error("changed by someone else", "changed", "get", rig.bucket, "large", rig.file(),
                  *words, through=rig.proxy)


def large_without_ranges(rig):
    """A server that sends all of it whatever is asked for is asked once."""
    words = large(rig)
    rig.proxy.rule("method=GET do=pass strip=Range")
    assert rig.fetch("large", *words, through=rig.proxy)[0] == LARGE
    assert rig.proxy.methods() == "GET"


def no_ranges(rig):
    """A server that sends all of it whatever is asked for."""
    rig.put("big", BIG)
    rig.proxy.rule("method=GET do=pass strip=Range")
    assert rig.fetch("big", "--offset", 777, "--length", 1000, through=rig.proxy)[0] == \
        BIG[777:1777]
    rig.proxy.clear()
    rig.proxy.rule("method=GET n=1 do=cut at=300000")
    rig.proxy.rule("method=GET do=pass strip=Range")
    assert rig.fetch("big", through=rig.proxy)[0] == BIG


def wrong_part(rig):
    rig.put("big", BIG)
    rig.proxy.rule("do=pass 'set=Content-Range:bytes 900-1899/1000000'")
    rig.error("server error", "another part", "get", rig.bucket, "big", rig.file(), "--offset", 5,
              "--length", 1000, through=rig.proxy)


def bare_objects(rig):
    """No ETag, no type, no date."""
    rig.put("bare", b"abc")
    rig.proxy.rule("do=pass strip-answer=ETag strip-answer=Content-Type "
                   "strip-answer=Last-Modified")
    assert rig.fetch("bare", through=rig.proxy)[0] == b"abc"
    head = rig.ok("head", rig.bucket, "bare", through=rig.proxy)[0]
    assert head["identity"] == {"etag": None, "version": None, "size": 3, "mtime": 0}
    saved = rig.save("bare", b"abcd", through=rig.proxy)
    assert saved["unchecked"] is True and rig.get("bare") == b"abcd"


def stalled(rig):
    rig.put("stall", b"abc")
    rig.proxy.rule("do=hang")
    rig.error("timed out", "", "head", rig.bucket, "stall", "--stall", 200, through=rig.proxy)


# -------------------------------------------------------------------------------- writing

def puts(rig):
    return rig.proxy.methods().split().count("PUT")


def what_is_kept(rig):
    """Everything that an overwrite would lose, but for the bytes."""
    expires = "Thu, 01 Dec 2033 16:00:00 GMT"
    rig.put("keep", b"old", ContentType="application/x-pickle", CacheControl="max-age=5",
            ContentDisposition='attachment; filename="a b"', ContentLanguage="ko",
            ContentEncoding="gzip", Expires=expires, Metadata={"who": "me  too", "n": "1"},
            Tagging="a=b%20c%26&d=%EC%9E%91", StorageClass="STANDARD")
    assert "saved" in rig.save("keep", b"new")
    got = rig.s3.get_object(Bucket=rig.bucket, Key="keep")
    assert got["Body"].read() == b"new"
    assert got["ContentType"] == "application/x-pickle" and got["CacheControl"] == "max-age=5"
    assert got["ContentDisposition"] == 'attachment; filename="a b"'
    assert got["ContentLanguage"] == "ko" and got["ContentEncoding"] == "gzip"
    assert got["ResponseMetadata"]["HTTPHeaders"]["expires"] == expires
    assert got["Metadata"]["n"] == "1" and got["Metadata"]["who"].split() == ["me", "too"]
    tags = rig.s3.get_object_tagging(Bucket=rig.bucket, Key="keep")["TagSet"]
    assert sorted((t["Key"], t["Value"]) for t in tags) == [("a", "b c&"), ("d", "작")]


def what_is_sent(rig):
    rig.put("sent", b"old", Metadata={"m": "1"})
    rig.proxy.rule("method=HEAD do=pass set=Content-Encoding:aws-chunked,gzip "
                   "set=x-amz-storage-class:ONEZONE_IA set=x-amz-server-side-encryption:aws:kms "
                   "set=x-amz-server-side-encryption-aws-kms-key-id:arn:k "
                   "set=x-amz-server-side-encryption-bucket-key-enabled:true "
                   "set=x-amz-website-redirect-location:/x set=x-amz-object-lock-legal-hold:ON")
    rig.proxy.rule("method=PUT do=answer status=403")
    rig.save_error("not permitted", "s3:PutObject", "sent", b"new", through=rig.proxy)
    put = rig.proxy.heads[-1]
    assert put.header("Content-Encoding") == "gzip"
    assert put.header("x-amz-storage-class") == "ONEZONE_IA"
    assert put.header("x-amz-server-side-encryption") == "aws:kms"
    assert put.header("x-amz-server-side-encryption-aws-kms-key-id") == "arn:k"
    assert put.header("x-amz-server-side-encryption-bucket-key-enabled") == "true"
    assert put.header("x-amz-website-redirect-location") == "/x"
    assert put.header("x-amz-object-lock-legal-hold") == "ON"
    assert put.header("x-amz-meta-m") == "1" and put.header("If-Match")
    assert put.header("Content-MD5") == md5(b"new")
    assert put.header("Content-Length") == "3" and put.header("Transfer-Encoding") is None
    assert put.header("x-amz-content-sha256") == sha256(b"new")
    assert put.header("Expect") is None and put.header("x-amz-sdk-checksum-algorithm") is None


def no_checksums_behind_the_body(rig):
    """A server that knows neither trailers nor chunks nor the new checksums: it sees none."""
    rig.put("plain", b"old")
    for name in ("x-amz-sdk-checksum-algorithm", "x-amz-trailer", "Transfer-Encoding"):
        rig.proxy.rule(f"header={name} do=answer status=400 " + xml("InvalidRequest"))
    assert "saved" in rig.save("plain", b"new", through=rig.proxy)
    assert "saved" in rig.save("plain2", b"new", "--absent", through=rig.proxy)
    assert rig.get("plain") == rig.get("plain2") == b"new"


def md5(data):
    return base64.b64encode(hashlib.md5(data).digest()).decode()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def tags_that_may_not_be_read(rig):
    rig.put("tags", b"old", Tagging="a=b")
    rig.proxy.rule("path=tagging do=answer status=403 " + xml("AccessDenied"))
    rig.save_error("not permitted", "tags", "tags", b"new", through=rig.proxy)
    assert puts(rig) == 0 and rig.get("tags") == b"old"


def metadata_that_cannot_be_sent(rig):
    rig.put("meta", b"old")
    rig.proxy.rule("do=pass set=x-amz-missing-meta:2")
    rig.save_error("not supported", "metadata", "meta", b"new", through=rig.proxy)
    assert puts(rig) == 0


def new_objects(rig):
    assert "saved" in rig.save("new", b"1", "--absent")
    rig.save_error("exists already", "already", "new", b"2", "--absent")
    assert rig.get("new") == b"1"
    # Somebody creates it between our look and our write.
    rig.proxy.rule(f"method=PUT n=1 do=pass run={rig.writer('race', b'theirs')}")
    rig.save_error("exists already", "already", "race", b"ours", "--absent",
                   through=rig.proxy)
    assert rig.get("race") == b"theirs"
    assert rig.s3.head_object(Bucket=rig.bucket, Key="new")["ContentType"] == \
        "application/octet-stream"


def concurrent_writer(rig):
    rig.put("both", b"old")
    hold = rig.file(b"")
    ours = rig.start("put", rig.bucket, "both", rig.file(b"ours"), "--hold", hold)
    assert b"read" in ours.stdout.readline()
    rig.put("both", b"them")
    os.unlink(hold)
    told = rig.finish(ours)[-1]
    assert told["error"] == "changed by someone else" and rig.get("both") == b"them", told
    rig.save_error("changed by someone else", "", "both", b"late", "--etag",
                   '"00000000000000000000000000000000"')
    # Deleted instead.
    hold = rig.file(b"")
    ours = rig.start("put", rig.bucket, "both", rig.file(b"ours"), "--hold", hold)
    assert b"read" in ours.stdout.readline()
    rig.s3.delete_object(Bucket=rig.bucket, Key="both")
    os.unlink(hold)
    told = rig.finish(ours)[-1]
    assert told["error"] == "changed by someone else" and "deleted" in told["message"], told
    assert "both" not in rig.names("list", rig.bucket, "both")


def between_look_and_write(rig):
    """Only If-Match can catch this one; the same size, so that only the bytes tell."""
    rig.put("tight", b"old!")
    rig.proxy.rule(f"method=PUT n=1 do=pass run={rig.writer('tight', b'them')}")
    rig.save_error("changed by someone else", "nothing was written", "tight", b"ours",
                   through=rig.proxy)
    assert rig.get("tight") == b"them"


def lost_answers(rig):
    for rule in ("do=drop-after", "do=drop-after reset=1", "do=cut-head at=9", "do=hang-after",
                 "do=answer-after status=500", "do=answer-after status=504"):
        rig.put("lost", b"old!", Metadata={"m": "1"})
        rig.proxy.clear()
        # This server wants the ETag in its second spelling: the PUT that counts is the second.
        rig.proxy.rule("method=PUT n=2- " + rule)
        saved = rig.save("lost", b"new!", "--stall", 300, through=rig.proxy)
        assert saved["saved"]["etag"].strip('"') == rig.s3.head_object(
            Bucket=rig.bucket, Key="lost")["ETag"].strip('"')
        assert rig.get("lost") == b"new!" and puts(rig) == 2, rule


def lost_requests(rig):
    """The server has not done it: sent again, and only then."""
    for rule in ("do=drop-before", "do=drop-before reset=1", "do=answer status=503",
                 "do=answer status=500", "do=answer status=400 " + xml("RequestTimeout"),
                 "do=answer status=400 " + xml("BadDigest")):
        rig.put("again", b"old!")
        rig.proxy.clear()
        rig.proxy.rule("method=PUT n=1 " + rule)
        assert "saved" in rig.save("again", b"new!", through=rig.proxy), rule
        assert rig.get("again") == b"new!"
    # Never.
    rig.put("again", b"old!")
    rig.proxy.clear()
    rig.proxy.rule("method=PUT do=answer status=503 " + xml("SlowDown"))
    rig.save_error("server error", "fewer requests", "again", b"new!", through=rig.proxy)
    assert puts(rig) == 5 and rig.get("again") == b"old!"


def lost_and_overwritten(rig):
    """Our answer is lost, and somebody else writes as many bytes before we can look."""
    rig.put("over", b"old!")
    rig.proxy.rule(f"method=PUT n=2 do=drop-after run-after={rig.writer('over', b'them')}")
    rig.save_error("changed by someone else", "", "over", b"ours", through=rig.proxy)
    assert rig.get("over") == b"them"


def lost_without_a_checksum(rig):
    """An ETag that is no MD5: what is there is read back and compared."""
    rig.put("kms", b"old!")
    rig.proxy.rule("method=PUT n=2 do=drop-after")
    rig.proxy.rule("method=HEAD n=4- do=pass set=ETag:opaque-2")
    rig.proxy.rule("method=GET do=pass set=ETag:opaque-2")
    saved = rig.save("kms", b"new!", through=rig.proxy)
    assert saved["saved"]["etag"] == "opaque-2" and "GET" in rig.proxy.methods(), saved
    rig.put("kms", b"old!")
    rig.proxy.clear()
    rig.proxy.rule(f"method=PUT n=2 do=drop-after run-after={rig.writer('kms', b'them')}")
    rig.proxy.rule("method=HEAD n=4- do=pass set=ETag:opaque-2")
    rig.proxy.rule("method=GET do=pass set=ETag:opaque-2")
    rig.save_error("changed by someone else", "", "kms", b"ours", through=rig.proxy)


def lost_for_good(rig):
    rig.put("gone", b"old!")
    rig.proxy.rule("method=PUT n=2- do=drop-after")
    rig.proxy.rule("method=HEAD n=4- do=drop-before")
    rig.save_error("connection failed", "not known whether it was saved", "gone", b"new!",
                   through=rig.proxy)


def no_conditions(rig):
    """501 to If-Match: written held against a HEAD, and that is said."""
    rig.put("c501", b"old", Metadata={"m": "1"})
    rule = "method=PUT header=If-Match do=answer status=501 " + xml("NotImplemented")
    rig.proxy.rule(rule)
    saved = rig.save("c501", b"new", through=rig.proxy)
    assert saved["unchecked"] is True and rig.get("c501") == b"new"
    assert rig.s3.head_object(Bucket=rig.bucket, Key="c501")["Metadata"] == {"m": "1"}
    assert rig.proxy.methods() == "HEAD HEAD PUT HEAD PUT HEAD"
    # Changed before the second look.
    rig.proxy.clear()
    rig.proxy.rule(rule + f" run={rig.writer('c501', b'them')}")
    rig.save_error("changed by someone else", "", "c501", b"ours", through=rig.proxy)
    assert rig.get("c501") == b"them"
    # Everything is refused.
    rig.proxy.clear()
    rig.proxy.rule("method=PUT do=answer status=501 " + xml("NotImplemented"))
    rig.save_error("not supported", "", "c501", b"ours", through=rig.proxy)
    assert puts(rig) == 2


def ignored_conditions(rig):
    """A server that does not look at If-Match: a stale save is refused by the look before it."""
    rig.put("deaf", b"old")
    rig.proxy.rule("method=PUT do=pass strip=If-Match")
    assert "saved" in rig.save("deaf", b"new", through=rig.proxy)
    hold = rig.file(b"")
    ours = rig.start("put", rig.bucket, "deaf", rig.file(b"ours"), "--hold", hold,
                     through=rig.proxy)
    assert b"read" in ours.stdout.readline()
    rig.put("deaf", b"them")
    os.unlink(hold)
    told = rig.finish(ours)[-1]
    assert told["error"] == "changed by someone else" and rig.get("deaf") == b"them", told


def racing(rig):
    conflict = "do=answer status=409 " + xml("ConditionalRequestConflict")
    rig.put("race409", b"old")
    rig.proxy.rule("method=PUT n=1 " + conflict)
    assert "saved" in rig.save("race409", b"new", through=rig.proxy)
    rig.proxy.clear()
    rig.proxy.rule(f"method=PUT n=1 {conflict} run={rig.writer('race409', b'them')}")
    rig.save_error("changed by someone else", "", "race409", b"ours", through=rig.proxy)
    assert rig.get("race409") == b"them"
    rig.proxy.clear()
    rig.proxy.rule("method=PUT do=answer status=404 " + xml("NoSuchKey"))
    rig.save_error("changed by someone else", "deleted", "race409", b"ours", through=rig.proxy)


def quotes(rig):
    """Some want the ETag without quotes (this server), some refuse it so."""
    rig.put("q", b"old")
    rig.proxy.rule("do=pass")
    assert "saved" in rig.save("q", b"new", through=rig.proxy)
    sent = [h.header("If-Match") for h in rig.proxy.heads if h.method == "PUT"]
    assert len(sent) == 2 and sent[0] == f'"{sent[1]}"', sent
    rig.proxy.clear()
    rig.proxy.rule("method=PUT do=answer status=412 " + xml("PreconditionFailed"))
    rig.save_error("server error", "refuses the condition", "q", b"ours", through=rig.proxy)
    assert puts(rig) == 2 and rig.get("q") == b"new"
    # One that wants it quoted, as it gave it (without the quotes: 400); a weak one, likewise.
    for etag in ('"00112233445566778899aabbccddeeff"', 'W/"00112233445566778899aabbccddeeff"'):
        rig.proxy.clear()
        rig.proxy.rule(f"method=HEAD n=1,2 do=pass {shlex.quote('set=ETag:' + etag)}")
        rig.proxy.rule("method=PUT n=1 do=pass strip=If-Match")
        rig.proxy.rule("method=PUT do=answer status=400 " + xml("InvalidArgument"))
        assert "saved" in rig.save("q", b"quoted", through=rig.proxy)
        sent = [h.header("If-Match") for h in rig.proxy.heads if h.method == "PUT"]
        assert sent == [etag], (sent, etag)


def replaced_at_once(rig):
    rig.put("after", b"old")
    rig.proxy.rule(f"method=PUT n=2 do=pass run-after={rig.writer('after', b'them!')}")
    rig.save_error("changed by someone else", "it was saved, but someone else", "after", b"ours",
                   through=rig.proxy)


def cannot_look_afterwards(rig):
    rig.put("blind", b"old")
    rig.proxy.rule("method=HEAD n=4- do=answer status=403")
    saved = rig.save("blind", b"new!", through=rig.proxy)
    assert saved["saved"]["size"] == 4 and saved["saved"]["etag"], saved


def cancelled(rig):
    """Given up after so many turns of the loop, whatever runs then; the object is old or new."""
    rig.put("stop", BIG)
    new = rig.file(BIG[::-1])
    commands = (("list", rig.bucket, ""), ("head", rig.bucket, "stop"),
                ("get", rig.bucket, "stop", rig.file()), ("put", rig.bucket, "stop", new))
    outcomes = set()
    for turns in (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30):
        for command in commands:
            lines = rig.run(*command, "--cancel", turns)
            outcomes.add((command[0], "cancelled" in lines[-1]))
        assert rig.get("stop") in (BIG, BIG[::-1])
    assert {(command[0], True) for command in commands} <= outcomes
    # Also while nothing answers at all.
    rig.proxy.rule("do=hang")
    for command in commands:
        assert rig.run(*command, "--cancel", 5, through=rig.proxy)[-1] == {"cancelled": True}


def killed_while_saving(rig):
    """At fifty moments of saves small and large: the object is the old or the new one, whole."""
    chance = random.Random(7)
    large = os.urandom(1 << 20) * 33
    changed = large[:17 << 20] + b"changed!" + large[(17 << 20) + 8:]
    same = f"0:0:{16 << 20},{18 << 20}:{18 << 20}:{15 << 20}"
    for old, new, words, times in ((b"o" * 300000, b"n" * 400000, [], 44),
                                   (large, changed, ["--same", same], 6)):
        ends = {False: 0, True: 0}
        rig.put("kill", old)
        body = rig.file(new)
        began = time.monotonic()
        rig.ok("put", rig.bucket, "kill", body, *words)
        whole = time.monotonic() - began
        there = rig.get("kill")
        assert there == new
        for _ in range(times):
            if there == new:
                rig.put("kill", old)
            ours = rig.start("put", rig.bucket, "kill", body, *words)
            try:
                ours.communicate(timeout=chance.random() * whole)
            except subprocess.TimeoutExpired:   # still at it, which is what we want
                ours.kill()
                ours.communicate(timeout=60)
            there = rig.get("kill")
            assert there in (old, new), "neither the old nor the new one"
            ends[there == new] += 1
        assert ends[False] > 0, ends


TESTS = (
    prefix_is_always_sent, decoded_only_when_the_answer_says_so, names_that_are_not_asked_for,
    token_is_opaque, bare_entries, forbidden_characters, cut_short, error_in_a_good_answer,
    something_else_answers, no_way_on, empty_pages, first_version_of_listings, signed_as_sent,
    busy_servers, words_of_errors,
    another_region, a_region_that_is_none, another_address, skewed_clock, expired_session,
    other_keys_meanwhile, renewed_before_the_end, broken_off, broken_off_for_good,
    changed_while_reading, side_by_side, swapped_between_ranges, large_without_ranges, no_ranges,
    wrong_part, bare_objects, stalled,
    what_is_kept, what_is_sent, no_checksums_behind_the_body, tags_that_may_not_be_read,
    metadata_that_cannot_be_sent,
    new_objects, concurrent_writer, between_look_and_write, lost_answers, lost_requests,
    lost_and_overwritten, lost_without_a_checksum, lost_for_good, no_conditions,
    ignored_conditions, racing, quotes, replaced_at_once, cannot_look_afterwards,
    cancelled, killed_while_saving)

if __name__ == "__main__":
    sys.exit(main(TESTS))
