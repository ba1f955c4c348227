#!/usr/bin/env python3
"""The page of statistics in headless Chromium: how long it takes, what axe-core says of it, and a picture to look at.

test/browser.py PROGRAM [--servers N] [--width PIXELS] [--dark] [--picture FILE]

Not among the tests that test/run runs: Chromium is 80 MB, and 300 MB installed. It needs chromium, npm, which brings
axe-core into a folder of its own, and python3-websockets. Exits with 1 if the page violates a rule.
"""
import argparse
import asyncio
import base64
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import websockets

PAGE = '''global
    nbthread 2
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
frontend statistics
    bind 127.0.0.1:%d
    stats enable
    stats uri /stats
    stats admin if TRUE
'''
READY = 'document.readyState === "complete"'
AXE = '''(async () => {
  const found = await axe.run(document, {resultTypes: ["violations"]});
  return JSON.stringify(found.violations.map(v => [v.id, v.impact, v.help, v.nodes.length, v.nodes[0].html.slice(0, 200)]));
})()'''


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as sock:
        return sock.getsockname()[1]


def configuration(port, servers):
    """Pools as Exchange has them: ten servers in each."""
    text = PAGE % port
    for pool in range(max(1, servers // 10)):
        text += 'backend pool%04d\n' % pool
        for server in range(min(10, servers)):
            text += '    server EX%02d 127.0.0.1:9%s\n' % (server, ' disabled' if server == 3 else '')
    return text


def axe_of(folder):
    subprocess.run(['npm', 'install', '--silent', '--no-audit', '--no-fund', '--prefix', folder, 'axe-core'], check=True)
    with open(os.path.join(folder, 'node_modules', 'axe-core', 'axe.min.js')) as file:
        return file.read()


def wait_for(port):
    """Until somebody listens there: ten thousand servers take a moment."""
    while True:
        try:
            return socket.create_connection(('127.0.0.1', port)).close()
        except ConnectionRefusedError:
            time.sleep(0.05)


class Tab:
    """A page of the browser, spoken to by its DevTools protocol."""

    def __init__(self, line):
        self.line = line
        self.number = 0

    async def call(self, method, **parameters):
        self.number += 1
        await self.line.send(json.dumps({'id': self.number, 'method': method, 'params': parameters}))
        while True:
            answer = json.loads(await self.line.recv())
            if answer.get('id') == self.number:
                if 'error' in answer:
                    raise RuntimeError('%s: %s' % (method, answer['error']))
                return answer['result']

    async def value(self, expression):
        result = await self.call('Runtime.evaluate', expression=expression, awaitPromise=True, returnByValue=True)
        if 'exceptionDetails' in result:
            raise RuntimeError(result['exceptionDetails'])
        return result['result'].get('value')


async def look(arguments, port, devtools, axe):
    with urllib.request.urlopen('http://127.0.0.1:%d/json/list' % devtools) as answer:
        target = next(each for each in json.load(answer) if each['type'] == 'page')
    async with websockets.connect(target['webSocketDebuggerUrl'], max_size=None) as line:
        tab = Tab(line)
        await tab.call('Page.enable')
        await tab.call('Emulation.setDeviceMetricsOverride', width=arguments.width, height=1000, deviceScaleFactor=1,
                       mobile=arguments.width < 600)
        if arguments.dark:
            await tab.call('Emulation.setEmulatedMedia', features=[{'name': 'prefers-color-scheme', 'value': 'dark'}])
        begun = time.monotonic()
        await tab.call('Page.navigate', url='http://127.0.0.1:%d/stats' % port)
        while not await tab.value('location.pathname === "/stats" && ' + READY):
            await asyncio.sleep(0.02)
        print('complete after %.2f s, %d elements' % (
            time.monotonic() - begun, await tab.value('document.getElementsByTagName("*").length')))
        # What the page's own script is kept busy by, as whoever scrolls would feel it.
        print('longest pause of the page in 5 s: %.0f ms' % await tab.value('''new Promise(done => {
            let last = performance.now(), worst = 0, end = last + 5000;
            const tick = () => { const now = performance.now(); worst = Math.max(worst, now - last); last = now;
                                 now < end ? setTimeout(tick, 0) : done(worst); };
            tick(); })'''))
        picture = await tab.call('Page.captureScreenshot', format='png')
        with open(arguments.picture, 'wb') as file:
            file.write(base64.b64decode(picture['data']))
        print('picture: ' + arguments.picture)
        if axe is None:
            return 0
        await tab.value(axe + ';0')
        violations = json.loads(await tab.value(AXE))
        for violation in violations:
            print('axe-core: %s' % violation)
        print('axe-core: %d violations' % len(violations))
        return 1 if violations else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('program')
    parser.add_argument('--servers', type=int, default=40)
    parser.add_argument('--width', type=int, default=1400)
    parser.add_argument('--dark', action='store_true')
    parser.add_argument('--picture', default='page.png')
    arguments = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    with tempfile.TemporaryDirectory(prefix='penstock-browser.') as folder:
        # It looks at each element several times: of a long page it would look for hours.
        axe, port = None if arguments.servers > 1000 else axe_of(folder), free_port()
        path = os.path.join(folder, 'page.cfg')
        with open(path, 'w') as file:
            file.write(configuration(port, arguments.servers))
        program = subprocess.Popen([arguments.program, '-db', '-f', path])
        browser = subprocess.Popen(
            ['chromium', '--headless=new', '--no-sandbox', '--disable-gpu', '--remote-debugging-port=0',
             '--user-data-dir=' + os.path.join(folder, 'profile'), 'about:blank'],
            stderr=subprocess.PIPE, text=True)
        try:
            wait_for(port)
            for line in browser.stderr:
                devtools = re.search(r'DevTools listening on ws://127\.0\.0\.1:(\d+)/', line)
                if devtools:
                    break
            return asyncio.run(look(arguments, port, int(devtools.group(1)), axe))
        finally:
            browser.terminate()
            program.terminate()
            browser.wait()
            program.wait()


if __name__ == '__main__':
    sys.exit(main())
