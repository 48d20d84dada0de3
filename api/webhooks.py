"""Webhooks of trackers come in here."""

from typing import Any
from uuid import UUID

from litestar import Controller, Request, Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct
from sqlmodel.ext.asyncio.session import AsyncSession

from api.house import house_of
from domain.columns import now_utc
from domain.sync.inbox import receive_webhook


class WebhookAnswer(Struct):
    """What became of a webhook: accepted, duplicate or ignored."""

    outcome: str


class WebhookController(Controller):
    """Signed messages of trackers; they need no token."""

    path = "/webhooks"
    tags = ["Webhooks"]

    @post(
        "/{tracker_id:uuid}",
        operation_id="receive_webhook",
        summary="Take a tracker's webhook",
        status_code=202,
        opt={"body": "application/json", "errors": (401,)},
    )
    async def receive_webhook(
        self, request: Request[Any, Any, Any], session: NamedDependency[AsyncSession], tracker_id: FromPath[UUID]
    ) -> Response[WebhookAnswer]:
        """Verifies the signature over the raw bytes, keeps the webhook once, and has its link looked at soon."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        outcome = await receive_webhook(
            session, house_of(request).vault, tracker_id=tracker_id, body=await request.body(), headers=headers, at=now_utc()
        )
        return Response(WebhookAnswer(outcome), status_code=202)
