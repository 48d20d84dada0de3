"""The tables of the sync's part, and which bars were missed."""

import os

from benchmarks.sync.figures import MOST_OVER_FLOOR, Bar, Measured, Operation, Times


def print_report(measured: Measured) -> list[str]:
    """Prints the tables, and gives the names of what misses its bar."""
    print(f"\n{'calls to GitHub':<46}{'times':>7}{'floor':>7}{'counted':>9}{'ratio':>8}{'bar':>8}{'304':>7}")
    for operation in measured.operations:
        print(_operation_line(operation))
    print(f"\n{'the sync':<46}{'value':>10}{'bar':>8}")
    for bar in measured.bars:
        print(f"{bar.name:<46}{bar.value:>10.2f}{f'≥ {bar.least:g}':>8}{_mark(bar)}  {bar.told}")
    print(f"\n{'times':<46}{'n':>6}{'p50':>10}{'p99':>10}{'goal p99':>12}")
    for times in measured.times:
        print(_times_line(times))
    print("\n" + "\n".join(measured.notes))
    print(
        f"{os.cpu_count()} processors shared by all, PostgreSQL without fsync. A missed goal is marked and fails nothing: machines differ."
    )
    figures: list[Operation | Bar] = [*measured.operations, *measured.bars]
    return [figure.name.strip() for figure in figures if not figure.is_met]


def _operation_line(operation: Operation) -> str:
    ratio = f"{operation.counted / operation.floor:.2f}" if operation.floor else "–"
    bar = "–" if operation.floor is None else f"≤ {MOST_OVER_FLOOR}" if operation.floor else "= 0"
    floor = "–" if operation.floor is None else str(operation.floor)
    counts = f"{operation.times:>7}{floor:>7}{operation.counted:>9}{ratio:>8}{bar:>8}{operation.unchanged:>7}"
    return f"{operation.name:<46}{counts}{_mark(operation)}"


def _times_line(times: Times) -> str:
    p50, p99 = times.quantile(0.5) * 1000, times.quantile(0.99) * 1000
    mark = "" if p99 < times.goal * 1000 else "  goal missed"
    return f"{times.name:<46}{len(times.seconds):>6}{f'{p50:.1f} ms':>10}{f'{p99:.1f} ms':>10}{f'< {times.goal * 1000:g} ms':>12}{mark}"


def _mark(figure: Operation | Bar) -> str:
    return "" if figure.is_met else "  MISSED"
