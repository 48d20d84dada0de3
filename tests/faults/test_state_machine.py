"""Random edits on both sides, lost answers, crashes, sweeps and webhooks in any order: nothing is lost, made twice, or said again."""

import os
import sys
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from domain.sync.steps import Step
from domain.tasks.table import TaskStatus
from tests.faults.machine_checks import check_all
from tests.faults.machine_history import LABELS, Story
from tests.faults.machine_moves import Moves
from tests.faults.machine_remote import PREFIX, Document
from tests.faults.machine_stage import ANA, BO, CLEO, LOGINS, STRANGER, TASKS, Stage, begin, opened
from tests.servers import SharedPostgres

LONG = bool(os.environ.get("FOLLOWTHROUGH_LONG"))
TASK = st.integers(0, TASKS - 1)
FOREIGN = ("bug", "help wanted", "ftother")
STATES: tuple[dict[str, str], ...] = (
    {"state": "open"},
    {"state": "closed", "state_reason": "completed"},
    {"state": "closed", "state_reason": "not_planned"},
)
FAULTS = ("create_issue", "update_issue", "get_issue", "create_comment", "list_comments", "list_issues", "graphql")
ANSWERS = ("drop_after_commit", 500, 502, 503)


class Sync(RuleBasedStateMachine):
    """One play; its end is checked when it has come to rest."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage = stage

    @initialize(native=st.booleans())
    def begin(self, native: bool) -> None:
        play = self.stage.run(begin(self.stage, native=native))
        self.moves = Moves(play, [Story() for _ in play.tasks])

    def teardown(self) -> None:
        if sys.exc_info()[0] is None:
            self.stage.run(self.moves.settle())
            self.stage.run(check_all(self.moves))

    def do(self, work: Any) -> None:
        """Does one action, which may cost a bounded number of calls."""
        self.moves.actions += 1
        self.stage.run(work)

    @rule(task=TASK, status=st.sampled_from(TaskStatus))
    def set_status_here(self, task: int, status: TaskStatus) -> None:
        self.do(self.moves.edit_here(task, status=status, reason="not worth it" if status is TaskStatus.CANCELLED else ""))

    @rule(task=TASK, owner=st.sampled_from([ANA, CLEO, BO, None]))
    def set_owner_here(self, task: int, owner: str | None) -> None:
        self.do(self.moves.edit_here(task, owner_id=self.stage.people[owner].id if owner else None))

    @rule(task=TASK)
    def set_title_here(self, task: int) -> None:
        self.do(self.moves.edit_here(task, title=self.moves.word("Title here")))

    @rule(task=TASK, labels=st.sets(st.sampled_from(LABELS)))
    def set_labels_here(self, task: int, labels: set[str]) -> None:
        self.do(self.moves.edit_here(task, labels=sorted(labels)))

    @rule(task=TASK, days=st.sampled_from([None, 0, 1, 2]))
    def set_text_here(self, task: int, days: int | None) -> None:
        due_on = None if days is None else date(2031, 1, 1) + timedelta(days)
        self.do(self.moves.edit_here(task, description=self.moves.word("Described here"), due_on=due_on, reason="later"))

    @rule(task=TASK)
    def comment_here(self, task: int) -> None:
        self.do(self.moves.comment_here(task))

    @rule(task=TASK, really=st.integers(0, 3))
    def delete_here(self, task: int, really: int) -> None:
        if really == 3:
            self.do(self.moves.delete_here(task))

    @rule(task=TASK, state=st.sampled_from(STATES))
    def set_state_there(self, task: int, state: dict[str, str]) -> None:
        self.do(self.moves.edit_there(task, lambda _: state))

    @rule(task=TASK)
    def set_title_there(self, task: int) -> None:
        title = self.moves.word("Title there")
        self.do(self.moves.edit_there(task, lambda _: {"title": title}))

    @rule(task=TASK, labels=st.sets(st.sampled_from([*(PREFIX + name for name in LABELS), *FOREIGN])))
    def toggle_labels_there(self, task: int, labels: set[str]) -> None:
        self.do(self.moves.edit_there(task, lambda issue: {"labels": sorted({label["name"] for label in issue["labels"]} ^ labels)}))

    @rule(task=TASK, login=st.sampled_from([*LOGINS.values(), STRANGER]))
    def assign_there(self, task: int, login: str | None) -> None:
        self.do(self.moves.edit_there(task, lambda _: {"assignees": [login] if login else []}))

    @rule(task=TASK, days=st.integers(0, 2))
    def set_due_date_there(self, task: int, days: int) -> None:
        value = {"field_id": self.moves.play.due_field, "value": (date(2031, 2, 1) + timedelta(days)).isoformat()}
        if self.moves.play.due_field:
            self.do(self.moves.edit_there(task, lambda _: {"issue_field_values": [value]}))

    @rule(task=TASK, first=st.booleans())
    def write_outside_there(self, task: int, first: bool) -> None:
        self.do(_written(self.moves, task, lambda body, word: f"{word}\n\n{body}" if first else f"{body}\n\n{word}\n", inside=False))

    @rule(task=TASK)
    def write_inside_there(self, task: int) -> None:
        self.do(_written(self.moves, task, lambda body, word: body.replace("- **Priority:**", f"{word}\n- **Priority:**"), inside=True))

    @rule(task=TASK)
    def comment_there(self, task: int) -> None:
        self.do(self.moves.comment_there(task))

    @rule(task=TASK, locked=st.booleans())
    def lock_there(self, task: int, locked: bool) -> None:
        self.do(self.moves.lock_there(task, locked=locked))

    @rule(letter=st.integers(0, 200), times=st.integers(1, 2))
    def deliver(self, letter: int, times: int) -> None:
        for _ in range(times):
            self.do(self.moves.deliver(letter))

    @rule(backwards=st.booleans())
    def deliver_all(self, backwards: bool) -> None:
        self.do(self.moves.deliver_all(backwards=backwards))

    @rule(task=TASK)
    def reconcile(self, task: int) -> None:
        self.do(self.moves.reconcile(task))

    @rule()
    def reconcile_all(self) -> None:
        for task in range(TASKS):
            self.do(self.moves.reconcile(task))

    @rule(task=TASK, step=st.sampled_from(Step))
    def die(self, task: int, step: Step) -> None:
        self.do(self.moves.reconcile(task, at=step))

    @rule(task=TASK, step=st.sampled_from([Step.BEFORE_JOURNAL, Step.AFTER_JOURNAL, Step.AFTER_RESPONSE]))
    def edit_here_meanwhile(self, task: int, step: Step) -> None:
        title = self.moves.word("Title here meanwhile")
        self.do(self.moves.reconcile(task, at=step, then=lambda: self.moves.edit_here(task, title=title)))

    @rule(task=TASK, step=st.sampled_from([Step.AFTER_JOURNAL, Step.AFTER_RESPONSE]))
    def edit_there_meanwhile(self, task: int, step: Step) -> None:
        self.do(self.moves.reconcile(task, at=step, then=lambda: _edited_beside(self.moves, task)))

    @rule(operation=st.sampled_from(FAULTS), action=st.sampled_from(ANSWERS))
    def lose_an_answer(self, operation: str, action: str | int) -> None:
        self.moves.actions += 1
        self.moves.play.people.order("faults", operation=operation, action=action)

    @rule()
    def sweep(self) -> None:
        self.do(self.moves.sweep())

    @rule()
    def audit(self) -> None:
        self.do(self.moves.audit())

    @rule()
    def wait_here(self) -> None:
        self.do(self.moves.wait_here())

    @rule(seconds=st.integers(1, 3))
    def wait_there(self, seconds: int) -> None:
        self.moves.wait_there(seconds)

    @rule()
    def flush_redis(self) -> None:
        self.do(self.stage.desk.bell.redis.flushdb())


async def _written(moves: Moves, task: int, change: Callable[[str, str], str], *, inside: bool) -> None:
    """Writes a word into the text of an issue, which its author must find again, or find among what lost."""
    word, before = moves.word("Written there"), [""]

    def edited(issue: Document) -> dict[str, Any]:
        before[0] = issue["body"]
        return {"body": change(issue["body"], word)}

    await moves.edit_there(task, edited)
    if before[0] and change(before[0], word) != before[0]:
        story = moves.stories[task]
        (story.inside if inside else story.outside).append(word)


async def _edited_beside(moves: Moves, task: int) -> None:
    """Edits a field that isn't being written: of one that is, GitHub would keep whichever comes last, and nobody could tell."""
    if "title" not in await moves.sent_now(task):
        title = moves.word("Title there meanwhile")
        await moves.edit_there(task, lambda _: {"title": title})


@pytest.fixture(scope="module")
def stage(postgres: SharedPostgres, redis_url: str) -> Iterator[Stage]:
    """The stage of all plays of this module."""
    with opened(postgres.create_database("state_machine"), redis_url) as stage:
        yield stage
    postgres.drop_database("state_machine")


def test_whatever_happens_nothing_is_lost_or_made_twice(stage: Stage) -> None:
    examples, steps = (int(os.environ["FOLLOWTHROUGH_LONG"]) * 100, 40) if LONG else (15, 20)
    profile = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        derandomize=not LONG,
        # To make a failing example small takes minutes: that is for the long form.
        phases=[Phase.generate, Phase.shrink] if LONG else [Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(lambda: Sync(stage), settings=profile)  # type: ignore[arg-type]  # any callable that makes one
