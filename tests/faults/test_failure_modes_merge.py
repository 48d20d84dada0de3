"""Updates that must not get lost, and changes of status that go back and forth, change nothing, or have no path."""

import asyncio
from datetime import timedelta

import pytest

from domain.columns import now_utc
from domain.database import transaction
from domain.sync.reconcile import reconcile
from domain.sync.send import lock_link, retry_link
from domain.sync.sweep import sweep
from domain.sync.table import Operation
from domain.tasks.table import TaskStatus
from domain.trackers.link import LinkState
from tests.faults import meeting as stage
from tests.faults.meeting import Encounter

scene, github, pending, meeting = stage.scene, stage.github, stage.pending, stage.meeting


async def names(meeting: Encounter) -> list[str]:
    return sorted(label["name"] for label in (await meeting.issue())["labels"])


async def test_changes_of_different_fields_on_both_sides_are_all_kept(meeting: Encounter) -> None:
    await meeting.tick()
    await meeting.edit(title="Theirs", assignees=["ana-r"])
    await meeting.change(labels=["pool"], description="Ours")
    await meeting.settle()
    task, issue = await meeting.task(), await meeting.issue()
    assert (task.title, issue["title"]) == ("Theirs", "Theirs")
    assert (task.owner_id, [user["login"] for user in issue["assignees"]]) == ((await meeting.person("ana@example.com")).id, ["ana-r"])
    assert (task.labels, await names(meeting)) == (["pool"], ["ft/pool"])
    assert "Ours" in issue["body"]
    assert await meeting.conflicts() == []


async def test_labels_that_both_sides_changed_are_merged_and_those_of_people_stay(meeting: Encounter) -> None:
    await meeting.change(labels=["a", "b"])
    await meeting.settle()
    await meeting.tick()
    await meeting.edit(labels=["bug", "ft/b", "ft/theirs"])
    await meeting.change(labels=["a", "b", "ours"])
    await meeting.settle()
    assert (await meeting.task()).labels == ["b", "ours", "theirs"]
    assert await names(meeting) == ["bug", "ft/b", "ft/ours", "ft/theirs"]


async def test_label_that_people_add_between_our_read_and_our_write_stays(meeting: Encounter) -> None:
    await meeting.order_fault(operation="update_issue", action="hang", seconds=0.4)
    await meeting.change(title="Ours")

    async def meanwhile() -> None:
        await asyncio.sleep(0.2)
        await meeting.edit(labels=["bug", "ft/theirs"])

    await asyncio.gather(meeting.reconcile(), meanwhile())
    await meeting.settle()
    assert await names(meeting) == ["bug", "ft/theirs"]
    assert (await meeting.task()).labels == ["theirs"]


async def test_title_changed_on_both_sides_keeps_the_loser(meeting: Encounter) -> None:
    await meeting.change_at(now_utc() - timedelta(minutes=1), title="Ours, older")
    await meeting.tick()
    await meeting.edit(title="Theirs, newer")
    link = await meeting.settle()
    assert ((await meeting.task()).title, (await meeting.issue())["title"]) == ("Theirs, newer", "Theirs, newer")
    (conflict,) = await meeting.conflicts()
    assert (conflict.field, conflict.local, conflict.remote, conflict.winner) == ("title", "Ours, older", "Theirs, newer", "remote")
    assert (link.due_at, link.error_code) == (None, None)


@pytest.mark.parametrize("skew", [-300.0, 300.0])
async def test_conflict_with_a_tracker_whose_clock_is_wrong_ends_in_agreement_and_keeps_the_loser(pending: Encounter, skew: float) -> None:
    await pending.tick(skew)
    await pending.open()
    await pending.tick()
    await pending.edit(title="Theirs")
    await pending.change(title="Ours")
    link = await pending.settle()
    title = (await pending.task()).title
    assert title == (await pending.issue())["title"]
    (conflict,) = await pending.conflicts()
    assert {conflict.local, conflict.remote} == {"Ours", "Theirs"}
    assert title == (conflict.local if conflict.winner == "local" else conflict.remote)
    assert (link.due_at, link.error_code) == (None, None)


async def test_update_whose_answer_was_lost_is_neither_lost_nor_sent_twice(meeting: Encounter) -> None:
    await meeting.order_fault(operation="update_issue", action="drop_after_commit")
    await meeting.change(title="Ours")
    await meeting.reconcile()
    await meeting.forget_calls()
    link = await meeting.look()
    assert await meeting.calls() == ["get_issue"]
    assert (link.pushed_version, link.error_code, (await meeting.issue())["title"]) == (link.desired_version, None, "Ours")


async def test_close_in_the_tracker_beats_an_edit_of_the_status_here(meeting: Encounter) -> None:
    await meeting.tick()
    await meeting.edit(state="closed")
    await meeting.change_at(now_utc() + timedelta(minutes=1), status=TaskStatus.IN_PROGRESS)
    await meeting.look()
    assert ((await meeting.task()).status, (await meeting.issue())["state"]) == (TaskStatus.DONE, "closed")


async def test_status_that_the_tracker_cannot_tell_apart_is_never_sent(meeting: Encounter) -> None:
    await meeting.forget_calls()
    for status in (TaskStatus.IN_PROGRESS, TaskStatus.BLOCKED, TaskStatus.OPEN):
        await meeting.change(status=status)
        await meeting.settle()
    assert "update_issue" not in await meeting.calls()
    assert [row.operation for row in await meeting.attempts()] == [Operation.CREATE]


async def test_edit_in_the_tracker_does_not_set_a_task_in_progress_back(meeting: Encounter) -> None:
    await meeting.change(status=TaskStatus.IN_PROGRESS)
    await meeting.tick()
    await meeting.edit(title="Theirs")
    await meeting.settle()
    task = await meeting.task()
    assert (task.title, task.status) == ("Theirs", TaskStatus.IN_PROGRESS)


async def test_close_on_both_sides_at_once_is_not_sent_again(meeting: Encounter) -> None:
    await meeting.tick()
    await meeting.edit(state="closed", state_reason="completed")
    await meeting.change(status=TaskStatus.DONE)
    await meeting.settle()
    assert [row.operation for row in await meeting.attempts()] == [Operation.CREATE]
    assert await meeting.conflicts() == []


async def test_status_that_flaps_is_stopped_and_goes_on_when_a_person_says_so(meeting: Encounter) -> None:
    for state in ("closed", "open", "closed"):
        await meeting.tick()
        await meeting.edit(state=state)
        await meeting.hear()
        await meeting.settle()
    await meeting.tick()
    await meeting.edit(state="open")
    await meeting.hear()
    link = await meeting.settle()
    assert (link.state, link.error_code, link.due_at) == (LinkState.NEEDS_ATTENTION, "status_flapping", None)
    assert (await meeting.task()).status is TaskStatus.DONE
    attempts = len(await meeting.attempts())
    await meeting.change(title="Waits for a person")
    await meeting.settle()
    assert len(await meeting.attempts()) == attempts
    async with transaction(meeting.scene.desk.database) as session:
        retry_link(session, meeting.scene.act, await lock_link(session, meeting.scene.link.id))
    link = await meeting.settle()
    assert (link.state, link.error_code) == (LinkState.LINKED, None)
    assert (await meeting.issue())["title"] == "Waits for a person"


async def test_status_that_we_push_back_and_forth_is_stopped_too(meeting: Encounter) -> None:
    for number in range(5):
        await meeting.change(status=TaskStatus.OPEN if number % 2 else TaskStatus.DONE)
        await meeting.settle()
    link = await meeting.scene.read()
    assert (link.state, link.error_code) == (LinkState.NEEDS_ATTENTION, "status_flapping")
    assert len([row for row in await meeting.attempts() if "status" in row.fields and row.operation is Operation.UPDATE]) == 3


async def test_close_that_changes_its_reason_has_no_path_and_is_shown(meeting: Encounter) -> None:
    await meeting.change(status=TaskStatus.DONE)
    await meeting.settle()
    await meeting.change(status=TaskStatus.CANCELLED)
    link = await meeting.settle()
    assert "did not take this value" in link.notes["status"]["text"]
    assert (link.state, link.error_code, link.due_at) == (LinkState.LINKED, None, None)
    attempts = len(await meeting.attempts())
    for _ in range(3):
        await meeting.sweep()
        await meeting.audit()
        await meeting.look()
    assert len(await meeting.attempts()) == attempts
    assert ((await meeting.task()).status, (await meeting.issue())["state_reason"]) == (TaskStatus.CANCELLED, "completed")


async def test_note_of_a_status_goes_when_the_status_fits_again(meeting: Encounter) -> None:
    for status in (TaskStatus.DONE, TaskStatus.CANCELLED, TaskStatus.DONE):
        await meeting.change(status=status)
        await meeting.settle()
    assert (await meeting.scene.read()).notes == {}
    assert (await meeting.issue())["state_reason"] == "completed"


async def test_link_that_fails_with_an_error_of_our_own_stops_no_other(meeting: Encounter) -> None:
    other = await meeting.another()
    await meeting.settle()
    await meeting.tick()
    await meeting.edit(title="Theirs")
    desk = meeting.scene.desk
    # What is kept of the issue can't be read any more.
    await meeting.scene.write(remote={"remote_id": 7})
    await meeting.change(title="Ours")
    async with transaction(desk.database) as session:
        (await lock_link(session, other)).due_at = now_utc()
    await meeting.settle()
    broken, sound = await meeting.links()
    assert (broken.state, broken.error_code, broken.lease_until) == (LinkState.LINKED, "internal", None)
    assert broken.due_at is not None
    assert broken.due_at > now_utc()
    assert (sound.state, sound.error_code, sound.due_at) == (LinkState.LINKED, None, None)


async def test_sweep_that_meets_a_link_it_cannot_read_tells_the_others(meeting: Encounter) -> None:
    await meeting.another()
    await meeting.settle()
    await meeting.sweep()
    await meeting.tick()
    await meeting.edit(title="Theirs")
    number = max(issue["number"] for issue in await meeting.issues())
    await meeting.steer(f"/issues/{meeting.github.repository}/{number}", {"title": "Theirs, too"})
    await meeting.scene.write(remote={"remote_id": 7})
    await meeting.sweep()
    await meeting.settle()
    _, sound = await meeting.links()
    assert sound.base["title"] == "Theirs, too"


async def test_link_that_waits_for_a_person_stops_no_other(meeting: Encounter) -> None:
    other = await meeting.another()
    await meeting.order_fault(operation="create_issue", action=422)
    await reconcile(meeting.scene.desk, other)
    third = await meeting.another("A third task")
    await meeting.settle()
    states = {link.id: link.state for link in await meeting.links()}
    assert (states[other], states[third]) == (LinkState.NEEDS_ATTENTION, LinkState.LINKED)
    await meeting.set_project(due_at=now_utc())
    await sweep(meeting.scene.desk, meeting.scene.project.id)
    assert (await meeting.project()).swept_at is not None
