"""Runs the program for the tests of the command line, and counts what they find."""
import os
import shutil
import signal
import subprocess
import tempfile
import time
import traceback

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
PROGRAM = os.path.abspath(os.environ.get("PKLBROWSE", os.path.join(TOP, "build", "pklbrowse")))
TIME_LIMIT = 60


class Failed(Exception):
    """What is not as it should be."""


class Skipped(Exception):
    """Why a test cannot be run here."""


class Result:
    def __init__(self, args, done):
        self.args, self.status = args, done.returncode
        self.raw, self.err_raw = done.stdout, done.stderr
        self.out = done.stdout.decode("utf-8", "surrogateescape")
        self.err = done.stderr.decode("utf-8", "surrogateescape")

    def __str__(self):
        return (f"pklbrowse {self.args}\n  status {self.status}\n  out {self.out[:1000]!r}\n"
                f"  err {self.err[:1000]!r}")

    def expect(self, status, out=None, err=None):
        """Status; exact output; a part of the messages, which are one line each."""
        if self.status != status:
            raise Failed(f"status {status} expected: {self}")
        if out is not None and self.out != out:
            raise Failed(f"expected {out!r}: {self}")
        if err is not None and err not in self.err:
            raise Failed(f"expected the message {err!r}: {self}")
        if status not in (0, 1, 8, 141) and not self.err.startswith("pklbrowse: "):
            raise Failed(f"no message: {self}")
        if status in (2, 3, 4, 5) and self.err.count("\n") != 1:
            raise Failed(f"one line expected: {self}")
        return self


def same(got, want, what=""):
    if got != want:
        raise Failed(f"{what}: {got!r} is not {want!r}")


def wait_until_waiting(process):
    """Until the program has its signal handlers and sleeps: everything it can do is done."""
    for _ in range(6000):
        with open(f"/proc/{process.pid}/status", encoding="ascii") as f:
            fields = dict(line.split(":", 1) for line in f)
        caught = int(fields["SigCgt"], 16)
        if caught & 1 << (signal.SIGINT - 1) and fields["State"].strip().startswith("S"):
            return
        time.sleep(0.01)
    raise Failed("the program never came to wait")


class Place:
    """A folder of its own for one test, and the program run in it."""

    def __init__(self, folder, env=None):
        self.folder = folder
        self.home = os.path.join(folder, "home")
        self.work = os.path.join(folder, "work")
        os.makedirs(self.home)
        os.makedirs(self.work)
        ours = ("AWS_", "PKLBROWSE", "XDG_", "LANGUAGE")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
        self.env = dict(kept, HOME=self.home, LC_ALL="C.UTF-8", TMPDIR=folder,
                        AWS_EC2_METADATA_DISABLED="true",
                        PKLBROWSE_DEMO_DIR=os.path.join(TOP, "docs", "demo"), **(env or {}))

    def path(self, name):
        return os.path.join(self.work, name)

    def put(self, name, data):
        with open(self.path(name), "wb") as f:
            f.write(data)
        return self.path(name)

    def get(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()

    def start(self, *args, env=None, **more):
        return subprocess.Popen([PROGRAM, *args], cwd=self.work, env=dict(self.env, **(env or {})),
                                start_new_session=True, **more)

    def run(self, *args, stdin=b"", env=None, **more):
        done = subprocess.run([PROGRAM, *args], cwd=self.work, env=dict(self.env, **(env or {})),
                              input=stdin, stdout=more.pop("stdout", subprocess.PIPE),
                              stderr=subprocess.PIPE, timeout=TIME_LIMIT, check=False,
                              start_new_session=True, **more)
        done.stdout = done.stdout or b""
        return Result(args, done)

    def as_nobody(self, *args):
        """The same for somebody who may not do everything, also when root runs the tests."""
        if os.geteuid() != 0:
            return self.run(*args)
        become = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
        for base, folders, names in os.walk(self.folder):
            for name in [*folders, *names]:
                os.lchown(os.path.join(base, name), 65534, 65534)
        os.chown(self.folder, 65534, 65534)
        try:
            for probe in ([PROGRAM, "--version"], ["ls", self.home]):
                subprocess.run([*become, *probe], check=True, cwd=self.work,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        except (OSError, subprocess.CalledProcessError) as why:
            raise Skipped(f"nobody cannot run the program here: {why}") from why
        done = subprocess.run([*become, PROGRAM, *args], cwd=self.work, env=self.env,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=TIME_LIMIT, check=False)
        return Result(args, done)

    def history(self):
        """The kept bytes, whatever the files are called."""
        found = []
        for base, _, names in os.walk(os.path.join(self.home, ".local", "state", "pklbrowse")):
            for name in names:
                with open(os.path.join(base, name), "rb") as f:
                    found.append(f.read())
        return found


def run_all(tests, env=None):
    """Each test gets a Place; the last line is the count."""
    if not os.access(PROGRAM, os.X_OK):
        print(f"{PROGRAM} is not there: build it, or name it in PKLBROWSE")
        print("0 passed, 1 failed")
        return 1
    passed = failed = skipped = 0
    for test in tests:
        folder = tempfile.mkdtemp(prefix="pklbrowse-cli.", dir=os.environ.get("TEST_TMP"))
        try:
            test(Place(folder, env))
            passed += 1
        except Skipped as why:
            skipped += 1
            print(f"{test.__name__}: skipped: {why}")
        except Exception as fault:                      # a test that breaks is a test that failed
            failed += 1
            where = traceback.extract_tb(fault.__traceback__)[1].lineno
            print(f"{test.__name__}, line {where}: {type(fault).__name__}: {fault}")
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0
