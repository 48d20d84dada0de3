"""A create whose outcome nobody knows: the issue is looked for by its marker, and another is made only when its absence is proven."""

from datetime import timedelta

from domain.columns import now_utc, touch
from domain.database import transaction
from domain.sync.claim import Claim, own_link, release
from domain.sync.desk import Desk
from domain.sync.failure import clear_error, note_failure
from domain.sync.remote import keep_remote
from domain.trackers.contract import RemoteIssue, TrackerError
from domain.trackers.link import LinkState

PROBES = 3


async def resolve_unknown(desk: Desk, claim: Claim) -> None:
    """Looks for the issue: found, it is linked; absent in three probes over three probe intervals, the link is pending again."""
    since = claim.link.unknown_since or claim.link.created_at
    try:
        found = await claim.adapter.find(claim.place, [claim.link.marker], since=since)
    except TrackerError as error:
        await _note_failure(desk, claim, error)
    else:
        await _note_probe(desk, claim, found.get(claim.link.marker))


async def _note_probe(desk: Desk, claim: Claim, issue: RemoteIssue | None) -> None:
    now = now_utc()
    async with transaction(desk.database, desk.bell.ring) as session:
        link = await own_link(session, claim)
        if link is None:
            return
        touch(link, now)
        if issue is not None:
            # The base stays what was sent: what people changed in the issue since is then seen as their change.
            link.state, link.unknown_since = LinkState.LINKED, None
            keep_remote(link, issue)
            clear_error(link)
            release(link, due_at=now)
            return
        link.probes += 1
        interval = timedelta(seconds=desk.settings.probe_seconds)
        if link.probes > PROBES and now - (link.unknown_since or now) >= PROBES * interval:
            link.state, link.unknown_since, link.probes = LinkState.PENDING, None, 0
            release(link, due_at=now)
        else:
            release(link, due_at=now + interval)


async def _note_failure(desk: Desk, claim: Claim, error: TrackerError) -> None:
    async with transaction(desk.database, desk.bell.ring) as session:
        link = await own_link(session, claim)
        if link is not None:
            await note_failure(session, link, error, tracker_id=claim.tracker.id, at=now_utc())
