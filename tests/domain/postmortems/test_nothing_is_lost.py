"""What can't be read from an action item or a timeline is warned of with its line, and never lost in silence."""

import pytest

from domain.postmortems.markdown import parse_postmortem

TABLE = "## Action items\n\n| Task | Owner | Due | Status | Priority | Type |\n|---|---|---|---|---|---|\n"


def warnings(source: str) -> list[tuple[int | None, str]]:
    return [(warning.line, warning.text) for warning in parse_postmortem("# O\n" + source).warnings]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("| Grow it | | someday | | | |", "someday"),
        ("| Grow it | | 2026-13-01 | | | |", "2026-13-01"),
        ("| Grow it | | March 5 | | | |", "March 5"),
        ("| Grow it | | | wontfix | | |", "wontfix"),
        ("| Grow it | | | | soonish | |", "soonish"),
        ("| Grow it | | | | | cosmetic |", "cosmetic"),
        ("| | bob | | | | |", "bob"),
    ],
)
def test_cell_that_is_not_understood_is_warned_of(row: str, words: str) -> None:
    found = warnings(TABLE + row + "\n| Else | | | | | |\n")
    assert [line for line, text in found if words in text and "isn't read" in text] == [6]


@pytest.mark.parametrize("status", ["open", "In progress", "TODO", "not started", "Done ✅", "-", "", "TBD", "[ ]"])
def test_known_status_is_no_reason_to_warn(status: str) -> None:
    assert warnings(f"{TABLE}| Grow it | TBD | n/a | {status} | P1 | prevent |\n") == []


def test_label_that_is_not_understood_is_warned_of() -> None:
    assert [line for line, _ in warnings("## Tasks\n\n- Grow it\n  - Due: someday\n")] == [4]


def test_second_column_for_one_field_goes_into_the_description() -> None:
    table = "## Tasks\n\n| Task | Owner | Team |\n|---|---|---|\n| Grow it | bob | shop |\n| Warm it | | shop |\n"
    one, other = parse_postmortem(table).tasks
    assert (one.owner, one.description) == ("bob", "shop")
    assert (other.owner, other.description) == ("shop", "")


@pytest.mark.parametrize("heading", ["Action items", "Improvements"])
@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("- Grow it\n\nAnd call Bob.\n", 6),
        ("We agreed to\ndo this:\n\n- Grow it\n", 4),
        ("- Grow it\n\n```\n- no task\n```\n", 6),
        ("- Grow it\n\n<ul><li>a task?</li></ul>\n", 6),
        ("- Grow it\n-     code\n", 5),
        ("- Grow it\n- > \n- - nested at once\n", 6),
        ("- Grow it\n- [ ] (owner: bob)\n", 5),
        ("Only prose.\n", 4),
        ("```\n- no task\n```\n", 4),
    ],
)
def test_text_that_is_no_item_is_warned_of(heading: str, body: str, line: int) -> None:
    assert [at for at, _ in warnings(f"## {heading}\n\n{body}") if at] == [line]


def test_text_beside_the_points_of_a_group_is_warned_of() -> None:
    found = warnings("## Action items\n\n- **Prevention**\n\n  By Friday.\n\n  - Grow it\n")
    assert [line for line, _ in found] == [6]


def test_point_below_an_improvement_without_text_is_warned_of() -> None:
    assert [line for line, _ in warnings("## Improvements\n\n- Fail less\n  - Grow it\n  - [ ] (owner: bob)\n")] == [6]


@pytest.mark.parametrize("empty", ["- [ ]\n", "-\n", "<!-- list them here -->\n", "---\n"])
def test_empty_points_of_a_template_are_no_reason_to_warn(empty: str) -> None:
    assert warnings(f"## Action items\n\n- Grow it\n\n{empty}") == []


def test_many_lines_of_a_timeline_without_time_are_counted() -> None:
    found = warnings("## Timeline\n\n" + "something\n" * 9 + "\n## Tasks\n\n- Grow it\n")
    assert [line for line, _ in found] == [4, 5, 6, 7, 8, 9]
    assert "4 more" in found[-1][1]
