"""What is counted: the same traffic through us and through HAProxy, and each column of the statistics compared that does
not depend on the moment."""
import csv
import io
import json
import os
import random
import re
import shutil
import subprocess
import time
import unittest

import harness
from harness import Case, Cut, PROGRAM, penstock_only, wait_until

HAPROXY = shutil.which('haproxy')

OK = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

CONFIG = """
frontend fe_stats
    bind <fe_stats>
    stats enable
    stats uri /stats
    stats show-legends

frontend fe
    bind <fe> name main
    option socket-stats
    option http-server-close
    http-request deny if { path /deny }
    http-request return status 204 if { path /own }
    http-request redirect location /else if { path /moved }
    http-request tarpit if { path /tarpit }
    timeout tarpit 50ms
    http-response deny if { res.hdr(X-Bad) -m found }
    use_backend be_dead if { path_beg /dead }
    use_backend be_refused if { path_beg /refused }
    use_backend be_none if { path_beg /none }
    use_backend be_deny if { path_beg /bedeny }
    use_backend be_cookie if { path_beg /cookie }
    use_backend be_full if { path_beg /full }
    default_backend be

backend be
    retries 0
    timeout server 300ms
    server s1 <raw>

backend be_dead
    retries 1
    option redispatch
    timeout connect 300ms
    server d1 <dead>
    server d2 <raw>

backend be_refused
    retries 2
    timeout connect 100ms
    server r <dead>

backend be_none
    server n1 <raw> disabled

backend be_deny
    http-request deny
    server s1 <raw>

backend be_cookie
    cookie SRV insert indirect
    server a <raw> cookie a
    server b <raw> cookie b

listen fe_watched
    bind <fe_watched>
    option abortonclose
    timeout server 2s
    server s1 <raw>

backend be_full
    timeout queue 100ms
    server f <raw> maxconn 1

frontend fe_tls
    bind <fe_tls> ssl crt <certs>/mail.pem
    default_backend be

frontend fe_door
    bind <fe_door>
    tcp-request connection reject if { src 127.0.0.2 }
    tcp-request session reject if { src 127.0.0.3 }
    default_backend be

frontend fe_tcp
    mode tcp
    option tcplog
    bind <fe_tcp>
    default_backend be_tcp

backend be_tcp
    mode tcp
    server t <raw>

frontend fe_tcpdead
    mode tcp
    option tcplog
    bind <fe_tcpdead>
    default_backend be_tcpdead

backend be_tcpdead
    mode tcp
    retries 2
    timeout connect 300ms
    server t <dead>
"""

CHECKS = """
frontend fe_stats
    bind <fe_stats>
    stats uri /stats
    stats show-legends

backend be_checked
    balance leastconn
    option httpchk GET /
    default-server inter 50ms
    cookie SRV insert
    server up <raw> check weight 7 cookie c
    server down <dead> check maxqueue 5
    server spare <raw> backup
    server off <raw> disabled

backend be_after
    balance source
    server follows <raw> track be_checked/down weight 3
    server also <raw> track be_checked/up
"""

# What only a clock can tell: it never rests.
OF_TIME = {
    'rate', 'rate_max', 'req_rate', 'req_rate_max', 'conn_rate', 'conn_rate_max', 'lastchg', 'lastsess', 'downtime',
    'qtime', 'ctime', 'rtime', 'ttime', 'qtime_max', 'ctime_max', 'rtime_max', 'ttime_max', 'check_duration',
}
# Of each traffic that, and what has no meaning here.
PASSED_OVER = OF_TIME | {
    # Of how bytes are counted, and what is kept idle.
    'bin', 'bout', 'srv_icur', 'idle_conn_cur', 'safe_conn_cur', 'used_conn_cur', 'need_conn_est',
    # Of the process.
    'slim', 'addr',
}


def talk(sock, number):
    for head in harness.heads(sock):
        if b' HTTP/1.' not in head:
            continue  # The end of a body in chunks.
        target = head.split(b' ')[1].decode()
        if 'late' in target:
            sock.recv(1)
            return
        if 'cut' in target:
            sock.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf')
            return
        if 'silent' in target:
            return
        if 'junk' in target:
            sock.sendall(b'this is no HTTP\r\n\r\n')
            return
        if 'bad' in target:
            sock.sendall(b'HTTP/1.1 200 OK\r\nX-Bad: 1\r\nContent-Length: 0\r\n\r\n')
        elif '404' in target:
            sock.sendall(b'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n')
        elif '500' in target:
            sock.sendall(b'HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n')
        elif 'early' in target:
            sock.sendall(b'HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n' + OK)
        else:
            sock.sendall(OK)


def table(rig, frontend='fe_stats'):
    text = rig.get('/stats;csv', frontend=frontend).body.decode()
    rows = csv.DictReader(io.StringIO(text[2:]))
    return {row['pxname'] + '/' + row['svname']: row for row in rows if row['pxname'] != 'fe_stats'}


def alone(rig):
    """Until nobody is there any more: who comes next is the only one."""
    wait_until(lambda: all(row['scur'] in ('', '0') for row in table(rig).values()), 'clients to be gone')


class Both(Case):
    """Two rigs side by side: ours and HAProxy."""

    def both(self, traffic, done=None, text=CONFIG, **options):
        tables = []
        for program in (PROGRAM, HAPROXY):
            raw = self.script(talk)
            rig = self.rig(text, servers={'raw': raw}, program=program, **options)
            traffic(rig)
            if done:
                wait_until(lambda: done(table(rig)), 'the count')
            tables.append(self.resting(rig))
        return tables

    def resting(self, rig):
        """When nobody is served any more, and two looks see the same."""
        last, moves = [None], []

        def rests():
            before, last[0] = last[0], table(rig)
            moves[:] = [(name, column, value) for name, row in last[0].items() for column, value in row.items()
                        if column == 'scur' and value not in ('', '0') or column not in OF_TIME
                        and before and before[name][column] != value]
            return before and not moves
        try:
            wait_until(rests, 'the counts to rest', pause=0.03)
        except AssertionError as error:
            raise AssertionError('%s of %s: %r' % (error, rig.program, moves)) from None
        return last[0]

    def same(self, traffic, different=(), **options):
        ours, theirs = self.both(traffic, **options)
        self.assertEqual(self.differences(ours, theirs, different), [])
        return ours

    def differences(self, ours, theirs, different=()):
        self.assertEqual(list(ours), list(theirs))
        wrong = []
        for name, row in theirs.items():
            for column, value in row.items():
                if not column or column in PASSED_OVER or column.startswith(('h1_bytes', 'h2_', 'agg_')):
                    continue
                # HAProxy sees some clients leave late, and then has two at once where there was one.
                if column == 'smax' and row['type'] in ('0', '3'):
                    continue
                if (name, column) in different or ('*', column) in different:
                    continue
                if ours[name][column] != value:
                    wrong.append('%s %s: %r, haproxy %r' % (name, column, ours[name][column], value))
        return wrong


def gets(*targets, frontend='fe', status=None):
    def traffic(rig):
        for target in targets:
            with rig.connect(frontend) as client:
                try:
                    client.get(target)
                except Cut:
                    pass
            alone(rig)
    return traffic


class TestPage(Case):
    ONCE = True
    EXPORTER = 'http-request use-service prometheus-exporter if { path /metrics }'
    PAGE = """
frontend fe
    bind <fe>
    stats enable
    stats uri /stats
    %s
    default_backend app
backend app
    stats uri /behind
    stats scope .
    server s1 <s1> cookie a
    cookie S insert
"""

    def test_the_log_names_what_answered(self):
        rig = self.rig(self.PAGE % ('log <log> local0\n    option httplog\n    ' + self.EXPORTER))
        rig.get('/stats')
        rig.log.wait(r' fe fe/<STATS> .* LR-- ')
        rig.get('/metrics')
        rig.log.wait(r' fe fe/<PROMEX> .* LR-- ')

    def test_how_busy_the_process_is(self):
        rig = self.rig(self.PAGE % self.EXPORTER)

        def number(name):
            text = rig.get('/metrics?scope=global&metrics=haproxy_process_' + name).body.decode()
            return int(text.rsplit(None, 1)[1])
        self.assertIn(number('idle_time_percent'), range(101))
        rig.get('/test/server')

        def rate():
            rig.get('/test/server')
            return number('bytes_out_rate')
        wait_until(lambda: rate() > 0, 'a second with traffic')
        wait_until(lambda: number('bytes_out_rate') == 0 or number('idle_time_percent') < 100, 'the numbers to move')

    def test_forms_of_it(self):
        rig = self.rig(self.PAGE % '')
        answer = rig.get('/stats;csv')
        self.assertEqual(answer.get('content-type'), 'text/plain')
        self.assertTrue(answer.body.startswith(b'# pxname,svname,'))
        answer = rig.get('/stats;json')
        self.assertEqual(answer.get('content-type'), 'application/json')
        self.assertEqual(json.loads(answer.body)[0][0]['value'], {'type': 'str', 'value': 'fe'})
        answer = rig.get('/stats')
        self.assertIn('text/html', answer.get('content-type'))
        self.assertTrue(answer.body.startswith(b'<!DOCTYPE html>'))
        self.assertTrue(answer.body.endswith(b'</html>\n'))

    def test_others_go_to_servers(self):
        rig = self.rig(self.PAGE % '')
        self.assertEqual(rig.get('/test/server').body, b'EX01')

    def test_scope_of_a_backends_page(self):
        rig = self.rig(self.PAGE % '')
        names = {line.split(',')[0] for line in rig.get('/behind;csv').body.decode().splitlines()[1:]}
        self.assertEqual(names, {'app'})

    def test_addresses_are_shown_where_asked_for(self):
        self.assertNotIn(b'127.0.0.1', self.rig(self.PAGE % '').get('/stats;csv').body)
        self.assertIn(b'127.0.0.1', self.rig(self.PAGE % 'stats show-legends').get('/stats;csv').body)

    def test_a_password(self):
        rig = self.rig(self.PAGE % 'stats auth ann:secret\n    stats realm The\\ farm')
        answer = rig.get('/stats')
        self.assertEqual(answer.status, 401)
        self.assertEqual(answer.get('www-authenticate'), 'Basic realm="The farm"')
        self.assertEqual(rig.get('/stats', [('Authorization', 'Basic YW5uOnNlY3JldA==')]).status, 200)
        self.assertEqual(rig.get('/stats', [('Authorization', 'Basic YW5uOnNlY3JldDI=')]).status, 401)

    def test_rules_of_its_own(self):
        rig = self.rig(self.PAGE % 'stats http-request deny if { hdr(X-Who) -m found }\n'
                       '    stats http-request auth realm own if { hdr(X-Ask) -m found }')
        self.assertEqual(rig.get('/stats', [('X-Who', '1')]).status, 403)
        self.assertEqual(rig.get('/stats', [('X-Ask', '1')]).get('www-authenticate'), 'Basic realm="own"')
        self.assertEqual(rig.get('/stats').status, 200)

    def test_refresh(self):
        rig = self.rig(self.PAGE % 'stats refresh 7s')
        self.assertEqual(rig.get('/stats;csv').get('refresh'), '7')
        self.assertIsNone(rig.get('/stats;csv;norefresh').get('refresh'))
        # The script of the page takes it anew at that pace; who has none is given a new page.
        answer = rig.get('/stats')
        self.assertIsNone(answer.get('refresh'))
        self.assertIn(b'<noscript><meta http-equiv="refresh" content="7"></noscript>', answer.body)
        self.assertIn(b'<body data-live="7">', answer.body)
        answer = rig.get('/stats;norefresh')
        self.assertNotIn(b'http-equiv', answer.body)
        self.assertIn(b'<body data-live="0">', answer.body)

    def test_nothing_from_outside_and_nothing_within(self):
        rig = self.rig(self.PAGE % '')
        answer = rig.get('/stats')
        policy = answer.get('content-security-policy')
        self.assertTrue(policy.startswith("default-src 'none'; style-src 'self'; script-src 'self';"), policy)
        body = answer.body.decode()
        self.assertEqual(set(re.findall(r'(?:src|href)="([^"]*)', body)) - {'data:,'},
                         {'/stats' + end for end in (';css', ';js', '', ';up', ';norefresh', ';csv', ';json')})
        self.assertIsNone(re.search(r'<style| style=| on[a-z]+=|<script>', body))
        for end, kind in ((';css', 'text/css'), (';js', 'text/javascript')):
            self.assertEqual(rig.get('/stats' + end).get('content-type'), kind)

    def test_pictures_of_the_last_hour(self):
        rig = self.rig(self.PAGE % '')
        self.assertNotIn(b'<svg', rig.get('/stats').body)
        rig.get('/test/server')
        # A point is taken every five seconds.
        wait_until(lambda: b'<svg' in rig.get('/stats').body, 'the first point', seconds=harness.PATIENCE + 10, pause=0.2)
        line = re.search(r'<th scope="row">app</th>(<td class="picture">.*)</tr>', rig.get('/stats').body.decode()).group(1)
        self.assertEqual(line.count('<svg '), 4)
        self.assertIn('<small>0.2/s, most 0.2/s</small>', line)

    def test_http_1_0_and_head(self):
        rig = self.rig(self.PAGE % '')
        with rig.connect() as client:
            client.send('GET /stats;csv HTTP/1.0\r\n\r\n')
            head, _, body = client.rest().partition(b'\r\n\r\n')
            self.assertNotIn(b'chunked', head.lower())
            self.assertTrue(body.startswith(b'# pxname'))
        with rig.connect() as client:
            self.assertEqual(client.request('HEAD', '/stats').response('HEAD').status, 200)
            self.assertEqual(client.get('/test/server').body, b'EX01')

    def state(self, rig, server='s1'):
        return table(rig, 'fe')['app/' + server]['status']

    def test_an_administrator_changes_servers(self):
        rig = self.rig(self.PAGE % 'stats admin if { hdr(X-Boss) -m found }')
        self.assertIn(b'<form method="post"', rig.get('/stats', [('X-Boss', '1')]).body)
        self.assertNotIn(b'<form', rig.get('/stats').body)
        iid = table(rig, 'fe')['app/BACKEND']['iid']
        for backend, action, state in (('app', 'drain', 'DRAIN'), ('%23' + iid, 'maint', 'MAINT'), ('app', 'ready', 'no check')):
            answer = rig.post('/stats', ('s=s1&action=%s&b=%s' % (action, backend)).encode(), [('X-Boss', '1')])
            self.assertEqual((answer.status, answer.get('location')), (303, '/stats;st=DONE'))
            wait_until(lambda: self.state(rig) == state, 'the server to be ' + state)
        self.assertIn(b'Done.', rig.get('/stats;st=DONE').body)

    def test_what_is_not_changed(self):
        rig = self.rig(self.PAGE % 'stats admin if { hdr(X-Boss) -m found }')
        boss = ('X-Boss', '1')
        form = b's=s1&action=maint&b=app'
        for how, body, fields in (('DENY', form, []), ('ERRP', b's=s1&action=explode&b=app', [boss]),
                                  ('ERRP', b's=s1&action=maint&b=nowhere', [boss]), ('NONE', b'action=maint&b=app', [boss]),
                                  ('EXCD', b's=' + b'x' * 100000, [boss]),
                                  ('DENY', form, [boss, ('Origin', 'http://evil.example')]),
                                  ('DENY', form, [boss, ('Sec-Fetch-Site', 'cross-site')])):
            with self.subTest(how):
                self.assertEqual(rig.post('/stats', body, fields).get('location'), '/stats;st=' + how)
        self.assertEqual(self.state(rig), 'no check')

    def test_what_a_browser_sends_is_our_form(self):
        text = self.PAGE % 'stats admin if { hdr(X-Boss) -m found }'
        rig = self.rig(text + '    stats admin if { hdr(X-Boss) -m found }\n')
        boss, ann = ('X-Boss', '1'), ('Authorization', 'Basic YW5uOnNlY3JldA==')
        origin, site = ('Origin', 'http://mail.contoso.com'), ('Sec-Fetch-Site', 'same-origin')

        def token(*fields, uri='/stats'):
            return re.search(rb'name="token" value="([^"]+)"', rig.get(uri, [boss, *fields]).body).group(1)

        def outcome(token, *fields):
            body = b's=s1&action=ready&b=app&token=' + token
            return rig.post('/stats', body, [boss, *fields]).get('location').rpartition('=')[2]
        ours = token()
        until, dot, signature = ours.partition(b'.')
        self.assertAlmostEqual(int(until), time.time() + 86400, delta=60)
        for how, of, fields in (('DONE', ours, [origin, site]), ('DONE', ours, [site]), ('DONE', ours, [origin]),
                                ('AGED', b'', [origin, site]), ('AGED', ours[:-1], [site]), ('AGED', ours, [site, ann]),
                                ('AGED', b'1.' + signature, [origin]), ('AGED', until, [origin]),
                                ('AGED', b'%d.%s' % (int(until) + 1, signature), [origin]),
                                ('DONE', token(ann), [site, ann]), ('AGED', token(uri='/behind'), [site]),
                                ('DENY', ours, [('Origin', 'http://evil.example')]), ('DENY', ours, [('Origin', 'null')]),
                                ('DENY', ours, [origin, ('Sec-Fetch-Site', 'same-site')])):
            with self.subTest(how, of=of, fields=fields):
                self.assertEqual(outcome(of, *fields), how)
        # Scripts made for HAProxy know of none.
        self.assertEqual(outcome(b''), 'DONE')
        rig.reload()
        self.assertEqual(outcome(ours, origin, site), 'DONE')

    def test_metrics(self):
        rig = self.rig(self.PAGE % 'http-request use-service prometheus-exporter if { path /metrics }')
        rig.get('/test/server')
        # Its end is counted by another worker, maybe a moment later.
        served = 'haproxy_backend_http_responses_total{proxy="app",code="2xx"} 1\n'
        wait_until(lambda: served in rig.get('/metrics').body.decode(), 'the answer to be counted')
        text = rig.get('/metrics').body.decode()
        self.assertIn('haproxy_server_status{proxy="app",server="s1",state="UP"} 1\n', text)
        self.assertIn('haproxy_process_nbthread %d\n' % rig.nbthread, text)
        text = rig.get('/metrics?scope=server').body.decode()
        self.assertEqual({line.split('_')[1] for line in text.splitlines() if not line.startswith('#')}, {'server'})

    def test_metrics_of_stick_tables(self):
        rig = self.rig("""
frontend fe
    bind <fe>
    http-request use-service prometheus-exporter if { path /metrics }
    http-request track-sc0 src table first
    http-request return status 200
backend first
    stick-table type ip size 100k expire 1m store conn_cur
backend second
    stick-table type string len 20 size 1k expire 1m store gpc0
""")
        rig.get('/')
        text = rig.get('/metrics?scope=sticktable').body.decode()
        self.assertEqual([line for line in text.splitlines() if not line.startswith('# HELP')], [
            '# TYPE haproxy_sticktable_size gauge',
            'haproxy_sticktable_size{name="second",type="string"} 1024',
            'haproxy_sticktable_size{name="first",type="ip"} 102400',
            '# TYPE haproxy_sticktable_used gauge',
            'haproxy_sticktable_used{name="second",type="string"} 0',
            'haproxy_sticktable_used{name="first",type="ip"} 1'])
        self.assertIn('haproxy_sticktable_used{name="first"', rig.get('/metrics').body.decode())
        self.assertNotIn('sticktable', rig.get('/metrics?scope=server').body.decode())

    def test_idle_connections_that_served_once_and_more(self):
        rig = self.rig(self.PAGE % '', nbthread=1)

        def idle():
            row = [row for row in csv.DictReader(io.StringIO(rig.get('/stats;csv').body.decode()[2:]))
                   if row['svname'] == 's1'][0]
            return [row[name] for name in ('srv_icur', 'idle_conn_cur', 'safe_conn_cur')]
        with rig.connect() as client:
            client.get('/test/server')
        wait_until(lambda: idle() == ['1', '1', '0'], 'one that served once')
        with rig.connect() as client:
            client.get('/test/server')
            client.get('/test/server')
        wait_until(lambda: idle()[2] == '1', 'one that served more')

    def own(self, rig, query=''):
        """Metrics of our own: by their series."""
        lines = rig.get('/metrics' + query).body.decode().splitlines()
        return dict(line.rsplit(' ', 1) for line in lines if line.startswith('penstock_'))

    def test_metrics_of_how_long_what_takes(self):
        rig = self.rig(self.PAGE % self.EXPORTER + '\nbackend idle\n    server s1 <s1>\n')
        self.assertNotIn('penstock_backend', ''.join(self.own(rig)))
        for _ in range(3):
            rig.get('/test/server')
        total = 'penstock_backend_request_duration_seconds'
        wait_until(lambda: self.own(rig).get(total + '_count{proxy="app",code="2xx"}') == '3', 'the answers to be counted')
        own = self.own(rig)
        self.assertEqual(own[total + '_bucket{proxy="app",code="2xx",le="+Inf"}'], '3')
        self.assertEqual(own[total + '_count{proxy="app",code="5xx"}'], '0')
        buckets = [int(value) for name, value in own.items() if name.startswith(total + '_bucket{proxy="app",code="2xx"')]
        self.assertEqual(buckets, sorted(buckets))
        self.assertEqual(own['penstock_backend_response_duration_seconds_count{proxy="app"}'], '3')
        # Each had a client of its own, and so the first request of it.
        self.assertEqual(own['penstock_backend_connect_duration_seconds_count{proxy="app"}'],
                         table(rig, 'fe')['app/s1']['connect'])
        self.assertEqual(own['penstock_backend_queue_duration_seconds_count{proxy="app"}'], '0')
        self.assertNotIn('proxy="idle"', ''.join(own))
        self.assertNotIn('penstock_backend_check', ''.join(own))

    def test_metrics_of_checks(self):
        rig = self.rig(self.PAGE.replace('cookie a', 'check inter 50ms') % self.EXPORTER)
        name = 'penstock_backend_check_duration_seconds_count{proxy="app"}'
        wait_until(lambda: int(self.own(rig).get(name, 0)) >= 2, 'two checks')

    def test_metrics_of_reloads(self):
        rig = self.rig(self.PAGE % self.EXPORTER)

        def reloads():
            own = self.own(rig, '?scope=global')
            names = ('reloads_total{result="done"}', 'reloads_total{result="refused"}', 'last_reload_refused')
            return [int(own['penstock_process_' + name]) for name in names]
        self.assertEqual(reloads(), [0, 0, 0])
        rig.reload('nonsense\n')
        wait_until(lambda: reloads() == [0, 1, 1], 'the refusal to be counted')
        rig.reload(self.PAGE % self.EXPORTER)
        wait_until(lambda: reloads() == [1, 1, 0], 'the reload to be counted')
        at = int(self.own(rig)['penstock_process_last_reload_timestamp_seconds'])
        self.assertAlmostEqual(at, time.time(), delta=60)

    def test_metrics_of_certificates(self):
        rig = self.rig(self.PAGE % self.EXPORTER + '\nfrontend fe_tls\n    bind <fe_tls> ssl crt <certs>/mail.pem\n')
        own = self.own(rig)
        name, = (name for name in own if name.startswith('penstock_certificate_'))
        self.assertRegex(name, r'not_after_timestamp_seconds{file="/.*/mail.pem",name="mail.contoso.com"}$')
        self.assertAlmostEqual(int(own[name]), time.time() + 365 * 86400, delta=86400)

    def test_metrics_chosen_by_name(self):
        rig = self.rig(self.PAGE % self.EXPORTER)

        def names(query):
            lines = rig.get('/metrics?' + query).body.decode().splitlines()
            return {line.split()[2] for line in lines if line.startswith('# TYPE')}
        two = {'haproxy_process_nbthread', 'haproxy_server_status'}
        self.assertEqual(names('metrics=' + ','.join(two)), two)
        self.assertEqual(names('scope=server&metrics=' + ','.join(two)), {'haproxy_server_status'})
        self.assertEqual(names('') - names('metrics=-penstock_process_reloads_total,-haproxy_server_status'),
                         {'penstock_process_reloads_total', 'haproxy_server_status'})

    def test_queries_of_metrics_that_are_refused(self):
        for program in (PROGRAM, HAPROXY) if HAPROXY else (PROGRAM,):
            rig = self.rig(self.PAGE % self.EXPORTER, program=program)
            for query, status in (('scope=frontend', 200), ('scope=%66rontend', 200), ('scope=sticktable', 200), ('scope=', 200),
                                  ('scope=bad', 400), ('scope=frontend&scope=bad', 400), ('scope', 400), ('scope=%zz', 400),
                                  ('x=%zz', 400), ('scope=frontend,backend', 400), ('no-maint=1', 200)):
                with self.subTest(program=program, query=query):
                    self.assertEqual(rig.get('/metrics?' + query).status, status)
            self.assertEqual(rig.get('/metrics?scope=server&scope=').body, b'')

    def test_dashboard_and_alerts_name_metrics_that_there_are(self):
        rig = self.rig(self.PAGE.replace('cookie a', 'cookie a check') % self.EXPORTER +
                       '\nfrontend fe_tls\n    bind <fe_tls> ssl crt <certs>/mail.pem\n    log <log> local0\n')
        rig.get('/test/server')
        wait_until(lambda: 'penstock_backend_check' in ''.join(self.own(rig)), 'a check')
        there = set(re.findall(r'^# TYPE (\S+)', rig.get('/metrics').body.decode(), re.MULTILINE))
        folder = os.path.join(harness.ROOT, 'contrib', 'grafana')
        with open(os.path.join(folder, 'penstock.json')) as file:
            dashboard = json.load(file)
        text = '\n'.join(target['expr'] for panel in dashboard['panels'] for target in panel.get('targets', []))
        text += '\n'.join(one.get('definition', '') for one in dashboard['templating']['list'])
        with open(os.path.join(folder, 'alerts.yml')) as file:
            text += file.read()
        named = {re.sub('_(bucket|sum|count)$', '', name) for name in re.findall(r'\b(?:haproxy|penstock)_[a-z_0-9]+', text)}
        self.assertGreater(len(named), 20)
        self.assertEqual(named - there, set())

    @unittest.skipUnless(shutil.which('promtool'), 'there is no promtool')
    def test_promtool_says_nothing_of_metrics_of_ours(self):
        rig = self.rig(self.PAGE.replace('cookie a', 'cookie a check') % self.EXPORTER)
        rig.get('/test/server')
        text = rig.get('/metrics').body
        said = subprocess.run(['promtool', 'check', 'metrics'], input=text, capture_output=True).stderr.decode()
        self.assertEqual([line for line in said.splitlines() if not line.startswith('haproxy_')], [])

    def test_many_servers(self):
        lines = ''.join('    server x%d 127.0.0.1:1 disabled\n' % i for i in range(3000))
        rig = self.rig(self.PAGE % 'http-request use-service prometheus-exporter if { path /metrics }' + lines)
        self.assertEqual(rig.get('/stats;csv').body.count(b'\n'), 3000 + 4)
        self.assertEqual(rig.get('/metrics?scope=server&no-maint').body.count(b'state="MAINT"'), 1)
        with rig.connect() as client:
            client.request('GET', '/metrics')
            client.take(1000)
            self.assertEqual(rig.get('/test/server').body, b'EX01')


@unittest.skipUnless(HAPROXY, 'there is no haproxy to compare with')
@penstock_only('compares the two')
class TestCounts(Both):
    def test_nothing_has_happened(self):
        self.same(lambda rig: None)

    def test_answers_of_servers(self):
        self.same(gets('/', '/404', '/500', '/early', '/'))

    def test_a_connection_that_is_kept(self):
        def traffic(rig):
            with rig.connect() as client:
                for _ in range(3):
                    client.get('/')
        self.same(traffic)

    def test_rules_that_answer(self):
        self.same(gets('/deny', '/own', '/moved', '/tarpit', '/bedeny'))

    def test_answers_that_rules_deny(self):
        self.same(gets('/bad'))

    def test_answers_that_fail(self):
        self.same(gets('/late', '/silent', '/junk', '/cut'))

    def test_no_server(self):
        self.same(gets('/none'))

    def test_a_server_that_refuses(self):
        self.same(gets('/dead', '/dead', '/dead'))

    def test_a_line_that_is_too_long(self):
        def traffic(rig):
            with rig.connect() as first, rig.connect() as second:
                first.request('GET', '/full/late')
                wait_until(lambda: table(rig)['be_full/f']['scur'] == '1', 'the first to be served')
                second.get('/full')
        self.same(traffic)

    def test_a_cookie_chooses(self):
        def traffic(rig):
            for value in ('b', 'b', 'gone'):
                rig.get('/cookie', [('Cookie', 'SRV=' + value)])
                alone(rig)
        self.same(traffic)

    def test_requests_that_cannot_be_read(self):
        def traffic(rig):
            for bytes_ in (b'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n', b'nonsense\r\n\r\n'):
                with rig.connect() as client:
                    client.send(bytes_)
                    client.rest()
                alone(rig)
        self.same(traffic)

    def test_clients_that_leave(self):
        def traffic(rig):
            with rig.connect() as client:
                client.send('GET / HT')
            alone(rig)
            with rig.connect():
                pass
            alone(rig)
            with rig.connect('fe_watched') as client:
                client.request('GET', '/late')
                wait_until(lambda: table(rig)['fe_watched/s1']['scur'] == '1', 'the request to be served')
        self.same(traffic)

    def test_handshakes(self):
        def traffic(rig):
            with rig.connect('fe_tls', sni='mail.contoso.com') as client:
                client.get('/')
            alone(rig)
            with rig.connect('fe_tls') as client:
                client.send(b'\x16\x03\x01\x00\x05hello')
                client.rest()
        self.same(traffic)

    def test_doors(self):
        def traffic(rig):
            for source in ('127.0.0.1', '127.0.0.2', '127.0.0.3'):
                try:
                    with rig.connect('fe_door', source=source) as client:
                        client.get('/')
                except (Cut, ConnectionError):
                    pass
                alone(rig)
        self.same(traffic)

    def test_requests_that_rules_have_no_room_for(self):
        text = CONFIG.replace('    http-request deny if { path /deny }\n',
                              '    http-request deny if { path /deny }\n    http-request set-header X-Big "%s" if { path /big }\n'
                              % ('%[req.hdr(X-In)]' * 120))
        ours = self.same(lambda rig: rig.get('/big', [('X-In', 'x' * 12000)]), text=text)
        self.assertEqual(ours['fe/FRONTEND']['wrew'], '1')

    def test_how_many_are_admitted(self):
        ours, theirs = self.both(lambda rig: None, text='global\n    maxconn 200\n' + CONFIG)
        self.assertEqual({name: row['slim'] for name, row in ours.items()}, {name: row['slim'] for name, row in theirs.items()})

    def test_requests_that_are_being_served(self):
        def seen(program):
            rig = self.rig(CONFIG, servers={'raw': self.script(talk)}, program=program)
            with rig.connect('fe_watched') as client:
                client.request('GET', '/late')
                wait_until(lambda: table(rig)['fe_watched/s1']['scur'] == '1', 'the request to be served')
                now = table(rig)
            alone(rig)
            then = table(rig)
            return [rows['fe_watched/' + side]['h1_open_' + what] for rows in (now, then)
                    for side in ('FRONTEND', 'BACKEND') for what in ('streams', 'connections')]
        self.assertEqual(seen(PROGRAM), seen(HAPROXY))

    def test_more_tries_at_the_same_server(self):
        self.same(gets('/refused'))

    def test_checks(self):
        def traffic(rig):
            wait_until(lambda: table(rig)['be_checked/down']['status'] == 'DOWN', 'the check to fail')
            wait_until(lambda: table(rig)['be_checked/up']['check_status'] == 'L7OK', 'the check to pass')
        ours, theirs = self.both(traffic, text=CHECKS)
        for name, row in theirs.items():
            for column in ('status', 'act', 'bck', 'weight', 'uweight', 'chkfail', 'chkdown', 'check_status', 'check_code',
                           'check_desc', 'check_rise', 'check_fall', 'check_health', 'tracked', 'last_chk', 'cookie',
                           'algo', 'mode', 'qlimit', 'type', 'iid', 'sid'):
                with self.subTest(name + ' ' + column):
                    self.assertEqual(ours[name][column].removeprefix('* '), row[column].removeprefix('* '))

    def test_metrics_have_the_same_names_types_and_labels(self):
        def metrics(program):
            raw = self.script(talk)
            text = CONFIG.replace('stats enable', 'http-request use-service prometheus-exporter if { path /metrics }', 1)
            rig = self.rig(text, servers={'raw': raw}, program=program)
            lines = rig.get('/metrics', frontend='fe_stats').body.decode().splitlines()
            types = sorted(line for line in lines if line.startswith('# TYPE'))
            series = sorted(line.rpartition(' ')[0] for line in lines if line[0] != '#' and 'build_info' not in line)
            # Those of our own come beside them.
            types, series = ([line for line in some if 'penstock_' not in line] for some in (types, series))
            return types, series
        self.assertEqual(metrics(PROGRAM), metrics(HAPROXY))

    def test_mode_tcp(self):
        def traffic(rig):
            for frontend in ('fe_tcp', 'fe_tcpdead'):
                with rig.connect(frontend) as client:
                    try:
                        client.request('GET', '/')
                        client.response()
                    except (Cut, ConnectionError):
                        pass
        self.same(traffic)


# Without idle connections: what fails on one of them is tried on another here, where HAProxy lets the client do that.
RANDOM_CONFIG = re.sub(r'(?m)^(frontend|listen) (fe_(?:tls|door|watched))$', r'\1 \2\n    option http-server-close', CONFIG)
# What random traffic may count otherwise than HAProxy does.
DIFFERENT = {
    ('*', 'h1_open_connections'),  # Of a backend: of what is kept idle.
}
SEEDS = [int(seed) for seed in os.environ.get('E2E_SEEDS', '1 2').split()]


@unittest.skipUnless(HAPROXY, 'there is no haproxy to compare with')
@penstock_only('compares the two')
class TestRandomTraffic(Both):
    """The same requests, by chance, through us and through HAProxy; then each column."""
    SLOW = True
    TARGETS = ['/', '/', '/', '/404', '/500', '/early', '/bad', '/deny', '/own', '/moved', '/tarpit', '/bedeny', '/none', '/dead',
               '/refused', '/late', '/silent', '/junk', '/cut', '/cookie', '/cookie/404', '/dead/500']

    def one(self, rig, chance):
        with rig.connect() as client:
            client.get(chance.choice(self.TARGETS))

    def several(self, rig, chance):
        with rig.connect() as client:
            client.get(chance.choice(self.TARGETS))
            for _ in range(chance.randrange(1, 4)):
                # HAProxy says nothing where a server says nothing to a later request, and leaves it to the client to ask
                # again; from us it hears 502.
                client.get(chance.choice([target for target in self.TARGETS if target != '/silent']))

    def pipelined(self, rig, chance):
        targets = [chance.choice(['/', '/404', '/500', '/cookie', '/own', '/moved']) for _ in range(chance.randrange(2, 5))]
        with rig.connect() as client:
            client.send(''.join('GET %s HTTP/1.1\r\nHost: mail.contoso.com\r\n\r\n' % target for target in targets))
            for _ in targets:
                client.response()

    def posted(self, rig, chance):
        with rig.connect() as client:
            head = 'POST %s HTTP/1.1\r\nHost: mail.contoso.com\r\n' % chance.choice(['/', '/404', '/deny', '/none'])
            if chance.random() < 0.5:
                client.send(head + 'Content-Length: 5\r\n\r\nhello')
            else:
                client.send(head + 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n')
            client.response()

    def head(self, rig, chance):
        with rig.connect() as client:
            client.request('HEAD', chance.choice(['/own', '/moved', '/deny', '/none', '/bedeny'])).response('HEAD')

    def of_http_1_0(self, rig, chance):
        with rig.connect() as client:
            client.send('GET %s HTTP/1.0\r\n\r\n' % chance.choice(self.TARGETS))
            client.rest()

    def unreadable(self, rig, chance):
        with rig.connect() as client:
            client.send(chance.choice(['nonsense\r\n\r\n', 'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n',
                                       'GET / HTTP/1.1\r\nHost: a\r\n: \r\n\r\n']))
            client.rest()

    def then_unreadable(self, rig, chance):
        with rig.connect() as client:
            client.get(chance.choice(['/', '/404', '/own']))
            client.send('nonsense\r\n\r\n')
            client.rest()

    def half(self, rig, chance):
        with rig.connect() as client:
            client.send(chance.choice(['G', 'GET / HT', 'GET / HTTP/1.1\r\nHost: mail.contoso.com\r\n']))

    def silent(self, rig, chance):
        with rig.connect():
            pass

    def left_behind(self, rig, chance):
        with rig.connect('fe_watched') as client:
            client.request('GET', '/late')
            wait_until(lambda: table(rig)['fe_watched/s1']['scur'] == '1', 'the request to be served')

    def queued(self, rig, chance):
        with rig.connect() as first, rig.connect() as second:
            first.request('GET', '/full/late')
            wait_until(lambda: table(rig)['be_full/f']['scur'] == '1', 'the first to be served')
            second.get('/full')

    def known(self, rig, chance):
        rig.get('/cookie', [('Cookie', 'SRV=' + chance.choice(['a', 'b', 'gone']))])

    def of_tls(self, rig, chance):
        with rig.connect('fe_tls', sni='mail.contoso.com') as client:
            for _ in range(chance.randrange(1, 3)):
                client.get(chance.choice(['/', '/404', '/500']))

    def of_tcp(self, rig, chance):
        with rig.connect(chance.choice(['fe_tcp', 'fe_tcpdead'])) as client:
            client.request('GET', chance.choice(['/', '/cut', '/silent']))
            client.response()

    def at_the_door(self, rig, chance):
        with rig.connect('fe_door', source=chance.choice(['127.0.0.1', '127.0.0.2', '127.0.0.3'])) as client:
            client.get('/')

    def steps(self, seed, count):
        kinds = [self.one, self.one, self.several, self.several, self.pipelined, self.posted, self.head, self.of_http_1_0,
                 self.unreadable, self.then_unreadable, self.half, self.silent, self.left_behind, self.queued, self.known,
                 self.of_tls, self.of_tcp, self.at_the_door]
        chance = random.Random(seed)
        return [(chance.choice(kinds), chance.random()) for _ in range(count)]

    def take(self, rig, step, seed):
        try:
            step(rig, random.Random(seed))
        except (Cut, ConnectionError):
            pass
        return self.resting(rig)

    def test_what_is_counted_of_it(self):
        for seed in SEEDS:
            rigs = [self.rig(RANDOM_CONFIG, servers={'raw': self.script(talk)}, program=program) for program in (PROGRAM, HAPROXY)]
            for step, chance in self.steps(seed, 30):
                # In turns: a server of both would see twice the load.
                tables = [self.take(rig, step, chance) for rig in rigs]
                wrong = self.differences(*tables, DIFFERENT)
                self.assertEqual(wrong, [], 'seed %d, after %s by %r' % (seed, step.__name__, chance))
