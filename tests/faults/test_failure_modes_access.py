"""Credentials that lose their rights, labels and types that a tracker drops, and errors that come again and again."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from domain.activity.record import Act
from domain.activity.table import ActorKind
from domain.columns import now_utc
from domain.database import transaction
from domain.sync.check import Checking, check_tracker
from domain.sync.reconcile import reconcile
from domain.sync.table import Operation
from domain.tasks.create import NewTask, create_task
from domain.trackers.change import add_project
from domain.trackers.connect import connect
from domain.trackers.link import IssueLink, LinkState, open_link
from domain.trackers.table import TrackerState
from sandbox.github_process import RunningGithub, start_github
from tests.faults import meeting as stage
from tests.faults.meeting import Encounter

scene, pending, meeting = stage.scene, stage.pending, stage.meeting
APP_ID = 4242
PKCS8 = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
SPKI = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture(scope="module")
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65_537, 2048)


@pytest.fixture(scope="module")
def github(private_key: rsa.RSAPrivateKey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGithub]:
    public: Path = tmp_path_factory.mktemp("app") / "public.pem"
    public.write_bytes(private_key.public_key().public_bytes(*SPKI))
    running = start_github(collaborators=["ana-r", "cy"], app=(APP_ID, public))
    yield running
    running.stop()


async def check(meeting: Encounter) -> bool:
    desk = meeting.scene.desk
    act = Act(ActorKind.TOKEN, "a person", now_utc())
    checking = Checking(
        desk.database,
        desk.settings,
        lambda tracker: connect(tracker, desk.vault, desk.settings),
        act,
        desk.bell.ring,
        pacer=desk.pacer,
    )
    checked = await check_tracker(checking, meeting.scene.tracker.id)
    return (await meeting.tracker()).state is TrackerState.OK and checked.account is not None


async def allow(meeting: Encounter, login: str, **what: Any) -> None:
    await meeting.steer(f"/repositories/{meeting.github.repository}/access", {"login": login, **what})


async def test_revoked_token_stops_all_calls_until_it_works_again(meeting: Encounter) -> None:
    await meeting.steer("/tokens/revoke", {"token": meeting.github.token})
    await meeting.change(title="Ours")
    link = await meeting.settle()
    assert (link.state, link.error_code, link.error_count) == (LinkState.LINKED, "bad_credentials", 1)
    assert (await meeting.tracker()).state is TrackerState.AUTH_FAILED
    await meeting.forget_calls()
    for _ in range(3):
        await meeting.look()
        await meeting.sweep()
        await meeting.audit()
    assert await meeting.calls() == []
    await meeting.steer("/tokens/restore", {"token": meeting.github.token})
    assert await check(meeting)
    link = await meeting.settle()
    assert (link.error_code, (await meeting.issue())["title"]) == (None, "Ours")


async def test_revoked_token_leaves_a_new_task_pending_and_no_issue_in_doubt(pending: Encounter) -> None:
    await pending.steer("/tokens/revoke", {"token": pending.github.token})
    link = await pending.settle()
    assert (link.state, link.error_code, link.unknown_since) == (LinkState.PENDING, "bad_credentials", None)
    await pending.steer("/tokens/restore", {"token": pending.github.token})
    assert await check(pending)
    await pending.settle()
    await pending.know()
    assert len(await pending.issues()) == 1


async def become_app(pending: Encounter, private_key: rsa.RSAPrivateKey) -> None:
    """Give the tracker the App's credentials, and make the issue with them."""
    pem = private_key.private_bytes(*PKCS8).decode()
    await pending.set_tracker(credentials=pending.scene.desk.vault.seal_json({"app_id": str(APP_ID), "private_key": pem}))
    await pending.open()


async def set_installation(pending: Encounter, state: str) -> None:
    """Have the owner remove, suspend or bring back the App's installation, which ends its tokens."""
    owner = pending.github.repository.partition("/")[0]
    await pending.steer(f"/installations/{owner}", {"state": state})
    await pending.steer("/tokens/expire", {})


async def add_elsewhere(pending: Encounter) -> UUID:
    """Make a task that goes to a repository of another owner's, and give its link."""
    tracker, act, name = await pending.tracker(), pending.scene.act, f"org-{uuid4().hex[:8]}/other"
    await pending.steer("/repositories", {"full_name": name})
    described = await (await pending.scene.desk.adapter(tracker)).describe(name)
    async with transaction(pending.scene.desk.database) as session:
        project, _ = await add_project(session, act, tracker, described)
        task = await create_task(session, act, NewTask("Elsewhere"))
        await session.flush()
        link = open_link(session, task_id=task.id, tracker_project_id=project.id, label_prefix="ft/", at=now_utc())
        return link.id


@pytest.mark.parametrize(("state", "code"), [("suspended", "suspended"), ("removed", "not_installed")])
async def test_installation_that_goes_and_comes_back_loses_nothing(
    pending: Encounter, private_key: rsa.RSAPrivateKey, state: str, code: str
) -> None:
    await become_app(pending, private_key)
    await set_installation(pending, state)
    await pending.change(title="Ours")
    first = await pending.settle()
    assert (first.state, first.error_code) == (LinkState.LINKED, "token_rejected")
    link = await pending.look()
    assert (link.state, link.error_code, link.error_count) == (LinkState.NEEDS_ATTENTION, code, 1)
    assert (await pending.tracker()).state is TrackerState.OK
    await set_installation(pending, "active")
    assert await check(pending)
    link = await pending.settle()
    assert (link.state, link.error_code, (await pending.issue())["title"]) == (LinkState.LINKED, None, "Ours")


async def test_one_owner_that_removes_the_app_stops_no_other(pending: Encounter, private_key: rsa.RSAPrivateKey) -> None:
    await become_app(pending, private_key)
    other = await add_elsewhere(pending)
    await set_installation(pending, "removed")
    await pending.change(title="Ours")
    for _ in range(2):
        await pending.look()
        await pending.sweep()
    await reconcile(pending.scene.desk, other)  # in vain: the sandbox ended all tokens
    async with transaction(pending.scene.desk.database) as session:
        (await session.get_one(IssueLink, other)).due_at = now_utc()
    await reconcile(pending.scene.desk, other)
    links = {link.id: link for link in await pending.links()}
    assert (links[other].state, links[other].error_code) == (LinkState.LINKED, None)
    assert (links[pending.scene.link.id].state, (await pending.tracker()).state) == (LinkState.NEEDS_ATTENTION, TrackerState.OK)


async def test_token_that_ends_early_delays_only_that_call(pending: Encounter, private_key: rsa.RSAPrivateKey) -> None:
    await become_app(pending, private_key)
    await pending.steer("/tokens/expire", {})
    await pending.change(title="Ours")
    link = await pending.settle()
    assert (link.state, link.error_code, (await pending.tracker()).state) == (LinkState.LINKED, "token_rejected", TrackerState.OK)
    link = await pending.look()
    assert (link.error_code, (await pending.issue())["title"]) == (None, "Ours")


async def test_labels_dropped_without_push_access_are_shown_and_come_back_with_it(pending: Encounter) -> None:
    await allow(pending, pending.github.login, push=False)
    await pending.change(labels=["pool"])
    await pending.open()
    link = await pending.scene.read()
    assert "did not take this value" in link.notes["labels"]["text"]
    assert (await pending.issue())["labels"] == []
    attempts = len(await pending.attempts())
    for _ in range(3):
        await pending.sweep()
        await pending.look()
    assert len(await pending.attempts()) == attempts
    assert (await pending.task()).labels == ["pool"]
    await allow(pending, pending.github.login, push=True)
    await pending.change(labels=["pool", "urgent"])
    link = await pending.settle()
    assert [label["name"] for label in (await pending.issue())["labels"]] == ["ft/pool", "ft/urgent"]
    assert link.notes == {}


async def test_dropped_labels_come_back_with_access_and_any_change(pending: Encounter) -> None:
    await allow(pending, pending.github.login, push=False)
    await pending.change(labels=["pool"])
    await pending.open()
    await allow(pending, pending.github.login, push=True)
    await pending.change(title="Something changes")
    link = await pending.settle()
    assert [label["name"] for label in (await pending.issue())["labels"]] == ["ft/pool"]
    assert link.notes == {}


async def test_issue_type_is_given_and_one_that_is_dropped_is_shown(pending: Encounter) -> None:
    owner = pending.github.repository.partition("/")[0]
    await pending.steer(f"/organisations/{owner}", {"types": ["Bug"], "fields": []}, method="PUT")
    await pending.scene.write(issue_type="Bug")
    await pending.open()
    assert (await pending.issue())["type"]["name"] == "Bug"
    assert (await pending.scene.read()).notes == {}
    await allow(pending, pending.github.login, push=False)
    other = await pending.another()
    async with transaction(pending.scene.desk.database) as session:
        from_other = next(link for link in await pending.links() if link.id == other)
        session.add(await session.merge(from_other))
        (await session.get_one(type(from_other), other)).issue_type = "Bug"
    await pending.settle()
    dropped = next(link for link in await pending.links() if link.id == other)
    assert (dropped.state, "did not take the type Bug" in dropped.notes["type"]["text"]) == (LinkState.LINKED, True)


async def test_issue_type_that_does_not_exist_makes_no_second_issue(pending: Encounter) -> None:
    await pending.scene.write(issue_type="No such type")
    await pending.settle()
    link = await pending.scene.read()
    made = await pending.issues()
    assert (link.state, len(made)) in ((LinkState.LINKED, 1), (LinkState.NEEDS_ATTENTION, 0))
    assert link.error_code is not None or "type" in link.notes
    assert link.due_at is None
    attempts = len(await pending.attempts())
    await pending.look()
    assert len(await pending.attempts()) == attempts


async def test_one_error_that_comes_again_and_again_is_one_error_that_is_counted(meeting: Encounter) -> None:
    await meeting.order_fault(operation="get_issue", action=500, times=3)
    await meeting.change(title="Ours")
    first = await meeting.settle()
    await meeting.look()
    last = await meeting.look()
    assert (last.error_code, last.error_count, last.error_since) == ("unavailable", 3, first.error_since)
    assert last.due_at is not None
    assert last.due_at > now_utc()
    link = await meeting.look()
    assert (link.error_code, link.error_text, link.error_since, link.error_count) == (None, None, None, 0)


async def test_tracker_that_fails_again_and_again_is_left_alone_and_tried_with_one_call(meeting: Encounter) -> None:
    await meeting.order_fault(operation="any", action=500, times=5)
    await meeting.change(title="Ours")
    for _ in range(5):
        await meeting.look()
    tracker = await meeting.tracker()
    assert (tracker.state, tracker.failures) == (TrackerState.DEGRADED, 5)
    await meeting.forget_calls()
    for _ in range(3):
        await meeting.look()
        await meeting.sweep()
    assert await meeting.calls() == []
    await meeting.set_tracker(blocked_until=now_utc() - timedelta(seconds=1))
    link = await meeting.look()
    assert (link.error_code, (await meeting.issue())["title"]) == (None, "Ours")
    assert ((await meeting.tracker()).state, (await meeting.tracker()).failures) == (TrackerState.OK, 0)


async def test_credentials_that_are_replaced_are_used_at_once(meeting: Encounter) -> None:
    await meeting.set_tracker(credentials=meeting.scene.desk.vault.seal_json({"token": "wrong"}))
    await meeting.change(title="Ours")
    await meeting.settle()
    assert (await meeting.tracker()).state is TrackerState.AUTH_FAILED
    await meeting.set_tracker(credentials=meeting.scene.desk.vault.seal_json({"token": meeting.github.token}))
    assert await check(meeting)
    await meeting.settle()
    assert (await meeting.issue())["title"] == "Ours"
    assert [row.operation for row in await meeting.attempts()] == [Operation.CREATE, Operation.UPDATE]
