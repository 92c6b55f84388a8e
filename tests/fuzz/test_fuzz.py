#!/usr/bin/python3
"""The fuzz targets over the samples: as they are, cut, and with a few bytes changed.

What finds something is reported with the file it was made from; the seed is printed. FUZZ_SECONDS
bounds the run (each target a third of it), PKLBROWSE_SEED repeats one.
"""
import bz2
import gzip
import io
import lzma
import os
import pickle
import random
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
import zlib

build = os.environ["builddir"]
corpus = os.environ["PKLBROWSE_CORPUS"]
seconds = float(os.environ.get("FUZZ_SECONDS", "20"))
seed = int(os.environ.get("PKLBROWSE_SEED", random.randrange(1 << 32)))
passed = failed = skipped = 0

LITERALS = (
    "1_000",
    "0x1f",
    "-0.0",
    "1e3",
    "3+4j",
    "'a' \"b\"",
    "'''x\ny'''",
    "rb'\\x00'",
    "{1: [2, (3,)]}",
    "frozenset({1, 'a'})",
    "bytearray(b'\\xff')",
    "[" * 50 + "]" * 50,
    "{'k': None, 'v': True}",
    "u'\\N{BULLET}\\ud800'",
    "9" * 5000,
    "{1, 2, 3}",
    "set()",
    "-inf",
    "nan",
    "(1,)",
    "b'' b'x'",
)


def samples():
    """Paths of pickles, small ones first; those of the corpus where it is there."""
    found = []
    for top in (corpus, os.path.join(os.environ["srcdir"], "docs/demo")):
        for folder, _, names in os.walk(top):
            found += [os.path.join(folder, n) for n in names if not n.endswith((".tsv", ".md"))]
    return sorted((p for p in found if "\n" not in p), key=os.path.getsize)


def packed_files():
    """One small pickle in everything that Python itself can put it in."""
    folder = os.path.join(os.environ["TEST_TMP"], "packed")
    os.mkdir(folder)
    plain = pickle.dumps({"name": "John", "age": 30, "text": "ab" * 99}, 4)
    tar, zipped = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as t:
        info = tarfile.TarInfo("a.pkl")
        info.size = len(plain)
        t.addfile(info, io.BytesIO(plain))
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("a.pkl", plain)
        z.writestr("b", b"text")
    found = [
        gzip.compress(plain, mtime=0),
        zlib.compress(plain, 1),
        bz2.compress(plain),
        lzma.compress(plain, preset=0),
        lzma.compress(plain, format=lzma.FORMAT_ALONE),
        gzip.compress(plain, mtime=0) * 2,
        tar.getvalue(),
        zipped.getvalue(),
    ]
    for tool in ("zstd", "lz4"):
        if shutil.which(tool):
            found.append(
                subprocess.run(
                    [tool, "-qc"], input=plain, stdout=subprocess.PIPE, check=True
                ).stdout
            )
    paths = []
    for i, data in enumerate(found):
        paths.append(os.path.join(folder, str(i)))
        with open(paths[-1], "wb") as f:
            f.write(data)
    return paths


def literal_files():
    folder = os.path.join(os.environ["TEST_TMP"], "literals")
    os.mkdir(folder)
    for i, text in enumerate(LITERALS):
        with open(os.path.join(folder, str(i)), "w", encoding="utf-8") as f:
            f.write(text)
    return [os.path.join(folder, str(i)) for i in range(len(LITERALS))]


def replay(target, paths, options, until):
    """Batches of files, at least one, until the time is up; how many inputs there were."""
    global passed, failed
    inputs, size = 0, 20
    for at in range(0, len(paths), size):
        if at > 0 and time.monotonic() > until:
            break
        run = subprocess.run(
            [f"{build}/tests/fuzz/{target}", *options, *paths[at : at + size]],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=300,
        )
        if run.returncode == 0:
            inputs += int(run.stdout)
            passed += 1
            continue
        failed += 1
        print(f"{target} {' '.join(options)}: status {run.returncode}")
        print("\n".join(run.stderr.splitlines()[-30:]))
    print(f"{target} {' '.join(options)}: {inputs} inputs")


def main():
    global skipped
    random.seed(seed)
    print(f"seed {seed}")
    files = samples()
    if not os.path.isdir(corpus):
        print(f"no samples in {corpus}: the demo's only")
        skipped += 1
    small = [p for p in files if os.path.getsize(p) <= 3000]
    share = seconds / 6
    start = time.monotonic()
    # Not always the same first ones: each run gets further elsewhere.
    random.shuffle(small)
    replay("fuzz_pickle", small, ["--cuts", "3000"], start + share)
    random.shuffle(small)
    replay("fuzz_pickle", small, ["--mutations", "40", "--seed", str(seed)], start + 2 * share)
    middle = [p for p in files if 3000 < os.path.getsize(p) <= 200000]
    random.shuffle(middle)
    replay("fuzz_pickle", middle, ["--cuts", "3", "--mutations", "3"], start + 3 * share)
    head = ["--head", f"{seed | 1:016x}"]
    random.shuffle(small)
    replay("fuzz_edit", small, head + ["--mutations", "20", "--seed", str(seed)], start + 4 * share)
    mutations = ["--cuts", "100", "--mutations", "300", "--seed", str(seed)]
    replay("fuzz_literal", literal_files(), mutations, start + 5 * share)
    replay("fuzz_codec", packed_files(), mutations, start + 6 * share)
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return failed > 0


sys.exit(main())
