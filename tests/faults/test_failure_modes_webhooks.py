"""Webhooks that echo, come twice, late, in the wrong order, unreadable or never, and a tracker whose clock is wrong."""

import json
import time
from typing import Any
from uuid import uuid4

import pytest
from sqlmodel import delete

from domain.columns import now_utc
from domain.database import transaction
from domain.errors import MalformedError
from domain.sync.table import InboxEntry
from domain.tasks.table import TaskStatus
from domain.trackers.link import LinkState
from tests.domain.sync.test_inbox import deliver
from tests.faults import meeting as stage
from tests.faults.meeting import Encounter

scene, github, pending, meeting = stage.scene, stage.github, stage.pending, stage.meeting
SKEWS = [-300.0, 300.0]


async def test_echo_of_our_own_write_costs_nothing(meeting: Encounter) -> None:
    await meeting.tick()
    await meeting.change(title="Ours", labels=["pool"], status=TaskStatus.DONE)
    await meeting.settle()
    version, attempts = (await meeting.task()).version, len(await meeting.attempts())
    echo = await meeting.issue()
    await meeting.forget_calls()
    for _ in range(3):
        assert await meeting.take_in(echo, sender="followthrough-bot") == "accepted"
        await meeting.settle()
    assert await meeting.calls() == []
    assert len(await meeting.attempts()) == attempts
    assert (await meeting.task()).version == version
    assert [entry.processed_at is None for entry in await meeting.inbox()] == [False] * 3


async def test_sweep_that_finds_our_own_write_costs_one_list(meeting: Encounter) -> None:
    await meeting.sweep()
    await meeting.tick()
    await meeting.change(title="Ours")
    await meeting.settle()
    await meeting.forget_calls()
    await meeting.sweep()
    await meeting.settle()
    await meeting.sweep()
    assert await meeting.calls() == ["list_issues", "list_issues 304"]
    assert await meeting.inbox() == []


async def test_two_sides_that_agree_stay_silent(meeting: Encounter) -> None:
    await meeting.tick()
    await meeting.edit(title="Theirs", labels=["ft/a", "bug"], assignees=["ana-r"], state="closed")
    await meeting.hear()
    await meeting.settle()
    attempts = len(await meeting.attempts())
    for _ in range(3):
        await meeting.hear()
        await meeting.sweep()
        await meeting.audit()
        await meeting.look()
    assert len(await meeting.attempts()) == attempts
    assert (await meeting.scene.read()).due_at is None


async def test_change_under_our_own_account_is_no_echo(meeting: Encounter) -> None:
    await meeting.tick()
    await meeting.edit(title="A script renamed it", login="followthrough-bot")
    await meeting.hear(sender="followthrough-bot")
    await meeting.settle()
    assert (await meeting.task()).title == "A script renamed it"


async def three_states(meeting: Encounter) -> list[Any]:
    states = []
    for title in ("First", "Second", "Third"):
        await meeting.tick()
        await meeting.edit(title=title)
        states.append(await meeting.issue())
    return states


async def test_webhooks_in_the_wrong_order_end_in_the_last_state(meeting: Encounter) -> None:
    for state in reversed(await three_states(meeting)):
        await meeting.take_in(state)
        await meeting.settle()
        assert (await meeting.task()).title == "Third"
    assert (await meeting.issue())["title"] == "Third"


async def test_webhooks_that_wait_together_are_read_as_the_newest(meeting: Encounter) -> None:
    first, second, third = await three_states(meeting)
    for state in (second, third, first):
        await meeting.take_in(state)
    await meeting.forget_calls()
    await meeting.settle()
    assert (await meeting.task()).title == "Third"
    assert await meeting.calls() == []


async def test_replay_of_an_old_webhook_changes_nothing(meeting: Encounter) -> None:
    first, *_, third = await three_states(meeting)
    await meeting.take_in(third)
    await meeting.settle()
    await meeting.change(title="Ours, later")
    await meeting.tick()
    await meeting.settle()
    assert await meeting.take_in(first, delivery="replayed") == "accepted"
    assert await meeting.take_in(first, delivery="replayed") == "duplicate"
    await meeting.settle()
    assert (await meeting.task()).title == "Ours, later"
    assert (await meeting.issue())["title"] == "Ours, later"


async def test_all_webhooks_lost_is_the_same_within_one_sweep(meeting: Encounter) -> None:
    await meeting.sweep()
    await meeting.tick()
    await meeting.edit(title="Theirs", labels=["ft/pool"], assignees=["ana-r"], state="closed", state_reason="not_planned")
    await meeting.forget_calls()
    await meeting.sweep()
    await meeting.settle()
    task = await meeting.task()
    ana = await meeting.person("ana@example.com")
    assert (task.title, task.labels, task.owner_id, task.status) == ("Theirs", ["pool"], ana.id, TaskStatus.CANCELLED)
    assert await meeting.calls() == ["list_issues"]


async def test_lost_webhook_of_a_title_costs_only_the_list(meeting: Encounter) -> None:
    await meeting.sweep()
    await meeting.tick()
    await meeting.edit(title="Theirs")
    await meeting.forget_calls()
    await meeting.sweep()
    await meeting.settle()
    assert (await meeting.task()).title == "Theirs"
    assert await meeting.calls() == ["list_issues"]


async def test_sweep_of_nothing_new_is_not_counted_by_the_tracker(meeting: Encounter) -> None:
    await meeting.sweep()
    await meeting.forget_calls()
    for _ in range(3):
        await meeting.sweep()
    assert await meeting.calls() == ["list_issues 304"] * 3


@pytest.mark.parametrize("skew", SKEWS)
async def test_tracker_whose_clock_is_wrong_is_swept_as_any_other(pending: Encounter, skew: float) -> None:
    await pending.tick(skew)
    await pending.open()
    await pending.sweep()
    for title in ("Theirs", "Theirs again"):
        await pending.tick()
        await pending.edit(title=title)
        await pending.sweep()
        await pending.settle()
        assert (await pending.task()).title == title
    await pending.change(description="Ours")
    await pending.settle()
    assert "Ours" in (await pending.issue())["body"]


@pytest.mark.parametrize("skew", SKEWS)
async def test_clock_that_is_set_right_again_hides_no_change(pending: Encounter, skew: float) -> None:
    await pending.tick(skew)
    await pending.open()
    await pending.sweep()
    await pending.tick(2 - skew)
    await pending.edit(title="After the clock was set")
    await pending.sweep()
    await pending.audit()
    await pending.settle()
    assert (await pending.task()).title == "After the clock was set"


@pytest.mark.parametrize("skew", SKEWS)
async def test_lost_answer_is_found_though_the_clock_is_wrong(pending: Encounter, skew: float) -> None:
    await pending.tick(skew)
    await pending.order_fault(operation="create_issue", action="drop_after_commit")
    await pending.reconcile()
    await pending.look()
    await pending.know()
    assert len(await pending.issues()) == 1


async def test_change_within_the_second_of_the_cursor_is_found(meeting: Encounter) -> None:
    second = int(time.time()) + 10
    await meeting.freeze(second)
    await meeting.edit(title="First")
    await meeting.sweep()
    await meeting.settle()
    await meeting.set_project(sweep_cursor=(await meeting.scene.read()).remote_version, sweep_etag=None)
    await meeting.sweep()
    await meeting.freeze(second)
    await meeting.edit(title="Second, within the same second")
    await meeting.sweep()
    await meeting.settle()
    assert (await meeting.task()).title == "Second, within the same second"


async def test_webhook_of_the_same_second_is_not_taken_for_an_echo(meeting: Encounter) -> None:
    second = int(time.time()) + 10
    await meeting.freeze(second)
    await meeting.change(title="Ours")
    await meeting.settle()
    await meeting.freeze(second)
    await meeting.edit(title="Theirs, within the same second")
    await meeting.hear()
    await meeting.settle()
    assert (await meeting.task()).title == "Theirs, within the same second"


BROKEN = [
    b"",
    b"not json",
    b"[1, 2]",
    b'{"action": "edited", "issue": 7}',
    b'{"action": "edited", "issue": {"number": "x"}}',
    b"\xff\xfe{}",
]


@pytest.mark.parametrize("body", BROKEN)
async def test_webhook_that_cannot_be_read_blocks_no_other(meeting: Encounter, body: bytes) -> None:
    with pytest.raises(MalformedError):
        await deliver(meeting.scene, body, delivery="broken")
    await meeting.tick()
    await meeting.edit(title="Theirs")
    await meeting.hear()
    await meeting.settle()
    assert (await meeting.task()).title == "Theirs"
    assert len(await meeting.inbox()) == 1


async def test_kept_webhook_that_cannot_be_read_any_more_blocks_no_other(meeting: Encounter) -> None:
    await meeting.tick()
    await meeting.edit(title="Theirs")
    await meeting.hear()
    async with transaction(meeting.scene.desk.database) as session:
        columns: dict[str, Any] = {"tracker_id": meeting.scene.tracker.id, "event": "issues", "remote_id": str(meeting.number)}
        columns |= {"project_remote_id": str(meeting.github.repository_id), "payload": {"issue": {"number": "x"}}}
        session.add(InboxEntry(delivery_id="from before an update", **columns))
    link = await meeting.settle()
    assert (await meeting.task()).title == "Theirs"
    assert (link.state, link.error_code, link.due_at) == (LinkState.LINKED, None, None)
    assert all(entry.processed_at for entry in await meeting.inbox())


async def test_webhook_with_nul_and_broken_surrogates_is_kept_and_read(meeting: Encounter) -> None:
    await meeting.tick()
    issue = (await meeting.issue()) | {"title": "NUL \x00 inside", "updated_at": "2099-01-01T00:00:00Z"}
    repository = {"id": meeting.github.repository_id, "full_name": meeting.github.repository}
    body = json.dumps({"action": "edited", "issue": issue, "repository": repository, "sender": {"login": "octo-dev"}})
    assert await deliver(meeting.scene, body.encode(), delivery=str(uuid4())) == "accepted"
    await meeting.settle()
    assert (await meeting.task()).title == "NUL inside"


async def test_inbox_that_was_emptied_loses_nothing(meeting: Encounter) -> None:
    await meeting.tick()
    await meeting.edit(title="Theirs")
    await meeting.hear()
    async with transaction(meeting.scene.desk.database) as session:
        await session.exec(delete(InboxEntry))
    await meeting.scene.write(due_at=now_utc())
    await meeting.settle()
    assert (await meeting.task()).title == "Theirs"
