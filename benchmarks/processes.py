"""The processes of a benchmark: the product and the floor, each a server of its own, and the client that loads them."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import msgspec

from benchmarks.load import Load, Rate

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 30


class NotStartedError(RuntimeError):
    """A server did not come up."""


@dataclass(frozen=True, slots=True)
class Served:
    """A server that runs: its process id, and the seconds until it was ready."""

    pid: int
    seconds: float


@contextlib.contextmanager
def serve(*arguments: str, port: int, ready: str, environment: Mapping[str, str]) -> Iterator[Served]:
    """Runs `python -m …` until the block ends, its output thrown away; begins once the path `ready` answers 200."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_until_ready(process, f"http://127.0.0.1:{port}{ready}")
        yield Served(process.pid, time.perf_counter() - start)
    finally:
        process.terminate()
        try:
            process.wait(25)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(process: "subprocess.Popen[bytes]", url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    with httpx.Client(trust_env=False) as client:
        while process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError):
                if client.get(url).status_code == 200:
                    return
            time.sleep(0.01)
    raise NotStartedError(f"{' '.join(map(str, process.args))} did not answer at {url}; its exit code: {process.poll()}")  # type: ignore[arg-type]


def free_port() -> int:
    """Finds a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Client:
    """The process that makes the load."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "benchmarks.load"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def run(self, load: Load) -> Rate:
        """Carries out one load. Raises RuntimeError when an answer was wrong (what was wrong stands on standard error)."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(load) + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the load client gave up")
        return msgspec.json.decode(line, type=Rate)

    def close(self) -> None:
        """Ends the process."""
        self._process.communicate()


def seconds_to_import(module: str) -> float:
    """Measures how long a fresh interpreter takes to import a module."""
    script = f"import time; start = time.perf_counter(); import {module}; print(time.perf_counter() - start)"
    answer = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return float(answer.stdout)
