#!/usr/bin/env python3
"""Random configurations and requests, carried out by the program and by HAProxy beside one recording origin:
differential.py PROGRAM [--requests N] [--seed N] [--first N] [--jobs N] shows what clients, the origin or the log see otherwise,
each as small as it can be made. What may differ is ALLOWED, with a reason each.
"""
import argparse
import concurrent.futures
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), 'e2e')]
sys.dont_write_bytecode = True

import configurations  # noqa: E402
import conversations  # noqa: E402
import harness  # noqa: E402
from allowed import Answer, Asked, allowed, even  # noqa: E402

CASES = 10          # In one configuration.
DEFAULTS = """global
    log <log> local0
    nbthread 1
    expose-experimental-directives
defaults
    mode http
    log global
    option httplog
    timeout connect 60ms
    timeout client 10s
    timeout server 500ms
    timeout tarpit 20ms
    timeout queue 1s
"""


class Origin:
    """Servers that record what they are asked and answer what they have been told to."""

    def __init__(self):
        self.seen, self.answers = [], []
        self.lock = threading.Lock()
        self.servers = {name: harness.Script(lambda sock, number, name=name: self.talk(sock, name)) for name in ('s1', 's2', 's3')}

    def expect(self, answers):
        with self.lock:
            self.seen, self.answers = [], list(answers)

    def next(self, name, *what):
        """Writes down what was asked, and says what to answer."""
        with self.lock:
            self.seen.append((name,) + what)
            return self.answers.pop(0) if self.answers else None

    def talk(self, sock, name):
        data, proxy, first = b'', b'', True
        while True:
            while b'\r\n\r\n' not in data and not (first and re.match(rb'RAW|[\x16]', data) and len(data) > 8):
                more = sock.recv(65536)
                if not more:
                    if data:
                        self.next(name, data, b'', 'ended')
                    return
                data += more
            proxy, data = self.proxy(data, sock) if first else (proxy, data)
            first = False
            if data[:3] == b'RAW' or data[:1] == b'\x16':
                self.next(name, proxy + data, b'', 'raw')
                sock.sendall(b'echo ' + data)
                return
            while b'\r\n\r\n' not in data:
                more = sock.recv(65536)
                if not more:
                    return
                data += more
            head, _, data = data.partition(b'\r\n\r\n')
            if re.search(rb'(?i)\r\nexpect:', head):
                sock.sendall(b'HTTP/1.1 100 Continue\r\n\r\n')
            body, data, ended = self.body(sock, head, data)
            part = self.next(name, proxy + head, body, ended)
            method = head.split(b' ')[0].decode('latin-1')
            text, ends = conversations.said(part, method) if part else (b'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmore'[:-4 if method == 'HEAD' else None], False)
            sock.sendall(text)
            if ends:
                return

    @staticmethod
    def proxy(data, sock):
        """A PROXY header as a text, and what follows it."""
        if data.startswith(b'\r\n\r\n\0\r\nQUIT\n'):
            while len(data) < 16 or len(data) < 16 + int.from_bytes(data[14:16], 'big'):
                data += sock.recv(65536)
            size = 16 + int.from_bytes(data[14:16], 'big')
            return data[12:size].hex().encode() + b' ', data[size:]
        if data.startswith(b'PROXY '):
            line, _, data = data.partition(b'\r\n')
            return line + b' ', data
        return b'', data

    @staticmethod
    def body(sock, head, data):
        """(body, what follows it, how it ended)."""
        def more():
            piece = sock.recv(65536)
            if not piece:
                raise EOFError
            return piece
        body = b''
        try:
            if re.search(rb'(?i)\r\ntransfer-encoding: *chunked', head):
                while True:
                    while b'\r\n' not in data:
                        data += more()
                    size, _, data = data.partition(b'\r\n')
                    size = int(size.partition(b';')[0], 16)
                    while len(data) < size + 2:
                        data += more()
                    if not size:
                        break
                    body, data = body + data[:size], data[size + 2:]
                while data[:2] != b'\r\n':
                    line, _, data = data.partition(b'\r\n')
                    body += b' trailer ' + line.lower()
                return body, data[2:], 'whole'
            length = re.search(rb'(?i)\r\ncontent-length: *(\d+)', head)
            length = int(length.group(1)) if length else 0
            while len(data) < length:
                data += more()
            return data[:length], data[length:], 'whole'
        except EOFError:
            return body + data, b'', 'cut'

    def close(self):
        for server in self.servers.values():
            server.close()


class Side:
    """One program under a configuration, with an origin of its own."""

    def __init__(self, program, text, folder):
        self.origin = Origin()
        self.rig = harness.Rig(DEFAULTS + text.replace('<files>', folder), servers=self.origin.servers, bare=True, program=program)
        self.names = {str(address[1]): '<%s>' % name for name, address in self.rig.addresses.items()}
        self.names.update({str(server.port): '<%s>' % name for name, server in self.origin.servers.items()})
        self.names[str(self.rig.dead.getsockname()[1])] = '<dead>'
        self.marks = 0

    def close(self):
        self.rig.servers = {}
        self.origin.close()
        self.rig.close()

    def begin(self, number, talk):
        """Carries a conversation out: what its client was answered."""
        self.taken = len(self.rig.log.lines)
        self.origin.expect(talk['answers'])
        self.ports = []
        return list(self.answers(number, talk))

    def client(self, number, talk):
        client = harness.Client(self.rig.addresses['fe%d' % number])
        self.ports.append(str(client.socket.getsockname()[1]))
        client.socket.settimeout(3)
        return client.send(talk['proxy'])

    def answers(self, number, talk):
        client = None
        if talk['raw'] or not talk['requests']:
            with self.client(number, talk) as client:
                try:
                    client.send(talk['raw']).half_close()
                    yield 'raw', client.rest()
                except OSError:
                    yield 'raw', b''
            return
        try:
            waiting = list(talk['requests'])
            if talk['pipelined']:
                client = self.client(number, talk)
                client.send(b''.join(b''.join(conversations.wire(part)) for part in waiting))
            for part in waiting:
                client = client or self.client(number, talk)
                answer, closed = self.ask(client, part, not talk['pipelined'])
                yield answer
                if closed:
                    client.close()
                    client = None
                    if talk['pipelined']:
                        return
        finally:
            if client:
                client.close()

    def ask(self, client, part, send):
        """(what was answered, whether the connection is over)."""
        try:
            if send:
                head, body = conversations.wire(part)
                client.send(head)
                if part['expect']:
                    client.socket.settimeout(0.2)
                    try:
                        client._fill()
                    except AssertionError:
                        pass
                    client.socket.settimeout(3)
                client.send(body)
        except OSError:
            pass
        try:
            answer = client.response(part['method'])
        except (harness.Cut, OSError):
            return ('nothing', client.buffer[:300]), True
        except AssertionError as error:
            return ('silence' if 'no more' in str(error) else 'odd', client.buffer[:300]), True
        fields = [(name.lower(), value) for name, value in answer.fields]
        connection = ' '.join(value.lower() for name, value in fields if name == 'connection')
        closed = 'close' in connection or answer.version == 'HTTP/1.0' and 'keep-alive' not in connection
        body = conversations.plain(fields, answer.body)
        behind = b''
        if closed:
            try:
                behind = client.rest()
            except AssertionError:
                behind = b'<open>'
        return Answer(answer.status, answer.reason, [one.status for one in answer.interim], [(name, self.text(value)) for name, value in fields], self.text(body.decode('latin-1')), answer.trailers,
                      'closed' if closed else 'open', behind), closed

    def logged(self):
        """Lines and requests so far, behind a mark that tells that all before it are there."""
        self.marks += 1
        self.rig.get('/', frontend='feend')
        harness.wait_until(lambda: sum(line.endswith(': END') for line in self.rig.log.drain()) >= self.marks, 'the mark in the log')
        lines = [re.sub(r'^<(\d+)>.*?\]: ', lambda match: '<%s> ' % match.group(1), line) for line in self.rig.log.lines[self.taken:] if not line.endswith(': END')]
        with self.origin.lock:
            seen = list(self.origin.seen)
        return [self.line(line) for line in lines if not re.search('reason|Server .* is (UP|DOWN)', line)], [self.asked(*one) for one in seen]

    def text(self, text):
        for port in self.ports:
            text = re.sub(r'\b%s\b' % port, '<client>', text)
        for port, name in self.names.items():
            text = re.sub(r'\b%s\b' % port, name, text)
        return re.sub(r'\|[A-Za-z0-9+/]{5}\b', '|<date>', text)

    def line(self, line):
        line = self.text(line)
        line = re.sub(r'\bT(-1|\d+)', lambda match: 'T-' if match.group(1) == '-1' else 'T+', line)
        line = re.sub(r'\[\d\d/\w+/\d{4}:[^]]*\]', '<date>', line)
        # Times, bytes and counts of connections of the formats that have names.
        line = re.sub(r' (-1|\+?\d+)(/(?:-1|\+?\d+))+(?= )', lambda match: ' ' + re.sub(r'\+?\d+', '+', match.group(0).replace('-1', '-').strip()), line)
        return re.sub(r'((?: \+/\S+|\S+/\S+ \S+) (?:\d{3}|-1)) \+?\d+ ', r'\1 <bytes> ', line)

    def asked(self, name, head, body, ended):
        lines = self.text(head.decode('latin-1')).split('\r\n')
        fields = [(key.lower(), value.strip()) for key, _, value in (line.partition(':') for line in lines[1:])]
        return Asked(name, lines[0], fields, body, ended)


def observe(sides, number, lines, talk):
    """What both sides show of a conversation, three lists each, without what may differ."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda side: side.begin(number, talk), sides))
    deadline = time.monotonic() + 0.5
    while True:
        rest = [side.logged() for side in sides]
        ours, theirs = [{'answers': some, 'log': logged, 'asked': seen} for some, (logged, seen) in zip(answers, rest)]
        for kind in ours:
            if len(ours[kind]) == len(theirs[kind]):
                pairs = [even(lines, talk, mine, his) for mine, his in zip(ours[kind], theirs[kind])]
                ours[kind], theirs[kind] = [mine for mine, _ in pairs], [his for _, his in pairs]
        if ours['answers'] != theirs['answers'] or ours == theirs or time.monotonic() > deadline:
            return ours, theirs
        time.sleep(0.03)


def first_difference(ours, theirs):
    """(where, ours, theirs): the smallest pair that tells what differs."""
    for kind in ('answers', 'asked', 'log'):
        if ours[kind] != theirs[kind]:
            if len(ours[kind]) != len(theirs[kind]):
                return kind, ours[kind], theirs[kind]
            for mine, his in zip(ours[kind], theirs[kind]):
                if mine != his:
                    return kind, mine, his
    return None


def shape(difference):
    """What tells this difference from others."""
    kind, ours, theirs = difference
    if isinstance(ours, str) and isinstance(theirs, str):
        words = ours.split(' '), theirs.split(' ')
        return kind, len(words[0]) - len(words[1]), {mine for mine, his in zip(*words) if mine != his} if len(words[0]) == len(words[1]) else 0
    if type(ours) is not type(theirs) or not isinstance(ours, tuple):
        return kind, [(type(part), part[0] if isinstance(part, tuple) else len(part) if isinstance(part, list) else 0) for part in (ours, theirs)]
    parts = []
    for index, (mine, his) in enumerate(zip(ours, theirs)):
        if mine != his:
            parts.append((index, tuple(sorted({one[0] for one in set(mine) ^ set(his)})) if isinstance(mine, list) and all(isinstance(one, tuple) for one in mine + his) else mine if index == 0 else 0))
    return kind, tuple(parts)


def refused(program, cases, folder):
    """Lines that a program refuses: {(case, line): complaint}. It may not look beyond the first of them."""
    found = {}
    while True:
        rest = [(number, ['#' if (number, index) in found else line for index, line in enumerate(lines)]) for number, lines in cases]
        more = refused_at_once(program, rest, folder)
        if not more:
            return found
        found.update(more)


def refused_at_once(program, cases, folder):
    text, owners = configurations.text_of(cases)
    text = re.sub('<(fe|s|dead)[a-z0-9]*>', lambda match: '127.0.0.1:%d' % (sum(map(ord, match.group(0))) * 7 % 50000 + 1000), DEFAULTS + text).replace('<files>', folder).replace('<log>', '127.0.0.1:9')
    shift = DEFAULTS.count('\n')
    path = os.path.join(folder, 'check.cfg')
    with open(path, 'w') as file:
        file.write(text)
    done = subprocess.run([program, '-c', '-f', path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = done.stdout.decode('utf-8', 'replace')
    found = {}
    for line in said.split('\n'):
        if 'ALERT' in line:
            for place in re.findall(r'check\.cfg:(\d+)', line):
                if int(place) - shift in owners:
                    found[owners[int(place) - shift]] = line
    if done.returncode and not found:
        raise AssertionError('%s: %s' % (program, said))
    return found


def acceptable(program, cases, folder, show):
    """The cases without lines that a program refuses; lines that one alone refuses are told."""
    verdicts = {name: refused(name, cases, folder) for name in (program, 'haproxy')}
    texts = dict(cases)
    for name, other in ((program, 'haproxy'), ('haproxy', program)):
        for (number, index), complaint in verdicts[name].items():
            if (number, index) not in verdicts[other] and not allowed('verdict', [texts[number][index]], None, complaint if name == program else '', complaint if name != program else ''):
                show('ONLY %s REFUSES' % ('HAPROXY' if name == 'haproxy' else 'PENSTOCK'), number, texts[number][index] + '\n    ' + complaint[:300])
    bad = set().union(*verdicts.values())
    if not bad:
        return cases
    cases = [(number, [line for index, line in enumerate(lines) if (number, index) not in bad]) for number, lines in cases]
    return acceptable(program, cases, folder, lambda *_: None)


def differs(program, number, lines, talks):
    """The first difference of a case that is not allowed, under programs of its own: (talk, difference), or None."""
    folder = tempfile.mkdtemp(prefix='differential.')
    sides = []
    try:
        configurations.write_files(folder)
        for name in (program, 'haproxy'):
            sides.append(Side(name, configurations.text_of([(number, lines)])[0], folder))
        return run_case(sides, number, lines, talks)
    except (AssertionError, OSError, LookupError):
        return None
    finally:
        close(sides)
        shutil.rmtree(folder)


def close(sides):
    for side in sides:
        try:
            side.close()
        except AssertionError as error:
            if side.rig.program != 'haproxy' and re.match('died|a sanitizer', str(error)):
                raise SystemExit('%s\n%s' % (error, side.rig.text)) from error


def run_case(sides, number, lines, talks):
    for talk in talks:
        ours, theirs = observe(sides, number, lines, talk)
        difference = first_difference(ours, theirs)
        # What is allowed may have changed what servers, counters and variables are, too.
        if difference:
            return None if allowed(difference[0], lines, talk, difference[1], difference[2]) else (talk, difference)
    return None


def smaller(program, number, lines, talks, patience):
    """The least lines and conversations found that still differ, and how."""
    found = differs(program, number, lines, talks)
    if not found:
        return None

    until = time.monotonic() + patience

    def attempt(new_lines, new_talks):
        nonlocal lines, talks, found
        if time.monotonic() > until:
            return False
        now = differs(program, number, new_lines, new_talks)
        if now and shape(now[1]) == shape(found[1]):
            lines, talks, found = new_lines, new_talks, now
            return True
        return False
    at = talks.index(found[0])
    attempt(lines, talks[at:at + 1]) or attempt(lines, talks[:at + 1])
    drop(talks, lambda rest: attempt(lines, rest), 1)
    size = max(1, len(lines) // 4)
    while size:
        at = 0
        while at < len(lines):
            at += 0 if attempt(lines[:at] + lines[at + size:], talks) else size
        size //= 2
    for index in range(len(talks)):
        def with_part(part, index=index):
            return talks[:index] + [part] + talks[index + 1:]
        for key in ('requests', 'answers'):
            drop(talks[index][key], lambda rest, key=key: attempt(lines, with_part(conversations.Part(talks[index], **{key: rest}))), key == 'requests')
            for place in range(len(talks[index][key])):
                def with_fields(rest, key=key, place=place):
                    parts = [part.copy() for part in talks[index][key]]
                    parts[place].update(rest)
                    return with_part(conversations.Part(talks[index], **{key: parts}))
                drop(talks[index][key][place]['fields'], lambda rest: attempt(lines, with_fields({'fields': rest})))
                for simple in ({'body': b''}, {'sizes': None} if key == 'requests' else {'framing': 'length'}, {'target': '/'} if key == 'requests' else {'status': '200 OK'},
                               {'version': '1.1'}, {'method': 'GET'} if key == 'requests' else {'interim': ''}):
                    if any(talks[index][key][place].get(word) != value for word, value in simple.items()):
                        attempt(lines, with_fields(simple))
    return lines, talks, found[1]


def drop(items, attempt, least=0):
    at = 0
    items = list(items)
    while at < len(items) and len(items) > least:
        rest = items[:at] + items[at + 1:]
        if attempt(rest):
            items = rest
        else:
            at += 1


def cut(ours, theirs):
    """Two long texts from where they part."""
    if not isinstance(ours, str) or not isinstance(theirs, str) or len(ours) < 300:
        return ours, theirs
    at = max(0, len(os.path.commonprefix([ours, theirs])) - 20)
    return tuple('... %d ... %s' % (len(text), text[at:at + 300]) for text in (ours, theirs))


def told(number, lines, talks, difference):
    """A difference as a text to read."""
    text = configurations.text_of([(number, lines)])[0].split('http-request return status 200\n', 1)[1]
    for talk in talks:
        text += '  client: ' + repr(b''.join([talk['proxy'], talk['raw']])) * bool(talk['proxy'] or talk['raw']) + ' (pipelined)' * bool(talk['pipelined'])
        for part in talk['requests']:
            text += '\n    %r %r' % tuple(piece[:400] for piece in conversations.wire(part))
        text += '\n  origin:'
        for part in talk['answers']:
            text += '\n    %s%r' % (part['cut'] and part['cut'] + ' ', conversations.said(part, 'GET')[0][:300])
        text += '\n'
    kind, ours, theirs = difference
    if not isinstance(ours, list) and len(ours) == len(theirs) and isinstance(ours, tuple):
        pairs = [(mine, his) for mine, his in zip(ours, theirs) if mine != his]
        if all(isinstance(mine, list) for mine, _ in pairs):
            pairs = [([one for one in mine if one not in his] or mine, [one for one in his if one not in mine] or his) for mine, his in pairs]
        ours, theirs = zip(*[cut(mine, his) for mine, his in pairs])
    return '%s  %s: ours   %.1500s\n  %s: theirs %.1500s' % (text, kind, repr(ours), kind, repr(theirs))


def group_of(seed, first, count):
    """Cases and their conversations by number."""
    cases, talks = [], {}
    for number in range(first, first + count):
        r = random.Random('%d %d' % (seed, number))
        lines = configurations.make(r, number)
        cases.append((number, lines))
        proxied = any('accept-proxy' in line for line in lines)
        talks[number] = [conversations.conversation(r, 'mode tcp' in lines, proxied) for _ in range(5)]
    return cases, talks


def compare_group(program, seed, first, patience):
    """(requests asked, what is to be shown)."""
    folder = tempfile.mkdtemp(prefix='differential.')
    sides, suspects, found, asked = [], [], [], 0
    try:
        configurations.write_files(folder)
        cases, talks = group_of(seed, first, CASES)
        cases = acceptable(program, cases, folder, lambda *what: found.append(what))
        for name in (program, 'haproxy'):
            sides.append(Side(name, configurations.text_of(cases)[0], folder))
        for some, lines in cases:
            asked += sum(len(talk['requests']) for talk in talks[some])
            if run_case(sides, some, lines, talks[some]):
                suspects.append((some, lines))
    finally:
        close(sides)
        shutil.rmtree(folder)
    # What does not differ again when it is alone was the machine's.
    for some, lines in suspects:
        least = smaller(program, some, lines, talks[some], patience)
        if least:
            found.append(('DIFFERS', some, told(some, *least)))
    return asked, found


def compare(program, seed, requests, show, first=0, jobs=2, patience=120):
    """(differences that are not allowed, requests asked). Each is made smaller for `patience` seconds."""
    numbers, planned = [], 0
    while planned < requests:
        numbers.append(first + CASES * len(numbers))
        planned += sum(len(talk['requests']) for talks in group_of(seed, numbers[-1], CASES)[1].values() for talk in talks)
    different = asked = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for count, found in pool.map(lambda number: compare_group(program, seed, number, patience), numbers):
            asked += count
            different += len(found)
            for what in found:
                show(*what)
    return different, asked


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('program')
    parser.add_argument('--requests', type=int, default=20000)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--jobs', type=int, default=2)
    parser.add_argument('--first', type=int, default=0, help='the number of the first case')
    options = parser.parse_args()
    different, asked = compare(os.path.abspath(options.program), options.seed, options.requests,
                               lambda kind, number, text: print('%s (case %d)\n    %s\n' % (kind, number, text), flush=True), options.first, options.jobs)
    print('%d differences in %d requests' % (different, asked))
    return 1 if different else 0


if __name__ == '__main__':
    sys.exit(main())
