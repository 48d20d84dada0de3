"""A postmortem's Markdown becomes what it says: pure, for any text, with a warning for what needs a person."""

from collections.abc import Iterable
from datetime import date

from domain.postmortems.actions import read_actions
from domain.postmortems.blocks import Outline, Paragraph, TextLine
from domain.postmortems.dates import find_days, find_times
from domain.postmortems.facts import Calendar, calendar_warnings, read_calendar, read_moments
from domain.postmortems.outline import read_outline
from domain.postmortems.parsed import ParsedPostmortem, ParseWarning
from domain.postmortems.parts import Part, divide, label_of
from domain.postmortems.prose import block_lines, blocks_text, part_points, part_text
from domain.postmortems.sections import FACTS, Kind, heading_kind, label_kind
from domain.postmortems.timeline import detected_at, read_timeline

MAX_WARNINGS = 100


def parse_postmortem(source: str, *, incident_date: date | None = None, timezone: str | None = None) -> ParsedPostmortem:
    """Reads a whole document and raises nothing, whatever the text.

    `incident_date` and `timezone` (an IANA name or an offset such as "+02:00") are used where the document gives none.
    Lines count from 1. A time without any zone is read as UTC, with a warning.
    """
    outline = read_outline(source)
    if not outline.sections and not outline.front_matter:
        return ParsedPostmortem(warnings=(ParseWarning(None, "the document is empty"),))
    heading = _title(outline)
    front, unread = _front_matter(outline)
    parts = (*front, *divide(outline, heading))
    title, title_line = _title_text(heading, parts)
    calendar = read_calendar(parts, title, incident_date=incident_date, timezone=timezone)
    warnings = [*outline.warnings, *unread, *_unknown(parts)]
    warnings += calendar_warnings(parts, calendar, incident_date=incident_date, timezone=timezone)
    if title is None:
        warnings.append(ParseWarning(None, "the document has no title"))
    return _read(parts, calendar, warnings, title=title, title_line=title_line)


def _title(outline: Outline) -> TextLine | None:
    """The first heading, unless its words announce a section."""
    first = next((section for section in outline.sections if section.heading), None)
    if first is None or first.heading is None:
        return None
    known = label_kind(first.heading.text) if first.level == 1 else heading_kind(first.heading.text)
    return None if known else first.heading


def _title_text(heading: TextLine | None, parts: Iterable[Part]) -> tuple[str | None, int | None]:
    if heading is not None:
        return heading.text, heading.line
    labelled = (line for part in parts if part.kind is Kind.TITLE for line in block_lines(part.blocks))
    line = next(labelled, None)
    return (line.text, line.line) if line else (None, None)


def _front_matter(outline: Outline) -> tuple[list[Part], list[ParseWarning]]:
    """The known fields of a front matter as parts; the names of the others in a warning."""
    parts, unknown = [], list[str]()
    for line in outline.front_matter:
        label, end = label_of(line)
        kind = label_kind(label)
        value = line.rest_from(end)
        if kind and value.text:
            text = value.text.strip("\"'")
            parts.append(Part(kind, label, line.line, (Paragraph((TextLine(text, line.line, text),)),)))
        elif label:
            unknown.append(label)
    if not unknown:
        return parts, []
    names = ", ".join(f"“{name}”" for name in unknown[:10])
    return parts, [ParseWarning(outline.front_matter[0].line, f"fields of the front matter that aren't read: {names}")]


def _unknown(parts: Iterable[Part]) -> list[ParseWarning]:
    return [
        ParseWarning(part.line, f"“{part.heading[:80]}” isn't a section that is read: its text was left out")
        for part in parts
        if part.kind is None and part.heading and part.blocks
    ]


def _read(
    parts: tuple[Part, ...], calendar: Calendar, warnings: list[ParseWarning], *, title: str | None, title_line: int | None
) -> ParsedPostmortem:
    moments = read_moments(parts, calendar)
    timeline, timeline_warnings = read_timeline(parts, calendar)
    actions = read_actions(parts)
    return ParsedPostmortem(
        title=title,
        title_line=title_line,
        summary=_summary(parts),
        severity=part_text(parts, Kind.SEVERITY) or None,
        impact=part_text(parts, Kind.IMPACT),
        started_at=moments.started_at,
        detected_at=moments.detected_at or detected_at(timeline),
        resolved_at=moments.resolved_at,
        timezone=calendar.zone,
        root_causes=part_points(parts, Kind.ROOT_CAUSE),
        contributing_factors=part_points(parts, Kind.FACTORS),
        resolution=part_text(parts, Kind.RESOLUTION),
        lessons=part_text(parts, Kind.LESSONS),
        incident_date=calendar.day,
        timeline=timeline,
        improvements=tuple(actions.improvements),
        tasks=tuple(actions.tasks),
        conclusion=part_text(parts, Kind.CONCLUSION),
        warnings=_ordered([*warnings, *timeline_warnings, *actions.warnings]),
    )


def _summary(parts: tuple[Part, ...]) -> str:
    """The summary, then how the incident was detected, for which there is no field of its own."""
    detection = part_text(parts, Kind.DETECTION)
    texts = [part_text(parts, Kind.SUMMARY), _unplaced_facts(parts), f"Detection: {detection}" if detection else ""]
    return "\n\n".join(text for text in texts if text)


def _unplaced_facts(parts: tuple[Part, ...]) -> str:
    """Labelled values in words ("Duration: about three hours"), which no field can hold."""
    placed = {Kind.TITLE, Kind.SEVERITY, Kind.TIMEZONE}
    facts = [part for part in parts if part.kind in FACTS - placed and part.blocks]
    return "\n".join(f"{part.heading}: {blocks_text(part.blocks)}" for part in facts if not _is_placed(part))


def _is_placed(part: Part) -> bool:
    lines = list(block_lines(part.blocks))
    return any(find_days(line.text) or find_times(line.text) for line in lines)


def _ordered(warnings: list[ParseWarning]) -> tuple[ParseWarning, ...]:
    """By line, what concerns the whole document last; each once, and not without end."""
    unique = sorted(set(warnings), key=lambda warning: (warning.line is None, warning.line or 0, warning.text))
    if len(unique) <= MAX_WARNINGS:
        return tuple(unique)
    return (*unique[:MAX_WARNINGS], ParseWarning(None, f"and {len(unique) - MAX_WARNINGS} more warnings"))
