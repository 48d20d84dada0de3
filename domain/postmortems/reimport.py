"""What a document says now, what it said last time, and what people made of it since: the rules that bring the three together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Outcome:
    """What to change in a row, and the members in which people's edits were kept against the document."""

    changes: dict[str, Any]
    kept: tuple[str, ...]


def bring_together(present: Mapping[str, Any], imported: Mapping[str, Any], document: Mapping[str, Any]) -> Outcome:
    """Takes the document's value where nobody edited the present one since the last import; keeps people's edits otherwise.

    None in the document is no opinion. A kept edit is told only where the document would have it otherwise.
    """
    changes: dict[str, Any] = {}
    kept = []
    for name, value in document.items():
        if value is None or value == present[name]:
            continue
        if name not in imported or present[name] == imported[name]:
            changes[name] = value
        else:
            kept.append(name)
    return Outcome(changes, tuple(kept))


def jsonable(value: Any) -> Any:
    """Turns values into what a JSON column gives back, so that the two can be compared."""
    if isinstance(value, dict):
        return {name: jsonable(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(inner) for inner in value]
    if value is None or isinstance(value, str | int | float | bool):
        return getattr(value, "value", value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
