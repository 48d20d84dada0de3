"""The rules of comments in the sandbox GitHub: what a change changes on their issue, and what it announces."""

from typing import Any

from sandbox.github_issues import Announcement, Office
from sandbox.github_records import Comment, Issue
from sandbox.github_requests import read_comment


def add_comment(office: Office, issue: Issue, request: dict[str, Any]) -> Comment:
    """Write a comment below an issue."""
    now = office.state.instant()
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
        comment.body, comment.updated_at = body, office.state.instant()
        issue.updated_at = comment.updated_at
        office.announcements.append(Announcement("issue_comment", "edited", comment=comment, more={"changes": changes}))
    office.state.save(comment, issue)
    office.state.commit()


def delete_comment(office: Office, issue: Issue, comment: Comment) -> None:
    """Take a comment away."""
    issue.comments, issue.updated_at = issue.comments - 1, office.state.instant()
    office.announcements.append(Announcement("issue_comment", "deleted", comment=comment))
    office.state.remove(comment)
    office.state.save(issue)
    office.state.commit()
