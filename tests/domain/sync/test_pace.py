"""The limiter on a real Valkey: budgets, slots, order and refunds."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client import REGISTRY

from domain.bell import Bell
from domain.columns import now_utc
from domain.database import Database, open_database
from domain.sync.pace import Paced, Pacer
from domain.trackers.contract import Budget, Cost
from tests.domain.sync.paced import POINTS, WRITES, call_for, most_within, pacing_of, some_tracker


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = await open_database(database_url, pool_size=4)
    yield database
    await database.close()


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Any]:
    bell = Bell(redis_url, queue_name="pace-tests")
    yield bell.redis
    await bell.close()


@pytest.fixture
def pacer(redis: Any, database: Database) -> Pacer:
    return Pacer(redis, database)


async def _hold(pacer: Pacer, turn: Any, over: asyncio.Event) -> None:
    async with turn:
        await over.wait()


async def test_no_window_holds_more_than_the_budget(redis: Any, database: Database) -> None:
    tracker, pacing = some_tracker(), pacing_of(Budget("points", 50, 1, {Cost.READ: 1}, burst=5))
    pacers = [Pacer(redis, database, factor=4), Pacer(redis, database, factor=4)]
    runs = [call_for(pacer, tracker, pacing, Cost.READ, seconds=3) for pacer in pacers for _ in range(6)]
    passed = [at for run in await asyncio.gather(*runs) for at in run]
    for seconds in (0.1, 0.5, 1):
        # The instant is that of the answer's arrival: a few milliseconds of that are noise.
        assert most_within(passed, seconds) <= 4 * (5 + 50 * (seconds + 0.02))
    assert len(passed) >= 0.95 * 4 * 50 * 3


async def test_creations_keep_to_the_adaptive_ceiling(redis: Any, database: Database) -> None:
    tracker = some_tracker(limited_at=now_utc(), limited_creations=150)
    pacing = pacing_of(most=450, burst=0.1)
    pacers = [Pacer(redis, database, factor=200), Pacer(redis, database, factor=200)]
    runs = [call_for(pacer, tracker, pacing, Cost.CREATE, seconds=2) for pacer in pacers for _ in range(4)]
    passed = [at for run in await asyncio.gather(*runs) for at in run]
    a_second = 150 / 3600 * 200
    assert 20 + 2 * a_second - 3 <= len(passed) <= 20 + 2 * a_second + 1


async def test_call_takes_from_all_its_budgets_or_none(pacer: Pacer) -> None:
    tracker, pacing = some_tracker(), pacing_of(POINTS, Budget("slow", 1, 10, {Cost.WRITE: 1}, burst=1))
    async with pacer.turn(tracker, pacing, Cost.WRITE):
        pass
    before = await pacer.room(tracker, pacing, Cost.READ)
    with pytest.raises(Paced) as paced:
        async with pacer.turn(tracker, pacing, Cost.WRITE, patience_seconds=0):
            pass
    assert paced.value.reason == "slow"
    assert 8 < (paced.value.retry_at - now_utc()).total_seconds() < 11
    assert await pacer.room(tracker, pacing, Cost.READ) >= before


async def test_call_waits_for_as_long_as_its_budget_is_short(pacer: Pacer) -> None:
    tracker, pacing = some_tracker(), pacing_of(WRITES)
    waits = []
    for _ in range(5):
        async with pacer.turn(tracker, pacing, Cost.WRITE) as turn:
            waits.append(turn.waited_seconds)
    assert max(waits[:2]) < 0.05
    assert all(0.05 < wait < 0.2 for wait in waits[2:])


async def test_denied_creation_closes_the_door_for_the_others(pacer: Pacer) -> None:
    tracker, pacing = some_tracker(), pacing_of(most=360, burst=1)
    assert pacer.closed_until(tracker.id, Cost.CREATE) == 0.0
    async with pacer.turn(tracker, pacing, Cost.CREATE):
        pass
    denied = REGISTRY.get_sample_value("followthrough_limiter_denied_total", {"budget": "creation_ceiling"}) or 0
    for _ in range(100):
        with pytest.raises(Paced, match="creation_ceiling"):
            async with pacer.turn(tracker, pacing, Cost.CREATE):
                pass
    assert 8 < pacer.closed_until(tracker.id, Cost.CREATE) - time.monotonic() < 10.1
    assert await pacer.room(tracker, pacing, Cost.CREATE) == 0
    assert pacer.closed_until(tracker.id, Cost.READ) == 0.0
    assert REGISTRY.get_sample_value("followthrough_limiter_denied_total", {"budget": "creation_ceiling"}) == denied + 100


async def test_no_more_calls_are_in_flight_than_there_are_slots(redis: Any, database: Database) -> None:
    tracker, pacing = some_tracker(), pacing_of(in_flight=3)
    pacers, now, most = [Pacer(redis, database), Pacer(redis, database)], 0, 0

    async def call(pacer: Pacer) -> None:
        nonlocal now, most
        async with pacer.turn(tracker, pacing, Cost.READ, patience_seconds=20):
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.01)
            now -= 1

    await asyncio.gather(*(call(pacer) for pacer in pacers for _ in range(30)))
    assert most == 3


async def test_slot_comes_back_after_an_error_and_a_cancellation(redis: Any, pacer: Pacer) -> None:
    tracker, pacing, over = some_tracker(), pacing_of(in_flight=1), asyncio.Event()
    with pytest.raises(ZeroDivisionError):
        async with pacer.turn(tracker, pacing, Cost.READ):
            raise ZeroDivisionError
    held = asyncio.create_task(_hold(pacer, pacer.turn(tracker, pacing, Cost.READ), over))
    waiting = asyncio.create_task(_hold(pacer, pacer.turn(tracker, pacing, Cost.READ), over))
    await asyncio.sleep(0.05)
    for task in (waiting, held):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with pacer.turn(tracker, pacing, Cost.READ, patience_seconds=0) as turn:
        assert turn.waited_seconds < 0.05


async def test_slots_of_a_dead_process_come_back(redis: Any, pacer: Pacer) -> None:
    tracker, pacing = some_tracker(), pacing_of(in_flight=2)
    slots = f"pace:{{{tracker.id}}}:slots"
    now = (await redis.time())[0]
    await redis.zadd(slots, {"dead:1": now + 60, "dead:2": now + 1})
    with pytest.raises(Paced, match="in_flight"):
        async with pacer.turn(tracker, pacing, Cost.READ, patience_seconds=0):
            pass
    async with pacer.turn(tracker, pacing, Cost.READ, patience_seconds=3):
        assert await redis.zcard(slots) == 2


async def test_reads_pass_while_creations_wait(pacer: Pacer) -> None:
    tracker, pacing = some_tracker(), pacing_of(in_flight=2, most=3600, burst=1)
    creations = [asyncio.create_task(call_for(pacer, tracker, pacing, Cost.CREATE, seconds=1)) for _ in range(10)]
    await asyncio.sleep(0.1)
    async with pacer.turn(tracker, pacing, Cost.READ) as turn:
        assert turn.waited_seconds < 0.05
    assert len([at for run in await asyncio.gather(*creations) for at in run]) <= 3


async def test_background_leaves_half_of_the_tokens_to_those_who_wait(pacer: Pacer) -> None:
    tracker, pacing = some_tracker(), pacing_of(Budget("points", 1, 10, {Cost.READ: 1}, burst=20))
    assert await pacer.room(tracker, pacing, Cost.READ) == 10
    async with pacer.turn(tracker, pacing, Cost.READ, background=True, patience_seconds=0):
        pass
    assert await pacer.room(tracker, pacing, Cost.READ, background=True) == 0
    with pytest.raises(Paced, match="points"):
        async with pacer.turn(tracker, pacing, Cost.READ, background=True, patience_seconds=0):
            pass
    async with pacer.turn(tracker, pacing, Cost.READ, patience_seconds=0) as turn:
        assert turn.waited_seconds < 0.05


async def test_background_takes_half_of_the_slots_at_most(redis: Any, database: Database, pacer: Pacer) -> None:
    tracker, pacing, over = some_tracker(), pacing_of(in_flight=4), asyncio.Event()
    held = [asyncio.create_task(_hold(pacer, pacer.turn(tracker, pacing, Cost.READ, background=True), over)) for _ in range(2)]
    await asyncio.sleep(0.05)
    for other in (pacer, Pacer(redis, database)):
        with pytest.raises(Paced, match="in_flight"):
            async with other.turn(tracker, pacing, Cost.READ, background=True, patience_seconds=0.1):
                pass
        async with other.turn(tracker, pacing, Cost.READ, patience_seconds=0):
            pass
    over.set()
    await asyncio.gather(*held)


async def test_under_full_load_what_a_person_waits_for_goes_first(redis: Any, database: Database) -> None:
    tracker, pacing = some_tracker(), pacing_of(Budget("points", 100, 1, {Cost.READ: 1}, burst=20))
    pacers = [Pacer(redis, database), Pacer(redis, database)]
    sweeps = [call_for(pacer, tracker, pacing, Cost.READ, seconds=2, background=True) for pacer in pacers for _ in range(5)]
    people = [call_for(pacer, tracker, pacing, Cost.READ, seconds=2) for pacer in pacers for _ in range(5)]
    results = await asyncio.gather(*sweeps, *people)
    swept, served = sum(map(len, results[:10])), sum(map(len, results[10:]))
    assert served >= 180
    assert swept <= 15


async def test_refund_gives_the_tokens_back(pacer: Pacer) -> None:
    tracker, pacing = some_tracker(), pacing_of(most=36, burst=2)
    for _ in range(5):
        async with pacer.turn(tracker, pacing, Cost.CREATE, patience_seconds=0) as turn:
            turn.refund()
    assert await pacer.room(tracker, pacing, Cost.CREATE) == 2


async def test_room_counts_what_could_be_called_now(pacer: Pacer) -> None:
    tracker, pacing = some_tracker(), pacing_of(Budget("points", 1, 100, {Cost.READ: 1, Cost.WRITE: 5}, burst=60))
    assert await pacer.room(tracker, pacing, Cost.WRITE) == 6
    async with pacer.turn(tracker, pacing, Cost.WRITE):
        pass
    assert await pacer.room(tracker, pacing, Cost.WRITE) == 5
    assert await pacer.room(tracker, pacing, Cost.READ) == 25
    assert await pacer.room(tracker, pacing_of(in_flight=7), Cost.READ) == 7


async def test_budget_smaller_than_a_call_lets_it_pass_all_the_same(redis: Any, database: Database) -> None:
    tracker, pacing = some_tracker(), pacing_of(WRITES)
    async with Pacer(redis, database, factor=0.1).turn(tracker, pacing, Cost.WRITE):
        pass
