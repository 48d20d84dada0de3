"""What the sandbox GitHub refuses, and how: in GitHub's words and with its headers."""

from collections.abc import Iterator
from typing import Any

import github
import httpx
import pytest
from github.Repository import Repository

from sandbox.github_process import RunningGithub, start_github
from tests.sandbox.github_peers import connect


@pytest.fixture(scope="module")
def running() -> Iterator[RunningGithub]:
    running = start_github()
    yield running
    running.stop()


@pytest.mark.parametrize(
    ("sent", "field", "code"),
    [
        ({"title": "  "}, "title", "missing_field"),
        ({}, "title", "missing_field"),
        ({"title": "x" * 257}, "title", "custom"),
        ({"title": "x", "body": "x" * 65_537}, "body", "custom"),
        ({"title": "x", "assignees": ["stranger"]}, "assignees", "invalid"),
    ],
)
def test_invalid_issue_is_refused_in_githubs_words(raw: httpx.Client, sent: Any, field: str, code: str) -> None:
    answer = raw.post("/issues", json=sent)

    error = answer.json()["errors"][0]
    assert (answer.status_code, answer.json()["message"]) == (422, "Validation Failed")
    assert (error["resource"], error["field"], error["code"]) == ("Issue", field, code)


@pytest.mark.parametrize("change", [{"state": "shut"}, {"state": "closed", "state_reason": "tired"}, {"title": ""}])
def test_invalid_change_changes_nothing(repository: Repository, raw: httpx.Client, change: Any) -> None:
    issue = repository.create_issue("Before")

    assert raw.patch(f"/issues/{issue.number}", json={"body": "new", **change}).status_code == 422
    read = repository.get_issue(issue.number)
    assert (read.title, read.state) == ("Before", "open")
    assert not read.body


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/issues", {"title": ["x"]}),
        ("/issues", {"title": "x", "body": 7}),
        ("/issues", {"title": "x", "labels": "bug"}),
        ("/issues", {"title": "x", "assignees": 5}),
        ("/hooks", {"config": 5}),
        ("/hooks", {"config": {"url": "http://127.0.0.1:9/"}, "events": [{}]}),
    ],
)
def test_value_of_the_wrong_type_is_422(raw: httpx.Client, path: str, sent: Any) -> None:
    answer = raw.post(path, json=sent)

    assert (answer.status_code, answer.json()["status"]) == (422, "422")


def test_label_of_more_than_fifty_characters_is_refused_wherever_it_is_given(raw: httpx.Client) -> None:
    longest, longer = "x" * 50, "x" * 51
    issue = raw.post("/issues", json={"title": "x", "labels": [longest]})
    assert issue.status_code == 201
    path = f"/issues/{issue.json()['number']}"
    for answer in (
        raw.post("/issues", json={"title": "x", "labels": [longer]}),
        raw.patch(path, json={"labels": [longer]}),
        raw.post(f"{path}/labels", json=[longer]),
        raw.put(f"{path}/labels", json={"labels": [{"name": longer}]}),
    ):
        assert (answer.status_code, answer.json()["message"]) == (422, "Validation Failed")
        assert answer.json()["errors"] == [{"resource": "Label", "field": "name", "code": "invalid", "value": longer}]
    assert [label["name"] for label in raw.get(path).json()["labels"]] == [longest]


def test_malformed_json_is_400(raw: httpx.Client) -> None:
    answer = raw.post("/issues", content=b'{"title":')

    assert (answer.status_code, answer.json()["message"]) == (400, "Problems parsing JSON")


def test_what_is_missing_is_404(repository: Repository, raw: httpx.Client) -> None:
    with pytest.raises(github.UnknownObjectException):
        repository.get_issue(999_999).title  # noqa: B018 - a lazy issue is fetched when it is read
    assert raw.get("/nothing-here").json()["message"] == "Not Found"


def test_wrong_token_is_401_and_no_token_sees_no_private_repository(running: RunningGithub) -> None:
    with (
        connect(running, auth=github.Auth.Token("wrong")) as client,
        pytest.raises(github.BadCredentialsException) as refused,
    ):
        client.get_repo(running.repository_id).create_issue("x")
    assert refused.value.data["status"] == "401"
    anonymous = httpx.get(f"{running.base_url}/repos/{running.repository}", trust_env=False)
    assert anonymous.status_code == 404


def test_answers_carry_githubs_headers(raw: httpx.Client) -> None:
    headers = raw.get("/issues").headers

    assert headers["content-type"] == "application/json; charset=utf-8"
    for name in ("x-github-request-id", "x-github-media-type", "etag", "x-ratelimit-resource"):
        assert headers[name]
    assert int(headers["x-ratelimit-remaining"]) + int(headers["x-ratelimit-used"]) == 5000
