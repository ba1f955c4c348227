"""Files that TLS is made of: lists of certificates, what lies beside one, PFX files, keys of tickets. And what is counted
of TLS, compared with HAProxy on the same traffic."""
import base64
import os
import re
import shutil
import signal
import ssl
import subprocess
import tempfile

import test_runtime_socket
from harness import Case, Client, Cut, IS_HAPROXY, certificate, check, openssl, penstock_only, run_program, tls_client
from test_client_certificates import Authority
from test_runtime_socket import ask
from test_tls import s_client, subject

Both = test_runtime_socket.Tables.__base__

GLOBAL = """
global
    stats socket <dir>/admin.sock level admin
"""


def write(rig, name, text):
    with open(os.path.join(rig.folder, name), 'w') as file:
        file.write(text.replace('<dir>', rig.folder).replace('<certs>', os.path.dirname(certificate('mail'))))


class Lists(Both):
    """`crt-list`, and the commands about it."""
    LIST = """
# the first is the default
<certs>/default.pem
<certs>/wild.pem  *.w.contoso.com !not.w.contoso.com
<certs>/mail.pem [ssl-max-ver TLSv1.2 alpn http/1.1] mail.contoso.com
<certs>/autodiscover.pem [ca-file <certs>/ca.pem verify required] auto.contoso.com
"""
    TEXT = GLOBAL + """
frontend fe
    bind <fe> ssl crt-list <dir>/list
    http-request return status 200 content-type text/plain lf-string "%[ssl_fc_sni]"
"""

    def rig(self, text, **options):
        rig = super().rig(text, start=False, **options)
        write(rig, 'list', self.LIST)
        rig.start()
        return rig

    def compare(self, line, name='admin.sock'):
        return super().compare(line.replace('<certs>', os.path.dirname(certificate('mail'))), name)

    def both(self, *arguments):
        seen = [subject(rig.addresses['fe'], *arguments) for rig in (self.ours, self.theirs)]
        self.assertEqual(*seen, arguments)
        return seen[0]

    def test_names_choose(self):
        self.assertEqual(self.both('a.w.contoso.com'), self.both('b.w.contoso.com'))
        self.assertNotEqual(self.both('a.w.contoso.com'), self.both('not.w.contoso.com'))
        self.assertEqual(self.both('mail.contoso.com'), 'mail.contoso.com')
        self.assertEqual(self.both('nobody.contoso.com'), self.both(None))
        self.both('autodiscover.contoso.com')

    def test_a_line_has_terms_of_its_own(self):
        for rig in (self.ours, self.theirs):
            report = s_client(rig.addresses['fe'], '-servername', 'mail.contoso.com', '-alpn', 'http/1.1')
            self.assertIn('TLSv1.2', report)
            self.assertIn('ALPN protocol: http/1.1', report)
            self.assertIn('TLSv1.3', s_client(rig.addresses['fe'], '-servername', 'a.w.contoso.com'))
            self.assertIn('No ALPN negotiated',
                          s_client(rig.addresses['fe'], '-servername', 'a.w.contoso.com', '-alpn', 'http/1.1'))
            context = tls_client(version=ssl.TLSVersion.TLSv1_2)
            with self.assertRaises((ssl.SSLError, ConnectionError)):
                Client(rig.addresses['fe'], sni='auto.contoso.com', context=context).get('/')
            context.load_cert_chain(certificate('client'))
            with Client(rig.addresses['fe'], sni='auto.contoso.com', context=context) as client:
                self.assertEqual(client.get('/').body, b'auto.contoso.com')

    def test_lists_are_shown_and_changed(self):
        self.compare_all('show ssl crt-list', 'show ssl crt-list <dir>/nothing', 'add ssl crt-list', 'del ssl crt-list',
                         'add ssl crt-list x y', 'del ssl crt-list x y')
        for rig in (self.ours, self.theirs):
            path = os.path.join(rig.folder, 'list')
            lines = ask(rig, 'show ssl crt-list -n ' + path).replace('  ', ' ')
            self.assertIn('wild.pem:4 *.w.contoso.com !not.w.contoso.com\n', lines)
            self.assertRegex(lines, r'mail\.pem:5 \[.*ssl-max-ver TLSv1\.2.*\] mail\.contoso\.com\n')
            self.assertIn("certificate 'no.pem' does not exist!", ask(rig, 'add ssl crt-list %s no.pem' % path))
            ask(rig, 'new ssl cert new.pem')
            with open(certificate('mail-rsa')) as file:
                ask(rig, 'set ssl cert new.pem <<\n%s\n' % file.read().strip())
            ask(rig, 'commit ssl cert new.pem')
            self.assertEqual(ask(rig, 'add ssl crt-list %s <<\nnew.pem new.contoso.com\n' % path),
                             "Inserting certificate 'new.pem' in crt-list '%s'.\nSuccess!\n\n" % path)
            self.assertEqual(subject(rig.addresses['fe'], 'new.contoso.com'), 'mail.contoso.com')
            self.assertIn('in use', ask(rig, 'del ssl cert new.pem'))
            self.assertRegex(ask(rig, 'del ssl crt-list %s new.pem:99' % path), r"Can't delete the entry: .*line.*\b7\b")
            self.assertEqual(ask(rig, 'del ssl crt-list %s new.pem' % path),
                             "Entry 'new.pem' deleted in crtlist '%s'!\n\n" % path)
            self.assertNotEqual(subject(rig.addresses['fe'], 'new.contoso.com'), 'mail.contoso.com')
            self.assertIn('deleted', ask(rig, 'del ssl cert new.pem'))


class ListErrors(Case):
    ONCE = True

    @penstock_only('texts of its own')
    def test_what_is_wrong_in_a_list_is_told_with_its_line(self):
        rig = self.rig('frontend fe\n    bind :0 ssl crt-list <dir>/list\n', start=False)
        for line, why in (('[alpn x]', r"list:2:1\] : a certificate's file is expected before '\['"),
                          ('<certs>/mail.pem [alpn', r'list:2:\d+\] : this bracket is not closed'),
                          ('<certs>/mail.pem [nonsense x]', r"list:2:\d+\] : .*nonsense"),
                          ('<certs>/mail.pem a ] b', r"list:2:\d+\] : '\]' has no place here"),
                          ('<certs>/nothing.pem', r"cannot read '.*nothing\.pem'")):
            write(rig, 'list', '# a list\n%s\n' % line)
            self.assertRegex(run_program('-c', '-f', rig.path)[1], why)


class Beside(Both):
    """`.key`, `.issuer`, `.ocsp`, `.sctl`, bundles and issuers-chain-path."""
    TEXT = GLOBAL + """
    issuers-chain-path <dir>/issuers
frontend fe
    bind <fe> ssl crt <dir>/alone.pem
    bind <fe_both> ssl crt <dir>/pair
    http-request return status 200
"""

    def rig(self, text, **options):
        rig = super().rig(text, start=False, **options)
        self.lay(rig.folder) if options.get('program') is None else shutil.copytree(
            self.ours.folder, rig.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns('*.sock', '*.cfg'))
        rig.start()
        return rig

    def lay(self, folder):
        authority = Authority(folder)
        issued = authority.issue('me', serial=0x1234)
        base = issued[:-len('.pem')]
        shutil.copy(base + '.crt', folder + '/alone.pem')
        shutil.copy(base + '.key', folder + '/alone.pem.key')
        os.mkdir(folder + '/issuers')
        shutil.copy(authority.pem, folder + '/issuers/chain.pem')
        shutil.copy(authority.pem, folder + '/alone.pem.issuer')
        with open(authority.path('index.txt'), 'w') as file:
            file.write('V\t400101000000Z\t\t1234\tunknown\t/CN=me\n')
        openssl('ocsp', '-index', authority.path('index.txt'), '-rsigner', authority.pem, '-rkey', authority.key, '-CA',
                authority.pem, '-issuer', authority.pem, '-cert', base + '.crt', '-ndays', '7', '-respout',
                folder + '/alone.pem.ocsp')
        for kind, name in (('rsa', 'mail-rsa'), ('ecdsa', 'mail')):
            shutil.copy(certificate(name), folder + '/pair.' + kind)
        with open(folder + '/alone.pem.sctl', 'wb') as file:
            file.write(b'\x00\x06\x00\x04abcd')

    def test_what_lies_beside_is_shown(self):
        for rig in (self.ours, self.theirs):
            report = s_client(rig.addresses['fe'], '-status', '-showcerts')
            self.assertIn('OCSP Response Status: successful', report)
            self.assertEqual(report.count('BEGIN CERTIFICATE'), 3, 'the leaf twice, and its issuer')

    def test_a_bundle_is_one_certificate_of_each_kind(self):
        for rig in (self.ours, self.theirs):
            for sigalgs, kind in (('ecdsa_secp256r1_sha256', 'id-ecPublicKey'), ('rsa_pss_rsae_sha256:rsa_pkcs1_sha256', 'rsaEncryption')):
                report = s_client(rig.addresses['fe_both'], '-servername', 'mail.contoso.com', '-sigalgs', sigalgs)
                self.assertIn(kind, report)

    def test_commands_about_staples(self):
        ids = self.compare('show ssl ocsp-response')
        key = re.search(r'ID key : (\S+)', ids).group(1)
        self.compare_all('show ssl ocsp-response x', 'set ssl ocsp-response', 'set ssl ocsp-response x',
                         'set ssl ocsp-response AAAA')
        for rig in (self.ours, self.theirs):
            self.assertIn('Cert Status: good', ask(rig, 'show ssl ocsp-response ' + key))
            with open(rig.folder + '/alone.pem.ocsp', 'rb') as file:
                self.assertEqual(ask(rig, 'set ssl ocsp-response ' + base64.b64encode(file.read()).decode()),
                                 'OCSP Response updated!\n\n')
        ours, theirs = (re.sub('(?m)^(Serial|SHA1|not).*\n', '', ask(rig, 'show ssl cert %s/alone.pem' % rig.folder)
                               .replace(rig.folder, '')) for rig in (self.ours, self.theirs))
        self.assertEqual(ours.splitlines()[:6], theirs.splitlines()[:6])
        self.assertIn('Chain Filename: /issuers/chain.pem', ours)


class Pfx(Case):
    """What Windows exports."""
    ONCE = True
    TEXT = """
frontend fe
    bind <fe> ssl crt <dir>/mail.pfx password-file <dir>/password
    http-request return status 200
"""

    def export(self, rig, *words):
        openssl('pkcs12', '-export', '-in', certificate('mail'), '-inkey', certificate('mail', '.key'), '-out',
                rig.folder + '/mail.pfx', '-passout', 'pass:geh eim', *words)

    @penstock_only('words of its own')
    def test_a_pfx_is_opened_by_its_password(self):
        for words in ((), ('-legacy', '-descert')):
            rig = self.rig(self.TEXT, start=False)
            write(rig, 'password', 'geh eim\n')
            try:
                self.export(rig, *words)
            except subprocess.CalledProcessError:
                continue  # This openssl has no old ciphers.
            rig.start()
            report = s_client(rig.addresses['fe'])
            self.assertIn('CN = mail.contoso.com', report.replace('CN=', 'CN = '))

    @penstock_only('words of its own')
    def test_a_wrong_password_or_none_is_told(self):
        rig = self.rig(self.TEXT, start=False)
        self.export(rig)
        write(rig, 'password', 'wrong\n')
        text = 'frontend fe\n    bind :0 ssl crt %s/mail.pfx %s\n'
        for words, why in (('password-file %s/password' % rig.folder, "the password of 'password-file' does not open it"),
                           ('', 'this PFX has a password: name a file that it stands in')):
            self.assertIn(why, check(text % (rig.folder, words))[1])


class Tickets(Both):
    """`tls-ticket-keys`."""
    TEXT = GLOBAL + """
frontend fe
    bind <fe> ssl crt <certs>/mail.pem tls-ticket-keys <dir>/keys
    http-request return status 200
"""
    KEYS = [base64.b64encode(bytes([n]) * 80).decode() for n in range(1, 6)]

    def rig(self, text, **options):
        rig = super().rig(text, start=False, **options)
        write(rig, 'keys', '\n'.join(self.KEYS[:4]) + '\n')
        rig.start()
        return rig

    def test_keys_are_shown_and_set(self):
        self.compare_all('show tls-keys', 'show tls-keys *', 'show tls-keys #0', 'show tls-keys x', 'set ssl tls-key',
                         'set ssl tls-key x y', 'set ssl tls-key #0 AAAA', 'set ssl tls-key #0 ' + self.KEYS[4],
                         'show tls-keys *')

    def test_neighbours_with_the_same_file_resume_each_others_sessions(self):
        if IS_HAPROXY:
            self.skipTest('one program is enough')
        other = self.rig(self.TEXT)
        context = tls_client(version=ssl.TLSVersion.TLSv1_2)
        with Client(self.ours.addresses['fe'], context=context) as client:
            client.get('/')
            session = client.socket.session
        with Client(other.addresses['fe'], context=context, reuse=session) as client:
            client.get('/')
            self.assertTrue(client.socket.session_reused)

    @penstock_only('HAProxy shows keys to everyone')
    def test_keys_are_for_administrators_only(self):
        rig = self.rig(self.TEXT.replace('\nfrontend', """    stats socket <dir>/user.sock level user
    stats socket <dir>/operator.sock level operator
frontend fe_metrics
    bind <fe_metrics>
    http-request use-service prometheus-exporter
frontend""", 1))
        rig.log.keeps_all = True
        commands = ('show tls-keys', 'show tls-keys *', 'show tls-keys #0', 'set ssl tls-key #0 ' + self.KEYS[4],
                    'set ssl tls-key #0 %sAAAA' % self.KEYS[4], 'set ssl tls-key nothing ' + self.KEYS[4])
        for name in ('user.sock', 'operator.sock'):
            for line in commands:
                self.assertIn('Permission denied', ask(rig, line, name), line)
        self.assertIn(self.KEYS[3], ask(rig, 'show tls-keys *'))
        for line in commands[3:]:
            self.assertNotIn(self.KEYS[4], ask(rig, line), line)
        self.assertIn(self.KEYS[4], ask(rig, 'show tls-keys *'))
        s_client(rig.addresses['fe'])
        seen = [ask(rig, line) for line in ('show info', 'show stat', 'show errors', 'show ssl cert', 'show env', 'help')]
        seen.append(rig.get('/', frontend='fe_metrics').body.decode())
        rig.signal(signal.SIGTERM)
        rig.wait_exit()
        seen += [*rig.log.drain(), *rig.log.reasons, rig.output.text]
        for key in self.KEYS:
            self.assertNotIn(key, '\n'.join(seen))


class BadFiles(Case):
    """Each costs an error, or a warning, that points to a word; and no secret is told."""
    ONCE = True
    SECRET = base64.b64encode(b'x' * 48).decode()

    def verdict(self, words, globals_=''):
        status, text = check('global\n    %s\nfrontend fe\n    bind :0 ssl %s\n' % (globals_, words))
        self.assertIn(status, (0, 1), text)
        self.assertRegex(text, r'(?m)^\[(ALERT|WARNING)\] .* : parsing \[.*:\d+:\d+\] : .*\n.*\n *\^$')
        for secret in (self.SECRET, 'hidden', open(certificate('mail', '.key')).read().splitlines()[1]):
            self.assertNotIn(secret, text)
        return status, text

    def put(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, 'wb') as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return path

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='penstock-e2e.')
        self.addCleanup(shutil.rmtree, self.folder)

    @penstock_only('texts of its own')
    def test_files_beside_a_certificate(self):
        shutil.copy(certificate('mail'), self.folder + '/a.pem')
        for name, content, wanted, why in (
                ('.ocsp', b'', 0, 'is empty'), ('.ocsp', b'\xff' * 9, 0, 'is not stapled: it is no answer'),
                ('.ocsp', b'\x30\x80' * 5000, 0, 'is not stapled'), ('.ocsp', b'\x30\x84\xff\xff\xff\xff', 0, 'is not'),
                ('.sctl', b'', 0, 'is empty'), ('.sctl', b'\x00\x00', 1, r'a\.pem\.sctl: it is no list of timestamps'),
                ('.sctl', b'\x00\x05\x00\x04ab', 1, 'no list'), ('.sctl', b'\x00\x02\x00\x00', 1, 'no list'),
                ('.issuer', b'', 0, 'is empty'), ('.issuer', b'hidden', 1, r'a\.pem\.issuer: no certificate in it')):
            with self.subTest(name=name, content=content[:9]):
                path = self.put('a.pem' + name, content)
                status, text = self.verdict('crt %s/a.pem' % self.folder)
                os.remove(path)
                self.assertRegex(text, why)
                self.assertEqual(status, wanted)
        os.mkdir(self.folder + '/a.pem.ocsp')
        self.assertIn('Is a directory', self.verdict('crt %s/a.pem' % self.folder)[1])

    @penstock_only('texts of its own')
    def test_keys_of_tickets(self):
        line = self.SECRET + '\n'
        for content, why in (('', 'at least 3 keys are needed, and it has 0'), (line * 2, 'and it has 2'),
                             (line * 2 + 'hidden\n', 'key 3 of it is not base64'), (b'\xff\0' * 999, 'key 1 of it'),
                             (line * 2 + base64.b64encode(b'x' * 80).decode(), 'key 3 of it has another size')):
            with self.subTest(why):
                path = self.put('keys', content)
                self.assertIn(why, self.verdict('crt <certs>/mail.pem tls-ticket-keys ' + path)[1])
        self.assertIn('No such file', self.verdict('crt <certs>/mail.pem tls-ticket-keys <dir>/none')[1])

    @penstock_only('words of its own')
    def test_pfx(self):
        path = self.folder + '/a.pfx'
        openssl('pkcs12', '-export', '-in', certificate('mail'), '-out', path, '-passout', 'pass:hidden')
        with open(path, 'rb') as file:
            good = file.read()
        password, other = self.put('password', 'hidden\n'), self.put('other', 'hidden as well\n')
        self.assertEqual(check('frontend fe\n    bind :0 ssl crt %s password-file %s\n' % (path, password))[0], 0)
        self.assertIn('does not open it', self.verdict('crt %s password-file %s' % (path, other))[1])
        self.assertIn('has a password', self.verdict('crt ' + path)[1])
        for content in (good[:100], good[:-20], good[:200] + bytes(30) + good[230:], b'', b'\x30\x82\xff\xff\x02\x01\x03'):
            self.assertEqual(self.verdict('crt %s password-file %s' % (self.put('bad.pfx', content), password))[0], 1)

    @penstock_only('texts of its own')
    def test_a_certificate_is_no_list(self):
        status, text = self.verdict('crt-list <certs>/mail.pem')
        self.assertIn("mail.pem' is a certificate with its key, no list: name it with 'crt'", text)
        self.assertEqual(status, 1)
        for content in ('', b'\xff\0\n' * 50, self.folder + '/list\n'):
            self.assertEqual(self.verdict('crt-list ' + self.put('list', content))[0], 1, content)


class Counted(Both):
    """What is counted of TLS, on the same traffic."""
    TEXT = GLOBAL + """
frontend fe
    bind <fe> ssl crt <certs>/mail.pem ssl-min-ver TLSv1.2
    default_backend be
backend be
    retries 0
    http-reuse never
    server s1 <s1+tls> ssl verify none
backend bad
    retries 0
    server s1 <s1+tls> ssl verify required ca-file <certs>/other-ca.pem
frontend fe_plain
    bind <fe_plain>
    http-request use-service prometheus-exporter if { path /metrics }
    use_backend bad if { path /bad }
    default_backend be
"""

    def traffic(self, rig):
        context = tls_client(version=ssl.TLSVersion.TLSv1_2)
        session = None
        for _ in range(4):
            with Client(rig.addresses['fe'], context=context, reuse=session) as client:
                client.get('/test/server')
                session = client.socket.session
        for _ in range(2):
            try:
                Client(rig.addresses['fe']).get('/')
            except (OSError, Cut):
                pass
            with Client(rig.addresses['fe']):
                pass
            s_client(rig.addresses['fe'], '-tls1_1', '-cipher', 'ALL:@SECLEVEL=0')
        rig.get('/bad', frontend='fe_plain')
        rig.get('/test/server', frontend='fe_plain')

    def columns(self, rig):
        rows = ask(rig, 'show stat').lstrip('# ').splitlines()
        names = rows[0].split(',')
        wanted = [names.index(name) for name in ('ssl_sess', 'ssl_reused_sess', 'ssl_failed_handshake')]
        out = {}
        for row in rows[1:]:
            cells = row.split(',')
            if len(cells) > max(wanted):
                out['/'.join(cells[:2])] = [cells[i] for i in wanted]
        return out

    def test_columns_and_facts(self):
        for rig in (self.ours, self.theirs):
            self.traffic(rig)
        ours, theirs = self.columns(self.ours), self.columns(self.theirs)
        for who in ('fe/FRONTEND', 'be/s1', 'bad/s1', 'be/BACKEND', 'bad/BACKEND'):
            self.assertEqual(ours[who], theirs[who], who)
        facts = [dict(line.split(': ', 1) for line in ask(rig, 'show info').splitlines() if ': ' in line)
                 for rig in (self.ours, self.theirs)]
        for name in ('CurrSslConns', 'CumSslConns', 'SslFrontendMaxKeyRate', 'SslBackendMaxKeyRate', 'SslCacheLookups',
                     'SslCacheMisses'):
            self.assertEqual(facts[0][name], facts[1][name], name)

    @penstock_only('a metric of our own')
    def test_failures_by_their_reason(self):
        rig = self.ours
        self.traffic(rig)
        authority = Authority(rig.folder, 'strange')
        for version in ('-tls1_2', '-tls1_3'):
            s_client(rig.addresses['fe'], version, '-CAfile', authority.pem, '-verify_return_error')
            rig.log.wait(r"SSL handshake failure \(the peer's alert: unknown CA\)")
        text = rig.get('/metrics', frontend='fe_plain').body.decode()
        found = dict(re.findall(r'^penstock_tls_handshake_failures_total\{side="(.*)"\} (\d+)$', text, re.MULTILINE))
        self.assertEqual(len(found), 18)
        self.assertEqual({key: int(count) for key, count in found.items() if count != '0'},
                         {'front",reason="closed': 2, 'front",reason="not_tls': 2, 'front",reason="version': 2,
                          'front",reason="refused': 2, 'back",reason="certificate': 1})
        self.assertEqual(text.count('# TYPE penstock_tls_handshake_failures_total counter\n'), 1)


del Both


@penstock_only('in HAProxy 2.6 the certificate is made, and the connection then ends')
class MadeUp(Case):
    """`generate-certificates`, `ca-sign-file`."""
    TEXT = """
global
    tune.ssl.ssl-ctx-cache-size 2
frontend fe
    bind <fe> ssl crt <certs>/mail.pem generate-certificates ca-sign-file <dir>/signer.pem %s
    http-request return status 200 content-type text/plain lf-string "%%[ssl_fc_sni]"
"""

    def served(self, words='', password=None):
        rig = self.rig(self.TEXT % words, start=False)
        key, made, self.signer = (os.path.join(rig.folder, name) for name in ('signer.key', 'signer.crt', 'signer.pem'))
        openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', made,
                '-days', '2', '-subj', '/O=Pen/CN=Signer')
        if password:
            openssl('pkcs8', '-topk8', '-in', key, '-out', key + '.new', '-v2', 'aes-256-cbc', '-passout', 'pass:' + password)
            os.rename(key + '.new', key)
        with open(made) as one, open(key) as other, open(self.signer, 'w') as both:
            both.write(one.read() + other.read())
        rig.start()
        return rig

    def shown(self, rig, name):
        """The certificate for who asks for `name`, as a client sees it that believes the signer; None: another's is shown."""
        context = ssl.create_default_context(cafile=self.signer)
        context.check_hostname = False
        try:
            with Client(rig.addresses['fe'], context=context, sni=name) as client:
                client.get('/')
                return client.socket.getpeercert()
        except ssl.SSLCertVerificationError:
            return None

    def test_a_name_of_nobody_has_one_that_the_signer_signed(self):
        rig = self.served()
        for name in ('nobody.example', 'a.b.c.example', 'under_score.example', 'nobody.example'):
            self.assertEqual(self.shown(rig, name)['subjectAltName'], (('DNS', name),))
        context = ssl.create_default_context(cafile=self.signer)
        with Client(rig.addresses['fe'], context=context, sni='nobody.example') as client:
            self.assertEqual(client.get('/').body, b'nobody.example')
        self.assertIn(' 1 s:O = Pen, CN = Signer', s_client(rig.addresses['fe'], '-servername', 'nobody.example'))

    def test_a_certificate_that_there_is_is_shown(self):
        rig = self.served()
        self.assertIsNone(self.shown(rig, 'mail.contoso.com'))
        self.assertIsNone(self.shown(rig, None))

    def test_beyond_the_number_kept_they_are_made_anew(self):
        rig = self.served()
        first = self.shown(rig, 'one.example')['serialNumber']
        self.shown(rig, 'two.example')
        self.assertEqual(self.shown(rig, 'one.example')['serialNumber'], first)
        self.shown(rig, 'three.example')
        self.assertEqual(self.shown(rig, 'one.example')['serialNumber'], first)
        self.shown(rig, 'four.example')
        self.shown(rig, 'five.example')
        self.assertNotEqual(self.shown(rig, 'one.example')['serialNumber'], first)

    def test_strict_sni_lets_in_whom_one_is_made_for(self):
        rig = self.served('strict-sni')
        self.assertTrue(self.shown(rig, 'nobody.example'))
        self.assertIn('alert', s_client(rig.addresses['fe'], '-noservername'))

    @penstock_only('the library behind HAProxy ends the handshake')
    def test_no_name_of_a_host_gets_the_default(self):
        rig = self.served()
        for name in ('a..b', 'x' * 247 + '.example', '*.example', 'a,DNS:mail.contoso.com', 'a b'):
            self.assertEqual(subject(rig.addresses['fe'], name), 'mail.contoso.com', name)
        long = 'x' * 60 + '.' + 'y' * 60 + '.example'
        self.assertEqual(self.shown(rig, long)['subjectAltName'], (('DNS', long),))

    @penstock_only('HAProxy 2.6 asks the terminal')
    def test_a_key_with_a_password(self):
        rig = self.served('ca-sign-pass sesame', password='sesame')
        self.assertTrue(self.shown(rig, 'nobody.example'))
        self.assertNotIn('sesame', run_program('-c', '-d', '-f', rig.path)[1])

    def test_without_a_signer_it_is_an_error(self):
        text = 'frontend fe\n    mode http\n    bind :0 ssl crt %s %%s\n' % certificate('mail')
        for words, wanted in (('generate-certificates', 1), ('generate-certificates ca-sign-file %s' % certificate('mail', '.crt'), 1),
                              ('ca-sign-file nothing', 0)):
            self.assertEqual(check(text % words)[0], wanted, words)
