"""What goes wrong during the stress run: workers die, answers and webhooks are lost, Redis forgets, PostgreSQL restarts."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from redis.asyncio import Redis

from tests.faults.stress.ground import Ground

CHAOS = {
    "lost_after_commit": 0.05,
    "server_error": 0.05,
    "webhooks_dropped": 0.1,
    "webhooks_doubled": 0.1,
    "webhooks_late": 0.2,
    "late_seconds": 2.0,
}
FLUSHES = 2


@dataclass(slots=True)
class Trouble:
    """The trouble of one run; `happened` counts what was done."""

    ground: Ground
    randomly: random.Random
    kill_seconds: float
    happened: dict[str, int] = field(default_factory=lambda: {"workers killed": 0, "Redis flushed": 0, "PostgreSQL restarted": 0})

    async def cause(self, *, seed: int, seconds: float) -> None:
        """Causes all of it; within `seconds` Redis is flushed twice and PostgreSQL restarted once. Workers die until this is cancelled."""
        await asyncio.to_thread(self.ground.sandbox, "PUT", "chaos", seed=seed, **CHAOS)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._kill_workers())
            group.create_task(self._at(seconds * 0.25, "Redis flushed", self._flush))
            group.create_task(self._at(seconds * 0.5, "PostgreSQL restarted", self._restart))
            group.create_task(self._at(seconds * 0.75, "Redis flushed", self._flush))

    async def _kill_workers(self) -> None:
        while True:
            await asyncio.sleep(self.randomly.uniform(0.5, 1.5) * self.kill_seconds)
            worker = self.randomly.choice(self.ground.workers)
            # Not in a thread: Linux ties the end of what is started to that of the thread that started it.
            worker.kill()
            self.happened["workers killed"] += 1

    async def _at(self, seconds: float, name: str, do: Callable[[], object]) -> None:
        await asyncio.sleep(seconds)
        found = do()
        if asyncio.iscoroutine(found):
            await found
        self.happened[name] += 1

    async def _flush(self) -> None:
        async with Redis.from_url(self.ground.valkey.url) as client:
            await client.flushall()

    def _restart(self) -> None:
        self.ground.postgres.stop()
        self.ground.postgres.start()

    async def end(self) -> dict[str, int]:
        """Ends what the sandbox does wrong, and gives how often it did."""
        document = await asyncio.to_thread(self.ground.sandbox, "DELETE", "chaos")
        done: dict[str, int] = document["done"]
        return done
