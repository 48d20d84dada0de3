"""What the running API answers is what the document promises, member for member."""

from typing import Any

import httpx
import msgspec
import pytest
from msgspec import Struct

from api.activity import ActivityPage
from api.imports import ImportResult
from api.improvements import ImprovementPage, ImprovementRead
from api.links import AttemptPage, LinkPage, LinkRead
from api.people import PersonPage, PersonRead, TeamPage, TeamRead
from api.postmortems import PostmortemPage, PostmortemRead
from api.projects import ProjectPage
from api.routes import RoutePage, RouteRead
from api.tasks import TaskPage, TaskRead
from api.tokens import TokenPage, TokenRead
from api.trackers import TrackerPage, TrackerRead
from tests.api.documented import OPERATIONS, hold_to_document
from tests.people_and_places import ANA, NOBODY, PAYMENTS, PROJECT_ID, TRACKER_ID, World, new_task

LISTS: list[tuple[str, str, type[Struct]]] = [
    ("list_postmortems", "/v1/postmortems", PostmortemPage),
    ("list_improvements", "/v1/improvements", ImprovementPage),
    ("list_tasks", "/v1/tasks", TaskPage),
    ("list_people", "/v1/people", PersonPage),
    ("list_teams", "/v1/teams", TeamPage),
    ("list_trackers", "/v1/trackers", TrackerPage),
    ("list_projects", f"/v1/trackers/{TRACKER_ID}/projects", ProjectPage),
    ("list_routes", "/v1/routes", RoutePage),
    ("list_links", "/v1/links", LinkPage),
    ("list_activity", "/v1/activity", ActivityPage),
    ("list_tokens", "/v1/tokens", TokenPage),
]
SINGLES: list[tuple[str, str, type[Struct]]] = [
    ("get_postmortem", "/v1/postmortems", PostmortemRead),
    ("get_improvement", "/v1/improvements", ImprovementRead),
    ("get_task", "/v1/tasks", TaskRead),
    ("get_person", "/v1/people", PersonRead),
    ("get_team", "/v1/teams", TeamRead),
    ("get_tracker", "/v1/trackers", TrackerRead),
    ("get_route", "/v1/routes", RouteRead),
    ("get_link", "/v1/links", LinkRead),
    ("get_token", "/v1/tokens", TokenRead),
]
WAYS_OF_A_TASK: list[tuple[str, str, type[Struct]]] = [
    ("list_task_links", "/v1/tasks/{task}/links", LinkPage),
    ("list_attempts", "/v1/links/{link}/attempts", AttemptPage),
]
TIMELINE = [{"text": "Alert", "at": "2026-08-10T14:30:00Z"}, {"text": "Mended", "time": "15:05:00", "line": 7}]
POSTMORTEM = {"title": "Checkout was slow", "started_at": "2026-08-10T14:30:00+02:00", "timeline": TIMELINE, "team": PAYMENTS}
_ATTEMPT = """
INSERT INTO sync_attempts (id, link_id, tracker_id, fence, operation, fields, started_at, finished_at, outcome, http_status, calls)
VALUES (gen_random_uuid(), $1, (SELECT id FROM trackers), 1, 'create', ARRAY['title'], now(), now(), 'ok', 201, 1)
"""


def _read_strictly(answer: httpx.Response, declared: type[Struct]) -> Any:
    """Decodes an answer; nothing may be missing, and nothing may be there that the type doesn't have."""
    assert answer.status_code in {200, 201}, answer.text
    read = msgspec.json.decode(answer.content, type=declared)
    assert _members(answer.json()) == _members(msgspec.to_builtins(read))
    return read


def _members(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _members(inner) for name, inner in value.items()}
    return [_members(inner) for inner in value] if isinstance(value, list | tuple) else None


async def _make(world: World, operation_id: str, path: str, **members: Any) -> dict[str, Any]:
    answer = await world.admin.post(path, json=members)
    hold_to_document(answer, operation_id)
    return dict(answer.json())


@pytest.fixture
async def filled(routed: World) -> World:
    """A world in which every list has something in it, nearly all of it made through the API."""
    postmortem = await _make(routed, "create_postmortem", "/v1/postmortems", **POSTMORTEM)
    improvement = await _make(routed, "create_improvement", "/v1/improvements", postmortem_id=postmortem["id"], title="Seen sooner")
    of_a_postmortem = {"postmortem_id": postmortem["id"], "improvement_id": improvement["id"], "kind": "detect"}
    await new_task(routed, owner=ANA, team=PAYMENTS, due_on="2026-08-24", labels=["db"], **of_a_postmortem)
    await new_task(routed)
    await _make(routed, "create_person", "/v1/people", email="cy@example.com")
    await _make(routed, "create_team", "/v1/teams", slug="web", name="Web", members=[ANA])
    await _make(routed, "create_route", "/v1/routes", tracker_project_id=str(PROJECT_ID), priority="P0")
    await _make(routed, "create_token", "/v1/tokens", name="deploys", scopes=["write"])
    return routed


@pytest.mark.parametrize(("operation_id", "path", "declared"), LISTS, ids=[name for name, _, _ in LISTS])
async def test_list_is_as_documented(filled: World, operation_id: str, path: str, declared: type[Struct]) -> None:
    answer = await filled.admin.get(path)
    hold_to_document(answer, operation_id)
    assert _read_strictly(answer, declared).items
    assert "link" not in answer.headers


async def test_page_that_is_not_the_last_links_to_the_next(filled: World) -> None:
    answer = await filled.reader.get("/v1/tasks", params={"limit": 1, "sort": "due_on"})
    hold_to_document(answer, "list_tasks")
    assert _read_strictly(answer, TaskPage).next_cursor
    assert answer.headers["link"].endswith('rel="next"')


@pytest.mark.parametrize(("operation_id", "path", "declared"), SINGLES, ids=[name for name, _, _ in SINGLES])
async def test_single_resource_is_as_documented(filled: World, operation_id: str, path: str, declared: type[Struct]) -> None:
    for item in (await filled.admin.get(path)).json()["items"]:
        answer = await filled.admin.get(f"{path}/{item['id']}")
        hold_to_document(answer, operation_id)
        _read_strictly(answer, declared)
        assert answer.json() == item
        unchanged = await filled.admin.get(f"{path}/{item['id']}", headers={"If-None-Match": answer.headers["etag"]})
        assert unchanged.status_code == 304
        hold_to_document(unchanged, operation_id)
    hold_to_document(await filled.admin.get(f"{path}/{NOBODY}"), operation_id)


@pytest.mark.parametrize(("operation_id", "path", "declared"), WAYS_OF_A_TASK, ids=[name for name, _, _ in WAYS_OF_A_TASK])
async def test_what_belongs_to_a_task_is_as_documented(filled: World, operation_id: str, path: str, declared: type[Struct]) -> None:
    link = (await filled.reader.get("/v1/links")).json()["items"][0]
    await filled.sql.execute(_ATTEMPT, link["id"])
    answer = await filled.reader.get(path.format(task=link["task_id"], link=link["id"]))
    hold_to_document(answer, operation_id)
    assert len(_read_strictly(answer, declared).items) == 1


async def test_address_decides_whose_links_are_shown(filled: World) -> None:
    first, second = (await filled.reader.get("/v1/tasks")).json()["items"]
    answer = await filled.reader.get(f"/v1/tasks/{first['id']}/links", params={"task_id": second["id"]})
    assert answer.status_code == 400


async def test_import_is_as_documented(world: World) -> None:
    text = OPERATIONS["import_postmortem"]["requestBody"]["content"]["text/markdown"]["example"]
    for status, query in ((200, {"dry_run": "true"}), (201, {}), (200, {})):
        headers = {"Content-Type": "text/markdown"}
        answer = await world.writer.post("/v1/postmortems/import", content=text, params=query, headers=headers)
        assert answer.status_code == status
        hold_to_document(answer, "import_postmortem")
        assert [task.owner for task in _read_strictly(answer, ImportResult).tasks] == [ANA]


@pytest.mark.parametrize("content_type", ["application/json", "application/merge-patch+json"])
async def test_change_is_as_documented(filled: World, content_type: str) -> None:
    path = f"/v1/tasks/{(await new_task(filled))['id']}"
    example = OPERATIONS["change_task"]["requestBody"]["content"][content_type]["example"]
    answer = await filled.writer.patch(path, content=msgspec.json.encode(example), headers={"Content-Type": content_type})
    hold_to_document(answer, "change_task")
    assert _read_strictly(answer, TaskRead).version == 2
    hold_to_document(await filled.writer.patch(path, json={}, headers={"If-Match": '"1-x"'}), "change_task")
    hold_to_document(await filled.writer.delete(path), "delete_task")


async def test_retry_and_new_webhook_secret_are_as_documented(filled: World) -> None:
    link = (await filled.reader.get("/v1/links")).json()["items"][0]
    hold_to_document(await filled.syncer.post(f"/v1/links/{link['id']}/retry"), "retry_link")
    hold_to_document(await filled.admin.post(f"/v1/trackers/{TRACKER_ID}/webhook-secret"), "rotate_webhook_secret")


@pytest.mark.parametrize(
    ("operation_id", "path"),
    [("check_live", "/health/live"), ("check_ready", "/health/ready"), ("read_metrics", "/metrics"), ("read_document", "/openapi.json")],
)
async def test_operation_of_the_service_is_as_documented(world: World, operation_id: str, path: str) -> None:
    hold_to_document(await world.stranger.get(path), operation_id)
    hold_to_document(await world.stranger.get(path, params={"x": "1"}), operation_id)


@pytest.mark.parametrize(
    ("operation_id", "path"),
    [
        ("create_team", "/v1/teams"),
        ("create_person", "/v1/people"),
        ("create_postmortem", "/v1/postmortems"),
        ("create_token", "/v1/tokens"),
    ],
)
async def test_documented_example_can_be_sent(world: World, operation_id: str, path: str) -> None:
    teams = OPERATIONS["create_team"]["requestBody"]["content"]["application/json"]["example"]
    example = OPERATIONS[operation_id]["requestBody"]["content"]["application/json"]["example"]
    if example != teams:
        await world.writer.post("/v1/teams", json=teams)
    answer = await world.admin.post(path, json=example)
    assert answer.status_code == 201, answer.text
    hold_to_document(answer, operation_id)
