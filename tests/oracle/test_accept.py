#!/usr/bin/env python3
"""What is a pickle and what is not: one table of corners, against CPython's two unpicklers.

Each row is a program, with what we must say of it: a value as repr writes it, or REFUSED.  Where
the row has no answer of its own, it is that of the running Python: accepted when the C or the
pure-Python unpickler accepts it, in any encoding, with buffers and persistent ids at hand; of the
two values that of the one that accepts.  An answer of its own stands where other versions differ
from this one, and says which.  Where both are asked, whoever accepts is also checked here, so that
the table cannot drift from Python.
"""
import collections
import io
import os
import pickle
import random
import struct
import subprocess
import sys
import tempfile

import suite
from suite import PKL_TOOL, check

REFUSED = object()
SAME = object()  # as the running Python has it
STRICT = object()  # an unpickler takes it, we do not: the row says why


class Grown(list):
    pass


class CUnpickler(pickle.Unpickler):
    def persistent_load(self, pid):
        return ('pid', pid)


class PyUnpickler(pickle._Unpickler):
    def persistent_load(self, pid):
        return ('pid', pid)


def loads(data):
    """What each unpickler makes of it: {name: value}."""
    found = {}
    for name, kind in (('C', CUnpickler), ('Python', PyUnpickler)):
        for encoding in ('ASCII', 'latin1', 'bytes'):
            try:
                u = kind(io.BytesIO(data), encoding=encoding, buffers=[bytearray(b'x')] * 4)
                found[name] = u.load()
                break
            except Exception:
                continue
    return found


def p2(text):
    return text.encode('latin-1')


def u4(n):
    return struct.pack('<I', n)


def u8(n):
    return struct.pack('<Q', n)


R = REFUSED
LIST = '<builtins.list>'  # a call is shown as one
# (program, answer, why): rows in the order of the facts about the machine.
CASES = [
    # --- opcodes are not gated by PROTO; PROTO may repeat, anywhere, up to 5
    (b'\x96' + u8(2) + b'ab.', SAME, ''),
    (b'\x95' + u8(2) + b'K\x01.', SAME, ''),
    (b'\x80\x02\x8c\x01a.', SAME, ''),
    (b'\x80\x02\x95' + u8(3) + b'K\x01.', SAME, 'a frame that is too long: with no byte behind'),
    (b'\x80\x00K\x01.', SAME, ''),
    (b'\x80\x01K\x01.', SAME, ''),
    (b'\x80\x02\x80\x04K\x01.', SAME, ''),
    (b'K\x01\x80\x02.', SAME, ''),
    (b'\x80\x06K\x01.', SAME, ''),
    (b'\x80\xffK\x01.', SAME, ''),
    (b'\x00.', SAME, ''),
    (b'\xff.', SAME, ''),
    (b'', SAME, ''),
    (b'.', SAME, ''),
    (b'N', SAME, ''),
    # --- INT
    (b'I01\n.', SAME, ''),
    (b'I00\n.', SAME, ''),
    (b'I1\n.', SAME, ''),
    (b'I-1\n.', SAME, ''),
    (b'I 1\n.', SAME, 'C: a bool'),
    (b'I+1\n.', SAME, 'C: a bool'),
    (b'I+0\n.', SAME, 'C: a bool'),
    (b'I1 \n.', SAME, ''),
    (b'I001\n.', SAME, ''),
    (b'I-01\n.', SAME, ''),
    (b'I0\n.', SAME, ''),
    (b'I-0\n.', SAME, ''),
    (b'I0x10\n.', SAME, ''),
    (b'I0X1f\n.', SAME, ''),
    (b'I-0x10\n.', SAME, ''),
    (b'I0o17\n.', SAME, ''),
    (b'I0b11\n.', SAME, ''),
    (b'I010\n.', SAME, 'C: octal'),
    (b'I08\n.', SAME, ''),
    (b'I1_000\n.', SAME, ''),
    (b'I1__0\n.', SAME, ''),
    (b'I_1\n.', SAME, ''),
    (b'I5L\n.', '5', 'Python 2 takes the L'),
    (b'I5\r\n.', SAME, ''),
    (b'I5\x00x\n.', SAME, 'C stops at the NUL'),
    (b'I\x005\n.', SAME, ''),
    (b'I\n.', SAME, ''),
    (b'I \n.', SAME, ''),
    (b'Ia\n.', SAME, ''),
    (b'I1.5\n.', SAME, ''),
    (b'I99999999999999999999\n.', SAME, ''),
    (b'I-99999999999999999999\n.', SAME, ''),
    (b'I1', SAME, 'no end of line'),
    # --- LONG
    (b'L5L\n.', SAME, ''),
    (b'L5\n.', SAME, ''),
    (b'L0x10L\n.', SAME, ''),
    (b'L 5L\n.', SAME, ''),
    (b'L5 L\n.', SAME, ''),
    (b'L5L \n.', SAME, ''),
    (b'L-5L\n.', SAME, ''),
    (b'LL\n.', SAME, ''),
    (b'L\n.', SAME, ''),
    (b'L5LL\n.', SAME, ''),
    (b'L5l\n.', SAME, ''),
    (b'L01\n.', SAME, ''),
    (b'L010L\n.', SAME, ''),
    (b'L1_0L\n.', SAME, ''),
    (b'L12345678901234567890L\n.', SAME, ''),
    (b'L' + b'9' * 6000 + b'L\n.', hex(10**6000 - 1), 'before Python 3.10.7'),
    (b'I-' + b'9' * 6000 + b'\n.', hex(1 - 10**6000), 'before Python 3.10.7'),
    # --- FLOAT
    (b'Fnan\n.', SAME, ''),
    (b'Finf\n.', SAME, ''),
    (b'F-inf\n.', SAME, ''),
    (b'FInfinity\n.', SAME, ''),
    (b'F-infinity\n.', SAME, ''),
    (b'FNaN\n.', SAME, ''),
    (b'F+nan\n.', SAME, ''),
    (b'F 1.5\n.', SAME, 'Python only'),
    (b'F1.5 \n.', SAME, 'Python only'),
    (b'F1_0.5\n.', SAME, 'Python only'),
    (b'F1_0\n.', SAME, 'Python only'),
    (b'F1__0\n.', SAME, ''),
    (b'F1e999\n.', SAME, 'Python only: inf'),
    (b'F-1e999\n.', SAME, 'Python only: -inf'),
    (b'F1e-999\n.', SAME, ''),
    (b'F0x1p3\n.', SAME, ''),
    (b'F1.\n.', SAME, ''),
    (b'F.5\n.', SAME, ''),
    (b'F1e5\n.', SAME, ''),
    (b'F5\n.', SAME, ''),
    (b'F1.5x\n.', SAME, ''),
    (b'F\n.', SAME, ''),
    (b'F-0\n.', SAME, ''),
    (b'F1.5\x00\n.', SAME, ''),
    (b'F1,5\n.', SAME, ''),
    (b'G\x7f\xf8\0\0\0\0\0\0.', SAME, ''),
    # --- STRING
    (b"S'a'\n.", SAME, ''),
    (b'S"a"\n.', SAME, ''),
    (b"S'\n.", SAME, ''),
    (b"S''\n.", SAME, ''),
    (b'Sa\n.', SAME, ''),
    (b"S'a\"\n.", SAME, ''),
    (b"S'a'b'\n.", SAME, 'a quote inside'),
    (b"S'a' \n.", "'a'", 'cPickle of Python 2 only'),
    (b"S 'a'\n.", SAME, ''),
    (b"S'\\x41\\n\\101\\\\\\'\\\"\\q\\a'\n.", SAME, ''),
    (b"S'\\x4'\n.", SAME, ''),
    (b"S'a\\'\n.", SAME, ''),
    (b"S'\\u0041'\n.", SAME, ''),
    (b"S'\xe9'\n.", "b'\\xe9'", 'not ASCII: bytes until somebody says what it is'),
    (b"S'a'", SAME, ''),
    # --- UNICODE
    (b'Va\n.', SAME, ''),
    (b'V\n.', SAME, ''),
    (b'V\\u0041\n.', SAME, ''),
    (b'V\\U0001f600\n.', SAME, ''),
    (b'V\\n\n.', SAME, ''),
    (b'V\\\\u0041\n.', SAME, ''),
    (b'V\\\\\\u0041\n.', SAME, ''),
    (b'V\\ud800\n.', SAME, ''),
    (b'V\\ud83d\\ude00\n.', SAME, ''),
    (b'V\\U00110000\n.', SAME, ''),
    (b'V\\u00\n.', SAME, ''),
    (b'V\\u00zz\n.', SAME, ''),
    (b'V\\\n.', SAME, ''),
    (b'V\xe9\n.', SAME, ''),
    (b'Va\r\n.', SAME, ''),
    (b'V\x00\n.', SAME, ''),
    # --- BINUNICODE: surrogatepass
    (b'X\x03\0\0\0\xed\xa0\x80.', SAME, ''),
    (b'\x8c\x03\xed\xa0\x80.', SAME, ''),
    (b'\x8d' + u8(3) + b'\xed\xa0\x80.', SAME, ''),
    (b'X\x06\0\0\0\xed\xa0\xbd\xed\xb8\x80.', SAME, 'two of CESU stay two'),
    (b'X\x02\0\0\0\xc3\x28.', SAME, ''),
    (b'X\x02\0\0\0\xc0\x80.', SAME, ''),
    (b'X\x04\0\0\0\xf4\x90\x80\x80.', SAME, ''),
    (b'X\x01\0\0\0\xff.', SAME, ''),
    (b'X\x01\0\0\0.', SAME, ''),
    (b'X\x05\0\0\0a.', SAME, ''),
    (b'X\xff\xff\xff\xffa.', SAME, ''),
    (b'\x8d' + u8(1 << 63) + b'a.', SAME, ''),
    (b'\x8e' + u8(1 << 63) + b'a.', SAME, ''),
    (b'\x96' + u8(1 << 63) + b'a.', SAME, ''),
    (b'\x8e' + u8(1 << 40) + b'a.', SAME, ''),
    # --- signed lengths, empty and non-minimal longs
    (b'\x8a\x00.', SAME, ''),
    (b'\x8a\x03\x01\x00\x00.', SAME, ''),
    (b'\x8a\x02\xff\xff.', SAME, ''),
    (b'\x8a\x01\x80.', SAME, ''),
    (b'\x8b\x00\x00\x00\x00.', SAME, ''),
    (b'\x8b\x01\x00\x00\x00\x05.', SAME, ''),
    (b'\x8b\xff\xff\xff\xff.', SAME, ''),
    (b'T\xff\xff\xff\xff.', SAME, ''),
    (b'T\x01\0\0\0a.', SAME, ''),
    (b'U\x01a.', SAME, ''),
    (b'J\xff\xff\xff\xff.', SAME, ''),
    (b'\x84\xff\xff\xff\xff.', SAME, ''),
    (b'\x82\x00.', SAME, ''),
    (b'\x84\x00\x00\x00\x00.', SAME, ''),
    (b'\x82\x01.', '<extension 1>', 'only who registers it can load it'),
    # --- GLOBAL, INST, STACK_GLOBAL
    (b'cbuiltins\nlist\n.', SAME, ''),
    (b'c__builtin__\nlist\n.', SAME, ''),
    (b'c\nlist\n.', SAME, ''),
    (b'cbuiltins\n\n.', SAME, ''),
    (b'cbuiltins\nlist', SAME, ''),
    (b'c\xff\nlist\n.', SAME, ''),
    (b'\x8c\x08builtins\x8c\x04list\x93.', SAME, ''),
    (b'cbuiltins\nlist\n\x8c\x04list\x93.', SAME, 'a class as the name of a module'),
    (b'\x8c\x08builtinscbuiltins\nlist\n\x93.', SAME, ''),
    (b'K\x01\x8c\x04list\x93.', SAME, ''),
    (b'NN\x93.', SAME, ''),
    (b'\x8c\x08builtins\x93.', SAME, ''),
    (b'(\x8c\x08builtins\x93.', SAME, ''),
    (b'C\x08builtins\x8c\x04list\x93.', SAME, ''),
    (b'(ibuiltins\nlist\n.', LIST, ''),
    (b'(i\nlist\n.', SAME, ''),
    (b'(i\xc3\xa9\nlist\n.', '<é.list>', 'Python 2 looks for such a file'),
    (b'ibuiltins\nlist\n.', SAME, ''),
    (b'(cbuiltins\nlist\no.', LIST, ''),
    (b'(o.', SAME, ''),
    (b'(K\x01o.', SAME, ''),
    # --- memo
    (b'K\x01p010\n0g10\n.', SAME, ''),
    (b'K\x01p010\n0g010\n.', SAME, ''),
    (b'K\x01p10\n0g 10\n.', SAME, ''),
    (b'K\x01p 10\n0g10\n.', SAME, ''),
    (b'K\x01p1_0\n0g10\n.', SAME, ''),
    (b'K\x01p+1\n0g1\n.', SAME, ''),
    (b'K\x01p0x1\n0g1\n.', SAME, ''),
    (b'K\x01p-1\n.', '1', 'Python 2 keeps the text as the key'),
    (b'K\x01p-1\n0g-1\n.', '1', 'Python 2'),
    (b'K\x01pabc\n0gabc\n.', '1', 'Python 2'),
    (b'K\x01p\n0g\n.', '1', 'Python 2'),
    (b'K\x01pabc\n0gabd\n.', R, ''),
    (b'K\x01q\x00h\x00\x86.', SAME, ''),
    (b'h\x00.', SAME, ''),
    (b'g0\n.', SAME, ''),
    (b'j\0\0\0\0.', SAME, ''),
    (b'K\x01r\xff\xff\xff\xff0j\xff\xff\xff\xff.', SAME, ''),
    (b'K\x01p4294967296\n0g4294967296\n.', SAME, ''),
    (b'K\x01p9223372036854775807\n0g9223372036854775807\n.', '1', 'Python only'),
    (b'K\x01p9223372036854775808\n0g9223372036854775808\n.', SAME, 'Python only'),
    (b'K\x01p9223372036854775808\nK\x02p0\ng9223372036854775808\n.', SAME, 'Python only'),
    (b'K\x01p13835058055282163711\n0g13835058055282163711\n.', SAME, 'the largest here'),
    (b'K\x01p13835058055282163712\n0g13835058055282163712\n.', STRICT, 'a limit of ours'),
    (b'K\x01p' + b'9' * 40 + b'\n0g' + b'9' * 40 + b'\n.', STRICT, 'the same'),
    (b'K\x01q\x000K\x02q\x000h\x00.', SAME, ''),
    (b'K\x01r\xe8\x03\0\0K\x02\x94h\x01.', SAME, ''),
    (b'K\x01q\x05K\x02\x94h\x01\x86.', SAME, ''),
    (b'q\x00.', SAME, ''),
    (b'\x94.', SAME, ''),
    (b'(q\x00.', SAME, 'Python: on a mark'),
    (b'K\x01(q\x00t.', SAME, ''),
    (b'K\x01(\x94t.', SAME, ''),
    # --- stack
    (b'K\x01K\x02.', SAME, ''),
    (b'K\x01(K\x02.', SAME, ''),
    (b'K\x01(.', SAME, ''),
    (b'(.', SAME, ''),
    (b'K\x01(0.', SAME, ''),
    (b'0K\x01.', SAME, ''),
    (b'(K\x0101K\x02.', SAME, ''),
    (b'K\x01(K\x02K\x031.', SAME, ''),
    (b'K\x011.', SAME, ''),
    (b'1.', SAME, ''),
    (b'2.', SAME, ''),
    (b'K\x012\x86.', SAME, ''),
    (b'(2.', SAME, ''),
    (b'K\x01(2.', SAME, ''),
    (b']2K\x01a.', SAME, ''),
    (b't.', SAME, ''),
    (b'l.', SAME, ''),
    (b'd.', SAME, ''),
    (b'(t.', SAME, ''),
    (b'(l.', SAME, ''),
    (b'(d.', SAME, ''),
    (b'(K\x01d.', SAME, ''),
    (b'K\x01\x86.', SAME, ''),
    (b'K\x01(\x85.', SAME, ''),
    (b'\x85.', SAME, ''),
    (b'K\x01.trailing', SAME, ''),
    # --- containers on other things
    (b']K\x01a.', SAME, ''),
    (b'](K\x01K\x02e.', SAME, ''),
    (b'](e.', SAME, ''),
    (b'(e.', SAME, ''),
    (b']e.', SAME, ''),
    (b'N(e.', SAME, 'nothing is added'),
    (b'NK\x01a.', SAME, ''),
    (b'K\x01(K\x02e.', SAME, ''),
    (b'}K\x01a.', SAME, ''),
    (b')K\x01a.', SAME, ''),
    (b'\x8fK\x01a.', SAME, ''),
    (b'\x96' + u8(1) + b'aK\x01a.', SAME, 'a byte more'),
    (b'\x96' + u8(1) + b'a(K\x01K\x02e.', SAME, ''),
    (b'\x96' + u8(1) + b'aq\x000K\x07h\x00K\x01ah\x00(\x88I2\nL3L\neh\x00\x87.', SAME, ''),
    (b'\x96' + u8(1) + b'a(K\x01N.', SAME, ''),
    (b'\x96' + u8(1) + b'a(K\x01Ne.', SAME, ''),
    (b'\x96' + u8(1) + b'aJ\xff\xff\xff\xffa.', SAME, ''),
    (b'\x96' + u8(1) + b'a\x98K\x01a.', SAME, 'a memoryview'),
    (b'\x96' + u8(1) + b'a\x98K\x00K\x01s.', SAME, 'a memoryview'),
    (
        b'\x96' + u8(1) + b'aq\x00\x98h\x00K\x00K\x01s\x86.',
        "(bytearray(b'\\x01'), bytearray(b'\\x01'))",
        'the bytearray beside it',
    ),
    (b'\x96' + u8(1) + b'aq\x00\x98h\x00K\x01a\x86.', SAME, 'which cannot grow'),
    (b'\x96' + u8(1) + b'aq\x00\x980h\x00K\x01a.', SAME, 'but when the memoryview is gone'),
    (b'\x96' + u8(1) + b'a\x98q\x00h\x00K\x00K\x01s\x86.', SAME, 'the memoryview, fetched'),
    (b'\x96' + u8(1) + b'aq\x00\x98q\x010h\x00K\x01a.', SAME, 'kept in the memo'),
    (b'\x96' + u8(1) + b'aq\x00\x98q\x00h\x00K\x00K\x01s\x86.', SAME, 'stored over it'),
    (b'\x96' + u8(1) + b'aG\0\0\0\0\0\0\0\0a.', SAME, ''),
    (b'\x96' + u8(1) + b'aX\x01\0\0\0xa.', SAME, ''),
    (b'\x96' + u8(1) + b'aJ\0\x01\0\0a.', SAME, ''),
    (b'C\x01aK\x01a.', SAME, ''),
    (b'X\x01\0\0\0aK\x01a.', SAME, ''),
    (b'}K\x01K\x02s.', SAME, ''),
    (b'}(K\x01K\x02u.', SAME, ''),
    (b'}(u.', SAME, ''),
    (b'N(u.', SAME, ''),
    (b'}(K\x01u.', SAME, ''),
    (b'}]K\x01s.', SAME, ''),
    (b'](K\x07K\x08eK\x00K\x05s.', SAME, 'an item of a list'),
    (b'](K\x07K\x08e(K\x01K\x05u.', SAME, ''),
    (b'](K\x07K\x08e(K\x01K\x05K\x01K\x06\x89\x88u.', SAME, 'one twice; False is 0'),
    (b']K\x00K\x05s.', SAME, ''),
    (b'](K\x07eX\x01\0\0\0aK\x05s.', SAME, ''),
    (b'](K\x07eJ\xff\xff\xff\xffK\x05s.', SAME, 'from the end'),
    (b'](K\x07eJ\xfe\xff\xff\xffK\x05s.', SAME, ''),
    (b'](K\x07eK\x01K\x05s.', SAME, ''),
    (b'](K\x07eK\x00K\x05sK\x08aJ\xff\xff\xff\xffK\x06s.', SAME, 'it grows in between'),
    (b'](K\x07eNK\x05s.', SAME, ''),
    (b'](K\x07eG\0\0\0\0\0\0\0\0K\x05s.', SAME, ''),
    (b'](K\x07e]K\x05s.', SAME, ''),
    (b'](K\x07e(K\x00K\x05NK\x06u.', SAME, 'the second number is none'),
    (b'](K\x07e\x8a\x09' + b'\0' * 8 + b'\1K\x05s.', SAME, 'beyond any index'),
    (b'](K\x07eI0\n]s.', SAME, ''),
    (b'](K\x07eL0L\n]K\x01as.', SAME, ''),
    (b'](K\x07eq\x00K\x00h\x00s.', SAME, 'the list in itself'),
    (b'](K\x07eq\x00K\x00h\x00\x85s.', SAME, 'and in a tuple'),
    (b'(K\x01K\x02lq\x00\x85h\x00K\x01K\x09s\x86.', SAME, 'through the memo'),
    (b'(K\x01K\x02lq\x00\x85h\x00K\x03aK\x02K\x09s\x86.', SAME, ''),
    (b'(K\x01K\x02lq\x00\x85h\x00K\x02K\x09s\x86.', SAME, ''),
    (b'(lq\x00(K\x01lK\x05a2K\x00h\x00sK\x06at.', SAME, 'through a DUP'),
    (b'(K\x01lcbuiltins\nslice\n(K\x00K\x01t' + b'R]s.', STRICT, 'a slice'),
    (b'(K\x01lcbuiltins\nlist\nK\x05s.', SAME, 'a class as number'),
    (b'\x96' + u8(2) + b'abK\x00K\x05s.', SAME, 'a byte of a bytearray'),
    (b'\x96' + u8(2) + b'abJ\xfe\xff\xff\xffK\x05s.', SAME, ''),
    (b'\x96' + u8(2) + b'abJ\xfd\xff\xff\xffK\x05s.', SAME, ''),
    (b'\x96' + u8(2) + b'abK\x09K\x05s.', SAME, ''),
    (b'\x96' + u8(2) + b'abK\x05aK\x02K\x41sK\x02\x88s(K\x07eJ\xff\xff\xff\xffK\x42s.', SAME, ''),
    (b'\x96' + u8(2) + b'abK\x01M\0\1s.', SAME, ''),
    (b'\x96' + u8(2) + b'abK\x01X\1\0\0\0as.', SAME, ''),
    (b'\x96' + u8(2) + b'abNK\x01s.', SAME, ''),
    (b'C\x02abK\x00K\x05s.', SAME, ''),
    (b')K\x00K\x05s.', SAME, ''),
    (b'\x8fK\x00K\x05s.', SAME, ''),
    (b'\x8f(K\x01K\x01K\x02\x90.', SAME, ''),
    (b'\x8f(]\x90.', SAME, ''),
    (b'](K\x01\x90.', SAME, ''),
    (b'N(\x90.', SAME, ''),
    (b'}(K\x01\x90.', SAME, ''),
    (b'(K\x01K\x01\x91.', SAME, ''),
    (b'(]\x91.', SAME, ''),
    (b'(]K\x01d.', SAME, ''),
    (b'(K\x01]d.', SAME, ''),
    (b'(K\x01K\x02G\x3f\xf0\0\0\0\0\0\0K\x03\x88K\x04d.', SAME, 'equal keys'),
    (b'}](a(]s.', SAME, ''),
    # --- objects
    (b'cbuiltins\nlist\n)R.', LIST, ''),
    (b'cbuiltins\nlist\n]R.', LIST, 'arguments in a list'),
    (b'cbuiltins\nlist\nNR.', SAME, ''),
    (b'cbuiltins\nlist\n)\x81.', LIST, ''),
    (b'cbuiltins\nlist\n]\x81.', LIST, ''),
    (b'cbuiltins\nlen\n)\x81.', R, 'a function has no __new__'),
    (b'cbuiltins\nlist\n)}\x92.', LIST, ''),
    (b'cbuiltins\nlist\n)N\x92.', SAME, ''),
    (b'cbuiltins\nlist\n)]\x92.', SAME, ''),
    (b'cbuiltins\nlist\n]}\x92.', LIST, ''),
    (b'K\x01)R.', SAME, ''),
    (b'])\x81.', SAME, ''),
    (b'}Nb.', SAME, 'BUILD with None'),
    (b'}}b.', SAME, 'BUILD with an empty dict'),
    (b']}b.', SAME, ''),
    (b'K\x01}b.', SAME, ''),
    (b'})b.', SAME, ''),
    (b'}NN\x86b.', SAME, 'BUILD with an empty pair'),
    (b'}}}\x86b.', SAME, ''),
    (b'}X\x01\0\0\0aK\x01sb.', SAME, ''),
    (b'}}X\x01\0\0\0aK\x01sb.', SAME, ''),
    (b'K\x01]b.', SAME, ''),
    (b'K\x01K\x00b.', SAME, ''),
    (b'K\x01X\0\0\0\0b.', SAME, ''),
    (b'K\x01K\x02b.', SAME, ''),
    (b'K\x01X\1\0\0\0xb.', SAME, ''),
    (b'K\x01\x89b.', SAME, ''),
    (b'K\x01\x88b.', SAME, ''),
    (b'K\x01G\x80\0\0\0\0\0\0\0b.', SAME, '-0.0'),
    (b'K\x01I00\nb.', SAME, ''),
    (b'K\x01C\0b.', SAME, ''),
    (b'](NNtb.', SAME, 'the pair above a mark'),
    (b'](NNNtb.', SAME, ''),
    (b']NK\x00\x86b.', SAME, ''),
    (b']NK\x01\x86b.', SAME, ''),
    (b'])]\x86b.', SAME, ''),
    (b']N]K\x01a\x86b.', SAME, ''),
    (b']NN\x86N\x86b.', SAME, 'a pair in a pair is not empty'),
    # --- persistent ids
    (b'Pabc\n.', "<persistent 'abc'>", ''),
    (b'P\n.', "<persistent ''>", ''),
    (b'P\xc3\xa9\n.', "<persistent 'é'>", 'not ASCII: Python 2'),
    (b'K\x01Q.', '<persistent 1>', ''),
    (b'Q.', SAME, ''),
    # --- buffers
    (b'\x97.', '<buffer 0>', ''),
    (b'\x97\x98.', '<buffer 0>', ''),
    (b'\x96' + u8(1) + b'a\x98.', "bytearray(b'a')", 'a memoryview of it'),
    (b'C\x01a\x98.', "b'a'", 'a memoryview of it'),
    (b'K\x01\x98.', SAME, ''),
    (b'\x98.', SAME, ''),
    # --- opcodes are not gated by PROTO; of several the last one counts
    (b'\x80\x02\x95' + u8(3) + b'K\x01.', SAME, 'a frame in protocol 2'),
    (b'\x80\x02\x8c\x01a.', SAME, ''),
    (b'\x8c\x01a\x94.', SAME, ''),
    (b'\x80\x01\x8f(K\x01\x90.', SAME, ''),
    (b'(K\x01\x91.', SAME, ''),
    (b'\x80\x00\x8e' + u8(1) + b'a.', SAME, ''),
    (b'\x80\x04\x80\x02c__builtin__\nxrange\n.', SAME, 'the later PROTO maps names'),
    (b'\x80\x02\x80\x04cbuiltins\nrange\n.', SAME, ''),
    (b'\x80\x02c__builtin__\nxrange\n.\x80\x04K\x01.', SAME, 'one in a stream counts for itself'),
    (
        b'\x80\x04(c__builtin__\nxrange\n\x80\x02c__builtin__\nxrange\nt.',
        '(<global __builtin__.xrange>, <class \'range\'>)',
        'each as it counts where it is',
    ),
    (b'\x80\x02cbuiltins\nrange.index\n.', '<global builtins.range.index>', 'one name'),
    (b'\x80\x03cUserDict\nIterableUserDict\n.', '<global UserDict.IterableUserDict>', 'not mapped'),
    (b'\x80\x02cUserDict\nIterableUserDict\n.', SAME, 'mapped'),
    (b'ccollections\r\nOrderedDict\n.', '<global collections\\r.OrderedDict>', 'part of the name'),
    # --- text of Python 2
    (b'F0.10000000000000001\n.', SAME, ''),
    (b'I2147483648\n.', SAME, ''),
    (b'\x80\x02I2147483648\n.', SAME, ''),
    (b'\x80\x02L5L\n.', SAME, ''),
    (b'G\xff\xf8\0\0\0\0\0\0.', SAME, 'a NaN of Python 2'),
    # --- long ints
    (b'\x8a\xff' + b'\x7f' * 255 + b'.', SAME, ''),
    (b'\x8b\0\x01\0\0' + b'\x80' * 256 + b'.', SAME, ''),
    (b'\x8b\x04\0\0\0\xff\xff\xff\x7f.', SAME, ''),
    (b'\x8b\0\0\0\x80.', SAME, 'the smallest length'),
    # --- values in themselves, as a pickler writes them
    (b']q\0h\0\x85q\1a0h\1.', SAME, 'a tuple in its own list'),
    (b']\x94h\0h\0\x85a.', SAME, ''),
    (b'}\x94K\1h\0s.', SAME, ''),
    (b'(]\x94(h\0\x910h\0t.', SAME, 'a list as a member through the memo'),
    (b'}]q\x00h\x00K\x01s.', SAME, ''),
    (b']q\x00}(h\x00K\x01u.', SAME, 'a list as a key, fetched'),
    (b']q\x00}(K\x01h\x00u.', SAME, 'as a value'),
    (b']q\x000(h\x00K\x01d.', SAME, ''),
    (b']q\x00\x85q\x010}h\x01K\x01s.', SAME, 'a tuple with a list inside'),
    (b']q\x00h\x00\x85\x85\x85q\x010\x8f(h\x01\x90.', SAME, 'deep inside, fetched itself'),
    (b'K\x01q\x00h\x00\x85\x85\x85q\x010\x8f(h\x01\x90.', SAME, 'the same with an int'),
    (b'(]tq\x000}h\x00K\x01s.', SAME, ''),
    (b'(K\x01tq\x000}h\x00K\x01s.', SAME, ''),
    (b'\x80\x04](\x8f\x94K\x01e(h\x00\x91.', SAME, 'a set in a frozenset'),
    (b'\x80\x04](\x8f\x94(K\x01\x91\x94e(h\x01\x91.', SAME, 'a frozenset in another'),
    (b']2\x85q\x000}h\x00K\x01s.', SAME, 'through a DUP'),
    (b'}]2K\x01s.', SAME, ''),
    (b'}K\x012s.', SAME, ''),
    (b']q\x000K\x01q\x000}h\x00K\x05s.', SAME, 'the slot holds something else by now'),
    (b'K\x01q\x000}h\x00K\x05s]q\x000h\x00K\x06s.', SAME, 'and the other way round'),
    (b'K\x01q\x00}(h\x00K\x05h\x00K\x06u0]q\x00}h\x00K\x06s.', SAME, ''),
    (b']q\x00h\x00\x85q\x01a0}h\x01K\x05s.', SAME, 'a tuple in itself'),
    (b'\x96' + u8(1) + b'aq\x000}h\x00K\x05s.', SAME, 'a bytearray'),
    (b'cm\nC\n)Rq\x000}h\x00K\x05s.', '{<m.C>: 5}', 'an object: nobody knows'),
    (b'Pabc\nq\x000}h\x00K\x05s.', "{<persistent 'abc'>: 5}", 'nobody knows what it is'),
    (b'\x8f\x94(](h\0\x85e\x901.', SAME, ''),
    # --- what is called, with its result thrown away
    (b'K\1cbuiltins\nlen\n](K\1e\x85R0.', SAME, 'a state setter leaves nothing'),
    # --- frames
    (b'\x80\x04\x95' + u8(2) + b'\x8c\x01a.', SAME, 'ends between a length and its bytes'),
    (b'\x80\x04\x95' + u8(2) + b'K\x01\x95' + u8(4) + b'K\x02\x86.', SAME, 'back to back'),
    (b'\x95' + u8(3) + b'K\x01.', SAME, 'without a PROTO'),
    (b'\x80\x04\x95' + u8(0) + b'K\x01.', SAME, ''),
    (b'\x80\x04\x95' + u8(3) + b'K\x01.', SAME, ''),
    (b'\x80\x04\x95' + u8(1) + b'K\x01.', SAME, 'cut through an opcode: older C'),
    (b'\x80\x04\x95' + u8(4) + b'K\x01.x', SAME, ''),
    (b'\x80\x04\x95' + u8(13) + b'K\x01\x95' + u8(1) + b'..', SAME, ''),
    (b'\x80\x04\x95' + u8(12) + b'\x95' + u8(3) + b'K\x01.', SAME, 'one inside another: older C'),
    (b'\x80\x04\x95' + u8(9) + b'K\x01.', SAME, ''),
    (b'\x80\x04\x95' + u8((1 << 63) + 1) + b'K\x01.', SAME, ''),
    (b'\x80\x04\x95\x03\0\0', SAME, ''),
]  # fmt: skip


NOTED = (
    (b'\x80\x05\x97.', 'byte 2, NEXT_BUFFER: its bytes are kept apart'),
    (b'\x80\x02cm\na.b\n.', 'byte 2, GLOBAL: below protocol 4'),
    (b'\x80\x04cm\na.b\n.', ''),
    (b'\x80\x04\x95' + u8(2) + b'M\x01\x02.', 'byte 11, BININT2: it reaches over'),
    (b'\x80\x04\x95' + u8(1) + b'M\x01\x02.', ''),
    (b'\x80\x04\x95' + u8(3) + b'M\x01\x02.', ''),
    (b'\x80\x04\x95' + u8(7) + b'(' + b'K\x01' * 9 + b't.', ''),
    (b'\x80\x04\x95' + u8(4) + b'(' + b'M\x01\x01' * 9 + b't.', ''),
    (b'\x80\x04\x95' + u8(6) + b'(' + b'M\x01\x01' * 9 + b't.', 'byte 15, BININT2: it'),
    (b'\x80\x04\x95' + u8(4) + b'\x8c\x03abc\x94.', 'byte 11, SHORT_BINUNICODE: it'),
    (b'\x80\x04\x95' + u8(5) + b'\x8c\x03abc\x94.', ''),
    (b'\x80\x04\x95' + u8(4) + b'K\x01r\0\0\0\0.', 'byte 13, LONG_BINPUT: it'),
    (b'\x80\x04\x95' + u8(3) + b'K\x01r\0\0\0\0.', ''),
    (b'\x80\x04\x95' + u8(5) + b'cabc\nd\n.', ''),
    (b'\x80\x04\x95' + u8(4) + b'cabc\nd\n.', 'byte 11, GLOBAL: it reaches'),
    (b'\x80\x04\x95' + u8(6) + b'cabc\nde\n.', 'byte 11, GLOBAL: it reaches'),
    (b'\x80\x04\x95' + u8(3) + b'I123\n.', 'byte 11, INT: it reaches'),
    (b'\x80\x04\x95' + u8(9) + b'X' + u4(70000) + b'a' * 70000 + b'.', 'byte 11, BINUNICODE: it'),
    (b'\x80\x04\x95' + u8(5) + b'X' + u4(70000) + b'a' * 70000 + b'.', ''),
)


def noted(program):
    """What is said of it beside its value."""
    with tempfile.NamedTemporaryFile() as f:
        f.write(program)
        f.flush()
        said = subprocess.run(
            [suite.PROGRAM, '--verbose', 'show', f.name],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ).stderr.decode('utf-8', 'replace')
    return '\n'.join(line for line in said.split('\n') if 'byte ' in line)


def ours(programs):
    with tempfile.TemporaryDirectory() as folder:
        names = []
        for program in programs:
            names.append(os.path.join(folder, str(len(names))))
            with open(names[-1], 'wb') as f:
                f.write(program)
        out = subprocess.run(
            [PKL_TOOL, 'repr', '-'],
            input='\n'.join(names).encode(),
            check=False,
            stdout=subprocess.PIPE,
        ).stdout.decode('utf-8', 'surrogateescape')
    answers, lines = [], []
    for line in out.split('\n'):
        if line.startswith('-- '):
            answers.append((lines, line[3:]))
            lines = []
        else:
            lines.append(line)
    return answers


def numbered(r):
    """A random program that sets items by number, in and through the memo: lists and bytearrays."""
    out, count = [b'('], []
    for slot in range(r.randrange(1, 4)):
        n = r.choice((0, 1, 5, 60))
        grown = bytes(r.randrange(256) for _ in range(n))
        listed = r.random() < 0.6
        body = b''.join(b'K' + bytes([b]) for b in grown)
        out.append(b'](%be' % body if listed else b'\x96' + u8(n) + grown)
        out.append(b'q' + bytes([slot]) + b'\x85' * r.randrange(2) + b'h' + bytes([slot]))
        count.append([listed, n])
        for at in (r.randrange(len(count)) for _ in range(r.choice((1, 4, 20)))):
            listed, n = count[at]
            values = [b'K' + bytes([r.randrange(256)]), b'\x88', b'I7\n']
            if listed:
                values += [
                    b']K\x05a',
                    b'X\2\0\0\0ab',
                    b'}',
                    b'h' + bytes([r.randrange(len(count))]),
                ]
            number = r.randrange(-n, n) if n > 0 else 0
            key = r.choice((b'J' + struct.pack('<i', number), b'I%d \n' % number))
            value, more = r.choice(values), r.choice((0, 1, 30))
            if n == 0 or r.random() < 0.4:
                change = b'(' + value * more + b'e' if r.random() < 0.7 else value + b'a'
                count[at][1] += more if change[:1] == b'(' and change[-1:] == b'e' else 1
            else:
                change = (
                    key + value + b's' if r.random() < 0.5 else b'(' + (key + value) * more + b'u'
                )
            out.append((b'h' + bytes([at]) if at != slot else b'') + change + b'0' * (at != slot))
    return b''.join(out) + b't.'


def by_number():
    """Many of them, in a fine index, too; and what the program itself makes of one."""
    r = random.Random(suite.SEED)
    programs = [numbered(r) for _ in range(200)]
    for grain in ('4096', '16'):
        os.environ['PKL_GRAIN'] = grain
        for program, (lines, status) in zip(programs, ours(programs)):
            want = repr(pickle.loads(program))
            check(status == 'ok' and lines[0] == want, grain, program, status, lines, want)
    del os.environ['PKL_GRAIN']
    edited = sum(edit_beside(r, program) for program in programs[:60])
    check(10 < edited < 60, edited, 'of 60 are edited')
    with tempfile.NamedTemporaryFile() as f:
        f.write(b'(](K\x01]eq\0K\x00X\2\0\0\0his\x96' + u8(3) + b'abcK\x07aK\x00K\x41sh\0t.')
        f.flush()
        for args, want in (
            (['show', '--repr'], "(['hi', []], bytearray(b'Abc\\x07'), ['hi', []])"),
            (
                ['show', '--json'],
                '{"$tuple": [["hi", []], {"$bytearray": "QWJjBw=="}, {"$ref": "[0]"}]}',
            ),
            (['show', '--tree', '--depth', '1'], 'shared'),
            (['dis', '--paths'], '[0][1]'),
            (['set', '-n'], 'its items cannot be changed one by one'),
        ):
            edit = ['[0][0]=5'] if args[0] == 'set' else []
            p = subprocess.run(
                [suite.PROGRAM, *args, f.name, *edit],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            check(want in p.stdout.decode(), args, p.stdout)


def spots(value, path=()):
    """Every place in lists and tuples, each list once."""
    todo, met = [(value, path)], set()
    while todo:
        value, path = todo.pop()
        if isinstance(value, (list, tuple)) and id(value) not in met:
            met.add(id(value))
            for i, item in enumerate(value):
                yield path + (i,)
                todo.append((item, path + (i,)))


def changed(value, path, new):
    """As Python would change it; of tuples on the way new ones are made."""
    if not path:
        return new
    inner = changed(value[path[0]], path[1:], new)
    if isinstance(value, tuple):
        return value[: path[0]] + (inner,) + value[path[0] + 1 :]
    if inner is not value[path[0]]:
        value[path[0]] = inner
    return value


def edit_beside(r, program):
    """Only what is set by number is read-only."""
    path = r.choice(list(spots(pickle.loads(program))))
    text = ''.join('[%d]' % i for i in path)
    with tempfile.NamedTemporaryFile() as f:
        f.write(program)
        f.flush()
        p = subprocess.run(
            [suite.PROGRAM, 'set', f.name, text + "='new'"],
            env={**os.environ, 'XDG_STATE_HOME': os.path.join(os.environ['TEST_TMP'], 'state')},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        with open(f.name, 'rb') as g:
            result = g.read()
    if p.returncode != 0:
        why = (b'cannot be changed one by one', b'by reference: another cannot come in its place')
        check(any(w in p.stderr for w in why) and result == program, program, p.stderr)
        return False
    want = repr(changed(pickle.loads(program), path, 'new'))
    check(repr(pickle.loads(result)) == want, program, text, result, want)
    return True


def keyed(r):
    """A random program with keys and members that come through the memo, some of them no keys."""
    out, good = [b'('], []
    bad = r.random() < 0.5
    fill = b'h\0' if r.random() < 0.3 else b''
    for slot in range(r.choice((3, 30, 300, 1200))):
        kind = r.randrange(12)
        fetched = b''.join(get(r.randrange(slot)) for _ in range(r.randrange(3))) if slot else b''
        value = {
            0: b']' if bad else b'K\x07',
            1: b'(' + fetched + b't',
            2: b'](' + fetched + b'e\x85' if bad else b'N',
            3: b'K\x01' + (get(r.randrange(slot)) if slot else b'N') + b'\x86',
            4: b'K\x01\x8c\x01x\x86',
            5: b'(K\x01(K\x02)tNt',
            6: b'cbuiltins\nint\n',
            7: b'}' if bad and r.random() < 0.1 else b'K\x01',
        }.get(kind, b'\x8c\x02%c%c' % (65 + slot % 26, 65 + slot // 26 % 26))
        out.append(value + b'\x94' + (fill if slot else b''))
        good.append(slot)
        if slot % 7 == 0:
            n = r.choice((1, 2, 9, 40))
            some = [get(r.choice(good)) for _ in range(n)]
            pairs = b''.join(k + r.choice((b'K\x01', b'N', r.choice(some))) for k in some)
            out.append(
                r.choice((b'}(' + pairs + b'u', b'(' + pairs + b'd', b'}' + some[0] + b'Ns'))
                if r.random() < 0.6
                else r.choice(
                    (b'\x8f(' + b''.join(some) + b'\x90', b'(' + b''.join(some) + b'\x91')
                )
            )
    return b''.join(out) + b't.'


def get(slot):
    return b'h' + bytes([slot]) if slot < 256 else b'j' + u4(slot)


def keys():
    """Which of them Python takes; in a fine index, and in pieces, too."""
    r = random.Random(suite.SEED)
    programs = [keyed(r) for _ in range(300)]
    taken = 0
    for grain, piece in (('4096', None), ('16', None), ('64', '7')):
        os.environ.update({'PKL_GRAIN': grain, **({'PKL_PIECE': piece} if piece else {})})
        for program, (lines, status) in zip(programs, ours(programs)):
            try:
                pickle.loads(program)
                want = True
            except TypeError:
                want = False
            taken += want
            check((status == 'ok') == want, grain, piece, program, status, want)
    check(100 < taken < 800, taken, 'of 900 are taken')
    del os.environ['PKL_GRAIN'], os.environ['PKL_PIECE']


def text_of(value):
    """As repr writes it; what we do not make is what Python made of the pid."""
    return repr(value)


def main():
    print('    seed', suite.SEED)
    differ = collections.Counter()
    answers = ours([program for program, _, _ in CASES])
    check(len(answers) == len(CASES), 'one answer a program')
    for (program, want, why), (lines, status) in zip(CASES, answers):
        found = loads(program)
        got = lines[0] if status == 'ok' and lines else REFUSED
        said = 'refused (%s)' % status if got is REFUSED else got
        values = {text_of(value) for value in found.values()}
        if len(found) == 1:
            differ['only %s accepts' % list(found)[0]] += 1
        elif len(values) > 1:
            differ['both accept, with different values'] += 1
        what = '%r %s: we say %s, Python %s' % (program, why, said, found or 'refuses')
        if want is SAME:
            check((got in values) if values else got is REFUSED, what)
        elif want is STRICT:
            check(got is REFUSED and found, what)
            differ['refused here, accepted there'] += 1
        elif want is REFUSED:
            check(got is REFUSED and not found, what)
        else:
            check(got == want, what)
        if got is not REFUSED and (len(found) == 1 or len(values) > 1):
            check(noted(program), '%r: --verbose does not say that they differ' % program)
    for program, what in NOTED:
        said = noted(program)
        check(what in said and bool(what) == bool(said), program, said)
    by_number()
    keys()
    for kind, n in sorted(differ.items()):
        print('  %3d %s' % (n, kind))
    return suite.end()


if __name__ == '__main__':
    sys.exit(main())
