"""What the Azure tests share: Azurite, a client of our own as the other side, a proxy."""
import base64
import contextlib
import email.utils
import hashlib
import hmac
import http.client
import os
import shlex
import ssl
import subprocess
import urllib.parse

from rig import TOOL, TOP, Driver, Proxy, quote

SERVER = os.path.join(TOP, "tests", "servers", "azurite")
VERSION = "2021-12-02"


class NoServer(Exception):
    """Azurite cannot be had here."""


@contextlib.contextmanager
def azurite(*options):
    """The settings of a server of our own, which ends with the block."""
    data = os.path.join(os.environ.get("TEST_TMP") or os.getcwd(), "azurite" + "".join(options))
    told = subprocess.run([os.path.join(SERVER, "start"), "--data", data, "--free-port", "--fresh",
                           "--quiet", *options], timeout=400, capture_output=True, text=True)
    if told.returncode == 3:
        raise NoServer(told.stderr.strip())
    assert told.returncode == 0, told.stderr
    try:
        with open(os.path.join(data, "env"), encoding="utf-8") as f:
            yield dict(line.rstrip("\n").split("=", 1) for line in f)
    finally:
        subprocess.run([os.path.join(SERVER, "stop"), "--data", data, "--kill", "--wipe",
                        "--quiet"], check=True, timeout=60)


class Answer:
    def __init__(self, answer):
        self.status, self.body = answer.status, answer.read()
        self.headers = {name.lower(): value for name, value in answer.getheaders()}


class Client:
    """The other side: signs by the published rules, and knows nothing of our program."""

    def __init__(self, env, account="ACCOUNT"):
        self.url = urllib.parse.urlsplit(env["ENDPOINT"])
        self.account, self.key = env[account], base64.b64decode(env[account + "_KEY"])

    def connect(self):
        if self.url.scheme == "https":
            trust = ssl._create_unverified_context()
            return http.client.HTTPSConnection(self.url.hostname, self.url.port, context=trust)
        return http.client.HTTPConnection(self.url.hostname, self.url.port)

    def sign(self, text):
        mac = hmac.new(self.key, text.encode(), hashlib.sha256)
        return base64.b64encode(mac.digest()).decode()

    def call(self, method, path, query=None, headers=None, body=b"", expect=2):
        query = query or {}
        h = {name.lower(): str(value) for name, value in (headers or {}).items()}
        h["x-ms-date"] = email.utils.formatdate(usegmt=True)
        h["x-ms-version"] = VERSION
        target = f"/{self.account}/" + urllib.parse.quote(path, safe="/$")
        fields = [h.get("content-encoding", ""), h.get("content-language", ""),
                  str(len(body)) if body else "", h.get("content-md5", ""),
                  h.get("content-type", ""), "", "", h.get("if-match", ""),
                  h.get("if-none-match", ""), "", h.get("range", "")]
        own = "".join(f"{name}:{h[name]}\n" for name in sorted(h) if name.startswith("x-ms-"))
        params = "".join(f"\n{name}:{query[name]}" for name in sorted(query))
        text = "\n".join([method, *fields]) + "\n" + own + f"/{self.account}{target}{params}"
        h["authorization"] = f"SharedKey {self.account}:{self.sign(text)}"
        search = urllib.parse.urlencode(query, quote_via=urllib.parse.quote)
        connection = self.connect()
        connection.request(method, target + ("?" + search if search else ""), body, h)
        answer = Answer(connection.getresponse())
        connection.close()
        assert answer.status // 100 == expect, (method, path, answer.status, answer.body)
        return answer

    def sas(self, container, permissions, resource="c", key="", end="2099-01-01T00:00:00Z"):
        """A signature for a container or one blob, as somebody would send it to a friend."""
        where = f"/blob/{self.account}/{container}" + (f"/{key}" if key else "")
        text = "\n".join([permissions, "", end, where, "", "", "", VERSION, resource, "", "", "",
                          "", "", "", ""])
        return urllib.parse.urlencode({"sv": VERSION, "sr": resource, "sp": permissions, "se": end,
                                       "sig": self.sign(text)})


class Rig(Driver):
    WORDS = ("--azure",)
    ADDRESS = "AZURE_TEST_ENDPOINT"             # becomes part of the connection string
    CHECKED = True
    SCHEME = "az"
    COPIES = "method=PUT"
    NO_ETAG = '"0x1234567890ABCDE"'

    def __init__(self, env):
        self.env = env
        self.tmp = os.environ.get("TEST_TMP") or os.getcwd()
        self.azure = Client(env)
        self.container = "store-tests"
        self.bucket = f"{env['ACCOUNT']}/{self.container}"
        self.proxy = Proxy((self.azure.url.hostname, self.azure.url.port), None).start()
        self.secrets = [env["ACCOUNT_KEY"], env["OTHER_ACCOUNT_KEY"], "sig=", "s3cret-of-client"]
        self.make(self.container)

    def make(self, container, **headers):
        self.azure.call("PUT", container, {"restype": "container"},
                        {name.replace("_", "-"): value for name, value in headers.items()})

    def path(self, key):
        return f"{self.container}/{key}"

    def put(self, key, body, **headers):
        more = {"x-ms-blob-type": "BlockBlob"}
        more.update({name.replace("__", "-"): value for name, value in headers.items()})
        return self.azure.call("PUT", self.path(key), None, more, body)

    def get(self, key):
        return self.azure.call("GET", self.path(key)).body

    def head(self, key):
        return self.azure.call("HEAD", self.path(key)).headers

    def put_with(self, key, body, content_type, metadata):
        more = {f"x__ms__meta__{name}": value for name, value in metadata.items()}
        self.put(key, body, x__ms__blob__content__type=content_type, **more)

    def get_with(self, key):
        answer = self.azure.call("GET", self.path(key))
        meta = {name[10:]: value for name, value in answer.headers.items()
                if name.startswith("x-ms-meta-")}
        return answer.body, answer.headers["content-type"], meta

    def takes(self, key):
        """Azurite makes '/' of '\\', and cannot list control characters; the service encodes them.
        Both take "." and ".." as parts of a path, so such names are no names there."""
        parts = key.split("/")
        return not ("\\" in key or "." in parts or ".." in parts or len(key.encode()) > 1023
                    or any(ord(c) < 32 or ord(c) == 127 for c in key))

    def connection(self, endpoint=None, account="ACCOUNT", **more):
        at = {"AccountName": self.env[account], "AccountKey": self.env[account + "_KEY"],
              "BlobEndpoint": f"{endpoint or self.env['ENDPOINT']}/{self.env[account]}"}
        at.update(more)
        return ";".join(f"{name}={value}" for name, value in at.items() if value)

    def environment(self, **more):
        endpoint = more.pop(self.ADDRESS, None)
        env = {**self.base_environment(),
               "AZURE_STORAGE_CONNECTION_STRING": self.connection(endpoint)}
        if "TLS_CA" in self.env:
            env["AWS_CA_BUNDLE"] = self.env["TLS_CA"]
        env.update(more)
        return {name: value for name, value in env.items() if value is not None}

    def writer(self, key, body):
        """A command for the proxy's rules: somebody else, who overwrites the blob."""
        env = " ".join(f"{name}={shlex.quote(value)}"
                       for name, value in self.environment().items())
        command = (f"{env} {shlex.quote(TOOL)} --azure put {self.bucket} {quote(key)} "
                   f"{self.file(body)} --always >/dev/null")
        return shlex.quote(f"sh -c {shlex.quote(command)}")
