"""Starts, watches and ends the forked workers of `tests.faults.dying_worker`."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.faults.plan import Plan
from tests.journeys.product import ROOT

END_SECONDS = 25


class ForkedWorkers:
    """Workers of one product; each start takes milliseconds."""

    def __init__(self, environment: dict[str, str], *, logs: Path) -> None:
        self._logs = logs
        self._started = 0
        self._pids: set[int] = set()
        with (logs / "forked_workers.log").open("ab") as log:
            self._parent = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.dying_worker"],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def start(self, plan: Plan | None = None) -> int:
        """Starts a worker, a healthy one without a plan, and gives its pid."""
        self._started += 1
        log = self._logs / f"worker-{self._started}.log"
        pid: int = self._ask(do="start", log=str(log), plan=asdict(plan) if plan else None)["pid"]
        self._pids.add(pid)
        return pid

    def wait(self, pid: int) -> None:
        """Waits until a worker has ended."""
        deadline = time.monotonic() + END_SECONDS
        while not self.has_ended(pid):
            assert time.monotonic() < deadline, f"worker {pid} goes on; see {self._logs}"
            time.sleep(0.02)

    def has_ended(self, pid: int) -> bool:
        """Tells whether a worker has ended."""
        return self._ask(do="status", pid=pid)["status"] is not None

    def stop(self, pid: int) -> None:
        """Ends a worker in order, and waits for that."""
        if not self.has_ended(pid):
            os.kill(pid, signal.SIGTERM)
            self.wait(pid)

    def kill_all(self) -> None:
        """Ends all workers that are left, as a crash would."""
        for pid in self._pids:
            if not self.has_ended(pid):
                os.kill(pid, signal.SIGKILL)
                self.wait(pid)
        self._pids.clear()

    def close(self) -> None:
        """Ends all workers at once."""
        self._parent.communicate(timeout=END_SECONDS)

    def _ask(self, **order: Any) -> dict[str, Any]:
        if self._parent.stdin is None or self._parent.stdout is None:
            raise RuntimeError("it was started with pipes")
        self._parent.stdin.write(json.dumps(order) + "\n")
        self._parent.stdin.flush()
        line = self._parent.stdout.readline()
        assert line, f"the parent of the workers ended; see {self._logs}"
        answer: dict[str, Any] = json.loads(line)
        return answer
