"""Health for each pool: every way to fail, and the lines that say so."""
import re
import time

from harness import Case, penstock_only, read_head, reset

TEXT = """
frontend fe
    bind <fe>
    use_backend bk_ews if { path_beg -i /ews }
    default_backend bk_owa
backend bk_owa
    option httpchk
    http-check send meth GET uri /owa/healthcheck.htm ver HTTP/1.1 hdr Host mail.contoso.com
    http-check expect status 200
    server s1 <s1%(tls)s> check inter 2s fastinter 60ms downinter 60ms rise 1 fall 2 %(words)s
    server s2 <s2%(tls)s> check inter 2s fastinter 60ms downinter 60ms rise 1 fall 2 %(words)s
backend bk_ews
    option httpchk
    http-check send meth GET uri /EWS/healthcheck.htm ver HTTP/1.1 hdr Host mail.contoso.com
    http-check expect status 200
    timeout check 1s
    server s1 <s1%(tls)s> check inter 2s fastinter 60ms downinter 60ms rise 1 fall 2 %(words)s
    server s2 <s2%(tls)s> check inter 2s fastinter 60ms downinter 60ms rise 1 fall 2 %(words)s
"""
PLAIN = TEXT % {'tls': '', 'words': ''}
TLS = TEXT % {'tls': '+tls', 'words': 'ssl verify none'}

# State of cassim: what the line of the log says about the check.
STATES = {
    'offline-rst': r'reason: (Socket error|Layer7 invalid response)',
    'offline-fin': r'reason: (Socket error|Layer7 invalid response)',
    '503-httpapi': r'reason: Layer7 wrong status, code: 503, info: "[^"]*"',
    'hang': r'reason: Layer7 timeout',
    'slow 5': r'reason: Layer7 timeout',
    '401': r'reason: Layer7 wrong status, code: 401',
}


class States(Case):

    def down_and_up(self, text, state, reason):
        rig = self.rig(text)
        server = rig.server('s1')
        server.wait(lambda: server.probe_counts['ews'] >= 1, 'a probe')
        server.states['ews'] = state
        rig.log.wait(r'Server bk_ews/s1 is DOWN, %s.*check duration: \d+ms\. '
                     r'1 active and 0 backup servers left\. \d+ sessions active, \d+ requeued, '
                     r'\d+ remaining in queue' % reason)
        self.assertEqual({rig.get('/ews/', frontend='fe').get('x-feserver') for _ in range(4)},
                         {'EX02'})
        self.assertEqual({rig.get('/owa/').get('x-feserver') for _ in range(4)}, {'EX01', 'EX02'})
        server.states['ews'] = 'up'
        rig.log.wait(r'Server bk_ews/s1 is UP, reason: Layer7 check passed, code: 200.*'
                     r'2 active and 0 backup servers online')
        self.assertEqual({rig.get('/ews/').get('x-feserver') for _ in range(4)}, {'EX01', 'EX02'})
        self.assertNotIn('Server bk_owa', '\n'.join(rig.log.drain()))

    def test_a_refused_handshake_takes_it_out_of_every_pool(self):
        rig = self.rig(TLS)
        server = rig.server('s1')
        server.wait(lambda: server.probe_counts['ews'] >= 1, 'a probe')
        server.states['ews'] = 'tls-fail'
        for pool in ('bk_owa', 'bk_ews'):
            rig.log.wait(r'Server %s/s1 is DOWN, reason: Layer6 invalid response' % pool)

    def test_a_port_that_refuses_takes_it_out_of_every_pool(self):
        rig = self.rig(PLAIN)
        rig.server('s1').refuse()
        for pool in ('bk_owa', 'bk_ews'):
            rig.log.wait(r'Server %s/s1 is DOWN, reason: Layer4 connection problem, '
                         r'info: "Connection refused.*"' % pool)
        self.assertEqual({rig.get('/ews/').get('x-feserver') for _ in range(4)}, {'EX02'})

    @penstock_only('does not know Exchange')
    def test_a_connection_closed_by_exchange_is_explained(self):
        for state in ('offline-rst', 'offline-fin'):
            rig = self.rig(PLAIN)
            rig.server('s1').states['ews'] = state
            rig.log.wait(r'Server bk_ews/s1 is DOWN.*(?i:component|Get-ServerComponentState)')

    @penstock_only('does not say so')
    def test_when_all_pools_of_an_address_go_down_together_one_more_line_says_so(self):
        rig = self.rig(PLAIN)
        server = rig.server('s1')
        server.wait(lambda: server.probe_counts['ews'] and server.probe_counts['owa'], 'probes')
        server.refuse()
        rig.log.wait(r'(?i)every|all .*%s' % server.address.replace('.', r'\.'))

    def test_all_servers_down_is_an_emergency_and_503(self):
        rig = self.rig(PLAIN)
        for name in ('s1', 's2'):
            rig.server(name).states['ews'] = 'offline-rst'
        rig.log.wait(r'^<128>.*backend bk_ews has no server available!')
        self.assertEqual(rig.get('/ews/').status, 503)
        self.assertIn(rig.get('/owa/').get('x-feserver'), ('EX01', 'EX02'))
        rig.log.wait(r' bk_ews/<NOSRV> .* 503 \d+ - - SC-- ')

    def test_severities_are_those_of_the_manual(self):
        """local0: alert 129 when DOWN, notice 133 when UP."""
        rig = self.rig(PLAIN)
        rig.server('s1').states['ews'] = 'offline-rst'
        rig.log.wait(r'^<129>.*Server bk_ews/s1 is DOWN')
        rig.server('s1').states['ews'] = 'up'
        rig.log.wait(r'^<133>.*Server bk_ews/s1 is UP')


VDIRS = {'owa': '/owa', 'ecp': '/ecp', 'ews': '/EWS', 'mapi': '/mapi', 'eas': '/Microsoft-Server-ActiveSync',
         'rpc': '/rpc', 'oab': '/OAB', 'autodiscover': '/Autodiscover', 'powershell': '/PowerShell'}


class Matrix(Case):

    def test_each_virtual_directory_in_each_state_takes_out_its_own_pool(self):
        """The states go round: in each turn every directory has one, another than its neighbours."""
        text = 'listen fe\n    bind <fe>\n'
        for name, path in VDIRS.items():
            text += ('backend %s\n    option httpchk GET %s/healthcheck.htm\n    http-check expect status 200\n'
                     '    timeout check 250ms\n    server s1 <s1> check inter 40ms rise 1 fall 1\n' % (name, path))
        rig = self.rig(text)
        server, states = rig.server('s1'), ['up', *STATES]
        for turn in range(len(states)):
            start = len(rig.log.drain())
            chosen = {name: states[(n + turn) % len(states)] for n, name in enumerate(VDIRS)}
            server.states.update(chosen)
            for name, state in chosen.items():
                if state != 'up':
                    rig.log.wait('Server %s/s1 is DOWN, %s' % (name, STATES[state]), start=start)
            up = [name for name, state in chosen.items() if state == 'up']
            for name in VDIRS:
                server.states[name] = 'up'
                if name not in up:
                    rig.log.wait('Server %s/s1 is UP, reason: Layer7 check passed' % name, start=start)
            for line in rig.log.lines[start:]:
                self.assertIsNone(re.search('Server (%s)/' % '|'.join(up), line), line)


def one_state(text, state, reason):
    def test(self):
        self.down_and_up(text, state, reason)
    return test


for _state, _reason in STATES.items():
    for _how, _text in (('in_clear', PLAIN), ('over_tls', TLS)):
        setattr(States, 'test_%s_takes_the_server_out_of_that_pool_alone_%s' % (
            re.sub(r'\W', '_', _state), _how), one_state(_text, _state, _reason))


class Counts(Case):
    TEXT = """
frontend fe
    bind <fe>
    default_backend be
backend be
    option httpchk
    http-check send meth GET uri /owa/healthcheck.htm ver HTTP/1.1 hdr Host mail.contoso.com
    http-check expect status 200
    option log-health-checks
    server s1 <s1> check %s
    server s2 <s2>
"""

    def test_fall_checks_must_fail(self):
        rig = self.rig(self.TEXT % 'inter 1s fastinter 50ms downinter 50ms fall 4 rise 1')
        server = rig.server('s1')
        server.wait(lambda: server.probe_counts['owa'] >= 2, 'good probes')
        before = server.probe_counts['owa']
        server.states['owa'] = '503-httpapi'
        rig.log.wait('Server be/s1 is DOWN')
        self.assertGreaterEqual(server.probe_counts['owa'] - before, 4)
        self.assertLessEqual(server.probe_counts['owa'] - before, 7)

    def test_rise_checks_must_pass(self):
        rig = self.rig(self.TEXT % 'inter 1s fastinter 50ms downinter 50ms fall 1 rise 4')
        server = rig.server('s1')
        server.states['owa'] = '503-httpapi'
        rig.log.wait('Server be/s1 is DOWN')
        server.states['owa'] = 'up'
        before = server.probe_counts['owa']
        rig.log.wait('Server be/s1 is UP')
        self.assertGreaterEqual(server.probe_counts['owa'] - before, 3)

    def counting(self):
        """A server that counts its probes and is good as long as it is told to be."""
        self.good, self.count = True, 0

        def talk(sock, _):
            read_head(sock)
            self.count += 1
            sock.sendall(b'HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n' % (200 if self.good else 503))
        return self.TEXT.replace('<s1>', self.script(talk).address)

    def test_it_is_down_after_fall_checks_and_up_after_rise_exactly(self):
        """In doubt fastinter is the pace; the next check after the state line comes too late to count."""
        text = self.counting()
        rig = self.rig(text % 'inter 300ms fastinter 20ms downinter 1m fall 4 rise 2')
        rig.log.wait('for server be/s1 succeeded.*status: 4/4 UP')
        self.good, self.count = False, 0
        rig.log.wait('Server be/s1 is DOWN')
        self.assertEqual(self.count, 4)

        rig = self.rig(text % 'inter 1m fastinter 20ms downinter 300ms fall 4 rise 3')
        rig.log.wait('Server be/s1 is DOWN')
        self.good, self.count = True, 0
        rig.log.wait('Server be/s1 is UP')
        self.assertEqual(self.count, 3)

    def test_a_new_server_starts_up_and_one_failure_takes_it_down(self):
        rig = self.rig(self.TEXT % 'inter 10s fall 3 rise 1', start=False)
        rig.server('s1').states['owa'] = 'offline-rst'
        rig.start()
        rig.log.wait('Server be/s1 is DOWN', 8)

    def test_fastinter_speeds_up_what_is_in_doubt(self):
        rig = self.rig(self.TEXT % 'inter 2s fastinter 30ms downinter 30ms fall 4 rise 4')
        server = rig.server('s1')
        server.wait(lambda: server.probe_counts['owa'] >= 1, 'a probe')
        server.states['owa'] = '503-httpapi'
        started = time.monotonic()
        rig.log.wait('Server be/s1 is DOWN')
        self.assertLess(time.monotonic() - started, 4)
        server.states['owa'] = 'up'
        rig.log.wait('Server be/s1 is UP')
        self.assertLess(time.monotonic() - started, 6)

    def test_log_health_checks_tells_each_change(self):
        rig = self.rig(self.TEXT % 'inter 1s fastinter 50ms downinter 50ms fall 3 rise 2')
        rig.log.wait(r'Health check for server be/s1 succeeded, reason: Layer7 check passed, '
                     r'code: 200.*check duration: \d+ms, status: 3/3 UP')
        rig.server('s1').states['owa'] = '503-httpapi'
        rig.log.wait(r'Health check for server be/s1 failed, reason: Layer7 wrong status, code: 503.*'
                     r'status: 2/3 UP')
        rig.log.wait(r'Health check for server be/s1 failed.*status: 0/2 DOWN')

    def test_flapping_within_fall_goes_unnoticed(self):
        rig = self.rig(self.TEXT % 'inter 300ms fastinter 20ms fall 3 rise 1')
        server = rig.server('s1')
        server.states['owa'] = 'flip 2'
        # The first check alone may take a new server down: begin when one has passed.
        server.wait(lambda: server.probe_counts['owa'] >= 20, 'twenty probes')
        self.assertNotIn('is DOWN', '\n'.join(rig.log.drain()))

    def test_on_marked_down_shutdown_sessions_cuts_those_at_work(self):
        rig = self.rig(self.TEXT % 'inter 1s fastinter 50ms downinter 50ms fall 1 rise 1 on-marked-down shutdown-sessions')
        client = rig.connect()
        client.request('GET', '/test/drip/100000?ms=20')
        client.take_until(b'\r\n\r\n')
        served = next(s for s in rig.servers.values() if s.by_path['/test/drip/100000'])
        if served.name != 'EX01':      # The turn was the other server's: take the next one.
            client = rig.connect()
            client.request('GET', '/test/drip/100000?ms=20')
            client.take_until(b'\r\n\r\n')
        rig.server('s1').states['owa'] = 'offline-rst'
        client.rest()
        rig.log.wait(r' be/s1 .* D[DH]-- ')

    def test_without_it_those_at_work_stay(self):
        rig = self.rig(self.TEXT % 'inter 1s fastinter 50ms downinter 50ms fall 1 rise 1')
        clients = [rig.connect() for _ in range(2)]
        for client in clients:
            client.request('GET', '/test/drip/40?ms=20')
            client.take_until(b'\r\n\r\n')
        rig.server('s1').states['owa'] = 'offline-rst'
        rig.log.wait('Server be/s1 is DOWN')
        for client in clients:
            self.assertEqual(len(client.take(40)), 40)


class Forms(Case):
    """option httpchk in all forms, http-check send/expect/connect, check-ssl, addr, port."""
    TEXT = """
frontend fe
    bind <fe>
    default_backend be
backend be
    option log-health-checks
%s
    server s1 %s check inter 400ms fall 1 rise 1
    server s2 <s2>
"""

    def probed(self, lines, address, pattern='is DOWN|succeeded', **options):
        rig = self.rig(self.TEXT % ('\n'.join('    ' + line for line in lines), address), **options)
        return rig, rig.log.wait(pattern).group(0)

    def collector(self, answer=b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'):
        seen = []

        def talk(sock, _):
            seen.append(read_head(sock))
            sock.sendall(answer)
        script = self.script(talk)
        return script, seen

    def test_the_forms_of_option_httpchk(self):
        for option, line in (
                ('option httpchk', b'OPTIONS / HTTP/1.0\r\n'),
                ('option httpchk /a', b'OPTIONS /a HTTP/1.0\r\n'),
                ('option httpchk GET /a?b', b'GET /a?b HTTP/1.0\r\n'),
                ('option httpchk HEAD /a HTTP/1.1', b'HEAD /a HTTP/1.1\r\n'),
                ('option httpchk GET /a HTTP/1.1\\r\\nHost:\\ www', b'GET /a HTTP/1.1\r\n')):
            script, seen = self.collector()
            self.probed([option], script.address, 'succeeded')
            self.assertTrue(seen[0].startswith(line), seen[0])
        self.assertRegex(seen[0].decode(), r'(?i)\r\nhost: www\r\n')

    def test_http_check_send_makes_the_request(self):
        script, seen = self.collector()
        self.probed(['option httpchk', 'http-check send meth POST uri /p ver HTTP/1.1 hdr Host h '
                     'hdr X-Probe yes body hello'], script.address, 'succeeded')
        text = seen[0].decode()
        self.assertTrue(text.startswith('POST /p HTTP/1.1\r\n'))
        self.assertRegex(text, r'(?i)\r\nhost: h\r\n')
        self.assertRegex(text, r'(?i)\r\nx-probe: yes\r\n')
        self.assertRegex(text, r'(?i)\r\ncontent-length: 5\r\n')

    def test_without_expect_2xx_and_3xx_are_good(self):
        for status, word in ((200, 'succeeded'), (302, 'succeeded'), (404, 'is DOWN'),
                             (500, 'is DOWN')):
            script, _ = self.collector(b'HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n' % status)
            _, said = self.probed(['option httpchk GET /'], script.address)
            self.assertEqual(said, word, status)

    def test_expect_in_all_forms(self):
        page = b'HTTP/1.1 200 OK\r\nX-State: good\r\nContent-Length: 28\r\n\r\n200 OK<br/>EX01.CONTOSO.LOCAL'
        for expect, word in (
                ('status 200', 'succeeded'), ('status 200-299,401', 'succeeded'),
                ('status 201', 'is DOWN'), ('! status 200', 'is DOWN'),
                ('rstatus ^2', 'succeeded'), ('rstatus ^5', 'is DOWN'), ('! rstatus ^5', 'succeeded'),
                ('string EX01', 'succeeded'), ('string 200\\ OK', 'succeeded'),
                ('string EX02', 'is DOWN'), ('! string EX02', 'succeeded'),
                ('rstring EX0[0-9]\\.', 'succeeded'), ('rstring EX9', 'is DOWN'),
                ('hdr name x-state value good', 'succeeded'),
                ('hdr name x-state value bad', 'is DOWN')):
            script, _ = self.collector(page)
            _, said = self.probed(['option httpchk GET /', 'http-check expect ' + expect],
                                  script.address)
            self.assertEqual(said, word, expect)

    def test_a_plain_check_is_a_connection(self):
        script = self.script(lambda sock, _: sock.recv(1))
        _, said = self.probed([], script.address)
        self.assertEqual(said, 'succeeded')
        _, said = self.probed([], '<dead>')
        self.assertEqual(said, 'is DOWN')

    def test_a_check_that_does_not_connect_times_out(self):
        hole = self.black_hole()
        rig, said = self.probed(['timeout connect 200ms', 'timeout check 200ms'], hole.address)
        self.assertEqual(said, 'is DOWN')
        rig.log.wait('reason: Layer4 timeout', start=0)

    def test_the_reason_is_worded_as_by_haproxy(self):
        clear = self.collector()[0].address
        gone = self.collector(b'HTTP/1.1 503 Gone\r\nContent-Length: 0\r\n\r\n')[0].address

        def silence(sock, _):
            sock.recv(1000)
            sock.recv(1000)

        def cut(sock, _):
            read_head(sock)
            reset(sock)
        silent, cutting = self.script(silence).address, self.script(cut).address
        for lines, address, reason in (
                ('', '<dead>', 'Layer4 connection problem, info: "Connection refused"'),
                ('', self.black_hole().address, 'Layer4 timeout'),
                ('', silent, 'Layer7 timeout'),
                ('', cutting, 'Socket error, info: "Connection reset by peer"'),
                ('', gone, 'Layer7 wrong status, code: 503, info: "Gone"'),
                ('http-check expect status 200', gone, 'Layer7 wrong status, code: 503, info: "Gone"'),
                ('http-check expect string fine', clear,
                 'Layer7 invalid response, info: "HTTP content check did not match"'),
                ('http-check expect ! string ok', clear,
                 'Layer7 invalid response, info: "HTTP check matched unwanted content"'),
                ('', silent + ' ssl verify none', 'Layer6 timeout')):
            rig, _ = self.probed(['timeout connect 300ms', 'timeout check 300ms', 'option httpchk GET /',
                                  'no option log-health-checks', lines], address, 'is DOWN')
            said = rig.log.wait(r'Server be/s1 is DOWN, reason: (.*), check duration: \d+ms\. 1 active and '
                                r'0 backup servers left\. 0 sessions active, 0 requeued, 0 remaining in queue')
            self.assertEqual(said.group(1), reason, (lines, address))

    def test_check_ssl_probes_over_tls_while_traffic_is_clear(self):
        text = """
frontend fe
    bind <fe>
    default_backend be
backend be
    option httpchk GET /owa/healthcheck.htm
    option log-health-checks
    server s1 <s1> check inter 400ms port <s1.tlsport> check-ssl verify none check-sni mail.contoso.com
"""
        rig = self.rig(text)
        rig.log.wait('Health check for server be/s1 succeeded')
        probe = rig.server('s1').log[0]
        self.assertEqual(probe.conn.sni, 'mail.contoso.com')
        self.assertIsNone(rig.get('/test/echo').json()['tls'])

    def test_addr_and_port_send_the_probe_elsewhere(self):
        rig = self.rig("""
frontend fe
    bind <fe>
    default_backend be
backend be
    option httpchk GET /owa/healthcheck.htm
    option log-health-checks
    server s1 <s1> check inter 400ms addr 127.0.0.1 port <s2.port>
""")
        rig.log.wait('Health check for server be/s1 succeeded')
        self.assertEqual(rig.server('s1').probe_counts['owa'], 0)
        self.assertGreaterEqual(rig.server('s2').probe_counts['owa'], 1)

    def test_http_check_connect_chooses_port_and_tls(self):
        rig = self.rig("""
frontend fe
    bind <fe>
    default_backend be
backend be
    option httpchk
    option log-health-checks
    http-check connect port <s1.tlsport> ssl sni probe.contoso.com
    http-check send meth GET uri /ews/healthcheck.htm ver HTTP/1.1 hdr Host h
    http-check expect status 200
    server s1 <s1> check inter 400ms verify none
""")
        rig.log.wait('Health check for server be/s1 succeeded')
        self.assertEqual(rig.server('s1').log[0].conn.sni, 'probe.contoso.com')

    def test_head_of_the_health_page_is_no_health_check(self):
        """Exchange answers HEAD by a redirect though the component is offline: UP, and wrong."""
        rig = self.rig(self.TEXT % ('    option httpchk HEAD /owa/healthcheck.htm', '<s1>'),
                       start=False)
        rig.server('s1').states['owa'] = 'offline-rst'
        rig.start()
        rig.log.wait('Health check for server be/s1 succeeded.*code: 302')


class Smtp(Case):
    """`option smtpchk`: a greeting, HELO, QUIT."""
    TEXT = """
listen mail
    bind <fe>
    mode tcp
    option tcplog
    option log-health-checks
    option smtpchk%s
    server s1 <script> check inter 50ms rise 1 fall 1
"""
    REPLIES = (b'220 ready\r\n', b'250 mx.contoso.com\r\n', b'221 bye\r\n')

    def told(self, replies, words=''):
        """What the log says of a server that answers so."""
        self.said = []

        def talk(sock, _):
            said = []
            self.said.append(said)
            for reply in replies:
                sock.sendall(reply)
                said.append(sock.recv(1000))

        script = self.script(talk)
        rig = self.rig((self.TEXT % words).replace('<script>', script.address))
        return rig.log.wait(r'Health check for server mail/s1 (.*), check duration: ').group(1)

    def test_a_server_that_answers_2xx_is_up(self):
        self.assertEqual(self.told(self.REPLIES), 'succeeded, reason: Layer7 check passed, code: 221, info: "bye"')
        self.assertEqual(b''.join(self.said[0]), b'HELO localhost\r\nQUIT\r\n')

    def test_the_greeting_and_our_name_may_be_chosen(self):
        self.assertIn('passed', self.told(self.REPLIES, ' EHLO lb.contoso.com'))
        self.assertEqual(b''.join(self.said[0]), b'EHLO lb.contoso.com\r\nQUIT\r\n')

    @penstock_only('reads the first line alone')
    def test_a_reply_may_have_several_lines_and_come_in_pieces(self):
        replies = (b'220-mx\r\n220 ready\r\n', b'250-mx\r\n250-SIZE 1\r\n250 OK\r\n', b'221 bye\r\n')
        self.assertIn('passed', self.told(replies, ' EHLO x'))

    def test_any_other_reply_takes_the_server_out(self):
        for replies, text in (((b'421 too busy\r\n',), 'Layer7 wrong status, code: 421, info: "too busy"'),
                              ((b'hello\r\n',), 'Layer7 invalid response, info: "hello"'),
                              (self.REPLIES[:2] + (b'500 what\r\n',), 'Layer7 wrong status, code: 500, info: "what"')):
            self.assertEqual(self.told(replies), 'failed, reason: ' + text)

    @penstock_only('waits for another')
    def test_a_name_that_is_refused_takes_the_server_out_at_once(self):
        replies = self.REPLIES[:1] + (b'502 not here\r\n',)
        self.assertEqual(self.told(replies), 'failed, reason: Layer7 wrong status, code: 502, info: "not here"')


class Track(Case):
    TEXT = """
frontend fe
    bind <fe>
    use_backend bk_ews if { path_beg -i /ews }
    use_backend bk_oab if { path_beg -i /oab }
    default_backend bk_owa
backend bk_owa
    option httpchk GET /owa/healthcheck.htm
    server s1 <s1> check inter 60ms rise 1 fall 1
    server s2 <s2> check inter 60ms rise 1 fall 1
backend bk_ews
    server s1 <s1> track bk_owa/s1
    server s2 <s2> track bk_owa/s2
backend bk_oab
    server s1 <s1> track bk_ews/s1%s
    server s2 <s2> track bk_ews/s2
"""

    def servers(self, rig, path):
        return {rig.get(path).get('x-feserver') for _ in range(6)}

    def test_servers_go_and_come_with_the_one_they_track(self):
        rig = self.rig(self.TEXT % '')
        server = rig.server('s1')
        server.wait(lambda: server.probe_counts['owa'] >= 1, 'a probe')
        self.assertEqual(self.servers(rig, '/ews/'), {'EX01', 'EX02'})
        server.states['owa'] = '503-httpapi'
        rig.log.wait(r'Server bk_owa/s1 is DOWN, reason: ')
        rig.log.wait(r'Server bk_ews/s1 is DOWN via bk_owa/s1\. 1 active and 0 backup servers left\.')
        rig.log.wait(r'Server bk_oab/s1 is DOWN via bk_ews/s1\. 1 active and 0 backup servers left\.')
        for path in ('/owa/', '/ews/', '/oab/'):
            self.assertEqual(self.servers(rig, path), {'EX02'}, path)
        server.states['owa'] = 'up'
        rig.log.wait(r'Server bk_oab/s1 is UP via bk_ews/s1\. 2 active and 0 backup servers online\.')
        self.assertEqual(self.servers(rig, '/oab/'), {'EX01', 'EX02'})
        self.assertEqual(server.probe_counts['ews'], 0)

    @penstock_only('reloads in place')
    def test_a_reload_finds_them_as_they_were(self):
        rig = self.rig(self.TEXT % ' weight 2')
        server = rig.server('s1')
        server.states['owa'] = '503-httpapi'
        rig.log.wait(r'Server bk_oab/s1 is DOWN via bk_ews/s1')
        start = len(rig.log.drain())
        rig.reload(self.TEXT % '')
        rig.log.wait('Reloaded in', start=start)
        self.assertEqual(self.servers(rig, '/oab/'), {'EX02'})
