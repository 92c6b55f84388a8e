#!/usr/bin/python3
"""What gives tokens for Azure, for tests: Microsoft Entra, App Service and a machine's metadata.

Each is strict about the form of what it is asked: the fields and no others, the resource, the
headers. The tokens are unsigned JWTs for https://storage.azure.com. A federated token must be an
HS256 JWT with the key of assertion(), for the audience of token exchange, and not be over.
"""
import base64
import hashlib
import hmac
import http.server
import json
import threading
import time
import urllib.parse

SCOPE = "https://storage.azure.com/.default"
RESOURCE = "https://storage.azure.com/"
AUDIENCE = "api://AzureADTokenExchange"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TENANT, CLIENT, SECRET = "11111111-2222-3333-4444-555555555555", "the-client", "s3cret-of-client+/="
FEDERATION_KEY = b"the key of the workload"
HEADER = "the header of the app"


def part(data):
    if isinstance(data, dict):
        data = json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unpart(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def assertion(key=FEDERATION_KEY, **claims):
    now = int(time.time())
    body = {"aud": AUDIENCE, "sub": "the-workload", "nbf": now - 5, "exp": now + 300, **claims}
    text = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(body)}"
    return text + "." + part(hmac.new(key, text.encode(), hashlib.sha256).digest())


def check_assertion(text):
    head, claims, signature = text.split(".")
    mac = hmac.new(FEDERATION_KEY, f"{head}.{claims}".encode(), hashlib.sha256).digest()
    said = json.loads(unpart(claims))
    if not hmac.compare_digest(mac, unpart(signature)):
        return "AADSTS700027: the assertion's signature is wrong"
    if said["aud"] != AUDIENCE:
        return "AADSTS700212: no matching audience"
    if said["exp"] < time.time():
        return "AADSTS700024: the assertion is over"
    return None


class Entra:
    def __init__(self):
        self.lifetime = 3600
        self.asked = []                         # which kinds of grant, in their order
        self.made = 0
        self.off = set()                        # kinds that are not there

    def token(self):
        self.made += 1
        now = int(time.time())
        claims = {"aud": "https://storage.azure.com", "iss": f"https://sts.windows.net/{TENANT}/",
                  "nbf": now - 60, "iat": now, "exp": now + 3600, "tid": TENANT, "appid": CLIENT,
                  "oid": "the-object", "n": self.made}
        return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims)}.{part(b'-')}"

    def entra(self, path, headers, body):
        form = urllib.parse.parse_qs(body, keep_blank_values=True, strict_parsing=True)
        form = {name: values[0] for name, values in form.items() if len(values) == 1}
        common = {"client_id": CLIENT, "grant_type": "client_credentials", "scope": SCOPE}
        if path != f"/{TENANT}/oauth2/v2.0/token":
            return 400, {"error": "invalid_request", "error_description": "AADSTS90002: Tenant"}
        if headers.get("Content-Type") != "application/x-www-form-urlencoded":
            return 400, {"error": "invalid_request", "error_description": "AADSTS900144: type"}
        if set(form) == {*common, "client_secret"}:
            self.asked.append("secret")
            wrong = None if form["client_secret"] == SECRET else (
                "AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1\r\n")
        elif set(form) == {*common, "client_assertion", "client_assertion_type"}:
            self.asked.append("assertion")
            wrong = check_assertion(form["client_assertion"])
            if form["client_assertion_type"] != ASSERTION_TYPE:
                wrong = "AADSTS50027: assertion type"
        else:
            return 400, {"error": "invalid_request", "error_description": f"{sorted(form)}"}
        if wrong or any(form[name] != value for name, value in common.items()):
            return 401, {"error": "invalid_client", "error_description": wrong or "AADSTS700016"}
        return 200, {"token_type": "Bearer", "expires_in": self.lifetime,
                     "access_token": self.token()}

    def metadata(self, path, query, headers):
        app = path == "/msi/token"
        kind = "app" if app else "machine"
        want = {"api-version": "2019-08-01" if app else "2018-02-01", "resource": RESOURCE}
        if kind in self.off or (not app and path != "/metadata/identity/oauth2/token"):
            return 404, {}
        client = query.pop("client_id", None)
        good = headers.get("X-IDENTITY-HEADER") == HEADER if app else (
            headers.get("Metadata") == "true")
        if query != want or not good or client not in (None, CLIENT):
            return 401, {"error": "invalid_request", "error_description": f"{query} {client}"}
        self.asked.append(kind)
        return 200, {"access_token": self.token(), "token_type": "Bearer", "resource": RESOURCE,
                     "expires_on": str(int(time.time()) + self.lifetime)}

    def start(self):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def tell(self, status, said):
                text = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self.tell(*outer.entra(self.path, self.headers, body))

            def do_GET(self):
                path, _, query = self.path.partition("?")
                self.tell(*outer.metadata(path, dict(urllib.parse.parse_qsl(query)), self.headers))

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return self
