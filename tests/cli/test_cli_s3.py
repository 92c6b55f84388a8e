#!/usr/bin/python3
"""The batch commands against a real S3 server, with boto3 on the other side."""
import atexit
import gzip
import json
import os
import pickle
import random
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from urllib.parse import urlsplit

import boto3
import botocore
from botocore.config import Config

from harness import TOP, Failed, Place, run_all, same, wait_until_waiting
sys.path.insert(0, os.path.join(TOP, "tests", "servers"))
from faultproxy import FaultProxy  # noqa: E402

JOHN = {"name": "John", "age": 30, "city": "New York"}
BYTES = pickle.dumps(JOHN)
META = {"owner": "ann", "run": "17"}


def server():
    """ENDPOINT and keys: from the environment, the file that it names, or a server of our own."""
    if "ENDPOINT" in os.environ:
        return dict(os.environ)
    file = os.environ.get("STORE_ENV")
    if not file:
        folder = os.path.join(tempfile.mkdtemp(prefix="pklbrowse-s3."), "ceph")
        tools = os.path.join(TOP, "tests", "servers", "ceph")
        atexit.register(subprocess.run, [os.path.join(tools, "stop"), "--data", folder, "--kill",
                                         "--wipe", "--quiet"], check=False)
        subprocess.run([os.path.join(tools, "start"), "--data", folder, "--free-port", "--fresh",
                        "--quiet"], check=True)
        file = os.path.join(folder, "env")
    with open(file, encoding="ascii") as f:
        return dict(line.rstrip("\n").split("=", 1) for line in f if "=" in line)


S = server()
REGION = S.get("REGION", "us-east-1")
S3 = boto3.client("s3", endpoint_url=S["ENDPOINT"], aws_access_key_id=S["ACCESS_KEY"],
                  aws_secret_access_key=S["SECRET_KEY"], region_name=REGION,
                  config=Config(s3={"addressing_style": "path"}))
ENV = {"AWS_ENDPOINT_URL": S["ENDPOINT"], "AWS_ACCESS_KEY_ID": S["ACCESS_KEY"],
       "AWS_SECRET_ACCESS_KEY": S["SECRET_KEY"], "AWS_REGION": REGION}


def bucket():
    name = "cli-" + uuid.uuid4().hex[:12]
    S3.create_bucket(Bucket=name)
    atexit.register(empty, name)
    return name


def empty(name):
    for page in S3.get_paginator("list_object_versions").paginate(Bucket=name):
        found = [{"Key": v["Key"], "VersionId": v["VersionId"]}
                 for v in page.get("Versions", []) + page.get("DeleteMarkers", [])]
        if found:
            S3.delete_objects(Bucket=name, Delete={"Objects": found, "Quiet": True})
    S3.delete_bucket(Bucket=name)


def put(where, key, data=BYTES, **more):
    return S3.put_object(Bucket=where, Key=key, Body=data, **more)["ETag"]


def get(where, key):
    return S3.get_object(Bucket=where, Key=key)["Body"].read()


def there(where, key):
    try:
        S3.head_object(Bucket=where, Key=key)
        return True
    except botocore.exceptions.ClientError:
        return False


# ---------------------------------------------------------------------------------------- set

def test_one_byte(p: Place):
    where = bucket()
    put(where, "data.pickle", ContentType="application/x-pickle", Metadata=META,
        CacheControl="no-cache", ContentDisposition="attachment", ContentLanguage="de")
    done = p.run("set", f"s3://{where}/data.pickle", ".age=31").expect(0)
    if "['age']  30 → 31" not in done.out:
        raise Failed(f"{done}")
    now = S3.get_object(Bucket=where, Key="data.pickle")
    data = now["Body"].read()
    same(pickle.loads(data), {**JOHN, "age": 31})
    same(sum(a != b for a, b in zip(data, BYTES)), 1, "bytes that differ")
    same(len(data), len(BYTES))
    same((now["ContentType"], now["Metadata"], now["CacheControl"], now["ContentDisposition"],
          now["ContentLanguage"]),
         ("application/x-pickle", META, "no-cache", "attachment", "de"), "properties")
    if BYTES not in p.history():
        raise Failed("the replaced bytes were not kept")
    if now["ETag"].strip('"') not in done.out:
        raise Failed(f"the new ETag is not named: {done}")


def test_if_match(p: Place):
    where = bucket()
    old = put(where, "k")
    url = f"s3://{where}/k"
    p.run("set", url, ".age=31", "--if-match", old.strip('"')).expect(0)
    saved = get(where, "k")
    p.run("set", url, ".age=32", "--if-match", old).expect(4, "", "--if-match")
    same(get(where, "k"), saved, "after a stale --if-match")
    row = json.loads(p.run("ls", "--json", url).expect(0).out)
    p.run("set", url, ".age=32", "--if-match", row["etag"]).expect(0)
    columns = p.run("ls", "-l", url).expect(0).out.split()
    p.run("set", url, ".age=33", "--if-match", columns[2]).expect(0)
    same(pickle.loads(get(where, "k"))["age"], 33)


def test_nothing_written(p: Place):
    where = bucket()
    put(where, "k")
    before = S3.head_object(Bucket=where, Key="k")
    url = f"s3://{where}/k"
    p.run("set", url, ".age=30").expect(0)
    p.run("set", url, ".age=31", "--dry-run").expect(0)
    p.run("set", url, ".age=31", ".nobody=1").expect(3, "")
    p.run("set", "--read-only", url, ".age=31").expect(7, "")
    p.run("set", url, ".age=31", "-o", "file").expect(0)
    after = S3.head_object(Bucket=where, Key="k")
    same((before["ETag"], before["LastModified"]), (after["ETag"], after["LastModified"]))
    same(pickle.loads(p.get("file"))["age"], 31)


def test_set_elsewhere(p: Place):
    where = bucket()
    put(where, "k", ContentType="application/x-pickle", Metadata=META)
    p.run("set", f"s3://{where}/k", ".age=31", "-o", f"s3://{where}/new").expect(0)
    new = S3.get_object(Bucket=where, Key="new")
    same((new["ContentType"], new["Metadata"]), ("application/x-pickle", META))
    same(pickle.loads(new["Body"].read())["age"], 31)
    same(get(where, "k"), BYTES)


def test_versions(p: Place):
    where = bucket()
    S3.put_bucket_versioning(Bucket=where, VersioningConfiguration={"Status": "Enabled"})
    put(where, "k", pickle.dumps({"n": 1}))
    old = S3.head_object(Bucket=where, Key="k")["VersionId"]
    url = f"s3://{where}/k"
    report = json.loads(p.run("set", "--json", url, ".n=2").expect(0).out)
    same(report["version_id"], S3.head_object(Bucket=where, Key="k")["VersionId"])
    p.run("show", "--repr", url).expect(0, "{'n': 2}\n")
    p.run("show", "--repr", url, "--version-id", old).expect(0, "{'n': 1}\n")
    row = json.loads(p.run("ls", "--json", url, "--version-id", old).expect(0).out)
    same(row["version_id"], old)
    p.run("set", url, ".n=3", "--version-id", old).expect(4, "")
    same(pickle.loads(get(where, "k")), {"n": 2})


# ---------------------------------------------------------------------------- what is compressed

def test_content_encoding(p: Place):
    """An object with Content-Encoding: gzip is edited decoded, and saved as it was encoded."""
    where = bucket()
    put(where, "data.pickle", gzip.compress(BYTES), ContentEncoding="gzip", Metadata=META,
        ContentType="application/x-pickle")
    url = f"s3://{where}/data.pickle"
    p.run("show", "--repr", url).expect(0, repr(JOHN) + "\n")
    p.run("set", url, ".age=31").expect(0)
    now = S3.get_object(Bucket=where, Key="data.pickle")
    data = now["Body"].read()
    same(pickle.loads(gzip.decompress(data)), {**JOHN, "age": 31})
    same((now["ContentEncoding"], now["ContentType"], now["Metadata"]),
         ("gzip", "application/x-pickle", META))
    same(now["ContentLength"], len(data))
    if gzip.compress(BYTES)[10:] not in [kept[10:] for kept in p.history()]:
        raise Failed("the bytes as they were stored were not kept")
    # said to be gzip, and is not: what is there counts
    put(where, "plain", BYTES, ContentEncoding="gzip")
    p.run("set", f"s3://{where}/plain", ".age=32").expect(0)
    same(pickle.loads(get(where, "plain")), {**JOHN, "age": 32})


def test_large_compressed(p: Place):
    """In parts: what comes before the change is not sent again."""
    where = bucket()
    rng = random.Random(3)
    value = [rng.randbytes(1 << 20) for _ in range(30)] + [JOHN]
    put(where, "big", gzip.compress(pickle.dumps(value), 1))
    url = f"s3://{where}/big"
    report = json.loads(p.run("set", "--json", url, "[30].age=31").expect(0).out)
    if report["untouched"] < 25 << 20:
        raise Failed(f"{report}")
    value[30] = {**JOHN, "age": 31}
    same(pickle.loads(gzip.decompress(get(where, "big"))) == value, True)
    p.run("set", url, "[0]=b''").expect(0)
    value[0] = b""
    same(pickle.loads(gzip.decompress(get(where, "big"))) == value, True)


# ------------------------------------------------------------------------------------- refusals

def test_refusals(p: Place):
    where = bucket()
    put(where, "k")
    url = f"s3://{where}/k"
    wrong = {"AWS_SECRET_ACCESS_KEY": "wrong" * 8}
    for command in (["show", url], ["set", url, ".age=31"], ["cp", url, "x"],
                    ["ls", f"s3://{where}/"], ["ls"]):
        done = p.run(*command, env=wrong).expect(5, "")
        if "wrongwrong" in done.err:
            raise Failed(f"a secret in the message: {done}")
    for command in (["show"], ["set", ".age=31"], ["cp", "x"]):
        p.run(command[0], f"s3://{where}/missing", *command[1:]).expect(3, "", "missing")
        p.run(command[0], "s3://no-such-bucket-here/k", *command[1:]).expect(3, "")
    p.run("ls", "s3://no-such-bucket-here/").expect(3, "")
    p.run("ls", f"s3://{where}/missing").expect(3, "", "missing")
    p.run("cp", p.put("f", BYTES), "s3://no-such-bucket-here/k").expect(3, "")
    same(get(where, "k"), BYTES)
    p.run("show", url, "--no-sign-request").expect(5, "")
    p.run("show", url, env={"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}).expect(7, "")
    p.run("show", f"s3://{where}/").expect(2, "")
    p.run("show", f"s3://{where}").expect(2, "")


def test_no_credentials(p: Place):
    where = bucket()
    none = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    p.run("ls", f"s3://{where}/", env=none).expect(5, "")
    S3.put_bucket_acl(Bucket=where, ACL="public-read")
    put(where, "open", ACL="public-read")
    p.run("ls", f"s3://{where}/", "--no-sign-request", env=none).expect(0, "open\n")
    p.run("show", "--repr", f"s3://{where}/open", ".age", "--no-sign-request",
          env=none).expect(0, "30\n")


def test_profiles(p: Place):
    where = bucket()
    put(where, "k")
    os.makedirs(os.path.join(p.home, ".aws"))
    with open(os.path.join(p.home, ".aws", "credentials"), "w", encoding="ascii") as f:
        f.write(f"[lab]\naws_access_key_id = {S['ACCESS_KEY']}\n"
                f"aws_secret_access_key = {S['SECRET_KEY']}\n")
    with open(os.path.join(p.home, ".aws", "config"), "w", encoding="ascii") as f:
        f.write(f"[profile lab]\nregion = {REGION}\nendpoint_url = {S['ENDPOINT']}\n")
    none = {k: "" for k in ENV}
    url = f"s3://{where}/k"
    p.run("show", "--repr", url, ".age", "--profile", "lab", env=none).expect(0, "30\n")
    p.run("show", "--repr", url, ".age", env={**none, "AWS_PROFILE": "lab"}).expect(0, "30\n")
    p.run("show", url, "--profile", "nobody", env=none).expect(2, "", "nobody")
    p.run("show", "--repr", url, ".age", "--profile", "lab", "--addressing=path",
          env=none).expect(0, "30\n")


# ----------------------------------------------------------------------------------------- ls

ODD = ["plain", "with blank", "a+b", "100%", "a%20b", "q?x=1#y", "//", "a//b", "a/./b", "a/../b",
       "größe", "작업결과", "🥒", "quote'\"", "tab\there", "~!$&()*,;=:@", "x" * 900, "sub/one",
       "sub/two"]


def test_ls(p: Place):
    where = bucket()
    for key in ODD:
        put(where, key, key.encode())
    names = [n for n in p.run("ls").expect(0).out.split("\n") if n]
    if f"{where}/" not in names:
        raise Failed(f"{where} is not among {names}")
    listed = S3.list_objects_v2(Bucket=where, Delimiter="/")
    want = sorted([c["Key"] for c in listed["Contents"]] +
                  [c["Prefix"] for c in listed["CommonPrefixes"]])
    got = p.run("ls", f"s3://{where}").expect(0).out.split("\n")[:-1]
    same(sorted(n.replace("\\t", "\t") for n in got), want, "names of one level")
    rows = [json.loads(line) for line in
            p.run("ls", "--json", "-r", f"s3://{where}/").expect(0).out.split("\n") if line]
    same(sorted(r["name"] for r in rows), sorted(ODD), "names of all levels")
    same(p.run("ls", f"s3://{where}/sub/").expect(0).out, "one\ntwo\n")
    same(p.run("ls", f"s3://{where}/sub").expect(0).out, "sub/\n")
    same(p.run("ls", f"s3://{where}/sub/t").expect(0).out, "two\n")
    p.run("ls", f"s3://{bucket()}/").expect(0, "")


def test_odd_keys(p: Place):
    where = bucket()
    for key in ODD:
        put(where, key, pickle.dumps({"k": key}))
    for key in ODD:
        url = f"s3://{where}/{key}"
        p.run("show", "--repr", url, ".k").expect(0, repr(key) + "\n")
        p.run("set", url, ".k=7").expect(0)
        same(pickle.loads(get(where, key)), {"k": 7}, key)
    same(sorted(c["Key"] for c in S3.list_objects_v2(Bucket=where)["Contents"]), sorted(ODD))


def test_ls_pages(p: Place):
    where = bucket()
    keys = [f"many/{i:05d}" for i in range(2500)]
    for key in keys:
        put(where, key, b"")
    same(p.run("ls", f"s3://{where}/many/").expect(0).out.split(), [k[5:] for k in keys])
    same(p.run("ls", "-r", f"s3://{where}").expect(0).out.split(), keys)


def test_ls_everything(p: Place):
    one, two = bucket(), bucket()
    put(one, "a/b")
    put(two, "c")
    lines = p.run("ls", "-r").expect(0).out.split("\n")
    if f"{one}/a/b" not in lines or f"{two}/c" not in lines:
        raise Failed(f"{lines}")


# ----------------------------------------------------------------------------------------- cp

def test_cp(p: Place):
    where = bucket()
    put(where, "a/k.pkl", ContentType="application/x-pickle", Metadata=META)
    p.run("cp", f"s3://{where}/a/k.pkl", ".").expect(0, "")
    same(p.get("k.pkl"), BYTES)
    same(p.run("cp", f"s3://{where}/a/k.pkl", "-").expect(0).raw, BYTES)
    p.run("cp", f"s3://{where}/a/k.pkl", f"s3://{where}/b/").expect(0)
    copy = S3.get_object(Bucket=where, Key="b/k.pkl")
    same((copy["Body"].read(), copy["ContentType"], copy["Metadata"]),
         (BYTES, "application/x-pickle", META), "copied within the store")
    p.run("cp", "k.pkl", f"s3://{where}").expect(0)
    same(get(where, "k.pkl"), BYTES)
    p.run("cp", "-", f"s3://{where}/new", stdin=b"from a pipe").expect(0)
    same(get(where, "new"), b"from a pipe")
    p.run("cp", "k.pkl", "s3://").expect(2, "", "container")
    p.run("cp", f"s3://{where}/new", f"s3://{where}/new").expect(2, "", "itself")


def test_cp_replaces(p: Place):
    where = bucket()
    put(where, "k", b"what was there", ContentType="application/x-pickle", Metadata=META)
    p.put("f", BYTES)
    p.run("cp", "f", f"s3://{where}/k").expect(0)
    now = S3.get_object(Bucket=where, Key="k")
    same((now["Body"].read(), now["ContentType"], now["Metadata"]),
         (BYTES, "application/x-pickle", META), "replaced by a file")
    if b"what was there" not in p.history():
        raise Failed("what was there was not kept")
    p.run("cp", "--read-only", "f", f"s3://{where}/other").expect(7, "")
    same(there(where, "other"), False)


def test_cp_big(p: Place):
    where = bucket()
    data = os.urandom(1 << 20) * 24
    p.put("f", data)
    p.run("cp", "f", f"s3://{where}/big").expect(0)
    same(get(where, "big") == data, True)
    p.run("cp", f"s3://{where}/big", "g").expect(0)
    same(p.get("g") == data, True)


# ------------------------------------------------------------------------------------ quietness

def test_no_secrets_in_logs(p: Place):
    where = bucket()
    put(where, "k")
    done = p.run("--verbose", "--log-file", "log", "set", f"s3://{where}/k", ".age=31").expect(0)
    text = p.get("log").decode() + done.err
    if "PUT" not in text:
        raise Failed("the log has no requests")
    if S["SECRET_KEY"] in text or "Signature=" in text.replace("Signature=[redacted]", ""):
        raise Failed("a secret in the log")


# --------------------------------------------------------------- when the network goes wrong

def proxied(*rules):
    to = urlsplit(S["ENDPOINT"])
    proxy = FaultProxy((to.hostname, to.port)).start()
    for rule in rules:
        proxy.rule(rule)
    return proxy


def puts(proxy):
    return [r for r in proxy.requests if r["method"] == "PUT"]


def test_lost_answer(p: Place):
    """The server saved it, its answer was lost: saved, and not sent again. The second one is lost
    as well as the first one: a server that wants the ETag without quotes refuses the first."""
    for what in ("drop-after", "drop-after reset=1", "cut-head at=7"):
        for which in (1, 2):
            where = bucket()
            put(where, "k", ContentType="application/x-pickle", Metadata=META)
            proxy = proxied(f"method=PUT n={which} do={what}")
            done = p.run("set", f"s3://{where}/k", ".age=31",
                         env={"AWS_ENDPOINT_URL": proxy.url}).expect(0)
            same([r["status"] for r in puts(proxy)].count(200), 1, "times that the server saved it")
            same(puts(proxy)[-1]["status"], 200, "the last one")
            now = S3.get_object(Bucket=where, Key="k")
            same(pickle.loads(now["Body"].read())["age"], 31)
            same(now["Metadata"], META)
            if "saved" not in done.out:
                raise Failed(f"{done}")
            proxy.stop()


def test_never_arrived(p: Place):
    """The connection broke before the server saw it: sent again, saved."""
    where = bucket()
    put(where, "k")
    proxy = proxied("method=PUT n=1 do=drop-before")
    p.run("set", f"s3://{where}/k", ".age=31", env={"AWS_ENDPOINT_URL": proxy.url}).expect(0)
    same(pickle.loads(get(where, "k"))["age"], 31)
    proxy.stop()


def test_somebody_else_writes(p: Place):
    """Between our look and our PUT: refused, theirs stays."""
    where = bucket()
    put(where, "k")
    theirs = pickle.dumps({**JOHN, "name": "Ann"})
    with open(p.path("theirs"), "wb") as f:
        f.write(theirs)
    script = p.put("write.py", f"""
import boto3
from botocore.config import Config
boto3.client("s3", endpoint_url={S["ENDPOINT"]!r}, aws_access_key_id={S["ACCESS_KEY"]!r},
             aws_secret_access_key={S["SECRET_KEY"]!r}, region_name={REGION!r},
             config=Config(s3={{"addressing_style": "path"}})).put_object(
    Bucket={where!r}, Key="k", Body=open({p.path("theirs")!r}, "rb").read())
""".encode())
    command = shlex.quote(f"run={sys.executable} {script}")
    for command_line in (["set", f"s3://{where}/k", ".age=31"],
                         ["cp", p.put("f", b"other"), f"s3://{where}/k"]):
        put(where, "k")
        proxy = proxied(f"method=PUT n=1 do=pass {command}")
        p.run(*command_line, env={"AWS_ENDPOINT_URL": proxy.url}).expect(4, "")
        same(get(where, "k"), theirs, "what somebody else wrote")
        proxy.stop()


def test_read_is_cut(p: Place):
    where = bucket()
    data = pickle.dumps(list(range(300000)))
    put(where, "k", data)
    proxy = proxied("method=GET n=1 do=cut at=100000")
    done = p.run("cp", f"s3://{where}/k", "-", env={"AWS_ENDPOINT_URL": proxy.url})
    if done.status == 0:
        same(done.raw == data, True, "bytes of a read that went on")
    elif done.status != 7:
        raise Failed(f"{done}")
    proxy.clear()
    proxy.rule("method=GET n=1 do=drop-before")
    p.run("show", "--repr", f"s3://{where}/k", "[-1]",
          env={"AWS_ENDPOINT_URL": proxy.url}).expect(0, "299999\n")
    proxy.stop()


def test_interrupted(p: Place):
    """^C while the server does not answer: status 130, nothing half written."""
    where = bucket()
    put(where, "k")
    p.put("f", b"x" * 300000)
    url = f"s3://{where}/k"
    for rule, args in (("do=hang", ["show", url]), ("method=GET do=hang", ["show", url]),
                       ("method=GET do=slow bytes=1 ms=1000", ["cp", url, "file"]),
                       ("method=PUT do=hang", ["set", url, ".age=31"]),
                       ("method=PUT do=hang", ["cp", "f", f"s3://{where}/new"]),
                       ("do=hang", ["ls", f"s3://{where}"])):
        proxy = proxied(rule)
        w = p.start(*args, env={"AWS_ENDPOINT_URL": proxy.url}, stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE)
        wait_until_waiting(w)
        before = time.monotonic()
        w.send_signal(signal.SIGINT)
        err = w.communicate(timeout=60)[1]
        same(w.returncode, 130, f"{rule} {args} {err}")
        if time.monotonic() - before > 5:
            raise Failed(f"{rule} {args}: it took {time.monotonic() - before:.1f} s to stop")
        proxy.stop()
    same(get(where, "k"), BYTES)
    same(there(where, "new"), False)
    same(os.path.exists(p.path("file")), False)


if __name__ == "__main__":
    TESTS = [test for name, test in list(globals().items()) if name.startswith("test_")]
    sys.exit(run_all(TESTS, ENV))
