#!/usr/bin/env python3
"""The rules of the design page (src/README.md), executed: who may include whom, one door for each
library, no cycles, no knots, headers that compile alone, no hidden state, the words we do not say, no keyword
ignored in silence.

  tidy.py [--root DIR] [--build DIR] [--cache FILE] [--no-headers]

With --build the static libraries there are searched for variables that change. Sizes are printed and
judged by nobody. Exit status 1 when a rule is broken.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys

ROOMS = ['base', 'config', 'net', 'http', 'tables', 'rules', 'balance', 'proxy', 'control']
STRANGERS = [('config', 'net'), ('config', 'http')]      # Neither knows the other.
DOORS = {     # Library header: where it may be included.
    r'uv\.h': ['include/penstock/net/', 'src/net/'],
    r'openssl/.*': ['include/penstock/net/', 'src/net/'],
    r'llhttp\.h': ['src/http/h1_parser.cc'],
    r'pcre2\.h': ['src/rules/'],
    r'zlib\.h': ['src/http/deflate.cc'],
    r'ares.*\.h': ['src/net/dns.cc'],
    r'fmt/.*': ['include/penstock/base/', 'src/base/'],
}
# A loop frees what has died on it at the end of its turn, and who lives on it asks it for time: one thing in two files.
KNOT = {'src/net/living', 'src/net/loop'}
THREAD_LOCAL = ['include/penstock/base/block.h', 'include/penstock/base/reused.h', 'src/base/block.cc', 'src/net/tls_memory.cc']
MACROS = {'require', 'PCRE2_CODE_UNIT_WIDTH', 'PENSTOCK_VERSION'}
BANNED = {'upstream', 'downstream', 'session', 'sessions', 'context', 'contexts', 'manager', 'handler',
          'util', 'utils'}
TLS_WORDS = {'session', 'sessions', 'context', 'contexts'}
# Words of other people: names of libraries and keywords of the grammar.
FOREIGN = re.compile(r'^(k?SSL_|SSL|uv_|pcre2_|X509|EVP_)')
FOREIGN_WORDS = re.compile(
    r'(?i)^k?(tls_?(session|context)\w*|\w*tls_(session|context)s?_?|shut_?down_(backup_)?sessions\w*|'
    r'tcp_?session|ssl_session_cache|session_ticket|set_keep_session\w*|session_rate|sessionrate|appsession)$')
# What variables of the model's structs are called by those who read them.
HOLDERS = {'Address': 'address', 'LogTarget': 'target|wanted', 'Tls': 'tls', 'CertificateSource': 'source',
           'Bind': 'bind', 'Check': 'check', 'Server': 'server', 'Rule': 'rule', 'Acl': 'acl',
           'Capture': 'capture', 'CheckStep': 'step', 'Health': 'health', 'Balance': 'balance',
           'ForwardFor': 'forward|front|back', 'ErrorReply': 'reply|error', 'Timeouts': 'timeout',
           'Proxy': 'proxy', 'Global': 'global', 'StatsSocket': 'socket'}
# Read while the model is made: by judge, `set_env` by the reader of what follows the line too.
SETTLED = {'CheckStep::tcp', 'Global::external_check', 'Global::insecure_fork', 'Global::set_env'}
# Structs that one room fills and another reads: each field has a writer and a reader.
PLANS = {
    'include/penstock/rules/subject.h': ['Subject', 'ClientFacts', 'BindFacts', 'LogFacts', 'Effects'],
    'include/penstock/rules/verdict.h': ['Reply', 'ReplyTemplate'],
    'include/penstock/rules/compile.h': ['FrontendRules', 'BackendRules'],
    'include/penstock/rules/stick.h': ['StickRule'],
    'include/penstock/http/stream.h': ['Failure'],
    'include/penstock/http/front.h': ['FrontOptions', 'Tally'],
    'include/penstock/http/back.h': ['BackOptions', 'Ask'],
    'include/penstock/http/hop.h': ['Hop'],
    'include/penstock/balance/server.h': ['CheckStepSpec', 'CheckSpec', 'ServerSpec', 'BackendSpec'],
    'include/penstock/proxy/plan.h': ['Making', 'Entrance', 'BindSpec', 'FrontendPlan', 'RetryOn', 'BackendPlan'],
}
# Written by position, by reference or in a call that hides the name.
WRITTEN = {'Subject::now_us',  # By tests: a clock that stands.
           'Subject::transaction', 'Subject::request_variables', 'Subject::response_variables',
           'Effects::timeout_tunnel_ms', 'Failure::retry_safe', 'Failure::uv_status'}
READ = {'Failure::uv_status'}    # For who looks at a core dump.
# A file of src beyond so many lines is two.
MOST_LINES = 700
FIELD = re.compile(r'(?m)^  (?!enum |bool operator)[\w:]+(?:<.*>)? ((?:\w+(?: = [^,;]+|)(?:, )?)+);')
INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', re.M)


class Tidy:
    def __init__(self, root):
        self.root = root
        self.complaints = []
        self.files = {}
        for top in ('include', 'src', 'test/unit', 'test/flow', 'test/fuzz', 'test/bench', 'test/config'):
            for folder, _, names in os.walk(os.path.join(root, top)):
                for name in names:
                    if name.endswith(('.h', '.cc')):
                        path = os.path.relpath(os.path.join(folder, name), root)
                        with open(os.path.join(root, path), encoding='utf-8') as file:
                            self.files[path] = file.read()
        self.product = {path: text for path, text in self.files.items() if not path.startswith('test/')}
        self.includes = {path: self.resolve(path, text) for path, text in self.files.items()}

    def complain(self, path, line, text):
        self.complaints.append('%s:%d: %s' % (path, line, text))

    # -- who includes whom

    def resolve(self, path, text):
        """(line, name, file of ours or None) of each include."""
        found = []
        for match in INCLUDE.finditer(text):
            name = match.group(1) or match.group(2)
            line = text.count('\n', 0, match.start()) + 1
            places = ['include/' + name, os.path.join(os.path.dirname(path), name), 'src/' + name,
                      'test/' + name]
            ours = next((os.path.normpath(p) for p in places if os.path.normpath(p) in self.files), None)
            found.append((line, name, ours))
        return found

    @staticmethod
    def room(path):
        parts = path.split('/')
        if path.startswith('include/penstock/') and len(parts) > 3:
            return parts[2]
        if path.startswith('src/') and len(parts) > 2:
            return parts[1]
        return 'main'

    def directions(self):
        order = {name: n for n, name in enumerate(ROOMS + ['main'])}
        for path in self.product:
            room = self.room(path)
            if room not in order:
                self.complain(path, 1, 'no such room: %s' % room)
                continue
            for line, name, ours in self.includes[path]:
                if ours is None:
                    if name.startswith('penstock/'):
                        self.complain(path, line, 'no such header: %s' % name)
                    continue
                other = self.room(ours)
                if ours.startswith('src/') and other != room:
                    self.complain(path, line, '%s is private to %s' % (ours, other))
                if order.get(other, 99) > order[room]:
                    self.complain(path, line, '%s may not know %s, which lies to its right' % (room, other))
                if (room, other) in STRANGERS or (other, room) in STRANGERS:
                    self.complain(path, line, '%s and %s do not know each other' % (room, other))

    def doors(self):
        for path in self.product:
            for line, name, _ in self.includes[path]:
                for library, places in DOORS.items():
                    if re.fullmatch(library, name) and not any(
                            path == place or place.endswith('/') and path.startswith(place)
                            for place in places):
                        self.complain(path, line, '%s is included only in %s' % (name, ', '.join(places)))
            if self.room(path) != 'net':
                code = stripped(path, self.product[path])
                for match in re.finditer(r'\b(uv_\w+_t|SSL(_CTX|_SESSION)?\s*\*|X509\s*\*)', code):
                    self.complain(path, code.count('\n', 0, match.start()) + 1,
                                  '%s stays behind its door' % match.group(1))

    def cycles(self):
        """No file reaches itself through what it includes."""
        graph = {path: {ours for _, _, ours in self.includes[path] if ours} for path in self.product}
        for knot in strongly_connected(graph):
            self.complain(sorted(knot)[0], 1, 'a cycle of files: ' + ', '.join(sorted(knot)))

    def knots(self):
        """No units (a header with its .cc) know each other in a circle."""
        def unit(path):
            return re.sub(r'^include/penstock/', 'src/', re.sub(r'\.(h|cc)$', '', path))
        graph = {}
        for path in self.product:
            edges = graph.setdefault(unit(path), set())
            edges.update(unit(ours) for _, _, ours in self.includes[path] if ours)
            edges.discard(unit(path))
        for knot in strongly_connected(graph):
            if set(knot) != KNOT:
                self.complain(sorted(knot)[0], 1, 'a knot of units: ' + ', '.join(sorted(knot)))

    # -- what a file may hold

    def words(self):
        for path, text in self.product.items():
            code = stripped(path, text)
            # TLS has sessions and contexts of its own: who deals with them may say so.
            tls = '/tls_' in path or 'TlsContext' in code or 'TlsSession' in code
            banned = BANNED - TLS_WORDS if tls else BANNED
            for match in re.finditer(r'\b[A-Za-z_]\w*\b', code):
                name = match.group(0)
                if not banned & {part.lower() for part in split_name(name)}:
                    continue
                if FOREIGN.match(name) or FOREIGN_WORDS.match(name):
                    continue
                self.complain(path, code.count('\n', 0, match.start()) + 1,
                              'we do not say it: %s' % name)
            for part in split_name(os.path.basename(path).split('.')[0]):
                if part in BANNED and not os.path.basename(path).startswith('tls_'):
                    self.complain(path, 1, 'a file is not called %s' % part)

    def state(self):
        for path, text in self.product.items():
            code = stripped(path, text)
            for match in re.finditer(r'\bthread_local\b', code):
                if path not in THREAD_LOCAL:
                    self.complain(path, code.count('\n', 0, match.start()) + 1,
                                  'thread_local stands only in ' + ', '.join(THREAD_LOCAL))
            for match in re.finditer(r'(?m)^\s*#\s*define\s+(\w+)', code):
                if match.group(1) not in MACROS:
                    self.complain(path, code.count('\n', 0, match.start()) + 1,
                                  'a macro: %s' % match.group(1))
            for match in re.finditer(r'\b(try\s*\{|catch\s*\(|throw\b|dynamic_cast|typeid)', code):
                self.complain(path, code.count('\n', 0, match.start()) + 1,
                              'no exceptions and no RTTI: %s' % match.group(1))

    def silence(self):
        """What a keyword puts into the model is read by somebody, or the keyword warns."""
        models = ['include/penstock/config/model.h', 'include/penstock/config/settings.h']
        config = {path: text for path, text in self.product.items() if path.startswith('src/config/')}
        others = [text for path, text in self.product.items() if path not in models and (
            path not in config or os.path.basename(path) in ('finish.cc', 'parser.cc'))]
        keywords = [text for path, text in config.items() if '/keywords_' in path]
        functions = [part for text in keywords for part in text.split('\n}\n')]
        for struct, holders in HOLDERS.items():
            model, body = next((path, found.group(1)) for path in models for found in [
                re.search(r'(?sm)^struct %s \{\n(.*?)^\};' % struct, self.product.get(path, ''))] if found)
            body = stripped(model, body)
            for names in FIELD.findall(body):
                for name in re.findall(r'(\w+)(?: = [^,]+)?(?:, |$)', names):
                    read = re.compile(r'\b(%s)(_?\.|->|_->)%s\b' % (holders, name))
                    written = re.compile(r'(\.|&%s::)%s\b' % (struct, name))
                    # Where something stands is for complaints.
                    if name.endswith('_place') or '%s::%s' % (struct, name) in SETTLED or any(
                            read.search(text) for text in others) or struct == 'Global' and any(
                            read.search(text) for text in keywords):
                        continue
                    if not any(written.search(text) and 'warn' in text for text in functions):
                        self.complain(model, 1, '%s::%s is read by nobody, and its keyword does not warn'
                                      % (struct, name))

    def plans(self):
        """Each field of the plans and facts has a writer and a reader."""
        code = {path: stripped(path, text) for path, text in self.product.items()}
        everything = '\n'.join(code.values())
        uses = index_of_uses(everything)
        for path, structs in PLANS.items():
            for struct in structs:
                found = re.search(r'(?ms)^(?:struct|class) %s(?: final)?(?: : [^{;]*)? \{\n(.*?)^\};' % struct,
                                  code.get(path, ''))
                if not found:
                    self.complain(path, 1, 'no struct %s (PLANS of test/tidy/tidy.py)' % struct)
                    continue
                line = code[path].count('\n', 0, found.start()) + 1
                for name in public_fields(found.group(1)):
                    full = '%s::%s' % (struct, name)
                    written, read = uses_of(name, full, found.group(1), everything, uses)
                    if not written and full not in WRITTEN:
                        self.complain(path, line, '%s has no writer' % full)
                    if not read and full not in READ:
                        self.complain(path, line, '%s has no reader' % full)

    def lengths(self):
        for path, text in self.product.items():
            count = text.count('\n')
            if path.startswith('src/') and count > MOST_LINES:
                self.complain(path, 1, '%d lines: above %d a file is two' % (count, MOST_LINES))

    def warnings(self):
        """Each warning about Exchange has its entry in the manual, in the order of the alphabet."""
        path, page = 'src/config/lint.cc', 'man/penstock.8'
        names = re.findall(r'"([a-z0-9-]+)"', re.search(r'(?s) kNames\[\] = \{(.*?)\}', self.product[path]).group(1))
        with open(os.path.join(self.root, page)) as file:
            part = re.search(r'(?s)^\.SH WARNINGS ABOUT EXCHANGE$(.*?)^\.SH', file.read(), re.M).group(1)
        told = [name.replace('\\', '') for name in re.findall(r'(?m)^\.TP\n\.B (.*)$', part)]
        if names != told or names != sorted(names):
            self.complain(page, 1, 'names of warnings differ from those of %s: %s' % (path, set(names) ^ set(told)))

    def headings(self):
        for path, text in self.files.items():
            if path.endswith('.h'):
                opening = ' '.join(re.match(r'(?://.*\n)*', text).group(0).replace('//', '').split())
                if not re.match(r"[A-Z'\"`<0-9].*[.:](?: |$)", opening) and not re.match(r'[a-z_]\w+::', opening):
                    self.complain(path, 1, 'a header opens with a sentence: what the thing is for')
                if '#pragma once' not in text:
                    self.complain(path, 1, 'no #pragma once')

    def variables(self, build):
        """Symbols that live in .data or .bss: globals that change."""
        known = re.compile(r'guard variable for|\bt_kept\b|Block::kept_|Reused::kept_|\bt_ending\b|\b__tls_guard\b|\btls_memory_store\b|__asan|__ubsan|__odr_asan|^\.|__tsan|vtable|typeinfo|'
                           r'std::__ioinit')
        for room in ROOMS:
            library = os.path.join(build, 'src', room, 'lib%s.a' % room)
            if not os.path.exists(library):
                continue
            listing = subprocess.run(['objdump', '-t', '-C', library], stdout=subprocess.PIPE,
                                     stderr=subprocess.DEVNULL, text=True).stdout
            for line in listing.split('\n'):
                match = re.match(r'^[0-9a-f]+ .{7} (\.(?:data|bss|tbss)(?:\.(?!rel\.ro)\S*)?)\s+[0-9a-f]+ (.*)$',
                                 line)
                if match and not match.group(2).startswith('.') and not known.search(match.group(2)):
                    name = match.group(2).replace('.hidden ', '')
                    if match.group(1) == '.data' and ('.rel.ro' in line or not name):
                        continue
                    self.complain('src/' + room, 1, 'a variable that changes: %s in %s' % (
                        name, match.group(1)))

    def format(self):
        """Each file is as clang-format leaves it (.clang-format; Debian 12's version, 14)."""
        tool = shutil.which('clang-format-14') or shutil.which('clang-format')
        if not tool:
            return print('clang-format is not installed: the layout of files was not looked at')
        done = subprocess.run([tool, '--dry-run', '-Werror', *self.files], cwd=self.root, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        for path, line in sorted(dict(re.findall(r'(?m)^([^\s:]+):(\d+):\d+: error', done.stdout)[::-1]).items()):
            self.complain(path, int(line), 'not as clang-format leaves it')

    # -- headers compile alone

    def headers(self, cache_path):
        cache = {}
        if cache_path and os.path.exists(cache_path):
            with open(cache_path) as file:
                cache = json.load(file)
        compiler = os.environ.get('CXX', 'g++').split()
        flags = ['-std=c++20', '-fsyntax-only', '-fno-exceptions', '-D_GNU_SOURCE', '-I', 'include',
                 '-isystem', os.environ.get('TIDY_TLS_INCLUDE', '/usr/include/android'),
                 '-I', 'src', '-x', 'c++']
        # A header that its own .cc includes before all else compiles alone whenever that .cc does.
        proven = {found[0][2] for path, found in self.includes.items() if path.endswith('.cc') and found}
        keys = {path: self.key(path, compiler + flags) for path in self.product
                if path.endswith('.h') and path not in proven}
        todo = [path for path, key in keys.items() if cache.get(path) != key]

        def compile_one(path):
            # The header is included twice by a file of its own: alone, and guarded.
            text = '#include "{0}"\n#include "{0}"\n'.format(os.path.join(self.root, path))
            done = subprocess.run([*compiler, *flags, '-'], input=text, text=True, cwd=self.root,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            return path, done.returncode, done.stdout
        with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
            for path, code, said in pool.map(compile_one, todo):
                if code:
                    first = next((l for l in said.split('\n') if 'error' in l), said[:200])
                    self.complain(path, 1, 'does not compile alone: ' + first)
                else:
                    cache[path] = keys[path]
        if cache_path:
            os.makedirs(os.path.dirname(os.path.abspath(cache_path)), exist_ok=True)
            with open(cache_path + '.new', 'w') as file:
                json.dump(cache, file)
            os.replace(cache_path + '.new', cache_path)
        return len(keys), len(todo)

    def key(self, path, command):
        """A hash over the header, all of ours that it reaches, and the command."""
        seen, todo = set(), [path]
        while todo:
            one = todo.pop()
            if one not in seen:
                seen.add(one)
                todo += [ours for _, _, ours in self.includes.get(one, []) if ours]
        digest = hashlib.sha256(' '.join(command).encode())
        for one in sorted(seen):
            digest.update(one.encode() + b'\0' + self.files[one].encode())
        return digest.hexdigest()

    def sizes(self):
        print('%-10s %6s %8s %8s' % ('room', 'files', 'lines', 'largest'))
        for room in ROOMS + ['main']:
            lines = {path: text.count('\n') for path, text in self.product.items()
                     if self.room(path) == room}
            if lines:
                largest = max(lines, key=lines.get)
                print('%-10s %6d %8d %8d  %s' % (room, len(lines), sum(lines.values()), lines[largest],
                                                 largest))
        tests = [text.count('\n') for path, text in self.files.items() if path.startswith('test/')]
        print('%-10s %6d %8d' % ('tests', len(tests), sum(tests)))


def stripped(path, text):
    """The code without comments, strings and include lines; line numbers stay."""
    def blank(match):
        return re.sub(r'[^\n]', ' ', match.group(0))
    pattern = (r'R"(?P<d>[^(\s]*)\((?:.|\n)*?\)(?P=d)"|"(?:\\.|[^"\\\n])*"|' r"'(?:\\.|[^'\\\n])+'"
               r'|//[^\n]*|/\*(?:.|\n)*?\*/')
    # A quote between digits separates thousands and opens nothing.
    text = re.sub(r"(?<=[0-9a-fA-F])'(?=[0-9a-fA-F])", '_', text)
    text = re.sub(pattern, blank, text)
    return re.sub(r'(?m)^\s*#\s*include.*$', blank, text)


def public_fields(body):
    """Names of the fields of a struct, or of the public part of a class; functions left out."""
    body = body.split(' private:')[0]
    names = []
    for line in re.findall(r'(?m)^  (?=[\w:<])(?!enum |struct |static |friend |using |explicit |virtual |return |.*operator)(.*;)',
                           body):
        declaration = re.sub(r'\{[^}]*\}|=[^,;]*', '', line)
        while re.search(r'<[^<>]*>', declaration):
            declaration = re.sub(r'<[^<>]*>', '', declaration)
        if '(' not in declaration:
            names += re.findall(r'(\w+)(?:\[\w*\])?\s*[,;]', declaration)
    return names


def index_of_uses(everything):
    """Of each name behind a point or an arrow: what stands before the whole path, and what behind it."""
    uses = {}
    for match in re.finditer(r'(.?[?:(,&*] ?&?|)([\w>)\]-]*)((?:\.|->)\w+)+(\[[^\]\n]*\]|\(\))?(?=([^\n;]{0,6}))', everything):
        path = match.group(0)
        names = re.findall(r'(?:\.|->)(\w+)', path[:match.end(3) - match.start()])
        for name in names[:-1]:
            uses.setdefault(name, []).append(('', '.'))
        uses.setdefault(names[-1], []).append((match.group(1), match.group(5)))
    return uses


def uses_of(name, full, body, everything, uses):
    """(written, read): by name only, so another struct's field of that name counts as well."""
    # A pointer to the member, and a reference taken, may be either.
    either = re.search(r'%s\b' % full, everything) is not None
    written = re.search(r'\) (?:const )?\{[^}]*\b%s\b *=[^=]' % name, body) is not None
    read = re.search(r'(?<![.>:\w])%s\b(?! *[={;])' % name, body) is not None
    for before, tail in uses.get(name, ()):
        if re.match(r' *(=[^=]|=$|[-+|&^]=|\+\+|--|\{)', tail):
            written = True
        elif re.match(r'(\.|->)', tail) or before and re.match(r' *[,):?]', tail):
            written = read = True
        else:
            read = True
    return written or either, read or either


def split_name(name):
    return [part for part in re.split(r'_|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])', name) if part]


def strongly_connected(graph):
    """Tarjan's knots of more than one node."""
    index, low, stack, on_stack, knots = {}, {}, [], set(), []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        on_stack.add(node)
        for other in sorted(graph.get(node, ())):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in on_stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            knot = set()
            while True:
                other = stack.pop()
                on_stack.discard(other)
                knot.add(other)
                if other == node:
                    break
            if len(knot) > 1:
                knots.append(knot)

    sys.setrecursionlimit(10000)
    for node in sorted(graph):
        if node not in index:
            visit(node)
    return knots


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('--root', default=os.path.dirname(os.path.dirname(here)))
    parser.add_argument('--build', help='a build folder whose libraries are searched for variables')
    parser.add_argument('--cache', help='where the headers found good are remembered')
    parser.add_argument('--no-headers', action='store_true', help='do not compile the headers')
    options = parser.parse_args()
    tidy = Tidy(os.path.abspath(options.root))
    for rule in (tidy.directions, tidy.doors, tidy.cycles, tidy.knots, tidy.words, tidy.state, tidy.headings,
                 tidy.silence, tidy.plans, tidy.lengths, tidy.warnings, tidy.format):
        rule()
    if options.build:
        tidy.variables(options.build)
    if not options.no_headers:
        cache = options.cache or (options.build and os.path.join(options.build, 'tidy.json'))
        print('%d headers without a .cc of their own; %d compiled now' % tidy.headers(cache))
    tidy.sizes()
    for text in sorted(tidy.complaints):
        print(text)
    print('%d files, %d complaints' % (len(tidy.files), len(tidy.complaints)))
    return 1 if tidy.complaints else 0


if __name__ == '__main__':
    sys.exit(main())
