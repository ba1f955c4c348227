#!/usr/bin/env python3
"""User CPU that compression costs: 1,000 requests of a text of 100 KiB at level 1, beside nginx and HAProxy.

compression.py PROGRAM [--requests N] [--rounds N] [--size BYTES]

PROGRAM is a release build. The same origin serves the text uncompressed to all of them; each proxy is measured with and
without compression, in rounds that alternate, and the difference of the medians is what compression costs. nginx's bytes
are those of its own file. Succeeds if PROGRAM needs at most 1.1 of what nginx does.
"""
import argparse
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zlib

WORDS = 'the of a server answer request body line that comes goes is not with one proxy header value time client'.split()


def text_of(size):
    r = random.Random(1)
    words = []
    length = 0
    while length < size:
        words.append(r.choice(WORDS) + str(r.randrange(100)) if r.random() < 0.3 else r.choice(WORDS))
        length += len(words[-1]) + 1
    return ' '.join(words)[:size].encode()


def free_port():
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        return sock.getsockname()[1]


def origin(text):
    """Answers each request with the text; its port."""
    answer = b'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n' % len(text) + text

    def talk(sock):
        buffer = b''
        while True:
            while b'\r\n\r\n' not in buffer:
                piece = sock.recv(65536)
                if not piece:
                    return
                buffer += piece
            buffer = buffer.partition(b'\r\n\r\n')[2]
            sock.sendall(answer)

    def serve(listener):
        while True:
            threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()

    listener = socket.create_server(('127.0.0.1', 0))
    threading.Thread(target=serve, args=(listener,), daemon=True).start()
    return listener.getsockname()[1]


def proxy_text(port, server, compress):
    return '''global
    nbthread 1
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
%s
listen l
    bind 127.0.0.1:%d
    server s 127.0.0.1:%d
''' % ('    compression algo gzip' if compress else '', port, server)


def nginx_text(port, server, compress, folder):
    return '''worker_processes 1;
daemon off;
master_process off;
pid %s/pid;
error_log /dev/null;
events {}
http {
    access_log off;
    client_body_temp_path %s; proxy_temp_path %s; fastcgi_temp_path %s; uwsgi_temp_path %s; scgi_temp_path %s;
    gzip %s; gzip_comp_level 1; gzip_types text/plain; gzip_proxied any;
    upstream u { server 127.0.0.1:%d; keepalive 4; }
    server {
        listen 127.0.0.1:%d;
        keepalive_requests 1000000;
        location / { proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ""; }
    }
}
''' % ((folder,) * 6 + ('on' if compress else 'off', server, port))


class Proxy:
    def __init__(self, program, server, compress):
        self.folder = tempfile.mkdtemp(prefix='compression.')
        self.port = free_port()
        is_nginx = os.path.basename(program) == 'nginx'
        text = nginx_text(self.port, server, compress, self.folder) if is_nginx else proxy_text(self.port, server, compress)
        path = self.folder + '/cfg'
        with open(path, 'w') as file:
            file.write(text)
        arguments = ['-c', path] if is_nginx else ['-f', path] + (['-db'] if os.path.basename(program) == 'haproxy' else [])
        self.process = subprocess.Popen([program] + arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while True:
            try:
                self.client = socket.create_connection(('127.0.0.1', self.port))
                break
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise SystemExit('%s does not start' % program)
                time.sleep(0.02)

    def user_seconds(self):
        with open('/proc/%d/stat' % self.process.pid) as file:
            return int(file.read().rpartition(')')[2].split()[11]) / os.sysconf('SC_CLK_TCK')

    def ask(self):
        """One answer, whose body it gives."""
        self.client.sendall(b'GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n')
        data = b''
        while b'\r\n\r\n' not in data:
            data += self.client.recv(262144)
        head, _, rest = data.partition(b'\r\n\r\n')
        head = head.lower()
        if b'content-length:' in head:
            size = int(head.partition(b'content-length:')[2].split(b'\r\n')[0])
            while len(rest) < size:
                rest += self.client.recv(262144)
            return rest
        body = b''
        while True:
            while b'\r\n' not in rest:
                rest += self.client.recv(262144)
            line, _, rest = rest.partition(b'\r\n')
            size = int(line, 16)
            while len(rest) < size + 2:
                rest += self.client.recv(262144)
            if size == 0:
                return body
            body, rest = body + rest[:size], rest[size + 2:]

    def measure(self, requests):
        before = self.user_seconds()
        for _ in range(requests):
            body = self.ask()
        return self.user_seconds() - before, body

    def close(self):
        self.client.close()
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder)


def measured(proxies, text, options):
    """Seconds of each round, and bytes of an answer."""
    spent, sizes = {key: [] for key in proxies}, {}
    for _ in range(options.rounds):
        for key, proxy in proxies.items():
            seconds, body = proxy.measure(options.requests)
            spent[key].append(seconds)
            sizes[key] = len(body)
            is_small = body.startswith(b'\x1f\x8b')
            if is_small != key[1] or (zlib.decompress(body, 31) if is_small else body) != text:
                raise SystemExit('%s does not give the text as it should: %r' % (key[0], body[:80]))
    return spent, sizes


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('program')
    parser.add_argument('--requests', type=int, default=1000)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--size', type=int, default=102400)
    options = parser.parse_args()
    text = text_of(options.size)
    server = origin(text)
    programs = [os.path.abspath(options.program)] + [path for path in map(shutil.which, ('nginx', 'haproxy')) if path]
    proxies = {}
    try:
        for program in programs:
            for compress in (False, True):
                proxies[program, compress] = Proxy(program, server, compress)
        spent, sizes = measured(proxies, text, options)
    finally:
        for proxy in proxies.values():
            proxy.close()
    costs = {}
    for program in programs:
        with_it, without = (statistics.median(spent[program, on]) for on in (True, False))
        costs[os.path.basename(program)] = cost = with_it - without
        print('%-10s %6.2f s with, %5.2f s without: %6.2f s for compression, %d bytes' % (
            os.path.basename(program), with_it, without, cost, sizes[program, True]))
    ours = costs[os.path.basename(programs[0])]
    if 'nginx' not in costs:
        print('nginx is not there')
        return 0
    print('%.2f of nginx' % (ours / costs['nginx']))
    return 0 if ours <= 1.1 * costs['nginx'] else 1


if __name__ == '__main__':
    sys.exit(main())
