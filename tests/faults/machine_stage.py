"""What the state machine plays on: one desk on a real database and Redis, one sandbox GitHub over HTTP, a repository for each play."""

import asyncio
import itertools
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import httpx
import structlog
from sqlmodel import col, select

from domain.activity.record import Act
from domain.activity.table import ActorKind
from domain.bell import Bell
from domain.columns import now_utc
from domain.database import open_database, transaction
from domain.people.table import Person
from domain.sync.desk import Desk
from domain.tasks.create import NewTask, create_task
from domain.tasks.table import Task
from domain.trackers.change import add_project, create_route, create_tracker
from domain.trackers.credentials import Vault
from domain.trackers.link import IssueLink
from domain.trackers.route import Route
from domain.trackers.table import Tracker, TrackerKind, TrackerProject
from sandbox.github_process import RunningGithub, start_github
from tests.faults.machine_mailbox import Mailbox
from tests.faults.machine_remote import People
from tests.people_and_places import settings_for

R = TypeVar("R")
ANA, CLEO, BO = "ana", "cleo", "bo"
LOGINS = {ANA: "ana-r", CLEO: "cleo-k", BO: None}
STRANGER = "stranger-x"
TASKS = 3
FIELDS = [
    {"name": "Due date", "data_type": "date"},
    {"name": "Priority", "data_type": "single_select", "options": ["Urgent", "High", "Medium", "Low"]},
]
_numbers = itertools.count(1)


@dataclass(slots=True)
class Stage:
    """Opened once for all plays; `run` runs a coroutine to its end on the one loop that all of this lives on."""

    runner: asyncio.Runner
    desk: Desk
    sql: Any
    github: RunningGithub
    mailbox: Mailbox
    client: httpx.Client
    people: dict[str, Person] = field(default_factory=dict)

    def run(self, work: Coroutine[Any, Any, R]) -> R:
        """Runs it to its end."""
        return self.runner.run(work)


@dataclass(slots=True)
class Play:
    """One play: a tracker with a new repository, its tasks and their links."""

    stage: Stage
    people: People
    tracker_id: UUID
    project_id: UUID
    tasks: list[UUID]
    links: list[UUID]
    due_field: int | None
    """The id of the issue field that holds the due date; None where the repository's organisation has no issue fields."""

    @property
    def desk(self) -> Desk:
        """The desk of all plays."""
        return self.stage.desk

    async def task(self, number: int) -> Task:
        """Reads a task as it is now."""
        async with transaction(self.desk.database) as session:
            return (await session.exec(select(Task).where(Task.id == self.tasks[number]))).one()

    async def link(self, number: int) -> IssueLink:
        """Reads a task's link as it is now."""
        async with transaction(self.desk.database) as session:
            return (await session.exec(select(IssueLink).where(IssueLink.id == self.links[number]))).one()

    async def issue_number(self, number: int) -> int | None:
        """Gives the number of a task's issue, also where the product doesn't know it yet."""
        return self.people.number_of((await self.link(number)).marker)


@contextmanager
def opened(database_url: str, redis_url: str) -> Iterator[Stage]:
    """Opens the stage; of what the product logs only errors are shown, with the example that fails."""
    structlog.configure(
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()], structlog.make_filtering_bound_logger(40)
    )
    github = start_github(collaborators=[login for login in (*LOGINS.values(), STRANGER) if login])
    # A loop of its own, which is never set as the thread's: the one of other tests stays that.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner, httpx.Client(trust_env=False, timeout=20) as client:
        mailbox = Mailbox(github.page_url)
        stage = runner.run(_open(runner, database_url, redis_url, github, mailbox, client))
        try:
            yield stage
        finally:
            runner.run(_close(stage))
            mailbox.close()
            github.stop()


async def _open(
    runner: asyncio.Runner, database_url: str, redis_url: str, github: RunningGithub, mailbox: Mailbox, client: httpx.Client
) -> Stage:
    settings = settings_for(
        database_url,
        redis_url,
        private_trackers=True,
        pace_factor=10_000,
        probe_seconds=0.01,
        audit_seconds=3600,
        sweep_seconds=3600,
        tracker_timeout_seconds=5,
    )
    database = await open_database(database_url)
    bell = Bell(redis_url, queue_name="state-machine")
    stage = Stage(
        runner, Desk(settings, database, bell, Vault(settings.secret_keys)), await asyncpg.connect(database_url), github, mailbox, client
    )
    async with transaction(database) as session:
        for name, login in LOGINS.items():
            stage.people[name] = Person(email=f"{name}@example.com", name=name.title(), github_login=login)
            session.add(stage.people[name])
    return stage


async def _close(stage: Stage) -> None:
    await stage.desk.close()
    await stage.desk.bell.close()
    await stage.desk.database.close()
    await stage.sql.close()


def act() -> Act:
    """Somebody who works with the API, now."""
    return Act(ActorKind.TOKEN, "machine", now_utc())


async def begin(stage: Stage, *, native: bool = False) -> Play:
    """Begins a play: a repository, a tracker, a route, and the tasks; nothing was sent yet.

    `native` repositories belong to an organisation that has issue fields for the due date and the priority.
    """
    repository = f"{'native' if native else 'acme'}/machine-{next(_numbers)}"
    people = People(stage.github, repository, stage.client)
    people.order("repositories", full_name=repository)
    people.order("clock", skew_seconds=0)
    if native:
        stage.client.put(f"{stage.github.page_url}/_sandbox/organisations/native", json={"fields": FIELDS}).raise_for_status()
    await stage.desk.bell.redis.flushdb()
    tracker, project = await _connect(stage, repository)
    tasks, links = [], []
    for number in range(TASKS):
        task, link = await _new_task(stage, project, f"Task {number}")
        tasks.append(task)
        links.append(link)
    stage.mailbox.empty()
    people.forget_calls()
    due_field = project.details["native"].get("due_on", {}).get("id")
    return Play(stage, people, tracker.id, project.id, tasks, links, due_field)


async def _connect(stage: Stage, repository: str) -> tuple[Tracker, TrackerProject]:
    github, desk = stage.github, stage.desk
    async with transaction(desk.database) as session:
        for route in await session.exec(select(Route)):
            await session.delete(route)
        tracker, secret = await create_tracker(
            session,
            act(),
            desk.vault,
            kind=TrackerKind.GITHUB,
            name=repository,
            base_url=github.base_url,
            credentials={"token": github.token},
        )
    described = await (await desk.adapter(tracker)).describe(repository)
    async with transaction(desk.database) as session:
        project, _ = await add_project(session, act(), tracker, described)
        await session.flush()
        create_route(session, act(), {"tracker_project_id": project.id})
    hook = {
        "name": "web",
        "active": True,
        "events": ["issues", "issue_comment"],
        "config": {"url": stage.mailbox.url, "secret": secret, "content_type": "json"},
    }
    headers = {"Authorization": f"Bearer {github.token}"}
    stage.client.post(f"{github.base_url}/repos/{repository}/hooks", json=hook, headers=headers).raise_for_status()
    return tracker, project


async def _new_task(stage: Stage, project: TrackerProject, title: str) -> tuple[UUID, UUID]:
    async with transaction(stage.desk.database) as session:
        task = await create_task(session, act(), NewTask(title))
        await session.flush()
        query = select(IssueLink).where(col(IssueLink.task_id) == task.id, IssueLink.tracker_project_id == project.id)
        link = (await session.exec(query)).one()
        return task.id, link.id
