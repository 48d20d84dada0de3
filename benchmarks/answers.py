"""The API's part: answers a second, beside those of a floor in the same run."""

import asyncio
import contextlib
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import mean, median

from benchmarks.calls import Call, calls, check_same_answers
from benchmarks.load import Load
from benchmarks.processes import Client, Served, free_port, seconds_to_import, serve
from benchmarks.progress import say
from benchmarks.report import Measured, Pair, print_report
from benchmarks.seed import seed
from benchmarks.servers import start_servers

CONNECTIONS = 16


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured."""

    tasks: int
    rounds: int
    turns: int
    seconds: float
    starts: int


FULL = Effort(tasks=20_000, rounds=5, turns=4, seconds=0.4, starts=3)
QUICK = Effort(tasks=300, rounds=1, turns=1, seconds=0.3, starts=1)


def run_api(*, quick: bool) -> list[str]:
    """Measures, prints the table, and gives the names of the calls that miss their bar."""
    return print_report(_measure(QUICK if quick else FULL))


def _measure(effort: Effort) -> Measured:
    with contextlib.ExitStack() as stack:
        say(f"Starting PostgreSQL and Valkey, and storing {effort.tasks:,} tasks")
        environment = start_servers(stack)[0].environment
        token, task_ids = asyncio.run(seed(environment["DATABASE_URL"], effort.tasks))
        say(f"Starting the API {effort.starts} times")
        starts = [_start_once(environment) for _ in range(effort.starts - 1)]
        ours, floor = free_port(), free_port()
        starts.append(stack.enter_context(_api(ours, environment)).seconds)
        stack.enter_context(serve("benchmarks.floor", str(floor), port=floor, ready="/", environment=environment))
        imports = [seconds_to_import("api.app") for _ in range(effort.starts)]
        check_same_answers(f"http://127.0.0.1:{ours}", f"http://127.0.0.1:{floor}", token=token, task_id=task_ids[0])
        client = Client()
        stack.callback(client.close)
        bench = Bench(client, effort, ours=ours, floor=floor, token=token)
        pairs = bench.measure_interleaved(calls(task_ids))
        ceiling = bench.measure_ceiling()
    return Measured(_how(effort), pairs, ceiling, bench.client_share, median(starts), median(imports))


def _start_once(environment: Mapping[str, str]) -> float:
    with _api(free_port(), environment) as served:
        return served.seconds


def _api(port: int, environment: Mapping[str, str]) -> contextlib.AbstractContextManager[Served]:
    return serve("api", port=port, ready="/health/ready", environment={**environment, "PORT": str(port)})


Side = tuple[int, dict[str, str]]
"""A server's port, and the headers that it needs."""


class Bench:
    """Loads both servers, turn by turn."""

    def __init__(self, client: Client, effort: Effort, *, ours: int, floor: int, token: str) -> None:
        self.client_share = 0.0
        self._client = client
        self._effort = effort
        self._sides: tuple[Side, Side] = ((ours, {"authorization": f"Bearer {token}"}), (floor, {}))

    def measure_interleaved(self, all_calls: list[Call]) -> list[Pair]:
        """Measures each call on both sides; gives the medians."""
        pairs = []
        for call in all_calls:
            say(f"Measuring {call.name}: {self._effort.rounds} rounds")
            for port, headers in self._sides:
                self._rate(call, port, headers)  # to warm up: connections, statements, branches
            rounds = [self._round(call) for _ in range(self._effort.rounds)]
            ours, floor = (median(side) for side in zip(*rounds, strict=True))
            pairs.append(Pair(call, ours, floor, median(ours / floor for ours, floor in rounds)))
        return pairs

    def _round(self, call: Call) -> tuple[float, float]:
        """Measures both sides in turns of half a second or less, so that both see the same of what else the machine does."""
        turns = [[self._rate(call, *side) for side in self._sides] for _ in range(self._effort.turns)]
        ours, floor = (mean(side) for side in zip(*turns, strict=True))
        return ours, floor

    def measure_ceiling(self) -> float:
        """Measures what the client reaches against an answer that costs next to nothing."""
        return self._rate(Call("", ["/"], None), *self._sides[1])

    def _rate(self, call: Call, port: int, headers: Mapping[str, str]) -> float:
        load = Load(port, call.requests(headers), call.status, self._effort.seconds, CONNECTIONS)
        rate = self._client.run(load)
        self.client_share = max(self.client_share, rate.client_share)
        return rate.per_second


def _how(effort: Effort) -> str:
    return (
        f"{effort.tasks:,} tasks; medians of {effort.rounds} rounds (the ratios too), in each of which both sides are loaded"
        f" {effort.turns} times for {effort.seconds:g} s, in turns; {CONNECTIONS} keep-alive connections;"
        f" one process each for the API, the floor and the client; Python {platform.python_version()}"
    )
