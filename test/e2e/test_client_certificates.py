"""Client certificates: verify, CA and revocation files, errors passed over, what rules may ask."""
import base64
import os
import shutil
import ssl
import subprocess
import tempfile

from harness import (Case, Client, PATIENCE, Shared, certificate, openssl, penstock_only, tls_client)

FACTS = ('ssl_c_used', 'ssl_fc_has_crt', 'ssl_c_verify', 'ssl_c_err', 'ssl_c_ca_err', 'ssl_c_version', 'ssl_c_s_dn',
         'ssl_c_s_dn(CN)', 'ssl_c_s_dn(cn)', 'ssl_c_s_dn(OU)', 'ssl_c_s_dn(OU,2)', 'ssl_c_s_dn(OU,-1)', 'ssl_c_s_dn(OU,3)',
         'ssl_c_s_dn(,0,rfc2253)', 'ssl_c_i_dn', 'ssl_c_i_dn(CN)', 'ssl_c_serial,hex', 'ssl_c_sha1,hex',
         'ssl_c_notbefore', 'ssl_c_notafter', 'ssl_c_sig_alg', 'ssl_c_key_alg', 'ssl_c_der,base64')


class Authority:
    """A certificate authority in a folder, as `openssl ca` keeps it."""

    def __init__(self, folder, name='ca', parent=None, days=30):
        self.folder = os.path.join(folder, name)
        os.mkdir(self.folder)
        self.key, self.pem = self.path('ca.key'), self.path('ca.pem')
        for file, text in (('index.txt', ''), ('number', '01\n'), ('ca.cnf', """
[ca]
default_ca = it
[it]
database = %(d)s/index.txt
certificate = %(d)s/ca.pem
private_key = %(d)s/ca.key
crlnumber = %(d)s/number
default_md = sha256
default_crl_days = 30
""" % {'d': self.folder})):
            with open(self.path(file), 'w') as out:
                out.write(text)
        self.make_key(self.key)
        subject = ('-subj', '/C=DE/O=Contoso/CN=%s' % name)
        if parent is None:
            openssl('req', '-x509', '-new', '-key', self.key, '-days', '365', *subject, '-out', self.pem)
        else:
            openssl('req', '-new', '-key', self.key, *subject, '-out', self.path('ca.csr'))
            parent.sign(self.path('ca.csr'), self.pem, 'basicConstraints=critical,CA:TRUE', days)

    @staticmethod
    def make_key(path):
        openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', path)

    def path(self, name):
        return os.path.join(self.folder, name)

    def sign(self, request, out, extension, days=30, serial=4711):
        with open(self.path('ext'), 'w') as file:
            file.write(extension + '\n')
        openssl('x509', '-req', '-in', request, '-CA', self.pem, '-CAkey', self.key, '-set_serial', str(serial),
                '-days', str(days), '-extfile', self.path('ext'), '-out', out)

    def issue(self, name, days=30, serial=4711, subject=None):
        """A PEM file with the certificate and its key."""
        base = self.path(name)
        self.make_key(base + '.key')
        openssl('req', '-new', '-key', base + '.key', '-out', base + '.csr', '-subj', subject or
                '/C=DE/O=Contoso/OU=Mail/OU=Phones/CN=' + name)
        self.sign(base + '.csr', base + '.crt', 'extendedKeyUsage=clientAuth', days, serial)
        with open(base + '.pem', 'wb') as out:
            for part in (base + '.crt', self.pem, base + '.key'):
                with open(part, 'rb') as file:
                    out.write(file.read())
        return base + '.pem'

    def revoke(self, *serials):
        """A list of revoked certificates, in a file."""
        with open(self.path('index.txt'), 'w') as file:
            for serial in serials:
                file.write('R\t300101000000Z\t250101000000Z\t%02X\tunknown\t/CN=gone\n' % serial)
        openssl('ca', '-config', self.path('ca.cnf'), '-gencrl', '-out', self.path('crl.pem'))
        return self.path('crl.pem')


def visitor(pem=None, version=None):
    context = tls_client(version=version)
    if pem:
        context.load_cert_chain(pem)
    return context


class Base(Case):
    TEXT = """
frontend fe
    bind <fe> ssl crt <certs>/mail.pem %s
    http-request return status 200 content-type text/plain lf-string "%%[ssl_c_used] %%[ssl_c_verify] %%[ssl_c_err] %%[ssl_c_ca_err] %%[ssl_c_ca_err_depth]" if { path /who }
    default_backend be
backend be
    server s1 <s1>
"""

    def setUp(self):
        super().setUp()
        self.folder = tempfile.mkdtemp(prefix='penstock-clients.')
        self.addCleanup(shutil.rmtree, self.folder)

    def rig_with(self, words):
        return self.rig(self.TEXT % words)

    def reload(self, rig, words):
        start = len(rig.log.drain())
        rig.reload(self.TEXT % words)
        rig.log.wait('Reloaded in', start=start)

    def who(self, rig, context):
        """What the proxy made of this client's certificate; None if it would not talk to it."""
        try:
            with Client(rig.addresses['fe'], sni='mail.contoso.com', context=context) as client:
                return client.get('/who').body.decode()
        except (ssl.SSLError, OSError, AssertionError):
            return None


class Samples(Shared):
    CONFIG = """
frontend fe
    bind <fe> ssl crt <certs>/mail.pem verify optional ca-file <certs>/ca.pem
    http-request return status 200 content-type text/plain lf-string "%s"
""" % '|'.join('%[' + fact + ']' for fact in FACTS)

    def facts(self, context):
        with self.connect(context=context, sni='mail.contoso.com') as client:
            return dict(zip(FACTS, client.get('/').body.decode().split('|')))

    def test_all_of_a_certificate_may_be_asked(self):
        pem = certificate('client')
        told = self.facts(visitor(pem))
        der = ssl.PEM_cert_to_DER_cert(openssl('x509', '-in', pem).decode())
        told_by_openssl = openssl('x509', '-in', pem, '-noout', '-serial', '-fingerprint', '-sha1').decode()
        self.assertIn('serial=%s\n' % told['ssl_c_serial,hex'], told_by_openssl)
        self.assertIn(told['ssl_c_sha1,hex'], told_by_openssl.replace(':', ''))
        self.assertEqual(told['ssl_c_der,base64'], base64.b64encode(der).decode())
        self.assertEqual([told[fact] for fact in FACTS[:6]], ['1', '1', '0', '0', '0', '3'])
        name = openssl('x509', '-in', pem, '-noout', '-subject', '-nameopt', 'RFC2253').decode().strip()
        self.assertEqual('subject=' + told['ssl_c_s_dn(,0,rfc2253)'], name)
        self.assertEqual(told['ssl_c_s_dn'], '/CN=' + told['ssl_c_s_dn(CN)'])
        self.assertEqual(told['ssl_c_s_dn(cn)'], told['ssl_c_s_dn(CN)'])
        self.assertEqual(told['ssl_c_i_dn'], '/CN=Test ca')
        self.assertEqual(told['ssl_c_i_dn(CN)'], 'Test ca')
        self.assertEqual(told['ssl_c_sig_alg'], 'ecdsa-with-SHA256')
        self.assertEqual(told['ssl_c_key_alg'], 'id-ecPublicKey')
        self.assertRegex(told['ssl_c_notbefore'], r'^\d{12}Z$')
        self.assertLess(told['ssl_c_notbefore'], told['ssl_c_notafter'])

    def test_without_a_certificate_nothing_is_told(self):
        told = self.facts(visitor())
        self.assertEqual(told.pop('ssl_c_used'), '0')
        self.assertEqual(told.pop('ssl_fc_has_crt'), '0')
        for fact in ('ssl_c_verify', 'ssl_c_err', 'ssl_c_ca_err'):
            self.assertEqual(told.pop(fact), '0')
        self.assertEqual({value for value in told.values()} - {'-'}, {''} - {'-'} if '' in told.values() else set())


class Names(Base):
    TEXT = """
frontend fe
    bind <fe> ssl crt <certs>/mail.pem verify optional ca-file %s
    http-request return status 200 content-type text/plain lf-string "%%[ssl_c_s_dn]|%%[ssl_c_s_dn(OU)]|%%[ssl_c_s_dn(OU,2)]|%%[ssl_c_s_dn(OU,-2)]|%%[ssl_c_s_dn(OU,3)]|%%[ssl_c_s_dn(,0,rfc2253)]"
"""

    def test_entries_of_a_name_are_counted_from_either_end(self):
        authority = Authority(self.folder)
        rig = self.rig_with(authority.pem)
        told = self.who(rig, visitor(authority.issue('anna'))).split('|')
        self.assertEqual(told[:4], ['/C=DE/O=Contoso/OU=Mail/OU=Phones/CN=anna', 'Mail', 'Phones', 'Mail'])
        self.assertIn(told[4], ('', '-'))
        self.assertEqual(told[5], 'CN=anna,OU=Phones,OU=Mail,O=Contoso,C=DE')


class Verifying(Base):

    def test_optional_takes_clients_without_and_refuses_wrong_ones(self):
        rig = self.rig_with('verify optional ca-file <certs>/ca.pem')
        self.assertEqual(self.who(rig, visitor()), '0 0 0 0 0')
        self.assertEqual(self.who(rig, visitor(certificate('client'))), '1 0 0 0 0')
        self.assertIsNone(self.who(rig, visitor(Authority(self.folder).issue('anna'))))

    def test_an_expired_one_is_refused_or_told_where_10_is_passed_over(self):
        authority = Authority(self.folder)
        expired, good = authority.issue('anna', days=-1), authority.issue('bob')
        words = 'verify required ca-file %s' % authority.pem
        for more, answer in (('', None), (' crt-ignore-err 23', None), (' ca-ignore-err all', None),
                             (' crt-ignore-err 10', '1 10 10 0 0'), (' crt-ignore-err 18,10', '1 10 10 0 0'),
                             (' crt-ignore-err all', '1 10 10 0 0')):
            rig = self.rig_with(words + more)
            self.assertEqual(self.who(rig, visitor(expired)), answer, more)
            self.assertEqual(self.who(rig, visitor(good)), '1 0 0 0 0', more)

    @penstock_only('forgets the error')
    def test_of_a_resumed_client_the_same_error_is_told(self):
        authority = Authority(self.folder)
        rig = self.rig_with('verify required ca-file %s crt-ignore-err 10' % authority.pem)
        context = visitor(authority.issue('anna', days=-1), version=ssl.TLSVersion.TLSv1_2)
        with Client(rig.addresses['fe'], sni='mail.contoso.com', context=context) as client:
            self.assertEqual(client.get('/who').body.decode(), '1 10 10 0 0')
            session = client.socket.session
        with Client(rig.addresses['fe'], sni='mail.contoso.com', context=context, reuse=session) as client:
            self.assertTrue(client.socket.session_reused)
            self.assertEqual(client.get('/who').body.decode(), '1 10 10 0 0')

    def test_an_error_above_the_leaf_is_told_apart(self):
        root = Authority(self.folder, 'root')
        middle = Authority(self.folder, 'middle', root, days=-1)
        pem = middle.issue('anna')
        words = 'verify required ca-file %s' % root.pem
        for more, answer in (('', None), (' crt-ignore-err all', None), (' ca-ignore-err 10', '1 10 0 10 1')):
            self.assertEqual(self.who(self.rig_with(words + more), visitor(pem)), answer, more)

    def test_a_revoked_one_is_refused_or_told(self):
        authority = Authority(self.folder)
        good, gone = authority.issue('anna', serial=1), authority.issue('bob', serial=2)
        words = 'verify required ca-file %s crl-file %s' % (authority.pem, authority.revoke(2))
        for more, answer in (('', None), (' crt-ignore-err 23', '1 23 23 0 0')):
            rig = self.rig_with(words + more)
            self.assertEqual(self.who(rig, visitor(good)), '1 0 0 0 0')
            self.assertEqual(self.who(rig, visitor(gone)), answer)

    def test_names_of_authorities_of_ca_verify_file_are_not_told(self):
        root = Authority(self.folder, 'root')
        middle = Authority(self.folder, 'middle', root)
        rig = self.rig_with('verify required ca-file %s ca-verify-file %s' % (middle.pem, root.pem))
        self.assertEqual(self.who(rig, visitor(middle.issue('anna'))), '1 0 0 0 0')
        report = subprocess.run(['openssl', 's_client', '-connect', '%s:%d' % rig.addresses['fe'], '-tls1_2'],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                timeout=PATIENCE).stdout.decode()
        names = report.split('Acceptable client')[1]
        self.assertRegex(names, 'CN ?= ?middle')
        self.assertNotRegex(names.split('Server Temp Key')[0], 'CN ?= ?root')

    @penstock_only('a new process knows nothing of old sessions')
    def test_a_reload_with_another_crl_ends_connections_and_resumes_none_of_their_sessions(self):
        authority = Authority(self.folder)
        words = 'verify required ca-file %s crl-file %s' % (authority.pem, authority.revoke(2))
        rig = self.rig_with(words)
        context = visitor(authority.issue('anna', serial=1), version=ssl.TLSVersion.TLSv1_2)
        with Client(rig.addresses['fe'], sni='mail.contoso.com', context=context) as client:
            self.assertEqual(client.get('/who').body.decode(), '1 0 0 0 0')
            session = client.socket.session
            self.reload(rig, words)  # Nothing has changed.
            self.assertEqual(client.get('/who').body.decode(), '1 0 0 0 0')
            authority.revoke(1, 2)
            self.reload(rig, words)
            self.assertIn(client.ending(), ('fin', 'rst'))
        with self.assertRaises((ssl.SSLError, OSError, AssertionError)):
            with Client(rig.addresses['fe'], sni='mail.contoso.com', context=context, reuse=session) as client:
                client.get('/who')
