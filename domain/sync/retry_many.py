"""Links that one cause keeps from going on are tried again together, once the cause is gone."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.activity.record import Act
from domain.bell import forget
from domain.sync.send import retry_link
from domain.trackers.link import IssueLink, LinkState
from domain.trackers.table import TrackerProject

MOST_LINKS = 10_000
AT_ONCE = 200
# What a project that can be seen, has issues and may be written no longer is the cause of.
ACCESS_ERRORS = ("archived", "forbidden", "issues_disabled", "not_installed", "project_not_found", "suspended")


async def retry_links(
    session: AsyncSession,
    act: Act,
    *,
    error_codes: Iterable[str] | None = None,
    tracker_project_ids: Iterable[UUID] | None = None,
    tracker_id: UUID | None = None,
) -> int:
    """Makes at most 10,000 links due that need attention and fit all that is given; says how many.

    One that somebody works on is left out. Nobody is woken, not even for what the session noted before: the poll finds them.
    """
    chosen = _chosen(error_codes, tracker_project_ids, tracker_id)
    retried, last = 0, UUID(int=0)
    while retried < MOST_LINKS:
        query = select(IssueLink).where(*chosen, col(IssueLink.id) > last).order_by(col(IssueLink.id))
        query = query.limit(min(AT_ONCE, MOST_LINKS - retried)).with_for_update(skip_locked=True, key_share=True)
        links = (await session.exec(query)).all()
        for link in links:
            retry_link(session, act, link)
            last = link.id
        await session.flush()
        retried += len(links)
        if not links:
            break
    forget(session)
    return retried


def _chosen(
    error_codes: Iterable[str] | None, tracker_project_ids: Iterable[UUID] | None, tracker_id: UUID | None
) -> list[ColumnElement[bool]]:
    chosen = [col(IssueLink.state) == LinkState.NEEDS_ATTENTION]
    if error_codes is not None:
        chosen.append(col(IssueLink.error_code).in_(list(error_codes)))
    if tracker_project_ids is not None:
        chosen.append(col(IssueLink.tracker_project_id).in_(list(tracker_project_ids)))
    if tracker_id is not None:
        projects = select(TrackerProject.id).where(TrackerProject.tracker_id == tracker_id)
        chosen.append(col(IssueLink.tracker_project_id).in_(projects))
    return chosen
