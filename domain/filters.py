"""The kinds of filter that a list can have: each reads a query parameter's text, and says what would be right."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from domain.reading import Filter

T = TypeVar("T")
MOST_VALUES = 50
LONGEST_TEXT = 500


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
            return date.fromisoformat(text)
        except ValueError:
            raise ValueError("write a day as 2026-08-10") from None

    return Filter(condition, parse, {"type": "string", "format": "date"}, description)


def an_instant(condition: str, description: str) -> Filter:
    """Filters by an instant with its offset."""

    def parse(text: str) -> datetime:
        try:
            # A plus sign that was not encoded in the URL arrives as a blank.
            instant = datetime.fromisoformat(text.replace(" ", "+"))
        except ValueError:
            raise ValueError("write an instant as 2026-08-10T14:30:00Z") from None
        if instant.tzinfo is None:
            raise ValueError("add the offset: 2026-08-10T14:30:00Z")
        try:
            return instant.astimezone(UTC)
        except OverflowError:
            raise ValueError("use an instant between the years 1 and 9999 in UTC") from None

    return Filter(condition, parse, {"type": "string", "format": "date-time"}, description)


def a_text(condition: str, description: str) -> Filter:
    """Filters by one text, commas included."""
    schema = {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT}
    return Filter(condition, _plain_text, schema, description)


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
        return UUID(text)
    except ValueError:
        raise ValueError(f"{text!r} is not an id; ids look like 0192f0c4-5c3e-7b1a-9d2e-3f4a5b6c7d8e") from None
