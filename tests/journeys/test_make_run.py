"""`make run`, as a newcomer sees it: the story in the terminal, Ctrl-C, a second start with the same data, and what may go wrong."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.github import DEFAULT_TOKEN
from sandbox.github_process import start_github
from sandbox.launch import wait_until
from tests.journeys.product import ROOT, TOKEN, free_port

START_SECONDS = 90
UP = "Ctrl-C stops everything"


class Run:
    """One `python -m sandbox`, its output read until it has told everything."""

    def __init__(self, data: Path, port: int | str, **settings: str) -> None:
        unset = ("DATABASE_URL", "REDIS_URL", "PUBLIC_URL")
        environment = {name: value for name, value in os.environ.items() if name not in unset and not name.startswith("FOLLOWTHROUGH_")}
        environment |= {"FOLLOWTHROUGH_DATA": str(data), "PORT": str(port), "PYTHONUNBUFFERED": "1", **settings}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sandbox"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def read_until(self, end: str) -> str:
        """Gives the output up to the line that holds `end`; the process ending first is a failure."""
        assert self.process.stdout is not None
        told = ""
        for line in self.process.stdout:
            told += line
            if end in line:
                return told
        raise AssertionError(told)

    def press_ctrl_c(self) -> tuple[int, str]:
        """Interrupts it, and gives its exit code and last words."""
        self.process.send_signal(signal.SIGINT)
        return self.end()

    def end(self) -> tuple[int, str]:
        """Waits for its end, and gives its exit code and last words; no trace is ever among them."""
        rest, _ = self.process.communicate(timeout=START_SECONDS)
        assert "Traceback" not in rest
        return self.process.returncode, rest


def test_newcomer_sees_the_whole_story_and_finds_it_again_after_ctrl_c_and_after_a_crash(tmp_path: Path) -> None:
    port, data = free_port(), tmp_path / "a folder with blanks"
    run = Run(data, port)
    told = run.read_until(UP)
    assert "9 events, 2 improvements, 3 tasks stored:" in told
    assert len(re.findall(r"FT-\d → acme/checkout#\d  http://127\.0\.0\.1:\d+/acme/checkout/issues/\d", told)) == 3
    assert re.search(r"webhook issues\.closed [0-9a-f-]{36} received  202", told)
    done = re.search(r"FT-1 is done  (\S+)", told)
    assert done is not None
    task = _get(done.group(1), (data / "token").read_text())
    assert (task["key"], task["status"]) == ("FT-1", "done")
    assert "octo-dev on acme/checkout#" in told
    assert "now on FT-2 too" in told
    assert "FT-4 create: ambiguous. GitHub was asked to create the issue, but the connection broke" in told
    assert re.search(r"found again by the marker in it: acme/checkout#4, and no second one was made", told)
    code, last = run.press_ctrl_c()
    assert (code, last.strip().splitlines()[-1]) == (0, "Stopped.")

    again = Run(data, port, FOLLOWTHROUGH_BOOTSTRAP_TOKEN=TOKEN)
    told = again.read_until(UP)
    assert "was imported at an earlier start" in told
    assert re.search(r"FT-1  done .+", told)
    assert (data / "token").read_text() == TOKEN
    api, hooks = f"http://127.0.0.1:{port}/v1", f"{_sandbox(told)}/api/v3/repos/acme/checkout/hooks"
    assert len(_get(f"{api}/tasks", TOKEN)["items"]) == 4
    # As if the first start had ended before these steps.
    _delete(f"{api}/routes/{_get(f'{api}/routes', TOKEN)['items'][0]['id']}", TOKEN)
    _delete(f"{hooks}/{_get(hooks, DEFAULT_TOKEN)[0]['id']}", DEFAULT_TOKEN)
    code, told = Run(data, port).end()
    assert code == 1
    assert "is in use by another `make run`" in told
    again.process.kill()
    again.end()

    after_the_crash = Run(data, port)
    told = after_the_crash.read_until(UP)
    assert "was imported at an earlier start" in told
    assert len(_get(f"{api}/routes", (data / "token").read_text())["items"]) == 1
    assert len(_get(f"{_sandbox(told)}/api/v3/repos/acme/checkout/hooks", DEFAULT_TOKEN)) == 1
    assert after_the_crash.press_ctrl_c()[0] == 0


def test_repository_and_token_can_be_put_right_at_the_next_start(tmp_path: Path) -> None:
    port, data = free_port(), tmp_path / "data"
    github = start_github(token="ghp_first", state=tmp_path / "theirs.sqlite")
    own = {"FOLLOWTHROUGH_GITHUB_API": github.base_url, "FOLLOWTHROUGH_PRIVATE_TRACKERS": "true"}
    typo = {"FOLLOWTHROUGH_GITHUB_TOKEN": "ghp_first", "FOLLOWTHROUGH_GITHUB_REPOSITORY": "acme/typo"}
    code, told = Run(data, port, **own, **typo).end()
    assert code == 1
    assert "acme/typo can't be used: The tracker has no 'acme/typo' that these credentials can see." in told
    github.stop()

    github = start_github(token="ghp_second", state=tmp_path / "theirs.sqlite", port=github.port)
    right = {"FOLLOWTHROUGH_GITHUB_TOKEN": "ghp_second", "FOLLOWTHROUGH_GITHUB_REPOSITORY": "acme/checkout"}
    run = Run(data, port, **own, **right)
    told = run.read_until(UP)
    assert re.search(r"secret \S{20,}", told)
    assert "Nothing was imported" in told
    api, token = f"http://127.0.0.1:{port}/v1", (data / "token").read_text()
    (route,) = _get(f"{api}/routes", token)["items"]
    (tracker,) = _get(f"{api}/trackers", token)["items"]
    (project,) = _get(f"{api}/trackers/{tracker['id']}/projects", token)["items"]
    assert (tracker["name"], tracker["state"], project["key"]) == ("GitHub", "ok", "acme/checkout")
    assert route["tracker_project_id"] == project["id"]
    assert _get(f"{api}/postmortems", token)["items"] == []
    assert run.press_ctrl_c()[0] == 0
    github.stop()


def test_port_that_is_taken_is_a_sentence_not_a_trace(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, told = Run(tmp_path / "data", port).end()
    assert code == 1
    assert f"Port {port} is in use" in told


@pytest.mark.parametrize("port", ["abc", "0", "70000"])
def test_port_that_is_none_is_a_sentence_not_a_trace(tmp_path: Path, port: str) -> None:
    code, told = Run(tmp_path / "data", port).end()
    assert code == 1
    assert f"PORT is a number from 1 to 65535, not '{port}'." in told


@pytest.mark.skipif(sys.platform != "linux", reason="/proc says from when on a signal is heeded")
def test_ctrl_c_in_the_first_moment_ends_it_without_a_trace(tmp_path: Path) -> None:
    run = Run(tmp_path / "data", free_port())
    assert wait_until(lambda: _heeds(run.process.pid, signal.SIGTERM), seconds=START_SECONDS)
    code, told = run.press_ctrl_c()
    # On a busy machine the moment may be late enough for a first line.
    assert (code, told.strip().splitlines()[-1]) == (0, "Stopped.")
    assert "Traceback" not in told


@pytest.mark.skipif(sys.platform != "linux", reason="/proc says what runs")
def test_ctrl_c_while_the_database_is_made_leaves_nothing_running(tmp_path: Path) -> None:
    data = tmp_path / "data"
    run = Run(data, free_port())
    assert wait_until((data / "postgres.unfinished" / "base").exists, seconds=START_SECONDS)
    code, told = run.press_ctrl_c()
    assert (code, told.strip().splitlines()[-1]) == (0, "Stopped.")
    assert not (data / "postgres").exists()
    assert [command for command in _commands() if str(data).encode() in command] == []


def _get(url: str, token: str) -> Any:
    answer = httpx.get(url, headers={"Authorization": f"Bearer {token}"}, trust_env=False)
    assert answer.status_code == 200, answer.text
    return answer.json()


def _delete(url: str, token: str) -> None:
    answer = httpx.delete(url, headers={"Authorization": f"Bearer {token}"}, trust_env=False)
    assert answer.status_code == 204, answer.text


def _sandbox(told: str) -> str:
    found = re.search(r"speaks GitHub's protocol, (\S+)", told)
    assert found is not None
    return found.group(1)


def _heeds(pid: int, number: signal.Signals) -> bool:
    caught = re.search(r"SigCgt:\s*([0-9a-f]+)", Path(f"/proc/{pid}/status").read_text())
    return caught is not None and bool(int(caught.group(1), 16) >> (number - 1) & 1)


def _commands() -> list[bytes]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            found.append((process / "cmdline").read_bytes())
    return found
