#!/usr/bin/python3
"""Whom to trust: a real server with a certificate that nobody knows."""
import os
import sys

from harness import TOP, Failed, Place, run_all

sys.path.insert(0, os.path.join(TOP, "tests", "store"))
os.environ.setdefault("STORE_TOOL", "none")
from s3_rig import own_server  # noqa: E402


def environment(p: Place, **more):
    with open(os.environ["STORE_ENV"], encoding="ascii") as f:
        told = dict(line.rstrip("\n").split("=", 1) for line in f if "=" in line)
    p.env.update(
        AWS_ACCESS_KEY_ID=told["ACCESS_KEY"],
        AWS_SECRET_ACCESS_KEY=told["SECRET_KEY"],
        AWS_REGION=told["REGION"],
        AWS_ENDPOINT_URL=told["TLS_ENDPOINT"].replace("localhost", "127.0.0.1"),
        **more,
    )
    return told["TLS_CA"]


def test_nobody_knows_it(p: Place):
    environment(p)
    done = p.run("ls", "s3://").expect(7, "")
    if "certificate" not in done.err:
        raise Failed(f"why is not said: {done}")


def test_ca_bundle(p: Place):
    cert = environment(p)
    p.run("ls", "s3://", env={"AWS_CA_BUNDLE": cert}).expect(0)
    os.makedirs(os.path.join(p.home, ".aws"))
    with open(os.path.join(p.home, ".aws", "config"), "w", encoding="utf-8") as f:
        f.write(f"[default]\nca_bundle = {cert}\n[profile other]\n")
    p.run("ls", "s3://").expect(0)
    p.run("ls", "s3://", env={"AWS_PROFILE": "other"}).expect(7, "")
    # The environment goes first, and one that is not there is no reason to trust anybody.
    p.run("ls", "s3://", env={"AWS_CA_BUNDLE": "/nowhere/bundle.pem"}).expect(7, "")


def test_no_verify(p: Place):
    environment(p)
    done = p.run("ls", "--no-verify-ssl", "s3://").expect(0)
    if "warning: certificates are not checked" not in done.err:
        raise Failed(f"no warning: {done}")
    script = p.put(
        "script", b"expect --no-verify-ssl\nkey j\nkey k\nexpect certificates not checked\n"
    )
    p.run(
        "--no-verify-ssl", "s3://", env={"LINES": "24", "COLUMNS": "80", "PKLBROWSE_SCRIPT": script}
    ).expect(0)


def test_whoami_over_tls(p: Place):
    """A server that only speaks S3 need not know people."""
    cert = environment(p)
    done = p.run("whoami", env={"AWS_CA_BUNDLE": cert}).expect(0)
    for line in (
        "credentials  environment\n",
        f"endpoint     {p.env['AWS_ENDPOINT_URL']} " "(AWS_ENDPOINT_URL)\n",
        "identity     not known: ",
    ):
        if line not in done.out:
            raise Failed(f"{line!r}: {done}")


if __name__ == "__main__":
    with own_server("--tls"):
        failed = run_all([t for n, t in list(globals().items()) if n.startswith("test_")])
    sys.exit(failed)
