"""What a failed call means for a link and its tracker: when to try again, and when a person must look."""

import random
from datetime import datetime, timedelta

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.columns import touch
from domain.sync.claim import note_error, release
from domain.trackers.contract import Failure, TrackerError
from domain.trackers.link import IssueLink, LinkState
from domain.trackers.table import Tracker, TrackerState

FIRST_DELAY_SECONDS = 2.0
LONGEST_DELAY_SECONDS = 600.0
CONFIRM_GONE = timedelta(minutes=1)
# With these codes another try would fail in the same way until a person has done something.
HOPELESS = frozenset({"invalid", "forbidden", "issues_disabled", "project_not_found", "moved"})


def backoff(attempts: int) -> timedelta:
    """The delay before the next try: 2 s doubling to 10 min, with ±20 % so that many links don't come back at once."""
    seconds = min(FIRST_DELAY_SECONDS * 2 ** min(attempts, 20), LONGEST_DELAY_SECONDS)
    return timedelta(seconds=seconds * random.uniform(0.8, 1.2))  # noqa: S311 - spreads load, guards nothing


async def note_failure(session: AsyncSession, link: IssueLink, error: TrackerError, *, tracker_id: object, at: datetime) -> None:
    """Puts a failed call's meaning on the link (one open error for each code, counted) and on the tracker; ends the lease."""
    note_error(link, error.code, error.text, at=at)
    due_at: datetime | None = at + backoff(link.attempts)
    if error.failure is Failure.LIMITED:
        due_at = error.retry_at or at + timedelta(minutes=1)
        await _block(session, tracker_id, due_at, error, at=at)
    elif error.failure is Failure.AUTH:
        await _mark_auth_failed(session, tracker_id, error, at=at)
    elif error.failure is Failure.GONE and link.state is LinkState.LINKED:
        due_at = _note_gone(link, at=at)
    elif error.failure is not Failure.AMBIGUOUS and error.code in HOPELESS and link.state is not LinkState.UNKNOWN:
        link.state, due_at = LinkState.NEEDS_ATTENTION, None
    release(link, due_at=due_at)


def _note_gone(link: IssueLink, *, at: datetime) -> datetime | None:
    """A missing issue is believed when it is still missing a minute later: then a person decides."""
    link.probes += 1
    if link.probes < 2:
        return at + CONFIRM_GONE
    link.state = LinkState.GONE
    return None


async def _block(session: AsyncSession, tracker_id: object, until: datetime, error: TrackerError, *, at: datetime) -> None:
    tracker = (await session.exec(select(Tracker).where(Tracker.id == tracker_id).with_for_update(key_share=True))).one()
    if tracker.blocked_until is None or tracker.blocked_until < until:
        tracker.blocked_until, tracker.state_reason = until, error.text[:2000]
        tracker.updated_at = at


async def _mark_auth_failed(session: AsyncSession, tracker_id: object, error: TrackerError, *, at: datetime) -> None:
    tracker = (await session.exec(select(Tracker).where(Tracker.id == tracker_id).with_for_update(key_share=True))).one()
    if tracker.state is TrackerState.OK:
        tracker.state, tracker.state_reason = TrackerState.AUTH_FAILED, error.text[:2000]
        touch(tracker, at)


def clear_error(link: IssueLink) -> None:
    """Forgets the last error: the link works again."""
    link.error_code = link.error_text = link.error_since = None
    link.error_count = link.attempts = link.probes = 0
