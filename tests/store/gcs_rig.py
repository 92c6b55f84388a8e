"""What the tests of Google Cloud Storage share: our server of it, a proxy in front."""
import os
import shlex
import sys

from rig import TOOL, TOP, Driver, Proxy, quote

sys.path.insert(0, os.path.join(TOP, "tests", "servers"))
from gcs import Gcs  # noqa: E402


class Rig(Driver):
    WORDS = ("--gs",)
    ADDRESS = "STORAGE_EMULATOR_HOST"
    CHECKED = True
    SCHEME = "gs"
    COPIES = "path=rewriteTo"
    NO_ETAG = "1234567"

    def __init__(self):
        self.gcs = Gcs().start()
        self.tmp = os.environ.get("TEST_TMP") or os.getcwd()
        self.bucket = "bucket"
        self.token = self.gcs.token("ya29.the-token")
        self.gcs.bucket(self.bucket)
        self.proxy = Proxy(("127.0.0.1", self.gcs.port), None).start()
        self.secrets = [self.token, "upload-", "upload_id=", "s3cret", "r3fresh", "PRIVATE"]

    def put(self, key, body, **properties):
        return self.gcs.put(self.bucket, key, body, **properties)

    def get(self, key):
        return self.gcs.get(self.bucket, key).data

    def put_with(self, key, body, content_type, metadata):
        more = {"metadata": metadata} if metadata else {}
        self.put(key, body, contentType=content_type, **more)

    def get_with(self, key):
        one = self.gcs.get(self.bucket, key)
        return one.data, one.properties["contentType"], one.properties.get("metadata", {})

    def takes(self, key):
        """Line breaks are refused there."""
        return "\n" not in key and "\r" not in key

    def environment(self, **more):
        env = {**self.base_environment(), "STORAGE_EMULATOR_HOST": self.gcs.url,
               "GOOGLE_OAUTH_ACCESS_TOKEN": self.token, "GOOGLE_CLOUD_PROJECT": "test-project"}
        env.update(more)
        return {name: value for name, value in env.items() if value is not None}

    def writer(self, key, body):
        """A command for the proxy's rules: somebody else, who overwrites the object."""
        env = " ".join(f"{name}={shlex.quote(value)}"
                       for name, value in self.environment().items())
        command = (f"{env} {shlex.quote(TOOL)} --gs put {self.bucket} {quote(key)} "
                   f"{self.file(body)} --always >/dev/null")
        return shlex.quote(f"sh -c {shlex.quote(command)}")
