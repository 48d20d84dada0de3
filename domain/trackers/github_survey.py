"""Where issues of GitHub's are by now and when they last changed, a hundred of them with one request to GraphQL."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from domain.trackers.contract import Failure, Surveyed
from domain.trackers.github_call import GRAPHQL, Answer, Ask, Call, read_document
from domain.trackers.github_issue import Instant, Number
from domain.trackers.github_limit import limited
from domain.trackers.github_line import Line

QUERY = "query($ids:[ID!]!){nodes(ids:$ids){... on Issue{id number updatedAt repository{databaseId}}}}"


class _Repository(msgspec.Struct, rename="camel"):
    database_id: Number


class _Node(msgspec.Struct, rename="camel"):
    """An issue; what is none has no members."""

    id: str | None = None
    number: Number | None = None
    updated_at: Instant | None = None
    repository: _Repository | None = None


class _Data(msgspec.Struct):
    nodes: list[_Node | None] = []


class _Error(msgspec.Struct):
    type: str | None = None


class _Result(msgspec.Struct):
    """https://docs.github.com/graphql/guides/forming-calls-with-graphql"""

    data: _Data | None = None
    errors: list[_Error] = []


def survey_issues(line: Line, global_ids: list[str]) -> dict[str, Surveyed]:
    """Looks issues up by their node ids; for an App that is installed in several places, in one after the other."""
    found: dict[str, Surveyed] = {}
    missing = list(dict.fromkeys(global_ids))
    for token in line.tokens() if missing else []:
        found |= _ask(line, token, missing)
        missing = [each for each in missing if each not in found]
        if not missing:
            break
    return found


def _ask(line: Line, token: str, ids: list[str]) -> dict[str, Surveyed]:
    document: dict[str, Any] = {"query": QUERY, "variables": {"ids": ids}}
    answer = line.send_as(token, Ask(Call.SURVEY, "POST", GRAPHQL, document=document))
    result = read_document(answer, Call.SURVEY, _Result)
    _check(answer, result)
    nodes = result.data.nodes if result.data else []
    return {node.id: surveyed for node in nodes if node and node.id and (surveyed := _read(node))}


def _check(answer: Answer, result: _Result) -> None:
    """Raises what went wrong; GraphQL answers 200 all the same, and that an issue is missing is no failure."""
    kinds = {error.type for error in result.errors}
    if "RATE_LIMITED" in kinds:
        raise limited(Call.SURVEY, answer, now=datetime.now(UTC))
    if kinds - {"NOT_FOUND"} or result.data is None:
        text = "GitHub was asked to look the issues up, and couldn't; they are looked up again later."
        raise answer.error(Failure.DEFINITE, text, code="unavailable")


def _read(node: _Node) -> Surveyed | None:
    if node.number is None or node.updated_at is None or node.repository is None:
        return None
    return Surveyed(str(node.repository.database_id), str(node.number), node.updated_at.astimezone(UTC))
