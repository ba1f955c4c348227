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
    ONCE = True

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
    ONCE = True

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


class Bodies(Case):
    """Of a request's body, as far as it has come."""
    ONCE = True
    TEXT = """
frontend fe
    bind <fe>
    option http-buffer-request
    acl some req.body_param -m str 4
    acl long req.body_len gt 10
    http-request return status 200 content-type text/plain lf-string "%[req.body,hex]|%[req.body_len]|%[req.body_size]|%[req.body_param(a)]|%[req.body_param]|%[req.body_param(b)]|%[capture.res.ver]|4" if some
    http-request return status 200 content-type text/plain lf-string "%[req.body,hex]|%[req.body_len]|%[req.body_size]|%[req.body_param(a)]|%[req.body_param]|%[req.body_param(b)]|%[capture.res.ver]|long" if long
    http-request return status 200 content-type text/plain lf-string "%[req.body,hex]|%[req.body_len]|%[req.body_size]|%[req.body_param(a)]|%[req.body_param]|%[req.body_param(b)]|%[capture.res.ver]|"
"""

    def test_a_body_and_its_parameters_can_be_asked_for(self):
        client = self.rig(self.TEXT).connect()
        for body, a, first, b, ends in ((b'a=1&b=2;c=3&a=4&d', '1', '1', '2', '4'), (b'', '', '', '', ''), (b'b=&x', '', '', '', ''),
                                        (b'\x00\xff\n', '', '', '', ''), (b'A=1&a&aa=2', '', '1', '', ''), (b'b=a=b&a=xyz', 'xyz', 'a=b', 'a=b', 'long')):
            answer = client.post('/', body)
            wanted = [body.hex().upper(), str(len(body)), str(len(body)), a, first, b, '', ends]
            self.assertEqual(answer.body.decode().split('|'), wanted)

    def test_a_chunked_body_is_one_too(self):
        with self.rig(self.TEXT).connect() as client:
            client.send(b'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\na=xy&\r\n4\r\nb=&c\r\n0\r\n\r\n')
            self.assertEqual(client.response().body.decode().split('|'), [b'a=xy&b=&c'.hex().upper(), '9', '9', 'xy', 'xy', '', '', ''])


class Inside(Case):
    """Of ourselves: timeouts, rules, places in line, numbers."""
    ONCE = True
    TEXT = """
listen first
    bind <fe>
    timeout client 7s
    timeout server 11s
    timeout tunnel 13s
    http-request set-priority-class int(5) if { path /prio }
    http-request set-priority-offset int(-7) if { path /prio }
    http-request set-header X-Fe "%[fe_client_timeout]|%[fe_defbe]|%[prio_class]|%[prio_offset]|%[dst_conn]|%[str(be/s1),srv_queue]|%[str(be/no),srv_queue]|%[str(no/s1),srv_queue]"
    http-request set-header X-Line "%[last_rule_line]|%[last_rule_file]"
    http-request allow if { path /allow }
    default_backend be
backend be
    timeout server 17s
    timeout tunnel 19s
    http-request set-header X-Allow "%[last_rule_line]"
    http-request set-timeout server 23s if { path /prio }
    http-response set-header X-Be "%[be_server_timeout]|%[be_tunnel_timeout]|%[cur_server_timeout]|%[str(s1),srv_queue]|%[prio_class]|%[bc_src]"
    server s1 <s1>
"""

    def test_numbers_of_the_configuration_and_of_the_request(self):
        rig = self.rig(self.TEXT)
        client = rig.connect()
        for path, priority, server in (('/test/echo', '0|0', '17000'), ('/prio', '5|-7', '23000')):
            answer = client.get(path)
            self.assertEqual(answer.get('X-Be'), '17000|19000|%s|0|%s|127.0.0.1' % (server, priority.split('|')[0]))
        heads = [head.decode() for head in rig.server().wire()]
        self.assertIn('X-Fe: 7000|be|0|0|1|0||\r\n', heads[0].replace('x-fe', 'X-Fe'))
        self.assertIn('X-Fe: 7000|be|5|-7|1|0||\r\n', heads[1].replace('x-fe', 'X-Fe'))
        self.assertIn('X-Line: |\r\n', heads[0].replace('x-line', 'X-Line'))

    def test_the_rule_that_ended_its_set_is_known(self):
        rig = self.rig(self.TEXT)
        line = [number for number, text in enumerate(rig.text.splitlines(), 1) if 'http-request allow' in text][0]
        rig.get('/allow')
        self.assertIn('X-Allow: %d\r\n' % line, rig.server().wire()[0].decode().replace('x-allow', 'X-Allow'))

    def test_the_log_tells_which_rule_denied(self):
        rig = self.rig("""
frontend fe
    bind <fe>
    log <log> local0
    log-format "rule %[last_rule_file]:%[last_rule_line]"
    http-request deny if { path /deny }
    http-request return status 200
""")
        lines = {text.strip(): number for number, text in enumerate(rig.text.splitlines(), 1)}
        for path, rule in (('/deny', 'http-request deny if { path /deny }'), ('/', 'http-request return status 200')):
            rig.get(path)
            rig.log.wait('rule %s:%d' % (rig.path, lines[rule]))

    def test_clients_of_an_address_are_counted(self):
        rig = self.rig("""
frontend fe
    bind <fe>
    http-request return status 200 content-type text/plain lf-string %[dst_conn]
""")
        clients = [rig.connect() for _ in range(3)]
        for client in clients:
            client.get('/')
        self.assertEqual(clients[0].get('/').body, b'3')

    def test_what_the_system_knows_of_the_way_is_told(self):
        rig = self.rig("""
frontend fe
    bind <fe>
    http-request return status 200 content-type text/plain lf-string "%[fc_rtt(us)] %[fc_rtt] %[fc_rtt(ms)] %[fc_rttvar(us)] %[fc_rttvar] %[fc_unacked] %[fc_sacked] %[fc_retrans] %[fc_fackets] %[fc_lost] %[fc_reordering] %[thread]"
""", nbthread=1)
        with rig.connect() as client:
            client.get('/')
            said = [int(number) for number in client.get('/').body.split()]
        self.assertTrue(0 < said[0] < 1000000 and said[1] == said[2] == said[0] // 1000 and 0 < said[3] < 1000000, said)
        self.assertEqual(said[5:10], [0] * 5)
        self.assertTrue(said[10] > 0 and said[11] == 0, said)

    def test_raw_bytes_are_compared_with_digits(self):
        rig = self.rig("""
frontend fe
    bind <fe>
    mode tcp
    tcp-request inspect-delay 5s
    tcp-request content reject if { payload(0,2) 4142 4143 }
    tcp-request content reject if { payload_lv(0,1) 5859 }
    default_backend be
backend be
    mode tcp
    server s1 <s1>
""")
        for data, passes in ((b'GET /test/server HTTP/1.1\r\nHost: a\r\n\r\n', True), (b'ABcd', False), (b'ACcd', False), (b'\x02XY', False)):
            with rig.connect() as client:
                client.send(data)
                if passes:
                    self.assertEqual(client.response().status, 200)
                else:
                    self.assertEqual(client.rest(), b'')
