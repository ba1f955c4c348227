"""Random sequences of commands of the runtime socket, given to penstock and to HAProxy with the same configuration: what
they answer is the same, and so is what is so afterwards.

A longer run by hand, with what differs in a list at the end:

    SEQUENCES=2000 SEED=1 test/e2e/run.py build/src/penstock -k test_socket_sequences
"""
import csv
import io
import os
import random
import re
import shutil

from harness import IS_HAPROXY, Case
from test_runtime_socket import HAPROXY, Admin, ask, until_answer

CONFIG = """
global
    stats socket <dir>/admin.sock level admin
    stats socket <dir>/operator.sock
    stats socket <dir>/user.sock level user
    stats timeout 20s
frontend fe
    bind <fe>
    maxconn 100
    acl inline path -i /x /y
    acl file path -f <dir>/list.acl /more
    acl network src -f <dir>/networks.acl
    acl number hdr_cnt(x) gt 3
    acl beginnings path_beg /aa /ab
    acl there hdr(x) -m found
    http-request set-header x %[hdr(host),map(<dir>/texts.map,none)]
    http-request set-header y %[path,map_reg(<dir>/expressions.map)]
    http-request set-header z %[src,map_ip_int(<dir>/networks.map)]
    http-request set-header w %[path,map_beg(<dir>/texts.map)]
    http-request deny if inline or file or network or number or beginnings !there
    default_backend be
backend be
    server s1 127.0.0.1:9 weight 10
    server s2 127.0.0.1:9 backup disabled maxconn 5
    server s3 127.0.0.1:9 id 77 track other/t1
backend other
    id 40
    server t1 <dead> check inter 1h fall 1
    server t2 [::1]:9 weight 0
    server t3 127.0.0.1:9
backend fixed
    balance static-rr
    server u1 127.0.0.1:9
    server u2 127.0.0.1:9 weight 5
"""
FILES = {
    'list.acl': '/l1\n# none\n/l2\n\n  /l3\n/l1\n',
    'networks.acl': '10.0.0.0/8\n192.168.1.1\n2001:db8::/32\n',
    'networks.map': '10.0.0.0/8 1\n10.1.0.0/16 2\n10.1.1.1 3\n::1 4\n',
    'texts.map': 'a.example 1\nb.example two words\n/a beginning\n/ab longer\n/ab second\n',
    'expressions.map': '^/a 1\n^/(b+) 2\nc$ 3\n',
}

SERVERS = ['be/s1', 'be/s2', 'be/s3', 'other/t1', 'other/t2', 'other/t3', 'fixed/u1', 'fixed/u2', 'be/nobody',
           'nobody/s1', 'be', 'be/', '/s1', '/', '#40/t2', 'be/#77', 'be/s1/x', '']
NUMBERS = ['0', '1', '5', '10', '50%', '100%', '300%', '256', '257', '-1', 'x', '7x', '1.5', '', '4294967296', '%', '+3']
# What is no number, or out of range, is 0 or cut short for HAProxy.
LIMITS = ['0', '1', '5', '77', '']
STATES = ['ready', 'drain', 'maint', 'up', 'READY', 'down', '']
PORTS = ['80', '0', '65535', '65536', '-1', 'x', '', '+1', '8x']
ADDRESSES = ['127.0.0.2', '127.0.0.3', '::1', '300.0.0.1', '', '10.0.0.0/8', '127.0.0.2:80']
MAPS = ['<dir>/texts.map', '<dir>/texts.map', '<dir>/expressions.map', '<dir>/networks.map', '<dir>/list.acl', '#0', '#7',
        '#999', 'nobody', '', '#x', '-1']
ACLS = ['#0', '#1', '#2', '#3', '#4', '#5', '#6', '#7', '<dir>/list.acl', '<dir>/networks.acl', '<dir>/texts.map', '#999',
        'nobody', '']
KEYS = ['a.example', 'b.example', '/a', '/ab', '/abc', '/x', '/X', '/l1', '/l2', '10.1.1.1', '10.2.0.0/16', '::1', 'A.example',
        '^/a', 'c$', '(', '5', '7:9', '9:7', '#0xffff', '#zz', '', 'new', 'two\\ words', '2001:db8::1', '127.0.0.1']
VALUES = ['1', 'v', '', 'two\\ words', '-5', '\\\\1', 'x;y']
VERSIONS = ['', '', '', '', '@0 ', '@1 ', '@2 ', '@x ', '@']
TIMES = ['5', '0', '5m', 'x', '', '-1', '9999999999', '20s', '1d']

# What is written in angle brackets is one of these; the rest stands as it is.
SLOTS = {'server': SERVERS, 'number': NUMBERS, 'limit': LIMITS, 'state': STATES, 'port': PORTS, 'address': ADDRESSES, 'map': MAPS,
         'acl': ACLS, 'key': KEYS, 'value': VALUES, 'version': VERSIONS, 'time': TIMES,
         'backend': ['be', 'other', 'fixed', 'nobody', 'fe', '', '40'], 'frontend': ['fe', 'be', 'nobody', ''],
         'health': ['up', 'down', 'stopping', 'well', ''], 'mode': ['on', 'off', '', 'x'],
         'output': ['none', 'number', 'string', 'x', '']}
COMMANDS = [
    'set server <server> state <state>', 'set server <server> weight <number>', 'set server <server> addr <address>',
    'set server <server> health <health>', 'set server <server> check-port <port>',
    'set server <server> check-addr <address>', 'set server <server> <state>', 'set server <server>',
    'set weight <server> <number>', 'get weight <server>', 'disable server <server>', 'enable server <server>',
    'disable health <server>', 'enable health <server>', 'set maxconn server <server> <limit>',
    'set maxconn frontend <frontend> <limit>', 'disable frontend <frontend>', 'enable frontend <frontend>',
    'shutdown sessions server <server>', 'show servers state <backend>', 'show servers conn nobody', 'show backend',
    'show cli level', 'show cli sockets', 'set timeout cli <time>', 'set severity-output <output>',
    'expert-mode <mode>', 'experimental-mode <mode>', 'operator', 'user', 'clear counters', 'show env NOBODY_HAS_THIS',
    'show map <version><map>', 'show acl <version><acl>', 'get map <map> <key>', 'get acl <acl> <key>',
    'add map <version><map> <key> <value>', 'add acl <version><acl> <key>', 'set map <map> <key> <value>',
    'del map <map> <key>', 'del acl <acl> <key>', 'clear map <version><map>', 'clear acl <version><acl>',
    'prepare map <map>', 'prepare acl <acl>', 'commit map <version><map>', 'commit acl <version><acl>',
    'show map', 'show acl', 'prompt', 'quit', 'show', 'set', 'nothing <key>', '',
]

# Why the answers of a line that holds this need not be the same.
DIFFERENT = {
    r'add (acl|map) .*\(': 'of a regular expression the library says what is wrong, which is not the same one',
    r'addr ': 'the words about what changed are compared by tests of their own',
    r'set map <dir>/networks': 'a value that is none, set in the place of another, is taken in silence by HAProxy',
    r'(?s)prompt.*prompt': 'without a prompt penstock reads no further line, also when one has come already',
    r'add acl .*<<': 'HAProxy takes all lines of a payload for one pattern',
    r'add map .*<<': 'HAProxy takes what follows a key without a value for the value',
}

# The columns of `show stat` that commands decide.
COLUMNS = ['pxname', 'svname', 'slim', 'status', 'weight', 'act', 'bck', 'qlimit', 'iid', 'sid', 'type', 'mode', 'uweight']


def made_line(chance):
    """A line of commands, most of them with arguments that fit."""
    commands = []
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        text = re.sub(r'<(\w+)>', lambda slot: SLOTS[slot.group(1)] and chance.choice(SLOTS[slot.group(1)]),
                      chance.choice(COMMANDS).replace('<dir>', '\0')).replace('\0', '<dir>')
        if chance.random() < 0.05:
            text += chance.choice([' more', ' <<x', ' ;', '  ', ' \\', ' @1'])
        commands.append(text)
    # When a server is next checked, and so what is found of it, is not the same for two programs.
    line = chance.choice([';', '; ', ' ;']).join(commands)
    return re.sub(r'(enable +(?:health|server) +|set +server +)other/t1( +addr| +state| *$| *;)', r'\1other/t3\2', line)


def plain(text):
    """Without what two programs cannot have alike: addresses in memory, seconds, their lists of commands."""
    text = re.sub(r'(?m)^((?:> |\+ )*)0x[0-9a-f]+ ', r'\1 0x ', text)
    text = re.sub(r'(?m)^\d+ \(\) acl \'var\' file \'httpclient\' .*\n', '', text)
    text = re.sub(r'entry_cnt=\d+', 'entry_cnt=N', text)
    text = re.sub(r'(?m)^((?:\S+ ){9})\d+ ', r'\1T ', text)
    return re.sub(r'(Unknown command[^\n]*\n|The following commands[^\n]*\n)(  .*\n)*', r'\1', text)


class Sequences(Case):
    """Both programs, asked the same."""

    def setUp(self):
        if not HAPROXY or IS_HAPROXY:
            self.skipTest('there is no haproxy to compare with')
        self.ours = self.theirs = self.chance = None
        self.found = []

    def start(self):
        """From the file, as no command had been."""
        for rig in (self.ours, self.theirs):
            if rig is not None:
                rig._stop()
        self.ours = self.started(None)
        self.theirs = self.started(HAPROXY)

    def started(self, program):
        rig = self.rig(CONFIG, start=False, program=program)
        for name, text in FILES.items():
            with open(os.path.join(rig.folder, name), 'w') as file:
                file.write(text)
        rig.start()
        until_answer(rig, 'show servers state', r' t1 \S+ 0 0 ')
        return rig

    def both(self, line, name='admin.sock'):
        answers = []
        for rig in (self.ours, self.theirs):
            text = ask(rig, line.replace('<dir>', rig.folder), name)
            answers.append(plain(text.replace(rig.folder, '<dir>').replace('%d' % rig.dead.getsockname()[1], '<dead>')))
        return answers

    def standing(self):
        state, stat = self.both('show servers state'), []
        for rig in (self.ours, self.theirs):
            rows = [row for row in csv.DictReader(io.StringIO(ask(rig, 'show stat')[2:])) if row['svname']]
            for row in rows:
                if row['status'].startswith('MAINT'):
                    row['weight'] = 'the one before, for HAProxy'
            stat.append([[row[name] for name in COLUMNS] for row in rows])
        return [(state[i].splitlines(), stat[i]) for i in (0, 1)]

    def differs(self, what, line, ours, theirs):
        self.found.append('%s\n    %s\n  penstock: %r\n  haproxy:  %r' % (what, line, ours, theirs))

    def run_sequence(self, number, lines):
        for at in range(lines):
            name = self.chance.choice(['admin.sock'] * 4 + ['operator.sock', 'user.sock'])
            line = made_line(self.chance)
            where = 'seed %d, line %d, %s' % (number, at, name)
            ours, theirs = self.both(line, name)
            excused = any(re.search(pattern, line) for pattern in DIFFERENT)
            if ours != theirs and not excused:
                self.differs(where, line, ours, theirs)
            ours, theirs = self.standing()
            if ours == theirs:
                continue
            for mine, other in zip(ours[0] + ours[1], theirs[0] + theirs[1]):
                if mine != other:
                    self.differs(where + ', afterwards', line, mine, other)
            # It would differ after each line that follows.
            return

    def test_random_sequences_are_answered_as_by_haproxy(self):
        count, seed = int(os.environ.get('SEQUENCES', 4)), int(os.environ.get('SEED', 0))
        for number in range(seed, seed + count):
            self.start()
            self.chance = random.Random(number)
            self.run_sequence(number, 40)
        self.assertEqual(len(self.found), 0, '\n' + '\n'.join(self.found))


class Conversations(Sequences):
    """The same in one connection, with prompts and payloads."""

    def test_random_sequences_are_answered_as_by_haproxy(self):
        count, seed = int(os.environ.get('SEQUENCES', 8)), int(os.environ.get('SEED', 0))
        self.start()
        for number in range(seed, seed + count):
            self.chance = random.Random(number)
            text = ''
            for _ in range(self.chance.randint(1, 4)):
                text += made_line(self.chance)
                if self.chance.random() < 0.2:
                    text += ' <<\n' + ''.join('%s\n' % self.chance.choice(KEYS[:12]) for _ in range(3)) + '\n'
                text += self.chance.choice(['\n', '\n', '\r\n'])
            # Without a prompt penstock reads one line, also when more has come with it.
            text = self.chance.choice(['prompt\n', 'prompt;']) + text
            answers = []
            for rig in (self.ours, self.theirs):
                admin = Admin(rig).send(text.replace('<dir>', rig.folder)).end()
                answers.append(plain(admin.rest().replace(rig.folder, '<dir>')))
            if answers[0] != answers[1] and not any(re.search(pattern, text) for pattern in DIFFERENT):
                self.differs('seed %d' % number, text, *answers)
        self.assertEqual(len(self.found), 0, '\n' + '\n'.join(self.found))


del Case
