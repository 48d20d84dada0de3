"""A tracker within the process: issues as GitHub shows them, listed in pages, with what was called and what fails."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from dataclasses import field as one
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

from sqlmodel import select

from domain.database import transaction
from domain.trackers.contract import (
    Adapter,
    Budget,
    Capabilities,
    Cost,
    Field,
    Fields,
    HookReport,
    Pacing,
    Place,
    Quota,
    Receipt,
    RemoteIssue,
    Surveyed,
    SweepPage,
    Swept,
    TrackerError,
)
from domain.trackers.github_webhooks import GitHubWebhooks
from domain.trackers.table import TrackerProject
from tests.domain.sync.conftest import Scene

START = datetime(2026, 8, 10, 12, tzinfo=UTC)
PACING = Pacing((Budget("points", 1e6, 1, dict.fromkeys(Cost, 1), burst=1e6),), 100, 1e6, 1e6, 1e6)
BOT = "Followthrough-Bot"


@dataclass(slots=True)
class InMemoryTracker:
    """Issues by number; `calls` names each call in order, `failing` is raised by the next call of that name.

    `before` is done at the start of the call with that number; `meanwhile` while a list is read.
    """

    page_size: int = 100
    capabilities: Capabilities = one(default_factory=lambda: Capabilities(frozenset({"open", "done", "cancelled"}), 256, PACING))
    quota: Quota | None = None
    documents: dict[int, dict[str, Any]] = one(default_factory=dict)
    calls: list[str] = one(default_factory=list)
    asked: list[datetime | None] = one(default_factory=list)
    failing: dict[str, TrackerError] = one(default_factory=dict)
    before: dict[int, Callable[[], None]] = one(default_factory=dict)
    meanwhile: Callable[[], Awaitable[None]] | None = None
    surveyed: dict[str, Surveyed] = one(default_factory=dict)
    hook: HookReport = one(default_factory=lambda: HookReport("7", True, ("issues", "issue_comment")))
    redelivered: list[str] = one(default_factory=list)

    def put(
        self, number: int, *, minute: float = 0, marker: UUID | None = None, title: str = "t", state: str = "open", by: str = BOT
    ) -> None:
        """Has an issue, last changed so many minutes after the start."""
        url = f"https://github.example/acme/shop/issues/{number}"
        self.documents[number] = {
            "number": number,
            "node_id": f"I_{number}",
            "html_url": url,
            "repository_url": "https://github.example/api/v3/repos/acme/shop",
            "title": title,
            "body": f"<!-- followthrough:marker={marker} -->" if marker else "by hand",
            "state": state,
            "state_reason": None,
            "labels": [],
            "locked": False,
            "created_at": START.isoformat(),
            "updated_at": (START + timedelta(minutes=minute)).isoformat(),
            "user": {"login": by},
        }

    def issue(self, number: int) -> RemoteIssue:
        """Gives an issue as a sweep would read it."""
        shown = GitHubWebhooks().reread("sweep", {"issue": self.documents[number]}, place=Place("4711", "ft/"))
        assert shown is not None
        return shown

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if (then := self.before.pop(len(self.calls), None)) is not None:
            then()
        if (error := self.failing.pop(name, None)) is not None:
            raise error

    async def identity(self) -> str:
        self._called("identity")
        return BOT

    async def changed(self, place: Place, *, since: datetime | None, etag: str | None = None, page: int = 1) -> SweepPage | None:
        self._called("changed")
        self.asked.append(since)
        if self.meanwhile is not None:
            await self.meanwhile()
        shown = sorted((each for each in self._swept() if since is None or each.version >= since), key=lambda each: each.version)
        start = (page - 1) * self.page_size
        listed = shown[start : start + self.page_size]
        now = f"{since} {[(each.remote_id, each.version, each.payload['issue']['title']) for each in listed]}"
        if etag is not None and etag == now:
            return None
        return SweepPage(listed, now, len(shown) > start + self.page_size)

    def _swept(self) -> Iterator[Swept]:
        for number in self.documents:
            issue = self.issue(number)
            yield Swept(issue.remote_id, issue.version, issue.marker, issue.author, {"issue": dict(self.documents[number])})

    async def survey(self, global_ids: list[str]) -> dict[str, Surveyed]:
        self._called("survey")
        if self.meanwhile is not None:
            await self.meanwhile()
        return {each: self.surveyed[each] for each in global_ids if each in self.surveyed}

    async def fetch(self, place: Place, remote_id: str, *, etag: str | None = None) -> RemoteIssue | None:
        self._called(f"fetch {remote_id}")
        return self.issue(int(remote_id))

    async def update(self, place: Place, issue: RemoteIssue, changes: Fields) -> Receipt:
        self._called(f"update {issue.remote_id} {changes.get(Field.STATUS)}")
        self.documents[int(issue.remote_id)] |= {"state": "closed", "state_reason": "duplicate"}
        return Receipt(self.issue(int(issue.remote_id)), "request-1")

    async def inspect_hook(self, place: Place, url: str) -> HookReport:
        self._called(f"inspect_hook {url}")
        return self.hook

    async def redeliver(self, place: Place, hook_id: str, delivery_id: str) -> None:
        self._called("redeliver")
        self.redelivered.append(delivery_id)

    def close(self) -> None:
        """Has nothing open."""


def seat(scene: Scene, **options: Any) -> InMemoryTracker:
    """Puts a tracker within the process in the place of the scene's."""
    tracker = InMemoryTracker(**options)
    scene.desk.seat(scene.tracker, cast(Adapter, tracker))
    return tracker


async def project_of(scene: Scene) -> TrackerProject:
    """Reads the project as it is now."""
    async with transaction(scene.desk.database) as session:
        return (await session.exec(select(TrackerProject).where(TrackerProject.id == scene.project.id))).one()


async def set_project(scene: Scene, **columns: Any) -> None:
    """Sets columns of the project."""
    async with transaction(scene.desk.database) as session:
        project = (await session.exec(select(TrackerProject).where(TrackerProject.id == scene.project.id).with_for_update())).one()
        for name, value in columns.items():
            setattr(project, name, value)
