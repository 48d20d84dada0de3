"""The rules that bring a new document, the last one and people's edits together."""

from hypothesis import given
from hypothesis import strategies as st

from domain.postmortems.reimport import bring_together, common_share, match_items

VALUES = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 2), min_size=4)
TITLES = st.lists(st.text("abc ", max_size=12), max_size=8)


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


@given(TITLES, TITLES)
def test_no_item_is_paired_twice(known: list[str], found: list[str]) -> None:
    pairs = match_items(known, found)
    assert len(set(pairs.values())) == len(pairs)
    assert all(0 <= index < len(found) and 0 <= pairs[index] < len(known) for index in pairs)


@given(TITLES)
def test_same_items_in_any_order_are_paired_with_themselves(titles: list[str]) -> None:
    pairs = match_items(titles, titles[::-1])
    assert len(pairs) == len(titles)
    assert all(titles[::-1][index] == titles[known] for index, known in pairs.items())


def test_changed_item_is_paired_with_what_it_was_and_a_new_one_with_nothing() -> None:
    known = ["Alert on a cold cache", "Warm the cache before traffic arrives"]
    assert match_items(known, ["Warm the caches before the traffic arrives", "Buy a boat", "Alert on a cold cache"]) == {2: 0, 0: 1}


def test_share_of_common_lines_ignores_order_and_blank_lines() -> None:
    assert common_share("a\n\nb\n", " b\r\na") == 1
    assert common_share("a\nb", "c") == 0
    assert common_share("", "") == 0
