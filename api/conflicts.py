"""Conflicts over HTTP: what both sides had changed, which one won, and a person's choice."""

from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Controller, Request, Response, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Struct
from sqlmodel.ext.asyncio.session import AsyncSession

from api.auth import can_read, can_write
from api.conditional import answer_one, answer_written
from api.guarded import get
from api.paging import answer_page, reads
from api.session import act_of
from domain.sync.conflicts import find_conflict, resolve_conflict
from domain.sync.search import CONFLICTS
from domain.sync.table import Side
from domain.trackers.contract import Field


class Resolution(Struct):
    """Which side somebody chose, when, and who that was."""

    side: Side
    at: datetime
    by: str


class ConflictRead(Struct):
    """A field that the task (`local`) and the issue (`remote`) had both changed since they agreed on `base`."""

    id: UUID
    link_id: UUID
    task_id: UUID
    field: Field
    base: Any
    local: Any
    remote: Any
    winner: Side
    rule: str
    created_at: datetime
    resolution: Resolution | None


class ConflictPage(Struct):
    """A page of conflicts."""

    items: list[ConflictRead]
    next_cursor: str | None


class ResolutionWrite(Struct, forbid_unknown_fields=True):
    """The side whose value counts from now on."""

    side: Side


class ConflictController(Controller):
    """Fields that both sides had changed. Each was decided by a rule at once; nothing waits for a person."""

    path = "/v1/conflicts"
    tags = ["Links"]

    @get(operation_id="list_conflicts", summary="List conflicts", guards=[can_read], opt=reads(CONFLICTS))
    async def list_conflicts(self, request: Request[Any, Any, Any]) -> Response[ConflictPage]:
        """Gives conflicts; `resolved=false` are those in which nobody chose a side."""
        return await answer_page(request, CONFLICTS)

    @get("/{conflict_id:uuid}", operation_id="get_conflict", summary="Read a conflict", guards=[can_read])
    async def get_conflict(self, request: Request[Any, Any, Any], conflict_id: FromPath[UUID]) -> Response[ConflictRead]:
        """Gives one conflict, with what each side said."""
        return await answer_one(request, CONFLICTS, conflict_id)

    @put(
        "/{conflict_id:uuid}/resolution",
        operation_id="resolve_conflict",
        summary="Choose a side of a conflict",
        guards=[can_write],
        opt={"answers": {200: ("ETag",)}},
    )
    async def resolve_conflict(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[AsyncSession],
        conflict_id: FromPath[UUID],
        data: JSONBody[ResolutionWrite],
    ) -> Response[ConflictRead]:
        """Makes one side's value count: the task takes it, and every tracker gets it. Another choice later is fine.

        Choosing the side that won, or the same side again, changes no value.
        """
        conflict = await find_conflict(session, conflict_id)
        await resolve_conflict(session, act_of(request), conflict, data.side)
        return await answer_written(session, CONFLICTS, conflict_id)
