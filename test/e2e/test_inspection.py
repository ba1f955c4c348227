"""What the program says of a configuration in place of serving it."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest

from harness import Case, Shared, check, penstock_only, run_program

SECRET = 'S3cr3tOfTheTest'
PROXIES = """
defaults
    mode http
    timeout connect 1s
    timeout client 1s
    timeout server 1s
frontend web
    bind 127.0.0.1:8080
    monitor-uri /alive
    acl is_owa path_beg -i /owa
    use_backend owa if is_owa
    use_backend %%[req.hdr(x-pool)] if { req.hdr(authorization) %s }
    default_backend ews
backend owa
    option httpchk GET /owa/healthcheck.htm
    http-check expect status 200
    server ex01 %s check
    server ex02 %s check weight %d
backend ews
    server ex01 %s check disabled
    server ex02 %s track owa/ex02
    server ex03 %s backup
"""


@penstock_only('options of its own')
class Inspection(Case):
    ONCE = True

    def write(self, text, name='a.cfg'):
        folder = tempfile.mkdtemp(prefix='penstock-e2e.')
        self.addCleanup(shutil.rmtree, folder)
        path = os.path.join(folder, name)
        with open(path, 'w') as file:
            file.write(text)
        return path

    def proxies(self, weight=5, owa=('10.0.0.1:443', '10.0.0.2:443')):
        return self.write(PROXIES % (SECRET, owa[0], owa[1], weight, owa[0], owa[1], owa[0]))

    def test_complaints_are_told_to_editors_as_json(self):
        code, text = check('frontend f\n    bind 127.0.0.1:1\n    modde http "\t"\n    acl a path /\n', '--json')
        self.assertEqual(code, 1)
        told = json.loads(text)
        self.assertEqual((told['usable'], told['errors']), (False, 1), text)
        complaint = told['complaints'][0]
        self.assertEqual((complaint['severity'], complaint['line'], complaint['column']), ('error', 3, 5))
        self.assertIn("did you mean 'mode'?", complaint['text'])
        self.assertTrue(complaint['file'].endswith('test.cfg'))
        self.assertEqual(complaint['source'], '    modde http "\t"')

    def test_of_a_good_configuration_there_is_nothing_but_json(self):
        code, text = run_program('-c', '--json', '-f', self.proxies())
        self.assertEqual(code, 0, text)
        self.assertEqual(json.loads(text)['usable'], True)

    def test_json_without_a_check_is_an_error(self):
        code, text = run_program('--json', '-f', self.proxies())
        self.assertEqual(code, 1)
        self.assertIn("'--json' goes with '-c'", text)

    def test_the_graph_says_who_leads_where(self):
        code, text = run_program('--graph', '-f', self.proxies())
        self.assertEqual(code, 0, text)
        self.assertEqual(text, '''frontend web (mode http)
    clients at 127.0.0.1:8080
    /alive -> answered here (monitor-uri)
    if is_owa -> backend owa
    if { req.hdr(authorization) (hidden) } -> backend %[req.hdr(x-pool)]
    otherwise -> backend ews
backend owa (mode http)
    server ex01 10.0.0.1:443, checked
    server ex02 10.0.0.2:443, weight 5, checked
backend ews (mode http)
    server ex01 10.0.0.1:443, in maintenance, checked
    server ex02 10.0.0.2:443, tracks owa/ex02
    server ex03 10.0.0.1:443, backup, not checked
''')

    def test_the_graph_needs_no_file_but_the_text(self):
        path = self.write('frontend f\n    bind 127.0.0.1:443 ssl crt /nowhere.pem\n')
        self.assertEqual(run_program('--graph', '-f', path)[0], 0)
        code, text = run_program('--graph', '-f', self.write('frontend f\n    bindd :1\n'))
        self.assertEqual(code, 1)
        self.assertIn("did you mean 'bind'?", text)

    def test_graphviz_draws_the_graph(self):
        code, text = run_program('--graph=dot', '-f', self.proxies())
        self.assertEqual(code, 0)
        self.assertNotIn(SECRET, text)
        self.assertIn('"frontend web" -> "backend owa" [label="if is_owa"]', text)
        self.assertEqual(text.count('[label="ex01\n10.0.0.1:443"'), 1, 'a server stands once')
        svg = run_program('--graph=svg', '-f', self.proxies())
        if shutil.which('dot') is None:
            self.assertEqual(svg[0], 1)
            self.assertIn("needs the program 'dot'", svg[1])
            return
        subprocess.run(['dot', '-Tsvg', '-o', os.devnull], input=text.encode(), check=True)
        self.assertEqual(svg[0], 0)
        self.assertIn('</svg>', svg[1])

    def test_the_difference_of_two_configurations_is_said_in_words(self):
        before, after = self.proxies(), self.proxies(weight=7)
        self.assertEqual(run_program('--diff', before, before), (0, 'no difference\n'))
        self.assertEqual(run_program('--diff', before, after), (1, 'backend owa: server ex02: weight 5 -> weight 7\n'))
        code, text = run_program('--diff', before, self.write('frontend f\n    bindd :1\n'))
        self.assertEqual(code, 2, text)
        code, text = run_program('--diff', before)
        self.assertEqual(code, 1)
        self.assertIn("'--diff' needs a value", text)

    def test_a_difference_shows_no_secret(self):
        changed = self.proxies()
        with open(changed) as file:
            text = file.read()
        with open(changed, 'w') as file:
            file.write(text.replace(SECRET, SECRET + 'Too'))
        code, text = run_program('--diff', self.proxies(), changed)
        self.assertEqual(code, 1)
        self.assertNotIn(SECRET, text)

    def test_where_files_are_not_at_hand_the_texts_are_compared(self):
        paths = [self.write('frontend f\n    bind 127.0.0.1:443 ssl crt /nowhere.pem\n    maxconn %d\n' % number)
                 for number in (1, 2)]
        code, text = run_program('--diff', *paths)
        self.assertEqual(code, 1)
        self.assertIn('frontend f: maxconn: 1 -> 2\n', text)
        self.assertIn('cannot all be read', text)


@penstock_only('an option of its own')
class Probing(Shared):
    CONFIG = """
frontend fe
    bind <fe>
    default_backend be
backend be
    server s1 <s1>
    server s2 <s2>
"""

    def probe(self, s2='<s2>'):
        text = PROXIES % (SECRET, '<s1>', s2, 5, '<s1>', s2, '<s1>')
        for name, server in self.r.servers.items():
            text = text.replace('<%s>' % name, server.address)
        path = os.path.join(self.r.folder, 'probe.cfg')
        with open(path, 'w') as file:
            file.write(text)
        code, said = run_program('--probe', '-f', path)
        return code, said.splitlines()

    def test_every_check_is_made_once(self):
        code, lines = self.probe()
        self.assertEqual(code, 0, lines)
        self.assertEqual(lines[0].split(), ['ex01', 'ex02', 'ex03'])
        self.assertRegex(lines[1], r'^owa  ok L7OK \d+ms +ok L7OK \d+ms +\.$')
        self.assertRegex(lines[2], r'^ews  in maintenance  tracks owa/ex02  not checked$')
        self.assertEqual(len(lines), 3)

    def test_one_that_fails_is_told_in_words_and_by_the_status(self):
        code, lines = self.probe(s2='127.0.0.1:1')
        self.assertEqual(code, 1, lines)
        self.assertRegex(lines[1], r'^owa  ok L7OK \d+ms +FAILED L4CON \d+ms')
        self.assertRegex(lines[-1], r'^owa/ex02 \(127\.0\.0\.1:1\): Layer4 connection problem, info: "Connection refused"')


if __name__ == '__main__':
    unittest.main()
