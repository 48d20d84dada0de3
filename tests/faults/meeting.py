"""A task that meets its issue in a repository of its own, with all that a test needs to steer the sandbox and to look at both sides."""

import json
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlmodel import col, select

from domain.columns import now_utc
from domain.database import transaction
from domain.people.table import Person
from domain.sync.audit import audit
from domain.sync.dispatch import due_links
from domain.sync.pace import Pacer
from domain.sync.reconcile import reconcile
from domain.sync.sweep import sweep
from domain.sync.table import InboxEntry
from domain.tasks.change import change_task, lock_task
from domain.tasks.create import NewTask, create_task
from domain.trackers.link import IssueLink, LinkState
from domain.trackers.table import Tracker, TrackerProject
from sandbox.github_process import RunningGithub, start_github
from tests.domain.sync.conftest import Scene
from tests.domain.sync.conftest import scene as scene_fixture
from tests.domain.sync.test_agree import Meeting
from tests.domain.sync.test_inbox import deliver

scene = scene_fixture
# Tests don't wait for the pace but where it is what they are about.
UNHURRIED = 1000.0


@dataclass(slots=True)
class Encounter(Meeting):
    """A meeting whose repository nobody else uses; `number` is 0 until the issue is there."""

    client: httpx.AsyncClient = field(default_factory=lambda: httpx.AsyncClient(trust_env=False))
    skew: float = 0.0

    async def steer(self, path: str, body: dict[str, Any] | None = None, *, method: str = "POST") -> Any:
        """Steers the sandbox, and gives what it answers."""
        answer = await self.client.request(method, f"{self.github.page_url}/_sandbox{path}", json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    async def api(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Calls the repository's API as our own account."""
        headers = {"Authorization": f"Bearer {self.github.token}"}
        url = f"{self.github.base_url}/repositories/{self.github.repository_id}{path}"
        answer = (await self.client.request(method, url, json=body, headers=headers)).raise_for_status()
        return answer.json() if answer.content else None

    async def tick(self, seconds: float = 2) -> None:
        """Moves the tracker's clock on: it tells time in seconds."""
        self.skew += seconds
        await self.steer("/clock", {"skew_seconds": self.skew})

    async def freeze(self, at: float) -> None:
        """Sets the tracker's clock to an epoch second."""
        self.skew = at + 0.3 - time.time()
        await self.steer("/clock", {"skew_seconds": self.skew})

    async def act(self, what: str, body: dict[str, Any] | None = None) -> Any:
        """Has a person do something with the issue: lock, delete, transfer, comments."""
        return await self.steer(f"/issues/{self.github.repository}/{self.number}/{what}", body or {})

    async def open(self) -> None:
        """Makes the issue, and keeps its number."""
        await self.reconcile()
        await self.know()

    async def know(self) -> None:
        """Keeps the number of the issue that the link has."""
        link = await self.scene.read()
        assert (link.state, link.error_code) == (LinkState.LINKED, None)
        self.number = int(link.remote_id or 0)

    async def look(self) -> IssueLink:
        """Reconciles as if something had rung, and gives the link."""
        await self.scene.write(due_at=now_utc())
        await self.reconcile()
        return await self.scene.read()

    async def settle(self) -> IssueLink:
        """Reconciles until nothing is due now, and gives the link."""
        for _ in range(10):
            if not (due := await due_links(self.scene.desk, most=20)):
                break
            for link_id in due:
                await reconcile(self.scene.desk, link_id)
        return await self.scene.read()

    async def sweep(self) -> None:
        """Sweeps the project as if it were time for it."""
        await self.set_project(due_at=now_utc(), lease_until=None)
        await sweep(self.scene.desk, self.scene.project.id)

    async def audit(self) -> None:
        """Audits the project as if it were time for it."""
        await self.set_project(last_audit_at=None, lease_until=None)
        await audit(self.scene.desk, self.scene.project.id)

    async def hear(self, delivery: str | None = None, *, event: str = "issues", sender: str = "octo-dev", **change: Any) -> str:
        """Takes a webhook in that tells of the issue as it is now, but for `change`."""
        return await self.take_in((await self.issue()) | change, delivery=delivery, event=event, sender=sender)

    async def take_in(self, issue: Any, *, delivery: str | None = None, event: str = "issues", sender: str = "octo-dev") -> str:
        """Takes a webhook in that tells of an issue as it was."""
        repository = {"id": self.github.repository_id, "full_name": self.github.repository}
        body = {"action": "edited", "issue": issue, "repository": repository, "sender": {"login": sender}}
        return await deliver(self.scene, json.dumps(body).encode(), delivery=delivery or str(uuid4()), event=event)

    async def issues(self) -> list[Any]:
        """Lists all issues of the repository, oldest first."""
        found = await self.api("GET", "/issues?state=all&sort=created&direction=asc&per_page=100")
        assert isinstance(found, list)
        return found

    async def forget_calls(self) -> None:
        """Counts calls from now on."""
        await self.steer("/calls", method="DELETE")

    async def calls(self) -> list[str]:
        """Gives the calls since then by their operations' names, with `304` where nothing had changed."""
        seen = await self.steer("/calls", method="GET")
        return [f"{call['operation'] or call['path']}{' 304' if call['status'] == 304 else ''}" for call in seen]

    async def tracker(self) -> Tracker:
        """Reads the tracker as it is now."""
        async with transaction(self.scene.desk.database) as session:
            return (await session.exec(select(Tracker))).one()

    async def set_tracker(self, **columns: Any) -> None:
        """Sets columns of the tracker."""
        async with transaction(self.scene.desk.database) as session:
            _set((await session.exec(select(Tracker).with_for_update())).one(), columns)

    async def project(self) -> TrackerProject:
        """Reads the project as it is now."""
        async with transaction(self.scene.desk.database) as session:
            return (await session.exec(select(TrackerProject).where(TrackerProject.id == self.scene.project.id))).one()

    async def set_project(self, **columns: Any) -> None:
        """Sets columns of the project."""
        async with transaction(self.scene.desk.database) as session:
            query = select(TrackerProject).where(TrackerProject.id == self.scene.project.id).with_for_update()
            _set((await session.exec(query)).one(), columns)

    async def person(self, email: str) -> Person:
        """Reads one of the people."""
        async with transaction(self.scene.desk.database) as session:
            return (await session.exec(select(Person).where(Person.email == email))).one()

    async def inbox(self) -> list[InboxEntry]:
        """Reads the webhooks and what sweeps found."""
        async with transaction(self.scene.desk.database) as session:
            return list((await session.exec(select(InboxEntry).order_by(col(InboxEntry.id)))).all())

    async def links(self) -> list[IssueLink]:
        """Reads all links."""
        async with transaction(self.scene.desk.database) as session:
            return list((await session.exec(select(IssueLink).order_by(col(IssueLink.id)))).all())

    async def another(self, title: str = "Another task") -> UUID:
        """Makes another task, which the route sends to the same repository, and gives its link."""
        async with transaction(self.scene.desk.database) as session:
            task = await create_task(session, self.scene.act, NewTask(title))
            await session.flush()
            return (await session.exec(select(IssueLink.id).where(IssueLink.task_id == task.id))).one()

    async def change_at(self, at: datetime, **columns: Any) -> None:
        """Changes the task, at an instant."""
        async with transaction(self.scene.desk.database) as session:
            task = await lock_task(session, self.scene.task.id)
            await change_task(session, replace(self.scene.act, at=at), task, columns, because="a test")


def _set(row: Any, columns: dict[str, Any]) -> None:
    for name, value in columns.items():
        setattr(row, name, value)


@pytest.fixture(scope="module")
def github() -> Iterator[RunningGithub]:
    """The sandbox of a file's tests."""
    running = start_github(collaborators=["ana-r", "cy"])
    yield running
    running.stop()


@pytest.fixture
async def pending(scene: Scene, github: RunningGithub) -> AsyncIterator[Encounter]:
    """A task whose issue is still to be made, in a new repository of an organisation of its own."""
    name = f"org-{uuid4().hex[:8]}/shop"
    encounter = Encounter(scene, github, 0)
    made = await encounter.steer("/repositories", {"full_name": name})
    encounter.github = replace(github, repository=name, repository_id=made["id"])
    scene.desk.pacer = Pacer(scene.desk.bell.redis, scene.desk.database, factor=UNHURRIED)
    await encounter.set_tracker(
        base_url=github.base_url, credentials=scene.desk.vault.seal_json({"token": github.token}), bot_account_id=github.login
    )
    await encounter.set_project(remote_id=str(made["id"]), key=name, url=made["html_url"])
    yield encounter
    await encounter.steer("/faults", method="DELETE")
    await encounter.steer("/tokens/restore", {"token": github.token})
    for path in ("/clock", "/lag"):
        await encounter.steer(path, {"skew_seconds": 0, "seconds": 0})
    await encounter.client.aclose()


@pytest.fixture
async def meeting(pending: Encounter) -> Encounter:
    """A task that has its issue."""
    await pending.open()
    return pending
