"""Tasks over HTTP."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, delete, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import asdict
from sqlmodel.ext.asyncio.session import AsyncSession

from api.auth import can_read, can_write
from api.conditional import answer_one, answer_written, check_if_match
from api.guarded import get
from api.paging import answer_page, reads
from api.session import act_of
from api.texts import Email, Label, LongText, Reason, Slug, Title, Url
from domain.activity.record import Act
from domain.comments.write import say_farewell
from domain.errors import InvalidError, pointer
from domain.improvements.table import Improvement
from domain.people.find import person_by_email, team_by_slug
from domain.postmortems.table import Postmortem
from domain.tasks.change import change_task, delete_task, lock_task
from domain.tasks.create import NewTask, create_task
from domain.tasks.search import TASKS
from domain.tasks.table import Priority, TaskKind, TaskStatus
from domain.trackers.link import LinkState

Labels = Annotated[list[Label], Meta(max_length=100)]


class Source(Struct):
    """Where something stands in the document that it was imported from."""

    url: str | None
    line: int | None


class TaskLink(Struct):
    """A task's issue, in short; `key` and `url` are null until the issue exists."""

    id: UUID
    state: LinkState
    key: str | None
    url: str | None


class TaskRead(Struct):
    """An action item. `key` is its short name, `overdue` is computed, `links` is empty when no route sends it to a tracker."""

    id: UUID
    key: str
    title: str
    description: str
    kind: TaskKind | None
    priority: Priority
    status: TaskStatus
    reason: str
    owner: str | None
    team: str | None
    due_on: date | None
    first_due_on: date | None
    slips: int
    overdue: bool
    postmortem_id: UUID | None
    improvement_id: UUID | None
    evidence_url: str | None
    labels: list[str]
    links: list[TaskLink]
    source: Source
    version: int
    created_at: datetime
    updated_at: datetime
    closed_at: datetime | None


class TaskPage(Struct):
    """A page of tasks."""

    items: list[TaskRead]
    next_cursor: str | None


class TaskCreate(Struct, forbid_unknown_fields=True):
    """A new task; `owner` is an e-mail address (added to the people where unknown), `team` a slug."""

    title: Title
    description: LongText = ""
    kind: TaskKind | None = None
    priority: Priority = Priority.P2
    status: TaskStatus = TaskStatus.OPEN
    reason: Reason = ""
    owner: Email | None = None
    team: Slug | None = None
    due_on: date | None = None
    postmortem_id: UUID | None = None
    improvement_id: UUID | None = None
    evidence_url: Url | None = None
    labels: Labels = []


class TaskChange(Struct, forbid_unknown_fields=True):
    """A merge patch (RFC 7396). Cancelling needs a `reason`, and so does moving a due date."""

    title: Title | UnsetType = UNSET
    description: LongText | UnsetType = UNSET
    kind: TaskKind | None | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    status: TaskStatus | UnsetType = UNSET
    reason: Reason | UnsetType = UNSET
    owner: Email | None | UnsetType = UNSET
    team: Slug | None | UnsetType = UNSET
    due_on: date | None | UnsetType = UNSET
    postmortem_id: UUID | None | UnsetType = UNSET
    improvement_id: UUID | None | UnsetType = UNSET
    evidence_url: Url | None | UnsetType = UNSET
    labels: Labels | UnsetType = UNSET


class TaskController(Controller):
    """Action items: what was decided after an incident."""

    path = "/v1/tasks"
    tags = ["Tasks"]

    @get(operation_id="list_tasks", summary="List tasks", guards=[can_read], opt=reads(TASKS))
    async def list_tasks(self, request: Request[Any, Any, Any]) -> Response[TaskPage]:
        """Gives tasks, the newest first unless `sort` says otherwise."""
        return await answer_page(request, TASKS)

    @get("/{task_id:uuid}", operation_id="get_task", summary="Read a task", guards=[can_read])
    async def get_task(self, request: Request[Any, Any, Any], task_id: FromPath[UUID]) -> Response[TaskRead]:
        """Gives one task with its links."""
        return await answer_one(request, TASKS, task_id)

    @post(operation_id="create_task", summary="Make a task", guards=[can_write])
    async def create_task(
        self, request: Request[Any, Any, Any], session: NamedDependency[AsyncSession], data: JSONBody[TaskCreate]
    ) -> Response[TaskRead]:
        """Stores a task; where a route matches it becomes an issue soon after."""
        act = act_of(request)
        columns = await _columns(session, act, asdict(data))
        task = await create_task(session, act, NewTask(**columns))
        return await answer_written(session, TASKS, task.id, status=201, location="/v1/tasks")

    @patch("/{task_id:uuid}", operation_id="change_task", summary="Change a task", guards=[can_write], opt={"if_match": True})
    async def change_task(
        self, request: Request[Any, Any, Any], session: NamedDependency[AsyncSession], task_id: FromPath[UUID], data: JSONBody[TaskChange]
    ) -> Response[TaskRead]:
        """Changes the members that are given, and tells the task's issues."""
        act = act_of(request)
        task = await lock_task(session, task_id)
        check_if_match(request, task)
        given = {name: value for name, value in asdict(data).items() if value is not UNSET}
        await change_task(session, act, task, await _columns(session, act, given))
        return await answer_written(session, TASKS, task_id)

    @delete("/{task_id:uuid}", operation_id="delete_task", summary="Delete a task", guards=[can_write], opt={"if_match": True})
    async def delete_task(self, request: Request[Any, Any, Any], session: NamedDependency[AsyncSession], task_id: FromPath[UUID]) -> None:
        """Deletes a task; its issues are told so and closed, never deleted."""
        task, act = await lock_task(session, task_id), act_of(request)
        check_if_match(request, task)
        await delete_task(session, act, task)
        await say_farewell(session, act, task)


async def _columns(session: AsyncSession, act: Act, given: dict[str, Any]) -> dict[str, Any]:
    """Turns what a request says into columns: owner and team into ids, texts trimmed; checks what it refers to."""
    values = dict(given)
    if "owner" in values:
        owner = values.pop("owner")
        values["owner_id"] = (await person_by_email(session, owner, act=act)).id if owner else None
    if "team" in values:
        team = values.pop("team")
        values["team_id"] = (await team_by_slug(session, team)).id if team else None
    if "title" in values:
        values["title"] = " ".join(values["title"].split())
    if "labels" in values:
        values["labels"] = sorted({label.strip().lower() for label in values["labels"]})
    await _check_references(session, values)
    return values


async def _check_references(session: AsyncSession, values: dict[str, Any]) -> None:
    """Raises InvalidError where a task would refer to nothing; a task that serves an improvement belongs to its postmortem."""
    if values.get("postmortem_id") is not None and await session.get(Postmortem, values["postmortem_id"]) is None:
        raise InvalidError(f"There is no postmortem {values['postmortem_id']}.", pointer("/postmortem_id", "use the id of one"))
    if values.get("improvement_id") is None:
        return
    improvement = await session.get(Improvement, values["improvement_id"])
    if improvement is None:
        raise InvalidError(f"There is no improvement {values['improvement_id']}.", pointer("/improvement_id", "use the id of one"))
    if values.get("postmortem_id") not in (None, improvement.postmortem_id):
        detail = "The improvement belongs to another postmortem than the task."
        raise InvalidError(detail, pointer("/improvement_id", "use an improvement of the same postmortem, or leave postmortem_id out"))
    values["postmortem_id"] = improvement.postmortem_id
