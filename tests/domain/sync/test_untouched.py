"""What is written without a session: only where nobody else wrote the rows since they were read."""

import asyncio
import subprocess
import sys
from datetime import timedelta
from typing import Any

from sqlmodel import select

from domain.columns import new_id, now_utc
from domain.database import transaction
from domain.sync.claim import claim_link
from domain.sync.claim_untroubled import claim_untroubled
from domain.sync.journal import new_attempt
from domain.sync.table import InboxEntry, Operation, SyncAttempt
from domain.sync.untouched import LINKS, TASKS, Untouched, journal_untouched, outcome_untouched
from domain.tasks.table import Task
from domain.trackers.contract import Field, Receipt, RemoteIssue
from domain.trackers.link import IssueLink, LinkState
from tests.domain.sync.conftest import Scene

LEASE = timedelta(seconds=30)


async def _claimed(scene: Scene) -> Untouched:
    claimed = await claim_untroubled(scene.desk.database, scene.link.id, at=now_utc(), lease=LEASE, closed=[])
    assert claimed is not None
    return claimed.untouched


async def _journalled(scene: Scene) -> tuple[Untouched, SyncAttempt]:
    before = await _claimed(scene)
    attempt = new_attempt(before.link, Operation.CREATE, tracker_id=scene.tracker.id, fields=[Field.TITLE], at=now_utc())
    link = LINKS.copy(before.link)
    link.state, link.base, link.notes = LinkState.CREATING, {"title": "Ä"}, {"labels": {"text": "no"}}
    written = await journal_untouched(scene.desk.database, before, link, attempt)
    assert written is not None
    return written, attempt


def _receipt(scene: Scene) -> Receipt:
    return Receipt(RemoteIssue("7", "g7", f"{scene.project.key}#7", "http://x/7", now_utc(), scene.link.marker, {}, {}), "request-7")


async def _attempts(scene: Scene) -> list[SyncAttempt]:
    async with transaction(scene.desk.database) as session:
        return list((await session.exec(select(SyncAttempt).where(SyncAttempt.link_id == scene.link.id))).all())


async def _succeed(scene: Scene, before: Untouched, attempt: SyncAttempt) -> bool:
    link = LINKS.copy(before.link)
    link.state, link.remote_id, link.due_at, link.lease_until = LinkState.LINKED, "7", None, None
    async with outcome_untouched(scene.desk.database, before, link, attempt, _receipt(scene), at=now_utc()) as written:
        return written


async def test_rows_read_without_a_session_are_those_of_the_orm(scene: Scene) -> None:
    await scene.write(base={"title": "x"}, notes={"body": {"text": "y"}}, flips=["2026-01-01"])
    before = await _claimed(scene)
    async with transaction(scene.desk.database) as session:
        link = (await session.exec(select(IssueLink).where(IssueLink.id == scene.link.id))).one()
        task = (await session.exec(select(Task).where(Task.id == scene.task.id))).one()
    for rows, bare, row in ((LINKS, before.link, link), (TASKS, before.task, task)):
        names: list[str] = rows.names
        assert {name: getattr(bare, name) for name in names} == {name: getattr(row, name) for name in names}
        assert [type(getattr(bare, name)).__mro__[-2] for name in names] == [type(getattr(row, name)).__mro__[-2] for name in names]


async def test_journal_stores_link_and_attempt(scene: Scene) -> None:
    written, attempt = await _journalled(scene)
    link = await scene.read()
    assert (link.state, link.base, link.notes) == (LinkState.CREATING, {"title": "Ä"}, {"labels": {"text": "no"}})
    assert (link.fence, link.lease_until, link.desired_version) == (written.link.fence, written.link.lease_until, 1)
    [stored] = await _attempts(scene)
    assert (stored.id, stored.fields, stored.outcome, stored.fence) == (attempt.id, ["title"], None, link.fence)


async def test_nothing_is_journalled_once_the_task_was_written(scene: Scene) -> None:
    before = await _claimed(scene)
    async with transaction(scene.desk.database) as session:
        (await session.exec(select(Task).where(Task.id == scene.task.id))).one().title = "Another"
    attempt = new_attempt(before.link, Operation.CREATE, tracker_id=scene.tracker.id, at=now_utc())
    assert await journal_untouched(scene.desk.database, before, LINKS.copy(before.link), attempt) is None
    assert await _attempts(scene) == []


async def test_nothing_is_journalled_once_somebody_else_has_the_link(scene: Scene) -> None:
    before = await _claimed(scene)
    await scene.write(lease_until=None)
    assert await claim_link(scene.desk, scene.link.id, at=now_utc()) is not None
    attempt = new_attempt(before.link, Operation.CREATE, tracker_id=scene.tracker.id, at=now_utc())
    assert await journal_untouched(scene.desk.database, before, LINKS.copy(before.link), attempt) is None
    assert await _attempts(scene) == []


async def test_success_ends_the_attempt_and_the_lease(scene: Scene) -> None:
    before, attempt = await _journalled(scene)
    assert await _succeed(scene, before, attempt)
    link, [stored] = await scene.read(), await _attempts(scene)
    assert (link.state, link.remote_id, link.due_at, link.lease_until) == (LinkState.LINKED, "7", None, None)
    assert (stored.outcome, stored.calls, stored.remote_request_id) == ("ok", 1, "request-7")


async def test_success_is_left_to_the_long_way_once_the_link_was_written(scene: Scene) -> None:
    before, attempt = await _journalled(scene)
    await scene.write(desired_version=2)
    assert not await _succeed(scene, before, attempt)
    assert ((await scene.read()).state, (await _attempts(scene))[0].outcome) == (LinkState.CREATING, None)


async def test_link_of_whose_issue_a_webhook_waits_is_due_again(scene: Scene) -> None:
    before, attempt = await _journalled(scene)
    values: dict[str, Any] = {"tracker_id": scene.tracker.id, "project_remote_id": scene.project.remote_id, "remote_id": "7"}
    async with transaction(scene.desk.database) as session:
        session.add(InboxEntry(delivery_id=str(new_id()), event="issues", payload={}, **values))
    assert await _succeed(scene, before, attempt)
    assert (await scene.read()).due_at is not None


async def test_webhook_that_is_stored_while_the_outcome_waits_for_it_makes_the_link_due(scene: Scene) -> None:
    before, attempt = await _journalled(scene)
    values: dict[str, Any] = {"tracker_id": scene.tracker.id, "project_remote_id": scene.project.remote_id, "remote_id": "7"}
    async with transaction(scene.desk.database) as session:
        await session.exec(select(IssueLink).where(IssueLink.id == scene.link.id).with_for_update(key_share=True))
        succeeding = asyncio.create_task(_succeed(scene, before, attempt))
        await asyncio.sleep(0.2)
        session.add(InboxEntry(delivery_id=str(new_id()), event="issues", payload={}, **values))
    assert await succeeding
    assert (await scene.read()).due_at is not None


async def test_tracker_without_tokens_for_a_new_issue_keeps_its_link_unclaimed(scene: Scene) -> None:
    database, tracker_id = scene.desk.database, scene.tracker.id
    assert await claim_untroubled(database, scene.link.id, at=now_utc(), lease=LEASE, closed=[tracker_id]) is None
    assert (await scene.read()).fence == 0


def test_rows_can_be_read_without_a_session_from_the_first_moment_on() -> None:
    """In a process of its own, since any session of this one may have made the mappers ready."""
    code = (
        "from domain.database import load_tables; load_tables();"
        "from domain.sync.untouched import LINKS;"
        "row = LINKS.read(tuple(None for _ in LINKS.names)); row.due_at = None; print(row.state)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "None\n", "")
