"""Issues of the sandbox GitHub, through PyGithub."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import github
import httpx
import pytest
from github.Repository import Repository

from sandbox.github_process import RunningGithub, start_github
from tests.sandbox.github_peers import connect


@pytest.fixture(scope="module")
def running() -> Iterator[RunningGithub]:
    running = start_github(collaborators=["mona"])
    yield running
    running.stop()


def test_issue_is_created_with_all_its_fields(repository: Repository, running: RunningGithub) -> None:
    issue = repository.create_issue("A title", body="A body", labels=["bug", "brand new/1"], assignees=["mona"])

    assert (issue.title, issue.body, issue.state, issue.user.login) == ("A title", "A body", "open", running.login)
    assert [label.name for label in issue.labels] == ["bug", "brand new/1"]
    assert [person.login for person in issue.assignees] == ["mona"]
    assert issue.id != issue.number
    assert issue.html_url == f"{running.page_url}/{running.repository}/issues/{issue.number}"
    assert issue.updated_at.microsecond == 0


def test_label_named_by_an_issue_comes_into_being(repository: Repository) -> None:
    repository.create_issue("A title", labels=["from an issue"])

    assert repository.get_label("From An Issue").color == "ededed"


def test_numbers_rise_by_one(repository: Repository) -> None:
    first, second = repository.create_issue("One"), repository.create_issue("Two")

    assert second.number == first.number + 1
    assert second.id > first.id


def test_closed_issue_says_when_why_and_by_whom(repository: Repository, running: RunningGithub) -> None:
    issue = repository.create_issue("To close")
    issue.edit(state="closed", state_reason="not_planned")

    read = repository.get_issue(issue.number)
    assert (read.state, read.state_reason) == ("closed", "not_planned")
    assert read.closed_by is not None
    assert read.closed_by.login == running.login
    assert read.closed_at >= read.created_at


def test_close_without_a_reason_is_completed(repository: Repository) -> None:
    issue = repository.create_issue("To close")
    issue.edit(state="closed")

    assert issue.state_reason == "completed"


def test_reopened_issue_forgets_its_closing(repository: Repository) -> None:
    issue = repository.create_issue("To reopen")
    issue.edit(state="closed")
    issue.edit(state="open")

    assert (issue.state, issue.state_reason) == ("open", "reopened")
    assert issue.raw_data["closed_at"] is None


def test_one_call_changes_many_fields(repository: Repository) -> None:
    issue = repository.create_issue("Before", body="before", labels=["bug"], assignees=["mona"])
    issue.edit(title="After", body="after", state="closed", labels=["question"], assignees=[])

    read = repository.get_issue(issue.number)
    assert (read.title, read.body, read.state) == ("After", "after", "closed")
    assert [label.name for label in read.labels] == ["question"]
    assert read.assignees == []


def test_labels_of_an_issue_are_added_removed_and_set(repository: Repository) -> None:
    issue = repository.create_issue("Labelled", labels=["bug"])

    issue.add_to_labels("a/b c", "bug")
    assert [label.name for label in issue.get_labels()] == ["bug", "a/b c"]
    issue.remove_from_labels("a/b c")
    assert [label.name for label in issue.get_labels()] == ["bug"]
    issue.set_labels("question", "enhancement")
    assert [label.name for label in issue.get_labels()] == ["question", "enhancement"]
    issue.delete_labels()
    assert list(issue.get_labels()) == []


def test_label_that_is_not_there_cannot_be_removed(repository: Repository) -> None:
    issue = repository.create_issue("Labelled")

    with pytest.raises(github.GithubException, match="Label does not exist"):
        issue.remove_from_labels("absent")


def test_labels_of_a_repository_are_made_once(repository: Repository) -> None:
    made = repository.create_label("sev-1", "ff0000", "the worst")

    assert (made.name, made.color, made.description) == ("sev-1", "ff0000", "the worst")
    assert "sev-1" in [label.name for label in repository.get_labels()]
    with pytest.raises(github.GithubException, match="already_exists"):
        repository.create_label("SEV-1", "ff0000")


def test_comments_are_written_changed_and_counted(repository: Repository) -> None:
    issue = repository.create_issue("Discussed")
    comment = issue.create_comment("first")
    comment.edit("first, mended")
    issue.create_comment("second")

    assert [row.body for row in issue.get_comments()] == ["first, mended", "second"]
    assert issue.get_comment(comment.id).body == "first, mended"
    assert repository.get_issue(issue.number).comments == 2


def test_locked_issue_says_why(repository: Repository) -> None:
    issue = repository.create_issue("Heated")
    issue.lock("too heated")

    read = repository.get_issue(issue.number)
    assert (read.locked, read.active_lock_reason) == (True, "too heated")
    issue.unlock()
    assert not repository.get_issue(issue.number).locked


def test_list_is_filtered_and_sorted(repository: Repository, running: RunningGithub) -> None:
    old, new = (repository.create_issue(name, labels=["to-filter"]) for name in ("Old", "New"))
    old.edit(state="closed")

    def numbers(**query: Any) -> list[int]:
        return [issue.number for issue in repository.get_issues(labels=["to-filter"], **query)]

    assert numbers() == [new.number]
    assert numbers(state="all") == [new.number, old.number]
    assert numbers(state="all", direction="asc") == [old.number, new.number]
    assert numbers(state="all", creator=running.login) == [new.number, old.number]
    assert numbers(state="all", creator="nobody") == []
    assert numbers(state="all", since=datetime.now(UTC) + timedelta(minutes=1)) == []
    assert numbers(state="all", since=datetime.now(UTC) - timedelta(minutes=1)) == [new.number, old.number]


def test_list_is_paged_by_link_header(repository: Repository, raw: httpx.Client) -> None:
    made = {repository.create_issue(f"Page {count}", labels=["paged"]).number for count in range(5)}

    with_pages = raw.get("/issues", params={"labels": "paged", "per_page": 2})
    assert len(with_pages.json()) == 2
    assert set(with_pages.links) == {"next", "last"}
    read = [issue.number for issue in repository.get_issues(labels=["paged"])]
    assert set(read) == made


def test_unchanged_state_is_304_for_the_same_token_alone(repository: Repository, raw: httpx.Client) -> None:
    path = f"/issues/{repository.create_issue('Tagged').number}"
    first = raw.get(path)
    known = {"if-none-match": first.headers["etag"]}

    again = raw.get(path, headers=known)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["x-ratelimit-used"] == first.headers["x-ratelimit-used"]
    raw.patch(path, json={"title": "Changed"})
    assert raw.get(path, headers=known).status_code == 200
    assert "last-modified" in first.headers


def test_list_is_304_while_nothing_changes(repository: Repository, raw: httpx.Client) -> None:
    query = {"state": "all", "since": "2020-01-01T00:00:00Z"}
    tag = {"if-none-match": raw.get("/issues", params=query).headers["etag"]}

    assert raw.get("/issues", params=query, headers=tag).status_code == 304
    repository.create_issue("One more")
    assert raw.get("/issues", params=query, headers=tag).status_code == 200


def test_lazy_issue_is_updated_only_when_it_changed(repository: Repository) -> None:
    issue = repository.get_issue(repository.create_issue("Watched").number)
    assert issue.title == "Watched"

    assert not issue.update()
    repository.get_issue(issue.number).edit(title="Renamed")
    assert issue.update()
    assert issue.title == "Renamed"


def test_user_repository_and_rate_limit_are_shown(running: RunningGithub) -> None:
    with connect(running) as client:
        assert client.get_user().login == running.login
        assert client.get_repo(running.repository).id == running.repository_id
        assert client.get_repo(running.repository_id).full_name == running.repository
        assert client.get_rate_limit().rate.limit == 5000


def test_log_of_calls_is_read_and_cleared(running: RunningGithub, repository: Repository) -> None:
    log = f"{running.page_url}/_sandbox/calls"
    httpx.delete(log, trust_env=False)
    repository.create_issue("Logged")

    (call,) = httpx.get(log, trust_env=False).json()
    assert (call["method"], call["status"], call["login"]) == ("POST", 201, running.login)
    assert call["operation"] == "create_issue"
    assert json.dumps(call).find(running.token) == -1
