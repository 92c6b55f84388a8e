#!/usr/bin/python3
"""Temporary credentials: a server that checks session tokens, by environment and by profile."""
import sys

import boto3

from s3_rig import own_server
import test_s3


def session(rig):
    sts = boto3.client("sts", endpoint_url=rig.env["ENDPOINT"], region_name="us-east-1",
                       aws_access_key_id=rig.env["OTHER_ACCESS_KEY"],
                       aws_secret_access_key=rig.env["OTHER_SECRET_KEY"])
    got = sts.get_session_token(DurationSeconds=900)["Credentials"]
    env = {"AWS_ACCESS_KEY_ID": got["AccessKeyId"],
           "AWS_SECRET_ACCESS_KEY": got["SecretAccessKey"],
           "AWS_SESSION_TOKEN": got["SessionToken"]}
    theirs = boto3.client("s3", endpoint_url=rig.env["ENDPOINT"], region_name="us-east-1",
                          aws_access_key_id=got["AccessKeyId"],
                          aws_secret_access_key=got["SecretAccessKey"],
                          aws_session_token=got["SessionToken"])
    theirs.create_bucket(Bucket="session")
    theirs.put_object(Bucket="session", Key="a b", Body=b"N.")
    return theirs, env


def by_environment(rig):
    theirs, env = session(rig)
    assert "session" in rig.names("buckets", env=env)
    assert rig.names("list", "session", "", env=env) == ["a b"]
    assert "saved" in rig.ok("put", "session", "a%20b", rig.file(b"K\x01."), env=env)[-1]
    assert theirs.get_object(Bucket="session", Key="a b")["Body"].read() == b"K\x01."
    rig.error("not permitted", "", "list", "session", "", env={**env, "AWS_SESSION_TOKEN": ""})
    rig.error("not permitted", "", "list", "session", "",
              env={**env, "AWS_SESSION_TOKEN": env["AWS_SESSION_TOKEN"][:-8] + "AAAAAAA="})


def by_profile(rig):
    _, env = session(rig)
    lines = ["[temporary]\n"] + [f"{name.lower()} = {value}\n" for name, value in env.items()]
    path = rig.file("".join(lines).encode())
    env = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None,
           "AWS_SHARED_CREDENTIALS_FILE": path, "AWS_PROFILE": "temporary"}
    assert rig.names("list", "session", "", env=env) == ["a b"]


if __name__ == "__main__":
    with own_server("--sts"):
        failed = test_s3.main((by_environment, by_profile))
    sys.exit(failed)
