"""How an error looks in the log: what kind it is and where it came from, but none of the words that it was raised with."""

import traceback
from collections import deque
from collections.abc import Iterator

import asyncpg

from domain.errors import TellableError

# A recursion without end has a thousand: its last tell enough.
MOST_FRAMES = 60
_FACTS = ("sqlstate", "constraint_name", "table_name", "column_name")


def told(error: BaseException) -> str:
    """Tells an error, what caused it and those that it is a group of, each with its frames, outermost first.

    What an error says is shown only where it is one of our own that are written for people (TellableError): they
    hold no text of a task. All others may quote the value that they stumbled over: PostgreSQL the whole row that a constraint refused,
    SQLAlchemy the parameters, `int()` its argument, Pydantic the input. So there is no list of those to be kept quiet, which could
    lack one, but of those that may speak. Frames name file, line and function, without source and values. Of PostgreSQL's errors come
    the code and the names of constraint, table and column.
    """
    return "\n".join(_lines(error, set()))


def headline(error: BaseException) -> str:
    """Gives an error's type and what is safe to tell of it, in one line."""
    kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    if isinstance(error, TellableError):
        return f"{kind}: {error.telling}"
    if isinstance(error, OSError) and error.strerror:
        return f"{kind}: {error.strerror}"  # the system's own words: a port in use, a host that is away
    facts = _FACTS if isinstance(error, asyncpg.PostgresError) else ()
    return " ".join([kind, *(f"{name}={value}" for name in facts if (value := getattr(error, name, None)))])


def _lines(error: BaseException, seen: set[int]) -> Iterator[str]:
    seen.add(id(error))
    before, how = error.__cause__, "which caused:"
    if before is None and not error.__suppress_context__:
        before, how = error.__context__, "while that was handled:"
    if before is not None and id(before) not in seen:
        yield from _lines(before, seen)
        yield how
    yield headline(error)
    frames = deque(traceback.walk_tb(error.__traceback__), maxlen=MOST_FRAMES)
    yield from (f"  {frame.f_code.co_filename}:{line} in {frame.f_code.co_qualname}" for frame, line in frames)
    if isinstance(error, BaseExceptionGroup):
        for number, inner in enumerate(error.exceptions, 1):
            if id(inner) not in seen:
                yield f"  error {number} of {len(error.exceptions)}:"
                yield from (f"    {line}" for line in _lines(inner, seen))
