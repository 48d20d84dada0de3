"""Request bodies, read strictly: the right media type, JSON that parses, the declared members and no others, every error named."""

import difflib
import re
from datetime import date, datetime
from enum import StrEnum
from typing import Any, get_args

import msgspec
from litestar import Request

from domain.errors import InvalidError, MalformedError, Place, UnsupportedMediaError, pointer
from domain.filters import STORABLE_DAYS, STORABLE_INSTANTS, is_storable

JSON_TYPES = ("application/json", "application/merge-patch+json")
_LOCATION = re.compile(r" - at `\$([^`]*)`$")
_INDEX = re.compile(r"\[(\d+|\.\.\.)\]")


class StrictRequest(Request[Any, Any, Any]):
    """A request whose JSON body arrives in handlers as the declared struct, checked without any leniency."""

    async def json(self) -> Any:
        """Reads the body as the type that the handler declares for `data`. Raises MalformedError, InvalidError, UnsupportedMediaError."""
        _check_media_type(self)
        declared = self.route_handler.parsed_fn_signature.parameters["data"].annotation
        return read_body(await self.body(), declared)


def _check_media_type(request: Request[Any, Any, Any]) -> None:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in JSON_TYPES:
        raise UnsupportedMediaError(f"Send the body as application/json; this one came as {media_type or 'nothing in particular'}.")


def read_body(body: bytes, declared: type[Any]) -> Any:
    """Decodes JSON into a struct; all wrong members are named at once."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise MalformedError(f"The body is not JSON: {error}") from None
    try:
        struct = msgspec.convert(value, declared)
        places = _unstorable(struct)
    except msgspec.ValidationError as error:
        raise _invalid(_all_errors(value, declared) or [_place("", str(error))]) from None
    if places:
        raise _invalid(places)
    return struct


def _invalid(places: list[Place]) -> InvalidError:
    return InvalidError("The body says something that can't be so.", *places)


def _unstorable(value: Any, at: str = "") -> list[Place]:
    """Finds what PostgreSQL can't store as what it is: texts with U+0000, and days and instants at the calendar's ends."""
    if isinstance(value, str):
        return [pointer(at, "leave the character U+0000 out")] if "\x00" in value else []
    if isinstance(value, date) and not is_storable(value):
        return [pointer(at, STORABLE_INSTANTS if isinstance(value, datetime) else STORABLE_DAYS)]
    if isinstance(value, msgspec.Struct):
        return [place for name, inner in msgspec.structs.asdict(value).items() for place in _unstorable(inner, f"{at}/{name}")]
    if isinstance(value, list):
        return [place for index, inner in enumerate(value) for place in _unstorable(inner, f"{at}/{index}")]
    return []


def _all_errors(value: Any, declared: type[Any]) -> list[Place]:
    if not isinstance(value, dict):
        return [pointer("", "send a JSON object")]
    fields = {field.encode_name: field for field in msgspec.structs.fields(declared)}
    places = [_unknown(name, list(fields)) for name in value.keys() - fields.keys()]
    for name, field in fields.items():
        if name in value:
            places += _field_error(value[name], field.type, at=f"/{name}")
        elif field.required:
            places.append(pointer(f"/{name}", "this is required"))
    return sorted(places, key=lambda place: str(place.at))


def _unknown(name: str, known: list[str]) -> Place:
    near = difflib.get_close_matches(name, known, n=1)
    return pointer(f"/{_escape(name)}", f"there is no such member; did you mean {near[0]!r}?" if near else "there is no such member")


def _field_error(value: Any, declared: Any, *, at: str) -> list[Place]:
    try:
        msgspec.convert(value, declared)
    except msgspec.ValidationError as error:
        place = _place(at, str(error))
        allowed = _allowed(declared) if str(error).startswith("Invalid enum value") else []
        return [pointer(str(place.at), f"use one of {', '.join(allowed)}") if allowed else place]
    return []


def _allowed(declared: Any) -> list[str]:
    """Gives the values of the enumeration within a type."""
    if isinstance(declared, type) and issubclass(declared, StrEnum):
        return [member.value for member in declared]
    return next((found for part in get_args(declared) if (found := _allowed(part))), [])


def _place(at: str, message: str) -> Place:
    found = _LOCATION.search(message)
    if found is None:
        return pointer(at, _plainly(message))
    path = _INDEX.sub(r".\1", found.group(1)).replace(".", "/").replace("///", "/0")
    return pointer(at + path, _plainly(message[: found.start()]))


def _plainly(message: str) -> str:
    text = message.replace("`", "").replace("| msgspec.UnsetType", "").replace("matching regex '\\\\S'", "with something to read in it")
    return text[0].lower() + text[1:]


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
