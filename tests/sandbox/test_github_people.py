"""What other people do to issues, and what they may: edits, comments, locks, push access, assignment, tokens."""

from collections.abc import Iterator

import httpx
import pytest
from github.Repository import Repository

from sandbox.github_process import RunningGithub, start_github
from tests.sandbox.github_peers import receiving


@pytest.fixture(scope="module")
def running() -> Iterator[RunningGithub]:
    running = start_github(collaborators=["mona"])
    yield running
    running.stop()


def test_person_opens_and_edits_under_a_name(steer: httpx.Client, repository: Repository, running: RunningGithub) -> None:
    path = f"/issues/{running.repository}"
    number = steer.post(path, json={"title": "By hand", "login": "mona"}).json()["number"]
    steer.post(f"{path}/{number}", json={"state": "closed", "login": "hubot"})

    issue = repository.get_issue(number)
    assert issue.closed_by is not None
    assert (issue.user.login, issue.closed_by.login) == ("mona", "hubot")


def test_person_comments_and_thinks_again(steer: httpx.Client, repository: Repository, running: RunningGithub) -> None:
    issue = repository.create_issue("Discussed")
    path = f"/issues/{running.repository}/{issue.number}/comments"
    with receiving() as receiver:
        hook = repository.create_hook("web", {"url": receiver.url, "content_type": "json"}, ["issue_comment"])
        receiver.take(1)
        made = steer.post(path, json={"body": "a word"}).json()
        assert repository.get_issue(issue.number).comments == 1
        steer.post(f"{path}/{made['id']}", json={"body": "another word"})
        assert [row.body for row in issue.get_comments()] == ["another word"]
        steer.post(f"{path}/{made['id']}", json={"deleted": True})
        received = receiver.take(3)
        hook.delete()

    assert received.keys() == {"issue_comment.created", "issue_comment.edited", "issue_comment.deleted"}
    assert received["issue_comment.edited"].payload["changes"] == {"body": {"from": "a word"}}
    assert made["user"]["login"] == "octo-dev"
    assert repository.get_issue(issue.number).comments == 0


def test_comment_is_deleted_over_the_api(repository: Repository) -> None:
    issue = repository.create_issue("Regretted")
    issue.create_comment("a word").delete()

    assert list(issue.get_comments()) == []


def test_comments_of_all_issues_are_listed_since(repository: Repository, raw: httpx.Client) -> None:
    comments = [repository.create_issue(title).create_comment(title) for title in ("One", "Two")]
    query = {"since": comments[0].created_at.isoformat(), "sort": "updated", "direction": "asc", "per_page": "100"}

    listed = raw.get("/issues/comments", params=query).json()
    assert [row["id"] for row in listed][-2:] == [comment.id for comment in comments]
    assert listed[-1]["issue_url"].endswith(f"/issues/{comments[1].issue_url.rsplit('/', 1)[1]}")
    assert raw.get("/issues/comments", params=query | {"since": "2999-01-01T00:00:00Z"}).json() == []


def test_person_locks_and_unlocks(steer: httpx.Client, repository: Repository, running: RunningGithub) -> None:
    issue = repository.create_issue("Heated")
    path = f"/issues/{running.repository}/{issue.number}/lock"
    steer.post(path, json={"lock_reason": "too heated"})
    assert repository.get_issue(issue.number).active_lock_reason == "too heated"
    steer.post(path, json={"locked": False})
    assert not repository.get_issue(issue.number).locked


def test_without_push_access_all_but_words_is_dropped(steer: httpx.Client, raw: httpx.Client, running: RunningGithub) -> None:
    theirs = steer.post(f"/issues/{running.repository}", json={"title": "Theirs"}).json()["number"]
    path = f"/repositories/{running.repository}/access"
    steer.post(path, json={"login": running.login, "push": False})
    made = raw.post("/issues", json={"title": "Own", "labels": ["bug"], "assignees": ["mona"]}).json()
    changed = raw.patch(f"/issues/{made['number']}", json={"title": "Mended", "labels": ["bug"], "state": "closed"}).json()
    permissions = raw.get("").json()["permissions"]
    refused = [raw.patch(f"/issues/{theirs}", json={"title": "x"}), raw.post(f"/issues/{theirs}/labels", json=["bug"])]
    steer.post(path, json={"login": running.login, "push": True})

    assert (made["labels"], made["assignees"]) == ([], [])
    assert (changed["title"], changed["labels"], changed["state"]) == ("Mended", [], "closed")
    assert (permissions["push"], permissions["triage"], permissions["pull"]) == (False, False, True)
    assert [answer.status_code for answer in refused] == [403, 403]
    assert raw.patch(f"/issues/{made['number']}", json={"labels": ["bug"]}).json()["labels"][0]["name"] == "bug"


def test_unassignable_person_is_dropped_or_refused(steer: httpx.Client, raw: httpx.Client, running: RunningGithub) -> None:
    path, sent = f"/repositories/{running.repository}/access", {"title": "x", "assignees": ["mona", "octo-dev"]}
    steer.post(path, json={"login": "mona", "assignable": "drop"})
    dropped = raw.post("/issues", json=sent).json()
    steer.post(path, json={"login": "mona", "assignable": "refuse"})
    refused = raw.post("/issues", json=sent)
    steer.post(path, json={"login": "mona", "assignable": True})

    assert [person["login"] for person in dropped["assignees"]] == ["octo-dev"]
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "assignees")
    assert len(raw.post("/issues", json=sent).json()["assignees"]) == 2


@pytest.mark.parametrize("order", ["token", "login"])
def test_revoked_token_opens_nothing_until_it_is_restored(
    steer: httpx.Client, raw: httpx.Client, running: RunningGithub, order: str
) -> None:
    named = {order: getattr(running, order)}
    steer.post("/tokens/revoke", json=named)
    refused = raw.get("")
    steer.post("/tokens/restore", json=named)

    assert (refused.status_code, refused.json()["message"]) == (401, "Bad credentials")
    assert raw.get("").status_code == 200


@pytest.mark.parametrize(
    ("path", "order"),
    [
        ("/repositories", {"full_name": "no-slash"}),
        ("/repositories/acme/checkout/access", {"push": False}),
        ("/repositories/acme/checkout/access", {"login": "x", "assignable": "maybe"}),
        ("/webhooks", {"action": "burn"}),
        ("/clock", {"skew_seconds": "soon"}),
    ],
)
def test_unknown_order_is_refused(running: RunningGithub, path: str, order: dict[str, object]) -> None:
    assert httpx.post(f"{running.page_url}/_sandbox{path}", json=order, trust_env=False).status_code == 422
