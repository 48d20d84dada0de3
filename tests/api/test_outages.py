"""PostgreSQL or Redis goes away and comes back: callers get a quick, honest answer, and nobody has to restart anything."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from api.app import create_app
from sandbox.postgres import RunningPostgres
from sandbox.valkey import RunningValkey
from tests.api.problems import problem_of
from tests.people_and_places import BOOTSTRAP_TOKEN, World, client_of, new_task, settings_for, started

LONGEST_SECONDS = 6  # the time that connecting may take, and one more


@pytest.fixture
async def client(own_postgres: RunningPostgres, own_valkey: RunningValkey) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an API with servers of its own."""
    async with started(create_app(settings_for(own_postgres.url, own_valkey.url))) as app:
        yield client_of(app, BOOTSTRAP_TOKEN)


class Load:
    """Callers that read and write without a pause, and note each status with its seconds."""

    def __init__(self, client: httpx.AsyncClient, task_id: str) -> None:
        self.client = client
        self.path = f"/v1/tasks/{task_id}"
        self.answers: list[tuple[float, int, float]] = []
        self.over = False

    async def call(self, number: int) -> None:
        calls: list[tuple[str, str, Any]] = [
            ("GET", "/v1/tasks?limit=10", None),
            ("POST", "/v1/tasks", {"title": "under load"}),
            ("GET", self.path, None),
            ("PATCH", self.path, {"title": f"by {number}"}),
        ]
        while not self.over:
            method, path, body = calls[number % 4]
            start = time.monotonic()
            answer = await self.client.request(method, path, json=body)
            self.answers.append((start, answer.status_code, time.monotonic() - start))
            if answer.status_code == 503:
                assert int(answer.headers["retry-after"]) >= 1
                problem_of(answer, 503)
                await asyncio.sleep(0.02)
            number += 1

    def since(self, instant: float) -> Counter[int]:
        return Counter(status for start, status, _ in self.answers if start >= instant)


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_database_that_goes_under_load_comes_back_by_itself(
    client: httpx.AsyncClient, own_postgres: RunningPostgres, how: str
) -> None:
    task = (await client.post("/v1/tasks", json={"title": "first"})).json()
    load = Load(client, task["id"])
    callers = [asyncio.create_task(load.call(number)) for number in range(24)]
    await asyncio.sleep(0.4)
    await asyncio.to_thread(getattr(own_postgres, how))
    gone = time.monotonic()
    await asyncio.sleep(0.4)
    assert (await client.get("/health/ready")).status_code == 503
    assert (await client.get("/health/live")).status_code == 200
    assert load.since(gone).keys() == {503}
    await asyncio.to_thread(own_postgres.start)
    back = time.monotonic()
    while (await client.get("/health/ready")).status_code != 200:
        assert time.monotonic() - back < LONGEST_SECONDS
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.3)
    healthy = time.monotonic()
    await asyncio.sleep(0.3)
    load.over = True
    await asyncio.gather(*callers)
    assert load.since(0).keys() == {200, 201, 503}
    assert load.since(healthy).keys() == {200, 201}
    assert max(seconds for _, _, seconds in load.answers) < LONGEST_SECONDS
    stored = int(own_postgres.psql("followthrough", "SELECT count(*) FROM tasks WHERE title = 'under load'"))
    # This server commits without waiting for its disk, so that a crash may lose the last few.
    assert stored >= (load.since(0)[201] if how == "stop" else 1)


async def test_database_that_is_away_at_the_start_is_found_later(own_postgres: RunningPostgres, own_valkey: RunningValkey) -> None:
    await asyncio.to_thread(own_postgres.stop)
    async with started(create_app(settings_for(own_postgres.url, own_valkey.url))) as app:
        client = client_of(app, BOOTSTRAP_TOKEN)
        for method in ("GET", "POST"):
            answer = await client.request(method, "/v1/tasks", json={"title": "a"} if method == "POST" else None)
            assert int(answer.headers["retry-after"]) >= 1
            problem_of(answer, 503)
        problem_of(await client_of(app, "ft_some_token").get("/v1/tasks"), 503)
        ready = await client.get("/health/ready")
        assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
        await asyncio.to_thread(own_postgres.start)
        assert (await client.post("/v1/tasks", json={"title": "a"})).status_code == 201
        assert len((await client.get("/v1/tasks")).json()["items"]) == 1
        assert (await client.get("/health/ready")).json() == {"status": "ok", "checks": {"database": "ok", "redis": "ok"}}


async def test_writes_succeed_without_redis_and_their_links_stay_due(routed: World, own_valkey: RunningValkey, database_url: str) -> None:
    async with started(create_app(settings_for(database_url, own_valkey.url))) as app:
        away = World(app, routed.sql, *(client_of(app, BOOTSTRAP_TOKEN) for _ in range(5)))
        await new_task(away)
        assert await app.state.house.bell.redis.zcard("followthrough") == 1
        await asyncio.to_thread(own_valkey.stop)
        for number in range(3):
            start = time.monotonic()
            await new_task(away, title=f"without Redis {number}")
            assert time.monotonic() - start < 5
        start = time.monotonic()
        await asyncio.gather(*(new_task(away) for _ in range(20)))
        assert time.monotonic() - start < 10
        assert (
            await routed.sql.fetchval("SELECT count(*) FROM issue_links WHERE due_at <= now() AND desired_version > pushed_version") == 24
        )
        ready = await away.reader.get("/health/ready")
        assert (ready.status_code, ready.json()["checks"]["redis"].startswith("away")) == (200, True)
        await asyncio.to_thread(own_valkey.start)
        await asyncio.sleep(1.1)
        await new_task(away, title="Redis is back")
        assert await app.state.house.bell.redis.zcard("followthrough") == 2
        assert (await away.reader.get("/health/ready")).json()["checks"]["redis"] == "ok"
