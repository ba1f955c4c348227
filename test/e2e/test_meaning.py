"""What samples, rules, formats and logs mean, where a neighbour of the obvious is easily got wrong. The values are
those of HAProxy 2.6."""
import csv
import io
import os
import socket
import ssl

from harness import Case, Client, certificate, penstock_only, read_head, wait_until
from test_runtime_socket import ask

FRONT = """
frontend fe
    bind <fe>
"""
BACK = """
    default_backend be
backend be
    server s1 <s1>
"""


def front(*lines, back=()):
    return FRONT + ''.join('    %s\n' % line for line in lines) + BACK + ''.join('    %s\n' % line for line in back)


class Samples(Case):
    ONCE = True

    def answer(self, *lines, path='/test/echo', fields=(), method='GET', **options):
        rig = self.rig(front(*lines, **options))
        with rig.connect() as client:
            return client.request(method, path, fields).response(method)

    def test_method_and_status_outlive_the_heads(self):
        rig = self.rig(front('http-response set-header X-Method %[method] if METH_OPTIONS',
                             'log-format "method=%[method] status=%[status]"'))
        with rig.connect() as client:
            self.assertEqual(client.request('OPTIONS', '/test/echo').response('OPTIONS').get('x-method'), 'OPTIONS')
        rig.log.wait(r'method=OPTIONS status=200')

    def test_an_error_page_shows_what_was_asked_for(self):
        rig = self.rig(front('http-error status 403 content-type text/plain lf-string "%[req.hdr(host)] %[path] %[method]"',
                             'http-request deny'))
        self.assertEqual(rig.get('/some/where').body, b'mail.contoso.com /some/where GET')

    def test_quotes_around_a_sample_are_for_the_log(self):
        rig = self.rig(front('http-request set-header X-A %{+Q}[req.hdr(a)]', 'log-format %{+Q}[capture.req.method]'))
        with rig.connect() as client:
            seen = client.get('/test/echo', [('A', 'one')]).json()['fields']
        self.assertIn(['X-A', 'one'], [list(pair) for pair in seen])
        rig.log.wait('"GET"')

    def test_quotes_that_a_format_of_a_variable_asks_for_are_part_of_it(self):
        answer = self.answer("http-request set-var-fmt(txn.a) '[%{+Q}[req.hdr(a)]] [%{+Q}[req.hdr(nope)]] [%{+Q}ci]'",
                             'http-response set-header x %[var(txn.a)]', fields=[('A', 'one')])
        self.assertEqual(answer.get('x'), '["one"] [""] ["127.0.0.1"]')

    def test_formats_of_an_answer_of_our_own_know_its_status(self):
        for lines in (['http-request return status 201 content-type text/plain lf-string "%ST" hdr x "%ST"'],
                      ['http-request deny deny_status 429 content-type text/plain lf-string "%ST" hdr x "%ST"'],
                      ['http-response return status 202 content-type text/plain lf-string "%ST" hdr x "%ST"'],
                      ['http-error status 403 content-type text/plain lf-string "%ST" hdr x "%ST"', 'http-request deny']):
            answer = self.answer(*lines)
            self.assertEqual((answer.get('x'), answer.body), (str(answer.status), b'%d' % answer.status), lines)

    def test_an_answer_leaves_away_fields_without_a_value(self):
        answer = self.answer('http-request return status 200 hdr x %[req.hdr(nope)] hdr y a%[req.hdr(nope)]')
        self.assertIsNone(answer.get('x'))
        self.assertEqual(answer.get('y'), 'a')

    def test_variables_of_request_and_response_end_and_begin_with_them(self):
        answer = self.answer('http-request set-var(req.a) str(1)', 'http-request set-var(res.a) str(2)',
                             'http-request set-var(txn.a) str(3)', 'http-response set-var(res.b) str(4)',
                             'http-response set-header x "%[var(req.a)]-%[var(res.a)]-%[var(txn.a)]-%[var(res.b)]"')
        self.assertEqual(answer.get('x'), '--3-4')

    def test_numbers_of_proxies_and_binds_are_given_from_1(self):
        answer = self.answer('http-response set-header x "%[fe_id] %[be_id] %[so_id] %[srv_id]"')
        self.assertEqual(answer.get('x'), '1 2 1 1')

    def test_converters_without_an_answer_yield_no_value(self):
        answer = self.answer('http-response set-header a y if { str(zz),hex2i -m found }',
                             'http-response set-header b y if { str(a.b),field(5,.) -m found }',
                             'http-response set-header c y if { str(),add(1) -m found }',
                             'http-response set-header d y if { str(a..b),field(2,.) -m found }')
        self.assertEqual([answer.get(name) for name in 'abcd'], [None, None, None, 'y'])

    def test_a_text_that_begins_with_an_address_is_one(self):
        answer = self.answer('http-request return status 200 hdr x %[req.hdr(a),ipmask(24)] if { req.hdr(a) -m ip 10.0.0.0/8 }',
                             fields=[('A', '10.0.0.1:80')])
        self.assertEqual(answer.get('x'), '10.0.0.0')

    def test_an_ipv4_address_in_ipv6_clothes_is_ipv4(self):
        answer = self.answer('http-response set-header x %[str(::ffff:10.1.2.3),ipmask(16,64)]')
        self.assertEqual(answer.get('x'), '10.1.0.0')

    def test_captures_hold_no_more_than_their_length(self):
        rig = self.rig(front('declare capture request len 3', 'http-request capture req.hdr(host) id 0',
                             'declare capture response len 2', 'http-response capture str(abcdef) id 0',
                             'log-format "[%hr %hs]"'))
        rig.get('/test/server')
        rig.log.wait(r'\[\{mai\} \{ab\}\]')

    def test_escapes_of_captures_come_before_those_of_e(self):
        rig = self.rig(front('capture request header A len 20', 'log-format "[%{+E}hr]"'))
        with rig.connect() as client:
            client.get('/test/server', [('A', 'x"]|')])
        rig.log.wait(r'\[\{x#22\\\]#7C\}\]')

    def test_nothing_that_was_decoded_breaks_a_line_of_the_log(self):
        rig = self.rig(front('http-request set-var(txn.a) req.hdr(a),url_dec', 'log-format "[%[var(txn.a)]]"'))
        with rig.connect() as client:
            client.get('/test/server', [('A', 'a%0d%0ab%00c')])
        rig.log.wait(r'\[a#0D#0Ab#00c\]')

    def test_names_of_fields_are_told_in_lower_case(self):
        answer = self.answer('http-request return status 200 hdr x %[req.hdr_names] hdr y %[req.hdrs,field(1,:)]',
                             fields=[('X-One', 'A')])
        self.assertEqual([answer.get('x'), answer.get('y')], ['host,x-one', 'host'])

    def test_occurrence_0_is_none_that_was_asked_for(self):
        self.assertEqual(self.answer('http-request return status 200 hdr x %[req.hdr(a,0)]', fields=[('A', '1,2')]).get('x'), '2')

    def test_numbers_and_addresses_are_matched_as_bytes_and_numbers_as_addresses(self):
        answer = self.answer('http-response set-header x y if { src -m bin 7f000001 } { int(97) -m bin 0000000000000061 }',
                             'http-response set-header y y if { int(167772161) -m ip 10.0.0.1 }')
        self.assertEqual([answer.get('x'), answer.get('y')], ['y', 'y'])

    def test_the_address_of_the_server_is_known_to_rules_about_its_answer(self):
        self.assertRegex(self.answer('http-response set-header x %si:%sp').get('x'), r'^127\.0\.0\.1:\d+$')

    def test_texts_are_compared_by_bytes_and_then_by_length(self):
        answer = self.answer('http-response set-header x "%[str(abcdef),strcmp(txn.a)] %[str(a),strcmp(txn.a)] '
                             '%[str(abc),strcmp(txn.a)] %[int(1),secure_memcmp(txn.n)]"',
                             'http-request set-var(txn.a) str(abc)', 'http-request set-var(txn.n) bool(true)')
        self.assertEqual(answer.get('x'), '1 -1 0 1')

    def test_the_least_number_can_be_written(self):
        self.assertEqual(self.answer('http-response set-header x %[str(-9223372036854775808),add(0)]').get('x'),
                         '-9223372036854775808')

    def test_a_variable_that_cannot_be_set_yet_yields_no_value(self):
        answer = self.answer('http-request return status 200 hdr x a%[str(b),set-var(res.a)] hdr y %[str(b),set-var(req.a)]')
        self.assertEqual([answer.get('x'), answer.get('y')], ['a', 'b'])

    def test_rates_count_the_last_second(self):
        for condition in ('fe_sess_rate gt 3', 'fe_req_rate gt 3'):
            rig = self.rig(front('http-request deny deny_status 429 if { %s }' % condition))
            self.assertIn(429, [rig.get('/test/server').status for _ in range(20)], condition)
        rig = self.rig(front(back=('http-request deny deny_status 429 if { be_sess_rate gt 3 }',)))
        self.assertIn(429, [rig.get('/test/server').status for _ in range(20)])

    def test_connslots_counts_places_in_line_too(self):
        rig = self.rig(front('http-request return status 200 hdr x %[connslots(be)]').replace(
            'server s1 <s1>', 'server s1 <s1> maxconn 5 maxqueue 7'))
        self.assertEqual(rig.get('/').get('x'), '12')


    def test_a_status_that_nobody_has_named_has_the_reason_of_its_class(self):
        for status, reason in ((299, 'Success'), (399, 'Redirection'), (498, 'Client Error'), (599, 'Server Error')):
            rig = self.rig(front('http-request return status 200', 'http-after-response set-status %d' % status))
            answer = rig.get('/')
            self.assertEqual((answer.status, answer.reason), (status, reason))


class Order(Case):
    ONCE = True

    def test_allow_does_not_lead_past_redirect_lines(self):
        rig = self.rig(front('redirect location /moved if { path /old }', 'http-request allow if { src 127.0.0.1 }', 'http-request deny'))
        self.assertEqual([rig.get(path).status for path in ('/old', '/test/server')], [302, 200])

    def test_the_log_has_the_status_that_rules_behind_an_answer_of_our_own_set(self):
        rig = self.rig(front('http-after-response set-status 418', 'http-request deny if { path /deny }', 'http-request redirect location /x if { path /redirect }',
                             'http-request auth if { path /auth }', 'http-request return status 200', 'log-format "%HP %ST|"'))
        for path in ('/deny', '/redirect', '/auth', '/return'):
            self.assertEqual(rig.get(path).status, 418)
            rig.log.wait(path + r' 418\|')

    def test_rules_that_choose_servers_know_the_version_that_came(self):
        rig = self.rig(front(back=('use-server s2 if HTTP_1.0', 'server s2 <s2>')))
        for version, name in (('1.0', b'EX02'), ('1.1', b'EX01')):
            with rig.connect() as client:
                client.send(b'GET /test/server HTTP/%s\r\nHost: a\r\n\r\n' % version.encode())
                self.assertEqual(client.response().body.strip(), name)


class Targets(Case):
    ONCE = True

    def test_host_follows_an_authority_set_by_a_rule(self):
        rig = self.rig(front('http-request set-uri http://inner.example/test/echo'))
        self.assertEqual(dict(rig.get('/').json()['fields'])['Host'], 'inner.example')

    def test_the_authority_follows_a_host_set_by_a_rule(self):
        rig = self.rig(front('http-request set-header Host inner.example', 'http-request set-header X-Url %[url]'))
        with rig.connect() as client:
            client.send(b'GET http://mail.contoso.com/test/echo HTTP/1.1\r\nHost: mail.contoso.com\r\n\r\n')
            seen = dict(client.response().json()['fields'])
        self.assertEqual((seen['Host'], seen['X-Url']), ('inner.example', 'http://inner.example/test/echo'))

    def test_monitor_uri_is_compared_with_the_path(self):
        rig = self.rig(front('monitor-uri /alive', 'http-request return status 404'))
        with rig.connect() as client:
            client.send(b'GET http://a/alive HTTP/1.1\r\nHost: a\r\n\r\n')
            self.assertEqual(client.response().status, 200)
        self.assertEqual(rig.get('/alive?x').status, 404)

    def forwarded(self, frontend, backend, fields=()):
        rig = self.rig(front(*frontend, back=backend))
        with rig.connect() as client:
            return [(name, value) for name, value in client.get('/test/echo', fields).json()['fields']
                    if name.lower().startswith('x-')]

    def test_forwardfor_of_both_sides_is_one(self):
        ours, given = ('X-Forwarded-For', '127.0.0.1'), ('X-Forwarded-For', '1.1.1.1')
        self.assertEqual(self.forwarded(['option forwardfor header X-Fe'], ['option forwardfor header X-Be']),
                         [('X-Be', '127.0.0.1')])
        self.assertEqual(self.forwarded(['option forwardfor'], ['option forwardfor except 127.0.0.0/8']), [])
        self.assertEqual(self.forwarded(['option forwardfor except 127.0.0.0/8'], ['option forwardfor']), [])
        self.assertEqual(self.forwarded(['option forwardfor if-none'], ['option forwardfor'], [given]), [given, ours])
        self.assertEqual(self.forwarded(['option forwardfor if-none'], ['option forwardfor if-none'], [given]), [given])
        self.assertEqual(self.forwarded(['option forwardfor', 'unique-id-format one', 'unique-id-header X-Id'], []), [('X-Id', 'one'), ours])


class Pages(Case):
    ONCE = True

    def test_each_status_with_a_page_of_haproxys_has_one(self):
        for status in (200, 400, 401, 403, 404, 405, 407, 408, 410, 413, 421, 422, 425, 429, 500, 501, 502, 503, 504):
            rig = self.rig(front('http-request deny deny_status %d' % status))
            answer = rig.get('/')
            self.assertEqual((answer.status, answer.get('content-type')), (status, 'text/html'))
            self.assertIn(b'%d ' % status, answer.body)


class Timers(Case):
    ONCE = True

    FORMAT = 'log-format "%ST %ts %TR/%Tw/%Tc/%Tr %Th/%Ti %Tq %bc/%sc %bi %hr|"'

    def line(self, rig, pattern):
        return rig.log.wait(r'(?m)\]: ' + pattern)

    def test_the_request_being_logged_is_not_counted_among_connections(self):
        rig = self.rig(front(self.FORMAT))
        rig.get('/test/server')
        self.line(rig, r'200 -- \d+/0/\d+/\d+ 0/\d+ \d+ 0/0 127\.0\.0\.1 ')

    def test_lines_are_numbered(self):
        rig = self.rig(front('log-format "no %lc |"'))
        with rig.connect() as client:
            client.get('/test/server')
            client.get('/test/server')
        rig.log.wait(r'no 0 \|')
        rig.log.wait(r'no 1 \|')

    def test_a_request_that_was_none_has_no_captures_and_no_handshake(self):
        rig = self.rig(front('capture request header A len 5', self.FORMAT))
        with rig.connect() as client:
            client.send(b'GET / HT')
            client.half_close()
            client.rest()
        self.line(rig, r'400 CR -1/-1/-1/-1 0/\d+ -1 0/0 - \|')

    def test_a_tarpit_is_waiting(self):
        rig = self.rig(front('timeout tarpit 50ms', 'http-request tarpit', self.FORMAT))
        rig.get('/')
        self.line(rig, r'500 PT -1/(?:[4-9]\d|\d{3,})/-1/-1 0/\d+ -1 ')

    def test_a_pause_before_a_retry_is_no_waiting_and_none_follows_a_connect_timeout(self):
        hole = self.black_hole()
        for address, pauses in (('<dead>', 2), (hole.address, 0)):
            rig = self.rig(front('log-format "%ST %Tw/%Tc/%Tr %Ta %rc|"', back=('retries 2', 'timeout connect 200ms')).replace(
                '<s1>', address))
            rig.get('/')
            whole = int(self.line(rig, r'503 0/-1/-1 (\d+) 2\|').group(1))
            self.assertGreaterEqual(whole, 200 * pauses if pauses else 600)
            # Three attempts and two pauses of this length would be 1000.
            self.assertLess(whole, 990)

    def test_a_client_of_a_unix_socket_has_the_number_of_its_listener(self):
        rig = self.rig(front('bind <dir>/one', 'log-format "%ci:%cp %fi:%fp|"'))
        wait_until(lambda: os.path.exists(rig.folder + '/one'), 'the socket')
        with Client(rig.folder + '/one') as client:
            client.get('/test/server')
        self.line(rig, r'unix:2 unix:2\|')

    def test_an_answer_that_a_rule_denies_has_no_time(self):
        rig = self.rig(front('http-response deny', self.FORMAT))
        rig.get('/test/server')
        self.line(rig, r'502 PH \d+/\d+/\d+/-1 .* 127\.0\.0\.1 ')

    def test_who_leaves_in_the_middle_of_a_body_is_told_nothing(self):
        rig = self.rig(front(self.FORMAT))
        with rig.connect() as client:
            client.send(b'POST /test/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc')
            rig.server('s1').wait_count('requests', 1)
        self.line(rig, r'-1 CD ')

    def test_the_time_of_a_handshake_is_told(self):
        rig = self.rig(front(self.FORMAT).replace('bind <fe>', 'bind <fe> ssl crt ' + certificate('mail')) + """
frontend fe_slow
    bind <fe_slow>
    timeout tarpit 300ms
    no log
    http-request tarpit
""", globals_='    stats socket <dir>/admin.sock\n')

        def connections():
            rows = list(csv.DictReader(io.StringIO(ask(rig, 'show stat fe 1 -1'))))
            return [row['conn_tot'] for row in rows]
        with socket.create_connection(rig.addresses['fe']) as plain:
            wait_until(lambda: connections() == ['1'], 'the connection to be taken')
            # So long it is there for certain before it says anything: by the clock of the program itself.
            self.assertEqual(rig.get('/', frontend='fe_slow').status, 500)
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            with context.wrap_socket(plain) as client:
                client.sendall(b'GET /test/server HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
                while client.recv(4096):
                    pass
        self.line(rig, r'200 -- \d+/\d+/\d+/\d+ (?:29\d|[3-9]\d\d|\d{4,})/\d+ ')

    def test_inspection_in_mode_tcp_is_waiting_and_a_capture_waits_for_its_bytes(self):
        rig = self.rig("""
frontend fe
    mode tcp
    bind <fe>
    log-format "%Tw %hr|"
    tcp-request inspect-delay 200ms
    tcp-request content capture req.payload(0,4) len 4
    tcp-request content accept if WAIT_END
    default_backend be
backend be
    mode tcp
    server s1 <s1>
""")
        with rig.connect() as client:
            client.send(b'GE')
            client.send(b'T /test/server HTTP/1.1\r\nHost: a\r\n\r\n')
            client.response()
        self.assertGreaterEqual(int(rig.log.wait(r'\]: (\d+) \{GET \}\|').group(1)), 199)


class Wire(Case):
    ONCE = True

    def answered(self, answer, request=b'GET / HTTP/1.1\r\nHost: a\r\n\r\n'):
        def talk(sock, number):
            read_head(sock)
            sock.sendall(answer)
        rig = self.rig(front().replace('<s1>', '127.0.0.1:%d' % self.script(talk).port))
        with rig.connect() as client:
            client.send(request)
            return client.response()

    def test_from_an_answer_that_upgrades_nothing_both_fields_go(self):
        answer = self.answered(b'HTTP/1.1 200 OK\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n')
        self.assertEqual((answer.get('upgrade'), answer.get('connection')), (None, None))

    def test_an_upgrade_to_what_nobody_asked_for_is_refused(self):
        request = b'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
        answer = b'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n'
        self.assertEqual(self.answered(answer % b'WebSocket', request).status, 101)
        self.assertEqual(self.answered(answer % b'other', request).status, 502)

    SAYS = b'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n'

    def test_an_upgrade_that_does_not_say_so_is_refused(self):
        for fields in (b'Upgrade: chat\r\n', b'Connection: keep-alive\r\nUpgrade: chat\r\n', b''):
            with self.subTest(fields):
                answer = b'HTTP/1.1 101 Switching Protocols\r\n' + fields + b'\r\n'
                self.assertEqual(self.answered(answer, self.SAYS).status, 502)

    @penstock_only('passes both on')
    def test_an_upgrade_to_nothing_or_in_an_old_version_is_refused(self):
        for answer in (b'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n',
                       b'HTTP/1.0 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n'):
            with self.subTest(answer):
                self.assertEqual(self.answered(answer, self.SAYS).status, 502)

    def test_blanks_in_chunk_extensions_are_legal(self):
        rig = self.rig(front())
        for size in (b'3 ;a=b', b'3; a = b', b'3\t;a', b'3 ; a ; b="c d"'):
            with rig.connect() as client:
                client.send(b'POST /test/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n' + size +
                            b'\r\nabc\r\n0\r\n\r\n')
                self.assertEqual(client.response().json()['body_size'], 3)

    def test_an_empty_error_file_says_nothing(self):
        rig = self.rig(front('errorfile 403 <dir>/nothing', 'http-request deny'), start=False)
        open(rig.folder + '/nothing', 'w').close()
        rig.start()
        with rig.connect() as client:
            client.send(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
            self.assertEqual(client.rest(), b'')
        rig.log.wait(r' 403 0 .* PR-- ')

    def test_who_says_nothing_is_told_nothing_where_probes_are_ignored(self):
        for lines, says in (([], True), (['option http-ignore-probes'], False)):
            rig = self.rig(front('timeout http-request 50ms', *lines))
            with rig.connect() as client:
                self.assertEqual(b' 408 ' in client.rest(), says)
            with rig.connect() as client:
                client.send(b'GET /')
                self.assertIn(b' 408 ', client.rest())

    def test_the_size_of_a_chunked_body_is_known_once_it_is_there(self):
        rig = self.rig(front('option http-buffer-request', 'http-request return status 200 hdr x %[req.body_size]'))
        with rig.connect() as client:
            client.send(b'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n')
            self.assertEqual(client.response().get('x'), '3')

    def test_files_are_found_behind_a_negation_without_a_blank(self):
        rig = self.rig(front('http-request deny if !{ src -f <dir>/nets.lst }'), start=False)
        with open(rig.folder + '/nets.lst', 'w') as file:
            file.write('127.0.0.0/8\n')
        rig.start()
        self.assertEqual(rig.get('/test/server').status, 200)

    def test_addresses_of_the_connection_itself_can_be_asked_for(self):
        rig = self.rig(front('http-request return status 200 hdr x "%[src] %[fc_src] %[dst_port]"').replace(
            'bind <fe>', 'bind <fe> accept-proxy'))
        with rig.connect() as client:
            client.send(b'PROXY TCP4 10.1.1.1 10.2.2.2 1000 2000\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n')
            self.assertEqual(client.response().get('x'), '10.1.1.1 127.0.0.1 2000')

    def test_a_port_that_is_not_known_is_none(self):
        rig = self.rig(front('http-request return status 200 hdr x "<%[src_port]> <%[dst_port]> <%[src]>" hdr y %ci:%cp if !{ src_port -m found }').replace(
            'bind <fe>', 'bind <fe> accept-proxy'))
        with rig.connect() as client:
            client.send(b'PROXY TCP4 10.1.1.1 10.2.2.2 0 0\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n')
            answer = client.response()
        self.assertEqual((answer.get('x'), answer.get('y')), ('<> <> <10.1.1.1>', '10.1.1.1:0'))

    def test_two_percent_signs_are_one_whatever_follows(self):
        rig = self.rig(front('http-request return status 200 hdr x "%%[src] %%%[src] %%%%[src] %%ci 100%% %%{+Q}[src]"',
                             'log-format "%%[src] %%%[src]|"'))
        self.assertEqual(rig.get('/').get('x'), '%[src] %127.0.0.1 %%[src] %ci 100% %{+Q}[src]')
        rig.log.wait(r'\]: %\[src\] %127\.0\.0\.1\|')

    def test_the_environment_tells_of_the_process(self):
        rig = self.rig(front('http-request return status 200 hdr x "${HAPROXY_LOCALPEER}" hdr y %[env(HAPROXY_STARTUP_VERSION)]'))
        answer = rig.get('/')
        self.assertEqual(answer.get('x'), socket.gethostname())
        self.assertRegex(answer.get('y'), r'^2\.6')

    def test_env_tells_what_setenv_and_its_kin_have_made_of_the_environment(self):
        line = 'http-request return status 200 hdr x "<%[env(ONE)]> <%[env(TWO)]> <%[env(THREE)]> <%[env(FOUR)]>"'
        environment = {'ONE': '1', 'TWO': '2', 'FOUR': '4'}
        for words, values in ((['setenv ONE a', 'unsetenv TWO', 'presetenv THREE c', 'presetenv FOUR d'], '<a> <> <c> <4>'),
                              (['setenv ONE a', 'resetenv fe TWO THREE', 'setenv THREE c'], '<> <2> <c> <>'),
                              (['unsetenv ONE', 'setenv ONE b'], '<b> <2> <> <4>')):
            rig = self.rig(front(line), globals_=''.join('    %s\n' % word for word in words), environment=environment)
            self.assertEqual(rig.get('/').get('x'), values, words)

    @penstock_only('a reload of its own')
    def test_a_reload_begins_with_the_environment_of_the_process(self):
        line = 'http-request return status 200 hdr x "<%[env(ONE)]> <%[env(TWO)]>"'
        rig = self.rig(front(line), globals_='    setenv ONE a\n', environment={'ONE': '1', 'TWO': '2'})
        self.assertEqual(rig.get('/').get('x'), '<a> <2>')
        rig.globals_ = '    unsetenv TWO\n'
        rig.reload(front(line))
        wait_until(lambda: rig.get('/').get('x') == '<1> <>', 'the environment of the process')

    def test_a_check_asks_what_its_formats_say(self):
        asked = []

        def talk(sock, number):
            asked.append(read_head(sock).partition(b'be')[0])
            sock.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
        rig = self.rig(front(back=('option httpchk', 'http-check send meth POST uri-lf /%[srv_name] ver HTTP/1.1 '
                                   'hdr Host %[srv_name].example hdr X-Load 100%% body-lf %[be_name]',
                                   'default-server check inter 50ms', 'server s2 127.0.0.1:%d' % self.script(talk).port)))
        wait_until(lambda: asked, 'a check')
        self.assertEqual(asked[0], b'POST /s2 HTTP/1.1\r\nHost: s2.example\r\nX-Load: 100%\r\nContent-Length: 2\r\n'
                                   b'Connection: close\r\n\r\n')
        del rig
