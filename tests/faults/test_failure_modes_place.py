"""Issues and repositories that are deleted, renamed, transferred, locked, archived, or switched off."""

from dataclasses import replace
from datetime import date
from typing import Any

from domain.columns import now_utc
from domain.database import transaction
from domain.sync.send import lock_link, retry_link
from domain.sync.sweep import sweep
from domain.sync.table import Operation
from domain.tasks.table import TaskStatus
from domain.trackers.change import add_project
from domain.trackers.contract import Project
from domain.trackers.link import IssueLink, LinkState, open_link
from domain.trackers.table import TrackerState
from tests.faults import meeting as stage
from tests.faults.meeting import Encounter

scene, github, pending, meeting = stage.scene, stage.github, stage.pending, stage.meeting


async def retry(meeting: Encounter) -> IssueLink:
    async with transaction(meeting.scene.desk.database) as session:
        act = replace(meeting.scene.act, at=now_utc())
        retry_link(session, act, await lock_link(session, meeting.scene.link.id))
    return await meeting.settle()


async def connect(meeting: Encounter, full_name: str) -> None:
    adapter = await meeting.scene.desk.adapter(await meeting.tracker())
    described = await adapter.describe(full_name)
    async with transaction(meeting.scene.desk.database) as session:
        await add_project(session, replace(meeting.scene.act, at=now_utc()), await meeting.tracker(), described)


async def target(meeting: Encounter) -> str:
    name = f"{meeting.github.repository}-elsewhere"
    await meeting.steer("/repositories", {"full_name": name})
    return name


async def test_deleted_issue_is_gone_and_never_made_again(meeting: Encounter) -> None:
    await meeting.act("delete")
    await meeting.change(title="Nobody is there")
    first = await meeting.settle()
    assert (first.state, first.error_code) == (LinkState.LINKED, "gone")
    assert first.due_at is not None
    assert 50 < (first.due_at - now_utc()).total_seconds() < 70
    second = await meeting.look()
    assert (second.state, second.due_at, second.error_code) == (LinkState.GONE, None, "gone")
    for _ in range(3):
        await meeting.sweep()
        await meeting.audit()
        await meeting.change(description="still edited")
        await meeting.settle()
    assert await meeting.issues() == []
    assert [row.operation for row in await meeting.attempts()] == [Operation.CREATE]
    assert (await meeting.task()).status is TaskStatus.OPEN


async def test_deletion_that_nobody_told_is_found_by_the_audit(meeting: Encounter) -> None:
    await meeting.act("delete")
    await meeting.audit()
    await meeting.settle()
    assert (await meeting.look()).state is LinkState.GONE


async def test_issue_that_is_missing_for_a_moment_is_not_gone(meeting: Encounter) -> None:
    await meeting.order_fault(operation="get_issue", action=404)
    await meeting.change(title="Ours")
    await meeting.settle()
    link = await meeting.look()
    assert (link.state, link.error_code, link.probes) == (LinkState.LINKED, None, 0)
    assert (await meeting.issue())["title"] == "Ours"


async def test_renamed_repository_is_written_to_as_before_and_its_new_name_is_shown(meeting: Encounter) -> None:
    owner, _, name = meeting.github.repository.partition("/")
    await meeting.steer(f"/repositories/{meeting.github.repository}/rename", {"to": f"{name}-renamed"})
    meeting.github = replace(meeting.github, repository=f"{owner}/{name}-renamed")
    await meeting.change(title="After the rename")
    link = await meeting.settle()
    assert (await meeting.issue())["title"] == "After the rename"
    assert (link.state, link.remote_key) == (LinkState.LINKED, f"{owner}/{name}-renamed#{meeting.number}")
    project = await meeting.project()
    assert (project.key, project.url.endswith(f"/{owner}/{name}-renamed")) == (f"{owner}/{name}-renamed", True)
    assert [row.calls for row in await meeting.attempts()] == [1, 1]


async def test_create_in_a_renamed_repository_makes_one_issue(pending: Encounter) -> None:
    owner, _, _ = pending.github.repository.partition("/")
    await pending.steer(f"/repositories/{pending.github.repository}/rename", {"to": "renamed"})
    pending.github = replace(pending.github, repository=f"{owner}/renamed")
    await pending.forget_calls()
    await pending.open()
    assert await pending.calls() == ["create_issue"]
    assert (await pending.scene.read()).remote_key == f"{owner}/renamed#{pending.number}"


async def test_redirected_create_is_an_error_and_never_a_success_without_an_issue(pending: Encounter) -> None:
    await pending.order_fault(
        operation="create_issue", action=307, headers={"location": f"{pending.github.base_url}/repositories/1/issues"}
    )
    await pending.reconcile()
    link = await pending.scene.read()
    assert (link.state, link.remote_id, link.error_code) == (LinkState.NEEDS_ATTENTION, None, "moved")
    assert await pending.issues() == []


async def test_redirected_sweep_keeps_its_question(meeting: Encounter) -> None:
    await meeting.sweep()
    await meeting.steer(f"/repositories/{meeting.github.repository}/rename", {"to": "renamed"})
    await meeting.forget_calls()
    await meeting.sweep()
    assert [call.removesuffix(" 304") for call in await meeting.calls()] == ["list_issues"]


async def test_transferred_issue_is_followed_into_a_connected_repository(meeting: Encounter) -> None:
    there = await target(meeting)
    await connect(meeting, there)
    await meeting.change(labels=["pool"])
    await meeting.settle()
    await meeting.tick()
    arrived = await meeting.act("transfer", {"to": there})
    assert arrived["labels"] == []
    await meeting.audit()
    link = await meeting.settle()
    assert (link.state, link.remote_key, link.error_code) == (LinkState.LINKED, f"{there}#{arrived['number']}", None)
    shown = await at(meeting, there, arrived["number"])
    assert [label["name"] for label in shown["labels"]] == ["ft/pool"]
    assert (await meeting.task()).labels == ["pool"]
    await meeting.change(title="Goes on there")
    await meeting.settle()
    assert (await at(meeting, there, arrived["number"]))["title"] == "Goes on there"


async def at(meeting: Encounter, full_name: str, number: int) -> Any:
    headers = {"Authorization": f"Bearer {meeting.github.token}"}
    url = f"{meeting.github.base_url}/repos/{full_name}/issues/{number}"
    return (await meeting.client.get(url, headers=headers)).raise_for_status().json()


async def test_transferred_issue_waits_for_its_new_repository_and_goes_on_when_that_is_connected(meeting: Encounter) -> None:
    there = await target(meeting)
    arrived = await meeting.act("transfer", {"to": there})
    await meeting.change(title="Goes on there")
    link = await meeting.settle()
    assert (link.state, link.error_code, link.due_at) == (LinkState.MOVED, "moved", None)
    assert [row.operation for row in await meeting.attempts()] == [Operation.CREATE]
    await connect(meeting, there)
    link = await meeting.settle()
    assert (link.state, link.remote_key, link.error_code) == (LinkState.LINKED, f"{there}#{arrived['number']}", None)
    assert (await at(meeting, there, arrived["number"]))["title"] == "Goes on there"


async def test_transferred_issue_is_not_made_again_where_it_was(meeting: Encounter) -> None:
    there = await target(meeting)
    await meeting.act("transfer", {"to": there})
    for _ in range(3):
        await meeting.sweep()
        await meeting.audit()
        await meeting.change(description="still edited")
        await meeting.look()
    assert await meeting.issues() == []
    assert (await meeting.scene.read()).state is LinkState.MOVED


async def test_locked_issue_gets_no_text_but_all_else_and_the_text_follows(meeting: Encounter) -> None:
    await meeting.tick()
    await meeting.act("lock")
    await meeting.change(title="Ours", description="For later")
    link = await meeting.settle()
    issue = await meeting.issue()
    assert (issue["title"], "For later" in issue["body"]) == ("Ours", False)
    assert "locked" in link.notes["body"]["text"]
    assert (link.state, link.error_code) == (LinkState.LINKED, None)
    await meeting.tick()
    await meeting.act("lock", {"locked": False})
    await meeting.hear(event="issues")
    link = await meeting.settle()
    assert "For later" in (await meeting.issue())["body"]
    assert link.notes == {}


async def test_issues_that_are_switched_off_need_a_person_and_are_not_gone(meeting: Encounter) -> None:
    settings = f"/repositories/{meeting.github.repository}/settings"
    await meeting.steer(settings, {"has_issues": False})
    await meeting.change(title="Ours")
    await meeting.settle()
    link = await meeting.look()
    assert (link.state, link.error_code, link.due_at) == (LinkState.NEEDS_ATTENTION, "issues_disabled", None)
    await meeting.steer(settings, {"has_issues": True})
    assert (await retry(meeting)).state is LinkState.LINKED
    assert (await meeting.issue())["title"] == "Ours"


async def test_create_where_issues_are_switched_off_waits_for_a_person(pending: Encounter) -> None:
    settings = f"/repositories/{pending.github.repository}/settings"
    await pending.steer(settings, {"has_issues": False})
    link = await pending.settle()
    assert (link.state, link.error_code, link.due_at) == (LinkState.NEEDS_ATTENTION, "issues_disabled", None)
    await pending.steer(settings, {"has_issues": True})
    assert (await retry(pending)).state is LinkState.LINKED
    assert len(await pending.issues()) == 1


async def test_archived_repository_needs_a_person_and_nothing_is_lost(meeting: Encounter) -> None:
    settings = f"/repositories/{meeting.github.repository}/settings"
    await meeting.steer(settings, {"archived": True})
    await meeting.change(title="Ours")
    link = await meeting.settle()
    assert (link.state, link.error_code, link.due_at) == (LinkState.NEEDS_ATTENTION, "archived", None)
    await meeting.forget_calls()
    await meeting.change(description="More")
    await meeting.settle()
    assert await meeting.calls() == []
    await meeting.steer(settings, {"archived": False})
    link = await retry(meeting)
    issue = await meeting.issue()
    assert (link.state, link.error_code, issue["title"], "More" in issue["body"]) == (LinkState.LINKED, None, "Ours", True)


async def test_issue_that_comes_back_from_another_repository_is_followed_back(meeting: Encounter) -> None:
    here, there = meeting.github.repository, await target(meeting)
    await connect(meeting, there)
    arrived = await meeting.act("transfer", {"to": there})
    await meeting.look()
    back = await meeting.steer(f"/issues/{there}/{arrived['number']}/transfer", {"to": here})
    await meeting.change(title="Home again")
    link = await meeting.settle()
    assert (link.state, link.remote_key) == (LinkState.LINKED, f"{here}#{back['number']}")
    assert (await at(meeting, here, back["number"]))["title"] == "Home again"


async def test_issue_deleted_where_it_was_transferred_to_is_gone(meeting: Encounter) -> None:
    there = await target(meeting)
    await connect(meeting, there)
    arrived = await meeting.act("transfer", {"to": there})
    await meeting.look()
    await meeting.steer(f"/issues/{there}/{arrived['number']}/delete", {})
    await meeting.look()
    assert (await meeting.look()).state is LinkState.GONE


async def test_person_may_look_again_for_an_issue_that_is_gone(meeting: Encounter) -> None:
    await meeting.order_fault(operation="get_issue", action=404, times=2)
    for _ in range(2):
        await meeting.look()
    assert (await meeting.scene.read()).state is LinkState.GONE
    await meeting.change(title="Ours")
    link = await retry(meeting)
    assert (link.state, link.error_code) == (LinkState.LINKED, None)
    assert (await meeting.issue())["title"] == "Ours"


async def test_project_that_cannot_be_seen_any_more_stops_no_other(meeting: Encounter) -> None:
    desk, tracker = meeting.scene.desk, await meeting.tracker()
    async with transaction(desk.database) as session:
        act = replace(meeting.scene.act, at=now_utc())
        lost, _ = await add_project(session, act, tracker, Project("999999", "acme/lost", "https://github.example/acme/lost"))
        await session.flush()
        link = open_link(session, task_id=meeting.scene.task.id, tracker_project_id=lost.id, label_prefix="ft/", at=now_utc())
    await meeting.settle()
    await sweep(desk, lost.id)
    await meeting.tick()
    await meeting.edit(title="Theirs")
    await meeting.sweep()
    await meeting.settle()
    stuck = next(found for found in await meeting.links() if found.id == link.id)
    assert (stuck.state, stuck.error_code, stuck.due_at) == (LinkState.NEEDS_ATTENTION, "project_not_found", None)
    assert ((await meeting.task()).title, (await meeting.tracker()).state) == ("Theirs", TrackerState.OK)


async def test_due_date_of_a_native_field_is_not_lost_where_there_is_no_such_field(pending: Encounter) -> None:
    owner = pending.github.repository.partition("/")[0]
    fields = [{"name": "Due date", "data_type": "date"}]
    await pending.steer(f"/organisations/{owner}", {"types": [], "fields": fields}, method="PUT")
    await connect(pending, str(pending.github.repository_id))
    await pending.change(due_on=date(2026, 12, 31))
    await pending.open()
    there = f"other-{owner}/shop"
    await pending.steer("/repositories", {"full_name": there})
    await connect(pending, there)
    arrived = await pending.act("transfer", {"to": there})
    await pending.look()
    link = await pending.settle()
    assert (link.state, (await pending.task()).due_on) == (LinkState.LINKED, date(2026, 12, 31))
    assert "- **Due:** 2026-12-31" in (await at(pending, there, arrived["number"]))["body"]
