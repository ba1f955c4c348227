"""cassim as a program of its own: its control port and its ready file."""
import http.client
import json
import os
import subprocess
import tempfile
import unittest

from harness import Client, PATIENCE, ROOT, SAMPLES, sample, wait_until


class Cassim(unittest.TestCase):
    ONCE = True

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix='cassim-e2e.')
        self.addCleanup(self.folder.cleanup)
        ready = os.path.join(self.folder.name, 'ready')
        self.process = subprocess.Popen(
            [os.path.join(ROOT, 'contrib', 'cassim'), '--name', 'EX07', '--samples', SAMPLES,
             '--http', '127.0.0.1:0', '--https', '127.0.0.1:0', '--ready-file', ready],
            stdout=subprocess.PIPE)
        self.addCleanup(self.process.stdout.close)
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.terminate)
        self.ready = json.loads(self.process.stdout.readline())
        with open(ready) as file:
            self.assertEqual(json.load(file), self.ready)

    @staticmethod
    def place(text):
        host, _, port = text.rpartition(':')
        return host, int(port)

    def control(self, method, path, body=None):
        connection = http.client.HTTPConnection(*self.place(self.ready['control']), timeout=PATIENCE)
        connection.request(method, path, body)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    def client(self, kind='http', **options):
        client = Client(self.place(self.ready[kind][0]), **options)
        self.addCleanup(client.close)
        return client

    def test_the_health_page_names_the_server(self):
        self.assertEqual(self.client().get('/owa/healthcheck.htm').body,
                         b'200 OK<br/>EX07.CONTOSO.LOCAL')
        self.assertEqual(self.client('https', sni='x').get('/OWA/HealthCheck.HTM').status, 200)

    def test_states_are_switched_for_one_directory(self):
        self.assertEqual(self.control('PUT', '/state/ews', '503-httpapi')[0], 200)
        self.assertEqual(self.client().get('/ews/healthcheck.htm').status, 503)
        self.assertEqual(self.client().get('/owa/healthcheck.htm').status, 200)
        self.assertEqual(json.loads(self.control('GET', '/state')[1])['ews'], '503-httpapi')
        self.assertEqual(self.control('PUT', '/state/ews', 'sideways')[0], 400)
        self.assertEqual(self.control('PUT', '/state/nowhere', 'up')[0], 400)

    def test_requests_are_counted_and_kept_byte_for_byte(self):
        raw = sample('owa_auth_c.http')
        self.client().send(raw).response()
        self.assertEqual(self.control('GET', '/last')[1].encode(), raw)
        self.assertEqual(json.loads(self.control('GET', '/stats')[1])['requests'], 1)
        self.control('DELETE', '/stats')
        self.assertNotIn('requests', json.loads(self.control('GET', '/stats')[1]))

    def test_listening_can_be_switched_off_and_on(self):
        self.control('PUT', '/listen', 'off')
        with self.assertRaises(ConnectionRefusedError):
            self.client()
        self.control('PUT', '/listen', 'on')
        self.assertEqual(self.client().get('/test/server').body, b'EX07')

    def test_malformed_requests_are_kept_with_the_reason(self):
        self.client().send(b'GET / HTTP/1.1\r\nHost : a\r\n\r\n').response()
        self.assertIn('field line', self.control('GET', '/malformed')[1])

    def test_scripted_answers(self):
        self.control('PUT', '/answer/eas', '449')
        self.assertEqual(self.client().get('/Microsoft-Server-ActiveSync').status, 449)
        self.control('PUT', '/answer/eas', 'none')
        self.assertEqual(self.client().get('/Microsoft-Server-ActiveSync').status, 401)

    def test_news_end_what_waits_for_them(self):
        phone = self.client().send(sample('eas_ping_c.http'))
        wait_until(lambda: 'requests' in self.control('GET', '/stats')[1], 'the Ping to arrive')
        self.control('PUT', '/mail')
        self.assertEqual(phone.response().body, sample('eas_ping_status1.wbxml').replace(b'1\0', b'2\0'))

    def test_a_heartbeat_out_of_bounds_is_told_the_limit(self):
        raw = sample('eas_ping_c.http').replace(b'480\0', b'999\0')
        raw = raw.replace(b'Content-Length: 33', b'Content-Length: 34').replace(b'999\0', b'9999\0')
        self.assertIn(b'\x035\0\x01\x48\x033540\0', self.client().send(raw).response().body)

    def test_a_wrong_password_leads_back_to_the_logon_page(self):
        raw = sample('owa_auth_c.http').replace(b'password=Passw0rd', b'password=wrongone')
        self.assertIn('reason=2', self.client().send(raw).response().get('location'))
