"""How the calls of one process to one tracker queue, so that those that wait don't all ask Redis."""

import asyncio
import time
from collections import defaultdict

from domain.trackers.contract import Cost


class OutOfPatienceError(Exception):
    """The caller has waited for as long as it wants to."""


class Lane:
    """The calls of this process to one tracker: those of one kind queue in order, and no more are under way than have slots."""

    def __init__(self, in_flight: int) -> None:
        self.gates: defaultdict[tuple[Cost, bool], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._slots = asyncio.Semaphore(in_flight)
        self._background_slots = asyncio.Semaphore(max(1, in_flight // 2))

    async def enter(self, *, background: bool, until: float) -> None:
        """Takes one of this process's slots, of which the background has half."""
        if not background:
            await in_time(self._slots, until)
            return
        await in_time(self._background_slots, until)
        try:
            await in_time(self._slots, until)
        except BaseException:
            self._background_slots.release()
            raise

    def leave(self, *, background: bool) -> None:
        """Gives the slot back."""
        self._slots.release()
        if background:
            self._background_slots.release()


async def in_time(wanted: asyncio.Lock | asyncio.Semaphore, until: float) -> None:
    """Acquires it, waiting until an instant of `time.monotonic` at most; raises OutOfPatienceError."""
    if not wanted.locked():
        await wanted.acquire()
        return
    try:
        async with asyncio.timeout(max(0.0, until - time.monotonic())):
            await wanted.acquire()
    except TimeoutError:
        raise OutOfPatienceError from None
