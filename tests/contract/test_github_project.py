"""The adapter's look at repositories and accounts, and what becomes of moved ones, held to GitHub's own description of its REST API."""

from uuid import uuid4

import httpx
import pytest

from domain.trackers.contract import Failure, Field, Place, RemoteIssue, TrackerError
from domain.trackers.github import GitHubAdapter
from tests.contract.conftest import Proxy, add_repository, drafted

pytestmark = pytest.mark.contract


async def test_account_and_repository_are_shown(adapter: GitHubAdapter, proxy: Proxy) -> None:
    assert await adapter.identity() == proxy.sandbox.login.lower()
    project = await adapter.describe(proxy.sandbox.repository)
    assert project == await adapter.describe(project.remote_id)
    assert (project.remote_id, project.issues_enabled, project.writable) == (str(proxy.sandbox.repository_id), True, True)


async def test_wrong_token_is_told(proxy: Proxy) -> None:
    adapter = GitHubAdapter(base_url=proxy.base_url, credentials={"token": "wrong"}, timeout_seconds=10)
    with pytest.raises(TrackerError) as refused:
        await adapter.identity()
    adapter.close()
    assert (refused.value.failure, refused.value.http_status) == (Failure.AUTH, 401)


@pytest.mark.parametrize("name", ["nobody/nothing", "999999999"])
async def test_unknown_repository_is_told(adapter: GitHubAdapter, name: str) -> None:
    with pytest.raises(TrackerError) as missing:
        await adapter.describe(name)
    assert (missing.value.http_status, missing.value.code) == (404, "project_not_found")


async def test_organisation_without_types_and_fields_has_none(adapter: GitHubAdapter, steer: httpx.AsyncClient) -> None:
    await add_repository(steer, "untyped/plain")
    project = await adapter.describe("untyped/plain")
    assert (project.types, project.native) == ((), {})


async def test_renamed_repository_is_found_by_its_former_name(adapter: GitHubAdapter, steer: httpx.AsyncClient) -> None:
    place = await add_repository(steer, "moving/before")
    await steer.post("/repositories/moving/before/rename", json={"to": "after"})
    project = await adapter.describe("moving/before")
    assert (project.remote_id, project.key) == (place.project_remote_id, "moving/after")
    with pytest.raises(TrackerError) as moved:
        await adapter.changed(Place("moving/before", "ft/"), since=None)
    assert (moved.value.http_status, moved.value.code) == (301, "moved")
    with pytest.raises(TrackerError) as moved:
        await adapter.create(Place("moving/before", "ft/"), drafted())
    assert (moved.value.http_status, moved.value.code) == (307, "moved")


async def test_transferred_issue_tells_where_it_is(adapter: GitHubAdapter, steer: httpx.AsyncClient, proxy: Proxy) -> None:
    issue, place, there = await _transferred(adapter, steer)
    expected = f"{proxy.base_url}/repositories/{there.project_remote_id}/issues/1"
    with pytest.raises(TrackerError) as moved:
        await adapter.fetch(place, issue.remote_id)
    assert (moved.value.http_status, moved.value.moved_to) == (301, expected)
    with pytest.raises(TrackerError) as moved:
        await adapter.update(place, issue, {Field.TITLE: "Rotate both"})
    assert (moved.value.code, moved.value.moved_to) == ("moved", expected)
    with pytest.raises(TrackerError) as moved:
        await adapter.update(Place(place.project_remote_id, "ft/", {"due_on": {"id": 1}}), issue, {Field.DUE_ON: None})
    assert (moved.value.http_status, moved.value.code) == (307, "moved")
    with pytest.raises(TrackerError) as moved:
        await adapter.comments(place, issue.remote_id)
    assert (moved.value.http_status, moved.value.moved_to) == (301, f"{expected}/comments")
    with pytest.raises(TrackerError) as moved:
        await adapter.comment(place, issue.remote_id, body="Whither?", marker=uuid4())
    assert (moved.value.http_status, moved.value.code) == (307, "moved")


async def _transferred(adapter: GitHubAdapter, steer: httpx.AsyncClient) -> tuple[RemoteIssue, Place, Place]:
    place, there = await add_repository(steer, "moving/here"), await add_repository(steer, "moving/there")
    issue = (await adapter.create(place, drafted())).issue
    await steer.post(f"/issues/moving/here/{issue.remote_id}/transfer", json={"to": "moving/there"})
    return issue, place, there
