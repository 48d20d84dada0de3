"""What a tracker dropped without a word: seen by comparing answer and request, shown on the link, and not sent again and again."""

from domain.trackers.contract import Fields
from domain.trackers.link import IssueLink

NOTE = "The tracker did not take this value: the credentials may lack the permission, or its workflow doesn't allow it."


def note_dropped(link: IssueLink, sent: Fields, seen: Fields) -> None:
    """Notes each sent field whose value the answer (canonical) doesn't show; a field that was taken loses its note."""
    notes = {name: note for name, note in link.notes.items() if name not in {field.value for field in sent}}
    for field, value in sent.items():
        if seen.get(field) != value:
            notes[field.value] = {"text": NOTE, "value": value, "instead": seen.get(field)}
    link.notes = notes


def without_dropped(link: IssueLink, push: Fields, remote: Fields) -> Fields:
    """Leaves out the values that the tracker dropped the last time, as long as it still holds what it held then.

    A field that needs no push loses its note.
    """
    link.notes = {name: note for name, note in link.notes.items() if name in {field.value for field in push}}
    tried = {name: (note["value"], note["instead"]) for name, note in link.notes.items()}
    return {field: value for field, value in push.items() if tried.get(field.value) != (value, remote.get(field))}
