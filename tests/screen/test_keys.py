#!/usr/bin/python3
"""Every key of every command of the table is pressed in a script, and does what the table says.

The table is src/ui/keymap.def, as the program is built from it; that a command ran is read in the
log. What the scripts below leave out is listed.
"""
import os
import pickle
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from screens import TOP, Stage, main  # noqa: E402  pylint: disable=wrong-import-position
sys.path.insert(0, os.path.join(TOP, "tests", "lint"))
from test_man import rows  # noqa: E402  pylint: disable=wrong-import-position

CONTEXTS = {"PANES": ("LIST", "TREE", "INFO")}
MOVES = "j Down k Up ^F PgDn ^B PgUp ^D ^U G End g Home"

# (name, LOCATION in the samples, script). What a key opens is closed by the next.
SCRIPTS = [
    ("listing", "types/", f"""
        key {MOVES}
        key m Space M M
        key d n Del n F8 n
        key D Esc
        key / Esc F7 Esc
        key o o o # Esc y Y Esc A Esc V Esc v Esc
        key i Tab Tab Tab F3 Tab
        key P Esc b b B Esc
        key ^O Esc ^P Esc F9 Esc
        key ^L ^Z M-m M-m
        key ? Esc F1 Esc
        key : Tab Esc R F5 [ ]
        key Enter Tab l Tab Right Tab S-Tab F6
        key h Enter Left Enter Backspace l
        key Esc
    """),
    ("tree", "types/containers.pkl", f"""
        key Enter l {MOVES}
        key Enter Right h Left Space
        key 1 2 3 4 5 6 7 8 9 E C
        key g j J K
        key L P T ! Esc x Esc
        key / Esc F7
        type a
        key Enter n N
        key y Y W Esc v Esc i i b b B Esc : Esc ^O Esc ^P Esc F9 Esc
        key ^L ^Z M-m M-m ? Esc F1 Esc
        key g j a Esc r Esc
        key Enter j + u ^R u
        key d u Del u F8 u
        key D Esc S Esc
        key [ ] Tab Tab R F5
    """),
    ("moving items", "types/buffers.pkl", """
        key j > < M-Down M-Up
    """),
    ("editing", "my-bucket/data.pickle", """
        key j j t Esc F4 Esc e ^U
        type 7
        key Enter U u s n F2 n q n F10 n i F3 ^C Esc
    """),
    ("dialog", "my-bucket/data.pickle", """
        key j e
        type x
        key Esc e Backspace
        type y'
        key Enter
        key q Tab Right l S-Tab Left h ? Esc F1 Esc Esc q q
        key q j k ^L ^Z M-m M-m ^C
        key q Enter q Space
        key q j Down k Up ^F PgDn ^B PgUp ^D ^U G End g Home Esc
    """),
    ("line", "my-bucket/data.pickle", """
        key j e Home ^A Right ^F Left ^B End ^E M-b M-f
        key Backspace ^U ^Y ^A Del ^D ^K ^Y ^W ^Y M-Backspace ^Y ^A M-d ^Y ^T ^_ M-u Up ^P Down ^N
        key ^L ^Z M-m M-m ^X ^G e Esc e Enter e ^C
    """),
    ("properties", "trouble/empty.pkl", f"""
        key {MOVES}
        key ^L ^Z M-m M-m x Esc Y Esc v Esc P Esc b b B Esc ^O Esc ^P Esc F9 Esc ? Esc F1 Esc
        key : Esc i F3 D Esc [ ] R F5
        key Tab Tab S-Tab F6 Esc Tab
        key ^O
        key {MOVES} / Esc F7
        type a
        key Enter n N q ^O Esc ^O Left ^O h ^O Enter ^O ? ^O F1 ^O ^L ^Z M-m M-m ^C
    """),
    ("failed", "none.pkl", """
        key Enter f Enter
    """),
    ("long value", "types/long-text.pkl", f"""
        key j Enter
        key {MOVES}
        key /
        type e
        key Enter n N x x W Esc ^L ^Z M-m M-m q Enter Esc Enter Left Enter h Enter Enter Enter ^C
    """),
    ("long int", "ints.pkl", """
        key j Enter d
    """),
    ("table", "my-bucket/users.pickle", f"""
        key E / ^U
        type users
        key Enter T
        key {MOVES} l Right h Left o ^L ^Z M-m M-m q T Esc T Tab C T
        key e Esc F4 Esc Enter Esc u ^R Esc T ^C
    """),
    ("versions", "my-bucket/data.pickle", f"""
        key v
        key {MOVES} Space m c ^L ^Z M-m M-m b q v Esc v Left v h v ^C
        key v Enter Esc v l Esc v Right Esc
    """),
    ("lists", "my-bucket/data.pickle", f"""
        key !
        key {MOVES} ^L ^Z M-m M-m q ! Esc ! Left ! h ! ^C
        key b B Enter B l B Right
        key ^P
        type abc
        key Down ^N Up ^P PgDn ^F PgUp ^B Backspace ^U ^L ^Z M-m M-m ^G ^P Esc ^P ^C
        key ^P
        type all messages
        key Enter
    """),
    ("quit", "my-bucket/", "key q\nquits"),
    ("quit by F10", "my-bucket/", "key F10\nquits"),
    ("interrupt", "my-bucket/", "key ^C\nquits"),
]


def table():
    """{(command, key)} of the table."""
    return {(args[0], key) for kind, args in rows("src/ui/keymap.def") if kind == "CMD"
            for key in args[1].split()}


def pressed(stage, where, script):
    """{(command, key)} that a script made run, from the log."""
    with open(stage.path("ints.pkl"), "wb") as f:
        pickle.dump([7 ** 6000], f)
    log = os.path.join(stage.folder, "log")
    stage.run(script, where=["demo/" + where], options=["--log-file", log], size=(24, 100),
              env={"EDITOR": "true", "VISUAL": None})
    with open(log, encoding="utf-8") as f:
        lines = f.read()
    os.unlink(log)
    return {(command, key) for key, command, missing
            in re.findall(r"key (\S+): (\w+)(, which)?", lines) if not missing}


def every_key():
    seen = set()
    for _, where, script in SCRIPTS:
        with Stage() as stage:
            seen |= pressed(stage, where, script)
    missed = sorted(pair for pair in table() if pair not in seen)
    assert not missed, "never pressed: " + ", ".join(f"{key} ({name})" for name, key in missed)


def a_missed_one_is_found():
    """The check can fail: without its script there are commands that nobody ran."""
    with Stage() as stage:
        seen = pressed(stage, *SCRIPTS[0][1:])
    assert ("mark", "m") in seen and ("line_yank", "^Y") not in seen, seen
    assert len(table()) > 200, len(table())


if __name__ == "__main__":
    sys.exit(main([every_key, a_missed_one_is_found]))
