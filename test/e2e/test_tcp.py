"""mode tcp in its plainest form."""
import socket
import threading

from harness import Case, Client, PATIENCE, pattern_bytes, tls_client

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

    def relay(self, *servers, bind=''):
        lines = ['    server s%d %s' % pair for pair in enumerate(servers, 1)]
        return self.rig(TEXT % (bind, '\n'.join(lines)))

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

    def test_with_no_server_the_client_is_closed(self):
        rig = self.rig(TEXT % ('', '    retries 0\n    server s1 <dead>'))
        client = rig.connect()
        self.assertIn(client.ending(), ('fin', 'rst'))
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

    def test_a_reset_is_passed_on(self):
        gone = threading.Event()

        def talk(sock, _):
            try:
                sock.sendall(b'x')
                while sock.recv(1000):
                    pass
            except OSError:
                pass
            gone.set()
        rig = self.relay(self.script(talk).address)
        client = rig.connect()
        client.take(1)
        client.reset()
        self.assertTrue(gone.wait(PATIENCE))

    def test_a_plain_check_guards_the_pool(self):
        rig = self.rig(TEXT % ('', '    server s1 <dead> check inter 50ms fall 1\n    server s2 %s check'
                               % self.echo(b'2').address))
        rig.log.wait('Server fe/s1 is DOWN')
        self.assertEqual([rig.connect().take(1) for _ in range(4)], [b'2'] * 4)
