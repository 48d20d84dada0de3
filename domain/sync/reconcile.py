"""Reconcile: the one function that does all there is to do for a link. It may be called at any time, any number of times."""

from uuid import UUID

import structlog
from sqlmodel import col, or_, select

from domain.columns import now_utc, touch
from domain.database import transaction
from domain.errors import FollowthroughError
from domain.sync.agree import agree
from domain.sync.claim import Claim, claim_link, own_link, release
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
        claim = await _claim(desk, link_id)
        if claim is None:
            return
        log.info("reconciling", link_id=str(link_id), state=claim.link.state, fence=claim.fence)
        try:
            await STEPS[claim.link.state](desk, claim)
        except FollowthroughError as error:
            await _give_back(desk, claim, error)
            return


async def _claim(desk: Desk, link_id: UUID) -> Claim | None:
    try:
        return await claim_link(desk, link_id, at=now_utc())
    except FollowthroughError as error:
        # A tracker that can't be opened (a lost key, an address that is not allowed) must not keep its links busy.
        log.warning("tracker_not_opened", link_id=str(link_id), error=error.detail)
        await _postpone(desk, link_id, error)
        return None


async def _postpone(desk: Desk, link_id: UUID, error: FollowthroughError) -> None:
    now = now_utc()
    async with transaction(desk.database) as session:
        link = (await session.exec(select(IssueLink).where(IssueLink.id == link_id).with_for_update())).one()
        link.attempts += 1
        link.error_code, link.error_text, link.error_count = "not_opened", error.detail[:2000], link.error_count + 1
        link.error_since = link.error_since or now
        touch(link, now)
        release(link, due_at=now + backoff(link.attempts))


async def _give_back(desk: Desk, claim: Claim, error: FollowthroughError) -> None:
    """An error of our own rules: the link shows it, and a person decides."""
    now = now_utc()
    async with transaction(desk.database) as session:
        link = await own_link(session, claim)
        if link is None:
            return
        link.state = LinkState.NEEDS_ATTENTION
        link.error_code, link.error_text, link.error_since = "refused", error.detail[:2000], link.error_since or now
        link.error_count += 1
        touch(link, now)
        release(link, due_at=None)


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
