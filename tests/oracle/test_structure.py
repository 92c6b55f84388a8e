#!/usr/bin/env python3
"""Batch edits of structure against Python: what comes into lists, dicts, objects and their kinds.

Each case is a value in every protocol and one command.  What the command writes must load, by both
unpicklers, to what Python makes of the same edit; what cannot load must be refused, with the file
as it was, or (a class that nobody knows) be told.
"""
import array
import collections
import datetime
import io
import os
import pickle
import subprocess
import sys
import tempfile
import uuid

import suite
from suite import CORPUS, PROGRAM, begin, check, skip


class Dict(dict):
    pass


class List(list):
    pass


class Set(set):
    pass


class Frozen(frozenset):
    pass


class Tuple(tuple):
    pass


class Str(str):
    pass


class Int(int):
    pass


class Plain:
    def __init__(self, **names):
        self.__dict__.update(names)

    def __eq__(self, other):
        return type(self) is type(other) and self.__dict__ == other.__dict__


class Slots:
    __slots__ = ("x", "y")

    def __init__(self, **names):
        for name, value in names.items():
            setattr(self, name, value)

    def __eq__(self, other):
        return all(getattr(self, s, None) == getattr(other, s, None) for s in Slots.__slots__)


class Halves(Slots):
    __slots__ = ("__dict__",)

    def __eq__(self, other):
        return super().__eq__(other) and self.__dict__ == other.__dict__


class Taker:
    """Neither list nor dict, but takes what a pickle puts into it."""

    def __init__(self, *items):
        self.items = list(items)

    def __reduce__(self):
        return Taker, (), None, iter(self.items) if self.items else None

    def append(self, item):
        self.items.append(item)

    def extend(self, items):
        self.items.extend(items)

    def __eq__(self, other):
        return type(self) is type(other) and self.items == other.items


Named = collections.namedtuple("Named", "a b")


def with_names(value, **names):
    value.__dict__.update(names)
    return value


def state(value):
    return type(value), value, getattr(value, "__dict__", None)


def loaded(data):
    one, other = pickle.loads(data), pickle._Unpickler(io.BytesIO(data)).load()
    assert state(one) == state(other), (one, other)
    return one


def protocols(value):
    for protocol in (0, 2, 4):
        try:
            yield protocol, pickle.dumps(value, protocol)
        except TypeError:
            continue  # objects with slots have no form in protocols 0 and 1


def command(data, *args):
    """Status, the pickle that is written, the report and messages."""
    r = subprocess.run(
        [PROGRAM, args[0], "-", *args[1:], "--output", "-"],
        input=data,
        capture_output=True,
        check=False,
        timeout=60,
    )
    return r.returncode, r.stdout, r.stderr.decode()


def becomes(value, edit, want, *others, warning=None):
    for protocol, data in protocols(value):
        status, now, err = command(data, *edit)
        what = (edit, value, protocol, status, err)
        if status != 0:
            check(False, *what)
            continue
        try:
            check(state(loaded(now)) == state(want), "other value", loaded(now), *what)
        except Exception as e:  # pylint: disable=broad-except
            check(False, "does not load", repr(e), *what)
        check("no change" not in err, "says nothing", *what)
        if protocol in others or warning is None:
            check("warning" not in err, "warns", *what)
        else:
            check("warning: " in err and warning in err, "does not warn", *what)


def refused(value, edit, words, status=7):
    for protocol, data in protocols(value):
        got, now, err = command(data, *edit)
        good = got == status and now == b"" and words in err
        check(good, "not refused", edit, value, protocol, got, err)


def told(value, edit, words):
    """The result does not load, and that is said."""
    for protocol, data in protocols(value):
        status, now, err = command(data, *edit)
        check(
            status == 0 and "warning: " in err and words in err, edit, value, protocol, status, err
        )
        try:
            loaded(now)
            check(False, "it loads", edit, value, protocol)
        except Exception:  # pylint: disable=broad-except
            check(True)
        if protocol == 4:
            status, _, err = command(data, *edit, "--json")
            check(status == 0 and '"warnings": ["' in err, err)


def test_arrays():
    for value in (array.array("i", [1, 2]), array.array("d"), array.array("u", "ab")):
        for place in ("[]", "[2]"):
            refused(
                [value], ("add", f"[0]{place}=3"), "set it as a whole, to array.array('i', [1, 2])"
            )
    becomes(
        [array.array("i", [1])], ("set", "[0]=array.array('i', [1, 2])"), [array.array("i", [1, 2])]
    )


def test_subclasses():
    becomes(Dict(a=1), ("add", "['b']=2"), Dict(a=1, b=2))
    becomes(Dict(a=1), ("add", ".x=2"), with_names(Dict(a=1), x=2))
    refused(Dict(a=1), ("add", "['a']=2"), "there is such a key already")
    refused(Dict(a=1), ("add", "[]=2"), "takes no items")
    becomes(List([1, 2]), ("add", "[]=3"), List([1, 2, 3]))
    becomes(List([1, 2]), ("add", "[0]=3"), List([3, 1, 2]))
    becomes(List([1, 2]), ("add", "[-1]=3"), List([1, 3, 2]))
    becomes(List([1, 2]), ("add", "[2]=3"), List([1, 2, 3]))
    refused(List([1, 2]), ("add", "[3]=3"), "there is no index 3", 3)
    refused(List([1, 2]), ("add", "['a']=3"), "takes no keys")
    becomes(List(), ("add", "[]=3"), List([3]), 0, warning="List is no kind of list")
    becomes(Dict(), ("add", "['k']=3"), Dict(k=3), 0, warning="Dict is no kind of dict")
    for value in (Set([1]), Frozen([1]), Tuple((1, 2)), Str("ab"), Int(4), Named(1, 2)):
        for place in ("[]", "[3]", "['k']"):
            refused(value, ("add", f"{place}=3"), "@args")
        refused(value, ("add", "[#0]=3"), "names nothing", 2)
    for value in (
        collections.ChainMap({1: 2}),
        collections.UserDict(a=1),
        uuid.UUID(int=5),
        datetime.date(2024, 1, 2),
    ):
        for place in ("[]", "[5]", "['k']"):
            refused(value, ("add", f"{place}=3"), "takes no ")


def test_unknown_classes():
    for place, words in (("[]", "append() or extend()"), ("['k']", "obj[key] = value")):
        told(Plain(a=1), ("add", f"{place}=3"), words)
        told(Slots(x=1), ("add", f"{place}=3"), words)
    becomes(Taker(), ("add", "[]=3"), Taker(3), warning="Taker is no kind of list")
    becomes(Taker(1), ("add", "[]=3"), Taker(1, 3))
    becomes(Plain(a=1), ("add", ".b=3"), Plain(a=1, b=3))
    becomes(Plain(), ("add", ".b=3"), Plain(b=3))
    told(Named(1, 2), ("add", ".b=3"), "Named has __slots__ or is a namedtuple")
    becomes(Slots(x=1), ("add", ".y=3"), Slots(x=1, y=3), warning="gets another slot")
    told(Slots(x=1), ("add", ".z=3"), "gets another slot")


def test_known_classes():
    """What is no longer what its class accepts is told."""
    told([datetime.date(2024, 1, 2)], ("set", "[0]@args=(b'\\x07\\xe4\\x0d\\x01',)"), "month 13")
    told([uuid.UUID(int=5)], ("del", "[0].int"), "[0] no longer reads as uuid.UUID")
    told([uuid.UUID(int=5)], ("rename", "[0].int", "'it'"), "[0] no longer reads as uuid.UUID")
    for protocol, data in protocols([array.array("i", [1])]):
        if protocol < 3:
            status, _, err = command(data, "add", "[0]@args[1][]=3.5")
            check(status == 0 and "warning: [0] no longer reads as array.array" in err, err)
            status, now, err = command(data, "add", "[0]@args[1][]=3")
            check(status == 0 and loaded(now) == [array.array("i", [1, 3])], err)


def test_everywhere():
    """A text that is written once is written once again, and is one object as before."""
    for text, new in (("x" * 9000, "y" * 9000), (b"x" * 300, b"z" * 9000), ("ab", "c" * 9000)):
        value = [text] * 50 + [{"k": text}]
        for protocol, data in protocols(value):
            status, now, err = command(data, "set", f"[5]={new!r}", "--everywhere")
            check(status == 0 and loaded(now) == [new] * 50 + [{"k": new}], protocol, err)
            check(len({id(v) for v in loaded(now)[:50]}) == 1, "not one", protocol)
            check(len(now) < len(data) + 9500, "written again", protocol, len(data), len(now))
            status, now, err = command(now, "set", "[0]=1", "[7]='here'")
            want = [1] + [new] * 6 + ["here"] + [new] * 42 + [{"k": new}]
            check(status == 0 and loaded(now) == want, protocol, err)
    pair, other = "ab" * 2, "cd" * 2
    value = [pair, other, pair, [other, pair], {pair: other}]
    for protocol, data in protocols(value):
        edits = ("[0]='new one'", "[1]='another'", "--everywhere")
        status, now, err = command(data, "set", *edits)
        want = ["new one", "another", "new one", ["another", "new one"], {pair: "another"}]
        got = loaded(now) if status == 0 else []
        check(got == want, protocol, err, got)
        check(got and got[0] is got[2] is got[3][1], "not one", protocol)
        check(got and got[1] is got[3][0] is got[4][pair], "not one", protocol)
        # The place where it came first may go again.
        for gone in (("set", "[0]=1"), ("del", "[0]")):
            status, now, err = command(data, "set", "[0]='new one'", "--everywhere")
            status, now, err = command(now, *gone)
            got = loaded(now) if status == 0 else []
            check(got and got[-3] is got[-2][1] == "new one", protocol, err)
        # The same text at two places is one only where it was one.
        edits = ("[0]='same text'", "[1]='same text'", "--everywhere")
        status, now, err = command(data, "set", *edits)
        got = loaded(now) if status == 0 else [0] * 4
        check(status == 0 and got[0] is got[2] and got[0] is not got[1], "which", protocol, err)


def test_tables():
    """Of arrays and tables (made by others, never loaded) nothing that is computed is edited, and
    what is edited behind them is told."""
    folder = os.path.join(CORPUS, "generated/sci/np22_pd22_sk14")
    if not os.path.isdir(folder):
        skip(f"no {folder}")
        return
    for name, computed, inside, behind in (
        ("pd_df_num", ("['a']", "['a'][0]", ".index"), "set ._mgr@args[1][0]=1", "._mgr@args[0]"),
        ("pd_series", (".values", "[0]", ".index"), "set ._mgr@state[1][0]=1", "._mgr@state[1]"),
        ("np_f8", ("[0]", "[0][0]", "[-1]"), "set @state[1]=(7,)", "@state[1]"),
        ("np_obj", (), "del [0]", "@state[4][0]"),
    ):
        for protocol in (2, 4):
            with open(os.path.join(folder, f"{name}.p{protocol}.pkl"), "rb") as f:
                data = f.read()
            what = (name, protocol)
            for place in computed:
                for edit in (("set", place + "=1"), ("del", place), ("rename", place, "'b'")):
                    status, now, err = command(data, *edit)
                    check(status == 7 and now == b"" and "read-only" in err, *what, edit, err)
            for place in ("[]", "['x']", "[1]"):
                status, now, err = command(data, "add", place + "=1")
                check(status == 7 and now == b"" and "takes no " in err, *what, place, err)
            status, now, err = command(data, *inside.split(" "))
            check(status == 0 and now != data and "warning: the whole value" in err, *what, err)
            r = subprocess.run(
                [PROGRAM, "show", "--tree", "-", behind],
                input=data,
                capture_output=True,
                check=False,
            )
            first = r.stdout.decode().split("  ")[0]
            check(r.returncode == 0 and behind.endswith((first, f"[{first}]")), *what, r)
            if name == "pd_series":
                r = subprocess.run(
                    [PROGRAM, "show", "-", "[2]"], input=data, capture_output=True, check=False
                )
                check(r.stdout == b"3\n", r)


# Names with dots, as STACK_GLOBAL has them; a class whose name in Python 2 is that of another.
NESTED = b"\x80\x04\x8c\x0bcollections\x8c\x14OrderedDict.fromkeys\x93."
OBJECT = b"\x80\x04\x8c\x03a.b\x8c\x0bOuter.Inner\x93)\x81}\x8c\x01xK\x01sb."
UNICODE = b"\x80\x02]c__builtin__\nunicode\na."
KEYWORDS = b"\x80\x04\x8c\x01m\x8c\x01K\x93K\x01\x85}\x8c\x01kK\x03s\x92."


def test_names_that_are_typed():
    """What is shown changes nothing; a module ends where that of what stands there does."""
    for data, edit, want in (
        (NESTED, "@0=<global collections.OrderedDict.fromkeys>", NESTED),
        (OBJECT, "@class='a.b.Outer.Inner'", OBJECT),
        (OBJECT, "@class='a.b:Outer.Inner'", OBJECT),
        (OBJECT, "@class='a.b.Other'", OBJECT.replace(b"\x0bOuter.Inner", b"\x05Other")),
        (
            OBJECT,
            "@class='c.d.E'",
            OBJECT.replace(b"\x0bOuter.Inner", b"\x01E").replace(b"a.b", b"c.d"),
        ),
        (UNICODE, "[0]=<class 'str'>", UNICODE),
        (UNICODE, "[0]=<class 'int'>", UNICODE.replace(b"unicode", b"long")),
        (KEYWORDS, "@kwargs={'n': 3}", KEYWORDS.replace(b"k", b"n")),
    ):
        for how in ((), ("--everywhere",)):
            status, now, err = command(data, "set", edit, *how)
            check(status == 0 and now == want, edit, how, status, now, err)
    status, now, err = command(NESTED, "set", "@0=<global collections.OrderedDict.popitem>")
    check(pickle.loads(now).__name__ == "popitem", status, now, err)
    for edit in (
        ("set", "@kwargs={1: 2}"),
        ("add", "@kwargs[1]=2"),
        ("rename", "@kwargs.k", "3"),
    ):
        status, now, err = command(KEYWORDS, *edit)
        check(status == 2 and now == b"" and "whose keys are str" in err, status, now, err)


def test_two_halves():
    """Attributes of one object that stand in two dicts."""
    value = Halves(x=1, z=2)
    for protocol in range(2, 6):
        data = pickle.dumps(value, protocol)
        for edit in (
            ("rename", ".z", "'x'"),
            ("rename", ".x", "'z'"),
            ("add", ".x=3"),
            ("add", ".z=3"),
        ):
            status, now, err = command(data, *edit)
            check(status == 7 and now == b"" and "there is such a" in err, edit, status, err)
        for edit, want in (
            (("rename", ".z", "'w'"), Halves(x=1, w=2)),
            (("rename", ".x", "'y'"), Halves(y=1, z=2)),
            (("add", ".w=3"), Halves(x=1, z=2, w=3)),
        ):
            status, now, err = command(data, *edit)
            check(status == 0 and loaded(now) == want, edit, protocol, status, err)


def main():
    begin(PROGRAM)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ["XDG_STATE_HOME"] = folder
        os.environ["LC_ALL"] = "C.UTF-8"
        for name, test in sorted(globals().items()):
            if name.startswith("test_"):
                test()
        os.chdir("/")
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
