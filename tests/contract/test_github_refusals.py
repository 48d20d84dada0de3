"""What GitHub refuses the adapter whatever the call is about, held to GitHub's own description of its REST API."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from uuid import uuid4

import httpx
import pytest

from domain.trackers.contract import Failure, Field, Place, RemoteIssue, TrackerError
from domain.trackers.github import GitHubAdapter
from tests.contract.conftest import Proxy, add_repository, drafted

pytestmark = pytest.mark.contract

Attempt: TypeAlias = Callable[[GitHubAdapter, Place, RemoteIssue], Awaitable[Any]]


async def make(adapter: GitHubAdapter, place: Place, _: RemoteIssue) -> None:
    await adapter.create(place, drafted())


async def change(adapter: GitHubAdapter, place: Place, issue: RemoteIssue) -> None:
    await adapter.update(place, issue, {Field.TITLE: "Rotate both"})


async def clear(adapter: GitHubAdapter, place: Place, issue: RemoteIssue) -> None:
    native = Place(place.project_remote_id, place.label_prefix, {"due_on": {"id": 1}})
    await adapter.update(native, issue, {Field.DUE_ON: None})


async def read(adapter: GitHubAdapter, place: Place, issue: RemoteIssue) -> None:
    await adapter.fetch(place, issue.remote_id)


async def comment(adapter: GitHubAdapter, place: Place, issue: RemoteIssue) -> None:
    await adapter.comment(place, issue.remote_id, body="Done.", marker=uuid4())


async def list_comments(adapter: GitHubAdapter, place: Place, issue: RemoteIssue) -> None:
    await adapter.comments(place, issue.remote_id)


async def sweep(adapter: GitHubAdapter, place: Place, _: RemoteIssue) -> None:
    await adapter.changed(place, since=None)


async def describe(adapter: GitHubAdapter, place: Place, _: RemoteIssue) -> None:
    await adapter.describe(place.project_remote_id)


async def refusal_of(attempt: Attempt, adapter: GitHubAdapter, place: Place, *, issue: RemoteIssue) -> TrackerError:
    with pytest.raises(TrackerError) as refused:
        await attempt(adapter, place, issue)
    return refused.value


@pytest.mark.parametrize(
    ("operation", "attempt"),
    [
        ("create_issue", make),
        ("update_issue", change),
        ("clear_field", clear),
        ("create_comment", comment),
        ("list_issues", sweep),
        ("get_repository", describe),
    ],
)
async def test_secondary_limit_is_told_with_its_end(
    adapter: GitHubAdapter, place: Place, steer: httpx.AsyncClient, *, operation: str, attempt: Attempt
) -> None:
    issue = (await adapter.create(place, drafted())).issue
    await steer.post("/faults", json={"operation": operation, "action": 403, "headers": {"retry-after": "30"}})
    refused = await refusal_of(attempt, adapter, place, issue=issue)
    assert (refused.failure, refused.http_status, refused.hourly) == (Failure.LIMITED, 403, False)
    assert refused.retry_at is not None
    assert timedelta(seconds=20) < refused.retry_at - datetime.now(UTC) <= timedelta(seconds=30)


async def test_too_many_requests_are_a_limit(adapter: GitHubAdapter, place: Place, steer: httpx.AsyncClient) -> None:
    await steer.post("/faults", json={"operation": "create_issue", "action": 429, "headers": {"retry-after": "30"}})
    with pytest.raises(TrackerError) as refused:
        await adapter.create(place, drafted())
    assert (refused.value.failure, refused.value.http_status) == (Failure.LIMITED, 429)


@pytest.fixture
async def enforced(steer: httpx.AsyncClient) -> AsyncIterator[None]:
    """The sandbox's own limits, so low that the second creation exceeds them."""
    await steer.put("/limits", json={"enforced": True, "factor": 0.02})
    yield
    await steer.put("/limits", json={"enforced": False})


async def test_sandbox_limits_in_the_described_shape(adapter: GitHubAdapter, place: Place, enforced: None) -> None:
    await adapter.create(place, drafted())
    with pytest.raises(TrackerError) as refused:
        await adapter.create(place, drafted())
    assert (refused.value.failure, refused.value.http_status) == (Failure.LIMITED, 403)


@pytest.mark.parametrize(("operation", "attempt"), [("create_issue", make), ("update_issue", change), ("clear_field", clear)])
async def test_unavailable_leaves_open_what_happened(
    adapter: GitHubAdapter, place: Place, steer: httpx.AsyncClient, *, operation: str, attempt: Attempt
) -> None:
    issue = (await adapter.create(place, drafted())).issue
    await steer.post("/faults", json={"operation": operation, "action": 503})
    refused = await refusal_of(attempt, adapter, place, issue=issue)
    assert (refused.failure, refused.http_status) == (Failure.AMBIGUOUS, 503)


@pytest.mark.parametrize("attempt", [make, change, read, comment, list_comments])
async def test_repository_without_issues_is_told(adapter: GitHubAdapter, steer: httpx.AsyncClient, attempt: Attempt) -> None:
    name = f"closed/off-{attempt.__name__}"
    place = await add_repository(steer, name)
    issue = (await adapter.create(place, drafted())).issue
    await steer.post(f"/repositories/{name}/settings", json={"has_issues": False})
    refused = await refusal_of(attempt, adapter, place, issue=issue)
    assert refused.http_status == 410
    assert not (await adapter.describe(name)).issues_enabled


@pytest.mark.parametrize("attempt", [change, clear])
async def test_account_that_may_not_write_is_told(
    adapter: GitHubAdapter, steer: httpx.AsyncClient, proxy: Proxy, *, attempt: Attempt
) -> None:
    name = f"closed/barred-{attempt.__name__}"
    place = await add_repository(steer, name)
    number = (await steer.post(f"/issues/{name}", json={"title": "Made by somebody else"})).json()["number"]
    issue = await adapter.fetch(place, str(number))
    assert issue is not None
    await steer.post(f"/repositories/{name}/access", json={"login": proxy.sandbox.login, "push": False})
    refused = await refusal_of(attempt, adapter, place, issue=issue)
    assert (refused.failure, refused.http_status, refused.code) == (Failure.DEFINITE, 403, "forbidden")
    assert not (await adapter.describe(name)).writable


@pytest.mark.parametrize("attempt", [make, change, comment])
async def test_archived_repository_is_told(adapter: GitHubAdapter, steer: httpx.AsyncClient, attempt: Attempt) -> None:
    name = f"closed/archived-{attempt.__name__}"
    place = await add_repository(steer, name)
    issue = (await adapter.create(place, drafted())).issue
    await steer.post(f"/repositories/{name}/settings", json={"archived": True})
    refused = await refusal_of(attempt, adapter, place, issue=issue)
    assert (refused.http_status, refused.code) == (403, "archived")
    assert not (await adapter.describe(name)).writable


@pytest.mark.parametrize("attempt", [change, read, comment, list_comments])
async def test_deleted_issue_is_gone(adapter: GitHubAdapter, steer: httpx.AsyncClient, attempt: Attempt) -> None:
    name = f"closed/deleted-{attempt.__name__}"
    place = await add_repository(steer, name)
    issue = (await adapter.create(place, drafted())).issue
    await steer.post(f"/issues/{name}/{issue.remote_id}/delete", json={})
    refused = await refusal_of(attempt, adapter, place, issue=issue)
    assert (refused.failure, refused.http_status) == (Failure.GONE, 410)
