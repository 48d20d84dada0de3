"""The ledger: a row before each call that changes a tracker, and its outcome after."""

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.metrics import SYNC_ATTEMPTS, SYNC_CALLS
from domain.sync.table import Operation, Outcome, SyncAttempt
from domain.trackers.contract import Failure, Receipt, TrackerError
from domain.trackers.link import IssueLink


def begin_attempt(session: AsyncSession, link: IssueLink, operation: Operation, *, fields: Iterable[str], at: datetime) -> SyncAttempt:
    """Adds the row that says what is about to be sent."""
    attempt = SyncAttempt(link_id=link.id, fence=link.fence, operation=operation, fields=sorted(fields), started_at=at)
    session.add(attempt)
    return attempt


async def load_attempt(session: AsyncSession, attempt: SyncAttempt) -> SyncAttempt:
    """Reads the row again in another transaction."""
    return (await session.exec(select(SyncAttempt).where(SyncAttempt.id == attempt.id).with_for_update(key_share=True))).one()


def end_well(attempt: SyncAttempt, receipt: Receipt, *, kind: str, at: datetime) -> None:
    """Notes that the call took effect."""
    attempt.remote_request_id = receipt.request_id
    _end(attempt, Outcome.OK, calls=receipt.calls, kind=kind, at=at)


def end_badly(attempt: SyncAttempt, error: TrackerError, *, kind: str, at: datetime) -> None:
    """Notes that the call failed, or that nobody can tell."""
    outcome = Outcome.AMBIGUOUS if error.failure is Failure.AMBIGUOUS else Outcome.FAILED
    attempt.http_status, attempt.remote_request_id, attempt.error_text = error.http_status, error.request_id, error.text[:2000]
    _end(attempt, outcome, calls=error.calls, kind=kind, at=at)


def _end(attempt: SyncAttempt, outcome: Outcome, *, calls: int, kind: str, at: datetime) -> None:
    attempt.outcome, attempt.calls, attempt.finished_at = outcome, calls, at
    SYNC_ATTEMPTS.labels(kind, attempt.operation, outcome).inc()
    SYNC_CALLS.labels(kind, attempt.operation).inc(calls)


async def end_orphans(session: AsyncSession, link: IssueLink, *, at: datetime) -> list[SyncAttempt]:
    """Notes of attempts whose process died that nobody can tell their outcome; only the holder of the lease may say so."""
    query = select(SyncAttempt).where(SyncAttempt.link_id == link.id, col(SyncAttempt.outcome).is_(None)).with_for_update(key_share=True)
    orphans = list((await session.exec(query)).all())
    for attempt in orphans:
        attempt.outcome, attempt.finished_at = Outcome.AMBIGUOUS, at
        attempt.error_text = "The process that made this call ended before it noted the outcome."
    return orphans
