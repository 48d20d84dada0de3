"""`import`: sends documents to the API one after the other; one that fails never stops the rest."""

import os
import sys
from argparse import Namespace
from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from cli.failure import FAILED, FINE, MisusedError
from cli.import_report import show_failures, show_outcomes, write_json
from cli.outcomes import Outcome, State, failed
from cli.upload import Api

STANDARD_INPUT = "-"
# Far more than the API takes, so that its own answer is seen; it only keeps a disk image out of the memory.
MOST_READ = 16 * 1024 * 1024
HOW_TO_GET_IN = (
    "A token with the scope write is needed, in FOLLOWTHROUGH_TOKEN or --token. Where the server's settings are, this makes one:\n"
    '  export FOLLOWTHROUGH_TOKEN="$(followthrough token create --name "$USER" --scope write)"\n'
    "Beside `make run`:\n"
    "  export FOLLOWTHROUGH_TOKEN=$(cat .followthrough/token)"
)


def run(arguments: Namespace) -> int:
    """Imports all files and tells what became of them; the exit code says whether one of them failed."""
    _refuse_misuse(arguments)
    with Api(_address(arguments.api), token=_token(arguments.token), parameters=_parameters(arguments)) as api:
        outcomes = _import_all(arguments.files, api)
    if arguments.json:
        write_json(outcomes)
    else:
        show_outcomes(outcomes)
    show_failures(outcomes)
    return FAILED if any(outcome.state is State.FAILED for outcome in outcomes) else FINE


def _refuse_misuse(arguments: Namespace) -> None:
    if arguments.source_url and len(arguments.files) > 1:
        raise MisusedError("--source-url is the address of one document: give one file with it.")
    if arguments.files.count(STANDARD_INPUT) > 1:
        raise MisusedError("Standard input can be read only once: give - only once.")


def _address(text: str) -> str:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in {"http", "https"} or not url.host:
        raise MisusedError("--api, or PUBLIC_URL, is no address such as http://127.0.0.1:8000.")
    if url.userinfo:
        raise MisusedError("--api, or PUBLIC_URL, may hold no user and password: the API knows callers by their token.")
    return text.rstrip("/")


def _token(given: str | None) -> str:
    # The settings are those of a server; this command may run anywhere, and needs nothing but the token.
    token = (given or os.environ.get("FOLLOWTHROUGH_TOKEN", "")).strip()
    if not token:
        raise MisusedError(HOW_TO_GET_IN)
    if not token.isascii() or not token.isprintable() or " " in token:
        raise MisusedError("The token holds characters that no token has: was it copied whole, and alone?")
    return token


def _parameters(arguments: Namespace) -> dict[str, str]:
    given = {
        "source_url": arguments.source_url,
        "incident_date": arguments.incident_date.isoformat() if arguments.incident_date else None,
        "timezone": arguments.timezone,
        "team": arguments.team,
        "dry_run": "true" if arguments.dry_run else None,
    }
    return {name: value for name, value in given.items() if value}


def _import_all(files: list[str], api: Api) -> list[Outcome]:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("Importing", total=len(files))
        outcomes = []
        for file in files:
            outcomes.append(_import(file, api, console=console))
            progress.advance(bar)
    return outcomes


def _import(file: str, api: Api, *, console: Console) -> Outcome:
    try:
        source = _read(file)
    except OSError as error:
        return failed(file, _why_unreadable(error))
    if len(source) > MOST_READ:
        return failed(file, f"it has more than {MOST_READ // 1024**2} MiB, which is no postmortem; the API reads at most 1 MiB")
    return api.send(file, source, tell=lambda text: console.print(text, markup=False, highlight=False, soft_wrap=True))


def _read(file: str) -> bytes:
    if file == STANDARD_INPUT:
        return sys.stdin.buffer.read(MOST_READ + 1)
    with Path(file).open("rb") as opened:
        return opened.read(MOST_READ + 1)


def _why_unreadable(error: OSError) -> str:
    match error:
        case FileNotFoundError():
            return "there is no such file"
        case IsADirectoryError():
            return "this is a folder: name the files in it, such as FOLDER/*.md"
        case PermissionError():
            return "it may not be read (permission denied)"
        case _:
            return f"it can't be read ({error.strerror or error})"
