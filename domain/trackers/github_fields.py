"""Issue fields of an organisation on GitHub that hold a task's due date and priority: which they are, and their values."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from domain.trackers.contract import Field, Fields

NATIVE = (Field.DUE_ON, Field.PRIORITY)
PRIORITIES = ("P0", "P1", "P2", "P3", "P4")

_DUE_NAMES = ("due date", "due", "target date", "target")
_PRIORITY_NAME = "priority"
_PRIORITY_WORDS = {
    "P0": ("urgent", "critical", "blocker", "highest"),
    "P1": ("high",),
    "P2": ("medium", "normal", "moderate"),
    "P3": ("low",),
    "P4": ("lowest", "trivial"),
}


class OptionDocument(msgspec.Struct, frozen=True):
    """A value that a field allows."""

    name: str


class FieldDocument(msgspec.Struct, frozen=True):
    """An issue field: https://docs.github.com/rest/orgs/issue-fields#list-issue-fields-for-an-organization"""

    id: int
    name: str
    data_type: str
    options: list[OptionDocument] | None = None


class FieldValueDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """An issue's value of a field: https://docs.github.com/rest/issues/issue-field-values"""

    issue_field_id: int
    value: Any = None
    single_select_option: OptionDocument | None = None


def match_fields(fields: Iterable[FieldDocument]) -> dict[str, Any]:
    """Returns what `Project.native` holds: the fields for due date and priority, by their names, and each priority's option."""
    known = {(field.data_type, field.name.strip().lower()): field for field in reversed(list(fields))}
    native: dict[str, Any] = {}
    due = next((known[key] for name in _DUE_NAMES if (key := ("date", name)) in known), None)
    if due is not None:
        native[Field.DUE_ON.value] = {"id": due.id}
    priority = known.get(("single_select", _PRIORITY_NAME))
    options = _match_options([option.name for option in priority.options or []] if priority is not None else [])
    if priority is not None and options:
        native[Field.PRIORITY.value] = {"id": priority.id, "options": options}
    return native


def _match_options(names: list[str]) -> dict[str, str]:
    """Returns an option for each priority, or nothing where no option is like one.

    A priority without an option of its own takes that of the next less urgent one, or else of the nearest.
    """
    found: dict[str, str] = {}
    for priority in PRIORITIES:
        own = next((name for name in names if _says(name, priority)), None)
        if own is not None:
            found[priority] = own
    return {priority: found[_stand_in(priority, list(found))] for priority in PRIORITIES} if found else {}


def _says(name: str, priority: str) -> bool:
    """Says whether an option means a priority: by its number at the start of the name, else by a word."""
    numbered = re.match(r"\s*(p[0-4])\b", name, re.IGNORECASE)
    if numbered:
        return numbered[1].upper() == priority
    return name.strip().lower() in _PRIORITY_WORDS[priority]


def _stand_in(priority: str, existing: list[str]) -> str:
    return next((each for each in existing if each >= priority), existing[-1])


def read_native(values: Iterable[FieldValueDocument], native: Mapping[str, Any]) -> Fields:
    """Returns an issue's due date and priority, each where the project has a field for it; None where unset or not understood."""
    by_field = {value.issue_field_id: value for value in values}
    fields: Fields = {}
    if Field.DUE_ON in native:
        fields[Field.DUE_ON] = _read_date(by_field.get(native[Field.DUE_ON]["id"]))
    if Field.PRIORITY in native:
        fields[Field.PRIORITY] = _read_priority(by_field.get(native[Field.PRIORITY]["id"]), native[Field.PRIORITY]["options"])
    return fields


def _read_date(value: FieldValueDocument | None) -> str | None:
    """Returns the plain date; whatever follows it is no part of a date."""
    if value is None or not isinstance(value.value, str) or not re.match(r"\d{4}-\d{2}-\d{2}", value.value, re.ASCII):
        return None
    return value.value[:10]


def _read_priority(value: FieldValueDocument | None, options: Mapping[str, str]) -> str | None:
    """Returns the most urgent priority that is written as the option."""
    if value is None:
        return None
    name = value.single_select_option.name if value.single_select_option else value.value
    return next((priority for priority in PRIORITIES if options.get(priority) == name), None)


def write_native(fields: Fields, native: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns `issue_field_values` of a request for the fields that are given a value."""
    values: list[dict[str, Any]] = []
    due_on, priority = fields.get(Field.DUE_ON), fields.get(Field.PRIORITY)
    if due_on is not None and Field.DUE_ON in native:
        values.append({"field_id": native[Field.DUE_ON]["id"], "value": due_on})
    if priority is not None and Field.PRIORITY in native:
        values.append({"field_id": native[Field.PRIORITY]["id"], "value": native[Field.PRIORITY]["options"][priority]})
    return values


def cleared_fields(changes: Fields, native: Mapping[str, Any]) -> list[int]:
    """Returns GitHub's ids of the fields that lose their value; a request that changes the issue can only give them another.

    https://docs.github.com/rest/issues/issue-field-values#delete-an-issue-field-value
    """
    return [native[field]["id"] for field in NATIVE if field in native and field in changes and changes[field] is None]
