"""Issues that were there before, and tasks with more than one issue: each ends in agreement."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from domain.columns import now_utc
from domain.comments.write import say_farewell
from domain.database import transaction
from domain.errors import ConflictError
from domain.sync.adopt import adopt_issue, find_issue
from domain.sync.reconcile import reconcile
from domain.sync.send import detach_link, lock_link, send_task
from domain.sync.sweep import sweep
from domain.tasks.change import delete_task, lock_task
from domain.tasks.create import NewTask, create_task
from domain.tasks.table import Task, TaskStatus
from domain.trackers.change import add_project
from domain.trackers.connect import connect
from domain.trackers.link import IssueLink, LinkState
from tests.faults import meeting as stage
from tests.faults.meeting import Encounter

scene, github, pending, meeting = stage.scene, stage.github, stage.pending, stage.meeting


async def adopt(meeting: Encounter, task_id: UUID, url: str) -> IssueLink:
    desk = meeting.scene.desk
    found = await find_issue(
        desk.database,
        url,
        label_prefix="ft/",
        connect=lambda tracker: connect(tracker, desk.vault, desk.settings),
        allow_private=True,
        pacer=desk.pacer,
    )
    async with transaction(desk.database) as session:
        return await adopt_issue(session, meeting.scene.act, await lock_task(session, task_id), found)


async def unrouted(meeting: Encounter, **columns: Any) -> Task:
    """A task that the route has sent nowhere: its link is taken away before anybody looks at it."""
    async with transaction(meeting.scene.desk.database) as session:
        task = await create_task(session, meeting.scene.act, NewTask(**columns))
        await session.flush()
    async with transaction(meeting.scene.desk.database) as session:
        for link in await meeting.links():
            if link.task_id == task.id:
                await session.delete(await session.get_one(IssueLink, link.id))
    return task


async def by_hand(meeting: Encounter, **fields: Any) -> Any:
    return await meeting.steer(f"/issues/{meeting.github.repository}", {"title": "By hand", **fields})


async def show(meeting: Encounter, number: int) -> Any:
    return await meeting.api("GET", f"/issues/{number}")


async def test_adopted_issue_ends_in_agreement_and_keeps_what_people_wrote(meeting: Encounter) -> None:
    issue = await by_hand(meeting, body="What people wrote.\r\nMore.", labels=["bug", "ft/theirs"], assignees=["ana-r"])
    task = await unrouted(meeting, title="By hand", description="Ours", labels=["ours"])
    link = await adopt(meeting, task.id, issue["html_url"])
    await reconcile(meeting.scene.desk, link.id)
    await meeting.settle()
    shown = await show(meeting, issue["number"])
    assert shown["body"].startswith("What people wrote.\r\nMore.")
    assert ("Ours" in shown["body"], f"marker={link.marker}" in shown["body"]) == (True, True)
    assert sorted(label["name"] for label in shown["labels"]) == ["bug", "ft/ours", "ft/theirs"]
    kept = next(found for found in await meeting.links() if found.id == link.id)
    assert (kept.state, kept.error_code, kept.due_at, kept.pushed_version) == (LinkState.LINKED, None, None, kept.desired_version)
    async with transaction(meeting.scene.desk.database) as session:
        now = await session.get_one(Task, task.id)
    assert (now.labels, [user["login"] for user in shown["assignees"]]) == (["ours", "theirs"], ["ana-r"])
    assert now.owner_id == (await meeting.person("ana@example.com")).id


async def test_adopted_issue_that_is_closed_already_closes_the_task(meeting: Encounter) -> None:
    issue = await by_hand(meeting)
    await meeting.steer(f"/issues/{meeting.github.repository}/{issue['number']}", {"state": "closed"})
    task = await unrouted(meeting, title="By hand")
    link = await adopt(meeting, task.id, issue["html_url"])
    await reconcile(meeting.scene.desk, link.id)
    async with transaction(meeting.scene.desk.database) as session:
        assert (await session.get_one(Task, task.id)).status is TaskStatus.DONE
    assert (await show(meeting, issue["number"]))["state"] == "closed"


async def test_issue_of_a_task_is_not_adopted_by_another(meeting: Encounter) -> None:
    task = await unrouted(meeting, title="By hand")
    with pytest.raises(ConflictError):
        await adopt(meeting, task.id, (await meeting.issue())["html_url"])


async def test_adopted_issue_makes_no_second_one(meeting: Encounter) -> None:
    issue = await by_hand(meeting)
    task = await unrouted(meeting, title="By hand")
    await adopt(meeting, task.id, issue["html_url"])
    await meeting.settle()
    for _ in range(2):
        await meeting.sweep()
        await meeting.audit()
        await meeting.settle()
    assert [found["number"] for found in await meeting.issues()] == [meeting.number, issue["number"]]


async def second(meeting: Encounter) -> tuple[IssueLink, str]:
    """Sends the task to another repository, too."""
    there = f"{meeting.github.repository}-too"
    await meeting.steer("/repositories", {"full_name": there})
    described = await (await meeting.scene.desk.adapter(await meeting.tracker())).describe(there)
    async with transaction(meeting.scene.desk.database) as session:
        project, _ = await add_project(session, meeting.scene.act, await meeting.tracker(), described)
        await session.flush()
        task = await lock_task(session, meeting.scene.task.id)
        act = replace(meeting.scene.act, at=now_utc())
        link = await send_task(session, act, task, tracker_project_id=project.id, label_prefix="ft/")
    await meeting.settle()
    return next(found for found in await meeting.links() if found.id == link.id), there


async def its_issue(meeting: Encounter, there: str) -> Any:
    headers = {"Authorization": f"Bearer {meeting.github.token}"}
    return (await meeting.client.get(f"{meeting.github.base_url}/repos/{there}/issues/1", headers=headers)).raise_for_status().json()


async def test_change_in_one_issue_of_a_task_reaches_the_other(meeting: Encounter) -> None:
    link, there = await second(meeting)
    await meeting.tick()
    await meeting.edit(title="Theirs", labels=["ft/pool"], assignees=["ana-r"], state="closed")
    await meeting.look()
    await meeting.settle()
    other = await its_issue(meeting, there)
    assert (other["title"], other["state"]) == ("Theirs", "closed")
    assert ([label["name"] for label in other["labels"]], [user["login"] for user in other["assignees"]]) == (["ft/pool"], ["ana-r"])
    attempts = len(await meeting.attempts())
    for _ in range(3):
        await meeting.look()
        await meeting.settle()
    assert len(await meeting.attempts()) == attempts
    assert {found.due_at for found in await meeting.links()} == {None}
    assert link.state is LinkState.LINKED


async def test_two_issues_of_a_task_do_not_echo_each_other(meeting: Encounter) -> None:
    link, there = await second(meeting)
    await meeting.tick()
    await meeting.edit(title="Theirs")
    await meeting.steer(f"/issues/{there}/1", {"labels": ["ft/there"]})
    for _ in range(4):
        await meeting.sweep()
        await sweep(meeting.scene.desk, link.tracker_project_id)
        await meeting.settle()
    here, other = await meeting.issue(), await its_issue(meeting, there)
    assert {(issue["title"], *(label["name"] for label in issue["labels"])) for issue in (here, other)} == {("Theirs", "ft/there")}
    assert len(await meeting.attempts()) <= 5


async def test_one_link_that_is_detached_leaves_the_other_alone(meeting: Encounter) -> None:
    _, there = await second(meeting)
    async with transaction(meeting.scene.desk.database) as session:
        await detach_link(session, meeting.scene.act, await lock_link(session, meeting.scene.link.id))
    await meeting.change(title="Only there")
    await meeting.settle()
    assert ((await its_issue(meeting, there))["title"], (await meeting.issue())["title"]) == ("Only there", "Raise the pool size")
    await meeting.edit(title="Nobody listens")
    await meeting.hear()
    await meeting.settle()
    assert (await meeting.task()).title == "Only there"
    assert len(await meeting.issues()) == 1


async def test_deleted_task_closes_both_issues_and_deletes_none(meeting: Encounter) -> None:
    _, there = await second(meeting)
    async with transaction(meeting.scene.desk.database) as session:
        task = await lock_task(session, meeting.scene.task.id)
        act = replace(meeting.scene.act, at=now_utc())
        await delete_task(session, act, task)
        await say_farewell(session, act, task)
    await meeting.settle()
    for issue in (await meeting.issue(), await its_issue(meeting, there)):
        assert (issue["state"], issue["state_reason"]) == ("closed", "not_planned")
        assert "this task was deleted" in issue["body"]
        assert issue["comments"] == 1


async def test_issue_is_adopted_by_the_name_that_its_repository_had_before(meeting: Encounter) -> None:
    issue = await by_hand(meeting)
    owner = meeting.github.repository.partition("/")[0]
    await meeting.steer(f"/repositories/{meeting.github.repository}/rename", {"to": "renamed"})
    meeting.github = replace(meeting.github, repository=f"{owner}/renamed")
    task = await unrouted(meeting, title="By hand", description="Ours")
    # The new name is known before the old address is used.
    await meeting.change(title="Any edit")
    await meeting.settle()
    link = await adopt(meeting, task.id, issue["html_url"])
    await reconcile(meeting.scene.desk, link.id)
    assert "Ours" in (await show(meeting, issue["number"]))["body"]
    assert (await meeting.project()).key == f"{owner}/renamed"


async def test_issue_with_the_marker_of_an_ended_link_is_adopted_and_marked_anew(meeting: Encounter) -> None:
    async with transaction(meeting.scene.desk.database) as session:
        await detach_link(session, meeting.scene.act, await lock_link(session, meeting.scene.link.id))
    task = await unrouted(meeting, title="Taken over", description="Ours")
    link = await adopt(meeting, task.id, (await meeting.issue())["html_url"])
    await meeting.settle()
    await meeting.sweep()
    await meeting.settle()
    body = (await meeting.issue())["body"]
    assert ("Ours" in body, body.rstrip().endswith(f"marker={link.marker} -->")) == (True, True)
    kept = next(found for found in await meeting.links() if found.id == link.id)
    assert (kept.state, kept.due_at, kept.remote_id) == (LinkState.LINKED, None, str(meeting.number))
    assert len(await meeting.issues()) == 1
