"""The state of the sandbox GitHub outlives its process."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sandbox.github_process import ROOT, RunningGithub, start_github
from sandbox.github_records import Issue
from sandbox.github_state import State
from tests.sandbox.github_peers import connect


@pytest.mark.parametrize("ending", [RunningGithub.stop, RunningGithub.kill])
def test_restart_keeps_everything(tmp_path: Path, ending: object) -> None:
    state = tmp_path / "github.sqlite"
    first = start_github(state=state)
    with connect(first) as client:
        repository = client.get_repo(first.repository_id)
        issue = repository.create_issue("Kept", labels=["kept"])
        issue.create_comment("kept too")
        hook = repository.create_hook("web", {"url": "http://127.0.0.1:9/"}, ["issues"])
    assert callable(ending)
    ending(first)

    second = start_github(state=state, port=first.port)
    try:
        assert second.repository_id == first.repository_id
        with connect(second) as client:
            repository = client.get_repo(second.repository_id)
            read = repository.get_issue(issue.number)
            assert (read.id, read.title, read.html_url) == (issue.id, "Kept", issue.html_url)
            assert [row.body for row in read.get_comments()] == ["kept too"]
            assert repository.get_hook(hook.id).config["url"] == "http://127.0.0.1:9/"
            assert repository.create_issue("Next").number == issue.number + 1
    finally:
        second.stop()


def test_without_a_file_only_the_repository_is_known_again() -> None:
    first = start_github()
    with connect(first) as client:
        client.get_repo(first.repository_id).create_issue("Forgotten")
    first.stop()
    second = start_github(port=first.port)
    try:
        with connect(second) as client:
            assert list(client.get_repo(first.repository_id).get_issues()) == []
    finally:
        second.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="the end of a parent is told to its children on Linux alone")
def test_child_dies_with_its_parent() -> None:
    imports = "import time; from sandbox.github_process import start_github"
    program = f"{imports}; print(start_github().process.pid, flush=True)"
    with subprocess.Popen([sys.executable, "-c", f"{program}; time.sleep(60)"], cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 5
    while _runs(child):
        assert time.monotonic() < deadline, "the child outlived its parent"
        time.sleep(0.02)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z"


def test_records_are_found_by_group_after_a_restart(tmp_path: Path) -> None:
    repository_id, state = 1, State(tmp_path / "github.sqlite")
    made = [_issue(state, repository_id, number) for number in range(1, 13)]
    made[0].state = "closed"
    state.save(*made)
    state.remove(made[-1])
    state.commit()
    last_id = state.new_id()
    state.close()

    again = State(tmp_path / "github.sqlite")
    assert [row.number for row in again.of(Issue, repository_id)] == list(range(1, 12))
    assert (again.count(Issue, f"{repository_id}/open"), again.count(Issue, f"{repository_id}/closed")) == (10, 1)
    assert again.issue_by_id(made[-1].id) is None
    assert again.new_id() == last_id
    again.close()


def _issue(state: State, repository_id: int, number: int) -> Issue:
    at = state.instant()
    return Issue(id=state.new_id(), repository_id=repository_id, number=number, title="x", user="mona", created_at=at, updated_at=at)
