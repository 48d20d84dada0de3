"""Reconcile: the one function that does all there is to do for a link. It may be called at any time, any number of times."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import UUID

import structlog

from domain.columns import now_utc
from domain.database import is_away, transaction
from domain.errors import FollowthroughError
from domain.sync.agree import agree
from domain.sync.claim import Claim, claim_link, give_back, note_error, note_orphans, own_link, release
from domain.sync.create import create_issue
from domain.sync.desk import Desk
from domain.sync.failure import backoff
from domain.sync.pace import Paced
from domain.sync.resolve import resolve_unknown
from domain.sync.waiting import close_entries
from domain.trackers.link import LinkState

# A link whose task is edited again and again is left to the next worker after this many rounds.
MOST_ROUNDS = 5

log = structlog.get_logger(__name__)

# Each gives when the link is due again, None where it isn't or somebody else has it.
STEPS: dict[LinkState, Callable[[Desk, Claim], Awaitable[datetime | None]]] = {
    LinkState.PENDING: create_issue,
    LinkState.CREATING: create_issue,
    LinkState.UNKNOWN: resolve_unknown,
    LinkState.LINKED: agree,
    LinkState.MOVED: agree,
}


async def reconcile(desk: Desk, link_id: UUID) -> None:
    """Creates, pushes, pulls or repairs until nothing is due; does nothing when another worker is at it."""
    for _ in range(MOST_ROUNDS):
        claim = await claim_link(desk, link_id, at=now_utc())
        if claim is None:
            return
        log.info("reconciling", link_id=str(link_id), state=claim.link.state, fence=claim.fence)
        try:
            due_at = await STEPS[claim.link.state](desk, claim)
        except Paced as paced:
            await _put_off(desk, claim, paced)
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the link shows it
            await _give_back(desk, claim, error)
            return
        if due_at is None or due_at > now_utc():
            return


async def _put_off(desk: Desk, claim: Claim, paced: Paced) -> None:
    """The tracker may not be called so soon. A link without an issue stays due: those are handed out as the pace allows."""
    pending = claim.link.state is LinkState.PENDING and claim.link.due_at is not None
    await give_back(desk, claim, due_at=claim.link.due_at if pending and claim.link.due_at else paced.retry_at)


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
        await note_orphans(session, link, at=now)
        if refused and link.state is not LinkState.UNKNOWN:
            link.state = LinkState.NEEDS_ATTENTION
            await close_entries(session, link, at=now)
        release(link, due_at=None if link.state is LinkState.NEEDS_ATTENTION else now + backoff(link.attempts))
