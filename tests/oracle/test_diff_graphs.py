#!/usr/bin/env python3
"""`pklbrowse diff` and the report of `set` and `del` over graphs that share values.

Random graphs of dicts, lists and tuples are changed by the program, which leaves what was
overwritten in the bytes where it is still fetched, and by Python.  The two loaded graphs are then
compared here by path: a pair of values that stands in several places is compared where it is met
first.  PKLBROWSE_SEED repeats a run.
"""
import json
import os
import pickle
import random
import subprocess
import sys
import tempfile

import suite
from suite import PROGRAM, SEED, begin, check

COUNT = int(os.environ.get('PKLBROWSE_COUNT') or 40)
rnd = random.Random(SEED)
work = tempfile.TemporaryDirectory(prefix='pklbrowse-graphs-')
serial = 1000


def fresh():
    """A leaf that stands nowhere else: two lists are then never aligned in another way."""
    global serial
    serial += 1
    return rnd.choice([serial, str(serial), float(serial)])


# ------------------------------------------------------------------------------------ graphs


def graph():
    """Containers that hold one another, in any order and also themselves."""
    made = [rnd.choice([{}, {}, []]) for _ in range(rnd.randrange(2, 9))]
    for v in list(made):
        if rnd.random() < 0.4:
            made.append((v,))
    mutable = [v for v in made if not isinstance(v, tuple)]
    for v in mutable:
        if isinstance(v, list):
            v.append(rnd.choice(made) if rnd.random() < 0.5 else fresh())
            continue
        for key in rnd.sample('abcdef', rnd.randrange(1, 5)):
            v[key] = rnd.choice(made) if rnd.random() < 0.6 else fresh()
    return mutable[0]


def reached(root):
    """{id: value} of the containers below."""
    found, todo = {}, [root]
    while todo:
        v = todo.pop()
        if isinstance(v, (dict, list, tuple)) and id(v) not in found:
            found[id(v)] = v
            todo += v.values() if isinstance(v, dict) else v
    return found


def change(root):
    """Some places get something else, in Python."""
    for _ in range(rnd.randrange(1, 4)):
        all_of = list(reached(root).values())
        v = rnd.choice([v for v in all_of if not isinstance(v, tuple)])
        new = rnd.choice(all_of) if rnd.random() < 0.4 else fresh()
        if isinstance(v, list):
            v[0] = new
        elif v and rnd.random() < 0.3:
            del v[rnd.choice(list(v))]
        else:
            v[rnd.choice('abcdef')] = new


def some_path(root):
    """Of a place below, by any way that leads there."""
    path, v = '', root
    while True:
        if isinstance(v, dict) and v:
            key = rnd.choice(list(v))
            path += '.%s' % key
        elif isinstance(v, (list, tuple)) and v:
            key = 0
            path += '[0]'
        else:
            return path
        v = v[key]
        if rnd.random() < 0.4:
            return path


# ------------------------------------------------------------------------------------- model


def compare(a, b):
    """[(kind, path, container and key in the first)], and whether they differ at all."""
    out, met = [], set()
    todo = [('differ', a, b, '', None)]
    while todo:
        what, x, y, path, at = todo.pop()
        if what != 'differ':
            out.append((what, path, at))
            continue
        if type(x) is not type(y) or not isinstance(x, (dict, list, tuple)):
            if type(x) is not type(y) or x != y:
                out.append(('changed', path, at))
            continue
        if (id(x), id(y)) in met:
            continue
        met.add((id(x), id(y)))
        below = []
        if isinstance(x, dict):
            for k in x:
                step, place = path + '[%r]' % k, (id(x), k)
                if k in y:
                    below.append(('differ', x[k], y[k], step, place))
                else:
                    below.append(('removed', None, None, step, place))
            below += [('added', None, None, path + '[%r]' % k, (id(x), k)) for k in y if k not in x]
        else:
            for k in range(max(len(x), len(y))):
                step, place = path + '[%d]' % k, (id(x), k)
                if k < len(x) and k < len(y):
                    below.append(('differ', x[k], y[k], step, place))
                else:
                    below.append(('removed' if k < len(x) else 'added', None, None, step, place))
        todo += reversed(below)
    return out


def same_graph(a, b):
    return not compare(a, b)


# ----------------------------------------------------------------------------------- program


def run(*words):
    done = subprocess.run(
        [PROGRAM, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode('utf-8', 'replace')


def name(n):
    return os.path.join(work.name, n)


def write(n, data):
    with open(name(n), 'wb') as f:
        f.write(data)


def load(n):
    with open(name(n), 'rb') as f:
        return pickle.load(f)


def dump(v):
    return (pickle.dumps if rnd.random() < 0.7 else pickle._dumps)(v, rnd.choice([4, 4, 4, 2, 5]))


def held_against(first, second, what):
    """diff of two files against the model of what Python loads from them."""
    a, b = load(first), load(second)
    want = compare(a, b)
    status, out, err = run('diff', '--json', name(first), name(second))
    good = status == (1 if want else 0) and not err
    # What is new comes behind what is no more; in a dict whose order changed others may, too.
    found = sorted((c['change'], c['path']) for c in json.loads(out or '[]')) if good else None
    wanted = sorted((kind, path or '@0') for kind, path, _ in want)
    check(
        found == wanted,
        '%s, seed %d: %s and %s: %r %r %r instead of %r'
        % (what, SEED, shown(first), shown(second), status, found, err, wanted),
    )
    return a, b, want


def shown(n):
    with open(name(n), 'rb') as f:
        return repr(f.read())


# -------------------------------------------------------------------------------------- runs


def by_python():
    a = graph()
    write('a', dump(a))
    data = pickle.dumps(a)
    b = pickle.loads(data)
    write('b', dump(b))
    held_against('a', 'b', 'the same in other bytes')
    change(b)
    write('b', dump(b))
    held_against('a', 'b', 'changed by Python')


def resolve(v, path):
    """(id of the container, key) of a reported path; None: the whole."""
    if path == '@0':
        return None
    steps = []
    while path:
        end = path.index(']')
        steps.append(eval(path[1:end]))
        path = path[end + 1 :]
    for k in steps[:-1]:
        v = v[k]
    return id(v), steps[-1]


def overwritten(root):
    """The first place of a shared value, and one inside it that is reached by another."""
    places, todo, seen = {}, [(root, '')], set()
    while todo:
        v, path = todo.pop()
        places.setdefault(id(v), []).append((path, v))
        if id(v) not in seen:
            seen.add(id(v))
            below = v.items() if isinstance(v, dict) else enumerate(v)
            steps = [(x, path + ('.%s' if isinstance(v, dict) else '[%d]') % k) for k, x in below]
            todo += [s for s in reversed(steps) if isinstance(s[0], (dict, list, tuple))]
    shared = [p for p in places.values() if len(p) > 1 and p[0][0] and isinstance(p[0][1], dict)]
    if not shared:
        return []
    first, *others = rnd.choice(shared)
    keys = list(first[1])
    if not keys:
        return []
    return ['%s=%r' % (first[0], fresh()), '%s.%s=%r' % (others[0][0], rnd.choice(keys), fresh())]


def edit(first, second):
    """One command with several edits; False when it refused them."""
    root = load(first)
    words = []
    command = rnd.choice(['set', 'set', 'set', 'del'])
    for _ in range(rnd.randrange(1, 5)):
        path = some_path(root)
        if path == '':
            continue
        words.append(path + '=%r' % fresh() if command == 'set' else path)
    if not words:
        return None
    if command == 'set' and rnd.random() < 0.5:
        words += overwritten(root)
    how = rnd.choice([[], [], ['--here'], ['--everywhere']])
    status, out, err = run(command, '--json', '-o', name(second), *how, name(first), *words)
    if status in (2, 7):
        return None
    check(
        status == 0 and not err, '%s %r of %s: %d %s' % (command, words, shown(first), status, err)
    )
    if status != 0:
        return None
    return [command, *how, *words], json.loads(out)['changes']


def by_program():
    write('a', pickle.dumps(graph(), rnd.choice([2, 4, 4, 5])))
    for first, second in (('a', 'b'), ('b', 'c'), ('c', 'd')):
        done = edit(first, second)
        if done is None:
            return
        words, changes = done
        a, b, want = held_against(first, second, 'after %r' % words)
        try:
            told = [resolve(a, c['path']) for c in changes]
        except (KeyError, IndexError, TypeError, ValueError) as x:
            check(False, 'report of %r on %s: %r %r' % (words, shown(first), changes, x))
            continue
        places = [at for _, _, at in want]
        check(
            set(places) <= set(told),
            'report of %r on %s, seed %d: %r, but there is a change at %r'
            % (words, shown(first), SEED, changes, [p for _, p, at in want if at not in told]),
        )
        if first == 'b':
            held_against('a', second, 'two commands after %r' % words)
        # What --here changes stands in copies, and that something is a copy is told, too.
        for c, at in zip(changes, told):
            check(
                at in places or '--here' in words,
                'report of %r on %s, seed %d: %r, but nothing changed at %r (%r)'
                % (words, shown(first), SEED, changes, c['path'], want),
            )


begin(PROGRAM)
os.environ['XDG_STATE_HOME'] = work.name
os.environ['LC_ALL'] = 'C.UTF-8'
for _ in range(COUNT):
    by_python()
    by_program()
sys.exit(suite.end())
