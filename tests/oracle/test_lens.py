#!/usr/bin/env python3
"""Lenses against Python: the standard library's objects are shown as repr(pickle.loads(data)).

Random nested values over every type that has a lens, with sharing and recursion, in every protocol,
by the C and the Python pickler; changed payloads, where Python and we must agree on what is no such
object; the corpus (its std folder was made for this project, so loading it is safe); JSON, whose
$repr must evaluate to an equal value.  PKLBROWSE_SEED repeats a run, PKLBROWSE_COUNT says how many
values.
"""
import array
import collections
import datetime
import decimal
import fractions
import glob
import io
import ipaddress
import json
import math
import os
import pathlib
import pickle
import random
import re
import subprocess
import sys
import tempfile
import types
import uuid
import warnings
import zoneinfo

import suite
from suite import CORPUS, PKL_TOOL, SEED, begin, check, skip

warnings.simplefilter('ignore')
sys.setrecursionlimit(20000)
COUNT = int(os.environ.get('PKLBROWSE_COUNT') or 6000)
rnd = random.Random(SEED)


def run(command, pickles):
    """What the tool says of each: (text, status)."""
    with tempfile.TemporaryDirectory() as folder:
        names = []
        for i, data in enumerate(pickles):
            names.append(os.path.join(folder, str(i)))
            with open(names[-1], 'wb') as f:
                f.write(data)
        out = subprocess.run([PKL_TOOL, command, '-'], input='\n'.join(names).encode(),
                             check=False,
                             stdout=subprocess.PIPE).stdout.decode('utf-8', 'surrogateescape')
    answers, lines = [], []
    for line in out.split('\n'):
        if line.startswith('-- '):
            answers.append(('\n'.join(lines), line[3:]))
            lines = []
        else:
            lines.append(line)
    check(len(answers) == len(pickles), '%d answers to %d pickles' % (len(answers), len(pickles)))
    return answers


# --- values ---------------------------------------------------------------------------------

ZONES = ['UTC', 'Europe/Paris', 'Asia/Seoul', 'America/New_York']
CLASSES = [int, str, list, dict, object, type, type(None), type(...), type(NotImplemented),
           ValueError, collections.OrderedDict, collections.deque, datetime.date, decimal.Decimal,
           pathlib.PurePosixPath,
           fractions.Fraction, uuid.UUID, ipaddress.IPv4Address, types.SimpleNamespace, array.array,
           re.Pattern, zoneinfo.ZoneInfo, io.BytesIO, collections.abc.Mapping]
FUNCTIONS = [len, print, math.sqrt, sorted, str.join, dict.fromkeys, min, ord, __import__]
WORDS = ['', 'a', 'key', 'É', '名前', "it's", '"', '\n', '\x00', '\u202e', '😀', 'a' * 40,
         '\\', '\ud800']


def text():
    return rnd.choice(WORDS) + rnd.choice(WORDS)


def integer():
    return rnd.choice([0, 1, -1, 255, 65536, -2 ** 31, 2 ** 63, -2 ** 63 - 1, rnd.getrandbits(100),
                       rnd.randrange(-1000, 1000)])


def number():
    return rnd.choice([integer, lambda: rnd.uniform(-1e6, 1e6), lambda: rnd.choice(
        [0.0, -0.0, 1e300, 5e-324, math.inf, -math.inf])])()


def tz():
    pick = rnd.randrange(5)
    if pick == 0:
        return None
    if pick == 1:
        return datetime.timezone.utc
    if pick == 2:
        return zoneinfo.ZoneInfo(rnd.choice(ZONES))
    delta = datetime.timedelta(seconds=rnd.randrange(-86399, 86400),
                               microseconds=rnd.choice([0, 1]))
    if pick == 3 or abs(delta) >= datetime.timedelta(1):
        return datetime.timezone(datetime.timedelta(seconds=rnd.randrange(-86399, 86400)))
    return datetime.timezone(delta, text())


def date():
    return datetime.date(rnd.randrange(1, 10000), rnd.randrange(1, 13), rnd.randrange(1, 29))


def time():
    return datetime.time(rnd.randrange(24), rnd.randrange(60), rnd.choice([0, 59]),
                         rnd.choice([0, 1, 999999]), tz(), fold=rnd.randrange(2))


def datetime_():
    d = date()
    return datetime.datetime(d.year, d.month, d.day, rnd.randrange(24), rnd.randrange(60),
                             rnd.choice([0, 1]), rnd.choice([0, 70000]), tz(),
                             fold=rnd.randrange(2))


def timedelta():
    days = rnd.choice([0, 1, -1, 999999999, -999999999, rnd.randrange(-9999, 9999)])
    return datetime.timedelta(days, rnd.choice([0, 1, 86399]), rnd.choice([0, 1, 999999]))


def a_decimal():
    return rnd.choice([
        lambda: decimal.Decimal((rnd.randrange(2),
                                 tuple(rnd.randrange(10) for _ in range(rnd.randrange(1, 30))),
                                 rnd.randrange(-40, 40))),
        lambda: decimal.Decimal(rnd.choice(['NaN', 'sNaN12', '-Infinity', '0', '-0', '0E-9',
                                            '1e400', '1E+999999', '0.000001', '0.0000001']))])()


def fraction():
    return fractions.Fraction(integer(), rnd.choice([1, 2, 3, 2 ** 70, 10 ** 20 + 1, 97]))


def an_array():
    code = rnd.choice('bBhHiIlLqQfdu')
    if code == 'u':
        return array.array('u', text().replace('\ud800', ''))
    if code in 'fd':
        return array.array(code, [rnd.uniform(-9, 9) for _ in range(rnd.randrange(5))])
    low = 0 if code.isupper() else -100
    count = rnd.randrange(2000) if rnd.random() < .05 else rnd.randrange(6)
    return array.array(code, [rnd.randrange(low, 127) for _ in range(count)])


def pattern():
    source = rnd.choice(['a+', '(?i)x', '(?P<n>.)', "it's", '[^"]*', 'é', '\\d', 'x' * 300,
                         '"' * 250, '\n'])
    flags = rnd.choice([0, re.I, re.M | re.S, re.X, re.A, re.I | re.A])
    if rnd.random() < .3:
        return re.compile(source.encode('latin-1'), flags)
    return re.compile(source, flags)


def address():
    four = rnd.getrandbits(32)
    six = rnd.choice([rnd.getrandbits(128), 1, 0, 0xffff << 32 | 5, 1 << 112,
                      rnd.getrandbits(16) << 64 | rnd.getrandbits(16)])
    return rnd.choice([
        lambda: ipaddress.IPv4Address(four), lambda: ipaddress.IPv6Address(six),
        lambda: ipaddress.IPv6Address('fe80::1%eth0'),
        lambda: ipaddress.IPv6Network('fe80::1%eth0/128'),
        lambda: ipaddress.ip_network((four, rnd.randrange(33)), strict=False),
        lambda: ipaddress.ip_network((six, rnd.randrange(129)), strict=False),
        lambda: ipaddress.IPv4Interface((four, rnd.randrange(33))),
        lambda: ipaddress.IPv6Interface((six, rnd.randrange(129)))])()


def path():
    parts = [rnd.choice(['usr', 'lib', 'x.py', '..', 'é', 'a b', '.', '', "it's"])
             for _ in range(rnd.randrange(5))]
    cls = rnd.choice([pathlib.PurePosixPath, pathlib.PosixPath, pathlib.PureWindowsPath])
    if cls is pathlib.PureWindowsPath:
        return cls(rnd.choice(['C:\\', 'C:', '\\', '', '\\\\host\\share\\', 'd:/']), *parts)
    return cls(rnd.choice(['/', '', '//', '.', '///']), *parts)


def alias():
    args = tuple(rnd.choice([rnd.choice(CLASSES[:12]), ..., None, 'name', list[int], (), 5])
                 for _ in range(rnd.randrange(4)))
    origin = rnd.choice([list, dict, tuple, collections.OrderedDict, collections.deque])
    return types.GenericAlias(origin, args)


class Called:
    """A built-in type that is called with a value of its own."""

    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


def unicode_error():
    of = rnd.choice([b'\xff', bytearray(b'\xff')])
    return rnd.choice([
        lambda: UnicodeDecodeError('ascii', of, 0, 1, text()),
        lambda: UnicodeEncodeError('ascii', text(), 0, 1, text()),
        lambda: UnicodeTranslateError(text(), integer() % 9, 1, text())])()


LEAVES = [
    date, time, datetime_, timedelta, tz, a_decimal, fraction, an_array, pattern, address, path,
    text, number,
    lambda: zoneinfo.ZoneInfo(rnd.choice(ZONES)),
    lambda: uuid.UUID(int=rnd.choice([0, 5, rnd.getrandbits(128), 2 ** 128 - 1]),
                      is_safe=rnd.choice(list(uuid.SafeUUID))),
    lambda: Called(*rnd.choice([
        (int, ()), (int, (integer(),)), (str, ()), (str, (text(),)), (float, (number_or_zero(),)),
        (bool, (True,)), (tuple, ((1, 'a'),)), (bool, ()), (float, ()), (tuple, ())])),
    unicode_error,
    lambda: complex(number_or_zero(), number_or_zero()),
    lambda: range(integer(), integer(), rnd.choice([1, -1, 2, 2 ** 70])),
    lambda: slice(rnd.choice([None, integer()]), integer(), rnd.choice([None, 2])),
    lambda: bytes(rnd.randrange(256) for _ in range(rnd.randrange(6))),
    lambda: bytearray(rnd.randrange(256) for _ in range(rnd.randrange(6))),
    lambda: rnd.choice([Ellipsis, NotImplemented, None, True, False]),
]
NAMES = [lambda: rnd.choice(CLASSES), lambda: rnd.choice(FUNCTIONS), alias,
         lambda: next(iter(alias()))]


def number_or_zero():
    return rnd.choice([0.0, -0.0, 1.0, math.inf, math.nan, rnd.uniform(-5, 5), 1e16, 1e-7])


class Gen:
    """One value: what was made before may come again, and a container may come into itself."""

    def __init__(self):
        self.made = []
        self.open = []

    def value(self, depth):
        if self.made and rnd.random() < .1:
            return rnd.choice(self.made)
        if self.open and rnd.random() < .06:
            return rnd.choice(self.open)
        if depth <= 0 or rnd.random() < .35:
            made = rnd.choice(LEAVES + NAMES)()
        else:
            made = self.container(depth - 1)
        self.made.append(made)
        return made

    def key(self):
        made = None
        while not made:
            made = rnd.choice([text, integer, date, a_key_tuple, path, fraction,
                               lambda: uuid.UUID(int=rnd.getrandbits(128))])()
        return made

    def fill(self, made, add):
        self.open.append(made)
        for _ in range(rnd.randrange(5)):
            add()
        self.open.pop()
        return made

    def pairs(self, made, depth):
        def add():
            made[self.key()] = self.value(depth)
        return self.fill(made, add)

    def container(self, depth):
        pick = rnd.randrange(14)
        if pick == 0:
            made = []
            return self.fill(made, lambda: made.append(self.value(depth)))
        if pick == 1:
            return self.pairs({}, depth)
        if pick in (2, 3):
            return self.pairs(collections.OrderedDict(), depth)
        if pick in (4, 5):
            factory = rnd.choice([None, int, list, dict, len])
            return self.pairs(collections.defaultdict(factory), depth)
        if pick in (6, 7):
            made = collections.deque(maxlen=rnd.choice([None, 0, 2, 100]))
            return self.fill(made, lambda: made.append(self.value(depth)))
        if pick == 8:
            maps = [{} for _ in range(rnd.randrange(3))]
            return self.pairs(collections.ChainMap({}, *maps), depth)
        if pick == 9:
            made = types.SimpleNamespace()
            return self.fill(made, lambda: setattr(made, rnd.choice(['a', 'b', 'é', '_x']),
                                                   self.value(depth)))
        if pick == 10:
            return counter()
        if pick == 11:
            return tuple(self.value(depth) for _ in range(rnd.randrange(4)))
        if pick == 12:
            return self.error(depth)
        return slice(self.value(depth), self.value(depth), rnd.choice([None, 1]))

    def error(self, depth):
        cls = rnd.choice([ValueError, KeyError, RuntimeError, StopIteration, UserWarning,
                          ImportError, OSError, PermissionError, KeyboardInterrupt,
                          ZeroDivisionError])
        if issubclass(cls, OSError):
            made = cls(*rnd.choice([(), (2, 'No such file'), (2, 'x', 'name'), (13, 'd'),
                                    (999, 'x'), ('a',), (11, 'again'), (2, 'x', None),
                                    (17, 'a', 'b', None, 'c'), (True, 'x')]))
        else:
            made = cls(*[self.value(depth) for _ in range(rnd.randrange(3))])
        if rnd.random() < .3:
            made.note = self.value(depth)
        if rnd.random() < .1 and not issubclass(cls, OSError):
            args = tuple(self.value(depth) for _ in range(rnd.randrange(3)))
            made = Called(cls, made.args, {'args': args})       # as Python 3.12 does
        return made


def a_key_tuple():
    return (text(), integer())


def counter():
    made = collections.Counter()
    for _ in range(rnd.randrange(6)):
        key = rnd.choice([text(), integer(), date()])
        made[key] = rnd.choice([1, 1, 2, 3, -4, 2.5, 10 ** 12, True, 0])
    if rnd.random() < .1:
        made['none'] = None
    return made


def endless(value):
    try:
        return repr(value)
    except (RecursionError, ValueError):
        return None


def dumped(value):
    """The value's pickle by a random pickler; None: it has none."""
    protocol = rnd.randrange(6)
    try:
        dumps = pickle.dumps if rnd.random() < .7 else pickle._dumps
        return dumps(value, protocol)
    except (RecursionError, TypeError, pickle.PicklingError, AttributeError, ValueError):
        return None


def loaded(data):
    try:
        return pickle.loads(data)
    except Exception:
        pass
    try:
        return pickle._loads(data)  # some texts of numbers only the Python one reads
    except Exception:
        return Exception


def values():
    pickles, wanted = [], []
    while len(pickles) < COUNT:
        data = dumped(Gen().value(rnd.choice([0, 1, 2, 4])))
        if data is None:
            continue
        back = loaded(data)  # identity may differ from what was pickled: that counts
        want = endless(back)
        if back is Exception or want is None or ' at 0x' in want:
            continue
        pickles.append(data)
        wanted.append(want)
    for data, want, (got, status) in zip(pickles, wanted, run('repr', pickles)):
        want = want.encode('utf-8', 'surrogateescape').decode('utf-8', 'surrogateescape')
        check(got == want and status == 'ok',
              '%r\n  got  %s\n  want %s\n  %s' % (data, got, want, status))


def slot_of_python2(data):
    """A PUT or GET of protocol 0 whose slot is no number: to Python 2 any text names one."""
    return any(re.fullmatch(rb'[(tRabsuledN0.]*[pg](?=.*[^0-9]).{1,7}', line)
               for line in data.split(b'\n'))


# --- payloads that are none ------------------------------------------------------------------

def mutants():
    """One byte of a small pickle is changed.  Where Python loads it, the repr must be the same or
    raw ('<'); where Python does not, ours must not look like a value of that type."""
    pickles, wanted = [], []
    while len(pickles) < COUNT:
        data = dumped(rnd.choice(LEAVES)())
        if data is None or not 3 < len(data) < 400:
            continue
        data = bytearray(data)
        data[rnd.randrange(2, len(data))] = rnd.choice([0, 1, 12, 13, 24, 0x4b, 0x8b, 0xff,
                                                        rnd.randrange(256)])
        back = loaded(bytes(data))
        want = None if back is Exception else endless(back)
        if want is None or ' at 0x' in want:
            want = None
        pickles.append(bytes(data))
        wanted.append(want)
    same = raw = refused = lenient = 0
    for data, want, (got, status) in zip(pickles, wanted, run('repr', pickles)):
        if want is None:
            refused += 1
            shown = status == 'ok' and not got.startswith('<')
            lenient += shown
            # A zone that is not there, a class of another machine, a pattern that does not compile.
            check(not shown or '<' in got or 'ZoneInfo(key=' in got or
                  got.startswith('re.compile(') or slot_of_python2(data),
                  'shown though Python refuses it: %r %s' % (data, got))
        elif '<' in got and got != want:
            raw += 1
        else:
            same += 1
            check(got == want, '%r\n  got  %s\n  want %s' % (data, got, want))
    print('mutants: %d as in Python, %d raw where Python loads, %d that Python refuses (%d shown)' %
          (same, raw, refused, lenient))


# --- depth, corpus, JSON ---------------------------------------------------------------------

def deep():
    n = 100000
    one = b'ccollections\nOrderedDict\n)R'
    data = b'\x80\x02' + (one + b'X\x01\x00\x00\x00k') * n + b'N' + b's' * n + b'.'
    want = "OrderedDict([('k', " * n + 'None' + ')])' * n
    (got, status), = run('repr', [data])
    check(got == want and status == 'ok', '%d nested OrderedDicts: %s' % (n, status))
    data = b'\x80\x02' + b'ccollections\ndeque\n)R' * n + b'a' * (n - 1) + b'.'
    (got, status), = run('repr', [data])
    check(got == 'deque([' * n + '])' * n and status == 'ok', '%d nested deques: %s' % (n, status))


def corpus():
    files = sorted(glob.glob(os.path.join(CORPUS, 'generated/std/*/*.pkl')))
    if not files:
        skip('no corpus')
        return
    unlensed = re.compile('logrecord|decimal_ctx|methodcaller|cmp_getattr|os_stat|struct_time|'
                          'typing_list|union')
    pickles, wanted, names = [], [], []
    for name in files:
        with open(name, 'rb') as f:
            data = f.read()
        back = loaded(data)
        want = endless(back)
        if back is not Exception and want and ' at 0x' not in want and not unlensed.search(name):
            pickles.append(data)
            wanted.append(want)
            names.append(name)
    for name, want, (got, _) in zip(names, wanted, run('repr', pickles)):
        want = want.encode('utf-8', 'surrogateescape').decode('utf-8', 'surrogateescape')
        check(got == want, '%s\n  got  %s\n  want %s' % (name, got, want))
    print('corpus: %d files compared' % len(pickles))


NAMESPACE = {'datetime': datetime, 'zoneinfo': zoneinfo, 're': re, 'array': array.array,
             'inf': math.inf, 'nan': math.nan, 'infj': complex(0, math.inf),
             'nanj': complex(0, math.nan), 'namespace': types.SimpleNamespace,
             **vars(decimal), **vars(fractions),
             **vars(uuid), **vars(ipaddress), **vars(pathlib), 'range': range, 'slice': slice}


def same(a, b):
    if isinstance(a, decimal.Decimal):
        return repr(a) == repr(b)
    if isinstance(a, re.Pattern):
        return a.flags == b.flags and (a.pattern == b.pattern or len(repr(a.pattern)) > 200)
    if a is b:
        return True
    if isinstance(a, array.array):
        return a.typecode == b.typecode and (a == b or repr(a) == repr(b))
    return a == b and type(a) is type(b)


def json_values():
    pickles, originals = [], []
    while len(pickles) < COUNT // 3:
        value = rnd.choice(LEAVES)()
        data = dumped(value)
        if data is None:
            continue
        back = loaded(data)
        if back is Exception:
            continue
        pickles.append(data)
        originals.append(back)
    seen = 0
    for data, value, (got, status) in zip(pickles, originals, run('json', pickles)):
        try:
            read = json.loads(got)
        except ValueError as ex:
            check(False, '%r: %s: %s' % (data, ex, got))
            continue
        if not isinstance(read, dict) or '$repr' not in read:
            continue
        seen += 1
        try:
            again = eval(read['$repr'], NAMESPACE)
            if isinstance(value, complex) and read['$repr'] == repr(value):
                again = value  # Python's own text of -0 and inf does not evaluate to the same
        except SyntaxError:
            again = value if isinstance(value, re.Pattern) else None  # cut at 200 characters
        check(same(value, again) and status == 'ok' and list(read) == ['$repr', '$type'],
              '%r\n  json %s\n  want %r' % (data, got, value))
        name = type(value).__module__ + '.' + type(value).__qualname__
        check(read['$type'] in (name, type(value).__qualname__), '%s is of type %s' % (got, name))
    print('json: %d of %d with $repr' % (seen, len(pickles)))


begin(PKL_TOOL)
values()
mutants()
deep()
corpus()
json_values()
sys.exit(suite.end())
