#!/usr/bin/python3
"""Pickles at the limits: deep, long, large, with millions of memo entries, and in themselves.

Indexed, browsed and printed with a C stack of half a megabyte, and in bounded memory: what the
index needs above the file's own bytes is at most 5 % of the file and 8 MiB.
"""
import os
import pickle
import resource
import subprocess
import sys
import time

import suite
from suite import BUILD, PKL_TOOL, PROGRAM, check

BENCH_TOOL = os.path.join(BUILD, 'tests/bench/bench_tool')
FOLDER = os.environ['TEST_TMP']
with open(os.path.join(BUILD, 'config.h')) as config:
    SANITIZED = '#define PB_HARDEN 1' not in config.read()
MIB = 1 << 20


def limit():
    resource.setrlimit(resource.RLIMIT_STACK, (MIB // 2, MIB // 2))
    if not SANITIZED:
        resource.setrlimit(resource.RLIMIT_AS, (1000 * MIB, 1000 * MIB))


def run(*args, most=None):
    """Status and output, at most so many bytes of it."""
    p = subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=limit)
    out = p.stdout.read() if most is None else p.stdout.read(most)
    p.stdout.close()
    errors = p.stderr.read()
    p.stderr.close()
    if p.wait() not in (0, 141):
        print('  ', *args[1:], p.returncode, errors[-300:])
    return p.returncode, out


def write(name, *parts, size=0):
    """A file of these parts; behind the first one a hole makes it longer by `size`."""
    path = os.path.join(FOLDER, name)
    with open(path, 'wb') as f:
        f.write(parts[0])
        f.seek(size, os.SEEK_CUR)
        for part in parts[1:]:
            f.write(part)
    return path


def index(path):
    """Indexed in bounded memory, and its containers can be browsed."""
    for how in ('spool', 'file') if os.path.getsize(path) < 100 * MIB else ('file',):
        r = subprocess.run([BENCH_TOOL, 'memory', how, path], capture_output=True, text=True)
        most = os.path.getsize(path) * 0.05 + 8 * MIB
        peaks = [int(n) for n in r.stdout.split()]
        check(
            r.returncode == 0 and (SANITIZED or max(peaks) <= most),
            f'{path} {how}: peaks {peaks}, {most:.0f} at most {r.stderr}',
        )
    check(run(BENCH_TOOL, 'children', 'file', path, '20')[0] == 0, f'children of {path}')


def show(path, *args):
    return run(PROGRAM, 'show', '--repr', path, *args)[1].decode().rstrip('\n')


def deep():
    n = 200000
    path = write('deep', b'\x80\x04' + b']\x94' * n + b'a' * (n - 1) + b'.')
    index(path)
    check(run(PKL_TOOL, 'walk', path)[1].endswith(b'-- ok\n'), 'walk of nested lists')
    index(write('tuples', b'\x80\x04)' + b'\x85' * n + b'.'))
    index(write('dicts', b'\x80\x04' + b'}\x94K\x01' * n + b'N' + b's' * n + b'.'))
    check(show(path) == '[' * n + ']' * n, 'repr of nested lists')
    status, out = run(PROGRAM, 'show', '--json', path)
    check(status == 0 and out.strip() == b'[' * n + b']' * n, 'JSON of nested lists')
    status, out = run(PROGRAM, 'show', path)
    check(status == 0 and out.count(b'[') == n and len(out) < n * 1000, 'lines of nested lists')
    n = 20000
    path = write('lists', b'\x80\x04' + b']\x94' * n + b'a' * (n - 1) + b'.')
    check(show(path, '[0]' * 500) == '[' * (n - 500) + ']' * (n - 500), 'a place in nested lists')
    path = write('tuples', b'\x80\x04)' + b'\x85' * n + b'.')
    check(show(path) == '(' * (n + 1) + ')' + ',)' * n, 'repr of nested tuples')
    path = write('dicts', b'\x80\x04' + b'}\x94K\x01' * n + b'N' + b's' * n + b'.')
    check(show(path) == '{1: ' * n + 'None' + '}' * n, 'repr of nested dicts')


def long():
    n = 10**7
    path = write('list', b'\x80\x04](' + b'K\x07' * n + b'e.')
    index(path)
    check(show(path, f'[{n - 1}]') == '7' and show(path, '[-2]') == '7', 'the last of a list')
    check(run(PROGRAM, 'show', '--repr', path, most=9)[1] == b'[7, 7, 7,', 'a list is printed')
    path = write('tuple', b'\x80\x04(' + b'K\x07M\x00\x01N\x88' * (n // 4) + b't.')
    index(path)
    check(show(path, f'[{n - 3}]') == '256', 'one of a tuple')
    check(run(PROGRAM, 'show', '--repr', path, most=9)[1] == b'(7, 256, ', 'a tuple is printed')
    n = 10**6
    path = write('short', b'\x80\x04(' + b'K\x07M\x00\x01N\x88' * (n // 4) + b't.')
    status, out = run(PROGRAM, 'show', '--json', path)
    text = ', '.join(['7', '256', 'null', 'true'] * (n // 4))
    check(status == 0 and out.decode() == '{"$tuple": [' + text + ']}\n', 'JSON of a tuple')
    n = 10**7
    path = write('lists', b'\x80\x04(' + b']' * (n // 5) + b't.')
    index(path)
    check(show(path, f'[{n // 5 - 1}]') == '[]', 'one of many lists')


def large():
    for name, head in (('bytes', b'\x80\x04B'), ('str', b'\x80\x04X')):
        n = 300 * MIB
        path = write(name, head + n.to_bytes(4, 'little'), b'.', size=n)
        index(path)
        status, out = run(PROGRAM, 'show', '--tree', path)
        check(status == 0 and len(out) < 1000, f'a large {name} as a row')
        os.unlink(path)
        n = 10 * MIB
        path = write(name, head + n.to_bytes(4, 'little'), b'.', size=n)
        want = "b'" if name == 'bytes' else "'"
        check(show(path) == want + '\\x00' * n + "'", f'a large {name} is printed')


def memo():
    n = 5 * 10**6
    get = b'j' + (n - 1).to_bytes(4, 'little')
    path = write('memo', b'\x80\x04](' + b')\x94' * n + get + b'e.')
    index(path)
    check(show(path, f'[{n}]') == '()', 'the last of the memo')
    # Backwards: nothing of that is in the usual order.
    n = 100000
    puts = b''.join(b'K\x01r' + i.to_bytes(4, 'little') for i in range(n, 0, -1))
    path = write('backwards', b'\x80\x02](' + puts + b'j' + n.to_bytes(4, 'little') + b'e.')
    check(show(path, f'[{n}]') == '1', 'a memo written backwards')


class Thing:
    pass


def in_itself():
    a = []
    a.append(a)
    b = {}
    b['b'] = b
    c = ([],)
    c[0].append(c)
    d = Thing()
    d.set = {d}
    d.all = [a, b, c, d]
    for name, value in (('list', a), ('dict', b), ('tuple', c)):
        for protocol in range(6):
            path = write(name, pickle.dumps(value, protocol))
            check(show(path) == repr(value), f'a {name} in itself, protocol {protocol}')
    for protocol in range(6):
        path = write('thing', pickle.dumps(d, protocol))
        check(run(PKL_TOOL, 'walk', path)[1].endswith(b'-- ok\n'), 'an object in itself')
        for how in ('--repr', '--json', '--tree'):
            status, out = run(PROGRAM, 'show', how, path)
            check(status == 0 and 0 < len(out) < 10000, f'{how} of an object in itself')
    # Every one of many levels holds the outermost one.
    n = 50000
    path = write('levels', b'\x80\x04' + b']\x94' + b']\x94h\x00a' * n + b'a' * n + b'.')
    index(path)
    check(show(path).count('[...]') == n, 'levels that all hold the first')


def main():
    for test in (deep, long, large, memo, in_itself):
        began = time.monotonic()
        test()
        print(f'   {test.__name__}: {time.monotonic() - began:.1f} s')
    return suite.end()


if __name__ == '__main__':
    sys.exit(main())
