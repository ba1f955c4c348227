"""Routing and rules: acl, use_backend, http-request, http-response and what goes with them."""
import os
import re
import signal
import socket

from harness import Case, Client, Rig, Shared, reset, wait_until

ACLS = """
frontend fe
    bind <fe>
    acl a_path path /exact /exact2
    acl a_path_i path -i /ExactI
    acl a_beg path_beg -i /begin
    acl a_end path_end -i .htm
    acl a_dir path_dir -i middle
    acl a_reg path_reg -i ^/re[0-9]+$
    acl a_sub path_sub inner
    acl a_host hdr(host) -i host.contoso.com
    acl a_hostbeg hdr_beg(host) -i autod
    acl a_hostend hdr_end(host) -i .fabrikam.com
    acl a_hdr hdr(x-test) one two
    acl a_hdrreg hdr_reg(x-reg) ^v[0-9]$
    acl a_hdrsub hdr_sub(user-agent) Outlook
    acl a_count hdr_cnt(x-many) ge 2
    acl a_found req.hdr(x-there) -m found
    acl a_len hdr_len(x-len) gt 4
    acl a_method method PUT DELETE
    acl a_src src 10.0.0.0/8 127.0.0.0/8
    acl a_src2 src 127.0.0.2
    acl a_port dst_port 1
    acl a_var var(txn.word) -m str yes
    acl a_many path /many1
    acl a_many path /many2
    acl a_ssl ssl_fc
    acl a_dash hdr(x-dash) -- -i
    acl a_file path -f <dir>/paths.lst
    acl a_query query -m sub needle
    acl a_urlp urlp(k) -m str v
    http-request set-var(txn.word) hdr(x-word)
    http-request return status 201 if a_path
    http-request return status 202 if a_path_i
    http-request return status 203 if a_beg a_end
    http-request return status 204 if a_dir
    http-request return status 205 if a_reg
    http-request return status 206 if a_sub
    http-request return status 207 if a_host
    http-request return status 208 if a_hostbeg || a_hostend
    http-request return status 209 if a_hdr
    http-request return status 210 if a_hdrreg or a_hdrsub
    http-request return status 211 if a_count
    http-request return status 212 if a_found
    http-request return status 213 if a_len
    http-request return status 214 if a_method a_src
    http-request return status 215 if { path /braces } { method GET }
    http-request return status 216 if { path /braces } !{ method GET }
    http-request return status 217 if a_src2 !a_ssl
    http-request return status 218 if a_var
    http-request return status 219 if a_many
    http-request return status 220 if a_dash
    http-request return status 221 if a_file
    http-request return status 222 if a_query
    http-request return status 223 if a_urlp
    http-request return status 224 unless { path_beg /rest }
    http-request return status 225 if a_port OR a_ssl
    http-request return status 226
"""


class Acls(Shared):
    ONCE = True
    CONFIG = ACLS

    @classmethod
    def setUpClass(cls):
        cls.r = Rig(cls.CONFIG, start=False)
        with open(os.path.join(cls.r.folder, 'paths.lst'), 'w') as file:
            file.write('# a comment\n/from-file\n\n/also-from-file\n')
        cls.r.start()

    def status(self, path, fields=(), method='GET', **options):
        with Client(self.r.addresses['fe'], **options) as client:
            return client.request(method, path, fields).response(method).status

    def test_path_criteria(self):
        for path, wanted in (
                ('/exact', 201), ('/exact2?x=1', 201), ('/EXACT', 224), ('/exact/', 224),
                ('/exacti', 202), ('/BEGIN/x.HTM', 203), ('/beginning.htm?y', 203),
                ('/begin/x.html', 224), ('/a/Middle/b', 204), ('/middle', 204), ('/amiddle', 224),
                ('/re123', 205), ('/RE1', 205), ('/re', 224), ('/x/inner/y', 206), ('/x/INNER', 224),
                ('/many1', 219), ('/many2', 219), ('/from-file', 221), ('/also-from-file', 221),
                ('/# a comment', 400), ('/rest', 226), ('/none', 224)):
            self.assertEqual(self.status(path), wanted, path)

    def test_host_criteria(self):
        for host, wanted in (('HOST.contoso.com', 207), ('Autodiscover.contoso.com', 208),
                             ('a.FABRIKAM.com', 208), ('fabrikam.com', 224),
                             ('host.contoso.com.evil', 224)):
            self.assertEqual(self.status('/x', [('Host', host)]), wanted, host)

    def test_field_criteria(self):
        for fields, wanted in (
                ([('X-Test', 'two')], 209), ([('x-test', 'zero, one')], 209), ([('X-Test', 'One')], 224),
                ([('X-Reg', 'v7')], 210), ([('X-Reg', 'v77')], 224),
                ([('User-Agent', 'Microsoft Outlook 16')], 210),
                ([('X-Many', 'a'), ('X-Many', 'b')], 211), ([('X-Many', 'a, b')], 211),
                ([('X-Many', 'a')], 224), ([('X-There', '')], 212), ([('X-Len', '12345')], 213),
                ([('X-Len', '1234')], 224), ([('X-Word', 'yes')], 218), ([('X-Word', 'no')], 224),
                ([('X-Dash', '-i')], 220)):
            self.assertEqual(self.status('/x', fields), wanted, fields)

    def test_method_braces_negation_and_source(self):
        self.assertEqual(self.status('/x', method='PUT'), 214)
        self.assertEqual(self.status('/braces'), 215)
        self.assertEqual(self.status('/braces', method='POST'), 216)
        self.assertEqual(self.status('/x', source='127.0.0.2'), 217)

    def test_query_criteria(self):
        self.assertEqual(self.status('/x?hay=needle'), 222)
        self.assertEqual(self.status('/needle?hay'), 224)
        self.assertEqual(self.status('/x?a=b&k=v'), 223)
        self.assertEqual(self.status('/x?a=b&k=w'), 224)


class Requests(Shared):
    ONCE = True
    CONFIG = """
frontend fe
    bind <fe>
    option forwardfor
    unique-id-format %{+X}o\\ %ci:%cp_%fi:%fp_%Ts_%rt:%pid
    unique-id-header X-Unique-ID
    http-request deny if { path /deny }
    http-request deny deny_status 404 if { path /deny404 }
    http-request deny deny_status 429 content-type text/plain string "slow down" if { path /deny429 }
    http-request redirect scheme https code 301 if { path_beg /scheme }
    http-request redirect location /owa/ code 302 if { path / }
    http-request redirect prefix https://other.contoso.com code 307 if { path_beg /prefix }
    http-request redirect prefix /new drop-query code 308 if { path_beg /drop }
    http-request redirect location /cookie/ set-cookie SEEN=1 if { path /cookie }
    http-request redirect location /append-slash append-slash if { path /never }
    http-request redirect location https://%[hdr(host)]/log-format if { path /format }
    redirect scheme https if { path /old-style }
    http-request return status 200 content-type "text/plain; charset=utf-8" string "hello" if { path /return }
    http-request return status 200 content-type text/plain lf-string "%[method] %[path] %[hdr(host),lower]" if { path /return-lf }
    http-request return status 200 content-type text/plain hdr X-One 1 hdr X-Two "%[path]" string x if { path /return-hdr }
    http-request set-header X-Set "%[src] %[dst_port]"
    http-request set-header X-Replaced new
    http-request add-header X-Added two
    http-request del-header X-Deleted
    http-request del-header (?i)^x-del- -m reg
    http-request replace-header X-Sub ^a(.*)z$ [\\1]
    http-request replace-value X-List b(.) c\\1
    http-request set-var(txn.host) hdr(host),lower
    http-request set-header X-Host %[var(txn.host)]
    http-request set-path /test/head if { path /rewritten }
    http-request set-path /test%[path] if { path_beg /head/ }
    http-request replace-path ^/api/v1/(.*)$ /test/head/\\1
    http-request set-query a=b if { path /test/head/query }
    http-request set-method PUT if { path /test/head/method }
    http-response set-header X-Answer "%[status]"
    http-response add-header X-FEServer second
    http-response del-header X-Gone
    http-response replace-header Set-Cookie ^(cadata.*)$ '\\1; secure'
    http-response deny if { status 418 }
    http-response set-status 203 reason Changed if { status 222 }
    default_backend be
backend be
    server s1 <s1>
"""

    def head(self, path='/test/head', fields=(), **options):
        return self.r.get(path, fields, **options).body.decode('latin-1')

    def sent(self, path='/test/head', fields=(), **options):
        """The fields as the server got them, names in lower case."""
        lines = self.head(path, fields, **options).split('\r\n')[1:-2]
        return [(name.lower(), value.strip()) for name, _, value in
                (line.partition(':') for line in lines)]

    def values(self, name, *arguments, **options):
        return [value for key, value in self.sent(*arguments, **options) if key == name]

    def test_deny(self):
        for path, status in (('/deny', 403), ('/deny404', 404), ('/deny429', 429)):
            answer = self.r.get(path)
            self.assertEqual(answer.status, status)
        self.assertEqual(answer.body, b'slow down')
        self.assertEqual(self.r.server().counters['requests'], 0)

    def test_a_denied_request_may_be_followed_by_another(self):
        client = self.connect()
        self.assertEqual(client.get('/return').status, 200)
        self.assertEqual(client.get('/return').status, 200)

    def test_redirects(self):
        for path, status, location in (
                ('/scheme/a?b=c', 301, 'https://mail.contoso.com/scheme/a?b=c'),
                ('/', 302, '/owa/'), ('/?x=y', 302, '/owa/'),
                ('/prefix/a?b', 307, 'https://other.contoso.com/prefix/a?b'),
                ('/drop/a?b', 308, '/new/drop/a'), ('/cookie', 302, '/cookie/'),
                ('/format', 302, 'https://mail.contoso.com/log-format'),
                ('/old-style', 302, 'https://mail.contoso.com/old-style')):
            answer = self.r.get(path)
            self.assertEqual((answer.status, answer.get('location')), (status, location), path)
        self.assertTrue(self.r.get('/cookie').get('set-cookie', '').startswith('SEEN=1'))

    def test_return(self):
        answer = self.r.get('/return')
        self.assertEqual((answer.status, answer.body, answer.get('content-type')),
                         (200, b'hello', 'text/plain; charset=utf-8'))
        answer = self.r.get('/return-lf', [('Host', 'MAIL.Contoso.com')])
        self.assertEqual(answer.body, b'GET /return-lf mail.contoso.com')
        answer = self.r.get('/return-hdr')
        self.assertEqual((answer.get('x-one'), answer.get('x-two')), ('1', '/return-hdr'))

    def test_request_headers(self):
        fields = [('X-Replaced', 'old'), ('X-Replaced', 'older'), ('X-Added', 'one'),
                  ('X-Deleted', 'x'), ('x-deleted', 'y'), ('X-Del-Too', 'z'), ('X-Sub', 'abcz'),
                  ('X-Sub', 'keep'), ('X-List', 'b1, x, b2')]
        sent = self.sent('/test/head', fields)

        def values(name):
            return [value for key, value in sent if key == name]
        self.assertEqual(values('x-replaced'), ['new'])
        self.assertEqual(values('x-added'), ['one', 'two'])
        self.assertEqual(values('x-deleted'), [])
        self.assertEqual(values('x-del-too'), [])
        self.assertEqual(values('x-sub'), ['[bc]', 'keep'])
        self.assertEqual(re.sub(' ', '', ','.join(values('x-list'))), 'c1,x,c2')
        port = self.r.addresses['fe'][1]
        self.assertEqual(values('x-set'), ['127.0.0.1 %d' % port])
        self.assertEqual(values('x-host'), ['mail.contoso.com'])

    def test_paths_queries_and_methods_are_rewritten(self):
        self.assertTrue(self.head('/rewritten?q=1').startswith('GET /test/head?q=1 HTTP/1.1\r\n'))
        self.assertTrue(self.head('/head/x').startswith('GET /test/head/x HTTP/1.1\r\n'))
        self.assertTrue(self.head('/api/v1/x/y?z').startswith('GET /test/head/x/y?z HTTP/1.1\r\n'))
        self.assertTrue(self.head('/test/head/query?old').startswith(
            'GET /test/head/query?a=b HTTP/1.1\r\n'))
        self.assertTrue(self.head('/test/head/method').startswith('PUT /test/head/method '))

    def test_forwardfor_adds_a_field_of_its_own(self):
        self.assertEqual(self.values('x-forwarded-for', '/test/head',
                                     [('X-Forwarded-For', '1.2.3.4')]), ['1.2.3.4', '127.0.0.1'])

    def test_unique_id(self):
        one, two = (self.values('x-unique-id')[0] for _ in range(2))
        self.assertRegex(one, r'^7F000001:[0-9A-F]+_7F000001:[0-9A-F]+_[0-9A-F]+_[0-9A-F]+:[0-9A-F]+$')
        self.assertNotEqual(one, two)

    def test_response_headers(self):
        answer = self.r.get('/test/set?X-Gone=1&X-Stay=2&Set-Cookie=cadata%3Dx%3B%20path%3D/'
                            '&Set-Cookie=other%3D1')
        self.assertIsNone(answer.get('x-gone'))
        self.assertEqual(answer.get('x-stay'), '2')
        self.assertEqual(answer.get('x-answer'), '200')
        self.assertEqual(answer.all('x-feserver'), ['EX01', 'second'])
        self.assertEqual(answer.all('set-cookie'), ['cadata=x; path=/; secure', 'other=1'])

    def test_response_deny_and_status(self):
        self.assertEqual(self.r.get('/test/status/418').status, 502)
        answer = self.r.get('/test/status/222')
        self.assertEqual((answer.status, answer.reason), (203, 'Changed'))


class Redirects(Shared):
    """Every form of `redirect`, by http-request and by itself."""
    ONCE = True
    CONFIG = """
frontend fe
    bind <fe>
%s
    http-request redirect location /dropped drop-query append-slash if { path /loc }
    http-request redirect prefix / if { path /same }
    http-request redirect prefix https://b.contoso.com drop-query append-slash code 301 if { path_beg /slash }
    http-request redirect prefix https://b.contoso.com append-slash if { path_beg /kept }
    http-request redirect scheme https drop-query if { path /clear }
    http-request redirect location %%[hdr(x-to)] ignore-empty if { path /maybe }
    http-request redirect location /c set-cookie SEEN if { path /cookie-name }
    http-request redirect location /c set-cookie SEEN=1 if { path /cookie-value }
    http-request redirect location /c clear-cookie SEEN if { path /clear-name }
    http-request redirect location /c clear-cookie SEEN= if { path /clear-value }
    http-request return status 204 if { path /maybe }
    redirect prefix https://old.contoso.com code 308 clear-cookie ID= if { path_beg /old }
    redirect location /%%[hdr(x-to)] if { path /plain }
""" % '\n'.join('    http-request redirect location /to-%d code %d if { path /code%d }' % (n, n, n)
                for n in (301, 302, 303, 307, 308))

    def target(self, path, fields=()):
        """(status, where to) of an answer, which is one that a client may cache if it may."""
        answer = self.r.get(path, fields)
        self.assertEqual(answer.get('content-length'), '0')
        self.assertEqual(answer.get('cache-control'),
                         None if answer.status in (301, 308) else 'no-cache')
        return answer.status, answer.get('location')

    def test_every_code_of_the_manual_is_sent(self):
        for code in (301, 302, 303, 307, 308):
            self.assertEqual(self.target('/code%d' % code), (code, '/to-%d' % code))

    def test_a_prefix_goes_before_path_and_query(self):
        self.assertEqual(self.target('/same?a=b'), (302, '/same?a=b'))
        self.assertEqual(self.target('/old/a?b'), (308, 'https://old.contoso.com/old/a?b'))

    def test_drop_query_and_append_slash(self):
        for path, status, location in (
                ('/slash?a=b', 301, 'https://b.contoso.com/slash/'),
                ('/slash/?a=b', 301, 'https://b.contoso.com/slash/'),
                ('/slash/x', 301, 'https://b.contoso.com/slash/x/'),
                ('/kept?a=b', 302, 'https://b.contoso.com/kept?a=b/'),     # Without drop-query.
                ('/loc?a=b', 302, '/dropped'),
                ('/clear?a=b', 302, 'https://mail.contoso.com/clear')):
            self.assertEqual(self.target(path), (status, location), path)

    def test_a_location_that_comes_out_empty_is_passed_over_where_asked(self):
        self.assertEqual(self.target('/maybe', [('X-To', '/there')]), (302, '/there'))
        self.assertEqual(self.r.get('/maybe').status, 204)

    def test_cookies_are_set_and_cleared(self):
        for path, cookie in (('/cookie-name', 'SEEN; path=/;'), ('/cookie-value', 'SEEN=1; path=/;'),
                             ('/clear-name', 'SEEN; path=/; Max-Age=0;'),
                             ('/clear-value', 'SEEN=; path=/; Max-Age=0;'),
                             ('/old', 'ID=; path=/; Max-Age=0;')):
            self.assertEqual(self.r.get(path).all('set-cookie'), [cookie], path)

    def test_a_redirect_line_of_its_own_takes_its_text_as_it_stands(self):
        self.assertEqual(self.target('/plain', [('X-To', 'x')]), (302, '/%[hdr(x-to)]'))


class OwnAnswers(Case):
    """deny, return and tarpit in all forms; http-after-response."""
    ONCE = True
    TEXT = """
frontend fe
    bind <fe>
    timeout tarpit 50ms
%s
    default_backend be
backend be
    retries 0
    server s1 <dead>
"""
    FORMS = (
        # What stands behind the status; the type and body of the answer.
        ('content-type text/plain string "a %[src] b"', 'text/plain', b'a %[src] b'),
        ('content-type text/plain lf-string "a %[src] b"', 'text/plain', b'a 127.0.0.1 b'),
        ('content-type text/html file <dir>/page', 'text/html', b'page %[src]\n'),
        ('content-type text/html lf-file <dir>/page', 'text/html', b'page 127.0.0.1\n'),
    )

    def answers(self, lines, path='/x'):
        rig = self.rig(self.TEXT % lines, start=False)
        with open(rig.folder + '/page', 'w') as file:
            file.write('page %[src]\n')
        with open(rig.folder + '/whole.http', 'w') as file:
            file.write('HTTP/1.1 403 Closed\r\nX-Whole: yes\r\nContent-Length: 6\r\n\r\nclosed')
        rig.start()
        self.log = rig.log
        return rig.get(path)

    def test_deny_return_and_tarpit_say_what_they_are_told_to(self):
        for action, status, letters in (('deny deny_status 429', 429, 'PR'),
                                        ('return status 418', 418, 'LR'),
                                        ('tarpit deny_status 429', 429, 'PT')):
            for form, kind, body in self.FORMS:
                with self.subTest(action=action, form=form):
                    answer = self.answers('    http-request %s %s hdr X-One "is %%[method]" hdr X-Two 2'
                                          % (action, form))
                    self.assertEqual((answer.status, answer.get('content-type'), answer.body),
                                     (status, kind, body))
                    self.assertEqual((answer.get('x-one'), answer.get('x-two')), ('is GET', '2'))
                    self.log.wait(r' %d \d+ - - %s-- ' % (status, letters))

    def test_deny_without_a_body_has_the_page_of_its_status(self):
        answer = self.answers('    http-request deny deny_status 404')
        self.assertEqual(answer.status, 404)
        self.assertIn(b'404 Not Found', answer.body)

    def test_deny_may_send_a_whole_file(self):
        for before, words in (('', 'errorfile <dir>/whole.http'),
                              ('errorfile 403 <dir>/whole.http', 'default-errorfiles')):
            with self.subTest(words=words):
                answer = self.answers('    %s\n    http-request deny deny_status 403 %s' % (before, words))
                self.assertEqual((answer.status, answer.get('x-whole'), answer.body),
                                 (403, 'yes', b'closed'))

    def test_http_after_response_sees_our_own_answers_too(self):
        for line, path, status in (('http-request deny if { path /deny }', '/deny', 403),
                                   ('http-request return status 200 if { path /return }', '/return', 200),
                                   ('redirect location / if { path /redirect }', '/redirect', 302),
                                   ('monitor-uri /alive', '/alive', 200),
                                   ('option forwardfor', '/dead', 503)):
            with self.subTest(path=path):
                answer = self.answers('    %s\n    http-after-response set-header X-After "%%[status]"'
                                      % line, path)
                self.assertEqual((answer.status, answer.get('x-after')), (status, str(status)))

    def test_http_after_response_sees_answers_of_servers(self):
        rig = self.rig(self.TEXT.replace('<dead>', '<s1>') % """
    http-after-response set-header X-After front
    http-after-response del-header X-Gone""")
        answer = rig.get('/test/set?X-Gone=1')
        self.assertEqual((answer.status, answer.get('x-after'), answer.get('x-gone')), (200, 'front', None))


class ForwardFor(Case):
    ONCE = True
    TEXT = """
frontend fe
    bind <fe>
    %s
    default_backend be
backend be
    server s1 <s1>
"""

    def values(self, option, fields=(), name='x-forwarded-for', **options):
        rig = self.rig(self.TEXT % option)
        with Client(rig.addresses['fe'], **options) as client:
            got = client.get('/test/echo', fields).json()['fields']
        return [value for key, value in got if key.lower() == name]

    def test_if_none(self):
        self.assertEqual(self.values('option forwardfor if-none', [('X-Forwarded-For', '1.2.3.4')]),
                         ['1.2.3.4'])
        self.assertEqual(self.values('option forwardfor if-none'), ['127.0.0.1'])

    def test_except(self):
        self.assertEqual(self.values('option forwardfor except 127.0.0.0/8'), [])
        self.assertEqual(self.values('option forwardfor except 10.0.0.0/8'), ['127.0.0.1'])

    def test_header(self):
        self.assertEqual(self.values('option forwardfor header X-Client', name='x-client'),
                         ['127.0.0.1'])

    def test_an_ipv6_client_is_named_without_brackets(self):
        rig = self.rig(self.TEXT.replace('<fe>', '<fe> accept-proxy') % 'option forwardfor except 2001:db8:1::/48')
        for source, named in (('2001:db8::7', ['2001:db8::7']), ('2001:db8:1::7', [])):
            with Client(rig.addresses['fe']) as client:
                client.send('PROXY TCP6 %s 2001:db8::1 4711 443\r\n' % source)
                got = client.get('/test/echo').json()['fields']
                self.assertEqual([value for name, value in got if name == 'X-Forwarded-For'], named)

    def test_a_client_cannot_forge_it_when_it_is_deleted_first(self):
        self.assertEqual(self.values(
            'option forwardfor if-none\n    http-request del-header X-Forwarded-For',
            [('X-Forwarded-For', '6.6.6.6')]), ['127.0.0.1'])


class Errors(Case):
    ONCE = True
    TEXT = """
frontend fe
    bind <fe>
    %s
    http-request deny if { path /deny }
    default_backend be
backend be
    server s1 <dead>
    retries 0
"""

    def test_errorfile_is_sent_as_it_is(self):
        rig = self.rig(self.TEXT % 'errorfile 503 <dir>/503.http', start=False)
        raw = (b'HTTP/1.0 503 Sorry\r\nCache-Control: no-cache\r\nConnection: close\r\n'
               b'Content-Type: text/html\r\nX-Page: mine\r\n\r\n<html>back soon</html>\n')
        with open(rig.folder + '/503.http', 'wb') as file:
            file.write(raw)
        rig.start()
        answer = rig.get('/x')
        self.assertEqual((answer.status, answer.get('x-page')), (503, 'mine'))
        self.assertEqual(answer.body, b'<html>back soon</html>\n')

    def test_http_error_replaces_an_answer_of_ours(self):
        rig = self.rig(self.TEXT % 'http-error status 403 content-type text/plain string "go away"')
        answer = rig.get('/deny')
        self.assertEqual((answer.status, answer.body), (403, b'go away'))

    def test_our_own_answers_are_complete_and_short(self):
        rig = self.rig(self.TEXT % '')
        for path, status in (('/deny', 403), ('/x', 503)):
            client = rig.connect()
            answer = client.get(path)
            self.assertEqual(answer.status, status)
            self.assertLess(len(answer.body), 1000)
            self.assertIsNotNone(answer.get('content-length'))

    def test_monitor_uri_answers_for_itself(self):
        rig = self.rig(self.TEXT % 'monitor-uri /alive')
        client = rig.connect()
        self.assertEqual(client.get('/alive').status, 200)
        self.assertEqual(rig.get('/alive2').status, 503)

    def test_monitor_fail_tells_the_truth(self):
        rig = self.rig(self.TEXT % 'monitor-uri /alive\n    monitor fail if { nbsrv(be) lt 2 }')
        self.assertEqual(rig.get('/alive').status, 503)


class Backends(Case):

    def test_use_backend_takes_the_first_that_fits(self):
        rig = self.rig("""
frontend fe
    bind <fe>
    use_backend b1 if { path_beg /test/server/1 }
    use_backend b2 if { path_beg /test/server }
    use_backend b3
backend b1
    server s1 <s1>
backend b2
    server s2 <s2>
backend b3
    server s3 <s3>
""")
        client = rig.connect()
        self.assertEqual(client.get('/test/server/1').body, b'EX01')
        self.assertEqual(client.get('/test/server/2').body, b'EX02')
        self.assertEqual(client.get('/test/whoami').body.split()[1], b'EX03')

    def test_a_backend_name_may_be_computed(self):
        rig = self.rig("""
frontend fe
    bind <fe>
    use_backend bk_%[hdr(x-pool),lower]
    default_backend bk_none
backend bk_one
    server s1 <s1>
backend bk_two
    server s2 <s2>
backend bk_none
    http-request deny deny_status 404
""")
        self.assertEqual(rig.get('/test/server', [('X-Pool', 'ONE')]).body, b'EX01')
        self.assertEqual(rig.get('/test/server', [('X-Pool', 'two')]).body, b'EX02')
        self.assertEqual(rig.get('/test/server', [('X-Pool', 'three')]).status, 404)

    def test_rules_of_the_backend_follow_those_of_the_frontend(self):
        rig = self.rig("""
frontend fe
    bind <fe>
    http-request set-header X-Order front
    default_backend be
backend be
    http-request add-header X-Order back
    http-response set-header X-Where back
    server s1 <s1>
""")
        answer = rig.get('/test/echo')
        orders = [v for k, v in answer.json()['fields'] if k.lower() == 'x-order']
        self.assertEqual((orders, answer.get('x-where')), (['front', 'back'], 'back'))

    def test_no_server_and_no_backend_is_503(self):
        rig = self.rig('frontend fe\n    bind <fe>\n    default_backend be\nbackend be\n')
        self.assertEqual(rig.get('/').status, 503)
        rig.log.wait(r' be/<NOSRV> .* 503 ')


class GoneAtOnce(Case):
    """Clients that have reset their connection before the program looks at it: it is stopped meanwhile."""
    CLIENTS = 20

    def blind(self, rig, name='fe'):
        """Sends requests of such clients; their ports."""
        process = rig.process
        process.send_signal(signal.SIGSTOP)

        def stopped():
            with open('/proc/%d/stat' % process.pid) as file:
                return file.read().rsplit(')', 1)[1].split()[0] == 'T'
        wait_until(stopped, 'the program to stop')
        ports = []
        for number in range(self.CLIENTS):
            sock = socket.create_connection(rig.addresses[name])
            ports.append(sock.getsockname()[1])
            sock.sendall(b'POST /blind%d HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n' % number)
            reset(sock)
        process.send_signal(signal.SIGCONT)
        return ports

    def served_only(self, rig, path='/seen'):
        """True if the server has had no request but this one."""
        with Client(rig.addresses['feopen']) as client:
            client.get(path)
        return rig.server().targets() == [path]

    TEXT = """
frontend fe
    bind <fe>
    option forwardfor
    %s
    default_backend be
frontend feopen
    bind <feopen>
    default_backend be
backend be
    server s1 <s1>
"""

    def test_a_rule_about_the_source_denies_them_and_the_log_has_their_address(self):
        rig = self.rig(self.TEXT % 'http-request deny if { src 127.0.0.0/8 }')
        for port in self.blind(rig):
            rig.log.wait(r'127\.0\.0\.1:%d .* fe/<NOSRV> .* PR--' % port)
        self.assertTrue(self.served_only(rig))

    def test_their_connections_are_rejected_by_their_source(self):
        for rule in ('connection', 'content'):
            rig = self.rig(self.TEXT % 'tcp-request %s reject if { src 127.0.0.0/8 }' % rule)
            self.blind(rig)
            self.assertTrue(self.served_only(rig))

    def test_what_the_server_is_told_of_them_is_their_address(self):
        rig = self.rig(self.TEXT % 'http-request set-header X-Port %[src_port]')
        ports = self.blind(rig)
        with Client(rig.addresses['feopen']) as client:
            client.get('/seen')
        for entry in list(rig.server().log):
            if entry.target != '/seen':
                self.assertIn(b'X-Forwarded-For: 127.0.0.1', entry.head)
                self.assertIn(int(re.search(rb'X-Port: (\d+)', entry.head).group(1)), ports)

    def test_in_mode_tcp_too(self):
        rig = self.rig("""
listen fe
    bind <fe>
    mode tcp
    tcp-request content reject if { src 127.0.0.0/8 }
    server s1 <s1>
listen feopen
    bind <feopen>
    server s1 <s1>
""")
        self.blind(rig)
        self.assertTrue(self.served_only(rig))
