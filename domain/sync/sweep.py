"""Sweeps: now and then a project is asked what changed, so that no webhook has to arrive. Where nothing did, that costs nothing."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func
from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.columns import now_utc
from domain.database import transaction
from domain.metrics import SWEEPS
from domain.settings import Settings
from domain.sync.breaker import note_answer
from domain.sync.desk import Desk
from domain.sync.duplicates import heal_duplicates
from domain.sync.found import take_in
from domain.sync.pace import Paced
from domain.sync.visit import Visit, background_read, has_issues, next_sweep, own_project, visit
from domain.trackers.contract import SweepPage, TrackerError
from domain.trackers.link import IssueLink, LinkState
from domain.trackers.table import TrackerProject

# So many changes are listed again and again before the question changes, which costs one answer that is counted.
MANY = 10
# A page may end within an instant: where so few share its last one, they are listed again; where more do, the next page is asked for.
FEW = 5
# The first sweep starts from when we made the oldest link: the tracker's clock may be behind ours.
SKEW = timedelta(minutes=5)


@dataclass(slots=True)
class Walk:
    """A way through the list of what changed: the question as it stands, and what was seen.

    While pages are counted, a change moves an issue to the list's end and all behind it one place up, so that one is passed over
    between two pages. The issue that moved shows it: it is seen twice. Then all from `safe` on must be listed again.
    """

    since: datetime
    etag: str | None
    page: int = 1
    safe: datetime | None = None
    seen: dict[str, datetime] = field(default_factory=dict)
    moved: bool = False

    def note(self, answer: SweepPage) -> None:
        """Takes a page into account, and turns to the next question if there is more."""
        for issue in answer.issues:
            self.moved |= self.seen.setdefault(issue.remote_id, issue.version) != issue.version
            self.seen[issue.remote_id] = issue.version
        instants = Counter(issue.version for issue in answer.issues)
        newest = max(instants, default=self.since)
        if not answer.more:
            self._end(answer, newest)
        elif newest > self.since and instants[newest] <= FEW:
            self.since, self.page, self.etag = newest, 1, None
        else:
            self.safe, self.page, self.etag = self.safe or newest, self.page + 1, None

    def _end(self, answer: SweepPage, newest: datetime) -> None:
        if self.moved and self.safe is not None:
            self.since, self.etag = self.safe, None
        elif self.page > 1 or len(answer.issues) >= MANY:
            self.etag = answer.etag if self.page == 1 and newest == self.since else None
            self.since = newest
        else:
            self.etag = answer.etag


async def sweep(desk: Desk, project_id: UUID) -> None:
    """Finds what changed in a project since the last sweep, if it is time for one; may be called at any time, any number of times."""
    await visit(desk, project_id, _sweep, is_due=lambda project: project.due_at is not None and project.due_at <= now_utc())


async def due_projects(desk: Desk, *, most: int) -> list[UUID]:
    """Gives projects that are due and that nobody is at, those waiting longest first."""
    now = now_utc()
    free = or_(col(TrackerProject.lease_until).is_(None), col(TrackerProject.lease_until) <= now)
    async with transaction(desk.database) as session:
        query = select(TrackerProject.id).where(col(TrackerProject.due_at) <= now, free).order_by(col(TrackerProject.due_at)).limit(most)
        return list((await session.exec(query)).all())


def dead_hook(project: TrackerProject, *, at: datetime, settings: Settings) -> str | None:
    """Says that the webhook seems dead: for long, sweeps have found changes that none announced. None where it lives, or nobody knows."""
    since = project.unannounced_since
    if since is None or at - since < timedelta(seconds=settings.dead_hook_seconds):
        return None
    silent_since = project.webhook_at or since
    hours = max(1, round((at - silent_since) / timedelta(hours=1)))
    return f"No webhook for {hours} {'hour' if hours == 1 else 'hours'}, while sweeps found changes that none had announced."


async def _sweep(desk: Desk, visit: Visit) -> datetime:
    async with transaction(desk.database) as session:
        since = await _start(session, visit.project)
    if since is None:
        return await _keep(desk, visit, None)
    walk = Walk(since, visit.project.sweep_etag)
    try:
        changed = await _follow(desk, visit, walk)
    except (TrackerError, Paced):
        SWEEPS.labels(visit.tracker.kind, "failed").inc()
        await _keep_progress(desk, visit, walk)
        raise
    SWEEPS.labels(visit.tracker.kind, "ok" if changed else "not_modified").inc()
    return await _keep(desk, visit, walk)


async def _start(session: AsyncSession, project: TrackerProject) -> datetime | None:
    """Gives the instant from which to ask; None where nothing is in the project."""
    if not await has_issues(session, project):
        return None
    if project.sweep_cursor is not None:
        return project.sweep_cursor
    query = select(func.min(col(IssueLink.created_at))).where(
        IssueLink.tracker_project_id == project.id, col(IssueLink.state) != LinkState.DETACHED
    )
    oldest: datetime = (await session.exec(query)).one()
    return (oldest - SKEW).replace(microsecond=0)


async def _follow(desk: Desk, visit: Visit, walk: Walk) -> bool:
    """Reads the list to its end; False where it is still what it was."""
    while True:
        async with background_read(desk, visit, "sweep"):
            answer = await visit.adapter.changed(visit.place, since=walk.since, etag=walk.etag, page=walk.page)
        if answer is None:
            return False
        async with transaction(desk.database, desk.bell.ring) as session:
            project = await own_project(session, desk, visit)
            copies = await take_in(session, visit.tracker, project, answer.issues, at=now_utc())
        await heal_duplicates(desk, visit, copies)
        walk.note(answer)
        if not answer.more:
            return True


async def _keep_progress(desk: Desk, visit: Visit, walk: Walk) -> None:
    """Goes on from what was read, unless it is all to be listed again."""
    reached = walk.safe or walk.since
    async with transaction(desk.database) as session:
        project = await own_project(session, desk, visit)
        if project.sweep_cursor == visit.project.sweep_cursor and reached != project.sweep_cursor:
            project.sweep_cursor, project.sweep_etag = reached, None


async def _keep(desk: Desk, visit: Visit, walk: Walk | None) -> datetime:
    """Keeps where the next sweep starts, and gives when that is: at once where an issue may have been passed over."""
    now = now_utc()
    async with transaction(desk.database, desk.bell.ring) as session:
        project = await own_project(session, desk, visit)
        project.swept_at = now
        if walk is not None:
            project.sweep_cursor, project.sweep_etag = walk.since, walk.etag
            await note_answer(session, visit.tracker, at=now)
    return now if walk is not None and walk.moved and walk.safe is not None else next_sweep(desk, at=now)
