"""Counters of stick tables: what rules track, when each counter moves, what samples and converters say of it, and the
limits that people write with them. The same traffic goes through HAProxy with the same configuration, and `show table`
and the answers are compared; the limits are tested with whichever program is run (each was seen with HAProxy 2.6)."""
import random
import re
import shutil
import time

from harness import Case, Cut, IS_HAPROXY, heads, penstock_only, wait_until
from test_runtime_socket import ask

HAPROXY = shutil.which('haproxy')

STORED = ('conn_cnt,conn_cur,conn_rate(1d),sess_cnt,sess_rate(1d),http_req_cnt,http_req_rate(1d),http_err_cnt,'
          'http_err_rate(1d),http_fail_cnt,http_fail_rate(1d)')

HEAD = """
global
    stats socket <dir>/admin.sock level admin
"""


def origin(sock, _):
    """Answers with the status that the target begins with, or in a way that its word says."""
    for head in heads(sock):
        target = head.split(b' ')[1].decode()
        if 'junk' in target:
            sock.sendall(b'this is no HTTP\r\n\r\n')
            return
        if 'cut' in target:
            sock.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf')
            return
        if 'close' in target:
            return
        if 'silent' in target:
            sock.recv(1)
            return
        status = int(target[1:4]) if target[1:4].isdigit() else 200
        sock.sendall(b'HTTP/1.1 %d X\r\nContent-Length: 2\r\n\r\nok' % status)


class Compared(Case):
    """Two rigs side by side, one origin."""
    ONCE = True
    MESSAGES = False  # Whose bytes are counted: as they are on the wire, by HAProxy in a form of its own.

    def setUp(self):
        if not HAPROXY or IS_HAPROXY:
            self.skipTest('there is no haproxy to compare with')
        self.web = self.script(origin)
        text = HEAD + self.RULES.replace('<web>', self.web.address).replace('STORED', STORED)
        self.ours = self.rig(text)
        self.theirs = self.rig(text, program=HAPROXY)

    def compare(self, line):
        ours, theirs = (self.plain(ask(rig, line)) for rig in self.rigs())
        self.assertEqual(ours, theirs, line)
        return ours

    def compare_all(self, *lines):
        for line in lines:
            with self.subTest(line):
                self.compare(line)

    def plain(self, text):
        if self.MESSAGES:
            text = re.sub(r'(bytes_(?:in|out)_(?:cnt|rate\(\d+\)))=[1-9]\d*', r'\1=N', text)
        text = re.sub(r'0x[0-9a-f]+: ', '0x0: ', re.sub(r'exp=[1-9]\d*', 'exp=N', text))
        return '\n'.join(sorted(text.split('\n')))

    def rigs(self):
        return self.ours, self.theirs

    def settled(self, tables):
        """Nothing is tracked any more but by who is still there."""
        def same():
            return all(self.plain(ask(self.ours, 'show table ' + name)) == self.plain(ask(self.theirs, 'show table ' + name))
                       for name in tables)
        try:
            wait_until(same, 'tables to be alike', 3)
        except AssertionError:
            for name in tables:
                self.assertEqual(*(self.plain(ask(rig, 'show table ' + name)) for rig in self.rigs()))


class Traffic(Compared):
    RULES = """
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 300ms
    timeout tarpit 50ms
backend t_connection
    stick-table type ip size 1k expire 1h store STORED
backend t_session
    stick-table type ipv6 size 1k expire 1h store STORED
backend t_content
    stick-table type ip size 1k expire 1h store STORED
backend t_request
    stick-table type string len 20 size 1k expire 1h store STORED
backend t_second
    stick-table type string size 1k expire 1h store STORED,gpc0,gpc0_rate(1m),gpt0
backend t_response
    stick-table type integer size 1k expire 1h store STORED
backend t_backend
    stick-table type ip size 1k expire 1h store STORED
backend t_tcp
    stick-table type ip size 1k expire 1h store STORED,bytes_in_cnt,bytes_in_rate(1d),bytes_out_cnt,bytes_out_rate(1d)
frontend connection
    bind <fe_connection>
    tcp-request connection track-sc0 src table t_connection
    http-request track-sc0 path table t_request
    default_backend be
frontend session
    bind <fe_session>
    tcp-request session track-sc1 src table t_session
    tcp-request session reject if { sc1_conn_cnt ge 8 }
    default_backend be
frontend content
    bind <fe_content>
    tcp-request content track-sc0 src table t_content
    http-request deny if { path_beg /deny }
    default_backend be
frontend request
    bind <fe_request>
    http-request track-sc0 path table t_request
    http-request track-sc2 hdr(X-Key) table t_second
    http-request sc-inc-gpc0(2) if { path_beg /404 }
    http-request sc-set-gpt0(2) 7 if { path_beg /500 }
    http-request sc-set-gpt0(2) req.hdr(X-Tag) if { path_beg /200 }
    http-request deny deny_status 429 if { path_beg /deny }
    http-request tarpit if { path_beg /tarpit }
    http-request reject if { path_beg /reject }
    http-request return status 404 if { path_beg /own }
    http-request redirect location / if { path_beg /moved }
    http-request set-var(txn.bad) bool(true) if { path_beg /rdeny }
    http-response deny if { var(txn.bad) -m bool }
    default_backend be
frontend response
    bind <fe_response>
    http-response track-sc0 status table t_response
    default_backend be
frontend behind
    bind <fe_behind>
    default_backend counts
frontend tunnel
    bind <fe_tunnel>
    mode tcp
    tcp-request content track-sc0 src table t_tcp
    default_backend tcp
backend be
    retries 0
    server s <web>
backend counts
    retries 0
    tcp-request content track-sc1 src table t_backend
    http-request deny if { path_beg /deny }
    server s <web>
backend tcp
    mode tcp
    server s <web>
"""
    TABLES = ('t_connection', 't_session', 't_content', 't_request', 't_second', 't_response', 't_backend', 't_tcp')

    def talk(self, rig, frontend, targets, ends_badly):
        try:
            with rig.connect('fe_' + frontend) as client:
                for target, fields in targets:
                    client.request('GET', target, fields)
                    client.response()
                    if target in ('/junk', '/cut', '/close', '/silent'):
                        return  # Whether such a connection goes on is not what is asked here.
                if ends_badly == 'junk':
                    client.send(b'\x01\x02 junk\r\n\r\n')
                    client.rest()
                if ends_badly == 'half':
                    client.send(b'GET /half HTT')
        except (Cut, OSError, AssertionError):
            pass

    def test_counters_move_as_those_of_haproxy_on_random_traffic(self):
        chance = random.Random(7)
        frontends = ('connection', 'session', 'content', 'request', 'response', 'behind', 'tunnel')
        words = ('/', '/404', '/500', '/501', '/503', '/200', '/401', '/junk', '/cut', '/close', '/deny', '/tarpit',
                 '/reject', '/own', '/moved', '/rdeny', '/silent')
        lasting = [word for word in words if word != '/close']
        for _ in range(60):
            frontend = chance.choice(frontends)
            # A server connection that is used again and ends is left for another one, which HAProxy does not try.
            targets = [(chance.choice(words if number == 0 else lasting), [('X-Key', chance.choice(('a', 'b c', 'd'))), ('X-Tag', str(chance.randrange(99)))])
                       for number in range(chance.randrange(4))]
            end = chance.choice(('', '', '', 'junk', 'half')) if frontend != 'tunnel' else ''
            for rig in self.rigs():
                self.talk(rig, frontend, targets, end)
        self.settled(self.TABLES)

    def test_who_is_there_is_counted_until_it_leaves(self):
        clients = []
        for rig in self.rigs():
            for frontend in ('connection', 'session', 'tunnel'):
                client = rig.connect('fe_' + frontend)
                client.request('GET', '/')
                client.response()
                clients.append(client)
        self.settled(self.TABLES)
        self.assertIn(' use=1 ', ask(self.ours, 'show table t_connection'))
        self.assertIn('Entry currently in use', ask(self.ours, 'clear table t_connection key 127.0.0.1'))
        self.compare('clear table t_connection key 127.0.0.1')
        for client in clients:
            client.close()
        self.settled(self.TABLES)
        self.assertIn(' use=0 ', ask(self.ours, 'show table t_connection'))
        self.assertIn(' conn_cur=0 ', ask(self.ours, 'show table t_connection'))


SAYS = """
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
backend ip
    stick-table type ip size 1k expire 1h store gpc0,gpc0_rate(1m),gpc1,gpt0,STORED,bytes_in_cnt,bytes_out_cnt
backend ip6
    stick-table type ipv6 size 1k expire 1h store gpc(3),gpc_rate(2,1m),gpt(3),conn_cnt
backend text
    stick-table type string len 8 size 1k expire 1h store gpc0,conn_cnt,http_req_cnt
backend rate
    stick-table type ip size 1k store gpc0_rate(1m)
backend number
    stick-table type integer size 100 store gpt0,conn_cnt
frontend fe
    bind <fe>
    tcp-request connection track-sc0 src table ip
    http-request track-sc1 hdr(X-Key) table text
    http-request track-sc2 src table ip6 if { path_beg /three }
    http-request sc-inc-gpc(2,2)
    http-request sc-inc-gpc0(2)
    http-request sc-inc-gpc1(0)
    http-request sc-inc-gpc0
    http-request sc-set-gpt(1,2) int(6)
    http-request sc-set-gpt0(0) hdr(X-Tag)
    http-request return status 200 content-type text/plain lf-string "ASKED"
"""

ASKED = [
    'sc_conn_cnt(0)', 'sc0_conn_cnt', 'sc_conn_cnt(1)', 'sc_conn_cnt(2)', 'sc2_conn_cnt', 'sc_conn_cur(0)', 'sc0_conn_rate',
    'sc_http_req_cnt(0)', 'sc_http_req_rate(0)', 'sc1_http_req_cnt', 'sc_sess_cnt(0)', 'sc_sess_rate(0)', 'sc_get_gpc0(0)',
    'sc_get_gpc1(0)', 'sc_gpc0_rate(0)', 'sc_gpc1_rate(0)', 'sc_get_gpc(0,0)', 'sc_get_gpc(0,2)', 'sc_get_gpc(2,2)',
    'sc_get_gpc(9,2)', 'sc_gpc_rate(0,2)', 'sc_gpc_rate(2,2)', 'sc_get_gpt(1,2)', 'sc_get_gpt0(0)', 'sc_get_gpt0(2)',
    'sc2_get_gpc0', 'sc2_get_gpc1', 'sc_inc_gpc0(0)', 'sc_inc_gpc1(2)', 'sc_inc_gpc(1,2)', 'sc_clr_gpc0(0)', 'sc_get_gpc0(0)',
    'sc_clr_gpc(2,2)', 'sc1_clr_gpc(0)', 'sc_tracked(0)', 'sc_tracked(1)', 'sc_tracked(2)', 'sc2_tracked', 'sc_trackers(0)',
    'sc_trackers(2)', 'sc_kbytes_in(0)', 'sc_bytes_in_rate(0)', 'sc_http_err_cnt(0)', 'sc_http_fail_rate(0)',
    'sc_conn_cnt(0,ip6)', 'sc_conn_cnt(0,ip)', 'sc_conn_cnt(0,rate)', 'sc_gpc0_rate(0,rate)', 'sc_tracked(0,rate)',
    'sc_tracked(0,text)', 'sc_conn_cnt(0,text)', 'sc_trackers(0,rate)', 'sc_inc_gpc0(0,rate)', 'sc_gpc0_rate(0,rate)',
    'src_conn_cnt(ip)', 'src_conn_cnt(ip6)', 'src_conn_cnt(text)', 'src_conn_cnt(rate)', 'src_get_gpc0(ip)', 'src_get_gpt(1,ip6)',
    'src_get_gpc(2,ip6)', 'src_gpc_rate(0,ip6)', 'src_inc_gpc0(rate)', 'src_gpc0_rate(rate)', 'src_clr_gpc1(ip)',
    'src_updt_conn_cnt(ip)', 'src_updt_conn_cnt(number)', 'src_conn_cnt(number)', 'src_get_gpt0(number)', 'src_http_req_rate(ip)', 'src_sess_cnt(ip)',
    'src_kbytes_out(ip)', 'src_bytes_out_rate(ip)', 'table_cnt(ip)', 'table_avl(ip)', 'table_cnt(text)', 'table_avl(number)',
    'hdr(X-Key),in_table(text)', 'str(nobody),in_table(text)', 'hdr(X-Key),table_conn_cnt(text)', 'str(nobody),table_conn_cnt(text)',
    'hdr(X-Key),table_gpc0(text)', 'hdr(X-Key),table_sess_cnt(text)', 'str(nobody),table_sess_cnt(text)', 'src,table_conn_cnt(ip)',
    'src,table_conn_cnt(ip6)', 'src,table_gpc(2,ip6)', 'src,table_gpt(1,ip6)', 'src,table_gpc(7,ip6)', 'src,table_gpc_rate(0,ip6)',
    'str(nobody),table_trackers(text)', 'str(nobody),table_expire(text)',
    'str(nobody),table_expire(text,77)', 'str(nobody),table_idle(text,5)', 'str(nobody),table_idle(text)', 'src,table_expire(rate)', 'src,table_server_id(ip)',
    'str(10.9.8.7),table_conn_cnt(ip)', 'str(zz),table_conn_cnt(ip)', 'str(zz),in_table(ip)', 'str(5),table_gpt0(number)', 'int(5),table_gpt0(number)',
    'src,table_http_req_cnt(ip)', 'src,table_http_err_rate(ip)', 'src,table_kbytes_in(ip)', 'src,table_gpc0_rate(ip)', 'src,table_gpc1_rate(ip)',
    'src,table_gpt0(ip)', 'src,table_gpt0(ip6)', 'src,table_gpc1(ip6)', 'src,table_bytes_out_rate(ip)',
]


class Samples(Compared):
    ONCE = True
    MESSAGES = True
    RULES = SAYS.replace('ASKED', ' '.join('%%[%s]|' % text.replace(' ', '') for text in ASKED))

    def said(self, rig, *requests):
        with rig.connect() as client:
            answers = []
            for target, key in requests:
                client.request('GET', target, [('X-Key', key), ('X-Tag', '12')])
                answers.append(client.response().body.decode().strip())
        return answers

    def test_samples_and_converters_say_what_those_of_haproxy_do(self):
        requests = [('/', 'a'), ('/three', 'a'), ('/three', 'longer than eight'), ('/', 'b'), ('/three', 'longer than nine')]
        for _ in range(2):
            for rig in self.rigs():
                ask(rig, 'set table number key 5 data.gpt0 9')
            ours, theirs = (self.said(rig, *requests) for rig in self.rigs())
            for request, our, their in zip(requests, ours, theirs):
                all_of = [['%s=%s' % (text, value.strip()) for text, value in zip(ASKED, said.split('|'))]
                          for said in (our, their)]
                self.assertEqual(*all_of, request)
        self.settled(('ip', 'ip6', 'text', 'rate', 'number'))


class Commands(Compared):
    ONCE = True
    RULES = """
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
backend text
    stick-table type string size 1k expire 1h store gpc0,gpc0_rate(1m),gpt0,bytes_in_cnt
backend ip
    stick-table type ip size 1k expire 1h store http_fail_cnt,conn_cur,gpc1_rate(90s) srvkey addr
    stick on src
    server s <web>
backend ip6
    stick-table type ipv6 size 1k store gpc(3),gpc_rate(2,1m),gpt(1)
backend number
    stick-table type integer size 2 store server_id,gpc1
backend bytes
    stick-table type binary len 4 size 3 nopurge store gpc1
frontend fe
    bind <fe>
    default_backend ip
"""

    def test_entries_are_made_changed_shown_and_cleared_with_haproxys_words(self):
        for rig in self.rigs():
            self.assertEqual(rig.get('/').status, 200)
        self.compare_all(
            'set table', 'set table nobody', 'set table text key', 'set table text key abc', 'set table text key abc data.gpc0',
            'set table text key abc data.gpc0 5', 'set table text key abc data.gpc0 x', 'set table text key abc data.nope 5',
            'set table text key abc data.sess_rate 5', 'set table text key abc data.gpc0_rate 50 data.gpt0 3',
            'set table text key abc data.bytes_in_cnt 99999999999', 'set table text key abc gpc0 3', 'show table text key abc',
            'set table text key a\\ b', 'show table text key a\\ b', 'set table ip6 key 10.1.1.1 data.gpc 3',
            'set table ip6 key ::1 data.gpc0 3', 'set table ip6 key ::1 data.gpc 3', 'set table ip6 key 2001:DB8::1 data.gpt 4',
            'set table ip6 key zz data.gpc 3', 'show table ip6', 'show table ip6 key ::1', 'show table ip6 data.gpc ge 3',
            'show table ip6 data.gpc0 ge 0', 'set table number key 77 data.gpc1 3', 'set table number key abc data.gpc1 3',
            'set table number key 5 data.server_id 3', 'show table number', 'set table number key 78', 'set table bytes key aabb data.gpc1 4',
            'show table bytes', 'show table bytes key aa', 'clear table bytes key aa', 'show table text data.gpc0',
            'show table text data.gpc0 eq', 'show table text data.gpc0 eq x', 'show table text data.gpc0 zz 4',
            'show table text data.nope eq 4', 'show table text data.sess_rate eq 4', 'show table text data.gpc0 ge 0 data.gpt0 eq 3',
            'show table text data.gpc0 ge 0 data.gpt0 eq 4', 'show table text data.gpc0 ge 0 foo', 'show table text foo',
            'show table text data.gpc0 ge 0 data.gpc0 ge 0 data.gpc0 ge 0 data.gpc0 ge 0 data.gpc0 ge 0',
            'show table text data.gpc0_rate ge 1', 'show table text data.bytes_in_cnt gt 4294967295', 'show table text data.gpc0 lt 0',
            'set table ip key 1.2.3.4 data.conn_cur 4294967296', 'show table ip', 'set table ip key 1.2.3.4 data.http_fail_cnt -1',
            'set table ip key 1.2.3.4 data.gpc1_rate 9', 'show table ip data.server_id eq 1', 'show table ip data.gpc1_rate eq 9',
            'show table ip', 'clear table text data.gpc0 ge 0 data.gpt0 eq 3', 'show table text', 'clear table text foo',
            'clear table text key', 'clear table ip data.server_id eq 1', 'show table ip', 'clear table ip', 'show table')
    def test_a_table_that_knows_servers_by_address_shows_it(self):
        for rig in self.rigs():
            self.assertEqual(rig.get('/').status, 200)
        self.assertIn(' server_key=%s ' % self.web.address, self.compare('show table ip'))


LIMITED = """
frontend fe
    bind <fe>
%s
    default_backend be
backend be
    server s <web>
%s
"""


class Limits(Case):
    """As people write them."""

    def limited(self, rules, more=''):
        web = self.script(origin)
        text = LIMITED % ('\n'.join('    ' + line for line in rules.strip().split('\n')), more)
        return self.rig((HEAD + text).replace('<web>', web.address))

    def statuses(self, rig, count, target='/', keep=False):
        got = []
        if keep:
            with rig.connect() as client:
                for _ in range(count):
                    client.request('GET', target)
                    got.append(client.response().status)
            return got
        for _ in range(count):
            try:
                got.append(rig.get(target).status)
            except (Cut, OSError):
                got.append('cut')
        return got

    def test_requests_of_an_address_beyond_a_rate_are_refused(self):
        rig = self.limited('''
stick-table type ip size 100k expire 30s store http_req_rate(10s)
http-request track-sc0 src
http-request deny deny_status 429 if { sc_http_req_rate(0) gt 20 }''')
        self.assertEqual(self.statuses(rig, 23), [200] * 20 + [429] * 3)
        self.assertEqual(self.statuses(rig, 2, keep=True), [429] * 2)

    def test_requests_of_a_connection_are_counted_one_by_one(self):
        rig = self.limited('''
stick-table type ipv6 size 100k expire 30s store http_req_rate(10s)
http-request track-sc0 src
acl too_fast sc0_http_req_rate gt 5
http-request deny deny_status 429 if too_fast''')
        self.assertEqual(self.statuses(rig, 7, keep=True), [200] * 5 + [429] * 2)

    def test_connections_of_an_address_beyond_a_number_are_refused(self):
        rig = self.limited('''
stick-table type ip size 100k expire 30s store conn_cur
tcp-request connection track-sc0 src
tcp-request connection reject if { sc0_conn_cur gt 2 }''')
        first, second = rig.connect(), rig.connect()
        for client in (first, second):
            client.request('GET', '/')
            self.assertEqual(client.response().status, 200)
        self.assertEqual(self.statuses(rig, 1), ['cut'])
        first.close()
        wait_until(lambda: self.statuses(rig, 1) == [200], 'room for one more')
        second.close()

    def test_connections_of_an_address_beyond_a_rate_are_refused_before_they_speak(self):
        rig = self.limited('''
tcp-request connection track-sc1 src table rates
tcp-request connection reject if { src_conn_rate(rates) ge 4 }''', '''
backend rates
    stick-table type ip size 1m expire 10m store conn_rate(3s)''')
        self.assertEqual(self.statuses(rig, 5), [200] * 3 + ['cut'] * 2)

    def test_who_makes_too_many_errors_is_banned_by_a_counter_of_its_own(self):
        rig = self.limited('''
stick-table type ip size 100k expire 10m store gpc0,http_err_rate(1m)
http-request track-sc0 src
acl abuser sc0_get_gpc0 gt 0
http-request deny if abuser
acl mark sc0_inc_gpc0 ge 0
http-request deny if { sc0_http_err_rate gt 3 } mark''')
        self.assertEqual(self.statuses(rig, 4, '/404'), [404] * 4)
        self.assertEqual(self.statuses(rig, 2), [403] * 2)
        self.assertIn(' gpc0=1 ', ask(rig, 'show table fe'))
        ask(rig, 'clear table fe key 127.0.0.1')
        self.assertEqual(self.statuses(rig, 1), [200])

    def test_an_address_set_by_hand_is_banned(self):
        rig = self.limited('''
stick-table type ip size 100k expire 10m store gpt0
http-request deny deny_status 403 if { src,table_gpt0(fe) eq 1 }''')
        self.assertEqual(self.statuses(rig, 1), [200])
        ask(rig, 'set table fe key 127.0.0.1 data.gpt0 1')
        self.assertEqual(self.statuses(rig, 1), [403])
        ask(rig, 'set table fe key 127.0.0.1 data.gpt0 0')
        self.assertEqual(self.statuses(rig, 1), [200])

    def test_who_asks_too_much_is_kept_waiting(self):
        rig = self.limited('''
timeout tarpit 100ms
stick-table type string len 64 size 100k expire 10m store http_req_rate(10s)
http-request track-sc2 hdr(Authorization)
http-request tarpit deny_status 429 if { sc2_http_req_rate gt 2 }''')
        for status in (200, 200, 429):
            began = time.monotonic()
            self.assertEqual(rig.get('/', [('Authorization', 'Basic x')]).status, status)
        self.assertGreater(time.monotonic() - began, 0.09)
        self.assertEqual(self.statuses(rig, 5), [200] * 5)

    def test_who_asks_too_much_hears_nothing_more(self):
        rig = self.limited('''
stick-table type ip size 100k expire 10m store http_req_rate(10s)
http-request track-sc0 src
http-request silent-drop if { sc0_http_req_rate gt 1 }''')
        self.assertEqual(self.statuses(rig, 1), [200])
        with rig.connect() as client:
            client.request('GET', '/')
            client.socket.settimeout(0.3)
            with self.assertRaises(AssertionError):  # Neither bytes nor an end.
                client.response()

    def test_answers_of_a_path_that_fails_too_often_are_marked(self):
        rig = self.limited('''
http-request track-sc0 path table paths
http-response set-header X-Fails %[sc_http_fail_cnt(0)]''', '''
backend paths
    stick-table type string len 32 size 1k store http_fail_cnt''')
        fails = [rig.get('/503').get('X-Fails') for _ in range(3)]
        self.assertEqual(fails, ['1', '2', '3'])
        self.assertEqual(rig.get('/200').get('X-Fails'), '0')

    def test_bytes_of_a_client_are_counted(self):
        rig = self.rig(HEAD + """
frontend fe
    bind <fe>
    stick-table type ip size 100k expire 10m store bytes_in_cnt,bytes_out_cnt
    http-request track-sc0 src
    default_backend be
backend be
    server s <s1>
""")
        rig.post('/', b'x' * 50000)
        text = wait_until(lambda: re.search(r' bytes_in_cnt=([1-9]\d*) bytes_out_cnt=(\d+)', ask(rig, 'show table fe')), 'bytes')
        self.assertTrue(50000 < int(text.group(1)) < 50400, text.group(0))
        self.assertTrue(20 < int(text.group(2)) < 400, text.group(0))

    def test_a_backend_counts_for_itself(self):
        rig = self.limited('''
http-request set-header X-Kind x''', '''
    stick-table type ip size 1k expire 1m store http_req_cnt
    http-request track-sc0 src
    http-request deny deny_status 429 if { sc0_http_req_cnt gt 2 }''')
        self.assertEqual(self.statuses(rig, 4), [200, 200, 429, 429])

    def test_tunnels_of_an_address_beyond_a_number_are_refused(self):
        rig = self.limited('''
mode tcp
stick-table type ip size 1k expire 1m store conn_cur,conn_cnt
tcp-request content track-sc0 src
tcp-request content reject if { sc0_conn_cur gt 1 }''', '    mode tcp')
        with rig.connect() as first:
            first.request('GET', '/')
            self.assertEqual(first.response().status, 200)
            self.assertEqual(self.statuses(rig, 1), ['cut'])
        wait_until(lambda: self.statuses(rig, 1) == [200], 'room for one more')


@penstock_only('what a reload keeps')
class Reload(Case):

    TEXT = HEAD + """
frontend fe
    bind <fe>
    stick-table type ip size 1k expire 1h store conn_cur,http_req_cnt
    tcp-request connection track-sc0 src
    default_backend be
backend be
    server s <s1>
"""

    def entry(self, rig):
        return ask(rig, 'show table fe')

    def test_entries_and_who_is_tracked_live_on(self):
        rig = self.rig(self.TEXT)
        with rig.connect() as client:
            client.request('GET', '/')
            client.response()
            rig.reload(self.TEXT.replace('size 1k', 'size 2k'))
            wait_until(lambda: 'size:2048' in self.entry(rig), 'the table to be larger')
            self.assertRegex(self.entry(rig), r' use=1 .* conn_cur=1 http_req_cnt=1\n')
            client.request('GET', '/')
            client.response()
            self.assertRegex(self.entry(rig), r' use=1 .* conn_cur=1 http_req_cnt=2\n')
        wait_until(lambda: re.search(r' use=0 .* conn_cur=0 http_req_cnt=2\n', self.entry(rig)), 'the client to be gone')

    def test_a_table_that_stores_something_else_keeps_what_it_knew(self):
        rig = self.rig(self.TEXT)
        with rig.connect() as client:
            client.request('GET', '/')
            client.response()
            rig.reload(self.TEXT.replace('conn_cur,http_req_cnt', 'gpc0,http_req_cnt,http_req_rate(1m)'))
            wait_until(lambda: ' gpc0=' in self.entry(rig), 'the table to store more')
            self.assertRegex(self.entry(rig), r' use=0 .* gpc0=0 http_req_cnt=1 http_req_rate\(60000\)=0\n')
        # Whoever comes now is counted there; who was there before was with the table of before.
        self.assertLess(rig.get('/').status, 500)
        self.assertRegex(self.entry(rig), r' gpc0=0 http_req_cnt=2 http_req_rate\(60000\)=1\n')


del Compared
