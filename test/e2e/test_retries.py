"""Retries happen when nothing was sent yet, or when nothing can be done twice."""
import threading

from harness import Case, Cut, penstock_only, read_head, reset, wait_until

ONE = """
frontend fe
    bind <fe>
    default_backend be
backend be
    %s
    server s1 %s
"""
TWO = """
frontend fe
    bind <fe>
    default_backend be
backend be
    retries 2
    %s
    server s1 %s
    server s2 <s2>
"""


class Connecting(Case):

    def test_a_refused_connection_is_503_after_the_retries(self):
        rig = self.rig(ONE % ('retries 1', '<dead>'), defaults='    timeout connect 1s')
        self.assertEqual(rig.get('/test/server').status, 503)
        rig.log.wait(r' be/s1 \d+/\d+/-1/-1/\d+ 503 \d+ - - SC-- \d+/\d+/\d+/\d+/\+?1 ')

    def test_redispatch_goes_to_another_server(self):
        rig = self.rig(TWO % ('option redispatch', '<dead>'))
        self.assertEqual([rig.get('/test/server').body for _ in range(4)], [b'EX02'] * 4)
        rig.log.wait(r' be/s2 .* 200 .* \d+/\d+/\d+/\d+/\+\d ')

    def test_another_server_is_asked_at_once_and_nothing_is_waited_for(self):
        for balance in ('roundrobin', 'static-rr', 'leastconn', 'random', 'first'):
            with self.subTest(balance):
                text = TWO.replace('retries 2', 'retries 3\n    balance ' + balance)
                rig = self.rig(text % ('option redispatch', '<dead>'), defaults='    timeout connect 5s')
                for n in range(3):
                    self.assertEqual(rig.get('/test/server?%d' % n).body, b'EX02')
                    rig.log.wait(r' be/s2 \d{1,3}/\d{1,3}/\d{1,3}/\d+/\d+ 200 .* ----? \d+/\d+/\d+/\d+/(\+1|0) .*%d' % n)

    def test_so_it_is_where_a_server_swallows_connections(self):
        rig = self.rig(TWO % ('option redispatch', self.black_hole().address), defaults='    timeout connect 300ms')
        self.assertEqual([rig.get('/test/server').body for _ in range(2)], [b'EX02'] * 2)
        rig.log.wait(r' be/s2 \d+/3\d\d/\d+/\d+/\d+ 200 .*/\+1 ')

    def test_two_of_three_servers_are_dead(self):
        text = TWO + '    server s3 <dead>\n'
        rig = self.rig(text.replace('<s2>', '<dead>').replace('s3 <dead>', 's3 <s3>') % ('option redispatch', '<dead>'))
        self.assertEqual([rig.get('/test/server').body for _ in range(3)], [b'EX03'] * 3)
        rig.log.wait(r' be/s3 \d{1,3}/\d{1,3}/\d{1,3}/.* 200 .*/\+2 ')

    def test_in_mode_tcp_too(self):
        text = TWO.replace('frontend fe', 'frontend fe\n    mode tcp\n    option tcplog').replace('backend be', 'backend be\n    mode tcp')
        rig = self.rig(text % ('option redispatch', '<dead>'), defaults='    timeout connect 5s')
        for _ in range(2):
            self.assertEqual(rig.get('/test/server').body, b'EX02')
        rig.log.wait(r' be/s2 \d{1,3}/\d{1,3}/\d+ \d+ -- \d+/\d+/\d+/\d+/\+1 ')

    def test_who_has_the_cookie_of_a_server_goes_elsewhere_at_the_last_retry(self):
        text = TWO.replace('backend be', 'backend be\n    cookie S insert indirect').replace(
            '<s2>', '<s2> cookie two') % ('option redispatch', '<dead> cookie one')
        rig = self.rig(text, defaults='    timeout connect 200ms')
        self.assertEqual(rig.get('/test/server', [('Cookie', 'S=one')]).body, b'EX02')
        # One pause, then the last retry. All of it was before the server that answered was chosen.
        rig.log.wait(r' be/s2 \d+/2\d\d/\d+/\d+/\d+ 200 .* --DI \d+/\d+/\d+/\d+/\+2 ')

    def test_the_pause_before_a_retry_belongs_to_connecting(self):
        hole = self.black_hole()
        for server, letters, least in (('<dead>', 'SC', 400), (hole.address, 'sC', 600)):
            with self.subTest(server):
                rig = self.rig(ONE % ('retries 2', server), defaults='    timeout connect 200ms')
                self.assertEqual(rig.get('/test/server').status, 503)
                match = rig.log.wait(r' be/s1 \d+/(\d+)/-1/-1/(\d+) 503 \d+ - - %s-- .*/2 ' % letters)
                self.assertLess(int(match.group(1)), 50)
                # No pause follows a connection that took its time: so many waits, and no more.
                self.assertGreaterEqual(int(match.group(2)), least - 5)
                self.assertLess(int(match.group(2)), least + 150)

    def test_option_redispatch_0_takes_nobody_from_the_server_of_the_cookie(self):
        text = TWO.replace('backend be', 'backend be\n    cookie S insert indirect').replace(
            '<s2>', '<s2> cookie two') % ('option redispatch 0', '<dead> cookie one')
        rig = self.rig(text, defaults='    timeout connect 50ms')
        self.assertEqual(rig.get('/test/server', [('Cookie', 'S=one')]).status, 503)
        self.assertEqual([rig.get('/test/server').body for _ in range(2)], [b'EX02'] * 2)

    def test_without_redispatch_it_stays_with_its_server(self):
        rig = self.rig(TWO % ('no option redispatch', '<dead>'))
        statuses = sorted(rig.get('/test/server').status for _ in range(4))
        self.assertEqual(statuses, [200, 200, 503, 503])

    def test_a_post_is_redispatched_too_while_nothing_was_sent(self):
        rig = self.rig(TWO % ('option redispatch', '<dead>'))
        for _ in range(3):
            self.assertEqual(rig.post('/test/echo', b'x' * 30000).json()['body_size'], 30000)
        self.assertEqual(rig.server('s2').counters['requests'], 3)

    def test_a_failed_handshake_is_redispatched(self):
        def talk(sock, _):
            sock.recv(100)
            reset(sock)
        script = self.script(talk)
        text = (TWO % ('option redispatch', script.address + ' ssl verify none')).replace(
            '<s2>', '<s2+tls> ssl verify none')
        rig = self.rig(text)
        self.assertEqual([rig.get('/test/server').body for _ in range(4)], [b'EX02'] * 4)

    def test_a_certificate_that_does_not_verify_is_redispatched(self):
        text = (TWO % ('option redispatch', '<s1+tls> ssl verify required ca-file '
                       '<certs>/other-ca.pem')).replace(
            '<s2>', '<s2+tls> ssl verify required ca-file <certs>/ca.pem')
        rig = self.rig(text)
        self.assertEqual([rig.get('/test/server').body for _ in range(4)], [b'EX02'] * 4)
        self.assertEqual(rig.server('s1').counters['requests'], 0)

    def test_an_answer_of_502_is_not_tried_again(self):
        rig = self.rig(TWO % ('option redispatch', '<s1>'))
        statuses = [rig.get('/test/cut?after=-1').status for _ in range(2)]
        self.assertEqual(statuses, [502, 502])
        self.assertEqual(sum(s.counters['requests'] for s in rig.servers.values()), 2)

    def test_a_503_of_a_server_is_passed_on_as_it_is(self):
        rig = self.rig(TWO % ('option redispatch', '<s1>'))
        answer = rig.get('/test/status/503?reason=Mine&size=10')
        self.assertEqual((answer.status, answer.reason, len(answer.body)), (503, 'Mine', 10))


class Closing:
    """A server whose connections each serve so many requests, then close when asked once more."""

    def __init__(self, served, how='fin', first_only=True):
        self.served = served
        self.how = how
        self.first_only = first_only
        self.seen = []
        self.lock = threading.Lock()

    def __call__(self, sock, number):
        count = 0
        while True:
            head = read_head(sock)
            with self.lock:
                self.seen.append((number, head.split(b' ')[0].decode()))
            if count >= self.served and (number == 1 or not self.first_only):
                return reset(sock) if self.how == 'rst' else None
            count += 1
            body = b'' if head.startswith(b'HEAD') else b'%d' % number
            sock.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n' + body)


@penstock_only('answers 502 instead')
class Reused(Case):
    """The server closes a kept-alive connection just as the next request arrives on it."""

    def serve(self, **options):
        talk = Closing(1, **options)
        script = self.script(talk)
        rig = self.rig(ONE % ('http-reuse safe', script.address))
        client = rig.connect()
        self.assertEqual(client.get('/first').body, b'1')
        return talk, script, rig, client

    def again(self, method, how):
        talk, script, rig, client = self.serve(how=how)
        client.request(method, '/second')
        answer = client.response(method)
        self.assertEqual(answer.status, 200)
        self.assertEqual(talk.seen, [(1, 'GET'), (1, method), (2, method)])
        return answer

    def test_get_head_and_options_go_once_more_over_a_new_connection(self):
        for method in ('GET', 'HEAD', 'OPTIONS'):
            for how in ('fin', 'rst'):
                with self.subTest(method=method, how=how):
                    self.again(method, how)

    def once(self, method, body, how='fin'):
        talk, script, rig, client = self.serve(how=how)
        client.request(method, '/second', body=body)
        self.assertEqual(client.rest(), b'', method)
        self.assertEqual(len([m for _, m in talk.seen if m == method and _ == 1]),
                         2 if method == 'GET' else 1)
        self.assertEqual(script.accepted, 1)

    def test_no_mail_is_sent_twice_the_client_is_closed_without_an_answer(self):
        for method, body in (('POST', b'mail'), ('POST', b''), ('PUT', b'x'), ('DELETE', None),
                             ('PATCH', b'x'), ('PROPFIND', None), ('GET', b'body'),
                             ('RPC_IN_DATA', b'x')):
            for how in ('fin', 'rst'):
                with self.subTest(method=method, body=body, how=how):
                    self.once(method, body, how)

    def test_a_client_that_was_never_served_is_told_502(self):
        """The connection came from the pool: it is not this client's to know that it ended."""
        talk = Closing(1)
        rig = self.rig(ONE % ('http-reuse always', self.script(talk).address), nbthread=1)
        rig.get('/first')
        answer = rig.post('/second', b'mail')
        self.assertEqual(answer.status, 502)
        self.assertEqual(talk.seen, [(1, 'GET'), (1, 'POST')])

    def test_it_goes_once_more_not_twice(self):
        talk = Closing(1, first_only=False)
        talk_first = talk.served

        def all_close(sock, number):
            talk.served = talk_first if number == 1 else 0
            talk(sock, number)
        rig = self.rig(ONE % ('http-reuse safe', self.script(all_close).address))
        client = rig.connect()
        client.get('/first')
        client.request('GET', '/second')
        try:
            self.assertEqual(client.response().status, 502)
        except Cut:
            pass
        self.assertEqual(talk.seen, [(1, 'GET'), (1, 'GET'), (2, 'GET')])

    def test_a_connection_closed_while_idle_is_not_used(self):
        rig = self.rig(ONE % ('http-reuse safe', '<s1>'))
        client = rig.connect()
        for _ in range(5):
            self.assertEqual(client.post('/test/last?ms=0', b'mail').status, 200)
            server = rig.server()
            wait_until(lambda: not server.connections, 'the server to close')
            # Its FIN is on its way; a POST that met it would be answered by a close.
        self.assertEqual(rig.server().counters['requests'], 5)


class RetryOn(Case):
    """`retry-on`: after what a request goes out once more."""
    TEXT = """
frontend fe
    bind <fe>
    %s
    default_backend be
backend be
    retries 3
    timeout server 400ms
    retry-on %s
    server s1 %s
"""

    def server_that(self, *turns):
        """Does what `turns` say, the last one for ever; counts requests."""
        def talk(sock, number):
            read_head(sock)
            answer = turns[min(number, len(turns)) - 1]
            if answer is None:
                sock.recv(1)     # Silent, until the other side has had enough.
            elif answer:
                sock.sendall(answer)
        return self.script(talk)

    GOOD = b'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ngood'
    BUSY = b'HTTP/1.1 503 Busy\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbusy'

    def test_each_event_is_tried_again_where_asked(self):
        for event, failure, status in (('empty-response', b'', 502), ('junk-response', b'junk\r\n\r\n', 502),
                                       ('response-timeout', None, 504), ('503', self.BUSY, 503)):
            with self.subTest(event):
                script = self.server_that(failure, self.GOOD)
                rig = self.rig(self.TEXT % ('', event, script.address))
                self.assertEqual(rig.get('/').body, b'good')
                rig.log.wait(r' be/s1 .* 200 .* \d+/\d+/\d+/\d+/1 ')
                script = self.server_that(failure, self.GOOD)
                rig = self.rig(self.TEXT % ('', 'conn-failure', script.address))
                self.assertEqual(rig.get('/').status, status)
                self.assertEqual(script.accepted, 1)

    def test_half_a_head_is_an_empty_response_too(self):
        for event in ('empty-response', 'empty-response junk-response'):
            script = self.server_that(b'HTTP/1.1 200 OK\r\nConten', self.GOOD)
            rig = self.rig(self.TEXT % ('', event, script.address))
            self.assertEqual(rig.get('/').body, b'good')
            rig.log.wait(r' be/s1 .* 200 .* \d+/\d+/\d+/\d+/1 ')

    def test_another_server_is_asked_at_once(self):
        script = self.server_that(self.BUSY)
        rig = self.rig(self.TEXT % ('', '503\n    option redispatch', script.address) + '    server s2 <s2>\n')
        self.assertEqual([rig.get('/test/server').body for _ in range(2)], [b'EX02'] * 2)
        rig.log.wait(r' be/s2 .* 200 .*/\+1 ')

    def test_all_retryable_errors_are_all_of_them(self):
        script = self.server_that(b'', b'junk\r\n\r\n', self.BUSY, self.GOOD)
        rig = self.rig(self.TEXT % ('', 'all-retryable-errors', script.address))
        self.assertEqual(rig.get('/').body, b'good')
        self.assertEqual(script.accepted, 4)

    def test_after_the_retries_the_client_hears_the_last_answer(self):
        script = self.server_that(self.BUSY)
        rig = self.rig(self.TEXT % ('', '503', script.address))
        self.assertEqual(rig.get('/').body, b'busy')
        self.assertEqual(script.accepted, 4)

    @penstock_only('repeats it')
    def test_a_request_with_a_body_is_never_repeated(self):
        script = self.server_that(self.BUSY, self.GOOD)
        rig = self.rig(self.TEXT % ('', 'all-retryable-errors', script.address))
        self.assertEqual(rig.post('/', b'mail').status, 503)
        self.assertEqual(script.accepted, 1)

    def test_a_rule_can_forbid_it(self):
        script = self.server_that(self.BUSY, self.GOOD)
        rig = self.rig(self.TEXT % ('http-request disable-l7-retry', '503', script.address))
        self.assertEqual(rig.get('/').status, 503)
        self.assertEqual(script.accepted, 1)

    def test_none_gives_up_at_once(self):
        rig = self.rig(self.TEXT % ('', 'none', '<dead>'))
        self.assertEqual(rig.get('/').status, 503)
        rig.log.wait(r' be/s1 .* 503 .* SC-- \d+/\d+/\d+/\d+/0 ')


class Buffering(Case):
    """`option http-buffer-request`"""
    TEXT = """
frontend fe
    bind <fe>
    timeout http-request %s
    %s
    default_backend be
backend be
    %s
    server s1 <s1>
"""
    OPTION = 'option http-buffer-request'

    def test_the_server_sees_nothing_before_the_body_is_there(self):
        for texts in ((self.OPTION, ''), ('', self.OPTION)):
            rig = self.rig(self.TEXT % ('10s', *texts))
            client = rig.connect().send('POST /test/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nfour')
            self.assertEqual(rig.get('/test/server').status, 200)   # Time for what should not happen.
            self.assertEqual(rig.server().targets(), ['/test/server'])
            client.send('more')
            self.assertEqual(client.response().json()['body_size'], 8)

    def test_a_body_larger_than_the_buffer_goes_on_when_that_is_full(self):
        rig = self.rig(self.TEXT % ('10s', self.OPTION, ''))
        client = rig.connect().send('POST /test/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n')
        client.send(b'x' * 50000)
        rig.server().wait_count('requests', 1)
        client.send(b'x' * 50000)
        self.assertEqual(client.response().json()['body_size'], 100000)

    def test_a_chunked_body_arrives_whole_with_its_trailers(self):
        rig = self.rig(self.TEXT % ('10s', self.OPTION, ''))
        client = rig.connect().request('POST', '/test/echo', [('Transfer-Encoding', 'chunked')])
        client.send('4\r\nfour\r\n')
        client.send('3\r\nend\r\n0\r\nX-Sum: 7\r\n\r\n')
        answer = client.response().json()
        self.assertEqual(answer['body_size'], 7)
        self.assertEqual(answer['trailers'], [['X-Sum', '7']])
        self.assertEqual(client.get('/test/server').status, 200)

    def test_a_body_that_does_not_come_is_408(self):
        rig = self.rig(self.TEXT % ('300ms', self.OPTION, ''))
        client = rig.connect().send('POST /test/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nfour')
        self.assertEqual(client.response().status, 408)
        self.assertEqual(client.ending(), 'fin')
        rig.log.wait(r' 408 .* cR-- ')
        self.assertEqual(rig.server().targets(), [])

    def test_a_client_that_waits_for_100_continue_gets_it_from_us(self):
        rig = self.rig(self.TEXT % ('10s', self.OPTION, ''))
        client = rig.connect().request('POST', '/test/echo', [('Expect', '100-continue'), ('Content-Length', '4')])
        self.assertIn(b' 100 ', client.take_until(b'\r\n\r\n'))
        client.send('four')
        answer = client.response()
        self.assertEqual(answer.json()['body_size'], 4)
        self.assertEqual(answer.interim, [])
