"""The adapter's sweeps, searches and surveys, held to GitHub's own description of its REST API."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest

from domain.trackers.contract import Failure, Place, Surveyed, TrackerError
from domain.trackers.github import GitHubAdapter
from tests.contract.conftest import add_repository, drafted

pytestmark = pytest.mark.contract


async def test_sweep_goes_through_pages_and_is_then_unchanged(adapter: GitHubAdapter, steer: httpx.AsyncClient) -> None:
    place = await add_repository(steer, "swept/pages")
    for count in range(101):
        await steer.post("/issues/swept/pages", json={"title": f"No. {count}", "labels": ["bug"]})
    first = await adapter.changed(place, since=None)
    assert first is not None
    assert (len(first.issues), first.more) == (100, True)
    second = await adapter.changed(place, since=None, page=2)
    assert second is not None
    assert (len(second.issues), second.more) == (1, False)
    since = second.issues[0].version
    latest = await adapter.changed(place, since=since)
    assert latest is not None
    assert await adapter.changed(place, since=since, etag=latest.etag) is None


async def test_sweep_tells_what_changed_since(adapter: GitHubAdapter, steer: httpx.AsyncClient) -> None:
    place = await add_repository(steer, "swept/since")
    made = drafted(assignee=["octo-dev"])
    issue = (await adapter.create(place, made)).issue
    page = await adapter.changed(place, since=issue.version)
    assert page is not None
    assert [(each.remote_id, each.marker) for each in page.issues] == [(issue.remote_id, made.marker)]
    later = await adapter.changed(place, since=issue.version + timedelta(seconds=2))
    assert later is not None
    assert later.issues == []


async def test_marker_is_found(adapter: GitHubAdapter, place: Place) -> None:
    made = drafted()
    issue = (await adapter.create(place, made)).issue
    found = await adapter.find(place, [made.marker, uuid4()], since=datetime.now(UTC))
    assert {marker: each.remote_id for marker, each in found.items()} == {made.marker: issue.remote_id}


async def test_issues_are_surveyed_past_the_description(adapter: GitHubAdapter, place: Place) -> None:
    """The question goes to GraphQL, which the description leaves out: the proxy passes it on unchecked."""
    issue = (await adapter.create(place, drafted())).issue
    found = await adapter.survey([issue.global_id, "I_nothing"])
    assert found == {issue.global_id: Surveyed(place.project_remote_id, issue.remote_id, issue.version)}


async def test_sweep_of_no_repository_is_told(adapter: GitHubAdapter) -> None:
    with pytest.raises(TrackerError) as missing:
        await adapter.changed(Place("999999999", "ft/"), since=None)
    assert (missing.value.failure, missing.value.http_status) == (Failure.DEFINITE, 404)
