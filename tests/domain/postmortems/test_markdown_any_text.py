"""Any text is read: without an error, the same each time, with lines that exist, and in time that grows with its length."""

import time
from collections.abc import Iterator
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.postmortems.markdown import parse_postmortem
from domain.postmortems.outline import MAX_LINES
from domain.postmortems.parsed import TITLE_LENGTH, ParsedPostmortem

MIB = 1024 * 1024
PIECES = st.sampled_from(
    [
        *(
            "# ",
            "## ",
            "- ",
            "1. ",
            "> ",
            "  ",
            "\n",
            "\n\n",
            "**",
            "*",
            "`",
            "```\n",
            "| ",
            "|-|-|\n",
            "---\n",
            "[x] ",
            "[",
            "](u)",
        ),
        *(
            "<b>",
            "<!-- ",
            "-->",
            "Timeline",
            "Impact:",
            "Action items",
            "Improvements",
            "Root cause",
            "Date: ",
            "(date)",
            "Owner:",
        ),
        *(
            "14:30",
            "2026-08-10",
            "August 10th",
            "00:10",
            "UTC+2",
            "@kim",
            "k@e.org",
            "due ",
            "P1: ",
            "\r\n",
            "\r",
            "\x00",
            "\ud800",
            "é",
        ),
    ]
)
DOCUMENTS = st.one_of(st.text(st.characters(), max_size=300), st.lists(PIECES, max_size=60).map("".join))


def lines_of(parsed: ParsedPostmortem) -> Iterator[int]:
    yield from (warning.line for warning in parsed.warnings if warning.line is not None)
    yield from (event.line for event in parsed.timeline)
    yield from (improvement.line for improvement in parsed.improvements)
    yield from (task.line for task in parsed.tasks)
    if parsed.title_line is not None:
        yield parsed.title_line


@settings(max_examples=400, deadline=None)
@given(DOCUMENTS, st.none() | st.dates(), st.none() | st.text(max_size=12) | st.sampled_from(["UTC", "+02:00", "Asia/Tokyo"]))
def test_any_text_is_read_the_same_each_time_and_names_lines_that_exist(text: str, day: date | None, zone: str | None) -> None:
    parsed = parse_postmortem(text, incident_date=day, timezone=zone)
    titles = [task.title for task in parsed.tasks] + [improvement.title for improvement in parsed.improvements]
    count = len(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    assert all(1 <= line <= count for line in lines_of(parsed))
    assert all(0 < len(title) <= TITLE_LENGTH for title in titles)
    assert all(event.at is None or event.time is None for event in parsed.timeline)
    assert parsed == parse_postmortem(text, incident_date=day, timezone=zone)


def repeated(piece: str, size: int) -> str:
    return (piece * (size // len(piece) + 1))[:size]


def seconds(text: str) -> float:
    begun = time.process_time()
    parse_postmortem(text)
    return time.process_time() - begun


def test_time_grows_with_the_length_of_the_document() -> None:
    document = "## Impact\n\nPeople could **not** pay, see [the board](https://example.org/b) for 2026-08-10.\n\n"
    document += "## Timeline\n\n- 14:30: Alert\n- 14:40: Rollback\n\n## Action items\n\n- [ ] Grow the pool @kim due 2026-09-01\n\n"
    document += "The rest is told at length. " * 20 + "\n\n"
    small, large = 64 * 1024, MIB
    fastest = min(seconds(repeated(document, small)) for _ in range(3))
    assert seconds(repeated(document, large)) / large <= 4 * fastest / small


HOSTILE = {
    "nested lists in a line": "- ",
    "nested quotes": "> ",
    "emphasis": "***a ",
    "brackets": "[",
    "links": "[a](",
    "links with titles": '[a](b "',
    "images": "![](",
    "references": "[a]: b\n",
    "table cells": "| ",
    "unclosed tags": "<a ",
    "unclosed comments": "<!-- ",
    "backticks": "`a``b```c",
    "short points": "## Tasks\n- a\n",
    "one long word": "a",
    "addresses": "a.b-c@",
    "digits": "1",
    "times": "14:30 ",
    "days": "- 10 May ",
    "labels": "Impact: ",
    "headings": "# Impact\n",
}


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("prefix", ["", "## Timeline\n\n- 10:00 ", "## Tasks\n\n- "], ids=["bare", "timeline", "tasks"])
def test_hostile_text_is_read_in_linear_time(piece: str, prefix: str) -> None:
    # 128 KiB against 32 KiB: four times the time if linear, sixteen if quadratic; small times are noise.
    small, large = (prefix + repeated(piece, size) for size in (MIB // 32, MIB // 8))
    # What is quadratic is so each time; what is disturbed by others is not.
    assert any(seconds(large) <= 9 * seconds(small) + 0.2 for _ in range(3))


def test_deep_lists_with_text_are_cut_with_a_warning() -> None:
    deep = "## Tasks\n\n" + "\n".join("  " * depth + "- point" for depth in range(40))
    warnings = parse_postmortem(deep).warnings
    assert any("nested deeper" in warning.text for warning in warnings)


def test_too_many_lines_are_cut_with_a_warning() -> None:
    parsed = parse_postmortem("a\n" * (MAX_LINES + 5))
    assert [warning.line for warning in parsed.warnings if "longer than" in warning.text] == [MAX_LINES + 1]


def test_too_many_brackets_leave_the_paragraph_as_it_is() -> None:
    assert any("brackets" in warning.text for warning in parse_postmortem("[" * 3000).warnings)
