#!/usr/bin/python3
"""The screen in Korean, at 80x24: whole screens of the main views and dialogs.

Two columns a syllable: nothing may be out of line, cut within a character or drawn over a frame.
"""
import os
import pickle
import sys
import unicodedata

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from screens import NOW, TOP, Stage, compare, main  # noqa: E402  pylint: disable=C0413

CATALOGUES = os.environ.get("PKLBROWSE_LOCALE_DIR") or os.path.join(TOP, "build", "po")
KOREAN = {"LC_ALL": "C.UTF-8", "LANGUAGE": "ko", "PKLBROWSE_LOCALE_DIR": CATALOGUES}


def columns(line):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF"
               else 1 for c in line)


def golden(case, script, size=(24, 80)):
    with Stage() as stage:
        seen, _ = stage.run(script, env=KOREAN, size=size)
    for name, shot in seen.items():
        for line in shot.split("\n"):
            assert columns(line) <= size[1], f"{name}: {columns(line)} columns: {line}"
            framed = line.startswith(("│", "┌", "└"))
            assert not framed or columns(line.rstrip()) == size[1], f"{name}: {line}"
    fault = compare(case, seen)
    assert fault is None, "\n" + (fault or "")


def korean_views():
    golden("korean_views", """
        shot the places of the demo
        key Enter
        shot a listing
        key /
        type data
        shot a filter
        key Enter Esc o
        shot sorted by size
        key o o Enter
        shot a record
        key ?
        shot help
        key PgDn
        shot help, further down
        key Esc ^P
        shot the palette
        key Esc i
        shot properties
        key i T
        shot no table of this
        key : [
        shot a path that is wrong
        key Esc /
        shot looking for a text
        key Esc !
        shot imports
        key Esc x
        shot opcodes
        key Esc F12
        shot a key that does nothing
        key ^O
        shot messages
    """)


def korean_edit():
    golden("korean_edit", """
        key Enter Enter j e
        shot editing
        key ^U
        type [1, 'x'
        shot a mistake
        key ^U
        type 'Jane'
        key Enter j e ^U
        type 31
        key Enter
        shot edited
        key a
        shot adding
        key Esc d
        shot deleted
        key s
        shot review
        key n q
        shot leaving
        key n s y
        await 저장했습니다
        shot saved
    """)


def korean_tree():
    golden("korean_tree", """
        key Enter j Enter
        expect 2024-01
        key j j Enter
        expect resnet
        shot its values
        key j j j j Enter j j j
        shot what is shared
        key U
        shot nothing to take back
    """)


def korean_conflict():
    """Theirs comes while mine is being reviewed: the dialog that decides, and what it did."""
    with Stage() as stage:
        name = stage.path("my-bucket/data.pickle")

        def theirs():
            with open(name + ".new", "wb") as f:
                f.write(pickle.dumps({"name": "John", "age": 30, "city": "Seoul"}))
            os.utime(name + ".new", (NOW - 60, NOW - 60))
            os.rename(name + ".new", name)
        seen, _ = stage.run(f"""
            key j j e ^U
            type 31
            key Enter
            {stage.meanwhile(theirs)}
            key s y
            await 편집하는 동안
            shot conflict
            key m
            await 내 변경을 적용했습니다
            shot merged
        """, env=KOREAN, where=["demo/my-bucket/data.pickle"])
    fault = compare("korean_conflict", seen)
    assert fault is None, "\n" + (fault or "")


def korean_trouble():
    golden("korean_trouble", """
        key j j j Enter
        shot troubled
        key Enter
        expect 위험
        shot what is dangerous
        key !
        shot why
        key Esc Tab j Enter
        shot with something behind it
        key Tab j Enter
        shot empty
        key Tab j Enter
        shot cut off
    """)


def korean_narrow():
    golden("korean_narrow", """
        key Enter
        shot a listing
        key Enter
        shot a record
        key j j e ^U
        type [
        shot a mistake
        key ^U
        type 31
        key Enter s
        shot review
        key j j j j j
        shot further down
        key n q
        shot leaving
        key n ?
        shot help
    """, size=(10, 40))


def chosen_by_settings():
    """`lang` of the settings, --lang over it; ASCII alone is English."""
    with Stage() as stage:
        settings = os.path.join(stage.folder, "settings")
        plain = {"LC_ALL": "C.UTF-8", "PKLBROWSE_LOCALE_DIR": CATALOGUES}
        for lines, options, word in (
                ("lang = ko\n", (), "도움말"), ("lang = en\n", ("--lang", "ko"), "도움말"),
                ("lang = ko\n", ("--lang=en",), "help"), ("lang = ko\nascii = yes\n", (), "help"),
                ("lang = ../ko\n", (), "this is a lang"), ("lang = ko\n", ("--ascii",), "help")):
            with open(settings, "w", encoding="utf-8") as f:
                f.write(lines)
            stage.run(f"expect {word}", options=("--config", settings, *options), env=plain)


sys.exit(main([korean_views, korean_edit, korean_tree, korean_conflict, korean_trouble,
               korean_narrow, chosen_by_settings]))
