"""What scanners that are not ours find on the TLS ports of the shipped examples."""
import json
import os
import re
import shutil
import subprocess
import unittest

from harness import Case, IS_HAPROXY, PATIENCE
from test_exchange import example_rig

EXAMPLES = ('exchange-l7.cfg', 'exchange-l7-offload.cfg', 'exchange-l7-affinity.cfg', 'tls-redirect.cfg')


@unittest.skipIf(IS_HAPROXY or not shutil.which('sslscan'), 'needs the program and sslscan')
class Scan(Case):
    ONCE = True

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


@unittest.skipIf(IS_HAPROXY or not shutil.which('testssl'), 'needs the program and testssl.sh')
class Vulnerabilities(Case):
    SLOW = True
    ONCE = True
    # CBC with ECDHE is offered behind all else, for phones that know nothing newer; which engines the scanner's own
    # OpenSSL has is no matter of ours.
    EXPECTED = {('LUCKY13', 'LOW'), ('cipherlist_AVERAGE', 'LOW'), ('engine_problem', 'WARN')}

    def scan(self, name):
        """A scanner at work on an example, and where it writes."""
        rig = example_rig(name)
        self.addCleanup(rig.close)
        rig.start()
        found = os.path.join(rig.folder, 'found.json')
        scanner = subprocess.Popen(
            ['testssl', '-p', '-s', '-f', '-U', '--quiet', '--color', '0', '--warnings', 'off', '--nodns', 'none', '--assume-http',
             '--ip', '127.0.0.1', '--jsonfile', found, 'mail.contoso.com:%d' % rig.addresses['fe'][1]],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=rig.folder)
        self.addCleanup(scanner.kill)
        return scanner, found

    def test_protocols_suites_and_curves_have_no_known_weakness(self):
        scans = {name: self.scan(name) for name in EXAMPLES}  # They mostly wait: all at once.
        for name, (scanner, found) in scans.items():
            with self.subTest(name):
                scanner.wait(timeout=20 * PATIENCE)
                with open(found) as file:
                    findings = json.load(file)
                self.assertGreater(len(findings), 30)
                self.assertEqual({(finding['id'], finding['severity']) for finding in findings
                                  if finding['severity'] not in ('OK', 'INFO')} - self.EXPECTED, set())
                told = {finding['id']: finding['finding'] for finding in findings}
                self.assertEqual((told['TLS1'], told['TLS1_1'], told['cipherlist_3DES_IDEA']), ('not offered',) * 3)
