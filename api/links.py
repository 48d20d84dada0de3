"""Links over HTTP: a task and its issue, what each side says, and the ledger of what was sent."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, delete, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct, json
from sqlmodel.ext.asyncio.session import AsyncSession

from api.auth import can_read, can_sync, can_write
from api.conditional import answer_one, answer_written, check_if_match
from api.guarded import get
from api.house import house_of
from api.paging import answer_page, reads
from api.raw import raw_json
from api.routes import LabelPrefix
from api.session import act_of
from api.texts import END, Url
from domain.errors import InvalidError, NotFoundError, pointer
from domain.reading import read_one
from domain.sync.adopt import Found, adopt_issue, find_issue
from domain.sync.retry_many import retry_links
from domain.sync.search import ATTEMPTS, LINKS
from domain.sync.send import detach_link, lock_link, retry_link, send_task
from domain.sync.table import Operation, Outcome, Side
from domain.tasks.change import lock_task
from domain.tasks.search import TASKS
from domain.trackers.connect import connect
from domain.trackers.link import LinkState


class FieldConflict(Struct):
    """The last time that both sides had changed a field: which one won, by which rule, and when; /v1/conflicts/{id} has the values."""

    id: UUID
    winner: Side
    rule: str
    at: datetime


class LinkField(Struct):
    """A field when both sides last agreed (`base`), in the task (`local`) and in the tracker as last seen (`remote`).

    `note` says what keeps the sides apart, `conflict` is the last one about this field.
    """

    base: Any
    local: Any
    remote: Any
    note: str | None
    conflict: FieldConflict | None


class LinkError(Struct):
    """Why the sync fails, since when, and how often."""

    code: str
    text: str
    since: datetime
    count: int


class LinkRead(Struct):
    """A task and its issue.

    `behind` tells that the tracker doesn't have the task's latest edit yet, `locked` that nobody may comment there, and `background` that
    the link waits for all others.
    """

    id: UUID
    task_id: UUID
    tracker_project_id: UUID
    state: LinkState
    key: str | None
    url: str | None
    issue_type: str | None
    locked: bool
    background: bool
    fields: dict[str, LinkField]
    error: LinkError | None
    behind: bool
    due_at: datetime | None
    last_synced_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime


class LinkPage(Struct):
    """A page of links."""

    items: list[LinkRead]
    next_cursor: str | None


class LinkCreate(Struct, forbid_unknown_fields=True):
    """Either the project in which an issue is to be made for the task, or the `url` of an issue that is to become the task's."""

    tracker_project_id: UUID | None = None
    url: Url | None = None
    label_prefix: LabelPrefix = "ft/"


class LinksRetry(Struct, forbid_unknown_fields=True):
    """Which links that need attention: those with an error, in a project, of a tracker; at least one, and all that are given count."""

    error_code: Annotated[str, Meta(pattern="^[a-z_]{1,64}" + END)] | None = None
    tracker_project_id: UUID | None = None
    tracker_id: UUID | None = None


class LinksRetried(Struct):
    """How many links were made due."""

    retried: int


class AttemptRead(Struct):
    """A call that changes the tracker; without an outcome it is under way, `ambiguous` means that nobody can tell."""

    id: UUID
    link_id: UUID
    comment_id: UUID | None
    operation: Operation
    fields: list[str]
    started_at: datetime
    finished_at: datetime | None
    outcome: Outcome | None
    http_status: int | None
    remote_request_id: str | None
    error_text: str | None
    calls: int


class AttemptPage(Struct):
    """A page of the ledger."""

    items: list[AttemptRead]
    next_cursor: str | None


class TaskLinkController(Controller):
    """The issues of a task."""

    path = "/v1/tasks/{task_id:uuid}/links"
    tags = ["Links"]

    @get(operation_id="list_task_links", summary="List a task's links", guards=[can_read], opt=reads(LINKS, fixed="task_id"))
    async def list_task_links(self, request: Request[Any, Any, Any], task_id: FromPath[UUID]) -> Response[LinkPage]:
        """Gives the links of one task."""
        return await answer_page(request, LINKS, fixed={"task_id": [task_id]}, parent=(TASKS, task_id))

    @post(operation_id="create_link", summary="Send a task to a project, or adopt an issue", guards=[can_write])
    async def create_link(
        self, request: Request[Any, Any, Any], session: NamedDependency[AsyncSession], task_id: FromPath[UUID], data: JSONBody[LinkCreate]
    ) -> Response[LinkRead]:
        """Makes an issue for the task in a project, besides those that the routes choose, or links it to the issue at an address.

        An adopted issue and its task are merged: each field by its rule, and what loses is kept as a conflict.
        """
        if data.tracker_project_id is not None and data.url is None:
            task = await lock_task(session, task_id)
            project_id = data.tracker_project_id
            link = await send_task(session, act_of(request), task, tracker_project_id=project_id, label_prefix=data.label_prefix)
        elif data.url is not None and data.tracker_project_id is None:
            # The tracker is asked before the session's transaction begins with its first statement.
            found = await _find_issue(request, task_id, data.url, label_prefix=data.label_prefix)
            task = await lock_task(session, task_id)
            link = await adopt_issue(session, act_of(request), task, found)
        else:
            detail = "give either tracker_project_id or url"
            raise InvalidError("This says no one place for the task.", pointer("/tracker_project_id", detail), pointer("/url", detail))
        return await answer_written(session, LINKS, link.id, status=201, location="/v1/links")


async def _find_issue(request: Request[Any, Any, Any], task_id: UUID, url: str, *, label_prefix: str) -> Found:
    house = house_of(request)
    if await read_one(house.database.pool, TASKS, task_id) is None:
        raise NotFoundError(f"There is no task {task_id}.")
    return await find_issue(
        house.database,
        url,
        label_prefix=label_prefix,
        connect=lambda tracker: connect(tracker, house.vault, house.settings),
        allow_private=house.settings.private_trackers,
        pacer=house.pacer,
    )


class LinkController(Controller):
    """The state of the sync."""

    path = "/v1/links"
    tags = ["Links"]

    @get(operation_id="list_links", summary="List links", guards=[can_read], opt=reads(LINKS))
    async def list_links(self, request: Request[Any, Any, Any]) -> Response[LinkPage]:
        """Gives links; `state=needs_attention` are those that wait for a person."""
        return await answer_page(request, LINKS)

    @get("/{link_id:uuid}", operation_id="get_link", summary="Read a link", guards=[can_read])
    async def get_link(self, request: Request[Any, Any, Any], link_id: FromPath[UUID]) -> Response[LinkRead]:
        """Gives one link with the state of each field."""
        return await answer_one(request, LINKS, link_id)

    @get(
        "/{link_id:uuid}/attempts",
        operation_id="list_attempts",
        summary="Read a link's ledger",
        guards=[can_read],
        opt=reads(ATTEMPTS, fixed="link_id"),
    )
    async def list_attempts(self, request: Request[Any, Any, Any], link_id: FromPath[UUID]) -> Response[AttemptPage]:
        """Gives every call that was made to change the issue, with its outcome and the tracker's id of the request."""
        return await answer_page(request, ATTEMPTS, fixed={"link_id": [link_id]}, parent=(LINKS, link_id))

    @post(
        "/{link_id:uuid}/retry",
        operation_id="retry_link",
        summary="Try a link again",
        guards=[can_sync],
        opt={"answers": {202: ("ETag",)}},
    )
    async def retry_link(
        self, request: Request[Any, Any, Any], session: NamedDependency[AsyncSession], link_id: FromPath[UUID]
    ) -> Response[LinkRead]:
        """Makes the link due at once, for example after a person has mended what it needed."""
        link = await lock_link(session, link_id)
        retry_link(session, act_of(request), link)
        return await answer_written(session, LINKS, link_id, status=202)

    @post(
        "/retry",
        operation_id="retry_links",
        summary="Try many links again",
        guards=[can_sync],
        status_code=202,
        opt={"answers": {202: ()}},
    )
    async def retry_links(
        self, request: Request[Any, Any, Any], session: NamedDependency[AsyncSession], data: JSONBody[LinksRetry]
    ) -> Response[LinksRetried]:
        """Makes links due that need attention, for example all that one repository refused; at most 10,000, again for the rest."""
        if data.error_code is None and data.tracker_project_id is None and data.tracker_id is None:
            detail = "give error_code, tracker_project_id or tracker_id"
            raise InvalidError("Which links are to be tried again?", pointer("", detail))
        retried = await retry_links(
            session,
            act_of(request),
            error_codes=None if data.error_code is None else [data.error_code],
            tracker_project_ids=None if data.tracker_project_id is None else [data.tracker_project_id],
            tracker_id=data.tracker_id,
        )
        return raw_json(json.encode(LinksRetried(retried)), status=202)

    @delete("/{link_id:uuid}", operation_id="detach_link", summary="Detach a link", guards=[can_sync], opt={"if_match": True})
    async def detach_link(self, request: Request[Any, Any, Any], session: NamedDependency[AsyncSession], link_id: FromPath[UUID]) -> None:
        """Ends the sync of a task and its issue; both stay as they are."""
        link = await lock_link(session, link_id)
        check_if_match(request, link)
        await detach_link(session, act_of(request), link)
