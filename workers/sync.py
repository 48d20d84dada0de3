"""The jobs of the sync: one link when the bell rings for it, and all that is due every few seconds, in case it was not heard."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import structlog

from domain.bell import RECONCILE_LINK
from domain.database import is_away
from domain.sync.dispatch import due_links
from domain.sync.reconcile import reconcile
from workers.context import desk_of

MOST_AT_ONCE = 200

log = structlog.get_logger(__name__)


async def reconcile_link(context: dict[Any, Any], link_id: str, *, request_id: str | None = None) -> None:
    """Brings one link up to date; may run twice."""
    with structlog.contextvars.bound_contextvars(request_id=request_id, job=RECONCILE_LINK), left_due():
        await reconcile(desk_of(context), UUID(link_id))


async def ring_for_due_links(context: dict[Any, Any]) -> None:
    """Rings for every link that is due: a ring that Redis lost, a retry whose time has come, a lease whose holder died."""
    desk = desk_of(context)
    with left_due():
        links = await due_links(desk, most=MOST_AT_ONCE)
        await desk.bell.wake([(RECONCILE_LINK, (str(link_id),), None) for link_id in links], once_in_seconds=desk.settings.lease_seconds)


@contextmanager
def left_due() -> Iterator[None]:
    """A job that fails needs no other care than a line: its row stays due in the database, and is found by the next poll."""
    try:
        yield
    except Exception as error:
        if is_away(error):
            log.warning("database_away", error=type(error).__name__)
        else:
            log.exception("job_failed", error=type(error).__name__)
