"""How issues of the sandbox GitHub leave their repository: deleted, or transferred to another one."""

import time

import msgspec

from sandbox.github_catalog import catalog_of
from sandbox.github_issues import Office
from sandbox.github_records import Comment, Departed, Issue, Label
from sandbox.github_state import State


def delete_issue(office: Office, issue: Issue) -> None:
    """Delete an issue with its comments."""
    office.announce("deleted")
    for comment in _comments(office.state, issue):
        office.state.remove(comment)
    office.state.remove(issue)
    office.state.save(Departed(repository_id=issue.repository_id, number=issue.number))
    office.state.commit()


def transfer_issue(office: Office, issue: Issue, *, to: Office) -> Issue:
    """Give an issue to another repository under a new number and id; what that repository doesn't know is lost.

    https://docs.github.com/issues/tracking-your-work-with-issues/administering-issues/transferring-an-issue-to-another-repository
    """
    state, target = office.state, to.repository
    target.last_number += 1
    labels = [name for name in issue.labels if state.find(Label, f"{target.id}/{name.lower()}") is not None]
    changes = {"id": state.new_id(), "repository_id": target.id, "number": target.last_number, "labels": labels}
    arrived = msgspec.structs.replace(issue, **changes, updated_at=state.instant(), made_at=time.time())
    if catalog_of(state, target) != catalog_of(state, office.repository):
        arrived.type, arrived.field_values = None, {}
    departed = Departed(repository_id=issue.repository_id, number=issue.number, to_repository_id=target.id, to_number=arrived.number)
    comments = _comments(state, issue)
    state.remove(issue)
    for comment in comments:
        comment.repository_id, comment.number = target.id, arrived.number
    state.save(arrived, target, departed, *comments)
    state.commit()
    return arrived


def _comments(state: State, issue: Issue) -> list[Comment]:
    return state.of(Comment, f"{issue.repository_id}/{issue.number}")
