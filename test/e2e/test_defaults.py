"""What holds where a configuration says nothing: every default of the manual, asked on the wire. The values are those
of HAProxy 2.6, whose run of this file (run.py haproxy) passes too."""
import ctypes
import os
import random
import re
import socket
import ssl
import struct
import subprocess
import threading
import time

from harness import Case, IS_HAPROXY, certificate, check, heads, read_head, reserved_port, reset, tls_client, wait_until



def plain(front='', back='', server='<s1>'):
    """A frontend and a backend of one server, with more lines in each."""
    return """
frontend fe
    bind <fe>
    %s
    default_backend be
backend be
    %s
    server s1 %s
""" % (front, back, server)


PLAIN = plain()
BARE = """
global
    log <log> local0
defaults
    timeout connect 1s
    timeout client 1s
    timeout server 1s
"""
HASHED = ['EX02', 'EX03', 'EX04', 'EX05', 'EX01', 'EX02', 'EX03', 'EX04', 'EX05', 'EX01']
MANY = 400 if IS_HAPROXY else 431
OK = b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'


def reachable(address):
    try:
        socket.create_connection(address).close()
        return True
    except OSError:
        return False


class Checked:
    """A server that notes when checks come, and passes or fails them as told."""

    def __init__(self, case, answers=lambda number: True):
        self.times, self.heads, self.answers = [], [], answers
        self.script = case.script(self.talk)
        self.address = self.script.address

    def talk(self, sock, number):
        self.times.append(time.monotonic())
        self.heads.append(read_head(sock))
        sock.sendall(b'HTTP/1.0 %s\r\n\r\n' % (b'200 OK' if self.answers(number) else b'500 No'))

    def pauses(self):
        return [later - sooner for sooner, later in zip(self.times, self.times[1:])]


class Checks(Case):
    ONCE = True

    def test_checks_come_every_2_s_and_fall_after_3_and_rise_after_2(self):
        """One server whose checks fail from the second on, one whose checks pass from the second on, one of inter
        alone in each state: all at the same time."""
        plain = Checked(self)
        doubtful = Checked(self, lambda number: number <= 3)
        dead = Checked(self, lambda number: number > 3)
        rig = self.rig(PLAIN + """
backend checks
    option httpchk
    option log-health-checks
    server plain %s check
    server doubtful %s check inter 150ms
    server dead %s check inter 150ms
""" % (plain.address, doubtful.address, dead.address))
        rig.log.wait(r'Server checks/dead is DOWN')
        rig.log.wait(r'Server checks/doubtful is DOWN')
        rig.log.wait(r'Server checks/dead is UP')
        lines = [line for line in rig.log.drain() if 'Health check' in line]
        told = [re.findall(r'checks/%s (\w+).*status: (\d/\d \w+)' % name, '\n'.join(lines)) for name in ('dead', 'doubtful')]
        self.assertEqual(told[0][:3], [('failed', '0/2 DOWN'), ('succeeded', '1/2 DOWN'), ('succeeded', '3/3 UP')])
        self.assertIn(('failed', '2/3 UP'), told[1])
        self.assertIn(('failed', '1/3 UP'), told[1])
        self.assertIn(('failed', '0/2 DOWN'), told[1])
        for server in (doubtful, dead):
            # Neither fastinter nor downinter: inter in every state.
            for pause in server.pauses():
                self.assertGreater(pause, 0.13)
        wait_until(lambda: len(plain.times) >= 2, 'a second check')
        self.assertAlmostEqual(plain.pauses()[0], 2, delta=0.4)

    def test_a_check_by_http_asks_for_options_and_takes_2xx_and_3xx(self):
        servers = {}
        text = PLAIN
        for code in (200, 299, 302, 399, 404, 100, 500):
            asked = []

            def talk(sock, number, code=code, asked=asked):
                asked.append(read_head(sock))
                sock.sendall(b'HTTP/1.0 %d X\r\n\r\n' % code)
            servers[code] = asked
            text += 'backend b%d\n    option httpchk\n    server s %s check\n' % (code, self.script(talk).address)
        rig = self.rig(text)
        for code in (404, 500):
            rig.log.wait(r'Server b%d/s is DOWN' % code)
        wait_until(lambda: all(servers.values()), 'all to be checked')
        for asked in servers.values():
            self.assertEqual(asked[0], b'OPTIONS / HTTP/1.0\r\n\r\n')
        for code in (200, 299, 302, 399):
            self.assertNotIn('Server b%d/s is DOWN' % code, '\n'.join(rig.log.drain()))

    def test_options_of_checks_have_their_first_words(self):
        said = {}

        def server(name, first=None, answer=b'HTTP/1.0 200 OK\r\n\r\n'):
            def talk(sock, number):
                if first:
                    sock.sendall(first)
                said.setdefault(name, sock.recv(4096))
                sock.sendall(answer)
            return self.script(talk).address
        rig = self.rig(PLAIN + """
backend a
    option httpchk /uri
    server s %s check
backend b
    option httpchk HEAD /uri
    server s %s check
backend c
    option smtpchk
    server s %s check
backend d
    option httpchk
    http-check send meth GET
    server s %s check
""" % (server('a'), server('b'), server('c', b'220 hi\r\n', b'250 ok\r\n'), server('d')))
        wait_until(lambda: len(said) == 4, 'all checks')
        first = {name: text.split(b'\r\n')[0] for name, text in said.items()}
        self.assertEqual(first, {'a': b'OPTIONS /uri HTTP/1.0', 'b': b'HEAD /uri HTTP/1.0', 'c': b'HELO localhost',
                                 'd': b'GET / HTTP/1.0'})
        del rig

    def test_a_check_of_a_server_of_tls_is_tls_and_names_nobody_and_goes_where_traffic_goes(self):
        names = []

        def hello(sock, number):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate('ex01'))
            context.sni_callback = lambda _, name, __: names.append(name)
            with context.wrap_socket(sock, server_side=True) as over:
                names.append(over.selected_alpn_protocol())
                over.recv(1000)
        rig = self.rig(PLAIN + 'backend b\n    option httpchk\n    server s %s check ssl verify none\n' % self.script(hello).address)
        wait_until(lambda: len(names) >= 2, 'a check')
        self.assertEqual(names[:2], [None, None])
        del rig

    def test_a_check_begins_with_a_proxy_header_where_traffic_does(self):
        said = {}

        def server(name):
            def talk(sock, number):
                said.setdefault(name, sock.recv(100))
                sock.sendall(b'HTTP/1.0 200 OK\r\n\r\n')
            return self.script(talk)
        here, there = server('here'), server('there')
        rig = self.rig(PLAIN + """
backend b
    option httpchk
    server a %s send-proxy check
    server b 127.0.0.1:1 send-proxy check port %d
""" % (here.address, there.port))
        wait_until(lambda: len(said) == 2, 'checks')
        self.assertEqual((said['here'][:6], said['there'][:6]), (b'PROXY ', b'OPTION'))
        del rig

    def test_who_comes_up_has_its_full_share_at_once(self):
        """No slowstart."""
        dead = Checked(self, lambda number: number > 2)
        rig = self.rig(plain(back='option httpchk', server='<s1>') + '    server s2 %s check inter 100ms rise 1\n' % dead.address)
        rig.log.wait('Server be/s2 is UP')
        self.assertEqual(sum(rig.get('/test/server').body == b'' for _ in range(8)), 4)

    def test_only_what_changes_is_logged(self):
        flaky = Checked(self, lambda number: number % 2)
        rig = self.rig(PLAIN + 'backend b\n    option httpchk\n    server s %s check inter 30ms rise 1\n' % flaky.address)
        wait_until(lambda: len(flaky.times) > 6, 'checks')
        self.assertNotIn('Health check', '\n'.join(rig.log.drain()))


class Servers(Case):
    ONCE = True

    def test_servers_weigh_1_and_take_turns(self):
        rig = self.rig(PLAIN + '    server s2 <s2> weight 3\n')
        names = rig.who(count=8)
        self.assertEqual((names.count('EX01'), names.count('EX02')), (2, 6))

    def test_a_server_takes_all_who_come(self):
        rig = self.rig(PLAIN)
        for _ in range(30):
            rig.connect().request('GET', '/test/hang')
        rig.server('s1').wait_count('hanging', 30)

    def test_a_hash_is_map_based_of_sdbm_without_avalanche(self):
        lines = ''.join('    server s%d <s%d>\n' % (n, n) for n in (2, 3, 4, 5))
        rig = self.rig(plain(back='balance uri') + lines)
        paths = ['/test/server?%s' % n for n in 'abcdefgh']
        self.assertEqual(len(set(sum((rig.who(path) for path in paths), []))), 1, 'the query does not count')
        rig = self.rig(plain(back='balance hdr(k)') + lines)
        chosen = [self.named(rig, 'K', 'key%d' % n) for n in range(10)]
        self.assertEqual(chosen, HASHED)

    def named(self, rig, field, value):
        with rig.connect() as client:
            return client.get('/test/server', [(field, value)]).body.decode()

    def test_connecting_is_tried_again_3_times_at_the_same_server(self):
        rig = self.rig(plain(back='timeout connect 100ms', server='<dead>') + '    server s2 <s2>\n')
        self.assertEqual(sorted(rig.get('/test/server').status for _ in range(2)), [200, 503])
        rig.log.wait(r' be/s1 .* 503 .* SC-- \d+/\d+/\d+/\d+/3 ')

    def test_the_first_request_of_a_client_goes_on_a_connection_of_its_own(self):
        """http-reuse safe."""
        connections = []

        def talk(sock, number):
            for head in heads(sock):
                connections.append(number)
                sock.sendall(OK)
        rig = self.rig(plain(server=self.script(talk).address))
        first, second = rig.connect(), rig.connect()
        for client in (first, first, second, second, first):
            client.get('/')
        self.assertEqual(connections[:3], [1, 1, 2])
        self.assertEqual(len(set(connections)), 2)

    def test_a_connection_serves_any_number_of_requests(self):
        rig = self.rig(PLAIN)
        with rig.connect() as client:
            for _ in range(150):
                client.get('/test/server')
        self.assertEqual(rig.server('s1').counters['accepted'], 1)

    def test_only_connecting_is_tried_again(self):
        def talk(sock, number):
            read_head(sock)
        script = self.script(talk)
        rig = self.rig(plain(server=script.address))
        self.assertEqual(rig.get('/').status, 502)
        self.assertEqual(script.accepted, 1)

    def test_the_first_backup_alone_serves(self):
        rig = self.rig(plain(server='<s1> disabled') + '    server s2 <s2> backup\n    server s3 <s3> backup\n')
        self.assertEqual(set(rig.who(count=4)), {'EX02'})

    def test_a_request_whose_client_has_said_all_waits_on(self):
        """No option abortonclose."""
        served, release = [], threading.Event()

        def talk(sock, number):
            for head in heads(sock):
                served.append(head.split()[1])
                release.wait(10)
                sock.sendall(OK)
        rig = self.rig(plain(server=self.script(talk).address + ' maxconn 1'))
        first, second = rig.connect(), rig.connect()
        first.request('GET', '/a')
        wait_until(lambda: served, 'the first request')
        second.request('GET', '/b')
        second.half_close()
        release.set()
        self.assertEqual((first.response().status, second.response().status), (200, 200))

    def test_a_name_is_asked_for_at_start_and_must_be_known(self):
        """init-addr last,libc: the state of former processes is none here."""
        def talk(sock, number):
            for head in heads(sock):
                sock.sendall(OK)
        script = self.script(talk)
        self.assertEqual(self.rig(plain(server='localhost:%d' % script.port)).get('/').status, 200)
        text = 'defaults\n    mode http\n    timeout connect 1s\n    timeout client 1s\n    timeout server 1s\n'
        for words, code in (('', 1), (' init-addr last,libc', 1), (' init-addr libc,none', 0)):
            with self.subTest(words):
                done, said = check(text + plain(server='nobody.invalid:80' + words).replace('<fe>', '127.0.0.1:1'))
                self.assertEqual(done, code, said)
                self.assertIn('nobody.invalid', said)

    def test_idle_connections_beyond_recent_need_are_looked_for_every_5_s(self):
        """pool-purge-delay: the first go at the second or third round."""
        waiting, release, ended = [], threading.Event(), []

        def talk(sock, number):
            try:
                for _ in heads(sock):
                    waiting.append(number)
                    release.wait(20)
                    sock.sendall(OK)
            finally:
                ended.append(number)
        rig = self.rig(plain(back='http-reuse always', server=self.script(talk).address), nbthread=1)
        clients = [rig.connect().request('GET', '/') for _ in range(10)]
        wait_until(lambda: len(waiting) == 10, 'ten requests at once')
        release.set()
        for client in clients:
            self.assertEqual(client.response().status, 200)
            client.close()
        started = time.monotonic()
        wait_until(lambda: ended, 'the first to be closed', seconds=60)
        self.assertGreater(time.monotonic() - started, 2.5)
        self.assertLess(time.monotonic() - started, 30)

    def test_servers_without_a_port_are_asked_at_the_clients_port(self):
        rig = self.rig("""
frontend fe
    bind 127.0.0.1:{port}
    default_backend be
backend be
    server s1 127.0.0.2
""".format(port=self.both_ports()))
        wait_until(lambda: reachable(('127.0.0.1', self.port)), 'the listener')
        with socket.create_connection(('127.0.0.1', self.port)) as sock:
            sock.settimeout(10)
            sock.sendall(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
            self.assertIn(b' 200 ', sock.recv(4096))
        del rig

    def both_ports(self):
        """A port that is ours to serve at 127.0.0.2 and the program's at 127.0.0.1."""
        server = socket.create_server(('127.0.0.2', 0))
        self.addCleanup(server.close)
        self.port = server.getsockname()[1]
        keeper = socket.socket()
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        keeper.bind(('127.0.0.1', self.port))
        self.addCleanup(keeper.close)

        def serve():
            try:
                while True:
                    sock, _ = server.accept()
                    with sock:
                        read_head(sock)
                        sock.sendall(OK)
            except OSError:
                pass
        threading.Thread(target=serve, daemon=True).start()
        return self.port

    def test_fullconn_is_a_tenth_of_what_frontends_may_bring(self):
        """8 here: a server of maxconn 8 takes whoever comes, one of 7 no second one."""
        for maxconn, waiting in ((8, 0), (7, 1)):
            rig = self.rig(plain('maxconn 80', server='<s1> minconn 1 maxconn %d' % maxconn) +
                           'frontend fe2\n    bind <fe2>\n    http-request return hdr Line %[queue(be)]\n')
            for _ in range(2):
                rig.connect().request('GET', '/test/hang')
            rig.server('s1').wait_count('hanging', 2 - waiting)
            wait_until(lambda: int(rig.get('/', frontend='fe2').get('line')) == waiting, 'the line')


def backlog(pid, port):
    """The length of the kernel's queue at a listener of a child of ours."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open('/proc/net/tcp') as file:
        inodes = {line.split()[9] for line in file if ':%04X 00000000:0000 0A' % port in line}
    for number in os.listdir('/proc/%d/fd' % pid):
        match = re.match(r'socket:\[(\d+)\]', os.readlink('/proc/%d/fd/%s' % (pid, number)))
        if match and match.group(1) in inodes:
            process = os.pidfd_open(pid)
            copy = libc.syscall(438, process, int(number), 0)   # pidfd_getfd
            os.close(process)
            with socket.socket(fileno=copy) as listener:
                return struct.unpack_from('I', listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 28)[0]
    return None


class Limits(Case):
    ONCE = True

    def test_a_string_of_a_stick_table_is_cut_at_31(self):
        rig = self.rig(plain(back='stick-table type string size 100\n    stick on req.hdr(k)') +
                       '    server s2 <s2>\n')

        def who(value):
            with rig.connect() as client:
                return client.get('/test/server', [('K', value)]).body
        self.assertEqual(who('x' * 31 + 'a'), who('x' * 31 + 'b'))
        self.assertNotEqual(who('y' * 30 + 'a'), who('y' * 30 + 'b'))

    def test_the_time_of_a_stick_table_is_in_milliseconds(self):
        rig = self.rig(plain(back='stick-table type string size 2k expire 300\n    stick on req.hdr(k)') + '    server s2 <s2>\n')
        with rig.connect() as client:
            def who(key):
                return client.get('/test/server', [('K', key)]).body
            first = who('a')
            self.assertEqual({who('a') for _ in range(3)}, {first})
            # Another server follows in turn once the entry is gone.
            time.sleep(0.6)   # What is measured.
            self.assertNotEqual(who('a'), first)

    def test_lines_of_the_log_have_1024_bytes_at_most(self):
        rig = self.rig(plain('log-format %[capture.req.uri]%[capture.req.uri]'))
        rig.get('/test/echo?' + 'x' * 900)
        rig.log.wait('/test/echo')
        self.assertEqual(len([line for line in rig.log.drain() if '/test/echo' in line][0]), 1024)

    def test_targets_and_cookies_in_the_log_have_a_limit(self):
        rig = self.rig(plain('log <log> len 8192 local0\n    capture cookie C len 200\n    log-format "%CC %{+Q}r|"').replace(
            'bind', 'no log\n    bind'))
        rig.get('/test/echo?' + 'x' * 3000, [('Cookie', 'C=' + 'y' * 300)])
        match = rig.log.wait(r'(C=y+) "(GET [^|]*)"\|')
        self.assertEqual((len(match.group(1)), len(match.group(2))), (63, 1023))

    def test_a_message_has_100_fields_at_most(self):
        rig = self.rig(PLAIN)
        for count, status in ((99, 200), (100, 200), (101, MANY), (102, MANY)):
            with rig.connect() as client:
                answer = client.request('GET', '/test/server', [('X', '1')] * (count - 1)).response()
                self.assertEqual(answer.status, status, count)

    def test_as_many_clients_come_in_as_the_descriptors_allow(self):
        """maxconn is somewhat less than half of what the process may open: a connection of the client, one to a server."""
        for limit in (400, 1000):
            rig = self.rig(PLAIN, nofile=limit)
            clients = [rig.connect().request('GET', '/test/hang') for _ in range(limit // 2)]
            server = rig.server('s1')
            server.wait_count('hanging', limit // 2 - 100)
            wait_until(lambda: self.unchanged(server), 'the last to come in')
            served = server.counters['hanging']
            self.assertLess(served, limit // 2)
            if IS_HAPROXY:    # The next come in when the server's time for those is over.
                continue
            for client in clients[:3]:
                reset(client.socket)
            server.wait_count('hanging', served + 3)

    @staticmethod
    def unchanged(server):
        before = server.counters['hanging']
        time.sleep(0.3)       # What is measured: nobody came in meanwhile.
        return server.counters['hanging'] == before

    def test_the_kernels_queue_has_its_length(self):
        for words, length in (('maxconn 50', 50 if IS_HAPROXY else 4096), ('maxconn 50\n    backlog 20', 20)):
            keeper = reserved_port()
            self.addCleanup(keeper.close)
            address = keeper.getsockname()
            rig = self.rig(plain(words).replace('<fe>', '%s:%d' % address))
            wait_until(lambda: reachable(address), 'the listener')
            self.assertEqual(backlog(rig.process.pid, address[1]), length)

    def test_there_is_a_worker_for_each_processor(self):
        counts = []
        for words in ('', '\n    nbthread 1\n'):
            rig = self.rig(BARE.replace('local0\n', 'local0\n' + words) + PLAIN, bare=True)
            with rig.connect() as client:
                client.get('/test/server')
            counts.append(len(os.listdir('/proc/%d/task' % rig.process.pid)))
        self.assertEqual(counts[0] - counts[1], len(os.sched_getaffinity(0)) - 1)


class Answers(Case):
    ONCE = True

    def test_statuses_of_answers_of_our_own(self):
        rig = self.rig("""
frontend fe
    bind <fe>
    timeout tarpit 10ms
    monitor-uri /alive
    http-request deny if { path /deny }
    http-request tarpit if { path /tarpit }
    http-request return if { path /return }
    http-request return string x content-type text/plain if { path /string }
    http-request redirect location /x if { path /location }
    http-request redirect prefix /y if { path /prefix }
    http-request redirect scheme https if { path /scheme }
    redirect location /z if { path /redirect }
    http-response deny if { capture.req.uri /test/server }
    use_backend none if { path /none }
    default_backend be
backend be
    server s1 <s1>
backend none
frontend fe2
    bind <fe2>
""")
        statuses = {path: rig.get('/' + path).status for path in (
            'alive', 'deny', 'tarpit', 'return', 'string', 'location', 'prefix', 'scheme', 'redirect', 'test/server', 'none')}
        self.assertEqual(statuses, {'alive': 200, 'deny': 403, 'tarpit': 500, 'return': 200, 'string': 200, 'location': 302,
                                    'prefix': 302, 'scheme': 302, 'redirect': 302, 'test/server': 502, 'none': 503})
        self.assertEqual(rig.get('/prefix?a=b').get('location'), '/y/prefix?a=b')
        self.assertEqual(rig.get('/scheme?a=b').get('location'), 'https://mail.contoso.com/scheme?a=b')
        self.assertIsNone(rig.get('/location').get('set-cookie'))
        self.assertEqual(rig.get('/', frontend='fe2').status, 503)
        self.assertEqual(rig.get('/return').body, b'')
        self.assertEqual(rig.get('/deny').get('cache-control'), 'no-cache')
        rig.log.wait(r' none/<NOSRV> .* 503 .* SC-- ')
        rig.log.wait(r' fe2 fe2/<NOSRV> .* 503 .* SC-- ')
        self.assertNotIn('/alive', '\n'.join(rig.log.drain()))

    def test_a_cookie_has_a_path_and_nothing_more(self):
        rig = self.rig(plain(back='cookie C insert', server='<s1> cookie v'))
        with rig.connect() as client:
            answer = client.get('/test/echo')
            self.assertEqual(answer.get('set-cookie'), 'C=v; path=/')
            self.assertIsNone(answer.get('cache-control'))
            seen = client.get('/test/echo', [('Cookie', 'C=v')])
            # No `indirect`: the server sees it.
            self.assertIn(['Cookie', 'C=v'], [[name.title(), value] for name, value in seen.json()['fields']])

    def test_nothing_is_added_to_a_request(self):
        rig = self.rig(PLAIN)
        with rig.connect() as client:
            fields = client.get('/test/echo', [('A', 'b')]).json()['fields']
        self.assertEqual([[name.lower(), value] for name, value in fields], [['host', 'mail.contoso.com'], ['a', 'b']])

    def test_forwardfor_adds_x_forwarded_for_behind_others(self):
        rig = self.rig(plain('option forwardfor'))
        with rig.connect() as client:
            fields = client.get('/test/echo', [('X-Forwarded-For', '1.1.1.1')]).json()['fields']
        self.assertEqual([[name.lower(), value] for name, value in fields if 'or' in name],
                         [['x-forwarded-for', '1.1.1.1'], ['x-forwarded-for', '127.0.0.1']])

    def test_connections_of_both_sides_are_kept(self):
        rig = self.rig(PLAIN)
        with rig.connect() as client:
            for _ in range(3):
                self.assertIsNone(client.get('/test/server').get('connection'))
        self.assertEqual(rig.server('s1').counters['accepted'], 1)

    def test_a_connection_goes_on_after_an_answer_of_our_own(self):
        rig = self.rig(plain('http-request deny if { path /deny }\n    http-request redirect location /a if { path /go }\n'
                             '    http-request return if { path /back }'))
        with rig.connect() as client:
            for path, status in (('/deny', 403), ('/go', 302), ('/back', 200), ('/test/server', 200)):
                self.assertEqual(client.get(path).status, status)

    def test_a_body_is_not_waited_for(self):
        rig = self.rig(PLAIN)
        with rig.connect() as client:
            client.request('POST', '/test/echo', [('Content-Length', '5')])
            rig.server('s1').wait_count('requests', 1)
            self.assertEqual(client.send(b'12345').response().status, 200)


class Times(Case):
    ONCE = True

    def test_lines_and_tarpits_last_as_long_as_connecting(self):
        rig = self.rig(plain(back='http-request tarpit if { path /tar }', server='<s1> maxconn 1'),
                       defaults='    timeout connect 300ms')
        rig.connect().request('GET', '/test/hang')
        rig.server('s1').wait_count('hanging', 1)
        for path, status in (('/tar', 500), ('/test/server', 503)):
            started = time.monotonic()
            self.assertEqual(rig.get(path).status, status)
            self.assertGreater(time.monotonic() - started, 0.28)
            self.assertLess(time.monotonic() - started, 3)

    def test_a_head_has_the_time_of_a_client_and_a_pause_that_of_a_head(self):
        rig = self.rig(plain('timeout client 300ms') + """
frontend fe2
    bind <fe2>
    timeout http-request 300ms
    default_backend be
""")
        slow, idle = rig.connect(), rig.connect('fe2')
        slow.send(b'GET / HTTP/1.1\r\n')
        idle.get('/test/server')
        started = time.monotonic()
        self.assertEqual(idle.ending(), 'fin')
        self.assertEqual(slow.response().status, 408)
        self.assertLess(time.monotonic() - started, 5)


class Modes(Case):
    ONCE = True

    def test_the_mode_is_tcp(self):
        def talk(sock, number):
            sock.sendall(sock.recv(100)[::-1])
        rig = self.rig(BARE + plain(server=self.script(talk).address), bare=True)
        with rig.connect() as client:
            client.send(b'abc')
            self.assertEqual(client.rest(), b'cba')

    BARE = 'defaults\n    mode %s\n    log global\n    timeout connect 1s\n    timeout client 1s\n    timeout server 1s\n'

    def test_without_a_format_a_line_tells_who_connected(self):
        for mode in ('http', 'tcp'):
            rig = self.rig('global\n    log <log> local0\n' + self.BARE % mode + PLAIN, bare=True)
            with rig.connect() as client:
                client.get('/test/server')
                us, them = client.socket.getsockname(), client.socket.getpeername()
            rig.log.wait(r'^<134>\w{3} [ \d]\d \d\d:\d\d:\d\d (penstock|haproxy)\[%d\]: Connect from 127\.0\.0\.1:%d to 127\.0\.0\.1:%d \(fe/%s\)$' % (
                rig.process.pid, us[1], them[1], mode.upper()))

    def test_without_a_target_nothing_is_logged(self):
        rig = self.rig('global\n    log <log> local0\n' + (self.BARE % 'http').replace('    log global\n', '') + PLAIN, bare=True)
        rig.get('/test/server')
        rig.close()
        self.assertEqual([line for line in rig.log.lines if '127.0.0.1' in line], [])

    def test_errors_are_of_level_info_and_empty_connections_are_logged(self):
        rig = self.rig(plain('http-request deny if { path /deny }'))
        rig.get('/deny')
        self.assertEqual(rig.log.wait(r'^<(\d+)>.* 403 ').group(1), '134')
        rig.connect().close()
        rig.log.wait(r'<BADREQ>')
        rig.get('/test/server')
        rig.log.wait(r' 200 ')

    def test_who_is_silent_is_judged_at_once(self):
        """No inspect-delay."""
        rig = self.rig(BARE + plain('tcp-request content reject unless { req.len gt 0 }'), bare=True)
        self.assertEqual(rig.connect().rest(), b'')

    def test_the_kernel_probes_no_connection(self):
        """No option tcpka, clitcpka, srvtcpka."""
        for words, timer in (('', '00'), ('option tcpka', '02')):
            rig = self.rig(plain(words, words))
            # Who came before the program was ready keeps what the listener had then.
            rig.get('/test/server')
            client = rig.connect()
            client.get('/test/server')
            client.request('GET', '/test/hang')
            rig.server('s1').wait_count('hanging', 1)
            ours = ':%04X' % rig.addresses['fe'][1], ':%04X' % rig.server('s1').port

            def timers():
                with open('/proc/net/tcp') as file:
                    rows = [line.split() for line in file]
                # Side of the client: our port is local; of the server: it is remote. Nothing waits to be acknowledged.
                return [row[5][:2] for row in rows if row[3] == '01' and (row[1].endswith(ours[0]) or row[2].endswith(ours[1]))]
            wait_until(lambda: timers() == [timer, timer], 'timers of %r' % words)

    def test_no_protocol_is_offered_over_tls_and_no_certificate_asked_for(self):
        rig = self.rig(PLAIN.replace('<fe>', '<fe> ssl crt ' + certificate('mail')))
        with rig.connect(sni='mail.contoso.com', context=tls_client(['h2', 'http/1.1'])) as client:
            self.assertIsNone(client.socket.selected_alpn_protocol())
            self.assertEqual(client.get('/test/server').status, 200)

    def test_a_tls_session_can_be_resumed_for_5_minutes(self):
        rig = self.rig(PLAIN.replace('<fe>', '<fe> ssl crt ' + certificate('mail')))
        done = subprocess.run(['openssl', 's_client', '-connect', '%s:%d' % rig.addresses['fe'], '-tls1_2'], input=b'',
                              capture_output=True, timeout=20)
        self.assertIn(b'lifetime hint: %d (seconds)' % (7200 if IS_HAPROXY else 300), done.stdout)

    def test_a_target_without_a_port_is_at_514(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as target:
            target.settimeout(10)
            address = '127.%d.%d.%d' % tuple(random.randrange(1, 255) for _ in range(3))
            try:
                target.bind((address, 514))
            except PermissionError:
                self.skipTest('this port is for root')
            rig = self.rig(plain('log %s local0' % address))
            rig.get('/test/server')
            self.assertRegex(target.recv(4096), rb'^<134>.* 200 ')

    def test_log_lines_have_no_host_name(self):
        rig = self.rig(PLAIN)
        rig.get('/test/server')
        rig.log.wait(r'^<134>\w{3} [ \d]\d \d\d:\d\d:\d\d (penstock|haproxy)\[\d+\]: ')

    def test_a_listener_of_all_ipv6_addresses_takes_ipv4_too(self):
        keeper = socket.socket(socket.AF_INET6)
        self.addCleanup(keeper.close)
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        keeper.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        keeper.bind(('::', 0))
        rig = self.rig(PLAIN.replace('bind <fe>', 'bind :::%d' % keeper.getsockname()[1]))
        rig.addresses['fe'] = ('127.0.0.1', keeper.getsockname()[1])
        wait_until(lambda: reachable(rig.addresses['fe']), 'the listener')
        self.assertEqual(rig.get('/test/server').status, 200)
