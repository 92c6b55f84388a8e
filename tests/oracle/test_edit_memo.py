#!/usr/bin/env python3
"""Edits that the memo makes difficult: shared new values whose place goes, several pickles, numbers
that must move.

Each is a pickle, commands of edit_tool, and what the result must be: values, and which of them are
one object, from the C and the pure-Python unpickler.
"""
import io
import pickle
import pickletools
import random
import subprocess
import sys

import suite
from suite import EDIT_TOOL, check


def records(data, commands):
    yield b'open %d\n%s' % (len(data), data)
    for c in commands + ['save', 'undone']:
        word, _, rest = c.partition(' ')
        if word == 'undone':
            yield b''.join(b'undo 0\n' for _ in commands) + b'save 0\n'
        else:
            yield b'%s %d\n%s' % (word.encode(), len(rest.encode()), rest.encode())


def saved(data, commands):
    """The result and what is saved when all is undone; or the first answer that is no success."""
    told = subprocess.run(
        [EDIT_TOOL, 'edit'],
        input=b''.join(records(data, commands)),
        capture_output=True,
        check=True,
    )
    answers = told.stdout.decode().splitlines()
    for a in answers[: len(commands) + 2]:
        if not a.startswith('ok'):
            return a, None
    return bytes.fromhex(answers[len(commands) + 1].split()[2]), bytes.fromhex(
        answers[-1].split()[2]
    )


def graph(v, seen):
    """A value with the number of every object's first visit: equal for equal sharing."""
    if not isinstance(v, (list, tuple, dict, bytearray)) or v == ():
        return repr(v)
    if id(v) in seen:
        return '#%d' % seen[id(v)]
    seen[id(v)] = len(seen)
    if isinstance(v, dict):
        inside = ['%r: %s' % (k, graph(i, seen)) for k, i in v.items()]
    elif isinstance(v, bytearray):
        inside = [repr(v)]
    else:
        inside = [graph(i, seen) for i in v]
    return '%s(%s)' % (type(v).__name__, ', '.join(inside))


def loaded(data, unpickler, one=False):
    """one: a single Unpickler, of which the memo goes on."""
    f, found = io.BytesIO(data), []
    only = unpickler(f)
    while f.tell() < len(data):
        found.append((only if one else unpickler(f)).load())
    return [graph(v, {}) for v in found]


def refused(what, data, commands, why):
    answer, undone = saved(data, commands)
    check(undone is None and why in answer, '%s: %s: %s' % (what, commands, answer))


def becomes(what, data, commands, *wanted):
    result, undone = saved(data, commands)
    wrong = None
    if undone is None:
        wrong = result
    elif undone != data:
        wrong = 'all is undone, but the bytes are others'
    else:
        for unpickler in (pickle.Unpickler, pickle._Unpickler):
            got, want = loaded(result, unpickler), [graph(v, {}) for v in wanted]
            if got != want:
                wrong = '%s\n    is not %s' % (got, want)
    check(wrong is None, '%s: %s: %s' % (what, commands, wrong))
    return result


def new_values():
    """What is linked to a new value whose own place goes, or comes later."""
    for protocol in range(6):
        name = 'protocol %d' % protocol
        x, new = [1], [7, [8]]
        data = pickle.dumps([x, x, x, 5], protocol)
        all_new = 'everywhere [0]=[7, [8]]'
        becomes(name, data, [all_new, 'set [0]=3'], [3, new, new, 5])
        becomes(name, data, [all_new, 'del [0]'], [new, new, 5])
        becomes(name, data, [all_new, 'set [0]=3', 'set [1]=4'], [3, 4, new, 5])
        becomes(name, data, [all_new, 'move 2 [0]', 'move 0 [3]'], [5, new, new, new])
        more = [7, [8], 9]
        becomes(name, data, [all_new, 'set [0]=3', 'add [1][]=9'], [3, more, more, 5])
        b = bytearray(b'new')
        commands = ["everywhere [0]=bytearray(b'new')", 'set [0]=3']
        becomes(name, data, commands, [3, b, b, 5])
        data = pickle.dumps(['a', x], protocol)
        becomes(name, data, ['set [0]=[[1], [2]]', 'type 9 [0]'], [([1], [2]), x])
        becomes(
            name,
            data,
            ['set [0]=[[1], [2]]', 'type 9 [0]', 'add [0][1][]=3', 'insert [0]\t[1]'],
            [[1], ([1], [2, 3]), x],
        )
        # The new value stands between what goes in front of it and the tuple's opcode.
        inner = [x, x]
        becomes(
            name,
            pickle.dumps([None, (), inner], protocol),
            ['here-insert [1][0]\t[2]', 'set [0]=[]'],
            [[], ([[1]] * 2,), inner],
        )
        # A shared value inside one that is shared.
        becomes(
            name,
            pickle.dumps([x, [x], 5], protocol),
            ['everywhere [1]=[[0]]', 'everywhere [0]=[[7]]', 'set [0]=None'],
            [None, [[0]], 5],
        )


def pickles():
    """Slots are those of the pickle in which something changes."""
    for protocol in range(2, 6):
        x = ['a', 'b']
        one, two = ([[], 'u', [1], x, x], [None, 'v', [2], x, x])
        data = pickle.dumps(one, protocol) + pickle.dumps(two, protocol)
        own = ['here-set @1[3][0]=1']
        becomes('second', data, own, one, [None, 'v', [2], [1, 'b'], x])
        own += ['here-set @0[4][1]=2']
        becomes('both', data, own, [[], 'u', [1], x, ['a', 2]], [None, 'v', [2], [1, 'b'], x])
        own += ['everywhere @0[3]=[7]', 'everywhere @1[4]=[8]']
        becomes('new', data, own, [[], 'u', [1], [7], ['a', 2]], [None, 'v', [2], [1, 'b'], [8]])
        loop = [None, 'Plain', 3]
        loop[2] = (loop, 1)
        becomes(
            'round',
            pickle.dumps([], protocol) + pickle.dumps(loop, protocol),
            ['set @1[0]=1', 'everywhere @1[1]=2'],
            [],
            (lambda l: (l.append((l, 1)), l)[1])([1, 2]),
        )


def read_slots(data):
    """Of what the last pickle reads from the memo: the highest number, and how often it reads."""
    got = [a for op, a, p in pickletools.genops(data) if op.name in ('BINGET', 'LONG_BINGET')]
    return max(got), len(got)


def numbers():
    """No slot is free: what comes to be shared in front moves the numbers behind it."""
    for protocol in (4, 5):
        for size in (1, 1000):
            y = [9]
            many = [['x' * size, i] for i in range(300)]
            value = [[y, y], (None, 1)] + [i for m in many for i in (m, m)]
            data = pickletools.optimize(pickle.dumps(value, protocol))
            highest, count = read_slots(data)
            copy = [9]
            value.insert(0, [copy, copy])
            result = becomes('one more', data, ['insert [0]\t[0]'], value)
            if size == 1 and read_slots(result) != (highest + 1, count + 1):
                becomes('one slot more', b'', [])
            # Once more what is in the result now: there are PUTs among the MEMOIZEs.
            copy = [9]
            becomes('again', result, ['insert [1]\t[0]'], value[:1] + [[copy, copy]] + value[1:])
            copy, other = [9], [9]
            last = value.pop()
            becomes(
                'in the midst',
                data,
                ['insert [300]\t[0]', 'insert [2]\t[0]', 'del [-1]', 'set [1]=5'],
                [value[1], 5, [copy, copy]] + value[3:301] + [[other, other]] + value[301:],
            )
            two = data + data
            value = value[1:] + [last]
            copy = [9]
            if protocol == 4:
                refused('the second', two, ['insert @1[0]\t@1[0]'], 'one Unpickler')
            two = pickletools.optimize(pickle.dumps([1], 3)) + data
            becomes('behind', two, ['insert @1[0]\t@1[0]'], [1], [[copy, copy]] + value)


class Six:
    """The state is set by a function: a call stands behind the object, its result dropped."""

    def __init__(self, **state):
        self.__dict__.update(state)

    def __reduce__(self):
        return Six, (), self.__dict__, None, None, set_state

    def __repr__(self):
        return 'Six%r' % self.__dict__


def set_state(obj, state):
    obj.__dict__.update(state)


def dropped_calls():
    """Items beside such a call go and come, in groups and alone."""
    a, b = Six(a=1), Six(b=[2])
    for protocol in range(6):
        name = 'setter, protocol %d' % protocol
        for value in ([a], [a, 5], [a, b, 7, a]):
            data = pickle.dumps(value, protocol)
            becomes(name, data, ['del [0]'], value[1:])
            becomes(name, data, ['add [0]=4'], [4] + value)
            becomes(name, data, ['add []=4'], value + [4])
            becomes(name, data, ['del [0]', 'add []=4', 'add [0]=3'], [3] + value[1:] + [4])
            becomes(name, data, ['set [-1]=9', 'add []=4'], value[:-1] + [9, 4])
        becomes(name, data, ['move 0 [1]'], [b, a, 7, a])
        becomes(name, data, ['del [1]', 'del [1]'], [a, a])
        data = pickle.dumps({'x': a}, protocol)
        becomes(name, data, ['del [\'x\']'], {})
        becomes(name, data, ['add [\'y\']=4'], {'x': a, 'y': 4})
        becomes(name, data, ['del [\'x\']', 'add [\'y\']=4'], {'y': 4})


def has_root(data, i, n):
    """Is value n itself part of value i, if one Unpickler reads both?"""
    f = io.BytesIO(data)
    only, values = pickle.Unpickler(f), []
    while f.tell() < len(data):
        values.append(only.load())
    todo, seen = [values[i]], set()
    while todo:
        v = todo.pop()
        if isinstance(v, (list, dict)) and id(v) not in seen:
            seen.add(id(v))
            todo += v.values() if isinstance(v, dict) else v
    return id(values[n]) in seen


def some(rng, known, depth=0):
    """A value in which those made before come again."""
    if known and rng.random() < 0.4:
        return rng.choice(known)
    kind = rng.randrange(3 if depth < 3 else 1)
    if kind == 0:
        v = ''.join(rng.choices('abcdefgh', k=rng.randrange(1, 5))) + str(rng.randrange(100))
    elif kind == 1:
        v = [some(rng, known, depth + 1) for _ in range(rng.randrange(4))]
    else:
        v = {some(rng, [], 3): some(rng, known, depth + 1) for _ in range(rng.randrange(3))}
    known.append(v)
    return v


def edits_of(rng, n, length):
    """Of the items of pickle n, which is a list of so many."""
    for _ in range(rng.randrange(1, 4)):
        at, what = rng.randrange(max(length, 1)), rng.randrange(5)
        if length == 0 or what == 0:
            yield 'add @%d[]=[[%d]]' % (n, at)
            length += 1
        elif what == 1:
            yield 'del @%d[%d]' % (n, at)
            length -= 1
        elif what == 2:
            yield "set @%d[%d]='new'" % (n, at)
        elif what == 3:
            yield 'insert @%d[%d]\t@%d[%d]' % (n, at, n, rng.randrange(length))
            length += 1
        else:
            yield 'add @%d[%d]=5' % (n, at)
            length += 1


def both_ways():
    """Whether one Pickler wrote several pickles cannot always be told: then what is not edited
    stays what it is for one Unpickler and for one each."""
    rng, done = random.Random(suite.SEED), 0
    x = [1, 'q']
    for protocol in (4, 5):
        f = io.BytesIO()
        pickler = pickle.Pickler(f, protocol)
        for v in ([x, 5, 'a'], [['k'], ['l'], [3], x]):
            pickler.dump(v)
        for edit in ('del @0[0]', 'set @0[0]=7', 'del @0[2]', 'set @0[2]=1', 'add @0[0]=[9]'):
            after, _ = saved(f.getvalue(), [edit])
            for u in (pickle.Unpickler, pickle._Unpickler):
                for one in (False, True):
                    was, now = loaded(f.getvalue(), u, one), loaded(after, u, one)
                    check(was[1] == now[1], edit, was, now)
    for case in range(150):
        f, known, lengths = io.BytesIO(), [], []
        pickler = pickle.Pickler(f, 4)
        several = rng.random() < 0.5
        for _ in range(rng.randrange(2, 4)):
            value = [some(rng, known) for _ in range(rng.randrange(1, 8))]
            if several:
                pickler, known = pickle.Pickler(f, 4), []
            pickler.dump(value)
            lengths.append(len(value))
        n = rng.randrange(len(lengths))
        try:
            was = [loaded(f.getvalue(), pickle.Unpickler, one) for one in (False, True)]
        except (pickle.UnpicklingError, TypeError):
            continue  # it can be told
        commands = list(edits_of(rng, n, lengths[n]))
        after, undone = saved(f.getvalue(), commands)
        if undone is None:
            check('one Unpickler' in after, case, f.getvalue(), commands, after)
            continue
        done += 1
        for one in (False, True):
            now = loaded(after, pickle.Unpickler, one)
            for i, (a, b) in enumerate(zip(was[one], now)):
                whole = i != n and not (one and has_root(f.getvalue(), i, n))
                check(not whole or a == b, 'case', case, f.getvalue(), commands, after, a, b)
    check(done > 30, 'of random streams only', done, 'were edited')


def main():
    new_values()
    both_ways()
    dropped_calls()
    pickles()
    numbers()
    return suite.end()


if __name__ == '__main__':
    sys.exit(main())
