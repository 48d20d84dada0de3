"""The limiter where Redis has forgotten something or is away."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from domain.bell import Bell
from domain.columns import now_utc
from domain.database import Database, open_database
from domain.sync.pace import Paced, Pacer
from domain.sync.pace_buckets import buckets_of
from domain.sync.pace_rows import read_level
from domain.trackers.contract import Budget, Cost, Pacing
from domain.trackers.table import Tracker
from sandbox.valkey import RunningValkey
from tests.domain.sync.paced import POINTS, WRITES, call_for, most_within, pacing_of, some_tracker, write_attempts


@pytest.fixture
async def ledger(database_url: str) -> AsyncIterator[Any]:
    """A connection to the database, which has no rows of the ledger afterwards."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.execute("DELETE FROM sync_attempts")
    await connection.close()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = await open_database(database_url, pool_size=4)
    yield database
    await database.close()


@pytest.fixture
async def bell(own_valkey: RunningValkey) -> AsyncIterator[Bell]:
    """The clients of a Valkey that the test may stop."""
    bell = Bell(own_valkey.url, queue_name="pace-tests")
    yield bell
    await bell.close()


async def _level(database: Database, tracker: Tracker, pacing: Pacing, cost: Cost = Cost.CREATE) -> float:
    return await read_level(database, tracker.id, buckets_of(tracker, pacing, cost, factor=1, at=now_utc())[-1])


async def test_forgotten_bucket_lacks_what_the_ledger_shows(ledger: Any, database: Database) -> None:
    tracker, other, pacing = some_tracker(), some_tracker(), pacing_of(most=360, burst=20)
    assert await _level(database, tracker, pacing) == 20
    await write_attempts(ledger, tracker, "create", ages=[5] * 10)
    await write_attempts(ledger, tracker, "comment", ages=[4] * 3)
    await write_attempts(ledger, tracker, "update", ages=[1] * 50)
    await write_attempts(ledger, other, "create", ages=[1] * 50)
    assert await _level(database, tracker, pacing) == pytest.approx(20 - 13 + 0.5, abs=0.1)


async def test_old_spending_that_has_come_back_does_not_hide_new_spending(ledger: Any, database: Database) -> None:
    tracker, pacing = some_tracker(), pacing_of(most=360, burst=20)
    await write_attempts(ledger, tracker, "create", ages=[1000] * 20)
    assert await _level(database, tracker, pacing) == 20
    await write_attempts(ledger, tracker, "create", ages=[1] * 20)
    assert await _level(database, tracker, pacing) == pytest.approx(0.1, abs=0.1)
    await write_attempts(ledger, tracker, "create", ages=[1] * 20)
    assert await _level(database, tracker, pacing) == 0


async def test_budget_that_counts_reads_is_taken_to_be_half_gone(ledger: Any, database: Database) -> None:
    tracker = some_tracker()
    assert await _level(database, tracker, pacing_of(POINTS), Cost.READ) == 5


async def test_flush_gives_no_second_burst(ledger: Any, database: Database, bell: Bell) -> None:
    tracker, pacing = some_tracker(), pacing_of(most=360, burst=20)
    for _ in range(20):
        async with Pacer(bell.redis, database).turn(tracker, pacing, Cost.CREATE, patience_seconds=0):
            await write_attempts(ledger, tracker, "create", ages=[0])
    await bell.redis.flushall()
    with pytest.raises(Paced, match="creation_ceiling"):
        async with Pacer(bell.redis, database).turn(tracker, pacing, Cost.CREATE, patience_seconds=0):
            pass


async def test_process_that_survives_a_flush_remembers_reads(ledger: Any, database: Database, bell: Bell) -> None:
    tracker, pacing = some_tracker(), pacing_of(Budget("points", 1, 10, {Cost.READ: 1}, burst=20))
    pacer = Pacer(bell.redis, database)
    for _ in range(10):
        async with pacer.turn(tracker, pacing, Cost.READ, patience_seconds=0):
            pass
    await bell.redis.flushall()
    assert await pacer.room(tracker, pacing, Cost.READ) == 0


async def test_flushes_amid_heavy_use_keep_to_the_budget(ledger: Any, database: Database, bell: Bell) -> None:
    tracker, pacing = some_tracker(), pacing_of(Budget("points", 100, 1, {Cost.READ: 1}, burst=20))
    runs = [asyncio.create_task(call_for(Pacer(bell.redis, database), tracker, pacing, Cost.READ, seconds=2)) for _ in range(4)]
    for _ in range(4):
        await asyncio.sleep(0.4)
        await bell.redis.flushall()
    passed = [at for run in await asyncio.gather(*runs) for at in run]
    assert most_within(passed, 1) <= 20 + 100 + 5
    assert len(passed) >= 150


async def test_without_redis_calls_pass_slower_and_never_unpaced(
    ledger: Any, database: Database, own_valkey: RunningValkey, bell: Bell
) -> None:
    tracker, pacing = some_tracker(), pacing_of(POINTS, WRITES)
    pacers = [Pacer(bell.redis, database), Pacer(bell.redis, database)]
    own_valkey.stop()
    reads = await asyncio.gather(*(call_for(pacers[0], tracker, pacing, Cost.READ, seconds=1.1) for _ in range(4)))
    assert 4 <= sum(map(len, reads)) <= 6
    writes = await asyncio.gather(*(call_for(pacers[0], tracker, pacing, Cost.WRITE, seconds=2.1) for _ in range(4)))
    assert 2 <= sum(map(len, writes)) <= 3


async def test_without_redis_workers_share_half_of_the_ceiling(
    ledger: Any, database: Database, own_valkey: RunningValkey, bell: Bell
) -> None:
    tracker, pacing = some_tracker(), pacing_of(most=720, burst=50)
    own_valkey.stop()
    pacer = Pacer(bell.redis, database)
    await write_attempts(ledger, tracker, "create", ages=[4])
    with pytest.raises(Paced, match="creation_ceiling") as paced:
        async with pacer.turn(tracker, pacing, Cost.CREATE):
            pass
    assert 4 < (paced.value.retry_at - now_utc()).total_seconds() < 6.1
    assert await pacer.room(tracker, pacing, Cost.CREATE) == 0
    assert await pacer.room(tracker, pacing, Cost.READ) == 1


async def test_without_redis_one_call_is_under_way_at_a_time(
    ledger: Any, database: Database, own_valkey: RunningValkey, bell: Bell
) -> None:
    tracker, pacing = some_tracker(), pacing_of(POINTS)
    own_valkey.stop()
    pacer = Pacer(bell.redis, database, factor=100)
    async with pacer.turn(tracker, pacing, Cost.READ):
        with pytest.raises(Paced, match="in_flight"):
            async with pacer.turn(tracker, pacing, Cost.READ, patience_seconds=0.2):
                pass
    async with pacer.turn(tracker, pacing, Cost.READ, patience_seconds=0.2) as turn:
        assert turn.waited_seconds < 0.1


async def test_silent_redis_costs_one_timeout_a_second(ledger: Any, database: Database) -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    bell = Bell(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0", queue_name="pace-tests")
    pacer, tracker, pacing = Pacer(bell.redis, database, factor=1000), some_tracker(), pacing_of(POINTS)
    began = time.monotonic()
    for _ in range(20):
        async with pacer.turn(tracker, pacing, Cost.READ):
            pass
    assert 0.5 < time.monotonic() - began < 0.9
    await bell.close()
    server.close()
    await server.wait_closed()


async def test_redis_that_comes_back_is_told_what_was_spent_meanwhile(
    ledger: Any, database: Database, own_valkey: RunningValkey, bell: Bell
) -> None:
    tracker, pacing = some_tracker(), pacing_of(most=3600, burst=4)
    redis: Any = bell.redis
    pacer = Pacer(redis, database)
    async with pacer.turn(tracker, pacing, Cost.CREATE):
        assert await pacer.room(tracker, pacing, Cost.CREATE) == 3
    # What Redis still knows when it is back is as old as its absence.
    kept = await redis.hgetall(f"pace:{{{tracker.id}}}")
    async with pacer.turn(tracker, pacing, Cost.READ):
        own_valkey.stop()
    await write_attempts(ledger, tracker, "create", ages=[0, 0, 0, 0])
    own_valkey.start()
    await asyncio.sleep(1.1)
    await redis.hset(f"pace:{{{tracker.id}}}", mapping=kept)
    assert await pacer.room(tracker, pacing, Cost.CREATE) <= 2


async def test_slot_that_redis_was_away_for_is_given_back_when_it_returns(
    ledger: Any, database: Database, own_valkey: RunningValkey, bell: Bell
) -> None:
    tracker, pacing = some_tracker(), pacing_of(in_flight=1)
    redis: Any = bell.redis
    pacer = Pacer(redis, database)
    slots = f"pace:{{{tracker.id}}}:slots"
    async with pacer.turn(tracker, pacing, Cost.READ):
        held = await redis.zrange(slots, 0, -1, withscores=True)
        own_valkey.stop()
    own_valkey.start()
    await redis.zadd(slots, dict(held))
    await asyncio.sleep(1.1)
    async with pacer.turn(tracker, pacing, Cost.READ, patience_seconds=0) as turn:
        assert turn.waited_seconds < 0.5
