"""Rings: the latest lines of logs in memory, read by `show events` and sent on to servers."""
import re
import select
import socket
import ssl
import time

from harness import Case, Script, certificate, penstock_only, wait_until
from test_runtime_socket import Admin, ask, until_answer

CONFIG = """
global
    stats socket <dir>/admin.sock level admin
    stats socket <dir>/user.sock level user
    stats timeout 1s
ring short
    description "What was asked"
    format short
    maxlen 60
ring plain
    size 17000
ring server
    format rfc3164
    timeout connect 2s
    timeout server 2s
    server s1 <octets> log-proto octet-count
    server s2 <lines>
ring none
    server s1 <dead>
frontend fe
    bind <fe>
    log-format "%HM %HP"
    log ring@short local0
    log ring@plain len 80 format short local1 info
    log ring@server local2
    log ring@none local2
    log ring@buf0 local3 debug
    http-request return status 200
"""


class Collector:
    """A syslog server over TCP: all that one connection after the other sends."""

    def __init__(self, case):
        self.data = b''
        self.script = case.script(self.talk)
        self.address = self.script.address

    def talk(self, sock, _):
        while True:
            piece = sock.recv(65536)
            if not piece:
                return
            self.data += piece

    def wait(self, pattern):
        wait_until(lambda: re.search(pattern, self.data), '%r in %r' % (pattern, self.data))
        return self.data


class TlsCollector(Collector):
    """The same over TLS; it knows which name it was asked for and what the other showed."""

    def __init__(self, case, name='ex01', asks=False):
        self.names, self.shown, self.refused = [], [], 0
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate(name))
        self.context.sni_callback = lambda _, name, __: self.names.append(name)
        if asks:
            self.context.load_verify_locations(certificate('ca'))
            self.context.verify_mode = ssl.CERT_REQUIRED
        super().__init__(case)

    def talk(self, sock, number):
        try:
            with self.context.wrap_socket(sock, server_side=True) as over:
                self.shown.append(over.getpeercert())
                super().talk(over, number)
        except OSError:
            self.refused += 1


class Rings(Case):
    def start(self, text=CONFIG, **options):
        self.octets, self.lines = Collector(self), Collector(self)
        self.text = text.replace('<octets>', self.octets.address).replace('<lines>', self.lines.address)
        return self.rig(self.text, **options)

    def test_the_list(self):
        rig = self.start()
        self.assertEqual(
            ask(rig, 'show events', 'user.sock'),
            'Supported events sinks are listed below. Add -w(wait), -n(new). Any key to stop\n'
            '    stdout     : type=fd, 0 dropped, standard output (fd#1)\n'
            '    stderr     : type=fd, 0 dropped, standard output (fd#2)\n'
            '    buf0       : type=buffer, 0 dropped, in-memory ring buffer\n'
            '    short      : type=buffer, 0 dropped, What was asked\n'
            '    plain      : type=buffer, 0 dropped, plain\n'
            '    server     : type=buffer, 0 dropped, server\n'
            '    none       : type=buffer, 0 dropped, none\n\n')
        self.assertEqual(ask(rig, 'show events plain', 'user.sock'), 'Permission denied\n\n')
        self.assertEqual(ask(rig, 'show events nobody'), 'No such event sink\n')
        self.assertEqual(ask(rig, 'show events stdout'), 'Nothing to report for this sink\n')
        for words in ('plain -x', 'plain -w -n x', 'short plain'):
            self.assertEqual(ask(rig, 'show events ' + words), 'unknown option\n', words)
        self.assertEqual(ask(rig, 'show events -w'), 'No such event sink\n')

    def test_lines_look_as_the_ring_says(self):
        rig = self.start()
        rig.get('/a' + 'x' * 100)
        until_answer(rig, 'show events buf0', '/a')
        rig.get('/grave')
        until_answer(rig, 'show events buf0', '/grave')
        self.assertEqual(ask(rig, 'show events short'), '<6>GET /a%s\n<6>GET /grave\n\n' % ('x' * 51))
        self.assertEqual(ask(rig, 'show events plain'), 'GET /a%s\nGET /grave\n\n' % ('x' * 74))
        self.assertEqual(ask(rig, 'show events plain -n'), '\n')
        date = r'<%d>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d '
        self.assertRegex(ask(rig, 'show events buf0'),
                         r'\A%sGET /ax+\n%sGET /grave\n\n\Z' % (date % 6, date % 6))

    def test_who_waits_is_told_of_each_line(self):
        rig = self.start()
        rig.get('/one')
        until_answer(rig, 'show events plain', '/one')
        watcher = Admin(rig).send('show events plain -w\n')
        self.assertEqual(watcher.until('GET /one\n'), 'GET /one\n')
        late = Admin(rig).send('show events plain -nw\n')
        # Longer than `stats timeout`, which does not count for them.
        time.sleep(1.5)
        rig.get('/two')
        self.assertEqual(watcher.until('\n'), 'GET /two\n')
        self.assertEqual(late.until('\n'), 'GET /two\n')
        # It is over when they say that they say no more.
        self.assertIn(watcher.end().rest(), ('', '\n'))
        self.assertIn(late.end().rest(), ('', '\n'))
        self.assertEqual(ask(rig, 'show events plain -w'), 'GET /one\nGET /two\n\n')

    @penstock_only('goes on waiting, though it says that any key stops it')
    def test_whatever_is_said_ends_the_wait(self):
        rig = self.start()
        watcher = Admin(rig).send('show events plain -w\n')
        self.assertEqual(watcher.send('show version\n').rest(), '\n')
        asked = Admin(rig).send('prompt\n')
        asked.until('> ')
        asked.send('show events plain -w\n')
        rig.get('/one')
        asked.until('GET /one\n')
        self.assertEqual(asked.send('x\n').until('> '), '\n> ')
        self.assertEqual(asked.send('show cli level\n').until('> '), 'admin\n\n> ')

    def test_the_oldest_are_overwritten(self):
        rig = self.start()
        for i in range(600):
            rig.get('/%03d-%s' % (i, 'x' * 150))

        def numbers():
            return sorted(int(number) for number in re.findall(r'(?m)^GET /(\d+)-x+$', ask(rig, 'show events plain')))
        # Lines of several workers may change places.
        wait_until(lambda: numbers()[-100:] == list(range(500, 600)), 'the latest lines')
        self.assertTrue(150 < len(numbers()) < 500, len(numbers()))

    def test_servers_get_each_line(self):
        rig = self.start()
        rig.get('/one')
        self.octets.wait(b'/one')
        rig.get('/two')
        line = r'<150>\w{3} [ \d]\d \d\d:\d\d:\d\d \S+ \w+\[\d+\]: GET /%s'
        self.assertRegex(self.lines.wait(br'/two\n').decode(), r'\A%s\n%s\n\Z' % (line % 'one', line % 'two'))
        text = self.octets.wait(b'/two').decode()
        read = []
        while text:
            size, _, text = text.partition(' ')
            read.append(text[:int(size)])
            text = text[int(size):]
        self.assertEqual(len(read), 2, read)
        self.assertRegex(read[0], r'\A%s\Z' % (line % 'one'))
        self.assertRegex(read[1], r'\A%s\Z' % (line % 'two'))

    def over_tls(self, collector, words, **options):
        self.text = CONFIG.replace('<octets>', collector.address + ' ' + words).replace('s2 <lines>', 's2 <dead>')
        return self.rig(self.text, **options)

    def test_lines_go_over_tls_to_a_server_that_is_verified(self):
        collector = TlsCollector(self)
        rig = self.over_tls(collector, 'ssl verify required ca-file <certs>/ca.pem sni str(mail.contoso.com)')
        rig.get('/one')
        collector.wait(b'GET /one')
        self.assertEqual(collector.names, ['mail.contoso.com'])

    def test_nothing_is_told_to_a_server_that_is_another(self):
        for words in ('ca-file <certs>/other-ca.pem', 'ca-file <certs>/ca.pem verifyhost ex99.contoso.local'):
            with self.subTest(words):
                collector = TlsCollector(self)
                rig = self.over_tls(collector, 'ssl verify required ' + words)
                rig.get('/one')
                wait_until(lambda: collector.refused, 'a connection that is given up')
                self.assertEqual(collector.data, b'')

    def test_a_certificate_is_shown_to_the_server(self):
        collector = TlsCollector(self, asks=True)
        rig = self.over_tls(collector, 'ssl verify none crt <certs>/client.pem')
        rig.get('/one')
        collector.wait(b'GET /one')
        self.assertIn('client.contoso.com', str(collector.shown[-1]))

    @penstock_only('rings are lost with the process')
    def test_a_connection_over_tls_outlives_a_reload(self):
        collector = TlsCollector(self)
        rig = self.over_tls(collector, 'ssl verify none')
        rig.get('/one')
        collector.wait(b'GET /one')
        rig.reload(self.text.replace('description "What was asked"', 'description other'))
        rig.get('/two')
        self.assertEqual(collector.wait(b'GET /two').count(b'GET /one'), 1)
        self.assertEqual(len(collector.shown), 1)
        rig.reload(self.text.replace('verify none', 'verify none ssl-max-ver TLSv1.2'))
        wait_until(lambda: len(collector.shown) == 2, 'a connection made otherwise')

    def test_a_server_that_was_away_gets_what_is_there(self):
        rig = self.start(CONFIG.replace('s1 <dead>', 's1 127.0.0.1:<late>').replace(
            '<late>', str(self.free_port())))
        rig.get('/early')
        until_answer(rig, 'show events none', '/early')
        heard = []

        def talk(sock, _):
            heard.append(sock.recv(65536))
        script = Script(talk, ('127.0.0.1', self.port))
        self.addCleanup(script.close)
        wait_until(lambda: heard, 'what was written before')
        self.assertEqual(heard[0], b'GET /early\n')

    def free_port(self):
        with socket.create_server(('127.0.0.1', 0)) as sock:
            self.port = sock.getsockname()[1]
        return self.port

    @penstock_only('a full ring turns lines away there')
    def test_a_server_that_reads_nothing_costs_nobody_anything(self):
        stop = []

        def sleep(sock, _):
            wait_until(lambda: stop, 'the end', seconds=60)
        lazy = self.script(sleep)
        rig = self.start(CONFIG.replace('server s1 <dead>', 'server s1 ' + lazy.address).replace(
            'ring none', 'ring none\n    maxlen 8000'))
        watcher = Admin(rig).send('show events none -w\n')
        poll = select.poll()
        poll.register(watcher.socket, 0)
        # More than the system keeps for who does not read, and until that one is no longer waited for.
        with rig.connect() as client:
            def asks():
                for _ in range(100):
                    self.assertEqual(client.get('/%s' % ('x' * 1000)).status, 200)
                return any(event & select.POLLHUP for _, event in poll.poll(0))
            wait_until(asks, 'the end of who takes nothing', seconds=60)
            for _ in range(4000):
                self.assertEqual(client.get('/%s' % ('x' * 1000)).status, 200)
        self.assertGreater(int(re.search(r'none +: type=buffer, (\d+) dropped', until_answer(
            rig, 'show events', r'none +: type=buffer, [1-9]\d* dropped').string).group(1)), 0)
        self.assertIn('GET /x', watcher.rest())
        self.assertEqual(rig.get('/after').status, 200)
        until_answer(rig, 'show events plain', '/after')
        stop.append(True)

    @penstock_only('rings are lost with the process')
    def test_a_ring_outlives_a_reload(self):
        rig = self.start()
        rig.get('/one')
        until_answer(rig, 'show events plain', '/one')
        rig.reload(self.text.replace('description "What was asked"', 'description other'))
        self.assertEqual(ask(rig, 'show events plain'), 'GET /one\n\n')
        self.assertIn('buffer, 0 dropped, other\n', ask(rig, 'show events'))
        watcher = Admin(rig).send('show events plain -w\n')
        watcher.until('GET /one\n')
        rig.reload(self.text.replace('size 17000', 'size 18000'))
        # Another one.
        wait_until(lambda: ask(rig, 'show events plain') == '\n', 'another ring')
        rig.get('/two')
        until_answer(rig, 'show events plain', '/two')
        self.assertEqual(watcher.end().rest(), '\n')
