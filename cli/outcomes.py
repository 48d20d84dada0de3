"""What became of a document that was to be imported."""

from dataclasses import dataclass, field
from enum import StrEnum

import msgspec
from msgspec import Struct


class State(StrEnum):
    """What the import did with a document."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    KNOWN = "known"
    """It was there before; whether anything changed could not be found out."""
    NOT_STORED = "not stored"
    """A dry run."""
    FAILED = "failed"


class Named(Struct):
    """A postmortem, as far as it is shown."""

    id: str
    title: str


class ShownTask(Struct):
    """A task, as far as it is shown."""

    key: str
    title: str


class Remark(Struct):
    """A warning; `line` is null where it concerns the whole document."""

    line: int | None
    text: str


class Answer(Struct):
    """The API's answer, as far as it is shown."""

    postmortem: Named
    improvements: list[msgspec.Raw]
    tasks: list[ShownTask]
    warnings: list[Remark]


class Place(Struct, omit_defaults=True):
    """Where in the input something is wrong."""

    detail: str = ""
    line: int | None = None
    parameter: str | None = None
    header: str | None = None
    pointer: str | None = None


class Problem(Struct, omit_defaults=True):
    """A problem document (RFC 9457), or what stands in for one where no answer came."""

    detail: str
    title: str = ""
    status: int = 0
    errors: list[Place] = []
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One document: with its answer, and that answer's bytes, or with the problem."""

    document: str
    state: State
    answer: Answer | None = None
    raw: bytes = field(default=b"null", repr=False)
    problem: Problem | None = None


def failed(document: str, why: str) -> Outcome:
    """The outcome of a document that never got as far as an answer of the API."""
    return Outcome(document, State.FAILED, problem=Problem(why))
