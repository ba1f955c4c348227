"""What an end-to-end test needs: the program under test, simulated servers, clients, logs.

The program is $PENSTOCK. Listening sockets are opened here and inherited by it (`bind fd@N`), so no
test names a port and none waits for a listener: what connects early waits in the backlog. Nothing
sleeps to let time pass; every wait is for an event, with a deadline that fails the test.

In a configuration `<fe>` (any name that begins with fe) stands for such a socket, `<s1>` for the
address of a simulated server, `<s1+tls>` for its TLS address, `<s1.port>` for its port alone,
`<dead>` for an address that refuses connections, `<log>` for a UDP log target, `<dir>` for the
test's folder, `<certs>` for the folder of certificates.
"""
import asyncio
import base64
import hashlib
import importlib.machinery
import importlib.util
import os
import re
import resource
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PROGRAM = os.environ.get('PENSTOCK', os.path.join(ROOT, 'build', 'src', 'penstock'))
IS_HAPROXY = 'haproxy' in os.path.basename(PROGRAM)
NBTHREAD = int(os.environ.get('E2E_NBTHREAD', '1'))
# A sanitizer build on a busy machine is several times slower; deadlines only bound failures.
PATIENCE = float(os.environ.get('E2E_PATIENCE', '10'))
SAMPLES = os.environ.get('CASSIM_SAMPLES', os.path.join(ROOT, 'test', 'data', 'samples'))


def penstock_only(why):
    """Marks what penstock promises and the reference program does not."""
    return unittest.skipIf(IS_HAPROXY, why)


def sample(name):
    with open(os.path.join(SAMPLES, name), 'rb') as file:
        return file.read()


def wait_until(true, what, seconds=None, pause=0.005):
    """For what gives no event: asks again and again until `true()`, or fails at the deadline."""
    deadline = time.monotonic() + (seconds or PATIENCE)
    while True:
        value = true()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError('waited in vain for ' + what)
        time.sleep(pause)


# ---------------------------------------------------------------------- certificates

CERTIFICATES = {
    # name: (key, subject alternative names, days, signed by)
    'mail': ('ec', ['mail.contoso.com'], 365, 'ca'),
    'mail-rsa': ('rsa', ['mail.contoso.com'], 365, 'rsa-ca'),
    'autodiscover': ('ec', ['autodiscover.contoso.com'], 365, 'ca'),
    'wild': ('ec', ['*.fabrikam.com'], 365, 'ca'),
    'default': ('ec', ['default.contoso.com'], 365, 'ca'),
    'ex01': ('ec', ['mail.contoso.com', 'ex01.contoso.local'], 365, 'ca'),
    'other': ('ec', ['other.contoso.com'], 365, 'other-ca'),
    'soon': ('ec', ['soon.contoso.com'], 3, 'ca'),
    'past': ('ec', ['past.contoso.com'], -1, 'ca'),
    'client': ('ec', ['client.contoso.com'], 365, 'ca'),
}


def openssl(*arguments, **options):
    return subprocess.run(['openssl', *arguments], check=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options).stdout


def make_certificates(folder):
    """Three CAs, and a PEM file (certificate, chain, key) for each of CERTIFICATES."""
    def key(kind, path):
        if kind == 'rsa':
            openssl('genrsa', '-out', path, '2048')
        else:
            openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', path)

    for ca in ('ca', 'other-ca', 'rsa-ca'):
        base = os.path.join(folder, ca)
        key('rsa' if ca == 'rsa-ca' else 'ec', base + '.key')
        openssl('req', '-x509', '-new', '-key', base + '.key', '-days', '365', '-subj',
                '/CN=Test %s' % ca, '-out', base + '.pem')
    for serial, (name, (kind, names, days, ca)) in enumerate(CERTIFICATES.items(), 1000):
        base, signer = os.path.join(folder, name), os.path.join(folder, ca)
        key(kind, base + '.key')
        openssl('req', '-new', '-key', base + '.key', '-subj', '/CN=' + names[0], '-out',
                base + '.csr')
        with open(base + '.ext', 'w') as file:
            file.write('subjectAltName=' + ','.join('DNS:' + entry for entry in names) + '\n')
        openssl('x509', '-req', '-in', base + '.csr', '-CA', signer + '.pem', '-CAkey',
                signer + '.key', '-set_serial', str(serial), '-days', str(days), '-extfile',
                base + '.ext', '-out', base + '.crt')
        with open(base + '.pem', 'wb') as out:
            for part in (base + '.crt', signer + '.pem', base + '.key'):
                with open(part, 'rb') as file:
                    out.write(file.read())
    return folder


def certificates():
    """The folder of certificates: made once for all test processes by the runner."""
    folder = os.environ.get('E2E_CERTS')
    if not folder:
        folder = os.environ['E2E_CERTS'] = tempfile.mkdtemp(prefix='penstock-certs.')
        make_certificates(folder)
    return folder


def certificate(name, suffix='.pem'):
    return os.path.join(certificates(), name + suffix)


# ---------------------------------------------------------------------- simulated servers

def load_cassim():
    path = os.path.join(ROOT, 'contrib', 'cassim')
    loader = importlib.machinery.SourceFileLoader('cassim', path)
    spec = importlib.util.spec_from_loader('cassim', loader)
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    return module


cassim = load_cassim()
pattern_bytes = cassim.pattern_bytes


class Farm:
    """The event loop, in a thread of its own, on which all simulated servers of this process run."""
    loop = None

    @classmethod
    def run(cls, coroutine):
        if cls.loop is None:
            cls.loop = asyncio.new_event_loop()
            threading.Thread(target=cls.loop.run_forever, daemon=True).start()
        return asyncio.run_coroutine_threadsafe(coroutine, cls.loop).result(PATIENCE)


class Server(cassim.Cas):
    """A simulated server that a test can wait on."""

    def __init__(self, name, *arguments, **settings):
        self.changed = threading.Condition()
        options = cassim.parse_options(['--name', name, '--samples', SAMPLES, *arguments])
        super().__init__(options)
        for key, value in settings.items():
            setattr(self, key, value)

        async def listen():
            context = self.tls_context(certificate('ex01'), None)
            return await self.listen('127.0.0.1', 0), await self.listen('127.0.0.1', 0, context)
        self.port, self.tls_port = Farm.run(listen())
        self.address = '127.0.0.1:%d' % self.port
        self.tls_address = '127.0.0.1:%d' % self.tls_port

    def count(self, what, by=1):
        super().count(what, by)
        with self.changed:
            self.changed.notify_all()

    def wait(self, true, what, seconds=None):
        with self.changed:
            if not self.changed.wait_for(true, seconds or PATIENCE):
                raise AssertionError('%s: waited in vain for %s; %s' % (
                    self.name, what, dict(self.counters)))

    def wait_count(self, name, least, seconds=None):
        self.wait(lambda: self.counters[name] >= least, '%s >= %d' % (name, least), seconds)

    def refuse(self, on=True):
        Farm.run(self.set_listening(not on))

    def cut(self, how='rst'):
        """Closes every connection that is open."""
        async def cut():
            for conn in list(self.connections.values()):
                try:
                    conn.reset() if how == 'rst' else conn.finish()
                except cassim.Gone:
                    pass
        Farm.run(cut())

    def wire(self):
        """All requests seen, byte for byte as they came."""
        return [entry.head + bytes(entry.wire_body) for entry in list(self.log)]

    def targets(self):
        return [entry.target for entry in list(self.log)]

    def close(self):
        Farm.run(self.set_listening(False))
        self.cut()


class Script:
    """A server of raw bytes: `talk(sock, number)` runs in a thread for each connection."""

    def __init__(self, talk, address=('127.0.0.1', 0)):
        self.talk = talk
        self.listener = socket.create_server(address, backlog=200)
        self.port = self.listener.getsockname()[1]
        self.address = '%s:%d' % (address[0], self.port)
        self.accepted = 0
        self.changed = threading.Condition()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with self.changed:
                self.accepted += 1
                number = self.accepted
                self.changed.notify_all()
            sock.settimeout(PATIENCE)
            threading.Thread(target=self._talk, args=(sock, number), daemon=True).start()

    def _talk(self, sock, number):
        try:
            self.talk(sock, number)
        except OSError:
            pass
        sock.close()

    def close(self):
        # An accept() that another thread sleeps in does not notice close(); shutdown() wakes it.
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()


class BlackHole:
    """An address whose handshakes are never answered: its backlog is full."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(('127.0.0.1', 0))
        self.listener.listen(0)
        self.address = '127.0.0.1:%d' % self.listener.getsockname()[1]
        self.fillers = []
        for _ in range(4):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(self.listener.getsockname())
            self.fillers.append(sock)

    def close(self):
        for sock in [*self.fillers, self.listener]:
            sock.close()


def reserved_port():
    """A port that nobody else is given while the returned socket lives, and that a program which
    sets SO_REUSEPORT may listen on."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind(('127.0.0.1', 0))
    return sock


def read_head(sock):
    data = b''
    while b'\r\n\r\n' not in data:
        piece = sock.recv(65536)
        if not piece:
            raise OSError('closed')
        data += piece
    return data


def heads(sock):
    """Heads of requests, until the client ends; bodies with a length are read."""
    unread = b''
    while True:
        while b'\r\n\r\n' not in unread:
            piece = sock.recv(65536)
            if not piece:
                return
            unread += piece
        head, unread = unread.split(b'\r\n\r\n', 1)
        length = re.search(rb'(?i)content-length: (\d+)', head)
        while length and len(unread) < int(length[1]):
            unread += sock.recv(65536)
        unread = unread[int(length[1]) if length else 0:]
        yield head


def rest_of(server, counter):
    """Waits until nothing moves any more."""
    last = [-1, 0]

    def resting():
        now = server.counters[counter]
        last[1] = last[1] + 1 if now == last[0] else 0
        last[0] = now
        return last[1] > 20
    wait_until(resting, counter + ' to rest', pause=0.01)


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    sock.close()


# ---------------------------------------------------------------------- logs

class Log:
    """A UDP log target. What was read is kept in `lines`, but for what every start and stop says, and
    reasons of refusals and failures, which are in `reasons`."""
    keeps_all = False

    def __init__(self, kind='udp', path=None):
        if kind == 'udp':
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.socket.bind(('127.0.0.1', 0))
            self.address = '127.0.0.1:%d' % self.socket.getsockname()[1]
        else:
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self.socket.bind(path)
            self.address = path
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.lines = []
        self.reasons = []

    def wait(self, pattern, seconds=None, start=0, reason=False):
        """The match in the first line, from `start` on, that has one."""
        lines = self.reasons if reason else self.lines
        deadline = time.monotonic() + (seconds or PATIENCE)
        seen = start
        while True:
            for line in lines[seen:]:
                seen += 1
                match = re.search(pattern, line)
                if match:
                    return match
            left = deadline - time.monotonic()
            if left <= 0:
                raise AssertionError('no line like %r in:\n  %s' % (pattern, '\n  '.join(lines)))
            self.socket.settimeout(left)
            try:
                self._keep(self.socket.recv(65536))
            except (TimeoutError, socket.timeout):
                pass

    def _keep(self, datagram):
        line = datagram.decode('utf-8', 'backslashreplace').rstrip()
        if re.search(r"^<\d+>[^']*: frontend '", line):
            self.reasons.append(line)
        elif self.keeps_all or not re.search(r': (Started with|Stopped,) pid \d+', line):
            self.lines.append(line)

    def drain(self):
        """What has come so far."""
        self.socket.setblocking(False)
        try:
            while True:
                self._keep(self.socket.recv(65536))
        except BlockingIOError:
            return self.lines

    def close(self):
        self.socket.close()


class Output:
    """What the program says on stdout and stderr, read all the time by a thread."""

    def __init__(self, pipe):
        self.pipe = pipe
        self.text = ''
        self.ended = False
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self._pump, daemon=True)
        self.thread.start()

    def _pump(self):
        while True:
            data = os.read(self.pipe.fileno(), 65536)
            with self.changed:
                self.text += data.decode('utf-8', 'backslashreplace')
                self.ended = not data
                self.changed.notify_all()
            if not data:
                return

    def wait(self, pattern, seconds=None):
        with self.changed:
            if not self.changed.wait_for(lambda: re.search(pattern, self.text) or self.ended,
                                         seconds or PATIENCE):
                raise AssertionError('no output like %r in:\n%s' % (pattern, self.text))
            match = re.search(pattern, self.text)
            if not match:
                raise AssertionError('ended without output like %r:\n%s' % (pattern, self.text))
            return match


# ---------------------------------------------------------------------- clients

class Response:
    def __init__(self, head, interim):
        self.head = head
        self.interim = interim
        lines = head[:-4].split(b'\r\n')
        match = re.match(rb'^(HTTP/1\.[01]) (\d{3})(?: (.*))?$', lines[0])
        if not match:
            raise AssertionError('status line %r' % lines[0])
        self.version = match.group(1).decode()
        self.status = int(match.group(2))
        self.reason = (match.group(3) or b'').decode('latin-1')
        self.fields = []
        for line in lines[1:]:
            name, colon, value = line.partition(b':')
            if not colon:
                raise AssertionError('field line %r' % line)
            self.fields.append((name.decode('latin-1'), value.strip().decode('latin-1')))
        self.body = b''
        self.trailers = []
        self.chunks = []

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def get(self, name, default=None):
        return (self.all(name) or [default])[0]

    def json(self):
        import json
        return json.loads(self.body)


class Cut(AssertionError):
    """The connection ended before the message did."""


class Client:
    """One connection to the program, raw bytes first."""

    def __init__(self, address, sni=None, alpn=None, context=None, source=None, version=None,
                 reuse=None, rcvbuf=None):
        family = socket.AF_UNIX if isinstance(address, str) else (
            socket.AF_INET6 if ':' in address[0] else socket.AF_INET)
        self.socket = socket.socket(family)
        if rcvbuf:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.socket.settimeout(PATIENCE)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect(address)
        if family != socket.AF_UNIX:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b''
        self.body = b''     # What take_body() has decoded and not given yet.
        if sni is not None or context is not None:
            context = context or tls_client(alpn, version)
            self.socket = context.wrap_socket(self.socket, server_hostname=sni, session=reuse)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def reset(self):
        reset(self.socket)

    def send(self, data):
        self.socket.sendall(data.encode('latin-1') if isinstance(data, str) else data)
        return self

    def request(self, method, target, fields=(), body=None, version='HTTP/1.1', host='mail.contoso.com'):
        lines = ['%s %s %s' % (method, target, version)]
        names = [name.lower() for name, _ in fields]
        if host is not None and 'host' not in names:
            lines.append('Host: ' + host)
        lines += ['%s: %s' % pair for pair in fields]
        if body is not None and 'content-length' not in names and 'transfer-encoding' not in names:
            lines.append('Content-Length: %d' % len(body))
        return self.send('\r\n'.join(lines).encode('latin-1') + b'\r\n\r\n' + (body or b''))

    def _fill(self):
        try:
            data = self.socket.recv(262144)
        except (TimeoutError, socket.timeout):
            raise AssertionError('no more bytes came; have %r' % self.buffer[-300:]) from None
        except ssl.SSLEOFError:
            data = b''
        if not data:
            raise Cut('closed; have %r' % self.buffer[-300:])
        self.buffer += data

    def take(self, count):
        while len(self.buffer) < count:
            self._fill()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def take_until(self, mark):
        while mark not in self.buffer:
            self._fill()
        at = self.buffer.index(mark) + len(mark)
        data, self.buffer = self.buffer[:at], self.buffer[at:]
        return data

    def response(self, method='GET'):
        interim = []
        while True:
            answer = Response(self.take_until(b'\r\n\r\n'), interim)
            if answer.status >= 200 or answer.status == 101:
                break
            interim.append(answer)
        self._body(answer, method)
        return answer

    def _body(self, answer, method):
        if method == 'HEAD' or answer.status in (101, 204, 304):
            return
        if method == 'CONNECT' and answer.status // 100 == 2:
            return
        if answer.all('transfer-encoding'):
            while True:
                size = int(self.take_until(b'\r\n')[:-2].partition(b';')[0], 16)
                if size == 0:
                    break
                answer.chunks.append(size)
                answer.body += self.take(size)
                if self.take(2) != b'\r\n':
                    raise AssertionError('chunk not ended by CRLF')
            while True:
                line = self.take_until(b'\r\n')[:-2]
                if not line:
                    return
                name, _, value = line.partition(b':')
                answer.trailers.append((name.decode('latin-1'), value.strip().decode('latin-1')))
        elif answer.all('content-length'):
            answer.body = self.take(int(answer.get('content-length')))
        else:
            answer.body = self.rest()

    def take_body(self, count):
        """`count` bytes of a chunked body, however it is cut into chunks; b'' at its end."""
        while len(self.body) < count:
            size = int(self.take_until(b'\r\n')[:-2].partition(b';')[0], 16)
            self.body += self.take(size)
            self.take_until(b'\r\n')
            if size == 0:
                break
        data, self.body = self.body[:count], self.body[count:]
        return data

    def get(self, target, *arguments, **options):
        return self.request('GET', target, *arguments, **options).response()

    def post(self, target, body, *arguments, **options):
        return self.request('POST', target, *arguments, body=body, **options).response()

    def rest(self):
        """Everything until the other side closes, by FIN or RST."""
        while True:
            try:
                self._fill()
            except (Cut, ConnectionError):
                data, self.buffer = self.buffer, b''
                return data

    def ending(self):
        """How the connection ends, nothing more being said: 'fin' or 'rst'."""
        try:
            data = self.buffer or self.socket.recv(1000)
        except ssl.SSLEOFError:
            return 'fin'
        except ConnectionError:
            return 'rst'
        except (TimeoutError, socket.timeout):
            raise AssertionError('the connection stays open') from None
        if data:
            raise AssertionError('instead of an end came %r' % data[:300])
        return 'fin'

    def hurry(self):
        """A slow reader becomes a quick one."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)


def tls_client(alpn=None, version=None, verify=False):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(certificate('ca'))
    context.check_hostname = verify
    context.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(alpn)
    if version:
        context.minimum_version = context.maximum_version = version
    return context


class WebSocket:
    """A WebSocket client (RFC 6455), enough to send any frame and to read any frame."""

    def __init__(self, client, target='/test/ws'):
        self.client = client
        key = base64.b64encode(os.urandom(16))
        client.request('GET', target, [
            ('Connection', 'Upgrade'), ('Upgrade', 'websocket'), ('Sec-WebSocket-Version', '13'),
            ('Sec-WebSocket-Key', key.decode())])
        self.answer = client.response()
        if self.answer.status == 101:
            wanted = base64.b64encode(hashlib.sha1(key + cassim.WS_MAGIC).digest()).decode()
            assert self.answer.get('sec-websocket-accept') == wanted

    def send(self, data, code=2, last=True):
        mask = os.urandom(4)
        head = bytes([(0x80 if last else 0) | code])
        if len(data) < 126:
            head += bytes([0x80 | len(data)])
        elif len(data) < 65536:
            head += struct.pack('>BH', 0x80 | 126, len(data))
        else:
            head += struct.pack('>BQ', 0x80 | 127, len(data))
        whole = (mask * (len(data) // 4 + 1))[:len(data)]
        masked = (int.from_bytes(data, 'big') ^ int.from_bytes(whole, 'big')).to_bytes(
            len(data), 'big')
        self.client.send(head + mask + masked)

    def receive(self):
        """(opcode, last, data) of the next frame."""
        first, length = self.client.take(2)
        if length == 126:
            length = struct.unpack('>H', self.client.take(2))[0]
        elif length == 127:
            length = struct.unpack('>Q', self.client.take(8))[0]
        return first & 15, bool(first & 0x80), self.client.take(length)


# ---------------------------------------------------------------------- the program

DEFAULTS = """global
    log <log> local0
    nbthread %d
%s
defaults
    mode http
    log global
    option httplog
    timeout connect 5s
    timeout client 20s
    timeout server 20s
%s
"""


class Rig:
    """The program at work under one configuration, and everything around it."""

    def __init__(self, text, servers=None, globals_='', defaults='', bare=False, nbthread=None,
                 arguments=(), environment=None, nofile=None, start=True, program=None):
        self.servers = dict(servers or {})
        self.closers = []
        self.folder = tempfile.mkdtemp(prefix='penstock-e2e.')
        self.log = Log()
        self.dead = reserved_port()
        self.listeners = {}
        self.addresses = {}
        self.globals_ = globals_
        self.defaults = defaults
        self.bare = bare
        self.nbthread = nbthread or NBTHREAD
        self.program = program or PROGRAM
        self.arguments = list(arguments)
        self.environment = environment or {}
        self.nofile = nofile
        self.process = None
        self.path = os.path.join(self.folder, 'penstock.cfg')
        try:
            self.write(text)
            if start:
                self.start()
        except BaseException:
            self.close()
            raise

    # -- the configuration

    def write(self, text):
        """Writes the configuration, making whatever it names for the first time."""
        if not self.bare:
            text = DEFAULTS % (self.nbthread, self.globals_, self.defaults) + text
        self.text = re.sub(r'<([a-z][a-z0-9_]*)(\+tls|\.port|\.tlsport)?>', self._place, text)
        if not self.text.endswith('\n'):
            self.text += '\n'
        # In one step: a program that reads at this moment finds the old text or the new one.
        with open(self.path + '.new', 'w') as file:
            file.write(self.text)
        os.replace(self.path + '.new', self.path)
        return self

    def _place(self, match):
        name, suffix = match.group(1), match.group(2) or ''
        if name == 'log':
            return self.log.address
        if name == 'dir':
            return self.folder
        if name == 'certs':
            return certificates()
        if name == 'dead':
            return '127.0.0.1:%d' % self.dead.getsockname()[1]
        if name.startswith('fe'):
            return self._listener(name)
        server = self.server(name)
        return {'': lambda: server.address, '+tls': lambda: server.tls_address,
                '.port': lambda: str(server.port),
                '.tlsport': lambda: str(server.tls_port)}[suffix]()

    def _listener(self, name):
        if name not in self.addresses:
            sock = socket.create_server(('127.0.0.1', 0), backlog=1000)
            sock.set_inheritable(True)
            self.listeners[name] = sock
            self.addresses[name] = sock.getsockname()
        return '"fd@${%s}"' % name

    def server(self, name='s1'):
        if name not in self.servers:
            self.servers[name] = Server('EX%02d' % int(re.sub(r'\D', '', name) or 0))
        return self.servers[name]

    # -- the process

    def start(self):
        asan = os.environ.get('ASAN_OPTIONS', '') + ':detect_leaks=1:abort_on_error=0'
        environment = {**os.environ, 'ASAN_OPTIONS': asan.lstrip(':'),
                       'UBSAN_OPTIONS': 'print_stacktrace=1:halt_on_error=1', **self.environment}
        for name, sock in self.listeners.items():
            environment[name] = str(sock.fileno())

        def limit():
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            if self.nofile:
                resource.setrlimit(resource.RLIMIT_NOFILE, (self.nofile, self.nofile))
        self.process = subprocess.Popen(
            [self.program, '-db', *self.arguments, '-f', self.path], env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            pass_fds=[sock.fileno() for sock in self.listeners.values()], cwd=self.folder,
            preexec_fn=limit)
        self.output = Output(self.process.stdout)
        # Ours are closed: if the program dies, those who connect must hear of it.
        for sock in self.listeners.values():
            sock.close()
        return self

    def signal(self, number):
        """Sends a signal, not before the program has said that it wants to hear of it."""
        wait_until(lambda: self.catches(number), 'the program to catch signal %d' % number)
        self.process.send_signal(number)
        return self

    def catches(self, number):
        if self.process.poll() is not None:
            raise AssertionError('the program has ended:\n' + self.output.text[-4000:])
        with open('/proc/%d/status' % self.process.pid) as file:
            mask = int(re.search(r'SigCgt:\s+([0-9a-f]+)', file.read()).group(1), 16)
        return mask >> (number - 1) & 1

    def reload(self, text=None):
        """SIGHUP; when it is done the log says 'Reloaded in'."""
        if text is not None:
            self.write(text)
        self.signal(signal.SIGHUP)

    def wait_exit(self, seconds=None):
        try:
            code = self.process.wait(seconds or PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError('the program does not end:\n' + self.output.text) from None
        self.output.thread.join(PATIENCE)
        return code

    def rss(self):
        """Resident memory of the program in KiB."""
        with open('/proc/%d/status' % self.process.pid) as file:
            return int(re.search(r'VmRSS:\s+(\d+)', file.read()).group(1))

    def descriptors(self):
        return len(os.listdir('/proc/%d/fd' % self.process.pid))

    def close(self):
        trouble = ''
        if self.process:
            trouble = self._stop()
        for server in self.servers.values():
            server.close()
        for closer in self.closers:
            closer.close()
        for sock in self.listeners.values():
            sock.close()
        self.log.close()
        self.dead.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        if trouble:
            raise AssertionError(trouble)

    def _stop(self):
        ended_before = self.process.poll()
        if ended_before is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                return 'SIGINT did not stop the program:\n' + self.output.text[-4000:]
        self.output.thread.join(PATIENCE)
        self.process.stdout.close()
        text = self.output.text
        if 'Sanitizer' in text or 'runtime error:' in text:
            return 'a sanitizer complained:\n' + text[-8000:]
        code = self.process.returncode
        is_master = 'haproxy' in self.program or {'-W', '-Ws'} & set(self.arguments)
        if ended_before is None and code not in (0, -signal.SIGINT, 130 if is_master else 0):
            return 'exit status %d after SIGINT:\n%s' % (code, text[-4000:])
        if code < 0 and -code not in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            return 'died of signal %d:\n%s' % (-code, text[-4000:])
        return ''

    # -- clients

    def connect(self, name='fe', **options):
        client = Client(self.addresses[name], **options)
        self.closers.append(client)
        return client

    def get(self, target, *arguments, frontend='fe', **options):
        with Client(self.addresses[frontend]) as client:
            return client.get(target, *arguments, **options)

    def post(self, target, body, *arguments, frontend='fe', **options):
        with Client(self.addresses[frontend]) as client:
            return client.post(target, body, *arguments, **options)

    def who(self, target='/test/server', count=1, **options):
        """The servers that answered `count` requests, each on a connection of its own."""
        return [self.get(target, **options).body.decode() for _ in range(count)]

    def url(self, path='/', scheme='http', name='fe'):
        return '%s://127.0.0.1:%d%s' % (scheme, self.addresses[name][1], path)

    def curl(self, *arguments, **options):
        """curl, a client that is not ours. Returns (exit status, stdout, stderr)."""
        done = subprocess.run(['curl', '-sS', '--max-time', str(int(PATIENCE)), *arguments],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, **options)
        return done.returncode, done.stdout, done.stderr.decode('utf-8', 'replace')


class Case(unittest.TestCase):
    """A test whose rig is its own."""
    maxDiff = 4000

    def rig(self, text, **options):
        rig = Rig(text, **options)
        self.addCleanup(rig.close)
        return rig

    def script(self, talk, **options):
        script = Script(talk, **options)
        self.addCleanup(script.close)
        return script

    def black_hole(self):
        hole = BlackHole()
        self.addCleanup(hole.close)
        return hole


class Shared(unittest.TestCase):
    """Tests that share one rig, made from the class's CONFIG."""
    maxDiff = 4000
    CONFIG = ''
    OPTIONS = {}

    @classmethod
    def setUpClass(cls):
        cls.r = Rig(cls.CONFIG, **cls.OPTIONS)

    @classmethod
    def tearDownClass(cls):
        cls.r.close()

    def setUp(self):
        for server in self.r.servers.values():
            server.clear()
        alive = self.r.process.poll() is None
        self.assertTrue(alive, 'the program has ended:\n' + self.r.output.text[-4000:])

    def connect(self, name='fe', **options):
        client = Client(self.r.addresses[name], **options)
        self.addCleanup(client.close)
        return client


def run_program(*arguments, environment=None, seconds=None, folder=None, text=None):
    """The program run to its end: (exit status, everything it said)."""
    done = subprocess.run([PROGRAM, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=seconds or PATIENCE, cwd=folder,
                          env=dict(os.environ, **(environment or {})))
    return done.returncode, done.stdout.decode('utf-8', 'backslashreplace')


def check(text, *arguments, **options):
    """`-c` on a configuration text: (exit status, output)."""
    with tempfile.TemporaryDirectory(prefix='penstock-e2e.') as folder:
        path = os.path.join(folder, 'test.cfg')
        with open(path, 'w') as file:
            file.write(text.replace('<dir>', folder).replace('<certs>', certificates()))
        return run_program('-c', *arguments, '-f', path, **options)
