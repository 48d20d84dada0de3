"""A short stress run: what `make stress` does for a quarter of an hour, within seconds."""

from pathlib import Path

from rich.console import Console

from tests.faults.stress.figures import show
from tests.faults.stress.run import Plan, run


def test_nothing_is_lost_or_made_twice_under_stress(tmp_path: Path) -> None:
    console = Console(soft_wrap=True, width=160)
    figures = run(Plan(tasks=60, seconds=25, seed=1), tmp_path, console)
    show(figures, console)
    assert figures.good
    assert figures.judgement.issues == figures.tasks == 60
    assert figures.refused == 0
    assert figures.happened["workers killed"] > 0
