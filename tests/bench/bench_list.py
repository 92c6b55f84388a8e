#!/usr/bin/python3
"""Measures listings of many keys from an endpoint of our own, in one run: `make bench-list`.

    bench_list.py [--keys N] [--rounds N] [--out FILE]

The endpoint serves pages that were made before (sendfile), so that what is measured is the client.
Held against reading and discarding the same replies with curl, and against `aws s3 ls` and
`rclone lsf` where they are installed.  Rounds take turns; the least disturbed one of each counts.
"""
import argparse
import os
import re
import resource
import shutil
import socketserver
import subprocess
import sys
import tempfile
import threading
import time

BUILD = os.environ.get('builddir', '.')
TOOL = os.path.join(BUILD, 'tests/bench/list_tool')
PROGRAM = os.environ.get('PKLBROWSE', os.path.join(BUILD, 'pklbrowse'))
PAGE = 1000
KEY = 'models/%03d/experiment-%07d.pickle'


class Pages:
    """All replies one behind the other in an unlinked file."""

    def __init__(self, keys):
        self.file = tempfile.TemporaryFile()
        self.places = []
        for first in range(0, keys, PAGE):
            last = min(first + PAGE, keys)
            more = (
                f'<NextContinuationToken>{first // PAGE + 1}</NextContinuationToken>'
                if last < keys
                else ''
            )
            rows = ''.join(
                f'<Contents><Key>{KEY % (i // 10000, i)}</Key>'
                f'<LastModified>2026-01-{i % 28 + 1:02d}T10:00:00.000Z</LastModified>'
                f'<ETag>&quot;{i:032x}&quot;</ETag><Size>{i * 37 % 1000003}</Size>'
                '<StorageClass>STANDARD</StorageClass></Contents>'
                for i in range(first, last)
            )
            body = (
                '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult '
                'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>big</Name><Prefix></Prefix>'
                f'<MaxKeys>{PAGE}</MaxKeys><KeyCount>{last - first}</KeyCount>'
                f'<EncodingType>url</EncodingType><IsTruncated>{str(last < keys).lower()}'
                f'</IsTruncated>{more}{rows}</ListBucketResult>'
            ).encode()
            head = (
                'HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\n'
                f'Content-Length: {len(body)}\r\n\r\n'
            ).encode()
            self.places.append((self.file.tell(), len(head) + len(body)))
            self.file.write(head + body)
        self.file.flush()


class Answer(socketserver.StreamRequestHandler):
    def handle(self):
        while line := self.rfile.readline():
            while self.rfile.readline() not in (b'\r\n', b''):
                pass
            token = re.search(rb'continuation-token=(\d+)', line)
            at, left = self.server.pages.places[int(token[1]) if token else 0]
            if b'list-type=2' not in line:
                self.wfile.write(b'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n')
                continue
            while left:
                sent = os.sendfile(self.connection.fileno(), self.server.pages.file.fileno(), at,
                                   left)
                at, left = at + sent, left - sent


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = allow_reuse_address = True

    def __init__(self, keys):
        super().__init__(('127.0.0.1', 0), Answer)
        self.pages = Pages(keys)
        self.url = f'http://127.0.0.1:{self.server_address[1]}'

    def handle_error(self, request, client_address):
        pass                                    # a client that has gone


def serve(keys):
    """In a process of its own, so that it takes no time from who measures."""
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        server = Server(keys)
        os.write(w, f'{server.url} {len(server.pages.places)}\n'.encode())
        os.close(w)
        server.serve_forever()
    os.close(w)
    with os.fdopen(r) as f:
        url, pages = f.readline().split()
    return pid, url, int(pages)


def timed(*command, env):
    """Wall time and CPU time of a program whose output goes nowhere, and the lines of it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wall = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f'{command[0]} ended with {done.returncode}: {done.stderr.decode()[-500:]}')
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, wall, done.stdout


def curl_list(folder, url, pages):
    """The same requests on one connection, their answers thrown away."""
    path = os.path.join(folder, 'urls')
    with open(path, 'w', encoding='ascii') as f:
        for page in range(pages):
            token = f'&continuation-token={page}' if page else ''
            f.write(f'url = "{url}/big?encoding-type=url&list-type=2{token}"\n'
                    'output = "/dev/null"\n')
    return ['curl', '-sS', '-K', path]


def table(out, head, rows):
    out.append('| ' + ' | '.join(head) + ' |')
    out.append('|---' * len(head) + '|')
    out.extend('| ' + ' | '.join(row) + ' |' for row in rows)
    out.append('')


def commands(folder, url, pages):
    found = {
        'curl, answers thrown away': curl_list(folder, url, pages),
        '`pklbrowse`, the listing of the screen': [TOOL, 'big'],
        '`pklbrowse ls -r`': [PROGRAM, 'ls', '-r', 's3://big/'],
    }
    if shutil.which('rclone'):
        found['`rclone lsf -R`'] = ['rclone', 'lsf', '-R', '--config', '/dev/null',
                                    ':s3,provider=Other,env_auth,list_version=2,region=us-east-1,'
                                    'force_path_style=true,list_url_encode=true,'
                                    f'endpoint="{url}":big']
    if shutil.which('aws'):
        found['`aws s3 ls --recursive`'] = ['aws', '--endpoint-url', url, 's3', 'ls',
                                            '--recursive', 's3://big/']
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--keys', type=int, default=1000000)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--out')
    options = parser.parse_args()
    out = []
    folder = tempfile.mkdtemp()
    pid, url, pages = serve(options.keys)
    env = dict(os.environ, AWS_ACCESS_KEY_ID='KEY', AWS_SECRET_ACCESS_KEY='secret', HOME=folder,
               AWS_ENDPOINT_URL=url, AWS_REGION='us-east-1', AWS_EC2_METADATA_DISABLED='true')
    env.pop('AWS_CA_BUNDLE', None)
    try:
        best, told = {}, None
        for turn in range(options.rounds):
            for name, command in commands(folder, url, pages).items():
                if turn > 0 and command[0] in ('aws', 'rclone'):
                    continue                    # minutes; one round says enough
                cpu, wall, text = timed(*command, env=env)
                if command[0] == PROGRAM and text.count(b'\n') != options.keys:
                    sys.exit(f'{text.count(10)} lines of {options.keys}')
                if command[0] == TOOL:
                    cpu, wall, *now = [float(n) for n in text.split()]
                    told = [min(pair) for pair in zip(told or now, now)]
                before = best.get(name, (cpu, wall))
                best[name] = (min(before[0], cpu), min(before[1], wall))
                print(f'{name}: {cpu:.2f} s CPU, {wall:.2f} s', flush=True)
        raw = best['curl, answers thrown away']
        table(out, ['who', 'CPU s', 'wall s', 'times curl, wall', 'keys a second of CPU'],
              [[name, f'{cpu:.2f}', f'{wall:.2f}', f'{wall / raw[1]:.2f}',
                f'{options.keys / cpu:,.0f}'] for name, (cpu, wall) in best.items()])
        keys, memory, first, worst, size, letter, find, size_all, letter_all = told
        length = len(KEY % (0, 0))
        out.append(
            f'Memory a key: {memory:.1f} bytes, of which the key {length}. First rows '
            f'{first / 1e3:.1f} ms after the listing was asked for. Longest CPU time between two '
            f'looks at the keyboard: {worst / 1e3:.1f} ms; when all rows are sorted by size '
            f'{size / 1e3:.1f} ms (of {size_all / 1e3:.0f} in all), at the first letter of a '
            f'filter {letter / 1e3:.1f} ms (of {letter_all / 1e3:.0f}), when a name is looked for '
            f'{find / 1e3:.1f} ms. {keys:,.0f} keys.\n'
        )
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        shutil.rmtree(folder, ignore_errors=True)
    text = '\n'.join(out)
    print(text)
    if options.out:
        with open(options.out, 'w', encoding='utf-8') as f:
            f.write(text)


if __name__ == '__main__':
    main()
