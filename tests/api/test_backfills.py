"""Backfills over HTTP: first a look, then issues for tasks that are older than their tracker."""

from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID

import pytest

from sandbox.github_process import RunningGithub, start_github
from tests.api.problems import places_of, problem_of
from tests.api.test_links import at_github, opened_issue, unlinked_task, world_of
from tests.people_and_places import NOBODY, PAYMENTS, PROJECT_ID, World, new_task


@pytest.fixture(scope="module")
def github() -> Iterator[RunningGithub]:
    running = start_github()
    yield running
    running.stop()


@pytest.fixture
async def connected(routed: World, github: RunningGithub, database_url: str, redis_url: str) -> AsyncIterator[World]:
    async with world_of(routed, github, database_url, redis_url) as world:
        yield world


async def backfill(world: World, **body: Any) -> dict[str, Any]:
    answer = await world.syncer.post("/v1/backfills", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def counts(**some: int) -> dict[str, int]:
    return {"create": 0, "adopt": 0, "change": 0, "unrouted": 0, "unchanged": 0} | some


async def test_without_routes_nothing_is_called(world: World) -> None:
    task = await new_task(world)
    answer = await backfill(world)
    assert (answer["dry_run"], answer["counts"], answer["more"]) == (True, counts(unrouted=1), 0)
    (item,) = answer["items"]
    assert item == {
        "task_id": task["id"],
        "key": task["key"],
        "action": "unrouted",
        "project": None,
        "issue": None,
        "reason": "no route matches it",
    }
    assert answer["estimate"] == {"creations": 0, "hours": 0.0}
    assert (await backfill(world, dry_run=False))["counts"] == counts(unrouted=1)


async def test_dry_run_stores_nothing(connected: World) -> None:
    tasks = [await unlinked_task(connected, title=f"Alone {number}") for number in range(3)]
    answer = await backfill(connected)
    assert answer["counts"] == counts(create=3)
    assert [item["task_id"] for item in answer["items"]] == [task["id"] for task in tasks]
    assert answer["items"][0]["project"] == await connected.sql.fetchval("SELECT key FROM tracker_projects")
    assert answer["estimate"]["creations"] == 3
    assert await connected.sql.fetchval("SELECT count(*) FROM issue_links") == 0


async def test_links_are_opened_in_the_background(connected: World) -> None:
    await unlinked_task(connected, title="Alone")
    assert (await backfill(connected, dry_run=False))["counts"] == counts(create=1)
    row = await connected.sql.fetchrow("SELECT state, background, due_at <= now() FROM issue_links")
    assert tuple(row) == ("pending", True, True)
    done = await connected.sql.fetch("SELECT changes::text FROM activities WHERE action = 'backfilled'")
    assert [tuple(row) for row in done] == [('{"create": [null, 1]}',)]
    assert (await backfill(connected))["counts"] == counts(unchanged=1)


async def test_open_issue_with_the_same_title_is_adopted_once(connected: World, github: RunningGithub) -> None:
    issue = await opened_issue(github, "Watch  the queue")
    first, second = [await unlinked_task(connected, title="Watch the queue") for _ in range(2)]
    answer = await backfill(connected, dry_run=False)
    assert answer["counts"] == counts(adopt=1, create=1)
    adopted, made = answer["items"]
    assert (adopted["task_id"], adopted["action"], adopted["issue"]) == (first["id"], "adopt", issue["html_url"])
    assert (made["task_id"], made["action"], made["issue"]) == (second["id"], "create", None)
    link = await connected.sql.fetchrow("SELECT state, remote_id, base::text FROM issue_links WHERE task_id = $1", UUID(first["id"]))
    assert tuple(link) == ("linked", str(issue["number"]), "{}")


async def test_closed_issue_other_case_and_other_choice_are_no_match(connected: World, github: RunningGithub) -> None:
    closed = await opened_issue(github, "Closed already")
    await at_github(github, f"issues/{github.repository}/{closed['number']}", state="closed")
    await opened_issue(github, "OTHER CASE")
    await opened_issue(github, "Not wanted")
    for title in ("Closed already", "Other case"):
        await unlinked_task(connected, title=title)
    assert (await backfill(connected))["counts"] == counts(create=2)
    await unlinked_task(connected, title="Not wanted")
    assert (await backfill(connected, adopt_same_title=False))["counts"] == counts(create=3)


async def test_repository_that_cannot_be_listed_stops_all(connected: World) -> None:
    await unlinked_task(connected)
    await connected.sql.execute("UPDATE tracker_projects SET remote_id = '99999999'")
    answer = await connected.syncer.post("/v1/backfills", json={"dry_run": False})
    assert "adopt_same_title=false" in problem_of(answer, 409).detail
    assert await connected.sql.fetchval("SELECT count(*) FROM issue_links") == 0
    assert (await backfill(connected, adopt_same_title=False))["counts"] == counts(create=1)


async def test_tasks_are_chosen(connected: World) -> None:
    await unlinked_task(connected, title="Done", status="done")
    paying = await unlinked_task(connected, title="Paying", team=PAYMENTS)
    await unlinked_task(connected, title="Other")
    assert (await backfill(connected))["counts"] == counts(create=2)
    assert (await backfill(connected, status=["done"]))["counts"] == counts(create=1)
    assert [item["key"] for item in (await backfill(connected, team=PAYMENTS))["items"]] == [paying["key"]]
    assert (await backfill(connected, limit=1))["items"][0]["key"] == paying["key"]


async def test_what_cannot_be_so_is_named(routed: World) -> None:
    for body, place in [
        ({"team": "nobody"}, "/team"),
        ({"postmortem_id": str(NOBODY)}, "/postmortem_id"),
        ({"limit": 5001}, "/limit"),
        ({"status": []}, "/status"),
        ({"status": ["lost"]}, "/status/0"),
    ]:
        assert place in places_of(await routed.syncer.post("/v1/backfills", json=body), 422)
    problem_of(await routed.writer.post("/v1/backfills", json={}), 403)


async def test_route_says_which_type_the_issues_are(connected: World) -> None:
    await connected.sql.execute("UPDATE routes SET issue_type = 'Task' WHERE tracker_project_id = $1", PROJECT_ID)
    await unlinked_task(connected, title="Typed")
    await backfill(connected, dry_run=False)
    assert await connected.sql.fetchval("SELECT issue_type FROM issue_links") == "Task"
