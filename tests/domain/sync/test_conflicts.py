"""What a chosen side means for each field of a task."""

from datetime import date
from typing import Any
from uuid import UUID

import pytest

from domain.activity.record import Act
from domain.activity.table import ActorKind
from domain.columns import now_utc
from domain.database import transaction
from domain.errors import InvalidError
from domain.sync.conflicts import find_conflict, resolve_conflict
from domain.sync.table import Side, SyncConflict
from domain.tasks.table import Priority, Task, TaskStatus
from domain.trackers.contract import Field
from tests.people_and_places import World, new_task

PERSON = Act(ActorKind.TOKEN, "a person", now_utc())


async def conflict_about(world: World, field: Field, local: Any, remote: Any, **members: Any) -> tuple[UUID, UUID]:
    """A conflict that the task's side won; gives its id and the task's."""
    task = await new_task(world, **members)
    async with transaction(world.app.state.house.database) as session:
        conflict = SyncConflict(
            link_id=UUID(task["links"][0]["id"]), field=field.value, base=None, local=local, remote=remote, winner=Side.LOCAL, rule="a test"
        )
        session.add(conflict)
    return conflict.id, UUID(task["id"])


async def choose(world: World, conflict_id: UUID, side: Side) -> None:
    async with transaction(world.app.state.house.database) as session:
        await resolve_conflict(session, PERSON, await find_conflict(session, conflict_id), side)


async def task_of(world: World, task_id: UUID) -> Task:
    async with transaction(world.app.state.house.database) as session:
        task = await session.get(Task, task_id)
    assert task is not None
    return task


@pytest.mark.parametrize(
    ("field", "value", "column", "expected"),
    [
        (Field.TITLE, "Theirs", "title", "Theirs"),
        (Field.LABELS, ["database"], "labels", ["database"]),
        (Field.STATUS, "done", "status", TaskStatus.DONE),
        (Field.STATUS, "cancelled", "status", TaskStatus.CANCELLED),
        (Field.DUE_ON, "2026-08-24", "due_on", date(2026, 8, 24)),
        (Field.DUE_ON, None, "due_on", None),
        (Field.PRIORITY, "P0", "priority", Priority.P0),
        (Field.ASSIGNEE, "Ana-R", "owner_id", UUID("0192f0c4-0000-7000-8000-000000000001")),
        (Field.ASSIGNEE, None, "owner_id", None),
    ],
)
async def test_chosen_value_goes_into_the_task(routed: World, field: Field, value: Any, column: str, expected: Any) -> None:
    conflict_id, task_id = await conflict_about(routed, field, None, value, due_on="2026-08-17", owner="bo@example.com")
    await choose(routed, conflict_id, Side.REMOTE)
    assert getattr(await task_of(routed, task_id), column) == expected


async def test_cancelling_and_moving_keep_why(routed: World) -> None:
    conflict_id, task_id = await conflict_about(routed, Field.STATUS, "open", "cancelled")
    await choose(routed, conflict_id, Side.REMOTE)
    assert (await task_of(routed, task_id)).reason == "Chosen in a conflict with the issue."


async def test_open_issue_leaves_a_task_in_progress(routed: World) -> None:
    conflict_id, task_id = await conflict_about(routed, Field.STATUS, "done", "open", status="in_progress")
    await choose(routed, conflict_id, Side.REMOTE)
    assert (await task_of(routed, task_id)).status is TaskStatus.IN_PROGRESS


async def test_title_or_priority_that_is_missing_is_refused(routed: World) -> None:
    for field in (Field.TITLE, Field.PRIORITY, Field.STATUS):
        conflict_id, _ = await conflict_about(routed, field, "P1", None)
        with pytest.raises(InvalidError, match="no value"):
            await choose(routed, conflict_id, Side.REMOTE)


async def test_choice_is_recorded(routed: World) -> None:
    conflict_id, _ = await conflict_about(routed, Field.TITLE, "Ours", "Theirs")
    await choose(routed, conflict_id, Side.REMOTE)
    row = await routed.sql.fetchrow("SELECT subject_kind, changes::text FROM activities WHERE action = 'resolved_conflict'")
    assert tuple(row) == ("link", '{"title": ["local", "remote"]}')
