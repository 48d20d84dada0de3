"""The adapter's reading and writing of one issue, held to GitHub's own description of its REST API."""

import httpx
import pytest

from domain.trackers.contract import Failure, Field, Place, TrackerError
from domain.trackers.github import GitHubAdapter
from tests.contract.conftest import add_repository, drafted, native_place

pytestmark = pytest.mark.contract

CATALOG = {
    "types": ["Bug", "Task"],
    "fields": [
        {"name": "Due date", "data_type": "date"},
        {"name": "Priority", "data_type": "single_select", "options": ["Urgent", "High", "Medium", "Low"]},
    ],
}


async def test_issue_is_made_changed_and_read(adapter: GitHubAdapter, place: Place) -> None:
    made = drafted(assignee=["octo-dev"])
    receipt = await adapter.create(place, made)
    assert receipt.issue.fields == {**made.fields, Field.STATUS: "open"}
    changed = await adapter.update(
        place,
        receipt.issue,
        {Field.TITLE: "Rotate both", Field.BODY: "Now.", Field.LABELS: ["p0"], Field.ASSIGNEE: []},
    )
    found = await adapter.fetch(place, changed.issue.remote_id)
    assert found is not None
    assert found.fields == changed.issue.fields
    assert found.fields[Field.ASSIGNEE] == []
    assert await adapter.fetch(place, found.remote_id, etag=found.etag) is None
    with pytest.raises(TrackerError) as missing:
        await adapter.fetch(place, "999999")
    assert (missing.value.failure, missing.value.http_status) == (Failure.GONE, 404)


@pytest.mark.parametrize("status", ["done", "cancelled", "duplicate"])
async def test_issue_is_closed_and_opened_again(adapter: GitHubAdapter, place: Place, status: str) -> None:
    issue = (await adapter.create(place, drafted())).issue
    closed = (await adapter.update(place, issue, {Field.STATUS: status})).issue
    assert closed.raw["state"] == "closed"
    opened = (await adapter.update(place, closed, {Field.STATUS: "open"})).issue
    assert opened.fields[Field.STATUS] == "open"


async def test_type_and_fields_are_set_and_cleared(adapter: GitHubAdapter, steer: httpx.AsyncClient) -> None:
    remote_id = (await add_repository(steer, "typed/fields")).project_remote_id
    await steer.put("/organisations/typed", json=CATALOG)
    project = await adapter.describe(remote_id)
    assert project.types == ("Bug", "Task")
    place = native_place(project)
    issue = (await adapter.create(place, drafted(issue_type="Task", due_on="2027-01-31", priority="P1"))).issue
    assert (issue.issue_type, issue.fields[Field.DUE_ON], issue.fields[Field.PRIORITY]) == ("Task", "2027-01-31", "P1")
    issue = (await adapter.update(place, issue, {Field.DUE_ON: "2027-02-28", Field.PRIORITY: "P0"})).issue
    assert (issue.fields[Field.DUE_ON], issue.fields[Field.PRIORITY]) == ("2027-02-28", "P0")
    partly = await adapter.update(place, issue, {Field.DUE_ON: None, Field.PRIORITY: "P2"})
    assert partly.issue.fields[Field.DUE_ON] is None
    cleared = await adapter.update(place, partly.issue, {Field.PRIORITY: None})
    assert cleared.issue.fields[Field.PRIORITY] is None
    # What has no value any more is answered with a 404, and is as good as cleared.
    assert (await adapter.update(place, cleared.issue, {Field.DUE_ON: None})).calls == 2


async def test_assignee_that_is_dropped_shows_in_the_receipt(adapter: GitHubAdapter, steer: httpx.AsyncClient) -> None:
    place = await add_repository(steer, "lenient/people")
    await steer.post("/repositories/lenient/people/access", json={"login": "octo-dev", "assignable": "drop"})
    receipt = await adapter.create(place, drafted(assignee=["octo-dev", "followthrough-bot"]))
    assert receipt.issue.fields[Field.ASSIGNEE] == ["followthrough-bot"]


@pytest.mark.parametrize(
    ("fields", "code", "wrong"),
    [
        ({"title": "x" * 257}, "invalid", {Field.TITLE}),
        ({"body": "x" * 65_537}, "invalid", {Field.BODY}),
        ({"labels": ["x" * 51]}, "invalid", {Field.LABELS}),
        ({"assignee": ["barred"]}, "invalid", {Field.ASSIGNEE}),
        ({"due_on": "2027-01-31"}, "invalid", {Field.DUE_ON}),
        ({"issue_type": "Epic"}, "invalid_type", set()),
    ],
)
async def test_wrong_value_is_refused(
    adapter: GitHubAdapter, steer: httpx.AsyncClient, *, fields: dict[str, str], code: str, wrong: set[Field]
) -> None:
    place = await add_repository(steer, f"strict/{next(iter(fields))}")
    await steer.post(f"/repositories/strict/{next(iter(fields))}/access", json={"login": "barred", "assignable": "refuse"})
    unknown_field = Place(place.project_remote_id, place.label_prefix, {"due_on": {"id": 999}})
    with pytest.raises(TrackerError) as refused:
        await adapter.create(unknown_field, drafted(**fields))
    assert (refused.value.failure, refused.value.http_status, refused.value.code) == (Failure.DEFINITE, 422, code)
    assert refused.value.wrong == wrong
    if code == "invalid":
        issue = (await adapter.create(place, drafted())).issue
        with pytest.raises(TrackerError) as refused:
            await adapter.update(unknown_field, issue, {Field(name): value for name, value in fields.items()})
        assert refused.value.http_status == 422
