"""The breaker: a tracker that fails again and again is left alone for a while, then tried with one call."""

from datetime import datetime, timedelta

from sqlmodel import col, or_, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.trackers.link import wake_links
from domain.trackers.table import Tracker, TrackerState

FAILURES = 5
FIRST_PAUSE_SECONDS = 30.0
LONGEST_PAUSE_SECONDS = 600.0
# The tracker did not answer, or said that it can't: it may be the same for every link.
OUTAGES = frozenset({"unreachable", "no_answer", "unavailable", "bad_answer"})
REASON_BEGINS = "The tracker failed"
REASON = f"{REASON_BEGINS} {{}} times in a row; it is tried again by itself."


def pause_after(failures: int) -> timedelta | None:
    """Gives how long to leave a tracker alone that failed so often in a row: from the fifth on 30 s, doubling to 10 min."""
    if failures < FAILURES:
        return None
    return timedelta(seconds=min(FIRST_PAUSE_SECONDS * 2 ** min(failures - FAILURES, 10), LONGEST_PAUSE_SECONDS))


async def note_outage(session: AsyncSession, tracker: Tracker, *, at: datetime) -> datetime | None:
    """Counts a call that the tracker failed to answer; gives until when it is left alone, if it is.

    `tracker` is its row as it was when the call was decided on: calls that left before the breaker opened don't make its pause longer.
    """
    row = await _lock(session, tracker)
    if row.failures >= FAILURES > tracker.failures:
        return row.blocked_until
    row.failures += 1
    pause = pause_after(row.failures)
    if pause is None:
        return None
    row.blocked_until = at + pause
    if row.state is TrackerState.OK:
        row.state = TrackerState.DEGRADED
    row.state_reason, row.updated_at = REASON.format(row.failures), at
    return row.blocked_until


async def note_answer(session: AsyncSession, tracker: Tracker, *, at: datetime) -> None:
    """Closes the breaker: the tracker answers. Costs nothing while nothing has failed."""
    if not tracker.failures:
        return
    row = await _lock(session, tracker)
    was_open = row.failures >= FAILURES
    row.failures = 0
    if row.state is TrackerState.DEGRADED:
        row.state, row.updated_at = TrackerState.OK, at
        # A pause that the tracker asked for goes on.
        if row.state_reason.startswith(REASON_BEGINS):
            row.state_reason, row.blocked_until = "", None
    if was_open:
        await wake_links(session, row.id, at=at)


async def _lock(session: AsyncSession, tracker: Tracker) -> Tracker:
    return (await session.exec(select(Tracker).where(Tracker.id == tracker.id).with_for_update(key_share=True))).one()


async def may_be_tried(session: AsyncSession, tracker: Tracker, *, at: datetime, trial: timedelta) -> datetime | None:
    """Lets one call through where the breaker's pause is over; the others get the instant until which they wait for it."""
    if tracker.failures < FAILURES:
        return None
    until = at + trial
    statement = (
        update(Tracker)
        .where(col(Tracker.id) == tracker.id, or_(col(Tracker.blocked_until).is_(None), col(Tracker.blocked_until) <= at))
        .values(blocked_until=until)
    )
    taken = (await session.exec(statement)).rowcount
    return None if taken else until
