"""What people did, on both sides, in order: what the state machine holds the product to."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from domain.sync.local import status_in_tracker
from domain.tasks.table import Task
from domain.trackers.contract import Field
from domain.trackers.link import IssueLink
from tests.faults.machine_remote import Document, labels_of, logins_of, status_of
from tests.faults.machine_stage import LOGINS, Play

Side = Literal["here", "there"]
STATUSES = frozenset({"open", "done", "cancelled"})
LABELS = ("alpha", "beta", "gamma")
# Whose owner or assignee the other side can't tell.
NOT_TOLD = "?"


@dataclass(slots=True)
class Edit:
    """A change of one field of one task or issue by a person.

    `agreed`: both sides and the base held the same before it. `seen`: the other side was later found to hold it.
    """

    order: int
    field: str
    side: Side
    value: Any
    agreed: bool
    seen: bool = False


@dataclass(slots=True)
class Story:
    """What happened to one task and its issue."""

    edits: list[Edit] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    inside: list[str] = field(default_factory=list)
    foreign_labels: frozenset[str] = frozenset()
    comments_here: list[str] = field(default_factory=list)
    comments_there: list[str] = field(default_factory=list)
    deleted: bool = False
    locked: bool = False

    def note(self, side: Side, before: dict[str, Any], after: dict[str, Any], *, other: dict[str, Any], base: dict[str, Any]) -> None:
        """Notes what a change changed."""
        for name, value in after.items():
            if value != before[name]:
                agreed = before[name] == other.get(name, NOT_TOLD) == base.get(name, NOT_TOLD)
                self.edits.append(Edit(len(self.edits), name, side, value, agreed))

    def observe(self, here: dict[str, Any], there: dict[str, Any]) -> None:
        """Notes which edits have come to the other side by now."""
        for edit in self.edits:
            other = there if edit.side == "here" else here
            edit.seen = edit.seen or other[edit.field] == edit.value

    def by_field(self) -> Iterator[tuple[str, list[Edit]]]:
        """Gives the edits of each field."""
        grouped: dict[str, list[Edit]] = defaultdict(list)
        for edit in self.edits:
            grouped[edit.field].append(edit)
        yield from grouped.items()


def here_of(task: Task, play: Play) -> dict[str, Any]:
    """Gives a task as far as its issue can show it: a value for each field, and for each label whether it is there."""
    owner = next((name for name, person in play.stage.people.items() if person.id == task.owner_id), None)
    assignee = (LOGINS[owner] or NOT_TOLD) if owner else None
    plain = {"title": " ".join(task.title.split()), "status": status_in_tracker(task, STATUSES), "assignee": assignee}
    due = {"due_on": task.due_on.isoformat() if task.due_on else None} if play.due_field else {}
    return plain | due | {f"label:{name}": name in task.labels for name in LABELS}


def there_of(issue: Document, play: Play) -> dict[str, Any]:
    """Gives an issue in the same form."""
    ours, _ = labels_of(issue)
    plain = {"title": " ".join(issue["title"].split()), "status": status_of(issue), "assignee": next(iter(logins_of(issue)), None)}
    values = {value["issue_field_id"]: value["value"] for value in issue["issue_field_values"]}
    due = {"due_on": values.get(play.due_field)} if play.due_field else {}
    return plain | due | {f"label:{name}": name in ours for name in LABELS}


def base_of(link: IssueLink) -> dict[str, Any]:
    """Gives what both sides last agreed on, in the same form."""
    base = link.base
    plain = {name: base.get(name, NOT_TOLD) for name in (Field.TITLE.value, Field.STATUS.value, Field.ASSIGNEE.value, Field.DUE_ON.value)}
    return plain | {f"label:{name}": name in (base.get("labels") or ()) for name in LABELS}
