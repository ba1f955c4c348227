"""option external-check: a program that says whether a server is well.

These tests pass with HAProxy, but for those marked.
"""
import os
import shutil
import signal
import tempfile

from harness import Case, penstock_only, wait_until

GLOBAL = '    external-check\n    insecure-fork-wanted\n'
POOL = """
frontend fe
    mode tcp
    bind <fe>
    default_backend be
backend be
    mode tcp
    option log-health-checks
    option external-check
    external-check path "/usr/bin:/bin"
    external-check command <dir>/check
    timeout connect 2s
    server s1 <s1> id 7 maxconn 9 check inter %s fall 1 rise 1
"""


class External(Case):

    def checked(self, script, inter='1s', pool=POOL, **options):
        self.script_text = '#!/bin/sh\n' + script
        return self.rig(self.placed(pool % inter if '%s' in pool else pool), globals_=GLOBAL, **options)

    def placed(self, text):
        folder = tempfile.mkdtemp(prefix='penstock-check.')
        self.addCleanup(shutil.rmtree, folder)
        os.chmod(folder, 0o755)
        self.folder = folder
        path = folder + '/check'
        with open(path, 'w') as file:
            file.write(self.script_text.replace('<out>', folder + '/out'))
        os.chmod(path, 0o755)
        return text.replace('<dir>', folder)

    def out(self):
        path = self.folder + '/out'
        wait_until(lambda: os.path.exists(path + '.done'), 'the program')
        with open(path) as file:
            return file.read()

    def result(self, rig):
        return rig.log.wait(r'[Ss]erver be/s1 \w+(?: \w+)?, reason: (.*), check duration: \d+ms, status').group(1)

    def test_its_exit_status_says_how_the_server_is(self):
        for status, said in ((0, 'External check passed, code: 0'), (1, 'External check error, code: 1'),
                             (77, 'External check error, code: 77')):
            with self.subTest(status):
                self.assertEqual(self.result(self.checked('exit %d\n' % status)), said)

    def test_one_that_cannot_be_started_is_an_error(self):
        rig = self.checked('exit 0\n', pool=(POOL % '1s').replace('<dir>/check', '<dir>/none'))
        self.assertEqual(self.result(rig).split(',')[0], 'External check error')

    def test_one_that_a_signal_ends_is_an_error(self):
        self.assertEqual(self.result(self.checked('kill -KILL $$\n')).split(',')[0], 'External check error')

    def test_arguments_and_variables(self):
        rig = self.checked('if [ ! -e <out> ]; then { echo "$@"; env; } > <out>; touch <out>.done; fi\nexit 0\n')
        arguments, *lines = self.out().splitlines()
        port = rig.server('s1').port
        self.assertEqual(arguments, 'NOT_USED NOT_USED 127.0.0.1 %d' % port)
        variables = dict(line.split('=', 1) for line in lines if line.startswith('HAPROXY_') or line.startswith('PATH='))
        proxy_id = variables.pop('HAPROXY_PROXY_ID')
        self.assertTrue(proxy_id.isdigit())
        self.assertEqual(variables, {
            'HAPROXY_PROXY_ADDR': '', 'HAPROXY_PROXY_PORT': '', 'HAPROXY_PROXY_NAME': 'be',
            'HAPROXY_SERVER_ADDR': '127.0.0.1', 'HAPROXY_SERVER_PORT': str(port), 'HAPROXY_SERVER_NAME': 's1',
            'HAPROXY_SERVER_ID': '7', 'HAPROXY_SERVER_MAXCONN': '9', 'HAPROXY_SERVER_CURCONN': '0',
            'HAPROXY_SERVER_SSL': '0', 'HAPROXY_SERVER_PROTO': 'tcp', 'PATH': '/usr/bin:/bin'})

    def test_a_listen_tells_where_it_listens(self):
        rig = self.checked('if [ ! -e <out> ]; then { echo "$@"; env; } > <out>; touch <out>.done; fi\nexit 0\n', pool="""
listen be
    mode tcp
    bind <fe>
    option external-check
    external-check path /usr/bin:/bin
    external-check command <dir>/check
    server s1 <s1> check inter 1s
""")
        arguments, *lines = self.out().splitlines()
        host, port = rig.addresses['fe']
        self.assertEqual(arguments, '%s %d 127.0.0.1 %d' % (host, port, rig.server('s1').port))
        self.assertIn('HAPROXY_PROXY_ADDR=' + host, lines)
        self.assertIn('HAPROXY_PROXY_PORT=%d' % port, lines)

    def test_it_has_none_of_our_descriptors(self):
        self.checked('if [ ! -e <out> ]; then ls -l /proc/$$/fd > <out>; touch <out>.done; fi\nexit 0\n')
        said = self.out()
        self.assertNotIn('socket:', '\n'.join(line for line in said.splitlines() if ' 0 -> ' not in line and ' 1 -> ' not in line
                                              and ' 2 -> ' not in line))
        self.assertNotIn('anon_inode', said)

    def test_one_that_takes_too_long_is_ended(self):
        rig = self.checked('echo $$ >> <out>\ntouch <out>.done\nexec sleep 1000\n', inter='300ms')
        self.assertEqual(self.result(rig), 'External check timeout, code: 0')
        wait_until(lambda: not alive(int(self.out().split()[0])), 'its end')

    @penstock_only('HAProxy leaves what a program has started')
    def test_what_it_has_started_ends_with_it(self):
        rig = self.checked('sleep 1000 &\necho $! $$ > <out>\ntouch <out>.done\nwait\n', inter='300ms')
        mine = [int(one) for one in self.out().split()]
        self.assertEqual(self.result(rig), 'External check timeout, code: 0')
        wait_until(lambda: not any(alive(one) for one in mine), 'the end of both')

    @penstock_only('HAProxy leaves what a program has started')
    def test_of_its_group_nobody_is_left(self):
        # One whose parent has ended, one of a pipe, and one that ignores what can be ignored.
        rig = self.checked('sh -c \'sleep 1000 & echo $!\' > <out>\n'
                           'sleep 1000 | { sh -c \'echo $PPID\'; cat; } >> <out> &\n'
                           '(trap "" TERM INT HUP QUIT; sh -c \'echo $PPID\' >> <out>; touch <out>.done; while :; do sleep 1000; done)\n',
                           inter='300ms')
        mine = [int(one) for one in self.out().split()]
        self.assertGreaterEqual(len(mine), 2)
        group = os.getpgid(mine[-1])
        self.assertNotEqual(group, os.getpgid(rig.process.pid))
        self.assertEqual(self.result(rig), 'External check timeout, code: 0')
        wait_until(lambda: not any(alive(one) for one in mine), 'the end of all that were named')
        wait_until(lambda: not members(group), 'the end of the group')

    @penstock_only('HAProxy ends without them')
    def test_none_outlives_the_process_or_a_reload(self):
        rig = self.checked('echo $$ >> <out>\ntouch <out>.done\nexec sleep 1000\n', inter='60s')
        first = int(self.out().split()[0])
        rig.reload(self.placed(POOL % '59s'))
        wait_until(lambda: not alive(first), 'its end')
        second = int(self.out().split()[0])
        rig.signal(signal.SIGTERM)
        rig.wait_exit()
        wait_until(lambda: not alive(second), 'its end')


def members(group):
    """Who is left of a group of processes, but for the dead that nobody has waited for."""
    found = []
    for name in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open('/proc/%s/stat' % name) as file:
                state, _, its_group = file.read().rpartition(')')[2].split()[:3]
        except OSError:
            continue
        if int(its_group) == group and state != 'Z':
            found.append(int(name))
    return found


def alive(pid):
    """A dead one that nobody has waited for is none."""
    try:
        with open('/proc/%d/stat' % pid) as file:
            return file.read().rpartition(')')[2].split()[0] != 'Z'
    except OSError:
        return False
