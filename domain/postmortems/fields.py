"""The fields of an action item: the words that announce them, and which of their values can't be read."""

from collections.abc import Callable, Iterator, Mapping

from domain.postmortems.markers import NOBODY, as_done, as_due, as_kind, as_open, as_priority
from domain.postmortems.parsed import ParseWarning

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


def unread_fields(fields: Mapping[str, str], line: int) -> Iterator[ParseWarning]:
    """Warns of values that say something, but nothing that can be stored."""
    for name, (is_read, wanted) in READERS.items():
        value = fields.get(name, "").strip()
        if value.strip("()[] ").casefold() not in NOBODY and not is_read(value):
            yield ParseWarning(line, f"the {name} “{value[:80]}” isn't read: {wanted}")


READERS: dict[str, tuple[Callable[[str], bool], str]] = {
    "due": (lambda text: as_due(text) is not None, "it is no date with its year"),
    "status": (lambda text: as_done(text) or as_open(text), "it says neither that the work is done nor that it is open"),
    "priority": (lambda text: as_priority(text) is not None, "it is none of P0 to P4"),
    "kind": (lambda text: as_kind(text) is not None, "it names none of mitigate, prevent, detect and process, or several"),
}
