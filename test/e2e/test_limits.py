"""Rates and numbers of clients that are let in: who is too many waits, and nobody is turned away."""
import time

from harness import Case, Client, certificate, penstock_only, tls_client

from test_runtime_socket import ask

SOCKET = '    stats socket <dir>/admin.sock level admin\n'
ANSWERING = """
frontend fe
    bind <fe>
    http-request return status 200
"""


class Rates(Case):

    def seconds_for(self, rig, count, name='fe', **options):
        """Connects `count` clients at once. Each gets its answer; when the last one did."""
        start = time.monotonic()
        clients = [rig.connect(name, **options) for _ in range(count)]
        for client in clients:
            client.request('GET', '/')
        for client in clients:
            self.assertEqual(client.response().status, 200)
        return time.monotonic() - start

    def limited(self, line, text=ANSWERING, globals_=''):
        rig = self.rig(text.replace('    bind <fe>', '    bind <fe>\n' + line if line else '    bind <fe>'),
                       globals_=SOCKET + globals_, nbthread=1)
        return rig

    def test_the_sessions_of_a_frontend(self):
        rig = self.limited('    rate-limit sessions 5')
        self.assertGreater(self.seconds_for(rig, 15), 0.9)

    def test_the_connections_of_the_process(self):
        rig = self.limited('', globals_='    maxconnrate 5\n')
        self.assertGreater(self.seconds_for(rig, 15), 0.9)

    def test_the_sessions_of_the_process(self):
        rig = self.limited('', globals_='    maxsessrate 5\n')
        self.assertGreater(self.seconds_for(rig, 15), 0.9)

    def test_without_a_limit_nobody_waits(self):
        rig = self.limited('    rate-limit sessions 0', globals_='    maxconnrate 0\n    maxsessrate 0\n')
        self.assertLess(self.seconds_for(rig, 15), 0.9)

    def test_one_frontend_waits_for_its_own_rate(self):
        rig = self.limited('    rate-limit sessions 1', text=ANSWERING + ANSWERING.replace('<fe>', '<fefree>').replace('frontend fe', 'frontend free'))
        first, second = rig.connect(), rig.connect()
        self.assertEqual(first.get('/').status, 200)
        self.assertLess(self.seconds_for(rig, 5, 'fefree'), 0.9)
        second.request('GET', '/')
        self.assertEqual(second.response().status, 200)

    def test_handshakes_of_tls_only(self):
        text = ANSWERING + """
frontend clear
    bind <feclear>
    http-request return status 200
"""
        rig = self.rig(text.replace('bind <fe>', 'bind <fe> ssl crt ' + certificate('mail')),
                       globals_=SOCKET + '    maxsslrate 4\n', nbthread=1)
        self.assertLess(self.seconds_for(rig, 12, 'feclear'), 0.9)
        start = time.monotonic()
        for _ in range(12):
            with rig.connect(sni='mail.contoso.com') as client:
                self.assertEqual(client.get('/').status, 200)
        self.assertGreater(time.monotonic() - start, 0.9)

    def test_a_rate_set_by_command_holds_at_once(self):
        rig = self.limited('')
        self.assertEqual(ask(rig, 'set rate-limit sessions global 5').strip(), '')
        self.assertGreater(self.seconds_for(rig, 15), 0.9)
        self.assertIn('\nSessRateLimit: 5\n', ask(rig, 'show info'))
        self.assertEqual(ask(rig, 'set rate-limit sessions global 0').strip(), '')
        self.assertLess(self.seconds_for(rig, 15), 0.9)

    def test_limits_among_the_facts(self):
        rig = self.limited('    rate-limit sessions 9',
                           globals_='    maxconnrate 11\n    maxsessrate 12\n    maxsslrate 13\n    maxsslconn 14\n')
        facts = ask(rig, 'show info')
        for line in ('ConnRateLimit: 11', 'SessRateLimit: 12', 'SslRateLimit: 13', 'MaxSslConns: 14'):
            self.assertIn('\n' + line + '\n', facts)
        rows = [line.split(',') for line in ask(rig, 'show stat').splitlines()]
        self.assertEqual(dict(zip(rows[0], rows[1]))['rate_lim'], '9')


class TlsConnections(Case):

    @penstock_only('HAProxy breaks off the handshake of who is too many')
    def test_who_comes_when_all_are_there_waits(self):
        rig = self.rig(ANSWERING.replace('bind <fe>', 'bind <fe> ssl crt ' + certificate('mail')),
                       globals_='    maxsslconn 2\n', nbthread=1)
        first, second = rig.connect(sni='mail.contoso.com'), rig.connect(sni='mail.contoso.com')
        self.assertEqual(first.get('/').status, 200)
        self.assertEqual(second.get('/').status, 200)
        plain = Client(rig.addresses['fe'])
        plain.socket.settimeout(0.3)
        context = tls_client()
        with self.assertRaises(TimeoutError):
            context.wrap_socket(plain.socket, server_hostname='mail.contoso.com')
        plain.close()
        first.close()
        with rig.connect(sni='mail.contoso.com') as third:
            self.assertEqual(third.get('/').status, 200)
