"""A backfill: the tasks that were there before their tracker get their issues, after a look at what that would do."""

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.database import Database, transaction
from domain.errors import UnavailableError
from domain.settings import Settings
from domain.sync.adopt import ENDED, MOST_PAGES, Connect, Found, Search, open_issues
from domain.sync.choose_tasks import Wish, choose_tasks
from domain.sync.claim import Claim
from domain.sync.local import local_fields_read
from domain.sync.merge import canon
from domain.sync.pace import Pacer
from domain.sync.remote import from_json
from domain.tasks.table import Task
from domain.trackers.contract import Adapter, Field, Fields, FieldValue, Place
from domain.trackers.link import IssueLink, LinkState
from domain.trackers.route import Facts, Route, matches
from domain.trackers.table import Tracker, TrackerProject

AT_ONCE = 4
DEADLINE_SECONDS = 25.0


class Action(StrEnum):
    """What a backfill does with a task."""

    CREATE = "create"
    ADOPT = "adopt"
    CHANGE = "change"
    UNROUTED = "unrouted"
    UNCHANGED = "unchanged"


@dataclass(slots=True)
class Step:
    """A task, what is to be done with it, and why; `link` is the one that it has, `found` the issue that becomes its own."""

    task: Task
    action: Action
    reason: str
    project: TrackerProject | None = None
    route: Route | None = None
    link: IssueLink | None = None
    found: Found | None = None

    @property
    def url(self) -> str | None:
        """The issue's address, where there is one."""
        if self.found is not None:
            return self.found.issue.url
        return self.link.url if self.link else None


@dataclass(slots=True)
class Plan:
    """All steps, the oldest task first, what a person should know besides, and how many hours the creations take."""

    steps: list[Step] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    hours: float = 0.0

    def counts(self) -> dict[str, int]:
        """How many tasks there are for each action."""
        found = Counter(step.action for step in self.steps)
        return {action.value: found[action] for action in Action}


@dataclass(frozen=True, slots=True)
class Office:
    """What a backfill works with: `connect` opens a tracker's adapter."""

    database: Database
    settings: Settings
    connect: Connect
    pacer: Pacer
    deadline_seconds: float = DEADLINE_SECONDS


@dataclass(slots=True)
class _Stock:
    """What is known here: all that a plan is made from."""

    tasks: list[Task]
    links: dict[UUID, list[IssueLink]]
    routes: list[Route]
    projects: dict[UUID, TrackerProject]
    trackers: dict[UUID, Tracker]
    notes: list[str]


async def plan_backfill(office: Office, wish: Wish) -> Plan:
    """Looks what a backfill would do; it stores nothing, and reads from trackers only where it looks for issues to adopt.

    Raises UnavailableError, ForbiddenError or ConflictError where a tracker that must be asked can't be, or all takes too long.
    """
    clock = asyncio.timeout(office.deadline_seconds)
    try:
        async with clock:
            return await _plan(office, wish)
    except TimeoutError as error:
        if not clock.expired():
            raise
        text = "To look at all of that took too long: narrow it by team or postmortem, or switch adopt_same_title off."
        raise UnavailableError(text) from error


async def _plan(office: Office, wish: Wish) -> Plan:
    async with transaction(office.database) as session:
        stock = await _take_stock(session, wish)
    plan = Plan([_step(stock, task) for task in stock.tasks], stock.notes)
    adapters = _open_all(office, plan, stock)
    try:
        await _compare(office, plan, stock, adapters=adapters)
        if wish.adopt_same_title:
            await _look_for_issues(office, plan, stock, adapters=adapters)
        plan.hours = _hours(office, plan, adapters)
    finally:
        for adapter in adapters.values():
            adapter.close()
    return plan


async def _take_stock(session: AsyncSession, wish: Wish) -> _Stock:
    routes = list((await session.exec(select(Route).order_by(col(Route.position), col(Route.id)))).all())
    tasks, left = await choose_tasks(session, wish, routes)
    return _Stock(
        tasks,
        await links_of(session, [task.id for task in tasks]),
        routes,
        {row.id: row for row in await session.exec(select(TrackerProject))},
        {row.id: row for row in await session.exec(select(Tracker))},
        left,
    )


async def links_of(session: AsyncSession, task_ids: Iterable[UUID], *, lock: bool = False) -> dict[UUID, list[IssueLink]]:
    """Reads the links of tasks, oldest first, locked until the transaction ends if need be."""
    query = select(IssueLink).where(col(IssueLink.task_id).in_(list(task_ids))).order_by(col(IssueLink.id))
    found: dict[UUID, list[IssueLink]] = defaultdict(list)
    for link in await session.exec(query.with_for_update(key_share=True) if lock else query):
        found[link.task_id].append(link)
    return found


def _step(stock: _Stock, task: Task) -> Step:
    links = stock.links.get(task.id, [])
    linked = next((link for link in links if link.state not in ENDED), None)
    if linked is not None:
        return Step(task, Action.UNCHANGED, "", project=stock.projects[linked.tracker_project_id], link=linked)
    if links:
        # What a person ended, or deleted at the tracker, is not made again by itself.
        return Step(task, Action.UNCHANGED, "its link was ended")
    facts = Facts(task.team_id, task.priority.value, task.kind.value if task.kind else None)
    route = next((route for route in stock.routes if matches(route, facts)), None)
    if route is None:
        return Step(task, Action.UNROUTED, "no route matches it")
    project = stock.projects[route.tracker_project_id]
    return Step(task, Action.CREATE, f"a route sends it to {project.key}", project=project, route=route)


def _open_all(office: Office, plan: Plan, stock: _Stock) -> dict[UUID, Adapter]:
    """Opens the adapter of each tracker that the plan is about, by tracker; nothing is called yet."""
    tracker_ids = dict.fromkeys(step.project.tracker_id for step in plan.steps if step.project is not None)
    return {tracker_id: office.connect(stock.trackers[tracker_id]) for tracker_id in tracker_ids}


async def _compare(office: Office, plan: Plan, stock: _Stock, *, adapters: dict[UUID, Adapter]) -> None:
    """Finds the linked tasks that their issues don't show as they are."""
    for step in plan.steps:
        if step.link is None or step.project is None or step.link.state is not LinkState.LINKED:
            continue
        # Rendering thousands of tasks must not keep other requests waiting, and no transaction is open meanwhile.
        await asyncio.sleep(0)
        claim = _claim(stock, step.project, step.link, adapters[step.project.tracker_id])
        local = await local_fields_read(office.database, claim, step.task, public_url=office.settings.public_url)
        different = _different(step.link, local.fields)
        if different:
            step.action, step.reason = Action.CHANGE, f"the issue doesn't have the task's {', '.join(different)} yet"


def _claim(stock: _Stock, project: TrackerProject, link: IssueLink, adapter: Adapter) -> Claim:
    """The link as the sync would claim it; it is only looked at."""
    place = Place(project.remote_id, link.label_prefix, project.details.get("native") or {})
    return Claim(link, stock.trackers[project.tracker_id], project, adapter, place, link.fence)


def _different(link: IssueLink, local: Fields) -> list[str]:
    """Names the fields that were not agreed as they are now; what the tracker dropped the last time would be dropped again."""
    base, dropped = from_json(link.base), {name: note.get("value") for name, note in link.notes.items()}
    return [name.value for name, value in local.items() if base.get(name) != value and (name not in dropped or dropped[name] != value)]


async def _look_for_issues(office: Office, plan: Plan, stock: _Stock, *, adapters: dict[UUID, Adapter]) -> None:
    """Finds open issues with the very titles of tasks that would get a new one, in a few projects at once."""
    waiting: dict[tuple[UUID, str], list[Step]] = defaultdict(list)
    for step in plan.steps:
        if step.action is Action.CREATE and step.project is not None and step.route is not None:
            waiting[step.project.id, step.route.label_prefix].append(step)
    turns = asyncio.Semaphore(AT_ONCE)
    taken = {project_id: await _linked_issues(office.database, project_id) for project_id, _ in waiting}
    searches = []
    for (project_id, label_prefix), steps in waiting.items():
        project = stock.projects[project_id]
        # Lists may leave native fields out; the sync reads an adopted issue as a whole before it merges anything.
        place = Place(project.remote_id, label_prefix)
        search = Search(stock.trackers[project.tracker_id], project, place, adapters[project.tracker_id], office.pacer, taken[project_id])
        searches.append(_match(office, plan, search, steps=steps, turns=turns))
    # All come to their end before the adapters are closed.
    for error in await asyncio.gather(*searches, return_exceptions=True):
        if error is not None:
            raise error


async def _linked_issues(database: Database, project_id: UUID) -> set[str]:
    async with transaction(database) as session:
        query = select(IssueLink.remote_id).where(IssueLink.tracker_project_id == project_id, col(IssueLink.remote_id).is_not(None))
        return {remote_id for remote_id in await session.exec(query) if remote_id is not None}


async def _match(office: Office, plan: Plan, search: Search, *, steps: list[Step], turns: asyncio.Semaphore) -> None:
    """Gives each task the issue with its title that has the lowest number; every issue goes to one task."""
    limit = search.adapter.capabilities.title_limit
    waiting: dict[FieldValue, deque[Step]] = defaultdict(deque)
    for step in steps:
        waiting[canon(Field.TITLE, step.task.title, title_limit=limit)].append(step)
    async with turns:
        issues, ended = await open_issues(search, allow_private=office.settings.private_trackers)
    if not ended:
        plan.notes.append(f"Of {search.project.key} only {MOST_PAGES} pages of issues were looked at, those that changed longest ago.")
    for issue in sorted(issues, key=lambda issue: (len(issue.remote_id), issue.remote_id)):
        fitting = waiting.get(canon(Field.TITLE, issue.fields.get(Field.TITLE), title_limit=limit))
        if fitting and issue.remote_id not in search.taken:
            search.taken.add(issue.remote_id)
            step = fitting.popleft()
            step.action, step.reason = Action.ADOPT, "an open issue has the same title"
            step.found = Found(search.project, issue, search.place.label_prefix)


def _hours(office: Office, plan: Plan, adapters: dict[UUID, Adapter]) -> float:
    """How long the creations take at most speed; trackers work side by side."""
    made = Counter(step.project.tracker_id for step in plan.steps if step.action is Action.CREATE and step.project is not None)
    rates = {
        tracker_id: adapter.capabilities.pacing.most_creations * office.settings.pace_factor for tracker_id, adapter in adapters.items()
    }
    return round(max((count / rates[tracker_id] for tracker_id, count in made.items()), default=0.0), 2)
