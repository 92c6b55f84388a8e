#!/usr/bin/python3
"""Google Cloud Storage against our server of it: what every store does, and what only this does."""
import gzip
import json
import os
import pickle
import subprocess
import sys
import time

from behaviours import BEHAVIOURS
from gcs_rig import Rig
from rig import run_table

# ---------------------------------------------------------------------------- listing


def buckets(rig):
    rig.gcs.bucket("other", project="another")
    assert rig.names("buckets") == ["bucket"]
    assert rig.names("buckets", "--project", "another") == ["other"]
    rig.error("wrong usage", "which Google Cloud project", "buckets",
              env={"GOOGLE_CLOUD_PROJECT": None})
    del rig.gcs.buckets["other"]


def paging(rig):
    keys = sorted(f"many/{i * 7919 % 2500:04d}" for i in range(2500))
    for key in keys:
        rig.put(key, b"")
    assert rig.names("list", rig.bucket, "many/") == keys
    lines = rig.ok("list", rig.bucket, "many/", "--recursive", "--max", 7, "--pages", 3)
    assert [line["page"] for line in lines if "page" in line] == [7, 7, 7]
    assert rig.names("list", rig.bucket, "many/", "--start-after", "many/2497") == keys[2498:]
    # Short pages, and pages with a token and nothing else.
    rig.gcs.page, rig.gcs.empty_pages = 100, True
    try:
        assert rig.names("list", rig.bucket, "many/1") == keys[1000:2000]
    finally:
        rig.gcs.page, rig.gcs.empty_pages = None, False
    # The same page again and again is no listing.
    rig.proxy.rule('path=/o do=answer status=200 set=Content-Type:application/json '
                   'body=\'{"items": [{"name": "a"}], "nextPageToken": "same"}\'')
    rig.error("server error", "again and again", "list", rig.bucket, "", through=rig.proxy)
    rig.proxy.clear()
    rig.proxy.rule("path=/o do=answer status=200 body=<html>")
    rig.error("server error", "no Cloud Storage", "list", rig.bucket, "", through=rig.proxy)


def generations(rig):
    rig.gcs.bucket("versions", versioning=True)
    try:
        first = rig.gcs.put("versions", "v", b"one")
        second = rig.gcs.put("versions", "v", b"two")
        third = rig.gcs.put("versions", "w", b"")
        rows = [line for line in rig.ok("versions", "versions", "") if "name" in line]
        assert [(r["name"], r["version"], r["latest"]) for r in rows] == [
            ("v", str(second.generation), True), ("v", str(first.generation), False),
            ("w", str(third.generation), True)], rows
        path = rig.file()
        rig.ok("get", "versions", "v", path, "--version", first.generation)
        with open(path, "rb") as f:
            assert f.read() == b"one"
        rig.ok("rm", "versions", "v", "--version", first.generation)
        rig.error("not found", "no such generation", "get", "versions", "v", path, "--version",
                  first.generation)
        rig.ok("rm", "versions", "v")
        rows = [line for line in rig.ok("versions", "versions", "v") if "name" in line]
        assert [(r["version"], r["latest"]) for r in rows] == [(str(second.generation), False)]
    finally:
        del rig.gcs.buckets["versions"]


def copied_in_pieces(rig):
    """A rewrite that takes several calls; class, metadata and the like go with it."""
    body = os.urandom(50000)
    rig.put(
        "rw",
        body,
        storageClass="NEARLINE",
        metadata={"who": "me"},
        contentType="x/y",
        cacheControl="no-store",
    )
    rig.gcs.rewrite_bytes = 20000
    try:
        rig.ok("copy", rig.bucket, "rw", rig.bucket, "rw2", through=rig.proxy)
    finally:
        rig.gcs.rewrite_bytes = 1 << 40
    assert sum("rewriteTo" in head.target for head in rig.proxy.heads) == 3
    assert not any("alt=media" in head.target for head in rig.proxy.heads)
    one = rig.gcs.get(rig.bucket, "rw2")
    assert one.data == body and one.properties["storageClass"] == "NEARLINE"
    assert one.properties["metadata"] == {"who": "me"}
    assert one.properties["cacheControl"] == "no-store"


def generation_brought_back(rig):
    rig.gcs.bucket("versions", versioning=True)
    try:
        old = rig.gcs.put("versions", "g", b"one", metadata={"n": "1"})
        rig.gcs.put("versions", "g", b"two")
        rig.program("cp", "--version-id", str(old.generation), "gs://versions/g", "gs://versions/g")
        now = rig.gcs.get("versions", "g")
        assert now.data == b"one" and now.properties["metadata"] == {"n": "1"}
        rig.gcs.put("versions", "h", b"mine")
        rig.error(
            "changed by someone else",
            "changed",
            "copy",
            "versions",
            "g",
            "versions",
            "h",
            "--etag",
            old.generation,
        )
        assert rig.gcs.get("versions", "h").data == b"mine"
    finally:
        del rig.gcs.buckets["versions"]


def soft_deleted_brought_back(rig):
    rig.gcs.bucket("soft", soft_delete=True)
    try:
        one = rig.gcs.put("soft", "s", b"N.", metadata={"n": "1"})
        rig.ok("rm", "soft", "s")
        told = rig.ok("head", "soft", "s", "--version", one.generation)[0]
        assert "Soft-Deleted" in told["shown"], told
        rig.error("not found", "no such version", "head", "soft", "s", "--version", 77)
        rig.error(
            "wrong usage",
            "under its own name",
            "copy",
            "soft",
            "s",
            "soft",
            "other",
            "--version",
            one.generation,
        )
        rig.program("cp", "--version-id", str(one.generation), "gs://soft/s", "gs://soft/s")
        now = rig.gcs.get("soft", "s")
        assert now.data == b"N." and now.generation != one.generation
        assert now.properties["metadata"] == {"n": "1"}
    finally:
        del rig.gcs.buckets["soft"]


def soft_deleted(rig):
    rig.gcs.bucket("soft", soft_delete=True)
    try:
        one = rig.gcs.put("soft", "s", b"one")
        rig.ok("rm", "soft", "s")
        rows = [line for line in rig.ok("versions", "soft", "") if "name" in line]
        assert [(r["version"], r["class"]) for r in rows] == [(str(one.generation), "soft-deleted")]
        rig.error("not supported", "soft-deleted: its bytes can be read when", "get", "soft", "s",
                  rig.file(), "--version", one.generation)
    finally:
        del rig.gcs.buckets["soft"]


# ---------------------------------------------------------------------------- reading


def properties(rig):
    rig.put("p", b"x", contentType="a/b", cacheControl="no-store", storageClass="NEARLINE",
            metadata={"who": "me", "né": "a\nb"}, temporaryHold=True,
            contexts={"custom": {"c": {"value": "v"}}},
            acl=[{"entity": "user-a@b", "role": "OWNER"}])
    head = rig.ok("head", rig.bucket, "p")[0]
    shown = head["shown"]
    assert head["keep"]["Content-Type"] == "a/b" and shown["Storage-Class"] == "NEARLINE"
    assert "hold" in shown["Hold"] or "cannot be replaced" in shown["Hold"]
    assert shown["Context"] == "c: v" and shown["Metageneration"] == "1"
    assert {"detail": "Access", "value": "user-a@b: OWNER"} in rig.ok("details", rig.bucket, "p")


def stored_with_gzip(rig):
    """What is stored comes, not what is in it; also a part of it; and is saved as it is read."""
    body = gzip.compress(os.urandom(1000) + b"x" * 100000, mtime=0)
    rig.put("z", body, contentType="a/b", contentEncoding="gzip")
    assert rig.fetch("z")[0] == body
    assert rig.fetch("z", "--offset", 10, "--length", 20)[0] == body[10:30]
    rig.save("z", body[:-1] + b"\0")
    assert rig.get("z") == body[:-1] + b"\0"
    assert rig.gcs.get(rig.bucket, "z").properties["contentEncoding"] == "gzip"
    # Something on the way that takes "gzip" away from what we accept.
    rig.proxy.rule("path=alt=media strip=Accept-Encoding do=pass")
    rig.put("z2", body, contentEncoding="gzip")
    rig.error("server error", "unpacked it on the way", "get", rig.bucket, "z2", rig.file(),
              through=rig.proxy)


def damaged(rig):
    one = rig.put("d", b"0123456789" * 1000)
    rig.proxy.rule("path=alt=media do=answer status=200 body=" + "1" * 10000)
    rig.error("server error", "damaged on the way", "get", rig.bucket, "d", rig.file(),
              through=rig.proxy)
    rig.proxy.clear()
    one.components = 2                          # a composite object has no MD5
    assert rig.fetch("d")[0] == one.data


def broken_off(rig):
    """A transfer that breaks is continued, from the same generation."""
    body = os.urandom(300000)
    rig.put("b", body)
    rig.proxy.rule("path=alt=media n=1 do=cut at=100000")
    rig.proxy.rule("path=alt=media n=1 do=cut at=50000")
    assert rig.fetch("b", through=rig.proxy)[0] == body
    ranges = [head.header("Range") for head in rig.proxy.heads if "alt=media" in head.target]
    assert ranges == [None, "bytes=100000-299999", "bytes=150000-299999"], ranges
    # Replaced meanwhile: the generation that was begun is gone.
    rig.proxy.clear()
    rig.proxy.rule(f"path=alt=media n=1 do=cut at=100000 run-after={rig.writer('b', b'new')}")
    rig.error("changed by someone else", "meanwhile", "get", rig.bucket, "b", rig.file(),
              through=rig.proxy)


def names(rig):
    rig.error("server error", "Invalid object name", "put", rig.bucket, "a%0Ab", rig.file(b"x"),
              "--absent")
    rig.error("wrong usage", "UTF-8", "head", rig.bucket, "a%FF")
    rig.error("wrong usage", "UTF-8", "put", rig.bucket, "a%FF", rig.file(b"x"), "--absent")


# ---------------------------------------------------------------------------- writing


def everything_is_carried_over(rig):
    kept = {"contentType": "a/b", "contentEncoding": "x", "contentDisposition": "attachment",
            "contentLanguage": "ko", "cacheControl": "no-store", "storageClass": "COLDLINE",
            "metadata": {"who": "me", "né": "a\nb"}, "customTime": "2026-01-01T00:00:00Z",
            "contexts": {"custom": {"c": {"value": "v", "createTime": "2026-01-01T00:00:00Z"}}},
            "retention": {"mode": "Unlocked", "retainUntilTime": "2020-01-01T00:00:00Z"},
            "acl": [{"entity": "user-a@b", "role": "OWNER", "etag": "CAE="}]}
    rig.put("k", b"old", **kept)
    rig.save("k", b"new")
    now = rig.gcs.get(rig.bucket, "k")
    assert now.data == b"new"
    want = dict(kept, contexts={"custom": {"c": {"value": "v"}}},
                acl=[{"entity": "user-a@b", "role": "OWNER"}])
    del want["retention"]                       # it has ended, and would be refused
    have = {name: value for name, value in now.properties.items()
            if name not in ("name", "crc32c", "md5Hash")}
    assert have == want, have
    # Who may not read the access list may save all the same.
    rig.gcs.token("few", denied=["storage.objects.getIamPolicy"])
    rig.save("k", b"newer", env={"GOOGLE_OAUTH_ACCESS_TOKEN": "few"})
    assert rig.get("k") == b"newer"
    # Nor need who may only create be told what is there.
    rig.gcs.token("drop", denied=["storage.objects.get", "storage.objects.getIamPolicy"])
    env = {"GOOGLE_OAUTH_ACCESS_TOKEN": "drop"}
    rig.save_error("exists already", "already", "k", b"mine", "--absent", env=env)
    assert "saved" in rig.save("k-new", b"mine", "--absent", env=env)
    assert rig.get("k") == b"newer" and rig.get("k-new") == b"mine"


def other_metadata_meanwhile(rig):
    """Only the metadata changed after they were read: no conflict, and theirs stay."""
    one = rig.put("m", b"old", metadata={"a": "1"})

    def patch():
        one.properties["metadata"] = {"a": "2"}
        one.metageneration += 1

    hold = rig.file(b"")
    held = rig.start("put", rig.bucket, "m", rig.file(b"mine"), "--hold", hold)
    assert b"read" in held.stdout.readline()
    patch()
    os.unlink(hold)
    assert "saved" in rig.finish(held)[-1]
    now = rig.gcs.get(rig.bucket, "m")
    assert now.data == b"mine" and now.properties["metadata"] == {"a": "2"}
    # In the moment between the look and the upload.
    one = rig.put("m", b"old", metadata={"a": "1"})
    script = rig.file(f"""import urllib.request
urllib.request.urlopen(urllib.request.Request(
    "{rig.gcs.url}/storage/v1/b/bucket/o/m", b'{{"metadata": {{"a": "3"}}}}', method="PATCH",
    headers={{"Authorization": "Bearer {rig.token}", "Content-Type": "application/json"}}))
""".encode())
    rig.proxy.rule(f"method=POST path=uploadType n=1 do=pass run='python3 {script}'")
    assert "saved" in rig.save("m", b"mine", through=rig.proxy)
    now = rig.gcs.get(rig.bucket, "m")
    assert now.data == b"mine" and now.properties["metadata"] == {"a": "3"}


def holds(rig):
    for name, more, words in (
            ("h1", {"temporaryHold": True}, "a hold on it"),
            ("h2", {"retention": {"mode": "Locked", "retainUntilTime": "2999-01-01T00:00:00Z"}},
             "its retention has not ended")):
        rig.put(name, b"old", **more)
        shown = rig.ok("head", rig.bucket, name)[0]["shown"]
        assert any(word in shown for word in ("Hold", "Retention")), shown
        rig.save_error("not permitted", words, name, b"new")
        rig.error("not permitted", words, "rm", rig.bucket, name)
        assert rig.get(name) == b"old"


# ----------------------------------------------------------------------------- faults


def answer_lost(rig):
    """Each request of a save loses its answer, or never arrives: saved once, or told."""
    for rule in ("method=GET n=1 do=drop-before", "method=POST n=1 do=drop-after",
                 "method=POST n=1 do=drop-before", "method=PUT n=1 do=drop-before",
                 "method=PUT n=1 do=drop-after", "method=PUT n=1 do=drop-forwarded",
                 "method=PUT n=1 do=cut at=20", "method=PUT n=1 do=answer status=503",
                 "method=PUT n=1 do=answer-after status=500",
                 "method=POST n=1 do=answer status=503", "method=GET n=3- do=drop-before"):
        rig.put("l", b"old", metadata={"a": "1"})
        rig.proxy.rule(rule)
        assert "saved" in rig.save("l", b"mine", through=rig.proxy), rule
        assert rig.get("l") == b"mine", rule
        assert rig.gcs.get(rig.bucket, "l").properties["metadata"] == {"a": "1"}
        writes = [head for head in rig.proxy.heads if head.method == "POST"]
        assert len(writes) <= 2, rule
        rig.proxy.clear()


def lost_and_replaced(rig):
    """The answer is lost, and somebody else wrote after us, or before."""
    rig.put("lr", b"old")
    rig.proxy.rule(f"method=PUT n=1 do=drop-after run-after={rig.writer('lr', b'theirs')}")
    rig.save_error("changed by someone else", "changed", "lr", b"mine", through=rig.proxy)
    assert rig.get("lr") == b"theirs"
    rig.proxy.clear()
    rig.proxy.rule(f"method=PUT n=1 do=pass run={rig.writer('lr', b'first')}")
    rig.save_error("changed by someone else", "nothing was written", "lr", b"mine",
                   through=rig.proxy)
    assert rig.get("lr") == b"first"
    rig.proxy.clear()
    rig.proxy.rule(f"method=PUT n=1 do=pass run-after={rig.writer('lr', b'second')}")
    rig.save_error("changed by someone else", "in the same moment", "lr", b"mine",
                   through=rig.proxy)


def upload_goes_on(rig):
    """What has arrived is not sent again."""
    body = os.urandom(1500000)
    rig.put("u", b"old")
    # The service keeps a part of what comes: as if the connection had been lost.
    rig.gcs.keep_at_first = 600000
    rig.save("u", body, through=rig.proxy)
    assert rig.get("u") == body
    puts = [head.header("Content-Range") for head in rig.proxy.heads if head.method == "PUT"]
    assert puts == ["bytes 0-1499999/1500000", "bytes 524288-1499999/1500000"], puts
    # An upload that is known no more is begun anew.
    rig.proxy.clear()
    rig.proxy.rule("method=PUT n=1 do=answer status=410")
    assert "saved" in rig.save("u", b"again", through=rig.proxy)
    assert rig.get("u") == b"again"
    # One that never gets ahead ends.
    rig.proxy.clear()
    rig.proxy.rule("method=PUT do=answer status=308")
    began = time.monotonic()
    rig.save_error("connection failed", "does not get ahead", "u", b"never", through=rig.proxy)
    assert time.monotonic() - began < 30 and rig.get("u") == b"again"


def conditions_checked_by_the_service(rig):
    """What is there changes after the look, before the upload begins."""
    rig.put("cc", b"old")
    rig.proxy.rule(f"method=POST n=1 do=pass run={rig.writer('cc', b'theirs')}")
    rig.save_error("changed by someone else", "nothing was written", "cc", b"mine",
                   through=rig.proxy)
    assert rig.get("cc") == b"theirs"
    rig.proxy.clear()
    rig.proxy.rule(f"method=POST n=1 do=pass run={rig.writer('cc2', b'theirs')}")
    rig.save_error("exists already", "already", "cc2", b"mine", "--absent", through=rig.proxy)


def in_their_own_words(rig):
    rig.put("w", b"x")
    for status, kind, words in ((403, "not permitted", "needs storage.objects.get"),
                                (409, "server error", "something else is being done"),
                                (429, "server error", "too many requests"),
                                (503, "server error", "busy"), (501, "not supported", "does not")):
        rig.proxy.rule(f"do=answer status={status}")
        told = rig.error(kind, words, "head", rig.bucket, "w", through=rig.proxy)
        assert told["status"] == status
        attempts = len(rig.proxy.heads)
        assert attempts == (5 if status in (429, 503) else 1), (status, attempts)
        rig.proxy.clear()
    rig.error("not found", "no such bucket", "list", "no-such-bucket", "")
    rig.error("not found", "no such bucket", "put", "no-such-bucket", "k", rig.file(b"x"),
              "--absent")
    rig.error("connection failed", "127.0.0.1:1", "list", rig.bucket, "",
              env={"STORAGE_EMULATOR_HOST": "127.0.0.1:1"})


def requester_pays(rig):
    rig.gcs.bucket("pays", requester_pays=True)
    rig.gcs.put("pays", "k", b"x")
    rig.error("not permitted", "--request-payer", "head", "pays", "k")
    rig.ok("head", "pays", "k", "--request-payer")
    assert "userProject=test-project" in rig.gcs.seen[-1]
    del rig.gcs.buckets["pays"]


# ---------------------------------------------------------------------------- credentials


def key_file(rig, name, said):
    path = os.path.join(rig.tmp, name)
    with open(path, "w", encoding="utf-8") as f:
        json.dump(said, f)
    return path


def service_account(rig):
    pem = os.path.join(rig.tmp, "key.pem")
    subprocess.run(["openssl", "genrsa", "-out", pem, "2048"], check=True, capture_output=True)
    rig.gcs.account("robot@test", pem)
    with open(pem, encoding="ascii") as f:
        private = f.read()
    return {"type": "service_account", "client_email": "robot@test", "private_key": private,
            "private_key_id": "1", "project_id": "test-project",
            "token_uri": rig.gcs.url + "/token"}


USER = {"type": "authorized_user", "client_id": "id", "client_secret": "s3cret",
        "refresh_token": "r3fresh"}


def tokens(rig):
    """Each kind of credentials reads an object; a token that is refused is asked for anew."""
    rig.put("t", b"x")
    rig.gcs.users["r3fresh"] = ("id", "s3cret")
    rig.gcs.impersonable["other@test"] = ["user"]
    robot = service_account(rig)
    user = {**USER, "token_uri": rig.gcs.url + "/token"}
    other = {"type": "impersonated_service_account", "source_credentials": user,
             "service_account_impersonation_url":
             rig.gcs.url + "/v1/projects/-/serviceAccounts/other@test:generateAccessToken"}
    no_token = {"GOOGLE_OAUTH_ACCESS_TOKEN": None, "GOOGLE_CLOUD_PROJECT": None}
    for said in (robot, user, other):
        env = {**no_token, "GOOGLE_APPLICATION_CREDENTIALS": key_file(rig, "key.json", said)}
        assert rig.fetch("t", env=env)[0] == b"x", said["type"]
        # Refused in the middle: another one is asked for, and the save goes on.
        rig.proxy.rule("method=POST path=uploadType n=1 do=answer status=401")
        assert "saved" in rig.save("t", b"x", env=env, through=rig.proxy), said["type"]
        rig.proxy.clear()
    env = {**no_token, "GOOGLE_APPLICATION_CREDENTIALS": key_file(rig, "key.json", robot)}
    assert rig.names("buckets", env=env) == ["bucket"]      # the key file says the project
    # gcloud's own file.
    folder = os.path.join(rig.tmp, "gcloud")
    os.makedirs(folder, exist_ok=True)
    os.rename(key_file(rig, "adc.json", user),
              os.path.join(folder, "application_default_credentials.json"))
    assert rig.fetch("t", env={**no_token, "CLOUDSDK_CONFIG": folder})[0] == b"x"
    # The metadata server, which also says the project.
    rig.gcs.metadata = "https://www.googleapis.com/auth/cloud-platform"
    rig.gcs.buckets[rig.bucket].project = "machine-project"
    env = {**no_token, "GCE_METADATA_HOST": f"127.0.0.1:{rig.gcs.port}"}
    assert rig.fetch("t", env=env)[0] == b"x"
    assert rig.names("buckets", env=env) == ["bucket"]
    rig.gcs.buckets[rig.bucket].project = "test-project"
    rig.gcs.metadata = None
    began = time.monotonic()
    rig.error("not permitted", "without credentials", "list", rig.bucket, "", env=env)
    assert time.monotonic() - began < 5


def token_errors(rig):
    rig.put("t", b"x")
    no_token = {"GOOGLE_OAUTH_ACCESS_TOKEN": None}

    def refused(said, kind, words, **env):
        env = {**no_token, "GOOGLE_APPLICATION_CREDENTIALS": key_file(rig, "key.json", said),
               **env}
        rig.error(kind, words, "head", rig.bucket, "t", env=env)

    robot = service_account(rig)
    elsewhere = {**robot, "client_email": "nobody@test"}
    refused(elsewhere, "not permitted", "account not found")
    wrong = {**USER, "token_uri": rig.gcs.url + "/token", "refresh_token": "r3fresh-old"}
    refused(wrong, "not permitted", "expired or revoked.*gcloud auth application-default login")
    refused({**robot, "private_key": "PRIVATE"}, "not permitted", "no RSA key")
    refused({**robot, "token_uri": "http://127.0.0.1:1/token"}, "connection failed", "127.0.0.1:1")
    refused({"type": "external_account"}, "not supported", "print-access-token")
    rig.error("not permitted", "No such file", "head", rig.bucket, "t",
              env={**no_token, "GOOGLE_APPLICATION_CREDENTIALS": "/nonexistent"})
    # A clock that is wrong: the token server's own counts.
    for off in (-86400, 86400):
        env = {**no_token, "PKLBROWSE_NOW": str(int(time.time()) + off),
               "GOOGLE_APPLICATION_CREDENTIALS": key_file(rig, "key.json", robot)}
        rig.ok("head", rig.bucket, "t", env=env)
    # A given token that is not taken (any more) cannot be renewed.
    rig.error("not permitted", "not valid", "head", rig.bucket, "t",
              env={"GOOGLE_OAUTH_ACCESS_TOKEN": "ya29.other"})
    # Anonymous where that is enough, and where not.
    rig.gcs.buckets[rig.bucket].public = True
    assert rig.fetch("t", "--no-sign-request")[0] == b"x"
    rig.gcs.buckets[rig.bucket].public = False
    rig.error("not permitted", "without credentials", "head", rig.bucket, "t",
              "--no-sign-request")


def no_secret_in_the_log(rig):
    log = rig.file()
    rig.put("log", b"x")
    said = {**service_account(rig)}
    env = {"GOOGLE_OAUTH_ACCESS_TOKEN": None,
           "GOOGLE_APPLICATION_CREDENTIALS": key_file(rig, "key.json", said)}
    rig.ok("put", rig.bucket, "log", rig.file(b"y"), "--log", log, env=env)
    rig.ok("head", rig.bucket, "log", "--log", log)
    with open(log, encoding="utf-8") as f:
        text = f.read()
    assert "PUT " in text and "redacted" in text
    for secret in (rig.token, "ya29.secret", "upload-", "PRIVATE KEY", "Bearer "):
        assert secret not in text, secret


def no_part_stays_there(rig):
    """Rewrite and compose know whole objects only: everything is sent, and that is said before."""
    body = pickle.dumps({"age": 30, "more": os.urandom(1100000)})
    rig.put("large", body)
    where = f"gs://{rig.bucket}/large"
    told = rig.program("set", "--dry-run", where, ".age=31")
    assert f"all {len(body)} bytes are sent: Google's store copies whole objects" in told, told
    rig.program("set", where, ".age=31", STORAGE_EMULATOR_HOST=rig.proxy.url)
    sent = sum(int(head.header("Content-Length") or 0) for head in rig.proxy.heads)
    assert len(body) <= sent < len(body) + 10000, sent
    assert pickle.loads(rig.get("large"))["age"] == 31
    rig.put("small", pickle.dumps({"age": 30}))
    assert "are sent" not in rig.program("set", f"gs://{rig.bucket}/small", ".age=31")


TESTS = BEHAVIOURS + (
    no_part_stays_there,
    buckets, paging, generations, soft_deleted, soft_deleted_brought_back, copied_in_pieces,
    generation_brought_back, properties, stored_with_gzip, damaged, broken_off, names,
    everything_is_carried_over, other_metadata_meanwhile, holds, answer_lost, lost_and_replaced,
    upload_goes_on, conditions_checked_by_the_service, in_their_own_words, requester_pays,
    tokens, token_errors, no_secret_in_the_log)


def main():
    rig = Rig()
    failed = run_table(rig, TESTS)
    rig.proxy.stop()
    rig.gcs.stop()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
