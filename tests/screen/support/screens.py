"""Drives the real program by a script on a screen nobody sees, and compares whole screens.

A script is text as src/ui/script.c reads it; `shot NAME` in it saves the screen under that name.
The next key is read only when nothing is pending, so nothing here sleeps. With GENERATE=1 in the
environment the expected screens are written anew instead.
"""
import datetime
import difflib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

TOP = os.environ.get("srcdir") or os.path.abspath(
    os.path.join(os.path.dirname(__file__), "../../.."))
PROGRAM = os.environ.get("PKLBROWSE") or os.path.join(TOP, "build", "pklbrowse")
EXPECTED = os.path.join(TOP, "tests", "screen", "expected")
NOW = 1700000000                # the frozen clock; what is written during a test is "later"
GENERATE = os.environ.get("GENERATE") == "1"


class Stage:
    """A folder whose name is as long every time, with a copy of the sample buckets in it."""

    def __init__(self, samples=True):
        self.folder = tempfile.mkdtemp(prefix="pkl-", dir="/tmp")
        self.random = os.path.basename(self.folder)[4:]
        self.demo = os.path.join(self.folder, "demo")
        if samples:
            shutil.copytree(os.path.join(TOP, "docs", "demo"), self.demo)
            self.age_files()

    def age_files(self):
        """Every sample was changed two hours before the frozen clock, every folder three."""
        for folder, _, names in os.walk(self.demo, topdown=False):
            for name in names:
                os.chmod(os.path.join(folder, name), 0o644)
                os.utime(os.path.join(folder, name), (NOW - 7200, NOW - 7200))
            os.utime(folder, (NOW - 10800, NOW - 10800))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.demo, name)

    def mask(self, text):
        """What differs from run to run, by something as wide."""
        text = text.replace(self.random, "XXXXXXXX")
        for cut in range(1, len(self.random)):
            text = text.replace("\u2026" + self.random[cut:] + "/",
                                "\u2026" + "X" * (len(self.random) - cut) + "/")
            text = text.replace("pkl-" + self.random[:cut] + "\u2026",
                                "pkl-" + "X" * cut + "\u2026")
        today = datetime.datetime.now(datetime.timezone.utc)
        for day in (today, today - datetime.timedelta(days=1)):
            date = day.strftime("%Y-%m-%d")
            text = re.sub(date + r"T\d\d:\d\d:\d\dZ", "TO-DAY-xxTxx:xx:xxZ", text)
            text = text.replace(date, "TO-DAY-xxx")
        return re.sub(r"user \d+, group \d+", "user N, group N", text)

    def meanwhile(self, act):
        """A step for a script that waits until act() was done in another thread."""
        done = os.path.join(self.folder, "meanwhile-done")
        begin = os.path.join(self.folder, "meanwhile")

        def watch():
            until = time.monotonic() + 60
            while not os.path.exists(begin) and time.monotonic() < until:
                time.sleep(0.02)
            act()
            with open(done, "w", encoding="utf-8"):
                pass
        threading.Thread(target=watch, daemon=True).start()
        return f":save-screen {begin}\nwait-for {done}"

    def left_behind(self):
        """The screen on which a script failed."""
        try:
            with open(os.path.join(self.folder, "script.screen"), encoding="utf-8") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def run(self, script, where=None, size=(24, 80), options=(), env=(), check=True, watch=None):
        """Runs a script; returns (shots by name, the finished process)."""
        lines, shots = [], []
        for line in script.strip("\n").split("\n"):
            kind, _, name = line.strip().partition(" ")
            if kind in ("shot", "attrs"):
                shots.append(name)
                path = os.path.join(self.folder, f"shot-{len(shots)}")
                lines.append((":save-screen " if kind == "shot" else ":save-attrs ") + path)
            else:
                lines.append(line.strip())
        path = os.path.join(self.folder, "script")
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n".join(lines) + "\n")
        theirs = ("AWS_", "XDG_", "LC_", "LANGUAGE")
        environ = {k: v for k, v in os.environ.items() if not k.startswith(theirs)}
        environ.update(LINES=str(size[0]), COLUMNS=str(size[1]), PKLBROWSE_SCRIPT=path,
                       PKLBROWSE_NOW=str(NOW), HOME=self.folder, LANG="C.UTF-8",
                       XDG_STATE_HOME=os.path.join(self.folder, "state"), NO_COLOR="",
                       AWS_EC2_METADATA_DISABLED="true")
        environ.update(env)             # None: not set at all
        environ = {k: v for k, v in environ.items() if v is not None}
        where = [self.demo + "/"] if where is None else where
        with subprocess.Popen([PROGRAM, *options, *where], env=environ, cwd=self.folder,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            if watch:                   # what happens to it meanwhile
                threading.Thread(target=watch, args=(process,)).start()
            try:
                out, err = process.communicate(timeout=120)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        done = subprocess.CompletedProcess(process.args, process.returncode, out, err)
        seen = {}
        for number, name in enumerate(shots, 1):
            path = os.path.join(self.folder, f"shot-{number}")
            if os.path.exists(path):
                with open(path, encoding="utf-8") as f:
                    seen[name] = self.mask(f.read())
        if check and done.returncode != 0:
            raise AssertionError(f"status {done.returncode}: {done.stderr.decode()[-3000:]}"
                                 + self.left_behind())
        return seen, done


def compare(case, seen):
    """None, or the difference between what was seen and what is expected."""
    text = "".join(f"=== {name}\n{shot}" for name, shot in seen.items())
    path = os.path.join(EXPECTED, case + ".txt")
    if GENERATE:
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return None
    try:
        with open(path, encoding="utf-8") as f:
            expected = f.read()
    except FileNotFoundError:
        return f"{path} is missing; GENERATE=1 writes it"
    if text == expected:
        return None
    return "".join(difflib.unified_diff(expected.splitlines(True), text.splitlines(True),
                                        "expected", "seen"))


def main(cases):
    """Runs test functions (each raises AssertionError when it fails) and counts."""
    only = sys.argv[1:]
    passed = failed = 0
    for case in cases:
        if only and case.__name__ not in only:
            continue
        try:
            case()
            passed += 1
        except (AssertionError, subprocess.TimeoutExpired) as error:
            print(f"{case.__name__}: {error}")
            failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0
