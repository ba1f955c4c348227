"""The second half of contrib/demo: servers, penstock, and what there is to see.

  demo_stage.py PROGRAM [--once]
"""
import collections
import http.client
import json
import os
import re
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NAME = 'mail.contoso.com'
# What is asked of each directory; every answer names its server, whatever its status.
TARGETS = [
    ('Autodiscover', '/autodiscover/autodiscover.json?Email=alice@contoso.com&Protocol=EWS'),
    ('OWA', '/owa/'), ('ECP', '/ecp/'), ('EWS', '/EWS/Exchange.asmx'),
    ('MAPI', '/mapi/emsmdb/?MailboxId=x'), ('ActiveSync', '/Microsoft-Server-ActiveSync?Cmd=Sync'),
    ('Outlook Anywhere', '/rpc/rpcproxy.dll'), ('OAB', '/OAB/x/oab.xml'),
    ('PowerShell', '/PowerShell'),
]


class Failed(Exception):
    """The demonstration did not show what it should."""


def say(text=''):
    print(text, flush=True)


class Demo:
    def __init__(self, program):
        self.program = shlex.split(program)
        self.folder = tempfile.mkdtemp(prefix='penstock-demo.')
        self.children = []
        self.servers = {}        # Name to what its ready file says.
        self.penstock = None
        self.log = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.log.bind(('127.0.0.1', 0))
        self.log.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.log_lines = []
        self.http_port = self.free_port(8080)
        self.https_port = self.free_port(8443)
        self.tls = None

    def path(self, name):
        return os.path.join(self.folder, name)

    @staticmethod
    def free_port(wanted):
        for port in (wanted, 0):
            with socket.socket() as sock:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    sock.bind(('127.0.0.1', port))
                    return sock.getsockname()[1]
                except OSError:
                    continue
        raise Failed('no free port')

    # -- what must be there first

    def make_certificates(self):
        """A CA that we trust, and one certificate for penstock and the servers alike."""
        def openssl(*words):
            subprocess.run(['openssl', *words], check=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
        curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30']
        openssl('req', '-x509', *curve, '-subj', '/CN=penstock demo CA',
                '-keyout', self.path('ca.key'), '-out', self.path('ca.pem'))
        openssl('req', *curve, '-subj', '/CN=' + NAME, '-keyout', self.path('site.key'), '-out',
                self.path('site.csr'))
        with open(self.path('site.ext'), 'w') as file:
            file.write('subjectAltName=DNS:%s,DNS:autodiscover.contoso.com\n' % NAME)
        openssl('x509', '-req', '-in', self.path('site.csr'), '-CA', self.path('ca.pem'), '-CAkey',
                self.path('ca.key'), '-set_serial', '1', '-days', '30', '-extfile',
                self.path('site.ext'), '-out', self.path('site.crt'))
        os.mkdir(self.path('certs'))
        with open(self.path('certs/site.pem'), 'wb') as out:
            for name in ('site.crt', 'site.key'):
                with open(self.path(name), 'rb') as file:
                    out.write(file.read())
        self.tls = ssl.create_default_context(cafile=self.path('ca.pem'))

    def start_server(self, name):
        child = subprocess.Popen(
            [sys.executable, os.path.join(ROOT, 'contrib', 'cassim'), '--name', name, '--http',
             '127.0.0.1:0', '--https', '127.0.0.1:0', '--cert', self.path('certs/site.pem')],
            stdout=subprocess.PIPE, start_new_session=True)
        self.children.append(child)
        line = child.stdout.readline()
        if not line:
            raise Failed('the simulated server %s did not start' % name)
        self.servers[name] = json.loads(line)

    def control(self, name, path, body):
        connection = http.client.HTTPConnection(self.servers[name]['control'], timeout=10)
        connection.request('PUT', path, body)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        if answer.status != 200:
            raise Failed('%s refused %s %s' % (name, path, body))

    # -- the configuration: the example, in which addresses, paths, ports and maxconn are others

    def write_configuration(self):
        with open(os.path.join(ROOT, 'examples', 'exchange-l7.cfg')) as file:
            text = file.read()
        https = [ready['https'][0] for ready in self.servers.values()]
        for old, new in (('127.0.0.1:514', '127.0.0.1:%d' % self.log.getsockname()[1]),
                         ('10.0.0.9:80 ', '127.0.0.1:%d ' % self.http_port),
                         ('10.0.0.9:443 ', '127.0.0.1:%d ' % self.https_port),
                         ('/etc/penstock/certs/', self.path('certs/')),
                         ('/etc/penstock/exchange-ca.pem', self.path('ca.pem')),
                         ('10.0.0.15:443', https[0]), ('10.0.0.16:443', https[1])):
            text = text.replace(old, new)
        text = re.sub(r'(?m)^    maxconn \d+$', '    maxconn 500', text)
        for number, address in enumerate(https[2:], 3):
            line = re.compile(r'(?m)^(    server )ex02 %s( .*)$' % re.escape(https[1]))
            text = line.sub(r'\g<0>\n\1ex%02d %s\2' % (number, address), text)
        with open(self.path('penstock.cfg'), 'w') as file:
            file.write(text)

    def start_penstock(self):
        done = subprocess.run([self.program[0], '-c', '-f', self.path('penstock.cfg')],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise Failed('the configuration is refused:\n' + done.stdout)
        self.penstock = subprocess.Popen(
            [*self.program, '-f', self.path('penstock.cfg')], start_new_session=True,
            stdout=open(self.path('penstock.out'), 'w'), stderr=subprocess.STDOUT)
        self.children.append(self.penstock)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self.penstock.poll() is None:
            try:
                socket.create_connection(('127.0.0.1', self.https_port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        with open(self.path('penstock.out')) as file:
            raise Failed('penstock does not listen:\n' + file.read()[-3000:])

    # -- looking at it

    def connect(self):
        sock = socket.create_connection(('127.0.0.1', self.https_port), timeout=20)
        connection = http.client.HTTPSConnection(NAME, self.https_port, timeout=20)
        connection.sock = self.tls.wrap_socket(sock, server_hostname=NAME)
        return connection

    def ask(self, connection, target):
        """(status, name of the server) of one request."""
        connection.request('GET', target, headers={'Host': NAME})
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.getheader('X-FEServer')

    def who(self, target, count=8):
        """How often each server answered, each request on a connection of its own."""
        seen = collections.Counter()
        for _ in range(count):
            connection = self.connect()
            status, name = self.ask(connection, target)
            connection.close()
            seen[name or 'status %d of penstock' % status] += 1
        return seen

    def table(self, rows, count=8):
        names = list(self.servers)
        say('    %-18s' % 'virtual directory' + ''.join('%6s' % name for name in names))
        result = {}
        for title, target in rows:
            seen = result[title] = self.who(target, count)
            others = [name for name in seen if name not in names]
            say('    %-18s' % title + ''.join('%6s' % (seen[name] or '-') for name in names)
                + ('  ' + ', '.join(others) if others else ''))
        return result

    def wait_log(self, pattern, seconds):
        """Waits for a line of penstock's log, a dot for every second; then shows that line, and what
        else was said about the same server."""
        deadline, tick = time.monotonic() + seconds, time.monotonic() + 1
        self.log.settimeout(0.2)
        while time.monotonic() < deadline:
            try:
                line = self.log.recv(65536).decode('utf-8', 'replace').strip()
            except (TimeoutError, socket.timeout):
                line = ''
            self.log_lines.append(line)
            if re.search(pattern, line):
                print(flush=True)
                server = re.search(r'\w+/\w+', pattern).group(0)
                for said in self.log_lines:
                    if 'erver %s ' % server in said:
                        say('    ' + re.sub(r'^<\d+>|\S+\[\d+\]: ', '', said))
                self.log_lines.clear()
                return
            if time.monotonic() > tick:
                tick += 1
                print('.', end='', flush=True)
        print(flush=True)
        raise Failed('no such line in the log within %d s: %s' % (seconds, pattern))

    # -- the scenes

    def scene_routing(self):
        say('\nWhich server answered, %d requests for each virtual directory:' % 8)
        for title, seen in self.table(TARGETS).items():
            if set(seen) != set(self.servers):
                raise Failed('%s was not served by both servers: %s' % (title, dict(seen)))

    def scene_one_directory_down(self):
        say('\nEWS of EX01 goes offline (its health page closes the connection, as Exchange does).')
        print('Waiting for the checks to see it ', end='', flush=True)
        self.control('EX01', '/state/ews', 'offline-rst')
        self.wait_log(r'Server bk_ews/ex01 is DOWN', 45)
        rows = [row for row in TARGETS if row[0] in ('OWA', 'EWS')]
        seen = self.table(rows)
        if set(seen['EWS']) != {'EX02'} or set(seen['OWA']) != {'EX01', 'EX02'}:
            raise Failed('EWS should be on EX02 alone, OWA on both')
        say('EWS has moved; OWA stays on both. EWS of EX01 comes back:')
        self.control('EX01', '/state/ews', 'up')
        print('Waiting for the checks to see it ', end='', flush=True)
        self.wait_log(r'Server bk_ews/ex01 is UP', 45)

    def scene_reload_under_load(self):
        say('\nA third server joins by SIGHUP, while clients work.')
        load = Load(self)
        try:
            load.wait_more(200)
            self.start_server('EX03')
            self.write_configuration()
            self.penstock.send_signal(signal.SIGHUP)
            print('Waiting for EX03 to answer ', end='', flush=True)
            load.wait_server('EX03', 60)
            load.wait_more(200)
        finally:
            load.end()
        say('    %d requests, %d failed; by server: %s' % (
            load.good, len(load.bad), ', '.join('%s %d' % pair for pair in sorted(load.seen.items()))))
        if load.bad:
            raise Failed('requests failed during the reload, the first: ' + load.bad[0])
        self.table(TARGETS, 9)

    def run(self, once):
        say('Making a certificate for %s' % NAME)
        self.make_certificates()
        for name in ('EX01', 'EX02'):
            self.start_server(name)
        self.write_configuration()
        self.start_penstock()
        say('Two simulated Exchange servers and penstock are running.')
        self.scene_routing()
        self.scene_one_directory_down()
        self.scene_reload_under_load()
        if once:
            say('\nAll as it should be.')
            return
        self.stay()

    def stay(self):
        say('\nStill running, until Ctrl-C. Try:\n')
        say('    curl -i --cacert %s --resolve %s:%d:127.0.0.1 https://%s:%d/owa/' % (
            self.path('ca.pem'), NAME, self.https_port, NAME, self.https_port))
        say('    or in a browser, accepting the certificate:  https://127.0.0.1:%d/owa/' % self.https_port)
        say('\nTake a directory offline, and bring it back:\n')
        for name, ready in self.servers.items():
            say('    curl -X PUT -d offline-rst http://%s/state/owa    (%s; then: -d up)' % (
                ready['control'], name))
        say('\nConfiguration: %s; after a change: kill -HUP %d' % (
            self.path('penstock.cfg'), self.penstock.pid))
        try:
            self.penstock.wait()
            raise Failed('penstock has ended')
        except KeyboardInterrupt:
            say('\nStopping.')

    def close(self):
        """Ends what was started here, and nothing else."""
        for child in reversed(self.children):
            if child.poll() is None:
                child.terminate()
        for child in self.children:
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Load:
    """Eight clients: half keep their connection, half open a new one for each request."""

    def __init__(self, demo):
        self.demo = demo
        self.stop = threading.Event()
        self.changed = threading.Condition()
        self.good = 0
        self.bad = []
        self.seen = collections.Counter()
        self.threads = [threading.Thread(target=self.run, args=(n % 2 == 0,)) for n in range(8)]
        for thread in self.threads:
            thread.start()

    def run(self, keep):
        connection = None
        while not self.stop.is_set():
            try:
                connection = connection or self.demo.connect()
                status, name = self.demo.ask(connection, '/owa/')
                if status != 302 or name is None:
                    raise Failed('status %d' % status)
                self.note(name)
                if not keep:
                    connection.close()
                    connection = None
            except Exception as error:
                with self.changed:
                    self.bad.append(repr(error))
                if connection:
                    connection.close()
                connection = None

    def note(self, name):
        with self.changed:
            self.good += 1
            self.seen[name] += 1
            self.changed.notify_all()

    def wait_more(self, count):
        with self.changed:
            wanted = self.good + count
            if not self.changed.wait_for(lambda: self.good >= wanted or self.bad, 60):
                raise Failed('the load does not move')

    def wait_server(self, name, seconds):
        for _ in range(seconds):
            with self.changed:
                if self.changed.wait_for(lambda: self.seen[name] or self.bad, 1):
                    break
            print('.', end='', flush=True)
        print(flush=True)
        if not self.seen[name] and not self.bad:
            raise Failed('%s did not answer within %d s' % (name, seconds))

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()


def main():
    demo = Demo(sys.argv[1])
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    try:
        demo.run('--once' in sys.argv[2:])
        return 0
    except Failed as failure:
        say('\nFAILED: %s' % failure)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        demo.close()


if __name__ == '__main__':
    sys.exit(main())
