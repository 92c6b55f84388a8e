#!/usr/bin/python3
"""Random keys, pastes, clicks and resizes in a real terminal, before folders and a busy store.

Nothing may crash, hang or leave the terminal as it should not be. The keys are pressed by somebody
who may write nowhere but in a folder of the test: it runs as root and gives that up. MONKEY_KEYS
sets how many are pressed in each of the rounds; PKLBROWSE_SEED repeats a run.
"""
import fcntl
import http.server
import os
import random
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import urllib.parse

KEYS = int(os.environ.get("MONKEY_KEYS", "5000"))
SEED = int(os.environ.get("PKLBROWSE_SEED", random.randrange(1 << 32)))
ROUNDS = 4
NOBODY = 65534
PATIENCE = 20.0  # seconds; sanitizers on a loaded machine
SAMPLES = os.path.join(os.environ["srcdir"], "docs", "demo")

PRINTABLE = [chr(c) for c in range(32, 127)]
NAMED = [
    "\r",
    "\t",
    "\x1b",
    "\x7f",
    "\x1b[A",
    "\x1b[B",
    "\x1b[C",
    "\x1b[D",
    "\x1b[5~",
    "\x1b[6~",
    "\x1b[H",
    "\x1b[F",
    "\x1bOP",
    "\x1bOR",
    "\x1b[15~",
    "\x1b[Z",
    "\x1b[3~",
]
CONTROL = [chr(c) for c in range(1, 27)]
MOVES = list("jkhlgGJK") + ["\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\r", " ", "\t"]
TYPED = [
    "30",
    "'x'",
    "[1, 2, {'a': ()}]",
    "{",
    "nan",
    ".name",
    "[0]",
    "@1",
    "작업 🥒",
    "\u202eabc",
    "\x1b]0;x\x07",
    "s3://busy/",
    "k0001",
    "^a",
    "[",
    "b'\\xff'",
    "1" * 3000,
]


class Busy(http.server.BaseHTTPRequestHandler):
    """A store that takes its time: 3,000 keys in pages, bodies in drops, writes now and then."""

    protocol_version = "HTTP/1.1"
    objects = {}

    def log_message(self, *_):
        pass

    def reply(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        for at in range(0, len(body), 4096):
            self.wfile.write(body[at : at + 4096])
            self.wfile.flush()
            time.sleep(0.005)

    def listing(self, query):
        start = int(query.get("continuation-token", ["0"])[0] or 0)
        keys = sorted(self.objects)
        if start < len(keys):
            rows = "".join(
                f"<Contents><Key>{k}</Key><Size>{len(self.objects[k])}</Size>"
                f"<LastModified>2026-01-01T00:00:00.000Z</LastModified>"
                f"<ETag>&quot;{k}&quot;</ETag></Contents>"
                for k in keys[start : start + 100]
            )
        else:
            rows = ""
        more = start + 100 < len(keys)
        text = (
            f"<ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>{rows}"
            + (f"<NextContinuationToken>{start + 100}</NextContinuationToken>" if more else "")
            + "</ListBucketResult>"
        )
        time.sleep(0.02)
        self.reply(200, text.encode(), Content_Type="application/xml")

    def do_GET(self):
        path, _, query = self.path.partition("?")
        key = urllib.parse.unquote(path).partition("/busy/")[2]
        if not key:
            self.listing(urllib.parse.parse_qs(query))
        elif key not in self.objects:
            self.reply(404)
        elif random.random() < 0.1:
            self.reply(503)
        else:
            self.reply(200, self.objects[key], ETag=f'"{key}-{len(self.objects[key])}"')

    do_HEAD = do_GET

    def do_PUT(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        key = urllib.parse.unquote(self.path.partition("?")[0]).partition("/busy/")[2]
        if random.random() < 0.3 or not key:
            self.reply(412)
            return
        self.objects[key] = body
        self.reply(200, ETag=f'"{key}-{len(body)}"')

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.reply(400)

    do_DELETE = do_POST


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):  # somebody who goes away in the middle is what this is about
        pass


def start_store():
    bodies = []
    for folder, _, names in os.walk(SAMPLES):
        for name in names:
            with open(os.path.join(folder, name), "rb") as f:
                bodies.append(f.read())
    Busy.objects = {f"k{i:04}.pkl": bodies[i % len(bodies)] for i in range(3000)}
    server = Server(("127.0.0.1", 0), Busy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Lost(Exception):
    """What went wrong, and where."""


class Ended(Exception):
    """The program is gone."""


class Terminal:
    """The program in a terminal of its own, as nobody."""

    def __init__(self, folder, where, rng):
        self.folder, self.rng, self.pressed, self.tail = folder, rng, [], b""
        self.status = None
        self.term = rng.choice(["xterm-256color", "screen", "linux", "vt100"])
        environ = {
            "HOME": folder,
            "TERM": self.term,
            "LANG": "C.UTF-8",
            "PATH": "/usr/bin:/bin",
            "EDITOR": "true",
            "TMPDIR": folder,
            "XDG_STATE_HOME": folder + "/state",
            "AWS_EC2_METADATA_DISABLED": "true",
            "ASAN_OPTIONS": f"log_path={folder}/sanitizer:detect_leaks=1",
            "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
            "LSAN_OPTIONS": os.environ.get("LSAN_OPTIONS", ""),
        }
        self.fd, slave = os.openpty()
        self.before = termios.tcgetattr(slave)
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.fd)
            os.login_tty(slave)
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.chdir(folder)
            os.execve(os.environ["PKLBROWSE"], ["pklbrowse", *where], environ)
        os.close(slave)
        self.size(24, 80)

    def size(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, seconds):
        """What arrives within that time; b"" when nothing does; None: the program is gone."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return b""
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return None
        self.tail = (self.tail + data)[-20000:]
        return data or None

    def answered(self, wanted, what):
        until = time.monotonic() + PATIENCE
        seen = b""
        while wanted not in seen:
            data = self.read(max(0.0, until - time.monotonic()))
            if data is None:
                raise Ended
            if not data:
                raise Lost(f"no answer within {PATIENCE:.0f} s to {what}")
            seen += data

    def press(self, text):
        self.pressed.append(text)
        data = text.encode()
        until = time.monotonic() + PATIENCE
        while data:  # it may be busy writing to us
            if self.read(0) is None:
                raise Ended
            if not select.select([], [self.fd], [], 0.05)[1]:
                if time.monotonic() > until:
                    raise Lost(f"it takes no more keys after {self.pressed[-30:]!r}")
                continue
            data = data[os.write(self.fd, data[:64]) :]

    def some(self):
        """One random thing that a hand on a keyboard does."""
        rng, dice = self.rng, self.rng.random()
        if dice < 0.35:
            self.press(rng.choice(MOVES))
        elif dice < 0.70:
            self.press(rng.choice(PRINTABLE))
        elif dice < 0.80:
            self.press(rng.choice(NAMED))
        elif dice < 0.88:
            self.press(rng.choice(CONTROL))
        elif dice < 0.93:
            self.press(rng.choice(TYPED) + rng.choice(["", "\r"]))
        elif dice < 0.95:
            self.press(
                "\x1b[200~"
                + "".join(rng.choices(PRINTABLE, k=rng.randrange(300)))
                + rng.choice(TYPED)
                + "\x1b[201~"
            )
        elif dice < 0.98:
            button = rng.choice([0, 0, 2, 64, 65])
            at = f"{button};{rng.randrange(1, 120)};{rng.randrange(1, 40)}"
            self.press(f"\x1b[<{at}M\x1b[<{at}m")
        else:
            self.size(rng.randrange(1, 60), rng.randrange(1, 200))

    def awake(self):
        """Back from a stop, if ^Z was among the keys; whether it still runs."""
        try:
            pid, status = os.waitpid(self.pid, os.WNOHANG | os.WUNTRACED)
        except ChildProcessError:
            return False
        if pid and os.WIFSTOPPED(status):
            os.kill(self.pid, signal.SIGCONT)
            return True
        if pid:
            self.status = status
        return not pid

    def finish(self):
        """A terminal's end: it must go, leave nothing behind and say nothing."""
        self.size(24, 80)
        os.kill(self.pid, signal.SIGCONT)
        os.kill(self.pid, signal.SIGTERM)
        until = time.monotonic() + PATIENCE
        while self.read(0.1) is not None:
            if time.monotonic() > until:
                raise Lost("it does not end when it is told to")
        self.status = os.waitpid(self.pid, 0)[1]


def check_end(t):
    """After its end: the terminal's modes as they were, and no word of a sanitizer."""
    for name in os.listdir(t.folder):
        if name.startswith("sanitizer"):
            with open(os.path.join(t.folder, name), encoding="utf-8", errors="replace") as f:
                raise Lost(f.read()[:6000])
    if os.WIFEXITED(t.status) and os.WEXITSTATUS(t.status) not in (0, 130):
        raise Lost(f"status {os.WEXITSTATUS(t.status)}: {t.tail[-300:]!r}")
    # The screen may be gone when the last keys arrive: ^C is the shell's again then.
    if os.WIFSIGNALED(t.status) and os.WTERMSIG(t.status) not in (
        signal.SIGTERM,
        signal.SIGINT,
        signal.SIGQUIT,
    ):
        raise Lost(f"it died of signal {os.WTERMSIG(t.status)}")
    if b"runtime error" in t.tail or b"Sanitizer" in t.tail:
        raise Lost(t.tail[-4000:].decode("utf-8", "replace"))
    if termios.tcgetattr(t.fd)[:4] != t.before[:4]:
        raise Lost("the terminal's modes are not what they were")
    if t.term in ("xterm-256color", "screen") and b"\x1b[?1049l" not in t.tail:
        raise Lost("it did not leave its screen: " + repr(t.tail[-300:]))


def one_round(number, store):
    rng = random.Random(SEED + number)
    folder = tempfile.mkdtemp(prefix="pkl-monkey-", dir="/tmp")
    shutil.copytree(SAMPLES, os.path.join(folder, "demo"))
    subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", folder], check=True)
    url = f"http://127.0.0.1:{store.server_address[1]}"
    busy = ["--no-sign-request", "--endpoint-url", url, "--region", "us-east-1", "s3://busy/"]
    left, starts = KEYS, 0
    try:
        while left > 0:
            where = [folder + "/demo/"] if (number + starts) % 2 else busy
            starts += 1
            t = Terminal(folder, where, rng)
            try:
                t.answered(b"\x1b[", "the first screen")
                while left > 0 and t.awake():
                    for _ in range(min(left, 20)):
                        t.some()
                    left -= 20
                    while t.read(0.002):
                        pass
                if t.awake():
                    t.size(24, 80)
                    t.press("\x0c")
                    t.answered(b"\x1b[", "^L, after " + repr(t.pressed[-40:]))
                    t.finish()
            except Ended:  # it may have been asked to quit
                pass
            if t.status is None:
                t.status = os.waitpid(t.pid, 0)[1]
            while t.read(0.1):
                pass
            check_end(t)
            os.close(t.fd)
        return starts
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main():
    if os.geteuid() != 0:
        print("skipped: it takes root to press keys as nobody")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    print(f"seed {SEED}, {ROUNDS} rounds of {KEYS} keys")
    random.seed(SEED)
    store = start_store()
    failed = 0
    for number in range(ROUNDS):
        try:
            starts = one_round(number, store)
            print(f"round {number}: {starts} starts")
        except Lost as lost:
            print(f"round {number}: {lost}")
            failed += 1
    print(f"{ROUNDS - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
