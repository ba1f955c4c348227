"""What slips of a keyboard make of configurations: refused or accepted as in HAProxy, and never without a place. A longer
run, with other numbers: mutations.py."""
import shutil
import unittest

import mutations
from harness import Case, IS_HAPROXY, PROGRAM


@unittest.skipIf(IS_HAPROXY or not shutil.which('haproxy'), 'needs the program and HAProxy beside it')
class Mutations(Case):
    SLOW = True
    ONCE = True

    def test_each_keyword_is_among_the_lines_that_are_mutated(self):
        self.assertEqual(mutations.missing(PROGRAM), [])

    def test_each_line_is_accepted_by_both_as_it_stands(self):
        self.assertEqual(mutations.as_they_stand(PROGRAM), [])

    def test_mutated_lines_are_refused_where_haproxy_refuses_them(self):
        self.judge('LINES', 500)

    def test_mutated_files_are_refused_where_haproxy_refuses_them(self):
        self.judge('FILES', 120)

    def judge(self, only, count):
        said = []
        mutations.run(PROGRAM, 5, count, mutations.stored_files(mutations.FILES), only,
                      lambda kind, what, explanation, text: said.append('%s  %s\n    %s' % (kind, what, explanation)))
        self.assertEqual(said, [], '\n'.join(said))
