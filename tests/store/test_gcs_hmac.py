#!/usr/bin/python3
"""gs:// with HMAC keys: the S3 client in Google's dialect, against a real S3 server, and against
one of ours for what that cannot be: generations, and both ways to sign."""
import os
import pickle
import subprocess
import sys
import tempfile

from rig import TOP, run_table
from s3_rig import Rig

sys.path.insert(0, os.path.join(TOP, "tests", "servers"))
from gcsxml import GcsXml  # noqa: E402

PROGRAM = os.environ["PKLBROWSE"]
RECORD = {"name": "John", "age": 30, "city": "New York"}


def program(rig, status, *words, through=None, **env):
    """What the program prints, and says."""
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run([PROGRAM, *words], env={
            "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": home,
            "GS_ACCESS_KEY_ID": rig.env["ACCESS_KEY"],
            "GS_SECRET_ACCESS_KEY": rig.env["SECRET_KEY"],
            "STORAGE_EMULATOR_HOST": through.url if through else rig.env["ENDPOINT"], **env},
            capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == status, done
    assert rig.env["SECRET_KEY"] not in done.stdout + done.stderr
    return done.stdout + done.stderr


def worked_example(rig):
    """The record of John, found, read, one value changed; what is there otherwise stays."""
    before = pickle.dumps(RECORD)
    rig.put("data.pickle", before, ContentType="application/x-pickle", Metadata={"team": "a"})
    assert rig.bucket + "/\n" in program(rig, 0, "ls", "gs://")
    assert "data.pickle" in program(rig, 0, "ls", f"gs://{rig.bucket}/")
    where = f"gs://{rig.bucket}/data.pickle"
    assert program(rig, 0, "show", where, ".age") == "30\n"
    said = program(rig, 0, "set", where, ".age=31")
    assert "30 → 31" in said and "checks no condition" in said or "not check" in said, said
    body, content_type, metadata = rig.get_with("data.pickle")
    assert pickle.loads(body) == dict(RECORD, age=31)
    assert content_type == "application/x-pickle" and metadata == {"team": "a"}


def dialect(rig):
    """No condition beside the signature, Accept-Encoding unsigned, the project when listing."""
    rig.put("d", pickle.dumps(RECORD))
    program(rig, 0, "set", f"gs://{rig.bucket}/d", ".age=31", through=rig.proxy)
    program(rig, 0, "ls", "gs://", "--project", "my-project", through=rig.proxy)
    gets = [head for head in rig.proxy.heads if head.method == "GET"]
    assert gets[0].header("Accept-Encoding") == "gzip"
    assert gets[-1].header("x-amz-project-id") == "my-project"
    assert "x-amz-project-id" in gets[-1].header("Authorization")
    puts = [head for head in rig.proxy.heads if head.method == "PUT"]
    assert len(puts) == 1 and puts[0].header("If-Match") is None
    for head in rig.proxy.heads:
        signed = head.header("Authorization")
        assert "/auto/s3/aws4_request" in signed and "accept-encoding" not in signed, signed
        assert not any(name.lower().startswith("x-goog-") for name, _ in head.headers)


def front_end(rig):
    """What Google's front end does: it adds to Accept-Encoding before anybody verifies."""
    rig.put("f", pickle.dumps(RECORD))
    rig.proxy.rule("method=GET strip=Accept-Encoding do=pass")
    signer, rig.proxy.signer = rig.proxy.signer, None       # not signed again: as it came
    try:
        said = program(rig, 0, "show", f"gs://{rig.bucket}/f", ".age", through=rig.proxy)
        assert said == "30\n", said
    finally:
        rig.proxy.signer = signer


def changed_meanwhile(rig):
    """Held against a HEAD: what was there when it was looked at."""
    rig.put("c", pickle.dumps(RECORD))
    rig.proxy.rule(f"method=HEAD n=2 do=pass run={rig.writer('c', b'theirs')}")
    program(rig, 4, "set", f"gs://{rig.bucket}/c", ".age=31", through=rig.proxy)
    assert rig.get("c") == b"theirs"


def by_generation(server, key="data.pickle"):
    """The service's own XML API: what it has, and a save there."""
    server.gcs.put("b", key, pickle.dumps(RECORD), contentType="application/x-pickle",
                   storageClass="NEARLINE", metadata={"team": "a"})
    return f"gs://b/{key}"


def google(status, server, *words):
    class Theirs:
        env = {"ACCESS_KEY": server.access_key, "SECRET_KEY": server.secret,
               "ENDPOINT": server.url}
    return program(Theirs, status, *words)


def with_server(test):
    def run(_):
        server = GcsXml("GOOGKEY1", "secret/of+it").start()
        server.gcs.bucket("b")
        try:
            test(server)
        finally:
            server.stop()
    run.__name__ = test.__name__
    return run


def puts_of(server):
    return [headers for method, _, headers in server.seen if method == "PUT"]


@with_server
def held_to_the_generation(server):
    """A save says which generation it replaces, signed in Google's way, all else kept."""
    where = by_generation(server)
    generation = server.gcs.get("b", "data.pickle").generation
    said = google(0, server, "set", where, ".age=31")
    assert "30 → 31" in said and "condition" not in said, said
    put, = puts_of(server)
    assert put["x-goog-if-generation-match"] == str(generation)
    assert put["authorization"].startswith("GOOG4-HMAC-SHA256 Credential=GOOGKEY1/")
    assert "/auto/storage/goog4_request" in put["authorization"]
    assert not any(name.startswith("x-amz-") for name in put), put
    now = server.gcs.get("b", "data.pickle")
    assert pickle.loads(now.data) == dict(RECORD, age=31) and now.generation != generation
    assert now.properties["metadata"] == {"team": "a"}
    assert now.properties["storageClass"] == "NEARLINE"
    assert now.properties["contentType"] == "application/x-pickle"


@with_server
def overtaken(server):
    """Somebody else between the look and the write: the service itself refuses."""
    where = by_generation(server)
    server.meanwhile["PUT"] = lambda: server.gcs.put("b", "data.pickle", b"theirs")
    google(4, server, "set", where, ".age=31")
    assert server.gcs.get("b", "data.pickle").data == b"theirs"
    same = pickle.dumps(RECORD)                 # the same bytes, and yet another generation
    by_generation(server)
    server.meanwhile["PUT"] = lambda: server.gcs.put("b", "data.pickle", same)
    google(4, server, "set", where, ".age=31")
    assert server.gcs.get("b", "data.pickle").data == same


@with_server
def only_where_nothing_is(server):
    """A new object: generation 0 is asked for."""
    file = os.path.join(os.environ.get("TEST_TMP") or os.getcwd(), "new.pickle")
    with open(file, "wb") as f:
        f.write(pickle.dumps(RECORD))
    google(0, server, "cp", file, "gs://b/new.pickle")
    put, = puts_of(server)
    assert put["x-goog-if-generation-match"] == "0", put
    server.meanwhile["PUT"] = lambda: server.gcs.put("b", "other.pickle", b"theirs")
    google(4, server, "cp", file, "gs://b/other.pickle")
    assert server.gcs.get("b", "other.pickle").data == b"theirs"


@with_server
def answer_lost(server):
    """Written, and the answer says otherwise: looked at, not written twice."""
    where = by_generation(server)
    server.first["PUT"] = 503
    google(0, server, "set", where, ".age=31")
    assert pickle.loads(server.gcs.get("b", "data.pickle").data)["age"] == 31
    assert len(puts_of(server)) == 1


@with_server
def removed_by_generation(server):
    """A removal is held to the generation that was looked at, where Google's way is known."""
    def deletes():
        return [headers for method, _, headers in server.seen if method == "DELETE"]

    where = by_generation(server)
    generation = server.gcs.get("b", "data.pickle").generation
    google(0, server, "rm", where)
    assert [said["x-goog-if-generation-match"] for said in deletes()] == [str(generation)]
    assert "data.pickle" not in server.gcs.buckets["b"].live
    by_generation(server)
    server.meanwhile["DELETE"] = lambda: server.gcs.put("b", "data.pickle", b"theirs")
    assert "changed by someone else" in google(4, server, "rm", where)
    assert server.gcs.get("b", "data.pickle").data == b"theirs"
    server.knows_goog4 = False                  # held against the look alone
    google(0, server, "rm", where)
    assert "data.pickle" not in server.gcs.buckets["b"].live
    assert [said["authorization"][:5] for said in deletes()[-2:]] == ["GOOG4", "AWS4-"]
    said = google(7, server, "ls", "--versions", "gs://b/")
    assert "with an HMAC key the generations of Google's store are not listed" in said, said


@with_server
def not_googles_way(server):
    """A server that shows generations but takes Amazon's signature alone: said."""
    where = by_generation(server)
    server.knows_goog4 = False
    said = google(0, server, "set", where, ".age=31")
    assert "checks no condition" in said or "not check" in said, said
    assert [put["authorization"].partition("-")[0] for put in puts_of(server)] == ["GOOG4", "AWS4"]
    assert pickle.loads(server.gcs.get("b", "data.pickle").data)["age"] == 31


def which_kind(rig):
    said = program(rig, 0, "whoami", "gs://")
    assert "HMAC key " + rig.env["ACCESS_KEY"] in said and "GS_ACCESS_KEY_ID" in said
    assert "XML, as S3 (writes are held to the generation: GOOG4)" in said
    said = program(rig, 0, "whoami", "gs://", GOOGLE_OAUTH_ACCESS_TOKEN="t")
    assert "access token (GOOGLE_OAUTH_ACCESS_TOKEN)" in said and "JSON" in said


def refused(rig):
    where = f"gs://{rig.bucket}"
    assert "secret key is wrong" in program(rig, 5, "ls", where, GS_SECRET_ACCESS_KEY="x")
    said = program(rig, 5, "ls", where, GS_ACCESS_KEY_ID="NOBODY")
    assert "cannot list gs://" in said and "access key is not known" in said, said


TESTS = (worked_example, dialect, front_end, changed_meanwhile, held_to_the_generation, overtaken,
         only_where_nothing_is, answer_lost, removed_by_generation, not_googles_way, which_kind,
         refused)


def main():
    rig = Rig()
    rig.s3.create_bucket(Bucket=rig.bucket)
    failed = run_table(rig, TESTS)
    rig.remove_bucket()
    rig.proxy.stop()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
