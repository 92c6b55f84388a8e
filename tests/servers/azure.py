#!/usr/bin/python3
"""Azure Blob Storage by its published rules, for what Azurite lacks: versions, soft delete and
undelete, blocks copied from an address, immutability, names that XML cannot hold.

    azure.py [--port N] [--container NAME]... [--versioning] [--soft-delete]

Strict about what it is sent: Shared Key and the signature of one blob are verified, a query
parameter or a state that the service refuses is refused with its code. Everything is kept in
memory. Tests import it: Azure().start(), and look into .blobs and .seen.

The rules are those of learn.microsoft.com/rest/api/storageservices: authorize-with-shared-key,
create-service-sas, list-containers2, list-blobs (include, Encoded, Deleted), get-blob, put-blob,
put-block, put-block-from-url, put-block-list, get-block-list, copy-blob, snapshot-blob,
undelete-blob, delete-blob, get-blob-tags, lease-blob, specifying-conditional-headers-for-blob-
service-operations, blob-service-error-codes; and versioning-overview, soft-delete-blob-overview.
"""
import argparse
import base64
import copy
import datetime
import email.utils
import hashlib
import hmac
import http.server
import re
import sys
import threading
import time
import urllib.parse
import urllib.request
from xml.sax.saxutils import escape

ACCOUNT = "devaccount"
KEY = base64.b64encode(b"a key that is sixty-four bytes long, as those of the service are").decode()
SETTABLE = {
    "x-ms-blob-content-type": "Content-Type",
    "x-ms-blob-content-encoding": "Content-Encoding",
    "x-ms-blob-content-language": "Content-Language",
    "x-ms-blob-content-disposition": "Content-Disposition",
    "x-ms-blob-cache-control": "Cache-Control",
}
PARAMS = {
    "comp",
    "restype",
    "prefix",
    "delimiter",
    "marker",
    "maxresults",
    "include",
    "versionid",
    "snapshot",
    "blockid",
    "blocklisttype",
    "timeout",
}
SAS = {"sv", "sr", "sp", "se", "st", "spr", "sip", "sig"}
INCLUDES = {
    "snapshots",
    "metadata",
    "uncommittedblobs",
    "copy",
    "deleted",
    "tags",
    "versions",
    "deletedwithversions",
    "immutabilitypolicy",
    "legalhold",
    "permissions",
}


class Refusal(Exception):
    def __init__(self, status, code, message="refused"):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class Blob:
    """One state of a blob; a version or snapshot is another one of the same name."""

    def __init__(self, data, headers, kind="BlockBlob"):
        self.data, self.kind, self.headers = data, kind, dict(headers)
        self.meta, self.tags, self.blocks = {}, {}, []
        self.tier = self.version = self.snapshot = self.deleted = self.lease = None
        self.until = self.mode = None
        self.hold = self.current = False
        self.written = time.time()


class Azure:
    def __init__(self, port=0, versioning=False, soft_delete=False):
        self.versioning, self.soft_delete = versioning, soft_delete
        self.containers, self.uncommitted, self.seen = {}, {}, []
        self.last, self.lock = 0, threading.RLock()
        state = self

        class Handler(Answers):
            azure = state

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                if not isinstance(sys.exc_info()[1], OSError):
                    super().handle_error(request, client_address)

        self.server = Server(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.env = {
            "ENDPOINT": self.url,
            "ACCOUNT": ACCOUNT,
            "ACCOUNT_KEY": KEY,
            "OTHER_ACCOUNT": "otheraccount",
            "OTHER_ACCOUNT_KEY": KEY[::-1],
        }

    def start(self):
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def moment(self):
        """A time that was not given before, as versions and snapshots are called."""
        self.last = max(self.last + 1, int(time.time() * 1e7))
        said = datetime.datetime.fromtimestamp(self.last // 10**7, datetime.timezone.utc)
        return said.strftime("%Y-%m-%dT%H:%M:%S.") + f"{self.last % 10**7:07d}Z"

    def all(self, container, key):
        return self.containers[container].setdefault(key, [])

    def live(self, container, key):
        for blob in self.containers[container].get(key, []):
            if blob.current and not blob.deleted:
                return blob
        return None

    def bury(self, container, key, replaced):
        """What stood for the name gives way: it becomes a version, is soft-deleted, or is gone."""
        old = self.live(container, key)
        if not old:
            return
        old.current = False
        if self.versioning:
            return
        if self.soft_delete:
            old.deleted = time.time()
            if replaced:  # an overwrite keeps it as a deleted snapshot
                old.snapshot = self.moment()
        else:
            self.all(container, key).remove(old)

    def put(self, container, key, blob):
        with self.lock:
            self.bury(container, key, True)
            blob.current, blob.etag = True, f'"0x{self.last_number():016X}"'
            blob.version = self.moment() if self.versioning else None
            self.all(container, key).append(blob)
        return blob

    def last_number(self):
        self.moment()
        return self.last


def base64_md5(data):
    return base64.b64encode(hashlib.md5(data).digest()).decode()


def parse_range(text, size):
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", text)
    if not found or int(found[1]) >= size:
        raise Refusal(416, "InvalidRange")
    return int(found[1]), min(int(found[2] or size - 1), size - 1) + 1


class Answers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    azure = None

    def log_message(self, *_):
        pass

    # ---------------------------------------------------------------------------- in and out

    def answer(self, status, body=b"", headers=None):
        self.send_response(status)
        for name, value in {
            "x-ms-request-id": "the-request",
            "x-ms-version": "2021-12-02",
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        if "Content-Length" not in (headers or {}):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle_one(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        url = urllib.parse.urlsplit(self.path)
        self.params = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        self.raw_path = url.path
        try:
            with self.azure.lock:
                self.azure.seen.append((self.command, self.path, dict(self.headers), length))
            self.authorize()
            unknown = set(self.params) - PARAMS - SAS
            if unknown:
                raise Refusal(400, "InvalidQueryParameterValue", f"unknown: {unknown}")
            self.route(url.path)
        except Refusal as r:
            text = (
                f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{r.code}</Code>'
                f"<Message>{escape(r.message)}</Message></Error>"
            ).encode()
            self.answer(
                r.status, text, {"x-ms-error-code": r.code, "Content-Type": "application/xml"}
            )

    do_GET = do_PUT = do_HEAD = do_DELETE = handle_one

    # -------------------------------------------------------------------------- authorization

    def authorize(self):
        if "sig" in self.params:
            self.check_sas()
            return
        given = self.headers.get("Authorization", "")
        if not given:
            raise Refusal(401, "NoAuthenticationInformation")
        if not self.headers.get("x-ms-version") or not self.headers.get("x-ms-date"):
            raise Refusal(400, "MissingRequiredHeader")
        when = email.utils.parsedate_to_datetime(self.headers["x-ms-date"]).timestamp()
        if abs(when - time.time()) > 900 or given != f"SharedKey {ACCOUNT}:{self.signature()}":
            raise Refusal(403, "AuthenticationFailed", "the MAC signature is another")

    def signature(self):
        h = self.headers
        fields = [
            h.get(name, "")
            for name in (
                "Content-Encoding",
                "Content-Language",
                "Content-Length",
                "Content-MD5",
                "Content-Type",
                "Date",
                "If-Modified-Since",
                "If-Match",
                "If-None-Match",
                "If-Unmodified-Since",
                "Range",
            )
        ]
        fields[2] = "" if fields[2] == "0" else fields[2]
        fields[5] = ""
        own = {
            name.lower(): " ".join(value.split()) if "\n" in value else value.strip()
            for name, value in h.items()
            if name.lower().startswith("x-ms-")
        }
        text = "\n".join([self.command, *fields]) + "\n"
        text += "".join(f"{name}:{own[name]}\n" for name in sorted(own))
        text += f"/{ACCOUNT}{self.raw_path}"
        text += "".join(f"\n{name.lower()}:{self.params[name]}" for name in sorted(self.params))
        return base64.b64encode(
            hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()
        ).decode()

    def check_sas(self):
        """The signature of one blob, to read it."""
        p = self.params
        where = "/blob" + urllib.parse.unquote(self.raw_path)
        text = "\n".join(
            [
                p.get("sp", ""),
                p.get("st", ""),
                p["se"],
                where,
                "",
                p.get("sip", ""),
                p.get("spr", ""),
                p["sv"],
                p["sr"],
                "",
                "",
                "",
                "",
                "",
                "",
                "",
            ]
        )
        want = base64.b64encode(
            hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()
        ).decode()
        end = datetime.datetime.fromisoformat(p["se"].replace("Z", "+00:00")).timestamp()
        if p["sig"] != want or end < time.time() or p["sr"] != "b":
            raise Refusal(403, "AuthenticationFailed", "the signature is another")
        if self.command not in ("GET", "HEAD") or "r" not in p["sp"]:
            raise Refusal(403, "AuthorizationPermissionMismatch")

    # -------------------------------------------------------------------------------- routing

    def route(self, path):
        parts = path.split("/", 3)
        if parts[1] != ACCOUNT:
            raise Refusal(404, "ResourceNotFound")
        container = urllib.parse.unquote(parts[2]) if len(parts) > 2 else ""
        key = urllib.parse.unquote(parts[3]) if len(parts) > 3 else ""
        azure, comp = self.azure, self.params.get("comp")
        with azure.lock:
            if not container:
                self.list_containers()
            elif self.params.get("restype") == "container" and self.command == "PUT":
                azure.containers.setdefault(container, {})
                self.answer(201)
            elif container not in azure.containers:
                raise Refusal(404, "ContainerNotFound")
            elif self.params.get("restype") == "container" and comp == "list":
                self.list_blobs(container)
            elif not key:
                raise Refusal(400, "InvalidUri")
            else:
                name = (self.command.lower(), comp)
                handlers = {
                    ("get", None): self.get,
                    ("head", None): self.get,
                    ("put", None): self.put,
                    ("delete", None): self.delete,
                    ("put", "snapshot"): self.take_snapshot,
                    ("put", "undelete"): self.undelete,
                    ("put", "block"): self.put_block,
                    ("put", "blocklist"): self.put_blocks,
                    ("get", "blocklist"): self.get_blocks,
                    ("get", "tags"): self.get_tags,
                }
                if name not in handlers:
                    raise Refusal(400, "InvalidQueryParameterValue", str(name))
                handlers[name](container, key)

    # ------------------------------------------------------------------------------- listings

    def list_containers(self):
        names = "".join(
            f"<Container><Name>{escape(n)}</Name></Container>"
            for n in sorted(self.azure.containers)
        )
        self.answer(
            200,
            (
                "<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults>"
                f"<Containers>{names}</Containers><NextMarker/></EnumerationResults>"
            ).encode(),
            {"Content-Type": "application/xml"},
        )

    @staticmethod
    def name_xml(name):
        if re.search("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", name):
            return f'<Name Encoded="true">{urllib.parse.quote(name)}</Name>'
        return f"<Name>{escape(name)}</Name>".replace("\r", "&#13;")

    def blob_xml(self, key, blob, include):
        lines = ["<Blob>", self.name_xml(key)]
        if blob.deleted:
            lines.append("<Deleted>true</Deleted>")
        if blob.snapshot:
            lines.append(f"<Snapshot>{blob.snapshot}</Snapshot>")
        if blob.version and "versions" in include:
            lines.append(f"<VersionId>{blob.version}</VersionId>")
            if blob.current:
                lines.append("<IsCurrentVersion>true</IsCurrentVersion>")
        when = email.utils.formatdate(blob.written, usegmt=True)
        lines.append(
            f"<Properties><Last-Modified>{when}</Last-Modified><Etag>"
            f"{blob.etag.strip(chr(34))}</Etag><Content-Length>{len(blob.data)}"
            f"</Content-Length><BlobType>{blob.kind}</BlobType><AccessTier>"
            f"{blob.tier or 'Hot'}</AccessTier>"
        )
        if blob.deleted:
            gone = email.utils.formatdate(blob.deleted, usegmt=True)
            lines.append(
                f"<DeletedTime>{gone}</DeletedTime>"
                "<RemainingRetentionDays>6</RemainingRetentionDays>"
            )
        lines.append("</Properties></Blob>")
        return "".join(lines)

    def versions_only_xml(self, key, last):
        """The blob itself is deleted, versions of it are not (List Blobs: deletedwithversions)."""
        when = email.utils.formatdate(last.written, usegmt=True)
        return (
            f"<Blob>{self.name_xml(key)}<HasVersionsOnly>true</HasVersionsOnly><Properties>"
            f"<Last-Modified>{when}</Last-Modified><Etag>{last.etag.strip(chr(34))}</Etag>"
            f"<Content-Length>{len(last.data)}</Content-Length><BlobType>{last.kind}</BlobType>"
            "</Properties></Blob>"
        )

    def list_blobs(self, container):
        p, blobs = self.params, self.azure.containers[container]
        include = set(filter(None, p.get("include", "").split(",")))
        if include - INCLUDES or ("snapshots" in include and p.get("delimiter")):
            raise Refusal(400, "InvalidQueryParameterValue", "include")
        prefix, delimiter = p.get("prefix", ""), p.get("delimiter")
        rows, seen = [], set()
        for key in sorted(blobs, key=lambda k: k.encode()):
            if not key.startswith(prefix):
                continue
            cut = key.find(delimiter, len(prefix)) if delimiter else -1
            if cut >= 0:
                if key[: cut + 1] not in seen and self.azure.live(container, key):
                    seen.add(key[: cut + 1])
                    name = self.name_xml(key[: cut + 1])
                    rows.append(f"<BlobPrefix>{name}</BlobPrefix>")
                continue
            for blob in sorted(blobs[key], key=lambda b: b.version or b.snapshot or "~"):
                listed = (
                    "deleted" in include
                    if blob.deleted
                    else blob.current or "snapshots" in include
                    if blob.snapshot
                    else blob.current or "versions" in include
                )
                if listed:
                    rows.append(self.blob_xml(key, blob, include))
            kept = [blob for blob in blobs[key] if blob.version]
            stands = self.azure.live(container, key)
            if kept and not stands and "deletedwithversions" in include:
                rows.append(self.versions_only_xml(key, kept[-1]))
        at, most = int(p.get("marker") or 0), int(p.get("maxresults", 5000))
        following = str(at + most) if at + most < len(rows) else ""
        body = "".join(rows[at : at + most])
        self.answer(
            200,
            (
                "\ufeff<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults>"
                f"<Blobs>{body}</Blobs><NextMarker>{following}</NextMarker>"
                "</EnumerationResults>"
            ).encode(),
            {"Content-Type": "application/xml"},
        )

    # ---------------------------------------------------------------------------- one of them

    def find(self, container, key, version=None, snapshot=None):
        for blob in self.azure.containers[container].get(key, []):
            if blob.deleted:
                continue
            if version and blob.version == version:
                return blob
            if snapshot and blob.snapshot == snapshot:
                return blob
            if not version and not snapshot and blob.current:
                return blob
        raise Refusal(404, "BlobNotFound", "The specified blob does not exist.")

    def asked(self, container, key):
        p = self.params
        for name in ("versionid", "snapshot"):
            if name in p and not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z", p[name]):
                raise Refusal(400, "InvalidQueryParameterValue", name)
        return self.find(container, key, p.get("versionid"), p.get("snapshot"))

    def check(self, blob, match="If-Match", none="If-None-Match"):
        """Conditions; those of a write are held against what stands for the name, if anything."""
        want, absent = self.headers.get(match), self.headers.get(none)
        if want and (not blob or (want != "*" and want != blob.etag)):
            raise Refusal(412, "ConditionNotMet")
        if absent == "*" and blob:
            raise Refusal(409, "BlobAlreadyExists")

    def check_write(self, container, key, replaces=True):
        blob = self.azure.live(container, key)
        self.check(blob)
        if not blob or not replaces:
            return blob
        if blob.lease and self.headers.get("x-ms-lease-id") != blob.lease:
            raise Refusal(412, "LeaseIdMissing")
        if not self.azure.versioning and blob.hold:
            raise Refusal(409, "BlobImmutableDueToLegalHold")
        if not self.azure.versioning and blob.until and blob.until > time.time():
            raise Refusal(409, "BlobImmutableDueToPolicy")
        return blob

    def said(self, blob):
        h = {
            "Last-Modified": email.utils.formatdate(blob.written, usegmt=True),
            "ETag": blob.etag,
            "x-ms-blob-type": blob.kind,
            "Accept-Ranges": "bytes",
            **blob.headers,
            "x-ms-access-tier": blob.tier or "Hot",
            "x-ms-lease-status": "locked" if blob.lease else "unlocked",
        }
        if not blob.tier:
            h["x-ms-access-tier-inferred"] = "true"
        if blob.version:
            h["x-ms-version-id"] = blob.version
            if blob.current:
                h["x-ms-is-current-version"] = "true"
        if blob.tags:
            h["x-ms-tag-count"] = str(len(blob.tags))
        if blob.until:
            h["x-ms-immutability-policy-until-date"] = email.utils.formatdate(
                blob.until, usegmt=True
            )
            h["x-ms-immutability-policy-mode"] = blob.mode
        if blob.hold:
            h["x-ms-legal-hold"] = "true"
        h.update({f"x-ms-meta-{name}": value for name, value in blob.meta.items()})
        return h

    def get(self, container, key):
        blob = self.asked(container, key)
        self.check(blob)
        headers, body, status = self.said(blob), blob.data, 200
        if self.headers.get("Range") and self.command == "GET":
            first, end = parse_range(self.headers["Range"], len(body))
            headers["Content-Range"] = f"bytes {first}-{end - 1}/{len(body)}"
            headers.pop("Content-MD5", None)
            body, status = body[first:end], 206
        headers["Content-Length"] = str(len(body))
        self.answer(status, body, headers)

    # -------------------------------------------------------------------------------- writing

    def made(self, data, kind="BlockBlob"):
        """A new state as the headers of a write say."""
        blob = Blob(data, {}, kind)
        for name, value in self.headers.items():
            low = name.lower()
            if low in SETTABLE:
                blob.headers[SETTABLE[low]] = value
            elif low.startswith("x-ms-meta-"):
                blob.meta[low[10:]] = value
        blob.tags = dict(
            urllib.parse.parse_qsl(self.headers.get("x-ms-tags", ""), keep_blank_values=True)
        )
        blob.tier = self.headers.get("x-ms-access-tier")
        blob.hold = self.headers.get("x-ms-legal-hold") == "true"
        until = self.headers.get("x-ms-immutability-policy-until-date")
        if until:
            blob.until = email.utils.parsedate_to_datetime(until).timestamp()
            blob.mode = self.headers.get("x-ms-immutability-policy-mode", "Unlocked")
        blob.headers.setdefault("Content-Type", "application/octet-stream")
        blob.headers["Content-MD5"] = self.headers.get("x-ms-blob-content-md5") or base64_md5(data)
        return blob

    def check_md5(self):
        given = self.headers.get("Content-MD5")
        if given and given != base64_md5(self.body):
            raise Refusal(400, "Md5Mismatch")

    def wrote(self, blob):
        more = {"x-ms-version-id": blob.version} if blob.version else {}
        self.answer(
            201,
            b"",
            {
                "ETag": blob.etag,
                "Content-MD5": blob.headers["Content-MD5"],
                "Last-Modified": email.utils.formatdate(usegmt=True),
                **more,
            },
        )

    def put(self, container, key):
        if self.headers.get("x-ms-copy-source"):
            self.copy(container, key)
            return
        kind = self.headers.get("x-ms-blob-type")
        if kind not in ("BlockBlob", "AppendBlob", "PageBlob"):
            raise Refusal(400, "InvalidHeaderValue", "x-ms-blob-type")
        self.check_md5()
        self.check_write(container, key)
        self.wrote(self.azure.put(container, key, self.made(self.body, kind)))

    def source(self):
        """(container, key, version, snapshot) of x-ms-copy-source, in this account."""
        url = urllib.parse.urlsplit(self.headers["x-ms-copy-source"])
        parts, p = url.path.split("/", 3), dict(urllib.parse.parse_qsl(url.query))
        if len(parts) < 4 or parts[1] != ACCOUNT:
            raise Refusal(404, "CannotVerifyCopySource")
        return (
            urllib.parse.unquote(parts[2]),
            urllib.parse.unquote(parts[3]),
            p.get("versionid"),
            p.get("snapshot"),
        )

    def copy(self, container, key):
        old = self.find(*self.source())
        if self.headers.get("x-ms-source-if-match") not in (None, old.etag):
            raise Refusal(412, "SourceConditionNotMet")
        self.check_write(container, key)
        new = copy.deepcopy(old)
        new.snapshot = new.lease = new.deleted = None
        given = self.made(old.data)
        new.meta = given.meta or new.meta
        new.tags, new.tier = given.tags, given.tier or new.tier
        new.until, new.mode, new.hold = given.until, given.mode, given.hold
        new.written = time.time()
        self.azure.put(container, key, new)
        more = {"x-ms-version-id": new.version} if new.version else {}
        self.answer(
            202,
            b"",
            {"ETag": new.etag, "x-ms-copy-id": "copy", "x-ms-copy-status": "success", **more},
        )

    def delete(self, container, key):
        blob = self.asked(container, key)
        self.check(blob)
        if blob.lease and self.headers.get("x-ms-lease-id") != blob.lease:
            raise Refusal(412, "LeaseIdMissing")
        if blob.hold:
            raise Refusal(409, "BlobImmutableDueToLegalHold")
        if blob.until and blob.until > time.time():
            raise Refusal(409, "BlobImmutableDueToPolicy")
        p, azure = self.params, self.azure
        if p.get("versionid") and blob.current:
            raise Refusal(403, "OperationNotAllowedOnRootBlob")
        if p.get("versionid") or p.get("snapshot"):
            if azure.soft_delete:
                blob.deleted = time.time()
            else:
                azure.all(container, key).remove(blob)
        else:
            others = [b for b in azure.all(container, key) if b.snapshot and not b.deleted]
            if others and self.headers.get("x-ms-delete-snapshots") != "include":
                raise Refusal(409, "SnapshotsPresent")
            azure.bury(container, key, False)
        self.answer(202, b"")

    def undelete(self, container, key):
        found = self.azure.all(container, key)
        if not found:
            raise Refusal(404, "BlobNotFound")
        for blob in found:
            if blob.deleted:
                blob.deleted = None
                blob.current = not blob.snapshot and not blob.version
        self.answer(200)

    def take_snapshot(self, container, key):
        snap = copy.deepcopy(self.find(container, key))
        snap.snapshot, snap.current, snap.version, snap.lease = (
            self.azure.moment(),
            False,
            None,
            None,
        )
        self.azure.all(container, key).append(snap)
        self.answer(201, b"", {"x-ms-snapshot": snap.snapshot, "ETag": snap.etag})

    # --------------------------------------------------------------------------------- blocks

    def put_block(self, container, key):
        name, data = self.params.get("blockid", ""), self.body
        try:
            size = len(base64.b64decode(name, validate=True))
        except ValueError:
            size = 0
        mine = self.azure.uncommitted.setdefault((container, key), {})
        known = list(mine) + [n for n, _ in getattr(self.azure.live(container, key), "blocks", [])]
        if not 0 < size <= 64:
            raise Refusal(400, "InvalidQueryParameterValue", "blockid")
        if known and len(known[0]) != len(name):
            raise Refusal(400, "InvalidBlobOrBlock", "ids of one blob are all of one length")
        if self.headers.get("x-ms-copy-source"):
            if self.body:
                raise Refusal(400, "InvalidHeaderValue", "a body beside an address")
            data = self.from_address()
        self.check_md5()
        mine[name] = data
        self.answer(201, b"", {"Content-MD5": base64_md5(data)})

    def from_address(self):
        """The source is read as anybody would who has the address: its signature must do."""
        ask = urllib.request.Request(
            self.headers["x-ms-copy-source"],
            headers={"Range": self.headers.get("x-ms-source-range", "bytes=0-")},
        )
        if self.headers.get("x-ms-source-if-match"):
            ask.add_header("If-Match", self.headers["x-ms-source-if-match"])
        self.azure.lock.release()  # it is asked of this same server
        try:
            data = urllib.request.urlopen(ask, timeout=20).read()
        except urllib.error.HTTPError as error:
            code = {412: "SourceConditionNotMet"}.get(error.code, "CannotVerifyCopySource")
            raise Refusal(error.code, code) from error
        finally:
            self.azure.lock.acquire()
        given = self.headers.get("x-ms-source-content-md5")
        if given and given != base64_md5(data):
            raise Refusal(400, "Md5Mismatch")
        return data

    def put_blocks(self, container, key):
        self.check_md5()
        blob = self.check_write(container, key)
        mine = self.azure.uncommitted.get((container, key), {})
        committed, blocks = dict(blob.blocks) if blob else {}, []
        for kind, name in re.findall(
            r"<(Latest|Committed|Uncommitted)>([^<]*)</", self.body.decode()
        ):
            where = {"Latest": {**committed, **mine}, "Committed": committed, "Uncommitted": mine}
            if name not in where[kind]:
                raise Refusal(400, "InvalidBlockList")
            blocks.append((name, where[kind][name]))
        new = self.made(b"".join(data for _, data in blocks))
        new.blocks = blocks
        self.azure.uncommitted.pop((container, key), None)
        self.wrote(self.azure.put(container, key, new))

    def get_blocks(self, container, key):
        blob = self.asked(container, key)
        self.check(blob)
        rows = "".join(
            f"<Block><Name>{name}</Name><Size>{len(data)}</Size></Block>"
            for name, data in blob.blocks
        )
        self.answer(
            200,
            f"<BlockList><CommittedBlocks>{rows}</CommittedBlocks></BlockList>".encode(),
            {
                "Content-Type": "application/xml",
                "ETag": blob.etag,
                "x-ms-blob-content-length": str(len(blob.data)),
            },
        )

    def get_tags(self, container, key):
        rows = "".join(
            f"<Tag><Key>{escape(name)}</Key><Value>{escape(value)}</Value></Tag>"
            for name, value in self.asked(container, key).tags.items()
        )
        self.answer(
            200,
            f"<Tags><TagSet>{rows}</TagSet></Tags>".encode(),
            {"Content-Type": "application/xml"},
        )


def main():
    parser = argparse.ArgumentParser(description="Azure Blob Storage by its published rules")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--container", action="append", default=[])
    parser.add_argument("--versioning", action="store_true")
    parser.add_argument("--soft-delete", action="store_true")
    o = parser.parse_args()
    azure = Azure(o.port, o.versioning, o.soft_delete)
    azure.containers.update({name: {} for name in o.container})
    print("\n".join(f"{name}={value}" for name, value in azure.env.items()), flush=True)
    azure.server.serve_forever()


if __name__ == "__main__":
    main()
