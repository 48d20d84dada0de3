"""The small named world that tests live in: a few people, two teams, a tracker, and a token of each scope."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
import structlog
from cryptography.fernet import Fernet
from litestar import Litestar

from api.app import create_app
from domain.access.tokens import hash_token
from domain.settings import Settings, load_settings

ANA, BO = "ana@example.com", "bo@example.com"
PAYMENTS, SEARCH = "payments", "search"
TRACKER_ID = UUID("0192f0c4-0000-7000-8000-00000000000a")
PROJECT_ID = UUID("0192f0c4-0000-7000-8000-00000000000b")
NOBODY = UUID("0192f0c4-ffff-7000-8000-00000000ffff")
TOKENS = {scope: f"ft_the_{scope}_token_of_all_tests" for scope in ("read", "write", "sync", "admin")}
BOOTSTRAP_TOKEN = "ft_bootstrap_token_of_all_tests"
PUBLIC_URL = "http://followthrough.example"

_PEOPLE_AND_TEAMS = """
INSERT INTO people (id, email, name, github_login, version, created_at, updated_at) VALUES
    ('0192f0c4-0000-7000-8000-000000000001', 'ana@example.com', 'Ana Ruiz', 'ana-r', 1, now(), now()),
    ('0192f0c4-0000-7000-8000-000000000002', 'bo@example.com', 'Bo Lind', NULL, 1, now(), now());
INSERT INTO teams (id, slug, name, timezone, lead_id, version, created_at, updated_at) VALUES
    ('0192f0c4-0000-7000-8000-000000000003', 'payments', 'Payments', 'Europe/Berlin',
        '0192f0c4-0000-7000-8000-000000000001', 1, now(), now()),
    ('0192f0c4-0000-7000-8000-000000000004', 'search', 'Search', 'America/Los_Angeles', NULL, 1, now(), now());
"""
_TOKEN = """
INSERT INTO api_tokens (id, name, hash, hint, scopes, created_at, last_used_at)
VALUES (('0192f0c4-0000-7000-8000-00000000010' || $1::int)::uuid, $2::text, $3, right($4::text, 4), ARRAY[$2::text], now(), now())
"""
_ROUTE = f"""
INSERT INTO trackers (id, kind, name, base_url, credentials, webhook_secret, state, state_reason, failures, version, created_at, updated_at)
    VALUES ('{TRACKER_ID}', 'github', 'GitHub', 'https://api.github.com', '\\x00', '\\x00', 'ok', '', 0, 1, now(), now());
INSERT INTO tracker_projects (id, tracker_id, remote_id, key, url, details, fetched_at, version, created_at, updated_at)
    VALUES ('{PROJECT_ID}', '{TRACKER_ID}', '4711', 'acme/shop', 'https://github.com/acme/shop', '{{}}', now(), 1, now(), now());
INSERT INTO routes (id, position, tracker_project_id, label_prefix, version, created_at, updated_at)
    VALUES ('0192f0c4-0000-7000-8000-00000000000c', 100, '{PROJECT_ID}', 'ft/', 1, now(), now());
"""


@dataclass(frozen=True, slots=True)
class World:
    """A running API with its database, and a client for each kind of token."""

    app: Litestar
    sql: Any
    reader: httpx.AsyncClient
    writer: httpx.AsyncClient
    syncer: httpx.AsyncClient
    admin: httpx.AsyncClient
    stranger: httpx.AsyncClient


def settings_for(database_url: str, redis_url: str, **others: Any) -> Settings:
    """The settings of a test's process."""
    given = {"secret_keys": (Fernet.generate_key().decode(),), "bootstrap_token": BOOTSTRAP_TOKEN, "public_url": PUBLIC_URL}
    return load_settings(database_url=database_url, redis_url=redis_url, **(given | others))


def client_of(app: Litestar, token: str | None = None) -> httpx.AsyncClient:
    """A client of an application in this process."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    application: Any = app  # an ASGI application, only typed more exactly than httpx does
    return httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://test", headers=headers)


@asynccontextmanager
async def started(app: Litestar) -> AsyncIterator[Litestar]:
    """Starts an application and ends it; in a task of its own, since pytest sets fixtures up in one task and ends them in another."""
    structlog.configure(
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()], structlog.make_filtering_bound_logger(30)
    )
    up, over = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with app.lifespan():
            up.set()
            await over.wait()

    life = asyncio.create_task(live())
    await asyncio.wait([life, asyncio.create_task(up.wait())], return_when=asyncio.FIRST_COMPLETED)
    if life.done():
        await life
    yield app
    over.set()
    await life


@pytest.fixture(scope="session")
async def sql(database_url: str) -> AsyncIterator[Any]:
    """A connection to this test process's database, beside the one that is tested."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture(scope="session")
async def running_app(database_url: str, redis_url: str) -> AsyncIterator[Litestar]:
    """The application, started once for all tests of this process."""
    async with started(create_app(settings_for(database_url, redis_url))) as app:
        yield app


@pytest.fixture
async def world(running_app: Litestar, sql: Any) -> World:
    """The application with nothing in its tables but people, teams and tokens."""
    await _clean(sql)
    await sql.execute(_PEOPLE_AND_TEAMS)
    for number, (name, text) in enumerate(TOKENS.items()):
        await sql.execute(_TOKEN, number, name, hash_token(text), text)
    await running_app.state.house.bell.redis.flushdb()
    clients = [client_of(running_app, token) for token in (*TOKENS.values(), None)]
    return World(running_app, sql, *clients)


async def _clean(sql: Any) -> None:
    """Empties every table; as a replica, since the activities' own trigger would refuse it."""
    names = await sql.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'")
    deletes = "".join(f'DELETE FROM "{name}";' for (name,) in names)
    await sql.execute(f"SET session_replication_role = replica; {deletes} SET session_replication_role = origin;")


@pytest.fixture
async def routed(world: World) -> World:
    """The world with a tracker, a project in it, and a route that sends every new task there."""
    await world.sql.execute(_ROUTE)
    return world


async def new_task(world: World, **members: Any) -> dict[str, Any]:
    """Makes a task through the API, and gives it as it was answered."""
    answer = await world.writer.post("/v1/tasks", json={"title": "Raise the pool size"} | members)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def at(text: str) -> datetime:
    """The instant that an answer gives as text."""
    instant = datetime.fromisoformat(text)
    assert instant.tzinfo is not None
    return instant.astimezone(UTC)
