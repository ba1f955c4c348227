"""penstock -dK: every word that is known, by class, and the manual's lists of them."""
import vocabulary
from harness import PROGRAM, Case, penstock_only, run_program


@penstock_only("HAProxy's lists have forms of their own")
class Vocabulary(Case):
    ONCE = True

    def rows(self, classes):
        code, said = run_program('-dK' + classes)
        self.assertEqual(code, 0, said)
        return [tuple(line.split('\t')) for line in said.splitlines()]

    def test_all_classes_are_listed_each_word_with_its_state(self):
        rows = self.rows('all')
        self.assertTrue(all(len(row) == 3 for row in rows), [row for row in rows if len(row) != 3])
        for word_class, word, state in (
                ('section', 'backend', 'works'), ('global', 'maxconn', 'works'), ('proxy', 'balance', 'works'), ('proxy', 'option httplog', 'works'),
                ('bind', 'crt', 'works'), ('server', 'check', 'works'), ('acl', 'METH_GET', 'works'), ('sample', 'src', 'works'),
                ('converter', 'lower', 'works'), ('action', 'http-request deny', 'works'), ('action', 'tcp-request connection reject', 'works'),
                ('log variable', 'ci', 'works'), ('service', 'prometheus-exporter', 'works'),
                ('global', 'noepoll', 'no effect'), ('proxy', 'appsession', 'old, error'), ('proxy', 'clitimeout', 'old'), ('global', 'lua-load', 'error')):
            self.assertIn((word_class, word, state), rows)
        self.assertTrue(any(row[0] == 'cli' and row[1].startswith('show info') for row in rows))
        self.assertEqual(len(rows), len(set(rows)))

    def test_classes_can_be_chosen_as_in_haproxy(self):
        self.assertEqual({row[0] for row in self.rows('smp,cnv')}, {'sample', 'converter'})
        self.assertEqual(run_program('-dKhelp')[0], 0)
        code, said = run_program('-dKnothing')
        self.assertEqual(code, 1)
        self.assertIn('smp', said)

    def test_the_manual_lists_all_samples_converters_actions_and_log_variables(self):
        with open(vocabulary.PAGE) as file:
            page = file.read()
        for heading, word_class in vocabulary.HEADINGS.items():
            ours, listed = vocabulary.words_of_program(PROGRAM, word_class), vocabulary.words_of_page(page, heading)
            self.assertEqual((sorted(set(ours) - set(listed)), sorted(set(listed) - set(ours))), ([], []),
                             '%s: lacking, too many; test/e2e/vocabulary.py PROGRAM --write puts them in' % heading)
            self.assertEqual(len(listed), len(set(listed)))
