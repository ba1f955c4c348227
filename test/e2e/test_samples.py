"""Samples and converters that need files, or show only in the whole program."""
import base64
import os
import subprocess
import tempfile

from harness import Case, certificate, check, penstock_only


def encoded(data):
    return base64.urlsafe_b64encode(data).decode().rstrip('=')


def token(key, *options):
    """A token signed by a private key, with SHA-256."""
    signed = encoded(b'{"alg":"RS256"}') + '.' + encoded(b'{"sub":"anna","level":7}')
    signature = subprocess.run(['openssl', 'dgst', '-sha256', '-sign', key, *options], input=signed.encode(), stdout=subprocess.PIPE, check=True).stdout
    return signed + '.' + encoded(signature)


PAGE = """
frontend fe
    bind <fe>
    http-request set-var(txn.token) http_auth_bearer
    http-request set-var(txn.alg) var(txn.token),jwt_header_query('$.alg')
    http-request set-var(txn.key) str(%s)
    http-request return status 200 content-type text/plain lf-string %%[var(txn.token),jwt_verify(%s)],%%[var(txn.token),jwt_payload_query('$.sub')]
"""


class Tokens(Case):

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='penstock-e2e.')
        self.addCleanup(folder.cleanup)
        self.public = os.path.join(folder.name, 'public.pem')
        subprocess.run(['openssl', 'pkey', '-in', certificate('mail-rsa'), '-pubout', '-out', self.public], check=True, stderr=subprocess.DEVNULL)
        self.token = token(certificate('mail-rsa'))
        self.forged = token(certificate('ex01'))

    def answers(self, arguments, *tokens):
        rig = self.rig(PAGE % (self.public, arguments))
        client = rig.connect()
        return [client.get('/', [('Authorization', 'Bearer ' + one)]).body.decode() for one in tokens]

    def test_a_token_signed_by_the_key_of_a_file_is_verified(self):
        self.assertEqual(self.answers('RS256,' + self.public, self.token, self.forged, self.token[:-4] + 'AAAA', 'a.b'),
                         ['1,anna', '0,anna', '0,anna', '-3,'])

    def test_an_algorithm_that_the_token_names_and_a_key_that_a_variable_names_are_found(self):
        self.assertEqual(self.answers('txn.alg,' + self.public, self.token, self.forged), ['1,anna', '0,anna'])
        # Where no line names the file none is read.
        self.assertEqual(self.answers('RS256,txn.key', self.token), ['-5,anna'])

    @penstock_only
    def test_a_certificate_will_do_for_its_key_and_pss_is_verified(self):
        self.assertEqual(self.answers('RS256,' + certificate('mail-rsa'), self.token), ['1,anna'])
        pss = token(certificate('mail-rsa'), '-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:-1')
        self.assertEqual(self.answers('PS256,' + self.public, pss, self.token), ['1,anna', '0,anna'])

    @penstock_only
    def test_a_key_that_is_not_there_is_an_error_unless_it_may_be_a_secret(self):
        text = 'defaults\n    mode http\nfrontend fe\n    bind 127.0.0.1:1\n    timeout client 1s\n    http-request set-var(txn.v) hdr(a),jwt_verify(%s)\n'
        code, said = check(text % 'RS256,/nowhere/key.pem')
        self.assertEqual(code, 1)
        self.assertIn('/nowhere/key.pem', said)
        code, said = check(text % 'txn.alg,/nowhere/key.pem')
        self.assertEqual(code, 0, said)
        self.assertIn('holds no public key: it is a secret of algorithms HS256 to HS512', said)
        code, said = check(text % ('RS256,' + __file__))
        self.assertIn('holds neither a public key nor a certificate in PEM', said)


class Addresses(Case):

    def test_addresses_of_this_machine_are_known(self):
        rig = self.rig("""
frontend fe
    bind <fe> accept-proxy
    http-request return status 200 content-type text/plain lf-string "%[src_is_local] %[dst_is_local] %[fc_src_is_local] %[fc_err_str]"
""")
        with rig.connect() as client:
            client.send(b'PROXY TCP4 192.0.2.7 192.0.2.8 1 2\r\n')
            self.assertEqual(client.get('/').body, b'0 0 1 Success')

    def test_the_connection_to_a_server_is_known_with_its_answer(self):
        rig = self.rig("""
frontend fe
    bind <fe>
    http-response set-header X-Back "%[bc_dst] %[bc_err] %[bc_err_str] %[bc_http_major]"
    default_backend be
backend be
    server s1 <s1>
""", servers={'s1': self.script(answer)})
        self.assertEqual(rig.get('/').get('x-back'), '127.0.0.1 0 Success 1')


def answer(sock, _number):
    while sock.recv(65536):
        sock.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
