"""The ground of the stress run: real servers and processes, of which any may be killed at any time."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from cryptography.fernet import Fernet

from sandbox.github_process import RunningGithub, start_github
from sandbox.migrations import run_alembic
from sandbox.postgres import RunningPostgres, start_postgres
from sandbox.valkey import RunningValkey, start_valkey

ROOT = Path(__file__).resolve().parents[3]
TOKEN = "ft_the_bootstrap_token_of_the_stress_run"
PEOPLE = {"ana@example.com": "ana-r", "cleo@example.com": "cleo-k"}
START_SECONDS = 60
# Short times, in the order that the settings demand (a call, a lease, a job); a sweep comes often enough to be seen several times.
SETTINGS = {
    "FOLLOWTHROUGH_TRACKER_TIMEOUT_SECONDS": "4",
    "FOLLOWTHROUGH_LEASE_SECONDS": "8",
    "FOLLOWTHROUGH_JOB_TIMEOUT_SECONDS": "20",
    "FOLLOWTHROUGH_POLL_SECONDS": "1",
    "FOLLOWTHROUGH_PROBE_SECONDS": "2",
    "FOLLOWTHROUGH_HOOK_CHECK_SECONDS": "60",
    "FOLLOWTHROUGH_PRIVATE_TRACKERS": "true",
    "FOLLOWTHROUGH_BOOTSTRAP_TOKEN": TOKEN,
    "FOLLOWTHROUGH_LOG_LEVEL": "WARNING",
}


@dataclass(slots=True)
class Worker:
    """A worker that is killed from time to time; `ended` counts the times that it ended by itself, which it never should."""

    start: Callable[[], "subprocess.Popen[bytes]"]
    process: "subprocess.Popen[bytes]" = field(init=False)
    killed: int = 0
    ended: int = 0

    def __post_init__(self) -> None:
        self.process = self.start()

    def kill(self) -> None:
        """Kills it, and starts another in its place."""
        self.ended += self.process.poll() is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.killed += 1
        self.process = self.start()


@dataclass(slots=True)
class Ground:
    """Everything that runs."""

    postgres: RunningPostgres
    valkey: RunningValkey
    github: RunningGithub
    api_url: str
    api: "subprocess.Popen[bytes]"
    workers: list[Worker]
    logs: Path
    factor: float

    def sandbox(self, method: str, path: str, **document: Any) -> Any:
        """Calls a control endpoint of the sandbox."""
        url = f"{self.github.page_url}/_sandbox/{path}"
        answer = httpx.request(method, url, json=document or None, trust_env=False, timeout=30)
        assert not answer.is_error, answer.text
        return answer.json() if answer.content else None


@contextmanager
def prepared(folder: Path, *, factor: float, sweep_seconds: float) -> Iterator[Ground]:
    """Starts the servers, the sandbox with GitHub's limits times a factor, the API and two workers, which are told that factor alone."""
    with ExitStack() as stack:
        postgres = stack.enter_context(start_postgres(folder / "postgres", durable=False))
        valkey = stack.enter_context(start_valkey(folder / "valkey"))
        run_alembic(postgres.url, "upgrade", "head")
        github = start_github(collaborators=list(PEOPLE.values()), limits_factor=factor)
        stack.callback(github.stop)
        port = _free_port()
        environment = (
            os.environ
            | SETTINGS
            | {
                "DATABASE_URL": postgres.url,
                "REDIS_URL": valkey.url,
                "FOLLOWTHROUGH_SECRET_KEY": Fernet.generate_key().decode(),
                "FOLLOWTHROUGH_PACE_FACTOR": str(factor),
                "FOLLOWTHROUGH_SWEEP_SECONDS": str(sweep_seconds),
                "PORT": str(port),
                "PUBLIC_URL": f"http://127.0.0.1:{port}",
            }
        )

        def start(module: str, name: str) -> "subprocess.Popen[bytes]":
            with (folder / f"{name}.log").open("ab") as log:
                process = subprocess.Popen([sys.executable, "-m", module], cwd=ROOT, env=environment, stdout=log, stderr=log)
            stack.callback(_end, process)
            return process

        api = start("api", "api")
        _wait_until_ready(f"http://127.0.0.1:{port}/health/ready", api, folder / "api.log")
        workers = [Worker(lambda name=f"worker-{n}": start("workers", name)) for n in range(2)]  # type: ignore[misc]
        yield Ground(postgres, valkey, github, f"http://127.0.0.1:{port}", api, workers, folder, factor)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(url, trust_env=False, timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"the API did not start: {log.read_text()[-2000:]}")
