"""Postmortems are made, changed and deleted."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlmodel import col, delete, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.activity.record import Act, record
from domain.columns import touch
from domain.errors import ConflictError, InvalidError, NotFoundError, pointer
from domain.postmortems.table import Postmortem, TimelineEvent
from domain.tasks.change import tell_links
from domain.tasks.table import Task


async def lock_postmortem(session: AsyncSession, postmortem_id: UUID) -> Postmortem:
    """Loads a postmortem for changing it, locked until the transaction ends; raises NotFoundError."""
    query = select(Postmortem).where(Postmortem.id == postmortem_id).with_for_update()
    postmortem = (await session.exec(query)).one_or_none()
    if postmortem is None:
        raise NotFoundError(f"There is no postmortem {postmortem_id}.")
    return postmortem


async def create_postmortem(
    session: AsyncSession, act: Act, values: Mapping[str, Any], *, timeline: Sequence[Mapping[str, Any]] = ()
) -> Postmortem:
    """Adds a postmortem with its timeline; raises InvalidError and ConflictError."""
    postmortem = Postmortem(**values, created_at=act.at, updated_at=act.at)
    _check_times(postmortem)
    await _refuse_double_source(session, postmortem)
    session.add(postmortem)
    await session.flush()
    await set_timeline(session, postmortem, timeline)
    record(session, act, "created", subject=postmortem, changes={"title": (None, postmortem.title)})
    return postmortem


async def change_postmortem(
    session: AsyncSession,
    act: Act,
    postmortem: Postmortem,
    changes: Mapping[str, Any],
    *,
    timeline: Sequence[Mapping[str, Any]] | None = None,
) -> bool:
    """Applies the new values (and the whole new timeline, where given) and says whether anything changed."""
    changed = {name: (getattr(postmortem, name), value) for name, value in changes.items() if getattr(postmortem, name) != value}
    for name, (_, value) in changed.items():
        setattr(postmortem, name, value)
    _check_times(postmortem)
    if "source_url" in changed:
        await _refuse_double_source(session, postmortem)
    if timeline is not None and (before := await read_timeline(session, postmortem.id)) != list(timeline):
        await set_timeline(session, postmortem, timeline)
        changed["timeline"] = (f"{len(before)} events", f"{len(timeline)} events")
    shown = {name: values for name, values in changed.items() if not name.startswith(("source_", "imported"))}
    if changed:
        touch(postmortem, act.at)
        record(session, act, "changed", subject=postmortem, changes=shown)
    if "title" in changed:
        await tell_links(session, col(Task.postmortem_id) == postmortem.id, at=act.at)
    return bool(changed)


def _check_times(postmortem: Postmortem) -> None:
    started, resolved = postmortem.started_at, postmortem.resolved_at
    if started and resolved and resolved < started:
        raise InvalidError("The incident would have ended before it began.", pointer("/resolved_at", "use an instant after started_at"))


async def _refuse_double_source(session: AsyncSession, postmortem: Postmortem) -> None:
    if postmortem.source_url is None:
        return
    query = select(Postmortem.id).where(Postmortem.source_url == postmortem.source_url, Postmortem.id != postmortem.id)
    with session.no_autoflush:
        other = (await session.exec(query)).first()
    if other is not None:
        detail = f"The postmortem {other} comes from this address already."
        raise ConflictError(detail, pointer("/source_url", "change that postmortem, or use another address"))


async def read_timeline(session: AsyncSession, postmortem_id: UUID) -> list[dict[str, Any]]:
    """Reads the events of a timeline in order, as `set_timeline` takes them."""
    query = select(TimelineEvent).where(TimelineEvent.postmortem_id == postmortem_id).order_by(col(TimelineEvent.position))
    return [event.model_dump(include={"at", "time", "text", "line"}) for event in await session.exec(query)]


async def set_timeline(session: AsyncSession, postmortem: Postmortem, events: Sequence[Mapping[str, Any]]) -> None:
    """Replaces the timeline."""
    await session.exec(delete(TimelineEvent).where(col(TimelineEvent.postmortem_id) == postmortem.id))
    session.add_all(TimelineEvent(postmortem_id=postmortem.id, position=position, **event) for position, event in enumerate(events))


async def delete_postmortem(session: AsyncSession, act: Act, postmortem: Postmortem) -> None:
    """Deletes a postmortem with its improvements; raises ConflictError while it has tasks, so that none is lost with it."""
    query = select(func.count()).where(col(Task.postmortem_id) == postmortem.id, col(Task.deleted_at).is_(None))
    count = (await session.exec(query)).one()
    if count:
        raise ConflictError(f"This postmortem still has {count} tasks: delete them, or move them elsewhere, first.")
    record(session, act, "deleted", subject=postmortem, changes={"title": (postmortem.title, None)})
    await session.delete(postmortem)
