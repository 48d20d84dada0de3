"""The timeline: each dated or timed line of a list, a table or a paragraph becomes an event."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time

from domain.postmortems.blocks import Block, Grid, Item, Listing, Paragraph, TextLine, Verbatim
from domain.postmortems.dates import find_days, find_times, find_zones, next_day
from domain.postmortems.facts import Calendar
from domain.postmortems.parsed import ParsedEvent, ParseWarning
from domain.postmortems.parts import Part
from domain.postmortems.prose import blocks_text
from domain.postmortems.sections import Kind

BACKWARDS_HOURS = 6  # a timeline that jumps back further has passed midnight; less is an event told late
MAX_WARNINGS = 5
OPENING = " \t~≈([*"
SEPARATORS = " \t,:;|-–—→>)]*~T"
DETECTION = re.compile(r"\b(?:detected|alert(?:s|ed)?|alarms?|paged)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Stamp:
    """The day, the time and the zone at a line's start, and the text behind them."""

    day: date | None
    time: time | None
    zone: str | None
    rest: str


def read_timeline(parts: Iterable[Part], calendar: Calendar) -> tuple[tuple[ParsedEvent, ...], list[ParseWarning]]:
    """The events in the document's order; times that jump back by many hours go on with the next day."""
    reader = _Reader(calendar, calendar.day)
    for part in parts:
        if part.kind is Kind.TIMELINE:
            reader.read_heading(part.heading)
            reader.read_blocks(part.blocks)
    return tuple(reader.events), _first(reader.warnings)


def _first(warnings: list[ParseWarning]) -> list[ParseWarning]:
    left = warnings[MAX_WARNINGS:]
    rest = [ParseWarning(left[0].line, f"from here on, {len(left)} more parts of the timeline aren't read")] if left else []
    return [*warnings[:MAX_WARNINGS], *rest]


def detected_at(events: Iterable[ParsedEvent]) -> datetime | None:
    """The instant of the first event that tells of a detection or an alert."""
    return next((event.at for event in events if DETECTION.search(event.text)), None)


@dataclass(slots=True)
class _Reader:
    calendar: Calendar
    day: date | None
    before: time | None = None
    events: list[ParsedEvent] = field(default_factory=list)
    warnings: list[ParseWarning] = field(default_factory=list)

    def read_heading(self, heading: str) -> None:
        day = next((mention.date() for mention in find_days(heading)), None)
        if day:
            self.day, self.before = day, None

    def read_blocks(self, blocks: Iterable[Block]) -> None:
        for block in blocks:
            match block:
                case Paragraph():
                    self._paragraph(block)
                case Listing():
                    for item in block.items:
                        self._item(item)
                case Grid():
                    for row in (block.header, *block.rows):
                        self._row(row.cells, row.line, is_header=row is block.header)
                case Verbatim():
                    self.warnings.append(ParseWarning(block.line, "a block of code in the timeline isn't read"))

    def _paragraph(self, paragraph: Paragraph) -> None:
        for line in paragraph.lines:
            stamp = read_stamp(line.text)
            if stamp.time is not None:
                self._add(stamp, stamp.rest, line.line)
            elif stamp.day and not stamp.rest:
                self.day, self.before = stamp.day, None
            elif not find_zones(line.text):
                self.warnings.append(ParseWarning(line.line, "a line of the timeline gives no time and isn't read"))

    def _item(self, item: Item) -> None:
        first = item.blocks[0] if item.blocks else None
        if not isinstance(first, Paragraph):
            self.read_blocks(item.blocks)
            return
        stamp = read_stamp(_joined(first.lines))
        if stamp.day and stamp.time is None and not stamp.rest:
            self.day, self.before = stamp.day, None
            self.read_blocks(item.blocks[1:])
            return
        others = tuple(block for block in item.blocks[1:] if not _has_stamps(block))
        self._add(stamp, "\n\n".join(part for part in (stamp.rest, blocks_text(others)) if part), first.lines[0].line)
        self.read_blocks(block for block in item.blocks[1:] if _has_stamps(block))

    def _row(self, cells: tuple[TextLine, ...], line: int, *, is_header: bool) -> None:
        texts = [cell.text for cell in cells if cell.text]
        stamp = read_stamp(" ".join(texts[:2]))
        if stamp.time is None:
            if not is_header and texts:
                self._add(Stamp(None, None, None, ""), " – ".join(texts), line)
            return
        self._add(stamp, " – ".join(part for part in (stamp.rest, *texts[2:]) if part), line)

    def _add(self, stamp: Stamp, text: str, line: int) -> None:
        if stamp.day:
            self.day = stamp.day
        elif self.day and stamp.time and self.before and _hours(self.before) - _hours(stamp.time) >= BACKWARDS_HOURS:
            self.day = next_day(self.day)
        self.before = stamp.time or self.before
        at = self.calendar.at(self.day, stamp.time, stamp.zone) if stamp.time is not None else None
        self.events.append(ParsedEvent(text=text, line=line, at=at, time=None if at else stamp.time))


def read_stamp(text: str) -> Stamp:
    """The stamp at the start of a line ("[2026-08-10 14:30 UTC] …"); without one the rest is the whole text."""
    start = len(text) - len(text.lstrip(OPENING))
    head = text[start : start + 80]
    day = next((mention for mention in find_days(head) if mention.start == 0), None)
    end = day.end if day else 0
    at = next((mention for mention in find_times(head) if not head[end : mention.start].strip(SEPARATORS)), None)
    end = at.end if at else end
    zone = next((mention for mention in find_zones(head) if not head[end : mention.start].strip(" (")), None)
    end = zone.end if zone and at else end
    if not day and not at:
        return Stamp(None, None, None, text)
    rest = _without_range(text[start + end :]) if at else text[start + end :]
    return Stamp(day.date() if day else None, at.time if at else None, zone.zone if zone else None, rest.strip(SEPARATORS[:-1]))


def _without_range(rest: str) -> str:
    """The text without the end of a range of times ("14:30–14:45: …")."""
    stripped = rest.lstrip(" -–—")
    until = next((mention for mention in find_times(stripped[:40]) if mention.start == 0), None)
    return stripped[until.end :] if until and stripped != rest else rest


def _joined(lines: Iterable[TextLine]) -> str:
    return " ".join(line.full for line in lines)


def _has_stamps(block: Block) -> bool:
    if not isinstance(block, Listing):
        return False
    return any(_item_stamp(item).time is not None for item in block.items)


def _item_stamp(item: Item) -> Stamp:
    first: Iterator[Block] = iter(item.blocks[:1])
    block = next(first, None)
    return read_stamp(block.lines[0].text if isinstance(block, Paragraph) else "")


def _hours(value: time) -> float:
    return value.hour + value.minute / 60
