"""Secrets planted wherever a configuration, the environment and a request may have them, looked for in all that is said.
What credentials are compared with is for administrators of level admin, when they ask for it by its name."""
import os
import re

from harness import Case, penstock_only, run_program, wait_until
from test_runtime_socket import ask

# Each word is a secret of its own, so that what shows it is known.
CONFIG = """
global
    stats socket <dir>/admin.sock level admin
    stats socket <dir>/operator.sock level operator
    stats socket <dir>/user.sock level user
    setenv INNER_PASSWORD Plant-setenv
    presetenv OTHER_TOKEN Plant-presetenv
    log ring@buf0 local0 debug
userlist people
    user ann insecure-password Plant-userlist groups all
    group all
defaults
    mode http
    option httplog
    timeout connect 2s
    timeout client 5s
    timeout server 5s
frontend fe
    bind <fe>
    bind <fe_tls> ssl crt <certs>/mail.pem
    log global
    acl knows req.hdr(X-Api-Key) Plant-acl
    http-request set-var(txn.token) str(Plant-var)
    http-request set-header Authorization "Basic Plant-header"
    http-request set-header X-Signed %[str(a),hmac(sha256,UGxhbnQtaG1hYw==),hex]
    http-request add-header X-Auth-Token "${MAIL_PASSWORD}"
    http-request deny if { req.cook(session) -m str Plant-cookie-rule }
    http-request auth realm r unless { http_auth(people) } knows
    http-request return status 200 hdr Set-Cookie session=Plant-answer if { path /own }
    stats enable
    stats uri /stats
    stats auth admin:Plant-stats
    default_backend be
backend be
    acl listed req.cook(session) -f <dir>/sessions.lst
    acl plain path_beg /shown
    http-request deny deny_status 403 if listed plain
    http-request set-header X-Who "%[req.hdr(X-Api-Key),map(<dir>/keys.map,nobody)]"
    http-request set-header X-Place "%[path,map(<dir>/places.map,nowhere)]"
    http-request set-map(<dir>/seen.map) %[req.cook(session)] %[src] if { path /never }
    http-request set-header X-Seen "%[path,map(<dir>/seen.map,no)]"
    use-server s1 if { req.cook(session) Plant-cookie-server }
    cookie SRV insert dynamic
    dynamic-cookie-key Plant-dynamic
    option httpchk
    http-check send meth GET uri /health?token=Plant-query hdr Authorization "Bearer Plant-check"
    server s1 <s1> check inter 100ms cookie c1
    server s2 <dead> check inter 100ms backup
"""
ENVIRONMENT = {'MAIL_PASSWORD': 'Plant-environment'}
FIELDS = [('Authorization', 'Basic Plant-sent'), ('Cookie', 'session=Plant-cookie'), ('X-Api-Key', 'Plant-key')]
COMMANDS = ('show env', 'show info', 'show info json', 'show stat', 'show stat json', 'show servers state', 'show servers conn',
            'show backend', 'show sess', 'show sess all', 'show requests', 'show pins', 'show errors', 'show events buf0',
            'show startup-logs', 'show acl', 'show map', 'show table', 'show why be/s1', 'show why be/s2',
            'show ssl cert', 'show ssl cert <certs>/mail.pem', 'show cli sockets', 'show fd', 'show activity', 'show tasks',
            'show pools', 'show threads', 'show libs', 'show version', 'help')
FILES = {'sessions.lst': 'Plant-listed\n', 'keys.map': 'Plant-map-key Plant-map-value\n', 'places.map': '/here shown\n',
         'seen.map': 'Plant-seen 10.0.0.1\n'}


@penstock_only('HAProxy shows some')
class Secrets(Case):
    ONCE = True

    def clean(self, text, what):
        self.assertEqual(re.findall(r'Plant-[\w-]+|UGxhbnQ\w+', text), [], what)

    def written(self, rig, name, text):
        path = os.path.join(rig.folder, name)
        with open(path, 'w') as file:
            file.write(text)
        return path

    def started(self):
        rig = self.rig(CONFIG, environment=ENVIRONMENT, start=False)
        for name, text in FILES.items():
            self.written(rig, name, text)
        rig.start()
        return rig

    def test_patterns_of_credentials_are_for_level_admin(self):
        rig = self.started()
        ids = {kind: re.findall(r'(?m)^(\d+) \((.*)\)', ask(rig, 'show ' + kind)) for kind in ('acl', 'map')}
        all_of = {}
        for name in ('admin.sock', 'operator.sock', 'user.sock'):
            said = ''.join(ask(rig, 'show %s #%s' % (kind, number), name) for kind in ids for number, _ in ids[kind])
            said += ask(rig, 'show map @0 %s/keys.map' % rig.folder, name)
            said += ask(rig, 'get map %s/keys.map Plant-map-key' % rig.folder, name)
            said += ''.join(ask(rig, 'get acl #%s Plant-cookie-rule' % number, name) for number, _ in ids['acl'])
            all_of[name] = said
        for secret in ('acl', 'cookie-rule', 'cookie-server', 'listed', 'map-key', 'map-value', 'seen'):
            self.assertIn('Plant-' + secret, all_of['admin.sock'])
        for name in ('operator.sock', 'user.sock'):
            self.clean(all_of[name], name)
            self.assertRegex(all_of[name], r'0x\w+ \(hidden\)\n')
            self.assertIn('key="(hidden)", value="(hidden)"', all_of[name])
            self.assertIn('pattern="(hidden)"', all_of[name])
            # What is no secret is there, on lines with secrets too.
            for plain in ('/own', '/shown', '/here shown'):
                self.assertIn(plain, all_of[name])
        # They stay what they were when a reload keeps them.
        self.assertIn('Success=1', ask(rig, 'reload'))
        self.clean(''.join(ask(rig, 'show %s #%s' % (kind, number), 'user.sock') for kind in ids for number, _ in ids[kind]), 'later')

    def test_no_listing_trace_or_complaint_shows_one(self):
        rig = self.started()
        with open(rig.path) as file:
            path = self.written(rig, 'same.cfg', re.sub(r'"fd@[^"]+"', '127.0.0.1:0', file.read()))
        wait_until(lambda: 'L4CON' in ask(rig, 'show stat be'), 'a check that failed')
        with rig.connect() as client:
            self.assertEqual(client.get('/x', fields=FIELDS).status, 401)
            self.assertEqual(client.get('/own', fields=FIELDS[1:2]).status, 401)
            client.send(b'GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic Plant-sent\r\nCookie: a=Plant-cookie\r\n'
                        b'X-Api-Key: Plant-key\r\nBad Name: x\r\n\r\n')
            client.rest()
        for command in COMMANDS:
            self.clean(ask(rig, command.replace('<certs>', os.environ['E2E_CERTS'])), command)
        wishes = ['GET http://h/ews/'] + [word for name, value in FIELDS for word in ('--header', '%s: %s' % (name, value))]
        self.clean(ask(rig, 'explain ' + ' '.join(word.replace(' ', '\\ ') for word in wishes)), 'explain')
        for options in ([], ['--json']):
            code, text = run_program('--explain', *wishes, *options, '-f', path, environment=ENVIRONMENT)
            self.assertIn('(hidden)', text)
            self.clean(text, '--explain')
        for option in ('--graph', '--graph=dot', '--probe'):
            self.clean(run_program(option, '-f', path, environment=ENVIRONMENT)[1], option)
        self.clean(ask(rig, 'reload'), 'reload')

    def test_no_difference_and_no_complaint_shows_one(self):
        rig = self.started()
        with open(rig.path) as file:
            made = re.sub(r'"fd@[^"]+"', '127.0.0.1:0', file.read())
        changed = made.replace('Plant-', 'Plant-other-')
        before, after = self.written(rig, 'a.cfg', made), self.written(rig, 'b.cfg', changed)
        code, text = run_program('--diff', before, after, environment=ENVIRONMENT)
        self.assertEqual(code, 1, text)
        self.clean(text, '--diff')
        # Each line with a secret made a wrong one.
        lines = made.splitlines()
        for number, line in enumerate(lines):
            if 'Plant' not in line:
                continue
            for wrong in (line + ' nonsense-word', line.replace('    ', '    x', 1), line + ' "'):
                path = self.written(rig, 'wrong.cfg', '\n'.join(lines[:number] + [wrong] + lines[number + 1:]) + '\n')
                for options in ([], ['--json']):
                    self.clean(run_program('-c', *options, '-f', path, environment=ENVIRONMENT)[1], wrong)
        self.written(rig, os.path.basename(rig.path), changed)
        self.clean(ask(rig, 'reload'), 'reload')
