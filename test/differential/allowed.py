"""What may differ between the program and HAProxy, each with its reason. Most of it is taken away from both sides before
they are compared, so that nothing else hides behind it; the rest ends the case, since state may differ from there on."""
import re
from collections import namedtuple

Answer = namedtuple('Answer', 'status reason interim fields body trailers end behind')
Asked = namedtuple('Asked', 'server line fields body ended')

COMPRESSED = ('transfer-encoding', 'vary', 'content-encoding')
OLD_REASONS = {'Moved Temporarily': 'Found'}
EVENED, ALLOWED = {}, {}


def evens(reason, kind):
    """A function of (lines, talk, ours, theirs) that gives both without a difference, for parts of this kind."""
    def add(function):
        EVENED[reason] = (kind, function)
    return add


def evens_each(reason, kind):
    """The same for a change of either side by itself."""
    def add(function):
        EVENED[reason] = (kind, lambda lines, talk, ours, theirs: (function(ours), function(theirs)))
    return add


def without(part, *names):
    return part._replace(fields=[(name, value) for name, value in part.fields if name not in names])


def has(part, name, value=''):
    return any(key == name and value in text.lower() for key, text in part.fields)


def is_old(talk):
    return any(part['version'] == '1.0' for part in talk['requests'])


def text(lines):
    return '\n'.join(lines)


@evens_each('pages that are built in have words of their own', Answer)
def _(part):
    empty_page = not part.body and has(part, 'content-type', 'text/html') and has(part, 'cache-control', 'no-cache')
    if not empty_page and not re.match(r'<html><body><h1>\d{3} ', part.body):
        return part
    return without(part, 'content-length')._replace(reason='', body=part.body[:20])


@evens_each('reasons are those of RFC 9110', Answer)
def _(part):
    return part._replace(reason=OLD_REASONS.get(part.reason, part.reason))


@evens_each('blanks between cookies do not matter', Asked)
def _(part):
    return part._replace(fields=[(name, re.sub('; *', ';', value) if name == 'cookie' else value) for name, value in part.fields])


@evens_each('the length has no place', Answer)
def _(part):
    return part._replace(fields=[field for field in part.fields if field[0] != 'content-length'] + [field for field in part.fields if field[0] == 'content-length'])


@evens('a prefix that turns out to be / is none, in a format too', Answer)
def _(lines, talk, ours, theirs):
    slashes = 'redirect' in text(lines) and 'prefix' in text(lines)
    return [part._replace(fields=[(name, value.replace('//', '/', 1) if name == 'location' else value) for name, value in part.fields]) if slashes else part
            for part in (ours, theirs)]


@evens_each('a connection that stays need not say so', Answer)
def _(part):
    return part._replace(fields=[field for field in part.fields if field != ('connection', 'keep-alive')])


@evens('what is of one hop ends there', (Answer, Asked))
def _(lines, talk, ours, theirs):
    hop = any(has(part, name) for part in (ours, theirs) for name in ('keep-alive', 'connection'))
    return [without(part, 'keep-alive', 'connection', 'x-a', 'x-b') if hop else part for part in (ours, theirs)]


@evens_each('HTTP/1.0 is forwarded as HTTP/1.1', Asked)
def _(part):
    return part._replace(line=part.line.replace(' HTTP/1.0', ' HTTP/1.1'))


@evens('HTTP/1.0 knows no chunks and no interim answers', Answer)
def _(lines, talk, ours, theirs):
    return [without(part, 'transfer-encoding', 'connection')._replace(interim=[]) if is_old(talk) else part for part in (ours, theirs)]


@evens('an empty body has a length', Answer)
def _(lines, talk, ours, theirs):
    empty = not ours.body and not theirs.body
    return [without(part, 'transfer-encoding', 'content-length') if empty else part for part in (ours, theirs)]


@evens_each('a complaint about a PROXY header says why', str)
def _(line):
    return re.sub(r'(PROXY protocol header) \(.*\)$', r'\1', line)


@evens('in mode tcp it is chance whether a server that leaves is heard of before what a client still sends', str)
def _(lines, talk, ours, theirs):
    chance = 'mode tcp' in lines and any(part['body'] for part in talk['requests'])
    return [re.sub(r' (--|[SC]D) ', ' <end> ', line) if chance else line for line in (ours, theirs)]


@evens_each('ports of ours in a PROXY header', Asked)
def _(part):
    return part._replace(line=re.sub('^([12]111000c.{16}).{8}', r'\1', part.line))


@evens('the rest of a body is read, what HEAD does not need too, and the connection stays', Answer)
def _(lines, talk, ours, theirs):
    if (ours.end, theirs.end) == ('open', 'closed') and any(part['body'] or part['method'] == 'HEAD' for part in talk['requests']):
        return without(ours, 'connection')._replace(end='closed'), without(theirs, 'connection')
    return ours, theirs


@evens('httpclose of a backend closes behind pages of our own, and so does an answer that cannot be read', Answer)
def _(lines, talk, ours, theirs):
    if (ours.end, theirs.end) == ('closed', 'open') and ('option httpclose' in lines or any(part['cut'] for part in talk['answers'])):
        return without(ours, 'connection')._replace(end='open'), theirs
    return ours, theirs


@evens_each('what compression adds stands behind all else', Answer)
def _(part):
    return without(part, *COMPRESSED)._replace(fields=[field for field in part.fields if field[0] not in COMPRESSED] +
                                               sorted(field for field in part.fields if field[0] in COMPRESSED))


@evens('unique-id-format is of the request as it came, and not cut at 128 bytes', Asked)
def _(lines, talk, ours, theirs):
    changes = re.search('set-|replace-|normalize-', text(lines))
    return [without(part, 'x-unique') if changes else part._replace(fields=[(name, value[:127] if name == 'x-unique' else value) for name, value in part.fields])
            for part in (ours, theirs)]


@evens('the page of a file has a length, and the connection stays', Answer)
def _(lines, talk, ours, theirs):
    if has(theirs, 'content-length') or 'errorfile' not in text(lines):
        return ours, theirs
    return without(ours, 'content-length', 'connection')._replace(end=theirs.end), without(theirs, 'connection')


@evens('replace-value leaves blanks', (Answer, Asked))
def _(lines, talk, ours, theirs):
    replaced = 'replace-value' in text(lines)
    return [part._replace(fields=[(name, re.sub(' *, *', ',', value)) for name, value in part.fields]) if replaced else part for part in (ours, theirs)]


@evens('a target that rules give a name brings its Host', Asked)
def _(lines, talk, ours, theirs):
    new = 'set-uri' in text(lines) and not has(theirs, 'host')
    return without(ours, 'host') if new else ours, theirs


@evens('a line of a log is cut at 1024 bytes, our name among them', str)
def _(lines, talk, ours, theirs):
    long = min(len(ours), len(theirs)) > 900
    return [line[:min(len(ours), len(theirs)) - 1] if long else line for line in (ours, theirs)]


@evens_each('what cannot begin a PROXY header is not waited for', str)
def _(line):
    return re.sub('(Truncated PROXY protocol header received|Received something which does not look like a PROXY protocol header)$',
                  'No PROXY protocol header', line)


@evens('logasap marks what may still grow, and nothing of an answer of our own', str)
def _(lines, talk, ours, theirs):
    return [re.sub(r'\+\d*', '+', line) if 'option logasap' in lines else line for line in (ours, theirs)]


def allows(reason):
    """A function of (kind, lines, talk, ours, theirs): is that the difference?"""
    def add(function):
        ALLOWED[reason] = function
    return add


@allows('what the text of a configuration can be seen to miss is an error')
def _(kind, lines, talk, ours, theirs):
    return kind == 'verdict' and re.search('no map reads|has no content', ours)


@allows('an answer that ends within its head is 502, and if it has not begun GET goes once more')
def _(kind, lines, talk, ours, theirs):
    return theirs == ('nothing', b'') and any(part['cut'] for part in talk['answers'])


@allows('a request that no server has answered is logged')
def _(kind, lines, talk, ours, theirs):
    return kind == 'log' and isinstance(ours, list) and any(part['cut'] == 'nothing' for part in talk['answers'])


@allows('what was an answer without a body has no length of one')
def _(kind, lines, talk, ours, theirs):
    return theirs == ('silence', b'') and 'set-status' in text(lines) and isinstance(ours, Answer) and not ours.body


@allows('a body that ends before its length, or within its last chunk, ends the connection')
def _(kind, lines, talk, ours, theirs):
    return talk is not None and (theirs[:1] == ('silence',) or isinstance(theirs, Answer)) and ours[:1] == ('nothing',) and any(part['cut'] == 'body' for part in talk['answers'])


@allows('unique-id-format is of the request as it came, in logs too')
def _(kind, lines, talk, ours, theirs):
    return kind == 'log' and 'unique-id-format' in text(lines) and re.search('set-|replace-|normalize-', text(lines))


@allows('a target with a blank is none, and cannot be set')
def _(kind, lines, talk, ours, theirs):
    return isinstance(ours, Answer) and ours.status == 500 and re.search(r'set-(path|pathq|uri|query)|replace-(path|pathq|uri)', text(lines))


@allows('the rest of a body that came with others is read, and the next request is answered')
def _(kind, lines, talk, ours, theirs):
    return talk and talk['pipelined'] and isinstance(ours, list) and len(ours) > len(theirs) and any(part['body'] for part in talk['requests'])


@allows('rules of mode tcp find no HTTP in what a client says: what asks for a head has no value, and a warning says so')
def _(kind, lines, talk, ours, theirs):
    return kind != 'verdict' and 'mode tcp' in lines and re.search(r'tcp-request content .*(path_beg|hdr\(|method )|use_backend .*(path_beg|hdr\(|method )', text(lines))


@allows('an answer of our own may ask what the answer in its place had said')
def _(kind, lines, talk, ours, theirs):
    return theirs == ('nothing', b'') and re.search('http-response return .*res.hdrs', text(lines))


@allows('httpclose of a backend closes behind pages of our own')
def _(kind, lines, talk, ours, theirs):
    return talk and talk['pipelined'] and isinstance(ours, list) and 'option httpclose' in lines


@allows('capture cookie reads the request as it came')
def _(kind, lines, talk, ours, theirs):
    return kind == 'log' and 'capture cookie' in text(lines)


@allows('a server is preferred by the option or after 401, whatever became of its connection')
def _(kind, lines, talk, ours, theirs):
    return kind != 'verdict' and ('option prefer-last-server' in lines or any(part['status'][:3] in ('401', '407') for part in talk['answers']))


@allows('redispatch leads away from a server that a hash names')
def _(kind, lines, talk, ours, theirs):
    return kind != 'verdict' and re.search('option redispatch', text(lines)) and re.search('balance (hash|uri|source|url_param|hdr)', text(lines)) and '<dead>' in text(lines)


@allows('a field that Connection names goes before rules are asked about it')
def _(kind, lines, talk, ours, theirs):
    return kind != 'verdict' and re.search('(?i)x-[ab]', text(lines)) and any(
        name == 'Connection' and re.search('(?i)x-[ab]', value) for part in talk['requests'] for name, value in part['fields'])


@allows('a GET of HTTP/1.0 may have a body')
def _(kind, lines, talk, ours, theirs):
    return isinstance(theirs, Answer) and theirs.status == 413 and is_old(talk)


def even(lines, talk, ours, theirs):
    """Both without what may differ."""
    for kind, function in EVENED.values():
        if isinstance(ours, kind) and isinstance(theirs, kind):
            ours, theirs = function(lines, talk, ours, theirs)
    return ours, theirs


def allowed(kind, lines, talk, ours, theirs):
    return any(test(kind, lines, talk, ours, theirs) for test in ALLOWED.values())
