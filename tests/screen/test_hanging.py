#!/usr/bin/python3
"""A folder that hangs for six seconds, as a dead network mount does: the screen still answers."""
import os
import shlex
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from screens import TOP, Stage, main  # noqa: E402  pylint: disable=wrong-import-position
from test_tmux import Terminal  # noqa: E402  pylint: disable=wrong-import-position

HANGS = 6  # seconds
AT_ONCE = 2.0  # what "at once" means for tmux and a loaded machine together


def preloaded(stage, seconds=HANGS):
    library = os.path.join(stage.folder, "slowfolder.so")
    subprocess.run(
        [
            "cc",
            "-shared",
            "-fPIC",
            "-D_GNU_SOURCE",
            "-o",
            library,
            os.path.join(TOP, "tests/screen/support/slowfolder.c"),
        ],
        check=True,
    )
    return {"LD_PRELOAD": library, "SLOW_FOLDER": stage.path("types"), "SLOW_SECONDS": str(seconds)}


def start(t, env, where):
    t.environ.update(env)
    t.type("export " + " ".join(f"{k}={shlex.quote(v)}" for k, v in env.items()))
    t.keys("Enter")
    t.start(where)


def timed(act):
    begin = time.monotonic()
    act()
    return time.monotonic() - begin


def keys_are_answered(t):
    def press():
        t.keys("?")
        t.see("Keys")
        t.keys("Escape")
        t.see("Keys", gone=True)

    took = timed(press)
    assert took < AT_ONCE, f"help took {took:.1f} s"


def a_listing_that_hangs():
    """Keys work meanwhile, another folder can be visited, and at last it is there."""
    with Stage() as stage, Terminal(stage) as t:
        start(t, preloaded(stage), "demo/")
        t.see("my-bucket/")
        t.keys("G", "Enter")  # types/
        begin = time.monotonic()
        keys_are_answered(t)
        t.keys("Escape", "h")
        t.see("my-bucket/")
        t.keys("g", "Enter")
        t.see("data.pickle")
        assert time.monotonic() - begin < HANGS, "it waited for the folder that hangs"
        t.keys("h")
        t.see("trouble/")
        t.keys("G", "Enter")
        t.see("scalars.pkl")
        t.keys("q")
        t.restored(0)


def an_object_that_hangs():
    """Looking what it is hangs, and so does opening it; both can be left with Esc."""
    with Stage() as stage, Terminal(stage) as t:
        start(t, preloaded(stage), "demo/types/scalars.pkl")
        keys_are_answered(t)
        t.keys("Escape")
        t.see("Stopped")
        t.type(":")
        t.type(stage.path("my-bucket/data.pickle"))
        t.keys("Enter")
        t.see("'New York'")
        took = timed(lambda: (t.keys("q"), t.restored(0)))
        assert took < AT_ONCE, f"quitting took {took:.1f} s"


def it_is_waited_for():
    with Stage() as stage, Terminal(stage) as t:
        start(t, preloaded(stage, 1), "demo/types/scalars.pkl")
        begin = time.monotonic()
        t.see("int")
        assert time.monotonic() - begin > 2, "nothing hung: this test tests nothing"
        t.keys("q")
        t.restored(0)


if __name__ == "__main__":
    sys.exit(main([a_listing_that_hangs, an_object_that_hangs, it_is_waited_for]))
