"""Random values, random edits of them, and what each edit does to the graph of editmodel.

An edit is a dict that can be applied again to another graph: op, here, steps (how its place is
found in a graph), path (the same for the program) and what else the op needs.  Gone is raised
where there is no such place.
"""
import collections
import datetime
import decimal
import pickle
import uuid

import editmodel
from editmodel import Node, NoLiteral, python

BOOL, INT, FLOAT, STR, BYTES, LIST, TUPLE, SET, FROZENSET = 1, 2, 3, 4, 5, 8, 9, 11, 12


class Gone(Exception):
    pass


# ------------------------------------------------------------------------- random values


class Plain:
    pass


class Slotted:
    __slots__ = ('x', 'y')


class Both:
    __slots__ = ('x', '__dict__')


class MyList(list):
    pass


class MyDict(dict):
    pass


class Args:
    def __new__(cls, *args):
        self = object.__new__(cls)
        self.__dict__['args'] = args
        return self

    def __getnewargs__(self):
        return tuple(list(self.args))  # one that nothing else has

    def __getstate__(self):
        return {}


class Keywords(Args):
    def __new__(cls, *args, **kwargs):
        return Args.__new__(cls, *args)

    def __getnewargs_ex__(self):
        return tuple(list(self.args)), {'kw': 1}


class State:
    def __getstate__(self):
        return self.state

    def __setstate__(self, state):
        self.state = state


class Reduced:
    """All that a call can be given: arguments, state, items, entries."""

    def __init__(self, *args):
        self.given, self.kept, self.items, self.pairs = list(args), None, [], []

    def __reduce__(self):
        return (Reduced, tuple(self.given), self.kept, iter(self.items), iter(self.pairs))

    def __setstate__(self, state):
        self.kept = state

    def append(self, item):
        self.items.append(item)

    def extend(self, items):
        self.items.extend(items)

    def __setitem__(self, key, item):
        self.pairs.append((key, item))


class Pid:
    def __init__(self, pid):
        self.pid = pid


STRINGS = ['', 'a', 'name', 'key', 'x' * 255, 'x' * 256, 'é', '中文', '\ud800', 'line\nline']
STRINGS += ['\\u0041', "it's", '"', '\x1a\r\0', 'class', 'shared text', 'shared text', 'Plain']


class Values:
    """Random values of one random generator."""

    def __init__(self, rnd):
        self.rnd = rnd

    def scalar(self):
        r = self.rnd
        return r.choice(
            [
                lambda: None,
                lambda: r.random() < 0.5,
                lambda: r.randrange(-3, 300),
                lambda: r.getrandbits(r.choice([8, 16, 31, 32, 33, 63, 64, 100, 2050])),
                lambda: -r.getrandbits(r.choice([8, 16, 31, 32, 33, 64, 100])),
                lambda: r.choice([0.0, -0.0, 1.5, 1e300, float('inf'), -float('inf')]),
                lambda: r.gauss(0, 1),
                lambda: r.choice(STRINGS),
                lambda: 'u%d' % r.randrange(10000),
                lambda: r.choice(STRINGS),
                lambda: r.randbytes(r.choice([0, 1, 5, 255, 256])),
                lambda: b'ab',
                lambda: r.choice([1, 0, True, False]),
            ]
        )()

    def key(self):
        r = self.rnd
        return r.choice(
            [
                lambda: r.choice(STRINGS),
                lambda: 'k%d' % r.randrange(50),
                lambda: r.randrange(20),
                lambda: (1, 'a', r.randrange(5)),
                lambda: None,
                lambda: 2.5,
                lambda: b'b',
                lambda: frozenset([1, 'z']),
            ]
        )()

    def attributes(self, v, n, depth, pool):
        for i in range(n):
            name = self.rnd.choice(['name', 'key', 'attr%d' % i, 'é', 'two words'])
            v.__dict__[name] = self.value(depth - 1, pool)

    def value(self, depth, pool):
        """`pool` holds what was made before, to be shared."""
        r = self.rnd
        x = r.random()
        if pool and x < 0.2:
            return r.choice(pool)
        if depth <= 0 or x < 0.45:
            v = self.scalar()
            if isinstance(v, (str, bytes)) and r.random() < 0.5:
                pool.append(v)
            return v
        v = self.container(depth, r.choice([0, 1, 2, 3, 4, 7]), pool)
        if r.random() < 0.08 and type(v) is list:
            v.append(r.choice([v, (v,), {'self': v}, (1, (v, 2))]))
        if r.random() < 0.05 and type(v) is dict:
            v['self'] = v
        if r.random() < 0.08 and type(v) is Plain:
            v.name = r.choice([v, [v], (v, v)])
        return v

    def container(self, depth, n, pool):
        r = self.rnd
        kind = r.choice('llldddttpppsbmMaAkSrroc')
        some = [self.value(depth - 1, pool) for _ in range(n)]
        if kind == 'l':
            v = some
        elif kind == 'd':
            v = {self.key(): i for i in some}
        elif kind == 't':
            v = tuple(some)
        elif kind == 'p':
            v = Plain()
            self.attributes(v, n, depth, pool)
        elif kind == 's':
            v = Slotted()
            v.x = self.value(depth - 1, pool)
        elif kind == 'b':
            v = Both()
            v.x = self.value(depth - 1, pool)
            self.attributes(v, n // 2, depth, pool)
        elif kind == 'm':
            v = MyList(some)
            self.attributes(v, n // 3, depth, pool)
        elif kind in 'M':
            v = r.choice([MyDict, collections.OrderedDict])()
            v.update((self.key(), i) for i in some)
        elif kind in 'aAk':
            v = (Keywords if kind == 'k' else Args)(*some)
        elif kind == 'S':
            v = State()
            v.state = r.choice([[1, self.scalar()], (self.scalar(),) * 3, 'state', some or 5])
        elif kind == 'r':
            v = Reduced(*some)
            v.items = [self.value(depth - 1, pool) for _ in range(r.choice([0, 0, 1, 3]))]
            v.pairs = [(self.key(), i) for i in some[: r.choice([0, 0, 2])]]
            v.kept = r.choice([None, {'name': self.scalar()}, (None, {'x': 1}), 7])
        else:
            v = r.choice(
                [
                    {1, 'a', 2.5, b'x', (1, 2)},
                    {None},
                    frozenset([1, 2, 'b']),
                    bytearray(b'abc'),
                    datetime.date(2020, 1, 2),
                    collections.Counter('abca'),
                    collections.defaultdict(list, a=some),
                    collections.deque(some, 9),
                    decimal.Decimal('1.5'),
                    ['x' * 70000, 1],
                    [b'y' * 70000, 'tail'],
                    [list(range(1003))] if r.random() < 0.2 else [1, 2],
                    Plain,
                    len,
                    Pid(r.choice([1, 'id', 12345])),
                    1 + 2j,
                ]
            )
        pool.append(v)
        return v


def literal(v):
    if isinstance(v, int) and not isinstance(v, bool):
        return hex(v)
    if isinstance(v, str):
        return ascii(v)
    if type(v) is list:
        return '[' + ', '.join(map(literal, v)) + ']'
    if type(v) is tuple:
        return '(' + ''.join(literal(i) + ', ' for i in v) + ')'
    if type(v) is dict:
        return '{' + ', '.join(literal(k) + ': ' + literal(i) for k, i in v.items()) + '}'
    if type(v) is frozenset:
        return 'frozenset({' + ', '.join(map(literal, v)) + '})' if v else 'frozenset()'
    if type(v) is set:
        return '{' + ', '.join(map(literal, v)) + '}' if v else 'set()'
    return repr(v)


LENSED = [
    datetime.date(2021, 2, 28),
    datetime.datetime(1999, 12, 31, 23, 59, 59, 5),
    datetime.timedelta(days=-1, seconds=7),
    decimal.Decimal('-1.10'),
    uuid.UUID(int=0x1234567890ABCDEF1234567890ABCDEF),
    collections.OrderedDict([('b', 1), ('a', [2])]),
    collections.deque([1, 'two'], 3),
    bytearray(b'new'),
    2 - 3j,
]


# ----------------------------------------------------------------------- places of a graph


def same_key(n, key):
    try:
        return python(n) == key
    except NoLiteral:
        return False


def halves(n):
    """The dicts that hold the attributes of an object."""
    if n.kind != 'object' or len(n.states) != 1:
        return []
    s = n.states[0]
    if s.kind == 'dict':
        return [s]
    return [i for i in s.items if i.kind == 'dict'] if editmodel.is_split(s) else []


def pairs_of(n, kind, key):
    """The list of pairs, and the positions of those that have this key."""
    lists = [h.pairs for h in halves(n)] if kind == 'a' else [n.pairs]
    for pairs in lists:
        at = [i for i, p in enumerate(pairs) if same_key(p[0], key)]
        if at:
            return pairs, at
    raise Gone


def step_in(n, step):
    """Where a step leads: (list, index); of a pair its own list."""
    kind, key = step
    if kind in 'ka':
        pairs, at = pairs_of(n, kind, key)
        return pairs[at[-1]], 1
    held = {'i': n.items, 'g': n.args, 's': n.states}[kind]
    if held is None or not -len(held) <= key < len(held) or (kind == 's' and len(held) != 1):
        raise Gone
    if kind == 'i' and n.kind not in ('list', 'tuple', 'object'):
        raise Gone
    return held, key % len(held)


def find(roots, steps):
    """All places of the way."""
    if roots is None or steps[0][1] >= len(roots):
        raise Gone
    way = [(roots, steps[0][1])]
    for s in steps[1:]:
        held, i = way[-1]
        way.append(step_in(held[i], s))
    return way


def at(place):
    return place[0][place[1]]


def is_name(k):
    return isinstance(k, str) and k.isidentifier() and k.isascii()


def key_text(rnd, k, plain):
    return '.' + k if plain and is_name(k) and rnd.random() < 0.5 else '[' + literal(k) + ']'


def inside(rnd, n, args):
    """Steps that go on from a node, each with its text."""
    found = []
    if n.kind in ('list', 'tuple', 'object'):
        words = '@items' if n.kind == 'object' and n.pairs else ''
        for i in range(min(len(n.items), 40)):
            k = i if rnd.random() < 0.7 else i - len(n.items)
            found.append((('i', k), '%s[%d]' % (words, k)))
    words = '@entries' if n.kind == 'object' and n.items else ''
    for k, _ in n.pairs[:40]:
        try:
            key = python(k)
        except NoLiteral:
            continue
        found.append((('k', key), words + key_text(rnd, key, n.kind == 'dict' and not words)))
    if n.kind != 'object':
        return found
    for h in halves(n):
        for k, _ in h.pairs[:40]:
            if k.kind == 'scalar' and is_name(k.v):
                found.append((('a', k.v), '.' + k.v))
    if args:
        found += [(('g', i), '@args[%d]' % i) for i in range(min(len(n.args), 10))]
    if len(n.states) == 1 and not halves(n):
        found.append((('s', 0), '@state'))
    return found


def walk(rnd, roots, args):
    """A random way down: steps and the path."""
    which = rnd.randrange(len(roots))
    steps, path = [('root', which)], '@%d' % which if len(roots) > 1 or rnd.random() < 0.1 else ''
    n = roots[which]
    for _ in range(rnd.choice([0, 1, 1, 2, 2, 3, 3, 4, 6])):
        more = inside(rnd, n, args)
        if not more:
            break
        step, text = rnd.choice(more)
        steps.append(step)
        path += text
        n = at(step_in(n, step))
    return steps, path


# ------------------------------------------------------------------------------- edits


class Edits:
    """Random edits for a pickle of this protocol; args: arguments of objects are edited, too."""

    def __init__(self, rnd, protocol, args=True, text='any'):
        self.rnd, self.protocol, self.args, self.text = rnd, protocol, args, text
        self.values = Values(rnd)

    def new_value(self, hashable=False):
        r = self.rnd
        if self.text == 'ascii':  # what a Python 2 pickle holds as Python 3 reads it
            return r.choice([None, True, 7, -1, 70000, 1 << 40, 1.5, 'new', '', 'x' * 300])
        if hashable:
            return r.choice([r.randrange(1000), 'm%d' % r.randrange(100), 2.25, None, (1, 'x')])
        x = r.random()
        if x < 0.6:
            return self.values.scalar()
        if x < 0.68:
            return r.choice(LENSED)
        return self.plain(3)

    def plain(self, depth):
        """A value that has a literal, without sharing."""
        r = self.rnd
        kind = r.choice('ltdsfv') if depth else 'v'
        some = (
            [self.plain(depth - 1) for _ in range(r.choice([0, 1, 2, 3]))] if kind in 'ltd' else []
        )
        if kind == 'l':
            return some
        if kind == 't':
            return tuple(some)
        if kind == 'd':
            return {self.values.key(): i for i in some}
        if kind in 'sf':
            return (set if kind == 's' else frozenset)(
                self.new_value(True) for _ in range(r.choice([0, 1, 3]))
            )
        return self.values.scalar()

    def node(self, v):
        """Of a new value: what Python itself would write for it, read again."""
        if any(type(v) is type(i) for i in LENSED):
            data = pickle.dumps(v, self.protocol)
            return editmodel.graph(editmodel.loads(data, editmodel.CUnpickler)[0], True)[0]
        return editmodel.new_node(v)

    def new_key(self, attribute):
        if attribute:
            return self.rnd.choice(['name', 'key', 'other', 'x%d' % self.rnd.randrange(5)])
        k = self.values.key()
        return k if self.text == 'any' or isinstance(k, (int, type(None))) else 'new key'

    def spot(self, n):
        """A place where something can be added: op-dependent parts of an edit and its text."""
        r = self.rnd
        if n.kind in ('list', 'tuple'):
            i = r.choice([None, r.randrange(len(n.items) + 1)])
            return {'to': ('i', i)}, '[]' if i is None else '[%d]' % i
        if n.kind in ('set', 'frozenset'):
            return {'to': ('m', None)}, '[]'
        if n.kind == 'dict':
            k = self.new_key(False)
            return {'to': ('k', k)}, key_text(r, k, True)
        if n.kind != 'object':
            return None
        kind = r.choice('aaik')
        # Others may show arguments as their items.
        takes = n.items or (n.cls.kind == 'global' and n.cls.v[0] == 'editgen')
        if kind == 'i' and not n.pairs and takes:
            return {'to': ('i', None)}, '[]'
        if kind == 'k' and n.pairs and not n.items:
            k = self.new_key(False)
            return {'to': ('k', k)}, '[' + literal(k) + ']'
        k = self.new_key(True)
        return {'to': ('a', k)}, '.' + k

    def random(self, roots, others):
        """A random edit, or None."""
        r = self.rnd
        steps, path = walk(r, roots, self.args)
        edit = {'steps': steps, 'path': path, 'here': r.random() < 0.15}
        n = at(find(roots, steps)[-1])
        op = r.choice(
            'set set set add add add del del rename move move twice type copy insert '
            'copy-other insert-other everywhere class member'.split()
        )
        if n.kind in ('set', 'frozenset') and r.random() < 0.7:
            op = r.choice(['member', 'member', 'add'])
        edit['op'] = op
        if op in ('add', 'insert', 'insert-other'):
            spot = self.spot(n)
            if spot is None:
                return None
            edit.update(spot[0])
            edit['spot'] = spot[1]
        if op in ('set', 'add', 'everywhere'):
            edit['value'] = self.new_value(edit.get('to', 'x')[0] == 'm')
            if op == 'everywhere' and r.random() < 0.5:
                edit['value'] = [self.new_value(True), {'k': [1]}]
        elif op in ('copy', 'insert'):
            edit['from'], edit['source'] = walk(r, roots, self.args)
        elif op in ('copy-other', 'insert-other'):
            if not others:
                return None
            edit['from'], edit['source'] = walk(r, others, self.args)
        elif op == 'move':
            edit['index'] = r.randrange(6)
        elif op == 'rename':
            edit['key'] = self.new_key(steps[-1][0] == 'a')
        elif op == 'type':
            kinds = [BOOL, INT, FLOAT, LIST, TUPLE, SET, FROZENSET]
            edit['kind'] = r.choice(kinds + ([STR, BYTES] if self.text == 'any' else []))
        elif op == 'class':
            edit['name'] = r.choice(['other.module.Name', '__main__.Renamed', 'a.b'])
        elif op == 'member':
            edit['nth'] = r.randrange(5)
            edit['value'] = self.new_value(True)
            edit['delete'] = r.random() < 0.5
        return edit

    # ------------------------------------------------------------ what the program is asked

    def command(self, e):
        word = ('here-' if e['here'] else '') + e['op']
        if e['op'] in ('set', 'everywhere'):
            return word, e['path'] + '=' + literal(e['value'])
        if e['op'] == 'add':
            return word, e['path'] + e['spot'] + '=' + literal(e['value'])
        if e['op'] in ('copy', 'copy-other'):
            return word, e['path'] + '\t' + e['source']
        if e['op'] in ('insert', 'insert-other'):
            return word, e['path'] + e['spot'] + '\t' + e['source']
        if e['op'] == 'rename':
            return word, e['path'] + '=' + literal(e['key'])
        if e['op'] == 'move':
            return word, '%d %s' % (e['index'], e['path'])
        if e['op'] == 'type':
            return word, '%d %s' % (e['kind'], e['path'])
        if e['op'] == 'class':
            return word.replace('class', 'set'), e['path'] + '@class=' + ascii(e['name'])
        if e['op'] == 'member':
            place = '%s[#%d]' % (e['path'], e['nth'])
            if e['delete']:
                return word.replace('member', 'del'), place
            return word.replace('member', 'set'), place + '=' + literal(e['value'])
        return word, e['path']

    # -------------------------------------------------------------- what it does to a graph

    def apply(self, e, roots, others, member):
        """Changes the graph.  Answers (opcodes that may go, that may come), or None when the edit
        changes nothing and is no step of undo.  member(path) asks the program for the value of a
        member of a set, whose order only the file knows."""
        way = find(roots, e['steps'])
        adds = e['op'] in ('add', 'insert', 'insert-other', 'member')
        copied = 0
        # What is copied is what stood there before anything was copied for `here`.
        self.source = None
        if 'from' in e:
            self.source = at(find(others if 'other' in e['op'] else roots, e['from'])[-1])
        if e['here']:
            way, copied = self.own(e, roots, way, adds)
        done = getattr(self, 'do_' + e['op'].replace('-', '_'))(e, roots, others, way, member)
        if done is None:
            if e['here']:
                raise Gone  # a copy without an edit: not asked for
            return None
        slack = 12 if self.protocol < 4 else 8
        return done[0] + slack + copied, done[1] + slack + copied

    def own(self, e, roots, way, with_value):
        nodes = [at(p) for p in way]
        if len({id(n) for n in nodes}) < len(nodes) or e['op'] == 'everywhere':
            raise Gone  # round in a circle: which is copied first would show
        if any(s[0] in 'gs' for s in e['steps'][1:]) and not self.args:
            raise Gone
        # Of a class the object is the last container that is passed.
        upto = len(nodes) if with_value or e['op'] == 'class' else len(nodes) - 1
        count = editmodel.uses(roots)
        shared = [i for i in range(upto) if count[id(nodes[i])] > 1 and nodes[i].kind != 'scalar']
        if not shared:
            return way, 0
        cost = 0
        place = way[shared[-1]]
        for i in range(shared[-1], upto):
            m = editmodel.shallow(nodes[i], self.protocol < 3)
            cost += 8 + self.size(nodes[i]) + 6 * len(editmodel.parts(nodes[i]))
            place[0][place[1]] = m
            if i + 1 < len(nodes):
                place = step_in(m, e['steps'][i + 1])
        return find(roots, e['steps']), cost

    def size(self, n):
        """So many opcodes at most."""
        total = 0
        for i in editmodel.everything([n]):
            total += (
                12
                if isinstance(i.v, complex)
                else 3
                if i.kind == 'scalar'
                else 8 + 3 * len(i.items) + 4 * len(i.pairs)
            )
            if self.protocol < 4 and (isinstance(i.v, bytes) or i.kind in ('set', 'frozenset')):
                total += 10
            if i.kind == 'object':
                total += 6
        return total

    def put(self, place, new):
        old = at(place)
        place[0][place[1]] = new
        return self.size(old), self.size(new) + self.size(old)

    def do_set(self, e, roots, others, way, member):
        old = at(way[-1])
        new = self.node(e['value'])
        if old.kind == 'scalar' and new.kind == 'scalar' and editmodel.same_scalar(old.v, new.v):
            return None
        return self.put(way[-1], new)

    def do_class(self, e, roots, others, way, member):
        n = at(way[-1])
        if n.kind != 'object':
            raise Gone
        name = tuple(e['name'].rsplit('.', 1))
        # Before protocol 2 copyreg makes the object, and its class is the first argument.
        made = n.cls.kind == 'global' and n.cls.v == ('copyreg', '_reconstructor')
        made = made and [a.kind for a in n.args[:2]] == ['global'] * 2 and len(n.args) == 3
        old = n.args[0] if made else n.cls
        if old.kind == 'global' and old.v == name:
            return None
        size = self.size(old)
        if made:
            n.args[0] = Node('global', name)
        else:
            n.cls = Node('global', name)
        return size + 6, size + 6

    def do_everywhere(self, e, roots, others, way, member):
        old = at(way[-1])
        new = self.node(e['value'])
        if old.kind == 'scalar' and (
            old.fresh or not isinstance(old.v, (str, bytes)) or len(old.v) < 2
        ):
            raise Gone
        if old.kind in ('tuple', 'frozenset') and not old.items or old.kind == 'global':
            raise Gone
        if old.kind == 'scalar' and new.kind == 'scalar' and editmodel.same_scalar(old.v, new.v):
            return None
        for n in editmodel.everything(roots):
            if n.kind in ('set', 'frozenset', 'pid') and old in n.items:
                raise Gone
            if n.kind == 'object' and (n.cls is old or any(i is old for k, i in n.kwargs)):
                raise Gone
        for n in editmodel.everything([old]):
            if n.kind != 'scalar' and any(i is old for i in editmodel.parts(n)):
                raise Gone
        count = 0
        for place in editmodel.places(roots):
            if at(place) is old:
                # A scalar is written again at each place.
                place[0][place[1]] = Node('scalar', new.v, True) if new.kind == 'scalar' else new
                count += 1
        return self.size(old) + 3 * count, self.size(new) * count + self.size(old) + 6 * count

    def put_in(self, n, to, new, e):
        kind, k = to
        if kind == 'i':
            if n.kind not in ('list', 'tuple', 'object') or k is not None and k > len(n.items):
                raise Gone
            n.items.insert(len(n.items) if k is None else k, new)
        elif kind == 'm':
            if n.kind not in ('set', 'frozenset'):
                raise Gone
            if python(new) in [python(i) for i in n.items]:
                raise Gone
            n.items.append(new)
        else:
            self.put_pair(n, kind, k, new)
        return len(n.items) if n.kind == 'tuple' and len(n.items) < 6 else 0, self.size(new) + 6

    def put_pair(self, n, kind, k, new):
        if kind == 'k' and n.kind not in ('dict', 'object') or kind == 'a' and n.kind != 'object':
            raise Gone
        try:
            pairs_of(n, kind, k)
        except Gone:
            pass
        else:
            raise Gone  # it is there
        if kind == 'k':
            n.pairs.append([self.node(k), new])
            return
        if not n.states:
            state = Node('dict')
            n.states.append(state)
        elif not halves(n):
            raise Gone
        else:
            state = halves(n)[0]
        state.pairs.append([self.node(k), new])

    def do_add(self, e, roots, others, way, member):
        return self.put_in(at(way[-1]), e['to'], self.node(e['value']), e)

    def do_insert(self, e, roots, others, way, member):
        return self.put_in(at(way[-1]), e['to'], editmodel.clone([self.source], True)[0], e)

    def do_insert_other(self, e, roots, others, way, member):
        return self.do_insert(e, roots, others, way, member)

    def do_copy(self, e, roots, others, way, member):
        n, old = self.source, at(way[-1])
        if n.kind == old.kind == 'scalar' and editmodel.same_scalar(n.v, old.v):
            raise Gone  # no edit, or one that shows nowhere
        return self.put(way[-1], editmodel.clone([n], True)[0])

    def do_copy_other(self, e, roots, others, way, member):
        return self.do_copy(e, roots, others, way, member)

    def pairs_at(self, e, way):
        """Of a place that is a pair: its list, the positions that are meant."""
        return pairs_of(at(way[-2]), *e['steps'][-1])

    def step(self, e):
        kind = e['steps'][-1][0]
        if kind not in 'ikag':
            raise Gone
        return kind

    def do_del(self, e, roots, others, way, member):
        kind, held = self.step(e), way[-1][0]
        size = self.size(at(way[-1]))
        if kind in 'ig':
            del held[way[-1][1]]
            return size + min(len(held), 6), size
        pairs, which = self.pairs_at(e, way)
        for i in reversed(which):
            del pairs[i]
        return size + 10, size

    def do_rename(self, e, roots, others, way, member):
        if self.step(e) not in 'ka':
            raise Gone
        pairs, which = self.pairs_at(e, way)
        n = at(way[-2])
        lists = [h.pairs for h in halves(n)] if e['steps'][-1][0] == 'a' else [n.pairs]
        for some in lists:
            for i, p in enumerate(some):
                if same_key(p[0], e['key']) and not (some is pairs and i in which):
                    raise Gone
        new = self.node(e['key'])
        old = pairs[which[0]][0]
        if old.kind == 'scalar' and new.kind == 'scalar' and editmodel.same_scalar(old.v, new.v):
            return None
        for i in which:
            pairs[i][0] = new
        return self.size(old), self.size(new) + self.size(old)

    def do_move(self, e, roots, others, way, member):
        kind, to = self.step(e), e['index']
        held, i = way[-1] if kind in 'ig' else self.pairs_at(e, way)
        if kind in 'ka':
            if len(i) != 1:
                raise Gone
            i = i[0]
        if to >= len(held):
            raise Gone
        if to == i:
            return None
        # What cannot be written in front of its place stays, and the others are moved.
        between = held[min(i, to) : max(i, to) + 1]
        moved = held.pop(i)
        held.insert(to, moved)
        size = sum(self.size(m if kind in 'ig' else m[1]) + 10 for m in between)
        return 2 * size, 2 * size

    def do_twice(self, e, roots, others, way, member):
        if self.step(e) not in 'ig':
            raise Gone
        held, i = way[-1]
        held.insert(i + 1, editmodel.clone([held[i]], True)[0])
        return min(len(held), 6), self.size(held[i])

    def do_type(self, e, roots, others, way, member):
        old = at(way[-1])
        new = converted(old, e['kind'], self.protocol < 3)
        if new.kind == old.kind and type(new.v) is type(old.v):
            return None
        return self.put(way[-1], new)

    def do_member(self, e, roots, others, way, member):
        n = at(way[-1])
        if n.kind not in ('set', 'frozenset') or e['nth'] >= len(n.items):
            raise Gone
        values = [python(i) for i in n.items]
        which = member('%s[#%d]' % (e['path'], e['nth']))
        i = [k for k, v in enumerate(values) if type(v) is type(which) and v == which][0]
        if e['delete']:
            del n.items[i]
            return 12, 6
        if e['value'] in values:
            raise Gone
        n.items[i] = self.node(e['value'])
        return 12, self.size(n.items[i]) + 6


def converted(n, kind, called):
    """What the type's constructor makes of a value; Gone where the program refuses."""
    groups = {LIST: 'list', TUPLE: 'tuple', SET: 'set', FROZENSET: 'frozenset'}
    if n.kind in groups.values() and kind in groups:
        if n.kind == groups[kind]:
            return n
        if kind in (LIST, TUPLE) and n.kind in ('set', 'frozenset') and len(n.items) > 1:
            raise Gone  # the order is that of the file
        m = Node(groups[kind])
        m.items = [editmodel.again(i, called) for i in n.items]
        if kind in (SET, FROZENSET):
            if any(i.kind != 'scalar' for i in n.items):
                raise Gone  # a tuple may hold what cannot be hashed
            first = {}
            for i in m.items:
                first.setdefault(i.v, i)
            m.items = list(first.values())
        return m
    if n.kind != 'scalar' or isinstance(n.v, complex):
        raise Gone
    v, new = n.v, Gone
    if kind == BOOL and (v is None or isinstance(v, (int, float, str, bytes))):
        new = bool(v)
    if kind == INT and isinstance(v, (bool, int, float)) and abs(v) < 1e400:
        new = int(v)
    if kind == FLOAT and isinstance(v, (bool, int, float)) and abs(v) < 1 << 1000:
        new = float(v)
    if kind == STR and isinstance(v, (bool, int, float, str)):
        new = str(v)
    if kind == BYTES and isinstance(v, (bytes, str)):
        try:
            new = v if isinstance(v, bytes) else v.encode()
        except UnicodeEncodeError:
            raise Gone
    if new is Gone:
        raise Gone
    return Node('scalar', new, True)
