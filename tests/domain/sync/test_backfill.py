"""What a backfill plans, and what it does when the world has moved on meanwhile."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlmodel import select

from domain.activity.record import Act
from domain.activity.table import ActorKind
from domain.columns import now_utc
from domain.database import transaction
from domain.errors import ConflictError, FollowthroughError, ForbiddenError, UnavailableError
from domain.sync.adopt import MOST_PAGES
from domain.sync.backfill import Action, Office, Plan, plan_backfill
from domain.sync.choose_tasks import Wish
from domain.sync.claim import Claim
from domain.sync.local import local_fields
from domain.sync.remote import as_json
from domain.sync.run_backfill import run_backfill
from domain.tasks.table import Task
from domain.trackers.contract import Failure, Place, SweepPage, Swept, TrackerError
from domain.trackers.link import IssueLink
from domain.trackers.table import Tracker, TrackerProject
from tests.domain.sync.test_adopt import Shelf, be_reachable, failed, unlinked_task
from tests.people_and_places import World, new_task

PERSON = Act(ActorKind.TOKEN, "a person", now_utc())
WHEN = "2026-08-10T14:30:00Z"


@dataclass
class Listed(Shelf):
    """A tracker in memory that lists its issues page by page."""

    pages: list[list[Swept]] = field(default_factory=list)
    asked: int = 0

    async def changed(self, place: Place, *, since: datetime | None, etag: str | None = None, page: int = 1) -> SweepPage:
        self._maybe_fail("changed")
        self.asked += 1
        return SweepPage(self.pages[page - 1] if page <= len(self.pages) else [], None, page < len(self.pages))


def listed(number: int, title: str, *, marker: UUID | None = None, state: str = "open") -> Swept:
    issue = {
        "number": number,
        "node_id": f"I_{number}",
        "html_url": f"https://github.com/acme/shop/issues/{number}",
        "title": title,
        "state": state,
        "created_at": WHEN,
        "updated_at": WHEN,
    }
    return Swept(str(number), datetime.fromisoformat(WHEN), marker, None, {"issue": issue})


def office(world: World, shelf: Shelf) -> Office:
    house = world.app.state.house
    return Office(house.database, house.settings, shelf.adapter, house.pacer)


async def plan(world: World, shelf: Shelf, **wish: Any) -> Plan:
    await be_reachable(world)
    return await plan_backfill(office(world, shelf), Wish(**wish))


async def run(world: World, planned: Plan) -> dict[str, int]:
    async with transaction(world.app.state.house.database) as session:
        await run_backfill(session, PERSON, planned)
    return planned.counts()


def actions(planned: Plan) -> list[str]:
    return [step.action.value for step in planned.steps]


async def in_step(world: World, task: dict[str, Any]) -> None:
    """Makes a task's link one whose issue shows the task as it is."""
    shelf = Shelf()
    async with transaction(world.app.state.house.database) as session:
        link = (await session.exec(select(IssueLink).where(IssueLink.task_id == UUID(task["id"])))).one()
        project = (await session.exec(select(TrackerProject))).one()
        tracker = (await session.exec(select(Tracker))).one()
        row = (await session.exec(select(Task).where(Task.id == UUID(task["id"])))).one()
        claim = Claim(link, tracker, project, shelf.adapter(tracker), Place(project.remote_id, "ft/"), 0)
        local = await local_fields(session, claim, row, public_url=world.app.state.house.settings.public_url)
        link.base, link.pushed_version, link.due_at = as_json(local.fields), link.desired_version, None
        link.state, link.remote_id = "linked", "7"  # type: ignore[assignment]


async def test_task_that_its_issue_shows_as_it_is_needs_nothing(routed: World) -> None:
    await in_step(routed, await new_task(routed))
    assert actions(await plan(routed, Listed())) == ["unchanged"]


async def test_task_that_reads_differently_is_written_anew(routed: World) -> None:
    task = await new_task(routed)
    await in_step(routed, task)
    await routed.sql.execute("UPDATE tasks SET description = 'More words', title = 'Another'")
    planned = await plan(routed, Listed())
    assert (actions(planned), planned.steps[0].reason) == (["change"], "the issue doesn't have the task's title, body yet")
    assert (await run(routed, planned))["change"] == 1
    link = await routed.sql.fetchrow("SELECT desired_version > pushed_version, due_at IS NOT NULL FROM issue_links")
    assert tuple(link) == (True, True)


async def test_value_that_the_tracker_dropped_is_no_change(routed: World) -> None:
    await in_step(routed, await new_task(routed))
    await routed.sql.execute(
        """UPDATE issue_links SET base = base || '{"title": "Kept"}',
           notes = '{"title": {"text": "dropped", "value": "Raise the pool size", "instead": "Kept"}}'"""
    )
    assert actions(await plan(routed, Listed())) == ["unchanged"]


async def test_link_that_a_person_ended_is_not_made_again(routed: World) -> None:
    await new_task(routed)
    await routed.sql.execute("UPDATE issue_links SET state = 'detached'")
    assert actions(await plan(routed, Listed())) == ["unchanged"]


async def test_issue_with_the_lowest_number_is_adopted_unless_it_is_somebodys(routed: World) -> None:
    await unlinked_task(routed, "Watch the queue")
    title = "Watch the queue"
    page = [listed(2, title, marker=uuid4()), listed(3, title, state="closed"), listed(12, title), listed(9, title), listed(1, "Other")]
    planned = await plan(routed, Listed(pages=[page]))
    (step,) = planned.steps
    assert (step.action, step.url) == (Action.ADOPT, "https://github.com/acme/shop/issues/9")
    assert (await run(routed, planned))["adopt"] == 1


async def test_long_list_ends_somewhere_and_says_so(routed: World) -> None:
    await unlinked_task(routed)
    shelf = Listed(pages=[[listed(number, "Other")] for number in range(1, MOST_PAGES + 3)])
    planned = await plan(routed, shelf)
    assert (shelf.asked, actions(planned)) == (MOST_PAGES, ["create"])
    assert f"Of acme/shop only {MOST_PAGES} pages" in planned.notes[0]
    assert shelf.closed == 1


async def test_nothing_is_listed_where_nothing_could_be_adopted(routed: World) -> None:
    await in_step(routed, await new_task(routed))
    shelf = Listed(failing={"changed": failed(Failure.DEFINITE, "unreachable", None)})
    await plan(routed, shelf)
    await unlinked_task(routed)
    assert (await plan(routed, shelf, adopt_same_title=False)).counts()["create"] == 1
    assert shelf.asked == 0


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (failed(Failure.AUTH, "bad_credentials", 401), ForbiddenError),
        (failed(Failure.DEFINITE, "project_not_found", 404), ConflictError),
        (failed(Failure.LIMITED, "rate_limited", 403), UnavailableError),
    ],
)
async def test_list_that_fails_stops_all(routed: World, error: TrackerError, expected: type[FollowthroughError]) -> None:
    await unlinked_task(routed)
    shelf = Listed(failing={"changed": error})
    with pytest.raises(expected, match="acme/shop can't be listed"):
        await plan(routed, shelf)
    assert shelf.closed == 1


async def test_what_changed_since_the_plan_is_left_alone(routed: World) -> None:
    await unlinked_task(routed, "Deleted meanwhile")
    sent = await unlinked_task(routed, "Sent meanwhile")
    planned = await plan(routed, Listed())
    await routed.sql.execute("UPDATE tasks SET deleted_at = now() WHERE title = 'Deleted meanwhile'")
    project_id = str(planned.steps[0].project.id) if planned.steps[0].project else ""
    await routed.writer.post(f"/v1/tasks/{sent['id']}/links", json={"tracker_project_id": project_id})
    counts = await run(routed, planned)
    assert (counts["create"], counts["unchanged"]) == (0, 2)
    assert await routed.sql.fetchval("SELECT count(*) FROM issue_links") == 1
    assert await routed.sql.fetchval("SELECT count(*) FROM activities WHERE action = 'backfilled'") == 0


async def test_estimate_follows_the_pace(routed: World) -> None:
    for number in range(9):
        await unlinked_task(routed, f"Alone {number}")
    assert (await plan(routed, Listed())).hours == 9 / 450


async def test_tasks_beyond_the_limit_come_next(routed: World) -> None:
    linked = await new_task(routed, title="Linked")
    await in_step(routed, linked)
    for number in range(3):
        await unlinked_task(routed, f"Alone {number}")
    first = await plan(routed, Listed(), limit=2)
    assert [step.task.title for step in first.steps] == ["Alone 0", "Alone 1"]
    assert first.notes[0].startswith("2 more tasks match; 1 of them still need an issue")
    await run(routed, first)
    second = await plan(routed, Listed(), limit=2)
    assert {step.task.title: step.action for step in second.steps} == {"Alone 2": Action.CREATE, "Linked": Action.UNCHANGED}
    assert second.notes[0].startswith("2 more tasks match, none of which needs a new issue")
    await run(routed, second)
    assert (await plan(routed, Listed())).notes == []


async def test_tasks_that_nothing_is_done_with_use_the_limit_last(routed: World) -> None:
    await new_task(routed, title="Ended")
    await routed.sql.execute("UPDATE issue_links SET state = 'detached'")
    await routed.sql.execute("UPDATE routes SET priority = 'P1'")
    await unlinked_task(routed, "Unrouted")
    await unlinked_task(routed, "Routed")
    await routed.sql.execute("UPDATE tasks SET priority = 'P1' WHERE title IN ('Ended', 'Routed')")
    assert [step.task.title for step in (await plan(routed, Listed(), limit=1)).steps] == ["Routed"]
    assert actions(await plan(routed, Listed())) == ["unchanged", "unrouted", "create"]


@pytest.mark.parametrize(
    ("column", "expected", "says"),
    [("state = 'paused'", ConflictError, "is paused"), ("blocked_until = now() + interval '1 hour'", UnavailableError, "left alone until")],
)
async def test_tracker_that_rests_is_not_listed(routed: World, column: str, expected: type[FollowthroughError], says: str) -> None:
    await unlinked_task(routed)
    await routed.sql.execute(f"UPDATE trackers SET {column}")
    shelf = Listed()
    with pytest.raises(expected, match=f"acme/shop can't be listed: .*{says}"):
        await plan(routed, shelf)
    assert (shelf.asked, shelf.closed) == (0, 1)
    assert (await plan(routed, shelf, adopt_same_title=False)).counts()["create"] == 1


async def test_list_without_an_end_takes_too_long(routed: World) -> None:
    class Slow(Listed):
        async def changed(self, place: Place, **_: Any) -> SweepPage:
            await asyncio.sleep(60)
            raise AssertionError

    await unlinked_task(routed)
    await be_reachable(routed)
    shelf = Slow()
    with pytest.raises(UnavailableError, match="took too long: narrow it"):
        await plan_backfill(replace(office(routed, shelf), deadline_seconds=0.3), Wish())
    assert shelf.closed == 1
