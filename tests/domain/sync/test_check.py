"""A check of a tracker: every failure is a finding that says what to do."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.activity.record import Act
from domain.activity.table import ActorKind
from domain.columns import now_utc
from domain.database import transaction
from domain.errors import NotFoundError, UnavailableError
from domain.sync.check import Checked, Checking, check_tracker
from domain.sync.findings import Finding
from domain.trackers.contract import Adapter, FailedDelivery, Failure, HookReport, Quota, TrackerError
from domain.trackers.table import Tracker
from tests.domain.sync.test_adopt import SHOP, Shelf, be_reachable, failed, new_pacer, one_read_an_hour
from tests.people_and_places import NOBODY, TRACKER_ID, World, new_task


async def check(world: World, shelf: Shelf, *, connect: Callable[[Tracker], Adapter] | None = None, seconds: float = 20) -> Checked:
    await be_reachable(world)
    house = world.app.state.house
    act = Act(ActorKind.TOKEN, "a person", now_utc())
    checking = Checking(
        house.database, house.settings, connect or shelf.adapter, act, _silent, deadline_seconds=seconds, pacer=new_pacer(world)
    )
    return await check_tracker(checking, TRACKER_ID)


async def _silent(_: Any) -> None:
    """Rings for nobody."""


def named(checked: Checked, name: str) -> list[Finding]:
    return [finding for finding in checked.findings if finding.name == name]


def bad(checked: Checked) -> list[str]:
    return [finding.name.value for finding in checked.findings if not finding.ok]


async def test_all_is_well(routed: World) -> None:
    shelf = Shelf(quota=Quota(5000, 4990, datetime(2026, 8, 10, 14, 30, tzinfo=UTC)))
    checked = await check(routed, shelf)
    assert (checked.ok, checked.account) == (True, "followthrough-bot")
    names = {finding.name.value for finding in checked.findings}
    assert names == {"address", "credentials", "project", "permission", "webhook", "events", "deliveries", "limit", "sweep"}
    assert all(finding.fix is None for finding in checked.findings)
    assert "4990 of 5000 calls are left until 2026-08-10 14:30 UTC." in named(checked, "limit")[0].text
    assert shelf.closed == 1


async def test_what_the_tracker_says_is_kept(routed: World) -> None:
    projects = {"4711": replace(SHOP, key="acme/store", native={"due_on": {"id": 1}})}
    checked = await check(routed, Shelf(projects=projects))
    assert "(it was acme/shop before)" in named(checked, "project")[0].text
    answer = await routed.reader.get(f"/v1/trackers/{TRACKER_ID}/projects")
    (project,) = answer.json()["items"]
    assert (project["key"], project["native"], project["types"]) == ("acme/store", {"due_on": True, "priority": False}, ["Bug", "Task"])
    assert (await routed.reader.get(f"/v1/trackers/{TRACKER_ID}")).json()["account"] == "followthrough-bot"


async def test_credentials_that_work_again_let_the_sync_go_on(routed: World) -> None:
    task = await new_task(routed)
    await routed.sql.execute("UPDATE trackers SET state = 'auth_failed', state_reason = 'refused'")
    await routed.sql.execute("UPDATE issue_links SET due_at = now() + interval '5 minutes'")
    await check(routed, Shelf())
    tracker = (await routed.reader.get(f"/v1/trackers/{TRACKER_ID}")).json()
    assert (tracker["state"], tracker["state_reason"]) == ("ok", "")
    link = (await routed.reader.get(f"/v1/links/{task['links'][0]['id']}")).json()
    assert datetime.fromisoformat(link["due_at"]) <= now_utc()


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (failed(Failure.AUTH, "bad_credentials", 401), "credentials"),
        (failed(Failure.LIMITED, "rate_limited", 403), "limit"),
        (failed(Failure.DEFINITE, "unreachable", None), "address"),
    ],
)
async def test_account_that_does_not_answer_is_one_finding(routed: World, error: TrackerError, name: str) -> None:
    checked = await check(routed, Shelf(failing={"identity": error}))
    assert (checked.ok, checked.account, bad(checked)) == (False, None, [name])
    assert named(checked, name)[0].fix
    assert (await routed.reader.get(f"/v1/trackers/{TRACKER_ID}")).json()["account"] is None


async def test_address_that_is_not_allowed_is_not_called(routed: World) -> None:
    await routed.sql.execute("UPDATE trackers SET base_url = 'https://127.0.0.1'")
    shelf = Shelf()
    assert bad(await check(routed, shelf)) == ["address"]
    assert shelf.closed == 0


async def test_secret_that_cannot_be_read_is_a_finding(routed: World) -> None:
    def connect(_: Tracker) -> Adapter:
        raise UnavailableError("A stored secret can't be decrypted.")

    assert bad(await check(routed, Shelf(), connect=connect)) == ["credentials"]


async def test_project_is_told_apart_by_what_it_lacks(routed: World) -> None:
    projects = {"4711": replace(SHOP, issues_enabled=False, writable=False)}
    assert bad(await check(routed, Shelf(projects=projects))) == ["project", "permission"]
    assert bad(await check(routed, Shelf(projects={}))) == ["project"]


async def test_webhook_is_told_apart_by_what_it_lacks(routed: World) -> None:
    lost = FailedDelivery("9", "a-b", "issues", "timed out", now_utc())
    for report, expected in [
        (HookReport(None, False, ()), ["webhook"]),
        (HookReport("1", False, ("*",)), ["webhook"]),
        (HookReport("1", True, ("issues",)), ["events"]),
        (HookReport("1", True, ("issues", "issue_comment"), (lost,)), ["deliveries"]),
    ]:
        checked = await check(routed, Shelf(hook=report))
        assert bad(checked) == expected
        assert all(finding.fix for finding in checked.findings if not finding.ok)


async def test_webhook_that_may_not_be_seen_is_well_while_webhooks_come_in(routed: World) -> None:
    shelf = Shelf(failing={"inspect_hook": failed(Failure.DEFINITE, "forbidden", 403)})
    assert bad(await check(routed, shelf)) == ["webhook"]
    await routed.sql.execute("UPDATE tracker_projects SET webhook_at = now()")
    assert bad(await check(routed, shelf)) == []


async def test_sweep_that_is_late_needs_a_worker(routed: World) -> None:
    await routed.sql.execute("UPDATE tracker_projects SET swept_at = $1", now_utc() - timedelta(hours=5))
    (finding,) = [finding for finding in (await check(routed, Shelf())).findings if not finding.ok]
    assert finding.name == "sweep"
    assert "worker" in (finding.fix or "")


async def test_slow_tracker_ends_the_check(routed: World) -> None:
    class Slow(Shelf):
        async def describe(self, key_or_id: str) -> Any:
            await asyncio.sleep(60)

    checked = await check(routed, Slow(), seconds=0.2)
    assert bad(checked) == ["project"]
    assert "no answer within" in named(checked, "project")[0].text


async def test_tracker_that_is_blocked_says_until_when(routed: World) -> None:
    await routed.sql.execute("UPDATE trackers SET blocked_until = now() + interval '1 hour', state_reason = 'GitHub limits our calls.'")
    assert "GitHub limits our calls." in named(await check(routed, Shelf()), "limit")[0].text


async def test_unknown_tracker_is_not_found(routed: World) -> None:
    house = routed.app.state.house
    act = Act(ActorKind.TOKEN, "a person", now_utc())
    with pytest.raises(NotFoundError):
        await check_tracker(Checking(house.database, house.settings, Shelf().adapter, act, _silent, pacer=house.pacer), NOBODY)
    async with transaction(house.database) as session:
        assert await session.get(Tracker, TRACKER_ID) is not None


async def test_check_takes_its_turns(routed: World) -> None:
    checked = await check(routed, Shelf(capabilities=one_read_an_hour("checks")), seconds=1)
    (finding,) = [finding for finding in checked.findings if not finding.ok]
    assert (finding.name, finding.subject) == ("limit", "acme/shop")
    assert "can't be asked before" in finding.text


async def test_tracker_that_asked_for_a_pause_is_not_called(routed: World) -> None:
    await routed.sql.execute("UPDATE trackers SET blocked_until = now() + interval '1 hour'")
    shelf = Shelf()
    checked = await check(routed, shelf)
    assert (checked.account, bad(checked), shelf.closed) == (None, ["limit"], 0)
    await routed.sql.execute("UPDATE trackers SET failures = 5")
    assert (await check(routed, shelf)).account == "followthrough-bot"


async def stuck_links(world: World, *codes: str) -> list[UUID]:
    """Links of tasks that need attention, each for its reason; the last one has no issue yet."""
    ids = [UUID((await new_task(world, title=code))["links"][0]["id"]) for code in codes]
    for number, (link_id, code) in enumerate(zip(ids, codes, strict=True)):
        await world.sql.execute(
            """UPDATE issue_links SET state = 'needs_attention', due_at = NULL, remote_id = $2, error_code = $3, error_text = 'No.',
               error_since = now(), error_count = 3, attempts = 3 WHERE id = $1""",
            link_id,
            str(number) if number < len(codes) - 1 else None,
            code,
        )
    return ids


async def states(world: World, ids: list[UUID]) -> list[tuple[str, bool, str | None]]:
    rows = await world.sql.fetch("SELECT id, state, due_at IS NOT NULL AS due, error_code FROM issue_links")
    found = {row["id"]: (row["state"], row["due"], row["error_code"]) for row in rows}
    return [found[link_id] for link_id in ids]


async def test_links_go_on_once_their_project_can_be_written_again(routed: World) -> None:
    ids = await stuck_links(routed, "archived", "invalid", "forbidden")
    stuck = [("needs_attention", False, code) for code in ("archived", "invalid", "forbidden")]
    for project in (replace(SHOP, writable=False), replace(SHOP, issues_enabled=False)):
        await check(routed, Shelf(projects={"4711": project}))
        assert await states(routed, ids) == stuck
    await check(routed, Shelf())
    assert await states(routed, ids) == [("linked", True, None), stuck[1], ("pending", True, None)]
