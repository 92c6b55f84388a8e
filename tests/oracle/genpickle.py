"""Random values and random opcode programs for the tests of the pickle engine."""
import struct

import refvm

# ---------------------------------------------------------------------------------- values

TEXTS = [
    '',
    'a',
    'name',
    "it's",
    '"',
    '\'"',
    'é',
    '\ud800',
    '\U0001f600',
    '\n\t\\',
    '\x00\x7f\x85',
    'x' * 300,
    '\u200b\u3000',
    '$key',
    'Ā',
]
NUMBERS = [
    0,
    1,
    -1,
    255,
    256,
    65535,
    65536,
    2**31 - 1,
    2**31,
    -(2**31),
    2**53 + 1,
    2**63,
    -(2**63),
    10**30,
    -(10**300),
    True,
    False,
    0.0,
    -0.0,
    0.1,
    1e16,
    1e-5,
    1e22,
    5e-324,
    1.7976931348623157e308,
    float('inf'),
    2.0,
]


def scalar(r):
    c = r.randrange(7)
    if c == 0:
        return None
    if c in (1, 2):
        return r.choice(NUMBERS)
    if c == 3:
        return r.getrandbits(r.choice((8, 32, 64, 200))) * r.choice((1, -1))
    if c == 4:
        return bytes(r.randrange(256) for _ in range(r.choice((0, 1, 5, 300))))
    return r.choice(TEXTS)


def printed(v, budget, above=()):
    """What of the budget is left when v was printed as repr() does it: shared ones every time."""
    budget -= 1
    if budget <= 0 or id(v) in above or not isinstance(v, (list, tuple, dict, set, frozenset)):
        return budget
    above = above + (id(v),)
    for x in [x for kv in v.items() for x in kv] if isinstance(v, dict) else v:
        budget = printed(x, budget, above)
        if budget <= 0:
            break
    return budget


def value(r):
    """Nested, with shared and recursive containers; none that repr() would print for hours."""
    while True:
        v = any_value(r)
        if printed(v, 50_000) > 0:
            return v


def any_value(r):
    made, pool = [], []

    def some(depth, hashable=False):
        if pool and not hashable and r.random() < 0.15:
            return r.choice(pool)
        if depth <= 0 or r.random() < 0.35:
            v = scalar(r)
            if made and type(v) is str and r.random() < 0.5:
                return r.choice(made)
            if type(v) is str:
                made.append(v)
            return v
        n = r.choice((0, 1, 2, 3, 4, 7)) if r.random() < 0.97 else r.randrange(900, 1100)
        if n > 10:
            depth = 0
        kind = (
            r.choice((tuple, frozenset))
            if hashable
            else r.choice((list, tuple, dict, dict, set, frozenset, bytearray))
        )
        if kind is bytearray:
            v = bytearray(r.randrange(256) for _ in range(n % 50))
        elif kind is list:
            v = []
            pool.append(v)
            v += [some(depth - 1) for _ in range(n)]
        elif kind is dict:
            v = {}
            pool.append(v)
            for _ in range(n):
                v[some(depth - 1 if r.random() < 0.2 else 0, True)] = some(depth - 1)
        elif kind is tuple:
            v = tuple([some(depth - 1, hashable) for _ in range(n)])
        else:
            v = kind([some(depth - 1, True) for _ in range(n)])
        if not hashable:
            pool.append(v)
        return v

    return some(r.choice((0, 2, 3, 5)))


# -------------------------------------------------------------------------------- programs


def leaf(r):
    return r.choice(
        (
            lambda: b'N',
            lambda: b'K' + bytes([r.randrange(256)]),
            lambda: b'I%d\n' % r.randrange(2, 100),
            lambda: b'\x88',
            lambda: b'I01\n',
            lambda: b'\x8c\3abc',
            lambda: b'U\2hi',
            lambda: b'Vx%d\n' % r.randrange(10),
            lambda: b'G' + struct.pack('>d', r.random()),
            lambda: b'C\1z',
            lambda: b"S'q'\n",
            lambda: b']',
            lambda: b'}',
            lambda: b')',
            lambda: b'\x8f',
            lambda: b'cmod\nname\n',
            lambda: b'\x82\1',
            lambda: b'Ppid\n',
            lambda: b'\x97',
            lambda: b'X' + struct.pack('<I', 70) + b'y' * 70,
            lambda: b'B\2\0\0\0\0\1',
        )
    )()


UNHASHABLE = {refvm.LIST, refvm.DICT, refvm.SET, refvm.BYTEARRAY}


def hashable(place, depth=0):
    v = place.val
    if v.kind == refvm.TUPLE:
        return depth < 5 and all(hashable(x, depth + 1) for x in v.items)
    return v.kind not in UNHASHABLE


class Writer:
    """Opcodes that a machine can run, chosen with regard to what stands on its stack."""

    def __init__(self, r):
        self.r, self.out = r, bytearray()
        self.m = refvm.Machine(self.out)
        self.m.stack, self.m.marks = [], []
        self.slot = r.choice((0, 0, 1, 5))
        self.puts = r.choice(('\x94', 'qpr', '\x94qpr'))

    def emit(self, data):
        self.out += data
        while self.m.at < len(self.out):
            self.m.step()

    def fence(self):
        return self.m.marks[-1][1] if self.m.marks else 0

    def put(self):
        how = self.r.choice(self.puts)
        if how == '\x94':
            self.emit(b'\x94')
            return
        slot = self.r.randrange(40) if self.r.random() < 0.1 else self.slot
        self.slot += 1
        if slot > 255:
            how = 'r'
        self.emit(
            {
                'q': b'q' + bytes([slot & 255]),
                'p': b'p%d\n' % slot,
                'r': b'r' + struct.pack('<I', slot),
            }[how]
        )

    def get(self):
        slot = self.r.choice(list(self.m.memo))
        self.emit(
            self.r.choice(
                (
                    b'h' + bytes([slot]) if slot < 256 else b'j' + struct.pack('<I', slot),
                    b'g%d\n' % slot,
                )
            )
        )

    def marked(self):
        kids = self.m.stack[self.fence() :]
        keys = len(kids) % 2 == 0 and all(hashable(k) for k in kids[::2])
        can_call = bool(kids) and (kids[0].ref is not None or kids[0].val.kind >= refvm.GLOBAL)
        ways = [b't', b'l', b'imod\ncls\n'] + [b'o'] * can_call + [b'd'] * keys
        ways += [b'\x91'] * all(hashable(k) for k in kids)
        self.emit(self.r.choice(ways))

    def call(self):
        a, b = self.m.stack[-2:]
        if (a.ref is not None or a.val.kind >= refvm.GLOBAL) and b.val.kind == refvm.TUPLE:
            self.emit(self.r.choice((b'R', b'\x81')))
        elif a.val.kind in (refvm.STR, refvm.PY2STR) and b.val.kind in (refvm.STR, refvm.PY2STR):
            self.emit(b'\x93')
        elif self.r.random() < 0.2:
            self.emit(b'Q')

    def single(self, there):
        t = self.m.stack[-2].val.kind
        if t == refvm.LIST or (t >= refvm.GLOBAL and self.r.random() < 0.4):
            self.emit(b'a')
        elif t >= refvm.GLOBAL or self.m.stack[-1].val.kind == refvm.NONE:
            self.emit(b'b')
        elif there >= 3 and hashable(self.m.stack[-2]):
            t = self.m.stack[-3].val.kind
            if t == refvm.DICT or t >= refvm.GLOBAL:
                self.emit(b's')

    def group(self):
        below = self.fence() - 1
        if below < (self.m.marks[-2][1] if len(self.m.marks) > 1 else 0):
            return
        t, kids = self.m.stack[below].val.kind, self.m.stack[below + 1 :]
        pairs = len(kids) % 2 == 0 and all(hashable(k) for k in kids[::2])
        if t == refvm.LIST or (t >= refvm.GLOBAL and not pairs):
            self.emit(b'e')
        elif (t == refvm.DICT or t >= refvm.GLOBAL) and pairs:
            self.emit(b'u')
        elif t == refvm.SET and all(hashable(k) for k in kids):
            self.emit(b'\x90')

    def step(self, leaves):
        r = self.r
        there = len(self.m.stack) - self.fence()
        c = r.random()
        if c < 0.30 or r.random() < leaves:
            self.emit(leaf(r))
        elif c < 0.40:
            self.emit(b'(')
        elif c < 0.52 and there >= 1:
            self.put()
        elif c < 0.62 and self.m.memo:
            self.get()
        elif c < 0.64 and there >= 1:
            self.emit(b'2')
        elif c < 0.66 and (there >= 1 or self.m.marks):
            self.emit(b'0')
        elif c < 0.67 and self.m.marks:
            self.emit(b'1')
        elif c < 0.76 and self.m.marks:
            self.marked()
        elif c < 0.82 and there >= 3:
            self.emit(r.choice((b'\x85', b'\x86', b'\x87')))
        elif c < 0.86 and there >= 2:
            self.call()
        elif c < 0.93 and there >= 2:
            self.single(there)
        elif self.m.marks:
            self.group()
        if r.random() < 0.01:
            self.emit(b'\x95' + struct.pack('<Q', 0))
        if r.random() < 0.01:
            self.emit(b'\x80\2')


def program(r, n):
    w = Writer(r)
    leaves = r.choice((0, 0, 0.4, 0.8))
    for _ in range(n):
        w.step(leaves)
    while w.m.marks:
        w.emit(b't')
    if not w.m.stack:
        w.emit(b'N')
    if r.random() < 0.8:
        while len(w.m.stack) > 1:
            w.emit(b'\x87' if len(w.m.stack) > 2 else b'\x86')
    return bytes(w.out) + b'.'
