"""Task and issue are brought together: what each side changed since they last agreed is merged, pulled and pushed."""

from datetime import datetime

from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.columns import now_utc
from domain.database import transaction
from domain.sync.ages import ages_of
from domain.sync.assign import UNKNOWN_ASSIGNEE, person_of
from domain.sync.call import make_call
from domain.sync.claim import Claim, note_error, own_link, own_task, release
from domain.sync.desk import Desk, act_for
from domain.sync.disagree import note_conflicts
from domain.sync.dropped import OPTIONAL, note_refused, say
from domain.sync.failure import note_failure
from domain.sync.flap import Swing, flaps, swinging, with_flip
from domain.sync.journal import end_badly, end_well
from domain.sync.local import local_fields, task_changes
from domain.sync.look import Seen, look
from domain.sync.merge import Ages, Merged, merge
from domain.sync.missing import note_rename, note_unseen
from domain.sync.post_comments import post_comments
from domain.sync.pull_comments import Fetched, fetch_comments, keep_comments
from domain.sync.push import (
    Push,
    draw_up,
    note_lag,
    note_pushed_untouched,
    notes_for_now,
    others_changed,
    push_untouched,
    remote_fields,
    take_in,
)
from domain.sync.remote import as_json, from_json, keep_remote
from domain.sync.settle import settle
from domain.sync.steps import Step, reached
from domain.sync.table import InboxEntry
from domain.sync.waiting import close_entries
from domain.tasks.change import change_task
from domain.tasks.table import Task
from domain.trackers.contract import Cost, Field, Fields, Receipt, RemoteIssue, TrackerError
from domain.trackers.link import IssueLink, LinkState


async def agree(desk: Desk, claim: Claim) -> datetime | None:
    """Brings a linked task and its issue together with at most one read and one write, after the comments that wait.

    Gives when the link is due again.
    """
    if claim.link.comments_due and claim.link.state is LinkState.LINKED and await _comments_come_first(desk, claim):
        if not await post_comments(desk, claim):
            return None
        if _has_nothing_else(claim):
            return await _rest(desk, claim)
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
        sent = await make_call(turn, push.operation, lambda: claim.adapter.update(claim.place, push.issue, push.wire))
    return await _note_outcome(desk, claim, push, sent)


async def _comments_come_first(desk: Desk, claim: Claim) -> bool:
    """A comment of ours makes the issue newer than what people wrote before it; so edits go first, unless they close for good."""
    if not claim.known_as_behind:
        return True
    async with transaction(desk.database) as session:
        return (await session.exec(select(Task.deleted_at).where(Task.id == claim.link.task_id))).one() is not None


def _has_nothing_else(claim: Claim) -> bool:
    """Tells whether a link was due for its comments alone: what else happens to its issue is told by webhooks and sweeps."""
    link = claim.link
    at_peace = link.error_code is None and link.last_synced_at is not None and not (link.remote or {}).get("locked")
    return at_peace and not claim.known_as_behind and not claim.entries


async def _rest(desk: Desk, claim: Claim) -> datetime | None:
    now = now_utc()
    async with transaction(desk.database, desk.bell.ring) as session:
        link = await own_link(session, claim)
        if link is None:
            return None
        await settle(session, claim, link, version=claim.link.desired_version, at=now)
        return link.due_at


async def _merge(desk: Desk, claim: Claim, seen: Seen, *, comments: Fetched, may_push: bool) -> tuple[Push | None, datetime | None]:
    """Merges, pulls into the task, and writes down what must be pushed: None when nothing must be, or not now; and when the link is due."""
    now, pulled = now_utc(), False
    await note_rename(desk, claim, seen.issue)
    await reached(Step.BEFORE_JOURNAL, "update" if may_push else "pull")
    if may_push and (push := await push_untouched(desk, claim, seen, comments=comments, at=now)) is not None:
        return push, None
    async with transaction(desk.database, desk.bell.ring) as session:
        owned = await own_task(session, claim)
        if owned is None:
            return None, None
        task, link = owned
        link.state = LinkState.LINKED
        local = await local_fields(session, claim, task, public_url=desk.settings.public_url)
        base = from_json(link.base)
        remote = remote_fields(claim, seen.issue, base=base, local=local.fields)
        merged = merge(base, local.fields, remote, ages=Ages(task.updated_at, seen.issue.version))
        if merged.conflicts:
            merged = merge(base, local.fields, remote, ages=await ages_of(session, task, remote=seen.issue.version))
        if (swings := swinging(merged, base=base, remote=remote)) is not None and flaps(link.flips, at=now):
            await _pause(session, link, swings, at=now)
            return None, None
        await _note_read(session, seen.entries, at=now)
        await note_conflicts(session, link, merged.conflicts, at=now)
        notes = await _pull(session, claim, task, link, merged=merged, base=base, issue=seen.issue, at=now)
        await keep_comments(session, claim, link, task, seen.issue, comments, at=now)
        keep_remote(link, seen.issue)
        link.local = as_json(local.fields)
        push = await _prepare(session, claim, link, task, merged=merged, seen=seen, remote=remote, may_push=may_push, at=now)
        taken = Field.ASSIGNEE in merged.pull and Field.ASSIGNEE not in notes and task.deleted_at is None
        if taken and Field.ASSIGNEE in local.notes:
            # The body names the owner before, who had no login.
            link.desired_version += 1
            link.due_at = link.due_at or now
        say(link, notes_for_now(local, notes, seen.issue, merged))
        pulled = bool(merged.pull)
        if pulled:
            await reached(Step.BEFORE_COMMIT, "pull")
    if pulled:
        await reached(Step.AFTER_COMMIT, "pull")
    return push, link.due_at


async def _pause(session: AsyncSession, link: IssueLink, swings: Swing, *, at: datetime) -> None:
    note_error(link, swings.code, swings.text, at=at)
    link.state = LinkState.NEEDS_ATTENTION
    await close_entries(session, link, at=at)
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
    if task.deleted_at is not None:
        # It takes nothing any more; nor does its issue take back what people made of it since.
        merged.agreed.update({field: base.get(field) for field in merged.pull})
    elif Field.ASSIGNEE in merged.pull:
        login = merged.pull[Field.ASSIGNEE]
        person = await person_of(session, login) if isinstance(login, str) else None
        if login is None or person is not None:
            changes["owner_id"] = person.id if person else None
            link.bystanders = []
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
    push = draw_up(claim, link, task, merged=merged, issue=seen.issue, remote=remote, at=at)
    if push is None:
        await settle(session, claim, link, version=link.desired_version, at=at)
    elif may_push and seen.fresh:
        session.add(push.attempt)
        return push
    else:
        # A webhook may be behind: what is written as a whole (body, labels) must start from what is there now. And a write has its pace.
        link.desired_version += 1
        release(link, due_at=at)
    return None


async def _note_outcome(desk: Desk, claim: Claim, push: Push, sent: Receipt | TrackerError) -> datetime | None:
    now = now_utc()
    if isinstance(sent, Receipt):
        written, due_at = await note_pushed_untouched(desk, claim, push, sent, at=now)
        if written:
            await reached(Step.AFTER_COMMIT, push.operation)
            return due_at
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
    take_in(claim, link, push, receipt, at=at)
    await settle(session, claim, link, version=push.version, at=at)
    note_lag(push, at=at)
    if others_changed(push, receipt):
        link.due_at = at
    return link.due_at


async def _note_failed(session: AsyncSession, claim: Claim, push: Push, error: TrackerError, *, at: datetime) -> datetime | None:
    await end_badly(session, push.attempt, error, kind=claim.tracker.kind, at=at)
    link = await own_link(session, claim)
    if link is None:
        return None
    remote = remote_fields(claim, push.issue, base=from_json(link.base), local=push.changes)
    if error.code == "invalid" and note_refused(link, push.changes, error.wrong, remote=remote, optional=OPTIONAL | {Field.BODY}):
        release(link, due_at=at)
        return at
    await note_failure(session, claim, link, error, at=at)
    return link.due_at
