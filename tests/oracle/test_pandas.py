#!/usr/bin/env python3
"""Tables of pandas against pandas: columns, dtypes, shapes, values, by texts and by paths.

What the installed pandas pickles, in every protocol, is shown and compared with what pandas says of
it.  Then the corpus (tables of pandas 0.25 to 2.2, made by others; never loaded): the same value is
shown alike by two generations, every table has a lens, every child is found again by its id.
"""
import glob
import os
import pickle
import subprocess
import sys
import tempfile

import suite
from suite import CORPUS, PKL_TOOL, check, skip


try:
    import numpy as np
    import pandas as pd
except ImportError:
    pd = None


def run(command, names):
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


def say(command, values):
    with tempfile.TemporaryDirectory() as folder:
        names = []
        for value in values:
            for protocol in range(6):
                names.append(os.path.join(folder, str(len(names))))
                with open(names[-1], 'wb') as f:
                    pickle.dump(value, f, protocol)
        answers = run(command, names)
    return [answers[i * 6 : i * 6 + 6] for i in range(len(values))]


# --- what the documented form is, from pandas's own values --------------------------------------


def leaf_text(x, dtype):
    if isinstance(x, pd.Interval):
        left, right = leaf_text(x.left, None), leaf_text(x.right, None)
        return '%s%s, %s%s' % (
            '(['[x.closed in ('left', 'both')],
            left,
            right,
            ')]'[x.closed in ('right', 'both')],
        )
    if isinstance(dtype, pd.CategoricalDtype):
        return 'nan' if x != x else leaf_text(x, dtype.categories.dtype)
    if isinstance(x, pd.Timestamp):
        zone = '' if x.tz is None else 'Z'
        text = np.datetime64(x.value, 'ns')
        return "'%s%s'" % (text, zone)
    if x is pd.NaT:
        return "'NaT'"
    if x is pd.NA:
        return '<NA>'
    if isinstance(x, pd.Timedelta):
        return str(x.value)
    if isinstance(x, np.float32):
        return repr(float(str(x)))
    return repr(x.item() if isinstance(x, np.generic) else x)


def values_text(values):
    """Of a Series or an Index."""
    n = len(values)
    dtype = values.dtype
    if isinstance(dtype, pd.PeriodDtype):
        return 'ordinals=[%s]' % ', '.join(str(x) for x in values.array.asi8)
    at = list(range(n)) if n <= 1000 else [0, 1, 2, None, n - 3, n - 2, n - 1]
    array = values.array if not isinstance(values, pd.MultiIndex) else values
    texts = ['…' if i is None else leaf_text(array[i], dtype) for i in at]
    return '[%s]' % ', '.join(texts)


def dtype_text(dtype):
    if isinstance(dtype, pd.PeriodDtype):
        return 'period[%s]' % type(dtype.freq).__name__
    return str(dtype)


def index_text(index):
    if isinstance(index, pd.MultiIndex):
        names = ' names=%r' % list(index.names)
        tuples = [
            '(%s%s)' % (', '.join(leaf_text(x, None) for x in t), ',' if len(t) == 1 else '')
            for t in index
        ]
        return '<pandas.MultiIndex object (%d,) [%s]%s>' % (len(index), ', '.join(tuples), names)
    if isinstance(index, pd.RangeIndex):
        name = '' if index.name is None else ', name=%r' % index.name
        return 'RangeIndex(start=%d, stop=%d, step=%d%s)' % (
            index.start,
            index.stop,
            index.step,
            name,
        )
    name = '' if index.name is None else ' name=%r' % (index.name,)
    return '<pandas.%s %s (%d,) %s%s>' % (
        type(index).__name__,
        dtype_text(index.dtype),
        len(index),
        values_text(index),
        name,
    )


def table_text(t):
    if isinstance(t, pd.Series):
        name = '' if t.name is None else ' name=%r' % (t.name,)
        return '<pandas.Series (%d,) %s %s%s index=%s>' % (
            len(t),
            dtype_text(t.dtype),
            values_text(t),
            name,
            index_text(t.index),
        )
    columns = []
    for i, label in enumerate(t.columns):
        column = t.iloc[:, i]
        if isinstance(label, tuple):
            label = '(%s)' % ', '.join(leaf_text(x, None) for x in label)
        else:
            label = leaf_text(label, None)
        columns.append('%s: %s %s' % (label, dtype_text(column.dtype), values_text(column)))
    return '<pandas.DataFrame %s {%s} index=%s>' % (
        t.shape,
        ', '.join(columns),
        index_text(t.index),
    )


def tables():
    dates = pd.date_range('2024-01-01', periods=4, freq='D')
    every = pd.DataFrame(
        {
            'i': [1, -2, 3, 4],
            'f': [1.5, float('nan'), -0.0, 1e300],
            's': ['x', None, "it's", 'é'],
            'b': [True, False, True, True],
            'd': dates,
            'z': dates.tz_localize('Europe/Paris'),
            'u': dates.tz_localize('UTC'),
            't': pd.to_timedelta([1, 2, None, 4], 'h'),
            'c': pd.Categorical(['u', 'v', None, 'u']),
            'n': pd.Categorical([10, 20, 10, 20], ordered=True),
            'I': pd.array([1, None, 3, 4], dtype='Int64'),
            'U': pd.array([1, None, 3, 4], dtype='UInt8'),
            'F': pd.array([1.5, None, 3, 4], dtype='Float64'),
            'B': pd.array([True, None, False, True], dtype='boolean'),
            'S': pd.array(['a', None, 'c', 'd'], dtype='string'),
            'p': pd.period_range('2024-01', periods=4, freq='M'),
            'v': pd.interval_range(0, 4),
            'i2': np.array([1, 2, 3, 4], 'i2'),
            'f2': np.array([0.1, 2, 3, 4], 'f4'),
            'i3': [5, 6, 7, 8],
        }
    )
    yield every
    yield every.iloc[:0]
    yield every.iloc[1:3]
    yield every[['i', 'f']].T
    yield every.set_index('d')
    yield every[['i', 'c', 's']].set_index(['c', 's'])
    yield every[['I', 'f']].set_index('I')
    yield every[['i', 's', 'v']].set_index('v')
    for column in every:
        yield every[column]
    yield pd.DataFrame()
    yield pd.DataFrame(np.arange(12).reshape(3, 4))
    yield pd.DataFrame(np.arange(12.0).reshape(3, 4), columns=[10, 20, 30, 40], index=list('abc'))
    yield pd.DataFrame(
        np.arange(4).reshape(2, 2), columns=pd.MultiIndex.from_tuples([('a', 1), ('b', 2)])
    )
    yield pd.DataFrame([[1, 2.5, 3]], columns=['a', 'a', 'b'])
    yield pd.DataFrame({'x': range(5000), 'y': np.arange(5000) / 7})
    yield pd.DataFrame({('k%d' % i): [i, i / 2] if i % 3 else [str(i), None] for i in range(300)})
    yield pd.Series(range(0, 20, 7), name='seven', index=pd.RangeIndex(5, 20, 7, name='r'))
    yield pd.Series({'a': 1}, name=('x', 2))
    for index in (
        pd.Index(['a', 'b'], name='n'), pd.Index([3, 1]), pd.Index([1.5]),
        pd.Index([], dtype=object),
        pd.RangeIndex(10, 0, -3), dates, dates.tz_localize('UTC'), pd.to_timedelta([1, 2], 's'),
        pd.period_range('2024', periods=2, freq='Y'), pd.interval_range(0.0, 2, closed='left'),
        pd.CategoricalIndex(['a', 'b', 'a']),
        pd.MultiIndex.from_product([['a', 'b'], [1, 2]], names=['k', None]),
        pd.Index(np.array([1, 2], 'u8')),
    ):  # fmt: skip
        yield index


def test_texts():
    values = list(tables())
    for value, answers in zip(values, say('repr', values)):
        table = isinstance(value, (pd.DataFrame, pd.Series))
        want = table_text(value) if table else index_text(value)
        for protocol, (lines, status) in enumerate(answers):
            check(
                (lines, status) == ([want], 'ok'),
                'p%d %s:\n%s\ninstead of\n%s' % (protocol, status, '\n'.join(lines), want),
            )


def test_paths():
    """Columns by label, rows by number, the index, each again by its id."""
    frame = pd.DataFrame({'a': [1, 2], 'b': [0.5, 2.5], 'c': ['x', 'y'], 'd': [3, 4]}, index=[7, 9])
    values = [
        frame,
        frame.rename(columns={'a': 10, 'b': 20, 'c': 30, 'd': 40})[[10, 20, 40]],
        pd.Series([1, 2], name='s'),
        pd.Index(['x', 'y']),
    ]
    wants = [
        [
            "['a'] = <numpy.ndarray int64 (2,) [1, 2]>",
            "['a'][0] = 1",
            "['a'][1] = 2",
            "['b'] = <numpy.ndarray float64 (2,) [0.5, 2.5]>",
            "['b'][0] = 0.5",
            "['c'] = <numpy.ndarray object (2,) ['x', 'y']>",
            "['c'][1] = 'y'",
            "['d'][1] = 4",
            '.index = <pandas.Int64Index int64 (2,) [7, 9]>',
            '.index[1] = 9',
        ],
        ['[20] = <numpy.ndarray float64 (2,) [0.5, 2.5]>', '[40][0] = 3'],
        [
            '.values = <numpy.ndarray int64 (2,) [1, 2]>',
            '.index = RangeIndex(start=0, stop=2, step=1)',
        ],
        ["[0] = 'x'", "[1] = 'y'"],
    ]
    for value, want, answers in zip(values, wants, say('shown', values)):
        for protocol, (lines, status) in enumerate(answers):
            if pd.__version__ >= '2':
                lines = [line.replace('pandas.Index', 'pandas.Int64Index') for line in lines]
            check(status == 'ok', 'p%d %s: %s' % (protocol, status, lines))
            for line in want:
                check(line in lines, 'p%d: %s is not in\n%s' % (protocol, line, '\n'.join(lines)))


# --- the corpus -------------------------------------------------------------------------------


def test_corpus():
    files = sorted(glob.glob(os.path.join(CORPUS, 'generated/sci/*/pd_*.p?.pkl')))
    real = sorted(
        glob.glob(os.path.join(CORPUS, 'real/pandas-dev__pandas/**/*.p*kl*'), recursive=True)
    )
    if not files or not real:
        skip('no corpus at %s' % CORPUS)
        return
    by_value = {}
    tabled = ('pd_df', 'pd_series', 'pd_index', 'pd_catindex', 'pd_tdindex', 'pd_multiindex')
    for name, (lines, status) in zip(files + real, run('repr', files + real)):
        check(status == 'ok', '%s: %s' % (name, status))
        text = '\n'.join(lines)
        for raw in ('<pandas.core.frame.', '<pandas.core.series.', '._new_', 'BlockManager'):
            check(raw not in text, '%s: %s is raw: %s' % (name, raw, text))
        base = os.path.basename(name).split('.p')[0]
        if base.startswith(tabled):
            # What the two generations call differently, and say less of.
            for one, other in (('Int64Index', 'Index'), ('period[MonthEnd]', 'period[M]')):
                text = text.replace(one, other)
            by_value.setdefault(base, set()).add(text)
    check(len(by_value) > 10, 'few kinds: %s' % list(by_value))
    for base, texts in by_value.items():
        check(len(texts) == 1, '%s: not the same in all protocols: %s' % (base, texts))
    for command in ('shown', 'walk', 'json'):
        for name, (_, status) in zip(files + real, run(command, files + real)):
            check(status == 'ok', '%s %s: %s' % (command, name, status))


if pd is None:
    skip('python3-pandas is not installed: only the corpus is looked at')
else:
    print('pandas %s' % pd.__version__)
    test_texts()
    test_paths()
test_corpus()
sys.exit(suite.end())
