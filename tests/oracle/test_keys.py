#!/usr/bin/python3
"""Keys of dicts too large to be looked through: what a path finds is what Python holds.

Each file is a list of texts and a dict of thousands of pairs.  The key that is asked for stands in
there once, twice or not at all: as a literal of any opcode, fetched from the memo, duplicated on
the stack, as a value, deeper down, as a part of longer texts, with two memo slots or none.
"""
import os
import pickle
import random
import struct
import subprocess
import sys

import suite
from suite import PROGRAM, SEED, begin, check

FOLDER = os.environ['TEST_TMP']
FILES = 40
PAIRS = 5000


class Writer:
    def __init__(self, r):
        self.r, self.slots, self.of, self.out = r, 0, {}, []
        self.style = r.choice(('memoize', 'memoize', 'short', 'long', 'sparse'))
        self.odd = r.random() < 0.2  # opcodes that leave nothing to be said by bytes alone

    def text(self, s):
        data, r = s.encode('utf-8', 'surrogatepass'), self.r
        forms = [b'X' + struct.pack('<I', len(data)) + data]
        if len(data) < 256:
            forms += [b'\x8c' + bytes([len(data)]) + data] * 4
        if r.random() < 0.1:
            forms.append(b'\x8d' + struct.pack('<Q', len(data)) + data)
        if data.isascii() and r.random() < 0.1:
            forms.append(b'U' + bytes([len(data)]) + data)
        if self.odd and data.isascii() and r.random() < 0.2:
            forms = [b'V' + b''.join(b'\\u%04x' % c for c in data) + b'\n', b"S'" + data + b"'\n"]
        self.out.append(r.choice(forms))
        for _ in range(r.choice((0, 1, 1, 1, 2))):
            self.put(s)

    def put(self, s):
        slot = self.slots
        if self.style == 'sparse':
            slot = self.slots * 3 + 1
        if self.style == 'memoize':
            self.out.append(b'\x94')
        elif self.style == 'short' and slot < 256:
            self.out.append(b'q' + bytes([slot]))
        else:
            self.out.append(b'r' + struct.pack('<I', slot))
        self.slots += 1
        self.of.setdefault(s, []).append(slot)

    def get(self, s):
        slot = self.r.choice(self.of[s])
        if slot < 256 and self.r.random() < 0.8:
            self.out.append(b'h' + bytes([slot]))
        else:
            self.out.append(b'j' + struct.pack('<I', slot))
        if self.odd and self.r.random() < 0.1:
            self.put(s)

    def any(self, s):
        if s in self.of and self.r.random() < 0.5:
            self.get(s)
        else:
            self.text(s)

    def value(self, s, i):
        how = self.r.randrange(500)
        if how == 0:
            self.any(s)
        elif how == 1:
            self.out.append(b']')
            self.any(s)
            self.out.append(b'a')
        elif how == 2:
            self.out.append(b'}')
            self.any(s)
            self.out.append(b'M' + struct.pack('<H', i) + b's')
        else:
            self.out.append(b'M' + struct.pack('<H', i))


def program(r, key):
    w = Writer(r)
    w.out.append(b'\x80\x04(')
    for _ in range(r.randrange(300)):
        w.text(r.choice((key, key + 'x', 'x' + key, 'other')) if r.random() < 0.02 else 'name')
    w.out.append(b'}(')
    times = r.choice((0, 1, 1, 2, 5))
    places = {r.randrange(PAIRS) for _ in range(times)}
    few, stem = r.random() < 0.5, r.choice((key[:3], 'zz', 'zz', 'zz'))
    for i in range(PAIRS):
        if i % 1000 == 999:
            w.out.append(b'u(')
        if i in places:
            w.any(key)
        elif w.odd and r.random() < 0.001:
            w.out.append(b'M' + struct.pack('<H', i))
            w.any(key)
            w.out.append(b'2')
        elif r.random() < 0.5:
            w.out.append(b'M' + struct.pack('<H', i))
        else:
            w.text(f'{stem}{i}')
        if few:
            w.out.append(b'M' + struct.pack('<H', i))
        else:
            w.value(key, i)
    w.out.append(b'ut.')
    return b''.join(w.out)


def main():
    begin(PROGRAM)
    r = random.Random(SEED)
    path = os.path.join(FOLDER, 'keys')
    for i in range(FILES):
        key = r.choice(('needle', 'né', 'abc', 'key12', '한글 열쇠', 'M\x00\x01'))
        with open(path, 'wb') as f:
            f.write(program(r, key))
        with open(path, 'rb') as f:
            value = pickle.load(f)
        want = repr(value[-1][key]) if key in value[-1] else None
        p = subprocess.run(
            [PROGRAM, 'show', '--repr', path, f'[-1][{key!r}]'], capture_output=True, text=True
        )
        got = p.stdout.rstrip('\n') if p.returncode == 0 else None
        check(
            got == want and (p.returncode == 0 or 'there is no' in p.stderr),
            f'file {i}: {key!r}: {got}, Python has {want} {p.stderr}',
        )
    return suite.end()


if __name__ == '__main__':
    sys.exit(main())
