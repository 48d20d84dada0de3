"""What a tracker and its projects take, and what they refuse by name."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID

import httpx
import pytest

from domain.database import transaction
from domain.trackers.change import lock_project, lock_tracker
from sandbox.github_process import RunningGithub, start_github
from tests.api.problems import places_of, problem_of
from tests.api.test_links import at_github, world_of
from tests.people_and_places import NOBODY, PROJECT_ID, PUBLIC_URL, TRACKER_ID, World, new_task

PROJECTS = f"/v1/trackers/{TRACKER_ID}/projects"


@pytest.fixture(scope="module")
def github() -> Iterator[RunningGithub]:
    running = start_github()
    yield running
    running.stop()


@pytest.fixture
async def connected(routed: World, github: RunningGithub, database_url: str, redis_url: str) -> AsyncIterator[World]:
    async with world_of(routed, github, database_url, redis_url) as world:
        yield world


@pytest.mark.parametrize(
    "base_url",
    [
        "http://[::1",
        "https://example.com:99999",
        "http://x:abc",
        "https://example.com:0",
        "https://[::ffff:10.0.0.1]",
        "https://[64:ff9b::7f00:1]",
    ],
)
async def test_address_that_cannot_be_so_is_named(routed: World, base_url: str) -> None:
    body: dict[str, Any] = {"name": "New", "base_url": base_url, "credentials": {"token": "ghp_a"}}
    assert list(places_of(await routed.admin.post("/v1/trackers", json=body), 422)) == ["/base_url"]
    changed = await routed.admin.patch(f"/v1/trackers/{TRACKER_ID}", json={"base_url": base_url})
    assert list(places_of(changed, 422)) == ["/base_url"]
    assert await routed.sql.fetchval("SELECT count(*) FROM trackers WHERE base_url <> 'https://api.github.com'") == 0


@pytest.mark.parametrize("base_url", ["https://example.com:99999", "http://x:abc"])
async def test_stored_address_that_cannot_be_so_is_no_bug(routed: World, base_url: str) -> None:
    await routed.sql.execute("UPDATE trackers SET base_url = $1", base_url)
    answer = await routed.admin.post(f"/v1/trackers/{TRACKER_ID}/projects", json={"key": "acme/shop"})
    assert list(places_of(answer, 422)) == ["/base_url"]


@pytest.mark.parametrize(
    "key",
    [
        "acme/..",
        "acme/.",
        "../shop",
        "./shop",
        "..",
        "acme",
        "acme/",
        "/shop",
        "a/b/c",
        "0",
        "007",
        "1" * 20,
        "acme/shop\n",
        "acme/sh op",
        "-1",
        "",
    ],
)
async def test_project_that_cannot_be_one_is_named(routed: World, key: str) -> None:
    answer = await routed.admin.post(f"/v1/trackers/{TRACKER_ID}/projects", json={"key": key})
    assert list(places_of(answer, 422)) == ["/key"]


@pytest.mark.parametrize("token", ["", "a\r\nX-Admin: yes", "ghp_a\n", "ghp a", "ghp_\x7f", "ghp_\u00fc", "ghp_\x1b[0m"])
async def test_token_that_no_header_can_hold_is_named(routed: World, token: str) -> None:
    body: dict[str, Any] = {"name": "New", "base_url": "https://8.8.8.8", "credentials": {"token": token}}
    assert list(places_of(await routed.admin.post("/v1/trackers", json=body), 422)) == ["/credentials/token"]
    changed = await routed.admin.patch(f"/v1/trackers/{TRACKER_ID}", json={"credentials": {"token": token}})
    assert list(places_of(changed, 422)) == ["/credentials/token"]


async def test_private_key_keeps_its_lines(routed: World) -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\nabc\r\ndef\n-----END RSA PRIVATE KEY-----\n"
    body = {"name": "New", "base_url": "https://8.8.8.8", "credentials": {"app_id": "1", "private_key": key}}
    assert (await routed.admin.post("/v1/trackers", json=body)).status_code == 201


async def test_webhook_sends_issues_and_comments(routed: World) -> None:
    body = {"name": "New", "base_url": "https://8.8.8.8", "credentials": {"token": "ghp_a"}}
    created = (await routed.admin.post("/v1/trackers", json=body)).json()
    assert created["webhook"]["events"] == ["issues", "issue_comment"]
    assert (created["tracker"]["failures"], created["tracker"]["limited_at"], created["tracker"]["account"]) == (0, None, None)


async def check(world: World) -> dict[str, Any]:
    answer = await world.syncer.post(f"/v1/trackers/{TRACKER_ID}/check")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def hook(github: RunningGithub, **config: Any) -> None:
    """Adds a webhook as an owner of the repository would."""
    given = {"url": f"{PUBLIC_URL}/webhooks/{TRACKER_ID}", "content_type": "json"}
    body = {"name": "web", "active": True, "events": ["issues", "issue_comment"], "config": given} | config
    headers = {"Authorization": f"Bearer {github.token}"}
    async with httpx.AsyncClient(trust_env=False, headers=headers) as client:
        (await client.post(f"{github.base_url}/repos/{github.repository}/hooks", json=body)).raise_for_status()


async def test_check_says_what_is_missing(connected: World, github: RunningGithub) -> None:
    checked = await check(connected)
    assert (checked["ok"], checked["account"]) == (False, github.login)
    (missing,) = [finding for finding in checked["findings"] if not finding["ok"]]
    assert (missing["name"], missing["subject"]) == ("webhook", github.repository)
    assert f"{PUBLIC_URL}/webhooks/{TRACKER_ID}" in missing["text"]
    assert missing["fix"]
    await hook(github)
    assert {finding["name"] for finding in (await check(connected))["findings"] if not finding["ok"]} <= {"deliveries"}


async def test_refused_credentials_are_a_finding_without_the_secret(connected: World, github: RunningGithub) -> None:
    vault = connected.app.state.house.vault
    await connected.sql.execute("UPDATE trackers SET credentials = $1", vault.seal_json({"token": "ghp_a_wrong_one"}))
    answer = await connected.syncer.post(f"/v1/trackers/{TRACKER_ID}/check")
    assert "ghp_a_wrong_one" not in answer.text
    (finding,) = [finding for finding in answer.json()["findings"] if not finding["ok"]]
    assert (finding["name"], answer.json()["account"]) == ("credentials", None)


async def test_check_needs_a_tracker_and_the_scope(routed: World) -> None:
    assert (await routed.syncer.post(f"/v1/trackers/{NOBODY}/check")).status_code == 404
    problem_of(await routed.writer.post(f"/v1/trackers/{TRACKER_ID}/check"), 403)


async def test_project_shows_how_its_sync_does(routed: World) -> None:
    shown = {
        "id": "1",
        "active": True,
        "events": ["issues"],
        "failed": [],
        "redelivered": 0,
        "error": None,
        "last_delivery_at": None,
    }
    details = {"issues_enabled": True, "writable": False, "native": {"priority": {"id": 2}}, "types": ["Task"]}
    await routed.sql.execute(
        "UPDATE tracker_projects SET details = $1, hook = $2, swept_at = now()", json.dumps(details), json.dumps(shown)
    )
    answer = await routed.reader.get(f"{PROJECTS}/{PROJECT_ID}")
    project = answer.json()
    assert (project["issues_enabled"], project["writable"], project["types"]) == (True, False, ["Task"])
    assert (project["native"], project["hook"]) == ({"due_on": False, "priority": True}, shown)
    assert project["swept_at"] is not None
    assert project["last_audit_at"] is project["webhook_at"] is None
    assert answer.headers["etag"]
    assert (await routed.reader.get(f"/v1/trackers/{NOBODY}/projects/{PROJECT_ID}")).status_code == 404
    assert (await routed.reader.get(f"{PROJECTS}/{NOBODY}")).status_code == 404


async def test_project_that_is_added_again_is_brought_up_to_date(connected: World, github: RunningGithub) -> None:
    link_id = UUID((await new_task(connected))["links"][0]["id"])
    await connected.sql.execute("UPDATE issue_links SET state = 'moved', remote_id = '7', due_at = NULL WHERE id = $1", link_id)
    await connected.sql.execute("UPDATE tracker_projects SET key = 'acme/old'")
    answer = await connected.admin.post(PROJECTS, json={"key": github.repository})
    assert (answer.status_code, answer.json()["key"]) == (200, github.repository)
    assert answer.headers["location"] == f"{PROJECTS}/{PROJECT_ID}"
    assert await connected.sql.fetchval("SELECT due_at <= now() FROM issue_links WHERE id = $1", link_id) is True
    await at_github(github, "repositories", full_name="acme/second")
    new = await connected.admin.post(PROJECTS, json={"key": "acme/second"})
    assert (new.status_code, new.json()["writable"], new.json()["swept_at"]) == (201, True, None)


async def test_project_without_issues_of_tasks_is_deleted(routed: World) -> None:
    task = await new_task(routed)
    problem_of(await routed.admin.delete(f"{PROJECTS}/{PROJECT_ID}"), 409)
    await routed.sql.execute("DELETE FROM issue_links WHERE task_id = $1", UUID(task["id"]))
    problem_of(await routed.admin.delete(f"{PROJECTS}/{PROJECT_ID}", headers={"If-Match": '"99"'}), 412)
    assert (await routed.admin.delete(f"{PROJECTS}/{PROJECT_ID}")).status_code == 204
    assert (await routed.reader.get("/v1/routes")).json()["items"] == []
    assert (await routed.admin.delete(f"{PROJECTS}/{PROJECT_ID}")).status_code == 404


async def test_route_has_a_type_that_the_project_has(routed: World) -> None:
    body: dict[str, Any] = {"tracker_project_id": str(PROJECT_ID), "issue_type": "Task"}
    assert "no types" in places_of(await routed.admin.post("/v1/routes", json=body), 422)["/issue_type"]
    await routed.sql.execute("UPDATE tracker_projects SET details = $1", json.dumps({"types": ["Bug", "Task"]}))
    created = await routed.admin.post("/v1/routes", json=body)
    assert (created.status_code, created.json()["issue_type"]) == (201, "Task")
    path = f"/v1/routes/{created.json()['id']}"
    assert "use one of Bug, Task" in places_of(await routed.admin.patch(path, json={"issue_type": "Epic"}), 422)["/issue_type"]
    assert (await routed.admin.patch(path, json={"issue_type": "Bug"})).json()["issue_type"] == "Bug"
    assert (await routed.admin.patch(path, json={"position": 5})).json()["issue_type"] == "Bug"
    assert (await routed.admin.patch(path, json={"issue_type": None})).json()["issue_type"] is None


async def test_route_that_moves_keeps_to_the_types_of_its_new_project(routed: World) -> None:
    await routed.sql.execute("UPDATE tracker_projects SET details = $1", json.dumps({"types": ["Task"]}))
    other = UUID("0192f0c4-0000-7000-8000-0000000000ff")
    await routed.sql.execute(
        """INSERT INTO tracker_projects (id, tracker_id, remote_id, key, url, details, version, created_at, updated_at)
           VALUES ($1, $2, '99', 'acme/other', 'https://github.com/acme/other', '{}', 1, now(), now())""",
        other,
        TRACKER_ID,
    )
    body = {"tracker_project_id": str(PROJECT_ID), "issue_type": "Task"}
    path = f"/v1/routes/{(await routed.admin.post('/v1/routes', json=body)).json()['id']}"
    assert list(places_of(await routed.admin.patch(path, json={"tracker_project_id": str(other)}), 422)) == ["/issue_type"]
    moved = await routed.admin.patch(path, json={"tracker_project_id": str(other), "issue_type": None})
    assert (moved.status_code, moved.json()["tracker_project_id"]) == (200, str(other))


async def test_nobody_waits_for_a_slow_tracker(connected: World, github: RunningGithub) -> None:
    await at_github(github, "faults", operation="get_repository", action="hang", seconds=1.0)
    adding = asyncio.create_task(connected.admin.post(PROJECTS, json={"key": github.repository}))
    await asyncio.sleep(0.4)
    await connected.sql.execute("SELECT id FROM trackers FOR UPDATE NOWAIT")
    assert not adding.done()
    assert (await adding).status_code == 200


async def test_project_of_a_tracker_that_rests_is_not_looked_up(connected: World, github: RunningGithub) -> None:
    await connected.sql.execute("UPDATE trackers SET state = 'paused'")
    assert "is paused" in problem_of(await connected.admin.post(PROJECTS, json={"key": github.repository}), 409).detail
    await connected.sql.execute("UPDATE trackers SET state = 'ok', blocked_until = now() + interval '1 hour'")
    assert "is left alone until" in problem_of(await connected.admin.post(PROJECTS, json={"key": github.repository}), 503).detail


async def test_webhook_is_stored_while_a_tracker_is_changed(routed: World) -> None:
    async with transaction(routed.app.state.house.database) as session:
        await lock_tracker(session, TRACKER_ID)
        await lock_project(session, TRACKER_ID, PROJECT_ID)
        await routed.sql.execute("SET lock_timeout = 200")
        await routed.sql.execute("SELECT 1 FROM trackers, tracker_projects FOR KEY SHARE")
    await routed.sql.execute("RESET lock_timeout")


@pytest.mark.parametrize("base_url", ["https://1.1.1.1", "https://8.8.8.8:8443"])
async def test_credentials_stay_with_their_host(routed: World, base_url: str) -> None:
    await routed.sql.execute("UPDATE trackers SET base_url = 'https://8.8.8.8/api/v3'")
    link_id = UUID((await new_task(routed))["links"][0]["id"])
    path = f"/v1/trackers/{TRACKER_ID}"
    assert list(places_of(await routed.admin.patch(path, json={"base_url": base_url}), 422)) == ["/credentials"]
    body = {"base_url": base_url, "credentials": {"token": "ghp_of_the_new_host"}}
    assert list(places_of(await routed.admin.patch(path, json=body), 409)) == ["/base_url"]
    assert await routed.sql.fetchval("SELECT base_url FROM trackers") == "https://8.8.8.8/api/v3"
    await routed.sql.execute("UPDATE issue_links SET state = 'detached' WHERE id = $1", link_id)
    assert (await routed.admin.patch(path, json=body)).json()["base_url"] == base_url


async def test_path_on_the_same_host_is_changed_with_live_links(routed: World) -> None:
    await routed.sql.execute("UPDATE trackers SET base_url = 'https://8.8.8.8'")
    await new_task(routed)
    answer = await routed.admin.patch(f"/v1/trackers/{TRACKER_ID}", json={"base_url": "https://8.8.8.8:443/api/v3/"})
    assert (answer.status_code, answer.json()["base_url"]) == (200, "https://8.8.8.8:443/api/v3")
