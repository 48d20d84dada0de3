"""The import over HTTP: documents become trees once, and people's edits outlive the next import."""

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from api.imports import ImportResult
from tests.api.problems import places_of, problem_of, pytest_needs
from tests.people_and_places import ANA, PAYMENTS, World

ROOT = Path(__file__).parents[2]
SEED = ROOT.parent / "shared" / "data" / "seed" / "000_4118e86f9f24867b.txt"
SAMPLE = ROOT / "sandbox" / "sample_postmortem.md"
SHORT = """# Cache outage

### Timeline:
* 2026-03-03 09:16 UTC: Alert

### Improvements:
1. Keep the cache warm after a restart of the whole fleet.

### Tasks:
1. Warm the cache before traffic arrives.
2. Alert on a cold cache within one minute.
3. Write down how the cache is restarted.
"""
COUNTED = ("postmortems", "timeline_events", "improvements", "tasks", "activities", "people", "issue_links")


async def send(world: World, source: str | bytes, **params: Any) -> httpx.Response:
    return await world.writer.post("/v1/postmortems/import", content=source, params=params, headers={"Content-Type": "text/markdown"})


async def imported(world: World, source: str | bytes, status: int, **params: Any) -> dict[str, Any]:
    answer = await send(world, source, **params)
    assert answer.status_code == status, answer.text
    msgspec.json.decode(answer.content, type=ImportResult)
    assert answer.headers.get("location") == (f"/v1/postmortems/{answer.json()['postmortem']['id']}" if status == 201 else None)
    return dict(answer.json())


async def counts(world: World) -> dict[str, int]:
    return {table: await world.sql.fetchval(f"SELECT count(*) FROM {table}") for table in COUNTED}


def by_title(tree: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {task["title"]: task for task in tree["tasks"]}


async def edit(world: World, task: dict[str, Any], **members: Any) -> None:
    answer = await world.writer.patch(f"/v1/tasks/{task['id']}", json=members)
    assert answer.status_code == 200, answer.text


async def test_seed_document_is_stored_whole(world: World) -> None:
    tree = await imported(world, pytest_needs(SEED), 201)
    postmortem = tree["postmortem"]
    assert (postmortem["title"], postmortem["timezone"], len(postmortem["timeline"])) == ("My first postmortem", "+02:00", 11)
    assert (len(tree["improvements"]), len(tree["tasks"])) == (2, 3)
    assert [task["source"]["line"] for task in tree["tasks"]] == [33, 34, 35]
    assert [warning["line"] for warning in tree["warnings"]] == [4, 37]
    assert postmortem["started_at"] is None
    assert (postmortem["timeline"][0]["time"], postmortem["timeline"][0]["at"]) == ("14:30:00", None)
    assert {task["postmortem_id"] for task in tree["tasks"]} == {postmortem["id"]}
    assert (await world.reader.get(f"/v1/postmortems/{postmortem['id']}")).json() == postmortem


async def test_incident_date_fills_the_dates_of_the_seed_document(world: World) -> None:
    first = await imported(world, pytest_needs(SEED), 201)
    tree = await imported(world, pytest_needs(SEED), 200, incident_date="2023-08-10")
    assert tree["warnings"] == []
    assert tree["postmortem"]["id"] == first["postmortem"]["id"]
    assert tree["postmortem"]["started_at"] == "2023-08-10T12:30:00+00:00"
    assert tree["postmortem"]["resolved_at"] == "2023-08-10T15:45:00+00:00"
    assert tree["postmortem"]["timeline"][0]["at"] == "2023-08-10T12:30:00+00:00"
    assert tree["tasks"] == first["tasks"]


async def test_sample_becomes_two_improvements_and_three_tasks(world: World) -> None:
    tree = await imported(world, SAMPLE.read_text(), 201, team=PAYMENTS)
    assert (len(tree["improvements"]), len(tree["tasks"]), tree["warnings"]) == (2, 3, [])
    assert [(task["priority"], task["owner"], task["due_on"], task["team"]) for task in tree["tasks"]] == [
        ("P1", "dana.reyes@example.com", None, PAYMENTS),
        ("P2", None, "2026-03-31", PAYMENTS),
        ("P2", None, None, PAYMENTS),
    ]


async def test_same_document_again_changes_nothing_at_all(routed: World) -> None:
    first = await imported(routed, SHORT, 201)
    before, rung = await counts(routed), await routed.app.state.house.bell.redis.zcard("followthrough")
    again = await imported(routed, SHORT, 200)
    assert (first.pop("created"), again.pop("created")) == (True, False)
    assert again == first
    assert await counts(routed) == before
    assert await routed.app.state.house.bell.redis.zcard("followthrough") == rung == 3


async def test_changed_text_changes_that_task_alone(world: World) -> None:
    first = await imported(world, SHORT, 201)
    tree = await imported(world, SHORT.replace("within one minute", "within five minutes"), 200)
    assert [task["id"] for task in tree["tasks"]] == [task["id"] for task in first["tasks"]]
    assert [task["version"] for task in tree["tasks"]] == [1, 2, 1]
    assert tree["tasks"][1]["title"] == "Alert on a cold cache within five minutes."
    assert tree["improvements"] == first["improvements"]
    taken, renamed = tree["warnings"]
    assert (taken["line"], renamed["line"]) == (1, 11)
    assert first["postmortem"]["id"] in taken["text"]
    assert "source_url" in taken["text"]
    assert renamed["text"].startswith(f"{first['tasks'][1]['key']} was renamed from 'Alert on a cold cache within one minute.' to ")


async def test_edit_of_people_is_kept_and_the_warning_names_it(world: World) -> None:
    first = await imported(world, SHORT, 201)
    await edit(world, first["tasks"][1], title="Alert on a cold cache", priority="P0")
    await edit(world, first["tasks"][0], status="done")
    tree = await imported(world, SHORT.replace("within one minute", "within two minutes"), 200)
    assert (tree["tasks"][1]["title"], tree["tasks"][1]["priority"], tree["tasks"][0]["status"]) == ("Alert on a cold cache", "P0", "done")
    assert [warning["line"] for warning in tree["warnings"]] == [1, 11]
    assert tree["tasks"][1]["key"] in tree["warnings"][1]["text"]
    assert "title" in tree["warnings"][1]["text"]


async def test_edited_postmortem_and_improvement_keep_their_edits(world: World) -> None:
    address = {"source_url": "https://wiki.example.com/1"}
    first = await imported(world, SHORT, 201, **address)
    await world.writer.patch(f"/v1/postmortems/{first['postmortem']['id']}", json={"title": "Our cache outage", "timeline": []})
    await world.writer.patch(f"/v1/improvements/{first['improvements'][0]['id']}", json={"title": "Warm cache"})
    tree = await imported(world, SHORT.replace("whole fleet", "fleet").replace("09:16", "09:17"), 200, **address)
    assert (tree["postmortem"]["id"], tree["postmortem"]["title"], tree["postmortem"]["timeline"]) == (
        first["postmortem"]["id"],
        "Our cache outage",
        [],
    )
    assert tree["improvements"][0]["title"] == "Warm cache"
    texts = " ".join(warning["text"] for warning in tree["warnings"])
    assert "title" in texts
    assert "timeline" in texts
    assert "Warm cache" in texts


async def test_task_that_left_the_document_stays_and_is_named(world: World) -> None:
    first = await imported(world, SHORT, 201)
    tree = await imported(world, SHORT.replace("3. Write down how the cache is restarted.\n", ""), 200)
    assert len(tree["tasks"]) == 3
    assert [first["tasks"][2]["key"] in warning["text"] for warning in tree["warnings"]] == [True, False]


async def test_deleted_task_stays_deleted(world: World) -> None:
    first = await imported(world, SHORT, 201)
    await world.writer.delete(f"/v1/tasks/{first['tasks'][0]['id']}")
    tree = await imported(world, SHORT, 200)
    assert [task["id"] for task in tree["tasks"]] == [task["id"] for task in first["tasks"][1:]]
    assert "was deleted here" in tree["warnings"][0]["text"]
    assert tree["warnings"][0]["line"] == 10


async def test_dry_run_shows_the_tree_and_stores_nothing(routed: World) -> None:
    before, figure = await counts(routed), await imported_figure(routed)
    tree = await imported(routed, SHORT.replace("arrives.", "arrives (owner: new@example.com)"), 200, dry_run="true")
    assert (len(tree["improvements"]), len(tree["tasks"]), tree["tasks"][0]["owner"]) == (1, 3, "new@example.com")
    assert await counts(routed) == before
    assert await routed.app.state.house.bell.redis.zcard("followthrough") == 0
    assert await imported_figure(routed) == figure
    stored = await imported(routed, SHORT, 201, dry_run="false")
    before = await counts(routed)
    tree = await imported(routed, SHORT.replace("one minute", "two minutes"), 200, dry_run="true")
    assert tree["tasks"][1]["title"] == "Alert on a cold cache within two minutes."
    assert await counts(routed) == before
    assert (await routed.reader.get(f"/v1/tasks/{stored['tasks'][1]['id']}")).json() == stored["tasks"][1]


async def imported_figure(world: World) -> str:
    lines = (await world.stranger.get("/metrics")).text.splitlines()
    return next(line for line in lines if line.startswith("followthrough_tasks_imported_total"))


async def test_address_is_the_identity_of_a_document(world: World) -> None:
    first = await imported(world, SHORT, 201, source_url="https://wiki.example.com/1")
    moved = SHORT.replace("# Cache outage", "# Another title").replace("Warm the cache before", "Warm caches before")
    assert (await imported(world, moved, 200, source_url="https://wiki.example.com/1"))["postmortem"]["id"] == first["postmortem"]["id"]
    other = await imported(world, SHORT, 201, source_url="https://wiki.example.com/2")
    assert other["postmortem"]["id"] != first["postmortem"]["id"]
    assert first["tasks"][0]["source"]["url"] == "https://wiki.example.com/1"


async def test_two_documents_with_the_same_general_title_stay_two(world: World) -> None:
    one = "# Postmortem\n\n### Tasks:\n1. Raise the pool size.\n2. Test the failover.\n"
    other = "# Postmortem\n\n### Tasks:\n1. Renew certificates by machine.\n2. Page the owner of a certificate.\n"
    first, second = await imported(world, one, 201), await imported(world, other, 201)
    assert first["postmortem"]["id"] != second["postmortem"]["id"]
    assert len((await world.reader.get("/v1/tasks")).json()["items"]) == 4


TEMPLATE = """# Postmortem

_Blameless. Keep it factual._

## Summary
{}
## Impact
To be reviewed with customer success.
## Root cause
{}
## Resolution
See the incident channel for details.
## Lessons learned
Review with the team in the weekly meeting.
## Action items
- {}
"""


async def test_two_documents_of_one_template_stay_two(world: World) -> None:
    one = TEMPLATE.format("Checkout was down.", "Pool exhausted", "Raise the pool size")
    other = TEMPLATE.format("Search was stale for a day.", "Indexer stuck", "Alert on the indexer lag")
    first, second = await imported(world, one, 201), await imported(world, other, 201)
    assert first["postmortem"]["id"] != second["postmortem"]["id"]
    assert (await world.reader.get(f"/v1/postmortems/{first['postmortem']['id']}")).json() == first["postmortem"]


async def test_other_incident_date_makes_another_postmortem(world: World) -> None:
    first = await imported(world, SHORT, 201, incident_date="2026-03-03")
    other = await imported(world, SHORT.replace("2026-03-03", "2026-04-04").replace("fleet", "house"), 201)
    assert other["postmortem"]["id"] != first["postmortem"]["id"]


async def test_same_text_is_known_with_and_without_its_address(world: World) -> None:
    first = await imported(world, SHORT, 201, source_url="https://wiki.example.com/1")
    again = await imported(world, SHORT, 200)
    assert (again["postmortem"], again["tasks"], again["warnings"]) == (first["postmortem"], first["tasks"], first["warnings"])
    assert (await imported(world, SHORT, 200, source_url="https://wiki.example.com/1"))["postmortem"] == first["postmortem"]


async def test_parallel_imports_with_and_without_an_address_make_one_postmortem(world: World) -> None:
    address = {"source_url": "https://wiki.example.com/1"}
    answers = await asyncio.gather(*(send(world, SHORT, **(address if n % 2 else {})) for n in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert await world.sql.fetchval("SELECT count(*) FROM postmortems") == 1
    assert await world.sql.fetchval("SELECT count(*) FROM tasks") == 3


async def test_other_task_doesnt_inherit_owner_and_date(world: World) -> None:
    address = {"source_url": "https://wiki.example.com/1"}
    await imported(world, f"# A\n\n### Tasks:\n- Alpha task (owner: {ANA}, due 2026-05-01)\n", 201, **address)
    tree = await imported(world, "# A\n\n### Tasks:\n- Beta task\n", 200, **address)
    assert {title: (task["owner"], task["due_on"]) for title, task in by_title(tree).items()} == {
        "Alpha task": (ANA, "2026-05-01"),
        "Beta task": (None, None),
    }


async def test_renamed_improvement_is_named_with_its_line(world: World) -> None:
    await imported(world, SHORT, 201, source_url="https://wiki.example.com/1")
    tree = await imported(world, SHORT.replace("whole fleet", "fleet"), 200, source_url="https://wiki.example.com/1")
    ((line, text),) = [(warning["line"], warning["text"]) for warning in tree["warnings"]]
    assert line == 7
    assert "was renamed from 'Keep the cache warm after a restart of the whole fleet.' to " in text


async def test_what_is_cut_is_warned_of_with_its_line(world: World) -> None:
    source = (
        f"# {'P' * 300}\n\nSeverity: {'s' * 60}\n\n## Timeline\n\n- 2026-03-03 10:00 UTC: {'e' * 10_050}\n\n"
        f"## Action items\n\n- Do it\n\n  {'d' * 20_050}\n"
    )
    tree = await imported(world, source, 201)
    cut = {warning["line"]: warning["text"] for warning in tree["warnings"] if "were stored" in warning["text"]}
    assert {line: text.split("; only the first ")[1] for line, text in cut.items()} == {
        1: "256 were stored.",
        None: "50 were stored.",
        7: "10,000 were stored.",
        11: "20,000 were stored.",
    }
    assert len(tree["postmortem"]["title"]) == 256


async def test_title_that_just_fits_is_stored_whole(world: World) -> None:
    tree = await imported(world, f"# {'P' * 256}\n\n### Tasks:\n- {'T' * 256}\n", 201)
    assert (tree["postmortem"]["title"], tree["tasks"][0]["title"], tree["warnings"]) == ("P" * 256, "T" * 256, [])


async def test_others_are_answered_while_a_large_document_is_read(world: World) -> None:
    paragraph = "Long **prose** with a [link](https://example.org/a) at 10:00 UTC. " * 5 + "\n\n"
    importing = asyncio.create_task(send(world, "# Big\n\n" + paragraph * 3_000))
    slowest, start = 0.0, time.monotonic()
    while not importing.done():
        begun = time.monotonic()
        await asyncio.sleep(0.01)
        assert (await world.stranger.get("/health/live")).status_code == 200
        slowest = max(slowest, time.monotonic() - begun)
    whole = time.monotonic() - start
    assert (await importing).status_code == 201
    assert slowest < whole / 2


async def test_parallel_imports_of_one_document_make_one_postmortem(world: World) -> None:
    answers = await asyncio.gather(*(send(world, SHORT) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
    assert len({answer.json()["postmortem"]["id"] for answer in answers}) == 1
    assert await world.sql.fetchval("SELECT count(*) FROM tasks") == 3


async def test_parallel_imports_with_owners_in_any_order_all_succeed(world: World) -> None:
    owners = [f"p{n}@example.com" for n in range(10)]
    documents = [
        f"# Outage {n}\n\n### Tasks:\n" + "".join(f"1. Do {owner} (owner: {owner})\n" for owner in owners[:: -1 if n % 2 else 1])
        for n in range(6)
    ]
    answers = await asyncio.gather(*(send(world, document) for document in documents))
    assert [answer.status_code for answer in answers] == [201] * 6


async def test_owner_is_known_by_address_name_or_login_and_asked_for_otherwise(world: World) -> None:
    source = "# A\n\n### Tasks:\n" + "".join(
        f"{n}. Do the thing number {n} (owner: {owner})\n"
        for n, owner in enumerate((ANA, "Bo Lind", "@ana-r", "Nobody Known", "x@new.example"), 1)
    )
    tree = await imported(world, source, 201)
    assert [task["owner"] for task in tree["tasks"]] == [ANA, "bo@example.com", ANA, None, "x@new.example"]
    assert [(warning["line"], "Nobody Known" in warning["text"]) for warning in tree["warnings"]] == [(7, True)]


@pytest.mark.parametrize(
    "change", [lambda s: s.replace("\n", "\r\n"), lambda s: "\ufeff" + s, lambda s: s.replace("\n", "\r"), lambda s: s.strip()]
)
async def test_line_ends_and_byte_order_marks_change_nothing(world: World, change: Any) -> None:
    tree = await imported(world, change(SHORT).encode(), 201)
    assert [task["title"] for task in tree["tasks"]] == [
        "Warm the cache before traffic arrives.",
        "Alert on a cold cache within one minute.",
        "Write down how the cache is restarted.",
    ]
    assert [task["source"]["line"] for task in tree["tasks"]] == [10, 11, 12]


async def test_document_that_is_no_utf8_is_refused_with_its_line(world: World) -> None:
    assert "line 3" in problem_of(await send(world, b"# Outage\n\ncaf\xe9\n"), 400).detail


@pytest.mark.parametrize("source", ["", " \n\t\n", "\ufeff"])
async def test_empty_document_is_refused(world: World, source: str) -> None:
    assert "empty" in problem_of(await send(world, source.encode()), 422).detail


async def test_document_with_a_zero_character_is_refused_with_its_line(world: World) -> None:
    assert "line 2" in problem_of(await send(world, "# A\nb\x00c\n"), 422).detail


async def test_too_large_document_is_refused(world: World) -> None:
    assert "1 MiB" in problem_of(await send(world, "x" * (1024 * 1024 + 1)), 413).detail
    problem_of(await send(world, "x" * (2 * 1024 * 1024)), 413)


async def test_document_without_action_items_is_stored_with_a_warning(world: World) -> None:
    tree = await imported(world, "# Outage\n\nIt was bad.\n", 201)
    assert (tree["tasks"], tree["improvements"]) == ([], [])
    assert len(tree["warnings"]) >= 1


async def test_more_than_a_thousand_items_are_refused(world: World) -> None:
    source = "# Outage\n\n### Tasks:\n" + "".join(f"{n}. Do the thing {n}\n" for n in range(1, 1_002))
    assert "1000" in problem_of(await send(world, source), 422).detail.replace(",", "")
    assert await world.sql.fetchval("SELECT count(*) FROM postmortems") == 0


@pytest.mark.parametrize(
    ("params", "status", "place"),
    [
        ({"incident_date": "10.8.2026"}, 400, "incident_date"),
        ({"timezone": "Mars/Olympus"}, 400, "timezone"),
        ({"dry_run": "yes"}, 400, "dry_run"),
        ({"source_url": "a b"}, 400, "source_url"),
        ({"source_url": "https://x/" + "x" * 2_001}, 400, "source_url"),
        ({"source_url": "javascript:alert(1)"}, 400, "source_url"),
        ({"source_url": "docs/outage.md"}, 400, "source_url"),
        ({"source_url": "file:///etc/passwd"}, 400, "source_url"),
        ({"source_url": "https://"}, 400, "source_url"),
        ({"source_url": "http://[x"}, 400, "source_url"),
        ({"source_url": ""}, 400, "source_url"),
        ({"tean": "payments"}, 400, "tean"),
        ({"team": "nope"}, 422, "team"),
    ],
    ids=lambda given: str(given)[:40],
)
async def test_wrong_parameter_is_named(world: World, params: dict[str, str], status: int, place: str) -> None:
    answer = await send(world, SHORT, **params)
    assert list(places_of(answer, status)) == [place]
    assert all(error.parameter == place for error in problem_of(answer, status).errors)


@pytest.mark.parametrize("media_type", ["application/json", "text/html", "", "multipart/form-data"])
async def test_other_media_types_are_refused(world: World, media_type: str) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    answer = await world.writer.post("/v1/postmortems/import", content=SHORT, headers=headers)
    assert "text/markdown" in problem_of(answer, 415).detail
