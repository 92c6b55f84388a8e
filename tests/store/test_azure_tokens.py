#!/usr/bin/python3
"""Tokens for Azure: every source of them, against endpoints that are strict about their forms."""
import json
import os
import subprocess
import sys
import time

from azure_rig import NoServer, Rig, azurite
from rig import TOP, run_table

sys.path.insert(0, os.path.join(TOP, "tests", "servers"))
import entra  # noqa: E402

HERE = entra.Entra().start()


def env_of(rig, **more):
    account = rig.env["ACCOUNT"]
    return {"AZURE_STORAGE_CONNECTION_STRING": None, "AZURE_STORAGE_ACCOUNT": account,
            "AZURE_STORAGE_SERVICE_ENDPOINT": f"{rig.env['ENDPOINT']}/{account}",
            "AZURE_AUTHORITY_HOST": HERE.url, "AZURE_TENANT_ID": entra.TENANT,
            "AZURE_CLIENT_ID": entra.CLIENT,
            "AZURE_POD_IDENTITY_AUTHORITY_HOST": "http://127.0.0.1:1", **more}


def fails(rig, kind, words, **more):
    return rig.error(kind, words, "head", rig.bucket, "k", env=env_of(rig, **more))


def client_secret(rig):
    HERE.asked.clear()
    env = env_of(rig, AZURE_CLIENT_SECRET=entra.SECRET)
    assert rig.fetch("k", env=env)[0] == b"x"
    assert rig.names("list", rig.env["ACCOUNT"], "", env=env) == [rig.bucket]
    assert "saved" in rig.save("k", b"x", env=env)
    assert HERE.asked == ["secret"] * 3
    # A token does not go with one account alone.
    rig.names("list", "otheraccount", "", env=env)
    told = fails(rig, "not permitted", "AADSTS7000215", AZURE_CLIENT_SECRET="s3cret-of-client!")
    assert told["code"] == "invalid_client" and "Trace ID" in told["detail"]
    fails(rig, "wrong usage", "AZURE_TENANT_ID", AZURE_CLIENT_SECRET="s", AZURE_TENANT_ID=None)
    fails(rig, "wrong usage", "AZURE_TENANT_ID", AZURE_CLIENT_SECRET="s", AZURE_TENANT_ID="a/b?c")
    fails(rig, "not supported", "certificates", AZURE_CLIENT_CERTIFICATE_PATH="/x")
    fails(rig, "not permitted", "https", AZURE_CLIENT_SECRET="s",
          AZURE_AUTHORITY_HOST="http://login.example")


def whoami(rig):
    env = env_of(rig, AZURE_CLIENT_SECRET=entra.SECRET)
    told = subprocess.run([os.environ["PKLBROWSE"], "whoami", "--json", "az://"],
                          env=rig.environment(**env), capture_output=True, text=True, check=False)
    who = json.loads(told.stdout)
    assert who["provider"] == "environment" and who["tenant"] == entra.TENANT, who
    assert who["client"] == entra.CLIENT and who["object"] == "the-object" and who["expires"]
    assert "eyJ" not in told.stdout + told.stderr


def key_or_login(rig):
    """The key counts unless the token is asked for."""
    env = env_of(rig, AZURE_CLIENT_SECRET=entra.SECRET, AZURE_STORAGE_KEY=rig.env["ACCOUNT_KEY"])
    HERE.asked.clear()
    assert rig.fetch("k", env=env)[0] == b"x" and HERE.asked == []
    assert rig.fetch("k", env={**env, "AZURE_STORAGE_AUTH_MODE": "login"})[0] == b"x"
    assert HERE.asked == ["secret"]


def workload(rig):
    path = rig.file(entra.assertion().encode() + b"\n")
    HERE.asked.clear()
    assert rig.fetch("k", env=env_of(rig, AZURE_FEDERATED_TOKEN_FILE=path))[0] == b"x"
    assert HERE.asked == ["assertion"]
    for claims, words in (({"aud": "https://elsewhere"}, "AADSTS700212"), ({"exp": 1}, "700024"),
                          ({"key": b"another"}, "AADSTS700027")):
        path = rig.file(entra.assertion(**claims).encode())
        fails(rig, "not permitted", words, AZURE_FEDERATED_TOKEN_FILE=path)
    fails(rig, "not permitted", "AZURE_FEDERATED_TOKEN_FILE", AZURE_FEDERATED_TOKEN_FILE="/none")
    fails(rig, "wrong usage", "AZURE_CLIENT_ID", AZURE_FEDERATED_TOKEN_FILE=path,
          AZURE_CLIENT_ID=None)


def managed(rig):
    HERE.asked.clear()
    app = {"IDENTITY_ENDPOINT": f"{HERE.url}/msi/token", "IDENTITY_HEADER": entra.HEADER}
    assert rig.fetch("k", env=env_of(rig, **app))[0] == b"x"
    assert rig.fetch("k", env=env_of(rig, AZURE_CLIENT_ID=None, **app))[0] == b"x"
    fails(rig, "not permitted", "managed identity", **{**app, "IDENTITY_HEADER": "another"})
    machine = env_of(rig, AZURE_POD_IDENTITY_AUTHORITY_HOST=HERE.url + "/")
    assert rig.fetch("k", env=machine)[0] == b"x"
    assert HERE.asked == ["app", "app", "machine"]
    # Nobody is there, or answers: soon told, with what can be done.
    began = time.monotonic()
    fails(rig, "not permitted", "az login")
    HERE.off.add("machine")
    fails(rig, "not permitted", "az login", AZURE_POD_IDENTITY_AUTHORITY_HOST=HERE.url)
    HERE.off.clear()
    assert time.monotonic() - began < 5


def az_command_line(rig):
    folder = os.path.join(rig.tmp, "az")
    os.makedirs(folder, exist_ok=True)
    program = os.path.join(folder, "az")
    env = {"AZURE_CONFIG_DIR": folder, "PATH": folder + ":" + os.environ["PATH"]}

    def says(text):
        with open(program, "w", encoding="utf-8") as f:
            f.write("#!/bin/sh\n[ \"$*\" = 'account get-access-token --resource "
                    f"https://storage.azure.com/ --output json' ] || exit 9\n{text}\n")
        os.chmod(program, 0o700)

    def answer(**more):
        says(f"cat <<'E'\n{json.dumps({'accessToken': HERE.token(), **more})}\nE")

    answer()
    fails(rig, "not permitted", "az login", **env)          # nobody has signed in with it
    with open(os.path.join(folder, "azureProfile.json"), "w", encoding="utf-8") as f:
        f.write("{}")
    for more in ({"expires_on": int(time.time()) + 3000},
                 {"expiresOn": time.strftime("%Y-%m-%d %H:%M:%S.000000",
                                             time.localtime(time.time() + 3000))}, {}):
        answer(**more)
        assert rig.fetch("k", env=env_of(rig, **env))[0] == b"x", more
    answer(expires_on=1000)
    fails(rig, "not permitted", "ended already", **env)
    says("echo \"ERROR: Please run 'az login' to setup account.\" >&2; exit 1")
    fails(rig, "not permitted", "status 1: ERROR: Please run 'az login'", **env)
    says("echo nonsense")
    fails(rig, "server error", "no token", **env)
    os.unlink(program)
    fails(rig, "not permitted", "az login", **env)


def renewed(rig):
    """A token that the service refuses is asked for anew, once."""
    env = env_of(rig, AZURE_CLIENT_SECRET=entra.SECRET, AZURE_STORAGE_SERVICE_ENDPOINT=
                 f"{rig.env['ENDPOINT']}/{rig.env['ACCOUNT']}")
    HERE.asked.clear()
    HERE.lifetime = 1                           # over before it is used a second time
    assert "saved" in rig.save("k", b"x", env=env)
    HERE.lifetime = 3600
    assert len(HERE.asked) >= 1 and set(HERE.asked) == {"secret"}


TESTS = (client_secret, whoami, key_or_login, workload, managed, az_command_line, renewed)


def main():
    try:
        with azurite("--tls") as env:
            rig = Rig(env)
            rig.secrets += [entra.SECRET, "eyJ"]
            rig.put("k", b"x")
            return run_table(rig, TESTS)
    except NoServer as why:
        print(f"skipped: {why}")
        print("0 passed, 0 failed, 1 skipped")
        return 0


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
