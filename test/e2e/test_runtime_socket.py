"""The runtime socket: its protocol and its commands. Answers are compared with those of HAProxy, which is run beside
with the same configuration."""
import csv
import io
import json
import os
import re
import shutil
import socket
import subprocess
import threading

from harness import reserved_port, Case, Client, Cut, IS_HAPROXY, PATIENCE, PROGRAM, ROOT, Rig, Script, penstock_only, wait_until

HAPROXY = shutil.which('haproxy')

CONFIG = """
global
    stats socket <dir>/admin.sock level admin
    stats socket <dir>/operator.sock
    stats socket <dir>/user.sock level user
    stats timeout 20s
frontend fe
    bind <fe>
    default_backend be
backend be
    cookie SRV insert
    server s1 <s1> cookie a weight 10
    server s2 <s2> cookie b backup disabled maxconn 5
    server s3 127.0.0.1:9 id 77 track other/t1
backend other
    id 40
    server t1 <dead> check inter 1h fastinter 300ms
    server t2 [::1]:9 slowstart 10s ssl verify none weight 0
    server t3 localhost:9
    server t4 unix@/nowhere.sock
"""


class Admin:
    """One connection to a runtime socket."""

    def __init__(self, rig, name='admin.sock'):
        path = os.path.join(rig.folder, name)

        def connects():
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(PATIENCE)
            try:
                self.socket.connect(path)
                return True
            except (FileNotFoundError, ConnectionRefusedError):
                self.socket.close()
                return False
        wait_until(connects, 'a socket at ' + path)

    def send(self, text):
        self.socket.sendall(text.encode('latin-1'))
        return self

    def end(self):
        self.socket.shutdown(socket.SHUT_WR)
        return self

    def rest(self):
        data = b''
        while True:
            try:
                piece = self.socket.recv(65536)
            except ConnectionResetError:
                piece = b''
            if not piece:
                self.socket.close()
                return data.decode('latin-1')
            data += piece

    def until(self, mark):
        data = ''
        while not data.endswith(mark):
            piece = self.socket.recv(65536)
            if not piece:
                raise AssertionError('ended after %r' % data)
            data += piece.decode('latin-1')
        return data


def ask(rig, line, name='admin.sock'):
    """The answer to one line, as scripts ask: the line, then the end of what they say."""
    return Admin(rig, name).send(line + '\n').end().rest()


def until_answer(rig, line, pattern):
    return wait_until(lambda: re.search(pattern, ask(rig, line)), '%r in the answer to %r' % (pattern, line), pause=0.02)


class Both(Case):
    """Each command is given to both programs, and their answers are the same, but for what `plain` makes alike."""
    ONCE = True
    TEXT = CONFIG

    def setUp(self):
        self.ours = self.rig(self.TEXT)
        if not HAPROXY or IS_HAPROXY:
            self.skipTest('there is no haproxy to compare with')
        self.theirs = self.rig(self.TEXT, program=HAPROXY, servers=self.ours.servers)
        if self.TEXT is CONFIG:
            # The one server that is checked is down, and so is the one that tracks it.
            for rig in (self.ours, self.theirs):
                until_answer(rig, 'show servers state', r' s3 \S+ 0 0 1 1 ')

    def plain(self, text):
        return text

    def compare(self, line, name='admin.sock'):
        ours, theirs = (self.plain(ask(rig, line, name).replace(rig.folder, '<dir>').replace(
            '%d' % rig.dead.getsockname()[1], '<dead>')) for rig in (self.ours, self.theirs))
        self.assertEqual(ours, theirs, line)
        return ours

    def compare_all(self, *lines):
        for line in lines:
            with self.subTest(line):
                self.compare(line)


class Talk(Both):
    """How one speaks there."""

    def bytes(self, *parts, half=True, name='admin.sock'):
        answers = []
        for rig in (self.ours, self.theirs):
            admin = Admin(rig, name)
            for part in parts:
                admin.send(part)
            answers.append((admin.end() if half else admin).rest().replace(rig.folder, '<dir>'))
        self.assertEqual(answers[0], answers[1], parts)
        return answers[0]

    def test_one_line_is_answered_and_the_connection_ends(self):
        self.assertEqual(self.bytes('show cli level\n', half=False), 'admin\n\n')
        self.assertEqual(self.bytes('show cli level\r\n'), 'admin\n\n')
        self.assertEqual(self.bytes('  show   cli level \n'), 'admin\n\n')
        self.assertEqual(self.bytes('show cli level'), '')

    def test_commands_of_one_line_are_answered_in_turn(self):
        self.assertEqual(self.bytes('show cli level;get weight be/s1;operator\n'),
                         'admin\n\n10 (initial 10)\n\n\n')
        self.bytes('get weight be/nobody;show cli level\n')

    def test_what_is_escaped_parts_nothing(self):
        self.bytes('get weight be\\;x/s1\n')
        self.bytes('get weight be/s1\\ x\n')
        self.bytes('get weight be/s\\1\n')

    def test_prompt_stays_until_quit(self):
        self.bytes('prompt\n', 'show cli level\n', 'quit\n', half=False)
        self.bytes('prompt;show cli level;prompt;show cli level\n', half=False)

    def test_a_command_without_output_is_answered_by_an_empty_line(self):
        self.assertEqual(self.bytes('set timeout cli 10\n'), '\n')

    def test_a_payload_ends_with_an_empty_line(self):
        self.assertEqual(self.bytes('show cli level <<\nabc\ndef\n\n'), 'admin\n\n')
        self.assertEqual(self.bytes('show cli level <<\nabc\n'), '')
        self.bytes('prompt;show cli level <<\nabc\n\nshow cli level\n')

    def test_levels(self):
        for name in ('admin.sock', 'operator.sock', 'user.sock'):
            for line in ('show cli level', 'operator', 'user', 'user;operator', 'show cli sockets', 'show env NOBODY',
                         'disable server be/s1', 'enable server be/s1', 'set server be/s1 state ready',
                         'set weight be/s1 10', 'set maxconn server be/s1 9', 'get weight be/s1',
                         'shutdown sessions server be/s1', 'expert-mode', 'operator;disable server be/s1',
                         'show servers state nobody', 'show servers conn nobody'):
                with self.subTest(name, line=line):
                    self.bytes(line + '\n', name=name)

    def test_severities(self):
        self.bytes('set severity-output number;show cli level;get weight be/x;get weight be/s1\n')
        self.bytes('set severity-output string;show cli level;get weight be/x;get weight be/s1\n')
        self.bytes('set severity-output none;show cli level;set severity-output\n')

    def test_times(self):
        for line in ('set timeout cli', 'set timeout cli 0', 'set timeout cli x', 'set timeout cli 5m',
                     'set timeout nobody 5'):
            self.bytes(line + '\n')

    def test_modes(self):
        self.bytes('expert-mode on;expert-mode;expert-mode off;expert-mode;experimental-mode\n')

    def test_sockets_and_environment(self):
        self.compare_all('show cli sockets', 'show env HOME', 'show env NOBODY_HAS_THIS')

    def test_an_unknown_command_names_others_and_help_names_all(self):
        for rig in (self.ours, self.theirs):
            self.assertRegex(ask(rig, 'show foo'), r'\AUnknown command, but maybe one of the following ones is a '
                             r'better match:\n(  show .{34,}: .*\n)+  help .{35}: .*\n  prompt .*\n  quit .*\n\n\Z')
            self.assertRegex(ask(rig, ''), r'\AUnknown command. Please enter one of the following commands only:\n'
                             r'(  .*: .*\n)+\n\Z')
            self.assertRegex(ask(rig, 'help'), r'\AThe following commands are valid at this level:\n'
                             r'(  .*: .*\n)+\n\Z')
        usages = [re.findall(r'(?m)^  (.{40}):', ask(rig, 'help')) for rig in (self.ours, self.theirs)]
        self.assertEqual([usage.strip() for usage in usages[0] if usage not in usages[1]],
                         ['drain host <host> [hard] [wait <time>]', 'get map <map> <value>', 'maint host <host>',
                          'new ssl crl-file <crlfile>', 'prepare map <map>', 'ready host <host>', 'reload',
                          'save servers state', 'set rate-limit sessions global <value>', 'show acl [[@<ver>] <acl>]',
                          'show map [[@<ver>] <map>]', 'show pins', 'show proc', 'show requests', 'show why <bk>/<srv>'])


class Servers(Both):
    """What is known of servers, and what is wanted of them."""

    def plain(self, text):
        # Seconds since a change; the port that HAProxy makes of a missing one.
        return re.sub(r'(?m)^((?:\S+ ){9})\d+ ', r'\1T ', text)

    def test_show_servers_state(self):
        self.compare_all('show servers state', 'show servers state be', 'show servers state nobody',
                         'show servers state be other', 'show backend')

    def test_states(self):
        for server in ('be/s1', 'be/s2', 'other/t2', 'be/s3'):
            for state in ('maint', 'drain', 'ready', 'drain', 'maint', 'ready'):
                with self.subTest(server, state=state):
                    self.assertEqual(self.compare('set server %s state %s' % (server, state)), '\n')
                    self.compare('show servers state be')
        self.compare_all('set server other/t1 state maint', 'show servers state other', 'show servers state be',
                         'disable server be/s1', 'show servers state be', 'enable server be/s1',
                         'show servers state be')

    def test_weights(self):
        for text in ('50%', '0', '100%', '99%', '15%', '20', '256', '300%', '3000%', '257', 'x', '12x', '5%x', '', '-1', '1'):
            with self.subTest(text):
                self.compare('set server be/s1 weight ' + text)
                self.compare('get weight be/s1')
        self.compare_all('set weight be/s1 7', 'get weight be/s1', 'set weight be/s1', 'get weight', 'get weight be',
                         'set weight other/t2 3', 'get weight other/t2')

    def test_limits(self):
        self.compare_all('set maxconn server be/s1', 'set maxconn server be/s1 x', 'set maxconn server be/s1 1x',
                         'set maxconn server be/s1 3', 'set maxconn server', 'set maxconn server be/nobody 1')

    def test_addresses(self):
        self.compare_all('set server be/s1 addr 127.0.0.2', 'show servers state be', 'set server be/s1 addr 127.0.0.2',
                         'set server be/s1 addr 127.0.0.3 port 99', 'set server be/s1 addr 127.0.0.3 port 98',
                         'set server be/s1 addr 127.0.0.3 port 98', 'set server be/s1 addr 127.0.0.4 port 98',
                         'set server be/s1 addr ::1', 'show servers state be', 'set server be/s1 addr',
                         'set server be/s1 addr nobody', 'set server be/s1 addr 300.0.0.1')

    def test_whom_nobody_knows(self):
        self.compare_all('set server', 'set server be', 'set server nobody/s1 state ready',
                         'set server be/nobody state ready', 'set server be/s1 state', 'set server be/s1 state up',
                         'disable server', 'disable server be/nobody', 'enable server nobody/s1',
                         'shutdown sessions server', 'shutdown sessions server be/nobody',
                         'shutdown sessions server be/s1', 'set server be/s1 fqdn x', 'set server be/s1 agent up')

    def test_health(self):
        for server in ('other/t1', 'be/s1', 'be/s2'):
            for health in ('down', 'stopping', 'up', 'stopping', 'down', 'up', 'well', ''):
                with self.subTest(server, health=health):
                    self.compare('set server %s health %s' % (server, health))
                    self.compare('show servers state ' + server.split('/')[0])
        self.compare_all('set server be/s3 health down', 'set server other/t1 weight 3', 'set server be/s1 health down',
                         'set server be/s1 weight 3', 'show servers state be', 'set server be/s1 state maint',
                         'set server be/s1 state ready', 'show servers state be')

    def test_checks(self):
        self.compare_all(
            'disable health other/t1', 'show servers state other', 'enable health other/t1',
            'show servers state other', 'enable health be/s1', 'disable health be/s1', 'disable health',
            'enable health be/s3', 'disable health be/s3', 'enable health nobody/s1', 'set server other/t1 check-port',
            'set server other/t1 check-port x', 'set server other/t1 check-port 70000', 'set server be/s1 check-port 5',
            'disable health other/t1', 'set server other/t1 check-port 7', 'enable health other/t1',
            'set server other/t1 check-port 7', 'show servers state other',
            'set server other/t1 check-addr', 'set server other/t1 check-addr x',
            'set server other/t1 check-addr 127.0.0.2', 'show servers state other',
            'set server other/t1 check-addr 127.0.0.3 port 9', 'show servers state other',
            'set server be/s1 check-addr 127.0.0.2', 'set server other', 'set server other/t1', 'set server other/t1 x')

    def test_show_servers_conn(self):
        for rig in (self.ours, self.theirs):
            client = rig.connect()
            self.assertEqual(client.get('/test/server').status, 200)
            client.close()
        pattern = re.compile(r'(?m)^(be/s1 \S+ \S+ \S+ - 5000 0 1 1) \d+ \d+ (-1 1) (.*)$')

        def line(rig):
            return pattern.search(ask(rig, 'show servers conn be'))
        ours, theirs = (wait_until(lambda: line(rig), 'an idle connection', pause=0.02)
                        for rig in (self.ours, self.theirs))
        self.assertEqual(ours.groups()[:2], theirs.groups()[:2])
        self.assertEqual(ask(self.ours, 'show servers conn').splitlines()[0],
                         ask(self.theirs, 'show servers conn').splitlines()[0])
        self.compare('show servers conn nobody')


class Counts(Both):
    """`show info` and `show stat`: which fields there are, and what they say where both programs count the same."""
    TEXT = """
global
    stats socket <dir>/admin.sock level admin
    maxconn 50
    node here
frontend fe
    bind <fe>
    default_backend be
backend be
    server s1 <s1> weight 10 maxconn 5
    server s2 <s2> backup disabled
"""
    # Of the programs, not of their traffic.
    OWN = {'Name', 'Version', 'Release_date', 'Pid', 'Uptime', 'Uptime_sec', 'Ulimit-n', 'Maxsock', 'CumConns', 'CumReq',
           'Tasks', 'Jobs', 'Listeners', 'Build info', 'PoolAlloc_bytes', 'PoolUsed_bytes', 'Start_time_sec',
           'PoolAlloc_MB', 'PoolUsed_MB', 'ConnRate', 'SessRate', 'MaxConnRate', 'MaxSessRate', 'TotalBytesOut',
           'BytesOutRate', 'Idle_pct', 'Run_queue'}

    def test_show_info(self):
        for words in ('', ' typed', ' typed json', ' desc', ' float', ' typed desc', ' other'):
            ours, theirs = (ask(rig, 'show info' + words) for rig in (self.ours, self.theirs))
            if 'json' in words:
                def entries(text):
                    return [(entry['field'], entry['tags'], entry['value']['type'] if entry['field']['name'] in self.OWN
                             else entry['value']) for entry in json.loads(text) if 'Zlib' not in entry['field']['name']]
                self.assertEqual(entries(ours), entries(theirs))
                continue

            def lines(text):
                text = re.sub(r':"[^"]*"$', ':"help"', text, flags=re.M)
                return [re.sub(r'(: |:(?=[^:]*(:"help")?$)).*', ':X', line) if (
                    line.split(':')[0].split('.')[1 if '.' in line.split(':')[0] else 0] in self.OWN) else line
                        for line in text.split('\n') if 'Zlib' not in line]  # Debian's haproxy has another library.
            self.assertEqual(lines(ours), lines(theirs), words)

    def test_show_stat(self):
        for rig in (self.ours, self.theirs):
            for _ in range(3):
                self.assertEqual(rig.get('/test/server').status, 200)
            until_answer(rig, 'show stat 2 1 -1', r'(?m)^fe,FRONTEND,,,0,[123],50,3,')

        def rows(rig, words):
            return list(csv.reader(io.StringIO(ask(rig, 'show stat' + words))))
        same = ('scur', 'stot', 'dreq', 'dresp', 'ereq', 'econ', 'eresp', 'wretr', 'wredis', 'status', 'weight',
                'act', 'bck', 'pid', 'iid', 'sid', 'type', 'hrsp_2xx', 'hrsp_4xx', 'hrsp_5xx', 'req_tot', 'mode', 'algo',
                'svname', 'lbtot', 'cli_abrt', 'srv_abrt', 'conn_tot', 'intercepted')
        for words in ('', ' 2 1 -1', ' be 4 -1', ' -1 4 -1', ' -1 2 -1', ' -1 7 1', ' be 4 2', ' 99 1 1', ' up', ' no-maint', ' 2 x 1'):
            with self.subTest(words):
                ours, theirs = rows(self.ours, words), rows(self.theirs, words)
                self.assertEqual(ours[0], theirs[0])
                for one, other in zip(ours[1:], theirs[1:]):
                    one, other = dict(zip(ours[0], one)), dict(zip(theirs[0], other))
                    for name in same if one else ():
                        self.assertEqual(one[name], other[name].split(' (')[0], (words, one['svname'], name))
                self.assertEqual(len(ours), len(theirs))
        self.compare_all('show stat nobody 1 1', 'show stat x y z')

    def test_typed_and_json(self):
        for words in (' typed', ' be 4 1 typed', ' typed desc'):
            ours, theirs = (re.findall(r'(?m)^(\w\.\d+\.\d+\.\d+\.\S+?\.\d+:\w+):\w+', ask(rig, 'show stat' + words))
                            for rig in (self.ours, self.theirs))
            self.assertTrue(ours)
            # What modules of HAProxy's add has numbers of its own there.
            self.assertEqual([line for line in ours if line not in theirs and int(line.split('.')[3]) < 100], [])
        self.assertEqual([[entry['objType'] for entry in part][0] for part in json.loads(ask(self.ours, 'show stat json'))],
                         ['Frontend', 'Server', 'Server', 'Backend'])

    def test_clear_counters(self):
        for rig in (self.ours, self.theirs):
            self.assertEqual(rig.get('/test/server').status, 200)
            until_answer(rig, 'show stat 2 1 -1', r'(?m)^fe,FRONTEND,,,0,1,50,1,')
            self.assertEqual(ask(rig, 'clear counters'), '\n')
            self.assertRegex(ask(rig, 'show stat 2 1 -1'), r'(?m)^fe,FRONTEND,,,0,0,50,1,')
            self.assertEqual(ask(rig, 'clear counters all'), '\n')
            self.assertRegex(ask(rig, 'show stat 2 1 -1'), r'(?m)^fe,FRONTEND,,,0,0,50,0,')


class Clients(Both):
    """What is under way, and its end."""
    TEXT = """
global
    stats socket <dir>/admin.sock level admin
frontend fe
    bind <fe>
    default_backend be
frontend fetcp
    mode tcp
    bind <fetcp>
    default_backend tcp
backend be
    server s1 <s1>
backend tcp
    mode tcp
    server t1 <s1>
"""

    def setUp(self):
        self.waiting = Script(self.wait)
        self.addCleanup(self.waiting.close)
        self.waiting_for_end = threading.Event()
        self.addCleanup(self.waiting_for_end.set)
        server = self.waiting
        self.ours = self.rig(self.TEXT, servers={'s1': server})
        if not HAPROXY or IS_HAPROXY:
            self.skipTest('there is no haproxy to compare with')
        self.theirs = self.rig(self.TEXT, program=HAPROXY, servers={'s1': server})

    def wait(self, sock, _):
        sock.recv(65536)
        self.waiting_for_end.wait(PATIENCE)

    def under_way(self, rig):
        request, tunnel = rig.connect(), rig.connect('fetcp')
        request.request('GET', '/')
        tunnel.send('hello')

        def lines():
            found = re.findall(r'(?m)^(0x\w+): (proto=tcpv4 .* fe=fe.* be=\S+ srv=[st]1 .*)$', ask(rig, 'show sess'))
            return sorted(found, key=lambda each: ' fe=fetcp ' in each[1]) if len(found) == 2 else None
        return request, tunnel, wait_until(lines, 'two under way', pause=0.02)

    def test_show_sess(self):
        shapes = []
        for rig in (self.ours, self.theirs):
            request, tunnel, lines = self.under_way(rig)
            ports = ['%s:%d' % each.socket.getsockname() for each in (request, tunnel)]
            self.assertEqual([re.search(r' src=(\S+)', line).group(1) for _, line in lines], ports)
            # Flags and times are of a program's own workings.
            shapes.append([re.sub(r'\b[0-9a-f]+h|(src|ts|epoch|age|calls|rate|cpu|lat|fd|[rw]x|exp|scf=\[|scb=\[|i)=?[-\w:.]*', r'\1',
                                  line) for _, line in lines])
            self.assertEqual(ask(rig, 'show sess 0x1'), 'Session not found.\n\n')
            whole = ask(rig, 'show sess ' + lines[0][0])
            for part in (r'\A%s: \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d\.\d{6}\] id=\d+ proto=tcpv4 source=%s\n' % (lines[0][0], ports[0]),
                         r'\n  frontend=fe \(id=2 mode=http\),.* addr=127.0.0.1:\d+\n', r'\n  backend=be \(id=4 mode=http\)',
                         r'\n  server=s1 \(id=1\) addr=%s\n' % self.waiting.address):
                self.assertRegex(whole, part)
            self.assertIn(lines[1][0] + ': [', ask(rig, 'show sess all'))
        self.assertEqual(*shapes)

    PHASES = """
global
    stats socket <dir>/admin.sock level admin
frontend fe
    bind <fe>
    timeout tarpit 20s
    http-request tarpit if { path /tarpit }
    http-request wait-for-body time 20s if { path /body }
    use_backend full if { path /full }
    use_backend away if { path /away }
    default_backend be
backend be
    server s1 <s1>
backend full
    timeout queue 20s
    server f1 <s1> maxconn 1
backend away
    timeout connect 20s
    server a1 <hole>
frontend fetcp
    mode tcp
    bind <fetcp>
    tcp-request inspect-delay 20s
    tcp-request content accept if { req.len gt 5 }
    default_backend tcp
backend tcp
    mode tcp
    server t1 <s1>
"""

    def test_show_sess_in_each_phase(self):
        """Where a request stands, field by field, while it stands there."""
        def at(words, target, body=b'', **fields):
            lines = ['%s %s HTTP/1.1' % (words, target), 'Host: a'] + ['%s: %s' % pair for pair in fields.items()]
            return '\r\n'.join(lines).encode() + b'\r\n\r\n' + body
        hole = self.black_hole().address
        scenes = [('fe', at('GET', '/'), 'fe=fe be=be srv=s1'),
                  ('fe', at('POST', '/', b'ab', **{'Content-Length': '10'}), 'fe=fe be=be srv=s1'),
                  ('fe', at('GET', '/tarpit'), 'fe=fe be=<NONE> srv=<none>'),
                  ('fe', at('POST', '/body', b'ab', **{'Content-Length': '10'}), 'fe=fe be=<NONE> srv=<none>'),
                  ('fe', at('GET', '/full'), 'fe=fe be=full srv=f1'),
                  ('fe', at('GET', '/full'), 'fe=fe be=full srv=<none>'),
                  ('fe', at('GET', '/away'), 'fe=fe be=away srv=a1'),
                  ('fetcp', b'abc', 'fe=fetcp be=<NONE> srv=<none>'),
                  ('fetcp', b'abcdefgh', 'fe=fetcp be=tcp srv=t1'),
                  # Of these there is no request yet.
                  ('fe', b'', None), ('fe', b'GET / HTTP/1.1\r\nHo', None)]
        for program in (PROGRAM, HAPROXY):
            rig = self.rig(self.PHASES.replace('<hole>', hole), servers={'s1': self.waiting}, program=program)
            clients = []
            for name, text, wanted in scenes:
                clients.append(rig.connect(name).send(text))
                source = '%s:%d' % clients[-1].socket.getsockname()

                def line():
                    match = re.search(r'(?m)^0x\w+: proto=tcpv4 src=%s (fe=.*) ts=\S+ epoch=\S+ age=\d+s calls=\d+ rate=\d+ cpu=\S+ '
                                      r'lat=\S+ rq\[f=\w+,i=\d+,an=\w+,rx=\w*,wx=\w*,ax=\w*\] rp\[f=\w+,i=\d+,an=\w+,rx=\w*,wx=\w*,ax=\w*\] '
                                      r'scf=\[\S+\] scb=\[\S+\] exp=\w* rc=0 c_exp=\w*$' % source, ask(rig, 'show sess'))
                    return match and match.group(1)
                with self.subTest((program, name, text)):
                    wait_until(lambda: line() == wanted, '%r to be %r' % (line(), wanted), pause=0.02, seconds=PATIENCE / 4)

    def test_shutdown_session(self):
        for rig in (self.ours, self.theirs):
            request, tunnel, lines = self.under_way(rig)
            self.assertEqual(ask(rig, 'shutdown session'), "Session pointer expected (use 'show sess').\n\n")
            self.assertEqual(ask(rig, 'shutdown session 0x1'), "No such session (use 'show sess').\n\n")
            for number, _ in lines:
                self.assertEqual(ask(rig, 'shutdown session ' + number), '\n')
            self.assertIn(request.response().status, (502, 503))
            self.assertEqual(tunnel.rest(), b'')
            rig.log.wait(r' be/s1 .* K')
            wait_until(lambda: 'proto=tcpv4' not in ask(rig, 'show sess'), 'nothing to be under way', pause=0.02)

    def test_shutdown_sessions_of_a_server(self):
        for rig in (self.ours, self.theirs):
            request, tunnel, _ = self.under_way(rig)
            self.assertEqual(ask(rig, 'shutdown sessions server be/s1'), '\n')
            self.assertIn(request.response().status, (502, 503))
            self.assertIn('srv=t1', ask(rig, 'show sess'))
            self.assertEqual(ask(rig, 'shutdown sessions server tcp/t1'), '\n')
            self.assertEqual(tunnel.rest(), b'')

    def test_show_requests_tells_phase_and_server(self):
        rig = self.ours
        self.assertEqual(ask(rig, 'show requests'), '# id phase age client frontend pool server pinned\n\n')
        request, tunnel, _ = self.under_way(rig)
        half = rig.connect()
        half.send('GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n')

        def rows():
            found = [line.split(' ') for line in ask(rig, 'show requests').splitlines()[1:-1]]
            return found if len(found) == 3 else None
        found = wait_until(rows, 'three under way', pause=0.02)
        self.assertEqual([row[1] for row in found], ['headers', 'tunnel', 'headers'])
        self.assertEqual([row[4:] for row in found], [['fe', 'be', 's1', '-'], ['fetcp', 'tcp', 't1', '-'], ['fe', 'be', 's1', '-']])
        self.assertEqual([row[3] for row in found], ['%s:%d' % each.socket.getsockname() for each in (request, tunnel, half)])

    def test_show_pins(self):
        rig = self.rig(self.TEXT)
        self.assertEqual(ask(rig, 'show pins'), '# id client frontend in_use idle\n\n')
        client = rig.connect()
        client.get('/test/server', [('Authorization', 'NTLM TlRMTVNTUAABAAAA')])
        self.assertRegex(ask(rig, 'show pins'), r'\n0x\w+ %s:%d fe - be/s1\n' % client.socket.getsockname())
        self.assertEqual(ask(rig, 'show requests').count('\n'), 2)


class Frontends(Both):
    TEXT = """
global
    maxconn 50
    stats socket <dir>/admin.sock level admin
frontend fe
    maxconn 20
    bind <fe>
    default_backend be
frontend port
    bind 127.0.0.1:<port>
    default_backend be
frontend path
    bind <dir>/front.sock
    default_backend be
backend be
    server s1 <s1>
"""

    def setUp(self):
        self.places = reserved_port(), reserved_port()
        for place in self.places:
            self.addCleanup(place.close)
        self.ours = self.rig(self.TEXT.replace('<port>', str(self.places[0].getsockname()[1])))
        if not HAPROXY or IS_HAPROXY:
            self.skipTest('there is no haproxy to compare with')
        self.theirs = self.rig(self.TEXT.replace('<port>', str(self.places[1].getsockname()[1])), program=HAPROXY,
                               servers=self.ours.servers)

    def test_doors(self):
        self.compare_all('disable frontend', 'disable frontend nobody', 'disable frontend be', 'enable frontend fe',
                         'disable frontend fe', 'disable frontend fe', 'enable frontend fe', 'shutdown frontend',
                         'shutdown frontend nobody', 'shutdown frontend path', 'shutdown frontend path',
                         'enable frontend path', 'disable frontend path', 'enable frontend')

    def test_a_disabled_frontend_refuses_and_an_enabled_one_serves(self):
        for rig, place in zip((self.ours, self.theirs), self.places):
            address = place.getsockname()

            def serves():
                with Client(address) as client:
                    return client.get('/test/server').status == 200
            ask(rig, 'show version')
            for _ in range(3):
                wait_until(serves, 'an answer')
                self.assertEqual(ask(rig, 'disable frontend port'), '\n')
                self.assertRaises(ConnectionRefusedError, Client, address)
                self.assertEqual(ask(rig, 'enable frontend port'), '\n')
            self.assertEqual(rig.get('/test/server').status, 200)
            rig.log.wait('Paused frontend port')
            rig.log.wait('Resumed frontend port')

    def test_limits(self):
        self.compare_all('set maxconn frontend', 'set maxconn frontend nobody 5', 'set maxconn frontend fe',
                         'set maxconn frontend fe 5', 'set maxconn frontend fe -1', 'set maxconn frontend fe 0',
                         'set maxconn global', 'set maxconn global 51', 'set maxconn global 50',
                         'set maxconn global 10', 'set maxconn global 0')

    def test_rates(self):
        self.compare_all('set rate-limit', 'set rate-limit x', 'set rate-limit connections x 1',
                         'set rate-limit connections global', 'set rate-limit connections global -1',
                         'set rate-limit connections global 1000x', 'set rate-limit connections global x',
                         'set rate-limit sessions global 1000', 'set rate-limit sessions global 0',
                         'set rate-limit ssl-sessions global 1000', 'set rate-limit ssl-sessions global 0')

    def test_a_limit_of_a_frontend_holds_at_once(self):
        rig = self.ours
        ask(rig, 'set maxconn frontend fe 1')
        first = rig.connect()
        self.assertEqual(first.get('/test/server').status, 200)
        second = rig.connect()
        second.request('GET', '/test/server')
        second.socket.settimeout(0.2)
        self.assertRaises(TimeoutError, second.socket.recv, 1)
        second.socket.settimeout(PATIENCE)
        ask(rig, 'set maxconn frontend fe 2')
        self.assertEqual(second.response().status, 200)

    def test_what_was_set_ends_with_a_reload_which_says_so(self):
        rig = self.ours
        for line in ('disable frontend port', 'set maxconn frontend fe 0', 'set maxconn global 5', 'disable frontend path',
                     'enable frontend path', 'shutdown frontend path'):
            ask(rig, line)
        rig.reload(rig.text)
        rig.output.wait('Reloaded in .*; what was set by command has ended: frontend path shut down, frontend port '
                        'disabled, maxconn of frontend fe, maxconn of the process')
        self.assertEqual(rig.get('/test/server').status, 200)
        with Client(self.places[0].getsockname()) as client:
            self.assertEqual(client.get('/test/server').status, 200)


@penstock_only('a command of its own')
class Hosts(Case):
    """drain host, ready host, maint host."""
    ONCE = True
    TEXT = """
global
    stats socket <dir>/admin.sock level admin
frontend fe
    bind <fe>
    use_backend ews if { path_beg /EWS }
    default_backend owa
backend owa
    cookie SRV insert
    server EX01 <s1> cookie a
    server EX02 <two> cookie b
backend ews
    server EX01 <s1>
    server EX02 <two>
backend other
    server first 127.0.0.3:1
    server EX03 127.0.0.4:1
    server EX04 127.0.0.5:1
backend another
    server EX04 127.0.0.6:1
    server localname localhost:1
"""

    def setUp(self):
        self.hold = threading.Event()
        self.addCleanup(self.hold.set)
        two = self.script(self.wait, address=('127.0.0.2', 0))
        self.farm = self.rig(self.TEXT, servers={'two': two})

    def wait(self, sock, _):
        sock.recv(65536)
        self.hold.wait(PATIENCE)
        sock.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
        sock.recv(65536)

    def states(self):
        return {' '.join(line.split(' ')[1:4:2]): line.split(' ')[6]
                for line in ask(self.farm, 'show servers state').splitlines()[2:-1]}

    def test_a_machine_is_drained_in_all_its_pools_by_name_or_address(self):
        for host in ('EX02', 'ex02', '127.0.0.2'):
            self.assertEqual(ask(self.farm, 'drain host ' + host),
                             'owa/EX02: still: 0 persistent, 0 pinned\news/EX02: still: 0 persistent, 0 pinned\n\n')
            self.assertEqual([self.states()[name] for name in ('owa EX01', 'owa EX02', 'ews EX02')], ['0', '8', '8'])
            ask(self.farm, 'maint host ' + host)
            self.assertEqual([self.states()[name] for name in ('owa EX01', 'owa EX02', 'ews EX02')], ['0', '1', '1'])
            ask(self.farm, 'ready host ' + host)
            self.assertEqual(set(self.states().values()), {'0'})
        ask(self.farm, 'drain host EX02 hard')
        self.assertEqual(self.states()['owa EX02'], '1')

    def test_a_name_of_several_machines_changes_nothing_and_lists_them(self):
        self.assertEqual(ask(self.farm, 'drain host EX04'),
                         "'EX04' stands for several addresses: nothing was changed, say which one is meant.\n"
                         '  127.0.0.5: other/EX04\n  127.0.0.6: another/EX04\n\n')
        self.assertEqual(set(self.states().values()), {'0'})
        self.assertIn('other/EX04', ask(self.farm, 'drain host 127.0.0.5'))

    def test_a_name_of_the_configuration_is_a_name(self):
        self.assertIn('another/localname', ask(self.farm, 'maint host localhost'))

    def test_what_is_wrong_is_said(self):
        for line, why in (('drain host', 'Require'), ('drain host EX09', 'No pool'), ('drain host EX02 wait', 'Behind'),
                          ('drain host EX02 wait 0', 'Behind'), ('drain host EX02 soon', 'Behind'),
                          ('ready host EX02 wait 5', 'belong'), ('maint host EX02 hard', 'belong')):
            with self.subTest(line):
                self.assertIn(why, ask(self.farm, line))
        self.assertEqual(set(self.states().values()), {'0'})

    def busy(self):
        client = self.farm.connect()
        client.request('GET', '/', [('Cookie', 'SRV=b')])
        wait_until(lambda: ' EX02 ' in ask(self.farm, 'show requests'), 'a request at EX02', pause=0.02)
        return client

    def test_wait_returns_when_nobody_is_left(self):
        client = self.busy()
        self.assertIn('owa/EX02: still: 1 persistent, 0 pinned', ask(self.farm, 'drain host EX02'))
        admin = Admin(self.farm).send('drain host EX02 wait 1m\n').end()
        admin.socket.settimeout(0.3)
        self.assertRaises(TimeoutError, admin.socket.recv, 1)
        admin.socket.settimeout(PATIENCE)
        self.hold.set()
        self.assertEqual(client.response().status, 200)
        self.assertEqual(admin.rest(),
                         'owa/EX02: still: 0 persistent, 0 pinned\news/EX02: still: 0 persistent, 0 pinned\n\n')

    def test_wait_says_at_its_limit_who_is_left(self):
        self.busy()
        self.assertEqual(ask(self.farm, 'drain host EX02 wait 200ms'),
                         'owa/EX02: still: 1 persistent, 0 pinned\news/EX02: still: 0 persistent, 0 pinned\n\n')

    def test_wait_outlasts_the_timeout_and_ends_with_the_caller(self):
        self.busy()
        self.assertEqual(ask(self.farm, 'set timeout cli 100ms;drain host EX02 wait 500ms').count('still:'), 2)
        counts = []

        def rests():
            counts.append(self.farm.descriptors())
            return len(counts) > 20 and len(set(counts[-20:])) == 1
        wait_until(rests, 'descriptors to rest')
        before = counts[-1]
        for half in (True, False):
            admin = Admin(self.farm).send('drain host EX02 wait 1h\n')
            wait_until(lambda: self.farm.descriptors() > before, 'the administrator')
            if half:
                admin.end()
            admin.socket.close()
            wait_until(lambda: self.farm.descriptors() == before, 'the administrator to be let go')

    def test_wait_outlasts_what_the_configuration_says_of_silence(self):
        self.farm = self.rig(self.TEXT.replace('frontend fe', '    stats timeout 300ms\nfrontend fe', 1), servers=self.farm.servers)
        self.busy()
        for half in (True, False):
            admin = Admin(self.farm).send('drain host EX02 wait 900ms;drain host EX02 wait 900ms\n')
            self.assertEqual((admin.end() if half else admin).rest().count('still: 1'), 2, half)
        # Behind the answer silence ends the conversation again.
        admin = Admin(self.farm).send('prompt\n')
        admin.socket.recv(10)
        self.assertEqual(admin.send('drain host EX02 wait 900ms\n').rest().count('still: 1'), 1)

    def test_a_rolling_patch_of_all_servers(self):
        def patch(*arguments):
            return subprocess.run([os.path.join(ROOT, 'contrib', 'rolling-patch'), '--socket',
                                   os.path.join(self.farm.folder, 'admin.sock'), *arguments], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True, timeout=PATIENCE)
        ask(self.farm, 'show version')
        done = patch('echo patched', 'EX01', 'EX02')
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        self.assertEqual(done.stdout, ''.join('%s is empty\npatched %s\n%s serves again\n' % (host, host, host)
                                              for host in ('EX01', 'EX02')))
        self.assertEqual(set(self.states().values()), {'0'})
        self.assertNotEqual(patch('false', 'EX01').returncode, 0)
        self.assertEqual(self.states()['owa EX01'], '8')
        self.busy()
        self.assertIn('EX02 is not empty', patch('--wait', '100ms', 'echo', 'EX02').stderr)

    def test_a_client_with_a_connection_of_its_own_is_counted_until_it_leaves(self):
        client = self.farm.connect()
        client.get('/test/server', [('Authorization', 'NTLM TlRMTVNTUAABAAAA'), ('Cookie', 'SRV=a')])
        self.assertIn('owa/EX01: still: 0 persistent, 1 pinned', ask(self.farm, 'drain host EX01'))
        admin = Admin(self.farm).send('drain host EX01 wait 1m\n').end()
        client.close()
        self.assertIn('owa/EX01: still: 0 persistent, 0 pinned', admin.rest())


class Tables(Both):
    """Stick tables."""
    TEXT = """
global
    stats socket <dir>/admin.sock level admin
    stats socket <dir>/user.sock level user
frontend fe
    bind <fe>
    use_backend text if { path_beg /text }
    use_backend number if { path_beg /number }
    use_backend bytes if { path_beg /bytes }
    default_backend be
backend be
    stick-table type ip size 1k expire 1h
    stick on src
    server s1 <s1>
backend text
    stick-table type string len 20 size 100
    stick on hdr(X-Key)
    server s1 <s1> id 7
backend number
    stick-table type integer size 100 expire 1m
    stick on hdr(X-Key)
    server s1 <s1>
backend bytes
    stick-table type binary len 4 size 100 expire 1m
    stick on hdr(X-Key)
    server s1 <s1>
"""

    def plain(self, text):
        text = re.sub(r'0x[0-9a-f]+: ', '0x0: ', re.sub(r'exp=[1-9]\d*', 'exp=N', text))
        return '\n'.join(sorted(text.split('\n')))

    def test_tables(self):
        for rig in (self.ours, self.theirs):
            for path, key in (('/', 'x'), ('/text', 'hello'), ('/text', 'a b'), ('/number', '5'), ('/number', '77'), ('/bytes', 'abcd')):
                self.assertLess(rig.get(path, [("X-Key", key)]).status, 500)
        for line in ('show table', 'show table be', 'show table number', 'show table bytes', 'show table nobody',
                     'show table be key 127.0.0.1', 'show table be key 9.9.9.9', 'show table be x', 'show table be key',
                     'show table be data.server_id eq 1', 'show table be data.server_id gt 1', 'show table number key 77',
                     'show table be data.gpc0 eq 1', 'show table be data.server_id xx 1', 'show table be data.server_id eq x',
                     'show table text key hello', 'show table text data.server_id le 7', 'clear table', 'clear table nobody',
                     'clear table be key 9.9.9.9', 'show table be', 'clear table be key 127.0.0.1', 'show table be',
                     'clear table number data.server_id eq 2', 'show table number', 'clear table number data.server_id eq 1',
                     'show table number', 'clear table bytes', 'show table'):
            with self.subTest(line):
                self.compare(line)

    def test_what_cannot_be_shown_is_escaped_and_a_user_may_clear(self):
        self.compare('clear table be', 'user.sock')
        for rig in (self.ours, self.theirs):
            rig.get('/text', [('X-Key', 'a b\\=\tc')])
        self.compare('show table text')
        self.assertIn(' key=a\\ b\\\\\\=\\tc use=0 exp=0 server_id=7 server_key=s1\n', ask(self.ours, 'show table text'))


class Amendments(Both):
    """Servers that come and go."""

    def plain(self, text):
        return re.sub(r'(?m)^((?:\S+ ){9})\d+ ', r'\1T ', text)

    def test_servers_are_added_and_deleted(self):
        self.compare_all('add server', 'add server be', 'add server nobody/x 127.0.0.1:1', 'add server be/s1 127.0.0.1:1',
                         'add server be/n1', 'add server be/n1 127.0.0.1:7', 'show servers state be',
                         'add server be/n1 127.0.0.1:7', 'add server be/n2 127.0.0.1:8 check weight 7',
                         'show servers state be', 'enable health be/n2', 'show servers state be', 'enable server be/n1',
                         'show servers state be', 'del server be/n1', 'disable server be/n1', 'del server be/n1',
                         'del server be/n1', 'del server be/s1', 'disable server be/s1', 'del server be/s1', 'del server',
                         'del server be', 'del server nobody/x', 'show servers state be')

    def test_what_no_server_line_may_say_adds_none(self):
        for words in ('127.0.0.1:7 foo', '127.0.0.1:7 weight 500', 'x y z', '127.0.0.1:7 id 77', "127.0.0.1:7 it's"):
            for rig in (self.ours, self.theirs):
                ask(rig, 'add server be/n1 ' + words)
                self.assertNotIn(' n1 ', ask(rig, 'show servers state be'))

    def test_an_added_server_serves_when_it_is_enabled_until_the_next_reload(self):
        for rig in (self.ours, self.theirs):
            ask(rig, 'disable server be/s1')
            self.assertEqual(rig.get('/test/server').status, 503)
            self.assertEqual(ask(rig, 'add server be/new %s' % self.ours.servers['s2'].address), 'New server registered.\n\n')
            self.assertEqual(rig.get('/test/server').status, 503)
            self.assertEqual(ask(rig, 'enable server be/new'), '\n')
            self.assertEqual(rig.who(), ['EX02'])
        ask(self.ours, 'disable server be/s2;del server be/s2')
        self.ours.reload(self.ours.text)
        self.ours.output.wait('what was set by command has ended: added server be/new, deleted server be/s2')
        self.assertNotIn(' new ', ask(self.ours, 'show servers state be'))

    def test_amendments_and_reloads_at_once_all_happen(self):
        rig = self.ours
        admins = [Admin(rig).send(';'.join('add server other/a%d-%d 127.0.0.1:7' % (n, k) for k in range(20)) + '\n')
                  for n in range(8)]
        for admin in admins:
            self.assertEqual(admin.rest(), 'New server registered.\n\n' * 20)
        self.assertEqual(ask(rig, 'show servers state other').count('127.0.0.1 0 1'), 160)


@penstock_only('a command of its own')
class Why(Case):
    ONCE = True

    def test_why_a_server_is_as_it_is(self):
        rig = self.rig(CONFIG.replace('inter 1h fastinter 300ms', 'inter 20ms'))
        until_answer(rig, 'show why other/t1', r'(?s)(\n[^\n]* L4CON [^\n]*){10}')
        self.assertRegex(ask(rig, 'show why other/t1'), r'\Aother/t1: DOWN, ready\nsince \S+ \(\S+\)\nat 127.0.0.1:\d+\n'
                         r'weight 1 \(of the file: 1\), 0 requests now, 0 wait for it\nchecked every 20ms: 0/2 DOWN\n'
                         r'(\d\d/\w+/\d+:\d\d:\d\d:\d\d L4CON Layer4 connection problem, info: "Connection refused", '
                         r'check duration: \d+ms\n){10}\n\Z')
        self.assertRegex(ask(rig, 'show why be/s3'), r'\Abe/s3: DOWN, ready\n(.*\n)+tracks other/t1\n\n\Z')
        ask(rig, 'set server be/s1 state drain;set server be/s1 addr 127.0.0.9;disable health other/t1')
        self.assertRegex(ask(rig, 'show why be/s1'), r'taken for UP: it is not checked, draining by command\n.*\nat 127.0.0.9:\d+ by command\n')
        self.assertIn('if it were not disabled by command', ask(rig, 'show why other/t1'))
        self.assertRegex(ask(rig, 'show why be/s2'), 'in maintenance by the configuration')
        self.assertEqual(ask(rig, 'show why be/nobody'), 'No such server.\n\n')


@penstock_only('what penstock promises')
class Manners(Case):
    """What nobody pays for."""
    ONCE = True

    def test_a_browser_gets_no_answer(self):
        rig = self.rig(CONFIG)
        self.assertEqual(Admin(rig).send('POST / HTTP/1.1\r\nHost: x\r\n\r\nshow env\n').rest(), '')

    def test_a_second_line_is_not_read_without_prompt(self):
        rig = self.rig(CONFIG)
        self.assertEqual(ask(rig, 'show cli level\nshow cli sockets'), 'admin\n\n')

    def test_a_command_is_answered_when_it_is_in_force(self):
        rig = self.rig("""
global
    stats socket <dir>/admin.sock level admin
frontend fe
    bind <fe>
    default_backend be
backend be
    server s1 <s1>
    server s2 <s2>
""", nbthread=4)
        for away, stays in (('s1', 'EX02'), ('s2', 'EX01')):
            self.assertEqual(ask(rig, 'set server be/%s state maint' % away), '\n')
            self.assertEqual(set(rig.who(count=8)), {stays})
            self.assertEqual(ask(rig, 'set server be/%s state ready' % away), '\n')

    def test_a_long_line_a_long_payload_and_silence_end_the_connection(self):
        rig = self.rig(CONFIG.replace('stats timeout 20s', 'stats timeout 300ms'))
        for text in ('x' * 1000000, 'show version <<\n' + 'y' * 3000000, 'show version <<\n' + 'y\n' * 3000000):
            admin = Admin(rig)
            try:
                admin.send(text)
            except (BrokenPipeError, ConnectionResetError):
                pass
            self.assertEqual(admin.rest(), '')
        self.assertEqual(Admin(rig).rest(), '')
        self.assertEqual(ask(rig, 'show cli level'), 'admin\n\n')

    def test_more_than_maxconn_wait_and_are_served(self):
        rig = self.rig(CONFIG.replace('stats timeout', 'stats maxconn 2\n    stats timeout'))
        first = [Admin(rig).send('prompt\n') for _ in range(2)]
        for admin in first:
            admin.until('> ')
        third = Admin(rig).send('show cli level\n')
        third.socket.settimeout(0.2)
        self.assertRaises(TimeoutError, third.socket.recv, 1)
        third.socket.settimeout(PATIENCE)
        first[0].send('quit\n').rest()
        self.assertEqual(third.rest(), 'admin\n\n')
        first[1].send('quit\n').rest()

    def test_who_reads_nothing_holds_no_more_than_a_little(self):
        backends = ''.join('backend b%d\n%s' % (n, ''.join(
            '    server s%d 127.0.0.1:9\n' % s for s in range(100))) for n in range(100))
        rig = self.rig(CONFIG + backends)
        self.assertEqual(ask(rig, 'show servers state').count('\n'), 10000 + 7 + 3)
        before = rig.rss()
        admins = [Admin(rig).send('prompt\nshow servers state;show servers state\n') for _ in range(8)]
        for admin in admins:
            self.assertEqual(admin.socket.recv(2, socket.MSG_WAITALL), b'\n>')
        wait_until(lambda: rig.get('/test/server').status == 200, 'a request to be served')
        self.assertLess(rig.rss() - before, 40000)
        for admin in admins:
            admin.socket.close()

    def test_the_sockets_outlive_a_reload_and_so_do_those_who_are_there(self):
        rig = self.rig(CONFIG)
        admin = Admin(rig).send('prompt\n')
        admin.until('> ')
        rig.reload(rig.text.replace('operator.sock', 'other.sock level operator').replace('weight 10', 'weight 11'))
        rig.output.wait('Reloaded in')
        self.assertEqual(admin.send('get weight be/s1\n').until('> '), '11 (initial 11)\n\n> ')
        self.assertIn('other.sock operator', ask(rig, 'show cli sockets', 'other.sock'))
        with self.assertRaises(OSError):
            old = socket.socket(socket.AF_UNIX)
            old.connect(os.path.join(rig.folder, 'operator.sock'))
        admin.send('quit\n').rest()

    def test_a_parent_holds_the_sockets_over_the_death_of_its_child(self):
        rig = self.rig(CONFIG, arguments=['-W'])
        wait_until(lambda: ask(rig, 'show cli level') == 'admin\n\n', 'the first child')

    def test_tcp_abstract_and_inherited_sockets(self):
        name = 'penstock-e2e-%d' % os.getpid()
        rig = self.rig("""
global
    stats socket <fecli> level admin
    stats socket "abns@%s" level user
frontend fe
    bind <fe>
""" % name)
        with Client(rig.addresses['fecli']) as client:
            client.send('show cli level\n')
            self.assertEqual(client.rest(), b'admin\n\n')
        abstract = socket.socket(socket.AF_UNIX)
        abstract.settimeout(PATIENCE)
        abstract.connect('\0' + name)
        abstract.sendall(b'show cli level\n')
        self.assertEqual(abstract.recv(100), b'user\n\n')
        abstract.close()

    def test_mode_and_owner_of_a_socket(self):
        rig = self.rig(CONFIG.replace('admin.sock', 'admin.sock mode 640 user root group root')
                       if os.geteuid() == 0 else CONFIG.replace('admin.sock', 'admin.sock mode 640'))
        ask(rig, 'show version')
        self.assertEqual(os.stat(os.path.join(rig.folder, 'admin.sock')).st_mode & 0o777, 0o640)

    def test_secrets_of_the_environment_are_hidden(self):
        rig = self.rig(CONFIG, environment={'MAIL_PASSWORD': 'abc123', 'MAIL_HOST': 'mail'})
        text = ask(rig, 'show env')
        self.assertNotIn('abc123', text)
        self.assertIn('MAIL_PASSWORD=(hidden)\n', text)
        self.assertIn('MAIL_HOST=mail\n', text)

    def test_startup_logs_are_the_complaints_of_the_configuration_at_work(self):
        rig = self.rig(CONFIG.replace('stats timeout', 'noepoll\n    stats timeout'))
        self.assertIn("'noepoll' has no effect", ask(rig, 'show startup-logs'))


del Both
