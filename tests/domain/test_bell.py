"""The bell wakes workers up, says nothing twice for nothing, and never makes a caller wait for long."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.bell import RING_TIMEOUT_SECONDS, Bell, after_commit, deserialize, forget, serialize
from domain.columns import new_id


@pytest.fixture
async def bell(redis_url: str) -> AsyncIterator[Bell]:
    opened = Bell(redis_url, queue_name="bell-tests")
    await opened.redis.delete("bell-tests")
    yield opened
    await opened.redis.flushdb()
    await opened.close()


async def test_noted_jobs_are_sent_once_however_often_they_were_noted(bell: Bell) -> None:
    one, other = new_id(), new_id()
    async with AsyncSession() as session:
        for row_id in (one, other, one):
            after_commit(session, "reconcile_link", row_id)
        await bell.ring(session)
        await bell.ring(session)
    jobs: list[Any] = await bell.redis.queued_jobs(queue_name="bell-tests")
    assert sorted(job.args[0] for job in jobs) == sorted([str(one), str(other)])


async def test_forgotten_jobs_are_not_sent(bell: Bell) -> None:
    async with AsyncSession() as session:
        after_commit(session, "reconcile_link", new_id())
        forget(session)
        await bell.ring(session)
    assert await bell.redis.zcard("bell-tests") == 0


async def test_wake_once_merges_with_what_is_queued_and_a_ring_does_not(bell: Bell) -> None:
    job = ("reconcile_link", (str(new_id()),), None)
    await bell.wake([job], once_in_seconds=86_400)
    await bell.wake([job], once_in_seconds=86_400)
    assert await bell.redis.zcard("bell-tests") == 1
    await bell.wake([job])
    assert await bell.redis.zcard("bell-tests") == 2


async def test_job_whose_process_was_killed_keeps_others_away_for_a_while_alone(bell: Bell) -> None:
    job = ("reconcile_link", (str(new_id()),), None)
    await bell.wake([job], once_in_seconds=0.05)
    await asyncio.sleep(0.1)
    await bell.wake([job], once_in_seconds=0.05)
    assert await bell.redis.zcard("bell-tests") == 2


async def test_redis_that_is_silent_costs_one_ring_its_timeout_and_the_next_ones_nothing(tmp_path: Path) -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_unix_server(say_nothing, tmp_path / "silent.sock")
    bell = Bell(f"unix://{tmp_path}/silent.sock", queue_name="q")
    start = time.monotonic()
    for _ in range(100):  # each of them would wait for half a second
        await bell.wake([("reconcile_link", ("1",), None)])
    assert time.monotonic() - start < 100 * RING_TIMEOUT_SECONDS / 5
    await bell.close()
    server.close()


def test_jobs_are_written_as_json() -> None:
    job = {"t": 1, "f": "name", "a": ("1",), "k": {"request_id": None}}
    assert deserialize(serialize(job)) == {"t": 1, "f": "name", "a": ["1"], "k": {"request_id": None}}
    with pytest.raises(ValueError, match="Expecting"):
        deserialize(b"cos\nsystem\n")
