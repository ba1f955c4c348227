#!/usr/bin/env python3
"""The words of HAProxy 2.6 of test/config/grammar.tsv, and what becomes of each.

grammar.py PROGRAM [--write] [--haproxy]

A line of the table is a class of words, a word, a smallest line with it that HAProxy accepts, and a state:

    works    accepted
    warns    accepted, with a warning that says why it has no effect here
    refused  an error that says why
    missing  neither works nor is its reason told: it is still to come

Prints how many lines there are of each state, and the lines whose state is not what the table says; --write puts the
states found into the table, --haproxy tells the lines that HAProxy does not accept.
"""
import argparse
import collections
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TABLE = os.path.join(os.path.dirname(HERE), 'config', 'grammar.tsv')

# What lines name, beside what stands on them.
BEHIND = '''
userlist u
    group g users a
    user a insecure-password b
http-errors he
    errorfile 503 /dev/null
cache c
    total-max-size 4
resolvers r
    nameserver n 127.0.0.1:53
mailers m
    mailer x 127.0.0.1:25
peers pe
    peer local 127.0.0.1:1024
backend b
    server s 127.0.0.1:2
backend bt
    mode tcp
    server s 127.0.0.1:2
backend st
    stick-table type ip size 1k store gpc0,gpc0_rate(10s),gpc1,gpc1_rate(10s),gpt0,conn_cnt,conn_cur,conn_rate(10s),sess_cnt,sess_rate(10s),http_req_cnt,http_req_rate(10s),http_err_cnt,http_err_rate(10s),http_fail_cnt,http_fail_rate(10s),bytes_in_cnt,bytes_in_rate(10s),bytes_out_cnt,bytes_out_rate(10s),server_id
backend sta
    stick-table type ip size 1k store gpc(5),gpc_rate(5,10s),gpt(5)
'''
DEFAULTS = '''
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
'''
# Classes of which each line is judged in a file of its own, since it changes what stands below it.
ALONE = ('global', 'section', 'condition', 'environment')
# Words of `bind` lines that want TLS, and those that want a unix socket.
TLS = ('allow-0rtt', 'alpn', 'ca-sign', 'ciphersuites', 'crt-list', 'generate-', 'no-', 'npn', 'tls-ticket')
UNIX = ('group', 'user')

# What HAProxy wants to be said before it reads some of them.
THEIRS = ['global', '    insecure-fork-wanted', '    external-check', '    expose-experimental-directives']

Row = collections.namedtuple('Row', 'kind word line state')


def rows(path=TABLE):
    with open(path) as file:
        return [Row(*line.rstrip('\n').split('\t')) for line in file if line.strip() and not line.startswith('#')]


def as_written(table):
    """The rows with their lines' ends in place."""
    return [row._replace(line=row.line.replace('\\n', '\n')) for row in table]


def make_files(folder, pem):
    with open(pem) as file:
        certificate = file.read()
    for name, text in {
            'ca.pem': certificate, 'crt.pem': certificate, 'c.pem': certificate, 'x.lua': '', 'case.txt': 'content-type Content-Type\n',
            'crtlist.txt': folder + '/crt.pem\n', 'ticket.keys': ('A' * 64 + '\n') * 3, 'acl.lst': '/a\n', 'm.map': 'a b\n',
            'spoe.cfg': '[eng]\nspoe-agent ag\n    log global\n    option var-prefix x\n    timeout hello 1s\n    timeout idle 1s\n    timeout processing 1s\n'
                        '    use-backend bt\n    groups grp\nspoe-group grp\n    messages ms\nspoe-message ms\n    args a=src\n'}.items():
        with open(os.path.join(folder, name), 'w') as file:
            file.write(text)


def proxy_of(row, number, line):
    """The section that holds the line, and what it needs."""
    is_tcp = 'tcp content' in row.kind + row.word or 'rdp' in line.split(' if ')[0] or row.word in ('payload', 'payload_lv', 'req_rdp_cookie')
    is_tcp = is_tcp and not line.startswith('http-')
    needs, bind, server = [], '', ''
    if row.kind == 'bind':
        bind = line + (' ssl crt FILES/crt.pem' if line.startswith(TLS) else '')
        line = ''
    if row.kind == 'server' and not line.startswith('server '):
        server, line = line, ''
    if row.kind in ('http-check', 'tcp-check'):
        needs.append('option httpchk' if row.kind == 'http-check' else 'option tcp-check')
        server = 'check'
    if row.kind == 'hash-type' or row.word == 'hash-balance-factor':
        needs.append('balance source')
        needs += ['hash-type consistent'] if row.kind != 'hash-type' else []
    if 'spoe' in line and row.word != 'filter spoe':
        needs.append('filter spoe engine eng config FILES/spoe.cfg')
    if row.word in ('filter cache', 'external-check'):
        needs += ['external-check command /bin/true'] if row.word == 'external-check' else []
    if row.word == 'check-proto h2':
        needs.append('option httpchk')
    if 'fcgi' in row.word:
        needs = ['use-fcgi-app fc'] if 'use-fcgi' not in row.word else []
        server = 'proto fcgi'
    where = 'unix@DIR/s%d.sock' % number if bind.startswith(UNIX) else '127.0.0.1:%d' % (3000 + number)
    text = ['fcgi-app fc', '    docroot /tmp'] if 'fcgi' in row.word else []
    if row.word.startswith('disabled'):
        return ['frontend p%d' % number, '    bind %s' % where, '    default_backend q%d' % number, 'backend q%d' % number, '    ' + line,
                '    server s 127.0.0.1:2']
    text += ['listen p%d' % number, '    mode ' + ('tcp' if is_tcp else 'http'), '    bind %s %s' % (where, bind)]
    text += ['    ' + one for one in needs + line.split('\n    ') if one]
    return text + ['    server s 127.0.0.1:2 ' + server]


class Judge:
    def __init__(self, program, folder):
        self.program = program
        self.folder = folder

    def put(self, name, lines):
        path = os.path.join(self.folder, name)
        with open(path, 'w') as file:
            file.write('\n'.join(lines).replace('FILES', self.folder).replace('DIR', self.folder) + '\n')
        return path

    def ask(self, path):
        done = subprocess.run([self.program, '-c', '-f', path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              cwd=self.folder, timeout=120)
        return done.returncode, done.stdout.decode('utf-8', 'backslashreplace')


def lines_of(complaint, path):
    """The numbers of the lines that a complaint is about."""
    first = re.search(r'\[%s:(\d+)' % re.escape(path), complaint)
    return [int(number) for number in ([first.group(1)] if first else []) + [n for also in re.findall(r'in line ((?:\d+, )*\d+)', complaint) for n in also.split(', ')]]


def state_of(complaints):
    state = 'works'
    for complaint in complaints:
        if complaint.startswith('[ALERT'):
            return 'refused' if re.search("' is not offered[.:]", complaint) else 'missing'
        if 'not offered yet' in complaint:
            state = 'missing'
        elif re.search('has no effect|(is|are) left out', complaint) and state == 'works':
            state = 'warns'
    return state


def alone(row):
    """A whole file around a line of `global`, or with a section."""
    line = row.line.split('\n')
    before = []
    if row.kind == 'section':
        return DEFAULTS.split('\n') + ['backend b', '    server s 127.0.0.1:2'] + line + ['frontend fe', '    bind 127.0.0.1:3000', '    default_backend b']
    if 'edge-triggered' in row.line:
        before = ['expose-experimental-directives']
    if row.word == 'zero-warning':
        return ['global', '    zero-warning'] + DEFAULTS.split('\n') + ['frontend fe', '    bind 127.0.0.1:3000', '    http-request deny']
    ring = ['ring myring', '    size 32764'] if '@myring' in row.line else []
    return ['global'] + ['    ' + one for one in before + line] + ring + (DEFAULTS + BEHIND).split('\n') + ['frontend fe', '    bind 127.0.0.1:3000', '    default_backend b']


def states(program, folder, table, jobs=2):
    """The state of each row, and what was said of it."""
    judge = Judge(program, folder)
    found = {}

    def judge_alone(number):
        row = table[number]
        lines = alone(row)
        path = judge.put('alone%d.cfg' % number, lines)
        said = judge.ask(path)[1].split('\n')
        at = [i + 1 for i, line in enumerate(lines) if line.strip() and line.strip() in row.line]
        return number, [c for c in said if c.startswith('[') and set(at) & set(lines_of(c, path))]

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for number, said in pool.map(judge_alone, [n for n, row in enumerate(table) if row.kind in ALONE]):
            found[number] = (state_of(said), said)
    left = [n for n, row in enumerate(table) if row.kind not in ALONE]
    # Errors of the grammar hide those that come later: what has one is taken out, and the rest judged again.
    while left:
        lines = THEIRS if program.endswith('haproxy') else THEIRS[:3]
        lines += (DEFAULTS + BEHIND).split('\n')
        owner = {}
        for number in left:
            for line in proxy_of(table[number], number, table[number].line):
                lines.append(line)
                owner[len(lines)] = number
        path = judge.put('all.cfg', lines)
        said = collections.defaultdict(list)
        for complaint in judge.ask(path)[1].split('\n'):
            if not complaint.startswith('['):
                continue
            for line in lines_of(complaint, path):
                if line in owner:
                    said[owner[line]].append(complaint)
        wrong = [n for n in left if any(c.startswith('[ALERT') for c in said[n])]
        for number in wrong or left:
            found[number] = (state_of(said[number]), said[number])
        left = [n for n in left if n not in found]
    return found


def refused_by_haproxy(folder, table, jobs=2):
    judge = Judge('haproxy', folder)

    def ask(number):
        row = table[number]
        lines = alone(row) if row.kind in ALONE else THEIRS + (DEFAULTS + BEHIND).split('\n') + proxy_of(row, number, row.line)
        code, said = judge.ask(judge.put('theirs%d.cfg' % number, lines))
        return number, code, said
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        return [(table[n], said) for n, code, said in pool.map(ask, range(len(table))) if code not in (0, 2)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('program')
    parser.add_argument('--write', action='store_true')
    parser.add_argument('--haproxy', action='store_true')
    options = parser.parse_args()
    import harness
    table = rows()
    with tempfile.TemporaryDirectory(prefix='grammar.') as folder:
        make_files(folder, harness.certificate('mail'))
        if options.haproxy:
            for row, said in refused_by_haproxy(folder, as_written(table)):
                print(row.kind, row.word, row.line, '\n    ' + '\n    '.join(line for line in said.split('\n') if 'ALERT' in line))
            return
        found = states(os.path.abspath(options.program), folder, as_written(table))
    for number, row in enumerate(table):
        if row.state != found[number][0]:
            print('%s\t%s\t%s -> %s %s' % (row.kind, row.word, row.state, found[number][0], found[number][1][:1]))
    print(dict(collections.Counter(found[n][0] for n in range(len(table)))))
    if options.write:
        with open(TABLE) as file:
            head = [line for line in file if line.startswith('#')]
        with open(TABLE, 'w') as file:
            file.writelines(head)
            for number, row in enumerate(table):
                file.write('\t'.join((row.kind, row.word, row.line, found[number][0])) + '\n')


if __name__ == '__main__':
    sys.exit(main())
