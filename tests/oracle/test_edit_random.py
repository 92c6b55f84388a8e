#!/usr/bin/env python3
"""Random sequences of all kinds of edits, against a model of what Python would load.

The values have sharing and recursion, in every protocol; or come from corpus/generated.  What the
program writes must load, with the C and the pure-Python unpickler, to the graph that the same
edits make of what the original loads to: types, values, order and identity.  pickletools.genops
must show that no more opcodes are others than the edits explain.

PKLBROWSE_SEED repeats a run, PKLBROWSE_COUNT says how many sequences, PKLBROWSE_CASE runs one
alone.  What fails is made smaller and kept.
"""
import collections
import copyreg
import io
import os
import pickle
import pickletools
import random
import re
import subprocess
import sys
import time

import editgen
import editmodel
from editgen import Gone

sys.setrecursionlimit(20000)
TOOL = os.environ.get('EDIT_TOOL') or os.path.join(
    os.environ.get('builddir', 'build'), 'tests/oracle/edit_tool'
)
SEED = int(os.environ.get('PKLBROWSE_SEED') or random.SystemRandom().randrange(1 << 32))
COUNT = int(os.environ.get('PKLBROWSE_COUNT') or 4000)
CASE = os.environ.get('PKLBROWSE_CASE', '')
CORPUS = os.environ.get('PKLBROWSE_CORPUS', '')
KEEP = os.environ.get('PKLBROWSE_KEEP') or '/tmp'
passed = failed = kept = 0
done, refused = collections.Counter(), collections.Counter()

# What the program may refuse: edits that a place does not take, and what cannot be written.
REFUSALS = [
    'has no attributes',
    'is no dict of attributes',
    'takes no ',
    'part of what it is made of',
    'in front of its place',
    'needed before it is made',
    'an extension is read-only',
    'means something only where it stands',
    'persistent id',
    'cannot be put here',
    'none of them can come, go or move',
    'it is set by @class=',
    'the object is made from',
    'an object is made from nothing',
    'these arguments say the class',
    'stands in its @args',
    'cannot be put into a set',
    'cannot be copied',
    'would share, too',
    'that is empty in this protocol',
    'state is set more than once',
    'this is the class of the object',
    "a class is named 'module.Name'",
]


class Failure(Exception):
    pass


class Stop(Exception):
    """Nothing more can be said of this session."""


class Tool:
    def __init__(self):
        self.start()

    def start(self):
        self.p = subprocess.Popen([TOOL, 'edit'], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, word, data=b''):
        if isinstance(data, str):
            data = data.encode('utf-8', 'surrogatepass')
        self.p.stdin.write(b'%s %d\n%s' % (word.encode(), len(data), data))
        self.p.stdin.flush()
        line = self.p.stdout.readline().decode('utf-8', 'replace')
        if not line:
            self.p.wait()
            self.start()
            raise Failure('the tool died of %s' % word)
        ok, _, rest = line.rstrip('\n').partition(' ')
        return ok == 'ok', rest


tool = Tool()


# ----------------------------------------------------------------------------- pickles


class CPickler(pickle.Pickler):
    def persistent_id(self, v):
        return v.pid if isinstance(v, editgen.Pid) else None


class PyPickler(pickle._Pickler):
    def persistent_id(self, v):
        return v.pid if isinstance(v, editgen.Pid) else None


class Unpickler(pickle.Unpickler):
    def persistent_load(self, pid):
        return editgen.Pid(pid)


class Case:
    """What is edited: values of this module's classes, and how they are written."""

    def __init__(self, roots, protocol, python=False, optimize=False, one=False, tail=b''):
        self.roots, self.protocol, self.python = roots, protocol, python
        self.optimize, self.one, self.tail = optimize, one, tail
        self.encoding, self.args = 'ASCII', True
        self.text = 'any'
        self.data = self.written()

    def written(self):
        f = io.BytesIO()
        cls = PyPickler if self.python else CPickler
        pickler = None
        for v in self.roots:
            if pickler is None or not self.one:
                pickler = cls(f, self.protocol)
            pickler.dump(v)
        data = f.getvalue()
        if self.optimize and len(self.roots) == 1:
            data = pickletools.optimize(data)
        return data + self.tail

    def count(self):
        return len(self.roots)

    def but(self, roots):
        return Case(roots, self.protocol, self.python, self.optimize, self.one, self.tail)


class Sample:
    """A file that Python can load; nothing is known of its values."""

    python = optimize = one = False
    tail = b''

    def __init__(self, data, old):
        self.data, self.roots = data, None
        self.protocol = data[1] if data[:1] == b'\x80' else 0
        if self.protocol == 0:
            self.protocol = max(op.proto for op, a, p in pickletools.genops(data))
        self.encoding = 'latin1' if old else 'ASCII'
        self.text = 'ascii' if old else 'any'
        self.args = False

    def count(self):
        return 1


def load(case, data, unpickler=editmodel.CUnpickler):
    made, end = editmodel.loads(data, unpickler, case.count(), case.one, case.encoding)
    return editmodel.graph(made), end


def random_case(rnd):
    protocol = rnd.randrange(6)
    values = editgen.Values(rnd)
    pool = []
    roots = [[values.value(rnd.choice([1, 2, 3]), pool), values.value(2, pool)]]
    roots[0] += [rnd.choice(pool) for _ in range(rnd.choice([0, 0, 1, 3])) if pool]
    if rnd.random() < 0.1:
        roots[0] = values.value(3, [])
    if rnd.random() < 0.1:
        roots.append(values.value(2, pool))
    tail = b'trailing bytes' if rnd.random() < 0.1 else b''
    python, optimize = rnd.random() < 0.4, rnd.random() < 0.15
    # With MEMOIZE nobody can tell whether a second pickle goes on with the memo of the first.
    one = rnd.random() < 0.5 and protocol < 4
    while True:
        try:
            return Case(roots, protocol, python, optimize, one, tail)
        except (TypeError, RecursionError, pickle.PicklingError, AttributeError):
            # Slots, and lists that hold themselves through a subclass, need a later protocol.
            if protocol == 5:
                return Case([[1, 'a', 'a']], 5)
            protocol += 1
            one = one and protocol < 4


# -------------------------------------------------------------------------- opcodes kept


def opcodes(data, count):
    """The opcodes of so many pickles as bytes, but for FRAMEs."""
    f = io.BytesIO(data)
    found = []
    for _ in range(count):
        start, frame = None, False
        for op, arg, pos in pickletools.genops(f):
            if start is not None and not frame:
                found.append(data[start:pos])
            start, frame = pos, op.name == 'FRAME'
        found.append(b'.')
    return found


def differences(a, b, most):
    """The fewest opcodes that go and that come to make b of a; None: more than `most`."""
    first = 0
    while first < len(a) and first < len(b) and a[first] == b[first]:
        first += 1
    last = 0
    while last < min(len(a), len(b)) - first and a[-1 - last] == b[-1 - last]:
        last += 1
    a, b = a[first : len(a) - last], b[first : len(b) - last]
    n, m = len(a), len(b)
    reach = {1: 0}
    for d in range(most + 1):
        for k in range(-d, d + 1, 2):
            if k == -d or (k != d and reach[k - 1] < reach[k + 1]):
                x = reach[k + 1]
            else:
                x = reach[k - 1] + 1
            while x < n and x - k < m and a[x] == b[x - k]:
                x += 1
            reach[k] = x
            if x >= n and x - k >= m:
                return (d + n - m) // 2, (d + m - n) // 2
    return None


def check_opcodes(case, original, result, budget):
    try:
        old, new = opcodes(original, case.count()), opcodes(result, case.count())
    except (ValueError, UnicodeDecodeError):
        done['not disassembled'] += 1  # text of Python 2 that pickletools does not read
        return
    if sum(budget) > 3000:
        return  # so much may be another that nothing is proved
    found = differences(old, new, sum(budget) + 40)
    if found is None or found[0] > budget[0] or found[1] > budget[1]:
        raise Failure('%s opcodes gone and come, not only %s' % (found, budget))
    done['opcodes compared'] += 1


# ---------------------------------------------------------------------------- sequences


class Session:
    """One document in the program beside its graph, with the steps that undo knows."""

    def __init__(self, case, other, edits):
        self.case, self.other, self.edits = case, other, edits
        self.others = None
        self.open(case.data)
        if other is not None:
            if not tool.ask('other', other.data)[0]:
                raise Failure('the other one cannot be opened')
            self.others = load(other, other.data)[0]

    def open(self, data):
        ok, why = tool.ask('open', data)
        if not ok:
            raise Failure('open: ' + why)
        self.original = data
        self.steps, self.at = [(load(self.case, data)[0], (0, 0))], 0
        self.shifted = False

    def roots(self):
        return self.steps[self.at][0]

    def member(self, path):
        ok, text = tool.ask('repr', path)
        if not ok:
            raise Failure('repr of %s: %s' % (path, text))
        try:
            return eval(text, {'frozenset': frozenset, 'inf': float('inf'), '__builtins__': {}})
        except (SyntaxError, NameError):
            raise Gone  # no literal

    def edit(self, e):
        """Raises Gone when there is no such edit."""
        if self.shifted:
            raise Gone
        roots = editmodel.clone(self.roots())
        try:
            cost = self.edits.apply(e, roots, self.others, self.member)
        except editmodel.NoLiteral:
            raise Gone
        word, text = self.edits.command(e)
        ok, why = tool.ask(word, text)
        if not ok:
            if not why.startswith('9 ') or not any(i in why for i in REFUSALS):
                raise Failure('%s %s: %s' % (word, text, why))
            refused[re.sub('[0-9]+|"[^"]*"', '#', why)[:70]] += 1
            if e['here']:
                raise Stop  # the copy may have been made all the same
            return
        # In protocols 0 and 1 copyreg makes what NEWOBJ made: its arguments have other numbers.
        self.shifted = 'other' in e['op'] and self.case.protocol < 2
        done[e['op']] += 1
        done['here'] += e['here']
        if cost is not None:
            del self.steps[self.at + 1 :]
            was = self.steps[self.at][1]
            self.steps.append((roots, (was[0] + cost[0], was[1] + cost[1])))
            self.at += 1

    def walk(self, word):
        """undo or redo"""
        to = self.at + (1 if word == 'redo' else -1)
        there = 0 <= to < len(self.steps)
        answer = tool.ask(word)
        if answer != (True, 'done' if there else 'nothing'):
            raise Failure('%s: %s' % (word, answer))
        if there:
            self.at = to
            done[word] += 1

    def save(self):
        ok, answer = tool.ask('save')
        if not ok:
            if not answer.startswith('9 ') or not any(i in answer for i in REFUSALS):
                raise Failure('save: ' + answer)
            refused['save: ' + re.sub('[0-9]+', '#', answer)[:70]] += 1
            return None
        result = bytes.fromhex(answer.split()[1])
        for unpickler in editmodel.UNPICKLERS:
            try:
                got, end = load(self.case, result, unpickler)
            except Exception as x:
                raise Failure('%s: %r' % (unpickler.__name__, x))
            difference = editmodel.same(got, self.roots())
            if difference is not None:
                raise Failure('%s: %s' % (unpickler.__name__, difference))
            if result[end:] != self.case.tail:
                raise Failure('what follows is %r' % result[end:][:80])
        if self.at == 0 and result != self.original:
            raise Failure('nothing is edited, but the bytes are others')
        moved = int(answer.split()[2])  # numbers of the memo
        budget = self.steps[self.at][1]
        check_opcodes(self.case, self.original, result, (budget[0] + moved, budget[1] + moved))
        done['renumbered'] += moved > 0
        done['saves'] += 1
        return result

    def all_undone(self):
        result = tool.ask('save')
        here = self.at
        while self.at > 0:
            self.walk('undo')
        self.walk('undo')
        ok, answer = tool.ask('save')
        if not ok or bytes.fromhex(answer.split()[1]) != self.original:
            raise Failure('all is undone, but the bytes are others')
        while self.at < here:
            self.walk('redo')
        if tool.ask('save') != result:
            raise Failure('all is done again, but the bytes are others')

    def run(self, action):
        if action['op'] in ('undo', 'redo'):
            self.walk(action['op'])
        elif action['op'] == 'all undone':
            self.all_undone()
        elif action['op'] == 'save':
            result = self.save()
            if result is not None and action['reopen']:
                self.open(result)
            elif result is not None:
                tool.ask('saved')
        else:
            self.edit(action)

    def check_changes(self):
        ok, answer = tool.ask('changes')
        if not ok:
            raise Failure('changes: ' + answer)


def random_action(rnd, session):
    x = rnd.random()
    if x < 0.08:
        return {'op': 'undo'}
    if x < 0.12:
        return {'op': 'redo'}
    if x < 0.18:
        return {'op': 'save', 'reopen': rnd.random() < 0.6}
    if x < 0.20:
        return {'op': 'all undone'}
    return session.edits.random(session.roots(), session.others)


def play(case, other, actions):
    """The same sequence again; what it has no place for is left out.  The failure, or None."""
    edits = editgen.Edits(random.Random(1), case.protocol, case.args, case.text)
    try:
        s = Session(case, other, edits)
        for action in actions:
            try:
                s.run(action)
            except Gone:
                pass
        s.save()
        s.check_changes()
    except Stop:
        return None
    except Failure as f:
        return str(f)
    return None


def sequence(number, case, other, rnd):
    """A random sequence; the actions that were taken, and the failure or None."""
    taken = []
    try:
        edits = editgen.Edits(rnd, case.protocol, case.args, case.text)
        s = Session(case, other, edits)
        for _ in range(rnd.choice([1, 2, 3, 5, 8, 12])):
            action = random_action(rnd, s)
            if action is None:
                continue
            taken.append(action)
            try:
                s.run(action)
            except Gone:
                taken.pop()
        s.save()
        s.check_changes()
        done['sequences'] += 1
    except Stop:
        pass
    except Failure as f:
        return taken, str(f)
    return taken, None


# ---------------------------------------------------------------------- making it smaller


def slots(roots):
    """Every place of Python values that can be changed: (container, key)."""
    found, seen, todo = [], set(), [roots]
    while todo:
        v = todo.pop()
        if id(v) in seen or isinstance(v, type):
            continue
        seen.add(id(v))
        if isinstance(v, list):
            found += [(v, i) for i in range(len(v))]
            todo += v
        elif isinstance(v, dict):
            found += [(v, k) for k in v]
            todo += v.values()
        elif isinstance(v, (tuple, set, frozenset)):
            todo += v
        if hasattr(v, '__dict__') and not isinstance(v, type(len)):
            todo.append(v.__dict__)
    return found


def again(roots):
    f = io.BytesIO()
    CPickler(f, 5).dump(roots)
    f.seek(0)
    return Unpickler(f).load()


def changed(roots, number, how):
    """A copy with one place less, or with something smaller there; None: there is none."""
    roots = again(roots)
    places = slots(roots)
    if number >= len(places):
        raise IndexError
    held, k = places[number]
    old = held[k]
    if how == 'drop' and held is not roots:
        del held[k]
    elif how == 'none' and old is not None:
        held[k] = None
    elif how == 'inside' and isinstance(old, (list, tuple, dict)) and len(old) == 1:
        held[k] = list(old.values() if isinstance(old, dict) else old)[0]
    elif how == 'short' and isinstance(old, (str, bytes)) and len(old) > 4:
        held[k] = old[:3]
    else:
        return None
    return roots


def smaller(case, other, actions, fails, seconds=20):
    """Drops actions, then parts of the value, as long as fails(case, other, actions) is true."""
    end = time.monotonic() + seconds
    if other is not None and fails(case, None, actions):
        other = None
    progress = True
    while progress and time.monotonic() < end:
        progress = False
        for i in reversed(range(len(actions))):
            fewer = actions[:i] + actions[i + 1 :]
            if time.monotonic() < end and fails(case, other, fewer):
                actions, progress = fewer, True
        for how in ('drop', 'none', 'inside', 'short'):
            number = 0
            while case.roots is not None and time.monotonic() < end:
                try:
                    roots = changed(case.roots, number, how)
                    if roots is not None and fails(case.but(roots), other, actions):
                        case, progress = case.but(roots), True
                        continue
                except IndexError:
                    break
                except Exception:
                    pass  # it cannot be written so
                number += 1
    return case, other, actions


def keep(name, case, other, actions, why):
    global kept
    kept += 1
    edits = editgen.Edits(random.Random(1), case.protocol)
    base = os.path.join(KEEP, 'edit-failed-%d-%s' % (SEED, name))
    with open(base + '.pkl', 'wb') as f:
        f.write(case.data)
    if other is not None:
        with open(base + '.other.pkl', 'wb') as f:
            f.write(other.data)
    with open(base + '.txt', 'w', encoding='utf-8', errors='surrogateescape') as f:
        print(why, file=f)
        print(
            'protocol %d, %d pickles, one memo: %s' % (case.protocol, case.count(), case.one),
            file=f,
        )
        for a in actions:
            print(*(edits.command(a) if 'path' in a else (a['op'], a.get('reopen', ''))), file=f)
    return base


def report(name, case, other, actions, why):
    global failed
    failed += 1
    if failed > 20:
        return
    print('FAILED (seed %d, case %s): %.300s' % (SEED, name, why))
    if kept < 8:
        # It must be the same kind of failure.
        def fails(c, o, a):
            got = play(c, o, a)
            return got is not None and got.split(':')[0] == why.split(':')[0]

        if fails(case, other, actions):
            case, other, actions = smaller(case, other, actions, fails)
        print('    kept as %s.pkl and .txt' % keep(name, case, other, actions, why))


def test_smaller():
    """A failure that is made up is found in the fewest actions and the smallest value."""
    global passed, failed
    rnd = random.Random(5)
    roots = [{'a': [1, 2, ['needle', 3]], 'b': 'other' * 10, 'c': {'d': (1, 2)}}]
    actions = [{'op': 'undo'}, {'op': 'redo'}, {'op': 'undo', 'this': 1}, {'op': 'redo'}]

    def fails(case, other, actions):
        return b'needle' in case.data and any('this' in a for a in actions)

    case, other, few = smaller(Case(roots, 4), Case([1], 2), actions, fails)
    good = case.roots == ['needle'] and other is None and few == [actions[2]]
    passed, failed = passed + good, failed + (not good)
    if not good:
        print('FAILED: made smaller: %r %r %r' % (case.roots, other, few))


def one(name, make, other, rnd):
    global passed
    case = make()
    actions, why = sequence(name, case, other, rnd)
    if why is None:
        passed += 1
    else:
        report(name, case, other, actions, why)


def samples():
    """Files of corpus/generated that can be loaded: (path, data, of Python 2)."""
    top = os.path.join(CORPUS, 'generated')
    found = []
    for folder, _, names in os.walk(top):
        for n in names:
            path = os.path.join(folder, n)
            if n.endswith('.pkl') and os.path.getsize(path) < 20000:
                found.append((path, 'py2' in folder))
    return sorted(found)


def main():
    print('seed', SEED)
    test_smaller()
    # A class that the pickles name by a number.
    copyreg.add_extension('editgen', 'Slotted', 240)
    for number in range(COUNT):
        if CASE in ('', 'v%d' % number):
            rnd = random.Random('%d.%d' % (SEED, number))
            other = random_case(rnd) if rnd.random() < 0.3 else None
            one('v%d' % number, lambda: random_case(rnd), other, rnd)
    files = samples()
    if not files:
        print('skipped: no samples in', CORPUS)
    broken = 0
    for number in range(min(COUNT // 2, 100000) if files else 0):
        if CASE in ('', 'c%d' % number):
            rnd = random.Random('%d.c%d' % (SEED, number))
            path, old = rnd.choice(files)
            data = open(path, 'rb').read()
            try:
                sample = Sample(data, old)
                roots, end = load(sample, data)
                if any(n.kind == 'global' and '.' in n.v[1] for n in editmodel.everything(roots)):
                    continue  # a copy has it by getattr
                sample.tail = data[end:]
            except Exception:
                broken += 1
                continue
            one('c%d-%s' % (number, os.path.basename(path)), lambda: sample, None, rnd)
    print(', '.join('%s %d' % k for k in sorted(done.items())))
    print('refused:', dict(refused), 'not loaded:', broken)
    tool.p.stdin.close()
    print('%d passed, %d failed' % (passed, failed))
    return failed != 0


if __name__ == '__main__':
    sys.exit(main())
