"""Issue types and issue fields of the sandbox GitHub, and the question that it answers in GraphQL."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from github.Repository import Repository

from sandbox.github_process import RunningGithub, start_github
from tests.sandbox.github_peers import receiving

CATALOG = {
    "types": ["Bug", "Feature", "Task"],
    "fields": [
        {"name": "Priority", "data_type": "single_select", "options": ["Urgent", "High", "Medium", "Low"]},
        {"name": "Target date", "data_type": "date"},
    ],
}


@pytest.fixture(scope="module")
def running() -> Iterator[RunningGithub]:
    running = start_github()
    httpx.put(f"{running.page_url}/_sandbox/organisations/acme", json=CATALOG, trust_env=False).raise_for_status()
    yield running
    running.stop()


@pytest.fixture
def api(running: RunningGithub) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {running.token}"}
    with httpx.Client(base_url=running.base_url, headers=headers, trust_env=False) as client:
        yield client


@pytest.fixture
def fields(api: httpx.Client) -> dict[str, int]:
    return {row["name"]: row["id"] for row in api.get("/orgs/acme/issue-fields").json()}


def test_types_and_fields_are_listed(api: httpx.Client) -> None:
    assert [row["name"] for row in api.get("/orgs/acme/issue-types").json()] == ["Bug", "Feature", "Task"]
    priority, target = api.get("/orgs/acme/issue-fields").json()
    assert (priority["data_type"], [option["name"] for option in priority["options"]]) == (
        "single_select",
        ["Urgent", "High", "Medium", "Low"],
    )
    assert (target["name"], target["data_type"]) == ("Target date", "date")
    assert api.get("/orgs/octo-dev/issue-types").status_code == 404
    assert api.get("/orgs/octo-dev/issue-fields").status_code == 404


def test_ids_outlive_a_second_setting(api: httpx.Client, steer: httpx.Client, fields: dict[str, int]) -> None:
    steer.put("/organisations/acme", json=CATALOG)
    assert {row["name"]: row["id"] for row in api.get("/orgs/acme/issue-fields").json()} == fields


def _value(field_id: int, value: object) -> dict[str, object]:
    return {"field_id": field_id, "value": value}


def test_issue_has_type_and_values(raw: httpx.Client, fields: dict[str, int]) -> None:
    priority, target = fields["Priority"], fields["Target date"]
    sent = {"title": "x", "type": "bug", "issue_field_values": [_value(priority, "High"), _value(target, "2026-12-24")]}
    made = raw.post("/issues", json=sent).json()
    assert made["type"]["name"] == "Bug"
    assert {row["issue_field_name"]: row["value"] for row in made["issue_field_values"]} == {
        "Priority": "High",
        "Target date": "2026-12-24",
    }
    assert made["issue_field_values"][0]["single_select_option"]["name"] == "High"

    path = f"/issues/{made['number']}"
    changed = raw.patch(path, json={"type": None, "issue_field_values": [_value(priority, "Low")]}).json()
    assert changed["type"] is None
    assert [row["value"] for row in changed["issue_field_values"]] == ["Low", "2026-12-24"]
    assert raw.delete(f"{path}/issue-field-values/{target}").status_code == 204
    assert [row["value"] for row in raw.get(path).json()["issue_field_values"]] == ["Low"]
    assert raw.delete(f"{path}/issue-field-values/{target}").status_code == 404


@pytest.mark.parametrize("change", [{"type": "Epic"}, {"issue_field_values": [{"field_id": 1, "value": "x"}]}])
def test_unknown_type_and_field_are_refused(raw: httpx.Client, change: dict[str, Any]) -> None:
    assert raw.post("/issues", json={"title": "x", **change}).status_code == 422


@pytest.mark.parametrize(("name", "value"), [("Priority", "Whatever"), ("Target date", "tomorrow"), ("Target date", 5)])
def test_value_that_does_not_fit_is_refused(raw: httpx.Client, fields: dict[str, int], name: str, value: object) -> None:
    answer = raw.post("/issues", json={"title": "x", "issue_field_values": [_value(fields[name], value)]})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "issue_field_values")


def test_types_and_values_are_announced(raw: httpx.Client, repository: Repository, fields: dict[str, int]) -> None:
    with receiving() as receiver:
        hook = repository.create_hook("web", {"url": receiver.url, "content_type": "json"}, ["issues"])
        receiver.take(1)
        raw.post("/issues", json={"title": "x", "type": "Task", "issue_field_values": [_value(fields["Priority"], "Low")]})
        received = receiver.take(3)
        hook.delete()
    assert received.keys() == {"issues.opened", "issues.typed", "issues.field_added"}
    assert received["issues.typed"].payload["type"]["name"] == "Task"


def test_duplicate_names_its_original(raw: httpx.Client) -> None:
    original, copy = (raw.post("/issues", json={"title": "x"}).json() for _ in range(2))
    closed = {"state": "closed", "state_reason": "duplicate"}

    assert raw.patch(f"/issues/{copy['number']}", json=closed | {"duplicate_issue_id": 1}).status_code == 422
    changed = raw.patch(f"/issues/{copy['number']}", json=closed | {"duplicate_issue_id": original["id"]}).json()
    assert changed["state_reason"] == "duplicate"


QUESTION = "query($ids:[ID!]!){nodes(ids:$ids){... on Issue{id number updatedAt repository{databaseId}}}}"


def _ask(running: RunningGithub, ids: list[str], query: str = QUESTION) -> Any:
    sent = {"query": query, "variables": {"ids": ids}}
    headers = {"authorization": f"Bearer {running.token}"}
    return httpx.post(f"{running.page_url}/api/graphql", json=sent, headers=headers, trust_env=False).raise_for_status().json()


def test_graphql_tells_which_issues_are_there(raw: httpx.Client, running: RunningGithub, steer: httpx.Client) -> None:
    kept, deleted = (raw.post("/issues", json={"title": "x"}).json() for _ in range(2))
    steer.post(f"/issues/{running.repository}/{deleted['number']}/delete")

    told = _ask(running, [kept["node_id"], deleted["node_id"], "nonsense"])
    assert told["data"]["nodes"] == [
        {
            "id": kept["node_id"],
            "number": kept["number"],
            "updatedAt": kept["updated_at"],
            "repository": {"databaseId": running.repository_id},
        },
        None,
        None,
    ]
    assert [(error["type"], error["path"]) for error in told["errors"]] == [
        ("NOT_FOUND", ["nodes", 1]),
        ("NOT_FOUND", ["nodes", 2]),
    ]


def test_graphql_ignores_order_and_space(raw: httpx.Client, running: RunningGithub) -> None:
    made = raw.post("/issues", json={"title": "x"}).json()
    spaced = """
      query Fresh($ids: [ID!]!) {
        nodes(ids: $ids) { ... on Issue { repository { databaseId }, updatedAt, number, id } }
      }
    """
    assert _ask(running, [made["node_id"]], spaced) == _ask(running, [made["node_id"]])


@pytest.mark.parametrize("query", ["", "{ viewer { login } }", QUESTION.replace("number", "title"), QUESTION + "}"])
def test_graphql_answers_nothing_else(running: RunningGithub, query: str) -> None:
    assert _ask(running, [], query)["errors"]


def test_graphql_takes_a_hundred_ids(running: RunningGithub) -> None:
    assert "data" not in _ask(running, ["x"] * 101)
    assert len(_ask(running, ["x"] * 100)["data"]["nodes"]) == 100


def test_graphql_costs_one_request_and_one_point(running: RunningGithub, steer: httpx.Client) -> None:
    steer.put("/limits", json={"enforced": True, "factor": 1})
    _ask(running, [])
    counted = steer.get("/limits").json()["logins"][running.login]
    assert (counted["requests"], counted["points"]) == (1, 1)
