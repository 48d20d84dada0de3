"""The crowd: people who make tasks, and who edit them and their issues while everything else goes wrong."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx

from tests.faults.stress.ground import PEOPLE, TOKEN, Ground
from tests.faults.stress.ledger import Ledger, Side

AT_ONCE = 8
CALM_SECONDS = 0.3
STATUSES: dict[str, dict[str, str]] = {
    "done": {"state": "closed", "state_reason": "completed"},
    "open": {"state": "open"},
}


@dataclass(slots=True)
class Crowd:
    """People at the API and at the sandbox. Of each task every field is edited at most once a side, so that nothing flaps."""

    ground: Ground
    randomly: random.Random
    ledger: Ledger = field(default_factory=Ledger)
    made: int = 0
    over: bool = False
    _edited: set[tuple[str, str, Side]] = field(default_factory=set)
    _words: int = 0
    _api: httpx.AsyncClient = field(init=False)
    _keyboard: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        limits = httpx.Limits(max_connections=AT_ONCE * 3, max_keepalive_connections=AT_ONCE * 3)
        self._api = httpx.AsyncClient(
            base_url=self.ground.api_url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30, trust_env=False, limits=limits
        )
        self._keyboard = httpx.AsyncClient(base_url=f"{self.ground.github.page_url}/_sandbox", timeout=30, trust_env=False, limits=limits)

    async def connect(self) -> None:
        """Registers the sandbox with its webhook and a route, and the people who have logins there."""
        github = self.ground.github
        body = {"name": "sandbox", "base_url": github.base_url, "credentials": {"token": github.token}}
        made = await self.call("POST", "/v1/trackers", json=body)
        project = await self.call("POST", f"/v1/trackers/{made['tracker']['id']}/projects", json={"key": github.repository})
        await self.call("POST", "/v1/routes", json={"tracker_project_id": project["id"]})
        for email, login in PEOPLE.items():
            await self.call("POST", "/v1/people", json={"email": email, "github_login": login})
        webhook = made["webhook"]
        config = {"url": webhook["url"], "secret": webhook["secret"], "content_type": "json"}
        url = f"{github.base_url}/repos/{github.repository}/hooks"
        hook = {"name": "web", "active": True, "events": webhook["events"], "config": config}
        answer = await self._keyboard.post(url, json=hook, headers={"Authorization": f"Bearer {github.token}"})
        answer.raise_for_status()

    async def call(self, method: str, path: str, **options: Any) -> Any:
        """Calls the API until it answers: while the database is away it says 503, and what was cut off is sent again."""
        while True:
            try:
                answer = await self._api.request(method, path, **options)
            except httpx.TransportError:
                await asyncio.sleep(CALM_SECONDS)
                continue
            if answer.status_code == 503:
                await asyncio.sleep(CALM_SECONDS)
                continue
            assert not answer.is_error, f"{method} {path}: {answer.status_code} {answer.text[:300]}"
            return answer.json() if answer.content else None

    async def make_tasks(self, count: int) -> None:
        """Makes so many tasks, some at once."""
        numbers = iter(range(count))

        async def maker() -> None:
            for number in numbers:
                await self.call("POST", "/v1/tasks", json=self._new_task(number))
                self.made += 1

        await asyncio.gather(*(maker() for _ in range(AT_ONCE)))

    def _new_task(self, number: int) -> dict[str, Any]:
        # Each label and each assignee of a new issue is a webhook of its own.
        owner = self.randomly.choice([*PEOPLE, *[None] * 18])
        labels = self.randomly.choice([["latency"], ["latency", "pool"], *[[]] * 8])
        return {"title": f"Task {number}", "description": f"What to do about incident {number}.", "owner": owner, "labels": labels}

    async def edit(self, links: "Links", *, a_second: float) -> None:
        """Edits tasks and issues at random until all is over."""
        async with asyncio.TaskGroup() as group:
            while not self.over:
                await asyncio.sleep(self.randomly.expovariate(a_second))
                if (chosen := links.choose(self.randomly)) is not None:
                    group.create_task(self._edit_one(*chosen))

    async def _edit_one(self, task_id: str, number: int) -> None:
        """Edits one field on one side or, one time in ten, the same field on both sides one after the other."""
        name = self.randomly.choice(["title", "status", "label", "text", "comment", "foreign label"])
        sides: list[Side] = self.randomly.choice([["here"], ["there"], ["there"], ["here"], ["here", "there"]])
        self.randomly.shuffle(sides)
        for side in sides:
            if (task_id, name, side) in self._edited:
                continue
            self._edited.add((task_id, name, side))
            edit: Callable[[str, int, str], Any] = self._here if side == "here" else self._there
            await edit(task_id, number, name)
            await asyncio.sleep(self.randomly.uniform(0, 0.5))

    def _word(self, text: str) -> str:
        self._words += 1
        return f"{text} w{self._words}w"

    async def _here(self, task_id: str, _: int, name: str) -> None:
        sent_at, path = datetime.now(UTC), f"/v1/tasks/{task_id}"
        match name:
            case "title":
                value: Any = self._word("Title here")
                await self.call("PATCH", path, json={"title": value})
            case "status":
                value = self.randomly.choice(["done", "open"])
                before = await self.call("GET", path)
                after = await self.call("PATCH", path, json={"status": value})
                if after["version"] == before["version"]:
                    return  # it was so already: that is no edit
            case "label":
                value = f"here-{self._word('x')[2:]}"
                task = await self.call("GET", path)
                await self.call("PATCH", path, json={"labels": [*task["labels"], value]})
            case "text":
                value = self._word("Described here")
                await self.call("PATCH", path, json={"description": value})
            case "comment":
                value = self._word("Said here")
                await self.call("POST", f"{path}/comments", json={"body": value})
            case _:
                return
        self.ledger.note(task_id, name, "here", value, sent_at=sent_at, at=datetime.now(UTC))

    async def _there(self, task_id: str, number: int, name: str) -> None:
        sent_at = datetime.now(UTC)
        match name:
            case "title":
                value: Any = self._word("Title there")
                await self._press(number, title=value)
            case "status":
                value = self.randomly.choice(["done", "open"])
                before = await self._press(number)
                await self._press(number, **STATUSES[value])
                if before["state"] == STATUSES[value]["state"]:
                    return  # it was so already: that is no edit
            case "label" | "foreign label":
                value = f"there-{self._word('x')[2:]}"
                issue = await self._press(number)
                names = [label["name"] for label in issue["labels"]]
                await self._press(number, labels=[*names, f"ft/{value}" if name == "label" else value])
            case "text":
                value = self._word("Written there")
                issue = await self._press(number)
                await self._press(number, body=f"{issue['body']}\n\n{value}\n")
            case _:
                value = self._word("Said there")
                await self._press(number, "/comments", body=value)
        self.ledger.note(task_id, name, "there", value, sent_at=sent_at, at=datetime.now(UTC))

    async def _press(self, number: int, below: str = "", **document: Any) -> Any:
        answer = await self._keyboard.post(f"/issues/{self.ground.github.repository}/{number}{below}", json=document)
        assert not answer.is_error, answer.text
        return answer.json()

    async def close(self) -> None:
        """Closes all connections."""
        await self._api.aclose()
        await self._keyboard.aclose()


@dataclass(slots=True)
class Links:
    """The links as they were a moment ago: how many in which state, and which have an issue to edit."""

    states: dict[str, int] = field(default_factory=dict)
    known: list[tuple[str, int]] = field(default_factory=list)
    errors: int = 0
    due: int = 0
    waiting: int = 0
    swept_at: datetime | None = None

    def choose(self, randomly: random.Random) -> tuple[str, int] | None:
        """Gives a task and the number of its issue."""
        return randomly.choice(self.known) if self.known else None

    async def look(self, connection: Any) -> None:
        """Looks again; raises what asyncpg raises while the database is away."""
        rows = await connection.fetch("SELECT state, count(*) FROM issue_links GROUP BY state")
        self.states = dict(rows)
        row = await connection.fetchrow(
            """SELECT count(*) FILTER (WHERE error_code IS NOT NULL) AS errors,
                count(*) FILTER (WHERE due_at IS NOT NULL OR (desired_version > pushed_version AND state = 'linked')) AS due,
                (SELECT count(*) FROM webhook_inbox WHERE processed_at IS NULL) AS waiting,
                (SELECT min(swept_at) FROM tracker_projects) AS swept_at FROM issue_links"""
        )
        self.errors, self.due, self.waiting, self.swept_at = row["errors"], row["due"], row["waiting"], row["swept_at"]
        newest = "SELECT task_id, remote_id FROM issue_links WHERE state = 'linked' ORDER BY id DESC LIMIT 12000"
        if sum(self.states.values()) and self.states.get("linked", 0) > len(self.known) * 1.05:
            self.known = [(str(row["task_id"]), int(row["remote_id"])) for row in await connection.fetch(newest)]

    @property
    def at_rest(self) -> bool:
        """Whether nothing is left to be done."""
        moving = sum(self.states.get(state, 0) for state in ("pending", "creating", "unknown", "moved"))
        return moving == 0 and self.due == 0 and self.waiting == 0


async def connect_to(url: str) -> Any:
    """Opens a connection of our own to the database."""
    return await asyncpg.connect(url, timeout=5)
