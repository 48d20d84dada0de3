"""Claims: one worker at a time, and whoever lost its lease can't write any more."""

import asyncio
from datetime import timedelta

from sqlmodel import select

from domain.columns import now_utc
from domain.database import transaction
from domain.sync.claim import claim_link, own_link
from domain.sync.journal import begin_attempt
from domain.sync.table import Operation, Outcome, SyncAttempt
from domain.trackers.link import LinkState
from domain.trackers.table import Tracker, TrackerState
from tests.domain.sync.conftest import Scene


async def test_of_many_workers_one_gets_the_link(scene: Scene) -> None:
    claims = await asyncio.gather(*(claim_link(scene.desk, scene.link.id, at=now_utc()) for _ in range(10)))
    assert [claim.fence for claim in claims if claim] == [1]


async def test_link_that_is_not_due_is_left_alone(scene: Scene) -> None:
    await scene.write(due_at=now_utc() + timedelta(hours=1))
    assert await claim_link(scene.desk, scene.link.id, at=now_utc()) is None


async def test_lease_that_ran_out_lets_the_next_worker_in_and_keeps_the_last_one_out(scene: Scene) -> None:
    late = await claim_link(scene.desk, scene.link.id, at=now_utc())
    assert late is not None
    later = now_utc() + timedelta(seconds=scene.desk.settings.lease_seconds + 1)
    current = await claim_link(scene.desk, scene.link.id, at=later)
    assert current is not None
    async with transaction(scene.desk.database) as session:
        assert await own_link(session, late) is None
        assert await own_link(session, current) is not None


async def test_create_whose_process_died_is_unknown_not_pending(scene: Scene) -> None:
    claim = await claim_link(scene.desk, scene.link.id, at=now_utc())
    assert claim is not None
    async with transaction(scene.desk.database) as session:
        link = await own_link(session, claim)
        assert link is not None
        link.state = LinkState.CREATING
        begin_attempt(session, link, Operation.CREATE, tracker_id=scene.tracker.id, fields=["title"], at=now_utc())
    later = now_utc() + timedelta(seconds=scene.desk.settings.lease_seconds + 1)
    again = await claim_link(scene.desk, scene.link.id, at=later)
    assert again is not None
    assert again.link.state is LinkState.UNKNOWN
    async with transaction(scene.desk.database) as session:
        assert (await session.exec(select(SyncAttempt.outcome))).all() == [Outcome.AMBIGUOUS]


async def test_paused_tracker_is_left_alone_and_its_links_come_back(scene: Scene) -> None:
    async with transaction(scene.desk.database) as session:
        tracker = (await session.exec(select(Tracker))).one()
        tracker.state = TrackerState.PAUSED
    now = now_utc()
    assert await claim_link(scene.desk, scene.link.id, at=now) is None
    due_at = (await scene.read()).due_at
    assert due_at is not None
    assert due_at > now


async def test_blocked_tracker_is_left_alone_until_its_limit_ends(scene: Scene) -> None:
    until = now_utc() + timedelta(minutes=3)
    async with transaction(scene.desk.database) as session:
        tracker = (await session.exec(select(Tracker))).one()
        tracker.blocked_until = until
    assert await claim_link(scene.desk, scene.link.id, at=now_utc()) is None
    assert (await scene.read()).due_at == until
