"""A stand-in that speaks GitHub's REST API on loopback: `python -m sandbox.github` serves it until it is stopped."""

import argparse
import ctypes
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import uvicorn
from litestar import Litestar
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sandbox import (
    github_account_calls,
    github_app_hook_calls,
    github_catalog_calls,
    github_control,
    github_control_access,
    github_control_issues,
    github_discussion_calls,
    github_graphql,
    github_hook_calls,
    github_issue_calls,
)
from sandbox import github_page as page
from sandbox.github_access import Access, GithubApp
from sandbox.github_calls import Sandbox, provide_call
from sandbox.github_chaos import Chaos
from sandbox.github_edge import ABORT, Edge
from sandbox.github_errors import GithubError, answer_github_error, answer_http_error
from sandbox.github_faults import Faults
from sandbox.github_hooks import Courier
from sandbox.github_limits import Limits
from sandbox.github_state import State, seed_account, seed_repository

logger = logging.getLogger(__name__)

DEFAULT_REPOSITORY = "acme/checkout"
DEFAULT_TOKEN = "sandbox-github-token"
DEFAULT_LOGIN = "followthrough-bot"
PR_SET_PDEATHSIG = 1  # linux/prctl.h


def create_github(
    path: Path | None = None,
    repositories: Sequence[str] = (DEFAULT_REPOSITORY,),
    *,
    access: Access | None = None,
    public_url: str | None = None,
    limits_factor: float | None = None,
) -> ASGIApp:
    """Return the application; its state is kept in the file at `path`, or in memory alone.

    With a factor GitHub's limits are enforced, each count times that; without, calls are only counted.
    """
    state, access = State(path), access or Access({DEFAULT_TOKEN: DEFAULT_LOGIN})
    _seed(state, repositories, access)
    faults = Faults()

    @asynccontextmanager
    async def running(_: Litestar) -> AsyncIterator[None]:
        yield
        await sandbox.courier.close()
        state.close()

    chaos = Chaos()
    courier = Courier(state, chaos, app_id=access.app.id if access.app else None)
    sandbox = Sandbox(state, access, courier, public_url, Limits(limits_factor), chaos)
    app = Litestar(
        [
            *github_account_calls.HANDLERS,
            *github_issue_calls.HANDLERS,
            *github_discussion_calls.HANDLERS,
            *github_hook_calls.HANDLERS,
            *github_app_hook_calls.HANDLERS,
            *github_catalog_calls.HANDLERS,
            *github_graphql.HANDLERS,
            *github_control.HANDLERS,
            *github_control_issues.HANDLERS,
            *github_control_access.HANDLERS,
            *page.HANDLERS,
        ],
        dependencies={
            "sandbox": Provide(lambda: sandbox, sync_to_thread=False),
            "faults": Provide(lambda: faults, sync_to_thread=False),
            "edge": Provide(lambda: edge, sync_to_thread=False),
            "call": Provide(provide_call(sandbox), sync_to_thread=False),
        },
        exception_handlers={GithubError: answer_github_error, HTTPException: answer_http_error},
        after_exception=[_tell_own_faults],
        lifespan=[running],
        openapi_config=None,
        logging_config=None,
    )
    edge = Edge(cast("ASGIApp", app), sandbox=sandbox, faults=faults)
    return edge


def _tell_own_faults(error: Exception, scope: Scope) -> None:
    """Write what nobody meant to raise to the log; it is answered with a 500."""
    if not isinstance(error, GithubError | HTTPException):
        logger.error("%s failed", scope["path"], exc_info=error)


def _seed(state: State, repositories: Sequence[str], access: Access) -> None:
    for full_name in repositories:
        seed_repository(state, full_name)
    for login in (access.human, *access.collaborators, *access.tokens.values()):
        seed_account(state, login)
    if access.app is not None:
        seed_account(state, access.app.login, type="Bot")


class ResettableProtocol(HttpToolsProtocol):
    """Lets the application reset the connection, which ASGI itself has no message for."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"][ABORT] = self.transport.abort


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve on 127.0.0.1 until SIGINT or SIGTERM; the address is printed on one line once the port is open."""
    options = _read_options(arguments)
    if options.parent:
        _die_with(options.parent)
    app = create_github(
        options.state,
        options.repository or (DEFAULT_REPOSITORY,),
        access=_access(options),
        public_url=options.public_url,
        limits_factor=options.limits,
    )
    listening = socket.create_server(("127.0.0.1", options.port), backlog=512)
    # Connections inherit it; without it every answer may wait 40 ms for the delayed ACK of its headers.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    config = uvicorn.Config(
        app,
        http=ResettableProtocol,
        ws="none",
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=False,  # the sandbox shows its own clock, which may be skewed
        timeout_graceful_shutdown=1,
    )
    uvicorn.Server(config).run(sockets=[listening])


def _read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox.github", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one, which is printed")
    parser.add_argument("--state", type=Path, help="file that keeps the state; without it, memory")
    parser.add_argument("--repository", action="append", help=f"owner/name, again for more ({DEFAULT_REPOSITORY})")
    parser.add_argument("--token", default=DEFAULT_TOKEN, help="the token that the API accepts")
    parser.add_argument("--login", default=DEFAULT_LOGIN, help="whose token it is")
    parser.add_argument("--human", default="octo-dev", help="who presses the buttons on the pages")
    parser.add_argument("--collaborator", action="append", default=[], help="who else may be assigned; again for more")
    parser.add_argument("--public-url", help="where it is reached, if not where its callers say")
    parser.add_argument("--limits", type=float, metavar="FACTOR", help="enforce GitHub's limits, each count times this")
    parser.add_argument("--app-id", type=int, help="id of a GitHub App")
    parser.add_argument("--app-public-key", type=Path, help="PEM file with the App's public key")
    parser.add_argument("--parent", type=int, help="process whose end ends this one (Linux)")
    return parser.parse_args(arguments)


def _access(options: argparse.Namespace) -> Access:
    app = None
    if options.app_id and options.app_public_key:
        app = GithubApp(options.app_id, options.app_public_key.read_text())
    return Access({options.token: options.login}, options.human, tuple(options.collaborator), app)


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the parent has ended already")


if __name__ == "__main__":
    main()
