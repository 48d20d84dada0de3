"""The rules of a task's status: what may follow what, and what a change entails."""

from datetime import datetime

from domain.errors import InvalidError, pointer
from domain.tasks.table import Task, TaskStatus

CLOSED = frozenset({TaskStatus.DONE, TaskStatus.CANCELLED})


def is_closed(status: TaskStatus) -> bool:
    """Tells whether nothing is left to be done."""
    return status in CLOSED


def move_to(task: Task, status: TaskStatus, *, reason: str, at: datetime) -> None:
    """Sets the status, and when the task was closed. Every status may follow every other; cancelling needs a reason."""
    if status is TaskStatus.CANCELLED and not reason.strip():
        raise InvalidError(
            "Cancelling a task needs a reason.",
            pointer("/reason", "say why the task will not be done, so that nobody wonders later"),
        )
    if is_closed(status):
        task.closed_at = at if task.closed_at is None or not is_closed(task.status) else task.closed_at
    else:
        task.closed_at = None
    task.status = status
