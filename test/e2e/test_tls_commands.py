"""Commands of the runtime socket about TLS: certificates, authorities and revocations that change while the process
runs. Answers are compared with those of HAProxy, which is given the same."""
import os
import re
import shutil
import ssl

from harness import Case, Client, NBTHREAD, certificate, openssl, penstock_only, tls_client
from test_client_certificates import Authority
import test_runtime_socket
from test_runtime_socket import ask
from test_tls import subject

# What compares both programs is nobody's test by itself.
Both = test_runtime_socket.Tables.__base__


def text_of(*paths):
    out = ''
    for path in paths:
        with open(path) as file:
            out += file.read()
    return '\n'.join(line for line in out.splitlines() if line)


def give(rig, command, *paths):
    """A command with files as its payload."""
    return ask(rig, '%s <<\n%s\n' % (command, text_of(*paths)))


class Texts(Both):
    """Every answer is HAProxy's, word for word."""
    TEXT = """
global
    stats socket <dir>/admin.sock level admin
frontend fe
    bind <fe> ssl crt <certs>/mail.pem crt <certs>/mail-rsa.pem ca-file <certs>/ca.pem crl-file <dir>/crl.pem verify optional
    default_backend be
backend be
    server s1 <s1> ssl verify required ca-file <certs>/other-ca.pem crt <certs>/client.pem
    server s2 <s1>
"""

    def rig(self, text, **options):
        rig = super().rig(text, start=False, **options)
        if not hasattr(self, 'authority'):
            self.authority = Authority(rig.folder)
            self.revoked = Authority(rig.folder, 'another')
            self.revoked.issue('gone', serial=4712)
            self.revoked.revoke(4712)
        shutil.copy(self.authority.revoke(), os.path.join(rig.folder, 'crl.pem'))
        rig.start()
        return rig

    def plain(self, text):
        # Which HAProxy has always.
        return re.sub(r'(?m)^@system-ca - .*\n', '', text)

    def compare_given(self, command, *paths):
        command = command.replace('<certs>', self.certs)
        answers = [self.plain(give(rig, command.replace('<dir>', rig.folder), *paths).replace(rig.folder, '<dir>'))
                   for rig in (self.ours, self.theirs)]
        self.assertEqual(*answers, command)
        return answers[0]

    def compare(self, line, name='admin.sock'):
        return super().compare(line.replace('<certs>', self.certs), name)

    def setUp(self):
        super().setUp()
        self.certs = os.path.dirname(certificate('mail'))

    def test_what_is_in_force(self):
        self.compare_all('show ssl cert', 'show ssl ca-file', 'show ssl crl-file', 'show ssl cert <certs>/mail.pem',
                         'show ssl cert <certs>/mail-rsa.pem', 'show ssl cert <certs>/client.pem',
                         'show ssl ca-file <certs>/ca.pem', 'show ssl ca-file <certs>/ca.pem:1',
                         'show ssl ca-file <certs>/ca.pem:2', 'show ssl ca-file <certs>/other-ca.pem',
                         'show ssl cert x', 'show ssl cert *x', 'show ssl ca-file x', 'show ssl crl-file x')

    def test_a_certificate_is_set(self):
        one, two = certificate('autodiscover'), certificate('mail-rsa')
        for words in ('set ssl cert', 'set ssl cert x', 'commit ssl cert', 'commit ssl cert x', 'abort ssl cert',
                      'abort ssl cert x', 'new ssl cert', 'del ssl cert', 'del ssl cert x',
                      'del ssl cert <certs>/mail.pem', 'new ssl cert <certs>/mail.pem'):
            self.compare(words)
        self.compare_given('set ssl cert nowhere.pem', one)
        self.assertIn('created', self.compare_given('set ssl cert <certs>/mail.pem', one))
        self.compare_all('show ssl cert', 'show ssl cert *<certs>/mail.pem', 'show ssl cert <certs>/mail.pem',
                         'commit ssl cert x', 'abort ssl cert x')
        self.assertIn('updated', self.compare_given('set ssl cert <certs>/mail.pem', two))
        self.assertIn('Success', self.compare('commit ssl cert <certs>/mail.pem'))
        self.compare_all('show ssl cert', 'show ssl cert <certs>/mail.pem', 'commit ssl cert <certs>/mail.pem')
        self.compare_given('set ssl cert <certs>/mail.pem', one)
        self.assertIn('aborted', self.compare('abort ssl cert <certs>/mail.pem'))
        self.compare_given('set ssl cert <certs>/client.pem', one)
        self.assertIn('Success', self.compare('commit ssl cert <certs>/client.pem'))

    def test_a_certificate_that_cannot_be(self):
        key, text = os.path.join(self.ours.folder, 'key'), os.path.join(self.ours.folder, 'text')
        openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', key)
        with open(text, 'w') as file:
            file.write('nothing\n')
        self.compare_given('set ssl cert <certs>/mail.pem', text)
        self.compare_given('set ssl cert <certs>/mail.pem', key)
        for extension in ('key', 'issuer', 'ocsp', 'sctl'):
            self.compare_given('set ssl cert <certs>/mail.pem.' + extension, text)
        self.compare_given('set ssl cert <certs>/mail.pem.key', key)
        self.assertIn('inconsistencies', self.compare('commit ssl cert <certs>/mail.pem'))
        self.compare('abort ssl cert <certs>/mail.pem')
        self.compare_given('set ssl cert <certs>/mail.pem', certificate('ca'))
        self.assertIn('must contain', self.compare('commit ssl cert <certs>/mail.pem'))
        self.compare_all('abort ssl cert <certs>/mail.pem', 'show ssl cert <certs>/mail.pem')

    def test_a_certificate_is_made_and_forgotten(self):
        self.compare_all('new ssl cert new.pem', 'new ssl cert new.pem', 'show ssl cert', 'show ssl cert new.pem',
                         'commit ssl cert new.pem')
        self.compare_given('set ssl cert new.pem', certificate('wild'))
        self.compare_all('del ssl cert new.pem', 'commit ssl cert new.pem', 'show ssl cert', 'show ssl cert new.pem',
                         'del ssl cert new.pem', 'show ssl cert', 'del ssl cert new.pem')

    def test_authorities_are_set(self):
        ca, other = certificate('ca'), certificate('other-ca')
        for words in ('new', 'set', 'commit', 'abort', 'del'):
            self.compare_all('%s ssl ca-file' % words, '%s ssl ca-file x' % words)
        self.compare_all('new ssl ca-file x', 'show ssl ca-file', 'show ssl ca-file x')
        self.compare_given('set ssl ca-file nowhere', ca)
        self.compare_given('set ssl ca-file x', ca, other)
        self.compare_all('show ssl ca-file', 'show ssl ca-file *x', 'del ssl ca-file x', 'commit ssl ca-file y')
        self.compare_given('set ssl ca-file <certs>/ca.pem', other)
        self.compare_all('commit ssl ca-file x', 'show ssl ca-file x', 'show ssl ca-file x:2', 'del ssl ca-file x',
                         'del ssl ca-file <certs>/ca.pem')
        self.compare_given('set ssl ca-file <certs>/ca.pem', ca, other)
        self.assertIn('Success', self.compare('commit ssl ca-file <certs>/ca.pem'))
        self.compare_all('show ssl ca-file', 'show ssl ca-file <certs>/ca.pem')
        self.compare_given('set ssl ca-file <certs>/other-ca.pem', other)
        self.assertIn('aborted', self.compare('abort ssl ca-file <certs>/other-ca.pem'))

    def test_tls_to_servers_is_set(self):
        self.compare_all('set server be/s1 ssl', 'set server be/s1 ssl maybe', 'set server be/s2 ssl on',
                         'set server be/s1 ssl off', 'show servers state be', 'set server be/s1 ssl on',
                         'show servers state be')

    def test_revocations_are_set(self):
        lists, text = self.revoked.path('crl.pem'), os.path.join(self.ours.folder, 'text')
        with open(text, 'w') as file:
            file.write('nothing\n')
        for words in ('new', 'set', 'commit', 'abort', 'del'):
            self.compare_all('%s ssl crl-file' % words, '%s ssl crl-file x' % words)
        self.compare_all('new ssl crl-file x', 'show ssl crl-file', 'show ssl crl-file x')
        self.compare_given('set ssl crl-file nowhere', lists)
        self.compare_given('set ssl crl-file x', text)
        self.compare_given('set ssl crl-file x', lists)
        self.compare_all('show ssl crl-file', 'show ssl crl-file *x', 'del ssl crl-file x', 'commit ssl crl-file x',
                         'show ssl crl-file x', 'show ssl crl-file x:1', 'show ssl crl-file x:2', 'del ssl crl-file x')


class Force(Case):
    """What a commit does to clients and servers."""
    TEXT = """
global
    stats socket <dir>/admin.sock level admin
    stats socket <dir>/operator.sock
frontend fe
    bind <fe> ssl crt <dir>/shown.pem %s
    http-request return status 200 content-type text/plain lf-string "%%[ssl_c_s_dn(cn)]" if { path /who }
    default_backend be
backend be
    retries 0
    http-reuse always
    server s1 <s1+tls> ssl verify required ca-file <dir>/ca.pem
"""

    def started(self, words='', **options):
        rig = self.rig(self.TEXT % words, start=False, **options)
        shutil.copy(certificate('mail'), rig.folder + '/shown.pem')
        shutil.copy(certificate('ca'), rig.folder + '/ca.pem')
        rig.start()
        return rig

    def replace(self, rig, *paths, name='shown.pem', kind='cert'):
        path = rig.folder + '/' + name
        give(rig, 'set ssl %s %s' % (kind, path), *paths)
        return ask(rig, 'commit ssl %s %s' % (kind, path))

    def test_each_worker_shows_the_new_one_at_once_and_clients_there_stay(self):
        rig = self.started(nbthread=max(NBTHREAD, 2))
        with Client(rig.addresses['fe'], context=tls_client()) as client:
            client.get('/who')
            self.assertIn('Success!', self.replace(rig, certificate('autodiscover')))
            for _ in range(12):
                self.assertEqual(subject(rig.addresses['fe']), 'autodiscover.contoso.com')
            self.assertEqual(client.get('/who').status, 200)

    def test_files_are_not_written_and_a_reload_reads_them_again(self):
        rig = self.started()
        before = text_of(rig.folder + '/shown.pem')
        self.replace(rig, certificate('autodiscover'))
        self.assertEqual(text_of(rig.folder + '/shown.pem'), before)
        give(rig, 'set ssl cert %s/shown.pem' % rig.folder, certificate('wild'))
        rig.reload()
        rig.output.wait('Reloaded in .*what was set by command has ended: certificate %s/shown.pem, the transaction of '
                        'certificate %s/shown.pem' % (rig.folder, rig.folder))
        self.assertEqual(subject(rig.addresses['fe']), 'mail.contoso.com')
        self.assertIn('No ongoing transaction', ask(rig, 'commit ssl cert %s/shown.pem' % rig.folder))
    test_files_are_not_written_and_a_reload_reads_them_again = penstock_only('reloads otherwise')(
        test_files_are_not_written_and_a_reload_reads_them_again)

    def test_what_does_not_fit_changes_nothing(self):
        rig = self.started()
        key = rig.folder + '/key'
        openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', key)
        self.assertIn("Can't commit", self.replace(rig, key, name='shown.pem.key').replace('.key', ''))
        self.assertIn("Can't commit", ask(rig, 'commit ssl cert %s/shown.pem' % rig.folder))
        self.assertEqual(subject(rig.addresses['fe']), 'mail.contoso.com')

    def test_an_expired_certificate_may_be_set(self):
        rig = self.started()
        authority = Authority(rig.folder, 'old')
        self.assertIn('Success!', self.replace(rig, authority.issue('gone', days=-1, subject='/CN=gone.contoso.com')))
        self.assertEqual(subject(rig.addresses['fe']), 'gone.contoso.com')

    def test_clients_are_judged_by_the_new_authorities_and_their_sessions_are_not_resumed(self):
        rig = self.started('ca-file <dir>/ca.pem verify required')
        authority = Authority(rig.folder, 'another')
        theirs = tls_client(version=ssl.TLSVersion.TLSv1_2)
        theirs.load_cert_chain(certificate('client'))
        ours = tls_client(version=ssl.TLSVersion.TLSv1_2)
        ours.load_cert_chain(authority.issue('me'))
        with Client(rig.addresses['fe'], context=theirs) as client:
            self.assertEqual(client.get('/who').status, 200)
            session = client.socket.session
            self.assertIn('Success!', self.replace(rig, authority.pem, certificate('ca'), name='ca.pem',
                                                   kind='ca-file'))
            self.assertEqual(client.get('/who').status, 200)
        with Client(rig.addresses['fe'], context=theirs, reuse=session) as client:
            self.assertEqual(client.get('/who').status, 200)
            self.assertFalse(client.socket.session_reused)
        with Client(rig.addresses['fe'], context=ours) as client:
            self.assertEqual(client.get('/who').body, b'me')

    def test_servers_are_judged_by_the_new_authorities(self):
        rig = self.started()
        with Client(rig.addresses['fe'], context=tls_client()) as client:
            self.assertEqual(client.get('/test/server').body, b'EX01')
            self.assertIn('Success!', self.replace(rig, certificate('other-ca'), name='ca.pem', kind='ca-file'))
            self.assertEqual(client.get('/test/server').status, 503)
            self.assertIn('Success!', self.replace(rig, certificate('ca'), name='ca.pem', kind='ca-file'))
            self.assertEqual(client.get('/test/server').body, b'EX01')

    def test_a_server_is_spoken_to_in_clear_text_and_by_tls_again(self):
        rig = self.rig(self.TEXT.replace('ssl verify required', 'ssl verify none').replace('ca-file <dir>/ca.pem', '')
                       .replace('<dir>/shown.pem', '<certs>/mail.pem') % '')
        with Client(rig.addresses['fe'], context=tls_client()) as client:
            self.assertEqual(client.get('/test/server').status, 200)
            self.assertIn('updated', ask(rig, 'set server be/s1 ssl off'))
            # The server's port of TLS does not take it for such.
            self.assertNotEqual(client.get('/test/server').status, 200)
            self.assertIn('updated', ask(rig, 'set server be/s1 ssl on'))
            self.assertEqual(client.get('/test/server').status, 200)

    def test_only_an_admin_may(self):
        rig = self.started()
        for words in ('new', 'set', 'commit', 'abort', 'del'):
            for kind in ('cert', 'ca-file', 'crl-file'):
                self.assertIn('Permission denied', ask(rig, '%s ssl %s x' % (words, kind), 'operator.sock'))

    @penstock_only('wants other words')
    def test_a_server_that_is_added_shows_a_certificate_made_before(self):
        rig = self.started()
        ask(rig, 'new ssl cert own.pem')
        give(rig, 'set ssl cert own.pem', certificate('client'))
        ask(rig, 'commit ssl cert own.pem')
        port = rig.server().targets()['tls'][1] if 'tls' in rig.server().targets() else 9
        self.assertIn('New server', ask(rig, 'add server be/s9 127.0.0.1:%d ssl verify none crt own.pem' % port))
        self.assertIn('in use', ask(rig, 'del ssl cert own.pem'))
        ask(rig, 'del server be/s9')
        self.assertIn('deleted', ask(rig, 'del ssl cert own.pem'))


del Both
