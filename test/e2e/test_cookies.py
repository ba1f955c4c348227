"""Persistence by a cookie. Each expectation was seen with HAProxy 2.6 (PENSTOCK=/usr/sbin/haproxy)."""
import json
import re
import time

from harness import Case, heads

DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'


def stamp(seconds):
    """A moment as it stands in a cookie, to four seconds."""
    number = int(seconds) // 4
    return ''.join(DIGITS[number >> shift & 63] for shift in (24, 18, 12, 6, 0))


def moment(text):
    number = 0
    for digit in text:
        number = number * 64 + DIGITS.index(digit)
    return number * 4


def answer_as_told(name):
    """A server that tells which Cookie fields it saw and gives the fields that X-Give lists."""
    def talk(sock, _):
        for head in heads(sock):
            fields = [line.split(': ', 1) for line in head.decode().split('\r\n')[1:]]
            body = json.dumps([name] + [value for key, value in fields if key.lower() == 'cookie'])
            given = [json.loads(value) for key, value in fields if key.lower() == 'x-give']
            lines = ['%s: %s\r\n' % tuple(pair) for pairs in given for pair in pairs]
            status = [value for key, value in fields if key.lower() == 'x-status'] or ['200 OK']
            sock.sendall(('HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n%s' % (
                status[0], len(body), ''.join(lines), body)).encode())
    return talk


TEXT = """
frontend fe
    bind <fe>
    capture cookie CAP len 12
%s
    default_backend be
backend be
    balance first
    timeout connect 200ms
    retries 1
    %s
%s
"""


class CookieCase(Case):

    def farm(self, lines, front='', **words):
        """Servers s1, s2, s3 whose cookie is their name; `words` replace what stands behind an address."""
        servers = []
        for name in ('s1', 's2', 's3'):
            where, said = self.script(answer_as_told(name)).address, words.get(name, 'cookie ' + name)
            if said.startswith('dead'):
                where, said = '<dead>', said[4:]
            servers.append('    server %s %s %s' % (name, where, said))
        self.r = self.rig(TEXT % ('\n'.join('    ' + line for line in front.split('\n')),
                                  '\n    '.join(lines.split('\n')), '\n'.join(servers)))

    def ask(self, *cookies, give=(), target='/', method='GET', fields=(), client=None, status=None):
        """(server, Cookie fields it saw, Set-Cookie fields received, letters of the log)."""
        start = len(self.r.log.drain())
        sent = [('Cookie', text) for text in cookies] + list(fields)
        if give:
            sent.append(('X-Give', json.dumps([('Set-Cookie', text) if isinstance(text, str) else text
                                               for text in give])))
        if status:
            sent.append(('X-Status', status))
        body = b'' if method == 'POST' else None
        with client or self.r.connect() as client:
            client.request(method, target, sent, body)
            self.answer = client.response(method)
        line = self.r.log.wait(r'"%s %s HTTP' % (method, re.escape(target)), start=start)
        found = re.search(r' \S+/(\S+) \S+ (\d+) \d+ (.*) (....) \S+/\S+/\S+/\S+/(\S+) \d+/\d+ ', line.string)
        self.captured, self.retries = found.group(3), found.group(5)
        seen = json.loads(self.answer.body)[1:] if self.answer.status == 200 else None
        return found.group(1), seen, self.answer.all('set-cookie'), found.group(4)


class Modes(CookieCase):

    def test_insert_gives_a_cookie_and_follows_it(self):
        self.farm('cookie X insert')
        self.assertEqual(self.ask(), ('s1', [], ['X=s1; path=/'], '--NI'))
        self.assertEqual(self.ask('X=s2'), ('s2', ['X=s2'], [], '--VN'))
        self.assertEqual(self.ask('X=s9'), ('s1', ['X=s9'], ['X=s1; path=/'], '--II'))
        self.assertEqual(self.ask('x=s2'), ('s1', ['x=s2'], ['X=s1; path=/'], '--NI'))
        self.assertEqual(self.ask(give=['X=own', 'a=1']), ('s1', [], ['a=1', 'X=s1; path=/'], '--NI'))
        self.assertEqual(self.ask('X=s2', give=['X=own', 'a=1']), ('s2', ['X=s2'], ['a=1'], '--VD'))

    def test_indirect_hides_the_cookie_from_the_server(self):
        self.farm('cookie X insert indirect')
        for sent, seen in ((['X=s2'], []), (['a=1; X=s2; b=2'], ['a=1; b=2']),
                           (['X=s2; a=1'], ['a=1']), (['a=1; X=s2'], ['a=1']),
                           (['a=1', 'X=s2', 'b=2'], ['a=1', 'b=2']),
                           (['X=s2; a=1; X=s3; b=2'], ['a=1; b=2']), (['X=s9; X=s2'], []),
                           (['X=s2', 'X=s3; a=1'], ['a=1']), (['a="1;2"; X=s2'], ['a="1;2"']),
                           (['a="X=s3; b"; X=s2'], ['a="X=s3; b"']), (['a=1;  \tX=s2'], ['a=1']),
                           (['XX=s3; X=s2'], ['XX=s3']), (['a; X=s2; b'], ['a; b']),
                           (['a=b=c; X=s2'], ['a=b=c'])):
            self.assertEqual(self.ask(*sent), ('s2', seen, [], '--VN'), sent)
        self.assertEqual(self.ask('X="s2"; a=1'), ('s1', ['a=1'], ['X=s1; path=/'], '--II'))
        self.assertEqual(self.ask('X', give=['X']), ('s1', ['X'], ['X', 'X=s1; path=/'], '--NI'))

    def test_preserve_lets_the_server_end_persistence(self):
        self.farm('cookie X insert indirect preserve')
        gone = 'X=; expires=Thu, 01-Jan-1970 00:00:01 GMT; path=/'
        self.assertEqual(self.ask('X=s2', give=[gone]), ('s2', [], [gone], '--VP'))
        self.assertEqual(self.ask(give=[gone]), ('s1', [], [gone], '--NP'))
        self.assertEqual(self.ask(), ('s1', [], ['X=s1; path=/'], '--NI'))

    def test_rewrite_changes_the_cookie_that_the_server_gives(self):
        self.farm('cookie X rewrite', s3='')
        self.assertEqual(self.ask('X=s2'), ('s2', ['X=s2'], [], '--VN'))
        self.assertEqual(self.ask(give=['X=y; path=/a; HttpOnly']),
                         ('s1', [], ['X=s1; path=/a; HttpOnly'], '--NR'))
        self.assertEqual(self.ask('X=s2', give=['X="y z"; path=/', 'X2=y']),
                         ('s2', ['X=s2'], ['X=s2; path=/', 'X2=y'], '--VR'))
        self.assertEqual(self.ask(give=['a=X=y']), ('s1', [], ['a=X=y'], '--NN'))

    def test_prefix_shares_the_cookie_of_the_server(self):
        self.farm('cookie X prefix')
        self.assertEqual(self.ask(give=['X=y; path=/']), ('s1', [], ['X=s1~y; path=/'], '--NR'))
        self.assertEqual(self.ask('a=1; X=s2~y; b=~'), ('s2', ['a=1; X=y; b=~'], [], '--VN'))
        self.assertEqual(self.ask('X=s3~y; X=s2~z'), ('s3', ['X=y; X=z'], [], '--VN'))
        self.assertEqual(self.ask('X=s9~y~z'), ('s1', ['X=y~z'], [], '--IN'))
        self.assertEqual(self.ask('X=s2'), ('s2', ['X=s2'], [], '--VN'))
        self.assertEqual(self.ask('X=s2~y', give=['X=']), ('s2', ['X=y'], ['X=s2~'], '--VR'))

    def test_a_cookie_without_a_mode_is_followed_and_left_alone(self):
        self.farm('cookie X')
        self.assertEqual(self.ask('X=s2', give=['X=y']), ('s2', ['X=s2'], ['X=y'], '----'))
        self.assertEqual(self.ask(give=['X=y']), ('s1', [], ['X=y'], '----'))

    def test_indirect_alone_takes_what_is_not_needed(self):
        self.farm('cookie X indirect')
        self.assertEqual(self.ask('X=s2', give=['X=y']), ('s2', ['X=s2'], [], '--VD'))
        self.assertEqual(self.ask(give=['X=y']), ('s1', [], ['X=y'], '--NP'))

    def test_postonly_inserts_in_answers_to_post(self):
        self.farm('cookie X insert postonly')
        self.assertEqual(self.ask(), ('s1', [], [], '--NN'))
        self.assertEqual(self.ask(method='POST'), ('s1', [], ['X=s1; path=/'], '--NI'))

    def test_attributes_stand_in_haproxys_order(self):
        self.farm('cookie X insert attr SameSite=None secure domain .a.com httponly domain b.com '
                  'attr "Priority=High"')
        self.assertEqual(self.ask()[2], ['X=s1; path=/; domain=.a.com; domain=b.com; HttpOnly; Secure; '
                                         'SameSite=None; Priority=High'])

    def test_nocache_makes_private_what_a_cache_could_keep(self):
        self.farm('cookie X insert nocache')

        def private(*fields, **options):
            self.ask(give=fields, **options)
            return 'private' in self.answer.all('cache-control')[len(
                [1 for name, _ in fields if name == 'Cache-Control']):]
        fresh = ('Cache-Control', 'max-age=60')
        self.assertTrue(private(fresh))
        self.assertTrue(private(('ETag', '"1"')))
        self.assertTrue(private(('Last-Modified', 'Mon, 01 Jan 2024 00:00:00 GMT')))
        self.assertTrue(private(('Expires', '0')))
        self.assertTrue(private(fresh, status='404 Not Found'))
        self.assertTrue(private(('Cache-Control', 'public, max-age=60, no-cache="set-cookie"')))
        self.assertFalse(private())
        self.assertFalse(private(('Cache-Control', 'max-age=60, private')))
        self.assertFalse(private(('Cache-Control', 'no-store'), ('ETag', '"1"')))
        self.assertFalse(private(fresh, ('Pragma', 'no-cache')))
        self.assertFalse(private(fresh, status='302 Found'))
        self.assertFalse(private(fresh, method='POST'))
        self.ask('X=s2', give=[fresh])
        self.assertEqual(self.answer.all('cache-control'), ['max-age=60'])

    def test_a_server_without_a_value_makes_clients_forget_theirs(self):
        self.farm('cookie X insert secure', s1='')
        gone = 'X=; Expires=Thu, 01-Jan-1970 00:00:01 GMT; path=/; Secure'
        self.assertEqual(self.ask('X=s9'), ('s1', ['X=s9'], [gone], '--II'))

    def test_dynamic_values_come_from_the_address_and_a_secret(self):
        self.farm('cookie X insert dynamic indirect\ndynamic-cookie-key secret', s1='', s2='',
                  s3='cookie mine')
        first = self.ask()
        self.assertRegex(first[2][0], r'^X=[0-9a-f]{16}; path=/$')
        self.assertEqual(self.ask(first[2][0].split(';')[0])[3], '--VN')
        self.assertEqual(self.ask('X=mine')[::3], ('s3', '--VN'))
        self.assertEqual(self.ask('X=s2')[3], '--II')

    def test_rules_see_the_cookie_that_came_and_the_one_that_goes(self):
        self.farm('cookie X insert indirect\nhttp-request set-header Cookie "saw=%[req.cook(X)]; X=s2"\n'
                  'http-after-response set-header X-Gone %[res.cook(X)]')
        self.assertEqual(self.ask('X=s3'), ('s2', ['saw=s3'], [], '--VN'))
        self.farm('cookie X insert\nhttp-after-response set-header X-Gone %[res.cook(X)]')
        self.ask()
        self.assertEqual(self.answer.get('x-gone'), 's1')


    def test_rules_read_cookies_as_persistence_does(self):
        self.farm('http-request set-header Cookie "%[req.cook(X)] %[req.cook_cnt(X)]"')
        for sent, seen in (('a="1; X=9"; X=2', '2 1'), ('X="2; 3"; b=1', '"2; 3" 1'), ('a=1, X=2', '2 1'),
                           ('X = 2 ; b', '2 1'), ('X=1; X=2', '2 2')):
            self.assertEqual(self.ask(sent)[1], [seen])


class Dates(CookieCase):

    def dates(self, given):
        """How far from now the dates in a Set-Cookie field are, in seconds."""
        found = re.match(r'X=(s\d)((?:\|[\w+/]{5})*); path=/$', given)
        return found.group(1), [moment(text) - time.time() for text in found.group(2).split('|')[1:]]

    def check(self, letters, server, ages, *cookies):
        """The server and the letters of a request; what it is given, with dates of about these ages."""
        name, _, given, said = self.ask(*cookies)
        self.assertEqual((name, said[2:]), (server, letters))
        if ages is None:
            return self.assertEqual(given, [])
        value, dates = self.dates(given[0])
        self.assertEqual((value, len(dates)), (server, len(ages)))
        for date, age in zip(dates, ages):
            self.assertLess(abs(date - age), 8)
        return None

    def cookie(self, *ages):
        return 'X=s2' + ''.join('|' + stamp(time.time() + age) for age in ages)

    def test_maxidle_ends_what_rested_too_long_and_renews_the_rest(self):
        self.farm('cookie X insert indirect maxidle 60s')
        self.check('NI', 's1', [0])
        self.check('VU', 's2', [0], 'X=s2')
        self.check('VU', 's2', [0], self.cookie(-30))
        self.check('EI', 's1', [0], self.cookie(-90))
        self.check('VN', 's2', None, self.cookie(4000))
        self.check('EI', 's1', [0], self.cookie(90000))
        self.check('VU', 's2', [0], 'X=s2|?????')
        self.check('VU', 's2', [0], 'X=s2|abc')
        self.check('EI', 's1', [0], 'X=s2|/////')

    def test_maxlife_counts_from_the_first_visit(self):
        self.farm('cookie X insert indirect maxlife 1h', s3='cookie s3 disabled')
        self.check('NI', 's1', [0, 0])
        self.check('VU', 's2', [0, -2000], self.cookie(-30, -2000))
        self.check('OI', 's1', [0, 0], self.cookie(-30, -4000))
        self.check('OI', 's1', [0, 0], self.cookie(-30, 90000))
        self.check('VU', 's2', [0, 0], self.cookie(-30))
        # Whoever has to move keeps the day of the first visit.
        self.check('DI', 's1', [0, -2000], self.cookie(-30, -2000).replace('s2', 's3'))

    def test_dates_no_longer_asked_for_are_taken_off(self):
        self.farm('cookie X insert indirect')
        self.check('VU', 's2', [], self.cookie(-30))
        self.check('VU', 's2', [], self.cookie(-30, -90000))
        self.check('VN', 's2', None, 'X=s2|')


class Servers(CookieCase):

    def test_a_client_whose_server_is_down_gets_another(self):
        self.farm('cookie X insert indirect', s2='cookie s2 disabled')
        self.assertEqual(self.ask('X=s2'), ('s1', [], ['X=s1; path=/'], '--DI'))
        self.assertEqual(self.ask('X=s2; X=s3'), ('s3', [], [], '--VN'))
        self.assertEqual(self.ask('X=s2; X=s9')[3], '--DI')

    def test_a_server_found_down_by_its_check_loses_its_clients_and_gets_them_back(self):
        rig = self.rig("""
frontend fe
    bind <fe>
    default_backend be
backend be
    balance first
    cookie X insert indirect
    server s1 <s1> cookie s1
    server s2 <s2> cookie s2 check inter 100ms rise 1 fall 1
""")

        def who():
            return rig.get('/test/server', [('Cookie', 'X=s2')]).body
        self.assertEqual(who(), b'EX02')
        rig.server('s2').refuse()
        rig.log.wait('Server be/s2 is DOWN')
        self.assertEqual(who(), b'EX01')
        rig.log.wait(r'be/s1 .* --DI ')
        rig.server('s2').refuse(False)
        rig.log.wait('Server be/s2 is UP')
        self.assertEqual(who(), b'EX02')

    def test_option_persist_goes_to_a_server_that_is_down(self):
        self.farm('cookie X insert indirect\noption persist', s2='cookie s2 disabled')
        self.assertEqual(self.ask('X=s2'), ('s2', [], [], '--DN'))
        self.farm('cookie X insert indirect\noption persist', s2='dead cookie s2 disabled')
        self.assertEqual(self.ask('X=s2'), ('s2', None, [], 'SCDN'))
        self.assertEqual((self.answer.status, self.retries), (503, '1'))

    def test_redispatch_moves_a_client_whose_server_refuses(self):
        self.farm('cookie X insert indirect', s2='dead cookie s2')
        self.assertEqual(self.ask('X=s2'), ('s2', None, [], 'SCVN'))
        self.farm('cookie X insert indirect\noption redispatch', s2='dead cookie s2')
        self.assertEqual(self.ask('X=s2'), ('s1', [], ['X=s1; path=/'], '--DI'))
        self.assertEqual(self.retries, '+1')
        self.farm('cookie X insert indirect\noption persist\noption redispatch\nretries 3',
                  s2='dead cookie s2 disabled')
        self.assertEqual(self.ask('X=s2'), ('s1', [], ['X=s1; path=/'], '--DI'))
        self.assertEqual(self.retries, '+1')

    def test_redispatch_finds_the_only_other_server(self):
        for s2 in ('dead cookie s2 weight 0', 'dead cookie s2'):
            self.farm('cookie X insert indirect\noption redispatch', s2=s2, s3='cookie s3 disabled')
            self.assertEqual(self.ask('X=s2'), ('s1', [], ['X=s1; path=/'], '--DI'))

    def test_force_persist_is_never_redispatched(self):
        self.farm('cookie X insert indirect\noption redispatch\nforce-persist if { path /f }',
                  s2='dead cookie s2 disabled', s3='cookie s3 disabled')
        self.assertEqual(self.ask('X=s2', target='/f'), ('s2', None, [], 'SCDN'))
        self.assertEqual(self.ask('X=s3', target='/f'), ('s3', [], [], '--DN'))
        self.assertEqual(self.ask('X=s3')[3], '--DI')

    def test_ignore_persist_balances_and_gives_nothing(self):
        self.farm('cookie X insert indirect\nignore-persist if { path_end .gif }')
        self.assertEqual(self.ask('X=s2', target='/a.gif'), ('s1', [], [], '--UN'))
        self.assertEqual(self.ask(target='/a.gif'), ('s1', [], [], '--NN'))
        self.assertEqual(self.ask('X=s2', target='/a.gif', give=['X=own']), ('s1', [], ['X=own'], '--UN'))
        self.assertEqual(self.ask('X=s2'), ('s2', [], [], '--VN'))

    def test_the_first_rule_about_persistence_counts(self):
        self.farm('cookie X insert indirect\nforce-persist if { path /f }\nignore-persist if TRUE',
                  s2='cookie s2 disabled')
        self.assertEqual(self.ask('X=s2', target='/f'), ('s2', [], [], '--DN'))
        self.assertEqual(self.ask('X=s2'), ('s1', [], [], '--UN'))

    def test_use_server_comes_before_the_cookie(self):
        self.farm('cookie X insert indirect\nuse-server s3 if { path /u }\nuse-server s2 if { path /d }',
                  s2='cookie s2 disabled')
        self.assertEqual(self.ask('X=s1', target='/u'), ('s3', [], [], '--UN'))
        self.assertEqual(self.ask(target='/u'), ('s3', [], [], '--NN'))
        self.assertEqual(self.ask('X=s3', target='/d'), ('s3', [], [], '--VN'))

    def test_weight_0_keeps_those_who_have_its_cookie(self):
        self.farm('cookie X insert indirect', s2='cookie s2 weight 0')
        self.assertEqual(self.ask('X=s2'), ('s2', [], [], '--VN'))
        self.farm('cookie X insert indirect', s1='cookie s1 weight 0', s2='cookie s2 weight 0',
                  s3='cookie s3 weight 0')
        self.assertEqual(self.ask('X=s2'), ('s2', [], [], '--VN'))
        self.assertEqual(self.ask(), ('<NOSRV>', None, [], 'SCNN'))

    def test_a_backup_may_share_the_value_of_its_server(self):
        self.farm('cookie X insert indirect', s2='cookie s2 disabled', s3='cookie s2 backup')
        self.assertEqual(self.ask('X=s2'), ('s3', [], [], '--VN'))

    def test_the_cookie_comes_before_the_last_server(self):
        self.farm('balance roundrobin\ncookie X insert indirect\noption prefer-last-server')
        client = self.r.connect()
        for cookie, server in (('X=s2', 's2'), ('X=s3', 's3'), ('X=s1', 's1')):
            client.request('GET', '/' + server, [('Cookie', cookie)])
            self.assertEqual(json.loads(client.response().body)[0], server)

    def test_answers_of_our_own_give_no_cookie(self):
        self.farm('cookie X insert\nhttp-request redirect location /x if { path /r }',
                  front='http-request deny if { path /d }', s2='')
        self.assertEqual(self.ask(target='/r'), ('<NOSRV>', None, [], 'LRNN'))
        self.assertEqual(self.ask(target='/d'), ('<NOSRV>', None, [], 'PR--'))

    def test_a_full_server_is_waited_for(self):
        rig = self.rig("""
frontend fe
    bind <fe>
    default_backend be
backend be
    balance first
    cookie X insert indirect
    server s1 <s1> cookie s1
    server s2 <s2> cookie s2 maxconn 1
""")
        first = rig.connect().request('GET', '/test/delay/200', [('Cookie', 'X=s2')])
        rig.server('s2').wait_count('requests', 1)
        second = rig.connect().request('GET', '/test/server', [('Cookie', 'X=s2')])
        other = rig.connect().get('/test/server')
        self.assertEqual(other.body, b'EX01')
        first.response()
        self.assertEqual(second.response().body, b'EX02')
        rig.log.wait(r'be/s2 .* --VN \d+/\d+/\d+/\d+/0 1/0 "GET /test/server')


    def test_who_waits_for_a_server_that_goes_down_goes_to_another(self):
        rig = self.rig("""
frontend fe
    bind <fe>
    default_backend be
backend be
    balance first
    option redispatch
    cookie X insert indirect
    server s1 <s1> cookie s1
    server s2 <s2> cookie s2 maxconn 1 check inter 100ms rise 1 fall 1
""")
        rig.connect().request('GET', '/test/hang', [('Cookie', 'X=s2')])
        rig.server('s2').wait_count('hanging', 1)
        waiting = rig.connect().request('GET', '/test/server', [('Cookie', 'X=s2')])
        self.assertEqual(rig.get('/test/server').body, b'EX01')
        rig.server('s2').refuse()
        answer = waiting.response()
        self.assertEqual((answer.body, answer.get('set-cookie')), (b'EX01', 'X=s1; path=/'))
        rig.log.wait(r' be/s1 .* --DI .*"GET /test/server')


class Captures(CookieCase):

    def test_the_first_cookie_that_begins_so_is_logged(self):
        self.farm('cookie X insert')
        for sent, given, captured in (
                (['a=1; CAP=yes; CAP=no'], ['CAPX=0123456789'], 'CAP=yes CAPX=0123456'),
                (['CAP', 'CAPITAL=b'], ['a=1', 'CAP=z; path=/'], 'CAPITAL=b CAP=z'),
                (['a=CAP=1'], [], '- -'), (['CAP="a b"; c'], ['CAP'], 'CAP="a b" -')):
            self.ask(*sent, give=given)
            self.assertEqual(self.captured, captured)

    def test_a_name_with_its_sign_is_exact(self):
        self.farm('', front='capture cookie CAP= len 63')
        self.ask('CAPX=1; CAP=2', give=['CAPX=1', 'CAP=3'])
        self.assertEqual(self.captured, 'CAP=2 CAP=3')


    def test_a_captured_cookie_is_cut_at_the_limit(self):
        self.farm('', front='capture cookie CAP= len 100')
        self.ask('CAP=' + 'x' * 100, give=['CAP=' + 'y' * 100])
        self.assertEqual(self.captured, 'CAP=%s CAP=%s' % ('x' * 59, 'y' * 59))


class OneCookieForTwoPools(Case):
    """OWA and ECP: the same cookie, the same values, two pools."""
    TEXT = """
frontend fe
    bind <fe>
    use_backend ecp if { path_beg -i /ecp }
    default_backend owa
backend owa
    balance roundrobin
    cookie EXLB insert indirect nocache httponly secure
    server ex01 <s1> cookie ex01
    server ex02 <s2> cookie ex02
backend ecp
    balance roundrobin
    cookie EXLB insert indirect nocache httponly secure
    server ex02 <s2> cookie ex02 %s
    server ex01 <s1> cookie ex01
"""
    SERVERS = {'EX01': 'ex01', 'EX02': 'ex02'}

    def test_a_client_meets_one_server_in_both(self):
        rig = self.rig(self.TEXT % '')
        seen = set()
        for _ in range(4):
            answer = rig.get('/owa/', [('Cookie', 'cadata=x')])
            given = answer.all('set-cookie')[-1]
            name = answer.get('x-feserver')
            seen.add(name)
            self.assertEqual(given, 'EXLB=%s; path=/; HttpOnly; Secure' % self.SERVERS[name])
            for target in ('/ecp', '/owa/', '/ecp'):
                again = rig.get(target, [('Cookie', 'cadata=x; ' + given.split(';')[0])])
                self.assertEqual(again.get('x-feserver'), name)
                self.assertFalse([text for text in again.all('set-cookie') if 'EXLB' in text])
        self.assertEqual(seen, set(self.SERVERS))
        for server in rig.servers.values():
            for entry in server.log:
                self.assertNotIn('EXLB', entry.get('cookie', ''))

    def test_who_had_to_move_in_one_moves_in_both(self):
        rig = self.rig(self.TEXT % 'disabled')
        self.assertEqual(rig.get('/owa/', [('Cookie', 'cadata=x; EXLB=ex02')]).get('x-feserver'), 'EX02')
        moved = rig.get('/ecp', [('Cookie', 'cadata=x; EXLB=ex02')])
        self.assertEqual(moved.get('x-feserver'), 'EX01')
        self.assertIn('EXLB=ex01; path=/; HttpOnly; Secure', moved.all('set-cookie'))
