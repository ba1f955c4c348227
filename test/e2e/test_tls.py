"""TLS to clients and to servers."""
import os
import queue
import re
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import time

from harness import (Case, Client, IS_HAPROXY, NBTHREAD, Output, PATIENCE, Rig, Script, Shared, certificate,
                     certificates, check, openssl, pattern_bytes, penstock_only, read_head, tls_client)


def s_client(address, *arguments, commands=b''):
    """openssl s_client's report on one handshake."""
    done = subprocess.run(['openssl', 's_client', '-connect', '%s:%d' % address, *arguments],
                          input=commands, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=PATIENCE)
    return done.stdout.decode('utf-8', 'replace')


def subject(address, sni=None, *arguments):
    report = s_client(address, *(['-servername', sni] if sni else ['-noservername']), *arguments)
    match = re.search(r'subject=CN ?= ?(\S+)', report)
    return match.group(1) if match else report


class Front(Shared):
    """`bind ... ssl crt FOLDER`: many certificates, chosen by SNI, ECDSA or RSA."""
    CONFIG = """
frontend fe
    bind <fe> ssl crt <certs>/default.pem crt <dir>/more alpn http/1.1
    http-request return status 200 content-type text/plain lf-string "%[ssl_fc] %[ssl_fc_sni]" if { path /who }
    default_backend be
frontend fe12
    bind <fe12> ssl crt <certs>/mail.pem ssl-max-ver TLSv1.2 ciphers ECDHE-ECDSA-AES256-GCM-SHA384
    default_backend be
frontend fe13
    bind <fe13> ssl crt <certs>/mail.pem ssl-min-ver TLSv1.3 curves P-384
    default_backend be
frontend feplain
    bind <feplain>
    http-request return status 200 content-type text/plain lf-string "%[ssl_fc]"
backend be
    server s1 <s1>
"""

    @classmethod
    def setUpClass(cls):
        cls.r = Rig(cls.CONFIG, start=False)
        more = os.path.join(cls.r.folder, 'more')
        os.mkdir(more)
        for name in ('mail', 'mail-rsa', 'autodiscover', 'wild'):
            os.symlink(certificate(name), os.path.join(more, name + '.pem'))
        cls.r.start()

    def subject(self, sni=None, *arguments):
        return subject(self.r.addresses['fe'], sni, *arguments)

    def test_the_certificate_is_chosen_by_name(self):
        self.assertEqual(self.subject('mail.contoso.com'), 'mail.contoso.com')
        self.assertEqual(self.subject('autodiscover.contoso.com'), 'autodiscover.contoso.com')

    def test_names_are_compared_without_case(self):
        self.assertEqual(self.subject('AutoDiscover.CONTOSO.com'), 'autodiscover.contoso.com')

    def test_a_wildcard_covers_one_label(self):
        self.assertEqual(self.subject('any.fabrikam.com'), '*.fabrikam.com')
        self.assertEqual(self.subject('a.b.fabrikam.com'), 'default.contoso.com')
        self.assertEqual(self.subject('fabrikam.com'), 'default.contoso.com')

    def test_the_first_certificate_is_the_default(self):
        self.assertEqual(self.subject('unknown.example'), 'default.contoso.com')
        self.assertEqual(self.subject(), 'default.contoso.com')

    def test_an_rsa_client_gets_the_rsa_certificate_of_the_same_name(self):
        for arguments, kind in ((['-tls1_2', '-cipher', 'ECDHE-RSA-AES128-GCM-SHA256'], 'rsa'),
                                (['-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-GCM-SHA256'], 'ec'),
                                (['-tls1_3', '-sigalgs', 'rsa_pss_rsae_sha256:rsa_pkcs1_sha256'], 'rsa'),
                                (['-tls1_3', '-sigalgs', 'ecdsa_secp256r1_sha256'], 'ec')):
            report = s_client(self.r.addresses['fe'], '-servername', 'mail.contoso.com', *arguments)
            wanted = {'rsa': r'Peer signature type: RSA', 'ec': r'Peer signature type: ECDSA'}[kind]
            self.assertRegex(report, wanted, arguments)

    def test_the_chain_is_sent(self):
        report = s_client(self.r.addresses['fe'], '-servername', 'mail.contoso.com', '-CAfile',
                          certificate('ca'), '-verify_return_error')
        self.assertIn('Verify return code: 0 (ok)', report)

    def test_alpn_offers_http_1_1(self):
        with Client(self.r.addresses['fe'], sni='mail.contoso.com',
                    alpn=['h2', 'http/1.1']) as client:
            self.assertEqual(client.socket.selected_alpn_protocol(), 'http/1.1')
            self.assertEqual(client.get('/test/server').body, b'EX01')

    def test_a_client_without_alpn_is_served(self):
        with Client(self.r.addresses['fe'], sni='mail.contoso.com') as client:
            self.assertIsNone(client.socket.selected_alpn_protocol())
            self.assertEqual(client.get('/test/server').body, b'EX01')

    def test_versions_are_bounded(self):
        def version(name, wanted):
            with Client(self.r.addresses[name], sni='mail.contoso.com', version=wanted) as client:
                return client.socket.version()
        self.assertEqual(version('fe12', ssl.TLSVersion.TLSv1_2), 'TLSv1.2')
        with self.assertRaises((ssl.SSLError, OSError)):
            version('fe12', ssl.TLSVersion.TLSv1_3)
        self.assertEqual(version('fe13', ssl.TLSVersion.TLSv1_3), 'TLSv1.3')
        with self.assertRaises((ssl.SSLError, OSError)):
            version('fe13', ssl.TLSVersion.TLSv1_2)

    def test_ciphers_and_curves_are_as_configured(self):
        report = s_client(self.r.addresses['fe12'], '-servername', 'mail.contoso.com')
        self.assertIn('ECDHE-ECDSA-AES256-GCM-SHA384', report)
        report = s_client(self.r.addresses['fe13'], '-servername', 'mail.contoso.com')
        self.assertRegex(report, r'Server Temp Key: (ECDH, (P-384|secp384r1), 384 bits|ECDH, prime)')

    def test_ssl_fc_and_ssl_fc_sni_tell_the_truth(self):
        with Client(self.r.addresses['fe'], sni='any.fabrikam.com') as client:
            self.assertEqual(client.get('/who').body, b'1 any.fabrikam.com')
        self.assertEqual(self.r.get('/', frontend='feplain').body, b'0')

    def test_bytes_survive_both_ways(self):
        with Client(self.r.addresses['fe'], sni='mail.contoso.com') as client:
            answer = client.get('/test/size/3000000')
            self.assertEqual(answer.body, pattern_bytes(3000000))
            answer = client.post('/test/echo', pattern_bytes(3000000)).json()
            self.assertEqual(answer['body_size'], 3000000)

    def test_plain_http_to_a_tls_port_is_not_served(self):
        client = self.connect()
        client.send(b'GET /test/server HTTP/1.1\r\nHost: a\r\n\r\n')
        self.assertNotIn(b'EX01', client.rest())
        self.assertEqual(self.r.server().counters['requests'], 0)

    def test_a_client_may_not_renegotiate(self):
        report = s_client(self.r.addresses['fe'], '-tls1_2', '-servername', 'mail.contoso.com',
                          commands=b'R\nGET /test/server HTTP/1.1\r\nHost: a\r\n\r\n')
        self.assertNotIn('EX01', report)
        self.assertIn('RENEGOTIATING', report)

    def test_curl_verifies_the_certificate(self):
        port = self.r.addresses['fe'][1]
        code, out, error = self.r.curl(
            '--cacert', certificate('ca'), '--resolve', 'mail.contoso.com:%d:127.0.0.1' % port,
            'https://mail.contoso.com:%d/test/server' % port)
        self.assertEqual((code, out, error), (0, b'EX01', ''))

    def test_the_end_of_a_tls_answer_is_announced(self):
        """close_notify comes before the FIN, so that nobody takes a cut answer for a whole one."""
        with Client(self.r.addresses['fe'], sni='mail.contoso.com') as client:
            client.socket.suppress_ragged_eofs = False
            client.get('/test/server', [('Connection', 'close')])
            self.assertEqual(client.socket.recv(10), b'')

    def test_a_client_that_gathers_small_packets_does_not_wait_for_an_acknowledgement(self):
        """Nagle's algorithm holds the request back until the end of the handshake is acknowledged: at
        once, not after the system's 40 ms."""
        context, times = tls_client(), []
        for _ in range(8):
            with socket.create_connection(self.r.addresses['fe13']) as sock:
                with context.wrap_socket(sock, server_hostname='mail.contoso.com') as tls:
                    begun = time.monotonic()
                    tls.sendall(b'GET /owa/healthcheck.htm HTTP/1.1\r\nHost: mail.contoso.com\r\n\r\n')
                    self.assertTrue(tls.recv(65536).startswith(b'HTTP/1.1 200'))
                    times.append(time.monotonic() - begun)
        self.assertLess(min(times), 0.025)


# What comes to a TLS port and is no TLS of our day.
ODD_HELLOS = {
    'clear HTTP': b'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
    'garbage': bytes(range(255, 0, -1)),
    'a hello of SSLv2': bytes.fromhex('802e0100020015000000100100800200800300800400800500800600400700c0') + b'0' * 17,
    'a record larger than any': bytes.fromhex('160301ffff') + b'x' * 65535,
    'half a hello': bytes.fromhex('16030100050100000100'),
    'SSLv3': bytes.fromhex('160300002b010000270300') + b'0' * 32 + bytes.fromhex('000002002f0100'),
    'an alert': bytes.fromhex('15030100020228'),
    'nothing': b'',
}


class Bounds(Case):
    ONCE = True
    TEXT = """
frontend fe
    bind <fe> ssl crt <certs>/mail.pem %s
    http-request return status 200
"""

    def served(self, words, **options):
        rig = self.rig(self.TEXT % words)
        try:
            with rig.connect(**options) as client:
                return client.get('/').status == 200
        except (OSError, AssertionError):
            return False

    def test_under_strict_sni_only_names_of_a_certificate_are_served(self):
        nameless = tls_client()
        for words, sni, good in (('strict-sni', 'mail.contoso.com', True),
                                 ('strict-sni', 'MAIL.contoso.com', True),
                                 ('strict-sni', 'other.contoso.com', False), ('strict-sni', None, False),
                                 ('', 'other.contoso.com', True), ('', None, True)):
            self.assertEqual(self.served(words, sni=sni, context=nameless), good, (words, sni))

    def test_each_way_to_bound_the_versions(self):
        v12, v13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
        for words, served in (('no-tlsv10 no-tlsv11 no-tlsv12', {v13}), ('no-tlsv13', {v12}), ('ssl-min-ver TLSv1.3', {v13}),
                              ('ssl-max-ver TLSv1.2', {v12}), ('force-tlsv12', {v12}),
                              ('no-tlsv10 no-tlsv11', {v12, v13})):
            for version in (v12, v13):
                self.assertEqual(self.served(words, sni='mail.contoso.com', version=version),
                                 version in served, (words, version))


V10, V11, V12, V13 = 'TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'
VERSIONS = {V10: ssl.TLSVersion.TLSv1, V11: ssl.TLSVersion.TLSv1_1, V12: ssl.TLSVersion.TLSv1_2,
            V13: ssl.TLSVersion.TLSv1_3}
# What the words leave, of clients and of servers.
WORDS = (
    ('', {V12, V13}), ('no-sslv3', {V12, V13}), ('no-tlsv10', {V12, V13}), ('no-tlsv11', {V12, V13}),
    ('no-tlsv10 no-tlsv11', {V12, V13}), ('no-tlsv12', {V13}), ('no-tlsv13', {V12}),
    ('no-tls-tickets', {V12, V13}), ('ssl-min-ver TLSv1.0', {V10, V11, V12, V13}),
    ('ssl-min-ver TLSv1.1', {V11, V12, V13}), ('ssl-min-ver TLSv1.3', {V13}), ('ssl-max-ver TLSv1.2', {V12}),
    ('ssl-max-ver TLSv1.1', {V11}), ('ssl-max-ver TLSv1.0', {V10}),
    ('ssl-min-ver TLSv1.0 ssl-max-ver TLSv1.1', {V10, V11}), ('force-tlsv10', {V10}), ('force-tlsv11', {V11}),
    ('force-tlsv12', {V12}), ('force-tlsv13', {V13}), ('ssl-min-ver TLSv1.0 no-tlsv12', {V10, V11, V12, V13}))


def weakened(context, version):
    """OpenSSL of today speaks old versions and sees old suites on this level only."""
    context.minimum_version = context.maximum_version = version
    context.set_ciphers('ALL:@SECLEVEL=0')
    return context


def client_hello(suite, name=b'mail.contoso.com'):
    """A hello of TLS 1.2 that offers one suite; all the rest is as wide as can be."""
    def extension(number, content):
        return struct.pack('>HH', number, len(content)) + content
    algorithms = bytes.fromhex('040105010601040305030603080408050806')
    extensions = (extension(0, struct.pack('>HBH', len(name) + 3, 0, len(name)) + name) +
                  extension(10, bytes.fromhex('0008001d001700180019')) + extension(11, b'\x01\x00') +
                  extension(13, struct.pack('>H', len(algorithms)) + algorithms) + extension(0xff01, b'\x00'))
    body = (b'\x03\x03' + bytes(32) + b'\x00' + struct.pack('>HH', 2, suite) + b'\x01\x00' +
            struct.pack('>H', len(extensions)) + extensions)
    message = b'\x01' + struct.pack('>I', len(body))[1:] + body
    return b'\x16\x03\x01' + struct.pack('>H', len(message)) + message


class Defaults(Case):
    """What is spoken where nothing is said, and where too little is: as seen on the wire."""
    ONCE = True
    BIND = """
frontend fe
    bind <fe> ssl crt <certs>/mail-rsa.pem crt <certs>/mail.pem %s
    http-request return status 200
"""
    SERVER = """
frontend fe
    bind <fe>
    default_backend be
backend be
    retries 0
    server s1 %s ssl verify none %s
"""

    def spoken_to_clients(self, words):
        rig = self.rig(self.BIND % (words + ' ciphers ALL:@SECLEVEL=0' if IS_HAPROXY else words))
        spoken = set()
        for name, version in VERSIONS.items():
            try:
                with rig.connect(sni='mail.contoso.com', context=weakened(tls_client(), version)) as client:
                    self.assertEqual(client.socket.version(), name)
                    spoken.add(name)
            except OSError:
                pass
        return spoken

    def spoken_to_servers(self, words):
        spoken = set()
        for name, version in VERSIONS.items():
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate('mail-rsa'))
            weakened(context, version)

            def talk(sock, number):
                with context.wrap_socket(sock, server_side=True) as secured:
                    spoken.add(secured.version())
                    read_head(secured)
                    secured.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
            script = Script(talk)
            self.addCleanup(script.close)
            rig = self.rig(self.SERVER % (script.address, words))
            self.assertEqual(rig.get('/').status == 200, name in spoken, (words, name))
        return spoken

    def test_the_versions_are_those_that_the_words_leave(self):
        for words, left in WORDS:
            with self.subTest(words):
                self.assertEqual(self.spoken_to_clients(words), left)

    @penstock_only('HAProxy speaks older versions to servers, and passes over words that contradict each other')
    def test_the_versions_towards_servers_are_those_that_the_words_leave(self):
        for words, left in (row for row in WORDS if 'force' not in row[0]):
            with self.subTest(words):
                self.assertEqual(self.spoken_to_servers(words), left)

    @penstock_only('HAProxy takes what its OpenSSL takes: static RSA too')
    def test_of_the_suites_those_with_a_fresh_key_are_spoken(self):
        rig = self.rig(self.BIND % '')
        for suite, spoken in ((0xc02f, True), (0xc02b, True), (0xc030, True), (0xcca8, True), (0xc013, True),
                              (0xc014, True), (0xc009, True),  # ECDHE with GCM, ChaCha20, CBC
                              (0x002f, False), (0x0035, False), (0x009c, False), (0x009d, False),  # static RSA
                              (0x000a, False), (0xc012, False),  # 3DES
                              (0x0004, False), (0x0005, False), (0x0009, False), (0x0034, False), (0x008c, False),
                              (0x0002, False)):  # RC4, DES, anonymous, PSK, no encryption
            with rig.connect() as client:
                client.send(client_hello(suite))
                kind = client.socket.recv(1)
                self.assertEqual(kind, b'\x16' if spoken else b'\x15', hex(suite))

    def test_an_old_suite_is_spoken_when_it_is_named(self):
        rig = self.rig(self.BIND % 'ciphers ECDHE-RSA-AES128-GCM-SHA256:AES128-SHA')
        with rig.connect() as client:
            client.send(client_hello(0x002f))
            self.assertEqual(client.socket.recv(1), b'\x16')

    def test_curves_are_those_of_the_manual(self):
        rig = self.rig(self.BIND % '')
        for curve in ('X25519', 'P-256', 'P-384', 'P-521'):
            report = s_client(rig.addresses['fe'], '-servername', 'mail.contoso.com', '-groups', curve)
            self.assertIn('Server Temp Key', report, curve)

    def test_an_unknown_name_is_told_by_the_alert_for_it(self):
        rig = self.rig(self.BIND % 'strict-sni')
        for name in ([], ['-servername', 'nobody.example']):
            for version in ('-tls1_2', '-tls1_3'):
                report = s_client(rig.addresses['fe'], version, *(name or ['-noservername']))
                self.assertIn('alert number 112', report)

    @penstock_only('HAProxy has both')
    def test_words_for_servers_without_effect_are_warnings(self):
        code, text = check('defaults\n    mode http\n' + self.SERVER.replace('<fe>', '127.0.0.1:1') % (
            '127.0.0.1:2', 'alpn h2 ciphers DEFAULT:@SECLEVEL=0'))
        self.assertEqual(code, 0)
        self.assertIn('HTTP/2 to servers is not offered yet', text)
        self.assertIn('"@SECLEVEL=0" in ciphers has no effect', text)


class OddHellos(Case):
    ONCE = True

    def test_what_is_no_tls_is_closed_and_logged_once(self):
        rig = self.rig("""
frontend fe
    bind <fe> ssl crt <certs>/mail.pem
    default_backend be
backend be
    server s1 <s1>
""")
        for name, raw in ODD_HELLOS.items():
            with self.subTest(name):
                client = rig.connect()
                port = client.socket.getsockname()[1]
                try:
                    client.send(raw)
                    client.half_close()
                except OSError:
                    pass  # It has seen enough.
                self.assertNotIn(b'HTTP', client.rest())
                rig.log.wait(r'127\.0\.0\.1:%d ' % port)
        with Client(rig.addresses['fe'], sni='mail.contoso.com') as client:
            self.assertEqual(client.get('/test/server').body, b'EX01')
        rig.log.wait('/test/server')
        self.assertEqual(len(rig.log.lines), len(ODD_HELLOS) + 1)


class Resumption(Case):
    TEXT = """
frontend fe
    bind <fe> ssl crt <certs>/mail.pem %s
    default_backend be
backend be
    server s1 <s1>
"""

    def again(self, rig, session, version=None):
        """(was the handshake resumed, the newest session) of one more connection."""
        context = self.context
        with Client(rig.addresses['fe'], sni='mail.contoso.com', context=context,
                    reuse=session) as client:
            self.assertEqual(client.get('/test/server').body, b'EX01')
            return client.socket.session_reused, client.socket.session

    def test_tickets_are_shared_by_all_workers(self):
        rig = self.rig(self.TEXT % '', nbthread=max(NBTHREAD, 2))
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            self.context = tls_client(version=version)
            _, session = self.again(rig, None)
            for _ in range(12):
                reused, session = self.again(rig, session)
                self.assertTrue(reused, version)

    @penstock_only('reloads otherwise')
    def test_tickets_survive_a_reload(self):
        rig = self.rig(self.TEXT % '')
        self.context = tls_client()
        _, session = self.again(rig, None)
        rig.reload()
        rig.output.wait(r'(?i)reload')
        reused, _ = self.again(rig, session)
        self.assertTrue(reused)

    def test_no_tls_tickets_gives_none(self):
        rig = self.rig(self.TEXT % 'no-tls-tickets')
        report = s_client(rig.addresses['fe'], '-tls1_2', '-servername', 'mail.contoso.com')
        self.assertNotIn('TLS session ticket:', report)


class ClientCertificates(Case):
    ONCE = True

    def test_a_client_certificate_can_be_required(self):
        rig = self.rig("""
frontend fe
    bind <fe> ssl crt <certs>/mail.pem verify required ca-file <certs>/ca.pem
    default_backend be
backend be
    server s1 <s1>
""")
        context = tls_client()
        with self.assertRaises((ssl.SSLError, OSError, AssertionError)):
            with Client(rig.addresses['fe'], sni='mail.contoso.com', context=context) as client:
                client.get('/test/server')
        context.load_cert_chain(certificate('client'))
        with Client(rig.addresses['fe'], sni='mail.contoso.com', context=context) as client:
            self.assertEqual(client.get('/test/server').body, b'EX01')


class Back(Case):
    TEXT = """
frontend fe
    bind <fe>
    default_backend be
backend be
    retries 0
    http-reuse %s
    server s1 <s1+tls> ssl %s
"""

    def back(self, words, reuse='safe'):
        return self.rig(self.TEXT % (reuse, words))

    def test_verify_none_takes_any_certificate(self):
        self.assertEqual(self.back('verify none').get('/test/server').body, b'EX01')

    def test_verify_required_takes_a_certificate_of_the_ca(self):
        rig = self.back('verify required ca-file <certs>/ca.pem')
        self.assertEqual(rig.get('/test/server').body, b'EX01')

    def test_verify_required_refuses_any_other(self):
        rig = self.back('verify required ca-file <certs>/other-ca.pem')
        self.assertEqual(rig.get('/test/server').status, 503)
        rig.log.wait(r' be/s1 \d+/\d+/-1/-1/\d+ 503 \d+ - - SC-- ')
        rig.log.wait(r"backend 'be', server 's1': 503 to \S+: TLS handshake failed \(.*certificate", reason=True)
        self.assertEqual(rig.server().counters['requests'], 0)

    def test_verifyhost_compares_the_name(self):
        rig = self.back('verify required ca-file <certs>/ca.pem verifyhost ex01.contoso.local')
        self.assertEqual(rig.get('/test/server').body, b'EX01')
        rig = self.back('verify required ca-file <certs>/ca.pem verifyhost ex99.contoso.local')
        self.assertEqual(rig.get('/test/server').status, 503)
        rig.log.wait(r'TLS handshake failed \(.*it is for .*ex01\.contoso\.local, not for "ex99\.contoso\.local"', reason=True)

    def test_sni_is_taken_from_the_request(self):
        rig = self.back('verify none sni req.hdr(Host)')
        for host in ('mail.contoso.com', 'autodiscover.contoso.com', 'mail.contoso.com'):
            self.assertEqual(rig.get('/test/echo', host=host).json()['sni'], host)

    def test_a_connection_is_not_lent_across_names(self):
        rig = self.rig(self.TEXT % ('always', 'verify none sni req.hdr(Host)'), nbthread=1)
        for host in ('a.contoso.com', 'b.contoso.com') * 4:
            self.assertEqual(rig.get('/test/echo', host=host).json()['sni'], host)

    def test_handshakes_with_servers_are_resumed(self):
        rig = self.rig(self.TEXT % ('never', 'verify none'), nbthread=1)
        for _ in range(6):
            rig.get('/test/size/10')
        self.assertGreaterEqual(rig.server().counters['tls_resumed'], 4)

    def reload(self, rig):
        start = len(rig.log.drain())
        rig.reload()
        rig.log.wait('Reloaded in', start=start)

    @penstock_only('reloads with a master process')
    def test_a_reload_forgets_no_session_with_a_server_but_with_other_trust(self):
        rig = self.rig(self.TEXT % ('never', 'verify required ca-file <dir>/ca.pem verifyhost ex01.contoso.local'),
                       nbthread=1, start=False)
        shutil.copy(certificate('ca'), rig.folder + '/ca.pem')
        rig.start()
        server = rig.server()
        for _ in range(3):
            rig.get('/test/size/10')
        resumed = server.counters['tls_resumed']
        self.reload(rig)
        self.assertEqual(rig.get('/test/size/10').status, 200)
        self.assertEqual(server.counters['tls_resumed'], resumed + 1)
        with open(certificate('ca')) as ours, open(certificate('other-ca')) as another:
            both = ours.read() + another.read()
        with open(rig.folder + '/ca.pem', 'w') as file:
            file.write(both)
        self.reload(rig)
        self.assertEqual(rig.get('/test/size/10').status, 200)
        self.assertEqual(server.counters['tls_resumed'], resumed + 1)

    def test_versions_towards_servers_are_bounded(self):
        rig = self.back('verify none ssl-max-ver TLSv1.2')
        self.assertEqual(rig.get('/test/echo').json()['tls'], 'TLSv1.2')
        rig = self.back('verify none ssl-min-ver TLSv1.3')
        self.assertEqual(rig.get('/test/echo').json()['tls'], 'TLSv1.3')

    def test_a_certificate_is_shown_to_a_server_that_wants_one(self):
        rig = self.rig(self.TEXT % ('safe', 'verify none crt <certs>/client.pem'), start=False)
        server = rig.server()
        for entry in server.listeners:
            if entry[2]:
                entry[2].load_verify_locations(certificate('ca'))
                entry[2].verify_mode = ssl.CERT_REQUIRED
        rig.start()
        self.assertEqual(rig.get('/test/server').body, b'EX01')

    def test_bridged_bytes_survive_both_ways(self):
        rig = self.back('verify none')
        self.assertEqual(rig.get('/test/size/3000000').body, pattern_bytes(3000000))
        self.assertEqual(rig.post('/test/echo', b'x' * 3000000).json()['body_size'], 3000000)


class ExpiredServer(Case):
    ONCE = True

    def test_an_expired_certificate_of_a_server_is_503_and_takes_it_down(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate('past'))

        def talk(sock, _):
            with context.wrap_socket(sock, server_side=True) as tls:
                read_head(tls)
                tls.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
        text = Back.TEXT % ('safe', '%s ca-file <certs>/ca.pem check inter 100ms fall 1')
        text = text.replace('<s1+tls>', self.script(talk).address)
        rig = self.rig(text % 'verify required')
        line = rig.log.wait(r'Server be/s1 is DOWN, reason: Layer6 invalid response, info: "(.*)", check').group(1)
        self.assertIn('SSL handshake failure', line)
        if not IS_HAPROXY:
            self.assertRegex(line, 'certificate has expired')
        rig = self.rig((text % 'verify required').replace(' check ', ' no-check '))
        self.assertEqual(rig.get('/').status, 503)
        rig = self.rig(text % 'verify none')
        self.assertEqual(rig.get('/').status, 200)


class ServerRenegotiates(Case):
    """IIS asks again, for a client certificate that it would like but does not need."""

    @penstock_only('depends on its TLS library')
    def test_renegotiation_asked_by_a_server_is_allowed(self):
        process = subprocess.Popen(
            ['openssl', 's_server', '-accept', '127.0.0.1:0', '-cert', certificate('ex01'),
             '-tls1_2', '-legacy_renegotiation'], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stdin.close)
        output = Output(process.stdout)
        port = int(output.wait(r'ACCEPT 127\.0\.0\.1:(\d+)').group(1))
        rig = self.rig("""
frontend fe
    bind <fe>
    default_backend be
backend be
    server s1 127.0.0.1:%d ssl verify none
""" % port)
        client = rig.connect().request('GET', '/hello')
        output.wait('GET /hello')
        process.stdin.write(b'r\n')
        process.stdin.flush()
        output.wait('SSL_do_handshake')
        process.stdin.write(b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nagain\n')
        process.stdin.flush()
        self.assertEqual(client.response().body, b'again')


class Complaints(Case):
    ONCE = True
    TEXT = """
frontend fe
    mode http
    bind 127.0.0.1:1 ssl crt %s
    timeout client 5s
    default_backend be
backend be
    mode http
    timeout connect 5s
    timeout server 5s
    server s1 127.0.0.1:1
"""

    def test_a_certificate_without_its_key_is_an_error_that_names_the_file(self):
        path = os.path.join(certificates(), 'lonely.pem')
        shutil.copy(certificate('mail', '.crt'), path)
        code, text = check(self.TEXT % path)
        self.assertEqual(code, 1)
        self.assertIn('lonely.pem', text)

    def complaint(self, *parts):
        with tempfile.NamedTemporaryFile(suffix='.pem') as file:
            file.write(b''.join(parts))
            file.flush()
            code, text = check(self.TEXT % file.name)
            self.assertEqual(code, 1)
            self.assertIn(file.name, text)
            return text

    def test_every_broken_certificate_file_is_named_with_its_cause(self):
        with open(certificate('mail', '.crt'), 'rb') as crt, open(certificate('mail', '.key'), 'rb') as key:
            crt, key = crt.read(), key.read()
        secret = openssl('ec', '-in', certificate('mail', '.key'), '-aes128', '-passout', 'pass:x')
        self.assertIn('empty', self.complaint())
        self.assertIn('encrypted', self.complaint(crt, secret))
        self.assertIn('no certificate', self.complaint(key))
        self.assertIn('no certificate', self.complaint(bytes(range(256))))
        self.assertIn('damaged', self.complaint(crt[:200], key))

    @penstock_only('takes what OpenSSL takes')
    def test_a_key_that_the_tls_library_does_not_know_is_named_with_what_to_take(self):
        def issued(key, *words):
            with tempfile.NamedTemporaryFile(suffix='.key') as file:
                file.write(key)
                file.flush()
                return openssl('req', '-x509', '-new', '-key', file.name, '-subj', '/CN=a.test', *words)

        pss = openssl('genpkey', '-algorithm', 'RSA-PSS', '-pkeyopt', 'rsa_keygen_bits:2048')
        with open(certificate('mail-rsa', '.key'), 'rb') as file:
            rsa = file.read()
        said = self.complaint(issued(pss), pss)
        self.assertRegex(said, 'its key is for RSA-PSS alone, .*; take a certificate of an ordinary RSA key')
        with tempfile.NamedTemporaryFile(suffix='.pem') as file:
            file.write(issued(rsa, '-sigopt', 'rsa_padding_mode:pss') + rsa)
            file.flush()
            self.assertEqual(check(self.TEXT % file.name)[0], 0)  # The signature is somebody else's matter.
        needed = r'\(RSA, P-256, P-384, P-521 or Ed25519 are needed\)'
        for words in (('genpkey', '-algorithm', 'ED448'), ('ecparam', '-name', 'secp256k1', '-genkey', '-noout'),
                      ('ecparam', '-name', 'prime256v1', '-param_enc', 'explicit', '-genkey', '-noout')):
            key = openssl(*words)
            self.assertRegex(self.complaint(issued(key), key), needed, words)

    def test_in_a_folder_the_odd_file_is_named(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertIn('no certificate in the folder', check(self.TEXT % folder)[1])
            shutil.copy(certificate('mail'), folder)
            os.mkdir(os.path.join(folder, 'sub'))
            for name, code in (('.hidden', 0), ('mail.pem.key', 0), ('readme.txt', 1)):
                with open(os.path.join(folder, name), 'w') as file:
                    file.write('no certificate')
                got, text = check(self.TEXT % folder)
                self.assertEqual(got, code, text)
            self.assertIn('readme.txt', text)

    def test_a_key_of_another_certificate_is_an_error(self):
        path = os.path.join(certificates(), 'mixed.pem')
        with open(path, 'wb') as out:
            for part in (certificate('mail', '.crt'), certificate('autodiscover', '.key')):
                with open(part, 'rb') as file:
                    out.write(file.read())
        code, text = check(self.TEXT % path)
        self.assertEqual(code, 1)
        self.assertIn('mixed.pem', text)

    def test_a_certificate_file_that_is_not_there_is_an_error_with_its_cause(self):
        code, text = check(self.TEXT % '<certs>/absent.pem')
        self.assertEqual(code, 1)
        self.assertIn('absent.pem', text)

    @penstock_only('shows no caret')
    def test_the_caret_stands_at_the_path_that_is_wrong(self):
        front, wanted = self.TEXT % '<certs>/mail.pem', ' verify required ca-file '
        for text in (front.replace('mail.pem', 'mail.pem' + wanted + '<dir>/absent'),
                     front.replace('mail.pem', 'mail.pem' + wanted + '<certs>/ca.pem crl-file /etc/hostname'),
                     front.replace('mail.pem', 'mail.pem' + wanted + '/etc/hostname'),
                     front + '    server s9 127.0.0.1:1 ssl' + wanted + '/etc/hostname\n',
                     front + '    server s9 127.0.0.1:1 ssl verify none crt <certs>/absent.pem\n',
                     front + '    server s9 127.0.0.1:1 ssl verify none crt <certs>/ca.pem\n'):
            code, said = check(text)
            self.assertEqual(code, 1, said)
            lines = said.split('\n')
            at = next(index for index, line in enumerate(lines) if line.strip() == '^')
            self.assertEqual(lines[at - 1][lines[at].index('^'):], lines[at - 1].split()[-1], said)
            self.assertIn('1 error(s)', said)

    @penstock_only('says nothing')
    def test_a_certificate_near_its_end_is_a_warning(self):
        code, text = check(self.TEXT % '<certs>/soon.pem')
        self.assertEqual(code, 0)
        self.assertRegex(text, r'soon\.pem')

    @penstock_only('says nothing')
    def test_a_certificate_past_its_end_is_a_warning_that_says_so(self):
        code, text = check(self.TEXT % '<certs>/past.pem')
        self.assertEqual(code, 0)
        self.assertRegex(text, r'(?i)WARNING.*past\.pem.*(ended|expired)')

    @penstock_only('takes it')
    def test_crt_without_ssl_is_named(self):
        _, text = check((self.TEXT % '<certs>/mail.pem').replace(' ssl crt', ' crt'))
        self.assertRegex(text, r"crt.*ssl|ssl.*crt")

    def test_a_tls_server_without_a_ca_is_an_error(self):
        code, _ = check((self.TEXT % '<certs>/mail.pem').replace(
            'server s1 127.0.0.1:1', 'server s1 127.0.0.1:1 ssl'))
        self.assertEqual(code, 1)

    @penstock_only('offers it')
    def test_h2_in_alpn_is_a_warning(self):
        code, text = check(self.TEXT % '<certs>/mail.pem alpn h2,http/1.1')
        self.assertEqual(code, 0)
        self.assertIn('h2', text)


class Wishes(Case):
    """Words of `ssl` lines beyond certificates and versions."""
    TEXT = """
frontend fe
    bind <fe> ssl crt <certs>/mail.pem ssl-max-ver TLSv1.2 ciphers %s:%s
    bind <fe2> ssl crt <certs>/mail.pem ssl-max-ver TLSv1.2 ciphers %s:%s prefer-client-ciphers
    http-request return status 200
""" % (('ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384') * 2)

    def test_the_order_of_ciphers_is_ours_unless_the_client_is_to_choose(self):
        rig = self.rig(self.TEXT)
        context = tls_client()
        context.set_ciphers('ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256')

        def chosen(name):
            with rig.connect(name, sni='mail.contoso.com', context=context) as client:
                return client.socket.cipher()[0]
        self.assertEqual(chosen('fe'), 'ECDHE-ECDSA-AES128-GCM-SHA256')
        self.assertEqual(chosen('fe2'), 'ECDHE-ECDSA-AES256-GCM-SHA384')

    @penstock_only('says it of stateful ones alone')
    def test_a_ticket_is_good_for_tune_ssl_lifetime(self):
        for setting, seconds in (('', 300), ('    tune.ssl.lifetime 2m', 120)):
            rig = self.rig(self.TEXT, globals_=setting)
            with rig.connect(sni='mail.contoso.com') as client:
                client.get('/')
                self.assertEqual(client.socket.session.ticket_lifetime_hint, seconds)

    @penstock_only('knows them')
    def test_a_cipher_that_the_library_lacks_is_a_warning(self):
        code, text = check("""
defaults
    mode http
    timeout client 5s
frontend fe
    bind 127.0.0.1:1 ssl crt <certs>/mail.pem ciphers ECDHE-ECDSA-AES128-GCM-SHA256:DHE-RSA-AES128-SHA
    http-request return status 200
""")
        self.assertEqual(code, 0)
        self.assertRegex(text, r'WARNING.*DHE-RSA-AES128-SHA')

    @penstock_only('does it by default')
    def test_checks_offer_the_protocols_of_their_own(self):
        rig = self.rig("""
frontend fe
    bind <fe>
    default_backend be
backend be
    option httpchk GET /test/check
    server s1 127.0.0.1:%d ssl verify none alpn http/1.1 check inter 50ms check-alpn odd
""" % self.listener(['odd']).port)
        self.assertEqual(self.offered.get(timeout=PATIENCE), 'odd')
        rig.close()

    def listener(self, protocols):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate('ex01'))
        context.set_alpn_protocols(protocols)
        self.offered = queue.Queue()

        def talk(sock, _):
            with context.wrap_socket(sock, server_side=True) as tls:
                self.offered.put(tls.selected_alpn_protocol())
        return self.script(talk)
