"""The program itself: options, complaints, exit statuses, limits, threads."""
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

from harness import (Case, Client, PATIENCE, PROGRAM, ROOT, check, penstock_only, reserved_port,
                     run_program)

GOOD = """
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
frontend fe
    bind 127.0.0.1:1
    default_backend be
backend be
    server s1 127.0.0.1:1
"""

SLOW = """
global
    nbthread 2
frontend fe
    bind <fe>
    default_backend be
backend be
    server s1 <slow>
"""

PLAIN = """
frontend fe
    bind <fe>
    default_backend be
backend be
    server s1 <s1>
"""


class Options(Case):
    ONCE = True

    def test_v_and_vv_tell_the_version(self):
        for option in ('-v', '-vv'):
            code, text = run_program(option)
            self.assertEqual(code, 0)
            self.assertRegex(text, r'(?m)^\S+ version \d+\.\d+')
        self.assertIn('Feature list', text)

    @penstock_only('has neither')
    def test_help_and_version(self):
        code, text = run_program('--help')
        self.assertEqual(code, 0)
        for option in ('-f', '-c', '-V', '-q', '-db', '-n', '-C', '-cc'):
            self.assertIn(option, text)
        self.assertEqual(run_program('--version')[0], 0)

    def test_an_unknown_option_is_1_and_shows_the_usage(self):
        code, text = run_program('-Z')
        self.assertEqual(code, 1)
        self.assertRegex(text, r'(?i)usage')

    def test_check_says_valid(self):
        code, text = check(GOOD, '-V')
        self.assertEqual(code, 0)
        self.assertIn('Configuration file is valid', text)

    def test_check_quietly(self):
        self.assertEqual(check(GOOD, '-q')[0], 0)

    def test_errors_are_1_and_name_file_and_line(self):
        code, text = check(GOOD.replace('default_backend be', 'default_backend nowhere'))
        self.assertEqual(code, 1)
        self.assertIn('nowhere', text)
        code, text = check(GOOD.replace('timeout client 5s', 'timeout client 5parsecs'))
        self.assertEqual(code, 1)
        self.assertRegex(text, r'test\.cfg:5')

    def test_a_file_that_is_not_there_is_1(self):
        code, text = run_program('-c', '-f', '/nonexistent/x.cfg')
        self.assertEqual(code, 1)
        self.assertIn('/nonexistent/x.cfg', text)

    def test_nothing_to_listen_on_is_2(self):
        code, _ = check('defaults\n    mode http\n    timeout connect 1s\n    timeout client 1s\n'
                        '    timeout server 1s\nbackend be\n    server s1 127.0.0.1:1\n')
        self.assertEqual(code, 2)

    def test_conditions(self):
        for text, code in (('version_atleast(2.4)', 0), ('version_atleast(99)', 1),
                           ('streq(a,a)', 0), ('streq(a,b)', 1), ('defined(PATH)', 0),
                           ('!defined(NO_SUCH_THING)', 0), ('feature(OPENSSL)', 0),
                           ('streq(a,a) && !streq(a,b)', 0), ('(1 || 0) && 1', 0),
                           ('no_such_function()', 2)):
            got = run_program('-cc', text)[0]
            self.assertEqual(got if got < 2 else 2, code, text)

    def test_several_files_and_folders_are_read_in_order(self):
        with tempfile.TemporaryDirectory(prefix='penstock-e2e.') as folder:
            front, back = GOOD.split('\nbackend be\n')
            os.mkdir(folder + '/conf.d')
            for name, text in (('/a.cfg', front + '\n'), ('/conf.d/10-back.cfg', 'backend be\n' + back),
                               ('/conf.d/ignored.txt', 'nonsense\n'), ('/conf.d/.hidden.cfg', 'bad\n')):
                with open(folder + name, 'w') as file:
                    file.write(text)
            code, text = run_program('-c', '-f', folder + '/a.cfg', '-f', folder + '/conf.d')
            self.assertEqual(code, 0, text)

    def test_C_changes_the_folder_first(self):
        with tempfile.TemporaryDirectory(prefix='penstock-e2e.') as folder:
            with open(folder + '/x.cfg', 'w') as file:
                file.write(GOOD)
            self.assertEqual(run_program('-c', '-C', folder, '-f', 'x.cfg')[0], 0)

    def test_environment_variables_are_expanded_in_double_quotes(self):
        text = GOOD.replace('server s1 127.0.0.1:1', 'server s1 "${E2E_HOST}:${E2E_PORT-99}"')
        self.assertEqual(check(text, environment={'E2E_HOST': '127.0.0.1'})[0], 0)

    def test_checking_opens_no_socket(self):
        """`-c` of a configuration whose addresses nobody could bind."""
        self.assertEqual(check(GOOD.replace('127.0.0.1:1', '192.0.2.7:80'))[0], 0)

    @penstock_only('prints nothing of the kind')
    def test_c_with_d_prints_what_was_understood(self):
        code, text = check(GOOD, '-d')
        self.assertEqual(code, 0)
        for line in ('frontend fe', 'bind 127.0.0.1:1', 'backend be', 'server s1 127.0.0.1:1'):
            self.assertIn(line, text)


@penstock_only('complains otherwise')
class Complaints(Case):
    ONCE = True

    def test_all_complaints_of_a_reading_come_at_once_with_place_and_caret(self):
        text = GOOD.replace('mode http', 'mod http').replace('server s1', 'servr s1').replace(
            'timeout client 5s', 'timeout clint 5s')
        code, said = check(text)
        self.assertEqual(code, 1)
        for line, word, near in ((3, 'mod', 'mode'), (5, 'clint', 'client'), (11, 'servr', 'server')):
            self.assertRegex(said, r'test\.cfg:%d' % line)
            self.assertIn(word, said)
            self.assertRegex(said, r"\b%s\b" % near)
        self.assertRegex(said, r'(?m)^\s*\S*\s*\|?\s*\^')

    def test_what_is_found_late_has_place_and_caret_too(self):
        for old, new, place in (
                ('default_backend be', 'default_backend be\n    http-request set-header X-A %[nosuch]', '10:35'),
                ('server s1 127.0.0.1:1', 'server s1 127.0.0.1:1 ssl verify required', '11:27')):
            code, said = check(GOOD.replace(old, new))
            self.assertEqual(code, 1, new)
            self.assertEqual(said.count('[ALERT]'), 1, said)
            self.assertRegex(said, r'test\.cfg:%s' % place)
            self.assertRegex(said, r'(?m)^ +\^')

    def test_old_words_name_their_successor(self):
        for old, new in (('reqadd X-A:\\ b', 'http-request add-header X-A b'),
                         ('contimeout 5000', 'timeout connect 5000'), ('clitimeout 5000', 'timeout client 5000'),
                         ('srvtimeout 5000', 'timeout server 5000')):
            code, said = check(GOOD.replace('bind 127.0.0.1:1', 'bind 127.0.0.1:1\n    ' + old))
            self.assertEqual(code, 0, old)
            self.assertIn("write '%s'" % new, said)

    def test_what_spans_several_lines_is_found(self):
        for old, new, word in (
                ('default_backend be', 'use_backend be if nosuchacl', 'nosuchacl'),
                ('server s1 127.0.0.1:1', 'server s1 127.0.0.1:1\n    server s1 127.0.0.1:2', 's1'),
                ('default_backend be', 'use_backend other if TRUE', 'other')):
            code, said = check(GOOD.replace(old, new))
            self.assertEqual(code, 1, new)
            self.assertIn(word, said)
            self.assertEqual(said.count('[ALERT]'), 1, said)

    def test_a_rule_that_can_never_be_reached_is_named(self):
        code, said = check(GOOD.replace(
            'default_backend be', 'http-request deny\n    http-request set-header X-A b\n'
            '    default_backend be'))
        self.assertRegex(said, r'test\.cfg:10')

    def test_nothing_is_ignored_in_silence(self):
        code, said = check(GOOD + 'listen more\n    bind 127.0.0.1:2\n    option splice-auto\n')
        self.assertEqual(code, 0)
        self.assertRegex(said, r'(?i)splice-auto')

    def test_an_argument_too_many_is_an_error(self):
        code, said = check(GOOD.replace('retries 3', '').replace(
            'timeout connect 5s', 'timeout connect 5s 6s'))
        self.assertEqual(code, 1)
        self.assertIn('6s', said)

    def test_the_examples_are_valid(self):
        folder = os.path.join(ROOT, 'examples')
        for name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, name)) as file:
                text = file.read()
            text = text.replace('/etc/penstock/certs/', '<certs>/mail.pem').replace(
                '/etc/penstock/exchange-ca.pem', '<certs>/ca.pem')
            code, said = check(text)
            self.assertEqual((code, said.count('ALERT')), (0, 0), name + '\n' + said)
            self.assertNotIn('lint-off', said, name)

    def test_traps_of_exchange_are_named(self):
        text = GOOD.replace('default_backend be', 'use_backend be if { path_beg /owa }')
        code, said = check(text)
        self.assertEqual(code, 0)
        self.assertRegex(said, r"test\.cfg:9:\d+\] : path-case: .*write 'path_beg -i /owa'")
        self.assertNotIn('path-case', check('global\n    lint-off path-case\n' + text)[1])


class Limits(Case):

    def test_a_descriptor_limit_too_low_is_a_clear_error(self):
        with tempfile.TemporaryDirectory(prefix='penstock-e2e.') as folder:
            path = folder + '/x.cfg'
            with open(path, 'w') as file:
                file.write('global\n    maxconn 100000\n' + GOOD)

            def limit():
                resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))
            port = reserved_port()
            self.addCleanup(port.close)
            done = subprocess.run([PROGRAM, '-db', '-f', path], preexec_fn=limit, timeout=PATIENCE,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT)
            self.assertNotEqual(done.returncode, 0)
            self.assertRegex(done.stdout.decode(), r'(?i)200|limit|ulimit|descriptor')

    def test_global_maxconn_makes_the_next_client_wait(self):
        rig = self.rig("""
frontend fe
    bind <fe>
    default_backend be
backend be
    server s1 <s1>
""", globals_='    maxconn 3')
        clients = [rig.connect() for _ in range(3)]
        for client in clients:
            client.get('/test/server')
        late = rig.connect().request('GET', '/test/count')
        late.socket.settimeout(0.2)
        with self.assertRaises(AssertionError):
            late.response()
        clients[0].close()
        late.socket.settimeout(PATIENCE)
        self.assertEqual(late.response().body, b'4\n')

    @penstock_only('counts otherwise')
    def test_accepting_pauses_before_descriptors_run_out_and_resumes(self):
        """With few descriptors, clients beyond them wait; none is refused or dropped."""
        rig = self.rig("""
frontend fe
    bind <fe>
    default_backend be
backend be
    server s1 <s1>
""", nofile=200, globals_='    maxconn 40')
        clients = [rig.connect() for _ in range(120)]
        for client in clients:
            client.request('GET', '/test/server', [('Connection', 'close')])
        for client in clients:
            self.assertEqual(client.response().body, b'EX01')
        self.assertLess(rig.descriptors(), 200)

    def test_a_port_in_use_is_an_error_that_names_it(self):
        taken = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(taken.close)
        port = taken.getsockname()[1]
        with tempfile.TemporaryDirectory(prefix='penstock-e2e.') as folder:
            with open(folder + '/x.cfg', 'w') as file:
                file.write(GOOD.replace('bind 127.0.0.1:1', 'bind 127.0.0.1:%d' % port))
            code, text = run_program('-db', '-f', folder + '/x.cfg', seconds=PATIENCE)
        self.assertEqual(code, 1)
        self.assertIn(str(port), text)


class Threads(Case):
    TEXT = """
frontend fe
    bind 127.0.0.1:%d
    bind <fe>
    default_backend be
backend be
    server s1 <s1>
"""

    def threads(self, rig):
        return len(os.listdir('/proc/%d/task' % rig.process.pid))

    def test_nbthread_workers_run(self):
        port = reserved_port()
        self.addCleanup(port.close)
        counts = []
        for n in (1, 4):
            rig = self.rig(self.TEXT % port.getsockname()[1], nbthread=n)
            rig.get('/test/server')
            counts.append(self.threads(rig))
        self.assertEqual(counts[1] - counts[0], 3)

    def test_all_workers_serve_one_address(self):
        port = reserved_port()
        self.addCleanup(port.close)
        rig = self.rig(self.TEXT % port.getsockname()[1], nbthread=4)
        rig.get('/test/server')
        for _ in range(60):
            with Client(port.getsockname()) as client:
                self.assertEqual(client.get('/test/server').body, b'EX01')

    def test_unix_sockets_and_ipv6_are_listened_on(self):
        six = socket.socket(socket.AF_INET6)
        six.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        six.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self.addCleanup(six.close)
        try:
            six.bind(('::1', 0))
        except OSError:
            self.skipTest('this machine has no IPv6')
        rig = self.rig("""
frontend fe
    bind <fe>
    bind <dir>/front.sock mode 600
    bind [::1]:%d
    default_backend be
backend be
    server s1 <s1>
""" % six.getsockname()[1])
        rig.get('/test/server')
        with Client(rig.folder + '/front.sock') as client:
            self.assertEqual(client.get('/test/server').body, b'EX01')
        with Client(six.getsockname()[:2]) as client:
            self.assertEqual(client.get('/test/server').body, b'EX01')


class Settings(Case):
    """Words of `global` and of bind lines that act on the process as a whole."""

    def test_the_pidfile_of_the_configuration_is_written(self):
        rig = self.rig(PLAIN, globals_='    pidfile <dir>/penstock.pid')
        rig.get('/test/server')
        with open(rig.folder + '/penstock.pid') as file:
            self.assertEqual(int(file.read()), rig.process.pid)

    def test_quiet_in_the_configuration_silences_what_is_no_error(self):
        rig = self.rig(PLAIN, globals_='    quiet\n    node x')
        rig.get('/test/server')
        rig.close()
        self.assertEqual(rig.output.text, '')

    def test_grace_keeps_the_door_open_until_the_soft_stop(self):
        rig = self.rig(PLAIN, globals_='    grace 300ms')
        rig.get('/test/server')
        rig.signal(signal.SIGUSR1)
        rig.output.wait('clients are still welcome for 300ms')
        self.assertEqual(rig.get('/test/server').status, 200)
        self.assertEqual(rig.wait_exit(), 0)

    def test_maxconn_of_a_bind_line_bounds_that_line_alone(self):
        rig = self.rig("""
frontend fe
    bind <fe> maxconn 2
    bind <feother>
    default_backend be
backend be
    server s1 <s1>
""")
        inside = [rig.connect() for _ in range(2)]
        for client in inside:
            self.assertEqual(client.get('/test/server').status, 200)
        outside = rig.connect().request('GET', '/test/server?outside')
        self.assertEqual(rig.get('/test/server', frontend='feother').status, 200)
        self.assertNotIn('/test/server?outside', rig.server().targets())
        inside[0].close()
        self.assertEqual(outside.response().status, 200)

    def test_a_bind_line_has_its_number_and_name(self):
        rig = self.rig("""
frontend fe
    bind <fe> id 77 name door
    http-request return status 200 content-type text/plain lf-string "%[so_id] %[so_name]"
""")
        self.assertEqual(rig.get('/').body, b'77 door')

    def test_keep_alive_probes_are_sent_to_clients_where_asked(self):
        def timer(option):
            rig = self.rig(PLAIN, defaults=option)
            rig.get('/test/server')   # What came before the program did inherits nothing of it.
            with rig.connect() as client:
                client.get('/test/server')
                ours, theirs = ('%04X' % sock[1] for sock in
                                (client.socket.getpeername(), client.socket.getsockname()))
                with open('/proc/net/tcp') as file:
                    rows = [line.split() for line in file]
                return next(row[5][:2] for row in rows if row[1].endswith(':' + ours)
                            and row[2].endswith(':' + theirs))
        self.assertEqual(timer(''), '00')
        self.assertEqual(timer('    option clitcpka'), '02')
        self.assertEqual(timer('    option tcpka'), '02')


class Installation(Case):
    ONCE = True

    @penstock_only('our build folder')
    def test_all_that_the_manual_names_is_installed_and_the_unit_names_the_program(self):
        build = os.path.dirname(os.path.dirname(PROGRAM))
        if shutil.which('meson') is None or not os.path.exists(os.path.join(build, 'build.ninja')):
            self.skipTest('the program stands in no build folder')
        folder = tempfile.mkdtemp(prefix='penstock-install.')
        self.addCleanup(shutil.rmtree, folder)
        subprocess.run(['meson', 'install', '-C', build, '--no-rebuild', '--destdir', folder], check=True,
                       stdout=subprocess.DEVNULL, timeout=PATIENCE)
        found = {}
        for path, _, names in os.walk(folder):
            found.update((name, os.path.join(path, name)) for name in names)
        for name in ('penstock.8', 'penstock.cfg.5', 'penstock.logrotate', 'penstock.rsyslog', 'README.md', 'COPYING',
                     *(name for name in os.listdir(os.path.join(ROOT, 'examples')) if name.endswith('.cfg'))):
            self.assertIn(name, found)
        program = found['penstock'][len(folder):]
        with open(found['penstock.service']) as unit:
            commands = re.findall(r'(?m)^Exec\w+=(\S*penstock) ', unit.read())
        self.assertEqual(commands, [program] * 3)
        # The account that the unit names is made by what stands beside it.
        with open(os.path.join(os.path.dirname(found['penstock.service']), '../../sysusers.d/penstock.conf')) as accounts:
            self.assertRegex(accounts.read(), r'(?m)^u penstock ')


@penstock_only('reads our own memory')
class Debugger(Case):
    def test_gdb_lists_workers_clients_and_requests(self):
        if not shutil.which('gdb'):
            self.skipTest('there is no gdb')
        asked = threading.Event()

        def talk(sock, _):
            sock.recv(65536)
            asked.set()
            sock.recv(1)
        rig = self.rig(SLOW.replace('<slow>', self.script(talk).address))
        with rig.connect() as client:
            client.request('GET', '/slow')
            self.assertTrue(asked.wait(PATIENCE))
            words = [word for command in ('workers', 'clients', 'transactions') for word in ('-ex', 'penstock ' + command)]
            done = subprocess.run(['gdb', '-q', '-batch', '-x', os.path.join(ROOT, 'contrib', 'gdb', 'penstock.py'),
                                   '-p', '%d' % rig.process.pid] + words, capture_output=True, text=True)
        if 'penstock::Worker' not in done.stdout:
            self.skipTest('gdb has nothing to read: ' + done.stderr[-500:])
        self.assertNotIn('Error', done.stderr)
        self.assertRegex(done.stdout, r'worker 0 [^\n]*\n  \(penstock::Frontend \*\)')
        self.assertRegex(done.stdout, r'\(penstock::Client \*\) \S+  from \S+  GET /slow  Headers, backend be, server s1')
        self.assertRegex(done.stdout, r'\(penstock::Transaction \*\) \S+\n.*\n  status -1, ')
