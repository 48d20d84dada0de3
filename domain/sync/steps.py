"""The steps of a call to a tracker, at each of which a process may die; tests have it die there."""

from collections.abc import Awaitable, Callable
from enum import StrEnum


class Step(StrEnum):
    """Where a call is, in order."""

    BEFORE_JOURNAL = "before_journal"
    AFTER_JOURNAL = "after_journal"
    AFTER_RESPONSE = "after_response"
    BEFORE_COMMIT = "before_commit"
    AFTER_COMMIT = "after_commit"


Watcher = Callable[[Step, str], Awaitable[None]]
_watchers: list[Watcher] = []


def watch(watcher: Watcher) -> Callable[[], None]:
    """Has a function called at each step, with the operation's name, until the returned function is called."""
    _watchers.append(watcher)
    return lambda: _watchers.remove(watcher)


async def reached(step: Step, operation: str) -> None:
    """Tells those who watch that a step is reached."""
    for watcher in _watchers:
        await watcher(step, operation)
