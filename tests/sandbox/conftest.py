"""How tests of the sandbox GitHub reach it: through PyGithub, and bare. Each file starts the one that it needs as `running`."""

from collections.abc import Iterator

import httpx
import pytest
from github.Repository import Repository

from sandbox.github_process import RunningGithub
from tests.sandbox.github_peers import connect


@pytest.fixture
def repository(running: RunningGithub) -> Iterator[Repository]:
    """The sandbox's repository, as PyGithub shows it."""
    with connect(running) as client:
        yield client.get_repo(running.repository_id)


@pytest.fixture
def raw(running: RunningGithub) -> Iterator[httpx.Client]:
    """A client whose addresses start at the repository."""
    headers = {"authorization": f"Bearer {running.token}"}
    base_url = f"{running.base_url}/repos/{running.repository}"
    with httpx.Client(base_url=base_url, headers=headers, trust_env=False) as client:
        yield client


@pytest.fixture
def steer(running: RunningGithub) -> Iterator[httpx.Client]:
    """A client of the control endpoints; any answer that is not a success is an error."""

    def succeed(answer: httpx.Response) -> None:
        answer.raise_for_status()

    hooks = {"response": [succeed]}
    with httpx.Client(base_url=f"{running.page_url}/_sandbox", event_hooks=hooks, trust_env=False) as client:
        yield client
