"""`python -m tests.faults.stress`: many tasks, two workers and all that can go wrong; fails where anything is lost or made twice."""

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from tests.faults.stress.figures import show
from tests.faults.stress.run import Plan, run


def main(arguments: list[str] | None = None) -> int:
    """Gives the exit code: 0 where nothing was lost or made twice and everything came together."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.stress", description=__doc__)
    parser.add_argument("--tasks", type=int, default=10_000, help="how many tasks become issues")
    parser.add_argument("--seconds", type=float, default=870, help="after which it ends, however far it is")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same faults and edits, as far as time allows")
    parser.add_argument("--factor", type=float, help="of GitHub's limits; what makes the creations take a bit more than half of the time")
    parser.add_argument("--calm", action="store_true", help="without the trouble: how much of the limits is used")
    parser.add_argument("--keep", type=Path, help="a folder for logs and data, which is kept")
    options = parser.parse_args(arguments)
    plan = Plan(options.tasks, options.seconds, options.seed, options.factor, options.calm)
    # As on Ctrl-C, whatever was started is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    console = Console(soft_wrap=True)
    with tempfile.TemporaryDirectory(prefix="stress-of-followthrough-") as folder:
        place = options.keep or Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        figures = run(plan, place, console)
    show(figures, console)
    return 0 if figures.good else 1


if __name__ == "__main__":
    sys.exit(main())
