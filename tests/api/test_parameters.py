"""Query parameters are read strictly."""

from uuid import UUID

import pytest

from tests.api.problems import places_of, problem_of
from tests.people_and_places import NOBODY, World, new_task


async def test_unknown_parameter_is_named_with_the_nearest_known_one(world: World) -> None:
    places = places_of(await world.reader.get("/v1/tasks?statuss=open&zzzzz=1"), 400)
    assert places["statuss"] == "there is no such parameter; did you mean 'status'?"
    assert places["zzzzz"].startswith("there is no such parameter; known are limit, cursor")


@pytest.mark.parametrize("path", [f"/v1/tasks/{NOBODY}", f"/v1/people/{NOBODY}"])
async def test_single_resource_takes_no_parameters(world: World, path: str) -> None:
    assert places_of(await world.reader.get(f"{path}?fields=title"), 400) == {"fields": "this operation takes no parameters"}


async def test_writes_refuse_parameters_too(world: World) -> None:
    places_of(await world.writer.post("/v1/tasks?dry_run=true", json={"title": "a"}), 400)
    assert await world.sql.fetchval("SELECT count(*) FROM tasks") == 0


async def test_parameter_given_twice_is_refused(world: World) -> None:
    places = places_of(await world.reader.get("/v1/tasks?status=open&status=done&limit=5"), 400)
    assert places == {"status": "give it once, several values separated by commas"}


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=-1",
        "limit=",
        "limit=1.5",
        "limit=1e2",
        "limit=99999999999999999999",
        "limit=%EF%BC%91",
        "limit=1%00",
        "sort=title",
        "sort=",
        "sort=-",
        "sort=--due_on",
        "sort=due_on,priority",
        "sort=%2Bdue_on",
        "sort=id;DROP TABLE tasks",
        "cursor=",
        "cursor=abc",
        "cursor=%F0%9F%92%A5",
        "cursor=%00",
        "cursor=%FF",
        "status=finished",
        "status=open,,done",
        "status=OPEN",
        "status=",
        "priority=P9",
        "kind=' OR true --",
        "overdue=yes",
        "overdue=1",
        "due_before=2026-02-30",
        "due_before=infinity",
        "due_before=10000-01-01",
        "due_before=20260101",
        "due_before=2026-W01-1",
        "due_before=9999-12-31",
        "due_after=0001-01-01",
        "due_after=yesterday",
        "updated_since=2026-08-10",
        "updated_since=2026-08-10T14:30:00",
        "updated_since=0001-01-01T00:00:00%2B14:00",
        "updated_since=9999-12-31T23:59:59-14:00",
        "updated_since=now()",
        "updated_since=20260810T143000Z",
        "updated_since=0001-01-01T00:00:00Z",
        "updated_since=9999-12-31T23:59:59.999999Z",
        "postmortem_id=1",
        "postmortem_id=" + "1" * 5_000,
        "improvement_id=null",
        f"postmortem_id={{{NOBODY}}}",
        f"postmortem_id=urn:uuid:{NOBODY}",
        f"postmortem_id={NOBODY.hex}",
        "tracker_state=gone,lost",
        "q=",
        "q=%00",
        "q=" + "x" * 501,
        "owner=" + "x" * 501,
        "owner=" + ",".join(["a"] * 51),
    ],
    ids=lambda query: query[:40],
)
async def test_wrong_value_is_named(world: World, query: str) -> None:
    assert list(places_of(await world.reader.get(f"/v1/tasks?{query}"), 400)) == [query.partition("=")[0]]


@pytest.mark.parametrize("form", ["{{{0}}}", "urn:uuid:{0}", "{0.hex}", "{{{0.hex}}}"])
async def test_id_in_an_odd_form_is_no_address(world: World, form: str) -> None:
    row_id = UUID((await new_task(world))["id"])
    problem_of(await world.reader.get(f"/v1/tasks/{form.format(row_id)}"), 404)
    problem_of(await world.writer.patch(f"/v1/tasks/{form.format(row_id)}", json={}), 404)


async def test_id_is_read_in_capital_letters_too(world: World) -> None:
    row_id = (await new_task(world))["id"]
    assert (await world.reader.get(f"/v1/tasks/{row_id.upper()}")).json()["id"] == row_id
    assert (await world.reader.get(f"/v1/tasks?postmortem_id={row_id.upper()}")).status_code == 200


async def test_several_wrong_values_are_named_at_once(world: World) -> None:
    answer = await world.reader.get("/v1/tasks?status=x&due_before=y&overdue=z")
    assert places_of(answer, 400).keys() == {"status", "due_before", "overdue"}


@pytest.mark.parametrize(
    "text",
    ["'; DROP TABLE tasks; --", "%", "_", "\\", "\\'", '"', "🚒", "zz:*&!|()<->zz", "-", "OR", '"unbalanced', "x" * 500, "{}", "$1"],
    ids=lambda text: text[:20],
)
async def test_odd_characters_in_filters_are_nothing_but_text(world: World, text: str) -> None:
    await new_task(world)
    for name in ("team", "owner", "q"):
        answer = await world.reader.get("/v1/tasks", params={name: text})
        assert answer.status_code == 200
        assert answer.json()["items"] == []
    for path, name in (
        ("people", "email"),
        ("people", "github_login"),
        ("teams", "slug"),
        ("postmortems", "severity"),
        ("activity", "subject"),
    ):
        assert (await world.reader.get(f"/v1/{path}", params={name: text})).json() == {"items": [], "next_cursor": None}
    assert await world.sql.fetchval("SELECT count(*) FROM tasks") == 1


async def test_bytes_that_are_no_utf8_break_nothing(world: World) -> None:
    answer = await world.reader.get("/v1/tasks?q=%FF%FE")
    assert answer.status_code in {200, 400}


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        (f"/v1/tasks/{NOBODY}", "id"),
        ("/v1/tasks/1", "address"),
        ("/v1/tasks/%00", "address"),
        ("/v1/tasks/%20%C3%BC%22", "address"),
        (f"/v1/tasks/{NOBODY}x", "address"),
        ("/v1/postmortems/FT-1", "address"),
        (f"/v1/improvements/{NOBODY}", "id"),
        (f"/v1/postmortems/{NOBODY}", "id"),
        (f"/v1/people/{NOBODY}", "id"),
        (f"/v1/teams/{NOBODY}", "id"),
        (f"/v1/trackers/{NOBODY}", "id"),
        (f"/v1/routes/{NOBODY}", "id"),
        (f"/v1/links/{NOBODY}", "id"),
        (f"/v1/tokens/{NOBODY}", "id"),
        (f"/v1/tasks/{NOBODY}/links", "id"),
        (f"/v1/links/{NOBODY}/attempts", "id"),
        (f"/v1/trackers/{NOBODY}/projects", "id"),
        ("/v1/nothing", "address"),
        ("/", "address"),
        ("/v1/tasks/", ""),
    ],
)
async def test_what_is_not_there_is_not_found(world: World, path: str, detail: str) -> None:
    answer = await world.admin.get(path)
    if path == "/v1/tasks/":
        assert answer.status_code in {200, 404}
    else:
        assert detail in problem_of(answer, 404).detail


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
@pytest.mark.parametrize("noun", ["tasks", "improvements", "postmortems", "people", "teams", "trackers", "routes", "links", "tokens"])
async def test_change_of_what_is_not_there_is_not_found(world: World, method: str, noun: str) -> None:
    answer = await world.admin.request(method, f"/v1/{noun}/{NOBODY}", json={} if method == "PATCH" else None)
    if answer.status_code == 405:
        assert method not in answer.headers["allow"]
    else:
        problem_of(answer, 404)


async def test_wrong_method_is_answered_with_those_that_are_right(world: World) -> None:
    answer = await world.writer.put("/v1/tasks", json={})
    assert "Allow" in problem_of(answer, 405).detail
    assert {"GET", "POST"} <= set(answer.headers["allow"].replace(" ", "").split(","))


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get"])
@pytest.mark.parametrize("path", ["/v1/tasks", f"/v1/tasks/{NOBODY}", "/nothing", "/health/live"])
async def test_unusual_methods_break_nothing(world: World, method: str, path: str) -> None:
    answer = await world.admin.request(method, path)
    assert answer.status_code < 500


@pytest.mark.parametrize(
    "accept", ["", "*/*", "application/json", "text/html", "application/problem+json", "image/png;q=0", "ünsinn", "a" * 9_000]
)
async def test_accept_header_changes_nothing(world: World, accept: str) -> None:
    headers = [(b"accept", accept.encode())]
    assert (await world.reader.get("/v1/tasks", headers=headers)).headers["content-type"] == "application/json"
    problem_of(await world.reader.get("/v1/nothing", headers=headers), 404)
