"""Task and issue are brought together: what each side changed since they last agreed is merged, pulled and pushed."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.columns import now_utc
from domain.database import transaction
from domain.metrics import SYNC_CONFLICTS
from domain.sync.claim import Claim, own_link, own_task, release
from domain.sync.desk import Desk, act_for
from domain.sync.dropped import note_dropped, without_dropped
from domain.sync.failure import note_failure
from domain.sync.inbox import waiting_entries
from domain.sync.journal import begin_attempt, end_badly, end_well, load_attempt
from domain.sync.local import local_fields, task_changes
from domain.sync.merge import Ages, Conflict, canon_all, merge
from domain.sync.remote import as_json, from_json, keep_remote, kept_remote
from domain.sync.settle import settle
from domain.sync.table import InboxEntry, Operation, SyncAttempt, SyncConflict
from domain.tasks.change import change_task
from domain.tasks.table import Task
from domain.trackers.connect import WEBHOOK_READERS
from domain.trackers.contract import Failure, Field, Fields, Receipt, RemoteIssue, TrackerError
from domain.trackers.link import IssueLink


@dataclass(frozen=True, slots=True)
class Push:
    """A change that the issue needs, written down already: what to send, into which state, for which version of the task."""

    attempt: SyncAttempt
    issue: RemoteIssue
    changes: Fields
    version: int


@dataclass(frozen=True, slots=True)
class Seen:
    """The issue as it was seen, and the webhooks that led there; `fresh` says that it was read just now."""

    issue: RemoteIssue
    entries: list[InboxEntry]
    fresh: bool


async def agree(desk: Desk, claim: Claim) -> None:
    """Brings a linked task and its issue together with at most one read and one write."""
    try:
        seen = await _remote_state(desk, claim)
    except TrackerError as error:
        await _note_failure(desk, claim, error)
        return
    push = await _merge(desk, claim, seen)
    if push is None:
        return
    try:
        receipt = await claim.adapter.update(claim.place, push.issue, push.changes)
    except TrackerError as error:
        await _note_failure(desk, claim, error, attempt=push.attempt)
    else:
        await _note_pushed(desk, claim, push, receipt=receipt)


async def _remote_state(desk: Desk, claim: Claim) -> Seen:
    """Gives the issue as it is now: from a waiting webhook where that is surely the latest, else by a conditional read.

    Webhooks that tell nothing new (an echo of our own write, an older state) cost no call.
    """
    link = claim.link
    async with transaction(desk.database) as session:
        entries = await waiting_entries(session, link, claim.tracker.id, claim.project.remote_id)
    known = kept_remote(link)
    news = [entry for entry in entries if known is None or not _is_old(claim, entry, known)]
    if link.desired_version == link.pushed_version:
        if known is not None and entries and not news:
            return Seen(known, entries, fresh=False)
        if (hinted := _latest_hint(claim, news)) is not None:
            return Seen(hinted, entries, fresh=False)
    fetched = await claim.adapter.fetch(claim.place, str(link.remote_id), etag=link.remote_etag if known else None)
    issue = fetched or known
    if issue is None:
        raise TrackerError(Failure.DEFINITE, "The tracker says that nothing changed, but nothing is known yet.", code="unavailable")
    return Seen(_with_actor(claim, issue, news), entries, fresh=True)


def _with_actor(claim: Claim, issue: RemoteIssue, news: list[InboxEntry]) -> RemoteIssue:
    """A read doesn't say who made the change; a webhook of the same instant does."""
    told = next((entry for entry in reversed(news) if entry.remote_version == issue.version), None)
    shown = _read_entry(claim, told) if told else None
    return replace(issue, actor=shown.actor) if shown else issue


def _is_old(claim: Claim, entry: InboxEntry, known: RemoteIssue) -> bool:
    """Tells whether a webhook shows an older state, or the very state that is known (the tracker counts in seconds)."""
    if entry.remote_version is None or claim.link.remote_version is None:
        return False
    if entry.remote_version != claim.link.remote_version:
        return entry.remote_version < claim.link.remote_version
    shown = _read_entry(claim, entry)
    return shown is not None and shown.fields == known.fields


def _latest_hint(claim: Claim, news: list[InboxEntry]) -> RemoteIssue | None:
    """Reads the newest webhook, if it is newer than what was seen and alone with its instant."""
    dated = sorted(((entry.remote_version, entry.id) for entry in news if entry.remote_version is not None), reverse=True)
    if not dated or len(dated) != len(news):
        return None
    newest, entry_id = dated[0]
    seen = claim.link.remote_version
    if (seen is not None and newest <= seen) or sum(version == newest for version, _ in dated) > 1:
        return None
    return _read_entry(claim, next(entry for entry in news if entry.id == entry_id))


def _read_entry(claim: Claim, entry: InboxEntry) -> RemoteIssue | None:
    reader = WEBHOOK_READERS[claim.tracker.kind]
    return reader.reread(entry.event, entry.payload, label_prefix=claim.place.label_prefix)


async def _merge(desk: Desk, claim: Claim, seen: Seen) -> Push | None:
    """Merges, pulls into the task, and writes down what must be pushed; None when nothing must be."""
    issue, now = seen.issue, now_utc()
    async with transaction(desk.database, desk.bell.ring) as session:
        owned = await own_task(session, claim)
        if owned is None:
            return None
        task, link = owned
        await _note_read(session, seen.entries, at=now)
        local = await _local(desk, claim, session, task)
        limit = claim.adapter.capabilities.title_limit
        remote = canon_all(issue.fields, title_limit=limit)
        merged = merge(from_json(link.base), local, remote, ages=Ages(task.updated_at, issue.version))
        await _note_conflicts(session, link, merged.conflicts, at=now)
        await _pull(session, claim, task, pulled=merged.pull, issue=issue)
        keep_remote(link, issue)
        version = link.desired_version
        link.base = link.base | as_json({f: value for f, value in merged.agreed.items() if f not in merged.push})
        push = without_dropped(link, merged.push, remote)
        if not push:
            await settle(session, claim, link, version=version, at=now)
            return None
        if not seen.fresh:
            # A webhook may be behind: what is written as a whole (body, labels) must start from what is there now.
            release(link, due_at=now)
            return None
        if issue.marker is None:
            push[Field.BODY] = local[Field.BODY]
        attempt = begin_attempt(session, link, Operation.UPDATE, fields=push, at=now)
        # A marker that people removed is put back by any write.
        return Push(attempt, replace(issue, marker=link.marker), push, version)


async def _local(desk: Desk, claim: Claim, session: AsyncSession, task: Task) -> Fields:
    return await local_fields(session, task, capabilities=claim.adapter.capabilities, public_url=desk.settings.public_url)


async def _note_read(session: AsyncSession, entries: list[InboxEntry], *, at: datetime) -> None:
    ids = [entry.id for entry in entries]
    for entry in await session.exec(select(InboxEntry).where(col(InboxEntry.id).in_(ids))):
        entry.processed_at = at


async def _note_conflicts(session: AsyncSession, link: IssueLink, conflicts: tuple[Conflict, ...], *, at: datetime) -> None:
    """Records what was decided, once for each disagreement."""
    for conflict in conflicts:
        if await _is_known(session, link, conflict):
            continue
        session.add(
            SyncConflict(
                link_id=link.id,
                field=conflict.field.value,
                base=conflict.base,
                local=conflict.local,
                remote=conflict.remote,
                winner=conflict.winner,
                rule=conflict.rule,
                created_at=at,
            )
        )
        SYNC_CONFLICTS.labels(conflict.field.value, conflict.winner).inc()


async def _is_known(session: AsyncSession, link: IssueLink, conflict: Conflict) -> bool:
    query = select(SyncConflict).where(SyncConflict.link_id == link.id, SyncConflict.field == conflict.field.value)
    last = (await session.exec(query.order_by(col(SyncConflict.id).desc()).limit(1))).first()
    return last is not None and (last.base, last.local, last.remote) == (conflict.base, conflict.local, conflict.remote)


async def _pull(session: AsyncSession, claim: Claim, task: Task, *, pulled: Fields, issue: RemoteIssue) -> None:
    changes, reason = task_changes(task, pulled, issue_key=issue.key, by=issue.actor)
    if changes:
        act = act_for(claim.tracker, by=issue.actor)
        await change_task(session, act, task, changes, because=reason, through=claim.link.id)


async def _note_pushed(desk: Desk, claim: Claim, push: Push, *, receipt: Receipt) -> None:
    now = now_utc()
    async with transaction(desk.database, desk.bell.ring) as session:
        end_well(await load_attempt(session, push.attempt), receipt, kind=claim.tracker.kind, at=now)
        link = await own_link(session, claim)
        if link is None:
            return
        keep_remote(link, receipt.issue)
        seen = canon_all(receipt.issue.fields, title_limit=claim.adapter.capabilities.title_limit)
        # Only what was sent is agreed: anything else that the answer shows differently is a change that people made meanwhile.
        link.base = link.base | as_json({field: seen[field] for field in push.changes})
        note_dropped(link, push.changes, seen)
        await settle(session, claim, link, version=push.version, at=now)
        if link.base != as_json(seen):
            link.due_at = now


async def _note_failure(desk: Desk, claim: Claim, error: TrackerError, *, attempt: SyncAttempt | None = None) -> None:
    now = now_utc()
    async with transaction(desk.database, desk.bell.ring) as session:
        if attempt is not None:
            end_badly(await load_attempt(session, attempt), error, kind=claim.tracker.kind, at=now)
        link = await own_link(session, claim)
        if link is not None:
            await note_failure(session, link, error, tracker_id=claim.tracker.id, at=now)
