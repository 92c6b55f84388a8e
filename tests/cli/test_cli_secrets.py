#!/usr/bin/python3
"""Secrets stay where they are: every command and the screen, at the highest log level, then a
search through all that they printed, logged, kept and were called with."""
import base64
import os
import pickle
import re
import shlex
import signal
import sys
import tempfile
import time
import urllib.parse

from harness import TOP, Failed, Place, run_all
from test_cli_s3 import JOHN, S, bucket, put

sys.path.insert(0, os.path.join(TOP, "tests", "servers"))
from faultproxy import FaultProxy, Signer  # noqa: E402
from gcs import Gcs  # noqa: E402

TOKEN = "IQoJb3JpZ2luX2VjEDk-very+secret/session=="
GOOGLE = "ya29.a-secret-of-google"
KEY = "c2VjcmV0LWtleS1vZi1henVyZS1zdG9yYWdlLWFjY291bnQ="
SAS = "sv=2021-08-06&sr=c&sp=rl&se=2099-01-01T00:00:00Z&sig=c2VjcmV0LW9mLXNhcw%3D%3D"
PRESIGNED = "0123456789abcdef" * 4
CUSTOMER = bytes(range(33, 65))               # SSE-C
SECRETS = [S["SECRET_KEY"], TOKEN, urllib.parse.quote(TOKEN, safe=""), GOOGLE, KEY, PRESIGNED,
           "c2VjcmV0LW9mLXNhcw", CUSTOMER.decode(), base64.b64encode(CUSTOMER).decode()]


def commands():
    """Names of all of them, from the table of the program."""
    with open(os.path.join(TOP, "src", "cli", "commands.def"), encoding="utf-8") as f:
        return set(re.findall(r'^COMMAND\(\w+, "(\w+)"', f.read(), re.M))


class Watch:
    """Runs the program and gathers whatever it shows or leaves."""

    def __init__(self, p, env):
        self.p, self.env, self.log = p, env, p.path("the-log")
        self.shown, self.ran, self.made = {}, set(), set()

    def run(self, *words, status=0, env=None):
        more = {**self.env, **(env or {})}
        process = self.p.start("--verbose", "--log-file", self.log, *words, env=more,
                               stdin=-3, stdout=-1, stderr=-1)
        with open(f"/proc/{process.pid}/cmdline", "rb") as f:
            called = f.read()
        out, err = process.communicate(timeout=60)
        name = " ".join(words)
        if status is not None and process.returncode != status:
            raise Failed(f"{name}: status {process.returncode}: {out} {err}")
        self.ran.add(words[0])
        self.shown[f"what {name} prints"] = out + err
        if not any(secret in name for secret in SECRETS):   # a person may type one herself
            self.shown[f"what {name} was called with"] = called

    def search(self):
        for folder in (self.p.home, self.p.work, self.p.folder):
            for base, _, names in os.walk(folder):
                for name in names:
                    path = os.path.join(base, name)
                    if os.path.isfile(path):
                        with open(path, "rb") as f:
                            self.shown[path] = f.read()
        if os.path.getsize(self.log) == 0:
            raise Failed("the log is empty")
        for where, text in self.shown.items():
            for secret in SECRETS:
                if secret.encode() in text:
                    raise Failed(f"{secret} is in {where}")
            found = re.search(rb"(Signature|sig)[=:] ?(?!\[redacted\])[0-9a-zA-Z+/%]{8}", text)
            if found:
                raise Failed(f"{found[0]} is in {where}")


def s3_proxy():
    host, port = S["ENDPOINT"].rsplit("/", 1)[1].split(":")
    proxy = FaultProxy((host, int(port)), signer=Signer(
        S["ACCESS_KEY"], S["SECRET_KEY"], S.get("REGION", "us-east-1"))).start()
    return proxy


def s3_env(proxy):
    return {"AWS_ENDPOINT_URL": proxy.url, "AWS_ACCESS_KEY_ID": S["ACCESS_KEY"],
            "AWS_SECRET_ACCESS_KEY": S["SECRET_KEY"], "AWS_SESSION_TOKEN": TOKEN,
            "AWS_REGION": S.get("REGION", "us-east-1")}


def customer_key():
    """A file, where nobody searches."""
    file = tempfile.NamedTemporaryFile(prefix="pklbrowse-key.")
    file.write(CUSTOMER)
    file.flush()
    return file


def put_encrypted(where, key):
    put(where, key, SSECustomerAlgorithm="AES256", SSECustomerKey=CUSTOMER)


def test_every_command(p: Place):
    proxy, name = s3_proxy(), bucket()
    proxy.rule("do=pass strip=x-amz-security-token")
    put(name, "a.pickle")
    at = f"s3://{name}/"
    encrypted = bucket()
    put_encrypted(encrypted, "key.pickle")
    watch = Watch(p, s3_env(proxy))
    with customer_key() as key:
        own = f"s3://{encrypted}/key.pickle"
        for words in (["show", own], ["set", own, ".age=31"], ["cp", own, own + "2"],
                      ["scan", own], ["mv", own + "2", own + "3"]):
            watch.run(*words, "--sse-c-key", key.name)
        watch.run("show", own, status=7)
        watch.run("ls", at, "--sse-c-key", p.put("no-key", CUSTOMER[1:]), status=2)
        os.unlink(p.path("no-key"))
    for words in (
        ["ls", "s3://"], ["ls", "-l", "-r", at], ["ls", "--versions", "--json", at],
        ["show", at + "a.pickle"], ["show", "--json", at + "a.pickle", ".age"],
        ["set", at + "a.pickle", ".age=31"], ["add", at + "a.pickle", ".more=[1]"],
        ["rename", at + "a.pickle", ".more", "'less'"], ["del", at + "a.pickle", ".less"],
        ["cp", at + "a.pickle", at + "b.pickle"], ["cp", at + "a.pickle", "here.pickle"],
        ["mv", at + "b.pickle", at + "c.pickle"], ["dis", "--paths", at + "a.pickle"],
        ["scan", "-r", at], ["diff", at + "a.pickle", at + "c.pickle"],
        ["rm", at + "c.pickle"], ["history"], ["history", at + "a.pickle"],
    ):
        watch.run(*words)
    watch.run("whoami", status=None)            # this server has no STS
    watch.run("show", at + "none", status=3)
    watch.run("ls", at, status=5, env={"AWS_ACCESS_KEY_ID": ""})
    missing = commands() - watch.ran
    if missing:
        raise Failed(f"not run: {missing}")
    # Servers repeat what they were sent.
    for code, more in (("ExpiredToken", f"<Token-0>{TOKEN}</Token-0>"),
                       ("SignatureDoesNotMatch",
                        f"<SignatureProvided>{PRESIGNED}</SignatureProvided>"
                        f"<StringToSign>x-amz-security-token:{TOKEN}</StringToSign>"),
                       ("InvalidToken", f"<Token-0>{TOKEN}</Token-0>")):
        proxy.clear()
        proxy.rule("do=answer status=403 " + shlex.quote(
            f"body=<Error><Code>{code}</Code><Message>no</Message>{more}</Error>"))
        watch.run("show", at + "a.pickle", status=5)
        watch.run("ls", at, status=5)
    proxy.stop()
    signed = f"X-Amz-Signature={PRESIGNED}&X-Amz-Security-Token={TOKEN}"
    watch.run("show", f"{S['ENDPOINT']}/{name}/a.pickle?{signed}", status=None)
    watch.search()


def test_the_screen(p: Place):
    """Ended by a signal with something unsaved, so that a rescue file is kept."""
    proxy, name = s3_proxy(), bucket()
    refusal = f"body=<Error><Code>BadThing</Code><Token-0>{TOKEN}</Token-0></Error>"
    proxy.rule("method=PUT n=1 do=answer status=400 " + shlex.quote(refusal))
    proxy.rule("do=pass strip=x-amz-security-token")
    put_encrypted(name, "a.pickle")
    shots = [p.path(f"shot-{i}") for i in range(6)]
    steps = [":save-screen " + shots[0], "key i", ":save-screen " + shots[1], "key i",
             "key j j e ^U", "type 31", "key Enter", "key s Enter", "key ^O",
             ":save-screen " + shots[2], "key Esc", "key Tab b P", ":save-screen " + shots[3],
             "key Esc", "key Y", ":save-screen " + shots[4], "key Esc", ":save-screen " + shots[5],
             "wait-for never"]
    script = p.put("script", "\n".join(steps + [""]).encode())
    env = {**s3_env(proxy), "LINES": "30", "COLUMNS": "120", "PKLBROWSE_SCRIPT": script}
    watch = Watch(p, env)
    key = customer_key()
    process = p.start("--verbose", "--log-file", watch.log, f"s3://{name}/a.pickle",
                      "--sse-c-key", key.name, env=env, stdin=-3, stdout=-1, stderr=-1)
    until = time.monotonic() + 30
    while not os.path.exists(shots[5]) and process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    key.close()
    watch.shown["the screen's end"] = out + err
    proxy.stop()
    kept = [os.path.join(base, name) for base, _, names in os.walk(p.home) for name in names]
    if not os.path.exists(shots[5]) or not any("bookmarks" in path for path in kept):
        raise Failed(f"the script did not come to its end: {err} {kept}")
    watch.search()


def test_google(p: Place):
    google = Gcs().start()
    google.token(GOOGLE)
    google.bucket("secrets")
    google.put("secrets", "a.pickle", pickle.dumps(JOHN), contentType="x/y", metadata={})
    watch = Watch(p, {"STORAGE_EMULATOR_HOST": google.url, "GOOGLE_OAUTH_ACCESS_TOKEN": GOOGLE,
                      "GOOGLE_CLOUD_PROJECT": "test-project"})
    for words in (["ls", "-l", "gs://secrets/"], ["show", "gs://secrets/a.pickle"],
                  ["set", "gs://secrets/a.pickle", ".age=31"],
                  ["cp", "gs://secrets/a.pickle", "gs://secrets/b"], ["rm", "gs://secrets/b"],
                  ["history"]):
        watch.run(*words)
    watch.run("whoami", "gs://", status=None)
    watch.run("ls", "gs://secrets/", status=None, env={"GOOGLE_OAUTH_ACCESS_TOKEN": GOOGLE + "x"})
    watch.search()


def test_azure(p: Place):
    """Whoever answers there refuses everything and repeats the signature."""
    proxy = FaultProxy(("127.0.0.1", 9)).start()
    detail = f"<AuthenticationErrorDetail>{SAS.replace('&', '&amp;')}</AuthenticationErrorDetail>"
    proxy.rule("do=answer status=403 " + shlex.quote(
        f"body=<Error><Code>AuthenticationFailed</Code><Message>no</Message>{detail}</Error>"))
    at = f"BlobEndpoint={proxy.url}/acct"
    for text in (f"AccountName=acct;AccountKey={KEY};{at}", f"{at};SharedAccessSignature={SAS}"):
        watch = Watch(p, {"AZURE_STORAGE_CONNECTION_STRING": text})
        for words in (["ls", "az://acct/c/"], ["show", "az://acct/c/k"], ["whoami", "az://"],
                      ["show", f"https://acct.blob.core.windows.net/c/k?{SAS}"]):
            watch.run(*words, status=None)
        watch.search()
    proxy.stop()
    watch = Watch(p, {"AZURE_STORAGE_CONNECTION_STRING": f"AccountKey={KEY};Wrong;{SAS}"})
    watch.run("ls", "az://acct/c/", status=None)
    watch.search()


if __name__ == "__main__":
    chosen = sys.argv[1:]
    sys.exit(run_all([t for n, t in sorted(globals().items())
                      if n.startswith("test_") and (not chosen or n in chosen)]))
