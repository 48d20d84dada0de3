"""Reading problem documents strictly: each must be what RFC 9457 and our own type say, with nothing else in it."""

import json
from pathlib import Path

import httpx
import msgspec
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from api.errors import Problem

SCHEMA = Path(__file__).parents[3] / "shared" / "data" / "openapi" / "problem.schema.json"


def problem_of(answer: httpx.Response, status: int) -> Problem:
    """Gives the problem of an answer that must have this status."""
    assert answer.status_code == status, f"{answer.status_code}: {answer.text[:500]}"
    assert answer.headers["content-type"] == "application/problem+json"
    problem = msgspec.json.decode(answer.content, type=Problem)
    assert msgspec.to_builtins(problem) == answer.json()
    assert (problem.status, problem.instance) == (status, answer.request.url.raw_path.decode().partition("?")[0])
    assert problem.request_id == answer.headers["x-request-id"]
    assert problem.type.startswith("urn:followthrough:problem:")
    assert problem.title
    assert problem.detail
    if SCHEMA.exists():
        Draft202012Validator(json.loads(SCHEMA.read_text())).validate(answer.json())
    return problem


def places_of(answer: httpx.Response, status: int) -> dict[str, str]:
    """Gives the wrong places of an answer with this status: what would be right, by pointer, parameter, header or line."""
    places = {}
    for place in problem_of(answer, status).errors:
        named = [value for value in (place.pointer, place.parameter, place.header, place.line) if value is not None]
        assert len(named) == 1, place
        places[str(named[0])] = place.detail
    return places


def pytest_needs(path: Path) -> str:
    """Gives the text of optional test data; the test is skipped where it is absent."""
    if not path.exists():
        pytest.skip(f"{path} isn't here")
    return path.read_text(encoding="utf-8")
