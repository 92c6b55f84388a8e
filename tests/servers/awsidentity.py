#!/usr/bin/python3
"""A stand-in for the services that hand out AWS credentials: STS, SSO, metadata, containers.

    awsidentity.py [--listen HOST:PORT]

It is strict: what is not sent as the published pages say is refused, and noted in `problems`.
  STS          docs.aws.amazon.com/STS/latest/APIReference (AssumeRole, AssumeRoleWithWebIdentity,
               GetCallerIdentity); signatures by docs.aws.amazon.com/IAM, "Signature Version 4"
  SSO          docs.aws.amazon.com/singlesignon: portal GetRoleCredentials, OIDC CreateToken
  metadata     docs.aws.amazon.com/AWSEC2, "Use IMDSv2" (PUT /latest/api/token, then GET)
  containers   docs.aws.amazon.com/sdkref, "Container credential provider"
The access key that comes out is a hash of everything that went in, so that two programs that ask
for the same get the same, and nobody else does. Its secret is a hash of it.
"""
import argparse
import datetime
import hashlib
import hmac
import http.server
import json
import threading
import time
import urllib.parse

WEB_TOKEN = "web.identity.token-0123456789"
CONTAINER_TOKEN = "Basic container-secret-0123"
SSO_TOKEN = "sso-access-token-0123456789"
NEW_SSO_TOKEN = "sso-renewed-token-0123456789"
REFRESH_TOKEN = "sso-refresh-token-0123456789"
CLIENT_SECRET = "sso-client-secret-0123456789"
METADATA_TOKEN = "metadata-token-0123456789=="
MFA_CODE = "123456"
ROLE_NAME = "instance-role"
FIXED = {
    "AKIDENV": "secret-of-env",
    "AKIDCREDS": "secret-of-creds",
    "AKIDCONFIG": "secret-of-config",
    "AKIDPROC": "secret-of-proc",
    "AKIDBASE": "secret-of-base",
}
SECRETS = [
    WEB_TOKEN,
    CONTAINER_TOKEN,
    SSO_TOKEN,
    NEW_SSO_TOKEN,
    REFRESH_TOKEN,
    CLIENT_SECRET,
    METADATA_TOKEN,
    "secret-of-",
    "session-token-of-",
]


def digest(*parts):
    return hashlib.sha1("|".join(map(str, parts)).encode()).hexdigest().upper()


def made(*parts):
    """The access key that is given for all this."""
    return "ASIA" + digest(*parts)[:16]


def secret_of(key):
    return FIXED.get(key) or "secret-of-" + digest("secret", key)


def token_of(key):
    return "session-token-of-" + digest("token", key) + "/+=="


def iso(when):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when))


class Wrong(Exception):
    def __init__(self, status, code, message):
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message


def signature(secret, request, names, date, scope):
    """Version 4, from what arrived; of services other than S3."""
    url = urllib.parse.urlsplit(request.path)
    lines = "".join(f"{n}:{' '.join(request.headers[n].split())}\n" for n in names)
    query = "&".join(sorted(url.query.split("&"))) if url.query else ""
    canonical = "\n".join(
        [
            request.command,
            url.path,
            query,
            lines,
            ";".join(names),
            hashlib.sha256(request.body).hexdigest(),
        ]
    )
    text = "\n".join(
        ["AWS4-HMAC-SHA256", date, "/".join(scope), hashlib.sha256(canonical.encode()).hexdigest()]
    )
    key = ("AWS4" + secret).encode()
    for part in scope:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


class Identity:
    """What all requests share: what was seen, what was wrong, how to behave."""

    def __init__(self):
        self.seen = []  # dicts: what, and its parameters
        self.problems = []
        self.life = 3600  # of what is given
        self.skew = 0  # of our clock
        self.silent_metadata = False
        self.metadata = "v2"  # v1: no tokens; none: no role
        self.refuse_sso = False
        self.region = "us-east-1"
        self.server = None
        self.url = None

    def now(self):
        return time.time() + self.skew

    def start(self, listen=("127.0.0.1", 0)):
        outer = self

        class Handler(Answers):
            identity = outer

        self.server = http.server.ThreadingHTTPServer(listen, Handler)
        self.url = "http://%s:%d" % self.server.server_address
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def clear(self):
        self.__dict__.update({**Identity().__dict__, "server": self.server, "url": self.url})


class Answers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    identity = None

    def log_message(self, *_):
        pass

    def date_time_string(self, timestamp=None):
        return super().date_time_string(self.identity.now())

    def do(self):
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urllib.parse.urlsplit(self.path).path
        try:
            for prefix, what in (
                ("/latest/", self.metadata),
                ("/federation/", self.portal),
                ("/token", self.oidc),
                ("/container", self.container),
                ("/", self.sts),
            ):
                if path.startswith(prefix):
                    what(path)
                    return
        except Wrong as wrong:
            self.identity.problems.append(str(wrong))
            if path == "/":
                self.give(
                    wrong.status,
                    "<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code>"
                    "<Message>%s</Message></Error><RequestId>r</RequestId></ErrorResponse>"
                    % (wrong.code, wrong.message),
                )
            else:
                self.give(
                    wrong.status, json.dumps({"__type": wrong.code, "message": wrong.message})
                )

    do_GET = do_POST = do_PUT = do

    def give(self, status, text, kind="text/plain"):
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def note(self, what, **more):
        self.identity.seen.append({"what": what, **more})

    def need(self, good, status, code, message):
        if not good:
            raise Wrong(status, code, message)

    # ---------------------------------------------------------------------------- STS

    def signer(self):
        """The access key of a good signature."""
        words = dict(
            part.split("=", 1)
            for part in self.headers.get("Authorization", "").replace(",", "").split()[1:]
        )
        self.need("Signature" in words, 403, "MissingAuthenticationToken", "not signed")
        key, *scope = words["Credential"].split("/")
        names, date = words["SignedHeaders"].split(";"), self.headers.get("X-Amz-Date", "")
        self.need({"host", "x-amz-date"} <= set(names), 403, "IncompleteSignature", "headers")
        self.need(
            key in FIXED or key.startswith("ASIA"),
            403,
            "InvalidClientTokenId",
            "The security token included in the request is invalid.",
        )
        if key.startswith("ASIA"):
            self.need(
                self.headers.get("X-Amz-Security-Token") == token_of(key),
                403,
                "InvalidClientTokenId",
                "wrong token",
            )
            self.need("x-amz-security-token" in names, 403, "IncompleteSignature", "token")
        self.need(
            scope[1:] == [self.identity.region, "sts", "aws4_request"],
            403,
            "SignatureDoesNotMatch",
            "Credential should be scoped to a valid region.",
        )
        sent = (
            datetime.datetime.strptime(date, "%Y%m%dT%H%M%SZ")
            .replace(tzinfo=datetime.timezone.utc)
            .timestamp()
        )
        self.need(
            abs(sent - self.identity.now()) < 300,
            403,
            "SignatureDoesNotMatch",
            "Signature expired: it is not what it was",
        )
        good = signature(secret_of(key), self, names, date, scope)
        self.need(
            good == words["Signature"],
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match\n\nThe Canonical String "
            "should have been x-amz-security-token:%s" % token_of(key),
        )
        return key

    def sts(self, path):
        self.need(self.command == "POST" and path == "/", 400, "InvalidAction", "no such page")
        self.need(
            self.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"),
            400,
            "MalformedInput",
            "content type",
        )
        form = dict(urllib.parse.parse_qsl(self.body.decode(), strict_parsing=True))
        action = form.pop("Action", "")
        self.need(form.pop("Version", "") == "2011-06-15", 400, "InvalidAction", "version")
        if action == "AssumeRoleWithWebIdentity":
            self.need("Authorization" not in self.headers, 400, "InvalidRequest", "signed")
            self.need(
                form.pop("WebIdentityToken", "") == WEB_TOKEN,
                400,
                "InvalidIdentityToken",
                "no token of ours",
            )
            self.assumed(action, "web", form)
            return
        key = self.signer()
        if action == "GetCallerIdentity":
            self.note(action, key=key)
            self.xml(
                action,
                f"<Arn>arn:aws:iam::111122223333:user/{key}</Arn><UserId>ID{key}"
                "</UserId><Account>111122223333</Account>",
            )
        elif action == "AssumeRole":
            if "SerialNumber" in form:
                self.need(
                    form.pop("TokenCode", "") == MFA_CODE,
                    403,
                    "AccessDenied",
                    "MultiFactorAuthentication failed with invalid MFA one time pass code.",
                )
            self.need(
                "denied" not in form.get("RoleArn", ""),
                403,
                "AccessDenied",
                "User: x is not authorized to perform: sts:AssumeRole",
            )
            self.assumed(action, key, form)
        else:
            raise Wrong(400, "InvalidAction", f"Could not find operation {action}")

    def assumed(self, action, by, form):
        self.need(form.get("RoleArn", "").startswith("arn:"), 400, "ValidationError", "no role")
        name = form.get("RoleSessionName", "")
        self.need(len(name) >= 2, 400, "ValidationError", "no session name")
        self.note(action, by=by, **form)
        if name.startswith(("botocore-session-", "pklbrowse-")):
            del form["RoleSessionName"]
        key = made(action, by, *sorted(form.items()))
        self.xml(
            action,
            "<Credentials><AccessKeyId>%s</AccessKeyId><SecretAccessKey>%s"
            "</SecretAccessKey><SessionToken>%s</SessionToken><Expiration>%s</Expiration>"
            "</Credentials><AssumedRoleUser><Arn>a</Arn></AssumedRoleUser>"
            % (key, secret_of(key), token_of(key), iso(self.identity.now() + self.identity.life)),
        )

    def xml(self, action, inside):
        self.give(
            200,
            f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
            f"<{action}Result>{inside}</{action}Result></{action}Response>",
            "text/xml",
        )

    # ---------------------------------------------------------------------------- SSO

    def portal(self, path):
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        token = self.headers.get("x-amz-sso_bearer_token")
        self.need(self.command == "GET" and path == "/federation/credentials", 404, "NotFound", "")
        self.need(
            token in (SSO_TOKEN, NEW_SSO_TOKEN) and not self.identity.refuse_sso,
            401,
            "UnauthorizedException",
            "Session token not found or invalid",
        )
        self.need("Authorization" not in self.headers, 400, "InvalidRequest", "signed")
        self.note("GetRoleCredentials", token=token, **query)
        self.need(query.get("role_name") != "denied", 403, "ForbiddenException", "No access")
        key = made("sso", query["role_name"], query["account_id"])
        self.give(
            200,
            json.dumps(
                {
                    "roleCredentials": {
                        "accessKeyId": key,
                        "secretAccessKey": secret_of(key),
                        "sessionToken": token_of(key),
                        "expiration": int((self.identity.now() + self.identity.life) * 1000),
                    }
                }
            ),
            "application/json",
        )

    def oidc(self, _path):
        form = json.loads(self.body)
        self.need(
            self.command == "POST"
            and self.headers.get("Content-Type", "").startswith("application/json"),
            400,
            "InvalidRequestException",
            "not JSON",
        )
        self.need(
            form
            == {
                "grantType": "refresh_token",
                "clientId": "client",
                "clientSecret": CLIENT_SECRET,
                "refreshToken": REFRESH_TOKEN,
            },
            400,
            "InvalidGrantException",
            f"{sorted(form)}",
        )
        self.note("CreateToken")
        self.give(
            200,
            json.dumps(
                {
                    "accessToken": NEW_SSO_TOKEN,
                    "tokenType": "Bearer",
                    "expiresIn": 28800,
                    "refreshToken": REFRESH_TOKEN,
                }
            ),
            "application/json",
        )

    # ----------------------------------------------------------- containers and instances

    def container(self, path):
        self.need(self.command == "GET", 405, "MethodNotAllowed", "")
        self.need(
            self.headers.get("Authorization") == CONTAINER_TOKEN or path == "/container/open",
            401,
            "Unauthorized",
            "wrong token",
        )
        self.note("container", path=path)
        key = made("container", path)
        self.give(
            200,
            json.dumps(
                {
                    "RoleArn": "r",
                    "AccessKeyId": key,
                    "SecretAccessKey": secret_of(key),
                    "Token": token_of(key),
                    "Expiration": iso(self.identity.now() + self.identity.life),
                }
            ),
        )

    def metadata(self, path):
        if self.identity.silent_metadata:
            self.note("metadata, silent")
            time.sleep(20)
            return
        if path == "/latest/api/token":
            self.need(self.command == "PUT", 405, "MethodNotAllowed", "")
            self.need(self.identity.metadata != "v1", 404, "NotFound", "no tokens here")
            self.need(
                self.headers.get("x-aws-ec2-metadata-token-ttl-seconds") == "21600",
                400,
                "BadRequest",
                "no TTL",
            )
            self.give(200, METADATA_TOKEN)
            return
        self.need(
            self.identity.metadata == "v1"
            or self.headers.get("x-aws-ec2-metadata-token") == METADATA_TOKEN,
            401,
            "Unauthorized",
            "no token",
        )
        self.need(self.identity.metadata != "none", 404, "NotFound", "no role")
        base = "/latest/meta-data/iam/security-credentials/"
        if path == base:
            self.give(200, ROLE_NAME)
            return
        self.need(path == base + ROLE_NAME, 404, "NotFound", path)
        self.note("metadata", version=self.identity.metadata)
        key = made("metadata", ROLE_NAME)
        self.give(
            200,
            json.dumps(
                {
                    "Code": "Success",
                    "Type": "AWS-HMAC",
                    "AccessKeyId": key,
                    "SecretAccessKey": secret_of(key),
                    "Token": token_of(key),
                    "Expiration": iso(self.identity.now() + self.identity.life),
                }
            ),
        )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", default="127.0.0.1:0")
    host, port = parser.parse_args().listen.rsplit(":", 1)
    identity = Identity().start((host, int(port)))
    print(f"listening on {identity.url}", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
