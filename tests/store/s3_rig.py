"""What the S3 tests share: our program that drives the store, boto3 as the other side, a proxy."""
import concurrent.futures
import contextlib
import json
import os
import re
import shlex
import subprocess
import sys
import urllib.parse
import uuid

import boto3
from botocore.config import Config

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "tests", "servers"))
from faultproxy import FaultProxy, Signer  # noqa: E402

TOOL = os.environ.get("STORE_TOOL") or os.path.join(
    os.environ["builddir"], "tests/store/store_tool")
SERVER = os.path.join(TOP, "tests", "servers", "ceph")
SECONDS = 60                                # no step of a test takes longer


class Proxy(FaultProxy):
    """A fault proxy that remembers the headers of what it saw."""

    def __init__(self, to, signer):
        super().__init__(to, signer=signer)
        self.heads = []

    def rule_for(self, request):
        self.heads.append(request)
        return super().rule_for(request)

    def clear(self):
        super().clear()
        self.heads = []

    def methods(self):
        return " ".join(head.method for head in self.heads)


@contextlib.contextmanager
def own_server(*options):
    """A server for one test alone, for what the common one does not do."""
    data = os.path.join(os.environ.get("TEST_TMP") or os.getcwd(), "ceph")
    subprocess.run([os.path.join(SERVER, "start"), "--data", data, "--free-port", "--fresh",
                    "--quiet", *options], check=True, timeout=180)
    try:
        os.environ["STORE_ENV"] = os.path.join(data, "env")
        yield
    finally:
        subprocess.run([os.path.join(SERVER, "stop"), "--data", data, "--kill", "--wipe",
                        "--quiet"], check=True, timeout=60)


def quote(key):
    return urllib.parse.quote(key, safe="/")


class Rig:
    def __init__(self):
        with open(os.environ["STORE_ENV"], encoding="utf-8") as f:
            self.env = dict(line.rstrip("\n").split("=", 1) for line in f if "=" in line)
        self.tmp = os.environ.get("TEST_TMP") or os.getcwd()
        self.bucket = "s3-" + uuid.uuid4().hex[:12]
        self.s3 = self.client()
        host, port = urllib.parse.urlsplit(self.env["ENDPOINT"]).netloc.split(":")
        self.proxy = Proxy((host, int(port)), Signer(
            self.env["ACCESS_KEY"], self.env["SECRET_KEY"], self.env["REGION"])).start()
        self.count = 0

    def client(self, endpoint=None):
        return boto3.client(
            "s3", endpoint_url=endpoint or self.env["ENDPOINT"], region_name=self.env["REGION"],
            aws_access_key_id=self.env["ACCESS_KEY"], aws_secret_access_key=self.env["SECRET_KEY"],
            config=Config(s3={"addressing_style": "path"}, connect_timeout=10, read_timeout=30))

    # ------------------------------------------------------------------ the other side

    def put(self, key, body, **more):
        return self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, **more)

    def get(self, key):
        return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def put_many(self, keys):
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda key: self.put(key, b""), keys))

    def remove_bucket(self):
        """One by one: what deletes many at once cannot name all of our keys."""
        def remove(version):
            self.s3.delete_object(Bucket=self.bucket, Key=version["Key"],
                                  VersionId=version["VersionId"])

        doomed = True
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            while doomed:
                page = self.s3.list_object_versions(Bucket=self.bucket)
                doomed = page.get("Versions", []) + page.get("DeleteMarkers", [])
                list(pool.map(remove, doomed))
        self.s3.delete_bucket(Bucket=self.bucket)

    # ------------------------------------------------------------------------- our side

    def environment(self, **more):
        env = {"PATH": os.environ["PATH"], "HOME": self.tmp, "LC_ALL": "C.UTF-8",
               "AWS_ACCESS_KEY_ID": self.env["ACCESS_KEY"],
               "AWS_SECRET_ACCESS_KEY": self.env["SECRET_KEY"],
               "AWS_REGION": self.env["REGION"], "AWS_ENDPOINT_URL": self.env["ENDPOINT"],
               "AWS_EC2_METADATA_DISABLED": "true"}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                env[name] = os.environ[name]
        env.update(more)
        return {name: value for name, value in env.items() if value is not None}

    def start(self, *words, through=None, env=None):
        """The tool, running; through: the proxy to send everything through."""
        env = dict(env or {})
        if through:
            env["AWS_ENDPOINT_URL"] = through.url
        return subprocess.Popen([TOOL, *map(str, words)], env=self.environment(**env),
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, cwd=self.tmp)

    def finish(self, process):
        out, err = process.communicate(timeout=SECONDS)
        assert process.returncode in (0, 1), f"status {process.returncode}: {err.decode()}"
        assert not err, err.decode()
        return [json.loads(line) for line in out.splitlines()]

    def run(self, *words, **more):
        """All lines of the tool's output; the last one tells an error, if there is one."""
        return self.finish(self.start(*words, **more))

    def ok(self, *words, **more):
        lines = self.run(*words, **more)
        assert not (lines and "error" in lines[-1]), lines[-1]
        return lines

    def error(self, kind, words, *command, **more):
        """The command must fail with this kind of error, its message matching the words."""
        lines = self.run(*command, **more)
        assert lines and "error" in lines[-1], f"no error: {lines[-1:]}"
        told = lines[-1]
        assert told["error"] == kind, told
        assert re.search(words, told["message"]), told
        for secret in (self.env["SECRET_KEY"], self.env["OTHER_SECRET_KEY"]):
            assert secret not in json.dumps(told), "a secret in an error"
        return told

    def names(self, *words, **more):
        return [urllib.parse.unquote(line["name"]) for line in self.ok(*words, **more)
                if "name" in line]

    def file(self, body=None):
        """A path for a new file, with these bytes in it."""
        self.count += 1
        path = os.path.join(self.tmp, f"file{self.count}")
        if body is not None:
            with open(path, "wb") as f:
                f.write(body)
        return path

    def fetch(self, key, *words, **more):
        path = self.file()
        lines = self.ok("get", self.bucket, quote(key), path, *words, **more)
        with open(path, "rb") as f:
            return f.read(), lines

    def save(self, key, body, *words, **more):
        return self.ok("put", self.bucket, quote(key), self.file(body), *words, **more)[-1]

    def save_error(self, kind, words, key, body, *more_words, **more):
        return self.error(kind, words, "put", self.bucket, quote(key), self.file(body),
                          *more_words, **more)

    def writer(self, key, body):
        """A command for the proxy's rules: somebody else, who overwrites the object."""
        env = " ".join(f"{name}={shlex.quote(value)}"
                       for name, value in self.environment().items())
        command = (f"{env} {shlex.quote(TOOL)} put {self.bucket} {quote(key)} {self.file(body)} "
                   f"--always >/dev/null")
        return shlex.quote(f"sh -c {shlex.quote(command)}")
