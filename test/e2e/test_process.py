"""The process itself: options, background, privileges, parent and child, what the service manager hears.

Much of it needs root. Tests of dropped privileges run as the user of Debian's haproxy package.
"""
import os
import pwd
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from harness import (HERE, PATIENCE, PROGRAM, ROOT, Case, Client, Cut, Log, certificate, certificates, check,
                     penstock_only, read_head, reserved_port, tls_client, wait_until)

try:
    OTHER = pwd.getpwnam('haproxy')
except KeyError:
    OTHER = None
needs_root = unittest.skipUnless(os.geteuid() == 0 and OTHER, 'needs root and the user haproxy')

PLAIN = """
frontend fe
    bind <fe>
    http-request return status 200 content-type text/plain string here
"""
DROPPED = '    user haproxy\n    group haproxy\n'


def environment_for(text, more=()):
    """LeakSanitizer cannot look into a process that has given up privileges."""
    drops = re.search(r'(?m)^\s*(user|uid|group|gid|chroot)\b', text)
    return {**({'ASAN_OPTIONS': 'detect_leaks=0:abort_on_error=0'} if drops else {}), **dict(more)}


def children(pid):
    try:
        with open('/proc/%d/task/%d/children' % (pid, pid)) as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def facts(pid):
    with open('/proc/%d/status' % pid) as file:
        return dict(re.findall(r'(?m)^(\w+):[ \t]*(.*?)[ \t]*$', file.read()))


def is_gone(pid):
    try:
        return facts(pid)['State'].startswith('Z')
    except OSError:
        return True


def is_refused(address):
    try:
        socket.create_connection(address).close()
    except ConnectionRefusedError:
        return True


def end(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def low_port():
    """A port below 1024 that nobody listens on, reserved."""
    for _ in range(200):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            sock.bind(('127.0.0.1', random.randrange(600, 1024)))
            return sock
        except OSError:
            sock.close()
    raise unittest.SkipTest('no port below 1024 is free')


class Manager:
    """A service manager: the socket that NOTIFY_SOCKET names, and what came there."""

    def __init__(self, name):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(name)
        self.socket.settimeout(PATIENCE)

    def next(self):
        return self.socket.recv(4096).decode()

    def close(self):
        self.socket.close()


@penstock_only('has other processes')
class Keys(Case):
    """Where the text of private keys lies: /proc/PID/mem tells, and smaps what a core dump would take."""
    TEXT = """
frontend fe
    bind <fe> ssl crt <certs>/mail-rsa.pem crt <dir>/apart.crt verify optional ca-file <dir>/both.pem
    http-request return status 200
backend be
    server s1 127.0.0.1:1 ssl verify required ca-file <dir>/cas crt <certs>/client.pem
"""
    NAMES = ('mail-rsa', 'autodiscover', 'client', 'wild', 'other')

    @staticmethod
    def lines_of(name):
        """The lines of the key's text that are long enough to be nobody else's."""
        with open(certificate(name)) as file:
            key = re.search(r'-----BEGIN [A-Z ]*PRIVATE KEY-----\n(.*?)\n-----END', file.read(), re.S).group(1)
        return [line[:40].encode() for line in key.split('\n') if len(line) >= 40]

    @staticmethod
    def numbers_of(name):
        """The key's private numbers, as a file has them and as a library reckons with them."""
        text = subprocess.run(['openssl', 'pkey', '-noout', '-text', '-in', certificate(name)], check=True,
                              stdout=subprocess.PIPE, text=True).stdout
        numbers = [int(digits.replace(':', '').replace('\n', '').replace(' ', ''), 16) for digits in re.findall(
            r'(?m)^(?:priv|privateExponent|prime\d|exponent\d|coefficient):\n((?: +[0-9a-f:]+\n)+)', text)]
        return [number.to_bytes(number.bit_length() + 7 >> 3, order) for number in numbers for order in ('big', 'little')]

    def places(self, pid):
        """(name, left out of dumps) for each line of a key, each time that it is found."""
        wanted = [(name, line) for name in self.NAMES for line in self.lines_of(name)]
        return sorted((name, left_out) for name, left_out in self.found(pid, wanted))

    def dumped(self, pid):
        """The names of the keys of which a core dump has a number."""
        numbers = [(name, number) for name in self.NAMES for number in self.numbers_of(name)]
        return sorted({name for name, left_out in self.found(pid, numbers) if not left_out})

    def found(self, pid, wanted):
        found = []
        for left_out, held in self.mappings(pid):
            for name, piece in wanted:
                found += [(name, left_out)] * held.count(piece)
        return found

    @staticmethod
    def mappings(pid):
        """(left out of dumps, bytes) of each."""
        with open('/proc/%d/smaps' % pid) as file:
            maps = re.findall(r'(?m)^([0-9a-f]+)-([0-9a-f]+) r.*\n(?:[A-Z].*\n)*?VmFlags: (.*)$', file.read())
        with open('/proc/%d/mem' % pid, 'rb', 0) as memory:
            for begin, end, flags in maps:
                begin, end = int(begin, 16), int(end, 16)
                if end - begin > 1 << 28:
                    continue  # A sanitizer's shadow.
                try:
                    memory.seek(begin)
                    held = memory.read(end - begin)
                except (OSError, ValueError, OverflowError):
                    continue  # The kernel's own.
                yield 'dd' in flags.split(), held

    def start(self, *arguments):
        rig = self.rig(self.TEXT, start=False, arguments=arguments)
        os.mkdir(rig.folder + '/cas')
        shutil.copy(certificate('autodiscover'), rig.folder + '/apart.crt')
        with open(rig.folder + '/apart.crt') as file:
            text = file.read()
        key = re.search(r'-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----\n', text, re.S)
        with open(rig.folder + '/apart.key', 'w') as file:
            file.write(key.group())
        with open(rig.folder + '/apart.crt', 'w') as file:
            file.write(text.replace(key.group(), ''))
        shutil.copy(certificate('wild'), rig.folder + '/both.pem')
        for name in ('ca', 'other'):
            shutil.copy(certificate(name), rig.folder + '/cas')
        rig.start()
        self.ask(rig)
        return rig

    def ask(self, rig):
        with Client(rig.addresses['fe'], sni='mail.contoso.com', context=tls_client()) as client:
            self.assertEqual(client.get('/').status, 200)

    def test_who_serves_has_no_text_of_a_key(self):
        rig = self.start()
        self.assertEqual(self.places(rig.process.pid), [])
        rig.reload()
        rig.output.wait('Reloaded')
        self.assertEqual(self.places(rig.process.pid), [])

    def test_a_dump_of_who_serves_has_no_number_of_a_key(self):
        with open(PROGRAM, 'rb') as file:
            program = file.read()
        has_hooks = b'\0OPENSSL_memory_alloc\0' in program
        rig = self.start()
        pid = rig.process.pid
        every = {name for name, _ in self.found(pid, [(n, x) for n in self.NAMES for x in self.numbers_of(n)])}
        self.assertEqual(every, {'mail-rsa', 'autodiscover', 'client'})  # The search does find them.
        if not has_hooks:  # A sanitizer watches the library's memory.
            return self.assertIn(b'__asan_init', program)
        self.assertEqual(self.dumped(pid), [])
        rig.reload()
        rig.output.wait('Reloaded')
        self.ask(rig)
        self.assertEqual(self.dumped(pid), [])

    def test_no_dump_has_a_key_of_session_tickets(self):
        rig = self.start('-W')
        child = wait_until(lambda: children(rig.process.pid), 'a child')[0]
        kept = rig.folder + '/session.pem'
        subprocess.run(['openssl', 's_client', '-connect', '%s:%d' % rig.addresses['fe'], '-tls1_2', '-sess_out', kept],
                       input=b'', stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE)
        told = subprocess.run(['openssl', 'sess_id', '-in', kept, '-noout', '-text'], check=True, stdout=subprocess.PIPE, text=True)
        # A ticket begins with its key's name, and behind the name stand, where it is kept, both halves of the key.
        name = bytes.fromhex(re.search(r'session ticket:\n +0000 - ([0-9a-f -]{47})', told.stdout).group(1).replace('-', ' '))
        keys = set()
        for left_out, held in self.mappings(rig.process.pid):
            for at in re.finditer(re.escape(name), held):
                self.assertTrue(left_out)
                keys.add(held[at.end():at.end() + 64])
        self.assertEqual(len(keys), 1)
        halves = [half for key in keys for half in (key[:32], key[32:])]
        wanted = [(place, half) for place, half in enumerate(halves)]
        self.assertIn((0, True), self.found(child, wanted))
        for pid in (rig.process.pid, child):
            dumped = [place for place, left_out in self.found(pid, wanted) if not left_out]
            if self.has_hooks():  # A sanitizer watches the library's memory.
                self.assertEqual(dumped, [])

    @staticmethod
    def has_hooks():
        with open(PROGRAM, 'rb') as file:
            return b'\0OPENSSL_memory_alloc\0' in file.read()

    def test_a_parent_has_one_which_no_dump_takes_and_its_children_serve_with_it(self):
        rig = self.start('-W')
        wanted = sorted((name, True) for name in ('mail-rsa', 'autodiscover', 'client') for _ in self.lines_of(name))
        child = wait_until(lambda: children(rig.process.pid), 'a child')[0]
        self.assertEqual(self.places(rig.process.pid), wanted)
        self.assertEqual(self.places(child), [])
        rig.reload()
        rig.output.wait('Reloaded')
        self.ask(rig)
        self.assertEqual(self.places(rig.process.pid), wanted)
        self.assertEqual(self.places(child), [])
        os.kill(child, signal.SIGKILL)
        other = wait_until(lambda: [pid for pid in children(rig.process.pid) if pid != child], 'another child')[0]
        self.ask(rig)
        self.assertEqual(self.places(rig.process.pid), wanted)
        self.assertEqual(self.places(other), [])


@penstock_only('has other processes')
class Process(Case):

    def jail(self):
        folder = tempfile.TemporaryDirectory(prefix='penstock-jail.')
        self.addCleanup(folder.cleanup)
        os.chmod(folder.name, 0o755)
        return folder.name

    def serve(self, text=PLAIN, **options):
        environment = environment_for(options.get('globals_', ''), options.pop('environment', {}))
        rig = self.rig(text, environment=environment, **options)
        if rig.process:
            rig.get('/')
        return rig

    def child(self, rig, other_than=0):
        def found():
            return [pid for pid in children(rig.process.pid) if pid != other_than]
        return wait_until(found, 'a child')[0]

    def background(self, text, *arguments, pid_file=None, environment=()):
        """Starts without -db; the exit status, what was said, and the process id written."""
        with tempfile.NamedTemporaryFile('w', prefix='penstock-e2e.', suffix='.cfg') as file:
            file.write(text)
            file.flush()
            pid_file = pid_file or file.name + '.pid'
            done = subprocess.run([PROGRAM, '-f', file.name, '-p', pid_file, *arguments], timeout=PATIENCE,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  env={**os.environ, **environment_for(text, environment)})
        pid = None
        if os.path.exists(pid_file):
            with open(pid_file) as file:
                pid = int(file.read() or 0) or None
            os.unlink(pid_file)
        if pid:
            self.addCleanup(end, pid)
        return done.returncode, done.stdout.decode(), pid

    def somewhere(self, text=PLAIN, globals_=''):
        """A configuration with an address of its own, and the address."""
        port = reserved_port()
        self.addCleanup(port.close)
        address = port.getsockname()
        head = 'global\n%s\ndefaults\n    mode http\n    timeout connect 5s\n    timeout client 5s\n' \
               '    timeout server 5s\n' % globals_
        return head + text.replace('<fe>', '127.0.0.1:%d' % address[1]), address


@needs_root
class Privileges(Process):

    def test_the_serving_process_is_who_was_named_with_no_way_back(self):
        rig = self.serve(globals_=DROPPED + '    chroot ' + self.jail())
        child = self.child(rig)
        about = facts(child)
        self.assertEqual(about['Uid'].split(), [str(OTHER.pw_uid)] * 4)
        self.assertEqual(about['Gid'].split(), [str(OTHER.pw_gid)] * 4)
        self.assertEqual((about['Groups'], int(about['CapPrm'], 16), about['NoNewPrivs']), ('', 0, '1'))
        self.assertIn('penstock-jail.', os.readlink('/proc/%d/root' % child))
        self.assertEqual(facts(rig.process.pid)['Uid'].split()[0], '0')

    def test_without_group_the_users_own_is_taken(self):
        child = self.child(self.serve(globals_='    uid %d' % OTHER.pw_uid))
        self.assertEqual(facts(child)['Gid'].split(), [str(OTHER.pw_gid)] * 4)

    def test_one_process_serves_where_nothing_is_dropped(self):
        self.assertEqual(children(self.serve(globals_='    user root').process.pid), [])

    def test_the_child_keeps_no_descriptor_of_the_parents(self):
        rig = self.serve(globals_=DROPPED + '    pidfile <dir>/pid')
        def links(pid):
            return [os.readlink('/proc/%d/fd/%s' % (pid, fd)) for fd in os.listdir('/proc/%d/fd' % pid)]
        self.assertIn('anon_inode:[signalfd]', links(rig.process.pid))
        self.assertFalse([link for link in links(self.child(rig)) if 'signalfd' in link or 'pid' in link])

    def test_a_reload_reads_what_only_root_may_and_binds_low_ports(self):
        """A new certificate that root alone can read, a port below 1024; a maxconn beyond the descriptor
        limit, if root may raise that here (CAP_SYS_RESOURCE)."""
        may_raise = int(facts(os.getpid())['CapEff'], 16) >> 24 & 1
        text = PLAIN + 'frontend tls\n    bind <dir>/tls.sock ssl crt <dir>/secret.pem\n' \
                       '    http-request return status 200\n'
        port = low_port()
        self.addCleanup(port.close)
        rig = self.serve(start=False, globals_=DROPPED + '    maxconn 50', nofile=600)
        def put(name):
            with open(certificate(name), 'rb') as source, open(rig.folder + '/secret.pem', 'wb') as to:
                to.write(source.read())
            os.chmod(rig.folder + '/secret.pem', 0o400)
        put('mail')
        rig.write(text).start()
        rig.get('/')
        os.chmod(rig.folder, 0o700)
        def seen():
            context = tls_client(verify=True)
            with Client(rig.folder + '/tls.sock', sni='mail.contoso.com', context=context) as client:
                return [name for _, name in client.socket.getpeercert()['subjectAltName']]
        self.assertEqual(seen(), ['mail.contoso.com'])
        put('ex01')
        rig.globals_ = DROPPED + '    maxconn %d' % (2000 if may_raise else 60)
        rig.reload(text + 'frontend low\n    bind 127.0.0.1:%d\n    http-request return status 200\n'
                   % port.getsockname()[1])
        rig.output.wait(r'Reloaded in .*\+frontend low')
        self.assertEqual(seen(), ['mail.contoso.com', 'ex01.contoso.local'])
        with Client(port.getsockname()) as client:
            self.assertEqual(client.get('/').status, 200)
        self.assertEqual(facts(self.child(rig))['Uid'].split()[0], str(OTHER.pw_uid))

    def test_what_a_reload_takes_away_is_closed(self):
        """The parent and the child before must not keep a socket open that nobody serves."""
        port = reserved_port()
        more = 'frontend more\n    bind 127.0.0.1:%d\n    http-request return status 200\n' % port.getsockname()[1]
        address = port.getsockname()
        rig = self.serve(PLAIN + more, globals_=DROPPED)
        port.close()
        rig.reload(PLAIN)
        rig.output.wait(r'Reloaded in .*-frontend more')
        wait_until(lambda: is_refused(address), 'the address to be free')

    def test_a_reload_refused_changes_nothing_and_says_why(self):
        rig = self.serve(PLAIN, globals_=DROPPED)
        child = self.child(rig)
        rig.reload(PLAIN + '    use_backend nowhere\n    bind 127.0.0.1:1 ssl crt /nonexistent.pem\n')
        rig.output.wait(r"(?s)nowhere.*cannot read '/nonexistent.pem'.*Reload refused: 2 error")
        self.assertEqual(rig.get('/').body, b'here')
        rig.reload(PLAIN.replace('here', 'there'))
        rig.output.wait('Reloaded')
        self.assertEqual(rig.get('/').body, b'there')
        self.assertEqual(self.child(rig), child)

    def test_what_takes_effect_at_the_next_start_is_said(self):
        rig = self.serve(globals_=DROPPED)
        rig.globals_ = '    user root\n    group haproxy'
        rig.reload(PLAIN)
        rig.output.wait(r'user: a change takes effect at the next start')
        rig.output.wait('Reloaded')
        self.assertEqual(facts(self.child(rig))['Uid'].split()[0], str(OTHER.pw_uid))

    def test_names_that_are_not_there_are_errors(self):
        text, _ = self.somewhere()
        for line, said in (('user nosuchuser', "there is no user 'nosuchuser'"),
                           ('group nosuchgroup', "there is no group 'nosuchgroup'")):
            code, output = check(text.replace('global\n', 'global\n    ' + line + '\n'))
            self.assertEqual(code, 1, line)
            self.assertRegex(output, r'test\.cfg:2:.*' + re.escape(said))
        code, output = check(text.replace('global\n', 'global\n    chroot /nonexistent\n'))
        self.assertEqual(code, 0)
        self.assertIn("'/nonexistent' is no folder: a start will fail", output)
        code, output, _ = self.background(text.replace('global\n', 'global\n    chroot /nonexistent\n'), '-D')
        self.assertEqual(code, 1)
        self.assertIn("cannot chroot to '/nonexistent': No such file", output)

    def test_who_is_not_root_is_told_what_cannot_be(self):
        nobody, folder = pwd.getpwnam('nobody'), self.jail()
        program = shutil.copy(PROGRAM, folder)   # The one under test may be out of reach.
        for line, said in (('user haproxy', 'cannot become group .*of user haproxy'),
                           ('chroot /var/lib/haproxy', "cannot chroot to '/var/lib/haproxy'")):
            text, _ = self.somewhere(globals_='    ' + line)
            with open(folder + '/x.cfg', 'w') as file:
                file.write(text)
            done = subprocess.run([program, '-db', '-f', folder + '/x.cfg'], user=nobody.pw_uid,
                                  group=nobody.pw_gid, extra_groups=[], timeout=PATIENCE, cwd=folder,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stdout.decode(), said)

    def test_under_chroot_a_log_socket_made_anew_is_reached_again(self):
        rig = self.serve(start=False, globals_=DROPPED + '    chroot ' + self.jail() + '\n    log <dir>/log local0')
        first = Log('unix', rig.folder + '/log')
        rig.write(PLAIN.replace('bind', 'log global\n    option httplog\n    bind')).start()
        rig.get('/one')
        first.wait('GET /one')
        first.close()
        os.unlink(rig.folder + '/log')
        second = Log('unix', rig.folder + '/log')
        self.addCleanup(second.close)
        def heard():
            rig.get('/two')
            return any('GET /two' in line for line in second.drain())
        wait_until(heard, 'a line at the new socket', pause=0.05)
        third = Log('unix', rig.folder + '/other')
        self.addCleanup(third.close)
        rig.globals_ += '\n    log <dir>/other local0'
        rig.reload(PLAIN.replace('bind', 'log global\n    option httplog\n    bind'))
        rig.output.wait('Reloaded')
        rig.get('/three')
        third.wait('GET /three')


@needs_root
class DebianConfiguration(Process):

    def test_the_file_that_debian_installs_runs_unchanged(self):
        """With a frontend added: chroot, user, group, daemon, error files, /dev/log."""
        source = '/etc/haproxy/haproxy.cfg'
        if not os.path.exists(source):
            self.skipTest('the package haproxy is not installed')
        with open(source) as file:
            text = file.read()
        if not os.path.exists('/run/haproxy'):
            os.mkdir('/run/haproxy')    # As the system does when it starts.
            self.addCleanup(shutil.rmtree, '/run/haproxy')
        port = reserved_port()
        self.addCleanup(port.close)
        text += '\nfrontend fe\n    bind 127.0.0.1:%d\n    http-request deny if { path /no }\n' \
                '    http-request return status 200\n' % port.getsockname()[1]
        code, said, pid = self.background(text)
        self.assertEqual((code, 'ALERT' in said), (0, False), said)
        child = children(pid)[0]
        self.assertEqual(facts(child)['Uid'].split()[0], str(OTHER.pw_uid))
        self.assertEqual(os.readlink('/proc/%d/root' % child), '/var/lib/haproxy')
        with Client(port.getsockname()) as client:
            self.assertEqual(client.get('/').status, 200)
            with open('/etc/haproxy/errors/403.http', 'rb') as file:
                self.assertIn(client.get('/no').body.strip(), file.read())
        os.kill(pid, signal.SIGHUP)
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: is_gone(pid) and is_gone(child), 'the end')


class Restart(Process):

    def test_clients_notice_little_of_a_dead_child(self):
        """kill -9 with clients trying all the time: nobody is refused, service is back within a second."""
        port = reserved_port()
        self.addCleanup(port.close)
        address = port.getsockname()
        rig = self.serve(PLAIN + '    bind 127.0.0.1:%d\n' % address[1], arguments=['-W'])
        stop = threading.Event()
        refused, gaps = [], []

        def client(address):
            last = time.monotonic()
            while not stop.is_set():
                try:
                    with Client(address) as one:
                        one.get('/')
                except ConnectionRefusedError as error:
                    refused.append(error)
                except (OSError, Cut):
                    continue     # It was with the one that died.
                now = time.monotonic()
                gaps.append(now - last)
                last = now
        threads = [threading.Thread(target=client, args=[to])
                   for to in (address, address, rig.addresses['fe'], rig.addresses['fe'])]
        for thread in threads:
            thread.start()
        child = 0
        for _ in range(2):
            child = self.child(rig, other_than=child)
            before = len(gaps)
            wait_until(lambda: len(gaps) > before + 8, 'clients to be served')
            os.kill(child, signal.SIGKILL)
        self.child(rig, other_than=child)
        before = len(gaps)
        wait_until(lambda: len(gaps) > before + 8, 'service to be back')
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(refused, [])
        self.assertLess(max(gaps), 1.0 if PATIENCE <= 10 else 10.0)
        rig.output.wait(r'died of signal 9 \(Killed\)\. Another one is started')

    def test_another_child_serves_what_was_accepted_last(self):
        """Whatever stands on the disk by then."""
        rig = self.serve(arguments=['-W'])
        rig.reload(PLAIN.replace('here', 'there'))
        rig.output.wait('Reloaded')
        rig.reload('nonsense\n')
        rig.output.wait('Reload refused')
        child = self.child(rig)
        os.kill(child, signal.SIGKILL)
        self.child(rig, other_than=child)
        self.assertEqual(rig.get('/').body, b'there')
        rig.reload(PLAIN.replace('here', 'elsewhere'))
        wait_until(lambda: rig.get('/').body == b'elsewhere', 'a reload by the new child')

    def test_ticket_keys_outlive_the_child(self):
        rig = self.serve(PLAIN.replace('bind <fe>', 'bind <fe>\n    bind <fetls> ssl crt <certs>/mail.pem'),
                         arguments=['-W'])
        context = tls_client()
        context.maximum_version = 0x0303
        def visit(reuse=None):
            with Client(rig.addresses['fetls'], sni='mail.contoso.com', context=context, reuse=reuse) as client:
                client.get('/')
                return client.socket.session, client.socket.session_reused
        kept, _ = visit()
        child = self.child(rig)
        os.kill(child, signal.SIGKILL)
        self.child(rig, other_than=child)
        self.assertTrue(visit(kept)[1])

    def down_in_spite_of_a_new_child(self, **options):
        """The server answers the first check badly and later ones not before `well` is set: a child that
        took it for UP would go on to do so."""
        well = threading.Event()

        def health(sock, number):
            read_head(sock)
            if number > 1:
                well.wait(PATIENCE)
            sock.sendall(b'HTTP/1.1 %s x\r\nContent-Length: 0\r\n\r\n' % (b'503' if number == 1 else b'200'))
        checked = self.script(health)
        text = """
frontend fe
    bind <fe>
    default_backend bk
backend bk
    balance roundrobin
    option httpchk GET /
    server s1 <s1> check port %d inter 30s downinter 50ms rise 1
    server s2 <s2>
""" % checked.port
        globals_ = '    max-spread-checks 1ms\n' + options.pop('globals_', '')
        folder = tempfile.TemporaryDirectory(prefix='penstock-e2e.')
        self.addCleanup(folder.cleanup)
        manager = Manager(folder.name + '/notify')
        self.addCleanup(manager.close)
        environment = environment_for(globals_, {'NOTIFY_SOCKET': folder.name + '/notify'})
        rig = self.rig(text, globals_=globals_, environment=environment, **options)

        def reload(text):
            """What the child knew before, the parent knows after."""
            rig.reload(text)
            while not manager.next().startswith('RELOADING=1'):
                pass
            self.assertTrue(manager.next().startswith('READY=1'))

        def kill():
            child = self.child(rig)
            os.kill(child, signal.SIGKILL)
            self.child(rig, other_than=child)
        wait_until(lambda: checked.accepted > 1, 'the server to be DOWN and asked again')
        self.assertEqual(set(rig.who(count=2)), {'EX02'})
        reload('nonsense')
        for _ in range(2):
            kill()
            self.assertEqual(rig.who(count=4), ['EX02'] * 4)
        return rig, text, reload, kill, well

    def test_a_server_that_is_down_stays_so_under_another_child(self):
        rig, *_, well = self.down_in_spite_of_a_new_child(arguments=['-W'])
        well.set()
        rig.log.wait('Server bk/s1 is UP')
        self.assertEqual(set(rig.who(count=2)), {'EX01', 'EX02'})

    @needs_root
    def test_a_server_that_is_down_stays_so_where_privileges_are_dropped(self):
        self.down_in_spite_of_a_new_child(globals_=DROPPED)

    def test_a_server_that_a_reload_put_in_place_of_one_down_is_not_taken_for_it(self):
        rig, text, reload, kill, _ = self.down_in_spite_of_a_new_child(arguments=['-W'])
        reload(text.replace('<s1>', '<s3>'))
        kill()
        self.assertEqual(set(rig.who(count=2)), {'EX02', 'EX03'})

    def test_a_slow_resolver_keeps_the_parent_from_nothing(self):
        """The process that asks it is stopped at its work, which many names make long enough to be met."""
        rig = self.serve(arguments=['-W'])
        child = self.child(rig)
        names = ''.join('    server s%d 127.%d.%d:<s1.port> disabled\n' % (i, i // 60000, i % 60000) for i in range(1, 6000))

        def stop_the_resolver():
            rig.reload(PLAIN.replace('here', 'there') + 'backend bk\n' + names)
            resolver = self.child(rig, other_than=child)
            os.kill(resolver, signal.SIGSTOP)
        stop_the_resolver()
        os.kill(child, signal.SIGKILL)
        self.assertIn(rig.get('/').body, (b'here', b'there'))
        rig.output.wait('Reloaded')     # It began anew.
        self.assertEqual(rig.get('/').body, b'there')
        child = self.child(rig, other_than=child)
        stop_the_resolver()
        rig.signal(signal.SIGTERM)
        self.assertEqual(rig.wait_exit(), 143)
        self.assertTrue(rig.output.ended)

    def test_one_that_dies_again_and_again_is_waited_for(self):
        rig = self.serve(arguments=['-W'])
        child = 0
        for wait in (100, 200):
            child = self.child(rig, other_than=child)
            if wait == 100:     # However long the first lived, the second did not.
                os.kill(child, signal.SIGKILL)
                child = self.child(rig, other_than=child)
            os.kill(child, signal.SIGKILL)
        rig.output.wait(r'in [24]00 ms: this one died soon after its start')

    def test_the_story_is_told_in_the_log(self):
        rig = self.serve(arguments=['-W'])
        child = self.child(rig)
        os.kill(child, signal.SIGABRT)
        rig.log.wait(r'The serving process %d died of signal 6' % child)
        self.assertEqual(rig.get('/').body, b'here')

    def test_the_child_ends_with_its_parent(self):
        rig = self.serve(arguments=['-W'])
        child = self.child(rig)
        rig.process.kill()
        wait_until(lambda: is_gone(child), 'the child to end')
        rig.wait_exit()
        self.assertTrue(rig.output.ended)


class Signals(Process):

    def test_with_W_the_status_is_that_of_the_signal(self):
        for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            rig = self.serve(arguments=['-W'])
            child = self.child(rig)
            rig.signal(number)
            self.assertEqual(rig.wait_exit(), status)
            self.assertTrue(rig.output.ended and is_gone(child))

    def test_master_worker_in_the_configuration_is_W(self):
        rig = self.serve(globals_='    master-worker')
        self.child(rig)
        rig.signal(signal.SIGINT)
        self.assertEqual(rig.wait_exit(), 130)

    @needs_root
    def test_a_parent_alone_does_not_change_the_status(self):
        rig = self.serve(globals_=DROPPED)
        rig.signal(signal.SIGTERM)
        self.assertEqual(rig.wait_exit(), 0)

    def test_a_soft_stop_drains_and_leaves(self):
        port = reserved_port()
        address = port.getsockname()
        rig = self.serve(PLAIN.rstrip() + ' if { path / }\n    bind 127.0.0.1:%d\n    default_backend be\n'
                         'backend be\n    server s1 <s1>\n' % address[1], arguments=['-W'])
        port.close()
        slow = rig.connect().request('GET', '/test/delay/300')
        rig.server().wait_count('requests', 1)
        rig.signal(signal.SIGUSR1)
        rig.output.wait('Leaving when the last connection has ended')
        wait_until(lambda: is_refused(address), 'nobody new to be let in')
        self.assertEqual(slow.response().status, 200)
        self.assertEqual(rig.wait_exit(), 0)

    def test_what_is_asked_of_the_child_is_done_by_both(self):
        rig = self.serve(arguments=['-W'])
        child = self.child(rig)
        rig.write(PLAIN.replace('here', 'there'))
        os.kill(child, signal.SIGHUP)
        rig.output.wait('Reloaded')
        self.assertEqual(rig.get('/').body, b'there')
        os.kill(child, signal.SIGTERM)
        self.assertEqual(rig.wait_exit(), 143)

    def test_a_reload_asked_for_during_the_start_is_not_lost(self):
        for arguments in ([], ['-W']):
            rig = self.rig(PLAIN, start=False, arguments=arguments).start()
            rig.write(PLAIN.replace('here', 'there'))
            rig.signal(signal.SIGHUP)
            wait_until(lambda: rig.get('/').body == b'there', 'the configuration written last')

    def test_hups_during_a_reload_become_one_more(self):
        rig = self.serve(arguments=['-W'])
        for i in range(20):
            rig.signal(signal.SIGHUP)
        rig.write(PLAIN.replace('here', 'there'))
        rig.signal(signal.SIGHUP)
        wait_until(lambda: rig.get('/').body == b'there', 'the last configuration')
        self.assertLess(rig.output.text.count('Reloaded'), 22)


class Background(Process):
    ONCE = True

    def test_D_returns_when_clients_are_served(self):
        for arguments in (['-D'], ['-D', '-W']):
            text, address = self.somewhere(globals_='    log stdout format raw local0')
            code, said, pid = self.background(text, *arguments)
            self.assertEqual(code, 0, said)
            self.assertIn('nobody reads stdout', said)
            with Client(address) as client:
                self.assertEqual(client.get('/').body, b'here')
            self.assertEqual(os.getsid(pid), pid)
            os.kill(pid, signal.SIGTERM)
            wait_until(lambda: is_gone(pid), 'the end')

    def test_an_error_is_told_in_the_foreground(self):
        text, _ = self.somewhere()
        code, said, pid = self.background(text + '    bind 127.0.0.1:1 ssl crt <missing>\n', '-D')
        self.assertEqual((code, pid), (1, None))
        self.assertIn('<missing>', said)

    def test_a_certificate_that_is_none_is_told_in_the_foreground(self):
        """Found by the process in the background, which then ends."""
        with tempfile.NamedTemporaryFile('w', suffix='.pem') as bad:
            bad.write('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')
            bad.flush()
            for arguments in (['-D'], ['-D', '-W']):
                text, _ = self.somewhere(PLAIN.replace('<fe>', '<fe> ssl crt ' + bad.name))
                code, said, pid = self.background(text, *arguments)
                self.assertEqual((code, pid), (1, None), said)
                self.assertIn(bad.name, said)

    def test_daemon_in_the_configuration_is_D(self):
        text, _ = self.somewhere(globals_='    daemon')
        code, _, pid = self.background(text)
        self.assertEqual(code, 0)
        self.assertFalse(is_gone(pid))

    def test_db_and_d_stay_in_the_foreground(self):
        for option in ('-d', '-db', '-Ws'):
            rig = self.serve(globals_='    daemon', arguments=[option])
            self.assertIsNone(rig.process.poll(), option)

    def test_a_pid_file_that_cannot_be_written_is_an_error(self):
        text, _ = self.somewhere()
        code, said, _ = self.background(text, '-D', pid_file='/nonexistent/pid')
        self.assertEqual(code, 1)
        self.assertIn("'/nonexistent/pid'", said)

    def test_the_pid_file_names_whom_scripts_signal(self):
        rig = self.serve(globals_='    pidfile <dir>/pid', arguments=['-W'])
        with open(rig.folder + '/pid') as file:
            self.assertEqual(int(file.read()), rig.process.pid)

    def test_a_start_that_fails_leaves_the_pid_file_as_it_was(self):
        text, _ = self.somewhere(PLAIN.replace('<fe>', '<fe> ssl crt ' + os.path.join(HERE, 'harness.py')))
        with tempfile.NamedTemporaryFile('w+') as file:
            file.write('12345\n')
            file.flush()
            done = subprocess.run([PROGRAM, '-db', '-f', '/dev/stdin', '-p', file.name], input=text.encode(),
                                  timeout=PATIENCE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            file.seek(0)
            self.assertEqual((done.returncode, file.read()), (1, '12345\n'))

    def test_sf_ends_former_processes_softly_and_st_at_once(self):
        text, address = self.somewhere()
        former, folder = None, self.jail()
        text += '    bind %s/fe.sock\n' % folder
        for option in ('-D', '-sf', '-st'):
            code, said, pid = self.background(text, '-D', *([option, str(former)] if former else []))
            self.assertEqual(code, 0, said)
            if former:
                wait_until(lambda: is_gone(former), 'the former process to end')
            for door in (address, folder + '/fe.sock'):
                with Client(door) as client:
                    self.assertEqual(client.get('/').status, 200)
            former = pid


class Streams(Process):
    ONCE = True

    def test_closed_standard_streams_lead_nowhere(self):
        """No socket may stand where complaints are written."""
        text, address = self.somewhere()
        with tempfile.NamedTemporaryFile('w', suffix='.cfg') as file:
            file.write(text)
            file.flush()
            for option in ('-db', '-W'):
                process = subprocess.Popen([PROGRAM, option, '-f', file.name],
                                           preexec_fn=lambda: os.closerange(0, 3))
                self.addCleanup(process.wait)
                self.addCleanup(end, process.pid)
                wait_until(lambda: not is_refused(address), 'the program to listen')
                with Client(address) as client:
                    self.assertEqual(client.get('/').status, 200)
                for pid in [process.pid, *children(process.pid)]:
                    for fd in range(3):
                        self.assertEqual(os.readlink('/proc/%d/fd/%d' % (pid, fd)), '/dev/null')
                process.send_signal(signal.SIGTERM)
                process.wait(PATIENCE)


class Descriptors(Process):
    ONCE = True

    def test_more_addresses_than_the_soft_limit_are_bound(self):
        text, _ = self.somewhere()
        folder = self.jail()
        text += ''.join('    bind %s/%d.sock\n' % (folder, i) for i in range(150))
        with open(folder + '/x.cfg', 'w') as file:
            file.write(text)
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        process = subprocess.Popen([PROGRAM, '-db', '-f', folder + '/x.cfg'],
                                   preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard)))
        self.addCleanup(process.wait)
        self.addCleanup(end, process.pid)
        def ready():
            try:
                return Client(folder + '/149.sock')
            except OSError:
                self.assertIsNone(process.poll())
        with wait_until(ready, 'the last address') as client:
            self.assertEqual(client.get('/').status, 200)


class ServiceManager(Process):
    ONCE = True

    def names(self):
        """A path, and an abstract name; as bind() and as NOTIFY_SOCKET have it."""
        folder = tempfile.TemporaryDirectory(prefix='penstock-e2e.')
        self.addCleanup(folder.cleanup)
        return ((folder.name + '/notify', folder.name + '/notify'),
                ('\0' + folder.name, '@' + folder.name))

    def test_start_reload_and_stop_are_told(self):
        for arguments in ([], ['-Ws']):
            for address, name in self.names():
                manager = Manager(address)
                self.addCleanup(manager.close)
                rig = self.serve(arguments=arguments, environment={'NOTIFY_SOCKET': name})
                said = manager.next()
                self.assertTrue(said.startswith('READY=1\n'), said)
                self.assertIn('MAINPID=%d\n' % rig.process.pid, said)
                rig.reload(PLAIN)
                self.assertRegex(manager.next(), r'^RELOADING=1\nMONOTONIC_USEC=\d+\n')
                self.assertRegex(manager.next(), r'^READY=1\n')
                rig.reload('nonsense\n')
                self.assertRegex(manager.next(), r'^RELOADING=1\n')
                self.assertRegex(manager.next(), r'(?s)^READY=1\n.*refused')
                rig.signal(signal.SIGTERM)
                self.assertRegex(manager.next(), r'^STOPPING=1\n')
                self.assertEqual(rig.wait_exit(), 143 if arguments else 0)

    def test_the_service_unit_is_of_type_notify_and_starts_what_notifies(self):
        with open(os.path.join(ROOT, 'contrib', 'penstock.service')) as file:
            unit = dict(re.findall(r'(?m)^(Type|ExecStart|SuccessExitStatus)=(.*)$', file.read()))
        self.assertEqual((unit['Type'], unit['SuccessExitStatus']), ('notify', '143'))
        (address, name), _ = self.names()
        manager = Manager(address)
        self.addCleanup(manager.close)
        options = re.match(r'/usr/sbin/penstock (.*) -f \$\{CONFIG\} \$EXTRAOPTS$', unit['ExecStart'])
        rig = self.serve(arguments=options.group(1).replace('/run/penstock/', 'unix@').split(),
                         environment={'NOTIFY_SOCKET': name})
        self.assertTrue(manager.next().startswith('READY=1\n'))
        rig.signal(signal.SIGTERM)
        self.assertEqual(rig.wait_exit(), 143)

    def test_in_the_background_the_manager_hears_of_the_new_process(self):
        (address, name), _ = self.names()
        manager = Manager(address)
        self.addCleanup(manager.close)
        text, _ = self.somewhere()
        _, _, pid = self.background(text, '-D', environment={'NOTIFY_SOCKET': name})
        self.assertIn('MAINPID=%d\n' % pid, manager.next())

    def test_a_manager_that_is_gone_does_no_harm(self):
        rig = self.serve(environment={'NOTIFY_SOCKET': '/nonexistent/notify'})
        self.assertEqual(rig.get('/').status, 200)


if __name__ == '__main__':
    unittest.main()
