"""One issue for each task: after a timeout, through webhooks that come in at once, and past a list that lags."""

import asyncio
from datetime import timedelta
from typing import Any

from domain.columns import now_utc
from domain.sync.reconcile import reconcile
from domain.sync.table import Operation, Outcome
from domain.trackers.link import LinkState
from tests.faults import meeting as stage
from tests.faults.meeting import Encounter

scene, github, pending, meeting = stage.scene, stage.github, stage.pending, stage.meeting


async def doubt(pending: Encounter) -> Any:
    """Makes an issue of which nobody knows, since its answer is lost and the list doesn't show it yet; gives it."""
    await pending.steer("/lag", {"seconds": 60})
    await pending.order_fault(operation="create_issue", action="drop_after_commit")
    await pending.settle()
    assert (await pending.scene.read()).state is LinkState.UNKNOWN
    await pending.steer("/lag", {"seconds": 0})
    (issue,) = await pending.issues()
    return issue


async def age(pending: Encounter) -> None:
    """Makes the unknown create older by a probe's interval, and due."""
    link = await pending.scene.read()
    assert link.unknown_since is not None
    await pending.scene.write(unknown_since=link.unknown_since - timedelta(seconds=301), due_at=now_utc())


async def test_create_whose_answer_was_lost_makes_one_issue(pending: Encounter) -> None:
    await pending.order_fault(operation="create_issue", action="drop_after_commit")
    await pending.forget_calls()
    await pending.settle()
    await pending.look()
    assert (await pending.calls())[:2] == ["create_issue", "list_issues"]
    assert (await pending.calls()).count("create_issue") == 1
    await pending.know()
    assert [issue["number"] for issue in await pending.issues()] == [pending.number]
    assert [(row.operation, row.outcome) for row in await pending.attempts()] == [(Operation.CREATE, Outcome.AMBIGUOUS)]


async def test_create_that_took_longer_than_we_wait_makes_one_issue(pending: Encounter) -> None:
    desk = pending.scene.desk
    desk.settings = desk.settings.model_copy(update={"tracker_timeout_seconds": 0.3})
    await pending.order_fault(operation="create_issue", action="hang_after_commit", seconds=2)
    await pending.settle()
    assert [row.outcome for row in await pending.attempts()] == [Outcome.AMBIGUOUS]
    await pending.look()
    await pending.know()
    assert len(await pending.issues()) == 1


async def test_create_that_failed_is_not_sent_again_before_three_probes_found_nothing(pending: Encounter) -> None:
    await pending.order_fault(operation="create_issue", action=502)
    await pending.settle()
    await pending.forget_calls()
    for _ in range(2):
        await age(pending)
        await pending.settle()
        assert (await pending.scene.read()).state is LinkState.UNKNOWN
    assert await pending.calls() == ["list_issues"] * 2
    await age(pending)
    await pending.settle()
    await pending.know()
    assert len(await pending.issues()) == 1
    outcomes = [(row.operation, row.outcome) for row in await pending.attempts()]
    assert outcomes == [(Operation.CREATE, Outcome.AMBIGUOUS), (Operation.CREATE, Outcome.OK)]


async def test_three_probes_at_once_prove_nothing(pending: Encounter) -> None:
    await pending.order_fault(operation="create_issue", action=502)
    await pending.reconcile()
    for _ in range(6):
        await pending.look()
    assert (await pending.scene.read()).state is LinkState.UNKNOWN
    assert await pending.issues() == []


async def test_marker_that_the_list_does_not_show_yet_is_waited_for(pending: Encounter) -> None:
    await pending.steer("/lag", {"seconds": 60})
    await pending.order_fault(operation="create_issue", action="drop_after_commit")
    await pending.reconcile()
    await pending.forget_calls()
    for _ in range(2):
        await age(pending)
        await pending.reconcile()
        await pending.sweep()
    assert (await pending.scene.read()).state is LinkState.UNKNOWN
    assert "create_issue" not in await pending.calls()
    await pending.steer("/lag", {"seconds": 0})
    await pending.look()
    await pending.know()
    assert len(await pending.issues()) == 1


async def test_issue_missing_from_a_lagging_list_is_seen_by_a_later_sweep(meeting: Encounter) -> None:
    await meeting.sweep()
    await meeting.steer("/lag", {"seconds": 60})
    await meeting.tick()
    await meeting.edit(title="Renamed while the list lags")
    await meeting.sweep()
    await meeting.settle()
    await meeting.steer("/lag", {"seconds": 0})
    await meeting.sweep()
    await meeting.settle()
    assert (await meeting.task()).title == "Renamed while the list lags"


async def test_webhook_of_the_new_issue_ends_the_doubt_without_a_call(pending: Encounter) -> None:
    issue = await doubt(pending)
    await pending.forget_calls()
    assert await pending.take_in(issue) == "accepted"
    await pending.know()
    assert pending.number == issue["number"]
    await pending.settle()
    # Whether somebody has changed it since is read at most once.
    assert await pending.calls() in ([], ["get_issue"])


async def test_webhooks_that_come_in_at_once_make_no_second_issue(pending: Encounter) -> None:
    issue = await doubt(pending)
    outcomes = await asyncio.gather(*(pending.take_in(issue, delivery=f"guid-{number % 4}") for number in range(12)))
    assert sorted(outcomes) == ["accepted"] * 4 + ["duplicate"] * 8
    await asyncio.gather(*(pending.reconcile() for _ in range(6)))
    await pending.settle()
    await pending.know()
    assert len(await pending.issues()) == 1
    assert len(await pending.links()) == 1


async def test_webhook_and_probe_and_sweep_at_once_link_one_issue(pending: Encounter) -> None:
    issue = await doubt(pending)
    await pending.scene.write(due_at=now_utc())
    await asyncio.gather(pending.take_in(issue), pending.reconcile(), pending.sweep(), pending.reconcile())
    await pending.settle()
    await pending.know()
    assert len(await pending.issues()) == 1


async def test_workers_that_come_to_one_link_at_once_make_one_issue(pending: Encounter) -> None:
    await asyncio.gather(*(reconcile(pending.scene.desk, pending.scene.link.id) for _ in range(8)))
    await pending.know()
    assert len(await pending.issues()) == 1
    assert [row.operation for row in await pending.attempts()] == [Operation.CREATE]


async def test_copy_that_our_account_made_is_closed_within_one_sweep(meeting: Encounter) -> None:
    body = (await meeting.issue())["body"]
    copy = await meeting.api("POST", "/issues", {"title": "The same once more", "body": body})
    await meeting.sweep()
    first, second = await meeting.issues()
    assert (first["number"], first["state"]) == (meeting.number, "open")
    assert (second["number"], second["state"], second["state_reason"]) == (copy["number"], "closed", "duplicate")
    await meeting.forget_calls()
    await meeting.sweep()
    assert "update_issue" not in await meeting.calls()


async def test_marker_that_people_copied_into_another_issue_takes_nothing_over(meeting: Encounter) -> None:
    body = (await meeting.issue())["body"]
    copy = await meeting.steer(f"/issues/{meeting.github.repository}", {"title": "My own list", "body": f"{body}\nmine"})
    assert await meeting.take_in(copy) == "ignored"
    for _ in range(2):
        await meeting.sweep()
        await meeting.settle()
    await meeting.change(title="Only one of them is ours")
    await meeting.settle()
    original, theirs = await meeting.issues()
    assert original["title"] == "Only one of them is ours"
    assert (theirs["title"], theirs["state"], theirs["body"]) == ("My own list", "open", f"{body}\nmine")
    assert (await meeting.scene.read()).remote_id == str(meeting.number)
    assert len(await meeting.issues()) == 2


async def test_issue_whose_marker_people_removed_is_not_made_again(meeting: Encounter) -> None:
    await meeting.tick()
    await meeting.edit(body="All of it was replaced.")
    for _ in range(3):
        await meeting.sweep()
        await meeting.audit()
        await meeting.settle()
    (issue,) = await meeting.issues()
    assert issue["body"].startswith("All of it was replaced.")
    assert f"marker={meeting.scene.link.marker}" in issue["body"]
    assert [row.operation for row in await meeting.attempts()] == [Operation.CREATE, Operation.UPDATE]


async def test_issue_that_people_made_by_hand_is_never_taken_for_ours(pending: Encounter) -> None:
    await pending.order_fault(operation="create_issue", action=502)
    await pending.reconcile()
    await pending.steer(f"/issues/{pending.github.repository}", {"title": pending.scene.task.title, "body": "by hand"})
    await pending.look()
    await pending.sweep()
    assert (await pending.scene.read()).state is LinkState.UNKNOWN
    assert (await pending.scene.read()).remote_id is None


async def test_of_two_issues_that_came_of_one_create_the_lower_is_linked_and_the_other_closed(pending: Encounter) -> None:
    first = await doubt(pending)
    copy = await pending.api("POST", "/issues", {"title": first["title"], "body": first["body"]})
    await pending.look()
    await pending.know()
    assert pending.number == first["number"]
    await pending.sweep()
    states = {issue["number"]: (issue["state"], issue["state_reason"]) for issue in await pending.issues()}
    assert states == {first["number"]: ("open", None), copy["number"]: ("closed", "duplicate")}


async def test_issue_that_a_list_hid_for_too_long_ends_in_one_open_issue_within_one_sweep(pending: Encounter) -> None:
    await doubt(pending)
    await pending.steer("/lag", {"seconds": 60})
    for _ in range(3):
        await age(pending)
        await pending.settle()
    assert (await pending.scene.read()).state is LinkState.LINKED
    await pending.steer("/lag", {"seconds": 0})
    await pending.sweep()
    await pending.change(title="Ours")
    await pending.settle()
    first, second = await pending.issues()
    assert ((first["state"], first["title"]), (second["state"], second["state_reason"])) == (("open", "Ours"), ("closed", "duplicate"))
    assert (await pending.scene.read()).remote_id == str(first["number"])
    await pending.sweep()
    await pending.settle()
    assert [issue["state"] for issue in await pending.issues()] == ["open", "closed"]
