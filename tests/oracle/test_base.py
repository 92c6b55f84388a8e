#!/usr/bin/python3
"""The base against Python: what is printable, floats, big integers, UTF-8, dates, encodings.

src/base is compiled into a library of its own and called through ctypes.
"""
import base64
import binascii
import ctypes
import datetime
import hashlib
import os
import random
import struct
import subprocess
import sys
import tempfile
import unicodedata
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))


class Buf(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("len", ctypes.c_size_t), ("cap", ctypes.c_size_t),
                ("max", ctypes.c_size_t), ("failed", ctypes.c_int)]


class Date(ctypes.Structure):
    _fields_ = [(n, ctypes.c_int) for n in ("year", "month", "day", "hour", "minute", "second")]


def build(folder):
    """src/base but XML, which Python cannot be asked about."""
    sources = [os.path.join(TOP, "src/base", n) for n in sorted(os.listdir(f"{TOP}/src/base"))
               if n.endswith(".c") and n != "xml.c"]
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libcrypto", "libutf8proc"],
                           check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    path = os.path.join(folder, "base.so")
    subprocess.run([os.environ.get("CC", "cc"), "-std=c11", "-D_GNU_SOURCE", "-O1", "-shared",
                    "-fPIC", "-I", f"{TOP}/include", "-o", path, *sources, *flags, "-lm"],
                   check=True)
    return ctypes.CDLL(path)


class Base:
    """The functions, with Python's values in and out."""

    def __init__(self, lib):
        self.lib = lib
        lib.text_printable.restype = ctypes.c_bool
        lib.num_repr_double.argtypes = [ctypes.POINTER(Buf), ctypes.c_double]
        lib.num_parse_double.restype = ctypes.c_bool
        lib.num_big_bits.restype = ctypes.c_size_t
        lib.utf8_check.restype = ctypes.c_size_t
        lib.crc32_of.restype = ctypes.c_uint32
        lib.crc32_of.argtypes = [ctypes.c_uint32, ctypes.c_char_p, ctypes.c_size_t]
        lib.clock_split.argtypes = [ctypes.c_int64, ctypes.POINTER(Date)]
        for name in ("clock_parse_iso", "clock_parse_http", "base64_decode"):
            getattr(lib, name).restype = ctypes.c_bool
        lib.clock_format_iso.argtypes = [ctypes.POINTER(Buf), ctypes.c_int64]

    def into_buf(self, call, *args, limit=1 << 24):
        """What a function appends to the buffer it is given first, and what it returns."""
        b = Buf()
        self.lib.buf_init(ctypes.byref(b), ctypes.c_size_t(limit))
        result = getattr(self.lib, call)(ctypes.byref(b), *args)
        out = ctypes.string_at(b.data, b.len)
        assert b.failed == 0, call
        self.lib.buf_release(ctypes.byref(b))
        return out, result

    def repr(self, value):
        return self.into_buf("num_repr_double", value)[0].decode()

    def parse_double(self, text):
        value = ctypes.c_double()
        raw = text.encode()
        if not self.lib.num_parse_double(raw, ctypes.c_size_t(len(raw)), ctypes.byref(value)):
            return None
        return value.value


def same_float(a, b):
    return struct.pack("d", a) == struct.pack("d", b) or (a != a and b != b)


# --------------------------------------------------------------------- each yields its faults

def check_table(_base, _rng):
    made = subprocess.run([sys.executable, f"{HERE}/make_unicode_table.py"], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    with open(f"{TOP}/src/base/unicode_table.c", encoding="utf-8") as f:
        if f.read() != made:
            yield "src/base/unicode_table.c is not what tests/oracle/make_unicode_table.py writes"


def check_printable(base, _rng):
    for cp in range(0x110000):
        if base.lib.text_printable(cp) != chr(cp).isprintable():
            yield f"U+{cp:04x}: Python says {chr(cp).isprintable()}"


def floats(rng):
    for _ in range(200000):
        yield struct.unpack("d", rng.randbytes(8))[0]
    for _ in range(100000):  # what people write
        yield rng.randrange(10 ** rng.randrange(1, 18)) / 10 ** rng.randrange(0, 18)
    for _ in range(50000):
        yield float(f"{rng.randrange(10 ** rng.randrange(1, 19))}e{rng.randrange(-340, 310)}")
    for exponent in range(-1074, 1024):  # where the distance of doubles changes
        for mantissa in (1.0, 1.5, 1 + 2 ** -52, 2 - 2 ** -52):
            yield mantissa * 2.0 ** exponent
    for digits in range(1, 320):
        yield float("9" * digits if digits < 309 else f"1e-{digits}")


def check_repr(base, rng):
    for value in floats(rng):
        if base.repr(value) != repr(value):
            yield f"{value!r} is spelled {base.repr(value)}"


def float_texts(rng):
    for _ in range(50000):
        yield repr(struct.unpack("d", rng.randbytes(8))[0])
    for _ in range(100000):
        yield "".join(rng.choice(["0", "1", "7", "99", ".", "e", "-", "+", "E", "inf", "nan"])
                      for _ in range(rng.randrange(1, 9)))
    for _ in range(2000):  # long, and on the border between two doubles
        yield f"{rng.randrange(2 ** 53)}.5{'0' * rng.randrange(900)}{rng.randrange(2)}"


def check_parse_double(base, rng):
    for text in float_texts(rng):
        try:
            want = float(text)
        except ValueError:
            want = None
        got = base.parse_double(text)
        if (got is None) != (want is None) or (got is not None and not same_float(got, want)):
            yield f"{text} is read as {got}, not {want}"


def check_big(base, rng):
    for i in range(20000):
        bits = rng.randrange(1, 14200) if i % 20 == 0 else rng.randrange(1, 200)
        value = rng.getrandbits(bits) * rng.choice((1, -1))
        if i % 3 == 0:
            value = rng.choice((1, -1)) * (1 << bits) + rng.randrange(-2, 3)
        raw = b"" if value == 0 else value.to_bytes(value.bit_length() // 8 + 1, "little",
                                                    signed=True)
        if len(raw) > 1 and raw[-1] in (0, 255) and (raw[-1] ^ raw[-2]) < 128:
            raw = raw[:-1]  # as pickle.encode_long() has it
        size = ctypes.c_size_t(len(raw))
        if base.into_buf("num_big_to_decimal", raw, size, None) != (str(value).encode(), 0):
            yield f"{value:#x} in decimal"
        if base.into_buf("num_big_to_hex", raw, size, None) != (hex(value).encode(), 0):
            yield f"{value:#x} in hexadecimal"
        if base.lib.num_big_bits(raw, size) != value.bit_length():
            yield f"{value:#x}: bits"
        for digits, radix in ((str(abs(value)), 10), (f"{abs(value):x}", 16),
                              (f"{abs(value):o}", 8), (f"{abs(value):b}", 2)):
            got = base.into_buf("num_big_parse", digits.encode(), ctypes.c_size_t(len(digits)),
                                radix, ctypes.c_bool(value < 0), None)
            if got != (raw, 0):
                yield f"{value:#x} from base {radix}"


def check_utf8(base, rng):
    pieces = [b"a", b"hello, world; more than sixty-four bytes of ASCII in one piece, "
              b"so that blocks matter", "é".encode(), "你好".encode(), "😀".encode(),
              b"\xed\xa0\x80", b"\xff", b"\xc3", b"\xe4\xbd", b"\xf0\x9f\x98", b"\xf4\x90\x80\x80",
              b"\xc0\x80", b"\xe0\x80\x80"]
    for _ in range(60000):
        data = b"".join(rng.choice(pieces if rng.random() < .1 else pieces[:5])
                        for _ in range(rng.randrange(12)))
        for surrogates in (False, True):
            partial = ctypes.c_bool()
            got = base.lib.utf8_check(data, ctypes.c_size_t(len(data)), ctypes.c_bool(surrogates),
                                      ctypes.byref(partial))
            want, cut = len(data), False
            try:
                data.decode("utf-8", "surrogatepass" if surrogates else "strict")
            except UnicodeDecodeError as e:
                want, cut = e.start, e.reason == "unexpected end of data"
            if got != want or (not surrogates and partial.value != cut):
                yield f"{data!r}: {got} {partial.value}, not {want} {cut}"


def check_dates(base, rng):
    for _ in range(50000):
        t = rng.randrange(-62135596800, 253402300800)
        want = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=t)
        date = Date()
        base.lib.clock_split(t, ctypes.byref(date))
        got = (date.year, date.month, date.day, date.hour, date.minute, date.second)
        if got != tuple(want.timetuple())[:6]:
            yield f"{t}: {got}"
        text = f"{want.year:04}" + want.strftime("-%m-%dT%H:%M:%SZ")
        if base.into_buf("clock_format_iso", t)[0] != text.encode():
            yield f"{text} written"
        http = want.strftime("%a, %d %b ") + f"{want.year:04}" + want.strftime(" %H:%M:%S GMT")
        for name, written in (("clock_parse_iso", text), ("clock_parse_http", http)):
            back = ctypes.c_int64()
            raw = written.encode()
            if not getattr(base.lib, name)(raw, ctypes.c_size_t(len(raw)), ctypes.byref(back)) or \
                    back.value != t:
                yield f"{written} read"


def check_encodings(base, rng):
    for _ in range(20000):
        data = rng.randbytes(rng.randrange(40))
        size = ctypes.c_size_t(len(data))
        for keep, safe in ((True, "/"), (False, "")):
            coded = urllib.parse.quote_from_bytes(data, safe=safe).encode()
            if base.into_buf("uri_encode", data, size, ctypes.c_bool(keep))[0] != coded:
                yield f"{data!r} percent-encoded"
        text = bytes(rng.choice(b"%%%0123456789abcdefABCDEFgxyz+/") for _ in range(20))
        if base.into_buf("uri_decode", text, ctypes.c_size_t(20), ctypes.c_bool(False))[0] != \
                urllib.parse.unquote_to_bytes(text):
            yield f"{text!r} percent-decoded"
        coded = base64.b64encode(data)
        if base.into_buf("base64_encode", data, size)[0] != coded:
            yield f"{data!r} in base64"
        if base.into_buf("base64_decode", coded, ctypes.c_size_t(len(coded))) != (data, True):
            yield f"{coded!r} from base64"
        if base.into_buf("hex_encode", data, size)[0] != data.hex().encode():
            yield f"{data!r} in hexadecimal"


def check_digests(base, rng):
    for n in list(range(200)) + [1000, 4095, 100000]:
        data = rng.randbytes(n)
        for name, want in (("sha256", hashlib.sha256(data)), ("md5", hashlib.md5(data))):
            out = ctypes.create_string_buffer(32)
            got = getattr(base.lib, name)(data, ctypes.c_size_t(n), out, None)
            if got != 0 or out.raw[:want.digest_size] != want.digest():
                yield f"{name} of {n} bytes"
        if base.lib.crc32_of(0, data, n) != binascii.crc32(data):
            yield f"crc32 of {n} bytes"


CHECKS = [check_table, check_printable, check_repr, check_parse_double, check_big, check_utf8,
          check_dates, check_encodings, check_digests]


def main():
    if unicodedata.unidata_version != "14.0.0":
        print(f"Python's Unicode is {unicodedata.unidata_version}, ours 14.0.0: skipped")
        print(f"0 passed, 0 failed, {len(CHECKS)} skipped")
        return 0
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        base = Base(build(folder))
        for check in CHECKS:
            faults = 0
            for fault in check(base, random.Random(20261122)):
                faults += 1
                if faults <= 5:
                    print(f"{check.__name__}: {fault}")
            failed += faults > 0
    print(f"{len(CHECKS) - failed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
