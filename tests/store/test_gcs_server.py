#!/usr/bin/python3
"""The server that stands for Google Cloud Storage does what its rules say, and refuses the rest."""
import base64
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "tests", "servers"))
from gcs import Gcs, JWT_GRANT, crc_text, crc32c  # noqa: E402


class Client:
    def __init__(self):
        self.gcs = Gcs().start()
        self.gcs.token("token")
        self.bucket = self.gcs.bucket("b")

    def call(self, method, target, body=None, token="token", **headers):
        """(status, headers, body); what is JSON is read."""
        request = urllib.request.Request(self.gcs.url + target, method=method, data=body)
        if token:
            request.add_header("Authorization", "Bearer " + token)
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            answer = urllib.request.urlopen(request, timeout=20)
        except urllib.error.HTTPError as error:
            answer = error
        data = answer.read()
        if (answer.headers.get("Content-Type") or "").startswith("application/json"):
            data = json.loads(data)
        return answer.status, answer.headers, data

    def refused(self, status, reason, *words, **more):
        got, _, said = self.call(*words, **more)
        assert got == status, (got, said)
        assert said["error"]["errors"][0]["reason"] == reason, said

    def insert(self, name, data, query="", **headers):
        return self.call("POST", f"/upload/storage/v1/b/b/o?uploadType=media&name={name}{query}",
                         data, **headers)


def listing(c):
    for name in ("d/1", "d/2", "d/e/3", "x", "y"):
        c.gcs.put("b", name, b"")
    got = c.call("GET", "/storage/v1/b/b/o?prefix=d/&delimiter=/")[2]
    assert [i["name"] for i in got["items"]] == ["d/1", "d/2"] and got["prefixes"] == ["d/e/"]
    assert "nextPageToken" not in got
    names, token = [], ""
    while token is not None:
        got = c.call("GET", "/storage/v1/b/b/o?maxResults=2" + token)[2]
        names += [i["name"] for i in got.get("items", [])]
        token = got.get("nextPageToken")
        token = token and "&pageToken=" + urllib.parse.quote(token, safe="")
    assert names == ["d/1", "d/2", "d/e/3", "x", "y"]
    assert "items" not in c.call("GET", "/storage/v1/b/b/o?prefix=none")[2]
    c.refused(400, "invalid", "GET", "/storage/v1/b/b/o?pageToken=zzz")
    c.refused(400, "invalid", "GET", "/storage/v1/b/b/o?nonsense=1")
    c.refused(400, "required", "GET", "/storage/v1/b")
    assert c.call("GET", "/storage/v1/b?project=test-project")[2]["items"][0]["name"] == "b"
    c.refused(404, "notFound", "GET", "/storage/v1/b/none/o")


def who_may(c):
    c.gcs.put("b", "p", b"N.")
    c.refused(401, "required", "GET", "/storage/v1/b/b/o/p", token=None)
    c.refused(401, "authError", "GET", "/storage/v1/b/b/o/p", token="wrong")
    c.gcs.token("old", lifetime=-1)
    c.refused(401, "authError", "GET", "/storage/v1/b/b/o/p", token="old")
    c.gcs.token("narrow", scope="https://www.googleapis.com/auth/drive")
    c.refused(403, "insufficientPermissions", "GET", "/storage/v1/b/b/o/p", token="narrow")
    c.gcs.token("few", denied=["storage.objects.get"])
    c.refused(403, "forbidden", "GET", "/storage/v1/b/b/o/p", token="few")
    c.bucket.requester_pays = True
    c.refused(400, "required", "GET", "/storage/v1/b/b/o/p")
    assert c.call("GET", "/storage/v1/b/b/o/p?userProject=mine")[0] == 200
    c.bucket.requester_pays = False
    c.bucket.public = True
    assert c.call("GET", "/storage/v1/b/b/o/p?alt=media", token=None)[2] == b"N."
    c.bucket.public = False


def conditions(c):
    status, _, one = c.insert("c", b"1", "&ifGenerationMatch=0")
    assert status == 200 and one["generation"].isdigit() and one["metageneration"] == "1"
    assert one["crc32c"] == crc_text(b"1") and one["size"] == "1"
    assert c.insert("c", b"2", "&ifGenerationMatch=0")[0] == 412
    assert c.insert("c", b"2", "&ifGenerationMatch=1")[0] == 412
    two = c.insert("c", b"2", f"&ifGenerationMatch={one['generation']}")[2]
    assert int(two["generation"]) > int(one["generation"])
    status, _, said = c.call("PATCH", "/storage/v1/b/b/o/c?ifMetagenerationMatch=1",
                             b'{"metadata": {"a": "b"}}', Content_Type="application/json")
    assert status == 200 and said["metageneration"] == "2", said
    c.refused(412, "conditionNotMet", "GET", "/storage/v1/b/b/o/c?ifMetagenerationMatch=1")
    c.refused(412, "conditionNotMet", "DELETE", "/storage/v1/b/b/o/c?ifGenerationMatch=1")
    c.refused(404, "notFound", "GET", f"/storage/v1/b/b/o/c?generation={one['generation']}")
    assert c.call("DELETE", f"/storage/v1/b/b/o/c?ifGenerationMatch={two['generation']}")[0] == 204
    status, _, said = c.call("GET", "/storage/v1/b/b/o/c?alt=media")
    assert status == 404 and said == b"No such object: b/c"


def media(c):
    c.gcs.put("b", "m", b"0123456789")
    status, headers, body = c.call("GET", "/storage/v1/b/b/o/m?alt=media", Range="bytes=2-4")
    assert status == 206 and body == b"234" and headers["Content-Range"] == "bytes 2-4/10"
    assert headers["X-Goog-Hash"].startswith("crc32c=" + crc_text(b"0123456789") + ",md5=")
    assert c.call("GET", "/storage/v1/b/b/o/m?alt=media", Range="bytes=10-")[0] == 416
    packed = gzip.compress(b"N.", mtime=0)
    c.gcs.put("b", "z", packed, contentEncoding="gzip")
    status, headers, body = c.call("GET", "/storage/v1/b/b/o/z?alt=media", Range="bytes=0-3")
    assert status == 200 and body == b"N." and "Content-Encoding" not in headers
    status, headers, body = c.call("GET", "/storage/v1/b/b/o/z?alt=media", Accept_Encoding="gzip",
                                   Range="bytes=0-3")
    assert status == 206 and body == packed[:4] and headers["Content-Encoding"] == "gzip"


def uploads(c):
    status, headers, _ = c.call("POST", "/upload/storage/v1/b/b/o?uploadType=resumable",
                                json.dumps({"name": "u v", "metadata": {"k": "v"}}).encode(),
                                Content_Type="application/json", X_Upload_Content_Length="600000")
    assert status == 200
    where = headers["Location"][len(c.gcs.url):]
    data = os.urandom(600000)
    status, headers, _ = c.call("PUT", where, b"", token=None, Content_Range="bytes */600000")
    assert status == 308 and "Range" not in headers
    status, headers, _ = c.call("PUT", where, data[:300000], token=None,
                                Content_Range="bytes 0-299999/600000")
    assert status == 308 and headers["Range"] == "bytes=0-262143"
    c.refused(400, "invalid", "PUT", where, data[262144:], token=None,
              Content_Range="bytes 262144-599999/700000")
    status, _, one = c.call("PUT", where, data[262144:], token=None,
                            Content_Range="bytes 262144-599999/600000")
    assert status == 200 and one["metadata"] == {"k": "v"} and c.gcs.get("b", "u v").data == data
    again = c.call("PUT", where, b"", token=None, Content_Range="bytes */600000")
    assert again[0] == 200 and again[2]["generation"] == one["generation"]
    mark = b'--x\r\nContent-Type: application/json\r\n\r\n{"name": "mp", "crc32c": "%s"}\r\n' \
           b'--x\r\nContent-Type: a/b\r\n\r\nN.\r\n--x--'
    kind = 'multipart/related; boundary="x"'
    target = "/upload/storage/v1/b/b/o?uploadType=multipart"
    c.refused(400, "invalid", "POST", target, mark % b"AAAAAA==", Content_Type=kind)
    assert c.call("POST", target, mark % crc_text(b"N.").encode(), Content_Type=kind)[0] == 200
    assert c.gcs.get("b", "mp").data == b"N."
    assert c.gcs.get("b", "mp").properties["contentType"] == "a/b"
    for name in ("%0A", ".", "x" * 1025):
        assert c.insert(name, b"")[0] == 400, name


def copies(c):
    one = c.gcs.put("b", "from", b"x" * 3000, contentType="a/b", temporaryHold=True)
    c.gcs.rewrite_bytes = 1000
    token, calls = "", 0
    while token is not None:
        query = f"?rewriteToken={token}" if token else ""
        status, _, said = c.call("POST", "/storage/v1/b/b/o/from/rewriteTo/b/b/o/to%2F1" + query,
                                 b"")
        assert status == 200, said
        token, calls = said.get("rewriteToken"), calls + 1
    assert calls == 3 and said["done"] and c.gcs.get("b", "to/1").data == one.data
    assert c.gcs.get("b", "to/1").properties["contentType"] == "a/b"
    assert "temporaryHold" not in c.gcs.get("b", "to/1").properties
    c.refused(403, "objectUnderActiveHold", "DELETE", "/storage/v1/b/b/o/from")
    parts = [{"name": "from"}, {"name": "to/1"}]
    status, _, said = c.call("POST", "/storage/v1/b/b/o/all/compose",
                             json.dumps({"sourceObjects": parts}).encode(),
                             Content_Type="application/json")
    assert status == 200 and said["componentCount"] == 2 and "md5Hash" not in said
    assert c.gcs.get("b", "all").data == b"x" * 6000
    c.refused(400, "invalid", "POST", "/storage/v1/b/b/o/all/compose",
              json.dumps({"sourceObjects": parts * 17}).encode(), Content_Type="application/json")


def generations(c):
    c.gcs.bucket("v", versioning=True)
    first, second = c.gcs.put("v", "k", b"1"), c.gcs.put("v", "k", b"2")
    got = c.call("GET", "/storage/v1/b/v/o?versions=true")[2]["items"]
    assert [i["generation"] for i in got] == [str(first.generation), str(second.generation)]
    assert "timeDeleted" in got[0] and "timeDeleted" not in got[1]
    got = c.call("GET", f"/storage/v1/b/v/o/k?alt=media&generation={first.generation}")
    assert got[2] == b"1"
    soft = c.gcs.bucket("s", soft_delete=True)
    one = c.gcs.put("s", "k", b"1")
    assert c.call("DELETE", "/storage/v1/b/s/o/k")[0] == 204 and not soft.live
    got = c.call("GET", "/storage/v1/b/s/o?softDeleted=true")[2]["items"]
    assert len(got) == 1 and "hardDeleteTime" in got[0]
    c.refused(404, "notFound", "GET", f"/storage/v1/b/s/o/k?generation={one.generation}")
    assert c.call("POST", f"/storage/v1/b/s/o/k/restore?generation={one.generation}", b"")[0] == 200
    assert soft.live["k"].data == b"1"
    long_held = {"mode": "Locked", "retainUntilTime": "2099-01-01T00:00:00Z"}
    c.gcs.put("b", "r", b"", retention=long_held)
    c.refused(403, "retentionPolicyNotMet", "DELETE", "/storage/v1/b/b/o/r")


def assertion(key, claims, head=None):
    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    text = b".".join(part(json.dumps(x).encode())
                     for x in (head or {"alg": "RS256", "typ": "JWT"}, claims))
    signed = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=text, check=True,
                            capture_output=True).stdout
    return (text + b"." + part(signed)).decode()


def tokens(c):
    with tempfile.TemporaryDirectory() as folder:
        key = os.path.join(folder, "key.pem")
        subprocess.run(["openssl", "genrsa", "-traditional", "-out", key, "2048"], check=True,
                       capture_output=True)
        c.gcs.account("robot@test", key)
        now = int(time.time())
        good = {"iss": "robot@test", "aud": c.gcs.url + "/token", "iat": now, "exp": now + 3600,
                "scope": "https://www.googleapis.com/auth/cloud-platform"}

        def ask(text, kind=JWT_GRANT):
            form = urllib.parse.urlencode({"grant_type": kind, "assertion": text}).encode()
            return c.call("POST", "/token", form, token=None)

        status, _, said = ask(assertion(key, good))
        assert status == 200 and said["token_type"] == "Bearer", said
        assert c.call("GET", "/storage/v1/b/b", token=said["access_token"])[0] == 200
        bad = ({"iss": "other@test"}, {"aud": "https://elsewhere/"}, {"exp": now - 1},
               {"exp": now + 7200}, {"iat": now + 4000, "exp": now + 5000}, {"scope": "x"})
        for wrong in bad:
            status, _, said = ask(assertion(key, {**good, **wrong}))
            assert status == 400, wrong
        text = assertion(key, good)
        assert ask(text[:-6] + "AAAAAA")[2]["error_description"] == "Invalid JWT Signature."
        assert ask(assertion(key, good, {"alg": "none"}))[0] == 400
        assert ask(text, "password")[2]["error"] == "unsupported_grant_type"
    c.gcs.users["refresh"] = ("id", "secret")
    form = {"grant_type": "refresh_token", "refresh_token": "refresh", "client_id": "id",
            "client_secret": "secret"}

    def refresh(**change):
        return c.call("POST", "/token", urllib.parse.urlencode({**form, **change}).encode(),
                      token=None)

    assert refresh()[2]["expires_in"] == 3600
    assert refresh(refresh_token="x")[2]["error"] == "invalid_grant"
    assert refresh(client_secret="x")[0] == 401
    where = "/computeMetadata/v1/instance/service-accounts/default/token"
    assert c.call("GET", where, token=None)[0] == 404
    c.gcs.metadata = "https://www.googleapis.com/auth/cloud-platform"
    assert c.call("GET", where, token=None)[0] == 403
    assert c.call("GET", where, token=None, Metadata_Flavor="Google")[2]["access_token"]


TESTS = (listing, who_may, conditions, media, uploads, copies, generations, tokens)


def main():
    assert crc32c(b"123456789") == 0xe3069283
    c, failed = Client(), 0
    for test in TESTS:
        try:
            test(c)
        except Exception as error:              # whatever it is, the other tests still run
            print(f"{test.__name__}: {type(error).__name__}: {error}")
            failed += 1
    c.gcs.stop()
    print(f"{len(TESTS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
