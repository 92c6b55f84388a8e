#!/usr/bin/python3
"""The screen on Google Cloud Storage: places, the whole path, somebody else is faster, versions."""
import os
import pickle
import re
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from screens import TOP, Stage, main  # noqa: E402  pylint: disable=wrong-import-position
sys.path.insert(0, os.path.join(TOP, "tests", "servers"))
from gcs import Gcs  # noqa: E402  pylint: disable=wrong-import-position

RECORD = {"name": "John", "age": 30, "city": "New York"}


class Google:
    """A server with a bucket and the record in it."""

    def __enter__(self):
        self.gcs = Gcs().start()
        self.gcs.token("ya29.the-token")
        self.gcs.bucket("my-bucket", versioning=True)
        self.put(RECORD, contentType="application/x-pickle", metadata={"owner": "ops"})
        return self

    def __exit__(self, *_):
        self.gcs.stop()

    def put(self, value, **properties):
        self.gcs.put("my-bucket", "data.pickle", pickle.dumps(value), **properties)

    def value(self):
        return pickle.loads(self.gcs.get("my-bucket", "data.pickle").data)

    def run(self, script, where, size=(24, 100), outside=None, **env):
        with Stage(samples=False) as stage:
            if outside:
                script = script.replace("OUTSIDE", stage.meanwhile(outside))
            return stage.run(script, where=where, size=size, env={
                "PKLBROWSE_NOW": None, "STORAGE_EMULATOR_HOST": self.gcs.url,
                "GOOGLE_OAUTH_ACCESS_TOKEN": "ya29.the-token",
                "GOOGLE_CLOUD_PROJECT": "test-project", **env})


def the_whole_path():
    with Google() as google:
        before = google.gcs.get("my-bucket", "data.pickle").data
        google.run("""
            expect gs  test-project · access token
            expect-not ya29
            key G Enter
            expect my-bucket
            key Enter
            expect data.pickle
            key Enter
            expect 'John'
            key i
            expect Metadata
            expect owner: ops
            key i
            key j j
            expect ['age']
            key e ^U
            type 31
            key Enter
            expect was 30
            key s
            expect 1 change
            expect Content-Type
            key Enter
            expect Saved. ETag
            expect-not unsaved
            key R
            expect 31
        """, where=[], size=(40, 120))
        now = google.gcs.get("my-bucket", "data.pickle")
        assert google.value() == dict(RECORD, age=31)
        assert sum(a != b for a, b in zip(now.data, before)) == 1 and len(now.data) == len(before)
        assert now.properties["contentType"] == "application/x-pickle"
        assert now.properties["metadata"] == {"owner": "ops"}


EDIT = """
    key j j e ^U
    type 31
    key Enter
    OUTSIDE
    key s
    key Enter
    expect the object changed while you were editing
"""


def mine_on_theirs():
    with Google() as google:
        theirs = dict(RECORD, city="Paris")
        google.run(EDIT + """
            key Esc
            expect 1 unsaved
            key s Enter
            expect Put my changes on theirs
            key Enter
            expect Your changes are on what someone else saved
            key Enter
            expect Saved.
            expect Paris
        """, where=["gs://my-bucket/data.pickle"], outside=lambda: google.put(theirs))
        assert google.value() == dict(theirs, age=31)


def generations():
    with Google() as google:
        google.put(dict(RECORD, age=31), metadata={"owner": "other"})
        google.run("""
            expect 31
            key v
            expect 1 of 2
            key j Enter
            expect int 30
            key v j b y
            expect Brought back.
            expect 1 of 3
        """, where=["gs://my-bucket/data.pickle"])
        assert google.value() == RECORD
        now = google.gcs.get("my-bucket", "data.pickle")
        assert now.properties["metadata"] == {"owner": "ops"}


def refusals():
    with Google() as google:
        google.run("expect the access token is not valid (any more)",
                   where=["gs://my-bucket/"], size=(24, 120), GOOGLE_OAUTH_ACCESS_TOKEN="other")
        google.run("expect there is no such bucket", where=["gs://no-such-bucket/"],
                   size=(24, 120))


def one_places_view():
    """Every account that the shell can reach, each with what authenticated it; those that do not
    answer say so and keep nobody waiting; Enter on a profile is somebody else from then on."""
    with Google() as google, Stage(samples=False) as stage, \
            socket.create_server(("127.0.0.1", 0)) as silent:
        hangs = f"127.0.0.1:{silent.getsockname()[1]}"
        os.makedirs(stage.path(".aws"))
        with open(stage.path(".aws/config"), "w", encoding="ascii") as f:
            f.write("[default]\nregion = eu-west-1\n"
                    f"endpoint_url = {google.gcs.url}\n"
                    "[profile far]\nregion = eu-west-2\n"
                    f"endpoint_url = http://{hangs}\n"
                    "[profile tool]\nregion = eu-west-3\n"
                    f"credential_process = /bin/touch {stage.path('ran')}\n"
                    "[profile empty]\nregion = eu-north-1\n")
        with open(stage.path(".aws/credentials"), "w", encoding="ascii") as f:
            f.write("".join(f"[{name}]\naws_access_key_id = AK{name}\n"
                            f"aws_secret_access_key = s3cret\n" for name in ("default", "far")))
        shots = [stage.path(name) for name in ("before", "after")]
        stage.run(f"""
            await account key of AZURE_STORAGE_CONNECTION_STRING
            now :save-screen {shots[0]}
            await no answer for 4 s
            now rest 300
            now :save-screen {shots[1]}
            now key g j j
            now key Enter
            await Now: far
            now key q
        """, where=[], size=(24, 140), env={
            "PKLBROWSE_NOW": None, "AWS_CONFIG_FILE": stage.path(".aws/config"),
            "AWS_SHARED_CREDENTIALS_FILE": stage.path(".aws/credentials"),
            "GCE_METADATA_HOST": hangs, "GOOGLE_CLOUD_PROJECT": "my-project", "LOGNAME": "ann",
            "AZURE_STORAGE_CONNECTION_STRING": "AccountName=acc1;AccountKey=c2VjcmV0"})
        before, after = (open(shot, encoding="utf-8").read() for shot in shots)
        for line in (
                r"folder .* ann ",
                rf"s3  {google.gcs.url}  +credentials file, profile default",
                rf"s3  http://{hangs} \(profile far\) +no answer for 4 s",
                r"\(profile tool\) +credential_process: run when it is opened",
                r"\(profile empty\) +no AWS credentials",
                r"gs  my-project .* anonymous",
                r"azure  acc1 · key +account key of AZURE_STORAGE_CONNECTION_STRING"):
            assert re.search(line, after), (line, after)
        assert "no answer" not in before, before
        assert "c2VjcmV0" not in after and "s3cret" not in after
        assert not os.path.exists(stage.path("ran")), "a command was run unasked"


def a_machine_of_googles():
    """Nothing is named, but there is a metadata server: its place is offered, and opens."""
    with Google() as google:
        google.gcs.bucket("of-the-machine", project="machine-project")
        google.gcs.metadata = "https://www.googleapis.com/auth/devstorage.read_write"
        google.run("""
            expect gs  metadata server
            key G Enter
            await of-the-machine
        """, where=[], size=(24, 120), GOOGLE_OAUTH_ACCESS_TOKEN=None, GOOGLE_CLOUD_PROJECT=None,
            GCE_METADATA_HOST=google.gcs.url.partition("//")[2])


if __name__ == "__main__":
    sys.exit(main([the_whole_path, mine_on_theirs, generations, refusals, one_places_view,
                   a_machine_of_googles]))
