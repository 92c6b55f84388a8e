#!/usr/bin/python3
"""Editing on the screen beyond single values: objects as their lens shows them, containers, shared
values here and everywhere, and the editor."""
import collections
import datetime
import os
import pickle
import stat
import sys
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from screens import NOW, Stage, compare, main  # noqa: E402  pylint: disable=wrong-import-position


def put(stage, value):
    name = stage.path("my-bucket/data.pickle")
    with open(name, "wb") as f:
        f.write(pickle.dumps(value))
    os.utime(name, (NOW - 60, NOW - 60))
    return name


def saved(name):
    with open(name, "rb") as f:
        return pickle.load(f)


def editor(stage, commands):
    """A shell script in place of an editor; $1 is the file, n counts how often it was called."""
    name = os.path.join(stage.folder, "editor")
    with open(name, "w", encoding="utf-8") as f:
        f.write(
            f"#!/bin/sh\ncd {stage.folder}\necho x >> calls\nn=$(wc -l < calls)\n"
            f"for f; do :; done\ncp \"$f\" seen$n\n{commands}\n"
        )
    os.chmod(name, stat.S_IRWXU)
    return [("VISUAL", name)]


WHERE = ["demo/my-bucket/data.pickle"]


def objects_and_containers():
    with Stage() as stage:
        name = put(
            stage,
            {
                "when": datetime.date(2024, 1, 2),
                "l": [1, {"a": 2}],
                "od": collections.OrderedDict(z=1),
                "u": collections.UserDict(k=1),
            },
        )
        stage.run(
            """
            key j e
            expect datetime.date(2024, 1, 2)
            expect datetime.date
            key ^U
            type datetime.date(2024, 2, 30)
            expect a day of this month is
            key Enter Left Backspace Backspace
            type 29
            key Enter
            expect was datetime.date(2024, 1, 2)
            expect 1 unsaved
            key j e
            expect [1, {'a': 2}]
            key Enter
            expect 1 unsaved
            key e ^U
            type (1, 'two', {3})
            key Enter
            expect tuple
            key j e
            expect OrderedDict([('z', 1)])
            key ^U
            type deque([1, 2], maxlen=2)
            expect collections.deque
            key Enter j e
            expect UserDict({'k': 1})
            key ^U
            type UserDict({'k': 2})
            key Enter
            expect 4 unsaved
            key s y
            await Saved.
        """,
            where=WHERE,
            size=(24, 100),
        )
        value = saved(name)
        assert value["when"] == datetime.date(2024, 2, 29), value
        assert value["l"] == (1, "two", {3}), value
        assert value["od"] == collections.deque([1, 2], 2), value
        assert type(value["u"]) is collections.UserDict and value["u"] == {"k": 2}, value


def long_reason():
    """What is wrong is read in a narrow pane, too, above the value where it is on the last line."""
    with Stage() as stage:
        put(stage, {"n%d" % i: i for i in range(30)})
        wrong = """
            key e ^U
            type datetime.date(2021, 13, 1)
            key Enter
            expect a month is from 1 to 12
            expect .date(2021, 13, 1)
            key Esc
        """
        stage.run("key j\n" + wrong + "key G\n" + wrong, where=WHERE, size=(24, 80))


def doubts():
    """What Python may refuse is said after the edit, once, and in the review."""
    with Stage() as stage:
        name = put(stage, {"u": uuid.UUID(int=4), "n": 1})
        stage.run(
            """
            type :
            type .u.int
            key Enter e ^U
            type -4
            key Enter
            expect ['u'] no longer reads as uuid.UUID
            expect 1 unsaved
            key s
            await ! ['u'] no longer reads as uuid.UUID (its int is not from 0 to 2**128 - 1)
            key n u
            expect-not no longer reads
            expect-not unsaved
        """,
            where=WHERE,
            size=(24, 100),
        )
        assert saved(name)["u"] == uuid.UUID(int=4)


def shared():
    inner = [1, 2]
    for key, left, right in (("o", [1, 5], [1, 2]), ("e", [1, 5], [1, 5]), ("Esc", [1, 2], [1, 2])):
        with Stage() as stage:
            name = put(stage, {"x": inner, "y": inner})
            stage.run(
                f"""
                type :
                type .x[1]
                key Enter e ^U
                type 5
                key Enter
                expect Where?
                expect ['x'], which stands at 2 places
                key {key}
                expect-not Where?
                {"expect unsaved" if key != "Esc" else "expect-not unsaved"}
                key {"s y" if key != "Esc" else "Esc"}
                {"await Saved." if key != "Esc" else ""}
            """.replace(
                    "\n                \n", "\n"
                ),
                where=WHERE,
                size=(24, 100),
            )
            value = saved(name)
            assert value == {"x": left, "y": right}, value
            assert (value["x"] is value["y"]) == (key != "o"), value
    with Stage() as stage:
        text = "a text"
        name = put(stage, {"x": text, "y": text})
        stage.run(
            """
            key j e ^U
            type 3
            key Enter
            expect This value stands at 2 places
            key e
            expect 2 unsaved
            key s y
            await Saved.
        """,
            where=WHERE,
            size=(24, 100),
        )
        assert saved(name) == {"x": 3, "y": 3}, saved(name)


def typed_before():
    """In a line: changes are taken back, what was typed before comes again with Up."""
    with Stage() as stage:
        name = put(stage, {"a": 1, "b": 2, "c": 3})
        stage.run(
            """
            key j e ^U
            type 10 + 5j
            key ^_
            expect 10 +
            key ^_ ^_ M-u
            expect int 1
            key ^U
            type 77
            key Enter j e Up
            expect 77
            key Down
            expect int 2
            key Up Enter j e Up Up
            expect 77
            key Down
            expect int 3
            key Esc s
            await Decoded again
            key y
            await aved
            """,
            where=WHERE,
        )
        now = saved(name)
    assert now == {"a": 77, "b": 77, "c": 3}, now


def in_the_editor():
    with Stage() as stage:
        name = put(stage, {"a": {"k": [1, 2]}, "b": 1})
        env = editor(stage, "printf '{\\n  \"k\": [1,\\n 2, 3],\\n}\\n' > \"$f\"")
        stage.run(
            """
            key j e ^X
            expect 1 unsaved
            key s y
            await Saved.
        """,
            where=WHERE,
            size=(24, 100),
            env=env,
        )
        assert saved(name) == {"a": {"k": [1, 2, 3]}, "b": 1}, saved(name)
        with open(os.path.join(stage.folder, "seen1"), encoding="utf-8") as f:
            seen = f.read()
        assert seen == "{\n    'k': [\n        1,\n        2,\n    ],\n}\n", seen
    with Stage() as stage:  # wrong once: it opens again and says where
        name = put(stage, {"a": {"k": [1, 2]}, "b": 1})
        env = editor(
            stage,
            "[ $n = 1 ] && printf '{\\n 1: 2\\n 3: 4}' > \"$f\" || " "sed -i 's/2$/2,/' \"$f\"",
        )
        stage.run(
            """
            key j e ^X
            expect 1 unsaved
            key s y
            await Saved.
        """,
            where=WHERE,
            size=(24, 100),
            env=env,
        )
        assert saved(name) == {"a": {1: 2, 3: 4}, "b": 1}, saved(name)
        with open(os.path.join(stage.folder, "seen2"), encoding="utf-8") as f:
            seen = f.read()
        assert seen.split("\n")[2] == "#! a comma is missing before this (column 2)", seen
    for commands, message in (
        ("true", "Nothing was changed in the editor"),
        ("exit 1", "did not end well"),
        ("rm \"$f\"", "cannot be read"),
    ):
        with Stage() as stage:
            name = put(stage, {"a": 1})
            env = editor(stage, commands)
            stage.run(
                f"""
                key j e ^X
                expect {message}
                key Esc
                expect-not unsaved
            """,
                where=WHERE,
                size=(24, 100),
                env=env,
            )
            left = [
                n for n in os.listdir("/tmp") if n.startswith("pklbrowse-") and n.endswith(".py")
            ]
            assert not left, left
    with Stage() as stage:  # too long for a line: the editor at once
        name = put(stage, {"a": list(range(3000))})
        env = editor(stage, "echo '[1]' > \"$f\"")
        stage.run(
            """
            key j e
            expect 1 unsaved
            key s y
            await Saved.
        """,
            where=WHERE,
            size=(24, 100),
            env=env,
        )
        assert saved(name) == {"a": [1]}, saved(name)


class Thing:
    pass


def add_and_delete():
    with Stage() as stage:
        name = put(stage, {"l": [1, 2, 3], "s": {1}, "t": (1, 2)})
        stage.run(
            """
            key j a
            expect add an item:
            type 4
            key Enter
            expect ['l'][3]
            key k d
            expect ['l'][2]
            key k k a
            type 'first but one'
            key Enter
            expect ['l'][1]
            key g a
            expect KEY: VALUE
            type 'n' 5
            expect a comma is missing
            key Esc a
            type 'n': {'x': 5}
            key Enter
            expect ['n']
            key a
            type 'y': 6
            key Enter
            expect ['n']['y']
            key g a
            type 'n': 1
            key Enter
            expect already
            key Esc d
            expect-not Saved
            key s y
            await Saved.
        """,
            where=WHERE,
            size=(24, 100),
        )
        assert saved(name) == {
            "l": [1, "first but one", 2, 4],
            "s": {1},
            "t": (1, 2),
            "n": {"x": 5, "y": 6},
        }, saved(name)


def move_rename_type_double():
    with Stage() as stage:
        name = put(stage, {"l": [1, 2, 3], "k": 5, "t": (1, 2), "f": "12"})
        stage.run(
            """
            key j Enter j >
            expect ['l'][1]
            key >
            expect ['l'][2]
            key >
            expect the last one already
            key < +
            expect ['l'][2]
            key u U J
            type :
            type .k
            key Enter r ^U
            type 'renamed'
            key Enter
            expect 'renamed'
            key t
            expect Change the type to
            expect float
            key Enter
            expect 5.0
            type :
            type .t
            key Enter t Enter
            expect list (2)
            type :
            type .f
            key Enter t Enter
            expect int
            key s y
            await Saved.
        """,
            where=WHERE,
            size=(24, 100),
        )
        value = saved(name)
        assert list(value.items()) == [
            ("l", [2, 1, 3]),
            ("renamed", 5.0),
            ("t", [1, 2]),
            ("f", 12),
        ], value


def asked_where():
    """Every key that changes what a shared container holds asks first; also the editor."""
    inner = [1, 2, 3]
    for keys, right in (
        ("a\ntype 4\nkey Enter", [1, 2, 4, 3]),
        ("d", [1, 3]),
        ("t Enter", [1, 2.0, 3]),
        ("+", [1, 2, 2, 3]),
        ("<", [2, 1, 3]),
        (">", [1, 3, 2]),
    ):
        for where, left in (("o", inner), ("e", right), ("Esc", inner)):
            with Stage() as stage:
                name = put(stage, {"x": inner, "y": inner})
                keys_in_y = "\n            ".join(("key " + keys).split("\n"))
                end = (
                    "expect-not unsaved" if where == "Esc" else "key s y\n            await Saved."
                )
                stage.run(
                    f"""
            type :
            type .y[1]
            key Enter
            expect ['y'][1]
            {keys_in_y}
            expect Where?
            expect ['y'], which stands at 2 places
            key {where}
            expect-not Where?
            {end}
        """,
                    where=WHERE,
                    size=(24, 80),
                )
                value = saved(name)
                got = (value["x"], value["y"], value["x"] is value["y"])
                want = (left, inner if where == "Esc" else right, where != "o")
                assert got == want, (keys, where, got)
    pair = {"k": 1}
    for where, left in (("o", {"k": 1}), ("e", {"n": 1})):
        with Stage() as stage:
            name = put(stage, {"x": pair, "y": pair})
            stage.run(
                f"""
                type :
                type .y.k
                key Enter r ^U
                type 'n'
                key Enter
                expect Where?
                key {where} s y
                await Saved.
            """,
                where=WHERE,
                size=(24, 80),
            )
            assert saved(name) == {"x": left, "y": {"n": 1}}, saved(name)
    # Another value at a place is one there, as in Python, unless a person wants it everywhere.
    for where, left in (("o", [1, 2, 3]), ("Enter", [1, 2, 3]), ("e", [7])):
        with Stage() as stage:
            name = put(stage, {"x": inner, "y": inner})
            stage.run(
                f"""
                key j j
                expect shared \u00d72
                key e ^X
                expect This value stands at 2 places
                key {where} s y
                await Saved.
            """,
                where=WHERE,
                size=(24, 80),
                env=editor(stage, "echo '[7]' > \"$f\""),
            )
            assert saved(name) == {"x": left, "y": [7]}, saved(name)


def shared_in_many():
    """In a pickle of many opcodes it is counted beside the keys, and after an edit anew."""
    inner = [1, 2]
    value = {"x": inner, "y": [inner, inner], "rest": [[i] for i in range(30000)]}
    for protocol in (2, 4):
        with Stage() as stage:
            name = put(stage, value)
            with open(name, "wb") as f:
                f.write(pickle.dumps(value, protocol))
            stage.run(
                """
                type :
                type .x
                key Enter
                await shared \u00d73
                type :
                type .y[1]
                key Enter d
                type :
                type .x
                key Enter
                await shared \u00d72
                type :
                type .rest[7]
                key Enter
                await ['rest'][7]
                expect-not shared \u00d7
                type :
                type .x[0]
                key Enter e ^U
                type 5
                key Enter
                expect which stands at 2 places
                key o s y
                await Saved.
            """,
                where=WHERE,
                size=(24, 80),
            )
            assert saved(name)["x"] == [5, 2] and saved(name)["y"] == [[1, 2]], saved(name)["y"]


def expanded_stays():
    """Rows stay open when others come and go, when they go and come back, and in a copy."""
    shared_list = [1, ["deep"], 3]
    with Stage() as stage:
        put(stage, {"gone": 0, "x": shared_list, "y": shared_list})
        seen, _ = stage.run(
            """
            key j j Right j j Right
            expect 'deep'
            type :
            type .y[1]
            key Enter Right
            shot open
            type :
            type .gone
            key Enter d
            expect-not gone
            shot deleted
            key u
            type :
            type .y[1]
            key Enter
            shot undone
            type :
            type .y[0]
            key Enter d e
            shot everywhere
            key u d o
            shot here
            key u
            type :
            type .x
            key Enter d
            expect-not 'x'
            key u
            shot back
        """,
            where=WHERE,
            size=(24, 80),
        )
    assert seen["open"] == seen["undone"], seen["undone"]
    fault = compare("expanded_stays", seen)
    assert not fault, fault


def undone_past_a_save():
    """What the review counts as untouched is counted against what is saved there: not the value
    (2 + 30 bytes), not the FRAME (9)."""
    with Stage() as stage:
        name = put(stage, {"a": "x" * 30, "b": 1})
        before = os.path.getsize(name)
        stage.run(
            f"""
            key j e ^U
            type '{"y" * 40}'
            key Enter s y
            await Saved.
            key u s
            expect {before + 10} \u2192 {before} bytes, {before - 32 - 9} of them untouched
            key y
            await Saved.
        """,
            where=WHERE,
            size=(24, 80),
        )
        assert saved(name) == {"a": "x" * 30, "b": 1}
        assert os.path.getsize(name) == before


def moved_rows():
    with Stage() as stage:
        put(stage, {"l": ["one", "two", "three"]})
        seen, _ = stage.run(
            """
            key j Enter j >
            expect moved
            shot moved
            key s
            expect moved to place 2
            key Esc u
            expect-not moved
        """,
            where=WHERE,
            size=(24, 80),
        )
    fault = compare("moved_rows", seen)
    assert not fault, fault


def changed_while_open():
    """Somebody else writes, replaces, removes the file that is open: it is noticed, nothing is
    lost, and what we save ourselves is no such change."""

    def act(what):
        path = stage.path("my-bucket/data.pickle")
        if what == "write":
            with open(path, "r+b") as f:
                f.write(b"theirs")
        elif what == "cut":
            os.truncate(path, 3)
        elif what == "replace":
            with open(path + "~", "wb") as f:
                f.write(pickle.dumps({"age": 99}))
            os.replace(path + "~", path)
        else:
            os.unlink(path)

    for what, words in (
        ("write", "was changed by someone else; R reads"),
        ("cut", "was changed by someone else; R reads"),
        ("replace", "was changed by someone else; R reads"),
        ("remove", "was removed by someone else; R reads"),
    ):
        with Stage() as stage:
            stage.run(
                f"""
                expect 'New York'
                {stage.meanwhile(lambda w=what: act(w))}
                await {words}
                expect meanwhile
                {"key R" if what == "replace" else "key g"}
                {"expect 99" if what == "replace" else ""}
                """,
                where=[stage.path("my-bucket/data.pickle")],
                size=(24, 100),
            )
    with Stage() as stage:
        stage.run(
            f"""
            expect 'New York'
            key j j e ^U
            type 31
            key Enter s Enter
            expect Saved.
            rest 600
            expect-not meanwhile
            key j e ^U
            type 'Rome'
            key Enter
            {stage.meanwhile(lambda: act("replace"))}
            await your changes stay
            expect meanwhile
            expect Rome
            key s Enter
            expect changed while you were editing
            """,
            where=[stage.path("my-bucket/data.pickle")],
            size=(24, 120),
        )


if __name__ == "__main__":
    sys.exit(
        main(
            [
                objects_and_containers,
                long_reason,
                doubts,
                shared,
                typed_before,
                in_the_editor,
                add_and_delete,
                move_rename_type_double,
                asked_where,
                shared_in_many,
                expanded_stays,
                undone_past_a_save,
                moved_rows,
                changed_while_open,
            ]
        )
    )
