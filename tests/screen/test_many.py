#!/usr/bin/python3
"""Marks in the listing and what is done with many objects: deleting, copying, their addresses."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from screens import Stage, compare, main  # noqa: E402  pylint: disable=wrong-import-position


def marks():
    """Signs and the count are seen; a filter hides and takes none away; Esc unmarks."""
    with Stage() as stage:
        seen, _ = stage.run("""
            key m j Space
            shot two
            key /
            type text
            key Enter
            expect 2 marked
            key M
            expect 4 marked
            key M
            expect 2 marked
            shot filtered
            key d
            expect The filter hides 2 of them.
            shot hidden ones
            key Esc Esc
            expect 2 marked
            key M
            expect 16 marked
            key R
            expect 16 marked
            key o
            expect 16 marked
            key M
            expect Nothing is marked.
            expect-not 16 marked
            key Home m
            expect 1 marked
            key Esc
            expect Nothing is marked any more.
            expect-not 1 marked
            key y
            expect Copied the location:
            key m m y
            expect Copied the locations:
        """, where=["demo/types/"], size=(24, 100))
    fault = compare("marks", seen)
    assert fault is None, "\n" + (fault or "")


def folders_have_none():
    with Stage() as stage:
        stage.run("""
            key m
            expect Only objects are marked
            key M
            expect Nothing is marked.
            key d
            expect Go to an object first, or mark some with m.
            key D
            expect Go to an object first, or mark some with m.
        """)


def deleting():
    """No is the default; what failed is named, what is deleted is kept."""
    with Stage() as stage:
        names = sorted(os.listdir(stage.path("types")))
        stage.run(f"""
            key j d
            expect 1 object
            expect {names[1]}
            key Enter
            key d n
            key d Esc
            key m j m m d
            expect 3 objects
            {stage.meanwhile(lambda: os.unlink(stage.path("types/" + names[3])))}
            key y
            await Deleted 2 of 3 objects; 1 failed.
            expect-not marked
            expect-not {names[1]}
            expect 3 of 13
            key Enter
            expect {names[3]}
            expect there is no such object
        """, where=["demo/types/"], size=(24, 100))
        left = sorted(os.listdir(stage.path("types")))
        assert left == [names[0], names[2]] + names[5:], left
        kept = os.listdir(os.path.join(stage.folder, "state", "pklbrowse", "history"))
        assert len(kept) >= 2, kept


def copying():
    """What is there already is not replaced; one object may get another name."""
    with Stage() as stage:
        to = os.path.join(stage.folder, "to")
        os.mkdir(to)
        with open(os.path.join(to, "shared.pkl"), "w", encoding="utf-8") as f:
            f.write("mine")
        stage.run(f"""
            key M D
            expect 16 objects
            expect what is there already stays as it is
            key Esc
            expect 16 marked
            key D ^U
            type to
            key Enter
            await Copied 15 of 16 objects; 1 failed. {to}/shared.pkl: some
            key Enter
            expect something is there already
            key q
            expect 16 marked
            key Esc D ^U
            type to/new name.pkl
            key Enter
            await Copied 1 object.
            key Enter
            expect list
            key D ^U
            type to/opened/
            key Enter
            await Not copied:
            key Enter
            expect No such file
            key q
            key D ^U
            expect to a folder, here or in a store
            type -
            expect nothing can be written there
        """, where=["demo/types/"], size=(24, 100))
        assert len(os.listdir(to)) == 17, os.listdir(to)
        for name in os.listdir(to):
            with open(os.path.join(to, name), "rb") as f:
                body = f.read()
            source = "big-list.pkl" if name == "new name.pkl" else name
            with open(stage.path("types/" + source), "rb") as f:
                assert body == (b"mine" if name == "shared.pkl" else f.read()), name


def read_only():
    with Stage() as stage:
        stage.run("""
            key m d
            expect read-only was asked for
        """, where=["demo/types/"], options=["--read-only"])
        with open(os.path.join(stage.folder, "config"), "w", encoding="utf-8") as f:
            f.write(f"read-only = {stage.demo}/types/b*\n")
        stage.run("""
            key M d
            expect the configuration says read-only
            expect 16 marked
            key M j j d
            expect 1 object
        """, where=["demo/types/"], options=["--config", os.path.join(stage.folder, "config")])


if __name__ == "__main__":
    sys.exit(main([marks, folders_have_none, deleting, copying, read_only]))
