"""Projects of trackers over HTTP: the repositories that tasks may go to."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, delete, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct
from sqlmodel.ext.asyncio.session import AsyncSession

from api.auth import can_admin, can_read
from api.conditional import answer_one, answer_written, check_if_match
from api.guarded import get
from api.house import House, house_of
from api.paging import answer_page, reads
from api.session import act_of
from api.texts import END
from domain.columns import now_utc
from domain.database import transaction
from domain.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError, UnavailableError, pointer
from domain.sync.ask import asked, refuse_resting
from domain.trackers.address import check_address
from domain.trackers.change import add_project, delete_project, find_tracker, lock_project, lock_tracker
from domain.trackers.connect import connect
from domain.trackers.contract import Failure, Project, TrackerError
from domain.trackers.search import PROJECTS, TRACKERS
from domain.trackers.table import Tracker

# A dot or two instead of a name would change the address that is asked; ids are 64-bit numbers.
_NAME = r"(?!\.{1,2}(/|$))[A-Za-z0-9_.-]{1,100}"
ProjectKey = Annotated[str, Meta(pattern=rf"^([1-9][0-9]{{0,17}}|{_NAME}/{_NAME}){END}", description="`org/repo`, or a numeric id.")]


class NativeFields(Struct):
    """Which of a task's fields the project has a field of its own for; the others stand in the issue's text."""

    due_on: bool
    priority: bool


class FailedDeliveryRead(Struct):
    """A webhook that the tracker could not deliver; `guid` is the same in each attempt."""

    guid: str
    event: str
    status: str
    at: datetime


class ProjectHook(Struct):
    """The tracker's webhook to this service (`id` is null where there is none), and which of its deliveries failed.

    `redelivered` is how many of them were asked for again; `error` says why it could not be looked at.
    """

    id: str | None
    active: bool
    events: list[str]
    failed: list[FailedDeliveryRead]
    redelivered: int
    error: str | None
    last_delivery_at: datetime | None


class ProjectRead(Struct):
    """A place for issues; `remote_id` is the tracker's numeric id, which survives a rename.

    `types` are its types of issues. `swept_at` is when changes were last looked for, `last_audit_at` when all issues were, and
    `webhook_at` when the last webhook came in; `hook` is how the tracker's webhook was when it was last looked at.
    """

    id: UUID
    tracker_id: UUID
    remote_id: str
    key: str
    url: str
    issues_enabled: bool
    writable: bool
    native: NativeFields
    types: list[str]
    fetched_at: datetime | None
    swept_at: datetime | None
    last_audit_at: datetime | None
    webhook_at: datetime | None
    hook: ProjectHook | None
    version: int
    created_at: datetime
    updated_at: datetime


class ProjectPage(Struct):
    """A page of projects."""

    items: list[ProjectRead]
    next_cursor: str | None


class ProjectCreate(Struct, forbid_unknown_fields=True):
    """A repository to use."""

    key: ProjectKey


class ProjectController(Controller):
    """The repositories of a tracker."""

    path = "/v1/trackers/{tracker_id:uuid}/projects"
    tags = ["Trackers"]

    @get(operation_id="list_projects", summary="List a tracker's projects", guards=[can_read], opt=reads(PROJECTS, fixed="tracker_id"))
    async def list_projects(self, request: Request[Any, Any, Any], tracker_id: FromPath[UUID]) -> Response[ProjectPage]:
        """Gives the repositories that this tracker may use."""
        return await answer_page(request, PROJECTS, fixed={"tracker_id": [tracker_id]}, parent=(TRACKERS, tracker_id))

    @get("/{project_id:uuid}", operation_id="get_project", summary="Read a project", guards=[can_read])
    async def get_project(
        self, request: Request[Any, Any, Any], tracker_id: FromPath[UUID], project_id: FromPath[UUID]
    ) -> Response[ProjectRead]:
        """Gives one repository of this tracker, with how its sync does."""
        owner = await house_of(request).database.pool.fetchval("SELECT tracker_id FROM tracker_projects WHERE id = $1", project_id)
        if owner != tracker_id:
            raise NotFoundError(f"There is no project {project_id} in this tracker.")
        return await answer_one(request, PROJECTS, project_id)

    @post(
        operation_id="add_project",
        summary="Add a project",
        guards=[can_admin],
        opt={"answers": {201: ("Location", "ETag"), 200: ("Location", "ETag")}},
    )
    async def add_project(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[AsyncSession],
        tracker_id: FromPath[UUID],
        data: JSONBody[ProjectCreate],
    ) -> Response[ProjectRead]:
        """Looks the repository up at the tracker and stores it; again, it brings what is stored of it up to date."""
        house = house_of(request)
        # The tracker is asked before the session's transaction begins with its first statement: nobody waits for a lock meanwhile.
        async with transaction(house.database) as reading:
            seen = await find_tracker(reading, tracker_id)
        project = await _describe(house, seen, data.key)
        if not project.issues_enabled:
            raise ConflictError(f"Issues are switched off in {project.key}.", pointer("/key", "switch issues on in its settings"))
        tracker = await lock_tracker(session, tracker_id)
        if (tracker.base_url, tracker.credentials) != (seen.base_url, seen.credentials):
            raise ConflictError("The tracker was changed while it was asked: try again.")
        row, new = await add_project(session, act_of(request), tracker, project)
        status = 201 if new else 200
        return await answer_written(session, PROJECTS, row.id, status=status, location=f"/v1/trackers/{tracker_id}/projects")

    @delete(
        "/{project_id:uuid}",
        operation_id="delete_project",
        summary="Delete a project",
        guards=[can_admin],
        opt={"if_match": True},
    )
    async def delete_project(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[AsyncSession],
        tracker_id: FromPath[UUID],
        project_id: FromPath[UUID],
    ) -> None:
        """Deletes a repository that no task has an issue in, with the routes to it; at the tracker nothing changes."""
        project = await lock_project(session, tracker_id, project_id)
        check_if_match(request, project)
        await delete_project(session, act_of(request), project)


async def _describe(house: House, tracker: Tracker, key: str) -> Project:
    refuse_resting(tracker, at=now_utc())
    await check_address(tracker.base_url, allow_private=house.settings.private_trackers)
    adapter = connect(tracker, house.vault, house.settings)
    try:
        async with asked(house.pacer, tracker, adapter=adapter):
            return await adapter.describe(key)
    except TrackerError as error:
        raise _explained(error, key) from error
    finally:
        adapter.close()


def _explained(error: TrackerError, key: str) -> Exception:
    if error.failure is Failure.AUTH:
        return ForbiddenError(f"The tracker refused the credentials: {error.text}")
    if error.failure is Failure.GONE or error.http_status in {404, 410}:
        hint = pointer("/key", "check the spelling, and that the credentials may see it")
        return InvalidError(f"The tracker has no {key!r} that these credentials can see.", hint)
    return UnavailableError(f"The tracker could not be asked: {error.text}")
