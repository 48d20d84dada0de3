"""What an answer of GitHub's, or none, means: whether a call took effect, what a person reads, when to try again."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

import msgspec

from domain.trackers.contract import Failure, TrackerError

PAUSE = timedelta(seconds=60)
"""How long to wait where GitHub limits us without saying for how long: at least a minute, by its own words.

https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
"""
LONGEST_PAUSE = timedelta(days=1)

_FIELD = re.compile(r"[A-Za-z_.]{1,40}")
_PERMISSIONS = re.compile(r"[a-z_=,; ]{1,200}")
_LIMIT_WORDS = ("rate limit", "abuse detection")


class Call(StrEnum):
    """What was asked of GitHub, in the words that complete “GitHub … to”."""

    CREATE = "create the issue"
    UPDATE = "change the issue"
    READ = "show the issue"
    PROJECT = "show the repository"
    ACCOUNT = "confirm the account"

    @property
    def writes(self) -> bool:
        """Whether it changes an issue, so that it matters if it took effect."""
        return self in (Call.CREATE, Call.UPDATE)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    text: str


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


def unreadable(call: Call, answer: Answer) -> TrackerError:
    """Returns the error for a success whose body isn't what GitHub documents."""
    failure = Failure.AMBIGUOUS if call.writes else Failure.DEFINITE
    text = f"GitHub was asked to {call}, and answered {answer.status} with something that can't be read."
    return _error(answer, failure, text, code="bad_answer")


def refused(call: Call, answer: Answer, *, now: datetime) -> TrackerError:
    """Returns the error for an answer that is no success."""
    if _is_limit(answer):
        text = f"GitHub limits our calls, and put off the one to {call}."
        return _error(answer, Failure.LIMITED, text, code="rate_limited", retry_at=_retry_at(answer.headers, now))
    if 300 <= answer.status < 400:
        text = f"GitHub won't {call}: it has moved or was renamed ({answer.status})."
        return _error(answer, Failure.DEFINITE, text, code="moved")
    if answer.status in (404, 410):
        return _missing(call, answer)
    if answer.status >= 500:
        failure = Failure.AMBIGUOUS if call.writes else Failure.DEFINITE
        doubt = ": whether it did is not known yet" if call.writes else ""
        text = f"GitHub was asked to {call}, and failed ({answer.status}){doubt}."
        return _error(answer, failure, text, code="unavailable")
    return _rejected(call, answer)


def _missing(call: Call, answer: Answer) -> TrackerError:
    if call in (Call.UPDATE, Call.READ):
        text = f"The issue was deleted, or the account no longer sees it ({answer.status})."
        return _error(answer, Failure.GONE, text, code="gone")
    if call is Call.ACCOUNT:
        return _error(answer, Failure.AUTH, "The GitHub App isn't installed there any more.", code="not_installed")
    if answer.status == 410:
        return _error(answer, Failure.DEFINITE, "The repository has its issues turned off.", code="issues_disabled")
    text = "The repository doesn't exist, or the account doesn't see it."
    return _error(answer, Failure.DEFINITE, text, code="project_not_found")


def _rejected(call: Call, answer: Answer) -> TrackerError:
    if answer.status == 401:
        return _error(answer, Failure.AUTH, "GitHub doesn't accept the credentials.", code="bad_credentials")
    if answer.status == 403:
        return _error(answer, Failure.DEFINITE, f"GitHub won't {call}: {_ban(answer.headers)}.", code="forbidden")
    if answer.status == 422:
        wrong = ", ".join(_wrong_fields(answer)) or "the request"
        return _error(answer, Failure.DEFINITE, f"GitHub won't {call}: it doesn't take {wrong}.", code="invalid")
    text = f"GitHub won't {call}: it answered {answer.status}."
    # Any other success than the documented one leaves open what happened.
    failure = Failure.AMBIGUOUS if call.writes and answer.status < 300 else Failure.DEFINITE
    return _error(answer, failure, text, code="refused")


def _error(answer: Answer, failure: Failure, text: str, *, code: str, retry_at: datetime | None = None) -> TrackerError:
    return TrackerError(
        failure,
        text,
        code=code,
        http_status=answer.status,
        request_id=answer.headers.get("x-github-request-id"),
        retry_at=retry_at,
    )


def _is_limit(answer: Answer) -> bool:
    if answer.status == 429:
        return True
    if answer.status != 403:
        return False
    message = str(_document(answer).get("message", "")).lower()
    headers = answer.headers
    says_so = any(words in message for words in _LIMIT_WORDS)
    return "retry-after" in headers or headers.get("x-ratelimit-remaining") == "0" or says_so


def _retry_at(headers: Mapping[str, str], now: datetime) -> datetime:
    """Returns when the limit ends by our clock; the server's instants are taken relative to its own `Date`."""
    after, reset = headers.get("retry-after", ""), headers.get("x-ratelimit-reset", "")
    server_now = _http_date(headers.get("date")) or now
    until = _http_date(after)
    if after.isdecimal():
        pause = _seconds(after)
    elif until is not None:
        pause = until - server_now
    elif headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal():
        pause = _seconds(reset, less=server_now.timestamp())
    else:
        pause = PAUSE
    return now + max(timedelta(seconds=1), min(pause, LONGEST_PAUSE))


def _seconds(text: str, *, less: float = 0) -> timedelta:
    return timedelta(seconds=min(int(text[:12]) - less, LONGEST_PAUSE.total_seconds()))


def _http_date(text: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found


def _ban(headers: Mapping[str, str]) -> str:
    """Returns why something is forbidden, as far as the headers say it.

    https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api#insufficient-permissions-errors
    """
    if "x-github-sso" in headers:
        return "the token isn't authorised for the organisation's single sign-on"
    needed = headers.get("x-accepted-github-permissions", "")
    if _PERMISSIONS.fullmatch(needed):
        return f"the account lacks a permission ({needed})"
    return "the account isn't allowed to"


def _wrong_fields(answer: Answer) -> list[str]:
    """Returns the names of the fields that a 422 complains of, never their values.

    https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api#validation-failed
    """
    errors = _document(answer).get("errors")
    fields = [error.get("field") for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    return list(dict.fromkeys(field for field in fields if isinstance(field, str) and _FIELD.fullmatch(field)))


def _document(answer: Answer) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(answer.text)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
