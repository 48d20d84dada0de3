"""Action items: the points of a list and the rows of a table become tasks, or improvements where the document separates these."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from domain.postmortems.blocks import Block, Grid, Item, Listing, Paragraph
from domain.postmortems.entries import Entry, read_item, read_rows
from domain.postmortems.parsed import ParsedImprovement, ParsedTask, ParseWarning
from domain.postmortems.parts import Part
from domain.postmortems.prose import blocks_text
from domain.postmortems.sections import Kind, looked_for


@dataclass(slots=True)
class Actions:
    """What the action sections hold, in the document's order."""

    improvements: list[ParsedImprovement] = field(default_factory=list)
    tasks: list[ParsedTask] = field(default_factory=list)
    warnings: list[ParseWarning] = field(default_factory=list)


def read_actions(parts: Iterable[Part]) -> Actions:
    """Points under "Improvements" are improvements only where tasks stand apart from them; else all points are tasks."""
    measures = [part for part in parts if part.kind in {Kind.IMPROVEMENTS, Kind.ACTIONS}]
    actions = Actions()
    read = [(part, list(_entries(part, actions.warnings))) for part in measures]
    separated = any(entry.children or part.kind is Kind.ACTIONS for part, entries in read for entry in entries)
    for part, entries in read:
        for entry in entries:
            if part.kind is Kind.IMPROVEMENTS and separated:
                _add_improvement(actions, entry)
            else:
                actions.tasks.append(_task(entry))
    if not actions.tasks:
        text = f"no action items were found; looked for headings such as {looked_for(Kind.ACTIONS)}"
        actions.warnings.append(ParseWarning(None, text))
    return actions


def _entries(part: Part, unread: list[ParseWarning]) -> Iterator[Entry]:
    for block in part.blocks:
        if isinstance(block, Grid):
            yield from read_rows(block, group=part.heading, unread=unread)
        elif isinstance(block, Listing):
            for item in block.items:
                yield from _item_entries(item, part.heading, part.kind, unread=unread)
        elif blocks_text([block]):
            unread.append(_not_a_list(block, part.heading))


def _item_entries(item: Item, heading: str, kind: Kind | None, *, unread: list[ParseWarning]) -> Iterator[Entry]:
    group = _group_name(item)
    nested = [block for block in item.blocks if isinstance(block, Listing)]
    if group and nested and kind is Kind.ACTIONS:
        for child in (child for block in nested for child in block.items):
            yield from _item_entries(child, group, kind, unread=unread)
        unread.extend(_not_a_list(block, group) for block in item.blocks[1:] if block not in nested and blocks_text([block]))
        return
    entry = read_item(item, group=heading, unread=unread, with_children=kind is Kind.IMPROVEMENTS)
    if entry is not None:
        yield entry


def _group_name(item: Item) -> str:
    """The text of a point that only names the points below it ("**Prevention**", "This week:")."""
    first: Block | None = item.blocks[0] if item.blocks else None
    if not isinstance(first, Paragraph) or len(first.lines) != 1:
        return ""
    line = first.lines[0]
    return line.text.rstrip(":") if line.text.endswith(":") or line.lead == line.text else ""


def _not_a_list(block: Block, heading: str) -> ParseWarning:
    line = block.lines[0].line if isinstance(block, Paragraph) else block.line
    return ParseWarning(line, f"this text under “{heading[:80]}” is no list or table: no tasks are read from it")


def _add_improvement(actions: Actions, entry: Entry) -> None:
    index = len(actions.improvements)
    actions.improvements.append(ParsedImprovement(entry.title, entry.line, entry.description))
    actions.tasks.extend(_task(child, index) for child in entry.children)


def _task(entry: Entry, improvement_index: int | None = None) -> ParsedTask:
    return ParsedTask(
        title=entry.title,
        line=entry.line,
        description=entry.description,
        owner=entry.owner,
        due_on=entry.due_on,
        priority=entry.priority,
        kind=entry.kind,
        status="done" if entry.is_done else "open",
        improvement_index=improvement_index,
    )
