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
