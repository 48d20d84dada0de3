"""`make run`, as a newcomer sees it: the story in the terminal, Ctrl-C, and a second start with the same data."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx

from tests.journeys.product import ROOT, free_port

START_SECONDS = 90


class Run:
    """One `python -m sandbox`, its output read until it has told everything."""

    def __init__(self, data: Path, port: int) -> None:
        unset = ("DATABASE_URL", "REDIS_URL", "FOLLOWTHROUGH_GITHUB_TOKEN", "FOLLOWTHROUGH_SECRET_KEY")
        environment = {name: value for name, value in os.environ.items() if name not in unset}
        environment |= {"FOLLOWTHROUGH_DATA": str(data), "PORT": str(port), "PYTHONUNBUFFERED": "1"}
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
        rest, _ = self.process.communicate(timeout=START_SECONDS)
        return self.process.returncode, rest


def test_newcomer_sees_the_whole_story_and_finds_it_again_after_ctrl_c(tmp_path: Path) -> None:
    port = free_port()
    run = Run(tmp_path / "data", port)
    told = run.read_until("Ctrl-C stops everything")
    assert "9 events, 2 improvements, 3 tasks stored:" in told
    assert len(re.findall(r"FT-\d → acme/checkout#\d  http://127\.0\.0\.1:\d+/acme/checkout/issues/\d", told)) == 3
    assert re.search(r"webhook issues\.closed [0-9a-f-]{36} received  202", told)
    done = re.search(r"FT-1 is done  (\S+)", told)
    assert done is not None
    token = (tmp_path / "data" / "token").read_text()
    task = httpx.get(done.group(1), headers={"Authorization": f"Bearer {token}"}, trust_env=False).json()
    assert (task["key"], task["status"]) == ("FT-1", "done")
    code, last = run.press_ctrl_c()
    assert (code, last.strip().splitlines()[-1]) == (0, "Stopped.")

    again = Run(tmp_path / "data", port)
    told = again.read_until("Ctrl-C stops everything")
    assert "was imported at an earlier start" in told
    assert re.search(r"FT-1  done .+", told)
    assert again.press_ctrl_c()[0] == 0


def test_port_that_is_taken_is_a_sentence_not_a_trace(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told, _ = (run := Run(tmp_path / "data", port).process).communicate(timeout=START_SECONDS)
    assert run.returncode == 1
    assert f"Port {port} is in use" in told
    assert "Traceback" not in told
