"""What the tests of the limiter stand on: small limits, rows of the ledger, and a look at when calls were let pass."""

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from domain.columns import now_utc
from domain.sync.pace import Paced, Pacer
from domain.trackers.contract import Budget, Cost, Pacing
from domain.trackers.table import Tracker, TrackerKind

POINTS = Budget("points", 20, 1, {Cost.READ: 1, Cost.WRITE: 5, Cost.CREATE: 5}, burst=10)
WRITES = Budget("writes", 10, 1, {Cost.WRITE: 1, Cost.CREATE: 1}, burst=2)


def some_tracker(**columns: Any) -> Tracker:
    """A tracker of this test alone, in no table."""
    return Tracker(kind=TrackerKind.GITHUB, name="A tracker", base_url="", credentials=b"", webhook_secret=b"", **columns)


def pacing_of(*budgets: Budget, in_flight: int = 8, most: float = 36_000, burst: float = 5) -> Pacing:
    """Limits of which only what the test is about is narrow."""
    return Pacing(budgets, in_flight, most / 3, most, burst)


async def call_for(pacer: Pacer, tracker: Tracker, pacing: Pacing, cost: Cost, *, seconds: float, **options: Any) -> list[float]:
    """Makes calls one after the other for so many seconds, and gives the instants at which they were let pass."""
    passed = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with suppress(Paced):
            async with pacer.turn(tracker, pacing, cost, patience_seconds=until - time.monotonic(), **options):
                passed.append(time.monotonic())
        await asyncio.sleep(0)
    return passed


def most_within(passed: Iterable[float], seconds: float) -> int:
    """Counts the calls in the fullest window of that length."""
    instants = sorted(passed)
    return max((sum(1 for at in instants if began <= at < began + seconds) for began in instants), default=0)


async def write_attempts(sql: Any, tracker: Tracker, operation: str, *, ages: Iterable[float], now: datetime | None = None) -> None:
    """Adds rows to the ledger, made so many seconds ago; as a replica, since neither link nor tracker is in a table."""
    at = now or now_utc()
    await sql.execute("SET session_replication_role = replica")
    rows = [(uuid4(), uuid4(), tracker.id, operation, at - timedelta(seconds=age)) for age in ages]
    await sql.executemany(_ATTEMPT, rows)
    await sql.execute("SET session_replication_role = origin")


_ATTEMPT = """
INSERT INTO sync_attempts (id, link_id, tracker_id, fence, operation, fields, started_at, calls) VALUES ($1, $2, $3, 1, $4, '{}', $5, 1)
"""
