"""The adapter's comments, held to GitHub's own description of its REST API."""

from datetime import timedelta
from uuid import uuid4

import httpx
import pytest

from domain.trackers.contract import Failure, Place, TrackerError
from domain.trackers.github import GitHubAdapter
from tests.contract.conftest import Proxy, add_repository, drafted

pytestmark = pytest.mark.contract


async def test_comments_are_added_and_listed_since(adapter: GitHubAdapter, place: Place) -> None:
    issue = (await adapter.create(place, drafted())).issue
    marker = uuid4()
    added = (await adapter.comment(place, issue.remote_id, body="It is done.", marker=marker)).comment
    assert (added.body, added.marker) == ("It is done.", marker)
    for since in (None, added.updated_at):
        assert await adapter.comments(place, issue.remote_id, since=since) == [added]
    assert await adapter.comments(place, issue.remote_id, since=added.updated_at + timedelta(seconds=1)) == []


async def test_all_pages_of_comments_are_read(adapter: GitHubAdapter, steer: httpx.AsyncClient) -> None:
    place = await add_repository(steer, "talkative/comments")
    issue = (await adapter.create(place, drafted())).issue
    for count in range(101):
        await steer.post(f"/issues/talkative/comments/{issue.remote_id}/comments", json={"body": f"No. {count}"})
    found = await adapter.comments(place, issue.remote_id)
    assert [comment.body for comment in found] == [f"No. {count}" for count in range(101)]


async def test_locked_issue_takes_no_comment(adapter: GitHubAdapter, place: Place, steer: httpx.AsyncClient, proxy: Proxy) -> None:
    issue = (await adapter.create(place, drafted())).issue
    # Who may push may comment all the same: the account loses that for the while.
    path = f"/repositories/{proxy.sandbox.repository}/access"
    await steer.post(f"/issues/{proxy.sandbox.repository}/{issue.remote_id}/lock", json={"lock_reason": "resolved"})
    await steer.post(path, json={"login": proxy.sandbox.login, "push": False})
    try:
        with pytest.raises(TrackerError) as refused:
            await adapter.comment(place, issue.remote_id, body="Too late.", marker=uuid4())
    finally:
        await steer.post(path, json={"login": proxy.sandbox.login, "push": True})
    assert (refused.value.failure, refused.value.http_status, refused.value.code) == (Failure.DEFINITE, 403, "locked")


async def test_forbidden_comment_is_told(adapter: GitHubAdapter, place: Place, steer: httpx.AsyncClient) -> None:
    issue = (await adapter.create(place, drafted())).issue
    await steer.post("/faults", json={"operation": "create_comment", "action": 403})
    with pytest.raises(TrackerError) as refused:
        await adapter.comment(place, issue.remote_id, body="Not here.", marker=uuid4())
    assert (refused.value.failure, refused.value.http_status, refused.value.code) == (Failure.DEFINITE, 403, "forbidden")


async def test_comment_that_is_too_long_is_refused(adapter: GitHubAdapter, place: Place) -> None:
    issue = (await adapter.create(place, drafted())).issue
    with pytest.raises(TrackerError) as refused:
        await adapter.comment(place, issue.remote_id, body="x" * 65_537, marker=uuid4())
    assert (refused.value.failure, refused.value.http_status) == (Failure.DEFINITE, 422)


async def test_comments_of_no_issue_are_gone(adapter: GitHubAdapter, place: Place) -> None:
    with pytest.raises(TrackerError) as missing:
        await adapter.comments(place, "999999")
    assert (missing.value.failure, missing.value.http_status) == (Failure.GONE, 404)
    with pytest.raises(TrackerError) as missing:
        await adapter.comment(place, "999999", body="Into the void.", marker=uuid4())
    assert (missing.value.failure, missing.value.http_status) == (Failure.GONE, 404)
