"""Action items with what stands beside them, in lists and tables."""

from datetime import date

import pytest

from domain.postmortems.markdown import parse_postmortem
from domain.postmortems.markers import Markers, read_markers
from domain.postmortems.parsed import TITLE_LENGTH, ParsedTask


def tasks(body: str) -> tuple[ParsedTask, ...]:
    return parse_postmortem(f"# O\n\n## Action items\n\n{body}").tasks


@pytest.mark.parametrize(
    ("text", "markers"),
    [
        ("[x] Grow the pool", Markers("Grow the pool", is_done=True)),
        ("[ ] Grow the pool", Markers("Grow the pool")),
        ("Grow the pool (done)", Markers("Grow the pool", is_done=True)),
        ("[P1] Grow the pool", Markers("Grow the pool", priority="P1")),
        ("P0: Grow the pool", Markers("Grow the pool", priority="P0")),
        ("Grow the pool @kim-lee", Markers("Grow the pool", owner="kim-lee")),
        ("@kim: Grow the pool", Markers("Grow the pool", owner="kim")),
        ("Grow the pool (owner: Kim Lee)", Markers("Grow the pool", owner="Kim Lee")),
        ("Grow the pool (owner: TBD)", Markers("Grow the pool")),
        ("Grow the pool (kim@example.org)", Markers("Grow the pool", owner="kim@example.org")),
        ("Grow the pool (owner: Kim Lee, due 2026-08-01)", Markers("Grow the pool", owner="Kim Lee", due_on=date(2026, 8, 1))),
        ("Grow the pool (due August 1, 2026; @kim)", Markers("Grow the pool", owner="kim", due_on=date(2026, 8, 1))),
        ("Grow it [P1, owner: Kim, done]", Markers("Grow it", owner="Kim", priority="P1", is_done=True)),
        ("Grow it (owner: Kim, see #7)", Markers("Grow it (see #7)", owner="Kim")),
        ("Grow it (see #7, due 2026-08-01)", Markers("Grow it (see #7)", due_on=date(2026, 8, 1))),
        ("Call grow() (owner: Kim, due 2026-08-01)", Markers("Call grow()", owner="Kim", due_on=date(2026, 8, 1))),
        ("Ask kim@example.org for a key", Markers("Ask kim@example.org for a key", owner="kim@example.org")),
        ("Pin @types/node and @app.route", Markers("Pin @types/node and @app.route")),
        ("Grow the pool by 2026-08-01", Markers("Grow the pool", due_on=date(2026, 8, 1))),
        ("Grow the pool (due: August 1, 2026)", Markers("Grow the pool", due_on=date(2026, 8, 1))),
        ("Say what broke on 2026-08-01", Markers("Say what broke on 2026-08-01")),
        ("Move by 2026-08-01 to the new pool", Markers("Move by 2026-08-01 to the new pool", due_on=date(2026, 8, 1))),
        (
            "[x] [P2] Grow it (owner: kim@example.org), due 2026-08-01",
            Markers("Grow it", owner="kim@example.org", due_on=date(2026, 8, 1), priority="P2", is_done=True),
        ),
    ],
)
def test_markers_are_taken_from_the_text(text: str, markers: Markers) -> None:
    assert read_markers(text) == markers


def test_points_under_one_heading_are_all_tasks() -> None:
    parsed = parse_postmortem("## Improvements\n\n- A\n- B\n")
    assert ([task.title for task in parsed.tasks], parsed.improvements) == (["A", "B"], ())


def test_tasks_below_an_improvement_belong_to_it() -> None:
    parsed = parse_postmortem("## Improvements\n\n- See it sooner\n  - [x] Add an alert\n  - Add a graph\n- Fail less\n")
    assert [improvement.title for improvement in parsed.improvements] == ["See it sooner", "Fail less"]
    assert [(task.title, task.improvement_index, task.status) for task in parsed.tasks] == [
        ("Add an alert", 0, "done"),
        ("Add a graph", 0, "open"),
    ]


def test_long_text_is_cut_at_a_word_and_kept_whole_in_the_description() -> None:
    text = "word " * 80 + "end"
    (task,) = tasks(f"- {text}\n")
    assert len(task.title) <= TITLE_LENGTH
    assert task.title.endswith("word…")
    assert task.description == text


def test_more_paragraphs_points_and_links_go_into_the_description() -> None:
    (task,) = tasks("- Read the [runbook](https://example.org/r)\n\n  Twice.\n\n  - slowly\n")
    assert task.title == "Read the runbook"
    assert task.description == "Read the runbook (https://example.org/r)\n\nTwice.\n\n- slowly"


def test_labels_below_a_point_are_its_fields() -> None:
    (task,) = tasks("- Grow the pool\n  - Owner: Kim\n  - Due: 2026-08-01\n  - Priority: high\n  - Status: done\n")
    assert (task.owner, task.due_on, task.priority, task.status) == ("Kim", date(2026, 8, 1), "P1", "done")
    assert task.description == ""


def test_bold_point_groups_the_points_below_it() -> None:
    found = tasks("- **Prevention**\n  - Grow the pool\n- **Detection**\n  - Watch the pool\n")
    assert [(task.title, task.kind) for task in found] == [("Grow the pool", "prevent"), ("Watch the pool", "detect")]


def test_table_is_read_by_its_header() -> None:
    (task,) = tasks(
        "| Action | Owner | Due date | Priority | Status | Type | Ticket |\n|---|---|---|---|---|---|---|\n"
        "| Grow the pool | @kim | 2026-08-01 | P1 | Done | Prevent | OPS-1 |\n"
    )
    assert task == ParsedTask(
        "Grow the pool", 7, "OPS-1", owner="kim", due_on=date(2026, 8, 1), priority="P1", kind="prevent", status="done"
    )


def test_prose_under_action_items_is_warned_of() -> None:
    parsed = parse_postmortem("## Action items\n\nWe will do better.\n")
    assert parsed.tasks == ()
    assert [warning.line for warning in parsed.warnings if "no list" in warning.text] == [3]
