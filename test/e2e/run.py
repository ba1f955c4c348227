#!/usr/bin/env python3
"""Runs the end-to-end tests: run.py [PROGRAM] [-j N] [-k TEXT] [--nbthread 1,4] [-v]

Test classes are dealt to N processes. The last line is "N passed, N failed, N skipped"; the exit
status is 0 when nothing failed (and, with CI=true, nothing was skipped).
"""
import argparse
import json
import os
import queue
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True


def classes(suite, into):
    """Test ids by class, in the order of the files."""
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            classes(item, into)
        else:
            into.setdefault(item.id().rpartition('.')[0], []).append(item.id())
    return into


class Collector(unittest.TestResult):
    """Turns results into (id, outcome, text, seconds), subtests included."""

    def __init__(self):
        super().__init__()
        self.rows = []
        self.started = 0.0
        self.failed_subtests = []

    def startTest(self, test):
        super().startTest(test)
        self.started = time.time()
        self.failed_subtests = []

    def row(self, test, outcome, text=''):
        self.rows.append((test.id(), outcome, text, time.time() - self.started))

    def text(self, error):
        return ''.join(traceback.format_exception(*error, limit=-6))

    def addSuccess(self, test):
        self.row(test, 'failed' if self.failed_subtests else 'passed',
                 '\n'.join(self.failed_subtests))

    def addFailure(self, test, error):
        self.row(test, 'failed', self.text(error))

    addError = addFailure

    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        if error:
            self.failed_subtests.append('%s\n%s' % (subtest, self.text(error)))

    def stopTest(self, test):
        if self.failed_subtests and (not self.rows or self.rows[-1][0] != test.id()):
            self.row(test, 'failed', '\n'.join(self.failed_subtests))
        super().stopTest(test)

    def addSkip(self, test, reason):
        self.row(test, 'skipped', reason)

    def addExpectedFailure(self, test, error):
        self.row(test, 'passed')

    def addUnexpectedSuccess(self, test):
        self.row(test, 'failed', 'was expected to fail')


def worker():
    """Reads lines of test ids that belong together, answers each with a line of results."""
    loader = unittest.defaultTestLoader
    for line in sys.stdin:
        result = Collector()
        loader.loadTestsFromNames(json.loads(line)).run(result)
        print(json.dumps(result.rows), flush=True)


def run_worker(jobs, report, nbthread):
    environment = dict(os.environ, E2E_NBTHREAD=str(nbthread))
    process = subprocess.Popen([sys.executable, os.path.abspath(__file__), '--worker'],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment,
                               text=True)
    while True:
        try:
            names = jobs.get_nowait()
        except queue.Empty:
            break
        process.stdin.write(json.dumps(names) + '\n')
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            report([(names[0], 'failed', 'the test process died', 0)], nbthread)
            return run_worker(jobs, report, nbthread)
        report(json.loads(line), nbthread)
    process.stdin.close()
    process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('program', nargs='?')
    parser.add_argument('-j', type=int, default=2 * (os.cpu_count() or 1))
    parser.add_argument('-k', action='append', default=[], help='only tests whose id holds TEXT')
    parser.add_argument('--nbthread', default='1,4', help='thread counts to run everything with')
    parser.add_argument('--slow', type=int, default=0, help='print the N slowest tests')
    parser.add_argument('-v', action='store_true')
    parser.add_argument('--worker', action='store_true', help=argparse.SUPPRESS)
    options = parser.parse_args()
    # Shells let their background jobs ignore it, and what we start would do so too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if options.worker:
        return worker()
    if options.program:
        path = shutil.which(options.program) or options.program
        os.environ['PENSTOCK'] = os.path.abspath(path)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20000), hard))
    import harness
    if not os.access(harness.PROGRAM, os.X_OK):
        sys.exit('no program at %s' % harness.PROGRAM)
    folder = tempfile.mkdtemp(prefix='penstock-certs.')
    try:
        harness.make_certificates(folder)
        os.environ['E2E_CERTS'] = folder
        return run_all(options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run_all(options):
    groups = classes(unittest.defaultTestLoader.discover(HERE, 'test_*.py'), {})
    chosen = [[name for name in names if not options.k or any(k in name for k in options.k)]
              for names in groups.values()]
    lock, rows, texts = threading.Lock(), [], {}

    def report(some, nbthread):
        with lock:
            for name, outcome, text, seconds in some:
                rows.append((seconds, name, outcome, nbthread))
                if outcome == 'failed':
                    texts[name, nbthread] = text
                    print('FAILED %s (nbthread %d)\n%s' % (name, nbthread, text), flush=True)
                elif options.v or outcome == 'skipped' and nbthread == counts[0]:
                    print('%s %s %.2f s %s' % (outcome, name, seconds, text), flush=True)

    counts = [int(n) for n in options.nbthread.split(',')]
    for nbthread in counts:
        jobs = queue.Queue()
        # Who takes a minute begins first, or the others would be waiting for it at the end.
        for names in sorted(chosen, key=lambda names: not (names and getattr(test_class(names[0]), 'SLOW', False))):
            # A class with a rig of its own stays together; else every test can go anywhere.
            for group in ([names] if is_shared(names) else [[name] for name in names]):
                if group and (nbthread == counts[0] or not once(group[0])):
                    jobs.put(group)
        threads = [threading.Thread(target=run_worker, args=(jobs, report, nbthread))
                   for _ in range(options.j)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    again(rows, texts)
    for row in sorted(rows, reverse=True)[:options.slow]:
        print('%.2f s %s' % row[:2])
    tally = {kind: sum(row[2] == kind for row in rows) for kind in ('passed', 'failed', 'skipped')}
    print('%(passed)d passed, %(failed)d failed, %(skipped)d skipped' % tally)
    bad = tally['failed'] or (os.environ.get('CI') == 'true' and tally['skipped'])
    return 1 if bad or not tally['passed'] else 0


# What no busy machine explains.
DEFECTS = ('signal', 'exit status', 'Sanitizer', 'runtime error', 'invariant', 'has ended')


def again(rows, texts):
    """Tests that share two processors with many others may wait in vain. What failed is run once more
    by itself, and that counts; a crash or a sanitizer's report stays what it is."""
    failed = [row for row in rows if row[2] == 'failed']
    if len(failed) > 10:
        return
    for row in failed:
        _, name, _, nbthread = row
        if not name.startswith('test_') or any(word in texts[name, nbthread] for word in DEFECTS):
            continue
        jobs, outcomes = queue.Queue(), []
        jobs.put([name])
        run_worker(jobs, lambda some, _: outcomes.extend(some), nbthread)
        if outcomes and all(outcome == 'passed' for _, outcome, _, _ in outcomes):
            print('passed when run alone: %s (nbthread %d)' % (name, nbthread), flush=True)
            rows[rows.index(row)] = (outcomes[0][3], name, 'passed', nbthread)


def test_class(name):
    module, _, rest = name.partition('.')
    return getattr(sys.modules.get(module) or __import__(module), rest.partition('.')[0], None)


def is_shared(names):
    import harness
    kind = test_class(names[0]) if names else None
    return isinstance(kind, type) and issubclass(kind, harness.Shared)


def once(name):
    """True for tests to which the number of threads is nothing."""
    return getattr(test_class(name), 'ONCE', False)


if __name__ == '__main__':
    sys.exit(main())
