"""What the S3 tests share: our program that drives the store, boto3 as the other side, a proxy."""
import concurrent.futures
import contextlib
import os
import shlex
import subprocess
import urllib.parse
import uuid

import boto3
from botocore.config import Config

from rig import TOOL, TOP, Driver, Proxy, Signer, quote  # noqa: F401

SERVER = os.path.join(TOP, "tests", "servers", "ceph")


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


class Rig(Driver):
    ADDRESS = "AWS_ENDPOINT_URL"
    CHECKED = True
    SCHEME = "s3"
    COPIES = "method=PUT"
    NO_ETAG = '"00000000000000000000000000000000"'

    def __init__(self):
        with open(os.environ["STORE_ENV"], encoding="utf-8") as f:
            self.env = dict(line.rstrip("\n").split("=", 1) for line in f if "=" in line)
        self.tmp = os.environ.get("TEST_TMP") or os.getcwd()
        self.bucket = "s3-" + uuid.uuid4().hex[:12]
        self.s3 = self.client()
        host, port = urllib.parse.urlsplit(self.env["ENDPOINT"]).netloc.split(":")
        self.proxy = Proxy((host, int(port)), Signer(
            self.env["ACCESS_KEY"], self.env["SECRET_KEY"], self.env["REGION"])).start()
        self.secrets = (self.env["SECRET_KEY"], self.env["OTHER_SECRET_KEY"])

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

    def put_with(self, key, body, content_type, metadata):
        self.put(key, body, ContentType=content_type, Metadata=metadata)

    def get_with(self, key):
        got = self.s3.get_object(Bucket=self.bucket, Key=key)
        return got["Body"].read(), got["ContentType"], got["Metadata"]

    def takes(self, _):
        return True

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
        env = {**self.base_environment(),
               "AWS_ACCESS_KEY_ID": self.env["ACCESS_KEY"],
               "AWS_SECRET_ACCESS_KEY": self.env["SECRET_KEY"],
               "AWS_REGION": self.env["REGION"], "AWS_ENDPOINT_URL": self.env["ENDPOINT"],
               "AWS_EC2_METADATA_DISABLED": "true"}
        env.update(more)
        return {name: value for name, value in env.items() if value is not None}

    def writer(self, key, body):
        """A command for the proxy's rules: somebody else, who overwrites the object."""
        env = " ".join(f"{name}={shlex.quote(value)}"
                       for name, value in self.environment().items())
        command = (f"{env} {shlex.quote(TOOL)} put {self.bucket} {quote(key)} {self.file(body)} "
                   f"--always >/dev/null")
        return shlex.quote(f"sh -c {shlex.quote(command)}")
