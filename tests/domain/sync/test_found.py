"""With every webhook lost, task and issue are the same after one sweep: against a GitHub that is reached through sockets."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from sqlmodel import select

from domain.columns import now_utc
from domain.database import transaction
from domain.sync.audit import audit
from domain.sync.hooks import check_hook
from domain.sync.reconcile import reconcile
from domain.sync.sweep import sweep
from domain.tasks.table import Task
from domain.trackers.link import LinkState
from domain.trackers.table import Tracker, TrackerProject
from sandbox.github_process import RunningGithub, start_github
from tests.domain.sync.conftest import Scene
from tests.domain.sync.in_memory import project_of, set_project


@pytest.fixture(scope="module")
def github() -> Iterator[RunningGithub]:
    running = start_github()
    yield running
    running.stop()


@pytest.fixture
async def sent(scene: Scene, github: RunningGithub) -> Scene:
    """The scene with a tracker that answers; the task is an issue there."""
    async with transaction(scene.desk.database) as session:
        tracker = (await session.exec(select(Tracker).with_for_update())).one()
        tracker.base_url, tracker.credentials = github.base_url, scene.desk.vault.seal_json({"token": github.token})
        project = (await session.exec(select(TrackerProject).with_for_update())).one()
        project.remote_id = str(github.repository_id)
    await reconcile(scene.desk, scene.link.id)
    assert (await scene.read()).state is LinkState.LINKED
    return scene


@pytest.fixture
async def api(github: RunningGithub) -> AsyncIterator[httpx.AsyncClient]:
    """People's way to the same issues."""
    url, headers = f"{github.base_url}/repos/{github.repository}/", {"Authorization": f"Bearer {github.token}"}
    async with httpx.AsyncClient(base_url=url, trust_env=False, headers=headers) as client:
        yield client


async def title_of(scene: Scene) -> str:
    async with transaction(scene.desk.database) as session:
        return (await session.exec(select(Task.title).where(Task.id == scene.task.id))).one()


async def issue(scene: Scene, api: httpx.AsyncClient) -> dict[str, Any]:
    read: dict[str, Any] = (await api.get(f"issues/{(await scene.read()).remote_id}")).raise_for_status().json()
    return read


async def test_edit_arrives_by_a_sweep_alone_and_the_next_one_finds_nothing(sent: Scene, api: httpx.AsyncClient) -> None:
    number = (await sent.read()).remote_id
    await sweep(sent.desk, sent.project.id)
    (await api.patch(f"issues/{number}", json={"title": "By hand"})).raise_for_status()
    await set_project(sent, due_at=now_utc())
    await sweep(sent.desk, sent.project.id)
    await reconcile(sent.desk, sent.link.id)
    assert await title_of(sent) == "By hand"
    before = await project_of(sent)
    await set_project(sent, due_at=now_utc())
    await sweep(sent.desk, sent.project.id)
    assert (await project_of(sent)).sweep_etag == before.sweep_etag
    assert (await sent.read()).due_at is None


async def test_edit_that_a_sweep_missed_is_found_by_the_audit(sent: Scene, api: httpx.AsyncClient) -> None:
    await sent.write(remote_version=now_utc().replace(year=2020))
    (await api.patch(f"issues/{(await sent.read()).remote_id}", json={"title": "By hand"})).raise_for_status()
    await audit(sent.desk, sent.project.id)
    await reconcile(sent.desk, sent.link.id)
    assert await title_of(sent) == "By hand"


async def test_second_issue_with_the_marker_is_closed_as_a_duplicate(sent: Scene, api: httpx.AsyncClient) -> None:
    first = await issue(sent, api)
    second = (await api.post("issues", json={"title": first["title"], "body": first["body"]})).raise_for_status().json()
    await sweep(sent.desk, sent.project.id)
    shown = (await api.get(f"issues/{second['number']}")).raise_for_status().json()
    assert (shown["state"], shown["state_reason"]) == ("closed", "duplicate")
    assert (await issue(sent, api))["state"] == "open"


async def test_hook_is_looked_at(sent: Scene) -> None:
    await check_hook(sent.desk, sent.project.id)
    hook = (await project_of(sent)).hook
    assert hook is not None
    assert (hook["id"], hook["error"]) == (None, None)
