"""Samples about TLS: the client's first message, both ends' certificates, the connection to the server."""
import random
import socket
import ssl
import struct

from harness import PATIENCE, Case, certificate, check, openssl, penstock_only, tls_client


def der_of(name):
    return ssl.PEM_cert_to_DER_cert(openssl('x509', '-in', certificate(name)).decode())


class Pumped:
    """A TLS client whose bytes pass through our hands."""

    def __init__(self, address, context, name='mail.contoso.com'):
        self.socket = socket.create_connection(address, PATIENCE)
        self.inward, self.outward, self.sent = ssl.MemoryBIO(), ssl.MemoryBIO(), b''
        self.tls = context.wrap_bio(self.inward, self.outward, server_hostname=name)
        self.pump(self.tls.do_handshake)

    def pump(self, step):
        while True:
            try:
                value, waits = step(), False
            except ssl.SSLWantReadError:
                value, waits = None, True
            data = self.outward.read()
            self.sent += data
            self.socket.sendall(data)
            if not waits:
                return value
            data = self.socket.recv(65536)
            if not data:
                raise AssertionError('closed')
            self.inward.write(data)

    def get(self, target):
        self.pump(lambda: self.tls.write(('GET %s HTTP/1.1\r\nHost: mail.contoso.com\r\n\r\n' % target).encode()))
        text = b''
        while not text.endswith(b'|end'):
            text += self.pump(lambda: self.tls.read(65536))
        return text.split(b'\r\n\r\n', 1)[1].decode()

    def close(self):
        self.socket.close()


def lists_of(hello):
    """Version, suites, types of extensions, groups, point formats of a ClientHello within its record."""
    at = 5 + 4
    version = struct.unpack_from('>H', hello, at)[0]
    at += 2 + 32
    at += 1 + hello[at]
    size = struct.unpack_from('>H', hello, at)[0]
    suites = hello[at + 2:at + 2 + size]
    at += 2 + size
    at += 1 + hello[at]
    end = at + 2 + struct.unpack_from('>H', hello, at)[0]
    at += 2
    types, groups, formats = b'', b'', b''
    while at < end:
        number, size = struct.unpack_from('>HH', hello, at)
        types += hello[at:at + 2]
        content = hello[at + 4:at + 4 + size]
        if number == 10:
            groups = content[2:]
        if number == 11:
            formats = content[1:]
        at += 4 + size
    return version, suites, types, groups, formats


SAY = ('    http-request return status 200 content-type text/plain lf-string "%[ssl_fc_protocol_hello_id]|%[ssl_fc_cipherlist_bin,hex]|'
       '%[ssl_fc_extlist_bin,hex]|%[ssl_fc_eclist_bin,hex]|%[ssl_fc_ecformats_bin,hex]|%[ssl_fc_cipherlist_hex]|%[ssl_fc_cipherlist_str]|'
       '%[ssl_fc_cipherlist_xxh]|%[ssl_fc_cipherlist_bin,xxh64]|%[ssl_fc_client_random,hex]|%[ssl_fc_server_random,hex]|%[ssl_fc_unique_id,hex]|'
       '%[ssl_fc_cipherlist_bin(1),hex]|%[ssl_fc_extlist_bin(1),be2dec(-,2)]|end"\n')
FRONT = """
frontend fe
    bind <fe> ssl crt <certs>/mail.pem crt <certs>/mail-rsa.pem ssl-min-ver TLSv1.2
"""


def client(version=None, ciphers=None, groups=None):
    context = tls_client(version=version)
    if ciphers:
        context.set_ciphers(ciphers)
    if groups:
        context.set_ecdh_curve(groups)
    return context


class Hello(Case):

    def say(self, size, context):
        rig = self.rig(FRONT + SAY, globals_='    tune.ssl.capture-buffer-size %d\n' % size if size else '')
        pumped = Pumped(rig.addresses['fe'], context)
        self.addCleanup(pumped.close)
        return pumped.get('/').split('|'), pumped

    def test_lists_of_the_first_message_are_kept_where_it_is_asked_for(self):
        r = random.Random(7)
        suites = ['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384',
                  'AES128-GCM-SHA256', 'ECDHE-ECDSA-CHACHA20-POLY1305']
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3, None):
            chosen = suites[:1] + r.sample(suites[1:], r.randint(1, len(suites) - 1))
            told, pumped = self.say(400, client(version, ':'.join(chosen), r.choice([None, 'prime256v1'])))
            number, listed, types, groups, formats = lists_of(pumped.sent)
            self.assertEqual(told[0], str(number))
            self.assertEqual([one.lower() for one in told[1:5]], [one.hex() for one in (listed, types, groups, formats)])
            self.assertEqual(told[5].lower(), listed.hex())
            self.assertEqual(told[7], told[8])
            self.assertEqual(told[12].lower(), listed.hex())
            self.assertEqual(told[13], '-'.join(str(one) for one in struct.unpack('>%dH' % (len(types) // 2), types)))
            names = told[6].split(',')
            self.assertEqual(len(names), len(listed) // 2)
            if version != ssl.TLSVersion.TLSv1_3:
                self.assertLessEqual(set(chosen), set(names))

    def test_what_has_no_room_is_left_away(self):
        for size in (4, 7, 20, 40, 60, 80, 90):
            told, pumped = self.say(size, client())
            _, listed, types, groups, formats = lists_of(pumped.sent)
            room, wanted = size, []
            for one, step in ((listed, 1), (types, 2), (groups, 1), (formats, 1)):
                taken = one[:room // step * step]
                wanted.append(taken.hex())
                room -= len(taken)
            self.assertEqual([one.lower() for one in told[1:5]], wanted, size)

    def test_without_room_nothing_is_kept(self):
        told, _ = self.say(0, client())
        self.assertEqual(told[:9], [''] * 9)

    def test_the_random_bytes_of_both_sides_are_there(self):
        told, pumped = self.say(0, client(ssl.TLSVersion.TLSv1_2))
        self.assertEqual(told[9].lower(), pumped.sent[11:43].hex())
        self.assertRegex(told[10], '^[0-9A-F]{64}$')
        self.assertNotEqual(told[9], told[10])
        self.assertEqual(told[11].lower(), pumped.tls.get_channel_binding('tls-unique').hex())


CERTIFICATE = ['%s_der,hex', '%s_s_dn(CN)', '%s_i_dn(CN)', '%s_i_dn', '%s_serial,hex', '%s_sha1,hex', '%s_version', '%s_key_alg', '%s_sig_alg',
               '%s_notbefore,length', '%s_notafter,length']


def said_of(prefix):
    return '|'.join('%%[%s]' % (one % prefix) for one in CERTIFICATE)


def facts_of(name):
    told = openssl('x509', '-in', certificate(name), '-noout', '-serial', '-fingerprint', '-sha1').decode().replace(':', '')
    facts = dict(line.split('=') for line in told.strip().splitlines())
    kind = 'rsaEncryption' if name == 'mail-rsa' else 'id-ecPublicKey'
    signed = 'RSA-SHA256' if name == 'mail-rsa' else 'ecdsa-with-SHA256'
    authority = 'Test rsa-ca' if name == 'mail-rsa' else 'Test ca'
    fingerprint = [value for key, value in facts.items() if 'ingerprint' in key][0]
    return [der_of(name).hex().upper(), 'mail.contoso.com', authority, '/CN=' + authority, facts['serial'].zfill(4), fingerprint, '3', kind, signed, '13', '13']


class Certificates(Case):

    def test_the_one_shown_to_the_client_is_told_of(self):
        rig = self.rig(FRONT + '    http-request return status 200 content-type text/plain lf-string "%s|end"\n' % said_of('ssl_f'))
        for name, ciphers in (('mail', 'ECDHE-ECDSA-AES128-GCM-SHA256'), ('mail-rsa', 'ECDHE-RSA-AES128-GCM-SHA256')):
            with rig.connect(context=client(ssl.TLSVersion.TLSv1_2, ciphers), sni='mail.contoso.com') as one:
                self.assertEqual(one.get('/').body.decode().split('|')[:-1], facts_of(name))

    def test_those_above_a_clients_own_are_told_of(self):
        rig = self.rig("""
frontend fe
    bind <fe> ssl crt <certs>/mail.pem ca-file <certs>/ca.pem verify optional
    http-request return status 200 content-type text/plain lf-string %[ssl_c_chain_der,hex]
""")
        context = client(ssl.TLSVersion.TLSv1_2)
        with rig.connect(context=context, sni='mail.contoso.com') as one:
            self.assertEqual(one.get('/').body, b'')
        context.load_cert_chain(certificate('client'))
        with rig.connect(context=context, sni='mail.contoso.com') as one:
            told = one.get('/').body.decode()
        self.assertEqual(told, der_of('ca').hex().upper())

    BACK = """
frontend fe
    bind <fe>
    default_backend be
backend be
    http-response set-header X-Cert "%s"
    http-response set-header X-Tls "%%[ssl_bc]|%%[ssl_bc_protocol]|%%[ssl_bc_cipher]|%%[ssl_bc_alg_keysize]|%%[ssl_bc_use_keysize]|%%[ssl_bc_alpn]|%%[ssl_bc_npn]|%%[ssl_bc_is_resumed]|%%[ssl_bc_err]|%%[ssl_bc_client_random,length]|%%[ssl_bc_server_random,length]|%%[ssl_bc_session_id,length]|%%[ssl_s_chain_der,hex]"
    server s1 %s
"""

    def back(self, server):
        rig = self.rig(self.BACK % (said_of('ssl_s'), server))
        answer = rig.get('/test/server')
        return answer.get('X-Cert').split('|'), answer.get('X-Tls').split('|')

    def test_the_one_that_a_server_shows_is_told_of(self):
        cert, tls = self.back('<s1+tls> ssl verify none ssl-max-ver TLSv1.2 ciphers ECDHE-ECDSA-AES128-GCM-SHA256')
        self.assertEqual(cert, facts_of('ex01'))
        self.assertEqual(tls[:11], ['1', 'TLSv1.2', 'ECDHE-ECDSA-AES128-GCM-SHA256', '128', '128', '', '', '0', '0', '32', '32'])
        self.assertTrue(tls[12].startswith(der_of('ex01').hex().upper()), tls[12][:100])

    def test_of_a_server_in_clear_text_nothing_is_told(self):
        cert, tls = self.back('<s1>')
        self.assertEqual(cert, [''] * len(CERTIFICATE))
        self.assertEqual(tls, ['0'] + [''] * 6 + ['0'] + [''] * 5)

    @penstock_only('there its value is that of the moment')
    def test_in_a_log_it_is_said_that_there_is_none(self):
        code, text = check(FRONT.replace('<fe>', '127.0.0.1:1') + '    mode http\n    timeout client 1s\n    log 127.0.0.1:1 local0\n    log-format %[ssl_bc]\n')
        self.assertEqual(code, 0, text)
        self.assertIn('never has a value here', text)
