"""Clients of remote desktops: balanced by their cookie, and back at the server whose address it holds."""
import socket
import struct

from harness import Case, Client, check

TEXT = """
frontend fe
    bind <fe>
    mode tcp
    option tcplog
    tcp-request inspect-delay 5s
    tcp-request content accept if RDP_COOKIE
    tcp-request content accept if { req.len gt 0 }
    default_backend be
backend be
    mode tcp
    timeout connect 300ms
    %s
"""


def request(cookie):
    """A connection request of X.224 with that cookie."""
    body = b'\xe0\0\0\0\0\0Cookie: ' + cookie.encode() + b'\r\n'
    return b'\x03\0' + struct.pack('>HB', 5 + len(body), len(body)) + body


def cookie_of(address, name='msts'):
    """What a server calls itself in a cookie."""
    host, port = address.split(':')
    return '%s=%d.%d.0000' % (name, struct.unpack('<I', socket.inet_aton(host))[0], struct.unpack('<H', struct.pack('>H', int(port)))[0])


class Rdp(Case):

    def farm(self, lines, more=''):
        def talk(name):
            def answer(sock, _):
                sock.recv(1000)
                sock.sendall(name.encode())
                sock.recv(1)
            return answer
        self.servers = {name: self.script(talk(name)) for name in 'abc'}
        lines += ''.join('\n    server %s %s' % (name, server.address) for name, server in self.servers.items()) + more
        return self.rig(TEXT % lines)

    def ask(self, rig, cookie, times=6):
        found = ''
        for _ in range(times):
            with Client(rig.addresses['fe']) as client:
                client.send(request(cookie))
                found += client.take(1).decode()
        return found

    def test_the_same_cookie_leads_to_the_same_server(self):
        for balance, name, other in (('rdp-cookie', 'mstshash', 'msts'), ('rdp-cookie(msts)', 'msts', 'mstshash'), ('rdp-cookie(x)', 'X', 'y')):
            with self.subTest(balance):
                rig = self.farm('balance ' + balance)
                found = {self.ask(rig, '%s=user%d' % (name, number), 3) for number in range(12)}
                self.assertEqual(found, {'aaa', 'bbb', 'ccc'})
                self.assertEqual(set(self.ask(rig, other + '=user')), set('abc'))
                self.assertEqual(set(self.ask(rig, 'nothing')), set('abc'))

    def test_it_is_the_server_that_haproxy_would_choose(self):
        rig = self.farm('balance rdp-cookie')
        self.assertEqual([self.ask(rig, 'mstshash=' + name, 1) for name in ('user', 'alice', 'bob', 'carol', 'dave')], list('cccba'))

    def test_a_cookie_with_an_address_leads_back_to_its_server(self):
        for line, name in (('rdp-cookie', 'msts'), ('rdp-cookie(foo)', 'foo')):
            rig = self.farm('balance roundrobin\n    persist ' + line)
            for server in 'abc':
                self.assertEqual(self.ask(rig, cookie_of(self.servers[server].address, name)), server * 6)
            for cookie in (name + '=1.2.0000', name + '=abc', name + '=', cookie_of(self.servers['a'].address, 'other'),
                           cookie_of(self.servers['a'].address, name)[:-5]):
                self.assertEqual(set(self.ask(rig, cookie)), set('abc'), cookie)

    def test_not_to_one_that_is_down_unless_clients_are_to_come_back_all_the_same(self):
        for option, letters in (('', 'abc'), ('option persist\n    ', 'd')):
            rig = self.farm('balance roundrobin\n    retries 1\n    %spersist rdp-cookie' % option, '\n    server d 127.0.0.9:%d disabled' % 0x1234)
            cookie = cookie_of('127.0.0.9:%d' % 0x1234)
            if letters == 'abc':
                self.assertEqual(set(self.ask(rig, cookie)), set('abc'))
                continue
            with Client(rig.addresses['fe']) as client:
                client.send(request(cookie))
                self.assertIn(client.ending(), ('fin', 'rst'))
            rig.log.wait(' be/d ')

    def test_names_of_cookies_are_needed_in_parentheses(self):
        for line in ('balance rdp-cookie()', 'persist rdp-cookie()', 'persist x', 'persist'):
            code, text = check(TEXT.replace('<fe>', '127.0.0.1:1') % (line + '\n    server s 127.0.0.1:2'))
            self.assertEqual(code, 1, text)
