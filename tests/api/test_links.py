"""Links over HTTP: the ledger of each field, the calls that were made, and issues that are adopted by their address."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx
import pytest

from api.app import create_app
from domain.sync.desk import Desk
from domain.sync.reconcile import reconcile
from sandbox.github_process import RunningGithub, start_github
from tests.api.problems import places_of, problem_of
from tests.api.test_conflicts import conflict_of
from tests.people_and_places import NOBODY, PROJECT_ID, TOKENS, TRACKER_ID, World, client_of, new_task, settings_for, started


@pytest.fixture(scope="module")
def github() -> Iterator[RunningGithub]:
    running = start_github()
    yield running
    running.stop()


@pytest.fixture
async def connected(routed: World, github: RunningGithub, database_url: str, redis_url: str) -> AsyncIterator[World]:
    async with world_of(routed, github, database_url, redis_url) as world:
        yield world


@asynccontextmanager
async def world_of(routed: World, github: RunningGithub, database_url: str, redis_url: str) -> AsyncIterator[World]:
    """The routed world in an application that may call the sandbox, which the tracker and its project now are."""
    async with started(create_app(settings_for(database_url, redis_url, private_trackers=True))) as app:
        sealed = app.state.house.vault.seal_json({"token": github.token})
        await routed.sql.execute("UPDATE trackers SET base_url = $1, credentials = $2", github.base_url, sealed)
        update = "UPDATE tracker_projects SET remote_id = $1, key = $2, url = $3"
        await routed.sql.execute(update, str(github.repository_id), github.repository, f"{github.page_url}/{github.repository}")
        reader, writer, syncer, admin = (client_of(app, token) for token in TOKENS.values())
        yield replace(routed, app=app, reader=reader, writer=writer, syncer=syncer, admin=admin)


async def at_github(github: RunningGithub, path: str, **order: Any) -> Any:
    """Orders something of the sandbox, as the person at its keyboard."""
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.post(f"{github.page_url}/_sandbox/{path}", json=order)).raise_for_status().json()


async def opened_issue(github: RunningGithub, title: str) -> Any:
    return await at_github(github, f"issues/{github.repository}", title=title, body="A person wrote this.")


async def unlinked_task(world: World, **members: Any) -> dict[str, Any]:
    task = await new_task(world, **members)
    await world.sql.execute("DELETE FROM issue_links WHERE task_id = $1", UUID(task["id"]))
    return task


async def send(world: World, task: dict[str, Any], **body: Any) -> httpx.Response:
    return await world.writer.post(f"/v1/tasks/{task['id']}/links", json=body)


async def test_ledger_shows_each_side_of_each_field(routed: World) -> None:
    task = await new_task(routed, title="Ours  now", labels=["b", "a"], priority="P1", due_on="2026-08-24")
    link_id = UUID(task["links"][0]["id"])
    await routed.sql.execute(
        """UPDATE issue_links SET state = 'linked', remote_id = '7', issue_type = 'Task', background = true, base = $2, local = $3,
           remote = $4, notes = $5 WHERE id = $1""",
        link_id,
        json.dumps({"title": "Before", "status": "open", "labels": ["a"]}),
        json.dumps({"title": "Stale", "status": "done", "labels": ["stale"], "priority": "P4"}),
        json.dumps({"fields": {"title": "Theirs", "status": "open", "labels": []}, "locked": True}),
        json.dumps({"status": {"text": "The tracker did not take this.", "value": "done", "instead": "open"}}),
    )
    await conflict_of(routed, link_id, "title", local="Ours", remote="First")
    last = await conflict_of(routed, link_id, "title", local="Ours", remote="Theirs", winner="local")
    later = max(await routed.sql.fetchval("SELECT max(id::text) FROM sync_conflicts"), last)
    link = (await routed.reader.get(f"/v1/links/{link_id}")).json()
    assert (link["issue_type"], link["locked"], link["background"]) == ("Task", True, True)
    conflict = link["fields"]["title"].pop("conflict")
    assert conflict.pop("at")
    assert (conflict["id"], conflict["rule"]) == (later, "the newer change wins")
    assert link["fields"] == {
        "title": {"base": "Before", "local": "Ours now", "remote": "Theirs", "note": None},
        "status": {"base": "open", "local": "done", "remote": "open", "note": "The tracker did not take this.", "conflict": None},
        "labels": {"base": ["a"], "local": ["a", "b"], "remote": [], "note": None, "conflict": None},
        "priority": {"base": None, "local": "P1", "remote": None, "note": None, "conflict": None},
    }


async def test_new_link_has_no_fields_yet(routed: World) -> None:
    task = await new_task(routed)
    link = (await routed.reader.get(f"/v1/links/{task['links'][0]['id']}")).json()
    assert (link["fields"], link["locked"], link["background"], link["issue_type"]) == ({}, False, False, None)


async def test_links_are_found_by_tracker_and_error(routed: World) -> None:
    task = await new_task(routed)
    await routed.sql.execute("UPDATE issue_links SET error_code = 'forbidden', error_since = now(), error_text = 'No.'")
    await new_task(routed, title="Another")
    for query, expected in {
        f"tracker_id={TRACKER_ID}": 2,
        f"tracker_id={NOBODY}": 0,
        "error_code=forbidden,invalid": 1,
        "error_code=gone": 0,
    }.items():
        assert len((await routed.reader.get(f"/v1/links?{query}")).json()["items"]) == expected, query
    assert (await routed.reader.get("/v1/links?error_code=forbidden")).json()["items"][0]["task_id"] == task["id"]


async def test_attempts_are_found_by_outcome(routed: World) -> None:
    link_id = UUID((await new_task(routed))["links"][0]["id"])
    insert = """INSERT INTO sync_attempts (id, link_id, tracker_id, fence, operation, fields, started_at, finished_at, outcome, calls)
        VALUES (gen_random_uuid(), $1, $2, 1, $3, '{}', now(), now(), $4, 1)"""
    for operation, outcome in (("create", "ok"), ("update", "failed"), ("comment", "ambiguous"), ("close_duplicate", "ok")):
        await routed.sql.execute(insert, link_id, TRACKER_ID, operation, outcome)
    path = f"/v1/links/{link_id}/attempts"
    both = (await routed.reader.get(f"{path}?outcome=failed,ambiguous")).json()["items"]
    assert {item["operation"] for item in both} == {"update", "comment"}
    assert len((await routed.reader.get(f"{path}?operation=close_duplicate")).json()["items"]) == 1
    assert "outcome" in places_of(await routed.reader.get(f"{path}?outcome=lost"), 400)


async def test_issue_is_adopted_by_its_address(connected: World, github: RunningGithub) -> None:
    issue = await opened_issue(github, "Raise the pool size")
    task = await unlinked_task(connected)
    answer = await send(connected, task, url=issue["html_url"])
    assert answer.status_code == 201, answer.text
    link = answer.json()
    assert answer.headers["location"] == f"/v1/links/{link['id']}"
    assert (link["state"], link["url"], link["tracker_project_id"]) == ("linked", issue["html_url"], str(PROJECT_ID))
    assert link["fields"]["title"]["remote"] == "Raise the pool size"
    again = await send(connected, await unlinked_task(connected), url=issue["url"])
    assert f"is the issue of {task['key']} already" in problem_of(again, 409).detail


async def test_adopted_issue_keeps_what_people_wrote(connected: World, github: RunningGithub) -> None:
    issue = await opened_issue(github, "Watch the queue")
    task = await unlinked_task(connected, title="Watch the queue", description="Before it is full.")
    link = (await send(connected, task, url=issue["html_url"])).json()
    house = connected.app.state.house
    desk = Desk(house.settings, house.database, house.bell, house.vault)
    await reconcile(desk, UUID(link["id"]))
    await desk.close()
    shown = (await connected.reader.get(f"/v1/links/{link['id']}")).json()
    assert (shown["state"], shown["error"], shown["behind"]) == ("linked", None, False)
    assert {field["local"] == field["remote"] or not field["local"] for field in shown["fields"].values()} == {True}
    async with httpx.AsyncClient(trust_env=False, headers={"Authorization": f"Bearer {github.token}"}) as client:
        body = (await client.get(issue["url"])).raise_for_status().json()["body"]
    assert "A person wrote this." in body
    assert "Before it is full." in body


async def test_issue_that_is_not_there_is_named(connected: World, github: RunningGithub) -> None:
    task = await unlinked_task(connected)
    missing = await send(connected, task, url=f"{github.page_url}/{github.repository}/issues/99999")
    assert "/url" in places_of(missing, 422)
    elsewhere = await send(connected, task, url="https://example.com/acme/shop/issues/1")
    assert places_of(elsewhere, 422) == {"/url": "none of the connected trackers has this address"}


async def test_repository_that_was_not_added_is_named(connected: World, github: RunningGithub) -> None:
    await at_github(github, "repositories", full_name="acme/unknown")
    issue = await at_github(github, "issues/acme/unknown", title="Elsewhere")
    answer = await send(connected, await unlinked_task(connected), url=issue["html_url"])
    assert "add acme/unknown to the tracker first" in places_of(answer, 422)["/url"]


@pytest.mark.parametrize("body", [{}, {"url": "https://github.com/acme/shop/issues/1", "tracker_project_id": str(PROJECT_ID)}])
async def test_link_goes_to_one_place(routed: World, body: dict[str, Any]) -> None:
    assert set(places_of(await send(routed, await unlinked_task(routed), **body), 422)) == {"/tracker_project_id", "/url"}


async def test_task_that_is_not_there_adopts_nothing(routed: World) -> None:
    answer = await routed.writer.post(f"/v1/tasks/{NOBODY}/links", json={"url": "https://github.com/acme/shop/issues/1"})
    assert answer.status_code == 404


async def test_links_with_one_error_are_tried_again_together(routed: World) -> None:
    ids = [UUID((await new_task(routed, title=title))["links"][0]["id"]) for title in ("a", "b", "c")]
    for link_id, code in zip(ids, ("archived", "archived", "invalid"), strict=True):
        update = "UPDATE issue_links SET state = 'needs_attention', error_code = $2, error_text = '', error_since = now() WHERE id = $1"
        await routed.sql.execute(update, link_id, code)
    for body, expected in [
        ({"error_code": "archived", "tracker_id": str(NOBODY)}, 0),
        ({"error_code": "archived", "tracker_project_id": str(PROJECT_ID)}, 2),
        ({"tracker_id": str(TRACKER_ID)}, 1),
        ({"tracker_id": str(TRACKER_ID)}, 0),
    ]:
        answer = await routed.syncer.post("/v1/links/retry", json=body)
        assert (answer.status_code, answer.json()) == (202, {"retried": expected}), body
    assert await routed.sql.fetchval("SELECT count(*) FROM issue_links WHERE state = 'pending' AND error_code IS NULL") == 3
    assert await routed.sql.fetchval("SELECT count(*) FROM activities WHERE action = 'retried'") == 3


async def test_links_that_are_tried_again_are_named_somehow(routed: World) -> None:
    for body in ({}, {"error_code": None}, {"error_code": "NO"}):
        problem_of(await routed.syncer.post("/v1/links/retry", json=body), 422)
    problem_of(await routed.writer.post("/v1/links/retry", json={"error_code": "archived"}), 403)


async def test_paused_tracker_is_not_asked_for_an_issue(connected: World, github: RunningGithub) -> None:
    issue = await opened_issue(github, "Paused")
    task = await unlinked_task(connected)
    await connected.sql.execute("UPDATE trackers SET state = 'paused'")
    assert "is paused" in problem_of(await send(connected, task, url=issue["html_url"]), 409).detail
    await connected.sql.execute("UPDATE trackers SET state = 'ok', blocked_until = now() + interval '1 hour'")
    answer = await send(connected, task, url=issue["html_url"])
    assert "is left alone until" in problem_of(answer, 503).detail
    assert answer.headers["retry-after"]
