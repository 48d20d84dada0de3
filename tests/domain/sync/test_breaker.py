"""The breaker: five failures in a row open it, one call tries, an answer closes it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlmodel import select

from domain.columns import now_utc
from domain.database import transaction
from domain.sync.breaker import REASON, may_be_tried, note_answer, note_outage, pause_after
from domain.sync.failure import note_tracker_failure
from domain.trackers.contract import Failure, TrackerError
from domain.trackers.link import LinkState
from domain.trackers.table import Tracker, TrackerState
from tests.domain.sync.conftest import Scene

TRIAL = timedelta(seconds=30)


async def tracker_of(scene: Scene) -> Tracker:
    async with transaction(scene.desk.database) as session:
        return (await session.exec(select(Tracker))).one()


@pytest.mark.parametrize(("failures", "seconds"), [(1, None), (4, None), (5, 30), (6, 60), (9, 480), (10, 600), (5_000, 600)])
def test_pause_doubles_to_ten_minutes(failures: int, seconds: float | None) -> None:
    assert pause_after(failures) == (None if seconds is None else timedelta(seconds=seconds))


async def test_fifth_failure_in_a_row_opens_the_breaker_for_all(scene: Scene) -> None:
    now, closed = now_utc(), await tracker_of(scene)
    async with transaction(scene.desk.database) as session:
        for _ in range(4):
            assert await note_outage(session, closed, at=now) is None
        assert await note_outage(session, closed, at=now) == now + TRIAL
        assert await note_outage(session, closed, at=now) == now + TRIAL, "a call that left before says nothing new"
    tracker = await tracker_of(scene)
    assert (tracker.state, tracker.failures, tracker.blocked_until) == (TrackerState.DEGRADED, 5, now + TRIAL)


async def test_one_call_tries_and_its_failure_doubles_the_pause(scene: Scene) -> None:
    now = now_utc()
    async with transaction(scene.desk.database) as session:
        row = (await session.exec(select(Tracker))).one()
        row.failures, row.state, row.blocked_until = 5, TrackerState.DEGRADED, now - timedelta(seconds=1)
    opened = await tracker_of(scene)
    async with transaction(scene.desk.database) as session:
        assert await may_be_tried(session, opened, at=now, trial=TRIAL) is None
        assert await may_be_tried(session, opened, at=now, trial=TRIAL) == now + TRIAL, "only one"
    async with transaction(scene.desk.database) as session:
        assert await note_outage(session, opened, at=now) == now + timedelta(seconds=60)


async def test_an_answer_closes_it_and_wakes_what_waited(scene: Scene) -> None:
    now = now_utc()
    async with transaction(scene.desk.database) as session:
        row = (await session.exec(select(Tracker))).one()
        row.failures, row.state, row.blocked_until = 7, TrackerState.DEGRADED, now + timedelta(minutes=9)
        row.state_reason = REASON.format(7)
    await scene.write(due_at=now + timedelta(minutes=9), state=LinkState.PENDING)
    opened = await tracker_of(scene)
    async with transaction(scene.desk.database) as session:
        await note_answer(session, opened, at=now)
    tracker = await tracker_of(scene)
    assert (tracker.state, tracker.failures, tracker.blocked_until) == (TrackerState.OK, 0, None)
    assert (await scene.read()).due_at == now


async def test_an_answer_ends_no_pause_that_the_tracker_asked_for(scene: Scene) -> None:
    now = now_utc()
    async with transaction(scene.desk.database) as session:
        row = (await session.exec(select(Tracker))).one()
        row.failures, row.state, row.blocked_until = 5, TrackerState.DEGRADED, now + timedelta(minutes=30)
        row.state_reason = "GitHub limits our calls."
    opened = await tracker_of(scene)
    async with transaction(scene.desk.database) as session:
        await note_answer(session, opened, at=now)
    tracker = await tracker_of(scene)
    assert (tracker.failures, tracker.blocked_until) == (0, now + timedelta(minutes=30))


async def test_an_answer_that_refuses_is_an_answer(scene: Scene) -> None:
    await note(scene, "unavailable", 503)
    assert (await tracker_of(scene)).failures == 1
    await note(scene, "gone", 404)
    assert (await tracker_of(scene)).failures == 0


async def note(scene: Scene, code: str, status: int) -> None:
    claim = replace(await scene.claim(), tracker=await tracker_of(scene))
    async with transaction(scene.desk.database) as session:
        error = TrackerError(Failure.DEFINITE, "no", code=code, http_status=status)
        await note_tracker_failure(session, claim.tracker, error, pacing=claim.adapter.capabilities.pacing, at=now_utc())
