"""What two readers could read two ways is refused: 4xx and a close, and the server sees nothing of it.

Where the reference program accepts what is refused here, refusal wins.
"""
import re

from harness import Cut, IS_HAPROXY, Shared, penstock_only, wait_until

PLAIN = """
frontend fe
    bind <fe>
    default_backend be
backend be
    server s1 <s1>
"""

HOST = b'Host: a\r\n'
GET = b'GET /test/server HTTP/1.1\r\n' + HOST
POST = b'POST /test/echo HTTP/1.1\r\n' + HOST

# Name of the test: the request, and whether the reference program lets it through ('lax').
REFUSED = {
    'both length fields': POST + b'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'differing lengths': POST + b'Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd',
    'differing lengths in one field': POST + b'Content-Length: 3, 4\r\n\r\nabcd',
    'a negative length': POST + b'Content-Length: -1\r\n\r\n',
    'a length with a plus sign': POST + b'Content-Length: +3\r\n\r\nabc',
    'a hexadecimal length': POST + b'Content-Length: 0x3\r\n\r\nabc',
    'a length with a blank inside': POST + b'Content-Length: 1 3\r\n\r\nabc',
    'an empty length': POST + b'Content-Length: \r\n\r\n',
    'a length beyond 64 bits': POST + b'Content-Length: 99999999999999999999999\r\n\r\n',
    'a coding after chunked': POST + b'Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n',
    'a coding that is not chunked': POST + b'Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n',
    'chunked twice': POST + b'Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n',
    'chunked in two fields': POST + b'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n'
                                    b'0\r\n\r\n',
    'identity as a coding': POST + b'Transfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc',
    'chunked with a vertical tab': POST + b'Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n',
    'a coding on HTTP/1.0': b'POST /test/echo HTTP/1.0\r\n' + HOST +
                            b'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'a folded field': GET + b'X-A: 1\r\n 2\r\n\r\n',
    'a folded field with a tab': GET + b'X-A: 1\r\n\t2\r\n\r\n',
    'a blank before the colon': GET + b'X-A : 1\r\n\r\n',
    'a blank before the first name': b'GET /test/server HTTP/1.1\r\n Host: a\r\n\r\n',
    'an empty name': GET + b': 1\r\n\r\n',
    'a name with a blank': GET + b'X A: 1\r\n\r\n',
    'a name with brackets': GET + b'X(A): 1\r\n\r\n',
    'a name with a byte above 127': GET + b'X-\xe4: 1\r\n\r\n',
    'a field without a colon': GET + b'X-A\r\n\r\n',
    'NUL in a value': GET + b'X-A: 1\x002\r\n\r\n',
    'NUL in Host': b'GET /test/server HTTP/1.1\r\nHost: a\x00b\r\n\r\n',
    'NUL in a target': b'GET /test/\x00server HTTP/1.1\r\n' + HOST + b'\r\n',
    'a control character in a value': GET + b'X-A: 1\x012\r\n\r\n',
    'DEL in a value': GET + b'X-A: 1\x7f2\r\n\r\n',
    'a bare CR in a value': GET + b'X-A: 1\rX-B: 2\r\n\r\n',
    'a bare CR before the end': GET + b'X-A: 1\r\r\n\r\n',
    'a bare CR that hides a length': POST + b'X-A:\rContent-Length: 1\r\n\r\n',
    'a bare LF after the request line': b'GET /test/server HTTP/1.1\n' + HOST + b'\r\n',
    'a bare LF after a field': GET + b'X-A: 1\n\r\n',
    'bare LFs throughout': b'GET /test/server HTTP/1.1\nHost: a\n\n',
    'a bare LF as the empty line': GET + b'\n',
    'no Host': b'GET /test/server HTTP/1.1\r\n\r\n',
    'two Hosts': GET + b'Host: b\r\n\r\n',
    'two equal Hosts': GET + HOST + b'\r\n',
    'HTTP/2.0': b'GET /test/server HTTP/2.0\r\n' + HOST + b'\r\n',
    'HTTP/0.9': b'GET /test/server HTTP/0.9\r\n' + HOST + b'\r\n',
    'HTTP/1.2': b'GET /test/server HTTP/1.2\r\n' + HOST + b'\r\n',
    'a simple request': b'GET /test/server\r\n\r\n',
    'a lower case protocol': b'GET /test/server http/1.1\r\n' + HOST + b'\r\n',
    'another protocol': b'GET /test/server RTSP/1.0\r\n' + HOST + b'\r\n',
    'two blanks in the request line': b'GET  /test/server HTTP/1.1\r\n' + HOST + b'\r\n',
    'a tab in the request line': b'GET\t/test/server HTTP/1.1\r\n' + HOST + b'\r\n',
    'a blank in the target': b'GET /test/server x HTTP/1.1\r\n' + HOST + b'\r\n',
    'a blank after the version': b'GET /test/server HTTP/1.1 \r\n' + HOST + b'\r\n',
    'a fragment in the target': b'GET /test/server#x HTTP/1.1\r\n' + HOST + b'\r\n',
    'a byte above 127 in the target': b'GET /test/\xe4 HTTP/1.1\r\n' + HOST + b'\r\n',
    'a method that is no token': b'GE(T) /test/server HTTP/1.1\r\n' + HOST + b'\r\n',
    'a TLS record': bytes.fromhex('160301020001000100000030303030303030') + b'\r\n\r\n',
}
BAD_CHUNKS = {
    'a chunk size that is no number': b'g\r\nabc\r\n0\r\n\r\n',
    'a chunk size with a sign': b'-3\r\nabc\r\n0\r\n\r\n',
    'a chunk size with a plus': b'+3\r\nabc\r\n0\r\n\r\n',
    'a chunk size with 0x': b'0x3\r\nabc\r\n0\r\n\r\n',
    'a chunk size with a blank before': b' 3\r\nabc\r\n0\r\n\r\n',
    'an empty chunk size': b'\r\nabc\r\n0\r\n\r\n',
    'a chunk size beyond 64 bits': b'fffffffffffffffff\r\nabc\r\n0\r\n\r\n',
    'chunk data ended by LF alone': b'3\r\nabc\n0\r\n\r\n',
    'chunk data longer than its size': b'3\r\nabcd\r\n0\r\n\r\n',
    'a chunk size ended by LF alone': b'3\nabc\r\n0\r\n\r\n',
    'a bare CR in a chunk extension': b'3;a\rb\r\nabc\r\n0\r\n\r\n',
    'a NUL in a chunk extension': b'3;a\0b\r\nabc\r\n0\r\n\r\n',
    'a trailer with a blank before the colon': b'3\r\nabc\r\n0\r\nX-A : 1\r\n\r\n',
    'a folded trailer': b'3\r\nabc\r\n0\r\nX-A: 1\r\n 2\r\n\r\n',
    'a trailer with a NUL': b'3\r\nabc\r\n0\r\nX-A: \0\r\n\r\n',
}
FOLLOWER = b'GET /test/smuggled HTTP/1.1\r\nHost: a\r\n\r\n'
# What the reference program lets through (or reads otherwise than by refusing).
LAX = {
    'NUL in a value', 'NUL in Host', 'a bare LF after the request line', 'a bare LF after a field',
    'bare LFs throughout', 'a bare LF as the empty line', 'both length fields', 'a folded field',
    'a folded field with a tab', 'no Host', 'two equal Hosts', 'a coding on HTTP/1.0',
    'a coding that is not chunked', 'identity as a coding', 'chunk data ended by LF alone',
    'a chunk size ended by LF alone', 'a control character in a value', 'DEL in a value',
    'a lower case protocol', 'another protocol', 'HTTP/1.2', 'HTTP/2.0', 'HTTP/0.9',
    'a simple request', 'two blanks in the request line', 'a tab in the request line',
    'a fragment in the target', 'a bare CR in a chunk extension', 'a NUL in a chunk extension',
    'a trailer with a NUL', 'two Hosts', 'a byte above 127 in the target', 'a folded trailer',
    'an empty chunk size', 'chunked in two fields', 'a coding after chunked', 'chunked twice',
    'a blank after the version', 'a trailer with a blank before the colon', 'an empty length',
    'a TLS record', 'a name with a byte above 127',
}


def refusal(name, raw, kind):
    def test(self):
        if IS_HAPROXY and name in LAX:
            self.skipTest('accepts it')
        client = self.connect()
        client.send(raw + FOLLOWER)
        if kind == 'head':
            self.refused_at_once(client)
        else:
            self.refused_in_the_body(client)
        server = self.r.server()
        self.assertNotIn('/test/smuggled', server.targets())
        self.assertEqual(server.counters['malformed'], 0, server.malformed)
    test.__doc__ = '%s is refused' % name
    return test


class Requests(Shared):
    CONFIG = PLAIN

    def refused_at_once(self, client):
        answer = client.response()
        self.assertIn(answer.status, (400, 431, 501, 505))
        self.assertEqual(answer.get('connection', '').lower(), 'close')
        self.assertIn(client.ending(), ('fin', 'rst'))
        self.assertEqual(self.r.server().counters['requests'], 0)

    def refused_in_the_body(self, client):
        """The head may have gone to the server before the fault came; its body never ends there."""
        data = client.rest()
        self.assertIn(data[:12], (b'HTTP/1.1 400', b''))
        for entry in list(self.r.server().log):
            self.assertFalse(entry.complete, entry.describe())
        # The server takes connections in order: behind this one, nothing of the above is still to come.
        self.assertEqual(self.connect().get('/test/server').status, 200)

    def test_an_empty_line_before_a_request_is_nothing(self):
        client = self.connect()
        client.send(b'\r\n' + GET + b'\r\n')
        self.assertEqual(client.response().body, b'EX01')
        client.send(b'\r\n' + GET + b'\r\n')
        self.assertEqual(client.response().body, b'EX01')

    def test_who_speaks_another_protocol_is_told_so_after_its_first_line(self):
        """HTTP/0.9 ends with it, and others wait for an answer."""
        for line in (b'GET /\r\n', b'SSH-2.0-Go\r\n', b'EHLO mail.example\r\n'):
            client = self.connect()
            client.send(line)
            self.assertEqual(client.response().status, 400)
            self.assertIn(client.ending(), ('fin', 'rst'))

    def test_a_refused_request_spares_those_answered_before_it(self):
        client = self.connect()
        client.send(GET + b'\r\n' + GET + b'X-A : 1\r\n\r\n' + FOLLOWER)
        self.assertEqual(client.response().body, b'EX01')
        self.assertEqual(client.response().status, 400)
        self.assertIn(client.ending(), ('fin', 'rst'))
        self.assertEqual(self.r.server().targets(), ['/test/server'])

    def test_equal_lengths_reach_the_server_as_one_or_not_at_all(self):
        client = self.connect()
        client.send(POST + b'Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc')
        status = client.response().status
        if status == 400:
            self.assertEqual(self.r.server().counters['requests'], 0)
        else:
            self.assertEqual(self.r.server().log[-1].all('content-length'), ['3'])

    def test_bytes_behind_connection_close_are_no_request(self):
        client = self.connect()
        client.send(GET + b'Connection: close\r\n\r\n' + FOLLOWER)
        self.assertEqual(client.response().body, b'EX01')
        self.assertIn(client.ending(), ('fin', 'rst'))
        self.assertEqual(self.r.server().targets(), ['/test/server'])

    @penstock_only('its limit of fields is another one')
    def test_more_fields_than_tune_http_maxhdr_are_431_or_400(self):
        client = self.connect()
        client.send(GET + b''.join(b'X-%d: 1\r\n' % n for n in range(200)) + b'\r\n')
        self.assertIn(client.response().status, (400, 431))

    @penstock_only('logs it otherwise')
    def test_a_refused_request_is_logged_as_such(self):
        start = len(self.r.log.drain())
        client = self.connect()
        client.send(GET + b'X-A : 1\r\n\r\n')
        client.response()
        self.r.log.wait(r' 400 \d+ - - PR-- .* "<BADREQ>"', start=start)


for _name, _raw in REFUSED.items():
    setattr(Requests, 'test_refused_' + re.sub(r'\W+', '_', _name), refusal(_name, _raw, 'head'))
for _name, _raw in BAD_CHUNKS.items():
    setattr(Requests, 'test_refused_' + re.sub(r'\W+', '_', _name), refusal(
        _name, POST + b'Transfer-Encoding: chunked\r\n\r\n' + _raw, 'chunks'))


OK = b'HTTP/1.1 200 OK\r\n'
BAD_ANSWERS = {
    'both length fields': OK + b'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    'differing lengths': OK + b'Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd',
    'a length that is no number': OK + b'Content-Length: x\r\n\r\nabc',
    'a coding after chunked': OK + b'Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n',
    'a folded field': OK + b'X-A: 1\r\n 2\r\nContent-Length: 0\r\n\r\n',
    'a blank before the colon': OK + b'X-A : 1\r\nContent-Length: 0\r\n\r\n',
    'a bare CR in a value': OK + b'X-A: 1\rX-B: 2\r\nContent-Length: 0\r\n\r\n',
    'a bare LF after a field': OK + b'X-A: 1\nContent-Length: 0\r\n\r\n',
    'NUL in a value': OK + b'X-A: \0\r\nContent-Length: 0\r\n\r\n',
    'an empty name': OK + b': 1\r\nContent-Length: 0\r\n\r\n',
    'a status of two digits': b'HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n',
    'a status of four digits': b'HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n',
    'a status that is no number': b'HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n',
    'no HTTP at all': b'220 EX01.contoso.local Microsoft ESMTP MAIL Service ready\r\n\r\n',
    'a 101 nobody asked for': b'HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
    'another version': b'HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n',
}
LAX_ANSWERS = {
    'both length fields', 'a folded field', 'a bare LF after a field', 'NUL in a value',
    'another version', 'a coding after chunked', 'a status of four digits', 'a status of two digits',
}


class Answers(Shared):
    """The same strictness holds for answers: 502, and both connections close."""
    CONFIG = PLAIN

    def test_bad_chunks_in_an_answer_cut_it_short(self):
        for raw in BAD_CHUNKS.values():
            if IS_HAPROXY:
                self.skipTest('accepts some')
            client = self.connect()
            client.request('POST', '/test/raw?then=keep',
                           body=OK + b'Transfer-Encoding: chunked\r\n\r\n' + raw)
            with self.assertRaises((Cut, ConnectionError, AssertionError), msg=raw):
                answer = client.response()
                self.assertEqual(answer.status, 200)

    def test_bytes_behind_an_answer_are_no_answer(self):
        """What a server says unasked is not given to the next request."""
        client = self.connect()
        client.request('POST', '/test/raw?then=keep', body=OK + b'Content-Length: 2\r\n\r\nok'
                       b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfalse')
        self.assertEqual(client.response().body, b'ok')
        try:
            self.assertEqual(client.get('/test/server').body, b'EX01')
        except (Cut, ConnectionError):
            pass


def bad_answer(name, raw):
    def test(self):
        if IS_HAPROXY and name in LAX_ANSWERS:
            self.skipTest('accepts it')
        client = self.connect()
        client.request('POST', '/test/raw?then=keep', body=raw)
        answer = client.response()
        self.assertEqual(answer.status, 502)
        if not IS_HAPROXY:
            self.assertIn(client.ending(), ('fin', 'rst'))
            server = self.r.server()
            used = server.log[-1].conn
            wait_until(lambda: not used.open, 'the server connection to be closed')
    return test


for _name, _raw in BAD_ANSWERS.items():
    setattr(Answers, 'test_502_for_' + re.sub(r'\W+', '_', _name), bad_answer(_name, _raw))
