"""mailers and email-alert: mails about servers, by SMTP."""
import os
import queue
import re
import socket
import threading

from harness import Case, check, penstock_only, wait_until

TEXT = """
global
    stats socket <dir>/admin level admin
mailers post
    timeout mail <timeout>
    <mailers>
frontend fe
    bind <fe>
    default_backend be
backend be
    log <log> local0
    email-alert mailers post
    email-alert from proxy@example.com
    email-alert to admin@example.com
    <more>
    server s1 <server> check inter 50ms fall 1 rise 1
"""


class Mailer:
    """Speaks SMTP; `answers` says what to which word, None: nothing."""

    def __init__(self, case, **answers):
        self.mails, self.answers, self.connections = queue.Queue(), answers, 0
        self.script = case.script(self.talk)
        self.address = self.script.address

    def talk(self, sock, _):
        self.connections += 1
        file, said = sock.makefile('rb'), []
        answer = self.answers.get('greeting', b'220 here\r\n')
        while True:
            if answer is None:
                return sock.recv(1)
            sock.sendall(answer)
            line = file.readline()
            if not line:
                return None
            said.append(line.decode())
            word = line[:4].decode().lower()
            answer = self.answers.get(word, b'354 go\r\n' if word == 'data' else b'221 bye\r\n' if word == 'quit' else b'250 ok\r\n')
            if word == 'data' and answer.startswith(b'3'):
                sock.sendall(answer)
                while said[-1] != '.\r\n':
                    said.append(file.readline().decode())
                answer = self.answers.get('text', b'250 taken\r\n')
            if word == 'quit':
                self.mails.put(said)

    def mail(self):
        return self.mails.get(timeout=10)


class Server:
    """Answers a check by TCP, until it is closed."""

    def __init__(self, case):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(('127.0.0.1', 0))
        self.name = self.socket.getsockname()
        self.socket.listen(64)
        case.addCleanup(self.stop)
        threading.Thread(target=self.serve, args=(self.socket,), daemon=True).start()

    def serve(self, listener):
        try:
            while True:
                listener.accept()[0].close()
        except OSError:
            pass

    def stop(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()

    def start(self):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.name)
        self.socket.listen(64)
        threading.Thread(target=self.serve, args=(self.socket,), daemon=True).start()


class Alerts(Case):

    def farm(self, mailers, more='', timeout='5s', globals_=''):
        self.server = Server(self)
        lines = '\n    '.join('mailer m%d %s' % (i, mailer.address) for i, mailer in enumerate(mailers))
        text = TEXT.replace('global\n', 'global\n' + globals_, 1).replace('<mailers>', lines).replace('<more>', more).replace('<timeout>', timeout)
        self.r = self.rig(text.replace('<server>', '%s:%d' % self.server.name))

    def command(self, text):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(self.r.folder + '/admin')
            sock.sendall(text.encode() + b'\n')
            while sock.recv(4096):
                pass

    def subject(self, mail):
        return [line for line in mail if line.startswith('Subject: ')][0].rstrip()

    def test_a_server_that_goes_down_is_told_to_every_mailer(self):
        mailers = [Mailer(self), Mailer(self, helo=b'250-here\r\n250-SIZE 1000\r\n250 ok\r\n')]
        self.farm(mailers)
        self.server.stop()
        for mailer in mailers:
            mail = mailer.mail()
            line = ('Server be/s1 is DOWN, reason: Layer4 connection problem, info: "Connection refused", check duration: 0ms. '
                    '0 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue')
            mail = [re.sub('duration: [0-9]+ms', 'duration: 0ms', said).rstrip('\r\n') for said in mail]
            self.assertEqual(mail[0], 'HELO ' + socket.gethostname())
            self.assertEqual(mail[1:6], ['MAIL FROM:<proxy@example.com>', 'RCPT TO:<admin@example.com>', 'DATA',
                                         'From: proxy@example.com', 'To: admin@example.com'])
            self.assertRegex(mail[6], r'^Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4} \(\w+\)$')
            self.assertEqual(mail[7:], ['Subject: [HAProxy Alert] ' + line, '', line, '', '.', 'QUIT'])

    def test_who_comes_back_is_news_of_level_notice(self):
        mailer = Mailer(self)
        self.farm([mailer], 'email-alert level notice\n    email-alert myhostname proxy.example.com')
        self.server.stop()
        mail = mailer.mail()
        self.assertIn(' is DOWN, ', self.subject(mail))
        self.assertEqual(mail[0], 'HELO proxy.example.com\r\n')
        self.server.start()
        self.assertRegex(self.subject(mailer.mail()), r' Server be/s1 is UP, reason: .* 1 active and .* in queue$')
        self.command('set server be/s1 state drain')
        self.assertRegex(self.subject(mailer.mail()), r' Server be/s1 enters drain state\. ')

    def test_what_is_less_severe_is_not_sent(self):
        mailer = Mailer(self)
        self.farm([mailer])
        self.server.stop()
        self.assertIn(' is DOWN, ', self.subject(mailer.mail()))
        self.server.start()
        self.r.log.wait(' is UP')
        self.server.stop()
        self.assertIn(' is DOWN, ', self.subject(mailer.mail()))

    def test_an_administrator_who_takes_a_server_away_knows_it(self):
        mailer = Mailer(self)
        self.farm([mailer], 'email-alert level debug')
        wait_until(lambda: os.path.exists(self.r.folder + '/admin'), 'the socket')
        self.command('set server be/s1 state maint')
        self.command('set server be/s1 state ready')
        self.r.log.wait('leaving forced maintenance')
        self.server.stop()
        self.assertIn(' is DOWN, ', self.subject(mailer.mail()))

    def test_results_of_checks_are_of_level_info(self):
        mailer = Mailer(self)
        self.farm([mailer], 'email-alert level info\n    option log-health-checks')
        self.assertIn('Health check for server be/s1 succeeded, ', self.subject(mailer.mail()))
        self.server.stop()
        self.assertRegex(self.subject(mailer.mail()), 'Health check for server be/s1 failed, .* status: 0/1 DOWN$')
        self.assertIn('Server be/s1 is DOWN. ', self.subject(mailer.mail()))

    def test_who_is_silent_keeps_the_next_mail_waiting_for_its_time(self):
        mailer = Mailer(self, greeting=None)
        other = Mailer(self)
        self.farm([mailer, other], timeout='300ms')
        for _ in range(2):
            self.server.stop()
            other.mail()
            self.r.log.wait(' is DOWN')
            self.server.start()
            self.command('set server be/s1 health up')
        wait_until(lambda: mailer.connections == 2, 'the second mail')

    @penstock_only('HAProxy opens a connection for each of them')
    def test_a_mailer_has_one_connection_however_many_mails_wait_for_it(self):
        mailer, other = Mailer(self, greeting=None), Mailer(self)
        self.farm([mailer, other], 'email-alert level notice', timeout='3s', globals_='    log <log> local0\n')
        wait_until(lambda: os.path.exists(self.r.folder + '/admin'), 'the socket')
        # Of each the level is notice; a hundred wait, and the others are lost.
        for _ in range(13):
            self.command(';'.join('set server be/s1 state %s' % state for state in ('drain', 'ready') * 10))
            for _ in range(10):
                other.mail()
        self.assertEqual(mailer.connections, 1)
        self.r.log.wait(r"mailer 'm0' did not take 31 mails: it was too slow")
        wait_until(lambda: mailer.connections == 2, 'the second mail')

    def test_who_refuses_a_mail_gets_the_next(self):
        mailer = Mailer(self, rcpt=b'550 nobody here\r\n')
        self.farm([mailer])
        for count in (1, 2):
            self.server.stop()
            wait_until(lambda: mailer.connections == count, 'a mail')
            self.server.start()
            self.command('set server be/s1 health up')


@penstock_only('its own texts')
class Complaints(Case):

    def said(self, section, lines):
        return check('mailers post\n    %s\nbackend be\n    mode http\n    timeout server 1s\n    timeout connect 1s\n%s    server s 127.0.0.1:1\n' % (
            section, ''.join('    email-alert %s\n' % line for line in lines)))

    ALL = ('mailers post', 'from a@b.c', 'to d@e.f')

    def test_what_is_wrong_is_told(self):
        good = 'mailer m 127.0.0.1:25'
        for section, lines, text in ((good, ('mailers pots', 'from a', 'to b'), "did you mean 'post'?"),
                                     ('mailer m 127.0.0.1', self.ALL, 'a mailer is an address with its port'),
                                     ('mailer m /x', self.ALL, 'a mailer is an address with its port'),
                                     ('mailer', self.ALL, "'mailer' expects a name"),
                                     ('timeout male 1s', self.ALL, "'timeout' expects 'mail', not 'male'"),
                                     (good, self.ALL + ('level loud',), "'loud'"),
                                     (good, ('from <a@b.c>',), 'is no mail address'),
                                     (good, ('form x',), "'email-alert' expects")):
            code, said = self.said(section, lines)
            self.assertEqual(code, 1, (section, lines, said))
            self.assertIn(text, said)

    def test_what_has_no_effect_is_told(self):
        code, said = self.said('mailer m 127.0.0.1:25', ('mailers post', 'from a'))
        self.assertIn(code, (0, 2))
        self.assertIn("it takes 'email-alert mailers', 'email-alert from' and 'email-alert to'", said)
        self.assertIn("'mailers post' has no effect", said)
