"""The whole product as its users run it: API and worker as processes of their own, against a sandbox GitHub."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
from cryptography.fernet import Fernet

from sandbox.github_process import RunningGithub, start_github

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "ft_the_bootstrap_token_of_the_journeys"
WAIT_SECONDS = 20
# Short times, in the order that the settings demand: a call, a lease, a job.
QUICK = {
    "FOLLOWTHROUGH_TRACKER_TIMEOUT_SECONDS": "1.5",
    "FOLLOWTHROUGH_LEASE_SECONDS": "2.5",
    "FOLLOWTHROUGH_JOB_TIMEOUT_SECONDS": "10",
    "FOLLOWTHROUGH_POLL_SECONDS": "1",
    "FOLLOWTHROUGH_PROBE_SECONDS": "1",
}

Document = dict[str, Any]


class Product:
    """A running product; its worker can be killed and started again."""

    def __init__(self, stack: ExitStack, *, database_url: str, redis_url: str, logs: Path, settings: dict[str, str]) -> None:
        self._stack = stack
        self.logs = logs
        self.environment = os.environ | {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "FOLLOWTHROUGH_SECRET_KEY": Fernet.generate_key().decode(),
            "FOLLOWTHROUGH_BOOTSTRAP_TOKEN": TOKEN,
            "FOLLOWTHROUGH_PRIVATE_TRACKERS": "true",
            "FOLLOWTHROUGH_QUEUE_NAME": f"queue-{os.urandom(6).hex()}",
            **QUICK,
            **settings,
        }
        self.github: RunningGithub = start_github()
        stack.callback(self.github.stop)
        self._start_api()
        self.client = stack.enter_context(
            httpx.Client(base_url=self.api_url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=20, trust_env=False)
        )
        self.wait_until(self._is_ready)

    def _start_api(self) -> None:
        port = free_port()
        self.api_url = f"http://127.0.0.1:{port}"
        self.environment |= {"PORT": str(port), "PUBLIC_URL": self.api_url}
        self.api = self.start("api")

    def _is_ready(self) -> bool:
        try:
            return self.client.get("/health/ready").status_code == 200
        except httpx.HTTPError:
            return False

    def start(self, module: str) -> subprocess.Popen[bytes]:
        """Starts `python -m module`, its output appended to a log of that name; it is ended with the product at the latest."""
        with (self.logs / f"{module}.log").open("ab") as log:
            process = subprocess.Popen([sys.executable, "-m", module], cwd=ROOT, env=self.environment, stdout=log, stderr=log)
        self._stack.callback(stop, process)
        return process

    def connect(self) -> Document:
        """Registers the sandbox with a webhook and a default route, and gives the tracker."""
        body = {"name": "sandbox", "base_url": self.github.base_url, "credentials": {"token": self.github.token}}
        made = self.call("POST", "/v1/trackers", json=body)
        project = self.call("POST", f"/v1/trackers/{made['tracker']['id']}/projects", json={"key": self.github.repository})
        self.call("POST", "/v1/routes", json={"tracker_project_id": project["id"]})
        config = {"url": made["webhook"]["url"], "secret": made["webhook"]["secret"], "content_type": "json"}
        self.ask_github("POST", "/hooks", json={"name": "web", "active": True, "events": ["issues", "issue_comment"], "config": config})
        tracker: Document = made["tracker"]
        return tracker

    def call(self, method: str, path: str, **options: Any) -> Any:
        """Calls the API, which must answer without an error."""
        answer = self.client.request(method, path, **options)
        assert not answer.is_error, answer.text
        return answer.json() if answer.content else None

    def ask_github(self, method: str, path: str, **options: Any) -> Any:
        """Calls the sandbox's API for its repository."""
        url = f"{self.github.base_url}/repos/{self.github.repository}{path}"
        headers = {"Authorization": f"Bearer {self.github.token}"}
        answer = httpx.request(method, url, headers=headers, trust_env=False, **options)
        assert not answer.is_error, answer.text
        return answer.json() if answer.content else None

    def edit_as_human(self, number: int, **change: Any) -> None:
        """Edits an issue in the sandbox as a person would."""
        url = f"{self.github.page_url}/_sandbox/issues/{self.github.repository}/{number}"
        answer = httpx.post(url, json=change, trust_env=False)
        assert not answer.is_error, answer.text

    def order_fault(self, **fault: Any) -> None:
        """Orders a fault from the sandbox."""
        answer = httpx.post(f"{self.github.page_url}/_sandbox/faults", json=fault, trust_env=False)
        assert not answer.is_error, answer.text

    def github_calls(self) -> list[str]:
        """Gives the product's calls to the sandbox so far: `METHOD path status`."""
        calls = httpx.get(f"{self.github.page_url}/_sandbox/calls", trust_env=False).json()
        return [f"{call['method']} {call['path'].rpartition('/api/v3')[2]} {call['status']}" for call in calls]

    def task(self, task_id: str) -> Document:
        """Reads a task."""
        found: Document = self.call("GET", f"/v1/tasks/{task_id}")
        return found

    def wait_for_task(self, task_id: str, ready: Callable[[Document], bool]) -> Document:
        """Reads a task until it is as expected."""
        self.wait_until(lambda: ready(self.task(task_id)))
        return self.task(task_id)

    def wait_for_link(self, task_id: str, state: str = "linked") -> Document:
        """Reads a task's only link until it is in the state and nothing is due."""
        return self.wait_for_links(task_id, lambda link: link["state"] == state and not link["behind"] and link["due_at"] is None)

    def wait_for_links(self, task_id: str, ready: Callable[[Document], bool]) -> Document:
        """Reads a task's only link until it is as expected."""

        def link() -> Document:
            found: Document = self.call("GET", f"/v1/tasks/{task_id}/links")["items"][0]
            return found

        self.wait_until(lambda: ready(link()))
        return link()

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Asks again and again, for a bounded time."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not ready():
            assert time.monotonic() < deadline, f"not within {WAIT_SECONDS} s; see {self.logs}"
            time.sleep(0.03)


@contextmanager
def running_product(*, database_url: str, redis_url: str, logs: Path, **settings: str) -> Iterator[Product]:
    """Starts the product without a worker, and stops it all."""
    with ExitStack() as stack:
        yield Product(stack, database_url=database_url, redis_url=redis_url, logs=logs, settings=settings)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends a process in order, or else by force."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """Finds a port on loopback that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
