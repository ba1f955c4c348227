"""What Exchange's clients hold open for minutes and hours: every byte goes at once, nothing is kept, the right
time runs, and what has gone is noticed."""
import hashlib
import re
import socket
import threading

from harness import Case, PATIENCE, Shared, pattern_bytes, penstock_only, read_head, sample, wait_until

PLAIN = """
frontend fe
    bind <fe>
    default_backend be
backend be
    server s1 <s1>
"""


class Lockstep(Case):
    """One side says its next byte only when the other has heard the one before: who holds a byte back stops all."""
    STEPS = 60

    def rig_for(self, talk, tls=False):
        address = self.script(talk).address
        if not tls:
            return self.rig('frontend fe\n    bind <fe>\n    default_backend be\nbackend be\n    server s1 %s\n' % address)
        # Through TLS on both sides: the one talks to the other.
        return self.rig('frontend fe\n    bind <fe> ssl crt <certs>/mail.pem\n    default_backend be\nbackend be\n'
                        '    server s1 <middle> ssl verify none\n'.replace('<middle>', self.middle(address)))

    def middle(self, address):
        rig = self.rig('frontend fe\n    bind <fe> ssl crt <certs>/mail.pem\n    default_backend be\nbackend be\n'
                       '    server s1 %s\n' % address)
        return '127.0.0.1:%d' % rig.addresses['fe'][1]

    def answer(self, framing, wrap, tls=False):
        heard = threading.Semaphore(0)

        def talk(sock, _):
            read_head(sock)
            sock.sendall(b'HTTP/1.1 200 Success\r\n' + framing + b'\r\n')
            for n in range(self.STEPS):
                sock.sendall(wrap(bytes([65 + n % 26])))
                if not heard.acquire(timeout=PATIENCE):
                    return
        rig = self.rig_for(talk, tls)
        client = rig.connect(**({'sni': 'mail.contoso.com'} if tls else {}))
        client.request('RPC_OUT_DATA', '/rpc/rpcproxy.dll')
        client.take_until(b'\r\n\r\n')
        for n in range(self.STEPS):
            piece = wrap(bytes([65 + n % 26]))
            self.assertEqual(client.take(len(piece)), piece)
            heard.release()

    def request(self, framing, wrap, tls=False):
        heard = threading.Semaphore(0)

        def talk(sock, _):
            data = read_head(sock).partition(b'\r\n\r\n')[2]
            for n in range(self.STEPS):
                piece = wrap(bytes([65 + n % 26]))
                while len(data) < len(piece):
                    data += sock.recv(1000)
                if data != piece:
                    return
                data = b''
                heard.release()
        rig = self.rig_for(talk, tls)
        client = rig.connect(**({'sni': 'mail.contoso.com'} if tls else {}))
        client.request('RPC_IN_DATA', '/rpc/rpcproxy.dll', [framing])
        for n in range(self.STEPS):
            client.send(wrap(bytes([65 + n % 26])))
            self.assertTrue(heard.acquire(timeout=PATIENCE), 'byte %d does not arrive' % n)

    @staticmethod
    def plain(data):
        return data

    @staticmethod
    def chunk(data):
        return b'%x\r\n%s\r\n' % (len(data), data)

    def test_each_byte_of_an_answer_goes_at_once(self):
        for framing, wrap in ((b'Content-Length: 1073741824\r\n', self.plain), (b'', self.plain),
                              (b'Transfer-Encoding: chunked\r\n', self.chunk)):
            self.answer(framing, wrap)

    def test_each_byte_of_a_request_goes_at_once(self):
        for framing, wrap in ((('Content-Length', '1073741824'), self.plain),
                              (('Transfer-Encoding', 'chunked'), self.chunk)):
            self.request(framing, wrap)

    def test_each_byte_goes_at_once_through_tls_on_both_sides(self):
        self.answer(b'Transfer-Encoding: chunked\r\n', self.chunk, tls=True)
        self.request(('Content-Length', '1073741824'), self.plain, tls=True)


class Times(Case):
    """Which time runs, and that a rule may choose it for a route."""

    RULES = """
frontend fe
    bind <fe>
    %s
    default_backend be
backend be
    server s1 <s1>
"""

    def rules(self, rule, **timeouts):
        lines = ['    timeout %s %s' % (name.replace('_', '-'), time) for name, time in timeouts.items()]
        rig = self.rig(self.RULES % rule, defaults='\n'.join(lines))
        rig.server().auth = False
        return rig

    def test_a_rule_gives_a_phone_the_time_of_its_heartbeat(self):
        rig = self.rules('http-request set-timeout server 20s if { path_beg -i /microsoft-server-activesync }',
                         server='300ms')
        rig.server().time_scale = 0.002     # 480 s become 0.96 s.
        client = rig.connect().send(sample('eas_ping_c.http'))
        self.assertEqual(client.response().body, sample('eas_ping_status1.wbxml'))
        self.assertEqual(client.get('/test/hang').status, 504)
        self.assertEqual(rig.server().by_path['/Microsoft-Server-ActiveSync'], 1)
        self.assertEqual(rig.server().by_path['/test/hang'], 1)

    def test_a_rule_shortens_the_time_of_a_server(self):
        rig = self.rules('http-request set-timeout server 200ms if { path /test/hang }')
        self.assertEqual(rig.get('/test/hang').status, 504)
        self.assertEqual(rig.get('/test/delay/400').status, 200)

    @penstock_only('set-timeout client is newer')
    def test_a_rule_gives_an_in_channel_the_time_to_be_silent(self):
        rig = self.rules('http-request set-timeout client 20s if { method RPC_IN_DATA }', client='300ms')
        client = rig.connect()
        client.request('RPC_IN_DATA', '/test/body', [('Content-Length', '9')]).send(b'a')
        client.take_until(b'1\r\na\r\n')
        other = rig.connect()
        other.request('POST', '/test/echo', [('Content-Length', '9')]).send(b'a')
        self.assertEqual(other.response().status, 408)   # The time has passed for everybody else.
        client.send(b'b')
        client.take_until(b'1\r\nb\r\n')

    @penstock_only('set-timeout client is newer')
    def test_a_rule_shortens_the_time_of_a_client(self):
        rig = self.rules('http-request set-timeout client 200ms if { method POST }')
        client = rig.connect()
        client.request('POST', '/test/echo', [('Content-Length', '9')]).send(b'a')
        self.assertEqual(client.response().status, 408)

    @penstock_only('set-timeout client is newer')
    def test_the_next_request_has_the_usual_times_again(self):
        rig = self.rules('http-request set-timeout client 200ms if { path /test/echo }')
        client = rig.connect()
        client.post('/test/echo', b'a')
        client.request('POST', '/test/body', [('Content-Length', '2')]).send(b'a')
        client.take_until(b'1\r\na\r\n')
        late = rig.connect()
        late.request('POST', '/test/echo', [('Content-Length', '2')]).send(b'a')
        self.assertEqual(late.response().status, 408)
        client.send(b'b')
        client.take_until(b'1\r\nb\r\n')

    def test_a_rule_chooses_the_time_of_a_tunnel(self):
        rig = self.rules('http-request set-timeout tunnel 200ms if { hdr(x-short) 1 }', tunnel='20s')
        upgrade = [('Connection', 'Upgrade'), ('Upgrade', 'echo')]
        long, short = rig.connect(), rig.connect()
        long.request('GET', '/test/upgrade', upgrade).response()
        short.request('GET', '/test/upgrade', [*upgrade, ('X-Short', '1')]).response()
        self.assertEqual(short.rest(), b'')
        long.send(b'still here')
        self.assertEqual(long.take(10), b'still here')

    def test_what_is_held_is_asked_for_once_though_it_times_out(self):
        """A second Ping, NotificationWait or channel would be another client to Exchange."""
        rig = self.rig(PLAIN.replace('\nbackend be', '\nbackend be\n    retries 3\n    retry-on all-retryable-errors\n'
                                     '    option redispatch'), defaults='    timeout server 200ms')
        server = rig.server()
        server.auth = False
        for name in ('eas_ping_c.http', 'mapi_notificationwait_c.http', 'rpc_in_c2_T3_1GiB.http', 'rpc_out_c2_T3_76.http'):
            server.clear()
            with rig.connect() as client:
                client.send(re.sub(rb'Authorization: .*\r\n', b'', sample(name)))
                server.wait_count('requests', 1)
                if 'rpc_in' not in name:     # Its body never ends: the server owes nothing.
                    wait_until(lambda: not server.connections, 'the server to be given up')
            wait_until(lambda: not server.connections, 'the server connection to end')
            self.assertEqual(server.counters['requests'], 1, name)


class Memory(Case):
    """What passes is not kept."""

    def test_a_channel_that_carries_much_keeps_nothing(self):
        """200 MB of an IN channel whose announced gigabyte never ends, and as much on its OUT channel."""
        size, piece = 200, bytes(1 << 20)
        rest = threading.Semaphore(0)

        def talk(sock, _):
            head = read_head(sock)
            if head.startswith(b'RPC_OUT'):
                sock.sendall(b'HTTP/1.1 200 Success\r\nContent-Length: 1073741824\r\n\r\n')
                for _ in range(size):
                    sock.sendall(piece)
                return sock.recv(1)
            left = size << 20
            while left > 0:
                left -= len(sock.recv(1 << 20))
            rest.release()
            return sock.recv(1)
        rig = self.rig(PLAIN.replace('<s1>', self.script(talk).address))
        out, into = rig.connect(), rig.connect()
        out.request('RPC_OUT_DATA', '/rpc/rpcproxy.dll').take_until(b'\r\n\r\n')
        into.request('RPC_IN_DATA', '/rpc/rpcproxy.dll', [('Content-Length', '1073741824')])
        out.take(8 << 20)
        into.send(piece * 8)
        before = rig.rss()
        reader = threading.Thread(target=lambda: [out.take(1 << 20) for _ in range(size - 8)])
        reader.start()
        for _ in range(size - 8):
            into.send(piece)
        reader.join()
        self.assertTrue(rest.acquire(timeout=PATIENCE))
        self.assertLess(rig.rss() - before, 64 * 1024)


class Traffic(Shared):
    """Owa, uploads and the address book."""
    CONFIG = PLAIN

    def setUp(self):
        super().setUp()
        self.r.server().auth = False

    def test_a_pending_request_of_owa_speaks_when_exchange_does(self):
        self.r.server().time_scale = 0.002
        client = self.connect()
        client.request('GET', '/owa/ev.owa2?ns=PendingRequest&ev=PendingNotificationRequest',
                       [('Cookie', 'cadata=x')])
        client.take_until(b'\r\n\r\n')
        for _ in range(5):
            self.assertIn(b'alive', client.take_body(len(b'<script>/* alive */</script>\r\n')))
        self.assertEqual(client.take_body(1), b'')

    def test_an_upload_of_35_mb_arrives_whole_and_is_not_kept(self):
        body = pattern_bytes(35 << 20)
        self.assertEqual(self.connect().get('/test/server').status, 200)  # The program serves: its pages are touched.
        before = self.r.rss()
        for fields in ([], [('Expect', '100-continue')]):
            answer = self.connect().post('/test/echo', body, fields).json()
            self.assertEqual((answer['body_size'], answer['sha256']),
                             (len(body), hashlib.sha256(body).hexdigest()))
        self.assertLess(self.r.rss() - before, 32 * 1024)

    def test_an_upload_that_exchange_refuses_is_507(self):
        self.r.server().answers['owa'] = b'HTTP/1.1 507 Insufficient Storage\r\nContent-Length: 0\r\n\r\n'
        self.addCleanup(self.r.server().answers.clear)
        self.assertEqual(self.connect().post('/owa/service.svc', pattern_bytes(1 << 20)).status, 507)

    def test_ranges_of_the_address_book_in_every_form(self):
        client = self.connect()
        path, size = '/OAB/1efe2ed6/b7f8-data-1.lzx', 8388608
        whole = client.request('HEAD', path).response('HEAD')
        self.assertEqual((whole.status, whole.get('content-length')), (200, str(size)))
        etag = whole.get('etag')
        for fields, status, body in (
                ([('Range', 'bytes=0-0')], 206, pattern_bytes(1)),
                ([('Range', 'bytes=8388600-')], 206, pattern_bytes(8, 8388600)),
                ([('Range', 'bytes=100-199'), ('If-Range', etag)], 206, pattern_bytes(100, 100)),
                ([('Range', 'bytes=8388608-')], 416, b'')):
            answer = client.get(path, fields)
            self.assertEqual((answer.status, answer.body), (status, body), fields)
            self.assertTrue(answer.get('content-range'))
        changed = client.get(path, [('Range', 'bytes=100-199'), ('If-Range', '"other"')])
        self.assertEqual((changed.status, len(changed.body)), (200, size))

    def test_a_kerberos_ticket_of_64_kb_passes(self):
        token = 'Negotiate ' + 'A' * 65536
        answer = self.connect().get('/test/echo', [('Authorization', token)]).json()
        self.assertIn(['Authorization', token], answer['fields'])


class Staying(Case):
    """A server is taken out, a configuration is read again: channels that are open stay."""

    CHECKED = """
frontend fe
    bind <fe>
    default_backend be
backend be
    option httpchk GET /rpc/healthcheck.htm
    server s1 <s1> check inter 50ms fall 1 rise 2 %s
    server s2 <s2> check inter 50ms fall 1 rise 2 backup
"""

    def channel(self, rig):
        client = rig.connect()
        client.request('RPC_IN_DATA', '/test/body', [('Content-Length', '1073741824')]).send(b'a')
        client.take_until(b'1\r\na\r\n')
        return client

    def echoes(self, client):
        client.send(b'z')
        client.take_until(b'1\r\nz\r\n')

    def test_channels_stay_on_a_server_that_is_taken_out_and_new_ones_go_elsewhere(self):
        rig = self.rig(self.CHECKED % '')
        client = self.channel(rig)
        rig.server('s1').states['rpc'] = 'offline-rst'
        rig.log.wait('Server be/s1 is DOWN')
        self.assertEqual(set(rig.who(count=4)), {'EX02'})
        self.echoes(client)

    def test_shutdown_sessions_ends_the_channels_of_a_server_that_is_taken_out(self):
        rig = self.rig(self.CHECKED % 'on-marked-down shutdown-sessions')
        client = self.channel(rig)
        rig.server('s1').states['rpc'] = 'offline-rst'
        client.rest()
        self.assertEqual(set(rig.who(count=4)), {'EX02'})

    def test_a_reload_keeps_channels_open(self):
        rig = self.rig(self.CHECKED % '')
        client = self.channel(rig)
        rig.reload(self.CHECKED.replace('server s1 <s1>', 'server s3 <s3>') % '')
        wait_until(lambda: rig.who()[0] == 'EX03', 'the new server to serve')
        self.echoes(client)


class HalfOpen(Case):
    """Who vanished without a word is noticed by the kernel's probes, where they are asked for."""
    TEXT = """
frontend fe
    bind <fe> tcp-ut 9s
    option clitcpka
    clitcpka-idle 1
    clitcpka-intvl 2s
    clitcpka-cnt 3
    default_backend be
backend be
    option srvtcpka
    srvtcpka-idle 70
    server s1 <s1>
"""

    def client(self, text, **options):
        """One that came when the program listened already: who waits before inherits nothing."""
        self.r = self.rig(text, **options)
        self.r.get('/test/server')
        return self.r.connect()

    def timer(self, local, remote):
        """The kind of the kernel's timer of this connection; `left`: for how many s."""
        with open('/proc/net/tcp') as file:
            for line in file:
                found = re.match(r' *\d+: \w+:(\w{4}) \w+:(\w{4}) 01 \S+ (\w\w):(\w{8}) ', line)
                if found and [int(found.group(n), 16) for n in (1, 2)] == [local, remote]:
                    self.left = int(found.group(4), 16) / 100
                    return int(found.group(3), 16)
        return None

    def test_probes_run_on_both_sides_as_configured(self):
        client = self.client(self.TEXT.replace('clitcpka-idle 1', 'clitcpka-idle 50'))
        client.get('/test/server')
        server_side = [conn.peer[1] for conn in self.r.server().connections.values()][-1]
        for ends, idle in (((self.r.addresses['fe'][1], client.socket.getsockname()[1]), 50),
                           ((server_side, self.r.server().port), 70)):
            # Until what is sent has been acknowledged another timer runs.
            keep_alive = 2
            left = wait_until(lambda ends=ends: (self.timer(*ends) == keep_alive) and self.left, 'a keep-alive timer')
            self.assertTrue(idle - 20 < left <= idle, (idle, left))

    def vanish(self, client):
        """Ends it as a phone without a network does; False where that is not allowed."""
        tcp_repair = 19
        try:
            client.socket.setsockopt(socket.IPPROTO_TCP, tcp_repair, 1)
        except PermissionError:
            return False
        client.socket.close()
        return True

    def test_a_phone_that_vanished_is_noticed_at_the_server(self):
        client = self.client(self.TEXT, defaults='    option abortonclose')
        client.request('POST', '/test/hang')
        self.r.server().wait_count('hanging', 1)
        if self.vanish(client):
            self.r.server().wait_count('gone_while_waiting', 1)
