"""What is asked of GitHub, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from domain.trackers.contract import Failure, TrackerError

GRAPHQL = "graphql"
"""The path of an ask that goes to GraphQL, whose address isn't below the base URL."""
SUCCESSES = frozenset({200, 201})

T = TypeVar("T")


class Call(StrEnum):
    """What was asked of GitHub, in the words that complete “GitHub … to”."""

    CREATE = "create the issue"
    UPDATE = "change the issue"
    CLEAR = "clear a field of the issue"
    READ = "show the issue"
    COMMENT = "add the comment"
    COMMENTS = "list the issue's comments"
    PROJECT = "show the repository"
    CATALOG = "list the organisation's issue types and fields"
    LIST = "list the repository's issues"
    SURVEY = "look the issues up"
    HOOK = "show the repository's webhook"
    REDELIVER = "deliver the webhook again"
    ACCOUNT = "confirm the account"

    @property
    def writes(self) -> bool:
        """Whether it changes an issue, so that it matters if it took effect."""
        return self in (Call.CREATE, Call.UPDATE, Call.CLEAR, Call.COMMENT)


@dataclass(frozen=True, slots=True)
class Ask:
    """A request: `path` starts with a slash and stands below the base URL, or is GRAPHQL; all but `successes` is an error."""

    call: Call
    verb: str
    path: str
    parameters: Mapping[str, str | int] | None = None
    etag: str | None = None
    document: Mapping[str, Any] | None = None
    successes: frozenset[int] = SUCCESSES


@dataclass(frozen=True, slots=True)
class Answer:
    """A response; header names are lower case. `moved_to` is where a redirect leads, on this same GitHub."""

    status: int
    headers: Mapping[str, str]
    text: str
    moved_to: str | None = None

    @property
    def request_id(self) -> str | None:
        """GitHub's own id of the request."""
        return self.headers.get("x-github-request-id")

    @property
    def message(self) -> str:
        """What GitHub says went wrong, in lower case; it may quote an issue, so it is shown to nobody."""
        return str(self.document().get("message", "")).lower()

    def document(self) -> dict[str, Any]:
        """Returns the body as an object, an empty one where it is none."""
        try:
            document = msgspec.json.decode(self.text)
        except (msgspec.DecodeError, RecursionError):
            return {}
        return document if isinstance(document, dict) else {}

    def error(self, failure: Failure, text: str, *, code: str, retry_at: datetime | None = None, hourly: bool = False) -> TrackerError:
        """Returns the error that this answer means."""
        return TrackerError(
            failure,
            text,
            code=code,
            http_status=self.status,
            request_id=self.request_id,
            retry_at=retry_at,
            moved_to=self.moved_to,
            hourly=hourly,
        )


def read_document(answer: Answer, call: Call, kind: type[T]) -> T:
    """Reads what an answer says; a TrackerError where it isn't what GitHub documents."""
    try:
        return msgspec.json.decode(answer.text, type=kind)
    except (msgspec.DecodeError, RecursionError):
        raise _unreadable(answer, call) from None


def _unreadable(answer: Answer, call: Call) -> TrackerError:
    failure = Failure.AMBIGUOUS if call.writes else Failure.DEFINITE
    text = f"GitHub was asked to {call}, and answered {answer.status} with something that can't be read."
    return answer.error(failure, text, code="bad_answer")
