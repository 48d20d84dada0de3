"""The inbox: a webhook is kept once, and never believed without its signature."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlmodel import select

from domain.columns import now_utc
from domain.database import transaction
from domain.errors import MalformedError, NotFoundError, UnauthenticatedError
from domain.sync.inbox import receive_webhook
from domain.sync.table import InboxEntry
from domain.trackers.change import rotate_webhook_secret
from domain.trackers.link import LinkState
from domain.trackers.table import Tracker, TrackerProject
from tests.domain.sync.conftest import Scene


def payload(scene: Scene, *, number: int = 1, marked: bool = True, project: int = 4711) -> dict[str, Any]:
    body = f"<!-- followthrough:marker={scene.link.marker} -->" if marked else "by hand"
    url = f"https://github.example/acme/shop/issues/{number}"
    issue = {
        "number": number,
        "node_id": "I_1",
        "html_url": url,
        "repository_url": "https://github.example/api/v3/repos/acme/shop",
        "title": "Raise the pool size",
        "body": body,
        "state": "open",
        "state_reason": None,
        "labels": [],
        "locked": False,
        "created_at": "2026-08-10T12:00:00Z",
        "updated_at": "2026-08-10T12:00:00Z",
        "user": {"login": "bot"},
    }
    repository = {"id": project, "full_name": "acme/shop", "html_url": "https://github.example/acme/shop"}
    return {"action": "opened", "issue": issue, "repository": repository, "sender": {"login": "octo-dev"}}


async def deliver(scene: Scene, body: bytes, *, delivery: str = "1", secret: str | None = None, event: str = "issues") -> str:
    signature = hmac.new((secret or scene.secret).encode(), body, hashlib.sha256).hexdigest()
    headers = {"x-github-event": event, "x-github-delivery": delivery, "x-hub-signature-256": f"sha256={signature}"}
    async with transaction(scene.desk.database) as session:
        return await receive_webhook(session, scene.desk.vault, tracker_id=scene.tracker.id, body=body, headers=headers, at=now_utc())


async def entries(scene: Scene) -> list[InboxEntry]:
    async with transaction(scene.desk.database) as session:
        return list((await session.exec(select(InboxEntry))).all())


async def test_delivery_that_comes_twice_is_kept_once(scene: Scene) -> None:
    body = json.dumps(payload(scene)).encode()
    assert await deliver(scene, body) == "accepted"
    assert await deliver(scene, body) == "duplicate"
    assert len(await entries(scene)) == 1


async def test_wrong_signature_is_refused_and_nothing_kept(scene: Scene) -> None:
    with pytest.raises(UnauthenticatedError):
        await deliver(scene, json.dumps(payload(scene)).encode(), secret="guessed")
    assert await entries(scene) == []


async def test_secret_before_the_last_rotation_is_good_and_the_one_before_that_is_not(scene: Scene) -> None:
    async def rotate() -> str:
        async with transaction(scene.desk.database) as session:
            tracker = (await session.exec(select(Tracker).with_for_update())).one()
            return rotate_webhook_secret(session, scene.act, tracker, scene.desk.vault)

    second = await rotate()
    body = json.dumps(payload(scene)).encode()
    assert await deliver(scene, body, delivery="1") == "accepted"
    assert await deliver(scene, body, delivery="2", secret=second) == "accepted"
    await rotate()
    with pytest.raises(UnauthenticatedError):
        await deliver(scene, body, delivery="3")


async def test_issue_of_nobody_here_is_ignored_without_its_payload(scene: Scene) -> None:
    assert await deliver(scene, json.dumps(payload(scene, marked=False)).encode()) == "ignored"
    (entry,) = await entries(scene)
    assert (entry.payload, entry.ignored) == ({}, "no task is linked to this, or its link is at rest")
    assert entry.processed_at is not None


async def test_same_number_in_another_repository_is_another_issue(scene: Scene) -> None:
    await scene.write(state=LinkState.LINKED, remote_id="1")
    assert await deliver(scene, json.dumps(payload(scene, marked=False, project=9)).encode()) == "ignored"


async def test_opened_issue_with_our_marker_resolves_an_unknown_create_without_a_call(scene: Scene) -> None:
    await scene.write(state=LinkState.UNKNOWN, unknown_since=now_utc())
    assert await deliver(scene, json.dumps(payload(scene, number=5)).encode()) == "accepted"
    link = await scene.read()
    assert (link.state, link.remote_id, link.remote_key) == (LinkState.LINKED, "5", "acme/shop#5")


async def test_webhook_makes_its_link_due_at_once(scene: Scene) -> None:
    later = datetime(2099, 1, 1, tzinfo=UTC)
    await scene.write(state=LinkState.LINKED, remote_id="1", due_at=later)
    await deliver(scene, json.dumps(payload(scene)).encode())
    due_at = (await scene.read()).due_at
    assert due_at is not None
    assert due_at < later


async def test_payload_that_is_no_json_is_told_so(scene: Scene) -> None:
    with pytest.raises(MalformedError):
        await deliver(scene, b"{")


async def test_unknown_tracker_is_not_found(scene: Scene) -> None:
    with pytest.raises(NotFoundError):
        async with transaction(scene.desk.database) as session:
            await receive_webhook(session, scene.desk.vault, tracker_id=uuid4(), body=b"{}", headers={}, at=now_utc())


@pytest.mark.parametrize("state", [LinkState.PENDING, LinkState.NEEDS_ATTENTION, LinkState.CREATING])
async def test_marker_links_whatever_still_waits_for_its_issue(scene: Scene, state: LinkState) -> None:
    await scene.write(state=state)
    await deliver(scene, json.dumps(payload(scene, number=5)).encode())
    assert (await scene.read()).state is LinkState.LINKED


async def test_create_under_way_notes_its_issue_itself(scene: Scene) -> None:
    await scene.write(state=LinkState.CREATING, lease_until=now_utc() + timedelta(seconds=20))
    await deliver(scene, json.dumps(payload(scene, number=5)).encode())
    assert (await scene.read()).state is LinkState.CREATING


async def test_copy_of_the_marker_in_another_issue_is_ignored(scene: Scene) -> None:
    await scene.write(state=LinkState.LINKED, remote_id="1")
    assert await deliver(scene, json.dumps(payload(scene, number=2)).encode()) == "ignored"
    assert (await scene.read()).remote_id == "1"


async def test_character_that_the_database_cannot_hold_is_left_out(scene: Scene) -> None:
    document = payload(scene)
    document["issue"]["title"] = "a\x00b"
    assert await deliver(scene, json.dumps(document).encode()) == "accepted"
    (entry,) = await entries(scene)
    assert entry.payload["issue"]["title"] == "ab"


async def test_webhook_shows_that_the_hook_lives_at_most_once_a_minute(scene: Scene) -> None:
    async def webhook_at() -> datetime | None:
        async with transaction(scene.desk.database) as session:
            return (await session.exec(select(TrackerProject.webhook_at))).one()

    body = json.dumps(payload(scene, marked=False)).encode()
    await deliver(scene, body, delivery="1")
    first = await webhook_at()
    assert first is not None
    await deliver(scene, body, delivery="2")
    assert await webhook_at() == first


async def test_webhook_that_comes_again_ends_the_suspicion_that_the_hook_is_dead(scene: Scene) -> None:
    async with transaction(scene.desk.database) as session:
        project = (await session.exec(select(TrackerProject).with_for_update())).one()
        project.webhook_at = project.unannounced_since = now_utc()
    await deliver(scene, json.dumps(payload(scene, marked=False)).encode())
    async with transaction(scene.desk.database) as session:
        assert (await session.exec(select(TrackerProject.unannounced_since))).one() is None
