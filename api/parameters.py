"""Parameters, read strictly: an unknown one of the query is refused, with the nearest known name, and an id in an odd form."""

import difflib
from typing import Any
from uuid import UUID

from litestar import Request

from domain.errors import MalformedError, NotFoundError, parameter


async def check_parameters(request: Request[Any, Any, Any]) -> None:
    """Runs before every handler: raises NotFoundError for an id in an odd form, and MalformedError for an unknown or repeated parameter."""
    _refuse_odd_ids(request)
    _refuse_unknown_parameters(request)


def _refuse_odd_ids(request: Request[Any, Any, Any]) -> None:
    """The framework reads ids in braces, without dashes and as urn:uuid: too, so that a resource would have many addresses."""
    for found in request.path_params.values():
        if isinstance(found, UUID) and str(found) not in request.scope["path"].lower().split("/"):
            raise NotFoundError("The address holds something that is no id.")


def _refuse_unknown_parameters(request: Request[Any, Any, Any]) -> None:
    if not request.scope["query_string"]:
        return
    known = request.route_handler.opt.get("parameters", ())
    given = request.query_params
    if len(given) == len(set(given.keys()).intersection(known)):
        return
    places = [parameter(name, _hint(name, known)) for name in given.keys() - set(known)]
    places += [
        parameter(name, "give it once, several values separated by commas") for name in set(known) if len(given.getall(name, [])) > 1
    ]
    if places:
        raise MalformedError("The query has parameters that this operation doesn't know.", *sorted(places, key=lambda p: str(p.at)))


def _hint(name: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if near:
        return f"there is no such parameter; did you mean {near[0]!r}?"
    return f"there is no such parameter; known are {', '.join(known)}" if known else "this operation takes no parameters"
