"""What became of an import, for people and for programs: results on standard output, failures on standard error."""

import sys
from collections.abc import Sequence
from typing import Any

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.outcomes import Outcome, Place, State

COLORS = {State.NEW: "green", State.CHANGED: "yellow", State.FAILED: "red"}
# Lines that go to a file or another program are not to be folded.
WIDTH_WITHOUT_TERMINAL = 500


def write_json(outcomes: Sequence[Outcome]) -> None:
    """Writes a JSON array with one object for each document: `document`, `state`, the API's `answer`, the `problem`."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode([_as_json(one) for one in outcomes]), indent=2).decode() + "\n")


def _as_json(outcome: Outcome) -> dict[str, Any]:
    # The name of a file may hold bytes that are no UTF-8.
    document = outcome.document.encode("utf-8", "backslashreplace").decode()
    return {"document": document, "state": outcome.state, "answer": msgspec.Raw(outcome.raw), "problem": outcome.problem}


def show_outcomes(outcomes: Sequence[Outcome]) -> None:
    """Prints the table, of a single document its tasks too, and all warnings as `file:line: text`."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH_WITHOUT_TERMINAL
    console.print(_table(outcomes))
    if len(outcomes) == 1:
        _show_tasks(outcomes[0])
    for outcome in outcomes:
        for warning in outcome.answer.warnings if outcome.answer else []:
            print(_at(outcome.document, warning.line, warning.text))


def _table(outcomes: Sequence[Outcome]) -> Table:
    table = Table(box=SIMPLE_HEAD)
    table.add_column("document", overflow="fold")
    table.add_column("")
    for name in ("improvements", "tasks", "warnings"):
        table.add_column(name, justify="right")
    for outcome in outcomes:
        answer = outcome.answer
        counts = [len(answer.improvements), len(answer.tasks), len(answer.warnings)] if answer else ["–"] * 3
        state = Text(outcome.state, style=COLORS.get(outcome.state, ""))
        table.add_row(Text(_visible(outcome.document)), state, *map(str, counts))
    return table


def _show_tasks(outcome: Outcome) -> None:
    if outcome.answer is None:
        return
    print(f"{_visible(outcome.answer.postmortem.title)} ({outcome.answer.postmortem.id})")
    for task in outcome.answer.tasks:
        # A dry run's keys go to other tasks later.
        key = "–" if outcome.state is State.NOT_STORED else task.key
        print(f"  {key:<8} {_visible(task.title)}")
    if outcome.answer.tasks and outcome.answer.warnings:
        print()


def show_failures(outcomes: Sequence[Outcome]) -> None:
    """Prints the problem of each document that failed, and the places in it that are wrong."""
    for outcome in outcomes:
        problem = outcome.problem
        if problem is None:
            continue
        status = f" ({problem.status} {problem.title})" if problem.title else ""
        print(_at(outcome.document, None, problem.detail + status), file=sys.stderr)
        for place in problem.errors:
            print(_place(outcome.document, place), file=sys.stderr)


def _place(document: str, place: Place) -> str:
    if place.line is not None:
        return _at(document, place.line, place.detail)
    kind, name = next(((k, v) for k in ("parameter", "header", "pointer") if (v := getattr(place, k))), ("", ""))
    return _at(document, None, f"{kind} {name}: {place.detail}".strip())


def _at(document: str, line: int | None, text: str) -> str:
    """The form that editors and terminals make a link of."""
    return f"{_visible(document)}:{'' if line is None else f'{line}:'} {_visible(text)}"


def _visible(text: str) -> str:
    """Keeps what a document says from steering the terminal that shows it."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
