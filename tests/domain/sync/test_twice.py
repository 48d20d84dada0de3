"""No second issue, whatever order things happen in: a create that may have taken effect is looked for, never sent again."""

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlmodel import select

from domain.columns import now_utc
from domain.database import transaction
from domain.sync.reconcile import reconcile
from domain.sync.send import detach_link, lock_link, retry_link
from domain.tasks.change import change_task, lock_task
from domain.tasks.table import Priority
from domain.trackers.change import change_tracker, lock_tracker
from domain.trackers.link import LinkState
from domain.trackers.table import Tracker, TrackerProject
from sandbox.github_process import RunningGithub, start_github
from tests.domain.sync.conftest import Scene
from tests.domain.sync.test_inbox import deliver


@pytest.fixture(scope="module")
def github() -> Iterator[RunningGithub]:
    running = start_github()
    yield running
    running.stop()


@pytest.fixture
async def pointed(scene: Scene, github: RunningGithub) -> Scene:
    """The scene with a tracker that answers; nothing has been sent yet."""
    async with transaction(scene.desk.database) as session:
        tracker = (await session.exec(select(Tracker))).one()
        tracker.base_url, tracker.credentials = github.base_url, scene.desk.vault.seal_json({"token": github.token})
        project = (await session.exec(select(TrackerProject))).one()
        project.remote_id = str(github.repository_id)
    return scene


async def order(github: RunningGithub, operation: str, action: str | int, *, times: int = 1, seconds: float = 60) -> None:
    fault = {"operation": operation, "action": action, "times": times, "seconds": seconds}
    async with httpx.AsyncClient(trust_env=False) as client:
        (await client.post(f"{github.page_url}/_sandbox/faults", json=fault)).raise_for_status()


async def marked_issues(github: RunningGithub, scene: Scene) -> list[Any]:
    """Gives the issues that carry the link's marker."""
    url = f"{github.base_url}/repos/{github.repository}/issues?state=all&per_page=100"
    async with httpx.AsyncClient(trust_env=False, headers={"Authorization": f"Bearer {github.token}"}) as client:
        issues = (await client.get(url)).raise_for_status().json()
    return [issue for issue in issues if str(scene.link.marker) in (issue["body"] or "")]


async def made(scene: Scene, github: RunningGithub) -> int:
    """Counts them."""
    return len(await marked_issues(github, scene))


async def run_again(scene: Scene) -> None:
    await scene.write(due_at=now_utc())
    await reconcile(scene.desk, scene.link.id)


async def retry(scene: Scene) -> None:
    async with transaction(scene.desk.database) as session:
        retry_link(session, scene.act, await lock_link(session, scene.link.id))
    await reconcile(scene.desk, scene.link.id)


async def test_refused_look_and_a_retry_by_hand_make_no_second_issue(pointed: Scene, github: RunningGithub) -> None:
    await order(github, "create_issue", "drop_after_commit")
    await reconcile(pointed.desk, pointed.link.id)
    await order(github, "list_issues", 404)
    await run_again(pointed)
    assert (await pointed.read()).state is LinkState.UNKNOWN
    await retry(pointed)
    assert (await pointed.read()).state is LinkState.LINKED
    assert await made(pointed, github) == 1


async def test_issue_whose_answer_was_lost_is_found_by_the_webhook_that_came_meanwhile(pointed: Scene, github: RunningGithub) -> None:
    await order(github, "create_issue", "hang_after_commit", seconds=0.5)

    async def meanwhile() -> None:
        await asyncio.sleep(0.2)
        issues = await marked_issues(github, pointed)
        body = {"action": "opened", "issue": issues[0], "repository": {"id": github.repository_id}, "sender": {"login": github.login}}
        assert await deliver(pointed, json.dumps(body).encode()) == "accepted"

    await asyncio.gather(reconcile(pointed.desk, pointed.link.id), meanwhile())
    link = await pointed.read()
    assert (link.state, link.due_at, link.error_code) == (LinkState.LINKED, None, None)
    assert await made(pointed, github) == 1


async def test_absence_takes_three_looks_over_three_intervals(pointed: Scene, github: RunningGithub) -> None:
    interval = timedelta(seconds=pointed.desk.settings.probe_seconds)
    await order(github, "create_issue", 502)
    await reconcile(pointed.desk, pointed.link.id)
    for _ in range(4):  # looked at often enough, but too soon
        await run_again(pointed)
        assert (await pointed.read()).state is LinkState.UNKNOWN
    await pointed.write(unknown_since=now_utc() - 3 * interval, probes=1)
    await run_again(pointed)  # long enough, but not looked at often enough
    assert (await pointed.read()).state is LinkState.UNKNOWN
    assert await made(pointed, github) == 0
    await run_again(pointed)
    assert (await pointed.read()).state is LinkState.LINKED
    assert await made(pointed, github) == 1


async def test_detached_task_gets_no_new_issue_by_itself(pointed: Scene, github: RunningGithub) -> None:
    await reconcile(pointed.desk, pointed.link.id)
    async with transaction(pointed.desk.database) as session:
        await detach_link(session, pointed.act, await lock_link(session, pointed.link.id))
    async with transaction(pointed.desk.database) as session:
        await change_task(session, pointed.act, await lock_task(session, pointed.task.id), {"priority": Priority.P0})
    assert (await pointed.read()).state is LinkState.DETACHED
    assert await made(pointed, github) == 1


async def test_link_detached_while_its_issue_is_made_says_which_issue_that_is(pointed: Scene, github: RunningGithub) -> None:
    await order(github, "create_issue", "hang", seconds=0.4)

    async def detach() -> None:
        await asyncio.sleep(0.2)
        async with transaction(pointed.desk.database) as session:
            await detach_link(session, pointed.act, await lock_link(session, pointed.link.id))

    await asyncio.gather(reconcile(pointed.desk, pointed.link.id), detach())
    link = await pointed.read()
    assert link.state is LinkState.DETACHED
    assert link.url is not None


async def test_create_that_waited_longer_than_its_lease_is_not_sent(pointed: Scene, github: RunningGithub) -> None:
    pointed.desk.settings = pointed.desk.settings.model_copy(update={"lease_seconds": 0.3, "tracker_timeout_seconds": 0.25})
    async with transaction(pointed.desk.database) as session:
        adapter = await pointed.desk.adapter((await session.exec(select(Tracker))).one())
    for _ in range(8):  # all of the adapter's threads are busy
        adapter._line._threads.submit(time.sleep, 0.8)  # type: ignore[attr-defined]

    async def next_worker() -> None:
        await asyncio.sleep(0.5)
        await reconcile(pointed.desk, pointed.link.id)

    await asyncio.gather(reconcile(pointed.desk, pointed.link.id), next_worker())
    await run_again(pointed)
    assert await made(pointed, github) <= 1


async def test_new_credentials_wake_links_that_wait_for_a_limit(pointed: Scene, github: RunningGithub) -> None:
    async with transaction(pointed.desk.database) as session:
        tracker = await lock_tracker(session, pointed.tracker.id)
        tracker.blocked_until = now_utc() + timedelta(hours=20)
    await reconcile(pointed.desk, pointed.link.id)
    due_at = (await pointed.read()).due_at
    assert due_at is not None
    assert due_at > now_utc() + timedelta(hours=19)
    async with transaction(pointed.desk.database) as session:
        tracker = await lock_tracker(session, pointed.tracker.id)
        await change_tracker(session, pointed.act, tracker, {"credentials": pointed.desk.vault.seal_json({"token": github.token})})
    await reconcile(pointed.desk, pointed.link.id)
    assert (await pointed.read()).state is LinkState.LINKED


async def test_gone_link_is_looked_at_again_by_a_retry(pointed: Scene, github: RunningGithub) -> None:
    await reconcile(pointed.desk, pointed.link.id)
    await order(github, "get_issue", 404, times=2)
    await run_again(pointed)
    await run_again(pointed)
    assert (await pointed.read()).state is LinkState.GONE
    await retry(pointed)
    assert (await pointed.read()).state is LinkState.LINKED
    assert await made(pointed, github) == 1
