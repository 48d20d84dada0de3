"""Issues that leave their repository, and repositories that get another name, in the sandbox GitHub."""

from collections.abc import Iterator

import httpx
import pytest
from github.Repository import Repository

from sandbox.github_process import RunningGithub, start_github
from tests.sandbox.github_peers import WebhookReceiver, receiving


@pytest.fixture(scope="module")
def running() -> Iterator[RunningGithub]:
    running = start_github()
    yield running
    running.stop()


@pytest.fixture
def by_number(running: RunningGithub) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {running.token}"}
    with httpx.Client(base_url=f"{running.base_url}/repositories", headers=headers, trust_env=False) as client:
        yield client


@pytest.fixture
def receiver(repository: Repository) -> Iterator[WebhookReceiver]:
    with receiving() as receiver:
        hook = repository.create_hook("web", {"url": receiver.url, "content_type": "json"}, ["issues"])
        receiver.take(1)
        yield receiver
        hook.delete()


def test_deleted_issue_is_gone_for_good(
    steer: httpx.Client, raw: httpx.Client, repository: Repository, receiver: WebhookReceiver, running: RunningGithub
) -> None:
    issue = repository.create_issue("Deleted")
    steer.post(f"/issues/{running.repository}/{issue.number}/delete")

    for answer in (raw.get(f"/issues/{issue.number}"), raw.patch(f"/issues/{issue.number}", json={"title": "x"})):
        assert (answer.status_code, answer.json()["message"]) == (410, "This issue was deleted")
    assert issue.number not in [row.number for row in repository.get_issues(state="all")]
    assert receiver.take(2)["issues.deleted"].payload["issue"]["id"] == issue.id
    assert repository.create_issue("Next").number == issue.number + 1


def test_transferred_issue_leads_to_its_new_place(
    steer: httpx.Client, by_number: httpx.Client, repository: Repository, receiver: WebhookReceiver, running: RunningGithub
) -> None:
    steer.post("/repositories", json={"full_name": "acme/elsewhere"})
    issue = repository.create_issue("Moved", body="a body", labels=["bug", "known here alone"])
    issue.create_comment("moves too")
    arrived = steer.post(f"/issues/{running.repository}/{issue.number}/transfer", json={"to": "acme/elsewhere"}).json()

    old = f"{running.repository_id}/issues/{issue.number}"
    led = by_number.get(f"/{old}")
    assert led.status_code == 301
    new = by_number.get(led.headers["location"]).json()
    assert (new["id"], new["body"], new["comments"]) == (arrived["id"], "a body", 1)
    assert arrived["id"] != issue.id
    assert [label["name"] for label in new["labels"]] == ["bug"]
    assert by_number.get(f"{led.headers['location']}/comments").json()[0]["body"] == "moves too"
    assert by_number.patch(f"/{old}", json={"title": "x"}).status_code == 307
    comments = by_number.post(f"/{old}/comments", json={"body": "x"})
    assert comments.headers["location"] == f"{led.headers['location']}/comments"
    transferred = receiver.take(4)["issues.transferred"].payload
    assert transferred["issue"]["id"] == issue.id
    assert transferred["changes"]["new_issue"]["id"] == arrived["id"]
    assert transferred["changes"]["new_repository"]["full_name"] == "acme/elsewhere"


def test_transfer_is_announced_where_the_issue_arrives(
    steer: httpx.Client, by_number: httpx.Client, repository: Repository, running: RunningGithub
) -> None:
    there = steer.post("/repositories", json={"full_name": "acme/listening"}).json()["id"]
    issue = repository.create_issue("Moved")
    with receiving() as receiver:
        config = {"url": receiver.url, "content_type": "json"}
        by_number.post(f"/{there}/hooks", json={"config": config, "events": ["issues"]}).raise_for_status()
        steer.post(f"/issues/{running.repository}/{issue.number}/transfer", json={"to": "acme/listening"})
        opened = receiver.take(2)["issues.opened"].payload
    assert (opened["repository"]["id"], opened["issue"]["number"]) == (there, 1)
    assert opened["changes"]["old_issue"]["id"] == issue.id


def test_renamed_repository_leads_to_its_number(
    steer: httpx.Client, raw: httpx.Client, by_number: httpx.Client, repository: Repository, running: RunningGithub
) -> None:
    number = repository.create_issue("Stays").number
    steer.post(f"/repositories/{running.repository}/rename", json={"to": "till"})

    led, written = raw.get("/issues", params={"state": "all"}), raw.patch(f"/issues/{number}", json={"title": "x"})
    assert led.status_code == 301
    assert led.headers["location"] == f"{running.base_url}/repositories/{running.repository_id}/issues?state=all"
    assert written.status_code == 307
    assert written.headers["location"] == f"{running.base_url}/repositories/{running.repository_id}/issues/{number}"
    assert by_number.get(f"/{running.repository_id}").json()["full_name"] == "acme/till"
    assert by_number.get(f"/{running.repository_id}/issues/{number}").json()["title"] == "Stays"
    steer.post("/repositories/acme/till/rename", json={"to": running.repository.split("/")[1]})
    assert raw.get(f"/issues/{number}").status_code == 200


def test_issues_are_switched_off_and_on(steer: httpx.Client, raw: httpx.Client, running: RunningGithub) -> None:
    steer.post(f"/repositories/{running.repository}/settings", json={"has_issues": False})
    for answer in (raw.get("/issues"), raw.get("/issues/1"), raw.post("/issues", json={"title": "x"})):
        assert (answer.status_code, answer.json()["message"]) == (410, "Issues are disabled for this repo")
    assert not raw.get("").json()["has_issues"]
    steer.post(f"/repositories/{running.repository}/settings", json={"has_issues": True})
    assert raw.get("/issues").status_code == 200


def test_archived_repository_is_only_read(steer: httpx.Client, raw: httpx.Client, running: RunningGithub) -> None:
    steer.post(f"/repositories/{running.repository}/settings", json={"archived": True})
    assert raw.get("").json()["archived"]
    assert raw.get("/issues").status_code == 200
    assert raw.post("/issues", json={"title": "x"}).status_code == 403
    steer.post(f"/repositories/{running.repository}/settings", json={"archived": False})
    assert raw.post("/issues", json={"title": "x"}).status_code == 201
