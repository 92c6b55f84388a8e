#!/usr/bin/env python3
"""Typed literals against ast.literal_eval: generated and mutated texts give the same value, or
both refuse.

The value comes back as a pickle in a random protocol, so the encoder is tested at the same time,
with
the C and the pure-Python unpickler.  PKLBROWSE_SEED repeats a run.
"""
import ast
import os
import pickle
import random
import struct
import subprocess
import sys
import warnings

import suite
from suite import EDIT_TOOL, SEED, begin, check

warnings.simplefilter('ignore')
sys.setrecursionlimit(100000)
COUNT = int(os.environ.get('PKLBROWSE_COUNT') or 6000)
rnd = random.Random(SEED)


def same(a, b):
    """Equal in type and in every bit; sets without order."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return struct.pack('d', a) == struct.pack('d', b) or (a != a and b != b)
    if isinstance(a, complex):
        return same(a.real, b.real) and same(a.imag, b.imag)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return len(a) == len(b) and all(same(x, y) and same(a[x], b[y]) for x, y in zip(a, b))
    if isinstance(a, (set, frozenset)):
        if len(a) != len(b) or a != b:
            return False
        return sorted(map(repr, a)) == sorted(map(repr, b)) or a == b and len(a) == len(b)
    return a == b


def show(value):
    try:
        return repr(value)[:200]
    except ValueError:
        return 'a huge int'


class Tool:
    def __init__(self):
        self.p = subprocess.Popen(
            [EDIT_TOOL, 'literal'], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def ask(self, text, protocol):
        raw = text if isinstance(text, bytes) else text.encode('utf-8')
        self.p.stdin.write(b'%d %d\n%s' % (protocol, len(raw), raw))
        self.p.stdin.flush()
        line = self.p.stdout.readline()
        if not line:
            raise SystemExit('the tool died on %r' % (text,))
        word, _, rest = line.rstrip(b'\n').partition(b' ')
        return (
            (True, bytes.fromhex(rest.decode()))
            if word == b'ok'
            else (False, rest.decode('utf-8', 'replace'))
        )


tool = Tool()
EXTRA = ('inf', 'nan', 'frozenset', 'bytearray')


def names_only_we_know(text):
    return any(word in text for word in EXTRA)


def compare(text):
    protocol = rnd.randrange(6)
    ok, got = tool.ask(text, protocol)
    try:
        want, refused = ast.literal_eval(text), None
    except RecursionError:
        return
    except MemoryError:
        return  # the parser's own limit of nested brackets
    except Exception as x:
        refused = x
    if refused is not None:
        # What Python calls indentation means nothing to us, and these names are ours.
        if ok and (
            isinstance(refused, IndentationError)
            or names_only_we_know(text)
            or 'too many nested parentheses' in str(refused)
        ):
            return
        check(not ok, 'Python refuses (%s), we read %r, from %r' % (refused, got, text))
        return
    if not ok:
        # Names of characters need Unicode's list of them; and a number of so many digits cannot be
        # written as decimal text by Python either.
        if (
            '\\N{' in text
            or '...' in text
            or '(set)' in text
            or ('cannot be encoded' in got and protocol < 2)
        ):
            return
        check(False, 'we refuse (%s), Python reads %s, from %r' % (got, show(want), text))
        return
    for loads in (pickle.loads, pickle._loads):
        try:
            value = loads(got)
        except Exception as x:
            value = x
        check(
            same(value, want),
            'protocol %d %s: %s is not %s (%r), from %r'
            % (protocol, loads.__module__, show(value), show(want), got, text),
        )


# ------------------------------------------------------------------------------- generation


def blank():
    return rnd.choice(['', '', '', '', ' ', '  ', '\t', '\f', ' \\\n', '\\\r\n'])


def inner_blank():
    return rnd.choice(['', '', '', ' ', '\n', '\r\n ', ' # note\n', '\\\n', '\t'])


def underscored(digits):
    return ''.join(d if i == 0 or rnd.random() < 0.85 else '_' + d for i, d in enumerate(digits))


def an_int():
    bits = rnd.choice([1, 4, 8, 9, 16, 17, 31, 32, 33, 63, 64, 65, 100, 1000, 2040, 2041, 5000])
    n = rnd.getrandbits(bits)
    if rnd.random() < 0.2:
        n = 1 << rnd.choice([7, 8, 15, 16, 31, 32, 63, 64, 2047])
        n += rnd.choice([-1, 0, 1])
    form = rnd.choice(['d', 'd', 'd', 'x', 'X', 'o', 'b'])
    if form == 'd':
        return underscored(str(n)) if n else rnd.choice(['0', '00', '0_0'])
    return (
        '0'
        + rnd.choice([form, form.upper()])
        + rnd.choice(['', '', '_'])
        + underscored(format(n, form))
    )


def a_float():
    d = lambda: underscored(str(rnd.randrange(10 ** rnd.randrange(1, 20))))
    e = lambda: rnd.choice('eE') + rnd.choice(['', '+', '-']) + underscored(str(rnd.randrange(400)))
    return rnd.choice(
        [
            lambda: d() + '.' + d(),
            lambda: d() + '.',
            lambda: '.' + d(),
            lambda: d() + e(),
            lambda: d() + '.' + d() + e(),
            lambda: '0' + d() + '.5',
            lambda: repr(rnd.gauss(0, 1)),
            lambda: repr(struct.unpack('d', rnd.randbytes(8))[0])
            .replace('nan', '1.0')
            .replace('inf', '1e999'),
        ]
    )()


def number():
    n = rnd.choice([an_int, an_int, a_float])()
    if rnd.random() < 0.1:
        n = a_float() + rnd.choice('jJ')
    r = rnd.random()
    if r < 0.3:
        n = rnd.choice('+-') + blank() + n
    if r > 0.9:
        n = (
            n
            + blank()
            + rnd.choice('+-')
            + blank()
            + rnd.choice([an_int, a_float])().lstrip('0').replace('x', '1')
            + 'j'
        )
    if rnd.random() < 0.1:
        n = '(' + inner_blank() + n + inner_blank() + ')'
    if rnd.random() < 0.05:
        n = '-' + n
    return n


PIECES = [
    'a',
    'b c',
    '\\n',
    '\\\\',
    '\\\'',
    '\\"',
    '\\x41',
    '\\xff',
    '\\0',
    '\\12',
    '\\377',
    '\\777',
    '\\400',
    '\\8',
    '\\u20ac',
    '\\U0001f600',
    '\\ud800',
    '\\N',
    '\\q',
    '\\\n',
    '\\\r\n',
    'é',
    '中',
    '😀',
    '"',
    "'",
    '\\x4',
    '\\u12',
    '\\U00110000',
    '\\',
    '\n',
    '\r',
    '\t',
    '#',
    '{',
    '\\a\\b\\f\\r\\t\\v',
    '\x7f',
    '\\x00',
    '\u202e',
    "''",
    '""',
]


def string():
    prefix = rnd.choice(
        ['', '', '', '', 'r', 'b', 'br', 'rB', 'u', 'R', 'B', 'Rb', 'U', 'f', 'ur', 'bb']
        if rnd.random() < 0.5
        else ['']
    )
    quote = rnd.choice(["'", '"', "'''", '"""'])
    body = ''.join(rnd.choice(PIECES) for _ in range(rnd.randrange(6)))
    if rnd.random() < 0.02:
        body = 'x' * rnd.choice([254, 255, 256, 257, 70000])
    text = prefix + quote + body + quote
    if rnd.random() < 0.1:
        text += rnd.choice(['', ' ', ' \\\n']) + string()
    return text


def value(depth):
    r = rnd.random()
    if depth <= 0 or r < 0.5:
        return rnd.choice(
            [number, number, string, string, lambda: rnd.choice(['None', 'True', 'False'])]
        )()
    items = [value(depth - 1) for _ in range(rnd.choice([0, 1, 2, 3, 4, 5]))]
    b = inner_blank
    join = (b() + ',' + b()).join(items) + (rnd.choice(['', ',']) if items else '')
    kind = rnd.randrange(5)
    if kind == 0:
        return '[' + b() + join + b() + ']'
    if kind == 1:
        return '(' + b() + join + b() + ')'
    if kind == 2:
        return '{' + b() + join + b() + '}'
    if kind == 3:
        return rnd.choice(['set()', 'set ( )', '{1,}', '{ }', '()'])
    pairs = [value(depth - 2) + b() + ':' + b() + i for i in items]
    return '{' + (',' + b()).join(pairs) + rnd.choice(['', ',' if pairs else '']) + '}'


def mutate(text):
    text = list(text)
    for _ in range(rnd.choice([1, 1, 1, 2, 3])):
        at = rnd.randrange(len(text) + 1)
        what = rnd.randrange(4)
        if what == 0:
            text[at:at] = rnd.choice(
                list('()[]{},:+-_.0123456789eEjJxob\'"\\rbufN \t\n\r#lL=*@;é') + PIECES
            )
        elif what == 1 and text:
            del text[min(at, len(text) - 1)]
        elif what == 2 and len(text) > 1:
            i = rnd.randrange(len(text) - 1)
            text[i], text[i + 1] = text[i + 1], text[i]
        elif text:
            i = rnd.randrange(len(text))
            text[i:i] = text[i : i + rnd.randrange(1, 5)]
    return ''.join(text)


FIXED = [
    '',
    ' ',
    '1,',
    '1,2',
    '(1)',
    '()',
    '(,)',
    '[1,,2]',
    '{1:2,3}',
    '{1,2:3}',
    '--1',
    '-(1)',
    '-(-1)',
    '(-1)+2j',
    '1+(2j)',
    '-0.0+2j',
    '-0.0-0j',
    '0.0-0j',
    '-2j',
    '+2j',
    '1+-2j',
    '1+2j+3j',
    '2j+1',
    '1-2',
    '-True',
    'True+1j',
    '{[]}',
    '{[]:1}',
    '{(1,[2])}',
    '{{1}}',
    '{1: {2: 3}}',
    '1\\\n',
    '1 \\\n,2',
    '1\n',
    '\n1',
    '1 # c',
    '#c\n1',
    '1\n2',
    "'a'\n'b'",
    "('a'\n'b')",
    "'a' b'b'",
    "b'é'",
    "br'é'",
    '0777',
    '0_0',
    '00',
    '0x',
    '0x_1',
    '1_',
    '1__0',
    '1e',
    '1e+',
    '1.e1',
    '1._5',
    '.5',
    '._5',
    '1..',
    '1.5.5',
    '0b2',
    '0o8',
    '0xg',
    '12abc',
    '1if',
    '1 if 1 else 2',
    '9' * 4300,
    '9' * 4301,
    '0' * 5000,
    '0x' + 'f' * 6000,
    '9' * 400 + '+1j',
    '1' + '0' * 308 + '+1j',
    str((1 << 1024) - 1) + '+1j',
    str((1 << 1024) - (1 << 970)) + '+1j',
    str((1 << 1024) - (1 << 970) - 1) + '+1j',
    str((1 << 53) + 1) + '+1j',
    str((1 << 70) + (1 << 17)) + '+1j',
    '-' + str((1 << 70) + (1 << 17) + 1) + '+1j',
    '{1, 1.0, True}',
    "{1: 'a', 1.0: 'b', True: 'c', 2: 'd'}",
    '{0, False, -0.0, 0j}',
    "{'a', b'a'}",
    '{1: 2, 1: 3, 3: 4, 1: 5}',
    '{(1, 2): 1, (1.0, 2): 2}',
    '{2**3}',
    '{1e308, 1e308}',
    '{1e400, 2e400}',
    'set()',
    'set([1])',
    'set',
    'None()',
    'x',
    '...',
    'f""',
    "f'a'",
    '[*[1]]',
    '{**{}}',
    'lambda: 1',
    'a.b',
    '1 .real',
    '1;',
    '1=1',
    '@',
    '`1`',
    '$',
    '\x0c1',
    '\x0b1',
    '\ufeff1',
    '1\x00',
    '"\\N{BULLET}"',
    "'a",
    '"""a',
    "r'\\'",
    "r'\\''",
    '[' * 150 + ']' * 150,
    '(' * 150 + ')' * 150,
    '[' * 5 + ']' * 4,
    ')',
    '(]',
    '{1: 2)',
    '{1:}',
    '{:1}',
    '{1 2}',
    '[' + ','.join(map(str, range(2500))) + ']',
    '{' + ','.join('%d:%d' % (i, i) for i in range(2001)) + '}',
    '{' + ','.join(map(str, range(1001))) + '}',
    '(' + ','.join(map(str, range(4))) + ')',
    '1_000',
    '0x1f',
    '1e3',
    '-0.0',
]

OURS = [
    ('inf', float('inf')),
    ('-inf', float('-inf')),
    ('nan', float('nan')),
    ('[nan, -inf]', [float('nan'), float('-inf')]),
    ('frozenset()', frozenset()),
    ('frozenset({1, 2})', frozenset({1, 2})),
    ("bytearray(b'ab')", bytearray(b'ab')),
    ("bytearray(b'')", bytearray()),
    ('bytearray()', bytearray()),
    ('{frozenset({1}): 2, frozenset({1.0}): 3}', {frozenset({1}): 3}),
    ('{frozenset({1, 2, 3}), frozenset({3, 2, 1})}', {frozenset({1, 2, 3})}),
    ('frozenset({(1, frozenset({2}))})', frozenset({(1, frozenset({2}))})),
    ('inf+1j', complex(float('inf'), 1)),
]
OURS_BAD = [
    'frozenset([1])',
    'frozenset(1)',
    'bytearray("a")',
    'bytearray(1)',
    'frozenset({1}, {2})',
    '{bytearray()}',
    'set({1})',
    'frozenset',
    'infinity',
    'NaN',
    '--inf',
    b'\xff',
    b"'\xff'",
    b"'\xed\xa0\x80'",
    b"'a\x00b'",
]


def main():
    begin(EDIT_TOOL)
    for text in FIXED:
        for _ in range(3):
            compare(text)
    for text, want in OURS:
        for protocol in range(6):
            ok, got = tool.ask(text, protocol)
            for loads in (pickle.loads, pickle._loads):
                check(ok and same(loads(got), want), '%r protocol %d: %r' % (text, protocol, got))
    for text in OURS_BAD:
        ok, got = tool.ask(text, 4)
        check(not ok, '%r: read as %r' % (text, got))
    for depth in (1000, 100000):
        for text in (
            '[' * depth + ']' * depth,
            '(' * depth + '1,' + '),' * depth,
            '{1:' * depth + '2' + '}' * depth,
            '(' * depth,
            '{' * depth,
        ):
            tool.ask(text, 4)
            check(tool.p.poll() is None, 'nesting of %d' % depth)
    for _ in range(COUNT):
        text = blank() + value(rnd.choice([0, 0, 1, 1, 2, 3, 4])) + blank()
        compare(text)
        for _ in range(3):
            compare(mutate(text))
    tool.p.stdin.close()
    check(tool.p.wait() == 0, 'the tool ended with status %s' % tool.p.returncode)
    return suite.end()


sys.exit(main())
