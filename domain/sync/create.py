"""A task becomes an issue: journal first, one request, then the outcome. Nobody sends a second one before absence is proven."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.bell import RECONCILE_LINK, after_commit
from domain.columns import now_utc, touch
from domain.database import transaction
from domain.metrics import SYNC_LAG
from domain.sync.assign import narrow, widen
from domain.sync.call import make_call
from domain.sync.claim import Claim, own_link, own_task, release
from domain.sync.desk import Desk
from domain.sync.dropped import note_dropped, note_refused, say
from domain.sync.failure import note_failure
from domain.sync.inbox import prove_creation, told_of
from domain.sync.journal import count_well, end_badly, end_well, new_attempt
from domain.sync.local import Local, local_fields, local_fields_read
from domain.sync.merge import canon_all
from domain.sync.remote import as_json, keep_remote
from domain.sync.settle import come_to_rest, settle
from domain.sync.steps import Step, reached
from domain.sync.table import Operation, SyncAttempt
from domain.sync.untouched import LINKS, Untouched, journal_untouched, outcome_untouched
from domain.tasks.table import Task
from domain.trackers.contract import Cost, Draft, Failure, Field, Fields, Receipt, TrackerError
from domain.trackers.link import IssueLink, LinkState

UNTYPED = "The tracker did not take the type {}, so the issue was made without one."


@dataclass(frozen=True, slots=True)
class Sending:
    """An issue that is about to be made, written down already: with what, and which version of the task that is.

    `untouched` is there where it was written down without a session: the link as it is now.
    """

    attempt: SyncAttempt
    draft: Draft
    fields: Fields
    status: str
    version: int
    changed_at: datetime
    untouched: Untouched | None = None


async def create_issue(desk: Desk, claim: Claim) -> datetime | None:
    """Makes the issue of a pending link; gives when the link is due again."""
    pacing = claim.adapter.capabilities.pacing
    async with desk.pacer.turn(claim.tracker, pacing, Cost.CREATE, background=claim.link.background) as turn:
        sending = await _prepare(desk, claim)
        if sending is None:
            turn.refund()
            return None
        outcome = await make_call(turn, Operation.CREATE, lambda: claim.adapter.create(claim.place, sending.draft))
    return await _note_outcome(desk, claim, sending, outcome)


async def _prepare(desk: Desk, claim: Claim) -> Sending | None:
    """Writes down what is about to be sent; None where there is nothing to send."""
    now = now_utc()
    await reached(Step.BEFORE_JOURNAL, Operation.CREATE)
    if claim.untouched is not None and (sending := await _prepare_untouched(desk, claim, claim.untouched, at=now)) is not None:
        return sending
    async with transaction(desk.database) as session:
        owned = await own_task(session, claim)
        if owned is None:
            return None
        task, link = owned
        if task.deleted_at is not None:
            link.state = LinkState.DETACHED
            touch(link, now)
            release(link, due_at=None)
            return None
        local = await local_fields(session, claim, task, public_url=desk.settings.public_url)
        sending = _draw_up(claim, task, link, local, at=now)
        session.add(sending.attempt)
        return sending


async def _prepare_untouched(desk: Desk, claim: Claim, before: Untouched, *, at: datetime) -> Sending | None:
    """Does the same where nothing was written since the claim; None, and nothing done, otherwise."""
    if before.task.deleted_at is not None:
        return None
    link = LINKS.copy(before.link)
    local = await local_fields_read(desk.database, claim, before.task, public_url=desk.settings.public_url)
    sending = _draw_up(claim, before.task, link, local, at=at)
    written = await journal_untouched(desk.database, before, link, sending.attempt)
    return None if written is None else replace(sending, untouched=written)


def _draw_up(claim: Claim, task: Task, link: IssueLink, local: Local, *, at: datetime) -> Sending:
    """Notes on the link what is about to be sent: the issue is made open, any other status follows as a change of its own."""
    # And without what was refused before.
    refused = {name for name, note in link.notes.items() if "value" in note}
    sent: Fields = {field: value for field, value in local.fields.items() if field is not Field.STATUS and field not in refused}
    link.state, link.base, link.local = LinkState.CREATING, as_json(sent | {Field.STATUS: "open"}), as_json(local.fields)
    say(link, local.notes)
    attempt = new_attempt(link, Operation.CREATE, tracker_id=claim.tracker.id, fields=sent, at=at)
    assigned: Fields = sent | {Field.ASSIGNEE: widen(sent.get(Field.ASSIGNEE), {}, instead_of=None)}
    draft = Draft(link.marker, assigned, link.issue_type)
    return Sending(attempt, draft, sent, str(local.fields[Field.STATUS]), link.desired_version, task.updated_at)


async def _note_outcome(desk: Desk, claim: Claim, sending: Sending, outcome: Receipt | TrackerError) -> datetime | None:
    now = now_utc()
    if isinstance(outcome, Receipt) and sending.untouched is not None and not claim.tracker.failures:
        written, due_at = await _note_success_untouched(desk, claim, sending, sending.untouched, receipt=outcome, at=now)
        if written:
            await reached(Step.AFTER_COMMIT, Operation.CREATE)
            return due_at
    async with transaction(desk.database, desk.bell.ring) as session:
        if isinstance(outcome, TrackerError):
            due_at = await _note_failure(session, claim, sending, outcome, at=now)
        else:
            due_at = await _note_success(session, claim, sending, outcome, at=now)
        await reached(Step.BEFORE_COMMIT, Operation.CREATE)
    await reached(Step.AFTER_COMMIT, Operation.CREATE)
    return due_at


async def _note_success(session: AsyncSession, claim: Claim, sending: Sending, receipt: Receipt, *, at: datetime) -> datetime | None:
    await end_well(session, sending.attempt, receipt, kind=claim.tracker.kind, at=at)
    link = await own_link(session, claim)
    if link is None:
        await _note_orphan(session, claim, receipt)
        return None
    # An issue is made open: a task that is done already has something left to say.
    await settle(session, claim, link, version=_take_in(claim, link, sending, receipt), at=at)
    SYNC_LAG.observe(max(0.0, (at - sending.changed_at).total_seconds()))
    return link.due_at


async def _note_success_untouched(
    desk: Desk, claim: Claim, sending: Sending, before: Untouched, *, receipt: Receipt, at: datetime
) -> tuple[bool, datetime | None]:
    """Does the same where the link was not written since its journal, and says whether; and when the link is due again."""
    link = LINKS.copy(before.link)
    come_to_rest(link, version=_take_in(claim, link, sending, receipt), at=at)
    async with outcome_untouched(desk.database, before, link, sending.attempt, receipt, at=at) as written:
        if written:
            await reached(Step.BEFORE_COMMIT, Operation.CREATE)
    if written:
        count_well(sending.attempt, receipt, kind=claim.tracker.kind)
        SYNC_LAG.observe(max(0.0, (at - sending.changed_at).total_seconds()))
    return written, link.due_at


def _take_in(claim: Claim, link: IssueLink, sending: Sending, receipt: Receipt) -> int:
    """Notes on the link which issue was made, and gives up to which version of the task that has everything."""
    link.state, link.unknown_since = LinkState.LINKED, None
    keep_remote(link, receipt.issue)
    seen = canon_all(receipt.issue.fields, title_limit=claim.adapter.capabilities.title_limit)
    seen = narrow(seen, base=sending.fields.get(Field.ASSIGNEE), local=None)
    kept = {name: note for name, note in link.notes.items() if name not in {field.value for field in sending.fields} or "value" not in note}
    link.base = as_json({field: value for field, value in seen.items() if field in sending.fields or field is Field.STATUS})
    note_dropped(link, sending.fields, seen)
    link.notes = kept | link.notes
    if sending.draft.issue_type and receipt.issue.issue_type != sending.draft.issue_type:
        link.notes = link.notes | {"type": {"text": UNTYPED.format(sending.draft.issue_type)}}
    return sending.version if sending.status == seen[Field.STATUS] else sending.version - 1


async def _note_orphan(session: AsyncSession, claim: Claim, receipt: Receipt) -> None:
    """A link that was detached while its issue was made still says which issue that is."""
    link = (await session.exec(select(IssueLink).where(IssueLink.id == claim.link.id).with_for_update(key_share=True))).one()
    if link.state is LinkState.DETACHED and link.remote_id is None:
        keep_remote(link, receipt.issue)


async def _note_failure(session: AsyncSession, claim: Claim, sending: Sending, error: TrackerError, *, at: datetime) -> datetime | None:
    await end_badly(session, sending.attempt, error, kind=claim.tracker.kind, at=at)
    link = await own_link(session, claim)
    if link is None:
        await _note_absent(session, claim, sending.attempt, error=error, at=at)
        return None
    if error.failure is Failure.AMBIGUOUS:
        link.state, link.unknown_since, link.probes = LinkState.UNKNOWN, sending.attempt.started_at, 0
    else:
        link.state = LinkState.PENDING
        if error.code == "invalid_type":
            link.notes, link.issue_type = link.notes | {"type": {"text": UNTYPED.format(link.issue_type)}}, None
            release(link, due_at=at)
            return at
        if error.code == "invalid" and note_refused(link, sending.fields, error.wrong, remote={}):
            release(link, due_at=at)
            return at
    await note_failure(session, claim, link, error, at=at)
    if link.state is LinkState.UNKNOWN and (issue := await told_of(session, claim, since=sending.attempt.started_at)) is not None:
        prove_creation(link, issue, kind=claim.tracker.kind, how="webhook", at=at)
        release(link, due_at=at)
    return link.due_at


async def _note_absent(session: AsyncSession, claim: Claim, attempt: SyncAttempt, *, error: TrackerError, at: datetime) -> None:
    """A failure that is certain comes late, when the link is unknown already: no issue was made, so another may be."""
    link = (await session.exec(select(IssueLink).where(IssueLink.id == claim.link.id).with_for_update(key_share=True))).one()
    creates = select(SyncAttempt.id).where(SyncAttempt.link_id == link.id, SyncAttempt.operation == Operation.CREATE)
    last = (await session.exec(creates.order_by(col(SyncAttempt.id).desc()).limit(1))).one()
    if error.failure is not Failure.AMBIGUOUS and link.state is LinkState.UNKNOWN and last == attempt.id:
        link.state, link.unknown_since, link.probes = LinkState.PENDING, None, 0
        link.fence += 1
        release(link, due_at=at)
        after_commit(session, RECONCILE_LINK, link.id)
