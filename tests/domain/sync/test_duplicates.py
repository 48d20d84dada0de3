"""Two issues with one marker: one of them stays, whatever happens; what people copied is theirs."""

import pytest
from sqlmodel import select

from domain.activity.table import Activity
from domain.columns import now_utc
from domain.database import transaction
from domain.sync.steps import Step, watch
from domain.sync.sweep import sweep
from domain.sync.table import Operation, Outcome, SyncAttempt
from domain.trackers.contract import Failure, TrackerError
from domain.trackers.link import LinkState
from tests.domain.sync.conftest import Scene
from tests.domain.sync.in_memory import START, InMemoryTracker, project_of, seat, set_project
from tests.domain.sync.test_sweep import know, sweep_again

CLOSED = {"state": "closed", "state_reason": "duplicate"}


async def twice(scene: Scene, *, linked: int, other: int, by: str = "Followthrough-Bot") -> InMemoryTracker:
    """A link that knows one issue, while another carries its marker too."""
    tracker = seat(scene)
    tracker.put(linked, marker=scene.link.marker)
    await know(scene, tracker, linked)
    tracker.put(other, marker=scene.link.marker, minute=1, by=by)
    await set_project(scene, sweep_cursor=START)
    return tracker


def closed(tracker: InMemoryTracker) -> list[int]:
    return [number for number, document in tracker.documents.items() if CLOSED.items() <= document.items()]


async def attempts(scene: Scene) -> list[SyncAttempt]:
    async with transaction(scene.desk.database) as session:
        return list((await session.exec(select(SyncAttempt))).all())


async def test_higher_number_is_closed_as_duplicate_and_noted(scene: Scene) -> None:
    tracker = await twice(scene, linked=5, other=9)
    await sweep(scene.desk, scene.project.id)
    assert tracker.calls == ["changed", "identity", "fetch 9", "update 9 duplicate"]
    assert closed(tracker) == [9]
    (attempt,) = await attempts(scene)
    assert (attempt.operation, attempt.outcome, attempt.tracker_id) == (Operation.CLOSE_DUPLICATE, Outcome.OK, scene.tracker.id)
    async with transaction(scene.desk.database) as session:
        (activity,) = (await session.exec(select(Activity).where(Activity.action == "closed_duplicate"))).all()
    assert (activity.subject_id, activity.changes) == (scene.link.id, {"duplicate": ["acme/shop#9", None]})
    assert (await scene.read()).remote_id == "5"


async def test_link_goes_on_with_the_lower_number_which_gets_what_the_task_says(scene: Scene) -> None:
    tracker = await twice(scene, linked=10, other=9)
    tracker.documents[9]["title"] = "From before"
    await sweep(scene.desk, scene.project.id)
    assert closed(tracker) == [10]
    link = await scene.read()
    assert (link.remote_id, link.remote_key, link.remote_version, link.remote_etag) == ("9", "acme/shop#9", None, None)
    assert (link.base["title"], link.fence) == ("From before", scene.link.fence + 1)
    assert link.desired_version > link.pushed_version
    assert link.due_at is not None


async def test_copy_that_a_person_made_is_left_alone(scene: Scene) -> None:
    tracker = await twice(scene, linked=5, other=9, by="octo-dev")
    await sweep(scene.desk, scene.project.id)
    assert closed(tracker) == []
    assert (await scene.read()).remote_id == "5"


async def test_closed_copy_costs_no_call(scene: Scene) -> None:
    tracker = await twice(scene, linked=5, other=9)
    tracker.documents[9]["state"] = "closed"
    await sweep(scene.desk, scene.project.id)
    assert tracker.calls == ["changed"]


async def test_issue_that_a_person_made_is_not_closed_for_a_copy_of_ours(scene: Scene) -> None:
    tracker = seat(scene)
    tracker.put(10, marker=scene.link.marker, by="octo-dev")
    await know(scene, tracker, 10)
    tracker.put(9, marker=scene.link.marker, minute=1)
    await set_project(scene, sweep_cursor=START)
    await sweep(scene.desk, scene.project.id)
    assert closed(tracker) == [9]
    assert (await scene.read()).remote_id == "10"


async def test_unknown_create_with_two_issues_keeps_the_lower(scene: Scene) -> None:
    tracker = seat(scene)
    await scene.write(state=LinkState.UNKNOWN, unknown_since=now_utc())
    await set_project(scene, sweep_cursor=START)
    tracker.put(10, marker=scene.link.marker, minute=1)
    tracker.put(9, marker=scene.link.marker, minute=2)
    await sweep(scene.desk, scene.project.id)
    assert closed(tracker) == [10]
    assert (await scene.read()).remote_id == "9"


async def test_close_that_failed_is_tried_by_the_next_sweep(scene: Scene) -> None:
    tracker = await twice(scene, linked=5, other=9)
    tracker.failing["update 9 duplicate"] = TrackerError(Failure.AMBIGUOUS, "No answer.", code="no_answer")
    await sweep(scene.desk, scene.project.id)
    await sweep_again(scene)
    assert closed(tracker) == [9]
    assert {attempt.outcome for attempt in await attempts(scene)} == {Outcome.AMBIGUOUS, Outcome.OK}


@pytest.mark.parametrize("step", list(Step))
async def test_process_that_dies_at_a_step_leaves_a_duplicate_that_the_next_sweep_closes(scene: Scene, step: Step) -> None:
    tracker = await twice(scene, linked=10, other=9)
    await set_project(scene, sweep_cursor=START.replace(second=30))  # the linked one is not listed

    async def die(reached: Step, operation: str) -> None:
        if (reached, operation) == (step, Operation.CLOSE_DUPLICATE):
            raise KeyboardInterrupt

    stop = watch(die)
    try:
        with pytest.raises(KeyboardInterrupt):
            await sweep(scene.desk, scene.project.id)
    finally:
        stop()
    await set_project(scene, lease_until=now_utc())
    await sweep_again(scene)
    assert closed(tracker) == [10]
    assert (await scene.read()).remote_id == "9"
    assert (await project_of(scene)).lease_until is None
    assert all(attempt.outcome for attempt in await attempts(scene))
