#!/usr/bin/python3
"""Google Cloud Storage's XML API by its published rules, for HMAC keys.

    gcsxml.py [--port N] --key ID:SECRET [--bucket NAME]...

What Ceph cannot be: it verifies both signatures, knows generations and their conditions, and
refuses words of the one dialect in the other. State is that of gcs.py. Tests import it: GcsXml(key,
secret), and look into .gcs, .seen.

The rules are those of cloud.google.com/storage/docs: aws-simple-migration (AWS4-HMAC-SHA256 with
x-amz- headers, not mixed with x-goog- ones; x-amz-project-id), authentication/signatures and
authentication/canonical-requests (GOOG4-HMAC-SHA256, x-goog-date, x-goog-content-sha256, scope
DATE/LOCATION/storage/goog4_request), xml-api/reference-headers (x-goog-if-generation-match,
x-goog-generation, x-goog-hash), xml-api/reference-status (errors), request-preconditions (If-Match
is not for writes).
"""
import argparse
import calendar
import hashlib
import hmac
import http.server
import sys
import threading
import time
import urllib.parse
from email.utils import formatdate
from xml.sax.saxutils import escape

from gcs import Gcs, crc_text, md5_text

DIALECTS = {
    "AWS4": ("x-amz-", "s3", "aws4_request"),
    "GOOG4": ("x-goog-", "storage", "goog4_request"),
}
CONDITIONS = ("x-goog-if-generation-match", "x-goog-if-metageneration-match")


class Refused(Exception):
    def __init__(self, status, code, message):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def sign(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


class GcsXml:
    def __init__(self, access_key, secret, port=0):
        self.gcs = Gcs()  # its state; its own port stays unused
        self.access_key, self.secret = access_key, secret
        self.seen = []  # (method, target, headers by lower-case name)
        self.meanwhile = {}  # method -> what somebody else does first, once
        self.knows_goog4 = True
        self.first = {}  # method -> status of the first answer, once
        outer = self

        class Handler(Answers):
            xml = outer

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def start(self):
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.gcs.server.server_close()


class Answers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    xml = None

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        self.send_header("X-GUploader-UploadID", "some-upload")
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle_one(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        self.lower = {name.lower(): value for name, value in self.headers.items()}
        self.xml.seen.append((self.command, self.path, self.lower))
        meanwhile = self.xml.meanwhile.pop(self.command, None)
        try:
            self.verify()
            if meanwhile:
                meanwhile()
            with self.xml.gcs.lock:
                self.route()
        except Refused as r:
            self.answer(
                r.status,
                (
                    f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{r.code}"
                    f"</Code><Message>{escape(r.message)}</Message></Error>"
                ).encode(),
                Content_Type="application/xml; charset=UTF-8",
            )

    do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = handle_one

    # ------------------------------------------------------------------------- signatures

    def verify(self):
        kind, _, rest = self.lower.get("authorization", "").partition("-HMAC-SHA256 ")
        if kind not in DIALECTS or (kind == "GOOG4" and not self.xml.knows_goog4):
            raise Refused(
                400, "InvalidSecurity", "The provided security credentials are not valid."
            )
        prefix, service, end = DIALECTS[kind]
        other = [p for p, _, _ in DIALECTS.values() if p != prefix][0]
        if any(name.startswith(other) for name in self.lower):
            raise Refused(400, "ExcessHeaderValues", "Headers of both dialects.")
        said = dict(part.strip().split("=", 1) for part in rest.split(","))
        key, date, region, *scope = said["Credential"].split("/")
        if key != self.xml.access_key:
            raise Refused(403, "InvalidAccessKeyId", "The key does not exist.")
        names = said["SignedHeaders"].split(";")
        stamp = self.lower.get(prefix + "date", "")
        payload = self.lower.get(prefix + "content-sha256", "UNSIGNED-PAYLOAD")
        unsigned = [n for n in self.lower if n.startswith(prefix) and n not in names]
        if (
            scope != [service, end]
            or stamp[:8] != date
            or names != sorted(names)
            or "host" not in names
            or unsigned
            or "accept-encoding" in names
        ):
            raise Refused(400, "AuthorizationHeaderMalformed", f"Scope or headers: {said}")
        if abs(calendar.timegm(time.strptime(stamp, "%Y%m%dT%H%M%SZ")) - time.time()) > 900:
            raise Refused(403, "RequestTimeTooSkewed", "The clock is off.")
        if payload not in ("UNSIGNED-PAYLOAD", hashlib.sha256(self.body).hexdigest()):
            raise Refused(400, "XAmzContentSHA256Mismatch", "Another payload.")
        path, _, query = self.path.partition("?")
        canonical = "\n".join(
            [
                self.command,
                path,
                "&".join(sorted(query.split("&"))) if query else "",
                *(f"{name}:{' '.join(self.lower[name].split())}" for name in names),
                "",
                ";".join(names),
                payload,
            ]
        )
        text = "\n".join(
            [
                f"{kind}-HMAC-SHA256",
                stamp,
                "/".join([date, region, *scope]),
                hashlib.sha256(canonical.encode()).hexdigest(),
            ]
        )
        secret = (kind + self.xml.secret).encode()
        for piece in (date, region, *scope):
            secret = sign(secret, piece)
        if not hmac.compare_digest(sign(secret, text).hex(), said["Signature"]):
            raise Refused(403, "SignatureDoesNotMatch", "Access denied.")
        self.prefix = prefix

    # --------------------------------------------------------------------------- requests

    def route(self):
        path, _, query = self.path.partition("?")
        self.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        _, bucket, key = (path + "/").split("/", 2)
        bucket, key = urllib.parse.unquote(bucket), urllib.parse.unquote(key[:-1])
        buckets = self.xml.gcs.buckets
        if not bucket:
            self.list_buckets()
        elif bucket not in buckets:
            raise Refused(404, "NoSuchBucket", "The specified bucket does not exist.")
        elif not key:
            self.list_objects(buckets[bucket])
        else:
            {"GET": self.read, "HEAD": self.read, "PUT": self.write, "DELETE": self.remove}[
                self.command
            ](buckets[bucket], key)

    def list_buckets(self):
        names = "".join(
            f"<Bucket><Name>{escape(name)}</Name><CreationDate>"
            "2026-01-01T00:00:00.000Z</CreationDate></Bucket>"
            for name in sorted(self.xml.gcs.buckets)
        )
        self.answer(
            200,
            f"<ListAllMyBucketsResult><Buckets>{names}</Buckets>"
            "</ListAllMyBucketsResult>".encode(),
            Content_Type="application/xml",
        )

    def list_objects(self, bucket):
        said = "".join(
            f"<Contents><Key>{escape(name)}</Key><Generation>{one.generation}</Generation>"
            f"<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>{self.etag(one)}</ETag>"
            f"<Size>{len(one.data)}</Size></Contents>"
            for name, one in sorted(bucket.live.items())
            if name.startswith(self.query.get("prefix", ""))
        )
        self.answer(
            200,
            f"<ListBucketResult><Name>{bucket.name}</Name><IsTruncated>false"
            f"</IsTruncated>{said}</ListBucketResult>".encode(),
            Content_Type="application/xml",
        )

    @staticmethod
    def etag(one):
        return f'"{hashlib.md5(one.data).hexdigest()}"'

    def hold(self, bucket, key):
        """The conditions that writes have; If-Match is none of them."""
        if "if-match" in self.lower or "if-none-match" in self.lower:
            raise Refused(400, "InvalidArgument", "If-Match is not for writes.")
        old = bucket.live.get(key)
        now = (old.generation, old.metageneration) if old else (0, 0)
        for name, is_now in zip(CONDITIONS, now):
            if name in self.lower and self.lower[name] != str(is_now):
                raise Refused(
                    412,
                    "PreconditionFailed",
                    "At least one of the pre-conditions you specified did not hold.",
                )

    def read(self, bucket, key):
        one = bucket.live.get(key)
        if not one:
            raise Refused(404, "NoSuchKey", "The specified key does not exist.")
        if self.lower.get("if-match", self.etag(one)) != self.etag(one):
            raise Refused(412, "PreconditionFailed", "Another ETag.")
        meta = {
            self.prefix + "meta-" + name: value
            for name, value in one.properties.get("metadata", {}).items()
        }
        data, status, more = one.data, 200, {}
        if self.lower.get("range", "").startswith("bytes=") and self.command == "GET":
            first, _, last = self.lower["range"][6:].partition("-")
            end = min(int(last or len(data) - 1), len(data) - 1)
            more = {"Content-Range": f"bytes {first}-{end}/{len(data)}"}
            data, status = data[int(first) : end + 1], 206
        self.answer(
            status,
            data,
            ETag=self.etag(one),
            Last_Modified=formatdate(one.updated, usegmt=True),
            Content_Type=one.properties.get("contentType", ""),
            **{
                "Content-Length": len(data),
                self.prefix + "storage-class": one.properties["storageClass"],
                "x-goog-generation": one.generation,
                "x-goog-metageneration": one.metageneration,
                "x-goog-hash": f"crc32c={crc_text(one.data)},md5={md5_text(one.data)}",
                **meta,
                **more,
            },
        )

    def write(self, bucket, key):
        if self.lower.get("content-md5", md5_text(self.body)) != md5_text(self.body):
            raise Refused(400, "BadDigest", "Another MD5.")
        self.hold(bucket, key)
        meta = {
            name[len(self.prefix) + 5 :]: value
            for name, value in self.lower.items()
            if name.startswith(self.prefix + "meta-")
        }
        new = self.xml.gcs.put(
            bucket.name,
            key,
            self.body,
            metadata=meta,
            contentType=self.lower.get("content-type"),
            storageClass=self.lower.get(self.prefix + "storage-class", "STANDARD"),
        )
        if "PUT" in self.xml.first:  # it is written; the answer says something else
            raise Refused(self.xml.first.pop("PUT"), "InternalError", "Please try again.")
        self.answer(200, ETag=self.etag(new), **{"x-goog-generation": new.generation})

    def remove(self, bucket, key):
        self.hold(bucket, key)
        if key not in bucket.live:
            raise Refused(404, "NoSuchKey", "The specified key does not exist.")
        self.xml.gcs.replace(bucket, key, None)
        self.answer(204)


def main():
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--port", type=int, default=0)
    words.add_argument("--key", required=True)
    words.add_argument("--bucket", action="append", default=[])
    said = words.parse_args()
    server = GcsXml(*said.key.split(":", 1), port=said.port)
    for name in said.bucket:
        server.gcs.bucket(name)
    print(server.url, flush=True)
    server.server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
