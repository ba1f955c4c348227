"""Which server: balance, weights, queues, backup, slowstart."""
import collections
import time

from harness import Case, Client, heads, penstock_only, wait_until

TEXT = """
frontend fe
    bind <fe>
    default_backend be
backend be
    %s
    server s1 <s1> %s
    server s2 <s2> %s
    server s3 <s3> %s
"""


def counted(names):
    return dict(collections.Counter(names))


class Balance(Case):

    def three(self, balance, one='', two='', three='', **options):
        return self.rig(TEXT % (balance, one, two, three), **options)

    def test_roundrobin_takes_turns(self):
        rig = self.three('balance roundrobin')
        names = rig.who(count=9)
        self.assertEqual(len(set(names[:3])), 3)
        self.assertEqual(names[:3] * 3, names)

    def test_roundrobin_is_the_default(self):
        self.assertEqual(counted(self.three('').who(count=6)), {'EX01': 2, 'EX02': 2, 'EX03': 2})

    def test_weights_share_smoothly(self):
        rig = self.three('balance roundrobin', 'weight 50', 'weight 10', 'weight 20')
        names = rig.who(count=16)
        self.assertEqual(counted(names), {'EX01': 10, 'EX02': 2, 'EX03': 4})
        self.assertNotIn('EX01' * 5, ''.join(names))   # Smooth: not all of one in a row.

    def test_leastconn_gives_idle_servers_their_turns_whatever_their_weights(self):
        rig = self.three('balance leastconn', 'weight 10', 'weight 20', 'weight 30')
        self.assertEqual(rig.who(count=6), ['EX01', 'EX02', 'EX03'] * 2)

    def test_static_rr_takes_the_turns_of_the_map(self):
        rig = self.three('balance static-rr', 'weight 1', 'weight 2', 'weight 3')
        names = ''.join(name[-1] for name in rig.who(count=12))
        self.assertEqual(names, '132323' * 2)

    def test_a_hash_names_the_server_that_haproxy_would_choose(self):
        weights = ('weight 1', 'weight 2', 'weight 3')
        for balance, servers in (('source', '3'), ('hash src', '2'), ('hash src,ipmask(8)', '3'),
                                 ('hash req.hdr(X-Key),add(0)', '23132132'), ('hdr(X-Key)', '33221333')):
            with self.subTest(balance):
                rig = self.three('balance ' + balance, *weights)
                names = ''.join(rig.get('/test/server', [('X-Key', '%d' % (100 + 37 * n))]).body.decode()[-1]
                                for n in range(len(servers)))
                self.assertEqual(names, servers)

    def test_of_a_list_the_first_value_is_hashed(self):
        rig = self.three('balance hdr(X-Forwarded-For)')
        for key in 'abcdefg':
            one = rig.get('/test/server', [('X-Forwarded-For', key)]).body
            for fields in ([('X-Forwarded-For', key + ', other')], [('X-Forwarded-For', key), ('X-Forwarded-For', 'x')]):
                self.assertEqual(rig.get('/test/server', fields).body, one)

    def test_weight_0_takes_nothing(self):
        rig = self.three('balance roundrobin', 'weight 0')
        self.assertEqual(counted(rig.who(count=6)), {'EX02': 3, 'EX03': 3})

    def test_leastconn_prefers_who_has_least_to_do(self):
        rig = self.three('balance leastconn')
        busy = [rig.connect().request('GET', '/test/hang') for _ in range(4)]
        servers = list(rig.servers.values())
        wait_until(lambda: sum(s.counters['hanging'] for s in servers) == 4, 'four to hang')
        load = sorted(s.counters['hanging'] for s in servers)
        self.assertEqual(load, [1, 1, 2])
        idle = [s.name for s in servers if s.counters['hanging'] == 1]
        for name in rig.who(count=6):
            self.assertIn(name, idle)

    def test_source_keeps_a_client_on_its_server(self):
        rig = self.three('balance source')
        seen = set()
        for n in range(2, 22):
            names = set()
            for _ in range(3):
                with Client(rig.addresses['fe'], source='127.0.0.%d' % n) as client:
                    names.add(client.get('/test/server').body)
            self.assertEqual(len(names), 1)
            seen |= names
        self.assertGreaterEqual(len(seen), 2)

    def test_random_reaches_all(self):
        names = counted(self.three('balance random').who(count=60))
        self.assertEqual(set(names), {'EX01', 'EX02', 'EX03'})

    def test_a_backup_serves_when_nobody_else_can(self):
        rig = self.three('balance roundrobin', 'check inter 300ms fall 1', 'check inter 300ms fall 1',
                         'backup')
        self.assertEqual(set(rig.who(count=6)), {'EX01', 'EX02'})
        for name in ('s1', 's2'):
            rig.server(name).refuse()
            rig.log.wait('Server be/%s is DOWN' % name)
        self.assertEqual(set(rig.who(count=4)), {'EX03'})
        rig.server('s1').refuse(False)
        rig.log.wait('Server be/s1 is UP')
        self.assertEqual(set(rig.who(count=4)), {'EX01'})

    def test_only_the_first_backup_serves_unless_all_are_asked_to(self):
        def names(option):
            rig = self.rig("""
frontend fe
    bind <fe>
    default_backend be
backend be
    %s
    server s1 <dead> check inter 300ms fall 1
    server s2 <s2> backup
    server s3 <s3> backup
""" % option)
            rig.log.wait('Server be/s1 is DOWN')
            return set(rig.who(count=6))
        self.assertEqual(names(''), {'EX02'})
        self.assertEqual(names('option allbackups'), {'EX02', 'EX03'})

    def test_a_disabled_server_takes_nothing(self):
        rig = self.three('', 'disabled')
        self.assertEqual(set(rig.who(count=6)), {'EX02', 'EX03'})

    def test_a_server_that_comes_up_may_end_what_its_backups_serve(self):
        rig = self.three('', 'check inter 200ms fall 1 rise 1 on-marked-up shutdown-backup-sessions', 'backup',
                         'disabled')
        rig.server('s1').refuse()
        rig.log.wait('Server be/s1 is DOWN')
        client = rig.connect().request('GET', '/test/hang')
        rig.server('s2').wait_count('hanging', 1)
        rig.server('s1').refuse(False)
        rig.log.wait('Server be/s1 is UP')
        self.assertEqual(client.response().status, 503)
        rig.log.wait(r' be/s2 .* 503 .* DH-- ')

    def test_a_consistent_hash_leaves_clients_where_they_are(self):
        text = 'balance hash req.hdr(X-Key)\n    hash-type consistent'
        rig = self.three(text, '', '', 'check inter 200ms fall 1')

        def places():
            return {key: rig.get('/test/server', [('X-Key', key)]).body for key in map(str, range(40))}
        before = places()
        self.assertEqual(set(before.values()), {b'EX01', b'EX02', b'EX03'})
        rig.server('s3').refuse()
        rig.log.wait('Server be/s3 is DOWN')
        after = places()
        for key, name in before.items():
            if name != b'EX03':
                self.assertEqual(after[key], name)

    def test_a_uri_is_hashed_as_far_as_len_says(self):
        rig = self.three('balance uri len 6')
        for folder in 'abcde':
            names = {rig.get('/test/server?%s' % n).body for n in range(5)}
            self.assertEqual(len(names), 1)

    def test_use_server_waits_for_its_server(self):
        rig = self.three('timeout queue 10s\n    use-server s1 if { hdr(x) one }', 'maxconn 1')
        first = rig.connect().request('GET', '/test/delay/200', [('X', 'one')])
        rig.server('s1').wait_count('requests', 1)
        self.assertEqual(rig.get('/test/server', [('X', 'one')]).body, b'EX01')
        first.response()

    def test_a_returning_server_starts_slowly(self):
        rig = self.three('balance roundrobin', 'check inter 300ms fall 1 rise 1 slowstart 60s weight 100',
                         'weight 100', 'weight 100')
        rig.server().refuse()
        rig.log.wait('Server be/s1 is DOWN')
        rig.server().refuse(False)
        rig.log.wait('Server be/s1 is UP')
        names = counted(rig.who(count=60))
        self.assertLess(names.get('EX01', 0), 10)
        self.assertGreater(names['EX02'], 20)

    def test_a_server_that_starts_with_the_program_does_not_start_slowly(self):
        rig = self.three('balance roundrobin', 'check slowstart 60s weight 100', 'weight 100',
                         'weight 100')
        self.assertEqual(counted(rig.who(count=30)), {'EX01': 10, 'EX02': 10, 'EX03': 10})

    def test_a_401_is_followed_up_at_the_same_server(self):
        """Else no NTLM handshake would ever be finished."""
        rig = self.three('balance roundrobin\n    option prefer-last-server')
        client = rig.connect()
        first = client.get('/mapi/emsmdb/?MailboxId=x').get('x-feserver')
        for _ in range(5):
            self.assertEqual(client.get('/test/server').body.decode(), first)

    def test_prefer_last_server_keeps_a_client_on_its_connection(self):
        rig = self.three('balance leastconn\n    http-reuse never\n    option prefer-last-server')
        client = rig.connect()
        names = {client.get('/test/server').body for _ in range(9)}
        self.assertEqual(len(names), 1)


class Queue(Case):
    TEXT = """
frontend fe
    bind <fe>
    default_backend be
backend be
    timeout queue 10s
    server s1 <s1> %s
"""

    def test_a_server_never_gets_more_than_its_maxconn(self):
        rig = self.rig(self.TEXT % 'maxconn 2')
        server = rig.server()
        clients = [rig.connect().request('GET', '/test/delay/100') for _ in range(12)]
        for client in clients:
            self.assertEqual(client.response().status, 200)
        self.assertEqual(server.counters['most_at_work'], 2)
        self.assertEqual(server.counters['requests'], 12)

    def test_those_who_wait_are_served_in_order(self):
        rig = self.rig(self.TEXT % 'maxconn 1', nbthread=1)
        server = rig.server()
        first = rig.connect().request('GET', '/test/delay/300')
        server.wait_count('requests', 1)
        waiting = []
        for n in range(6):
            client = rig.connect().request('GET', '/test/delay/1?n=%d' % n)
            waiting.append(client)
            # Its turn in the line is known once the next one is accepted after it.
            time.sleep(0.02)
        for client in [first, *waiting]:
            self.assertEqual(client.response().status, 200)
        self.assertEqual(server.targets()[1:], ['/test/delay/1?n=%d' % n for n in range(6)])

    def test_maxconn_are_served_and_the_next_one_waits(self):
        for limit in (1, 3):
            rig = self.rig(self.TEXT % 'maxconn %d' % limit)
            server = rig.server()
            busy = [rig.connect().request('GET', '/test/delay/300') for _ in range(limit)]
            server.wait_count('requests', limit)
            late = rig.connect().request('GET', '/test/late')
            for client in busy:
                client.response()
            late.response()
            self.assertEqual(server.counters['most_at_work'], limit)
            # Its place was the first in the backend's line.
            match = rig.log.wait(r' be/s1 \d+/(\d+)/\d+/\d+/\d+ .* 0/1 "GET /test/late ')
            self.assertGreater(int(match.group(1)), 50)
            for client in busy:
                rig.log.wait(r' be/s1 \d+/\d/\d+/\d+/\d+ .* 0/0 "GET /test/delay/300 ')

    def test_who_waits_for_one_server_has_a_place_in_the_line_of_that(self):
        rig = self.rig(self.TEXT % 'maxconn 1\n    use-server s1 if { path /test/bound }')
        first = rig.connect().request('GET', '/test/delay/200')
        rig.server().wait_count('requests', 1)
        self.assertEqual(rig.get('/test/bound').status, 404)
        first.response()
        rig.log.wait(r' 1/0 "GET /test/bound ')

    def test_the_queue_shows_in_the_log(self):
        rig = self.rig(self.TEXT % 'maxconn 1')
        first = rig.connect().request('GET', '/test/delay/200')
        rig.server().wait_count('requests', 1)
        second = rig.connect().request('GET', '/test/server')
        first.response()
        second.response()
        match = rig.log.wait(r' be/s1 \d+/(\d+)/\d+/\d+/\d+ 200 .* "GET /test/server ')
        self.assertGreater(int(match.group(1)), 50)

    @penstock_only('lets the request wait its time')
    def test_who_hangs_up_in_the_queue_frees_its_place(self):
        rig = self.rig(self.TEXT % 'maxconn 1', defaults='    option abortonclose')
        first = rig.connect().request('GET', '/test/delay/500')
        server = rig.server()
        server.wait_count('requests', 1)
        second = rig.connect().request('GET', '/test/second')
        second.reset()
        rig.log.wait(r' CQ-- ')
        first.response()
        self.assertEqual(rig.get('/test/server').body, b'EX01')
        self.assertNotIn('/test/second', server.targets())

    def test_redispatch_from_a_full_queue_goes_nowhere_but_in_order(self):
        rig = self.rig("""
frontend fe
    bind <fe>
    default_backend be
backend be
    balance roundrobin
    timeout queue 10s
    server s1 <s1> maxconn 1
    server s2 <s2> maxconn 1
""")
        clients = [rig.connect().request('GET', '/test/delay/50') for _ in range(10)]
        for client in clients:
            self.assertEqual(client.response().status, 200)
        counts = [s.counters['requests'] for s in rig.servers.values()]
        self.assertEqual(sum(counts), 10)
        self.assertGreaterEqual(min(counts), 3)


class Ports(Case):
    """A port that waits (TIME_WAIT) on our side for each request would soon be the last one free."""

    def waiting(self, port):
        """The own ports of connections to `port` that have not quite ended."""
        with open('/proc/net/tcp') as file:
            rows = [line.split() for line in file.readlines()[1:]]
        return {row[1] for row in rows if row[3] == '06' and int(row[2].rpartition(':')[2], 16) == port}

    def test_a_connection_that_serves_one_request_leaves_no_port_waiting(self):
        for option in ('option http-server-close', 'option httpclose', 'http-reuse never'):
            rig = self.rig("""
frontend fe
    bind <fe>
    default_backend be
backend be
    %s
    server s1 <s1>
""" % option)
            server = rig.server()
            before = self.waiting(server.port)    # Others may have had the number before.
            for _ in range(5):
                with rig.connect() as client:
                    self.assertEqual(client.get('/test/server').status, 200)
                self.assertEqual(rig.post('/test/echo', b'mail').status, 200)
            wait_until(lambda: not server.connections, 'the server to see its connections end')
            self.assertEqual(self.waiting(server.port) - before, set(), option)

    def test_a_check_by_http_leaves_none_either(self):
        rig = self.rig("""
frontend fe
    bind <fe>
    default_backend be
backend be
    option httpchk GET /test/server
    server s1 <s1> check inter 50ms
""")
        before = self.waiting(rig.server().port)
        rig.server().wait_count('requests', 5)
        self.assertLessEqual(len(self.waiting(rig.server().port) - before), 1)


def answer_with(sock, number):
    text = b'%d' % number
    for _ in heads(sock):
        sock.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s' % (len(text), text))


class PortOfTheClient(Case):

    def test_a_server_at_the_port_the_client_came_to_is_not_lent_to_clients_of_another_port(self):
        rig = self.rig('''
frontend fe
    bind <fe1>
    bind <fe2>
    default_backend be
backend be
    http-reuse always
    server s1 127.0.0.2
''')
        for name in ('fe1', 'fe2'):
            port = rig.addresses[name][1]
            self.script(lambda sock, _, port=port: answer_with(sock, port), address=('127.0.0.2', port))
        for _ in range(2):
            for name in ('fe1', 'fe2'):
                self.assertEqual(rig.get('/', frontend=name).body, b'%d' % rig.addresses[name][1])
