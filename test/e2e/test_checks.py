"""Checks of pools in mode tcp: conversations, SMTP, TLS hellos.

What the log says was compared with HAProxy: these tests pass with it, but for those marked.
"""
from harness import Case, PATIENCE, penstock_only, reserved_port, reset, tls_client

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
