"""The calls that are measured, each with its bar, and the proof that both servers answer the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import httpx
import msgspec

from api.tasks import TaskPage, TaskRead

NEW_TASK = {
    "title": "Alert on the replication lag of the payment queue",
    "description": "Nobody noticed for eleven minutes. Done when the page comes after one failed probe.",
    "priority": "P1",
    "due_on": "2026-09-01",
    "labels": ["detect", "reliability"],
}


@dataclass(frozen=True, slots=True)
class Call:
    """One measured call: what it is, the paths to ask in turn, the body, the right status, and the least ratio (None: no bar)."""

    name: str
    paths: Sequence[str]
    bar: float | None
    method: str = "GET"
    body: bytes = b""
    status: int = 200

    def requests(self, headers: Mapping[str, str]) -> list[str]:
        """Gives the requests as they go over the wire."""
        sent = {"host": "127.0.0.1", **headers}
        if self.body:
            sent |= {"content-type": "application/json", "content-length": str(len(self.body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        return [f"{self.method} {path} HTTP/1.1\r\n{head}\r\n{self.body.decode()}" for path in self.paths]


def calls(task_ids: Sequence[str]) -> list[Call]:
    """All calls, those that write last: the reads then find the same rows in every round."""
    return [
        Call("GET /v1/tasks?limit=50", ["/v1/tasks?limit=50"], 1.0),
        Call("GET /v1/tasks/{id}", [f"/v1/tasks/{task_id}" for task_id in task_ids], 0.6),
        Call("POST /v1/tasks", ["/v1/tasks"], None, "POST", msgspec.json.encode(NEW_TASK), 201),
    ]


def check_same_answers(ours: str, floor: str, *, token: str, task_id: str) -> None:
    """Raises AssertionError unless both servers (their addresses) give the same tasks."""
    headers = {"authorization": f"Bearer {token}"}
    with httpx.Client(trust_env=False, headers=headers) as client:
        pages = [msgspec.json.decode(client.get(f"{url}/v1/tasks?limit=50").content, type=TaskPage) for url in (ours, floor)]
        ones = [msgspec.json.decode(client.get(f"{url}/v1/tasks/{task_id}").content, type=TaskRead) for url in (ours, floor)]
        refused = client.get(f"{ours}/v1/tasks", headers={"authorization": "Bearer ft_wrong"}).status_code
    assert len(pages[0].items) == 50
    assert pages[0].items == pages[1].items, "the lists differ"
    assert all(page.next_cursor for page in pages)
    assert ones[0] == ones[1], "the single tasks differ"
    assert refused == 401
