"""Clients of others see an answer that comes before their upload has been read."""
import os
import shutil
import subprocess
import tempfile

from harness import Shared, penstock_only

REQUESTS = """
import sys, requests, urllib3
urllib3.disable_warnings()
session = requests.Session()
for url in sys.argv[2:]:
    print(session.post(url, data=b'x' * int(sys.argv[1]), verify=False, timeout=20).status_code, flush=True)
"""
NODE = """
const size = Number(process.argv[1]);
async function one(url) {
  const lib = require(url.startsWith('https') ? 'https' : 'http');
  return new Promise((done, failed) => {
    const post = lib.request(url, {method: 'POST', headers: {'Content-Length': size}, rejectUnauthorized: false},
      answer => { answer.on('data', () => {}); answer.on('end', () => done(answer.statusCode)); answer.on('error', failed); });
    post.on('error', failed);
    post.end(Buffer.alloc(size, 120));
  });
}
(async () => {
  for (const url of process.argv.slice(2)) console.log(await one(url).catch(error => error.code));
  process.exit(0);
})();
"""


class Clients(Shared):
    ONCE = True
    CONFIG = """
listen fe
    bind <fe>
    bind <fetls> ssl crt <certs>/mail.pem
    server s1 <s1>
"""

    def urls(self):
        """What was asked for, in order: the status is the first part of the path."""
        for scheme, name in (('http', 'fe'), ('https', 'fetls')):
            for status in (401, 403, 413):
                for then in ('read', 'close', 'rst'):
                    yield status, self.r.url('/test/early/%d?then=%s' % (status, then), scheme, name)

    def see(self, command, sizes=(10_000, 300_000, 5_000_000)):
        wanted = [str(status) for status, _ in self.urls()]
        for size in sizes:
            done = subprocess.run([*command, str(size), *(url for _, url in self.urls())], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
            self.assertEqual(done.stdout.decode().split(), wanted, (size, done.stderr[-500:]))

    @penstock_only('loses some where the server closes or resets')
    def test_requests_of_python_sees_an_early_answer(self):
        python = '/usr/bin/python3'
        if subprocess.run([python, '-c', 'import requests'], stderr=subprocess.DEVNULL, check=False).returncode:
            self.skipTest('python3-requests is not installed')
        self.see([python, '-c', REQUESTS])

    @penstock_only('loses some where the server closes or resets')
    def test_node_sees_an_early_answer(self):
        if not shutil.which('node'):
            self.skipTest('nodejs is not installed')
        self.see(['node', '-e', NODE])

    @penstock_only('loses some where the server closes or resets')
    def test_wget_sees_an_early_answer(self):
        if not shutil.which('wget'):
            self.skipTest('wget is not installed')
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'body')
            with open(path, 'wb') as file:
                file.write(b'x' * 5_000_000)
            for status, url in self.urls():
                done = subprocess.run(['wget', '-S', '-t', '1', '-T', '20', '-O', '/dev/null', '--no-check-certificate',
                                       '--post-file=' + path, url], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, check=False)
                self.assertIn(b'HTTP/1.1 %d ' % status, done.stdout, url)
