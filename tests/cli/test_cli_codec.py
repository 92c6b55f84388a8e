#!/usr/bin/python3
"""Compressed pickles, with Python's own modules, joblib, pandas and the usual tools on the other
side: shown, edited, saved in the same method; what stands around the pickle stays."""
import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import random
import struct
import subprocess
import sys
import tarfile
import time
import warnings
import zipfile
import zlib

from harness import Failed, Place, run_all, same

VALUE = {
    "name": "John",
    "age": 30,
    "city": "New York",
    "list": list(range(3000)),
    "text": "ab" * 999,
}
PLAIN = pickle.dumps(VALUE, 4)
EDITED = {**VALUE, "age": 31}
TAIL = b"signature MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n"


def tool(*words):
    """The same with a program: what it makes of stdin."""
    return lambda data: subprocess.run(words, input=data, stdout=subprocess.PIPE, check=True).stdout


def xz(check=lzma.CHECK_CRC64, preset=6):
    return lambda data: lzma.compress(data, check=check, preset=preset)


def alone(preset):
    return lambda data: lzma.compress(data, format=lzma.FORMAT_ALONE, preset=preset)


# name: (method, wrap, unwrap)
STREAMS = {
    "gzip 1": ("gzip", lambda d: gzip.compress(d, 1), gzip.decompress),
    "gzip 9": ("gzip", lambda d: gzip.compress(d, 9), gzip.decompress),
    "gzip tool": ("gzip", tool("gzip", "-c"), gzip.decompress),
    "zlib 0": ("zlib", lambda d: zlib.compress(d, 0), zlib.decompress),
    "zlib 3": ("zlib", lambda d: zlib.compress(d, 3), zlib.decompress),
    "zlib 9": ("zlib", lambda d: zlib.compress(d, 9), zlib.decompress),
    "bzip2 1": ("bzip2", lambda d: bz2.compress(d, 1), bz2.decompress),
    "bzip2 9": ("bzip2", lambda d: bz2.compress(d, 9), bz2.decompress),
    "xz": ("xz", xz(), lzma.decompress),
    "xz sha256": ("xz", xz(lzma.CHECK_SHA256, 0), lzma.decompress),
    "xz no check": ("xz", xz(lzma.CHECK_NONE, 9), lzma.decompress),
    "lzma": ("lzma", alone(6), lzma.decompress),
    "lzma 1": ("lzma", alone(1), lzma.decompress),
    "zstd": ("zstd", tool("zstd", "-qc"), tool("zstd", "-qdc")),
    "zstd 19": ("zstd", tool("zstd", "-qc19", "--no-check"), tool("zstd", "-qdc")),
    "zstd 1": ("zstd", tool("zstd", "-qc1"), tool("zstd", "-qdc")),
    "lz4": ("lz4", tool("lz4", "-qc"), tool("lz4", "-qdc")),
    "lz4 linked": ("lz4", tool("lz4", "-qc", "-B4", "-BD", "-BX"), tool("lz4", "-qdc")),
    "lz4 size": ("lz4", tool("lz4", "-qc", "--content-size"), tool("lz4", "-qdc")),
    "gzip in xz": (
        "gzip in xz",
        lambda d: lzma.compress(gzip.compress(d)),
        lambda d: gzip.decompress(lzma.decompress(d)),
    ),
}


def test_shown(p: Place):
    for name, (method, wrap, _) in STREAMS.items():
        file = p.put("x.pickle", wrap(PLAIN))  # a name that says nothing
        p.run("show", "--repr", file).expect(0, repr(VALUE) + "\n")
        p.run("show", "--repr", "-", ".age", stdin=wrap(PLAIN)).expect(0, "30\n")
        report = json.loads(p.run("set", "--json", "-n", file, ".age=31").expect(0).out)
        same(report["wrapping"], method, name)


def test_saved(p: Place):
    for i, (name, (_, wrap, unwrap)) in enumerate(STREAMS.items()):
        old = wrap(PLAIN)
        file = p.put(f"x{i}", old)
        p.run("set", file, ".age=31").expect(0)
        new = p.get(f"x{i}")
        plain = unwrap(new)
        same(pickle.loads(plain), EDITED, name)
        same((len(plain), sum(a != b for a, b in zip(plain, PLAIN))), (len(PLAIN), 1), name)
        # of zlib's levels 0 and 1 the header tells no difference
        if name != "zlib 0" and abs(len(new) - len(old)) > len(old) // 10 + 20:
            raise Failed(f"{name}: {len(old)} bytes became {len(new)}")
        if old not in p.history():
            raise Failed(f"{name}: the stored bytes were not kept")


def test_other_commands(p: Place):
    file, plain = p.put("x", gzip.compress(PLAIN)), p.put("plain", PLAIN)
    p.run("scan", file).expect(0)
    same(p.run("dis", file).expect(0).out, p.run("dis", plain).expect(0).out)
    p.run("diff", file, plain).expect(0)
    old = p.get("x")
    p.run("set", file, ".age=30").expect(0)
    same(p.get("x"), old, "no change")
    done = p.run("set", file, ".age=31", "-o", "-").expect(0)
    same(pickle.loads(gzip.decompress(done.raw)), EDITED)
    p.run("del", file, ".city").expect(0)
    p.run("add", file, ".list[]=1").expect(0)
    p.run("rename", file, ".name", "'who'").expect(0)
    back = pickle.loads(gzip.decompress(p.get("x")))
    same((list(back), back["list"][-1]), (["who", "age", "list", "text"], 1))
    p.run("cp", file, p.path("copy")).expect(0)
    same(p.get("copy"), p.get("x"))


def test_gzip_header(p: Place):
    header = b"\x1f\x8b\x08\x1e" + struct.pack("<I", 1234567890) + b"\x02\x07"
    header += b"\x06\x00AB\x02\x00xy" + b"j\xf6hn.pkl\0" + b"a comment\0"
    header += struct.pack("<H", zlib.crc32(header) & 0xFFFF)
    body = zlib.compress(PLAIN, 9)[2:-4]
    file = p.put("x", header + body + struct.pack("<II", zlib.crc32(PLAIN), len(PLAIN)) + TAIL)
    p.run("set", file, ".age=31").expect(0)
    new = p.get("x")
    same(new[: len(header)], header)
    same(new[-len(TAIL) :], TAIL)
    d = zlib.decompressobj(31)
    same(pickle.loads(d.decompress(new)), EDITED)
    same(d.unused_data, TAIL)


def test_levels(p: Place):
    """What the header tells of the level it tells again."""
    for level in (1, 2, 6, 7, 9):
        p.put("z", zlib.compress(PLAIN, level))
        p.put("b", bz2.compress(PLAIN, level))
        p.put("x", lzma.compress(PLAIN, preset=level))
        for name, head in (("z", 2), ("b", 4), ("x", 24)):
            old = p.get(name)
            p.run("set", p.path(name), ".age=31").expect(0)
            same(p.get(name)[:head], old[:head], f"{name}{level}")


def test_trailing(p: Place):
    for name, (_, wrap, _) in STREAMS.items():
        file = p.put("x", wrap(PLAIN) + TAIL)
        p.run("show", "--repr", file, ".age").expect(0, "30\n")
        p.run("set", file, ".age=31").expect(0)
        if not p.get("x").endswith(TAIL):
            raise Failed(f"{name}: what stood behind the stream is gone")
        p.run("show", "--repr", file, ".age").expect(0, "31\n")


def test_members(p: Place):
    two = pickle.dumps([1]) + pickle.dumps([2])
    for name in ("gzip 9", "bzip2 9", "xz", "zstd", "lz4"):
        _, wrap, unwrap = STREAMS[name]
        file = p.put("x", wrap(two[:9]) + wrap(two[9:]))
        p.run("show", "--repr", file, "@1[0]").expect(0, "2\n")
        done = p.run("set", file, "@1[0]=3").expect(0)
        same("its compressed members become one" in done.out, True, name)
        same(unwrap(p.get("x")), pickle.dumps([1]) + pickle.dumps([3]), name)


def test_cut_and_broken(p: Place):
    rng = random.Random(7)
    for name, (method, wrap, _) in STREAMS.items():
        whole = wrap(PLAIN)
        for cut in rng.sample(range(20, len(whole) - 1), 2):
            done = p.run("show", p.put("x", whole[:cut])).expect(6)
            if method.rsplit(" ", maxsplit=1)[-1] not in done.err or "cut off" not in done.err:
                raise Failed(f"{name}, cut at {cut}: {done}")
            p.run("set", p.path("x"), ".age=31").expect(6, "")
            same(p.get("x"), whole[:cut])
        bad = bytearray(whole)
        bad[len(bad) // 2] ^= 0x10
        status = p.run("show", p.put("x", bytes(bad))).status
        if status != 6 and name not in ("xz no check", "lzma", "lzma 1", "zstd 19", "zlib 0"):
            raise Failed(f"{name}: broken, and status {status}")
    # complete, but the checksum is wrong: to be read, not to be saved
    bad = bytearray(gzip.compress(PLAIN))
    bad[-6] ^= 1
    done = p.run("show", "--repr", p.put("x", bytes(bad))).expect(6, err="incorrect data check")
    same(done.out, repr(VALUE) + "\n")


def test_half_arrived(p: Place):
    """Bytes that come one by one, and a pipe that ends too early."""
    data = gzip.compress(PLAIN)
    process = p.start(
        "show",
        "--repr",
        "-",
        ".age",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    for i in range(0, len(data), len(data) // 20):
        process.stdin.write(data[i : i + len(data) // 20])
        process.stdin.flush()
        time.sleep(0.005)
    out, _ = process.communicate(timeout=30)
    same(out, b"30\n")
    p.run("show", "-", stdin=data[:-9]).expect(6, err="cut off")


def test_bomb(p: Place):
    bomb = p.put("bomb", gzip.compress(pickle.dumps(b"\0" * 50_000_000)))
    p.run("show", bomb, "--decode-limit", "1M").expect(6, err="--decode-limit")
    p.run("scan", bomb, "--decode-limit", "60M").expect(0)
    p.run("show", bomb, "--decode-limit", "lots").expect(2, "")
    layers = PLAIN
    for _ in range(5):
        layers = gzip.compress(layers)
    p.run("show", p.put("deep", layers)).expect(6, err="more than 4 wrappings")


def test_no_pickle_in_it(p: Place):
    for data in (b"", b"just text", gzip.compress(b"")):
        p.run("show", p.put("x", gzip.compress(data))).expect(6)
    p.run("show", p.put("x", b"x\x9c no zlib at all")).expect(6, err="zlib")
    # pickles that begin like something else stay pickles
    p.run("show", "--repr", p.put("x", b"(S'a'\ntp0\n.")).expect(0, "('a',)\n")


def test_joblib(p: Place):
    try:
        import joblib
        import numpy
    except ImportError:
        print("joblib or numpy is not here")
        return
    value = {"n": 5, "w": numpy.arange(500.0), "o": [1, 2]}
    for method in ("zlib", "gzip", "bz2", "xz", "lzma", "lz4"):
        joblib.dump(value, p.path("x"), compress=(method, 3))
        p.run("show", "--repr", p.path("x"), ".n").expect(0, "5\n")
        p.run("set", p.path("x"), ".n=6", ".o[0]='one'").expect(0)
        back = joblib.load(p.path("x"))
        same((back["n"], back["o"], (back["w"] == value["w"]).all()), (6, ["one", 2], True), method)


def test_pandas(p: Place):
    try:
        import pandas
    except ImportError:
        print("pandas is not here")
        return
    series = pandas.Series([1.5, 2.5], name="prices")
    for method in ("gzip", "bz2", "xz"):
        series.to_pickle(p.path("x"), compression=method)
        p.run("show", p.path("x")).expect(0)
        p.run("set", p.path("x"), ".name='costs'").expect(0)
        back = pandas.read_pickle(p.path("x"), compression=method)
        same((back.name, list(back)), ("costs", [1.5, 2.5]), method)


# ------------------------------------------------------------------------------------ archives


def zipped(files, method=zipfile.ZIP_DEFLATED, stream=False):
    """stream: written where nothing can be sought, so that descriptors follow the data."""

    class Pipe(io.RawIOBase):
        def writable(self):
            return True

        def write(self, data):
            out.write(data)
            return len(data)

    out = io.BytesIO()
    with zipfile.ZipFile(Pipe() if stream else out, "w", method) as z:
        for name, data in files.items():
            z.writestr(name, data)
        z.comment = b"a comment"
    return out.getvalue()


def unzipped(data):
    with zipfile.ZipFile(io.BytesIO(data)) as z:
        same(z.testzip(), None)
        return {name: z.read(name) for name in z.namelist()}


def tarred(files, kind=tarfile.PAX_FORMAT, mode="w", **more):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, format=kind) as t:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.uname = len(data), more.get("mtime", 1234567890), "ann"
            t.addfile(info, io.BytesIO(data))
    return out.getvalue()


def untarred(data):
    with tarfile.open(fileobj=io.BytesIO(data)) as t:
        return {m.name: (t.extractfile(m).read(), m.mtime, m.uname) for m in t.getmembers()}


def edits(value):
    """What makes the pickle shorter, longer by some, longer by much, and of the same length."""
    yield ".age=31", {**value, "age": 31}
    yield ".text='" + "xy" * 9000 + "'", {**value, "text": "xy" * 9000}
    yield ".text=''", {**value, "text": ""}


def test_one_in_zip(p: Place):
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED):
        for stream in (False, True):
            old = zipped({"df.pkl": PLAIN}, method, stream)
            p.run("show", "--repr", p.put("x", old)).expect(0, repr(VALUE) + "\n")
            for edit, value in edits(VALUE):
                p.run("set", p.put("x", old), edit).expect(0)
                new = p.get("x")
                same({n: pickle.loads(d) for n, d in unzipped(new).items()}, {"df.pkl": value})
                same(new[-9:], b"a comment")
                same(new[6:14], old[6:14], "flags, method and time")
                p.run("show", "--repr", p.path("x")).expect(0, repr(value) + "\n")


def test_one_in_tar(p: Place):
    for kind in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        for name in ("df.pkl", "long/" * 30 + "df.pkl"):
            for mode in ("w", "w:gz") if kind == tarfile.PAX_FORMAT else ("w",):
                try:
                    old = tarred({name: PLAIN}, kind, mode, mtime=1234567890.5)
                except ValueError:
                    continue
                p.run("show", "--repr", p.put("x", old)).expect(0, repr(VALUE) + "\n")
                for edit, value in edits(VALUE):
                    p.run("set", p.put("x", old), edit).expect(0)
                    new = untarred(p.get("x"))
                    (data, mtime, owner), before = new[name], untarred(old)[name]
                    same((list(new), mtime, owner), ([name], *before[1:]))
                    same(pickle.loads(data), value)
                    same(len(p.get("x")) % 10240, 0) if mode == "w" else None


def test_members_of_archives(p: Place):
    files = {"a.pkl": PLAIN, "d/b.pkl": pickle.dumps([1, 2]), "readme": b"text" * 50}
    for pack, unpack in (
        (zipped, unzipped),
        (lambda f: zipped(f, zipfile.ZIP_STORED), unzipped),
        (lambda f: zipped(f, stream=True), unzipped),
        (tarred, untarred),
    ):
        p.put("x", pack(files))
        p.run("show", "x").expect(6, "", "name one with !/ behind the archive (a.pkl, d/b.pkl)")
        p.run("show", "--repr", "x!/d/b.pkl").expect(0, "[1, 2]\n")
        p.run("show", "x!/d/c.pkl").expect(3, "", "d/c.pkl")
        p.run("show", "y!/d/c.pkl").expect(3, "", "y!/d/c.pkl")
        p.run("show", "x!/readme").expect(6)
        for edit, value in edits(VALUE):
            before = unpack(p.get("x"))
            p.run("set", "x!/a.pkl", edit).expect(0)
            after = unpack(p.get("x"))
            same(list(after), list(files))
            same(
                {n: after[n] for n in after if n != "a.pkl"},
                {n: before[n] for n in before if n != "a.pkl"},
                "the other files",
            )
            p.run("set", "x!/a.pkl", f".age=30", f".text='{VALUE['text']}'").expect(0)
        same(b"readme" in p.get("x"), True)
    # a name's bytes are its own first
    os.mkdir(p.path("d!"))
    p.put("d!/a.pkl", pickle.dumps("literal"))
    p.put("d", zipped({"a.pkl": pickle.dumps("member")}))
    p.run("show", "--repr", "d!/a.pkl").expect(0, "'literal'\n")
    os.unlink(p.path("d!/a.pkl"))
    p.run("show", "--repr", "d!/a.pkl").expect(0, "'member'\n")
    p.put("plain", PLAIN)
    p.run("show", "plain!/a").expect(3, "", "no archive")


def test_names_that_lead_away(p: Place):
    """Names that lead out of the archive are names in it, and lead nowhere."""
    files = {"../up.pkl": PLAIN, "/abs.pkl": PLAIN, "a.pkl": PLAIN}
    for pack, names in ((zipped, unzipped), (tarred, untarred)):
        file = p.put("x", pack(files))
        same(sorted(p.run("ls", "-r", file + "!/").expect(0).out.split()), sorted(files))
        for name in files:
            p.run("set", f"{file}!/{name}", ".age=31").expect(0)
            p.run("show", "--repr", f"{file}!/{name}", ".age").expect(0, "31\n")
        same(list(names(p.get("x"))), list(files))
    same([os.path.lexists(name) for name in ("/abs.pkl", p.path("../up.pkl"))], [False, False])


def test_listed(p: Place):
    p.put("x", tarred({"b.pkl": PLAIN, "d/e/c.pkl": PLAIN, "./a.pkl": PLAIN}))
    p.run("ls", "x!/").expect(0, "a.pkl\nb.pkl\nd/\n")
    p.run("ls", "-r", "x!/").expect(0, "a.pkl\nb.pkl\nd/e/c.pkl\n")
    p.run("ls", "x!/d/").expect(0, "e/\n")
    p.run("show", "--repr", "x!/a.pkl", ".age").expect(0, "30\n")
    p.run("ls", "y!/").expect(7 if p.run("ls", "y/").status == 7 else 3)
    p.run("ls", p.put("plain", PLAIN) + "!/").expect(3)


def test_scanned(p: Place):
    """Not only the file that looks most like a pickle."""
    evil = b"cos\nsystem\n(S'true'\ntR."
    p.put("x", zipped({"data.pkl": PLAIN, "weights": evil, "text": "hello"}))
    p.run("show", "--repr", "x", ".age").expect(0, "30\n")
    done = p.run("scan", "x").expect(1)
    if "x!/weights: dangerous" not in done.out or "system" not in done.out:
        raise Failed(f"{done}")
    p.run("scan", p.put("y", zipped({"data.pkl": PLAIN, "text": "hello"}))).expect(0)
    p.run("scan", p.put("z", gzip.compress(evil))).expect(1)


def test_read_only_archives(p: Place):
    """What would not come out as it was is not written: the reason is said."""
    twice = io.BytesIO()
    with zipfile.ZipFile(twice, "w") as z:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            z.writestr("a", PLAIN)
            z.writestr("a", PLAIN)
    aligned = zipfile.ZipInfo("m/data.pkl")
    aligned.extra = struct.pack("<HH", 0x4246, 3) + b"ZZZ"
    torch = io.BytesIO()
    with zipfile.ZipFile(torch, "w") as z:
        z.writestr(aligned, PLAIN)
        z.writestr("m/version", "3\n")
    front = b"#!/bin/sh\n" + zipped({"a": PLAIN})
    two = zipped({"a": PLAIN, "b": b"x" * 99})
    other, overlap = bytearray(two), bytearray(two)
    row = two.index(b"PK\1\2")
    longer = struct.pack("<I", struct.unpack_from("<I", two, 18)[0] + 20)
    other[row + 20 : row + 24] = longer
    overlap[row + 20 : row + 24] = overlap[18:22] = longer
    for data, name, why in (
        (bytes(other), "x!/a", "directory is wrong"),
        (bytes(overlap), "x!/a", "overlap"),
        (twice.getvalue(), "x!/a", "one name"),
        (torch.getvalue(), "x", "aligned"),
        (zipped({"a": PLAIN}, zipfile.ZIP_BZIP2), "x", "deflate"),
        (zipped({"a": PLAIN}, zipfile.ZIP_LZMA), "x", "deflate"),
    ):
        p.put("x", data)
        p.run("show", name, ".age").expect(0, "30\n")
        done = p.run("set", name, ".age=31").expect(7, "")
        if why not in done.err:
            raise Failed(f"{why}: {done}")
        same(p.get("x"), data)
    p.run("show", p.put("x", front)).expect(6)


def test_broken_archives(p: Place):
    rng = random.Random(11)
    for whole in (
        zipped({"a": PLAIN, "b": b"x" * 99}),
        tarred({"a": PLAIN}),
        zipped({"a": PLAIN}, zipfile.ZIP_STORED),
    ):
        for _ in range(8):
            data = bytearray(
                whole[: rng.randrange(30, len(whole))] if rng.random() < 0.4 else whole
            )
            for _ in range(rng.randrange(1, 6)):
                data[rng.randrange(len(data))] = rng.randrange(256)
            status = p.run("show", "--repr", p.put("x", bytes(data))).status
            if status not in (0, 3, 6, 7):
                raise Failed(f"status {status}")
    p.run("show", p.put("x", zipped({}))).expect(6)
    p.run("show", p.put("x", tarred({}))).expect(6)


def test_npy(p: Place):
    try:
        import numpy
    except ImportError:
        print("numpy is not here")
        return
    numpy.save(p.path("o.npy"), numpy.array([1, "a"], dtype=object))
    numpy.save(p.path("f.npy"), numpy.arange(3.0))
    numpy.savez(p.path("x.npz"), a=numpy.array([1, "a"], dtype=object), b=numpy.arange(3))
    for name in ("o.npy", "x.npz!/a.npy"):
        done = p.run("show", "--repr", name).expect(0)
        if "[1, 'a']" not in done.out:
            raise Failed(f"{done}")
        p.run("set", name, "@args[0]=1").expect(7, "", "repeats")
    p.run("show", "f.npy").expect(6, "", "no pickle")
    p.run("show", "x.npz!/b.npy").expect(6, "", "no pickle")


def test_pandas_archives(p: Place):
    try:
        import pandas
    except ImportError:
        print("pandas is not here")
        return
    series = pandas.Series([1.5, 2.5], name="prices")
    for method in ("zip", "tar"):
        series.to_pickle(p.path("x"), compression=method)
        p.run("set", p.path("x"), ".name='a longer name than it was'").expect(0)
        back = pandas.read_pickle(p.path("x"), compression=method)
        same((back.name, list(back)), ("a longer name than it was", [1.5, 2.5]), method)


TESTS = [test for name, test in list(globals().items()) if name.startswith("test_")]
sys.exit(run_all(TESTS))
