#!/usr/bin/python3
"""Servers with real NTLMv2 (python3-impacket): ntlm_origin.py COUNT SEED

Prints their ports on one line, then serves until its standard input ends. A connection is whom its
third NTLM message proved it to be; every answer says whom that is. The password of a user is the
name backwards. One answer in eight is the last on its connection, and does not say so. `/stats` tells
what went wrong.
"""
import base64
import collections
import os
import random
import re
import socket
import sys
import threading

from impacket import ntlm

DOMAIN = 'CONTOSO'
counts = collections.Counter()
lock = threading.Lock()


def count(what):
    with lock:
        counts[what] += 1


class Refused(Exception):
    """No such user, another password, or half of somebody else's handshake."""


class Acceptor:
    """The server's half of NTLMv2 on one connection."""

    def __init__(self):
        self.challenge = None
        self.user = None

    def take(self, message):
        """Answers the first message by a challenge; the third makes the user known."""
        kind = message[8]
        if kind == 1:
            self.user = None
            return self.ask(message)
        if kind != 3 or self.challenge is None:
            count('stray')
            raise Refused
        self.prove(message)
        return None

    def ask(self, message):
        asked = ntlm.NTLMAuthNegotiate()
        asked.fromString(message)
        self.challenge = os.urandom(8)
        name = DOMAIN.encode('utf-16le')
        pairs = ntlm.AV_PAIRS()
        pairs[ntlm.NTLMSSP_AV_DOMAINNAME] = pairs[ntlm.NTLMSSP_AV_HOSTNAME] = name
        answer = ntlm.NTLMAuthChallenge()
        answer['flags'] = (asked['flags'] & (ntlm.NTLMSSP_NEGOTIATE_UNICODE | ntlm.NTLMSSP_NEGOTIATE_128
                                             | ntlm.NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY)
                           | ntlm.NTLMSSP_NEGOTIATE_UNICODE | ntlm.NTLMSSP_NEGOTIATE_NTLM
                           | ntlm.NTLMSSP_NEGOTIATE_TARGET_INFO | ntlm.NTLMSSP_REQUEST_TARGET
                           | ntlm.NTLMSSP_TARGET_TYPE_SERVER | ntlm.NTLMSSP_NEGOTIATE_VERSION)
        answer['challenge'] = self.challenge
        answer['domain_name'] = name
        answer['domain_offset'] = 56
        answer['TargetInfoFields'] = pairs
        answer['TargetInfoFields_len'] = answer['TargetInfoFields_max_len'] = len(pairs)
        answer['TargetInfoFields_offset'] = 56 + len(name)
        answer['Version'] = b'\xff' * 8
        answer['VersionLen'] = 8
        return answer.getData()

    def prove(self, message):
        said = ntlm.NTLMAuthChallengeResponse()
        said.fromString(message)
        user = said['user_name'].decode('utf-16le')
        domain = said['domain_name'].decode('utf-16le')
        proof, rest = said['ntlm'][:16], said['ntlm'][16:]
        key = ntlm.NTOWFv2(user, user[::-1], domain)
        challenge, self.challenge = self.challenge, None
        if len(rest) < 28 or ntlm.hmac_md5(key, challenge + rest) != proof:
            count('refused')
            raise Refused
        count('logins')
        self.user = user


class Connection:
    def __init__(self, sock, server, chance):
        self.sock = sock
        self.server = server
        self.chance = chance
        self.data = b''
        self.acceptor = Acceptor()

    def read_request(self):
        while b'\r\n\r\n' not in self.data:
            piece = self.sock.recv(65536)
            if not piece:
                return None
            self.data += piece
        head, _, self.data = self.data.partition(b'\r\n\r\n')
        return head

    def serve(self):
        while True:
            head = self.read_request()
            if head is None or not self.answer(head):
                return

    def answer(self, head):
        """False: that was the last one here."""
        token = re.search(rb'(?im)^authorization: *ntlm +(\S+)', head)
        asks = [b'WWW-Authenticate: Negotiate', b'WWW-Authenticate: NTLM']
        try:
            challenge = self.acceptor.take(base64.b64decode(token.group(1))) if token else None
            if challenge:
                asks = [b'WWW-Authenticate: NTLM ' + base64.b64encode(challenge)]
            elif self.acceptor.user or not head.split(b' ')[1].startswith(b'/ews'):
                return self.tell_who(head)
        except Refused:
            pass
        self.sock.sendall(b'\r\n'.join([b'HTTP/1.1 401 Unauthorized', *asks, b'Content-Length: 0\r\n\r\n']))
        return True

    def tell_who(self, head):
        page = '%s %s\n' % (self.acceptor.user, self.server)
        if head.startswith(b'GET /stats'):
            with lock:
                page = ' '.join('%s=%d' % pair for pair in counts.items())
        self.sock.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s' % (len(page), page.encode()))
        return self.chance.random() > 1 / 8


def accept(listener, number, seed):
    server = 'EX%02d' % number
    for turn in range(1 << 30):
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        chance = random.Random('%s %s %d' % (seed, server, turn))
        threading.Thread(target=talk, args=(Connection(sock, server, chance),), daemon=True).start()


def talk(connection):
    try:
        connection.serve()
    except OSError:
        pass
    connection.sock.close()


def main():
    many, seed = int(sys.argv[1]), sys.argv[2]
    listeners = [socket.create_server(('127.0.0.1', 0), backlog=500) for _ in range(many)]
    for number, listener in enumerate(listeners, 1):
        threading.Thread(target=accept, args=(listener, number, seed), daemon=True).start()
    print(*[listener.getsockname()[1] for listener in listeners], flush=True)
    sys.stdin.read()


main()
