"""The table of a benchmark, and which bars were missed."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.calls import Call


@dataclass(frozen=True, slots=True)
class Pair:
    """Answers a second to one call, on both sides, and their ratio (the median of the rounds, as all three are)."""

    call: Call
    ours: float
    floor: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Measured:
    """All figures of a run; `client_share` is the part of one processor that the client needed at its busiest."""

    how: str
    pairs: Sequence[Pair]
    ceiling: float
    client_share: float
    start_seconds: float
    import_seconds: float


def print_report(measured: Measured) -> list[str]:
    """Prints the table, and gives the names of the calls that miss their bar."""
    print(f"\n{'answers a second':<24}{'Followthrough':>15}{'floor':>10}{'ratio':>8}{'bar':>8}")
    missed = []
    for pair in measured.pairs:
        bar = "–" if pair.call.bar is None else f"≥ {pair.call.bar}"
        print(f"{pair.call.name:<24}{pair.ours:>15,.0f}{pair.floor:>10,.0f}{pair.ratio:>8.2f}{bar:>8}")
        if pair.call.bar is not None and pair.ratio < pair.call.bar:
            missed.append(pair.call.name)
    _print_surroundings(measured)
    return missed


def _print_surroundings(measured: Measured) -> None:
    print(
        f"\nAPI process from its start to /health/ready: {measured.start_seconds:.2f} s; import of api.app: {measured.import_seconds:.2f} s"
    )
    print(
        f"Client: {measured.ceiling:,.0f} answers a second from a server that does next to nothing;"
        f" never more than {measured.client_share:.0%} of a processor."
    )
    print(f"How: {measured.how}; {os.cpu_count()} processors shared by all, PostgreSQL without fsync.")
    print("Floor: bare ASGI + asyncpg + msgspec under the same uvicorn settings, the same rows and columns, no authentication, no logs.")
    print("Followthrough: as in production, with an API token, log lines at INFO (to /dev/null) and metrics.")
