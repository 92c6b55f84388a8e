#!/usr/bin/python3
"""A proxy that stands before a real HTTP server and goes wrong where it is told to.

    faultproxy.py --to HOST:PORT [--listen HOST:PORT] [--rule RULE]... [--control HOST:PORT]
                  [--sign KEY:SECRET:REGION]

It is not an HTTP proxy of the environment: the client takes its address for the server's. What
comes in goes on byte for byte, Host too, so that signatures stay valid; what comes back, likewise.
The first line of stdout is "listening on HOST:PORT" (port 0: a free one), the second, with
--control, "control on HOST:PORT". Tests in Python may use the class FaultProxy instead.

A RULE is words NAME=VALUE separated by blanks (quote a value as in a shell). Which requests:
    method=REGEX path=REGEX   whole method; anywhere in the request target (as sent, query included)
    header=NAME               only with that header
    n=N | n=N- | n=N,M        of those that match, the N-th; all from the N-th; these. Default: all
Where it goes wrong:
    do=drop-before            close; the server sees nothing
    do=drop-forwarded         the server gets the request; close at once, its answer goes nowhere
    do=drop-after             the server has done it and answered; close without a word of that
    do=cut at=N               the answer's head and N bytes of its body, then close (at=-N: but the
                              last N)
    do=cut-head at=N          the first N bytes of the answer, head included, then close
    do=hang                   never an answer (the server sees nothing), until the client goes
    do=hang-after             the server has done it; never an answer
    do=slow bytes=N ms=T      the answer's body by N bytes every T milliseconds
    do=answer status=S        the server sees nothing; this answer instead, with body=TEXT or
                              body=@FILE, and any number of set=NAME:VALUE
    do=answer-after status=S  the same, but the server has done it
    do=pass                   nothing goes wrong but what the words below say
and with any of them:
    reset=1                   where it closes, the client gets a reset
    delay=MS                  before the request goes on; delay-answer=MS before the answer does
    strip=NAME                take the request's headers of that name away (a server that ignores
                              If-Match). A signature over it breaks: with --sign the request is
                              signed again (AWS signature 4)
    strip-answer=NAME, set=NAME:VALUE   the answer without that header; with that one, in its place
    run=COMMAND               run it before the request goes on: somebody else who writes in between
    run-after=COMMAND         the same, when the server has answered and before the client knows
    hold=1                    the request waits until "release" comes through the control port
The first rule that matches is used; each counts for itself. --control takes lines and answers each
with a line: "rule RULE", "clear", "release", "held" (how many wait), "requests" (as JSON: method,
target, status, rule; status 0: no answer was forwarded).
"""
import argparse
import datetime
import hashlib
import hmac
import json
import re
import shlex
import socket
import struct
import subprocess
import sys
import threading
import time

KNOWN = {"method", "path", "header", "n", "do", "at", "bytes", "ms", "status", "body", "set",
         "reset", "delay", "delay-answer", "strip", "strip-answer", "run", "run-after", "hold"}
DOINGS = {"drop-before", "drop-forwarded", "drop-after", "cut", "cut-head", "hang", "hang-after",
          "slow", "answer", "answer-after", "pass"}


class Gone(Exception):
    """The other side closed the connection."""


class Rule:
    def __init__(self, text):
        self.text = text
        self.words = {}
        self.count = 0
        for word in shlex.split(text):
            name, equals, value = word.partition("=")
            if not equals or name not in KNOWN:
                raise ValueError(f"what is {word!r}?")
            self.words.setdefault(name, []).append(value)
        if self.get("do") not in DOINGS:
            raise ValueError(f"do={self.get('do')} is not known")

    def get(self, name, default=None):
        return self.words.get(name, [default])[-1]

    def number(self, name, default=0):
        return int(self.get(name, default))

    def all(self, name):
        return self.words.get(name, [])

    def matches(self, request):
        if not re.fullmatch(self.get("method", ".*"), request.method):
            return False
        if not re.search(self.get("path", ""), request.target):
            return False
        if any(request.header(name) is None for name in self.all("header")):
            return False
        self.count += 1
        which = self.get("n")
        if which is None:
            return True
        if which.endswith("-"):
            return self.count >= int(which[:-1])
        return self.count in [int(n) for n in which.split(",")]


class Stream:
    """A socket with what was read too far."""

    def __init__(self, sock):
        self.sock, self.kept = sock, b""

    def more(self):
        got = self.sock.recv(65536)
        if not got:
            raise Gone
        self.kept += got

    def head(self):
        while b"\r\n\r\n" not in self.kept:
            if len(self.kept) > 1 << 20:
                raise Gone
            self.more()
        head, _, self.kept = self.kept.partition(b"\r\n\r\n")
        return head + b"\r\n\r\n"

    def pieces(self, n):
        while n > 0:
            if not self.kept:
                self.more()
            piece, self.kept = self.kept[:n], self.kept[n:]
            n -= len(piece)
            yield piece

    def line(self):
        while b"\n" not in self.kept:
            self.more()
        line, newline, self.kept = self.kept.partition(b"\n")
        return line + newline

    def chunked(self):
        while True:
            line = self.line()
            yield line
            size = int(line.split(b";")[0], 16)
            if size == 0:
                while line.strip():
                    line = self.line()
                    yield line
                return
            yield from self.pieces(size + 2)

    def to_the_end(self):
        while True:
            if self.kept:
                piece, self.kept = self.kept, b""
                yield piece
            try:
                self.more()
            except Gone:
                return


class Message:
    """The head of a request or an answer."""

    def __init__(self, raw):
        lines = raw[:-4].split(b"\r\n")
        self.first = lines[0].decode("latin-1")
        self.headers = []
        for line in lines[1:]:
            name, _, value = line.decode("latin-1").partition(":")
            self.headers.append((name, value.strip(" \t")))
        self.changed = False
        self.raw = raw

    def header(self, name):
        return next((v for n, v in self.headers if n.lower() == name.lower()), None)

    def strip(self, name):
        kept = [(n, v) for n, v in self.headers if n.lower() != name.lower()]
        self.changed |= len(kept) != len(self.headers)
        self.headers = kept

    def set(self, name, value):
        self.strip(name)
        self.headers.append((name, value))
        self.changed = True

    def encode(self):
        if not self.changed:
            return self.raw
        lines = [self.first] + [f"{n}: {v}" for n, v in self.headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def chunked(self):
        return "chunked" in (self.header("Transfer-Encoding") or "").lower()

    def length(self):
        return int(self.header("Content-Length") or 0)


class Request(Message):
    def __init__(self, raw):
        super().__init__(raw)
        self.method, self.target, _ = self.first.split(" ", 2)

    def body(self, stream):
        return stream.chunked() if self.chunked() else stream.pieces(self.length())


class Answer(Message):
    def __init__(self, raw):
        super().__init__(raw)
        self.status = int(self.first.split(" ", 2)[1])

    def body(self, stream, method):
        if method == "HEAD" or self.status in (204, 304) or self.status < 200:
            return iter(())
        if self.chunked():
            return stream.chunked()
        if self.header("Content-Length") is None:
            return stream.to_the_end()
        return stream.pieces(self.length())

    def closes(self):
        told = (self.header("Connection") or "").lower()
        old = self.first.startswith("HTTP/1.0")
        return told == "close" or (old and told != "keep-alive") or (
            not self.chunked() and self.header("Content-Length") is None
            and self.status not in (204, 304))


class Signer:
    """Signs a request again whose headers were changed, with the payload hash it came with."""

    def __init__(self, key, secret, region):
        self.key, self.secret, self.region = key, secret, region

    def sign(self, request):
        request.strip("Authorization")
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        request.set("x-amz-date", now)
        signed = sorted((n.lower(), " ".join(v.split())) for n, v in request.headers
                        if n.lower() in ("host", "content-type", "content-md5", "range")
                        or n.lower().startswith(("x-amz-", "if-")))
        names = ";".join(n for n, _ in signed)
        path, _, query = request.target.partition("?")
        pairs = sorted(p.partition("=")[::2] for p in query.split("&") if p)
        canonical = "\n".join([
            request.method, path, "&".join(f"{n}={v}" for n, v in pairs),
            "".join(f"{n}:{v}\n" for n, v in signed), names,
            request.header("x-amz-content-sha256") or hashlib.sha256(b"").hexdigest()])
        scope = f"{now[:8]}/{self.region}/s3/aws4_request"
        digest = hashlib.sha256(canonical.encode("latin-1")).hexdigest()
        key = ("AWS4" + self.secret).encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{digest}"
        signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        request.set("Authorization", f"AWS4-HMAC-SHA256 Credential={self.key}/{scope}, "
                                     f"SignedHeaders={names}, Signature={signature}")


class Connection:
    """One client, and our connection to the server for it."""

    def __init__(self, proxy, sock):
        self.proxy, self.client, self.server = proxy, Stream(sock), None

    def connect(self):
        if self.server is None:
            self.server = Stream(socket.create_connection(self.proxy.to))

    def disconnect(self):
        if self.server is not None:
            self.server.sock.close()
        self.server = None

    def run(self):
        try:
            while self.one():
                pass
        except (Gone, OSError):
            pass
        finally:
            self.disconnect()
            self.client.sock.close()

    def close(self, rule):
        if rule.get("reset"):
            at_once = struct.pack("ii", 1, 0)
            self.client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        return False

    def hang(self):
        while self.client.sock.recv(65536):
            pass

    def one(self):
        """One request; False when the connection is to be closed."""
        request = Request(self.client.head())
        rule = self.proxy.rule_for(request)
        seen = {"method": request.method, "target": request.target, "status": 0,
                "rule": rule.text if rule else None}
        self.proxy.saw(seen)
        if rule is None:
            self.forward(request)
            answer = self.answer(seen)
            self.relay(answer, answer.body(self.server, request.method))
            return self.kept(request, answer)
        return self.wrong(request, rule, seen)

    def kept(self, request, answer):
        if answer.closes():
            self.disconnect()
            return False
        return (request.header("Connection") or "").lower() != "close"

    def forward(self, request):
        self.connect()
        self.server.sock.sendall(request.encode())
        if (request.header("Expect") or "").lower() == "100-continue":
            self.client.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        for piece in request.body(self.client):
            self.server.sock.sendall(piece)

    def swallow(self, request):
        request.swallowed = b""                 # what the server did not see: its beginning
        for piece in request.body(self.client):
            if len(request.swallowed) < 65536:
                request.swallowed += piece

    def answer(self, seen):
        answer = Answer(self.server.head())
        while answer.status < 200:
            answer = Answer(self.server.head())
        seen["status"] = answer.status
        return answer

    def relay(self, answer, pieces):
        self.client.sock.sendall(answer.encode())
        for piece in pieces:
            self.client.sock.sendall(piece)

    def wrong(self, request, rule, seen):
        doing = rule.get("do")
        if rule.get("hold"):
            self.proxy.hold()
        time.sleep(rule.number("delay") / 1000)
        for command in rule.all("run"):
            subprocess.run(shlex.split(command), check=False)
        for name in rule.all("strip"):
            request.strip(name)
        if request.changed and self.proxy.signer:
            self.proxy.signer.sign(request)
        if doing == "drop-before":
            self.swallow(request)
            return self.close(rule)
        if doing == "hang":
            self.hang()
            return False
        if doing == "answer":
            self.swallow(request)
            return self.say(request, rule)
        self.forward(request)
        if doing == "drop-forwarded":
            return self.close(rule)
        answer = self.answer(seen)
        body = answer.body(self.server, request.method)
        if doing != "pass" and doing != "slow":
            body = [b"".join(body)]
        for command in rule.all("run-after"):
            subprocess.run(shlex.split(command), check=False)
        time.sleep(rule.number("delay-answer") / 1000)
        return self.wrong_answer(request, rule, answer, body)

    def wrong_answer(self, request, rule, answer, body):
        doing = rule.get("do")
        for name in rule.all("strip-answer"):
            answer.strip(name)
        if doing == "drop-after":
            return self.close(rule)
        if doing == "hang-after":
            self.hang()
            return False
        if doing == "answer-after":
            return self.say(request, rule)
        for header in rule.all("set"):
            answer.set(*header.split(":", 1))
        at = rule.number("at")
        if doing == "cut":
            self.relay(answer, [body[0][:at]])
            return self.close(rule)
        if doing == "cut-head":
            self.client.sock.sendall((answer.encode() + body[0])[:at])
            return self.close(rule)
        self.relay(answer, self.slowly(rule, body) if doing == "slow" else body)
        return self.kept(request, answer)

    @staticmethod
    def slowly(rule, body):
        step = rule.number("bytes", 1)
        for piece in body:
            for at in range(0, len(piece), step):
                time.sleep(rule.number("ms") / 1000)
                yield piece[at:at + step]

    def say(self, request, rule):
        body = rule.get("body", "")
        if body.startswith("@"):
            with open(body[1:], "rb") as f:
                body = f.read()
        else:
            body = body.encode()
        lines = [f"HTTP/1.1 {rule.number('status')} Told"]
        lines += [": ".join(header.split(":", 1)) for header in rule.all("set")]
        lines += [f"Content-Length: {len(body)}", "", ""]
        self.client.sock.sendall("\r\n".join(lines).encode("latin-1"))
        if request.method != "HEAD":
            self.client.sock.sendall(body)
        return True


def address(text):
    host, _, port = text.rpartition(":")
    return host or "127.0.0.1", int(port)


class FaultProxy:
    """The proxy, in threads of its own: FaultProxy(("127.0.0.1", 7480)).start(); .port, .url."""

    def __init__(self, to, listen=("127.0.0.1", 0), signer=None):
        self.to, self.signer = to, signer
        self.rules, self.requests, self.held = [], [], 0
        self.lock, self.released = threading.Lock(), threading.Condition()
        self.releases = 0
        self.listener = socket.create_server(listen, backlog=64)
        self.host, self.port = self.listener.getsockname()[:2]
        self.url = f"http://{self.host}:{self.port}"

    def start(self):
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def stop(self):
        """Accepts no more; what runs ends with its connections."""
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()

    def serve(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=Connection(self, sock).run, daemon=True).start()

    def rule(self, text):
        with self.lock:
            self.rules.append(Rule(text))

    def clear(self):
        with self.lock:
            self.rules, self.requests = [], []

    def rule_for(self, request):
        with self.lock:
            return next((rule for rule in self.rules if rule.matches(request)), None)

    def saw(self, request):
        with self.lock:
            self.requests.append(request)

    def hold(self):
        with self.released:
            self.held += 1
            before = self.releases
            self.released.wait_for(lambda: self.releases != before)
            self.held -= 1

    def wait_held(self, seconds=10):
        """True when a request is being held."""
        end = time.monotonic() + seconds
        while self.held == 0 and time.monotonic() < end:
            time.sleep(0.005)
        return self.held > 0

    def release(self):
        with self.released:
            self.releases += 1
            self.released.notify_all()

    def command(self, line):
        word, _, rest = line.strip().partition(" ")
        if word == "rule":
            self.rule(rest)
        elif word == "clear":
            self.clear()
        elif word == "release":
            self.release()
        elif word == "held":
            return str(self.held)
        elif word == "requests":
            with self.lock:
                return json.dumps(self.requests)
        else:
            raise ValueError(f"what is {word!r}?")
        return "ok"

    def control(self, listener):
        while True:
            sock, _ = listener.accept()
            with sock, sock.makefile("rw", encoding="utf-8") as lines:
                for line in lines:
                    try:
                        said = self.command(line)
                    except ValueError as error:
                        said = f"error: {error}"
                    print(said, file=lines, flush=True)


def main():
    parser = argparse.ArgumentParser(description="See the top of this file.")
    parser.add_argument("--to", required=True, type=address)
    parser.add_argument("--listen", default="127.0.0.1:0", type=address)
    parser.add_argument("--control", type=address)
    parser.add_argument("--rule", action="append", default=[])
    parser.add_argument("--sign")
    options = parser.parse_args()
    signer = Signer(*options.sign.split(":", 2)) if options.sign else None
    proxy = FaultProxy(options.to, options.listen, signer)
    try:
        for rule in options.rule:
            proxy.rule(rule)
    except ValueError as error:
        sys.exit(f"faultproxy: {error}")
    print(f"listening on {proxy.host}:{proxy.port}", flush=True)
    if options.control:
        listener = socket.create_server(options.control)
        print("control on {}:{}".format(*listener.getsockname()[:2]), flush=True)
        threading.Thread(target=proxy.control, args=(listener,), daemon=True).start()
    try:
        proxy.serve()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
