"""The webhooks of a link's issue that nobody has looked at yet."""

from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.sync.table import InboxEntry
from domain.trackers.link import IssueLink


async def waiting_entries(session: AsyncSession, link: IssueLink, tracker_id: UUID, project_remote_id: str) -> list[InboxEntry]:
    """Reads them in the order in which they came in."""
    query = select(InboxEntry).where(
        InboxEntry.tracker_id == tracker_id,
        InboxEntry.project_remote_id == project_remote_id,
        InboxEntry.remote_id == link.remote_id,
        col(InboxEntry.processed_at).is_(None),
    )
    return list((await session.exec(query.order_by(col(InboxEntry.id)))).all())
