"""What becomes of each word of HAProxy 2.6 that was missing once: the table of grammar.py stays true."""
import shutil
import tempfile
import unittest

import grammar
from harness import Case, IS_HAPROXY, PROGRAM, certificate


class Grammar(Case):
    SLOW = True
    ONCE = True

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='penstock-e2e.')
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        grammar.make_files(self.folder, certificate('mail'))

    @unittest.skipIf(IS_HAPROXY, 'judges penstock')
    def test_each_word_works_or_tells_its_reason_as_the_table_says(self):
        table = grammar.rows()
        found = grammar.states(PROGRAM, self.folder, grammar.as_written(table))
        wrong = ['%s\t%s: the table says %s, and it is %s: %s' % (row.kind, row.word, row.state, *found[number])
                 for number, row in enumerate(table) if row.state != found[number][0]]
        self.assertEqual(wrong, [], 'python3 test/e2e/grammar.py PROGRAM --write puts this into test/config/grammar.tsv:\n' + '\n'.join(wrong))

    @unittest.skipUnless(shutil.which('haproxy'), 'there is no haproxy to judge them')
    def test_haproxy_accepts_each_line_of_the_table(self):
        self.assertEqual(grammar.refused_by_haproxy(self.folder, grammar.as_written(grammar.rows())), [])
