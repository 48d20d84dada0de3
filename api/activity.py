"""Activity over HTTP: who changed what, when, and through what."""

from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Controller, Request, Response
from msgspec import Struct

from api.auth import can_read
from api.guarded import get
from api.paging import answer_page, reads
from domain.activity.search import ACTIVITY
from domain.activity.table import ActorKind


class Actor(Struct):
    """Through what a change came: a token, a tracker, or the system itself."""

    kind: ActorKind
    id: UUID | None
    name: str


class Subject(Struct):
    """What was changed."""

    kind: str
    id: UUID


class ActivityRead(Struct):
    """One change; `changes` holds for each member its value before and after."""

    id: UUID
    at: datetime
    actor: Actor
    subject: Subject
    action: str
    changes: dict[str, tuple[Any, Any]]
    request_id: str | None


class ActivityPage(Struct):
    """A page of activity."""

    items: list[ActivityRead]
    next_cursor: str | None


class ActivityController(Controller):
    """The record of every write; nothing in it is ever changed."""

    path = "/v1/activity"
    tags = ["Activity"]

    @get(operation_id="list_activity", summary="List activity", guards=[can_read], opt=reads(ACTIVITY))
    async def list_activity(self, request: Request[Any, Any, Any]) -> Response[ActivityPage]:
        """Gives what was done, the latest first."""
        return await answer_page(request, ACTIVITY)
