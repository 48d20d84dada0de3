"""The sync's part: calls against the floor, the rate against raw PyGithub, delays, and the memory of a worker."""

import contextlib
import time
from dataclasses import dataclass

import uvloop

from benchmarks.progress import say
from benchmarks.servers import Servers, start_servers
from benchmarks.sync.delays import measure_delays
from benchmarks.sync.figures import Measured
from benchmarks.sync.github import Github, running_github
from benchmarks.sync.mailbox import Mailbox
from benchmarks.sync.memory import measure_memory
from benchmarks.sync.operations import ANOTHER_SECOND, count_calls
from benchmarks.sync.product import running_product
from benchmarks.sync.rate import measure_rate
from benchmarks.sync.report import print_report
from benchmarks.sync.stage import opened


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured."""

    tasks: int
    few: int
    sweeps: int
    rounds: int
    in_round: int
    edits: int
    human_edits: int
    webhooks: int
    links: int
    memory_seconds: float
    pause: float


FULL = Effort(
    tasks=170,
    few=100,
    sweeps=60,
    rounds=3,
    in_round=150,
    edits=200,
    human_edits=100,
    webhooks=400,
    links=100_000,
    memory_seconds=30,
    pause=ANOTHER_SECOND,
)
QUICK = Effort(
    tasks=10, few=5, sweeps=10, rounds=1, in_round=10, edits=5, human_edits=3, webhooks=10, links=1000, memory_seconds=1, pause=0
)


def run_sync(*, quick: bool) -> list[str]:
    """Measures, prints the tables, and gives the names of what misses its bar."""
    effort, measured, start = QUICK if quick else FULL, Measured(), time.perf_counter()
    with contextlib.ExitStack() as stack:
        say("Starting PostgreSQL, Valkey and a sandbox GitHub")
        rated, counted, used = start_servers(stack, databases=3)
        with running_github() as github:
            uvloop.run(_measure_rate(rated, github, effort, measured))
        with running_github() as github:
            uvloop.run(_count_calls(counted, github, effort, measured))
        with running_github() as github:
            _measure_product(used, github, effort, measured)
    measured.notes.append(f"All of it took {time.perf_counter() - start:.0f} s.")
    return print_report(measured)


async def _measure_rate(servers: Servers, github: Github, effort: Effort, measured: Measured) -> None:
    async with opened(servers, github) as stage:
        bars, notes = await measure_rate(stage, postgres=servers.postgres_pid, count=effort.in_round, rounds=effort.rounds)
    measured.bars += bars
    measured.notes += notes


async def _count_calls(servers: Servers, github: Github, effort: Effort, measured: Measured) -> None:
    with contextlib.closing(Mailbox()) as mailbox:
        async with opened(servers, github) as stage:
            github.add_hook(mailbox.url, stage.secret)
            operations, bar = await count_calls(
                stage, mailbox, tasks=effort.tasks, few=effort.few, sweeps=effort.sweeps, pause=effort.pause
            )
    measured.operations += operations
    measured.bars.append(bar)


def _measure_product(servers: Servers, github: Github, effort: Effort, measured: Measured) -> None:
    say("Starting the API and a worker")
    with running_product(servers, github) as product:
        with product.run_worker():
            numbers = product.add_linked_tasks(effort.edits)
            counts = {"edits": effort.edits, "human_edits": effort.human_edits, "webhooks": effort.webhooks}
            measured.times += measure_delays(product, numbers, **counts)
        measured.notes += measure_memory(product, numbers, links=effort.links, seconds=effort.memory_seconds)
