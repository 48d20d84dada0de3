"""One action item: its title, what else is said about it, and its fields, from a point of a list or a row of a table."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date

from domain.postmortems.blocks import Block, Grid, Item, Listing, Paragraph, Row, TextLine
from domain.postmortems.markers import Markers, as_done, as_due, as_kind, as_owner, as_priority, read_markers
from domain.postmortems.parsed import TITLE_LENGTH
from domain.postmortems.parts import label_of
from domain.postmortems.prose import blocks_text

# The words over a table's columns and of the labels below an item.
FIELDS = {
    "title": (
        "action",
        "action item",
        "action items",
        "item",
        "task",
        "tasks",
        "what",
        "description",
        "follow up",
        "todo",
        "title",
    ),
    "owner": ("owner", "owners", "assignee", "assigned to", "who", "responsible", "dri", "team"),
    "due": ("due", "due date", "deadline", "when", "date", "target", "target date", "eta"),
    "priority": ("priority", "prio"),
    "status": ("status", "state", "done"),
    "kind": ("type", "kind", "category"),
}
FIELD_OF = {word: name for name, words in FIELDS.items() for word in words}


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


def read_item(item: Item, *, group: str, with_children: bool = False) -> Entry | None:
    """The entry of a list's point; None if it has no text. With children, points below it are entries of their own."""
    first = item.blocks[0] if item.blocks else None
    if not isinstance(first, Paragraph):
        return None
    lines, fields = _take_fields(first.lines[1:])
    text = " ".join(line.text for line in (first.lines[0], *lines))
    full = " ".join(line.full for line in (first.lines[0], *lines))
    markers = read_markers(text)
    if not markers.text:
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
            children.extend(child for point in below.items if (child := read_item(point, group="")))
        elif below.items:
            others.append(below)
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


def read_rows(grid: Grid, *, group: str) -> Iterator[Entry]:
    """One entry for each row; the header's words say what a column holds, the first column is the title without them."""
    names = [FIELD_OF.get(cell.text.casefold().strip(" :#")) for cell in grid.header.cells]
    title_at = names.index("title") if "title" in names else 0
    for row in grid.rows:
        if title_at < len(row.cells) and row.cells[title_at].text:
            yield _row_entry(row, names, title_at, group)


def _row_entry(row: Row, names: list[str | None], title_at: int, group: str) -> Entry:
    cell = row.cells[title_at]
    markers = read_markers(cell.text)
    fields = {name: value.text for name, value in zip(names, row.cells, strict=False) if name and name != "title"}
    unnamed = [
        value.full
        for index, (name, value) in enumerate(zip(names, row.cells, strict=False))
        if index != title_at and name in {None, "title"} and value.text
    ]
    full = cell.full if cell.full != cell.text else ""
    entry = _entry(replace(markers, text=markers.text or cell.text), full, row.line, ())
    description = "\n\n".join(part for part in (entry.description, *unnamed) if part)
    return _with_fields(replace(entry, description=description, kind=as_kind(group)), fields)
