#!/usr/bin/python3
"""Google Cloud Storage by its published rules: JSON API, token endpoint, metadata server.

    gcs.py [--port N] [--bucket NAME]... [--token TOKEN]...

No emulator checks credentials, preconditions and pages as the service does, so this one does, and
refuses what the service refuses (and query parameters that it does not know). Everything is kept in
memory. Tests import it: Gcs().start(), and look into .buckets, .tokens, .seen.

The rules are those of cloud.google.com/storage/docs: json_api/v1 (objects, buckets: methods,
parameters, resources; status-codes: errors), request-preconditions (ifGenerationMatch), transcoding
(gzip), performing-resumable-uploads (308, Range, bytes */N), composite-objects (compose),
object-versioning and soft-delete (generations), object-holds and object-lock (403); for tokens
developers.google.com/identity/protocols/oauth2/service-account, RFC 7523 and RFC 6749, and
cloud.google.com/compute/docs/metadata (Metadata-Flavor).
"""
import argparse
import base64
import copy
import datetime
import gzip
import hashlib
import http.server
import json
import re
import subprocess
import sys
import threading
import time
import urllib.parse
import uuid

SCOPES = {"https://www.googleapis.com/auth/cloud-platform",
          "https://www.googleapis.com/auth/devstorage.full_control",
          "https://www.googleapis.com/auth/devstorage.read_write"}
CHUNK = 256 * 1024                              # parts of a resumable upload are multiples of this
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
WRITABLE = {"contentType", "contentEncoding", "contentDisposition", "contentLanguage",
            "cacheControl", "storageClass", "metadata", "customTime", "temporaryHold",
            "eventBasedHold", "retention", "contexts", "acl", "kmsKeyName", "md5Hash", "crc32c",
            "name", "bucket"}
CLASSES = {"STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE", "MULTI_REGIONAL", "REGIONAL",
           "DURABLE_REDUCED_AVAILABILITY"}
CONDITIONS = ("ifGenerationMatch", "ifGenerationNotMatch", "ifMetagenerationMatch",
              "ifMetagenerationNotMatch")
COMMON = {"userProject", "fields", "prettyPrint", "alt", "key", "quotaUser"}


def crc_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82f63b78 if n & 1 else 0)
        table.append(n)
    return table


TABLE = crc_table()


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc = TABLE[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xffffffff


def crc_text(data):
    return base64.b64encode(crc32c(data).to_bytes(4, "big")).decode()


def md5_text(data):
    return base64.b64encode(hashlib.md5(data).digest()).decode()


def stamp(seconds):
    then = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return then.strftime("%Y-%m-%dT%H:%M:%S.") + f"{then.microsecond // 1000:03d}Z"


def seconds_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Refused(Exception):
    def __init__(self, status, reason, message, **headers):
        super().__init__(message)
        self.status, self.reason, self.message, self.headers = status, reason, message, headers


class Plain(Exception):
    """An answer of another shape than the JSON API's."""

    def __init__(self, status, body, **headers):
        super().__init__(status)
        self.status, self.body, self.headers = status, body, headers


def condition_not_met():
    return Refused(412, "conditionNotMet",
                   "At least one of the pre-conditions you specified did not hold.")


def invalid(message):
    return Refused(400, "invalid", message)


class Stored:
    """One generation of an object."""

    def __init__(self, bucket, name, data, properties, generation):
        self.bucket, self.name, self.data, self.generation = bucket, name, data, generation
        self.properties = {"storageClass": "STANDARD", **properties}
        self.metageneration = 1
        self.created = self.updated = time.time()
        self.deleted = self.soft_deleted = None
        self.components = None
        self.crc = crc_text(data)

    def resource(self, full):
        etag = base64.b64encode(f"{self.generation}/{self.metageneration}".encode()).decode()
        said = {"kind": "storage#object",
                "id": f"{self.bucket}/{self.name}/{self.generation}",
                "name": self.name, "bucket": self.bucket, "generation": str(self.generation),
                "metageneration": str(self.metageneration), "size": str(len(self.data)),
                "crc32c": self.crc, "etag": etag, "timeCreated": stamp(self.created),
                "updated": stamp(self.updated), "timeStorageClassUpdated": stamp(self.created)}
        if self.components is None:
            said["md5Hash"] = md5_text(self.data)
        else:
            said["componentCount"] = self.components
        if self.deleted:
            said["timeDeleted"] = stamp(self.deleted)
        if self.soft_deleted:
            said["softDeleteTime"] = stamp(self.soft_deleted)
            said["hardDeleteTime"] = stamp(self.soft_deleted + 7 * 86400)
        for name, value in self.properties.items():
            if name not in ("md5Hash", "crc32c", "name", "bucket") and (full or name != "acl"):
                said[name] = value
        if "retention" in self.properties:
            said["retentionExpirationTime"] = self.properties["retention"]["retainUntilTime"]
        return said

    def may_go(self):
        if self.properties.get("temporaryHold") or self.properties.get("eventBasedHold"):
            raise Refused(403, "objectUnderActiveHold",
                          f"Object '{self.bucket}/{self.name}' is under active hold and cannot be "
                          "deleted, overwritten or archived until hold is removed.")
        until = self.properties.get("retention", {}).get("retainUntilTime")
        if until and seconds_of(until) > time.time():
            raise Refused(403, "retentionPolicyNotMet",
                          f"Object '{self.bucket}/{self.name}' is subject to object retention and "
                          "cannot be deleted or overwritten.")


class Bucket:
    def __init__(self, name, project="test-project", **options):
        self.name, self.project = name, project
        self.versioning = options.get("versioning", False)
        self.soft_delete = options.get("soft_delete", False)
        self.requester_pays = options.get("requester_pays", False)
        self.public = options.get("public", False)
        self.uniform = options.get("uniform", False)
        self.live, self.old, self.soft = {}, [], []
        self.created = time.time()

    def resource(self):
        return {"kind": "storage#bucket", "id": self.name, "name": self.name,
                "timeCreated": stamp(self.created), "updated": stamp(self.created),
                "location": "US", "storageClass": "STANDARD"}


class Token:
    def __init__(self, lifetime=3600, scope=None, denied=(), who="test"):
        self.expires = time.time() + lifetime
        self.scopes = set((scope or "https://www.googleapis.com/auth/cloud-platform").split())
        self.denied, self.who = set(denied), who


class Gcs:
    """The state, and the server's thread."""

    def __init__(self, port=0):
        self.lock = threading.RLock()
        self.buckets, self.tokens, self.uploads, self.rewrites = {}, {}, {}, {}
        self.accounts = {}                      # client_email -> (n, e)
        self.users = {}                         # refresh_token -> (client_id, client_secret)
        self.impersonable = {}                  # e-mail -> who may (e-mails)
        self.metadata = None                    # a token's scope: this is also a machine's metadata
        self.seen = []                          # "METHOD target"
        self.page = None                        # never more entries a page than this
        self.empty_pages = False                # every other page of a listing has no entry
        self.rewrite_bytes = 1 << 40            # copied a call
        self.keep_at_first = None               # of the next upload's bytes: as if then cut off
        self.lifetime = 3600
        self.last_generation = 0
        self.listed = 0
        state = self

        class Handler(Answers):
            gcs = state

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, request, client_address):
                if not isinstance(sys.exc_info()[1], OSError):
                    super().handle_error(request, client_address)

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self):
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def bucket(self, name, **options):
        self.buckets[name] = Bucket(name, **options)
        return self.buckets[name]

    def token(self, name="token", **options):
        self.tokens[name] = Token(**options)
        return name

    def account(self, email, key_file):
        """A service account whose key is this PEM file."""
        text = subprocess.run(["openssl", "rsa", "-in", key_file, "-noout", "-modulus"],
                              check=True, capture_output=True, text=True).stdout
        self.accounts[email] = (int(text.strip().partition("=")[2], 16), 65537)

    def generation(self):
        self.last_generation = max(self.last_generation + 1, int(time.time() * 1e6))
        return self.last_generation

    def put(self, bucket, name, data, **properties):
        """What a test finds there."""
        with self.lock:
            new = Stored(bucket, name, data, properties, self.generation())
            self.replace(self.buckets[bucket], name, new)
            return new

    def get(self, bucket, name):
        return self.buckets[bucket].live.get(name)

    def replace(self, bucket, name, new):
        """new None: deleted."""
        old = bucket.live.pop(name, None)
        if old and bucket.versioning:
            old.deleted = time.time()
            bucket.old.append(old)
        elif old and bucket.soft_delete:
            old.soft_deleted = time.time()
            bucket.soft.append(old)
        if new:
            bucket.live[name] = new

    def grant(self, scope, who):
        """A new token's answer, as the token endpoint gives it."""
        name = "ya29.secret-" + uuid.uuid4().hex
        self.tokens[name] = Token(self.lifetime, scope, who=who)
        return {"access_token": name, "expires_in": self.lifetime, "token_type": "Bearer"}


class Answers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    gcs = None

    def log_message(self, *_):
        pass

    # ------------------------------------------------------------------------ in and out

    def answer(self, status, body=b"", headers=None):
        self.send_response(status)
        headers = dict(headers or {})
        chunked = headers.get("Transfer-Encoding") == "chunked"
        for name, value in headers.items():
            self.send_header(name, value)
        if not chunked:
            self.send_header("Content-Length", str(len(body)))
        # Of a resumable upload it is that one's secret.
        self.send_header("X-GUploader-UploadID", self.upload_id or "guploader-" + uuid.uuid4().hex)
        self.end_headers()
        if self.command == "HEAD":
            return
        if chunked:
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
        self.wfile.write(body)

    def answer_json(self, status, said, headers=None):
        self.answer(status, json.dumps(said).encode(),
                    {"Content-Type": "application/json; charset=UTF-8", **(headers or {})})

    def refuse(self, r):
        headers = {name.replace("_", "-"): value for name, value in r.headers.items()}
        if self.params.get("alt") == "media":   # says it in plain words
            self.answer(r.status, r.message.encode(),
                        {"Content-Type": "text/html; charset=UTF-8", **headers})
            return
        one = {"message": r.message, "domain": "global", "reason": r.reason}
        self.answer_json(r.status, {"error": {"code": r.status, "message": r.message,
                                              "errors": [one]}}, headers)

    def handle_one(self):
        path, _, query = self.path.partition("?")
        self.params, self.upload_id = {}, None
        try:
            self.read_body()
            for name, value in urllib.parse.parse_qsl(query, keep_blank_values=True,
                                                      errors="strict"):
                if name in self.params:
                    raise invalid(f"Parameter {name} was given twice")
                self.params[name] = value
            if " " in self.path or not self.path.isascii():
                raise invalid("The address is not encoded")
            with self.gcs.lock:
                self.gcs.seen.append(f"{self.command} {self.path}")
                self.route(path)
        except Plain as p:
            headers = {name.replace("_", "-"): value for name, value in p.headers.items()}
            self.answer(p.status, p.body, headers)
        except Refused as r:
            self.refuse(r)
        except (UnicodeDecodeError, ValueError, KeyError, TypeError) as error:
            self.refuse(invalid(f"Invalid value: {error!r}"))

    do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = do_HEAD = handle_one

    def read_body(self):
        self.body = b""
        if self.headers.get("Transfer-Encoding"):
            self.close_connection = True
            raise Refused(411, "required", "Content-Length is required")
        length = self.headers.get("Content-Length")
        if length is None and self.command in ("POST", "PUT", "PATCH"):
            raise Refused(411, "required", "Content-Length is required")
        if length:
            self.body = self.rfile.read(int(length))
            if len(self.body) != int(length):
                raise ConnectionError

    def know(self, *names):
        for name in self.params:
            if name not in COMMON and name not in names:
                raise invalid(f"Unknown parameter {name}")

    def json_body(self):
        if not self.body:
            return {}
        if not (self.headers.get("Content-Type") or "").startswith("application/json"):
            raise invalid("The body is JSON, but its Content-Type is not")
        said = json.loads(self.body)
        if not isinstance(said, dict):
            raise invalid("The body is no object")
        return said

    # --------------------------------------------------------------------------- routes

    ROUTES = (
        (r"POST /token", "token"),
        (r"GET /computeMetadata/v1/(.*)", "machine"),
        (r"POST /v1/projects/-/serviceAccounts/([^/:]+):generateAccessToken", "impersonate"),
        (r"GET /storage/v1/b", "list_buckets"),
        (r"GET /storage/v1/b/([^/]+)", "get_bucket"),
        (r"GET /storage/v1/b/([^/]+)/o", "list_objects"),
        (r"POST /upload/storage/v1/b/([^/]+)/o", "insert"),
        (r"(?:PUT|DELETE) /upload/storage/v1/b/([^/]+)/o", "upload"),
        (r"GET /(?:download/)?storage/v1/b/([^/]+)/o/([^/]+)", "get_object"),
        (r"DELETE /storage/v1/b/([^/]+)/o/([^/]+)", "delete_object"),
        (r"PATCH /storage/v1/b/([^/]+)/o/([^/]+)", "patch_object"),
        (r"POST /storage/v1/b/([^/]+)/o/([^/]+)/rewriteTo/b/([^/]+)/o/([^/]+)", "rewrite"),
        (r"POST /storage/v1/b/([^/]+)/o/([^/]+)/compose", "compose"),
        (r"POST /storage/v1/b/([^/]+)/o/([^/]+)/restore", "restore"),
    )

    def route(self, path):
        for pattern, name in self.ROUTES:
            found = re.fullmatch(pattern, f"{self.command} {path}")
            if found:
                getattr(self, name)(*(urllib.parse.unquote(part, errors="strict")
                                      for part in found.groups()))
                return
        raise Refused(404, "notFound", "Not Found")

    # --------------------------------------------------------------------- who may what

    def caller(self):
        """The token of the request, or None: anonymous."""
        given = self.headers.get("Authorization")
        if given is None:
            return None
        kind, _, name = given.partition(" ")
        token = self.gcs.tokens.get(name)
        if kind != "Bearer" or token is None or token.expires <= time.time():
            raise Refused(401, "authError", "Invalid Credentials", WWW_Authenticate="Bearer")
        if not token.scopes & SCOPES:
            raise Refused(403, "insufficientPermissions",
                          "Request had insufficient authentication scopes.")
        return token

    def demand(self, permission, bucket=None):
        token = self.caller()
        what = "bucket" if permission.startswith("storage.buckets") else "object"
        may = f"{permission} access to the Google Cloud Storage {what}. Permission " \
              f"'{permission}' denied on resource (or it may not exist)."
        if token is None:
            if bucket and bucket.public and permission in ("storage.objects.get",
                                                           "storage.objects.list"):
                return
            raise Refused(401, "required", "Anonymous caller does not have " + may,
                          WWW_Authenticate="Bearer")
        if permission in token.denied:
            raise Refused(403, "forbidden", f"{token.who} does not have {may}")
        if bucket and bucket.requester_pays and not self.params.get("userProject"):
            raise Refused(400, "required",
                          "Bucket is a requester pays bucket but no user project provided.")

    def find_bucket(self, name, *permissions):
        bucket = self.gcs.buckets.get(name)
        if bucket is None:
            if self.caller() is None:
                raise Refused(401, "required", "Anonymous caller does not have storage access")
            raise Refused(404, "notFound", "The specified bucket does not exist.")
        for permission in permissions:
            self.demand(permission, bucket)
        return bucket

    def find(self, bucket, name, version="generation"):
        generation = self.params.get(version)
        if self.params.get("softDeleted") == "true":
            if generation is None:
                raise invalid("softDeleted needs a generation")
            among = bucket.soft
        elif generation is None:
            among = [bucket.live[name]] if name in bucket.live else []
        else:
            among = [*bucket.live.values(), *bucket.old]
        for one in among:
            if one.name == name and generation in (None, str(one.generation)):
                return one
        return None

    def missing(self, bucket, name):
        return Refused(404, "notFound", f"No such object: {bucket.name}/{name}")

    def hold_conditions(self, old, prefix=""):
        """old None: nothing is there."""
        for word in CONDITIONS:
            name = prefix and prefix + word[0].upper() + word[1:] or word
            if name not in self.params:
                continue
            want = int(self.params[name])
            is_meta = "Meta" in word
            if is_meta and old is None:
                raise condition_not_met()
            have = 0 if old is None else old.metageneration if is_meta else old.generation
            if (have == want) == ("Not" in word):
                raise Refused(304, "notModified", "") if "Not" in word and \
                    self.command == "GET" else condition_not_met()

    # -------------------------------------------------------------------------- listing

    def page(self, names, most):
        """(what is on this page, nextPageToken)."""
        limit = int(self.params.get("maxResults", most))
        if limit < 1:
            raise invalid("maxResults")
        limit = min(limit, most, self.gcs.page or most)
        token = self.params.get("pageToken")
        after = -1
        if token:
            try:
                after = int(base64.b64decode(token, validate=True).decode().partition(":")[2])
            except ValueError:
                raise invalid("Invalid page token") from None
        self.gcs.listed += 1
        if self.gcs.empty_pages and self.gcs.listed % 2 == 1 and names[after + 1:]:
            return [], base64.b64encode(f"{self.gcs.listed}+/:{after}".encode()).decode()
        found = names[after + 1:after + 1 + limit]
        last = after + len(found)
        more = last + 1 < len(names)
        token = base64.b64encode(f"{self.gcs.listed}+/:{last}".encode()).decode()
        return found, token if more else None

    def list_buckets(self):
        self.know("project", "maxResults", "pageToken", "prefix", "projection")
        if "project" not in self.params:
            raise Refused(400, "required", "Required parameter: project")
        self.demand("storage.buckets.list")
        project = self.params["project"]
        names = sorted(n for n, b in self.gcs.buckets.items() if b.project == project)
        found, token = self.page(names, 1000)
        said = {"kind": "storage#buckets"}
        if found:
            said["items"] = [self.gcs.buckets[n].resource() for n in found]
        if token:
            said["nextPageToken"] = token
        self.answer_json(200, said)

    def get_bucket(self, name):
        self.know("projection")
        self.answer_json(200, self.find_bucket(name, "storage.buckets.get").resource())

    def list_objects(self, name):
        self.know("prefix", "delimiter", "pageToken", "maxResults", "versions", "startOffset",
                  "endOffset", "projection", "includeTrailingDelimiter", "softDeleted")
        bucket = self.find_bucket(name, "storage.objects.list")
        prefix, delimiter = self.params.get("prefix", ""), self.params.get("delimiter")
        if delimiter == "":
            delimiter = None
        versions = self.params.get("versions") == "true"
        soft = self.params.get("softDeleted") == "true"
        if versions and soft:
            raise invalid("versions and softDeleted cannot both be true")
        if soft:
            among = list(bucket.soft)
        else:
            among = [*bucket.live.values(), *(bucket.old if versions else [])]
        rows = {}
        for one in among:
            if not one.name.startswith(prefix) or one.name < self.params.get("startOffset", ""):
                continue
            if "endOffset" in self.params and one.name >= self.params["endOffset"]:
                continue
            cut = one.name.find(delimiter, len(prefix)) if delimiter else -1
            if cut >= 0:
                rows[(one.name[:cut + len(delimiter)].encode(), 0)] = None
            else:
                rows[(one.name.encode(), one.generation)] = one
        found, token = self.page(sorted(rows), 1000)
        said = {"kind": "storage#objects"}
        items = [rows[n].resource(self.params.get("projection") == "full")
                 for n in found if rows[n]]
        prefixes = [n[0].decode() for n in found if rows[n] is None]
        if items:
            said["items"] = items
        if prefixes:
            said["prefixes"] = prefixes
        if token:
            said["nextPageToken"] = token
        self.answer_json(200, said)

    # -------------------------------------------------------------------------- reading

    def get_object(self, name, key):
        self.know("generation", "projection", "softDeleted", *CONDITIONS)
        bucket = self.find_bucket(name, "storage.objects.get")
        full = self.params.get("projection") == "full"
        if full and not bucket.uniform:
            self.demand("storage.objects.getIamPolicy", bucket)
        one = self.find(bucket, key)
        if one is None:
            raise self.missing(bucket, key)
        self.hold_conditions(one)
        if self.params.get("alt", "json") == "json":
            if self.path.startswith("/download/"):
                raise invalid("/download/ is for alt=media")
            self.answer_json(200, one.resource(full), {"ETag": one.resource(False)["etag"]})
            return
        if self.params["alt"] != "media" or one.soft_deleted:
            raise invalid("Invalid value for alt")
        self.media(one)

    def media(self, one):
        data, status = one.data, 200
        encoding = one.properties.get("contentEncoding")
        headers = {"Content-Type": one.properties.get("contentType", "application/octet-stream"),
                   "ETag": one.resource(False)["etag"], "X-Goog-Generation": str(one.generation),
                   "X-Goog-Metageneration": str(one.metageneration),
                   "X-Goog-Hash": "crc32c=" + one.crc + (
                       "" if one.components else ",md5=" + md5_text(data)),
                   "X-Goog-Stored-Content-Encoding": encoding or "identity",
                   "X-Goog-Stored-Content-Length": str(len(data)),
                   "X-Goog-Storage-Class": one.properties["storageClass"]}
        accepts = re.search(r"\bgzip\b", self.headers.get("Accept-Encoding") or "")
        kept = "no-transform" in one.properties.get("cacheControl", "")
        if encoding == "gzip" and not accepts and not kept:
            headers["Warning"] = "214 UploadServer gunzipped"
            headers["Transfer-Encoding"] = "chunked"
            self.answer(200, gzip.decompress(data), headers)    # whatever Range says
            return
        if encoding:
            headers["Content-Encoding"] = encoding
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if asked:
            first = int(asked[1])
            last = min(int(asked[2]) if asked[2] else len(data) - 1, len(data) - 1)
            if first >= len(data):
                raise Refused(416, "requestedRangeNotSatisfiable",
                              "Request range not satisfiable",
                              Content_Range=f"bytes */{len(data)}")
            headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
            data, status = data[first:last + 1], 206
        self.answer(status, data, headers)

    # -------------------------------------------------------------------------- writing

    def check_name(self, name):
        raw = name.encode()
        if not 1 <= len(raw) <= 1024 or "\r" in name or "\n" in name or name in (".", "..") \
                or name.startswith(".well-known/acme-challenge/"):
            raise invalid(f"Invalid object name: {name!r}")

    def check_properties(self, said, data=None):
        for name, value in said.items():
            if name not in WRITABLE:
                raise invalid(f"{name} cannot be set")
            if name in ("metadata",) and not all(isinstance(v, str) for v in value.values()):
                raise invalid("metadata is a map of strings")
            if name in ("temporaryHold", "eventBasedHold") and not isinstance(value, bool):
                raise invalid(f"{name} is true or false")
        if said.get("storageClass", "STANDARD") not in CLASSES:
            raise invalid("Invalid storage class")
        for value in said.get("contexts", {}).get("custom", {}).values():
            if set(value) - {"value", "createTime", "updateTime"}:
                raise invalid("contexts")
        if data is not None:
            for name, have in (("crc32c", crc_text(data)), ("md5Hash", md5_text(data))):
                if said.get(name, have) != have:
                    raise invalid(f"Provided {name} \"{said[name]}\" doesn't match calculated "
                                  f"\"{have}\".")

    def store(self, bucket, name, data, said, components=None):
        """Conditions are held against what is there now."""
        old = bucket.live.get(name)
        self.hold_conditions(old)
        self.check_properties(said, data)
        if "acl" in said and bucket.uniform:
            raise invalid("Cannot use ACL API to update bucket policy when uniform bucket-level "
                          "access is enabled.")
        if old:
            self.demand("storage.objects.delete", bucket)
            if not bucket.versioning:
                old.may_go()
        new = Stored(bucket.name, name, data, said, self.gcs.generation())
        new.components = components
        self.gcs.replace(bucket, name, new)
        return new

    def insert(self, name):
        self.know("uploadType", "name", "projection", "contentEncoding", "predefinedAcl",
                  "kmsKeyName", "upload_id", *CONDITIONS)
        bucket = self.find_bucket(name, "storage.objects.create")
        kind = self.params.get("uploadType")
        if kind == "media":
            if "name" not in self.params:
                raise Refused(400, "required", "Required parameter: name")
            said = {"contentType": self.headers.get("Content-Type", "application/octet-stream")}
            data = self.body
        elif kind == "multipart":
            said, data = self.related()
        elif kind == "resumable":
            self.begin_upload(bucket, self.json_body())
            return
        else:
            raise invalid("Invalid value for uploadType")
        key = said.get("name", self.params.get("name"))
        if key is None:
            raise Refused(400, "required", "Required parameter: name")
        self.check_name(key)
        new = self.store(bucket, key, data, said)
        self.answer_json(200, new.resource(self.params.get("projection") == "full"))

    def related(self):
        kind = self.headers.get("Content-Type") or ""
        found = re.match(r'multipart/related;.*boundary="?([^";]+)', kind)
        if not found:
            raise invalid("Missing or invalid Content-Type of a multipart upload")
        mark = b"--" + found[1].encode()
        parts = self.body.split(mark)
        if len(parts) != 4 or not parts[3].startswith(b"--"):
            raise invalid("Malformed multipart body")
        first, second = (part[2:-2].partition(b"\r\n\r\n") for part in parts[1:3])
        said = json.loads(first[2])
        if "contentType" not in said:
            type_line = re.search(rb"(?i)content-type: *([^\r\n]+)", second[0])
            said["contentType"] = type_line[1].decode() if type_line else "application/octet-stream"
        return said, second[2]

    def begin_upload(self, bucket, said):
        key = said.get("name", self.params.get("name"))
        if key is None:
            raise Refused(400, "required", "Required parameter: name")
        self.check_name(key)
        self.check_properties(said)
        self.hold_conditions(bucket.live.get(key))
        name = self.upload_id = "upload-" + uuid.uuid4().hex
        kind = self.headers.get("X-Upload-Content-Type")
        if kind:
            said.setdefault("contentType", kind)
        length = self.headers.get("X-Upload-Content-Length")
        self.gcs.uploads[name] = {"bucket": bucket.name, "name": key, "said": said, "data": b"",
                                  "total": int(length) if length else None, "done": None,
                                  "params": dict(self.params),
                                  "auth": self.headers.get("Authorization")}
        where = f"{self.gcs.url}/upload/storage/v1/b/{urllib.parse.quote(bucket.name)}/o?" \
                f"uploadType=resumable&upload_id={name}"
        host = self.headers.get("Host")
        if host:                                # through a proxy: by the name it was called
            where = where.replace(f"127.0.0.1:{self.gcs.port}", host)
        self.answer(200, b"", {"Location": where})

    def upload(self, _):
        """The session's address is the credential."""
        self.know("uploadType", "upload_id")
        self.upload_id = self.params.get("upload_id")
        session = self.gcs.uploads.get(self.upload_id)
        if session is None:
            raise Refused(404, "notFound", "Not Found")
        if self.command == "DELETE":
            del self.gcs.uploads[self.params["upload_id"]]
            raise Plain(499, b"")
        if session["done"]:
            self.answer_json(200, session["done"])
            return
        self.take_piece(session)

    def take_piece(self, session):
        told = self.headers.get("Content-Range")
        have = len(session["data"])
        if told is None:
            if have and self.body:
                raise invalid("Content-Range is needed to go on")
            total, first = len(self.body), 0
        else:
            found = re.fullmatch(r"bytes (?:\*|(\d+)-(\d+))/(\*|\d+)", told)
            if not found:
                raise invalid("Failed to parse Content-Range header.")
            total = None if found[3] == "*" else int(found[3])
            first = int(found[1]) if found[1] else have
            length = int(found[2]) + 1 - first if found[1] else 0
            if length != len(self.body):
                raise invalid("Content-Range and Content-Length do not fit")
        for known in (session["total"], total):
            if known is not None and total is not None and known != total:
                raise invalid("Another total size than before")
        if first > have:
            raise Refused(503, "backendError", "a gap in the upload")
        keep, self.gcs.keep_at_first = self.gcs.keep_at_first, None
        session["data"] += self.body[have - first:][:keep]
        if total is not None:
            session["total"] = total
        if total is not None and len(session["data"]) == total:
            self.end_upload(session)
            return
        # Only multiples of 256 KiB are kept.
        session["data"] = session["data"][:len(session["data"]) // CHUNK * CHUNK]
        headers = {"Range": f"bytes=0-{len(session['data']) - 1}"} if session["data"] else {}
        raise Plain(308, b"", **headers)

    def end_upload(self, session):
        params, self.params = self.params, session["params"]
        given = self.headers
        try:
            self.headers = {"Authorization": session["auth"]} if session["auth"] else {}
            bucket = self.find_bucket(session["bucket"])
            new = self.store(bucket, session["name"], session["data"], session["said"])
        finally:
            self.params, self.headers = params, given
        session["done"] = new.resource(session["params"].get("projection") == "full")
        self.answer_json(200, session["done"])

    def delete_object(self, name, key):
        self.know("generation", *CONDITIONS)
        bucket = self.find_bucket(name, "storage.objects.delete")
        one = self.find(bucket, key)
        if one is None:
            raise self.missing(bucket, key)
        self.hold_conditions(one)
        if "generation" in self.params or not bucket.versioning:
            one.may_go()
        if "generation" not in self.params:
            self.gcs.replace(bucket, key, None)
        elif bucket.live.get(key) is one:
            del bucket.live[key]
        else:
            bucket.old.remove(one)
        self.answer(204)

    def patch_object(self, name, key):
        self.know("generation", "projection", "predefinedAcl", *CONDITIONS)
        bucket = self.find_bucket(name, "storage.objects.update")
        one = self.find(bucket, key)
        if one is None:
            raise self.missing(bucket, key)
        self.hold_conditions(one)
        said = self.json_body()
        self.check_properties({n: v for n, v in said.items() if v is not None})
        for name_, value in said.items():
            if value is None:
                one.properties.pop(name_, None)
            elif name_ in ("metadata",):
                one.properties[name_] = {**one.properties.get(name_, {}), **value}
            else:
                one.properties[name_] = value
        one.metageneration += 1
        one.updated = time.time()
        self.answer_json(200, one.resource(False))

    # ------------------------------------------------------------- copies on the server

    def rewrite(self, name, key, to_name, to_key):
        source = tuple("ifSource" + word[2:] for word in CONDITIONS)
        self.know("sourceGeneration", "rewriteToken", "projection", "maxBytesRewrittenPerCall",
                  "destinationPredefinedAcl", *CONDITIONS, *source)
        bucket = self.find_bucket(name, "storage.objects.get")
        to = self.find_bucket(to_name, "storage.objects.create")
        self.check_name(to_key)
        one = self.find(bucket, key, "sourceGeneration")
        if one is None:
            raise self.missing(bucket, key)
        for word in CONDITIONS:
            if "ifSource" + word[2:] in self.params:
                asked, self.params = self.params, {word: self.params["ifSource" + word[2:]]}
                try:
                    self.hold_conditions(one)
                finally:
                    self.params = asked
        token = self.params.get("rewriteToken")
        state = self.gcs.rewrites.get(token) if token else None
        if token and (state is None or state["what"] != (one.generation, to_name, to_key)):
            raise invalid("Invalid rewrite token")
        if state is None:
            self.hold_conditions(to.live.get(to_key))
            token = "rewrite-" + uuid.uuid4().hex
            state = self.gcs.rewrites[token] = {"what": (one.generation, to_name, to_key), "at": 0}
        state["at"] = min(len(one.data), state["at"] + self.gcs.rewrite_bytes)
        said = {"kind": "storage#rewriteResponse", "totalBytesRewritten": str(state["at"]),
                "objectSize": str(len(one.data)), "done": state["at"] == len(one.data)}
        if said["done"]:
            properties = self.json_body() or {n: v for n, v in one.properties.items()
                                              if n not in ("temporaryHold", "retention", "acl")}
            new = self.store(to, to_key, one.data, copy.deepcopy(properties), one.components)
            said["resource"] = new.resource(False)
            del self.gcs.rewrites[token]
        else:
            said["rewriteToken"] = token
        self.answer_json(200, said)

    def compose(self, name, key):
        self.know("ifGenerationMatch", "ifMetagenerationMatch", "destinationPredefinedAcl",
                  "kmsKeyName")
        bucket = self.find_bucket(name, "storage.objects.get", "storage.objects.create")
        self.check_name(key)
        said = self.json_body()
        parts = said.get("sourceObjects", [])
        if not 1 <= len(parts) <= 32:
            raise invalid("The number of source components provided is outside of 1 to 32")
        data, count = b"", 0
        for part in parts:
            asked, self.params = self.params, {}
            if "generation" in part:
                self.params["generation"] = str(part["generation"])
            want = part.get("objectPreconditions", {}).get("ifGenerationMatch")
            one = self.find(bucket, part["name"])
            self.params = asked
            if one is None:
                raise self.missing(bucket, part["name"])
            if want is not None and int(want) != one.generation:
                raise condition_not_met()
            data += one.data
            count += one.components or 1
        new = self.store(bucket, key, data, said.get("destination", {}), count)
        self.answer_json(200, new.resource(False))

    def restore(self, name, key):
        self.know("generation", "copySourceAcl", "projection", *CONDITIONS)
        bucket = self.find_bucket(name, "storage.objects.restore", "storage.objects.create")
        if "generation" not in self.params:
            raise Refused(400, "required", "Required parameter: generation")
        self.params["softDeleted"] = "true"
        one = self.find(bucket, key)
        if one is None:
            raise self.missing(bucket, key)
        self.hold_conditions(bucket.live.get(key))
        bucket.soft.remove(one)
        new = Stored(name, key, one.data, one.properties, self.gcs.generation())
        self.gcs.replace(bucket, key, new)
        self.answer_json(200, new.resource(False))

    # --------------------------------------------------------------------------- tokens

    def oauth_error(self, status, error, description):
        said = json.dumps({"error": error, "error_description": description}).encode()
        return Plain(status, said, Content_Type="application/json; charset=utf-8")

    def token(self):
        if (self.headers.get("Content-Type") or "").partition(";")[0] != \
                "application/x-www-form-urlencoded":
            raise self.oauth_error(400, "invalid_request", "the body is no form")
        form = dict(urllib.parse.parse_qsl(self.body.decode("ascii"), strict_parsing=True))
        kind = form.get("grant_type")
        if kind == JWT_GRANT:
            self.jwt_grant(form.get("assertion", ""))
        elif kind == "refresh_token":
            known = self.gcs.users.get(form.get("refresh_token"))
            if known is None:
                raise self.oauth_error(400, "invalid_grant", "Token has been expired or revoked.")
            if known != (form.get("client_id"), form.get("client_secret")):
                raise self.oauth_error(401, "invalid_client", "The OAuth client was not found.")
            self.answer_json(200, self.gcs.grant(None, "user"))
        else:
            raise self.oauth_error(400, "unsupported_grant_type", f"Invalid grant_type: {kind}")

    def jwt_grant(self, text):
        def part(piece):
            if re.search(r"[^A-Za-z0-9_-]", piece):     # no padding either
                raise self.oauth_error(400, "invalid_grant", "Invalid JWT: encoding")
            return base64.urlsafe_b64decode(piece + "=" * (-len(piece) % 4))

        pieces = text.split(".")
        if len(pieces) != 3:
            raise self.oauth_error(400, "invalid_grant", "Invalid JWT: parts")
        head, claims = json.loads(part(pieces[0])), json.loads(part(pieces[1]))
        if head.get("alg") != "RS256" or head.get("typ", "JWT") != "JWT":
            raise self.oauth_error(400, "invalid_grant", "Invalid JWT: algorithm")
        key = self.gcs.accounts.get(claims.get("iss"))
        if key is None:
            raise self.oauth_error(400, "invalid_grant", "Invalid grant: account not found")
        if not verify_rs256(key, ".".join(pieces[:2]).encode(), part(pieces[2])):
            raise self.oauth_error(400, "invalid_grant", "Invalid JWT Signature.")
        aud = claims.get("aud", "")
        if urllib.parse.urlsplit(aud).path != "/token" or not aud.startswith("http"):
            raise self.oauth_error(400, "invalid_grant", "Invalid JWT: aud")
        now, begins, ends = time.time(), claims.get("iat"), claims.get("exp")
        if not isinstance(begins, int) or not isinstance(ends, int) or begins > now + 300 \
                or ends < now or ends > begins + 3600 or begins < now - 3600:
            raise self.oauth_error(400, "invalid_grant",
                                   "Invalid JWT: Token must be a short-lived token (60 minutes) "
                                   "and in a reasonable timeframe. Check your iat and exp values.")
        if not set(claims.get("scope", "").split()) & SCOPES:
            raise self.oauth_error(400, "invalid_scope", "Invalid OAuth scope or ID token audience")
        self.answer_json(200, self.gcs.grant(claims["scope"], claims["iss"]))

    def impersonate(self, email):
        token = self.caller()
        if token is None:
            raise Refused(401, "required", "Request is missing required authentication")
        if token.who not in self.gcs.impersonable.get(email, ()):
            raise Refused(403, "forbidden",
                          "Permission 'iam.serviceAccounts.getAccessToken' denied on resource "
                          "(or it may not exist).")
        said = self.json_body()
        if not isinstance(said.get("scope"), list) or not said["scope"]:
            raise invalid("scope")
        given = self.gcs.grant(" ".join(said["scope"]), email)
        self.answer_json(200, {"accessToken": given["access_token"],
                               "expireTime": stamp(time.time() + self.gcs.lifetime)[:-5] + "Z"})

    def machine(self, what):
        flavor = {"Metadata-Flavor": "Google", "Server": "Metadata Server for VM"}
        if self.gcs.metadata is None:
            raise Plain(404, b"", **flavor)
        if self.headers.get("Metadata-Flavor") != "Google" or self.headers.get("X-Forwarded-For"):
            raise Plain(403, b"Missing Metadata-Flavor:Google header.", **flavor)
        self.params = {}
        what = what.partition("?")[0]
        if what == "project/project-id":
            self.answer(200, b"machine-project", {"Content-Type": "application/text", **flavor})
        elif what == "instance/service-accounts/default/email":
            self.answer(200, b"machine@test", {"Content-Type": "application/text", **flavor})
        elif what == "instance/service-accounts/default/token":
            self.answer_json(200, self.gcs.grant(self.gcs.metadata, "machine@test"), flavor)
        else:
            raise Plain(404, b"", **flavor)


def verify_rs256(key, message, signature):
    """RFC 8017, 8.2.2, with SHA-256."""
    n, e = key
    size = (n.bit_length() + 7) // 8
    if len(signature) != size:
        return False
    info = bytes.fromhex("3031300d060960864801650304020105000420")
    tail = info + hashlib.sha256(message).digest()
    want = b"\0\1" + b"\xff" * (size - len(tail) - 3) + b"\0" + tail
    return pow(int.from_bytes(signature, "big"), e, n).to_bytes(size, "big") == want


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--bucket", action="append", default=[])
    options.add_argument("--token", action="append", default=[])
    said = options.parse_args()
    gcs = Gcs(said.port)
    for name in said.bucket:
        gcs.bucket(name)
    for name in said.token:
        gcs.token(name)
    print(f"listening on {gcs.url}", flush=True)
    try:
        gcs.server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
