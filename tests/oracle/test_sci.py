#!/usr/bin/env python3
"""Arrays against numpy: texts, and every element on demand.

Random arrays of every kind of dtype, in both byte orders and both orders of elements, by the real
numpy in every protocol; what is shown is compared with what numpy says of them.  Then the corpus
(its sci folder was made for this project by two generations of numpy): everything that numpy wrote
there is shown through a lens, whatever protocol it is in.  PKLBROWSE_SEED repeats a run.
"""
import bz2
import csv
import glob
import gzip
import lzma
import os
import pickle
import random
import re
import subprocess
import sys
import tempfile
import zlib

import suite
from suite import CORPUS, PKL_TOOL, SEED, check, skip

rnd = random.Random(SEED)

try:
    import numpy as np
except ImportError:
    np = None


def run(command, names):
    """What the tool says of each file: (lines, status)."""
    out = subprocess.run(
        [PKL_TOOL, command, '-'],
        input='\n'.join(names).encode(),
        check=False,
        stdout=subprocess.PIPE,
    ).stdout.decode('utf-8', 'surrogateescape')
    answers, lines = [], []
    for line in out.split('\n'):
        if line.startswith('-- '):
            answers.append((lines, line[3:]))
            lines = []
        else:
            lines.append(line)
    check(len(answers) == len(names), '%d answers to %d files' % (len(answers), len(names)))
    return answers


def say(command, values, protocols=range(6)):
    """The same, of values that are pickled here: one answer a value and protocol."""
    with tempfile.TemporaryDirectory() as folder:
        names = []
        for value in values:
            for protocol in protocols:
                names.append(os.path.join(folder, str(len(names))))
                with open(names[-1], 'wb') as f:
                    pickle.dump(value, f, protocol)
        answers = run(command, names)
    each = len(list(protocols))
    return [answers[i * each : i * each + each] for i in range(len(values))]


# --- what the documented form is, from numpy's own values -------------------------------------


def item_text(x, dtype):
    if dtype.subdtype is not None:
        base, _ = dtype.subdtype
        if not isinstance(x, np.ndarray):
            return item_text(x, base)
        return '[%s]' % ', '.join(item_text(y, dtype if x.ndim > 1 else base) for y in x)
    if dtype.names is not None:
        parts = [item_text(x[name], dtype[name]) for name in dtype.names]
        return '(%s%s)' % (', '.join(parts), ',' if len(parts) == 1 else '')
    kind = dtype.kind
    if kind == 'f' and dtype.itemsize < 8:
        return repr(float(str(x)))
    if kind == 'f' and dtype.itemsize > 8:
        return None
    if kind == 'c' and dtype.itemsize == 16:
        return repr(complex(x))
    if kind == 'M':
        return "'%s'" % x
    if kind == 'm':
        return "'NaT'" if np.isnat(x) else str(x.astype('i8'))
    if kind == 'V':
        return repr(bytes(x))
    if kind == 'U':
        return repr(str(x))
    return repr(x.item())


def dtype_name(dtype):
    if dtype.names is not None or dtype.subdtype is not None:
        return str(dtype)
    if dtype.kind in 'SV':
        return dtype.str[1:]
    return str(dtype)


def array_text(a):
    texts = [item_text(x, a.dtype) for x in a.reshape(-1)] if a.size <= 1000 else None
    if texts is not None and a.nbytes <= 65536:
        inner = ', '.join(texts)
    else:
        flat = a.reshape(-1)
        ends = [item_text(x, a.dtype) for x in list(flat[:3]) + list(flat[-3:])]
        inner = ', '.join(ends[:3]) + ', …, ' + ', '.join(ends[3:])
    if a.ndim > 0:
        inner = '[%s]' % inner
    return '<numpy.ndarray %s %s %s>' % (dtype_name(a.dtype), a.shape, inner)


# --- random arrays ----------------------------------------------------------------------------

UNITS = ['Y', 'M', 'W', 'D', 'h', 'm', 's', 'ms', 'us', 'ns', 'ps', 'fs', 'as', '25s', '7D']


def simple():
    order = rnd.choice('<>')
    return np.dtype(
        rnd.choice(
            [
                '?', 'i1', 'u1', order + 'i2', order + 'u2', order + 'i4', order + 'u4',
                order + 'i8', order + 'u8', order + 'f2', order + 'f4', order + 'f8',
                order + 'c16', 'S%d' % rnd.randrange(1, 6), order + 'U%d' % rnd.randrange(1, 5),
                order + 'M8[%s]' % rnd.choice(UNITS), order + 'm8[%s]' % rnd.choice(UNITS),
                'V%d' % rnd.randrange(1, 5),
            ]
        )
    )  # fmt: skip


def structured(depth=0):
    fields = []
    for i in range(rnd.randrange(1, 5)):
        name = rnd.choice(['a', 'b', 'é', 'a b', "it's", '']) + str(i)
        inner = structured(depth + 1) if depth < 2 and rnd.randrange(5) == 0 else simple()
        if rnd.randrange(4) == 0:
            fields.append((name, inner, tuple(rnd.choices([1, 2, 3], k=rnd.randrange(1, 3)))))
        elif rnd.randrange(6) == 0:
            fields.append((('the ' + name, name), inner))
        else:
            fields.append((name, inner))
    if rnd.randrange(5) == 0 and len(fields[0]) == 2:
        return np.dtype(fields).newbyteorder(rnd.choice('<>'))
    return np.dtype(fields, align=rnd.randrange(3) == 0)


def filled(dtype, shape):
    count = int(np.prod(shape, dtype='i8'))
    raw = bytearray(rnd.randbytes(count * dtype.itemsize))
    a = np.frombuffer(bytes(raw), dtype, count) if dtype.itemsize and count else np.zeros(0, dtype)
    a = a.copy()
    fill(a)
    return a.reshape(shape)


def fill(a):
    """Random bytes are no characters, and no dates."""
    if a.dtype.names is not None:
        for name in a.dtype.names:
            fill(a[name])
        return
    for i in np.ndindex(a.shape):
        kind, bits = a.dtype.kind, 8 * a.dtype.itemsize
        if kind == 'U':
            a[i] = ''.join(rnd.choices('aZé한😀\x00\n\'', k=a.dtype.itemsize // 4))
        elif kind == 'M':
            a[i] = np.datetime64('NaT') if rnd.randrange(9) == 0 else None
            a[i] = np.array(rnd.randrange(-20000, 20000), 'i8').astype(a.dtype)
            if rnd.randrange(9) == 0:
                a[i] = np.datetime64('NaT')
        elif kind == 'b':
            a[i] = rnd.randrange(2)
        elif kind in 'fc' and rnd.randrange(2) == 0:
            a[i] = rnd.choice([0, -0.0, 1, 0.1, 1e-5, 65504, float('inf'), float('nan')])
        elif kind == 'm' and rnd.randrange(2) == 0:
            a[i] = rnd.choice([np.timedelta64('NaT'), np.timedelta64(rnd.randrange(100))])
        elif kind == 'S' and rnd.randrange(2) == 0:
            a[i] = rnd.choice([b'', b'a', b"it's"])
        del bits


def random_shape():
    return tuple(rnd.choices([0, 1, 2, 3, 5], weights=[1, 4, 4, 4, 2], k=rnd.randrange(4)))


def test_arrays():
    arrays = []
    for _ in range(400):
        a = filled(simple() if rnd.randrange(3) else structured(), random_shape())
        if rnd.randrange(3) == 0:
            a = np.asfortranarray(a)
        arrays.append(a)
    arrays += [np.arange(n).astype(d) for n in (1000, 1001, 70000) for d in ('f4', 'i8', 'U3')]
    arrays += [np.array(3.5), np.array('x'), np.array([[1.5, 2], [3, 4]]).T]
    for a, answers in zip(arrays, say('repr', arrays)):
        want = array_text(a)
        for protocol, (lines, status) in enumerate(answers):
            check(
                (lines, status) == ([want], 'ok'),
                'p%d %r %r: %s %s instead of %s'
                % (protocol, a.dtype, a.shape, status, '\n'.join(lines), want),
            )


def test_elements():
    """Rows, elements and fields by their paths."""
    arrays = []
    for _ in range(150):
        a = filled(simple() if rnd.randrange(2) else structured(), random_shape())
        arrays.append(np.asfortranarray(a) if rnd.randrange(2) else a)
    for a, answers in zip(arrays, say('shown', arrays, [2, 4, 5])):
        want = []

        def below(x, path, a=a, want=want):
            if x.ndim > 0:
                for i, y in enumerate(x):
                    y = x[i : i + 1].reshape(x.shape[1:])
                    here = '%s[%d]' % (path, i)
                    if y.ndim > 0:
                        want.append('%s = %s' % (here, array_text(y)))
                    else:
                        want.append('%s = %s' % (here, item_text(y[()], a.dtype)))
                    below(y, here)
            elif a.dtype.names is not None:
                for name in a.dtype.names:
                    text = item_text(x[()][name], a.dtype[name])
                    want.append('%s[%r] = %s' % (path, name, text))

        below(a, '')
        for lines, status in answers:
            check(
                (lines, status) == (want[:3000], 'ok'),
                '%r %r: %s\n%s\ninstead of\n%s'
                % (a.dtype, a.shape, status, '\n'.join(lines), '\n'.join(want)),
            )


def test_objects():
    flat = np.array(['a', None, {'x': 1}, 2.5], dtype=object)
    for lines, status in say('repr', [flat, flat.reshape(2, 2)])[1]:
        check(
            (lines, status) == (["<numpy.ndarray object (2, 2) ['a', None, {'x': 1}, 2.5]>"], 'ok'),
            'objects: %s %s' % (status, lines),
        )
    want = [
        "[0] = <numpy.ndarray object (2,) ['a', None]>",
        "[0][0] = 'a'",
        '[0][1] = None',
        "[1] = <numpy.ndarray object (2,) [{'x': 1}, 2.5]>",
        "[1][0] = {'x': 1}",
        "[1][0]['x'] = 1",
        '[1][1] = 2.5',
    ]
    for lines, status in say('shown', [flat.reshape(2, 2)])[0]:
        check((lines, status) == (want, 'ok'), 'objects: %s %s' % (status, lines))


def test_scalars():
    scalars = [filled(simple(), (1,))[0] for _ in range(200)]
    scalars += [np.float32(0.1), np.str_('hey'), np.bool_(True), np.datetime64('2024-01-02')]
    names = {'bool': 'bool_', 'bytes': 'bytes_', 'str': 'str_'}
    for x, answers in zip(scalars, say('repr', scalars)):
        name = type(x).__name__
        name = 'numpy.' + names.get(name, name)
        if x.dtype.kind in 'mM':
            name += x.dtype.name[x.dtype.name.index('[') :]
        want = '<%s %s>' % (name, item_text(x, x.dtype))
        for lines, status in answers:
            check(
                (lines, status) == ([want], 'ok'),
                '%r %r: %s %s instead of %s' % (x.dtype, x, status, lines, want),
            )


def test_dtypes():
    dtypes = [simple() for _ in range(60)] + [structured() for _ in range(300)]
    dtypes += [np.dtype('O'), np.dtype(('f8', (2, 3)))]
    dtypes.append(np.dtype({'names': ['x', 'y'], 'formats': ['i1', 'f4'], 'offsets': [2, 8]}))
    for dtype, answers in zip(dtypes, say('repr', dtypes)):
        for lines, status in answers:
            check(
                (lines, status) == ([repr(dtype)], 'ok'),
                '%s %s instead of %r' % (status, lines, dtype),
            )


# --- the corpus -------------------------------------------------------------------------------


def test_corpus():
    files = sorted(glob.glob(os.path.join(CORPUS, 'generated/sci/*/*.p?.pkl')))
    if not files:
        skip('no corpus at %s' % CORPUS)
        return
    raw = re.compile(
        r'<numpy\.(dtype|_?core\.multiarray\.(_reconstruct|scalar)|_?core\.numeric\._frombuffer) '
    )
    by_value = {}
    for name, (lines, status) in zip(files, run('repr', files)):
        check(status == 'ok', '%s: %s' % (name, status))
        text = '\n'.join(lines)
        check(not raw.search(text), '%s: %s' % (name, text))
        what = name.split('.p')[0]
        if re.match(r'(np|dt|sc)_', os.path.basename(what)):
            by_value.setdefault(what, set()).add(text)
    for what, texts in by_value.items():
        check(len(texts) == 1, '%s: not the same in all protocols: %s' % (what, texts))


# --- joblib: arrays in the midst of the pickle --------------------------------------------------

WRAPPER = b'NumpyArrayWrapper'
UNPACK = {'raw': bytes, 'gzip': gzip.decompress, 'bz2': bz2.decompress, 'zlib': zlib.decompress}


def unpack_zf(data):
    """Compressed by joblib before 0.9.3: ZF, a length of 19 characters (20 in Python 2), zlib."""
    for header in (21, 22, 23):
        if data[header : header + 1] == b'x':
            return zlib.decompress(data[header:])
    raise zlib.error('no zlib behind the length')


UNPACK['joblib-ZF'] = unpack_zf
UNPACK.update(xz=lzma.decompress, lzma=lzma.decompress)


def joblib_streams():
    """(name, bytes) of all the streams of the corpus that hold joblib's wrapper; never loaded."""
    index = os.path.join(CORPUS, 'INDEX.tsv')
    if not os.path.exists(index):
        return
    with open(index) as f:
        rows = list(csv.DictReader(f, delimiter='\t'))
    for row in rows:
        path = os.path.join(CORPUS, row['path'])
        if row['container'] not in UNPACK or path.endswith('.npy.z') or not os.path.exists(path):
            continue
        with open(path, 'rb') as f:
            data = f.read()
        try:
            data = UNPACK[row['container']](data)
        except (OSError, EOFError, lzma.LZMAError, zlib.error):
            continue
        # Arrays in the midst of it, arrays in files beside it, or a dump in the oldest form.
        if row['container'] == 'joblib-ZF' or b'NDArrayWrapper' in data or WRAPPER in data:
            yield row['path'], data


def test_joblib():
    streams = list(joblib_streams())
    if not streams:
        skip('no joblib files in a corpus at %s' % CORPUS)
        return
    with tempfile.TemporaryDirectory() as folder:
        names = []
        for i, (_, data) in enumerate(streams):
            names.append(os.path.join(folder, str(i)))
            with open(names[-1], 'wb') as f:
                f.write(data)
        for (name, data), (lines, status) in zip(streams, run('check', names)):
            want = 'pickles 1 end %d ' % len(data)
            check(
                status == 'ok' and lines and lines[-1].startswith(want),
                '%s: %s %s instead of %s' % (name, status, lines, want),
            )
        for command in ['walk', 'spans', 'repr']:
            for (name, _), (lines, status) in zip(streams, run(command, names)):
                check(status == 'ok', '%s: %s %s' % (command, name, status))
                if command == 'repr':
                    check(
                        'NumpyArrayWrapper' not in '\n'.join(lines),
                        '%s: a wrapper is raw: %s' % (name, '\n'.join(lines)),
                    )
        # Half of it: everything up to there is shown, and nothing is taken for the end.
        halves = []
        for i, (_, data) in enumerate(streams):
            for part in range(1, 20):
                halves.append(os.path.join(folder, '%d_%d' % (i, part)))
                with open(halves[-1], 'wb') as f:
                    f.write(data[: len(data) * part // 20])
        for name, (lines, status) in zip(halves, run('walk', halves)):
            check('not a valid pickle' in status, 'half of %s: %s' % (name, status))
    print('%d joblib streams' % len(streams))


if np is None:
    skip('python3-numpy is not installed: only the corpus is looked at')
else:
    np.seterr(all='ignore')
    print('numpy %s, seed %d' % (np.__version__, SEED))
    for test in [test_arrays, test_elements, test_objects, test_scalars, test_dtypes]:
        test()
test_corpus()
test_joblib()
sys.exit(suite.end())
