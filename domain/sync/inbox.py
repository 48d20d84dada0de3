"""The inbox: a webhook is verified, kept once, and marks its link due. It is a state, never a delta, and nothing is called for it."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, or_, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.bell import RECONCILE_LINK, after_commit
from domain.columns import new_id
from domain.errors import NotFoundError, UnauthenticatedError
from domain.metrics import SYNC_HEALED, WEBHOOKS
from domain.sync.claim import Claim
from domain.sync.failure import clear_error
from domain.sync.remote import keep_remote, storable
from domain.sync.table import InboxEntry
from domain.trackers.connect import WEBHOOK_READERS
from domain.trackers.contract import Hint, RemoteIssue
from domain.trackers.credentials import Vault
from domain.trackers.link import AT_REST, IssueLink, LinkState
from domain.trackers.table import Tracker, TrackerProject

# How exactly a project knows when its last webhook came in: a change of its row for each would be one for all to wait for.
SPARING = timedelta(minutes=1)
MOST_READ = 100


async def receive_webhook(
    session: AsyncSession, vault: Vault, *, tracker_id: UUID, body: bytes, headers: Mapping[str, str], at: datetime
) -> str:
    """Takes a webhook in and says what became of it: accepted, duplicate or ignored.

    Raises NotFoundError for an unknown tracker, UnauthenticatedError for a wrong signature, MalformedError for what the tracker
    doesn't document.
    """
    tracker = (await session.exec(select(Tracker).where(Tracker.id == tracker_id))).one_or_none()
    if tracker is None:
        raise NotFoundError(f"There is no tracker {tracker_id}.")
    reader = WEBHOOK_READERS[tracker.kind]
    sealed = [tracker.webhook_secret, tracker.previous_webhook_secret]
    if not reader.verify(body, headers, secrets=[vault.open(secret) for secret in sealed if secret is not None]):
        WEBHOOKS.labels(tracker.kind, "forged").inc()
        raise UnauthenticatedError("The webhook's signature fits none of the tracker's secrets.")
    hint = reader.hint(body, headers)
    await _note_alive(session, tracker, hint, at=at)
    link = await _find_link(session, tracker, hint)
    outcome = await _store(session, tracker, hint, body=body, known=link is not None and _is_awaited(link, hint, at), at=at)
    if link is not None and outcome == "accepted":
        if hint.issue is not None:
            prove_creation(link, hint.issue, kind=tracker.kind, how="webhook", at=at)
        wake(session, link, at=at)
    WEBHOOKS.labels(tracker.kind, outcome).inc()
    return outcome


async def _note_alive(session: AsyncSession, tracker: Tracker, hint: Hint, *, at: datetime) -> None:
    """Notes on the project that webhooks come in. Its row comes before its links, as in a sweep: each would else wait for the other."""
    if hint.project_remote_id is None:
        return
    told = or_(
        col(TrackerProject.webhook_at).is_(None),
        col(TrackerProject.webhook_at) < at - SPARING,
        col(TrackerProject.unannounced_since).is_not(None),
    )
    await session.exec(
        update(TrackerProject)
        .where(col(TrackerProject.tracker_id) == tracker.id, col(TrackerProject.remote_id) == hint.project_remote_id, told)
        .values(webhook_at=at, unannounced_since=None)
    )


async def _find_link(session: AsyncSession, tracker: Tracker, hint: Hint) -> IssueLink | None:
    """Finds the link of the issue: by its number, else by the marker in it, which resolves an unknown create without a call."""
    if hint.project_remote_id is None or hint.remote_id is None:
        return None
    in_project = (
        select(IssueLink)
        .join(TrackerProject, col(TrackerProject.id) == col(IssueLink.tracker_project_id))
        .where(TrackerProject.tracker_id == tracker.id, TrackerProject.remote_id == hint.project_remote_id)
        .with_for_update(of=IssueLink, key_share=True)
    )
    link = (await session.exec(in_project.where(IssueLink.remote_id == hint.remote_id))).first()
    if link is None and hint.issue is not None and hint.issue.marker is not None:
        # A copy of the marker in another issue proves nothing once the issue is known.
        unlinked = in_project.where(IssueLink.marker == hint.issue.marker, col(IssueLink.remote_id).is_(None))
        link = (await session.exec(unlinked)).first()
    return link


def _is_awaited(link: IssueLink, hint: Hint, at: datetime) -> bool:
    """Tells whether somebody will read the webhook: a link at rest is read anew when a person has it tried again."""
    return link.state not in AT_REST or (hint.issue is not None and _proves_creation(link, hint.issue, at))


async def _store(session: AsyncSession, tracker: Tracker, hint: Hint, *, body: bytes, known: bool, at: datetime) -> str:
    """Keeps the webhook unless this delivery came before. What concerns no link of ours is kept without its payload."""
    statement = (
        insert(InboxEntry)
        .values(
            id=new_id(),
            tracker_id=tracker.id,
            delivery_id=hint.delivery_id[:200],
            event=hint.event[:100],
            project_remote_id=hint.project_remote_id,
            remote_id=hint.remote_id,
            remote_version=hint.issue.version if hint.issue else None,
            payload=storable(json.loads(body)) if known else {},
            received_at=at,
            processed_at=None if known else at,
            ignored=None if known else "no task is linked to this, or its link is at rest",
        )
        .on_conflict_do_nothing(index_elements=["tracker_id", "delivery_id"])
        .returning(col(InboxEntry.id))
    )
    added = (await session.exec(statement)).scalar_one_or_none()
    if added is None:
        return "duplicate"
    return "accepted" if known else "ignored"


async def told_of(session: AsyncSession, claim: Claim, *, since: datetime) -> RemoteIssue | None:
    """Finds the issue of a link without one in a webhook that came in while it was being made, by its marker."""
    query = select(InboxEntry).where(
        InboxEntry.tracker_id == claim.tracker.id,
        InboxEntry.project_remote_id == claim.project.remote_id,
        col(InboxEntry.processed_at).is_(None),
        col(InboxEntry.received_at) >= since,
    )
    reader = WEBHOOK_READERS[claim.tracker.kind]
    for entry in (await session.exec(query.order_by(col(InboxEntry.id).desc()).limit(MOST_READ))).all():
        issue = reader.reread(entry.event, entry.payload, place=claim.place)
        if issue is not None and issue.marker == claim.link.marker:
            return issue
    return None


def prove_creation(link: IssueLink, issue: RemoteIssue, *, kind: str, how: str, at: datetime) -> bool:
    """Links what has been waiting for its issue, if this is the issue: nobody needs to look for it any more."""
    if not _proves_creation(link, issue, at):
        return False
    link.state, link.unknown_since = LinkState.LINKED, None
    keep_remote(link, issue)
    clear_error(link)
    link.remote_etag = link.remote_version = None
    # Whoever works on it under the state of before must not write any more.
    link.fence += 1
    SYNC_HEALED.labels(kind, how).inc()
    return True


def _proves_creation(link: IssueLink, issue: RemoteIssue, at: datetime) -> bool:
    """Tells whether this is the issue that a link without one has been waiting for; a create under way notes it itself."""
    if link.remote_id is not None or link.state is LinkState.DETACHED or issue.marker != link.marker:
        return False
    under_way = link.state is LinkState.CREATING and link.lease_until is not None and link.lease_until > at
    return not under_way


def wake(session: AsyncSession, link: IssueLink, *, at: datetime) -> None:
    """Makes the link due at once, unless it waits for a person."""
    if link.state not in AT_REST:
        link.due_at = min(at, link.due_at) if link.due_at else at
        after_commit(session, RECONCILE_LINK, link.id)
