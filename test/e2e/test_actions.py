"""Actions of rules about the client's connection, the request's place in line, and its body."""
import hashlib
import random
import re
import shutil
import socket
import threading
import unittest

from harness import Case, IS_HAPROXY, PROGRAM, Rig, check, penstock_only, read_head, wait_until

FRONT = """
frontend fe
    bind <fe>
"""
EXPERIMENTAL = '    expose-experimental-directives\n'


def answer_kept(sock, number):
    """An origin that answers all there is on a connection."""
    while True:
        head = read_head(sock)
        if not head:
            return
        length = re.search(rb'(?i)content-length: *(\d+)', head)
        left = int(length.group(1)) if length else 0
        left -= len(head.split(b'\r\n\r\n', 1)[1])
        while left > 0:
            left -= len(sock.recv(left))
        sock.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')


class Ends(Case):
    """set-src, set-dst and their ports."""
    ONCE = True

    def ends(self, rules, fields=()):
        text = FRONT + ''.join('    ' + rule + '\n' for rule in rules) + (
            '    http-request return status 200 content-type text/plain lf-string '
            '"%[src] %[src_port] %[dst] %[dst_port] %ci %cp %fi %fp"\n')
        rig = self.rig(text)
        with rig.connect() as client:
            said = client.get('/', fields).body.decode()
            again = client.get('/').body.decode()
            port, there = client.socket.getsockname()[1], client.socket.getpeername()[1]
        shown = [text.replace(str(port), '<port>').replace(str(there), '<there>') for text in (said, again)]
        return shown

    def test_a_request_may_come_from_elsewhere(self):
        said, again = self.ends(['http-request set-src hdr(x-from)'], [('X-From', '9.8.7.6')])
        self.assertEqual(said, '9.8.7.6 <port> 127.0.0.1 <there> 9.8.7.6 <port> 127.0.0.1 <there>')
        self.assertEqual(again, '127.0.0.1 <port> 127.0.0.1 <there> 127.0.0.1 <port> 127.0.0.1 <there>')

    def test_what_is_no_address_changes_nothing(self):
        said, _ = self.ends(['http-request set-src hdr(x-from)'], [('X-From', 'nobody')])
        self.assertEqual(said, '127.0.0.1 <port> 127.0.0.1 <there> 127.0.0.1 <port> 127.0.0.1 <there>')

    def test_ports_and_where_it_was_sent_to(self):
        said, _ = self.ends(['http-request set-src-port int(77)', 'http-request set-dst hdr(x-from)',
                             'http-request set-dst-port int(99)'], [('X-From', '2001:db8::1')])
        self.assertEqual(said, '127.0.0.1 77 2001:db8::1 99 127.0.0.1 77 2001:db8::1 99')

    def test_a_connection_stays_where_it_was_put(self):
        for rules in ('connection', 'session'):
            said, again = self.ends(['tcp-request %s set-src src,ipmask(8)' % rules])
            self.assertEqual(said, '127.0.0.0 <port> 127.0.0.1 <there> 127.0.0.0 <port> 127.0.0.1 <there>')
            self.assertEqual(again, said)

    def test_what_servers_are_told_follows(self):
        rig = self.rig(FRONT + """
    option forwardfor
    http-request set-src hdr(x-from)
    default_backend be
backend be
    server s1 <s1>
""")
        answer = rig.get('/test/echo', [('X-From', '9.8.7.6')]).json()
        fields = {name.lower(): value for name, value in answer['fields']}
        self.assertEqual(fields['x-forwarded-for'], '9.8.7.6')


class Settings(Case):
    ONCE = True

    def test_marks_and_their_like_cost_nobody_the_connection(self):
        rig = self.rig(FRONT + """
    tcp-request connection set-tos 16
    tcp-request connection set-mark 7
    tcp-request content set-tos 0x10
    http-request set-tos 32
    http-request set-mark 0x8
    http-request set-nice 5
    http-request wait-for-handshake
    http-request set-priority-class int(3)
    http-request set-priority-offset int(-3)
    default_backend be
backend be
    http-response set-tos 16
    http-response set-mark 9
    http-response set-nice 1
    server s1 <s1>
""")
        with rig.connect() as client:
            for _ in range(3):
                self.assertEqual(client.get('/test/server').status, 200)


class Hints(Case):
    ONCE = True

    def test_early_hints_come_before_the_answer_and_all_at_once(self):
        rig = self.rig(FRONT + """
    http-request early-hint Link "</style.css>; rel=preload"
    http-request early-hint X-Path %[path]
    http-request return status 200
""")
        with rig.connect() as client:
            client.request('GET', '/a')
            said = client.take_until(b'\r\n\r\n') + client.take_until(b'\r\n\r\n')
        lines = said.decode().lower().split('\r\n')
        self.assertEqual(lines[:4], ['http/1.1 103 early hints', 'link: </style.css>; rel=preload', 'x-path: /a', ''])
        self.assertEqual(lines[4], 'http/1.1 200 ok')

    def test_whom_http_1_0_serves_is_told_nothing_beforehand(self):
        rig = self.rig(FRONT + """
    http-request early-hint Link a
    http-request return status 200
""")
        with rig.connect() as client:
            client.request('GET', '/a', version='HTTP/1.0')
            self.assertIn(b' 200 ', client.take_until(b'\r\n'))


class Passwords(Case):

    def test_who_is_asked_for_a_password(self):
        rig = self.rig(FRONT + """
    http-request auth realm "x y" if { path /a }
    http-request auth
""")
        for path, realm in (('/a', 'x y'), ('/b', 'fe')):
            answer = rig.get(path)
            self.assertEqual(answer.status, 401)
            self.assertEqual(answer.get('www-authenticate'), 'Basic realm="%s"' % realm)
        rig.log.wait(r' 401 \d+ - - LR-- ')


class Bodies(Case):
    ONCE = True
    TEXT = FRONT + """
    http-request set-header X-Before 1
    http-request wait-for-body time 400ms{}
    http-request add-header X-After %[req.hdr(x-before)]
    http-request return status 200 hdr X-After %[req.hdr(x-after)]
"""

    def test_the_rules_behind_see_the_body(self):
        rig = self.rig(self.TEXT.format(''))
        client = rig.connect()
        client.send(b'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc')
        client.socket.settimeout(0.1)
        self.assertRaises(TimeoutError, client.socket.recv, 1)
        client.send(b'de')
        client.socket.settimeout(10)
        answer = client.response()
        self.assertEqual((answer.status, answer.get('x-after')), (200, '1'))

    def test_a_body_that_does_not_come_is_408(self):
        rig = self.rig(self.TEXT.format(''))
        client = rig.connect()
        client.send(b'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc')
        self.assertEqual(client.response().status, 408)

    def test_so_much_is_enough(self):
        rig = self.rig(self.TEXT.format(' at-least 3'))
        client = rig.connect()
        client.send(b'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab')
        client.send(b'c')
        self.assertEqual(client.response().status, 200)

    def test_without_a_body_nobody_waits(self):
        rig = self.rig(self.TEXT.format(''))
        self.assertEqual(rig.get('/').status, 200)

    def test_the_body_goes_on_to_the_server(self):
        rig = self.rig(FRONT + """
    default_backend be
backend be
    http-request wait-for-body time 2s at-least 4
    http-request wait-for-body time 2s
    server s1 <s1>
""")
        client = rig.connect()
        client.send(b'POST /test/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n')
        client.send(b'abcde')
        client.send(b'fghi')
        answer = client.response()
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.json()['sha256'], hashlib.sha256(b'abcdefghi').hexdigest())


class Groups(Case):
    ONCE = True

    def test_answers_of_a_group(self):
        rig = self.rig("""
http-errors he
    errorfile 503 <dir>/e503
frontend fe
    bind <fe>
    http-request deny status 503 errorfiles he if { path /a }
    http-request return status 503 errorfiles he if { path /b }
    http-request deny status 404 errorfiles he
""", start=False)
        with open(rig.folder + '/e503', 'w') as file:
            file.write('HTTP/1.1 503 Gone for Lunch\r\nX-Group: he\r\nContent-Length: 2\r\n\r\nhi')
        rig.start()
        for path in ('/a', '/b'):
            answer = rig.get(path)
            self.assertEqual((answer.status, answer.get('x-group'), answer.body), (503, 'he', b'hi'))
        self.assertEqual(rig.get('/c').status, 404)

    def test_errors_that_send_elsewhere(self):
        rig = self.rig(FRONT + """
    errorloc 503 http://elsewhere/
    default_backend be
backend be
    server s1 <dead>
""" + FRONT.replace('fe', 'fe2') + """
    errorloc303 503 /there
    default_backend be
""")
        answer = rig.get('/')
        self.assertEqual((answer.status, answer.get('location')), (302, 'http://elsewhere/'))
        answer = rig.get('/', frontend='fe2')
        self.assertEqual((answer.status, answer.get('location')), (303, '/there'))


class OfTheProcess(Case):

    def test_variables_of_the_process_last_and_are_everybodys(self):
        rig = self.rig(FRONT + """
    http-request set-var(proc.seen) path if { path_beg /set }
    http-request unset-var(proc.seen) if { path /unset }
    http-request set-var(proc.n,ifnotset) int(5) if { path /n }
    http-request return status 200 hdr X-Seen "%[var(proc.seen)]" hdr X-First "%[var(proc.first)]" hdr X-Two "%[var(proc.two)]" hdr X-N "%[var(proc.n)]"
""", globals_='    set-var proc.first str(one)\n    set-var-fmt proc.two "t%[int(2)]"\n')
        answer = rig.get('/')
        self.assertEqual((answer.get('x-first'), answer.get('x-two'), answer.get('x-seen', '')), ('one', 't2', ''))
        rig.get('/set1')
        self.assertEqual(rig.get('/').get('x-seen'), '/set1')
        rig.get('/set22')
        self.assertEqual(rig.get('/').get('x-seen'), '/set22')
        rig.get('/n')
        self.assertEqual(rig.get('/').get('x-n'), '5')
        rig.get('/unset')
        self.assertEqual(rig.get('/').get('x-seen', ''), '')


class Line(Case):
    """Who stands before whom while a server is full."""

    def served(self, rule, headers):
        rig = self.rig("""
frontend fe
    bind <fe>
    default_backend be
backend be
    timeout queue 20s
    %s
    server s1 <s1> maxconn 1
""" % rule, globals_='    stats socket <dir>/admin.sock level admin\n', servers={'s1': self.script(self.talk)})
        self.order, self.go, self.begun = [], threading.Semaphore(0), threading.Event()
        threads = []
        for i, value in enumerate(['first'] + headers):
            thread = threading.Thread(target=lambda v=value: rig.get('/%s' % v, [('X-V', v)]))
            thread.start()
            threads.append(thread)
            if i == 0:
                self.assertTrue(self.begun.wait(10))
            else:
                wait_until(lambda: self.queued(rig) == i, 'one more in the queue', pause=0.02)
        for _ in threads:
            self.go.release()
        for thread in threads:
            thread.join()
        return self.order[1:]

    def queued(self, rig):
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(rig.folder + '/admin.sock')
            admin.sendall(b'show stat\n')
            text = b''
            while piece := admin.recv(65536):
                text += piece
        rows = [line.split(',') for line in text.decode().splitlines() if line.startswith(('#', 'be,'))]
        numbers = {row[1]: dict(zip(rows[0], row)) for row in rows[1:]}
        return int(numbers['BACKEND']['qcur'] or 0) + (int(numbers['s1']['qcur'] or 0))

    def talk(self, sock, number):
        while True:
            head = read_head(sock)
            if not head:
                return
            self.order.append(head.split(b' ')[1].decode()[1:])
            self.begun.set()
            self.go.acquire()
            sock.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')

    def test_a_lower_class_is_served_before(self):
        self.assertEqual(self.served('http-request set-priority-class hdr(x-v)', ['3', '1', '2', '-1', '1']),
                         ['-1', '1', '1', '2', '3'])

    def test_an_offset_is_as_if_one_had_come_then(self):
        self.assertEqual(self.served('http-request set-priority-offset hdr(x-v)', ['60000', '-60000', '0']),
                         ['-60000', '0', '60000'])

    def test_without_them_who_came_first_is_first(self):
        self.assertEqual(self.served('', ['3', '1', '2']), ['3', '1', '2'])


@penstock_only('its own texts')
class Complaints(Case):
    ONCE = True

    def test_what_is_wrong_is_told(self):
        for line, text in (('auth realm', "'auth' expects a realm here"),
                           ('early-hint Link', "'early-hint' expects the field's value here"),
                           ('early-hint Content-Length 5', 'says where the message ends'),
                           ('normalize-uri', "'normalize-uri' expects a normalizer"),
                           ('normalize-uri path-merge-slash', "did you mean 'path-merge-slashes'?"),
                           ('normalize-uri path-strip-dot full', "'full' is not understood behind 'normalize-uri'"),
                           ('set-src bool(1)', "'bool' is no address"),
                           ('set-src-port', "'set-src-port' expects a sample here"),
                           ('set-tos 256', "'256' is no number from 0 to 255"),
                           ('set-mark 0xg', "'0xg' is no number from 0 to 4294967295"),
                           ('set-nice five', "'five' is no number from -1024 to 1024"),
                           ('set-priority-class', "'set-priority-class' expects a sample here"),
                           ('wait-for-body', "'wait-for-body' expects 'time' and how long"),
                           ('wait-for-body time x', "'x' is no time"),
                           ('wait-for-body time 1s at-least x', "'x' is no size"),
                           ('set-var(proc.) int(1)', "the variable 'proc.' has no name behind its scope"),
                           ('use-service mine', "there is no service 'mine'")):
            code, said = check(FRONT.replace('<fe>', ':0') + '    mode http\n    timeout client 1s\n    http-request %s\n' % line)
            self.assertEqual(code, 1, line)
            self.assertIn(text, said, line)


@unittest.skipIf(IS_HAPROXY or not shutil.which('haproxy'), 'needs the program and HAProxy beside it')
class AsHaproxy(Case):
    """Random inputs through both programs."""
    ONCE = True

    def both(self, text, **options):
        server = self.script(answer_kept)
        rigs = []
        for program in (PROGRAM, 'haproxy'):
            rig = Rig(text, servers={'s1': server}, program=program, nbthread=1, **options)
            self.addCleanup(rig.close)
            rigs.append(rig)
        return rigs

    def test_uris_are_normalized_alike(self):
        # Behind a condition HAProxy 2.6 takes some of them for others.
        normalizers = ['fragment-encode', 'fragment-strip', 'path-merge-slashes', 'path-strip-dot', 'path-strip-dotdot',
                       'path-strip-dotdot full', 'percent-decode-unreserved', 'percent-decode-unreserved strict',
                       'percent-to-uppercase', 'percent-to-uppercase strict', 'query-sort-by-name']
        names = ['fe%d' % i for i in range(len(normalizers))]
        text = ''.join("""
frontend %s
    bind <%s>
    http-request normalize-uri %s
    http-request return status 200 hdr X-Url "%%[url]"
""" % (name, name, normalizer) for name, normalizer in zip(names, normalizers))
        rigs = self.both(text, globals_=EXPERIMENTAL)
        r = random.Random(11)
        pieces = ['/', '/', '.', '..', '/./', '/../', 'a', 'bc', '%41', '%2e', '%2F', '%zz', '%', '%7e', '%c3%a9', '?',
                  '&', 'a=1', 'b=2', 'a', '=', '~', '//', '%%36%36', '.well-known',
                  '&&', '?&', '&b']
        clients = {}
        for _ in range(2000):
            target = '/' + ''.join(r.choice(pieces) for _ in range(r.randint(0, 9)))
            if r.random() < 0.1:
                target = 'http://mail.contoso.com' + target
            number = r.randrange(len(normalizers))
            answers = []
            for rig in rigs:
                if (rig, number) not in clients:
                    clients[rig, number] = rig.connect(names[number])
                answer = clients[rig, number].get(target)
                answers.append((answer.status, answer.get('x-url')))
                if answer.status != 200:
                    clients.pop((rig, number)).close()
            self.assertEqual(answers[0], answers[1], '%s %s' % (normalizers[number], target))

    def test_keys_name_the_servers_that_haproxy_chooses(self):
        ways = ['uri', 'uri whole', 'uri path-only', 'uri len 4', 'uri depth 1', 'uri depth 2 whole', 'uri len 6 depth 2',
                'url_param a', 'url_param a check_post', 'hdr(x-k)', 'hdr(x-k) use_domain_only', 'source', 'hash hdr(x-k)',
                'hash url_param(a)']
        functions = ['sdbm', 'djb2', 'wt6', 'crc32', 'sdbm avalanche', 'djb2 avalanche', 'wt6 avalanche',
                     'crc32 avalanche']
        names, text = [], FRONT + '    use_backend %[req.hdr(x-b)]\n'
        for i, way in enumerate(ways):
            for j, function in enumerate(functions):
                name = 'b%d_%d' % (i, j)
                names.append((name, way, function))
                text += 'backend %s\n    balance %s\n    hash-type map-based %s\n' % (name, way, function)
                text += '    http-request set-src hdr(x-k)\n    http-response set-header X-S %s\n'
                text += ''.join('    server %s <s1> weight %d\n' % (server, weight)
                                for server, weight in (('a', 1), ('b', 5), ('c', 3), ('d', 2)))
        rigs = self.both(text)
        clients = [rig.connect() for rig in rigs]
        r = random.Random(12)
        letters = 'abcxyz019._-%/'
        for _ in range(1500):
            name, way, function = r.choice(names)
            word = ''.join(r.choice(letters) for _ in range(r.randint(1, 12)))
            key = '10.%d.%d.%d' % (r.randrange(256), r.randrange(256), r.randrange(256)) if way == 'source' else word
            target = '/' + '/'.join(''.join(r.choice('abcdef') for _ in range(r.randint(0, 4)))
                                    for _ in range(r.randint(1, 5)))
            word = r.choice(('', word.replace('/', ''), word[:3] + r.choice('?;=') + word[3:]))
            if way != 'source' and r.random() < 0.1:
                key = ''
            post = way.endswith('check_post') and r.random() < 0.5
            target += '?b=2' if post else r.choice(('?b=2&a=%s&c=3',) * 4 + ('?a=%s', '?b?a=%s', '?b;a=%s', '?b=1&aa=%s', '?a%s')) % word
            if r.random() < 0.1:
                target = 'http://mail.contoso.com' + target
            chosen = []
            for client in clients:
                fields = [('X-K', key), ('X-B', name)]
                if post:
                    client.request('POST', target, fields, body=('c=1&a=%s&d=1' % word).encode())
                    chosen.append(client.response('POST').get('x-s'))
                else:
                    chosen.append(client.get(target, fields).get('x-s'))
            self.assertEqual(chosen[0], chosen[1], '%s, %s: %s %r' % (way, function, target, key))


class Method(Case):

    def test_conditions_see_that_which_the_client_asked_with(self):
        rig = self.rig("""
frontend fe
    bind <fe>
    http-request set-method POST if { path /test/echo }
    http-request return status 201 if METH_POST
    http-request redirect location /%[method] if { path /redirect }
    default_backend be
backend be
    server s1 <s1>
""")
        answer = rig.get('/test/echo')
        self.assertEqual((answer.status, rig.server().log[-1].method), (200, 'POST'))
        self.assertEqual(rig.get('/redirect').get('location'), '/GET')
