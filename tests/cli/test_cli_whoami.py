#!/usr/bin/python3
"""Who am I: every way to credentials, against services of ours and against botocore's choice."""
import hashlib
import json
import os
import pty
import subprocess
import sys
import time

from harness import TOP, Failed, Place, run_all, same

sys.path.insert(0, os.path.join(TOP, "tests", "servers"))
import awsidentity as services  # noqa: E402
from awsidentity import made  # noqa: E402

CHOICE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "botocore_choice.py")
BOTOCORE = os.environ.get("PYTHON", "/usr/bin/python3")
ROLE = "arn:aws:iam::111122223333:role/"
HERE = services.Identity().start()

SSO_SESSION = "[sso-session work]\nsso_region = eu-west-1\nsso_start_url = https://start\n"
SSO_PROFILE = "sso_role_name = reader\nsso_account_id = 111122223333\n"
LEGACY = SSO_PROFILE + "sso_region = eu-west-1\nsso_start_url = https://start\n"
CONFIG = f"""
[default]
region = us-east-1
aws_access_key_id = AKIDCONFIG
aws_secret_access_key = secret-of-config
[profile base]
aws_access_key_id = AKIDBASE
aws_secret_access_key = secret-of-base
[profile config-only]
aws_access_key_id = AKIDCONFIG
aws_secret_access_key = secret-of-config
[profile process]
credential_process = '{BOTOCORE}' -c "import sys; print(sys.argv[1])" '{{"Version": 1,
  "AccessKeyId": "AKIDPROC", "SecretAccessKey": "secret-of-proc"}}'
aws_access_key_id = AKIDCONFIG
aws_secret_access_key = secret-of-config
[profile role]
role_arn = {ROLE}one
source_profile = base
[profile role-full]
role_arn = {ROLE}full
source_profile = base
role_session_name = me
external_id = ext:1/2+3
duration_seconds = 1800
[profile role-mfa]
role_arn = {ROLE}mfa
source_profile = base
mfa_serial = arn:aws:iam::1:mfa/me
[profile role-self]
role_arn = {ROLE}self
source_profile = role-self
aws_access_key_id = AKIDBASE
aws_secret_access_key = secret-of-base
[profile chain]
role_arn = {ROLE}last
source_profile = chain2
[profile chain2]
role_arn = {ROLE}middle
source_profile = chain3
[profile chain3]
role_arn = {ROLE}first
source_profile = base
[profile chain-with-keys]
role_arn = {ROLE}over
source_profile = role-self
[profile role-env]
role_arn = {ROLE}env
credential_source = Environment
[profile role-container]
role_arn = {ROLE}container
credential_source = EcsContainer
[profile role-imds]
role_arn = {ROLE}imds
credential_source = Ec2InstanceMetadata
[profile role-process]
role_arn = {ROLE}process
source_profile = process-only
[profile process-only]
credential_process = {BOTOCORE} -c "print('{{\\"Version\\": 1, \\"AccessKeyId\\": \\"AKIDPROC\\", '
  '\\"SecretAccessKey\\": \\"secret-of-proc\\"}}')"
[profile role-sso]
role_arn = {ROLE}sso
source_profile = sso-legacy
[profile role-denied]
role_arn = {ROLE}denied
source_profile = base
[profile web]
role_arn = {ROLE}web
web_identity_token_file = @TOKEN@
role_session_name = web
[profile role-web]
role_arn = {ROLE}after-web
source_profile = web
[profile sso]
sso_session = work
{SSO_PROFILE}
[profile sso-legacy]
{LEGACY}
[profile sso-and-keys]
{LEGACY}aws_access_key_id = AKIDCONFIG
aws_secret_access_key = secret-of-config
[profile circle]
role_arn = {ROLE}x
source_profile = circle2
[profile circle2]
role_arn = {ROLE}y
source_profile = circle
{SSO_SESSION}
"""
CREDENTIALS = """
[default]
aws_access_key_id = AKIDCREDS
aws_secret_access_key = secret-of-creds
[process]
aws_access_key_id = AKIDCREDS
aws_secret_access_key = secret-of-creds
[nothing]
"""
ENV = {"AWS_ACCESS_KEY_ID": "AKIDENV", "AWS_SECRET_ACCESS_KEY": "secret-of-env"}
WEB = {
    "AWS_WEB_IDENTITY_TOKEN_FILE": "@TOKEN@",
    "AWS_ROLE_ARN": ROLE + "envweb",
    "AWS_ROLE_SESSION_NAME": "eks",
}
CONTAINER = {
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "@URL@/container/a?b=c",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN": services.CONTAINER_TOKEN,
}
IMDS = {"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": "@URL@/"}
NOTHING = {"AWS_PROFILE": "nothing"}

# (environment, --profile, provider or None when both must fail)
CHOICES = [
    ({}, None, "shared-credentials-file"),
    (ENV, None, "env"),
    (ENV, "default", "shared-credentials-file"),
    ({**ENV, "AWS_PROFILE": "role"}, None, "env"),
    ({**ENV, "AWS_SESSION_TOKEN": ""}, None, "env"),
    ({**ENV, **WEB, **CONTAINER, **IMDS}, None, "env"),
    ({"AWS_ACCESS_KEY_ID": "AKIDENV"}, None, None),
    ({"AWS_SECRET_ACCESS_KEY": "x"}, None, "shared-credentials-file"),
    ({"AWS_PROFILE": "config-only"}, None, "config-file"),
    ({"AWS_DEFAULT_PROFILE": "config-only", "AWS_PROFILE": "role"}, None, "config-file"),
    ({}, "base", "config-file"),
    ({}, "process", "shared-credentials-file"),
    ({}, "process-only", "custom-process"),
    ({}, "role", "assume-role"),
    (WEB, "role", "assume-role"),
    ({"AWS_PROFILE": "role", **WEB}, None, "assume-role"),
    ({}, "role-full", "assume-role"),
    ({}, "role-self", "assume-role"),
    ({}, "chain", "assume-role"),
    ({}, "chain-with-keys", "assume-role"),
    ({}, "role-process", "assume-role"),
    ({}, "role-sso", "assume-role"),
    ({}, "role-web", "assume-role"),
    ({**ENV, "AWS_PROFILE": "role-env"}, None, "env"),
    (CONTAINER, "role-container", "assume-role"),
    ({}, "role-container", None),
    (IMDS, "role-imds", "assume-role"),
    ({}, "role-denied", None),
    ({}, "circle", None),
    ({}, "web", "assume-role-with-web-identity"),
    (WEB, None, "assume-role-with-web-identity"),
    ({**WEB, **CONTAINER}, None, "assume-role-with-web-identity"),
    (WEB, "web", "assume-role-with-web-identity"),
    (WEB, "default", "shared-credentials-file"),
    ({**WEB, "AWS_ROLE_ARN": ""}, None, None),
    ({}, "sso", "sso"),
    ({}, "sso-legacy", "sso"),
    ({}, "sso-and-keys", "sso"),
    (ENV, "sso", "sso"),
    ({**NOTHING, **CONTAINER}, None, "container-role"),
    ({**NOTHING, **CONTAINER, **IMDS}, None, "container-role"),
    ({**CONTAINER}, None, "shared-credentials-file"),
    (
        {**NOTHING, "AWS_CONTAINER_CREDENTIALS_FULL_URI": "@URL@/container/open"},
        None,
        "container-role",
    ),
    ({**NOTHING, "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://192.0.2.1/x"}, None, None),
    ({**NOTHING, **IMDS}, None, "iam-role"),
    (IMDS, "nothing", "iam-role"),
    ({}, "no-such-profile", None),
]


def prepare(p: Place, config=CONFIG, credentials=CREDENTIALS):
    """The files of the aws command line in the place's home."""
    HERE.clear()
    aws = os.path.join(p.home, ".aws")
    os.makedirs(os.path.join(aws, "sso", "cache"), exist_ok=True)
    p.put("token", services.WEB_TOKEN.encode())
    p.env["AWS_ENDPOINT_URL_STS"] = p.env["AWS_ENDPOINT_URL_SSO"] = HERE.url
    p.env["AWS_ENDPOINT_URL_SSO_OIDC"] = HERE.url
    p.env["AWS_EC2_METADATA_DISABLED"] = "true"
    for name, text in (("config", config), ("credentials", credentials)):
        with open(os.path.join(aws, name), "w", encoding="utf-8") as f:
            f.write(text.replace("@TOKEN@", p.path("token")))
    signed_in(p, "work")
    signed_in(p, "https://start")


def cache_file(p, name):
    return os.path.join(
        p.home, ".aws", "sso", "cache", hashlib.sha1(name.encode()).hexdigest() + ".json"
    )


def signed_in(p, name, left=7200, **more):
    with open(cache_file(p, name), "w", encoding="utf-8") as f:
        json.dump(
            {
                "startUrl": "https://start",
                "region": "eu-west-1",
                "accessToken": services.SSO_TOKEN,
                "expiresAt": services.iso(time.time() + left),
                **more,
            },
            f,
        )


def filled(p, env):
    return {
        k: v.replace("@URL@", HERE.url).replace("@TOKEN@", p.path("token")) for k, v in env.items()
    }


def forget_roles(p):
    folder = os.path.join(p.home, ".aws", "cli", "cache")
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        os.unlink(os.path.join(folder, name))


def who(p, *args, env=None, status=0):
    done = p.run("whoami", "--json", *args, env=filled(p, env or {}))
    for secret in services.SECRETS:
        if secret in done.out + done.err:
            raise Failed(f"a secret is shown: {done}")
    if done.status != status:
        raise Failed(f"status {status} expected: {done}, {HERE.problems}")
    return json.loads(done.out) if done.out else {"error": done.err, "credentials": None}


def test_same_choice_as_botocore(p: Place):
    """The same provider, and the same access key."""
    prepare(p)
    wrong = []
    for env, profile, provider in CHOICES:
        forget_roles(p)
        env = filled(p, {**env, "AWS_DEFAULT_REGION": "us-east-1"})
        args = [profile] if profile else []
        theirs = json.loads(
            subprocess.run(
                [BOTOCORE, CHOICE, HERE.url, *args],
                env={**p.env, **env},
                check=True,
                cwd=p.work,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=60,
            ).stdout
        )
        done = p.run("whoami", "--json", *(["--profile", profile] if profile else []), env=env)
        ours = (json.loads(done.out)["credentials"] if done.out else None) or {}
        ours = {k: ours.get(k) for k in ("provider", "access_key_id")}
        failed = not theirs.get("provider")
        if failed:
            theirs = dict.fromkeys(ours)
        if ours != theirs or ours["provider"] != provider or failed != bool(done.status):
            wrong.append(
                f"{env} {profile}: ours {ours}, theirs {theirs}, "
                f"expected {provider}: {done.err} {HERE.problems[-2:]}"
            )
    if wrong:
        raise Failed(f"{len(wrong)} of {len(CHOICES)}:\n  " + "\n  ".join(wrong))


def test_what_is_said(p: Place):
    prepare(p)
    got = who(p, env={"AWS_PROFILE": "role-full", "AWS_REGION": "us-east-1"})
    key = made(
        "AssumeRole",
        "AKIDBASE",
        ("DurationSeconds", "1800"),
        ("ExternalId", "ext:1/2+3"),
        ("RoleArn", ROLE + "full"),
        ("RoleSessionName", "me"),
    )
    same(got["credentials"]["access_key_id"], key)
    same(
        got["credentials"]["from"],
        f"role {ROLE}full of profile role-full, by way of config file, profile base",
    )
    same(got["credentials"]["expires"][-1], "Z")
    same(
        got["identity"],
        {
            "arn": f"arn:aws:iam::111122223333:user/{key}",
            "account": "111122223333",
            "user_id": f"ID{key}",
        },
    )
    same((got["profile"], got["profile_from"]), ("role-full", "AWS_PROFILE"))
    same((got["region"], got["region_from"]), ("us-east-1", "AWS_REGION"))
    same((got["endpoint"], got["endpoint_from"]), ("https://s3.us-east-1.amazonaws.com", None))
    text = p.run("whoami", env=ENV).expect(0).out
    for line in (
        "profile      default (default)\n",
        "credentials  environment\n",
        "access key   AKIDENV\n",
        "account      111122223333\n",
        "identity     arn:aws:iam::111122223333:user/AKIDENV\n",
        "region       us-east-1 (profile default)\n",
        "endpoint     https://s3.us-east-1.amazonaws.com (Amazon's own)\n",
    ):
        if line not in text:
            raise Failed(f"{line!r} is not in {text!r}")
    got = json.loads(p.run("whoami", "--json", "--no-sign-request").expect(0).out)
    same((got["anonymous"], got["credentials"], got["identity"]), (True, None, None))


def test_wrong_keys(p: Place):
    prepare(p)
    bad = {"AWS_ACCESS_KEY_ID": "AKIDENV", "AWS_SECRET_ACCESS_KEY": "other"}
    p.run("whoami", env=bad).expect(5, err="the secret key is wrong")
    bad = {"AWS_ACCESS_KEY_ID": "AKIDNOBODY", "AWS_SECRET_ACCESS_KEY": "x"}
    done = p.run("whoami", env=bad).expect(5, err="the access key is not known there")
    if "credentials  environment" not in done.out:
        raise Failed(f"what is known is not said: {done}")
    # What STS echoes of the request (the token is in it) is not shown.
    key = made("x")
    bad = {
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": "wrong",
        "AWS_SESSION_TOKEN": services.token_of(key),
    }
    who(p, env=bad, status=5)


def test_mfa(p: Place):
    """Asked for at the terminal, not shown; kept as the aws command line keeps it."""
    prepare(p)
    p.run("whoami", "--profile", "role-mfa").expect(130, err="no MFA code was given")
    for code, status in ((b"000000\n", 5), (b"123456\n", 0)):
        ours, theirs = pty.openpty()
        process = p.start(
            "whoami",
            "--json",
            "--profile",
            "role-mfa",
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=lambda: __import__("fcntl").ioctl(0, 0x540E, 0),
        )
        os.close(theirs)
        shown = b""
        while b"MFA code of arn:aws:iam::1:mfa/me: " not in shown:
            shown += os.read(ours, 1000)
        os.write(ours, code)
        out, err = process.communicate(timeout=30)
        same(process.returncode, status, err)
        os.set_blocking(ours, False)
        try:
            shown += os.read(ours, 1000)
        except OSError:
            pass
        os.close(ours)
        if code.strip() in shown:
            raise Failed(f"the code is shown: {shown}")
    same(json.loads(out)["credentials"]["provider"], "assume-role")
    before = len(HERE.seen)
    got = who(p, "--profile", "role-mfa")
    same(got["credentials"]["from"].split("by way of ")[1], "the aws command line's cache")
    same([s["what"] for s in HERE.seen[before:]], ["GetCallerIdentity"])
    folder = os.path.join(p.home, ".aws", "cli", "cache")
    for name in os.listdir(folder):
        same(os.stat(os.path.join(folder, name)).st_mode & 0o777, 0o600)


def test_cache_of_the_aws_command_line(p: Place):
    """One finds what the other has kept."""
    prepare(p)
    env = dict(p.env, AWS_PROFILE="role-full", AWS_DEFAULT_REGION="us-east-1")
    who(p, env={"AWS_PROFILE": "role-full"})
    same([s["what"] for s in HERE.seen], ["AssumeRole", "GetCallerIdentity"])
    done = subprocess.run(
        ["/usr/bin/aws", "--endpoint-url", HERE.url, "sts", "get-caller-identity"],
        env=env,
        stdout=subprocess.PIPE,
        check=False,
        stderr=subprocess.PIPE,
        timeout=60,
    )
    same(done.returncode, 0, done.stderr)
    same([s["what"] for s in HERE.seen], ["AssumeRole"] + 2 * ["GetCallerIdentity"])


def test_sso(p: Place):
    prepare(p)
    run = "run `aws sso login --profile sso`"
    got = who(p, "--profile", "sso")
    same(got["credentials"]["from"], "SSO, role reader in account 111122223333")
    same(
        HERE.seen[0],
        {
            "what": "GetRoleCredentials",
            "token": services.SSO_TOKEN,
            "role_name": "reader",
            "account_id": "111122223333",
        },
    )
    # About to end, and renewable: renewed and written back.
    new = {
        "clientId": "client",
        "clientSecret": services.CLIENT_SECRET,
        "refreshToken": services.REFRESH_TOKEN,
        "kept": "as it was",
        "registrationExpiresAt": services.iso(time.time() + 9999),
    }
    for left in (300, -10):
        signed_in(p, "work", left, **new)
        HERE.seen.clear()
        who(p, "--profile", "sso")
        same(
            [s["what"] for s in HERE.seen],
            ["CreateToken", "GetRoleCredentials", "GetCallerIdentity"],
        )
        same(HERE.seen[1]["token"], services.NEW_SSO_TOKEN)
        with open(cache_file(p, "work"), encoding="utf-8") as f:
            kept = json.load(f)
        same((kept["accessToken"], kept["kept"]), (services.NEW_SSO_TOKEN, "as it was"))
        same(os.stat(cache_file(p, "work")).st_mode & 0o777, 0o600)
        HERE.seen.clear()
        who(p, "--profile", "sso")
        same([s["what"] for s in HERE.seen], ["GetRoleCredentials", "GetCallerIdentity"])
    # It cannot be renewed, but holds for a little.
    signed_in(p, "work", 300, **{**new, "clientSecret": "wrong"})
    who(p, "--profile", "sso")
    # Ended: the command to run.
    signed_in(p, "work", -10, **{**new, "clientSecret": "wrong"})
    p.run("whoami", "--profile", "sso").expect(5, err="the sign-on has expired: " + run)
    signed_in(p, "work", -10, **{**new, "registrationExpiresAt": services.iso(0)})
    p.run("whoami", "--profile", "sso").expect(5, err="the sign-on has expired: " + run)
    signed_in(p, "https://start", -10, **new)  # the older form is never renewed
    p.run("whoami", "--profile", "sso-legacy").expect(5, err="login --profile sso-legacy`")
    signed_in(p, "https://start", expiresAt="2099-01-01T00:00:00UTC")
    who(p, "--profile", "sso-legacy")
    p.run("whoami", "--profile", "role-sso").expect(0)
    HERE.refuse_sso = True
    signed_in(p, "work")
    p.run("whoami", "--profile", "sso").expect(5, err="has expired or was ended: " + run)
    os.unlink(cache_file(p, "work"))
    p.run("whoami", "--profile", "sso").expect(5, err="nobody has signed in yet: " + run)
    with open(cache_file(p, "work"), "w", encoding="utf-8") as f:
        f.write('{"accessToken": "%s"' % services.SSO_TOKEN)
    p.run("whoami", "--profile", "sso").expect(5, err="cannot be read: " + run)


def test_process(p: Place):
    prepare(
        p,
        CONFIG
        + f"""
[profile words]
credential_process = {BOTOCORE} "{p.path('a b.py')}" 'x "y"' "it's" a\\ b "$HOME" ";" rm '' "q\\"r"
[profile broken]
credential_process = sh -c "echo not json secret-of-proc"
[profile missing]
credential_process = sh -c 'echo "{{\\"Version\\": 1, \\"AccessKeyId\\": \\"A\\"}}"'
""",
    )
    p.put(
        "a b.py",
        b"import json, sys\n"
        b"assert sys.argv[1:] == ['x \"y\"', \"it's\", 'a b', '$HOME', ';', 'rm', '', 'q\"r'],"
        b" sys.argv\nassert sys.stdin.read() == ''\n"
        b"print(json.dumps({'Version': 1, 'AccessKeyId': 'AKIDPROC', 'SecretAccessKey':"
        b" 'secret-of-proc', 'SessionToken': '', 'Expiration': None}))\n",
    )
    same(who(p, "--profile", "words")["credentials"]["provider"], "custom-process")
    p.run("whoami", "--profile", "broken").expect(7, err="printed no JSON object")
    who(p, "--profile", "broken", status=7)
    p.run("whoami", "--profile", "missing").expect(7, err="gave no SecretAccessKey")


def test_web_identity(p: Place):
    prepare(p)
    p.put("token", services.WEB_TOKEN.encode() + b"\n")
    got = who(p, env=WEB)
    same(got["credentials"]["from"], f"role {ROLE}envweb by a web identity token")
    forget_roles(p)
    p.put("token", b"another")
    p.run("whoami", env=filled(p, WEB)).expect(5, err="no token of ours (InvalidIdentityToken)")
    os.unlink(p.path("token"))
    p.run("whoami", env=filled(p, WEB)).expect(5, err="cannot read " + p.path("token"))


def test_container(p: Place):
    prepare(p)
    token = p.path("container-token")
    p.put("container-token", services.CONTAINER_TOKEN.encode() + b"\n")
    uri = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "@URL@/container/a", **NOTHING}
    same(
        who(
            p,
            env={
                **uri,
                "AWS_CONTAINER_AUTHORIZATION_TOKEN": "not this one",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": token,
            },
        )["credentials"]["provider"],
        "container-role",
    )
    who(p, env={**uri, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "wrong"}, status=5)
    p.put("container-token", b"a\r\nX-Other: b")
    p.run("whoami", env=filled(p, {**uri, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": token})).expect(
        5, err="is more than one line"
    )
    HERE.life = -100
    done = who(p, env={**uri, "AWS_CONTAINER_AUTHORIZATION_TOKEN": services.CONTAINER_TOKEN},
               status=5)
    same("have expired already" in done["error"], True)
    HERE.life = 3600
    HERE.problems.clear()
    p.run("whoami", env=filled(p, {**uri, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "a\nb"})).expect(
        5, err="is more than one line"
    )
    same(HERE.problems, [], "nothing was sent")
    # Never through a proxy.
    who(
        p,
        env={
            **uri,
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": services.CONTAINER_TOKEN,
            "http_proxy": "http://127.0.0.1:1",
            "no_proxy": "127.0.0.1:9",
        },
        status=7,
    )
    same(HERE.seen[-1]["what"], "container")


def test_metadata(p: Place):
    prepare(p)
    env = {**IMDS, **NOTHING}
    same(who(p, env=env)["credentials"]["from"], "EC2 instance metadata")
    same(HERE.seen[0], {"what": "metadata", "version": "v2"})
    HERE.metadata = "v1"
    who(p, env=env)
    same(HERE.seen[-2], {"what": "metadata", "version": "v1"})
    p.run("whoami", env=filled(p, {**env, "AWS_EC2_METADATA_V1_DISABLED": "true"})).expect(
        5, err="no AWS credentials were found"
    )
    HERE.life = -100                    # what cannot be renewed there is used on
    who(p, env=env)
    HERE.life = 3600
    HERE.metadata = "none"
    p.run("whoami", env=filled(p, env)).expect(5, err="the metadata of an EC2 instance")
    HERE.metadata = "v2"
    before = len(HERE.seen)
    off = {**env, "AWS_EC2_METADATA_DISABLED": "TRUE"}
    p.run("whoami", env=filled(p, off)).expect(5, err="no AWS credentials were found")
    same(len(HERE.seen), before, "nothing is asked")
    # Somebody who takes connections and never answers: short limits, and version 1 after that.
    HERE.silent_metadata = True
    began = time.monotonic()
    p.run("whoami", env=filled(p, env)).expect(5, err="no AWS credentials were found")
    if time.monotonic() - began > 6:
        raise Failed(f"it took {time.monotonic() - began:.1f} s")


def on_screen(p: Place, script, *args, env=None):
    """The program on a screen nobody sees."""
    path = p.put("script", "\n".join(script + [""]).encode())
    return p.run(*args, env={"LINES": "24", "COLUMNS": "80", "PKLBROWSE_SCRIPT": path,
                             **filled(p, env or {})})


def test_metadata_never_delays_the_screen(p: Place):
    """Keys are answered while nobody answers at the metadata's address."""
    prepare(p)
    HERE.silent_metadata = True
    env = {**IMDS, **NOTHING, "AWS_METADATA_SERVICE_TIMEOUT": "30"}
    began = time.monotonic()
    on_screen(p, ["now expect folder", "now key ?", "now expect Keys", "now key Esc", "now key q",
                  "quits"], env=env).expect(0)
    on_screen(p, ["now key ?", "now expect Keys", "now key Esc", "now key q", "quits"],
              "s3://bucket/", env=env).expect(0)
    if time.monotonic() - began > 5:
        raise Failed(f"it took {time.monotonic() - began:.1f} s")


def test_mfa_on_the_screen(p: Place):
    prepare(p)
    env = {"AWS_PROFILE": "role-mfa", "AWS_ENDPOINT_URL_S3": HERE.url}
    asked = ["await MFA code:", "expect MFA code of arn:aws:iam::1:mfa/me"]
    on_screen(p, asked + ["type 123456", "key Enter", "await HTTP", "expect-not MFA code:"],
              "s3://bucket/", env=env).expect(0)
    same([(s["what"], s["by"]) for s in HERE.seen], [("AssumeRole", "AKIDBASE")])
    forget_roles(p)
    on_screen(p, asked + ["key Esc", "await no MFA code was given"], "s3://bucket/",
              env=env).expect(0)
    on_screen(p, asked + ["type 000000", "key Enter", "await invalid MFA"], "s3://bucket/",
              env=env).expect(0)
    on_screen(p, asked + ["key Esc", "await no MFA", "key R", "await MFA code:", "type 123456",
                          "key Enter", "await HTTP"], "s3://bucket/", env=env).expect(0)


def test_clock(p: Place):
    """STS refuses a clock that is wrong: corrected by what its answer says."""
    prepare(p)
    HERE.skew = 7200
    same(who(p, env=ENV)["identity"]["account"], "111122223333")
    same(len(HERE.problems), 1)
    HERE.skew = -86400
    HERE.problems.clear()
    who(p, "--profile", "role-self")  # what it gets has expired, were our clock right


def test_regions_of_sts(p: Place):
    prepare(p)
    HERE.region = "eu-central-1"
    who(p, "--region", "eu-central-1", env=ENV)
    who(p, "--region", "us-west-1", env=ENV, status=5)


def test_no_secrets(p: Place):
    """Not in a log, not in the list of processes, not in files but where they were before."""
    prepare(p)
    log = p.path("log")
    ends = []
    for env, args in (
        ({}, ["--profile", "chain"]),
        ({}, ["--profile", "sso"]),
        (WEB, []),
        ({**NOTHING, **CONTAINER}, []),
        ({**NOTHING, **IMDS}, []),
        ({}, ["--profile", "process-only"]),
        ({}, ["--profile", "role-denied"]),
        ({**ENV, "AWS_SESSION_TOKEN": "session-token-of-mine"}, []),
    ):
        done = p.run("whoami", "-v", "--log-file", log, *args, env=filled(p, env))
        ends.append(done.status)
        for secret in services.SECRETS:
            if secret in done.out + done.err:
                raise Failed(f"{secret} is shown: {done}")
    same(ends, [0, 0, 0, 0, 0, 0, 5, 0])
    with open(log, encoding="utf-8") as f:
        text = f.read()
    for word in ("POST ", "redacted", "credentials: "):
        if word not in text:
            raise Failed(f"{word} is not in the log")
    for secret in services.SECRETS + ["Signature="]:
        if secret in text:
            raise Failed(f"{secret} is in the log")


def test_not_in_the_process_list(p: Place):
    prepare(p)
    HERE.silent_metadata = True
    env = filled(p, {**IMDS, **NOTHING})
    process = p.start("whoami", env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(f"/proc/{process.pid}/cmdline", "rb") as f:
        words = f.read()
    process.wait(timeout=30)
    for secret in services.SECRETS:
        if secret.encode() in words:
            raise Failed(f"{secret} is in the list of processes")


def test_configuration_errors(p: Place):
    prepare(p, "[profile x]\nregion\n")
    p.run("whoami").expect(2, err=".aws/config, line 2: 'key = value' was expected")
    prepare(p, "[profile x\n")
    p.run("whoami").expect(2, err=".aws/config, line 1: the ']' of the section's name is missing")


if __name__ == "__main__":
    chosen = sys.argv[1:]
    failed = run_all(
        [
            t
            for n, t in list(globals().items())
            if n.startswith("test_") and (not chosen or n in chosen)
        ]
    )
    HERE.stop()
    sys.exit(failed)
