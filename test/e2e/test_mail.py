"""IMAP, POP and SMTP through mode tcp, with real servers (Dovecot, aiosmtpd) and Python's own clients."""
import imaplib
import poplib
import re
import smtplib
import socket

from harness import Case, NBTHREAD, Rig, Shared, tls_client, wait_until
from mail_servers import ADDRESSES, PASSWORD, USER, MailServers
from test_exchange import example

NAME = 'mail.contoso.com'


def placed(text, servers):
    """Only addresses and ports are others: `<fe143>` is where clients find IMAP."""
    numbers = {'25': 'smtp', '587': 'submission', '110': 'pop3', '995': 'pop3s', '143': 'imap', '993': 'imaps'}
    text = re.sub(r'10\.0\.0\.9:(\d+)', r'<fe\1>', text.replace('127.0.0.1:514', '<log>'))
    text = text.replace('10.0.0.30:25', '%s:%d' % (ADDRESSES[0], servers.ports['edge']))
    for theirs, ours in zip(('10.0.0.15', '10.0.0.16'), ADDRESSES):
        text = re.sub(re.escape(theirs) + r':(\d+)',
                      lambda match: '%s:%d' % (ours, servers.ports[numbers[match.group(1)]]), text)
    text = re.sub(r'connect port (\d+)', lambda match: 'connect port %d' % servers.ports[numbers[match.group(1)]],
                  text)
    return 'global\n    nbthread %d\n    max-spread-checks 500ms\n%s' % (NBTHREAD, text)


class Clients:
    """Clients of each protocol; a certificate must be that of the server, TLS being none of ours."""

    def clients_of(self, rig):
        self.at = lambda port: ('127.0.0.1', rig.addresses['fe%d' % port][1])
        self.tls = tls_client(verify=True)

    def imap(self, port=143):
        if port == 993:
            client = OverTls(*self.at(port), self.tls)
        else:
            client = imaplib.IMAP4(*self.at(port), timeout=20)
        self.addCleanup(client.sock.close)
        client.host = NAME
        return client

    def inbox(self, port=143):
        client = self.imap(port)
        if port == 143:
            client.starttls(self.tls)
        client.login(USER, PASSWORD)
        client.select()
        return client

    def send(self, subject, port=587):
        with smtplib.SMTP(*self.at(port), timeout=20) as client:
            client._host = NAME
            if port != 2525:
                client.starttls(context=self.tls)
            if port == 587:
                client.login(USER, PASSWORD)
            client.sendmail('bob@fabrikam.com', [USER], 'Subject: %s\r\n\r\nHello.\r\n' % subject)

    def fetched(self, subject, port=143):
        """A mail as IMAP tells it."""
        client = self.inbox(port)
        found = wait_until(lambda: client.search(None, 'SUBJECT', '"%s"' % subject)[1][0].split(), 'the mail')
        text = client.fetch(found[0], '(RFC822)')[1][0][1].decode()
        client.logout()
        return text


class OverTls(imaplib.IMAP4):
    """IMAP over TLS from the first byte, to a server whose name is not its address."""

    def __init__(self, host, port, context):
        self.context = context
        super().__init__(host, port, timeout=20)

    def _create_socket(self, timeout):
        return self.context.wrap_socket(super()._create_socket(timeout), server_hostname=NAME)


class Mail(Clients):
    """What holds of each configuration for mail."""
    ONCE = True

    @classmethod
    def setUpClass(cls):
        cls.servers = MailServers()
        try:
            for address in ADDRESSES:
                cls.servers.start(address)
            cls.r = Rig(placed(cls.configuration(), cls.servers), bare=True)
        except BaseException:
            cls.servers.close()
            raise
        cls.r.closers.append(cls.servers)

    def setUp(self):
        super().setUp()
        self.clients_of(self.r)

    def pools(self):
        return re.findall(r'(?m)^listen (\w+)\n(?:    .*\n| *\n)*?    option (\S+chk|tcp-check)', self.r.text)

    def test_every_pool_is_seen_to_be_up(self):
        pools = self.pools()
        self.assertEqual(len(pools), 6)
        for pool, kind in pools:
            for server in ('ex01', 'ex02'):
                self.r.log.wait('Health check for server %s/%s succeeded, reason: Layer7 check passed' % (
                    pool, server))
        self.assertNotIn(' DOWN', '\n'.join(self.r.log.drain()))

    def test_a_mail_that_is_submitted_is_fetched_by_every_protocol(self):
        self.send('hello')
        for port in (143, 993):
            text = self.fetched('hello', port)
            self.assertIn('X-Tls: True', text)
            self.assertRegex(text, r'X-Server: 127\.0\.0\.[12]')
        for port in (110, 995):
            client = poplib.POP3(*self.at(port), timeout=20) if port == 110 else self.pop3s()
            client.host = NAME
            if port == 110:
                client.stls(self.tls)
            client.user(USER)
            client.pass_(PASSWORD)
            count = client.stat()[0]
            texts = [b'\n'.join(client.retr(number + 1)[1]) for number in range(count)]
            self.assertTrue([text for text in texts if b'Subject: hello' in text])
            client.quit()
        for pool in (pool for pool, _ in self.pools() if pool != 'smtp_in'):
            self.r.log.wait(r' %s %s/ex0[12] \d+/\d+/\d+ \d+ (--|CD) \d+/\d+/\d+/\d+/0 0/0$' % (pool, pool))

    def pop3s(self):
        class Pop(poplib.POP3_SSL):
            def _create_socket(self, timeout):
                sock = poplib.POP3._create_socket(self, timeout)
                return self.context.wrap_socket(sock, server_hostname=NAME)
        return Pop(*self.at(995), timeout=20, context=self.tls)

    def test_mail_from_outside_comes_in(self):
        self.send('outside', 25)
        self.assertIn('X-Tls: True', self.fetched('outside'))
        self.r.log.wait(r' smtp_in smtp_in/ex0[12] \d+/\d+/\d+ \d+ (--|CD) ')

    def test_idle_tells_of_new_mail_at_once(self):
        client = self.inbox()
        client.send(b'a9 IDLE\r\n')
        self.assertEqual(client.readline(), b'+ idling\r\n')
        self.send('idle')
        line = client.readline()
        while b'EXISTS' not in line:
            self.assertTrue(line.startswith(b'* '), line)
            line = client.readline()
        client.send(b'DONE\r\n')

    def test_a_wrong_password_is_refused_by_the_server(self):
        with self.assertRaisesRegex(imaplib.IMAP4.error, 'Authentication failed'):
            self.imap(993).login(USER, 'wrong')


class Configuration45(Mail, Shared):

    @classmethod
    def configuration(cls):
        return example('45-mail-tcp-pop-imap-smtp.cfg', 'test/data/configs')

    def test_a_relay_that_knows_the_proxy_protocol_is_told_of_the_client(self):
        self.send('edge', 2525)
        self.assertIn('X-Client: 127.0.0.1', self.fetched('edge'))


class Example(Mail, Shared):

    @classmethod
    def configuration(cls):
        return example('mail.cfg')


QUICK = """
defaults
    mode tcp
    log global
    option tcplog
    option log-health-checks
    timeout connect 2s
    timeout client 2s
    timeout server 2s
    timeout check 2s
    default-server inter 100ms rise 1 fall 1
"""


class Quick(Case, Clients):
    """The same servers, with times that a test can wait for."""
    ONCE = True

    def serve(self, text, *addresses):
        self.servers = MailServers()
        self.addCleanup(self.servers.close)
        for address in addresses or ADDRESSES[:1]:
            self.servers.start(address)
        text = re.sub('[{](\\w+)[}]', lambda match: str(self.servers.ports[match.group(1)]), text)
        text = 'global\n    log <log> local0\n    nbthread %d\n' % NBTHREAD + QUICK + text
        self.r = self.rig(text, bare=True)
        self.clients_of(self.r)

    def test_a_server_that_stops_leaves_and_comes_back(self):
        self.serve("""
listen imap
    bind <fe143>
    option tcp-check
    tcp-check connect
    tcp-check expect string *\\ OK
    tcp-check send a1\\ LOGOUT\\r\\n
    tcp-check expect string a1\\ OK
    server ex01 127.0.0.1:{imap} check
    server ex02 127.0.0.2:{imap} check
listen pop3s
    bind <fe995>
    option tcp-check
    tcp-check connect ssl
    tcp-check expect string +OK
    server ex01 127.0.0.1:{pop3s} check verify none
    server ex02 127.0.0.2:{pop3s} check verify none
listen smtp
    bind <fe25>
    option smtpchk EHLO lb.contoso.com
    server ex01 127.0.0.1:{smtp} check
    server ex02 127.0.0.2:{smtp} check
""", *ADDRESSES)
        pools = ('imap', 'pop3s', 'smtp')
        for pool in pools:
            self.r.log.wait('Health check for server %s/ex01 succeeded, reason: Layer7 check passed' % pool)
        self.servers.stop(ADDRESSES[0])
        for pool in pools:
            self.r.log.wait('Health check for server %s/ex01 failed, reason: Layer4 connection problem' % pool)
        for number in range(4):
            self.send('only one %d' % number, 25)
            self.assertIn('X-Server: 127.0.0.2', self.fetched('only one %d' % number))
        self.servers.start(ADDRESSES[0])
        for pool in pools:
            self.r.log.wait('Server %s/ex01 is UP' % pool)

    def test_a_listening_port_without_its_greeting_is_no_service(self):
        self.serve("""
listen imap
    bind <fe143>
    option tcp-check
    tcp-check expect string *\\ OK
    server ex01 127.0.0.1:{pop3} check
listen smtp
    bind <fe25>
    option smtpchk EHLO lb.contoso.com
    server ex01 127.0.0.1:{pop3} check
""")
        self.r.log.wait(r'server smtp/ex01 failed, reason: Layer7 invalid response, info: "\+OK ')
        self.r.log.wait(r'server imap/ex01 failed, reason: Layer7 timeout, info: " at step \d of tcp-check \(expect ')

    def test_idle_lives_by_what_the_server_says_in_time(self):
        """Dovecot says that it is still here each second, the limits are at two."""
        self.serve('listen imap\n    bind <fe143>\n    server ex01 127.0.0.1:{imap}\n')
        client = self.inbox()
        client.send(b'a9 IDLE\r\n')
        self.assertEqual(client.readline(), b'+ idling\r\n')
        for _ in range(3):
            self.assertEqual(client.readline(), b'* OK Still here\r\n')
        client.send(b'DONE\r\n')
        while not client.readline().startswith(b'a9 OK'):
            pass
        self.assertEqual(client.noop()[0], 'OK')

    def test_dovecot_is_told_of_the_client_by_the_proxy_protocol(self):
        for word in ('send-proxy', 'send-proxy-v2'):
            self.serve('listen imap\n    bind <fe143>\n    server ex01 127.0.0.1:{imap_proxied} %s check\n' % word)
            client = imaplib.IMAP4(*self.at(143), timeout=20)
            client.logout()
            client = self.from_elsewhere()
            client.login(USER, PASSWORD)
            client.logout()
            wait_until(lambda: re.search(r'Login: user=<%s>, rip=127\.0\.0\.7, lip=127\.0\.0\.1' % USER,
                                         self.servers.told(ADDRESSES[0])), 'dovecot to log who came')

    def from_elsewhere(self):
        class Far(imaplib.IMAP4):
            def _create_socket(self, timeout):
                return socket.create_connection((self.host, self.port), timeout, ('127.0.0.7', 0))
        return Far(*self.at(143))
