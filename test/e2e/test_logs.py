"""The log: targets, formats, termination states, and a reader that is not ours."""
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile

from harness import Case, Client, Log, PATIENCE, check, penstock_only, rest_of

PLAIN = """
frontend fe
    bind <fe>
    default_backend be
backend be
    server s1 <s1>
"""
SERVING = """
defaults
    mode http
    timeout client 5s
frontend fe
    bind 127.0.0.1:8080
    http-request return status 200
"""
HTTPLOG = (r'<134>\w{3} [ \d]\d \d\d:\d\d:\d\d \S+\[\d+\]: 127\.0\.0\.1:\d+ '
           r'\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d\.\d{3}\] fe be/s1 \d+/\d+/\d+/\d+/\d+ 200 \d+ - - '
           r'---- \d+/\d+/\d+/\d+/\d+ \d+/\d+ "GET /test/size/1000\?a HTTP/1\.1"$')


class Targets(Case):

    def test_an_http_line_over_udp(self):
        rig = self.rig(PLAIN)
        rig.get('/test/size/1000?a')
        rig.log.wait(HTTPLOG)

    def test_the_process_is_named(self):
        rig = self.rig(PLAIN)
        rig.get('/test/server')
        self.assertEqual(int(rig.log.wait(r'\[(\d+)\]: 127').group(1)), rig.process.pid)

    def test_log_tag_facility_and_level(self):
        rig = self.rig(PLAIN, bare=True, start=False)
        rig.write("""
global
    log <log> local3 notice
    log-tag edge
defaults
    mode http
    log global
    option httplog
    timeout connect 5s
    timeout client 5s
    timeout server 5s
""" + PLAIN.replace('server s1 <s1>', 'server s1 <s1> check inter 50ms fall 1\n    server s2 <s2>'))
        rig.start()
        rig.get('/test/server')
        rig.server('s1').refuse()
        rig.log.wait(r'^<153>.* edge\[\d+\]: Server be/s1 is DOWN')   # local3 (19), alert (1).
        self.assertNotIn('GET /test/server', '\n'.join(rig.log.lines))   # info is not sent.

    def test_a_unix_socket(self):
        rig = self.rig(PLAIN, bare=True, start=False)
        log = Log('unix', rig.folder + '/log.sock')
        self.addCleanup(log.close)
        rig.write('global\n    log <dir>/log.sock local0\ndefaults\n    mode http\n    log global\n'
                  '    option httplog\n    timeout connect 5s\n    timeout client 5s\n'
                  '    timeout server 5s\n' + PLAIN)
        rig.start()
        rig.get('/test/size/1000?a')
        log.wait(HTTPLOG)

    def test_stdout_raw(self):
        for target in ('stdout', 'stderr'):
            rig = self.rig('global\n    log %s format raw local0\ndefaults\n    mode http\n    log global\n'
                           '    option httplog\n    timeout connect 5s\n    timeout client 5s\n'
                           '    timeout server 5s\n' % target + PLAIN, bare=True)
            rig.get('/test/size/1000?a')
            rig.output.wait(r'(?m)^127\.0\.0\.1:\d+ \[.*\] fe be/s1 .* 200 ')

    LINES = ('defaults\n    mode http\n    log global\n    option httplog\n    timeout connect 5s\n'
             '    timeout client 5s\n    timeout server 5s\n')

    def test_stdout_without_a_format_has_the_same_as_all_targets(self):
        for target in ('stdout', 'stderr', 'fd@1'):
            rig = self.rig('global\n    log %s local0\n' % target + self.LINES + PLAIN, bare=True)
            rig.get('/test/server')
            rig.output.wait(r'(?m)^<134>\w{3} [ \d]\d \d\d:\d\d:\d\d \S+\[\d+\]: 127\.')

    def test_log_send_hostname_changes_the_format_that_none_asked_for(self):
        rig = self.rig('global\n    log-send-hostname edge1\n    log <log> local0\n'
                       '    log <dir>/log.sock format local local0\n' + self.LINES + PLAIN, bare=True,
                       start=False)
        local = Log('unix', rig.folder + '/log.sock')
        self.addCleanup(local.close)
        rig.start()
        rig.get('/test/server')
        rig.log.wait(r'^<134>\w{3} [ \d]\d \S+ edge1 \w+\[\d+\]: 127\.')
        local.wait(r'^<134>\w{3} [ \d]\d \S+ \w+\[\d+\]: 127\.')

    @penstock_only('reloads by another way')
    def test_another_host_name_is_in_force_after_a_reload(self):
        text = ('global\n    log-send-hostname %s\n    log <log> local0\n' + self.LINES + PLAIN)
        rig = self.rig(text % 'edge1', bare=True)
        rig.get('/test/server')
        rig.log.wait(' edge1 ')
        rig.reload(text % 'edge2')
        rig.log.wait(' edge2 .*Reloaded')

    def test_a_proxys_own_target_comes_beside_the_global_ones(self):
        rig = self.rig(PLAIN.replace('bind <fe>', 'bind <fe>\n    log <dir>/own.sock local1'), start=False)
        own = Log('unix', rig.folder + '/own.sock')
        self.addCleanup(own.close)
        rig.start()
        rig.get('/test/server')
        rig.log.wait(r'^<134>.* "GET /test/server ')
        own.wait(r'^<142>.* "GET /test/server ')

    def test_no_log_drops_what_defaults_gave(self):
        rig = self.rig(PLAIN.replace('bind <fe>', 'bind <fe>\n    no log') + """
frontend fe2
    bind <fe2>
    default_backend be
""")
        rig.get('/test/first')
        rig.get('/test/second', frontend='fe2')
        rig.log.wait('GET /test/second')
        self.assertNotIn('/test/first', '\n'.join(rig.log.lines))

    def test_format_short_and_rfc5424(self):
        for form, pattern in (('short', r'^<6>127\.0\.0\.1:'),
                              ('rfc5424', r'^<134>1 \d{4}-\d\d-\d\dT\S+ \S+ \S+ \d+ - - 127\.')):
            rig = self.rig('global\n    log <log> format %s local0\ndefaults\n    mode http\n'
                           '    log global\n    option httplog\n    timeout connect 5s\n'
                           '    timeout client 5s\n    timeout server 5s\n' % form + PLAIN, bare=True)
            rig.get('/test/server')
            rig.log.wait(pattern)

    def test_losing_the_target_loses_no_traffic(self):
        rig = self.rig(PLAIN)
        rig.get('/test/server')
        rig.log.socket.close()
        rig.log.socket = socket.socket()
        client = rig.connect()
        for _ in range(300):
            self.assertEqual(client.get('/test/server').status, 200)

    def test_a_target_that_was_never_there_loses_no_traffic(self):
        rig = self.rig(PLAIN, bare=True, start=False)
        rig.write('global\n    log <dir>/absent.sock local0\n    log <dead> local0\ndefaults\n    mode http\n'
                  '    log global\n    option httplog\n    timeout connect 5s\n    timeout client 5s\n'
                  '    timeout server 5s\n' + PLAIN)
        rig.start()
        self.assertEqual(rig.get('/test/server').status, 200)

    @penstock_only('haproxy says only that sending failed, at the first line')
    def test_lost_lines_are_told_on_stderr_and_in_the_other_logs(self):
        rig = self.rig(PLAIN, bare=True, start=False)
        rig.write('global\n    log <dir>/absent.sock local0\n    log <log> local0\ndefaults\n    mode http\n'
                  '    log global\n    option httplog\n    timeout connect 5s\n    timeout client 5s\n'
                  '    timeout server 5s\n' + PLAIN)
        rig.start()
        rig.output.wait(r"WARNING.*:2:9\] : lines to '\S+/absent.sock' are lost for now: No such file or directory")
        self.assertEqual(rig.get('/test/server').status, 200)
        report = r'\d+ lines? to \S+/absent.sock (was|were) lost: No such file or directory'
        rig.output.wait(report)
        rig.log.wait(report)

    @penstock_only('haproxy says nothing')
    def test_a_log_path_that_nobody_reads_is_told_by_a_check(self):
        folder = tempfile.mkdtemp(prefix='penstock-logs.')
        self.addCleanup(shutil.rmtree, folder)
        with open(os.path.join(folder, 'file.log'), 'w'):
            pass
        stream = socket.socket(socket.AF_UNIX)
        dead = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(stream.close)
        stream.bind(os.path.join(folder, 'stream'))
        stream.listen()
        dead.bind(os.path.join(folder, 'dead'))
        dead.close()
        for name, why in (('absent', "lines to '%s' are lost for now: No such file or directory"),
                          ('stream', "lines to '%s' are lost for now: it takes streams, not datagrams"),
                          ('dead', "lines to '%s' are lost for now: nobody listens there"),
                          ('file.log', "'%s' is a file, not a socket: lines to it are lost"),
                          ('.', "'%s' is a folder, not a socket: lines to it are lost")):
            path = os.path.join(folder, name)
            code, said = check('global\n    log %s local0\n' % path + SERVING)
            self.assertEqual(code, 0, said)
            self.assertIn(':2:9] : ' + why % path, said)
        log = Log('unix', os.path.join(folder, 'alive'))
        self.addCleanup(log.close)
        self.assertNotIn('lost', check('global\n    log %s local0\n' % log.address + SERVING)[1])


class Lines(Case):

    def test_dontlognull_keeps_probes_out(self):
        rig = self.rig(PLAIN, defaults='    option dontlognull')
        rig.connect().close()
        rig.get('/test/server')
        rig.log.wait('GET /test/server')
        self.assertEqual(len(rig.log.lines), 1)

    def test_dontlognull_keeps_out_nobody_who_said_something(self):
        rig = self.rig(PLAIN, defaults='    option dontlognull\n    timeout http-request 50ms')
        for said in (b'GET', b'\r\n', b''):
            with rig.connect() as client:
                client.send(said)
                client.rest()
        rig.get('/test/server')
        rig.log.wait('GET /test/server')
        self.assertEqual(len([line for line in rig.log.lines if ' 408 ' in line]), 2)

    def test_without_dontlognull_a_probe_is_logged(self):
        rig = self.rig(PLAIN)
        rig.connect().close()
        rig.log.wait(r' fe fe/<NOSRV> -1/-1/-1/-1/\d+ \S+ 0 - - CR-- .* "<BADREQ>"')

    def test_a_connection_that_comes_to_no_request_has_a_line_of_its_own(self):
        head = r': 127\.0\.0\.1:\d+ \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d\.\d{3}\] fe/%s: '
        for mode in ('http', 'tcp'):
            for bind, sent, said in (
                    ('ssl crt <certs>/mail.pem name one', b'GET / HTTP/1.1\r\n\r\n', 'SSL handshake failure \\(.*\\)$'),
                    ('ssl crt <certs>/mail.pem name one', b'\x16\x03\x01', 'Connection closed during SSL handshake$'),
                    ('accept-proxy name one', b'GET / HTTP/1.1\r\n\r\n',
                     'Received something which does not look like a PROXY protocol header \\(.*\\)$'),
                    ('accept-proxy id 7', b'PROXY ', 'Connection closed while waiting for PROXY protocol header$')):
                rig = self.rig('listen fe\n    mode %s\n    bind <fe> %s\n    server s1 <s1>\n' % (mode, bind))
                client = rig.connect().send(sent)
                client.half_close()
                client.rest()
                rig.log.wait(head % ('7' if 'id 7' in bind else 'one') + said)
                self.assertEqual(len(rig.log.lines), 1)

    def test_a_handshake_that_takes_too_long_is_named(self):
        for mode in ('http', 'tcp'):
            rig = self.rig('listen fe\n    mode %s\n    timeout http-request 100ms\n    timeout client 100ms\n'
                           '    bind <fe> ssl crt <certs>/mail.pem\n    server s1 <s1>\n' % mode)
            client = rig.connect().send(b'\x16')
            client.rest()
            rig.log.wait('Timeout during SSL handshake$')

    def test_a_port_that_is_only_tried_is_no_error_under_dontlognull(self):
        for mode in ('http', 'tcp'):
            rig = self.rig('listen fe\n    mode %s\n    bind <fe> ssl crt <certs>/mail.pem\n    server s1 <s1>\n' % mode,
                           defaults='    option dontlognull')
            client = rig.connect()
            client.half_close()
            client.rest()
            rig.connect().send(b'x' * 50).rest()
            rig.log.wait('SSL handshake failure')
            self.assertEqual(len(rig.log.lines), 1)

    def test_captures_and_a_format_of_ones_own(self):
        rig = self.rig(PLAIN.replace('bind <fe>', """bind <fe>
    capture request header X-One len 5
    capture request header X-Two len 20
    capture response header X-FEServer len 10
    log-format "%ci %ST %B %hr %hs %HM %HP %[capture.req.hdr(1)] %{+Q}r %ts %s""" + '"'))
        rig.get('/test/size/10', [('X-One', '123456789'), ('X-Two', 'b')])
        rig.log.wait(r'127\.0\.0\.1 200 \d+ \{12345\|b\} \{EX01\} GET /test/size/10 b '
                     r'"GET /test/size/10 HTTP/1\.1" -- s1$')

    def test_captures_stand_before_the_request(self):
        rig = self.rig(PLAIN.replace('bind <fe>', """bind <fe>
    capture request header Host len 64
    capture response header X-FEServer len 10"""))
        rig.get('/test/server')
        rig.log.wait(r' 0/0 \{mail\.contoso\.com\} \{EX01\} "GET /test/server HTTP/1\.1"$')

    def test_odd_bytes_are_escaped(self):
        rig = self.rig(PLAIN.replace('bind <fe>', 'bind <fe>\n    capture request header X-Odd len 50'))
        rig.get('/test/server', [('X-Odd', 'a"b{c}|\xe4')])
        rig.log.wait(r'\{a#22b#7Bc#7D#7C#E4\}')

    def test_termination_states(self):
        rig = self.rig(PLAIN.replace('bind <fe>', """bind <fe>
    http-request deny if { path /deny }
    http-request redirect location /x if { path /redirect }
    http-request return status 200 if { path /return }
    use_backend dead if { path /dead }""") + 'backend dead\n    retries 0\n    server s1 <dead>\n',
                       defaults='    timeout http-request 2s')

        def ends(letters, path, line=r''):
            start = len(rig.log.drain())
            client = rig.connect()
            client.request('GET', path)
            client.rest() if path == '/test/cut?of=9&after=1' else client.response()
            client.close()
            rig.log.wait(r' %s \d+/\d+/\d+/\d+/\+?\d+ .* "GET %s ' % (letters, re.escape(path)),
                         start=start)
        ends('----', '/test/server')
        ends('PR--', '/deny')
        ends('LR--', '/redirect')
        ends('LR--', '/return')
        ends('SC--', '/dead')
        ends('SH--', '/test/cut?after=-1')
        ends('SD--', '/test/cut?of=9&after=1')

    def test_a_client_that_leaves_in_the_answer_is_CD(self):
        rig = self.rig(PLAIN)
        client = rig.connect().request('GET', '/test/size/30000000')
        client.take_until(b'\r\n\r\n')
        client.reset()
        rig.log.wait(r' be/s1 .* CD-- ')

    @penstock_only('holds less of an answer')
    def test_a_client_that_leaves_when_the_server_has_ended_is_CL(self):
        rig = self.rig(PLAIN, globals_='tune.sndbuf.client 4096')
        states = []
        # What the system takes of an answer is told; what we hold of it is CL; beyond that the server has not ended.
        for size in [*range(8192, 24576, 512), 7 << 20]:
            start = len(rig.log.drain())
            client = Client(rig.addresses['fe'], rcvbuf=4096)
            client.request('GET', '/test/size/%d' % size)
            client.take_until(b'\r\n\r\n')
            rest_of(rig.server(), 'bytes_out')
            client.reset()
            line = rig.log.wait(r' 200 (\d+) - - (--|CD|CL)-- \d+/\d+/0/0/0 ', start=start)
            states.append(line.group(2))
            self.assertEqual(line.group(2) == '--', int(line.group(1)) > size, line.string)
        self.assertIn('CL', states)
        self.assertEqual(states[-1], 'CD')

    def test_a_tunnel_counts_its_bytes(self):
        rig = self.rig(PLAIN)
        client = rig.connect()
        client.request('GET', '/test/upgrade', [('Connection', 'Upgrade'), ('Upgrade', 'odd')])
        client.response()
        client.send(b'x' * 1000)
        client.take(1000)
        client.close()
        match = rig.log.wait(r' be/s1 \d+/\d+/\d+/\d+/\d+ 101 (\d+) - - ')
        self.assertGreaterEqual(int(match.group(1)), 1000)

    def test_halog_reads_the_log(self):
        halog = shutil.which('halog', path='/usr/bin:/usr/sbin:/bin:/sbin')
        if not halog:
            self.skipTest('halog is not installed')
        rig = self.rig(PLAIN)
        for path in ['/test/server'] * 20 + ['/test/status/404', '/test/cut?after=-1']:
            rig.get(path)
        rig.log.wait(r' 502 ')
        lines = ['Nov 22 15:00:00 host ' + re.sub(r'^<\d+>\w{3} [ \d]\d \d\d:\d\d:\d\d ', '', line)
                 for line in rig.log.lines]
        for option, pattern in (('-srv', r'be/s1\s|22 '), ('-st', r'(?m)^200 20|^404 1|^502 1'),
                                ('-pct', r'\d'), ('-tc', r'SH'),
                                ('-ut', r'(?m)^20 .*/test/server$')):
            done = subprocess.run([halog, option], input='\n'.join(lines) + '\n', text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertNotRegex(done.stderr, r'[1-9]\d* (parsing|lines?) error|Error')
            self.assertRegex(done.stdout, pattern, option)


class Secrets(Case):
    TEXT = """
global
    setenv PLANTED %(secret)s
frontend fe
    bind <fe>
    acl known req.hdr(Authorization) -m str "Bearer %(secret)s"
    acl known req.cook(session) %(secret)s
    http-request deny if { path /test/no }
    http-request deny if { url_param(api_key) %(secret)s } !known
    http-request redirect location http://user:%(secret)s@host/ if { path /test/away }
    http-request set-var(txn.password) str(%(secret)s)
    http-request return status 200 content-type text/plain string x hdr X-Api-Key %(secret)s if { path /test/own }
    http-request set-header Authorization "Basic %(secret)s"
    http-request set-header Cookie session=%(secret)s
    http-response replace-header Set-Cookie (.*) %(secret)s
    default_backend be
backend be
    option httpchk
    http-check send meth GET uri /test/server hdr Authorization "Basic %(secret)s" body %(secret)s
    dynamic-cookie-key %(secret)s
    server s1 <s1> check
    server s2 127.0.0.1:1 check
"""

    def test_no_output_shows_what_is_secret(self):
        rig = self.rig(self.TEXT % {'secret': 'plantedone'})
        fields = [('Authorization', 'Basic plantedtwo'), ('Cookie', 'session=plantedtwo')]
        for path in ('/test/server', '/test/no', '/test/own', '/test/cut?after=-1'):
            client = rig.connect()
            client.request('GET', path, fields)
            client.response()
        broken = rig.connect()
        broken.send(b'GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic plantedtwo\nX: y\r\n\r\n')
        self.assertEqual(broken.response().status, 400)
        rig.log.wait(r'line feed without carriage return', reason=True)
        rig.log.wait(r'Server be/s2 is DOWN')
        rig.reload(self.TEXT % {'secret': 'plantedthree'})
        rig.log.wait(r'Authorization')
        # Mistakes in lines with secrets are shown without them.
        wrong = self.TEXT % {'secret': 'plantedfour'}
        for right, mistake in (('-m str "Bearer', '-m strr "Bearer'),
                               ('Authorization "Basic plantedfour"', 'Authorization Basic plantedfour'),
                               ('dynamic-cookie-key plantedfour', 'dynamic-cookie-key plantedfour plantedfour'),
                               ('setenv PLANTED', 'setenv =x')):
            self.assertIn(right, wrong)
            wrong = wrong.replace(right, mistake)
        rig.reload(wrong)
        rig.log.wait('Reload refused')
        said = '\n'.join(rig.log.drain() + rig.log.reasons) + rig.output.text
        self.assertIn('strr', said)
        self.assertNotIn('planted', said.replace('PLANTED', ''))


class ErrorFormats(Case):
    """`error-log-format` and `log-format-sd`."""
    ONCE = True
    CONFIG = """
frontend fe
    bind <fe>
    bind <fe2> name tls ssl crt <certs>/mail.pem
    no log
    log <log> format rfc5424 local0
    option httplog
    capture request header X-A len 20
    error-log-format "ERR %ci %ft %b %s %ST %ts"
    <more>
    use_backend dead if { path /dead }
    http-request deny if { path /deny }
    default_backend be
backend be
    server s1 <s1>
backend dead
    server s1 <dead>
"""

    def test_it_is_for_who_came_to_no_request(self):
        rig = self.rig(self.CONFIG.replace('<more>', ''))
        rig.connect().send(b'BLA\r\n\r\n')
        rig.log.wait(r'^<134>1 \S+ \S+ \S+ \d+ - - ERR 127\.0\.0\.1 fe fe <NOSRV> 400 PR$')
        rig.connect('fe2').send(b'no TLS at all\r\n\r\n')
        rig.log.wait(r' - - ERR 127\.0\.0\.1 fe~ fe <NOSRV> 0 PR$')

    def test_lines_about_requests_are_in_the_format_of_requests(self):
        rig = self.rig(self.CONFIG.replace('<more>', ''))
        for path, status in (('/test/size/1', 200), ('/deny', 403), ('/dead', 503)):
            rig.get(path)
            rig.log.wait(r' - - 127\.0\.0\.1:\d+ \[.* %d .* "GET %s HTTP/1\.1"$' % (status, path))

    def test_structured_data_go_to_targets_of_rfc5424(self):
        rig = self.rig(self.CONFIG.replace('<more>', """log-format-sd "[ex@1 b=\\"%b\\" a=\\"%{+E}[capture.req.hdr(0)]\\"]"
    log <log> format short local0"""))
        rig.get('/test/size/1', fields=[('X-A', 'a]b"c')])
        rig.log.wait(r'^<134>1 \S+ \S+ \S+ \d+ - \[ex@1 b="be" a="a\\]b\\"c"\] 127\.0\.0\.1:')
        rig.log.wait(r'^<6>127\.0\.0\.1:')
        rig.connect().send(b'BLA\r\n\r\n')
        rig.log.wait(r' - \[ex@1 b="fe" a="-"\] ERR ')


@penstock_only('a word of its own')
class Json(Case):
    ONCE = True
    CONFIG = """
frontend fe
    bind <fe> name web
    bind <fe2> name tls ssl crt <certs>/mail.pem
    no log
    log <log> len 8192 format raw local0
    option httplog-json
    capture request header X-A len 2000
    capture request header X-B len 20
    capture response header Server len 20
    use_backend dead if { path /dead }
    default_backend be
backend be
    server s1 <s1>
backend dead
    server s1 <dead>
"""

    def line(self, rig, pattern='"uri":'):
        return json.loads(rig.log.wait('^{.*%s.*$' % pattern).group(0))

    def test_what_is_known_has_its_type(self):
        rig = self.rig(self.CONFIG)
        rig.get('/test/size/1000?a="b"', fields=[('X-A', 'q"\\\xe9\t')])
        line = self.line(rig)
        for name, value in {'client_ip': '127.0.0.1', 'frontend': 'fe', 'bind': 'web', 'tls_version': None,
                            'backend': 'be', 'server': 's1', 'server_ip': '127.0.0.1', 'status': 200,
                            'termination_state': '----', 'retries': 0, 'redispatched': False, 'reason': None,
                            'unique_id': None, 'method': 'GET', 'version': 'HTTP/1.1',
                            'captured_request_cookie': None, 'feconn': 1}.items():
            self.assertEqual(line[name], value, name)
        self.assertIs(type(line['client_port']), int)
        self.assertGreater(line['bytes_read'], 1000)
        self.assertGreaterEqual(line['time_connect_ms'], 0)
        self.assertRegex(line['time'], r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$')
        self.assertEqual(line['uri'], '/test/size/1000?a="b"')
        self.assertEqual(line['captured_request_headers'], ['q"\\\xe9', None])

    def test_what_is_not_known_is_null_and_a_failure_has_its_reason(self):
        rig = self.rig(self.CONFIG)
        rig.get('/dead')
        line = self.line(rig)
        self.assertEqual((line['status'], line['termination_state'], line['time_response_ms']), (503, 'SC--', None))
        self.assertIn('connection refused', line['reason'])
        self.assertEqual(line['captured_response_headers'], [None])

    def test_what_could_not_be_read_says_so(self):
        rig = self.rig(self.CONFIG)
        rig.connect().send(b'BLA\r\n\r\n')
        line = self.line(rig)
        self.assertEqual((line['status'], line['method'], line['uri'], line['server']), (400, None, None, None))
        rig.connect('fe2').send(b'no TLS at all\r\n\r\n')
        line = self.line(rig, '"message":')
        self.assertEqual((line['frontend'], line['bind']), ('fe', 'tls'))
        self.assertTrue(line['message'].startswith('SSL handshake failure'), line)

    def test_a_line_of_long_texts_is_whole(self):
        rig = self.rig(self.CONFIG)
        rig.get('/test/size/1?' + '"' * 3000, fields=[('X-A', '\\' * 2000)])
        line = self.line(rig, '"status":200')
        self.assertEqual(line['captured_request_headers'][0], '\\' * 1024)
        self.assertTrue(line['uri'].endswith('"'), line['uri'])
