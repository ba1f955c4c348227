"""What counts beside a server's checks: traffic that fails (`observe`), and what an agent says (`agent-check`). All of it
was compared with HAProxy: these tests pass with it, but for those marked."""
import csv
import io
import threading

from harness import Case, penstock_only, read_head, wait_until
from test_runtime_socket import ask

SOCKET = '    stats socket <dir>/admin.sock level admin\n'


class Agent:
    """Says the same to all who ask, until it is to say something else."""

    def __init__(self, case, said=b'up\n'):
        self.said, self.heard, self.asked = said, [], threading.Condition()
        self.script = case.script(self.talk)
        self.port = self.script.address.split(':')[1]

    def talk(self, sock, _):
        sock.settimeout(0.02)
        try:
            self.heard.append(sock.recv(100))
        except OSError:
            pass
        sock.sendall(self.said)


class Watched(Case):

    def row(self, server='s1', backend='be'):
        text = ask(self.the_rig, 'show stat').lstrip('# ')
        for row in csv.DictReader(io.StringIO(text)):
            if (row['pxname'], row['svname']) == (backend, server):
                return row
        return None

    def ask(self, line):
        return ask(self.the_rig, line).strip()

    def wait_row(self, **wanted):
        def fits():
            row = self.row()
            return row if all(row[name] == value for name, value in wanted.items()) else None
        return wait_until(fits, 'a row with %r' % wanted, pause=0.05)


class Traffic(Watched):
    TEXT = """
frontend fe
    bind <fe>
    default_backend be
backend be
    retries 0
    option httpchk
    timeout server 300ms
    server s1 <s1> check inter 1h rise 2 fall 3 %s
"""

    def start(self, words):
        def talk(sock, _):
            while True:
                path = read_head(sock).split(b' ')[1].strip(b'/')
                if path == b'close':
                    return
                if path == b'late':
                    sock.recv(1)
                if path == b'garbage':
                    return sock.sendall(b'what?\r\n\r\n')
                status = path if path.isdigit() else b'200'
                sock.sendall(b'HTTP/1.1 ' + status + b' X\r\nContent-Length: 0\r\n\r\n')
        self.the_rig = self.rig(self.TEXT % words, servers={'s1': self.script(talk)}, globals_=SOCKET)
        self.wait_row(check_status='L7OK')

    def get(self, *paths):
        for path in paths:
            with self.the_rig.connect() as client:
                client.get('/%s' % path)

    def test_answers_fail_by_their_status_and_by_not_being_answers(self):
        self.start('observe layer7 error-limit 2 on-error fail-check')
        for number, (paths, last) in enumerate((
                (('500', '503'), 'Wrong http response'), (('500', 'close'), 'Close from server (http)'),
                (('500', 'garbage'), 'Invalid http response (headers)'))):
            self.get(*paths)
            row = self.wait_row(hanafail=str(number + 1))
            self.assertEqual(row['last_chk'], 'Detected 2 consecutive errors, last one was: ' + last)
            self.assertEqual((row['check_status'], row['check_desc']), ('HANA', 'Health analyze'))
        self.assertEqual(row['status'], 'DOWN')
        self.the_rig.log.wait(r'Server be/s1 is DOWN, reason: Health analyze, info: "Detected 2 consecutive errors, last '
                              r'one was: Invalid http response \(headers\)"\. 0 active')

    def test_one_good_answer_forgets_what_failed_before(self):
        self.start('observe layer7 error-limit 2 on-error mark-down')
        self.get('500', '404', '500', '501', '500', '505', '500', '200')
        self.assertEqual(self.row()['hanafail'], '0')
        self.get('500', '500')
        self.wait_row(hanafail='1', status='DOWN', chkfail='1')

    def test_late_answers_fail_and_a_sudden_death_leaves_one_check(self):
        self.start('observe layer7 error-limit 1 on-error sudden-death')
        self.get('late')
        row = self.wait_row(hanafail='1', status='UP 1/3')
        self.assertIn('Read timeout (http)', row['last_chk'])
        self.get('500')
        self.wait_row(hanafail='2', status='DOWN')

    def test_fastinter_lets_the_next_check_come_soon(self):
        self.start('observe layer7 error-limit 1 on-error fastinter fastinter 50ms')
        self.get('500')
        self.assertEqual(self.wait_row(hanafail='1')['status'], 'UP')
        server = self.the_rig.server('s1')
        seen = server.accepted
        self.get('500')
        wait_until(lambda: server.accepted >= seen + 2, 'a check beside the request')

    def test_connections_fail_where_they_are_refused(self):
        self.start('observe layer4 error-limit 2 on-error mark-down')
        self.get('500', 'close', '500', 'close')
        self.assertEqual(self.row()['hanafail'], '0')
        self.the_rig.server('s1').close()
        self.get('200', '200', '200')
        row = self.wait_row(hanafail='1', status='DOWN')
        self.assertEqual(row['last_chk'], 'Detected 2 consecutive errors, last one was: L4 unsuccessful connection')


class Agents(Watched):
    TEXT = """
frontend fe
    bind <fe>
    default_backend be
backend be
    option log-health-checks
    server s1 <s1> check inter 100ms weight 40 maxconn 10 agent-check agent-inter 100ms agent-port %s %s
    server s2 <s2>
"""

    def start(self, words='', said=b'up\n'):
        self.agent = Agent(self, said)
        self.the_rig = self.rig(self.TEXT % (self.agent.port, words), globals_=SOCKET)
        self.wait_row(agent_status='L7OK', check_status='L4OK')

    def says(self, line, **wanted):
        self.agent.said = line
        return self.wait_row(**wanted)

    def test_it_says_weight_and_maxconn(self):
        self.start()
        row = self.says(b'75% maxconn:30\r\n', weight='30', slim='30', agent_status='CHECKED')
        self.assertEqual((row['last_agt'], row['agent_desc'], row['agent_code']), ('', 'No status change', ''))
        self.says(b'300%,\tmaxconn:0\n', weight='120', slim='')
        self.says(b'0%\n', weight='0')

    def test_it_says_what_an_administrator_would(self):
        self.start()
        self.says(b'drain\n', status='DRAIN (agent)')
        self.says(b'up\n', status='DRAIN (agent)', agent_status='L7OK')
        self.says(b'ready\n', status='UP')
        self.says(b'maint\n', status='MAINT')
        self.says(b'up ready\n', status='UP')

    def test_down_by_either_is_down_and_up_is_said_by_both(self):
        self.start()
        row = self.says(b'stopped #in the cellar\n', status='DOWN (agent)', agent_status='L7STS', check_status='L4OK')
        self.assertEqual(row['last_agt'], 'via agent : stopped (in the cellar)')
        self.assertEqual((row['agent_health'], row['agent_rise'], row['agent_fall'], row['agent_code']),
                         ('0', '1', '1', '0'))
        self.the_rig.log.wait(r'Agent check for server be/s1 failed, reason: Layer7 wrong status, code: 0, info: "via agent : '
                              r'stopped \(in the cellar\)", check duration: \d+ms, status: 0/1 DOWN\.')
        self.the_rig.log.wait(r'Server be/s1 is DOWN\. 1 active')
        self.says(b'50%\n', status='DOWN (agent)', weight='20')
        self.says(b'UP\n', status='UP')
        self.the_rig.log.wait(r'Agent check for server be/s1 succeeded, .* status: 1/1 UP\.')

    def test_what_it_cannot_mean_changes_nothing(self):
        self.start()
        for line, text in ((b'garbage\n', 'agent reports an error : garbage'), (b'75\n', 'agent reports an error : 75'),
                           (b'maxconn:x\n', 'agent warns : maxconn string empty or preceded by garbage')):
            self.assertEqual(self.says(line, last_agt=text)['status'], 'UP')
        self.says(b'', agent_status='L7RSP', status='UP', last_agt='TCPCHK got an empty response at step 2')
        self.agent.script.close()
        self.wait_row(agent_status='L4CON', status='UP')

    def test_it_is_sent_a_text(self):
        self.start('agent-send "hello\\n"')
        self.assertIn(b'hello\n', self.agent.heard)
        self.assertEqual(ask(self.the_rig, 'set server be/s1 agent-send other').strip(), '')
        wait_until(lambda: b'other' in self.agent.heard, 'another text')

    def test_commands_about_agents(self):
        self.start()
        for command, answer in (
                ('set server be/s1 agent x', "'set server <srv> agent' expects 'up' or 'down'."),
                ('set server be/s2 agent up', 'agent checks are not enabled on this server.'),
                ('set server be/s2 agent-addr 127.0.0.1', 'agent checks are not enabled on this server'),
                ('set server be/s1 agent-addr',
                 'set server <b>/<s> agent-addr requires an address and optionally a port.'),
                ('set server be/s1 agent-addr xx', "invalid addr 'xx'"),
                ('set server be/s1 agent-addr 127.0.0.1 port x', 'provided port is not an integer'),
                ('set server be/s1 agent-port 77777', 'provided port is invalid'),
                ('set server be/s1 agent-port', 'set server <b>/<s> agent-port requires a port.'),
                ('enable agent be/s2', 'Agent was not configured on this server, cannot enable.'),
                ('disable agent be/s2', '')):
            self.assertEqual(self.ask(command), answer, command)
        other = Agent(self, b'down\n')
        self.assertEqual(self.ask('set server be/s1 agent-port ' + other.port), '')
        self.wait_row(status='DOWN (agent)')
        self.assertIn(' 22 0 0 - ', [line for line in self.ask('show servers state be').splitlines() if ' s1 ' in line][0])
        self.assertIn(' - %s' % other.port, self.ask('show servers state be'))
        self.assertEqual(self.ask('disable agent be/s1'), '')
        self.assertEqual(self.ask('set server be/s1 agent up'), 'agent checks are not enabled on this server.')
        self.assertEqual(self.ask('enable agent be/s1'), '')
        self.wait_row(agent_status='L7STS')

    def test_a_result_may_be_set(self):
        self.start(said=b'up\n')
        self.agent.said = b'75%\n'
        self.wait_row(weight='30')
        self.assertEqual(self.ask('set server be/s1 agent down'), '')
        self.wait_row(status='DOWN (agent)')
        self.the_rig.log.wait(r'Server be/s1 is DOWN, changed from CLI\.')
        self.assertEqual(self.ask('set server be/s1 agent up'), '')
        self.wait_row(status='UP')
        self.the_rig.log.wait(r'Server be/s1 is UP, changed from CLI\.')

    @penstock_only("HAProxy takes 'down#reason' for no word, whatever its manual says")
    def test_a_reason_may_stand_right_behind_the_word(self):
        self.start()
        row = self.says(b'down#disk full\n', status='DOWN (agent)')
        self.assertEqual(row['last_agt'], 'via agent : down (disk)')

    @penstock_only('HAProxy forgets it')
    def test_a_reload_keeps_what_the_agent_said(self):
        self.start()
        self.says(b'down 50%\n', status='DOWN (agent)', weight='20')
        self.agent.said = b'garbage\n'
        self.the_rig.reload(self.TEXT % (self.agent.port, '') + '# again\n')
        self.wait_row(status='DOWN (agent)', weight='20')
        self.says(b'up\n', status='UP')
