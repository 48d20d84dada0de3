"""The audit: once a day all issues of a project are looked up, a hundred with a call, so that deletions, transfers and drift show."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.columns import now_utc
from domain.database import transaction
from domain.sync.desk import Desk
from domain.sync.inbox import wake
from domain.sync.visit import Visit, background_read, own_project, visit
from domain.trackers.contract import Surveyed
from domain.trackers.link import IssueLink, LinkState
from domain.trackers.table import TrackerProject

AT_ONCE = 100


async def audit(desk: Desk, project_id: UUID) -> None:
    """Looks all issues of a project up if it is time for it; one that was cut short goes on where it was."""
    await visit(desk, project_id, _audit, is_due=lambda project: _is_due(project, interval=desk.settings.audit_seconds, at=now_utc()))


def _is_due(project: TrackerProject, *, interval: float, at: datetime) -> bool:
    return project.last_audit_at is None or at - project.last_audit_at >= timedelta(seconds=interval)


async def _audit(desk: Desk, visit: Visit) -> None:
    after = visit.project.audit_after
    while True:
        async with transaction(desk.database) as session:
            links = await _next(session, visit.project, after=after)
        if not links:
            break
        async with background_read(desk, visit, "audit"):
            surveyed = await visit.adapter.survey([str(link.remote_global_id) for link in links])
        after = links[-1].id
        await _compare(desk, visit, links, surveyed)
    async with transaction(desk.database) as session:
        project = await own_project(session, desk, visit)
        project.audit_after, project.last_audit_at = None, now_utc()


async def _next(session: AsyncSession, project: TrackerProject, *, after: UUID | None) -> list[IssueLink]:
    query = select(IssueLink).where(
        IssueLink.tracker_project_id == project.id,
        col(IssueLink.remote_global_id).is_not(None),
        col(IssueLink.state).not_in((LinkState.DETACHED, LinkState.GONE)),
    )
    if after is not None:
        query = query.where(col(IssueLink.id) > after)
    return list((await session.exec(query.order_by(col(IssueLink.id)).limit(AT_ONCE))).all())


async def _compare(desk: Desk, visit: Visit, links: list[IssueLink], surveyed: dict[str, Surveyed]) -> None:
    """Has the links looked at whose issue isn't where or what they know, and notes how far the audit is."""
    off = {link.id: link for link in links if _is_off(link, visit.project, surveyed.get(str(link.remote_global_id)))}
    now = now_utc()
    async with transaction(desk.database, desk.bell.ring) as session:
        project = await own_project(session, desk, visit)
        project.audit_after = links[-1].id
        query = select(IssueLink).where(col(IssueLink.id).in_(off)).order_by(col(IssueLink.id)).with_for_update(key_share=True)
        for link in (await session.exec(query)).all() if off else []:
            # Whoever wrote to the issue or read it meanwhile knows better.
            if link.remote_version == off[link.id].remote_version:
                wake(session, link, at=now)


def _is_off(link: IssueLink, project: TrackerProject, found: Surveyed | None) -> bool:
    return (
        found is None
        or (found.project_remote_id, found.remote_id) != (project.remote_id, link.remote_id)
        or found.version != link.remote_version
    )
