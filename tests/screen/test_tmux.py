#!/usr/bin/python3
"""The real program in a real terminal (tmux): keys, resize, suspension, every way out restores it.

What is waited for is a text on the screen, asked for again and again; nothing sleeps for a guess.
"""
import os
import pickle
import re
import shlex
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from screens import PROGRAM, Stage, main  # noqa: E402  pylint: disable=wrong-import-position

PATIENCE = 30


class Terminal:
    """A shell in a tmux of our own, 80 columns and 24 rows."""

    def __init__(self, stage, term="xterm-256color", env=()):
        self.stage = stage
        self.socket = os.path.join(stage.folder, "tmux")
        self.raw = os.path.join(stage.folder, "raw")
        settings = os.path.join(stage.folder, "tmux.conf")
        with open(settings, "w", encoding="utf-8") as f:
            f.write(f"set -g default-terminal {term}\nset -g status off\nset -sg escape-time 0\n"
                    "set -s set-clipboard on\n")
        environ = {"HOME": stage.folder, "PATH": os.environ["PATH"], "LANG": "C.UTF-8",
                   "LC_ALL": "C.UTF-8", "PS1": "$ ", "XDG_STATE_HOME": stage.folder + "/state"}
        environ.update(env)
        for name in ("ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS"):
            if name in os.environ:
                environ[name] = os.environ[name]
        self.settings, self.environ = settings, environ
        self.tmux("new-session", "-d", "-s", "t", "-x", "80", "-y", "24", "-c", stage.folder,
                  "bash --norc --noprofile")
        self.tmux("pipe-pane", "-t", "t", f"cat >{shlex.quote(self.raw)}")
        self.see("$")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], capture_output=True, check=False)

    def tmux(self, *args):
        done = subprocess.run(["tmux", "-S", self.socket, "-f", self.settings, "-u", *args],
                              env=self.environ, capture_output=True, check=False, timeout=30)
        assert done.returncode == 0, (args, done.stderr)
        return done.stdout.decode()

    def screen(self):
        return self.tmux("capture-pane", "-p", "-t", "t")

    def see(self, pattern, gone=False):
        """Waits until a line of the screen matches (or none does any more)."""
        until = time.monotonic() + PATIENCE
        while True:
            screen = self.screen()
            if bool(re.search(pattern, screen, re.M)) != gone:
                return screen
            assert time.monotonic() < until, f"not seen: {pattern}\n{screen}"
            time.sleep(0.02)

    def keys(self, *names):
        self.tmux("send-keys", "-t", "t", *names)

    def type(self, text):
        self.tmux("send-keys", "-t", "t", "-l", text)

    def start(self, arguments=""):
        self.type(f"clear; stty -g >before; {shlex.quote(PROGRAM)} {arguments}; echo status=$?")
        self.keys("Enter")

    def restored(self, status):
        """The program ended with this status, and the terminal is as it was before."""
        screen = self.see(r"^status=\d+")
        assert re.search(rf"^status={status}$", screen, re.M), screen
        assert "\u2502" not in screen, screen
        self.type("stty -g | cmp - before && printf 'as-%s\\n' it-was")
        self.keys("Enter")
        self.see("^as-it-was$")
        shown = self.tmux("display-message", "-p", "-t", "t", "#{alternate_on} #{cursor_flag}")
        assert shown.split() == ["0", "1"], shown

    def pid(self):
        """The program's process id: the shell's only child."""
        shell = self.tmux("display-message", "-p", "-t", "t", "#{pane_pid}").strip()
        done = subprocess.run(["ps", "-o", "pid=", "--ppid", shell], capture_output=True,
                              check=True)
        return int(done.stdout.split()[0])

    def output(self):
        with open(self.raw, "rb") as f:
            return f.read()


def edit_and_save():
    """The whole path with real keys, and the terminal given back at its end."""
    with Stage() as stage, Terminal(stage) as t:
        t.start("demo/")
        t.see("my-bucket/")
        t.keys("Enter")
        t.see("data.pickle")
        t.keys("Down", "Up", "Enter")
        t.see("'New York'")
        t.keys("j", "j", "e")
        t.see("Enter take")
        t.keys("C-u")
        t.type("31")
        t.see("int 31")
        t.keys("Enter")
        t.see("was 30")
        t.keys("s")
        t.see("1 change")
        t.keys("Enter")
        t.see("Saved")
        t.keys("q")
        t.restored(0)
        with open(stage.path("my-bucket/data.pickle"), "rb") as f:
            assert pickle.load(f)["age"] == 31


def escape_alone():
    """Esc is taken at once and goes one step back; Esc and a key behind it are two keys."""
    with Stage() as stage, Terminal(stage) as t:
        t.start("demo/my-bucket/data.pickle")
        t.see("'New York'")
        t.keys("j", "e")
        t.see("Enter take")
        t.keys("Escape")
        t.see("Enter take", gone=True)
        t.keys("?")
        t.see("Keys")
        t.keys("Escape", "q")
        t.restored(0)


def arrows_and_functions():
    with Stage() as stage, Terminal(stage) as t:
        t.start("demo/")
        t.see("my-bucket/")
        t.keys("Down", "Down", "Right")
        t.see("protocol-0.pkl")
        t.keys("Left")
        t.see("trouble/")
        t.keys("F1")
        t.see("Keys")
        t.keys("NPage")
        t.see(r"\d+ of \d+ ")
        t.keys("Escape")
        t.keys("End")
        t.see("5 of 5")
        t.keys("Home")
        t.see("1 of 5")
        t.keys("F10")
        t.restored(0)


def resize():
    with Stage() as stage, Terminal(stage) as t:
        t.start("demo/my-bucket/data.pickle")
        t.see("\u2510\u250c")                 # two panes
        t.tmux("resize-window", "-t", "t", "-x", "40", "-y", "10")
        t.see("\u2510\u250c", gone=True)
        t.see("'New York'")
        t.tmux("resize-window", "-t", "t", "-x", "120", "-y", "30")
        t.see("^\u250c.{110,}\u2510$")
        t.tmux("resize-window", "-t", "t", "-x", "10", "-y", "3")
        t.see("too small")
        t.tmux("resize-window", "-t", "t", "-x", "80", "-y", "24")
        t.see("\u2510\u250c")
        t.keys("q")
        t.restored(0)


def suspend():
    """^Z gives the shell back, fg takes the screen again, also when it was resized meanwhile."""
    with Stage() as stage, Terminal(stage) as t:
        t.start("demo/")
        t.see("my-bucket/")
        t.keys("C-z")
        t.see("Stopped")
        t.type("stty -g | cmp - before && printf 'as-%s\\n' it-was")
        t.keys("Enter")
        t.see("^as-it-was$")
        t.tmux("resize-window", "-t", "t", "-x", "100", "-y", "30")
        t.type("clear; fg; echo status=$?")
        t.keys("Enter")
        t.see("^\u250c.{90,}\u2510$")
        t.keys("j")
        t.see("2 of 5")
        t.keys("q")
        t.restored(0)


def ended_by(signal, status):
    with Stage() as stage, Terminal(stage) as t:
        t.start("demo/")
        t.see("my-bucket/")
        os.kill(t.pid(), signal)
        t.restored(status)


def terminated():
    ended_by(15, r"\d+")


def hung_up_with_changes():
    """Edits that were not saved when the program is ended are offered at the next opening."""
    for signal in (15, 1):
        with Stage() as stage, Terminal(stage) as t:
            t.start("demo/my-bucket/data.pickle")
            t.see("'New York'")
            t.keys("j", "j", "e", "C-u")
            t.type("31")
            t.see("int 31")
            t.keys("Enter")
            t.see("was 30")
            os.kill(t.pid(), signal)
            t.see("what was not saved is kept")
            t.restored(r"\d+")
            t.start("demo/my-bucket/data.pickle")
            t.see("1 change was not saved")
            t.keys("Escape")
            t.see("You are asked again|asked again")
            t.keys("q")
            t.restored(0)
            t.start("demo/my-bucket/data.pickle")
            t.see("Make them again")
            t.keys("Enter")
            t.see("was 30")
            t.keys("s", "y")
            t.see("Saved")
            t.keys("q")
            t.restored(0)
            with open(stage.path("my-bucket/data.pickle"), "rb") as f:
                assert pickle.load(f)["age"] == 31
            t.start("demo/my-bucket/data.pickle")
            t.see("int +31")
            t.see("Make them again", gone=True)
            t.keys("q")
            t.restored(0)
            assert not os.listdir(os.path.join(stage.folder, "state/pklbrowse/unsaved"))


def interrupted():
    ended_by(2, r"\d+")


def crashed():
    """A fatal signal leaves a terminal that can be used, and a core for who wants one."""
    with Stage() as stage, Terminal(stage) as t:
        t.type("ulimit -c 0")
        t.keys("Enter")
        t.start("demo/")
        t.see("my-bucket/")
        os.kill(t.pid(), 6)
        t.restored(r"134")


def standard_input():
    """Keys come from the terminal although standard input is a file."""
    with Stage() as stage, Terminal(stage) as t:
        t.start("- <demo/my-bucket/data.pickle")
        t.see("'New York'")
        t.keys("j")
        t.see(r"\['name'\]")
        t.keys("q")
        t.restored(0)


def pasted_text():
    """What is pasted is text in a line, and never a command."""
    with Stage() as stage, Terminal(stage) as t:
        t.start("demo/my-bucket/data.pickle")
        t.see("'New York'")
        t.tmux("set-buffer", "qqq\nd")
        t.tmux("paste-buffer", "-p", "-t", "t")
        t.see("Pasted text is taken only")
        t.keys("j", "e", "C-u")
        t.see("Enter take")
        t.tmux("set-buffer", "'two\nlines'")
        t.tmux("paste-buffer", "-p", "-t", "t")
        t.see("'two lines'")
        t.keys("Escape")
        t.keys("q")
        t.restored(0)


def mouse():
    """The terminal's own reports of clicks and of the wheel; --no-mouse asks for none."""
    with Stage() as stage, Terminal(stage) as t:
        t.start("demo/")
        t.see("1 of 5")
        t.type("\x1b[<0;6;5M\x1b[<0;6;5m")
        t.see("3 of 5")
        t.type("\x1b[<65;6;5M")
        t.see("5 of 5")
        t.type("\x1b[<64;6;5M")
        t.see("2 of 5")
        t.type("\x1b[<0;6;3M\x1b[<0;6;3m\x1b[<0;6;3M\x1b[<0;6;3m")
        t.see("data.pickle")
        assert b"\x1b[?1002h" in t.output()
        t.keys("q")
        t.restored(0)
        assert t.output().rstrip().count(b"\x1b[?1002l") == 1
    with Stage() as stage, Terminal(stage) as t:
        t.start("--no-mouse demo/")
        t.see("1 of 5")
        t.keys("q")
        t.restored(0)
        assert b"\x1b[?1002h" not in t.output() and b"\x1b[?1000h" not in t.output()


def clipboard():
    """y copies by OSC 52, which tmux takes for its own buffer."""
    with Stage() as stage, Terminal(stage) as t:
        t.start("demo/my-bucket/data.pickle")
        t.see("'New York'")
        t.keys("j", "y")
        t.see("Copied the path")
        until = time.monotonic() + PATIENCE
        while t.tmux("list-buffers", "-F", "#{buffer_sample}").strip() != "['name']":
            assert time.monotonic() < until, t.tmux("list-buffers")
            time.sleep(0.02)
        t.keys("q")
        t.restored(0)


def hostile_bytes():
    """No byte of a hostile name or value reaches the terminal raw."""
    value = {"\x1b]0;owned\x07": "\x1b[2J\x9b31m\u202e\u2066", "b": b"\x1b[2J"}
    with Stage(samples=False) as stage, Terminal(stage) as t:
        folder = os.path.join(stage.folder, "h").encode()
        os.mkdir(folder)
        with open(os.path.join(folder, b"\x1b]0;owned\x07\xff\xc2\x9b.pkl"), "wb") as f:
            f.write(pickle.dumps(value))
        t.start("h/")
        t.see("owned")
        t.keys("Enter")
        t.see("dict")
        t.keys("j", "e")
        t.see("Enter take")
        t.keys("Escape")
        t.keys("q")
        t.restored(0)
        out = t.output()
        for bad in (b"]0;owned\x07", b"\x1b[2J\xc2", b"\xc2\x9b", "\u202e".encode(),
                    "\u2066".encode(), b"\xff"):
            assert bad not in out, bad


def old_terminals():
    """What a terminal may not understand is not sent to it."""
    for term in ("vt100", "linux", "screen"):
        with Stage() as stage, Terminal(stage, term=term) as t:
            t.start("demo/")
            t.see("my-bucket/")
            t.keys("Enter")
            t.see("data.pickle")
            t.keys("Enter")
            t.see("'New York'")
            t.keys("j")
            t.keys("y")
            t.see("is in " if term != "screen" else "Copied the path")
            kept = [os.path.join(at, "text") for at, _, names in os.walk(stage.folder)
                    if "text" in names and at.endswith("copied")]
            assert len(kept) == (0 if term == "screen" else 1), kept
            for path in kept:
                assert open(path, encoding="utf-8").read() == "['name']", path
                assert os.stat(path).st_mode & 0o777 == 0o600, path
            t.keys("q")
            t.restored(0)
            sent = b"\x1b[?2026h" in t.output()
            assert sent == (term == "screen"), term
    with Stage() as stage, Terminal(stage, env={"TERM": "dumb"}) as t:
        t.type("export TERM=dumb")
        t.keys("Enter")
        t.start("demo/")
        screen = t.see(r"^status=\d+")
        assert "status=2" in screen and "cursor" in screen, screen


def no_colour():
    """NO_COLOR, when it is not empty: attributes only."""
    for value, coloured in (("1", False), ("", True)):
        with Stage() as stage, Terminal(stage) as t:
            t.type(f"export NO_COLOR={value}")
            t.keys("Enter")
            t.start("demo/")
            t.see("my-bucket/")
            t.keys("q")
            t.restored(0)
            # blue, of the folders
            assert (b"\x1b[1m\x1b[34m" in t.output() or b"\x1b[34m" in t.output()) == coloured


def idle_sends_nothing():
    """Nothing is sent while nothing happens, and one key sends little."""
    with Stage() as stage, Terminal(stage) as t:
        t.start("demo/types/")
        t.see("big-list.pkl")
        t.keys("j")
        t.see("2 of 16")
        before = len(t.output())
        t.keys("j")
        t.see("3 of 16")
        t.keys("^")                     # answered by a message: what came before is on its way
        t.see("does nothing here")
        sent = len(t.output()) - before
        assert 0 < sent < 1500, sent
        t.keys("q")
        t.restored(0)


if __name__ == "__main__":
    sys.exit(main([edit_and_save, escape_alone, arrows_and_functions, resize, suspend,
                   terminated, hung_up_with_changes, interrupted, crashed, standard_input,
                   pasted_text, mouse, clipboard, hostile_bytes, old_terminals, no_colour,
                   idle_sends_nothing]))
