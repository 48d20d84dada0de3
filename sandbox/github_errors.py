"""The errors of the sandbox GitHub, in the shapes that GitHub's REST API gives them."""

from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException

DOCUMENTATION_URL = "https://docs.github.com/rest"


class GithubError(Exception):
    """An answer that is not a success: its status, message and details; `location` is where it leads."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        errors: list[dict[str, Any]] | None = None,
        location: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors
        self.location = location


def not_found() -> GithubError:
    """Answer that there is no such thing, or none that the caller may see."""
    return GithubError(404, "Not Found")


def moved(method: str, location: str) -> GithubError:
    """Answer that something has another address now: to be read there, or to be changed there by the same call again.

    https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api#follow-redirects
    """
    if method in ("GET", "HEAD"):
        return GithubError(301, "Moved Permanently", location=location)
    return GithubError(307, "Temporary Redirect", location=location)


def invalid(resource: str, field: str, code: str, **more: Any) -> GithubError:
    """Answer that one field of the request is wrong, by one of GitHub's codes (missing_field, invalid, custom, …)."""
    detail = {"resource": resource, "field": field, "code": code, **more}
    return GithubError(422, "Validation Failed", errors=[detail])


def unreadable(pointer: str, problem: str) -> GithubError:
    """Answer that the body has a value of the wrong type at `pointer`."""
    return GithubError(422, f"Invalid request.\n\nFor '{pointer}', {problem}.")


def error_body(status: int, message: str, *, errors: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Return the JSON document of an error."""
    details = {"errors": errors} if errors else {}
    return {"message": message, **details, "documentation_url": DOCUMENTATION_URL, "status": str(status)}


def answer_github_error(_: Request[Any, Any, Any], error: GithubError) -> Response[Any]:
    """Turn an error of ours into its answer."""
    document = error_body(error.status, error.message, errors=error.errors)
    if error.location is None:
        return Response(document, status_code=error.status)
    return Response(document | {"url": error.location}, status_code=error.status, headers={"location": error.location})


def answer_http_error(_: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """Turn an error of the framework (no such route, malformed JSON, …) into GitHub's shape."""
    messages = {400: "Problems parsing JSON", 404: "Not Found", 405: "Method Not Allowed"}
    message = messages.get(error.status_code, error.detail)
    return Response(error_body(error.status_code, message), status_code=error.status_code)


async def read_object(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Return the JSON object of a request's body; an empty body is an empty object."""
    raw = await request.body()
    try:
        body = msgspec.json.decode(raw) if raw.strip() else {}
    except msgspec.DecodeError as error:
        raise GithubError(400, "Problems parsing JSON") from error
    if not isinstance(body, dict):
        raise GithubError(400, "Body should be a JSON object")
    return body
