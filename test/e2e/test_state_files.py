"""Files of server states: read at the start, written at a stop. HAProxy reads ours, and we read its."""
import os
import re
import shutil
import signal

from harness import IS_HAPROXY, Case, penstock_only, wait_until
from test_process import DROPPED, Process, needs_root
from test_runtime_socket import Admin, ask

HAPROXY = shutil.which('haproxy')

SERVERS = """
backend be
    load-server-state-from-file global
    server s1 127.0.0.1:9 weight 10
    server s2 127.0.0.1:9 weight 10
    server s3 127.0.0.1:9 disabled
    server s4 127.0.0.1:9 disabled
    server s5 127.0.0.1:9 weight 10
    server s6 127.0.0.1:9
backend checked
    load-server-state-from-file global
    server s1 <dead> check inter 1h fastinter 300ms
    server s2 127.0.0.1:9 track s1
backend apart
    server s1 127.0.0.1:9
"""
GLOBAL = """
    stats socket <dir>/admin.sock level admin
    server-state-file <dir>/states
"""
FRONT = """
frontend fe
    bind <fe>
    http-request return status 200
"""
COMMANDS = ('set server be/s1 state drain', 'set server be/s2 state maint', 'set server be/s3 state ready',
            'set server be/s5 weight 3', 'set server be/s6 health down', 'set server apart/s1 state drain')
HEAD = '1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight\n'


def line(server, backend='be', operation=2, administration=0, weight=10, file_weight=10, seconds=100, rest=None,
         address='127.0.0.1', name='-'):
    return '3 %s 1 %s %s %s %s %s %s %s %s\n' % (
        backend, server, address, operation, administration, weight, file_weight, seconds,
        rest or '6 3 2 0 0 0 0 %s 9 - 0 0 - - 0' % name)


def states(text):
    """What is in force, by names: operation, administration, weight, and the file's."""
    return {(words[1], words[3]): tuple(words[5:9]) for words in map(str.split, text.split('\n')[2:]) if words}


class Exchanged(Case):
    """The same file read by both programs."""
    ONCE = True

    def rig_with(self, text, program=None, servers=SERVERS, wait=True, **more):
        rig = self.rig(FRONT + servers, globals_=GLOBAL, program=program, start=False, **more)
        if text is not None:
            with open(os.path.join(rig.folder, 'states'), 'w') as file:
                file.write(text)
        rig.start()
        if wait and 'checked' in servers:
            # The one server that is checked is down, and so is the one that tracks it.
            wait_until(lambda: states(ask(rig, 'show servers state'))['checked', 's2'][0] == '0', 'a check')
        return rig

    def setUp(self):
        if not HAPROXY or IS_HAPROXY:
            self.skipTest('there is no haproxy to compare with')

    def alike(self, text):
        ours, theirs = (states(ask(self.rig_with(text, program), 'show servers state')) for program in (None, HAPROXY))
        self.assertEqual(ours, theirs)
        return ours

    def test_what_either_has_written_is_read_by_both(self):
        for program in (HAPROXY, None):
            with self.subTest(program or 'penstock'):
                rig = self.rig_with(None, program)
                for command in COMMANDS:
                    self.assertEqual(ask(rig, command), '\n')
                text = ask(rig, 'show servers state')
                before = states(text)
                after = self.alike(text.rstrip('\n') + '\n')
                self.assertEqual(after['be', 's1'], ('2', '8', '10', '10'))
                self.assertEqual(after['be', 's3'], ('2', '4', '1', '1'))
                self.assertEqual(after['be', 's5'], ('2', '0', '3', '10'))
                # That backend does not say that it takes its states from there.
                before['apart', 's1'] = '2', '0', '1', '1'
                self.assertEqual(after, before)

    def test_whatever_the_file_of_the_configuration_says_anew_wins(self):
        """Bits of an administrator's state beside what `disabled` says, and weights beside another one."""
        for bits in (0, 1, 2, 4, 5, 8, 16, 32, 64):
            with self.subTest(bits):
                self.alike(HEAD + ''.join(line(server, administration=bits) for server in ('s1', 's3')) +
                           line('s2', weight=3, file_weight=4) + line('s5', weight=0))

    def test_lines_that_cannot_be_are_passed_over(self):
        drain = line('s2', administration=8)
        for text in (HEAD + line('s1', administration=9) + drain, HEAD + line('s1', weight=257) + drain,
                     HEAD + line('s1', operation=4) + drain, HEAD + line('s1', operation='x') + drain,
                     HEAD + line('s1', administration=128) + drain, '2' + HEAD[1:] + drain, drain, '',
                     HEAD + line('s9', administration=8) + drain, HEAD + line('s1', backend='gone') + drain,
                     HEAD + drain + line('s2', administration=1), '1\n' + drain,
                     HEAD + ' '.join(drain.split()[:20]) + '\n' + line('s1', administration=8)):
            with self.subTest(text[-400:]):
                self.alike(text)

    def test_the_time_of_the_last_change_goes_on(self):
        ages = []
        for program in (None, HAPROXY):
            rig = self.rig_with(HEAD + line('s1', seconds=77) + line('s2', administration=8, seconds=5), program)
            text = ask(rig, 'show servers state be')
            ages.append([int(words.split()[9]) // 2 for words in text.split('\n')[2:4]])
        self.assertEqual(ages[0], ages[1])


@penstock_only('writes no file of its own')
class Own(Process):

    def serving(self, servers=SERVERS, globals_=GLOBAL, files=(), **more):
        rig = self.rig(FRONT + servers, globals_=globals_, start=False, **more)
        for name, text in dict(files).items():
            with open(os.path.join(rig.folder, name), 'w') as file:
                file.write(text)
        rig.start()
        ask(rig, 'show version')
        return rig

    def content(self, rig, name='states'):
        with open(os.path.join(rig.folder, name)) as file:
            return file.read()

    def test_a_stop_of_either_kind_writes_them(self):
        for arguments in ([], ['-W']):
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
                with self.subTest(arguments=arguments, number=number):
                    rig = self.serving(arguments=arguments)
                    for command in COMMANDS:
                        ask(rig, command)
                    before = states(ask(rig, 'show servers state'))
                    rig.signal(number)
                    rig.wait_exit()
                    self.assertEqual(states(self.content(rig)), before)
                    self.assertEqual([name for name in os.listdir(rig.folder) if name.startswith('states')], ['states'])

    def test_they_are_written_before_clients_have_left(self):
        rig = self.serving(SERVERS + 'frontend slow\n    bind <fe2>\n    default_backend slow\n'
                           'backend slow\n    server s1 <s1>\n', arguments=['-W'])
        slow = rig.connect('fe2').request('GET', '/test/delay/500')
        rig.server().wait_count('requests', 1)
        rig.signal(signal.SIGUSR1)
        wait_until(lambda: os.path.exists(os.path.join(rig.folder, 'states')), 'the file')
        self.assertIsNone(rig.process.poll())
        self.assertEqual(slow.response().status, 200)
        self.assertEqual(rig.wait_exit(), 0)

    @needs_root
    def test_the_parent_writes_where_the_serving_process_may_not(self):
        rig = self.rig(FRONT + SERVERS, globals_=GLOBAL + DROPPED, start=False,
                       environment={'ASAN_OPTIONS': 'detect_leaks=0:abort_on_error=0'})
        os.chmod(rig.folder, 0o755)
        rig.start()
        self.assertRegex(ask(rig, 'set server be/s1 state drain; save servers state'), r'\n/\S+/states: written\.\n\n$')
        path = os.path.join(rig.folder, 'states')
        self.assertEqual(os.stat(path).st_uid, 0)
        os.chmod(path, 0o640)
        rig.signal(signal.SIGTERM)
        rig.wait_exit()
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o640)
        self.assertEqual(states(self.content(rig))['be', 's1'][1], '8')

    def test_a_backend_may_have_a_file_of_its_own(self):
        rig = self.serving(SERVERS.replace('global', 'local', 1).replace('global', 'local\n    server-state-file-name x'),
                           GLOBAL.replace('file <dir>/states', 'base <dir>'), {'be': HEAD + line('s1', administration=8)})
        self.assertEqual(states(ask(rig, 'show servers state'))['be', 's1'][1], '8')
        self.assertRegex(ask(rig, 'save servers state'), r'^/\S+/be: written\.\n/\S+/x: written\.\n\n$')
        self.assertEqual({backend for backend, _ in states(self.content(rig, 'be'))}, {'be'})
        self.assertEqual({backend for backend, _ in states(self.content(rig, 'x'))}, {'checked'})

    def test_there_may_be_none(self):
        rig = self.serving(SERVERS.replace('    load-server-state-from-file global\n', ''))
        self.assertIn('No ', ask(rig, 'save servers state'))
        rig.signal(signal.SIGTERM)
        self.assertEqual(rig.wait_exit(), 0)
        self.assertFalse(os.path.exists(os.path.join(rig.folder, 'states')))

    def test_one_that_cannot_be_written_is_told_and_stops_nothing(self):
        for arguments in ([], ['-W']):
            rig = self.serving(globals_=GLOBAL.replace('<dir>/states', '/nonexistent/states'), arguments=arguments)
            self.assertRegex(ask(rig, 'save servers state'),
                             r"^/nonexistent/states: cannot write '/nonexistent/states\.new': No such file or directory\.")
            rig.log.wait('States of servers are not saved')
            rig.signal(signal.SIGTERM)
            rig.wait_exit()

    def test_what_is_wrong_in_a_file_is_a_warning_that_names_the_line(self):
        rig = self.serving(files={'states': HEAD + 'hello\n' + line('s1', administration=9) + line('s2', weight='x') +
                                  line('s5', administration=8)})
        for words in (r"\[WARNING\].*:\d+:\d+\].*/states', line 3: 1 fields where there should be 25",
                      r"line 4: '9' cannot be srv_admin_state", r"line 5: 'x' cannot be srv_uweight"):
            rig.output.wait(words)
        self.assertEqual(states(ask(rig, 'show servers state'))['be', 's5'][1], '8')
        for text, words in (('7\n', r"states', line 1: this is no version"), (None, r"there is no '\S+/states' yet")):
            self.serving(files={'states': text} if text else {}).output.wait(words)
        many = self.serving(files={'states': '1\n' + 'x\n' * 3000})
        many.output.wait(r'and 2990 more lines')
        self.assertLess(len(many.output.text), 10000)

    def test_a_process_after_a_dead_one_goes_on_with_them(self):
        rig = self.serving(arguments=['-W'], files={'states': HEAD + line('s1', administration=8) + line('s6', operation=0)})
        before = states(ask(rig, 'show servers state be'))
        self.assertEqual(before['be', 's6'][0], '0')
        child = self.child(rig)
        os.kill(child, signal.SIGKILL)
        self.child(rig, other_than=child)
        wait_until(lambda: states(Admin(rig).send('show servers state be\n').end().rest()) == before, 'the same states')

    def test_limits_and_addresses_that_were_set_stand_over_a_stop_and_a_start(self):
        rig = self.serving()
        for command in ('set maxconn server be/s1 5', 'set server be/s2 addr 127.0.0.7 port 99',
                        'set server be/s5 addr 127.0.0.8'):
            ask(rig, command)
        rig.signal(signal.SIGTERM)
        rig.wait_exit()
        text = self.content(rig)
        # HAProxy takes the rest of the file as it is.
        self.assertEqual(text.count('\n#'), 4)

        def places(servers):
            again = self.serving(servers, files={'states': text})
            limit = re.search(r'(?m)^be,s1,(?:[^,]*,){4}(\d*),', ask(again, 'show stat')).group(1)
            return limit, re.findall(r' (s[25] [\d.]+) ', ask(again, 'show servers state be'))
        self.assertEqual(places(SERVERS), ('5', ['s2 127.0.0.7', 's5 127.0.0.8']))
        # As long as the configuration says what it said.
        self.assertEqual(places(SERVERS.replace('127.0.0.1:9', '127.0.0.1:9 maxconn 3').replace('s2 127.0.0.1', 's2 127.0.0.2')),
                         ('3', ['s2 127.0.0.2', 's5 127.0.0.8']))

    def test_reloads_do_not_read_it_again(self):
        rig = self.serving(files={'states': HEAD + line('s1', administration=8)})
        ask(rig, 'set server be/s1 state ready')
        rig.reload()
        rig.output.wait('Reloaded')
        self.assertEqual(states(ask(rig, 'show servers state'))['be', 's1'][1], '0')

    def test_a_name_that_cannot_be_resolved_has_its_last_address(self):
        text = ('backend be\n    load-server-state-from-file global\n'
                '    server s1 nowhere.invalid:9\n    server s2 nowhere.invalid:9 init-addr none\n')
        rig = self.serving(text, files={'states': HEAD + line('s1', address='127.0.0.5', name='nowhere.invalid')})
        rig.output.wait(r"cannot resolve 'nowhere.invalid'.*127\.0\.0\.5 is taken, which it was last")
        self.assertRegex(ask(rig, 'show servers state'), r' s1 127\.0\.0\.5 ')


if __name__ == '__main__':
    import unittest
    unittest.main()
