"""What a tracker dropped without a word: seen by comparing answer and request, shown on the link, and not sent again and again."""

from domain.sync.merge import canon_all
from domain.trackers.contract import Fields, Receipt
from domain.trackers.link import IssueLink

NOTE = "The tracker did not take this value: the credentials may lack the permission, or its workflow doesn't allow it."


def note_dropped(link: IssueLink, sent: Fields, receipt: Receipt) -> None:
    """Notes each sent field whose value the answer doesn't show; a field that was taken loses its note."""
    seen = canon_all(receipt.issue.fields)
    notes = {name: note for name, note in link.notes.items() if name not in {field.value for field in sent}}
    for field, value in sent.items():
        if seen.get(field) != value:
            notes[field.value] = {"text": NOTE, "value": value}
    link.notes = notes


def without_dropped(link: IssueLink, push: Fields) -> Fields:
    """Leaves out the values that the tracker dropped the last time they were sent; a field that needs no push loses its note."""
    link.notes = {name: note for name, note in link.notes.items() if name in {field.value for field in push}}
    return {field: value for field, value in push.items() if link.notes.get(field.value, {}).get("value", ...) != value}
