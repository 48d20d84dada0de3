"""Links that come to rest, and what doesn't let them: swings, limits of our own, edits that are older than they seem."""

from dataclasses import replace
from typing import Any

from sqlmodel import col, func, select

from domain.columns import now_utc
from domain.comments.write import write_comment
from domain.database import transaction
from domain.sync.send import detach_link, lock_link, retry_link
from domain.sync.table import InboxEntry
from domain.tasks.change import change_task, lock_task
from domain.trackers.link import LinkState
from tests.faults import meeting as stage
from tests.faults.meeting import Encounter

scene, github, pending, meeting = stage.scene, stage.github, stage.pending, stage.meeting


async def unread(meeting: Encounter) -> int:
    async with transaction(meeting.scene.desk.database) as session:
        return (await session.exec(select(func.count()).where(col(InboxEntry.processed_at).is_(None)))).one()


async def change_now(meeting: Encounter, **columns: Any) -> None:
    async with transaction(meeting.scene.desk.database) as session:
        act = replace(meeting.scene.act, at=now_utc())
        await change_task(session, act, await lock_task(session, meeting.scene.task.id), columns)


async def retry(meeting: Encounter) -> None:
    async with transaction(meeting.scene.desk.database) as session:
        retry_link(session, meeting.scene.act, await lock_link(session, meeting.scene.link.id))


async def test_webhooks_of_an_issue_that_is_gone_are_closed(meeting: Encounter) -> None:
    await meeting.act("delete", {})
    for _ in range(2):
        await meeting.look()
    assert (await meeting.scene.read()).state is LinkState.GONE
    assert await unread(meeting) == 0


async def test_webhook_that_waits_when_a_link_is_detached_is_closed(meeting: Encounter) -> None:
    await meeting.tick()
    await meeting.edit(title="Theirs")
    await meeting.hear()
    assert await unread(meeting) == 1
    async with transaction(meeting.scene.desk.database) as session:
        await detach_link(session, meeting.scene.act, await lock_link(session, meeting.scene.link.id))
    assert await unread(meeting) == 0


async def test_somebody_who_writes_into_our_region_again_and_again_stops_the_sync(meeting: Encounter) -> None:
    for number in range(4):
        body = (await meeting.issue())["body"]
        await meeting.tick()
        await meeting.edit(body=body.replace("- **Task:**", f"{number} - **Task:**"))
        await meeting.look()
    link = await meeting.settle()
    assert (link.state, link.error_code) == (LinkState.NEEDS_ATTENTION, "region_rewritten")
    assert await unread(meeting) == 0


async def test_retry_reads_the_issue_anew(meeting: Encounter) -> None:
    await meeting.scene.write(state=LinkState.NEEDS_ATTENTION, due_at=None)
    await meeting.tick()
    await meeting.edit(title="Before")
    await meeting.hear()
    await meeting.tick()
    await meeting.edit(title="Now")
    await retry(meeting)
    await meeting.settle()
    assert (await meeting.task()).title == "Now"


async def test_labels_beyond_what_a_task_takes_wait_for_a_person(meeting: Encounter) -> None:
    await meeting.change(labels=[f"ours-{number}" for number in range(60)])
    await meeting.edit(labels=[f"ft/theirs-{number}" for number in range(60)])
    link = await meeting.settle()
    assert (link.state, link.error_code) == (LinkState.NEEDS_ATTENTION, "refused")
    assert "at most 100 labels" in (link.error_text or "")


async def test_edit_of_something_else_makes_no_title_newer(meeting: Encounter) -> None:
    await change_now(meeting, title="Ours, older")
    await meeting.tick()
    await meeting.edit(title="Theirs, newer")
    await meeting.tick()
    await change_now(meeting, description="Newest, but no title")
    await meeting.settle()
    assert (await meeting.task()).title == "Theirs, newer"


async def test_our_comment_makes_no_title_of_theirs_newer(meeting: Encounter) -> None:
    await meeting.edit(title="Theirs, older")
    await meeting.tick()
    await change_now(meeting, title="Ours, newer")
    await meeting.tick()
    async with transaction(meeting.scene.desk.database) as session:
        task = await lock_task(session, meeting.scene.task.id)
        await write_comment(session, meeting.scene.act, task, "Done soon.")
    await meeting.scene.write(due_at=now_utc())
    await meeting.settle()
    assert ((await meeting.task()).title, (await meeting.issue())["title"]) == ("Ours, newer", "Ours, newer")
