"""The waits that trackers have told us: from the first such answer on, no call goes out that was decided on before it."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from domain.columns import now_utc
from domain.sync.pace_shared import Asked
from domain.trackers.contract import Failure, TrackerError

# Where the tracker doesn't say for how long.
PAUSE: Final = timedelta(seconds=60)


class ToldToWaitError(Exception):
    """The tracker has said that we are to wait, so the call is not to be made."""


@dataclass(slots=True)
class Turn:
    """A call that may be made now."""

    waited_seconds: float
    block: Callable[[datetime], asyncio.Task[None]]
    refunded: bool = False
    telling: asyncio.Task[None] | None = None

    def refund(self) -> None:
        """Has the tokens given back at the end of the turn; to be called where nothing was sent."""
        self.refunded = True

    def limited(self, error: TrackerError) -> None:
        """Has all others wait if the tracker answered that we are to; other failures do nothing. For an error that ends inside the turn."""
        if error.failure is Failure.LIMITED:
            self.telling = self.block(error.retry_at or now_utc() + PAUSE)


@dataclass(slots=True)
class _Told:
    until: float
    met_at: float


@dataclass(slots=True)
class ToldWaits:
    """What this process knows of trackers that are to be left alone, and its calls that wait for their turn meanwhile.

    A limit holds for calls whose tracker's row is older than it: a newer row has `blocked_until`, or was given other credentials.
    """

    _told: dict[UUID, _Told] = field(default_factory=dict)
    _waiting: defaultdict[UUID, dict[asyncio.Timeout, Asked]] = field(default_factory=lambda: defaultdict(dict))

    def note(self, tracker_id: UUID, *, seconds: float, met_at: float) -> None:
        """Notes a limit of so many seconds from now, met at a time in seconds since 1970, and ends the waits of those it holds for."""
        told = self._told.setdefault(tracker_id, _Told(0.0, met_at))
        told.until, told.met_at = max(told.until, time.monotonic() + seconds), max(told.met_at, met_at)
        waiting = self._waiting[tracker_id]
        for wait in [wait for wait, asked in waiting.items() if self.seconds(asked) > 0]:
            del waiting[wait]
            wait.reschedule(asyncio.get_running_loop().time())

    def seconds(self, asked: Asked) -> float:
        """Tells for how long the call may not be made; 0.0 where it may."""
        told = self._told.get(asked.tracker_id)
        return max(0.0, told.until - time.monotonic()) if told is not None and asked.known_at <= told.met_at else 0.0

    @asynccontextmanager
    async def waiting(self, asked: Asked) -> AsyncIterator[None]:
        """Ends the wait inside with ToldToWaitError as soon as the call may not be made; also before it begins."""
        if self.seconds(asked) > 0:
            raise ToldToWaitError
        waiting = self._waiting[asked.tracker_id]
        wait = asyncio.timeout(None)
        try:
            async with wait:
                waiting[wait] = asked
                yield
        except TimeoutError:
            if wait.expired():
                raise ToldToWaitError from None
            raise
        finally:
            waiting.pop(wait, None)
