"""An outline becomes parts: what a heading or a label in bold announces, and the blocks that belong to it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from domain.postmortems.blocks import Block, Divider, Grid, Listing, Outline, Paragraph, Row, Section, TextLine
from domain.postmortems.sections import FACTS, LABEL_LENGTH, Kind, heading_kind, label_kind

SENTENCE_END = (".", "!", "?", ",", ";")


@dataclass(frozen=True, slots=True)
class Part:
    """Blocks under one heading or label; `kind` is None where the words aren't known."""

    kind: Kind | None
    heading: str
    line: int
    blocks: tuple[Block, ...]
    inherits: bool = False  # the kind comes from the heading above


@dataclass(slots=True)
class _Open:
    kind: Kind | None
    heading: str
    line: int
    inherits: bool = False
    lasting: bool = True  # following paragraphs belong to it too
    blocks: list[Block] = field(default_factory=list)

    def close(self) -> Part:
        return Part(self.kind, self.heading, self.line, tuple(self.blocks), self.inherits)


def divide(outline: Outline, title: TextLine | None) -> tuple[Part, ...]:
    """The document's parts in order; what stands before the first section counts as its summary."""
    parts: list[Part] = []
    above: list[tuple[int, Kind | None]] = []
    for section in outline.sections:
        above = [(level, kind) for level, kind in above if level < section.level]
        opened = _open_section(section, title, above)
        above.append((section.level, None if section.heading in {None, title} else opened.kind))
        parts.extend(_divide_section(section, opened))
    return tuple(part for part in parts if part.blocks or part.heading)


def _open_section(section: Section, title: TextLine | None, above: list[tuple[int, Kind | None]]) -> _Open:
    if section.heading is None or section.heading is title:
        line = section.heading.line if section.heading else 1
        return _Open(Kind.SUMMARY, "", line)
    kind = heading_kind(section.heading.text)
    inherited = next((known for _, known in reversed(above) if known), None)
    return _Open(kind or inherited, section.heading.text, section.heading.line, inherits=kind is None)


def _divide_section(section: Section, opened: _Open) -> Iterator[Part]:
    current = opened
    for block in section.blocks:
        if isinstance(block, Paragraph):
            for following in _divide_paragraph(block, opened, current):
                if following is not current:
                    yield current.close()
                current = following
            continue
        facts, remaining = _take_facts(block, opened)
        yield from facts
        if isinstance(block, Divider) and current is not opened:
            yield current.close()
            current = _again(opened, block.line)
        if remaining is not None:
            current.blocks.append(remaining)
    yield current.close()


def _divide_paragraph(paragraph: Paragraph, opened: _Open, current: _Open) -> Iterator[_Open]:
    """Every open part that the paragraph writes to, in order."""
    if not current.lasting and not _awaits_block(current):
        current = _again(opened, paragraph.lines[0].line)
    lines: list[TextLine] = []
    for line in paragraph.lines:
        started = _announced(line, opened, whole=len(paragraph.lines) == 1)
        if started is None:
            lines.append(line)
            continue
        if lines:
            current.blocks.append(Paragraph(tuple(lines)))
        yield current
        current, rest = started
        lines = [rest] if rest.text else []
    if lines:
        current.blocks.append(Paragraph(tuple(lines)))
    yield current


def _awaits_block(current: _Open) -> bool:
    return not current.blocks


def _again(opened: _Open, line: int) -> _Open:
    return _Open(opened.kind, "", line, opened.inherits)


def _announced(line: TextLine, opened: _Open, *, whole: bool) -> tuple[_Open, TextLine] | None:
    """The part that this line begins, with what is left of the line, or None."""
    if whole and line.lead == line.text and _is_short_heading(line.lead):
        kind = heading_kind(line.lead)
        heading = line.lead.rstrip(": ")
        return _Open(kind or opened.kind, heading, line.line, inherits=kind is None), line.rest_from(len(line.text))
    label, end = label_of(line)
    kind = label_kind(label)
    if kind is None:
        return None
    rest = line if line.text[end - 1 : end + 1].endswith(",") else line.rest_from(end)
    return _Open(kind, label, line.line, lasting=bool(line.lead) and kind not in FACTS), rest


def _is_short_heading(text: str) -> bool:
    return len(text) <= LABEL_LENGTH and not text.endswith(SENTENCE_END)


def label_of(line: TextLine) -> tuple[str, int]:
    """The label at a line's start, in bold or before a colon, and where the text behind it begins; ("", 0) without one."""
    if line.lead and line.text.startswith(line.lead):
        end = len(line.lead)
        following = line.text[end:].lstrip()
        if following.startswith(":"):
            end = line.text.index(":", end) + 1
        label, colon, _ = line.lead.partition(":")
        return (label.strip(), len(label) + 1) if colon else (line.lead, end)
    label, colon, _ = line.text[: LABEL_LENGTH + 1].partition(":")
    return (label.strip(), len(label) + 1) if colon else ("", 0)


def _take_facts(block: Block, opened: _Open) -> tuple[list[Part], Block | None]:
    """Labelled values in a list or a table of two columns at the document's head; other blocks stay as they are."""
    if opened.kind is not Kind.SUMMARY:
        return [], block
    if isinstance(block, Listing):
        return _facts_of_list(block)
    if isinstance(block, Grid) and len(block.header.cells) == 2:
        return _facts_of_table(block)
    return [], block


def _facts_of_list(block: Listing) -> tuple[list[Part], Block | None]:
    facts, others = [], []
    for item in block.items:
        first = item.blocks[0] if item.blocks else None
        line = first.lines[0] if isinstance(first, Paragraph) else None
        label, end = label_of(line) if line else ("", 0)
        kind = label_kind(label)
        if line is None or kind is None or not isinstance(first, Paragraph):
            others.append(item)
            continue
        lines = tuple(part for part in (line.rest_from(end), *first.lines[1:]) if part.text)
        facts.append(Part(kind, label, item.line, (*([Paragraph(lines)] if lines else []), *item.blocks[1:])))
    return facts, Listing(block.line, tuple(others)) if others else None


def _facts_of_table(block: Grid) -> tuple[list[Part], Block | None]:
    facts, others = [], list[Row]()
    for row in (block.header, *block.rows):
        kind = label_kind(row.cells[0].text.rstrip(":")) if len(row.cells) == 2 else None
        if kind is not None and row.cells[1].text:
            facts.append(Part(kind, row.cells[0].text, row.line, (Paragraph((row.cells[1],)),)))
        elif row is not block.header:
            others.append(row)
    return facts, Grid(block.line, block.header, tuple(others)) if others else None
