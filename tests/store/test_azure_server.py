#!/usr/bin/python3
"""Azure by our own server: what Azurite lacks; some of what every store does tests the server."""
import os
import pickle
import sys
import time

from azure_rig import Rig
from behaviours import conflicts, folders, odd_keys, worked_example
from rig import TOP, run_table

sys.path.insert(0, os.path.join(TOP, "tests", "servers"))
from azure import Azure  # noqa: E402

MIB = 1 << 20


class OwnRig(Rig):
    """For names that Azurite cannot list."""

    def __init__(self, server):
        super().__init__(server.env)
        self.server = server

    def takes(self, key):
        return any(ord(c) < 32 or ord(c) == 127 for c in key)

    def rows(self, key):
        return [
            (line["version"], line["latest"], line["deleted"])
            for line in self.ok("versions", self.bucket, key)
            if "name" in line
        ]


class Switched:
    """The account with versions, or soft delete, or both, for the time of a block."""

    def __init__(self, rig, **switches):
        self.server, self.switches = rig.server, switches

    def __enter__(self):
        vars(self.server).update(self.switches)

    def __exit__(self, *_):
        vars(self.server).update(versioning=False, soft_delete=False)


def versions(rig):
    """Listed newest first, opened, compared, brought back with all that belongs to them."""
    with Switched(rig, versioning=True):
        rig.put(
            "v",
            b"one",
            x__ms__meta__n="1",
            x__ms__tags="t=1",
            x__ms__access__tier="Cool",
            x__ms__blob__content__type="x/one",
        )
        rig.put("v", b"two", x__ms__blob__content__type="x/two")
        rows = rig.rows("v")
        assert [row[1:] for row in rows] == [(True, False), (False, False)], rows
        assert rig.fetch("v", "--version", rows[1][0])[0] == b"one"
        where = f"az://{rig.bucket}/v"
        rig.program("cp", "--version-id", rows[1][0], where, where)
        now = rig.head("v")
        assert rig.get("v") == b"one" and now["x-ms-meta-n"] == "1", now
        assert now["content-type"] == "x/one" and now["x-ms-access-tier"] == "Cool"
        assert now["x-ms-tag-count"] == "1"
        assert len(rig.rows("v")) == 3
        # Deleted: no version stands for the name any more, all of them are still there.
        rig.ok("rm", rig.bucket, "v")
        marker, *gone = rig.rows("v")
        assert marker == ("deleted-with-versions", True, True), marker
        assert len(gone) == 3 and not any(row[1] for row in gone), gone
        told = rig.program("ls", "--versions", f"az://{rig.bucket}/")
        assert "(deleted)" in told, told
        rig.error(
            "not supported",
            "bring one of them back",
            "rm",
            rig.bucket,
            "v",
            "--version",
            marker[0],
        )
        rig.error("not found", "no such object", "get", rig.bucket, "v", rig.file())
        rig.program("cp", "--version-id", gone[0][0], where, where)
        assert rig.get("v") == b"one"
        # A save makes one more, and says which.
        saved = rig.save("v", b"three")["saved"]
        assert saved["version"] == rig.head("v")["x-ms-version-id"], saved
        rig.error(
            "not supported",
            "that the name stands for",
            "rm",
            rig.bucket,
            "v",
            "--version",
            saved["version"],
        )


def not_opened(rig, version):
    rig.error(
        "not found",
        "no such object",
        "get",
        rig.bucket,
        "u/a",
        rig.file(),
        "--version",
        version,
    )


def undelete(rig):
    """What is soft-deleted is listed, cannot be read, and comes back with everything."""
    with Switched(rig, soft_delete=True):
        rig.put("u/a", pickle.dumps({"age": 30}), x__ms__meta__n="1")
        where = f"az://{rig.bucket}/u/a"
        rig.program("rm", where)
        assert rig.rows("u/a") == [("deleted", True, True)]
        told = rig.program("ls", "--versions", where)
        assert "(deleted)" in told, told
        # Flat is what the service lists then; what is further down is folded all the same.
        rig.put("u2/x/1", b"")
        rig.put("u2/x/2", b"")
        rig.put("u2/y", b"")
        told = rig.program("ls", "--versions", f"az://{rig.bucket}/u2/").splitlines()
        assert [
            line.split("  ")[-2:][0].split()[-1] if "(" in line else line.split()[-1]
            for line in told
        ] == ["x/", "y"], told
        not_opened(rig, "deleted")
        rig.program("rm", "--version-id", "deleted", where)
        assert rig.head("u/a")["x-ms-meta-n"] == "1"
        assert rig.program("show", where, ".age") == "30\n"
        # Written over: what was there is a soft-deleted snapshot, and comes back as one.
        rig.program("set", where, ".age=31")
        rows = rig.rows("u/a")
        assert rows[0] == ("current", True, False) and rows[1][1:] == (False, True), rows
        assert rows[1][0].startswith("deleted:")
        not_opened(rig, rows[1][0])
        rig.program("rm", "--version-id", rows[1][0], where)
        rows = rig.rows("u/a")
        assert rows[1][0].startswith("snapshot:"), rows
        assert pickle.loads(rig.fetch("u/a", "--version", rows[1][0])[0]) == {"age": 30}
        assert rig.program("show", where, ".age") == "31\n"
        # The answer is lost: undeleting twice is undeleting.
        rig.azure.call("DELETE", rig.path("u/a"), None, {"x-ms-delete-snapshots": "include"})
        rig.proxy.rule("method=PUT path=comp=undelete n=1 do=drop-after")
        rig.ok("rm", rig.bucket, "u/a", "--version", "deleted", through=rig.proxy)
        assert pickle.loads(rig.get("u/a")) == {"age": 31}


def blocks_from_an_address(rig):
    """Unchanged ranges of a blob without blocks are copied by the service: few bytes are sent."""
    old, at = os.urandom(9 * MIB) * 2, 9 * MIB + 77
    new, same = (
        old[:at] + b"changed" + old[at + 3 :],
        f"0:0:{at},{at + 7}:{at + 3}:{len(old) - at - 3}",
    )
    rig.put("pb", old, x__ms__meta__n="1")
    rig.save("pb", new, "--same", same, through=rig.proxy)
    assert rig.get("pb") == new and rig.head("pb")["x-ms-meta-n"] == "1"
    sent = sum(int(head.header("Content-Length") or 0) for head in rig.proxy.heads)
    copies = [head for head in rig.proxy.heads if head.header("x-ms-copy-source")]
    assert sent < 6 * MIB and len(copies) >= 2, (sent, len(copies))
    # Somebody else is faster while they are copied: the service notices, nothing is written.
    rig.put("pb", old)
    rig.proxy.clear()
    rig.proxy.rule(f"path=blockid n=1 do=pass run={rig.writer('pb', b'theirs')}")
    rig.save_error(
        "changed by someone else",
        "nothing was written",
        "pb",
        new,
        "--same",
        same,
        through=rig.proxy,
    )
    assert rig.get("pb") == b"theirs"


def kept_from_change(rig):
    """Immutability and legal holds are shown, and why nothing can be written is said."""
    until = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 3600))
    for key, headers, shown in (
        (
            "i1",
            {
                "x__ms__immutability__policy__until__date": until,
                "x__ms__immutability__policy__mode": "Unlocked",
            },
            ("x-ms-immutability-policy-until-date", until),
        ),
        ("i2", {"x__ms__legal__hold": "true"}, ("x-ms-legal-hold", "true")),
    ):
        rig.put(key, b"old", **headers)
        have = rig.ok("head", rig.bucket, key)[0]["shown"]
        assert have[shown[0]] == shown[1], have
        rig.save_error("read-only", "immutability policy or a legal hold", key, b"new")
        rig.error("read-only", "immutability policy or a legal hold", "rm", rig.bucket, key)
        assert rig.get(key) == b"old"
    # With versions a save makes another one, which is kept as the one before is.
    with Switched(rig, versioning=True):
        rig.save("i2", b"new")
        assert rig.get("i2") == b"new" and rig.head("i2")["x-ms-legal-hold"] == "true"
    for blobs in rig.server.containers.values():
        blobs.pop("i1", None)
        blobs.pop("i2", None)


def the_server_is_strict(rig):
    """It refuses what the service refuses: other signatures, conditions, ids, checksums."""
    call = rig.azure.call
    key, rig.azure.key = rig.azure.key, b"another"
    assert call("GET", rig.path("x"), expect=4).headers["x-ms-error-code"] == "AuthenticationFailed"
    rig.azure.key = key
    rig.put("st", b"x")
    for method, query, headers, body, code in (
        ("GET", {"nonsense": "1"}, {}, b"", "InvalidQueryParameterValue"),
        ("GET", {"versionid": "x"}, {}, b"", "InvalidQueryParameterValue"),
        ("PUT", {}, {}, b"x", "InvalidHeaderValue"),
        ("PUT", {}, {"x-ms-blob-type": "BlockBlob", "If-Match": '"0x1"'}, b"y", "ConditionNotMet"),
        (
            "PUT",
            {},
            {"x-ms-blob-type": "BlockBlob", "If-None-Match": "*"},
            b"y",
            "BlobAlreadyExists",
        ),
        ("PUT", {}, {"x-ms-blob-type": "BlockBlob", "Content-MD5": "AAAA"}, b"y", "Md5Mismatch"),
        ("PUT", {"comp": "block", "blockid": "!"}, {}, b"y", "InvalidQueryParameterValue"),
        (
            "PUT",
            {"comp": "blocklist"},
            {},
            b"<BlockList><Latest>AAAA</Latest></BlockList>",
            "InvalidBlockList",
        ),
        ("GET", {"snapshot": "1601-01-01T00:00:00.0000000Z"}, {}, b"", "BlobNotFound"),
    ):
        told = call(method, rig.path("st"), query, headers, body, expect=4)
        assert told.headers["x-ms-error-code"] == code, (method, query, told.headers)
    assert rig.get("st") == b"x"


TESTS = (
    folders,
    odd_keys,
    conflicts,
    worked_example,
    versions,
    undelete,
    blocks_from_an_address,
    kept_from_change,
    the_server_is_strict,
)


def main():
    server = Azure().start()
    failed = run_table(OwnRig(server), TESTS)
    server.stop()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
