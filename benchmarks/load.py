"""The load: keep-alive connections that each send the next request when an answer is in, in a process of its own.

Reads one `Load` a line as JSON from standard input and writes one `Rate` a line, until its input ends. It reads of an answer only what
tells where it ends and whether it is the right one, so that it takes as little as possible of the processors that it shares.
"""

import asyncio
import itertools
import sys
import time
from collections.abc import Iterator
from typing import cast

import msgspec
import uvloop


class Load(msgspec.Struct):
    """What to do: send these requests in turn for some seconds; every answer must have this status."""

    port: int
    requests: list[str]
    status: int
    seconds: float
    connections: int


class Rate(msgspec.Struct):
    """What came of it: answers a second, and the share of one processor that the client itself needed."""

    per_second: float
    client_share: float


class _Run:
    """What the connections of one load share."""

    def __init__(self, load: Load) -> None:
        self.requests: Iterator[bytes] = itertools.cycle([request.encode() for request in load.requests])
        self.start_of_answer = b"HTTP/1.1 %d" % load.status
        self.answers = 0
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def fail(self, message: str) -> None:
        if not self.over.done():
            self.over.set_exception(RuntimeError(message))


class _Connection(asyncio.Protocol):
    def __init__(self, run: _Run) -> None:
        self._run = run
        self._transport: asyncio.Transport
        self._head = b""
        self._missing = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class, which has no such ancestor
        self._transport.write(next(self._run.requests))

    def data_received(self, data: bytes) -> None:
        if self._missing:
            self._missing -= len(data)
        else:
            data = self._head + data
            self._missing = self._bytes_missing(data)
            self._head = data if self._missing < 0 else b""
        if self._missing == 0:
            self._run.answers += 1
            self._transport.write(next(self._run.requests))
        self._missing = max(self._missing, 0)

    def _bytes_missing(self, data: bytes) -> int:
        """Gives how much of the body is still to come; -1 while the head is incomplete."""
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return -1
        if not data.startswith(self._run.start_of_answer):
            self._run.fail(f"an unexpected answer: {data[:400]!r}")
        start = data.index(b"content-length: ") + 16
        return end + 4 + int(data[start : data.index(b"\r", start)]) - len(data)

    def connection_lost(self, error: Exception | None) -> None:
        self._run.fail(f"the server closed a connection: {error}")

    def close(self) -> None:
        self._transport.abort()


async def _carry_out(load: Load) -> Rate:
    loop, run = asyncio.get_running_loop(), _Run(load)
    connections = [(await loop.create_connection(lambda: _Connection(run), "127.0.0.1", load.port))[1] for _ in range(load.connections)]
    before, start, processor = run.answers, time.perf_counter(), time.process_time()
    try:
        async with asyncio.timeout(load.seconds):
            await run.over
    except TimeoutError:
        pass
    seconds = time.perf_counter() - start
    rate = Rate((run.answers - before) / seconds, (time.process_time() - processor) / seconds)
    for connection in connections:
        connection.close()
    return rate


def main() -> None:
    """Carries out loads until there are no more."""
    for line in sys.stdin.buffer:
        rate = uvloop.run(_carry_out(msgspec.json.decode(line, type=Load)))
        sys.stdout.buffer.write(msgspec.json.encode(rate) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
