"""An issue that is there already becomes a task's issue, unless it belongs to another one."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from domain.activity.record import Act
from domain.activity.table import ActorKind
from domain.columns import now_utc
from domain.database import transaction
from domain.errors import ConflictError, FollowthroughError, ForbiddenError, InvalidError, UnavailableError
from domain.sync.adopt import Found, adopt_issue, find_issue
from domain.sync.pace import Pacer
from domain.sync.remote import kept_remote
from domain.tasks.change import lock_task
from domain.trackers.contract import (
    Adapter,
    Budget,
    Capabilities,
    Cost,
    Failure,
    Field,
    HookReport,
    Pacing,
    Place,
    Project,
    Quota,
    RemoteIssue,
    TrackerError,
)
from domain.trackers.link import IssueLink, LinkState
from domain.trackers.table import Tracker
from tests.people_and_places import PROJECT_ID, TRACKER_ID, World, new_task

PERSON = Act(ActorKind.TOKEN, "a person", now_utc())
SHOP = Project("4711", "acme/shop", "https://github.com/acme/shop", types=("Bug", "Task"))
PACING = Pacing((), in_flight=8, fewest_creations=150, most_creations=450, creation_burst=10)
CAPABILITIES = Capabilities(frozenset({"open", "done", "cancelled"}), 256, PACING)
HOOK = HookReport("1", True, ("issues", "issue_comment"))


@dataclass
class Shelf:
    """A tracker in memory, as far as it is read: what it is asked can be made to fail."""

    issues: dict[str, RemoteIssue] = field(default_factory=dict)
    projects: dict[str, Project] = field(default_factory=lambda: {"4711": SHOP})
    hook: HookReport = HOOK
    failing: Mapping[str, TrackerError] = field(default_factory=dict)
    quota: Quota | None = None
    closed: int = 0
    capabilities: Capabilities = CAPABILITIES

    def adapter(self, _: Tracker) -> Adapter:
        """Itself: the part of an adapter that these tests need."""
        return cast(Adapter, self)

    def _maybe_fail(self, call: str) -> None:
        if call in self.failing:
            raise self.failing[call]

    async def identity(self) -> str:
        self._maybe_fail("identity")
        return "followthrough-bot"

    async def describe(self, key_or_id: str) -> Project:
        self._maybe_fail("describe")
        found = next((p for p in self.projects.values() if key_or_id in (p.remote_id, p.key)), None)
        if found is None:
            raise failed(Failure.DEFINITE, "project_not_found", 404)
        return found

    async def locate(self, url: str) -> tuple[str, str]:
        key, _, number = url.removeprefix("https://github.com/").partition("/issues/")
        if not url.startswith("https://github.com/") or not number.isdigit():
            raise failed(Failure.DEFINITE, "not_an_issue", None)
        return key, number

    async def fetch(self, place: Place, remote_id: str, *, etag: str | None = None) -> RemoteIssue | None:
        self._maybe_fail("fetch")
        if remote_id not in self.issues:
            raise failed(Failure.GONE, "gone", 404)
        return self.issues[remote_id]

    async def inspect_hook(self, place: Place, url: str) -> HookReport:
        self._maybe_fail("inspect_hook")
        return self.hook

    def close(self) -> None:
        self.closed += 1


def failed(failure: Failure, code: str, status: int | None, **more: Any) -> TrackerError:
    return TrackerError(failure, f"It failed: {code}.", code=code, http_status=status, **more)


def issue_of(number: int, *, title: str = "Raise the pool size", marker: UUID | None = None) -> RemoteIssue:
    return RemoteIssue(
        remote_id=str(number),
        global_id=f"I_{number}",
        key=f"acme/shop#{number}",
        url=f"https://github.com/acme/shop/issues/{number}",
        version=datetime.fromisoformat("2026-08-10T14:30:00+00:00"),
        marker=marker,
        fields={Field.TITLE: title, Field.BODY: None, Field.STATUS: "open", Field.ASSIGNEE: [], Field.LABELS: []},
        raw={},
        etag='"1"',
    )


def one_read_an_hour(budget: str) -> Capabilities:
    """What a tracker can do that may be asked once; the budget's name is the test's own, as the limiter outlives it."""
    narrow = Budget(f"{budget}-{uuid4()}", 1, 3600, {Cost.READ: 1}, burst=2)  # which it begins with half of
    return replace(CAPABILITIES, pacing=replace(PACING, budgets=(narrow,)))


async def be_reachable(world: World) -> None:
    """Gives the tracker an address that needs no look-up, which isn't called either."""
    await world.sql.execute("UPDATE trackers SET base_url = 'https://8.8.8.8' WHERE base_url = 'https://api.github.com'")


def new_pacer(world: World) -> Pacer:
    """A limiter that remembers no refusal; what it remembers ends with the test."""
    house = world.app.state.house
    return Pacer(house.bell.redis, house.database)


async def find(world: World, shelf: Shelf, url: str, *, pacer: Pacer | None = None) -> Found:
    await be_reachable(world)
    house = world.app.state.house
    return await find_issue(house.database, url, label_prefix="ft/", connect=shelf.adapter, allow_private=False, pacer=pacer or house.pacer)


async def adopt(world: World, task: dict[str, Any], issue: RemoteIssue) -> IssueLink:
    found = await find(world, Shelf({issue.remote_id: issue}), issue.url)
    async with transaction(world.app.state.house.database) as session:
        return await adopt_issue(session, PERSON, await lock_task(session, UUID(task["id"])), found)


async def unlinked_task(world: World, title: str = "Raise the pool size") -> dict[str, Any]:
    task = await new_task(world, title=title)
    await world.sql.execute("DELETE FROM issue_links WHERE task_id = $1", UUID(task["id"]))
    return task


async def test_adopted_issue_is_linked_with_an_empty_base(routed: World) -> None:
    task = await unlinked_task(routed)
    link = await adopt(routed, task, issue_of(7))
    assert (link.state, link.base, link.remote_id, link.remote_key) == (LinkState.LINKED, {}, "7", "acme/shop#7")
    assert link.due_at == PERSON.at
    assert kept_remote(link) == issue_of(7)
    action = await routed.sql.fetchval("SELECT action FROM activities WHERE subject_id = $1 AND action <> 'created'", link.id)
    assert action == "adopted"


async def test_address_of_no_tracker_is_named(routed: World) -> None:
    shelf = Shelf()
    with pytest.raises(InvalidError) as caught:
        await find(routed, shelf, "https://example.com/acme/shop/issues/7")
    assert "none of the connected trackers" in caught.value.places[0].detail
    assert shelf.closed == 1


async def test_project_that_is_not_there_is_to_be_added_first(routed: World) -> None:
    shelf = Shelf({"7": issue_of(7)}, {"1": Project("1", "acme/new", "https://github.com/acme/new")})
    with pytest.raises(InvalidError) as caught:
        await find(routed, shelf, "https://github.com/acme/new/issues/7")
    assert f"add acme/new to the tracker first (POST /v1/trackers/{TRACKER_ID}/projects)" in caught.value.places[0].detail


async def test_renamed_project_is_found_under_its_old_name(routed: World) -> None:
    shelf = Shelf({"7": issue_of(7)}, {"4711": replace(SHOP, key="acme/store")})
    found = await find(routed, shelf, "https://github.com/acme/store/issues/7")
    assert found.project.id == PROJECT_ID


@pytest.mark.parametrize(
    ("error", "expected", "says"),
    [
        (failed(Failure.GONE, "gone", 410), InvalidError, "There is no acme/shop#7"),
        (failed(Failure.DEFINITE, "moved", 301, moved_to="acme/other#3"), InvalidError, "somewhere else"),
        (failed(Failure.AUTH, "bad_credentials", 401), ForbiddenError, "refused the credentials"),
        (failed(Failure.LIMITED, "rate_limited", 403), UnavailableError, "could not be asked"),
        (failed(Failure.DEFINITE, "unreachable", None), UnavailableError, "could not be asked"),
    ],
)
async def test_failed_read_is_explained(routed: World, error: TrackerError, expected: type[FollowthroughError], says: str) -> None:
    with pytest.raises(expected, match=says):
        await find(routed, Shelf(failing={"fetch": error}), "https://github.com/acme/shop/issues/7")


async def test_issue_of_another_task_stays_its_own(routed: World) -> None:
    first, second = await unlinked_task(routed), await unlinked_task(routed)
    await adopt(routed, first, issue_of(7))
    with pytest.raises(ConflictError, match=f"acme/shop#7 is the issue of {first['key']} already"):
        await adopt(routed, second, issue_of(7))


async def test_marker_of_a_live_link_names_its_task(routed: World) -> None:
    maker = await new_task(routed)
    marker = await routed.sql.fetchval("SELECT marker FROM issue_links WHERE task_id = $1", UUID(maker["id"]))
    with pytest.raises(ConflictError, match=f"is the issue of {maker['key']} already"):
        await adopt(routed, await unlinked_task(routed), issue_of(7, marker=marker))


async def test_marker_that_nobody_knows_keeps_nobody_out(routed: World) -> None:
    link = await adopt(routed, await unlinked_task(routed), issue_of(7, marker=uuid4()))
    assert link.state is LinkState.LINKED


async def test_task_that_goes_there_already_adopts_nothing(routed: World) -> None:
    task = await new_task(routed)
    with pytest.raises(ConflictError, match=f"{task['key']} goes to acme/shop already"):
        await adopt(routed, task, issue_of(7))


async def test_detached_issue_may_be_adopted_again(routed: World) -> None:
    first, second = await unlinked_task(routed), await unlinked_task(routed)
    link = await adopt(routed, first, issue_of(7))
    assert (await routed.syncer.delete(f"/v1/links/{link.id}")).status_code == 204
    again = await adopt(routed, second, issue_of(7))
    assert (again.remote_id, again.task_id) == ("7", UUID(second["id"]))
    kept = await routed.sql.fetchrow("SELECT remote_id, remote_key FROM issue_links WHERE id = $1", link.id)
    assert tuple(kept) == (None, "acme/shop#7")


async def test_gone_issue_that_is_back_is_tried_again_instead(routed: World) -> None:
    first, second = await unlinked_task(routed), await unlinked_task(routed)
    link = await adopt(routed, first, issue_of(7))
    await routed.sql.execute("UPDATE issue_links SET state = 'gone' WHERE id = $1", link.id)
    with pytest.raises(ConflictError, match="try that link again"):
        await adopt(routed, second, issue_of(7))


async def test_private_project_looks_like_one_that_is_not_there(routed: World) -> None:
    url = "https://github.com/acme/private/issues/7"
    told = []
    for shelf in (Shelf(), Shelf(projects={"1": Project("1", "acme/private", "https://github.com/acme/private")})):
        with pytest.raises(InvalidError) as caught:
            await find(routed, shelf, url)
        told.append((caught.value.detail, caught.value.places))
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("column", "expected", "says"),
    [("state = 'paused'", ConflictError, "is paused"), ("blocked_until = now() + interval '1 hour'", UnavailableError, "left alone until")],
)
async def test_tracker_that_rests_is_not_asked(routed: World, column: str, expected: type[FollowthroughError], says: str) -> None:
    await routed.sql.execute(f"UPDATE trackers SET {column}")
    shelf = Shelf(failing={"fetch": failed(Failure.DEFINITE, "asked", 500)})
    with pytest.raises(expected, match=says):
        await find(routed, shelf, "https://github.com/acme/shop/issues/7")
    assert shelf.closed == 1


async def test_reading_takes_its_turn(routed: World) -> None:
    shelf = Shelf({"7": issue_of(7)}, capabilities=one_read_an_hour("adoptions"))
    pacer = new_pacer(routed)
    await find(routed, shelf, "https://github.com/acme/shop/issues/7", pacer=pacer)
    with pytest.raises(UnavailableError, match="can't be asked before"):
        await find(routed, shelf, "https://github.com/acme/shop/issues/7", pacer=pacer)
