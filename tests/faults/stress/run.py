"""One stress run from its start to its figures."""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from domain.database import is_away
from tests.faults.stress.crowd import Crowd, Links, connect_to
from tests.faults.stress.figures import CREATIONS_AN_HOUR, Figures
from tests.faults.stress.ground import Ground, prepared
from tests.faults.stress.judge import Evidence, gather, judge
from tests.faults.stress.trouble import Trouble

CREATING_SHARE = 0.55
TROUBLE_SHARE = 0.75
LOOK_SECONDS = 1.0
LONGEST_KILL_SECONDS = 10.0
# A short run on a busy machine gets more time than was planned, rather than to fail for that.
LONGEST_SHORT_RUN_SECONDS = 60.0
EDITS_A_TASK = 0.12


@dataclass(frozen=True, slots=True)
class Plan:
    """How many tasks, within how many seconds, by which seed; `calm` leaves the trouble out, to see what the pace alone makes of it."""

    tasks: int
    seconds: float
    seed: int
    given_factor: float | None = None
    calm: bool = False

    @property
    def factor(self) -> float:
        """What GitHub's limits are multiplied by, so that the creations take about half of the time."""
        return self.given_factor or max(1.0, self.tasks * 3600 / (CREATIONS_AN_HOUR * self.seconds * CREATING_SHARE))

    @property
    def sweep_seconds(self) -> float:
        """How often projects are swept."""
        return min(15.0, self.seconds / 10)


@dataclass(slots=True)
class Watch:
    """Looks at the run from outside, and tells how far it is."""

    ground: Ground
    console: Console
    crowd: Crowd
    trouble: Trouble
    links: Links = field(default_factory=Links)
    began: float = field(default_factory=time.monotonic)
    created_at: float | None = None
    _connection: Any = None
    _told: float = 0.0

    @property
    def seconds(self) -> float:
        """How long it has been going on."""
        return time.monotonic() - self.began

    async def look(self) -> None:
        """Looks, unless the database is away just now."""
        try:
            if self._connection is None or self._connection.is_closed():
                self.close()
                self._connection = await connect_to(self.ground.postgres.url)
            await self.links.look(self._connection)
        except Exception as error:
            if not is_away(error):
                raise
            self.close()
        if self.seconds - self._told >= 5:
            self._told = self.seconds
            await self._tell()

    def close(self) -> None:
        """Gives the connection up."""
        if self._connection is not None:
            self._connection.terminate()
        self._connection = None

    async def _tell(self) -> None:
        counts = await asyncio.to_thread(self.ground.sandbox, "GET", "calls/counts")
        refused = sum(count["count"] for count in counts if count["status"] in (403, 429))
        states = self.links.states
        self.console.print(
            f"{self.seconds:5.0f} s  tasks {self.crowd.made:,} · linked {states.get('linked', 0):,} · pending {states.get('pending', 0):,}"
            f" · unknown {states.get('unknown', 0)} · attention {states.get('needs_attention', 0)} · errors {self.links.errors}"
            f" · due {self.links.due} · 403/429 {refused} · edits {len(self.crowd.ledger.edits)} · {self.trouble.happened}",
            highlight=False,
            markup=False,
        )

    async def until(self, true: Callable[[], bool], *, by: float) -> bool:
        """Looks again and again; says whether it came true in time."""
        while not true():
            if self.seconds > by:
                return False
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()
        return True

    async def gather(self) -> tuple[Evidence, int]:
        """Reads everything, and counts the tasks."""
        connection = await connect_to(self.ground.postgres.url)
        try:
            return await gather(self.ground, connection), await connection.fetchval("SELECT count(*) FROM tasks")
        finally:
            await connection.close()


def run(plan: Plan, folder: Path, console: Console) -> Figures:
    """Runs a plan to its end."""
    console.print(f"Starting PostgreSQL, Valkey, a sandbox GitHub with its limits × {plan.factor:.0f}, the API and two workers")
    with prepared(folder, factor=plan.factor, sweep_seconds=plan.sweep_seconds) as ground:
        return asyncio.run(_run(plan, ground, console))


async def _run(plan: Plan, ground: Ground, console: Console) -> Figures:
    crowd = Crowd(ground, random.Random(plan.seed))
    await crowd.connect()
    ground.sandbox("DELETE", "calls")
    trouble = Trouble(ground, random.Random(plan.seed + 1), min(LONGEST_KILL_SECONDS, plan.seconds / 5))
    watch = Watch(ground, console, crowd, trouble)
    made = await _make_trouble(plan, watch)
    counted_at = watch.seconds
    done = await trouble.end()
    converged = await _converge(plan, watch)
    counts, limits = ground.sandbox("GET", "calls/counts"), ground.sandbox("GET", "limits")
    evidence, tasks = await watch.gather()
    await crowd.close()
    watch.close()
    ended = sum(worker.ended + (worker.process.poll() is not None) for worker in ground.workers)
    return Figures(
        judgement=judge(evidence, crowd.ledger),
        ledger=crowd.ledger,
        tasks=tasks,
        factor=plan.factor,
        counts=counts,
        limits=limits,
        creating_seconds=made,
        converged_seconds=watch.seconds - counted_at if converged else None,
        seconds=watch.seconds,
        happened=trouble.happened,
        done=done,
        ended_workers=ended,
    )


async def _make_trouble(plan: Plan, watch: Watch) -> float:
    """Has all tasks become issues while everything goes wrong, and gives how long that took."""
    enough = plan.seconds * TROUBLE_SHARE
    trouble = watch.trouble.cause(seed=plan.seed, seconds=plan.seconds * CREATING_SHARE)
    going = [
        asyncio.create_task(asyncio.sleep(0) if plan.calm else trouble),
        asyncio.create_task(watch.crowd.edit(watch.links, a_second=max(EDITS_A_TASK * plan.tasks, 20) / (plan.seconds * CREATING_SHARE))),
    ]
    making = asyncio.create_task(watch.crowd.make_tasks(plan.tasks))
    states = watch.links.states

    def no_more_pending() -> bool:
        nonlocal states
        states = watch.links.states
        return making.done() and not states.get("pending", 0) and not states.get("creating", 0)

    await watch.until(no_more_pending, by=enough)
    took = watch.seconds
    if plan.calm:
        trouble.close()
    else:
        happened = watch.trouble.happened
        await watch.until(lambda: all(happened.values()) and happened["Redis flushed"] >= 2, by=enough)
    watch.crowd.over = True
    await going[1]
    await making
    await _cancelled(going[0])
    return took


async def _cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _converge(plan: Plan, watch: Watch) -> bool:
    """Waits until everything is at rest, and a sweep that began after the trouble has found nothing more."""
    ended_at = datetime.now(UTC)

    def at_rest() -> bool:
        swept_at = watch.links.swept_at
        return watch.links.at_rest and swept_at is not None and swept_at > ended_at

    by = max(plan.seconds, LONGEST_SHORT_RUN_SECONDS)
    if not await watch.until(at_rest, by=by):
        return False
    # What that sweep found may have come in just after the look.
    await asyncio.sleep(LOOK_SECONDS)
    await watch.look()
    return await watch.until(at_rest, by=by)
