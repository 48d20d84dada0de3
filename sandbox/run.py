"""Starts what is not given, tells the story, points around, and keeps running until it is stopped."""

import os
import shlex
import threading
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from sandbox.launch import ServerFailedError, tail
from sandbox.start import Services, running
from sandbox.story import Story

DATA = Path(os.environ.get("FOLLOWTHROUGH_DATA") or ".followthrough")


def run(stopped: threading.Event, *, check: Callable[[], None], up: Callable[[], None]) -> int:
    """Runs until `stopped`, and gives the exit code; `check` is asked between two steps, `up` told when all is up.

    KeyboardInterrupt comes through when everything that was started has ended.
    """
    console = Console(highlight=False, soft_wrap=True)
    start = time.monotonic()
    console.print("[bold]Followthrough[/bold]: what gets decided after an incident gets done\n")

    def say(name: str, text: str, seconds: float) -> None:
        took = f"  [dim]{seconds:.1f} s[/dim]" if seconds else ""
        console.print(f"  [green]✓[/green] {name:<12} {escape(text)}{took}")
        check()

    try:
        with running(DATA, say) as services:
            Story(services, console).tell()
            _point_around(console, services, seconds=time.monotonic() - start)
            up()
            code = _watch(console, services, stopped)
            console.print("\nStopping …")
    except ServerFailedError as error:
        console.print(f"\n[red]{escape(str(error))}[/red]")
        code = 1
    console.print("Stopped." if code == 0 else "Stopped after a failure.")
    return code


def _point_around(console: Console, services: Services, *, seconds: float) -> None:
    api, token = services.api_url, os.path.relpath(services.token_file)
    console.print(f"\n[bold]What to look at next[/bold]  [dim](ready in {seconds:.1f} s)[/dim]")
    console.print(f"  {services.github.page_url:<40} the issues; close one, and read its task again")
    console.print(f"  {api + '/openapi.json':<40} the API, as an OpenAPI document")
    console.print(f"  {api + '/metrics':<40} figures; logs are in {os.path.relpath(services.data)}/*.log")
    console.print("\n  In another terminal:")
    console.print(f"    export FOLLOWTHROUGH_TOKEN=$(cat {shlex.quote(token)})")
    console.print(f'    curl -H "Authorization: Bearer $FOLLOWTHROUGH_TOKEN" {api}/v1/tasks')
    console.print(f"    .venv/bin/followthrough import --api {api} your-postmortem.md")
    console.print("\n  Ctrl-C stops everything; the next `make run` starts with the same data.")


def _watch(console: Console, services: Services, stopped: threading.Event) -> int:
    """Waits for Ctrl-C; 1 when the API or the worker ends by itself."""
    while not stopped.wait(0.5):
        for name, process in services.processes.items():
            if process.poll() is not None:
                console.print(f"\n[red]{name} ended by itself ({process.returncode}):[/red]\n{escape(tail(services.data / f'{name}.log'))}")
                return 1
    return 0
