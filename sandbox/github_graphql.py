"""The one question that the sandbox GitHub answers in GraphQL: which of these issues are there, and how fresh are they.

https://docs.github.com/graphql/reference/interfaces#node
"""

import re
from typing import Any

from litestar import Request, Response, post

from sandbox.github_access import Caller, require_caller
from sandbox.github_calls import Sandbox, answer
from sandbox.github_documents import GRAPHQL_PATH
from sandbox.github_errors import read_object
from sandbox.github_nodes import issue_number_of, node_id
from sandbox.github_records import Issue, Repository

MOST_IDS = 100
TOKEN = re.compile(r"\.\.\.|\w+|[^\s,\w]")
QUESTION = re.compile(
    r"query (?:\w+ )?\( \$ ids : \[ ID ! \] ! \) { nodes \( ids : \$ ids \) { (?:__typename )?\.\.\. on Issue { (?P<fields>.*) } } }"
)
FIELDS = ("__typename", "id", "databaseId", "number", "updatedAt", "repository { databaseId }")


@post(GRAPHQL_PATH, status_code=200)
async def ask(request: Request[Any, Any, Any], sandbox: Sandbox) -> Response[Any]:
    """Answer the question; anything else is an error within a 200, as GraphQL has it."""
    caller, sent = require_caller(request, sandbox.access, sandbox.state), await read_object(request)
    fields = _asked_fields(str(sent.get("query", "")))
    ids = (sent.get("variables") or {}).get("ids")
    if fields is None:
        return _refused("undefinedField", "The sandbox answers the question for issues by their ids alone")
    if not isinstance(ids, list):
        return _refused("argumentLiteralsIncompatible", "Variable $ids of type [ID!]! was provided invalid value")
    if len(ids) > MOST_IDS:
        return _refused("ARGUMENT_LIMIT", f"You may not provide more than {MOST_IDS} node ids; you provided {len(ids)}.")
    nodes = [_node(str(node), fields, caller=caller, sandbox=sandbox) for node in ids]
    errors = [_unresolved(place, ids[place]) for place, node in enumerate(nodes) if node is None]
    return answer({"data": {"nodes": nodes}, **({"errors": errors} if errors else {})})


def _asked_fields(query: str) -> list[str] | None:
    """Return the fields that are asked for, or None where it is another question."""
    match = QUESTION.fullmatch(" ".join(TOKEN.findall(query)))
    if match is None:
        return None
    fields = re.findall(r"\w+(?: {.*?})?", match["fields"])
    return fields if " ".join(fields) == match["fields"] and set(fields) <= set(FIELDS) else None


def _node(node: str, fields: list[str], *, caller: Caller, sandbox: Sandbox) -> dict[str, Any] | None:
    number = issue_number_of(node)
    issue = sandbox.state.issue_by_id(number) if number is not None else None
    repository = sandbox.state.find(Repository, issue.repository_id) if issue else None
    if issue is None or repository is None or not caller.sees(repository) or not repository.has_issues:
        return None
    known = _known(issue, repository)
    return {name: known[name] for name in (field.split()[0] for field in fields)}


def _known(issue: Issue, repository: Repository) -> dict[str, Any]:
    return {
        "__typename": "Issue",
        "id": node_id("Issue", issue.id),
        "databaseId": issue.id,
        "number": issue.number,
        "updatedAt": issue.updated_at,
        "repository": {"databaseId": repository.id},
    }


def _unresolved(place: int, node: Any) -> dict[str, Any]:
    message = f"Could not resolve to a node with the global id of '{node}'"
    return {"type": "NOT_FOUND", "path": ["nodes", place], "locations": [{"line": 1, "column": 1}], "message": message}


def _refused(kind: str, message: str) -> Response[Any]:
    return answer({"errors": [{"type": kind, "message": message}]})


HANDLERS = [ask]
