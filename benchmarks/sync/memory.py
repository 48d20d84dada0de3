"""How much memory a worker occupies, with few links in its database and with a hundred thousand."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import asyncpg

from benchmarks.progress import say
from benchmarks.sync.processor import resident_bytes
from benchmarks.sync.product import Product

MEGABYTE = 1_000_000
REPOSITORIES = 10
EDITS = 300
POLLS = {"FOLLOWTHROUGH_POLL_SECONDS": "1", "FOLLOWTHROUGH_SWEEP_SECONDS": "5"}

# Copies of one task and its link that were really synced, spread over the projects, so that each row is as large as they are in use.
COPY_TASKS = """
INSERT INTO tasks ({columns}) OVERRIDING SYSTEM VALUE SELECT {copied}
FROM tasks original, generate_series(1, $2::integer) n,
    LATERAL jsonb_populate_record(original, jsonb_build_object('id', gen_random_uuid(), 'number', 1000000 + n)) copy
WHERE original.id = $1
"""
COPY_LINKS = """
INSERT INTO issue_links ({columns}) SELECT {copied}
FROM issue_links original, tasks task,
    LATERAL jsonb_populate_record(original, jsonb_build_object(
        'id', gen_random_uuid(), 'marker', gen_random_uuid(), 'task_id', task.id, 'remote_id', task.number::text,
        'remote_global_id', 'I_' || task.number, 'tracker_project_id', ($2::uuid[])[1 + task.number % cardinality($2::uuid[])]
    )) copy
WHERE original.task_id = $1 AND task.number > 1000000
"""
COLUMNS = "SELECT column_name FROM information_schema.columns WHERE table_name = $1 AND is_generated = 'NEVER'"
# The sandbox doesn't have those issues: an audit would find all of them missing.
AUDITED = "UPDATE tracker_projects SET last_audit_at = now(), hook_checked_at = now()"


def measure_memory(product: Product, numbers: Mapping[str, str], *, links: int, seconds: float) -> list[str]:
    """Measures a worker while it polls, sweeps and reconciles, before and after the links are there; gives what to tell."""
    few = _work(product, numbers, seconds=seconds / 6)[1]
    say(f"Memory: storing {links:,} linked tasks in {REPOSITORIES} projects")
    for number in range(REPOSITORIES):
        product.github.add_repository(f"acme/service-{number}")
    projects = [product.add_project(f"acme/service-{number}") for number in range(REPOSITORIES)]
    asyncio.run(_seed(product.environment["DATABASE_URL"], next(iter(numbers)), projects, links=links))
    start, end, edits = _work(product, numbers, seconds=seconds)
    return [
        f"A worker's memory with {links:,} links: {start / MEGABYTE:.0f} MB when it takes jobs, {end / MEGABYTE:.0f} MB after {seconds:g} s"
        f" of polls each second, sweeps of {REPOSITORIES + 1} projects each 5 s and {edits} reconciliations;"
        f" with {len(numbers)} links {few / MEGABYTE:.0f} MB, so {(end - few) / links:+.0f} bytes a link."
    ]


def _work(product: Product, numbers: Mapping[str, str], *, seconds: float) -> tuple[int, int, int]:
    """Runs a worker with edits spread over the time; gives its memory at the start and at the end, and how many edits there were."""
    edits = round(EDITS * min(1, seconds / 30))
    say(f"Memory: a worker at work for {seconds:g} s")
    with product.run_worker(**POLLS) as worker:
        start, began = resident_bytes(worker.pid), time.monotonic()
        tasks = list(numbers)
        for edit in range(edits):
            product.call("PATCH", f"/v1/tasks/{tasks[edit % len(tasks)]}", json={"title": f"Alert again {time.time()}"})
            time.sleep(max(0.0, began + (edit + 1) * seconds / edits - time.monotonic()))
        return start, resident_bytes(worker.pid), edits


async def _seed(url: str, task_id: str, projects: list[str], *, links: int) -> None:
    connection = await asyncpg.connect(url, statement_cache_size=0)
    try:
        await _copy(connection, "tasks", COPY_TASKS, task_id, links)
        await _copy(connection, "issue_links", COPY_LINKS, task_id, projects)
        await connection.execute(AUDITED)
        await connection.execute("ANALYZE")
    finally:
        await connection.close()


async def _copy(connection: Any, table: str, statement: str, *values: Any) -> None:
    columns = [f'"{row[0]}"' for row in await connection.fetch(COLUMNS, table)]
    await connection.execute(statement.format(columns=", ".join(columns), copied=", ".join(f"copy.{name}" for name in columns)), *values)
