"""A due date with a memory: the first one is kept for ever, and moving it needs a reason."""

from datetime import date

from domain.errors import InvalidError, pointer
from domain.tasks.table import Task


def move_due(task: Task, due_on: date | None, *, reason: str) -> None:
    """Sets the due date. The first date is free; later moves need a reason, and a move to a later day (or to none) counts as a slip."""
    if due_on == task.due_on:
        return
    if task.due_on is not None and not reason.strip():
        raise InvalidError("Moving a due date needs a reason.", pointer("/reason", "say why the date moves; it is kept with the change"))
    if task.due_on is not None and (due_on is None or due_on > task.due_on):
        task.slips += 1
    task.due_on = due_on
    task.first_due_on = task.first_due_on or due_on
