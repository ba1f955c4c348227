"""Random configurations that HAProxy 2.6 takes: each case is one frontend with two backends, or one listen section.

A case is a list of lines that can be left away one by one. `<feN>`, `<s1>` are addresses as in the harness of the
end-to-end tests, `<files>` is a folder with what write_files() makes.
"""
import os
import re

FORMS = ['GET', 'POST', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']
HOSTS = ['mail.contoso.com', 'www.example.com', 'a.b.c', 'Mail.Contoso.COM', 'mail.contoso.com:8080', '10.1.2.3']
PATHS = ['/', '/owa/', '/owa/auth/logon.aspx', '/ews/exchange.asmx', '/api/v1/items', '/static/a.css', '/a%20b', '/A%41/x', '//x//y', '/a/../b',
         '/a;p=1/b', '/x.y.z', '/alive', '/rpc/rpcproxy.dll', '/' + 'long/' * 60, "/it's(ok)!", '/a|b', '/%e4%f6', '/%zz', '/.', '/a/./b', '/index.html']
QUERIES = ['', '', '', '?a=1', '?a=1&b=2', '?a=', '?a', '?b=x&a=y', '?a=%41+b', '?', '?a=1&a=2', '?u=http://x/y', '?b=a=b', '?&&', '?a=3?b=4']
NAMES = ['x-a', 'x-b', 'x-list', 'x-num', 'x-none', 'X-A']


def write_files(folder):
    """Files that configurations name."""
    texts = {
        'hosts.lst': 'mail.contoso.com\n# a comment\n\nwww.example.com\n', 'nets.lst': '127.0.0.0/8\n10.0.0.0/8\n', 'paths.lst': '/owa\n/api/\n',
        'res.lst': '^/owa\n\\.css$\n', 'host.map': 'mail.contoso.com one\nwww.example.com two words\na.b.c 3\n',
        'path.map': '/owa inbox\n/api/v1 versioned\n/ root\n', 'net.map': '127.0.0.1 local\n10.0.0.0/8 inner\n', 're.map': '^/(.*)/ \\1\n^/.*css style\n',
        'num.map': '1 one\n2 two\n5:50 some\n',
        'page.http': 'HTTP/1.1 403 Not For You\r\nContent-Type: text/plain\r\nX-Page: file\r\nContent-Length: 5\r\n\r\nstop\n',
        '503.http': 'HTTP/1.0 503 Away\r\nCache-Control: no-cache\r\nConnection: close\r\nContent-Type: text/html\r\n\r\n<p>away</p>\n',
        'body.txt': 'a body from a file\n', 'body.lf': 'path %[path] host %[req.hdr(host)] status %ST\n', 'empty.map': '',
    }
    for name, text in texts.items():
        with open(os.path.join(folder, name), 'w', newline='') as file:
            file.write(text)


SAMPLES = ['path', 'query', 'url', 'pathq', 'base', 'method', 'req.ver', 'src', 'req.hdr(host)', 'req.hdr(x-a)', 'req.hdr(x-a,1)', 'req.hdr(x-list,-1)', 'req.fhdr(x-list)',
           'req.hdr(x-none)', 'req.hdr_cnt(x-list)', 'req.cook(a)', 'req.cook(b)', 'urlp(a)', 'urlp(b)', 'url_param(a)', 'var(txn.a)', 'var(req.b)', 'var(sess.c)',
           'int(7)', 'str(text)', 'req.hdr(x-num)', 'fe_name', 'capture.req.hdr(0)', 'capture.req.uri', 'capture.req.method', 'sc_http_req_cnt(0)', 'sc_get_gpc0(0)',
           'sc_get_gpt0(0)', 'sc_http_err_cnt(0)', 'sc0_conn_cnt', 'sc_tracked(1)', 'src_http_req_cnt(%(t)s)', 'unique-id', 'req.hdrs,length', 'req.body_size', 'http_first_req']
ANSWERS = ['status', 'res.hdr(x-a)', 'res.hdr(server)', 'res.hdr(x-list)', 'res.fhdr(x-list)', 'res.hdr_cnt(set-cookie)', 'res.cook(a)', 'var(txn.a)', 'var(res.d)',
           'capture.req.uri', 'res.ver', 'str(text)', 'srv_name', 'srv_id', 'be_name', 'capture.res.hdr(0)', 'sc_http_err_cnt(0)', 'var(sess.c)', 'res.hdr(x-none)']
LOGGED = ['var(txn.a)', 'var(sess.c)', 'capture.req.hdr(0)', 'capture.res.hdr(0)', 'capture.req.uri', 'capture.req.method', 'capture.req.ver', 'sc_http_req_cnt(0)', 'sc_get_gpc0(0)',
          'sc_http_err_cnt(0)', 'src', 'fe_name', 'be_name', 'srv_name', 'unique-id', 'str(text)', 'int(7)', 'src_http_req_cnt(%(t)s)']
CONVERTERS = ['lower', 'upper', 'length', 'field(1,.)', 'field(2,/)', 'word(2,/)', 'bytes(1,3)', 'regsub(/,_,g)', 'regsub([a-c],X)', 'url_dec', 'base64', 'crc32', 'sdbm(1)',
              'map(<files>/host.map)', 'map_beg(<files>/path.map,none)', 'map_reg(<files>/re.map)', 'map_regm(<files>/re.map,no)', 'map_ip(<files>/net.map,far)',
              'map_int(<files>/num.map,many)', 'concat(-,txn.a,+)', 'iif(yes,no)', 'host_only', 'ltrim(/)', 'rtrim(/)', 'url_enc', 'hex', 'json(utf8s)', 'strcmp(txn.a)',
              'add(3)', 'mod(4)', 'ipmask(24)', 'sha1,hex', 'xxh32']
CONDITIONS = ['path_beg /owa', 'path_beg -i /OWA /api', 'path_end .css .aspx', 'path_sub x', 'path -f <files>/paths.lst', 'path_beg -f <files>/paths.lst -- /x', 'path_reg ^/[a-c]',
              'path_dir owa', 'path /', 'path -m len gt 5', 'hdr(host) -i mail.contoso.com', 'req.hdr(host) -m str -f <files>/hosts.lst', 'hdr_dom(host) -i contoso.com',
              'hdr_beg(host) mail', 'hdr_end(host) .com', 'req.hdr(host),lower,field(1,:) -m str -i -f <files>/hosts.lst', 'hdr_reg(host) -i ^www', 'req.hdr(x-a) -m found', 'hdr(x-a) 1',
              'hdr_cnt(x-list) gt 1', 'req.hdr(x-list) b', 'req.fhdr(x-list) a,b', 'hdr_val(x-num) ge 5', 'req.hdr(x-num) -m int 1:4', 'method POST PUT', 'method GET HEAD',
              'src 127.0.0.0/8', 'src -f <files>/nets.lst', 'src 10.0.0.1 192.168.0.0/16', 'url_param(a) 1', 'urlp(a) -m found', 'urlp(b) -m beg x', 'cook(a) 1', 'req.cook(b) -m found',
              'req.cook_cnt(a) gt 0', 'always_true', 'always_false', 'METH_GET', 'HTTP_1.0', 'HTTP_1.1', 'TRUE', 'HTTP_URL_ABS', 'HTTP_CONTENT', 'LOCALHOST', 'path,map_beg(<files>/path.map) inbox',
              'req.hdr(host),map(<files>/host.map) -m found', 'path -M -f <files>/path.map', 'var(txn.a) -m found', 'var(txn.a) -m str x text', 'sc_http_req_cnt(0) gt 2', 'src_get_gpc0(%(t)s) gt 0',
              'sc_http_req_rate(0) gt 3', 'nbsrv(%(a)s) ge 1', 'srv_is_up(%(a)s/s1)', 'req.body_size gt 3', 'query -m sub a', 'url_beg http', 'base_beg -i mail', 'int(5) 5',
              'dst_port gt 0', 'str(a),strcmp(txn.a) 0', 'req.ver 1.1', 'req.hdr(x-a) -m ip 10.0.0.0/8', 'req.hdr(x-list,2) -m reg -i ^B', 'url_sub -i A']
RESPONSE_CONDITIONS = ['status 200', 'status 300:599', 'status 404', 'res.hdr(x-a) -m found', 'res.hdr(server) -m sub Or', 'res.hdr_cnt(set-cookie) gt 1', 'var(txn.a) -m found',
                       'res.cook(a) -m found', 'capture.req.uri -m beg /owa', 'res.hdr(x-list) b', 'always_true', 'res.hdr(content-length) -m int gt 3', 'src 127.0.0.1',
                       'res.fhdr(x-list) -m len 3', 'srv_id 1', 'sc_http_req_cnt(0) gt 2', 'var(sess.c) -m found']


class Maker:
    """The words of one case."""

    def __init__(self, r, number):
        self.r, self.number = r, number
        self.names = {'a': 'a%d' % number, 'b': 'b%d' % number, 't': 't%d' % number}
        self.acls = []
        self.captures = [0, 0]
        self.tracks = set()

    def one(self, *texts):
        return self.r.choice(texts)

    def some(self, chance):
        return self.r.random() < chance

    # -- expressions

    def sample(self, answer=False, log=False):
        text = self.r.choice(LOGGED if log else ANSWERS if answer else SAMPLES) % self.names
        for _ in range(self.r.choice([0, 0, 0, 1, 1, 2])):
            text += ',' + self.r.choice(CONVERTERS)
        return text

    def item(self, answer=False):
        if self.some(0.15):
            return '%' + self.one('ci', 'HM', 'HP', 'HQ', 'HV', 'f', 'b', 's', 'fi', 'HU', 'HPO') if not answer else '%' + self.one('ci', 'f', 'b', 's', 'ST', 'HM')
        return '%[' + self.sample(answer) + ']'

    def text(self, answer=False):
        """A quoted format of one word."""
        parts = [self.one('', '', 'x-', '<', 'v=')] + [self.item(answer) for _ in range(self.r.choice([0, 1, 1, 1, 2]))] + [self.one('', '', '>', ' end', '%%')]
        return '"%s"' % (''.join(parts) or 'text')

    def term(self, answer=False):
        if self.acls and not answer and self.some(0.5):
            return self.one('', '', '!') + self.r.choice(self.acls)
        text = self.r.choice(RESPONSE_CONDITIONS if answer else CONDITIONS) % self.names
        bare = ' ' not in text and '(' not in text and text.isupper()
        return self.one('', '', '', '!', '! ' if not bare else '!') + (text if bare else '{ %s }' % text)

    def condition(self, answer=False, always=0.35):
        if self.some(always):
            return ''
        terms = [self.term(answer)]
        while self.some(0.3):
            terms.append(self.one('', 'or ', '|| ') + self.term(answer))
        return ' ' + self.one('if', 'if', 'if', 'unless') + ' ' + ' '.join(terms)

    def field(self):
        return self.one('X-One', 'X-Two', 'x-a', 'X-B', 'X-List', 'X-Num', 'Cache-Control')

    # -- rules

    def reply(self, deny=False):
        """What return and deny may say."""
        r = self.r
        word = 'deny_status' if deny else 'status'
        text = ' %s %s' % (word, r.choice([200, 400, 403, 404, 405, 410, 413, 425, 429, 500, 501, 502, 503, 504] if deny else [200, 201, 204, 302, 404, 418, 503]))
        kind = r.choice(['', '', 'string', 'lf-string', 'file', 'lf-file', 'errorfile', 'default', 'errorfiles'])
        if kind in ('string', 'lf-string'):
            text += ' content-type text/plain %s %s' % (kind, '"some text"' if kind == 'string' else self.text())
        elif kind in ('file', 'lf-file'):
            text += ' content-type "text/x; a=b" %s <files>/body.%s' % (kind, 'txt' if kind == 'file' else 'lf')
        elif kind == 'errorfile':
            text = ' %s 403 errorfile <files>/page.http' % word
        elif kind == 'errorfiles':
            text = ' %s 403 errorfiles pages' % word
        elif kind == 'default':
            text = ' %s %s default-errorfiles' % (word, r.choice([403, 404, 500]))
        if not kind.startswith('errorfile') and kind != 'default':
            for _ in range(r.choice([0, 0, 1, 2])):
                text += ' hdr %s %s' % (self.field(), self.text())
        return text

    def redirect(self):
        r = self.r
        text = r.choice(['location /new', 'location "https://%[req.hdr(host)]%[path]"', 'prefix /pre', 'prefix https://b.example', 'scheme https', 'prefix /', 'prefix "/%[req.hdr(x-a)]"',
                         'location "/x?%[query]"', 'scheme "%[str(http)]"', 'location %[req.hdr(x-none)]', 'prefix ""'])
        if text.endswith('""'):
            text = 'prefix /p'
        for word in ('code %d' % r.choice([301, 302, 303, 307, 308]), 'drop-query', 'append-slash', 'set-cookie ' + r.choice(['seen', 'seen=1']), 'clear-cookie ' + r.choice(['a', 'a=']),
                     'ignore-empty'):
            if self.some(0.2):
                text += ' ' + word
        return text

    def change(self, answer=False):
        """Rules about fields and variables, which every rule set of messages has."""
        name, r = self.field(), self.r
        scope = self.one('txn.a', 'txn.a', 'sess.c', 'res.d' if answer else 'req.b')
        return r.choice([
            lambda: 'add-header %s %s' % (name, self.text(answer)), lambda: 'set-header %s %s' % (name, self.text(answer)), lambda: 'del-header ' + name,
            lambda: 'del-header x- -m beg', lambda: 'del-header -b -m end', lambda: 'del-header ^x-[ab]$ -m reg', lambda: 'del-header list -m sub',
            lambda: 'replace-header %s (.*) "\\1+%s"' % (name, self.item(answer)), lambda: 'replace-header %s ^([^,]*),(.*)$ \\2,\\1' % name, lambda: 'replace-value %s ^a "<\\0>"' % name,
            lambda: 'replace-value %s [bc] z' % name, lambda: 'set-var(%s) %s' % (scope, self.sample(answer)),
            lambda: 'set-var-fmt(%s) %s' % (scope, self.text(answer)), lambda: 'unset-var(%s)' % scope, lambda: 'strict-mode ' + self.one('on', 'off'),
            lambda: 'set-header Set-Cookie "n=%s; Path=/"' % self.item(answer) if answer else 'set-header Cookie "a=%s"' % self.item()])()

    def request_rule(self, backend=False):
        r = self.r
        if self.some(0.45):
            return 'http-request ' + self.change() + self.condition()
        # Of a path, but for the folder of a file that it names.
        target = re.sub('"|<(?!files>)|(?<!<files)>| end', '', self.text())
        rule = r.choice([
            lambda: 'set-path "/new%[path]"', lambda: 'set-path "/%s"' % target, lambda: 'set-query "%s"' % target.replace('%%', ''), lambda: 'set-pathq "/q%[pathq]"',
            lambda: 'set-uri "/u%[path]?%[query]"', lambda: 'set-uri "http://other.example%[path]"', lambda: 'replace-path ^/owa(.*) /mail\\1', lambda: 'replace-path /(.) /-\\1',
            lambda: 'replace-pathq (.*)\\?(.*) \\1?z=1&\\2', lambda: 'replace-uri ^/(.*) /r/\\1', lambda: 'set-method ' + self.one('PUT', 'GET', 'POST', 'FOO'),
            lambda: 'redirect ' + self.redirect(), lambda: 'redirect ' + self.redirect(), lambda: 'return' + self.reply(), lambda: 'deny' + self.one('', self.reply(True)),
            lambda: 'tarpit' + self.one('', ' deny_status 429'), lambda: 'allow', lambda: 'reject', lambda: 'auth' + self.one('', ' realm "A B"'),
            lambda: 'set-log-level ' + self.one('err', 'silent', 'notice'), lambda: 'set-map(<files>/empty.map) %[path] %[method]', lambda: 'del-map(<files>/empty.map) %[path]',
            lambda: 'set-var(txn.m) path,map(<files>/empty.map,none)',
            lambda: 'normalize-uri ' + self.one('path-merge-slashes', 'path-strip-dot', 'path-strip-dotdot', 'query-sort-by-name', 'percent-to-uppercase', 'percent-decode-unreserved',
                                                'fragment-strip', 'path-strip-dotdot full'),
            lambda: 'set-src req.hdr(x-ip)', lambda: 'set-timeout server 5s' if backend else 'set-header X-T 5', lambda: 'early-hint Link "<%s>; rel=x"' % self.item(),
            lambda: 'wait-for-body time 200ms at-least 3', lambda: 'disable-l7-retry', lambda: 'sc-inc-gpc0(0)', lambda: 'sc-inc-gpc1(0)', lambda: 'sc-set-gpt0(0) ' + self.one('5', 'int(7)'),
            lambda: self.track('src'), lambda: self.track('path'), lambda: self.track('req.hdr(host),lower'), lambda: self.capture(), lambda: self.capture(),
            lambda: 'set-priority-class int(1)', lambda: 'set-src-port int(99)'])()
        ends = rule.split()[0] in ('return', 'deny', 'redirect', 'tarpit', 'reject', 'allow', 'auth')
        return 'http-request ' + rule + self.condition(always=0.03 if ends else 0.4)

    def track(self, what):
        number = self.r.choice([0, 0, 1, 2])
        return 'track-sc%d %s table t%d' % (number, what, self.number)

    def capture(self):
        if self.captures[0] and self.some(0.5):
            return 'capture %s id %d' % (self.sample(), self.r.randrange(self.captures[0]))
        return 'capture %s len %d' % (self.sample(), self.r.choice([4, 20]))

    def response_rule(self, after=False):
        r = self.r
        words = 'http-after-response ' if after else 'http-response '
        if self.some(0.6) or after and self.some(0.7):
            return words + self.change(True) + self.condition(True)
        rule = 'set-status ' + self.one('200', '418', '503 reason "Not now"', '404 reason Gone', '299') if after or self.some(0.3) else r.choice([
            lambda: 'return' + self.reply().replace('req.', 'res.').replace('%HQ', 'q'), lambda: 'deny' + self.one('', ' deny_status 500', ' deny_status 404'), lambda: 'allow',
            lambda: 'redirect location /moved', lambda: 'set-log-level err', lambda: 'sc-inc-gpc0(0)', lambda: 'capture res.hdr(x-a) id %d' % r.randrange(self.captures[1]) if self.captures[1] else 'allow',
            lambda: 'redirect location "/at?%[status]" code 303'])()
        ends = rule.split()[0] in ('return', 'deny', 'redirect', 'allow')
        return words + rule + self.condition(True, always=0.03 if ends else 0.4)

    # -- other lines

    def log_format(self):
        r = self.r
        words = ['%ci', '%f', '%b', '%s', '%ST', '%ts', '%tsc', '%CC', '%CS', '%hr', '%hs', '%hrl', '%hsl', '"%r"', '%HM', '%HP', '%HPO', '%HQ', '%HU', '%HV', '%ID', '%rc', '%{+Q}r', '%{+X}ST',
                 '%{+Q}HP', '%{+E}r', '%{+E}hr', 'T%Tw', 'T%Tc', 'T%Tr', 'T%Ta', 'T%TR', 'T%Tq', 'T%Td', 'T%Tt', 'T%Th', 'T%Ti', '%ft', '%fi', '%si', '%sq', '%bq', '%{+Q}CC', '%sslv', '%sslc',
                 '%[var(txn.a)]', '%{+Q}[var(txn.a)]']
        chosen = [r.choice(words) for _ in range(r.randint(2, 9))]
        chosen += ['%' + self.one('', '', '{+Q}', '{+E}') + '[' + self.sample(log=True) + ']' for _ in range(r.choice([0, 1, 2]))]
        return "log-format '%s'" % ' '.join(chosen)

    def forwardfor(self):
        text = 'option forwardfor'
        for word in ('except ' + self.one('127.0.0.0/8', '10.0.0.1'), 'header ' + self.one('X-Client', 'X-Forwarded-For'), 'if-none'):
            if self.some(0.25):
                text += ' ' + word
        return text

    def both_options(self):
        """Lines that frontends, listen sections and backends have."""
        return [self.one(*texts) for chance, texts in (
            (0.3, [self.forwardfor()]), (0.15, ['option http-server-close', 'option httpclose', 'option http-keep-alive']), (0.1, ['option http-buffer-request']),
            (0.1, ['errorfile 403 <files>/page.http', 'errorfile 503 <files>/503.http', 'errorfiles pages', 'errorloc 403 /sorry', 'errorloc303 503 /away', 'errorfiles pages 403']),
            (0.12, ['http-error status 403 content-type text/plain lf-string "%[path] no" hdr X-Why "%[src]"', 'http-error status 503 errorfile <files>/503.http',
                    'http-error status 404 content-type text/plain string none', 'http-error status 400 content-type text/x file <files>/body.txt']),
            (0.08, ['compression algo gzip', 'compression algo deflate gzip', 'compression algo identity']), (0.05, ['option http-no-delay', 'option tcpka', 'option http-pretend-keepalive'])) if self.some(chance)]

    def frontend_options(self):
        return [self.one(*texts) for chance, texts in (
            (0.3, ['option dontlognull']), (0.1, ['option http-ignore-probes']), (0.1, ['option dontlog-normal']), (0.1, ['option log-separate-errors']), (0.1, ['monitor-uri /alive']),
            (0.2, ['unique-id-format %[req.hdr(host)]-%ci', 'unique-id-format %{+X}o%ci_%[path]']), (0.1, ['option http-use-proxy-header']),
            (0.05, ['option socket-stats', 'option tcp-smart-accept', 'option splice-auto']), (0.05, ['option logasap']), (0.1, ['capture cookie a len 5', 'capture cookie SRV len 20']),
            (0.1, ['monitor fail if { nbsrv(%s) lt 1 }' % self.names['a']])) if self.some(chance)]

    def cookie(self):
        text = 'cookie SRV ' + self.one('insert', 'insert', 'rewrite', 'prefix', '')
        if 'insert' in text:
            text += self.one('', ' indirect', ' indirect nocache', ' nocache', ' postonly', ' preserve', ' indirect preserve')
            text += self.one('', '', ' maxidle 1h', ' maxlife 10h', ' maxidle 1h maxlife 2h')
        elif 'prefix' in text:
            text += self.one('', ' indirect', ' nocache')
        elif 'rewrite' in text:
            text += self.one('', ' nocache')
        if text != 'cookie SRV ':
            text += self.one('', '', ' httponly', ' secure', ' httponly secure', ' domain .contoso.com', ' attr SameSite=Strict')
        return text.rstrip()

    def backend_lines(self, front=False):
        r = self.r
        lines = [] if front else self.both_options()
        if self.some(0.6):
            lines.append('balance ' + self.one('roundrobin', 'static-rr', 'leastconn', 'first', 'source', 'uri', 'uri depth 1', 'uri len 5', 'uri whole', 'uri path-only', 'url_param a',
                                               'hdr(host)', 'hdr(x-a)', 'hdr(host) use_domain_only', 'url_param a check_post', 'hash req.hdr(x-a)', 'hash path,lower'))
            if self.some(0.4):
                lines.append('hash-type map-based' + self.one('', ' sdbm', ' djb2', ' crc32', ' wt6', ' djb2 avalanche', ' sdbm avalanche'))
        cookie = self.some(0.4)
        if cookie:
            lines.append(self.cookie())
        lines += [self.one(*texts) for chance, texts in (
            (0.3, ['option redispatch', 'option redispatch 1', 'no option redispatch']), (0.3, ['retries 0', 'retries 1', 'retries 2']),
            (0.15, ['retry-on conn-failure empty-response', 'retry-on 503 404', 'retry-on all-retryable-errors', 'retry-on none']), (0.2, ['http-reuse ' + self.one('never', 'safe', 'always', 'aggressive')]),
            (0.1, ['option prefer-last-server']), (0.08, ['option allbackups']), (0.05, ['option abortonclose']), (0.05, ['option persist', 'no option persist']),
            (0.15, ['stick on src table t%d' % self.number, 'stick on req.cook(a) table u%d' % self.number, 'stick store-response res.cook(a) table u%d' % self.number,
                    'stick match req.hdr(x-a) table u%d' % self.number, 'stick store-request req.hdr(x-a) table u%d' % self.number])) if self.some(chance)]
        for _ in range(r.choice([0, 0, 1, 2])):
            lines.append(self.request_rule(True))
        for _ in range(r.choice([0, 0, 1, 2])):
            lines.append(self.response_rule())
        if self.some(0.2):
            lines.append(self.response_rule(True))
        if self.some(0.1):
            lines.append('fullconn 100')
        count = r.choice([1, 1, 2, 3])
        for number in range(1, count + 1):
            if self.some(0.12):
                lines.append('use-server s%d' % number + self.condition(always=0))
        # Of unequal weights roundrobin has an order of its own.
        weights = [' weight 1', ' weight 2', ' weight 10'] if re.search('balance (?!roundrobin)', ' '.join(lines)) else ['']
        for number in range(1, count + 1):
            lines.append('server s%d %s' % (number, '<dead>' if self.some(0.08) else '<s%d>' % number) + (' cookie c%d' % number if cookie and self.some(0.9) else '') +
                         self.one('', '', '', '', r.choice(weights), ' backup', ' disabled', ' send-proxy', ' send-proxy-v2', ' id %d' % (number * 7)))
        return lines

    def http_case(self):
        r, n = self.r, self.number
        listen = self.some(0.2)
        lines = [('listen' if listen else 'frontend') + ' fe%d' % n, 'bind <fe%d>%s' % (n, ' accept-proxy' if self.some(0.1) else '')]
        if self.some(0.7):
            lines.append(self.log_format())
        lines += self.frontend_options() + self.both_options()
        if any(line.startswith('unique-id') for line in lines) and self.some(0.6):
            lines.append('unique-id-header X-Unique')
        for _ in range(r.choice([0, 0, 1, 2])):
            lines.append(self.one('capture request header %s len %d' % (self.one('Host', 'x-a', 'x-none', 'X-List', 'User-Agent'), self.r.choice([3, 30])), 'declare capture request len 8'))
            self.captures[0] += 1
        for _ in range(r.choice([0, 0, 1])):
            lines.append(self.one('capture response header %s len %d' % (self.one('Server', 'x-a', 'Set-Cookie', 'Location'), self.r.choice([3, 30])), 'declare capture response len 6'))
            self.captures[1] += 1
        for number in range(r.choice([0, 1, 2, 3])):
            name = 'k%d' % number
            lines.append('acl %s %s' % (name, r.choice(CONDITIONS[:50]) % self.names if number != 2 or 'METH' in name else r.choice(['path_beg /x', 'hdr(x-a) -m found'])))
            lines[-1] = lines[-1] if not lines[-1].split()[2].isupper() else 'acl %s always_true' % name
            self.acls.append(name)
        if self.some(0.3):
            lines.append(self.one('tcp-request connection track-sc0 src table t%d' % n, 'tcp-request session track-sc0 src table t%d' % n, 'tcp-request content track-sc0 src table t%d' % n,
                                  'tcp-request connection accept if LOCALHOST', 'tcp-request content set-var(sess.c) src',
                                  'http-request track-sc0 src table t%d' % n))
        for _ in range(r.choice([0, 1, 2, 3, 4])):
            lines.append(self.request_rule())
        for _ in range(r.choice([0, 0, 1, 2])):
            lines.append(self.response_rule())
        for _ in range(r.choice([0, 0, 0, 1, 2])):
            lines.append(self.response_rule(True))
        if self.some(0.1):
            lines.append('redirect ' + self.redirect() + self.condition(always=0))
        if not listen:
            if self.some(0.3):
                lines.append(self.one('use_backend b%d' % n + self.condition(always=0), 'use_backend %%[req.hdr(x-be),lower]%d' % n + self.condition()))
            lines.append('default_backend a%d' % n)
        else:
            lines += self.backend_lines(True)
        acls, self.acls, self.captures = self.acls, [], [0, 0]
        for name in 'ab' if not listen else 'b':
            if name == 'b' and not any('use_backend' in line for line in lines) and not listen:
                continue
            lines.append('backend %s%d' % (name, n))
            lines += self.backend_lines()
        if listen:
            lines += ['backend a%d' % n, 'server s1 <s1>']
        self.acls = acls
        lines += ['backend t%d' % n, 'stick-table type ip size 100 expire 10m store gpc0,gpc1,gpt0,http_req_cnt,http_err_cnt,conn_cnt,http_req_rate(10m),conn_cur' if not any(
            'table t%d' % n in line and ('path' in line or 'host' in line) for line in lines) else
            'stick-table type string len 40 size 100 expire 10m store gpc0,gpc1,gpt0,http_req_cnt,http_err_cnt,conn_cnt,http_req_rate(10m)',
            'backend u%d' % n, 'stick-table type string len 20 size 100 expire 10m']
        return lines

    def tcp_case(self):
        r, n = self.r, self.number
        lines = ['frontend fe%d' % n, 'mode tcp', 'bind <fe%d>%s' % (n, ' accept-proxy' if self.some(0.3) else '')]
        lines.append(self.one('option tcplog', "log-format '%ci %f %b %s %ts %rc T%Tw T%Tc %hr %[var(sess.c)]'", "log-format '%ci %b/%s %ts %[src] %[sc_conn_cnt(0)]'"))
        lines += [self.one(*texts) for chance, texts in ((0.3, ['option dontlognull']), (0.1, ['option dontlog-normal'])) if self.some(chance)]
        tests = ['req.payload(0,3) -m str GET', 'req.payload(0,4) -m beg POST RAW', 'req.len gt 10', 'req.proto_http', 'HTTP', 'src 127.0.0.1', 'req.payload(0,0) -m sub owa', 'path_beg /owa',
                 'hdr(host) -i mail.contoso.com', 'method GET', 'req.payload_lv(0,1) -m found', 'always_true', 'src -f <files>/nets.lst', 'req.payload(0,2),hex -m str 4745', 'WAIT_END',
                 'req_ssl_hello_type 1', 'src 10.0.0.0/8']
        test = lambda: (lambda text: ' if ' + self.one('', '!') + (text if text in ('HTTP', 'WAIT_END') else '{ %s }' % text))(r.choice(tests))
        early = lambda: ' if ' + self.one('', '!') + '{ %s }' % self.one('src 127.0.0.1', 'src -f <files>/nets.lst', 'src 10.0.0.0/8', 'dst_port gt 0')
        lines.append('tcp-request inspect-delay 150ms')
        for _ in range(r.choice([0, 0, 1])):
            lines.append('tcp-request ' + self.one('connection', 'session') + ' ' + self.one('reject', 'accept', 'track-sc0 src table t%d' % n, 'set-var(sess.c) src') + early())
        for _ in range(r.choice([0, 1, 2, 3])):
            lines.append('tcp-request content ' + self.one('accept', 'accept', 'reject', 'track-sc0 src table t%d' % n, 'set-var(sess.c) req.payload(0,3)', 'capture req.payload(0,4) len 4',
                                                           'set-var(txn.a) req.len', 'set-src src') + test())
        if self.some(0.3):
            lines.append('use_backend b%d' % n + test())
        lines.append('default_backend a%d' % n)
        for name in 'ab':
            lines += ['backend %s%d' % (name, n), 'mode tcp', 'tcp-request inspect-delay 150ms']
            lines += [self.one(*texts) for chance, texts in (
                (0.4, ['balance roundrobin', 'balance source', 'balance leastconn', 'balance first']), (0.3, ['option redispatch', 'retries 0', 'retries 1']),
                (0.15, ['stick on src table t%d' % n]), (0.15, ['tcp-request content reject' + test(), 'tcp-request content accept' + test()]),
                (0.15, ['tcp-response content accept', 'tcp-response content reject if { res.payload(0,4) -m str NOPE }', 'tcp-response content close if { res.len gt 100000 }'])) if self.some(chance)]
            for number in range(1, r.choice([1, 1, 2, 3]) + 1):
                lines.append('server s%d %s' % (number, '<dead>' if self.some(0.1) else '<s%d>' % number) + self.one('', '', '', ' send-proxy', ' send-proxy-v2', ' backup'))
        lines += ['backend t%d' % n, 'stick-table type ip size 100 expire 10m store conn_cnt,conn_cur,bytes_in_cnt,gpc0']
        return lines


def make(r, number):
    maker = Maker(r, number)
    return maker.tcp_case() if r.random() < 0.12 else maker.http_case()


COMMON = """
http-errors pages
    errorfile 403 <files>/page.http
    errorfile 503 <files>/503.http
frontend feend
    bind <feend>
    log-format END
    http-request return status 200
"""


def text_of(cases):
    """(the configuration of these cases, which (case, line) each line of it is)."""
    lines, owners = COMMON.strip().split('\n'), {}
    for number, some in cases:
        for index, line in enumerate(some):
            lines.append(line if line.split()[0] in ('frontend', 'backend', 'listen') else '    ' + line)
            owners[len(lines)] = (number, index)
    return '\n'.join(lines) + '\n', owners
