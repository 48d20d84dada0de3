"""What an issue says of its task: harmless to strangers, and no text can forge our markers."""

import re
from datetime import UTC, date, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from domain.sync.neutral import BREAK, neutralise
from domain.sync.render import Surroundings, render_body
from domain.tasks.table import Priority, Task, TaskKind

NOWHERE = Surroundings(owner=None, postmortem=None, improvement=None, task_url="https://ft.example/v1/tasks/1")


def test_mentions_and_references_are_broken_outside_code() -> None:
    text = "ping @octo-dev about #12, org/repo#3 and GH-4; mail a@b.example stays"
    broken = neutralise(text)
    assert broken.replace(BREAK, "") == text
    for part in ("@octo-dev", "#12", "repo#3", "GH-4"):
        assert part not in broken
    assert "a@b.example" in broken


def test_code_stays_as_it_is() -> None:
    text = "use `@cache` and ``a ` @b #1`` but not @c\n\n```python\n@decorator\nx = 1  #1\n```\n\n    @indented #2\n"
    broken = neutralise(text)
    assert "`@cache`" in broken
    assert "``a ` @b #1``" in broken
    assert "```python\n@decorator\nx = 1  #1\n```" in broken
    assert "    @indented #2" in broken
    assert "@c\n" not in broken


@given(st.text(alphabet="@#a1`~ \n<!->é", max_size=60))
def test_nothing_but_breaks_is_added_and_no_comment_can_begin(text: str) -> None:
    broken = neutralise(text)
    assert broken.replace(BREAK, "") == text.replace(BREAK, "")
    assert "<!--" not in broken


def live_mentions(text: str) -> list[str]:
    """Finds the mentions that are left in what a reader of Markdown shows as text; token by token, as a tracker does."""
    parser = MarkdownIt("commonmark")
    shown = [child.content for token in parser.parse(text) for child in token.children or [] if child.type.startswith("text")]
    joined = [before + after for before, after in pairwise(["", *shown, ""])]
    return [run for run in (*shown, *joined) if re.search(r"(?:^|\W)@[A-Za-z0-9]|#\d", run)]


@pytest.mark.parametrize(
    "text",
    [
        "_@octo_",
        "&#64;octo",
        "&#x40;octo &num;1",
        "&commat;octo",
        "a `b\n\n@c` d",
        "\\`@octo\\`",
        '<span title="`">@v `',
        "*x*_@octo_",
        "- a `b\n- @octo` c",
        "x [`](y) @z `",
        "\\@octo \\#1",
    ],
)
def test_no_notation_gets_a_mention_through(text: str) -> None:
    assert live_mentions(neutralise(text)) == []


@given(st.lists(st.sampled_from(["@a", "#1", "`", "``", "\n", "\n\n", "_", "*", "[", "](", ")", "\\", "&#64;", "b", " ", "|", "- ", "> "])))
def test_no_mixture_of_notations_gets_a_mention_through(parts: list[str]) -> None:
    assert live_mentions(neutralise("".join(parts))) == []


def test_body_tells_the_facts_and_names_no_address() -> None:
    task = Task(number=7, title="t", description="Do it.", priority=Priority.P1, kind=TaskKind.DETECT, due_on=date(2026, 8, 10))
    around = Surroundings(owner="Ana", postmortem="Outage #4", improvement="See it sooner", task_url="https://ft.example/v1/tasks/7")
    body = render_body(task, around)
    assert body.startswith("Do it.\n\n- **Task:** [FT-7](https://ft.example/v1/tasks/7)\n- **Priority:** P1\n- **Kind:** detect")
    assert "- **Owner:** Ana\n- **Due:** 2026-08-10" in body
    assert f"Outage #{BREAK}4" in body
    assert "@" not in body


def test_deleted_task_says_so() -> None:
    task = Task(number=7, title="t", deleted_at=datetime(2026, 8, 10, tzinfo=UTC))
    assert "was deleted in Followthrough" in render_body(task, NOWHERE)


def test_address_that_is_no_web_page_is_not_shown() -> None:
    task = Task(number=7, title="t", source_url="javascript:alert(1)")
    assert "javascript" not in render_body(task, NOWHERE)
