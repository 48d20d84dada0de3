"""A desk on a real database, with one tracker, one project, one task and its link."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from domain.activity.record import Act
from domain.activity.table import ActorKind
from domain.bell import Bell
from domain.columns import now_utc
from domain.database import open_database, transaction
from domain.sync.claim import Claim, place_of
from domain.sync.desk import Desk
from domain.tasks.create import NewTask, create_task
from domain.tasks.table import Task
from domain.trackers.change import add_project, create_route, create_tracker
from domain.trackers.contract import Project
from domain.trackers.credentials import Vault
from domain.trackers.link import IssueLink
from domain.trackers.table import Tracker, TrackerKind, TrackerProject
from tests.people_and_places import World, settings_for


@dataclass(slots=True)
class Scene:
    """What the tests of the sync stand on; `secret` signs the tracker's webhooks."""

    desk: Desk
    act: Act
    tracker: Tracker
    secret: str
    project: TrackerProject
    task: Task
    link: IssueLink

    async def read(self) -> IssueLink:
        """Reads the link as it is now."""
        async with transaction(self.desk.database) as session:
            return (await session.exec(select(IssueLink).where(IssueLink.id == self.link.id))).one()

    async def claim(self) -> Claim:
        """Gives a claim as a worker would hold it now."""
        link = await self.read()
        adapter = await self.desk.adapter(self.tracker)
        return Claim(link, self.tracker, self.project, adapter, place_of(link, self.project), link.fence)

    async def write(self, **columns: Any) -> None:
        """Sets columns of the link."""
        async with transaction(self.desk.database) as session:
            link = (await session.exec(select(IssueLink).where(IssueLink.id == self.link.id).with_for_update())).one()
            for name, value in columns.items():
                setattr(link, name, value)


@pytest.fixture
async def scene(world: World, database_url: str, redis_url: str) -> AsyncIterator[Scene]:
    """The scene; the tracker's address is one where nobody listens."""
    settings = settings_for(database_url, redis_url, private_trackers=True)
    database = await open_database(database_url)
    desk = Desk(settings, database, Bell(redis_url, queue_name="sync-tests"), Vault(settings.secret_keys))
    act = Act(ActorKind.SYSTEM, "tests", now_utc() - timedelta(seconds=1))
    async with transaction(database) as session:
        tracker, secret = await create_tracker(
            session,
            act,
            desk.vault,
            kind=TrackerKind.GITHUB,
            name="GitHub",
            base_url="http://127.0.0.1:9/api/v3",
            credentials={"token": "ghp_none"},
        )
        await session.flush()
        project, _ = await add_project(session, act, tracker, Project("4711", "acme/shop", "https://github.example/acme/shop"))
        await session.flush()
        create_route(session, act, {"tracker_project_id": project.id})
        await session.flush()
        task = await create_task(session, act, NewTask("Raise the pool size"))
        await session.flush()
        link = (await session.exec(select(IssueLink).where(IssueLink.task_id == task.id))).one()
    yield Scene(desk, act, tracker, secret, project, task, link)
    await desk.close()
    await desk.bell.close()
    await database.close()
