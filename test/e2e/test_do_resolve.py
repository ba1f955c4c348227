"""do-resolve: rules that ask a name server for an address while the client waits.

These tests pass with HAProxy, but for those marked.
"""
from dns_server import A, AAAA, NX, REFUSED, SERVFAIL
from harness import penstock_only, wait_until
from test_names import GLOBAL, Named
from test_runtime_socket import ask

SAY = '    http-request return status 200 content-type text/plain lf-string "%[var(txn.ip)]|"\n'
HTTP = """
frontend fe
    bind <fe>
    http-request do-resolve(txn.ip,dns) hdr(x-name)
""" + SAY


class Asking(Named):

    def asking(self, text, hold_valid='10s', **options):
        self.rig_ = self.rig(self.section() + '    hold valid %s\n' % hold_valid + text, globals_=GLOBAL, **options)
        return self.rig_

    def said(self, name):
        return self.rig_.get('/', [('x-name', name)]).body.decode().strip().rstrip('|')

    def failed(self):
        for line in ask(self.rig_, 'show info').splitlines():
            if line.startswith('FailedResolutions:'):
                return int(line.split()[1])

    ADDRESSES = {'a.test': ['127.0.0.1', '::1'], 'four.test': ['127.0.0.4'], 'six.test': ['::6'], 'no.test': NX,
                 'fails.test': SERVFAIL, 'refused.test': REFUSED, 'silent.test': None, 'empty.test': []}


class Rules(Asking):

    def test_an_address_is_found_and_an_error_sets_nothing(self):
        self.dns.answers.update(self.ADDRESSES)
        self.asking(HTTP)
        for name, address in (('a.test', '::1'), ('A.Test', '::1'), ('four.test', '127.0.0.4'), ('six.test', '::6'), ('a.test.', '::1'),
                              ('no.test', ''), ('fails.test', ''), ('refused.test', ''), ('silent.test', ''), ('empty.test', ''),
                              ('a..test', ''), ('.a.test', ''), ('a.test:80', ''), ('a b', '')):
            with self.subTest(name):
                self.assertEqual(self.said(name), address)

    def test_one_family_is_preferred_and_the_other_will_do(self):
        self.dns.answers.update(self.ADDRESSES)
        self.asking(HTTP.replace('dns)', 'dns,ipv4)'))
        self.assertEqual([self.said(name) for name in ('a.test', 'four.test', 'six.test')], ['127.0.0.1', '127.0.0.4', '::6'])
        self.assertEqual(self.dns.queries[0][:2], ('a.test', A))
        self.asking(HTTP.replace('dns)', 'dns,ipv6)'))
        self.assertEqual([self.said(name) for name in ('a.test', 'four.test', 'six.test')], ['::1', '127.0.0.4', '::6'])

    def test_what_cannot_be_asked_for_is_counted(self):
        self.dns.answers.update(self.ADDRESSES)
        self.asking(HTTP)
        for name in ('a.test', 'no.test', 'silent.test', 'a..test', '.a.test'):
            self.said(name)
        self.assertEqual(self.failed(), 2)

    def test_an_error_leaves_the_variable_as_it_is(self):
        self.dns.answers.update(self.ADDRESSES)
        self.asking(HTTP.replace('    http-request do', '    http-request set-var(txn.ip) str(before)\n    http-request do', 1))
        self.assertEqual((self.said('no.test'), self.said('a..test'), self.said('six.test')), ('before', 'before', '::6'))

    def test_a_rule_is_asked_once_and_so_are_those_before_it(self):
        self.dns.answers.update(self.ADDRESSES)
        self.asking("""
frontend fe
    bind <fe>
    acl never var(txn.no) -m found
    http-request set-var(txn.count) int(0)
    http-request set-var(txn.count) var(txn.count),add(1)
    http-request do-resolve(txn.four,dns) str(four.test) unless never
    http-request set-var(txn.count) var(txn.count),add(1)
    http-request do-resolve(txn.six,dns) str(six.test) if { var(txn.count) -m int 2 }
    http-request do-resolve(txn.none,dns) str(six.test) if never
    http-request set-var(txn.count) var(txn.count),add(1)
    http-request return status 200 content-type text/plain lf-string "%[var(txn.four)] %[var(txn.six)] %[var(txn.none)] %[var(txn.count)]"
""")
        self.assertEqual(self.rig_.get('/').body.decode().strip(), '127.0.0.4 ::6  3')

    def test_in_a_backend_and_with_a_body_that_comes_meanwhile(self):
        self.dns.answers.update(self.ADDRESSES)
        self.asking("""
frontend fe
    bind <fe>
    default_backend be
backend be
    http-request do-resolve(txn.ip,dns) str(silent.test)
    http-request set-header X-Ip %[var(txn.ip)]
    server s1 <s1>
""")
        answer = self.rig_.post('/test/echo', b'x' * 20000)
        self.assertEqual(answer.status, 200)
        self.assertEqual(self.rig_.server().targets(), ['/test/echo'])

    def test_a_client_that_leaves_meanwhile_disturbs_nobody(self):
        self.dns.answers.update(self.ADDRESSES)
        self.asking(HTTP)
        for _ in range(5):
            with self.rig_.connect() as client:
                client.request('GET', '/', [('x-name', 'silent.test')])
                wait_until(lambda: self.dns.count('silent.test'), 'a question')
                client.reset()
        self.assertEqual(self.said('four.test'), '127.0.0.4')

    def test_a_server_is_found_so(self):
        self.dns.answers.update(self.ADDRESSES)
        self.dns.answers['here.test'] = ['127.0.0.1']
        text = """
frontend fe
    bind <fe>
    http-request do-resolve(txn.ip,dns,ipv4) hdr(x-name)
    http-request return status 503 unless { var(txn.ip) -m found }
    default_backend be
backend be
    http-request set-dst var(txn.ip)
    server clear 0.0.0.0:%d
"""
        rig = self.rig(self.section() + text % self.script(answers_where).port, globals_=GLOBAL)
        with rig.connect() as client:
            for name, status in (('here.test', 200), ('no.test', 503), ('here.test', 200)):
                self.assertEqual(client.get('/', [('x-name', name)]).status, status)

    def test_two_addresses_over_one_connection_of_a_client(self):
        self.dns.answers.update({'one.test': ['127.0.0.1'], 'two.test': ['127.0.0.2']})
        server = self.script(answers_where, address=('0.0.0.0', 0))
        rig = self.rig(self.section() + """
frontend fe
    bind <fe>
    http-request do-resolve(txn.ip,dns,ipv4) hdr(x-name)
    http-request set-dst var(txn.ip)
    default_backend be
backend be
    http-reuse always
    server clear 0.0.0.0:%d
""" % server.port, globals_=GLOBAL)
        with rig.connect() as client:
            said = [client.get('/', [('x-name', name)]).body for name in ('one.test', 'two.test', 'one.test', 'two.test')]
        self.assertEqual(said, [b'127.0.0.1', b'127.0.0.2'] * 2)


def answers_where(sock, _):
    from harness import read_head
    where = sock.getsockname()[0].encode()
    while read_head(sock):
        sock.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s' % (len(where), where))


class Tcp(Asking):
    TEXT = """
frontend fe
    mode tcp
    bind <fe>
    tcp-request inspect-delay 5s
    tcp-request content do-resolve(txn.ip,dns,ipv4) req.payload(0,9)
    tcp-request content reject unless { var(txn.ip) -m found }
    tcp-request content set-dst var(txn.ip)
    default_backend be
backend be
    mode tcp
    server clear 0.0.0.0:%d
"""

    def test_a_connection_goes_where_its_first_bytes_say(self):
        self.dns.answers.update({'four.test': ['127.0.0.1'], 'none.test': NX})

        def talk(sock, _):
            sock.sendall(b'heard ' + sock.recv(100))
        rig = self.rig(self.section() + self.TEXT % self.script(talk).port, globals_=GLOBAL)
        with rig.connect() as client:
            client.send(b'four')
            client.send(b'.test and more')
            self.assertEqual(client.take(10), b'heard four')
        with rig.connect() as client:
            client.send(b'none.test and more')
            self.assertEqual(client.rest(), b'')

    @penstock_only('HAProxy ends the wait with inspect-delay')
    def test_bytes_and_an_end_that_come_meanwhile_wait_too(self):
        self.dns.answers.update({'four.test': {'udp': None}})
        asked = []
        self.dns.answers['four.test'] = lambda packet, _: asked.append(1) or (None if len(asked) < 3 else ['127.0.0.1'])

        def talk(sock, _):
            sock.sendall(b'heard ' + sock.recv(100))
        text = (self.TEXT % self.script(talk).port).replace('inspect-delay 5s', 'inspect-delay 50ms')
        rig = self.rig(self.section() + text, globals_=GLOBAL)
        with rig.connect() as client:
            client.send(b'four.test')
            wait_until(lambda: asked, 'a question')
            client.send(b' and more')
            client.half_close()
            self.assertEqual(client.rest(), b'heard four.test and more')

    def test_content_rules_of_mode_http(self):
        self.dns.answers.update(self.ADDRESSES)
        self.asking("""
frontend fe
    bind <fe>
    tcp-request inspect-delay 5s
    tcp-request content do-resolve(txn.ip,dns) hdr(x-name)
""" + SAY)
        self.assertEqual((self.said('six.test'), self.said('no.test')), ('::6', ''))


class Kept(Asking):

    @penstock_only('HAProxy asks again, unless somebody else is waiting for the same name')
    def test_an_answer_stands_as_long_as_hold_valid_says(self):
        self.dns.answers.update(self.ADDRESSES)
        self.asking(HTTP)
        self.assertEqual([self.said('six.test') for _ in range(3)], ['::6'] * 3)
        self.assertEqual(self.dns.count('six.test'), 1)
        self.asking(HTTP, hold_valid='1ms')
        self.dns.answers['six.test'] = ['::7']
        wait_until(lambda: self.said('six.test') == '::7', 'another address')

    @penstock_only('HAProxy asks again')
    def test_one_name_that_many_want_is_asked_once(self):
        self.dns.answers.update(self.ADDRESSES)
        rig = self.asking(HTTP, nbthread=2)
        asked = []

        def answer(packet, _):
            asked.append(1)
            wait_until(lambda: waiting, 'clients')
            return ['::9']
        waiting = []
        self.dns.answers['many.test'] = answer
        clients = [rig.connect() for _ in range(20)]
        for client in clients:
            client.request('GET', '/', [('x-name', 'many.test')])
        waiting.append(1)
        self.assertEqual([client.response().body.strip() for client in clients], [b'::9|'] * 20)
        self.assertLessEqual(len(asked), 2)

    @penstock_only('names are ours')
    def test_more_names_than_are_kept_are_not_asked_for(self):
        self.asking(HTTP)
        self.dns.answers = Everything()
        said = set()
        with self.rig_.connect() as client:
            for number in range(4200):
                said.add(client.get('/', [('x-name', 'n%d.test' % number)]).body)
        self.assertEqual(said, {b'::9|', b'|'})
        self.assertEqual(self.failed(), 4200 - 4096)

    @penstock_only('the answer to a reload')
    def test_a_reload_meanwhile_answers_who_waits(self):
        self.dns.answers.update(self.ADDRESSES)
        rig = self.asking(HTTP.replace('x-name)', 'x-name) if { path / }'))
        client = rig.connect()
        client.request('GET', '/', [('x-name', 'silent.test')])
        wait_until(lambda: self.dns.count('silent.test'), 'a question')
        # Its section goes.
        rig.reload('frontend fe\n    bind <fe>\n    http-request return status 202\n')
        self.assertEqual((client.response().body, rig.get('/').status), (b'|', 202))


class Everything(dict):
    """Every name has an address."""

    def get(self, key, default=None):
        return ['::9']
