#!/usr/bin/python3
"""Local folders: what every store does, as far as a folder can."""
import contextlib
import os
import pickle
import resource
import socket
import stat
import struct
import subprocess
import sys

from behaviours import conflicts, odd_keys, one_byte_of_a_pickle, reading, worked_example
from rig import Driver, run_table


class NoProxy:
    """There is nothing between us and a folder."""

    def clear(self):
        pass


class Rig(Driver):
    WORDS = ("--local",)
    CHECKED = True
    NO_ETAG = "1-2-3"

    def __init__(self):
        self.tmp = os.environ.get("TEST_TMP") or os.getcwd()
        self.bucket = os.path.join(self.tmp, "folder")
        self.proxy = NoProxy()
        os.mkdir(self.bucket)

    def url(self, key):
        return f"{self.bucket}/{key}"

    def put(self, key, body):
        os.makedirs(os.path.dirname(self.url(key)), exist_ok=True)
        with open(self.url(key), "wb") as f:
            f.write(body)

    def get(self, key):
        with open(self.url(key), "rb") as f:
            return f.read()

    def put_with(self, key, body, *_):
        self.put(key, body)

    def get_with(self, key):
        """A file has neither type nor metadata to lose."""
        return self.get(key), "application/x-pickle", {"team": "a b"}

    def takes(self, key):
        """What is a path, and not too long a name in it."""
        return all(part not in ("", ".", "..") and len(part.encode()) < 256
                   for part in key.split("/")) and key.count("/") < 100

    def environment(self, **more):
        return {**self.base_environment(), **more}


RECORD = pickle.dumps({"name": "John", "age": 30, "city": "New York"})
NOBODY = 65534


def age(rig, key):
    return pickle.loads(rig.get(key))["age"]


def not_files(rig):
    """Listed like everything else, neither waited for nor written over; each says what it is."""
    rig.put("nf/a", RECORD)
    at = rig.url("nf/")
    for name, to in (("link", "a"), ("loop1", "loop2"), ("loop2", "loop1"), ("nothing", "x")):
        os.symlink(to, at + name)
    os.mkfifo(at + "pipe")
    cases = [("pipe", 7, "it is a pipe"), ("loop1", 7, "symbolic links"),
             ("nothing", 3, "it is a link to nothing")]
    with socket.socket(socket.AF_UNIX) as ear:
        os.chdir(at)                            # such a name must be short
        ear.bind("socket")
        os.chdir(rig.tmp)
    cases.append(("socket", 7, "it is a socket"))
    with contextlib.suppress(PermissionError):
        os.mknod(at + "device", 0o600 | stat.S_IFCHR, os.makedev(1, 5))
        cases.append(("device", 7, "it is a device"))
    listed = rig.program("ls", at).split()
    for name, status, words in cases:
        assert name in listed, listed
        for command in (["show", at + name], ["set", at + name, ".age=31"],
                        ["cp", at + "a", at + name]):
            told = rig.program(*command, status=status)
            assert words in told, (command, told)
        assert os.path.lexists(at + name)
    rig.program("set", at + "link", ".age=31")
    assert os.readlink(at + "link") == "a" and age(rig, "nf/a") == 31


def names_of_bytes(rig):
    for name in (b"bad\xff\xfe", b"line\nbreak", b"\x1b[31mred", b"%41", b"-dash"):
        key = os.fsdecode(b"bytes/" + name)
        rig.put(key, RECORD)
        rig.program("set", rig.url(key), ".age=31")
        assert age(rig, key) == 31, name
    told = rig.program("ls", rig.url("bytes/"))
    assert sorted(told.splitlines()) == sorted(
        ["%41", "-dash", "\\x1b[31mred", "bad\\xff\\xfe", "line\\nbreak"]), told
    rig.program("set", f"file://{rig.bucket}/bytes/bad%FF%FE", ".age=32")
    assert age(rig, os.fsdecode(b"bytes/bad\xff\xfe")) == 32


def looks(path):
    now = os.stat(path)
    more = {name: os.getxattr(path, name) for name in os.listxattr(path)}
    return now.st_mode, now.st_uid, now.st_gid, more


def looks_are_kept(rig):
    """Mode, and where we may owner, attributes and access list; what cannot be kept is said."""
    rig.put("looks", RECORD)
    path = rig.url("looks")
    root = os.geteuid() == 0
    if root:
        os.chown(path, 1000, 1001)
    os.chmod(path, 0o6754)
    with contextlib.suppress(OSError):          # not every file system has them
        os.setxattr(path, "user.note", b"a\0b")
        rights = ((1, 7, -1), (2, 6, NOBODY), (4, 5, -1), (16, 7, -1), (32, 4, -1))
        os.setxattr(path, "system.posix_acl_access", struct.pack("<I", 2) + b"".join(
            struct.pack("<HHi", *right) for right in rights))
    before = looks(path)
    assert "note:" not in rig.program("set", path, ".age=31")
    assert age(rig, "looks") == 31 and looks(path) == before
    os.link(path, rig.url("other-name"))
    told = rig.program("set", path, ".age=32")
    assert "its other names (hard links) keep what is there now" in told, told
    assert age(rig, "looks") == 32 and age(rig, "other-name") == 31
    if not root or not os.access(rig.tmp, os.X_OK):
        return
    os.mkdir(rig.url("theirs"))
    os.chmod(rig.url("theirs"), 0o777)
    rig.put("theirs/a", RECORD)
    os.chmod(rig.url("theirs/a"), 0o666)
    told = rig.program("set", rig.url("theirs/a"), ".age=31", user=NOBODY,
                       XDG_STATE_HOME=rig.url("theirs"))
    assert "it will be yours" in told, told
    assert os.stat(rig.url("theirs/a")).st_uid == NOBODY and age(rig, "theirs/a") == 31


def closed_folder(rig):
    """A file that may be written to, where no other may be made: the folder is named."""
    os.mkdir(rig.url("closed"))
    rig.put("closed/a", RECORD)
    os.chmod(rig.url("closed/a"), 0o666)
    os.chmod(rig.url("closed"), 0o555)
    os.makedirs(rig.url("state"), exist_ok=True)
    os.chmod(rig.url("state"), 0o777)
    user = NOBODY if os.geteuid() == 0 else None
    told = rig.program("set", rig.url("closed/a"), ".age=31", user=user, status=5,
                       XDG_STATE_HOME=rig.url("state"))
    assert f"new file in {rig.url('closed')}" in told and "(r-xr-xr-x " in told, told
    assert age(rig, "closed/a") == 30
    os.chmod(rig.url("closed"), 0o755)


def holes(rig):
    """What takes no room on the disk takes none after a save."""
    body = pickle.dumps({"age": 30, "zeros": bytes(8 << 20)})
    with open(rig.url("holes"), "wb") as f:
        f.write(body[:4096])
        f.seek(len(body) - 4096)
        f.write(body[-4096:])
    before = os.stat(f.name).st_blocks
    rig.program("set", f.name, ".age=31")
    assert age(rig, "holes") == 31 and len(rig.get("holes")) == len(body)
    assert before > 4096 or os.stat(f.name).st_blocks < 1024, os.stat(f.name).st_blocks


def no_room(rig):
    """A disk that is full leaves the old file, and nothing beside it."""
    body = pickle.dumps({"age": 30, "more": os.urandom(200000)})
    os.mkdir(rig.url("small"))
    mounted = os.geteuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "none", rig.url("small")], check=False,
        capture_output=True).returncode == 0
    rig.put("small/a", body)
    try:
        if mounted:
            told = rig.program("set", rig.url("small/a"), ".age=31", status=7)
            assert "No space left on device" in told, told
        else:                                   # a limit does as well; with it nothing is kept
            soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100000, hard))
            try:
                assert "too large" in rig.program("set", rig.url("small/a"), ".age=31", status=7)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert os.listdir(rig.url("small")) == ["a"] and rig.get("small/a") == body
    finally:
        if mounted:
            subprocess.run(["umount", rig.url("small")], check=True)


TESTS = (not_files, names_of_bytes, looks_are_kept, closed_folder, holes, no_room, odd_keys,
         reading, conflicts, one_byte_of_a_pickle, worked_example)

if __name__ == "__main__":
    sys.exit(1 if run_table(Rig(), TESTS) else 0)
