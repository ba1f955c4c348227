"""What random expressions, formats and conditions make of random requests: the same as in HAProxy. A longer run, with
other numbers: expressions.py."""
import shutil
import unittest

import expressions
from harness import Case, IS_HAPROXY, PROGRAM


@unittest.skipIf(IS_HAPROXY or not shutil.which('haproxy'), 'needs the program and HAProxy beside it')
class Expressions(Case):
    ONCE = True

    def test_random_expressions_have_the_values_of_haproxy(self):
        said = []
        different, compared = expressions.compare(PROGRAM, 7, 320, 8, lambda kind, rule, text: said.append((kind, rule, text)))
        self.assertEqual(different, 0, '\n'.join('%s  %s\n    %s' % line for line in said if line[0] == 'DIFFERS'))
        self.assertGreater(compared, 1000)
