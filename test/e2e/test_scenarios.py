"""The layer-4 scenarios: the article's configurations as published, those of the project, the examples.

TLS passes through to the servers. All but what is marked passes with HAProxy as well.
"""
import os
import re
import socket
import threading

from harness import (Case, Client, NBTHREAD, PATIENCE, ROOT, Rig, Shared, penstock_only, reserved_port,
                     run_program, sample, tls_client, wait_until)
from test_exchange import COOKIE, VDIRS, example

PUBLISHED = 'test/data/configs'
SITE = 'global\n    nbthread %d\n' % NBTHREAD
# The article's files leave `global` to the appliance.
APPLIANCE = SITE + '    log <log> local0\n'


def connect(rig, name='mail.contoso.com'):
    """A client that lets pass no certificate but the servers' own."""
    client = Client(rig.addresses['fe'], sni=name, context=tls_client(verify=name == 'mail.contoso.com'))
    rig.closers.append(client)
    return client


def who(rig, name='mail.contoso.com', count=6):
    """The servers of so many connections, open together."""
    clients = [connect(rig, name) for _ in range(count)]
    names = [client.get('/test/server').body.decode() for client in clients]
    for client in clients:
        client.close()
    return names


class Article(Case):
    """The two configurations of the article."""

    def published(self, name, replaced=(), **options):
        text = APPLIANCE + example(name, PUBLISHED)
        for old, new in replaced:
            text = text.replace(old, new)
        return self.rig(text, bare=True, **options)

    def test_one_name_is_served_by_both_servers_in_turn(self):
        rig = self.published('01-seed-ex2013-l4-single-hostname.cfg')
        names = who(rig)
        self.assertEqual(names[:2] * 3, names)
        self.assertEqual(set(names), {'EX01', 'EX02'})
        for server in ('cas1', 'cas2'):
            rig.log.wait(r': 127\.0\.0\.1:\d+ \[.*\] ft_exchange_tcp bk_exchange_tcp/%s \d+/\d+/\d+ [1-9]\d+ '
                         r'(--|CD) \d+/\d+/\d+/\d+/0 0/0$' % server)

    def test_a_server_that_is_gone_is_passed_over_and_taken_out(self):
        rig = self.published('01-seed-ex2013-l4-single-hostname.cfg', start=False)
        rig.server('s1').refuse()
        rig.start()
        self.assertEqual(set(who(rig)), {'EX02'})
        rig.log.wait(r'Server bk_exchange_tcp/cas1 is DOWN')
        self.assertEqual(set(who(rig)), {'EX02'})
        self.assertNotIn('cas2 is DOWN', '\n'.join(rig.log.drain()))

    def test_each_direction_ends_by_itself(self):
        """Half a close passes either way, and the other direction goes on."""
        heard, done = [], threading.Event()

        def answers_at_the_end(sock, _):
            data = b''
            while piece := sock.recv(65536):
                data += piece
            sock.sendall(b'<%s>' % data)

        def ends_first(sock, _):
            sock.sendall(b'bye')
            sock.shutdown(socket.SHUT_WR)
            while piece := sock.recv(65536):
                heard.append(piece)
            done.set()
        for talk in (answers_at_the_end, ends_first):
            address = self.script(talk).address
            rig = self.published('01-seed-ex2013-l4-single-hostname.cfg',
                                 [('<s1+tls>', address), ('<s2+tls>', address)])
            client = rig.connect()
            if talk is answers_at_the_end:
                client.send(b'abc')
                client.half_close()
                self.assertEqual(client.rest(), b'<abc>')
                continue
            self.assertEqual(client.rest(), b'bye')
            client.send(b'still here')
            client.half_close()
            self.assertTrue(done.wait(PATIENCE))
            self.assertEqual(b''.join(heard), b'still here')

    MANY = '02-seed-ex2013-l4-multiple-hostname.cfg'

    def test_every_address_is_served_though_one_is_bound_twice(self):
        ports = {}
        for number in range(5, 9):
            sock = reserved_port()
            self.addCleanup(sock.close)
            ports[number] = sock.getsockname()[1]
        rig = self.published(self.MANY, [('10.0.0.%d:443' % number, '127.0.0.1:%d' % port)
                                         for number, port in ports.items()])
        for port in ports.values():
            seen = set()
            for _ in range(4):
                address = ('127.0.0.1', port)
                with wait_until(lambda: self.reached(address), 'the address to be bound') as client:
                    seen.add(client.get('/test/server').body)
            self.assertEqual(seen, {b'EX01', b'EX02'})

    @staticmethod
    def reached(address):
        try:
            return Client(address, sni='mail.contoso.com', context=tls_client(verify=True))
        except ConnectionRefusedError:
            return None

    @penstock_only('HAProxy says nothing of it')
    def test_what_is_bound_twice_is_said_with_both_places(self):
        path = os.path.join(ROOT, PUBLISHED, self.MANY)
        code, said = run_program('-c', '-f', path)
        self.assertEqual(code, 0, said)
        self.assertIn('%s:25:1] : address 10.0.0.8:443 is bound at %s:24 already: it is one listener, with the '
                      'words of that line\n  bind 10.0.0.8:443 name oa ' % (path, path), said)
        self.assertIn("frontend 'ft_exchange_tcp' has a log format and no 'log' line with a target", said)


class Passed:
    """What holds wherever TLS passes through."""
    NAME, FOLDER = '', 'examples'

    @classmethod
    def setUpClass(cls):
        cls.r = Rig(SITE + example(cls.NAME, cls.FOLDER), bare=True)

    def test_no_complaint_is_made(self):
        code, said = run_program('-c', '-f', os.path.join(ROOT, self.FOLDER, self.NAME))
        self.assertEqual(code, 0)
        if self.FOLDER == 'examples':
            self.assertNotRegex(said, 'WARNING|ALERT')

    def test_clear_http_leads_to_https(self):
        answer = self.r.get('/owa/?a=b', frontend='fehttp')
        self.assertEqual((answer.status, answer.get('location')), (301, 'https://mail.contoso.com/owa/?a=b'))

    def test_a_login_of_ntlm_is_that_of_the_connection(self):
        client = connect(self.r)
        for ask, status in (('ews_ntlm_c1.http', 401), ('ews_ntlm_c2.http', 401), ('ews_ntlm_c3.http', 200),
                            ('ews_ntlm_c4_same_conn_no_auth.http', 200)):
            self.assertEqual(client.send(sample(ask)).response().status, status, ask)

    def test_every_directory_is_reached(self):
        client = connect(self.r)
        for name, (target, fields, status) in VDIRS.items():
            self.assertEqual(client.get(target, fields).status, status, name)


class OneNameExample(Passed, Shared):
    """Scenario 1."""
    NAME = 'exchange-l4.cfg'

    def test_both_servers_serve(self):
        self.assertEqual(set(who(self.r)), {'EX01', 'EX02'})
        self.r.log.wait(r' ft_https bk_https/ex0[12] \d+/\d+/\d+ [1-9]\d+ (--|CD) \d+/\d+/\d+/\d+/0 0/0$')


class OneName40(OneNameExample):
    NAME, FOLDER = '40-scenario1-single-ns-l4.cfg', PUBLISHED


NAMES = {'autodiscover': 'autodiscover', 'mail': 'owa', 'ecp': 'ecp', 'ews': 'ews', 'mapi': 'mapi', 'eas': 'eas',
         'oa': 'rpc', 'oab': 'oab'}


class ManyNamesExample(Passed, Shared):
    """Scenario 4."""
    NAME = 'exchange-l4-sni.cfg'
    FRONTEND = 'ft_https'

    def seen(self, client, pool):
        start = len(self.r.log.drain())
        client.close()
        self.r.log.wait(r' %s %s/' % (self.FRONTEND, pool), start=start)

    def test_each_name_has_its_pool(self):
        for name, pool in NAMES.items():
            for asked in (name + '.contoso.com', name.upper() + '.Contoso.COM'):
                client = connect(self.r, asked)
                self.assertIn(client.get('/test/server').body, (b'EX01', b'EX02'))
                self.seen(client, 'bk_' + pool)

    def test_who_names_nobody_or_somebody_else_meets_owa(self):
        client = connect(self.r, 'else.contoso.com')
        self.assertEqual(client.get('/owa/', COOKIE).status, 200)
        self.seen(client, 'bk_owa')
        nameless = Client(self.r.addresses['fe'], context=tls_client())
        self.assertEqual(nameless.get('/owa/', COOKIE).status, 200)
        self.seen(nameless, 'bk_owa')

    def test_who_does_not_speak_tls_goes_at_once(self):
        client = self.connect().send(b'GET / HTTP/1.1\r\nHost: mail.contoso.com\r\n\r\n')
        self.assertIn(client.ending(), ('fin', 'rst'))
        self.r.log.wait(r' ft_https ft_https/<NOSRV> -1/-1/\d+ 0 PR ')


class ManyNames44(ManyNamesExample):
    NAME, FOLDER = '44-scenario4-multi-ns-l4-sni.cfg', PUBLISHED
    FRONTEND = 'ft_sni'

    test_clear_http_leads_to_https = None

    def test_who_does_not_speak_tls_goes_at_once(self):
        """This file refuses nobody: the server says what it thinks of it."""
        client = self.connect().send(b'GET / HTTP/1.1\r\nHost: mail.contoso.com\r\n\r\n')
        client.rest()
        self.seen(client, 'bk_owa')

    def test_who_says_nothing_for_the_delay_meets_owa(self):
        client = self.connect()
        client.socket.settimeout(5.5)
        with self.assertRaises(AssertionError):
            client.take(1)
        client.socket.settimeout(PATIENCE)
        client.socket = tls_client().wrap_socket(client.socket, server_hostname='ews.contoso.com')
        client.get('/test/server')
        self.seen(client, 'bk_owa')


class Health(Case):

    def start(self, name, sick, folder='examples'):
        rig = self.rig(SITE + '    max-spread-checks 500ms\n' + example(name, folder), bare=True, start=False)
        for server, directory in sick:
            rig.server(server).states[directory] = 'offline-rst'
        return rig.start()

    def test_a_sick_owa_takes_the_server_out_and_a_sick_ews_does_not(self):
        for name, folder in (('40-scenario1-single-ns-l4.cfg', PUBLISHED), ('exchange-l4.cfg', 'examples')):
            rig = self.start(name, [('s1', 'owa'), ('s2', 'ews')], folder)
            rig.log.wait('Server bk_https/ex01 is DOWN')
            rig.log.wait('Health check for server bk_https/ex02 succeeded, reason: Layer7 check passed, code: 200')
            self.assertEqual(set(who(rig)), {'EX02'})

    def test_a_sick_protocol_leaves_its_pool_and_others_stay(self):
        for name, folder in (('44-scenario4-multi-ns-l4-sni.cfg', PUBLISHED),
                             ('exchange-l4-sni.cfg', 'examples')):
            rig = self.start(name, [('s1', 'ews'), ('s2', 'mapi')], folder)
            for server in ('bk_ews/ex01', 'bk_mapi/ex02'):
                rig.log.wait('Server %s is DOWN' % server)
            for pool in ('bk_owa', 'bk_oab'):
                for server in ('ex01', 'ex02'):
                    rig.log.wait('Health check for server %s/%s succeeded' % (pool, server))
            self.assertEqual(set(who(rig, 'ews.contoso.com')), {'EX02'})
            self.assertEqual(set(who(rig, 'mapi.contoso.com')), {'EX01'})
            for other in ('mail', 'autodiscover', 'oab', 'oa'):
                self.assertEqual(set(who(rig, other + '.contoso.com')), {'EX01', 'EX02'}, other)
            self.assertEqual(len(re.findall('is DOWN', '\n'.join(rig.log.drain()))), 2)


class OtherExamples(Case):
    """Those that are not about Exchange."""

    def text(self, name, *replaced):
        with open(os.path.join(ROOT, 'examples', name)) as file:
            text = file.read()
        for old, new in replaced:
            self.assertIn(old, text)
            text = text.replace(old, new)
        return SITE + text

    def test_the_simple_one_balances_by_health(self):
        rig = self.rig(self.text('http-simple.cfg', ('127.0.0.1:8080', '<fe>'), ('127.0.0.1:8001', '<s1>'),
                                 ('127.0.0.1:8002', '<s2>'), ('/health', '/test/status/200')), bare=True)
        self.assertEqual(set(rig.who(count=4)), {'EX01', 'EX02'})
        rig.output.wait(r' web app/app[12] .* "GET /test/server HTTP/1\.1"')

    def test_the_one_with_tls_redirects_and_routes(self):
        text = self.text('tls-redirect.cfg', ('bind :80', 'bind <fehttp>'), ('bind :443', 'bind <fe>'),
                         ('/etc/penstock/certs/', '<certs>/mail.pem'), ('127.0.0.1:514', '<log>'),
                         ('127.0.0.1:8001', '<s1>'), ('127.0.0.1:8002', '<s2>'))
        rig = self.rig(text, bare=True)
        self.assertEqual(rig.get('/a', frontend='fehttp').get('location'), 'https://mail.contoso.com/a')
        client = rig.connect(sni='mail.contoso.com', context=tls_client(verify=True))
        answer = client.get('/test/echo')
        self.assertEqual(answer.get('strict-transport-security'), 'max-age=31536000')
        client.get('/api/x')
        rig.log.wait(r' web~ app/app1 .*"GET /test/echo ')
        rig.log.wait(r' web~ api/api1 .*"GET /api/x ')

    def test_every_example_is_started_by_a_test(self):
        tests = ''
        for name in ('test_scenarios.py', 'test_exchange.py', 'test_mail.py'):
            with open(os.path.join(ROOT, 'test', 'e2e', name)) as file:
                tests += file.read()
        for name in os.listdir(os.path.join(ROOT, 'examples')):
            self.assertIn("'%s'" % name, tests)
