"""Claiming a link: one worker at a time, for a lease; a fence that grows keeps out whoever held it before."""

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.columns import touch
from domain.database import transaction
from domain.errors import FollowthroughError
from domain.sync.breaker import may_be_tried
from domain.sync.claim_untroubled import claim_untroubled
from domain.sync.desk import Desk
from domain.sync.journal import end_orphans
from domain.sync.table import InboxEntry, Operation
from domain.sync.untouched import Untouched
from domain.sync.waiting import waiting_entries
from domain.tasks.table import Task
from domain.trackers.contract import Adapter, Cost, Place
from domain.trackers.link import AT_REST, IssueLink, LinkState
from domain.trackers.table import Tracker, TrackerProject, TrackerState

PAUSE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Claim:
    """A claimed link as it was then, with what is needed to work on it; `fence` proves the claim, `entries` are waiting webhooks.

    `untouched` is there where its task was read too: what was read may be all that is needed.
    """

    link: IssueLink
    tracker: Tracker
    project: TrackerProject
    adapter: Adapter
    place: Place
    fence: int
    entries: list[InboxEntry] = field(default_factory=list)
    untouched: Untouched | None = None

    @property
    def known_as_behind(self) -> bool:
        """Whether the task was edited since the tracker got everything."""
        return self.link.desired_version > self.link.pushed_version


async def claim_link(desk: Desk, link_id: UUID, *, at: datetime) -> Claim | None:
    """Claims the link if it is due and nobody works on it; None otherwise."""
    lease, closed = timedelta(seconds=desk.settings.lease_seconds), desk.pacer.closed_trackers(Cost.CREATE)
    claimed = await claim_untroubled(desk.database, link_id, at=at, lease=lease, closed=closed)
    if claimed is None:
        return await _claim_if_possible(desk, link_id, at=at)
    entries = []
    if claimed.waiting:
        async with transaction(desk.database) as session:
            entries = await waiting_entries(session, claimed.link, claimed.tracker.id, claimed.project.remote_id)
    return await _opened(desk, claimed.link, claimed.tracker, claimed.project, entries=entries, untouched=claimed.untouched, at=at)


async def _claim_if_possible(desk: Desk, link_id: UUID, *, at: datetime) -> Claim | None:
    """Claims a link in any case in which it may be, and notes why where it may not."""
    async with transaction(desk.database, desk.bell.ring) as session:
        found = await _lock(session, link_id)
        if found is None:
            return None
        link, project, tracker = found
        if link.due_at is None or link.due_at > at or (link.lease_until and link.lease_until > at):
            return None
        if link.state in AT_REST:
            link.due_at = None
            return None
        if link.state is LinkState.PENDING and time.monotonic() < desk.pacer.closed_until(tracker.id, Cost.CREATE):
            # It stays due: whoever hands out the work knows how many may be made.
            return None
        if (later := await not_before(session, desk, tracker, at=at)) is not None:
            link.due_at = later
            return None
        if link.lease_until is not None:
            # Whoever ends in order ends the lease too: only one that ran out leaves calls behind of unknown outcome.
            await note_orphans(session, link, at=at)
        link.fence += 1
        link.lease_until = at + timedelta(seconds=desk.settings.lease_seconds)
        entries = []
        if link.state is LinkState.LINKED:
            entries = await waiting_entries(session, link, tracker.id, project.remote_id)
    return await _opened(desk, link, tracker, project, entries=entries, untouched=None, at=at)


async def _opened(
    desk: Desk,
    link: IssueLink,
    tracker: Tracker,
    project: TrackerProject,
    *,
    entries: list[InboxEntry],
    untouched: Untouched | None,
    at: datetime,
) -> Claim | None:
    try:
        adapter = await desk.adapter(tracker)
    except FollowthroughError as error:
        # A tracker that can't be opened (a lost key, an address that is not allowed) must not keep its links busy.
        await _postpone(desk, link, error, at=at)
        return None
    return Claim(link, tracker, project, adapter, place_of(link, project), link.fence, entries, untouched)


async def _lock(session: AsyncSession, link_id: UUID) -> tuple[IssueLink, TrackerProject, Tracker] | None:
    query = (
        select(IssueLink, TrackerProject, Tracker)
        .join(TrackerProject, col(TrackerProject.id) == col(IssueLink.tracker_project_id))
        .join(Tracker, col(Tracker.id) == col(TrackerProject.tracker_id))
        .where(IssueLink.id == link_id)
        .with_for_update(of=IssueLink, skip_locked=True, key_share=True)
    )
    return (await session.exec(query)).one_or_none()


def place_of(link: IssueLink, project: TrackerProject) -> Place:
    """Gives how the link's issue is written: its project with the native fields that it was last seen to have."""
    return Place(project.remote_id, link.label_prefix, project.details.get("native") or {})


async def _postpone(desk: Desk, claimed: IssueLink, error: FollowthroughError, *, at: datetime) -> None:
    async with transaction(desk.database) as session:
        query = select(IssueLink).where(IssueLink.id == claimed.id).with_for_update(key_share=True)
        link = (await session.exec(query)).one()
        if link.fence == claimed.fence:
            note_error(link, "not_opened", error.detail, at=at)
            release(link, due_at=at + PAUSE)


async def not_before(session: AsyncSession, desk: Desk, tracker: Tracker, *, at: datetime) -> datetime | None:
    """Tells until when the tracker must be left alone; None when it may be called."""
    if tracker.state in {TrackerState.PAUSED, TrackerState.AUTH_FAILED}:
        return at + PAUSE
    if tracker.blocked_until is not None and tracker.blocked_until > at:
        return tracker.blocked_until
    return await may_be_tried(session, tracker, at=at, trial=timedelta(seconds=desk.settings.lease_seconds))


async def note_orphans(session: AsyncSession, link: IssueLink, *, at: datetime) -> None:
    """Notes of calls that nobody waits for any more that their outcome is unknown; only whoever holds the link may say so.

    A create among them may have made the issue: until that is known, no other is sent.
    """
    orphans = await end_orphans(session, link, at=at)
    if any(attempt.operation is Operation.CREATE for attempt in orphans) and link.state is LinkState.CREATING:
        link.state, link.unknown_since, link.probes = LinkState.UNKNOWN, orphans[0].started_at, 0


async def own_task(session: AsyncSession, claim: Claim) -> tuple[Task, IssueLink] | None:
    """Locks the claimed link and its task, deleted or not; None when somebody else has claimed the link since.

    The task comes first, as in every edit of it: two links of one task would otherwise wait for each other for ever. Locks leave keys
    out (FOR NO KEY UPDATE), since a row that refers to the task must not wait for them.
    """
    task = (await session.exec(select(Task).where(Task.id == claim.link.task_id).with_for_update(key_share=True))).one()
    link = await own_link(session, claim)
    return None if link is None else (task, link)


async def own_link(session: AsyncSession, claim: Claim) -> IssueLink | None:
    """Locks the claimed link again in another transaction; None when somebody else has claimed it since."""
    link = (await session.exec(select(IssueLink).where(IssueLink.id == claim.link.id).with_for_update(key_share=True))).one()
    return link if link.fence == claim.fence else None


def note_error(link: IssueLink, code: str, text: str, *, at: datetime) -> None:
    """Shows an error on the link: one for each code, since when and how often."""
    if link.error_code != code:
        link.error_since, link.error_count = at, 0
    link.error_code, link.error_text = code, text[:2000]
    link.error_count += 1
    link.attempts += 1
    touch(link, at)


def release(link: IssueLink, *, due_at: datetime | None) -> None:
    """Ends the lease, and says when the link is due again."""
    link.lease_until = None
    link.due_at = due_at


async def give_back(desk: Desk, claim: Claim, *, due_at: datetime) -> None:
    """Ends the lease without having done anything, because it is not the time for it."""
    async with transaction(desk.database) as session:
        link = await own_link(session, claim)
        if link is not None:
            release(link, due_at=due_at)
