#!/usr/bin/env python3
"""What a lens shows can be typed: repr() of objects of the standard library, read as literals.

Every text goes through edit_tool in all protocols; both unpicklers must give an object with the
same type, the same repr, and (but for what the text does not say) the same opcodes as Python's own
pickler writes.  Wrong calls are refused, at the place that is wrong.  PKLBROWSE_SEED repeats a run.
"""
import array
import collections
import datetime
import decimal
import fractions
import ipaddress
import math
import os
import pathlib
import pickle
import pickletools
import random
import re
import subprocess
import sys
import types
import uuid
import warnings
import zoneinfo

import suite
from suite import EDIT_TOOL, SEED, begin, check

warnings.simplefilter('ignore')
COUNT = int(os.environ.get('PKLBROWSE_COUNT') or 1500)
rnd = random.Random(SEED)


tool = subprocess.Popen([EDIT_TOOL, 'literal'], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def ask(text, protocol):
    """(True, pickle) or (False, (place, message))"""
    raw = text.encode('utf-8', 'surrogatepass')
    tool.stdin.write(b'%d %d\n' % (protocol, len(raw)) + raw)
    tool.stdin.flush()
    word, _, rest = tool.stdout.readline().decode('utf-8', 'replace').rstrip('\n').partition(' ')
    if word == 'ok':
        return True, bytes.fromhex(rest)
    at, _, message = rest.partition(' ')
    return False, (int(at), message)


# ------------------------------------------------------------------------------- generation

ZONES = ['UTC', 'Europe/Paris', 'Asia/Seoul', 'America/New_York']
CLASSES = [
    int,
    str,
    list,
    dict,
    object,
    set,
    type(None),
    type(...),
    ValueError,
    collections.OrderedDict,
    datetime.date,
    decimal.Decimal,
    pathlib.PurePosixPath,
    uuid.UUID,
    array.array,
    re.Pattern,
    zoneinfo.ZoneInfo,
    bytes,
    collections.abc.Mapping,
]


def word():
    return rnd.choice(['', 'a', 'É', '名前', "it's", '"', '\n', '\x00', '😀', 'a' * 300, '\\'])


def integer():
    return rnd.choice(
        [
            0,
            1,
            -1,
            255,
            65536,
            -(2**31),
            2**63,
            -(2**63) - 1,
            rnd.getrandbits(100),
            rnd.randrange(-1000, 1000),
        ]
    )


def tz():
    pick = rnd.randrange(5)
    if pick == 0:
        return None
    if pick == 1:
        return datetime.timezone.utc
    if pick == 2:
        return zoneinfo.ZoneInfo(rnd.choice(ZONES))
    delta = datetime.timedelta(
        seconds=rnd.randrange(-86399, 86400), microseconds=rnd.choice([0, 1])
    )
    return datetime.timezone(delta) if pick == 3 else datetime.timezone(delta, word())


def date():
    return datetime.date(rnd.randrange(1, 10000), rnd.randrange(1, 13), rnd.randrange(1, 29))


def moment():
    d = date()
    return datetime.datetime(
        d.year,
        d.month,
        d.day,
        rnd.randrange(24),
        rnd.randrange(60),
        rnd.choice([0, 1]),
        rnd.choice([0, 70000]),
        tz(),
        fold=rnd.randrange(2),
    )


def time():
    return datetime.time(
        rnd.randrange(24),
        rnd.randrange(60),
        rnd.choice([0, 59]),
        rnd.choice([0, 1, 999999]),
        tz(),
        fold=rnd.randrange(2),
    )


def delta():
    return datetime.timedelta(
        rnd.choice([0, 1, -1, 999999999, -999999999, 77]),
        rnd.choice([0, 1, 86399]),
        rnd.choice([0, 1, 999999]),
    )


def a_decimal():
    return rnd.choice(
        [
            lambda: decimal.Decimal(
                (
                    rnd.randrange(2),
                    tuple(rnd.randrange(10) for _ in range(rnd.randrange(1, 30))),
                    rnd.randrange(-40, 40),
                )
            ),
            lambda: decimal.Decimal(
                rnd.choice(
                    [
                        'NaN',
                        'sNaN12',
                        '-Infinity',
                        '0',
                        '-0',
                        '0E-9',
                        '1E+999999',
                        '0.000001',
                        '0.0000001',
                    ]
                )
            ),
        ]
    )()


def an_array():
    code = rnd.choice('bBhHiIlLqQfdu')
    if code == 'u':
        return array.array('u', word())
    if code in 'fd':
        return array.array(
            code,
            [
                rnd.choice([rnd.uniform(-9, 9), math.inf, math.nan, -0.0])
                for _ in range(rnd.randrange(5))
            ],
        )
    bits = array.array(code).itemsize * 8
    low = 0 if code.isupper() else -(1 << bits - 1)
    return array.array(
        code, [rnd.choice([low, low + (1 << bits) - 1, 1, 100]) for _ in range(rnd.randrange(6))]
    )


def pattern():
    source = rnd.choice(['a+', '(?i)x', '(?P<n>.)', "it's", '[^"]*', 'é', '\\d', '\n'])
    flags = rnd.choice([0, re.I, re.M | re.S, re.X, re.A, re.I | re.A])
    if rnd.random() < 0.3:
        return re.compile(source.encode('latin-1'), flags)
    return re.compile(source, flags)


def address():
    four, six = rnd.getrandbits(32), rnd.choice([rnd.getrandbits(128), 1, 0, 0xFFFF << 32 | 5])
    return rnd.choice(
        [
            lambda: ipaddress.IPv4Address(four),
            lambda: ipaddress.IPv6Address(six),
            lambda: ipaddress.IPv6Address('fe80::1%eth0'),
            lambda: ipaddress.ip_network((four, rnd.randrange(33)), strict=False),
            lambda: ipaddress.ip_network((six, rnd.randrange(129)), strict=False),
            lambda: ipaddress.IPv4Interface((four, rnd.randrange(33))),
            lambda: ipaddress.IPv6Interface((six, rnd.randrange(129))),
        ]
    )()


def path():
    parts = [
        rnd.choice(['usr', 'x.py', '..', 'é', 'a b', '.', "it's"]) for _ in range(rnd.randrange(5))
    ]
    cls = rnd.choice([pathlib.PurePosixPath, pathlib.PosixPath, pathlib.PureWindowsPath])
    if cls is pathlib.PureWindowsPath:
        return cls(rnd.choice(['C:\\', 'C:', '\\', '', '\\\\host\\share\\', 'd:/']), *parts)
    return cls(rnd.choice(['/', '', '//', '.', '///']), *parts)


def alias():
    args = tuple(
        rnd.choice([rnd.choice(CLASSES[:6]), ..., None, 'name', list[int], 5])
        for _ in range(rnd.randrange(4))
    )
    return types.GenericAlias(rnd.choice([list, dict, tuple, collections.OrderedDict]), args)


def error(depth):
    cls = rnd.choice(
        [
            ValueError,
            KeyError,
            RuntimeError,
            StopIteration,
            UserWarning,
            PermissionError,
            KeyboardInterrupt,
            ModuleNotFoundError,
            OSError,
        ]
    )
    return cls(*[value(depth) for _ in range(rnd.randrange(3))])


def number():
    return rnd.choice([0.0, 1.0, -2.5, math.inf, math.nan, 1e16])


LEAVES = [
    date,
    time,
    moment,
    delta,
    tz,
    a_decimal,
    an_array,
    pattern,
    address,
    path,
    word,
    integer,
    lambda: fractions.Fraction(integer(), rnd.choice([1, 2, 3, 2**70, 10**20 + 1, 97])),
    lambda: uuid.UUID(int=rnd.choice([0, 5, rnd.getrandbits(128), 2**128 - 1])),
    # Python itself reads its -2j as (-0-2j).
    lambda: complex(number() or 1.0, number()),
    lambda: range(integer(), integer(), rnd.choice([1, -1, 2, 2**70])),
    lambda: slice(rnd.choice([None, integer()]), integer(), rnd.choice([None, 2])),
    lambda: bytes(rnd.randrange(256) for _ in range(rnd.randrange(6))),
    lambda: bytearray(rnd.randrange(256) for _ in range(rnd.randrange(6))),
    lambda: rnd.choice([Ellipsis, NotImplemented, None, True, False]),
    lambda: rnd.choice(CLASSES),
    alias,
]
KEYS = [
    word,
    integer,
    date,
    path,
    lambda: uuid.UUID(int=rnd.getrandbits(128)),
    a_decimal,
    lambda: (1, date()),
    lambda: frozenset([date(), 1]),
]


def key():
    while True:
        try:
            made = rnd.choice(KEYS)()
            hash(made)
            if made == made:
                return made
        except TypeError:
            pass  # a signalling NaN


def pairs(depth):
    return [(key(), value(depth)) for _ in range(rnd.randrange(4))]


def value(depth):
    if depth <= 0 or rnd.random() < 0.3:
        return rnd.choice(LEAVES)()
    depth -= 1
    return rnd.choice(
        [
            lambda: [value(depth) for _ in range(rnd.randrange(4))],
            lambda: tuple(value(depth) for _ in range(rnd.randrange(5))),
            lambda: dict(pairs(depth)),
            lambda: collections.OrderedDict(pairs(depth)),
            lambda: collections.defaultdict(rnd.choice([None, int, list, dict]), pairs(depth)),
            lambda: collections.Counter({key(): rnd.randrange(9) for _ in range(rnd.randrange(4))}),
            lambda: collections.deque(
                [value(depth) for _ in range(rnd.randrange(4))], rnd.choice([None, 0, 2, 100])
            ),
            lambda: collections.ChainMap(*[dict(pairs(depth)) for _ in range(rnd.randrange(3))]),
            lambda: types.SimpleNamespace(
                **{rnd.choice(['a', 'b', 'é']): value(depth) for _ in range(rnd.randrange(3))}
            ),
            lambda: error(depth),
        ]
    )()


# ------------------------------------------------------------------------------- comparison


def opcodes(data):
    """Opcodes without memo and frames; what is fetched stands as a name only."""
    return [
        (o.name, a if a == a else 'nan')
        for o, a, _ in pickletools.genops(data)
        if 'PUT' not in o.name and o.name not in ('MEMOIZE', 'FRAME', 'PROTO')
    ]


def shared(data):
    return any('GET' in o.name for o, _, _ in pickletools.genops(data))


def compare(v, want_shape):
    try:
        text = repr(v)
    except ValueError:
        return
    for protocol in range(6):
        ok, got = ask(text, protocol)
        if not ok:
            check(False, 'refused %r in protocol %d: %s' % (text, protocol, got[1]))
            continue
        for loads in (pickle.loads, pickle._loads):
            try:
                back = loads(got)
            except Exception as x:
                check(False, '%r in protocol %d: %r loads as %r' % (text, protocol, got, x))
                continue
            check(
                type(back) is type(v) and repr(back) == text,
                '%r in protocol %d: %r' % (text, protocol, back),
            )
        if want_shape:
            theirs = pickle.dumps(v, protocol)
            if not shared(theirs):
                check(
                    opcodes(got) == opcodes(theirs),
                    '%r in protocol %d:\n ours   %s\n theirs %s'
                    % (text, protocol, opcodes(got), opcodes(theirs)),
                )


def shapes():
    utc = datetime.timezone.utc
    for v in [
        datetime.date(2024, 1, 2),
        datetime.datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=utc),
        datetime.time(1, 2),
        datetime.timedelta(-1, 3),
        datetime.timezone(datetime.timedelta(hours=2), 'x'),
        decimal.Decimal('1.10'),
        fractions.Fraction(1, 3),
        uuid.UUID(int=5),
        collections.OrderedDict(a=1, b=2),
        collections.OrderedDict(),
        collections.defaultdict(int, {1: 2}),
        collections.Counter('aab'),
        collections.deque([1, 2], 3),
        collections.deque([1]),
        collections.ChainMap({1: 2}),
        types.SimpleNamespace(a=1),
        types.SimpleNamespace(),
        re.compile('a(?i:b)', re.M),
        re.compile(b'x'),
        array.array('i', [1, 2]),
        array.array('u', 'ab'),
        array.array('d'),
        ipaddress.ip_address('1.2.3.4'),
        ipaddress.ip_network('1.2.3.0/24'),
        ipaddress.ip_interface('1.2.3.4/24'),
        ipaddress.ip_network('::/8'),
        pathlib.PurePosixPath('/a/b'),
        pathlib.PureWindowsPath('c:/a/b'),
        pathlib.PosixPath('.'),
        zoneinfo.ZoneInfo('Europe/Berlin'),
        list[int],
        dict[str, int],
        type(None),
        Ellipsis,
        range(3),
        slice(1, None),
        1j,
        ValueError('x'),
        KeyError(),
        len,
        str.join,
        collections.deque(range(3000)),
        collections.OrderedDict.fromkeys(range(1001)),
        {datetime.date(2024, 1, 2): 1},
        {uuid.UUID(int=7)},
        [decimal.Decimal(1)] * 1,
    ]:
        compare(v, True)


def others():
    """Spellings that repr() does not use."""
    for text, v in [
        ('OrderedDict({"a": 1, "b": [2]})', collections.OrderedDict(a=1, b=[2])),
        ('collections.OrderedDict([("a", 1), ("a", 2)])', collections.OrderedDict(a=2)),
        ('timedelta(days=1)', datetime.timedelta(1)),
        (
            'timedelta(weeks=-1, hours=1, milliseconds=5)',
            datetime.timedelta(weeks=-1, hours=1, milliseconds=5),
        ),
        ('datetime(2024, 2, 29)', datetime.datetime(2024, 2, 29)),
        ('date(day=1, year=2024, month=12)', datetime.date(2024, 12, 1)),
        ('datetime.time(fold=1)', datetime.time(fold=1)),
        ('decimal.Decimal(5)', decimal.Decimal(5)),
        ("Decimal('+1e5')", decimal.Decimal('1e5')),
        ('fractions.Fraction(2, -4)', fractions.Fraction(-1, 2)),
        ('Fraction(3)', fractions.Fraction(3)),
        ('range(4)', range(4)),
        ('slice(4)', slice(4)),
        (
            "uuid.UUID('0123456789abcdef0123456789ABCDEF')",
            uuid.UUID('0123456789abcdef0123456789abcdef'),
        ),
        ('deque([1, 2, 3], 2)', collections.deque([2, 3], 2)),
        ('deque()', collections.deque()),
        ('deque((1, 2))', collections.deque((1, 2))),
        ('defaultdict(int)', collections.defaultdict(int)),
        ('defaultdict(list, {1: []})', collections.defaultdict(list, {1: []})),
        ('defaultdict(set, [(1, 2)])', collections.defaultdict(set, {1: 2})),
        ('Counter()', collections.Counter()),
        ("types.SimpleNamespace(x=date(1, 1, 1))", types.SimpleNamespace(x=datetime.date(1, 1, 1))),
        ("UserDict({'a': 1})", collections.UserDict(a=1)),
        ("collections.UserList([1, 2])", collections.UserList([1, 2])),
        ("UserString('x')", collections.UserString('x')),
        ("re.compile('x', re.I | re.MULTILINE)", re.compile('x', re.I | re.M)),
        ("re.compile('x', 2)", re.compile('x', 2)),
        ('complex(1, -2.5)', complex(1, -2.5)),
        ("array('d', [1, 2.5])", array.array('d', [1, 2.5])),
        ("pathlib.PosixPath('/a', 'b', '../c')", pathlib.PosixPath('/a', 'b', '../c')),
        ("( date ( 2024 , 1 ,\n 2 , ) , )", (datetime.date(2024, 1, 2),)),
        ('infj', complex(0, math.inf)),
        ('-infj', complex(-0.0, -math.inf)),
        ('tuple[int, ...]', tuple[int, ...]),
        ("<global collections.deque>", collections.deque),
        (
            'UnicodeDecodeError("utf-8", b"\\xff", 0, 1, "bad")',
            UnicodeDecodeError('utf-8', b'\xff', 0, 1, 'bad'),
        ),
        ('ExceptionGroup("m", [ValueError(1)])', ExceptionGroup('m', [ValueError(1)])),
    ]:
        for protocol in range(6):
            ok, got = ask(text, protocol)
            back = pickle.loads(got) if ok else got
            check(
                ok and type(back) is type(v) and repr(back) == repr(v),
                '%s in protocol %d: %r is not %r' % (text, protocol, back, v),
            )


REFUSED = [
    ('os.system("ls")', 0),
    ('eval("1")', 0),
    ('  foo(1)', 2),
    ('[1, bar()]', 4),
    ('int("5")', 0),
    ('datetime.date(2024, 13, 2)', 20),
    ('datetime.date(2023, 2, 29)', 23),
    ('date(2024, 1)', 0),
    ('date(2024, 1, 2, 3)', 17),
    ('date(0, 1, 1)', 5),
    ('date(2024, 1, 2.0)', 14),
    ('datetime(2024, 1, 2, 24)', 21),
    ('datetime(2024, 1, 2, tzinfo=5)', 28),
    ('datetime(2024, 1, 2, foo=5)', 25),
    ('date(2024, 1, year=3)', 19),
    ('date(year=1, 2, 3)', 13),
    ('timedelta(1.5)', 10),
    ('timedelta(days=1000000000)', 0),
    ('timezone(timedelta(1))', 9),
    ('timezone(5)', 9),
    ("ZoneInfo('/etc/passwd')", 9),
    ("ZoneInfo('../x')", 9),
    ("Decimal('x')", 8),
    ('Decimal(1.5)', 8),
    ('Fraction(1, 0)', 12),
    ("UUID('12')", 5),
    ("UUID('0123456789abcdef0123456789abcdeg')", 5),
    ('range(1, 2, 0)', 12),
    ('range(1.0)', 6),
    ('deque([1], maxlen=-1)', 19),
    ('deque(5)', 6),
    ('Counter([1])', 8),
    ('OrderedDict([1])', 13),
    ('OrderedDict([([], 1)])', 14),
    ('defaultdict(5)', 12),
    ('defaultdict(foo)', 12),
    ('namespace(5)', 10),
    ('namespace(a)', 10),
    ('namespace(a=)', 12),
    ("array('x')", 6),
    ("array('b', [128])", 12),
    ("array('b', [1.5])", 12),
    ("array('i', 'a')", 11),
    ("re.compile(5)", 11),
    ("re.compile(b'x', re.U)", 17),
    ("re.compile('x', re.FOO)", 16),
    ("1 | 2", 2),
    ("IPv4Address('1.2.3')", 12),
    ("IPv4Network('1.2.3.4/8')", 12),
    ("{deque(): 1}", 1),
    ("{OrderedDict()}", 1),
    ("({1: namespace()}, {slice(1)})", 20),
    ("<class 'foo'>", 0),
    ('<class', 0),
    ('<object object at 0x7f>', 0),
    ('int', 0),
    ('list', 0),
    ("UnicodeDecodeError('a')", 0),
    ("ExceptionGroup('a', [])", 0),
    ('ValueError(a=1)', 13),
    ('list[]', 0),
    ('5[int]', 1),
    ('date', 0),
    ('date (2024, 1, 2', 0),
    ('a=5', 0),
    ('date(=5)', 5),
    ('UserDict([])', 9),
    ("PosixPath(5)", 10),
    ("datetime.date(2024, 1, 2).year", 25),
]


def refused():
    for text, at in REFUSED:
        ok, got = ask(text, rnd.randrange(6))
        check(not ok and got[0] == at and got[1] != '', '%r: %r, wanted at %d' % (text, got, at))


def mutants():
    """Broken texts do not crash, and what is read loads."""
    for _ in range(COUNT):
        try:
            text = list(repr(value(2)))
        except ValueError:
            continue
        for _ in range(rnd.randrange(1, 4)):
            at = rnd.randrange(len(text) + 1)
            if rnd.random() < 0.5:
                text[at : at + rnd.randrange(3)] = []
            else:
                text.insert(at, rnd.choice("()[]{},='<>|.:0159-abejx\\ "))
        ok, got = ask(''.join(text), rnd.randrange(6))
        if ok:
            try:
                pickle.loads(got)
                check(True, '')
            except re.error:
                pass  # a pattern that Python does not compile
            except zoneinfo.ZoneInfoNotFoundError:
                pass
            except Exception as x:
                check(False, '%r loads as %r' % (''.join(text), x))


begin(EDIT_TOOL)
shapes()
others()
refused()
for _ in range(COUNT):
    compare(value(rnd.randrange(4)), False)
mutants()
tool.stdin.close()
tool.wait()
sys.exit(suite.end())
