"""Task and issue are brought together: what each side changed since they last agreed is merged, pulled and pushed."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlmodel import col, update
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.columns import now_utc
from domain.database import transaction
from domain.metrics import SYNC_LAG
from domain.sync.assign import UNKNOWN_ASSIGNEE, narrow, person_of, widen
from domain.sync.claim import Claim, note_error, own_link, own_task, release
from domain.sync.desk import Desk, act_for
from domain.sync.disagree import note_conflicts
from domain.sync.dropped import LOCKED, note_dropped, note_refused, say, without_dropped
from domain.sync.failure import note_failure
from domain.sync.flap import CODE, TEXT, flaps, with_flip
from domain.sync.journal import begin_attempt, end_badly, end_well
from domain.sync.local import Local, local_fields, task_changes
from domain.sync.look import Seen, look
from domain.sync.merge import Ages, Merged, canon_all, merge
from domain.sync.missing import note_rename, note_unseen
from domain.sync.post_comments import post_comments
from domain.sync.pull_comments import Fetched, fetch_comments, keep_comments
from domain.sync.remote import as_json, from_json, keep_remote
from domain.sync.settle import settle
from domain.sync.steps import Step, reached
from domain.sync.table import InboxEntry, Operation, SyncAttempt
from domain.tasks.change import change_task
from domain.tasks.table import Task
from domain.trackers.contract import Cost, Field, Fields, Receipt, RemoteIssue, TrackerError
from domain.trackers.link import IssueLink, LinkState


@dataclass(frozen=True, slots=True)
class Push:
    """A change that the issue needs, written down already: what to send, into which state, for which version of the task."""

    attempt: SyncAttempt
    issue: RemoteIssue
    changes: Fields
    version: int
    changed_at: datetime
    assigned: list[str] | None = None

    @property
    def operation(self) -> str:
        """The name of what is sent."""
        return "transition" if Field.STATUS in self.changes else "update"

    @property
    def wire(self) -> Fields:
        """The changes as the adapter takes them: with everybody who is to be assigned."""
        return self.changes if self.assigned is None else self.changes | {Field.ASSIGNEE: self.assigned}


async def agree(desk: Desk, claim: Claim) -> datetime | None:
    """Brings a linked task and its issue together with at most one read and one write, after the comments that wait.

    Gives when the link is due again.
    """
    if claim.link.comments_due and claim.link.state is LinkState.LINKED and not await post_comments(desk, claim):
        return None
    try:
        seen = await look(desk, claim)
        comments = await fetch_comments(desk, claim, seen.issue, seen.entries, fresh=seen.fresh)
    except TrackerError as error:
        return await note_unseen(desk, claim, error)
    if not claim.known_as_behind:
        _, due_at = await _merge(desk, claim, seen, comments=comments, may_push=False)
        return due_at
    async with desk.pacer.turn(claim.tracker, claim.adapter.capabilities.pacing, Cost.WRITE, background=claim.link.background) as turn:
        push, due_at = await _merge(desk, claim, seen, comments=comments, may_push=True)
        if push is None:
            turn.refund()
            return due_at
        sent = await _send(claim, push)
    return await _note_outcome(desk, claim, push, sent)


async def _send(claim: Claim, push: Push) -> Receipt | TrackerError:
    await reached(Step.AFTER_JOURNAL, push.operation)
    try:
        receipt = await claim.adapter.update(claim.place, push.issue, push.wire)
    except TrackerError as error:
        return error
    await reached(Step.AFTER_RESPONSE, push.operation)
    return receipt


async def _merge(desk: Desk, claim: Claim, seen: Seen, *, comments: Fetched, may_push: bool) -> tuple[Push | None, datetime | None]:
    """Merges, pulls into the task, and writes down what must be pushed: None when nothing must be, or not now; and when the link is due."""
    now, pulled = now_utc(), False
    await reached(Step.BEFORE_JOURNAL, "update" if may_push else "pull")
    async with transaction(desk.database, desk.bell.ring) as session:
        owned = await own_task(session, claim)
        if owned is None:
            return None, None
        task, link = owned
        link.state = LinkState.LINKED
        local = await local_fields(session, claim, task, public_url=desk.settings.public_url)
        base = from_json(link.base)
        remote = _remote(claim, seen.issue, base=base, local=local.fields)
        merged = merge(base, local.fields, remote, ages=Ages(task.updated_at, seen.issue.version))
        if Field.STATUS in merged.pull.keys() | merged.push.keys() and flaps(link.flips, at=now):
            _pause(link, at=now)
            return None, None
        await _note_read(session, seen.entries, at=now)
        await note_conflicts(session, link, merged.conflicts, at=now)
        notes = await _pull(session, claim, task, link, merged=merged, base=base, issue=seen.issue, at=now)
        await keep_comments(session, claim, link, task, seen.issue, comments, at=now)
        keep_remote(link, seen.issue)
        await note_rename(session, claim, seen.issue)
        link.local = as_json(local.fields)
        push = await _prepare(session, claim, link, task, merged=merged, seen=seen, remote=remote, may_push=may_push, at=now)
        say(link, _notes(local, notes, seen.issue, merged))
        pulled = bool(merged.pull)
        if pulled:
            await reached(Step.BEFORE_COMMIT, "pull")
    if pulled:
        await reached(Step.AFTER_COMMIT, "pull")
    return push, link.due_at


def _remote(claim: Claim, issue: RemoteIssue, *, base: Fields, local: Fields) -> Fields:
    remote = canon_all(issue.fields, title_limit=claim.adapter.capabilities.title_limit)
    return narrow(remote, base=base.get(Field.ASSIGNEE), local=local.get(Field.ASSIGNEE))


def _pause(link: IssueLink, *, at: datetime) -> None:
    note_error(link, CODE, TEXT, at=at)
    link.state = LinkState.NEEDS_ATTENTION
    release(link, due_at=None)


async def _note_read(session: AsyncSession, entries: list[InboxEntry], *, at: datetime) -> None:
    if entries:
        ids = [entry.id for entry in entries]
        await session.exec(update(InboxEntry).where(col(InboxEntry.id).in_(ids)).values(processed_at=at))


async def _pull(
    session: AsyncSession, claim: Claim, task: Task, link: IssueLink, *, merged: Merged, base: Fields, issue: RemoteIssue, at: datetime
) -> dict[Field, str]:
    """Takes the issue's changes over, and gives what is to be said of those that can't be."""
    notes: dict[Field, str] = {}
    changes, reason = task_changes(task, merged.pull, issue_key=issue.key, by=issue.actor)
    if Field.ASSIGNEE in merged.pull and task.deleted_at is None:
        login = merged.pull[Field.ASSIGNEE]
        person = await person_of(session, login) if isinstance(login, str) else None
        if login is None or person is not None:
            changes["owner_id"] = person.id if person else None
        else:
            notes[Field.ASSIGNEE] = UNKNOWN_ASSIGNEE.format(login)
            merged.agreed[Field.ASSIGNEE] = base.get(Field.ASSIGNEE)
    if changes:
        await change_task(session, act_for(claim.tracker, by=issue.actor), task, changes, because=reason, through=link.id)
    if "status" in changes:
        link.flips = with_flip(link.flips, at=at)
    return notes


async def _prepare(
    session: AsyncSession,
    claim: Claim,
    link: IssueLink,
    task: Task,
    *,
    merged: Merged,
    seen: Seen,
    remote: Fields,
    may_push: bool,
    at: datetime,
) -> Push | None:
    """Writes the attempt down; where nothing is to be sent the link comes to rest, and where it can't be now it is due at once."""
    issue, version = seen.issue, link.desired_version
    before = link.base.get(Field.ASSIGNEE)
    link.base = link.base | as_json({f: value for f, value in merged.agreed.items() if f not in merged.push})
    push = without_dropped(link, merged.push, remote)
    if issue.locked:
        push.pop(Field.BODY, None)
    if not push:
        await settle(session, claim, link, version=version, at=at)
        return None
    if not (may_push and seen.fresh):
        # A webhook may be behind: what is written as a whole (body, labels) must start from what is there now. And a write has its pace.
        link.desired_version += 1
        release(link, due_at=at)
        return None
    if issue.marker != link.marker and not issue.locked:
        # A marker that people removed is put back by any write.
        push[Field.BODY] = merged.agreed[Field.BODY]
    attempt = begin_attempt(session, link, Operation.UPDATE, tracker_id=claim.tracker.id, fields=push, at=at)
    assigned = widen(push[Field.ASSIGNEE], issue.fields, instead_of=before) if Field.ASSIGNEE in push else None
    return Push(attempt, replace(issue, marker=link.marker), push, version, task.updated_at, assigned)


def _notes(local: Local, pulled: dict[Field, str], issue: RemoteIssue, merged: Merged) -> dict[Field, str]:
    locked = {Field.BODY: LOCKED} if issue.locked and Field.BODY in merged.push else {}
    return local.notes | pulled | locked


async def _note_outcome(desk: Desk, claim: Claim, push: Push, sent: Receipt | TrackerError) -> datetime | None:
    now = now_utc()
    async with transaction(desk.database, desk.bell.ring) as session:
        if isinstance(sent, TrackerError):
            due_at = await _note_failed(session, claim, push, sent, at=now)
        else:
            due_at = await _note_pushed(session, claim, push, sent, at=now)
        await reached(Step.BEFORE_COMMIT, push.operation)
    await reached(Step.AFTER_COMMIT, push.operation)
    return due_at


async def _note_pushed(session: AsyncSession, claim: Claim, push: Push, receipt: Receipt, *, at: datetime) -> datetime | None:
    await end_well(session, push.attempt, receipt, kind=claim.tracker.kind, at=at)
    link = await own_link(session, claim)
    if link is None:
        return None
    keep_remote(link, receipt.issue)
    sent = push.changes
    seen = _remote(claim, receipt.issue, base=sent, local=from_json(link.base))
    # Only what was sent is agreed: anything else that the answer shows differently is a change that people made meanwhile.
    link.base = link.base | as_json({field: seen[field] for field in sent})
    note_dropped(link, sent, seen)
    if Field.STATUS in sent and seen[Field.STATUS] == sent[Field.STATUS]:
        link.flips = with_flip(link.flips, at=at)
    await settle(session, claim, link, version=push.version, at=at)
    SYNC_LAG.observe(max(0.0, (at - push.changed_at).total_seconds()))
    if _others(receipt.issue.fields, sent) != _others(push.issue.fields, sent):
        link.due_at = at
    return link.due_at


def _others(fields: Fields, sent: Fields) -> dict[str, Any]:
    return {field: value for field, value in fields.items() if field not in sent}


async def _note_failed(session: AsyncSession, claim: Claim, push: Push, error: TrackerError, *, at: datetime) -> datetime | None:
    await end_badly(session, push.attempt, error, kind=claim.tracker.kind, at=at)
    link = await own_link(session, claim)
    if link is None:
        return None
    remote = _remote(claim, push.issue, base=from_json(link.base), local=push.changes)
    if error.code == "invalid" and note_refused(link, push.changes, error.wrong, remote=remote):
        release(link, due_at=at)
        return at
    await note_failure(session, claim, link, error, at=at)
    return link.due_at
