"""What a scanner that is not ours finds on the TLS ports of the shipped examples."""
import re
import shutil
import subprocess
import unittest

from harness import Case, IS_HAPROXY, PATIENCE
from test_exchange import example_rig

EXAMPLES = ('exchange-l7.cfg', 'exchange-l7-offload.cfg', 'exchange-l7-affinity.cfg', 'tls-redirect.cfg')


@unittest.skipIf(IS_HAPROXY or not shutil.which('sslscan'), 'needs the program and sslscan')
class Scan(Case):

    def scan(self, name):
        rig = example_rig(name)
        self.addCleanup(rig.close)
        rig.start()
        done = subprocess.run(['sslscan', '--no-colour', '--sni-name=mail.contoso.com', '--show-times',
                               '127.0.0.1:%d' % rig.addresses['fe'][1]], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=4 * PATIENCE, text=True)
        return done.stdout

    def test_nothing_old_or_weak_is_found(self):
        for name in EXAMPLES:
            with self.subTest(name):
                said = self.scan(name)
                for version in ('SSLv2', 'SSLv3', 'TLSv1.0', 'TLSv1.1'):
                    self.assertRegex(said, r'(?m)^%s +disabled' % re.escape(version))
                for version in ('TLSv1.2', 'TLSv1.3'):
                    self.assertRegex(said, r'(?m)^%s +enabled' % re.escape(version))
                suites = re.findall(r'(?m)^(?:Accepted|Preferred) +(TLSv1\.\d) +\d+ bits +(\S+)', said)
                self.assertTrue(suites, said)
                for version, suite in suites:
                    self.assertRegex(suite, r'^TLS_' if version == 'TLSv1.3' else r'^ECDHE-', said)
                    self.assertNotRegex(suite, 'DES|RC4|NULL|EXP|anon|MD5')
                self.assertNotIn('vulnerable to heartbleed\n', said.replace('not vulnerable to heartbleed\n', ''))
                self.assertRegex(said, 'Session renegotiation not supported|Secure session renegotiation supported')
                curves = re.findall(r'(?m)^TLSv1\.\d +\d+ bits +(\S+)', said)
                self.assertTrue(curves, said)
                self.assertLessEqual(set(curves), {'x25519', 'secp256r1', 'secp384r1', 'secp521r1'}, said)
