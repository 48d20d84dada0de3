"""The GitHub adapter against the sandbox GitHub, over HTTP."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from domain.errors import InvalidError
from domain.trackers.contract import Adapter, Draft, Failure, Field, Fields, Place, RemoteIssue, TrackerError
from domain.trackers.github import GitHubAdapter
from sandbox.github_process import RunningGithub, start_github

PREFIX = "ft/"


@pytest.fixture(scope="module")
def github() -> Iterator[RunningGithub]:
    running = start_github()
    yield running
    running.stop()


@pytest.fixture
def adapter(github: RunningGithub) -> Iterator[GitHubAdapter]:
    adapter = GitHubAdapter(base_url=github.base_url, credentials={"token": github.token}, timeout_seconds=5)
    yield adapter
    adapter.close()


@pytest.fixture
def place(github: RunningGithub) -> Place:
    return Place(str(github.repository_id), PREFIX)


def draft(marker: UUID | None = None, **fields: Any) -> Draft:
    filled: Fields = {Field.TITLE: "Rotate the key", Field.BODY: "Do it.\n\nSoon.", Field.LABELS: ["p1", "security"]}
    return Draft(marker or uuid4(), filled | {Field(name): value for name, value in fields.items()})


async def as_human(github: RunningGithub, issue: RemoteIssue, change: dict[str, Any]) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        url = f"{github.page_url}/_sandbox/issues/{github.repository}/{issue.remote_id}"
        (await client.post(url, json=change)).raise_for_status()


async def calls(github: RunningGithub) -> list[tuple[str, str]]:
    """Return the calls since the last time."""
    async with httpx.AsyncClient(trust_env=False) as client:
        seen = (await client.get(f"{github.page_url}/_sandbox/calls")).json()
        await client.delete(f"{github.page_url}/_sandbox/calls")
    return [(call["method"], call["path"].removeprefix("/api/v3")) for call in seen]


async def order(github: RunningGithub, **fault: Any) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        (await client.post(f"{github.page_url}/_sandbox/faults", json=fault)).raise_for_status()


async def fetched(adapter: Adapter, place: Place, issue: RemoteIssue) -> RemoteIssue:
    found = await adapter.fetch(place, issue.remote_id)
    assert found is not None
    return found


async def test_repository_is_described_by_name_and_number(github: RunningGithub, adapter: Adapter) -> None:
    project = await adapter.describe(github.repository)
    assert project == await adapter.describe(project.remote_id)
    assert (project.remote_id, project.key) == (str(github.repository_id), "acme/checkout")
    assert project.issues_enabled
    assert project.writable


@pytest.mark.parametrize("name", ["acme/nothing", "checkout", "acme/../user", "acme/checkout/issues", "0", ""])
async def test_unknown_repository_is_told(adapter: Adapter, name: str) -> None:
    with pytest.raises(TrackerError) as caught:
        await adapter.describe(name)
    assert (caught.value.failure, caught.value.code) == (Failure.DEFINITE, "project_not_found")


async def test_identity_is_asked_for_once(github: RunningGithub, adapter: Adapter) -> None:
    await calls(github)
    assert await adapter.identity() == github.login
    assert await adapter.identity() == github.login
    assert await calls(github) == [("GET", "/user")]


async def test_issue_is_created_with_one_request(github: RunningGithub, adapter: Adapter, place: Place) -> None:
    await calls(github)
    made = draft()
    receipt = await adapter.create(place, made)
    assert await calls(github) == [("POST", f"/repositories/{github.repository_id}/issues")]
    assert receipt.request_id
    assert receipt.calls == 1
    issue = receipt.issue
    assert issue.marker == made.marker
    assert issue.fields == {**made.fields, Field.STATUS: "open", Field.ASSIGNEE: []}
    assert issue.raw["labels"] == ["ft/p1", "ft/security"]
    assert issue.key == f"acme/checkout#{issue.remote_id}"
    assert issue.version.utcoffset() == timedelta(0)
    assert issue.author == github.login.lower()


async def test_receipts_etag_spares_the_next_read(adapter: Adapter, place: Place) -> None:
    issue = (await adapter.create(place, draft())).issue
    if issue.etag is None:
        pytest.skip("this sandbox gives no ETag with a write")
    assert await adapter.fetch(place, issue.remote_id, etag=issue.etag) is None
    changed = (await adapter.update(place, issue, {Field.TITLE: "Rotate both keys"})).issue
    assert await adapter.fetch(place, issue.remote_id, etag=changed.etag) is None


async def test_created_issue_is_open_whatever_the_draft_says(adapter: Adapter, place: Place) -> None:
    receipt = await adapter.create(place, draft(status="done"))
    assert receipt.issue.fields[Field.STATUS] == "open"


async def test_unchanged_issue_is_not_read_again(adapter: Adapter, place: Place, github: RunningGithub) -> None:
    issue = (await adapter.create(place, draft())).issue
    first = await fetched(adapter, place, issue)
    assert first.etag
    assert await adapter.fetch(place, issue.remote_id, etag=first.etag) is None
    await as_human(github, issue, {"title": "Rotate both keys"})
    second = await adapter.fetch(place, issue.remote_id, etag=first.etag)
    assert second is not None
    assert second.fields[Field.TITLE] == "Rotate both keys"


async def test_all_fields_change_with_one_request(github: RunningGithub, adapter: Adapter, place: Place) -> None:
    issue = (await adapter.create(place, draft())).issue
    await calls(github)
    changes: Fields = {
        Field.TITLE: "Rotate both keys",
        Field.BODY: "Done last night.",
        Field.STATUS: "cancelled",
        Field.LABELS: ["p2"],
    }
    receipt = await adapter.update(place, issue, changes)
    assert await calls(github) == [("PATCH", f"/repositories/{github.repository_id}/issues/{issue.remote_id}")]
    assert receipt.issue.fields == {**changes, Field.ASSIGNEE: []}
    assert receipt.issue.raw["state_reason"] == "not_planned"
    assert receipt.issue.marker == issue.marker


async def test_status_goes_there_and_back(adapter: Adapter, place: Place) -> None:
    issue = (await adapter.create(place, draft())).issue
    for status, reason in (("done", "completed"), ("open", "reopened"), ("cancelled", "not_planned"), ("open", "reopened")):
        receipt = await adapter.update(place, issue, {Field.STATUS: status})
        assert (receipt.issue.fields[Field.STATUS], receipt.issue.raw["state_reason"]) == (status, reason)


async def test_what_people_wrote_and_labelled_stays(github: RunningGithub, adapter: Adapter, place: Place) -> None:
    issue = (await adapter.create(place, draft())).issue
    body = "Seen on Friday too.\r\n\r\n" + issue.raw["body"].replace("\n", "\r\n") + "\r\n- [ ] ask Kim"
    await as_human(github, issue, {"body": body, "labels": ["bug", "FT/Security", "ft/p1"]})
    edited = await fetched(adapter, place, issue)
    assert edited.fields == issue.fields
    receipt = await adapter.update(place, edited, {Field.BODY: "Later.", Field.LABELS: ["security"]})
    assert receipt.issue.raw["body"] == body.replace("Do it.\r\n\r\nSoon.\r\n", "Later.\n")
    assert [name.lower() for name in receipt.issue.raw["labels"]] == ["bug", "ft/security"]


async def test_emptied_body_gets_region_and_marker_back(github: RunningGithub, adapter: Adapter, place: Place) -> None:
    issue = (await adapter.create(place, draft())).issue
    await as_human(github, issue, {"body": "Only mine."})
    edited = await fetched(adapter, place, issue)
    assert edited.fields[Field.BODY] is None
    assert edited.marker is None
    known = RemoteIssue(**{name: getattr(edited, name) for name in edited.__slots__} | {"marker": issue.marker})
    healed = (await adapter.update(place, known, {Field.BODY: "Do it."})).issue
    assert healed.raw["body"].startswith("Only mine.\n")
    assert (healed.fields[Field.BODY], healed.marker) == ("Do it.", issue.marker)


async def test_change_of_the_title_alone_leaves_the_body_alone(github: RunningGithub, adapter: Adapter, place: Place) -> None:
    issue = (await adapter.create(place, draft())).issue
    await as_human(github, issue, {"body": "Written while we looked away"})
    receipt = await adapter.update(place, issue, {Field.TITLE: "Rotate both keys"})
    assert receipt.issue.raw["body"] == "Written while we looked away"


async def test_lost_create_is_found_by_its_marker(github: RunningGithub, adapter: Adapter, place: Place) -> None:
    since, made = datetime.now(UTC), draft()
    await order(github, operation="create_issue", action="drop_after_commit")
    await calls(github)
    with pytest.raises(TrackerError) as caught:
        await adapter.create(place, made)
    assert (caught.value.failure, caught.value.code, caught.value.calls) == (Failure.AMBIGUOUS, "no_answer", 1)
    assert [verb for verb, _ in await calls(github)] == ["POST"]
    found = await adapter.find(place, [made.marker, uuid4()], since=since)
    assert list(found) == [made.marker]
    assert found[made.marker].fields[Field.TITLE] == "Rotate the key"


async def test_of_two_issues_with_one_marker_the_lower_is_found(adapter: Adapter, place: Place) -> None:
    made = draft()
    first = await adapter.create(place, made)
    await adapter.create(place, made)
    found = await adapter.find(place, iter([made.marker]), since=datetime.now(UTC))
    assert found[made.marker].remote_id == first.issue.remote_id


async def test_find_goes_through_pages_and_stops_at_since(github: RunningGithub, adapter: Adapter, place: Place) -> None:
    made = draft()
    await adapter.create(place, made)
    await asyncio.gather(*(adapter.create(place, draft()) for _ in range(110)))
    await calls(github)
    assert made.marker in await adapter.find(place, [made.marker], since=datetime.now(UTC))
    pages = [call for call in await calls(github) if call[1] != "/user"]
    assert len(pages) == 2
    assert not await adapter.find(place, [made.marker], since=datetime.now(UTC) + timedelta(minutes=11))
    assert len(await calls(github)) == 1


async def test_answers_never_get_mixed_up_between_threads(adapter: Adapter, place: Place) -> None:
    drafts = [draft(title=f"Task {number}") for number in range(40)]
    receipts = await asyncio.gather(*(adapter.create(place, made) for made in drafts))
    for made, receipt in zip(drafts, receipts, strict=True):
        assert receipt.issue.marker == made.marker
        assert receipt.issue.fields[Field.TITLE] == made.fields[Field.TITLE]


async def test_cancelled_call_leaves_the_adapter_usable(github: RunningGithub, adapter: Adapter, place: Place) -> None:
    await order(github, operation="create_issue", action="hang", seconds=0.3)
    made, since = draft(), datetime.now(UTC)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(adapter.create(place, made), 0.1)
    await asyncio.sleep(0.5)
    assert made.marker in await adapter.find(place, [made.marker], since=since)


async def test_missing_issue_is_gone(adapter: Adapter, place: Place) -> None:
    with pytest.raises(TrackerError) as caught:
        await adapter.fetch(place, "999999")
    assert (caught.value.failure, caught.value.code, caught.value.http_status) == (Failure.GONE, "gone", 404)
    assert caught.value.request_id


async def test_too_long_title_is_refused_by_its_name_alone(adapter: Adapter, place: Place) -> None:
    with pytest.raises(TrackerError) as caught:
        await adapter.create(place, draft(title="secret" * 50))
    assert (caught.value.failure, caught.value.code) == (Failure.DEFINITE, "invalid")
    assert "title" in caught.value.text
    assert "secret" not in caught.value.text


async def test_wrong_token_is_told_without_showing_it(github: RunningGithub, place: Place) -> None:
    adapter = GitHubAdapter(base_url=github.base_url, credentials={"token": "wrong-token"}, timeout_seconds=5)
    with pytest.raises(TrackerError) as caught:
        await adapter.fetch(place, "1")
    adapter.close()
    assert (caught.value.failure, caught.value.code) == (Failure.AUTH, "bad_credentials")
    assert "wrong-token" not in caught.value.text


async def test_closed_adapter_makes_no_call(adapter: GitHubAdapter, place: Place) -> None:
    adapter.close()
    with pytest.raises(TrackerError) as caught:
        await adapter.fetch(place, "1")
    assert (caught.value.failure, caught.value.calls) == (Failure.DEFINITE, 0)


@pytest.mark.parametrize("base_url", ["", "api.github.com", "ftp://github.com", "https://"])
def test_base_url_is_an_http_address(base_url: str) -> None:
    with pytest.raises(InvalidError):
        GitHubAdapter(base_url=base_url, credentials={"token": "t"}, timeout_seconds=1)


@pytest.mark.parametrize("credentials", [{}, {"token": ""}, {"app_id": "1"}, {"app_id": "1", "private_key": "k", "installation_id": "x"}])
def test_credentials_are_a_token_or_an_app(credentials: dict[str, str]) -> None:
    with pytest.raises(InvalidError):
        GitHubAdapter(base_url="https://api.github.com", credentials=credentials, timeout_seconds=1)
