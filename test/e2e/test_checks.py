"""Checks of pools in mode tcp: conversations, SMTP, TLS hellos.

What the log says was compared with HAProxy: these tests pass with it, but for those marked.
"""
from harness import Case, PATIENCE, penstock_only, read_head, reserved_port, reset, tls_client, wait_until
from test_runtime_socket import ask

HOLD, CLOSE, RESET, LINE = 'hold', 'close', 'reset', 'line'


def says(*turns):
    """A server's part: bytes it sends, lines it waits for, how it ends."""
    def talk(sock, _):
        for turn in turns:
            if turn == RESET:
                return reset(sock)
            if turn == CLOSE:
                return
            if turn == LINE and not sock.recv(4096):
                return
            if turn == HOLD:
                while sock.recv(4096):
                    pass
            if isinstance(turn, bytes):
                sock.sendall(turn)
    return talk


DID = 'Layer7 check passed, code: 0, info: "(tcp-check)"'
SAYS_OK, SAYS_ERR = says(b'+OK ready\r\n', HOLD), says(b'-ERR no\r\n', HOLD)
ENDS_ERR = says(b'-ERR no\r\n', CLOSE)


class Base(Case):
    TEXT = """
frontend fe
    mode tcp
    bind <fe>
    default_backend one
"""
    POOL = """
backend %s
    mode tcp
    option log-health-checks
    timeout connect 400ms
    timeout check 400ms
%s
    server s1 %s check inter 1s fall 1 rise 1 verify none
"""

    def told(self, scenes):
        """Of each (name, lines, part of the server or its address): what the first check came to."""
        text = self.TEXT.replace('one', scenes[0][0])
        for name, lines, server in scenes:
            address = server if isinstance(server, str) else self.script(server).address
            text += self.POOL % (name, '\n'.join('    ' + line for line in lines), address)
        rig = self.rig(text)
        told = {}
        for name, _, _ in scenes:
            match = rig.log.wait(r'[Ss]erver %s/s1 \w+(?: \w+)?, reason: (.*), check duration: \d+ms, status'
                                 % name)
            told[name] = match.group(1)
        return told

    def compare(self, scenes):
        told = self.told([scene[:3] for scene in scenes])
        for name, lines, _, expected in scenes:
            with self.subTest(name, lines=lines):
                self.assertEqual(told[name], expected)


class Script(Base):
    """option tcp-check and the lines of tcp-check."""
    ONCE = True

    def of(self, *scenes):
        self.compare([('be%d' % number, ['option tcp-check', *lines], server, expected)
                      for number, (lines, server, expected) in enumerate(scenes)])

    def test_what_an_answer_must_be(self):
        connect = 'tcp-check connect'
        self.of(
            ([], SAYS_OK, 'Layer4 check passed'),
            (['tcp-check expect string +OK'], SAYS_OK, DID),
            ([connect, 'tcp-check expect string +OK', r'tcp-check send QUIT\r\n', 'tcp-check expect string bye'],
             says(b'+OK\r\n', LINE, b'bye\r\n', CLOSE), DID),
            ([connect, 'tcp-check expect string +OK'], SAYS_ERR,
             'Layer7 timeout, info: " at step 2 of tcp-check (expect string \'+OK\')"'),
            ([connect, 'tcp-check expect string +OK'], ENDS_ERR,
             'Layer7 invalid response, info: "TCPCHK did not match content \'+OK\' at step 2"'),
            ([connect, 'tcp-check expect string +OK'], says(CLOSE),
             'Layer7 invalid response, info: "TCPCHK got an empty response at step 2"'),
            ([connect, 'tcp-check send A', 'tcp-check expect string +OK'], says(LINE, RESET),
             'Socket error, info: "Connection reset by peer at step 3 of tcp-check (expect string \'+OK\')"'),
            ([connect, 'tcp-check expect ! string ERR'], SAYS_ERR,
             'Layer7 invalid response, info: "TCPCHK matched unwanted content \'ERR\' at step 2"'),
            ([connect, 'tcp-check expect ! string ERR'], says(b'+OK', CLOSE), DID),
            ([connect, 'tcp-check expect rstring ^2..'], ENDS_ERR,
             'Layer7 invalid response, info: "TCPCHK did not match content (regex) at step 2"'),
            ([connect, 'tcp-check expect binary 2b4f4b'], ENDS_ERR,
             'Layer7 invalid response, info: "TCPCHK did not match content (binary) at step 2"'),
            ([connect, 'tcp-check send-binary 41', 'tcp-check expect binary 2b4F4b'],
             says(LINE, b'+OK', HOLD), DID),
            ([connect, 'tcp-check expect rbinary ^2B4F'], SAYS_OK, DID),
            ([connect, 'tcp-check expect rbinary ^2b'], SAYS_ERR,
             'Layer7 timeout, info: " at step 2 of tcp-check (expect binary regex)"'))

    def test_min_recv_says_how_much_is_enough(self):
        expect = 'tcp-check expect min-recv '
        late = 'Layer7 timeout, info: " at step 2 of tcp-check (expect string \'+OK\')"'
        wrong = 'Layer7 invalid response, info: "TCPCHK did not match content \'+OK\' at step 2"'
        self.of(*[(['tcp-check connect', expect + words], says(sent, HOLD), result)
                  for words, sent, result in (
                      ('10 string +OK', b'+OK\r\n', late), ('10 ! string +OK', b'-ERR\r\n', late),
                      ('0 string +OK', b'-ERR\r\n', wrong), ('3 string +OK', b'-ERR\r\n', wrong),
                      ('2 string +OK', b'-E', late), ('3 ! string +OK', b'-ERR', DID),
                      ('-1 string +OK', b'-ERR', late))])

    def test_comments_stand_behind_the_step_they_are_about(self):
        dead = reserved_port()
        self.addCleanup(dead.close)
        port = dead.getsockname()[1]
        self.of(
            (['tcp-check comment a', 'tcp-check connect', 'tcp-check comment b', 'tcp-check expect string Q'],
             ENDS_ERR, 'Layer7 invalid response, info: "TCPCHK did not match content \'Q\' at step 4 comment: b"'),
            (['tcp-check comment a', 'tcp-check expect string Q'], ENDS_ERR,
             'Layer7 invalid response, info: "TCPCHK did not match content \'Q\' at step 2 comment: a"'),
            (['tcp-check comment a', 'tcp-check connect', 'tcp-check expect comment mine string Q'], SAYS_ERR,
             'Layer7 timeout, info: " at step 3 of tcp-check (expect string \'Q\') comment: \'mine\'"'),
            (['tcp-check connect', 'tcp-check expect string +OK',
              'tcp-check connect port %d comment second' % port], SAYS_OK,
             'Layer4 connection problem, info: "Connection refused at step 3 of tcp-check (connect port %d) '
             'comment: \'second\'"' % port),
            ([], '<dead>', 'Layer4 connection problem, info: "Connection refused at initial connection step of '
             'tcp-check"'),
            (['tcp-check comment mine', 'tcp-check connect'], '<dead>',
             'Layer4 connection problem, info: "Connection refused at step 2 of tcp-check (connect) comment: '
             '\'mine\'"'),
            (['tcp-check connect'], self.black_hole().address,
             'Layer4 timeout, info: " at step 1 of tcp-check (connect)"'))

    def test_results_and_their_texts_may_be_given(self):
        def expect(words):
            return ['tcp-check connect', 'tcp-check expect ' + words]
        self.of(
            (expect(r'error-status L4CON on-error broken\ thing string +OK'), ENDS_ERR,
             'Layer4 connection problem, info: "broken thing"'),
            (expect('comment c error-status L7STS on-error "%[srv_name] of %[be_name]" string +OK'), ENDS_ERR,
             'Layer7 wrong status, code: 0, info: "s1 of be1 comment: c"'),
            (expect('error-status L7OKC string +OK'), ENDS_ERR,
             'Layer7 check conditionally passed, code: 0, info: "TCPCHK did not match content \'+OK\' at step 2"'),
            (expect('tout-status L6TOUT on-error unsaid string +OK'), SAYS_ERR,
             'Layer6 timeout, info: " at step 2 of tcp-check (expect string \'+OK\')"'),
            (expect(r'on-success all\ is\ well ok-status L6OK string +OK'), SAYS_OK,
             'Layer6 check passed, info: "all is well"'),
            (expect('ok-status L7OKC string +OK'), SAYS_OK,
             'Layer7 check conditionally passed, code: 0, info: "(tcp-check)"'),
            (expect('ok-status L4OK string +OK') + ['tcp-check send QUIT'], SAYS_OK, DID))

    def test_texts_may_be_made_anew_by_each_check(self):
        def echo(sock, _):
            while data := sock.recv(4096):
                sock.sendall(data)
        self.of(
            (['tcp-check connect', r'tcp-check send-lf "%[srv_name],%[be_name],%[srv_id],%[int(5)]"',
              'tcp-check expect string s1,be0,1,5'], echo, DID),
            (['tcp-check connect', 'tcp-check send-binary-lf %[str(2b4f4b)]', 'tcp-check expect string +OK'],
             echo, DID),
            (['tcp-check connect', 'tcp-check expect string-lf %[srv_name]'], ENDS_ERR,
             'Layer7 invalid response, info: "TCPCHK did not match content (log-format string) at step 2"'),
            (['tcp-check connect', 'tcp-check expect binary-lf %[str(2b4f4b)]'], SAYS_OK, DID))

    def test_a_connection_may_be_of_tls_to_another_port(self):
        told = self.told([('be', ['option tcp-check', 'tcp-check connect port <s1.tlsport> ssl sni a.contoso.com',
                                  r'tcp-check send GET\ /test/server\ HTTP/1.0\r\n\r\n',
                                  'tcp-check expect string 200'], '<s1>'),
                          ('clear', ['option tcp-check', 'tcp-check connect ssl', 'tcp-check expect string +OK'],
                           SAYS_OK)])
        self.assertEqual(told['be'], DID)
        self.assertRegex(told['clear'], r'^Layer6 invalid response, info: "SSL handshake failure.* at step 1 of '
                         r'tcp-check \(connect\)"$')

    def test_a_check_may_begin_with_a_proxy_header_and_its_steps_too(self):
        seen = {}

        def taker(name):
            def talk(sock, _):
                seen[name] = sock.recv(4096)
                sock.sendall(b'+OK\r\n')
            return talk
        step = ['option tcp-check', 'tcp-check connect send-proxy', 'tcp-check expect string +OK']
        line = ['option tcp-check', 'default-server check-send-proxy', 'tcp-check expect string +OK']
        self.told([('step', step, taker('step')), ('line', line, taker('line'))])
        self.assertEqual(seen['step'][:5], b'PROXY')
        self.assertEqual(seen['line'][:5], b'PROXY')


class Kinds(Base):
    """Checks that know their protocol."""
    ONCE = True

    def test_smtpchk_speaks_from_the_greeting_to_the_goodbye(self):
        heard = []

        def exchange(sock, _):
            sock.sendall(b'220 EX01 Microsoft ESMTP MAIL Service ready\r\n')
            heard.append(sock.recv(4096))
            sock.sendall(b'250-EX01 Hello\r\n250-SIZE 37748736\r\n')
            sock.sendall(b'250 XRDST\r\n')
            heard.append(sock.recv(4096))
            sock.sendall(b'221 2.0.0 Service closing\r\n')
        smtp, ehlo = ['option smtpchk'], ['option smtpchk EHLO lb.contoso.com']
        wrong = 'Layer7 wrong status, code: %d, info: "%s"'
        self.compare([
            ('good', ehlo, exchange, 'Layer7 check passed, code: 221, info: "2.0.0 Service closing"'),
            ('refused', smtp, says(b'554 no service\r\n', HOLD), wrong % (554, 'no service')),
            ('busy', smtp, says(b'220 EX01\r\n', LINE, b'421 busy\r\n', CLOSE), wrong % (421, 'busy')),
            ('other', smtp, says(b'* OK IMAP4\r\n', HOLD), 'Layer7 invalid response, info: "* OK IMAP4"'),
            ('short', smtp, says(b'22', CLOSE), 'Layer7 invalid response, info: "22"'),
            ('silent', smtp, says(HOLD), 'Layer7 timeout'),
            ('half', ehlo, says(b'220 a\r\n', LINE, b'250-hi\r\n', HOLD), 'Layer7 timeout'),
            ('closed', smtp, says(CLOSE),
             'Layer7 invalid response, info: "TCPCHK got an empty response at step 2"'),
            ('dead', smtp, '<dead>', 'Layer4 connection problem, info: "Connection refused"')])
        self.assertEqual(heard[:2], [b'EHLO lb.contoso.com\r\n', b'QUIT\r\n'])

    @penstock_only('HAProxy says hello as of 1996, which today is no longer answered')
    def test_ssl_hello_chk_wants_tls_and_asks_nobody_s_name(self):
        told = self.told([('tls', ['option ssl-hello-chk'], '<s1+tls>'),
                          ('other', ['option ssl-hello-chk'], says(b'+OK\r\n', HOLD)),
                          ('silent', ['option ssl-hello-chk'], says(LINE, HOLD))])
        self.assertEqual(told['tls'], 'Layer6 check passed')
        self.assertRegex(told['other'], '^Layer6 invalid response')
        self.assertEqual(told['silent'], 'Layer6 timeout')

    def test_httpchk_over_tls_guards_a_pool_of_mode_tcp(self):
        rig = self.rig("""
frontend fe
    mode tcp
    bind <fe>
    default_backend be
backend be
    mode tcp
    option httpchk
    http-check send meth GET uri /owa/healthcheck.htm ver HTTP/1.1 hdr Host mail.contoso.com
    http-check expect status 200
    server ex01 <s1+tls> check check-ssl verify none inter 200ms fall 1 rise 1
    server ex02 <s2+tls> check check-ssl verify none inter 200ms fall 1 rise 1
""", start=False)
        rig.server('s1').states['owa'] = 'offline-rst'
        rig.start()
        rig.log.wait('Server be/ex01 is DOWN')
        names = set()
        for _ in range(3):
            with rig.connect(context=tls_client()) as client:
                names.add(client.get('/test/server').body)
        self.assertEqual(names, {b'EX02'})
        rig.server('s1').states['owa'] = 'up'
        rig.log.wait('Server be/ex01 is UP, reason: Layer7 check passed, code: 200')


class Times(Base):
    """How long a check may take, by `timeout connect`, `inter` and `timeout check`."""
    POOL = """
backend %s
    mode tcp
    option httpchk
    option log-health-checks
    timeout connect %s
%s
    server s1 %s check inter %s fall 1%s
"""
    # Who is checked, timeout connect, inter, timeout check: what ends it, after how many milliseconds.
    SCENES = [
        ('hole', '200ms', '400ms', None, 'Layer4', 400),     # Without timeout check inter is all the time there is.
        ('hole', '200ms', '400ms', '300ms', 'Layer4', 200),  # With it the shorter of connect and inter
        ('hole', '3s', '400ms', '300ms', 'Layer4', 400),     # is for connecting,
        ('silent', '200ms', '400ms', None, 'Layer7', 400),
        ('silent', '200ms', '400ms', '300ms', 'Layer7', 300),    # and timeout check for what comes then.
        ('silent', '200ms', '400ms', '700ms', 'Layer7', 700),
        ('tls', '200ms', '400ms', None, 'Layer6', 400),      # A handshake is part of connecting.
        ('tls', '200ms', '400ms', '700ms', 'Layer6', 200),
        ('tls', '3s', '400ms', '700ms', 'Layer6', 400),
    ]

    def test_a_check_has_its_time_to_connect_and_its_time_to_be_answered(self):
        text = self.TEXT.replace('one', 'be0')
        for number, (who, connect, inter, check, _, _) in enumerate(self.SCENES):
            address = (self.black_hole() if who == 'hole' else self.script(says(HOLD))).address
            text += self.POOL % ('be%d' % number, connect, 'timeout check ' + check if check else '', address, inter,
                                 ' check-ssl verify none' if who == 'tls' else '')
        rig = self.rig(text)
        for number, scene in enumerate(self.SCENES):
            with self.subTest(scene):
                match = rig.log.wait(r'be%d/s1 failed, reason: (\w+) timeout.*, check duration: (\d+)ms' % number)
                self.assertEqual(match.group(1), scene[4])
                # A busy machine is late, and never by the next step.
                self.assertGreaterEqual(int(match.group(2)), scene[5] - 20)
                self.assertLess(int(match.group(2)), scene[5] + 2000 * PATIENCE / 10 if PATIENCE > 10 else scene[5] + 95)


class Protocols(Base):
    """Options that ask servers of other protocols."""
    ONCE = True
    GREETING = (b'\x0a5.7.1\0' + b'\7\0\0\0' + b'abcdefgh\0' + b'\xff\xf7\x21\x02\x00\xff\x81\x15' + bytes(10) +
                b'abcdefghijkl\0')

    @staticmethod
    def packet(number, text):
        return len(text).to_bytes(3, 'little') + bytes([number]) + text

    def of(self, *scenes):
        self.compare([('be%d' % number, [option], server, expected)
                      for number, (option, server, expected) in enumerate(scenes)])

    def hears(self, turns, heard):
        """As says(), and keeps what comes at each LINE."""
        def talk(sock, _):
            for turn in turns:
                if turn == LINE:
                    heard.append(sock.recv(4096))
                elif turn != CLOSE:
                    sock.sendall(turn)
        return talk

    def test_redis(self):
        heard = []
        self.of(('option redis-check', self.hears([LINE, b'+PONG\r\n', LINE], heard),
                 'Layer7 check passed, code: 0, info: "Redis server is ok"'),
                ('option redis-check', says(LINE, b'-ERR no\r\n', CLOSE),
                 'Layer7 wrong status, code: 0, info: "-ERR no"'),
                ('option redis-check', says(LINE, CLOSE),
                 'Layer7 wrong status, code: 0, info: "TCPCHK got an empty response at step 2"'))
        self.assertEqual(heard[0], b'*1\r\n$4\r\nPING\r\n')

    def test_ldap(self):
        heard, answer = [], '300c02010161070a01%s04000400'
        self.of(('option ldap-check', self.hears([LINE, bytes.fromhex(answer % '00'), LINE], heard),
                 'Layer7 check passed, code: 0, info: "Success"'),
                ('option ldap-check', says(LINE, bytes.fromhex('30840000001002010161840000000' '70a010004000400'), HOLD),
                 'Layer7 check passed, code: 0, info: "Success"'),
                ('option ldap-check', says(LINE, bytes.fromhex(answer % '31'), HOLD),
                 'Layer7 wrong status, code: 49, info: "See RFC: http://tools.ietf.org/html/rfc4511#section-4.1.9"'),
                ('option ldap-check', says(LINE, b'junkjunkjunkjunkjunk', HOLD),
                 'Layer7 invalid response, info: "Not LDAPv3 protocol"'),
                ('option ldap-check', says(LINE, CLOSE),
                 'Layer7 invalid response, info: "TCPCHK got an empty response at step 2"'))
        self.assertEqual(heard[0], bytes.fromhex('300c020101600702010304008000'))

    def test_postgresql(self):
        heard, option = [], 'option pgsql-check user mon'
        good = 'Layer7 check passed, code: 0, info: "PostgreSQL server is ok"'
        self.of((option, self.hears([LINE, b'R\0\0\0\x08\0\0\0\0', LINE], heard), good),
                (option, says(LINE, b'R\0\0\0\x0c\0\0\0\x05abcd', HOLD), good),
                (option, says(LINE, b'E\0\0\0\x14SFATAL\0C1234\0\0', HOLD), 'Layer7 invalid response, info: "FATAL"'),
                (option, says(LINE, b'junkjunkjunk', HOLD),
                 'Layer7 wrong status, code: 0, info: "PostgreSQL unknown error"'),
                (option, says(LINE, CLOSE), 'Layer7 invalid response, info: "TCPCHK got an empty response at step 3"'))
        self.assertEqual(heard[0], b'\0\0\0\x12\0\3\0\0user\0mon\0\0')

    @penstock_only('HAProxy shortens elsewhere')
    def test_what_servers_say_is_shown_shortly_and_in_one_line(self):
        text = 'backend be\n    mode tcp\n    option mysql-check\n    server s1 %s check inter 1s fall 1\n    server s2 <s2> agent-check agent-port %d agent-inter 1s\n'
        denied = self.packet(0, b'\xff\x15\x04' + b'no\nway\x1b' + b'x' * 30000)
        agent = self.script(says(b'down#' + b'y' * 60000 + b'\n', HOLD))
        rig = self.rig('frontend fe\n    mode tcp\n    bind <fe>\n    default_backend be\n' +
                       text % (self.script(says(denied, HOLD)).address, agent.port), globals_='stats socket <dir>/admin.sock level admin\n')
        wait_until(lambda: 'way' in ask(rig, 'show stat typed') and 'yyy' in ask(rig, 'show stat typed'), 'both')
        said = ask(rig, 'show stat typed')
        self.assertIn('no?way?xxx', said)
        self.assertLess(max(len(line) for line in said.splitlines()), 400)

    def test_mysql(self):
        old, new, hello = [], [], self.packet(0, self.GREETING)
        good = self.packet(2, b'\0\0\0\2\0\0\0')
        denied = self.packet(2, b'\xff\x15\x04denied')
        wrong = 'Layer7 wrong status, code: 1045, info: "denied"'
        passed = 'Layer7 check passed, code: 0, info: "5.7.1"'
        option, login = 'option mysql-check', 'option mysql-check user mon'
        self.of((option, says(hello, HOLD), passed),
                (option, says(self.packet(0, b'\xff\x15\x04denied'), HOLD), wrong),
                (option, says(CLOSE), 'Layer7 invalid response, info: "TCPCHK got an empty response at step 2"'),
                (login, self.hears([hello, LINE, good, LINE], new), passed),
                (login + ' post-41', says(hello, LINE, self.packet(2, b'\xfe'), HOLD), passed),
                (login, says(hello, LINE, denied, HOLD), wrong),
                (login, says(hello, LINE, CLOSE), 'Layer7 invalid response'),
                (login + ' pre-41', self.hears([hello, LINE, good, LINE], old), passed))
        quit_ = self.packet(0, b'\1')
        self.assertEqual(new[0], self.packet(1, b'\0\x82\0\0\0\x80\0\1\x21' + bytes(23) + b'mon\0\0') + quit_)
        self.assertEqual(old[0], self.packet(1, b'\0\x80\0\0\1mon\0\0') + quit_)


class Variables(Base):
    """set-var and its kin, and what else of a check is made by expressions."""
    ONCE = True

    def test_a_conversation_has_variables_of_its_own(self):
        server = self.script(says(LINE, b'hello\r\n', HOLD))
        port = server.address.split(':')[1]
        self.compare([
            ('be0', ['option tcp-check', 'tcp-check connect port int(%d),add(1)' % (int(port) - 1),
                     'tcp-check set-var(check.x) str(hi)', 'tcp-check set-var-fmt(check.x,ifexists) "%[var(check.x)] there"',
                     'tcp-check send-lf "%[var(check.x)]\\r\\n"', 'tcp-check expect string hello',
                     'tcp-check set-var(check.n) res.payload(0,0),length',
                     'tcp-check expect string hell status-code int(7) on-success "%[var(check.n)] %[res.payload(0,4)]"'],
             '<dead>', 'Layer7 check passed, code: 7, info: "7 hell"'),
            ('be1', ['option tcp-check', 'tcp-check connect port int(%s)' % port, 'tcp-check send A',
                     'tcp-check set-var(check.x) str(hi)', 'tcp-check unset-var(check.x)',
                     'tcp-check expect string nope min-recv 5 on-error "was %[res.payload(0,5)] %[var(check.x)]."'],
             '<dead>', 'Layer7 invalid response, info: "was hello ."')])

    def test_an_http_check_tells_how_we_see_the_server(self):
        asked = []

        def talk(sock, _):
            asked.append(read_head(sock))
            sock.sendall(b'HTTP/1.1 200 OK\r\nX-Y: zz\r\nContent-Length: 0\r\n\r\n')
        lines = ['option httpchk', 'http-check send-state', 'http-check set-var(check.a) int(3),add(4)',
                 'http-check send uri-lf "/%[var(check.a)]"',
                 'http-check expect status 200 on-success "got %[var(check.a)] %[res.hdr(x-y)] %[status]"']
        self.compare([('be0', lines, talk, 'Layer7 check passed, code: 200, info: "got 7 zz 200"')])
        head = asked[0].decode().lower()
        self.assertTrue(head.startswith('options /7 '), head)
        self.assertRegex(head, r'\r\nx-haproxy-server-state: up; address=127\.0\.0\.1; port=\d+; name=be0/s1; '
                               r'node=\S+; weight=1/1; scur=0/0; qcur=0\r\n')
