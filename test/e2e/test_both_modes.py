"""What leads to a server is one thing in mode http and in mode tcp: balancing, sticking, the waiting line, retries."""
import random

from harness import Case, Client, Cut

# The same section twice: <mode> differs, and the names.
SECTION = """
frontend fe_<mode>
    bind <fe_<mode>>
    mode <mode>
    option <mode>log
    default_backend be_<mode>
backend be_<mode>
    mode <mode>
    timeout connect 300ms
    <lines>
"""
MODES = ('http', 'tcp')


class BothModes(Case):

    def both(self, lines, servers=None):
        """One rig with both: of each mode its own backend, the servers behind them the same."""
        servers = servers or ['<s%d>' % n for n in (1, 2, 3)]
        lines += ''.join('\n    server s%d %s' % pair for pair in enumerate(servers, 1))
        section = SECTION.replace('<lines>', lines)
        return self.rig(''.join(section.replace('<mode>', mode) for mode in MODES))

    def ask(self, rig, mode, source=None, target='/test/server'):
        with Client(rig.addresses['fe_' + mode], source=source) as client:
            return client.get(target, [('Connection', 'close')]).body.decode()

    def keep_busy(self, rig, mode, ms):
        """A client whose request is with the server, for so long."""
        rig.server().clear()
        client = Client(rig.addresses['fe_' + mode])
        self.addCleanup(client.close)
        client.request('GET', '/test/delay/%d' % ms, [('Connection', 'close')])
        rig.server().wait_count('requests', 1)
        return client

    def test_a_client_is_led_to_the_same_server(self):
        chance = random.Random(3)
        sources = ['127.0.%d.%d' % (chance.randrange(256), chance.randrange(1, 255)) for _ in range(24)]
        for balance in ('source', 'hash src', 'hash src,ipmask(24)', 'source\n    hash-type consistent',
                        'hash src\n    hash-type consistent'):
            with self.subTest(balance):
                rig = self.both('balance ' + balance, ['<s1> weight 3', '<s2>', '<s3> weight 2'])
                names = [[self.ask(rig, mode, source) for source in sources] for mode in MODES]
                self.assertEqual(names[0], names[1])
                self.assertEqual(len(set(names[0])), 3)

    def test_servers_take_the_same_turns(self):
        for balance in ('roundrobin', 'static-rr', 'first'):
            with self.subTest(balance):
                rig = self.both('balance ' + balance, ['<s1> weight 3', '<s2>', '<s3> weight 2'])
                names = [[self.ask(rig, mode) for _ in range(12)] for mode in MODES]
                self.assertEqual(names[0], names[1])

    def test_who_sticks_comes_back(self):
        rig = self.both('balance roundrobin\n    stick-table type ip size 100\n    stick on src')
        for mode in MODES:
            first = {source: self.ask(rig, mode, source) for source in ('127.0.0.2', '127.0.0.3', '127.0.0.4')}
            self.assertEqual(len(set(first.values())), 3)
            for source, name in [*first.items()] * 2:
                self.assertEqual(self.ask(rig, mode, source), name)

    def test_one_more_than_a_server_may_have_waits_for_its_place(self):
        rig = self.both('timeout queue 10s', ['<s1> maxconn 1'])
        server = rig.server()
        for mode in MODES:
            first = self.keep_busy(rig, mode, 300)
            late = Client(rig.addresses['fe_' + mode])
            self.addCleanup(late.close)
            late.request('GET', '/test/server', [('Connection', 'close')])
            first.response()
            first.close()  # A tunnel has its place until both sides have gone.
            self.assertEqual(late.response().body, b'EX01')
            self.assertEqual(server.counters['most_at_work'], 1)
            late.close()
            before = {'http': r'\d+/', 'tcp': ''}[mode]  # TR, which a tunnel has not.
            self.assertGreater(int(rig.log.wait(r' be_%s/s1 %s(\d+)/\d+/.* 0/1' % (mode, before))[1]), 50)

    def test_who_waits_too_long_is_sent_away(self):
        rig = self.both('timeout queue 100ms', ['<s1> maxconn 1'])
        for mode in MODES:
            first = self.keep_busy(rig, mode, 1000)
            with Client(rig.addresses['fe_' + mode]) as late:
                late.request('GET', '/test/server')
                if mode == 'http':
                    self.assertEqual(late.response().status, 503)
                else:
                    self.assertRaises((Cut, ConnectionError), late.take, 1)
            self.assertIsNotNone(rig.log.wait(r' be_%s/\S+ .* sQ' % mode))
            first.response()

    def test_a_dead_server_is_tried_as_often_and_left_for_another(self):
        for words in ('retries 2\n    option redispatch', 'retries 3\n    option redispatch 1'):
            with self.subTest(words):
                rig = self.both('balance first\n    ' + words, ['<dead>', '<s2>'])
                retries = []
                for mode in MODES:
                    self.assertEqual(self.ask(rig, mode), 'EX02')
                    retries.append(rig.log.wait(r' be_%s/s2 .* \d+/\d+/\d+/\d+/(\+\d) ' % mode)[1])
                self.assertEqual(retries[0], retries[1])

    def test_without_redispatch_a_dead_server_is_the_end(self):
        rig = self.both('balance first\n    retries 1', ['<dead>', '<s2>'])
        for mode in MODES:
            with Client(rig.addresses['fe_' + mode]) as client:
                client.request('GET', '/test/server')
                if mode == 'http':
                    self.assertEqual(client.response().status, 503)
                else:
                    self.assertRaises((Cut, ConnectionError), client.take, 1)
            self.assertIsNotNone(rig.log.wait(r' be_%s/s1 .* SC.* \d+/\d+/\d+/\d+/1 ' % mode))

    def test_what_needs_a_request_takes_turns_in_mode_tcp(self):
        rig = self.both('balance url_param id')
        self.assertEqual(len({self.ask(rig, 'http', target='/test/server?id=7') for _ in range(6)}), 1)
        self.assertEqual(len({self.ask(rig, 'tcp', target='/test/server?id=7') for _ in range(6)}), 3)
