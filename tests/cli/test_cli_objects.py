#!/usr/bin/python3
"""Whole objects: rm, mv, versions, and what is kept of them, in folders and in a real S3 server."""
import hashlib
import json
import os
import sys

from harness import Failed, Place, run_all, same
from test_cli_s3 import ENV, META, S3, bucket, get, proxied, put, there

DATA = b"\x80\x04N."


def kept(p: Place, *args):
    return [
        json.loads(line)
        for line in p.run("history", "--json", *args).expect(0).out.split("\n")
        if line
    ]


# ----------------------------------------------------------------------------------------- local


def test_rm_file(p: Place):
    p.put("a", DATA)
    p.put("b c", b"other")
    p.run("rm", "a", "b c").expect(0, "")
    same(os.listdir(p.work), [])
    rows = kept(p)
    same(
        sorted((r["location"], r["size"]) for r in rows),
        sorted([(p.path("a"), 4), (p.path("b c"), 5)]),
    )
    same({r["sha256"] for r in rows}, {hashlib.sha256(d).hexdigest() for d in (DATA, b"other")})
    same(kept(p, "a")[0]["location"], p.path("a"))
    row = kept(p, "b c")[0]
    with open(row["file"], "rb") as f:
        same(f.read(), b"other")
    p.run("history", "--restore", row["id"]).expect(0, "")
    same(p.get("b c"), b"other")
    p.run("history", "--restore", "no-such").expect(3, "", "nothing is kept under the id no-such")
    p.run("history", "a", "--restore", row["id"]).expect(3, "", "nothing is kept")
    same(kept(p, "never"), [])
    text = p.run("history", "a").expect(0).out
    if not text.endswith(p.path("a") + "\n") or row["id"][:8] in text:
        raise Failed(text)


def test_rm_refusals(p: Place):
    p.put("a", DATA)
    os.mkdir(p.path("d"))
    p.run("rm", "missing").expect(3, "", "missing")
    p.run("rm", "d").expect(2, "", "place to list")
    p.run("rm", "d/").expect(2, "", "place to list")
    p.run("rm", "-").expect(2, "")
    p.run("rm", "--read-only", "a").expect(7, "", "--read-only")
    p.run("rm", "--version-id", "x", "a").expect(7, "", "no versions")
    p.run("rm").expect(2, "")
    p.run("rm", "missing", "a").expect(3, "")  # the first that fails ends it
    same(p.get("a"), DATA)
    p.run("ls", "--versions", ".").expect(7, "", "local files have no versions")


def test_mv_file(p: Place):
    p.put("a", DATA)
    os.chmod(p.path("a"), 0o640)
    p.run("mv", "a", "b").expect(0, "")
    same((sorted(os.listdir(p.work)), p.get("b")), (["b"], DATA))
    os.mkdir(p.path("d"))
    p.put("d/b", b"in the way")
    p.run("mv", "b", "d/").expect(0, "")
    same((p.get("d/b"), os.path.exists(p.path("b"))), (DATA, False))
    if b"in the way" not in p.history():
        raise Failed("what was there is not kept")
    p.run("mv", "d/b", "d/b").expect(2, "", "itself")
    p.run("mv", "missing", "x").expect(3, "")
    p.run("mv", "-", "x").expect(2, "", "cannot be moved")
    p.run("mv", "--read-only", "d/b", "x").expect(7, "")
    same(p.get("d/b"), DATA)


def test_history_survives_rubbish(p: Place):
    p.put("a", DATA)
    p.run("rm", "a").expect(0)
    folder = os.path.dirname(kept(p)[0]["file"])
    for name, text in (
        ("20200101T000000Z-000.record", "no record at all"),
        ("20200101T000000Z-001.record", "location: x\nbytes: ../../../etc/passwd\n"),
        ("20200101T000000Z-002.record", ""),
        ("x.record", "size: many\n"),
    ):
        with open(os.path.join(folder, name), "w", encoding="ascii") as f:
            f.write(text)
    os.makedirs(os.path.join(os.path.dirname(folder), "other"))
    rows = kept(p)
    same(sorted(r["location"] for r in rows), sorted([p.path("a"), "x"]))
    same([r["file"] for r in rows if r["location"] == "x"], [None])
    same(
        [
            os.stat(os.path.join(base, n)).st_mode & 0o077
            for base, _, names in os.walk(os.path.dirname(folder))
            for n in names
            if n.endswith(".bytes")
        ],
        [0],
    )


# -------------------------------------------------------------------------------------------- S3


def test_rm(p: Place):
    where = bucket()
    put(where, "a b", DATA)
    put(where, "c//d%", b"other")
    p.run("rm", f"s3://{where}/a b", f"s3://{where}/c//d%").expect(0, "")
    same((there(where, "a b"), there(where, "c//d%")), (False, False))
    p.run("rm", f"s3://{where}/a b").expect(3, "", "no such object")
    p.run("rm", f"s3://{where}/").expect(2, "", "place to list")
    p.run("rm", "s3://").expect(2, "")
    row = kept(p, f"s3://{where}/c//d%")[0]
    p.run("history", "--restore", row["id"]).expect(0, "")
    same(get(where, "c//d%"), b"other")


def test_rm_somebody_else_writes(p: Place):
    """What was written after the bytes were kept is not removed."""
    where = bucket()
    put(where, "k", DATA)
    put(where, "other", b"theirs")
    proxy = proxied("method=HEAD n=2 do=pass run='true'")
    copy = S3.copy_object
    heads = []

    def rule_for(request, plain=proxy.rule_for):
        heads.append(request.method)
        if heads.count("HEAD") == 2 and heads[-1] == "HEAD":
            copy(Bucket=where, Key="k", CopySource={"Bucket": where, "Key": "other"})
        return plain(request)

    proxy.rule_for = rule_for
    p.run("rm", f"s3://{where}/k", env={"AWS_ENDPOINT_URL": proxy.url}).expect(
        4, "", "changed by someone else"
    )
    same((get(where, "k"), "DELETE" in heads), (b"theirs", False))
    proxy.stop()


def test_rm_lost_answer(p: Place):
    where = bucket()
    put(where, "k", DATA)
    proxy = proxied("method=DELETE n=1 do=drop-after")
    p.run("rm", f"s3://{where}/k", env={"AWS_ENDPOINT_URL": proxy.url}).expect(0, "")
    same(there(where, "k"), False)
    proxy.stop()


def test_mv(p: Place):
    where = bucket()
    put(where, "a/k", DATA, ContentType="application/x-pickle", Metadata=META)
    p.run("mv", f"s3://{where}/a/k", f"s3://{where}/b/").expect(0, "")
    now = S3.get_object(Bucket=where, Key="b/k")
    same(
        (now["Body"].read(), now["ContentType"], now["Metadata"], there(where, "a/k")),
        (DATA, "application/x-pickle", META, False),
    )
    p.run("mv", f"s3://{where}/b/k", "file").expect(0, "")
    same((p.get("file"), there(where, "b/k")), (DATA, False))
    p.run("mv", "file", f"s3://{where}/c").expect(0, "")
    same((get(where, "c"), os.path.exists(p.path("file"))), (DATA, False))
    # It cannot be removed: copied all the same, and said so.
    proxy = proxied("method=DELETE do=answer status=403 body=no")
    p.run("mv", f"s3://{where}/c", f"s3://{where}/d", env={"AWS_ENDPOINT_URL": proxy.url}).expect(
        5, "", "copied, but not removed where it was"
    )
    same((get(where, "c"), get(where, "d")), (DATA, DATA))
    proxy.stop()


def versioned():
    where = bucket()
    S3.put_bucket_versioning(Bucket=where, VersioningConfiguration={"Status": "Enabled"})
    return where


def rows_of(p, *args, **more):
    out = p.run("ls", "--versions", "--json", *args, **more).expect(0).out
    return [json.loads(line) for line in out.split("\n") if line]


def theirs(where):
    """Every version as boto3 sees it, in the server's order."""
    pages = S3.get_paginator("list_object_versions").paginate(Bucket=where)
    found = []
    for page in pages:
        for v in page.get("Versions", []) + page.get("DeleteMarkers", []):
            found.append((v["Key"], v["VersionId"], v["IsLatest"], "ETag" not in v))
    return sorted(found)


def test_ls_versions(p: Place):
    where = versioned()
    keys = ["a+b", "a b", "x/1", "x/2", "%", "y/\x01z", "ä/é"]
    for key in keys:
        put(where, key, b"one")
        put(where, key, b"two!")
    S3.delete_object(Bucket=where, Key="a b")
    rows = rows_of(p, f"s3://{where}/", "-r")
    same(
        sorted((r["name"], r["version_id"], r["latest"], r["delete_marker"]) for r in rows),
        theirs(where),
    )
    same({r["size"] for r in rows if not r["delete_marker"]}, {3, 4})
    same(
        [r["name"] for r in rows_of(p, f"s3://{where}/") if r["kind"] == "prefix"],
        ["x/", "y/", "ä/"],
    )
    same({r["name"] for r in rows_of(p, f"s3://{where}/x/1")}, {"x/1"})
    text = p.run("ls", "--versions", f"s3://{where}/a b").expect(0).out.splitlines()
    same(len(text), 3)
    same(sum(line.endswith("a b  (deleted)") for line in text), 1)
    proxy = proxied()
    plain = proxy.rule_for
    seen = []
    proxy.rule_for = lambda request: seen.append(request.target) or plain(request)
    same(len(rows_of(p, f"s3://{where}/", "-r", env={"AWS_ENDPOINT_URL": proxy.url})), len(rows))
    if "versions=" not in seen[0] or "prefix=" not in seen[0]:
        raise Failed(seen)
    proxy.stop()
    for row in rows:  # what removes many at once cannot name it
        if row["name"] == "y/\x01z":
            S3.delete_object(Bucket=where, Key=row["name"], VersionId=row["version_id"])


def test_versions_come_back(p: Place):
    where = versioned()
    put(where, "k", b"first", ContentType="a/first")
    first = S3.head_object(Bucket=where, Key="k")["VersionId"]
    put(where, "k", b"second")
    url = f"s3://{where}/k"
    # One is brought back as a new one.
    p.run("cp", "--version-id", first, url, url).expect(0, "")
    now = S3.get_object(Bucket=where, Key="k")
    same((now["Body"].read(), now["ContentType"]), (b"first", "a/first"))
    same(len(rows_of(p, url)), 3)
    # A removed object: its versions stay, and the marker can be removed.
    done = json.loads(p.run("rm", "--json", url).expect(0).out)
    same((there(where, "k"), done["removed"]), (False, url))
    markers = [r for r in rows_of(p, url) if r["delete_marker"]]
    same([m["version_id"] for m in markers], [done["delete_marker"]])
    p.run("rm", "--version-id", markers[0]["version_id"], url).expect(0, "")
    same(get(where, "k"), b"first")
    # A version for good.
    p.run("rm", "--version-id", first, url).expect(0, "")
    same(first in [r["version_id"] for r in rows_of(p, url)], False)
    p.run("rm", "--version-id", first, url).expect(3, "")
    p.run("rm", "--version-id", first, url, url).expect(2, "")
    p.run("mv", "--version-id", first, url, url + "2").expect(2, "")
    said = p.run("rm", url).expect(0, "").err
    if "behind a delete marker" not in said:
        raise Failed(said)


def test_versions_page_by_page(p: Place):
    """Answers cut short and cut in pages, from a server that is told what to say."""
    where = versioned()

    def page(keys, more=""):
        inside = "".join(
            f"<Version><Key>{k}</Key><VersionId>{v}</VersionId><IsLatest>true"
            f"</IsLatest><Size>1</Size></Version>"
            for k, v in keys
        )
        return (
            f"body='<ListVersionsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
            f"<EncodingType>url</EncodingType>{inside}{more}</ListVersionsResult>'"
        )

    go_on = (
        "<IsTruncated>true</IsTruncated><NextKeyMarker>a%2Bb+c</NextKeyMarker>"
        "<NextVersionIdMarker>v&amp;+2</NextVersionIdMarker>"
    )
    proxy = proxied(
        "path=key-marker=a%2Bb%20c.*version-id-marker=v%26%2B2 do=answer status=200 "
        + page([("z", "v3")]),
        "n=1 do=answer status=200 body='<ListVersionsResult><Version><Key>cut'",
        "do=answer status=200 " + page([("a%2Bb+c", "v1")], go_on),
    )
    env = {"AWS_ENDPOINT_URL": proxy.url}
    same(
        [(r["name"], r["version_id"]) for r in rows_of(p, f"s3://{where}/", env=env)],
        [("a+b c", "v1"), ("z", "v3")],
    )
    proxy.clear()
    proxy.rule("do=answer status=200 " + page([("a", "1")], go_on))
    p.run("ls", "--versions", f"s3://{where}/", env=env).expect(7, err="the same page")
    proxy.clear()
    proxy.rule("do=answer status=200 " + page([("a", "1")], "<IsTruncated>true</IsTruncated>"))
    p.run("ls", "--versions", f"s3://{where}/", env=env).expect(7, err="does not say where")
    proxy.clear()
    proxy.rule("do=answer status=200 body='<html>hello</html>'")
    p.run("ls", "--versions", f"s3://{where}/", env=env).expect(7, err="no list of versions")
    proxy.clear()
    proxy.rule("do=answer status=403 body=no")
    p.run("ls", "--versions", f"s3://{where}/", env=env).expect(5, "", "denied")
    proxy.stop()


if __name__ == "__main__":
    chosen = sys.argv[1:]
    sys.exit(
        run_all(
            [
                t
                for n, t in list(globals().items())
                if n.startswith("test_") and (not chosen or n in chosen)
            ],
            ENV,
        )
    )
