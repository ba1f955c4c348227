"""Maps and ACLs changed while requests run: by commands of the runtime socket and by rules."""
import re

from harness import Case, IS_HAPROXY, penstock_only, wait_until
from test_runtime_socket import HAPROXY, ask

CONFIG = """
global
    stats socket <dir>/admin.sock level admin
    stats socket <dir>/user.sock level user
frontend fe
    bind <fe>
    acl listed path -f <dir>/list.acl
    acl inline path -i /x /y
    acl own path -u 77 /own
    acl network src -f <dir>/networks.acl 9.9.9.9
    acl number hdr_cnt(x) gt 3
    acl there hdr(x) -m found
    acl both path -M -f <dir>/texts.map /more
    http-request set-map(<dir>/texts.map) %[req.hdr(set)] %[req.hdr(value)] if { req.hdr(set) -m found }
    http-request del-map(<dir>/texts.map) %[req.hdr(del)] if { req.hdr(del) -m found }
    http-request add-acl(<dir>/list.acl) %[req.hdr(add)] if { req.hdr(add) -m found }
    http-request del-acl(<dir>/list.acl) %[req.hdr(drop)] if { req.hdr(drop) -m found }
    http-request deny deny_status 403 if listed
    http-request deny deny_status 404 if inline or { path_beg /zz /yy }
    http-request return status 200 hdr text "%[path,map(<dir>/texts.map,none)]" hdr beginning "%[path,map_beg(<dir>/texts.map,none)]" hdr number "%[path,map_reg_int(<dir>/numbers.map,7)]" hdr net "%[hdr(ip),map_ip(<dir>/networks.map,none)]" if METH_GET TRUE
    default_backend be
backend be
    server s1 <s1>
"""
FILES = {
    'list.acl': '/l1\n# none\n/l2\n\n  /l3\n/l1\n',
    'networks.acl': '10.0.0.0/8\n192.168.1.1\n2001:db8::/32\n',
    'networks.map': '10.0.0.0/8 wide\n10.1.0.0/16 narrow\n10.1.1.1 one\n::1 six\n',
    'texts.map': '/a 1\n/b two words\n/ab longer\n/ab second\n',
    'numbers.map': '^/a 1\n^/(b+) 2\nc$ 3\n',
}


def written(rig):
    for name, text in FILES.items():
        with open('%s/%s' % (rig.folder, name), 'w') as file:
            file.write(text)
    rig.start()
    return rig


class Commands(Case):
    """Answers compared with HAProxy's."""
    ONCE = True

    def setUp(self):
        self.ours = written(self.rig(CONFIG, start=False))
        if not HAPROXY or IS_HAPROXY:
            self.skipTest('there is no haproxy to compare with')
        self.theirs = written(self.rig(CONFIG, start=False, program=HAPROXY, servers=self.ours.servers))

    def answer(self, rig, line, name):
        text = ask(rig, line.replace('<dir>', rig.folder), name).replace(rig.folder, '<dir>')
        text = re.sub(r'(?m)^0x[0-9a-f]+ ', '0x ', text)
        return re.sub(r'(?m)^\d+ \(\) acl \'var\' file \'httpclient\' .*\n', '', text)

    def asked(self, *lines, name='admin.sock'):
        for line in lines:
            with self.subTest(line):
                self.assertEqual(*(self.answer(rig, line, name) for rig in (self.ours, self.theirs)))

    def test_lists_and_contents(self):
        self.asked('show map', 'show acl', *('show acl #%d' % number for number in range(18)), 'show acl #77',
                   'show map <dir>/texts.map')

    def test_files(self):
        self.asked('show map <dir>/texts.map', 'show acl <dir>/texts.map', 'show map <dir>/list.acl', 'show acl <dir>/list.acl',
                   'show map nobody', 'show map #999', 'show map #x', 'show map -1', 'show map @0 <dir>/texts.map',
                   'show map @1 <dir>/texts.map', 'show map @x <dir>/texts.map', 'show map @0', 'show map <dir>/texts.map x')

    def test_get(self):
        self.asked('get map', 'get map <dir>/texts.map', 'get map nobody x', 'get acl', 'get acl #999 x',
                   *('get map <dir>/texts.map ' + key for key in ('/a', '/ab', '/abc', '/A', 'none', '/more')),
                   *('get map <dir>/numbers.map ' + key for key in ('/a', '/bbb', 'xc', 'none')),
                   *('get map <dir>/networks.map ' + key for key in ('10.1.1.1', '10.1.2.3', '10.9.9.9', '11.0.0.1', 'x')),
                   *('get acl <dir>/networks.acl ' + key for key in ('10.1.1.1', '192.168.1.2', '2001:db8::5', 'x')),
                   *('get acl #%d %s' % (number, key) for number in (1, 2, 3, 4, 5, 6) for key in ('/x', '/X', '5', '4', '9.9.9.9')))

    def test_changes(self):
        texts, numbers = '<dir>/texts.map', '<dir>/numbers.map'
        self.asked('add map', 'add map ' + texts, 'add map %s k' % texts, 'add map %s k v w' % texts, 'add map nobody k v',
                   'show map ' + texts, 'set map', 'set map ' + texts, 'set map %s k' % texts, 'set map %s k v2' % texts,
                   'set map %s none v' % texts, 'set map %s /ab third' % texts, 'set map nobody a b', 'show map ' + texts,
                   'get map %s /ab' % texts, 'del map', 'del map ' + texts, 'del map %s /ab' % texts, 'show map ' + texts,
                   'del map %s /ab' % texts, 'del map nobody x', 'del map %s #0x123' % texts, 'del map %s #zz' % texts,
                   'set map %s #0x12 v' % texts, 'add map %s ^/n 5' % numbers, 'show map ' + numbers, 'clear map',
                   'clear map nobody', 'clear map ' + texts, 'show map ' + texts, 'add map %s a b' % texts,
                   'show map ' + texts, 'show acl ' + texts, 'add acl %s x' % texts, 'add acl', 'add acl #1', 'add acl #1 /k',
                   'add acl #1 /k', 'show acl #1', 'get acl #1 /k', 'del acl', 'del acl #1', 'del acl #1 /k', 'show acl #1',
                   'del acl #1 /k', 'del acl #999 x', 'clear acl', 'clear acl #999', 'clear acl #1', 'show acl #1',
                   'clear map #1', 'add map #1 a b', 'add acl #77 x\\ y', 'show acl #77', 'del acl #77 x\\ y', 'show acl #77')

    def test_versions(self):
        texts = '<dir>/texts.map'
        self.asked('prepare map', 'prepare map nobody', 'prepare map ' + texts, 'prepare map ' + texts,
                   'add map @1 %s k v' % texts, 'add map @2 %s k2 v' % texts, 'add map @9 %s k v' % texts,
                   'show map @1 ' + texts, 'show map ' + texts, 'get map %s k' % texts, 'commit map', 'commit map @1',
                   'commit map @7 ' + texts, 'commit map @0 ' + texts, 'commit map @1 ' + texts, 'show map ' + texts,
                   'get map %s k' % texts, 'get map %s /a' % texts, 'commit map @1 ' + texts, 'show map @2 ' + texts,
                   'clear map @2 ' + texts, 'show map @2 ' + texts, 'prepare acl #1', 'add acl @1 #1 /vv', 'commit acl @1 #1',
                   'show acl #1', 'commit acl', 'prepare acl')

    def test_payloads(self):
        texts = '<dir>/texts.map'
        self.asked('add map %s <<\nk1 v1\nk2 v2 with spaces\n' % texts, 'show map ' + texts, 'get map %s k2' % texts,
                   'add map <dir>/numbers.map <<\n^a 1\n^b 2\n', 'show map <dir>/numbers.map')

    def test_users_may_change_them(self):
        self.asked('show map', 'add acl #1 /q', 'get acl #1 /q', 'del acl #1 /q', name='user.sock')


class Requests(Case):
    """What a change means for the next request."""
    ONCE = True

    def setUp(self):
        self.it = written(self.rig(CONFIG, start=False))

    def headers(self, target, *fields):
        return self.it.get(target, fields)

    def test_what_is_found(self):
        answer = self.headers('/ab', ('ip', '10.1.1.2'))
        self.assertEqual([answer.get(name) for name in ('text', 'beginning', 'number', 'net')], ['longer', 'longer', '1', 'narrow'])
        answer = self.headers('/abc', ('ip', '10.1.1.1'))
        self.assertEqual([answer.get(name) for name in ('text', 'beginning', 'number', 'net')], ['none', 'longer', '1', 'one'])

    def test_a_command_holds_for_the_next_request(self):
        texts, listed = self.it.folder + '/texts.map', self.it.folder + '/list.acl'
        self.assertEqual(self.headers('/new').get('text'), 'none')
        ask(self.it, 'add map %s /new here' % texts)
        self.assertEqual(self.headers('/new').get('text'), 'here')
        ask(self.it, 'set map %s /new there' % texts)
        self.assertEqual(self.headers('/new').get('text'), 'there')
        ask(self.it, 'del map %s /new' % texts)
        self.assertEqual(self.headers('/new').get('text'), 'none')
        ask(self.it, 'add acl %s /new' % listed)
        self.assertEqual(self.headers('/new').status, 403)
        ask(self.it, 'clear acl ' + listed)
        self.assertEqual(self.headers('/new').status, 200)
        self.assertEqual(self.headers('/l1').status, 200)
        ask(self.it, 'add acl #2 /New')
        self.assertEqual(self.headers('/nEW').status, 404)

    def test_a_rule_changes_them_for_itself_and_others(self):
        self.assertEqual(self.headers('/r', ('set', '/r'), ('value', 'by rule')).get('text'), 'by rule')
        self.assertEqual(self.headers('/r').get('text'), 'by rule')
        self.headers('/r', ('set', '/r'), ('value', 'again'))
        self.assertEqual(self.headers('/r').get('text'), 'again')
        self.assertEqual(self.headers('/r', ('del', '/r')).get('text'), 'none')
        self.assertEqual(self.headers('/d', ('add', '/d')).status, 403)
        self.assertEqual(self.headers('/d').status, 403)
        self.assertEqual(self.headers('/d', ('drop', '/d')).status, 200)

    def test_many_entries_are_found_and_go(self):
        listed, networks = self.it.folder + '/list.acl', self.it.folder + '/networks.map'
        names = ['/many%d' % number for number in range(3000)]
        for start in range(0, 3000, 500):
            ask(self.it, ';'.join('add acl %s %s' % (listed, name) for name in names[start:start + 100]))
        self.assertEqual(self.headers('/many1050').status, 403)
        self.assertEqual(self.headers('/many1150').status, 200)
        ask(self.it, ';'.join('add map %s 10.%d.0.0/16 n%d' % (networks, number, number) for number in range(2, 120)))
        self.assertEqual(self.headers('/', ('ip', '10.77.3.4')).get('net'), 'n77')
        self.assertEqual(self.headers('/', ('ip', '10.1.1.1')).get('net'), 'one')
        self.assertEqual(self.headers('/', ('ip', '10.200.1.1')).get('net'), 'wide')
        ask(self.it, 'del map %s 10.77.0.0/16' % networks)
        self.assertEqual(self.headers('/', ('ip', '10.77.3.4')).get('net'), 'wide')

    @penstock_only('HAProxy is another process after a reload')
    def test_a_reload_says_again_what_the_files_say(self):
        texts = self.it.folder + '/texts.map'
        ask(self.it, 'set map %s /a changed' % texts)
        ask(self.it, 'add acl #2 /k')
        self.assertEqual(self.headers('/a').get('text'), 'changed')
        self.it.reload()
        self.it.output.wait(r'map [^\n]*texts\.map')
        wait_until(lambda: self.headers('/a').get('text') == '1', 'what the file says')
        self.assertEqual(self.headers('/k').status, 200)


class Rules(Case):
    """What the configuration may say of them."""

    def test_an_unchanged_set_stays_over_a_reload_and_is_changed_afterwards(self):
        rig = written(self.rig(CONFIG, start=False))
        if IS_HAPROXY:
            self.skipTest('HAProxy is another process after a reload')

        def line():
            return int(re.search(r"\n2 \(\) acl 'path' file '[^']*' line (\d+)\.", ask(rig, 'show acl')).group(1))
        before = line()
        # A line more in front: places move, and sets are numbered as before.
        rig.reload('\n' + CONFIG)
        wait_until(lambda: line() == before + 1, 'the place of now')
        ask(rig, 'add acl #2 /k')
        self.assertEqual(rig.get('/k').status, 404)


del Case
