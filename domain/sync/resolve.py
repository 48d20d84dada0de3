"""A create whose outcome nobody knows: the issue is looked for by its marker, and another is made only when its absence is proven."""

from datetime import datetime, timedelta

from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.bell import RECONCILE_LINK, after_commit
from domain.columns import now_utc, touch
from domain.database import transaction
from domain.metrics import SYNC_HEALED
from domain.sync.breaker import note_answer
from domain.sync.claim import Claim, own_link, release
from domain.sync.desk import Desk
from domain.sync.failure import clear_error, note_failed_call
from domain.sync.remote import FOUND, issue_as_json, keep_remote
from domain.sync.table import InboxEntry
from domain.trackers.contract import Cost, RemoteIssue, TrackerError
from domain.trackers.link import IssueLink, LinkState

PROBES = 3
MOST_AT_ONCE = 200


async def resolve_unknown(desk: Desk, claim: Claim) -> datetime | None:
    """Looks for the issue, and in the same call for those of the project's other unknown links.

    Found, a link is linked; absent in three probes over three probe intervals, it is pending again. Gives when the link is due again.
    """
    others = await _others(desk, claim)
    markers = [claim.link.marker, *(link.marker for link in others)]
    since = min(link.unknown_since or link.created_at for link in [claim.link, *others])
    try:
        async with desk.pacer.turn(claim.tracker, claim.adapter.capabilities.pacing, Cost.READ, background=True):
            found = await claim.adapter.find(claim.place, markers, since=since)
    except TrackerError as error:
        return await note_failed_call(desk, claim, error)
    for link in others:
        await _note_other(desk, claim, link, found.get(link.marker))
    return await _note_probe(desk, claim, found.get(claim.link.marker))


async def _others(desk: Desk, claim: Claim) -> list[IssueLink]:
    now = now_utc()
    async with transaction(desk.database) as session:
        query = select(IssueLink).where(
            IssueLink.tracker_project_id == claim.link.tracker_project_id,
            IssueLink.state == LinkState.UNKNOWN,
            IssueLink.label_prefix == claim.link.label_prefix,
            IssueLink.id != claim.link.id,
            or_(col(IssueLink.lease_until).is_(None), col(IssueLink.lease_until) <= now),
            col(IssueLink.due_at) <= now + timedelta(seconds=desk.settings.probe_seconds / 2),
        )
        return list((await session.exec(query.limit(MOST_AT_ONCE))).all())


async def _note_probe(desk: Desk, claim: Claim, issue: RemoteIssue | None) -> datetime | None:
    now = now_utc()
    async with transaction(desk.database, desk.bell.ring) as session:
        link = await own_link(session, claim)
        if link is not None:
            _conclude(session, desk, claim, link, issue=issue, at=now)
        await note_answer(session, claim.tracker, at=now)
        return link.due_at if link is not None else None


async def _note_other(desk: Desk, claim: Claim, seen: IssueLink, issue: RemoteIssue | None) -> None:
    """Concludes for a link that nobody has claimed, unless somebody has in the meantime."""
    now = now_utc()
    async with transaction(desk.database, desk.bell.ring) as session:
        query = select(IssueLink).where(IssueLink.id == seen.id).with_for_update(skip_locked=True, key_share=True)
        link = (await session.exec(query)).one_or_none()
        if link is None or link.fence != seen.fence or link.state is not LinkState.UNKNOWN:
            return
        link.fence += 1
        _conclude(session, desk, claim, link, issue=issue, at=now)


def _conclude(session: AsyncSession, desk: Desk, claim: Claim, link: IssueLink, *, issue: RemoteIssue | None, at: datetime) -> None:
    touch(link, at)
    if issue is not None:
        # The base stays what was sent: what people changed in the issue since is then seen as their change.
        link.state, link.unknown_since = LinkState.LINKED, None
        keep_remote(link, issue)
        clear_error(link)
        session.add(found_entry(claim, link, issue, at=at))
        link.remote_version, link.pushed_version = None, link.desired_version
        release(link, due_at=at)
        after_commit(session, RECONCILE_LINK, link.id)
        SYNC_HEALED.labels(claim.tracker.kind, "marker").inc()
        return
    link.probes += 1
    interval = timedelta(seconds=desk.settings.probe_seconds)
    if link.probes >= PROBES and at - (link.unknown_since or at) >= PROBES * interval:
        link.state, link.unknown_since, link.probes = LinkState.PENDING, None, 0
        release(link, due_at=at)
        after_commit(session, RECONCILE_LINK, link.id)
    else:
        release(link, due_at=at + interval)


def found_entry(claim: Claim, link: IssueLink, issue: RemoteIssue, *, at: datetime) -> InboxEntry:
    """Puts the issue that was found into the inbox: it is merged from there, without another call."""
    return InboxEntry(
        tracker_id=claim.tracker.id,
        delivery_id=f"{FOUND}:{link.id}:{issue.version.isoformat()}:{link.fence}",
        event=FOUND,
        project_remote_id=claim.project.remote_id,
        remote_id=issue.remote_id,
        remote_version=issue.version,
        payload=issue_as_json(issue),
        received_at=at,
    )
