"""Reading and writing one issue on GitHub: each with one request, but for native fields that lose their value."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from domain.trackers.contract import Draft, Failure, Fields, Place, Receipt, RemoteIssue, TrackerError
from domain.trackers.github_address import issue_path, repository_path
from domain.trackers.github_call import Answer, Ask, Call, read_document
from domain.trackers.github_fields import cleared_fields
from domain.trackers.github_issue import IssueDocument, read_issue, write_changes, write_draft
from domain.trackers.github_line import Line

CLEARED = frozenset({204})


def make_issue(line: Line, place: Place, draft: Draft) -> Receipt:
    """Makes the issue with one request."""
    repository = repository_path(place.project_remote_id)
    ask = Ask(Call.CREATE, "POST", f"{repository}/issues", document=write_draft(draft, place))
    with _blaming(draft.fields):
        return _receipt(line.send(repository, ask), ask.call, place)


def fetch_issue(line: Line, place: Place, remote_id: str, *, etag: str | None) -> RemoteIssue | None:
    """Reads the issue; None means that it is still the one with `etag`."""
    repository = repository_path(place.project_remote_id)
    answer = line.send(repository, Ask(Call.READ, "GET", issue_path(repository, remote_id), etag=etag))
    return None if answer.status == 304 else _read(answer, Call.READ, place)


def change_issue(line: Line, place: Place, issue: RemoteIssue, changes: Fields) -> Receipt:
    """Writes the changed fields with one request, and reads the issue where there is nothing to write but what was cleared.

    GitHub takes no null for the value of an issue field, so each that is cleared costs a request of its own. These go first: the
    receipt is then what the last answer shows, with the version and the ETag that the issue has in the end.
    """
    repository = repository_path(place.project_remote_id)
    path = issue_path(repository, issue.remote_id)
    cleared = cleared_fields(changes, place.native)
    for field_id in cleared:
        _clear(line, repository, f"{path}/issue-field-values/{field_id}")
    document = write_changes(issue, changes, place)
    ask = Ask(Call.READ, "GET", path) if cleared and not document else Ask(Call.UPDATE, "PATCH", path, document=document)
    with _blaming(changes):
        return replace(_receipt(line.send(repository, ask), ask.call, place), calls=len(cleared) + 1)


def _clear(line: Line, repository: str, path: str) -> None:
    """Takes a field's value away; that it had none is as good, and whether the issue is gone shows in what follows."""
    try:
        line.send(repository, Ask(Call.CLEAR, "DELETE", path, successes=CLEARED))
    except TrackerError as error:
        if error.failure is not Failure.GONE:
            raise


@contextmanager
def _blaming(fields: Fields) -> Iterator[None]:
    """Lets an error blame none but the fields that were sent: for GitHub, all native ones are one."""
    try:
        yield
    except TrackerError as error:
        error.wrong &= frozenset(fields)
        raise


def _receipt(answer: Answer, call: Call, place: Place) -> Receipt:
    return Receipt(issue=_read(answer, call, place), request_id=answer.request_id)


def _read(answer: Answer, call: Call, place: Place) -> RemoteIssue:
    return read_issue(read_document(answer, call, IssueDocument), place, etag=answer.headers.get("etag"))
