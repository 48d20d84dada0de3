"""Improvements over HTTP."""

from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Controller, Request, Response, delete, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict
from sqlmodel.ext.asyncio.session import AsyncSession

from api.auth import can_read, can_write
from api.conditional import answer_one, answer_written, check_if_match
from api.guarded import get
from api.paging import answer_page, reads
from api.session import act_of
from api.tasks import Source
from api.texts import LongText, Title
from domain.errors import InvalidError, pointer
from domain.improvements.change import change_improvement, create_improvement, delete_improvement, lock_improvement
from domain.improvements.search import IMPROVEMENTS
from domain.postmortems.table import Postmortem


class Progress(Struct):
    """How many tasks serve the improvement, and how many of them are done; cancelled ones don't count."""

    total: int
    done: int


class ImprovementRead(Struct):
    """A corrective or preventative measure: the goal that tasks serve."""

    id: UUID
    postmortem_id: UUID
    title: str
    description: str
    progress: Progress
    source: Source
    version: int
    created_at: datetime
    updated_at: datetime


class ImprovementPage(Struct):
    """A page of improvements."""

    items: list[ImprovementRead]
    next_cursor: str | None


class ImprovementCreate(Struct, forbid_unknown_fields=True):
    """A new improvement of a postmortem."""

    postmortem_id: UUID
    title: Title
    description: LongText = ""


class ImprovementChange(Struct, forbid_unknown_fields=True):
    """A merge patch (RFC 7396)."""

    title: Title | UnsetType = UNSET
    description: LongText | UnsetType = UNSET


class ImprovementController(Controller):
    """What should be better after an incident."""

    path = "/v1/improvements"
    tags = ["Improvements"]

    @get(operation_id="list_improvements", summary="List improvements", guards=[can_read], opt=reads(IMPROVEMENTS))
    async def list_improvements(self, request: Request[Any, Any, Any]) -> Response[ImprovementPage]:
        """Gives improvements with their progress."""
        return await answer_page(request, IMPROVEMENTS)

    @get("/{improvement_id:uuid}", operation_id="get_improvement", summary="Read an improvement", guards=[can_read])
    async def get_improvement(self, request: Request[Any, Any, Any], improvement_id: FromPath[UUID]) -> Response[ImprovementRead]:
        """Gives one improvement with its progress."""
        return await answer_one(request, IMPROVEMENTS, improvement_id)

    @post(operation_id="create_improvement", summary="Add an improvement", guards=[can_write])
    async def create_improvement(
        self, request: Request[Any, Any, Any], session: NamedDependency[AsyncSession], data: JSONBody[ImprovementCreate]
    ) -> Response[ImprovementRead]:
        """Adds an improvement to a postmortem."""
        if await session.get(Postmortem, data.postmortem_id) is None:
            detail = f"There is no postmortem {data.postmortem_id}."
            raise InvalidError(detail, pointer("/postmortem_id", "use the id of a postmortem"))
        improvement = create_improvement(
            session,
            act_of(request),
            postmortem_id=data.postmortem_id,
            title=" ".join(data.title.split()),
            description=data.description,
        )
        return await answer_written(session, IMPROVEMENTS, improvement.id, status=201, location="/v1/improvements")

    @patch(
        "/{improvement_id:uuid}",
        operation_id="change_improvement",
        summary="Change an improvement",
        guards=[can_write],
        opt={"if_match": True},
    )
    async def change_improvement(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[AsyncSession],
        improvement_id: FromPath[UUID],
        data: JSONBody[ImprovementChange],
    ) -> Response[ImprovementRead]:
        """Changes the members that are given."""
        improvement = await lock_improvement(session, improvement_id)
        check_if_match(request, improvement)
        given = {name: value for name, value in asdict(data).items() if value is not UNSET}
        if "title" in given:
            given["title"] = " ".join(given["title"].split())
        await change_improvement(session, act_of(request), improvement, given)
        return await answer_written(session, IMPROVEMENTS, improvement_id)

    @delete(
        "/{improvement_id:uuid}",
        operation_id="delete_improvement",
        summary="Delete an improvement",
        guards=[can_write],
        opt={"if_match": True},
    )
    async def delete_improvement(
        self, request: Request[Any, Any, Any], session: NamedDependency[AsyncSession], improvement_id: FromPath[UUID]
    ) -> None:
        """Deletes an improvement; its tasks stay, without a goal."""
        improvement = await lock_improvement(session, improvement_id)
        check_if_match(request, improvement)
        await delete_improvement(session, act_of(request), improvement)
