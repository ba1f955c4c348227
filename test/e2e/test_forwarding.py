"""What servers are told beside what the client said, where they are, and which of their answers pass."""
from harness import Case, Client, IS_HAPROXY, check, heads, penstock_only

TEXT = """
frontend fe
    bind <fe> accept-proxy
    option httplog
    %s
    default_backend be
backend be
    %s
    server s1 <s1>
"""


class Told(Case):

    def fields(self, front, back, fields=(), proxy='TCP4 1.2.3.4 5.6.7.8 5 6'):
        rig = self.rig(TEXT % (front, back))
        with Client(rig.addresses['fe']) as client:
            client.send('PROXY %s\r\n' % proxy)
            got = client.get('/test/echo', fields).json()['fields']
        return [(name.lower(), value) for name, value in got if name.lower() != 'host']

    def test_the_address_that_the_client_wanted(self):
        option = 'option originalto'
        to = [('x-original-to', '5.6.7.8')]
        self.assertEqual(self.fields(option, ''), to)
        self.assertEqual(self.fields('', option), to)
        self.assertEqual(self.fields(option, '', [('X-Original-To', '9.9.9.9')]), [('x-original-to', '9.9.9.9')] + to)
        self.assertEqual(self.fields(option + '\n    http-request set-dst str(7.7.7.7)', ''), [('x-original-to', '7.7.7.7')])
        self.assertEqual(self.fields('option forwardfor', option), [('x-forwarded-for', '1.2.3.4')] + to)

    def test_the_backend_names_the_header_of_it_and_each_side_may_except_networks(self):
        front, back = 'option originalto header X-A', 'option originalto header X-B'
        self.assertEqual(self.fields(front, back), [('x-b', '5.6.7.8')])
        self.assertEqual(self.fields(front, 'option originalto'), [('x-original-to', '5.6.7.8')])
        self.assertEqual(self.fields(front + ' except 5.0.0.0/8', back), [])
        self.assertEqual(self.fields(front, back + ' except 5.6.7.8'), [])
        self.assertEqual(self.fields(front + ' except 9.0.0.0/8', ''), [('x-a', '5.6.7.8')])

    def test_of_ipv6_too(self):
        six = 'TCP6 ::1 2001:db8::7 5 6'
        self.assertEqual(self.fields('option originalto', '', proxy=six), [('x-original-to', '2001:db8::7')])
        self.assertEqual(self.fields('option originalto except 2001:db8::/32', '', proxy=six), [])

    def test_a_server_is_told_its_name_whatever_the_client_says_of_it(self):
        self.assertEqual(self.fields('', 'http-send-name-header X-S', [('X-S', 'a'), ('x-s', 'b'), ('Z', '1')]),
                         [('z', '1'), ('x-s', 's1')])

    def test_another_server_that_is_tried_is_told_its_own_name(self):
        rig = self.rig(TEXT.replace(' accept-proxy', '') % ('', """http-send-name-header X-S
    balance roundrobin
    option redispatch 1
    retry-on all-retryable-errors
    server s0 <dead>
    server s9 <s9>"""))
        rig.server('s9')
        names = set()
        for _ in range(6):
            answer = rig.get('/test/echo')
            names.add((answer.get('x-feserver'), dict(answer.json()['fields']).get('X-S', dict(answer.json()['fields']).get('x-s'))))
        self.assertEqual(names, {('EX01', 's1'), ('EX09', 's9')})

    @penstock_only('haproxy makes a request of it that cannot be read')
    def test_its_name_cannot_be_how_the_request_is_to_be_read(self):
        for name, said in (('Content-Length', 'says how a request is to be read'), ('"a b"', 'no name of a header')):
            code, text = check('defaults\n    mode http\nbackend be\n    http-send-name-header %s\n    server s 127.0.0.1:1\n' % name)
            self.assertEqual(code, 1, text)
            self.assertIn(said, text)


class WhereTheClientWantedToGo(Case):

    def where(self, address, mode):
        script = self.script(lambda sock, number: [sock.sendall(
            b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-At: %s\r\n\r\n' % sock.getsockname()[0].encode()) for _ in heads(sock)],
            address=('0.0.0.0', 0))
        rig = self.rig("""
frontend fe
    bind <fe> accept-proxy
    mode MODE
    option MODElog
    default_backend be
backend be
    mode MODE
    server s1 ADDRESS
""".replace('MODE', mode).replace('ADDRESS', address.replace('PORT', str(script.port))))
        found = []
        for host in ('127.0.0.7', '127.0.0.8'):
            with Client(rig.addresses['fe']) as client:
                client.send('PROXY TCP4 1.2.3.4 %s 5 %d\r\n' % (host, script.port))
                found.append(client.get('/').get('x-at'))
                if mode == 'http':
                    self.assertEqual(client.get('/').get('x-at'), found[-1])
        return found

    def test_a_server_without_an_address_of_its_own_is_there(self):
        for mode in ('http', 'tcp'):
            for address in ('0.0.0.0:PORT', '*:PORT', '0.0.0.0', '*:+0'):
                with self.subTest(mode + ' ' + address):
                    self.assertEqual(self.where(address, mode), ['127.0.0.7', '127.0.0.8'])

    @penstock_only('a warning of its own')
    def test_that_it_has_none_is_to_be_written(self):
        code, text = check('defaults\n    mode http\n    timeout connect 1s\n    timeout server 1s\n    timeout client 1s\n'
                           'listen be\n    bind 127.0.0.1:1\n    server s "${NONE_SUCH}:80"\n')
        self.assertEqual(code, 0, text)
        self.assertIn('this server has no address', text)


class CookiesInCaches(Case):

    def test_an_answer_with_a_cookie_that_caches_may_keep_is_refused(self):
        said = []

        def talk(sock, _):
            for _ in heads(sock):
                sock.sendall(b'HTTP/1.1 %d X\r\nContent-Length: 0\r\n%s\r\n\r\n' % (said[0], '\r\n'.join(said[1]).encode()))
        server = self.script(talk)
        rig = self.rig(TEXT.replace('<s1>', server.address).replace(' accept-proxy', '') % (
            'http-response del-header Set-Cookie if { res.hdr(X-Drop) -m found }', 'option checkcache\n    http-response set-header X-Passed 1'))

        def passes(*fields, status=200, method='GET', cookie='Set-Cookie: a=b'):
            said[:] = [status, [cookie, *fields]]
            with Client(rig.addresses['fe']) as client:
                answer = client.request(method, '/', [('Content-Length', '0')]).response(method)
            if answer.get('x-passed') is None and not IS_HAPROXY:
                self.assertEqual(answer.status, 502)
            return answer.get('x-passed') is not None
        old, keep = 'Cache-Control: max-age=60', 'Cache-Control: public, max-age=60'
        self.assertFalse(passes(old))
        rig.log.wait(' be/s1 .* PH-- ')
        self.assertTrue(passes(old, cookie='X-Nothing: 1'))
        self.assertFalse(passes(old, cookie='Set-Cookie2: a=b'))
        self.assertTrue(passes())
        for dated in ('ETag: "x"', 'Last-Modified: x', 'Expires: 0', 'Cache-Control: s-maxage=5'):
            self.assertFalse(passes(dated))
        self.assertEqual([m for m in ('GET', 'HEAD', 'OPTIONS', 'TRACE', 'POST', 'PUT', 'FOO') if not passes(old, method=m)],
                         ['GET', 'HEAD', 'OPTIONS', 'TRACE'])
        self.assertEqual([m for m in ('GET', 'HEAD', 'POST', 'FOO') if not passes(keep, method=m)], ['GET', 'HEAD', 'POST', 'FOO'])
        kept = [200, 203, 204, 206, 300, 301, 404, 405, 410, 414, 501]
        statuses = kept + [201, 202, 302, 303, 307, 308, 400, 403, 500, 503]
        self.assertEqual([s for s in statuses if not passes(old, status=s)], kept)
        self.assertEqual([s for s in (201, 302, 500) if not passes(keep, status=s)], [201, 302, 500])
        for forbids in ('private', 'max-age=60, private', 'public, private', 'no-cache', 'No-Store', 'max-age=0', 's-maxage=0, max-age=60',
                        'no-cache="set-cookie"', 'no-cache="set-cookie, foo"', 'public, no-cache="set-cookie"'):
            self.assertTrue(passes('ETag: "x"', 'Cache-Control: ' + forbids), forbids)
        for allows in ('private="foo"', 'no-cache="foo"', 'no-cache="foo, set-cookie"', 'no-storex', 'max-age=00', 'max-age=0, public',
                       'private, public', 'must-revalidate'):
            self.assertFalse(passes('ETag: "x"', 'Cache-Control: ' + allows), allows)
        self.assertTrue(passes(old, 'Pragma: No-Cache'))
        self.assertTrue(passes('Pragma: no-cache', keep))
        self.assertFalse(passes(old, 'Pragma: no-cache, x'))
        self.assertTrue(passes(old, 'X-Drop: 1'))


class OfTheClientAlone(Case):

    def connections(self, line):
        rig = self.rig("""
frontend fe
    bind <fe>
    %s
    use_backend be1 if { path_beg /test/1 }
    default_backend be2
backend be1
    http-reuse never
    server s1 <s1>
backend be2
    http-reuse never
    server s2 <s2>
""" % line)
        with Client(rig.addresses['fe']) as client:
            for _ in range(3):
                client.get('/test/1')
                client.get('/test/2')
        return [rig.server(name).counters['accepted'] for name in ('s1', 's2')]

    def test_a_client_keeps_so_many_idle_server_connections_to_itself(self):
        self.assertEqual(self.connections(''), [1, 1])
        self.assertEqual(self.connections('max-session-srv-conns 2'), [1, 1])
        self.assertEqual(self.connections('max-session-srv-conns 0'), [3, 3])


class Dispatch(Case):

    def test_who_belongs_to_no_server_goes_to_one_address_or_where_the_client_wanted(self):
        script = self.script(lambda sock, number: [sock.sendall(
            b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-At: %s\r\n\r\n' % sock.getsockname()[0].encode()) for _ in heads(sock)],
            address=('0.0.0.0', 0))
        server = '\n    cookie A\n    server s1 127.0.0.6:PORT cookie x'
        for mode in ('http', 'tcp'):
            for line, at in (('dispatch 127.0.0.5:PORT', '127.0.0.5'), ('option transparent', '127.0.0.7'), ('transparent', '127.0.0.7')):
                for more in ('', server):
                    rig = self.rig(TEXT.replace('server s1 <s1>', 'mode ' + mode).replace('httplog', mode + 'log\n    mode ' + mode) % (
                        '', (line + more).replace('PORT', str(script.port))))

                    def where(*fields):
                        with Client(rig.addresses['fe']) as client:
                            client.send('PROXY TCP4 1.2.3.4 127.0.0.7 5 %d\r\n' % script.port)
                            return client.get('/', fields).get('x-at')
                    with self.subTest(line + more + mode):
                        self.assertEqual(where(), at)
                        rig.log.wait(' fe be/<NOSRV> ')
                        self.assertEqual(where(('Cookie', 'A=x')), '127.0.0.6' if more and mode == 'http' else at)

    def test_balance_comes_before_it(self):
        rig = self.rig(TEXT.replace(' accept-proxy', '') % ('', 'balance roundrobin\n    dispatch <dead>'))
        self.assertEqual(rig.who(count=3), ['EX01'] * 3)
        for lines in ('option transparent\n    balance leastconn', 'dispatch 127.0.0.1', 'dispatch :+5'):
            code, text = check('defaults\n    mode http\nbackend be\n    %s\n    server s 127.0.0.1:1\n' % lines)
            self.assertEqual(code, 1, text)
