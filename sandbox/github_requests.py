"""What a request may say about an issue of the sandbox GitHub, and how it is refused otherwise."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sandbox.github_access import Access
from sandbox.github_errors import invalid, unreadable
from sandbox.github_records import Issue, Repository
from sandbox.github_state import instant

LONGEST_TITLE = 256
LONGEST_BODY = 65_536
LONGEST_LABEL = 50
CLOSING_REASONS = ("completed", "not_planned", "duplicate")
REASONS = (*CLOSING_REASONS, "reopened")
LOCK_REASONS = ("off-topic", "too heated", "resolved", "spam")


def read_title(value: Any) -> str:
    """Return the title of an issue, or raise what GitHub answers."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is not None and not isinstance(value, str):
        raise unreadable("properties/title", f"{value!r} is not a string")
    title = (value or "").strip()
    if not title:
        raise invalid("Issue", "title", "missing_field")
    if len(title) > LONGEST_TITLE:
        raise invalid("Issue", "title", "custom", message=f"title is too long (maximum is {LONGEST_TITLE} characters)")
    return title


def read_body(value: Any) -> str | None:
    """Return the body of an issue, or raise what GitHub answers."""
    if value is not None and not isinstance(value, str):
        raise unreadable("properties/body", f"{value!r} is not a string")
    if value is not None and len(value) > LONGEST_BODY:
        raise invalid("Issue", "body", "custom", message=f"body is too long (maximum is {LONGEST_BODY} characters)")
    return value


def read_comment(request: dict[str, Any]) -> str:
    """Return the text of a comment, or raise what GitHub answers."""
    body = request.get("body")
    if body is not None and not isinstance(body, str):
        raise unreadable("properties/body", f"{body!r} is not a string")
    if not body or not body.strip():
        raise invalid("IssueComment", "body", "missing_field")
    if len(body) > LONGEST_BODY:
        message = f"body is too long (maximum is {LONGEST_BODY} characters)"
        raise invalid("IssueComment", "body", "custom", message=message)
    return body


def read_labels(value: Any) -> list[str]:
    """Return the names of labels, each given as a string or an object with a name, in order and each once."""
    if not isinstance(value, list):
        raise unreadable("properties/labels", f"{value!r} is not an array")
    names: list[str] = []
    for entry in value:
        name = entry.get("name") if isinstance(entry, dict) else entry
        if not isinstance(name, str):
            raise unreadable("properties/labels/items", f"{name!r} is not a string")
        if not name.strip():
            raise invalid("Label", "name", "missing_field")
        if len(name.strip()) > LONGEST_LABEL:
            raise invalid("Label", "name", "invalid", value=name)
        names.append(name.strip())
    return list({name.lower(): name for name in names}.values())


def read_assignees(request: dict[str, Any], access: Access, repository: Repository) -> list[str] | None:
    """Return the logins to assign, or None where the request names none; a stranger is refused as GitHub does."""
    given = request.get("assignees")
    if given is None and "assignee" in request:
        given = [request["assignee"]] if request["assignee"] else []
    if given is None:
        return None
    known = {login.lower(): login for login in (*access.collaborators, access.human)}
    known |= {login.lower(): login for login in access.tokens.values()}
    given = read_names(given, "properties/assignees")
    for login in given:
        if login.lower() not in known or repository.unassignable.get(login.lower()) == "refuse":
            raise invalid("Issue", "assignees", "invalid", value=login)
    kept = (login.lower() for login in given if login.lower() not in repository.unassignable)
    return list(dict.fromkeys(known[login] for login in kept))


def read_names(value: Any, pointer: str) -> list[str]:
    """Return a list of strings, or raise what GitHub answers about the value at `pointer`."""
    if not isinstance(value, list):
        raise unreadable(pointer, f"{value!r} is not an array")
    for name in value:
        if not isinstance(name, str):
            raise unreadable(f"{pointer}/items", f"{name!r} is not a string")
    return value


def read_state(issue: Issue, request: dict[str, Any]) -> tuple[Literal["open", "closed"], str | None]:
    """Return the wanted state and its reason; a reason alone changes nothing."""
    state, reason = request.get("state") or issue.state, request.get("state_reason")
    if state not in ("open", "closed"):
        raise invalid("Issue", "state", "invalid", value=state)
    if reason is not None and reason not in REASONS:
        raise invalid("Issue", "state_reason", "invalid", value=reason)
    return state, reason


def read_lock_reason(request: dict[str, Any]) -> str | None:
    """Return why a conversation is locked, or raise what GitHub answers."""
    reason = request.get("lock_reason")
    if reason is None or reason in LOCK_REASONS:
        return reason
    raise invalid("Issue", "lock_reason", "invalid")


def read_choice(query: Mapping[str, str], name: str, known: tuple[str, ...]) -> str:
    """Return one of the known values of a query parameter, the first of them by default."""
    value = query.get(name, known[0])
    if value not in known:
        raise invalid("Issue", name, "invalid", value=value)
    return value


def read_since(query: Mapping[str, str]) -> str:
    """Return the instant of the query's `since` in the form that sorts among the records', or an empty text."""
    text = query.get("since")
    if not text:
        return ""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise invalid("Issue", "since", "invalid", value=text) from error
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return instant(found + timedelta(microseconds=999_999))  # up to the next whole second
