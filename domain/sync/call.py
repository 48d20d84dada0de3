"""A call that is written down already is made: with steps at which a process may die, and a limit that it meets told to all."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from domain.sync.pace_told import Turn
from domain.sync.steps import Step, reached
from domain.trackers.contract import TrackerError

T = TypeVar("T")


async def make_call(turn: Turn, operation: str, call: Callable[[], Awaitable[T]]) -> T | TrackerError:
    """Waits for a tracker's answer within a turn, and gives it, or the error that it is, for the journal's outcome."""
    await reached(Step.AFTER_JOURNAL, operation)
    try:
        answer = await call()
    except TrackerError as error:
        turn.limited(error)
        return error
    await reached(Step.AFTER_RESPONSE, operation)
    return answer
