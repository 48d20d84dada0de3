"""The incident's calendar: its day, its time zone, when it began, was detected and ended, and what is missing of these."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time

from domain.postmortems.blocks import TextLine
from domain.postmortems.dates import (
    DayMention,
    TimeMention,
    find_days,
    find_times,
    find_zones,
    instant,
    known_zone,
    next_day,
)
from domain.postmortems.parsed import ParseWarning
from domain.postmortems.parts import Part
from domain.postmortems.prose import block_lines
from domain.postmortems.sections import Kind

PLACEHOLDER = re.compile(
    r"[(\[<{](?:insert )?(?:the )?(?:date|day|dd?[-/.]mm?[-/.]yyyy|yyyy[-/.]mm[-/.]dd)[)\]>}]|\bYYYY-MM-DD\b", re.IGNORECASE
)
DATED = (Kind.DATE, Kind.DURATION, Kind.STARTED, Kind.DETECTED, Kind.RESOLVED)
MAX_DAY_WARNINGS = 5


@dataclass(frozen=True, slots=True)
class Calendar:
    """What gives a bare time of day its instant; `zone` is None where neither the document nor the caller knows one."""

    day: date | None
    zone: str | None

    def at(self, day: date | None, value: time, zone: str | None = None) -> datetime | None:
        """The instant, if its day is known; without a zone it is read as UTC."""
        return instant(day, value, zone or self.zone or "UTC") if day else None


@dataclass(frozen=True, slots=True)
class Moments:
    """When the incident began, was detected and ended, as far as labels say it."""

    started_at: datetime | None = None
    detected_at: datetime | None = None
    resolved_at: datetime | None = None


def read_calendar(parts: Iterable[Part], title: str | None, *, incident_date: date | None, timezone: str | None) -> Calendar:
    """The document's own day and zone; the caller's fill what it doesn't say."""
    parts = tuple(parts)
    dated = [line for kind in DATED for line in _lines(parts, kind)]
    timeline = [*_headings(parts, Kind.TIMELINE), *_lines(parts, Kind.TIMELINE)]
    days = (mention.date() for line in [*dated, *timeline] for mention in find_days(line.text))
    title_days = (mention.date() for mention in find_days(title or ""))
    day = next((day for day in days if day), None) or next((day for day in title_days if day), None)
    zoned = [*_lines(parts, Kind.TIMEZONE), *dated, *timeline]
    zones = (mention.zone for line in zoned for mention in find_zones(line.text))
    return Calendar(day or incident_date, next(zones, None) or known_zone(timezone or ""))


def _lines(parts: Iterable[Part], kind: Kind) -> list[TextLine]:
    return [line for part in parts if part.kind is kind for line in block_lines(part.blocks)]


def _headings(parts: Iterable[Part], kind: Kind) -> list[TextLine]:
    return [TextLine(part.heading, part.line, part.heading) for part in parts if part.kind is kind]


def read_moments(parts: Iterable[Part], calendar: Calendar) -> Moments:
    """A window ("14:30 - 17:45") gives beginning and end; single labels win over it."""
    parts = tuple(parts)
    window = _instants(_lines(parts, Kind.DURATION), calendar)
    date_line = _instants(_lines(parts, Kind.DATE), calendar)
    window = window if len(window) > 1 else date_line
    single = {kind: _instants(_lines(parts, kind), calendar) for kind in (Kind.STARTED, Kind.DETECTED, Kind.RESOLVED)}
    return Moments(
        started_at=next(iter([*single[Kind.STARTED], *window]), None),
        detected_at=next(iter(single[Kind.DETECTED]), None),
        resolved_at=next(iter([*single[Kind.RESOLVED], *window[1:2]]), None),
    )


def _instants(lines: Iterable[TextLine], calendar: Calendar) -> list[datetime]:
    """The instants of all times in the lines; one that is earlier than the one before it belongs to the next day."""
    instants: list[datetime] = []
    day, before = calendar.day, time.min
    for line in lines:
        zone = next((mention.zone for mention in find_zones(line.text)), None)
        for mention in _mentions(line.text):
            if isinstance(mention, DayMention):
                day, before = mention.date() or day, time.min
                continue
            day = next_day(day) if day and mention.time < before else day
            before = mention.time
            at = calendar.at(day, mention.time, zone)
            instants.extend([at] if at else [])
    return instants


def _mentions(text: str) -> list[DayMention | TimeMention]:
    mentions: list[DayMention | TimeMention] = [*find_days(text), *find_times(text)]
    return sorted(mentions, key=lambda mention: mention.start)


def calendar_warnings(parts: Iterable[Part], calendar: Calendar, *, incident_date: date | None, timezone: str | None) -> list[ParseWarning]:
    """What a person should add: a missing date, a day without its year, a time zone."""
    parts = tuple(parts)
    lines = [line for part in parts for line in block_lines(part.blocks)]
    dated = [line for kind in (*DATED, Kind.TIMELINE) for line in _lines(parts, kind)]
    warnings = [] if calendar.day else [*_missing_dates(dated), *_days_without_year(lines)]
    if incident_date and calendar.day == incident_date:
        warnings.extend(_other_days(lines, incident_date))
    elif incident_date:
        text = f"the document gives {calendar.day} as its day: the incident date {incident_date} wasn't used"
        warnings.append(ParseWarning(None, text))
    if timezone and known_zone(timezone) is None:
        warnings.append(ParseWarning(None, f"the time zone “{timezone[:60]}” isn't known and wasn't used"))
    timed = next((line for line in dated if find_times(line.text)), None)
    if timed and calendar.zone is None:
        warnings.append(ParseWarning(timed.line, "no time zone is given: times are read as UTC"))
    return warnings


def _missing_dates(dated: list[TextLine]) -> list[ParseWarning]:
    for line in dated:
        placeholder = PLACEHOLDER.search(line.text[:500])
        if placeholder:
            text = f"the date is missing (“{placeholder[0]}” stands in its place): give the incident's date to place its times"
            return [ParseWarning(line.line, text)]
    timed = next((line for line in dated if find_times(line.text)), None)
    if timed is None:
        return []
    return [ParseWarning(timed.line, "no date is given: give the incident's date to place its times")]


def _days_without_year(lines: list[TextLine]) -> list[ParseWarning]:
    warnings: list[ParseWarning] = []
    for line in lines:
        for mention in find_days(line.text):
            if mention.year is None and len(warnings) < MAX_DAY_WARNINGS:
                text = f"“{mention.text}” is mentioned without a year: it wasn't taken as the incident's date"
                warnings.append(ParseWarning(line.line, text))
    return warnings


def _other_days(lines: list[TextLine], day: date) -> list[ParseWarning]:
    warnings: list[ParseWarning] = []
    for line in lines:
        for mention in find_days(line.text):
            differs = (mention.month, mention.day) != (day.month, day.day)
            if mention.year is None and differs and len(warnings) < MAX_DAY_WARNINGS:
                text = f"“{mention.text}” (without a year) isn't the incident date {day}"
                warnings.append(ParseWarning(line.line, text))
    return warnings
