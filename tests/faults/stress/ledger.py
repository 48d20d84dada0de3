"""What people did during the stress run, with the time at which each edit had taken effect."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Side = Literal["here", "there"]


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of one field: it took effect between `sent_at` and `at`."""

    task_id: str
    field: str
    side: Side
    value: Any
    sent_at: datetime
    at: datetime


@dataclass(slots=True)
class Ledger:
    """All edits: those of a field that has one value, and the words that must be found again."""

    edits: list[Edit] = field(default_factory=list)

    def note(self, task_id: str, name: str, side: Side, value: Any, *, sent_at: datetime, at: datetime) -> None:
        """Adds an edit."""
        self.edits.append(Edit(task_id, name, side, value, sent_at, at))

    def by_task_and_field(self) -> Iterator[tuple[tuple[str, str], list[Edit]]]:
        """Gives the edits of each field of each task, in the order in which they took effect."""
        grouped: dict[tuple[str, str], list[Edit]] = defaultdict(list)
        for edit in sorted(self.edits, key=lambda edit: edit.at):
            grouped[edit.task_id, edit.field].append(edit)
        yield from grouped.items()

    def count(self, side: Side) -> int:
        """Counts the edits of a side."""
        return sum(edit.side == side for edit in self.edits)

    def pushes(self) -> int:
        """Counts the edits that must have reached an issue through us: the floor of what is written."""
        return sum(edit.side == "here" and edit.field != "comment" for edit in self.edits)
