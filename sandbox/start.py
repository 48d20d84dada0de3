"""Starts what `make run` needs and isn't given: PostgreSQL, Valkey, the sandbox GitHub, then migrations, API and worker."""

import contextlib
import errno
import os
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

from sandbox.data_folder import Secrets, keep_token, occupied, read_secrets
from sandbox.github_process import RunningGithub, start_github
from sandbox.launch import ServerFailedError, end, launch, tail, wait_until
from sandbox.postgres import start_postgres
from sandbox.valkey import start_valkey

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60
STOP_SECONDS = 25
HIGHEST_PORT = 65_535
GITHUB_API = "https://api.github.com"

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
    """What runs: the API's address (the public one is for webhooks), the admin token and its file, the GitHub, and the processes."""

    api_url: str
    public_url: str
    token: str
    token_file: Path
    github: Target
    processes: dict[str, subprocess.Popen[bytes]]
    data: Path


@contextlib.contextmanager
def running(data: Path, say: Say) -> Iterator[Services]:
    """Starts everything, and stops it in the opposite order; raises ServerFailedError with a sentence where something can't start."""
    port = _port()
    with ExitStack() as stack:
        killed = stack.enter_context(occupied(data))
        _refuse_busy(port, patience=STOP_SECONDS if killed else 0)
        kept = read_secrets(data)
        token = os.environ.get("FOLLOWTHROUGH_BOOTSTRAP_TOKEN") or kept.token
        token_file = keep_token(data, token)
        _start_database(stack, data, say)
        _start_redis(stack, data, say)
        github = _start_github(stack, data, say, port=port + 1)
        api_url = f"http://127.0.0.1:{port}"
        _set_environment(kept, token=token, api_url=api_url, port=port, sandbox=github.sandbox is not None)
        _migrate(data, say)
        processes = {name: _start_process(stack, name, data) for name in ("api", "workers")}
        _wait_for_api(processes["api"], api_url, data, say)
        yield Services(api_url, os.environ["PUBLIC_URL"].rstrip("/"), token, token_file, github, processes, data)


def _port() -> int:
    text = os.environ.get("PORT") or "8000"
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= HIGHEST_PORT):
        raise ServerFailedError(f"PORT is a number from 1 to {HIGHEST_PORT}, not {text!r}.")
    return int(text)


def _refuse_busy(port: int, *, patience: float) -> None:
    """Raises ServerFailedError when nothing can listen at the port, even after so many seconds."""
    if wait_until(lambda: _hindrance(port) is None, seconds=patience):
        return
    other = port + 10 if port + 11 <= HIGHEST_PORT else port - 10
    why = "is in use: stop what listens there" if _hindrance(port) == errno.EADDRINUSE else "is not yours to use: become somebody who may"
    raise ServerFailedError(f"Port {port} {why}, or choose another with PORT={other} make run")


def _hindrance(port: int) -> int | None:
    """Gives the errno for which nothing can listen at the port, None when it is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error.errno
    return None


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


def _start_github(stack: ExitStack, data: Path, say: Say, *, port: int) -> Target:
    start = time.monotonic()
    token, repository = os.environ.get("FOLLOWTHROUGH_GITHUB_TOKEN"), os.environ.get("FOLLOWTHROUGH_GITHUB_REPOSITORY")
    if bool(token) != bool(repository):
        raise ServerFailedError("Set both FOLLOWTHROUGH_GITHUB_TOKEN and FOLLOWTHROUGH_GITHUB_REPOSITORY (org/repo), or neither.")
    if token and repository:
        say("GitHub", f"yours, {repository}", 0)
        base_url = (os.environ.get("FOLLOWTHROUGH_GITHUB_API") or GITHUB_API).rstrip("/")
        # A GitHub Enterprise Server has its API below its pages, at /api/v3.
        site = "https://github.com" if base_url == GITHUB_API else base_url.removesuffix("/api/v3")
        return Target(base_url, token, repository, f"{site}/{repository}", None)
    # The address stands in every link: it stays the same from one start to the next while its port is free.
    chosen = port if port <= HIGHEST_PORT and _hindrance(port) is None else 0
    try:
        github = start_github(state=data / "github.sqlite", port=chosen)
    except (RuntimeError, httpx.HTTPError) as error:
        raise ServerFailedError(f"The sandbox GitHub did not start: {error}") from error
    stack.callback(github.stop)
    say("GitHub", f"a sandbox that speaks GitHub's protocol, {github.page_url}", time.monotonic() - start)
    return Target(github.base_url, github.token, github.repository, github.page_url, github)


def _set_environment(kept: Secrets, *, token: str, api_url: str, port: int, sandbox: bool) -> None:
    """What is given stays; an empty value counts as not given, as it does for the settings."""
    os.environ["FOLLOWTHROUGH_SECRET_KEY"] = os.environ.get("FOLLOWTHROUGH_SECRET_KEY") or kept.secret_key
    os.environ["PUBLIC_URL"] = os.environ.get("PUBLIC_URL") or api_url
    os.environ["FOLLOWTHROUGH_BOOTSTRAP_TOKEN"] = token
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


def _short(path: Path) -> str:
    return os.path.relpath(path)
