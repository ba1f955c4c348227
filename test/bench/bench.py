#!/usr/bin/env python3
"""penstock side by side with other proxies, on loopback.

Each proxy has one worker, pinned to processor 0; the origin (nginx) and the load (wrk, h2load) share
processor 1. What is measured is the proxy's own CPU time for a unit of work, from the scheduler's account
of its threads: it moves little with what else the machine does. Rounds are interleaved, the median counts,
and each figure stands beside its ratio to the first proxy's in the same run: compare ratios, not times.

  bench.py [--proxies haproxy,nginx,penstock=PATH] [--scenarios plain1k,tls1k] [--rounds 5] [--secs 2]
           [--idle 1000] [--record FILE --commit NAME]

--record appends the ratios of this run to FILE, a line for each figure.
"""
import argparse
import datetime
import os
import re
import resource
import shutil
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time

VDIRS = ('owa', 'ecp', 'ews', 'mapi', 'oab', 'rpc', 'powershell', 'autodiscover',
         'Microsoft-Server-ActiveSync')
DESCRIPTORS = 19000
MEGABYTES = 10  # Of a bulk answer.


def run(*command):
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.stdout.decode()


def answers(port, seconds=8.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with socket.socket() as sock:
            if sock.connect_ex(('127.0.0.1', port)) == 0:
                return True
        time.sleep(0.05)
    return False


def free_ports(count):
    """Ports that were free a moment ago. Peers must be told one, so there is no way to hold them."""
    socks = [socket.create_server(('127.0.0.1', 0)) for _ in range(count)]
    ports = [sock.getsockname()[1] for sock in socks]
    for sock in socks:
        sock.close()
    return ports


def family(pid):
    """The process and all below it."""
    found, todo = [], [pid]
    while todo:
        at = todo.pop()
        found.append(at)
        try:
            for task in os.listdir('/proc/%d/task' % at):
                with open('/proc/%d/task/%s/children' % (at, task)) as file:
                    todo += [int(child) for child in file.read().split()]
        except OSError:
            pass
    return found


def cpu_seconds(pid):
    total = 0
    for at in family(pid):
        try:
            for task in os.listdir('/proc/%d/task' % at):
                with open('/proc/%d/task/%s/schedstat' % (at, task)) as file:
                    total += int(file.read().split()[0])
        except OSError:
            pass
    return total / 1e9


def memory_kib(pid):
    total = 0
    for at in family(pid):
        try:
            with open('/proc/%d/smaps_rollup' % at) as file:
                total += int(re.search(r'\nPss:\s+(\d+)', file.read()).group(1))
        except OSError:
            pass
    return total


class Place:
    """A folder of certificates and files, the origin, and every process started."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix='penstock-bench.')
        os.chmod(self.folder, 0o755)  # nginx's worker is somebody else.
        self.processes = []
        for kind, key in (('ec', ('ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1')), ('rsa', ('rsa:2048',))):
            base = '%s/%s' % (self.folder, kind)
            run('openssl', 'req', '-x509', '-newkey', *key, '-nodes', '-keyout', base + '.key', '-days', '30',
                '-subj', '/CN=mail.contoso.com', '-out', base + '.crt')
            with open(base + '.pem', 'w') as out:
                for suffix in ('.crt', '.key'):
                    with open(base + suffix) as file:
                        out.write(file.read())
        os.makedirs(self.folder + '/www/owa')
        with open(self.folder + '/www/owa/10m', 'wb') as file:
            file.write(os.urandom(MEGABYTES << 20))
        # Takes log lines and never reads them.
        self.sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sink.bind(('127.0.0.1', 0))
        self.log_port = self.sink.getsockname()[1]
        self.origin_port, self.origin_tls_port = free_ports(2)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    def write(self, name, text):
        path = '%s/%s' % (self.folder, name)
        with open(path, 'w') as file:
            file.write(text)
        return path

    def spawn(self, processor, *command):
        with open('%s/%d.out' % (self.folder, len(self.processes)), 'w') as out:
            process = subprocess.Popen(['taskset', '-c', str(processor), *command], stdout=out, stderr=out,
                                       stdin=subprocess.DEVNULL, start_new_session=True)
        process.out = out.name
        self.processes.append(process)
        return process

    @staticmethod
    def stop(process):
        if process.poll() is None:
            for pid in family(process.pid):  # Parents first: they would start new ones.
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
            process.wait()

    def close(self):
        for process in self.processes:
            self.stop(process)
        self.sink.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start_origin(self):
        path = self.write('origin.conf', """
worker_processes 1; daemon off; pid %(d)s/origin.pid; error_log %(d)s/origin.err;
events { worker_connections 16000; } worker_rlimit_nofile %(most)d;
http { access_log off; keepalive_requests 100000000; keepalive_timeout 3600; sendfile on; tcp_nopush on;
 output_buffers 2 512k;
 server { listen 127.0.0.1:%(port)d backlog=4096; listen 127.0.0.1:%(tls)d ssl backlog=4096;
  ssl_certificate %(d)s/ec.crt; ssl_certificate_key %(d)s/ec.key; ssl_session_cache shared:a:8m;
  root %(d)s/www; open_file_cache max=10;
  location = /owa/1k { return 200 "%(text)s"; } location ~ healthcheck.htm { return 200 "200 OK"; } } }
""" % {'d': self.folder, 'most': DESCRIPTORS, 'port': self.origin_port, 'tls': self.origin_tls_port,
            'text': 'x' * 1024})
        process = self.spawn(1, 'nginx', '-c', path, '-p', self.folder)
        if not answers(self.origin_port) or process.poll() is not None:
            raise SystemExit('the origin did not start: ' + open(process.out).read()[-800:])


# What a proxy listens at, in this order.
FRONTS = ('plain', 'ec', 'rsa', 'h2', 'bridge', 'tcp', 'always', 'log')


def haproxy_text(place, ports):
    """For HAProxy and penstock, which read the same words."""
    routes = ''.join('  use_backend bk_%s if { path_beg /%s }\n' % (vdir, vdir) for vdir in VDIRS)
    pools = ''.join("""
backend bk_%s
  option httpchk GET /%s/healthcheck.htm
  http-check expect status 200
  default-server inter 3s rise 2 fall 3
  server cas1 127.0.0.1:%d check maxconn 9000
  server cas2 127.0.0.1:%d check maxconn 9000
""" % (vdir, vdir, place.origin_port, place.origin_port) for vdir in VDIRS)
    return """
global
  maxconn 9000
  nbthread 1
defaults
  mode http
  balance roundrobin
  timeout connect 5s
  timeout client 300s
  timeout server 300s
  timeout http-keep-alive 300s
  timeout http-request 15s
frontend ft_plain
  bind 127.0.0.1:%(plain)d
  bind 127.0.0.1:%(ec)d ssl crt %(d)s/ec.pem alpn http/1.1
  bind 127.0.0.1:%(rsa)d ssl crt %(d)s/rsa.pem alpn http/1.1
  bind 127.0.0.1:%(h2)d ssl crt %(d)s/ec.pem alpn h2,http/1.1
%(routes)s  default_backend bk_owa
%(pools)s
frontend ft_bridge
  bind 127.0.0.1:%(bridge)d ssl crt %(d)s/ec.pem alpn http/1.1
  default_backend bk_bridge
backend bk_bridge
  server cas1 127.0.0.1:%(origin_tls)d ssl verify none
frontend ft_log
  bind 127.0.0.1:%(log)d
  log 127.0.0.1:%(sink)d local0 info
  option httplog
  default_backend bk_owa
frontend ft_always
  bind 127.0.0.1:%(always)d
  default_backend bk_always
backend bk_always
  http-reuse always
  server cas1 127.0.0.1:%(origin)d
frontend ft_tcp
  mode tcp
  bind 127.0.0.1:%(tcp)d
  default_backend bk_tcp
backend bk_tcp
  mode tcp
  server cas1 127.0.0.1:%(origin)d
""" % dict(ports, d=place.folder, routes=routes, pools=pools, origin=place.origin_port,
           origin_tls=place.origin_tls_port, sink=place.log_port)


def nginx_text(place, ports):
    routes = ' '.join('location ~* ^/%s(/|$) { proxy_pass http://o; }' % vdir for vdir in VDIRS)
    module = '/usr/lib/nginx/modules/ngx_stream_module.so'
    text = 'load_module %s;\n' % module if os.path.exists(module) else ''
    text += """
worker_processes 1; daemon off; pid %(d)s/nginx.pid; error_log %(d)s/nginx.err; worker_rlimit_nofile %(most)d;
events { worker_connections 16000; }
http { access_log off; keepalive_requests 100000000; keepalive_timeout 3600; proxy_http_version 1.1;
 proxy_set_header Connection ""; proxy_buffering off; proxy_request_buffering off;
 ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:b:8m; proxy_ssl_session_reuse on;
 upstream o { server 127.0.0.1:%(origin)d; keepalive 1024; keepalive_requests 100000000; }
 upstream os { server 127.0.0.1:%(origin_tls)d; keepalive 1024; keepalive_requests 100000000; }
 server { listen 127.0.0.1:%(plain)d backlog=4096; listen 127.0.0.1:%(always)d backlog=4096;
  listen 127.0.0.1:%(ec)d ssl backlog=4096;
  ssl_certificate %(d)s/ec.crt; ssl_certificate_key %(d)s/ec.key; %(routes)s }
 server { listen 127.0.0.1:%(rsa)d ssl; ssl_certificate %(d)s/rsa.crt; ssl_certificate_key %(d)s/rsa.key;
  %(routes)s }
 server { listen 127.0.0.1:%(h2)d ssl http2; http2_max_requests 100000000; ssl_certificate %(d)s/ec.crt;
  ssl_certificate_key %(d)s/ec.key; %(routes)s }
 server { listen 127.0.0.1:%(bridge)d ssl; ssl_certificate %(d)s/ec.crt; ssl_certificate_key %(d)s/ec.key;
  location / { proxy_pass https://os; } } }
""" % dict(ports, d=place.folder, most=DESCRIPTORS, routes=routes, origin=place.origin_port,
           origin_tls=place.origin_tls_port)
    if os.path.exists(module):
        text += 'stream { server { listen 127.0.0.1:%d; proxy_pass 127.0.0.1:%d; } }\n' % (ports['tcp'], place.origin_port)
    return text


def nghttpx_words(place, ports):
    backends = ['--backend=127.0.0.1,%d;/%s/;proto=http/1.1' % (place.origin_port, vdir) for vdir in VDIRS]
    plain = ['--frontend=127.0.0.1,%d;no-tls' % ports[name] for name in ('plain', 'always')]
    tls = ['--frontend=127.0.0.1,%d' % ports[name] for name in ('ec', 'h2')]
    return ['--workers=1', '--single-process', '--conf=/dev/null', '--backlog=4096', '--accesslog-file=/dev/null',
            '--backend=127.0.0.1,%d;;proto=http/1.1' % place.origin_port, *backends, *plain, *tls,
            '--backend-keep-alive-timeout=300', '--frontend-http2-read-timeout=300', '--frontend-read-timeout=300',
            place.folder + '/ec.key', place.folder + '/ec.crt']


def start(place, name, program):
    """The process and its ports."""
    ports = dict(zip(FRONTS, free_ports(len(FRONTS))))
    if name.startswith(('haproxy', 'penstock')):
        path = place.write(name + '.cfg', haproxy_text(place, ports))
        command = [program or name, '-db', '-f', path]
    elif name.startswith('nginx'):
        command = [program or 'nginx', '-c', place.write(name + '.conf', nginx_text(place, ports)), '-p', place.folder]
    elif name.startswith('nghttpx'):
        command = [program or 'nghttpx', *nghttpx_words(place, ports)]
    else:
        raise SystemExit("'%s' is not known: name haproxy, penstock, nginx or nghttpx, with '=PATH' behind it if "
                         "need be" % name)
    process = place.spawn(0, *command)
    if not answers(ports['plain']):
        raise SystemExit('%s did not start: %s' % (name, open(process.out).read()[-800:]))
    return process, ports


def wrk(port, scheme, path, seconds, connections, closing=False):
    close = ['-H', 'Connection: close'] if closing else []
    out = run('taskset', '-c', '1', 'wrk', '-t1', '-c%d' % connections, '-d%ds' % seconds, '--latency', *close,
              '%s://127.0.0.1:%d%s' % (scheme, port, path))
    bad = sum(int(count) for count in re.findall(r'Non-2xx or 3xx responses: (\d+)', out))
    for connect, _, write, late in re.findall(r'errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)', out):
        bad += int(connect) + int(write) + int(late)
    return int(re.search(r'(\d+) requests in', out).group(1)), bad


def h2load(port, *words):
    out = run('taskset', '-c', '1', 'h2load', '-t1', *words, 'https://127.0.0.1:%d/owa/1k' % port)
    return int(re.search(r'(\d+) succeeded', out).group(1)), int(re.search(r'(\d+) failed', out).group(1))


def handshakes(port, seconds):
    # One connection a request and no session carried over: every handshake is a full one.
    count = '%d' % (1000 * seconds)
    return h2load(port, '--npn-list=http/1.1', '-c' + count, '-n' + count, '-r', '1000', '--rate-period=500ms')


# name: the front it goes to, the unit, and what runs for some seconds and says (done, bad).
SCENARIOS = {
    'plain1k': ('plain', 'us/req', lambda p, s: wrk(p, 'http', '/owa/1k', s, 64)),
    'log1k': ('log', 'us/req', lambda p, s: wrk(p, 'http', '/owa/1k', s, 64)),
    'tls1k': ('ec', 'us/req', lambda p, s: wrk(p, 'https', '/owa/1k', s, 64)),
    'bridge1k': ('bridge', 'us/req', lambda p, s: wrk(p, 'https', '/owa/1k', s, 64)),
    'tcp1k': ('tcp', 'us/req', lambda p, s: wrk(p, 'http', '/owa/1k', s, 64)),
    'conn': ('plain', 'us/conn', lambda p, s: wrk(p, 'http', '/owa/1k', s, 64, True)),
    'conn_reuse': ('always', 'us/conn', lambda p, s: wrk(p, 'http', '/owa/1k', s, 64, True)),
    'hs_ec': ('ec', 'us/hs', handshakes),
    'hs_rsa': ('rsa', 'us/hs', handshakes),
    'hs_resume': ('ec', 'us/hs', lambda p, s: wrk(p, 'https', '/owa/1k', s, 32, True)),
    'plainbulk': ('plain', 'ms/GB', lambda p, s: wrk(p, 'http', '/owa/10m', s, 4)),
    'tlsbulk': ('ec', 'ms/GB', lambda p, s: wrk(p, 'https', '/owa/10m', s, 4)),
    'tcpbulk': ('tcp', 'ms/GB', lambda p, s: wrk(p, 'http', '/owa/10m', s, 4)),
    'h2_1k': ('h2', 'us/req', lambda p, s: h2load(p, '-c8', '-m16', '-D', str(s))),
}


def figure(process, unit, work):
    """CPU time for a unit of what `work` does, and how much of it was bad."""
    before = cpu_seconds(process.pid)
    done, bad = work()
    spent = cpu_seconds(process.pid) - before
    if unit == 'ms/GB':
        return spent * 1e3 / max(done * (MEGABYTES << 20) / 1e9, 1e-9), bad
    return spent * 1e6 / max(done, 1), bad


class Table:
    """What is printed, and kept: each figure beside its ratio to the first of its row."""

    def __init__(self, record, commit):
        self.record, self.commit = record, commit
        self.first = {}

    def row(self, scenario, proxy, value, unit, bad=0):
        ratio = value / max(self.first.setdefault(scenario, value), 1e-9)
        print('%-10s %-12s %9.2f %-8s x%5.2f  bad %d' % (scenario, proxy, value, unit, ratio, bad), flush=True)
        if not self.record:
            return
        new = not os.path.exists(self.record)
        with open(self.record, 'a') as file:
            if new:
                file.write('date\tcommit\tscenario\tproxy\tfigure\tunit\tratio\tbad\n')
            today = datetime.datetime.now(datetime.timezone.utc).strftime('%Y-%m-%d %H:%M')
            file.write('%s\t%s\t%s\t%s\t%.2f\t%s\t%.3f\t%d\n' % (today, self.commit, scenario, proxy, value, unit, ratio, bad))


def idle(place, name, program, count, front):
    """KiB for each kept-alive connection that has asked one thing and is silent now."""
    process, ports = start(place, name, program)
    before = memory_kib(process.pid)
    context = ssl._create_unverified_context()
    held = []
    for _ in range(count):
        sock = socket.create_connection(('127.0.0.1', ports[front]))
        if front == 'ec':
            sock = context.wrap_socket(sock)
        sock.sendall(b'GET /owa/1k HTTP/1.1\r\nHost: a\r\n\r\n')
        got = b''
        while len(got.partition(b'\r\n\r\n')[2]) < 1024:
            more = sock.recv(4096)
            if not more:
                raise SystemExit('%s closed a connection that should stay' % name)
            got += more
        held.append(sock)
    time.sleep(1)  # Whatever is freed in a later turn.
    kib = (memory_kib(process.pid) - before) / count
    for sock in held:
        sock.close()
    place.stop(process)
    return kib


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('--proxies', default='haproxy,penstock')
    parser.add_argument('--scenarios', default=','.join(name for name in SCENARIOS if name != 'h2_1k'))
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--secs', type=int, default=2)
    parser.add_argument('--idle', type=int, default=0, help='measure memory of so many idle connections')
    parser.add_argument('--record')
    parser.add_argument('--commit', default='-')
    options = parser.parse_args()
    for name in options.scenarios.split(','):
        if name and name not in SCENARIOS:
            raise SystemExit("'%s' is no scenario: %s" % (name, ', '.join(SCENARIOS)))
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    programs = [(word.split('=')[0], word.partition('=')[2] or None) for word in options.proxies.split(',')]
    table = Table(options.record, options.commit)
    bad_answers = 0
    place = Place()
    try:
        place.start_origin()
        running = {name: start(place, name, program) for name, program in programs}
        for scenario in filter(None, options.scenarios.split(',')):
            front, unit, work = SCENARIOS[scenario]
            able = [name for name in running if answers(running[name][1][front], 0.3)]
            figures = {name: [] for name in able}
            for name in able:
                work(running[name][1][front], 1)  # Warm.
            for _ in range(options.rounds):
                for name in able:
                    process, ports = running[name]
                    figures[name].append(figure(process, unit, lambda: work(ports[front], options.secs)))
            for name in able:
                bad = sum(bad for _, bad in figures[name])
                bad_answers += bad if name.startswith('penstock') else 0
                table.row(scenario, name, statistics.median(value for value, _ in figures[name]), unit, bad)
        for process, _ in running.values():
            place.stop(process)
        for front, scenario in (('plain', 'idle'), ('ec', 'idle_tls')) if options.idle else ():
            for name, program in programs:
                table.row(scenario, name, idle(place, name, program, options.idle, front), 'KiB/conn')
    finally:
        place.close()
    return 1 if bad_answers else 0


if __name__ == '__main__':
    sys.exit(main())
