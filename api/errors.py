"""Errors as callers see them: every one a problem document (RFC 9457) with the status it deserves."""

from typing import Any
from urllib.parse import quote

import asyncpg
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from msgspec import Struct
from sqlalchemy.exc import DBAPIError, IntegrityError

from domain import errors
from domain.database import is_away
from domain.errors import FollowthroughError, Place, PlaceKind

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = "2"
METHOD_NOT_ALLOWED = 405

log = structlog.get_logger(__name__)


class ProblemPlace(Struct, omit_defaults=True):
    """One wrong spot of the input: where, and what would be right."""

    detail: str
    pointer: str | None = None
    parameter: str | None = None
    header: str | None = None
    line: int | None = None


class Problem(Struct, omit_defaults=True):
    """A problem document (RFC 9457): `type` names the kind of problem and never changes, `detail` explains this one."""

    type: str
    title: str
    status: int
    detail: str
    instance: str = ""
    request_id: str = ""
    errors: list[ProblemPlace] = []


STATUS: dict[type[FollowthroughError], tuple[int, str]] = {
    errors.MalformedError: (400, "Malformed request"),
    errors.UnauthenticatedError: (401, "Not authenticated"),
    errors.ForbiddenError: (403, "Not allowed"),
    errors.NotFoundError: (404, "Not found"),
    errors.NotAcceptableError: (406, "Not acceptable"),
    errors.ConflictError: (409, "Conflict"),
    errors.PreconditionFailedError: (412, "Changed in the meantime"),
    errors.TooLargeError: (413, "Too large"),
    errors.UnsupportedMediaError: (415, "Unsupported media type"),
    errors.InvalidError: (422, "Invalid input"),
    errors.UnavailableError: (503, "Temporarily unavailable"),
}
TITLES = dict(STATUS.values()) | {METHOD_NOT_ALLOWED: "Method not allowed", 500: "Internal error"}


def answer_problem(
    request: Request[Any, Any, Any],
    status: int,
    detail: str,
    *,
    places: tuple[Place, ...] = (),
    headers: dict[str, str] | None = None,
) -> Response[Problem]:
    """Makes the answer for a problem; 401 says how to authenticate, 503 when to come back."""
    title = TITLES.get(status, "Error")
    problem = Problem(
        type=f"urn:followthrough:problem:{title.lower().replace(' ', '-')}",
        title=title,
        status=status,
        detail=detail,
        instance=quote(request.scope["path"], safe="/:@!$&'()*+,;="),
        request_id=request.scope["state"].get("request_id", ""),
        errors=[_shown(place) for place in places],
    )
    extra = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": RETRY_AFTER_SECONDS}}.get(status, {})
    return Response(problem, status_code=status, media_type=MEDIA_TYPE, headers={**(headers or {}), **extra})


def _shown(place: Place) -> ProblemPlace:
    return ProblemPlace(detail=place.detail, **{place.kind.value: place.at})  # type: ignore[arg-type]


def on_named_error(request: Request[Any, Any, Any], error: FollowthroughError) -> Response[Problem]:
    """Answers an error that the domain or the edge raised by name."""
    status = next(STATUS[kind][0] for kind in type(error).__mro__ if kind in STATUS)
    return answer_problem(request, status, error.detail, places=error.places)


def on_http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    """Answers what the framework refused: an unknown path, a wrong method, a path parameter that is no id, too large a body."""
    if isinstance(error, ValidationException):
        return _on_validation(request, error)
    details = {
        404: "There is nothing at this address.",
        METHOD_NOT_ALLOWED: "This address doesn't know that method; see the header Allow.",
        413: "The body is larger than the limit of 1 MiB.",
    }
    detail = details.get(error.status_code, error.detail if error.status_code < 500 else "Something went wrong on our side.")
    headers = {name: value for name, value in (error.headers or {}).items() if name.lower() == "allow"}
    return answer_problem(request, error.status_code, detail, headers=headers)


def _on_validation(request: Request[Any, Any, Any], error: ValidationException) -> Response[Problem]:
    wrong = [item for item in error.extra or [] if isinstance(item, dict)]
    if any(item.get("key") in request.path_params for item in wrong):
        return answer_problem(request, 404, "The address holds something that is no id.")
    if any(item.get("key") == "data" for item in wrong):
        return answer_problem(request, 400, "The body is missing: send a JSON object.")
    places = tuple(Place(PlaceKind.PARAMETER, str(item.get("key")), str(item.get("message"))) for item in wrong)
    return answer_problem(request, 400, "The request could not be understood.", places=places)


def on_database_error(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """Answers an error of the database: 503 while it is away or two changes deadlocked, 409 for a refusing constraint, else 500."""
    if is_away(error):
        log.warning("database_away", error=type(error).__name__)
        return answer_problem(request, 503, "The database is away; nothing was changed. Try again in a moment.")
    if isinstance(error, DBAPIError) and isinstance(_cause(error), asyncpg.TransactionRollbackError):
        log.warning("changes_collided", error=type(_cause(error)).__name__)
        return answer_problem(request, 503, "Two changes waited for one another; nothing was changed. Try again in a moment.")
    if isinstance(error, IntegrityError):
        log.warning("constraint_refused", constraint=_constraint(error))
        return answer_problem(request, 409, f"The database's constraint {_constraint(error)} refused this change.")
    return on_bug(request, error)


def _constraint(error: IntegrityError) -> str:
    return getattr(_cause(error), "constraint_name", None) or "unknown"


def _cause(error: DBAPIError) -> BaseException | None:
    """Gives asyncpg's own error, which SQLAlchemy wraps twice."""
    return getattr(error.orig, "__cause__", None)


def on_bug(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """Answers what nobody foresaw: the log has the trace, the caller the request id to ask for it."""
    if isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        return on_any_error(request, error.exceptions[0])
    log.error("unexpected_error", error=type(error).__name__, exc_info=error)
    return answer_problem(request, 500, "Something went wrong on our side; the log knows it by this request's id.")


def on_any_error(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """Finds the right answer for any error."""
    if isinstance(error, FollowthroughError):
        return on_named_error(request, error)
    if isinstance(error, HTTPException):
        return on_http_error(request, error)
    if isinstance(error, DBAPIError) or is_away(error):
        return on_database_error(request, error)
    return on_bug(request, error)


HANDLERS: dict[Any, Any] = {Exception: on_any_error, HTTPException: on_http_error, FollowthroughError: on_named_error}
