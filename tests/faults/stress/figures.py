"""The figures of a stress run, as they are printed at its end."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from domain.trackers.github_limit import PACING
from tests.faults.stress.judge import Judgement
from tests.faults.stress.ledger import Ledger

CREATIONS_AN_HOUR = PACING.most_creations
CREATION_BURST = PACING.creation_burst
MOST_SHOWN = 10
# What one operation is made of in the floor table of the sync's design; everything else costs nothing there.
OPERATIONS = {
    "create_issue": "create",
    "update_issue": "update, change of status",
    "create_comment": "comment",
    "get_issue": "read before a write, or a change without a fresh webhook",
    "list_issues": "sweep, search for unknown creates",
    "list_comments": "read of comments",
    "graphql": "audit",
}


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that is told of a run."""

    judgement: Judgement
    ledger: Ledger
    tasks: int
    factor: float
    counts: list[dict[str, Any]]
    limits: dict[str, Any]
    creating_seconds: float
    converged_seconds: float | None
    seconds: float
    happened: dict[str, int]
    done: dict[str, int]
    ended_workers: int

    @property
    def refused(self) -> int:
        """How many calls were answered with 403 or 429."""
        return sum(count["count"] for count in self.counts if count["status"] in (403, 429))

    @property
    def good(self) -> bool:
        """Whether the run proves what it should."""
        return self.judgement.good and self.converged_seconds is not None and self.ended_workers == 0


def show(figures: Figures, console: Console) -> None:
    """Prints all figures, and what was found to be wrong."""
    judgement, ledger = figures.judgement, figures.ledger
    console.print()
    console.print(_calls(figures))
    hours = figures.creating_seconds / 3600
    allowed = figures.factor * (CREATION_BURST + CREATIONS_AN_HOUR * hours)
    converged = "not within the time" if figures.converged_seconds is None else f"{figures.converged_seconds:.1f} s after the trouble ended"
    lines = {
        "issues": f"{judgement.issues:,} for {figures.tasks:,} tasks"
        + (f"; at rest: {dict(judgement.terminal)}" if judgement.terminal else ""),
        "duplicates": f"{len(judgement.duplicates)}",
        "lost edits": f"{len(judgement.lost)} of {ledger.count('here')} here and {ledger.count('there')} there",
        "raced edits": f"{len(judgement.raced)} between somebody's read and write of the same field, which GitHub lets nobody see",
        "not the same on both sides": f"{len(judgement.apart)}, and {len(judgement.stuck)} stuck",
        "403 and 429": f"{figures.refused}",
        "budget used": f"{figures.tasks / allowed:.0%} of the creations that the limiter allows in the {figures.creating_seconds:.0f} s",
        "peak of each limit": ", ".join(_peaks(figures.limits)),
        "converged": converged,
        "trouble": ", ".join(f"{name} {count}" for name, count in {**figures.happened, **figures.done}.items()),
        "workers that ended by themselves": f"{figures.ended_workers}",
        "took": f"{figures.seconds:.0f} s",
    }
    for name, text in lines.items():
        console.print(f"  {name:<34} {text}", highlight=False, markup=False)
    for sentence in [*judgement.duplicates, *judgement.lost, *judgement.stuck, *judgement.apart][:MOST_SHOWN]:
        console.print(f"  ✗ {sentence}", highlight=False, markup=False)
    console.print("[green]Passed.[/green]" if figures.good else "[red]Failed.[/red]")


def _peaks(limits: dict[str, Any]) -> list[str]:
    names = ("points", "creations_a_minute", "creations_an_hour")
    return [f"{name.replace('_', ' ')} {meter['limits'][name]['peak_share']:.0%}" for meter in limits["logins"].values() for name in names]


def _calls(figures: Figures) -> Table:
    totals: dict[str, int] = defaultdict(int)
    unchanged: dict[str, int] = defaultdict(int)
    for count in figures.counts:
        totals[count["operation"] or "other"] += count["count"]
        unchanged[count["operation"] or "other"] += count["count"] if count["status"] == 304 else 0
    floors = {
        "create_issue": figures.judgement.issues,
        "update_issue": figures.ledger.pushes(),
        "create_comment": sum(edit.side == "here" and edit.field == "comment" for edit in figures.ledger.edits),
    }
    table = Table("operation", "calls", "of them 304", "floor without faults", "calls ÷ floor", box=None, pad_edge=False)
    for name, total in sorted(totals.items(), key=lambda item: -item[1]):
        floor = floors.get(name)
        ratio = f"{total / floor:.2f}" if floor else ""
        table.add_row(OPERATIONS.get(name, name), f"{total:,}", f"{unchanged[name]:,}", f"{floor:,}" if floor else "0", ratio)
    return table
