#!/usr/bin/env python3
"""The lists of words in the manual of the configuration, and those of penstock -dK.

vocabulary.py PROGRAM --write    puts the program's words into man/penstock.cfg.5
"""
import argparse
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGE = os.path.join(ROOT, 'man', 'penstock.cfg.5')
# Headings of the manual, and the classes of -dK that they list.
HEADINGS = {'SAMPLES': 'smp', 'CONVERTERS': 'cnv', 'ACTIONS': 'act', 'LOG VARIABLES': 'log'}


def words_of_program(program, word_class):
    """What works, of one class."""
    listed = subprocess.run([program, '-dK' + word_class], stdout=subprocess.PIPE, check=True).stdout.decode()
    rows = [row.split('\t') for row in listed.splitlines()]
    return [word for _, word, state in rows if state == 'works']


def section_of(page, heading):
    found = re.search(r'^\.Sh %s\n(.*?)(?=^\.Sh )' % heading, page, re.M | re.S)
    return found.group(1) if found else ''


def words_of_page(page, heading):
    return [line[4:].replace('\\&', '').rstrip(' ,.') for line in section_of(page, heading).splitlines() if line.startswith('.Cm ')]


def listed(words):
    lines = ['.Cm ' + ' '.join('\\&' + part for part in word.split()) for word in words]
    return ' ,\n'.join(lines) + ' .\n'


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('program')
    parser.add_argument('--write', action='store_true', required=True)
    options = parser.parse_args()
    with open(PAGE) as file:
        page = file.read()
    for heading, word_class in HEADINGS.items():
        before = section_of(page, heading)
        text = re.split(r'^\.Cm ', before, maxsplit=1, flags=re.M)[0]
        page = page.replace(before, text + listed(words_of_program(options.program, word_class)))
    with open(PAGE, 'w') as file:
        file.write(page)


if __name__ == '__main__':
    sys.exit(main())
