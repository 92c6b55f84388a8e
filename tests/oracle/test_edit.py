#!/usr/bin/env python3
"""Edits against Python: random values with sharing and recursion, in every protocol, edited at
random.

The same edits are made in Python on the loaded object.  What the tool writes must load to an equal
object
(types, order and identity included) with the C and the pure-Python unpickler, and the opcodes
outside
the edits must be the original's.  PKLBROWSE_SEED repeats a run, PKLBROWSE_COUNT says how many
sequences.
"""
import collections
import copy
import datetime
import io
import os
import pickle
import pickletools
import random
import re
import struct
import subprocess
import sys

import suite
from suite import CORPUS, EDIT_TOOL, SEED, begin, check, skip

sys.setrecursionlimit(20000)
COUNT = int(os.environ.get('PKLBROWSE_COUNT') or 800)
rnd = random.Random(SEED)


class Plain:
    pass


class Slotted:
    __slots__ = ('x', 'y')


class MyList(list):
    pass


class MyDict(dict):
    pass


class Args:
    def __new__(cls, *args):
        self = object.__new__(cls)
        self.args = args
        return self

    def __getnewargs__(self):
        return self.args


class State:
    """Its state is no dict."""

    def __getstate__(self):
        return self.state

    def __setstate__(self, state):
        self.state = state


class Tool:
    def __init__(self):
        self.p = subprocess.Popen(
            [EDIT_TOOL, 'edit'], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def ask(self, word, data=b''):
        if isinstance(data, str):
            data = data.encode('utf-8', 'surrogatepass')
        self.p.stdin.write(b'%s %d\n%s' % (word.encode(), len(data), data))
        self.p.stdin.flush()
        line = self.p.stdout.readline().decode('utf-8', 'replace')
        if not line:
            raise SystemExit('seed %d: the tool died' % SEED)
        ok, _, rest = line.rstrip('\n').partition(' ')
        return ok == 'ok', rest


tool = Tool()


# ------------------------------------------------------------------------- values

STRINGS = [
    '',
    'a',
    'name',
    'key',
    'x' * 255,
    'x' * 256,
    'é',
    '中文',
    '\ud800',
    'line\nline',
    '\\u0041',
    "it's",
    '"',
    '\x1a\r\0',
    'class',
]


def scalar():
    return rnd.choice(
        [
            lambda: None,
            lambda: rnd.random() < 0.5,
            lambda: rnd.randrange(-3, 300),
            lambda: rnd.getrandbits(rnd.choice([8, 16, 31, 32, 33, 63, 64, 100, 2050])),
            lambda: -rnd.getrandbits(rnd.choice([8, 16, 31, 32, 33, 64, 100])),
            lambda: rnd.choice([0.0, -0.0, 1.5, 1e300, float('inf'), -float('inf')]),
            lambda: rnd.gauss(0, 1),
            lambda: rnd.choice(STRINGS),
            lambda: 'u%d' % rnd.randrange(10000),
            lambda: rnd.choice(STRINGS),
            lambda: rnd.randbytes(rnd.choice([0, 1, 5, 255, 256])),
            lambda: b'ab',
            lambda: rnd.choice([1, 0, True, False]),
        ]
    )()


def key():
    return rnd.choice(
        [
            lambda: rnd.choice(STRINGS),
            lambda: 'k%d' % rnd.randrange(50),
            lambda: rnd.randrange(20),
            lambda: (1, 'a', rnd.randrange(5)),
            lambda: None,
            lambda: 2.5,
            lambda: b'b',
            lambda: frozenset([1, 'z']),
        ]
    )()


def value(depth, pool):
    """A random value; `pool` holds what was made before, to be shared."""
    r = rnd.random()
    if pool and r < 0.15:
        return rnd.choice(pool)
    if depth <= 0 or r < 0.45:
        v = scalar()
        if isinstance(v, (str, bytes)) and rnd.random() < 0.5:
            pool.append(v)
        return v
    n = rnd.choice([0, 1, 2, 3, 4, 7])
    kind = rnd.randrange(14)
    if kind <= 2:
        v = []
        pool.append(v)
        v.extend(value(depth - 1, pool) for _ in range(n))
    elif kind <= 5:
        v = {}
        pool.append(v)
        for _ in range(n):
            v[key()] = value(depth - 1, pool)
    elif kind == 6:
        v = tuple(value(depth - 1, pool) for _ in range(n))
        pool.append(v)
    elif kind == 7:
        v = Plain()
        pool.append(v)
        for i in range(n):
            setattr(v, rnd.choice(['name', 'key', 'attr%d' % i, 'é']), value(depth - 1, pool))
    elif kind == 8:
        v = Slotted()
        pool.append(v)
        v.x = value(depth - 1, pool)
    elif kind == 9:
        # Before protocol 2 a list subclass that holds itself cannot be written.
        v = MyList()
        v.extend(value(depth - 1, pool) for _ in range(n))
        pool.append(v)
        if rnd.random() < 0.5:
            v.attr = value(depth - 1, pool)
    elif kind == 10:
        v = rnd.choice([MyDict, collections.OrderedDict])()
        pool.append(v)
        for _ in range(n):
            v[key()] = value(depth - 1, pool)
    elif kind == 11:
        v = Args(*(value(depth - 1, []) for _ in range(n)))
        pool.append(v)
    elif kind == 12:
        v = State()
        v.state = rnd.choice(
            [lambda: [1, scalar()], lambda: (scalar(), scalar(), scalar()), lambda: 'state']
        )()
    else:
        v = rnd.choice(
            [
                set([1, 'a', 2.5]),
                frozenset([1, 2, 'b']),
                bytearray(b'abc'),
                datetime.date(2020, 1, 2),
                collections.Counter('abca'),
                ['x' * 70000, 1],
                [b'y' * 70000, 'tail'],
                [list(range(1100))],
            ]
        )
        pool.append(v)
    if rnd.random() < 0.08 and type(v) is list:
        v.append(v)
    if rnd.random() < 0.05 and type(v) is dict:
        v['self'] = v
    return v


# ---------------------------------------------------------------------- comparison


def parts(v):
    """What a value is made of: a shape to compare, and its children in order."""
    if isinstance(v, (list, tuple)):
        return [len(v)], list(v) + attributes(v)
    if isinstance(v, (set, frozenset)):
        return sorted(re.sub(' at 0x[0-9a-f]+', '', repr(i)) for i in v), []
    if isinstance(v, dict):
        return [repr(k) if not isinstance(k, str) else k for k in v], list(v.values()) + attributes(
            v
        )
    if isinstance(v, (Plain, Args, State)):
        return sorted(v.__dict__), [v.__dict__[k] for k in v.__dict__]
    if isinstance(v, Slotted):
        return [], [v.x]
    return [repr(v) if not isinstance(v, str) else v], []


def attributes(v):
    d = getattr(v, '__dict__', None)
    return [d] if d else []


def exact(v):
    if isinstance(v, float):
        return struct.pack('d', v)
    return v


def same(a, b, text=None):
    """Equal types, values, order and identity structure; without recursion.  Of texts identity
    matters for this one of b alone."""
    there, back = {}, {}
    texts, others = set(), set()
    keep = []
    todo = [(a, b)]
    while todo:
        x, y = todo.pop()
        if type(x) is not type(y):
            return '%r is not %r' % (type(x), type(y))
        if x is None or isinstance(x, (bool, int, float, str, bytes)):
            if exact(x) != exact(y):
                return '%s is not %s' % (repr(x)[:100], repr(y)[:100])
            if isinstance(x, (str, bytes)) and len(x) > 1 and y is text:
                texts.add(id(x))
            elif isinstance(x, (str, bytes)):
                others.add(id(x))
            continue
        keep.append((x, y))
        if there.get(id(x), id(y)) != id(y) or back.get(id(y), id(x)) != id(x):
            if x != () and x != frozenset():
                return 'shared in another way: %.100s' % type(x)
        if id(x) in there:
            continue
        there[id(x)] = id(y)
        back[id(y)] = id(x)
        p, q = parts(x), parts(y)
        if p[0] != q[0] or len(p[1]) != len(q[1]):
            return 'shape %.100r is not %.100r' % (p[0], q[0])
        todo.extend(zip(p[1], q[1]))
    if len(texts) > 1 or texts & others:
        return 'a text is shared in another way'
    return None


# ---------------------------------------------------------------------------- edits


def literal(v):
    if v is None or isinstance(v, (bool, bytes)):
        return repr(v)
    if isinstance(v, int):
        return hex(v)
    if isinstance(v, str):
        return ascii(v)
    if isinstance(v, float):
        return repr(v)
    if isinstance(v, list):
        return '[' + ', '.join(map(literal, v)) + ']'
    if isinstance(v, tuple):
        return '(' + ''.join(literal(i) + ', ' for i in v) + ')'
    if isinstance(v, dict):
        return '{' + ', '.join(literal(k) + ': ' + literal(i) for k, i in v.items()) + '}'
    if isinstance(v, frozenset):
        return 'frozenset({' + ', '.join(map(literal, v)) + '})' if v else 'frozenset()'
    raise TypeError(v)


def key_step(k):
    if isinstance(k, str) and k.isidentifier() and rnd.random() < 0.5:
        return '.' + k
    return '[' + literal(k) + ']'


SCALARS = (type(None), bool, int, float, str, bytes)


class Place:
    def __init__(self, path, get, put, value):
        self.path, self.get, self.put, self.value = path, get, put, value


def places(root, protocol, limit=400):
    """Places of a value that can be edited in Python as well: of lists, dicts and objects.  Those
    of tuples
    are left out, because Python cannot change them; see tuples()."""
    found, seen, todo = [], set(), [('', root)]
    while todo and len(found) < limit:
        path, v = todo.pop()
        if id(v) in seen:
            continue
        seen.add(id(v))
        inside = []
        if protocol < 2 and isinstance(v, (MyList, MyDict)):
            continue  # copyreg._reconstructor: the items are an argument
        if isinstance(v, list):
            for i, item in enumerate(v):
                inside.append(
                    ('[%d]' % (i if rnd.random() < 0.7 else i - len(v)), item, v, i, 'item')
                )
            if rnd.random() < 0.5:
                rnd.shuffle(inside)
            inside = inside[:40]
            for k, item in getattr(v, '__dict__', {}).items():
                inside.append(('.' + k, item, v, k, 'attr'))
        elif isinstance(v, collections.Counter):
            continue
        elif isinstance(v, dict):
            for k, item in v.items():
                inside.append(
                    (key_step(k) if type(v) is dict else '[' + literal(k) + ']', item, v, k, 'item')
                )
        elif isinstance(v, Plain):
            for k, item in v.__dict__.items():
                inside.append(('.' + k, item, v, k, 'attr'))
        elif isinstance(v, Slotted):
            inside.append(('.x', v.x, v, 'x', 'attr'))
        elif isinstance(v, tuple):
            for i, item in enumerate(v):
                todo.append((path + '[%d]' % i, item))
            continue
        for step, item, owner, k, how in inside:
            found.append((path + step, item, owner, k, how))
            todo.append((path + step, item))
        if rnd.random() < 0.3:
            rnd.shuffle(todo)
    return found


def put(owner, k, how, v):
    if how == 'item':
        owner[k] = v
    else:
        setattr(owner, k, v)


def new_value():
    if rnd.random() < 0.85:
        return scalar()
    v = value(2, [])
    try:
        literal(v)
        return v if not recursive(v) else 1
    except (TypeError, RecursionError):
        return scalar()


def recursive(v):
    try:
        repr_free(v, 0)
        return False
    except RecursionError:
        return True


def repr_free(v, depth):
    if depth > 50:
        raise RecursionError
    if isinstance(v, dict):
        for i in v.values():
            repr_free(i, depth + 1)
    elif isinstance(v, (list, tuple)):
        for i in v:
            repr_free(i, depth + 1)


def rebuild(v):
    """A copy whose equal containers are not shared: what a literal means."""
    if isinstance(v, list):
        return [rebuild(i) for i in v]
    if isinstance(v, tuple):
        return tuple(rebuild(i) for i in v)
    if isinstance(v, frozenset):
        return frozenset([rebuild(i) for i in v])
    if isinstance(v, dict):
        return {k: rebuild(i) for k, i in v.items()}
    return v


def dumps(v, protocol):
    f = io.BytesIO()
    cls = rnd.choice([pickle.Pickler, pickle._Pickler])
    try:
        cls(f, protocol).dump(v)
    except (TypeError, RecursionError):
        # Objects with slots, and lists that hold themselves through a subclass, need protocol 2.
        return dumps(v, rnd.randrange(2, 6))
    data = f.getvalue()
    if rnd.random() < 0.15:
        data = pickletools.optimize(data)
    if rnd.random() < 0.1:
        data += rnd.choice([b'trailing', pickle.dumps('next', protocol)])
    return data


def untouched(old, new, edited):
    """The opcodes of the new stream that the old one does not have: only as many as the edits
    explain."""

    def ops(data):
        f = io.BytesIO(data)
        out = []
        last = None
        for op, arg, pos in pickletools.genops(f):
            if last is not None:
                out.append(data[last[1] : pos] if last[0] != 'FRAME' else b'FRAME')
            last = (op.name, pos)
        return out

    old_ops, new_ops = collections.Counter(ops(old)), collections.Counter(ops(new))
    gone = sum((old_ops - new_ops).values())
    return gone <= edited


def sequence(number):
    rnd.seed('%d.%d' % (SEED, number))
    protocol = rnd.randrange(6)
    root = value(rnd.choice([1, 2, 3, 4]), [])
    data = dumps(root, protocol)
    mine = pickle.loads(data)
    ok, why = tool.ask('open', data)
    if not check(ok, 'open: %s' % why):
        return
    history = [(None, None)]
    scalars_only = True
    for _ in range(rnd.choice([1, 1, 2, 3, 5, 10])):
        all_places = places(mine, protocol)
        if not all_places:
            break
        path, old, owner, k, how = rnd.choice(all_places)
        new = new_value()
        ok, why = tool.ask('set', path + '=' + literal(new))
        if not ok:
            check(False, 'protocol %d, set %s=%.80s: %s' % (protocol, path, literal(new), why))
            return
        scalars_only = scalars_only and isinstance(new, SCALARS) and isinstance(old, SCALARS)
        if not (type(old) is type(new) and isinstance(new, SCALARS) and exact(old) == exact(new)):
            put(owner, k, how, rebuild(new))
        history.append((path, new))
    what = 'sequence %d, protocol %d, %d bytes, edits %.300s' % (
        number,
        protocol,
        len(data),
        [(p, repr(v)[:40]) for p, v in history[1:]],
    )
    ok, answer = tool.ask('save')
    if not ok:
        check(False, 'save: %s; %s' % (answer, what))
        return
    result = bytes.fromhex(answer.split()[1])
    for loads in (pickle.loads, pickle._loads):
        try:
            difference = same(loads(result), mine)
        except Exception as x:
            difference = repr(x)
        check(difference is None, '%s: %s; %s' % (loads.__module__, difference, what))
    if scalars_only:
        # Each edit may take away one opcode, or the few of bytes before protocol 3.
        check(
            untouched(data, result, (len(history) - 1) * (1 if protocol > 2 else 12)),
            'opcodes were changed: ' + what,
        )
    ok, answer = tool.ask('changes')
    check(ok, 'changes: %s; %s' % (answer, what))
    for path in answer.split('\t')[1:]:
        ok, again = tool.ask('path', path)
        check(ok and again.split('\t')[0] == path, 'path %r is %r; %s' % (path, again, what))
    if rnd.random() < 0.3:
        while tool.ask('undo')[1] == 'done':
            pass
        ok, answer = tool.ask('save')
        check(
            ok and bytes.fromhex(answer.split()[1]) == data and int(answer.split()[0]) == len(data),
            'undo of all: ' + what,
        )
        while tool.ask('redo')[1] == 'done':
            pass
        ok, answer = tool.ask('save')
        check(ok and bytes.fromhex(answer.split()[1]) == result, 'redo of all: ' + what)


# -------------------------------------------------------------------------- sharing


def kids(v):
    """The values that stand inside a value, as the program shows it: (how, key, value)."""
    if isinstance(v, (list, tuple)):
        found = [('item', i, item) for i, item in enumerate(v)]
    elif isinstance(v, (set, frozenset)):
        found = [('member', None, item) for item in v]
    elif isinstance(v, dict) and not isinstance(v, collections.Counter):
        found = [('item', k, item) for k, item in v.items()]
    elif isinstance(v, Slotted):
        return [('attr', 'x', v.x)]
    elif isinstance(v, Args):
        found = [('args', None, v.args)]
    else:
        found = []
    return found + [('attr', k, item) for k, item in getattr(v, '__dict__', {}).items()]


def uses_of(root):
    """How often each value stands somewhere."""
    uses, todo, keep = collections.Counter([id(root)]), [root], []
    seen = {id(root)}
    while todo:
        v = todo.pop()
        for how, k, item in kids(v):
            uses[id(item)] += 1
            if id(item) not in seen:
                seen.add(id(item))
                todo.append(item)
    return uses


def find_chain(root, wanted):
    """A random way down: [(container, how, key)]; its last place is not in a tuple or set."""
    for _ in range(50):
        chain, v = [], root
        for _ in range(rnd.randrange(1, 7)):
            if isinstance(v, (Args, State)):
                break
            inside = [k for k in kids(v) if k[0] != 'member']
            if not inside:
                break
            how, k, item = rnd.choice(inside)
            chain.append((v, how, k))
            v = item
        while chain and isinstance(chain[-1][0], tuple):
            chain.pop()
        if chain and wanted(chain):
            return chain
    return None


def path_of(chain):
    text = ''
    for v, how, k in chain:
        if how == 'attr':
            text += '.' + k
        elif isinstance(v, (list, tuple)):
            text += '[%d]' % k
        else:
            text += key_step(k) if type(v) is dict else '[' + literal(k) + ']'
    return text


def clone(v):
    """Another object that holds the same."""
    new = copy.copy(v)
    return new if new is not v else v.__class__(list(v))


def put_in(v, how, k, item):
    """Gives back v, or the tuple that stands for it now."""
    if isinstance(v, tuple):
        return v[:k] + (item,) + v[k + 1 :]
    put(v, k, how, item)
    return v


def edit_here(root, chain, new):
    """What `here` means: the innermost shared container and what leads from it to the place are
    copied."""
    uses = uses_of(root)
    shared = [i for i, (v, how, k) in enumerate(chain) if uses[id(v)] > 1]
    if not shared:
        put(chain[-1][0], chain[-1][2], chain[-1][1], new)
        return root
    for v, how, k in reversed(chain[shared[-1] :]):
        new = put_in(clone(v), how, k, new)
    if shared[-1] == 0:
        return new
    v, how, k = chain[shared[-1] - 1]
    put(v, k, how, new)
    return root


def sharing_here(number, protocol, data):
    mine = pickle.loads(data)
    if protocol < 2 and any(isinstance(v, (MyList, MyDict)) for v in everything(mine)):
        return None
    uses = uses_of(mine)

    def wanted(chain):
        shared = [i for i, (v, how, k) in enumerate(chain) if uses[id(v)] > 1]
        if len({id(v) for v, how, k in chain}) < len(chain):
            return False  # round in a circle: which is copied first would show
        # Python cannot put the copy into a tuple.
        return shared and (shared[-1] == 0 or not isinstance(chain[shared[-1] - 1][0], tuple))

    chain = find_chain(mine, wanted)
    if chain is None:
        return None
    new = scalar()
    path = path_of(chain)
    was = kids_value(chain[-1])
    edited = edit_here(mine, chain, new)
    if type(was) is type(new) and isinstance(new, SCALARS) and exact(was) == exact(new):
        return None  # the copy is made, but nothing is changed in it
    return path, new, edited


def kids_value(place):
    v, how, k = place
    return next(item for h, key, item in kids(v) if h == how and key == k)


def everything(root):
    found, todo = {}, [root]
    while todo:
        v = todo.pop()
        if id(v) not in found:
            found[id(v)] = v
            todo.extend(item for how, k, item in kids(v))
    return list(found.values())


def sharing_everywhere(number, protocol, data):
    mine = pickle.loads(data)
    if protocol < 2 and any(isinstance(v, (MyList, MyDict)) for v in everything(mine)):
        return None
    uses = uses_of(mine)
    old = []

    def wanted(chain):
        v = kids_value(chain[-1])
        # Python has one empty string, and one of each character.
        if isinstance(v, (str, bytes)) and len(v) < 2 or v == () or isinstance(v, frozenset):
            return False
        old[:] = [v]
        return uses[id(v)] > 1 and not isinstance(v, (type(None), bool, int, float))

    chain = find_chain(mine, wanted)
    if chain is None:
        return None
    for v in everything(mine):
        if isinstance(v, dict) and any(k is old[0] for k in v):
            return None  # deepcopy would replace the key, too
        if isinstance(v, (Args, State, set, frozenset)):
            return None
    new = scalar() if rnd.random() < 0.6 else [scalar(), {'k': [scalar()]}]
    if isinstance(new, list):
        new = rebuild(new)
    elif type(old[0]) is type(new) and exact(old[0]) == exact(new):
        return None
    return path_of(chain), new, copy.deepcopy(mine, {id(old[0]): new})


def sharing(number):
    """--here and --everywhere: the identity structure is the one that the option promises."""
    rnd.seed('sharing %d.%d' % (SEED, number))
    protocol = rnd.randrange(6)
    pool = []
    root = [value(rnd.choice([1, 2, 3]), pool) for _ in range(rnd.randrange(1, 4))]
    root += [rnd.choice(pool) for _ in range(rnd.randrange(1, 5)) if pool]
    data = dumps(root, protocol)
    word = rnd.choice(['here', 'everywhere'])
    asked = (sharing_here if word == 'here' else sharing_everywhere)(number, protocol, data)
    if asked is None:
        return
    path, new, mine = asked
    what = 'sharing %d, protocol %d, %s %s=%.60r' % (number, protocol, word, path, new)
    if not check(tool.ask('open', data)[0], what):
        return
    ok, why = tool.ask('here-set' if word == 'here' else word, path + '=' + literal(new))
    if not check(ok, '%s: %s' % (what, why)):
        return
    ok, answer = tool.ask('save')
    if not ok and ('in front of its place' in answer or 'memo has no room' in answer):
        shared_refused[0] += 1
    elif check(ok, '%s: %s' % (what, answer)):
        result = bytes.fromhex(answer.split()[1])
        for loads in (pickle.loads, pickle._loads):
            try:
                difference = same(loads(result), mine, new if word == 'everywhere' else None)
            except Exception as x:
                difference = repr(x)
            check(difference is None, '%s: %s; %s' % (loads.__module__, difference, what))
        shared_done[word] += 1
    check(tool.ask('undo')[1] == 'done', 'one step: ' + what)
    if word == 'everywhere':
        check(tool.ask('undo')[1] == 'nothing', 'only one step: ' + what)
    while tool.ask('undo')[1] == 'done':
        pass
    ok, answer = tool.ask('save')
    check(ok and bytes.fromhex(answer.split()[1]) == data, 'undone: ' + what)


# ------------------------------------------------------------------- all kinds of edits

BOOL, INT, FLOAT, STR, BYTES, LIST, TUPLE, SET, FROZENSET = 1, 2, 3, 4, 5, 8, 9, 11, 12


def converted(v, kind):
    """What the type's constructor makes of v; TypeError where the program refuses."""
    if isinstance(v, (list, tuple, set, frozenset)) and type(v) in (list, tuple, set, frozenset):
        if kind in (LIST, TUPLE):
            if isinstance(v, (set, frozenset)) and len(v) > 1:
                raise TypeError('the order is that of the file')
            return (list if kind == LIST else tuple)(v)
        if kind in (SET, FROZENSET):
            if any(isinstance(i, tuple) for i in v):
                raise TypeError('a tuple may hold what cannot be hashed')
            return (set if kind == SET else frozenset)(v)
    if kind == BOOL and (v is None or isinstance(v, (int, float, str, bytes))):
        return bool(v)
    if kind == INT and isinstance(v, (bool, int, float)):
        return int(v)
    if kind == FLOAT and isinstance(v, (bool, int, float)):
        if isinstance(v, int) and v.bit_length() > 1000:
            raise TypeError(v)
        return float(v)
    if kind == STR and isinstance(v, (bool, int, float, str)):
        return str(v)
    if kind == BYTES and isinstance(v, (bytes, str)):
        return v if isinstance(v, bytes) else v.encode()
    raise TypeError(v)


def deep_copy(v):
    return pickle.loads(pickle.dumps(v, 4))


class Owner:
    """A container that Python can change, with its path."""

    def __init__(self, path, v, way):
        self.path, self.v, self.way = path, v, way
        self.keys = (
            list(range(len(v)))
            if isinstance(v, list)
            else list(v)
            if isinstance(v, dict)
            else list(getattr(v, '__dict__', ()))
        )

    def attributes(self):
        return isinstance(self.v, Plain)

    def step(self, k):
        if self.attributes():
            return '.' + k
        if isinstance(self.v, list):
            return '[%d]' % k
        return key_step(k) if type(self.v) is dict else '[' + literal(k) + ']'

    def place(self, k):
        return self.path + self.step(k)

    def get(self, k):
        return self.v.__dict__[k] if self.attributes() else self.v[k]

    def set(self, k, item):
        put(self.v, k, 'attr' if self.attributes() else 'item', item)

    def refill(self, pairs):
        d = self.v.__dict__ if self.attributes() else self.v
        d.clear()
        d.update(pairs)

    def pairs(self):
        return list((self.v.__dict__ if self.attributes() else self.v).items())


def owners(root, protocol):
    found, seen, todo = [], set(), [('', root, ())]
    while todo and len(found) < 300:
        path, v, way = todo.pop(rnd.randrange(len(todo)))
        if id(v) in seen or isinstance(v, (collections.Counter, Slotted, Args, State)):
            continue
        seen.add(id(v))
        if protocol < 2 and isinstance(v, (MyList, MyDict)):
            continue
        o = Owner(path, v, way)
        if isinstance(v, (list, dict, Plain, set)):
            found.append(o)
        if isinstance(v, tuple):
            todo.extend((path + '[%d]' % i, item, way + (id(v),)) for i, item in enumerate(v))
        elif not isinstance(v, set):
            todo.extend((o.place(k), o.get(k), way + (id(v),)) for k in o.keys[:60])
    return found


def new_key(o):
    if o.attributes():
        return rnd.choice(['name', 'key', 'other', 'é', 'x%d' % rnd.randrange(5)])
    return key()


def edit_list(o, protocol):
    v, n = o.v, len(o.v)
    word = rnd.choice(['add', 'add', 'end', 'del', 'del', 'move', 'twice', 'set', 'type', 'copy'])
    # Nobody can see that an empty subclass of list is one: [0] could be a key.
    if n == 0 and (word not in ('add', 'end') or type(v) is not list):
        word = 'end'
    new = rebuild(new_value())
    if word == 'add':
        i = rnd.randrange(n + 1)
        v.insert(i, new)
        return 'add', o.path + '[%d]=%s' % (i, literal(new))
    if word == 'end':
        v.append(new)
        return 'add', o.path + '[]=' + literal(new)
    i = rnd.randrange(n)
    if word == 'del':
        del v[i]
        return 'del', o.place(i)
    if word == 'move':
        to = rnd.randrange(n)
        v.insert(to, v.pop(i))
        return 'move', '%d %s' % (to, o.path + '[%d]' % i)
    if word == 'twice':
        v.insert(i + 1, deep_copy(v[i]))
        return 'twice', o.place(i)
    return edit_place(o, i, word, new)


def edit_place(o, k, word, new):
    old = o.get(k)
    if word == 'type':
        kind = rnd.choice([BOOL, INT, FLOAT, STR, BYTES, LIST, TUPLE, SET, FROZENSET])
        try:
            item = converted(old, kind)
        except (TypeError, ValueError, OverflowError, UnicodeEncodeError):
            return None
        if type(item) is not type(old):
            o.set(k, item)
        return 'type', '%d %s' % (kind, o.place(k))
    if type(old) is not type(new) or not isinstance(new, SCALARS) or exact(old) != exact(new):
        o.set(k, new)
    return 'set', o.place(k) + '=' + literal(new)


def edit_pairs(o, protocol):
    word = rnd.choice(['add', 'add', 'del', 'rename', 'rename', 'move', 'set', 'type'])
    new = rebuild(new_value())
    if word == 'add' or not o.keys:
        k = new_key(o)
        if k in o.keys:
            return None
        o.set(k, new)
        return 'add', o.path + ('.' + k if o.attributes() else '[' + literal(k) + ']') + (
            '=' + literal(new)
        )
    k = rnd.choice(o.keys)
    if word == 'del':
        o.refill([p for p in o.pairs() if p[0] != k])
        return 'del', o.place(k)
    if word == 'rename':
        to = new_key(o)
        if to in o.keys and to != k:
            return None
        place = o.place(k)
        same_key = type(to) is type(k) and exact(to) == exact(k)
        o.refill([(to if p[0] == k and not same_key else p[0], p[1]) for p in o.pairs()])
        return 'rename', place + '=' + literal(to)
    if word == 'move':
        pairs = o.pairs()
        i, to = o.keys.index(k), rnd.randrange(len(pairs))
        place = o.place(k)
        pairs.insert(to, pairs.pop(i))
        o.refill(pairs)
        return 'move', '%d %s' % (to, place)
    return edit_place(o, k, word, new)


def edit_set(o, protocol):
    new = rnd.choice([rnd.randrange(1000), 'm%d' % rnd.randrange(100), 2.25, None, (1, 'x')])
    if new in o.v or (protocol < 4 and not o.v):
        return None
    o.v.add(new)
    return 'add', o.path + '[]=' + literal(new)


def edit_copy(o, others):
    """A copy of one place at another."""
    if isinstance(o.v, set) or not o.keys:
        return None
    source = rnd.choice(others)
    if isinstance(source.v, set) or not source.keys:
        return None
    k, of = rnd.choice(o.keys), rnd.choice(source.keys)
    asked = o.place(k) + '\t' + source.place(of)
    o.set(k, deep_copy(source.get(of)))
    return 'copy', asked


def random_edit(mine, protocol):
    """Makes an edit in Python; the command for the same one, or None."""
    found = owners(mine, protocol)
    if not found:
        return None
    o = rnd.choice(found)
    if rnd.random() < 0.1:
        return edit_copy(o, found)
    if isinstance(o.v, set):
        return edit_set(o, protocol)
    return (edit_list if isinstance(o.v, list) else edit_pairs)(o, protocol)


def keep_failure(number, data, commands):
    """For a failing sequence to be looked at again."""
    name = os.path.join(os.environ.get('TEST_TMP') or '/tmp', 'edit-failed-%d.%d' % (SEED, number))
    with open(name + '.pkl', 'wb') as f:
        f.write(data)
    with open(name + '.txt', 'w', encoding='utf-8', errors='surrogateescape') as f:
        f.writelines('%s %r\n' % c for c in commands)
    print('kept as %s.pkl and .txt' % name)


def all_kinds(number):
    """Sequences of all kinds of edits, on values with sharing and recursion."""
    rnd.seed('all %d.%d' % (SEED, number))
    protocol = rnd.randrange(6)
    root = [value(rnd.choice([1, 2, 3]), []), value(2, [])]
    data = dumps(root, protocol)
    if protocol < 2 and data[:1] == b'\x80':
        protocol = data[1]
    mine = pickle.loads(data)
    if not check(tool.ask('open', data)[0], 'open'):
        return
    before, commands = suite.failures(), []
    for _ in range(rnd.choice([1, 1, 2, 3, 5, 8])):
        command = random_edit(mine, protocol)
        if command is None:
            continue
        commands.append(command)
        ok, why = tool.ask(*command)
        if not ok and why.startswith('9 '):  # read-only; Python has done it, so this is all
            kinds_refused[why[:60]] += 1
            return
        if not check(ok, 'all %d, protocol %d, %s: %s' % (number, protocol, command, why)):
            return
        kinds[command[0]] += 1
    what = 'all %d, protocol %d, %d bytes, %.400s' % (number, protocol, len(data), commands)
    ok, answer = tool.ask('save')
    if not ok and answer.startswith('9 '):
        kinds_refused[answer[:60]] += 1
    elif check(ok, 'save: %s; %s' % (answer, what)):
        result = bytes.fromhex(answer.split()[1])
        for loads in (pickle.loads, pickle._loads):
            try:
                difference = same(loads(result), mine)
            except Exception as x:
                difference = repr(x)
            check(difference is None, '%s: %s; %s' % (loads.__module__, difference, what))
        kinds['sequences'] += 1
    check(tool.ask('changes')[0], 'changes: ' + what)
    if rnd.random() < 0.3:
        while tool.ask('undo')[1] == 'done':
            pass
        again, whole = tool.ask('save')
        check(again and bytes.fromhex(whole.split()[1]) == data, 'undo of all: ' + what)
        while tool.ask('redo')[1] == 'done':
            pass
        check(tool.ask('save') == (ok, answer), 'redo of all: ' + what)
    if suite.failures() > before:
        keep_failure(number, data, commands)


kinds, kinds_refused = collections.Counter(), collections.Counter()
shared_refused = [0]
shared_done = collections.Counter()


def tuples():
    """Places inside tuples, arguments, states and the root itself, which Python does not edit in
    place."""
    cases = [
        ((1, 'a', (2, 'a')), '[2][1]', 'b', (1, 'a', (2, 'b'))),
        ((1, 'a', (2, 'a')), '[1]', 5, (1, 5, (2, 'a'))),
        ([('s', 's'), 's'], '[0][0]', b'x', [(b'x', 's'), 's']),
        ('root', '', 'other', 'other'),
        (5, '', -7, -7),
        (None, '', 2.5, 2.5),
        (b'bytes', '', 'str', 'str'),
        (True, '', 1, 1),
        (1, '', True, True),
        ('x' * 70000, '', 'y', 'y'),
        ('y', '', 'x' * 70000, 'x' * 70000),
        ([1, 'x' * 70000, 'tail'], '[1]', 'short', [1, 'short', 'tail']),
        ([b'y' * 70000, 1], '[0]', 'z' * 70000, ['z' * 70000, 1]),
        ([b'y' * 70000, 1], '[1]', b'z' * 70000, [b'y' * 70000, b'z' * 70000]),
        ((1, 2, 3, 4, 5), '[4]', 300, (1, 2, 3, 4, 300)),
    ]
    for old, path, new, want in cases:
        for protocol in range(6):
            for dump in (pickle.dumps, pickle._dumps):
                data = dump(old, protocol)
                good = tool.ask('open', data)[0] and tool.ask('set', path + '=' + literal(new))[0]
                ok, answer = tool.ask('save')
                result = bytes.fromhex(answer.split()[1]) if ok else b''
                for loads in (pickle.loads, pickle._loads):
                    try:
                        difference = same(loads(result), want)
                    except Exception as x:
                        difference = repr(x)
                    check(
                        good and difference is None,
                        '%.60r%s=%.30r protocol %d: %s %s'
                        % (old, path, new, protocol, difference, answer[:200]),
                    )
    for protocol in range(6):
        a = Args(1, 'two', 3.0)
        s = State()
        s.state = ('a', 'a', 1)
        t = State()
        t.state = 'text'
        data = pickle.dumps([a, s, t], protocol)
        new_args = '[0]@args[%d]' % (1 if protocol >= 2 else 0)
        for edit in ('[1]@state[1]="b"', '[2]@state=None', '[0].args[2]=7'):
            check(tool.ask('open', data)[0], 'open')
            ok, why = tool.ask('set', edit)
            check(ok, 'protocol %d %s: %s' % (protocol, edit, why))
            ok, answer = tool.ask('save')
            check(ok, answer)
            if ok:
                for loads in (pickle.loads, pickle._loads):
                    b, u, w = loads(bytes.fromhex(answer.split()[1]))
                    want = ((1, 'two', 3.0), ('a', 'a', 1), 'text')
                    if edit.startswith('[1]'):
                        want = (want[0], ('a', 'b', 1), want[2])
                    elif edit.startswith('[2]'):
                        want = (want[0], want[1], None)
                    else:
                        want = ((1, 'two', 7), want[1], want[2])
                    got = (b.args, u.state, w.state)
                    if protocol >= 2 and edit.startswith('[0]'):
                        # __dict__ and the arguments share the tuple
                        check(
                            same(got[1:], want[1:]) is None and got[0][2] == 7,
                            'protocol %d %s: %r' % (protocol, edit, got),
                        )
                    else:
                        check(
                            same(got, want) is None,
                            'protocol %d %s: %r is not %r' % (protocol, edit, got, want),
                        )


def recursive_tuples():
    """A tuple that holds itself was made inside of what is popped then: what was edited there is
    no change once nothing leads to it, and each change has a path."""
    t = ([],)
    t[0].append(t)
    sequences = [
        (['add [0][]=1'], '[0][1]'),
        (['add [0][]=1', 'set [0]=2'], '[0]'),
        (['copy [0][0]\t[0]', 'add [0][0][]=5', 'set =7'], '@0'),
        (['copy [0][0]\t[0]', 'del [0][0][0]', 'set =(2-3j)'], '@0'),
        (['add [0][]={1: [2]}', 'set [0][1][1][0]=3', 'set [0]=None'], '[0]'),
    ]
    for protocol in range(6):
        for commands, want in sequences:
            good = tool.ask('open', pickle.dumps(t, protocol))[0]
            for c in commands:
                good = tool.ask(*c.split(' ', 1))[0] and good
            ok, answer = tool.ask('changes')
            check(
                good and ok and answer.split('\t')[1:] == [want],
                'changes of %s in protocol %d: %s' % (commands, protocol, answer),
            )
            ok, answer = tool.ask('save')
            check(ok, 'save of %s in protocol %d: %s' % (commands, protocol, answer))


def first_place_goes():
    """What was set everywhere is one object also when the place that had it first goes."""
    for new in ("'text'", "b'bytes'", '[1]', "bytearray(b'x')", '2.5', "''"):
        for protocol in range(6):
            shared = ['old']
            data = pickle.dumps([shared, 0, shared, [shared]], protocol)
            for gone, left in (('set', '[0]=1'), ('del', '[0]')):
                good = tool.ask('open', data)[0] and tool.ask('everywhere', '[0]=' + new)[0]
                good = tool.ask(gone, left)[0] and good
                ok, answer = tool.ask('save')
                got = pickle.loads(bytes.fromhex(answer.split()[1])) if ok else [0, [1]]
                one = got[-2] is got[-1][0] or new in ('2.5', "''")
                check(good and one and got[-2] == eval(new), '%s %s: %s' % (new, left, answer))


def first_attributes():
    """A state that is made for an attribute is no change beside it."""
    for protocol in range(6):
        good = tool.ask('open', pickle.dumps([Plain()], protocol))[0]
        for edits, want in ((['.x=1'], ['.x']), (['.x=1', '.y=[2]'], ['.x', '.y'])):
            for e in edits:
                good = tool.ask('add', '[0]' + e)[0] and good
            answer = tool.ask('changes')[1].split('\t')[1:]
            check(good and answer == ['[0]' + i for i in want], '%s: %s' % (edits, answer))
            for _ in edits:
                tool.ask('undo')
        check(tool.ask('changes')[1].split('\t')[0] == '0', 'all is undone')


def python2():
    """Files that Python 2 wrote stay in its words: no opcode of a later family, str stays str."""
    folder = os.path.join(CORPUS, 'generated', 'std', 'py2.7')
    if not os.path.isdir(folder):
        skip('no %s' % folder)
        return
    count = 0
    for name in sorted(os.listdir(folder)):
        if not name.endswith('.pkl'):
            continue
        data = open(os.path.join(folder, name), 'rb').read()
        ok, why = tool.ask('open', data)
        if not ok:
            continue
        try:
            before = list(pickletools.genops(data))
        except Exception:
            continue
        family = {op.name for op, arg, pos in before}
        for path in ('', '[0]', '[1]', '.a', '[#0]', '[0][0]', '@args[0]', '@state'):
            for new in ("'ab'", '7', '0x123456789ab', "b'ab'", 'None', 'True', '1.5'):
                tool.ask('open', data)
                ok, why = tool.ask('set', path + '=' + new)
                if not ok:
                    continue
                ok, answer = tool.ask('save')
                if not check(ok, '%s %s=%s: %s' % (name, path, new, answer)):
                    continue
                result = bytes.fromhex(answer.split()[1])
                count += 1
                after = {op.name: op.proto for op, arg, pos in pickletools.genops(result)}
                protocol = max([op.proto for op, arg, pos in before])
                check(
                    max(after.values()) <= max(protocol, 1 if protocol else 0),
                    '%s %s=%s: opcodes of a later protocol %r' % (name, path, new, after),
                )
                strings = {'STRING', 'BINSTRING', 'SHORT_BINSTRING'}
                if new == "b'ab'" and (family & strings):
                    check(
                        strings & set(after),
                        '%s %s=%s: no Python 2 str: %r' % (name, path, new, after),
                    )
                if (
                    new == "'ab'"
                    and (family & strings)
                    and path == ''
                    and not family & {'UNICODE', 'BINUNICODE'}
                ):
                    check(
                        strings & set(after),
                        '%s %s=%s: no Python 2 str: %r' % (name, path, new, after),
                    )
    check(count > 200, 'only %d edits of Python 2 files' % count)


def corpus():
    """Real files, never loaded: random values are replaced, and every result is proved by the
    verifier."""
    if not os.path.isdir(CORPUS):
        skip('no corpus')
        return
    files = [os.path.join(r, n) for r, _, names in os.walk(CORPUS) for n in names]
    files = [f for f in sorted(files) if os.path.getsize(f) < 200000]
    saved = 0
    for name in rnd.sample(files, min(400, len(files))):
        data = open(name, 'rb').read()
        if not tool.ask('open', data)[0]:
            continue
        ok, answer = tool.ask('shake', '%d %d' % (rnd.getrandbits(40), rnd.choice([1, 5, 40])))
        if not check(ok, '%s: %s' % (name, answer)) or answer == '0':
            continue
        ok, answer = tool.ask('save')
        # An array of joblib may not be moved by any number of bytes.
        check(ok or 'is aligned to' in answer, '%s: %s' % (name, answer))
        while tool.ask('undo')[1] == 'done':
            pass
        ok, answer = tool.ask('save')
        check(
            ok and bytes.fromhex(answer.split()[1]) == data, '%s: undone, but not as it was' % name
        )
        saved += 1
    check(saved > 100, 'only %d files could be edited' % saved)


def main():
    begin(EDIT_TOOL)
    tuples()
    recursive_tuples()
    first_attributes()
    first_place_goes()
    python2()
    corpus()
    for number in range(COUNT):
        sequence(number)
    for number in range(COUNT):
        sharing(number)
    print('%d here, %d everywhere' % (shared_done['here'], shared_done['everywhere']))
    check(min(shared_done['here'], shared_done['everywhere']) > COUNT / 20, 'too few are shared')
    check(shared_refused[0] < COUNT / 20 + 5, '%d copies were refused' % shared_refused[0])
    for number in range(2 * COUNT):
        all_kinds(number)
    print(', '.join('%s %d' % k for k in sorted(kinds.items())))
    print('refused:', shared_refused[0], dict(kinds_refused))
    check(sum(kinds_refused.values()) < COUNT / 10 + 5, 'too many are refused')
    tool.p.stdin.close()
    check(tool.p.wait() == 0, 'the tool ended with status %s' % tool.p.returncode)
    return suite.end()


if __name__ == '__main__':
    # Classes are found under the name of this module, also by the unpicklers.
    sys.modules.setdefault('test_edit', sys.modules['__main__'])
    sys.exit(main())
