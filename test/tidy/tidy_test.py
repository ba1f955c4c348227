#!/usr/bin/env python3
"""Each rule of tidy.py fails on a fault of its kind: faults are planted in a copy of the sources as tidy
holds them, and exactly their complaint must come.

  tidy_test.py [--root DIR]
"""
import argparse
import copy
import os
import re
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tidy  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SOURCES = None    # As they are.
SUBJECT = 'include/penstock/rules/subject.h'


class Faults(unittest.TestCase):
    def complaints(self, rule, path=None, *change):
        """What the rule says of the sources with `path` changed: (pattern, replacement) pairs, or a whole text."""
        sources = copy.copy(SOURCES)
        sources.complaints, sources.files, sources.product, sources.includes = (
            [], dict(SOURCES.files), dict(SOURCES.product), dict(SOURCES.includes))
        if path:
            text = sources.files.get(path, '')
            for pattern, replacement in change:
                changed = re.sub(pattern, replacement, text, count=1) if pattern else replacement
                self.assertNotEqual(changed, text, 'the fault could not be planted')
                text = changed
            sources.files[path] = sources.product[path] = text
            sources.includes[path] = sources.resolve(path, text)
            if rule in ('directions', 'doors', 'words', 'state', 'headings'):    # Each file by itself.
                sources.files = sources.product = {path: text}
        getattr(sources, rule)()
        return sources.complaints

    def assert_one(self, text, found):
        self.assertEqual(len(found), 1, found)
        self.assertIn(text, found[0])

    def test_the_sources_are_without_fault(self):
        for rule in ('directions', 'doors', 'cycles', 'words', 'state', 'headings', 'silence', 'plans', 'lengths'):
            self.assertEqual(self.complaints(rule), [], rule)

    def test_a_room_knows_nothing_to_its_right(self):
        self.assert_one('lies to its right', self.complaints(
            'directions', 'include/penstock/base/list.h', ('#include <', '#include "penstock/net/loop.h"\n#include <')))

    def test_a_library_has_one_door(self):
        self.assert_one('uv.h is included only in', self.complaints(
            'doors', 'include/penstock/http/head.h', ('#include <', '#include <uv.h>\n#include <')))

    def test_a_cycle_of_files(self):
        self.assert_one('a cycle of files', self.complaints(
            'cycles', 'include/penstock/base/require.h', ('#pragma once', '#pragma once\n#include "penstock/base/list.h"')))

    def test_a_word_that_we_do_not_say(self):
        for word in ('Upstream', 'Downstream', 'ClientSession', 'RuleContext', 'PoolManager', 'ErrorHandler', 'TextUtil'):
            self.assert_one('we do not say it', self.complaints(
                'words', 'include/penstock/http/head.h', ('struct Head ', 'class %s;\nstruct Head ' % word)))

    def test_words_of_tls_are_its_own(self):
        self.assertEqual(self.complaints('words', 'include/penstock/net/tls_session.h', ('class TlsSession', (
            'class OldTlsSession;\nclass TlsSession'))), [])

    def test_a_variable_of_a_thread(self):
        self.assert_one('thread_local stands only in', self.complaints(
            'state', 'src/http/cookies.cc', ('namespace penstock', 'thread_local int t_count;\nnamespace penstock')))

    def test_a_header_without_its_sentence(self):
        path = 'include/penstock/base/list.h'
        opening = r'\A(?://.*\n)*'
        for said in ('', '// list\n', '// Intrusive list\n'):
            self.assert_one('opens with a sentence', self.complaints('headings', path, (opening, said)))
        self.assertEqual(self.complaints('headings', path, (opening, '// A list of others.\n')), [])

    def test_a_field_of_a_plan_without_writer(self):
        fault = (r'  bool first_request = true;', '  bool first_request = true;\n  bool never_told = true;')
        found = self.complaints('plans', SUBJECT, fault)
        self.assertEqual([text.split(': ')[1] for text in found],
                         ['Subject::never_told has no writer', 'Subject::never_told has no reader'])

    def test_a_field_of_a_plan_without_reader(self):
        self.assert_one('Failure::never_read has no reader', self.complaints(
            'plans', 'include/penstock/http/stream.h', ('  bool empty = false;', (
                '  bool empty = false;\n  bool never_read = false;')), (
                    r'\}  // namespace penstock\n\Z', 'inline void tell(Failure& f) { f.never_read = true; }\n\n}  // namespace penstock\n')))

    def test_a_plan_that_is_gone(self):
        self.assert_one('no struct RetryOn', self.complaints(
            'plans', 'include/penstock/proxy/plan.h', ('struct RetryOn ', 'struct RetryWhen ')))

    def test_a_field_of_the_model_that_nobody_reads(self):
        self.assert_one('Proxy::unheard is read by nobody', self.complaints(
            'silence', 'include/penstock/config/model.h', ('  bool is_frontend = false;', (
                '  bool is_frontend = false;\n  bool unheard = false;'))))
        self.assert_one('LogTarget::unheard is read by nobody', self.complaints(
            'silence', 'include/penstock/config/settings.h', ('  std::uint32_t length = 1024;', (
                '  std::uint32_t length = 1024;\n  bool unheard = false;'))))

    def test_a_file_that_is_too_long(self):
        self.assert_one('above 700 a file is two', self.complaints(
            'lengths', 'src/http/cookies.cc', (r'\Z', '\n' * 700)))


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('--root', default=ROOT)
    options, rest = parser.parse_known_args()
    ROOT = os.path.abspath(options.root)
    SOURCES = tidy.Tidy(ROOT)
    unittest.main(argv=[sys.argv[0], *rest])
