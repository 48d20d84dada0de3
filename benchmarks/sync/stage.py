"""One worker's desk in this process, on a real database and Redis, with a sandbox GitHub and a route that sends every task there."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlmodel import col, select, update

from benchmarks.servers import Servers
from benchmarks.sync.github import OWNER_LOGIN, Github
from benchmarks.sync.mailbox import Letter
from domain.activity.record import Act
from domain.activity.table import ActorKind
from domain.bell import Bell
from domain.columns import now_utc
from domain.comments.write import write_comment
from domain.database import open_database, transaction
from domain.logs import set_up_logs
from domain.people.table import Person
from domain.settings import load_settings
from domain.sync.desk import Desk
from domain.sync.inbox import receive_webhook
from domain.sync.reconcile import reconcile
from domain.tasks.change import change_task, lock_task
from domain.tasks.create import NewTask, create_task
from domain.trackers.change import add_project, create_route, create_tracker
from domain.trackers.contract import Project
from domain.trackers.credentials import Vault
from domain.trackers.link import IssueLink
from domain.trackers.table import Tracker, TrackerKind, TrackerProject, TrackerState

# As many as a worker has jobs.
AT_ONCE = 50
IN_ONE_TRANSACTION = 50
# A turn at the tracker that doesn't come within two seconds, as on a busy machine, is put off.
ROUNDS = 5
DESCRIPTION = "Nobody noticed for eleven minutes. Done when the page comes after one failed probe.\n\n" * 4
LABELS = ["detect", "reliability"]


@dataclass(slots=True)
class Stage:
    """What the measures in this process stand on; `secret` signs webhooks."""

    desk: Desk
    github: Github
    tracker_id: UUID
    project_id: UUID
    owner_id: UUID
    secret: str

    async def add_tasks(self, count: int) -> list[UUID]:
        """Makes tasks whose links are due, and gives the ids of the links."""
        tasks: list[UUID] = []
        for start in range(0, count, IN_ONE_TRANSACTION):
            async with transaction(self.desk.database) as session:
                for number in range(start, min(count, start + IN_ONE_TRANSACTION)):
                    new = NewTask(f"Alert on lag {number}", DESCRIPTION, labels=LABELS, due_on=date(2026, 9, 1))
                    tasks.append((await create_task(session, _act(), new)).id)
        async with transaction(self.desk.database) as session:
            query = select(IssueLink.id).where(col(IssueLink.task_id).in_(tasks)).order_by(col(IssueLink.id))
            return list((await session.exec(query)).all())

    async def links(self, ids: Sequence[UUID]) -> list[IssueLink]:
        """Reads links as they are now."""
        async with transaction(self.desk.database) as session:
            return list((await session.exec(select(IssueLink).where(col(IssueLink.id).in_(ids)).order_by(col(IssueLink.id)))).all())

    async def edit(self, ids: Sequence[UUID], changes: Callable[[int], dict[str, Any]]) -> None:
        """Edits the tasks of links as the API does, each in its own way."""
        for number, link in enumerate(await self.links(ids)):
            async with transaction(self.desk.database) as session:
                await change_task(session, _act(), await lock_task(session, link.task_id), changes(number))

    async def comment(self, ids: Sequence[UUID], body: str) -> None:
        """Comments the tasks of links."""
        for link in await self.links(ids):
            async with transaction(self.desk.database) as session:
                await write_comment(session, _act(), await lock_task(session, link.task_id), body)

    async def deliver(self, letters: Sequence[Letter]) -> None:
        """Takes webhooks in as the API does."""
        for letter in letters:
            async with transaction(self.desk.database) as session:
                arguments = {"tracker_id": self.tracker_id, "body": letter.body, "headers": letter.headers}
                await receive_webhook(session, self.desk.vault, **arguments, at=now_utc())  # type: ignore[arg-type]

    async def reconcile(self, ids: Sequence[UUID]) -> float:
        """Reconciles links, as many at once as a worker does; gives the seconds that it took."""
        turns = asyncio.Semaphore(AT_ONCE)

        async def one(link_id: UUID) -> None:
            async with turns:
                await reconcile(self.desk, link_id)

        start = time.perf_counter()
        await asyncio.gather(*map(one, ids))
        return time.perf_counter() - start

    async def reconcile_until_at_rest(self, ids: Sequence[UUID]) -> None:
        """Reconciles links, and again those put off, as a worker does by its poll; raises AssertionError where that doesn't end."""
        await self.reconcile(ids)
        for _ in range(ROUNDS):
            left = [link.id for link in await self.links(ids) if link.due_at is not None]
            if not left:
                break
            await asyncio.sleep(1)
            await self.reconcile(left)
        await self.check_at_rest(ids)

    async def check_at_rest(self, ids: Sequence[UUID]) -> None:
        """Raises AssertionError unless all that was to be done for the links is done."""
        for link in await self.links(ids):
            assert (link.state, link.due_at, link.error_code) == ("linked", None, None), f"{link.state} {link.due_at} {link.error_text}"
            assert link.pushed_version == link.desired_version, "a change was not pushed"

    async def make_links_due(self, ids: Sequence[UUID]) -> None:
        """Lets the time come at which links are looked at again."""
        async with transaction(self.desk.database) as session:
            await session.exec(update(IssueLink).where(col(IssueLink.id).in_(ids)).values(due_at=now_utc()))

    async def close_breaker(self) -> None:
        """Has the tracker called again at once, whatever it failed at."""
        async with transaction(self.desk.database) as session:
            values = {"blocked_until": None, "failures": 0, "state": TrackerState.OK, "state_reason": ""}
            await session.exec(update(Tracker).where(col(Tracker.id) == self.tracker_id).values(**values))

    async def make_project_due(self, **columns: Any) -> None:
        """Lets the time for the next sweep come."""
        values = {"due_at": now_utc() - timedelta(seconds=1), **columns}
        async with transaction(self.desk.database) as session:
            await session.exec(update(TrackerProject).where(col(TrackerProject.id) == self.project_id).values(**values))


def _act() -> Act:
    return Act(ActorKind.SYSTEM, "benchmark", now_utc())


@contextlib.asynccontextmanager
async def opened(servers: Servers, github: Github) -> AsyncIterator[Stage]:
    """Opens a desk; what it logs is written as in production, to /dev/null."""
    settings = load_settings(
        database_url=servers.database_url,
        redis_url=servers.redis_url,
        secret_keys=(servers.secret_key,),
        private_trackers=True,
        pace_factor=10_000.0,
    )
    database = await open_database(servers.database_url, pool_size=20)
    desk = Desk(settings, database, Bell(servers.redis_url, queue_name="benchmark"), Vault(settings.secret_keys))
    try:
        _log_to_nowhere()
        yield await _furnish(desk, github)
    finally:
        await desk.close()
        await desk.bell.close()
        await database.close()


@cache
def _log_to_nowhere() -> None:
    """Stays as it is for the process: loggers keep where they write to."""
    with contextlib.redirect_stderr(open(os.devnull, "w")):  # noqa: PTH123 - a device
        set_up_logs("INFO")


async def _furnish(desk: Desk, github: Github) -> Stage:
    running = github.running
    async with transaction(desk.database) as session:
        owner = Person(email="ana@example.com", name="Ana", github_login=OWNER_LOGIN)
        session.add(owner)
        tracker, secret = await create_tracker(
            session,
            _act(),
            desk.vault,
            kind=TrackerKind.GITHUB,
            name=running.page_url,
            base_url=running.base_url,
            credentials={"token": running.token},
        )
        await session.flush()
        place = Project(str(running.repository_id), running.repository, f"{running.page_url}/{running.repository}")
        project, _ = await add_project(session, _act(), tracker, place)
        await session.flush()
        create_route(session, _act(), {"tracker_project_id": project.id})
    await _know_ourselves(desk, tracker)
    return Stage(desk, github, tracker.id, project.id, owner.id, secret)


async def _know_ourselves(desk: Desk, tracker: Tracker) -> None:
    """Asks once who we are: a process does so only once, so it belongs to no operation."""
    await (await desk.adapter(tracker)).identity()
