"""The rules that bring a new document, the last one and people's edits together."""

from hypothesis import given
from hypothesis import strategies as st

from domain.postmortems.reimport import bring_together

VALUES = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 2), min_size=4)


@given(VALUES, VALUES, VALUES)
def test_every_member_is_taken_kept_or_was_right_already(
    present: dict[str, int], imported: dict[str, int], document: dict[str, int]
) -> None:
    outcome = bring_together(present, imported, document)
    for name, value in document.items():
        if present[name] == value:
            assert name not in outcome.changes
            assert name not in outcome.kept
        elif present[name] == imported[name]:
            assert outcome.changes[name] == value
        else:
            assert name in outcome.kept


@given(VALUES, VALUES)
def test_same_document_again_changes_nothing(present: dict[str, int], document: dict[str, int]) -> None:
    assert bring_together(present, document, document).changes == {}


def test_silence_of_the_document_is_no_opinion() -> None:
    assert bring_together({"a": 1}, {"a": 1}, {"a": None}).changes == {}
