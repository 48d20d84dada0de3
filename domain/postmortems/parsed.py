"""What a postmortem's Markdown says, as plain values with the lines they stand on."""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

TITLE_LENGTH = 256  # characters, of a title of any kind


@dataclass(frozen=True, slots=True)
class ParseWarning:
    """Something that a person should look at; `line` counts from 1 and is None where it concerns the whole document."""

    line: int | None
    text: str


@dataclass(frozen=True, slots=True)
class ParsedEvent:
    """A line of the timeline: `at` is aware and in UTC; `time` stands alone where no day is known."""

    text: str
    line: int
    at: dt.datetime | None = None
    time: dt.time | None = None


@dataclass(frozen=True, slots=True)
class ParsedImprovement:
    """A measure that tasks serve."""

    title: str
    line: int
    description: str = ""


@dataclass(frozen=True, slots=True)
class ParsedTask:
    """An action item; `owner` is an e-mail address or a name as written, `improvement_index` counts from 0."""

    title: str
    line: int
    description: str = ""
    owner: str | None = None
    due_on: dt.date | None = None
    priority: str | None = None
    kind: str | None = None
    status: Literal["open", "done"] = "open"
    improvement_index: int | None = None


@dataclass(frozen=True, slots=True)
class ParsedPostmortem:
    """The whole document; texts are visible text with the addresses of links, paragraphs apart by an empty line."""

    title: str | None = None
    title_line: int | None = None
    incident_date: dt.date | None = None
    summary: str = ""
    severity: str | None = None
    impact: str = ""
    started_at: dt.datetime | None = None
    detected_at: dt.datetime | None = None
    resolved_at: dt.datetime | None = None
    timezone: str | None = None
    root_causes: tuple[str, ...] = ()
    contributing_factors: tuple[str, ...] = ()
    resolution: str = ""
    lessons: str = ""
    timeline: tuple[ParsedEvent, ...] = ()
    improvements: tuple[ParsedImprovement, ...] = ()
    tasks: tuple[ParsedTask, ...] = ()
    conclusion: str = ""
    warnings: tuple[ParseWarning, ...] = ()
