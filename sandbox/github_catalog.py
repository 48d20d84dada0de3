"""The issue types and issue fields of an organization in the sandbox GitHub: how they are set, shown and asked for."""

from datetime import date
from typing import Any

from sandbox.github_errors import invalid, unreadable
from sandbox.github_nodes import node_id
from sandbox.github_records import Catalog, FieldOption, Issue, IssueField, IssueType, Repository
from sandbox.github_state import State

DATA_TYPES = ("text", "single_select", "multi_select", "number", "date")


def set_catalog(state: State, login: str, request: dict[str, Any]) -> Catalog:
    """Give an organization exactly the `types` (names) and `fields` (name, data_type, options as names) of a request.

    What had the same name before keeps its id.
    """
    before = state.find(Catalog, login.lower()) or Catalog(login=login, created_at=state.instant())
    ids = {("type", row.name): row.id for row in before.types} | {("field", row.name): row.id for row in before.fields}
    ids |= {(f"option of {row.name}", option.name): option.id for row in before.fields for option in row.options}

    def id_of(kind: str, name: str) -> int:
        return ids.get((kind, name)) or state.new_id()

    catalog = Catalog(login=login, created_at=before.created_at)
    catalog.types = [IssueType(id=id_of("type", name), name=name) for name in request.get("types", [])]
    for given in request.get("fields", []):
        if given["data_type"] not in DATA_TYPES:
            raise invalid("IssueField", "data_type", "invalid", value=given["data_type"])
        options = [FieldOption(id=id_of(f"option of {given['name']}", name), name=name) for name in given.get("options", [])]
        field_id = id_of("field", given["name"])
        catalog.fields.append(IssueField(id=field_id, name=given["name"], data_type=given["data_type"], options=options))
    state.save(catalog)
    state.commit()
    return catalog


def catalog_of(state: State, repository: Repository) -> Catalog | None:
    """Return the types and fields that issues of a repository may have."""
    return state.find(Catalog, repository.owner.lower())


def type_document(catalog: Catalog | None, name: str | None) -> dict[str, Any] | None:
    """Write the issue type of a name, or null where there is none."""
    found = next((row for row in catalog.types if row.name == name), None) if catalog else None
    if found is None or catalog is None:
        return None
    return {
        "id": found.id,
        "node_id": node_id("IssueType", found.id),
        "name": found.name,
        "description": None,
        "color": "gray",
        "created_at": catalog.created_at,
        "updated_at": catalog.created_at,
        "is_enabled": True,
    }


def field_document(catalog: Catalog | None, field_id: int) -> dict[str, Any] | None:
    """Write an issue field, or null where there is none."""
    found = _field(catalog, field_id)
    if found is None:
        return None
    return {
        "id": found.id,
        "node_id": node_id("IssueField", found.id),
        "name": found.name,
        "description": None,
        "data_type": found.data_type,
        "options": [{**_option(option), "description": None} for option in found.options],
    }


def _field(catalog: Catalog | None, field_id: int) -> IssueField | None:
    return next((row for row in catalog.fields if row.id == field_id), None) if catalog else None


def _option(option: FieldOption) -> dict[str, Any]:
    return {"id": option.id, "name": option.name, "color": option.color}


def field_values_document(issue: Issue, catalog: Catalog | None) -> list[dict[str, Any]]:
    """Write the values that an issue has for the fields that there are."""
    found = ((_field(catalog, field_id), value) for field_id, value in issue.field_values.items())
    return [_value_document(issue, row, value) for row, value in found if row is not None]


def _value_document(issue: Issue, row: IssueField, value: str | float | list[str]) -> dict[str, Any]:
    chosen = [_option(option) for option in row.options if option.name in (value if isinstance(value, list) else [value])]
    return {
        "issue_field_id": row.id,
        "issue_field_name": row.name,
        "node_id": node_id("IssueFieldValue", issue.id + row.id),
        "data_type": row.data_type,
        "value": ", ".join(value) if isinstance(value, list) else value,
        "single_select_option": chosen[0] if row.data_type == "single_select" and chosen else None,
        **({"multi_select_options": chosen} if row.data_type == "multi_select" else {}),
    }


def read_type(value: Any, catalog: Catalog | None) -> str | None:
    """Return the name of the wanted issue type as the organization writes it, or raise what GitHub answers."""
    if isinstance(value, dict):
        value = value.get("value")
    if value is None:
        return None
    if not isinstance(value, str):
        raise unreadable("properties/type", f"{value!r} is not a string")
    for row in catalog.types if catalog else []:
        if row.name.lower() == value.lower():
            return row.name
    raise invalid("Issue", "type", "invalid", value=value)


def read_field_values(given: Any, catalog: Catalog | None) -> dict[int, Any]:
    """Return the wanted values by field id, or raise what GitHub answers."""
    if not isinstance(given, list) or not all(isinstance(entry, dict) for entry in given):
        raise unreadable("properties/issue_field_values", f"{given!r} is not an array of objects")
    wanted: dict[int, Any] = {}
    for entry in given:
        row = _field(catalog, entry.get("field_id", 0))
        if row is None:
            raise invalid("Issue", "issue_field_values", "invalid", value=entry.get("field_id"))
        if not _fits(row, entry.get("value")):
            raise invalid("Issue", "issue_field_values", "invalid", value=entry.get("value"))
        wanted[row.id] = entry["value"]
    return wanted


def _fits(row: IssueField, value: Any) -> bool:
    names = {option.name for option in row.options}
    if row.data_type == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if row.data_type == "multi_select":
        return isinstance(value, list) and set(map(str, value)) <= names
    if not isinstance(value, str):
        return False
    return value in names if row.data_type == "single_select" else row.data_type == "text" or _is_date(value)


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
