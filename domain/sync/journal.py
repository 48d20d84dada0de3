"""The ledger: a row before each call that changes a tracker, and its outcome after."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.metrics import SYNC_AMBIGUOUS, SYNC_ATTEMPTS, SYNC_CALLS
from domain.sync.table import Operation, Outcome, SyncAttempt
from domain.trackers.contract import CommentReceipt, Failure, Receipt, TrackerError
from domain.trackers.link import IssueLink


def begin_attempt(
    session: AsyncSession,
    link: IssueLink,
    operation: Operation,
    *,
    tracker_id: UUID,
    fields: Iterable[str] = (),
    comment_id: UUID | None = None,
    at: datetime,
) -> SyncAttempt:
    """Adds the row that says what is about to be sent."""
    attempt = new_attempt(link, operation, tracker_id=tracker_id, fields=fields, comment_id=comment_id, at=at)
    session.add(attempt)
    return attempt


def new_attempt(
    link: IssueLink,
    operation: Operation,
    *,
    tracker_id: UUID,
    fields: Iterable[str] = (),
    comment_id: UUID | None = None,
    at: datetime,
) -> SyncAttempt:
    """Makes the row that says what is about to be sent."""
    return SyncAttempt(
        link_id=link.id,
        tracker_id=tracker_id,
        comment_id=comment_id,
        fence=link.fence,
        operation=operation,
        fields=sorted(fields),
        started_at=at,
    )


async def end_well(session: AsyncSession, attempt: SyncAttempt, receipt: Receipt | CommentReceipt, *, kind: str, at: datetime) -> None:
    """Notes that the call took effect."""
    count_well(attempt, receipt, kind=kind)
    await _end(session, attempt, Outcome.OK, finished_at=at, calls=receipt.calls, remote_request_id=receipt.request_id)


def count_well(attempt: SyncAttempt, receipt: Receipt | CommentReceipt, *, kind: str) -> None:
    """Counts a call that took effect."""
    SYNC_CALLS.labels(kind, attempt.operation).inc(receipt.calls)
    SYNC_ATTEMPTS.labels(kind, attempt.operation, Outcome.OK).inc()


async def end_badly(session: AsyncSession, attempt: SyncAttempt, error: TrackerError, *, kind: str, at: datetime) -> None:
    """Notes that the call failed, or that nobody can tell."""
    outcome = Outcome.AMBIGUOUS if error.failure is Failure.AMBIGUOUS else Outcome.FAILED
    SYNC_CALLS.labels(kind, attempt.operation).inc(error.calls)
    if outcome is Outcome.AMBIGUOUS:
        SYNC_AMBIGUOUS.labels(kind, attempt.operation).inc()
    SYNC_ATTEMPTS.labels(kind, attempt.operation, outcome).inc()
    await _end(
        session,
        attempt,
        outcome,
        finished_at=at,
        calls=error.calls,
        http_status=error.http_status,
        remote_request_id=error.request_id,
        error_text=error.text[:2000],
    )


async def _end(session: AsyncSession, attempt: SyncAttempt, outcome: Outcome, **columns: object) -> None:
    """Writes the outcome, also over that of `end_orphans`: whoever made the call knows better."""
    await session.exec(update(SyncAttempt).where(col(SyncAttempt.id) == attempt.id).values(outcome=outcome, **columns))


async def end_orphans(session: AsyncSession, link: IssueLink, *, at: datetime) -> list[SyncAttempt]:
    """Notes of attempts whose process died that nobody can tell their outcome; only the holder of the lease may say so."""
    query = select(SyncAttempt).where(SyncAttempt.link_id == link.id, col(SyncAttempt.outcome).is_(None)).with_for_update(key_share=True)
    orphans = list((await session.exec(query)).all())
    for attempt in orphans:
        attempt.outcome, attempt.finished_at = Outcome.AMBIGUOUS, at
        attempt.error_text = "The process that made this call ended before it noted the outcome."
    return orphans
