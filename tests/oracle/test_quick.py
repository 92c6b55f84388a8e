#!/usr/bin/python3
"""The quick way through a pickle against the general one.

What arrives a few bytes at a time goes the general way; what is there at once goes the quick one
wherever it can.  Both must come to the same index: every value with its bytes and place, every
count, and of broken files the same error at the same place.
"""
import os
import pickle
import pickletools
import random
import subprocess
import sys

import genpickle

sys.path.insert(0, os.path.join(os.environ['srcdir'], 'tests', 'bench'))
import shapes

import suite
from suite import PKL_TOOL, SEED, begin, check

INTERESTING = b'(.0123]})acbdeghijklopqrstuNKMJGXVIFLSUTBC\x80\x81\x85\x86\x87\x88\x8a\x8c\x94\x95'


def run(command, paths, piece=None, grain=None):
    """Output of every file, its status at the end."""
    env = {**os.environ, **({'PKL_PIECE': str(piece)} if piece else {})}
    if grain:
        env['PKL_GRAIN'] = str(grain)
    r = subprocess.run(
        [PKL_TOOL, command, '-'], input='\n'.join(paths), capture_output=True, env=env, text=True
    )
    results, lines = [], []
    for line in r.stdout.split('\n'):
        lines.append(line)
        if line.startswith('-- '):
            results.append(lines)
            lines = []
    if r.returncode != 0 or len(results) != len(paths):
        results += [['crashed', r.stderr[-2000:]]] * (len(paths) - len(results))
    return results


def nest(r, depth):
    value = [r.randrange(9)] * r.randrange(2)
    for _ in range(depth):
        value = [value] if r.random() < 0.97 else [value, depth]
    return value


def mixed(r):
    """A large value with a bit of every shape, and its opcodes in all protocols."""
    names = [shapes.word(r, 1, 50) for _ in range(r.randrange(1, 400))]
    fixed = [None, True, False, 1, 200, 3000, 70000, -1, 0.5, 1e300][r.randrange(6) :]
    kinds = [
        lambda: r.choice(names),
        lambda: shapes.word(r, 0, 90),
        lambda: shapes.syllables(r, r.randrange(1, 80)),
        lambda: r.choice((None, True, False, (), b'', bytearray(b'xy'), '\ud800')),
        lambda: r.randrange(-(2 ** r.randrange(1, 80)), 2 ** r.randrange(1, 80)),
        lambda: r.random() * 10.0 ** r.randrange(-30, 30),
        lambda: bytes(r.randrange(300)),
        lambda: genpickle.value(r),
        lambda: [r.choice(names) for _ in range(r.randrange(5))],
        lambda: {r.choice(names): r.random() for _ in range(r.randrange(9))},
        lambda: tuple(r.randrange(300) for _ in range(r.randrange(6))),
        lambda: {r.randrange(1000) for _ in range(r.randrange(6))},
        lambda: frozenset(r.choice(names) for _ in range(r.randrange(4))),
        lambda: shapes.record(r, r.randrange(10**6)),
        lambda: shapes.Point(r.randrange(9), r.random(), r.choice(names)),
        lambda: [shapes.record(r, i) for i in range(r.randrange(60))],
        lambda: nest(r, r.randrange(200)),
        lambda: complex(r.random(), 1),
        lambda: [r.randrange(70000) for _ in range(r.randrange(3000))],
        lambda: [r.choice(fixed) for _ in range(r.choice((9, 40, 400, 3000)))],
        lambda: {r.choice(fixed): r.choice(fixed + names[:3]) for _ in range(r.randrange(60))},
        lambda: [r.choice(names) for _ in range(r.choice((9, 40, 400, 3000)))],
        lambda: [shapes.Point(i, r.choice(fixed), r.choice(names)) for i in range(r.randrange(9))],
    ]
    value = [r.choice(kinds)() for _ in range(r.randrange(1, 120))]
    if r.random() < 0.3:
        value = {i: v for i, v in enumerate(value)}
    elif r.random() < 0.3:
        value = tuple(value)
    data = pickle.dumps(value, r.randrange(6))
    return pickletools.optimize(data) if r.random() < 0.1 else data


def damaged(r, data):
    data = bytearray(data)
    for _ in range(r.choice((1, 1, 2, 8))):
        at = r.randrange(len(data))
        how = r.randrange(4)
        if how == 0:
            data[at] = r.randrange(256)
        elif how == 1:
            data[at] = r.choice(INTERESTING)
        elif how == 2:
            del data[at : at + r.randrange(1, 5)]
        else:
            data[at:at] = bytes(r.choice(INTERESTING) for _ in range(r.randrange(1, 4)))
        if not data:
            data = bytearray(b'.')
    return bytes(data)


def main():
    r = random.Random(SEED)
    begin(PKL_TOOL)
    folder = os.environ['TEST_TMP']
    paths = []
    for i in range(90):
        data = mixed(r) if i % 4 else b''.join(genpickle.program(r, 900) for _ in range(3))
        if i % 3:
            data = damaged(r, data)
        # Behind the end there must be something for the quick way to go up to it.
        data += bytes(r.choice((0, 0, 200)))
        paths.append(os.path.join(folder, f'{i}.pkl'))
        with open(paths[-1], 'wb') as f:
            f.write(data)
    for grain in (None, 64):
        for command in ('check', 'spans'):
            quick = run(command, paths, None, grain)
            for piece in (1, 777):
                for path, a, b in zip(paths, quick, run(command, paths, piece, grain)):
                    at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), -1)
                    check(a == b, f'{command} grain {grain} piece {piece} {path}: {a[at]} {b[at]}')
    return suite.end()


if __name__ == '__main__':
    sys.exit(main())
