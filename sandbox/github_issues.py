"""The rules of issues in the sandbox GitHub: what a change changes, and what it announces."""

import time
from dataclasses import dataclass, field
from typing import Any

from sandbox.github_access import Access
from sandbox.github_catalog import catalog_of, field_document, read_field_values, read_type, type_document
from sandbox.github_errors import GithubError, invalid
from sandbox.github_records import Comment, Issue, Label, Repository
from sandbox.github_requests import (
    CLOSING_REASONS,
    read_assignees,
    read_body,
    read_labels,
    read_state,
    read_title,
)
from sandbox.github_state import State

UNNAMED_COLOR = "ededed"  # of a label that an issue brought into being


@dataclass(frozen=True)
class Announcement:
    """What a webhook tells: the event's name, its action, and what the payload carries beside issue and sender."""

    event: str
    action: str
    label: Label | None = None
    assignee: str | None = None
    comment: Comment | None = None
    more: dict[str, Any] = field(default_factory=dict)  # documents that are the same wherever the sandbox is reached


@dataclass
class Office:
    """Where issues of one repository are changed by one person: the announcements pile up in order."""

    state: State
    access: Access
    repository: Repository
    login: str
    announcements: list[Announcement] = field(default_factory=list)

    @property
    def pushes(self) -> bool:
        """Whether the person may set more than the words of an issue of their own."""
        return self.login.lower() not in self.repository.without_push

    def announce(self, action: str, **more: Any) -> None:
        self.announcements.append(Announcement("issues", action, **more))


@dataclass(frozen=True)
class Wanted:
    """What a request says beside words and state; None leaves things as they are, and so does whoever may not push."""

    labels: list[str] | None
    assignees: list[str] | None
    type: str | None
    sets_type: bool
    field_values: dict[int, Any]


def _read_wanted(office: Office, request: dict[str, Any]) -> Wanted:
    catalog = catalog_of(office.state, office.repository)
    wanted = Wanted(
        labels=read_labels(request["labels"]) if "labels" in request else None,
        assignees=read_assignees(request, office.access, office.repository),
        type=read_type(request.get("type"), catalog),
        sets_type="type" in request,
        field_values=read_field_values(request.get("issue_field_values", []), catalog),
    )
    return wanted if office.pushes else Wanted(None, None, None, sets_type=False, field_values={})


def open_issue(office: Office, request: dict[str, Any]) -> Issue:
    """Open an issue from the body of a POST; every label is added to the repository where it is new."""
    title, body = read_title(request.get("title")), read_body(request.get("body"))
    wanted = _read_wanted(office, request)
    office.repository.last_number += 1
    now = office.state.instant()
    issue = Issue(
        id=office.state.new_id(),
        repository_id=office.repository.id,
        number=office.repository.last_number,
        title=title,
        body=body,
        user=office.login,
        created_at=now,
        updated_at=now,
        made_at=time.time(),
    )
    office.announce("opened")
    _set_wanted(office, issue, wanted)
    office.state.save(issue, office.repository)
    office.state.commit()
    return issue


def change_issue(office: Office, issue: Issue, request: dict[str, Any]) -> None:
    """Change an issue by the body of a PATCH: only what is named changes, and nothing where anything is wrong."""
    if not office.pushes and office.login != issue.user:
        raise GithubError(403, "Must have admin rights to Repository.")
    title = read_title(request["title"]) if request.get("title") is not None else issue.title
    body = read_body(request["body"]) if "body" in request else issue.body
    state, reason = read_state(issue, request)
    _require_original(office, request.get("duplicate_issue_id"))
    wanted = _read_wanted(office, request)
    _set_text(office, issue, title=title, body=body)
    _set_wanted(office, issue, wanted)
    _set_state(office, issue, state, reason=reason)
    _keep(office, issue)


def _require_original(office: Office, issue_id: Any) -> None:
    """Refuse a duplicate of an issue that is not there."""
    if issue_id is not None and (not isinstance(issue_id, int) or office.state.issue_by_id(issue_id) is None):
        raise invalid("Issue", "duplicate_issue_id", "invalid", value=issue_id)


def _set_wanted(office: Office, issue: Issue, wanted: Wanted) -> None:
    if wanted.labels is not None:
        _set_labels(office, issue, wanted.labels)
    if wanted.assignees is not None:
        _set_assignees(office, issue, wanted.assignees)
    if wanted.sets_type:
        _set_type(office, issue, wanted.type)
    for field_id, value in wanted.field_values.items():
        set_field_value(office, issue, field_id, value=value)


def _set_type(office: Office, issue: Issue, name: str | None) -> None:
    before, issue.type = issue.type, name
    catalog = catalog_of(office.state, office.repository)
    if before not in (None, name):
        office.announce("untyped", more={"type": type_document(catalog, before)})
    if name not in (None, before):
        office.announce("typed", more={"type": type_document(catalog, name)})


def set_field_value(office: Office, issue: Issue, field_id: int, *, value: Any) -> None:
    """Set one field of an issue, or clear it with None; `clear_field` also keeps that."""
    if issue.field_values.get(field_id) == value:
        return
    field = field_document(catalog_of(office.state, office.repository), field_id)
    if value is None:
        del issue.field_values[field_id]
    else:
        issue.field_values[field_id] = value
    office.announce("field_removed" if value is None else "field_added", more={"issue_field": field})


def clear_field(office: Office, issue: Issue, field_id: int) -> None:
    """Take the value of one field from an issue."""
    set_field_value(office, issue, field_id, value=None)
    _keep(office, issue)


def label_issue(office: Office, issue: Issue, names: list[str]) -> None:
    """Give an issue exactly these labels."""
    _set_labels(office, issue, names)
    _keep(office, issue)


def lock_issue(office: Office, issue: Issue, *, reason: str | None) -> None:
    """Lock the conversation of an issue."""
    if not issue.locked:
        office.announce("locked")
    issue.locked, issue.lock_reason = True, reason
    _keep(office, issue)


def unlock_issue(office: Office, issue: Issue) -> None:
    """Open the conversation of an issue again."""
    if issue.locked:
        office.announce("unlocked")
    issue.locked, issue.lock_reason = False, None
    _keep(office, issue)


def _set_text(office: Office, issue: Issue, *, title: str, body: str | None) -> None:
    before = {"title": issue.title, "body": issue.body}
    after = {"title": title, "body": body}
    changes = {name: {"from": before[name] or ""} for name in before if before[name] != after[name]}
    if changes:
        issue.title, issue.body = title, body
        office.announce("edited", more={"changes": changes})


def _set_state(office: Office, issue: Issue, state: str, *, reason: str | None) -> None:
    if state == issue.state:
        return
    if state == "closed":
        issue.state, issue.state_reason = "closed", reason if reason in CLOSING_REASONS else "completed"
        issue.closed_at, issue.closed_by = office.state.instant(), office.login
        office.announce("closed")
    else:
        issue.state, issue.state_reason = "open", "reopened"
        issue.closed_at = issue.closed_by = None
        office.announce("reopened")


def _set_labels(office: Office, issue: Issue, names: list[str]) -> None:
    wanted = [label_of(office, name) for name in names]
    before = {name.lower() for name in issue.labels}
    after = {label.name.lower() for label in wanted}
    gone = [label_of(office, name) for name in issue.labels if name.lower() not in after]
    issue.labels = [label.name for label in wanted]
    for label in gone:
        office.announce("unlabeled", label=label)
    for label in wanted:
        if label.name.lower() not in before:
            office.announce("labeled", label=label)


def label_of(office: Office, name: str) -> Label:
    """Return the repository's label of that name in any case, made where it is new."""
    found = office.state.find(Label, f"{office.repository.id}/{name.lower()}")
    if found is None:
        found = Label(id=office.state.new_id(), repository_id=office.repository.id, name=name, color=UNNAMED_COLOR)
        office.state.save(found)
    return found


def _set_assignees(office: Office, issue: Issue, logins: list[str]) -> None:
    before, issue.assignees = issue.assignees, logins
    for login in before:
        if login not in logins:
            office.announce("unassigned", assignee=login)
    for login in logins:
        if login not in before:
            office.announce("assigned", assignee=login)


def _keep(office: Office, issue: Issue) -> None:
    if office.announcements:
        issue.updated_at = office.state.instant()
    office.state.save(issue)
    office.state.commit()
