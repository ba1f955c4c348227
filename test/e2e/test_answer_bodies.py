"""http-response wait-for-body, and the samples about an answer's body."""
import threading
import zlib

from harness import Case, Cut, IS_HAPROXY, penstock_only, read_head, wait_until

TEXT = """
frontend fe
    bind <fe>
    log-format "%ST %ts [%[var(txn.seen)]]"
    log <log> local0
    default_backend be
backend be
    timeout server 5s
    http-response wait-for-body time 300ms{}
    http-response set-var(txn.seen) res.body_len
    http-response set-header X-Length %[res.body_len]
    http-response set-header X-Size %[res.body_size]
    http-response set-header X-Body %[res.body,length]
    server s1 <s1>
"""
COUNTED = b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n'
CHUNKED = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
UNTIL_CLOSE = b'HTTP/1.1 200 OK\r\n\r\n'


class AnswerBodies(Case):

    def farm(self, *parts, rest='', close=False, more='', text=TEXT):
        """A server that says one part after the other, each in a packet of its own."""
        self.go_on, self.gone, self.begun = threading.Event(), threading.Event(), threading.Event()

        def talk(sock, _):
            read_head(sock)
            for part in parts:
                if part is None:
                    self.begun.set()
                    self.go_on.wait(10)
                    self.go_on.clear()
                else:
                    sock.sendall(part)
            if not close:
                sock.recv(1)
                self.gone.set()

        self.r = self.rig(text.format(rest).replace('<s1>', self.script(talk).address) + more)
        return self.r.connect()

    def seen(self, answer):
        return answer.status, answer.get('x-length'), answer.get('x-size'), answer.get('x-body'), answer.body

    def waits(self, client):
        self.assertTrue(self.begun.wait(10))
        client.socket.settimeout(0.1)
        self.assertRaises(TimeoutError, client.socket.recv, 1)
        client.socket.settimeout(10)
        self.go_on.set()

    def test_rules_behind_see_a_body_that_came_in_parts(self):
        client = self.farm(COUNTED, None, b'01234', b'56789')
        client.request('GET', '/')
        self.waits(client)
        self.assertEqual(self.seen(client.response()), (200, '10', '10', '10', b'0123456789'))
        self.r.log.wait(r'200 -- \[10\]')

    def test_one_of_chunks_too(self):
        client = self.farm(CHUNKED, None, b'5\r\n01234\r\n', b'5\r\n56789\r\n0\r\nX-T: 1\r\n\r\n')
        client.request('GET', '/')
        self.waits(client)
        self.assertEqual(self.seen(client.response()), (200, '10', '10', '10', b'0123456789'))

    def test_one_that_ends_with_the_connection(self):
        client = self.farm(UNTIL_CLOSE, None, b'01234', b'56789', close=True)
        client.request('GET', '/')
        self.waits(client)
        self.assertEqual(self.seen(client.response()), (200, '10', '10', '10', b'0123456789'))

    def test_so_much_is_enough(self):
        client = self.farm(COUNTED + b'0123', None, b'456789', rest=' at-least 4')
        client.request('GET', '/')
        head = client.take_until(b'\r\n\r\n').lower()
        self.assertIn(b'x-length: 4\r\nx-size: 10\r\nx-body: 4\r\n', head)
        self.go_on.set()
        self.assertEqual(client.take(10), b'0123456789')

    def test_more_than_there_is_is_the_whole(self):
        for much in ('0', '40'):
            client = self.farm(COUNTED, b'01234', b'56789', rest=' at-least ' + much)
            self.assertEqual(self.seen(client.get('/')), (200, '10', '10', '10', b'0123456789'))

    def test_no_more_than_a_buffer_is_waited_for(self):
        for rest in ('', ' at-least 50000'):
            client = self.farm(b'HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n' + b'x' * 20000, None, b'y' * 280000,
                               rest=rest)
            client.request('GET', '/')
            head = client.take_until(b'\r\n\r\n').decode().lower()
            length = int(head.split('x-length: ')[1].split('\r')[0])
            self.assertTrue(15000 < length <= 16384, length)
            self.go_on.set()
            self.assertEqual(client.take(300000), b'x' * 20000 + b'y' * 280000)

    def test_without_a_body_nobody_waits(self):
        for head, method in ((COUNTED, 'HEAD'), (b'HTTP/1.1 204 No Content\r\n\r\n', 'GET'),
                             (b'HTTP/1.1 304 Same\r\nContent-Length: 10\r\n\r\n', 'GET'),
                             (b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', 'GET')):
            client = self.farm(head)
            answer = client.request(method, '/').response(method)
            self.assertEqual(self.seen(answer)[1:], ('0', '0', '0', b''))

    def test_a_body_that_does_not_come_is_504(self):
        for head in (COUNTED + b'01234', CHUNKED + b'5\r\n01234\r\n', UNTIL_CLOSE + b'01234'):
            client = self.farm(head)
            self.assertEqual(client.get('/').status, 504)
            self.r.log.wait(r'504 s[HR] \[-\]')
            self.gone.wait(10)

    def test_the_time_of_the_server_goes_on(self):
        client = self.farm(COUNTED + b'01234', text=TEXT.replace('300ms', '9s').replace('5s', '200ms'))
        self.assertEqual(client.get('/').status, 504)

    def test_what_came_of_a_body_cut_short_goes_on_and_no_end(self):
        for head in (COUNTED + b'01234', CHUNKED + b'5\r\n01234\r\n'):
            client = self.farm(head, close=True)
            client.request('GET', '/')
            self.assertRaises(Cut, client.response)
            self.r.log.wait(r'200 SD \[5\]')

    def test_what_is_no_body_is_502(self):
        client = self.farm(CHUNKED + b'5\r\n01234\r\n', b'zz\r\n')
        self.assertEqual(client.get('/').status, 502)
        self.r.log.wait(r'502 PH \[-\]')

    def test_an_answer_is_refused_for_its_body(self):
        client = self.farm(COUNTED + b'01234', b'56789', more='    http-response deny if { res.body -m sub 456 }\n')
        self.assertEqual(client.get('/').status, 502)
        self.r.log.wait(r'502 PH \[10\]')

    def test_one_rule_behind_the_other(self):
        client = self.farm(COUNTED + b'01', None, b'23456789', rest=' at-least 2', more="""
    http-response set-header X-First %[res.body_len]
    http-response wait-for-body time 5s
    http-response set-header X-Then %[res.body_len]
""")
        client.request('GET', '/')
        self.waits(client)
        answer = client.response()
        self.assertIn(answer.get('x-first'), ('2', '10') if IS_HAPROXY else ('2',))
        self.assertEqual((answer.get('x-then'), answer.body), ('10', b'0123456789'))

    def test_compression_comes_behind_it(self):
        client = self.farm(COUNTED.replace(b'\r\n\r\n', b'\r\nContent-Type: text/plain\r\n\r\n') + b'01234', b'56789',
                           more='    compression algo gzip\n')
        answer = client.request('GET', '/', [('Accept-Encoding', 'gzip')]).response()
        self.assertEqual(answer.get('x-length'), '10')
        self.assertEqual(zlib.decompress(answer.body, 31), b'0123456789')

    def test_the_next_request_on_the_connection(self):
        def talk(sock, _):
            while read_head(sock):
                sock.sendall(COUNTED)
                sock.sendall(b'0123456789')

        rig = self.rig(TEXT.format('').replace('<s1>', self.script(talk).address))
        client = rig.connect()
        for _ in range(3):
            self.assertEqual(self.seen(client.get('/')), (200, '10', '10', '10', b'0123456789'))

    @penstock_only('HAProxy notices when the time is over')
    def test_a_client_that_goes_ends_the_waiting(self):
        client = self.farm(COUNTED + b'01234', text=TEXT.replace('300ms', '9s'))
        client.request('GET', '/')
        self.go_on.wait(0.2)
        client.reset()
        self.gone.wait(10)
        self.r.log.wait(r' C[DH] ')

    def test_a_check_reads_the_body(self):
        rig = self.rig("""
frontend fe
    bind <fe>
    http-request return status 200 hdr X-Up %[srv_is_up(be/s1)]
backend be
    option httpchk
    http-check connect
    http-check send meth GET uri /health ver HTTP/1.1 hdr Host a
    http-check expect status 200
    http-check set-var(check.b) res.body
    http-check set-var(check.l) res.body_len
    http-check connect
    http-check send meth GET uri /next ver HTTP/1.1 hdr Host a hdr X-B "%[var(check.b)]" hdr X-L "%[var(check.l)]"
    http-check expect status 200
    server s1 {} check inter 50ms
""".format(self.script(lambda sock, number: self.two(sock)).address))
        wait_until(lambda: 'x-b: all well' in getattr(self, 'heads', ''), 'the second request of a check')
        self.assertIn('x-l: 8', self.heads)
        self.assertEqual(rig.get('/').get('x-up'), '1')

    def two(self, sock):
        while (head := read_head(sock).decode().lower()):
            if 'x-b:' in head:
                self.heads = head
            sock.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nall well')
