"""The PROXY protocol, from a proxy in front and towards servers."""
import socket
import ssl
import struct
import threading

from harness import Case, Client, PATIENCE, certificate, heads, read_head, tls_client

SIGNATURE = b'\r\n\r\n\0\r\nQUIT\n'


def v2(source, destination, command=1):
    body = socket.inet_aton(source[0]) + socket.inet_aton(destination[0])
    body += struct.pack('>HH', source[1], destination[1])
    return SIGNATURE + bytes([0x20 | command, 0x11]) + struct.pack('>H', len(body)) + body


V1 = b'PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n'
V2 = v2(('192.0.2.7', 4711), ('198.51.100.1', 443))

HTTP = """
frontend fe
    bind <fe> %s
    mode http
    option httplog
    option forwardfor
    http-request set-header X-Dst %%[dst]:%%[dst_port]
    %s
    default_backend be
backend be
    mode http
    server s1 <s1>
"""


class In(Case):
    ONCE = True

    def test_the_addresses_of_the_header_are_the_clients(self):
        for header in (V1, V2):
            rig = self.rig(HTTP % ('accept-proxy', ''))
            client = rig.connect().send(header + b'GET /test/server HTTP/1.1\r\nHost: a\r\n\r\n')
            self.assertEqual(client.response().status, 200)
            self.assertEqual(client.get('/test/server').status, 200)
            for head in rig.server().wire():
                self.assertIn(b'X-Forwarded-For: 192.0.2.7\r\n', head)
                self.assertIn(b'X-Dst: 198.51.100.1:443\r\n', head)
            rig.log.wait(r': 192\.0\.2\.7:4711 \[')

    def test_a_header_may_come_in_pieces(self):
        for header in (V1, V2):
            rig = self.rig(HTTP % ('accept-proxy', ''))
            client = rig.connect()
            for byte in header + b'GET / HTTP/1.1\r\nHost: a\r\n\r\n':
                client.send(bytes([byte]))
            client.response()
            self.assertIn(b'X-Forwarded-For: 192.0.2.7\r\n', rig.server().wire()[0])

    def test_what_speaks_for_itself_keeps_its_own_addresses(self):
        for header in (b'PROXY UNKNOWN\r\n', v2(('192.0.2.7', 1), ('192.0.2.8', 1), command=0)):
            rig = self.rig(HTTP % ('accept-proxy', ''))
            client = rig.connect().send(header + b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
            client.response()
            self.assertIn(b'X-Forwarded-For: 127.0.0.1\r\n', rig.server().wire()[0])

    def test_a_header_whose_checksum_or_lengths_are_wrong_is_that_of_nobody(self):
        rig = self.rig(HTTP % ('accept-proxy', ''))
        right = V2[:14] + b'\0\x13' + V2[16:]
        for tlv in (b'\3\0\4four', b'\4\0\5four', b'\3\0\4\0\0\0\0'):
            rig.connect().send(right + tlv + b'GET / HTTP/1.1\r\nHost: a\r\n\r\n').rest()
        self.assertEqual(rig.server().targets(), [])
        client = rig.connect().send(right + b'\4\0\4four' + b'GET /test/server HTTP/1.1\r\nHost: a\r\n\r\n')
        self.assertEqual(client.response().status, 200)

    def test_without_a_header_nobody_is_served(self):
        rig = self.rig(HTTP % ('accept-proxy', ''))
        for start in (b'GET / HTTP/1.1\r\nHost: a\r\n\r\n', b'PROXY TCP4 1.2.3.4\r\n', b'\r\n\r\n\0\r\nQUIX'):
            client = rig.connect().send(start)
            client.rest()
        client = rig.connect().send(V1[:20])
        client.half_close()
        client.rest()
        self.assertEqual(rig.server().targets(), [])
        client = rig.connect().send(V1 + b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
        client.response()

    def test_a_header_is_waited_for_no_longer_than_a_request(self):
        rig = self.rig((HTTP % ('accept-proxy', '')).replace('option httplog', 'option httplog\n    timeout http-request 100ms'))
        client = rig.connect().send(V1[:20])
        client.rest()

    def test_tls_begins_behind_the_header(self):
        for header in (V1, V2):
            rig = self.rig(HTTP % ('accept-proxy ssl crt <certs>/mail.pem', ''))
            sock = socket.create_connection(rig.addresses['fe'], timeout=PATIENCE)
            sock.sendall(header)
            with tls_client(verify=True).wrap_socket(sock, server_hostname='mail.contoso.com') as tls:
                tls.sendall(b'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
                while tls.recv(65536):
                    pass
            self.assertIn(b'X-Forwarded-For: 192.0.2.7\r\n', rig.server().wire()[0])

    def test_a_rule_says_from_whom_a_header_is_expected(self):
        for rule, expected in (('if { src 127.0.0.1 }', True), ('if { src 192.0.2.7 }', False)):
            rig = self.rig(HTTP % ('', 'tcp-request connection expect-proxy layer4 ' + rule))
            client = rig.connect().send((V1 if expected else b'') + b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
            client.response()
            whose = b'192.0.2.7' if expected else b'127.0.0.1'
            self.assertIn(b'X-Forwarded-For: %s\r\n' % whose, rig.server().wire()[0])

    def test_rules_of_the_connection_see_the_proxy_those_of_the_session_the_client(self):
        rig = self.rig(HTTP % ('accept-proxy', 'tcp-request connection reject unless { src 127.0.0.1 }\n'
                               '    tcp-request session reject unless { src 192.0.2.7 }'))
        client = rig.connect().send(V1 + b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
        client.response()
        self.assertEqual(rig.server().targets(), ['/'])


class Tcp(Case):
    ONCE = True

    def heard(self, tls=False):
        """A server that keeps what it hears until its client ends."""
        got, done = [], threading.Event()

        def talk(sock, _):
            data = b''
            while True:
                piece = sock.recv(65536)
                if not piece:
                    break
                data += piece
            got.append(data)
            done.set()
        return self.script(talk), got, done

    def test_bytes_behind_the_header_are_the_clients(self):
        server, got, done = self.heard()
        rig = self.rig('listen fe\n    bind <fe> accept-proxy\n    mode tcp\n    option tcplog\n    server s1 %s' % server.address)
        client = rig.connect().send(V2 + b'abc')
        client.send(b'def')
        client.half_close()
        self.assertTrue(done.wait(PATIENCE))
        self.assertEqual(got, [b'abcdef'])
        client.rest()
        rig.log.wait(r': 192\.0\.2\.7:4711 \[')

    def test_the_servers_are_told_whose_connection_it_is(self):
        for word, of in (('send-proxy', lambda a, b: b'PROXY TCP4 %s %s %d %d\r\n' % (
                a[0].encode(), b[0].encode(), a[1], b[1])), ('send-proxy-v2', v2)):
            server, got, done = self.heard()
            rig = self.rig('listen fe\n    bind <fe>\n    mode tcp\n    server s1 %s %s\n' % (server.address, word))
            client = rig.connect()
            own, peer = client.socket.getsockname(), client.socket.getpeername()
            client.send(b'abc')
            client.half_close()
            self.assertTrue(done.wait(PATIENCE))
            self.assertEqual(got, [of(own, peer) + b'abc'])

    def told(self, bind, words, context=None, extra=''):
        """The fields behind the addresses of a header: {type: value}, those of TLS by their own types."""
        server, got, done = self.heard()
        rig = self.rig('listen fe\n    bind <fe> %s\n    mode tcp\n%s    server s1 %s %s\n' % (
            bind, extra, server.address, words))
        client = rig.connect(context=context, sni='mail.contoso.com' if context else None)
        client.send(b'abc')
        client.close()
        self.assertTrue(done.wait(PATIENCE))
        size = 16 + int.from_bytes(got[0][14:16], 'big')
        header, fields = got[0][:size], {}

        def take(rest):
            while rest:
                end = 3 + int.from_bytes(rest[1:3], 'big')
                value, kind, rest = rest[3:end], rest[0], rest[end:]
                if kind == 0x20:
                    fields['client'], fields['verified'] = value[0], int.from_bytes(value[1:5], 'big')
                    take(value[5:])
                else:
                    fields[kind] = value
        take(header[28:])
        return header, fields

    def test_version_2_may_tell_what_tls_agreed_on(self):
        tls = 'ssl crt <certs>/mail.pem alpn http/1.1'
        context = tls_client(alpn=['http/1.1'], version=ssl.TLSVersion.TLSv1_2)
        context.set_ciphers('ECDHE-ECDSA-AES128-GCM-SHA256')
        _, told = self.told(tls, 'send-proxy-v2 proxy-v2-options ssl,ssl-cipher,authority', context)
        self.assertEqual(told, {1: b'http/1.1', 2: b'mail.contoso.com', 'client': 1, 'verified': 0,
                                0x21: b'TLSv1.2', 0x23: b'ECDHE-ECDSA-AES128-GCM-SHA256'})
        _, told = self.told('', 'send-proxy-v2-ssl proxy-v2-options authority')
        self.assertEqual(told, {'client': 0, 'verified': 0})
        _, told = self.told(tls, 'send-proxy-v2', tls_client())
        self.assertEqual(told, {})

    def test_version_2_may_tell_the_name_in_the_clients_certificate(self):
        context = tls_client()
        context.load_cert_chain(certificate('client'))
        bind = 'ssl crt <certs>/mail.pem verify optional ca-file <certs>/%s.pem crt-ignore-err all ca-ignore-err all'
        _, told = self.told(bind % 'ca', 'send-proxy-v2-ssl-cn', context)
        self.assertEqual(told, {'client': 7, 'verified': 0, 0x21: b'TLSv1.3', 0x22: b'client.contoso.com'})
        _, told = self.told(bind % 'other-ca', 'send-proxy-v2-ssl-cn', context)
        self.assertNotEqual(told['verified'], 0)

    def test_version_2_may_bear_a_checksum_and_a_unique_id(self):
        header, told = self.told('', 'send-proxy-v2 proxy-v2-options crc32c,unique-id',
                                 extra='    unique-id-format %{+X}o\\ %ci\n')
        self.assertEqual(told[5], b'7F000001')
        at, total = header.index(told[3]), 0xffffffff
        for byte in header[:at] + b'\0\0\0\0' + header[at + 4:]:
            total ^= byte
            for _ in range(8):
                total = total >> 1 ^ (0x82f63b78 if total & 1 else 0)
        self.assertEqual(told[3], (total ^ 0xffffffff).to_bytes(4, 'big'))

    def test_a_header_received_is_passed_on(self):
        server, got, done = self.heard()
        rig = self.rig('listen fe\n    bind <fe> accept-proxy\n    mode tcp\n    server s1 %s send-proxy' % server.address)
        client = rig.connect().send(V2 + b'abc')
        client.half_close()
        self.assertTrue(done.wait(PATIENCE))
        self.assertEqual(got, [V1 + b'abc'])


class Out(Case):
    ONCE = True

    def test_each_client_has_server_connections_of_its_own(self):
        heads = []

        def talk(sock, _):
            while True:
                data = read_head(sock)
                heads.append(data)
                sock.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
        rig = self.rig('listen fe\n    bind <fe>\n    mode http\n    http-reuse always\n    server s1 %s send-proxy'
                       % self.script(talk).address)
        ports = []
        for _ in range(2):
            client = rig.connect()
            ports.append(client.socket.getsockname()[1])
            client.get('/a')
            client.get('/b')
        self.assertEqual([head.startswith(b'PROXY TCP4 127.0.0.1 127.0.0.1 ') for head in heads],
                         [True, False, True, False])
        for head, port in zip(heads[::2], ports):
            self.assertIn(b' %d ' % port, head)

    def test_the_header_goes_before_tls(self):
        rig = self.rig("""
listen fe
    bind <fe>
    mode http
    server s1 <mid> ssl verify none send-proxy-v2
""".replace('<mid>', self.inner().address_text))
        self.assertEqual(rig.get('/').status, 200)

    def inner(self):
        inner = self.rig('frontend fe\n    bind <fe> accept-proxy ssl crt <certs>/mail.pem\n    mode http\n'
                         '    http-request return status 200')
        inner.address_text = '%s:%d' % inner.addresses['fe']
        return inner

    def test_checks_say_that_they_are_nobodys(self):
        for words, wanted in (('send-proxy check', b'PROXY UNKNOWN\r\n'), ('send-proxy-v2 check', SIGNATURE + b'\x20\0\0\0'),
                              ('check-send-proxy check', b'PROXY UNKNOWN\r\n')):
            first, seen = [], threading.Event()

            def talk(sock, _, first=first, seen=seen, wanted=wanted):
                first.append(sock.recv(len(wanted)))
                seen.set()
            self.rig('listen fe\n    bind <fe>\n    mode http\n    option httpchk GET /\n    server s1 %s %s inter 100ms'
                     % (self.script(talk).address, words))
            self.assertTrue(seen.wait(PATIENCE))
            self.assertEqual(first[0], wanted)

    def test_an_address_that_rules_have_set_is_told_of_that_request(self):
        told = []

        def talk(sock, _):
            said = b''
            for head in heads(sock):
                line, _, rest = head.partition(b'\r\n')
                said = line.split(b' ')[2] if line.startswith(b'PROXY ') else said
                told.append(said.decode())
                sock.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
        rig = self.rig("""
frontend fe
    bind <fe>
    http-request set-src req.hdr(x-from) if { req.hdr(x-from) -m found }
    default_backend be
backend be
    server s1 %s send-proxy
""" % self.script(talk).address)
        with rig.connect() as client:
            for source in (None, '192.0.2.1', '192.0.2.2', None, '192.0.2.1'):
                self.assertEqual(client.get('/', [('X-From', source)] if source else []).status, 200)
                self.assertEqual(told.pop(), source or '127.0.0.1')


class Names(Case):
    """What a header of version 2 says beside addresses."""
    ONCE = True

    def told(self, tlvs):
        body = b''.join(bytes([kind]) + struct.pack('>H', len(value)) + value for kind, value in tlvs)
        header = bytearray(V2 + body)
        header[14:16] = struct.pack('>H', len(header) - 16)
        rig = self.rig("""
frontend fe
    bind <fe> accept-proxy
    http-request return status 200 content-type text/plain lf-string "%[fc_pp_authority] %[fc_pp_unique_id,hex] %[fc_rcvd_proxy] %[src]"
""")
        client = rig.connect().send(bytes(header))
        return [client.get('/').body.decode() for _ in range(2)]

    def test_names_of_the_header_can_be_asked_for_with_each_request(self):
        said = ' '.join(('mail.contoso.com', b'\x01id'.hex().upper(), '1', '192.0.2.7'))
        self.assertEqual(self.told([(2, b'mail.contoso.com'), (4, b'x'), (5, b'\x01id')]), [said] * 2)

    def test_a_name_that_is_not_there_has_no_value(self):
        self.assertEqual(self.told([(5, b'a')]), [' 61 1 192.0.2.7'] * 2)
        self.assertEqual(self.told([]), ['  1 192.0.2.7'] * 2)
