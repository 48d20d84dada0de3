"""The kinds of filter that a list can have: each reads a query parameter's text, and says what would be right."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from domain.reading import Filter

T = TypeVar("T")
MOST_VALUES = 50
LONGEST_TEXT = 500
STORABLE_DAYS = "use a day between 0001-01-02 and 9999-12-30"
STORABLE_INSTANTS = "use an instant between the years 1 and 9999 in UTC, without their first and last day"


def one_of_several(condition: str, enum: type[StrEnum], description: str) -> Filter:
    """Filters by values of an enumeration, several separated by commas."""
    allowed = [member.value for member in enum]

    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"{text!r} is not one of {', '.join(allowed)}")
        return text

    return Filter(condition, _several(parse), _array({"type": "string", "enum": allowed}), description)


def texts(condition: str, description: str, *, lower: bool = False) -> Filter:
    """Filters by texts, several separated by commas."""

    def parse(text: str) -> str:
        return _plain_text(text.lower() if lower else text)

    return Filter(condition, _several(parse), _array({"type": "string"}), description)


def ids(condition: str, description: str) -> Filter:
    """Filters by ids, several separated by commas."""
    return Filter(condition, _several(_uuid), _array({"type": "string", "format": "uuid"}), description)


def a_flag(condition: str, description: str) -> Filter:
    """Filters by a condition that must hold (true) or must not (false)."""

    def parse(text: str) -> bool:
        if text not in {"true", "false"}:
            raise ValueError("write true or false")
        return text == "true"

    return Filter(condition, parse, {"type": "boolean"}, description)


def a_date(condition: str, description: str) -> Filter:
    """Filters by a calendar day."""

    def parse(text: str) -> date:
        try:
            day = msgspec.convert(text, date)
        except msgspec.ValidationError:
            raise ValueError("write a day as 2026-08-10") from None
        if not is_storable(day):
            raise ValueError(STORABLE_DAYS)
        return day

    return Filter(condition, parse, {"type": "string", "format": "date"}, description)


def an_instant(condition: str, description: str) -> Filter:
    """Filters by an instant with its offset."""

    def parse(text: str) -> datetime:
        try:
            # A plus sign that was not encoded in the URL arrives as a blank.
            instant = msgspec.convert(text.replace(" ", "+"), datetime)
        except msgspec.ValidationError:
            raise ValueError("write an instant as 2026-08-10T14:30:00Z") from None
        if instant.tzinfo is None:
            raise ValueError("add the offset: 2026-08-10T14:30:00Z")
        if not is_storable(instant):
            raise ValueError(STORABLE_INSTANTS)
        return instant.astimezone(UTC)

    return Filter(condition, parse, {"type": "string", "format": "date-time"}, description)


def a_text(condition: str, description: str) -> Filter:
    """Filters by one text, commas included."""
    schema = {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT}
    return Filter(condition, _plain_text, schema, description)


def is_storable(moment: date) -> bool:
    """Tells whether PostgreSQL keeps a day or an instant (with its offset) as what it is.

    The calendar's first and last values stand for -infinity and infinity there: https://magicstack.github.io/asyncpg/current/usage.html
    """
    try:
        day = moment.astimezone(UTC).date() if isinstance(moment, datetime) else moment
    except OverflowError:
        return False
    return date.min < day < date.max


def _several(parse: Callable[[str], T]) -> Callable[[str], list[T]]:
    def parse_all(text: str) -> list[T]:
        parts = text.split(",")
        if len(parts) > MOST_VALUES:
            raise ValueError(f"give at most {MOST_VALUES} values")
        return [parse(part.strip()) for part in parts]

    return parse_all


def _array(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": 1, "maxItems": MOST_VALUES}


def _plain_text(text: str) -> str:
    if not 0 < len(text) <= LONGEST_TEXT:
        raise ValueError(f"write 1 to {LONGEST_TEXT} characters")
    if "\x00" in text:
        raise ValueError("leave the character U+0000 out")
    return text


def _uuid(text: str) -> UUID:
    try:
        found = UUID(text)
    except ValueError:
        found = None
    if found is None or str(found) != text.lower():  # Python reads braces, urn:uuid: and no dashes too
        raise ValueError(f"{text!r} is not an id; ids look like 0192f0c4-5c3e-7b1a-9d2e-3f4a5b6c7d8e")
    return found
