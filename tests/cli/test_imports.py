"""`followthrough import` against an API that answers as each test needs."""

import json
import os
import socket
import subprocess
from pathlib import Path
from threading import Thread

import pytest

from tests.cli.commands import followthrough
from tests.cli.scripted_api import Reply, ScriptedApi, imported, problem, serve

TOKEN = "ft_for-this-test-alone"


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "outage.md"
    path.write_text("# Checkout was down\n\n- [ ] Grüße\n")
    return path


def _import(api: ScriptedApi, *arguments: str | Path, stdin: bytes = b"") -> "subprocess.CompletedProcess[str]":
    return followthrough("import", *arguments, settings={"PUBLIC_URL": api.url, "FOLLOWTHROUGH_TOKEN": TOKEN}, stdin=stdin)


def test_document_is_sent_as_it_is_with_all_that_was_said(document: Path) -> None:
    said = {"--source-url": "https://wiki/1", "--incident-date": "2025-11-24", "--timezone": "Europe/Berlin", "--team": "pay&ments"}
    with serve(imported()) as api:
        done = _import(api, document, "--dry-run", *(part for pair in said.items() for part in pair))
    assert done.returncode == 0
    (request,) = api.imports
    assert (request.method, request.path, request.body) == ("POST", "/v1/postmortems/import", document.read_bytes())
    assert request.headers["content-type"] == "text/markdown"
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    expected = {name[2:].replace("-", "_"): value for name, value in said.items()}
    assert request.query == expected | {"dry_run": "true"}


def test_one_document_is_shown_with_its_tasks_and_warnings(document: Path) -> None:
    with serve(imported()) as api:
        done = _import(api, document)
    assert (done.returncode, done.stderr) == (0, "")
    row = next(line for line in done.stdout.splitlines() if " new " in line)
    assert row.split() == [str(document), "new", "1", "2", "1"]
    assert "Checkout was down (0193)\n  FT-1     Add an alert\n  FT-2     Write a runbook\n" in done.stdout
    assert done.stdout.endswith(f"{document}:12: The date is missing.\n")
    assert (api.imports[0].query, api.others) == ({}, [])


@pytest.mark.parametrize(("changing", "word"), [(True, "changed"), (False, "same")])
def test_known_document_is_changed_only_when_the_record_says_so(document: Path, changing: bool, word: str) -> None:
    with serve(imported(200), changing=changing) as api:
        done = _import(api, document)
    assert done.returncode == 0
    assert f" {word} " in done.stdout
    assert api.others[0].query == {"postmortem_id": "0193", "limit": "20"}


def test_dry_run_stored_nothing_and_shows_no_keys(document: Path) -> None:
    with serve(imported(200)) as api:
        done = _import(api, document, "--dry-run")
    assert " not stored " in done.stdout
    assert "FT-1" not in done.stdout
    assert api.others == []


def test_one_broken_file_never_stops_the_rest(document: Path, tmp_path: Path) -> None:
    last = tmp_path / "last.md"
    last.write_text("# Last")
    refused = problem(400, "Malformed request", "The document is not UTF-8.", errors=[{"line": 7, "detail": "a bad byte"}])
    with serve(refused, imported()) as api:
        done = _import(api, tmp_path / "missing.md", tmp_path, document, last)
    assert done.returncode == 1
    assert [len(api.imports), done.stdout.count(" failed "), done.stdout.count(" new ")] == [2, 3, 1]
    assert done.stderr.splitlines() == [
        f"{tmp_path}/missing.md: there is no such file",
        f"{tmp_path}: this is a folder: name the files in it, such as FOLDER/*.md",
        f"{document}: The document is not UTF-8. (400 Malformed request)",
        f"{document}:7: a bad byte",
    ]
    assert "FT-1" not in done.stdout


def test_unreadable_file_is_said_to_be_so(document: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    document.chmod(0)
    with serve(imported()) as api:
        done = _import(api, document)
    assert done.returncode == 1
    assert "it may not be read" in done.stderr


def test_standard_input_is_a_document_too() -> None:
    with serve(imported()) as api:
        done = _import(api, "-", stdin=b"# From a pipe\n")
    assert done.returncode == 0
    assert api.imports[0].body == b"# From a pipe\n"
    assert "-:12: The date is missing." in done.stdout


def test_json_holds_the_whole_answers_and_nothing_else(document: Path, tmp_path: Path) -> None:
    with serve(imported()) as api:
        done = _import(api, document, tmp_path / "missing.md", "--json")
    assert done.returncode == 1
    good, bad = json.loads(done.stdout)
    assert (good["document"], good["state"], good["problem"]) == (str(document), "new", None)
    assert good["answer"] == imported().body
    assert (bad["state"], bad["answer"], bad["problem"]) == ("failed", None, {"detail": "there is no such file"})


def test_wrong_parameter_is_named(document: Path) -> None:
    refused = problem(422, "Invalid input", "There is no team 'x'.", errors=[{"pointer": "/team", "detail": "use a slug"}])
    with serve(refused) as api:
        done = _import(api, document, "--team", "x")
    assert done.stderr.endswith("There is no team 'x'. (422 Invalid input)\n" + f"{document}: pointer /team: use a slug\n")


def test_unknown_token_says_how_to_make_one(document: Path) -> None:
    with serve(problem(401, "Not authenticated", "This token is not known.")) as api:
        done = _import(api, document)
    assert done.returncode == 1
    assert (
        "This token is not known. `followthrough token create` makes a token; that of `make run` is in .followthrough/token." in done.stderr
    )
    assert TOKEN not in done.stdout + done.stderr


def test_busy_api_is_tried_again_when_it_says_when(document: Path) -> None:
    away = problem(503, "Temporarily unavailable", "The database is away.", headers={"Retry-After": "0"})
    with serve(away, away, imported()) as api:
        done = _import(api, document)
    assert (done.returncode, len(api.imports)) == (0, 3)
    assert done.stderr.count("trying again in 0 s") == 2


def test_busy_api_is_given_up_after_three_more_tries(document: Path) -> None:
    with serve(problem(503, "Temporarily unavailable", "The database is away.", headers={"Retry-After": "0"})) as api:
        done = _import(api, document)
    assert (done.returncode, len(api.imports)) == (1, 4)
    assert "The database is away. (503 Temporarily unavailable)" in done.stderr


def test_busy_api_that_names_no_time_is_not_tried_again(document: Path) -> None:
    with serve(problem(503, "Temporarily unavailable", "Closed.")) as api:
        assert _import(api, document).returncode == 1
    assert len(api.imports) == 1


@pytest.mark.parametrize("reply", [Reply(200, "<html>hello</html>"), Reply(404, "<html>?</html>"), Reply(201, {"id": 1})])
def test_answer_of_something_else_is_no_success(document: Path, reply: Reply) -> None:
    with serve(reply) as api:
        done = _import(api, document)
    assert done.returncode == 1
    assert f"answered {reply.status}, but not as Followthrough's API does; is --api right?" in done.stderr


def test_api_that_is_not_there_is_named(document: Path) -> None:
    done = followthrough("import", document, "--api", "http://127.0.0.1:1/", "--token", TOKEN)
    assert done.returncode == 1
    assert "no connection to http://127.0.0.1:1" in done.stderr


def test_connection_that_breaks_is_a_failure(document: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        settings = {"PUBLIC_URL": address, "FOLLOWTHROUGH_TOKEN": TOKEN}
        server.settimeout(20)
        closer = Thread(target=_hang_up, args=(server,))
        closer.start()
        done = followthrough("import", document, settings=settings)
        closer.join()
    assert done.returncode == 1
    assert f"the connection to {address} broke" in done.stderr


def _hang_up(server: socket.socket) -> None:
    connection, _ = server.accept()
    connection.close()


def test_what_a_document_says_cannot_steer_the_terminal(document: Path) -> None:
    with serve(imported(title="\x1b[2J[bold]gone[/bold]")) as api:
        done = _import(api, document)
    assert "\N{REPLACEMENT CHARACTER}[2J[bold]gone[/bold] (0193)" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["a.md", "b.md", "--source-url", "https://wiki/1"], "--source-url"),
        (["-", "-"], "Standard input"),
        (["a.md", "--api", "localhost:8000"], "--api"),
        (["a.md", "--api", "http://ana:hushhush@localhost"], "--api"),
        (["a.md", "--incident-date", "24.11.2025"], "--incident-date"),
        (["a.md", "--token", "ft_hush hush"], "token"),
    ],
)
def test_misuse_is_told_before_anything_is_sent(arguments: list[str], told: str) -> None:
    with serve(imported()) as api:
        done = followthrough("import", *arguments, settings={"PUBLIC_URL": api.url, "FOLLOWTHROUGH_TOKEN": TOKEN})
    assert (done.returncode, done.stdout, api.imports) == (2, "", [])
    assert told in done.stderr
    assert "hush" not in done.stderr


def test_missing_token_says_how_to_make_one() -> None:
    done = followthrough("import", "a.md")
    assert done.returncode == 2
    assert "followthrough token create" in done.stderr
