"""`followthrough`: reads the command line, runs the one command, and turns what went wrong into a sentence and an exit code."""

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import cast

from cli.arguments import build_parser
from cli.failure import FAILED, MISUSED, STOPPED, CommandFailedError
from domain.settings import SettingsError


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and gives its exit code: 0 fine, 1 something failed, 2 wrong usage or settings."""
    _print_whatever_comes()
    arguments = build_parser().parse_args(argv)
    try:
        code = _command(arguments)(arguments)
        sys.stdout.flush()
    except SettingsError as error:
        return _end(str(error), MISUSED)
    except CommandFailedError as error:
        return _end(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _end("Stopped.", STOPPED)
    except BrokenPipeError:
        # Whoever read our output is gone. Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return code


def _print_whatever_comes() -> None:
    """Lets a terminal that can't show a character see its number, where Python would end with UnicodeEncodeError."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _command(arguments: Namespace) -> Callable[[Namespace], int]:
    """Loads the one module that is needed: all of them together would make `--help` wait for SQLAlchemy."""
    return cast(Callable[[Namespace], int], import_module(arguments.module).run)


def _end(message: str, code: int) -> int:
    print(message, file=sys.stderr)
    return code
