"""Which tasks a backfill looks at: first those that need an issue, so that the next one goes on where the limit ended this one."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlmodel import and_, case, col, exists, false, func, or_, select, true
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.sync.adopt import ENDED
from domain.tasks.table import Task, TaskStatus
from domain.trackers.link import IssueLink
from domain.trackers.route import Route


@dataclass(frozen=True, slots=True)
class Wish:
    """Which tasks, at most how many of them, and whether open issues with the same title become theirs."""

    team_id: UUID | None = None
    postmortem_id: UUID | None = None
    status: tuple[TaskStatus, ...] = (TaskStatus.OPEN, TaskStatus.IN_PROGRESS, TaskStatus.BLOCKED)
    adopt_same_title: bool = True
    limit: int = 1000


async def choose_tasks(session: AsyncSession, wish: Wish, routes: list[Route]) -> tuple[list[Task], list[str]]:
    """Reads at most so many tasks, and gives them the oldest first, with a sentence on those that the limit leaves out."""
    chosen, turn = _chosen(wish), _turn(routes)
    query = select(Task).where(*chosen).order_by(turn, col(Task.id)).limit(wish.limit)
    tasks = sorted((await session.exec(query)).all(), key=lambda task: task.id)
    # Fewer than the limit are all that there are.
    left = await _count_left(session, chosen, waiting=turn == 0, limit=wish.limit) if len(tasks) == wish.limit else []
    return tasks, left


def _chosen(wish: Wish) -> list[ColumnElement[bool]]:
    chosen: list[ColumnElement[bool]] = [col(Task.deleted_at).is_(None), col(Task.status).in_(wish.status)]
    if wish.team_id is not None:
        chosen.append(col(Task.team_id) == wish.team_id)
    if wish.postmortem_id is not None:
        chosen.append(col(Task.postmortem_id) == wish.postmortem_id)
    return chosen


def _turn(routes: list[Route]) -> ColumnElement[int]:
    """Puts first (0) what gets an issue, then (1) what may have to be written anew, last (2) what nothing is done with."""
    linked = select(IssueLink.id).where(col(IssueLink.task_id) == col(Task.id))
    routed = or_(false(), *(_matched(route) for route in routes))
    alive = linked.where(col(IssueLink.state).not_in(ENDED))
    return case((and_(routed, ~exists(linked)), 0), (exists(alive), 1), else_=2)


def _matched(route: Route) -> ColumnElement[bool]:
    """The same as `domain.trackers.route.matches`, of the tasks in the database."""
    asked = ((col(Task.team_id), route.team_id), (col(Task.priority), route.priority), (col(Task.kind), route.task_kind))
    return and_(true(), *(column == value for column, value in asked if value is not None))


async def _count_left(session: AsyncSession, chosen: list[ColumnElement[bool]], *, waiting: ColumnElement[bool], limit: int) -> list[str]:
    """Says how many tasks the limit leaves out, if any."""
    query = select(func.count(), func.count().filter(waiting)).select_from(Task).where(*chosen)
    count, needy = (await session.exec(query)).one()
    if needy > limit:
        return [f"{count - limit} more tasks match; {needy - limit} of them still need an issue: run this, then again for them."]
    if count > limit:
        return [f"{count - limit} more tasks match, none of which needs a new issue: raise the limit or narrow the choice to see them."]
    return []
