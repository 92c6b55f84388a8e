"""What every script here begins and ends with: the tools under test, the seed, the count of checks.

Of each check that fails one line is printed, the first thirty of them; end() prints the last line,
which tests/run reads, and gives the exit status.
"""
import os
import random

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), '..', '..'))
BUILD = os.path.abspath(os.environ.get('builddir') or os.path.join(TOP, 'build'))
PROGRAM = os.path.abspath(os.environ.get('PKLBROWSE') or os.path.join(BUILD, 'pklbrowse'))
TOOLS = os.path.join(BUILD, 'tests', 'oracle')
EDIT_TOOL = os.environ.get('EDIT_TOOL') or os.path.join(TOOLS, 'edit_tool')
PKL_TOOL = os.environ.get('PKL_TOOL') or os.path.join(TOOLS, 'pkl_tool')
CORPUS = os.path.abspath(
    os.environ.get('PKLBROWSE_CORPUS') or os.path.join(TOP, '..', 'shared', 'corpus')
)
SEED = int(os.environ.get('PKLBROWSE_SEED') or random.SystemRandom().randrange(1 << 32))

_count = {'passed': 0, 'failed': 0, 'skipped': 0}


def check(good, *what):
    """Counts one expectation; what is said of it when it does not hold."""
    _count['passed' if good else 'failed'] += 1
    if not good and failures() <= 30:
        print('FAILED:', *(str(w)[:2000] for w in what))
    return good


def skip(why):
    _count['skipped'] += 1
    print('skipped:', why)


def failures():
    return _count['failed']


def begin(tool):
    """Says the seed; without the tool there is nothing to test, which is a failure."""
    print('   seed', SEED)
    if not os.access(tool, os.X_OK):
        check(False, f'{tool} is not built (make test-programs)')
        raise SystemExit(end())


def end():
    line = '{passed} passed, {failed} failed'.format(**_count)
    print(line + (', {skipped} skipped'.format(**_count) if _count['skipped'] else ''))
    return failures() > 0
