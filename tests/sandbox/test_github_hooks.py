"""Webhooks of the sandbox GitHub, received by a real HTTP server."""

import time
from collections.abc import Iterator

import github
import httpx
import pytest
from github.Hook import Hook
from github.HookDelivery import HookDelivery
from github.Repository import Repository

from sandbox.github_process import RunningGithub, start_github
from tests.sandbox.github_peers import SECRET, WebhookReceiver, receiving


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
    config = {"url": receiver.url, "content_type": "json", "secret": SECRET}
    hook = repository.create_hook("web", config, ["issues", "issue_comment"])
    assert receiver.take(1).keys() == {"ping."}
    yield hook
    hook.delete()


@pytest.mark.usefixtures("hook")
def test_opened_issue_is_announced_and_signed(repository: Repository, receiver: WebhookReceiver, running: RunningGithub) -> None:
    issue = repository.create_issue("Announced")

    received = receiver.take(1)["issues.opened"]
    assert received.is_signed_with(SECRET)
    assert not received.is_signed_with("another secret")
    assert received.payload["issue"]["id"] == issue.id
    assert received.payload["repository"]["id"] == running.repository_id
    assert received.payload["sender"]["login"] == running.login
    assert received.headers["user-agent"].startswith("GitHub-Hookshot/")
    assert len(received.headers["x-github-delivery"]) == 36


@pytest.mark.usefixtures("hook")
def test_each_change_is_an_event_of_its_own(repository: Repository, receiver: WebhookReceiver) -> None:
    issue = repository.create_issue("Before", labels=["bug"], assignees=["octo-dev"])
    assert receiver.take(3).keys() == {"issues.opened", "issues.labeled", "issues.assigned"}

    issue.edit(title="After", labels=["question"], assignees=[], state="closed")
    received = receiver.take(5)
    assert received.keys() == {f"issues.{name}" for name in ("edited", "unlabeled", "labeled", "unassigned", "closed")}
    assert received["issues.edited"].payload["changes"] == {"title": {"from": "Before"}}
    assert received["issues.unlabeled"].payload["label"]["name"] == "bug"
    assert received["issues.unassigned"].payload["assignee"]["login"] == "octo-dev"
    issue.edit(state="open")
    issue.create_comment("a word")
    assert receiver.take(2).keys() == {"issues.reopened", "issue_comment.created"}


@pytest.mark.usefixtures("hook")
def test_change_that_changes_nothing_is_not_announced(repository: Repository, receiver: WebhookReceiver) -> None:
    issue = repository.create_issue("Same")
    issue.edit(title="Same", state="open")
    issue.edit(state="closed")

    assert receiver.take(2).keys() == {"issues.opened", "issues.closed"}


@pytest.mark.usefixtures("hook")
def test_person_closes_an_issue(repository: Repository, receiver: WebhookReceiver, running: RunningGithub) -> None:
    issue = repository.create_issue("Closed by hand")
    url = f"{running.page_url}/_sandbox/issues/{running.repository}/{issue.number}"
    httpx.post(url, json={"state": "closed", "state_reason": "not_planned"}, trust_env=False).raise_for_status()

    payload = receiver.take(2)["issues.closed"].payload
    assert payload["sender"]["login"] == "octo-dev"
    assert payload["issue"]["state_reason"] == "not_planned"


def test_hook_hides_its_secret_and_is_not_made_twice(repository: Repository, hook: Hook, receiver: WebhookReceiver) -> None:
    assert repository.get_hook(hook.id).config["secret"] == "********"
    with pytest.raises(github.GithubException, match="Hook already exists"):
        repository.create_hook("web", {"url": receiver.url}, ["issues"])
    assert [row.id for row in repository.get_hooks()] == [hook.id]


def test_inactive_hook_is_silent(repository: Repository, hook: Hook, receiver: WebhookReceiver) -> None:
    config = {"url": receiver.url, "content_type": "json", "secret": SECRET}
    hook.edit("web", config, events=["issues"], active=False)
    repository.create_issue("Unheard")
    hook.ping()

    assert receiver.take(1).keys() == {"ping."}


def test_failed_delivery_is_recorded_and_redelivered_under_its_id(repository: Repository, hook: Hook, receiver: WebhookReceiver) -> None:
    receiver.status = 500
    repository.create_issue("Lost")
    sent = receiver.take(1)["issues.opened"]
    failed = _delivery(repository, hook, "issues", status_code=500)
    whole = repository.get_hook_delivery(hook.id, failed.id or 0)
    assert whole.request is not None
    assert whole.request.payload == sent.payload

    receiver.status = 204
    hook._requester.requestJsonAndCheck("POST", f"{hook.url}/deliveries/{failed.id}/attempts")
    again = receiver.take(1)["issues.opened"]
    assert (again.raw, again.is_signed_with(SECRET)) == (sent.raw, True)
    assert again.headers["x-github-delivery"] == sent.headers["x-github-delivery"]
    assert _delivery(repository, hook, "issues", status_code=204).redelivery


def test_unreachable_receiver_is_recorded(repository: Repository) -> None:
    hook = repository.create_hook("web", {"url": "http://127.0.0.1:9/", "content_type": "json"}, ["issues"])

    assert _delivery(repository, hook, "ping", status_code=0).status == "failed to connect to host"
    hook.delete()


def _delivery(repository: Repository, hook: Hook, event: str, *, status_code: int) -> HookDelivery:
    """Wait until such a delivery is recorded: that happens once its answer is there."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        for row in repository.get_hook_deliveries(hook.id):
            if (row.event, row.status_code) == (event, status_code):
                return repository.get_hook_delivery(hook.id, row.id or 0)
        time.sleep(0.02)
    raise AssertionError(f"no delivery of {event} with {status_code}")
