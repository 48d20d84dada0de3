"""The moves of the state machine: people's edits on both sides, and what may happen to the product between them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import select

from domain.columns import now_utc
from domain.comments.write import say_farewell, write_comment
from domain.database import transaction
from domain.sync import steps
from domain.sync.audit import audit
from domain.sync.inbox import receive_webhook
from domain.sync.reconcile import reconcile
from domain.sync.send import lock_link, retry_link
from domain.sync.steps import Step
from domain.sync.sweep import sweep
from domain.sync.table import SyncAttempt
from domain.tasks.change import change_task, delete_task, lock_task
from domain.trackers.link import LinkState
from tests.faults.machine_history import Story, base_of, here_of, there_of
from tests.faults.machine_remote import Document, labels_of
from tests.faults.machine_stage import Play, act

MOST_ROUNDS = 60


class Died(BaseException):
    """The process is gone: nothing that handles errors may handle this."""


@dataclass(slots=True)
class Moves:
    """The moves of one play, which keep its story."""

    play: Play
    stories: list[Story]
    actions: int = 0
    words: int = 0
    skew_seconds: int = 0
    died_at: list[str] = field(default_factory=list)

    def word(self, text: str) -> str:
        """Gives a text that occurs nowhere else."""
        self.words += 1
        return f"{text} w{self.words}w"

    async def observe(self, task: int) -> None:
        """Notes what has come to the other side by now."""
        number = await self.play.issue_number(task)
        if number is not None:
            here = here_of(await self.play.task(task), self.play)
            self.stories[task].observe(here, there_of(self.play.people.look(number), self.play))

    async def edit_here(self, task: int, **columns: Any) -> None:
        """Changes columns of a task as the API does; a deleted one can't be changed."""
        if self.stories[task].deleted:
            return
        await self.observe(task)
        number = await self.play.issue_number(task)
        there = there_of(self.play.people.look(number), self.play) if number is not None else {}
        base = base_of(await self.play.link(task))
        async with transaction(self.play.desk.database, self.play.desk.bell.ring) as session:
            row = await lock_task(session, self.play.tasks[task])
            before = here_of(row, self.play)
            await change_task(session, act(), row, columns)
            after = here_of(row, self.play)
        self.stories[task].note("here", before, after, other=there, base=base)

    async def delete_here(self, task: int) -> None:
        """Deletes a task as the API does."""
        if self.stories[task].deleted:
            return
        async with transaction(self.play.desk.database, self.play.desk.bell.ring) as session:
            row = await lock_task(session, self.play.tasks[task])
            await say_farewell(session, act(), row)
            await delete_task(session, act(), row)
        self.stories[task].deleted = True

    async def comment_here(self, task: int) -> None:
        """Comments on a task as the API does."""
        story, text = self.stories[task], self.word("said here")
        if story.deleted:
            return
        async with transaction(self.play.desk.database, self.play.desk.bell.ring) as session:
            await write_comment(session, act(), await lock_task(session, self.play.tasks[task]), text)
        story.comments_here.append(text)

    async def edit_there(self, task: int, change: Callable[[Document], dict[str, Any]]) -> None:
        """Changes a task's issue as a person does, who sees it as it is; does nothing where there is none."""
        number = await self.play.issue_number(task)
        if number is None:
            return
        await self.observe(task)
        here, base = here_of(await self.play.task(task), self.play), base_of(await self.play.link(task))
        before = self.play.people.look(number)
        after = self.play.people.edit(number, **change(before))
        self.stories[task].note("there", there_of(before, self.play), there_of(after, self.play), other=here, base=base)
        self.stories[task].foreign_labels = labels_of(after)[1]

    async def comment_there(self, task: int) -> None:
        """Comments on an issue as a person does."""
        number = await self.play.issue_number(task)
        if number is not None:
            text = self.word("said there")
            self.play.people.comment(number, text)
            self.stories[task].comments_there.append(text)

    async def lock_there(self, task: int, *, locked: bool) -> None:
        """Locks an issue or opens it again."""
        number = await self.play.issue_number(task)
        if number is not None:
            self.play.people.lock(number, locked=locked)
            self.stories[task].locked |= locked

    async def deliver(self, letter: int) -> None:
        """Hands one of the webhooks that were sent on to the product; the same one may come again."""
        letters = self.play.stage.mailbox.collect()
        if letters:
            await self._hand_on(letter % len(letters))

    async def deliver_all(self, *, backwards: bool = False) -> None:
        """Hands all webhooks on."""
        letters = self.play.stage.mailbox.collect()
        order = range(len(letters))
        for letter in reversed(order) if backwards else order:
            await self._hand_on(letter)

    async def _hand_on(self, letter: int) -> None:
        sent, desk = self.play.stage.mailbox.letters[letter], self.play.desk
        async with transaction(desk.database, desk.bell.ring) as session:
            await receive_webhook(session, desk.vault, tracker_id=self.play.tracker_id, body=sent.body, headers=sent.headers, at=now_utc())

    async def reconcile(self, task: int, *, at: Step | None = None, then: Callable[[], Awaitable[None]] | None = None) -> None:
        """Works on a link; at a step (the first time that it is reached) something happens, or the process dies."""
        if at is None:
            await reconcile(self.play.desk, self.play.links[task])
        else:
            await self._interrupted(task, at, then)
        await self.observe(task)

    async def _interrupted(self, task: int, at: Step, then: Callable[[], Awaitable[None]] | None) -> None:
        waiting = [True]

        async def watcher(step: Step, operation: str) -> None:
            if waiting and step is at:
                waiting.clear()
                if then is None:
                    self.died_at.append(f"{operation} {step}")
                    raise Died
                await then()

        unwatch = steps.watch(watcher)
        try:
            await reconcile(self.play.desk, self.play.links[task])
        except Died:
            await self._sql("UPDATE issue_links SET lease_until = now() - interval '1 s' WHERE id = $1 AND lease_until IS NOT NULL", task)
        finally:
            unwatch()

    async def _sql(self, statement: str, task: int) -> None:
        await self.play.stage.sql.execute(statement, self.play.links[task])

    async def sent_now(self, task: int) -> set[str]:
        """Gives the fields of the call that is under way for a link."""
        async with transaction(self.play.desk.database) as session:
            query = select(SyncAttempt).where(SyncAttempt.link_id == self.play.links[task], SyncAttempt.outcome == None)  # noqa: E711
            return {name for attempt in await session.exec(query) for name in attempt.fields}

    async def sweep(self) -> None:
        """Sweeps the project."""
        await self._project("due_at = now(), lease_until = NULL")
        await sweep(self.play.desk, self.play.project_id)

    async def audit(self) -> None:
        """Audits the project."""
        await self._project("last_audit_at = NULL, lease_until = NULL")
        await audit(self.play.desk, self.play.project_id)

    async def _project(self, columns: str) -> None:
        await self.play.stage.sql.execute(f"UPDATE tracker_projects SET {columns} WHERE id = $1", self.play.project_id)

    def wait_there(self, seconds: int) -> None:
        """Lets time go by at the tracker, whose clock counts in seconds; it stays within what a clock may be off."""
        self.skew_seconds = min(self.skew_seconds + seconds, 240)
        self.play.people.order("clock", skew_seconds=self.skew_seconds)

    async def wait_here(self) -> None:
        """Lets so much time go by that whatever is to be tried later is due."""
        sql = self.play.stage.sql
        await sql.execute("UPDATE issue_links SET due_at = now() WHERE id = ANY($1) AND due_at > now()", self.play.links)
        await sql.execute("UPDATE comment_posts SET due_at = now() WHERE link_id = ANY($1) AND due_at > now()", self.play.links)
        await sql.execute("UPDATE trackers SET blocked_until = now() WHERE id = $1 AND blocked_until > now()", self.play.tracker_id)

    async def settle(self) -> None:
        """Lets everything come to rest: no more faults, and all webhooks that were not handed on are lost."""
        self.play.people.client.delete(f"{self.play.stage.github.page_url}/_sandbox/faults")
        for task in range(len(self.stories)):
            await self.lock_there(task, locked=False)
        for _ in range(MOST_ROUNDS):
            await self.sweep()
            if not await self._work():
                return
        states = [(link.state, link.error_text, link.desired_version, link.pushed_version) for link in await self._links()]
        raise AssertionError(f"not at rest after {MOST_ROUNDS} rounds: {states}")

    async def look_again(self) -> None:
        """Has every link that has an issue looked at, whether or not anything happened."""
        await self.play.stage.sql.execute("UPDATE issue_links SET due_at = now() WHERE id = ANY($1) AND state = 'linked'", self.play.links)
        for task in range(len(self.stories)):
            await self.reconcile(task)

    async def _links(self) -> list[Any]:
        return [await self.play.link(task) for task in range(len(self.stories))]

    async def _work(self) -> bool:
        """Works on all that is due, and says whether anything was."""
        await self.wait_here()
        worked = False
        for task, link in enumerate(await self._links()):
            if link.state is LinkState.NEEDS_ATTENTION:
                assert link.error_code == "status_flapping", f"{link.error_code}: {link.error_text}"
                await self._retry(task)
            if link.due_at is not None or link.state is LinkState.NEEDS_ATTENTION:
                await self.reconcile(task)
                worked = True
        return worked

    async def _retry(self, task: int) -> None:
        """A person has looked at a link that stopped, and has it go on."""
        async with transaction(self.play.desk.database, self.play.desk.bell.ring) as session:
            retry_link(session, act(), await lock_link(session, self.play.links[task]))
