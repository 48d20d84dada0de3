"""What GitHub's refusals mean, from real answers on loopback."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, TypeAlias
from uuid import uuid4

import pytest

from domain.trackers.contract import Draft, Failure, Field, Place, RemoteIssue, TrackerError
from domain.trackers.github import GitHubAdapter
from tests.domain.trackers.loopback import answering, serving

TOKEN = "ghp_0123456789"
PLACE = Place("42", "ft/")
DRAFT = Draft(uuid4(), {Field.TITLE: "Rotate the key", Field.BODY: "Do it."})
ISSUE = RemoteIssue("7", "I_7", "o/r#7", "https://github.com/o/r/issues/7", datetime.now(UTC), None, {}, {"body": "x"})

Operation: TypeAlias = Callable[[GitHubAdapter], Awaitable[Any]]

OPERATIONS: dict[str, Operation] = {
    "create": lambda adapter: adapter.create(PLACE, DRAFT),
    "update": lambda adapter: adapter.update(PLACE, ISSUE, {Field.TITLE: "Rotate both keys"}),
    "fetch": lambda adapter: adapter.fetch(PLACE, "7"),
    "describe": lambda adapter: adapter.describe("42"),
    "identity": lambda adapter: adapter.identity(),
}


async def failure_of(operation: str, status: int, document: Any = None, **headers: str) -> TrackerError:
    """Return how an operation fails when GitHub answers so, having been asked exactly once."""
    with serving(answering(status, document, **headers)) as server:
        adapter = GitHubAdapter(base_url=f"http://127.0.0.1:{server.port}", credentials={"token": TOKEN}, timeout_seconds=2)
        with pytest.raises(TrackerError) as caught:
            await OPERATIONS[operation](adapter)
        adapter.close()
    assert len(server.requests) == 1
    assert caught.value.calls == 1
    assert caught.value.http_status == status
    assert not any(secret in caught.value.text for secret in (TOKEN, "Rotate", "Do it."))
    return caught.value


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirect_is_never_followed(operation: str, status: int) -> None:
    error = await failure_of(operation, status, {"message": "Moved"}, location="/repositories/43/issues")
    assert (error.failure, error.code) == (Failure.DEFINITE, "moved")
    assert error.moved_to is not None
    assert error.moved_to.endswith("/repositories/43/issues")


async def test_redirect_to_another_server_is_not_passed_on() -> None:
    for location in ("https://evil.example/repositories/43/issues/1", "//evil.example/x", "https://[", ""):
        assert (await failure_of("fetch", 301, {"message": "Moved"}, location=location)).moved_to is None


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize(
    ("operation", "failure"),
    [("create", Failure.AMBIGUOUS), ("update", Failure.AMBIGUOUS), ("fetch", Failure.DEFINITE)],
)
async def test_failed_server_leaves_only_writes_open(operation: str, failure: Failure, status: int) -> None:
    error = await failure_of(operation, status, x_github_request_id="ABCD:1")
    assert (error.failure, error.code, error.request_id) == (failure, "unavailable", "ABCD:1")


@pytest.mark.parametrize(
    ("operation", "status", "failure", "code"),
    [
        ("create", 404, Failure.DEFINITE, "project_not_found"),
        ("create", 410, Failure.DEFINITE, "issues_disabled"),
        ("describe", 404, Failure.DEFINITE, "project_not_found"),
        ("update", 404, Failure.GONE, "gone"),
        ("fetch", 404, Failure.GONE, "gone"),
        ("fetch", 410, Failure.GONE, "gone"),
        ("create", 401, Failure.AUTH, "bad_credentials"),
        ("fetch", 403, Failure.DEFINITE, "forbidden"),
        ("create", 400, Failure.DEFINITE, "refused"),
        ("update", 409, Failure.DEFINITE, "refused"),
    ],
)
async def test_status_says_what_failed(operation: str, status: int, failure: Failure, code: str) -> None:
    error = await failure_of(operation, status, {"message": "Rotate the key"})
    assert (error.failure, error.code, error.retry_at) == (failure, code, None)


async def test_suspended_account_concerns_all_and_a_suspended_installation_one_owner() -> None:
    error = await failure_of("create", 403, {"message": "Sorry. Your account was suspended."})
    assert (error.failure, error.code) == (Failure.AUTH, "account_suspended")
    error = await failure_of("create", 403, {"message": "This installation has been suspended"})
    assert (error.failure, error.code) == (Failure.DEFINITE, "suspended")


async def test_forbidden_call_names_the_missing_permission() -> None:
    error = await failure_of("create", 403, {"message": "No"}, x_accepted_github_permissions="issues=write")
    assert "issues=write" in error.text
    error = await failure_of("create", 403, {"message": "No"}, x_github_sso="required; url=https://github.com/orgs/o")
    assert "single sign-on" in error.text


async def test_validation_names_fields_but_no_values() -> None:
    errors = [
        {"resource": "Issue", "field": "title", "code": "invalid", "value": "Rotate the key"},
        {"resource": "Label", "field": "name", "code": "missing_field"},
        {"field": "Do it."},
        "Do it.",
    ]
    error = await failure_of("create", 422, {"message": "Rotate", "errors": errors})
    assert (error.failure, error.code) == (Failure.DEFINITE, "invalid")
    assert error.text.endswith("it doesn't take title, labels.")
    assert error.wrong == {Field.TITLE}, "of those that were sent"


@pytest.mark.parametrize("document", [None, [], {"errors": {}}, {"errors": [None]}, {"message": 7}])
async def test_validation_of_any_shape_is_read(document: Any) -> None:
    assert (await failure_of("create", 422, document)).code == "invalid"


def _in(seconds: float) -> str:
    return str(int((datetime.now(UTC) + timedelta(seconds=seconds)).timestamp()))


def _date(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("status", "message", "headers", "seconds"),
    [
        (429, "Too many", {}, 60),
        (429, "Too many", {"retry_after": "90"}, 90),
        (403, "Any", {"retry_after": "30"}, 30),
        (403, "Any", {"x_ratelimit_remaining": "0", "x_ratelimit_reset": lambda: _in(600)}, 600),
        (403, "Any", {"x_ratelimit_remaining": "0", "x_ratelimit_reset": lambda: _in(-600)}, 1),
        (403, "Any", {"x_ratelimit_remaining": "0"}, 60),
        (429, "Any", {"x_ratelimit_remaining": "9", "x_ratelimit_reset": lambda: _in(600)}, 60),
        (403, "You have exceeded a secondary rate limit. Please wait.", {}, 60),
        (403, "API rate limit exceeded for user ID 1.", {"x_ratelimit_remaining": "7"}, 60),
        (429, "Any", {"retry_after": "soon"}, 60),
        (429, "Any", {"retry_after": "9" * 40}, 86_400),
        (429, "Any", {"retry_after": lambda: _date(120)}, 120),
        (403, "Any", {"x_ratelimit_remaining": "0", "x_ratelimit_reset": lambda: _in(300), "date": lambda: _date(-300)}, 600),
    ],
)
async def test_limit_says_when_to_try_again(status: int, message: str, headers: dict[str, str | Callable[[], str]], seconds: float) -> None:
    asked_at = datetime.now(UTC)
    told = {name: value if isinstance(value, str) else value() for name, value in headers.items()}
    error = await failure_of("create", status, {"message": message}, **told)
    assert (error.failure, error.code) == (Failure.LIMITED, "rate_limited")
    assert error.retry_at is not None
    assert (error.retry_at - asked_at).total_seconds() == pytest.approx(seconds, abs=15)


@pytest.mark.parametrize("document", [None, {}, [], {"number": None}, {"number": 7}, "text"])
@pytest.mark.parametrize(("operation", "status", "failure"), [("create", 201, Failure.AMBIGUOUS), ("fetch", 200, Failure.DEFINITE)])
async def test_success_without_an_issue_is_none(operation: str, status: int, failure: Failure, document: Any) -> None:
    error = await failure_of(operation, status, document)
    assert (error.failure, error.code) == (failure, "bad_answer")


async def test_unasked_304_is_an_error() -> None:
    assert (await failure_of("fetch", 304)).failure is Failure.DEFINITE
