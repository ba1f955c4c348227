"""mode tcp in its plainest form."""
import socket
import ssl
import threading

from harness import Case, Client, Cut, PATIENCE, pattern_bytes, reset, tls_client

TEXT = """
listen fe
    bind <fe>%s
    mode tcp
    option tcplog
    balance roundrobin
%s
"""


class Relay(Case):

    def echo(self, mark=b''):
        def talk(sock, _):
            sock.sendall(mark)
            while True:
                data = sock.recv(262144)
                if not data:
                    sock.sendall(b'<end>')
                    return
                sock.sendall(data)
        return self.script(talk)

    def relay(self, *servers, bind='', **options):
        lines = ['    server s%d %s' % pair for pair in enumerate(servers, 1)]
        return self.rig(TEXT % (bind, '\n'.join(lines)), **options)

    def test_bytes_pass_both_ways(self):
        rig = self.relay(self.echo().address)
        client = rig.connect()
        for size in (1, 100, 16384, 300000):
            client.send(pattern_bytes(size))
            self.assertEqual(client.take(size), pattern_bytes(size))

    def test_many_megabytes_pass_unchanged(self):
        rig = self.relay(self.echo().address)
        client = rig.connect()
        data = pattern_bytes(20000000)
        sender = threading.Thread(target=client.send, args=(data,))
        sender.start()
        self.assertEqual(client.take(len(data)), data)
        sender.join()

    def test_the_server_may_speak_first(self):
        rig = self.relay(self.echo(b'220 ready\r\n').address)
        self.assertEqual(rig.connect().take(11), b'220 ready\r\n')

    def test_a_half_closed_client_still_gets_its_answer(self):
        rig = self.relay(self.echo().address)
        client = rig.connect().send(b'abc')
        client.half_close()
        self.assertEqual(client.rest(), b'abc<end>')

    def test_a_half_closed_server_still_gets_the_rest(self):
        got, done = [], threading.Event()

        def talk(sock, _):
            sock.sendall(b'mine')
            sock.shutdown(socket.SHUT_WR)
            while True:
                data = sock.recv(1000)
                if not data:
                    break
                got.append(data)
            done.set()
        rig = self.relay(self.script(talk).address)
        client = rig.connect()
        self.assertEqual(client.rest(), b'mine')
        client.send(b'yours')
        client.half_close()
        self.assertTrue(done.wait(PATIENCE))
        self.assertEqual(b''.join(got), b'yours')

    def test_what_was_said_last_reaches_a_slow_reader(self):
        # Of some of these sizes the end is read while the proxy itself holds the last bytes.
        sizes = [n << 15 for n in range(78, 118)]

        def talk(sock, number):
            while sock.recv(1000):
                pass
            sock.sendall(pattern_bytes(sizes[number - 1]))
            sock.shutdown(socket.SHUT_WR)
            with said:
                done.append(number)
                said.notify_all()
        said, done = threading.Condition(), []
        rig = self.relay(self.script(talk).address)
        clients = [Client(rig.addresses['fe'], rcvbuf=4096) for _ in sizes]
        for client in clients:
            self.addCleanup(client.close)
            client.half_close()
        with said:
            said.wait_for(lambda: len(done) == len(sizes), PATIENCE)
        for client in clients:
            client.hurry()
        got = sorted(len(client.rest()) for client in clients)
        self.assertEqual(got, sizes)

    def test_connections_take_turns(self):
        rig = self.relay(self.echo(b'1').address, self.echo(b'2').address)
        marks = [rig.connect().take(1) for _ in range(6)]
        self.assertEqual(marks[:2] * 3, marks)
        self.assertEqual(sorted(marks[:2]), [b'1', b'2'])

    def test_a_dead_server_is_passed_over(self):
        rig = self.rig(TEXT % ('', '    option redispatch\n    retries 2\n    server s1 <dead>\n'
                               '    server s2 %s' % self.echo(b'2').address))
        self.assertEqual([rig.connect().take(1) for _ in range(4)], [b'2'] * 4)

    def test_redispatch_may_begin_with_the_first_retry(self):
        rig = self.rig(TEXT % ('', '    option redispatch 1\n    retries 3\n    server s1 <dead>\n'
                               '    server s2 %s' % self.echo(b'2').address))
        for _ in range(2):
            client = rig.connect()
            self.assertEqual(client.take(1), b'2')
            client.close()
        rig.log.wait(r' fe/s2 .* \+1 \d+/\d+$|/\+1 \d+/\d+$')

    def test_with_no_server_the_client_is_closed(self):
        rig = self.rig(TEXT % ('', '    retries 0\n    server s1 <dead>'))
        for said in (b'', b'SSH-2.0-x\r\n'):
            client = rig.connect()
            client.send(said)
            self.assertEqual(client.ending(), 'fin')
        rig.log.wait(r' fe/s1 \d+/-1/\d+ 0 SC ')

    def test_tls_may_end_here(self):
        rig = self.relay(self.echo().address, bind=' ssl crt <certs>/mail.pem')
        with Client(rig.addresses['fe'], sni='mail.contoso.com') as client:
            client.send(pattern_bytes(100000))
            self.assertEqual(client.take(100000), pattern_bytes(100000))

    def test_tls_passes_through_untouched(self):
        rig = self.relay('<s1+tls>')
        with Client(rig.addresses['fe'], sni='mail.contoso.com',
                    context=tls_client(verify=True)) as client:
            self.assertEqual(client.get('/test/server').body, b'EX01')

    def test_tls_towards_the_server(self):
        rig = self.relay('<s1+tls> ssl verify required ca-file <certs>/ca.pem')
        self.assertEqual(rig.get('/test/server').body, b'EX01')

    def test_the_log_line_is_that_of_tcplog(self):
        rig = self.relay(self.echo().address)
        client = rig.connect().send(b'abc')
        client.half_close()
        client.rest()
        rig.log.wait(r': 127\.0\.0\.1:\d+ \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d\.\d{3}\] fe fe/s1 '
                     r'\d+/\d+/\d+ 8 -- \d+/\d+/\d+/\d+/\d+ \d+/\d+')

    def test_who_reset_a_connection_is_in_the_log(self):
        def talk(sock, _):
            while True:
                data = sock.recv(1000)
                if data == b'die':
                    return reset(sock)
                if not data:
                    return
                sock.sendall(data)
        rig = self.relay(self.script(talk).address)
        client = rig.connect().send(b'a')
        client.take(1)
        client.reset()
        rig.log.wait(r' fe/s1 \d+/\d+/\d+ 1 CD ')
        client = rig.connect().send(b'ab')
        client.take(2)
        client.send(b'die')
        self.assertIn(client.ending(), ('fin', 'rst'))
        rig.log.wait(r' fe/s1 \d+/\d+/\d+ 2 SD ')

    def test_the_queue_shows_in_the_log(self):
        rig = self.relay(self.echo().address + ' maxconn 1', nbthread=1)
        first = rig.connect().send(b'a')
        first.take(1)
        late = [rig.connect().send(b'bc'), rig.connect().send(b'def')]
        with self.assertRaises(AssertionError):
            late[0].socket.settimeout(0.2)      # What is measured: it is in the line so long.
            late[0].take(1)
        for client, said in zip([first, *late], (b'', b'bc', b'def')):
            client.socket.settimeout(PATIENCE)
            self.assertEqual(client.take(len(said)), said)
            client.half_close()
            self.assertEqual(client.rest(), b'<end>')
        rig.log.wait(r' fe/s1 \d/\d+/\d+ 6 -- .* 0/0$')
        rig.log.wait(r' fe/s1 [1-9]\d\d/\d+/\d+ 7 -- .* 0/1$')
        rig.log.wait(r' fe/s1 [1-9]\d\d/\d+/\d+ 8 -- .* 0/2$')

    def test_a_reset_is_passed_on(self):
        gone, how = threading.Event(), []

        def talk(sock, _):
            try:
                sock.sendall(b'x')
                while sock.recv(1000):
                    pass
            except OSError as error:
                how.append(type(error))
            gone.set()
        rig = self.relay(self.script(talk).address)
        client = rig.connect()
        client.take(1)
        client.reset()
        self.assertTrue(gone.wait(PATIENCE))
        self.assertEqual(how, [ConnectionResetError])

    def test_of_two_equal_limits_it_is_the_clients_that_ran_out(self):
        rig = self.relay(self.echo().address, defaults='    timeout client 200ms\n    timeout server 200ms')
        client = rig.connect().send(b'a')
        client.take(1)
        self.assertIn(client.ending(), ('fin', 'rst'))
        rig.log.wait(r' fe/s1 \d+/\d+/[2-9]\d\d 1 cD ')

    def test_a_plain_check_guards_the_pool(self):
        rig = self.rig(TEXT % ('', '    server s1 <dead> check inter 50ms fall 1\n    server s2 %s check'
                               % self.echo(b'2').address))
        rig.log.wait('Server fe/s1 is DOWN')
        self.assertEqual([rig.connect().take(1) for _ in range(4)], [b'2'] * 4)


class Way(Case):
    """The way to a server: what mode http has, mode tcp has too."""

    def servers(self, lines, rest=()):
        text = ''.join('    server s%d %s id 1%d%s\n' % (n, self.named(b'%d' % n).address, n, rest[n - 1] if rest else '')
                       for n in (1, 2, 3))
        return self.rig(TEXT % ('', '    %s\n%s' % (lines, text)), nbthread=1)

    def names(self, rig, numbers, said=lambda n: b'x'):
        out = ''
        for n in numbers:
            client = Client(rig.addresses['fe'], source='127.0.0.%d' % n)
            out += client.send(said(n)).take(1).decode()
            client.close()
        return out

    def named(self, name):
        def talk(sock, _):
            sock.recv(100)
            sock.sendall(name)
        return self.script(talk)

    def test_a_hash_names_the_server_that_haproxy_would_choose(self):
        weights = [' weight %d' % n for n in (1, 2, 3)]
        for balance, rest, names in (('source', weights, '132323132323'), ('hash src', (), '123123123123')):
            with self.subTest(balance):
                self.assertEqual(self.names(self.servers('balance ' + balance, rest), range(2, 14)), names)

    def test_a_hash_may_be_of_the_first_bytes(self):
        rig = self.servers('tcp-request inspect-delay 5s\n    tcp-request content accept if { req.len gt 3 }\n'
                           '    balance hash req.payload(0,4)')
        key = lambda n: b'key' + b'abcdef'[n % 6:n % 6 + 1]
        first = self.names(rig, range(6, 12), key)
        self.assertEqual(self.names(rig, range(12, 18), key), first)
        self.assertGreater(len(set(first)), 1)

    def test_without_a_key_servers_take_turns(self):
        for balance in ('hash req.payload(0,4)', 'url_param user', 'uri', 'hdr(Host)'):
            with self.subTest(balance):
                rig = self.servers('balance ' + balance)
                self.assertEqual(sorted(self.names(rig, [2] * 6)), list('112233'))

    def test_force_persist_leads_to_a_server_that_is_down(self):
        rules = ('use-server s2 if { src 127.0.0.3 }\n    use-server s2 if { src 127.0.0.4 }\n'
                 '    force-persist if { src 127.0.0.3 }')
        rig = self.servers(rules, ['', ' disabled', ''])
        self.assertEqual(self.names(rig, [3, 3]), '22')
        self.assertNotIn('2', self.names(rig, [4, 4, 2]))

    def test_the_log_knows_the_server(self):
        address = self.named(b'2').address
        rig = self.rig(TEXT % ('', '    log-format "server %%s %%si:%%sp %%[srv_id]"\n    server s2 %s id 12' % address))
        self.names(rig, [2])
        rig.log.wait('server s2 %s 12$' % address)

    def test_the_log_knows_the_port_that_a_client_came_to(self):
        rig = self.rig(TEXT % ('', '    retries 0\n    log-format "server %s %si:%sp"\n    server s1 127.0.0.9:+0'))
        rig.connect().ending()      # Nobody is there.
        rig.log.wait('server s1 127.0.0.9:%d$' % rig.addresses['fe'][1])


class Rules(Case):
    """tcp-request connection, session and content; tcp-response content."""

    def named(self, mark):
        """A server that says who it is once it was spoken to, then what it heard."""
        def talk(sock, _):
            data = sock.recv(65536)
            sock.sendall(mark)
            while data:
                sock.sendall(data)
                data = sock.recv(65536)
        return self.script(talk)

    def test_a_connection_is_rejected_before_a_byte_of_it_is_read(self):
        for mode in ('tcp', 'http'):
            server = self.named(b'1')
            rig = self.rig(TEXT.replace('mode tcp', 'mode ' + mode) % (
                '', '    tcp-request connection reject if { src 127.0.0.0/8 } { dst_port gt 0 }\n'
                '    server s1 ' + server.address))
            try:
                ending = rig.connect().ending()
            except ConnectionResetError:  # Before the system has told us that it is there.
                ending = 'rst'
            self.assertEqual(ending, 'rst')
            self.assertEqual(server.accepted, 0)

    def test_a_connection_that_no_rule_rejects_is_let_in(self):
        rig = self.rig(TEXT % ('', '    tcp-request connection accept if { src 127.0.0.1 }\n'
                               '    tcp-request connection reject\n    server s1 '
                               + self.named(b'1').address))
        self.assertEqual(rig.connect().send(b'abc').take(4), b'1abc')

    def test_content_rules_hold_in_mode_http_too(self):
        rig = self.rig(TEXT.replace('mode tcp', 'mode http').replace('tcplog', 'httplog') % (
            '', '    tcp-request content reject if { src 127.0.0.1 }\n    server s1 <s1>'))
        client = rig.connect().request('GET', '/')
        self.assertIn(client.ending(), ('fin', 'rst'))
        rig.log.wait(r' PR-- ')
        self.assertEqual(rig.server().targets(), [])

    def test_a_session_rule_turns_a_client_away_before_it_asks(self):
        for mode in ('tcp', 'http'):
            server = self.named(b'1')
            rig = self.rig(TEXT.replace('mode tcp', 'mode ' + mode) % (
                '', '    tcp-request session reject if { src 127.0.0.1 }\n    server s1 ' + server.address))
            self.assertEqual(rig.connect().ending(), 'fin')
            self.assertEqual(server.accepted, 0)

    SNI = """
frontend fe
    bind <fe>
    mode tcp
    option tcplog
    tcp-request inspect-delay 5s
    tcp-request content reject if !{ req.ssl_hello_type 1 }
    use_backend one if { req.ssl_sni -i mail.contoso.com }
    default_backend two
backend one
    mode tcp
    server s1 <s1+tls>
backend two
    mode tcp
    server s2 <s2+tls>
"""

    def test_the_name_a_client_asks_for_chooses_the_backend(self):
        rig = self.rig(self.SNI)
        for name, server in (('mail.contoso.com', b'EX01'), ('MAIL.contoso.com', b'EX01'),
                             ('other.contoso.com', b'EX02')):
            with Client(rig.addresses['fe'], sni=name, context=tls_client(verify=False)) as client:
                self.assertEqual(client.get('/test/server').body, server)

    def test_a_hello_in_pieces_is_waited_for_and_passed_on_whole(self):
        got, done = [], threading.Event()

        def talk(sock, _):
            data = b''
            while len(data) < len(hello):
                piece = sock.recv(65536)
                if not piece:
                    break
                data += piece
            got.append(data)
            done.set()
        hello = self.hello('mail.contoso.com')
        rig = self.rig(self.SNI.replace('<s1+tls>', self.script(talk).address))
        client = rig.connect()
        for at in range(0, len(hello), 50):
            client.send(hello[at:at + 50])
        self.assertTrue(done.wait(PATIENCE))
        self.assertEqual(got[0], hello)

    @staticmethod
    def hello(name):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname=name)
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        return outgoing.read()

    def test_what_is_no_hello_is_rejected_at_once(self):
        rig = self.rig(self.SNI)
        client = rig.connect().send(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
        self.assertIn(client.ending(), ('fin', 'rst'))
        rig.log.wait(r' fe/<NOSRV> -1/-1/\d+ 0 PR ')

    WAITING = """    tcp-request inspect-delay %s
    tcp-request content accept if { req.len gt 2 }
    tcp-request content reject
    server s1 %s"""

    def test_who_says_nothing_is_judged_at_the_end_of_the_delay(self):
        rig = self.rig(TEXT % ('', self.WAITING % ('100ms', self.named(b'1').address)))
        client = rig.connect()
        self.assertIn(client.ending(), ('fin', 'rst'))
        rig.log.wait(r' PR ')

    def test_rules_wait_for_bytes_no_longer_than_they_need(self):
        rig = self.rig(TEXT % ('', self.WAITING % ('1h', self.named(b'1').address)))
        client = rig.connect().send(b'ab')
        client.send(b'cd')
        self.assertEqual(client.take(5), b'1abcd')

    def test_a_client_that_ends_while_it_is_looked_at_is_judged_then(self):
        rig = self.rig(TEXT % ('', self.WAITING % ('1h', self.named(b'1').address)))
        client = rig.connect().send(b'ab')
        client.half_close()
        self.assertIn(client.ending(), ('fin', 'rst'))
        client = rig.connect().send(b'abc')
        client.half_close()
        self.assertEqual(client.rest(), b'1abc')

    def test_rules_of_the_backend_are_asked_too(self):
        rig = self.rig("""
frontend fe
    bind <fe>
    mode tcp
    default_backend be
backend be
    mode tcp
    tcp-request inspect-delay 1h
    tcp-request content reject if { req.payload(0,1) -m str x }
    server s1 %s
""" % self.named(b'1').address)
        self.assertIn(rig.connect().send(b'xyz').ending(), ('fin', 'rst'))
        self.assertEqual(rig.connect().send(b'abc').take(4), b'1abc')

    def test_an_answer_can_be_rejected(self):
        rig = self.rig(TEXT % ('', '    tcp-response content reject if { res.payload(0,1) -m str 5 }\n'
                               '    server s1 ' + self.named(b'500').address))
        client = rig.connect().send(b'abc')
        self.assertEqual(client.rest(), b'')

    ANSWERS = """    tcp-response inspect-delay %s
    tcp-response content accept if { res.payload(0,3) -m str 220 }
    tcp-response content reject if { res.len gt 2 }
%s    server s1 %s"""

    def greeting(self, *pieces, last=b''):
        """A server that says one more piece for each byte it hears, then `last` and an end if there is one."""
        def talk(sock, _):
            for piece in pieces:
                sock.sendall(piece)
                if not sock.recv(1):
                    return
            if last:
                return sock.sendall(last)
            while sock.recv(1000):
                pass
        return self.script(talk).address

    def test_an_answer_in_pieces_waits_until_rules_know_enough(self):
        rig = self.rig(TEXT % ('', self.ANSWERS % ('1h', '', self.greeting(b'2', b'20 hel', b'lo'))))
        client = rig.connect()
        with self.assertRaises(AssertionError):
            client.socket.settimeout(0.1)       # What is measured: nothing of it comes.
            client.take(1)
        client.socket.settimeout(PATIENCE)
        self.assertEqual(client.send(b'a').take(7), b'220 hel')
        self.assertEqual(client.send(b'b').take(2), b'lo')
        rig = self.rig(TEXT % ('', self.ANSWERS % ('1h', '', self.greeting(b'5', b'54 no'))))
        client = rig.connect().send(b'a')
        self.assertEqual(client.rest(), b'')
        rig.log.wait(r' fe/s1 \d+/\d+/\d+ \d PD ')

    def test_a_silent_answer_is_judged_at_the_end_of_the_delay(self):
        rig = self.rig(TEXT % ('', self.ANSWERS % ('100ms', '    tcp-response content reject\n',
                                                   self.greeting(b'', b'554 late'))))
        self.assertIn(rig.connect().ending(), ('fin', 'rst'))
        rig.log.wait(r' fe/s1 \d+/\d+/[1-9]\d\d+ 0 PD ')

    def test_what_comes_after_the_delay_is_not_judged(self):
        rig = self.rig(TEXT % ('', self.ANSWERS % ('100ms', '', self.greeting(b'', b'554 late'))))

        def heard_after(seconds):
            client = rig.connect()
            with self.assertRaises(AssertionError):
                client.socket.settimeout(seconds)   # No rule has refused the connection by then.
                client.take(1)
            client.socket.settimeout(PATIENCE)
            try:
                return client.send(b'a').take(8)
            except (Cut, ConnectionError):
                return b''
        # On a machine at work the delay may seem longer.
        self.assertIn(b'554 late', map(heard_after, (0.3, 1, 3, 10)))

    def test_an_answer_that_ends_is_judged_then(self):
        for more, heard in (('    tcp-response content reject\n', b''), ('', b'22')):
            rig = self.rig(TEXT % ('', self.ANSWERS % ('1h', more, self.greeting(last=b'22'))))
            client = rig.connect()
            self.assertEqual(client.rest(), heard)

    def test_close_ends_the_servers_connection_and_what_it_said_passes(self):
        rig = self.rig(TEXT % ('', '    tcp-response inspect-delay 1h\n'
                               '    tcp-response content close if { res.payload(0,3) -m str 221 }\n    server s1 '
                               + self.greeting(b'2', b'21 bye')))
        client = rig.connect().send(b'a')
        self.assertEqual(client.rest(), b'221 bye')
        rig.log.wait(r' fe/s1 \d+/\d+/\d+ 7 -- ')

    def test_timeout_tunnel_counts_from_the_last_rule_on(self):
        rig = self.rig(TEXT % ('', self.ANSWERS % ('1h', '', self.greeting(b'2', b'20 hello'))),
                       defaults='    timeout tunnel 100ms')
        client = rig.connect()
        with self.assertRaises(AssertionError):
            client.socket.settimeout(0.3)       # What is measured: rules wait for longer than that.
            client.take(1)
        client.socket.settimeout(PATIENCE)
        self.assertEqual(client.send(b'a').take(9), b'220 hello')
        self.assertIn(client.ending(), ('fin', 'rst'))

    def test_a_rule_names_the_server(self):
        rig = self.rig(TEXT % ('', '    use-server s2 if { src 127.0.0.1 }\n    server s1 %s\n    server s2 %s' % (
            self.named(b'1').address, self.named(b'2').address)))
        for _ in range(3):
            self.assertEqual(rig.connect().send(b'a').take(2), b'2a')

    def test_what_a_rule_remembers_of_a_connection_lasts_as_long_as_it(self):
        rig = self.rig("""
frontend fe
    bind <fe>
    tcp-request session set-var(sess.a) str(early)
    http-request set-header X-Before %[var(sess.b)]
    http-request set-var(sess.b) path
    http-request set-header X-Early %[var(sess.a)]
    default_backend be
backend be
    server s1 <s1>
""")
        client = rig.connect()
        client.get('/one')
        client.get('/two')
        heads = [head.decode() for head in rig.server().wire()]
        self.assertIn('X-Before: /one\r\n', heads[1])
        self.assertIn('X-Early: early\r\n', heads[0])
        self.assertIn('X-Early: early\r\n', heads[1])
        rig.connect().get('/three')
        self.assertNotIn('X-Before: /', rig.server().wire()[2].decode())
