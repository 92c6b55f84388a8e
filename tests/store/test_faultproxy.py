#!/usr/bin/python3
"""The proxy that injects faults does what its rules say, seen by boto3 before the real server."""
import os
import socket
import subprocess
import sys
import threading
import time

import boto3
import botocore.exceptions
from botocore.config import Config

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "servers"))
from faultproxy import FaultProxy, Signer, address      # noqa: E402

BUCKET = "faultproxy"
LOST = (botocore.exceptions.HTTPClientError, botocore.exceptions.BotoCoreError)


def settings():
    with open(os.environ["STORE_ENV"], encoding="utf-8") as f:
        return dict(line.rstrip("\n").split("=", 1) for line in f if "=" in line)


def client(env, url):
    return boto3.client(
        "s3", endpoint_url=url, region_name=env["REGION"], aws_access_key_id=env["ACCESS_KEY"],
        aws_secret_access_key=env["SECRET_KEY"],
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1},
                      read_timeout=1))


class Bench:
    def __init__(self, env):
        self.env = env
        self.to = address(env["ENDPOINT"].split("//")[1].rstrip("/"))
        self.real = client(env, env["ENDPOINT"])
        signer = Signer(env["ACCESS_KEY"], env["SECRET_KEY"], env["REGION"])
        self.proxy = FaultProxy(self.to, signer=signer).start()
        self.s3 = client(env, self.proxy.url)

    def rules(self, *rules):
        self.proxy.clear()
        for rule in rules:
            self.proxy.rule(rule)

    def stored(self, key):
        try:
            return self.real.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        except botocore.exceptions.ClientError:
            return None

    def statuses(self):
        return [r["status"] for r in self.proxy.requests]


def fails(call, **arguments):
    try:
        call(**arguments)
    except LOST:
        return
    raise AssertionError("no error")


def status(call, **arguments):
    try:
        return call(**arguments)["ResponseMetadata"]["HTTPStatusCode"]
    except botocore.exceptions.ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"]


def nothing_wrong(b):
    b.rules()
    for key in ("a b+c%.pkl", "x//y", "\u00fc", "k?&=#"):
        b.s3.put_object(Bucket=BUCKET, Key=key, Body=key.encode())
        assert b.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == key.encode()
    big = bytes(range(256)) * 20000
    b.s3.put_object(Bucket=BUCKET, Key="big", Body=big)
    assert b.s3.get_object(Bucket=BUCKET, Key="big")["Body"].read() == big
    assert b.s3.head_object(Bucket=BUCKET, Key="big")["ContentLength"] == len(big)
    assert len(b.s3.list_objects_v2(Bucket=BUCKET)["Contents"]) >= 5
    assert 0 not in b.statuses()


def drop_before(b):
    b.rules("method=PUT path=/never do=drop-before")
    fails(b.s3.put_object, Bucket=BUCKET, Key="never", Body=b"x")
    assert b.stored("never") is None and b.statuses() == [0]


def drop_after(b):
    for reset in ("", " reset=1"):
        b.rules("method=PUT do=drop-after" + reset)
        fails(b.s3.put_object, Bucket=BUCKET, Key="after", Body=b"new" + reset.encode())
        assert b.stored("after") == b"new" + reset.encode() and b.statuses() == [200]


def drop_forwarded(b):
    b.rules("method=PUT do=drop-forwarded")
    fails(b.s3.put_object, Bucket=BUCKET, Key="forwarded", Body=b"x")
    for _ in range(100):
        if b.stored("forwarded") == b"x":
            return
        time.sleep(0.02)
    raise AssertionError("it did not arrive")


def cut(b):
    b.real.put_object(Bucket=BUCKET, Key="cut", Body=b"0123456789")
    for at, got in (("at=4", b"0123"), ("at=-1", b"012345678"), ("at=0", b"")):
        b.rules("method=GET do=cut " + at)
        body = b.s3.get_object(Bucket=BUCKET, Key="cut")["Body"]
        read = b""
        try:
            while True:
                piece = body.read(1)
                if not piece:
                    break
                read += piece
        except LOST:
            pass
        else:
            raise AssertionError("not cut")
        assert read == got, read
    b.rules("method=GET do=cut-head at=10")
    fails(b.s3.get_object, Bucket=BUCKET, Key="cut")


def the_n_th(b):
    b.rules("method=HEAD path=/n n=2 do=answer status=503", "method=HEAD n=3- do=answer status=404")
    b.real.put_object(Bucket=BUCKET, Key="n", Body=b"x")
    seen = [status(b.s3.head_object, Bucket=BUCKET, Key="n") for _ in range(6)]
    # What the first rule takes the second does not count.
    assert seen == [200, 503, 200, 404, 404, 404], seen


def other_answers(b):
    b.rules("method=PUT do=answer-after status=500 set=X-A:b "
            "body='<Error><Code>Odd</Code></Error>'")
    try:
        b.s3.put_object(Bucket=BUCKET, Key="told", Body=b"x")
        raise AssertionError("no error")
    except botocore.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == "Odd"
        assert error.response["ResponseMetadata"]["HTTPHeaders"]["x-a"] == "b"
    assert b.stored("told") == b"x"
    b.rules("do=pass strip-answer=ETag set=x-amz-meta-new:yes")
    head = b.s3.head_object(Bucket=BUCKET, Key="told")
    assert "ETag" not in head and head["Metadata"] == {"new": "yes"}


def conditions_are_ignored(b):
    def condition(request, **_):
        request.headers["If-Match"] = '"0123456789abcdef0123456789abcdef"'
    b.real.put_object(Bucket=BUCKET, Key="if", Body=b"old")
    b.s3.meta.events.register("before-sign.s3.PutObject", condition)
    try:
        b.rules()
        assert status(b.s3.put_object, Bucket=BUCKET, Key="if", Body=b"new") == 412
        b.rules("method=PUT header=If-Match do=pass strip=If-Match")
        assert status(b.s3.put_object, Bucket=BUCKET, Key="if", Body=b"new") == 200
    finally:
        b.s3.meta.events.unregister("before-sign.s3.PutObject", condition)
    assert b.stored("if") == b"new"


def hold_and_run(b):
    b.rules("method=PUT hold=1 do=pass")
    writer = threading.Thread(
        target=b.s3.put_object, kwargs={"Bucket": BUCKET, "Key": "held", "Body": b"late"})
    writer.start()
    assert b.proxy.wait_held()
    assert b.stored("held") is None
    b.real.put_object(Bucket=BUCKET, Key="held", Body=b"first")
    b.proxy.release()
    writer.join()
    assert b.stored("held") == b"late"
    flag = os.path.join(os.environ["TEST_TMP"], "a flag")
    b.rules(f"method=GET do=pass run='touch \"{flag}\"'")
    b.s3.get_object(Bucket=BUCKET, Key="held")["Body"].read()
    assert os.path.exists(flag)


def slow_and_hanging(b):
    b.real.put_object(Bucket=BUCKET, Key="slow", Body=b"x" * 20)
    b.rules("method=GET do=slow bytes=5 ms=50")
    before = time.monotonic()
    assert b.s3.get_object(Bucket=BUCKET, Key="slow")["Body"].read() == b"x" * 20
    assert time.monotonic() - before >= 0.2
    b.rules("method=GET do=hang", "method=PUT do=hang-after")
    fails(b.s3.get_object, Bucket=BUCKET, Key="slow")
    fails(b.s3.put_object, Bucket=BUCKET, Key="slow", Body=b"y")
    assert b.stored("slow") == b"y"


def by_command_line(b):
    program = os.path.join(HERE, "..", "servers", "faultproxy.py")
    process = subprocess.Popen(
        [sys.executable, program, "--to", "%s:%d" % b.to, "--control", "127.0.0.1:0",
         "--rule", "method=HEAD n=1 do=answer status=418"], stdout=subprocess.PIPE, text=True)
    try:
        url = "http://" + process.stdout.readline().split()[-1]
        control = address(process.stdout.readline().split()[-1])
        s3 = client(b.env, url)
        assert status(s3.head_bucket, Bucket=BUCKET) == 418
        assert status(s3.head_bucket, Bucket=BUCKET) == 200
        with socket.create_connection(control) as sock, sock.makefile("rw") as lines:
            def ask(line):
                print(line, file=lines, flush=True)
                return lines.readline().strip()
            assert '"status": 200' in ask("requests")
            assert ask("rule method=HEAD do=answer status=419") == "ok"
            assert status(s3.head_bucket, Bucket=BUCKET) == 419
            assert ask("clear") == "ok"
            assert status(s3.head_bucket, Bucket=BUCKET) == 200
            assert ask("held") == "0" and ask("release") == "ok"
            assert ask("rule do=nonsense").startswith("error") and ask("x").startswith("error")
    finally:
        process.terminate()
        process.wait()
    bad = subprocess.run([sys.executable, program, "--to", "127.0.0.1:1", "--rule", "x=y"],
                         capture_output=True, text=True, check=False)
    assert bad.returncode != 0 and "x=y" in bad.stderr


def main():
    bench = Bench(settings())
    bench.real.create_bucket(Bucket=BUCKET)
    for left in bench.real.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        bench.real.delete_object(Bucket=BUCKET, Key=left["Key"])
    passed = failed = 0
    for test in (nothing_wrong, drop_before, drop_after, drop_forwarded, cut, the_n_th,
                 other_answers, conditions_are_ignored, hold_and_run, slow_and_hanging,
                 by_command_line):
        try:
            test(bench)
            passed += 1
        except Exception as error:                 # one test must not hide the next
            print(f"{test.__name__}: {type(error).__name__}: {error}")
            failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
