#!/usr/bin/env python3
"""`pklbrowse diff --json` between random values and what random changes make of them.

Applying the reported changes to the first must give the second; equal values in other protocols,
with other sharing and other spelling have no difference; one change in a big value is one line.
PKLBROWSE_SEED repeats a run.
"""
import collections
import copy
import datetime
import decimal
import functools
import json
import math
import os
import pickle
import random
import resource
import struct
import subprocess
import sys
import tempfile
import types
import uuid

import suite
from suite import PROGRAM, SEED, begin, check

COUNT = int(os.environ.get('PKLBROWSE_COUNT') or 180)
rnd = random.Random(SEED)
work = tempfile.TemporaryDirectory(prefix='pklbrowse-diff-')


class Thing:
    """Attributes, items and entries."""

    def __init__(self, **state):
        self.__dict__.update(state)


class Sequence(list):
    pass


class Mapping(dict):
    pass


# ------------------------------------------------------------------------------- generation


def leaf():
    return rnd.choice(
        [
            lambda: rnd.randrange(-300, 300),
            lambda: rnd.getrandbits(90),
            lambda: rnd.random(),
            lambda: rnd.choice(['', 'a', 'longer text', 'é', 'x' * 300]),
            lambda: rnd.choice([None, True, False, 1, 1.0, 0, -0.0, math.inf]),
            lambda: bytes(rnd.randrange(256) for _ in range(rnd.randrange(5))),
            lambda: bytearray(b'ab'),
            lambda: datetime.date(2000 + rnd.randrange(30), 1, 1),
            lambda: decimal.Decimal(rnd.randrange(1000)) / 8,
            lambda: complex(1, rnd.randrange(3)),
            lambda: uuid.UUID(int=rnd.getrandbits(128)),
            lambda: range(rnd.randrange(5)),
            lambda: rnd.choice([int, len, Thing]),
        ]
    )()


def key():
    return rnd.choice(
        [
            lambda: rnd.choice('abcdefgh') * rnd.randrange(1, 3),
            lambda: rnd.randrange(9),
            lambda: (1, rnd.choice('ab')),
            lambda: datetime.date(2000, 1, rnd.randrange(1, 9)),
            lambda: rnd.choice(['with blank', "it's", 'é']),
            lambda: frozenset([rnd.randrange(4)]),
        ]
    )()


def value(depth, made):
    if made and rnd.random() < 0.07:
        return rnd.choice(made)
    if depth <= 0 or rnd.random() < 0.25:
        v = leaf()
    else:
        n = rnd.choice([0, 1, 2, 3, 5, 9])
        some = lambda: [value(depth - 1, made) for _ in range(n)]
        pairs = lambda: {key(): value(depth - 1, made) for _ in range(n)}
        v = rnd.choice(
            [
                some,
                some,
                lambda: tuple(some()),
                pairs,
                pairs,
                lambda: {rnd.randrange(20) for _ in range(n)},
                lambda: frozenset('abcdef'[:n]),
                lambda: collections.OrderedDict(pairs()),
                lambda: collections.deque(some()),
                lambda: collections.defaultdict(list, pairs()),
                lambda: Sequence(some()),
                lambda: Mapping(pairs()),
                lambda: Thing(**{k: value(depth - 1, made) for k in 'abcde'[:n]}),
                lambda: types.SimpleNamespace(**{k: value(depth - 1, made) for k in 'abcde'[:n]}),
            ]
        )()
    made.append(v)
    return v


MUTABLE = (list, dict, set, collections.deque, Thing, types.SimpleNamespace)


def mutables(root):
    seen, todo, found = set(), [root], []
    while todo:
        v = todo.pop()
        if id(v) in seen:
            continue
        seen.add(id(v))
        if isinstance(v, MUTABLE):
            found.append(v)
        if isinstance(v, (Thing, types.SimpleNamespace)):
            todo += vars(v).values()
        elif isinstance(v, dict):
            todo += v.values()
        elif isinstance(v, (list, tuple, collections.deque)):
            todo += v
    return found


def mutate(root):
    """One change somewhere inside; False when there is no place for it."""
    places = mutables(root)
    if not places:
        return False
    v = rnd.choice(places)
    if isinstance(v, set):
        v.symmetric_difference_update({rnd.randrange(20)})
    elif isinstance(v, (list, collections.deque)):
        at = rnd.randrange(len(v) + 1)
        pick = rnd.random()
        if pick < 0.4 or at == len(v):
            v.insert(at, value(1, []))
        elif pick < 0.7:
            del v[at]
        else:
            v[at] = value(1, [])
    elif isinstance(v, (Thing, types.SimpleNamespace)):
        name = rnd.choice('abcde')
        if name in vars(v) and rnd.random() < 0.4:
            delattr(v, name)
        else:
            setattr(v, name, value(1, []))
    else:
        keys = list(v)
        if keys and rnd.random() < 0.4:
            del v[rnd.choice(keys)]
        elif keys and rnd.random() < 0.5:
            v[rnd.choice(keys)] = value(1, [])
        else:
            v[key()] = value(1, [])
    return True


# ------------------------------------------------------------------------------- comparison


def canon(v):
    """Equal exactly for equal values; dicts and sets without order, types kept.  Iterates over
    shared values as often as they are there, so values must be small."""
    t = type(v)
    if t is float:
        return (t, repr(v))
    if isinstance(v, (list, tuple, collections.deque)):
        return (t, tuple(canon(x) for x in v))
    if isinstance(v, dict):
        return (t, frozenset((canon(k), canon(x)) for k, x in v.items()))
    if isinstance(v, (set, frozenset)):
        return (t, frozenset(canon(x) for x in v))
    if isinstance(v, (Thing, types.SimpleNamespace)):
        return (t, canon(vars(v)))
    if isinstance(v, bytearray):
        return (t, bytes(v))
    return (t, v if isinstance(v, (str, bytes, int)) else repr(v))


NAMES = {'datetime': datetime, 'UUID': uuid.UUID, 'frozenset': frozenset}


def steps(path):
    """[('key', x) | ('attr', name) | ('nth', n) | ('part', name)]"""
    out, at = [], 0
    if path == '@0':
        return out
    while at < len(path):
        if path[at] == '[':
            end = path.index(']', at)
            while True:
                text = path[at + 1 : end]
                if text.startswith('#'):
                    out.append(('nth', int(text[1:])))
                    break
                try:
                    out.append(('key', eval(text, NAMES)))
                    break
                except SyntaxError:
                    end = path.index(']', end + 1)
            at = end + 1
        else:
            end = at + 1
            while end < len(path) and path[end] not in '.[@':
                end += 1
            out.append(('attr' if path[at] == '.' else 'part', path[at + 1 : end]))
            at = end
    return out


def get(v, path):
    for kind, x in path:
        v = getattr(v, x) if kind == 'attr' else v[x]
    return v


def put(v, path, change):
    """v with `change` (of container and last step) made at the path; in place where it can be."""
    (kind, x), rest = path[0], path[1:]
    if isinstance(v, tuple):
        items = list(v)
        if rest:
            items[x] = put(items[x], rest, change)
        else:
            items = change(items, kind, x)
        return tuple(items)
    if not rest:
        return change(v, kind, x)
    if kind == 'attr':
        setattr(v, x, put(getattr(v, x), rest, change))
    else:
        v[x] = put(v[x], rest, change)
    return v


def set_to(new):
    def change(v, kind, x):
        if kind == 'attr':
            setattr(v, x, new)
        else:
            v[x] = new
        return v

    return change


def remove(old):
    def change(v, kind, x):
        if kind == 'attr':
            delattr(v, x)
        elif isinstance(v, frozenset):
            return v - {old}
        elif isinstance(v, set):
            v.remove(old)
        else:
            del v[x]
        return v

    return change


def add(new):
    def change(v, kind, x):
        if kind == 'attr':
            setattr(v, x, new)
        elif isinstance(v, frozenset):
            return v | {new}
        elif isinstance(v, set):
            v.add(new)
        elif isinstance(v, (list, collections.deque)):
            v.insert(x, new)
        else:
            v[x] = new
        return v

    return change


def apply(a, b, changes):
    def with_root(path, change, new=None):
        nonlocal a
        a = put(a, path, change) if path else new

    for c in changes:
        if c['change'] == 'changed':
            new = get(b, steps(c.get('new_path', c['path'])))
            with_root(steps(c['path']), set_to(new), new)
    for c in reversed(changes):
        if c['change'] == 'removed':
            with_root(steps(c['path']), remove(c['old']))
    for c in changes:
        if c['change'] == 'added':
            path = steps(c['path'])
            with_root(path, add(c['new'] if path[-1][0] == 'nth' else get(b, path)))
    return a


def diff(a, b, *options):
    names = []
    for name, data in (('a', a), ('b', b)):
        names.append(os.path.join(work.name, name))
        with open(names[-1], 'wb') as f:
            f.write(data)
    done = subprocess.run(
        [PROGRAM, 'diff', *options, *names],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout.decode('utf-8'), done.stderr.decode('utf-8', 'replace')


def changes_of(a, b):
    status, out, err = diff(a, b, '--json')
    if status not in (0, 1) or err:
        return None, (status, err)
    changes = json.loads(out)
    return changes, (status, err)


def dump(v, protocol):
    return (pickle.dumps if rnd.random() < 0.7 else pickle._dumps)(v, protocol)


def unshared(v):
    """The same value with nothing shared."""
    if isinstance(v, (list, tuple)):
        return type(v)([unshared(x) for x in v])
    if type(v) is dict:
        return {k: unshared(x) for k, x in v.items()}
    return v


def pairs():
    for _ in range(COUNT):
        a = value(rnd.randrange(5), [])
        # Below protocol 2 instances of list and dict subclasses hold theirs in an argument.
        lowest = 2 if any(isinstance(v, (Sequence, Mapping)) for v in mutables(a)) else 0
        protocol = rnd.randrange(lowest, 6)
        theirs = rnd.choice([protocol, protocol, rnd.randrange(lowest, 6)])
        b = copy.deepcopy(a)
        data = dump(a, protocol)
        same, how = changes_of(data, dump(b, theirs))
        check(
            same == [] and how[0] == 0, '%r in %d and %d: %r %r' % (a, protocol, theirs, same, how)
        )
        same, how = changes_of(data, dump(unshared(b), theirs))
        check(same == [], 'unshared %r in %d and %d: %r %r' % (a, protocol, theirs, same, how))
        n = rnd.randrange(1, 4)
        if not all(mutate(b) for _ in range(n)):
            b = value(2, [])
        want = canon(b)
        changes, how = changes_of(data, dump(b, theirs))
        if changes is None:
            check(False, '%r and %r: %r' % (a, b, how))
            continue
        check(
            (changes != []) == (how[0] == 1) == (canon(a) != want),
            'seed %d: %r and %r: status %d with %r' % (SEED, a, b, how[0], changes),
        )
        try:
            got = apply(pickle.loads(data), pickle.loads(pickle.dumps(b)), changes)
            good = canon(got) == want
        except Exception as x:
            got, good = x, False
        check(good, 'seed %d: %r\n  and %r\n  %r\n  give %r' % (SEED, a, b, changes, got))


class New:
    """Has arguments that only protocols from 2 on write."""

    def __init__(self, a):
        self.a = a

    def __new__(cls, *args):
        return object.__new__(cls)

    def __getnewargs__(self):
        return (self.a, 2)


class Bytes(bytearray):
    pass


class Pair(tuple):
    pass


One = collections.namedtuple('One', 'x')


def forms():
    """What one protocol writes in another form than the next is the same; what only prints alike
    is said to be of another type."""
    attributed = Bytes(b'\xe9\0')
    attributed.x = 1
    values = [New(1), Bytes(b'ab'), attributed, One(3), One((3,)), Pair([(1, 2)]), Pair([1])]
    values += [OSError(2, 'no'), OSError(2, 'no', 'file'), collections.UserString('a')]
    values += [functools.partial(int, '5', base=7)]
    for v in values:
        written = [pickle.dumps([v, v], p) for p in range(6)]
        for a in written:
            for b in (written[0], written[2], written[5]):
                status, out, err = diff(a, b)
                check((status, out, err) == (0, '', ''), '%r: %r and %r: %s' % (v, a, b, out))
    for a, b in [
        (One((3,)), One((4,))),
        (Bytes(b'ab'), Bytes(b'ac')),
        (New(1), New(2)),
        (OSError(2, 'no'), OSError(2, 'nu')),
        (OSError(2, 'no'), OSError(1, 'no')),
    ]:
        for p in (0, 2, 4):
            status, out, err = diff(pickle.dumps(a, p), pickle.dumps(b, 4))
            check(status == 1 and out and not err, '%r and %r: %s' % (a, b, out))

    for a, b, how in [
        (b"\x80\x03C\x01\xff.", b"U\x01\xff.", "(bytes \u2192 py2 str)"),
        (pickle.dumps('é' * 500 + 'a'), pickle.dumps('é' * 500 + 'b'), '(from character 500 on)'),
        (pickle.dumps('x' * 500 + 'à'), pickle.dumps('x' * 500 + 'á'), '(from character 500 on)'),
        (pickle.dumps(b'x' * 500), pickle.dumps(b'x' * 501), '(from byte 500 on)'),
    ]:
        status, out, err = diff(a, b)
        check((status, err) == (1, '') and out.endswith(how + '\n'), '%r: %r' % (how, out))
        status, out, err = diff(a, b, '--json')
        check(json.loads(out)[0]['how'] == how[1:-1], '%r: %r' % (how, out))


def recursive():
    a = [1]
    a.append(a)
    b = [1]
    b.append([1, b])
    check(changes_of(pickle.dumps(a), pickle.dumps(b))[0] == [], 'a list in itself, unrolled')
    b[0] = 2
    check(
        [c['path'] for c in changes_of(pickle.dumps(a), pickle.dumps(b))[0]]
        in (['[0]'], ['[0]', '[1][0]']),
        'a list in itself, changed',
    )
    data = b'\x80\x04' + b']' * 20000 + b'a' * 19999 + b'.'
    more = b'\x80\x04' + b']' * 20000 + b'K\x01a' + b'a' * 19999 + b'.'
    status, out, err = diff(data, data)
    check((status, out, err) == (0, '', ''), 'deep: %r' % ((status, out[:200], err),))
    status, out, err = diff(data, more)
    check(
        status == 1 and out.endswith('[0]  (new) \u2192 1\n'),
        'deep, changed: %d %r' % (status, out[-99:]),
    )


def big():
    rows = [
        {'id': i, 'name': 'name %d' % i, 'tags': [i % 7, 'x'], 'x': i / 3} for i in range(60000)
    ]
    data = pickle.dumps(rows)
    for change, want in [
        (lambda r: r[40000].update(x=5), ["[40000]['x']"]),
        (lambda r: r[40000].update(name='a name of another length'), ["[40000]['name']"]),
        (lambda r: r.insert(20000, {'id': -1}), ['[20000]']),
        (lambda r: r.pop(30000), ['[30000]']),
        (
            lambda r: (r.pop(10), r.insert(50000, 'new'), r[59000]['tags'].append(1)),
            ['[10]', '[50000]', "[59000]['tags'][2]"],
        ),
    ]:
        other = copy.deepcopy(rows)
        change(other)
        for protocol in (4, 2):
            changes, how = changes_of(data, pickle.dumps(other, protocol))
            check(
                changes is not None and [c['path'] for c in changes] == want,
                '%r: %r %r' % (want, changes and changes[:5], how),
            )
    numbers = {i: i * i for i in range(30000)}
    shuffled = list(numbers.items())
    rnd.shuffle(shuffled)
    shuffled = dict(shuffled)
    check(
        changes_of(pickle.dumps(numbers), pickle.dumps(shuffled))[0] == [], 'keys in another order'
    )
    del shuffled[77]
    shuffled[78] = 0
    changes = changes_of(pickle.dumps(numbers), pickle.dumps(shuffled))[0]
    check(
        [(c['path'], c['change']) for c in changes] == [('[77]', 'removed'), ('[78]', 'changed')],
        'keys in another order, changed: %r' % changes[:5],
    )


def front():
    """One item in front of many: told as that, in a time that grows with their number."""
    seconds = []
    for n in (30000, 300000):
        items = list(range(n))
        data = pickle.dumps(items)
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        status, out, err = diff(data, pickle.dumps(['new', *items]))
        seconds.append(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before)
        check((status, out, err) == (1, "[0]  (new) \u2192 'new'\n", ''), 'front: %r' % out[:200])
    check(seconds[1] < 30 * seconds[0] + 0.5, 'one item in front: %r s' % seconds)


def ndarray(items, shape, code='f8', order='<', fortran=False):
    """What numpy writes in protocol 3; `items` are bytes, or a list of objects."""

    class Call:
        def __init__(self, name, args, state=None):
            self.call = name, args, state

        def __reduce__(self):
            return self.call

    def tell(data, *names):
        for i, (module, name) in enumerate(names):
            data = data.replace(b'c__main__\nNAME%d\n' % i, b'c%s\n%s\n' % (module, name))
        return data

    dtype = Call(NAME2, (code, False, True), (3, order, None, None, None, -1, -1, 0))
    array = Call(NAME0, (NAME1, (0,), b'b'), (1, shape, dtype, fortran, items))
    return tell(
        pickle.dumps(array, 3),
        (b'numpy.core.multiarray', b'_reconstruct'),
        (b'numpy', b'ndarray'),
        (b'numpy', b'dtype'),
    )


def NAME0():
    """Stands for a name of numpy's until it is written."""


def NAME1():
    pass


def NAME2():
    pass


def arrays():
    """Elements in the midst of an array, which no summary shows."""
    n = 5000
    floats = [float(i) for i in range(n)]
    other = floats[:2500] + [-1.0] + floats[2501:]
    a, b = (struct.pack('<%dd' % n, *x) for x in (floats, other))
    turned = [b'%08d' % (i % 50 * 100 + i // 50) for i in range(n)]
    straight = [b'%08d' % i for i in range(n)]
    mixed = [{'k': [i]} for i in range(200)]
    changed = copy.deepcopy(mixed)
    changed[77]['k'][0] = 'x'
    tensor = (
        b'\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n'
        b'X\x01\0\0\x000X\x03\0\0\0cpuK\x04tQK\0K\x04\x85K\x01\x85\x89ccollections\n'
        b'OrderedDict\n)RtR.'
    )
    for x, y, want in [
        (ndarray(a, (n,)), ndarray(b, (n,)), [('[2500]', 2500.0, -1.0)]),
        (ndarray(a, (n,)), ndarray(a, (n,)), []),
        (ndarray(a, (50, 100)), ndarray(b, (50, 100)), [('[25][0]', 2500.0, -1.0)]),
        (ndarray(a, (5, 10, 100)), ndarray(b, (5, 10, 100)), [('[2][5][0]', 2500.0, -1.0)]),
        (
            ndarray(a, (50, 100), fortran=True),
            ndarray(b, (50, 100), fortran=True),
            [('[0][50]', 2500.0, -1.0)],
        ),
        (ndarray(a, (n,)), ndarray(a, (n, 1)), [('@0', None, None)]),
        (ndarray(a, (n,)), ndarray(a, (n,), 'i8'), [('@0', None, None)]),
        (ndarray(a, (n,)), ndarray(a, (n,), order='>'), [('@0', None, None)]),
        (
            ndarray(b''.join(straight), (50, 100), 'S8', '|'),
            ndarray(b''.join(turned), (50, 100), 'S8', '|', True),
            [],
        ),
        (
            ndarray(mixed, (20, 10), 'O8', '|'),
            ndarray(changed, (20, 10), 'O8', '|'),
            [("[7][7]['k'][0]", 77, 'x')],
        ),
        (tensor, tensor.replace(b'OrderedDict', b'Counter'), [('@args[5]', None, None)]),
        (tensor, tensor, []),
    ]:
        changes, how = changes_of(x, y)
        got = changes and [(c['path'], c['old'], c['new']) for c in changes]
        if want and want[0][1] is None:
            got = got and [(got[0][0], None, None)]
        check((got or []) == want, 'arrays: %r, not %r: %r' % (got, want, how))


def spans():
    """--bytes: what is outside the spans is the same on both sides."""
    for _ in range(COUNT // 4):
        a = value(4, [])
        b = copy.deepcopy(a)
        mutate(b)
        x, y = dump(a, 4), dump(b, rnd.choice([4, 4, 5]))
        status, out, err = diff(x, y, '--bytes', '--json')
        found = json.loads(out)
        check(status == (x != y) and not err, 'status %d, %r' % (status, err))
        rest = []
        for data, side in ((x, 'old'), (y, 'new')):
            keep, at = b'', 0
            for s in found:
                keep += data[at : s[side]['offset']]
                at = s[side]['offset'] + s[side]['bytes']
            rest.append(keep + data[at:])
        check(rest[0] == rest[1], '%r and %r: %r' % (x, y, found))


begin(PROGRAM)
os.environ['XDG_STATE_HOME'] = work.name
os.environ['LC_ALL'] = 'C.UTF-8'
if 'pairs' in os.environ.get('ONLY', 'pairs'):
    pairs()
forms()
recursive()
big()
front()
arrays()
spans()
sys.exit(suite.end())
