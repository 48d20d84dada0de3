"""Tokens that workers share through Redis."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from redis import Redis

from domain.trackers.contract import Place, TrackerError
from domain.trackers.credentials import Vault
from domain.trackers.github import GitHubAdapter
from domain.trackers.shared_tokens import SharedToken, SharedTokens, open_shared_tokens
from tests.domain.trackers.github_script import asked, issue_document
from tests.domain.trackers.loopback import Loopback, answering, serving

PLACE = Place("42", "ft/")
KEY = Fernet.generate_key().decode()
EARLY = timedelta(minutes=5)
AN_HOUR_ON = datetime.now(UTC) + timedelta(hours=1)
TOKEN_CALL = "POST /app/installations/9/access_tokens"


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        client.flushdb()
        yield client


@pytest.fixture
def shared(redis: Redis, redis_url: str) -> Iterator[SharedTokens]:
    tokens = open_shared_tokens(redis_url, Vault((KEY,)))
    yield tokens
    tokens.close()


@pytest.fixture(scope="module")
def pem() -> str:
    key = rsa.generate_private_key(65_537, 2048)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def token(name: str) -> Any:
    return answering(201, {"token": name, "expires_at": AN_HOUR_ON.isoformat()})


def app(server: Loopback, pem: str, redis_url: str) -> GitHubAdapter:
    credentials = {"app_id": "4711", "private_key": pem, "installation_id": "9"}
    tokens = open_shared_tokens(redis_url, Vault((KEY,)))
    return GitHubAdapter(base_url=f"http://127.0.0.1:{server.port}", credentials=credentials, timeout_seconds=2, shared_tokens=tokens)


def bearers(server: Loopback) -> list[str]:
    lines = [line for request in server.requests for line in request.decode().split("\r\n") if line.startswith("Authorization: ")]
    return [line.removeprefix("Authorization: Bearer ") for line in lines]


async def test_two_workers_use_one_token(redis: Redis, redis_url: str, pem: str) -> None:
    with serving(token("ghs_one"), answering(200, issue_document())) as server:
        for adapter in (app(server, pem, redis_url), app(server, pem, redis_url)):
            await adapter.fetch(PLACE, "12")
            adapter.close()
    assert asked(server) == [TOKEN_CALL, "GET /repositories/42/issues/12", "GET /repositories/42/issues/12"]
    assert bearers(server)[1:] == ["ghs_one", "ghs_one"]
    kept = [redis.get(key) for key in redis.scan_iter()]
    assert len(kept) == 1
    assert b"ghs_one" not in kept[0]  # type: ignore[operator]


async def test_refused_token_is_replaced_for_all(redis: Redis, redis_url: str, pem: str) -> None:
    issue = answering(200, issue_document())
    with serving(token("ghs_one"), issue, issue, answering(401), token("ghs_two"), issue, answering(401), issue) as server:
        first, second = app(server, pem, redis_url), app(server, pem, redis_url)
        await first.fetch(PLACE, "12")
        await second.fetch(PLACE, "12")
        with pytest.raises(TrackerError):
            await first.fetch(PLACE, "12")
        await first.fetch(PLACE, "12")
        with pytest.raises(TrackerError):
            await second.fetch(PLACE, "12")
        await second.fetch(PLACE, "12")
        first.close()
        second.close()
    assert asked(server).count(TOKEN_CALL) == 2
    assert bearers(server)[-1] == "ghs_two"


async def test_worker_without_redis_gets_its_own_token(pem: str, closed_redis_url: str) -> None:
    with serving(token("ghs_one"), answering(200, issue_document())) as server:
        adapter = app(server, pem, closed_redis_url)
        await adapter.fetch(PLACE, "12")
        await adapter.fetch(PLACE, "12")
        adapter.close()
    assert asked(server).count(TOKEN_CALL) == 1


@pytest.fixture
def closed_redis_url() -> str:
    with serving(answering(200)) as server:
        port = server.port
    return f"redis://127.0.0.1:{port}/0"


def test_first_token_wins(shared: SharedTokens, redis: Redis) -> None:
    one, two = SharedToken("one", AN_HOUR_ON), SharedToken("two", AN_HOUR_ON)
    assert shared.put_if_absent("app", one, renewed_before=EARLY) == one
    assert shared.put_if_absent("app", two, renewed_before=EARLY) == one
    assert shared.get("app") == one
    (key,) = redis.keys()  # type: ignore[misc]
    assert 50 * 60 < redis.ttl(key) <= 55 * 60  # type: ignore[operator]


def test_token_near_its_end_is_not_shared(shared: SharedTokens) -> None:
    late = SharedToken("late", datetime.now(UTC) + timedelta(minutes=4))
    assert shared.put_if_absent("app", late, renewed_before=EARLY) == late
    assert shared.get("app") is None


def test_only_the_token_that_was_refused_is_forgotten(shared: SharedTokens) -> None:
    shared.put_if_absent("app", SharedToken("one", AN_HOUR_ON), renewed_before=EARLY)
    shared.forget("app", "zero")
    assert shared.get("app") is not None
    shared.forget("app", "one")
    assert shared.get("app") is None


def test_token_sealed_with_another_key_is_none(shared: SharedTokens, redis_url: str) -> None:
    shared.put_if_absent("app", SharedToken("one", AN_HOUR_ON), renewed_before=EARLY)
    other = open_shared_tokens(redis_url, Vault((Fernet.generate_key().decode(),)))
    mine = SharedToken("mine", AN_HOUR_ON)
    assert other.get("app") is None
    assert other.put_if_absent("app", mine, renewed_before=EARLY) == mine
    other.close()
