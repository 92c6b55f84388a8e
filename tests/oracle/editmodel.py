"""What an edited pickle must load to: values as a graph in which everything can be changed.

loads() is CPython's unpickler, C or pure Python, with stand-ins for classes: an object keeps what
it was made of and what was put into it, so nothing is lost by a constructor, and no class is
needed.  graph() turns what was loaded into nodes; tuples, sets and arguments can then be edited as
lists can.  same() compares two graphs: types, values, order, and which places are one object.
"""
import _compat_pickle
import io
import pickle
import struct

SCALARS = (type(None), bool, int, float, complex, str, bytes)


class Stand:
    """Any object of a class that nobody needs to have."""

    name = None

    def __new__(cls, *args, **kwargs):
        self = object.__new__(cls)
        self.__dict__.update(args=args, kwargs=kwargs, items=[], pairs=[], states=[], call=None)
        return self

    def __init__(self, *args, **kwargs):
        pass

    def __call__(self, *args, **kwargs):
        made = Stand(*args, **kwargs)
        made.__dict__['call'] = self
        return made

    def __setstate__(self, state):
        self.states.append(state)

    def append(self, item):
        self.items.append(item)

    def extend(self, items):
        self.items.extend(items)

    def add(self, item):
        self.items.append(item)

    def __setitem__(self, key, item):
        self.pairs.append((key, item))


class Persistent:
    def __init__(self, pid):
        self.pid = pid


REAL = {('builtins', t.__name__): t for t in (set, frozenset, bytearray, complex, bytes)}
stands = {}


def encode(text, encoding):
    return text.encode(encoding)


REAL['_codecs', 'encode'] = encode


def find_class(module, name):
    if (module, name) in _compat_pickle.NAME_MAPPING:
        module, name = _compat_pickle.NAME_MAPPING[module, name]
    else:
        module = _compat_pickle.IMPORT_MAPPING.get(module, module)
    if (module, name) in REAL:
        return REAL[module, name]
    if (module, name) not in stands:
        stands[module, name] = type('Stand', (Stand,), {'name': (module, name)})
    return stands[module, name]


class CUnpickler(pickle.Unpickler):
    def find_class(self, module, name):
        return find_class(module, name)

    def persistent_load(self, pid):
        return Persistent(pid)


class PyUnpickler(pickle._Unpickler):
    def find_class(self, module, name):
        return find_class(module, name)

    def persistent_load(self, pid):
        return Persistent(pid)


UNPICKLERS = (CUnpickler, PyUnpickler)


def loads(data, unpickler, count=1, one_memo=False, encoding='ASCII'):
    """So many pickles of a stream; and where the last one ends."""
    f = io.BytesIO(data)
    made, u = [], None
    for _ in range(count):
        if u is None or not one_memo:
            u = unpickler(f, encoding=encoding)
        made.append(u.load())
    return made, f.tell()


# ---------------------------------------------------------------------------- the graph


class Node:
    """kind: scalar, bytearray, global, pid (what it holds is items[0]), list, tuple, set,
    frozenset:
    items; dict: pairs; object: cls, args, kwargs, items, pairs, states.  fresh: nobody can tell
    whether this scalar is one with another."""

    __slots__ = ('kind', 'v', 'items', 'pairs', 'cls', 'args', 'kwargs', 'states', 'fresh')

    def __init__(self, kind, v=None, fresh=False):
        self.kind, self.v, self.fresh = kind, v, fresh
        self.items, self.pairs = [], []
        self.cls = self.args = self.kwargs = self.states = None

    def lists(self):
        """Lists of places, of nodes."""
        return (self.items, self.args, self.states) if self.kind == 'object' else (self.items,)


def shell(v, fresh):
    if isinstance(v, SCALARS):
        return Node('scalar', v, fresh)
    for kind in (list, tuple, dict, set, frozenset):
        if type(v) is kind:
            return Node(kind.__name__)
    if type(v) is bytearray:
        return Node('bytearray', bytes(v))
    if isinstance(v, Persistent):
        return Node('pid')
    if isinstance(v, Stand):
        return Node('object')
    if isinstance(v, type) and issubclass(v, Stand):
        return Node('global', v.name)
    for name, real in REAL.items():
        if v is real:
            return Node('global', name)
    raise TypeError('%r in a graph' % (v,))


def fill(n, v, node):
    if n.kind in ('list', 'tuple', 'set', 'frozenset'):
        n.items = [node(i) for i in v]
    elif n.kind == 'dict':
        n.pairs = [[node(k), node(i)] for k, i in v.items()]
    elif n.kind == 'pid':
        n.items = [node(v.pid)]
    elif n.kind == 'object':
        n.cls = node(v.call if v.call is not None else type(v))
        n.args = [node(i) for i in v.args]
        n.kwargs = [[node(k), node(i)] for k, i in v.kwargs.items()]
        n.items = [node(i) for i in v.items]
        n.pairs = [[node(k), node(i)] for k, i in v.pairs]
        n.states = [node(i) for i in v.states]


def graph(roots, fresh=False):
    """Nodes for values, one for an object."""
    nodes, todo = {}, []

    def node(v):
        # Python has one empty tuple; a pickle writes it anew each time.
        n = nodes.get(id(v)) if v != () else None
        if n is None:
            n = nodes[id(v)] = shell(v, fresh)
            todo.append((n, v))  # which also keeps it alive
        return n

    made = [node(r) for r in roots]
    at = 0
    while at < len(todo):
        fill(*todo[at], node)
        at += 1
    return made


def new_node(v):
    """Of a value typed as a literal: no two of its containers are one."""
    n = shell(v, True)
    fill(n, v, new_node)
    return n


def parts(n):
    """All nodes right inside."""
    found = list(n.items)
    for k, i in n.pairs:
        found += (k, i)
    if n.kind == 'object':
        found.append(n.cls)
        found += n.args
        for k, i in n.kwargs:
            found += (k, i)
        found += n.states
    return found


def everything(roots):
    seen, todo = {}, list(roots)
    while todo:
        n = todo.pop()
        if id(n) not in seen:
            seen[id(n)] = n
            if n.kind != 'scalar':
                todo.extend(parts(n))
    return list(seen.values())


def clone(roots, fresh=False):
    """The same graph once more."""
    made = {}
    old = everything(roots)
    for n in old:
        m = made[id(n)] = Node(n.kind, n.v, n.fresh or (fresh and n.kind == 'scalar'))
    for n in old:
        if n.kind == 'scalar':
            continue
        m = made[id(n)]
        m.items = [made[id(i)] for i in n.items]
        m.pairs = [[made[id(k)], made[id(i)]] for k, i in n.pairs]
        if n.kind == 'object':
            m.cls = made[id(n.cls)]
            m.args = [made[id(i)] for i in n.args]
            m.kwargs = [[made[id(k)], made[id(i)]] for k, i in n.kwargs]
            m.states = [made[id(i)] for i in n.states]
    return [made[id(r)] for r in roots]


def again(n, old):
    """A value once more where what holds it is copied: scalars are written once more, so nobody can
    tell whether they are one.  Bytes that an old protocol makes by a call are a value of their own,
    which the copy holds as the other does."""
    if n.kind != 'scalar' or (old and isinstance(n.v, bytes) and not n.fresh):
        return n
    return Node('scalar', n.v, True)


def shallow(n, old=False):
    """copy.copy(): what is held is the same.  The dicts of attributes are the object's own."""
    m = Node(n.kind, n.v)
    m.items = [again(i, old) for i in n.items]
    m.pairs = [[again(k, old), again(i, old)] for k, i in n.pairs]
    if n.kind == 'object':
        m.cls = n.cls
        m.args = [again(i, old) for i in n.args]
        if n.cls.kind == 'global' and n.cls.v == ('collections', 'Counter'):
            m.args = [shallow(i, old) if i.kind == 'dict' else i for i in m.args]  # what it counts
        m.kwargs = [[again(k, old), again(i, old)] for k, i in n.kwargs]
        m.states = [state_copy(s, old) for s in n.states]
    return m


def is_split(n):
    """A state of two halves: attributes and slots."""
    return (
        n.kind == 'tuple'
        and len(n.items) == 2
        and n.items[1].kind == 'dict'
        and (n.items[0].kind == 'dict' or n.items[0].kind == 'scalar' and n.items[0].v is None)
    )


def state_copy(s, old):
    if s.kind == 'dict':
        return shallow(s, old)
    if is_split(s):
        m = Node('tuple')
        m.items = [state_copy(i, old) for i in s.items]
        return m
    return again(s, old)


def uses(roots):
    """How often each node stands somewhere (keys and classes are no places)."""
    count = {}
    for r in roots:
        count[id(r)] = count.get(id(r), 0) + 1
    for n in everything(roots):
        if n.kind == 'scalar':
            continue
        inside = n.items + [i for k, i in n.pairs]
        if n.kind == 'object':
            inside += n.args + n.states + [i for k, i in n.kwargs]
        for i in inside:
            count[id(i)] = count.get(id(i), 0) + 1
    return count


def places(roots):
    """Every place as (list, index) or (pair, 1)."""
    found = [(roots, i) for i in range(len(roots))]
    for n in everything(roots):
        if n.kind == 'scalar':
            continue
        for held in n.lists():
            found += [(held, i) for i in range(len(held))]
        found += [(pair, 1) for pair in n.pairs]
        if n.kind == 'object':
            found += [(pair, 1) for pair in n.kwargs]
    return found


# ------------------------------------------------------------------------ values of nodes


class NoLiteral(Exception):
    pass


def python(n):
    """The Python value of a node that has a literal."""
    if n.kind == 'scalar':
        if isinstance(n.v, complex) or n.v != n.v:
            raise NoLiteral
        return n.v
    if n.kind == 'tuple':
        return tuple(python(i) for i in n.items)
    if n.kind == 'frozenset':
        return frozenset([python(i) for i in n.items])
    raise NoLiteral


def exact(v):
    if isinstance(v, float):
        return struct.pack('d', v)
    if isinstance(v, complex):
        return struct.pack('dd', v.real, v.imag)
    return v


def same_scalar(a, b):
    return type(a) is type(b) and exact(a) == exact(b)


def canonical(n, depth=0):
    """For members of a set: text that equal ones have alike."""
    if depth > 30:
        return '...'
    inside = [canonical(i, depth + 1) for i in parts(n)]
    if n.kind in ('set', 'frozenset'):
        inside.sort()
    return '%s(%r %s)' % (n.kind, n.v, ' '.join(inside))


def as_called(n):
    """An object that an old protocol makes by a function as one that NEWOBJ makes."""
    if n.kind != 'object' or n.cls.kind != 'global' or n.cls.v[0] != 'copyreg' or not n.args:
        return n
    m = shallow(n)
    m.cls, m.states = n.args[0], n.states
    if n.cls.v[1] == '__newobj__':
        m.items, m.pairs, m.args = n.items, n.pairs, n.args[1:]
        return m
    if n.cls.v[1] == '__newobj_ex__' and [i.kind for i in n.args[1:]] == ['tuple', 'dict']:
        m.items, m.pairs, m.args = n.items, n.pairs, n.args[1].items
        m.kwargs = n.args[2].pairs
        return m
    return n


def same(a, b):
    """None, or the first difference of two lists of roots."""
    there, back = {}, {}
    todo = list(zip(a, b))
    while todo:
        x, y = todo.pop()
        if x.kind != y.kind:
            return 'a %s is a %s' % (x.kind, y.kind)
        if x.kind == 'scalar':
            if not same_scalar(x.v, y.v):
                return '%.100r is %.100r' % (x.v, y.v)
            continue
        if x.kind == 'global':
            if x.v != y.v:
                return '%r is %r' % (x.v, y.v)
            continue
        if there.get(id(x), id(y)) != id(y) or back.get(id(y), id(x)) != id(x):
            if x.kind not in ('tuple', 'frozenset') or x.items or y.items:
                return 'shared in another way: %s %.200s' % (x.kind, canonical(x, 25))
        if id(x) in there:
            continue
        there[id(x)], back[id(y)] = id(y), id(x)
        if x.v != y.v or len(x.items) != len(y.items) or len(x.pairs) != len(y.pairs):
            return 'a %s: %.100s is %.100s' % (x.kind, canonical(x, 27), canonical(y, 27))
        if x.kind in ('set', 'frozenset'):
            if sorted(map(canonical, x.items)) != sorted(map(canonical, y.items)):
                return 'members: %.200s are %.200s' % (canonical(x), canonical(y))
            continue
        p, q = parts(as_called(x)), parts(as_called(y))
        if len(p) != len(q):
            return 'an object: %.100s is %.100s' % (canonical(x, 26), canonical(y, 26))
        todo.extend(zip(p, q))
    return None
