#!/usr/bin/python3
"""Guards the speed of the index pass: instructions for a byte of two small pickles, counted by
callgrind, against twice what they were when this was written.  Time itself is measured by
`make bench-pickle` and never in a test."""
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.environ['srcdir'], 'tests', 'bench'))
import shapes

BUILD = os.environ['builddir']
TOOL = os.path.join(BUILD, 'tests/bench/bench_tool')
# Shape -> instructions for a byte.
MOST = {'records, protocol 4': 30, 'ASCII strings': 5}
SIZE = shapes.MB // 2


def instructions(path):
    r = subprocess.run(
        ['valgrind', '--tool=callgrind', '--callgrind-out-file=/dev/null']
        + [TOOL, 'index', 'file', path],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(re.search(r'Collected : (\d+)', r.stderr).group(1))


def reason_to_skip():
    if not shutil.which('valgrind'):
        return 'there is no valgrind'
    with open(os.path.join(BUILD, 'config.h')) as f:
        if '#define PB_HARDEN 1' not in f.read():
            return 'this is a build with sanitizers'
    with open(os.path.join(BUILD, 'Makefile')) as f:
        if not re.search(r'^CFLAGS = .*-O2', f.read(), re.M):
            return 'this is no optimized build'
    return None


def write(name, data):
    path = os.path.join(os.environ['TEST_TMP'], name)
    with open(path, 'wb') as f:
        f.write(data)
    return path


def main():
    skip = reason_to_skip()
    if skip:
        print(f'   skipped: {skip}')
        print(f'0 passed, 0 failed, {len(MOST)} skipped')
        return 0
    failed = 0
    start = instructions(write('none', b'N.'))
    for name, most in MOST.items():
        data = shapes.SHAPES[name][1](SIZE)
        spent = (instructions(write('shape', data)) - start) / len(data)
        print(f'   {name}: {spent:.1f} instructions a byte, {most} at most')
        failed += spent > most
    print(f'{len(MOST) - failed} passed, {failed} failed')
    return failed > 0


if __name__ == '__main__':
    sys.exit(main())
