"""The audit: what neither webhooks nor sweeps show is found within a day, a hundred issues with a call."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlmodel import col, select

from domain.columns import now_utc
from domain.database import transaction
from domain.sync.audit import audit
from domain.tasks.create import NewTask, create_task
from domain.trackers.contract import Failure, Surveyed, TrackerError
from domain.trackers.link import IssueLink, LinkState
from tests.domain.sync.conftest import Scene
from tests.domain.sync.in_memory import START, InMemoryTracker, project_of, seat, set_project

LATER = START + timedelta(seconds=1)


@pytest.fixture
async def tracker(scene: Scene) -> InMemoryTracker:
    """A link at rest, whose issue is where and what it knows."""
    tracker = seat(scene)
    await know(scene, scene.link.id, number=1)
    tracker.surveyed = {"I_1": Surveyed("4711", "1", START)}
    return tracker


async def know(scene: Scene, link_id: UUID, *, number: int) -> None:
    async with transaction(scene.desk.database) as session:
        link = (await session.exec(select(IssueLink).where(IssueLink.id == link_id).with_for_update())).one()
        link.state, link.due_at = LinkState.LINKED, None
        link.remote_id, link.remote_global_id, link.remote_version, link.remote_etag = str(number), f"I_{number}", START, '"1"'


async def test_issue_that_is_where_and_what_is_known_makes_nothing_due(scene: Scene, tracker: InMemoryTracker) -> None:
    await audit(scene.desk, scene.project.id)
    assert tracker.calls == ["survey"]
    assert (await scene.read()).due_at is None
    project = await project_of(scene)
    assert project.last_audit_at is not None
    assert (project.audit_after, project.lease_until) == (None, None)


@pytest.mark.parametrize("found", [None, Surveyed("9", "1", START), Surveyed("4711", "2", START), Surveyed("4711", "1", LATER)])
async def test_issue_that_is_missing_moved_or_changed_makes_its_link_due(
    scene: Scene, tracker: InMemoryTracker, found: Surveyed | None
) -> None:
    tracker.surveyed = {"I_1": found} if found else {}
    await audit(scene.desk, scene.project.id)
    link = await scene.read()
    assert link.due_at is not None
    assert link.remote_etag == '"1"'


async def test_link_that_was_brought_up_to_date_meanwhile_is_left_alone(scene: Scene, tracker: InMemoryTracker) -> None:
    tracker.surveyed = {"I_1": Surveyed("4711", "1", LATER)}

    async def agree() -> None:
        await scene.write(remote_version=LATER)

    tracker.meanwhile = agree
    await audit(scene.desk, scene.project.id)
    assert (await scene.read()).due_at is None


async def test_audit_that_is_not_due_costs_no_call(scene: Scene, tracker: InMemoryTracker) -> None:
    await set_project(scene, last_audit_at=now_utc() - timedelta(hours=23))
    await audit(scene.desk, scene.project.id)
    assert tracker.calls == []
    await set_project(scene, last_audit_at=now_utc() - timedelta(hours=25))
    await audit(scene.desk, scene.project.id)
    assert tracker.calls == ["survey"]


async def test_audit_that_was_cut_short_goes_on_where_it_was(scene: Scene, tracker: InMemoryTracker) -> None:
    async with transaction(scene.desk.database) as session:
        for _ in range(150):
            await create_task(session, scene.act, NewTask("Another"))
    async with transaction(scene.desk.database) as session:
        links = (await session.exec(select(IssueLink).order_by(col(IssueLink.id)))).all()
        for number, link in enumerate(links, 1):
            link.state, link.due_at, link.remote_id, link.remote_version = LinkState.LINKED, None, str(number), START
            link.remote_global_id = f"I_{number}"
            tracker.surveyed[f"I_{number}"] = Surveyed("4711", str(number), START)
    error = TrackerError(Failure.AMBIGUOUS, "No answer.", code="no_answer")
    tracker.before[2] = lambda: tracker.failing.update(survey=error)
    await audit(scene.desk, scene.project.id)
    project = await project_of(scene)
    assert (project.audit_after, project.last_audit_at, project.lease_until) == (links[99].id, None, None)
    await audit(scene.desk, scene.project.id)
    assert tracker.calls == ["survey"] * 3
    assert (await project_of(scene)).last_audit_at is not None
