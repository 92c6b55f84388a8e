#!/usr/bin/python3
"""Measures the pickle engine against CPython's own unpickler, in one run: `make bench-pickle`.

    bench_pickle.py [--scale F] [--rounds N] [--only WORD] [--out FILE] [--doc FILE]

Every figure is CPU time of a fresh process that does nothing else; ours and Python's take turns,
and the least disturbed round of each counts.  --scale 0.01 makes small files, to see that it works.
The tables are printed at the end; --doc puts them into docs/PERFORMANCE.md, behind its text.
"""
import argparse
import math
import os
import pickle
import resource
import subprocess
import sys
import tempfile

import shapes

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get('builddir', '.')
TOOL = os.path.join(BUILD, 'tests/bench/bench_tool')
PROGRAM = os.environ.get('PKLBROWSE', os.path.join(BUILD, 'pklbrowse'))
PYTHON_ROUNDS = 3  # at most: the long part of it all
TEXT_MOST = 100 * shapes.MB  # file that is printed; Python's text of 1 GB of bytes is 4 GB
DIS_MOST = 8 * shapes.MB  # pickletools takes many minutes otherwise ...
DIS_FEW = 50 * shapes.MB  # ... but where opcodes are few and long
FEW_OPCODES = ('Korean, long', 'one bytes value')
NO_REPR = ('deep nesting',)  # Python's repr() has no end to its recursion

PYTHON = f"""
import gc, os, pickle, pickletools, sys, time
sys.path.insert(0, {HERE!r})
import shapes
what, path = sys.argv[1:]
gc.disable()
data = open(path, 'rb').read()
t = time.process_time_ns()
if what == 'dis':
    pickletools.dis(data, open(os.devnull, 'w'))
else:
    x = pickle.loads(data)
print(time.process_time_ns() - t, flush=True)
if what == 'repr':
    repr(x)
    print(time.process_time_ns() - t, flush=True)
os._exit(0)
"""

# What is asked for: at least, in a column of one of the tables.
LEAST = {'index': 5, 'repr': 1, 'json': 1, 'dis': 20}
LEAST_MEAN = {'index': 15, 'rate --repr': 50, 'rate --json': 50}


def python_times(what, path):
    """CPU times of CPython in seconds, the collector off, the file read before."""
    r = subprocess.run(
        [sys.executable, '-c', PYTHON, what, path], capture_output=True, text=True, check=True
    )
    return [int(n) / 1e9 for n in r.stdout.split()]


def tool(*args):
    r = subprocess.run([TOOL, *args], capture_output=True, text=True, check=True)
    return [int(n) for n in r.stdout.split()]


def program_time(*args):
    """CPU time of the program and the bytes that it wrote."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    p = subprocess.Popen([PROGRAM, *args], stdout=subprocess.PIPE)
    written = 0
    while piece := os.read(p.stdout.fileno(), 1 << 20):
        written += len(piece)
    p.stdout.close()
    if p.wait() != 0:
        sys.exit(f'{PROGRAM} {" ".join(args)} ended with {p.returncode}')
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, written


def quiet_time(*args):
    """CPU time of the program when nobody reads what it writes, as nobody reads Python's."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([PROGRAM, *args], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def write(folder, make, size):
    """A file of about that size, made by a process of its own."""
    path = os.path.join(folder, f'{int(size)}.pkl')
    pid = os.fork()
    if pid == 0:
        with open(path, 'wb') as f:
            f.write(make(size))
        os._exit(0)
    if os.waitpid(pid, 0)[1] != 0:
        sys.exit('cannot make a file')
    return path, os.path.getsize(path)


def geometric(values):
    return math.exp(sum(map(math.log, values)) / len(values)) if values else math.nan


def middle_path(path):
    """A place in the middle of the outermost container, as a path of the program."""
    with open(path, 'rb') as f:
        value = pickle.load(f)
    if isinstance(value, dict):
        return f'[{list(value)[len(value) // 2]!r}]'
    return f'[{len(value) // 2}]' if isinstance(value, (list, tuple)) else None


def in_child(function, *args):
    """Its result as text, without the memory that it took."""
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(w, str(function(*args)).encode())
        os._exit(0)
    os.close(w)
    with os.fdopen(r) as f:
        text = f.read()
    os.waitpid(pid, 0)
    return text


class Table:
    def __init__(self, title, head):
        self.title, self.head, self.rows = title, head, []

    def text(self):
        lines = [f'## {self.title}', '', '| ' + ' | '.join(self.head) + ' |']
        lines.append('|---' * len(self.head) + '|')
        lines += ['| ' + ' | '.join(row) + ' |' for row in self.rows]
        return '\n'.join(lines) + '\n'


class Bench:
    def __init__(self, folder, options):
        self.folder, self.options = folder, options
        self.index = Table(
            'The index pass against `pickle.loads`, the collector off',
            ['shape', 'MB', 'loads ms', 'index ms', 'times as fast', 'file read ms']
            + ['times as fast', 'peak, kernel', 'peak, allocator', 'kept'],
        )
        self.looks = Table(
            'After the index',
            ['shape', '50 children, median µs', '99 % µs', 'worst µs']
            + ['`show PATH`', 'ms in all', 'index ms, file read'],
        )
        self.prints = Table(
            'Text, as MB of output a second of the whole program',
            ['shape', 'MB', '`--repr`', 'times as fast as `repr(loads())`', '`--json`']
            + ['times as fast as `repr(loads())`', 'MB', '`dis`']
            + ['times as fast as `pickletools.dis`'],
        )
        self.values = {}  # name of a figure -> {shape: value}
        self.missed = []

    def note(self, figure, shape, value):
        self.values.setdefault(figure, {})[shape] = value
        if value < LEAST.get(figure, 0):
            self.missed.append(f'{figure} of {shape}: {value:.2f} times, {LEAST[figure]} wanted')
        return value

    def mean(self, figure):
        values = self.values.get(figure, {})
        mean = geometric([v for name, v in values.items() if name not in shapes.APART])
        if mean < LEAST_MEAN.get(figure, 0):
            self.missed.append(f'{figure} in the mean: {mean:.2f}, {LEAST_MEAN[figure]} wanted')
        return mean

    def measure_index(self, name, path):
        best = {}
        for i in range(self.options.rounds):
            times = {how: tool('index', how, path)[0] / 1e9 for how in ('spool', 'file')}
            if i < PYTHON_ROUNDS:
                python = python_times('loads' if name in NO_REPR else 'repr', path)
                times.update(zip(('loads', 'repr'), python))
            for what, seconds in times.items():
                best[what] = min(seconds, best.get(what, math.inf))
        return best

    def add_index(self, name, path, size, best):
        kernel, heap, kept = tool('memory', 'spool', path)
        self.note('peak, kernel', name, max(kernel, 1) / size)
        self.note('peak, allocator', name, max(heap, 1) / size)
        if max(kernel, heap) > 0.05 * size + 8 * 1024 * 1024:
            self.missed.append(f'memory of {name}: {max(kernel, heap)} bytes')
        self.index.rows.append(
            [name, f'{size / 1e6:.1f}', f'{best["loads"] * 1e3:.0f}', f'{best["spool"] * 1e3:.1f}']
            + [f'**{self.note("index", name, best["loads"] / best["spool"]):.1f}**']
            + [f'{best["file"] * 1e3:.1f}']
            + [f'{self.note("file", name, best["loads"] / best["file"]):.1f}']
            + [f'{kernel / size:.2%}', f'{heap / size:.2%}', f'{kept / size:.2%}']
        )
        print(' | '.join(self.index.rows[-1]), flush=True)

    def add_looks(self, name, path, best):
        took = tool('children', 'file', path, '2000')
        if took[1] > 1e6:
            self.missed.append(f'50 children of {name}: {took[1] / 1e3:.0f} µs')
        row = [name] + [f'{n / 1e3:.0f}' for n in took]
        place = in_child(middle_path, path) if name not in shapes.APART else 'None'
        if place == 'None':
            row += ['', '', '']
        else:
            rounds = range(self.options.rounds)
            once = min(program_time('show', path, place)[0] for _ in rounds)
            row += [f'`{place}`', f'{once * 1e3:.0f}', f'{best["file"] * 1e3:.0f}']
        self.looks.rows.append(row)

    def add_text(self, name, path, size, python, make):
        row = [name, f'{size / 1e6:.1f}']
        for how in ('repr', 'json'):
            rounds = range(min(self.options.rounds, PYTHON_ROUNDS))
            seconds, written = min(program_time('show', f'--{how}', path) for _ in rounds)
            rate = self.note(f'rate --{how}', name, written / seconds / 1e6)
            row += [f'{rate:.0f}', f'{self.note(how, name, python / seconds):.1f}']
        few = name in FEW_OPCODES
        path, size = write(self.folder, make, min(size, DIS_FEW if few else DIS_MOST))
        rounds = range(min(self.options.rounds, PYTHON_ROUNDS))
        written = program_time('dis', path)[1]
        seconds = min(quiet_time('dis', path) for _ in rounds)
        python = min(python_times('dis', path)[0] for _ in range(2 if few else 1))
        row += [f'{size / 1e6:.1f}', f'{written / seconds / 1e6:.0f}']
        row.append(f'{self.note("dis", name, python / seconds):.0f}')
        self.prints.rows.append(row)
        print(' | '.join(row), flush=True)

    def shape(self, name, size, make):
        path, size = write(self.folder, make, size * self.options.scale)
        best = self.measure_index(name, path)
        self.add_index(name, path, size, best)
        self.add_looks(name, path, best)
        if name in NO_REPR:
            return
        if size > TEXT_MOST:
            os.unlink(path)
            path, size = write(self.folder, make, TEXT_MOST)
            best['repr'] = python_times('repr', path)[1]
        self.add_text(name, path, size, best['repr'], make)

    def text(self):
        self.index.rows.append(
            ['*geometric mean*', '', '', '', f'**{self.mean("index"):.1f}**', '']
            + [f'{self.mean("file"):.1f}', f'{self.mean("peak, kernel"):.2%}']
            + [f'{self.mean("peak, allocator"):.2%}', '']
        )
        self.prints.rows.append(
            ['*geometric mean*', '', f'{self.mean("rate --repr"):.0f}', f'{self.mean("repr"):.1f}']
            + [f'{self.mean("rate --json"):.0f}', f'{self.mean("json"):.1f}', '', '']
            + [f'{self.mean("dis"):.0f}']
        )
        return '\n'.join(t.text() for t in (self.index, self.looks, self.prints))


def put_into(path, text):
    """Between what the document says before its first table and the chapter that follows."""
    with open(path) as f:
        whole = f.read()
    before, after = whole.split('\n## ')[0], whole.find('\n# ', 1)
    with open(path, 'w') as f:
        f.write(before.rstrip('\n') + '\n\n' + text.rstrip('\n') + '\n')
        if after >= 0:
            f.write(whole[after:])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--scale', type=float, default=1.0)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--only', default='')
    parser.add_argument('--out')
    parser.add_argument('--doc')
    options = parser.parse_args()
    bench = None
    for name, (size, make) in shapes.SHAPES.items():
        if options.only not in name:
            continue
        with tempfile.TemporaryDirectory(prefix='pklbrowse-bench.') as folder:
            bench = bench or Bench(folder, options)
            bench.folder = folder
            bench.shape(name, size, make)
    if bench is None:
        sys.exit(f'no shape is called {options.only}')
    text = bench.text()
    print('\n' + text)
    for line in bench.missed:
        print(f'missed: {line}')
    if options.out:
        with open(options.out, 'w') as f:
            f.write(text)
    if options.doc:
        put_into(options.doc, text)


if __name__ == '__main__':
    main()
