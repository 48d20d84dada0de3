"""Routes: which task goes to which project. The first that matches wins; a route without conditions matches all."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import CheckConstraint
from sqlmodel import Field, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.columns import VersionedRow


class Route(VersionedRow, table=True):
    """A rule: NULL in a condition means any. Lower positions are asked first."""

    __tablename__ = "routes"
    __table_args__ = (
        CheckConstraint("priority IN ('P0', 'P1', 'P2', 'P3', 'P4')", name="priority"),
        CheckConstraint("task_kind IN ('mitigate', 'prevent', 'detect', 'process')", name="task_kind"),
        CheckConstraint("label_prefix ~ '^[a-z0-9][a-z0-9/:._-]{0,19}$'", name="label_prefix"),
    )

    position: int = Field(default=100, index=True)
    tracker_project_id: UUID = Field(index=True, foreign_key="tracker_projects.id", ondelete="CASCADE")
    team_id: UUID | None = Field(default=None, index=True, foreign_key="teams.id", ondelete="CASCADE")
    priority: str | None = None
    task_kind: str | None = None
    label_prefix: str = "ft/"
    issue_type: str | None = Field(default=None, max_length=100)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a route may ask of a task."""

    team_id: UUID | None
    priority: str
    kind: str | None


def matches(route: Route, facts: Facts) -> bool:
    """Tells whether every condition of the route that is set holds for the task."""
    return route.team_id in (None, facts.team_id) and route.priority in (None, facts.priority) and route.task_kind in (None, facts.kind)


async def find_route(session: AsyncSession, facts: Facts) -> Route | None:
    """Gives the first route that matches, by position and then age; None means that the task is not sent."""
    routes = await session.exec(select(Route).order_by(col(Route.position), col(Route.id)))
    return next((route for route in routes if matches(route, facts)), None)
