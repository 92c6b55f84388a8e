#!/usr/bin/python3
"""The S3 store against a real server, with boto3 as the other side: listing, reading, who may."""
import os
import subprocess
import sys
import time

from behaviours import BEHAVIOURS
from gcs_rig import Gcs
from rig import run_table
from s3_rig import Rig, quote

def buckets(rig):
    assert rig.bucket in rig.names("buckets")


def paging(rig):
    keys = sorted(f"many/{i * 7919 % 2500:04d}" for i in range(2500))
    rig.put_many(keys)
    assert rig.names("list", rig.bucket, "many/") == keys
    lines = rig.ok("list", rig.bucket, "many/")
    pages = [line["page"] for line in lines if "page" in line]
    assert pages == [1000, 1000, 500], pages
    lines = rig.ok("list", rig.bucket, "many/", "--recursive", "--max", 7, "--pages", 3)
    assert [line["page"] for line in lines if "page" in line] == [7, 7, 7]
    assert rig.names("list", rig.bucket, "many/", "--start-after", "many/2497") == keys[2498:]
    assert rig.names("list", rig.bucket, "many/249") == keys[2490:]
    assert rig.names("list", rig.bucket, "none/") == []


def addresses(rig):
    """The signed ones work without credentials, whatever the key; the plain one does not."""
    for key in ("signed", "a b+c%20\u00e9//./x?y#z&=", "'quoted'(1)*"):
        rig.put(key, b"for " + key.encode())
        rows, = rig.ok("links", rig.bucket, quote(key))
        assert rows["ARN"] == f"arn:aws:s3:::{rig.bucket}/{key}", rows
        signed = [name for name in rows if name.startswith("Signed-")]
        assert len(signed) == 3 and "7-days" in signed[2], rows
        for name in signed:
            got = subprocess.run(["curl", "-sS", "--path-as-is", "--max-time", "20", rows[name]],
                                 capture_output=True, check=True)
            assert got.stdout == b"for " + key.encode(), (name, got.stdout)
        assert b"AccessDenied" in subprocess.run(
            ["curl", "-sS", "--path-as-is", "--max-time", "20", rows["URL"]], capture_output=True,
            check=True).stdout
    bad = rows[signed[0]].replace("X-Amz-Expires=3600", "X-Amz-Expires=3601")
    assert b"SignatureDoesNotMatch" in subprocess.run(
        ["curl", "-sS", "--max-time", "20", bad], capture_output=True, check=True).stdout
    names = rig.ok("links", rig.bucket, "signed", "--no-sign-request")[0]
    assert sorted(names) == ["ARN", "URL"], names
    token = rig.ok("links", rig.bucket, "signed", env={"AWS_SESSION_TOKEN": "a/b+c="})[0]
    assert "X-Amz-Security-Token=a%2Fb%2Bc%3D" in token[signed[0]]


def properties(rig):
    rig.put("p", b"x", ContentType="application/x-pickle", CacheControl="max-age=5",
            ContentDisposition='attachment; filename="a b"', ContentLanguage="ko",
            ContentEncoding="identity", Expires="Thu, 01 Dec 2033 16:00:00 GMT",
            Metadata={"who": "me", "empty": ""}, Tagging="a=1&b=2")
    head = rig.ok("head", rig.bucket, "p")[0]
    keep = {name.lower(): value for name, value in head["keep"].items()}
    assert keep["content-type"] == "application/x-pickle"
    assert keep["cache-control"] == "max-age=5" and keep["content-language"] == "ko"
    assert keep["content-disposition"] == 'attachment; filename="a b"'
    assert keep["expires"] and keep["x-amz-meta-who"] == "me"
    assert head["tags"] == 2 and head["identity"]["size"] == 1
    assert abs(head["identity"]["mtime"]
               - rig.s3.head_object(Bucket=rig.bucket, Key="p")["LastModified"].timestamp()) < 1


def versions(rig):
    bucket = rig.bucket
    rig.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    try:
        first = rig.put("v", b"same")["VersionId"]
        head = rig.ok("head", bucket, "v")[0]
        assert head["identity"]["version"] == first
        hold = rig.file(b"")
        held = rig.start("put", bucket, "v", rig.file(b"mine"), "--hold", hold)
        assert b"read" in held.stdout.readline()
        second = rig.put("v", b"same")["VersionId"]         # the same bytes, and yet a new version
        os.unlink(hold)
        told = rig.finish(held)[-1]
        assert told["error"] == "changed by someone else", told
        # This server refuses every If-Match in a bucket with versions: nothing can be lost there.
        saved = rig.save("v", b"mine")
        assert saved["saved"]["version"] not in (None, first, second) and saved["unchecked"]
        assert rig.s3.get_object(Bucket=bucket, Key="v")["VersionId"] == saved["saved"]["version"]
    finally:
        rig.s3.put_bucket_versioning(Bucket=bucket,
                                     VersioningConfiguration={"Status": "Suspended"})


def copies_carry_everything(rig):
    """Type, metadata and tags go with a copy; the bytes never pass here."""
    rig.put(
        "cc",
        b"N." * 1000,
        ContentType="x/y",
        Metadata={"who": "me"},
        Tagging="a=1%2B2&b=x",
        CacheControl="no-store",
    )
    rig.ok("copy", rig.bucket, "cc", rig.bucket, "cc2", through=rig.proxy)
    assert rig.proxy.methods() == "HEAD HEAD PUT HEAD", rig.proxy.methods()
    head = rig.s3.head_object(Bucket=rig.bucket, Key="cc2")
    assert head["ContentType"] == "x/y" and head["Metadata"] == {"who": "me"}
    assert head["CacheControl"] == "no-store"
    tags = rig.s3.get_object_tagging(Bucket=rig.bucket, Key="cc2")["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"a": "1+2", "b": "x"}
    rig.program("mv", rig.url("cc2"), rig.url("cc3"))
    tags = rig.s3.get_object_tagging(Bucket=rig.bucket, Key="cc3")["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"a": "1+2", "b": "x"}


def source_changed_meanwhile(rig):
    """This server does not know the condition on what is copied: it is found out, and said."""
    rig.put("sm", b"one")
    rig.proxy.rule(f"path=/sm2 method=HEAD n=1 do=pass " f"run-after={rig.writer('sm', b'two')}")
    rig.error(
        "changed by someone else",
        "what is copied was changed",
        "copy",
        rig.bucket,
        "sm",
        rig.bucket,
        "sm2",
        through=rig.proxy,
    )
    rig.s3.delete_object(Bucket=rig.bucket, Key="sm2")
    rig.proxy.clear()
    rig.proxy.rule("method=PUT n=1 do=answer status=412")
    rig.error(
        "changed by someone else",
        "nothing was written",
        "copy",
        rig.bucket,
        "sm",
        rig.bucket,
        "sm2",
        through=rig.proxy,
    )
    rig.error("not found", "no such object", "head", rig.bucket, "sm2")


def server_that_copies_nothing(rig):
    """Then it is read and written, with a copy's own properties."""
    rig.put("sc", b"N.", Metadata={"who": "me"})
    rig.proxy.rule("method=PUT n=1 do=answer status=501")
    rig.program("cp", rig.url("sc"), rig.url("sc2"), AWS_ENDPOINT_URL=rig.proxy.url)
    assert rig.get_with("sc2")[::2] == (b"N.", {"who": "me"})
    assert "GET" in rig.proxy.methods()


def downloaded_side_by_side(rig):
    """cp of a large object: ranges of the version that was looked at."""
    body = os.urandom(1 << 20) * 20
    rig.put("large", body)
    to = rig.file()
    rig.program("cp", rig.url("large"), to, AWS_ENDPOINT_URL=rig.proxy.url)
    with open(to, "rb") as f:
        assert f.read() == body
    gets = [head for head in rig.proxy.heads if head.method == "GET"]
    assert len(gets) == 3 and all(head.header("If-Match") for head in gets), rig.proxy.methods()
    assert {head.header("Range") for head in gets} == {
        "bytes=0-8388607", "bytes=8388608-16777215", "bytes=16777216-20971519"}


def to_another_cloud(rig):
    """What has a counterpart goes along; the rest is told."""
    google = Gcs().start()
    try:
        google.token("ya29.t")
        google.bucket("there")
        env = {"STORAGE_EMULATOR_HOST": google.url, "GOOGLE_OAUTH_ACCESS_TOKEN": "ya29.t"}
        rig.put("ac", b"N.", ContentType="x/y", Metadata={"who-am": "me"}, Tagging="a=1",
                CacheControl="no-store")
        told = rig.program("cp", rig.url("ac"), "gs://there/ac", notes=True, **env)
        assert "not carried over" in told and "tags" in told, told
        properties = google.get("there", "ac").properties
        assert properties["contentType"] == "x/y" and properties["cacheControl"] == "no-store"
        assert properties["metadata"] == {"who-am": "me"}
        assert rig.program("cp", "gs://there/ac", rig.url("ac2"), notes=True, **env) == ""
        assert rig.get_with("ac2") == (b"N.", "x/y", {"who-am": "me"})
        assert rig.program("diff", rig.url("ac"), "gs://there/ac", **env) == ""
    finally:
        google.stop()


def virtual_hosts(rig):
    env = {"AWS_ENDPOINT_URL": "http://" + rig.env["VHOST_SUFFIX"]}
    style = ("--addressing", "virtual")
    for key in ("vh/a b+c%.pkl", "/vh//x", "vh/./y"):
        rig.put(key, b"N.", Metadata={"m": "1"})
        assert rig.names("list", rig.bucket, quote(key), *style, env=env) == [key]
        assert rig.fetch(key, *style, env=env)[0] == b"N."
        assert "saved" in rig.save(key, b"K\x01.", *style, env=env)
        assert rig.get(key) == b"K\x01."
    assert rig.bucket in rig.names("buckets", *style, env=env)
    # The same, asked for by the profile.
    with open(rig.file(), "w", encoding="utf-8") as f:
        f.write(f"[profile vh]\nregion = {rig.env['REGION']}\nservices = vh\ns3 =\n"
                f"  addressing_style = virtual\n[services vh]\ns3 =\n"
                f"  endpoint_url = {env['AWS_ENDPOINT_URL']}\n")
    env = {"AWS_ENDPOINT_URL": None, "AWS_REGION": None, "AWS_CONFIG_FILE": f.name,
           "AWS_PROFILE": "vh"}
    assert rig.names("list", rig.bucket, "vh/a", env=env) == ["vh/a b+c%.pkl"]


def credentials(rig):
    rig.put("c", b"x")
    listing = ("list", rig.bucket, "")
    rig.error("not permitted", "secret key is wrong", *listing, env={"AWS_SECRET_ACCESS_KEY": "x"})
    rig.error("not permitted", "access key is not known", *listing,
              env={"AWS_ACCESS_KEY_ID": "PKLBNOBODY"})
    rig.error("not permitted", "denied", "get", rig.bucket, "c", rig.file(),
              env={"AWS_ACCESS_KEY_ID": rig.env["OTHER_ACCESS_KEY"],
                   "AWS_SECRET_ACCESS_KEY": rig.env["OTHER_SECRET_KEY"]})
    rig.error("not permitted", "no AWS credentials", *listing,
              env={"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None})
    told = rig.error("not permitted", "denied without credentials", *listing, "--no-sign-request")
    assert "request id" in told["detail"], told
    # From the file, by a profile that is named: the environment does not count.
    path = rig.file(f"[p]\naws_access_key_id = {rig.env['ACCESS_KEY']}\n"
                    f"aws_secret_access_key = {rig.env['SECRET_KEY']}\n".encode())
    assert "c" in rig.names(*listing, "--profile", "p", env={
        "AWS_ACCESS_KEY_ID": "PKLBNOBODY", "AWS_SHARED_CREDENTIALS_FILE": path})


def anonymous(rig):
    rig.put("public", b"N.", ACL="public-read")
    assert rig.fetch("public", "--no-sign-request")[0] == b"N."
    rig.put("private", b"N.")
    rig.error("not permitted", "denied without credentials", "get", rig.bucket, "private",
              rig.file(), "--no-sign-request")


def missing(rig):
    rig.error("not found", "no such bucket", "list", "no-such-bucket-here", "")
    rig.error("not found", "no such object", "head", rig.bucket, "no/such")
    told = rig.error("not found", "no such object", "get", rig.bucket, "no/such", rig.file())
    assert told["code"] == "NoSuchKey" and told["status"] == 404
    rig.error("not found", "", "put", "no-such-bucket-here", "k", rig.file(b"x"), "--absent")
    rig.error("wrong usage", "not the name of a bucket", "list", "..", "")


def unreachable(rig):
    rig.error("connection failed", "127.0.0.1:1", "list", rig.bucket, "",
              env={"AWS_ENDPOINT_URL": "http://127.0.0.1:1"})


def clock(rig):
    """The server refuses a clock that is a day off; it is corrected by what the server says."""
    rig.put("clock", b"x")
    for off in (-86400, 86400):
        env = {"PKLBROWSE_NOW": str(int(time.time()) + off)}
        assert "clock" in rig.names("list", rig.bucket, "clock", env=env)
        rig.ok("head", rig.bucket, "clock", env=env)
        assert "saved" in rig.save("clock", b"y%d" % off, env=env)
        assert rig.fetch("clock", env=env)[0] == b"y%d" % off


def no_secret_in_the_log(rig):
    log = rig.file()
    rig.put("log", b"x")
    env = {"AWS_SESSION_TOKEN": "very-secret-token"}
    rig.run("list", rig.bucket, "", "--log", log, env=env)
    rig.ok("put", rig.bucket, "log", rig.file(b"y"), "--log", log)
    with open(log, encoding="utf-8") as f:
        text = f.read()
    assert "PUT " in text and "redacted" in text
    for secret in (rig.env["SECRET_KEY"], "very-secret-token", "Signature="):
        assert secret not in text, secret


TESTS = BEHAVIOURS + (
    buckets, paging, addresses, properties, copies_carry_everything, source_changed_meanwhile,
    server_that_copies_nothing, downloaded_side_by_side, to_another_cloud, virtual_hosts,
    credentials, anonymous, missing, unreachable, clock, no_secret_in_the_log, versions)


def main(tests):
    rig = Rig()
    rig.s3.create_bucket(Bucket=rig.bucket)
    failed = run_table(rig, tests)
    try:
        rig.remove_bucket()
    except Exception as error:
        print(f"the bucket is left: {error}")
    rig.proxy.stop()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(TESTS))
