"""What an answer of GitHub's, or none, means: whether a call took effect, and what a person reads."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.trackers.contract import Failure, Field, TrackerError
from domain.trackers.github_call import Answer, Call
from domain.trackers.github_limit import is_limit, limited

_FIELD = re.compile(r"[A-Za-z_.]{1,40}")
_PERMISSIONS = re.compile(r"[a-z_=,; ]{1,200}")
_NO_HOOKS = "The webhook can't be looked at: the credentials lack the repository's webhook permission. Grant it, or leave it be."
_NOT_INSTALLED = (
    "The GitHub App isn't installed there (any more): install it for the repository's owner, with access to the repository, "
    "then have the tracker checked (POST /v1/trackers/{id}/check)."
)
_SUSPENDED = (
    "The GitHub App's installation is suspended: have the repository's owner unsuspend it, "
    "then have the tracker checked (POST /v1/trackers/{id}/check)."
)
_CREDENTIALS = "GitHub doesn't accept the credentials: give the tracker a new token, or the App's current private key."

# GitHub's own names of what we write; `type` is no field of a task.
_FIELDS = {
    "title": frozenset({Field.TITLE}),
    "body": frozenset({Field.BODY}),
    "state": frozenset({Field.STATUS}),
    "state_reason": frozenset({Field.STATUS}),
    "assignee": frozenset({Field.ASSIGNEE}),
    "assignees": frozenset({Field.ASSIGNEE}),
    "label": frozenset({Field.LABELS}),
    "labels": frozenset({Field.LABELS}),
    "issue_field_values": frozenset({Field.DUE_ON, Field.PRIORITY}),
}


def lost(call: Call, *, sent: bool, reason: str) -> TrackerError:
    """Returns the error for a call that got no answer; `sent` is False only where no byte of it left."""
    if not sent:
        return TrackerError(Failure.DEFINITE, f"GitHub can't be reached: {reason}.", code="unreachable", calls=0)
    if call.writes:
        text = f"GitHub was asked to {call}, but {reason}: whether it did is not known yet."
        return TrackerError(Failure.AMBIGUOUS, text, code="no_answer")
    return TrackerError(Failure.DEFINITE, f"GitHub was asked to {call}, but {reason}.", code="unavailable")


def unaddressed() -> TrackerError:
    """Returns the error for a base URL whose host or port can't be so."""
    text = "GitHub can't be reached: its base URL holds a host or port that can't be so."
    return TrackerError(Failure.DEFINITE, text, code="unreachable", calls=0)


def refused(call: Call, answer: Answer, *, now: datetime) -> TrackerError:
    """Returns the error for an answer that is no success."""
    if is_limit(answer):
        return limited(call, answer, now=now)
    if 300 <= answer.status < 400:
        text = f"GitHub won't {call}: it has moved or was renamed ({answer.status})."
        return answer.error(Failure.DEFINITE, text, code="moved")
    if answer.status in (404, 410):
        return _missing(call, answer)
    if answer.status >= 500:
        failure = Failure.AMBIGUOUS if call.writes else Failure.DEFINITE
        doubt = ": whether it did is not known yet" if call.writes else ""
        text = f"GitHub was asked to {call}, and failed ({answer.status}){doubt}."
        return answer.error(failure, text, code="unavailable")
    return _rejected(call, answer)


def _missing(call: Call, answer: Answer) -> TrackerError:
    if call in (Call.UPDATE, Call.CLEAR, Call.READ, Call.COMMENT, Call.COMMENTS):
        text = f"The issue was deleted, or the account no longer sees it ({answer.status})."
        return answer.error(Failure.GONE, text, code="gone")
    if call is Call.ACCOUNT:
        return answer.error(Failure.DEFINITE, _NOT_INSTALLED, code="not_installed")
    if call in (Call.HOOK, Call.REDELIVER):
        return answer.error(Failure.DEFINITE, _NO_HOOKS, code="forbidden")
    if answer.status == 410:
        text = "The repository has its issues turned off: turn them on in its settings."
        return answer.error(Failure.DEFINITE, text, code="issues_disabled")
    text = "The repository doesn't exist, or the account doesn't see it: check its name, and give the account access to it."
    return answer.error(Failure.DEFINITE, text, code="project_not_found")


def _rejected(call: Call, answer: Answer) -> TrackerError:
    if answer.status == 401:
        return answer.error(Failure.AUTH, _CREDENTIALS, code="bad_credentials")
    if answer.status == 403:
        return _forbidden(call, answer)
    if answer.status == 422:
        return _invalid(call, answer)
    text = f"GitHub won't {call}: it answered {answer.status}."
    # Any other success than the documented one leaves open what happened.
    failure = Failure.AMBIGUOUS if call.writes and answer.status < 300 else Failure.DEFINITE
    return answer.error(failure, text, code="refused")


def _forbidden(call: Call, answer: Answer) -> TrackerError:
    """Returns the error for a 403 that is no limit; for most reasons GitHub has words, but no code."""
    if "suspended" in answer.message:
        return _suspended(answer)
    if call.writes and "archived" in answer.message:
        text = f"GitHub won't {call}: the repository is archived. Unarchive it, or route its tasks elsewhere."
        return answer.error(Failure.DEFINITE, text, code="archived")
    if call is Call.COMMENT and "locked" in answer.message:
        text = "The issue's conversation is locked, so no comment can be added: unlock it in GitHub."
        return answer.error(Failure.DEFINITE, text, code="locked")
    if call in (Call.HOOK, Call.REDELIVER):
        return answer.error(Failure.DEFINITE, _NO_HOOKS, code="forbidden")
    return answer.error(Failure.DEFINITE, f"GitHub won't {call}: {_ban(answer.headers)}.", code="forbidden")


def _suspended(answer: Answer) -> TrackerError:
    """An installation concerns what one owner has; the account of a personal token concerns all."""
    if "your account" in answer.message:
        text = "The account of the token is suspended: have it unsuspended in GitHub, or give the tracker another token."
        return answer.error(Failure.AUTH, text, code="account_suspended")
    return answer.error(Failure.DEFINITE, _SUSPENDED, code="suspended")


def token_rejected(error: TrackerError) -> TrackerError:
    """Returns what a refused token of an installation's means: it ended early, as when the installation goes, and another may do."""
    text = "GitHub no longer accepts the App's token for this repository: the next try fetches another one."
    return TrackerError(
        Failure.DEFINITE,
        text,
        code="token_rejected",
        http_status=error.http_status,
        request_id=error.request_id,
        calls=error.calls,
    )


def _ban(headers: Mapping[str, str]) -> str:
    """Returns why something is forbidden, as far as the headers say it.

    https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api#insufficient-permissions-errors
    """
    if "x-github-sso" in headers:
        return "the token isn't authorised for the organisation's single sign-on; authorise it in GitHub's settings"
    needed = headers.get("x-accepted-github-permissions", "")
    if _PERMISSIONS.fullmatch(needed):
        return f"the account lacks a permission ({needed}); grant it to the token or the App"
    return "the account isn't allowed to; give it the right to write issues there"


def _invalid(call: Call, answer: Answer) -> TrackerError:
    names = _wrong_names(answer)
    text = f"GitHub won't {call}: it doesn't take {', '.join(names) or 'the request'}."
    error = answer.error(Failure.DEFINITE, text, code="invalid_type" if names == ["type"] else "invalid")
    error.wrong = frozenset().union(*(_FIELDS.get(name, frozenset()) for name in names))
    return error


def _wrong_names(answer: Answer) -> list[str]:
    """Returns the names of the fields that a 422 complains of, never their values.

    https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api#validation-failed
    """
    errors = answer.document().get("errors")
    fields = [_field(error) for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    return list(dict.fromkeys(field for field in fields if isinstance(field, str) and _FIELD.fullmatch(field)))


def _field(error: dict[str, Any]) -> object:
    """A label that can't be made is complained of as such, not as the issue's field."""
    return "labels" if error.get("resource") == "Label" else error.get("field")
