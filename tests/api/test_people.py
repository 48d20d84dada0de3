"""People and teams over HTTP."""

from typing import Any

import msgspec
import pytest

from api.people import PersonPage, PersonRead, TeamPage, TeamRead
from tests.api.problems import places_of, problem_of
from tests.people_and_places import ANA, BO, PAYMENTS, World, new_task


async def test_person_is_made_read_and_changed(world: World) -> None:
    made = await world.writer.post("/v1/people", json={"email": "Cy@Example.com", "name": "Cy", "github_login": "cy-1"})
    person = msgspec.json.decode(made.content, type=PersonRead)
    assert (person.email, person.teams, made.headers["location"]) == ("cy@example.com", [], f"/v1/people/{person.id}")
    changed = await world.writer.patch(made.headers["location"], json={"github_login": None, "jira_account_id": "5b10:a-1"})
    assert (changed.json()["github_login"], changed.json()["jira_account_id"], changed.json()["version"]) == (None, "5b10:a-1", 2)
    msgspec.json.decode((await world.reader.get("/v1/people")).content, type=PersonPage)


@pytest.mark.parametrize(
    ("members", "place"),
    [
        ({"email": "no address"}, "/email"),
        ({"email": "a b@example.com"}, "/email"),
        ({"email": "c@example.com", "github_login": "_x"}, "/github_login"),
        ({"email": "c@example.com", "github_login": "x\n"}, "/github_login"),
        ({"email": "c@example.com", "jira_account_id": "a b"}, "/jira_account_id"),
        ({"email": "c@example.com", "name": "x" * 201}, "/name"),
    ],
)
async def test_wrong_person_is_refused(world: World, members: dict[str, Any], place: str) -> None:
    assert list(places_of(await world.writer.post("/v1/people", json=members), 422)) == [place]


@pytest.mark.parametrize(
    ("members", "place"), [({"email": "ANA@example.com"}, "/email"), ({"email": "c@example.com", "github_login": "ANA-R"}, "/github_login")]
)
async def test_identity_belongs_to_one_person(world: World, members: dict[str, Any], place: str) -> None:
    assert list(places_of(await world.writer.post("/v1/people", json=members), 409)) == [place]
    bo = (await world.reader.get(f"/v1/people?email={BO}")).json()["items"][0]
    assert list(places_of(await world.writer.patch(f"/v1/people/{bo['id']}", json=members), 409)) == [place]


async def test_team_is_made_read_and_changed(world: World) -> None:
    body = {"slug": "ops", "name": "Operations", "timezone": "Asia/Kolkata", "lead": ANA, "members": [BO, "New@example.com", BO]}
    made = await world.writer.post("/v1/teams", json=body)
    team = msgspec.json.decode(made.content, type=TeamRead)
    assert (team.lead, team.members) == (ANA, [BO, "new@example.com"])
    path = made.headers["location"]
    changed = (await world.writer.patch(path, json={"lead": None, "members": [ANA]})).json()
    assert (changed["lead"], changed["members"]) == (None, [ANA])
    assert (await world.writer.patch(path, json={"members": []})).json()["members"] == []
    again = await world.writer.patch(path, json={"members": [], "name": "Operations"})
    assert again.json()["version"] == (await world.reader.get(path)).json()["version"]
    msgspec.json.decode((await world.reader.get("/v1/teams")).content, type=TeamPage)
    assert [one["email"] for one in (await world.reader.get("/v1/people?team=ops")).json()["items"]] == []


@pytest.mark.parametrize(
    ("members", "place"),
    [
        ({"slug": "Ops"}, "/slug"),
        ({"slug": "ops\n"}, "/slug"),
        ({"slug": ""}, "/slug"),
        ({"timezone": "Mars/Olympus"}, "/timezone"),
        ({"timezone": "localtime"}, "/timezone"),
        ({"timezone": "../../etc/passwd"}, "/timezone"),
        ({"name": " "}, "/name"),
        ({"lead": "a b@example.com"}, "/lead"),
        ({"members": [ANA, "a b@example.com"]}, "/members/1"),
    ],
)
async def test_wrong_team_is_refused(world: World, members: dict[str, Any], place: str) -> None:
    answer = await world.writer.post("/v1/teams", json={"slug": "ops", "name": "Operations"} | members)
    assert list(places_of(answer, 422)) == [place]
    team = (await world.reader.get(f"/v1/teams?slug={PAYMENTS}")).json()["items"][0]
    assert list(places_of(await world.writer.patch(f"/v1/teams/{team['id']}", json=members), 422)) == [place]


async def test_slug_belongs_to_one_team(world: World) -> None:
    assert list(places_of(await world.writer.post("/v1/teams", json={"slug": PAYMENTS, "name": "P"}), 409)) == ["/slug"]
    search = (await world.reader.get("/v1/teams?slug=search")).json()["items"][0]
    assert list(places_of(await world.writer.patch(f"/v1/teams/{search['id']}", json={"slug": PAYMENTS}), 409)) == ["/slug"]


async def test_renamed_team_keeps_its_tasks(world: World) -> None:
    task = await new_task(world, team=PAYMENTS, owner=ANA)
    team = (await world.reader.get(f"/v1/teams?slug={PAYMENTS}")).json()["items"][0]
    await world.writer.patch(f"/v1/teams/{team['id']}", json={"slug": "money"})
    assert (await world.reader.get(f"/v1/tasks/{task['id']}")).json()["team"] == "money"


async def test_people_and_teams_are_not_deleted(world: World) -> None:
    for noun in ("people", "teams"):
        row_id = (await world.reader.get(f"/v1/{noun}")).json()["items"][0]["id"]
        assert "Allow" in problem_of(await world.admin.delete(f"/v1/{noun}/{row_id}"), 405).detail
