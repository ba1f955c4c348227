"""NTLM and Negotiate log in a connection: whose it is on our other side, and for how long."""
import base64
import os
import random
import shutil
import struct
import subprocess
import threading

from harness import (Case, Client, Cut, Farm, HERE, PROGRAM, cassim, penstock_only, read_head,
                     wait_until)


def negotiate(user):
    """A login of one leg, as Kerberos does it: the first request brings all there is to say."""
    return [('Authorization', 'Negotiate ' + base64.b64encode(b'\x60user=' + user.encode()).decode())]


def ntlm(kind, user=''):
    """The first message of NTLM, or the third with the user's name."""
    name = user.encode('utf-16-le')
    head = b'NTLMSSP\0' + struct.pack('<I', kind) + bytes(24)
    head += struct.pack('<HHI', len(name), len(name), 64)
    return [('Authorization', 'NTLM ' + base64.b64encode(head.ljust(64, b'\0') + name).decode())]


def pools(names, servers='    server s1 <s1>\n', more=''):
    """A frontend that takes the pool from the request's X-Pool."""
    text = 'frontend fe\n    bind <fe>\n' + more
    text += ''.join('    use_backend %s if { hdr(x-pool) %s }\n' % (name, name) for name in names)
    text += '    default_backend %s\n' % names[0]
    for name in names:
        text += 'backend %s\n%s' % (name, servers)
    return text


def who(client, pool='a', fields=()):
    """User, server and number of the server connection that a request is served on."""
    answer = client.get('/test/whoami', [('X-Pool', pool), *fields])
    return tuple(answer.body.decode().split())


@penstock_only('the reference program keeps no pins')
class Pins(Case):

    def test_two_pools_that_name_one_address_do_not_share_a_login(self):
        rig = self.rig(pools('ab'))
        client = rig.connect()
        alice = who(client, 'a', negotiate('alice'))
        self.assertEqual(who(client, 'b')[0], 'None')
        bob = who(client, 'b', negotiate('bob'))
        self.assertEqual((alice[0], bob[0]), ('alice', 'bob'))
        self.assertEqual(who(client, 'a'), alice)
        self.assertEqual(who(client, 'b'), bob)

    def test_logins_under_two_names_of_a_server_are_apart(self):
        rig = self.rig(pools('a', '    server s1 <s1+tls> ssl verify none sni req.hdr(host)\n'))
        client = rig.connect()
        one, two = [('Host', 'one.contoso.com')], [('Host', 'two.contoso.com')]
        alice = who(client, 'a', one + negotiate('alice'))
        self.assertEqual(who(client, 'a', two)[0], 'None')
        bob = who(client, 'a', two + negotiate('bob'))
        self.assertEqual((alice[0], bob[0]), ('alice', 'bob'))
        self.assertEqual(who(client, 'a', one), alice)
        self.assertEqual(who(client, 'a', two), bob)

    def test_a_pin_wins_over_balancing_whatever_comes_between(self):
        two = '    balance roundrobin\n    server s1 <s1>\n    server s2 <s2>\n'
        rig = self.rig(pools('ab', two))
        client = rig.connect()
        in_a, in_b = who(client, 'a', negotiate('alice')), who(client, 'b', negotiate('bob'))
        for _ in range(4):
            rig.get('/test/server')    # Somebody else takes a turn.
            self.assertEqual(who(client, 'a'), in_a)
            self.assertEqual(who(client, 'b'), in_b)

    def test_a_pin_wins_over_a_rule_that_names_another_server(self):
        two = '    use-server s2 if { hdr(x-two) 1 }\n    server s1 <s1> weight 256\n    server s2 <s2> weight 0\n'
        rig = self.rig(pools('a', two))
        client = rig.connect()
        alice = who(client, 'a', negotiate('alice'))
        self.assertEqual(who(client, 'a', [('X-Two', '1')]), alice)

    def test_a_pin_wins_over_a_cookie(self):
        two = ('    balance roundrobin\n    cookie EX insert\n    server s1 <s1> cookie one\n'
               '    server s2 <s2> cookie two\n')
        rig = self.rig(pools('a', two))
        client = rig.connect()
        alice = who(client, 'a', [('Cookie', 'EX=one'), *negotiate('alice')])
        self.assertEqual(alice[1], 'EX01')
        self.assertEqual(who(client, 'a', [('Cookie', 'EX=two')]), alice)
        self.assertEqual(rig.who(fields=[('Cookie', 'EX=two')]), ['EX02'])

    def test_a_pin_is_not_idle_in_the_sense_of_the_pool(self):
        rig = self.rig(pools('a', '    server s1 <s1> pool-purge-delay 10ms pool-max-conn 0\n'))
        client, other = rig.connect(), rig.connect()
        alice = who(client, 'a', negotiate('alice'))
        for _ in range(3):      # Many times the delay.
            other.get('/test/delay/50')
        self.assertEqual(who(client), alice)

    def test_a_pin_waits_for_its_server_rather_than_take_another(self):
        two = '    use-server s1 if { hdr(x-one) 1 }\n    server s1 <s1> maxconn 1\n    server s2 <s2>\n'
        rig = self.rig(pools('a', two))
        client, busy = rig.connect(), rig.connect()
        alice = who(client, 'a', [('X-One', '1'), *negotiate('alice')])
        busy.request('GET', '/test/hang', [('X-One', '1')])
        rig.server('s1').wait_count('hanging', 1)
        client.request('GET', '/test/whoami')
        self.assertEqual(rig.who(), ['EX02'])      # Others go round it.
        Farm.loop.call_soon_threadsafe(rig.server('s1').connections[2].writer.close)
        self.assertEqual(tuple(client.response().body.decode().split()), alice)
        self.assertEqual(alice[1], 'EX01')

    CHECKED = ('    option httpchk GET /owa/healthcheck.htm\n'
               '    server s1 <s1> check inter 50ms fall 1 rise 2 %s\n')

    def down(self, more=''):
        rig = self.rig(pools('a', self.CHECKED % more))
        client = rig.connect()
        alice = who(client, 'a', negotiate('alice'))
        rig.server().states['owa'] = 'offline-fin'
        rig.log.wait('Server a/s1 is DOWN')
        return rig, client, alice

    def test_a_pin_stays_when_its_server_goes_down(self):
        rig, client, alice = self.down()
        self.assertEqual(rig.get('/test/whoami').status, 503)
        self.assertEqual(who(client), alice)

    def test_shutdown_sessions_ends_pins_that_are_idle(self):
        _, client, _ = self.down('on-marked-down shutdown-sessions')
        self.assertEqual(client.ending(), 'fin')

    def test_the_client_ends_with_its_pin(self):
        for how in ('fin', 'rst'):
            rig = self.rig(pools('ab'))
            client = rig.connect()
            who(client, 'a', negotiate('alice'))
            rig.server().cut(how)
            self.assertEqual(client.ending(), 'fin')

    def slow_pool(self):
        """Pool b is a server that answers when told to."""
        go = threading.Event()
        came = threading.Event()

        def talk(sock, _):
            read_head(sock)
            came.set()
            go.wait(20)
            sock.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow')
            sock.recv(1)
        script = self.script(talk)
        rig = self.rig(pools('ab').replace('backend b\n    server s1 <s1>',
                                           'backend b\n    server s1 ' + script.address))
        return rig, go, came

    def test_a_running_exchange_with_another_pool_finishes_before_the_client_ends(self):
        rig, go, came = self.slow_pool()
        client = rig.connect()
        who(client, 'a', negotiate('alice'))
        client.request('GET', '/', [('X-Pool', 'b')])
        came.wait(20)
        rig.server().cut('fin')
        wait_until(lambda: not rig.server().connections, 'the pinned connection to end')
        go.set()
        answer = client.response()
        self.assertEqual((answer.status, answer.body), (200, b'slow'))
        self.assertEqual(client.ending(), 'fin')

    def test_a_third_message_never_goes_where_its_challenge_did_not_come_from(self):
        rig, go, came = self.slow_pool()
        client = rig.connect()
        self.assertEqual(client.get('/ews/', ntlm(1)).status, 401)
        client.request('GET', '/', [('X-Pool', 'b')])
        client.request('GET', '/ews/', ntlm(3, 'alice'))
        came.wait(20)
        rig.server().cut('fin')
        wait_until(lambda: not rig.server().connections, 'the pinned connection to end')
        go.set()
        self.assertEqual(client.response().body, b'slow')
        self.assertEqual(client.ending(), 'fin')
        self.assertEqual(rig.server().counters['ntlm_stray_type3'], 0)
        self.assertEqual(rig.server().counters['requests'], 1)

    def test_a_request_whose_pin_has_ended_is_not_sent_on_another_connection(self):
        """Not even one that may be repeated, and whatever retry-on says."""
        for retry in ('', '    retry-on all-retryable-errors\n'):
            rig = self.rig(pools('a', retry + '    server s1 <s1>\n'))
            client = rig.connect()
            who(client, 'a', negotiate('alice'))
            client.request('GET', '/test/cut?after=-1&how=fin')
            self.assertIn(client.rest()[:12], (b'', b'HTTP/1.1 502'))
            self.assertEqual(rig.server().counters['requests'], 2)

    def test_an_answer_that_ends_the_pin_ends_the_client_too(self):
        for path in ('/test/old', '/test/until-close/10', '/test/last', '/test/early/413?then=close'):
            rig = self.rig(pools('a'))
            client = rig.connect()
            who(client, 'a', negotiate('alice'))
            client.request('GET', path)
            head = client.take_until(b'\r\n\r\n').lower()
            if 'last' not in path:
                self.assertIn(b'connection: close', head, path)
            client.rest()

    def test_sixteen_pins_are_kept_and_the_seventeenth_ends_the_client(self):
        names = ['p%02d' % n for n in range(17)]
        rig = self.rig(pools(names))
        client = rig.connect()
        pinned = [who(client, name, negotiate('u' + name)) for name in names[:16]]
        self.assertEqual([who(client, name) for name in names[:16]], pinned)
        self.assertEqual(who(client, names[0]), pinned[0])   # Now p01 is the least recently used.
        client.request('GET', '/test/delay/200', [('X-Pool', names[16]), *negotiate('last')])
        open_ = rig.server().connections
        wait_until(lambda: int(pinned[1][2]) not in open_, 'the least recently used to make room')
        self.assertIn(int(pinned[0][2]), open_)
        answer = client.response()
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.get('connection'), 'close')
        self.assertEqual(client.ending(), 'fin')

    def test_the_words_that_make_a_connection_private(self):
        rig = self.rig(pools('a', '    http-reuse always\n    server s1 <s1>\n',
                             '    log-format "pinned=%[fc_pinned] %r"\n'))

        def pinned(fields=(), answer=()):
            target = '/test/whoami'
            if answer:
                status, *more = answer
                raw = ('HTTP/1.1 %d X\r\nContent-Length: 0\r\n' % status
                       + ''.join(line + '\r\n' for line in more) + '\r\n')
                target = '/test/raw/%s?then=keep' % base64.urlsafe_b64encode(raw.encode()).decode()
            start = len(rig.log.drain())
            with rig.connect() as client:
                client.get(target, fields)
                client.get('/test/server')
            rig.log.wait(r' GET /test/(raw|whoami)', start=start)
            return rig.log.wait(r'pinned=(\d) GET /test/server', start=start).group(1) == '1'
        for words in ('NTLM TlRM', 'ntlm TlRM', 'Negotiate YII', 'NEGOTIATE YII', 'Nego2 x', 'nego'):
            for name in ('Authorization', 'authorization', 'Proxy-Authorization'):
                self.assertTrue(pinned([(name, words)]), (name, words))
        for words in ('Basic bnRsbTpuZWdv', 'Bearer NTLM', 'Digest a="NTLM, Negotiate"'):
            self.assertFalse(pinned([('Authorization', words)]), words)
        self.assertFalse(pinned([('X-Authorization', 'NTLM TlRM')]))
        for answer in ([401, 'WWW-Authenticate: NTLM'], [401, 'www-authenticate:negotiate'],
                       [407, 'Proxy-Authenticate: Negotiate'],
                       [401, 'WWW-Authenticate: Basic realm="a, b", NTLM'],
                       [401, 'WWW-Authenticate: Basic realm="x"', 'X-A: b', 'WWW-Authenticate: Negotiate'],
                       [401, 'WWW-Authenticate: Bearer, Basic realm="\\"", Nego2 , NTLM'],
                       [200, 'Persistent-Auth: true'], [204, 'persistent-auth: TRUE']):
            self.assertTrue(pinned(answer=answer), answer)
        for answer in ([401, 'WWW-Authenticate: Basic realm="NTLM, Negotiate"'], [200, 'WWW-Authenticate: NTLM'],
                       [401, 'X-WWW-Authenticate: NTLM'], [200, 'Persistent-Auth: false'],
                       [403, 'WWW-Authenticate: Negotiate']):
            self.assertFalse(pinned(answer=answer), answer)

    def test_a_login_outlives_http_server_close(self):
        rig = self.rig(pools('a', more='    option http-server-close\n'))
        client = rig.connect()
        self.assertEqual(client.get('/ews/', ntlm(1)).status, 401)
        alice = who(client, 'a', ntlm(3, 'alice'))
        self.assertEqual(alice[0], 'alice')
        self.assertEqual(who(client), alice)
        self.assertEqual(rig.server().counters['ntlm_stray_type3'], 0)

    def test_the_first_credential_goes_where_nobody_was_and_nobody_will_be(self):
        for reuse in ('safe', 'aggressive', 'always'):
            rig = self.rig(pools('a', '    http-reuse %s\n    server s1 <s1>\n' % reuse))
            others = [rig.connect() for _ in range(3)]
            shared = {who(other)[2] for _ in range(3) for other in others}
            client = rig.connect()
            shared.add(who(client)[2])
            alice = who(client, 'a', negotiate('alice'))
            self.assertNotIn(alice[2], shared, reuse)
            client.close()
            for other in [*others, rig.connect()]:
                for _ in range(2):
                    self.assertNotEqual(who(other)[2], alice[2], reuse)
            wait_until(lambda: int(alice[2]) not in rig.server().connections, 'the pin to end')

    def test_a_reload_keeps_pins_whose_server_stays_and_ends_the_others(self):
        rig = self.rig(pools('ab'))
        stays, goes = rig.connect(), rig.connect()
        alice = who(stays, 'a', negotiate('alice'))
        who(goes, 'b', negotiate('bob'))
        rig.reload(pools('ab').replace('backend b\n    server s1 <s1>', 'backend b\n    server s1 <s2>'))
        self.assertEqual(goes.ending(), 'fin')
        self.assertEqual(who(stays, 'a'), alice)
        self.assertEqual(who(stays, 'b')[1], 'EX02')


def haproxy(case):
    path = shutil.which('haproxy') or '/usr/sbin/haproxy'
    if not os.path.exists(path):
        case.skipTest('haproxy is not installed')
    return path


class Leaks(Case):
    """What other proxies do with a login, by the same steps: HAProxy is the control that the steps show it."""

    def second_client(self, program, reuse, first):
        """Whom the server takes a client without a login for, after another's first request."""
        rig = self.rig('frontend fe\n    bind <fe>\n    default_backend be\nbackend be\n'
                       '    http-reuse %s\n    server s1 <s1>\n' % reuse, program=program, nbthread=1)
        with rig.connect() as alice:
            first(alice)
            self.assertEqual(alice.get('/test/whoami').body.split()[0], b'alice')
        bob = rig.connect()
        return [who(bob)[0] for _ in range(3)]

    def one_leg(self, client):
        self.assertEqual(who(client, 'a', negotiate('alice'))[0], 'alice')

    def two_legs_behind_somebody(self, client):
        """NTLM on a server connection that was shared before the login (plain NTLM through nginx, nghttpx)."""
        who(client)
        client.get('/ews/', ntlm(1))
        who(client, 'a', ntlm(3, 'alice'))

    def test_a_login_of_one_leg_is_not_shared(self):
        for reuse in ('safe', 'aggressive', 'always'):
            self.assertEqual(self.second_client(PROGRAM, reuse, self.one_leg), ['None'] * 3)

    def test_a_login_of_two_legs_is_not_shared(self):
        for reuse in ('safe', 'aggressive', 'always'):
            seen = self.second_client(PROGRAM, reuse, self.two_legs_behind_somebody)
            self.assertEqual(seen, ['None'] * 3)

    def test_the_same_steps_show_the_leak_of_the_reference_program(self):
        self.assertIn('alice', self.second_client(haproxy(self), 'safe', self.one_leg))


class RealNtlm(Case):
    """NTLMv2 itself: curl in front, impacket behind."""
    USERS = 6
    ROUNDS = 3

    def origins(self, count, seed):
        python = '/usr/bin/python3'
        if subprocess.run([python, '-c', 'import impacket.ntlm'], stderr=subprocess.DEVNULL).returncode:
            self.skipTest('python3-impacket is not installed')
        process = subprocess.Popen([python, os.path.join(HERE, 'ntlm_origin.py'), str(count), str(seed)],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        return process.stdout.readline().split()

    def curl(self, rig, user, n, wrong):
        """One curl, its requests on one connection as long as that lives."""
        urls = [rig.url('/ews/' if k % 3 and user else '/who') for k in range(12)]
        login = ['--ntlm', '-u', 'CONTOSO\\%s:%s' % (user, user[::-1])] if user else []
        code, text, error = rig.curl(*login, '-H', 'X-Pool: ' + 'ab'[n % 2], *urls)
        seen = [line.split()[0] for line in text.decode().splitlines()]
        if set(seen) - {str(user)}:
            wrong.append('%s was served as %s' % (user, seen))
        if code or len(seen) != len(urls):
            wrong.append('%s got %d answers; %d %s' % (user, len(seen), code, error))

    def mingle(self, program, reuse, seed):
        """Many users and strangers at once, while the configuration is read again; what went wrong."""
        servers = '    http-reuse %s\n' % reuse + ''.join(
            '    server s%d 127.0.0.1:%s\n' % (n, port) for n, port in enumerate(self.origins(3, seed), 1))
        text = pools('ab', servers)
        rig = self.rig(text, program=program)
        users = ['user%d' % n for n in range(self.USERS)] + [None] * self.USERS
        wrong = []
        for _ in range(self.ROUNDS):
            threads = [threading.Thread(target=self.curl, args=(rig, user, n, wrong))
                       for n, user in enumerate(users)]
            for thread in threads:
                thread.start()
            rig.reload(text)
            for thread in threads:
                thread.join()
        return wrong, rig.get('/stats').body.decode()

    def test_many_users_and_strangers_are_each_served_as_themselves(self):
        """Servers close when they like, and the configuration is read again in the middle."""
        for seed, reuse in ((1, 'safe'), (2, 'always')):
            wrong, stats = self.mingle(PROGRAM, reuse, seed)
            self.assertEqual(wrong, [])
            self.assertNotIn('stray', stats)
            self.assertRegex(stats, r'logins=\d\d')

    def test_the_reference_program_told_to_share_mixes_them_up(self):
        wrong, _ = self.mingle(haproxy(self), 'always', 3)
        self.assertIn('was served as', '\n'.join(wrong))


class Person(threading.Thread):
    """A client of one kind that makes requests at its own pace, and again from the start when it is cut off."""
    KINDS = ('ntlm', 'kerberos', 'basic', 'nobody')

    def __init__(self, rig, number, seed, wrong):
        super().__init__()
        self.rig, self.wrong = rig, wrong
        self.kind, self.name = self.KINDS[number % 4], 'user%d' % number
        self.chance = random.Random('%s %s' % (seed, number))
        self.served = 0
        self.client = None

    def run(self):
        try:
            while self.served < 40:
                try:
                    self.live()
                except (Cut, OSError):     # Servers come and go.
                    pass
                finally:
                    self.client.close()
        except Exception as error:
            self.wrong.append('%s (%s): %r' % (self.name, self.kind, error))

    def live(self):
        """One connection: it logs in to pools as it needs them, and is the same to each from then on."""
        self.client = Client(self.rig.addresses['fe'])
        known = {}
        for _ in range(self.chance.randrange(1, 12)):
            pool = self.chance.choice('ab')
            if self.kind == 'basic':
                login = base64.b64encode(b'dom\\%s:pw' % self.name.encode()).decode()
                self.expect([self.name], pool, [('Authorization', 'Basic ' + login)])
            elif self.kind == 'nobody' or (pool not in known and self.chance.random() < 0.3):
                self.expect(['None'], pool)
            elif pool in known:
                self.expect([self.name], pool)
            else:
                self.log_in(pool)
                known[pool] = True

    def log_in(self, pool):
        if self.kind == 'kerberos':
            return self.expect([self.name], pool, negotiate(self.name))
        answer = self.client.get('/ews/', [('X-Pool', pool), *ntlm(1)])
        if answer.status != 401 or not answer.get('www-authenticate', '').startswith('NTLM TlRM'):
            raise Cut('no challenge but %d' % answer.status)
        self.expect([self.name], pool, ntlm(3, self.name))

    def expect(self, names, pool, fields=()):
        answer = self.client.get('/test/whoami', [('X-Pool', pool), *fields])
        if answer.status in (502, 503, 504):
            raise Cut('no server')
        got = answer.body.decode().split()[0]
        if got not in names:
            self.wrong.append('%s (%s) was served as %s in pool %s' % (self.name, self.kind, got, pool))
        self.served += 1


@penstock_only('the reference program shares a login of one leg')
class Storm(Case):

    def test_nobody_is_ever_served_as_another_while_servers_close_and_rules_change(self):
        for seed, reuse in ((1, 'safe'), (2, 'always'), (3, 'aggressive')):
            servers = '    http-reuse %s\n    server s1 <s1>\n    server s2 <s2>\n' % reuse
            rig = self.rig(pools('ab', servers))
            wrong, chance = [], random.Random(seed)
            people = [Person(rig, n, seed, wrong) for n in range(24)]
            for person in people:
                person.start()
            turn = 0
            while any(person.is_alive() for person in people):
                turn += 1
                self.close_some(rig.server(chance.choice(('s1', 's2'))), chance)
                if turn % 20 == 0:
                    rig.reload(pools('ab', servers + '    retries %d\n' % (turn // 20 % 3 + 1)))
                people[0].join(0.01)
            for person in people:
                person.join()
            self.assertEqual(wrong, [])
            for server in rig.servers.values():
                self.assertEqual(server.counters['ntlm_stray_type3'], 0)
                self.assertGreater(server.counters['ntlm_type3'], 0)

    def close_some(self, server, chance):
        """Some connections end, by FIN or RST, whatever they are doing."""
        async def close():
            for conn in list(server.connections.values()):
                if chance.random() < 0.05:
                    try:
                        conn.finish() if chance.random() < 0.5 else conn.reset()
                    except cassim.Gone:
                        pass
        Farm.run(close())


class Logins(Case):
    """What may be counted as a try to guess a password."""

    def test_a_failed_login_can_be_told_from_the_legs_of_ntlm(self):
        rig = self.rig('''
frontend fe
    bind <fe>
    acl tried req.hdr(authorization) -m beg -i "Basic " "NTLM TlRMTVNTUAAD" "Negotiate TlRMTVNTUAAD"
    http-request set-var(txn.tried) bool(true) if tried
    http-response set-header X-Failed yes if { status 401 } { var(txn.tried) -m bool }
    default_backend be
backend be
    server s1 <s1>
''')

        def failed(client, fields=()):
            answer = client.get('/ews/', fields)
            return answer.status, answer.get('x-failed')
        with rig.connect() as client:       # A login as it should be: none of its legs counts.
            self.assertEqual(failed(client), (401, None))
            self.assertEqual(failed(client, ntlm(1)), (401, None))
            self.assertEqual(failed(client, ntlm(3, 'alice')), (200, None))
        with rig.connect() as client:       # Never challenged: the server refuses.
            self.assertEqual(failed(client, ntlm(3, 'alice')), (401, 'yes'))
        rig.server().answers['ews'] = cassim.CANNED['401-basic']
        basic = [('Authorization', 'Basic ' + base64.b64encode(b'alice:guess').decode())]
        with rig.connect() as client:
            self.assertEqual(failed(client, basic), (401, 'yes'))
            self.assertEqual(failed(client), (401, None))
