"""A small DNS server that says what a test wants it to, over UDP and TCP, on loopback."""
import socket
import struct
import threading

A, CNAME, AAAA, SRV = 1, 5, 28, 33
NX, SERVFAIL, REFUSED = 3, 2, 5


def name_bytes(name):
    return b''.join(bytes([len(label)]) + label.encode() for label in name.rstrip('.').split('.')) + b'\0'


def read_question(packet):
    """The name asked for, its type, and where the question ends."""
    labels, at = [], 12
    while packet[at]:
        labels.append(packet[at + 1:at + 1 + packet[at]].decode('latin-1'))
        at += 1 + packet[at]
    kind = struct.unpack('>H', packet[at + 1:at + 3])[0]
    return '.'.join(labels).lower(), kind, at + 5


def record(kind, value, owner=b'\xc0\x0c'):
    if kind in (A, AAAA):
        data = socket.inet_pton(socket.AF_INET if kind == A else socket.AF_INET6, value)
    elif kind == CNAME:
        data = name_bytes(value)
    else:
        priority, weight, port, target = value
        data = struct.pack('>HHH', priority, weight, port) + name_bytes(target)
    return owner + struct.pack('>HHIH', kind, 1, 60, len(data)) + data


class DnsServer:
    """`answers`: by name (or name and type) what is said: a list of addresses or of SRV tuples, a code (NX,
    SERVFAIL, REFUSED), None for silence, 'truncated', bytes as they are, or a function of the packet."""

    def __init__(self):
        self.answers = {}
        self.queries = []  # (name, type, 'udp' or 'tcp')
        self._lock = threading.Lock()
        while True:
            self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._udp.bind(('127.0.0.1', 0))
            self.port = self._udp.getsockname()[1]
            self._tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                self._tcp.bind(('127.0.0.1', self.port))
                break
            except OSError:
                self._udp.close()
                self._tcp.close()
        self._tcp.listen(64)
        self._open = True
        for serve in (self._serve_udp, self._serve_tcp):
            threading.Thread(target=serve, daemon=True).start()

    @property
    def address(self):
        return '127.0.0.1:%d' % self.port

    def close(self):
        self._open = False
        for sock in (self._udp, self._tcp):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()

    def count(self, name=None, transport=None):
        with self._lock:
            return sum(1 for asked, _, by in self.queries
                       if name in (None, asked) and transport in (None, by))

    def _reply(self, packet, transport):
        name, kind, end = read_question(packet)
        with self._lock:
            self.queries.append((name, kind, transport))
        answer = self.answers.get((name, kind), self.answers.get(name, NX))
        if callable(answer):
            answer = answer(packet, transport)
        if isinstance(answer, dict):
            answer = answer.get(transport)
        if answer is None or isinstance(answer, bytes):
            return answer
        flags, records = 0x8180, []
        if answer == 'truncated':
            flags |= 0x0200
        elif isinstance(answer, int):
            flags |= answer
        else:
            for value in answer:
                if isinstance(value, bytes):
                    records.append(value)
                elif isinstance(value, tuple):
                    records += [record(SRV, value)] if kind == SRV else []
                elif (AAAA if ':' in value else A) == kind:
                    records.append(record(kind, value))
        return (packet[:2] + struct.pack('>HHHHH', flags, 1, len(records), 0, 0) + packet[12:end] +
                b''.join(records))

    def _serve_udp(self):
        while self._open:
            try:
                packet, peer = self._udp.recvfrom(65536)
                reply = self._reply(packet, 'udp')
                if reply is not None:
                    self._udp.sendto(reply, peer)
            except (OSError, IndexError, struct.error):
                pass

    def _serve_tcp(self):
        while self._open:
            try:
                connection, _ = self._tcp.accept()
            except OSError:
                continue
            threading.Thread(target=self._serve_stream, args=(connection,), daemon=True).start()

    def _serve_stream(self, connection):
        with connection, connection.makefile('rb') as stream:
            while True:
                head = stream.read(2)
                if len(head) < 2:
                    return
                reply = self._reply(stream.read(struct.unpack('>H', head)[0]), 'tcp')
                if reply is not None:
                    connection.sendall(struct.pack('>H', len(reply)) + reply)
