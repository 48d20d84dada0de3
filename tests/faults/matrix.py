"""One product for all blows: its tasks, what happens to them, and what must be left of it at rest."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
from redis import Redis

from sandbox.postgres import psql
from tests.faults.forked_workers import ForkedWorkers
from tests.faults.plan import AFTER_SEND, DROP_CONNECTIONS, Blow, Plan
from tests.faults.resting import wait_until_at_rest
from tests.journeys.product import Document, Product

# As short as it goes: a lease that a dead worker left behind is waited for each time.
SHORT = {
    "FOLLOWTHROUGH_TRACKER_TIMEOUT_SECONDS": "0.9",
    "FOLLOWTHROUGH_LEASE_SECONDS": "1.2",
    "FOLLOWTHROUGH_JOB_TIMEOUT_SECONDS": "4",
    "FOLLOWTHROUGH_POLL_SECONDS": "1",
    "FOLLOWTHROUGH_PROBE_SECONDS": "0.3",
    "FOLLOWTHROUGH_SWEEP_SECONDS": "5",
    "FOLLOWTHROUGH_PACE_FACTOR": "10000",
}
SENT_AS = {"create": "create_issue", "update": "update_issue", "transition": "update_issue", "comment": "create_comment"}
WAIT_SECONDS = 30


class Matrix:
    """A running product whose workers die; between two tests it is at rest and has no worker."""

    def __init__(self, product: Product, *, database_url: str, redis_url: str, logs: Path) -> None:
        self.product, self.logs = product, logs
        self._database_url, self._redis_url = database_url, redis_url
        self._workers = ForkedWorkers(product.environment, logs=logs)
        self._spare: list[str] = []
        self._blows = 0
        product.connect()

    def close(self) -> None:
        """Ends the workers."""
        self._workers.close()

    def prepare(self, count: int) -> None:
        """Makes tasks that have an issue already."""
        for number in range(count):
            task = self.product.call("POST", "/v1/tasks", json={"title": f"Spare {number}", "labels": ["load"]})
            self._spare.append(task["id"])
        worker = self._workers.start()
        self._rest()
        self._workers.stop(worker)
        self._flush()

    def suffer(self, operation: str, step: str, blow: Blow) -> None:
        """Has a worker suffer a blow, lets people go on, starts another worker where it died, and checks all at rest.

        Redis is empty afterwards: each dead worker leaves a slot of the pace and a job behind, which would add up from test to test.
        """
        self._blows += 1
        task_id = None if operation == "create" else self._spare.pop()
        try:
            self._suffer(Plan(step, operation, blow, str(self.logs / f"blow-{self._blows}")), task_id)
        finally:
            self._workers.kill_all()
            self._flush()

    def _suffer(self, plan: Plan, task_id: str | None) -> None:
        blow = Blow(plan.blow)
        if plan.step == AFTER_SEND:
            self.product.order_fault(operation=SENT_AS[plan.operation], action="hang_after_commit", seconds=60)
        worker = self._workers.start(plan)
        self._wait_until_it_listens()
        task_id = self._begin(plan.operation, task_id)
        if plan.step == AFTER_SEND:
            self.wait_until(lambda: self._was_carried_out(plan.operation, task_id), "the call was not carried out")
            self._strike(blow, worker)
        else:
            self.wait_until(Path(plan.mark).exists, f"{plan.operation} never came to {plan.step}")
        if blow.ends_worker:
            self._workers.wait(worker)
        edited = self._go_on(task_id)
        if blow.ends_worker:
            self._wait_for_lease(task_id)
            worker = self._workers.start()
        self._rest()
        assert not self._workers.has_ended(worker), "the worker should have lived on"
        self._check(task_id, plan.operation, edited=edited)

    def _wait_until_it_listens(self) -> None:
        """A worker says in Redis that it is well, and has looked once for what is due."""
        with Redis.from_url(self._redis_url, decode_responses=True) as client:
            self.wait_until(lambda: any(client.scan_iter("*:health-check")), "the worker does not start")
            self.wait_until(lambda: not any(client.scan_iter("arq:in-progress:*")), "the worker does not come to rest")

    def _wait_for_lease(self, task_id: str) -> None:
        """Until the dead worker's lease is over there is nothing to do for another."""
        held = f"SELECT count(*) FROM issue_links WHERE task_id = '{task_id}' AND lease_until > now();"
        self.wait_until(lambda: psql(self._database_url, held).strip() == "0", "the lease does not end")

    def _flush(self) -> None:
        with Redis.from_url(self._redis_url) as client:
            client.flushdb()

    def _begin(self, operation: str, task_id: str | None) -> str:
        """Does what leads to the operation, and gives the task."""
        match operation:
            case "create":
                made = self.call("POST", "/v1/tasks", json={"title": self._name("Made"), "labels": ["load"]})
                return str(made["id"])
            case "update":
                self.call("PATCH", f"/v1/tasks/{task_id}", json={"description": self._name("Described")})
            case "transition":
                self.call("PATCH", f"/v1/tasks/{task_id}", json={"status": "done"})
            case "comment":
                self.call("POST", f"/v1/tasks/{task_id}/comments", json={"body": self._name("Commented")})
            case "pull":
                self.product.edit_as_human(self._number(str(task_id)) or 0, state="closed", state_reason="completed")
        return str(task_id)

    def _name(self, word: str) -> str:
        return f"{word} for blow {self._blows}"

    def _was_carried_out(self, operation: str, task_id: str) -> bool:
        if operation == "create":
            return any(issue["title"] == self._name("Made") for issue in self.product.ask_github("GET", "/issues?per_page=100"))
        number = self._number(task_id)
        if operation == "comment":
            comments = self.product.ask_github("GET", f"/issues/{number}/comments")
            return any(self._name("Commented") in comment["body"] for comment in comments)
        issue = self.product.ask_github("GET", f"/issues/{number}")
        return issue["state"] == "closed" if operation == "transition" else self._name("Described") in issue["body"]

    def _strike(self, blow: Blow, worker: int) -> None:
        match blow:
            case Blow.SIGKILL:
                os.kill(worker, signal.SIGKILL)
            case Blow.SIGTERM:
                os.kill(worker, signal.SIGTERM)
            case Blow.CANCELLED:
                os.kill(worker, signal.SIGUSR1)
            case Blow.CONNECTIONS_DROPPED:
                psql(self._database_url, f"{DROP_CONNECTIONS};")
            case Blow.REDIS_FLUSHED:
                self._flush()

    def _go_on(self, task_id: str) -> int | None:
        """People go on meanwhile: the task gets another title; the issue, where there is one, labels and text. Gives its number."""
        self.call("PATCH", f"/v1/tasks/{task_id}", json={"title": self._name("Renamed")})
        marker = psql(self._database_url, f"SELECT marker FROM issue_links WHERE task_id = '{task_id}';").strip()
        issues = self.product.ask_github("GET", "/issues?state=all&per_page=100")
        issue = next((issue for issue in issues if marker in issue["body"]), None)
        if issue is None:
            return None
        number = int(issue["number"])
        labels = [label["name"] for label in issue["labels"]]
        self.product.edit_as_human(number, labels=[*labels, "bug", "ft/peak"], body=f"{issue['body']}\n{self._name('Seen')}\n")
        return number

    def _check(self, task_id: str, operation: str, *, edited: int | None) -> None:
        """Nothing of what anybody did is lost."""
        task, number = self.product.task(task_id), self._number(task_id)
        issue = self.product.ask_github("GET", f"/issues/{number}")
        assert task["title"] == issue["title"] == self._name("Renamed")
        closed = operation in {"transition", "pull"}
        assert (task["status"], issue["state"]) == (("done", "closed") if closed else ("open", "open"))
        if operation == "update":
            assert task["description"] == self._name("Described")
            assert task["description"] in issue["body"]
        labels = sorted(label["name"] for label in issue["labels"])
        assert (labels, task["labels"]) == ((["bug", "ft/load", "ft/peak"], ["load", "peak"]) if edited else (["ft/load"], ["load"]))
        assert edited in {None, number}
        assert (self._name("Seen") in issue["body"]) == (edited is not None)
        if operation == "comment":
            comments = self.product.ask_github("GET", f"/issues/{number}/comments")
            assert [self._name("Commented") in comment["body"] for comment in comments] == [True]

    def _number(self, task_id: str) -> int | None:
        number = psql(self._database_url, f"SELECT remote_id FROM issue_links WHERE task_id = '{task_id}';").strip()
        return int(number) if number else None

    def _rest(self) -> None:
        wait_until_at_rest(self._database_url, self.product.github)

    def call(self, method: str, path: str, **options: Any) -> Document:
        """Calls the API, again where it says that its database is away: every connection may just have been dropped."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            with suppress(httpx.TransportError):
                answer = self.product.client.request(method, path, **options)
                if answer.status_code != 503:
                    assert not answer.is_error, answer.text
                    document: Document = answer.json()
                    return document
            assert time.monotonic() < deadline, "the API does not come back"
            time.sleep(0.05)

    def wait_until(self, ready: Callable[[], bool], complaint: str) -> None:
        """Asks again and again, for a bounded time."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not ready():
            assert time.monotonic() < deadline, f"{complaint}; see {self.logs}"
            time.sleep(0.02)
