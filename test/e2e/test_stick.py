"""Stick tables. Each expectation was seen with HAProxy 2.6 (PENSTOCK=/usr/sbin/haproxy), but for what
a reload keeps."""
from harness import Case, heads, penstock_only, wait_until

HTTP = """
frontend fe
    bind <fe>
    default_backend be
backend be
    balance roundrobin
    timeout connect 200ms
    option redispatch 1
    %s
%s
"""

TCP = """
listen fe
    bind <fe>
    mode tcp
    option tcplog
    balance roundrobin
    timeout connect 200ms
    option redispatch 1
    %s
%s
"""


def answer(name):
    """An HTTP server that says who it is, and gives the fields that X-Give tells it to."""
    def talk(sock, _):
        for head in heads(sock):
            given = [line[8:] for line in head.split(b'\r\n') if line.lower().startswith(b'x-give: ')]
            sock.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n%s\r\n%s' % (
                b''.join(b'X-Got: ' + value + b'\r\n' for value in given), name.encode()))
    return talk


def speak(name):
    """A server that says who it is, then repeats what it hears."""
    def talk(sock, _):
        sock.sendall(name.encode())
        while True:
            data = sock.recv(65536)
            if not data:
                return
            sock.sendall(data)
    return talk


class StickCase(Case):

    def servers(self, talk, **words):
        """Lines of s1 to s3; `words` stand behind an address, which "dead" replaces."""
        lines, self.scripts = [], {}
        for name in ('s1', 's2', 's3'):
            self.scripts[name] = self.script(talk(name))
            where, said = self.scripts[name].address, words.get(name, '')
            if said.startswith('dead'):
                where, said = '<dead>', said[4:]
            lines.append('    server %s %s %s' % (name, where, said))
        return '\n'.join(lines)

    def farm(self, rules, more='', **words):
        self.r = self.rig(HTTP % ('\n    '.join(rules.split('\n')), self.servers(answer, **words)) + more)

    def ask(self, *fields, client=None, source=None, target='/'):
        """The name of the server that answered."""
        with client or self.r.connect(source=source) as client:
            client.request('GET', target, [tuple(pair.split(': ', 1)) for pair in fields])
            got = client.response()
        return got.body.decode() if got.status == 200 else got.status

    def asked(self, times, *fields, **options):
        return [self.ask(*fields, **options) for _ in range(times)]


class Http(StickCase):

    def test_clients_come_back_by_their_address(self):
        self.farm('stick-table type ip size 100\nstick on src')
        first = self.asked(3)
        self.assertEqual(len(set(first)), 1)
        others = {source: self.ask(source=source) for source in ('127.0.0.2', '127.0.0.3', '127.0.0.4')}
        self.assertEqual(len(set(others.values())), 3)
        for source, server in others.items():
            self.assertEqual(self.asked(2, source=source), [server] * 2)
        self.assertEqual(self.asked(2), first[:2])

    def test_clients_come_back_by_a_field_of_each_request(self):
        self.farm('stick-table type string len 4 size 100\nstick on req.hdr(X-User)')
        anna = self.ask('X-User: anna')
        bert = self.ask('X-User: bert')
        self.assertNotEqual(anna, bert)
        with self.r.connect() as client:
            for name, server in (('anna', anna), ('bert', bert), ('annabella', anna), ('bert', bert)):
                client.request('GET', '/', [('X-User', name)])
                self.assertEqual(client.response().body.decode(), server)
        self.assertEqual(len(set(self.asked(3))), 3)

    def test_match_alone_learns_nothing_and_store_alone_sends_nobody(self):
        self.farm('stick-table type ip size 100\nstick match src if { path /m }\n'
                  'stick store-request src if { path /s }')
        self.assertEqual(len(set(self.asked(3, target='/m'))), 3)
        stored = self.asked(3, target='/s')
        self.assertEqual(len(set(stored)), 3)
        self.assertEqual(self.asked(3, target='/m'), stored[-1:] * 3)

    def test_what_an_answer_says_is_learned(self):
        self.farm('stick-table type string size 100\nstick match req.hdr(X-Id)\n'
                  'stick store-response res.hdr(X-Got)')
        first = self.ask('X-Give: one')
        second = self.ask('X-Give: two')
        self.assertNotEqual(first, second)
        self.assertEqual(self.asked(2, 'X-Id: one') + self.asked(2, 'X-Id: two'), [first] * 2 + [second] * 2)

    def test_the_first_rule_that_finds_a_server_that_may_be_had_counts(self):
        self.farm('stick match req.hdr(X-A) table a\nstick match req.hdr(X-B) table b\n'
                  'stick store-request req.hdr(X-A) table a\nstick store-request req.hdr(X-B) table b', more="""
backend a
    stick-table type string size 10
backend b
    stick-table type string size 10
""")
        one = self.ask('X-A: 1')
        two = self.ask('X-B: 2')
        self.assertNotEqual(one, two)
        self.assertEqual(self.ask('X-A: 9', 'X-B: 2'), two)
        self.assertEqual(self.ask('X-A: 1', 'X-B: 2'), one)
        # That request was served by another server than B's entry said.
        self.assertEqual(self.ask('X-B: 2'), one)

    def test_only_the_first_key_for_a_table_is_stored(self):
        self.farm('stick-table type string size 10\nstick match req.hdr(X-A)\n'
                  'stick store-request req.hdr(X-B)\nstick store-request req.hdr(X-C)')
        server = self.ask('X-B: b', 'X-C: c')
        self.assertEqual(self.asked(2, 'X-A: b'), [server] * 2)
        self.assertEqual(len(set(self.asked(3, 'X-A: c'))), 3)

    def test_a_client_of_a_dead_server_learns_another(self):
        self.farm('stick-table type ip size 10\nstick on src', s1='dead', s2='dead')
        self.assertEqual(self.asked(4), ['s3'] * 4)

    def test_a_client_of_a_server_that_went_down_is_balanced_anew_and_stays_there(self):
        words = 'check inter 50ms fastinter 50ms fall 1 rise 1000'
        self.farm('stick-table type ip size 10\nstick on src', s1=words, s2=words, s3=words)
        first = self.ask()
        self.scripts[first].close()
        self.r.log.wait('Server be/%s is DOWN' % first)
        then = self.asked(3)
        self.assertEqual(then, [then[0]] * 3)
        self.assertNotEqual(then[0], first)

    def test_with_option_persist_a_client_stays_with_a_server_that_went_down(self):
        words = 'check inter 50ms fastinter 50ms fall 1 rise 1000'
        self.farm('no option redispatch\noption persist\nstick-table type ip size 10\nstick on src',
                  s1=words, s2=words, s3=words)
        first = self.ask()
        self.scripts[first].close()
        self.r.log.wait('Server be/%s is DOWN' % first)
        self.assertEqual(self.ask(), 503)

    def test_a_server_of_no_weight_keeps_its_clients(self):
        self.farm('stick-table type ip size 10\nstick on src\nuse-server s1 if { path /s1 }', s1='weight 0')
        self.assertEqual(self.ask(target='/s1'), 's1')
        self.assertEqual(self.asked(3), ['s1'] * 3)
        self.assertEqual({self.ask(source='127.0.0.%d' % n) for n in range(2, 6)}, {'s2', 's3'})

    def test_entries_expire(self):
        self.farm('stick-table type ip size 10 expire 50ms\nstick on src')
        known = self.ask()
        wait_until(lambda: self.ask() != known, 'the entry to expire', pause=0.1)

    def test_ignore_persist_is_about_cookies(self):
        self.farm('stick-table type ip size 10\nstick on src\nignore-persist if { path /i }')
        first = self.ask()
        self.assertEqual(self.asked(3, target='/i'), [first] * 3)

    def test_non_stick_servers_are_not_learned(self):
        self.farm('stick-table type ip size 10\nstick on src', s1='non-stick', s2='non-stick')
        servers = self.asked(6)
        self.assertIn('s3', servers[:3])
        self.assertEqual(set(servers[servers.index('s3'):]), {'s3'})

    def test_a_server_named_by_a_rule_is_learned(self):
        self.farm('stick-table type ip size 10\nstick on src\nuse-server s3 if { path /s3 }')
        self.ask()
        self.assertEqual(self.ask(target='/s3'), 's3')
        self.assertEqual(self.asked(3), ['s3'] * 3)

    def test_a_cookie_goes_before_the_table(self):
        self.farm('cookie X insert indirect\nstick-table type ip size 10\nstick on src',
                  s1='cookie c1', s2='cookie c2', s3='cookie c3')
        server = self.ask()
        other = 's2' if server != 's2' else 's3'
        self.assertEqual(self.ask('Cookie: X=c' + other[1]), other)
        self.assertEqual(self.asked(2), [other] * 2)
        self.assertEqual(self.ask('Cookie: X=c9'), other)

    def test_backends_share_a_table(self):
        self.farm('stick on src table shared\nuse-server s2 if { path /a }', more="""
frontend fe2
    bind <fe2>
    default_backend other
backend other
    balance roundrobin
    stick on src table shared
    server x1 <s1>
    server x2 <s2>
    server x3 <s3>
backend shared
    stick-table type ip size 10
""".replace('<s1>', self.script(answer('x1')).address).replace(
            '<s2>', self.script(answer('x2')).address).replace('<s3>', self.script(answer('x3')).address))
        self.assertEqual(self.ask(target='/a'), 's2')
        # Names differ: the place counts.
        self.assertEqual([self.ask(client=self.r.connect('fe2')) for _ in range(2)], ['x2'] * 2)

    def test_a_full_table_forgets_who_was_away_longest(self):
        # HAProxy makes room for several at a time.
        self.farm('stick-table type string size 40\nstick on req.hdr(X-U)\nuse-server s1 if { path /s1 }',
                  s1='weight 0')
        for number in range(60):
            self.ask('X-U: %d' % number, target='/s1')
            self.assertEqual(self.ask('X-U: 0'), 's1', number)
        self.assertNotEqual(self.ask('X-U: 1'), 's1')
        self.assertEqual(self.ask('X-U: 59'), 's1')

    def test_a_full_table_that_must_not_forget_learns_nothing(self):
        self.farm('stick-table type string size 2 nopurge\nstick on req.hdr(X-U)')
        known = [self.ask('X-U: %d' % number) for number in range(2)]
        self.assertEqual(len(set(self.asked(3, 'X-U: third'))), 3)
        self.assertEqual([self.ask('X-U: %d' % number) for number in range(2)], known)


class Tcp(StickCase):

    def tunnels(self, rules, talk=speak, **words):
        self.r = self.rig(TCP % ('\n    '.join(rules.split('\n')), self.servers(talk, **words)))

    def visit(self, source=None):
        with self.r.connect(source=source) as client:
            return client.take(2).decode()

    def test_clients_come_back_by_their_address(self):
        self.tunnels('stick-table type ip size 100\nstick on src')
        servers = {source: self.visit(source) for source in ('127.0.0.1', '127.0.0.2', '127.0.0.3')}
        self.assertEqual(len(set(servers.values())), 3)
        for source, server in servers.items():
            self.assertEqual([self.visit(source) for _ in range(2)], [server] * 2)

    def test_a_client_of_a_dead_server_learns_another(self):
        self.tunnels('stick-table type ip size 10\nstick on src', s1='dead', s2='dead')
        self.assertEqual([self.visit() for _ in range(4)], ['s3'] * 4)

    def test_clients_come_back_by_what_they_say(self):
        self.tunnels('tcp-request inspect-delay 5s\ntcp-request content accept if { req.len ge 4 }\n'
                     'stick-table type binary len 4 size 100\nstick on req.payload(0,4)', speak)

        def visit(word):
            with self.r.connect() as client:
                return client.send(word).take(2).decode()
        anna, bert = visit('anna'), visit('bert')
        self.assertNotEqual(anna, bert)
        self.assertEqual([visit('anna'), visit('bert'), visit('annabella')], [anna, bert, anna])

    def test_what_a_server_says_is_learned(self):
        def talk(name):
            def give(sock, _):
                word = sock.recv(4)
                sock.sendall(word + name.encode())
            return give
        self.tunnels('tcp-request inspect-delay 5s\ntcp-request content accept if { req.len ge 4 }\n'
                     'tcp-response inspect-delay 5s\ntcp-response content accept if { res.len ge 6 }\n'
                     'stick-table type binary len 4 size 100\nstick match req.payload(0,4)\n'
                     'stick store-response res.payload(0,4)', talk)

        def visit(word):
            with self.r.connect() as client:
                return client.send(word).take(6)[4:].decode()
        anna, bert = visit('anna'), visit('bert')
        self.assertNotEqual(anna, bert)
        self.assertEqual([visit('anna'), visit('bert'), visit('anna')], [anna, bert, anna])


@penstock_only('HAProxy keeps tables over a reload among peers only')
class Reload(StickCase):

    TEXT = """
frontend fe
    bind <fe>
    default_backend be
backend be
    balance roundrobin
    option redispatch
    stick-table type ip size %s
    stick on src
%s
"""

    def reload(self, *lines, size='10'):
        text = self.TEXT % (size, '\n'.join('    server ' + line for line in lines))
        start = len(self.r.log.drain())
        self.r.reload(text)
        self.r.log.wait(r'(?i)reload', start=start)

    def setUp(self):
        self.where = {name: self.script(answer(name)).address for name in ('s1', 's2', 's3')}
        self.lines = ['%s %s' % pair for pair in self.where.items()]
        self.r = self.rig(self.TEXT % (10, '\n'.join('    server ' + line for line in self.lines)))
        self.first = self.asked(3)

    def test_a_reload_keeps_the_table(self):
        self.reload(*reversed(self.lines), size='20 expire 1h')
        self.assertEqual(self.asked(3), self.first)

    def test_a_server_that_is_gone_is_not_another_in_its_place(self):
        gone = self.first[0]
        kept = [line for line in self.lines if not line.startswith(gone)]
        self.reload('new %s weight 0' % self.where[gone], *kept)
        then = self.asked(3)
        self.assertEqual(then, then[:1] * 3)
        self.assertNotEqual(then[0], gone)

    def test_a_disabled_server_loses_its_clients(self):
        self.reload(*[line + ' disabled' * line.startswith(self.first[0]) for line in self.lines])
        then = self.asked(3)
        self.assertNotEqual(then[0], self.first[0])
        self.assertEqual(then, then[:1] * 3)


class TlsNumbers(StickCase):
    """The manual's way to keep a client of TLS 1.2 with its server: by the number that the server gave it."""

    def test_a_client_that_resumes_meets_the_server_that_knows_it(self):
        rig = self.rig("""
listen fe
    bind <fe>
    mode tcp
    balance roundrobin
    stick-table type binary len 32 size 30k expire 30m
    acl clienthello req_ssl_hello_type 1
    acl serverhello rep_ssl_hello_type 2
    tcp-request inspect-delay 5s
    tcp-request content accept if clienthello
    tcp-response content accept if serverhello
    stick on payload_lv(43,1) if clienthello
    stick store-response payload_lv(43,1) if serverhello
    server s1 %s
    server s2 %s
""" % tuple(self.script(self.numbered(name)).address for name in (b's1', b's2')))
        def ask(number):
            with rig.connect() as client:
                got = client.send(self.hello(1, number)).take(81)
                return got[-2:], got[44:76]
        first, number = ask(b'')
        second, _ = ask(b'')
        self.assertNotEqual(first, second)
        for _ in range(3):
            self.assertEqual(ask(number), (first, number))

    @staticmethod
    def hello(kind, number):
        """As much of a hello as matters: version, 32 random bytes, the number."""
        body = b'\3\3' + bytes(32) + bytes([len(number)]) + number
        body += b'\0\2\x13\1\1\0' if kind == 1 else b'\x13\1\0'
        message = bytes([kind]) + len(body).to_bytes(3, 'big') + body
        return b'\x16\3\1' + len(message).to_bytes(2, 'big') + message

    def numbered(self, name):
        def talk(sock, count):
            said = sock.recv(4096)
            known = said[44:76] if said[43] == 32 else (name + b'%d' % count).ljust(32, b'.')
            sock.sendall(self.hello(2, known) + name)
            sock.recv(1)
        return talk
