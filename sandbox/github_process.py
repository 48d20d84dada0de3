"""Starts the sandbox GitHub as a child process, which tells its address and dies with its parent."""

import contextlib
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from sandbox.github import DEFAULT_LOGIN, DEFAULT_REPOSITORY, DEFAULT_TOKEN

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 20


@dataclass(frozen=True)
class RunningGithub:
    """A sandbox GitHub that answers; `page_url` and `base_url` (the API) have no slash at their end."""

    page_url: str
    token: str
    login: str
    repository: str
    repository_id: int
    process: subprocess.Popen[bytes]

    @property
    def base_url(self) -> str:
        return f"{self.page_url}/api/v3"

    @property
    def port(self) -> int:
        return int(self.page_url.rpartition(":")[2])

    def stop(self) -> None:
        """End it in order; what it knows is in its state file, if it has one."""
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()
        self._close()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self._close()

    def _close(self) -> None:
        if self.process.stdout is not None:
            self.process.stdout.close()


def start_github(
    *,
    state: Path | None = None,
    port: int = 0,
    repository: str = DEFAULT_REPOSITORY,
    token: str = DEFAULT_TOKEN,
    login: str = DEFAULT_LOGIN,
    collaborators: Sequence[str] = (),
    public_url: str | None = None,
    app: tuple[int, Path] | None = None,
    limits_factor: float | None = None,
) -> RunningGithub:
    """Start a sandbox GitHub on 127.0.0.1 and return it once it answers; `app` is an App's id and public key file.

    With `limits_factor` it enforces GitHub's limits, each count times that.

    Call it from a thread that lives as long as the sandbox should: Linux ties the end of one to the other.
    """
    options = {"--port": port, "--repository": repository, "--token": token, "--login": login, "--parent": os.getpid()}
    command = [str(part) for pair in options.items() for part in pair]
    command += ["--state", str(state.resolve())] if state else []
    command += ["--public-url", public_url] if public_url else []
    command += ["--app-id", str(app[0]), "--app-public-key", str(app[1].resolve())] if app else []
    command += ["--limits", str(limits_factor)] if limits_factor is not None else []
    command += [part for name in collaborators for part in ("--collaborator", name)]
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox.github", *command],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        page_url = _address(process)
        number = _repository_id(page_url, repository, token)
    except BaseException:
        process.kill()
        process.wait()
        raise
    return RunningGithub(page_url, token, login, repository, number, process)


def _address(process: subprocess.Popen[bytes]) -> str:
    """Return the address that the child prints once its port is open."""
    if process.stdout is None:
        raise RuntimeError("the sandbox GitHub was started without a pipe for its address")
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        line = process.stdout.readline() if selector.select(START_SECONDS) else b""
    if not line.startswith(b"http://"):
        raise RuntimeError("the sandbox GitHub did not start: see what it wrote to stderr")
    return line.decode().strip()


def _repository_id(page_url: str, repository: str, token: str) -> int:
    """Ask for the repository; the port is open already, so the answer waits until the application is ready."""
    with contextlib.closing(httpx.Client(trust_env=False, timeout=START_SECONDS)) as client:
        answer = client.get(f"{page_url}/api/v3/repos/{repository}", headers={"authorization": f"Bearer {token}"})
    return int(answer.raise_for_status().json()["id"])
