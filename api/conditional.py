"""Single resources and their ETags (RFC 9110): `"version-digest"`.

If-None-Match compares the whole tag, so a 304 is never wrong; If-Match compares the version alone, so that what we compute (a link's
state, whether a task is overdue) never refuses somebody's edit.
"""

import hashlib
from typing import Any
from uuid import UUID

from litestar import Request, Response
from sqlmodel.ext.asyncio.session import AsyncSession

from api.auth import sent_header
from api.house import house_of
from api.raw import raw_json
from domain.columns import VersionedRow
from domain.database import reader
from domain.errors import NotFoundError, PreconditionFailedError
from domain.reading import Listing, read_one


def etag_of(version: int, body: bytes) -> str:
    """The strong tag of a representation."""
    return f'"{version}-{hashlib.blake2b(body, digest_size=8).hexdigest()}"'


async def answer_one(request: Request[Any, Any, Any], listing: Listing, row_id: UUID) -> Response[Any]:
    """Answers one resource: 200, or 304 when the caller has it already. Raises NotFoundError."""
    one = await read_one(house_of(request).database.pool, listing, row_id)
    if one is None:
        raise NotFoundError(f"There is nothing with the id {row_id} here.")
    etag = etag_of(one.version, one.json)
    if _any_matches(sent_header(request, b"if-none-match"), etag):
        return Response(None, status_code=304, headers={"ETag": etag})
    return raw_json(one.json, headers={"ETag": etag})


async def answer_written(
    session: AsyncSession, listing: Listing, row_id: UUID, *, status: int = 200, location: str | None = None
) -> Response[Any]:
    """Answers a write with the resource as it now is, read inside the same transaction."""
    one = await read_one(await reader(session), listing, row_id)
    if one is None:
        raise NotFoundError(f"There is nothing with the id {row_id} here.")
    headers = {"ETag": etag_of(one.version, one.json)} | ({"Location": f"{location}/{row_id}"} if location else {})
    return raw_json(one.json, status=status, headers=headers)


def check_if_match(request: Request[Any, Any, Any], row: VersionedRow) -> None:
    """Raises PreconditionFailedError when If-Match names other versions than that of the (locked) row."""
    header = request.headers.get("if-match")
    if header is None or header.strip() == "*":
        return
    versions = {tag.strip().strip('"').partition("-")[0] for tag in header.split(",") if tag.strip().startswith('"')}
    if str(row.version) not in versions:
        raise PreconditionFailedError(
            f"It was changed since you read it (it is at version {row.version} now): read it again and repeat your change."
        )


def _any_matches(header: str | None, etag: str) -> bool:
    if header is None:
        return False
    return header.strip() == "*" or etag in {tag.strip().removeprefix("W/") for tag in header.split(",")}
