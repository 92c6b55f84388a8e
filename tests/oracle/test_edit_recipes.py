#!/usr/bin/env python3
"""The writer, recipe by recipe: these bytes, this edit, exactly those bytes.

Where what is written is another form than the recipe's (both load the same), the table says why.
What the recipes only show to be legal is read, edited and undone.
"""
import pickle
import struct
import subprocess
import sys

import suite
from suite import EDIT_TOOL, check


def ask(data, *commands):
    """The last answer."""
    text = b'open %d\n%s' % (len(data), data)
    for c in commands:
        word, _, rest = c.partition(' ')
        text += b'%s %d\n%s' % (word.encode(), len(rest), rest.encode())
    out = subprocess.run([EDIT_TOOL, 'edit'], input=text, stdout=subprocess.PIPE).stdout.decode()
    lines = out.rstrip('\n').split('\n')
    for c, answer in zip(('open',) + commands, lines):
        check(answer.startswith('ok'), '%r, %s: %s' % (data, c, answer))
    return lines[-1]


def saved(data, *commands):
    answer = ask(data, *commands, 'save').split()
    return bytes.fromhex(answer[2]) if answer[0] == 'ok' else b''


def framed(body):
    return b'\x80\x04\x95' + struct.pack('<Q', len(body)) + body


P2 = b'\x80\x02}q\x00(X\x01\x00\x00\x00aq\x01X\x01\x00\x00\x00xq\x02X\x01\x00\x00\x00bq\x03h\x02u.'
P4 = framed(b']\x94(\x8c\x01x\x94\x8c\x01y\x94h\x01e.')
NEST = framed(b']\x94(]\x94(\x8c\x01p\x94\x8c\x01q\x94e\x8c\x01z\x94h\x04e.')

# What the recipe is about, the original, the edits, what is written.  A FRAME that is there stays,
# however short; where there is none none is added.
EDITS = [
    (
        'edit everywhere: the definition, PUT kept',
        P2,
        ["everywhere .a='yy'"],
        P2.replace(b'X\x01\x00\x00\x00x', b'X\x02\x00\x00\x00yyq\x04').replace(b'h\x02', b'h\x04'),
        # The recipe changes the one literal.  Here the new text has a slot of its own, as every new
        # value that is shared.
    ),
    (
        'edit the definition only: old PUT POP new',
        P2,
        ["set .a='yy'"],
        P2.replace(b'xq\x02', b'xq\x020X\x02\x00\x00\x00yy'),
    ),
    (
        'edit the GET only: a literal without PUT',
        P2,
        ["set .b='yy'"],
        P2.replace(b'h\x02', b'X\x02\x00\x00\x00yy'),
    ),
    (
        'protocol 0, the definition only',
        b'(dp0\nVa\np1\nVx\np2\nsVb\np3\ng2\ns.',
        ["set .a='yy'"],
        b'(dp0\nVa\np1\nVx\np2\n0Vyy\nsVb\np3\ng2\ns.',
    ),
    (
        'delete item 0, its memo kept by POP',
        P4,
        ['del [0]'],
        framed(b']\x94(\x8c\x01x\x940\x8c\x01y\x94h\x01e.'),
    ),
    (
        'delete item 1: nothing reads a later number, so no dummy',
        P4,
        ['del [1]'],
        framed(b']\x94(\x8c\x01x\x94h\x01e.'),
    ),
    (
        'delete an item in front of a MEMOIZE that is read: filler',
        framed(b']\x94(\x8c\x01w\x94\x8c\x01z\x94h\x02e.'),
        ['del [0]'],
        framed(b']\x94(N\x940\x8c\x01z\x94h\x02e.'),
    ),
    (
        'delete a subtree of k memos: k fillers',
        NEST,
        ['del [0]'],
        framed(b']\x94(N\x94\x94\x940\x8c\x01z\x94h\x04e.'),
    ),
    (
        'insert without MEMOIZE',
        P4,
        ["add [1]='n'"],
        framed(b']\x94(\x8c\x01x\x94\x8c\x01n\x8c\x01y\x94h\x01e.'),
    ),
    (
        'insert a nested dict without memo',
        P4,
        ["add [1]={'k': [1]}"],
        framed(b']\x94(\x8c\x01x\x94}\x8c\x01k]K\x01as\x8c\x01y\x94h\x01e.'),
    ),
    (
        'append to an empty list after MEMOIZE',
        framed(b']\x94.'),
        ['add []=5'],
        framed(b']\x94K\x05a.'),
    ),
    (
        'append after APPENDS',
        framed(b']\x94(K\x01K\x02e.'),
        ['add []=3'],
        framed(b']\x94(K\x01K\x02K\x03e.'),
    ),
    (
        'insert at the head',
        framed(b']\x94(K\x01K\x02e.'),
        ['add [0]=0'],
        framed(b']\x94(K\x00K\x01K\x02e.'),
    ),
    (
        'one item stays of a group',
        framed(b']\x94(K\x01K\x02e.'),
        ['del [1]'],
        framed(b']\x94(K\x01e.'),
    ),
    (
        'none stays of a group',
        framed(b']\x94(K\x01K\x02e.'),
        ['del [0]', 'del [0]'],
        framed(b']\x94(e.'),
    ),
    ('the item of an APPEND', framed(b']\x94K\x01a.'), ['del [0]'], framed(b']\x94.')),
    ('the pair of a SETITEM', framed(b'}\x94\x8c\x01a\x94K\x01s.'), ['del .a'], framed(b'}\x94.')),
    (
        'a pair of SETITEMS',
        framed(b'}\x94(\x8c\x01a\x94K\x01\x8c\x01b\x94K\x02u.'),
        ['del .a'],
        framed(b'}\x94(\x8c\x01b\x94K\x02u.'),
    ),
    (
        'TUPLE2 to TUPLE3',
        framed(b'K\x01K\x02\x86\x94.'),
        ['add []=3'],
        framed(b'K\x01K\x02K\x03\x87\x94.'),
    ),
    (
        'TUPLE3 to MARK and TUPLE',
        framed(b'K\x01K\x02K\x03\x87\x94.'),
        ['add []=4'],
        framed(b'(K\x01K\x02K\x03K\x04t\x94.'),
    ),
    ('EMPTY_TUPLE to TUPLE1', b'\x80\x04).', ['add []=1'], b'\x80\x04K\x01\x85.'),
    (
        'all items of a tuple',
        framed(b'(K\x01K\x02K\x03K\x04t\x94.'),
        ['del [0]'] * 4,
        framed(b'(t\x94.'),
    ),
    (
        'a member of a set',
        framed(b'\x8f\x94(K\x01K\x02\x90.'),
        ['add []=3'],
        framed(b'\x8f\x94(K\x01K\x02K\x03\x90.'),
    ),
    (
        'a member of a frozenset',
        framed(b'(K\x01\x91\x94.'),
        ['add []=5'],
        framed(b'(K\x01K\x05\x91\x94.'),
    ),
    (
        'an int below 0',
        framed(b'K\x01K\x02\x86.'),
        ['set [0]=-1'],
        framed(b'J\xff\xff\xff\xffK\x02\x86.'),
    ),
    (
        'an int of 33 bits',
        framed(b'K\x01K\x02\x86.'),
        ['set [0]=2147483648'],
        framed(b'\x8a\x05\x00\x00\x00\x80\x00K\x02\x86.'),
    ),
    ('a big int of protocol 0', b'I1\n.', ['set =2147483648'], b'L2147483648L\n.'),
    ('a big int of protocol 1', b']K\x01a.', ['set [0]=2147483648'], b']L2147483648L\na.'),
    ('a bool of protocol 0', b'I1\n.', ['set =True'], b'I01\n.'),
    ('an int of protocol 0', b'I01\n.', ['set =1'], b'I1\n.'),
    (
        'str of protocol 2',
        b'\x80\x02X\x01\x00\x00\x00b.',
        ["set ='a'"],
        b'\x80\x02X\x01\x00\x00\x00a.',
    ),
    ('bytes of protocol 3', b'\x80\x03K\x01.', ["set =b'ab'"], b'\x80\x03C\x02ab.'),
    (
        'bytes of protocol 2',
        b'\x80\x02K\x01.',
        ["set =b'ab'"],
        b'\x80\x02c_codecs\nencode\nX\x02\x00\x00\x00abX\x06\x00\x00\x00latin1\x86R.',
    ),
    (
        'both of two frames',
        b'\x80\x04\x95\x04' + bytes(7) + b']\x94K\x01\x95\x02' + bytes(7) + b'a.',
        ["set [0]=300"],
        b'\x80\x04\x95\x05' + bytes(7) + b']\x94M\x2c\x01\x95\x02' + bytes(7) + b'a.',
    ),
    (
        'a frame that ends inside of a group',
        b'\x80\x04\x95\x05' + bytes(7) + b']\x94(K\x01\x95\x04' + bytes(7) + b'K\x02e.',
        ["set [1]=300"],
        b'\x80\x04\x95\x05' + bytes(7) + b']\x94(K\x01\x95\x05' + bytes(7) + b'M\x2c\x01e.',
    ),
    (
        'a frame, then none',
        b'\x80\x04\x95\x04' + bytes(7) + b']\x94K\x01a.',
        ["set [0]=7"],
        b'\x80\x04\x95\x04' + bytes(7) + b']\x94K\x07a.',
    ),
    ('no frame at all', b'\x80\x04]\x94K\x01a.', ['set [0]=300'], b'\x80\x04]\x94M\x2c\x01a.'),
    (
        'PUT numbers with a gap',
        b'\x80\x02]q\x07(X\x01\x00\x00\x00xq\x09h\x09e.',
        ["add [1]=1"],
        b'\x80\x02]q\x07(X\x01\x00\x00\x00xq\x09K\x01h\x09e.',
    ),
    (
        'BINPUT in protocol 4',
        framed(b']\x94(\x8c\x01xq\x64h\x64e.'),
        ["del [0]"],
        framed(b']\x94(\x8c\x01xq\x640h\x64e.'),
    ),
    (
        'a high BINPUT, then MEMOIZE: the number is how many there are',
        framed(b']\x94(\x8c\x01xr\xe8\x03\x00\x00\x8c\x01y\x94h\x02e.'),
        ["set [1]='n'"],
        framed(b']\x94(\x8c\x01xr\xe8\x03\x00\x00\x8c\x01y\x940\x8c\x01nh\x02e.'),
    ),
    (
        'a key that stands twice: the last one is set',
        framed(b'}\x94(\x8c\x01aK\x01\x8c\x01bK\x02\x8c\x01aK\x03u.'),
        ['set .a=9'],
        framed(b'}\x94(\x8c\x01aK\x01\x8c\x01bK\x02\x8c\x01aK\x09u.'),
    ),
    ('DUP shares', framed(b']2\x86.'), ['add [0][]=1'], framed(b']K\x01a2\x86.')),
    (
        'an attribute more by BUILD',
        b'\x80\x02ccollections\nOrderedDict\n)R}X\x01\x00\x00\x00zK\x01sb.',
        ['set .z=2'],
        b'\x80\x02ccollections\nOrderedDict\n)R}X\x01\x00\x00\x00zK\x02sb.',
    ),
]

# What the recipes show to be legal: an edit of it, and what Python loads then.
LEGAL = [
    ('POP right behind MARK', framed(b'(K\x010K\x02t.'), 'set [0]=7', (7,)),
    ('POP of a MARK', framed(b'K\x07(0.'), 'set =8', 8),
    ('APPEND whose item is gone', framed(b']\x94K\x010.'), 'add []=1', [1]),
    ('SETITEM whose pair is gone', framed(b'}\x94\x8c\x01a\x94K\x0100.'), 'add .b=1', {'b': 1}),
    (
        'a pair gone inside a group',
        framed(b'}\x94(\x8c\x01a\x94K\x0100\x8c\x01b\x94K\x02u.'),
        'set .b=3',
        {'b': 3},
    ),
    ('TUPLE of one', framed(b'(K\x01t\x94.'), 'add []=2', (1, 2)),
    ('TUPLE of none', framed(b'(t.'), 'add []=2', (2,)),
    ('PUT behind EMPTY_TUPLE', b'\x80\x02)q\x00.', 'add []=2', (2,)),
    ('a group of one', framed(b']\x94(K\x01e.'), 'add []=2', [1, 2]),
    ('a group of none', framed(b']\x94(e.'), 'add []=2', [2]),
    ('APPEND in front of APPENDS', framed(b']\x94K\x00a(K\x01K\x02e.'), 'del [1]', [0, 2]),
    ('APPEND behind APPENDS', framed(b']\x94(K\x01K\x02eK\x03a.'), 'del [2]', [1, 2]),
    ('a later opcode than PROTO says', b'\x80\x02\x8c\x01a.', "set ='bb'", 'bb'),
    ('a big int as INT text', b'I2147483648\n.', 'set =1', 1),
]


def main():
    for name, before, commands, after in EDITS:
        got = saved(before, *commands)
        check(got == after, '%s: %r, not %r' % (name, got, after))
        values = []
        for loads in (pickle.loads, pickle._loads):
            try:
                values.append(loads(got))
            except Exception as x:
                check(False, '%s: %r' % (name, x))
        check(len(values) == 2 and values[0] == values[1], '%s: %r' % (name, values))
        check(saved(before, *commands, *['undo'] * len(commands)) == before, name + ', undone')
    for name, before, command, value in LEGAL:
        got = saved(before, command)
        for loads in (pickle.loads, pickle._loads):
            try:
                check(loads(got) == value, '%s: %r' % (name, got))
            except Exception as x:
                check(False, '%s: %r in %r' % (name, x, got))
        check(saved(before, command, 'undo') == before, name + ', undone')
    return suite.end()


if __name__ == '__main__':
    sys.exit(main())
