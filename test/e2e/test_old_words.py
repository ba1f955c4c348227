"""Words of HAProxy 1.x that HAProxy 2.6 refuses: carried out as they were, or refused with the line to write."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from harness import PROGRAM, Case, Client, Rig, check, penstock_only, run_program

OLD = r"""# A file of 2012.
global
    nbproc 1
	maxconn 1000     # a tab before it
defaults
    mode http
    contimeout 5000
    clitimeout 50000    # fifty seconds
    srvtimeout 50000
    redispatch
    option forceclose
frontend web
    bind 127.0.0.1:1
    acl internal src 10.0.0.0/8
    block if { path_beg /ecp } !internal
    http-request set-header X-First 1
    reqadd X-Forwarded-Proto:\ https
    http-request set-header X-Second 2
    reqidel ^X-Forwarded-For:.*
    reqirep ^([^\ :]*)\ /mail/(.*)     \1\ /owa/\2   # the old path

    rspidel ^Server:.*
    rspadd Strict-Transport-Security:\ max-age=31536000 if { ssl_fc }
    default_backend be
backend be
    server s1 localhost:443 ssl  # trust?
listen smtp 127.0.0.1:25
    mode tcp
    server s1 127.0.0.1:2
"""
# The line that adds stands above one of http-request, behind which it acts.
FIXED = r"""# A file of 2012.
global
	maxconn 1000     # a tab before it
defaults
    mode http
    timeout connect 5000
    timeout client 50000    # fifty seconds
    timeout server 50000
    option redispatch
    option httpclose
frontend web
    bind 127.0.0.1:1
    acl internal src 10.0.0.0/8
    http-request deny if { path_beg /ecp } !internal
    http-request set-header X-First 1
    reqadd X-Forwarded-Proto:\ https
    http-request set-header X-Second 2
    http-request del-header X-Forwarded-For
    http-request replace-uri (?i)^/mail/(.*) '/owa/\1'   # the old path

    http-response del-header Server
    http-response add-header Strict-Transport-Security max-age=31536000 if { ssl_fc }
    default_backend be
backend be
    server s1 localhost:443 ssl verify required ca-file @system-ca verifyhost localhost  # trust?
listen smtp
    bind 127.0.0.1:25
    mode tcp
    server s1 127.0.0.1:2
"""


@penstock_only('old words, which HAProxy refuses')
class OldWords(Case):
    ONCE = True

    def fix(self, text):
        with tempfile.TemporaryDirectory(prefix='penstock-e2e.') as folder:
            path = os.path.join(folder, 'old.cfg')
            with open(path, 'w', newline='') as file:
                file.write(text)
            done = subprocess.run([PROGRAM, '-c', '--fix', '-f', path], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def meaning(self, text, *options):
        with tempfile.TemporaryDirectory(prefix='penstock-e2e.') as folder:
            path = os.path.join(folder, 'a.cfg')
            with open(path, 'w') as file:
                file.write(text)
            code, said = run_program(*options, '-q', '-f', path)
        return code, re.sub(r'\S*/a\.cfg', 'a.cfg', said)

    def test_fix_prints_the_file_with_the_lines_rewritten_that_are_certain(self):
        code, text, left = self.fix(OLD)
        self.assertEqual(text, FIXED)
        self.assertEqual(code, 0, left)
        self.assertEqual(left.count("is an old word"), 1, left)

    def test_a_fixed_file_draws_none_of_these_warnings_and_means_the_same(self):
        for options in (('-c', '-d'), ('--graph',)):
            self.assertEqual(self.meaning(OLD, *options), self.meaning(FIXED, *options))
        code, said = check(FIXED)
        self.assertEqual(said.count('is an old word'), 1, said)
        self.assertEqual(self.fix(FIXED)[1], FIXED)

    @unittest.skipUnless(shutil.which('haproxy'), 'needs HAProxy beside it')
    def test_haproxy_refuses_the_old_file_and_accepts_the_fixed_one(self):
        with tempfile.TemporaryDirectory(prefix='penstock-e2e.') as folder:
            for name, text, code in (('old', OLD, 1), ('new', re.sub('    reqadd.*\n', '', FIXED), 0)):
                path = os.path.join(folder, name + '.cfg')
                with open(path, 'w') as file:
                    file.write(text)
                done = subprocess.run(['haproxy', '-c', '-f', path], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
                self.assertEqual(done.returncode, code, done.stderr)

    def test_line_ends_of_another_system_stay(self):
        text = 'defaults\r\n    mode http\r\n    clitimeout 5s # old\r\n    redispatch\r\n'
        self.assertEqual(self.fix(text)[1], 'defaults\r\n    mode http\r\n    timeout client 5s # old\r\n    option redispatch\r\n')

    def test_what_a_variable_says_is_not_written_out(self):
        text = 'defaults\n    mode http\n    clitimeout "${NOBODY-5s}"\n'
        code, out, left = self.fix(text)
        self.assertEqual(out, text)
        self.assertIn("write 'timeout client 5s'", left)

    def test_words_that_refuse_delete_or_persist_never_load_without_effect(self):
        frame = 'frontend fe\n    mode http\n    bind 127.0.0.1:1\n    timeout client 5s\n    %s\n'
        for line in (r'reqdeny ^User-Agent:\ evil', r'reqideny evil', 'reqtarpit x', 'reqitarpit ^X:', 'rspdeny ^Set-Cookie:', 'rspideny x',
                     r'reqdel ^X-Foo:', r'rspdel ^Server', 'reqidel foo', r'reqidel ^Cookie:\ a', 'appsession SID len 10 timeout 1h', 'reqallow x',
                     'reqpass x', 'reqsetbe a b', 'monitor-net 10.0.0.0/8', 'option http-tunnel', r'reqrep ^([^\ ]*)\ /a(.*) \1\ /b\2',
                     r'rsprep ^Location:\ a(.*) Location:\ b\1', 'cliexp a b', 'srvexp a b'):
            code, said = check(frame % line)
            self.assertEqual(code, 1, line)
            self.assertRegex(said, "no longer part of the grammar, and no line is certain to do the same: write '", line)
        for line in ('block if { path /x }', 'block unless { path /x }', 'reqidel ^X-Foo:.*', 'rspidel ^Server'):
            code, said = check(frame % line, '-d')
            self.assertEqual(code, 0, line)
            self.assertRegex(said, r'http-re(quest|sponse) (deny|del-header)', line)

    def test_old_lines_act_where_they_acted(self):
        rig = Rig(r"""
frontend fe
    bind <fe>
    http-request set-var(txn.seen) req.hdr(x-added)
    reqadd X-Added:\ 100%
    reqirep ^([^\ :]*)\ /mail/(.*) \1\ /owa/\2
    reqidel ^X-Gone:.*
    reqidel ^X-Begin
    reqirep ^X-Change:\ (.*)-(.*) X-Change:\ \2-\1
    rspirep ^Location:\ http://(.*) Location:\ https://\1
    rspidel ^Server:.*
    rspadd X-Out:\ added
    http-request set-header X-Seen %[var(txn.seen)]
    http-request set-header X-Path %[path]
    block if { path_beg /mail/secret }
    default_backend be
backend be
    server s1 <s1>
""")
        self.addCleanup(rig.close)
        with Client(rig.addresses['fe']) as client:
            self.assertEqual(client.request('GET', '/mail/secret').response().status, 403)
        with Client(rig.addresses['fe']) as client:
            answer = client.request('GET', '/MAIL/box?a=b', [('X-Gone', '1'), ('X-Begin-Not', '2'), ('x-change', 'one-two')]).response()
        self.assertEqual((answer.all('x-out'), answer.all('server')), (['added'], []))
        seen = rig.servers['s1'].wire()[-1].decode('latin-1')
        self.assertTrue(seen.startswith('GET /owa/box?a=b HTTP/1.1\r\n'), seen)
        for line in ('X-Added: 100%', 'X-Seen: ', 'X-Path: /MAIL/box', 'x-change: two-one'):
            self.assertIn('\r\n%s\r\n' % line, seen)
        self.assertNotRegex(seen, '(?i)x-gone|x-begin')
