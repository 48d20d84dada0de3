"""Which errors mean that the database is away, and what a caller is told of a collision."""

import asyncio

import asyncpg
import pytest

from domain.database import is_away
from tests.api.problems import problem_of
from tests.people_and_places import World


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (ConnectionRefusedError(), True),
        (TimeoutError(), True),
        (asyncpg.CannotConnectNowError(), True),
        (asyncpg.AdminShutdownError(), True),
        (asyncpg.TooManyConnectionsError(), True),
        (asyncpg.InterfaceError("connection is closed"), True),
        (ExceptionGroup("two", [KeyError(), OSError()]), True),
        (asyncpg.exceptions._base.DataError("a value that can't be sent"), False),
        (asyncpg.UniqueViolationError(), False),
        (asyncpg.NumericValueOutOfRangeError(), False),
        (KeyError(), False),
        (None, False),
    ],
    ids=repr,
)
def test_only_what_passes_by_itself_counts_as_away(error: Exception | None, away: bool) -> None:
    assert is_away(error) is away


async def test_writes_that_wait_for_one_another_are_answered_with_when_to_come_back(world: World) -> None:
    pairs = [("a@example.com", "z@example.com"), ("z@example.com", "a@example.com")] * 3
    bodies = [{"slug": f"team-{n}", "name": "T", "lead": lead, "members": [member]} for n, (lead, member) in enumerate(pairs)]
    answers = await asyncio.gather(*(world.writer.post("/v1/teams", json=body) for body in bodies))
    assert {answer.status_code for answer in answers} <= {201, 503}
    assert any(answer.status_code == 201 for answer in answers)
    for answer in answers:
        if answer.status_code == 503:
            assert "waited for one another" in problem_of(answer, 503).detail
            assert int(answer.headers["retry-after"]) >= 1
