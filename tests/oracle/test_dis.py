#!/usr/bin/python3
"""`pklbrowse dis` says what `python3 -m pickletools` says, byte for byte, as far as that one gets.

Over the corpus (nothing is unpickled), random pickles of CPython in every protocol, and hand-made
ones. Where pickletools stops and we go on, its lines are the beginning of ours.
"""
import io
import os
import pickle
import pickletools
import random
import subprocess
import sys
import tempfile
import time

import suite
from suite import CORPUS, PROGRAM, SEED, begin, check, skip

NOTED = "more bytes from", "a function sets the state of an object"
LOCALE = dict(os.environ, LC_ALL="C.UTF-8")


def ours(path, *options):
    done = subprocess.run(
        [PROGRAM, "dis", *options, path], capture_output=True, env=LOCALE, timeout=300, check=False
    )
    return done.returncode, done.stdout, done.stderr.decode("utf-8", "replace")


def theirs(data):
    """Text of pickletools, and why it stopped (None: it did not)."""
    out = io.StringIO()
    try:
        pickletools.dis(data, out)
    except Exception as e:  # whatever it stumbles over
        return out.getvalue().encode("utf-8", "surrogatepass"), f"{type(e).__name__}: {e}"
    return out.getvalue().encode("utf-8", "surrogatepass"), None


def first_difference(a, b):
    for n, (x, y) in enumerate(zip(a.split(b"\n"), b.split(b"\n"))):
        if x != y:
            return f"line {n}: ours {x[:200]!r} theirs {y[:200]!r}"
    return f"{len(a)} and {len(b)} bytes"


def without_last(text, lines):
    """pickletools' text without its last lines."""
    kept = text.split(b"\n")[:-1]
    return b"".join(line + b"\n" for line in kept[: len(kept) - lines])


def same_as_pickletools(data, path, what):
    status, text, err = ours(path)
    want, why = theirs(data)
    if why is None:
        # The unpickler refuses some that pickletools reads to the end: up to there.
        good = text.startswith(want) or (status == 6 and want.startswith(text))
        check(good, f"{what}: {first_difference(text, want)}")
    elif status == 6:
        # What we refuse earlier than pickletools; or it stops earlier than we do.
        good = any(
            a.startswith(b)
            for a, b in (
                (text, want),
                (want, text),
                (text, without_last(want, 1)),
                (want, without_last(text, 1)),
            )
        )
        check(good, f"{what} ({why}): {first_difference(text, want)}")
    else:
        # The last line of one that stops may be about its own trouble ("no MARK exists").
        good = text.startswith(want) or text.startswith(without_last(want, 1))
        check(good, f"{what} ({why}): {first_difference(text, want)}")
    check(
        status in (0, 6) and (status == 0) == (err == "" or any(w in err for w in NOTED)),
        f"{what}: status {status}, {err!r}",
    )
    return status


# ---------------------------------------------------------------------- random values


def random_text(r):
    kinds = (
        "abc'\"\\ \n\t\r",
        "\x00\x1b\x7f\x80\x85\xa0\xad\xe9\xff",
        "한국어 ≤\u202e\u200d",
        "\U0001f952\U000e0001",
        "\ud800\udfff",
    )
    return "".join(r.choice(r.choice(kinds)) for _ in range(r.randrange(12)))


def random_value(r, depth):
    if depth == 0 or r.random() < 0.3:
        return r.choice(
            (
                None,
                True,
                False,
                r.randrange(-5, 300),
                r.randrange(-1 << 33, 1 << 33),
                r.getrandbits(r.randrange(1, 3000)) - r.getrandbits(40),
                r.random() * 10 ** r.randrange(-300, 300),
                float("nan"),
                float("-inf"),
                -0.0,
                1e16,
                random_text(r),
                bytes(r.randrange(256) for _ in range(r.randrange(20))),
                bytearray(r.randrange(256) for _ in range(r.randrange(5))),
                "x" * r.choice((255, 256, 70000)),
                range,
                os.path.join,
                (),
                2 + 3j,
            )
        )
    n = r.choice((0, 1, 2, 3, 4, 9))
    items = [random_value(r, depth - 1) for _ in range(n)]
    shape = r.randrange(5)
    if shape == 0:
        return tuple(items)
    if shape == 1:
        return {random_text(r): item for item in items}
    if shape == 2:
        return frozenset(x for x in items if isinstance(x, (str, int, bytes)))
    if shape == 3:
        return set(x for x in items if isinstance(x, (str, int, bytes)))
    if items and r.random() < 0.3:
        items.append(items[0])
    return items


def random_pickles(folder):
    r = random.Random(SEED)
    path = os.path.join(folder, "random.pkl")
    for n in range(400):
        data = pickle.dumps(random_value(r, 5), r.randrange(6))
        if r.random() < 0.15:
            data = data[: r.randrange(len(data))]  # broken off
        with open(path, "wb") as f:
            f.write(data)
        if data:
            same_as_pickletools(data, path, f"random pickle {n} of seed {SEED}")


# ---------------------------------------------------------------------- hand-made

CASES = {
    "every text opcode": b"(I1\nI01\nI00\nL5L\nL-7\nF1.5\nS'a\\'b\\x00'\nVa\\u0041\\n\n"
    b"p0\ng0\nPid\ncos\nsystem\nt.",
    "string quotes": b"(S'it is'\nS\"it's\"\nU\x03a'bX\x03\x00\x00\x00\"'\"C\x02'\"t.",
    "mark of POP": b"(0K\x01.",
    "POP_MARK": b"K\x05(K\x01K\x021.",
    "binstring is Latin-1": b"U\x03\xe9\x80\xad.",
    "long": b"\x80\x02\x8a\x00\x8a\x02\x00\x80\x8b\x01\x00\x00\x00\xff\x87.",
    "frames and memo": b"\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00]\x94h\x00a.",
    "memoize behind a gap": b"\x80\x04(K\x01r\xe8\x03\x00\x00\x8c\x01y\x94h\x01t.",
    "buffers": b"\x80\x05\x96\x02\x00\x00\x00\x00\x00\x00\x00ab\x97\x98\x86.",
    "extension": b"\x80\x02(\x82\xf0\x83\xf0\x01\x84\x00\x00\x01\x00t.",
    "inst and obj": b"((ccollections\nOrderedDict\no(icollections\nOrderedDict\nt.",
    "persistent": b"\x80\x02U\x01aQ.",
}
FURTHER = {
    "memo slot used twice": b"K\x01q\x00K\x02q\x00.",
    "stack not empty": b"K\x01K\x02.",
    "hexadecimal": b"I0x1f\n.",
    "two pickles": b"K\x01.K\x02.",
    "not ASCII": b"S'\xe9'\n.",
    "very long int": b"\x8b" + (2000).to_bytes(4, "little") + b"\x01" * 2000 + b".",
    "trailing": b"K\x01.\x00\x01\x02",
}
MORE = {
    "two pickles": b"    3: K    BININT1    2\n",
    "stack not empty": b"highest protocol among opcodes = 1\n",
    "memo slot used twice": b"    6: q    BINPUT     0\n    8: .    STOP\n",
    "hexadecimal": b"    0: I    INT        31\n",
    "not ASCII": "    0: S    STRING     'é'\n".encode(),
    "very long int": b"LONG4      0x1010101",
}


def hand_made(folder):
    path = os.path.join(folder, "case.pkl")
    for table in (CASES, FURTHER):
        for what, data in table.items():
            with open(path, "wb") as f:
                f.write(data)
            status = same_as_pickletools(data, path, what)
            check(status == 0, f"{what}: status {status}")
            if table is CASES:
                check(theirs(data)[1] is None, f"{what}: pickletools reads it")
            text = ours(path)[1]
            check(MORE.get(what, b"") in text, f"{what}: {text!r}")
    with open(path, "wb") as f:
        f.write(b"K\x01.\x00\x01\x02")
    check("3 more bytes from byte 3 on" in ours(path)[2], "trailing bytes are said")


BROKEN = {
    b"": (b"", "it is empty"),
    b"K\x01": (b"    0: K    BININT1    1\n", "byte 2"),
    b"K\x01\xff": (b"    0: K    BININT1    1\n", "no such opcode"),
    b"\x80\x04]e.": (
        b"    0: \\x80 PROTO      4\n    2: ]    EMPTY_LIST\n"
        b"    3: e        APPENDS no MARK exists on stack\n".replace(
            b"        A", b"    A"
        ).replace(b"S no", b"S    no"),
        "byte 3",
    ),
    b"\x80\x02]K\x01aX\xff\x00\x00\x00abc": (
        b"    0: \\x80 PROTO      2\n    2: ]    EMPTY_LIST\n    3: K    BININT1    1\n"
        b"    5: a    APPEND\n",
        "byte 6",
    ),
    b"h\x05.": (b"    0: h    BINGET     5\n", "byte 0"),
}


def broken(folder):
    path = os.path.join(folder, "broken.pkl")
    for data, (want, why) in BROKEN.items():
        with open(path, "wb") as f:
            f.write(data)
        status, text, err = ours(path)
        check(status == 6 and text == want and why in err, f"{data!r}: {status} {text!r} {err!r}")


# ------------------------------------------------------------------------ paths

PATHS = {
    "nested": (
        {"users": [{"name": "a"}, 5], (1, 2): None},
        [
            "@0",
            ".users@key",
            ".users",
            ".users[0].name@key",
            ".users[0].name",
            ".users[1]",
            "[(1, 2)]",
            "[(1, 2)]@key",
        ],
    ),
}


class Point:
    def __init__(self):
        self.x, self.y = 1, [2.5]


def paths(folder):
    path = os.path.join(folder, "paths.pkl")
    for protocol in range(6):
        for what, (value, want) in PATHS.items():
            with open(path, "wb") as f:
                f.write(pickle.dumps(value, protocol))
            status, text, _ = ours(path, "--paths")
            got = {
                line.rpartition(" ; ")[2].partition(" ")[2] for line in text.decode().split("\n")
            }
            missing = [p for p in want if p not in got]
            check(
                status == 0 and not missing, f"{what}, protocol {protocol}: {missing} not in {got}"
            )
        with open(path, "wb") as f:
            f.write(pickle.dumps([Point(), Point()], protocol))
        text = ours(path, "--paths")[1].decode()
        check("[0].x" in text and "[1].y[0]" in text, f"objects, protocol {protocol}: {text}")
        # The text in front of the column is that without paths, and the height ends at nothing.
        plain = ours(path)[1].decode().split("\n")
        lines = [line.rpartition(" ; ") for line in text.split("\n")]
        check([a.rstrip() or c for a, _, c in lines] == plain, f"columns, protocol {protocol}")
        check(lines[-3][2] == "0", f"height at STOP, protocol {protocol}: {lines[-3]}")
    # Every leaf of a long list is told apart, and its number is its place.
    with open(path, "wb") as f:
        f.write(pickle.dumps([{"k": n} for n in range(5000)], 4))
    text = ours(path, "--paths")[1].decode()
    check(all(f" [{n}].k\n" in text for n in range(5000)), "5,000 places")
    # Deep nesting, and a shared value: no recursion, the place where it was made.
    value = []
    for _ in range(20000):
        value = [value]
    with open(path, "wb") as f:
        f.write(b"\x80\x02" + b"]" * 3000 + b"a" * 2999 + b".")
    status, text, _ = ours(path, "--paths")
    check(status == 0 and b"[0]" * 2999 + b"\n" in text, "3,000 levels")


# ------------------------------------------------------------------------ corpus


def corpus():
    """A sixth of it, chosen by the seed: starting the program is most of the time."""
    if not os.path.isdir(CORPUS):
        skip(f"no corpus at {CORPUS}")
        return
    done, turn = 0, SEED
    for folder, _, names in sorted(os.walk(CORPUS)):
        for name in sorted(names):
            path = os.path.join(folder, name)
            turn += 1
            if turn % 6 or name in ("INDEX.tsv", "README.md"):
                continue
            if os.path.getsize(path) > 2_000_000:
                continue
            with open(path, "rb") as f:
                data = f.read()
            same_as_pickletools(data, path, os.path.relpath(path, CORPUS))
            done += 1
    print(f"{done} files of the corpus")


# ------------------------------------------------------------------------- speed


def speed(folder):
    """Interleaved runs; printed, and only asked to be several times as fast."""
    r = random.Random(1)
    path = os.path.join(folder, "speed.pkl")
    shapes = {
        "dicts": [
            {"id": n, "name": f"user {n}", "score": n / 7, "tags": ["a", "b"]} for n in range(60000)
        ],
        "ints": [r.randrange(1 << 40) for _ in range(400000)],
        "strings": [f"{r.getrandbits(64):x}" for _ in range(250000)],
    }
    worst = 1e9
    for what, value in shapes.items():
        data = pickle.dumps(value, 4)
        with open(path, "wb") as f:
            f.write(data)
        mine, python = [], []
        for _ in range(3):
            start = time.perf_counter()
            with open(os.devnull, "wb") as null:
                subprocess.run([PROGRAM, "dis", path], stdout=null, check=True, env=LOCALE)
            mine.append(time.perf_counter() - start)
            start = time.perf_counter()
            with open(os.devnull, "w", encoding="utf-8") as null:
                pickletools.dis(data, null)
            python.append(time.perf_counter() - start)
        ratio = min(python) / min(mine)
        worst = min(worst, ratio)
        print(
            f"speed: {what}: {len(data) / 1e6:.1f} MB, ours {min(mine):.3f} s, "
            f"pickletools {min(python):.3f} s, {ratio:.0f} times as fast"
        )
    check(worst > 5, f"only {worst:.1f} times as fast as pickletools")


def main():
    begin(PROGRAM)
    with tempfile.TemporaryDirectory() as folder:
        hand_made(folder)
        broken(folder)
        paths(folder)
        random_pickles(folder)
        corpus()
        speed(folder)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
