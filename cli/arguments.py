"""What can be said on the command line: every command with its help and an example."""

import os
from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from datetime import date
from importlib.metadata import version
from typing import Any

# Written out, so that the help needn't wait for the tables to load; a test holds them to the domain's.
SCOPES = ("read", "write", "sync", "admin")
LONGEST_TOKEN_LIFE_DAYS = 3650
LOCAL_API = "http://127.0.0.1:8000"


def build_parser() -> ArgumentParser:
    """Makes the parser; what it gives has the name of the command's module in `module`."""
    parser = ArgumentParser(
        prog="followthrough",
        description="What a postmortem promises gets done: its tasks become issues, and task and issue stay the same.",
        epilog="Settings come from the environment, see .env.example; `followthrough check` says what is missing.\n"
        "Exit codes: 0 fine, 1 something failed, 2 wrong usage or settings.",
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"followthrough {version('followthrough')}")
    commands = parser.add_subparsers(title="commands", dest="command", required=True, metavar="COMMAND")
    _add_servers(commands)
    _add_import(commands)
    _add_token(commands)
    _add_upkeep(commands)
    return parser


def _add(commands: Any, name: str, module: str, *, help: str, example: str) -> ArgumentParser:  # noqa: A002 - argparse's own word
    parser: ArgumentParser = commands.add_parser(
        name,
        help=help,
        description=help[0].upper() + help[1:] + ".",
        epilog=f"example:\n  {example}",
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.set_defaults(module=module)
    return parser


def _add_servers(commands: Any) -> None:
    _add(commands, "api", "cli.serve", help="run the API on HOST and PORT", example="PORT=8080 followthrough api")
    _add(commands, "worker", "cli.serve", help="run the worker that keeps tasks and issues the same", example="followthrough worker")


def _add_import(commands: Any) -> None:
    parser = _add(
        commands,
        "import",
        "cli.imports",
        help="import postmortems written in Markdown, over the REST API",
        example="followthrough import --team payments --timezone Europe/Berlin postmortems/*.md",
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="a Markdown document; - reads standard input")
    api = os.environ.get("PUBLIC_URL") or LOCAL_API
    parser.add_argument("--api", metavar="URL", default=api, help=f"where the API is: $PUBLIC_URL, else {LOCAL_API}")
    parser.add_argument("--token", help="an API token with the scope write; better in $FOLLOWTHROUGH_TOKEN, as others can see this one")
    parser.add_argument("--source-url", metavar="URL", help="where the one document lives; importing it again changes the same postmortem")
    parser.add_argument("--incident-date", type=_day, metavar="YYYY-MM-DD", help="the day, for documents that give times without it")
    parser.add_argument("--timezone", metavar="NAME", help="the IANA time zone of times for which the document gives none")
    parser.add_argument("--team", metavar="SLUG", help="the team that owns the postmortem and its tasks")
    parser.add_argument("--dry-run", action="store_true", help="store nothing; show what would be")
    parser.add_argument("--json", action="store_true", help="write the whole answers to standard output as JSON")


def _add_token(commands: Any) -> None:
    parser = commands.add_parser("token", help="make API tokens", description="Make API tokens.")
    example = 'export FOLLOWTHROUGH_TOKEN="$(followthrough token create --name ci --scope write)"'
    actions = parser.add_subparsers(title="commands", dest="action", required=True, metavar="COMMAND")
    create = _add(actions, "create", "cli.tokens", help="make a token and print it, this once", example=example)
    create.add_argument("--name", required=True, type=_name, help="what the token is for")
    create.add_argument("--scope", required=True, action="append", choices=SCOPES, dest="scopes", help="may be given several times")
    create.add_argument("--expires-in-days", type=_days, metavar="N", help="how long it is good; without it, until it is revoked")


def _add_upkeep(commands: Any) -> None:
    _add(commands, "migrate", "cli.migrate", help="bring the database's tables up to date", example="followthrough migrate")
    _add(commands, "check", "cli.check", help="say what works, what is missing and what to do", example="followthrough check")
    _add(
        commands,
        "secret-key",
        "cli.secret_key",
        help="print a new key for FOLLOWTHROUGH_SECRET_KEY",
        example='echo "FOLLOWTHROUGH_SECRET_KEY=$(followthrough secret-key)" >> .env',
    )


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no day, such as 2025-11-24") from None


def _name(text: str) -> str:
    if not 1 <= len(text.strip()) <= 200:
        raise ArgumentTypeError("a name has 1 to 200 characters")
    return text.strip()


def _days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= LONGEST_TOKEN_LIFE_DAYS:
        raise ArgumentTypeError(f"{text!r} is no number of days from 1 to {LONGEST_TOKEN_LIFE_DAYS}")
    return int(text)
