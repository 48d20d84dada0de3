"""Owners whom a tracker doesn't know, and people assigned there whom nobody knows here: nobody is lost, and nothing is blocked."""

from dataclasses import replace
from typing import Any

from sqlmodel import select

from domain.columns import now_utc
from domain.database import transaction
from domain.people.change import change_person, lock_person
from domain.people.table import Person
from domain.sync.acquaint import acquaint
from domain.trackers.link import LinkState
from tests.faults import meeting as stage
from tests.faults.meeting import Encounter

scene, github, pending, meeting = stage.scene, stage.github, stage.pending, stage.meeting


async def allow(meeting: Encounter, login: str, **what: Any) -> None:
    await meeting.steer(f"/repositories/{meeting.github.repository}/access", {"login": login, **what})


async def give_login(email: str, login: str, *, meeting: Encounter) -> Person:
    async with transaction(meeting.scene.desk.database) as session:
        person = (await session.exec(select(Person).where(Person.email == email).with_for_update())).one()
        person.github_login = login
        return person


def logins(issue: Any) -> list[str]:
    return [user["login"] for user in issue["assignees"]]


async def test_owner_without_a_login_blocks_nothing_and_is_shown(pending: Encounter) -> None:
    bo = await pending.person("bo@example.com")
    await pending.change(owner_id=bo.id)
    await pending.open()
    link = await pending.scene.read()
    assert "Bo Lind has no login" in link.notes["assignee"]["text"]
    assert logins(await pending.issue()) == []
    await give_login("bo@example.com", "cy", meeting=pending)
    await pending.change(description="Now he has one")
    link = await pending.settle()
    assert (logins(await pending.issue()), link.notes) == (["cy"], {})
    assert (await pending.task()).owner_id == bo.id


async def test_owner_without_a_login_takes_nobody_off_the_issue(meeting: Encounter) -> None:
    await meeting.tick()
    await meeting.edit(assignees=["ana-r", "octo-dev"])
    await meeting.look()
    await meeting.settle()
    bo = await meeting.person("bo@example.com")
    await meeting.change(owner_id=bo.id)
    link = await meeting.settle()
    assert logins(await meeting.issue()) == ["ana-r", "octo-dev"]
    assert (await meeting.task()).owner_id == bo.id
    assert "assignee" in link.notes


async def test_stranger_who_is_assigned_there_stays_and_the_owner_too(meeting: Encounter) -> None:
    ana = await meeting.person("ana@example.com")
    await meeting.change(owner_id=ana.id)
    await meeting.settle()
    await meeting.tick()
    await meeting.edit(assignees=["octo-dev"])
    link = await meeting.look()
    assert (await meeting.task()).owner_id == ana.id
    assert logins(await meeting.issue()) == ["octo-dev"]
    assert "octo-dev is assigned there" in link.notes["assignee"]["text"]
    await meeting.change(description="Any edit")
    await meeting.settle()
    assert logins(await meeting.issue()) == ["octo-dev"]
    assert (await meeting.task()).owner_id == ana.id


async def test_others_who_are_assigned_stay_when_the_owner_changes(meeting: Encounter) -> None:
    await give_login("bo@example.com", "cy", meeting=meeting)
    ana, bo = await meeting.person("ana@example.com"), await meeting.person("bo@example.com")
    await meeting.change(owner_id=ana.id)
    await meeting.settle()
    await meeting.tick()
    await meeting.edit(assignees=["ana-r", "octo-dev"])
    await meeting.change(owner_id=bo.id)
    await meeting.settle()
    assert sorted(logins(await meeting.issue())) == ["cy", "octo-dev"]
    assert (await meeting.task()).owner_id == bo.id


async def test_assignee_who_is_refused_does_not_block_the_issue(pending: Encounter) -> None:
    await give_login("bo@example.com", "nobody-at-all", meeting=pending)
    await pending.change(owner_id=(await pending.person("bo@example.com")).id, labels=["pool"])
    await pending.settle()
    await pending.know()
    link, issue = await pending.scene.read(), await pending.issue()
    assert ([label["name"] for label in issue["labels"]], logins(issue)) == (["ft/pool"], [])
    assert "refused this value" in link.notes["assignee"]["text"]
    assert len(await pending.issues()) == 1
    attempts = len(await pending.attempts())
    for _ in range(3):
        await pending.look()
        await pending.sweep()
    assert len(await pending.attempts()) == attempts


async def test_assignee_who_is_refused_does_not_block_an_update(meeting: Encounter) -> None:
    await give_login("bo@example.com", "nobody-at-all", meeting=meeting)
    bo = await meeting.person("bo@example.com")
    await meeting.change(owner_id=bo.id, title="Ours")
    link = await meeting.settle()
    assert ((await meeting.issue())["title"], (await meeting.task()).owner_id) == ("Ours", bo.id)
    assert (link.state, link.error_code, "assignee" in link.notes) == (LinkState.LINKED, None, True)


async def test_assignee_who_is_dropped_silently_is_shown_and_not_sent_again(meeting: Encounter) -> None:
    await allow(meeting, "ana-r", assignable="drop")
    ana = await meeting.person("ana@example.com")
    await meeting.change(owner_id=ana.id)
    link = await meeting.settle()
    assert "did not take this value" in link.notes["assignee"]["text"]
    attempts = len(await meeting.attempts())
    for _ in range(3):
        await meeting.look()
        await meeting.sweep()
        await meeting.settle()
    assert len(await meeting.attempts()) == attempts
    assert (await meeting.task()).owner_id == ana.id


async def patch_login(meeting: Encounter, email: str, login: str) -> None:
    """Gives somebody a login as PATCH /v1/people does."""
    person = await meeting.person(email)
    async with transaction(meeting.scene.desk.database) as session:
        act = replace(meeting.scene.act, at=now_utc())
        changed = await lock_person(session, person.id)
        await change_person(session, act, changed, {"github_login": login})
        await acquaint(session, changed, at=act.at)


async def test_owner_who_gets_a_login_is_assigned(pending: Encounter) -> None:
    await pending.change(owner_id=(await pending.person("bo@example.com")).id)
    await pending.open()
    await patch_login(pending, "bo@example.com", "cy")
    link = await pending.settle()
    assert (logins(await pending.issue()), link.notes) == (["cy"], {})


async def test_stranger_who_gets_a_person_here_becomes_the_owner(meeting: Encounter) -> None:
    await meeting.tick()
    await meeting.edit(assignees=["octo-dev"])
    await meeting.look()
    assert (await meeting.task()).owner_id is None
    await patch_login(meeting, "bo@example.com", "octo-dev")
    link = await meeting.settle()
    assert ((await meeting.task()).owner_id, link.notes) == ((await meeting.person("bo@example.com")).id, {})
    assert logins(await meeting.issue()) == ["octo-dev"]


async def test_owner_who_comes_from_the_tracker_leaves_nothing_to_write(meeting: Encounter) -> None:
    await meeting.tick()
    await meeting.edit(assignees=["ana-r"])
    await meeting.hear()
    link, attempts = await meeting.settle(), len(await meeting.attempts())
    assert (await meeting.task()).owner_id == (await meeting.person("ana@example.com")).id
    await meeting.look()
    assert (link.due_at, len(await meeting.attempts())) == (None, attempts)
    assert "Owner" not in (await meeting.issue())["body"]


async def test_owner_without_a_login_stands_in_the_body_until_somebody_else_is_assigned(meeting: Encounter) -> None:
    await meeting.change(owner_id=(await meeting.person("bo@example.com")).id)
    await meeting.settle()
    assert "- **Owner:** Bo Lind" in (await meeting.issue())["body"]
    await meeting.tick()
    await meeting.edit(assignees=["ana-r"])
    await meeting.look()
    link = await meeting.settle()
    assert (await meeting.task()).owner_id == (await meeting.person("ana@example.com")).id
    assert "Owner" not in (await meeting.issue())["body"]
    assert link.due_at is None


async def test_login_in_capitals_is_the_same_person(meeting: Encounter) -> None:
    await give_login("bo@example.com", "CY", meeting=meeting)
    await meeting.change(owner_id=(await meeting.person("bo@example.com")).id)
    link = await meeting.settle()
    attempts = len(await meeting.attempts())
    await meeting.look()
    assert (logins(await meeting.issue()), link.notes, len(await meeting.attempts())) == (["cy"], {}, attempts)


async def test_others_who_are_assigned_stay_when_the_owner_is_taken_away(meeting: Encounter) -> None:
    await meeting.change(owner_id=(await meeting.person("ana@example.com")).id)
    await meeting.settle()
    await meeting.tick()
    await meeting.edit(assignees=["ana-r", "cy"])
    await meeting.look()
    await meeting.tick()
    await meeting.change(owner_id=None)
    link = await meeting.settle()
    assert (logins(await meeting.issue()), link.notes) == (["cy"], {})
    await meeting.change(title="Something else entirely")
    link = await meeting.settle()
    await meeting.look()
    assert (logins(await meeting.issue()), (await meeting.task()).owner_id, link.notes) == (["cy"], None, {})


async def test_owner_who_can_not_be_assigned_drives_nobody_away(meeting: Encounter) -> None:
    await give_login("bo@example.com", "nobody-there", meeting=meeting)
    await meeting.edit(assignees=["cy"])
    await meeting.change(owner_id=(await meeting.person("bo@example.com")).id)
    await meeting.settle()
    for number in range(2):
        await meeting.tick()
        await meeting.change(title=f"Edit {number}")
        await meeting.settle()
    assert logins(await meeting.issue()) == ["cy"]


async def test_owner_without_a_login_and_a_stranger_there_come_to_rest(meeting: Encounter) -> None:
    await meeting.change(owner_id=(await meeting.person("bo@example.com")).id)
    await meeting.settle()
    await meeting.tick()
    await meeting.edit(assignees=["octo-dev"])
    await meeting.look()
    link, attempts = await meeting.settle(), len(await meeting.attempts())
    await meeting.look()
    link = await meeting.settle()
    assert (link.due_at, link.desired_version - link.pushed_version, len(await meeting.attempts())) == (None, 0, attempts)
    assert (await meeting.task()).owner_id == (await meeting.person("bo@example.com")).id
