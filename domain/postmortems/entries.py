"""One action item: its title, what else is said about it, and its fields, from a point of a list or a row of a table."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date

from domain.postmortems.blocks import Block, Grid, Item, Listing, Paragraph, Row, TextLine
from domain.postmortems.fields import FIELD_OF, unread_fields
from domain.postmortems.markers import CHECKBOX, Markers, as_done, as_due, as_kind, as_owner, as_priority, read_markers
from domain.postmortems.parsed import TITLE_LENGTH, ParseWarning
from domain.postmortems.parts import label_of
from domain.postmortems.prose import blocks_text


@dataclass(frozen=True, slots=True)
class Entry:
    """An action item before it is known to be a task or an improvement."""

    title: str
    line: int
    description: str = ""
    owner: str | None = None
    due_on: date | None = None
    priority: str | None = None
    kind: str | None = None
    is_done: bool = False
    children: "tuple[Entry, ...]" = field(default=())


def read_item(item: Item, *, group: str, unread: list[ParseWarning], with_children: bool = False) -> Entry | None:
    """The entry of a list's point; None if it has no text. With children, points below it are entries of their own.

    What can't be read is added to `unread`.
    """
    first = item.blocks[0] if item.blocks else None
    if not isinstance(first, Paragraph):
        if blocks_text(item.blocks):
            unread.append(ParseWarning(item.line, "a point that doesn't begin with text isn't read"))
        return None
    lines, fields = _take_fields(first.lines[1:])
    text = " ".join(line.text for line in (first.lines[0], *lines))
    full = " ".join(line.full for line in (first.lines[0], *lines))
    markers = read_markers(text)
    if not markers.text:
        if len(item.blocks) > 1 or not CHECKBOX.fullmatch(text):
            unread.append(ParseWarning(item.line, f"a point without a title isn't read: “{text[:80]}”"))
        return None
    others: list[Block] = []
    children: list[Entry] = []
    for block in item.blocks[1:]:
        if not isinstance(block, Listing):
            others.append(block)
            continue
        below, found = _take_item_fields(block)
        fields.update(found)
        if with_children:
            children.extend(child for point in below.items if (child := read_item(point, group="", unread=unread)))
        elif below.items:
            others.append(below)
    unread.extend(unread_fields(fields, item.line))
    entry = _entry(markers, full if full != text else "", item.line, others)
    return _with_fields(replace(entry, kind=as_kind(group), children=tuple(children)), fields)


def _entry(markers: Markers, full: str, line: int, others: Iterable[Block]) -> Entry:
    title = shortened(markers.text)
    whole = full or (markers.text if title != markers.text else "")
    description = "\n\n".join(part for part in (whole, blocks_text(others)) if part)
    return Entry(title, line, description, markers.owner, markers.due_on, markers.priority, is_done=markers.is_done)


def shortened(text: str) -> str:
    """At most TITLE_LENGTH characters, cut between words and ended with "…"."""
    if len(text) <= TITLE_LENGTH:
        return text
    cut = text[: TITLE_LENGTH - 1]
    words, blank, _ = cut.rpartition(" ")
    return (words if blank and len(words) > TITLE_LENGTH // 2 else cut).rstrip(" ,;:") + "…"


def _take_fields(lines: Iterable[TextLine]) -> tuple[list[TextLine], dict[str, str]]:
    """Lines such as "Owner: Kim" become fields; the others stay."""
    others, fields = [], dict[str, str]()
    for line in lines:
        label, end = label_of(line)
        name = FIELD_OF.get(label.casefold())
        if name in {None, "title"}:
            others.append(line)
        else:
            fields[str(name)] = line.text[end:].strip()
    return others, fields


def _take_item_fields(block: Listing) -> tuple[Listing, dict[str, str]]:
    others, fields = [], dict[str, str]()
    for item in block.items:
        first = item.blocks[0] if len(item.blocks) == 1 else None
        kept, found = _take_fields(first.lines) if isinstance(first, Paragraph) else ([], {})
        fields.update(found)
        if kept or not found:
            others.append(item)
    return Listing(block.line, tuple(others)), fields


def _with_fields(entry: Entry, fields: dict[str, str]) -> Entry:
    """What is said in a field of its own wins over what the text says."""
    return replace(
        entry,
        owner=as_owner(fields.get("owner", "")) or entry.owner,
        due_on=as_due(fields.get("due", "")) or entry.due_on,
        priority=as_priority(fields.get("priority", "")) or entry.priority,
        kind=as_kind(fields.get("kind", "")) or entry.kind,
        is_done=as_done(fields.get("status", "")) or entry.is_done,
    )


def read_rows(grid: Grid, *, group: str, unread: list[ParseWarning]) -> Iterator[Entry]:
    """One entry for each row; the header's words say what a column holds, the first column is the title without them.

    What can't be read is added to `unread`.
    """
    names = [FIELD_OF.get(cell.text.casefold().strip(" :#")) for cell in grid.header.cells]
    title_at = names.index("title") if "title" in names else 0
    for row in grid.rows:
        if title_at < len(row.cells) and row.cells[title_at].text:
            yield _row_entry(row, names, title_at, group=group, unread=unread)
        elif any(cell.text for cell in row.cells):
            said = " | ".join(cell.text for cell in row.cells if cell.text)
            unread.append(ParseWarning(row.line, f"a row without a title isn't read: “{said[:80]}”"))


def _row_entry(row: Row, names: list[str | None], title_at: int, *, group: str, unread: list[ParseWarning]) -> Entry:
    cell = row.cells[title_at]
    markers = read_markers(cell.text)
    fields, unnamed = _take_cells(row, names, title_at)
    unread.extend(unread_fields(fields, row.line))
    full = cell.full if cell.full != cell.text else ""
    entry = _entry(replace(markers, text=markers.text or cell.text), full, row.line, ())
    description = "\n\n".join(part for part in (entry.description, *unnamed) if part)
    return _with_fields(replace(entry, description=description, kind=as_kind(group)), fields)


def _take_cells(row: Row, names: list[str | None], title_at: int) -> tuple[dict[str, str], list[str]]:
    """The fields of a row, and what stands in other columns; of two columns for one field, the first that says something has it."""
    fields, unnamed = dict[str, str](), list[str]()
    for index, (name, cell) in enumerate(zip(names, row.cells, strict=False)):
        if index == title_at or not cell.text:
            continue
        if name in {None, "title"} or name in fields:
            unnamed.append(cell.full)
        else:
            fields[str(name)] = cell.text
    return fields, unnamed
