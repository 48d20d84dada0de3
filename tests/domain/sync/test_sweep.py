"""Sweeps: what webhooks didn't tell is found, once, and where nothing changed nothing is listed."""

import json
from datetime import datetime, timedelta

import pytest
from sqlmodel import select

from domain.columns import now_utc
from domain.database import transaction
from domain.sync.remote import keep_remote
from domain.sync.sweep import dead_hook, due_projects, sweep
from domain.sync.table import InboxEntry
from domain.trackers.contract import Failure, TrackerError
from domain.trackers.link import IssueLink, LinkState
from domain.trackers.table import Tracker, TrackerState
from tests.domain.sync.conftest import Scene
from tests.domain.sync.in_memory import START, InMemoryTracker, project_of, seat, set_project
from tests.domain.sync.test_inbox import deliver, entries, payload


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


async def know(scene: Scene, tracker: InMemoryTracker, number: int) -> None:
    """Has the link know its issue as it is now, and rest."""
    async with transaction(scene.desk.database) as session:
        link = (await session.exec(select(IssueLink).where(IssueLink.id == scene.link.id).with_for_update())).one()
        keep_remote(link, tracker.issue(number))
        link.state, link.due_at, link.pushed_version = LinkState.LINKED, None, link.desired_version


async def sweep_again(scene: Scene) -> None:
    await set_project(scene, due_at=now_utc())
    await sweep(scene.desk, scene.project.id)


@pytest.fixture
async def tracker(scene: Scene) -> InMemoryTracker:
    """One issue of ours, known as it is, in a project that was swept up to the start."""
    tracker = seat(scene)
    tracker.put(5, marker=scene.link.marker)
    await know(scene, tracker, 5)
    await set_project(scene, sweep_cursor=START)
    return tracker


async def test_change_that_no_webhook_told_is_kept_and_makes_its_link_due(scene: Scene, tracker: InMemoryTracker) -> None:
    tracker.put(5, marker=scene.link.marker, title="New", minute=1)
    await sweep(scene.desk, scene.project.id)
    (entry,) = await entries(scene)
    assert (entry.event, entry.remote_id, entry.remote_version, entry.processed_at) == ("sweep", "5", at(1), None)
    assert entry.payload["issue"]["title"] == "New"
    assert (await scene.read()).due_at is not None


async def test_what_is_known_already_is_kept_out(scene: Scene, tracker: InMemoryTracker) -> None:
    await sweep(scene.desk, scene.project.id)
    assert await entries(scene) == []
    assert (await scene.read()).due_at is None


async def test_other_state_within_the_known_instant_is_news(scene: Scene, tracker: InMemoryTracker) -> None:
    tracker.put(5, marker=scene.link.marker, title="New")
    await sweep(scene.desk, scene.project.id)
    assert len(await entries(scene)) == 1
    tracker.put(5, marker=scene.link.marker, title="Newer")
    await scene.write(due_at=None)
    await sweep_again(scene)
    assert (await scene.read()).due_at is not None


async def test_unchanged_project_is_asked_the_same_question_with_its_etag(scene: Scene, tracker: InMemoryTracker) -> None:
    await sweep(scene.desk, scene.project.id)
    first = await project_of(scene)
    await sweep_again(scene)
    assert tracker.asked == [START, START]
    second = await project_of(scene)
    assert (second.sweep_cursor, second.sweep_etag) == (first.sweep_cursor, first.sweep_etag)
    assert second.due_at is not None
    assert 250 < (second.due_at - now_utc()).total_seconds() < 340


async def test_question_moves_on_once_many_are_listed(scene: Scene, tracker: InMemoryTracker) -> None:
    for number in range(10, 20):
        tracker.put(number, minute=number)
    await sweep(scene.desk, scene.project.id)
    project = await project_of(scene)
    assert (project.sweep_cursor, project.sweep_etag) == (at(19), None)


async def test_full_page_moves_the_question_on_and_all_pages_are_read(scene: Scene, tracker: InMemoryTracker) -> None:
    tracker.page_size = 3
    for number in range(10, 15):
        tracker.put(number, minute=number)
    tracker.put(5, marker=scene.link.marker, title="Last", minute=30)
    await sweep(scene.desk, scene.project.id)
    assert tracker.asked == [START, at(12), at(14)]
    assert len(await entries(scene)) == 1
    assert (await project_of(scene)).sweep_cursor == at(14)


async def test_issue_passed_over_between_two_pages_is_listed_again(scene: Scene) -> None:
    tracker = seat(scene, page_size=10)
    for number in range(10, 30):
        tracker.put(number, minute=1)
    await scene.write(state=LinkState.LINKED, remote_id="20", remote_version=START, due_at=None)  # the first on the second page
    await set_project(scene, sweep_cursor=START)
    tracker.before[2] = lambda: tracker.put(10, minute=2)  # goes from the first page to the end: all behind move up
    await sweep(scene.desk, scene.project.id)
    assert await entries(scene) == []
    assert (await project_of(scene)).sweep_cursor == at(1)
    assert await due_projects(scene.desk, most=1) == [scene.project.id]
    await sweep(scene.desk, scene.project.id)
    assert [entry.remote_id for entry in await entries(scene)] == ["20"]


async def test_first_sweep_starts_a_little_before_the_oldest_link(scene: Scene) -> None:
    tracker = seat(scene)
    await sweep(scene.desk, scene.project.id)
    (since,) = tracker.asked
    assert since is not None
    assert timedelta(minutes=5) <= scene.link.created_at - since < timedelta(minutes=5, seconds=1)
    assert (await project_of(scene)).sweep_cursor == since


async def test_project_without_links_costs_no_call(scene: Scene) -> None:
    tracker = seat(scene)
    await scene.write(state=LinkState.DETACHED)
    await sweep(scene.desk, scene.project.id)
    assert tracker.calls == []
    project = await project_of(scene)
    assert project.due_at is not None
    assert project.due_at > now_utc()


async def test_sweep_with_the_marker_resolves_an_unknown_create(scene: Scene) -> None:
    tracker = seat(scene)
    await scene.write(state=LinkState.UNKNOWN, unknown_since=now_utc(), due_at=now_utc() + timedelta(hours=1))
    await set_project(scene, sweep_cursor=START)
    tracker.put(7, marker=scene.link.marker, minute=1)
    await sweep(scene.desk, scene.project.id)
    link = await scene.read()
    assert (link.state, link.remote_id, link.fence) == (LinkState.LINKED, "7", scene.link.fence + 1)
    assert link.due_at is not None
    assert link.due_at <= now_utc()


async def test_create_under_way_is_not_taken_from_whoever_is_at_it(scene: Scene) -> None:
    tracker = seat(scene)
    await scene.write(state=LinkState.CREATING, lease_until=now_utc() + timedelta(seconds=20))
    await set_project(scene, sweep_cursor=START)
    tracker.put(7, marker=scene.link.marker, minute=1)
    await sweep(scene.desk, scene.project.id)
    assert (await scene.read()).state is LinkState.CREATING


@pytest.mark.parametrize("state", [TrackerState.PAUSED, TrackerState.AUTH_FAILED])
async def test_tracker_that_must_be_left_alone_is_not_swept(scene: Scene, tracker: InMemoryTracker, state: TrackerState) -> None:
    async with transaction(scene.desk.database) as session:
        (await session.exec(select(Tracker).with_for_update())).one().state = state
    await sweep(scene.desk, scene.project.id)
    assert tracker.calls == []
    project = await project_of(scene)
    assert project.due_at is not None
    assert project.due_at > now_utc()


async def test_project_that_somebody_is_at_is_left_to_them(scene: Scene, tracker: InMemoryTracker) -> None:
    await set_project(scene, lease_until=now_utc() + timedelta(seconds=20))
    assert await due_projects(scene.desk, most=10) == []
    await sweep(scene.desk, scene.project.id)
    assert tracker.calls == []


async def test_limit_blocks_the_tracker_and_puts_the_sweep_off(scene: Scene, tracker: InMemoryTracker) -> None:
    until = now_utc() + timedelta(hours=1)
    tracker.failing["changed"] = TrackerError(Failure.LIMITED, "Slow down.", code="limited", retry_at=until)
    await sweep(scene.desk, scene.project.id)
    project = await project_of(scene)
    assert project.due_at is not None
    assert abs(project.due_at - until) < timedelta(seconds=5)
    assert (project.sweep_cursor, project.lease_until) == (START, None)
    async with transaction(scene.desk.database) as session:
        assert (await session.exec(select(Tracker))).one().blocked_until == project.due_at


async def test_failure_in_the_middle_keeps_what_was_read(scene: Scene, tracker: InMemoryTracker) -> None:
    tracker.page_size = 3
    for number in range(10, 15):
        tracker.put(number, minute=number)
    error = TrackerError(Failure.AMBIGUOUS, "No answer.", code="no_answer")
    tracker.before[2] = lambda: tracker.failing.update(changed=error)
    await sweep(scene.desk, scene.project.id)
    project = await project_of(scene)
    assert (project.sweep_cursor, project.sweep_etag) == (at(12 - 1), None)


async def test_webhook_that_is_silent_while_sweeps_find_changes_is_called_dead(scene: Scene, tracker: InMemoryTracker) -> None:
    tracker.put(5, marker=scene.link.marker, title="New", minute=1)
    await sweep(scene.desk, scene.project.id)
    project = await project_of(scene)
    settings = scene.desk.settings
    assert project.unannounced_since is not None
    assert dead_hook(project, at=now_utc(), settings=settings) is None
    later = project.unannounced_since + timedelta(hours=3)
    assert dead_hook(project, at=later, settings=settings) == "No webhook for 3 hours, while sweeps found changes that none had announced."
    await deliver(scene, b'{"action": "opened", "issue": {"number": 99}, "repository": {"id": 4711}}')
    project = await project_of(scene)
    assert project.unannounced_since is None
    assert project.webhook_at is not None


async def test_change_that_a_waiting_webhook_told_does_not_count_against_it(scene: Scene, tracker: InMemoryTracker) -> None:
    document = payload(scene, number=5)
    document["issue"]["updated_at"] = at(1).isoformat()
    await deliver(scene, json.dumps(document).encode())
    tracker.put(5, marker=scene.link.marker, title="New", minute=1)
    await sweep(scene.desk, scene.project.id)
    assert (await project_of(scene)).unannounced_since is None
    async with transaction(scene.desk.database) as session:
        assert sorted((await session.exec(select(InboxEntry.event))).all()) == ["issues", "sweep"]


async def test_error_of_our_own_ends_the_lease_and_waits_for_the_next_sweep(scene: Scene, tracker: InMemoryTracker) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    tracker.before[1] = fail
    with pytest.raises(ZeroDivisionError):
        await sweep(scene.desk, scene.project.id)
    project = await project_of(scene)
    assert project.lease_until is None
    assert await due_projects(scene.desk, most=1) == []


async def test_whoever_lost_the_lease_writes_nothing_any_more(scene: Scene, tracker: InMemoryTracker) -> None:
    tracker.put(5, marker=scene.link.marker, title="New", minute=1)
    later = now_utc() + timedelta(minutes=1)

    async def lose() -> None:
        await set_project(scene, lease_until=later)

    tracker.meanwhile = lose
    await sweep(scene.desk, scene.project.id)
    assert await entries(scene) == []
    assert (await project_of(scene)).lease_until == later
