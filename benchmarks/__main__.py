"""`python -m benchmarks [--quick] [--only api|sync]`: measures the API and the sync, and fails when a bar is missed."""

import argparse
import sys
from collections.abc import Callable

from benchmarks.answers import run_api
from benchmarks.sync.run import run_sync

PARTS: dict[str, Callable[..., list[str]]] = {"api": run_api, "sync": run_sync}


def main() -> int:
    """Gives the exit code: 0 when every bar is met, or when `--quick` asserts nothing; else 1."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the speed, as ratios to a floor.")
    parser.add_argument("--quick", action="store_true", help="a short run that proves that all works and asserts nothing")
    parser.add_argument("--only", choices=PARTS, help="one part alone")
    options = parser.parse_args()
    missed = [name for part, run in PARTS.items() if options.only in (None, part) for name in run(quick=options.quick)]
    print(f"\nMissed: {', '.join(missed)}" if missed else "\nEvery bar is met.")
    return 1 if missed and not options.quick else 0


if __name__ == "__main__":
    sys.exit(main())
