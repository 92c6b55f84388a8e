#!/usr/bin/python3
"""The batch commands on Google Cloud Storage (our server of it): the worked example, whoami."""
import json
import os
import pickle
import socket
import subprocess
import sys
import time

from harness import TOP, Place, run_all, same
sys.path.insert(0, os.path.join(TOP, "tests", "servers"))
from gcs import Gcs  # noqa: E402

JOHN = {"name": "John", "age": 30, "city": "New York"}
G = Gcs().start()
G.token("ya29.the-token")
ENV = {"STORAGE_EMULATOR_HOST": G.url, "GOOGLE_OAUTH_ACCESS_TOKEN": "ya29.the-token",
       "GOOGLE_CLOUD_PROJECT": "test-project"}


def bucket(name, **options):
    G.bucket(name, **options)
    G.put(name, "data.pickle", pickle.dumps(JOHN), contentType="application/x-pickle",
          metadata={"owner": "ann"})
    return f"gs://{name}/data.pickle"


def test_worked_example(p: Place):
    where = bucket("example")
    before = G.get("example", "data.pickle")
    p.run("ls", "gs://").expect(0, "example/\n")
    p.run("ls", "gs://example/").expect(0, "data.pickle\n")
    p.run("show", where, ".age").expect(0, "30\n")
    same("30 → 31" in p.run("set", where, ".age=31").expect(0).out, True, "what is said")
    now = G.get("example", "data.pickle")
    same(pickle.loads(now.data), dict(JOHN, age=31), "the value")
    same(sum(a != b for a, b in zip(now.data, before.data)), 1, "bytes changed")
    same(now.properties["metadata"], {"owner": "ann"}, "metadata")
    same(now.properties["contentType"], "application/x-pickle", "type")
    p.run("set", where, ".age=31").expect(0)
    same(G.get("example", "data.pickle"), now, "nothing is written without a change")
    p.run("set", "--if-match", str(before.generation), where,
          ".age=32").expect(4, err="nothing was written")
    p.run("set", "--if-match", str(now.generation), where, ".age=32").expect(0)
    same(pickle.loads(G.get("example", "data.pickle").data)["age"], 32, "with its generation")
    del G.buckets["example"]


def test_whole_objects(p: Place):
    where = bucket("whole", versioning=True)
    first = G.get("whole", "data.pickle")
    p.run("cp", where, "gs://whole/copy").expect(0)
    same(G.get("whole", "copy").properties["metadata"], {"owner": "ann"}, "metadata go along")
    p.run("set", where, ".age=31").expect(0)
    out = p.run("ls", "--versions", "--json", where).expect(0).out
    rows = [json.loads(line) for line in out.splitlines()]
    same([row["version_id"] for row in rows][1], str(first.generation), "the older one")
    p.run("show", "--version-id", str(first.generation), where, ".age").expect(0, "30\n")
    p.run("cp", "--version-id", str(first.generation), where, where).expect(0)
    same(pickle.loads(G.get("whole", "data.pickle").data), JOHN, "brought back")
    p.run("cp", where, "here.pkl").expect(0)
    p.run("cp", "here.pkl", "gs://whole/a b/новый").expect(0)
    same(pickle.loads(G.get("whole", "a b/новый").data), JOHN, "from a file")
    p.run("rm", "gs://whole/copy").expect(0)
    same(G.get("whole", "copy"), None, "removed")
    same("gs://whole/copy" in p.run("history").expect(0).out, True, "kept")
    p.run("rm", "gs://whole/copy").expect(3, err="no such object")
    del G.buckets["whole"]


def test_refusals(p: Place):
    where = bucket("refused")
    p.run("show", "gs://none/x").expect(3, err="there is no such bucket")
    p.run("show", "gs://refused/x").expect(3, err="there is no such object")
    p.run("show", where, env={"GOOGLE_OAUTH_ACCESS_TOKEN": "x"}).expect(5, err="not valid")
    p.run("ls", "gs://", env={"GOOGLE_CLOUD_PROJECT": ""}).expect(2, err="--project ID")
    p.run("ls", "gs://", "--project", "test-project", env={"GOOGLE_CLOUD_PROJECT": ""}).expect(
        0, "refused/\n")
    p.run("show", where, "--no-sign-request").expect(5, err="without credentials")
    G.buckets["refused"].requester_pays = True
    p.run("show", where).expect(5, err="--request-payer")
    p.run("show", where, ".age", "--request-payer").expect(0, "30\n")
    G.get("refused", "data.pickle").properties["temporaryHold"] = True
    p.run("set", where, ".age=31", "--request-payer").expect(5, err="there is a hold on it")
    del G.buckets["refused"]


def test_whoami(p: Place):
    said = p.run("whoami", "gs://").expect(0).out
    for words in ("access token (GOOGLE_OAUTH_ACCESS_TOKEN)",
                  "test-project (GOOGLE_CLOUD_PROJECT)", "(STORAGE_EMULATOR_HOST)"):
        same(words in said, True, words)
    same("ya29" in said, False, "the token")
    pem = p.path("key.pem")
    subprocess.run(["openssl", "genrsa", "-out", pem, "2048"], check=True, capture_output=True)
    G.account("robot@test", pem)
    with open(pem, encoding="ascii") as f:
        key = {"type": "service_account", "client_email": "robot@test", "private_key": f.read(),
               "project_id": "of-the-key", "token_uri": G.url + "/token"}
    with open(p.path("key.json"), "w", encoding="ascii") as f:
        json.dump(key, f)
    env = {"GOOGLE_OAUTH_ACCESS_TOKEN": "", "GOOGLE_CLOUD_PROJECT": "",
           "GOOGLE_APPLICATION_CREDENTIALS": p.path("key.json")}
    got = json.loads(p.run("whoami", "--json", "gs://b/k", env=env).expect(0).out)
    same((got["kind"], got["account"], got["project"], got["api"], got["error"]),
         ("service account", "robot@test", "of-the-key", "JSON", None), "who")
    same(got["expires"] is not None, True, "when it ends")
    del G.accounts["robot@test"]
    p.run("whoami", "gs://", env=env).expect(5, err="account not found")
    p.run("whoami", "./file").expect(2, err="whoami is for")


def test_silent_metadata_server(p: Place):
    """It is asked when it is needed, not for long, and not before."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        env = {"GOOGLE_OAUTH_ACCESS_TOKEN": "", "STORAGE_EMULATOR_HOST": G.url,
               "GCE_METADATA_HOST": f"127.0.0.1:{silent.getsockname()[1]}"}
        began = time.monotonic()
        same("none: anonymous" in p.run("whoami", "gs://", env=env).expect(0).out, True, "who")
        same(time.monotonic() - began < 8, True, "in time")


if __name__ == "__main__":
    chosen = sys.argv[1:]
    sys.exit(run_all([f for n, f in list(globals().items())
                      if n.startswith("test_") and (not chosen or n in chosen)], ENV))
