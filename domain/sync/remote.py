"""An issue as last seen, kept on its link as JSON."""

from typing import Any, cast

import msgspec

from domain.trackers.contract import Field, FieldValue, RemoteIssue
from domain.trackers.link import IssueLink

# The event of an inbox entry that holds an issue as `issue_as_json` wrote it.
FOUND = "found"


def keep_remote(link: IssueLink, issue: RemoteIssue) -> None:
    """Notes on the link what the tracker said last: where the issue is, and how it looks."""
    link.remote_id, link.remote_global_id = issue.remote_id, issue.global_id
    link.remote_key, link.url = issue.key, issue.url
    link.remote_version, link.remote_etag = issue.version, issue.etag
    link.remote = issue_as_json(issue)


def issue_as_json(issue: RemoteIssue) -> dict[str, Any]:
    """Turns an issue into what a JSON column holds."""
    return cast(dict[str, Any], storable(msgspec.to_builtins(issue)))


def storable(value: Any) -> Any:
    """Leaves out U+0000, which a JSON column can't hold."""
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, dict):
        return {name.replace("\x00", ""): storable(inner) for name, inner in value.items()}
    return [storable(inner) for inner in value] if isinstance(value, list) else value


def kept_remote(link: IssueLink) -> RemoteIssue | None:
    """Gives the issue as last seen; None before there was one."""
    return None if link.remote is None else msgspec.convert(link.remote, RemoteIssue)


def as_json(fields: dict[Field, FieldValue]) -> dict[str, Any]:
    """Turns fields into what a JSON column holds."""
    return {field.value: value for field, value in fields.items()}


def from_json(fields: dict[str, Any]) -> dict[Field, FieldValue]:
    """Reads fields that `as_json` wrote; names of fields that are no longer known are passed over."""
    return {Field(name): value for name, value in fields.items() if name in set(Field)}
