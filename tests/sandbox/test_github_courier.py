"""The sandbox GitHub's webhooks when a test holds them back, its delivery lists, its clock and its lag."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import pytest
from github.Hook import Hook
from github.Repository import Repository

from sandbox.github_hooks import DELIVERIES_KEPT
from sandbox.github_process import RunningGithub, start_github
from tests.sandbox.github_peers import WebhookReceiver, receiving


@pytest.fixture(scope="module")
def running() -> Iterator[RunningGithub]:
    running = start_github()
    yield running
    running.stop()


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def hook(repository: Repository, receiver: WebhookReceiver) -> Iterator[Hook]:
    hook = repository.create_hook("web", {"url": receiver.url, "content_type": "json"}, ["issues"])
    receiver.take(1)
    yield hook
    hook.delete()


@pytest.mark.usefixtures("hook")
@pytest.mark.parametrize(
    ("order", "titles"),
    [
        ({"order": "given"}, ["0", "1", "2"]),
        ({"order": "reversed", "times": 2}, ["2", "2", "1", "1", "0", "0"]),
        ({"order": "shuffled", "seed": 3}, None),
    ],
)
def test_kept_webhooks_come_in_the_order_asked_for(
    repository: Repository, receiver: WebhookReceiver, steer: httpx.Client, order: dict[str, object], titles: list[str] | None
) -> None:
    steer.post("/webhooks", json={"action": "pause"})
    for count in range(3):
        repository.create_issue(str(count))
    assert steer.get("/webhooks").json() == {"paused": True, "kept": 3}
    assert receiver.received.empty()

    steer.post("/webhooks", json={"action": "release", **order})
    came = [received.payload["issue"]["title"] for received in receiver.take(len(titles or "012")).values()]
    assert came == titles if titles else sorted(came) == ["0", "1", "2"]
    assert steer.get("/webhooks").json() == {"paused": False, "kept": 0}


@pytest.mark.usefixtures("hook")
def test_dropped_webhooks_never_come(repository: Repository, receiver: WebhookReceiver, steer: httpx.Client) -> None:
    steer.post("/webhooks", json={"action": "pause"})
    repository.create_issue("Dropped")
    steer.post("/webhooks", json={"action": "drop"})
    repository.create_issue("Heard")

    assert receiver.take(1)["issues.opened"].payload["issue"]["title"] == "Heard"


def test_deliveries_are_paged_by_cursor_and_chosen_by_status(
    repository: Repository, hook: Hook, receiver: WebhookReceiver, raw: httpx.Client
) -> None:
    path = f"/hooks/{hook.id}/deliveries"
    for status in (202, 500, 202):
        receiver.status = status
        repository.create_issue("Delivered")
        receiver.take(1)
        _wait_for(raw, path, status)

    ids, page = [], raw.get(path, params={"per_page": 2})
    while True:
        ids += [row["id"] for row in page.json()]
        if "next" not in page.links:
            break
        page = raw.get(page.links["next"]["url"])
    assert len(ids) == 4
    assert ids == sorted(ids, reverse=True)
    assert [row["status_code"] for row in raw.get(path, params={"status": "failure"}).json()] == [500]
    assert len(raw.get(path, params={"status": "success"}).json()) == 3
    assert raw.get(path, params={"cursor": "elsewhere"}).status_code == 422


def test_hook_keeps_its_newest_deliveries_alone(repository: Repository, raw: httpx.Client) -> None:
    hook = repository.create_hook("web", {"url": "http://127.0.0.1:9/", "content_type": "json"}, ["issues"])
    path = f"/hooks/{hook.id}/deliveries"
    for _ in range(DELIVERIES_KEPT):
        raw.post(f"/hooks/{hook.id}/pings")
    # Several are delivered at once: the newest may be there before others.
    deadline = time.monotonic() + 10
    while (kept := _count(raw, path)) != DELIVERIES_KEPT and time.monotonic() < deadline:
        time.sleep(0.1)
    assert kept == DELIVERIES_KEPT
    hook.delete()


def _count(raw: httpx.Client, path: str) -> int:
    count, page = 0, raw.get(path, params={"per_page": 100})
    while "next" in page.links:
        count, page = count + len(page.json()), raw.get(page.links["next"]["url"])
    return count + len(page.json())


def _wait_for(raw: httpx.Client, path: str, status: int, *, event: str = "issues") -> None:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        newest = raw.get(path).json()[0]
        if (newest["event"], newest["status_code"]) == (event, status):
            return
        time.sleep(0.02)
    raise AssertionError(f"no delivery with {status}")


@pytest.mark.parametrize("skew_seconds", [300, -300])
def test_skewed_clock_stamps_what_is_written_and_sent(
    repository: Repository, raw: httpx.Client, steer: httpx.Client, skew_seconds: int
) -> None:
    steer.post("/clock", json={"skew_seconds": skew_seconds})
    issue = repository.create_issue("Skewed")
    shown = parsedate_to_datetime(raw.get("").headers["date"])
    reset = int(raw.get("").headers["x-ratelimit-reset"])
    steer.post("/clock", json={"skew_seconds": 0})

    for instant in (issue.created_at, issue.updated_at, shown):
        assert abs((instant - datetime.now(UTC)).total_seconds() - skew_seconds) < 5
    assert reset - int(raw.get("").headers["x-ratelimit-reset"]) == skew_seconds


def test_young_issue_is_in_no_list_yet(repository: Repository, steer: httpx.Client) -> None:
    steer.post("/lag", json={"seconds": 60})
    issue = repository.create_issue("Young")

    assert repository.get_issue(issue.number).title == "Young"
    assert issue.number not in [row.number for row in repository.get_issues()]
    steer.post("/lag", json={"seconds": 0.001})
    assert issue.number in [row.number for row in repository.get_issues()]
    steer.post("/lag", json={"seconds": 0})


def test_answers_to_writes_carry_the_tag_of_the_next_read(raw: httpx.Client, running: RunningGithub) -> None:
    made = raw.post("/issues", json={"title": "Tagged"})
    path = f"{running.base_url}/repositories/{running.repository_id}/issues/{made.json()['number']}"
    assert made.headers["etag"] == raw.get(path).headers["etag"]

    changed = raw.patch(path, json={"title": "Tagged again", "labels": ["bug"]})
    assert changed.headers["etag"] != made.headers["etag"]
    assert raw.get(path, headers={"if-none-match": changed.headers["etag"]}).status_code == 304


def test_calls_are_counted_by_operation_and_status(repository: Repository, steer: httpx.Client) -> None:
    steer.delete("/calls")
    for title in ("One", "Two"):
        repository.create_issue(title)

    counts = steer.get("/calls/counts").json()
    assert counts == [{"method": "POST", "operation": "create_issue", "status": 201, "count": 2}]
