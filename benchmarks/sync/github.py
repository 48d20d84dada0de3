"""The sandbox GitHub as a benchmark uses it: its people, its log of calls and the processor time that it needs."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from sandbox.github_process import RunningGithub, start_github

OWNER_LOGIN = "ana-r"


@dataclass(frozen=True, slots=True)
class Calls:
    """How many calls came in: those that GitHub's limit counts, and those that were answered with 304."""

    counted: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class Github:
    """A running sandbox without latency and without limits."""

    running: RunningGithub
    client: httpx.Client

    def forget_calls(self) -> None:
        """Starts to count from zero."""
        self.client.delete("/_sandbox/calls").raise_for_status()

    def calls(self) -> Calls:
        """Counts the calls since then."""
        rows = self.client.get("/_sandbox/calls/counts").json()
        unchanged = sum(row["count"] for row in rows if row["status"] == 304)
        return Calls(sum(row["count"] for row in rows) - unchanged, unchanged)

    def writes(self) -> list[tuple[str, datetime]]:
        """Lists the changes of issues since then: the issue's number, and when the request came in."""
        rows = self.client.get("/_sandbox/calls").json()
        return [(row["path"].rpartition("/")[2], datetime.fromisoformat(row["at"])) for row in rows if row["method"] == "PATCH"]

    def edit(self, number: str, **change: Any) -> None:
        """Edits an issue as a person."""
        self.client.post(f"/_sandbox/issues/{self.running.repository}/{number}", json=change).raise_for_status()

    def order_fault(self, **fault: Any) -> None:
        """Orders a fault."""
        self.client.post("/_sandbox/faults", json=fault).raise_for_status()

    def hide_new_issues(self, *, seconds: float) -> None:
        """Keeps each issue out of lists for its first seconds."""
        self.client.post("/_sandbox/lag", json={"seconds": seconds}).raise_for_status()

    def add_repository(self, full_name: str) -> None:
        """Adds a repository."""
        self.client.post("/_sandbox/repositories", json={"full_name": full_name}).raise_for_status()

    def add_hook(self, url: str, secret: str) -> None:
        """Has webhooks sent to an address."""
        config = {"url": url, "secret": secret, "content_type": "json"}
        hook = {"name": "web", "active": True, "events": ["issues", "issue_comment"], "config": config}
        headers = {"Authorization": f"Bearer {self.running.token}"}
        self.client.post(f"/api/v3/repos/{self.running.repository}/hooks", json=hook, headers=headers).raise_for_status()


@contextlib.contextmanager
def running_github() -> Iterator[Github]:
    """Runs a sandbox of its own until the block ends."""
    running = start_github(collaborators=[OWNER_LOGIN])
    try:
        with httpx.Client(base_url=running.page_url, trust_env=False, timeout=30) as client:
            yield Github(running, client)
    finally:
        running.stop()
