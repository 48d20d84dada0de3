"""`followthrough api` and `worker` as the processes that they become, with a real import over the real API."""

import json
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from redis import Redis

from sandbox.launch import wait_until
from tests.cli.commands import ROOT, environment, followthrough, server_settings

TOKEN = "ft_bootstrap-token-of-this-test"
START_SECONDS = 30
DOCUMENT = """# Checkout was down

## Action items

- [ ] Alert when the queue grows
- [ ] Write the runbook
"""


@contextmanager
def _running(command: str, settings: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    # Without a buffer, so that no line waits in it while `select` sees nothing to read.
    arguments = [sys.executable, "-m", "cli", command]
    pipe = subprocess.PIPE
    with subprocess.Popen(arguments, env=environment(settings), cwd=ROOT, stdout=pipe, stderr=pipe, bufsize=0) as process:
        try:
            yield process
        finally:
            process.kill()


def _line_with(process: "subprocess.Popen[bytes]", event: str) -> str:
    """Reads the log up to the line with this event."""
    assert process.stderr is not None
    seen, deadline = [], time.monotonic() + START_SECONDS
    with selectors.DefaultSelector() as selector:
        selector.register(process.stderr, selectors.EVENT_READ)
        while selector.select(max(0.0, deadline - time.monotonic())):
            line = process.stderr.readline().decode()
            seen.append(line)
            if event in line or not line:
                break
    assert event in seen[-1], "".join(seen)
    return seen[-1]


def _exit_code_after(number: signal.Signals, process: "subprocess.Popen[bytes]") -> int:
    process.send_signal(number)
    return process.wait(START_SECONDS)


@pytest.fixture
def settings(fresh_database: str, redis_url: str) -> dict[str, str]:
    return server_settings(fresh_database, redis_url) | {"PORT": "0", "FOLLOWTHROUGH_BOOTSTRAP_TOKEN": TOKEN}


def test_api_serves_an_import_and_ends_in_order(settings: dict[str, str], tmp_path: Path) -> None:
    document = tmp_path / "outage.md"
    document.write_text(DOCUMENT)
    with _running("api", settings) as process:
        line = json.loads(_line_with(process, "Uvicorn running on"))
        address = line["event"].split()[3]
        answer = httpx.get(f"{address}/health/live", trust_env=False)
        assert (answer.status_code, "server" in answer.headers) == (200, False)
        _import_again_and_again(document, address)
        assert _exit_code_after(signal.SIGTERM, process) == 0
        assert process.stderr is not None
        rest = [json.loads(line) for line in process.stderr.read().splitlines()]
    assert not [line for line in rest if line.get("level") in {"error", "critical"}]


def _import_again_and_again(document: Path, address: str) -> None:
    caller = {"PUBLIC_URL": address, "FOLLOWTHROUGH_TOKEN": TOKEN}
    tried = followthrough("import", document, "--dry-run", settings=caller)
    assert (tried.returncode, " not stored " in tried.stdout) == (0, True), tried.stderr
    first = followthrough("import", document, settings=caller)
    assert (first.returncode, " new " in first.stdout) == (0, True), first.stderr
    assert "Alert when the queue grows" in first.stdout
    again = followthrough("import", document, settings=caller)
    assert (again.returncode, " same " in again.stdout) == (0, True), again.stdout
    document.write_text(DOCUMENT.replace("the runbook", "the new runbook"))
    changed = followthrough("import", document, settings=caller)
    assert (changed.returncode, " changed " in changed.stdout) == (0, True), changed.stdout
    document.write_bytes(b"x" * (1024 * 1024 + 1))
    large = followthrough("import", document, settings=caller)
    assert (large.returncode, "(413 Too large)" in large.stderr) == (1, True), large.stderr
    stranger = followthrough("import", document, settings=caller | {"FOLLOWTHROUGH_TOKEN": "ft_stranger"})
    assert (stranger.returncode, "(401 Not authenticated)" in stranger.stderr) == (1, True), stranger.stderr


def test_port_that_is_taken_is_said_in_the_log(settings: dict[str, str]) -> None:
    with _running("api", settings) as first:
        port = json.loads(_line_with(first, "Uvicorn running on"))["event"].split()[3].rpartition(":")[2]
        second = followthrough("api", settings=settings | {"PORT": port})
        assert _exit_code_after(signal.SIGINT, first) == 0
    assert second.returncode != 0
    assert "address already in use" in second.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_worker_works_until_it_is_told_to_stop(settings: dict[str, str], redis_url: str, number: signal.Signals) -> None:
    queue = f"queue-of-{number.name}"
    with _running("worker", settings | {"FOLLOWTHROUGH_QUEUE_NAME": queue}) as process, Redis.from_url(redis_url) as redis:
        # arq writes this key when it has started.
        assert wait_until(lambda: bool(redis.exists(f"{queue}:health-check")), seconds=START_SECONDS)
        assert _exit_code_after(number, process) == 0
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()


def test_folder_named_like_the_program_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "__main__.py").write_text("print('a stranger was run')")
    installed = Path(sys.executable).parent / "followthrough"
    if not installed.exists():
        pytest.skip("the package is not installed")
    done = subprocess.run([installed, "api"], cwd=tmp_path, env=environment({}), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "DATABASE_URL" in done.stderr
