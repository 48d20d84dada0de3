"""Reading the OpenAPI document: its operations with every reference followed, and answers held to it."""

from collections.abc import Iterator
from typing import Any

import httpx
from cryptography.fernet import Fernet
from jsonschema import Draft202012Validator, FormatChecker  # type: ignore[import-untyped]
from litestar import Litestar

from api.app import create_app
from api.document import document_of
from domain.settings import Settings

QUIET_HEADERS = {"content-type", "content-length"}


def unserved_app() -> Litestar:
    """An application that is never started, so it needs no server."""
    keys = (Fernet.generate_key().decode(),)
    return create_app(Settings.model_construct(database_url="postgresql://localhost/none", redis_url="redis://localhost", secret_keys=keys))


APP = unserved_app()
DOCUMENT = document_of(APP)


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Gives every operation with its method and address."""
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


OPERATIONS = {operation["operationId"]: operation for _, _, operation in operations()}


def followed(part: Any) -> Any:
    """What a part of the document says or refers to."""
    while isinstance(part, dict) and "$ref" in part:
        found: Any = DOCUMENT
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        part = found
    return part


def refuse_invalid(value: Any, schema: dict[str, Any]) -> None:
    """Raises ValidationError where a value is not as a schema of the document says."""
    whole = {**schema, "components": DOCUMENT["components"]}
    Draft202012Validator(whole, format_checker=FormatChecker()).validate(value)


def hold_to_document(answer: httpx.Response, operation_id: str) -> None:
    """Checks that an answer has the status, the headers, the media type and the shape that its operation promises."""
    promised = OPERATIONS[operation_id]["responses"]
    assert str(answer.status_code) in promised, f"{operation_id} answered {answer.status_code}: {answer.text[:500]}"
    response = followed(promised[str(answer.status_code)])
    given = {name.lower() for name in answer.headers} - QUIET_HEADERS
    documented = {name.lower() for name in response["headers"]}
    assert given == documented - ({"link"} - given), operation_id
    if "content" not in response:
        assert not answer.content, operation_id
        return
    media_type = answer.headers["content-type"].partition(";")[0]
    schema = response["content"][media_type]["schema"]
    refuse_invalid(answer.json() if media_type.endswith("json") else answer.text, schema)
