#!/usr/bin/env python3
"""How the cost of penstock grows, beside HAProxy on the same configuration: with rules, with pools, with
checks, with connections, with clients that do not read, with workers; what a server sees of workers. Figures as in
bench.py: CPU time of the proxy alone.

  growth.py [--proxies haproxy,penstock=PATH] [--parts rules,big,checks,open,slow,workers,shared,amend] [--rounds 3] [--secs 2]
            [--record FILE --commit NAME]
"""
import argparse
import contextlib
import os
import re
import resource
import selectors
import shutil
import signal
import socket
import statistics
import subprocess
import threading
import time

import bench
import steady

HEAD = """
global
  maxconn %d
  nbthread %d
defaults
  mode http
  timeout connect 5s
  timeout client 300s
  timeout server 300s
"""
GET = b'GET /owa/1k HTTP/1.1\r\nHost: a\r\n\r\n'
SERVERS, BACKENDS, RULES, CHECKED, OPEN, SLOW = 10, 10000, 2000, 10000, 9000, 2000


class Proxy:
    """One that serves `text`, in which {port} is where it listens."""

    def __init__(self, place, name, program, text, processors=0):
        self.place, self.name = place, name
        self.port, = bench.free_ports(1)
        self.path = place.write(name + '.growth.cfg', text.replace('{port}', str(self.port)))
        self.command = [program or name, '-db', '-f', self.path]
        self.process = place.spawn(processors, *self.command)
        if not bench.answers(self.port, 60):
            raise SystemExit('%s did not start: %s' % (name, open(self.process.out).read()[-800:]))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.place.stop(self.process)

    def cpu(self):
        return bench.cpu_seconds(self.process.pid)

    def connect(self):
        return socket.create_connection(('127.0.0.1', self.port))

    def status(self, path):
        """Of the answer to a request of its own; None if there is none."""
        with contextlib.suppress(OSError), self.connect() as sock:
            sock.sendall(b'GET %s HTTP/1.0\r\nHost: a\r\n\r\n' % path.encode())
            return int(sock.recv(65536).split()[1])


def one_server(place, maxconn, workers):
    """All that is needed to reach the origin."""
    return HEAD % (maxconn, workers) + ('frontend fe\n  bind 127.0.0.1:{port}\n  default_backend b\nbackend b\n'
                                        '  server s 127.0.0.1:%d\n' % place.origin_port)


def wrk(port, path, host, seconds, connections=64):
    out = bench.run('taskset', '-c', '1', 'wrk', '-t1', '-c%d' % connections, '-d%ds' % seconds, '-H', 'Host: ' + host,
                    'http://127.0.0.1:%d%s' % (port, path))
    return int(re.search(r'(\d+) requests in', out).group(1)), len(re.findall('Non-2xx|Socket errors', out))


def median_of(running, rounds, work):
    """The median of what work(proxy) costs, in rounds that take turns."""
    figures = {proxy.name: [] for proxy in running}
    for proxy in running:
        work(proxy)  # Warm.
    for _ in range(rounds):
        for proxy in running:
            figures[proxy.name].append(bench.figure(proxy.process, 'us', lambda: work(proxy)))
    return {name: (statistics.median(value for value, _ in found), sum(bad for _, bad in found))
            for name, found in figures.items()}


def with_rules(place, count, condition):
    rules = ''.join('  use_backend b%d if { %s }\n' % (i, condition % i) for i in range(count))
    pools = ''.join('backend b%d\n  http-request set-path /owa/1k\n  server s 127.0.0.1:%d\n' % (i, place.origin_port)
                    for i in range(count))
    return HEAD % (1000, 1) + 'frontend fe\n  bind 127.0.0.1:{port}\n%s%s' % (rules, pools)


def rules(place, programs, table, options):
    """A request that the last of so many rules is for."""
    for kind, condition in (('path', 'path_beg /dir%d/'), ('host', 'hdr(host) -i host%d.test')):
        for count in (1, 100, RULES):
            text = with_rules(place, count, condition)
            with contextlib.ExitStack() as stack:
                running = [stack.enter_context(Proxy(place, name, program, text)) for name, program in programs]
                last = count - 1
                found = median_of(running, options.rounds, lambda proxy: wrk(
                    proxy.port, '/dir%d/' % last, 'host%d.test' % last, options.secs))
            for name, (value, bad) in found.items():
                table.row('%s%d' % (kind, count), name, value, 'us/req', bad)


def big_text(place, mark):
    pools = ''.join('backend b%d\n  option httpchk GET /healthcheck.htm\n' % i + ''.join(
        '  server s%d 127.%d.%d.%d:8080\n' % (j, 1 + i % 200, i // 200, j + 1) for j in range(SERVERS))
        for i in range(BACKENDS))
    rules = ''.join('  use_backend b%d if { path_beg /dir%d/ }\n' % (i, i) for i in range(RULES))
    return HEAD % (1000, 1) + 'frontend fe\n  bind 127.0.0.1:{port}\n  monitor-uri /%s\n%s%s' % (mark, rules, pools)


def spent_by(*command):
    """CPU seconds and the most memory, KiB."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 2):
        raise SystemExit('%s: exit status %d' % (' '.join(command), process.returncode))
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def big(place, programs, table, options):
    """A configuration of 10,000 backends, 100,000 servers and 2,000 rules: read, served, changed."""
    for name, program in programs:
        with Proxy(place, name, program, big_text(place, 'one')) as proxy:
            spent, most = spent_by(proxy.command[0], '-c', '-f', proxy.path)
            table.row('big-c', name, spent * 1e3, 'ms')
            table.row('big-c-mem', name, most / 1024, 'MiB')
            while proxy.status('/one') != 200:
                time.sleep(0.01)
            table.row('big-start', name, proxy.cpu() * 1e3, 'ms')
            table.row('big-mem', name, bench.memory_kib(proxy.process.pid) / 1024, 'MiB')
            if not name.startswith('penstock'):
                continue  # Others start anew: as above.
            place.write(name + '.growth.cfg', big_text(place, 'two').replace('{port}', str(proxy.port)))
            before, begin = proxy.cpu(), time.monotonic()
            os.kill(proxy.process.pid, signal.SIGHUP)
            longest = 0.0
            while True:
                asked = time.monotonic()
                done = proxy.status('/two') == 200
                longest = max(longest, time.monotonic() - asked)
                if done:
                    break
            print('%-10s %-12s %9.2f ms       after %.0f ms, the slowest answer meanwhile %.0f ms' % (
                'big-reload', name, (proxy.cpu() - before) * 1e3, (time.monotonic() - begin) * 1e3, longest * 1e3))
            time.sleep(1)  # What was at work before is taken apart.
            print('%-10s %-12s %9.2f MiB      after it' % ('', name, bench.memory_kib(proxy.process.pid) / 1024))


class Responder(threading.Thread):
    """Says 200 at every loopback address, and nowhere else."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'lo\0')
        self.socket.bind(('', 0))
        self.socket.listen(4096)
        self.port = self.socket.getsockname()[1]
        self.answered = 0
        self.start()

    def run(self):
        selector = selectors.DefaultSelector()
        selector.register(self.socket, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is self.socket:
                    selector.register(self.socket.accept()[0], selectors.EVENT_READ)
                    continue
                with contextlib.suppress(OSError):
                    if key.fileobj.recv(4096):
                        key.fileobj.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
                        self.answered += 1
                selector.unregister(key.fileobj)
                key.fileobj.close()


def checks(place, programs, table, options):
    """10,000 servers of as many addresses, each asked every ten seconds."""
    responder = Responder()
    text = HEAD % (1000, 1) + 'frontend fe\n  bind 127.0.0.1:{port}\n  default_backend b0\n' + ''.join(
        'backend b%d\n  option httpchk GET /healthcheck.htm\n  default-server inter 10s\n' % i + ''.join(
            '  server s%d 127.%d.%d.%d:%d check\n' % (j, 1 + i % 200, 1 + i // 200, j + 1, responder.port) for j in range(SERVERS))
        for i in range(CHECKED // SERVERS))
    for name, program in programs:
        before = responder.answered
        with Proxy(place, name, program, text) as proxy:
            none = len(os.listdir('/proc/%d/fd' % proxy.process.pid))
            while responder.answered < before + CHECKED:
                time.sleep(0.1)
            at, begin, most = responder.answered, proxy.cpu(), 0
            end = time.monotonic() + 10
            while time.monotonic() < end:
                most = max(most, len(os.listdir('/proc/%d/fd' % proxy.process.pid)) - none)
                time.sleep(0.005)
            count = responder.answered - at
            table.row('checks10k', name, (proxy.cpu() - begin) * 1e6 / max(count, 1), 'us/check')
            print('%-10s %-12s %d checks in 10 s, at most %d descriptors for them' % ('', name, count, most))


def open_connections(place, programs, table, options):
    """9,000 connections that have asked once and are silent; then one more asks."""
    text = one_server(place, 9400, 1)
    for name, program in programs:
        with Proxy(place, name, program, text) as proxy, contextlib.ExitStack() as stack:
            before = bench.memory_kib(proxy.process.pid)
            for _ in range(OPEN):
                sock = stack.enter_context(proxy.connect())
                sock.sendall(GET)
                while len(sock.recv(65536)) == 0:
                    raise SystemExit('%s closed a connection that should stay' % name)
            time.sleep(1)
            table.row('open9000', name, (bench.memory_kib(proxy.process.pid) - before) / OPEN, 'KiB')
            begin = proxy.cpu()
            time.sleep(5)
            print('%-10s %-12s %.2f ms of CPU a second while nobody asks; one more gets %s' % (
                '', name, (proxy.cpu() - begin) * 200, proxy.status('/owa/1k')))


def slow(place, programs, table, options):
    """2,000 clients that ask for ten megabytes and read nothing: what is held for them all."""
    text = one_server(place, 9400, 1)
    for name, program in programs:
        with Proxy(place, name, program, text) as proxy, contextlib.ExitStack() as stack:
            before = bench.memory_kib(proxy.process.pid)
            for _ in range(SLOW):
                sock = stack.enter_context(proxy.connect())
                sock.sendall(GET.replace(b'1k', b'10m'))
            held, now = 0, before
            while held != now:
                time.sleep(2)
                held, now = now, bench.memory_kib(proxy.process.pid)
            table.row('slow%d' % SLOW, name, (held - before) / 1024, 'MiB')


def shares(pid):
    """Of each thread in the time spent so far, above one in a hundred."""
    spent = []
    for task in os.listdir('/proc/%d/task' % pid):
        with open('/proc/%d/task/%s/schedstat' % (pid, task)) as file:
            spent.append(int(file.read().split()[0]))
    return ' '.join('%.0f %%' % (100 * part / sum(spent)) for part in sorted(spent) if 100 * part > sum(spent))


def futexes(proxy, work):
    """Calls of futex for each request, if strace is there to count them."""
    if not shutil.which('strace'):
        return None
    counts = proxy.place.folder + '/strace'
    strace = subprocess.Popen(['strace', '-f', '-c', '-e', 'trace=futex', '-o', counts, '-p', str(proxy.process.pid)],
                              stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    done, _ = work()
    strace.send_signal(signal.SIGINT)
    strace.wait()
    with open(counts) as file:
        found = re.search(r'(\d+)\s+(?:\d+\s+)?futex', file.read())
    return int(found.group(1)) / done if found else 0.0


def workers(place, programs, table, options):
    """The same requests with one worker and with two, on both processors."""
    programs = [(name, program) for name, program in programs if name.startswith('penstock')]
    with contextlib.ExitStack() as stack:
        running = []
        for name, program in programs:
            for count in (1, 2):
                text = one_server(place, 1000, count)
                running.append(stack.enter_context(Proxy(place, '%s-%d' % (name, count), program or name, text, '0,1')))
        work = lambda proxy: wrk(proxy.port, '/owa/1k', 'a', options.secs)
        for name, (value, bad) in median_of(running, options.rounds, work).items():
            table.row('workers', name, value, 'us/req', bad)
        for proxy in running:
            calls = futexes(proxy, lambda: work(proxy))
            print('%-10s %-12s threads took %s; %s' % ('', proxy.name, shares(proxy.process.pid),
                                                       'no strace' if calls is None else '%.4f futex calls a request' % calls))


def shared(place, programs, table, options):
    """Connections that a server with 20 ms for each request sees of 400 clients that ask once a second."""
    for name, program in programs:
        for count, word in ((1, 'on'), (4, 'on'), (4, 'off')):
            def start(port):
                text = (HEAD % (1000, count)).replace('defaults', '  tune.idle-pool.shared %s\ndefaults' % word)
                proxy = Proxy(place, name, program, text + (
                    'frontend fe\n  bind 127.0.0.1:{port}\n  monitor-uri /up\n  default_backend b\nbackend b\n'
                    '  http-reuse always\n  server s 127.0.0.1:%d\n' % port))
                return proxy.port, lambda: place.stop(proxy.process)
            made, right = steady.run(start, rounds=8, evenly=False)
            print('%-10s %-12s %d connections with %d workers, shared %s; %d of 3200 answers right' % (
                'shared', name, made, count, word, right))


def amend(place, programs, table, options):
    """A server added at run time to 10,000 backends with 100,000 servers: made, and with its adoption. Needs
    `ninja test/bench/amend` where penstock was built."""
    path = place.write('amend.cfg', big_text(place, 'one').replace('{port}', str(bench.free_ports(1)[0])))
    for name, program in programs:
        measure = program and os.path.join(os.path.dirname(program), '..', 'test', 'bench', 'amend')
        if not measure or not os.path.exists(measure):
            continue  # Others have nothing of the kind to be measured.
        made, adopted = bench.run(measure, path).split()
        table.row('amend', name, float(made), 'us')
        table.row('amend-adopt', name, float(adopted), 'us')


PARTS = {'rules': rules, 'big': big, 'checks': checks, 'open': open_connections, 'slow': slow, 'workers': workers,
         'shared': shared, 'amend': amend}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('--proxies', default='haproxy,penstock')
    parser.add_argument('--parts', default=','.join(PARTS))
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--secs', type=int, default=2)
    parser.add_argument('--record')
    parser.add_argument('--commit', default='-')
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (bench.DESCRIPTORS, bench.DESCRIPTORS))
    programs = [(word.split('=')[0], word.partition('=')[2] or None) for word in options.proxies.split(',')]
    table = bench.Table(options.record, options.commit)
    place = bench.Place()
    try:
        place.start_origin()
        for part in options.parts.split(','):
            PARTS[part](place, programs, table, options)
    finally:
        place.close()


if __name__ == '__main__':
    main()
