"""`show errors`, and what the process says of itself: compared with HAProxy's shape."""
import json
import re

from harness import Case, IS_HAPROXY
from test_runtime_socket import HAPROXY, ask

CONFIG = """
global
    stats socket <dir>/admin.sock level admin
    stats socket <dir>/operator.sock
    stats socket <dir>/user.sock level user
frontend fe
    bind <fe>
    default_backend be
backend be
    server s1 %s
"""
BAD = (b'GET /q HTTP/1.1\r\nHost: a\r\nLong: \t\\' + b'v' * 120 + b'\r\nauthorization: Basic YWJjZGVm\r\n'
       b'Cookie : secret=1\r\nX\x01bad: \xff\x80\r\n\r\n')


def bad_answer(sock, _):
    sock.recv(65536)
    sock.sendall(b'HTTP/1.1 200 OK\r\nSet-Cookie: secret=2\r\nX bad: 1\r\n\r\n')


class Errors(Case):
    """The last message of each proxy that could not be read."""

    def both(self):
        server = self.script(bad_answer)
        text = CONFIG % server.address
        ours = self.rig(text)
        if not HAPROXY or IS_HAPROXY:
            self.skipTest('there is no haproxy to compare with')
        return ours, self.rig(text, program=HAPROXY)

    def test_nothing_is_wrong_at_first(self):
        for rig in self.both():
            for line in ('show errors', 'show errors fe', 'show errors -1 request', 'show errors be response'):
                self.assertRegex(ask(rig, line), r'\ATotal events captured on \[\d\d/\w{3}/\d{4}:[\d:.]{12}\] : 0\n\n\Z')
            self.assertEqual(ask(rig, 'show errors nobody'), 'No such proxy.\n\n')
            self.assertEqual(ask(rig, 'show errors', 'user.sock'), 'Permission denied\n\n')

    def test_a_request_and_an_answer_are_shown_as_haproxy_shows_them(self):
        seen = []
        for rig in self.both():
            for request in (BAD.replace(b'Cookie : ', b'Cookie: '), b'GET /answer HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'):
                client = rig.connect()
                client.send(request)
                client.rest()
            text = re.sub(r'\[\d\d/\w{3}/\d{4}:[\d:.]{12}\]', '[date]', ask(rig, 'show errors'))
            text = re.sub(r'src 127.0.0.1:\d+', 'src 127.0.0.1:port', text)
            seen.append(text)
            for line in ('show errors fe request', 'show errors -1 request'):
                self.assertNotIn('invalid response', ask(rig, line))
            self.assertIn('invalid response', ask(rig, 'show errors be'))
        ours, theirs = (text.split('\n') for text in seen)
        for line in ('Total events captured on [date] : 2', '[date] frontend fe (#2): invalid request',
                     '  backend <NONE> (#-1), server <NONE> (#-1), event #0, src 127.0.0.1:port',
                     '[date] backend be (#3): invalid response',
                     '  frontend fe (#2), server s1 (#1), event #1, src 127.0.0.1:port',
                     '  00000  GET /q HTTP/1.1\\r\\n', '  00000  HTTP/1.1 200 OK\\r\\n'):
            self.assertIn(line, ours)
            self.assertIn(line, theirs)
        self.assertEqual([line for line in ours if 'vvv' in line], [line for line in theirs if 'vvv' in line])

    def test_credentials_are_hidden(self):
        rig = self.rig(CONFIG % self.script(bad_answer).address)
        if IS_HAPROXY:
            self.skipTest('HAProxy shows them')
        for request in (BAD, b'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'):
            client = rig.connect()
            client.send(request)
            client.rest()
        text = ask(rig, 'show errors')
        self.assertNotRegex(text, r'YWJj|secret')
        self.assertIn('authorization: (hidden)\\r\\n', text)
        self.assertRegex(text, r'\n  reason: \S')
        self.assertRegex(text, r', error at position \d+\n')


class Process(Case):
    """What the process is made of."""
    ONCE = True

    def setUp(self):
        self.it = self.rig(CONFIG % '127.0.0.1:9')

    def test_shapes(self):
        self.assertRegex(ask(self.it, 'show pools'),
                         r'\ADumping pools usage\..*\n(  - Pool .* \(\d+ bytes\) : \d+ allocated \(\d+ bytes\), \d+ used .*\n)+'
                         r'Total: \d+ pools, \d+ bytes allocated, \d+ used .*\n\n\Z')
        self.assertRegex(ask(self.it, 'show fd'), r'\A( {1,6}\d+ : .*\n)+\n\Z')
        self.assertIn('fam=unix', ask(self.it, 'show fd'))
        self.assertEqual(ask(self.it, 'show fd 999'), '\n')
        self.assertRegex(ask(self.it, 'show activity'), r'\Athread_id: \d+ \(1\.\.\d+\)\ndate_now: \d+\.\d{6}\nctxsw: \d+ \[( \d+)+ \]\n')
        self.assertRegex(ask(self.it, 'show threads'), r'[ *] Thread 1 ')
        self.assertRegex(ask(self.it, 'show tasks'), r'\ARunning tasks: \d+ \(\d+ threads\)\n  function +places')
        self.assertRegex(ask(self.it, 'show libs'), r'(?m)^0x[0-9a-f]{12}-0x[0-9a-f]{12} \(0x[0-9a-f]+\) \S+$')

    def test_levels(self):
        for line in ('show fd', 'show libs'):
            self.assertEqual(ask(self.it, line, 'user.sock'), 'Permission denied\n\n')
        for line in ('show pools', 'show tasks', 'show schema json'):
            self.assertNotIn('denied', ask(self.it, line, 'user.sock'))

    def test_the_schema_says_what_answers_are_made_of(self):
        schema = json.loads(ask(self.it, 'show schema json'))
        titles = [kind['title'] for kind in schema['oneOf']]
        self.assertEqual(titles, ['Info', 'Stat', 'Error'])
        for line in ('show info json', 'show stat json'):
            answer = json.loads(ask(self.it, line))
            first = answer[0][0] if isinstance(answer[0], list) else answer[0]
            self.assertLessEqual({'field', 'processNum', 'tags', 'value'}, set(first))


del Case
