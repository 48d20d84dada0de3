"""Plays of the state machine that went wrong once, kept as plain tests."""

from collections.abc import Iterator

import pytest

from domain.sync.steps import Step
from tests.faults.machine_checks import check_all
from tests.faults.machine_history import Story
from tests.faults.machine_moves import Moves
from tests.faults.machine_stage import CLEO, LOGINS, Stage, begin, opened
from tests.servers import SharedPostgres


@pytest.fixture(scope="module")
def stage(postgres: SharedPostgres, redis_url: str) -> Iterator[Stage]:
    """The stage of all plays of this module."""
    with opened(postgres.create_database("found"), redis_url) as stage:
        yield stage
    postgres.drop_database("found")


@pytest.fixture
def moves(stage: Stage) -> Moves:
    """A play whose tasks have their issues already."""
    play = stage.run(begin(stage))
    moves = Moves(play, [Story() for _ in play.tasks])
    stage.run(moves.settle())
    return moves


def writes(moves: Moves) -> int:
    """Counts what was written to issues so far."""
    return sum(call.startswith("PATCH") for call in moves.play.people.calls())


def test_owner_taken_over_from_the_issue_leaves_nothing_to_write_later(stage: Stage, moves: Moves) -> None:
    stage.run(moves.edit_there(0, lambda _: {"assignees": [LOGINS[CLEO]]}))
    stage.run(moves.settle())
    assert stage.run(moves.play.task(0)).owner_id == stage.people[CLEO].id
    before = writes(moves)
    stage.run(moves.look_again())
    assert writes(moves) == before
    stage.run(check_all(moves))


def test_title_written_in_the_issue_of_a_deleted_task_stays(stage: Stage, moves: Moves) -> None:
    stage.run(moves.delete_here(0))
    stage.run(moves.settle())
    stage.run(moves.edit_there(0, lambda _: {"title": "What it was about"}))
    stage.run(moves.settle())
    stage.run(moves.look_again())
    assert moves.play.people.look(1)["title"] == "What it was about"


def test_title_written_while_the_issue_of_a_deleted_task_is_closed_stays(stage: Stage, moves: Moves) -> None:
    stage.run(moves.delete_here(0))
    retitled = moves.edit_there(0, lambda _: {"title": "What it was about"})
    stage.run(moves.reconcile(0, at=Step.AFTER_JOURNAL, then=lambda: retitled))
    stage.run(moves.settle())
    assert moves.play.people.look(1)["title"] == "What it was about"
