"""The adapter as a GitHub App, held to GitHub's own description of its REST API."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from domain.trackers.contract import Failure, Place, TrackerError
from domain.trackers.github import GitHubAdapter
from tests.contract.conftest import APP_ID, Proxy, add_repository, drafted

pytestmark = pytest.mark.contract


@pytest.fixture
def app(proxy: Proxy) -> Iterator[GitHubAdapter]:
    """The product's adapter as an App that looks for its installations."""
    with adapting(proxy) as adapter:
        yield adapter


@contextmanager
def adapting(proxy: Proxy) -> Iterator[GitHubAdapter]:
    credentials = {"app_id": str(APP_ID), "private_key": proxy.app_key}
    adapter = GitHubAdapter(base_url=proxy.base_url, credentials=credentials, timeout_seconds=10)
    yield adapter
    adapter.close()


async def test_app_works_through_its_installation(app: GitHubAdapter, proxy: Proxy, place: Place) -> None:
    assert await app.identity() == "followthrough[bot]"
    assert (await app.describe(proxy.sandbox.repository)).writable
    issue = (await app.create(place, drafted())).issue
    assert issue.author == "followthrough[bot]"
    assert issue.global_id in await app.survey([issue.global_id])  # by the tokens of all installations


async def test_app_fetches_another_token_when_one_expires_early(app: GitHubAdapter, place: Place, steer: httpx.AsyncClient) -> None:
    await app.create(place, drafted())
    await steer.post("/tokens/expire", json={})
    with pytest.raises(TrackerError) as refused:
        await app.create(place, drafted())
    assert (refused.value.failure, refused.value.http_status) == (Failure.DEFINITE, 401)
    await app.create(place, drafted())


async def test_renamed_repository_leads_to_where_its_installation_is(app: GitHubAdapter, proxy: Proxy, steer: httpx.AsyncClient) -> None:
    place = await add_repository(steer, "renamed/before")
    await steer.post("/repositories/renamed/before/rename", json={"to": "after"})
    described = await app.describe("renamed/before")
    assert (described.remote_id, described.key) == (place.project_remote_id, "renamed/after")


async def test_suspended_installation_is_told(app: GitHubAdapter, steer: httpx.AsyncClient) -> None:
    place = await add_repository(steer, "suspended/shop")
    await app.create(place, drafted())
    await steer.post("/installations/suspended", json={"state": "suspended"})
    with pytest.raises(TrackerError) as refused:
        await app.create(place, drafted())
    assert (refused.value.failure, refused.value.http_status, refused.value.code) == (Failure.DEFINITE, 403, "suspended")
    with pytest.raises(TrackerError) as refused:  # the token was forgotten, and there is no other
        await app.create(place, drafted())
    assert (refused.value.failure, refused.value.http_status, refused.value.code) == (Failure.DEFINITE, 403, "suspended")


async def test_removed_installation_is_told(app: GitHubAdapter, proxy: Proxy, steer: httpx.AsyncClient) -> None:
    place = await add_repository(steer, "removed/shop")
    await app.create(place, drafted())
    await steer.post("/installations/removed", json={"state": "removed"})
    with pytest.raises(TrackerError):
        await app.create(place, drafted())
    with pytest.raises(TrackerError) as refused:
        await app.create(place, drafted())
    assert (refused.value.failure, refused.value.code) == (Failure.DEFINITE, "not_installed")
    with adapting(proxy) as another, pytest.raises(TrackerError) as refused:  # which has to ask where it is installed
        await another.describe("removed/shop")
    assert (refused.value.failure, refused.value.code) == (Failure.DEFINITE, "not_installed")
