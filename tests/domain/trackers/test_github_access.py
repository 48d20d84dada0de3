"""A GitHub App's tokens: found by the repository, shared by all threads, renewed before their end."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import time_machine
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from domain.trackers.contract import Draft, Failure, Field, Place, TrackerError
from domain.trackers.github import GitHubAdapter
from sandbox.github_process import RunningGithub, start_github
from tests.domain.trackers.app_script import app_of, issued, pem_of
from tests.domain.trackers.github_script import asked, issue_document
from tests.domain.trackers.loopback import answering, hanging_up, serving

APP_ID = 4711


@pytest.fixture(scope="module")
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65_537, 2048)


@pytest.fixture(scope="module")
def pem(private_key: rsa.RSAPrivateKey) -> str:
    return pem_of(private_key)


@pytest.fixture(scope="module")
def github(private_key: rsa.RSAPrivateKey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGithub]:
    public = tmp_path_factory.mktemp("app") / "public.pem"
    public.write_bytes(private_key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    running = start_github(app=(APP_ID, Path(public)))
    yield running
    running.stop()


@pytest.fixture
def adapter(github: RunningGithub, pem: str) -> Iterator[GitHubAdapter]:
    adapter = GitHubAdapter(base_url=github.base_url, credentials={"app_id": str(APP_ID), "private_key": pem}, timeout_seconds=5)
    yield adapter
    adapter.close()


async def token_calls(github: RunningGithub) -> int:
    """Return how many tokens were asked for since the last time."""
    async with httpx.AsyncClient(trust_env=False) as client:
        seen = (await client.get(f"{github.page_url}/_sandbox/calls")).json()
        await client.delete(f"{github.page_url}/_sandbox/calls")
    return sum(call["path"].endswith("/access_tokens") for call in seen)


async def test_app_writes_as_its_bot(adapter: GitHubAdapter) -> None:
    assert await adapter.identity() == "followthrough[bot]"


async def test_repository_of_an_app_is_described_by_name(adapter: GitHubAdapter, github: RunningGithub) -> None:
    project = await adapter.describe(github.repository)
    assert project.remote_id == str(github.repository_id)
    assert project.writable


async def test_threads_share_one_token(adapter: GitHubAdapter, github: RunningGithub) -> None:
    place = Place(str(github.repository_id), "ft/")
    await token_calls(github)
    made, since = Draft(uuid4(), {Field.TITLE: "Rotate the key"}), datetime.now(UTC)
    receipts = await asyncio.gather(*(adapter.create(place, made) for _ in range(16)))
    assert await token_calls(github) == 1
    first = await adapter.fetch(place, receipts[0].issue.remote_id)
    assert first is not None
    answers = await asyncio.gather(*(adapter.fetch(place, first.remote_id, etag=first.etag) for _ in range(16)))
    assert answers == [None] * 16  # an ETag is good for the token alone that it was given to
    assert made.marker in await adapter.find(place, [made.marker], since=since)


async def test_token_is_renewed_five_minutes_before_its_end(adapter: GitHubAdapter, github: RunningGithub) -> None:
    place = str(github.repository_id)
    await adapter.describe(place)
    await token_calls(github)
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=54), tick=True):
        await adapter.describe(place)
    assert await token_calls(github) == 0
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=56), tick=True), pytest.raises(TrackerError) as caught:
        await adapter.describe(place)
    assert await token_calls(github) == 1  # in vain: the sandbox's clock stands where it was
    assert (caught.value.failure, caught.value.code) == (Failure.AUTH, "bad_credentials")


async def test_unusable_key_is_told(github: RunningGithub) -> None:
    adapter = GitHubAdapter(base_url=github.base_url, credentials={"app_id": "4711", "private_key": "no PEM"}, timeout_seconds=5)
    with pytest.raises(TrackerError) as caught:
        await adapter.describe(github.repository)
    adapter.close()
    assert (caught.value.failure, caught.value.code) == (Failure.AUTH, "bad_credentials")
    assert "no PEM" not in caught.value.text


async def test_unknown_app_is_told(github: RunningGithub, pem: str) -> None:
    adapter = GitHubAdapter(base_url=github.base_url, credentials={"app_id": "1", "private_key": pem}, timeout_seconds=5)
    with pytest.raises(TrackerError) as caught:
        await adapter.identity()
    adapter.close()
    assert (caught.value.failure, caught.value.code) == (Failure.AUTH, "bad_credentials")


async def test_missing_installation_is_told(github: RunningGithub, pem: str) -> None:
    credentials = {"app_id": str(APP_ID), "private_key": pem, "installation_id": "5"}
    adapter = GitHubAdapter(base_url=github.base_url, credentials=credentials, timeout_seconds=5)
    with pytest.raises(TrackerError) as caught:
        await adapter.describe(github.repository)
    adapter.close()
    assert (caught.value.failure, caught.value.code) == (Failure.DEFINITE, "not_installed")
    assert "install it for the repository's owner" in caught.value.text


async def test_create_without_a_token_took_no_effect(pem: str) -> None:
    for behaviour in (answering(502), hanging_up):
        with serving(behaviour) as server:
            credentials = {"app_id": "1", "private_key": pem, "installation_id": "5"}
            adapter = GitHubAdapter(base_url=f"http://127.0.0.1:{server.port}", credentials=credentials, timeout_seconds=2)
            with pytest.raises(TrackerError) as caught:
                await adapter.create(Place("42", "ft/"), Draft(uuid4(), {Field.TITLE: "Rotate the key"}))
            adapter.close()
        assert (caught.value.failure, caught.value.code) == (Failure.DEFINITE, "unavailable")


REPOSITORY = {"id": 42, "full_name": "o/r", "html_url": "https://github.com/o/r"}


async def test_token_that_is_refused_is_fetched_anew_and_nothing_stops(pem: str) -> None:
    script = [issued("ghs_1"), answering(401), issued("ghs_2"), answering(200, REPOSITORY)]
    with app_of(pem, *script, installation="5") as (adapter, server):
        with pytest.raises(TrackerError) as caught:
            await adapter.describe("42")
        assert (caught.value.failure, caught.value.code) == (Failure.DEFINITE, "token_rejected")
        assert (caught.value.calls, caught.value.http_status) == (1, 401)
        assert (await adapter.describe("42")).key == "o/r"
    assert b"Bearer ghs_2" in server.requests[-1]


async def test_refused_key_of_the_app_concerns_all(pem: str) -> None:
    with app_of(pem, answering(401), installation="5") as (adapter, _), pytest.raises(TrackerError) as caught:
        await adapter.describe("42")
    assert (caught.value.failure, caught.value.code) == (Failure.AUTH, "bad_credentials")


async def test_app_that_was_installed_anew_is_found_with_the_same_call(pem: str) -> None:
    short = timedelta(minutes=4)
    issue = answering(200, issue_document())
    first = [answering(200, {"id": 9}), issued("ghs_1", short), issue]
    script = [*first, answering(404), answering(200, {"id": 10}), issued("ghs_2"), issue]
    with app_of(pem, *script) as (adapter, server):
        for _ in range(2):
            assert await adapter.fetch(Place("42", "ft/"), "12") is not None
    assert asked(server)[3:6] == [
        "POST /app/installations/9/access_tokens",
        "GET /repositories/42/installation",
        "POST /app/installations/10/access_tokens",
    ]
    assert b"Bearer ghs_2" in server.requests[-1]


async def test_installation_that_is_still_missing_is_looked_up_once(pem: str) -> None:
    found = answering(200, {"id": 9})
    with app_of(pem, found, answering(404), found) as (adapter, server), pytest.raises(TrackerError) as caught:
        await adapter.fetch(Place("42", "ft/"), "12")
    assert (caught.value.failure, caught.value.code, len(server.requests)) == (Failure.DEFINITE, "not_installed", 3)


async def test_create_through_a_missing_installation_took_no_effect(pem: str) -> None:
    for answer, code in (
        (answering(404), "not_installed"),
        (answering(403, {"message": "This installation has been suspended"}), "suspended"),
    ):
        with app_of(pem, answer, installation="5") as (adapter, _), pytest.raises(TrackerError) as caught:
            await adapter.create(Place("42", "ft/"), Draft(uuid4(), {Field.TITLE: "Rotate the key"}))
        assert (caught.value.failure, caught.value.code) == (Failure.DEFINITE, code)
