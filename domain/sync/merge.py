"""The merge: base, local and remote value of each field come together by its rule. Pure; an echo of our own write changes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import datetime

from domain.sync.table import Side
from domain.trackers.contract import Field, Fields, FieldValue

OPEN, DONE, CANCELLED = "open", "done", "cancelled"
CLOSED = frozenset({DONE, CANCELLED})
OURS = frozenset({Field.DUE_ON, Field.PRIORITY})


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field that both sides changed differently: who won, and by which rule."""

    field: Field
    base: FieldValue
    local: FieldValue
    remote: FieldValue
    winner: Side
    rule: str


@dataclass(frozen=True, slots=True)
class Merged:
    """What both sides should hold: the values to write into the task, those to write into the issue, and the conflicts."""

    agreed: Fields
    pull: Fields
    push: Fields
    conflicts: tuple[Conflict, ...]


@dataclass(frozen=True, slots=True)
class Ages:
    """When each side was last changed, instants of the servers, aware; `fields` say it for single fields of ours."""

    local: datetime
    remote: datetime
    fields: Mapping[Field, datetime] = dataclass_field(default_factory=dict)


def canon(field: Field, value: FieldValue, *, title_limit: int) -> FieldValue:
    """Brings a value into its canonical form, so that equal meanings are equal values."""
    if field is Field.ASSIGNEE:
        return [login.strip().lower() for login in value] if isinstance(value, list) else (value or "").strip().lower() or None
    if isinstance(value, list):
        return sorted({label.strip().lower() for label in value if label.strip()})
    if value is None or field is Field.STATUS:
        return value
    value = value.replace("\x00", "")
    if field is Field.TITLE:
        title = " ".join(value.split())
        return title if len(title) <= title_limit else title[: title_limit - 1].rstrip() + "…"
    return "\n".join(line.rstrip() for line in value.replace("\r\n", "\n").replace("\r", "\n").strip().split("\n"))


def canon_all(fields: Fields, *, title_limit: int) -> Fields:
    """Brings all values into their canonical form."""
    return {field: canon(field, value, title_limit=title_limit) for field, value in fields.items()}


def merge(base: Fields, local: Fields, remote: Fields, *, ages: Ages) -> Merged:
    """Decides every field; all values canonical. A field that the base doesn't hold yet counts as changed on both sides."""
    agreed: Fields = {}
    conflicts = []
    for field in local:
        value, conflict = _decide(field, base.get(field), local[field], remote.get(field), ages)
        agreed[field] = value
        if conflict is not None:
            conflicts.append(conflict)
    pull = {field: value for field, value in agreed.items() if value != local[field]}
    push = {field: value for field, value in agreed.items() if value != remote.get(field)}
    return Merged(agreed, pull, push, tuple(conflicts))


def _decide(field: Field, base: FieldValue, local: FieldValue, remote: FieldValue, ages: Ages) -> tuple[FieldValue, Conflict | None]:
    if field is Field.BODY:
        return local, _body_conflict(base, local, remote)
    if field is Field.PRIORITY and remote is None:
        # A task always has one: taking it away there is no change for here.
        return local, None
    if remote in (local, base):
        return local, None
    if local == base:
        return remote, None
    if field is Field.LABELS:
        return _merge_labels(base, local, remote), None
    return _resolve(field, base, local, remote, ages)


def _body_conflict(base: FieldValue, local: FieldValue, remote: FieldValue) -> Conflict | None:
    """The managed region is ours: an edit within it is noted, then overwritten."""
    if remote in (base, local):
        return None
    return Conflict(Field.BODY, base, local, remote, Side.LOCAL, "the managed region is written by Followthrough")


def _merge_labels(base: FieldValue, local: FieldValue, remote: FieldValue) -> FieldValue:
    """Merges as sets: what either side added is there, what either side removed is not."""
    before, here, there = (set(value or ()) for value in (base, local, remote))
    return sorted((before | here | there) - (before - here) - (before - there))


def _resolve(field: Field, base: FieldValue, local: FieldValue, remote: FieldValue, ages: Ages) -> tuple[FieldValue, Conflict]:
    if field in OURS:
        winner, rule = Side.LOCAL, "the task's own value counts"
    elif field is Field.STATUS and remote in CLOSED and local not in CLOSED:
        winner, rule = Side.REMOTE, "closing in the tracker beats a change that is no closing"
    elif ages.fields.get(field, ages.local) > ages.remote:
        winner, rule = Side.LOCAL, "the newer change wins"
    else:
        winner, rule = Side.REMOTE, "the newer change wins, a tie goes to the tracker"
    value = local if winner is Side.LOCAL else remote
    return value, Conflict(field, base, local, remote, winner, rule)
