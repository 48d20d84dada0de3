"""The read path: a SELECT whose rows PostgreSQL itself writes as JSON; the bytes go out unread.

A `Listing` says in data what may be asked of a resource: its columns, filters and sorts. Only constants of the code get into the SQL text;
every value of a caller is a parameter.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID


class Executor(Protocol):
    """What runs a read: asyncpg's pool, or one of its connections inside a transaction."""

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


@dataclass(frozen=True, slots=True)
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

    json: str
    version: int


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its items' JSON texts joined by commas, and where the next page starts (None at the end)."""

    items: str
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


def one_statement(listing: Listing) -> str:
    """The SELECT of one row by its id."""
    return (
        f"SELECT {_json(listing)} AS json, {listing.version} AS version"
        f" FROM {listing.source} WHERE {listing.id} = $1 AND {listing.condition}"
    )


def _json(listing: Listing) -> str:
    return f"(SELECT row_to_json(r) FROM (SELECT {listing.columns}) r)::text"


async def read_one(executor: Executor, listing: Listing, row_id: UUID) -> One | None:
    """Reads one row; None where there is none."""
    row = await executor.fetchrow(one_statement(listing), row_id)
    return None if row is None else One(row["json"], row["version"])


def page_statement(listing: Listing, ask: Ask) -> tuple[str, list[Any]]:
    """The SELECT of a page and its parameters: one row, whatever the number of items.

    It looks one row further than the page, to tell whether there is more.
    """
    descending = ask.sort.startswith("-")
    sort = listing.sorts[ask.sort.removeprefix("-")]
    direction = "DESC" if descending else "ASC"
    parameters: list[Any] = [ask.limit]
    conditions = [listing.condition, *_conditions(listing, ask.filters, parameters)]
    if ask.after is not None:
        conditions.append(_behind(listing, sort, after=ask.after, descending=descending, parameters=parameters))
    order = f"{sort.expression} {direction}" + ("" if sort.expression == listing.id else f", {listing.id} {direction}")
    statement = (
        "SELECT string_agg(p.json, ',' ORDER BY p.n) FILTER (WHERE p.n <= $1) AS items, max(p.n) > $1 AS more,"
        " max(p.key) FILTER (WHERE p.n = $1) AS key, max(p.id) FILTER (WHERE p.n = $1) AS id"
        f" FROM (SELECT {_json(listing)} AS json, ({sort.expression})::text AS key, {listing.id}::text AS id,"
        f" row_number() OVER (ORDER BY {order}) AS n"
        f" FROM {listing.source} WHERE {' AND '.join(conditions)} ORDER BY {order} LIMIT $1::bigint + 1) p"
    )
    return statement, parameters


def _conditions(listing: Listing, values: Mapping[str, Any], parameters: list[Any]) -> list[str]:
    conditions = []
    for name, value in values.items():
        condition = listing.filters[name].condition
        if "{}" in condition:
            parameters.append(value)
            conditions.append(condition.replace("{}", f"${len(parameters)}"))
        else:
            conditions.append(condition if value else f"NOT ({condition})")
    return conditions


def _behind(listing: Listing, sort: Sort, *, after: After, descending: bool, parameters: list[Any]) -> str:
    comparison = "<" if descending else ">"
    if sort.expression == listing.id:
        parameters.append(after.id)
        return f"{listing.id} {comparison} ${len(parameters)}"
    parameters += [after.key, after.id]
    key, row = len(parameters) - 1, len(parameters)
    return f"({sort.expression}, {listing.id}) {comparison} (${key}::text::{sort.type}, ${row})"


async def read_page(executor: Executor, listing: Listing, ask: Ask) -> Page:
    """Reads a page of a list."""
    statement, parameters = page_statement(listing, ask)
    row = await executor.fetchrow(statement, *parameters)
    if not row["more"]:
        return Page(row["items"] or "", None, None)
    return Page(row["items"], row["key"], UUID(row["id"]))


async def read_all(executor: Executor, listing: Listing, filters: Mapping[str, Any], *, most: int = 2000) -> str:
    """Reads the items of a list that is short by nature, the oldest first: their JSON texts joined by commas."""
    return (await read_page(executor, listing, Ask(filters, "created_at", most))).items
