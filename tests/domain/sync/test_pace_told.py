"""What a tracker says of being called too fast holds at once, for all that was decided on before and in every process."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.bell import Bell
from domain.columns import now_utc
from domain.database import Database, open_database
from domain.sync.pace import Paced, Pacer
from domain.trackers.contract import Budget, Cost, Failure, Pacing, TrackerError
from domain.trackers.table import Tracker
from sandbox.valkey import RunningValkey
from tests.domain.sync.paced import pacing_of, some_tracker

SLOW = Budget("slow", 1, 1, {Cost.WRITE: 1}, burst=1)


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


def _limit(*, seconds: float | None = 60) -> TrackerError:
    retry_at = None if seconds is None else now_utc() + timedelta(seconds=seconds)
    return TrackerError(Failure.LIMITED, "We are too fast.", code="rate_limited", retry_at=retry_at)


async def _meet(pacer: Pacer, tracker: Tracker, pacing: Pacing, error: TrackerError) -> None:
    with pytest.raises(TrackerError):
        async with pacer.turn(tracker, pacing, Cost.READ):
            raise error


async def _denied(pacer: Pacer, tracker: Tracker, pacing: Pacing, cost: Cost = Cost.READ) -> datetime:
    with pytest.raises(Paced, match="told_to_wait") as paced:
        async with pacer.turn(tracker, pacing, cost):
            pass
    return paced.value.retry_at


async def test_no_call_is_made_after_the_tracker_said_wait(redis: Any, database: Database) -> None:
    tracker, pacing, sent, denied = some_tracker(), pacing_of(in_flight=8), 0, 0
    pacers = [Pacer(redis, database), Pacer(redis, database)]

    async def call(pacer: Pacer) -> None:
        nonlocal sent, denied
        try:
            async with pacer.turn(tracker, pacing, Cost.WRITE, patience_seconds=20):
                sent += 1
                await asyncio.sleep(0.05)
                raise _limit()
        except TrackerError:
            return
        except Paced as paced:
            denied += paced.reason == "told_to_wait"

    await asyncio.gather(*(call(pacer) for pacer in pacers for _ in range(30)))
    # Those in flight when the first answer came; until Redis knows, the other process may fill the slots that come free.
    assert sent <= 16
    assert sent + denied == 60


async def test_limit_met_by_one_process_stops_the_other(redis: Any, database: Database) -> None:
    tracker, pacing, other = some_tracker(), pacing_of(SLOW), some_tracker()
    one, two = Pacer(redis, database), Pacer(redis, database)
    error = _limit(seconds=30)
    await _meet(one, tracker, pacing, error)
    assert error.retry_at is not None
    for pacer in (one, two, two):
        assert abs((await _denied(pacer, tracker, pacing) - error.retry_at).total_seconds()) < 0.1
        assert await pacer.room(tracker, pacing, Cost.READ) == 0
    async with two.turn(other, pacing, Cost.READ, patience_seconds=0):
        pass


async def test_limit_without_an_end_holds_for_a_minute(redis: Any, database: Database) -> None:
    tracker, pacing, pacer = some_tracker(), pacing_of(), Pacer(redis, database)
    await _meet(pacer, tracker, pacing, _limit(seconds=None))
    assert 59 < (await _denied(pacer, tracker, pacing) - now_utc()).total_seconds() <= 60


async def test_calls_that_wait_for_their_turn_are_denied_at_once(redis: Any, database: Database) -> None:
    tracker, pacing, pacer = some_tracker(), pacing_of(SLOW, in_flight=2), Pacer(redis, database)
    async with asyncio.timeout(2), pacer.turn(tracker, pacing, Cost.WRITE), pacer.turn(tracker, pacing, Cost.READ):

        async def call(cost: Cost) -> str:
            with pytest.raises(Paced) as paced:
                async with pacer.turn(tracker, pacing, cost, patience_seconds=30):
                    pass
            return paced.value.reason

        waiting = [asyncio.create_task(call(cost)) for cost in [Cost.WRITE, Cost.READ] * 5]
        await asyncio.sleep(0.2)
        for seconds in (60, 70):
            await pacer.block(tracker.id, now_utc() + timedelta(seconds=seconds))
        assert set(await asyncio.gather(*waiting)) == {"told_to_wait"}


async def test_all_goes_on_after_the_wait(redis: Any, database: Database) -> None:
    tracker, pacing = some_tracker(), pacing_of(in_flight=2)
    pacers = [Pacer(redis, database), Pacer(redis, database)]
    await _meet(pacers[0], tracker, pacing, _limit(seconds=0.5))
    for pacer in pacers:
        await _denied(pacer, tracker, pacing)
    await asyncio.sleep(0.5)
    for pacer in pacers * 3:
        async with pacer.turn(tracker, pacing, Cost.READ, patience_seconds=0.1):
            assert await pacer.room(tracker, pacing, Cost.READ) > 0


async def test_shorter_wait_does_not_end_a_longer_one(redis: Any, database: Database) -> None:
    tracker, pacing, one, two = some_tracker(), pacing_of(), Pacer(redis, database), Pacer(redis, database)
    for seconds in (60, 1):
        await one.block(tracker.id, now_utc() + timedelta(seconds=seconds))
    for pacer in (one, two):
        assert (await _denied(pacer, tracker, pacing) - now_utc()).total_seconds() > 55


async def test_error_that_ends_inside_of_the_turn_is_told(redis: Any, database: Database) -> None:
    tracker, pacing, pacer = some_tracker(), pacing_of(), Pacer(redis, database)
    async with pacer.turn(tracker, pacing, Cost.WRITE) as turn:
        turn.limited(TrackerError(Failure.AMBIGUOUS, "No answer.", code="no_answer"))
    async with pacer.turn(tracker, pacing, Cost.WRITE) as turn:
        turn.limited(_limit())
    await _denied(pacer, tracker, pacing, Cost.CREATE)


async def test_tracker_that_was_written_since_is_taken_at_its_word(redis: Any, database: Database) -> None:
    """Its row tells until when it is left alone; after other credentials were given it doesn't, since they have a limit of their own."""
    tracker, pacing, one, two = some_tracker(), pacing_of(), Pacer(redis, database), Pacer(redis, database)
    await one.block(tracker.id, now_utc() + timedelta(seconds=60))
    await _denied(two, tracker, pacing)
    tracker.updated_at = now_utc()
    for pacer in (one, two):
        async with pacer.turn(tracker, pacing, Cost.READ, patience_seconds=0):
            assert await pacer.room(tracker, pacing, Cost.READ) > 0


async def test_limit_holds_in_its_own_process_while_redis_is_away(own_valkey: RunningValkey, database: Database) -> None:
    bell = Bell(own_valkey.url, queue_name="pace-tests")
    tracker, pacing, pacer = some_tracker(), pacing_of(), Pacer(bell.redis, database)
    own_valkey.stop()
    await _meet(pacer, tracker, pacing, _limit())
    await _denied(pacer, tracker, pacing)
    assert await pacer.room(tracker, pacing, Cost.READ) == 0
    await bell.close()
