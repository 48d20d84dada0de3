"""Every status may follow every other; what a change entails always holds."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidError
from domain.tasks.status import is_closed, move_to
from domain.tasks.table import Task, TaskStatus

START = datetime(2026, 8, 10, tzinfo=UTC)


@given(st.lists(st.sampled_from(TaskStatus)))
def test_closed_at_says_when_it_was_closed_last_and_only_while_it_is(statuses: list[TaskStatus]) -> None:
    task = Task(title="a")
    closed_at = None
    for step, status in enumerate(statuses):
        at = START + timedelta(hours=step)
        closed_at = (closed_at or at) if is_closed(status) else None
        move_to(task, status, reason="because", at=at)
        assert (task.status, task.closed_at) == (status, closed_at)


def test_cancelling_without_a_reason_changes_nothing() -> None:
    task = Task(title="a")
    with pytest.raises(InvalidError):
        move_to(task, TaskStatus.CANCELLED, reason=" ", at=START)
    assert (task.status, task.closed_at) == (TaskStatus.OPEN, None)
