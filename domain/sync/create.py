"""A task becomes an issue: journal first, one request, then the outcome. Nobody sends a second one before absence is proven."""

from datetime import datetime

from domain.columns import now_utc, touch
from domain.database import transaction
from domain.sync.claim import Claim, own_link, release
from domain.sync.desk import Desk
from domain.sync.dropped import note_dropped
from domain.sync.failure import clear_error, note_failure
from domain.sync.journal import begin_attempt, end_badly, end_well, load_attempt
from domain.sync.local import local_fields, lock_any_task
from domain.sync.merge import canon_all
from domain.sync.remote import as_json, keep_remote
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
        link = await own_link(session, claim)
        if link is None:
            return None
        task = await lock_any_task(session, link.task_id)
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
        link = await own_link(session, claim)
        if link is None:
            return
        task = await lock_any_task(session, link.task_id)
        local = await local_fields(session, task, capabilities=claim.adapter.capabilities, public_url=desk.settings.public_url)
        note_linked(link, receipt, at=now)
        note_dropped(link, sent, receipt)
        link.pushed_version = version
        same = link.desired_version == version and local == _seen(claim, receipt)
        release(link, due_at=None if same else now)


def _seen(claim: Claim, receipt: Receipt) -> Fields:
    return canon_all(receipt.issue.fields, title_limit=claim.adapter.capabilities.title_limit)


def note_linked(link: IssueLink, receipt: Receipt, *, at: datetime) -> None:
    """Notes that both sides agree on what the tracker answered."""
    link.state = LinkState.LINKED
    keep_remote(link, receipt.issue)
    link.base = as_json(canon_all(receipt.issue.fields))
    link.last_synced_at = at
    link.unknown_since = None
    clear_error(link)
    touch(link, at)


async def _note_failure(desk: Desk, claim: Claim, attempt: SyncAttempt, *, error: TrackerError) -> None:
    now = now_utc()
    async with transaction(desk.database, desk.bell.ring) as session:
        end_badly(await load_attempt(session, attempt), error, kind=claim.tracker.kind, at=now)
        link = await own_link(session, claim)
        if link is None:
            return
        if error.failure is Failure.AMBIGUOUS:
            link.state, link.unknown_since, link.probes = LinkState.UNKNOWN, attempt.started_at, 0
        else:
            link.state = LinkState.PENDING
        await note_failure(session, link, error, tracker_id=claim.tracker.id, at=now)
