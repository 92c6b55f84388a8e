#!/usr/bin/env python3
"""What is typed into a file of an old Python is loaded by that Python.

Python 2.7 loads what was edited in a stream that it could have written, Python 3.6 what was edited
in protocol 4.  Those that are not here are skipped; what Python 2 has nothing for must be refused
anyhow.
"""
import glob
import os
import pickle
import shutil
import subprocess
import sys

import suite
from suite import check, skip
from test_edit import tool

# What Python 2.7 wrote of {'n': 1, 'd': 'x'}, by protocols.
PYTHON2 = (
    b"(dp1\nS'd'\np2\nS'x'\np3\nsS'n'\np4\nI1\ns.",
    b'}q\x01(U\x01dq\x02U\x01xq\x03U\x01nq\x04K\x01u.',
    b'\x80\x02}q\x01(U\x01dq\x02U\x01xq\x03U\x01nq\x04K\x01u.',
)

# Literals with what Python 2.7 (then 3.6) shows of them.
BOTH = [
    ('None', 'None'),
    ('True', 'True'),
    ('-7', '-7'),
    ('65536', '65536'),
    ('1.5', '1.5'),
    ('3+4j', '(3+4j)'),
    ("'ab'", "'ab'"),
    ('[1, (2,), {}]', '[1, (2,), {}]'),
    ('(1, 2, 3, 4)', '(1, 2, 3, 4)'),
    ("bytearray(b'x')", "bytearray(b'x')"),
    ('datetime.date(2020, 1, 2)', 'datetime.date(2020, 1, 2)'),
    ('datetime.datetime(2020, 1, 2, 3, 4)', 'datetime.datetime(2020, 1, 2, 3, 4)'),
    ('datetime.time(3, 4)', 'datetime.time(3, 4)'),
    ('datetime.timedelta(1)', 'datetime.timedelta(1)'),
    ("Decimal('1.10')", "Decimal('1.10')"),
    ('Fraction(1, 3)', 'Fraction(1, 3)'),
    ("OrderedDict([('a', 1)])", "OrderedDict([('a', 1)])"),
    ("Counter({'a': 2})", "Counter({'a': 2})"),
    ('deque([1, 2], maxlen=3)', 'deque([1, 2], maxlen=3)'),
    ('UserList([1])', '[1]'),
    ('slice(1, 2, None)', 'slice(1, 2, None)'),
    ("array.array('i', [1])", "array('i', [1])"),
    (
        "UUID('12345678-1234-5678-1234-567812345678')",
        "UUID('12345678-1234-5678-1234-567812345678')",
    ),
    ('Ellipsis', 'Ellipsis'),
    ('NotImplemented', 'NotImplemented'),
]
ONLY_2 = [
    ('12345678901234567890', '12345678901234567890L'),
    ("'\\u2022'", "u'\\u2022'"),
    ("b'raw\\xff'", "'raw\\xff'"),
    ('{1, 2}', 'set([1, 2])'),
    ('frozenset({1})', 'frozenset([1])'),
    ('range(3)', 'xrange(3)'),
    ("<class 'int'>", "<type 'int'>"),
    ("<class 'bytes'>", "<type 'str'>"),
    ('ValueError(1)', 'ValueError(1,)'),
]
ONLY_3 = [
    ('12345678901234567890', '12345678901234567890'),
    ("'\\u2022'", "'\u2022'"),
    ("b'raw\\xff'", "b'raw\\xff'"),
    ('{1, 2}', '{1, 2}'),
    ('frozenset({1})', 'frozenset({1})'),
    ('range(3)', 'range(0, 3)'),
    ("<class 'int'>", "<class 'int'>"),
    ('PermissionError(1, 2)', 'PermissionError(1, 2)'),
    ('datetime.timezone.utc', 'datetime.timezone.utc'),
    ("ChainMap({'a': 1})", "ChainMap({'a': 1})"),
    ("PurePosixPath('a')", "PurePosixPath('a')"),
]
NOT_IN_2 = [
    'datetime.datetime(2020, 1, 2, fold=1)',
    'datetime.time(1, fold=1)',
    'datetime.timezone.utc',
    'datetime.datetime(2020, 1, 2, tzinfo=datetime.timezone.utc)',
    "[1, {'a': zoneinfo.ZoneInfo('UTC')}]",
    'namespace(a=1)',
    'list[int]',
    'ChainMap({})',
    'UserDict({})',
    "PermissionError(1, 'x')",
    'RecursionError()',
]

LOADER = """
import binascii, pickle, sys
for line in sys.stdin:
    try:
        v = pickle.loads(binascii.unhexlify(line.strip().encode('ascii')))['d']
        print(repr(v).encode('unicode_escape').decode('ascii'))
    except Exception as e:
        print('%s: %s' % (type(e).__name__, e))
"""


def interpreter(version):
    """One of this version that runs, as pyenv keeps it or as it is; None: there is none."""
    kept = glob.glob(os.path.expanduser('~/.pyenv/versions/%s.*/bin/python' % version))
    for python in kept + [shutil.which('python' + version)]:
        if python and not subprocess.run([python, '-c', ''], capture_output=True).returncode:
            return python
    return None


def edited(data, literal):
    if not tool.ask('open', data)[0]:
        return None, 'cannot be opened'
    ok, why = tool.ask('set', ".d=" + literal)
    if ok:
        ok, why = tool.ask('save')
    return (bytes.fromhex(why.split()[1]), None) if ok else (None, why)


def loads(version, streams, rows):
    python, results = interpreter(version), []
    for data in streams:
        for literal, want in rows:
            result, why = edited(data, literal)
            if check(result is not None, version, literal, why):
                results.append((result, literal, want))
    if python is None:
        skip('no Python %s is here' % version)
        return
    told = subprocess.run(
        [python, '-c', LOADER],
        input=''.join(r.hex() + '\n' for r, _, _ in results),
        capture_output=True,
        universal_newlines=True,
    ).stdout.splitlines()
    check(len(told) == len(results), version, 'answered', len(told))
    for (result, literal, want), got in zip(results, told):
        want = want.encode('unicode_escape').decode('ascii')
        check(got == want, 'Python', version, literal, 'is loaded as', got, result)


def main():
    loads('2.7', PYTHON2, BOTH + ONLY_2)
    for data in PYTHON2:
        for literal in NOT_IN_2:
            result, why = edited(data, literal)
            check(result is None and 'Python 2, which wrote this' in why, literal, why)
    loads('3.6', [pickle.dumps({'d': 'x', 'n': 1}, 4)], BOTH + ONLY_3)
    return suite.end()


if __name__ == '__main__':
    sys.exit(main())
