"""What a person asks a tracker waits for its turn as all other calls do, and is refused while the tracker is to be left alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from domain.errors import ConflictError, UnavailableError
from domain.sync.pace import Paced, Pacer
from domain.trackers.contract import Adapter, Cost
from domain.trackers.table import Tracker, TrackerState

PATIENCE_SECONDS = 5.0


def refuse_resting(tracker: Tracker, *, at: datetime) -> None:
    """Raises ConflictError where a person paused the tracker, UnavailableError while it is blocked."""
    if tracker.state is TrackerState.PAUSED:
        raise ConflictError(f"{tracker.name} is paused: let it go on first (PATCH /v1/trackers/{tracker.id} with state=ok).")
    if tracker.blocked_until is not None and tracker.blocked_until > at:
        reason = f" {tracker.state_reason}" if tracker.state_reason else ""
        raise UnavailableError(f"{tracker.name} is left alone until {_time(tracker.blocked_until)}.{reason}")


@asynccontextmanager
async def asked(pacer: Pacer, tracker: Tracker, *, adapter: Adapter, patience_seconds: float = PATIENCE_SECONDS) -> AsyncIterator[None]:
    """Waits for the turn of one read; raises UnavailableError where that would take longer than the patience."""
    try:
        async with pacer.turn(tracker, adapter.capabilities.pacing, Cost.READ, patience_seconds=patience_seconds):
            yield
    except Paced as paced:
        text = f"{tracker.name} can't be asked before {_time(paced.retry_at)}: the calls that it allows are used up until then."
        raise UnavailableError(text) from paced


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
