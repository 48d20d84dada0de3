"""A task becomes an issue: journal first, one request, then the outcome. Nobody sends a second one before absence is proven."""

from datetime import datetime

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.bell import RECONCILE_LINK, after_commit
from domain.columns import now_utc, touch
from domain.database import transaction
from domain.sync.claim import Claim, own_link, own_task, release
from domain.sync.desk import Desk
from domain.sync.dropped import note_dropped
from domain.sync.failure import note_failure
from domain.sync.journal import begin_attempt, end_badly, end_well, load_attempt
from domain.sync.local import local_fields
from domain.sync.merge import canon_all
from domain.sync.remote import as_json, keep_remote
from domain.sync.settle import settle
from domain.sync.table import Operation, SyncAttempt
from domain.trackers.contract import Draft, Failure, Field, Fields, Receipt, TrackerError
from domain.trackers.link import IssueLink, LinkState

# An issue is made open; any other status follows as a change of its own.
CREATED_FIELDS = (Field.TITLE, Field.BODY, Field.LABELS)


async def create_issue(desk: Desk, claim: Claim) -> None:
    """Makes the issue of a pending link."""
    prepared = await _prepare(desk, claim)
    if prepared is None:
        return
    attempt, draft, version = prepared
    try:
        receipt = await claim.adapter.create(claim.place, draft)
    except TrackerError as error:
        await _note_failure(desk, claim, attempt, error=error)
    else:
        await _note_success(desk, claim, attempt, receipt=receipt, sent=draft.fields, version=version)


async def _prepare(desk: Desk, claim: Claim) -> tuple[SyncAttempt, Draft, int] | None:
    """Writes down what is about to be sent; None where there is nothing to send."""
    now = now_utc()
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
        fields = await local_fields(session, task, capabilities=claim.adapter.capabilities, public_url=desk.settings.public_url)
        sent = {field: fields[field] for field in CREATED_FIELDS}
        link.state, link.base = LinkState.CREATING, as_json(sent | {Field.STATUS: "open"})
        attempt = begin_attempt(session, link, Operation.CREATE, fields=sent, at=now)
        return attempt, Draft(link.marker, sent), link.desired_version


async def _note_success(desk: Desk, claim: Claim, attempt: SyncAttempt, *, receipt: Receipt, sent: Fields, version: int) -> None:
    now = now_utc()
    async with transaction(desk.database, desk.bell.ring) as session:
        end_well(await load_attempt(session, attempt), receipt, kind=claim.tracker.kind, at=now)
        owned = await own_task(session, claim)
        if owned is None:
            await _note_orphan(session, claim, receipt)
            return
        task, link = owned
        local = await local_fields(session, task, capabilities=claim.adapter.capabilities, public_url=desk.settings.public_url)
        link.state, link.unknown_since = LinkState.LINKED, None
        keep_remote(link, receipt.issue)
        seen = canon_all(receipt.issue.fields, title_limit=claim.adapter.capabilities.title_limit)
        link.base = as_json(seen)
        note_dropped(link, sent, seen)
        # An issue is made open: a task that is done already has something left to say.
        await settle(session, claim, link, version=version if local[Field.STATUS] == seen[Field.STATUS] else version - 1, at=now)


async def _note_orphan(session: AsyncSession, claim: Claim, receipt: Receipt) -> None:
    """A link that was detached while its issue was made still says which issue that is."""
    link = (await session.exec(select(IssueLink).where(IssueLink.id == claim.link.id).with_for_update(key_share=True))).one()
    if link.state is LinkState.DETACHED and link.remote_id is None:
        keep_remote(link, receipt.issue)


async def _note_failure(desk: Desk, claim: Claim, attempt: SyncAttempt, *, error: TrackerError) -> None:
    now = now_utc()
    async with transaction(desk.database, desk.bell.ring) as session:
        end_badly(await load_attempt(session, attempt), error, kind=claim.tracker.kind, at=now)
        link = await own_link(session, claim)
        if link is None:
            await _note_absent(session, claim, attempt, error=error, at=now)
            return
        if error.failure is Failure.AMBIGUOUS:
            link.state, link.unknown_since, link.probes = LinkState.UNKNOWN, attempt.started_at, 0
        else:
            link.state = LinkState.PENDING
        await note_failure(session, link, error, tracker_id=claim.tracker.id, at=now)


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
