#!/usr/bin/python3
"""What needs a person while the screen works: signing on again, codes, a process that asks.

A real S3 server stands behind a proxy that signs again what comes with the keys of the services
that hand out credentials: the server knows its own keys alone.
"""
import os
import pickle
import shlex
import sys

from harness import TOP, Failed, Place, run_all, same
from test_cli_s3 import JOHN, S, S3, bucket, get, put
from test_cli_whoami import BOTOCORE, CONFIG, HERE, cache_file, on_screen, prepare, signed_in

sys.path.insert(0, os.path.join(TOP, "tests", "servers"))
from faultproxy import FaultProxy, Signer  # noqa: E402

EXPIRED = shlex.quote("body=<Error><Code>ExpiredToken</Code></Error>")
EDIT = ["expect 'John'", "key j j e ^U", "type 31", "key Enter", "expect was 30", "key s",
        "expect 1 change"]


class Store:
    """A bucket with one pickle in it, behind the proxy; the rules given come first."""

    def __init__(self, *rules):
        host, port = S["ENDPOINT"].rsplit("/", 1)[1].split(":")
        self.proxy = FaultProxy((host, int(port)), signer=Signer(
            S["ACCESS_KEY"], S["SECRET_KEY"], S.get("REGION", "us-east-1"))).start()
        for rule in rules:
            self.proxy.rule(rule)
        self.proxy.rule("header=x-amz-security-token do=pass strip=x-amz-security-token")
        self.proxy.rule("do=pass strip=x-amz-date")
        self.bucket = bucket()
        put(self.bucket, "data.pickle")
        self.where = f"s3://{self.bucket}/data.pickle"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.proxy.stop()

    def env(self, profile, **more):
        return {"AWS_PROFILE": profile, "AWS_ENDPOINT_URL_S3": self.proxy.url, **more}

    def saved(self):
        same(pickle.loads(get(self.bucket, "data.pickle")), dict(JOHN, age=31))

    def puts(self):
        return [row["method"] for row in self.proxy.requests].count("PUT")


def aws_command(p, does):
    """A command `aws` of ours, first in PATH; what it was called with stands in "called"."""
    os.makedirs(p.path("bin"), exist_ok=True)
    p.put("bin/aws", f"""#!{BOTOCORE}
import json, sys
with open({p.path('called')!r}, "a") as f:
    f.write(json.dumps(sys.argv[1:]) + "\\n")
{does}
""".encode())
    os.chmod(p.path("bin/aws"), 0o755)
    return {"PATH": p.path("bin") + ":" + os.environ["PATH"]}


def sign_on(p, name):
    """What `aws sso login` does at its end."""
    signed_in(p, name)
    with open(cache_file(p, name), encoding="utf-8") as f:
        text = f.read()
    return f"open({cache_file(p, name)!r}, 'w').write({text!r})"


def called(p):
    try:
        with open(p.path("called"), encoding="utf-8") as f:
            return f.read().splitlines()
    except FileNotFoundError:
        return []


def test_sign_on_from_inside(p: Place):
    """The command is shown, and run on a key; what waited for it goes on, and nothing else is."""
    prepare(p)
    with Store() as store:
        path = aws_command(p, sign_on(p, "work"))
        env = store.env("sso", **path)
        for left in (-10, None):
            if left is None:
                os.unlink(cache_file(p, "work"))
            else:
                signed_in(p, "work", left)
            on_screen(p, ["await Run it, outside the screen", "expect aws sso login --profile sso",
                          "key r", "expect 'John'", "expect data.pickle"],
                      store.where, env=env).expect(0)
        same(called(p), ['["sso", "login", "--profile", "sso"]'] * 2)
        # Not now: said, and asked again when it is tried again.
        signed_in(p, "work", -10)
        on_screen(p, ["await Run it, outside", "key Esc", "await run `aws sso login --profile sso`",
                      "expect-not Run it", "key R", "await Run it, outside", "key Enter",
                      "await has expired", "expect-not Run it", "key R", "await Run it", "key r",
                      "expect data.pickle"],
                  f"s3://{store.bucket}/", env=env).expect(0)
        same(len(called(p)), 3)
        # For a role that needs the sign-on of another profile.
        signed_in(p, "https://start", -10)
        aws_command(p, sign_on(p, "https://start"))
        signed_in(p, "https://start", -10)
        on_screen(p, ["await Run it", "expect aws sso login --profile sso-legacy", "key r",
                      "expect 'John'"], store.where, env=store.env("role-sso", **path)).expect(0)


def test_sign_on_that_fails(p: Place):
    prepare(p)
    with Store() as store:
        for does, words in (("sys.exit(3)", "aws did not end well"), ("", "has expired")):
            signed_in(p, "work", -10)
            path = aws_command(p, does)
            on_screen(p, ["await Run it", "key r", "await run `aws sso login", "key ^O",
                          f"expect {words}"], store.where, env=store.env("sso", **path)).expect(0)
        same(len(called(p)), 2)
        on_screen(p, ["await Run it", "key r", "await run `aws sso login", "key ^O",
                      "expect is not there"], store.where,
                  env=store.env("sso", PATH=p.path("nothing-here"))).expect(0)


def test_sign_on_during_a_save(p: Place):
    """It ends while a save runs: asked for, renewed, saved; or not, and the edit is kept."""
    prepare(p)
    ended = p.path("ended.py")
    signed_in(p, "work", -10)
    with open(cache_file(p, "work"), encoding="utf-8") as f:
        p.put("ended.py", f"open({cache_file(p, 'work')!r}, 'w').write({f.read()!r})".encode())
    rule = (f"method=PUT n=1 do=answer status=400 {EXPIRED} "
            f"run={shlex.quote(BOTOCORE + ' ' + ended)}")
    with Store(rule) as store:
        path = aws_command(p, sign_on(p, "work"))
        signed_in(p, "work")
        on_screen(p, EDIT + ["key Enter", "await Run it, outside", "key r", "await Saved. ETag",
                             "expect-not unsaved"],
                  store.where, env=store.env("sso", **path)).expect(0)
        store.saved()
        same((len(called(p)), store.puts()), (1, 3))     # this server wants the other ETag as well
    with Store(rule) as store:
        signed_in(p, "work")
        on_screen(p, EDIT + ["key Enter", "await Run it, outside", "key n", "await has expired",
                             "expect 1 unsaved", "expect was 30", "key s", "expect 1 change",
                             "key Enter", "await Run it", "key r", "await Saved. ETag"],
                  store.where, env=store.env("sso", **path)).expect(0)
        store.saved()


def test_code_during_a_save(p: Place):
    """The role's session ends while a save runs: its code is asked for, and the save goes on."""
    prepare(p)
    with Store(f"method=PUT n=1 do=answer status=400 {EXPIRED}") as store:
        on_screen(p, ["await MFA code:", "type 123456", "key Enter"] + EDIT + [
            "key Enter", "await MFA code:", "type 123456", "key Enter",
            "await Saved. ETag", "expect-not unsaved", "expect-not MFA code"],
                  store.where, env=store.env("role-mfa")).expect(0)
        store.saved()
        same([s["what"] for s in HERE.seen], ["AssumeRole"] * 2)
    with Store(f"method=PUT n=1 do=answer status=400 {EXPIRED}") as store:
        on_screen(p, EDIT + ["key Enter", "await MFA code:", "key Esc", "await no MFA code",
                             "expect 1 unsaved", "expect was 30", "key s", "expect 1 change",
                             "key Enter", "await MFA code:", "type 123456", "key Enter",
                             "await Saved. ETag"],
                  store.where, env=store.env("role-mfa")).expect(0)
        store.saved()


def test_ends_while_it_saves(p: Place):
    """Keys of a short life are renewed between two requests of a save, without a word."""
    prepare(p)
    HERE.life = 2
    try:
        with Store("method=PUT do=pass strip=x-amz-security-token delay=1100") as store:
            on_screen(p, EDIT + ["key Enter", "await Saved. ETag", "expect-not unsaved"],
                      store.where, env=store.env("role")).expect(0)
            store.saved()
        if len([s for s in HERE.seen if s["what"] == "AssumeRole"]) < 2:
            raise Failed(f"not renewed: {HERE.seen}")
    finally:
        HERE.life = 3600


def test_process_that_asks(p: Place):
    """It never has the terminal while the screen does; it is offered to be run outside."""
    asks = p.path("asks.py")
    p.put("asks.py", b"""import json, os, sys
if os.getsid(0) == os.getpid():
    sys.exit("PIN of the token?")
assert sys.argv[1:] == ["a b", "--pin-secret=1"], sys.argv
print(json.dumps({"Version": 1, "AccessKeyId": "AKIDPROC", "SecretAccessKey": "secret-of-proc"}))
""")
    prepare(p, CONFIG + f"[profile asks]\ncredential_process = {BOTOCORE} {asks} 'a b' "
                        "--pin-secret=1\n")
    with Store() as store:
        env = store.env("asks")
        on_screen(p, ["await Run it, outside", "expect PIN of", "expect-not pin-secret",
                      "key r", "expect 'John'"], store.where, env=env).expect(0)
        on_screen(p, ["await Run it, outside", "key n", "await credential_process ended",
                      "expect-not Run it"], store.where, env=env).expect(0)
        p.run("show", store.where, env=env).expect(5, err="PIN of the token")


if __name__ == "__main__":
    chosen = sys.argv[1:]
    failures = run_all([t for n, t in sorted(globals().items())
                        if n.startswith("test_") and (not chosen or n in chosen)])
    HERE.stop()
    sys.exit(failures)
