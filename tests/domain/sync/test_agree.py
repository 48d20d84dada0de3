"""Task and issue brought together against the sandbox GitHub, where both sides move at the same time."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlmodel import col, select

from domain.columns import now_utc
from domain.database import transaction
from domain.improvements.change import change_improvement, create_improvement, lock_improvement
from domain.postmortems.change import change_postmortem, create_postmortem, lock_postmortem
from domain.sync.dispatch import due_links
from domain.sync.reconcile import reconcile
from domain.sync.table import SyncAttempt, SyncConflict
from domain.tasks.change import change_task, lock_task
from domain.tasks.table import Task, TaskStatus
from domain.trackers.change import add_project, create_tracker
from domain.trackers.contract import Project
from domain.trackers.link import IssueLink, LinkState, open_link
from domain.trackers.table import Tracker, TrackerKind, TrackerProject
from sandbox.github_process import RunningGithub, start_github
from tests.domain.sync.conftest import Scene
from tests.domain.sync.test_inbox import deliver


@pytest.fixture(scope="module")
def github() -> Iterator[RunningGithub]:
    running = start_github()
    yield running
    running.stop()


@dataclass(slots=True)
class Meeting:
    """A scene whose task has its issue already, in the sandbox."""

    scene: Scene
    github: RunningGithub
    number: int

    async def change(self, **columns: Any) -> None:
        async with transaction(self.scene.desk.database) as session:
            task = await lock_task(session, self.scene.task.id)
            await change_task(session, self.scene.act, task, columns, because="a test")

    async def task(self) -> Task:
        async with transaction(self.scene.desk.database) as session:
            return (await session.exec(select(Task).where(Task.id == self.scene.task.id))).one()

    async def reconcile(self) -> None:
        await reconcile(self.scene.desk, self.scene.link.id)

    async def attempts(self) -> list[SyncAttempt]:
        async with transaction(self.scene.desk.database) as session:
            return list((await session.exec(select(SyncAttempt).order_by(col(SyncAttempt.id)))).all())

    async def conflicts(self) -> list[SyncConflict]:
        async with transaction(self.scene.desk.database) as session:
            return list((await session.exec(select(SyncConflict))).all())

    async def edit(self, **change: Any) -> None:
        await self._post(f"/_sandbox/issues/{self.github.repository}/{self.number}", change)

    async def order_fault(self, **fault: Any) -> None:
        await self._post("/_sandbox/faults", fault)

    async def _post(self, path: str, body: dict[str, Any]) -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            (await client.post(self.github.page_url + path, json=body)).raise_for_status()

    async def issue(self) -> Any:
        headers = {"Authorization": f"Bearer {self.github.token}"}
        async with httpx.AsyncClient(trust_env=False, headers=headers) as client:
            url = f"{self.github.base_url}/repos/{self.github.repository}/issues/{self.number}"
            return (await client.get(url)).raise_for_status().json()


@pytest.fixture
async def meeting(scene: Scene, github: RunningGithub) -> Meeting:
    async with transaction(scene.desk.database) as session:
        tracker = (await session.exec(select(Tracker))).one()
        tracker.base_url, tracker.credentials = github.base_url, scene.desk.vault.seal_json({"token": github.token})
        project = (await session.exec(select(TrackerProject))).one()
        project.remote_id = str(github.repository_id)
    await reconcile(scene.desk, scene.link.id)
    link = await scene.read()
    assert link.state is LinkState.LINKED
    return Meeting(scene, github, int(link.remote_id or 0))


async def test_edit_between_our_read_and_our_write_is_not_lost(meeting: Meeting) -> None:
    await meeting.order_fault(operation="update_issue", action="hang", seconds=0.4)
    await meeting.change(labels=["pool"])

    async def meanwhile() -> None:
        await asyncio.sleep(0.2)
        await meeting.edit(title="Renamed by a person meanwhile")

    await asyncio.gather(meeting.reconcile(), meanwhile())
    await meeting.reconcile()
    assert (await meeting.task()).title == "Renamed by a person meanwhile"
    issue = await meeting.issue()
    assert (issue["title"], [label["name"] for label in issue["labels"]]) == ("Renamed by a person meanwhile", ["ft/pool"])
    assert (await meeting.scene.read()).due_at is None


async def test_edit_of_the_task_while_its_issue_is_written_goes_out_too(meeting: Meeting) -> None:
    await meeting.order_fault(operation="update_issue", action="hang", seconds=0.4)
    await meeting.change(title="First")

    async def meanwhile() -> None:
        await asyncio.sleep(0.2)
        await meeting.change(title="Second")

    await asyncio.gather(meeting.reconcile(), meanwhile())
    assert (await meeting.issue())["title"] == "Second"
    link = await meeting.scene.read()
    assert link.pushed_version == link.desired_version


async def test_both_sides_renamed_it_and_the_loser_is_kept(meeting: Meeting) -> None:
    await meeting.edit(title="Theirs")
    await asyncio.sleep(1.1)  # the tracker tells time in seconds
    async with transaction(meeting.scene.desk.database) as session:
        task = await lock_task(session, meeting.scene.task.id)
        act = meeting.scene.act
        await change_task(session, type(act)(act.kind, act.name, now_utc()), task, {"title": "Ours"})
    await meeting.reconcile()
    assert (await meeting.issue())["title"] == "Ours"
    (conflict,) = await meeting.conflicts()
    assert (conflict.field, conflict.local, conflict.remote, conflict.winner) == ("title", "Ours", "Theirs", "local")


async def test_status_that_the_tracker_drops_is_shown_and_not_sent_again_and_again(meeting: Meeting) -> None:
    await meeting.change(status=TaskStatus.DONE)
    await meeting.reconcile()
    await meeting.change(status=TaskStatus.CANCELLED)
    await meeting.reconcile()
    link = await meeting.scene.read()
    assert "did not take this value" in link.notes["status"]["text"]
    before = len(await meeting.attempts())
    await meeting.scene.write(due_at=now_utc())
    await meeting.reconcile()
    assert len(await meeting.attempts()) == before
    assert (await meeting.task()).status is TaskStatus.CANCELLED


async def test_meddling_with_the_managed_region_is_recorded_and_overwritten_and_text_outside_stays(meeting: Meeting) -> None:
    body = (await meeting.issue())["body"]
    await meeting.edit(body="Before.\r\n" + body.replace("Priority", "Urgency") + "\r\nAfter.")
    await meeting.scene.write(due_at=now_utc())
    await meeting.reconcile()
    after = (await meeting.issue())["body"]
    assert after.startswith("Before.\r\n")
    assert after.endswith("\r\nAfter.")
    assert "Urgency" not in after
    assert [conflict.field for conflict in await meeting.conflicts()] == ["body"]


async def test_issue_that_was_deleted_is_gone_after_a_second_look(meeting: Meeting) -> None:
    for _ in range(2):
        await meeting.order_fault(operation="get_issue", action=410)
        await meeting.scene.write(due_at=now_utc())
        await meeting.reconcile()
    assert (await meeting.scene.read()).state is LinkState.GONE
    assert (await meeting.task()).status is TaskStatus.OPEN


async def test_limit_of_the_tracker_is_obeyed(meeting: Meeting) -> None:
    await meeting.order_fault(operation="update_issue", action=429, headers={"retry-after": "77"})
    await meeting.change(title="Later")
    before = now_utc()
    await meeting.reconcile()
    due_at = (await meeting.scene.read()).due_at
    assert due_at is not None
    assert 70 < (due_at - before).total_seconds() < 90
    assert await due_links(meeting.scene.desk, most=10) == []


async def webhook(meeting: Meeting, *, delivery: str, **change: Any) -> None:
    """Stores a webhook of the issue as it is now, but for `change`, as if it had just come in."""
    issue = await meeting.issue() | change
    scene = meeting.scene
    repository = {"id": meeting.github.repository_id, "full_name": meeting.github.repository}
    body = json.dumps({"action": "edited", "issue": issue, "repository": repository, "sender": {"login": "octo-dev"}}).encode()
    assert await deliver(scene, body, delivery=delivery) == "accepted"


async def test_text_of_people_outside_our_region_is_kept_though_a_webhook_is_behind(meeting: Meeting) -> None:
    await asyncio.sleep(1.1)
    await meeting.edit(title="Theirs")
    await webhook(meeting, delivery="behind")
    await asyncio.sleep(1.1)
    await meeting.edit(body=(await meeting.issue())["body"] + "\nNobody told us of this yet.\n")
    await meeting.change(description="Ours")
    await meeting.reconcile()
    body = (await meeting.issue())["body"]
    assert "Nobody told us of this yet." in body
    assert "Ours" in body


async def test_webhook_older_than_what_was_seen_changes_nothing(meeting: Meeting) -> None:
    await webhook(meeting, delivery="old", title="Long ago", updated_at="2020-01-01T00:00:00Z")
    await meeting.reconcile()
    assert (await meeting.task()).title == "Raise the pool size"
    assert (await meeting.scene.read()).due_at is None


async def test_webhook_that_comes_in_while_we_write_is_looked_at(meeting: Meeting) -> None:
    await meeting.order_fault(operation="update_issue", action="hang", seconds=0.4)
    await meeting.change(labels=["pool"])

    async def meanwhile() -> None:
        await asyncio.sleep(0.2)
        await webhook(meeting, delivery="meanwhile", title="Told meanwhile", updated_at="2099-01-01T00:00:00Z")

    await asyncio.gather(meeting.reconcile(), meanwhile())
    await meeting.reconcile()
    assert (await meeting.task()).title == "Told meanwhile"


async def test_title_as_long_as_the_tracker_takes_stays_and_can_be_renamed_there(meeting: Meeting) -> None:
    await meeting.change(title="x" * 256)
    await meeting.reconcile()
    assert (await meeting.scene.read()).notes == {}
    await asyncio.sleep(1.1)
    await meeting.edit(title="Shorter")
    await meeting.scene.write(due_at=now_utc())
    await meeting.reconcile()
    assert (await meeting.task()).title == "Shorter"


async def test_dropped_value_is_sent_again_once_the_tracker_holds_something_else(meeting: Meeting) -> None:
    await meeting.change(status=TaskStatus.DONE)
    await meeting.reconcile()
    await meeting.change(status=TaskStatus.CANCELLED)
    await meeting.reconcile()
    await meeting.edit(state="open")
    await meeting.scene.write(due_at=now_utc())
    async with transaction(meeting.scene.desk.database) as session:
        task = await lock_task(session, meeting.scene.task.id)
        later = replace(meeting.scene.act, at=now_utc() + timedelta(seconds=2))
        for status in (TaskStatus.BLOCKED, TaskStatus.CANCELLED):
            await change_task(session, later, task, {"status": status}, because="a test")
    for _ in range(3):
        await meeting.scene.write(due_at=now_utc())
        await meeting.reconcile()
    issue = await meeting.issue()
    assert (issue["state"], issue["state_reason"]) == ("closed", "not_planned")
    assert len(await meeting.conflicts()) <= 1


async def test_marker_that_somebody_removed_is_put_back_by_the_next_write(meeting: Meeting) -> None:
    body = (await meeting.issue())["body"]
    await meeting.edit(body="\n".join(line for line in body.split("\n") if "marker=" not in line))
    await meeting.change(labels=["pool"])
    await meeting.reconcile()
    assert f"marker={meeting.scene.link.marker}" in (await meeting.issue())["body"]


async def test_edits_and_writes_at_once_never_wait_for_each_other(meeting: Meeting) -> None:
    async def edit() -> None:
        for number in range(15):
            await meeting.change(description=f"edit {number}")

    async def work() -> None:
        for _ in range(8):
            await meeting.scene.write(due_at=now_utc())
            await meeting.reconcile()

    await asyncio.gather(edit(), work(), work())
    for _ in range(3):
        await meeting.scene.write(due_at=now_utc())
        await meeting.reconcile()
    link = await meeting.scene.read()
    assert (link.error_code, link.desired_version) == (None, link.pushed_version)
    assert "edit 14" in (await meeting.issue())["body"]


async def test_two_issues_of_one_task_never_wait_for_each_other(meeting: Meeting) -> None:
    scene = meeting.scene
    async with transaction(scene.desk.database) as session:
        credentials = {"token": meeting.github.token}
        tracker, _ = await create_tracker(
            session,
            scene.act,
            scene.desk.vault,
            kind=TrackerKind.GITHUB,
            name="another",
            base_url=meeting.github.base_url,
            credentials=credentials,
        )
        await session.flush()
        project, _ = await add_project(session, scene.act, tracker, Project(str(meeting.github.repository_id), "acme/checkout", "x"))
        await session.flush()
        second = open_link(session, task_id=scene.task.id, tracker_project_id=project.id, label_prefix="ft/", at=now_utc())
    await reconcile(scene.desk, second.id)
    for round_number in range(5):
        await meeting.edit(title=f"Round {round_number}")
        await scene.write(due_at=now_utc())
        await meeting.change(description=f"round {round_number}")
        await asyncio.gather(meeting.reconcile(), reconcile(scene.desk, second.id))
    # A link that the other's edit holds for a moment is passed over, and stays due.
    for _ in range(10):
        await asyncio.gather(*(reconcile(scene.desk, link_id) for link_id in await due_links(scene.desk, most=10)))
    assert await due_links(scene.desk, most=10) == []
    async with transaction(scene.desk.database) as session:
        links = (await session.exec(select(IssueLink))).all()
    assert {(link.state, link.error_code, link.desired_version == link.pushed_version) for link in links} == {
        (LinkState.LINKED, None, True)
    }


async def test_what_the_issue_says_of_its_surroundings_is_kept_up_to_date(meeting: Meeting) -> None:
    scene = meeting.scene
    async with transaction(scene.desk.database) as session:
        postmortem = await create_postmortem(session, scene.act, {"title": "Outage"})
        improvement = create_improvement(session, scene.act, postmortem_id=postmortem.id, title="See it sooner")
        await session.flush()
        task = await lock_task(session, scene.task.id)
        await change_task(session, scene.act, task, {"improvement_id": improvement.id, "postmortem_id": postmortem.id})
    await meeting.reconcile()
    assert "See it sooner" in (await meeting.issue())["body"]
    async with transaction(scene.desk.database) as session:
        await change_improvement(session, scene.act, await lock_improvement(session, improvement.id), {"title": "See it at once"})
        await change_postmortem(session, scene.act, await lock_postmortem(session, postmortem.id), {"title": "Outage of the shop"})
    await meeting.reconcile()
    body = (await meeting.issue())["body"]
    assert "See it at once" in body
    assert "Outage of the shop" in body
