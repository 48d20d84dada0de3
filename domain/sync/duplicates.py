"""Two issues with one marker, both made by us: the lower number stays, the other is closed as its duplicate. People's copies stay."""

from dataclasses import replace

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.activity.record import record
from domain.columns import now_utc
from domain.database import transaction
from domain.metrics import SYNC_HEALED
from domain.sync.assign import narrow
from domain.sync.call import make_call
from domain.sync.desk import Desk, act_for
from domain.sync.found import Copy, in_order
from domain.sync.journal import begin_attempt, end_badly, end_well
from domain.sync.merge import canon_all
from domain.sync.remote import as_json, from_json, keep_remote, kept_remote
from domain.sync.steps import Step, reached
from domain.sync.table import Operation, SyncAttempt
from domain.sync.visit import Visit, background_read, own_project
from domain.trackers.contract import Cost, Field, Fields, Receipt, RemoteIssue, TrackerError
from domain.trackers.link import IssueLink, LinkState, mark_due

CLOSED = frozenset({"done", "cancelled", "duplicate"})


async def heal_duplicates(desk: Desk, visit: Visit, copies: list[Copy]) -> None:
    """Closes what a create made twice; asks who we are only where there is an open copy."""
    copies = [copy for copy in copies if copy.issue.fields.get(Field.STATUS) not in CLOSED]
    if not copies:
        return
    async with desk.pacer.turn(visit.tracker, visit.adapter.capabilities.pacing, Cost.READ, background=True):
        us = (await visit.adapter.identity()).lower()
    for copy in copies:
        if _is_by(us, copy.issue):
            await _heal(desk, visit, copy, us=us)


def _is_by(us: str, issue: RemoteIssue) -> bool:
    return issue.author is not None and issue.author.lower() == us


async def _heal(desk: Desk, visit: Visit, copy: Copy, *, us: str) -> None:
    issue = await _fetch(desk, visit, copy.link, copy.issue.remote_id, us=us)
    if issue is None:
        return
    linked = kept_remote(copy.link)
    ours = linked is None or linked.author is None or _is_by(us, linked)
    if ours and in_order(issue.remote_id) < in_order(str(copy.link.remote_id)):
        if not await _point_at(desk, visit, copy.link, issue):
            return
        issue = await _fetch(desk, visit, copy.link, str(copy.link.remote_id), us=us)
    if issue is not None:
        await _close(desk, visit, copy.link, issue)


async def _fetch(desk: Desk, visit: Visit, link: IssueLink, remote_id: str, *, us: str) -> RemoteIssue | None:
    """Reads an issue again; None where it isn't, or is no longer, an open one of ours for the link."""
    place = replace(visit.place, label_prefix=link.label_prefix)
    async with background_read(desk, visit, Operation.CLOSE_DUPLICATE):
        issue = await visit.adapter.fetch(place, remote_id)
    if issue is None or issue.marker != link.marker or not _is_by(us, issue):
        return None
    return None if issue.fields.get(Field.STATUS) in CLOSED else issue


async def _point_at(desk: Desk, visit: Visit, seen: IssueLink, issue: RemoteIssue) -> bool:
    """Has the link go on with the lower issue, which gets what the task says: what it shows is from before."""
    now = now_utc()
    async with transaction(desk.database, desk.bell.ring) as session:
        project = await own_project(session, desk, visit)
        link = await _lock(session, seen)
        if link.remote_id != seen.remote_id or link.state in {LinkState.DETACHED, LinkState.GONE}:
            return False
        # Should this end here, the next sweep has to find the other one.
        if project.sweep_cursor is not None and link.remote_version is not None:
            project.sweep_cursor, project.sweep_etag = min(project.sweep_cursor, link.remote_version), None
        fields = canon_all(issue.fields, title_limit=visit.adapter.capabilities.title_limit)
        base, local = from_json(link.base), from_json(link.local)
        link.base = as_json(base | narrow(fields, base=base.get(Field.ASSIGNEE), local=local.get(Field.ASSIGNEE)))
        keep_remote(link, issue)
        link.remote_etag = link.remote_version = None
        link.fence += 1
        mark_due(session, link, at=now)
    return True


async def _close(desk: Desk, visit: Visit, link: IssueLink, issue: RemoteIssue) -> None:
    place = replace(visit.place, label_prefix=link.label_prefix)
    async with desk.pacer.turn(visit.tracker, visit.adapter.capabilities.pacing, Cost.WRITE, background=True) as turn:
        await reached(Step.BEFORE_JOURNAL, Operation.CLOSE_DUPLICATE)
        attempt = await _write_down(desk, visit, link, issue)
        if attempt is None:
            turn.refund()
            return
        closing: Fields = {Field.STATUS: "duplicate"}
        sent = await make_call(turn, Operation.CLOSE_DUPLICATE, lambda: visit.adapter.update(place, issue, closing))
    if isinstance(sent, TrackerError):
        async with transaction(desk.database) as session:
            await end_badly(session, attempt, sent, kind=visit.tracker.kind, at=now_utc())
        raise sent
    await _note_closed(desk, visit, link, attempt=attempt, receipt=sent)


async def _write_down(desk: Desk, visit: Visit, seen: IssueLink, issue: RemoteIssue) -> SyncAttempt | None:
    async with transaction(desk.database) as session:
        await own_project(session, desk, visit)
        link = await _lock(session, seen)
        if link.remote_id == issue.remote_id:
            return None
        tracker_id = visit.tracker.id
        return begin_attempt(session, link, Operation.CLOSE_DUPLICATE, tracker_id=tracker_id, fields=[Field.STATUS], at=now_utc())


async def _note_closed(desk: Desk, visit: Visit, link: IssueLink, *, attempt: SyncAttempt, receipt: Receipt) -> None:
    async with transaction(desk.database) as session:
        await end_well(session, attempt, receipt, kind=visit.tracker.kind, at=now_utc())
        record(session, act_for(visit.tracker), "closed_duplicate", subject=link, changes={"duplicate": (receipt.issue.key, None)})
        await reached(Step.BEFORE_COMMIT, Operation.CLOSE_DUPLICATE)
    SYNC_HEALED.labels(visit.tracker.kind, "duplicate").inc()
    await reached(Step.AFTER_COMMIT, Operation.CLOSE_DUPLICATE)


async def _lock(session: AsyncSession, seen: IssueLink) -> IssueLink:
    return (await session.exec(select(IssueLink).where(IssueLink.id == seen.id).with_for_update(key_share=True))).one()
