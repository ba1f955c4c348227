"""Random requests, what the origin answers them, and both as bytes."""
import zlib

from configurations import FORMS, HOSTS, PATHS, QUERIES


class Part(dict):
    """A request or an answer: a start line's parts, fields, a body; what is empty has been left away."""

    def copy(self):
        return Part((key, list(value) if isinstance(value, list) else value) for key, value in self.items())


def chunked(body, r_sizes, trailers=''):
    data, at = b'', 0
    for size in r_sizes:
        if body[at:at + size]:
            data += b'%x\r\n%s\r\n' % (len(body[at:at + size]), body[at:at + size])
            at += size
    if body[at:]:
        data += b'%x\r\n%s\r\n' % (len(body[at:]), body[at:])
    return data + b'0\r\n' + trailers.encode() + b'\r\n'


def request(r):
    fields = []

    def maybe(chance, name, *values):
        if r.random() < chance:
            fields.append((name, r.choice(values)))
    maybe(0.6, 'X-A', '1', 'text', '10.0.0.1', '', 'a"b', 'x' * 100, 'UPPER', 'a,b', '::1', ' blank ', 'tab\tin', '%41', 'one two')
    maybe(0.2, 'x-a', '2', 'c1')
    maybe(0.3, 'X-B', 'x', 'y=z', '(a)', '[b]', '\\', '\xe4')
    maybe(0.3, 'X-List', 'a,b', 'a, b ,c', '', ',', 'a,,b', '"a,b",c')
    maybe(0.15, 'X-List', 'b', 'c,d')
    maybe(0.3, 'X-Num', '1', '5', '0', '42', '7')
    maybe(0.2, 'X-Be', 'b', 'a', 'B', 'nope')
    maybe(0.1, 'X-Ip', '10.9.8.7', '::2', 'x')
    maybe(0.2, 'X-Forwarded-For', '1.1.1.1', '10.0.0.1, 2.2.2.2')
    for _ in range(r.choice([0, 0, 1, 1, 2])):
        fields.append(('Cookie', r.choice(['a=1', 'a=1; b=2', 'SRV=c1', 'SRV=c2; a=x', 'a=9; SRV=c3', 'SRV=nope', 'SRV=c1~abc', 'SRV=', 'b="q x"; a=1', 'a=1;SRV=c2;b=3', 'SRV=c1|YgAAA|YgAAA',
                                           'x=; a=', 'SRV=c2~; z=1'])))
    maybe(0.15, 'User-Agent', 'curl/7.88', 'Mozilla/5.0 (X11; "quoted")', '')
    maybe(0.2, 'Accept-Encoding', 'gzip', 'deflate', 'gzip, deflate', 'gzip;q=0', 'identity', '*', 'br')
    maybe(0.08, 'Connection', 'close', 'keep-alive', 'x-a', 'Keep-Alive, X-B')
    maybe(0.05, 'Keep-Alive', 'timeout=5')
    maybe(0.05, 'Authorization', 'Basic YTpi', 'Bearer x')
    maybe(0.03, 'TE', 'trailers')
    maybe(0.03, 'Via', '1.1 x')
    maybe(0.02, 'Max-Forwards', '0')
    maybe(0.03, 'Range', 'bytes=0-1')
    r.shuffle(fields)
    host = r.choice(HOSTS)
    target = r.choice(PATHS) + r.choice(QUERIES)
    if r.random() < 0.05:
        target = 'http://' + host + target
    method = r.choice(['GET'] * 6 + FORMS + ['FOO', 'PROPFIND'])
    if method == 'OPTIONS' and r.random() < 0.3:
        target = '*'
    version = r.choice(['1.1'] * 9 + ['1.0'])
    fields.insert(r.randint(0, len(fields)), ('Host', host))
    if version == '1.0' and r.random() < 0.3:
        fields = [pair for pair in fields if pair[0] != 'Host']
    part = Part(method=method, target=target, version=version, fields=fields, body=b'', sizes=None, expect=False)
    if method in ('POST', 'PUT', 'FOO', 'PROPFIND') or method != 'HEAD' and version == '1.1' and r.random() < 0.05:
        part['body'] = r.choice([b'', b'abc', b'a=1&b=2', b'x' * 5000, bytes(range(256)), b'y' * 40000])
        if version == '1.1' and r.random() < 0.35:
            part['sizes'] = [r.choice([1, 2, 100, 5000]) for _ in range(3)]
            part['trailers'] = r.choice(['', '', 'X-T: 1\r\n'])
        if version == '1.1' and part['body'] and r.random() < 0.1:
            part['expect'] = True
    return part


def wire(part):
    """(head, body) of a request."""
    lines = ['%s %s HTTP/%s' % (part['method'], part['target'], part['version'])] + ['%s: %s' % pair for pair in part['fields']]
    body = part['body']
    if part['sizes'] is not None:
        lines.append('Transfer-Encoding: chunked')
        body = chunked(body, part['sizes'], part['trailers'])
    elif body or part['method'] in ('POST', 'PUT'):
        lines.append('Content-Length: %d' % len(body))
    if part['expect']:
        lines.append('Expect: 100-continue')
    return ('\r\n'.join(lines) + '\r\n\r\n').encode('latin-1'), body


def answer(r):
    status = r.choice(['200 OK'] * 8 + ['404 Not Found', '302 Found', '204 No Content', '304 Not Modified', '503 Busy', '500 Oh', '401 No', '201 Created', '206 Part', '299 Odd Reason', '200',
                                        '405 No', '403 Stop', '502 Bad'])
    fields = []

    def maybe(chance, name, *values):
        if r.random() < chance:
            fields.append((name, r.choice(values)))
    maybe(0.5, 'Server', 'Origin/1', 'Microsoft-IIS/10.0')
    maybe(0.4, 'X-A', '1', 'text', 'a,b', '', 'q"x')
    maybe(0.2, 'X-List', 'a,b', 'b', 'a, b,c')
    maybe(0.1, 'x-list', 'z')
    maybe(0.4, 'Content-Type', 'text/plain', 'text/html; charset=utf-8', 'application/json')
    for _ in range(r.choice([0, 0, 1, 1, 2, 3])):
        fields.append(('Set-Cookie', r.choice(['a=1', 'a=1; Path=/; HttpOnly', 'SRV=own', 'SRV=own; Path=/', 'b=2; Expires=Thu, 01 Jan 1970 00:00:00 GMT', 'SRV=', 'c="x; y"'])))
    maybe(0.1, 'Cache-Control', 'no-cache', 'max-age=5', 'no-transform', 'private', 'public')
    maybe(0.1, 'ETag', '"abc"', 'W/"x"')
    maybe(0.05, 'Location', '/there', 'http://mail.contoso.com/x')
    maybe(0.05, 'Content-Encoding', 'x-own')
    maybe(0.05, 'Connection', 'close', 'keep-alive', 'x-a')
    maybe(0.05, 'Date', 'Thu, 01 Jan 2026 00:00:00 GMT')
    maybe(0.05, 'Vary', 'Accept')
    maybe(0.03, 'Keep-Alive', 'timeout=3')
    maybe(0.03, 'WWW-Authenticate', 'Basic realm="x"')
    r.shuffle(fields)
    framing = r.choice(['length'] * 6 + ['chunked'] * 3 + ['close'])
    interim = r.choice([''] * 20 + ['100', '103', '102'])
    # HAProxy loses the end of a large body behind an interim answer.
    bodies = [b'', b'hello', b'<html>' * 20] if interim else [b'', b'hello', b'0123456789' * 300, b'<html>' * 20, b'z' * 30000]
    return Part(status=status, version=r.choice(['1.1'] * 12 + ['1.0']), fields=fields, framing=framing, interim=interim,
                body=r.choice(bodies), sizes=[r.choice([1, 7, 1000]) for _ in range(2)],
                cut=r.choice([''] * 60 + ['nothing', 'line', 'head', 'body', 'bad', 'silent']))


BAD = [b'HTTP/1.1 2x0 OK\r\n\r\n', b'HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n', b'junk\r\n\r\n', b'HTTP/1.1 200 OK\r\nno colon\r\n\r\n', b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello']


def said(part, method):
    """(bytes of an answer, whether the connection ends behind them)."""
    code, body = part['status'][:3], part['body']
    lines = ['HTTP/%s %s' % (part['version'], part['status'])] + ['%s: %s' % pair for pair in part['fields']]
    bodiless = code in ('204', '304') or method == 'HEAD'
    ends = any(name == 'Connection' and 'close' in value for name, value in part['fields']) or part['version'] == '1.0'
    framing = 'length' if part['version'] == '1.0' and part['framing'] == 'chunked' else part['framing']
    if framing == 'chunked' and code != '204':
        lines.append('Transfer-Encoding: chunked')
        data = chunked(body, part['sizes'])
    else:
        if framing == 'length' and code != '204':
            lines.append('Content-Length: %d' % len(body))
        ends = ends or framing == 'close' and not bodiless
        data = body
    head = ('\r\n'.join(lines) + '\r\n\r\n').encode('latin-1')
    if part['interim']:
        head = b'HTTP/1.1 %s Interim\r\nX-Hint: 1\r\n\r\n' % part['interim'].encode() + head
    whole = head + (b'' if bodiless else data)
    cut = part['cut']
    if cut in ('nothing', 'silent'):
        return b'', cut == 'nothing'
    if cut == 'line':
        return whole[:9], True
    if cut == 'head':
        return head[:-3], True
    if cut == 'body':
        return (whole[:-2], True) if not bodiless and len(whole) > len(head) + 2 else (whole, ends)
    if cut == 'bad':
        return BAD[len(body) % len(BAD)], True
    return whole, ends


def conversation(r, tcp, proxied):
    """What one client says on its connection, and what the origin is to answer."""
    requests = [request(r) for _ in range(r.choice([1, 1, 2, 2, 3]))]
    talk = Part(requests=requests, answers=[answer(r) for _ in range(len(requests) + 3)], pipelined=r.random() < 0.1, proxy=b'', raw=b'')
    if proxied:
        talk['proxy'] = r.choice([b'PROXY TCP4 10.1.1.1 10.2.2.2 1000 2000\r\n', b'PROXY TCP6 2001:db8::1 ::2 1 2\r\n', b'PROXY UNKNOWN\r\n', b'',
                                  b'\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\x01\x01\x01\x0a\x02\x02\x02\x03\xe8\x07\xd0', b'\r\n\r\n\0\r\nQUIT\n\x20\0\0\0'])
    if tcp and r.random() < 0.35:
        talk['raw'] = r.choice([b'RAW hello\r\n', b'RA', b'', b'RAW \x00\x05abcde', b'\x16\x03\x01\x00\x05hello'])
    return talk


def plain(fields, body):
    """A body without the compression that a field tells of."""
    for value in [value for name, value in fields if name == 'content-encoding']:
        try:
            body = zlib.decompress(body, 47 if value == 'gzip' else 15) if value in ('gzip', 'deflate') else body
        except zlib.error:
            return b'not ' + value.encode() + b': ' + body
    return body
