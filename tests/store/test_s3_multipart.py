#!/usr/bin/python3
"""Large saves in parts: only what is new is sent, the rest is copied on the server."""
import sys
import time

from test_s3 import main

MIB = 1 << 20
OLD = b"".join(i.to_bytes(8, "big") for i in range(33 * MIB // 8))
AT = 15 * MIB
NEW = OLD[:AT] + b"changed" + OLD[AT + 3 :]
SAME = f"0:0:{AT},{AT + 7}:{AT + 3}:{len(OLD) - AT - 3}"


def xml(code):
    return f"'body=<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>m</Message></Error>'"


def put_old(rig, key="big", **more):
    rig.put(key, OLD, **more)
    rig.proxy.clear()


def save(rig, *words, key="big"):
    return rig.save(key, NEW, "--same", SAME, *words, through=rig.proxy)


def save_error(rig, kind, text, *words, key="big"):
    return rig.save_error(kind, text, key, NEW, "--same", SAME, *words, through=rig.proxy)


def header(head, name):
    for key, value in head.headers:
        if key.lower() == name.lower():
            return value
    return None


def sent(rig):
    """Bytes of bodies that went to the server."""
    return sum(int(header(head, "Content-Length") or 0) for head in rig.proxy.heads)


def uploads(rig):
    return rig.s3.list_multipart_uploads(Bucket=rig.bucket).get("Uploads") or []


def nothing_left(rig):
    for _ in range(50):
        if not uploads(rig):
            return
        time.sleep(0.1)
    raise AssertionError(uploads(rig))


def one_change(rig):
    put_old(rig, Metadata={"m": "1"}, ContentType="application/x-pickle")
    rig.s3.put_object_tagging(
        Bucket=rig.bucket, Key="big", Tagging={"TagSet": [{"Key": "k", "Value": "v & w"}]}
    )
    for name in ("x-amz-sdk-checksum-algorithm", "x-amz-trailer", "Transfer-Encoding"):
        rig.proxy.rule(f"header={name} do=answer status=400 " + xml("InvalidRequest"))
    told = save(rig)
    assert rig.get("big") == NEW
    assert sent(rig) < 6 * MIB, sent(rig)
    now = rig.s3.head_object(Bucket=rig.bucket, Key="big")
    assert now["ETag"].strip('"') == told["saved"]["etag"].strip('"'), (now, told)
    assert now["Metadata"] == {"m": "1"} and now["ContentType"] == "application/x-pickle"
    tags = rig.s3.get_object_tagging(Bucket=rig.bucket, Key="big")["TagSet"]
    assert tags == [{"Key": "k", "Value": "v & w"}], tags
    nothing_left(rig)


def with_versions(rig):
    """The very version that was read is the one that is copied from."""
    rig.s3.put_bucket_versioning(Bucket=rig.bucket, VersioningConfiguration={"Status": "Enabled"})
    try:
        put_old(rig, "versions")
        save(rig, key="versions")
        assert rig.get("versions") == NEW
        copies = [header(head, "x-amz-copy-source") for head in rig.proxy.heads]
        assert any(c and "?versionId=" in c for c in copies), copies
    finally:
        rig.s3.put_bucket_versioning(
            Bucket=rig.bucket, VersioningConfiguration={"Status": "Suspended"}
        )


def odd_keys(rig):
    for key in ("a b+c%20d", "\u00e9/\uac00 ?#&=", "//x//"):
        put_old(rig, key)
        save(rig, key=key)
        assert rig.get(key) == NEW, key


def small_ones_in_one_piece(rig):
    rig.put("small", b"o" * (MIB * 6))
    rig.save("small", b"n" + b"o" * (MIB * 6), "--same", f"1:0:{MIB * 6}", through=rig.proxy)
    assert "POST" not in rig.proxy.methods()


def nothing_gained(rig):
    """More than half is new: one PUT."""
    put_old(rig)
    rig.save("big", NEW, "--same", f"0:0:{8 * MIB}", through=rig.proxy)
    assert "POST" not in rig.proxy.methods() and rig.get("big") == NEW


def changed_before(rig):
    put_old(rig)
    rig.proxy.rule(f"method=POST n=1 do=pass run={rig.writer('big', OLD[::-1])}")
    save_error(rig, "changed by someone else", "nothing was written")
    assert rig.get("big") == OLD[::-1]
    nothing_left(rig)


def changed_during(rig):
    put_old(rig)
    rig.proxy.rule(f"method=PUT header=Content-MD5 n=1 do=pass run-after={rig.writer('big', b'x')}")
    save_error(rig, "changed by someone else", "nothing was written")
    assert rig.get("big") == b"x"
    nothing_left(rig)


def lost_end(rig):
    """It is an object, but nobody told us: found by its ETag; without one, by its bytes."""
    for more in (
        (),
        ("method=HEAD n=4- do=pass set=ETag:opaque", "method=GET do=pass set=ETag:opaque"),
    ):
        for rule in (
            "do=drop-after",
            "do=answer-after status=500",
            "do=answer-after status=200 " + xml("InternalError"),
        ):
            put_old(rig)
            rig.proxy.rule("method=POST path=uploadId " + rule)
            for other in more:
                rig.proxy.rule(other)
            told = save(rig)
            assert "saved" in told and rig.get("big") == NEW, rule
            assert ("GET" in rig.proxy.methods()) == bool(more), rig.proxy.methods()
            nothing_left(rig)


def lost_before_the_end(rig):
    """The server has not done it: asked once more, with the parts that are there."""
    for rule in (
        "do=drop-before",
        "do=answer status=503",
        "do=answer status=200 " + xml("InternalError"),
    ):
        put_old(rig)
        rig.proxy.rule("method=POST path=uploadId n=1 " + rule)
        save(rig)
        assert rig.get("big") == NEW and sent(rig) < 6 * MIB, rule
        nothing_left(rig)


def parts_are_tried_again(rig):
    for rule in (
        "do=drop-before",
        "do=drop-after",
        "do=answer status=503",
        "do=answer-after status=200 " + xml("InternalError"),
    ):
        put_old(rig)
        rig.proxy.rule("method=PUT path=partNumber n=1,2 " + rule)
        save(rig)
        assert rig.get("big") == NEW, rule


def a_part_fails(rig):
    put_old(rig)
    rig.proxy.rule("method=PUT path=partNumber=2 do=answer status=403 " + xml("AccessDenied"))
    save_error(rig, "not permitted", "s3:PutObject")
    assert rig.get("big") == OLD
    nothing_left(rig)


def no_copies(rig):
    """A server that does not copy parts gets all of it."""
    put_old(rig)
    rig.proxy.rule(
        "method=PUT header=x-amz-copy-source do=answer status=501 " + xml("NotImplemented")
    )
    save(rig)
    assert rig.get("big") == NEW and sent(rig) > len(NEW)
    nothing_left(rig)


def no_conditions(rig):
    put_old(rig)
    rig.proxy.rule("method=POST header=If-Match do=answer status=501 " + xml("NotImplemented"))
    told = save(rig)
    assert told["unchecked"] is True and rig.get("big") == NEW
    nothing_left(rig)


def refused(rig):
    put_old(rig)
    rig.proxy.rule("method=POST header=If-Match do=answer status=412 " + xml("PreconditionFailed"))
    save_error(rig, "server error", "refuses the condition")
    assert rig.get("big") == OLD
    nothing_left(rig)


def no_upload_begins(rig):
    put_old(rig)
    rig.proxy.rule("method=POST path=uploads do=answer status=403 " + xml("AccessDenied"))
    save_error(rig, "not permitted", "s3:PutObject")
    rig.proxy.clear()
    rig.proxy.rule("method=POST path=uploads do=answer status=200 body=<a/>")
    save_error(rig, "server error", "does not name the upload")
    assert rig.get("big") == OLD


def cancelled(rig):
    """At any moment: old or new, and no upload is left behind."""
    outcomes = set()
    for turns in (1, 6, 20, 60, 160, 400):
        put_old(rig)
        lines = rig.run(
            "put",
            rig.bucket,
            "big",
            rig.file(NEW),
            "--same",
            SAME,
            "--cancel",
            turns,
            through=rig.proxy,
        )
        outcomes.add("cancelled" in lines[-1])
        assert rig.get("big") in (OLD, NEW)
        nothing_left(rig)
    assert True in outcomes


TESTS = (
    one_change,
    with_versions,
    odd_keys,
    small_ones_in_one_piece,
    nothing_gained,
    changed_before,
    changed_during,
    lost_end,
    lost_before_the_end,
    parts_are_tried_again,
    a_part_fails,
    no_copies,
    no_conditions,
    refused,
    no_upload_begins,
    cancelled,
)

if __name__ == "__main__":
    sys.exit(main(TESTS))
