#!/usr/bin/python3
"""Objects that are encrypted with a key of one's own (SSE-C): read, saved, copied; the key goes
only where it is needed, and only where nobody listens."""
import base64
import hashlib
import os
import pickle
import sys

import botocore

from test_s3 import main
from test_s3_multipart import MIB, header, nothing_left

KEY = bytes(range(7, 39))
OTHER = bytes(range(50, 82))
CUSTOMER = "x-amz-server-side-encryption-customer-"
SOURCE = "x-amz-copy-source-server-side-encryption-customer-"
PLAIN = pickle.dumps({"age": 30})


def sse(key=KEY):
    return {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": key}


def get(rig, key, **more):
    return rig.s3.get_object(Bucket=rig.bucket, Key=key, **more)["Body"].read()


def is_encrypted(rig, key):
    """With this key and no other."""
    try:
        rig.get(key)
        return False
    except botocore.exceptions.ClientError:
        rig.s3.head_object(Bucket=rig.bucket, Key=key, **sse())
        return True


def with_key(rig, *words, status=0, key=KEY, **env):
    text = rig.file(key)
    rig.secrets += (base64.b64encode(key).decode(), key.decode("latin-1"))
    return rig.program(*words, "--sse-c-key", text, status=status, **env)


def through(rig):
    return {"AWS_ENDPOINT_URL": rig.proxy.url}


def keyed(rig, name=CUSTOMER):
    """How each request was sent: its method, and whether the key was there, whole."""
    key, md5 = base64.b64encode(KEY).decode(), base64.b64encode(hashlib.md5(KEY).digest()).decode()
    told = []
    for head in rig.proxy.heads:
        said = tuple(header(head, name + part) for part in ("algorithm", "key", "key-MD5"))
        assert said in ((None, None, None), ("AES256", key, md5)), said
        told.append((head.method, said[0] is not None))
    return told


def read_and_saved(rig):
    rig.put("enc", PLAIN, Metadata={"m": "1"}, ContentType="x/y", **sse())
    assert "30" in with_key(rig, "show", rig.url("enc"), ".age")
    with_key(rig, "set", rig.url("enc"), ".age=31", **through(rig))
    assert pickle.loads(get(rig, "enc", **sse())) == {"age": 31}
    assert is_encrypted(rig, "enc")
    assert keyed(rig) and all(sent for _, sent in keyed(rig)), keyed(rig)
    now = rig.s3.head_object(Bucket=rig.bucket, Key="enc", **sse())
    assert now["Metadata"] == {"m": "1"} and now["ContentType"] == "x/y"
    # A key in base64 is the same key.
    with_key(rig, "show", rig.url("enc"))
    text = rig.file(base64.b64encode(KEY) + b"\n")
    assert "31" in rig.program("show", rig.url("enc"), ".age", "--sse-c-key", text)


def without_it(rig):
    """Nothing is sent that writes; what is missing is said."""
    rig.put("locked", PLAIN, **sse())
    for words in (["show", rig.url("locked")], ["set", rig.url("locked"), ".age=31"],
                  ["cp", rig.url("locked"), rig.url("locked-copy")]):
        rig.proxy.clear()
        told = rig.program(*words, status=7, **through(rig))
        assert "SSE-C" in told and "--sse-c-key FILE" in told, told
        assert all(head.method in ("HEAD", "GET") for head in rig.proxy.heads), words
    rig.save_error("server error", "SSE-C", "locked", b"N.", "--always", through=rig.proxy)
    assert all(head.method == "HEAD" for head in rig.proxy.heads)
    told = with_key(rig, "show", rig.url("locked"), status=7, key=OTHER)
    assert "encrypted with another key" in told, told
    assert get(rig, "locked", **sse()) == PLAIN


def others_stay_as_they_are(rig):
    """An overwrite keeps what the object had; something new is encrypted."""
    rig.put("plain", PLAIN)
    with_key(rig, "set", rig.url("plain"), ".age=31")
    assert pickle.loads(rig.get("plain")) == {"age": 31}
    with_key(rig, "cp", rig.file(PLAIN), rig.url("new"))
    assert is_encrypted(rig, "new") and get(rig, "new", **sse()) == PLAIN


def refused_for_what_has_none(rig):
    """Amazon takes no key for an object without: read without it, and that is remembered."""
    rig.put("no-key", PLAIN)
    refusal = "<Error><Code>InvalidRequest</Code><Message>The encryption parameters are not " \
              "applicable to this object.</Message></Error>"
    rig.proxy.rule(f"method=HEAD|GET path=no-key header={CUSTOMER}key do=answer status=400 "
                   f"'body={refusal}'")
    assert "30" in with_key(rig, "show", rig.url("no-key"), ".age", **through(rig))
    refused = [sent for method, sent in keyed(rig)]
    assert refused[0] and refused.count(True) == 1 and not refused[-1], refused
    with_key(rig, "set", rig.url("no-key"), ".age=31", **through(rig))
    assert pickle.loads(rig.get("no-key")) == {"age": 31}


def copied(rig):
    rig.put("from", PLAIN, **sse())
    with_key(rig, "cp", rig.url("from"), rig.url("to"))
    with_key(rig, "mv", rig.url("to"), rig.url("moved"))
    assert is_encrypted(rig, "moved") and get(rig, "moved", **sse()) == PLAIN
    here = rig.file()
    with_key(rig, "cp", rig.url("moved"), here)
    with open(here, "rb") as f:
        assert f.read() == PLAIN
    # This server does not copy what is encrypted: what it would be sent, both keys in one request.
    rig.proxy.rule("method=PUT header=x-amz-copy-source do=answer status=403 "
                   "'body=<Error><Code>AccessDenied</Code></Error>'")
    with_key(rig, "cp", rig.url("from"), rig.url("to2"), **through(rig))
    copies = [i for i, head in enumerate(rig.proxy.heads) if header(head, "x-amz-copy-source")]
    assert copies and keyed(rig)[copies[0]][1] and keyed(rig, SOURCE)[copies[0]][1]
    rig.put("open", PLAIN)
    rig.proxy.heads = []
    with_key(rig, "cp", rig.url("open"), rig.url("to3"), **through(rig))
    copies = [i for i, head in enumerate(rig.proxy.heads) if header(head, "x-amz-copy-source")]
    assert keyed(rig)[copies[0]][1] and not keyed(rig, SOURCE)[copies[0]][1]
    assert is_encrypted(rig, "to3")


def in_parts(rig):
    old = pickle.dumps([30, os.urandom(33 * MIB)])
    rig.put("big", old, **sse())
    with_key(rig, "set", rig.url("big"), "[0]=31", **through(rig))
    now = get(rig, "big", **sse())
    assert pickle.loads(now)[0] == 31 and now[100:] == old[100:]
    assert is_encrypted(rig, "big")
    parts = [i for i, head in enumerate(rig.proxy.heads) if "partNumber=" in head.target]
    begun = [i for i, head in enumerate(rig.proxy.heads) if head.target.endswith("?uploads=")]
    assert len(parts) > 1 and begun, [head.target for head in rig.proxy.heads]
    assert all(keyed(rig)[i][1] for i in parts + begun)
    copies = [i for i in parts if header(rig.proxy.heads[i], "x-amz-copy-source")]
    assert copies and all(keyed(rig, SOURCE)[i][1] for i in copies)
    nothing_left(rig)


def only_where_nobody_listens(rig):
    """An address that is not this machine's, without TLS: the key is not even made ready."""
    told = with_key(rig, "show", "s3://b/k", status=5, AWS_ENDPOINT_URL="http://192.0.2.1:9")
    assert "only sent over https" in told, told


def files_that_hold_none(rig):
    for body in (b"", b"short", bytes(33), b"!" * 44, base64.b64encode(bytes(31))):
        told = rig.program("ls", "s3://", "--sse-c-key", rig.file(body), status=2)
        assert "holds no key" in told, told
    told = rig.program("ls", "s3://", "--sse-c-key", rig.file() + ".none", status=3)
    assert "cannot read" in told, told


TESTS = [read_and_saved, without_it, others_stay_as_they_are, refused_for_what_has_none, copied,
         in_parts, only_where_nobody_listens, files_that_hold_none]

if __name__ == "__main__":
    sys.exit(main(TESTS))
