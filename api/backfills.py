"""Backfills over HTTP: tasks that are older than their tracker get their issues, after a look at what that would do."""

from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta, Struct, field, json
from sqlmodel.ext.asyncio.session import AsyncSession

from api.auth import can_sync
from api.house import house_of
from api.raw import raw_json
from api.session import act_of
from api.texts import Slug
from domain.database import Database, transaction
from domain.errors import InvalidError, pointer
from domain.people.find import team_by_slug
from domain.postmortems.search import POSTMORTEMS
from domain.reading import read_one
from domain.sync.backfill import Action, Office, Plan, plan_backfill
from domain.sync.choose_tasks import Wish
from domain.sync.run_backfill import run_backfill
from domain.tasks.table import TaskStatus
from domain.trackers.connect import connect

MOST_ITEMS = 500
OPEN_STATUSES = [TaskStatus.OPEN, TaskStatus.IN_PROGRESS, TaskStatus.BLOCKED]
Limit = Annotated[int, Meta(ge=1, le=5000, description="At most so many tasks: first those that need an issue, the oldest of them first.")]
Statuses = Annotated[list[TaskStatus], Meta(min_length=1, max_length=5, description="Only tasks with one of these statuses.")]


class BackfillCreate(Struct, forbid_unknown_fields=True):
    """Which tasks; with `dry_run` (which is so unless you say otherwise) nothing is done.

    With `adopt_same_title` an open issue with the very title of a task becomes that task's, where a new one would be made else.
    """

    dry_run: bool = True
    team: Slug | None = None
    postmortem_id: UUID | None = None
    status: Statuses = field(default_factory=OPEN_STATUSES.copy)
    adopt_same_title: bool = True
    limit: Limit = 1000


class BackfillCounts(Struct):
    """How many tasks get a new issue, adopt one, are written anew, have no route, and need nothing."""

    create: int
    adopt: int
    change: int
    unrouted: int
    unchanged: int


class BackfillItem(Struct):
    """What is done with a task, and why; `project` and `issue` say where."""

    task_id: UUID
    key: str
    action: Action
    project: str | None
    issue: str | None
    reason: str


class BackfillEstimate(Struct):
    """How many issues are made, and how many hours that takes at the most that the tracker allows."""

    creations: int
    hours: float


class BackfillRead(Struct):
    """What is done, or with `dry_run` would be: the first 500 tasks that need something, and how many `more` there are."""

    dry_run: bool
    counts: BackfillCounts
    items: list[BackfillItem]
    more: int
    notes: list[str]
    estimate: BackfillEstimate


class BackfillController(Controller):
    """Tasks that are older than their tracker or route."""

    path = "/v1/backfills"
    tags = ["Trackers"]

    @post(
        operation_id="create_backfill",
        summary="Backfill tasks into trackers",
        guards=[can_sync],
        status_code=200,
        opt={"answers": {200: ()}},
    )
    async def create_backfill(
        self, request: Request[Any, Any, Any], session: NamedDependency[AsyncSession], data: JSONBody[BackfillCreate]
    ) -> Response[BackfillRead]:
        """Gives every task that a route sends somewhere its issue, a new one or one that is there with the same title.

        Tasks whose issue shows something else than they say are written anew. What is made in the background waits for all that people do.
        Tasks that need an issue come first; `notes` say how many more match than the limit lets through. It takes at most 25 seconds.
        """
        house = house_of(request)
        office = Office(house.database, house.settings, lambda tracker: connect(tracker, house.vault, house.settings), house.pacer)
        wish = await _wish(house.database, data)
        # Trackers are asked before the session's transaction begins with its first statement.
        plan = await plan_backfill(office, wish)
        if not data.dry_run:
            await run_backfill(session, act_of(request), plan)
        return raw_json(json.encode(_shown(plan, dry_run=data.dry_run)))


async def _wish(database: Database, data: BackfillCreate) -> Wish:
    wish = Wish(None, data.postmortem_id, tuple(data.status), data.adopt_same_title, data.limit)
    if data.postmortem_id is not None and await read_one(database.pool, POSTMORTEMS, data.postmortem_id) is None:
        detail = f"There is no postmortem {data.postmortem_id}."
        raise InvalidError(detail, pointer("/postmortem_id", "use the id of a postmortem, see /v1/postmortems"))
    if data.team is None:
        return wish
    async with transaction(database) as session:
        return replace(wish, team_id=(await team_by_slug(session, data.team)).id)


def _shown(plan: Plan, *, dry_run: bool) -> BackfillRead:
    counts = plan.counts()
    items = [
        BackfillItem(step.task.id, step.task.key, step.action, step.project.key if step.project else None, step.url, step.reason)
        for step in plan.steps
        if step.action is not Action.UNCHANGED
    ]
    estimate = BackfillEstimate(counts[Action.CREATE], plan.hours)
    more = max(len(items) - MOST_ITEMS, 0)
    return BackfillRead(dry_run, BackfillCounts(**counts), items[:MOST_ITEMS], more, plan.notes, estimate)
