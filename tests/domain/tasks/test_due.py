"""A due date keeps its first value, counts its slips and asks why."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidError
from domain.tasks.due import move_due
from domain.tasks.table import Task

DAYS = st.one_of(st.none(), st.dates(date(2020, 1, 1), date(2030, 1, 1)))


@given(st.lists(DAYS))
def test_first_date_is_kept_and_slips_only_grow(days: list[date | None]) -> None:
    task = Task(title="a")
    for day in days:
        before, slips = task.due_on, task.slips
        move_due(task, day, reason="because")
        assert task.due_on == day
        later = before is not None and before != day and (day is None or day > before)
        assert task.slips == slips + later
    assert task.first_due_on == next((day for day in days if day is not None), None)


@pytest.mark.parametrize("reason", ["", " ", "\n\t"])
def test_move_without_a_reason_changes_nothing(reason: str) -> None:
    task = Task(title="a", due_on=date(2026, 8, 10), first_due_on=date(2026, 8, 10))
    for day in (None, date(2026, 8, 9), date(2026, 8, 11)):
        with pytest.raises(InvalidError) as caught:
            move_due(task, day, reason=reason)
        assert caught.value.places[0].at == "/reason"
    assert (task.due_on, task.slips) == (date(2026, 8, 10), 0)
    move_due(task, date(2026, 8, 10), reason="")


def test_first_date_and_earlier_dates_are_no_slips() -> None:
    task = Task(title="a")
    move_due(task, date(2026, 8, 10), reason="")
    move_due(task, date(2026, 8, 10) - timedelta(days=3), reason="sooner")
    assert task.slips == 0
