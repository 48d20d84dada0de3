"""What can go wrong, by name; only `api/errors.py` knows which status code that is."""

from dataclasses import dataclass
from enum import StrEnum


class PlaceKind(StrEnum):
    """The kinds of place an input error can point to."""

    POINTER = "pointer"
    PARAMETER = "parameter"
    HEADER = "header"
    LINE = "line"


@dataclass(frozen=True, slots=True)
class Place:
    """One wrong spot of an input: a JSON pointer (RFC 6901), a parameter, a header or a line, and what would be right."""

    kind: PlaceKind
    at: str | int
    detail: str


def pointer(at: str, detail: str) -> Place:
    """Names the JSON pointer of a wrong member of the request body."""
    return Place(PlaceKind.POINTER, at, detail)


def parameter(at: str, detail: str) -> Place:
    """Names a wrong query or path parameter."""
    return Place(PlaceKind.PARAMETER, at, detail)


class TellableError(Exception):
    """An error whose words are for people: they hold no secret and no text of a task, and may stand in a log."""

    def __init__(self, telling: str) -> None:
        super().__init__(telling)
        self.telling = telling


class FollowthroughError(TellableError):
    """The root of all named errors: `detail` is for a person, `places` say where in the input."""

    def __init__(self, detail: str, *places: Place) -> None:
        super().__init__(detail)
        self.detail = detail
        self.places = places


class MalformedError(FollowthroughError):
    """The request can't be read at all: broken JSON, an unknown parameter, a bad cursor."""


class InvalidError(FollowthroughError):
    """The request is well formed, but what it says is wrong."""


class UnauthenticatedError(FollowthroughError):
    """No token, or one that is unknown, expired or revoked."""


class ForbiddenError(FollowthroughError):
    """The token is good, but lacks the scope."""


class NotFoundError(FollowthroughError):
    """There is no such thing, or it was deleted."""


class ConflictError(FollowthroughError):
    """The change collides with what is already there."""


class PreconditionFailedError(FollowthroughError):
    """If-Match names a version that is no longer the current one."""


class TooLargeError(FollowthroughError):
    """The body is larger than the limit."""


class UnsupportedMediaError(FollowthroughError):
    """The body is of a kind that the operation doesn't read."""


class NotAcceptableError(FollowthroughError):
    """None of the media types that the caller accepts can be given."""


class UnavailableError(FollowthroughError):
    """The database or another needed service is away; trying again later may work."""
