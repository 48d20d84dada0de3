"""Who is the primary assignee, and that everybody else stays."""

import pytest

from domain.sync.assign import narrow, widen
from domain.trackers.contract import Field


@pytest.mark.parametrize(
    ("assigned", "base", "local", "primary"),
    [
        ([], None, None, None),
        (["ana"], None, None, "ana"),
        (["bo", "ana"], "ana", "ana", "ana"),
        (["bo", "ana"], None, "ana", "ana"),
        (["bo", "eve"], "ana", "ana", "bo"),
        (["bo", "ana"], "ana", "bo", "ana"),
        ([], "ana", "ana", None),
    ],
)
def test_primary_assignee_is_whom_both_knew_else_whom_the_task_names_else_the_first(
    assigned: list[str], base: str | None, local: str | None, primary: str | None
) -> None:
    assert narrow({Field.ASSIGNEE: assigned}, base=base, local=local) == {Field.ASSIGNEE: primary}


@pytest.mark.parametrize(
    ("primary", "assigned", "instead_of", "everybody"),
    [
        ("ana", [], None, ["ana"]),
        ("ana", ["bo"], None, ["ana", "bo"]),
        ("ana", ["bo", "eve"], "bo", ["ana", "eve"]),
        (None, ["bo", "eve"], "bo", ["eve"]),
        ("ana", ["ana", "eve"], "ana", ["ana", "eve"]),
    ],
)
def test_only_the_primary_assignee_is_replaced(
    primary: str | None, assigned: list[str], instead_of: str | None, everybody: list[str]
) -> None:
    assert widen(primary, {Field.ASSIGNEE: list(assigned)}, instead_of=instead_of) == everybody
