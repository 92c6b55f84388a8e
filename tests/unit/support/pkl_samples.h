/* Hand-made pickles with every oddity of the machine, and what is shown of them. */
#ifndef TEST_PKL_SAMPLES_H
#define TEST_PKL_SAMPLES_H

#include <stddef.h>

#define BYTES(s) s, sizeof(s) - 1

/* Text: what repr says of every pickle of the stream, joined by ';'; a break as "!offset". */
struct sample {
    const char *what;
    const char *bytes;
    size_t n;
    const char *text;
};

static const struct sample samples[] = {
    {"one int", BYTES("K\x05."), "5"},
    {"protocol 4 dict",
     BYTES("\x80\x04\x95\x0e\0\0\0\0\0\0\0}\x94(\x8c\x01"
           "a\x94K\x01\x8c\x01"
           "bK\x02u."),
     "{'a': 1, 'b': 2}"},
    {"opcodes without PROTO", BYTES("\x8c\x01x\x94."), "'x'"},
    {"protocol 4 opcodes in protocol 2", BYTES("\x80\x02\x8c\x01x."), "'x'"},
    {"PROTO repeats, anywhere",
     BYTES("\x80\x02]\x80\x04K\x01\x80\x01"
           "a."),
     "[1]"},
    {"protocol 6", BYTES("\x80\x06N."), "!0"},
    {"bool lines", BYTES("(I00\nI01\nI1\nI0\nt."), "(False, True, 1, 0)"},
    {"dup is the same object",
     BYTES("]2K\x01"
           "a\x86."),
     "([1], [1])"},
    {"POP",
     BYTES("K\x01K\x02"
           "0."),
     "1"},
    {"POP removes a mark", BYTES("K\x01(0."), "1"},
    {"POP_MARK",
     BYTES("K\x01(K\x02K\x03"
           "1."),
     "1"},
    {"POP_MARK without a mark",
     BYTES("K\x01"
           "1."),
     "!2"},
    {"STOP with more on the stack", BYTES("K\x01K\x02."), "2"},
    {"STOP above an open mark", BYTES("K\x01(K\x02."), "2"},
    {"STOP right above a mark", BYTES("K\x01(."), "!3"},
    {"empty file", BYTES(""), "!0"},
    {"no STOP", BYTES("K\x01"), "!2"},
    {"unknown opcode", BYTES("K\x01\xff."), "!2"},
    {"list in itself", BYTES("]q\0h\0a."), "[[...]]"},
    {"dict in itself", BYTES("}q\0K\x01h\0s."), "{1: {...}}"},
    {"tuple in itself", BYTES("]q\0h\0\x85q\1a0h\1."), "([(...)],)"},
    {"long tuple in itself",
     BYTES("(K\x01K\x02K\x03]q\0(K\x01K\x02K\x03h\0tq\1"
           "a1h\1."),
     "(1, 2, 3, [(...)])"},
    {"PUT out of order", BYTES("(K\x01q\x07K\x02q\x03h\x07h\x03t."), "(1, 2, 1, 2)"},
    {"PUT twice: the last one before counts", BYTES("(K\x01q\0h\0K\x02q\0h\0t."), "(1, 1, 2, 2)"},
    {"PUT of a text number", BYTES("(Vx\np010\ng10\nt."), "('x', 'x')"},
    {"PUT negative: Python 2", BYTES("Vx\np-1\n0g-1\n."), "'x'"},
    {"PUT of a long text", BYTES("Vx\np-1234567\n."), "!3"},
    {"MEMOIZE counts occupied slots", BYTES("(K\x01r\xe8\x03\0\0\x8c\x01y\x94h\1t."),
     "(1, 'y', 'y')"},
    {"MEMOIZE over an occupied slot", BYTES("(K\x01q\x01K\x02\x94h\1t."), "(1, 2, 2)"},
    {"PUT of a value that was made earlier",
     BYTES("(K\x01K\x02"
           "0q\0h\0t."),
     "(1, 1)"},
    {"PUT behind FRAME", BYTES("(\x8c\x01z\x95\x04\0\0\0\0\0\0\0\x94h\0t."), "('z', 'z')"},
    {"PUT of a reference",
     BYTES("(]q\0h\0q\1h\1K\x01"
           "at."),
     "([1], [1], [1])"},
    {"memo slots from 1",
     BYTES("(U\x01"
           "aq\1U\x01"
           "bq\2h\1h\2t."),
     "('a', 'b', 'a', 'b')"},
    {"GET of an empty slot", BYTES("h\x05."), "!0"},
    {"PUT on nothing", BYTES("q\0."), "!0"},
    {"PUT on a mark", BYTES("K\1(q\0."), "!3"},
    {"empty groups", BYTES("](e."), "[]"},
    {"an empty group asks nothing of what it goes into", BYTES("N(u."), "None"},
    {"groups of one", BYTES("](K\1e(K\2e."), "[1, 2]"},
    {"APPEND and APPENDS", BYTES("]K\1a(K\2K\3eK\4a."), "[1, 2, 3, 4]"},
    {"a list grows through GET", BYTES("]q\0(K\1e(h\0K\2a1."), "[1, 2]"},
    {"it grows while its own group is open", BYTES("]q\0(K\5h\0K\1aK\2e."), "[1, 5, [...], 2]"},
    {"a dict grows through DUP", BYTES("}2K\1K\2s0K\3K\4s."), "{1: 2, 3: 4}"},
    {"APPEND on a dict", BYTES("}K\1a."), "!3"},
    {"SETITEM on a list", BYTES("]K\1K\2s."), "!5"},
    {"SETITEMS odd", BYTES("}(K\1u."), "!4"},
    {"ADDITEMS on a list", BYTES("](K\1\x90."), "!4"},
    {"DICT odd", BYTES("(K\1d."), "!3"},
    {"a list as key", BYTES("}]K\1s."), "!4"},
    {"a tuple with a list as key", BYTES("}]\x85K\1s."), "!5"},
    {"a set as member", BYTES("\x8f(\x8f\x90."), "!3"},
    {"a list as key, fetched", BYTES("]q\0}h\0K\1s."), "!8"},
    {"a list as value, fetched", BYTES("]q\0}K\1h\0s."), "{1: []}"},
    {"a tuple with a list as key, fetched", BYTES("]q\0h\0\x85q\1}(K\1Nh\1Nu."), "!16"},
    {"a tuple as key, fetched", BYTES("K\5q\0h\0\x85q\1}(K\1Nh\1Nu."), "{1: None, (5,): None}"},
    {"a list as member, through DUP", BYTES("\x8f(]2\x90."), "!4"},
    {"a key whose slot was filled anew", BYTES("]q\0K\1q\0}h\0Ns."), "{1: None}"},
    {"equal keys", BYTES("}(K\1Va\nG?\xf0\0\0\0\0\0\0Vb\n\x88Vc\nVk\nNu."), "{1: 'c', 'k': None}"},
    {"equal members", BYTES("\x8f(K\1\x88K\2\x90."), "{1, 2}"},
    {"TUPLE1 above a mark", BYTES("K\1(\x85."), "!3"},
    {"TUPLE2 of one", BYTES("K\1\x86."), "!2"},
    {"DUP of nothing", BYTES("2."), "!0"},
    {"REDUCE", BYTES("cm\nf\n(K\1tR."), "<m.f args=(1,)>"},
    {"REDUCE without a tuple", BYTES("cm\nf\nNR."), "!6"},
    {"REDUCE of a literal", BYTES("K\1)R."), "!3"},
    {"NEWOBJ and state", BYTES("cm\nC\n)\x81}Va\nK\1sb."), "<m.C state={'a': 1}>"},
    {"NEWOBJ_EX", BYTES("cm\nC\nK\1\x85}Vk\nK\2s\x92."), "<m.C args=(1,) kwargs={'k': 2}>"},
    {"a 2-tuple state",
     BYTES("cm\nC\n)\x81N}Va\nK\1s\x86"
           "b."),
     "<m.C state=(None, {'a': 1})>"},
    {"a state that is a list", BYTES("cm\nC\n)\x81]K\1ab."), "<m.C state=[1]>"},
    {"items and entries", BYTES("cm\nC\n)\x81(K\1K\2e(K\3K\4u."),
     "<m.C items=[1, 2] entries={3: 4}>"},
    {"BUILD with None on a list", BYTES("]Nb."), "[]"},
    {"BUILD on a list", BYTES("]K\1b."), "!3"},
    {"INST", BYTES("(K\1im\nC\n."), "<m.C args=(1,)>"},
    {"OBJ", BYTES("(cm\nC\nK\1K\2o."), "<m.C args=(1, 2)>"},
    {"OBJ without class", BYTES("(o."), "!1"},
    {"six-tuple reduce: called, dropped", BYTES("cm\nC\n)\x81q\0cm\nset\nh\0K\1\x86R0."), "<m.C>"},
    {"object in its own arguments", BYTES("cm\nC\n]q\0\x85q\1Rq\2h\0h\2a0."),
     "<m.C args=([<...>],)>"},
    {"STACK_GLOBAL", BYTES("\x8c\x01m\x8c\x01g\x93."), "<global m.g>"},
    {"STACK_GLOBAL of None", BYTES("\x8c\x01mN\x93."), "!4"},
    {"names as Python 3 has them", BYTES("c__builtin__\nxrange_\n."), "<global builtins.xrange_>"},
    {"GLOBAL without a name", BYTES("cm\n\n."), "!0"},
    {"persistent ids", BYTES("Pabc\n."), "<persistent 'abc'>"},
    {"a persistent id that is an object", BYTES("Va\nK\1\x86Q."), "<persistent ('a', 1)>"},
    {"extension", BYTES("\x82\xf0."), "<extension 240>"},
    {"extension 0", BYTES("\x82\0."), "!0"},
    {"extension negative", BYTES("\x84\xff\xff\xff\xff."), "!0"},
    {"buffers", BYTES("\x97\x97\x98\x86."), "(<buffer 0>, <buffer 1>)"},
    {"READONLY_BUFFER of an int", BYTES("K\1\x98."), "!2"},
    {"FRAME too long", BYTES("\x95\x09\0\0\0\0\0\0\0N."), "None"},
    {"FRAME too long, half arrived", BYTES("\x80\x04\x95\x19\0\0\0\0\0\0\0]\x94(K\x01K"), "!16"},
    {"FRAME too long, the next pickle", BYTES("N.\x80\x04\x95\x19\0\0\0\0\0\0\0]."), "None;[]"},
    {"FRAME that nests and straddles", BYTES("\x95\x0c\0\0\0\0\0\0\0\x95\1\0\0\0\0\0\0\0K\1."),
     "1"},
    {"FRAME 0", BYTES("\x95\0\0\0\0\0\0\0\0K\1."), "1"},
    {"FRAME of all the world", BYTES("\x95\xff\xff\xff\xff\xff\xff\xff\xff."), "!0"},
    {"BINUNICODE8 of all the world", BYTES("\x8d\xff\xff\xff\xff\xff\xff\xff\x7fx."), "!0"},
    {"BINBYTES beyond the end", BYTES("B\x10\0\0\0x."), "!0"},
    {"BINSTRING negative", BYTES("T\xff\xff\xff\xffx."), "!0"},
    {"invalid UTF-8", BYTES("X\2\0\0\0\xc3(."), "!0"},
    {"a lone surrogate", BYTES("X\3\0\0\0\xed\xa0\x80."), "'\\ud800'"},
    {"two pickles", BYTES("K\1.K\2."), "1;2"},
    {"each with a memo of its own", BYTES("]q\0(h\0h\0e.]q\0K\1a(h\0e."),
     "[[...], [...]];[1, [...]]"},
    {"one memo for all", BYTES("\x80\2Vx\nq\0.\x80\2(h\0h\0t."), "'x';('x', 'x')"},
    {"one memo for all: its own slot would not do", BYTES("\x80\4]\x94.\x80\4\x8c\1x\2240h\0K\5a."),
     "[5];[5]"},
    {"a memo of its own, both would do", BYTES("\x80\4]\x94.\x80\4\x8c\1x\x94h\0\x86."),
     "[];('x', 'x')"},
    {"one memo for all, MEMOIZE", BYTES("\x80\4\x8c\1x\x94.\x80\4\x8c\1y\x94h\0h\1\x87."),
     "'x';('y', 'x', 'y')"},
    {"bytes behind it", BYTES("K\1.\0\0\0"), "1"},
    {"text behind it", BYTES("K\1.abc\n"), "1"},
    {"a broken pickle behind it", BYTES("K\1.\x80\2K\1K\2\xff"), "1;<broken [1, 2]>!9"},
    {"a break shows what stood", BYTES("}q\0(Va\nK\1Vb\n"), "<broken [{}, 'a', 1, 'b']>!12"},
    {"a break inside a list", BYTES("\x80\4](K\1K\2eK"), "<broken [[1, 2]]>!9"},
};

#define SAMPLES (sizeof samples / sizeof samples[0])

#endif
