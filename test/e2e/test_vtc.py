"""Scenarios for varnishtest, which starts, asks and stops the program as HAProxy's own tests do."""
import glob
import os
import shutil
import subprocess
import tempfile
import unittest

from harness import IS_HAPROXY, PATIENCE, PROGRAM, ROOT, Case

VARNISHTEST = shutil.which('varnishtest')


@unittest.skipUnless(VARNISHTEST, 'needs varnishtest (package varnish)')
class Scenarios(Case):
    ONCE = True

    def test_scenarios(self):
        for path in sorted(glob.glob(os.path.join(ROOT, 'test', 'vtc', '*.vtc'))):
            with self.subTest(os.path.basename(path)), tempfile.TemporaryDirectory(prefix='penstock-vtc.') as folder:
                environment = {**os.environ, 'HAPROXY_PROGRAM': PROGRAM, 'TMPDIR': folder,
                               'OF_PENSTOCK': '' if IS_HAPROXY else 'yes'}
                done = subprocess.run([VARNISHTEST, '-t', str(int(PATIENCE)), path], env=environment, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE + 5)
                self.assertIn(done.returncode, (0, 77), done.stdout.decode(errors='replace')[-6000:])
                self.assertTrue(IS_HAPROXY or done.returncode == 0, 'skipped')


if __name__ == '__main__':
    unittest.main()
