"""Webhooks that were read are kept for a month, so that a person can see what came in."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import col, delete, select

from domain.columns import now_utc
from domain.database import transaction
from domain.sync.desk import Desk
from domain.sync.table import InboxEntry

KEPT = timedelta(days=30)
AT_ONCE = 1000


async def tidy(desk: Desk) -> None:
    """Deletes what was read and is older than a month, a thousand at a time, so that no webhook has to wait for it."""
    before = first_id(now_utc() - KEPT)
    old = select(InboxEntry.id).where(col(InboxEntry.id) < before, col(InboxEntry.processed_at).is_not(None))
    deleted = AT_ONCE
    while deleted == AT_ONCE:
        async with transaction(desk.database) as session:
            statement = delete(InboxEntry).where(col(InboxEntry.id).in_(old.order_by(col(InboxEntry.id)).limit(AT_ONCE)))
            deleted = (await session.exec(statement)).rowcount


def first_id(at: datetime) -> UUID:
    """Gives the lowest UUIDv7 of an instant: an id is lower if its row was made before (RFC 9562 section 5.7)."""
    milliseconds = int(at.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62)
