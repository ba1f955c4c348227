"""cache (manual, section 6): what is kept, for whom and for how long, and how it is given again."""
import concurrent.futures
import os
import random
import re
import shutil
import socket
import unittest

from harness import Case, IS_HAPROXY, PATIENCE, heads, penstock_only, wait_until

CONFIG = """
frontend fe
    bind <fe>
    log-format "%HM %HU %ST %b/%s %ts %[res.cache_hit] %[res.cache_name]"
    log <log> local0
    <front>
    default_backend be
backend be
    <back>
    server s1 <s1>
cache c
    total-max-size <size>
    <section>
"""
USE = 'http-request cache-use c\n    http-response cache-store c'
FRESH = ('Cache-Control', 'max-age=30')


class Origin:
    """Answers each target with the bytes that the test has put there, and keeps what was asked."""

    def __init__(self, case):
        self.answers, self.heads, self.ends = {}, [], set()
        self.script = case.script(self.talk)

    def talk(self, sock, _):
        for head in heads(sock):
            target = head.split(b' ')[1].decode()
            self.heads.append(head.decode('latin-1'))
            answer = self.answers[target]
            sock.sendall(answer)
            if target in self.ends:
                return

    def put(self, target, fields=(FRESH,), status='200 OK', body=b'hello', chunked=False, trailer=''):
        lines = ['HTTP/1.1 ' + status, *('%s: %s' % pair for pair in fields)]
        if chunked:
            lines.append('Transfer-Encoding: chunked')
            body = b'%x\r\n%s\r\n0\r\n%s\r\n' % (len(body), body, trailer.encode()) if body else b'0\r\n\r\n'
        else:
            lines.append('Content-Length: %d' % len(body))
        self.answers[target] = '\r\n'.join(lines).encode('latin-1') + b'\r\n\r\n' + body


class CacheCase(Case):
    def farm(self, front=USE, back='', section='', size=4, **options):
        self.origin = Origin(self)
        text = CONFIG.replace('<front>', front).replace('<back>', back).replace('<size>', str(size))
        self.text = text.replace('<section>', section).replace('<s1>', self.origin.script.address)
        self.r = self.rig(self.text, **options)
        self.number = 0
        return self.r

    def ask(self, target, fields=(), method='GET', **options):
        before = len(self.origin.heads)
        answer = self.r.connect().request(method, target, fields, **options).response(method)
        answer.hit = len(self.origin.heads) == before
        return answer

    def target(self):
        self.number += 1
        return '/%d' % self.number

    def kept(self, answer=(FRESH,), first=(), second=(), **options):
        """Whether what one asked for is given to another."""
        target = self.target()
        self.origin.put(target, answer, **options)
        self.ask(target, first)
        return self.ask(target, second).hit


class Cache(CacheCase):
    def test_an_answer_is_given_again_with_its_age_and_logged_as_the_caches(self):
        self.farm()
        self.origin.put('/a', [FRESH, ('X-Own', 'b'), ('Age', '7')], body=b'x' * 3000)
        first, second = self.ask('/a'), self.ask('/a')
        self.assertEqual((first.hit, second.hit), (False, True))
        self.assertEqual((second.status, second.reason, second.body), (200, 'OK', b'x' * 3000))
        self.assertEqual([second.get(name) for name in ('x-own', 'content-length', 'cache-control')],
                         ['b', '3000', 'max-age=30'])
        self.assertIn(second.all('age'), (['7'], ['8']))
        self.r.log.wait(r'GET /a 200 be/s1 -- 0 -')
        self.r.log.wait(r'GET /a 200 fe/<CACHE> LR 1 c')

    def test_chunked_answers_and_heads_are_given_again(self):
        self.farm(section='max-object-size 1000000')
        for size in (0, 1, 5000, 70000, 300000):
            target, body = self.target(), random.Random(size).randbytes(size)
            self.origin.put(target, chunked=True, body=body)
            self.ask(target)
            answer = self.ask(target)
            self.assertEqual((answer.hit, answer.get('transfer-encoding'), answer.body), (True, 'chunked', body))
        self.origin.put('/h')
        self.assertFalse(self.ask('/h', method='HEAD').hit)
        self.assertFalse(self.ask('/h').hit)
        answer = self.ask('/h', method='HEAD')
        self.assertEqual((answer.hit, answer.get('content-length'), answer.body), (True, '5', b''))

    def test_what_an_answer_says_decides_whether_it_is_kept(self):
        self.farm()

        def control(value):
            return [('Cache-Control', value)]
        for fields in (control('max-age=5'), control('s-maxage=5, max-age=9'), control('MAX-AGE=5, must-revalidate'),
                       control('max-age="5"'), [('ETag', '"a"')], [('Last-Modified', 'x')],
                       [('Expires', 'Thu, 28 Nov 2037 08:54:05 GMT')], [FRESH, ('Set-Cookie', 'a=b')],
                       [FRESH, ('Expires', '0')], [FRESH, ('Age', '29')]):
            self.assertTrue(self.kept(fields), fields)
        for fields in ([], control('public'), control('max-age=0'), control('s-maxage=0, max-age=5'),
                       control('max-age=5, max-age=0'), control('no-cache'), control('max-age=5, no-store'),
                       control('max-age=5, private'), control('max-age=x'), [('Expires', '0')],
                       [FRESH, ('Pragma', 'no-cache')], [FRESH, ('Vary', 'accept-encoding')], [FRESH, ('Vary', '*')],
                       [FRESH, ('Age', '31')], [FRESH, ('Age', 'x')], [FRESH, ('Cache-Control', 'private')]):
            self.assertFalse(self.kept(fields), fields)
        for status in ('201 Made', '203 Other', '206 Part', '301 There', '404 No', '500 Bad'):
            self.assertFalse(self.kept(status=status), status)

    @penstock_only('it keeps them')
    def test_what_one_client_alone_should_get_is_not_kept(self):
        self.farm()
        for fields in ([('ETag', '"a"'), ('Set-Cookie', 'a=b')], [('Cache-Control', 'max-age=5, private="x"')],
                       [('Cache-Control', 'max-age=5, no-cache="x"')],
                       [FRESH, ('Content-Range', 'bytes 0-4/5')], [('Cache-Control', 'max-age=5x')]):
            self.assertFalse(self.kept(fields), fields)
        self.assertTrue(self.kept([('Cache-Control', 'public'), ('ETag', '"a"'), ('Set-Cookie', 'a=b')]))
        self.assertFalse(self.kept(chunked=True, trailer='X-T: 1\r\n'))
        target = self.target()
        self.origin.put(target)
        self.ask(target, body=b'abc')
        self.assertFalse(self.ask(target).hit)
        self.assertFalse(self.ask(target, body=b'abc').hit)

    def test_what_a_request_says_decides_whether_it_is_asked_for(self):
        self.farm()
        for field, keeps, gives in (('Authorization: Basic eA==', False, False), ('Cache-Control: no-cache', True, False),
                                    ('Cache-Control: max-age=0', True, False), ('Pragma: no-cache', True, False),
                                    ('Cache-Control: no-store', False, True), ('Cookie: a=b', True, True),
                                    ('Range: bytes=0-1', True, True)):
            pair = tuple(field.split(': '))
            self.assertEqual(self.kept(first=[pair]), keeps, field)
            self.assertEqual(self.kept(second=[pair]), gives, field)
        self.origin.put('/old')
        self.ask('/old', version='HTTP/1.0')
        self.assertFalse(self.ask('/old').hit)
        self.assertFalse(self.ask('/old', version='HTTP/1.0').hit)
        self.assertFalse(self.ask('/old', host='other.example.com').hit)
        self.origin.put('/old?a')
        self.assertFalse(self.ask('/old?a').hit)

    def test_who_is_known_by_his_connection_gets_what_is_nobody_elses(self):
        self.farm()
        self.origin.put('/a')
        client = self.r.connect()
        client.request('GET', '/a', [('Authorization', 'NTLM TlRMTVNTUAABAAAA')]).response()
        client.request('GET', '/a').response()
        before = len(self.origin.heads)
        self.ask('/a')
        if not IS_HAPROXY:  # It forgets whose connection it was.
            self.assertEqual(len(self.origin.heads), before + 1)
        self.assertTrue(self.ask('/a').hit)

    @penstock_only('it keeps what it has itself asked for with a name')
    def test_a_name_that_rules_give_is_one(self):
        self.farm('http-request cache-use c\n    http-request set-header Authorization x\n    '
                  'http-response cache-store c')
        self.assertFalse(self.kept())

    def test_what_changes_a_target_ends_what_is_kept_of_it(self):
        self.farm()
        for method, status, stays in (('POST', '200 OK', False), ('PUT', '302 There', False), ('FOO', '201 Made', False),
                                      ('DELETE', '404 No', True), ('POST', '500 Bad', True), ('OPTIONS', '200 OK', True)):
            target = self.target()
            self.origin.put(target)
            self.ask(target)
            self.origin.put(target, [], status=status)
            self.ask(target, method=method)
            self.origin.put(target)
            self.assertEqual(self.ask(target).hit, stays, (method, status))

    def test_who_has_it_already_gets_304(self):
        self.farm()
        self.origin.put('/a', [FRESH, ('ETag', '"v1"'), ('Last-Modified', 'Sat, 28 Nov 2020 08:54:05 GMT')])
        self.ask('/a')
        for field, status in (('If-None-Match: "v1"', 304), ('If-None-Match: W/"v1"', 304), ('If-None-Match: *', 304),
                              ('If-None-Match: "a", "v1"', 304), ('If-None-Match: "a"', 200), ('If-None-Match: v1', 200),
                              ('If-Modified-Since: Sat, 28 Nov 2020 08:54:05 GMT', 304),
                              ('If-Modified-Since: Sunday, 29-Nov-20 08:54:05 GMT', 304),
                              ('If-Modified-Since: Sat, 28 Nov 2020 08:54:04 GMT', 200), ('If-Modified-Since: x', 200)):
            answer = self.ask('/a', [tuple(field.split(': '))])
            self.assertEqual((answer.hit, answer.status), (True, status), field)
            self.assertEqual(answer.body, b'' if status == 304 else b'hello')
        both = [('If-None-Match', '"v2"'), ('If-Modified-Since', 'Sat, 28 Nov 2020 08:54:05 GMT')]
        self.assertEqual(self.ask('/a', both).status, 200)
        self.r.log.wait(r'GET /a 304 fe/<CACHE> LR 1 c')

    def test_rules_about_answers_see_one_that_was_kept(self):
        self.farm('''http-request cache-use c
    http-response cache-store c
    http-response set-header X-Front %[res.cache_hit]
    http-after-response set-header X-After %[res.cache_name]''', 'http-response set-header X-Back 1')
        self.origin.put('/a')
        self.ask('/a')
        answer = self.ask('/a')
        self.assertEqual([answer.all(name) for name in ('x-back', 'x-front', 'x-after')], [['1'], ['1'], ['c']])

    def test_a_backend_has_its_own_rules_and_counts(self):
        self.farm('stats uri /stats', USE)
        self.assertTrue(self.kept())
        self.r.log.wait(r'GET /1 200 be/<CACHE> LR 1 c')
        rows = [line.split(',') for line in self.r.get('/stats;csv').body.decode().splitlines()]
        row = next(dict(zip(rows[0], row)) for row in rows if row[:2] == ['be', 'BACKEND'])
        self.assertEqual((row['cache_lookups'], row['cache_hits'], row['stot'], row['lbtot']), ('2', '1', '2', '1'))

    def test_statistics_count_who_was_asked_for_and_found(self):
        self.farm('stats uri /stats\n    ' + USE)
        for _ in range(3):
            self.origin.put('/a')
            self.ask('/a')
        self.origin.put('/a', [])
        self.ask('/a', method='POST')
        self.ask('/a', [('Authorization', 'x')])
        rows = [line.split(',') for line in self.r.get('/stats;csv', [('Authorization', 'x')]).body.decode().splitlines()]
        row = next(dict(zip(rows[0], row)) for row in rows if row[:2] == ['fe', 'FRONTEND'])
        self.assertEqual((row['cache_lookups'], row['cache_hits']), ('3', '2'))

    def test_no_rule_no_cache(self):
        for front in ('http-request cache-use c\n    http-response cache-store c if FALSE',
                      'http-request cache-use c if { method FOO }\n    http-response cache-store c',
                      'http-request cache-use c\n    http-response set-status 404\n    http-response cache-store c',
                      'http-request cache-use c\n    http-response set-header Cache-Control no-store\n    '
                      'http-response cache-store c'):
            self.farm(front)
            self.assertFalse(self.kept(), front)
        self.farm('http-request cache-use c\n    http-response cache-store c\n    '
                  'http-response set-header Cache-Control no-store')
        self.assertTrue(self.kept())

    @penstock_only('it does not keep what varies by Referer alone')
    def test_what_varies_by_referer_is_for_those_of_one(self):
        self.farm(section='process-vary on\n    max-secondary-entries 2')
        fields = [FRESH, ('Vary', 'Referer')]
        self.origin.put('/a', fields)
        seen = [self.ask('/a', [('Referer', name)] if name else []).hit for name in ('', '', 'a', 'a', 'b', 'b', 'a', '')]
        self.assertEqual(seen, [False, True, False, True, False, False, True, True])

    def test_what_varies_by_coding_is_for_who_reads_it(self):
        self.farm(section='process-vary on')

        def series(coding, *accepted):
            target = self.target()
            self.origin.put(target, [FRESH, ('Vary', 'accept-encoding'), *([('Content-Encoding', coding)] if coding else [])])
            return [self.ask(target, [('Accept-Encoding', value)] if value else []).hit for value in accepted]
        self.assertEqual(series(None, None, 'gzip', 'br', '*', 'identity;q=0'), [False, True, True, True, False])
        self.assertEqual(series('gzip', 'gzip', 'gzip, deflate', 'x-gzip', 'gzip;q=0.5', '*', 'identity', 'gzip;q=0'),
                         [False, True, True, True, True, False, False])
        self.assertEqual(series('gzip, br', 'gzip, br', 'br, gzip', 'gzip'), [False, True, False])
        self.assertEqual(series('foo', 'foo', 'foo'), [False, False])
        if not IS_HAPROXY:  # There who says nothing of codings gets what others could read.
            self.assertEqual(series('gzip', 'gzip', None, None, 'gzip'), [False, False, True, True])
        self.assertFalse(self.kept([FRESH, ('Vary', 'accept-encoding, user-agent')]))

    def test_too_large_an_answer_is_not_kept(self):
        self.farm(section='max-object-size 3000')
        for chunked in (False, True):
            self.assertTrue(self.kept(body=b'x' * 2700, chunked=chunked))
            self.assertFalse(self.kept(body=b'x' * 3000, chunked=chunked))

    def test_the_least_recently_used_make_room(self):
        self.farm(section='max-object-size 500000', size=1)
        for name in 'abc':
            self.origin.put('/' + name, body=name.encode() * 300000)
            self.ask('/' + name)
        self.assertTrue(self.ask('/a').hit)
        self.origin.put('/d', body=b'd' * 300000)
        self.ask('/d')
        self.assertEqual([self.ask('/' + name).hit for name in 'adc'], [True, True, True])
        self.assertFalse(self.ask('/b').hit)

    def test_it_is_over_after_its_time(self):
        self.farm(section='max-age 1')
        self.origin.put('/a', [('ETag', '"a"')])
        self.ask('/a')
        wait_until(lambda: not self.ask('/a').hit, 'the end of a second')
        self.assertTrue(self.ask('/a').hit)

    def test_an_answer_that_does_not_end_is_not_kept(self):
        self.farm()
        self.origin.answers['/a'] = b'HTTP/1.1 200 OK\r\nCache-Control: max-age=30\r\nContent-Length: 10\r\n\r\nhello'
        self.origin.ends.add('/a')
        self.r.connect().request('GET', '/a').take_until(b'hello')
        self.r.log.wait(r'GET /a 200 be/s1 SD')
        self.origin.ends.clear()
        self.origin.put('/a')
        self.assertFalse(self.ask('/a').hit)
        self.assertTrue(self.ask('/a').hit)

    def test_what_is_kept_is_not_compressed_and_what_is_given_may_be(self):
        self.farm(USE + '\n    compression algo gzip')
        self.origin.put('/a', body=b'x' * 3000)
        codings = []
        for accept in ([('Accept-Encoding', 'gzip')], [('Accept-Encoding', 'gzip')], []):
            answer = self.ask('/a', accept)
            codings.append((answer.hit, answer.get('content-encoding'), answer.get('content-length')))
        self.assertEqual(codings, [(False, 'gzip', None), (True, 'gzip', None), (True, None, '3000')])

    @penstock_only('a reload is another process there')
    def test_it_outlives_a_reload_and_takes_its_limits(self):
        self.farm(section='max-object-size 100000')
        self.origin.put('/a')
        self.origin.put('/b', body=b'x' * 50000)
        self.ask('/a')
        start = len(self.r.log.drain())
        self.r.reload(self.r.text.replace('max-object-size 100000', 'max-object-size 3000'))
        self.r.log.wait('Reloaded in', start=start)
        self.assertTrue(self.ask('/a').hit)
        self.ask('/b')
        self.assertFalse(self.ask('/b').hit)

    def test_the_socket_shows_what_is_kept(self):
        self.farm(globals_='    stats socket <dir>/admin.sock level admin\n')
        self.origin.put('/a', body=b'x' * 3000)
        self.ask('/a')
        self.ask('/a')
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(PATIENCE)
            sock.connect(self.r.folder + '/admin.sock')
            sock.sendall(b'show cache\n')
            text = b''.join(iter(lambda: sock.recv(65536), b'')).decode()
        head, entry, *rest = text.split('\n')
        self.assertRegex(head, r'^0x[0-9a-f]+: c \(shctx:0x[0-9a-f]+, available blocks:40\d\d\)$')
        self.assertRegex(entry, r'^0x[0-9a-f]+ hash:\d+ vary:0x[0-9a-f]{16} size:\d{4} \([345] blocks\), refcount:\d+, '
                                r'expire:(30|29|28)$')
        self.assertEqual(rest, ['', ''])

    def test_many_clients_get_large_answers_whole(self):
        self.farm(section='max-object-size 2000000', size=16)
        bodies = [random.Random(n).randbytes(900000) for n in range(8)]
        for n, body in enumerate(bodies):
            self.origin.put('/%d' % n, body=body, chunked=n % 2 == 0)

        def one(n):
            with self.r.connect() as client:
                return all(client.get('/%d' % ((n + k) % 8)).body == bodies[(n + k) % 8] for k in range(12))
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            self.assertTrue(all(pool.map(one, range(16))))

    @penstock_only('its memory is not of this measure')
    def test_memory_is_bounded_by_what_the_section_says(self):
        self.farm(size=4)
        self.ask_many(200)
        before = self.r.rss()
        self.ask_many(6000)
        # 54 MB have come; sanitizers keep some of what was freed.
        self.assertLess(self.r.rss() - before, 24 * 1024)

    def ask_many(self, count):
        with self.r.connect() as client:
            for _ in range(count):
                target = self.target()
                self.origin.put(target, body=b'y' * 9000)
                client.get(target)
                del self.origin.answers[target]


HAPROXY = shutil.which('haproxy')


@unittest.skipUnless(HAPROXY, 'there is no haproxy')
@penstock_only('there would be two of it')
class Random(CacheCase):
    """Random requests and answers through both programs: what is given again, and how, is the same. What the README lists
    as different is not among them."""
    ONCE = True
    CONTROLS = ['max-age=30', 'max-age=30', 'max-age=300', 's-maxage=9', 'max-age=0', 's-maxage=0,max-age=9', 'private',
                'no-store', 'no-cache', 'public', 'public, max-age=8', 'must-revalidate, max-age="9"', 'no-transform',
                'MAX-AGE=7', 'max-age=5 , s-maxage=6', 'proxy-revalidate', 'max-age=9,private']
    ASKED = ['no-cache', 'max-age=0', 'no-store', 'max-age=10', 'only-if-cached', 'no-transform']
    TAGS = ['"a"', 'W/"a"', '"b"', '"a,b"']
    DATES = ['Sat, 28 Nov 2020 08:54:05 GMT', 'Saturday, 28-Nov-20 08:54:05 GMT', 'Sat Nov 28 08:54:06 2020',
             'Fri, 27 Nov 2020 08:54:05 GMT', 'x', 'Thu, 28 Nov 2037 08:54:05 GMT']
    CODINGS = ['gzip', 'gzip, br', 'br;q=0.5, gzip;q=0', '*', 'identity', 'deflate', 'foo', 'gzip;q=0.1, *;q=0.5']

    def test_random_messages_are_kept_and_given_as_haproxy_does(self):
        chance = random.Random(int(os.environ.get('CACHE_SEED', '13')))
        for section in ('process-vary on', ''):
            pair = []
            for program in (None, HAPROXY):
                self.farm(USE, section=section, program=program)
                pair.append((self.origin, self.r))
            for number in range(int(os.environ.get('CACHE_CASES', '150'))):
                self.one(chance, pair, '/%d' % number, section != '')

    def maybe(self, chance, name, values, often):
        return [(name, chance.choice(values))] if chance.random() < often else []

    def answer(self, chance, varies):
        def maybe(name, values, often):
            return self.maybe(chance, name, values, often)
        # A second field that says 'public' takes back what the first forbids there.
        more = [value for value in self.CONTROLS if 'public' not in value]
        fields = maybe('Cache-Control', self.CONTROLS, 0.9) + maybe('Cache-Control', more, 0.1)
        explicit = any('max' in value for _, value in fields)
        fields += maybe('ETag', self.TAGS, 0.4) + maybe('Last-Modified', self.DATES, 0.3)
        fields += maybe('Expires', self.DATES, 0.2) if explicit else []
        fields += maybe('Age', ['3', '500', 'x'], 0.15) if explicit else []
        fields += maybe('Pragma', ['no-cache', 'other'], 0.05) + maybe('X-Own', ['1', '2'], 0.3)
        fields += maybe('Vary', ['accept-encoding', 'Accept-Encoding', '*', 'user-agent', 'accept-encoding, user-agent'], 0.3)
        coded = dict(fields).get('Vary') is not None or not varies
        fields += maybe('Content-Encoding', ['gzip', 'br', 'foo'], 0.3) if coded else []
        return {'fields': fields, 'chunked': chance.random() < 0.3,
                'status': chance.choice(['200 OK'] * 9 + ['200 Fine', '404 No', '301 There', '204 None']),
                'body': bytes(chance.choices(b'abc\n', k=chance.choice([0, 1, 100, 9000, 17000])))}

    def request(self, chance):
        def maybe(name, values, often):
            return self.maybe(chance, name, values, often)
        method = chance.choice(['GET'] * 12 + ['HEAD', 'HEAD', 'POST', 'PUT', 'OPTIONS', 'FOO'])
        reads = method in ('GET', 'HEAD')
        fields = [('Accept-Encoding', chance.choice(self.CODINGS))]
        fields += maybe('Cache-Control', self.ASKED, 0.1) + maybe('Pragma', ['no-cache'], 0.03)
        fields += maybe('If-None-Match', [*self.TAGS, '*', '"b", "a"', 'a'], 0.15)
        fields += maybe('If-Modified-Since', self.DATES, 0.15) + maybe('Authorization', ['Basic eA=='], 0.05 if reads else 0)
        fields += maybe('Cookie', ['a=b'], 0.1) + maybe('Range', ['bytes=0-1'], 0.05)
        return method, fields, 'HTTP/1.0' if reads and chance.random() < 0.03 else 'HTTP/1.1'

    def one(self, chance, pair, target, varies):
        said = [self.answer(chance, varies)] * 2 + [self.answer(chance, varies)]
        if any('Vary' in dict(one['fields']) for one in said):
            said = said[:1]  # Which of several is given there is a matter of chance.
        history = [target]
        for _ in range(6):
            answer, (method, fields, version) = chance.choice(said), self.request(chance)
            if answer['status'].startswith('204'):
                answer = {**answer, 'body': b'', 'chunked': False}
            if method == 'HEAD':
                answer = {**answer, 'chunked': False}
            # Then it keeps what somebody has asked for by his name.
            if re.search('public|s-maxage|revalidate', repr(answer['fields'])):
                fields = [field for field in fields if field[0] != 'Authorization']
            # Of what varies it forgets some when it is told to keep it anew.
            if any('Vary' in dict(one['fields']) for one in said):
                fields = [field for field in fields if field[0] not in ('Cache-Control', 'Pragma')]
            seen = [self.outcome(origin, rig, target, answer, method, fields, version) for origin, rig in pair]
            history.append('%s %r %s: %s %r %s' % (
                method, fields, version, answer['status'], answer['fields'], [one[0] for one in seen]))
            self.assertEqual(seen[0], seen[1], '\n'.join(history))

    def outcome(self, origin, rig, target, answer, method, fields, version):
        origin.put(target, **answer)
        if method == 'HEAD':
            origin.answers[target] = origin.answers[target].split(b'\r\n\r\n')[0] + b'\r\n\r\n'
        before = len(origin.heads)
        with rig.connect() as client:
            got = client.request(method, target, fields, version=version).response(method)
        names = sorted((name.lower(), value) for name, value in got.fields
                       if name.lower() not in ('age', 'connection', 'transfer-encoding'))
        hit = len(origin.heads) == before
        # Of an answer that it keeps, it takes the age away.
        age = int(got.get('age')) // 3 if hit else None
        return hit, got.status, got.reason, names, age, got.body
