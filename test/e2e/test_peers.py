"""Peers: stick tables shared with other processes. The other one is Debian's haproxy, or this program, or a script."""
import os
import re
import shutil
import signal
import socket
import struct
import tempfile
import time
import unittest

from harness import Case, IS_HAPROXY, PROGRAM, check, penstock_only, wait_until
from test_runtime_socket import ask

HAPROXY = shutil.which('haproxy')


def is_sanitized():
    with open(PROGRAM, 'rb') as file:
        return b'__asan_init' in file.read()


# In how many seconds a hundred thousand entries are to be there. A program that watches each access of its memory is ten
# times as slow.
HURRY = 30 if is_sanitized() else 3

TABLES = """
backend ips
    stick-table type ip size 200k expire 10m store gpt0,gpc0,gpc0_rate(10s),conn_cnt,conn_cur,http_req_cnt,http_req_rate(60s),bytes_in_cnt%(peers)s
backend sixes
    stick-table type ipv6 size 100 store gpc0%(peers)s
backend numbers
    stick-table type integer size 100 expire 1h store gpt(2),gpc(3),gpc_rate(2,15s)%(peers)s
backend texts
    stick-table type string len 12 size 100 expire 1h store http_req_cnt%(peers)s
backend bytes
    stick-table type binary len 4 size 100 store conn_cnt%(peers)s
"""

TEXT = """
global
    stats socket <dir>/admin.sock level admin
%(globals)s
peers pp
%(lines)s
    table own type string len 20 size 100 store gpc0
frontend fe
    bind <fe>
    http-request track-sc0 src table ips unless { path /numbers }
    http-request track-sc1 int(70000) table numbers if { path /numbers }
    http-request sc-inc-gpc(2,1) if { path /numbers }
    http-request return status 200
%(more)s
""" + TABLES


def number(value):
    """As the protocol writes numbers."""
    if value < 0xf0:
        return bytes([value])
    out = [value & 0xff | 0xf0]
    value = (value - 0xf0) >> 4
    while value >= 0x80:
        out.append(value & 0xff | 0x80)
        value = (value - 0x80) >> 7
    return bytes(out + [value])


def says(name):
    def talk(sock, _):
        sock.recv(65536)
        sock.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n' + name.encode())
    return talk


def message(kind, body=b''):
    return bytes(kind) + (number(len(body)) + body if kind[1] >= 128 else b'')


class PeersCase(Case):

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='peers.', dir='/tmp')
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name):
        return '%s/%s' % (self.folder, name)

    def text(self, names='a b', globals_='', more='', lines=None):
        lines = lines or '\n'.join('    peer %s unix@%s' % (name, self.path(name)) for name in names.split())
        return TEXT % dict(globals=globals_, lines=lines, more=more, peers=' peers pp')

    def peer(self, name, program=PROGRAM, after=None, nbthread=None, **options):
        """A process of that name; after another one, which it replaces."""
        if after:
            options['arguments'] = ['-L', name, '-sf', str(after.process.pid)]
        elif os.path.exists(self.path(name)):
            os.unlink(self.path(name))
        arguments = options.pop('arguments', ['-L', name])
        return self.rig(options.pop('text', None) or self.text(**options), program=program, arguments=arguments,
                        nbthread=nbthread)

    def tell(self, rig, table, key, **data):
        words = ' '.join('data.%s %s' % pair for pair in data.items())
        self.assertEqual(ask(rig, 'set table %s key %s %s' % (table, key, words)).strip(), '')

    def shown(self, rig, table, key):
        return dict(re.findall(r'(\S+)=(\S+)', ask(rig, 'show table %s key %s' % (table, key))))

    def wait_for(self, rig, table, key, **data):
        wanted = {name: str(value) for name, value in data.items()}
        wait_until(lambda: wanted.items() <= self.shown(rig, table, key).items(),
                   '%s of %s to have %s' % (key, table, wanted))

    def fill(self, rig):
        self.tell(rig, 'ips', '192.0.2.1', gpt0=3, gpc0=4, conn_cnt=5, http_req_cnt=300, bytes_in_cnt=5000000000)
        self.tell(rig, 'sixes', '2001:db8::1', gpc0=9)
        rig.get('/numbers')
        self.tell(rig, 'texts', 'anna', http_req_cnt=17)
        self.tell(rig, 'pp/own', 'x', gpc0=2)

    def wait_for_all(self, rig):
        self.wait_for(rig, 'ips', '192.0.2.1', gpt0=3, gpc0=4, conn_cnt=5, http_req_cnt=300, bytes_in_cnt=5000000000)
        self.wait_for(rig, 'sixes', '2001:db8::1', gpc0=9)
        self.wait_for(rig, 'numbers', '70000', gpc2=1)
        self.wait_for(rig, 'texts', 'anna', http_req_cnt=17)
        self.wait_for(rig, 'pp/own', 'x', gpc0=2)

    def wait_linked(self, rig):
        wait_until(lambda: 'last_status=ESTA' in ask(rig, 'show peers'), 'peers to be connected')

    def used(self, rig, table):
        return int(re.search(r'used:(\d+)', ask(rig, 'show table %s data.gpt0 gt 4000000000' % table)).group(1))


@unittest.skipUnless(HAPROXY, 'there is no haproxy')
class WithHaproxy(PeersCase):

    def test_who_starts_learns_all_that_the_other_knows(self):
        other = self.peer('b', HAPROXY)
        self.fill(other)
        self.wait_for_all(self.peer('a'))

    def test_a_haproxy_that_starts_is_taught(self):
        ours = self.peer('a')
        self.fill(ours)
        self.wait_for_all(self.peer('b', HAPROXY))

    def test_changes_go_both_ways(self):
        ours, other = self.peer('a'), self.peer('b', HAPROXY)
        self.wait_linked(ours)
        for turn in range(1, 4):
            self.tell(ours, 'texts', 'here', http_req_cnt=turn)
            self.wait_for(other, 'texts', 'here', http_req_cnt=turn)
            self.tell(other, 'texts', 'there', http_req_cnt=turn)
            self.wait_for(ours, 'texts', 'there', http_req_cnt=turn)
            self.tell(other, 'texts', 'here', http_req_cnt=10 * turn)
            self.wait_for(ours, 'texts', 'here', http_req_cnt=10 * turn)

    def test_requests_and_their_rate_are_told(self):
        ours, other = self.peer('a'), self.peer('b', HAPROXY)
        self.wait_linked(ours)
        for rig in (ours, other):
            before = int(self.shown(ours, 'ips', '127.0.0.1').get('http_req_cnt', 0))
            for _ in range(3):
                self.assertEqual(rig.get('/').status, 200)
            for each in (ours, other):
                self.wait_for(each, 'ips', '127.0.0.1', **{'http_req_cnt': before + 3, 'conn_cur': 0})
                rate = int(re.search(r'http_req_rate\(60000\)=(\d+)', ask(each, 'show table ips key 127.0.0.1')).group(1))
                self.assertEqual(rate, before + 3)

    def test_either_learns_again_after_a_restart(self):
        ours, other = self.peer('a'), self.peer('b', HAPROXY)
        self.wait_linked(ours)
        self.fill(ours)
        self.wait_for_all(other)
        ours.close()
        ours = self.peer('a')
        self.wait_for_all(ours)
        other.close()
        self.wait_for_all(self.peer('b', HAPROXY))

    def test_what_changed_while_nobody_listened_is_told_later(self):
        ours, other = self.peer('a'), self.peer('b', HAPROXY)
        self.wait_linked(ours)
        self.tell(ours, 'texts', 'first', http_req_cnt=1)
        self.wait_for(other, 'texts', 'first', http_req_cnt=1)
        other.close()
        self.tell(ours, 'texts', 'second', http_req_cnt=2)
        self.wait_for(self.peer('b', HAPROXY), 'texts', 'second', http_req_cnt=2)

    @penstock_only('HAProxy reloads in master-worker mode only')
    def test_a_reload_in_the_middle_loses_nothing(self):
        ours, other = self.peer('a'), self.peer('b', HAPROXY)
        self.wait_linked(ours)
        self.fill(ours)
        calls = re.search(r'new_conn=\d+ ', ask(ours, 'show peers')).group()
        seen = len(ours.log.drain())
        ours.reload(self.text(more='backend new\n    stick-table type string size 10 store gpc0 peers pp\n'))
        ours.log.wait(r'Reloaded', start=seen)
        self.wait_for_all(other)
        self.tell(other, 'texts', 'then', http_req_cnt=8)
        self.wait_for(ours, 'texts', 'then', http_req_cnt=8)
        self.assertIn(calls, ask(ours, 'show peers'))

    def test_show_info_counts_peers(self):
        def counts(rig):
            return dict(re.findall(r'(\w+Peers): (\d+)', ask(rig, 'show info')))
        ours, other = self.peer('a', names='a b c'), self.peer('b', HAPROXY, names='a b c')
        for rig in (ours, other):
            wait_until(lambda: counts(rig) == {'ActivePeers': '1', 'ConnectedPeers': '1'}, 'one peer to be counted')
        other.close()
        wait_until(lambda: counts(ours) == {'ActivePeers': '0', 'ConnectedPeers': '0'}, 'no peer to be counted')

    def test_servers_are_told_by_name(self):
        more = """
frontend fe_balanced
    bind <fe_balanced>
    default_backend balanced
backend balanced
    balance roundrobin
    stick-table type string len 8 size 10 expire 10m peers pp
    stick on hdr(x-who)
    server s1 %s
    server s2 %s
""" % tuple(self.script(says(name)).address for name in ('s1', 's2'))
        ours, other = self.peer('a', more=more), self.peer('b', HAPROXY, more=more)
        self.wait_linked(ours)

        def visit(rig, who):
            return rig.get('/', fields=[('x-who', who)], frontend='fe_balanced').body.decode()
        for rig, elsewhere in ((ours, other), (other, ours)):
            for who in ('anna%d' % id(rig), 'bert%d' % id(rig)):
                who = who[:4] + who[-4:]
                place = visit(rig, who)
                self.wait_for(elsewhere, 'balanced', who, server_key=place)
                self.assertEqual(visit(elsewhere, who), place)

    def test_a_hundred_thousand_entries_are_learned_at_once(self):
        ours = self.peer('a', names='a b c')
        with Script(self, 'a', 'c') as script:
            script.define(b'ips', 4, 4, 1 << 1)
            piece = b''.join(message([10, 0x80], struct.pack('>II', i, 0x0a000000 + i) + number(i % 1000))
                             for i in range(1, 100001))
            script.sock.sendall(piece)
            wait_until(lambda: self.used(ours, 'ips') == 100000, 'all to have come')
        other = self.peer('b', HAPROXY, names='a b c')
        self.wait_for_many(other, 'all to have been taught', HURRY)
        ours.close()
        self.wait_for_many(self.peer('a', names='a b c'), 'all to have been learned', HURRY)

    def wait_for_many(self, rig, what, seconds):
        began = time.monotonic()
        wait_until(lambda: self.used(rig, 'ips') == 100000, what)
        # Of them the looking takes a part.
        self.assertLess(time.monotonic() - began, seconds)


@unittest.skipUnless(HAPROXY, 'there is no haproxy')
class Arrays(PeersCase):
    """What of entries with other data reaches the other side: as between two of HAProxy."""

    SINGLE, ARRAY = 'gpt0,gpc0,gpc0_rate(1h),gpc1,gpc1_rate(1h)', 'gpt(2),gpc(3),gpc_rate(3,1h)'

    def pair(self, program, other, ours, theirs):
        def text(store):
            more = """
frontend fe_count
    bind <fe_count>
    http-request track-sc0 hdr_ip(x) table counters
    http-request sc-inc-gpc0(0)
    http-request sc-inc-gpc0(0)
    http-request sc-inc-gpc1(0)
    http-request sc-set-gpt0(0) 9
    http-request return status 200
backend counters
    stick-table type ip size 100 expire 1h store %s peers pp
""" % store
            return self.text(more=more)
        rigs = self.peer('a', program, text=text(ours)), self.peer('b', other, text=text(theirs))
        self.wait_linked(rigs[0])
        seen = []
        for rig, address in zip(rigs, ('192.0.2.1', '192.0.2.2')):
            self.assertEqual(rig.get('/', fields=[('x', address)], frontend='fe_count').status, 200)
        for address in ('192.0.2.1', '192.0.2.2'):
            for rig in rigs:
                wait_until(lambda: self.shown(rig, 'counters', address).get('use') == '0', '%s to be told' % address)
                shown = self.shown(rig, 'counters', address)
                seen.append({name: value for name, value in shown.items() if name.startswith('gp')})
        for rig in rigs:
            rig.close()
        return seen

    def compare(self, ours, theirs):
        wanted = self.pair(HAPROXY, HAPROXY, ours, theirs)
        self.assertEqual(self.pair(PROGRAM, HAPROXY, ours, theirs), wanted)
        self.assertEqual(self.pair(HAPROXY, PROGRAM, ours, theirs), wanted)
        self.assertEqual(self.pair(PROGRAM, PROGRAM, ours, theirs), wanted)
        return wanted

    def test_single_counters_are_no_elements_of_arrays(self):
        wanted = self.compare(self.SINGLE, self.ARRAY)
        self.assertEqual([each['gpc0'] for each in wanted], ['2', '0', '0', '2'])

    def test_of_arrays_the_elements_that_both_have_are_shared(self):
        wanted = self.compare('gpt(1),gpc(2),gpc_rate(1,1h)', self.ARRAY)
        self.assertEqual([each['gpc1'] for each in wanted], ['1'] * 4)

    def test_a_rate_over_another_time_is_taken_as_it_is(self):
        wanted = self.compare('gpc0,gpc0_rate(1h)', 'gpc0,gpc0_rate(2h)')
        self.assertEqual([each.get('gpc0_rate(3600000)') or each.get('gpc0_rate(7200000)') for each in wanted], ['2'] * 4)


@unittest.skipUnless(HAPROXY, 'there is no haproxy')
class Successors(PeersCase):
    """A process that ends softly tells what it knows to the one that was started in its place."""

    def pass_on(self, old_program, new_program):
        # The other peer is not there: nobody else can tell.
        with socket.socket() as sock:
            sock.bind(('127.0.0.1', 0))
            port = sock.getsockname()[1]
        lines = '    peer a 127.0.0.1:%d\n    peer b unix@%s' % (port, self.path('b'))
        old = self.peer('a', old_program, lines=lines)
        self.fill(old)
        if old_program == HAPROXY:
            # It tells nobody before it has given up to be told itself, which takes it ten seconds.
            wait_until(lambda: 'resync_timeout=<PAST>' in ask(old, 'show peers'), 'it to be on its own', seconds=30, pause=0.1)
        new = self.peer('a', new_program, after=old, lines=lines)
        self.wait_for_all(new)
        self.assertEqual(old.wait_exit(), 0)
        self.tell(new, 'texts', 'then', http_req_cnt=2)
        new.close()

    @penstock_only('the tables of two programs are compared here')
    def test_an_old_one_of_ours_tells_a_new_one_of_ours(self):
        self.pass_on(PROGRAM, PROGRAM)

    @penstock_only('the tables of two programs are compared here')
    def test_an_old_one_of_ours_tells_a_new_haproxy(self):
        self.pass_on(PROGRAM, HAPROXY)

    @penstock_only('the tables of two programs are compared here')
    def test_an_old_haproxy_tells_a_new_one_of_ours(self):
        self.pass_on(HAPROXY, PROGRAM)

    @penstock_only('the tables of two programs are compared here')
    def test_who_serves_its_last_clients_goes_on_telling(self):
        old = self.peer('a')
        self.fill(old)
        with old.connect() as client:
            client.send(b'GET / HTTP/1.1\r\n')
            wait_until(lambda: self.shown(old, 'ips', '192.0.2.1'), 'the entry')
            new = self.peer('a', after=old)
            self.wait_for_all(new)
            before = int(self.shown(new, 'ips', '127.0.0.1').get('http_req_cnt', 0))
            client.send(b'Host: a\r\n\r\n')
            self.assertEqual(client.response().status, 200)
            self.wait_for(new, 'ips', '127.0.0.1', http_req_cnt=before + 1)
        self.assertEqual(old.wait_exit(), 0)

    @penstock_only('HAProxy has its own tests')
    def test_who_leaves_lets_no_peer_in(self):
        old = self.peer('a')
        with old.connect() as client:
            client.send(b'GET / HTTP/1.1\r\n')
            with Script(self, 'a', 'b') as script:
                old.signal(signal.SIGUSR1)
                script.rest()
            with socket.socket(socket.AF_UNIX) as sock:
                wait_until(lambda: sock.connect_ex(self.path('a')) != 0, 'nobody to listen')
            client.send(b'Host: a\r\n\r\n')
            self.assertEqual(client.response().status, 200)
        self.assertEqual(old.wait_exit(), 0)

    @penstock_only('HAProxy reloads in master-worker mode only')
    def test_a_reload_keeps_what_several_workers_count(self):
        ours = self.peer('a', nbthread=4)
        for _ in range(8):
            ours.get('/')
        self.fill(ours)
        before = self.shown(ours, 'ips', '127.0.0.1')['http_req_cnt']
        seen = len(ours.log.drain())
        ours.reload(self.text(more='backend new\n    stick-table type string size 10 store gpc0 peers pp\n'))
        ours.log.wait(r'Reloaded', start=seen)
        self.wait_for_all(ours)
        self.assertEqual(self.shown(ours, 'ips', '127.0.0.1')['http_req_cnt'], before)


class Script:
    """A peer by hand."""

    def __init__(self, case, to, name, hello=None, version='2.1'):
        self.case = case
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        wait_until(lambda: self.sock.connect_ex(case.path(to)) == 0, 'somebody to listen', pause=0.02)
        hello = hello or b'HAProxyS %s\n%s\n%s 1 1\n' % (version.encode(), to.encode(), name.encode())
        self.sock.sendall(hello)
        self.data = b''
        self.status = None
        if not hello.endswith(b'\n'):
            return
        while b'\n' not in self.data:
            more = self.sock.recv(65536)
            if not more:
                return
            self.data += more
        self.status, self.data = self.data.split(b'\n', 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def define(self, name, key_type, key_length, bits):
        self.sock.sendall(message([10, 0x82], number(7) + number(len(name)) + name + number(key_type)
                                  + number(key_length) + number(bits) + number(0)))

    def rest(self):
        """All that comes up to the end."""
        while True:
            try:
                more = self.sock.recv(65536)
            except ConnectionResetError:
                return self.data
            if not more:
                return self.data
            self.data += more

    def until(self, wanted):
        while wanted not in self.data:
            more = self.sock.recv(65536)
            self.case.assertTrue(more, 'the end after %r' % self.data)
            self.data += more


class Handshakes(PeersCase):

    def status(self, **options):
        with Script(self, 'a', 'b', **options) as script:
            status = script.status
            if status != b'200':
                script.rest()
            return status

    def test_who_is_not_as_expected_is_told_why(self):
        ours = self.peer('a')
        self.assertEqual(self.status(), b'200')
        self.assertEqual(self.status(version='3.0'), b'502')
        self.assertEqual(self.status(hello=b'HAProxyS 2.1\nzz\nb 1 1\n'), b'503')
        self.assertEqual(self.status(hello=b'HAProxyS 2.1\na\nzz 1 1\n'), b'504')
        self.assertEqual(self.status(hello=b'GET / HTTP/1.1\n\n\n'), b'501')
        self.assertEqual(ours.get('/').status, 200)

    @penstock_only('HAProxy does not log it')
    def test_the_log_tells_who_was_refused(self):
        ours = self.peer('a', globals_='    log <log> local0')
        self.assertEqual(self.status(hello=b'HAProxyS 2.1\na\nzz 1 1\n'), b'504')
        ours.log.wait(r'peers pp: \S+ was refused with 504: nobody of that name is a peer here')

    def test_nonsense_ends_the_connection_and_nothing_else(self):
        ours = self.peer('a')
        for nonsense in (message([10, 0x80], b'\0' * 8),            # An update of no table.
                         b'\x0a\x82\xff\xff\xff\xff\xff\xff\x7f',   # A length that nobody can have.
                         b'\x0a\x82\xff\xff\xff\x7f' + b'x' * 100,
                         message([10, 0x82], b'\x01\xfe\xfe\xfe\x7f'),
                         message([10, 0x82], b'')):
            with Script(self, 'a', 'b') as script:
                self.assertEqual(script.status, b'200')
                script.sock.sendall(nonsense)
                script.rest()
            self.assertEqual(ours.get('/').status, 200)
        self.assertEqual(self.status(), b'200')


@penstock_only('HAProxy has its own tests')
class ByHand(PeersCase):

    def test_a_table_with_other_keys_is_passed_over(self):
        ours = self.peer('a')
        with Script(self, 'a', 'b') as script:
            script.define(b'ips', 5, 16, 1 << 1)
            script.sock.sendall(message([10, 0x80], struct.pack('>I', 1) + b'k' * 16 + number(5)))
            script.define(b'nobody', 4, 4, 1 << 1)
            script.sock.sendall(message([10, 0x80], struct.pack('>I', 1) + b'kkkk' + number(5)))
            script.define(b'future', 4, 4, 1 << 40)
            script.sock.sendall(message([10, 0x80], struct.pack('>I', 1) + b'kkkk' + number(5)))
            script.define(b'ips', 4, 4, 1 << 1)
            script.sock.sendall(message([10, 0x80], struct.pack('>I', 9) + b'\x0a\0\0\x01' + number(5)))
            script.until(b'\x0a\x84\x05\x07\0\0\0\x09')
            self.wait_for(ours, 'ips', '10.0.0.1', gpt0=5)
            self.assertEqual(self.used(ours, 'ips'), 1)

    def test_who_was_told_how_long_an_entry_lives_forgets_it_then(self):
        ours = self.peer('a')
        with Script(self, 'a', 'b') as script:
            script.define(b'ips', 4, 4, 1 << 1)
            script.sock.sendall(message([10, 0x85], struct.pack('>II', 1, 5000) + b'\x0a\0\0\x01' + number(5)))
            script.until(b'\x0a\x84\x05\x07\0\0\0\x01')
            self.assertLessEqual(int(self.shown(ours, 'ips', '10.0.0.1')['exp']), 5000)
            script.sock.sendall(message([10, 0x86], struct.pack('>I', 100) + b'\x0a\0\0\x02' + number(5)))
            script.until(b'\x0a\x84\x05\x07\0\0\0\x02')
            wait_until(lambda: not self.shown(ours, 'ips', '10.0.0.2').get('key'), 'the entry to be over')

    def test_who_has_nothing_to_say_says_so(self):
        self.peer('a')
        with Script(self, 'a', 'b') as script:
            script.until(b'\0\4')

    def test_who_says_for_ever_that_it_has_told_all_takes_no_memory(self):
        ours = self.peer('a')
        with Script(self, 'a', 'b') as script:
            before = ours.rss()
            # Nothing of the answers is read.
            for _ in range(20):
                script.sock.sendall(b'\0\1' * 250000)
            script.define(b'ips', 4, 4, 1 << 1)
            script.sock.sendall(message([10, 0x80], struct.pack('>I', 1) + b'\x0a\0\0\x01' + number(5)))
            self.wait_for(ours, 'ips', '10.0.0.1', gpt0=5)
            self.assertLess(ours.rss() - before, 4000)

    def test_who_says_nothing_keeps_nobody_out(self):
        self.peer('a')
        with Script(self, 'a', 'b'):
            pass
        silent = [socket.socket(socket.AF_UNIX) for _ in range(100)]
        for sock in silent:
            sock.connect(self.path('a'))
        began = time.monotonic()
        with Script(self, 'a', 'b') as script:
            self.assertEqual(script.status, b'200')
        self.assertLess(time.monotonic() - began, 3)
        for sock in silent:
            sock.close()

    def test_who_was_asked_and_took_long_has_told_all_all_the_same(self):
        self.peer('a')
        with Script(self, 'a', 'b') as script:
            script.until(b'\0\0')
            for _ in range(2):
                # Each after three seconds: by then it has been given up.
                script.until(b'\0\4')
                script.data = b''
                script.sock.sendall(b'\0\4')
            script.sock.sendall(b'\0\1\0\0')
            script.until(b'\0\3')
            script.until(b'\0\1')

    def test_what_was_not_acknowledged_is_told_again(self):
        ours = self.peer('a')
        self.tell(ours, 'texts', 'mary', http_req_cnt=1)
        with Script(self, 'a', 'b') as script:
            script.sock.sendall(b'\0\0')
            script.until(b'mary')
        with Script(self, 'a', 'b') as script:
            script.until(b'mary')
            script.sock.sendall(b'\0\0')
            script.until(b'\0\2')
            # It has all now, and says so.
            script.sock.sendall(b'\0\3')
            self.tell(ours, 'texts', 'bob', http_req_cnt=1)
            script.until(b'bob')
        with Script(self, 'a', 'b') as script:
            script.until(b'bob')
            self.assertNotIn(b'mary', script.data)

    def test_servers_of_a_table_that_has_none_are_passed_over(self):
        ours = self.peer('a')
        with Script(self, 'a', 'b') as script:
            script.define(b'ips', 4, 4, 1 << 0 | 1 << 1)
            script.sock.sendall(message([10, 0x80], struct.pack('>I', 1) + b'\x0a\0\0\x01' + number(7) + number(5)))
            self.wait_for(ours, 'ips', '10.0.0.1', gpt0=5)
            self.assertNotIn('server_id', self.shown(ours, 'ips', '10.0.0.1'))

    def test_the_last_connection_wins(self):
        self.peer('a')
        with Script(self, 'a', 'b') as first:
            self.assertEqual(first.status, b'200')
            with Script(self, 'a', 'b') as second:
                self.assertEqual(second.status, b'200')
                first.rest()
                second.until(b'\0\4')

    def test_two_of_ours_share_as_well(self):
        one, other = self.peer('a'), self.peer('b')
        self.wait_linked(one)
        self.fill(one)
        self.wait_for_all(other)


class Names(PeersCase):

    def test_the_name_of_a_process_is_said_by_its_configuration(self):
        self.peer('a', globals_='    localpeer a', arguments=[])
        with Script(self, 'a', 'b') as script:
            self.assertEqual(script.status, b'200')

    def test_a_section_without_us_shares_nothing(self):
        status, said = check(self.text().replace('bind <fe>', 'bind 127.0.0.1:9'), '-L', 'nobody')
        self.assertEqual(status, 0, said)
        self.assertIn('pp', said)

    def test_a_bind_line_says_where_others_come_to(self):
        self.peer('a', lines='    bind unix@%s\n    server a\n    server b unix@%s' % (self.path('a'), self.path('b')))
        with Script(self, 'a', 'b') as script:
            self.assertEqual(script.status, b'200')

    def test_who_is_disabled_is_not_there(self):
        ours = self.peer('a', lines='    disabled\n    peer a unix@%s\n    peer b unix@%s' % (self.path('a'), self.path('b')))
        self.assertEqual(ours.get('/').status, 200)
        self.assertFalse(os.path.exists(self.path('a')))

    def test_what_is_no_peer_of_ours_is_said(self):
        for lines in ('    peer a 127.0.0.1:1\n    peer a 127.0.0.1:2', '    frob', '    bind 127.0.0.1:1\n    bind 127.0.0.1:2'):
            status, said = check(self.text(lines=lines).replace('bind <fe>', 'bind 127.0.0.1:9'), '-L', 'a')
            self.assertEqual(status, 1, said)
