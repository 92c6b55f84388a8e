#!/usr/bin/python3
"""The reading half of the engine against CPython and against a machine of its own.

  values    random nested values with sharing and recursion, every protocol: repr() and --json
  programs  random opcode programs: every value with its bytes and place, at every grain of
            the index
  corpus    acceptance of every sample as its index says; of those made by us also repr()
  cut       every small sample cut at every byte: nothing crashes, all that stands is reached

Each works on seeds that are printed; PKLBROWSE_SEED=N repeats one.
"""
import base64
import collections
import csv
import functools
import json
import os
import pickle
import random
import re
import subprocess
import sys
import tempfile

import genpickle  # noqa: E402
import refvm  # noqa: E402

import suite
from suite import CORPUS, PKL_TOOL, SEED, begin, check, skip


def run(command, paths, grain=None, ask=False):
    """Output and status of every file."""
    env = dict(os.environ)
    env.pop('PKL_GRAIN', None)
    if ask:
        env['PKL_ASK'] = '1'
    if grain:
        env['PKL_GRAIN'] = str(grain)
    r = subprocess.run(
        [PKL_TOOL, command, '-'],
        input='\n'.join(paths).encode() + b'\n',
        capture_output=True,
        env=env,
        check=False,
    )
    results, lines = [], []
    for line in r.stdout.decode('utf-8', 'surrogateescape').split('\n'):
        if line.startswith('-- '):
            results.append((lines, line[3:]))
            lines = []
        else:
            lines.append(line)
    if r.returncode != 0 or len(results) != len(paths):
        print(
            f'pkl_tool {command} ended with {r.returncode}'
            f' after {len(results)} of {len(paths)} files'
        )
        print(r.stderr.decode('utf-8', 'replace')[-3000:])
        results += [([], 'crashed')] * (len(paths) - len(results))
    return results


def write_all(folder, datas):
    paths = []
    for i, data in enumerate(datas):
        paths.append(os.path.join(folder, f'{i}.pkl'))
        with open(paths[-1], 'wb') as f:
            f.write(data)
    return paths


# ---------------------------------------------------------------------------------- values


def to_json(v, seen):
    """What --json must say; a container met again is {'$ref': its id()}."""
    if v is None or v is True or v is False:
        return v
    if type(v) is int:
        if abs(v) <= 1 << 53:
            return v
        return {'$int': str(v) if len(str(abs(v))) <= 4300 else hex(v)}
    if type(v) is float:
        return v if v - v == 0 else {'$float': repr(v)}
    if type(v) is str:
        try:
            v.encode()
            return v
        except UnicodeEncodeError:
            return {'$str': ascii(v)}
    if type(v) in (bytes, bytearray):
        return {'$' + type(v).__name__: base64.b64encode(v).decode()}
    if len(v) > 0:
        if id(v) in seen:
            return {'$ref': id(v)}
        seen[id(v)] = v
    kind = type(v)
    if kind is dict:
        plain = all(
            type(k) is str and not k.startswith('$') and '$str' not in str(to_json(k, {}))
            for k in v
        )
        if plain:
            return {k: to_json(x, seen) for k, x in v.items()}
        return {'$dict': [[to_json(k, seen), to_json(x, seen)] for k, x in v.items()]}
    items = [to_json(x, seen) for x in v]
    return items if kind is list else {'$' + kind.__name__: items}


STEP = re.compile(
    r'''@key | \.((?:\w|[^\x00-\x7f])+) | \[\#(\d+)\] |
    \[( (?: [^]'"[] | \[[^]]*\] | '(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*" )* )\]''',
    re.VERBOSE,
)
NAMES = {'inf': float('inf'), 'nan': float('nan')}


def follow(v, path):
    """The object at a path of references in --json."""
    at, path = 0, re.sub(r'^@0', '', path)
    while at < len(path):
        m = STEP.match(path, at)
        if m is None:
            raise ValueError(path)
        at = m.end()
        if m.group(1) is not None:
            v = v[m.group(1)]
        elif m.group(2) is not None and path.startswith('@key', at):
            v, at = list(v)[int(m.group(2))], at + 4
        elif m.group(2) is not None:
            v = (list(v.values()) if isinstance(v, dict) else list(v))[int(m.group(2))]
        else:
            v = v[eval(m.group(3), dict(NAMES))]  # a literal that we wrote
    return v


def same_json(got, want, root):
    """got's references are paths, want's are ids of objects below root."""
    if type(got) is not type(want):
        return False
    if isinstance(want, dict):
        if list(got) != list(want):
            return False
        if list(want) == ['$ref']:
            return id(follow(root, got['$ref'])) == want['$ref']
        return all(same_json(got[k], want[k], root) for k in want)
    if isinstance(want, list):
        return len(got) == len(want) and all(same_json(g, w, root) for g, w in zip(got, want))
    return got == want


def has_set(v, seen=None):
    seen = set() if seen is None else seen
    if id(v) in seen:
        return False
    seen.add(id(v))
    if isinstance(v, (set, frozenset)):
        return len(v) > 1 or any(has_set(x, seen) for x in v)
    if isinstance(v, dict):
        return any(has_set(x, seen) for kv in v.items() for x in kv)
    if isinstance(v, (list, tuple)):
        return any(has_set(x, seen) for x in v)
    return False


def test_values(folder):
    values, datas = [], []
    for i in range(400):
        r = random.Random(SEED * 1000003 + i)
        v = genpickle.value(r)
        for protocol in range(6):
            data = pickle.dumps(v, protocol)
            if protocol < 4 and r.random() < 0.3:
                data = pickle._dumps(v, protocol)
            datas.append(data)
            values.append(pickle.loads(data))
    paths = write_all(folder, datas)
    for grain in (None, 24):
        for (lines, status), v, data in zip(run('repr', paths, grain), values, datas):
            want = repr(v)
            got = lines[0] if lines else ''
            same = got == want
            if not same and has_set(v):
                # Stored order, which is that of writing; loading may have made it another.
                same = collections.Counter(got) == collections.Counter(want)
            check(
                same and status == 'ok',
                f'repr seed {SEED}: {want[:200]} is {got[:200]} {status} {data[:60]!r}',
            )
    for grain in (None, 8):
        compare_ways(paths, grain, f'value seed {SEED}')
    for (lines, status), v, data in zip(run('json', paths), values, datas):
        try:
            got = json.loads(lines[0])
        except (ValueError, IndexError):
            got = f'no JSON: {lines[:1]}'
        if has_set(v):
            check(status == 'ok' and not isinstance(got, str), f'json seed {SEED}: {data[:60]!r}')
        else:
            want = to_json(v, {})
            check(
                same_json(got, want, v) and status == 'ok',
                f'json seed {SEED}: {want!r:.200} is {got!r:.200} {data[:60]!r}',
            )


# -------------------------------------------------------------------------------- programs


@functools.lru_cache(maxsize=None)  # the same at every grain
def wanted_spans(path, pickles):
    with open(path, 'rb') as f:
        data = f.read()
    try:
        return refvm.spans(data, pickles)
    except refvm.Broken:
        return refvm.spans(data, pickles, shared=True)


def compare_spans(paths, grain, what):
    counts = run('check', paths, grain)
    for path, (lines, status), (info, _) in zip(paths, run('spans', paths, grain), counts):
        if not info:
            continue
        want = wanted_spans(path, int(info[0].split()[1]))
        if lines != want:
            at = next(
                (i for i, (a, b) in enumerate(zip(lines, want)) if a != b),
                min(len(lines), len(want)),
            )
            check(
                False,
                f'{what} grain {grain} {path}: {want[at:at + 1]} is {lines[at:at + 1]} {status}',
            )
        else:
            check(status == 'ok', f'{what} {path}: {status}')


def test_programs(folder):
    datas = []
    for i in range(300):
        r = random.Random(SEED * 1000003 + i)
        datas.append(
            b''.join(
                genpickle.program(r, r.randrange(3, 600)) for _ in range(r.choice((1, 1, 1, 2, 4)))
            )
        )
    paths = write_all(folder, datas)
    for grain in (None, 8, 20, 300):
        compare_spans(paths, grain, f'program seed {SEED}')
        compare_ways(paths, grain, f'program seed {SEED}')


def compare_ways(paths, grain, what):
    """What is printed straight from the bytes is what asking for each value prints."""
    for command in ('repr', 'indent', 'json'):
        asked = run(command, paths, grain, ask=True)
        for path, want, got in zip(paths, asked, run(command, paths, grain)):
            check(
                got == want, f'{what} {command} grain {grain} {path}: {want!r:.200} is {got!r:.200}'
            )


# ---------------------------------------------------------------------------------- corpus

# What our verdict and genops' may differ about, and why.
STRICTER = {  # genops reaches STOP, no unpickler does
    'an empty module or name',
    'is not one',
    'the text is not quoted',
    'not a tuple',
    'not a str',
    'not a dict',
    'extension code must be positive',
    'unexpected MARK',
    'the stack is empty',
    'cannot be called',
    'is no class',
}
LAXER = {  # some unpickler loads it, genops of 3.11 fails
    'Exceeds the limit',
    "'ascii' codec can't decode",
    'strinq quote',
    'invalid literal for int()',  # Python 2: the text of a memo slot, an L behind an INT
}


JOBLIB = 'joblib writes an array into it, which genops takes for opcodes'


def holds_array(path):
    with open(path, 'rb') as f:
        return b'NumpyArrayWrapper' in f.read()


def corpus_rows():
    index = os.path.join(CORPUS, 'INDEX.tsv')
    if not os.path.exists(index):
        return None
    with open(index, newline='') as f:
        return [
            r
            for r in csv.DictReader(f, delimiter='\t', quoting=csv.QUOTE_NONE)
            if r['container'] == 'raw' and r['parse'] != 'none'
        ]


def test_corpus(_):
    rows = corpus_rows()
    if rows is None:
        skip('no corpus')
        return
    paths = [os.path.join(CORPUS, r['path']) for r in rows]
    differ = collections.Counter()
    arrays = [holds_array(path) for path in paths]
    for row, array, (_, status) in zip(rows, arrays, run('check', paths)):
        stops = row['parse'] == 'STOP'
        if array and not stops:
            check(status == 'ok', f"{row['path']}: {JOBLIB}, we say {status}")
            differ['accepted: ' + JOBLIB] += 1
            continue
        if stops == (status == 'ok'):
            check(True, '')
            continue
        why = [
            w for w in (STRICTER if stops else LAXER) if w in (status if stops else row['parse'])
        ]
        check(bool(why), f"{row['path']}: {row['parse']}, we say {status}")
        differ[('refused: ' if stops else 'accepted: ') + (why[0] if why else '?')] += 1
    for why, n in sorted(differ.items()):
        print(f'  {n:3} {why}')
    for path, (_, status) in zip(paths, run('walk', paths)):
        check('refused' not in status and status != 'crashed', f'walk {path}: {status}')
    plain = [path for path, array in zip(paths, arrays) if not array]
    for grain in (None, 16):
        compare_spans(plain, grain, 'corpus')
    test_ours(rows)


BUILTIN = (type(None), bool, int, float, str, bytes, bytearray, list, tuple, dict, set, frozenset)


def only_builtin(v):
    todo, seen = [v], set()
    while todo:
        x = todo.pop()
        if type(x) not in BUILTIN:
            return False
        if isinstance(x, (list, tuple, dict, set, frozenset)) and id(x) not in seen:
            seen.add(id(x))
            todo += x
            if isinstance(x, dict):
                todo += x.values()
    return True


def test_ours(rows):
    """Samples made for this project load in Python without harm."""
    paths, values = [], []
    for row in rows:
        if not re.match(r'generated/std/py3', row['path']):
            continue
        path = os.path.join(CORPUS, row['path'])
        try:
            with open(path, 'rb') as f:
                v = pickle.load(f)
        except Exception:  # a class of another version, or of the script that wrote it
            continue
        if only_builtin(v):
            paths.append(path)
            values.append(v)
    for path, v, (lines, status) in zip(paths, values, run('repr', paths)):
        try:
            want = repr(v)
        except (ValueError, RecursionError):  # an int beyond the limit of digits; depth
            continue
        got = lines[0] if lines else ''
        check(
            got == want or (has_set(v) and collections.Counter(got) == collections.Counter(want)),
            f'{path}: {want[:200]} is {got[:200]} {status}',
        )


# ------------------------------------------------------------------------------------- cut


def test_cut(folder):
    datas = []
    for i in range(12):
        r = random.Random(SEED * 1000003 + 7000 + i)
        datas.append(genpickle.program(r, 120))
        datas.append(pickle.dumps(genpickle.value(r), i % 6)[:400])
    paths = write_all(folder, [d[:n] for d in datas for n in range(len(d))])
    for grain in (None, 50):
        compare_ways([p for p in paths if os.path.getsize(p) < 200000], grain, 'corpus')
    for grain in (None, 8):
        for path, (_, status) in zip(paths, run('walk', paths, grain)):
            check(
                'refused' not in status and status != 'crashed', f'cut seed {SEED} {path}: {status}'
            )


def main():
    begin(PKL_TOOL)
    for test in (test_values, test_programs, test_corpus, test_cut):
        with tempfile.TemporaryDirectory() as folder:
            test(folder)
    return suite.end()


if __name__ == '__main__':
    sys.exit(main())
