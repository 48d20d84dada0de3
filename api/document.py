"""The OpenAPI document: what the framework finds in the handlers, completed by what ours know of themselves."""

from typing import Any

import msgspec
from litestar import Controller, Litestar, Request, Response, get


class DocumentController(Controller):
    """The document itself."""

    tags = ["Operation"]

    @get("/openapi.json", operation_id="read_document", summary="Read the OpenAPI document", sync_to_thread=False)
    def read_document(self, request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
        """Gives the contract of this API (OpenAPI 3.1)."""
        return Response(msgspec.json.encode(document_of(request.app)), media_type="application/json")  # type: ignore[return-value]


def complete_document(app: Litestar) -> None:
    """placeholder"""


def document_of(app: Litestar) -> dict[str, Any]:
    return app.openapi_schema.to_schema()
