"""How long a change takes: from a commit to the request at the tracker, from the tracker to the task, and to take a webhook in."""

import hashlib
import hmac
import http.client
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import msgspec

from benchmarks.progress import say
from benchmarks.sync.figures import Times
from benchmarks.sync.product import Product, wait_until

# A modest rate, not a burst.
PAUSE_SECONDS = 0.08
POLL_SECONDS = 0.005


def measure_delays(product: Product, numbers: Mapping[str, str], *, edits: int, human_edits: int, webhooks: int) -> list[Times]:
    """Measures all three while a worker runs, on linked tasks (the issues' numbers by the tasks' ids) at rest."""
    return [
        Times("commit → request sent", _sent(product, dict(list(numbers.items())[:edits])), 0.150),
        Times("webhook → visible", _visible(product, dict(list(numbers.items())[:human_edits])), 1.0),
        Times("a webhook's 202", _accepted(product, next(iter(numbers.values())), webhooks), 0.020),
    ]


def _sent(product: Product, numbers: Mapping[str, str]) -> list[float]:
    """Edits each task once, and finds in the sandbox's log when the change came in."""
    say(f"Delays: {len(numbers)} edits of tasks")
    product.github.forget_calls()
    committed: dict[str, datetime] = {}
    for task_id, number in numbers.items():
        product.call("PATCH", f"/v1/tasks/{task_id}", json={"title": f"Alert on the lag {number}"})
        committed[number] = datetime.now(UTC)
        time.sleep(PAUSE_SECONDS)
    wait_until(lambda: {number for number, _ in product.github.writes()} >= committed.keys())
    first: dict[str, datetime] = {}
    for number, at in product.github.writes():
        first.setdefault(number, at)
    # A worker may be quicker than the answer is.
    return [max(0.0, (first[number] - at).total_seconds()) for number, at in committed.items()]


def _visible(product: Product, numbers: Mapping[str, str]) -> list[float]:
    """Edits each issue once as a person, and reads its task until the change shows."""
    say(f"Delays: {len(numbers)} edits of issues")
    time.sleep(1.1)  # a change in the second of our own write is looked at by a call
    delays = []
    for task_id, number in numbers.items():
        title, start = f"People say {number}", time.perf_counter()
        product.github.edit(number, title=title)
        wait_until(lambda: product.call("GET", f"/v1/tasks/{task_id}")["title"] == title, pause=POLL_SECONDS)  # noqa: B023 - ends here
        delays.append(time.perf_counter() - start)
        time.sleep(PAUSE_SECONDS)
    return delays


def _accepted(product: Product, number: str, count: int) -> list[float]:
    """Posts webhooks that tell nothing new, one after the other on one connection; none of them may lead to a call."""
    say(f"Delays: {count} webhooks")
    body = _payload(product, number)
    signature = "sha256=" + hmac.new(product.secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"content-type": "application/json", "x-github-event": "issues", "x-hub-signature-256": signature}
    address = urlsplit(str(product.client.base_url))
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=20)
    product.github.forget_calls()
    seconds = []
    for _ in range(count):
        start = time.perf_counter()
        connection.request("POST", f"/webhooks/{product.tracker_id}", body, {**headers, "x-github-delivery": str(uuid4())})
        answer = connection.getresponse()
        text = answer.read()
        seconds.append(time.perf_counter() - start)
        assert answer.status == 202, text
        assert msgspec.json.decode(text)["outcome"] == "accepted", text
        time.sleep(PAUSE_SECONDS / 10)
    connection.close()
    calls = product.github.calls()
    assert calls.counted + calls.unchanged == 0, f"webhooks that told nothing new led to {calls}"
    return seconds


def _payload(product: Product, number: str) -> bytes:
    """Puts a webhook together from the issue and its repository as they are now."""
    running = product.github.running
    path, headers = f"/api/v3/repos/{running.repository}", {"Authorization": f"Bearer {running.token}"}
    with httpx.Client(base_url=running.page_url, headers=headers, trust_env=False) as client:
        repository = client.get(path).raise_for_status().json()
        issue = client.get(f"{path}/issues/{number}").raise_for_status().json()
        sender = client.get("/api/v3/user").raise_for_status().json()
    return msgspec.json.encode({"action": "edited", "issue": issue, "repository": repository, "sender": sender, "changes": {}})
