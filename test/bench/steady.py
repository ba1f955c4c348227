"""A steady load: clients that each ask once a second on a connection of their own, and a server that takes its time
for each answer and counts its connections."""
import asyncio
import contextlib
import random
import time

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
REQUEST = b'GET / HTTP/1.1\r\nHost: a\r\n\r\n'


class Origin:
    """How many connections were made to it."""

    def __init__(self, delay):
        self.delay, self.made = delay, 0

    async def start(self):
        self.server = await asyncio.start_server(self._serve, '127.0.0.1', 0, backlog=1000)
        return self.server.sockets[0].getsockname()[1]

    async def _serve(self, reader, writer):
        self.made += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                await reader.readuntil(b'\r\n\r\n')
                await asyncio.sleep(self.delay)
                writer.write(ANSWER)
        writer.close()


async def ask(port, at, rounds):
    """Asks at `at` and each second after it; the number of answers that were as they should be."""
    await asyncio.sleep(max(0, at - time.monotonic()))
    reader, writer = await asyncio.open_connection('127.0.0.1', port)
    good = 0
    for number in range(rounds):
        await asyncio.sleep(max(0, at + number - time.monotonic()))
        writer.write(REQUEST)
        good += (await reader.readexactly(len(ANSWER))).lower() == ANSWER.lower()
    writer.close()
    return good


async def _run(start, clients, rounds, delay, evenly):
    origin = Origin(delay)
    port, stop = start(await origin.start())
    try:
        begin = time.monotonic() + 0.2
        phases = [i / clients if evenly else random.random() for i in range(clients)]
        answers = await asyncio.gather(*[ask(port, begin + phase, rounds) for phase in phases])
    finally:
        stop()
        origin.server.close()
    return origin.made, sum(answers)


def run(start, clients=400, rounds=3, delay=0.02, evenly=True):
    """start(port of the server) begins a proxy and returns (its port, how to stop it). Returns the connections that
    the server saw, and how many answers were right."""
    return asyncio.run(_run(start, clients, rounds, delay, evenly))
