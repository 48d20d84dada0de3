"""Starts what `make run` needs and isn't given: PostgreSQL, Valkey, the sandbox GitHub, then migrations, API and worker."""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
from cryptography.fernet import Fernet

from sandbox.github_process import RunningGithub, start_github
from sandbox.launch import ServerFailedError, end, launch, tail, wait_until
from sandbox.postgres import start_postgres
from sandbox.valkey import start_valkey

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60
STOP_SECONDS = 25

Say = Callable[[str, str, float], None]


@dataclass(frozen=True, slots=True)
class Target:
    """The GitHub to work with, and whether it is the sandbox."""

    base_url: str
    token: str
    repository: str
    page_url: str
    sandbox: RunningGithub | None


@dataclass(frozen=True, slots=True)
class Services:
    """What runs: the API's address, the admin token and where it is kept, the GitHub, and the processes to watch."""

    api_url: str
    token: str
    token_file: Path
    github: Target
    processes: dict[str, subprocess.Popen[bytes]]
    data: Path


@contextlib.contextmanager
def running(data: Path, say: Say) -> Iterator[Services]:
    """Starts everything, and stops it in the opposite order; raises ServerFailedError with a sentence where something can't start."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    port = int(os.environ.get("PORT", "8000"))
    _refuse_busy(port)
    kept = _kept(data)
    with ExitStack() as stack:
        _start_database(stack, data, say)
        _start_redis(stack, data, say)
        github = _start_github(stack, data, say, kept=kept, port=port + 1)
        api_url = f"http://127.0.0.1:{port}"
        _set_environment(kept, api_url=api_url, port=port, sandbox=github.sandbox is not None)
        _migrate(data, say)
        processes = {name: _start_process(stack, name, data) for name in ("api", "workers")}
        _wait_for_api(processes["api"], api_url, data, say)
        yield Services(api_url, kept["token"], data / "token", github, processes, data)


def _kept(data: Path) -> dict[str, str]:
    """Reads the secrets of this checkout, made at the first start and readable by its owner only."""
    path = data / "secrets.json"
    if not path.exists():
        made = {"secret_key": Fernet.generate_key().decode(), "token": f"ft_{secrets.token_urlsafe(32)}"}
        _write_private(path, json.dumps(made))
        _write_private(data / "token", made["token"])
    kept: dict[str, str] = json.loads(path.read_text())
    return kept


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


def _start_database(stack: ExitStack, data: Path, say: Say) -> None:
    start = time.monotonic()
    if os.environ.get("DATABASE_URL"):
        say("PostgreSQL", "yours, from DATABASE_URL", 0)
        return
    server = stack.enter_context(start_postgres(data / "postgres", durable=True))
    os.environ["DATABASE_URL"] = server.url
    say("PostgreSQL", f"embedded, data in {_short(data / 'postgres')}", time.monotonic() - start)


def _start_redis(stack: ExitStack, data: Path, say: Say) -> None:
    start = time.monotonic()
    if os.environ.get("REDIS_URL"):
        say("Redis", "yours, from REDIS_URL", 0)
        return
    server = stack.enter_context(start_valkey(data / "valkey"))
    os.environ["REDIS_URL"] = server.url
    say("Valkey", "embedded, in place of Redis", time.monotonic() - start)


def _start_github(stack: ExitStack, data: Path, say: Say, *, kept: dict[str, str], port: int) -> Target:
    start = time.monotonic()
    token, repository = os.environ.get("FOLLOWTHROUGH_GITHUB_TOKEN"), os.environ.get("FOLLOWTHROUGH_GITHUB_REPOSITORY")
    if bool(token) != bool(repository):
        raise ServerFailedError("Set both FOLLOWTHROUGH_GITHUB_TOKEN and FOLLOWTHROUGH_GITHUB_REPOSITORY (org/repo), or neither.")
    if token and repository:
        say("GitHub", f"yours, {repository}", 0)
        base_url = os.environ.get("FOLLOWTHROUGH_GITHUB_API", "https://api.github.com")
        return Target(base_url, token, repository, f"https://github.com/{repository}", None)
    # The address stands in every link: it stays the same from one start to the next while its port is free.
    chosen = port if _is_free(port) else 0
    github = start_github(state=data / "github.sqlite", port=chosen)
    stack.callback(github.stop)
    say("GitHub", f"a sandbox that speaks GitHub's protocol, {github.page_url}", time.monotonic() - start)
    return Target(github.base_url, github.token, github.repository, github.page_url, github)


def _set_environment(kept: dict[str, str], *, api_url: str, port: int, sandbox: bool) -> None:
    os.environ.setdefault("FOLLOWTHROUGH_SECRET_KEY", kept["secret_key"])
    os.environ["FOLLOWTHROUGH_BOOTSTRAP_TOKEN"] = kept["token"]
    os.environ.setdefault("PUBLIC_URL", api_url)
    os.environ["PORT"] = str(port)
    if sandbox:
        os.environ["FOLLOWTHROUGH_PRIVATE_TRACKERS"] = "true"


def _migrate(data: Path, say: Say) -> None:
    start = time.monotonic()
    command = [sys.executable, "-m", "cli", "migrate"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    (data / "migrate.log").write_text(done.stdout + done.stderr)
    if done.returncode != 0:
        raise ServerFailedError(f"The database could not be migrated:\n{(done.stderr or done.stdout).strip()}")
    say("Schema", "at the newest revision", time.monotonic() - start)


def _start_process(stack: ExitStack, module: str, data: Path) -> subprocess.Popen[bytes]:
    process = launch([sys.executable, "-m", module], data / f"{module}.log", owns=[], root_allowed=True)
    stack.callback(lambda: end(process, signal.SIGTERM, signal.SIGKILL, seconds=STOP_SECONDS))
    return process


def _wait_for_api(process: subprocess.Popen[bytes], api_url: str, data: Path, say: Say) -> None:
    start = time.monotonic()
    wait_until(lambda: process.poll() is not None or _is_ready(api_url), seconds=START_SECONDS)
    if process.poll() is not None or not _is_ready(api_url):
        raise ServerFailedError(f"The API did not start:\n{tail(data / 'api.log')}")
    say("API, worker", api_url, time.monotonic() - start)


def _is_ready(api_url: str) -> bool:
    try:
        return httpx.get(f"{api_url}/health/ready", timeout=2, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def _refuse_busy(port: int) -> None:
    if not _is_free(port):
        raise ServerFailedError(f"Port {port} is in use: stop what listens there, or choose another with PORT={port + 10} make run")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _short(path: Path) -> str:
    return os.path.relpath(path)
