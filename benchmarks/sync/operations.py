"""Calls per operation, counted by the sandbox, beside the floor: what GitHub makes necessary."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil
from typing import Any
from uuid import UUID

from benchmarks.progress import say
from benchmarks.sync.figures import Bar, Operation
from benchmarks.sync.github import Calls
from benchmarks.sync.mailbox import Mailbox
from benchmarks.sync.stage import Stage
from domain.columns import now_utc
from domain.sync.audit import audit
from domain.sync.dispatch import due_links
from domain.sync.sweep import sweep
from domain.tasks.table import Priority, TaskStatus
from domain.trackers.link import LinkState

A_PAGE = 100
SOME = 10
# GitHub counts in whole seconds: a change in the second of our own write is looked at by a call, which is right but not what is measured.
ANOTHER_SECOND = 1.1


ONE_FIELD = "Alert on the lag"
# So few answers in a row may be lost before the breaker keeps the others back.
LOST_AT_ONCE = 4


@dataclass(slots=True)
class Counting:
    """Does operations on the links of one project; `few` are worked on, `all` are swept and audited."""

    stage: Stage
    mailbox: Mailbox
    all: list[UUID]
    few: list[UUID]
    pause: float

    async def count(self, name: str, work: Callable[[], Awaitable[Any]], *, times: int, floor: int | None) -> Operation:
        """Counts the calls of some work."""
        await asyncio.sleep(self.pause)
        self.stage.github.forget_calls()
        await work()
        calls = self.stage.github.calls()
        return Operation(name, times, floor, calls.counted, calls.unchanged)

    async def reconciled(self, name: str, *, floor: int | None, links: Sequence[UUID] = ()) -> Operation:
        """Counts the calls of reconciling links, which must be at rest afterwards."""
        ids = links or self.few
        return await self.count(name, lambda: self.stage.reconcile_until_at_rest(ids), times=len(ids), floor=floor)

    async def edited(self, name: str, changes: Callable[[int], dict[str, Any]]) -> Operation:
        """Counts the calls of sending an edit."""
        await self.stage.edit(self.few, changes)
        return await self.reconciled(name, floor=len(self.few))

    async def echoed(self) -> Operation:
        """Counts the calls of our own edits coming back."""
        await self.stage.deliver(await asyncio.to_thread(self.mailbox.take, len(self.few), ONE_FIELD))
        return await self.reconciled("our own echo, delivered", floor=0)

    async def edited_by_people(self, title: str, links: Sequence[UUID]) -> None:
        """Edits issues as people do, one second or more after our last write."""
        await asyncio.sleep(self.pause)
        for link in await self.stage.links(links):
            await asyncio.to_thread(self.stage.github.edit, str(link.remote_id), title=f"{title} {link.remote_id}")

    async def told(self) -> list[Operation]:
        """Counts the calls of a change in the tracker that a webhook tells, and of an edit of ours after it."""
        await self.edited_by_people("People say", self.few)
        await self.stage.deliver(await asyncio.to_thread(self.mailbox.take, len(self.few), "People say"))
        pulled = await self.reconciled("change in the tracker, payload fresh", floor=0)
        await self._check_titles("People say", self.few)
        await self.stage.edit(self.few, lambda number: {"title": f"We say {number}"})
        return [pulled, await self.reconciled("  update right after it (its ETag isn't known)", floor=None)]

    async def _check_titles(self, start: str, links: Sequence[UUID]) -> None:
        titles = [str(link.base["title"]) for link in await self.stage.links(links)]
        assert all(title.startswith(start) for title in titles), "a change in the tracker was not taken over"

    async def swept(self, *, sweeps: int) -> tuple[list[Operation], Bar]:
        """Counts the calls of sweeps: where nothing changes, where now and then one issue does, and where many did."""
        # So many issues as we write in a second are more than a page, which no ETag covers; the newest change is to be one alone.
        await self.edited_by_people("The last change", self.few[:1])
        await self._sweep()
        await self._sweep()
        idle = await self.count("sweep, nothing changed", self._sweep_often(SOME), times=SOME, floor=0)
        unchanged, changes = 0, 0
        for number in range(sweeps):
            if changed := number % 10 == 9:
                await self.edited_by_people(f"Now and then {number}", self.few[:1])
                changes += 1
            calls = await count_now(self.stage, self._sweep)
            unchanged += 0 if changed else calls.unchanged
        bar = Bar(
            "share of 304 over unchanged sweeps", unchanged / max(1, sweeps - changes), 0.95, f"{sweeps} sweeps, {changes} of a change"
        )
        await self.stage.reconcile_until_at_rest(self.few)
        await self.edited_by_people("All at once", self.all)
        many = await self.count(f"sweep, {len(self.all)} changed", self._sweep, times=1, floor=ceil(len(self.all) / A_PAGE))
        taken = await self.reconciled("  reconciling what it found", floor=0, links=self.all)
        await self._check_titles("All at once", self.all)
        return [idle, many, taken], bar

    async def _sweep(self) -> None:
        await self.stage.make_project_due()
        await sweep(self.stage.desk, self.stage.project_id)

    def _sweep_often(self, times: int) -> Callable[[], Awaitable[None]]:
        async def work() -> None:
            for _ in range(times):
                await self._sweep()

        return work

    async def audited(self) -> Operation:
        """Counts the calls of an audit."""
        await self.stage.make_project_due(last_audit_at=None)
        operation = await self.count(
            f"audit of {len(self.all)} links",
            lambda: audit(self.stage.desk, self.stage.project_id),
            times=1,
            floor=ceil(len(self.all) / A_PAGE),
        )
        await self.stage.check_at_rest(self.all)
        return operation

    async def commented(self) -> list[Operation]:
        """Counts the calls of writing a comment, and of a change that a sweep finds in an issue that has one."""
        await asyncio.sleep(self.pause)
        await self.stage.comment(self.few, "Who takes this over?")
        written = await self.reconciled("comment", floor=len(self.few))
        await self.edited_by_people("After the comment", self.few)
        await self._sweep()
        return [written, await self.reconciled("  swept change of an issue with comments", floor=None)]


async def count_now(stage: Stage, work: Callable[[], Awaitable[Any]]) -> Calls:
    """Counts the calls of some work."""
    stage.github.forget_calls()
    await work()
    return stage.github.calls()


async def resolve_lost(stage: Stage, *, links: int, times: int) -> tuple[Operation, list[UUID]]:
    """Counts the calls of finding the issues of creates whose answers were lost, and gives the links.

    To be done first: GitHub's list of the newest issues then is one page long.
    """
    all_ids: list[UUID] = []
    counted = unchanged = 0
    for _ in range(times):
        ids = await stage.add_tasks(links)
        # What is not listed can't be found at once, which would be too early to count.
        stage.github.hide_new_issues(seconds=3600)
        for start in range(0, links, LOST_AT_ONCE):
            some = ids[start : start + LOST_AT_ONCE]
            stage.github.order_fault(operation="create_issue", action="drop_after_commit", times=len(some))
            await stage.reconcile(some)
            await stage.close_breaker()
        states = Counter((link.state, link.error_code) for link in await stage.links(ids))
        assert {state for state, _ in states} == {LinkState.UNKNOWN}, f"the answers were not lost: {states}"
        stage.github.hide_new_issues(seconds=0)
        await stage.make_links_due(ids)
        calls = await count_now(stage, lambda: _work_on_what_is_due(stage))
        assert {link.state for link in await stage.links(ids)} == {LinkState.LINKED}, "the issues were not found"
        counted, unchanged = counted + calls.counted, unchanged + calls.unchanged
        await _work_on_what_is_due(stage)
        all_ids += ids
    return Operation(f"resolving {links} unknown creates at once", times, times, counted, unchanged), all_ids


async def _work_on_what_is_due(stage: Stage) -> None:
    await stage.reconcile(await due_links(stage.desk, most=500))


async def count_calls(
    stage: Stage, mailbox: Mailbox, *, tasks: int, few: int, sweeps: int, pause: float = ANOTHER_SECOND
) -> tuple[list[Operation], Bar]:
    """Does all operations, each on `few` links of the `tasks`; only with the usual pause between them are the counts exact."""
    say(f"Counting calls: lost answers, and creating {tasks} issues")
    resolving, resolved = await resolve_lost(stage, links=20 if tasks >= 80 else LOST_AT_ONCE, times=4 if tasks >= 80 else 1)
    ids = await stage.add_tasks(tasks)
    counting = Counting(stage, mailbox, [*resolved, *ids], ids[:few], pause)
    operations = [await counting.reconciled("create", floor=tasks, links=ids)]
    await stage.deliver(await asyncio.to_thread(mailbox.take, tasks, "Alert on lag"))
    await stage.reconcile_until_at_rest(counting.all)
    say(f"Counting calls: edits of {few} tasks and of their issues")
    operations.append(await counting.edited("update of one field", lambda number: {"title": f"{ONE_FIELD} {number}"}))
    operations.append(await counting.echoed())
    operations.append(await counting.edited("update of all fields", lambda number: _all_fields(stage, number)))
    operations.append(await counting.edited("change of status", lambda _: {"status": TaskStatus.DONE}))
    operations.append(
        await counting.edited("change of status and title", lambda number: {"status": TaskStatus.OPEN, "title": f"Once more {number}"})
    )
    operations += await counting.told()
    say(f"Counting calls: {sweeps} sweeps, an audit")
    swept, bar = await counting.swept(sweeps=sweeps)
    operations += swept
    operations.append(await counting.audited())
    operations += await counting.commented()
    operations.append(resolving)
    return operations, bar


def _all_fields(stage: Stage, number: int) -> dict[str, Any]:
    return {
        "title": f"Alert on all lags {number}",
        "description": f"Done when the page comes after {number} failed probes.",
        "priority": Priority.P1,
        "due_on": date(2026, 10, 1),
        "owner_id": stage.owner_id,
        "labels": ["detect", "urgent"],
        "reason": f"The vendor delivers later; noted at {now_utc():%H:%M}.",
    }
