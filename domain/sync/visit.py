"""Visiting a project to sweep or audit it or to look at its webhook: one worker at a time, for a lease that grows with the work."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.columns import now_utc
from domain.database import is_away, transaction
from domain.errors import FollowthroughError
from domain.metrics import SYNC_CALLS
from domain.sync.claim import PAUSE, not_before
from domain.sync.desk import Desk
from domain.sync.failure import backoff, note_tracker_failure
from domain.sync.pace import Paced
from domain.sync.table import Operation, Outcome, SyncAttempt
from domain.trackers.contract import Adapter, Cost, Place, TrackerError
from domain.trackers.link import IssueLink, LinkState
from domain.trackers.table import Tracker, TrackerProject

# A project has no count of its failures: it is tried again after about a minute, or with the next sweep where that is sooner.
FAILED_ATTEMPTS = 5

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Visit:
    """A project as it was when it was claimed, with what is needed to work on it; `lease_until` proves the claim."""

    project: TrackerProject
    tracker: Tracker
    adapter: Adapter
    place: Place
    lease_until: datetime


class VisitOver(Exception):  # noqa: N818 - nothing went wrong: somebody else is at it
    """The lease ran out, and somebody else is at the project."""


# Does the work, and gives when the project is due next; None leaves that as it is.
Work = Callable[[Desk, Visit], Awaitable[datetime | None]]


async def visit(desk: Desk, project_id: UUID, work: Work, *, is_due: Callable[[TrackerProject], bool]) -> None:
    """Does work on a project if it is due, nobody is at it and its tracker may be called; a failed call postpones the next visit."""
    claimed = await _claim(desk, project_id, is_due=is_due, at=now_utc())
    if claimed is None:
        return
    try:
        due_at = await work(desk, claimed)
    except VisitOver:
        return
    except Paced as paced:
        due_at = paced.retry_at
    except TrackerError as error:
        due_at = await _note_failure(desk, claimed, error, at=now_utc())
    except Exception as error:
        # An error of our own: it would come again at once. With the database away nothing can be noted, and the lease ends by itself.
        if not is_away(error):
            await _release(desk, claimed, due_at=next_sweep(desk, at=now_utc()))
        raise
    await _release(desk, claimed, due_at=due_at)


async def _claim(desk: Desk, project_id: UUID, *, is_due: Callable[[TrackerProject], bool], at: datetime) -> Visit | None:
    until = at + timedelta(seconds=desk.settings.lease_seconds)
    async with transaction(desk.database) as session:
        query = select(TrackerProject).where(TrackerProject.id == project_id).with_for_update(skip_locked=True, key_share=True)
        project = (await session.exec(query)).one_or_none()
        if project is None or not is_due(project) or (project.lease_until and project.lease_until > at):
            return None
        tracker = (await session.exec(select(Tracker).where(Tracker.id == project.tracker_id))).one()
        if (later := await not_before(session, desk, tracker, at=at)) is not None:
            project.due_at = later
            return None
        if project.lease_until is not None:
            await _end_orphans(session, project, at=at)
        project.lease_until = until
    place = Place(project.remote_id, "", project.details.get("native") or {})
    try:
        adapter = await desk.adapter(tracker)
    except FollowthroughError:
        log.warning("project_not_opened", project_id=str(project_id), tracker_id=str(tracker.id))
        await _give_back(desk, project_id, lease_until=until, due_at=at + PAUSE)
        return None
    return Visit(project, tracker, adapter, place, until)


async def _end_orphans(session: AsyncSession, project: TrackerProject, *, at: datetime) -> None:
    """Notes of duplicates that were being closed by a process that died that nobody can tell the outcome: the next sweep shows it."""
    links = select(IssueLink.id).where(IssueLink.tracker_project_id == project.id)
    await session.exec(
        update(SyncAttempt)
        .where(
            col(SyncAttempt.operation) == Operation.CLOSE_DUPLICATE,
            col(SyncAttempt.outcome).is_(None),
            col(SyncAttempt.link_id).in_(links),
        )
        .values(outcome=Outcome.AMBIGUOUS, finished_at=at, error_text="The process that made this call ended before it noted the outcome.")
    )


async def own_project(session: AsyncSession, desk: Desk, visit: Visit) -> TrackerProject:
    """Locks the visited project again in another transaction, and makes the lease longer; raises VisitOver where it is lost."""
    project = await _lock(session, visit.project.id)
    if project.lease_until != visit.lease_until:
        raise VisitOver
    visit.lease_until = project.lease_until = now_utc() + timedelta(seconds=desk.settings.lease_seconds)
    return project


@asynccontextmanager
async def background_read(desk: Desk, visit: Visit, operation: str) -> AsyncIterator[None]:
    """Waits for the turn of a call that nobody waits for, and counts it under the operation; raises Paced where that takes long."""
    async with desk.pacer.turn(visit.tracker, visit.adapter.capabilities.pacing, Cost.READ, background=True):
        SYNC_CALLS.labels(visit.tracker.kind, operation).inc()
        yield


async def has_issues(session: AsyncSession, project: TrackerProject) -> bool:
    """Tells whether a task is, or may be, in the project: one without costs no call."""
    query = select(IssueLink.id).where(
        IssueLink.tracker_project_id == project.id, col(IssueLink.state).not_in((LinkState.DETACHED, LinkState.GONE))
    )
    return (await session.exec(query.limit(1))).first() is not None


def next_sweep(desk: Desk, *, at: datetime) -> datetime:
    """Gives when to sweep next, spread by ±10 % so that many projects don't come back at once."""
    return at + timedelta(seconds=desk.settings.sweep_seconds * random.uniform(0.9, 1.1))  # noqa: S311 - spreads load, guards nothing


async def _note_failure(desk: Desk, visit: Visit, error: TrackerError, *, at: datetime) -> datetime:
    log.warning("project_call_failed", project_id=str(visit.project.id), tracker_id=str(visit.tracker.id), code=error.code)
    async with transaction(desk.database) as session:
        pacing = visit.adapter.capabilities.pacing
        later = await note_tracker_failure(session, visit.tracker, error, pacing=pacing, at=at)
    return later or min(at + backoff(FAILED_ATTEMPTS), next_sweep(desk, at=at))


async def _release(desk: Desk, visit: Visit, *, due_at: datetime | None) -> None:
    await _give_back(desk, visit.project.id, lease_until=visit.lease_until, due_at=due_at)


async def _give_back(desk: Desk, project_id: UUID, *, lease_until: datetime, due_at: datetime | None) -> None:
    async with transaction(desk.database) as session:
        project = await _lock(session, project_id)
        if project.lease_until == lease_until:
            project.lease_until = None
            project.due_at = due_at or project.due_at


async def _lock(session: AsyncSession, project_id: UUID) -> TrackerProject:
    return (await session.exec(select(TrackerProject).where(TrackerProject.id == project_id).with_for_update(key_share=True))).one()
