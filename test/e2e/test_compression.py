"""compression (manual, "compression algo", "compression type", "compression offload"; section 9.2)."""
import random
import re
import threading
import zlib

from harness import Case, Client, IS_HAPROXY, PATIENCE, penstock_only, read_head

CONFIG = """
frontend fe
    bind <fe>
    log-format "%{+Q}HU %B %[res.comp] %[res.comp_algo]"
    log <log> local0
    compression <front>
    default_backend be
backend be
    <back>
    server s1 <s1>
"""


class Origin:
    """Answers each target with the bytes that the test has put there, and keeps what was asked."""

    def __init__(self, case):
        self.answers, self.heads = {}, {}
        self.script = case.script(self.talk)

    def talk(self, sock, _):
        while True:
            head = read_head(sock)
            target = head.split(b' ')[1].decode()
            self.heads[target] = head.decode('latin-1')
            sock.sendall(self.answers[target])

    def put(self, target, fields=(), status='200 OK', body=b'x' * 2000, chunked=False, version='1.1'):
        lines = ['HTTP/%s %s' % (version, status), *('%s: %s' % pair for pair in fields)]
        if chunked:
            lines.append('Transfer-Encoding: chunked')
            half = len(body) // 2
            body = b''.join(b'%x\r\n%s\r\n' % (len(part), part) for part in (body[:half], body[half:]) if part)
            body += b'0\r\n\r\n'
        else:
            lines.append('Content-Length: %d' % len(body))
        self.answers[target] = '\r\n'.join(lines).encode('latin-1') + b'\r\n\r\n' + body


def decoded(answer):
    coding = answer.get('content-encoding')
    if coding == 'gzip':
        return zlib.decompress(answer.body, 31)
    if coding == 'deflate':
        try:
            return zlib.decompress(answer.body)
        except zlib.error:
            return zlib.decompress(answer.body, -15)
    return answer.body


class Compression(Case):
    def farm(self, front='algo gzip', back='', **options):
        self.origin = Origin(self)
        text = CONFIG.replace('<front>', front).replace('<back>', back).replace('<s1>', self.origin.script.address)
        self.r = self.rig(text.replace('    compression \n', ''), **options)
        return self.r.connect()

    def ask(self, client, fields=(), answer=(), method='GET', accept='gzip', **options):
        self.number = getattr(self, 'number', 0) + 1
        target = '/%d' % self.number
        self.origin.put(target, answer, **options)
        sent = [*([('Accept-Encoding', accept)] if accept is not None else []), *fields]
        return client.request(method, target, sent).response(method)

    def test_an_answer_comes_smaller_to_who_can_read_it(self):
        client = self.farm()
        answer = self.ask(client, answer=[('Content-Type', 'text/html'), ('ETag', '"a"')])
        self.assertEqual(decoded(answer), b'x' * 2000)
        self.assertLess(len(answer.body), 100)
        self.assertEqual([answer.get(name) for name in ('content-encoding', 'vary', 'etag', 'content-length')],
                         ['gzip', 'Accept-Encoding', 'W/"a"', None])
        answer = self.ask(client, accept=None)
        self.assertEqual((answer.body, answer.get('content-encoding')), (b'x' * 2000, None))
        self.assertEqual(answer.get('content-length'), '2000')

    def test_the_log_counts_what_servers_send_and_names_the_algorithm(self):
        client = self.farm('algo gzip raw-deflate')
        self.ask(client, body=b'x' * 20000)
        self.ask(client, body=b'x' * 20000, accept='deflate')
        self.ask(client, body=b'x' * 20000, accept=None)
        for number, name in enumerate(('1 gzip', '1 raw-deflate', '0 -'), 1):
            line = self.r.log.wait(r'"/%d" (\d+) %s' % (number, name))
            self.assertIn(int(line[1]), range(20030, 20200))

    @penstock_only('its library keeps what is short until more comes')
    def test_what_is_on_its_way_is_not_kept_back(self):
        passed = threading.Semaphore(0)

        def talk(sock, _):
            read_head(sock)
            sock.sendall(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
            for n in range(3):
                sock.sendall(b'5\r\npart%d\r\n' % n)
                self.assertTrue(passed.acquire(timeout=PATIENCE))
            sock.sendall(b'0\r\n\r\n')
        rig = self.rig(CONFIG.replace('<front>', 'algo gzip').replace('<back>', '')
                       .replace('<s1>', self.script(talk).address))
        client = rig.connect()
        client.request('GET', '/', [('Accept-Encoding', 'gzip')])
        client.take_until(b'\r\n\r\n')
        machine, text = zlib.decompressobj(31), b''
        for n in range(3):
            while len(text) < 5 * (n + 1):
                text += machine.decompress(client.take_body(1))
            self.assertEqual(text[-5:], b'part%d' % n)
            passed.release()

    def test_a_backend_says_more_than_its_frontend(self):
        client = self.farm('algo deflate', 'compression algo gzip')
        self.assertEqual(self.ask(client, accept='deflate').get('content-encoding'), None)
        self.assertEqual(self.ask(client, accept='deflate, gzip').get('content-encoding'), 'gzip')

    def test_offload_hides_from_servers_what_a_client_reads(self):
        client = self.farm('algo gzip', 'compression offload')
        answer = self.ask(client, accept='br, gzip')
        self.assertEqual(answer.get('content-encoding'), 'gzip')
        self.assertNotIn('accept-encoding', self.origin.heads['/1'].lower())
        self.ask(client, accept='br')
        self.assertIn('accept-encoding: br', self.origin.heads['/2'].lower())

    def test_identity_needs_no_asking_and_changes_no_byte(self):
        client = self.farm('algo identity gzip')
        answer = self.ask(client, accept=None, answer=[('ETag', '"a"')])
        self.assertEqual((answer.body, answer.get('content-encoding')), (b'x' * 2000, None))
        self.assertEqual((answer.get('vary'), answer.get('etag')), ('Accept-Encoding', 'W/"a"'))
        self.assertEqual(self.ask(client).get('content-encoding'), 'gzip')

    def test_head_and_http10_clients_get_what_the_server_said(self):
        client = self.farm()
        self.origin.answers['/1'] = b'HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n'
        answer = client.request('HEAD', '/1', [('Accept-Encoding', 'gzip')]).response('HEAD')
        self.assertEqual((answer.get('content-length'), answer.get('content-encoding')), ('2000', None))
        self.origin.put('/2')
        old = self.r.connect()
        answer = old.request('GET', '/2', [('Accept-Encoding', 'gzip')], version='HTTP/1.0').response()
        self.assertEqual((answer.body, answer.get('content-encoding')), (b'x' * 2000, None))

    def test_answers_of_our_own_pass_and_the_page_of_statistics_is_compressed(self):
        rig = self.rig("""
frontend fe
    bind <fe>
    compression algo gzip
    stats uri /stats
    http-request return status 200 content-type text/plain string "%s" if { path /own }
""" % ('x' * 500))
        client = rig.connect()
        self.assertEqual(client.get('/own', [('Accept-Encoding', 'gzip')]).body, b'x' * 500)
        answer = client.get('/stats;csv', [('Accept-Encoding', 'gzip')])
        self.assertEqual(answer.get('content-encoding'), 'gzip')
        self.assertTrue(decoded(answer).startswith(b'# pxname,'))

    def test_large_bodies_arrive_whole_whatever_they_are(self):
        client = self.farm()
        chance = random.Random(5)
        for size in (1, 16384, 16385, 300000, 3000000):
            for body in (b'a' * size, chance.randbytes(size), bytes(chance.choices(b'abcdef', k=size))):
                for chunked in (False, True):
                    answer = self.ask(client, body=body, chunked=chunked)
                    self.assertEqual(answer.get('content-encoding'), 'gzip')
                    self.assertEqual(decoded(answer), body)

    def test_who_reads_slowly_holds_bounded_memory_and_gets_all(self):
        body = random.Random(6).randbytes(8000000)
        self.farm().close()
        self.origin.put('/large', body=body)
        self.r.get('/large', [('Accept-Encoding', 'gzip')])
        before = self.r.rss()
        clients = []
        for _ in range(10):
            client = Client(self.r.addresses['fe'], rcvbuf=4096)
            self.addCleanup(client.close)
            client.request('GET', '/large', [('Accept-Encoding', 'gzip')])
            client.take_until(b'\r\n\r\n')
            clients.append(client)
        clients[0].hurry()
        self.assertEqual(zlib.decompress(clients[0].take_body(len(body) * 2), 31), body)
        self.assertLess(self.r.rss() - before, 40 * 1024)

    def test_statistics_count_what_was_compressed(self):
        self.r = self.rig(CONFIG.replace('<front>', 'algo gzip\n    stats uri /stats').replace('<back>', ''))
        with self.r.connect() as client:
            for target in ('/test/size/10000', '/test/size/20000'):
                client.get(target, [('Accept-Encoding', 'gzip')])
            client.get('/test/size/10000')
        text = self.r.get('/stats;csv').body.decode()
        rows = [line.split(',') for line in text.splitlines()]
        for name, service in (('fe', 'FRONTEND'), ('be', 'BACKEND')):
            row = next(dict(zip(rows[0], row)) for row in rows if row[:2] == [name, service])
            self.assertEqual((row['comp_in'], row['comp_rsp'], row['comp_byp']), ('30000', '2', '0'))
            self.assertIn(int(row['comp_out']), range(100, 30000))

    def test_beyond_its_limit_answers_pass_as_they_are(self):
        self.farm(globals_='    maxcomprate 10\n')
        client = self.r.connect()
        self.ask(client, body=b'y' * 100000)
        for _ in range(20):  # The limit is of the last second, the clock may just have begun another one.
            answer = self.ask(client, body=b'y' * 100000)
            if answer.get('content-encoding') is None:
                break
        self.assertEqual((answer.get('content-encoding'), answer.body), (None, b'y' * 100000))


# What HAProxy does, told once more; random messages show that both programs do it.
def expected(algorithms, types, request, answer):
    weights = {}
    for name, value in request:
        if name == 'Accept-Encoding':
            for element in value.split(','):
                token, *parameters = [part.strip() for part in element.split(';')]
                weight = 1.0
                for parameter in parameters:
                    if parameter.lower().startswith('q='):
                        weight = float(parameter[2:])
                        break
                weights.setdefault(token.lower(), weight)
    best, chosen = 0, 'identity' if 'identity' in algorithms else None
    for token, weight in weights.items():
        for algorithm in reversed(algorithms):
            if algorithm != 'identity' and token in ('*', algorithm.replace('raw-', '')):
                if weight > best:
                    best, chosen = weight, algorithm
                break
    fields = {}
    for name, value in answer['fields']:
        fields.setdefault(name, []).append(value)
    agent = dict(request).get('User-Agent', '')
    kind = (fields.get('Content-Type') or [None])[0]
    tag = fields.get('ETag', [])
    fits = (answer['status'] in ('200 OK', '201 Made', '202 Taken', '203 Other') and answer['version'] == '1.1'
            and (answer['body'] or answer['chunked']) and 'Content-Encoding' not in fields
            and len(tag) < 2 and all(re.fullmatch('(W/)?".*"', one) for one in tag)
            and not any('no-transform' in value.lower() for value in fields.get('Cache-Control', []))
            and not (kind or '').lower().startswith('multipart')
            and (not types or any((kind or '').lower().startswith(one) for one in types))
            and not re.match('Mozilla/4(?!.*MSIE (7|6.*SV1))', agent))
    return chosen if fits else None


class Random(Case):
    ONCE = True
    ACCEPTS = ['gzip', 'deflate', 'gzip, deflate', 'deflate, gzip', 'GZIP', '*', 'br', 'identity', 'gzip;q=0',
               'gzip;q=0.2, deflate;q=0.5', 'deflate;q=0.5,gzip;q=0.2', '*;q=0', 'br, *;q=0.1', ' gzip ; q=0.5 , br', '']
    TYPES = ['text/html', 'TEXT/html; charset=utf-8', 'text/plain', 'multipart/mixed; boundary=a', 'application/json',
             'image/png']
    AGENTS = ['Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1)', 'Mozilla/4.0 (compatible; MSIE 6.0; Windows NT)',
              'Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 6.0)', 'Mozilla/4.08 [en]', 'Mozilla/5.0 (X11)', 'curl/8']

    def test_random_messages_are_compressed_as_haproxy_does(self):
        chance = random.Random(7)
        for algorithms, types in (('gzip deflate', ''), ('raw-deflate gzip', 'text/'), ('identity deflate', ''),
                                  ('gzip', 'text/html application/json')):
            origin = Origin(self)
            rig = self.rig(CONFIG.replace('<front>', 'algo ' + algorithms).replace(
                '<back>', 'compression type ' + types if types else '').replace('<s1>', origin.script.address))
            client = rig.connect()
            for number in range(150):
                self.one(chance, origin, client, '/%d' % number, algorithms.split(), types.split())

    def one(self, chance, origin, client, target, algorithms, types):
        def maybe(name, values, often=0.5):
            return [(name, chance.choice(values))] if chance.random() < often else []
        request = maybe('Accept-Encoding', self.ACCEPTS, 0.9) + maybe('User-Agent', self.AGENTS, 0.3)
        answer = {
            'fields': maybe('Content-Type', self.TYPES, 0.8)
            + maybe('ETag', ['"a"', 'W/"a"', 'abc', '""', 'w/"a"'], 0.3) + maybe('ETag', ['"b"'], 0.05)
            + maybe('Cache-Control', ['private', 'no-transform', 'private, No-Transform'], 0.2)
            + maybe('Content-Encoding', ['br', 'identity'], 0.1),
            'status': chance.choice(['200 OK'] * 6 + ['201 Made', '202 Taken', '203 Other', '206 Part', '404 No']),
            'body': bytes(chance.choices(b'abc\n', k=chance.choice([0, 1, 100, 20000]))),
            'chunked': chance.random() < 0.4, 'version': '1.1'}
        origin.put(target, **answer)
        got = client.request('GET', target, request).response()
        algorithm = expected(algorithms, types, request, answer)
        coding = {None: None, 'identity': None}.get(algorithm, (algorithm or '').replace('raw-', ''))
        about = 'request %r, answer %r' % (request, {**answer, 'body': len(answer['body'])})
        before = dict(answer['fields']).get('Content-Encoding')
        self.assertEqual(got.get('content-encoding'), coding or before, about)
        if answer['body'] or not IS_HAPROXY:  # Of no bytes its library makes what cannot be read.
            self.assertEqual(decoded(got) if coding else got.body, answer['body'], about)
        self.assertEqual(got.get('vary'), 'Accept-Encoding' if algorithm else None, about)
        tag = [value for name, value in answer['fields'] if name == 'ETag']
        if algorithm and tag:
            tag = ['W/' + tag[0] if tag[0].startswith('"') else tag[0]]
        self.assertEqual(got.all('etag'), tag, about)
        if algorithm == 'deflate' and answer['body']:
            self.assertEqual(zlib.decompress(got.body), answer['body'], about)


class StatusOfTheServer(Case):

    def test_it_decides_whatever_rules_make_of_it(self):
        for rule in ('http-response', 'http-after-response'):
            for came, made, smaller in ((200, 404, True), (404, 200, False)):
                origin = Origin(self)
                origin.put('/', status='%d X' % came)
                rig = self.rig(CONFIG.replace('<s1>', origin.script.address).replace('<front>', 'algo gzip').replace(
                    '<back>', '%s set-status %d' % (rule, made)))
                answer = rig.get('/', [('Accept-Encoding', 'gzip')])
                self.assertEqual((answer.status, answer.get('content-encoding')), (made, 'gzip' if smaller else None))
