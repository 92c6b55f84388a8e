#!/usr/bin/env python3
"""Edits of leaves of real files, which are never loaded: walked before and after.

A walk over the opcodes, with a stack and a memo of its own and nothing called, must find the same
names of classes and functions, the same memo reads with the same values, as many frames, and the
same number of values.  Every file of corpus/real; PKLBROWSE_SEED repeats a run.
"""
import collections
import io
import os
import pickletools
import random
import subprocess
import sys

import suite
from suite import CORPUS, EDIT_TOOL, SEED, begin, check, skip

counts = collections.Counter()
MARK = object()
POPS = {'APPEND': 1, 'SETITEM': 2, 'BUILD': 1, 'POP': 1}
MAKES = {'REDUCE': 2, 'NEWOBJ': 2, 'NEWOBJ_EX': 3, 'TUPLE1': 1, 'TUPLE2': 2, 'TUPLE3': 3}
MAKES['BINPERSID'] = 1
GROUPS = ('LIST', 'TUPLE', 'DICT', 'FROZENSET', 'INST', 'OBJ')
ADDS = ('APPENDS', 'SETITEMS', 'ADDITEMS', 'POP_MARK')
SILENT = ('PROTO', 'FRAME', 'READONLY_BUFFER')


class Walk:
    """One pickle: a value is (opcode that made it, its argument)."""

    def __init__(self, f):
        self.names, self.reads, self.frames, self.values, self.dups = [], [], 0, 0, 0
        stack, memo = [], {}
        for op, arg, pos in pickletools.genops(f):
            self.step(op.name, arg, stack, memo)

    def group(self, stack):
        at = len(stack) - 1
        while stack[at] is not MARK:
            at -= 1
        inside = stack[at + 1 :]
        del stack[at:]
        return inside

    def step(self, name, arg, stack, memo):
        self.frames += name == 'FRAME'
        if name in SILENT:
            return
        if name == 'MARK':
            stack.append(MARK)
        elif name == 'STOP':
            stack.pop()
        elif name == 'DUP':
            self.values += stack[-1] is not MARK  # an edit of one of the two writes another value
            stack.append(stack[-1])
            self.dups += 1
        elif name in ('GET', 'BINGET', 'LONG_BINGET'):
            stack.append(memo[int(arg)])
            self.reads.append((int(arg), memo[int(arg)]))
        elif name in ('PUT', 'BINPUT', 'LONG_BINPUT'):
            memo[int(arg)] = stack[-1]
        elif name == 'MEMOIZE':
            memo[len(memo)] = stack[-1]
        elif name in POPS:
            if name == 'POP':
                self.values -= stack[-1] is not MARK
            del stack[len(stack) - POPS[name] :]
        elif name in ADDS:
            self.group(stack)
        else:
            self.make(name, arg, stack)

    def make(self, name, arg, stack):
        self.values += 1
        if name in GROUPS:
            self.group(stack)
        elif name == 'STACK_GLOBAL':
            name, arg = 'GLOBAL', '%s %s' % (stack[-2][1], stack[-1][1])
            del stack[-2:]
        elif name in MAKES:
            del stack[len(stack) - MAKES[name] :]
        if name in ('GLOBAL', 'INST', 'EXT1', 'EXT2', 'EXT4'):
            self.names.append((name, arg))
        stack.append((name, arg if not isinstance(arg, bytes) else arg[:60]))


def walk(data):
    """All pickles of a file, or None when pickletools stops."""
    f = io.BytesIO(data)
    found = []
    while True:
        at = f.tell()
        try:
            found.append(Walk(f))
        except Exception:
            f.seek(at)
            return (found, f.tell()) if found else None


class Tool:
    def __init__(self):
        self.p = subprocess.Popen(
            [EDIT_TOOL, 'edit'], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def ask(self, word, data=b''):
        self.p.stdin.write(b'%s %d\n%s' % (word.encode(), len(data), data))
        self.p.stdin.flush()
        line = self.p.stdout.readline().decode('utf-8', 'replace')
        if not line:
            raise SystemExit('seed %d: the tool died' % SEED)
        ok, _, rest = line.rstrip('\n').partition(' ')
        return ok == 'ok', rest


def compare(name, before, after):
    for n, (a, b) in enumerate(zip(before, after)):
        what = '%s, pickle %d: ' % (name, n)
        check(a.names == b.names, what + 'other names')
        check(a.reads == b.reads, what + 'other memo reads')
        check(a.frames == b.frames, what + '%d frames, %d after' % (a.frames, b.frames))
        # What DUP made gets a value of its own where it is edited.
        same = a.values == b.values or a.dups > b.dups
        check(same, what + '%d values, %d after' % (a.values, b.values))


def one(tool, rnd, name):
    data = open(name, 'rb').read()
    if not tool.ask('open', data)[0]:
        counts['not pickles'] += 1
        return
    asked = '%d %d leaves' % (rnd.getrandbits(40), rnd.choice([1, 3, 20]))
    ok, answer = tool.ask('shake', asked.encode())
    check(ok, '%s: %s' % (name, answer))
    if not ok or answer == '0':
        counts['without a leaf'] += 1
        return
    ok, answer = tool.ask('save')
    if not ok and 'is aligned to' in answer:
        counts['aligned arrays'] += 1  # which may not be moved by any number of bytes
        return
    check(ok, '%s, shake %s: %s' % (name, asked, answer))
    before = walk(data)
    if not ok or before is None:
        counts['not walked'] += 1
        return
    after = walk(bytes.fromhex(answer.split()[1]))
    check(after is not None, name + ': cannot be walked any more')
    if after is not None:
        counts['compared'] += 1
        check(len(before[0]) == len(after[0]), name + ': another number of pickles')
        compare(name, before[0], after[0])


def main():
    begin(EDIT_TOOL)
    top = os.path.join(CORPUS, 'real')
    files = sorted(os.path.join(r, n) for r, _, names in os.walk(top) for n in names)
    if not files:
        skip('no %s' % top)
    tool = Tool()
    for name in files:
        one(tool, random.Random('%d %s' % (SEED, os.path.relpath(name, top))), name)
    tool.p.stdin.close()
    print(len(files), 'files:', ', '.join('%s %d' % c for c in sorted(counts.items())))
    check(not files or counts['compared'] > 150, 'only %d files compared' % counts['compared'])
    return suite.end()


if __name__ == '__main__':
    sys.exit(main())
