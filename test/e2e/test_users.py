"""Sections `userlist`: passwords that are asked for, and groups."""
import base64
import select
import ssl

from harness import Case, IS_HAPROXY, certificate, check, heads, penstock_only

# All of the password "secret", as crypt(3) writes it.
HASHES = {
    'md5': '$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1',
    'sha256': '$5$abcdefghijkl$hLav21MFu2VxWwiUx8wX0pH3PgbxSuSHhObZUBCuZJ5',
    'sha512': '$6$abcdefghijkl$A2FKjg5ZPRNV7QBhysg.d3DNXY39//7c7TzCrvehvOkGWYfSgToMxZY3WD1Ka2XXk46HrGqMYkZKjzpSzxQkL0',
    'bcrypt': '$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW',
    'des': 'abNANd1rDfiNc',
}
# A million rounds: to hash anything with it takes half a second.
SLOW = '$6$rounds=1000000$abcdefghijkl$uRf/Zq5F44qCeRlbUtpEqpyBxXboCDIcNgTA2VGoCwP2uJRYIZ6yXfGhgFxY6RFePHHnleXxEt9puEAFlwmD.1'


def basic(user, password):
    return 'Basic ' + base64.b64encode(('%s:%s' % (user, password)).encode()).decode()


def shown(user, password):
    return [('Authorization', basic(user, password))]


SAY = ('    http-request return status 200 content-type text/plain lf-string '
       '"%[http_auth(people)] %[http_auth_group(people)] %[http_auth_group(people),upper]"\n')


class Users(Case):

    def say(self, users, *fields):
        rig = self.rig('userlist people\n%s\nfrontend fe\n    bind <fe>\n%s' % (users, SAY))
        client = rig.connect()
        return [client.get('/', one).body.decode().strip() for one in fields]

    def test_passwords_are_taken_in_every_form_of_crypt(self):
        users = ''.join('    user %s password %s\n' % one for one in HASHES.items()) + '    user plain insecure-password secret\n'
        for name in list(HASHES) + ['plain']:
            right, wrong, again = self.say(users, shown(name, 'secret'), shown(name, 'Secret'), shown(name, 'secret'))
            self.assertEqual((right, wrong, again), ('1 %s %s' % (name, name.upper()), '0', '1 %s %s' % (name, name.upper())))

    def test_who_is_not_known_or_says_nothing_is_nobody(self):
        users = '    user bob insecure-password x\n'
        said = self.say(users, [], shown('al', 'x'), shown('bob', ''), shown('', ''), [('Authorization', 'Bearer Ym9iOng=')],
                        [('Authorization', 'Basic Ym9iOng=;')], [('Authorization', 'basic   Ym9iOng=')], [('Authorization', 'Basic Ym9i')],
                        [('Proxy-Authorization', basic('bob', 'x'))])
        self.assertEqual(said, ['', '0', '0', '0', '', '', '1 bob BOB', '', ''])

    @penstock_only('HAProxy dies of it')
    def test_who_has_no_password_is_nobody(self):
        self.assertEqual(self.say('    user none\n', shown('none', ''), shown('none', 'x')), ['0', '0'])

    GROUPS = """
userlist people
    group admins users bob,al
    group staff
    group none
    user bob insecure-password x groups staff
    user al insecure-password y
    user eve insecure-password z groups none,staff
userlist others
    group admins users eve
    user eve insecure-password z
frontend fe
    bind <fe>
    acl admin http_auth_group(people) admins
    acl other http_auth_group(others) admins
    acl inside http_auth_group(people) staff admins
    http-request set-header X-Is %[req.fhdr(x-is)]admin, if admin
    http-request set-header X-Is %[req.fhdr(x-is)]other, if other
    http-request set-header X-Is %[req.fhdr(x-is)]inside, if inside
    http-request set-header X-Is %[req.fhdr(x-is)]braces, if { http_auth_group(people) none }
    http-request set-header X-Is %[req.fhdr(x-is)]nobody, if !{ http_auth(people) }
    http-request return status 200 content-type text/plain lf-string %[req.fhdr(x-is)]
"""

    def test_groups_are_those_of_either_line(self):
        client = self.rig(self.GROUPS).connect()
        said = [client.get('/', shown(*one)).body.decode() for one in (('bob', 'x'), ('al', 'y'), ('eve', 'z'), ('bob', 'y'), ('no', 'x'))]
        self.assertEqual(said, ['admin,inside,', 'admin,inside,', 'other,inside,braces,', 'nobody,', 'nobody,'])

    def test_who_is_nobody_is_asked_who_it_is(self):
        rig = self.rig("""
userlist people
    user bob password %s
frontend fe
    bind <fe>
    http-request auth realm here if !{ http_auth(people) }
    http-request return status 200
""" % HASHES['sha512'])
        client = rig.connect()
        for fields in ([], shown('bob', 'x'), shown('no', 'secret')):
            answer = client.get('/', fields)
            self.assertEqual((answer.status, answer.get('WWW-Authenticate')), (401, 'Basic realm="here"'))
        self.assertEqual(client.get('/', shown('bob', 'secret')).status, 200)

    def test_a_client_of_a_proxy_is_asked_as_one(self):
        rig = self.rig("""
userlist people
    user bob insecure-password x
frontend fe
    bind <fe>
    option http-use-proxy-header
    http-request auth realm here if !{ http_auth(people) }
    http-request return status 200
""")
        client = rig.connect()
        answer = client.get('http://a.example/', host='a.example')
        self.assertEqual((answer.status, answer.get('Proxy-Authenticate'), answer.get('WWW-Authenticate')), (407, 'Basic realm="here"', None))
        self.assertEqual(client.get('http://a.example/', shown('bob', 'x'), host='a.example').status, 407)
        proxied = [('Proxy-Authorization', basic('bob', 'x'))]
        self.assertEqual(client.get('http://a.example/', proxied, host='a.example').status, 200)
        answer = client.get('/', proxied)
        self.assertEqual((answer.status, answer.get('WWW-Authenticate')), (401, 'Basic realm="here"'))
        self.assertEqual(client.get('/', shown('bob', 'x')).status, 200)

    def test_wherever_a_password_is_asked_for_the_way_goes_on_there(self):
        rig = self.rig("""
userlist people
    user bob password %s
frontend fe
    bind <fe>
    unique-id-format %%rt
    stats enable
    stats uri /stats
    stats http-request auth unless { http_auth(people) }
    tcp-request content reject if { path /content } !{ http_auth(people) }
    http-request add-header X-Before 1
    http-request add-header X-Is %%[http_auth_group(people)] if { path /action }
    http-request add-header X-Id %%[unique-id]
    http-request deny if { path /deny } !{ http_auth(people) }
    http-request add-header X-After 1
    use_backend known if { path /choice } { http_auth(people) }
    default_backend be
backend known
    http-request return status 200 content-type text/plain string known
backend be
    http-request add-header X-Back 1
    http-request deny status 429 if { path /back } !{ http_auth(people) }
    http-request add-header X-Back 2
    server s1 <s1>
""" % HASHES['sha256'])

        def ask(path, *who):
            # Each of a worker that does not know it yet: another password is wrong each time.
            with rig.connect() as client:
                answer = client.get(path, shown(*who))
                return answer.status, answer.body

        for path, refused in (('/deny', 403), ('/back', 429), ('/choice', 404), ('/stats', 401)):
            self.assertEqual(ask(path, 'bob', 'not ' + path)[0], refused, path)
        self.assertEqual(ask('/stats', 'bob', 'secret')[0], 200)
        self.assertEqual(ask('/choice', 'bob', 'secret')[1], b'known')
        with rig.connect() as client:
            client.request('GET', '/content', shown('bob', 'no'))
            self.assertEqual(client.rest(), b'')

    def test_rules_before_it_are_not_asked_twice(self):
        text = """
userlist people
    user bob password %s
frontend fe
    bind <fe>
    http-request add-header X-N 1
    http-request add-header X-N %%[http_auth(people)]
    http-request add-header X-N 2 if { http_auth(people) }
    http-request add-header X-N 3 if !{ http_auth(people) } { str(x) x }
    default_backend be
backend be
    http-request add-header X-N 4 if { http_auth(people) }
    server s1 <s1>
""" % HASHES['sha512']
        rig = self.rig(text)
        for who, wanted in ((('bob', 'secret'), ['1', '1', '2', '4']), (('bob', 'other'), ['1', '0', '3'])):
            for _ in range(2):
                answer = rig.get('/test/echo', shown(*who)).json()
                self.assertEqual([value for name, value in answer['fields'] if name.lower() == 'x-n'], wanted)

    def test_what_counts_is_counted_once(self):
        rig = self.rig("""
userlist people
    user bob password %s
backend counts
    stick-table type ip size 10 store gpc0
    server s1 <dead>
frontend fe
    bind <fe>
    http-request track-sc0 src table counts
    http-request return status 200 content-type text/plain lf-string %%[sc_get_gpc0(0)] if !{ http_auth(people) } { sc_inc_gpc0(0) gt 0 }
""" % HASHES['sha512'])
        self.assertEqual([rig.get('/', shown('bob', 'wrong%d' % i)).body for i in range(3)], [b'1', b'2', b'3'])

    def test_a_body_that_comes_meanwhile_goes_to_the_server(self):
        rig = self.rig("""
userlist people
    user bob password %s
frontend fe
    bind <fe>
    http-request deny unless { http_auth(people) }
    default_backend be
backend be
    server s1 <s1>
""" % HASHES['sha512'])
        body = bytes(range(256)) * 400
        answer = rig.post('/test/echo', body, shown('bob', 'secret'))
        self.assertEqual(answer.status, 200)
        self.assertEqual(rig.server().targets(), ['/test/echo'])

    CHOICES = """
userlist people
    group blue users bob
    user bob password %s
frontend fe
    bind <fe>
    default_backend be
backend be
    %%s
    server s1 <s1>
    server s2 <s2> %%s
""" % HASHES['sha512']

    def test_a_password_that_a_choice_asks_for(self):
        for line, option in (('use-server s2 if { http_auth(people) }', ''), ('use-server s2 if { http_auth_group(people) blue }', ''),
                             ('balance hash http_auth_group(people)', ''), ('stick-table type string size 1k\n    stick on http_auth_group(people)', '')):
            with self.subTest(line):
                rig = self.rig(self.CHOICES % (line, option))
                said = [rig.get('/test/server', shown('bob', 'secret')) for _ in range(4)]
                self.assertEqual({one.status for one in said}, {200})
                self.assertEqual(len({one.body for one in said}), 1)
                self.assertEqual(rig.get('/test/server', shown('bob', 'wrong')).status, 200)
                self.assertEqual(rig.post('/test/echo', b'x' * 70000, shown('bob', 'Secret')).status, 200)

    def test_a_password_that_the_name_towards_the_server_asks_for(self):
        names = []
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate('mail'))
        context.sni_callback = lambda _, name, __: names.append(name)

        def talk(sock, _):
            with context.wrap_socket(sock, server_side=True) as secure:
                for _ in heads(secure):
                    secure.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
        server = self.script(talk)
        text = """
userlist people
    user bob password %s
frontend fe
    bind <fe>
    default_backend be
backend be
    http-reuse never
    server s1 %s ssl verify none sni http_auth_group(people)
"""
        rig = self.rig(text % (HASHES['sha512'], server.address))
        for password, name in (('secret', 'bob'), ('wrong', None), ('secret', 'bob')):
            answer = rig.post('/', b'', shown('bob', password))
            self.assertEqual((answer.status, names.pop()), (200, name), password)
        self.assertEqual(names, [])
        if IS_HAPROXY:
            return
        # Nobody else waits while it is hashed, and who finds no room is told so.
        rig = self.rig(text % (SLOW, server.address) + 'frontend fe2\n    bind <fe2>\n    http-request return status 204\n', nbthread=1)
        clients = guess(rig, 5, 'A')
        self.assertEqual(rig.get('/', frontend='fe2').status, 204)
        self.assertEqual(sorted(client.response().status for client in clients), [200] * 4 + [503])
        self.assertEqual(names, [None] * 4)


SLOWLY = """
userlist people
    user bob password %s
frontend fe
    bind <fe>
    http-request return status 204 if { path /quick }
    http-request auth unless { http_auth(people) }
    http-request return status 200
""" % SLOW


SOURCES = {'A': '127.0.0.1', 'B': '127.0.0.2', 'C': '127.0.0.3'}


def guess(rig, count, sources, first=0):
    """Clients at these addresses in turn, each with a password of its own that is wrong."""
    clients = [rig.connect(source=SOURCES[sources[number % len(sources)]]) for number in range(count)]
    for number, client in enumerate(clients, first):
        client.request('GET', '/', shown('bob', 'guess%d' % number))
    return clients


class Hashing(Case):

    @penstock_only('HAProxy hashes where it serves')
    def test_nobody_waits_while_a_password_is_hashed(self):
        rig = self.rig(SLOWLY, nbthread=1)
        slow, quick = rig.connect(), rig.connect()
        slow.request('GET', '/', shown('bob', 'secret'))
        self.assertEqual(quick.get('/quick').status, 204)
        self.assertEqual(quick.get('/quick').status, 204)
        self.assertEqual(select.select([slow.socket], [], [], 0)[0], [])
        self.assertEqual(slow.response().status, 200)

    @penstock_only('HAProxy hashes where it serves')
    def test_of_more_than_eight_at_once_the_others_are_refused(self):
        rig = self.rig(SLOWLY, nbthread=1)
        clients = guess(rig, 10, 'ABC')
        said = sorted(client.response().status for client in clients)
        self.assertEqual(said, [401] * 8 + [503] * 2)
        self.assertEqual(rig.get('/', shown('bob', 'secret')).status, 200)

    @penstock_only('HAProxy hashes where it serves')
    def test_who_guesses_keeps_nobody_else_out(self):
        rig = self.rig(SLOWLY, nbthread=1)
        guesses = guess(rig, 6, 'A')
        with rig.connect(source=SOURCES['B']) as client:
            self.assertEqual(client.get('/', shown('bob', 'secret')).status, 200)
        self.assertEqual(sorted(client.response().status for client in guesses), [401] * 4 + [503] * 2)
        # Places are given back.
        self.assertEqual(sorted(client.response().status for client in guess(rig, 4, 'A', 6)), [401] * 4)

    @penstock_only('HAProxy hashes where it serves')
    def test_an_address_is_that_which_rules_have_set(self):
        text = SLOWLY.replace('    http-request auth', '    http-request set-src req.hdr(X-From)\n    http-request auth')
        rig = self.rig(text, nbthread=1)
        clients = [rig.connect() for _ in range(6)]
        for number, client in enumerate(clients):
            client.request('GET', '/', shown('bob', 'guess%d' % number) + [('X-From', '10.0.0.%d' % (number // 3))])
        self.assertEqual([client.response().status for client in clients], [401] * 6)

    @penstock_only('HAProxy hashes where it serves')
    def test_hints_come_before_the_refusal(self):
        rig = self.rig(SLOWLY.replace('    http-request auth', '    http-request early-hint Link x\n    http-request auth'), nbthread=1)
        clients = guess(rig, 9, 'ABC')
        for client in clients:
            answer = client.response()
            self.assertEqual([one.status for one in answer.interim], [103])
            self.assertIn(answer.status, (401, 503))

    @penstock_only('HAProxy hashes where it serves')
    def test_one_password_that_many_show_is_hashed_once(self):
        rig = self.rig(SLOWLY, nbthread=1)
        clients = [rig.connect() for _ in range(20)]
        for client in clients:
            client.request('GET', '/', shown('bob', 'secret'))
        self.assertEqual([client.response().status for client in clients], [200] * 20)

    @penstock_only('HAProxy hashes each time')
    def test_what_is_known_is_not_hashed_again(self):
        rig = self.rig(SLOWLY, nbthread=1)
        client = rig.connect()
        for password, status in (('secret', 200), ('wrong', 401)):
            self.assertEqual(client.get('/', shown('bob', password)).status, status)
        busy = guess(rig, 8, 'AB')
        # There is no room for another: these are remembered.
        self.assertEqual(client.get('/', shown('bob', 'secret')).status, 200)
        self.assertEqual(client.get('/', shown('bob', 'wrong')).status, 401)
        for one in busy:
            self.assertEqual(one.response().status, 401)

    @penstock_only('HAProxy hashes where it serves')
    def test_who_leaves_and_a_reload_meanwhile_disturb_nothing(self):
        rig = self.rig(SLOWLY, nbthread=1)
        leaving, staying = rig.connect(), rig.connect()
        leaving.request('GET', '/', shown('bob', 'guess'))
        staying.request('GET', '/', shown('bob', 'secret'))
        leaving.reset()
        rig.reload(SLOWLY.replace('status 200', 'status 202'))
        # By the rules of before, unless it came to them after the reload.
        self.assertIn(staying.response().status, (200, 202))
        self.assertEqual(rig.get('/', shown('bob', 'secret')).status, 202)

    @penstock_only('HAProxy hashes where it serves')
    def test_the_log_says_why_one_was_refused(self):
        rig = self.rig(SLOWLY.replace('    bind <fe>', '    bind <fe>\n    log <log> local0\n    option httplog'), nbthread=1)
        clients = guess(rig, 9, 'ABC')
        for client in clients:
            client.response()
        rig.log.wait(r' 503 .* RR-- ')


class Lists(Case):

    def test_what_stands_nowhere_is_refused(self):
        frontend = 'frontend fe\n    mode http\n    timeout client 1s\n    bind 127.0.0.1:1\n'
        list_of = 'userlist people\n    group staff\n    user bob insecure-password x groups %s\n'
        for text in (frontend + '    http-request deny if { http_auth(people) }\n',
                     list_of % 'staff' + frontend + '    http-request deny if { http_auth(peple) }\n',
                     list_of % 'staff' + frontend + '    http-request deny if { http_auth_group(people) stuff }\n',
                     list_of % 'stuff', 'userlist people\n    group staff users bob\n', 'userlist people\n    usr bob\n', 'userlist\n'):
            self.assertNotEqual(check(text)[0], 0, text)
        right = list_of % 'staff' + frontend + '    http-request deny if { http_auth_group(people) staff }\n'
        self.assertEqual(check(right)[0], 0, right)
