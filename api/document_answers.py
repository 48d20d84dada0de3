"""The answers of an operation: what it gives when all goes well, and every problem that it can have.

What a handler gives is seen from its method, its guards and its options. Where it differs, the handler says so itself: the option
"answers" has for each status the headers, the option "errors" has further statuses of problems.
"""

from http import HTTPStatus
from typing import Any, get_args, get_origin

from litestar import MediaType, Response
from litestar.handlers import HTTPRouteHandler

from api.auth import NEEDED_SCOPE
from api.document_examples import RAW, example_of
from api.document_schemas import is_named, schema_of
from api.errors import MEDIA_TYPE, TITLES, Problem
from domain.access.table import Scope

HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {
        "description": "The request's id, for the log and for asking about it: the one that you sent, or a new one.",
        "schema": {"type": "string"},
    },
    "ETag": {"description": "The tag of this representation, for If-Match and If-None-Match.", "schema": {"type": "string"}},
    "Location": {"description": "The path of what was made.", "schema": {"type": "string", "format": "uri-reference"}},
    "Link": {"description": 'The next page, as `<…>; rel="next"` (RFC 8288); missing on the last page.', "schema": {"type": "string"}},
    "Cache-Control": {"description": "`no-store`: the answer holds a secret.", "schema": {"type": "string"}},
    "Retry-After": {"description": "When to try again, in seconds.", "schema": {"type": "integer", "minimum": 0}},
    "WWW-Authenticate": {"description": "How to authenticate: `Bearer`.", "schema": {"type": "string"}},
}
SUCCESS = {
    200: "What was asked for, as it is now.",
    201: "It was made.",
    202: "It was taken in; the rest happens soon after.",
    204: "It is done; there is nothing to show.",
    304: "It is as you have it already.",
    503: "It can't work at the moment.",
}
PROBLEMS = {
    400: "The request can't be read: a parameter that there isn't or that can't be so, or a broken body.",
    401: "No token, or one that is unknown, expired or revoked; for a webhook, a signature that doesn't fit.",
    403: "The token lacks the scope.",
    404: "There is nothing at this address.",
    409: "The change contradicts what is stored.",
    412: "It was changed since you read it.",
    413: "The body is too large.",
    415: "The body's media type is not read here.",
    422: "The request can be read, but says something that can't be so; `errors` names every place.",
    503: "The database, or what else this needs, is away; nothing was changed.",
}
_PROBLEM_HEADERS = {401: ("WWW-Authenticate",), 503: ("Retry-After",)}


def needed_scope(handler: HTTPRouteHandler) -> Scope | None:
    """The scope that a handler's guards ask for; None where it is open to everybody."""
    return next((NEEDED_SCOPE[guard] for guard in handler.resolve_guards() if guard in NEEDED_SCOPE), None)


def reads_one(handler: HTTPRouteHandler, *, by_id: bool) -> bool:
    """Tells whether an operation reads a single resource, which has an ETag."""
    return by_id and handler.http_methods == {"GET"} and "listing" not in handler.opt and needed_scope(handler) is not None


def answers_of(handler: HTTPRouteHandler, *, by_id: bool) -> dict[str, Any]:
    """All answers by status; `by_id` tells that the address holds an id."""
    given = {status: _answer(handler, status, headers) for status, headers in _given(handler, by_id=by_id).items()}
    problems = {status: {"$ref": f"#/components/responses/{_problem_name(status)}"} for status in _problems(handler, by_id=by_id)}
    return {str(status): answer for status, answer in sorted({**problems, **given}.items())}


def _given(handler: HTTPRouteHandler, *, by_id: bool) -> dict[int, tuple[str, ...]]:
    if "answers" in handler.opt:
        return dict(handler.opt["answers"])
    if "listing" in handler.opt:
        return {200: ("Link",)}
    if reads_one(handler, by_id=by_id):
        return {200: ("ETag",), 304: ("ETag",)}
    written = {("PATCH", 200): ("ETag",), ("POST", 201): ("Location", "ETag")}
    return {handler.status_code: written.get((next(iter(handler.http_methods)), handler.status_code), ())}


def _answer(handler: HTTPRouteHandler, status: int, headers: tuple[str, ...]) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": SUCCESS[status], "headers": _headers(*headers)}
    declared = answered_type(handler)
    if declared is None or status in {204, 304}:
        return answer
    declared_media = handler.media_type or MediaType.JSON
    media_type = declared_media.value if isinstance(declared_media, MediaType) else declared_media
    content = {"schema": schema_of(declared)}
    if declared is str:
        content["example"] = RAW[media_type]
    elif is_named(declared):
        content["example"] = example_of(declared)
    return answer | {"content": {media_type: content}}


def answered_type(handler: HTTPRouteHandler) -> Any:
    """The type of what a handler shows; None where it shows nothing."""
    declared = handler.parsed_return_field.annotation
    shown = get_args(declared)[0] if get_origin(declared) is Response else declared
    return None if shown is type(None) else shown


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*names, "X-Request-Id")}


def _problems(handler: HTTPRouteHandler, *, by_id: bool) -> set[int]:
    guarded = needed_scope(handler) is not None
    stored = "session" in handler.parsed_fn_signature.parameters
    body = "data" in handler.parsed_fn_signature.parameters
    writes = stored and handler.http_methods != {"GET"}
    asked = {
        400: True,  # every operation refuses parameters that it doesn't know
        401: guarded,
        403: guarded,
        404: by_id,
        409: writes,
        412: bool(handler.opt.get("if_match")),
        413: body or "body" in handler.opt,
        415: body,
        422: body,
        503: guarded or stored,
    }
    return {status for status, can_be in asked.items() if can_be} | set(handler.opt.get("errors", ()))


def shared_problems() -> dict[str, Any]:
    """The problems as shared answers, by name."""
    return {_problem_name(status): _problem(status, text) for status, text in PROBLEMS.items()}


def _problem_name(status: int) -> str:
    return TITLES[status].title().replace(" ", "")


def _problem(status: int, text: str) -> dict[str, Any]:
    title = TITLES[status]
    example = {"type": f"urn:followthrough:problem:{title.lower().replace(' ', '-')}", "title": title, "status": status, "detail": text}
    content = {"schema": schema_of(Problem), "example": {**example_of(Problem), **example, "errors": []}}
    return {
        "description": f"{HTTPStatus(status).phrase}. {text}",
        "headers": _headers(*_PROBLEM_HEADERS.get(status, ())),
        "content": {MEDIA_TYPE: content},
    }
