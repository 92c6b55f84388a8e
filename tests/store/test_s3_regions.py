#!/usr/bin/python3
"""Buckets in another region than the one that was asked: a server that really sends elsewhere."""
import sys

from s3_rig import own_server
import test_s3


def far_away(rig):
    """The bucket is in the second region, everybody asks the first."""
    far = rig.client(rig.env["ENDPOINT2"])
    far.create_bucket(Bucket="far-away",
                      CreateBucketConfiguration={"LocationConstraint": rig.env["REGION2"]})
    far.put_object(Bucket="far-away", Key="a b/x", Body=b"N.", Metadata={"m": "1"})
    assert rig.names("list", "far-away", "a%20b/") == ["a b/x"]
    assert rig.ok("head", "far-away", "a%20b/x")[0]["identity"]["size"] == 2
    path = rig.file()
    rig.ok("get", "far-away", "a%20b/x", path)
    with open(path, "rb") as f:
        assert f.read() == b"N."
    saved = rig.ok("put", "far-away", "a%20b/x", rig.file(b"K\x01."))[-1]
    assert saved["saved"]["size"] == 3
    got = far.get_object(Bucket="far-away", Key="a b/x")
    assert got["Body"].read() == b"K\x01." and got["Metadata"] == {"m": "1"}
    saved = rig.ok("put", "far-away", "new", rig.file(b"x"), "--absent")[-1]
    assert far.get_object(Bucket="far-away", Key="new")["Body"].read() == b"x"
    for key in ("a b/x", "new"):
        far.delete_object(Bucket="far-away", Key=key)
    far.delete_bucket(Bucket="far-away")


def near_by(rig):
    rig.put("near", b"x")
    assert rig.names("list", rig.bucket, "") == ["near"]


if __name__ == "__main__":
    with own_server("--regions"):
        failed = test_s3.main((far_away, near_by))
    sys.exit(failed)
