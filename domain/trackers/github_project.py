"""A repository on GitHub: who it is, whether its issues can be written, and what its organisation gives them."""

import re
from typing import Any, TypeVar

import msgspec

from domain.trackers.contract import Failure, Project, TrackerError
from domain.trackers.github_address import repository_path
from domain.trackers.github_call import Answer, Ask, Call, read_document
from domain.trackers.github_fields import FieldDocument, match_fields
from domain.trackers.github_issue import Number
from domain.trackers.github_line import Line

T = TypeVar("T")

_NUMBERED = re.compile(r"/repositories/[1-9][0-9]{0,18}")


class _Owner(msgspec.Struct):
    login: str
    type: str = "User"


class _Repository(msgspec.Struct):
    id: Number
    full_name: str
    html_url: str
    owner: _Owner | None = None
    has_issues: bool = True
    archived: bool = False
    permissions: dict[str, bool] | None = None


class _IssueType(msgspec.Struct):
    name: str
    is_enabled: bool = True


def describe_repository(line: Line, key_or_id: str) -> Project:
    """Looks a repository up by `org/repo` or number, with one call, and two more where it belongs to an organisation."""
    path = repository_path(key_or_id)
    found = read_document(_look_up(line, path), Call.PROJECT, _Repository)
    types, native = _read_catalog(line, path, found.owner)
    return Project(
        remote_id=str(found.id),
        key=found.full_name,
        url=found.html_url,
        issues_enabled=found.has_issues,
        writable=not found.archived and line.may_write(found.permissions),
        native=native,
        types=types,
    )


def _look_up(line: Line, path: str) -> Answer:
    """Asks for a repository; one that was renamed answers with its number, and is asked for once more by that."""
    try:
        return line.send(path, Ask(Call.PROJECT, "GET", path))
    except TrackerError as error:
        number = _NUMBERED.fullmatch((error.moved_to or "").removeprefix(line.base_url))
        if number is None or path == number.group():
            raise
        return line.send(number.group(), Ask(Call.PROJECT, "GET", number.group()))


def _read_catalog(line: Line, path: str, owner: _Owner | None) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Returns the names of the issue types, and the native fields."""
    if owner is None or owner.type != "Organization":
        return (), {}
    types = _list(line, path, f"/orgs/{owner.login}/issue-types", _IssueType)
    fields = _list(line, path, f"/orgs/{owner.login}/issue-fields", FieldDocument)
    return tuple(each.name for each in types if each.is_enabled), match_fields(fields)


def _list(line: Line, repository: str, path: str, kind: type[T]) -> list[T]:
    """Returns what an organisation has of a kind: nothing where it may not be looked at, or this GitHub doesn't know it."""
    ask = Ask(Call.CATALOG, "GET", path)
    try:
        return read_document(line.send(repository, ask), ask.call, list[kind])  # type: ignore[valid-type]
    except TrackerError as error:
        if error.failure is Failure.DEFINITE and error.http_status in (403, 404):
            return []
        raise
