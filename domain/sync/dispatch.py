"""Hands out what is due: those waiting longest first, backfills last, and no more new issues than the tracker's pace allows."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_
from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.columns import now_utc
from domain.database import transaction
from domain.errors import FollowthroughError
from domain.sync.desk import Desk
from domain.trackers.contract import Cost
from domain.trackers.link import IssueLink, LinkState
from domain.trackers.table import Tracker, TrackerProject, TrackerState


async def due_links(desk: Desk, *, most: int) -> list[UUID]:
    """Gives links that are due and held by nobody, at trackers that may be called; at most so many for each purpose."""
    now = now_utc()
    async with transaction(desk.database) as session:
        found = await _due(session, col(IssueLink.state).not_in((LinkState.PENDING, LinkState.UNKNOWN)), most=most, at=now)
        found += await _one_unknown_each(session, most=most, at=now)
        trackers = (await session.exec(select(Tracker).where(_may_be_called(now)))).all()
    for tracker in trackers:
        found += await _new_issues(desk, tracker, most=most, at=now)
    return found


async def _one_unknown_each(session: AsyncSession, *, most: int, at: datetime) -> list[UUID]:
    """Gives one unknown link of each project: whoever looks for its issue looks for those of all others in the same call."""
    unknown = await _due(session, col(IssueLink.state) == LinkState.UNKNOWN, most=most, at=at)
    query = select(IssueLink.id, IssueLink.tracker_project_id, IssueLink.label_prefix).where(col(IssueLink.id).in_(unknown))
    rows = (await session.exec(query)).all() if unknown else []
    return list({(project_id, label_prefix): link_id for link_id, project_id, label_prefix in rows}.values())


async def _new_issues(desk: Desk, tracker: Tracker, *, most: int, at: datetime) -> list[UUID]:
    async with transaction(desk.database) as session:
        waiting = await _due(session, _pending(tracker), most=1, at=at)
    if not waiting:
        return []
    try:
        adapter = await desk.adapter(tracker)
    except FollowthroughError:
        return waiting  # whoever claims it says why the tracker can't be opened
    room = await desk.pacer.room(tracker, adapter.capabilities.pacing, Cost.CREATE)
    if room <= 0:
        return []
    async with transaction(desk.database) as session:
        return await _due(session, _pending(tracker), most=min(most, room), at=at)


def _pending(tracker: Tracker) -> ColumnElement[bool]:
    projects = select(TrackerProject.id).where(TrackerProject.tracker_id == tracker.id)
    return and_(col(IssueLink.state) == LinkState.PENDING, col(IssueLink.tracker_project_id).in_(projects))


async def _due(session: AsyncSession, which: ColumnElement[bool], *, most: int, at: datetime) -> list[UUID]:
    callable_projects = select(TrackerProject.id).join(Tracker, col(Tracker.id) == col(TrackerProject.tracker_id)).where(_may_be_called(at))
    query = (
        select(IssueLink.id)
        .where(
            which,
            col(IssueLink.due_at) <= at,
            or_(col(IssueLink.lease_until).is_(None), col(IssueLink.lease_until) <= at),
            col(IssueLink.tracker_project_id).in_(callable_projects),
        )
        .order_by(col(IssueLink.background), col(IssueLink.due_at))
        .limit(most)
    )
    return list((await session.exec(query)).all())


def _may_be_called(at: datetime) -> ColumnElement[bool]:
    open_again = or_(col(Tracker.blocked_until).is_(None), col(Tracker.blocked_until) <= at)
    return and_(col(Tracker.state).in_((TrackerState.OK, TrackerState.DEGRADED)), open_again)
