"""The plans of every list of tasks, on a large table: an index gives the rows, and only few of them are ever sorted."""

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from domain.reading import After, Ask, page_statement, read_page
from domain.tasks.search import TASKS

COUNT = 20_000
LIMIT = 50
# A filter that leaves few rows may sort those; never the table, and never what a page could have found in order.
SORTED = COUNT // 50
_FILL = f"""
SELECT setseed(0.5);
INSERT INTO people (id, email, name, version, created_at, updated_at)
    SELECT md5('person' || n)::uuid, 'person' || n || '@example.com', '', 1, now(), now() FROM generate_series(1, 400) n;
INSERT INTO teams (id, slug, name, timezone, version, created_at, updated_at)
    SELECT md5('team' || n)::uuid, 'team-' || n, 'T', 'Europe/Berlin', 1, now(), now() FROM generate_series(1, 20) n;
INSERT INTO postmortems (id, title, status, summary, impact, root_causes, contributing_factors, resolution, lessons, conclusion,
        version, created_at, updated_at)
    SELECT md5('postmortem' || n)::uuid, 'P', 'draft', '', '', '{{}}', '{{}}', '', '', '', 1, now(), now() FROM generate_series(1, 2000) n;
INSERT INTO improvements (id, postmortem_id, title, description, version, created_at, updated_at)
    SELECT md5('improvement' || n)::uuid, md5('postmortem' || n)::uuid, 'I', '', 1, now(), now() FROM generate_series(1, 2000) n;
INSERT INTO tasks (id, title, description, kind, priority, status, reason, owner_id, team_id, due_on, first_due_on, slips, postmortem_id,
        improvement_id, labels, version, created_at, updated_at, closed_at, deleted_at)
    SELECT ('0192f0c4-' || substr(md5('task' || n), 1, 4) || '-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
        CASE n % 2 WHEN 0 THEN 'Raise the pool size ' ELSE 'Alert on queries ' END || n, CASE n % 1000 WHEN 0 THEN 'rhubarb' ELSE '' END,
        (ARRAY['mitigate', 'prevent', 'detect', 'process', NULL])[1 + n % 5], 'P' || n % 5, status, reason,
        md5('person' || 1 + n % 400)::uuid, md5('team' || 1 + n % 20)::uuid, due_on, due_on, 0, md5('postmortem' || 1 + n % 2000)::uuid,
        md5('improvement' || 1 + n % 2000)::uuid, '{{}}', 1, now(), timestamptz '2026-01-01 00:00Z' + n * interval '1 minute',
        CASE WHEN status IN ('done', 'cancelled') THEN now() END, CASE n % 10 WHEN 0 THEN now() END
    FROM (SELECT n, CASE WHEN n % 3 > 0 THEN date '2026-01-01' + n % 700 END AS due_on, 'why' AS reason,
            (ARRAY['open', 'in_progress', 'blocked', 'done', 'done', 'done', 'cancelled'])[1 + (random() * 6)::int] AS status
        FROM generate_series(1, {COUNT}) n) given;
INSERT INTO trackers (id, kind, name, base_url, credentials, webhook_secret, state, state_reason, failures, version, created_at, updated_at)
    VALUES (md5('tracker')::uuid, 'github', 'G', 'https://api.github.com', '', '', 'ok', '', 0, 1, now(), now());
INSERT INTO tracker_projects (id, tracker_id, remote_id, key, url, details, version, created_at, updated_at)
    VALUES (md5('project')::uuid, md5('tracker')::uuid, '1', 'a/b', 'https://github.com/a/b', '{{}}', 1, now(), now());
INSERT INTO issue_links (id, task_id, tracker_project_id, label_prefix, marker, state, remote_id, base, notes, desired_version,
        pushed_version, attempts, probes, fence, error_count, background, local, flips, comments_due, comments_seen, bystanders,
        version, created_at, updated_at)
    SELECT md5('link' || id)::uuid, id, md5('project')::uuid, 'ft/', md5('marker' || id)::uuid,
        CASE WHEN n % 200 = 1 THEN 'needs_attention' ELSE 'linked' END, n::text, '{{}}', '{{}}', 1, 1, 0, 0, 0, 0, false, '{{}}',
        '[]', false, 0, '[]', 1, now(), now()
    FROM (SELECT id, row_number() OVER () AS n FROM tasks) t;
ANALYZE;
"""
SORTS = [sign + name for name in TASKS.sorts for sign in ("", "-")]
POSTMORTEM = UUID("d0c0a1a1-0000-4000-8000-000000000000")
FILTERS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "open": {"status": ["open", "in_progress", "blocked"]},
    "done": {"status": ["done"]},
    "urgent": {"priority": ["P0", "P1"]},
    "kind": {"kind": ["detect"]},
    "team": {"team": ["team-3"]},
    "open of a team": {"team": ["team-3"], "status": ["open", "in_progress", "blocked"]},
    "owner": {"owner": ["person7@example.com"]},
    "nobody": {"owner": ["nobody@example.com"]},
    "postmortem": {"postmortem_id": [POSTMORTEM]},
    "improvement": {"improvement_id": [POSTMORTEM]},
    "overdue": {"overdue": True},
    "overdue of a team": {"overdue": True, "team": ["team-3"]},
    "due before": {"due_before": date(2026, 3, 1)},
    "due between": {"due_before": date(2026, 3, 8), "due_after": date(2026, 2, 28)},
    "changed lately": {"updated_since": datetime(2026, 1, 14, 20, tzinfo=UTC)},
    "changed at all": {"updated_since": datetime(2026, 1, 1, tzinfo=UTC)},
    "linked": {"linked": True},
    "need attention": {"tracker_state": ["needs_attention"]},
    "rare word": {"q": "rhubarb"},
    "common word": {"q": "pool"},
}


@pytest.fixture(scope="module")
async def large(postgres: Any) -> AsyncIterator[Any]:
    """A connection to a database with many tasks."""
    url = postgres.create_database("many_tasks")
    connection = await asyncpg.connect(url)
    await connection.execute(_FILL)
    await connection.execute("SET jit = off")
    yield connection
    await connection.close()
    postgres.drop_database("many_tasks")


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("name", FILTERS)
async def test_list_of_tasks_uses_an_index_and_sorts_few_rows(large: Any, name: str, sort: str) -> None:
    ask = Ask(FILTERS[name], sort, LIMIT)
    page = await read_page(large, TASKS, ask)
    asks = [ask]
    if page.next_key is not None and page.next_id is not None:
        asks.append(Ask(FILTERS[name], sort, LIMIT, After(page.next_key, page.next_id)))
    for one in asks:
        statement, parameters = page_statement(TASKS, one)
        plan = json.loads(await large.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", *parameters))[0]["Plan"]
        problems = [problem for node in nodes(plan) if (problem := wrong_with(node))]
        assert problems == [], json.dumps(plan, indent=1)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


def wrong_with(node: dict[str, Any]) -> str | None:
    if node["Node Type"] == "Seq Scan" and node["Relation Name"] in {"tasks", "issue_links"}:
        return f"a sequential scan of {node['Relation Name']}"
    if "Sort" in node["Node Type"] and (rows := sum(inner["Actual Rows"] for inner in node["Plans"])) > SORTED:
        return f"{rows} rows are sorted"
    return None
