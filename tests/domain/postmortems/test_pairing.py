"""Which item of a changed document is which item of the last one."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.postmortems.pairing import match_items

TITLES = st.lists(st.text("abc ", max_size=12), max_size=8)


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


@pytest.mark.parametrize(
    ("known", "found"),
    [
        ("Alpha task", "Beta task"),
        ("Fix alpha", "Fix beta"),
        ("Monitor", "Monitors the database"),
        ("Renew the certificate of the shop by machine", "Review the certificate owner for the shop machines of finance"),
    ],
)
def test_other_task_in_like_words_is_no_pair(known: str, found: str) -> None:
    assert match_items([known], [found]) == {}


@pytest.mark.parametrize(
    ("known", "found"),
    [
        ("Warm caches", "Warm the caches"),
        ("Alert on a cold cache within one minute.", "Alert on a cold cache within five minutes."),
        ("データベースの監視を追加する", "データベースの監視を追加します"),
    ],
)
def test_same_task_in_other_words_is_a_pair(known: str, found: str) -> None:
    assert match_items([known], [found]) == {0: 0}


HARD = {
    "numbered": "Replace the {} component number {n} of the payment system with something different {m}",
    "alike": "Replace the {} component of the payment system with something different",
    "one letter": "{} " + "a " * 120 + "{n}",
    "both ends": "{0} " + "a " * 120 + "{n}{0}",
    "halves": "{0}{0}{0} " + "ab ba " * 20 + "{n} {0}{0}",
    "one word in common": "shop {} {n} {m} {n}{n}{n}",
    "other": "{} dashboards {m} for search and rename every widget number {n}",
}


@pytest.mark.parametrize("form", HARD.values(), ids=HARD.keys())
def test_thousand_changed_items_are_paired_soon(form: str) -> None:
    known = [form.format("alpha", n=n, m=n * 7919) for n in range(1000)]
    found = [form.format("beta", n=n + 1, m=n * 7919) for n in range(1000)]
    begun = time.process_time()
    match_items(known, found)
    assert time.process_time() - begun < 10  # of the processor's time; pairing each with each takes minutes


def test_thousand_renamed_items_are_paired_each_with_its_own() -> None:
    known = [HARD["numbered"].format("alpha", n=n, m=n * 7919) for n in range(1000)]
    found = [HARD["numbered"].format("beta", n=n, m=n * 7919) for n in range(1000)]
    assert match_items(known, found[::-1]) == {999 - n: n for n in range(1000)}
