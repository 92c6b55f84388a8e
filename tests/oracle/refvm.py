"""A pickle machine of its own, for comparison: everything in memory, nothing executed.

It knows nothing of indexes or checkpoints: it runs the opcodes one by one and keeps every value
with the bytes
that were written for it.  spans() gives the lines that `pkl_tool spans` must print.
"""
import struct

(
    NONE,
    BOOL,
    INT,
    FLOAT,
    STR,
    BYTES,
    BYTEARRAY,
    PY2STR,
    LIST,
    TUPLE,
    DICT,
    SET,
    FROZENSET,
    GLOBAL,
    OBJECT,
    PERSID,
    EXTENSION,
    BUFFER,
    BROKEN,
) = range(19)
(T_VALUE, T_REF, T_ITEMS, T_ENTRIES, T_STREAM, T_BROKEN, T_SLOTS, T_ARGS, T_CLASS) = range(1, 10)
S_INDEX, S_KEY, S_ATTR, S_MEMBER, S_PART, S_ROOT = range(6)
P_ARGS, P_KWARGS, P_STATE = 1, 2, 3


class Broken(Exception):
    pass


class Val:
    def __init__(self, maker, kind, op, payload=0):
        self.maker, self.kind, self.op, self.payload = maker, kind, op, payload
        self.items, self.pairs, self.states, self.head, self.args = [], [], [], [], []


class Place:
    def __init__(self, val, begin, end, ref=None):
        self.val, self.begin, self.end, self.ref = val, begin, end, ref


FIXED = {
    0x4B: 1,
    0x4D: 2,
    0x4A: 4,
    0x47: 8,
    0x80: 1,
    0x82: 1,
    0x83: 2,
    0x84: 4,
    0x95: 8,
    0x68: 1,
    0x6A: 4,
    0x71: 1,
    0x72: 4,
}
COUNTED = {
    0x42: '<I',
    0x43: '<B',
    0x54: '<i',
    0x55: '<B',
    0x58: '<I',
    0x8A: '<B',
    0x8B: '<i',
    0x8C: '<B',
    0x8D: '<Q',
    0x8E: '<Q',
    0x96: '<Q',
}
LEAF = {
    0x4E: NONE,
    0x88: BOOL,
    0x89: BOOL,
    0x49: INT,
    0x4A: INT,
    0x4B: INT,
    0x4C: INT,
    0x4D: INT,
    0x8A: INT,
    0x8B: INT,
    0x46: FLOAT,
    0x47: FLOAT,
    0x53: PY2STR,
    0x54: PY2STR,
    0x55: PY2STR,
    0x56: STR,
    0x58: STR,
    0x8C: STR,
    0x8D: STR,
    0x42: BYTES,
    0x43: BYTES,
    0x8E: BYTES,
    0x96: BYTEARRAY,
    0x5D: LIST,
    0x29: TUPLE,
    0x7D: DICT,
    0x8F: SET,
    0x63: GLOBAL,
    0x50: PERSID,
    0x82: EXTENSION,
    0x83: EXTENSION,
    0x84: EXTENSION,
    0x97: BUFFER,
}
TEXT = {0x46: 1, 0x49: 1, 0x4C: 1, 0x50: 1, 0x53: 1, 0x56: 1, 0x63: 2, 0x67: 1, 0x69: 2, 0x70: 1}


class Machine:
    """Runs one pickle after another; shared: with one memo for all."""

    def __init__(self, data, shared=False):
        self.data, self.shared = data, shared
        self.at, self.memo = 0, {}
        self.roots = []

    def argument(self, code):
        d, p = self.data, self.at + 1
        if code in TEXT:
            for _ in range(TEXT[code]):
                p = d.index(b'\n', p) + 1
            return d[self.at + 1 : p], p
        if code in COUNTED:
            n = struct.calcsize(COUNTED[code])
            if p + n > len(d):
                raise Broken('argument')
            size = struct.unpack_from(COUNTED[code], d, p)[0]
            if size < 0 or p + n + size > len(d):
                raise Broken('payload')
            return d[p + n : p + n + size], p + n + size
        n = FIXED.get(code, 0)
        if p + n > len(d):
            raise Broken('argument')
        return d[p : p + n], p + n

    def number(self, code, arg):
        if code not in (0x67, 0x70):
            return int.from_bytes(arg, 'little')
        try:
            return int(arg)
        except ValueError:
            return arg  # to Python 2 a slot is its text

    def need(self, n):
        if len(self.stack) - (self.marks[-1][1] if self.marks else 0) < n:
            raise Broken('stack')

    def pop_mark(self):
        if not self.marks:
            raise Broken('mark')
        offset, height = self.marks.pop()
        values = self.stack[height:]
        del self.stack[height:]
        return offset, values

    def push(self, val, begin, end):
        val.home = Place(val, begin, end)
        self.stack.append(val.home)

    def make(self, code, end, arg):
        at = self.at
        if code in (0x74, 0x6C, 0x64, 0x69, 0x6F, 0x91):
            begin, kids = self.pop_mark()
        else:
            n = {0x51: 1, 0x85: 1, 0x87: 3, 0x92: 3}.get(code, 2)
            self.need(n)
            kids = self.stack[-n:]
            del self.stack[-n:]
            begin = kids[0].begin
        kind = {
            0x74: TUPLE,
            0x85: TUPLE,
            0x86: TUPLE,
            0x87: TUPLE,
            0x6C: LIST,
            0x64: DICT,
            0x91: FROZENSET,
            0x93: GLOBAL,
            0x51: PERSID,
        }.get(code, OBJECT)
        v = Val(at, kind, code)
        if kind == DICT:
            if len(kids) % 2:
                raise Broken('odd')
            v.pairs = list(zip(kids[::2], kids[1::2]))
        elif kind in (TUPLE, LIST, FROZENSET):
            v.items = kids
        elif code == 0x6F:
            if not kids:
                raise Broken('class')
            v.head, v.args = kids[:1], kids[1:]
        elif code == 0x69:
            v.args = kids
        else:
            v.head = kids
        self.push(v, begin, end)

    def group(self, code, end):
        if code in (0x61, 0x62, 0x73):
            n = 2 if code == 0x73 else 1
            self.need(n + 1)
            kids = self.stack[-n:]
            del self.stack[-n:]
        else:
            _, kids = self.pop_mark()
            self.need(1)
        t = self.stack[-1]
        t.end = end
        if not kids:
            return
        v = t.val
        if v.kind < GLOBAL and code == 0x62:
            if kids[0].val.kind != NONE:
                raise Broken('build')
            return
        want = {0x61: LIST, 0x65: LIST, 0x73: DICT, 0x75: DICT, 0x90: SET}.get(code)
        if v.kind < GLOBAL and v.kind != want:
            raise Broken('target')
        if code in (0x73, 0x75):
            if len(kids) % 2:
                raise Broken('odd')
            v.pairs += zip(kids[::2], kids[1::2])
        elif code == 0x62:
            v.states += kids
        else:
            v.items += kids

    def step(self):
        d = self.data
        if self.at >= len(d):
            raise Broken('end')
        code = d[self.at]
        try:
            arg, end = self.argument(code)
        except ValueError:
            raise Broken('line') from None
        at = self.at
        if code in LEAF:
            kind = LEAF[code]
            if code == 0x49 and arg in (b'00\n', b'01\n'):
                kind = BOOL
            self.push(Val(at, kind, code, len(arg)), at, end)
        elif code == 0x28:
            self.marks.append((at, len(self.stack)))
        elif code in (0x67, 0x68, 0x6A):
            slot = self.number(code, arg)
            if slot not in self.memo:
                raise Broken('memo')
            self.stack.append(Place(self.memo[slot], at, end, at))
        elif code == 0x32:
            self.need(1)
            self.stack.append(Place(self.stack[-1].val, at, end, at))
        elif code in (0x70, 0x71, 0x72, 0x94):
            self.need(1)
            self.memo[len(self.memo) if code == 0x94 else self.number(code, arg)] = self.stack[
                -1
            ].val
            self.stack[-1].end = end
        elif code in (
            0x74,
            0x6C,
            0x64,
            0x69,
            0x6F,
            0x91,
            0x51,
            0x52,
            0x81,
            0x92,
            0x93,
            0x85,
            0x86,
            0x87,
        ):
            self.make(code, end, arg)
        elif code in (0x61, 0x62, 0x73, 0x65, 0x75, 0x90):
            self.group(code, end)
        elif code == 0x30:
            if self.marks and self.marks[-1][1] == len(self.stack):
                self.marks.pop()
            else:
                self.need(1)
                self.stack.pop()
        elif code == 0x31:
            self.pop_mark()
        elif code == 0x98:
            self.need(1)
            self.stack[-1].end = end
        elif code == 0x2E:
            self.need(1)
            self.at = end
            return self.stack[-1]
        elif code not in (0x80, 0x95):
            raise Broken('opcode')
        self.at = end
        return None

    def one(self):
        self.stack, self.marks = [], []
        if not self.shared:
            self.memo = {}
        root = None
        while root is None:
            root = self.step()
        return root

    def run(self, pickles):
        for _ in range(pickles):
            self.roots.append(self.one())


def places(v):
    """Children of a value as shown: (step, part, owner, index, key, place)."""
    own = (T_VALUE, v.maker)
    if v.kind in (LIST, TUPLE):
        return [(S_INDEX, 0, own, i, None, p) for i, p in enumerate(v.items)]
    if v.kind in (SET, FROZENSET):
        return [(S_MEMBER, 0, own, i, None, p) for i, p in enumerate(v.items)]
    if v.kind == DICT:
        return [(S_KEY, 0, own, i, k, p) for i, (k, p) in enumerate(v.pairs)]
    if v.kind < GLOBAL:
        return []
    out = []
    if v.args:
        out.append((S_PART, P_ARGS, own, 1, None, ('args', v)))
    elif v.kind == OBJECT and len(v.head) > 1:
        if v.head[1].val.kind >= GLOBAL or v.head[1].val.items:
            out.append((S_PART, P_ARGS, own, 1, None, v.head[1]))
        if len(v.head) > 2 and (v.head[2].val.kind >= GLOBAL or v.head[2].val.pairs):
            out.append((S_PART, P_KWARGS, own, 2, None, v.head[2]))
    for n, s in enumerate(v.states):
        halves = [s]
        if s.val.kind == TUPLE and len(s.val.items) == 2:
            halves = s.val.items
        kinds = [h.val.kind for h in halves]
        if DICT in kinds and set(kinds) <= {DICT, NONE}:
            for h in halves:
                out += [
                    (
                        S_ATTR if k.val.kind in (STR, PY2STR) else S_KEY,
                        0,
                        (T_VALUE, h.val.maker),
                        i,
                        k,
                        p,
                    )
                    for i, (k, p) in enumerate(h.val.pairs)
                ]
        else:
            out.append((S_PART, P_STATE, own, 3 + n, None, s))
    out += [(S_INDEX, 0, (T_ITEMS, v.maker), i, None, p) for i, p in enumerate(v.items)]
    out += [(S_KEY, 0, (T_ENTRIES, v.maker), i, k, p) for i, (k, p) in enumerate(v.pairs)]
    return out


def count(v):
    if v.kind in (STR, BYTES, BYTEARRAY, PY2STR):
        return v.payload - {0x56: 1, 0x53: 3}.get(v.op, 0)
    return len(places(v))


def node(p):
    if isinstance(p, tuple):
        v = p[1]
        place = f'[{v.home.begin},{v.home.end})'
        return f'{T_ARGS}:{v.maker}:{TUPLE} {place} {len(v.args)} ref=0>{v.maker}'
    tag, offset = (T_VALUE, p.val.maker) if p.ref is None else (T_REF, p.ref)
    return (
        f'{tag}:{offset}:{p.val.kind} [{p.begin},{p.end}) {count(p.val)} '
        f'ref={int(p.ref is not None)}>{p.val.maker}'
    )


def spans(data, pickles, shared=False):
    m = Machine(data, shared)
    m.run(pickles)
    lines = [f'{T_STREAM}:0']
    todo, seen = [], set()

    def meet(p):
        if isinstance(p, tuple):
            key, n = (T_ARGS, p[1].maker), len(p[1].args)
        else:
            key, n = (T_VALUE, p.val.maker), count(p.val) if p.val.kind > PY2STR else 0
        if n and key not in seen:
            seen.add(key)
            todo.append((key, p[1] if isinstance(p, tuple) else p.val))

    def show(step, part, owner, index, key, p):
        text = f' {step} {part} {owner[0]}:{owner[1]}/{index} '
        if key is not None:
            text += node(key) + ' = '
        lines.append(text + node(p))
        if key is not None:
            meet(key)
        meet(p)

    for i, r in enumerate(m.roots):
        show(S_ROOT, 0, (T_STREAM, 0), i, None, r)
    at = 0
    while at < len(todo):
        (tag, maker), v = todo[at]
        at += 1
        lines.append(f'{tag}:{maker}')
        if tag == T_ARGS:
            for i, p in enumerate(v.args):
                show(S_INDEX, 0, (T_ARGS, maker), i, None, p)
            continue
        for step, part, owner, index, key, p in places(v):
            show(step, part, owner, index, key, p)
    return lines
