"""The one transaction of a request: opened before the handler, committed after it, then the bell rings."""

from collections.abc import AsyncGenerator

from litestar.connection import Request
from sqlmodel.ext.asyncio.session import AsyncSession

from api.house import house_of
from domain.activity.record import Act
from domain.activity.table import ActorKind
from domain.columns import now_utc
from domain.database import transaction


async def provide_session(request: Request) -> AsyncGenerator[AsyncSession, None]:  # type: ignore[type-arg]
    """Gives the handler its session; Litestar ends the generator before the answer is sent, so a failed commit is an error."""
    house = house_of(request)
    async with transaction(house.database, house.bell.ring) as session:
        yield session


def act_of(request: Request) -> Act:  # type: ignore[type-arg]
    """Says who acts in this request, and when."""
    caller = request.user
    return Act(ActorKind.TOKEN, caller.name, now_utc(), id=caller.token_id, request_id=request.scope["state"].get("request_id"))
