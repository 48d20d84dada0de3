"""Projects of trackers over HTTP: the repositories that tasks may go to."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct
from sqlmodel.ext.asyncio.session import AsyncSession

from api.auth import can_admin, can_read
from api.conditional import answer_written
from api.guarded import get
from api.house import house_of
from api.paging import answer_page, reads
from api.session import act_of
from api.texts import END
from domain.errors import ConflictError, ForbiddenError, InvalidError, UnavailableError, pointer
from domain.trackers.address import check_address
from domain.trackers.change import add_project, lock_tracker
from domain.trackers.connect import connect
from domain.trackers.contract import Failure, TrackerError
from domain.trackers.search import PROJECTS, TRACKERS

# A dot or two instead of a name would change the address that is asked; ids are 64-bit numbers.
_NAME = r"(?!\.{1,2}(/|$))[A-Za-z0-9_.-]{1,100}"
ProjectKey = Annotated[str, Meta(pattern=rf"^([1-9][0-9]{{0,17}}|{_NAME}/{_NAME}){END}", description="`org/repo`, or a numeric id.")]


class ProjectRead(Struct):
    """A place for issues; `remote_id` is the tracker's numeric id, which survives a rename."""

    id: UUID
    tracker_id: UUID
    remote_id: str
    key: str
    url: str
    fetched_at: datetime | None
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

    @post(operation_id="add_project", summary="Add a project", guards=[can_admin], opt={"answers": {201: ("ETag",), 200: ("ETag",)}})
    async def add_project(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[AsyncSession],
        tracker_id: FromPath[UUID],
        data: JSONBody[ProjectCreate],
    ) -> Response[ProjectRead]:
        """Looks the repository up at the tracker and stores it; again, it brings the stored name up to date."""
        house = house_of(request)
        tracker = await lock_tracker(session, tracker_id)
        await check_address(tracker.base_url, allow_private=house.settings.private_trackers)
        adapter = connect(tracker, house.vault, house.settings)
        try:
            project = await adapter.describe(data.key)
        except TrackerError as error:
            raise _explained(error, data.key) from error
        finally:
            adapter.close()
        if not project.issues_enabled:
            raise ConflictError(f"Issues are switched off in {project.key}.", pointer("/key", "switch issues on in its settings"))
        row, new = await add_project(session, act_of(request), tracker, project)
        status = 201 if new else 200
        return await answer_written(session, PROJECTS, row.id, status=status)


def _explained(error: TrackerError, key: str) -> Exception:
    if error.failure is Failure.AUTH:
        return ForbiddenError(f"The tracker refused the credentials: {error.text}")
    if error.failure is Failure.GONE or error.http_status in {404, 410}:
        hint = pointer("/key", "check the spelling, and that the credentials may see it")
        return InvalidError(f"The tracker has no {key!r} that these credentials can see.", hint)
    return UnavailableError(f"The tracker could not be asked: {error.text}")
