#!/usr/bin/python3
"""The S3 server that the store tests run against does what those tests take for granted."""
import os
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError


def settings():
    with open(os.environ["STORE_ENV"], encoding="utf-8") as f:
        return dict(line.rstrip("\n").split("=", 1) for line in f if "=" in line)


def client(env, key="ACCESS_KEY", secret="SECRET_KEY"):
    return boto3.client(
        "s3", endpoint_url=env["ENDPOINT"], region_name=env["REGION"],
        aws_access_key_id=env[key],
        aws_secret_access_key=secret if secret not in env else env[secret],
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}))


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        got = error.response["Error"]["Code"]
        assert got == code, f"{got}, not {code}"
        return
    raise AssertionError(f"done, not {code}")


def put_get(s3, _):
    s3.put_object(Bucket="check", Key="dir/a b+c%.pkl", Body=b"N.", ContentType="x/y",
                  Metadata={"who": "me"})
    got = s3.get_object(Bucket="check", Key="dir/a b+c%.pkl")
    assert got["Body"].read() == b"N." and got["ContentType"] == "x/y"
    assert got["Metadata"] == {"who": "me"}


def listing(s3, _):
    for i in range(5):
        s3.put_object(Bucket="check", Key=f"many/{i}", Body=b"")
    page = s3.list_objects_v2(Bucket="check", Prefix="many/", MaxKeys=3)
    assert page["IsTruncated"] and len(page["Contents"]) == 3
    page = s3.list_objects_v2(Bucket="check", Delimiter="/")
    assert {"Prefix": "many/"} in page["CommonPrefixes"]


def conditional_put(s3, _):
    etag = s3.put_object(Bucket="check", Key="c", Body=b"1")["ETag"]

    def put(if_match, body):
        def add(request, **_):
            request.headers["If-Match"] = if_match
        s3.meta.events.register("before-sign.s3.PutObject", add)
        try:
            s3.put_object(Bucket="check", Key="c", Body=body)
        finally:
            s3.meta.events.unregister("before-sign.s3.PutObject", add)

    refused("PreconditionFailed", put, if_match='"0123456789abcdef0123456789abcdef"', body=b"2")
    put(etag.strip('"'), b"3")
    assert s3.get_object(Bucket="check", Key="c")["Body"].read() == b"3"


def wrong_secret(_, env):
    refused("SignatureDoesNotMatch", client(env, secret="wrong").list_buckets)


def other_user(_, env):
    refused("AccessDenied", client(env, "OTHER_ACCESS_KEY", "OTHER_SECRET_KEY").list_objects_v2,
            Bucket="check")


def missing(s3, _):
    refused("NoSuchBucket", s3.list_objects_v2, Bucket="no-such-bucket")
    refused("NoSuchKey", s3.get_object, Bucket="check", Key="no-such-key")


def main():
    env = settings()
    s3 = client(env)
    s3.create_bucket(Bucket="check")
    tests = (put_get, listing, conditional_put, wrong_secret, other_user, missing)
    failed = 0
    for test in tests:
        try:
            test(s3, env)
        except Exception as error:              # whatever it is, the other tests still run
            print(f"{test.__name__}: {type(error).__name__}: {error}")
            failed += 1
    for item in s3.list_objects_v2(Bucket="check").get("Contents", []):
        s3.delete_object(Bucket="check", Key=item["Key"])
    s3.delete_bucket(Bucket="check")
    print(f"{len(tests) - failed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
