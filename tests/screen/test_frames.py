#!/usr/bin/python3
"""How long a key waits for its frame while the network is busy, what a frame costs, and idling.

Times are those of a quiet machine; on a loaded one the limits grow by what the same load does to a
loop of ours, measured beside. What a key costs in CPU time has one limit everywhere.
"""
import fcntl
import http.server
import os
import pickle
import pty
import select
import shutil
import signal
import struct
import sys
import tempfile
import termios
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from screens import PROGRAM, main  # noqa: E402  pylint: disable=wrong-import-position

FRAME = 0.050                   # seconds from a key to its frame, for 95 of 100 keys
CPU_PER_KEY = 0.012             # seconds, also on a loaded machine
PAGE = 1000                     # keys
PAGES = 1000
TICK = 1 / os.sysconf("SC_CLK_TCK")
BODY = pickle.dumps(list(range(300000)))


def slowness():
    """How much longer than alone a loop takes now; 1 on a quiet machine."""
    wall, cpu = time.monotonic(), time.process_time()
    while time.process_time() - cpu < 0.05:
        pass
    return max(1.0, (time.monotonic() - wall) / 0.05)


class Handler(http.server.BaseHTTPRequestHandler):
    """A bucket with a million keys, and an object whose body trickles in."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):      # pylint: disable=arguments-differ
        pass

    def answer(self, body, kind="application/xml"):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"1"')
        self.send_header("Last-Modified", "Wed, 15 Nov 2023 00:00:00 GMT")
        self.end_headers()

    def do_HEAD(self):              # pylint: disable=invalid-name
        self.answer(BODY)

    def do_GET(self):               # pylint: disable=invalid-name
        url = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(url.query)
        if "list-type" in query:
            body = listing(int(query.get("continuation-token", ["0"])[0]))
            self.answer(body)
            self.wfile.write(body)
            return
        self.answer(BODY, "application/octet-stream")
        for at in range(0, len(BODY), 4096):
            self.wfile.write(BODY[at:at + 4096])
            time.sleep(0.02)


def listing(page):
    rows = "".join(
        f"<Contents><Key>key-{page * PAGE + i:07d}.pkl</Key><Size>{i}</Size>"
        "<LastModified>2023-11-14T20:13:20.000Z</LastModified><ETag>&quot;1&quot;</ETag></Contents>"
        for i in range(PAGE))
    more = page + 1 < PAGES
    rest = f"<NextContinuationToken>{page + 1}</NextContinuationToken>" if more else ""
    return (f"<ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>{rest}{rows}"
            "</ListBucketResult>").encode()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):     # a client that went away is no error here
        pass

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Terminal:
    """The program in a terminal of 80x24; what it sends is counted, not drawn."""

    def __init__(self, *args, endpoint="http://127.0.0.1:1"):
        self.folder = tempfile.mkdtemp(prefix="pkl-frames-")
        env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "XDG_", "LC_"))}
        env.update(TERM="xterm-256color", LANG="C.UTF-8", HOME=self.folder,
                   AWS_ENDPOINT_URL=endpoint, AWS_REGION="us-east-1",
                   AWS_EC2_METADATA_DISABLED="true")
        for name in ("LINES", "COLUMNS", "PKLBROWSE_SCRIPT"):
            env.pop(name, None)
        self.began = time.monotonic()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
            os.execve(PROGRAM, [PROGRAM, "--no-sign-request", *args], env)
        self.seen = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)
        shutil.rmtree(self.folder, ignore_errors=True)

    def read(self, seconds):
        """What comes first within that time; b"": nothing."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return b""
        piece = os.read(self.fd, 65536)
        self.seen += piece
        return piece

    def see(self, text, seconds=30):
        until = time.monotonic() + seconds
        while text not in self.seen:
            assert time.monotonic() < until, (text, self.seen[-2000:])
            self.read(0.05)

    def drain(self, quiet=0.002):
        got = 0
        while piece := self.read(quiet):
            got += len(piece)
        return got

    def press(self, key):
        """Seconds from the key to what it made the program send."""
        self.drain()
        begin = time.monotonic()
        os.write(self.fd, key)
        assert self.read(20), "a key was never answered"
        return time.monotonic() - begin

    def cpu(self):
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as f:
            words = f.read().rsplit(")", 1)[1].split()
        return (int(words[11]) + int(words[12])) * TICK


def percentile(times, part=0.95):
    return sorted(times)[int(len(times) * part) - 1]


def hold(times, slow, what):
    """95 of 100 in time."""
    slow = max(slow, slowness())
    took, limit = percentile(times), FRAME * slow
    assert took < limit, f"{what}: {took * 1000:.0f} ms, more than {limit * 1000:.0f}"


def while_a_body_trickles():
    with Server(("127.0.0.1", 0), Handler) as server:
        slow = slowness()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        with Terminal("s3://bucket/key-0000003.pkl", endpoint=url) as t:
            t.see(b"Fetching")
            os.write(t.fd, b"\t")
            t.see(b"key-0000010")
            cpu = t.cpu()
            times = [t.press(key) for key in [b"j", b"k"] * 40]
            cpu = t.cpu() - cpu
            assert b"300,000" not in t.seen, "it was here before the keys were pressed"
    hold(times, slow, "keys while a body trickles in")
    assert cpu / len(times) < CPU_PER_KEY, f"{cpu / len(times):.4f} s of CPU a key"


def while_a_million_keys_arrive():
    """Pages come as fast as they can be made; the rows under the cursor answer all the same."""
    with Server(("127.0.0.1", 0), Handler) as server:
        slow = slowness()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        with Terminal("s3://bucket/", endpoint=url) as t:
            t.see(b"key-0000003")
            os.write(t.fd, b"G")
            t.see(b"Reading all")
            os.write(t.fd, b"g")
            times = [t.press(key) for key in [b"j", b"k"] * 60]
            arrived = t.seen.rsplit(b",000+", 1)
    assert len(arrived) == 2, "no page arrived meanwhile"
    hold(times, slow, "keys while a million keys arrive")


def first_frame():
    """Nobody answers: what is known is on the screen at once."""
    best = 1e9
    slow = slowness()
    with Server(("127.0.0.1", 0), Handler) as silent:     # accepts, and is never asked to answer
        silent.shutdown()
        url = f"http://127.0.0.1:{silent.server_address[1]}"
        for _ in range(6):
            with Terminal("s3://bucket/", endpoint=url) as t:
                t.see(b"bucket")
                best = min(best, time.monotonic() - t.began)
        threading.Thread(target=silent.serve_forever, args=(0.05,), daemon=True).start()
    limit = FRAME * max(slow, slowness())
    assert best < limit, f"the first frame took {best * 1000:.0f} ms, more than {limit * 1000:.0f}"


def idle_and_frugal():
    """At rest it neither runs nor sends; a key that moves one row sends a few hundred bytes."""
    with Terminal("/usr/") as t:
        t.see(b"bin")
        t.drain(0.3)
        sent = []
        for key in [b"j", b"k"] * 10:
            os.write(t.fd, key)
            sent.append(0)
            until = time.monotonic() + 5
            while sent[-1] == 0 and time.monotonic() < until:
                sent[-1] = t.drain(0.02)
        assert min(sent) > 0 and max(sent) < 600, sent
        t.drain(0.3)
        cpu = t.cpu()
        assert t.read(1) == b"", "something was sent while nothing happened"
        assert t.cpu() - cpu <= TICK, f"idle used {t.cpu() - cpu:.2f} s"


if __name__ == "__main__":
    sys.exit(main([while_a_body_trickles, while_a_million_keys_arrive, first_frame,
                   idle_and_frugal]))
