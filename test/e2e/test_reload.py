"""Reload and stop: nobody notices."""
import os
import shutil
import signal
import threading
import time

from harness import (Case, Client, PATIENCE, WebSocket, certificate, penstock_only, reserved_port,
                     wait_until)

ONE = """
frontend fe
    bind <fe>
    default_backend be
backend be
    server s1 <s1>
"""
TWO = ONE + '    server s2 <s2>\n'


class Load:
    """Clients that ask all the time and count what goes wrong."""

    def __init__(self, rig, clients=6, keep=True):
        self.rig = rig
        self.stop = threading.Event()
        self.good = 0
        self.bad = []
        self.lock = threading.Lock()
        self.progress = threading.Condition()
        self.threads = [threading.Thread(target=self._run, args=(keep and n % 2 == 0,))
                        for n in range(clients)]
        for thread in self.threads:
            thread.start()

    def _run(self, keep):
        client = None
        while not self.stop.is_set():
            try:
                client = client or Client(self.rig.addresses['fe'])
                answer = client.get('/test/size/1000')
                if answer.status != 200 or len(answer.body) != 1000:
                    raise AssertionError(answer.head)
                with self.progress:
                    self.good += 1
                    self.progress.notify_all()
                if not keep or answer.get('connection', '').lower() == 'close':
                    client.close()
                    client = None
            except Exception as error:
                with self.lock:
                    self.bad.append(repr(error))
                if client:
                    client.close()
                client = None

    def wait_more(self, count):
        with self.progress:
            wanted = self.good + count
            if not self.progress.wait_for(lambda: self.good >= wanted, PATIENCE):
                raise AssertionError('the load does not move: %s' % self.bad[:3])

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()
        return self.bad


@penstock_only('reloads with a master process')
class Reload(Case):

    def reload(self, rig, text=None, number=signal.SIGHUP):
        """Sends the signal and waits for the line that says what changed."""
        if text is not None:
            rig.write(text)
        start = len(rig.log.drain())
        rig.signal(number)
        return rig.log.wait(r'Reload(ed in|: alert| refused).*', start=start).group(0)

    def test_new_rules_hold_for_the_next_request_of_a_kept_connection(self):
        rig = self.rig(ONE)
        client = rig.connect()
        self.assertEqual(client.get('/test/server').status, 200)
        self.reload(rig, ONE.replace('bind <fe>', 'bind <fe>\n    http-request deny deny_status 404'))
        self.assertEqual(client.get('/test/server').status, 404)

    def test_sigusr2_reloads_too(self):
        rig = self.rig(ONE)
        self.reload(rig, ONE.replace('bind <fe>', 'bind <fe>\n    http-request deny'), signal.SIGUSR2)
        self.assertEqual(rig.get('/test/server').status, 403)

    def test_a_new_server_joins(self):
        rig = self.rig(ONE)
        self.assertEqual(set(rig.who(count=3)), {'EX01'})
        line = self.reload(rig, TWO)
        self.assertEqual(set(rig.who(count=4)), {'EX01', 'EX02'})
        self.assertIn('1', line)      # The line says that one server came.

    def test_a_running_exchange_ends_as_it_began(self):
        rig = self.rig(TWO)
        client = rig.connect()
        client.request('GET', '/test/drip/30?ms=20')
        client.take_until(b'\r\n\r\n')
        self.reload(rig, ONE)
        self.reload(rig, TWO)
        self.assertEqual(len(client.take(30)), 30)
        self.assertEqual(client.get('/test/server').status, 200)

    def test_websockets_live_on(self):
        rig = self.rig(ONE, defaults='    timeout tunnel 1m')
        links = [WebSocket(rig.connect()) for _ in range(5)]
        for n in range(3):
            self.reload(rig, TWO if n % 2 else ONE)
            for link in links:
                link.send(b'still %d' % n)
                self.assertEqual(link.receive(), (2, True, b'still %d' % n))

    def test_many_reloads_under_load_fail_nothing(self):
        rig = self.rig(TWO)
        load = Load(rig)
        for n in range(10):
            load.wait_more(30)
            self.reload(rig, ONE if n % 2 else TWO)
        load.wait_more(30)
        self.assertEqual(load.end(), [])

    def test_a_bad_configuration_changes_nothing_and_says_why(self):
        rig = self.rig(ONE)
        client = rig.connect()
        client.get('/test/server')
        start = len(rig.log.drain())
        rig.write(ONE + '    serverr s2 127.0.0.1:1\n    balance sideways\n')
        rig.signal(signal.SIGHUP)
        match = rig.output.wait(r'serverr')
        rig.output.wait(r'sideways')
        self.assertTrue(match)
        self.assertEqual(client.get('/test/server').body, b'EX01')
        self.assertEqual(rig.get('/test/server').body, b'EX01')
        self.reload(rig, ONE)
        self.assertEqual(client.get('/test/server').body, b'EX01')

    def test_a_maxconn_that_needs_more_descriptors_than_allowed_is_refused(self):
        rig = self.rig(ONE, globals_='    maxconn 20', nofile=400)
        rig.get('/test/server')
        rig.globals_ = '    maxconn 5000'
        rig.reload(ONE)
        rig.log.wait('maxconn 5000 needs')
        rig.log.wait('Reload refused')
        rig.globals_ = '    maxconn 25'
        self.reload(rig, ONE)

    def test_a_missing_certificate_changes_nothing(self):
        text = ONE.replace('bind <fe>', 'bind <fe> ssl crt <dir>/site.pem')
        rig = self.rig(text, start=False)
        shutil.copy(certificate('mail'), rig.folder + '/site.pem')
        rig.start()
        self.tls(rig)
        os.unlink(rig.folder + '/site.pem')
        rig.signal(signal.SIGHUP)
        rig.output.wait(r'site\.pem')
        self.tls(rig)

    def tls(self, rig, **options):
        with Client(rig.addresses['fe'], sni='mail.contoso.com', **options) as client:
            self.assertEqual(client.get('/test/server').status, 200)
            return client.socket.getpeercert(True)

    def test_certificates_are_read_anew(self):
        text = ONE.replace('bind <fe>', 'bind <fe> ssl crt <dir>/site.pem')
        rig = self.rig(text, start=False)
        shutil.copy(certificate('mail'), rig.folder + '/site.pem')
        rig.start()
        before = self.tls(rig)
        kept = Client(rig.addresses['fe'], sni='mail.contoso.com')
        self.addCleanup(kept.close)
        kept.get('/test/server')
        shutil.copy(certificate('autodiscover'), rig.folder + '/site.pem')
        self.reload(rig)
        self.assertNotEqual(self.tls(rig), before)
        self.assertEqual(kept.get('/test/server').status, 200)

    def test_health_of_unchanged_servers_carries_on(self):
        text = TWO.replace('<s1>', '<s1> check inter 50ms fall 2 rise 1000')
        rig = self.rig(text)
        rig.server('s1').refuse()
        rig.log.wait('Server be/s1 is DOWN')
        rig.server('s1').refuse(False)
        self.reload(rig, text + '    http-request set-header X-New 1\n')
        self.assertEqual(set(rig.who(count=6)), {'EX02'})

    def test_a_bind_that_goes_closes_and_one_that_comes_opens(self):
        text = ONE + 'frontend two\n    bind 127.0.0.1:%d\n    default_backend be\n'
        first, second = reserved_port(), reserved_port()
        self.addCleanup(first.close)
        self.addCleanup(second.close)
        rig = self.rig(text % first.getsockname()[1])
        rig.get('/test/server')
        with Client(first.getsockname()) as client:
            self.assertEqual(client.get('/test/server').body, b'EX01')
        self.reload(rig, text % second.getsockname()[1])
        with Client(second.getsockname()) as client:
            self.assertEqual(client.get('/test/server').body, b'EX01')
        wait_until(lambda: self.refused(first.getsockname()), 'the first port to close')

    def rig_with_own_address(self, **options):
        """A frontend at a socket that the program makes itself, beside the usual one."""
        sock = reserved_port()
        self.addCleanup(sock.close)
        two = 'frontend two\n    bind %s:%d\n    default_backend be\n' % sock.getsockname()
        rig = self.rig(ONE + two, **options)
        rig.get('/test/server')  # It is there.
        return rig, sock.getsockname()

    def test_what_the_system_has_queued_for_a_bind_that_goes_is_served(self):
        rig, address = self.rig_with_own_address(globals_='    maxconn 1')
        held = rig.connect()
        self.assertEqual(held.get('/test/server').status, 200)
        queued = [Client(address) for _ in range(9)]  # By the system: the one place is taken.
        for client in queued:
            client.send(b'GET /test/server HTTP/1.1\r\nHost: a\r\n\r\n')
        rig.globals_ = '    maxconn 100'
        self.reload(rig, ONE)
        for client in queued:
            answer = client.response()
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.get('connection'), 'close')

    def test_an_address_that_is_gone_refuses_clients_though_an_old_exchange_runs_on(self):
        rig, address = self.rig_with_own_address()
        with Client(address) as old:
            old.request('GET', '/test/drip/1000?ms=20').take_until(b'\r\n\r\n')
            self.reload(rig, ONE)
            with self.assertRaises(ConnectionRefusedError):
                Client(address)

    def test_a_unix_socket_and_an_inherited_one_stay_open_or_go_as_the_file_says(self):
        extra = 'frontend %s\n    bind %s\n    default_backend be\n'
        path = extra % ('un', '<dir>/front.sock')
        inherited = extra % ('inh', '<fe2>')
        rig = self.rig(ONE + path + inherited)
        rig.addresses['un'] = rig.folder + '/front.sock'
        rig.get('/test/server')

        def served(name):
            return rig.get('/test/server', frontend=name).body == b'EX01'
        waiting = rig.connect('un')      # Accepted, perhaps, by nobody yet.
        inode = os.stat(rig.addresses['un']).st_ino
        for text in (TWO, ONE, TWO, ONE):
            self.reload(rig, text + path + inherited)
        self.assertEqual(os.stat(rig.addresses['un']).st_ino, inode)
        self.assertEqual(waiting.get('/test/server').body, b'EX01')
        self.assertTrue(served('un') and served('fe2'))
        self.reload(rig, ONE + inherited)
        wait_until(lambda: self.refused(rig.addresses['un']), 'the unix socket to close')
        self.assertTrue(served('fe2'))
        self.reload(rig, ONE + path)
        wait_until(lambda: served('un'), 'the unix socket to open again')

    @staticmethod
    def refused(address):
        try:
            Client(address).close()
            return False
        except (ConnectionRefusedError, FileNotFoundError):
            return True

    def test_two_hundred_kept_connections_stay(self):
        rig = self.rig(ONE)
        clients = [rig.connect() for _ in range(200)]
        for client in clients:
            client.get('/test/server')
        self.reload(rig, TWO)
        for client in clients:
            self.assertEqual(client.get('/test/server').status, 200)

    def test_signals_in_a_burst_end_in_the_last_configuration(self):
        rig = self.rig(ONE)
        rig.get('/test/server')
        rig.write(ONE.replace('bind <fe>', 'bind <fe>\n    http-request deny deny_status 404'))
        for _ in range(20):
            rig.signal(signal.SIGHUP)
        wait_until(lambda: rig.get('/test/server').status == 404, 'the last configuration')
        self.assertIsNone(rig.process.poll())

    def test_memory_and_descriptors_do_not_grow_with_reloads(self):
        rig = self.rig(TWO)
        for _ in range(5):
            rig.get('/test/server')
            self.reload(rig)
        before, descriptors = rig.rss(), rig.descriptors()
        for _ in range(30):
            rig.get('/test/server')
            self.reload(rig)
        wait_until(lambda: rig.descriptors() <= descriptors + 2, 'descriptors to be closed')
        # A sanitizer keeps freed memory for a while.
        self.assertLess(rig.rss() - before, 40 * 1024)


class Stop(Case):

    def test_sigterm_stops_now(self):
        rig = self.rig(ONE)
        client = rig.connect().request('GET', '/test/hang')
        rig.server().wait_count('hanging', 1)
        rig.signal(signal.SIGTERM)
        code = rig.wait_exit()
        self.assertIn(code, (0, -signal.SIGTERM, 143))
        self.assertEqual(client.rest(), b'')

    @penstock_only('leaves it to the signal')
    def test_the_exit_status_after_sigterm_is_0_and_under_W_that_of_a_master(self):
        for arguments, status in (((), 0), (('-W',), 143)):
            rig = self.rig(ONE, arguments=arguments)
            rig.get('/test/server')
            rig.signal(signal.SIGTERM)
            self.assertEqual(rig.wait_exit(), status)

    def test_sigterm_in_the_middle_of_a_download_ends_it_at_once(self):
        rig = self.rig(ONE)
        client = rig.connect().request('GET', '/test/size/30000000')
        client.take_until(b'\r\n\r\n')
        client.take(100000)
        started = time.monotonic()
        rig.signal(signal.SIGTERM)
        self.assertIn(rig.wait_exit(), (0, -signal.SIGTERM, 143))
        self.assertLess(time.monotonic() - started, 3)
        self.assertLess(len(client.rest()), 29900000)

    def test_sigint_stops_now_with_status_0(self):
        rig = self.rig(ONE)
        rig.get('/test/server')
        rig.signal(signal.SIGINT)
        self.assertIn(rig.wait_exit(), (0, -signal.SIGINT))

    def test_sigusr1_lets_running_exchanges_end_and_leaves(self):
        rig = self.rig(ONE)
        client = rig.connect()
        client.request('GET', '/test/drip/30?ms=20')
        client.take_until(b'\r\n\r\n')
        rig.signal(signal.SIGUSR1)
        self.assertEqual(len(client.take(30)), 30)
        client.close()
        self.assertEqual(rig.wait_exit(), 0)

    def test_sigusr1_accepts_nobody_new(self):
        rig = self.rig(ONE)
        client = rig.connect()
        client.request('GET', '/test/drip/400?ms=20')
        client.take_until(b'\r\n\r\n')
        rig.signal(signal.SIGUSR1)
        address = rig.addresses['fe']

        def turned_away():
            try:
                with Client(address) as late:
                    late.socket.settimeout(0.3)
                    late.get('/test/server')
                return False
            except (OSError, AssertionError):
                return True
        wait_until(turned_away, 'new clients to be turned away')
        self.assertEqual(len(client.take(100)), 100)

    def test_idle_connections_do_not_hold_up_a_soft_stop(self):
        rig = self.rig(ONE)
        client = rig.connect()
        client.get('/test/server')
        rig.signal(signal.SIGUSR1)
        self.assertEqual(rig.wait_exit(), 0)

    def test_hard_stop_after_bounds_a_soft_stop(self):
        rig = self.rig(ONE, globals_='    hard-stop-after 500ms')
        client = rig.connect().request('GET', '/test/hang')
        rig.server().wait_count('hanging', 1)
        started = time.monotonic()
        rig.signal(signal.SIGUSR1)
        rig.wait_exit()
        self.assertGreaterEqual(time.monotonic() - started, 0.4)
        client.rest()

    @penstock_only('has another master')
    def test_a_reload_asked_for_during_start_is_not_lost(self):
        """The configuration is a pipe, so that the signal comes while it is read."""
        rig = self.rig(ONE, start=False)
        text = rig.text
        os.unlink(rig.path)
        os.mkfifo(rig.path)
        rig.start()
        with open(rig.path, 'w') as pipe:     # Returns when the program has opened the other end.
            rig.signal(signal.SIGHUP)
            with open(rig.path + '.new', 'w') as file:
                file.write(text.replace('default_backend be',
                                        'http-request deny deny_status 404\n    default_backend be'))
            os.rename(rig.path + '.new', rig.path)
            pipe.write(text)
        wait_until(lambda: rig.get('/test/server').status == 404, 'the reload to have happened')
