"""HTTP/1.1 on both sides: what passes, and that it passes as it came (RFC 9110, RFC 9112)."""
import hashlib
import os
import socket
import subprocess
import tempfile
import threading
import time

from harness import (Case, Client, Cut, IS_HAPROXY, PATIENCE, Shared, WebSocket, pattern_bytes,
                     penstock_only, read_head, rest_of, wait_until)

PLAIN = """
frontend fe
    bind <fe>
    default_backend be
backend be
    server s1 <s1>
"""


class Messages(Shared):
    CONFIG = PLAIN

    def test_a_connection_serves_many_requests(self):
        client = self.connect()
        for n in range(20):
            answer = client.get('/test/size/%d' % (n * 100))
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.body, pattern_bytes(n * 100))

    def test_pipelined_requests_are_answered_in_order(self):
        client = self.connect()
        client.send(b''.join(b'GET /test/size/%d HTTP/1.1\r\nHost: a\r\n\r\n' % n
                             for n in range(1, 31)))
        for n in range(1, 31):
            self.assertEqual(client.response().body, pattern_bytes(n))

    def test_a_pipelined_request_behind_a_body_is_a_request_of_its_own(self):
        client = self.connect()
        client.send(b'POST /test/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello'
                    b'POST /test/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
                    b'3\r\nabc\r\n0\r\n\r\n'
                    b'GET /test/echo?last HTTP/1.1\r\nHost: a\r\n\r\n')
        self.assertEqual(client.response().json()['body_size'], 5)
        self.assertEqual(client.response().json()['body_size'], 3)
        self.assertEqual(client.response().json()['target'], '/test/echo?last')

    def test_requests_arriving_byte_by_byte_are_understood(self):
        client = self.connect()
        for byte in b'POST /test/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n' \
                    b'a;x=y\r\n0123456789\r\n0\r\nX-T: 1\r\n\r\n':
            client.send(bytes([byte]))
        self.assertEqual(client.response().json()['body_size'], 10)

    def test_a_counted_body_arrives_whole(self):
        for size in (0, 1, 16383, 16384, 16385, 65536, 1 << 20, 5000003):
            body = pattern_bytes(size)
            answer = self.r.post('/test/echo', body).json()
            self.assertEqual(answer['body_size'], size)
            self.assertEqual(answer['sha256'], hashlib.sha256(body).hexdigest())

    def test_a_chunked_body_arrives_whole_with_its_trailers(self):
        client = self.connect()
        client.request('POST', '/test/echo', [('Transfer-Encoding', 'chunked'),
                                              ('Trailer', 'X-Sum')])
        for size in (1, 20, 300, 40000):
            client.send(b'%x\r\n%s\r\n' % (size, pattern_bytes(size)))
        client.send(b'0\r\nX-Sum: 40321\r\n\r\n')
        answer = client.response().json()
        self.assertEqual(answer['body_size'], 40321)
        self.assertEqual([[n.lower(), v] for n, v in answer['trailers']], [['x-sum', '40321']])
        self.assertEqual(client.get('/test/server').body, b'EX01')

    def test_trailers_of_an_empty_body_that_came_before_there_was_a_server_arrive(self):
        self.r.server().cut()  # A connection to it has to be made.
        client = self.connect()
        client.send('POST /test/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
                    '0\r\nX-Sum: none\r\n\r\n')
        self.assertEqual(client.response().json()['trailers'], [['X-Sum', 'none']])

    def test_trailers_of_131072_bytes_pass_and_one_byte_more_is_refused(self):
        for above, status in ((0, 200), (1, 431)):
            client = self.connect().request('POST', '/test/echo', [('Transfer-Encoding', 'chunked')])
            trailers = b'X-Long: ' + b'x' * 43000 + b'\r\n'
            trailers = trailers * 3 + b'X-Last: %s\r\n\r\n'
            trailers %= b'x' * (131072 + above - len(trailers % b''))
            client.send(b'4\r\nfour\r\n0\r\n' + trailers)
            self.assertEqual(client.response().status, status)

    def test_trailers_of_an_answer_arrive(self):
        client = self.connect()
        answer = client.get('/test/chunked?sizes=1,2000,70000&trailer=X-Sum:72001')
        self.assertEqual(len(answer.body), 72001)
        self.assertEqual([(n.lower(), v) for n, v in answer.trailers], [('x-sum', '72001')])
        self.assertEqual(client.get('/test/server').body, b'EX01')

    def test_large_answers_arrive_whole(self):
        for query in ('', '?chunk=1000', '?chunk=100000'):
            answer = self.r.get('/test/size/5000000' + query)
            self.assertEqual(answer.body, pattern_bytes(5000000))

    def test_a_body_echoed_while_it_arrives(self):
        """Neither direction waits for the end of the other."""
        client = self.connect()
        client.request('POST', '/test/body', [('Transfer-Encoding', 'chunked')])
        client.take_until(b'\r\n\r\n')
        for n in range(5):
            client.send(b'4\r\nab%02d\r\n' % n)
            client.take_until(b'ab%02d' % n)
        client.send(b'0\r\n\r\n')
        client.take_until(b'0\r\n\r\n')

    def test_head_204_and_304_have_no_body(self):
        client = self.connect()
        client.request('HEAD', '/test/size/1000')
        answer = client.response('HEAD')
        self.assertEqual((answer.status, answer.get('content-length')), (200, '1000'))
        self.assertEqual(client.get('/test/status/204').status, 204)
        self.assertEqual(client.get('/test/status/304').status, 304)
        client.request('HEAD', '/test/size/1000?chunk=100')
        self.assertEqual(client.response('HEAD').status, 200)
        self.assertEqual(client.get('/test/server').body, b'EX01')

    def test_100_continue_comes_from_the_server_before_the_body_is_sent(self):
        client = self.connect()
        client.request('POST', '/test/echo', [('Expect', '100-continue'), ('Content-Length', '6')])
        self.assertTrue(client.take_until(b'\r\n\r\n').startswith(b'HTTP/1.1 100 '))
        client.send(b'abcdef')
        self.assertEqual(client.response().json()['body_size'], 6)
        self.assertEqual(client.get('/test/server').body, b'EX01')

    def test_a_refused_expectation_ends_without_the_body(self):
        client = self.connect()
        client.request('POST', '/test/refuse', [('Expect', '100-continue'),
                                                ('Content-Length', '600')])
        self.assertEqual(client.response().status, 417)

    def test_every_informational_answer_is_passed_on(self):
        client = self.connect()
        answer = client.get('/test/informational?codes=102,103,103')
        self.assertEqual([i.status for i in answer.interim], [102, 103, 103])
        self.assertEqual(answer.body, b'done\n')
        self.assertEqual(client.get('/test/server').body, b'EX01')

    @penstock_only('has no limit')
    def test_more_than_100_informational_answers_are_502(self):
        client = self.connect()
        for count, status in ((100, 200), (101, 502)):
            client.request('POST', '/test/raw?then=keep', body=b'HTTP/1.1 103 Early Hints\r\n\r\n' * count +
                           b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
            answer = client.response()
            self.assertEqual((answer.status, len(answer.interim)), (status, 100))

    def test_informational_answers_are_not_sent_to_an_http_1_0_client(self):
        client = self.connect()
        client.request('GET', '/test/server', version='HTTP/1.0')
        self.assertNotIn(b'HTTP/1.1 1', client.rest())

    def test_an_http_1_0_client_gets_its_answer_and_a_close(self):
        client = self.connect()
        client.request('GET', '/test/size/1000', version='HTTP/1.0')
        self.assertTrue(client.rest().endswith(pattern_bytes(1000)))

    @penstock_only('passes the chunks of a server that sends them all the same')
    def test_an_http_1_0_client_never_gets_chunks(self):
        client = self.connect()
        client.request('GET', '/test/chunked?sizes=10,20', version='HTTP/1.0')
        data = client.rest()
        self.assertNotIn(b'chunked', data.lower())
        self.assertTrue(data.endswith(b'\r\n\r\n' + pattern_bytes(10) + pattern_bytes(20)), data)

    def test_an_http_1_0_client_may_ask_to_keep_the_connection(self):
        client = self.connect()
        for _ in range(3):
            client.request('GET', '/test/size/10', [('Connection', 'keep-alive')],
                           version='HTTP/1.0')
            answer = client.response()
            self.assertEqual(answer.body, pattern_bytes(10))
            self.assertIn('keep-alive', answer.get('connection', '').lower())

    def test_connection_close_is_honoured(self):
        client = self.connect()
        answer = client.get('/test/size/10', [('Connection', 'close')])
        self.assertEqual(answer.body, pattern_bytes(10))
        self.assertEqual(client.ending(), 'fin')

    def test_an_answer_ended_by_the_server_closing_reaches_the_client(self):
        answer = self.r.get('/test/until-close/100000')
        self.assertEqual(answer.body, pattern_bytes(100000))

    def test_an_http_1_0_server_is_understood(self):
        client = self.connect()
        self.assertEqual(client.get('/test/old').body, b'old\n')
        self.assertEqual(client.get('/test/server').body, b'EX01')

    def test_any_method_token_passes(self):
        methods = ['RPC_IN_DATA', 'RPC_OUT_DATA', 'PROPFIND', 'X-MS-ENUMATTS', 'BPROPFIND', 'PATCH',
                   'get', 'M-SEARCH', "A!#$%&'*+-.^_`|~0", 'X' * 60]
        client = self.connect()
        for method in methods:
            client.request(method, '/test/echo')
            self.assertEqual(client.response().json()['method'], method)

    def test_a_method_that_is_not_known_may_have_a_body(self):
        client = self.connect()
        client.request('RPC_IN_DATA', '/test/echo', body=b'12345')
        self.assertEqual(client.response().json()['body_size'], 5)
        client.request('MKSOMETHING', '/test/echo', [('Transfer-Encoding', 'chunked')])
        client.send(b'2\r\nab\r\n0\r\n\r\n')
        self.assertEqual(client.response().json()['body_size'], 2)

    def test_any_status_of_three_digits_and_any_reason_pass(self):
        client = self.connect()
        for code, reason in [(200, 'Success'), (241, 'Odd'), (299, ''), (440, 'Login Timeout'),
                             (449, 'Retry after sending a PROVISION command'), (451, 'x'),
                             (507, 'Insufficient Storage'), (599, 'Zz'), (999, 'Far'),
                             (403, 'SSL required.')]:
            answer = client.get('/test/status/%d?reason=%s' % (code, reason.replace(' ', '%20')))
            self.assertEqual((answer.status, answer.reason), (code, reason))

    def test_an_absolute_target_is_forwarded(self):
        client = self.connect()
        client.send(b'GET http://mail.contoso.com/test/echo?a=b HTTP/1.1\r\n'
                    b'Host: mail.contoso.com\r\n\r\n')
        answer = client.response()
        self.assertEqual(answer.status, 200)
        self.assertIn('/test/echo?a=b', answer.json()['target'])

    def test_options_star_is_forwarded(self):
        client = self.connect()
        client.request('OPTIONS', '*')
        client.response()
        self.assertEqual(self.r.server().targets()[-1], '*')

    @penstock_only('its heads are limited to one buffer')
    def test_heads_far_above_a_buffer_pass(self):
        """A Kerberos token is up to 64 KB in base64; heads up to 128 KiB pass."""
        client = self.connect()
        for size in (8000, 16384, 20000, 64000, 100000, 130500):
            token = 'A' * size
            client.request('GET', '/test/head', [('Authorization', 'Negotiate ' + token)])
            self.assertIn(b'\r\nAuthorization: Negotiate %s\r\n' % token.encode(),
                          client.response().body)

    @penstock_only('answers 400')
    def test_a_head_above_the_limit_is_431_and_closes(self):
        client = self.connect()
        for above, status in ((0, 200), (1, 431)):
            head = b'GET /test/size/1 HTTP/1.1\r\nHost: a\r\nX-Long: %s\r\n\r\n'
            client.send(head % (b'A' * (131072 + above - len(head % b''))))
            self.assertEqual(client.response().status, status)
        self.assertIn(client.ending(), ('fin', 'rst'))

    @penstock_only('its limit is another one')
    def test_a_head_of_an_answer_above_the_limit_is_502(self):
        for above, status in ((0, 200), (1, 502)):
            head = b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Long: %s\r\n\r\n'
            raw = head % (b'A' * (131072 + above - len(head % b'')))
            self.assertEqual(self.r.post('/test/raw?then=keep', raw).status, status)

    @penstock_only('its limit is another one')
    def test_more_than_100_fields_are_431_and_of_an_answer_502(self):
        for count in (100, 101):
            fields = b'X-A: 1\r\n' * (count - 1)
            client = self.connect()
            client.send(b'GET /test/size/1 HTTP/1.1\r\nHost: a\r\n' + fields + b'\r\n')
            self.assertEqual(client.response().status, 200 if count == 100 else 431)
            answer = self.r.post('/test/raw?then=keep', b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n' +
                                 fields + b'\r\n')
            self.assertEqual(answer.status, 200 if count == 100 else 502)
            client = self.connect()
            client.request('POST', '/test/echo', [('Transfer-Encoding', 'chunked')])
            client.send(b'0\r\n' + b'X-A: 1\r\n' * count + b'\r\n')
            self.assertEqual(client.response().status, 200 if count == 100 else 431)

    def test_a_large_head_of_an_answer_passes(self):
        answer = self.r.get('/test/set?X-Long=%s' % ('b' * 6000))
        self.assertEqual(answer.get('x-long'), 'b' * 6000)

    def test_an_answer_may_come_before_the_body_has_been_sent(self):
        client = self.connect()
        client.request('POST', '/test/early/413', [('Content-Length', '300000')])
        client.send(b'x' * 1000)
        self.assertEqual(client.response().status, 413)

    def test_the_rest_of_a_body_that_was_answered_early_reaches_the_server(self):
        client = self.connect()
        client.request('POST', '/test/early/200', [('Content-Length', '3000000')])
        self.assertEqual(client.response().body, b'early\n')
        client.send(b'x' * 3000000)
        self.assertEqual(client.get('/test/count').status, 200)

    @penstock_only('cuts the client off')
    def test_a_body_whose_server_has_answered_and_closed_is_read_for_nobody(self):
        """The client's connection goes on to the next request."""
        for then in ('close', 'rst'):
            client = self.connect()
            client.request('POST', '/test/early/413?then=' + then, [('Content-Length', '3000000')])
            self.assertEqual(client.response().status, 413)
            client.send(b'x' * 3000000)
            self.assertEqual(client.get('/test/count').status, 200)

    def test_what_is_too_long_to_be_read_for_nobody_ends_the_connection(self):
        client = self.connect()
        client.request('POST', '/test/early/413?then=rst', [('Content-Length', '90000000')])
        answer = client.response()
        self.assertEqual((answer.status, answer.get('connection')), (413, 'close'))
        with self.assertRaises(OSError):
            for _ in range(1500):
                client.send(b'x' * 60000)
        self.assertEqual(self.r.server().targets(), ['/test/early/413?then=rst'])

    def test_an_early_answer_is_delivered_though_the_server_closes(self):
        for then in ('close', 'rst'):
            client = self.connect()
            client.request('POST', '/test/early/413?then=' + then, [('Content-Length', '3000000')])
            client.send(b'x' * 1000)
            self.assertEqual(client.response().status, 413)

    def test_a_truncated_answer_is_never_a_whole_one(self):
        for how in ('rst', 'fin'):
            for kind in ('', '&chunked=1'):
                client = self.connect()
                client.request('GET', '/test/cut?of=1000&after=600&how=%s%s' % (how, kind))
                with self.assertRaises((Cut, ConnectionError), msg=how + kind):
                    client.response()

    @penstock_only('ends an answer without length like a whole one')
    def test_no_kind_of_client_takes_a_truncated_answer_for_a_whole_one(self):
        chunked = b'Transfer-Encoding: chunked\r\n\r\n'
        for version, keep in (('1.0', ''), ('1.0', 'keep-alive'), ('1.1', ''), ('1.1', 'close')):
            for rest, then in ((b'Content-Length: 9\r\n\r\nabc', 'close'), (chunked + b'9\r\nabc', 'close'),
                               (chunked + b'3\r\nabc\r\n', 'close'), (chunked + b'3\r\nabc\r\n0\r\n', 'close'),
                               (b'\r\nabc', 'rst')):
                client = self.connect()
                client.request('POST', '/test/raw?then=' + then, [('Connection', keep)] if keep else [],
                               body=b'HTTP/1.1 200 OK\r\n' + rest, version='HTTP/' + version)
                with self.subTest(version=version, keep=keep, rest=rest):
                    try:
                        answer = client.response()
                    except (Cut, ConnectionError):
                        continue
                    # Without a length, only a reset says that something is missing.
                    self.assertFalse(answer.all('content-length') + answer.all('transfer-encoding'))
                    self.assertRaises(ConnectionError, client.socket.send, b'x')

    def test_a_server_that_closes_before_an_answer_is_502(self):
        for how in ('rst', 'fin'):
            answer = self.r.get('/test/cut?after=-1&how=' + how)
            self.assertEqual(answer.status, 502)

    def test_a_body_not_read_to_its_end_is_never_the_next_request(self):
        """The server refuses after the head; the body looks like a request."""
        inner = b'GET /test/smuggled HTTP/1.1\r\nHost: a\r\n\r\n'
        client = self.connect()
        client.send(b'POST /test/early/403?then=close HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n'
                    % len(inner) + inner)
        self.assertEqual(client.response().status, 403)
        client.send(b'GET /test/server HTTP/1.1\r\nHost: a\r\n\r\n')
        try:
            client.response()
        except (Cut, ConnectionError):
            pass
        self.assertNotIn('/test/smuggled', self.r.server().targets())

    def test_connect_opens_a_tunnel(self):
        client = self.connect()
        client.request('CONNECT', 'mail.contoso.com:443', host='mail.contoso.com:443')
        self.assertEqual(client.response('CONNECT').status, 200)
        for text in (b'hello', b'\x00\x01\x02\r\n\r\n', pattern_bytes(200000)):
            client.send(text)
            self.assertEqual(client.take(len(text)), text)

    def test_bytes_behind_an_upgrade_do_not_reach_the_server_before_its_101(self):
        """A server that declines must not be handed them as a request."""
        client = self.connect()
        client.send(b'GET /test/server HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n'
                    b'Upgrade: odd/7\r\n\r\n'
                    b'GET /test/count HTTP/1.1\r\nHost: a\r\n\r\n')
        self.assertEqual(client.response().body, b'EX01')
        # The server stayed with HTTP, so what follows is the client's next request.
        self.assertEqual(client.response().status, 200)
        self.assertEqual(self.r.server().targets(), ['/test/server', '/test/count'])

    def test_any_protocol_may_be_upgraded_to(self):
        client = self.connect()
        client.request('GET', '/test/upgrade', [('Connection', 'Upgrade'), ('Upgrade', 'odd/7')])
        answer = client.response()
        self.assertEqual((answer.status, answer.get('upgrade')), (101, 'odd/7'))
        client.send(b'\x00\xffabc')
        self.assertEqual(client.take(5), b'\x00\xffabc')

    def test_an_upgrade_with_a_body_or_to_h2c_is_not_asked_for(self):
        client = self.connect()
        client.request('POST', '/test/head', [('Connection', 'Upgrade'), ('Upgrade', 'odd/7'),
                                              ('Transfer-Encoding', 'chunked')])
        client.send(b'3\r\nabc\r\n0\r\n\r\n')
        self.assertNotIn(b'upgrade', client.response().body.lower())
        client.request('GET', '/test/head', [('Connection', 'Upgrade, HTTP2-Settings'),
                                             ('Upgrade', 'websocket, H2C'), ('HTTP2-Settings', 'AA')])
        self.assertNotIn(b'\r\nupgrade', client.response().body.lower())

    def test_websocket_messages_come_back_unchanged(self):
        socket_ = WebSocket(self.connect())
        self.assertEqual(socket_.answer.status, 101)
        for size in (0, 1, 125, 126, 127, 65535, 65536, 1 << 20):
            for code in (1, 2):
                data = pattern_bytes(size)
                socket_.send(data, code)
                self.assertEqual(socket_.receive(), (code, True, data))
        for fragments in (1, 3, 17):
            for n in range(fragments):
                socket_.send(b'part %d' % n, 1 if n == 0 else 0, n == fragments - 1)
            for n in range(fragments):
                self.assertEqual(socket_.receive(), (1 if n == 0 else 0, n == fragments - 1,
                                                     b'part %d' % n))
        socket_.send(b'', 8)
        self.assertEqual(socket_.receive()[0], 8)
        self.assertEqual(socket_.client.ending(), 'fin')

    def test_curl_uploads_and_downloads(self):
        body = os.path.join(self.r.folder, 'body')
        with open(body, 'wb') as file:
            file.write(pattern_bytes(3000000))
        code, out, error = self.r.curl('--data-binary', '@' + body, self.r.url('/test/echo'))
        self.assertEqual((code, error), (0, ''))
        self.assertIn(hashlib.sha256(pattern_bytes(3000000)).hexdigest().encode(), out)
        code, out, error = self.r.curl(self.r.url('/test/size/3000000?chunk=70000'))
        self.assertEqual((code, error, out), (0, '', pattern_bytes(3000000)))

    def test_curl_uploads_in_chunks_after_100_continue(self):
        code, out, error = self.r.curl('-X', 'POST', '-H', 'Expect: 100-continue', '-H',
                                       'Transfer-Encoding: chunked', '--data-binary', 'x' * 5000,
                                       self.r.url('/test/stall/0'))
        self.assertEqual((code, error, out), (0, '', b'5000\n'))


# A WebSocket client that is not ours, and a server of the same hand, run by the system's own Python. The
# server says its port and is told where the client shall connect to.
WEBSOCKETS = '''
import asyncio, sys, websockets
async def echo(link, path):
    async for message in link:
        await link.send(message)
async def main():
    server = await websockets.serve(echo, "127.0.0.1", 0, max_size=None)
    print(server.sockets[0].getsockname()[1], flush=True)
    place = await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    async with websockets.connect(place.strip(), max_size=None) as link:
        for size in (0, 1, 125, 126, 65535, 65536, 1 << 20):
            for message in ("a" * size, b"\\xff" * size, ["x" * size, "y", "z" * size]):
                await link.send(message)
                whole = "".join(message) if isinstance(message, list) else message
                got = await link.recv()
                assert got == whole, (size, type(message))
        await (await link.ping())
    print(link.close_code)
asyncio.run(main())
'''


class WebSockets(Case):

    def setUp(self):
        python = '/usr/bin/python3'
        if subprocess.run([python, '-c', 'import websockets'], stderr=subprocess.DEVNULL).returncode:
            self.skipTest('python3-websockets is not installed')
        self.process = subprocess.Popen([python, '-c', WEBSOCKETS], text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(self.process.kill)
        self.port = self.process.stdout.readline().strip()

    def met(self, place):
        return self.process.communicate(place, PATIENCE * 3)[0]

    def test_a_client_of_another_hand_hears_what_it_said(self):
        rig = self.rig(PLAIN)
        self.assertEqual(self.met(rig.url('/test/ws', 'ws')), '1000\n')
        rig.log.wait(' 101 .*"GET /test/ws HTTP/1.1"')
        self.assertEqual(rig.server().wire()[0].lower().count(b'connection: upgrade\r\n'), 1)

    def test_a_server_of_another_hand_is_reached_by_the_route_of_upgrades(self):
        rig = self.rig("""
frontend fe
    bind <fe>
    use_backend live if { hdr(Connection) -i upgrade } { hdr(Upgrade) -i websocket }
    default_backend be
backend live
    timeout tunnel 1h
    server ws 127.0.0.1:%s
backend be
    server s1 <s1>
""" % self.port)
        self.assertEqual(rig.get('/test/server').body, b'EX01')
        self.assertEqual(self.met(rig.url('/notify', 'ws')), '1000\n')
        rig.log.wait(' live/ws .* 101 .*"GET /notify HTTP/1.1"')


class RealClients(Shared):
    CONFIG = PLAIN

    def test_curl_asks_for_ranges_and_in_http_1_0(self):
        code, out, error = self.r.curl('--http1.0', self.r.url('/test/chunked?sizes=3,4'))
        self.assertEqual((code, error, out), (0, '', pattern_bytes(3) + pattern_bytes(4)))
        code, out, error = self.r.curl('-r', '5-9', self.r.url('/test/head'))
        self.assertEqual((code, error), (0, ''))
        self.assertIn(b'range: bytes=5-9', out.lower())
        code, out, error = self.r.curl('-I', self.r.url('/test/size/1000'))
        self.assertEqual((code, error), (0, ''))
        self.assertIn(b'content-length: 1000', out.lower())

    def test_curl_takes_no_truncated_answer_for_a_whole_one(self):
        for query in ('of=1000&after=600&how=fin', 'of=1000&after=600&how=fin&chunked=1'):
            self.assertNotEqual(self.r.curl(self.r.url('/test/cut?' + query))[0], 0, query)


class Bytes(Shared):
    """Names, order, duplicates pass byte for byte, but for what the configuration changes."""
    ONCE = True
    CONFIG = PLAIN

    @penstock_only('writes names in lower case')
    def test_request_fields_pass_byte_for_byte(self):
        fields = [('hOST', 'mail.contoso.com'), ('X-b', '2'), ('X-A', '1'), ('x-b', '3'),
                  ('Cookie', 'a=1'), ('Accept', '*/*'), ('Cookie', 'b=2'),
                  ('User-Agent', 'Microsoft Office/16.0 (a; b)'), ('X-Empty', ''),
                  ('X-Odd', 'tab\there  two  blanks "q" \\ \xe4\xf6'), ('X-B', '4')]
        client = self.connect()
        client.request('GET', '/test/head?x=%20a%2F..//b', fields)
        head = client.response().body
        self.assertEqual(head, b'GET /test/head?x=%20a%2F..//b HTTP/1.1\r\n' + ''.join(
            '%s: %s\r\n' % pair for pair in fields).encode('latin-1') + b'\r\n')

    @penstock_only('writes names in lower case')
    def test_answer_fields_pass_byte_for_byte(self):
        raw = (b'HTTP/1.1 200 Success\r\nWWW-Authenticate: Negotiate\r\nx-Odd: 1\r\n'
               b'WWW-authenticate: NTLM\r\nX-FEServer: EX01\r\nSet-Cookie: a=1; path=/\r\n'
               b'wWW-Authenticate: Basic realm="x"\r\nSet-Cookie: b=2\r\nX-Empty: \r\n'
               b'Content-Length: 2\r\n\r\nok')
        client = self.connect()
        client.request('POST', '/test/raw?then=keep', body=raw)
        head = client.take_until(b'\r\n\r\n')
        self.assertEqual(head + client.take(2), raw)

    @penstock_only('rewrites the coding')
    def test_a_coding_written_with_a_capital_is_understood(self):
        raw = (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n')
        client = self.connect()
        client.request('POST', '/test/raw?then=keep', body=raw)
        self.assertEqual(client.response().body, b'abc')
        self.assertEqual(client.get('/test/server').body, b'EX01')

    def test_no_via_is_added(self):
        client = self.connect()
        answer = client.get('/test/head')
        self.assertNotIn(b'\nvia:', answer.body.lower())
        self.assertIsNone(answer.get('via'))

    def test_fields_named_by_connection_end_here(self):
        client = self.connect()
        client.request('GET', '/test/head', [('Connection', 'keep-alive, X-Hop'), ('X-Hop', 'mine'),
                                             ('X-Stay', 'yours'), ('Keep-Alive', 'timeout=5')])
        head = client.response().body.lower()
        self.assertIn(b'\r\nx-stay: yours', head)
        self.assertTrue(IS_HAPROXY or b'x-hop: mine' not in head, head)

    @penstock_only('drops them all')
    def test_connection_cannot_be_used_to_drop_what_matters(self):
        client = self.connect()
        client.request('POST', '/test/head', [
            ('Connection', 'Host, Content-Length, Authorization, Cookie, X-Forwarded-For'),
            ('Authorization', 'Basic YTpi'), ('Cookie', 'a=1'), ('X-Forwarded-For', '1.2.3.4')],
            body=b'abc')
        head = client.response().body
        for field in (b'Host: mail', b'Content-Length: 3', b'Authorization: Basic', b'Cookie: a',
                      b'X-Forwarded-For: 1.2.3.4'):
            self.assertIn(b'\r\n' + field, head)

    def test_a_target_passes_as_it_came(self):
        client = self.connect()
        for target in ('/test/head/%2e%2e/%zz', '/test/head//a//b/', '/test/head?q=a%20b&c=%00',
                       '/test/head/;a=b?x?y=/../z', '/test/head/' + 'l' * 5000):
            answer = client.get(target)
            self.assertTrue(answer.body.startswith(b'GET %s HTTP/1.1\r\n' % target.encode()))

    def test_proxy_support_and_persistent_auth_pass(self):
        answer = self.r.get('/test/set?Proxy-Support=Session-Based-Authentication&Persistent-Auth=true')
        self.assertEqual(answer.get('proxy-support'), 'Session-Based-Authentication')
        self.assertEqual(answer.get('persistent-auth'), 'true')


class Late(Case):

    @penstock_only('delivers nothing')
    def test_what_the_server_said_is_delivered_although_writing_to_it_failed(self):
        """The server answers and closes while megabytes are still on their way to it."""
        def talk(sock, _):
            read_head(sock)
            sock.sendall(b'HTTP/1.1 507 Insufficient Storage\r\nContent-Length: 4\r\n'
                         b'Connection: close\r\n\r\nfull')
            sock.shutdown(socket.SHUT_WR)
            sock.recv(1)
        rig = self.rig(PLAIN.replace('<s1>', self.script(talk).address))
        client = rig.connect()
        client.request('POST', '/upload', [('Content-Length', str(50 << 20))])
        sender = threading.Thread(target=self.pour, args=(client, 50 << 20), daemon=True)
        sender.start()
        self.assertEqual(client.response().body, b'full')
        client.close()
        sender.join(PATIENCE)

    @staticmethod
    def pour(client, count):
        try:
            for _ in range(count >> 16):
                client.send(b'z' * 65536)
        except OSError:
            pass


class Memory(Case):
    """Slow readers and slow senders hold bounded memory."""
    SLOW = True
    ONCE = True

    def test_a_slow_reader_holds_bounded_memory(self):
        rig = self.rig(PLAIN)
        rig.get('/test/size/1000000')
        before = rig.rss()
        clients = self.slow_readers(rig, 20, '/test/size/30000000')
        # The servers are stuck when their counters rest.
        server = rig.server()
        rest_of(server, 'bytes_out')
        self.assertLess(rig.rss() - before, 64 * 1024)
        clients[0].take(100000)

    def slow_readers(self, rig, count, target):
        clients = [Client(rig.addresses['fe'], rcvbuf=4096) for _ in range(count)]
        for client in clients:
            self.addCleanup(client.close)
            client.request('GET', target)
            client.take_until(b'\r\n\r\n')
        return clients

    def test_a_slow_reader_of_an_answer_of_our_own_holds_bounded_memory(self):
        size = 20000000
        page = tempfile.NamedTemporaryFile()
        self.addCleanup(page.close)
        page.write(b'x' * size)
        page.flush()
        rig = self.rig(PLAIN.replace('default_backend', 'http-request return status 200 content-type text/plain '
                                     'file %s if { path /own }\n    default_backend' % page.name))
        rig.connect().request('GET', '/own').take(size)  # By now all of the page has been touched.
        before = rig.rss()
        clients = self.slow_readers(rig, 10, '/own')
        self.assertLess(rig.rss() - before, 48 * 1024)
        # It comes whole, and the connection serves on.
        self.assertEqual(clients[0].take(size), b'x' * size)
        clients[0].request('GET', '/test/size/10')
        self.assertIn(b' 200 ', clients[0].take_until(b'\r\n\r\n'))

    def test_a_slow_server_holds_bounded_memory(self):
        def talk(sock, _):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            read_head(sock)
            begun.set()
            stop.wait(PATIENCE * 3)
        begun, stop = threading.Event(), threading.Event()
        self.addCleanup(stop.set)
        script = self.script(talk)
        rig = self.rig(PLAIN.replace('<s1>', script.address))
        sent = [0] * 20
        for n in range(20):
            if n == 1:  # The program serves, so its own pages have been touched.
                self.assertTrue(begun.wait(PATIENCE))
                before = rig.rss()
            client = rig.connect()
            client.request('POST', '/', [('Content-Length', '30000000')])
            client.socket.setblocking(False)
            self.fill(client, sent, n)
        self.assertLess(rig.rss() - before, 64 * 1024)
        self.assertLess(max(sent), 30000000)

    @staticmethod
    def fill(client, sent, n):
        stuck = 0
        while sent[n] < 30000000 and stuck < 10:
            try:
                sent[n] += client.socket.send(b'x' * 65536)
                stuck = 0
            except BlockingIOError:
                stuck += 1
                time.sleep(0.01)


class SlowReader(Case):
    """Whoever reads, however slowly, gets all of the answer."""
    ONCE = True

    def test_a_closing_connection_waits_for_a_slow_reader(self):
        # Of some of these sizes the proxy itself holds the last bytes when the answer ends.
        sizes = [n << 15 for n in range(78, 118)]
        rig = self.rig(PLAIN)
        clients = [Client(rig.addresses['fe'], rcvbuf=4096) for _ in sizes]
        for client, size in zip(clients, sizes):
            self.addCleanup(client.close)
            client.request('GET', '/test/size/%d' % size, [('Connection', 'close')])
        time.sleep(1.5)  # Longer than a client is given to end after all was sent to it.
        for client, size in zip(clients, sizes):
            client.hurry()
            self.assertEqual(len(client.response().body), size)


class Modes(Case):
    """option http-keep-alive, http-server-close, httpclose; http-reuse."""
    ONCE = True

    def rig_with(self, option):
        return self.rig(PLAIN, defaults='    ' + option)

    def test_server_close_closes_the_server_side_only(self):
        rig = self.rig_with('option http-server-close')
        client = rig.connect()
        numbers = [client.get('/test/echo').json()['connection'] for _ in range(4)]
        self.assertEqual(len(set(numbers)), 4)

    def test_httpclose_closes_both(self):
        rig = self.rig_with('option httpclose')
        client = rig.connect()
        answer = client.get('/test/size/10')
        self.assertEqual(answer.get('connection', '').lower(), 'close')
        self.assertEqual(client.ending(), 'fin')

    def test_keep_alive_uses_one_server_connection_for_one_client(self):
        rig = self.rig_with('option http-keep-alive')
        client = rig.connect()
        numbers = {client.get('/test/echo').json()['connection'] for _ in range(10)}
        self.assertEqual(len(numbers), 1)

    def test_http_reuse_never_gives_each_client_its_own_server_connections(self):
        rig = self.rig_with('http-reuse never')
        numbers = [rig.connect().get('/test/echo').json()['connection'] for _ in range(4)]
        self.assertEqual(len(set(numbers)), 4)

    def test_http_reuse_always_shares_an_idle_connection(self):
        rig = self.rig(PLAIN, defaults='    http-reuse always', nbthread=1)
        numbers = [rig.get('/test/echo').json()['connection'] for _ in range(5)]
        self.assertLess(len(set(numbers)), 5)

    def test_http_reuse_safe_does_not_risk_a_first_request_on_a_used_connection(self):
        rig = self.rig(PLAIN, defaults='    http-reuse safe', nbthread=1)
        numbers = [rig.get('/test/echo').json()['connection'] for _ in range(4)]
        self.assertEqual(len(set(numbers)), 4)

    def test_pool_max_conn_0_keeps_no_idle_connection(self):
        rig = self.rig(PLAIN.replace('<s1>', '<s1> pool-max-conn 0'),
                       defaults='    http-reuse always')
        rig.get('/test/size/10')
        server = rig.server()
        wait_until(lambda: not server.connections, 'the idle connection to be closed')

    def test_idle_connections_are_purged(self):
        rig = self.rig(PLAIN.replace('<s1>', '<s1> pool-purge-delay 100ms'),
                       defaults='    http-reuse always')
        clients = [rig.connect() for _ in range(10)]
        for client in clients:
            client.request('GET', '/test/delay/50')
        for client in clients:
            client.response()
            client.close()
        server = rig.server()
        wait_until(lambda: len(server.connections) <= 1, 'idle connections to be purged')

    def test_pool_purge_delay_0_keeps_no_idle_connection(self):
        rig = self.rig(PLAIN.replace('<s1>', '<s1> pool-purge-delay 0'),
                       defaults='    http-reuse always')
        rig.get('/test/size/10')
        server = rig.server()
        wait_until(lambda: not server.connections, 'the idle connection to be closed')

    @penstock_only('means it otherwise')
    def test_pool_low_conn_are_kept_whatever_the_need(self):
        rig = self.rig(PLAIN.replace('<s1>', '<s1> pool-purge-delay 50ms pool-low-conn 3'),
                       defaults='    http-reuse always', nbthread=1)
        clients = [rig.connect() for _ in range(10)]
        for client in clients:
            client.request('GET', '/test/delay/50')
        for client in clients:
            client.response()
            client.close()
        server = rig.server()
        wait_until(lambda: len(server.connections) == 3, 'connections beyond three to be closed')
        for _ in range(5):        # Each a window's length at the server, so that some go by.
            self.assertEqual(rig.get('/test/delay/60').status, 200)
            self.assertEqual(len(server.connections), 3)

    @penstock_only('bounds HTTP/2 alone')
    def test_max_reuse_bounds_the_requests_on_a_connection(self):
        for limit, connections in ((0, 6), (1, 3), (2, 2), (-1, 1)):
            rig = self.rig(PLAIN.replace('<s1>', '<s1> max-reuse %d' % limit),
                           defaults='    http-reuse always', nbthread=1)
            client = rig.connect()
            numbers = [client.get('/test/echo').json()['connection'] for _ in range(6)]
            self.assertEqual(len(set(numbers)), connections, (limit, numbers))

    def test_frontend_maxconn_makes_the_next_client_wait_not_fail(self):
        rig = self.rig(PLAIN.replace('bind <fe>', 'bind <fe>\n    maxconn 2'))
        first, second = rig.connect(), rig.connect()
        for client in (first, second):
            self.assertEqual(client.get('/test/server').body, b'EX01')
        third = rig.connect()
        third.request('GET', '/test/count')
        third.socket.settimeout(0.2)
        with self.assertRaises(AssertionError):
            third.response()
        first.close()
        third.socket.settimeout(PATIENCE)
        self.assertEqual(third.response().body, b'3\n')
