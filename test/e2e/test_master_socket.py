"""The socket of `-S`: where administrators come to the parent. Answers are compared with those of HAProxy, which is run
beside with the same configuration and `-W -S`."""
import os
import re
import shutil
import signal
import socket
import subprocess

from harness import (IS_HAPROXY, PATIENCE, PROGRAM, Case, certificate, certificates, penstock_only, run_program,
                     wait_until)
from test_process import PLAIN, Process
from test_runtime_socket import Admin, ask, until_answer

HAPROXY = shutil.which('haproxy')

CONFIG = """
frontend fe
    bind <fe>
    default_backend be
backend be
    server s1 127.0.0.1:9
    server s2 127.0.0.1:9 weight 7
"""
SOCKET = 'master.sock'


def served(rig):
    """The process that serves, when it does."""
    return int(wait_until(lambda: re.search(r'(?m)^(\d+) +worker ', ask(rig, 'show proc', SOCKET)),
                          'a serving process').group(1))


class Both(Case):
    """Each line is said to both programs, and answered alike."""
    ONCE = True
    OPTIONS = 'unix@' + SOCKET

    def setUp(self):
        arguments = ['-W', '-S', self.OPTIONS]
        self.ours = self.rig(CONFIG, arguments=arguments)
        if not HAPROXY or IS_HAPROXY:
            self.skipTest('there is no haproxy to compare with')
        self.theirs = self.rig(CONFIG, program=HAPROXY, arguments=arguments)
        self.pids = {rig: (str(rig.process.pid), str(served(rig))) for rig in (self.ours, self.theirs)}

    def plain(self, rig, text):
        for number, name in zip(self.pids[rig], ('PARENT', 'CHILD')):
            text = re.sub(r'\b%s\b' % number, name, text)
        text = re.sub(r'(?m)^(PARENT|CHILD) +', r'\1 ', text)
        text = re.sub(r'\d+d\d\dh\d\dm\d\ds', 'AGE', text)
        text = re.sub(r'(?m)^(\d+ be \d+ s\d \S+ \d+ \d+ \d+ \d+) \d+ ', r'\1 AGE ', text)     # Servers' states.
        text = re.sub(r'(?m)^  show startup-logs .*\n', '', text)      # From 2.7 on.
        text = re.sub(r'(?m)^(  .{40}: ).*', r'\1', text)               # Help is written by each for itself.
        return re.sub(r'(0\.1\.0|2\.\d[-\w.+~]*) *$', 'VERSION', text, flags=re.M)

    def say(self, rig, text):
        for number, name in zip(self.pids[rig], ('<parent>', '<child>')):
            text = text.replace(name, number)
        return self.plain(rig, Admin(rig, SOCKET).send(text).end().rest())

    def compare(self, text):
        ours, theirs = self.say(self.ours, text), self.say(self.theirs, text)
        self.assertEqual(ours, theirs, text)
        return ours

    def compare_all(self, *texts):
        for text in texts:
            with self.subTest(text):
                self.compare(text)


class Talk(Both):

    def test_the_processes_are_listed(self):
        self.assertIn('PARENT master', self.compare('show proc\n'))
        self.compare_all('show proc debug\n', '@master show proc\n', '@ show proc\n', '@0 show proc\n')

    def test_help_lists_what_is_the_parents(self):
        self.compare_all('help\n', 'help show\n', 'help reload\n', '@master help\n', '\n', 'foo\n', '@1 help quit\n')

    def test_a_command_with_a_mark_goes_to_the_serving_process(self):
        self.assertIn('1 s1', self.compare('@1 show servers state\n'))
        self.compare_all('@1 show version\n', '@!<child> show cli level\n', '@1; show cli level\n',
                         '@1 show version; show cli level\n', '@1 show backend; @!<child> show backend\n',
                         '@1 set server be/s1 state drain\n', '@1 get weight be/s2; show proc\n',
                         '@master; show proc\n', '@1 expert-mode\n', 'expert-mode\n', '@1\n')

    def test_nobody_else_is_reached(self):
        self.compare_all('@2 show version\n', '@!99999999 show version\n', '@!<parent> show version\n')

    def test_there_is_a_prompt(self):
        self.assertEqual(self.compare('prompt\n@1\nshow cli level\n@master\nshow cli level\n'),
                         'master> CHILD> admin\n\nCHILD> master> admin\n\nmaster> ')
        self.compare_all('prompt\n', 'prompt\nexpert-mode on\nexperimental-mode on\nmcli-debug-mode on\n@1\n',
                         'prompt\n@3\nshow version\n', 'prompt\nfoo\n\n', 'prompt\nexpert-mode on\nexpert-mode off\n')

    def test_whoever_may_do_less_says_so(self):
        self.compare_all('user; show cli level\n', 'operator; @1 show version\n', 'user; reload\n', 'show cli level\n')

    def test_a_reload_is_counted_and_so_is_one_that_failed(self):
        for rig in (self.ours, self.theirs):
            good = rig.text
            rig.bare = True
            rig.write(good + '    nonsense\n')
            ask(rig, 'reload', SOCKET)
            # The other program's parent begins anew meanwhile.
            wait_until(lambda: 'master[ReloadFailed]> ' in Admin(rig, SOCKET).send('prompt\n').end().rest(), 'a failure')
            rig.failed = self.plain(rig, ask(rig, 'show proc', SOCKET))
            rig.write(good)
            ask(rig, 'reload', SOCKET)
            wait_until(lambda: '2 [failed: 0]' in ask(rig, 'show proc', SOCKET), 'a reload')
            self.pids[rig] = str(rig.process.pid), str(served(rig))
            rig.well = self.plain(rig, ask(rig, 'show proc', SOCKET))
        self.assertEqual(self.ours.failed, self.theirs.failed)
        self.assertEqual(self.ours.well, self.theirs.well)


class LessRights(Both):
    OPTIONS = 'unix@' + SOCKET + ',level,user,mode,600'

    def test_the_level_is_that_of_the_socket(self):
        self.assertEqual(self.compare('show cli level\n'), 'user\n\n')
        self.compare_all('@1 show cli level\n', 'reload\n', '@1 set weight be/s1 5\n', 'show proc\n')
        self.assertEqual(os.stat(os.path.join(self.ours.folder, SOCKET)).st_mode & 0o777, 0o600)


@penstock_only('has answers of its own')
class Own(Process):

    def start(self, text=PLAIN, options='unix@' + SOCKET, **more):
        return self.rig(text, arguments=['-W', '-S', options], **more)

    def test_a_reload_is_answered_with_how_it_went(self):
        rig = self.start()
        self.assertEqual(ask(rig, 'show startup-logs', SOCKET), '\n')
        rig.write(PLAIN.replace('here', 'there'))
        self.assertRegex(ask(rig, 'reload', SOCKET),
                         r'^Success=1\n--\nReloaded in \d+ ms: frontend fe: [^\n]*here[^\n]*there[^\n]*\.\n\n$')
        self.assertEqual(rig.get('/').body, b'there')
        rig.write('nonsense\n')
        self.assertRegex(ask(rig, 'reload', SOCKET),
                         r"(?s)^Success=0\n--\n\[ALERT\][^\n]*'nonsense'.*\nReload refused: 1 error\(s\); [^\n]*\.\n\n$")
        # One's own socket, and one that goes on, hear the same.
        self.assertRegex(ask(rig, 'show proc; reload', SOCKET), r'(?s)failed: 1\].*Success=0\n.*nonsense')
        rig.write(PLAIN + '    option forceclose\n    option nonsense\n')
        self.assertIn('Success=0\n', Admin(rig, SOCKET).send('prompt\nreload\n').end().rest())

    def test_warnings_of_a_reload_are_its_startup_logs(self):
        rig = self.start()
        rig.write('global\n    tune.fd.edge-triggered on\n' + PLAIN)
        answer = ask(rig, 'reload', SOCKET)
        self.assertRegex(answer, r'^Success=1\n--\n\[WARNING\]')
        logs = ask(rig, 'show startup-logs', SOCKET)
        self.assertIn('edge-triggered', logs)
        self.assertTrue(answer.startswith('Success=1\n--\n' + logs.rstrip('\n')))
        self.assertEqual(ask(rig, '@1 show startup-logs', SOCKET), logs)

    def test_a_reload_asked_of_the_serving_process_alone(self):
        """With a parent, and without one."""
        for arguments in (['-W'], []):
            rig = self.rig(PLAIN, globals_='    stats socket <dir>/admin.sock level admin\n    stats socket <dir>/user.sock '
                           'level user', arguments=arguments)
            ask(rig, 'show proc')
            rig.write(PLAIN.replace('here', 'there'))
            self.assertRegex(ask(rig, 'reload'), r'^Success=1\n--\nReloaded in \d+ ms: frontend fe: .*\.\n\n$')
            self.assertEqual(ask(rig, 'reload', 'user.sock'), 'Permission denied\n\n')
            rig.write('nonsense\n')
            self.assertIn('nonsense', ask(rig, 'reload'))
            self.assertRegex(ask(rig, 'show proc'), r'(?m)^%d +master +2 \[failed: 1\]' % rig.process.pid)

    def test_reloads_asked_for_at_one_time_are_all_answered(self):
        rig = self.start()
        admins = [Admin(rig, SOCKET).send('reload\n').end() for _ in range(8)]
        for admin in admins:
            self.assertTrue(admin.rest().startswith('Success=1\n'))

    def test_a_line_that_was_cut_is_put_together(self):
        rig = self.start()
        admin = Admin(rig, SOCKET).send('@1 show')
        ask(rig, 'show proc', SOCKET)
        self.assertEqual(admin.send(' cli level\n').rest(), 'admin\n\n')

    def test_a_payload_goes_with_its_command(self):
        rig = self.start()
        answer = Admin(rig, SOCKET).send('@1 show version <<\n' + 'x' * 100 + '\n').send('y' * 9000 + '\n\n').end().rest()
        self.assertEqual(answer, ask(rig, '@1 show version', SOCKET))

    def test_what_is_no_line_of_an_administrator_ends_the_connection(self):
        rig = self.start()
        for text in ('GET / HTTP/1.1\nHost: a\n\n', 'x' * 4096, 'show proc'):
            with self.subTest(text[:20]):
                self.assertEqual(Admin(rig, SOCKET).send(text).end().rest(), '')
        self.assertEqual(Admin(rig, SOCKET).send('show proc ' + 'x' * 4085 + '\n').rest()[:6], '#<PID>')

    def test_who_says_nothing_keeps_nobody_out_for_long(self):
        rig = self.start()
        idle = [Admin(rig, SOCKET) for _ in range(10)]
        late = Admin(rig, SOCKET).send('show proc\n')
        idle[3].send('quit\n')
        self.assertIn('master', late.rest())
        self.assertEqual(rig.get('/').status, 200)

    def test_who_takes_no_answer_costs_nobody_anything(self):
        rig = self.start()
        for _ in range(30):
            Admin(rig, SOCKET).send('show startup-logs\n').socket.close()
            Admin(rig, SOCKET).send('@1 show info\n').socket.close()
            Admin(rig, SOCKET).send('reload\n').socket.close()
        self.assertIn('Success=1', ask(rig, 'reload', SOCKET))
        self.assertEqual(rig.get('/').status, 200)

    def test_the_socket_outlives_the_serving_process(self):
        rig = self.start()
        # Who dies before it serves ends the program.
        self.assertIn('Success=1', ask(rig, 'reload', SOCKET))
        child = served(rig)
        os.kill(child, signal.SIGKILL)
        self.assertNotEqual(self.child(rig, other_than=child), child)
        self.assertRegex(ask(rig, 'show proc', SOCKET), r'worker')
        wait_until(lambda: 'admin' in ask(rig, '@1 show cli level', SOCKET), 'another one to answer')
        # Nobody but the parent holds it.
        wait_until(lambda: not self.holds(self.child(rig), rig), 'the child to close it')
        self.assertTrue(self.holds(rig.process.pid, rig))

    def holds(self, pid, rig):
        with open('/proc/net/unix') as file:
            sockets = {'socket:[%s]' % line.split()[6] for line in file if line.rstrip().endswith(SOCKET)}
        folder = '/proc/%d/fd' % pid
        for fd in os.listdir(folder):
            try:
                if os.readlink(os.path.join(folder, fd)) in sockets:
                    return True
            except FileNotFoundError:
                continue     # It was closed meanwhile.
        return False

    def test_a_reload_that_kills_is_answered(self):
        rig = self.start()
        rig.get('/')
        self.assertIn('Success=1', ask(rig, 'reload', SOCKET))
        child = served(rig)
        os.kill(child, signal.SIGSTOP)
        admin = Admin(rig, SOCKET).send('reload\n').end()
        wait_until(lambda: re.search(r'2 \[failed: 1\]', ask(rig, 'show proc', SOCKET)), 'the reload to begin')
        os.kill(child, signal.SIGKILL)
        self.assertEqual(admin.rest(), 'Success=0\n--\nIt died of the new configuration, which is refused.\n\n')

    def test_addresses_of_every_kind(self):
        listening = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(listening.close)
        listening.set_inheritable(True)
        process = subprocess.Popen([PROGRAM, '-W', '-S', 'fd@%d' % listening.fileno(), '-f', self.config()],
                                   pass_fds=[listening.fileno()], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            with socket.create_connection(listening.getsockname(), PATIENCE) as one:
                one.sendall(b'show proc\n')
                one.shutdown(socket.SHUT_WR)
                self.assertIn(b'master', one.makefile('rb').read())
        finally:
            process.send_signal(signal.SIGINT)
            output = process.communicate(timeout=PATIENCE)[0]
        self.assertEqual(process.returncode, 130, output)

    def config(self):
        rig = self.rig(PLAIN, start=False)
        text = re.sub(r'bind .*', 'bind 127.0.0.1:0', rig.text)
        path = os.path.join(rig.folder, 'own.cfg')
        with open(path, 'w') as file:
            file.write(text)
        return path

    def test_complaints_about_the_option(self):
        path = self.config()
        for value, words in (('/nowhere/x.sock', r'\[ALERT\].*-S: .*/nowhere/x.sock'), ('/x,nonsense', r"-S: .*'nonsense'"),
                             ("/x'", '-S: a quote')):
            with self.subTest(value):
                code, text = run_program('-W', '-S', value, '-f', path)
                self.assertEqual(code, 1)
                self.assertRegex(text, words)
        rig = self.rig(PLAIN, arguments=['-S', SOCKET])
        rig.output.wait('-S: without -W there is no parent, the option has no effect')


AMENDED = """
frontend fe
    bind <fe>
    default_backend be
frontend closed
    bind 127.0.0.1:0
    default_backend be
frontend shut
    bind 127.0.0.1:0
    default_backend be
backend be
    server s1 <s1>
    server s2 <dead> check inter 1h
    server s3 127.0.0.1:9 disabled
"""


@penstock_only('has one process, which outlives nothing')
class AfterACrash(Process):
    """What was set by command is in force again in the process that comes after a dead one."""

    def start(self):
        rig = self.rig(AMENDED, globals_='    stats socket <dir>/admin.sock level admin\n', arguments=['-W'])
        rig.server('s9')
        until_answer(rig, 'show servers state', r' s2 \S+ 0 ')
        return rig

    def kill(self, rig):
        child = self.child(rig)
        os.kill(child, signal.SIGKILL)
        self.child(rig, other_than=child)

    def commands(self, rig):
        address = rig.servers['s9'].address
        return ('add server be/s9 %s check inter 1h weight 5' % address, 'enable health be/s9',
                'set server be/s9 state ready', 'set server be/s9 weight 7', 'del server be/s3',
                'disable frontend closed', 'shutdown frontend shut', 'set maxconn frontend fe 17',
                'set maxconn global 33', 'set server be/s2 check-addr 127.0.0.7 port 99', 'disable health be/s2')

    def facts(self, rig):
        stat = ask(rig, 'show stat -1 3 -1')
        limits = re.findall(r'(?m)^(\w+),FRONTEND,(?:[^,]*,){4}(\d+),(?:[^,]*,){10}(\w+),', stat)
        servers = [line.split()[3:9] + line.split()[13:14] + line.split()[18:19] + line.split()[21:23]
                   for line in ask(rig, 'show servers state').split('\n') if re.match(r'\d+ be ', line)]
        return limits, servers, re.findall(r'(?m)^Maxconn: (\d+)', ask(rig, 'show info'))

    def test_servers_limits_and_frontends(self):
        rig = self.start()
        ask(rig, 'show version')
        plain = self.facts(rig)
        for command in self.commands(rig):
            self.assertNotRegex(ask(rig, command), '(?i)denied|unknown|cannot|not enabled|expects', command)
        before = self.facts(rig)
        self.assertEqual([name for name, *_ in before[1]], ['s1', 's2', 's9'])
        self.assertIn(['s9', '127.0.0.1', '2', '0', '7', '5'], [server[:6] for server in before[1]])
        for _ in range(2):
            self.kill(rig)
            wait_until(lambda: self.facts(rig) == before, 'all that was in force')
        # It ends with a reload, which says so.
        line = ask(rig, 'reload')
        for what in ('added server be/s9', 'deleted server be/s3', 'frontend closed disabled', 'frontend shut shut down',
                     'maxconn of frontend fe', 'maxconn of the process', 'disabled checks of be/s2', 'check-addr of be/s2'):
            self.assertIn(what, line)
        wait_until(lambda: self.facts(rig)[0] == plain[0], 'the frontends as they were')
        self.kill(rig)
        wait_until(lambda: [server[0] for server in self.facts(rig)[1]] == ['s1', 's2', 's3'], 'servers of the file')
        self.assertNotIn('lost', rig.output.text)

    def test_certificates_and_authorities(self):
        folder = self.jail()
        for name in ('mail.pem', 'ca.pem'):
            shutil.copy(os.path.join(certificates(), name), folder)
        file, authorities = os.path.join(folder, 'mail.pem'), os.path.join(folder, 'ca.pem')
        text = ('frontend fe\n    bind <fe> ssl crt %s\n    http-request return status 200\n'
                'backend be\n    server s1 127.0.0.1:9 ssl verify required ca-file %s\n' % (file, authorities))
        rig = self.rig(text, globals_='    stats socket <dir>/admin.sock level admin\n', arguments=['-W'])
        with open(certificate('other')) as other:
            pem = re.sub(r'\n+', '\n', other.read())
        with open(os.path.join(certificates(), 'other-ca.pem')) as other:
            authority = re.sub(r'\n+', '\n', other.read())
        for kind, name, payload in (('cert', file, pem), ('ca-file', authorities, authority)):
            self.assertNotIn("Can't", ask(rig, 'set ssl %s %s <<\n%s\n' % (kind, name, payload)))
            self.assertIn('Success!', ask(rig, 'commit ssl %s %s' % (kind, name)))
        self.assertNotIn("Can't", ask(rig, 'set ssl cert %s <<\n%s\n' % (file, pem)))

        def shown():
            return [re.sub(r'Status: .*', '', ask(rig, 'show ssl ' + words)) for words in (
                'cert ' + file, 'ca-file ' + authorities, 'cert')]
        before = shown()
        self.kill(rig)
        wait_until(lambda: shown() == before, 'what was set')
        self.assertIn('Success!', ask(rig, 'commit ssl cert ' + file))
        line = ask(rig, 'reload')
        self.assertIn('certificate ' + file, line)
        self.kill(rig)
        wait_until(lambda: shown()[0] not in ('', before[0]), 'the certificate of the file')

    def with_maps(self):
        folder = self.jail()
        names, words = os.path.join(folder, 'names.map'), os.path.join(folder, 'words.lst')
        with open(names, 'w') as file:
            file.write('a 1\nb 2\nc 3\nd 4\nd 5\n')
        with open(words, 'w') as file:
            file.write('red\ngreen\n')
        text = ('frontend fe\n    bind <fe>\n    acl w hdr(x) -f %s\n    http-request deny if w\n'
                '    http-request return status 200 hdr x %%[path,map(%s)]\n' % (words, names))
        return self.rig(text, globals_='    stats socket <dir>/admin.sock level admin\n', arguments=['-W']), names, words

    @staticmethod
    def entries(rig, what):
        return re.findall(r'(?m)^0x\w+ (.*)$', ask(rig, 'show ' + what))

    def test_maps_and_acls(self):
        rig, names, words = self.with_maps()
        ask(rig, 'set map %s a 10' % names)
        ask(rig, 'set map %s a 11' % names)
        ask(rig, 'del map %s b' % names)
        ask(rig, 'add map %s b 20' % names)
        ask(rig, 'add map %s gone 1;del map %s gone' % (names, names))
        ask(rig, 'add map %s <<\ne 6\nf 7 8\n' % names)
        ask(rig, 'add acl %s blue' % words)
        ask(rig, 'del acl %s red' % words)
        maps, acls = ['a 11', 'c 3', 'd 4', 'd 5', 'b 20', 'e 6', 'f 7 8'], ['green', 'blue']
        self.assertEqual(self.entries(rig, 'map ' + names), maps)
        self.assertEqual(self.entries(rig, 'acl ' + words), acls)
        self.kill(rig)
        wait_until(lambda: (self.entries(rig, 'map ' + names), self.entries(rig, 'acl ' + words)) == (maps, acls),
                   'maps and ACLs as they were')
        # A version that was committed is all there is; one that was not is none.
        ask(rig, 'prepare map %s;add map @1 %s x 1;commit map @1 %s;prepare map %s;add map @2 %s y 1'
            % (names, names, names, names, names))
        ask(rig, 'clear acl ' + words)
        self.kill(rig)
        wait_until(lambda: (self.entries(rig, 'map ' + names), self.entries(rig, 'acl ' + words)) == (['x 1'], []),
                   'the version that was committed')
        line = ask(rig, 'reload')
        self.assertIn('map ' + names, line)
        self.assertIn('ACL ' + words, line)
        self.kill(rig)
        wait_until(lambda: self.entries(rig, 'acl ' + words) == ['red', 'green'], 'what the file says')
        self.assertNotIn('lost', rig.output.text)

    def test_what_cannot_be_set_again_is_named(self):
        rig, names, _ = self.with_maps()
        second = re.search(r'(0x\w+) d 5', ask(rig, 'show map ' + names)).group(1)
        ask(rig, 'set map %s #%s 50' % (names, second))
        ask(rig, 'set maxconn frontend fe 17')
        before = self.facts(rig)
        self.kill(rig)
        rig.output.wait('What was set by command is lost: map ' + names)
        wait_until(lambda: self.facts(rig) == before, 'what can be')
        self.assertEqual(self.entries(rig, 'map ' + names)[-1], 'd 5')

    def test_a_server_deleted_and_added_again(self):
        rig = self.start()
        before = self.facts(rig)
        for command in ('set server be/s3 state maint', 'del server be/s3', 'add server be/s3 127.0.0.1:99 weight 9',
                        'set server be/s3 state ready', 'set server be/s3 weight 8'):
            self.assertNotRegex(ask(rig, command), '(?i)denied|unknown|cannot|only|expects', command)
        after = self.facts(rig)
        self.assertNotEqual(after, before)
        self.kill(rig)
        wait_until(lambda: self.facts(rig) == after, 'the second server of that name')
        for command in ('set server be/s3 state maint', 'del server be/s3'):
            ask(rig, command)
        self.kill(rig)
        wait_until(lambda: [server[0] for server in self.facts(rig)[1]] == ['s1', 's2'], 'none of that name')
        self.assertNotIn('lost', rig.output.text)

    def test_lists_of_certificates(self):
        folder = self.jail()
        for name in ('mail.pem', 'other.pem'):
            shutil.copy(os.path.join(certificates(), name), folder)
        first, second, listing = [os.path.join(folder, name) for name in ('mail.pem', 'other.pem', 'list')]
        with open(listing, 'w') as file:
            file.write(first + '\n')
        rig = self.rig('frontend fe\n    bind <fe> ssl crt-list %s\n    http-request return status 200\n' % listing,
                       globals_='    stats socket <dir>/admin.sock level admin\n', arguments=['-W'])
        with open(second) as file:
            pem = re.sub(r'\n+', '\n', file.read())
        # What is listed is made after a line of the list was changed, and must be there before the line is.
        ask(rig, 'add ssl crt-list %s %s' % (listing, first))
        ask(rig, 'new ssl cert %s' % second)
        ask(rig, 'set ssl cert %s <<\n%s\n' % (second, pem))
        self.assertIn('Success!', ask(rig, 'commit ssl cert %s' % second))
        self.assertIn('Success!', ask(rig, 'add ssl crt-list %s %s' % (listing, second)))
        before = ask(rig, 'show ssl crt-list %s' % listing)
        self.assertEqual(before.count(first), 2)
        self.assertIn(second, before)
        self.kill(rig)
        wait_until(lambda: ask(rig, 'show ssl crt-list %s' % listing) == before, 'the list as it was')
        self.assertNotIn('lost', rig.output.text)

    def test_what_was_taken_back_is_not_set_again(self):
        rig = self.start()
        for command in ('disable frontend closed', 'enable frontend closed', 'disable health be/s2', 'enable health be/s2',
                        'add server be/s9 127.0.0.1:9', 'del server be/s9'):
            ask(rig, command)
        before = self.facts(rig)
        self.kill(rig)
        wait_until(lambda: self.facts(rig) == before, 'the same')

    def test_processes_that_die_of_it_are_not_given_it_for_ever(self):
        rig = self.start()
        ask(rig, 'disable frontend closed')
        child = 0
        for _ in range(4):
            child = self.child(rig, other_than=child)
            os.kill(child, signal.SIGKILL)
        rig.output.wait('What was set by command is given up')
