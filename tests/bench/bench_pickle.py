#!/usr/bin/python3
"""Measures the pickle engine against CPython's own unpickler, in one run: `make bench-pickle`.

    bench_pickle.py [--scale F] [--rounds N] [--only WORD] [--out FILE]

Every figure is CPU time of a fresh process that does nothing else; ours and Python's take turns,
and the least disturbed round of each counts.  --scale 0.01 makes small files, to see that it works.
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
TEXT_MOST = 5 * shapes.MB  # file whose repr and JSON are printed
DIS_MOST = 2 * shapes.MB  # pickletools takes minutes otherwise

PYTHON = {
    'loads': 'pickle.loads(data)',
    'repr': 'repr(pickle.loads(data))',
    'dis': 'pickletools.dis(data, open(os.devnull, "w"))',
}


def python_time(what, path):
    """CPU time of CPython, the collector off, the file read before; None if it cannot."""
    code = (
        'import gc, os, pickle, pickletools, sys, time\n'
        f'sys.path.insert(0, {HERE!r})\n'
        'import shapes\n'
        'gc.disable()\n'
        f'data = open({path!r}, "rb").read()\n'
        't = time.process_time_ns()\n'
        f'x = {PYTHON[what]}\n'
        'print(time.process_time_ns() - t, flush=True)\n'
        'os._exit(0)\n'
    )
    r = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    return int(r.stdout) / 1e9 if r.returncode == 0 and r.stdout else None


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


def write(folder, make, size):
    """A file of about that size, made by a process of its own."""
    path = os.path.join(folder, 'shape.pkl')
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


def measure_index(path, rounds):
    best = {}
    for _ in range(rounds):
        for name, seconds in (
            ('loads', python_time('loads', path)),
            ('spool', tool('index', 'spool', path)[0] / 1e9),
            ('file', tool('index', 'file', path)[0] / 1e9),
        ):
            if seconds is not None:
                best[name] = min(seconds, best.get(name, math.inf))
    return best


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


def table(out, head, rows):
    out.append('| ' + ' | '.join(head) + ' |')
    out.append('|---' * len(head) + '|')
    out.extend('| ' + ' | '.join(row) + ' |' for row in rows)
    out.append('')


def bench_index(folder, options, chosen, out):
    rows, looks, ratios, peaks = [], [], {'spool': [], 'file': []}, {'kernel': [], 'heap': []}
    for name, (size, make) in chosen.items():
        path, size = write(folder, make, size * options.scale)
        best = measure_index(path, options.rounds)
        kernel, heap, kept = tool('memory', 'spool', path)
        ratio = {how: best['loads'] / best[how] for how in ratios}
        rows.append(
            [
                name,
                f'{size / 1e6:.1f}',
                f'{best["loads"] * 1e3:.0f}',
                f'{best["spool"] * 1e3:.1f}',
                f'**{ratio["spool"]:.1f}**',
                f'{best["file"] * 1e3:.1f}',
                f'{ratio["file"]:.1f}',
                f'{kernel / size:.2%}',
                f'{heap / size:.2%}',
                f'{kept / size:.2%}',
            ]
        )
        if name not in shapes.APART:
            for how in ratios:
                ratios[how].append(ratio[how])
            peaks['kernel'].append(max(kernel, 1) / size)
            peaks['heap'].append(max(heap, 1) / size)
        looks.append([name] + [f'{n / 1e3:.0f}' for n in tool('children', 'file', path, '2000')])
        place = in_child(middle_path, path) if name not in shapes.APART else 'None'
        if place != 'None':
            once = min(program_time('show', path, place)[0] for _ in range(options.rounds))
            looks[-1] += [f'`{place}`', f'{once * 1e3:.0f}', f'{best["file"] * 1e3:.0f}']
        else:
            looks[-1] += ['', '', '']
        print(' | '.join(rows[-1]), flush=True)
    means = [geometric(ratios[how]) for how in ('spool', 'file')]
    peak = [geometric(peaks[how]) for how in ('kernel', 'heap')]
    rows.append(
        ['*geometric mean*', '', '', '', f'**{means[0]:.1f}**', '', f'{means[1]:.1f}']
        + [f'{p:.2%}' for p in peak]
        + ['']
    )
    out.append('## The index pass against `pickle.loads`, the collector off\n')
    table(
        out,
        ['shape', 'MB', 'loads ms', 'index ms', 'times as fast', 'file read ms', 'times as fast']
        + ['peak, kernel', 'peak, allocator', 'kept'],
        rows,
    )
    out.append('## After the index\n')
    table(
        out,
        ['shape', '50 children, median µs', '99 % µs', 'worst µs']
        + ['`show PATH`', 'ms in all', 'index ms'],
        looks,
    )


def bench_text(folder, options, chosen, out):
    rows, rates, times = [], {'--repr': [], '--json': []}, []
    for name, (size, make) in chosen.items():
        if name == 'deep nesting':
            continue  # Python's repr() has no end to its recursion
        path, size = write(folder, make, min(size * options.scale, TEXT_MOST))
        row = [name, f'{size / 1e6:.1f}']
        python = min(python_time('repr', path) for _ in range(options.rounds))
        for how in rates:
            seconds, written = min(program_time('show', how, path) for _ in range(options.rounds))
            rates[how].append(written / seconds)
            row += [f'{written / seconds / 1e6:.0f}', f'{python / seconds:.1f}']
        path, size = write(folder, make, min(size, DIS_MOST))
        seconds = min(program_time('dis', path) for _ in range(options.rounds))[0]
        times.append(python_time('dis', path) / seconds)
        row.append(f'{times[-1]:.0f}')
        rows.append(row)
        print(' | '.join(row), flush=True)
    rows.append(
        ['*geometric mean*', '', f'{geometric(rates["--repr"]) / 1e6:.0f}', '']
        + [f'{geometric(rates["--json"]) / 1e6:.0f}', '', f'{geometric(times):.0f}']
    )
    out.append('## Text, as MB of output a second of the whole program\n')
    table(
        out,
        ['shape', 'MB', '`--repr`', 'times as fast as `repr(loads())`', '`--json`']
        + ['times as fast as `repr(loads())`', '`dis`, times as fast as `pickletools.dis`'],
        rows,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--scale', type=float, default=1.0)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--only', default='')
    parser.add_argument('--out')
    options = parser.parse_args()
    chosen = {name: s for name, s in shapes.SHAPES.items() if options.only in name}
    out = []
    with tempfile.TemporaryDirectory(prefix='pklbrowse-bench.') as folder:
        bench_index(folder, options, chosen, out)
        bench_text(folder, options, chosen, out)
    text = '\n'.join(out)
    print('\n' + text)
    if options.out:
        with open(options.out, 'w') as f:
            f.write(text)


if __name__ == '__main__':
    main()
