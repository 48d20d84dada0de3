"""Reconciliations a second of one process, beside the calls a second that PyGithub makes in the same process, in turns."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median
from typing import Any

from github import Auth
from github import Github as PyGithub

from benchmarks.progress import say
from benchmarks.sync.figures import Bar
from benchmarks.sync.processor import Usage, usage
from benchmarks.sync.stage import DESCRIPTION, LABELS, Stage

# As many calls as the pacing lets be under way at a GitHub.
THREADS = 8
LEAST_RATIO = 0.5


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side did in one turn: how many a second, and what that used."""

    per_second: float
    seconds: float
    used: Usage


class Raw:
    """PyGithub alone: a client for each thread, nothing written down, nothing waited for."""

    def __init__(self, stage: Stage) -> None:
        running = stage.github.running
        self._connect: dict[str, Any] = {"auth": Auth.Token(running.token), "base_url": running.base_url}
        self._repository_id = running.repository_id
        self._local = threading.local()
        self._pool = ThreadPoolExecutor(THREADS)
        self.numbers: list[int] = []

    def create(self, count: int) -> None:
        """Makes so many issues."""
        labels = [f"ft/{label}" for label in LABELS]
        made = self._pool.map(lambda n: self._repository().create_issue(f"Alert {n}", body=DESCRIPTION, labels=labels).number, range(count))
        self.numbers = list(made)

    def update(self, count: int) -> None:
        """Edits so many issues."""
        edit = lambda number: self._repository().get_issue(number).edit(title=f"Alert on all {number}")  # noqa: E731 - what a thread does
        list(self._pool.map(edit, self.numbers[:count]))

    def _repository(self) -> Any:
        if not hasattr(self._local, "repository"):
            options: dict[str, Any] = {"retry": None, "seconds_between_requests": None, "seconds_between_writes": None, "lazy": True}
            self._local.repository = PyGithub(**self._connect, **options).get_repo(self._repository_id)
        return self._local.repository

    def close(self) -> None:
        """Ends the threads."""
        self._pool.shutdown()


async def measure_rate(stage: Stage, *, postgres: int, count: int, rounds: int) -> tuple[list[Bar], list[str]]:
    """Measures both sides in turns, `count` issues in each; the ratios are medians of the rounds'."""
    raw = Raw(stage)
    measure = _Measure(stage, raw, postgres, count)
    try:
        say("Reconciliations a second: warming up")
        await measure.round()
        turns = []
        for number in range(rounds):
            say(f"Reconciliations a second: round {number + 1} of {rounds}")
            turns.append(await measure.round())
    finally:
        raw.close()
    creates = [(ours, raw) for ours, raw, _, _ in turns]
    updates = [(ours, raw) for _, _, ours, raw in turns]
    bars = [_bar("creations a second, to raw PyGithub's", creates), _bar("updates a second, to raw PyGithub's", updates)]
    both = f"An update is two calls, of which the read is answered with 304: that makes {2 * bars[1].value:.2f} of raw PyGithub's calls."
    return bars, [_told("Creations", creates), _told("Updates", updates), both]


@dataclass(slots=True)
class _Measure:
    stage: Stage
    raw: Raw
    postgres: int
    count: int

    async def round(self) -> tuple[Turn, Turn, Turn, Turn]:
        """Gives our creations and raw ones, our updates and raw ones."""
        ids = await self.stage.add_tasks(self.count)
        raw_create = await self._turn(asyncio.to_thread(self.raw.create, self.count))
        create = await self._turn(self.stage.reconcile(ids))
        await self.stage.reconcile_until_at_rest(ids)
        await self.stage.edit(ids, lambda number: {"title": f"Alert on everything {number}"})
        raw_update = await self._turn(asyncio.to_thread(self.raw.update, self.count))
        update = await self._turn(self.stage.reconcile(ids))
        await self.stage.reconcile_until_at_rest(ids)
        return create, raw_create, update, raw_update

    async def _turn(self, work: Any) -> Turn:
        before, start = self._usage(), time.perf_counter()
        await work
        seconds = time.perf_counter() - start
        return Turn(self.count / seconds, seconds, self._usage() - before)

    def _usage(self) -> Usage:
        return usage(github=self.stage.github.running.process.pid, postgres=self.postgres)


def _bar(name: str, pairs: list[tuple[Turn, Turn]]) -> Bar:
    ratio = median(ours.per_second / raw.per_second for ours, raw in pairs)
    ours, raw = median(ours.per_second for ours, _ in pairs), median(raw.per_second for _, raw in pairs)
    return Bar(name, ratio, LEAST_RATIO, f"{ours:,.0f} beside {raw:,.0f}")


def _told(name: str, pairs: list[tuple[Turn, Turn]]) -> str:
    ours, raw = ([pair[side] for pair in pairs] for side in (0, 1))
    return f"{name}, shares of a processor: reconcile {_shares(ours)}; raw {_shares(raw)}."


def _shares(turns: list[Turn]) -> str:
    seconds = sum(turn.seconds for turn in turns)
    shares = {name: sum(getattr(turn.used, name) for turn in turns) / seconds for name in ("ours", "github", "postgres")}
    each = sum(turn.used.ours for turn in turns) / sum(turn.per_second * turn.seconds for turn in turns)
    return (
        f"{shares['ours']:.0%} itself ({each * 1000:.1f} ms each), {shares['github']:.0%} the sandbox, {shares['postgres']:.0%} PostgreSQL"
    )
