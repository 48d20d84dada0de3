"""The rules of issues in the sandbox GitHub: what a change changes, and what it announces."""

from dataclasses import dataclass, field
from typing import Any

from sandbox.github_access import Access
from sandbox.github_records import Comment, Issue, Label, Repository
from sandbox.github_requests import (
    CLOSING_REASONS,
    read_assignees,
    read_body,
    read_comment,
    read_labels,
    read_state,
    read_title,
)
from sandbox.github_state import State, instant

UNNAMED_COLOR = "ededed"  # of a label that an issue brought into being


@dataclass(frozen=True)
class Announcement:
    """What a webhook tells: the event's name, its action, and what the payload carries beside issue and sender."""

    event: str
    action: str
    label: Label | None = None
    assignee: str | None = None
    comment: Comment | None = None
    changes: dict[str, Any] | None = None


@dataclass
class Office:
    """Where issues of one repository are changed by one person: the announcements pile up in order."""

    state: State
    access: Access
    repository: Repository
    login: str
    announcements: list[Announcement] = field(default_factory=list)

    def announce(self, action: str, **more: Any) -> None:
        self.announcements.append(Announcement("issues", action, **more))


def open_issue(office: Office, request: dict[str, Any]) -> Issue:
    """Open an issue from the body of a POST; every label is added to the repository where it is new."""
    title, body = read_title(request.get("title")), read_body(request.get("body"))
    labels, assignees = read_labels(request.get("labels", [])), read_assignees(request, office.access)
    office.repository.last_number += 1
    now = instant()
    issue = Issue(
        id=office.state.new_id(),
        repository_id=office.repository.id,
        number=office.repository.last_number,
        title=title,
        body=body,
        user=office.login,
        created_at=now,
        updated_at=now,
    )
    office.announce("opened")
    _set_labels(office, issue, labels)
    _set_assignees(office, issue, assignees or [])
    office.state.save(issue, office.repository)
    office.state.commit()
    return issue


def change_issue(office: Office, issue: Issue, request: dict[str, Any]) -> None:
    """Change an issue by the body of a PATCH: only what is named changes, and nothing where anything is wrong."""
    title = read_title(request["title"]) if request.get("title") is not None else issue.title
    body = read_body(request["body"]) if "body" in request else issue.body
    state, reason = read_state(issue, request)
    labels = read_labels(request["labels"]) if "labels" in request else None
    assignees = read_assignees(request, office.access)
    _set_text(office, issue, title=title, body=body)
    if labels is not None:
        _set_labels(office, issue, labels)
    if assignees is not None:
        _set_assignees(office, issue, assignees)
    _set_state(office, issue, state, reason=reason)
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


def add_comment(office: Office, issue: Issue, request: dict[str, Any]) -> Comment:
    """Write a comment below an issue."""
    now = instant()
    comment = Comment(
        id=office.state.new_id(),
        repository_id=issue.repository_id,
        number=issue.number,
        user=office.login,
        body=read_comment(request),
        created_at=now,
        updated_at=now,
    )
    issue.comments, issue.updated_at = issue.comments + 1, now
    office.announcements.append(Announcement("issue_comment", "created", comment=comment))
    office.state.save(comment, issue)
    office.state.commit()
    return comment


def change_comment(office: Office, issue: Issue, comment: Comment, request: dict[str, Any]) -> None:
    """Change the text of a comment."""
    body = read_comment(request)
    if body != comment.body:
        changes = {"body": {"from": comment.body}}
        comment.body, comment.updated_at = body, instant()
        issue.updated_at = comment.updated_at
        office.announcements.append(Announcement("issue_comment", "edited", comment=comment, changes=changes))
    office.state.save(comment, issue)
    office.state.commit()


def _set_text(office: Office, issue: Issue, *, title: str, body: str | None) -> None:
    before = {"title": issue.title, "body": issue.body}
    after = {"title": title, "body": body}
    changes = {name: {"from": before[name] or ""} for name in before if before[name] != after[name]}
    if changes:
        issue.title, issue.body = title, body
        office.announce("edited", changes=changes)


def _set_state(office: Office, issue: Issue, state: str, *, reason: str | None) -> None:
    if state == issue.state:
        return
    if state == "closed":
        issue.state, issue.state_reason = "closed", reason if reason in CLOSING_REASONS else "completed"
        issue.closed_at, issue.closed_by = instant(), office.login
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
        issue.updated_at = instant()
    office.state.save(issue)
    office.state.commit()
