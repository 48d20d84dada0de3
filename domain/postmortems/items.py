"""What an imported document wants done: its improvements and tasks are made, or changed where they are known."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.activity.record import Act
from domain.improvements.change import change_improvement, create_improvement
from domain.improvements.table import Improvement
from domain.people.find import is_email, person_by_email, person_named
from domain.postmortems.document import Document, Ingested
from domain.postmortems.pairing import match_items
from domain.postmortems.parsed import ParsedImprovement, ParsedPostmortem, ParsedTask
from domain.postmortems.reimport import bring_together, jsonable
from domain.tasks.change import change_task
from domain.tasks.create import NewTask, create_task
from domain.tasks.table import Priority, Task, TaskKind, TaskStatus

LONGEST_DESCRIPTION = 20_000
REASON = "The imported document says so."


async def store_improvements(session: AsyncSession, act: Act, ingested: Ingested, found: Sequence[ParsedImprovement]) -> list[Improvement]:
    """Makes or changes the improvements, and gives them in the document's order."""
    query = select(Improvement).where(Improvement.postmortem_id == ingested.postmortem_id).order_by(col(Improvement.id))
    known = [one for one in (await session.exec(query.with_for_update())).all() if one.imported is not None]
    pairs = await _pair(known, found)
    stored = []
    for index, item in enumerate(found):
        values = {"title": item.title, "description": _description(ingested, item)}
        if index in pairs:
            improvement = known[pairs[index]]
            await _change_improvement(session, act, ingested, improvement=improvement, values=values, line=item.line)
        else:
            improvement = create_improvement(
                session, act, postmortem_id=ingested.postmortem_id, **values, source_line=item.line, imported=values
            )
        stored.append(improvement)
    for left in set(range(len(known))) - set(pairs.values()):
        ingested.warn(None, f"The improvement {known[left].title!r} is no longer in the document; it was kept.")
    await session.flush()
    return stored


async def _change_improvement(
    session: AsyncSession, act: Act, ingested: Ingested, *, improvement: Improvement, values: dict[str, Any], line: int
) -> None:
    present = {name: getattr(improvement, name) for name in values}
    outcome = bring_together(present, improvement.imported or {}, values)
    ingested.warn_kept(outcome.kept, f"The improvement {improvement.title!r}", line=line)
    _warn_renamed(ingested, outcome.changes, "The improvement", before=improvement.title, line=line)
    await change_improvement(session, act, improvement, outcome.changes)
    # That a line moved is no change of what it says.
    improvement.imported, improvement.source_line = values, line


async def store_tasks(
    session: AsyncSession,
    act: Act,
    ingested: Ingested,
    *,
    parsed: ParsedPostmortem,
    improvements: list[Improvement],
    document: Document,
) -> None:
    """Makes or changes the tasks; those that left the document are kept and named."""
    query = select(Task).where(Task.postmortem_id == ingested.postmortem_id).order_by(col(Task.id)).with_for_update()
    known = [task for task in (await session.exec(query)).all() if task.imported is not None]
    pairs = await _pair(known, parsed.tasks)
    for address in sorted({item.owner.strip().lower() for item in parsed.tasks if item.owner and is_email(item.owner)}):
        await person_by_email(session, address, act=act)
    for index, item in enumerate(parsed.tasks):
        values = await _task_values(session, act, ingested, item=item, improvements=improvements)
        if index in pairs:
            await _change_known(session, act, ingested, task=known[pairs[index]], values=values, line=item.line)
        else:
            await _make_task(session, act, ingested, values=values, document=document, line=item.line)
    for left in sorted(set(range(len(known))) - set(pairs.values())):
        if known[left].deleted_at is None:
            ingested.warn(None, f"{known[left].key} {known[left].title!r} is no longer in the document; it was kept.")


async def _pair(known: Sequence[Improvement | Task], found: Sequence[ParsedImprovement | ParsedTask]) -> dict[int, int]:
    """Pairs by what the document called them last time: people may have edited the titles since."""
    said = [str((row.imported or {}).get("title", row.title)) for row in known]
    return await asyncio.to_thread(match_items, said, [item.title for item in found]) if said else {}


async def _task_values(
    session: AsyncSession, act: Act, ingested: Ingested, *, item: ParsedTask, improvements: list[Improvement]
) -> dict[str, Any]:
    """Turns what the document says of a task into columns; None where it says nothing."""
    improvement = improvements[item.improvement_index] if item.improvement_index is not None else None
    return {
        "title": item.title,
        "description": _description(ingested, item),
        "owner_id": await _owner_id(session, act, ingested, item=item),
        "due_on": item.due_on,
        "priority": Priority(item.priority) if item.priority else None,
        "kind": TaskKind(item.kind) if item.kind else None,
        "status": TaskStatus(item.status),
        "improvement_id": improvement.id if improvement else None,
    }


def _description(ingested: Ingested, item: ParsedImprovement | ParsedTask) -> str:
    return ingested.cut(item.description, LONGEST_DESCRIPTION, "The description of this point", line=item.line)


async def _owner_id(session: AsyncSession, act: Act, ingested: Ingested, *, item: ParsedTask) -> UUID | None:
    if item.owner is None:
        return None
    if is_email(item.owner):
        return (await person_by_email(session, item.owner, act=act)).id
    person = await person_named(session, item.owner)
    if person is None:
        ingested.warn(item.line, f"The owner {item.owner!r} is nobody whose name or GitHub login is known; the task has no owner.")
    return person.id if person else None


async def _make_task(session: AsyncSession, act: Act, ingested: Ingested, *, values: dict[str, Any], document: Document, line: int) -> None:
    stated = {name: value for name, value in values.items() if value is not None}
    new = NewTask(
        **stated,
        postmortem_id=ingested.postmortem_id,
        team_id=document.team_id,
        source_url=document.source_url,
        source_line=line,
        imported=jsonable(values),
    )
    await create_task(session, act, new)
    ingested.tasks_made += 1


async def _change_known(session: AsyncSession, act: Act, ingested: Ingested, *, task: Task, values: dict[str, Any], line: int) -> None:
    if task.deleted_at is not None:
        ingested.warn(line, f"{task.key} was deleted here and stays so, although the document still has it.")
        return
    said = jsonable(values)
    before = task.imported or {}
    outcome = bring_together(jsonable({name: getattr(task, name) for name in values}), before, said)
    # A task that went on since the last import is no edit against the document, unless that now says something new.
    kept = [name for name in outcome.kept if name != "status" or said["status"] != before.get("status")]
    ingested.warn_kept(kept, task.key, line=line)
    _warn_renamed(ingested, outcome.changes, task.key, before=task.title, line=line)
    changes = {name: values[name] for name in outcome.changes}
    await change_task(session, act, task, changes, because=REASON)
    task.imported, task.source_line = said, line


def _warn_renamed(ingested: Ingested, changes: dict[str, Any], what: str, *, before: str, line: int) -> None:
    """Two titles that are merely alike may be two things: a person should see which were taken for one."""
    if "title" in changes:
        ingested.warn(line, f"{what} was renamed from {before!r} to {changes['title']!r}.")
