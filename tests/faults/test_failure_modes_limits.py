"""A tracker that says that it is called too fast: it is left alone until then, creations slow down, and all goes on by itself."""

from datetime import timedelta
from email.utils import format_datetime

import pytest

from domain.columns import now_utc
from domain.sync.dispatch import due_links
from domain.sync.pace_ceiling import creations_an_hour
from domain.sync.reconcile import reconcile
from domain.sync.table import Outcome
from domain.trackers.github_limit import PACING
from domain.trackers.link import LinkState
from domain.trackers.table import TrackerState
from tests.faults import meeting as stage
from tests.faults.meeting import Encounter

scene, github, pending, meeting = stage.scene, stage.github, stage.pending, stage.meeting


async def let_pass(meeting: Encounter) -> None:
    """Ends the pause, as if its time were over."""
    tracker = await meeting.tracker()
    assert tracker.blocked_until is not None
    assert tracker.limited_at is not None
    over = tracker.blocked_until - now_utc() + timedelta(seconds=1)
    await meeting.set_tracker(blocked_until=tracker.blocked_until - over, limited_at=tracker.limited_at - over)
    for link in await meeting.links():
        if link.due_at is not None:
            await meeting.scene.write(due_at=now_utc())


async def pause(meeting: Encounter) -> float:
    tracker = await meeting.tracker()
    assert tracker.blocked_until is not None
    return (tracker.blocked_until - now_utc()).total_seconds()


async def test_nothing_is_called_before_the_tracker_said_so(meeting: Encounter) -> None:
    others = [await meeting.another(f"Task {number}") for number in range(3)]
    await meeting.order_fault(operation="any", action=429, times=50, headers={"retry-after": "77"})
    await meeting.change(title="Later")
    await meeting.reconcile()
    assert 70 < await pause(meeting) < 78
    await meeting.forget_calls()
    for _ in range(3):
        await meeting.look()
        for other in others:
            await reconcile(meeting.scene.desk, other)
        await meeting.sweep()
        await meeting.audit()
    assert await due_links(meeting.scene.desk, most=10) == []
    assert await meeting.calls() == []


async def test_storm_of_refusals_is_one_sign_of_having_been_too_fast(pending: Encounter) -> None:
    for number in range(3):
        await pending.another(f"Task {number}")
    await pending.order_fault(operation="create_issue", action=403, times=50, headers={"retry-after": "60"})
    await pending.settle()
    tracker = await pending.tracker()
    assert (tracker.limited_creations, tracker.state) == (225, TrackerState.OK)
    assert {(row.outcome, row.http_status) for row in await pending.attempts()} == {(Outcome.FAILED, 403)}
    assert {link.state for link in await pending.links()} == {LinkState.PENDING}
    assert await pending.issues() == []


async def test_creations_halve_each_time_down_to_the_fewest_and_recover(pending: Encounter) -> None:
    await pending.order_fault(operation="create_issue", action=429, times=3, headers={"retry-after": "70"})
    left_at = []
    for _ in range(3):
        await pending.reconcile()
        left_at.append((await pending.tracker()).limited_creations or 0)
        await let_pass(pending)
    assert 225 <= left_at[0] < left_at[0] + 1
    assert left_at[0] > left_at[1] >= left_at[2] == 150
    await pending.settle()
    await pending.know()
    assert len(await pending.issues()) == 1
    tracker = await pending.tracker()
    assert tracker.limited_at is not None
    hour_ceiling = [creations_an_hour(tracker, PACING, at=tracker.limited_at + timedelta(hours=hours)) for hours in (0, 2, 4)]
    assert hour_ceiling == [150, 300, 450]


async def test_pause_doubles_where_the_tracker_complains_again_soon(meeting: Encounter) -> None:
    await meeting.order_fault(operation="update_issue", action=429, times=3, headers={"retry-after": "30"})
    await meeting.change(title="Later")
    pauses = []
    for _ in range(3):
        await meeting.look()
        pauses.append(round(await pause(meeting) / 10) * 10)
        await let_pass(meeting)
    assert pauses == [30, 60, 120]
    link = await meeting.look()
    assert (link.error_code, (await meeting.issue())["title"]) == (None, "Later")


async def test_limit_without_a_time_is_waited_for_a_minute(meeting: Encounter) -> None:
    await meeting.order_fault(operation="get_issue", action=429)
    await meeting.change(title="Later")
    link = await meeting.settle()
    assert 55 < await pause(meeting) <= 60
    assert (link.error_code, link.error_count, link.due_at) == ("rate_limited", 1, (await meeting.tracker()).blocked_until)


@pytest.mark.parametrize("skew", [-300.0, 300.0])
async def test_pause_ends_at_the_instant_that_the_tracker_means_by_its_own_clock(meeting: Encounter, skew: float) -> None:
    await meeting.tick(skew)
    until = format_datetime(now_utc() + timedelta(seconds=skew + 600), usegmt=True)
    await meeting.order_fault(operation="update_issue", action=403, headers={"retry-after": until})
    await meeting.change(title="Later")
    await meeting.reconcile()
    assert 590 < await pause(meeting) < 605


async def test_limit_while_sweeping_stops_edits_too(meeting: Encounter) -> None:
    await meeting.order_fault(operation="list_issues", action=429, headers={"retry-after": "90"})
    await meeting.sweep()
    assert 80 < await pause(meeting) < 91
    await meeting.change(title="Later")
    await meeting.forget_calls()
    link = await meeting.look()
    assert await meeting.calls() == []
    assert link.due_at == (await meeting.tracker()).blocked_until


async def test_limit_that_the_tracker_really_enforces_is_never_hit_twice(meeting: Encounter) -> None:
    await meeting.steer("/limits", {"enforced": True, "factor": 0.001}, method="PUT")
    try:
        await meeting.change(title="Later")
        for _ in range(10):
            await meeting.look()
            await meeting.sweep()
        limits = await meeting.steer("/limits", method="GET")
        assert sum(limits["logins"][meeting.github.login]["refused"].values()) == 1
    finally:
        await meeting.steer("/limits", {"enforced": False}, method="PUT")


async def test_create_that_is_limited_is_certain_not_to_have_happened(pending: Encounter) -> None:
    await pending.order_fault(operation="create_issue", action=429, headers={"retry-after": "61"})
    await pending.reconcile()
    link = await pending.scene.read()
    assert (link.state, link.unknown_since, link.error_code) == (LinkState.PENDING, None, "rate_limited")
    await let_pass(pending)
    await pending.settle()
    await pending.know()
    assert len(await pending.issues()) == 1


async def test_thousand_refusals_are_one_error_on_the_link(meeting: Encounter) -> None:
    await meeting.order_fault(operation="get_issue", action=429, times=4, headers={"retry-after": "1"})
    await meeting.change(title="Later")
    for _ in range(4):
        await meeting.look()
        await meeting.set_tracker(blocked_until=None)
    link = await meeting.scene.read()
    assert (link.error_code, link.error_count) == ("rate_limited", 4)
