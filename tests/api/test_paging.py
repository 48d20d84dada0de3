"""Lists: pages that neither repeat nor lose a row, filters, orders, and cursors that nobody can forge."""

import base64
import re
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import available_timezones

import pytest

from domain.columns import new_id
from tests.api.problems import places_of
from tests.people_and_places import ANA, BO, PUBLIC_URL, SEARCH, World, new_task

SORTS = ["created_at", "updated_at", "due_on", "priority"]
_TASKS = """
INSERT INTO tasks (id, title, description, priority, status, reason, due_on, first_due_on, slips, labels, version, created_at, updated_at)
SELECT id, 'Task ' || n, '', 'P' || n % 3, 'open', '',
    CASE WHEN n % 4 > 0 THEN date '2026-01-01' + (n % 4)::int END,
    CASE WHEN n % 4 > 0 THEN date '2026-01-01' + (n % 4)::int END, 0, '{}', 1, now(),
    timestamptz '2026-01-01 00:00Z' + n % 5 * interval '1 microsecond'
FROM unnest($1::uuid[]) WITH ORDINALITY AS given (id, n)
"""


async def add_tasks(world: World, count: int) -> list[str]:
    """Adds tasks of which many have the same sort key, and some no due date."""
    ids = [new_id() for _ in range(count)]
    await world.sql.execute(_TASKS, ids)
    return [str(one) for one in ids]


async def page_through(world: World, **params: Any) -> list[dict[str, Any]]:
    """Reads a list to its end by the Link header."""
    items: list[dict[str, Any]] = []
    answer = await world.reader.get("/v1/tasks", params=params)
    while True:
        assert answer.status_code == 200, answer.text
        items += answer.json()["items"]
        link = answer.headers.get("link")
        assert (link is None) == (answer.json()["next_cursor"] is None)
        if link is None:
            return items
        found = re.fullmatch(r'<(.+)>; rel="next"', link)
        assert found
        assert found[1].startswith(f"{PUBLIC_URL}/v1/tasks?")
        answer = await world.reader.get(found[1].removeprefix(PUBLIC_URL))


def key_of(task: dict[str, Any], sort: str) -> Any:
    values = {
        "created_at": task["id"],
        "due_on": task["due_on"] or "infinity",
        "priority": task["priority"],
        "updated_at": task["updated_at"],
    }
    return values[sort], task["id"]


@pytest.mark.parametrize("sort", [*SORTS, *(f"-{sort}" for sort in SORTS)])
@pytest.mark.parametrize("limit", [1, 7, 200])
async def test_pages_hold_every_task_once_and_in_order(world: World, sort: str, limit: int) -> None:
    ids = await add_tasks(world, 23)
    items = await page_through(world, sort=sort, limit=limit)
    assert sorted(one["id"] for one in items) == sorted(ids)
    assert items == sorted(items, key=lambda one: key_of(one, sort.removeprefix("-")), reverse=sort.startswith("-"))


@pytest.mark.parametrize("sort", ["created_at", "-created_at", "due_on", "-due_on", "priority", "-priority"])
async def test_pages_stay_true_while_tasks_come_and_change(world: World, sort: str) -> None:
    ids = await add_tasks(world, 20)
    seen: list[str] = []
    params: dict[str, Any] = {"sort": sort, "limit": 3}
    while True:
        body = (await world.reader.get("/v1/tasks", params=params)).json()
        seen += [one["id"] for one in body["items"]]
        await add_tasks(world, 2)
        await world.writer.patch(f"/v1/tasks/{body['items'][0]['id']}", json={"title": "changed meanwhile"})
        if body["next_cursor"] is None or len(seen) > 150:
            break
        params["cursor"] = body["next_cursor"]
        if len(seen) > 20:
            break
    assert len(seen) == len(set(seen))
    if sort == "created_at":
        assert seen[:20] == ids
    if sort == "-created_at":
        assert seen == ids[::-1]


async def test_deleted_task_between_pages_moves_no_other(world: World) -> None:
    ids = await add_tasks(world, 6)
    first = (await world.reader.get("/v1/tasks?sort=created_at&limit=2")).json()
    await world.writer.delete(f"/v1/tasks/{ids[1]}")
    second = (await world.reader.get("/v1/tasks", params={"sort": "created_at", "limit": 2, "cursor": first["next_cursor"]})).json()
    assert [one["id"] for one in second["items"]] == ids[2:4]


async def test_full_last_page_has_no_next_one(world: World) -> None:
    await add_tasks(world, 4)
    body = (await world.reader.get("/v1/tasks?limit=4")).json()
    assert (len(body["items"]), body["next_cursor"]) == (4, None)


async def test_page_holds_fifty_unless_the_caller_says_otherwise(world: World) -> None:
    await add_tasks(world, 60)
    assert len((await world.reader.get("/v1/tasks")).json()["items"]) == 50
    assert len((await world.reader.get("/v1/tasks?limit=200")).json()["items"]) == 60


async def test_cursor_of_which_any_bit_is_flipped_is_refused(world: World) -> None:
    await add_tasks(world, 3)
    cursor = (await world.reader.get("/v1/tasks?limit=1")).json()["next_cursor"]
    raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    for bit in range(0, len(raw) * 8, 7):
        forged = bytearray(raw)
        forged[bit // 8] ^= 1 << bit % 8
        text = base64.urlsafe_b64encode(forged).decode().rstrip("=")
        assert places_of(await world.reader.get("/v1/tasks", params={"limit": 1, "cursor": text}), 400).keys() == {"cursor"}


@pytest.mark.parametrize(
    "spoil", [lambda c: c[:-4], lambda c: c + c, lambda c: c + "=", lambda c: " " + c, lambda c: c[::-1], lambda c: c + "\x00"]
)
async def test_spoilt_cursor_is_refused(world: World, spoil: Any) -> None:
    await add_tasks(world, 2)
    cursor = (await world.reader.get("/v1/tasks?limit=1")).json()["next_cursor"]
    answer = await world.reader.get("/v1/tasks", params={"limit": 1, "cursor": spoil(cursor)})
    if spoil(cursor) != cursor + "=":
        assert places_of(answer, 400).keys() == {"cursor"}


async def test_cursor_of_another_order_is_refused(world: World) -> None:
    await add_tasks(world, 2)
    cursor = (await world.reader.get("/v1/tasks?limit=1&sort=due_on")).json()["next_cursor"]
    for sort in ("-due_on", "priority", "-created_at"):
        places = places_of(await world.reader.get("/v1/tasks", params={"limit": 1, "sort": sort, "cursor": cursor}), 400)
        assert places == {"sort": "keep sort=due_on while paging"}


@pytest.fixture
async def three(world: World) -> dict[str, str]:
    """Three tasks that differ in everything."""
    postmortem = (await world.writer.post("/v1/postmortems", json={"title": "Outage"})).json()["id"]
    improvement = (await world.writer.post("/v1/improvements", json={"postmortem_id": postmortem, "title": "Faster"})).json()["id"]
    await new_task(world, title="Alert on slow queries", owner=ANA, team=SEARCH, priority="P0", kind="detect", due_on="2020-01-01")
    await new_task(world, title="Write a runbook", owner=BO, status="done", kind="process", due_on="2020-01-01", postmortem_id=postmortem)
    await new_task(
        world,
        title="Limit the pool",
        description="of slow database queries",
        priority="P1",
        due_on="2999-12-31",
        improvement_id=improvement,
    )
    return {"postmortem": postmortem, "improvement": improvement}


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ({}, "LWA"),
        ({"status": "open"}, "LA"),
        ({"status": "done,open"}, "LWA"),
        ({"status": "blocked"}, ""),
        ({"priority": "P0,P1"}, "LA"),
        ({"kind": "process, detect"}, "WA"),
        ({"team": "search"}, "A"),
        ({"team": "payments,search"}, "A"),
        ({"owner": "ANA@example.com"}, "A"),
        ({"owner": f"{ANA},{BO}"}, "WA"),
        ({"overdue": "true"}, "A"),
        ({"overdue": "false"}, "LW"),
        ({"due_before": "2020-01-02"}, "WA"),
        ({"due_before": "2020-01-01"}, ""),
        ({"due_after": "2020-01-01"}, "L"),
        ({"linked": "true"}, ""),
        ({"linked": "false"}, "LWA"),
        ({"tracker_state": "pending,linked"}, ""),
        ({"postmortem_id": "{postmortem}"}, "LW"),
        ({"improvement_id": "{improvement}"}, "L"),
        ({"improvement_id": "{improvement},{postmortem}"}, "L"),
        ({"q": "query"}, "LA"),
        ({"q": "slow -database"}, "A"),
        ({"q": '"database queries"'}, "L"),
        ({"q": "runbook OR alert"}, "WA"),
        ({"q": "slow", "priority": "P1", "overdue": "false", "sort": "due_on"}, "L"),
        ({"updated_since": "2999-01-01T00:00:00Z"}, ""),
        ({"updated_since": "2020-01-01T00:00:00+02:00"}, "LWA"),
    ],
    ids=str,
)
async def test_filter_gives_exactly_what_it_says(world: World, three: dict[str, str], query: dict[str, str], titles: str) -> None:
    params = {name: value.format(**three) for name, value in query.items()}
    answer = await world.reader.get("/v1/tasks", params=params)
    assert "".join(one["title"][0] for one in answer.json()["items"]) == titles


async def test_updated_since_is_exact_to_the_microsecond(world: World) -> None:
    task = await new_task(world)
    changed = datetime.fromisoformat(task["updated_at"])
    for instant, count in ((changed, 1), (changed + timedelta(microseconds=1), 0)):
        answer = await world.reader.get("/v1/tasks", params={"updated_since": instant.isoformat()})
        assert len(answer.json()["items"]) == count


async def test_plus_sign_that_came_as_a_blank_is_understood(world: World) -> None:
    answer = await world.reader.get("/v1/tasks?updated_since=2026-08-10T14:30:00+02:00")
    assert answer.status_code == 200


async def test_overdue_waits_for_the_end_of_the_teams_day(world: World) -> None:
    today = await world.sql.fetchval("SELECT (now() AT TIME ZONE 'America/Los_Angeles')::date")
    late = await new_task(world, team=SEARCH, due_on=str(today - timedelta(days=1)))
    due = await new_task(world, team=SEARCH, due_on=str(today))
    overdue = {one["id"]: one["overdue"] for one in (await world.reader.get("/v1/tasks")).json()["items"]}
    assert overdue == {late["id"]: True, due["id"]: False}


async def test_every_time_zone_that_a_team_may_have_is_known_to_the_database(world: World) -> None:
    unknown = [zone for zone in sorted(available_timezones()) if not await _knows(world, zone)]
    for zone in unknown:
        answer = await world.writer.post("/v1/teams", json={"slug": "odd", "name": "Odd", "timezone": zone})
        assert places_of(answer, 422).keys() == {"/timezone"}


async def _knows(world: World, zone: str) -> bool:
    try:
        await world.sql.fetchval("SELECT now() AT TIME ZONE $1", zone)
    except Exception:  # noqa: BLE001 - whatever it says, it doesn't know it
        return False
    return True


async def test_other_lists_page_and_sort_too(world: World) -> None:
    for path, sorts in (("people", ["created_at", "email"]), ("teams", ["created_at", "slug"])):
        for sort in (*sorts, *(f"-{one}" for one in sorts)):
            first = (await world.admin.get(f"/v1/{path}", params={"limit": 1, "sort": sort})).json()
            second = (await world.admin.get(f"/v1/{path}", params={"limit": 1, "sort": sort, "cursor": first["next_cursor"]})).json()
            assert len({one["id"] for one in first["items"] + second["items"]}) == 2
            assert second["next_cursor"] is None
    assert len((await world.admin.get("/v1/tokens?active=true&limit=2")).json()["items"]) == 2
    assert (await world.admin.get("/v1/tokens?active=false")).json()["items"] == []


async def test_parameter_cannot_replace_what_the_address_says(routed: World) -> None:
    one, other = await new_task(routed), await new_task(routed)
    answer = await routed.reader.get(f"/v1/tasks/{one['id']}/links", params={"task_id": other["id"]})
    if answer.status_code == 200:
        assert [link["task_id"] for link in answer.json()["items"]] in ([], [one["id"]])
    else:
        assert places_of(answer, 400).keys() == {"task_id"}
