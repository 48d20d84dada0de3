"""The faults that a test can order from the sandbox GitHub, as PyGithub meets them."""

import time
from collections.abc import Iterator
from typing import Any

import github
import httpx
import pytest
import requests
from github.Repository import Repository

from sandbox.github_process import RunningGithub, start_github


@pytest.fixture(scope="module")
def running() -> Iterator[RunningGithub]:
    running = start_github()
    yield running
    running.stop()


def _order(running: RunningGithub, **fault: Any) -> None:
    httpx.post(f"{running.page_url}/_sandbox/faults", json=fault, trust_env=False).raise_for_status()


def test_dropped_create_has_taken_effect(running: RunningGithub, repository: Repository) -> None:
    _order(running, operation="create_issue", action="drop_after_commit")

    with pytest.raises(requests.ConnectionError):
        repository.create_issue("Made and unheard of")
    assert [issue.title for issue in repository.get_issues()] == ["Made and unheard of"]
    assert repository.create_issue("Next").number == 2


def test_hanging_call_times_out_and_does_nothing(running: RunningGithub, repository: Repository) -> None:
    count = repository.get_issues(state="all").totalCount
    _order(running, operation="create_issue", action="hang", seconds=30)

    with (
        github.Github(base_url=running.base_url, auth=github.Auth.Token(running.token), retry=None, timeout=1, lazy=True) as client,
        pytest.raises(requests.ReadTimeout),
    ):
        client.get_repo(running.repository_id).create_issue("Never made")
    time.sleep(0.1)
    assert repository.get_issues(state="all").totalCount == count


def test_slow_call_is_carried_out_late(running: RunningGithub, repository: Repository) -> None:
    _order(running, operation="any", action="hang", seconds=0.2)
    started = time.monotonic()

    assert repository.create_issue("Late").number
    assert time.monotonic() - started >= 0.2


def test_status_is_answered_so_many_times(running: RunningGithub, repository: Repository) -> None:
    _order(running, operation="update_issue", action=502, times=2, headers={"retry-after": "7"})
    issue = repository.create_issue("Before")

    for _ in range(2):
        with pytest.raises(github.GithubException) as refused:
            issue.edit(title="After")
        assert (refused.value.status, (refused.value.headers or {})["retry-after"]) == (502, "7")
    issue.edit(title="After")
    assert repository.get_issue(issue.number).title == "After"


@pytest.mark.parametrize("fault", [{"operation": "fly", "action": 500}, {"operation": "any", "action": "explode"}, {}])
def test_unknown_fault_is_refused(running: RunningGithub, fault: dict[str, Any]) -> None:
    answer = httpx.post(f"{running.page_url}/_sandbox/faults", json=fault, trust_env=False)

    assert answer.status_code == 422
