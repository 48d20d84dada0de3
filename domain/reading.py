"""The read path: a SELECT whose rows PostgreSQL itself writes as JSON; the bytes go out unread.

A `Listing` says in data what may be asked of a resource: its columns, filters and sorts. Only constants of the code get into the SQL text;
every value of a caller is a parameter, but for the limit, which is a number by then.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol
from uuid import UUID

STATEMENTS_KEPT = 1000


class Executor(Protocol):
    """What runs a read: the pool of the database, or a connection of asyncpg inside a transaction."""

    async def fetchrow(self, query: str, *args: Any) -> Any:
        """Runs a query and gives its first row."""
        ...


@dataclass(frozen=True, slots=True)
class Filter:
    """One query parameter of a list.

    `condition` is SQL with one `{}` for the value (or none, where `parse` chooses among `choices`); `parse` turns the text into the
    value, and raises ValueError saying what would be right; `schema` is the parameter's JSON schema.
    """

    condition: str
    parse: Callable[[str], Any]
    schema: Mapping[str, Any]
    description: str


@dataclass(frozen=True, slots=True)
class Sort:
    """An order: the SQL expression (never NULL, so that keyset paging holds) and its type."""

    expression: str
    type: str


# Compared by identity: one is made for each resource, and is the key of the statements that are kept.
@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """A resource as it is read: `columns` is a SELECT list whose names become the members of the JSON object."""

    columns: str
    source: str
    id: str
    condition: str = "true"
    version: str = "0"
    filters: Mapping[str, Filter] = field(default_factory=dict)
    sorts: Mapping[str, Sort] = field(default_factory=dict)
    default_sort: str = "-created_at"


@dataclass(frozen=True, slots=True)
class One:
    """A single resource: its JSON text and its version (0 where it has none)."""

    json: bytes
    version: int


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its items' JSON texts (UTF-8) joined by commas, and where the next page starts (None at the end)."""

    items: bytes
    next_key: str | None
    next_id: UUID | None


@dataclass(frozen=True, slots=True)
class After:
    """Where a page starts: behind the row with this sort key (as text) and id."""

    key: str
    id: UUID


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked of a list: filters' values by name, the order (`-` before it: descending), and where to start."""

    filters: Mapping[str, Any]
    sort: str
    limit: int
    after: After | None = None


@lru_cache(STATEMENTS_KEPT)
def one_statement(listing: Listing) -> str:
    """The SELECT of one row by its id."""
    return (
        f"SELECT {_ONE_AS_BYTES} AS json, {listing.version} AS version"
        f" FROM {_source(listing)} WHERE {listing.id} = $1 AND {listing.condition}"
    )


# The members of a row stand beside its tables, so that PostgreSQL makes one value of them without a sub-select of its own.
_JSON = "row_to_json(shown)"
# As bytes: text would be decoded by the driver only to be encoded again for the answer.
_ONE_AS_BYTES = f"convert_to({_JSON}::text, 'UTF8')"
_PAGE_AS_BYTES = "convert_to(string_agg(p.json, ','), 'UTF8')"


def _source(listing: Listing) -> str:
    return f"{listing.source} CROSS JOIN LATERAL (SELECT {listing.columns}) shown"


async def read_one(executor: Executor, listing: Listing, row_id: UUID) -> One | None:
    """Reads one row; None where there is none."""
    row = await executor.fetchrow(one_statement(listing), row_id)
    return None if row is None else One(row["json"], row["version"])


def page_statement(listing: Listing, ask: Ask) -> tuple[str, list[Any]]:
    """The SELECT of a page and its parameters: one row, whatever the number of items.

    It looks one row further than the page, to tell whether there is more.
    """
    conditions = {name: listing.filters[name].condition for name in ask.filters}
    parameters = [ask.filters[name] for name, condition in conditions.items() if "{}" in condition]
    flags = tuple((name, "{}" in condition or bool(ask.filters[name])) for name, condition in conditions.items())
    if ask.after is not None:
        by_id = listing.sorts[ask.sort.removeprefix("-")].expression == listing.id
        parameters += [ask.after.id] if by_id else [ask.after.key, ask.after.id]
    return _page_statement(listing, flags, ask.sort, limit=ask.limit, goes_on=ask.after is not None), parameters


@lru_cache(STATEMENTS_KEPT)
def _page_statement(listing: Listing, flags: tuple[tuple[str, bool], ...], sort_name: str, *, limit: int, goes_on: bool) -> str:
    """The text alone, made once for each kind of page. `flags` are the filters, each with whether its condition must hold.

    The limit stands in it as a number: behind a parameter the planner would not know it, and would plan each page anew. The items are
    put together in the order in which the inner SELECT gives them, and the size of the one too many is told, so that it can be cut off:
    numbering and sorting them once more costs a tenth of the whole.
    """
    sort = listing.sorts[sort_name.removeprefix("-")]
    direction = "DESC" if sort_name.startswith("-") else "ASC"
    by_id = sort.expression == listing.id
    conditions, parameters = _conditions(listing, flags)
    if goes_on:
        conditions.append(_behind(listing, sort, descending=direction == "DESC", parameters=parameters))
    order = f"{sort.expression} {direction}" + ("" if by_id else f", {listing.id} {direction}")
    key = listing.id if by_id else f"({sort.expression})::text"
    return (
        f"SELECT {_PAGE_AS_BYTES} AS items, (array_agg(octet_length(p.json)))[{limit + 1:d}] AS one_too_many,"
        f" (array_agg(p.id))[{limit:d}] AS id, ({'array_agg(p.id)' if by_id else 'array_agg(p.key)'})[{limit:d}]::text AS key"
        f" FROM (SELECT {_JSON}::text AS json, {key} AS key, {listing.id} AS id"
        f" FROM {_source(listing)} WHERE {' AND '.join(conditions)} ORDER BY {order} LIMIT {limit + 1:d}) p"
    )


def _conditions(listing: Listing, flags: tuple[tuple[str, bool], ...]) -> tuple[list[str], int]:
    """Gives the conditions, and the number of parameters in them."""
    conditions, parameters = [listing.condition], 0
    for name, holds in flags:
        condition = listing.filters[name].condition
        if "{}" in condition:
            parameters += 1
            condition = condition.replace("{}", f"${parameters}")
        conditions.append(condition if holds else f"NOT ({condition})")
    return conditions, parameters


def _behind(listing: Listing, sort: Sort, *, descending: bool, parameters: int) -> str:
    comparison = "<" if descending else ">"
    if sort.expression == listing.id:
        return f"{listing.id} {comparison} ${parameters + 1}"
    return f"({sort.expression}, {listing.id}) {comparison} (${parameters + 1}::text::{sort.type}, ${parameters + 2})"


async def read_page(executor: Executor, listing: Listing, ask: Ask) -> Page:
    """Reads a page of a list."""
    statement, parameters = page_statement(listing, ask)
    row = await executor.fetchrow(statement, *parameters)
    if row["one_too_many"] is None:
        return Page(row["items"] or b"", None, None)
    with_its_comma = row["one_too_many"] + 1
    return Page(row["items"][:-with_its_comma], row["key"], row["id"])


async def read_all(executor: Executor, listing: Listing, filters: Mapping[str, Any], *, most: int = 2000) -> bytes:
    """Reads the items of a list that is short by nature, the oldest first: their JSON texts joined by commas."""
    return (await read_page(executor, listing, Ask(filters, "created_at", most))).items
