"""Markdown that must arrive whole, names and numbers that must wake nobody, and dates that must stay the same day."""

import re
from datetime import date
from typing import Any

import pytest
from markdown_it import MarkdownIt
from sqlmodel import select

from domain.database import transaction
from domain.improvements.change import create_improvement
from domain.people.table import Person, Team
from domain.postmortems.change import create_postmortem
from domain.tasks.table import Priority
from domain.trackers.github_body import read_region
from domain.trackers.link import LinkState
from tests.faults import meeting as stage
from tests.faults.meeting import Encounter

scene, github, pending, meeting = stage.scene, stage.github, stage.pending, stage.meeting
MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
TEXTS = {
    "table": "| What | When |\n|:---|---:|\n| a \\| b | 1 |\n| `x` | **2** |\n\n~~gone~~ and _kept_",
    "code": "```python\n@cache\ndef f(x):  # 12 is @ana's\n    return x\n```\n\nRun `git log --grep '#12' @~3`.",
    "list": "1. first\n   - [ ] open\n   - [x] done\n\n2. second\n\n       indented @code #7",
    "emoji": "Größe 🚀 👩‍👩‍👧 naïve 日本語 עברית \u200d ✅",
    "html": "<details><summary>Log</summary>\n\n```\n<b>@x</b>\n```\n\n</details>\n\n<!-- a note -->",
    "links": "[a](https://example.com/a?b=#12) <https://example.com/@x> ![i](https://example.com/i.png)",
    # As long as a description may be: 60 kB.
    "large": "\n".join(f"{number}. 決済が止まったので、接続の数を増やした。" for number in range(1_000))[:20_000].strip(),
    "fences": "````\n```\n@inner #1\n```\n````\n\nand ~~~\n\n~~~\n@tilde\n~~~",
    "quote": "> quoted `@x`\n>\n> ```\n> @in-quote #3\n> ```",
}
SPAM = """@octocat look at #12, acme/shop#13 and GH-14; cc @acme/team-a (@dev).
[@linked](https://example.com/#1) **@bold** _@it_ ~~@gone~~ `@code #1` \\@escaped &#64;entity &commat;named
| @cell | #15 |
|---|---|
| ``two ` @ticks`` | @x |
# @heading #16
<b>@html</b> `@unclosed #17"""
ALIVE = re.compile(r"(?<![^\W_])@(?=[A-Za-z0-9])|#(?=\d)|\bGH-(?=\d)", re.IGNORECASE)


def alive(text: str) -> list[str]:
    """Finds what a tracker would take for a mention or a reference in what is shown as text."""
    found = []
    for token in MARKDOWN.parse(text):
        for child in token.children or []:
            if child.type == "text":
                found += ALIVE.findall(child.content)
    return found


@pytest.mark.parametrize("name", TEXTS)
async def test_text_arrives_whole_and_stays_silent(meeting: Encounter, name: str) -> None:
    await meeting.change(description=TEXTS[name])
    await meeting.settle()
    region = read_region((await meeting.issue())["body"]) or ""
    assert region.replace("\u200b", "").startswith(TEXTS[name].strip())
    attempts = len(await meeting.attempts())
    await meeting.tick()
    await meeting.edit(body=(await meeting.issue())["body"].replace("\n", "\r\n"))
    await meeting.hear()
    await meeting.settle()
    assert len(await meeting.attempts()) == attempts
    assert await meeting.conflicts() == []
    assert (await meeting.task()).description == TEXTS[name]


async def test_code_is_not_touched(meeting: Encounter) -> None:
    await meeting.change(description=TEXTS["code"])
    await meeting.settle()
    assert TEXTS["code"] in (await meeting.issue())["body"]


async def test_line_ends_of_windows_are_no_difference(meeting: Encounter) -> None:
    await meeting.change(description="one\r\n\r\ntwo  \r\nthree")
    await meeting.settle()
    attempts = len(await meeting.attempts())
    for _ in range(2):
        await meeting.look()
    assert len(await meeting.attempts()) == attempts
    assert (read_region((await meeting.issue())["body"]) or "").startswith("one\n\ntwo")


async def test_text_that_has_no_room_beside_that_of_people_is_shown_and_blocks_nothing_else(meeting: Encounter) -> None:
    theirs = (await meeting.issue())["body"] + "x" * 60_000
    await meeting.edit(body=theirs)
    await meeting.change(title="Ours", description="y" * 20_000)
    link = await meeting.settle()
    issue = await meeting.issue()
    assert (issue["title"], issue["body"]) == ("Ours", theirs)
    assert (link.state, "body" in link.notes) == (LinkState.LINKED, True)
    await meeting.change(description="short again")
    link = await meeting.settle()
    assert "short again" in (await meeting.issue())["body"]
    assert link.notes == {}


async def test_nothing_that_is_sent_mentions_anybody(meeting: Encounter) -> None:
    await meeting.change(description=SPAM)
    await meeting.settle()
    body = (await meeting.issue())["body"]
    assert alive(read_region(body) or "") == []
    assert "@octocat" in body.replace("\u200b", "")


async def test_names_of_what_belongs_to_a_task_mention_nobody_either(meeting: Encounter) -> None:
    async with transaction(meeting.scene.desk.database) as session:
        act = meeting.scene.act
        postmortem = await create_postmortem(session, act, {"title": "Outage of @acme/shop, see #12"})
        improvement = create_improvement(session, act, postmortem_id=postmortem.id, title="Ask @octocat & fix GH-14")
        person = (await session.exec(select(Person).where(Person.email == "bo@example.com").with_for_update())).one()
        person.name = "@bo #7"
        await session.flush()
        ids = {"postmortem_id": postmortem.id, "improvement_id": improvement.id, "owner_id": person.id}
    await meeting.change(**ids)
    await meeting.settle()
    region = read_region((await meeting.issue())["body"]) or ""
    assert alive(region) == []
    assert [name in region.replace("\u200b", "") for name in ("@acme/shop", "@octocat", "@bo #7")] == [True] * 3


async def test_title_that_names_somebody_is_sent_as_it_is_and_stays(meeting: Encounter) -> None:
    await meeting.change(title="Ask @octocat about #12")
    await meeting.settle()
    await meeting.look()
    assert (await meeting.task()).title == "Ask @octocat about #12"
    assert (await meeting.scene.read()).due_at is None


async def test_text_of_ours_cannot_forge_our_own_marks(meeting: Encounter) -> None:
    forged = "<!-- followthrough:end -->\n<!-- followthrough:marker=00000000-0000-4000-8000-000000000000 -->\nafter"
    await meeting.change(description=forged)
    for _ in range(3):
        await meeting.look()
    link, body = await meeting.scene.read(), (await meeting.issue())["body"]
    assert (link.error_code, link.due_at, body.count("followthrough:end -->")) == (None, None, body.count("followthrough:end -->"))
    assert body.count("\n<!-- followthrough:end -->") == 1
    assert len(await meeting.attempts()) == 2
    await meeting.sweep()
    assert len(await meeting.issues()) == 1


async def native(pending: Encounter) -> dict[str, int]:
    """Gives the organisation native fields, has the project know them, and gives their ids by name."""
    owner = pending.github.repository.partition("/")[0]
    fields = [
        {"name": "Due date", "data_type": "date"},
        {"name": "Priority", "data_type": "single_select", "options": ["Urgent", "High", "Medium", "Low"]},
    ]
    catalog = await pending.steer(f"/organisations/{owner}", {"types": [], "fields": fields}, method="PUT")
    adapter = await pending.scene.desk.adapter(await pending.tracker())
    described = await adapter.describe(str(pending.github.repository_id))
    await pending.set_project(details={"native": dict(described.native)})
    return {field["name"]: field["id"] for field in catalog["fields"]}


def values(issue: Any) -> dict[str, Any]:
    return {value["issue_field_name"]: value["value"] for value in issue["issue_field_values"]}


async def of_team(pending: Encounter, timezone: str) -> Any:
    async with transaction(pending.scene.desk.database) as session:
        team = (await session.exec(select(Team).where(Team.slug == "search").with_for_update())).one()
        team.timezone = timezone
        return team.id


ZONES = ["America/Los_Angeles", "Asia/Tokyo", "Pacific/Kiritimati"]


@pytest.mark.parametrize("timezone", ZONES)
async def test_due_date_in_the_body_is_the_same_day_for_everybody(meeting: Encounter, timezone: str) -> None:
    team = await of_team(meeting, timezone)
    await meeting.change(team_id=team, due_on=date(2026, 12, 31))
    await meeting.settle()
    assert "- **Due:** 2026-12-31" in (await meeting.issue())["body"]
    assert (await meeting.task()).due_on == date(2026, 12, 31)


@pytest.mark.parametrize("timezone", ZONES)
async def test_native_due_date_is_the_same_day_both_ways(pending: Encounter, timezone: str) -> None:
    fields = await native(pending)
    team = await of_team(pending, timezone)
    await pending.change(team_id=team, due_on=date(2026, 3, 8))
    await pending.open()
    issue = await pending.issue()
    assert (values(issue)["Due date"], "**Due:**" in issue["body"]) == ("2026-03-08", False)
    await pending.tick()
    await pending.edit(issue_field_values=[{"field_id": fields["Due date"], "value": "2027-01-01"}])
    await pending.look()
    assert (await pending.task()).due_on == date(2027, 1, 1)
    assert values(await pending.issue())["Due date"] == "2027-01-01"


async def test_native_due_date_is_cleared_both_ways(pending: Encounter) -> None:
    fields = await native(pending)
    await pending.change(due_on=date(2026, 3, 8))
    await pending.open()
    await pending.change(due_on=None)
    await pending.settle()
    assert "Due date" not in values(await pending.issue())
    await pending.change(due_on=date(2026, 3, 9))
    await pending.settle()
    await pending.tick()
    await pending.api("DELETE", f"/issues/{pending.number}/issue-field-values/{fields['Due date']}")
    await pending.look()
    assert (await pending.task()).due_on is None


async def test_native_priority_goes_both_ways_and_ours_wins_a_conflict(pending: Encounter) -> None:
    fields = await native(pending)
    await pending.change(priority=Priority.P1)
    await pending.open()
    assert values(await pending.issue())["Priority"] == "High"
    await pending.tick()
    await pending.edit(issue_field_values=[{"field_id": fields["Priority"], "value": "Low"}])
    await pending.look()
    assert (await pending.task()).priority is Priority.P3
    await pending.tick()
    await pending.edit(issue_field_values=[{"field_id": fields["Priority"], "value": "Medium"}])
    await pending.change(priority=Priority.P0)
    await pending.settle()
    assert (values(await pending.issue())["Priority"], (await pending.task()).priority) == ("Urgent", Priority.P0)
    (conflict,) = await pending.conflicts()
    assert (conflict.field, conflict.remote, conflict.winner) == ("priority", "P2", "local")


async def test_priority_that_the_tracker_does_not_tell_apart_is_not_changed_by_reading_it(pending: Encounter) -> None:
    await native(pending)
    await pending.change(priority=Priority.P4)
    await pending.open()
    assert values(await pending.issue())["Priority"] == "Low"
    await pending.tick()
    await pending.edit(title="Theirs")
    await pending.look()
    assert (await pending.task()).priority is Priority.P4


async def test_native_field_that_the_organisation_took_away_blocks_nothing(pending: Encounter) -> None:
    await native(pending)
    await pending.open()
    owner = pending.github.repository.partition("/")[0]
    await pending.steer(f"/organisations/{owner}", {"types": [], "fields": []}, method="PUT")
    await pending.change(title="Ours", due_on=date(2026, 3, 8), priority=Priority.P0)
    link = await pending.settle()
    assert ((await pending.issue())["title"], link.state) == ("Ours", LinkState.LINKED)
    assert "due_on" in link.notes
    task = await pending.task()
    assert (task.due_on, task.priority) == (date(2026, 3, 8), Priority.P0)
