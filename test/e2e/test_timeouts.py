"""Every timeout of the manual is in force, answers as it must and is logged as it is."""
import re
import select
import socket
import threading
import time

from harness import Case, Client, Cut, PATIENCE, WebSocket, penstock_only, read_head, wait_until

PLAIN = """
frontend fe
    bind <fe>
    default_backend be
backend be
    server s1 <s1>
"""


class Timeouts(Case):
    ONCE = True

    def timed(self, timeouts, text=PLAIN, **options):
        lines = ['    timeout ' + entry for entry in timeouts]
        return self.rig(text, defaults='\n'.join(lines), **options)

    def test_a_slow_head_is_408(self):
        rig = self.timed(['http-request 300ms'])
        client = rig.connect()
        client.send(b'GET /test/server HTTP/1.1\r\nHost: a\r\n')
        answer = client.response()
        self.assertEqual(answer.status, 408)
        self.assertEqual(client.ending(), 'fin')
        self.assertEqual(rig.server().counters['requests'], 0)
        rig.log.wait(r' 408 \d+ - - cR-- ')

    def test_a_head_that_trickles_does_not_extend_the_time(self):
        rig = self.timed(['http-request 400ms'])
        client = rig.connect()
        client.send(b'GET /test/server HTTP/1.1\r\nHost: a\r\n')
        stop = threading.Event()

        def trickle():
            try:
                while not stop.wait(0.05):
                    client.send(b'X-A: 1\r\n')
            except OSError:
                pass
        thread = threading.Thread(target=trickle)
        thread.start()
        started = time.monotonic()
        try:
            self.assertIn(b' 408 ', client.rest())
        finally:
            stop.set()
            thread.join()
        self.assertLess(time.monotonic() - started, PATIENCE / 2)

    def test_the_time_for_a_head_does_not_cover_the_body(self):
        """RPC_IN_DATA trickles for hours."""
        rig = self.timed(['http-request 300ms'])
        client = rig.connect()
        client.request('RPC_IN_DATA', '/test/echo', [('Content-Length', '8')])
        for _ in range(8):
            client.send(b'x')
            time.sleep(0.1)   # What is measured: 800 ms, well above the limit for a head.
        self.assertEqual(client.response().json()['body_size'], 8)

    @penstock_only('waits for the server')
    def test_a_body_that_stops_is_408_when_nothing_was_answered(self):
        rig = self.timed(['client 300ms'])
        client = rig.connect()
        client.request('POST', '/test/echo', [('Content-Length', '1000')])
        client.send(b'x')
        data = client.rest()
        self.assertTrue(data.startswith(b'HTTP/1.1 408 '), data)
        rig.log.wait(r' 408 \d+ - - cH-- ')

    def test_an_idle_connection_ends_silently_at_http_keep_alive(self):
        rig = self.timed(['http-keep-alive 200ms', 'http-request 5s'])
        client = rig.connect()
        client.get('/test/server')
        self.assertEqual(client.ending(), 'fin')

    @penstock_only('HAProxy takes empty lines for the begin of a request: 408')
    def test_empty_lines_between_requests_begin_none(self):
        rig = self.timed(['http-keep-alive 300ms', 'http-request 5s'])
        client = rig.connect()
        self.assertEqual(client.get('/test/server').status, 200)
        client.send(b'\r\n\r\n')
        self.assertEqual(client.ending(), 'fin')

    def test_an_idle_connection_stays_for_http_keep_alive(self):
        rig = self.timed(['http-keep-alive 10s', 'http-request 200ms', 'client 10s'])
        client = rig.connect()
        client.get('/test/server')
        time.sleep(0.5)       # What is measured: longer than a head may take.
        self.assertEqual(client.get('/test/server').status, 200)

    def test_the_shorter_of_http_keep_alive_and_client_ends_an_idle_connection(self):
        for times in (['http-keep-alive 10s', 'client 200ms'], ['http-keep-alive 200ms', 'client 10s'],
                      ['http-request 10s', 'client 200ms'], ['http-request 200ms', 'client 10s']):
            with self.subTest(times):
                client = self.timed(times).connect()
                client.get('/test/server')
                started = time.monotonic()
                self.assertEqual(client.ending(), 'fin')
                self.assertLess(time.monotonic() - started, 5)

    def test_who_falls_silent_in_a_head_is_told_by_timeout_client_too(self):
        rig = self.timed(['http-request 20s', 'http-keep-alive 20s', 'client 300ms'])
        for requests in (0, 1):
            client = rig.connect()
            for _ in range(requests):
                client.get('/test/server')
            client.send(b'GET /test/server HTTP/1.1\r\nHost: a\r\n')
            self.assertEqual(client.response().status, 408)
        self.assertEqual(rig.connect().response().status, 408)

    def test_bytes_of_a_head_begin_timeout_client_anew(self):
        rig = self.timed(['http-request 20s', 'client 700ms'])
        client = rig.connect()
        client.send(b'GET /test/server HTTP/1.1\r\nHost: a\r\n')
        for _ in range(6):
            time.sleep(0.2)   # What is measured: longer than 700 ms in all.
            client.send(b'X-A: 1\r\n')
        self.assertEqual(client.send(b'\r\n').response().status, 200)

    def test_a_body_that_is_waited_for_has_all_its_time_where_http_request_says_nothing(self):
        rig = self.timed(['client 700ms'], PLAIN.replace('bind <fe>', 'bind <fe>\n    option http-buffer-request'))
        client = rig.connect()
        client.request('POST', '/test/echo', [('Content-Length', '6')])
        for _ in range(6):
            time.sleep(0.2)   # What is measured: longer than 700 ms in all.
            client.send(b'x')
        self.assertEqual(client.response().json()['body_size'], 6)

    def test_waiting_in_the_queue_too_long_is_503(self):
        rig = self.timed(['queue 300ms'], PLAIN.replace('<s1>', '<s1> maxconn 1'))
        first = rig.connect()
        first.request('GET', '/test/hang')
        rig.server().wait_count('hanging', 1)
        self.assertEqual(rig.get('/test/server').status, 503)
        rig.log.wait(r' be/(s1|<NOSRV>) \d+/\d+/-1/-1/\d+ 503 \d+ - - sQ-- ')

    def test_a_tarpit_answers_after_its_time(self):
        rig = self.timed(['tarpit 300ms'], PLAIN.replace(
            'bind <fe>', 'bind <fe>\n    http-request tarpit deny_status 429 if { path /tar }'))
        started = time.monotonic()
        self.assertEqual(rig.get('/tar').status, 429)
        self.assertGreaterEqual(time.monotonic() - started, 0.29)
        match = rig.log.wait(r' fe/<NOSRV> -?\d+/(\d+)/-1/-1/\d+ 429 \d+ - - PT-- ')
        self.assertGreaterEqual(int(match.group(1)), 290)
        self.assertEqual(rig.server().counters['requests'], 0)

    def test_a_silent_network_is_503_after_the_retries(self):
        hole = self.black_hole()
        rig = self.timed(['connect 150ms'], PLAIN.replace('<s1>', hole.address) + '    retries 1\n')
        self.assertEqual(rig.get('/test/server').status, 503)
        rig.log.wait(r' be/s1 \d+/\d+/-1/-1/\d+ 503 \d+ - - sC-- ')

    def test_a_silent_server_is_504(self):
        rig = self.timed(['server 300ms'])
        client = rig.connect()
        self.assertEqual(client.get('/test/hang').status, 504)
        rig.log.wait(r' be/s1 \d+/\d+/\d+/-1/\d+ 504 \d+ - - sH-- ')

    def test_a_head_that_trickles_from_a_server_does_not_extend_its_time(self):
        def talk(sock, _):
            read_head(sock)
            try:
                for byte in b'HTTP/1.1 200 OK\r\nX: ' + b'a' * 200:
                    sock.sendall(bytes([byte]))
                    time.sleep(0.05)
            except OSError:
                pass
        rig = self.timed(['server 400ms'], PLAIN.replace('<s1>', self.script(talk).address))
        started = time.monotonic()
        self.assertEqual(rig.get('/').status, 504)
        self.assertLess(time.monotonic() - started, 5)
        rig.log.wait(r' be/s1 \d+/\d+/\d+/-1/\d+ 504 \d+ - - sH-- ')

    def test_an_interim_answer_begins_it_anew(self):
        def talk(sock, _):
            read_head(sock)
            for _ in range(4):
                time.sleep(0.25)
                sock.sendall(b'HTTP/1.1 103 Early Hints\r\n\r\n')
            sock.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
            sock.recv(1)
        rig = self.timed(['server 700ms'], PLAIN.replace('<s1>', self.script(talk).address))
        self.assertEqual(rig.get('/').status, 200)

    def test_a_request_to_a_silent_server_is_not_sent_again(self):
        rig = self.timed(['server 300ms'], """
frontend fe
    bind <fe>
    default_backend be
backend be
    option redispatch
    retries 3
    server s1 <s1>
    server s2 <s2>
""")
        self.assertEqual(rig.get('/test/hang').status, 504)
        self.assertEqual(sum(s.counters['requests'] for s in rig.servers.values()), 1)

    def test_a_server_that_stops_in_its_answer_cuts_the_client_off(self):
        rig = self.timed(['server 300ms'])
        client = rig.connect()
        client.request('GET', '/test/cut?of=1000&after=100&how=hang')
        with self.assertRaises((Cut, ConnectionError)):
            client.response()
        rig.log.wait(r' be/s1 \d+/\d+/\d+/\d+/\d+ 200 \d+ - - sD-- ')

    def test_a_server_may_take_its_time_between_bytes(self):
        rig = self.timed(['server 1s', 'client 1s'])
        answer = rig.get('/test/drip/12?ms=150')
        self.assertEqual(len(answer.body), 12)

    def test_a_reader_that_stops_is_cut_off(self):
        rig = self.timed(['client 500ms'])
        client = Client(rig.addresses['fe'], rcvbuf=4096)
        self.addCleanup(client.close)
        client.request('GET', '/test/size/50000000')
        rig.log.wait(r' be/s1 \d+/\d+/\d+/\d+/\d+ 200 \d+ - - cD-- ')

    def test_a_slow_reader_lives_by_timeout_client_to_the_last_byte(self):
        # Of some of these sizes the proxy itself holds the end when the server has said all.
        sizes = [n << 17 for n in range(20, 34)]
        for fields in ([], [('Connection', 'close')]):
            rig = self.timed(['http-keep-alive 200ms'])
            clients = [Client(rig.addresses['fe'], rcvbuf=4096) for _ in sizes]
            for client, size in zip(clients, sizes):
                self.addCleanup(client.close)
                client.request('GET', '/test/size/%d' % size, fields)
            rig.server().wait_count('requests', len(sizes))
            time.sleep(1.5)   # What is measured: longer than an idle or a closing client may take.
            for client, size in zip(clients, sizes):
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
                self.assertEqual(len(client.response().body), size)

    def test_a_reader_that_is_slow_but_reads_is_not_cut_off(self):
        rig = self.timed(['client 400ms'], globals_='    tune.sndbuf.client 20000')
        client = Client(rig.addresses['fe'], rcvbuf=4096)
        self.addCleanup(client.close)
        client.request('GET', '/test/size/900000')
        client.take_until(b'\r\n\r\n')
        for _ in range(30):
            client.take(30000)
            time.sleep(0.05)  # What is measured: 1.5 s, while never silent for 400 ms.

    def test_a_server_that_reads_slowly_but_reads_is_not_given_up(self):
        def talk(sock, _):
            head, _, body = read_head(sock).partition(b'\r\n\r\n')
            left = 900000 - len(body)
            while left > 0:
                time.sleep(0.03)
                left -= len(sock.recv(10000))
            sock.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
        script = self.script(talk)
        script.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        rig = self.timed(['server 1s', 'client 20s'], PLAIN.replace('<s1>', script.address),
                         globals_='    tune.sndbuf.server 20000')
        self.assertEqual(rig.post('/', b'x' * 900000).status, 200)

    def test_a_tunnel_lives_by_timeout_tunnel(self):
        rig = self.timed(['client 300ms', 'server 300ms', 'tunnel 10s'])
        link = WebSocket(rig.connect())
        time.sleep(0.7)       # What is measured: longer than client and server allow.
        link.send(b'still here')
        self.assertEqual(link.receive(), (2, True, b'still here'))

    def test_a_tunnel_idle_for_timeout_tunnel_ends(self):
        rig = self.timed(['tunnel 300ms'])
        for _ in range(3):
            link = WebSocket(rig.connect())
            self.assertIn(link.client.ending(), ('fin', 'rst'))
            rig.log.wait(r' 101 \d+ - - cD-- ')

    def test_without_timeout_tunnel_a_tunnel_lives_by_client_and_server(self):
        rig = self.timed(['client 300ms', 'server 300ms'])
        link = WebSocket(rig.connect())
        self.assertIn(link.client.ending(), ('fin', 'rst'))

    def test_a_backend_has_timeouts_of_its_own(self):
        rig = self.timed(['server 10s'], PLAIN + '    timeout server 300ms\n')
        self.assertEqual(rig.get('/test/hang').status, 504)

    def test_a_frontend_has_timeouts_of_its_own(self):
        rig = self.timed(['http-request 10s'], PLAIN.replace(
            'bind <fe>', 'bind <fe>\n    timeout http-request 300ms'))
        client = rig.connect()
        client.send(b'GET /')
        self.assertEqual(client.response().status, 408)


UPGRADE = (b'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'
           b'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n')

HANG = b'GET /hang HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
ANSWER = b'GET /answer HTTP/1.1\r\nHost: a\r\n\r\n'
HALF = b'GET /half HTTP/1.1\r\nHost: a\r\n\r\n'


class Pairs(Case):
    """Which of two timeouts ends what: each in turn is short and all others are long."""
    ONCE = True
    NAMES = ('client', 'client-fin', 'http-keep-alive', 'http-request', 'server', 'server-fin', 'tunnel')
    # What is sent, whether it is behind an answer and ends there, and whose times count; the letters.
    ROWS = (
        ('http', b'', None, False, {'client', 'http-request'}, 'cR'),
        ('http', b'GET / HT', None, False, {'client', 'http-request'}, 'cR'),
        ('http', ANSWER, b'', False, {'client', 'http-keep-alive'}, '--'),
        ('http', ANSWER, b'GET / HT', False, {'client', 'http-request'}, 'cR'),
        ('http', HANG, None, False, {'server'}, 'sH'),
        ('http', HANG, None, True, {'server'}, 'sH'),
        ('http', HALF, b'', False, {'server'}, 'sD'),
        ('http', HALF, b'', True, {'server'}, 'sD'),
        ('http', UPGRADE, b'', False, {'tunnel'}, 'cD'),
        ('http', UPGRADE, b'', True, {'server-fin'}, 'sD'),
        ('http', UPGRADE, b'F', False, {'client-fin'}, 'cD'),
        ('tcp', b'', None, False, {'tunnel'}, 'cD'),
        ('tcp', b'S', None, False, {'tunnel'}, 'cD'),
        ('tcp', b'S', None, True, {'server-fin'}, 'sD'),
        ('tcp', b'', None, True, {'server-fin'}, 'sD'),
        ('tcp', b'F', b'', False, {'client-fin'}, 'cD'),
        # Without `timeout tunnel`: the half that is open has its own time.
        ('tcpbare', b'S', None, True, {'server'}, 'sD'),
        ('tcpbare', b'F', b'', False, {'client'}, 'cD'),
        ('httpbare', UPGRADE, b'', True, {'server'}, 'sD'),
        ('httpbare', UPGRADE, b'F', False, {'client'}, 'cD'),
    )

    def talk(self, sock, _):
        first = sock.recv(1)
        while first == b'G':
            path = read_head(sock).split()[1]
            if path == b'/answer':
                sock.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
            if path == b'/half':
                sock.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx')
            if path == b'/ws':
                sock.sendall(b'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'
                             b'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n')
            first = sock.recv(1)
        if first == b'F':
            sock.sendall(b'x')
            sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):
            pass
        self.over.wait(PATIENCE * 2)       # A server that never ends by itself.

    def sections(self, mode, address):
        names = [name for name in self.NAMES if name[:4] != 'http' or mode == 'http']
        if mode.endswith('bare'):
            names = ['client', 'server']
        for short in names:
            text = '\nlisten %s_%s\n    bind <fe_%s_%s>\n    mode %s\n    option %slog\n    server s1 %s\n' % (
                mode, short, mode, short.replace('-', ''), mode[:4].rstrip('b'), mode[:4].rstrip('b'), address)
            yield short, text + ''.join('    timeout %s %s\n' % (name, '300ms' if name == short else '60s')
                                        for name in names)

    @penstock_only('spins in a half-closed tunnel, and aborts itself')
    def test_each_time_holds_where_it_is_meant_to_and_no_other(self):
        self.over = threading.Event()
        self.addCleanup(self.over.set)
        address = self.script(self.talk).address
        shorts = {}
        text = ''
        for mode in ('http', 'tcp', 'httpbare', 'tcpbare'):
            for short, section in self.sections(mode, address):
                shorts.setdefault(mode, []).append(short)
                text += section
        rig = self.rig(text)
        waiting = []
        for mode, first, behind, ends, whose, letters in self.ROWS:
            for short in shorts[mode]:
                client = rig.connect('fe_%s_%s' % (mode, short.replace('-', '')))
                client.send(first)
                if behind is not None:
                    if first.startswith(b'GET'):
                        client.take_until(b'\r\n\r\n')
                    client.send(behind)
                if ends:
                    client.half_close()
                waiting.append((client, short in whose, letters, (mode, first[:9], behind, ends, short)))
        time.sleep(1)         # What is measured: longer than the short time, shorter than the long one.
        for client, is_short, letters, name in waiting:
            with self.subTest(name):
                # One that is kept alive and idle has its line already.
                port = client.socket.getsockname()[1]
                line = r'127\.0\.0\.1:%d \[\S+ %s_%s .* %s(?:--)? ' % (port, name[0], name[4], letters)
                if is_short:
                    rig.log.wait(line)
                    client.rest()
                    continue
                lines = [one for one in rig.log.drain() if re.search(line.replace(letters, '[a-zA-Z-]{2}'), one)]
                self.assertEqual([one for one in lines if '/answer' not in one], [])
                if b'F' not in name:
                    client.socket.settimeout(0)
                    with self.assertRaises(BlockingIOError):
                        while client.socket.recv(65536):
                            pass
                        raise AssertionError('it has ended')


class Unread(Case):
    SLOW = True
    ONCE = True

    @penstock_only('cuts such clients off at once')
    def test_what_is_read_of_a_body_for_nobody_comes_in_its_time(self):
        """Behind an answer of our own and behind that of a server that has gone; who falls silent ends sooner."""
        rig = self.rig(PLAIN.replace('bind <fe>', 'bind <fe>\n    http-request deny if { path /deny }'),
                       defaults='    timeout client 12s')
        lasted = {}

        def body(name, path, pause):
            client = rig.connect()
            client.request('POST', path, [('Content-Length', '200000')])
            client.response()
            started = time.monotonic()
            while not select.select([client.socket], [], [], pause)[0]:
                try:
                    client.send(b'x')
                except OSError:
                    break
            lasted[name] = time.monotonic() - started
        threads = [threading.Thread(target=body, args=row) for row in (
            ('own', '/deny', 0.3), ('server', '/test/early/413?then=rst', 0.3), ('silent', '/test/early/413?then=rst', 60))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for name, seconds in (('own', 5), ('server', 30), ('silent', 12)):
            self.assertGreater(lasted[name], seconds - 1, lasted)
            self.assertLess(lasted[name], seconds + 5, lasted)


class Tcp(Case):
    ONCE = True
    TEXT = """
listen fe
    bind <fe>
    mode tcp
    option tcplog
    server s1 %s
"""

    def echo(self):
        def talk(sock, _):
            while True:
                data = sock.recv(65536)
                if not data:
                    return
                sock.sendall(data)
        return self.script(talk)

    def test_the_wait_in_a_line_is_logged(self):
        rig = self.rig(self.TEXT % (self.echo().address + ' maxconn 1'), defaults='    timeout queue 300ms')
        client = rig.connect().send(b'a')
        client.take(1)
        self.assertIn(rig.connect().send(b'b').ending(), ('fin', 'rst'))
        match = rig.log.wait(r' fe/<NOSRV> (\d+)/-1/\d+ 0 sQ ')
        self.assertGreaterEqual(int(match.group(1)), 290)

    def test_the_wait_for_what_rules_want_to_see_counts_as_waiting(self):
        text = self.TEXT.replace('mode tcp', 'mode tcp\n    tcp-request inspect-delay 300ms\n'
                                 '    tcp-request content accept if { req_ssl_hello_type 1 }')
        script = self.echo()
        rig = self.rig(text % script.address)
        client = rig.connect()
        wait_until(lambda: script.accepted, 'the server to be connected to')
        client.close()
        match = rig.log.wait(r' fe/s1 (\d+)/\d+/\d+ 0 ')
        self.assertGreaterEqual(int(match.group(1)), 290)

    def test_an_idle_client_is_cut_off(self):
        rig = self.rig(self.TEXT % self.echo().address, defaults='    timeout client 300ms')
        client = rig.connect().send(b'a')
        client.take(1)
        self.assertIn(client.ending(), ('fin', 'rst'))
        client.close()
        rig.log.wait(r' fe/s1 \d+/\d+/\d+ \d+ (cD|sD) ')

    def test_an_idle_server_is_cut_off(self):
        rig = self.rig(self.TEXT % self.echo().address, defaults='    timeout server 300ms')
        client = rig.connect().send(b'a')
        client.take(1)
        self.assertIn(client.ending(), ('fin', 'rst'))
        client.close()
        rig.log.wait(r' fe/s1 \d+/\d+/\d+ \d+ (cD|sD) ')

    def test_timeout_tunnel_takes_the_place_of_both(self):
        """Longer or shorter than theirs, it alone counts once both sides are joined."""
        rig = self.rig(self.TEXT % self.echo().address,
                       defaults='    timeout client 200ms\n    timeout server 200ms\n    timeout tunnel 10s')
        client = rig.connect().send(b'a')
        client.take(1)
        with self.assertRaises(AssertionError):
            client.socket.settimeout(0.5)       # What is measured: it stays open so long.
            client.take(1)
        client.socket.settimeout(PATIENCE)
        self.assertEqual(client.send(b'b').take(1), b'b')
        rig = self.rig(self.TEXT % self.echo().address, defaults='    timeout tunnel 200ms')
        client = rig.connect().send(b'a')
        client.take(1)
        self.assertIn(client.ending(), ('fin', 'rst'))
        rig.log.wait(r' fe/s1 \d+/\d+/[2-9]\d\d 1 (cD|sD) ')

    def test_server_fin_bounds_a_server_whose_client_has_ended(self):
        """A server that never closes must not keep a half-closed client for long."""
        def talk(sock, _):
            while sock.recv(65536):
                pass
            stop.wait(PATIENCE * 2)
        stop = threading.Event()
        self.addCleanup(stop.set)
        rig = self.rig(self.TEXT % self.script(talk).address,
                       defaults='    timeout client-fin 1ms\n    timeout server-fin 200ms')
        client = rig.connect().send(b'a')
        client.half_close()
        self.assertIn(client.ending(), ('fin', 'rst'))
        rig.log.wait(r' fe/s1 \d+/\d+/[2-9]\d\d 0 sD ')

    def test_client_fin_bounds_a_client_whose_server_has_ended(self):
        ended = threading.Event()

        def talk(sock, _):
            sock.sendall(b'x')
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65536):
                pass
            ended.set()
        rig = self.rig(self.TEXT % self.script(talk).address,
                       defaults='    timeout client-fin 200ms\n    timeout server-fin 1ms')
        self.assertEqual(rig.connect().rest(), b'x')
        self.assertTrue(ended.wait(PATIENCE))
        rig.log.wait(r' fe/s1 \d+/\d+/[2-9]\d\d 1 cD ')
