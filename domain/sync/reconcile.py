"""Reconcile: the one function that does all there is to do for a link. It may be called at any time, any number of times."""

from uuid import UUID

import structlog
from sqlmodel import col, or_, select

from domain.columns import now_utc
from domain.database import is_away, transaction
from domain.errors import FollowthroughError
from domain.sync.agree import agree
from domain.sync.claim import Claim, claim_link, note_error, own_link, release
from domain.sync.create import create_issue
from domain.sync.desk import Desk
from domain.sync.failure import backoff
from domain.sync.resolve import resolve_unknown
from domain.trackers.link import IssueLink, LinkState

# A link whose task is edited again and again is left to the next worker after this many rounds.
MOST_ROUNDS = 5

log = structlog.get_logger(__name__)

STEPS = {
    LinkState.PENDING: create_issue,
    LinkState.CREATING: create_issue,
    LinkState.UNKNOWN: resolve_unknown,
    LinkState.LINKED: agree,
}


async def reconcile(desk: Desk, link_id: UUID) -> None:
    """Creates, pushes, pulls or repairs until nothing is due; does nothing when another worker is at it."""
    for _ in range(MOST_ROUNDS):
        claim = await claim_link(desk, link_id, at=now_utc())
        if claim is None:
            return
        log.info("reconciling", link_id=str(link_id), state=claim.link.state, fence=claim.fence)
        try:
            await STEPS[claim.link.state](desk, claim)
        except Exception as error:  # noqa: BLE001 - whatever it is, the link shows it
            await _give_back(desk, claim, error)
            return


async def _give_back(desk: Desk, claim: Claim, error: Exception) -> None:
    """An error of our own: the link shows it, and waits for a person where a rule refused, or for another try.

    With the database away nothing can be shown: the error goes on, and the lease ends by itself.
    """
    if is_away(error):
        raise error
    refused = isinstance(error, FollowthroughError)
    if not refused:
        log.error("reconcile_failed", link_id=str(claim.link.id), error=type(error).__name__, exc_info=error)
    now = now_utc()
    async with transaction(desk.database) as session:
        link = await own_link(session, claim)
        if link is None:
            return
        text = error.detail if isinstance(error, FollowthroughError) else f"An unexpected {type(error).__name__}; the log has the trace."
        note_error(link, "refused" if refused else "internal", text, at=now)
        if refused:
            link.state = LinkState.NEEDS_ATTENTION
        release(link, due_at=None if refused else now + backoff(link.attempts))


async def due_links(desk: Desk, *, most: int) -> list[UUID]:
    """Gives links that are due and held by nobody, those waiting longest first."""
    now = now_utc()
    async with transaction(desk.database) as session:
        query = (
            select(IssueLink.id)
            .where(col(IssueLink.due_at) <= now, or_(col(IssueLink.lease_until).is_(None), col(IssueLink.lease_until) <= now))
            .order_by(col(IssueLink.due_at))
            .limit(most)
        )
        return list((await session.exec(query)).all())
