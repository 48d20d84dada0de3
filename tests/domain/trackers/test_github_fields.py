"""Due dates and priorities in an organisation's issue fields."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from domain.trackers.contract import Draft, Failure, Field, Fields, Place, RemoteIssue, TrackerError
from domain.trackers.github_fields import FieldDocument, OptionDocument, match_fields
from tests.domain.trackers.github_script import asked, issue_document, scripted, sent
from tests.domain.trackers.loopback import answering

OPTIONS = {"P0": "Urgent", "P1": "High", "P2": "Medium", "P3": "Low", "P4": "Low"}
PLACE = Place("42", "ft/", {"due_on": {"id": 1}, "priority": {"id": 2, "options": OPTIONS}})
REPOSITORY = {
    "id": 42,
    "full_name": "acme/checkout",
    "html_url": "https://github.com/acme/checkout",
    "owner": {"login": "acme", "type": "Organization"},
    "permissions": {"push": True},
}


def values(due_on: str | None = None, option: str | None = None) -> list[dict[str, Any]]:
    date = {"issue_field_id": 1, "data_type": "date", "issue_field_name": "Due date", "value": due_on}
    chosen = {"id": 5, "name": option, "color": "red"}
    select = {
        "issue_field_id": 2,
        "data_type": "single_select",
        "issue_field_name": "Priority",
        "value": option,
        "single_select_option": chosen,
    }
    return ([date] if due_on else []) + ([select] if option else [])


def priority_field(*options: str) -> FieldDocument:
    return FieldDocument(2, "priority", "single_select", [OptionDocument(name) for name in options])


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["Urgent", "High", "Medium", "Low"], ["Urgent", "High", "Medium", "Low", "Low"]),
        (["P0 - critical", "p1", "P2", "P3", "P4"], ["P0 - critical", "p1", "P2", "P3", "P4"]),
        (["Lowest", "Low", "Normal", "High", "Highest"], ["Highest", "High", "Normal", "Low", "Lowest"]),
        (["High", "Low"], ["High", "High", "Low", "Low", "Low"]),
        (["P1", "P10", "Whenever", "trivial"], ["P1", "P1", "trivial", "trivial", "trivial"]),
    ],
)
def test_every_priority_has_an_option(options: list[str], found: list[str]) -> None:
    native = match_fields([priority_field(*options)])
    assert list(native["priority"]["options"]) == ["P0", "P1", "P2", "P3", "P4"]
    assert list(native["priority"]["options"].values()) == found


def test_field_whose_options_mean_no_priority_is_none() -> None:
    assert match_fields([priority_field("Now", "Later"), FieldDocument(3, "Priority", "text")]) == {}


def test_due_date_is_the_likeliest_date_field() -> None:
    fields = [FieldDocument(1, "Target", "date"), FieldDocument(2, "DUE", "date"), FieldDocument(3, "Due date", "text")]
    assert match_fields(fields) == {"due_on": {"id": 2}}
    assert match_fields(fields[:1]) == {"due_on": {"id": 1}}


async def test_repository_of_an_organisation_is_described_with_fields_and_types() -> None:
    types = [{"id": 1, "name": "Bug", "is_enabled": True}, {"id": 2, "name": "Old", "is_enabled": False}]
    fields = [
        {"id": 1, "name": "Due date", "data_type": "date"},
        {
            "id": 2,
            "name": "Priority",
            "data_type": "single_select",
            "options": [{"id": i, "name": n} for i, n in enumerate(OPTIONS.values())],
        },
    ]
    with scripted(answering(200, REPOSITORY), answering(200, types), answering(200, fields)) as (adapter, server):
        project = await adapter.describe("42")
    assert asked(server) == ["GET /repositories/42", "GET /orgs/acme/issue-types", "GET /orgs/acme/issue-fields"]
    assert (project.types, project.native) == (("Bug",), PLACE.native)


@pytest.mark.parametrize("status", [403, 404])
async def test_organisation_without_fields_is_described_without(status: int) -> None:
    with scripted(answering(200, REPOSITORY), answering(status, {"message": "Not here"})) as (adapter, _):
        project = await adapter.describe("42")
    assert (project.types, project.native) == ((), {})


@pytest.mark.parametrize(("status", "failure"), [(500, Failure.DEFINITE), (401, Failure.AUTH), (429, Failure.LIMITED)])
async def test_fields_that_can_not_be_read_now_are_an_error(status: int, failure: Failure) -> None:
    with scripted(answering(200, REPOSITORY), answering(status)) as (adapter, _), pytest.raises(TrackerError) as caught:
        await adapter.describe("42")
    assert (caught.value.failure, caught.value.calls) == (failure, 2)


async def test_repository_of_a_person_is_described_with_one_call() -> None:
    with scripted(answering(200, REPOSITORY | {"owner": {"login": "kim", "type": "User"}})) as (adapter, server):
        await adapter.describe("42")
    assert len(server.requests) == 1


@pytest.mark.parametrize(("option", "priority"), [("Urgent", "P0"), ("Low", "P3"), ("Someday", None), (None, None)])
async def test_native_fields_are_read(option: str | None, priority: str | None) -> None:
    with scripted(answering(200, issue_document(issue_field_values=values("2026-03-09", option)))) as (adapter, _):
        native = await adapter.fetch(PLACE, "12")
        plain = await adapter.fetch(Place("42", "ft/"), "12")
    assert native is not None
    assert plain is not None
    assert (native.fields[Field.DUE_ON], native.fields[Field.PRIORITY]) == ("2026-03-09", priority)
    assert not {Field.DUE_ON, Field.PRIORITY} & plain.fields.keys()


async def test_issue_is_created_with_native_fields_type_and_assignees() -> None:
    fields: Fields = {Field.TITLE: "Rotate", Field.DUE_ON: "2026-03-09", Field.PRIORITY: "P4", Field.ASSIGNEE: ["kim"]}
    with scripted(answering(201, issue_document(issue_field_values=values("2026-03-09", "Low"), type={"name": "Bug"}))) as (
        adapter,
        server,
    ):
        receipt = await adapter.create(PLACE, Draft(uuid4(), fields, issue_type="Bug"))
    document = sent(server)
    assert document["issue_field_values"] == [{"field_id": 1, "value": "2026-03-09"}, {"field_id": 2, "value": "Low"}]
    assert (document["type"], document["assignees"]) == ("Bug", ["kim"])
    assert (receipt.issue.issue_type, receipt.issue.fields[Field.DUE_ON]) == ("Bug", "2026-03-09")


def known_issue() -> RemoteIssue:
    url = "https://github.com/acme/checkout/issues/12"
    return RemoteIssue("12", "I_12", "acme/checkout#12", url, datetime.now(UTC), None, {}, {"body": ""})


async def test_change_of_native_fields_is_in_the_same_request() -> None:
    with scripted(answering(200, issue_document(issue_field_values=values("2026-03-10", "High")))) as (adapter, server):
        changes: Fields = {Field.TITLE: "Now", Field.DUE_ON: "2026-03-10", Field.PRIORITY: "P1", Field.ASSIGNEE: []}
        receipt = await adapter.update(PLACE, known_issue(), changes)
    assert sent(server) == {
        "title": "Now",
        "assignees": [],
        "issue_field_values": [{"field_id": 1, "value": "2026-03-10"}, {"field_id": 2, "value": "High"}],
    }
    assert (receipt.calls, len(server.requests)) == (1, 1)


async def test_cleared_field_costs_a_request_of_its_own_and_the_receipt_shows_it_unset() -> None:
    after = answering(200, issue_document(issue_field_values=values(None, "High")), etag='"7"')
    with scripted(answering(204), after) as (adapter, server):
        receipt = await adapter.update(PLACE, known_issue(), {Field.DUE_ON: None, Field.PRIORITY: "P1"})
    assert asked(server) == ["DELETE /repositories/42/issues/12/issue-field-values/1", "PATCH /repositories/42/issues/12"]
    assert sent(server) == {"issue_field_values": [{"field_id": 2, "value": "High"}]}
    assert (receipt.calls, receipt.issue.etag, receipt.issue.fields[Field.DUE_ON]) == (2, '"7"', None)


async def test_issue_is_read_where_fields_are_cleared_alone() -> None:
    with scripted(answering(204), answering(404), answering(200, issue_document())) as (adapter, server):
        receipt = await adapter.update(PLACE, known_issue(), {Field.DUE_ON: None, Field.PRIORITY: None})
    assert [line.partition(" ")[0] for line in asked(server)] == ["DELETE", "DELETE", "GET"]
    assert (receipt.calls, receipt.issue.fields[Field.PRIORITY]) == (3, None)


async def test_failed_clearing_leaves_the_write_open_and_sends_nothing_more() -> None:
    with scripted(answering(502)) as (adapter, server), pytest.raises(TrackerError) as caught:
        await adapter.update(PLACE, known_issue(), {Field.TITLE: "Now", Field.DUE_ON: None})
    assert (caught.value.failure, caught.value.calls, len(server.requests)) == (Failure.AMBIGUOUS, 1, 1)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("assignees", {Field.ASSIGNEE}),
        ("assignee", {Field.ASSIGNEE}),
        ("labels", {Field.LABELS}),
        ("state", set()),
        ("issue_field_values", {Field.DUE_ON}),
        ("type", set()),
    ],
)
async def test_refused_fields_are_named_of_those_that_were_sent(name: str, wrong: set[Field]) -> None:
    fields: Fields = {Field.TITLE: "Rotate", Field.ASSIGNEE: ["kim"], Field.LABELS: [], Field.DUE_ON: "2026-03-09"}
    refusal = {"message": "Validation Failed", "errors": [{"resource": "Issue", "field": name, "code": "invalid"}]}
    with scripted(answering(422, refusal)) as (adapter, _), pytest.raises(TrackerError) as caught:
        await adapter.create(PLACE, Draft(uuid4(), fields))
    assert caught.value.wrong == wrong
    assert caught.value.code == ("invalid_type" if name == "type" else "invalid")
