"""The product as its users run it: the API and a worker as processes of their own, against a sandbox GitHub."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from benchmarks.processes import Served, free_port, serve
from benchmarks.servers import Servers
from benchmarks.sync.github import Github

TOKEN = "ft_the_bootstrap_token_of_the_benchmark"  # noqa: S105 - protects nothing
PATIENCE_SECONDS = 60


@dataclass(slots=True)
class Product:
    """A running API, with what a worker needs in its environment."""

    client: httpx.Client
    github: Github
    environment: dict[str, str]
    tracker_id: str = ""
    secret: str = ""

    def call(self, method: str, path: str, **options: Any) -> Any:
        """Calls the API, which must answer without an error."""
        return self.client.request(method, path, **options).raise_for_status().json()

    def connect(self) -> None:
        """Registers the sandbox with a webhook and a default route."""
        running = self.github.running
        body = {"name": "sandbox", "base_url": running.base_url, "credentials": {"token": running.token}}
        made = self.call("POST", "/v1/trackers", json=body)
        self.tracker_id, self.secret = made["tracker"]["id"], made["webhook"]["secret"]
        self.call("POST", "/v1/routes", json={"tracker_project_id": self.add_project(running.repository)})
        self.github.add_hook(made["webhook"]["url"], self.secret)

    def add_project(self, key: str) -> str:
        """Adds a repository that the sandbox has, and gives the project's id."""
        project: str = self.call("POST", f"/v1/trackers/{self.tracker_id}/projects", json={"key": key})["id"]
        return project

    def add_linked_tasks(self, count: int) -> dict[str, str]:
        """Makes tasks, waits until each has its issue, and gives the issues' numbers by the tasks' ids."""
        ids = [self.call("POST", "/v1/tasks", json={"title": f"Alert on lag {n}", "description": "x" * 400})["id"] for n in range(count)]
        numbers: dict[str, str] = {}

        def all_linked() -> bool:
            for task_id in ids:
                link = self.call("GET", f"/v1/tasks/{task_id}")["links"][0] if task_id not in numbers else None
                if link is not None and link["state"] == "linked":
                    numbers[task_id] = link["key"].rpartition("#")[2]
            return len(numbers) == count

        wait_until(all_linked)
        return numbers

    def run_worker(self, **settings: str) -> contextlib.AbstractContextManager[Served]:
        """Runs a worker until the block ends; begins once it shows its figures."""
        port = free_port()
        environment = {**self.environment, **settings, "FOLLOWTHROUGH_WORKER_METRICS_PORT": str(port)}
        return serve("workers", port=port, ready="/metrics", environment=environment)


@contextlib.contextmanager
def running_product(servers: Servers, github: Github) -> Iterator[Product]:
    """Runs the API, connected to the sandbox, until the block ends."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        **servers.environment,
        "PORT": str(port),
        "PUBLIC_URL": url,
        "FOLLOWTHROUGH_BOOTSTRAP_TOKEN": TOKEN,
        "FOLLOWTHROUGH_PRIVATE_TRACKERS": "true",
        "FOLLOWTHROUGH_PACE_FACTOR": "10000",
        "FOLLOWTHROUGH_QUEUE_NAME": f"benchmark-{os.urandom(6).hex()}",
    }
    with (
        serve("api", port=port, ready="/health/ready", environment=environment),
        httpx.Client(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=20, trust_env=False) as client,
    ):
        product = Product(client, github, environment)
        product.connect()
        yield product


def wait_until(ready: Callable[[], bool], *, pause: float = 0.05) -> None:
    """Asks again and again; raises TimeoutError where it stays false."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {PATIENCE_SECONDS} s")
        time.sleep(pause)
