"""Turns: no call goes to a tracker before its tokens and one of the slots in flight are taken, by all workers together."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from domain.columns import now_utc
from domain.database import Database
from domain.metrics import LIMITER_DENIED, LIMITER_WAIT
from domain.sync.pace_buckets import IN_FLIGHT, buckets_of
from domain.sync.pace_lane import Lane, OutOfPatienceError, in_time
from domain.sync.pace_rows import ASK_AGAIN_SECONDS, RowPace
from domain.sync.pace_shared import TOLD_TO_WAIT, Asked, SharedPace
from domain.sync.pace_told import ToldToWaitError, ToldWaits, Turn
from domain.trackers.contract import Cost, Pacing, TrackerError
from domain.trackers.table import Tracker

# How long Redis is taken to be away after it didn't answer, so that not every call waits for its timeout.
AWAY_SECONDS = 1.0

log = structlog.get_logger(__name__)


class Paced(Exception):  # noqa: N818 - no error: the call is to be made later
    """The call would have to wait longer than it may; nothing was taken. `reason` names the budget that is short."""

    def __init__(self, retry_at: datetime, reason: str) -> None:
        super().__init__(f"The limit {reason} is used up until {retry_at.isoformat()}.")
        self.retry_at = retry_at
        self.reason = reason


class Pacer:
    """The limiter of one process, which shares the buckets of every tracker with all others through Redis.

    While Redis is away it paces by the ledger in PostgreSQL, slower. `factor` multiplies all rates and bursts; `slot_seconds` is after
    how long the slots of a worker that died come back.
    """

    def __init__(self, redis: Redis, database: Database, *, factor: float = 1.0, slot_seconds: float = 60.0) -> None:
        self._factor = factor
        self._shared = SharedPace(redis, database, slot_seconds=slot_seconds)
        self._rows = RowPace(database, factor)
        self._name = uuid4().hex
        self._numbers = itertools.count(1)
        self._lanes: dict[tuple[UUID, int], Lane] = {}
        self._closed: dict[tuple[UUID, Cost, bool], tuple[float, str]] = {}
        self._told = ToldWaits()
        self._giving: set[asyncio.Task[None]] = set()
        self._away_until = 0.0

    @asynccontextmanager
    async def turn(
        self, tracker: Tracker, pacing: Pacing, cost: Cost, *, background: bool = False, patience_seconds: float = 2.0
    ) -> AsyncIterator[Turn]:
        """Waits for a call's turn; raises Paced where that would take longer than the patience, and errors of the database.

        The slot is given back at the end, whatever happens. A background call gets in only while every bucket that it takes from is at
        least half full and at most half of the slots are taken. Once the tracker has said that we are to wait, nobody does so here:
        Paced comes at once. A TrackerError that passes through tells by itself; one that ends inside goes to `Turn.limited`.
        """
        began = time.monotonic()
        asked = self._asked(tracker, pacing, cost, background=background)
        lane = self._lane(tracker.id, pacing.in_flight)
        try:
            await self._wait(asked, lane, cost, until=began + patience_seconds)
        except Paced as paced:
            LIMITER_DENIED.labels(paced.reason).inc()
            raise
        turn = Turn(time.monotonic() - began, partial(self.block, tracker.id))
        LIMITER_WAIT.labels(cost).observe(turn.waited_seconds)
        try:
            yield turn
        except TrackerError as error:
            turn.limited(error)
            raise
        finally:
            await asyncio.shield(self._end(asked, lane, refunded=turn.refunded))
            if turn.telling is not None:
                await asyncio.shield(turn.telling)

    def _asked(self, tracker: Tracker, pacing: Pacing, cost: Cost, *, background: bool) -> Asked:
        return Asked(
            tracker.id,
            buckets_of(tracker, pacing, cost, factor=self._factor, at=now_utc()),
            holder=f"{self._name}:{next(self._numbers)}",
            slots=max(1, pacing.in_flight // 2) if background else pacing.in_flight,
            background=background,
            known_at=tracker.updated_at.timestamp(),
        )

    def _lane(self, tracker_id: UUID, in_flight: int) -> Lane:
        lane = self._lanes.get((tracker_id, in_flight))
        if lane is None:
            lane = self._lanes[tracker_id, in_flight] = Lane(in_flight)
        return lane

    async def _wait(self, asked: Asked, lane: Lane, cost: Cost, *, until: float) -> None:
        try:
            async with self._told.waiting(asked):
                await self._queue(asked, lane, cost, until=until)
        except ToldToWaitError:
            raise Paced(now_utc() + timedelta(seconds=self._told.seconds(asked)), TOLD_TO_WAIT) from None

    async def _queue(self, asked: Asked, lane: Lane, cost: Cost, *, until: float) -> None:
        """Lets one of a kind ask at a time, in order: the others would only ask in vain, and keep slots from those who need not wait."""
        gate = lane.gates[cost, asked.background]
        try:
            self._check_closed(asked, cost, until=until)
            await in_time(gate, until)
            try:
                await self._ask_until_granted(asked, lane, cost, until=until)
            finally:
                gate.release()
        except OutOfPatienceError:
            raise self._paced(asked, cost) from None

    async def _ask_until_granted(self, asked: Asked, lane: Lane, cost: Cost, *, until: float) -> None:
        key = (asked.tracker_id, cost, asked.background)
        while True:
            self._check_closed(asked, cost, until=until)
            closed = self.closed_until(asked.tracker_id, cost, background=asked.background) - time.monotonic()
            if closed > 0:
                await asyncio.sleep(closed)
            wait, reason = await self._ask_with_slot(asked, lane, cost, until=until)
            if wait <= 0:
                self._closed.pop(key, None)
                return
            if reason == TOLD_TO_WAIT:
                self._told.note(asked.tracker_id, seconds=wait, met_at=asked.known_at)
                raise ToldToWaitError
            if reason != IN_FLIGHT:
                self._closed[key] = (time.monotonic() + wait, reason)
            elif time.monotonic() + wait > until:
                raise OutOfPatienceError
            else:
                await asyncio.sleep(wait)

    async def _ask_with_slot(self, asked: Asked, lane: Lane, cost: Cost, *, until: float) -> tuple[float, str]:
        await lane.enter(background=asked.background, until=until)
        wait, reason, answered = ASK_AGAIN_SECONDS, IN_FLIGHT, False
        try:
            wait, reason = await self._take(asked, cost)
            answered = True
        finally:
            if not answered:
                # Cancelled while it asked: nobody knows if it was granted.
                self._give_slot(asked)
            if wait > 0:
                lane.leave(background=asked.background)
        return wait, reason

    async def _take(self, asked: Asked, cost: Cost) -> tuple[float, str]:
        if time.monotonic() >= self._away_until:
            try:
                taken = await self._shared.take(asked)
                if 0 < self._away_until <= time.monotonic():
                    self._away_until = 0.0
                    self._in_the_end(self._give_owed())
                return taken
            except (RedisError, OSError, TimeoutError) as error:
                self._lose(error)
        return await self._rows.ask(asked.tracker_id, asked.buckets, cost, holder=asked.holder)

    def _lose(self, error: Exception) -> None:
        self._away_until = time.monotonic() + AWAY_SECONDS
        self._shared.lose()
        log.warning("pace_without_redis", error=type(error).__name__)

    def _end(self, asked: Asked, lane: Lane, *, refunded: bool) -> asyncio.Task[None]:
        """Ends a turn: the slot goes back, even if the caller is cancelled, and the tokens too where nothing was sent."""
        if refunded:
            giving = self._in_the_end(self._give_all(asked))
            giving.add_done_callback(lambda _: lane.leave(background=asked.background))
            return giving
        lane.leave(background=asked.background)
        return self._give_slot(asked)

    def _give_slot(self, asked: Asked) -> asyncio.Task[None]:
        """Gives a slot back: whoever waits for one in this process takes the word along to Redis, else it goes by itself."""
        if not self._rows.give(asked.tracker_id, asked.holder):
            self._shared.give_later(asked)
        return self._in_the_end(self._give_owed())

    async def _give_owed(self) -> None:
        await asyncio.sleep(0)  # by then whoever waited has asked
        await self._say(self._shared.give_owed)

    async def _say(self, to_redis: Callable[[], Awaitable[None]]) -> None:
        try:
            if time.monotonic() >= self._away_until:
                await to_redis()
        except (RedisError, OSError, TimeoutError) as error:
            self._lose(error)

    async def _give_all(self, asked: Asked) -> None:
        if self._rows.give(asked.tracker_id, asked.holder):
            return
        if time.monotonic() < self._away_until:
            self._shared.give_later(asked)
            return
        try:
            await self._shared.give_all(asked)
        except (RedisError, OSError, TimeoutError) as error:
            self._shared.give_later(asked)
            self._lose(error)

    def _in_the_end(self, giving: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Starts what is to be done even if the caller is cancelled."""
        task = asyncio.create_task(giving)
        self._giving.add(task)
        task.add_done_callback(self._giving.discard)
        return task

    def block(self, tracker_id: UUID, until: datetime) -> asyncio.Task[None]:
        """Has every call wait that was decided on before now: those of this process at once, those of others when they next ask Redis.

        Gives the task that tells Redis. With Redis away others learn of it from the tracker's row alone.
        """
        now = now_utc()
        seconds = (until - now).total_seconds()
        self._told.note(tracker_id, seconds=seconds, met_at=now.timestamp())
        telling = partial(self._shared.block, tracker_id, met_at=now.timestamp(), seconds=seconds)
        return self._in_the_end(self._say(telling))

    def closed_until(self, tracker_id: UUID, cost: Cost, *, background: bool = False) -> float:
        """Gives the instant (`time.monotonic`) before which it is in vain to ask, by the last denial of this process; 0.0 for none."""
        return self._last_denial(tracker_id, cost, background=background)[0]

    def closed_trackers(self, cost: Cost) -> list[UUID]:
        """Gives the trackers at which it is in vain to ask now, by the last denials of this process."""
        now = time.monotonic()
        return [tracker_id for (tracker_id, kind, low), (until, _) in self._closed.items() if kind is cost and not low and now < until]

    def _last_denial(self, tracker_id: UUID, cost: Cost, *, background: bool) -> tuple[float, str]:
        none = (0.0, IN_FLIGHT)
        denial = self._closed.get((tracker_id, cost, False), none)
        return max(denial, self._closed.get((tracker_id, cost, True), none)) if background else denial

    def _check_closed(self, asked: Asked, cost: Cost, *, until: float) -> None:
        if self.closed_until(asked.tracker_id, cost, background=asked.background) > until:
            raise self._paced(asked, cost)

    def _paced(self, asked: Asked, cost: Cost) -> Paced:
        closed_until, reason = self._last_denial(asked.tracker_id, cost, background=asked.background)
        wait = closed_until - time.monotonic()
        if wait <= 0:
            wait, reason = ASK_AGAIN_SECONDS, IN_FLIGHT
        return Paced(now_utc() + timedelta(seconds=wait), reason)

    async def room(self, tracker: Tracker, pacing: Pacing, cost: Cost, *, background: bool = False) -> int:
        """Tells for how many such calls there are tokens now; slots don't count, as they change hands in a moment."""
        asked = self._asked(tracker, pacing, cost, background=background)
        if self.closed_until(tracker.id, cost, background=background) > time.monotonic() or self._told.seconds(asked) > 0:
            return 0
        if time.monotonic() >= self._away_until:
            try:
                return await self._shared.room(asked)
            except (RedisError, OSError, TimeoutError) as error:
                self._lose(error)
        wait, _ = await self._rows.look(tracker.id, asked.buckets)
        return 0 if wait > 0 else 1
