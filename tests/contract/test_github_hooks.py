"""The adapter's look at webhooks and their deliveries, held to GitHub's own description of its REST API."""

import asyncio
import time
from collections.abc import Callable
from uuid import uuid4

import github
import httpx
import pytest
from github.Hook import Hook

from domain.trackers.contract import Failure, HookReport, Place, TrackerError
from domain.trackers.github import GitHubAdapter
from tests.contract.conftest import add_repository
from tests.sandbox.github_peers import SECRET, WebhookReceiver, receiving

pytestmark = pytest.mark.contract

EVENTS = ("issues", "issue_comment")
WAIT_SECONDS = 5


async def test_failed_delivery_is_found_and_made_again(adapter: GitHubAdapter, client: github.Github, steer: httpx.AsyncClient) -> None:
    place = await add_repository(steer, "hooked/failing")
    with receiving() as receiver:
        _hook(client, place, receiver)
        receiver.status = 500
        await steer.post("/issues/hooked/failing", json={"title": "Delivered once"})
        report = await _inspected(adapter, place, receiver.url, until=lambda report: bool(report.failed))
        assert (report.active, set(report.events)) == (True, set(EVENTS))
        receiver.status = 202
        for failed in report.failed:
            await adapter.redeliver(place, str(report.id), failed.id)
        again = await _inspected(adapter, place, receiver.url, until=lambda report: not report.failed)
        assert again.last_delivery_at is not None


def _hook(client: github.Github, place: Place, receiver: WebhookReceiver) -> Hook:
    config = {"url": receiver.url, "content_type": "json", "secret": SECRET}
    hook = client.get_repo(int(place.project_remote_id)).create_hook("web", config, list(EVENTS), active=True)
    receiver.take(1)  # the ping
    return hook


async def _inspected(adapter: GitHubAdapter, place: Place, url: str, *, until: Callable[[HookReport], bool]) -> HookReport:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        report = await adapter.inspect_hook(place, url)
        if until(report):
            return report
        await asyncio.sleep(0.05)
    raise AssertionError("the deliveries didn't come to be so")


async def test_deliveries_go_on_by_a_cursor(adapter: GitHubAdapter, client: github.Github, steer: httpx.AsyncClient) -> None:
    place = await add_repository(steer, "hooked/busy")
    with receiving() as receiver:
        _hook(client, place, receiver)
        receiver.status = 500
        for count in range(101):
            await steer.post("/issues/hooked/busy", json={"title": f"No. {count}"})
        receiver.take(101)
        await _inspected(adapter, place, receiver.url, until=lambda report: len(report.failed) == 100)


async def test_delivery_of_no_hook_is_not_made_again(adapter: GitHubAdapter, steer: httpx.AsyncClient) -> None:
    place = await add_repository(steer, "hooked/wrong")
    with pytest.raises(TrackerError) as refused:
        await adapter.redeliver(place, "999999", "999999")
    assert (refused.value.failure, refused.value.code) == (Failure.DEFINITE, "forbidden")


async def test_missing_hook_is_told(adapter: GitHubAdapter, steer: httpx.AsyncClient) -> None:
    place = await add_repository(steer, "hooked/never")
    report = await adapter.inspect_hook(place, f"https://followthrough.example/{uuid4()}")
    assert report == HookReport(id=None, active=False, events=())


async def test_hooks_that_the_account_may_not_see_are_told(adapter: GitHubAdapter) -> None:
    with pytest.raises(TrackerError) as missing:
        await adapter.inspect_hook(Place("999999999", "ft/"), "https://followthrough.example")
    assert (missing.value.failure, missing.value.http_status, missing.value.code) == (Failure.DEFINITE, 404, "forbidden")
