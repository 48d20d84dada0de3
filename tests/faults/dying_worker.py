"""`python -m tests.faults.dying_worker`: real workers, forked on demand, each of which may suffer one blow at one step of one operation.

Forking saves the second that a worker takes to import everything. Each line on standard input is an order as JSON, each line on standard
output its answer: `{"do": "start", "log": "…", "plan": {…} or null}` gives a pid, `{"do": "status", "pid": 1}` the exit status or null.
All workers are killed when standard input ends.
"""

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
from redis.asyncio import Redis

from domain.database import load_tables
from domain.settings import Settings, load_settings
from domain.sync.steps import Step, Watcher, watch
from tests.faults.plan import AFTER_SEND, DROP_CONNECTIONS, Blow, Plan
from workers.main import run


def main() -> None:
    """Carries out the orders until there are no more."""
    load_tables()
    children: dict[int, int | None] = {}
    for line in sys.stdin:
        order = json.loads(line)
        if order["do"] == "start":
            pid = _fork(order["plan"], log=Path(order["log"]))
            children[pid] = None
            answer: dict[str, Any] = {"pid": pid}
        else:
            answer = {"status": _status(children, order["pid"])}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    for pid in children:
        if _status(children, pid) is None:
            os.kill(pid, signal.SIGKILL)


def _status(children: dict[int, int | None], pid: int) -> int | None:
    if children[pid] is None:
        ended, status = os.waitpid(pid, os.WNOHANG)
        children[pid] = status if ended else None
    return children[pid]


def _fork(plan: dict[str, str] | None, *, log: Path) -> int:
    """Starts a worker; there is no thread and no event loop here that it could inherit."""
    pid = os.fork()
    if pid:
        return pid
    try:
        _become_worker(plan, log=log)
        os._exit(0)
    except BaseException:  # noqa: BLE001 - whatever it is, this copy of the parent must not go on
        os._exit(70)


def _become_worker(plan: dict[str, str] | None, *, log: Path) -> None:
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    random.seed()
    if plan is None:
        run(load_settings())
        return
    told = Plan(**plan)
    # One that is to die must have heard of its job by the bell: what the poll rings for can't be rung for again until arq gives it up.
    settings = load_settings(poll_seconds=60) if Blow(told.blow).ends_worker else load_settings()
    watch(_watcher(told, settings))
    run(settings)


def _watcher(plan: Plan, settings: Settings) -> Watcher:
    """Gives what strikes once, at the plan's step of the plan's operation.

    A step after sending is none of the worker's: the test sees at the tracker that the call was carried out, and strikes from outside. All
    it needs from here is a way to cancel the job, as arq would: a signal.
    """
    struck = False

    async def strike(step: Step, operation: str) -> None:
        nonlocal struck
        if struck or (step.value, operation) != (plan.reported_step, plan.reported_operation):
            return
        struck = True
        if plan.step == AFTER_SEND:
            asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, _own_task().cancel)
            return
        Path(plan.mark).touch()  # noqa: ASYNC240 - an empty file, and the process may be gone after it
        await BLOWS[Blow(plan.blow)](settings)

    return strike


def _own_task() -> "asyncio.Task[Any]":
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("a step is always reached within a job")
    return task


async def _kill(_: Settings) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def _terminate(_: Settings) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(0.05)


async def _cancel(_: Settings) -> None:
    _own_task().cancel()
    await asyncio.sleep(0)


async def _drop_connections(settings: Settings) -> None:
    connection = await asyncpg.connect(settings.database_url)
    await connection.execute(DROP_CONNECTIONS)
    await connection.close()


async def _flush(settings: Settings) -> None:
    async with Redis.from_url(settings.redis_url) as client:
        await client.flushdb()


BLOWS: dict[Blow, Callable[[Settings], Awaitable[None]]] = {
    Blow.SIGKILL: _kill,
    Blow.SIGTERM: _terminate,
    Blow.CANCELLED: _cancel,
    Blow.CONNECTIONS_DROPPED: _drop_connections,
    Blow.REDIS_FLUSHED: _flush,
}


if __name__ == "__main__":
    main()
