"""What the tests of every store share: our program that drives it, a proxy, the run of a table."""
import copy
import json
import os
import re
import subprocess
import sys
import time
import urllib.parse

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "tests", "servers"))
from faultproxy import FaultProxy, Signer  # noqa: E402,F401

TOOL = os.environ.get("STORE_TOOL") or os.path.join(
    os.environ["builddir"], "tests/store/store_tool")
SECONDS = 60                                # no step of a test takes longer


class Proxy(FaultProxy):
    """A fault proxy that remembers the headers of what it saw."""

    def __init__(self, to, signer):
        super().__init__(to, signer=signer)
        self.heads = []

    def rule_for(self, request):
        self.heads.append(copy.copy(request))    # as it came, whatever a rule does to it
        return super().rule_for(request)

    def clear(self):
        super().clear()
        self.heads = []

    def methods(self):
        return " ".join(head.method for head in self.heads)


def quote(key):
    return urllib.parse.quote(key, safe="/")


class Driver:
    """Our side. A store's rig adds the other one: put(), get(), environment(), and these."""

    WORDS = ()                              # options of the tool that choose the store
    ADDRESS = None                          # the variable that says where the store is
    SCHEME = None                           # of the store's locations
    COPIES = None                           # a proxy's rule that matches a copy by the service
    secrets = ()                            # what no message may hold
    bucket = tmp = None
    count = 0

    def url(self, key):
        return f"{self.SCHEME}://{self.bucket}/{key}"

    def base_environment(self):
        env = {"PATH": os.environ["PATH"], "HOME": self.tmp, "LC_ALL": "C.UTF-8"}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                env[name] = os.environ[name]
        return env

    def start(self, *words, through=None, env=None):
        """The tool, running; through: the proxy to send everything through."""
        env = dict(env or {})
        if through:
            env[self.ADDRESS] = through.url
        return subprocess.Popen([TOOL, *self.WORDS, *map(str, words)], env=self.environment(**env),
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, cwd=self.tmp)

    def finish(self, process):
        out, err = process.communicate(timeout=SECONDS)
        assert process.returncode in (0, 1), f"status {process.returncode}: {err.decode()}"
        assert not err, err.decode()
        return [json.loads(line) for line in out.splitlines()]

    def run(self, *words, **more):
        """All lines of the tool's output; the last one tells an error, if there is one."""
        return self.finish(self.start(*words, **more))

    def ok(self, *words, **more):
        lines = self.run(*words, **more)
        assert not (lines and "error" in lines[-1]), lines[-1]
        return lines

    def error(self, kind, words, *command, **more):
        """The command must fail with this kind of error, its message matching the words."""
        lines = self.run(*command, **more)
        assert lines and "error" in lines[-1], f"no error: {lines[-1:]}"
        told = lines[-1]
        assert told["error"] == kind, told
        assert re.search(words, told["message"]), told
        for secret in self.secrets:
            assert secret not in json.dumps(told), "a secret in an error"
        return told

    def program(self, *words, status=0, notes=False, user=None, **env):
        """What our program prints, from its command line; notes: on its standard error; user: who
        runs it (a number)."""
        told = subprocess.run(
            [os.environ["PKLBROWSE"], *words],
            env=self.environment(**env),
            capture_output=True,
            text=True,
            cwd=self.tmp,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=SECONDS,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )
        for secret in self.secrets:
            assert secret not in told.stdout + told.stderr, "a secret was printed"
        assert told.returncode == status, (told.returncode, told.stderr)
        return told.stdout if status == 0 and not notes else told.stderr

    def names(self, *words, **more):
        return [urllib.parse.unquote(line["name"]) for line in self.ok(*words, **more)
                if "name" in line]

    def file(self, body=None):
        """A path for a new file, with these bytes in it."""
        self.count += 1
        path = os.path.join(self.tmp, f"file{self.count}")
        if body is not None:
            with open(path, "wb") as f:
                f.write(body)
        return path

    def fetch(self, key, *words, **more):
        path = self.file()
        lines = self.ok("get", self.bucket, quote(key), path, *words, **more)
        with open(path, "rb") as f:
            return f.read(), lines

    def save(self, key, body, *words, **more):
        return self.ok("put", self.bucket, quote(key), self.file(body), *words, **more)[-1]

    def save_error(self, kind, words, key, body, *more_words, **more):
        return self.error(kind, words, "put", self.bucket, quote(key), self.file(body),
                          *more_words, **more)


def run_table(rig, tests):
    """Each test of the table, or those named on the command line; the number that failed."""
    chosen = [test for test in tests if not sys.argv[1:] or test.__name__ in sys.argv[1:]]
    failed = 0
    for test in chosen:
        rig.proxy.clear()
        began = time.monotonic()
        try:
            test(rig)
        except Exception as error:              # whatever it is, the other tests still run
            print(f"{test.__name__}: {type(error).__name__}: {error}")
            failed += 1
        if os.environ.get("S3_RIG_TIMES"):
            print(f"{time.monotonic() - began:6.2f} s  {test.__name__}")
    print(f"{len(chosen) - failed} passed, {failed} failed")
    return failed
