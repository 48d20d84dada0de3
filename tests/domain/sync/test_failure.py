"""What failed calls mean: when to try again, and when a person must look."""

from datetime import datetime, timedelta

import pytest
from sqlmodel import select

from domain.columns import now_utc
from domain.database import transaction
from domain.sync.dispatch import due_links
from domain.sync.failure import LONGEST_DELAY_SECONDS, backoff, note_failure
from domain.sync.reconcile import reconcile
from domain.trackers.contract import Failure, TrackerError
from domain.trackers.link import IssueLink, LinkState
from domain.trackers.table import Tracker, TrackerState
from tests.domain.sync.conftest import Scene


async def fail(scene: Scene, error: TrackerError, *, at: datetime) -> None:
    claim = await scene.claim()
    async with transaction(scene.desk.database) as session:
        link = (await session.exec(select(IssueLink).where(IssueLink.id == scene.link.id).with_for_update())).one()
        await note_failure(session, claim, link, error, at=at)


async def tracker_of(scene: Scene) -> Tracker:
    async with transaction(scene.desk.database) as session:
        return (await session.exec(select(Tracker))).one()


async def test_one_error_for_one_code_counted(scene: Scene) -> None:
    now = now_utc()
    for seconds in range(3):
        await fail(scene, TrackerError(Failure.DEFINITE, "away", code="unreachable"), at=now + timedelta(seconds=seconds))
    link = await scene.read()
    assert (link.error_code, link.error_count, link.error_since) == ("unreachable", 3, now)
    await fail(scene, TrackerError(Failure.DEFINITE, "closed", code="unavailable"), at=now + timedelta(minutes=1))
    link = await scene.read()
    assert (link.error_code, link.error_count, link.error_since) == ("unavailable", 1, now + timedelta(minutes=1))


async def test_hopeless_failure_waits_for_a_person(scene: Scene) -> None:
    await fail(scene, TrackerError(Failure.DEFINITE, "no", code="forbidden", http_status=403), at=now_utc())
    link = await scene.read()
    assert (link.state, link.due_at) == (LinkState.NEEDS_ATTENTION, None)
    assert await due_links(scene.desk, most=10) == []


async def test_limit_blocks_the_tracker_until_it_ends(scene: Scene) -> None:
    until = now_utc() + timedelta(minutes=7)
    await fail(scene, TrackerError(Failure.LIMITED, "slow down", code="rate_limited", retry_at=until), at=now_utc())
    assert (await tracker_of(scene)).blocked_until == until
    assert (await scene.read()).due_at == until


async def test_bad_credentials_stop_the_tracker_not_the_tasks(scene: Scene) -> None:
    await fail(scene, TrackerError(Failure.AUTH, "Bad credentials", code="bad_credentials", http_status=401), at=now_utc())
    assert (await tracker_of(scene)).state is TrackerState.AUTH_FAILED
    link = await scene.read()
    assert link.state is LinkState.PENDING
    assert link.due_at is not None


async def test_missing_issue_is_believed_the_second_time(scene: Scene) -> None:
    await scene.write(state=LinkState.LINKED, remote_id="1")
    now = now_utc()
    error = TrackerError(Failure.GONE, "gone", code="gone", http_status=404)
    await fail(scene, error, at=now)
    link = await scene.read()
    assert (link.state, link.due_at) == (LinkState.LINKED, now + timedelta(minutes=1))
    await fail(scene, error, at=now + timedelta(minutes=1))
    link = await scene.read()
    assert (link.state, link.due_at) == (LinkState.GONE, None)


async def test_unreachable_tracker_is_tried_again_later(scene: Scene) -> None:
    before = now_utc()
    await reconcile(scene.desk, scene.link.id)
    link = await scene.read()
    assert (link.state, link.error_code, link.lease_until) == (LinkState.PENDING, "unreachable", None)
    assert link.due_at is not None
    assert link.due_at > before


@pytest.mark.parametrize("attempts", [1, 5, 20, 10_000])
def test_backoff_grows_to_its_bound(attempts: int) -> None:
    seconds = backoff(attempts).total_seconds()
    assert 0.8 * min(2 * 2**attempts if attempts < 30 else 600, 600) <= seconds <= 1.2 * LONGEST_DELAY_SECONDS


async def test_too_fast_halves_creations_and_waits_twice_as_long_when_told_again_soon(scene: Scene) -> None:
    now = now_utc()
    limited = TrackerError(Failure.LIMITED, "slow down", code="rate_limited", retry_at=now + timedelta(minutes=1))
    await fail(scene, limited, at=now)
    tracker = await tracker_of(scene)
    assert (tracker.limited_creations, tracker.blocked_until) == (225, now + timedelta(minutes=1))
    await fail(scene, limited, at=now + timedelta(seconds=1))
    assert (await tracker_of(scene)).limited_creations == 225, "calls that left together tell one thing"
    scene.tracker = await tracker_of(scene)
    again = now + timedelta(minutes=2)
    await fail(scene, TrackerError(Failure.LIMITED, "slow down", code="rate_limited", retry_at=again + timedelta(minutes=1)), at=again)
    tracker = await tracker_of(scene)
    assert tracker.blocked_until == again + timedelta(minutes=2)
    assert tracker.limited_creations == 150


async def test_used_up_quota_waits_for_its_end_and_slows_nothing_down(scene: Scene) -> None:
    until = now_utc() + timedelta(minutes=40)
    await fail(scene, TrackerError(Failure.LIMITED, "used up", code="rate_limited", retry_at=until, hourly=True), at=now_utc())
    tracker = await tracker_of(scene)
    assert (tracker.blocked_until, tracker.limited_creations) == (until, None)
