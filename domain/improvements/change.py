"""Improvements are made, changed and deleted; deleting one keeps its tasks."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.activity.record import Act, record
from domain.columns import touch
from domain.errors import NotFoundError
from domain.improvements.table import Improvement
from domain.tasks.change import change_task, tell_links
from domain.tasks.table import Task


def create_improvement(
    session: AsyncSession,
    act: Act,
    *,
    postmortem_id: UUID,
    title: str,
    description: str = "",
    source_line: int | None = None,
    imported: dict[str, Any] | None = None,
) -> Improvement:
    """Adds an improvement to a postmortem."""
    improvement = Improvement(
        postmortem_id=postmortem_id,
        title=title,
        description=description,
        source_line=source_line,
        imported=imported,
        created_at=act.at,
        updated_at=act.at,
    )
    session.add(improvement)
    record(session, act, "created", subject=improvement, changes={"title": (None, title)})
    return improvement


async def lock_improvement(session: AsyncSession, improvement_id: UUID) -> Improvement:
    """Loads an improvement for changing it, locked until the transaction ends; raises NotFoundError."""
    query = select(Improvement).where(Improvement.id == improvement_id).with_for_update(key_share=True)
    improvement = (await session.exec(query)).one_or_none()
    if improvement is None:
        raise NotFoundError(f"There is no improvement {improvement_id}.")
    return improvement


async def change_improvement(session: AsyncSession, act: Act, improvement: Improvement, changes: Mapping[str, Any]) -> bool:
    """Applies the new values and says whether anything changed."""
    changed = {name: (getattr(improvement, name), value) for name, value in changes.items() if getattr(improvement, name) != value}
    for name, (_, value) in changed.items():
        setattr(improvement, name, value)
    if changed:
        touch(improvement, act.at)
        record(session, act, "changed", subject=improvement, changes=changed)
    if "title" in changed:
        await tell_links(session, col(Task.improvement_id) == improvement.id, at=act.at)
    return bool(changed)


async def delete_improvement(session: AsyncSession, act: Act, improvement: Improvement) -> None:
    """Deletes an improvement; its tasks stay, without a goal."""
    query = select(Task).where(Task.improvement_id == improvement.id).order_by(Task.id).with_for_update(key_share=True)  # type: ignore[arg-type]
    for task in (await session.exec(query)).all():
        await change_task(session, act, task, {"improvement_id": None})
    record(session, act, "deleted", subject=improvement)
    await session.delete(improvement)
