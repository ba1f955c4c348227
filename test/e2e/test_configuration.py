"""Words of the configuration in their second forms, at work."""
import glob
import os
import re
import shutil
import signal
import socket
import ssl
import tempfile
import threading
import time

from harness import (PATIENCE, ROOT, Case, Client, Script, certificate, check, penstock_only, read_head, run_program)


def ports(count):
    """The first of so many ports in a row that were free a moment ago."""
    while True:
        first = socket.create_server(('127.0.0.1', 0))
        low = first.getsockname()[1]
        held = [first]
        try:
            for port in range(low + 1, low + count):
                held.append(socket.create_server(('127.0.0.1', port)))
            return low
        except (OSError, OverflowError):
            continue
        finally:
            for sock in held:
                sock.close()


PLAIN = """
frontend fe
    bind <fe>
    %s
    default_backend be
backend be
    server s1 <s1> %s
"""


class Words(Case):
    def test_a_header_may_have_the_words_of_the_grammar_as_values(self):
        rig = self.rig(PLAIN % ('\n    '.join((
            'http-request set-header X-A file if TRUE', 'http-request set-header X-B if',
            'http-request set-header X-C unless if TRUE', 'http-request set-header X-D -f',
            'http-response set-header X-E lf-file if TRUE')), ''))
        answer = rig.get('/test/server')
        wire = rig.server('s1').wire()[-1]
        for line in (b'X-A: file', b'X-B: if', b'X-C: unless', b'X-D: -f'):
            self.assertIn(b'\r\n' + line + b'\r\n', wire)
        self.assertEqual(answer.get('X-E'), 'lf-file')

    def test_a_name_in_a_list_of_addresses_is_looked_up_at_start(self):
        rig = self.rig(PLAIN % ('http-request deny deny_status 429 if { src 10.9.9.9 localhost }', ''))
        self.assertEqual(rig.get('/test/server').status, 429)
        rig = self.rig(PLAIN % ('http-request deny deny_status 429 if !{ src localhost/8 }', ''))
        self.assertEqual(rig.get('/test/server').status, 200)

    def test_connections_come_from_the_ports_of_a_range(self):
        low = ports(3)
        seen = []
        together = threading.Barrier(3)

        def talk(sock, number):
            seen.append(sock.getpeername()[1])
            read_head(sock)
            together.wait(PATIENCE)
            sock.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')

        script = Script(talk)
        self.addCleanup(script.close)
        rig = self.rig(PLAIN % ('', 'source 127.0.0.1:%d-%d' % (low, low + 2)),
                       servers={'s1': script})
        clients = [rig.connect() for _ in range(3)]
        for client in clients:
            client.request('GET', '/')
        for client in clients:
            self.assertEqual(client.response().status, 200)
        self.assertEqual(sorted(seen), list(range(low, low + 3)))

    def test_authorities_may_stand_in_a_folder(self):
        rig = self.rig(PLAIN.replace('<s1>', '<s1+tls>') %
                       ('', 'ssl verify required verifyhost ex01.contoso.local ca-file <dir>/authorities'),
                       start=False)
        folder = os.path.join(rig.folder, 'authorities')
        os.mkdir(folder)
        shutil.copy(certificate('other-ca'), folder)
        shutil.copy(certificate('ca'), folder)
        with open(os.path.join(folder, '.hidden.pem'), 'w') as file:
            file.write('nothing')
        with open(os.path.join(folder, 'README'), 'w') as file:
            file.write('nothing')
        rig.start()
        self.assertEqual(rig.get('/test/server').status, 200)


class Check(Case):
    ONCE = True

    @penstock_only('words of its own')
    def test_a_file_that_cannot_be_read_in_a_folder_is_an_error(self):
        rig = self.rig(PLAIN % ('', ''), start=False)
        for make, word in ((lambda path: os.symlink('/nonexistent', path), 'No such file'),
                           (os.mkdir, 'Is a directory')):
            folder = os.path.join(rig.folder, word.replace(' ', ''))
            os.mkdir(folder)
            shutil.copy(rig.path, os.path.join(folder, '10.cfg'))
            make(os.path.join(folder, '20.cfg'))
            code, text = run_program('-c', '-f', folder)
            self.assertEqual(code, 1)
            self.assertIn(word, text)

    def test_names_of_binds_are_looked_up_by_check(self):
        for name, expected in (('localhost', 0), ('nobody.invalid', 1)):
            code, text = check(PLAIN.replace('<fe>', name + ':1').replace('<s1>', '127.0.0.1:1') % ('', ''))
            self.assertEqual(code, expected, text)

    def test_who_is_led_to_a_disabled_backend_finds_no_server(self):
        text = PLAIN + """frontend fe2
    bind <fe2>
    mode tcp
    option tcplog
    default_backend be2
backend be2
    disabled
    mode tcp
    server s1 <s1>
frontend fe3
    bind <fe3>
    option httplog
    use_backend %%[path,regsub(/,)]
"""
        rig = self.rig(text % ('option httplog', '\n    disabled\n    http-request deny deny_status 401'))
        for name, target in (('fe', '/'), ('fe3', '/be')):
            self.assertEqual(rig.get(target, frontend=name).status, 503)
            rig.log.wait(' %s be/<NOSRV> .* 503 .* SC-- ' % name)
        with Client(rig.addresses['fe2']) as client:
            client.send('x')
            self.assertIn(client.ending(), ('fin', 'rst'))
        rig.log.wait(' fe2 be2/<NOSRV> .* SC ')


class Templates(Case):
    ONCE = True

    @penstock_only('warnings of its own')
    def test_the_readme_and_the_examples_draw_no_warning(self):
        with open(os.path.join(ROOT, 'README.md')) as file:
            texts = {'README.md': file.read().split('```haproxy\n')[1].split('```')[0]}
        for path in glob.glob(os.path.join(ROOT, 'examples', '*.cfg')):
            with open(path) as file:
                texts[path] = file.read()
        self.assertGreater(len(texts), 5)
        for name, text in texts.items():
            text = re.sub(r' crt \S+', ' crt <certs>/mail.pem', text)
            code, output = check(re.sub(r'ca-file [^\s@]\S*', 'ca-file <certs>/ca.pem', text))
            self.assertEqual(code, 0, name)
            self.assertNotIn('WARNING', output, name)
            if 'mode http' in text:
                self.assertIn('unless { req.hdr(Host) -m len gt 0 }', text, name)

    @penstock_only('warnings of its own')
    def test_a_pool_that_a_map_names_draws_the_warning_of_one_reached_by_path(self):
        text = ('defaults\n    mode http\n    timeout connect 5s\n    timeout client 30s\n    timeout server 30s\n'
                'frontend fe\n    bind 127.0.0.1:1\n    use_backend bk_%%[%s,lower,%s(%s,none)]\n'
                'backend bk_phones\n    server s1 127.0.0.1:2\nbackend bk_none\n')
        folder = tempfile.mkdtemp(prefix='penstock-map.')
        self.addCleanup(shutil.rmtree, folder)
        path = os.path.join(folder, 'pools.map')
        for sample, converter, key in (('path', 'map_beg', '/microsoft-server-activesync'), ('path', 'map_reg', '^/(owa|mapi)'),
                                       ('req.hdr(host)', 'map', 'autodiscover.contoso.com')):
            with open(path, 'w') as file:
                file.write('# pools\n\n%s  phones\n/app none\n' % key)
            code, said = check(text % (sample, converter, path))
            self.assertEqual(code, 0, said)
            self.assertIn("short-timeout: 'timeout server' of 'bk_phones' is 30 s", said)
        with open(path, 'w') as file:
            file.write('/app phones\n')
        self.assertNotIn('short-timeout', check(text % ('path', 'map_beg', path))[1])
        # What no key of the map fits goes to its default.
        text = text.replace('backend bk_phones', 'backend bk_phones\n    option httpchk GET /owa/healthcheck.htm')
        with open(path, 'w') as file:
            file.write('/app none\n')
        self.assertNotIn("'timeout client' of 'fe'", check(text % ('path', 'map_beg', path))[1])
        said = check(text.replace(',none)', ',phones)') % ('path', 'map_beg', path))[1]
        self.assertIn("short-timeout: 'timeout client' of 'fe' is 30 s", said)
        # A percent sign that is escaped begins no sample.
        said = check(text.replace('bk_%%', 'bk_%%%%').replace(',none)', ',phones)') % ('path', 'map_beg', path))[1]
        self.assertNotIn("'timeout client' of 'fe'", said)

    def test_a_text_that_looks_like_a_map_names_no_file(self):
        text = 'defaults\n    mode http\n' + PLAIN.replace('<fe>', '127.0.0.1:1').replace('<s1>', '127.0.0.1:1')
        rules = ('set-header X %%[path,map(/nonexistent)]', 'set-header X "a,map(/nonexistent)"',
                 'set-header X a%%%%[path,map_beg(/nonexistent)]')
        code, said = check(text % ('\n    '.join('http-request ' + rule for rule in rules), ''))
        self.assertEqual(code, 0, said)
        for rule in ('set-header X %[path,map(/nonexistent)]', 'set-header X %{+Q}[path,lower,map(/nonexistent)]',
                     'set-header X %%%[path,map(/nonexistent)]', 'deny if { path_beg,map(/nonexistent) x }'):
            code, said = check(text % ('http-request ' + rule, ''))
            self.assertEqual(code, 1, said)
            self.assertIn('/nonexistent', said)

    def test_a_request_without_a_host_is_refused_by_the_rule_of_the_templates(self):
        rig = self.rig(PLAIN % ('http-request deny deny_status 400 unless { req.hdr(Host) -m len gt 0 }', ''))
        for head, status in ((b'GET /test/server HTTP/1.0\r\n\r\n', 400),
                             (b'GET /test/server HTTP/1.1\r\nHost:\r\n\r\n', 400),
                             (b'GET /test/server HTTP/1.1\r\nHost: a\r\n\r\n', 200)):
            with rig.connect() as client:
                client.send(head)
                self.assertEqual(client.response().status, status, head)


class Reload(Case):
    @penstock_only('a line of its own')
    def test_the_line_of_a_reload_names_each_difference(self):
        text = PLAIN % ('', 'check inter 1m')
        rig = self.rig(text)
        rig.log.keeps_all = True
        rig.log.wait(r'Started with pid \d+: clients at .* \(fe\); servers: be 1\.')

        def line():
            start = len(rig.log.lines)
            rig.signal(signal.SIGHUP)
            return rig.log.wait('Reloaded in.*', start=start).group()
        self.assertIn('no difference', line())
        rig.write(text.replace('check inter 1m', 'check inter 2m disabled'))
        self.assertRegex(line(), r'backend be: server s1: .*disabled')
        rig.write(text + 'backend more\n    server s1 127.0.0.1:1 weight 0\n    cookie A rewrite\n')
        self.assertIn('+backend more', line())
        rig.write(text)
        self.assertIn('-backend more', line())
        rig.signal(signal.SIGTERM)
        rig.log.wait(r'Stopped, pid \d+\.')

    @penstock_only('a line of its own')
    def test_the_line_of_a_reload_names_a_certificate_that_is_another_with_its_end(self):
        rig = self.rig(PLAIN.replace('bind <fe>', 'bind <fe> ssl crt <dir>/c.pem') % ('', ''), start=False)
        shutil.copy(certificate('mail'), os.path.join(rig.folder, 'c.pem'))
        rig.start()
        rig.log.keeps_all = True
        rig.log.wait('Started with pid')
        shutil.copy(certificate('soon'), os.path.join(rig.folder, 'c.pem'))
        rig.signal(signal.SIGHUP)
        end = time.gmtime(ssl.cert_time_to_seconds(ssl._ssl._test_decode_cert(certificate('soon', '.crt'))['notAfter']))
        rig.log.wait(r'Reloaded in .*: certificate \S+/c\.pem is another, which ends on ' + time.strftime('%Y-%m-%d %H:%M', end))

    @penstock_only('a line of its own')
    def test_what_takes_effect_at_the_next_start_is_said_while_it_differs_from_this_one(self):
        text = PLAIN % ('', '')
        rig = self.rig(text, nbthread=1)
        self.assertEqual(rig.get('/test/server').status, 200)

        def said(number):
            rig.nbthread = number
            rig.write(text)
            start = len(rig.log.lines)
            rig.signal(signal.SIGHUP)
            rig.log.wait('Reloaded in', start=start)
            return any('next start' in one for one in rig.log.lines[start:])
        self.assertTrue(said(2))
        self.assertTrue(said(2))
        self.assertFalse(said(1))
