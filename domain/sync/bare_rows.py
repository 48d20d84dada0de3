"""Rows that bare asyncpg reads and writes, as the objects that the ORM would make of them, but outside of any session.

A session costs ten times what the statement itself does; so what happens for every link, and nothing else, goes without one.
"""

from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any, Generic, TypeVar, cast

import msgspec
from sqlalchemy import inspect
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapper
from sqlmodel import SQLModel

from domain.columns import TextEnum

T = TypeVar("T", bound=SQLModel)


class BareRows(Generic[T]):
    """Reads and writes the rows of one table, whose columns (all but `without`) are read in the order of `columns`."""

    def __init__(self, table: type[T], *, without: Iterable[str] = ()) -> None:
        mapper: Mapper[T] = inspect(table)
        self._new: Callable[[], T] = mapper.class_manager.new_instance
        kinds = {column.key: column.type for column in mapper.columns if column.key not in set(without)}
        self.names = list(kinds)
        self._documents = {name for name, kind in kinds.items() if isinstance(kind, JSONB)}
        self._readers = [(at, name, read) for at, (name, kind) in enumerate(kinds.items()) if (read := _reader(kind)) is not None]

    def columns(self, alias: str) -> str:
        """Lists the columns for a SELECT or RETURNING."""
        return ", ".join(f"{alias}.{name}" for name in self.names)

    def read(self, values: tuple[Any, ...]) -> T:
        """Makes the object of a row's values, which are in the order of `columns`."""
        row = dict(zip(self.names, values, strict=True))
        for at, name, read in self._readers:
            if values[at] is not None:
                row[name] = read(values[at])
        made = self._new()
        made.__dict__.update(row)
        return made

    def copy(self, row: T) -> T:
        """Gives the same values to change without changing the row: a plain object, as the ORM's would note each change for a session."""
        values = row.__dict__
        return cast(T, SimpleNamespace(**{name: values[name] for name in self.names}))

    def write(self, row: T, names: Iterable[str]) -> list[Any]:
        """Gives the values of some columns as asyncpg takes them."""
        values = row.__dict__
        return [_json(values[name]) if name in self._documents else values[name] for name in names]


def _reader(kind: Any) -> Callable[[Any], Any] | None:
    if isinstance(kind, TextEnum):
        return kind.enum
    return msgspec.json.decode if isinstance(kind, JSONB) else None


def _json(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()
