"""Names of servers that are asked while they serve, at a name server that changes its mind."""
import json
import os
import re
import shutil
import signal
import socket
import tempfile

from dns_server import A, AAAA, CNAME, NX, REFUSED, SERVFAIL, DnsServer, record
from harness import IS_HAPROXY, Case, penstock_only, wait_until
from test_process import DROPPED, needs_root
from test_runtime_socket import ask

GLOBAL = 'stats socket <dir>/admin.sock level admin\n'
FRONT = """
frontend fe
    bind <fe>
    default_backend be
"""
SECTION = """
resolvers dns
    nameserver ns1 %s
    timeout resolve 100ms
    timeout retry %s
    hold nx %s
    hold other %s
    hold refused %s
    hold timeout %s
    hold obsolete %s
"""


def is_over(connection):
    try:
        return connection.recv(1) == b''
    except ConnectionResetError:
        return True


class Named(Case):
    def setUp(self):
        super().setUp()
        self.dns = DnsServer()
        self.addCleanup(self.dns.close)

    def section(self, hold='300ms', retry='100ms', obsolete='0s', address=None):
        return SECTION % (address or self.dns.address, retry, hold, hold, hold, hold, obsolete)

    def named(self, servers, globals_=GLOBAL, section=None, more='', **options):
        self.rig_ = self.rig((section or self.section()) + FRONT + more + '\nbackend be\n' + servers, globals_=globals_,
                             **options)
        return self.rig_

    def admin(self, command):
        return ask(self.rig_, command)

    def states(self):
        rows = [line.split(',') for line in self.admin('show stat').splitlines()]
        return {row[1]: row[17] for row in rows if row[0] == 'be'}

    def addresses(self):
        rows = [line.split(',') for line in self.admin('show stat').splitlines()]
        return {row[1]: row[73] for row in rows if row[0] == 'be' and row[1] != 'BACKEND'}

    def wait_state(self, wanted, server='s1'):
        wait_until(lambda: self.states()[server] == wanted, '%s of %s' % (wanted, server))

    def wait_addresses(self, wanted):
        wait_until(lambda: self.addresses() == wanted, 'addresses %s, not %s' % (wanted, self.addresses()))

    def server_line(self, server):
        for line in self.admin('show servers state be').splitlines():
            words = line.split()
            if len(words) > 4 and words[3] == server:
                return words


class Answers(Named):
    def test_a_server_comes_up_when_its_name_has_an_address(self):
        rig = self.named('server s1 app.test:<s1.port> resolvers dns init-addr none resolve-prefer ipv4')
        self.assertEqual(self.states()['s1'], 'MAINT (resolution)')
        self.assertEqual(self.server_line('s1')[6], '32')
        self.assertEqual(rig.get('/test/server').status, 503)
        self.dns.answers['app.test'] = ['127.0.0.1']
        self.wait_state('no check')
        self.assertEqual(rig.get('/test/server').status, 200)
        line = self.server_line('s1')
        self.assertEqual((line[4], line[6], line[17]), ('127.0.0.1', '0', 'app.test'))

    def test_lines_of_the_log(self):
        rig = self.named('server s1 app.test:80 resolvers dns init-addr none resolve-prefer ipv4\nlog <log> local0')
        self.dns.answers['app.test'] = ['127.0.0.1']
        rig.log.wait(r'be/s1 changed its IP from \(none\) to 127\.0\.0\.1 by dns/ns1\.')
        rig.log.wait(r"Server be/s1 \('app\.test'\) is UP/READY \(resolves again\)\.")
        rig.log.wait(r'Server be/s1 administratively READY thanks to valid DNS answer\.')
        self.dns.answers['app.test'] = ['127.0.0.2']
        rig.log.wait(r'be/s1 changed its IP from 127\.0\.0\.1 to 127\.0\.0\.2 by dns/ns1\.')
        self.dns.answers['app.test'] = NX
        rig.log.wait(r'Server be/s1 is going DOWN for maintenance \(DNS NX status\)\. 0 active and 0 backup servers left')

    def goes_down(self, answer, why):
        rig = self.named('server s1 app.test:80 resolvers dns init-addr none resolve-prefer ipv4\nlog <log> local0')
        self.dns.answers['app.test'] = ['127.0.0.1']
        self.wait_state('no check')
        self.dns.answers['app.test'] = answer
        rig.log.wait(r'Server be/s1 is going DOWN for maintenance \(%s\)' % why)
        self.assertEqual(self.states()['s1'], 'MAINT (resolution)')
        self.dns.answers['app.test'] = ['127.0.0.1']
        self.wait_state('no check')

    def test_a_name_that_is_not_there_any_more(self):
        self.goes_down(NX, 'DNS NX status')

    def test_a_name_server_that_refuses(self):
        self.goes_down(REFUSED, 'DNS refused status')

    def test_a_name_server_that_fails(self):
        self.goes_down(SERVFAIL, 'unspecified DNS error')

    def test_a_name_server_that_is_silent(self):
        self.goes_down(None, 'DNS timeout status')

    def test_an_answer_that_is_held(self):
        self.named('server s1 app.test:80 resolvers dns init-addr none resolve-prefer ipv4',
                   section=self.section(hold='1h'))
        self.dns.answers['app.test'] = ['127.0.0.1']
        self.wait_state('no check')
        self.dns.answers['app.test'] = NX
        before = self.dns.count('app.test')
        wait_until(lambda: self.dns.count('app.test') > before + 6, 'more questions')
        self.assertEqual(self.states()['s1'], 'no check')

    def test_an_address_that_is_in_no_answer_any_more_counts_for_a_while(self):
        self.named('server s1 app.test:80 resolvers dns init-addr none resolve-prefer ipv4',
                   section=self.section(obsolete='1h'))
        self.dns.answers['app.test'] = ['127.0.0.1']
        self.wait_addresses({'s1': '127.0.0.1:80'})
        self.dns.answers['app.test'] = ['127.0.0.2']
        before = self.dns.count('app.test')
        wait_until(lambda: self.dns.count('app.test') > before + 4, 'more questions')
        self.assertEqual(self.addresses()['s1'], '127.0.0.1:80')

    @penstock_only('HAProxy remembers all of them')
    def test_of_many_addresses_those_of_the_last_answer_count(self):
        """However long they are to be held: what is remembered of one name has a bound."""
        self.named('server s1 app.test:80 resolvers dns init-addr none resolve-prefer ipv4',
                   section=self.section(obsolete='1h').replace('100ms', '10ms'))
        self.dns.answers['app.test'] = ['127.0.0.1']
        self.wait_addresses({'s1': '127.0.0.1:80'})
        said = []

        def others(_, __):
            said.append(len(said))
            return ['127.%d.%d.%d' % (1 + said[-1] // 250, 1 + said[-1] % 250, i) for i in range(1, 29)]
        self.dns.answers[('app.test', A)] = others
        # 1,024 are remembered.
        wait_until(lambda: len(said) >= 30, 'many answers')
        self.assertEqual(self.addresses()['s1'], '127.0.0.1:80')
        wait_until(lambda: self.addresses()['s1'] != '127.0.0.1:80', 'another address', seconds=30)
        self.assertGreater(len(said), 36)
        self.assertLess(len(said), 60)

    def test_the_other_family_is_asked_for_too(self):
        self.dns.answers[('app.test', AAAA)] = NX
        self.dns.answers['app.test'] = ['127.0.0.1']
        self.named('server s1 app.test:80 resolvers dns init-addr none')
        self.wait_addresses({'s1': '127.0.0.1:80'})
        self.assertEqual(self.dns.queries[0][1], AAAA)

    def test_ipv6_is_preferred_unless_said_otherwise(self):
        self.dns.answers['app.test'] = ['127.0.0.1', '::1']
        self.named('server s1 app.test:80 resolvers dns init-addr none\n'
                   'server s2 app.test:80 resolvers dns init-addr none resolve-prefer ipv4')
        self.wait_addresses({'s1': '[::1]:80', 's2': '127.0.0.1:80'})

    def test_networks_that_are_preferred(self):
        self.dns.answers['app.test'] = ['127.0.0.1', '127.0.1.1', '127.0.2.1']
        self.named('server s1 app.test:80 resolvers dns init-addr none resolve-prefer ipv4 resolve-net 127.0.1.0/24')
        self.wait_addresses({'s1': '127.0.1.1:80'})

    def test_an_alias(self):
        self.dns.answers['app.test'] = [record(CNAME, 'real.test'), record(1, '127.0.0.5', owner=b'\x04real\x04test\0')]
        self.named('server s1 app.test:80 resolvers dns init-addr none resolve-prefer ipv4')
        self.wait_addresses({'s1': '127.0.0.5:80'})

    def test_two_name_servers_and_one_that_knows(self):
        other = DnsServer()
        self.addCleanup(other.close)
        other.answers['app.test'] = ['127.0.0.1']
        section = self.section().replace('nameserver ns1', 'nameserver ns2 %s\n    nameserver ns1' % other.address)
        self.named('server s1 app.test:80 resolvers dns init-addr none resolve-prefer ipv4', section=section)
        for answer in (NX, SERVFAIL, None):
            self.dns.answers['app.test'] = answer
            self.wait_state('no check')
            before = other.count('app.test')
            wait_until(lambda: other.count('app.test') > before + 3, 'more questions')
            self.assertEqual(self.states()['s1'], 'no check')

    def test_an_address_at_the_start_that_the_line_gives(self):
        self.named('server s1 app.test:80 resolvers dns init-addr 127.0.0.3')
        self.assertEqual(self.addresses(), {'s1': '127.0.0.3:80'})

    def test_idle_connections_go_with_the_address(self):
        with socket.socket() as old, socket.socket() as new:
            old.bind(('127.0.0.1', 0))
            new.bind(('127.0.0.2', old.getsockname()[1]))
            port = old.getsockname()[1]
            for one in (old, new):
                one.listen()
            self.dns.answers['app.test'] = ['127.0.0.1']
            rig = self.named('server s1 app.test:%d resolvers dns init-addr none resolve-prefer ipv4' % port)
            self.wait_state('no check')

            def serve(listener):
                connection = listener.accept()[0]
                connection.settimeout(10)
                connection.recv(65536)
                connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
                return connection
            with rig.connect() as client:
                client.request('GET', '/')
                with serve(old) as first:
                    self.assertEqual(client.response().status, 200)
                    self.dns.answers['app.test'] = ['127.0.0.2']
                    self.wait_addresses({'s1': '127.0.0.2:%d' % port})
                    client.request('GET', '/')
                    with serve(new):
                        self.assertEqual(client.response().status, 200)
                    if not IS_HAPROXY:
                        self.assertTrue(is_over(first))


class Templates(Named):
    TEMPLATE = 'server-template t 3 app.test:80 resolvers dns init-addr none resolve-prefer ipv4'

    def test_each_server_has_an_address_of_its_own(self):
        self.dns.answers['app.test'] = ['127.0.0.1', '127.0.0.2']
        self.named(self.TEMPLATE)
        wait_until(lambda: sorted(filter(None, self.addresses().values())) == ['127.0.0.1:80', '127.0.0.2:80'], 'two')
        self.assertEqual(sorted(self.states().values()), ['MAINT (resolution)', 'UP', 'no check', 'no check'])
        self.dns.answers['app.test'] = ['127.0.0.2', '127.0.0.3', '127.0.0.4']
        wait_until(lambda: sorted(self.addresses().values()) == ['127.0.0.%d:80' % i for i in (2, 3, 4)], 'three')

    def test_servers_may_share_an_address(self):
        self.dns.answers['app.test'] = ['127.0.0.1']
        self.named(self.TEMPLATE + ' resolve-opts allow-dup-ip')
        self.wait_addresses({'t1': '127.0.0.1:80', 't2': '127.0.0.1:80', 't3': '127.0.0.1:80'})

    def test_records_of_a_service(self):
        self.dns.answers.update({'_http._tcp.test': [(1, 256, 8001, 'a.test'), (1, 2560, 8002, 'b.test')],
                                 'a.test': ['127.0.0.1'], 'b.test': ['127.0.0.2']})
        self.named('server-template t 3 _http._tcp.test resolvers dns init-addr none resolve-prefer ipv4')
        wait_until(lambda: sorted(filter(None, self.addresses().values())) == ['127.0.0.1:8001', '127.0.0.2:8002'],
                   'two servers')
        lines = {line[4]: line for line in map(self.server_line, ('t1', 't2', 't3'))}
        self.assertEqual([lines['127.0.0.1'][i] for i in (6, 7, 17, 18, 19)],
                         ['64', '1', 'a.test', '8001', '_http._tcp.test'])
        self.assertEqual([lines['127.0.0.2'][i] for i in (6, 7, 17, 18, 19)],
                         ['64', '10', 'b.test', '8002', '_http._tcp.test'])
        self.assertEqual([lines['-'][i] for i in (6, 17, 18, 19)], ['32', '-', '0', '_http._tcp.test'])
        self.dns.answers['_http._tcp.test'] = [(1, 256, 8002, 'b.test'), (1, 256, 8003, 'a.test')]
        wait_until(lambda: sorted(filter(None, self.addresses().values())) == ['127.0.0.1:8003', '127.0.0.2:8002'],
                   'another port')
        self.dns.answers['_http._tcp.test'] = [(1, 256, 8002, 'b.test')]
        wait_until(lambda: sorted(filter(None, self.addresses().values())) == ['127.0.0.2:8002'], 'one server')

    def test_weights_of_records_can_be_left_out(self):
        self.dns.answers.update({'_http._tcp.test': [(1, 2560, 8001, 'a.test')], 'a.test': ['127.0.0.1']})
        self.named('server s1 _http._tcp.test resolvers dns init-addr none resolve-prefer ipv4 weight 7 '
                   'resolve-opts ignore-weight')
        self.wait_addresses({'s1': '127.0.0.1:8001'})
        self.assertEqual(self.server_line('s1')[7], '7')


class Malformed(Named):
    ONCE = True

    def wrong_id(self, packet, _):
        return bytes([packet[0] ^ 0xff]) + packet[1:2] + b'\x81\x80\0\1\0\1\0\0\0\0' + packet[12:] + record(1, '127.0.0.9')

    def wrong_question(self, packet, _):
        return packet[:2] + b'\x81\x80\0\1\0\1\0\0\0\0\x01x\x04test\0\0\1\0\1' + record(1, '127.0.0.9')

    def test_answers_that_are_none_change_nothing_and_hang_nobody(self):
        self.dns.answers['app.test'] = ['127.0.0.1']
        self.named('server s1 app.test:80 resolvers dns init-addr none resolve-prefer ipv4',
                   section=self.section(hold='1h'))
        self.wait_addresses({'s1': '127.0.0.1:80'})

        def cut_short(packet, _):
            return packet[:2] + b'\x81\x80\0\1\0\5\0\0\0\0' + packet[12:]

        def a_loop(packet, _):
            return packet[:2] + b'\x81\x80\0\1\0\1\0\0\0\0' + packet[12:] + b'\xc0\xff\0\1\0\1\0\0\0\1\0\4' + bytes(4)

        def noise(packet, _):
            return packet[:2] + os.urandom(300)

        def only_noise(packet, _):
            return os.urandom(40)

        def itself(packet, _):
            return packet

        for answer in (b'', b'\0', b'x' * 2000, self.wrong_id, self.wrong_question, cut_short, a_loop, noise, only_noise,
                       itself, [record(1, '127.0.0.9')[:-2]], [record(CNAME, 'app.test')], 'truncated'):
            self.dns.answers['app.test'] = answer
            before = self.dns.count('app.test')
            wait_until(lambda: self.dns.count('app.test') > before + 2, 'more questions')
            self.assertEqual(self.addresses()['s1'], '127.0.0.1:80', answer)
        self.dns.answers['app.test'] = ['127.0.0.2']
        self.wait_addresses({'s1': '127.0.0.2:80'})

    @penstock_only('It does not ask over TCP.')
    def test_an_answer_that_is_too_long_is_asked_for_over_tcp(self):
        self.dns.answers['app.test'] = {'udp': None, 'tcp': None}

        def by_transport(packet, transport):
            flags = b'\x83\x80' if transport == 'udp' else b'\x81\x80'
            answers = b'' if transport == 'udp' else record(1, '127.0.0.7')
            return packet[:2] + flags + b'\0\1\0' + bytes([bool(answers)]) + b'\0\0\0\0' + packet[12:12 + 14] + answers
        self.dns.answers['app.test'] = by_transport
        self.named('server s1 app.test:80 resolvers dns init-addr none resolve-prefer ipv4')
        self.wait_addresses({'s1': '127.0.0.7:80'})

    @penstock_only('Its own way over TCP.')
    @penstock_only('HAProxy asks with EDNS alone')
    def test_a_name_server_that_does_not_know_edns(self):
        def answer(packet, _):
            if packet[11] != 0:
                return packet[:2] + b'\x81\x81' + packet[4:10] + bytes(2) + packet[12:-11]
            return ['127.0.0.7']
        for name in ('one.test', 'two.test', 'three.test'):
            self.dns.answers[(name, A)] = answer
        self.named(''.join('    server s%d %s.test:80 resolvers dns init-addr none resolve-prefer ipv4\n' % one
                           for one in enumerate(('one', 'two', 'three'))))
        self.wait_addresses({'s0': '127.0.0.7:80', 's1': '127.0.0.7:80', 's2': '127.0.0.7:80'})

    def test_a_name_server_that_is_asked_over_tcp_alone(self):
        self.dns.answers['app.test'] = ['127.0.0.1']
        self.named('server s1 app.test:80 resolvers dns init-addr none resolve-prefer ipv4',
                   section=self.section(address='tcp@' + self.dns.address))
        self.wait_addresses({'s1': '127.0.0.1:80'})
        self.assertEqual(self.dns.count(transport='udp'), 0)


class Commands(Named):
    SERVER = 'server s1 app.test:80 resolvers dns init-addr none resolve-prefer ipv4'

    def test_what_name_servers_said_is_counted(self):
        self.dns.answers['app.test'] = ['127.0.0.1']
        self.named(self.SERVER)
        self.wait_state('no check')
        text = self.admin('show resolvers dns')
        self.assertTrue(text.startswith('Resolvers section dns\n nameserver ns1:\n  sent:        '), text)
        self.assertEqual([line.split(':')[0].strip() for line in text.strip().splitlines()[2:]],
                         ['sent', 'snd_error', 'valid', 'update', 'cname', 'cname_error', 'any_err', 'nx', 'timeout',
                          'refused', 'other', 'invalid', 'too_big', 'truncated', 'outdated'])
        self.assertRegex(text, r'valid: +[1-9]')
        self.assertRegex(text, r'update: +1\n')
        self.assertIn("Can't find that resolvers section", self.admin('show resolvers nope'))
        lines = self.admin('show stat domain resolvers').strip().splitlines()
        self.assertEqual(lines[0], '# id,pid,sent,send_error,valid,update,cname,cname_error,any_err,nx,timeout,refused,'
                                   'other,invalid,too_big,truncated,outdated,')
        self.assertRegex(lines[1], r'^ns1,dns,\d+,0,\d+,1,0,0,0,')
        self.assertRegex(self.admin('show stat domain resolvers typed'),
                         r'N\.0\.id:CGP:str:ns1\nN\.1\.pid:CGP:str:dns\nN\.2\.sent:MGP:u64:\d+\n')
        self.assertIn('Invalid statistics domain.', self.admin('show stat domain nope'))

    @penstock_only('Its JSON cannot be read by others.')
    def test_counts_as_json(self):
        self.named(self.SERVER)
        rows = wait_until(lambda: json.loads(self.admin('show stat domain resolvers json')), 'the section')
        self.assertEqual([(cell['field']['name'], cell['value']['type']) for cell in rows[0]][:3],
                         [('id', 'str'), ('pid', 'str'), ('sent', 'u64')])
        self.assertEqual(rows[0][2]['tags'], {'origin': 'Metric', 'nature': 'Gauge', 'scope': 'Process'})

    def test_clear_counters_clears_those_of_name_servers(self):
        self.named(self.SERVER, section=self.section().replace('resolve 100ms', 'resolve 1h'))
        wait_until(lambda: re.search(r'nx: +[1-9]', self.admin('show resolvers dns')), 'an answer')
        self.admin('clear counters all')
        wait_until(lambda: not re.search(r'nx: +[1-9]', self.admin('show resolvers dns')), 'no counts')

    def test_another_name_by_command(self):
        self.dns.answers.update({'app.test': ['127.0.0.1'], 'other.test': ['127.0.0.2']})
        self.named(self.SERVER + '\nserver s2 127.0.0.1:81\nserver s3 _http._tcp.test resolvers dns init-addr none')
        self.wait_state('no check')
        self.assertIn("be/s1 changed its FQDN from app.test to other.test by 'stats socket command'",
                      self.admin('set server be/s1 fqdn other.test'))
        wait_until(lambda: self.addresses()['s1'] == '127.0.0.2:80', 'the other address')
        line = self.server_line('s1')
        self.assertEqual(line[17], 'other.test')
        for command, text in (('set server be/s1 fqdn', 'set server <b>/<s> fqdn requires a FQDN.'),
                              ('set server be/s1 fqdn other.test', 'no need to change the FDQN'),
                              ('set server be/s1 fqdn ..bad..', 'could not update be/s1 FQDN'),
                              ('set server be/s2 fqdn a.test', 'no resolution is configured'),
                              ('set server be/s3 fqdn a.test', 'SRV resolution is configured')):
            self.assertIn(text, self.admin(command))

    def test_maintenance_by_command_outlives_answers(self):
        self.dns.answers['app.test'] = ['127.0.0.1']
        self.named(self.SERVER)
        self.wait_state('no check')
        self.admin('set server be/s1 state maint')
        self.wait_state('MAINT')
        before = self.dns.count('app.test')
        wait_until(lambda: self.dns.count('app.test') > before + 2, 'more questions')
        self.assertEqual(self.states()['s1'], 'MAINT')
        self.admin('set server be/s1 state ready')
        self.wait_state('no check')

    def test_an_address_by_command_stands_while_answers_stay(self):
        self.dns.answers['app.test'] = ['127.0.0.1']
        self.named(self.SERVER)
        self.wait_state('no check')
        self.admin('set server be/s1 addr 127.0.0.9 port 99')
        before = self.dns.count('app.test')
        wait_until(lambda: self.dns.count('app.test') > before + 3, 'more questions')
        self.assertEqual(self.addresses(), {'s1': '127.0.0.9:99'})


class Reloads(Named):
    SERVER = 'server s1 app.test:80 resolvers dns init-addr none resolve-prefer ipv4'

    @penstock_only('It needs a state file for that.')
    def test_a_reload_keeps_the_addresses(self):
        self.dns.answers['app.test'] = ['127.0.0.1']
        rig = self.named(self.SERVER, section=self.section(hold='1h'))
        self.wait_state('no check')
        self.dns.answers['app.test'] = NX
        rig.reload()
        rig.output.wait('Reloaded in')
        self.assertEqual(self.addresses(), {'s1': '127.0.0.1:80'})
        before = self.dns.count('app.test')
        wait_until(lambda: self.dns.count('app.test') > before + 3, 'more questions')
        self.assertEqual(self.states()['s1'], 'no check')

    def test_a_state_file_has_the_last_address(self):
        self.dns.answers['app.test'] = None
        self.dns.answers['_http._tcp.test'] = None
        head = '1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight\n'
        rows = (('1 s1 127.0.0.5', '0', 'app.test 80 -'), ('2 s2 127.0.0.6', '0', 'app.test 80 -'),
                ('3 s3 127.0.0.7', '0', 'app.test 80 -'))
        folder = tempfile.mkdtemp(prefix='penstock-states.')
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        with open(folder + '/states', 'w') as file:
            file.write(head + ''.join('3 be %s 2 %s 1 1 10 1 0 0 0 0 0 0 %s 0 0 - - 0\n' % row for row in rows))
        more = ' app.test:80 resolvers dns init-addr '
        self.named('load-server-state-from-file global\nserver s1' + more + 'last,none\nserver s2' + more +
                   'last,none\nserver s3' + more + 'none',
                   globals_=GLOBAL + '    server-state-file %s/states\n' % folder,
                   section=self.section(hold='1h'))
        self.assertEqual(self.addresses(), {'s1': '127.0.0.5:80', 's2': '127.0.0.6:80', 's3': ''})

    @needs_root
    @penstock_only('It needs a state file for that.')
    def test_a_process_that_died_leaves_the_addresses(self):
        self.dns.answers['app.test'] = ['127.0.0.1']
        rig = self.named(self.SERVER, globals_=GLOBAL + DROPPED, section=self.section(hold='1h'))
        self.wait_state('no check')
        self.dns.answers['app.test'] = None
        pid = int(re.search(r'Pid: (\d+)', self.admin('show info')).group(1))
        os.kill(pid, signal.SIGKILL)

        def again():
            try:
                return self.states().get('s1') == 'no check' and 'Pid: %d\n' % pid not in self.admin('show info')
            except (OSError, AssertionError):
                return False
        wait_until(again, 'the next process')
        self.assertEqual(self.addresses(), {'s1': '127.0.0.1:80'})

    @penstock_only('A line of its own.')
    def test_the_line_of_a_reload_says_nothing_of_addresses_found(self):
        self.dns.answers['app.test'] = ['127.0.0.1']
        rig = self.named(self.SERVER + '\nlog <log> local0', globals_=GLOBAL + 'log <log> local0\n')
        self.wait_state('no check')
        rig.reload()
        line = rig.log.wait(r'Reloaded in .*')
        self.assertNotIn('in place of', str(line))


class Privileges(Named):
    ONCE = True

    @needs_root
    def test_names_are_asked_without_privileges_and_in_a_chroot(self):
        self.dns.answers['app.test'] = ['127.0.0.1']
        jail = tempfile.mkdtemp(prefix='penstock-jail.')
        self.addCleanup(shutil.rmtree, jail, ignore_errors=True)
        self.named('server s1 app.test:80 resolvers dns init-addr none resolve-prefer ipv4',
                   globals_=GLOBAL + DROPPED + '    chroot ' + jail + '\n',
                   environment={'ASAN_OPTIONS': 'detect_leaks=0:abort_on_error=0'})  # Which needs /proc.
        self.wait_state('no check')
