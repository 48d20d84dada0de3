"""What a tracker dropped or refused: seen by comparing answer and request, shown on the link, and not sent again and again."""

from collections.abc import Iterable

from domain.trackers.contract import Field, Fields
from domain.trackers.link import IssueLink

NOTE = "The tracker did not take this value: the credentials may lack the permission, or its workflow doesn't allow it."
REFUSED = "The tracker refused this value, so all else was sent without it."
LOCKED = "The issue is locked, so this is not written: it follows when the issue is unlocked."
# An issue can be made and changed without these.
OPTIONAL = frozenset({Field.ASSIGNEE, Field.LABELS, Field.DUE_ON, Field.PRIORITY})


def note_dropped(link: IssueLink, sent: Fields, seen: Fields) -> None:
    """Notes each sent field whose value the answer (canonical) doesn't show; a field that was taken loses its note."""
    notes = {name: note for name, note in link.notes.items() if name not in {field.value for field in sent}}
    for field, value in sent.items():
        if seen.get(field) != value:
            notes[field.value] = {"text": NOTE, "value": value, "instead": seen.get(field)}
    link.notes = notes


def note_refused(link: IssueLink, sent: Fields, wrong: Iterable[Field], *, remote: Fields, optional: frozenset[Field] = OPTIONAL) -> bool:
    """Notes the fields for which a whole request was refused; says whether it can be sent without them."""
    refused = [field for field in wrong if field in sent]
    if not refused or not optional.issuperset(refused):
        return False
    shown = {field.value: {"text": REFUSED, "value": sent[field], "instead": remote.get(field)} for field in refused}
    link.notes = link.notes | shown
    return True


def without_dropped(link: IssueLink, push: Fields, remote: Fields) -> Fields:
    """Leaves out the values that the tracker dropped the last time, as long as it still holds what it held then.

    Where something else is to be sent anyway, dropped ones ride along: the permission may be there again. A field that needs no push
    loses its note.
    """
    link.notes = {name: note for name, note in link.notes.items() if "value" in note and name in {field.value for field in push}}
    tried = {name: (note["value"], note["instead"]) for name, note in link.notes.items()}
    new = {field: value for field, value in push.items() if tried.get(field.value) != (value, remote.get(field))}
    again = {field: value for field, value in push.items() if field is not Field.STATUS and _was_dropped(link, field)}
    return new | again if new else {}


def _was_dropped(link: IssueLink, field: Field) -> bool:
    return bool(link.notes.get(field.value, {}).get("text") == NOTE)


def was_refused(link: IssueLink, field: Field) -> bool:
    """Tells whether a request was refused for the field's value."""
    return bool(link.notes.get(field.value, {}).get("text") == REFUSED)


def say(link: IssueLink, notes: dict[Field, str]) -> None:
    """Adds notes that hold for now alone: they are found again each time the link is looked at."""
    link.notes = link.notes | {field.value: {"text": text} for field, text in notes.items()}
