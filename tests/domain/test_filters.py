"""Filters read any text, or say what would be right."""

import contextlib
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.filters import MOST_VALUES, a_date, a_flag, a_text, an_instant, ids, is_storable, one_of_several, texts
from domain.reading import Filter


class Fruit(StrEnum):
    APPLE = "apple"
    PEAR = "pear"


ALL = [
    one_of_several("", Fruit, ""),
    texts("", ""),
    texts("", "", lower=True),
    ids("", ""),
    a_flag("", ""),
    a_date("", ""),
    an_instant("", ""),
    a_text("", ""),
]


@given(st.sampled_from(ALL), st.text(max_size=600))
def test_any_text_is_read_or_refused_with_a_hint(one: Filter, text: str) -> None:
    with contextlib.suppress(ValueError):
        assert one.parse(text) is not None


@given(st.datetimes(timezones=st.timezones()))
def test_any_instant_is_read_as_what_it_is(instant: datetime) -> None:
    if not is_storable(instant):
        return
    expected = instant.astimezone(UTC)
    if instant.utcoffset() is not None and instant.utcoffset().total_seconds() % 60 == 0:  # type: ignore[union-attr]
        assert an_instant("", "").parse(instant.isoformat()) == expected


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_instant_that_utc_has_no_year_for_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="between the years"):
        an_instant("", "").parse(text)


def test_several_values_are_separated_by_commas() -> None:
    assert one_of_several("", Fruit, "").parse("apple, pear") == ["apple", "pear"]
    assert ids("", "").parse(f"{UUID(int=1)},{UUID(int=2)}") == [UUID(int=1), UUID(int=2)]
    with pytest.raises(ValueError, match="at most"):
        texts("", "").parse(",".join("a" * (MOST_VALUES + 1)))
