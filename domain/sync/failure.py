"""What a failed call means for a link and its tracker: when to try again, and when a person must look."""

import random
from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.columns import now_utc, touch
from domain.database import transaction
from domain.sync.breaker import OUTAGES, note_answer, note_outage
from domain.sync.claim import Claim, note_error, own_link, release
from domain.sync.desk import Desk
from domain.sync.pace_ceiling import halved
from domain.sync.waiting import close_entries
from domain.trackers.contract import Failure, Pacing, TrackerError
from domain.trackers.link import AT_REST, IssueLink, LinkState
from domain.trackers.table import Tracker, TrackerState

FIRST_DELAY_SECONDS = 2.0
LONGEST_DELAY_SECONDS = 600.0
CONFIRM_GONE = timedelta(minutes=1)
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)
# A limit that comes back so soon after the last one: the pause was too short.
SOON = timedelta(minutes=10)
# With these codes another try would fail in the same way until a person has done something.
HOPELESS = frozenset(
    {"invalid", "forbidden", "issues_disabled", "project_not_found", "archived", "moved", "not_an_issue", "not_installed", "suspended"}
)


def backoff(attempts: int) -> timedelta:
    """The delay before the next try: 2 s doubling to 10 min, with ±20 % so that many links don't come back at once."""
    seconds = min(FIRST_DELAY_SECONDS * 2 ** min(attempts, 20), LONGEST_DELAY_SECONDS)
    return timedelta(seconds=seconds * random.uniform(0.8, 1.2))  # noqa: S311 - spreads load, guards nothing


async def note_failure(session: AsyncSession, claim: Claim, link: IssueLink, error: TrackerError, *, at: datetime) -> None:
    """Puts a failed call's meaning on the link (one open error for each code, counted) and on the tracker; ends the lease."""
    note_error(link, error.code, error.text, at=at)
    later = await note_tracker_failure(session, claim.tracker, error, pacing=claim.adapter.capabilities.pacing, at=at)
    due_at: datetime | None = max(later or at, at + backoff(link.attempts))
    if error.failure is Failure.LIMITED:
        due_at = later
    elif error.failure is Failure.GONE and link.state is LinkState.LINKED:
        due_at = _note_gone(link, at=at)
    elif error.failure is not Failure.AMBIGUOUS and error.code in HOPELESS and link.state is not LinkState.UNKNOWN:
        link.state, due_at = LinkState.NEEDS_ATTENTION, None
    if link.state in AT_REST:
        await close_entries(session, link, at=at)
    release(link, due_at=due_at)


async def note_failed_call(desk: Desk, claim: Claim, error: TrackerError) -> datetime | None:
    """Does the same in a transaction of its own, if the link is still the claim's; gives when the link is due again."""
    now = now_utc()
    async with transaction(desk.database, desk.bell.ring) as session:
        link = await own_link(session, claim)
        if link is None:
            return None
        await note_failure(session, claim, link, error, at=now)
        return link.due_at


async def note_tracker_failure(
    session: AsyncSession, tracker: Tracker, error: TrackerError, *, pacing: Pacing, at: datetime
) -> datetime | None:
    """Puts on the tracker what a failed call says of it as a whole; gives until when it is to be left alone, if it is.

    `tracker` is its row as it was when the call was decided on.
    """
    if error.failure is Failure.LIMITED:
        return await _block(session, tracker.id, error, pacing=pacing, at=at)
    if error.code in OUTAGES:
        return await note_outage(session, tracker, at=at)
    if error.http_status is not None:
        # Whatever it says, it answers.
        await note_answer(session, tracker, at=at)
    if error.failure is Failure.AUTH:
        await _mark_auth_failed(session, tracker.id, error, at=at)
    return None


def _note_gone(link: IssueLink, *, at: datetime) -> datetime | None:
    """A missing issue is believed when it is still missing a minute later: then a person decides."""
    link.probes += 1
    if link.probes < 2:
        return at + CONFIRM_GONE
    link.state = LinkState.GONE
    return None


async def _block(session: AsyncSession, tracker_id: UUID, error: TrackerError, *, pacing: Pacing, at: datetime) -> datetime:
    """Obeys the tracker's limit. Where it says that we were too fast, creations slow down; where it says so again soon, longer too."""
    tracker = await _lock(session, tracker_id)
    pause = (error.retry_at - at) if error.retry_at else FIRST_PAUSE
    if not error.hourly:
        pause = max(pause, _again(tracker, at=at))
        if tracker.limited_at is None or tracker.blocked_until is None or at >= tracker.blocked_until:
            tracker.limited_creations, tracker.limited_at = halved(tracker, pacing, at), at
    if tracker.blocked_until is None or tracker.blocked_until < at + pause:
        tracker.blocked_until, tracker.state_reason, tracker.updated_at = at + pause, error.text[:2000], at
    return tracker.blocked_until


def _again(tracker: Tracker, *, at: datetime) -> timedelta:
    """Gives twice the last pause where that one ended a short while ago, nothing otherwise."""
    if tracker.limited_at is None or tracker.blocked_until is None or not tracker.blocked_until <= at < tracker.blocked_until + SOON:
        return timedelta()
    return min(2 * (tracker.blocked_until - tracker.limited_at), LONGEST_PAUSE)


async def _mark_auth_failed(session: AsyncSession, tracker_id: UUID, error: TrackerError, *, at: datetime) -> None:
    tracker = await _lock(session, tracker_id)
    if tracker.state in {TrackerState.OK, TrackerState.DEGRADED}:
        tracker.state, tracker.state_reason = TrackerState.AUTH_FAILED, error.text[:2000]
        touch(tracker, at)


async def _lock(session: AsyncSession, tracker_id: UUID) -> Tracker:
    return (await session.exec(select(Tracker).where(Tracker.id == tracker_id).with_for_update(key_share=True))).one()


def clear_error(link: IssueLink) -> None:
    """Forgets the last error: the link works again."""
    link.error_code = link.error_text = link.error_since = None
    link.error_count = link.attempts = link.probes = 0
