"""Random configurations and requests, beside HAProxy: what clients, servers and the log see is the same, but for what
test/differential/allowed.py gives a reason for. A longer run, with other numbers: test/differential/differential.py, and
`test/run nightly`."""
import os
import shutil
import sys
import unittest

from harness import Case, IS_HAPROXY, PROGRAM, ROOT

sys.path.append(os.path.join(ROOT, 'test', 'differential'))
import differential  # noqa: E402


@unittest.skipIf(IS_HAPROXY or not shutil.which('haproxy'), 'needs the program and HAProxy beside it')
class Differential(Case):
    ONCE = True

    def test_random_configurations_do_to_random_requests_what_haproxy_does(self):
        said = []
        different, asked = differential.compare(PROGRAM, 1, 1000, lambda *what: said.append('%s (case %d)\n    %s' % what), patience=20)
        self.assertEqual(different, 0, '\n'.join(said))
        self.assertGreaterEqual(asked, 1000)
