"""The tracker's webhook: what it could not deliver is asked for again, and what can't be looked at says why."""

from datetime import timedelta

from domain.columns import now_utc
from domain.sync.hooks import check_hook
from domain.trackers.contract import FailedDelivery, Failure, HookReport, TrackerError
from domain.trackers.link import LinkState
from tests.domain.sync.conftest import Scene
from tests.domain.sync.in_memory import START, project_of, seat, set_project


def failed(number: int) -> FailedDelivery:
    return FailedDelivery(str(number), f"guid-{number}", "issues", "502", START - timedelta(minutes=number))


async def test_failed_deliveries_are_made_again_oldest_first_and_shown(scene: Scene) -> None:
    tracker = seat(scene)
    tracker.hook = HookReport("7", True, ("issues",), (failed(1), failed(3), failed(2)), START)
    await check_hook(scene.desk, scene.project.id)
    assert tracker.calls[0] == f"inspect_hook {scene.desk.settings.public_url}/webhooks/{scene.tracker.id}"
    assert tracker.redelivered == ["3", "2", "1"]
    project = await project_of(scene)
    assert project.hook is not None
    assert project.hook["failed"][0] == {"guid": "guid-3", "event": "issues", "status": "502", "at": "2026-08-10T11:57:00+00:00"}
    shown = {name: project.hook[name] for name in ("id", "active", "events", "redelivered", "error", "last_delivery_at")}
    assert shown == {
        "id": "7",
        "active": True,
        "events": ["issues"],
        "redelivered": 3,
        "error": None,
        "last_delivery_at": "2026-08-10T12:00:00+00:00",
    }
    assert project.lease_until is None


async def test_at_most_fifty_are_made_again_with_a_check(scene: Scene) -> None:
    tracker = seat(scene)
    tracker.hook = HookReport("7", True, ("issues",), tuple(failed(number) for number in range(60)))
    await check_hook(scene.desk, scene.project.id)
    assert len(tracker.redelivered) == 50


async def test_check_within_the_hour_costs_no_call(scene: Scene) -> None:
    tracker = seat(scene)
    await check_hook(scene.desk, scene.project.id)
    await check_hook(scene.desk, scene.project.id)
    assert len(tracker.calls) == 1
    await set_project(scene, hook_checked_at=now_utc() - timedelta(minutes=61))
    await check_hook(scene.desk, scene.project.id)
    assert len(tracker.calls) == 2


async def test_missing_permission_is_shown_and_no_failure(scene: Scene) -> None:
    tracker = seat(scene)
    due_at = (await project_of(scene)).due_at
    url = f"{scene.desk.settings.public_url}/webhooks/{scene.tracker.id}"
    tracker.failing[f"inspect_hook {url}"] = TrackerError(Failure.DEFINITE, "The account may not see webhooks.", code="forbidden")
    await check_hook(scene.desk, scene.project.id)
    project = await project_of(scene)
    assert project.hook is not None
    assert project.hook["error"] == "The account may not see webhooks."
    assert (project.due_at, project.lease_until) == (due_at, None)
    assert project.hook_checked_at is not None


async def test_project_without_links_costs_no_call(scene: Scene) -> None:
    tracker = seat(scene)
    await scene.write(state=LinkState.DETACHED)
    await check_hook(scene.desk, scene.project.id)
    assert tracker.calls == []
