"""Lists: filters, order, keyset cursors that can't be forged, and the Link header (RFC 8288)."""

import base64
import binascii
import hashlib
import hmac
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import Request, Response
from litestar.datastructures import MultiDict

from api.house import house_of
from api.raw import raw_json
from domain.errors import MalformedError, NotFoundError, parameter
from domain.reading import After, Ask, Listing, Page, read_one, read_page

DEFAULT_LIMIT = 50
LARGEST_LIMIT = 200
PAGING_PARAMETERS = ("limit", "cursor", "sort")
_MAC_BYTES = 12


def reads(listing: Listing, *, fixed: str | None = None) -> dict[str, Any]:
    """The options of a handler that answers a list: its parameters, for the check and for the document.

    `fixed` names a filter that the address itself sets, so that nobody can ask for another value.
    """
    return {"listing": listing, "parameters": (*PAGING_PARAMETERS, *(name for name in listing.filters if name != fixed))}


async def answer_page(
    request: Request[Any, Any, Any],
    listing: Listing,
    *,
    fixed: dict[str, Any] | None = None,
    parent: tuple[Listing, UUID] | None = None,
) -> Response[Any]:
    """Answers a list; `fixed` are filters that the address itself sets, `parent` is what the list belongs to.

    Raises MalformedError, and NotFoundError where there is no such parent.
    """
    house = house_of(request)
    given = request.query_params
    ask = read_ask(given, listing, fixed or {}, key=house.cursor_key)
    page = await read_page(house.database.pool, listing, ask)
    if parent is not None and not page.items and await read_one(house.database.pool, *parent) is None:
        raise NotFoundError(f"There is nothing with the id {parent[1]} here.")
    cursor = write_cursor(ask.sort, page, key=house.cursor_key)
    body = b'{"items":[%b],"next_cursor":%b}' % (page.items, msgspec.json.encode(cursor))
    headers = {} if cursor is None else {"Link": _next_link(given, f"{house.settings.public_url}{request.scope['path']}", cursor)}
    return raw_json(body, headers=headers)


def read_ask(given: MultiDict[Any], listing: Listing, fixed: dict[str, Any], *, key: bytes) -> Ask:
    """Reads what the query asks for; every wrong parameter is named. Raises MalformedError."""
    filters: dict[str, Any] = dict(fixed)
    wrong = []
    for name, text in given.items():
        if name in listing.filters:
            try:
                filters[name] = listing.filters[name].parse(text)
            except ValueError as error:
                wrong.append(parameter(name, str(error)))
    if wrong:
        raise MalformedError("Some parameters can't be so.", *wrong)
    sort = _read_sort(given, listing)
    return Ask(filters, sort, _read_limit(given), _read_after(given, sort, key=key))


def _read_limit(given: MultiDict[Any]) -> int:
    text = given.get("limit", str(DEFAULT_LIMIT))
    if not (text.isascii() and text.isdigit() and len(text) < 5 and 1 <= int(text) <= LARGEST_LIMIT):
        raise MalformedError("The limit can't be so.", parameter("limit", f"write a whole number from 1 to {LARGEST_LIMIT}"))
    return int(text)


def _read_sort(given: MultiDict[Any], listing: Listing) -> str:
    sort = given.get("sort", listing.default_sort)
    if sort.removeprefix("-") not in listing.sorts:
        known = ", ".join(listing.sorts)
        raise MalformedError("There is no such order.", parameter("sort", f"use one of {known}, with a - in front for descending"))
    return str(sort)


def _read_after(given: MultiDict[Any], sort: str, *, key: bytes) -> After | None:
    cursor = given.get("cursor")
    if cursor is None:
        return None
    bad = MalformedError("This cursor is not one of ours.", parameter("cursor", "use next_cursor of the page before, unchanged"))
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(mac, _mac(payload, key)):
            raise bad
        cursor_sort, sort_key, row_id = msgspec.json.decode(payload, type=tuple[str, str, UUID])
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise bad from None
    if cursor_sort != sort:
        raise MalformedError("This cursor belongs to another order.", parameter("sort", f"keep sort={cursor_sort} while paging"))
    return After(sort_key, row_id)


def write_cursor(sort: str, page: Page, *, key: bytes) -> str | None:
    """Makes the signed cursor of the next page; None at the end."""
    if page.next_id is None:
        return None
    payload = msgspec.json.encode((sort, page.next_key, page.next_id))
    return base64.urlsafe_b64encode(_mac(payload, key) + payload).decode().rstrip("=")


def _mac(payload: bytes, key: bytes) -> bytes:
    # BLAKE2's own keyed mode (RFC 7693) takes a tenth of the time of an HMAC.
    return hashlib.blake2b(payload, key=key, digest_size=_MAC_BYTES).digest()


def _next_link(given: MultiDict[Any], url: str, cursor: str) -> str:
    query = urlencode([(name, value) for name, value in given.multi_items() if name != "cursor"])
    return f'<{url}?{query}{"&" if query else ""}cursor={cursor}>; rel="next"'
