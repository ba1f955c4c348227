"""Words of `global` that say how sockets and complaints are, and names that requests may not have."""
import os
import shutil
import subprocess
import tempfile
import unittest

from harness import IS_HAPROXY, PROGRAM, Case, Client, check, wait_until

PLAIN = """
frontend fe
    bind <fe>
    %s
    default_backend be
backend be
    %s
    server s1 <s1>
"""
FRAME = """
global
    %s
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
frontend fe
    bind 127.0.0.1:1
    http-request deny
"""


class Settings(Case):
    def test_unix_bind_says_where_sockets_are_and_who_may_come(self):
        rig = self.rig("""
frontend fe
    bind <fe>
    bind unix@/a.sock
    bind unix@/b.sock mode 666
    default_backend be
backend be
    server s1 <s1>
""", globals_='    unix-bind prefix <dir> mode 640')
        wait_until(lambda: os.path.exists(rig.folder + '/b.sock'), 'the sockets')
        with Client(rig.folder + '/a.sock') as client:
            self.assertEqual(client.get('/test/server').body, b'EX01')
        self.assertEqual(os.stat(rig.folder + '/a.sock').st_mode & 0o777, 0o640)
        self.assertEqual(os.stat(rig.folder + '/b.sock').st_mode & 0o777, 0o666)

    def test_names_with_odd_letters_are_left_taken_out_or_refused(self):
        for place in (0, 1):
            for word, status, kept in (('preserve', 200, True), ('delete', 200, False), ('reject', 403, None)):
                lines = ['', '']
                lines[place] = 'option http-restrict-req-hdr-names ' + word
                rig = self.rig(PLAIN % tuple(lines))
                with Client(rig.addresses['fe']) as client:
                    answer = client.request('GET', '/test/server', [('X_Odd', '1'), ('X-Good', '2')]).response()
                self.assertEqual(answer.status, status, lines)
                if kept is not None:
                    head = rig.servers['s1'].wire()[-1].decode('latin-1').lower()
                    self.assertEqual('x_odd: 1' in head, kept, lines)
                    self.assertIn('x-good: 2', head)
                else:
                    self.assertEqual(rig.servers['s1'].wire(), [])
                rig.close()

    def test_zero_warning_makes_a_warning_an_error(self):
        warned = FRAME.replace('http-request deny', 'http-request deny\n    http-request deny') if not IS_HAPROXY else FRAME.replace('timeout client 5s', '')
        self.assertEqual(check(warned % 'maxconn 10')[0], 0)
        self.assertEqual(check(warned % 'zero-warning')[0], 1)
        self.assertEqual(check(FRAME % 'zero-warning')[0], 0)

    def test_localpeer_is_told_to_the_lines_below(self):
        self.assertEqual(check((FRAME % 'localpeer alpha').replace('http-request deny', 'http-request return status 200 hdr X "${HAPROXY_LOCALPEER}"'))[0], 0)


@unittest.skipIf(IS_HAPROXY or not shutil.which('haproxy'), 'needs the program and HAProxy beside it')
class Values(Case):
    ONCE = True

    def test_values_of_words_without_effect_are_refused_as_haproxy_refuses_them(self):
        with tempfile.TemporaryDirectory(prefix='penstock-e2e.') as folder:
            for line in ('noepoll x', 'nosplice x', 'tune.comp.maxlevel 10', 'tune.comp.maxlevel 0', 'tune.h2.max-frame-size 1', 'tune.h2.header-table-size 1',
                         'tune.idletimer x', 'tune.listener.multi-queue x', 'tune.sched.low-latency 1', 'profiling.tasks x', 'tune.lua.maxmem x',
                         'tune.lua.task-timeout x', 'tune.peers.max-updates-at-once 0', 'tune.ssl.default-dh-param 10', 'tune.vars.txn-max-size x',
                         'httpclient.ssl.verify x', 'httpclient.resolvers.prefer x', 'close-spread-time x', 'thread-groups x', 'busy-polling x',
                         'insecure-fork-wanted x', 'set-dumpable x', 'strict-limits x', 'zero-warning x', 'unix-bind foo', 'localpeer',
                         'tune.maxpollevents', 'tune.runqueue-depth', 'tune.pipesize', 'pp2-never-send-local x'):
                path = os.path.join(folder, 'a.cfg')
                with open(path, 'w') as file:
                    file.write(FRAME % line)
                codes = [subprocess.run([program, '-c', '-f', path], stdin=subprocess.DEVNULL, capture_output=True, timeout=60).returncode
                         for program in ('haproxy', PROGRAM)]
                self.assertEqual(codes, [1, 1], line)
