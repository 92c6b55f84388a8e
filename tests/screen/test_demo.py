#!/usr/bin/python3
"""Whole screens of the sample buckets: browsing, editing, saving, small terminals, trouble."""
import json
import os
import pickle
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from screens import NOW, Stage, compare, main  # noqa: E402  pylint: disable=wrong-import-position


PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\b\6\0\0\0"


def golden(case, script, **how):
    with Stage() as stage:
        seen, _ = stage.run(script, **how)
    fault = compare(case, seen)
    assert fault is None, "\n" + (fault or "")


def browse_edit_save():
    """The whole path of the README: go to the record, make 30 to 31, look, save, open again."""
    with Stage() as stage:
        before = open(stage.path("my-bucket/data.pickle"), "rb").read()
        seen, _ = stage.run("""
            shot start
            key Enter
            shot the bucket
            key Enter
            shot the record
            key j j e
            shot editing
            key ^U
            type 31
            key Enter
            shot edited
            key s
            shot review
            key y
            shot saved
            key R
            shot opened again
            expect 31
            expect-not unsaved
        """, size=(24, 100))
        after = open(stage.path("my-bucket/data.pickle"), "rb").read()
        mode = os.stat(stage.path("my-bucket/data.pickle")).st_mode & 0o777
    fault = compare("browse_edit_save", seen)
    assert fault is None, "\n" + (fault or "")
    assert pickle.loads(after) == {"name": "John", "age": 31, "city": "New York"}
    assert len(after) == len(before) and sum(a != b for a, b in zip(after, before)) == 1
    assert mode == 0o644


def save_twice():
    """What a second save would change is what differs from the first, also when it was undone."""
    with Stage() as stage:
        stage.run("""
            key Enter Enter j j e ^U
            type 31
            expect int 31
            key Enter
            expect was 30
            key s y
            await Saved.
            expect-not was 30
            key e ^U
            type 'x'
            expect str, 1 character
            expect-not 1 characters
            key Enter
            expect was 31
            key s
            expect →  'x'
            expect-not 30
            key n U
            expect-not was 31
            expect-not unsaved
            key u
            expect 'x'
            key u u
            expect was 31
            expect 1 unsaved
        """, size=(24, 100))


def typed_ahead():
    """What is typed while a dialog is being prepared goes to that dialog, and nowhere else."""
    with Stage() as stage:
        stage.run("""
            key Enter Enter j j e ^U
            type 31
            key Enter
            type sy
            await Saved.
            expect-not unsaved
            expect-not Copied
            key u
            type snjj
            expect was 31
            expect-not Copied
            expect ['city']
            type s:
            expect-not go to:
            key Esc
            expect was 31
            type syu
            await Saved.
            key ^R
            expect was 30
        """, size=(24, 100))
        assert pickle.load(open(stage.path("my-bucket/data.pickle"), "rb"))["age"] == 30


def conflict(case, path, mine, theirs, script, result):
    """Mine is typed at a path, theirs is written behind the screen's back, then the script."""
    with Stage() as stage:
        name = stage.path("my-bucket/data.pickle")
        record = {"name": "John", "age": 30, "city": "New York", "l": [1, 2]}

        def put(value):
            with open(name + ".new", "wb") as f:
                f.write(pickle.dumps(value))
            os.utime(name + ".new", (NOW - 60, NOW - 60))
            os.rename(name + ".new", name)
        put(record)
        seen, _ = stage.run(f"""
            type :
            type {path}
            key Enter e ^U
            type {mine}
            key Enter
            {stage.meanwhile(lambda: put(theirs))}
            key s y
            expect the object changed while you were editing
            shot conflict
            resize 40 10
            shot on a small screen
            key j j j j
            shot below
            resize 100 24
            {script}
        """, where=["demo/my-bucket/data.pickle"], size=(24, 100))
        with open(name, "rb") as f:
            assert pickle.load(f) == result
    fault = compare(case, seen)
    assert fault is None, "\n" + (fault or "")


def somebody_was_faster():
    """What both did is told, and where they did not meet, mine is put on theirs."""
    conflict("conflict", ".age", "31",
             {"name": "John", "city": "Paris", "age": 30, "new": None, "l": [1, 2, 3]}, """
        key Enter
        await 1 change
        shot mine on theirs
        key y
        await Saved.
        expect 'Paris'
    """, {"name": "John", "city": "Paris", "age": 31, "new": None, "l": [1, 2, 3]})


def both_changed_it():
    """Three values stand there, and nothing is offered that would lose one of them."""
    conflict("conflict_both", ".age", "31", {"name": "John", "age": 77, "l": [1, 2]}, """
        expect-not Put my changes
        key m
        key Enter
        expect Not saved; your changes are kept here.
        key s y
        await the object changed
        key t
        await THEIRS
        key Esc
        expect 1 unsaved
        key s y
        await the object changed
        key o
        await Saved.
    """, {"name": "John", "age": 31, "city": "New York", "l": [1, 2]})


def theirs_is_no_pickle():
    with Stage() as stage:
        name = stage.path("my-bucket/data.pickle")

        def put():
            with open(name, "wb") as f:
                f.write(b"words")
        stage.run(f"""
            key j j e ^U
            type 31
            key Enter
            {stage.meanwhile(put)}
            key s y
            expect cannot be compared
            expect-not Put my changes
            key Esc
            expect 1 unsaved
        """, where=["demo/my-bucket/data.pickle"])


def one_object():
    """A location that names an object: opened in the tree, its folder on the left."""
    with Stage() as stage:
        seen, _ = stage.run("shot opened", where=["demo/my-bucket/data.pickle"])
    fault = compare("one_object", seen)
    assert fault is None, "\n" + (fault or "")


def help_screen():
    golden("help_screen", """
        key ?
        shot first page
        key PgDn
        shot second page
        key G
        shot end
        key g /
        type no such text
        key Enter
        expect not in this text
        key ^U
        type Bookmark
        key Enter
        expect make a bookmark
        shot found
        key n n
        expect all bookmarks
        key N N
        expect make a bookmark
        key q
        expect my-bucket
    """)


def filter_names():
    golden("filter_names", """
        key G Enter
        key /
        shot asked
        type py
        shot while typed
        key Enter
        shot filtered
        expect python2.pkl
        expect-not scalars.pkl
        key /
        key ^U
        type zzz
        shot nothing
        key Esc
        expect scalars.pkl
    """)


def narrow():
    """One pane at a time, and nothing missing."""
    golden("narrow", """
        shot start
        key Enter Enter
        shot record
        key j j e
        key ^U
        type 31+
        shot wrong
        key Backspace
        shot right
        key Enter
        shot edited
        key Tab
        shot the other pane
        key Tab s
        shot review
        key j j j
        shot review below
        key Esc ?
        shot help
    """, size=(10, 40))


def wide():
    golden("wide", """
        key Enter j j j Enter
        key h
        shot wide
    """, size=(50, 200))


def long_place():
    """The name of the program stays in the title; a long place gives way in its middle."""
    with Stage() as stage:
        folder = stage.path("wide \u754c" + "a folder with a long name/" * 4)
        os.makedirs(folder)
        with open(folder + "last.pkl", "wb") as f:
            pickle.dump(1, f)
        seen, _ = stage.run("""
            shot at 80 columns
            resize 100 24
            shot at 100 columns
        """, where=[folder + "last.pkl"], options=["--ascii"])
    for name, shot in seen.items():
        first = shot.split("\n")[0]
        assert first.startswith(" pklbrowse  /tmp/pkl-") and first.endswith("read-write"), first
        assert "~" in first and "/last.pkl " in first and len(first) < 101, (name, first)


def properties():
    golden("properties", """
        key Enter Enter
        key i
        shot properties
        key i
        expect 'age'
        key Esc j i
        expect Properties are those of an object
    """)


def not_a_pickle():
    """What an object is instead is said, and its text or bytes can be read, and no more."""
    with Stage() as stage:
        for name, data in (("a.json", b'{"k": [1, 2],\n "l": null}\n'), ("b.png", PNG),
                           ("c.bin", bytes(range(128, 256)) * 3), ("d.txt", b"caf\xc3"),
                           ("e.txt", b"\x1b[31mred\x1b[0m\n")):
            with open(stage.path("my-bucket/" + name), "wb") as f:
                f.write(data)
            os.utime(stage.path("my-bucket/" + name), (NOW - 7200, NOW - 7200))
        seen, _ = stage.run("""
            key Enter G k Enter
            shot a text
            key e
            expect does nothing here
            key Enter
            shot all of the text
            key x
            expect 00000000
            key q i
            expect-not Not a pickle
            key i Tab g Enter
            shot JSON
            key Tab j Enter
            shot an image
            key Enter
            shot its bytes
            key q Tab j Enter
            expect not a pickle: byte 0
            expect 80 81 82
            key Tab j j j Enter
            expect Not a pickle: this is a text
            expect \\x1b[31mred
        """)
    fault = compare("not_a_pickle", seen)
    assert fault is None, "\n" + (fault or "")


def broken():
    golden("broken", """
        key j j j Enter
        key j j j Enter
        shot truncated
        key Tab End Enter
        shot wrong opcode
        key j j
        expect offset
        key s
        expect This pickle breaks off
        key e
        expect This pickle breaks off
        key Tab g j j Enter
        shot empty
    """)


def audit():
    """What a pickle imports: in the title, in a list, and Enter goes to the value that it is in."""
    golden("audit", """
        key !
        expect Open an object first.
        key j j j Enter Enter
        shot dangerous
        key !
        shot its list
        resize 40 10
        shot its list on a small screen
        resize 80 24
        key Enter
        shot gone to the value
        key Esc h G Enter /
        type objects.pkl
        key Enter Enter
        key !
        shot unknown
        key G Enter
        shot gone to an object that hides it
        key Esc /
        key ^U
        type scalars
        key Enter Enter
        key !
        shot plain
        key q
        expect-not Imports
    """)


def search():
    """A text is found in keys and values, wherever it is hidden; n goes on and begins again."""
    golden("search", """
        key j Enter
        type :
        type /
        key Esc h G Enter /
        type containers
        key Enter Enter
        type n
        expect Look for something first
        key /
        shot asked
        type i
        key Enter
        shot found in what was closed
        key n
        key n
        shot the next ones
        key N
        shot the one before
        key /
        type re:(
        shot no expression
        key ^U
        type nothing at all like this
        key Enter
        expect It is nowhere in this value.
        key /
        type k:list
        key Enter
        expect 1 of 1
        key n
        expect from the beginning again
        key N
        expect from the end again
        key g /
        key Enter
        expect 1 of 1
        resize 40 10
        key /
        shot asked on a small screen
    """, size=(24, 100))


def search_beside():
    """A long search goes on beside the keys, Esc stops it; the first hit is shown at once."""
    with Stage() as stage:
        with open(stage.path("many.pkl"), "wb") as f:
            pickle.dump([{"a": i, "b": str(i)} for i in range(300000)], f)
        stage.run("""
            key /
            type 12345
            key Enter
            expect 1 of 26
            key n
            expect 2 of 26
            key g / ^U
            now type b
            now key Enter
            await +
            now key n
            await 2 of
            now key Esc
            await Stopped looking
            key n
            expect 3 of
        """, where=["demo/many.pkl"], size=(24, 100))


def long_values():
    """Enter on a string or bytes shows all of it: wrapped with line numbers, or in hex."""
    text = "".join(f"line {i}: " + "word " * (i % 40) + "\n" for i in range(3000))
    text += "작업결과 \x1b[2J\u202e end"
    with Stage() as stage:
        with open(stage.path("long.pkl"), "wb") as f:
            pickle.dump({"text": text, "bytes": bytes(range(256)) * 4000, "empty": "",
                         "tuple": (1,)}, f)
        os.utime(stage.path("long.pkl"), (NOW - 7200, NOW - 7200))
        seen, _ = stage.run("""
            key j Enter
            shot text
            key PgDn PgDn
            shot two pages on
            key G
            shot end
            key g /
            type LINE 2999
            key Enter
            expect It is nowhere
            key / ^U
            type line 2999
            key Enter
            shot found
            key n
            expect From the beginning
            key N
            expect This is the first
            resize 40 10
            shot small
            key x
            shot small, in hex
            resize 100 24
            key q j Enter
            shot bytes
            key / ^U
            type abc
            key Enter
            shot found in bytes
            key n
            shot the next
            key x
            shot as text
            key G
            key q
            expect Enter
            key j Enter
            expect 0 bytes
            key q j Enter
            expect ['tuple']
        """.replace("expect Enter", "expect ['bytes']"), where=["demo/long.pkl"], size=(24, 100))
    fault = compare("long_values", seen)
    assert fault is None, "\n" + (fault or "")


def long_ints():
    """Ints that Python does not write in decimal: hex with their bits; decimal when asked for."""
    huge = -(3 ** 2000000)
    with Stage() as stage:
        with open(stage.path("ints.pkl"), "wb") as f:
            pickle.dump({"small": 7, "long": 7 ** 6000, "huge": huge}, f)
        os.utime(stage.path("ints.pkl"), (NOW - 7200, NOW - 7200))
        seen, _ = stage.run("""
            key j Enter
            expect There is nothing inside
            key j Enter
            shot hex
            key d
            await 3874717868664966452058189
            shot decimal
            key / ^U
            type 60739867082889
            key Enter
            shot found
            key d
            expect 0x1
            key q j Enter
            expect bits
            now key d
            await to decimal:
            now key d
            await Not made decimal
            now key d
            await to decimal:
            now key Esc
            await 'small'
        """, where=["demo/ints.pkl"], size=(20, 90))
    fault = compare("long_ints", seen)
    assert fault is None, "\n" + (fault or "")


def mouse():
    """A click goes there, two open; the wheel moves, the edge is dragged, hints are keys."""
    golden("mouse", """
        mouse click 5 4
        expect odd names/
        shot clicked
        mouse double 5 2
        expect data.pickle
        mouse double 5 2
        expect 'John'
        mouse click 60 4
        expect ['age']
        mouse click 41 2
        expect-not 'New York'
        mouse click 41 2
        expect 'John'
        mouse press 38 10
        mouse drag 29 10
        mouse release 29 10
        shot dragged
        mouse wheel-down 5 5
        mouse click 20 23
        shot wheel on the left, a key clicked
        key Esc M-m
        expect selects text of the terminal
    """)


def parents_stay():
    """What the rows in sight stand in stays on the first lines; that and the path can be
    clicked."""
    golden("parents_stay", """
        expect containers
        key E
        key j j j j j j j j j j j j j j j j j
        shot of the fourth tuple
        key J
        shot the fifth of them
        mouse click 60 3
        shot clicked
        key l j l j j k l
        key j j j
        shot deep again
        mouse click 4 22
        shot the first part of the path
        key G
        shot the end
    """, where=["demo/types/containers.pkl"], size=(24, 80))


def palette():
    """A command is found by some letters of what it does."""
    golden("palette", """
        key ^P
        shot all
        type srt
        shot some letters
        key Enter
        expect The biggest first
        key ^P
        type zzzzzz
        shot none
        key ^U
        type undo
        key Enter
        expect Open an object first.
        key ^P Down Down Up
        resize 40 10
        shot small
        key Esc
    """)


def preview():
    """What is under the cursor is seen after a rest, and nothing else changes by it."""
    with Stage() as stage:
        seen, _ = stage.run("""
            rest
            shot a preview
            key j
            expect Enter on an object opens it here.
            rest
            expect preview
            key [
            expect This is where you began.
            key End Enter
            expect half of a pair
            key Tab
            expect-not preview
            key k
            rest
            expect preview
            shot beside an open object
            key Tab
            expect half of a pair
            expect-not preview
            key j e ^U
            type 1
            key Enter Tab
            expect 1 unsaved
            rest
            expect-not preview
            key Tab U Tab Home
            rest
            expect preview
            resize 79 24
            expect-not preview
        """, where=["demo/types/"], size=(24, 100))
        stage.run("""
            rest
            expect preview
            key G
            rest
            shot broken
        """, where=["demo/trouble/"], size=(24, 100))
        with open(os.path.join(stage.folder, "config"), "w", encoding="utf-8") as f:
            f.write("preview = no\n")
        stage.run("""
            rest
            expect-not preview
        """, where=["demo/types/"], size=(24, 100), options=["--config",
                                                             os.path.join(stage.folder, "config")])
    fault = compare("preview", seen)
    assert fault is None, "\n" + (fault or "")


def bookmarks():
    golden("bookmarks", """
        key B
        shot none yet
        key q Enter #
        expect all objects                         6       56.7 kB
        key Esc b
        expect Bookmark, B shows all
        key j h B
        shot one
        key Enter
        expect 'John'
        key b
        expect No bookmark any more
        key B
        expect No bookmarks yet
        key q Esc j b B
        expect models/
        key Enter
        expect models/
    """)


def sort():
    golden("sort", """
        key Enter o
        shot by size
        key o
        shot by time
        key Enter
        key Tab R
        expect by time
        key o
        expect order of names
    """)


def configuration():
    """Keys, colours and options of the file; what is wrong in it is said and does no harm."""
    with Stage() as stage:
        os.makedirs(os.path.join(stage.folder, ".config/pklbrowse"))
        with open(os.path.join(stage.folder, ".config/pklbrowse/config"), "w",
                  encoding="utf-8") as f:
            f.write("""# a comment

sort = size
key.save = w ^S
key.edit = Nokey
key.fly = f
color.label = 200 black bold
color.nothing = red
color.value = no-such-colour
  read-only   =  */trouble/*
mouse = perhaps
nonsense
nosuch = 1
ascii = yes
""")
        seen, _ = stage.run("""
            shot first
            key ^O
            shot what is wrong
            key q
            key Enter
            expect by size
            key G Enter
            key j j e ^U
            type 31
            key Enter
            key s
            expect s does nothing here
            key w
            expect 1 change
            key Esc
            key u Esc h
            expect trouble
            type :
            type types/
            key Esc
            key /
            type trouble
            key Enter Enter
            key /
            type dangerous
            key Enter Enter
            shot read-only
            key j j e
            expect configuration says read-only
        """, size=(24, 100))
    fault = compare("configuration", seen)
    assert fault is None, "\n" + (fault or "")
    with Stage() as stage:
        _, done = stage.run("expect No such file", options=["--config", "nowhere"])
        assert done.returncode == 0


def table():
    """A list of records as a table: columns, sideways, sorted, and back to the cell in the tree."""
    users = [{"id": i, "name": f"user {(i * 7) % 50:02}", "score": i * 1.5 % 7,
              "address": {"street": "a street with a long name " * 3, "no": i}, "born": None}
             for i in range(50)]
    users[3]["extra"] = "only here"
    users.append("no record")
    with Stage() as stage:
        with open(stage.path("users.pkl"), "wb") as f:
            pickle.dump({"users": users, "pairs": [(1, "a"), (2, "b")], "n": 5}, f)
        os.utime(stage.path("users.pkl"), (NOW - 7200, NOW - 7200))
        seen, _ = stage.run("""
            key T
            expect A table is made of a list
            key j T
            shot table
            key l l l l
            shot sideways
            key h h h o
            shot sorted by name
            key j j
            key o
            shot as they stand
            key G
            shot end
            key g l e ^U
            type 1 +
            shot a mistake in a cell
            key Backspace Backspace Backspace
            type 4242
            expect int 4242
            key Enter
            expect was 0.0
            shot a cell that is changed
            key u
            expect-not 4242
            key ^R
            expect *4242
            key h Enter Esc l
            expect was 0.0
            key h o Enter ^U
            type 'somebody'
            key Enter
            expect 2 unsaved
            shot sorted before
            key o k e Esc u Tab
            expect 1 unsaved
            key T
            resize 40 10
            key l l l
            shot small
            key Enter
            expect address
            resize 100 24
            key g j J T
            shot tuples
            key q
        """, where=["demo/users.pkl"], size=(24, 100))
    fault = compare("table", seen)
    assert fault is None, "\n" + (fault or "")


def opcodes():
    """x shows opcodes and bytes, of what breaks too; Enter says what one does."""
    golden("opcodes", """
        key Enter Enter j j x
        shot at the value
        key g Enter
        shot from the beginning
        key G
        shot end
        resize 40 10
        key g
        shot small
        resize 80 24
        key q Esc h j j j Enter G Enter x G
        shot what breaks
        key q Esc g j j Enter x
        expect Opcodes
        key q x q
    """)


def unknown_keys():
    golden("unknown_keys", """
        key Q
        shot unknown
        key ^_
        expect ^_ does nothing here
        key 작
        expect 작 does nothing here
        key F12
        expect F12 does nothing here
        key u
        expect Open an object first.
    """)


def quit_with_changes():
    golden("quit_with_changes", """
        key Enter Enter
        key j j e
        key Backspace Enter
        key q
        shot asked
        key Enter
        shot stayed
        key q Right
        shot next choice
        key Esc
        key Tab j Enter j j Enter
        shot another object
        key Esc
        expect unsaved
        key q d
        quits
    """)


def resize():
    golden("resize", """
        key Enter Enter
        key j j e
        resize 40 10
        shot small, while editing
        resize 1 1
        shot one cell
        resize 20 5
        shot too small
        resize 100 24
        key Enter
        shot large again
        key ?
        resize 40 10
        shot help
        resize 23 50
        resize 24 6
        shot least
    """)


def tree_moves():
    golden("tree_moves", """
        key G Enter
        type :
        type /
        key Esc
        key j j Enter
        key E
        shot all open
        key 1
        shot one level
        key j l l
        shot inside
        key J
        key K
        key h h
        key C
        shot closed
        type :
        type ['list'][1]
        shot asked for a path
        key Enter
        shot gone there
        type :
        type .nowhere
        key Enter
        shot not there
        type :
        type [a]
        shot no path
        key Esc
        key y
        expect Copied the path
        key g Y
        expect Copied the value
    """, size=(24, 100))


def write_value():
    """A value goes to a file as Python prints it, as JSON or as its bytes; nothing is overwritten
    unasked, and what cannot be written leaves nothing behind."""
    value = {"a b": [1, "\u00e9", None], "raw": b"\x00\xffbytes" * 20000, "t": (1, 2)}
    with Stage() as stage:
        with open(stage.path("v.pkl"), "wb") as f:
            pickle.dump(value, f)
        out = os.path.join(stage.folder, "out")
        os.mkdir(out)
        with open(os.path.join(out, "there.txt"), "w", encoding="utf-8") as f:
            f.write("precious")
        seen, _ = stage.run(f"""
            key W
            expect the whole value
            expect-not Its bytes
            key p
            expect value.txt
            key ^U
            type {out}/all.txt
            key Enter
            await Written
            expect as Python prints it
            key j W J
            expect a b.json
            key ^U
            type {out}/list.json
            key Enter
            await as JSON
            key j W
            shot asked for a form
            key Enter
            expect raw.bin
            key ^U
            type {out}/raw
            key Enter
            await 140,000 bytes
            key W Enter ^U
            type s3://b/c
            expect a file of this machine is meant
            key ^U
            type {out}/
            expect a name is missing
            key ^U
            type {out}/nowhere/raw
            key Enter
            await No such file
            key g j j j W p ^U
            type {out}/there.txt
            key Enter
            await something is there already
            shot something is there
            key Enter
            expect Not written
            wait-for {out}/there.txt
            key W p ^U
            type {out}/again.txt
            key Enter
            await Written
            key W p ^U
            type {out}/again.txt
            key Enter
            await something is there already
            key o
            await Written
            key g W Esc
            key Enter
        """.replace("a b.json", "ab.json"), where=["demo/v.pkl"], size=(24, 100))

        def read(name):
            with open(os.path.join(out, name), "rb") as f:
                return f.read()
        assert read("all.txt").decode() == repr(value) + "\n"
        assert json.loads(read("list.json")) == value["a b"]
        assert read("raw") == value["raw"]
        assert read("there.txt") == b"precious"
        assert read("again.txt") == b"(1, 2)\n"
        assert sorted(os.listdir(out)) == ["again.txt", "all.txt", "list.json", "raw", "there.txt"]
        mask = os.umask(0o022)
        os.umask(mask)
        assert os.stat(os.path.join(out, "raw")).st_mode & 0o777 == 0o666 & ~mask
    fault = compare("write_value", seen)
    assert fault is None, "\n" + (fault or "")


def completion():
    """Tab in a path or a place that is typed: as far as there is one way, else what there is."""
    with Stage() as stage:
        with open(stage.path("keys.pkl"), "wb") as f:
            pickle.dump({"alpha": {"beta one": [1, {"x": 2}], "beta two": 0, "gamma": 1},
                         "alpine": slice(1, 2), "\u00e9t\u00e9": 1, "\u00e8re": 2, (1, "t"): 3,
                         "many": {str(i): i for i in range(5000)}}, f)
        seen, _ = stage.run("""
            key :
            expect Tab completes
            key Tab
            shot all keys
            key Esc :
            type .alp
            key Tab
            expect .alpha  .alpine
            type h
            key Tab
            expect go to: .alpha
            key Tab
            expect .gamma
            type ['b
            key Tab
            expect go to: .alpha['beta\x20
            expect ['beta one']  ['beta two']
            type o
            key Tab
            expect go to: .alpha['beta one']
            key Tab
            expect [0]  [1]
            type 1]
            key Tab
            expect go to: .alpha['beta one'][1].x
            key Enter
            expect ['alpha']['beta one'][1]['x']
            key :
            type ['
            key Tab
            expect ['été']  ['ère']
            type zz
            key Tab
            shot nothing begins so
            key ^U
            type .alpine@
            key Tab
            expect @args
            key ^U
            type .many['49
            key Tab
            expect \u2026
            key ^U
            type [(1, 't'
            key Tab Enter
            expect [(1, 't')]
            key Tab :
            type my
            key Tab
            expect go to: my-bucket/
            key ^U
            type ./demo/my-bucket/mo
            key Tab
            await ./demo/my-bucket/models/
            key Tab
            await params
            expect go to: ./demo/my-bucket/models/
            shot a folder that is not listed
            key ^U
            type ./demo/no such/
            key Tab
            await nothing begins so
            key ^U
            type ./demo/keys
            key Tab
            expect go to: ./demo/keys.pkl
            key Esc Tab e
            key Tab
            expect nothing to complete
            key Esc S Tab
            expect keys.pkl
        """, where=["demo/keys.pkl"], size=(24, 100))
    fault = compare("completion", seen)
    assert fault is None, "\n" + (fault or "")


def undo_redo():
    golden("undo_redo", """
        key Enter Enter
        key j e ^U
        type 'Jane'
        key Enter
        key j e ^U
        type None
        shot another type
        key Enter
        shot two changes
        key g u
        shot one undone
        key u
        expect-not unsaved
        key u
        expect There is nothing to undo.
        key ^R ^R
        expect 2 unsaved
        key ^R
        expect There is nothing to redo.
        key k
        key U
        shot one given back
        key s
        shot review
        key n
        key s
        type y
        key s
        expect Nothing is changed
    """, size=(24, 100))


def back_and_forward():
    golden("back_and_forward", """
        key Enter Enter
        expect 'city'
        key [
        expect 1 of 4
        key [
        expect trouble/
        key [
        expect This is where you began.
        key ]
        key ]
        expect 'city'
        key Esc h
        shot at the top, on where one came from
    """)


def messages():
    golden("messages", """
        key Q
        type :
        type /nowhere-at-all-is-this-file
        key Enter
        key Esc
        key ^O
        shot messages
    """)


def details():
    """Enter behind an error shows all of it; any other key takes it away."""
    golden("details", """
        type :
        type /nowhere-at-all-is-this-file
        key Enter
        shot cut
        key Enter
        shot details
        key Esc
        expect Enter tries again
    """, size=(10, 40))


def ascii_only():
    with Stage() as stage:
        seen, _ = stage.run("""
            key G Enter
            key G Enter
            shot text
            key Esc h
            key k k k Enter
            shot names
        """, options=["--ascii"])
    for shot in seen.values():
        assert shot.isascii(), shot
    fault = compare("ascii_only", seen)
    assert fault is None, "\n" + (fault or "")


def hostile_names_and_values():
    """Escape sequences, controls, bidi overrides and invalid UTF-8 are shown, not obeyed."""
    hostile = "\x1b[2J\x07\x9b31m\u202eabc\u2066\u200b\x7f\r\n"
    with Stage() as stage:
        folder = stage.path("hostile")
        os.mkdir(folder)
        value = {hostile: hostile, "bytes": hostile.encode(), 3: "\ud800"}
        for name in (b"a\x1b[31mb.pkl", b"b\xff\xfe.pkl", "c\u202e.pkl".encode(), b"d\n\t.pkl"):
            with open(os.path.join(folder.encode(), name), "wb") as f:
                f.write(pickle.dumps(value))
            os.utime(os.path.join(folder.encode(), name), (NOW - 7200, NOW - 7200))
        seen, _ = stage.run("""
            shot names
            key Enter
            key j
            shot value
            key e
            shot edited
            key Esc i
            shot properties
            key i Enter
            shot the text
            key x
            shot its bytes
            key q x
            shot opcodes
            key q k T
            key / ^U
            type 2J
            key Enter
            shot found
            key !
            shot audit
        """, where=["demo/hostile/"], size=(24, 100))
    for shot in seen.values():
        bad = [c for c in shot if c != "\n" and (ord(c) < 32 or 0x7f <= ord(c) < 0xa0
                                                 or c in "\u202e\u2066\u200b\ufffd")]
        assert not bad, (bad, shot)
    fault = compare("hostile", seen)
    assert fault is None, "\n" + (fault or "")


def script_failures():
    """A script that expects what is not so fails, with its line; so the tests above can fail."""
    with Stage() as stage:
        for script, why in (("expect nonsense", "line 1"), ("key j\nkey nokey", "line 2"),
                            ("# comment\n\nfly", "line 3"), ("key q\nkey j", "before line 2"),
                            ("key j\nquits", "line 2"), ("expect-not demo", "line 1")):
            _, done = stage.run(script, check=False)
            assert done.returncode not in (0, 139) and why in done.stderr.decode(), done


def no_terminal():
    """Without a terminal and without a script it says so."""
    with Stage() as stage:
        _, done = stage.run("", env={"PKLBROWSE_SCRIPT": ""}, check=False)
    assert done.returncode == 2 and b"terminal" in done.stderr, done


if __name__ == "__main__":
    sys.exit(main([browse_edit_save, save_twice, typed_ahead, somebody_was_faster,
                   both_changed_it, theirs_is_no_pickle, one_object, help_screen,
                   filter_names, narrow, wide, long_place, properties, not_a_pickle, broken, audit,
                   search, search_beside, configuration, palette, table, opcodes, sort,
                   bookmarks, preview,
                   long_values, long_ints, mouse, parents_stay, unknown_keys, quit_with_changes,
                   resize, tree_moves, write_value, completion, undo_redo, back_and_forward,
                   messages, details, ascii_only,
                   hostile_names_and_values, script_failures, no_terminal]))
