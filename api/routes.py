"""Routes over HTTP: which task goes to which project."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, delete, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import asdict
from sqlmodel.ext.asyncio.session import AsyncSession

from api.auth import can_admin, can_read
from api.conditional import answer_one, answer_written, check_if_match
from api.guarded import get
from api.paging import answer_page, reads
from api.session import act_of
from api.texts import END, Slug
from domain.errors import InvalidError, pointer
from domain.people.find import team_by_slug
from domain.tasks.table import Priority, TaskKind
from domain.trackers.change import change_row, create_route, delete_route, lock_route
from domain.trackers.route import Route
from domain.trackers.search import ROUTES
from domain.trackers.table import TrackerProject

Position = Annotated[int, Meta(ge=0, le=1_000_000, description="Lower positions are asked first.")]
IssueType = Annotated[
    str, Meta(min_length=1, max_length=100, description="The type of the issues that are made: one of the project's `types`.")
]
LabelPrefix = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9/:._-]{0,19}" + END, description="Labels with this prefix are ours.")]


class RouteRead(Struct):
    """A rule; a condition that is null matches every task."""

    id: UUID
    position: int
    tracker_project_id: UUID
    team: str | None
    priority: Priority | None
    kind: TaskKind | None
    label_prefix: str
    issue_type: str | None
    version: int
    created_at: datetime
    updated_at: datetime


class RoutePage(Struct):
    """A page of routes, in the order in which they are asked."""

    items: list[RouteRead]
    next_cursor: str | None


class RouteCreate(Struct, forbid_unknown_fields=True):
    """A new rule; without conditions it is a default for all tasks."""

    tracker_project_id: UUID
    position: Position = 100
    team: Slug | None = None
    priority: Priority | None = None
    kind: TaskKind | None = None
    label_prefix: LabelPrefix = "ft/"
    issue_type: IssueType | None = None


class RouteChange(Struct, forbid_unknown_fields=True):
    """A merge patch (RFC 7396)."""

    tracker_project_id: UUID | UnsetType = UNSET
    position: Position | UnsetType = UNSET
    team: Slug | None | UnsetType = UNSET
    priority: Priority | None | UnsetType = UNSET
    kind: TaskKind | None | UnsetType = UNSET
    label_prefix: LabelPrefix | UnsetType = UNSET
    issue_type: IssueType | None | UnsetType = UNSET


class RouteController(Controller):
    """Rules that say where a new task's issue is made. The first match wins; without a match a task is not sent."""

    path = "/v1/routes"
    tags = ["Trackers"]

    @get(operation_id="list_routes", summary="List routes", guards=[can_read], opt=reads(ROUTES))
    async def list_routes(self, request: Request[Any, Any, Any]) -> Response[RoutePage]:
        """Gives the routes in the order in which they are asked."""
        return await answer_page(request, ROUTES)

    @get("/{route_id:uuid}", operation_id="get_route", summary="Read a route", guards=[can_read])
    async def get_route(self, request: Request[Any, Any, Any], route_id: FromPath[UUID]) -> Response[RouteRead]:
        """Gives one route."""
        return await answer_one(request, ROUTES, route_id)

    @post(operation_id="create_route", summary="Add a route", guards=[can_admin])
    async def create_route(
        self, request: Request[Any, Any, Any], session: NamedDependency[AsyncSession], data: JSONBody[RouteCreate]
    ) -> Response[RouteRead]:
        """Adds a rule for the tasks that come after it."""
        route = create_route(session, act_of(request), await _columns(session, asdict(data), route=None))
        return await answer_written(session, ROUTES, route.id, status=201, location="/v1/routes")

    @patch("/{route_id:uuid}", operation_id="change_route", summary="Change a route", guards=[can_admin], opt={"if_match": True})
    async def change_route(
        self, request: Request[Any, Any, Any], session: NamedDependency[AsyncSession], route_id: FromPath[UUID], data: JSONBody[RouteChange]
    ) -> Response[RouteRead]:
        """Changes the members that are given."""
        route = await lock_route(session, route_id)
        check_if_match(request, route)
        given = {name: value for name, value in asdict(data).items() if value is not UNSET}
        change_row(session, act_of(request), route, await _columns(session, given, route=route))
        return await answer_written(session, ROUTES, route_id)

    @delete("/{route_id:uuid}", operation_id="delete_route", summary="Delete a route", guards=[can_admin], opt={"if_match": True})
    async def delete_route(self, request: Request[Any, Any, Any], session: NamedDependency[AsyncSession], route_id: FromPath[UUID]) -> None:
        """Deletes a rule; the links that it made stay."""
        route = await lock_route(session, route_id)
        check_if_match(request, route)
        await delete_route(session, act_of(request), route)


async def _columns(session: AsyncSession, given: dict[str, Any], *, route: Route | None) -> dict[str, Any]:
    values = dict(given)
    if "team" in values:
        team = values.pop("team")
        values["team_id"] = (await team_by_slug(session, team)).id if team else None
    if "kind" in values:
        values["task_kind"] = values.pop("kind")
    if values.keys() & {"tracker_project_id", "issue_type"}:
        project_id = values.get("tracker_project_id") or (route.tracker_project_id if route else None)
        issue_type = values["issue_type"] if "issue_type" in values or route is None else route.issue_type
        await _check_project(session, project_id, issue_type)
    return values


async def _check_project(session: AsyncSession, project_id: UUID | None, issue_type: str | None) -> None:
    """Raises InvalidError where there is no such project, or where it doesn't have this type of issue."""
    project = await session.get(TrackerProject, project_id)
    if project is None:
        hint = "use the id of a project, see /v1/trackers/{id}/projects"
        raise InvalidError(f"There is no project {project_id}.", pointer("/tracker_project_id", hint))
    types = project.details.get("types") or []
    if issue_type is not None and issue_type not in types:
        known = f"use one of {', '.join(types)}" if types else "leave it out: this project has no types of issues"
        detail = f"{project.key} has no issues of the type {issue_type!r}."
        raise InvalidError(detail, pointer("/issue_type", f"{known} (POST /v1/trackers/{{id}}/projects again brings them up to date)"))
