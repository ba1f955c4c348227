"""The Exchange configurations of examples/ at work, with the traffic that Exchange really has."""
import base64
import hashlib
import os
import re
import ssl
import struct
import threading
import time

from harness import (Case, Client, Farm, IS_HAPROXY, PATIENCE, ROOT, Rig, Shared, cassim, certificate,
                     pattern_bytes, sample, wait_until)


def example(name, folder='examples'):
    """A file in which only addresses, paths, ports and maxconn are others."""
    with open(os.path.join(ROOT, folder, name)) as file:
        text = file.read()
    for old, new in (('127.0.0.1:514', '<log>'), ('10.0.0.9:80 ', '<fehttp> '),
                     ('10.0.0.9:443 ', '<fe> '), ('/etc/haproxy/', '/etc/penstock/'),
                     ('/etc/penstock/certs/', '<dir>/certs/'), ('127.0.0.1:8404', '<festats>'),
                     ('/run/haproxy/', '<dir>/'),
                     ('internal src 10.', 'internal src 127.0.0.0/8 10.'),
                     ('/etc/penstock/exchange-ca.pem', '<certs>/ca.pem'),
                     ('10.0.0.15:443', '<s1+tls>'), ('10.0.0.16:443', '<s2+tls>'),
                     ('10.0.0.15:80', '<s1>'), ('10.0.0.16:80', '<s2>'), ('bind :80\n', 'bind <fehttp>\n'),
                     ('bind :443 ', 'bind <fe> '), ('127.0.0.1:8001', '<s1>'), ('127.0.0.1:8002', '<s2>')):
        text = text.replace(old, new)
    return re.sub(r'(?m)^    maxconn \d+$', '    maxconn 500', text)


def example_rig(name, servers=None, folder='examples'):
    rig = Rig(example(name, folder), bare=True, servers=servers, start=False)
    os.mkdir(os.path.join(rig.folder, 'certs'))
    for cert in ('mail', 'autodiscover'):
        os.symlink(certificate(cert), os.path.join(rig.folder, 'certs', cert + '.pem'))
    return rig


COOKIE = [('Cookie', 'cadata=x')]
VDIRS = {   # A request that each directory answers without an identity, and how.
    'autodiscover': ('/AutoDiscover/autodiscover.json?Email=a@b&Protocol=EWS', [], 200),
    'owa': ('/OWA/', COOKIE, 200), 'ecp': ('/ecp', COOKIE, 200),
    'ews': ('/EWS/Exchange.asmx', [], 401), 'mapi': ('/mapi/emsmdb/?MailboxId=x', [], 401),
    'eas': ('/Microsoft-Server-ActiveSync?Cmd=Ping', [], 401),
    'rpc': ('/rpc/rpcproxy.dll', [], 401), 'oab': ('/oab/x/oab.xml', [], 401),
    'powershell': ('/PowerShell?x', [], 401),
}


class Routed:
    """What holds bridged and offloaded alike."""
    NAME = ''

    @classmethod
    def setUpClass(cls):
        cls.r = example_rig(cls.NAME)
        cls.r.start()

    def https(self, **options):
        client = Client(self.r.addresses['fe'], sni=options.pop('sni', 'mail.contoso.com'), **options)
        self.addCleanup(client.close)
        return client

    def test_every_directory_is_served(self):
        client = self.https()
        for name, (target, fields, status) in VDIRS.items():
            answer = client.get(target, fields)
            self.assertEqual(answer.status, status, name)
            self.assertIn(answer.get('x-feserver'), ('EX01', 'EX02'))
            self.r.log.wait(r' ft_exchange~ bk_%s/ex0[12] ' % name)

    def test_names_end_at_a_slash_and_case_does_not_matter(self):
        client = self.https()
        for target, pool in (('/EWS/x', 'bk_ews'), ('/ews', 'bk_ews'), ('/ewsx/', 'bk_none'),
                             ('/owalogon', 'bk_none'), ('/MAPI/nspi/', 'bk_mapi'), ('/mapix', 'bk_none'),
                             ('/RpcWithCert/rpcproxy.dll', 'bk_rpc'), ('/x/owa/', 'bk_none'),
                             ('/owa%2f', 'bk_none')):
            start = len(self.r.log.drain())
            client.request('GET', target)
            client.response()
            self.r.log.wait(r' ft_exchange~ %s/\S+ .* "GET %s HTTP' % (pool, re.escape(target)),
                            start=start)

    def test_what_walks_around_a_rule_is_refused(self):
        client = self.https()
        for target in ('/owa/../powershell', '/owa/%2e%2e/ecp/', '/owa/.%2E/ecp/', '//powershell/',
                       '/%2fpowershell/', '/owa/..%5cecp/', '/owa%5cx'):
            self.assertEqual(client.get(target).status, 400, target)
        # As IIS will read it.
        self.assertEqual(client.get('/%70ower%53hell/').get('x-feserver', '')[:2], 'EX')
        self.r.log.wait(r' bk_powershell/ex0[12] .*"GET /%70ower%53hell/ ')

    def test_the_root_leads_to_owa(self):
        answer = self.https().get('/')
        self.assertEqual((answer.status, answer.get('location')), (302, '/owa/'))

    def test_clear_http_leads_to_https(self):
        answer = self.r.get('/owa/?a=b', frontend='fehttp')
        self.assertEqual((answer.status, answer.get('location')),
                         (301, 'https://mail.contoso.com/owa/?a=b'))

    def test_hsts_is_sent_over_tls(self):
        self.assertEqual(self.https().get('/owa/', COOKIE).get('strict-transport-security'),
                         'max-age=31536000')

    def test_the_servers_see_whom_they_serve(self):
        self.https().get('/owa/', COOKIE + [('X-Forwarded-For', '6.6.6.6'), ('X-Forwarded-Port', '1')])
        seen = [entry for server in self.r.servers.values() for entry in server.log
                if entry.path == '/owa/'][-1]
        self.assertEqual(seen.all('x-forwarded-for'), ['127.0.0.1'])
        self.assertEqual(seen.all('x-forwarded-proto'), ['https'])
        self.assertEqual(seen.all('x-forwarded-port'), [str(self.r.addresses['fe'][1])])
        self.assertEqual(seen.all('host'), ['mail.contoso.com'])

    def test_captures_are_logged(self):
        self.https().get('/owa/auth/', [('User-Agent', 'Outlook {1}')])
        self.r.log.wait(r' bk_owa/ex0[12] .* \{mail\.contoso\.com\|Outlook \{1\}\}|'
                        r' bk_owa/ex0[12] .* \{mail\.contoso\.com\|Outlook #7B1#7D\}')

    def test_ntlm_goes_through_on_one_connection(self):
        client = self.https()
        for ask, answer in (('ews_ntlm_c1.http', 401), ('ews_ntlm_c2.http', 401),
                            ('ews_ntlm_c3.http', 200), ('ews_ntlm_c4_same_conn_no_auth.http', 200)):
            self.assertEqual(client.send(sample(ask)).response().status, answer, ask)
        page = client.get('/mapi/emsmdb/?showdebug=yes')
        self.assertEqual(page.status, 401)    # Another pool: another server connection, nobody yet.
        for server in self.r.servers.values():
            self.assertEqual(server.counters['ntlm_stray_type3'], 0)

    def test_nobody_is_served_on_the_connection_of_somebody_else(self):
        token = base64.b64encode(b'\x60\x82user=alice').decode()
        first = self.https()
        first.request('GET', '/mapi/emsmdb/?showdebug=yes',
                      [('Authorization', 'Negotiate ' + token)])
        self.assertIn(b'User: alice', first.response().body)
        self.assertIn(b'User: alice', first.get('/mapi/emsmdb/?showdebug=yes').body)
        for _ in range(6):
            second = self.https()
            for _ in range(2):
                self.assertEqual(second.get('/mapi/emsmdb/?showdebug=yes').status, 401)

    def test_the_basic_password_of_a_phone_passes(self):
        client = self.https()
        answer = client.send(sample('eas_options_c.http')).response()
        self.assertEqual(answer.get('ms-server-activesync'), '15.2')

    def test_ranges_of_the_address_book_pass(self):
        client = self.https()
        client.send(sample('ews_ntlm_c2.http').replace(b'POST /EWS/Exchange.asmx', b'POST /OAB/x.lzx'))
        self.assertEqual(client.response().status, 401)
        head = sample('ews_ntlm_c3.http').partition(b'\r\n\r\n')[0]
        token = re.search(rb'Authorization: (NTLM \S+)', head).group(1).decode()
        answer = client.get('/OAB/1efe2ed6/b7f8-data-1.lzx', [
            ('Authorization', token), ('Range', 'bytes=1048576-2097151')])
        self.assertEqual(answer.status, 206)
        self.assertEqual(answer.body, pattern_bytes(1048576, 1048576))


class Bridged(Routed, Shared):
    NAME = 'exchange-l7.cfg'

    def test_the_servers_are_asked_for_the_name_of_the_request(self):
        self.https().get('/owa/', COOKIE)
        seen = [entry for server in self.r.servers.values() for entry in server.log
                if entry.path == '/owa/'][-1]
        self.assertEqual(seen.conn.sni, 'mail.contoso.com')
        self.assertIsNotNone(seen.conn.tls)

    def test_the_certificate_of_autodiscover_is_its_own(self):
        client = self.https(sni='autodiscover.contoso.com')
        der = client.socket.getpeercert(True)
        with open(certificate('autodiscover', '.crt')) as file:
            self.assertEqual(der, ssl.PEM_cert_to_DER_cert(file.read()))


class Offloaded(Routed, Shared):
    NAME = 'exchange-l7-offload.cfg'

    def test_cookies_of_owa_become_secure(self):
        answer = self.https().send(sample('owa_auth_c.http')).response()
        cookies = [value for value in answer.all('set-cookie') if value.startswith('cadata')]
        self.assertEqual(len(cookies), 5)
        for value in cookies:
            self.assertTrue(value.endswith('; secure'), value)


class Affinity:
    """Scenario 3: OWA and ECP share a cookie."""

    https = Routed.https

    def ask(self, target, cookies=''):
        """(server, the cookies of affinity given to who brought these)."""
        answer = self.https().get(target, [('Cookie', 'cadata=x' + cookies)])
        return answer.get('x-feserver'), [text for text in answer.all('set-cookie') if 'EXLB' in text]

    def test_a_browser_stays_with_its_server_in_owa_and_ecp(self):
        seen = set()
        for first, second in (('/owa/', '/ecp'), ('/ecp', '/owa/')) * 3:
            name, given = self.ask(first)
            self.assertEqual(given, ['EXLB=ex%s; path=/; HttpOnly; Secure' % name[2:]])
            for target in (second, first, second):
                self.assertEqual(self.ask(target, '; EXLB=ex' + name[2:]), (name, []))
            seen.add(name)
        for name in ('EX01', 'EX02'):
            self.assertEqual(self.ask('/owa/', '; EXLB=ex' + name[2:]), (name, []))
        for server in self.r.servers.values():
            self.assertFalse([entry for entry in server.log if 'EXLB' in entry.get('cookie', '')])
        self.assertLessEqual(seen, {'EX01', 'EX02'})

    def test_a_login_of_ntlm_stays_though_a_cookie_says_otherwise(self):
        client = self.https()
        cookie = b'Cookie: cadata=x; EXLB=ex0%d\r\n'
        names = []
        for step, number in (('ews_ntlm_c1.http', 1), ('ews_ntlm_c2.http', 1), ('ews_ntlm_c3.http', 1),
                             ('ews_ntlm_c4_same_conn_no_auth.http', 2)):
            head, body = sample(step).replace(b'/EWS/Exchange.asmx', b'/owa/').split(b'\r\n\r\n', 1)
            client.send(head + b'\r\n' + cookie % number + b'\r\n' + body)
            names.append(client.response().get('x-feserver'))
        self.assertEqual(names, ['EX01'] * 4)
        self.r.log.wait(r' bk_owa/ex01 .* --UI ')


class Affine(Affinity, Routed, Shared):
    NAME = 'exchange-l7-affinity.cfg'

    def test_a_client_stays_with_its_server_by_its_address_or_login(self):
        for target in ('/EWS/x', '/mapi/x', '/rpc/x'):
            self.assertEqual(len({self.https().get(target).get('x-feserver') for _ in range(6)}), 1)
        seen = set()
        for user in range(12):
            token = [('Authorization', 'Basic ' + base64.b64encode(b'user%d:x' % user).decode())]
            names = {self.https().get('/Microsoft-Server-ActiveSync', token).get('x-feserver')
                     for _ in range(3)}
            self.assertEqual(len(names), 1)
            seen |= names
        self.assertEqual(seen, {'EX01', 'EX02'})


class Scenario3(Affinity, Shared):
    """The configuration of the article's scenario 3 as it is."""

    @classmethod
    def setUpClass(cls):
        cls.r = example_rig('43-scenario3-single-ns-l7-affinity.cfg', folder='test/data/configs')
        cls.r.start()

    def test_every_pool_is_served(self):
        for name, (target, fields, status) in VDIRS.items():
            self.assertEqual(self.https().get(target, fields).status, status, name)


class OneDirectoryDown(Case):
    """EWS of one server goes offline: EWS moves, OWA stays on both."""

    def test_one_directory_down_takes_the_server_out_of_that_pool_alone(self):
        rig = example_rig('exchange-l7.cfg')
        self.addCleanup(rig.close)
        rig.server('s1').states['ews'] = 'offline-rst'
        rig.start()
        rig.log.wait(r'Server bk_ews/ex01 is DOWN', 40)

        def servers(target, fields):
            with Client(rig.addresses['fe'], sni='mail.contoso.com') as client:
                return client.get(target, fields).get('x-feserver')
        self.assertEqual({servers('/EWS/Exchange.asmx', []) for _ in range(6)}, {'EX02'})
        self.assertEqual({servers('/owa/', COOKIE) for _ in range(6)}, {'EX01', 'EX02'})
        self.assertNotIn('bk_owa/ex01 is DOWN', '\n'.join(rig.log.drain()))


EXCHANGE = """
frontend fe
    bind <fe>
    default_backend be
backend be
    http-reuse never
    option http-no-delay
    server s1 <s1>
"""


class LongLived(Case):

    def outlook(self, rig, method, name):
        """A connection that has done NTLM for an RPC channel; the channel is open."""
        client = rig.connect()
        client.send(sample('rpc_%s_c1_T1.http' % name))
        self.assertEqual(client.response().status, 401)
        return client.send(sample({'out': 'rpc_out_c2_T3_76.http',
                                   'in': 'rpc_in_c2_T3_1GiB.http'}[name]))

    def pair(self, rig):
        out = self.outlook(rig, 'RPC_OUT_DATA', 'out')
        head = out.take_until(b'\r\n\r\n')
        self.assertTrue(head.startswith(b'HTTP/1.1 200 Success\r\n'))
        self.assertIn(b'1073741824', head)
        self.assertEqual(out.take(28), sample('rts_CONN_A3.bin'))
        into = self.outlook(rig, 'RPC_IN_DATA', 'in')
        self.assertEqual(out.take(44), sample('rts_CONN_C2.bin'))
        return out, into

    def test_outlook_anywhere_works_byte_by_byte(self):
        """Each byte of the IN channel arrives at once, though a gigabyte was announced."""
        rig = self.rig(EXCHANGE)
        out, into = self.pair(rig)
        waits = []
        for n in range(30):
            started = time.monotonic()
            into.send(bytes([n]))
            self.assertEqual(out.take(1), bytes([n]))
            waits.append(time.monotonic() - started)
        self.assertLess(sorted(waits)[len(waits) // 2], 0.05)

    def test_when_one_channel_ends_so_does_the_other(self):
        rig = self.rig(EXCHANGE)
        rig.server().time_scale = 0.001     # A ping every 120 ms finds out.
        out, into = self.pair(rig)
        out.reset()
        self.assertEqual(into.rest(), b'')

    def test_pings_keep_an_idle_pair_alive_beyond_every_timeout(self):
        rig = self.rig(EXCHANGE, defaults='    timeout client 400ms\n    timeout server 400ms')
        rig.server().time_scale = 0.001     # A ping every 120 ms instead of 120 s.
        out, into = self.pair(rig)
        for _ in range(10):
            into.send(cassim.RTS_PING)      # Comes back; the server's own come besides.
            for _ in range(2):
                self.assertEqual(out.take(20), cassim.RTS_PING)

    def test_an_out_channel_whose_client_has_said_all_still_hears(self):
        rig = self.rig(EXCHANGE)
        out, into = self.pair(rig)
        out.half_close()
        into.send(b'x')
        self.assertEqual(out.take(1), b'x')

    def test_new_mail_is_told_at_once_to_who_waits_for_it(self):
        rig = self.rig(EXCHANGE)
        server = rig.server()
        server.auth = False
        phone = rig.connect().send(sample('eas_ping_c.http'))
        outlook = rig.connect().send(sample('mapi_notificationwait_c.http'))
        outlook.take_until(b'PROCESSING\r\n')
        server.wait_count('requests', 2)
        Farm.loop.call_soon_threadsafe(server.new_mail)
        started = time.monotonic()
        self.assertIn(b'\x032\0', phone.response().body)
        outlook.take_until(b'DONE\r\n')
        self.assertLess(time.monotonic() - started, PATIENCE / 2)

    def test_a_notification_is_passed_on_as_it_is_written(self):
        rig = self.rig(EXCHANGE)
        server = rig.server()
        server.time_scale, server.auth = 0.01, False
        client = rig.connect().send(sample('mapi_notificationwait_c.http'))
        head = client.take_until(b'\r\n\r\n')
        self.assertIn(b'NotificationWait', head)
        self.assertEqual(client.take_body(12), b'PROCESSING\r\n')
        for _ in range(20):
            self.assertEqual(client.take_body(9), b'PENDING\r\n')
        end = sample('mapi_notificationwait_s_end.http')[4:-7]
        self.assertEqual(client.take_body(0x5b), end)
        self.assertEqual(client.take_body(1), b'')

    def test_streaming_notifications_arrive_each_at_its_time(self):
        rig = self.rig(EXCHANGE)
        server = rig.server()
        server.time_scale, server.auth = 0.004, False
        client = rig.connect()
        started = time.monotonic()
        client.request('POST', '/EWS/Exchange.asmx', body=b'<m:GetStreamingEvents>'
                       b'<m:ConnectionTimeout>3</m:ConnectionTimeout>')
        client.take_until(b'\r\n\r\n')
        client.take_until(b'</s:Envelope>')
        self.assertLess(time.monotonic() - started, PATIENCE / 2)
        for _ in range(4):
            client.take_until(b'</s:Envelope>')
        client.take_until(b'Closed')
        client.take_until(b'0\r\n\r\n')

    def test_a_phone_may_be_silent_for_its_heartbeat(self):
        rig = self.rig(EXCHANGE, defaults='    timeout http-request 500ms')
        rig.server().time_scale = 0.002     # 480 s become 0.96 s.
        client = rig.connect().send(sample('eas_ping_c.http'))
        self.assertEqual(client.response().body, sample('eas_ping_status1.wbxml'))

    def test_a_phone_that_hangs_up_is_noticed_at_the_server(self):
        rig = self.rig(EXCHANGE, defaults='    option abortonclose')
        client = rig.connect().send(sample('eas_ping_c.http'))
        server = rig.server()
        server.wait_count('requests', 1)
        client.close()
        wait_until(lambda: not server.connections, 'the server connection to be closed')

    def test_odd_answers_of_exchange_pass(self):
        rig = self.rig(EXCHANGE)
        server = rig.server()
        for name, status, reason in (('440', 440, 'Login Timeout'), ('507', 507, 'Insufficient Storage'),
                                     ('449', 449, 'Retry after sending a PROVISION command'),
                                     ('403-ssl', 403, 'SSL required.'), ('451', 451, ''),
                                     ('503-retry', 503, 'Service Unavailable')):
            canned = cassim.CANNED[name]
            server.answers['owa'] = sample(canned) if isinstance(canned, str) else canned
            answer = rig.get('/owa/')
            self.assertEqual((answer.status, answer.reason), (status, reason))


class ExtendedProtection(Case):
    """The login names the certificate that the client saw: IIS takes its own alone."""

    def status(self, bind, server):
        rig = self.rig('frontend fe\n    bind <fe>%s\n    default_backend be\n'
                       'backend be\n    server s1 <s1%s\n' % (bind, server))
        rig.server().extended_protection = True
        with Client(rig.addresses['fe'], sni='mail.contoso.com' if bind else None) as client:
            seen = hashlib.sha256(client.socket.getpeercert(True)).hexdigest() if bind else '0'
            token = base64.b64encode(b'\x60user=alice cb=%s' % seen.encode()).decode()
            return client.get('/ews/', [('Authorization', 'Negotiate ' + token)]).status

    def test_the_same_certificate_on_both_sides_lets_users_log_in(self):
        self.assertEqual(self.status(' ssl crt <certs>/ex01.pem', '+tls> ssl verify none'), 200)

    def test_another_certificate_and_offloading_do_not(self):
        self.assertEqual(self.status(' ssl crt <certs>/mail.pem', '+tls> ssl verify none'), 401)
        self.assertEqual(self.status(' ssl crt <certs>/ex01.pem', '>'), 401)
        self.assertEqual(self.status('', '+tls> ssl verify none'), 401)


class Identity(Case):
    """Many clients, each with its own way to say who it is: none is ever served as another."""

    def whoami(self, client, fields=()):
        return client.get('/test/whoami', fields).body.decode().split()[0]

    def type3(self, user):
        name = user.encode('utf-16-le')
        head = b'NTLMSSP\0' + struct.pack('<I', 3) + bytes(24) + struct.pack('<HHI', len(name),
                                                                            len(name), 64)
        return base64.b64encode(head.ljust(64, b'\0') + name).decode()

    def one(self, rig, n, errors, allowed):
        kind, user = n % 4, 'user%d' % n
        try:
            with Client(rig.addresses['fe']) as client:
                expected = 'None'
                if kind == 0:
                    first = client.get('/EWS/x', [('Authorization', 'NTLM ' + base64.b64encode(
                        b'NTLMSSP\0' + struct.pack('<I', 1) + bytes(20)).decode())])
                    assert first.status == 401, first.status
                    assert self.whoami(client, [('Authorization', 'NTLM ' + self.type3(user))]) == user
                    expected = user
                elif kind == 1:
                    token = base64.b64encode(b'\x60user=%s' % user.encode()).decode()
                    assert self.whoami(client, [('Authorization', 'Negotiate ' + token)]) == user
                    expected = user
                elif kind == 2:
                    basic = base64.b64encode(b'dom\\%s:pw' % user.encode()).decode()
                    assert self.whoami(client, [('Authorization', 'Basic ' + basic)]) == user
                for _ in range(5):
                    got = self.whoami(client)
                    assert got in allowed(expected), 'client %d is served as %s' % (n, got)
        except Exception as error:
            errors.append('%d: %r' % (n, error))

    def all(self, servers, reuse, allowed):
        rig = self.rig("""
frontend fe
    bind <fe>
    default_backend be
backend be
    http-reuse %s
%s
""" % (reuse, servers))
        errors = []
        for _ in range(2):
            threads = [threading.Thread(target=self.one, args=(rig, n, errors, allowed))
                       for n in range(32)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(errors, [], reuse)
        for server in rig.servers.values():
            self.assertEqual(server.counters['ntlm_stray_type3'], 0)

    # The reference program shares, unless told never to, what a one-leg login has authenticated.
    REUSE = ['never'] if IS_HAPROXY else ['never', 'safe', 'aggressive', 'always']

    def test_a_connection_stays_with_its_user_whatever_the_reuse(self):
        for reuse in self.REUSE:
            self.all('    server s1 <s1>', reuse, lambda user: (user,))

    def test_identities_never_leak_between_servers(self):
        for reuse in self.REUSE:
            self.all('    server s1 <s1>\n    server s2 <s2>', reuse, lambda user: (user, 'None'))
