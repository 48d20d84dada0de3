"""Issues on GitHub, through PyGithub: the adapter of trackers of the kind `github`."""

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit
from uuid import UUID

from domain.errors import InvalidError
from domain.trackers.contract import (
    Capabilities,
    CommentReceipt,
    Draft,
    Fields,
    HookReport,
    Place,
    Project,
    Quota,
    Receipt,
    RemoteComment,
    RemoteIssue,
    Surveyed,
    SweepPage,
)
from domain.trackers.github_access import open_access
from domain.trackers.github_address import locate_issue
from domain.trackers.github_comments import add_comment, list_comments
from domain.trackers.github_hooks import inspect_hook, redeliver
from domain.trackers.github_limit import PACING
from domain.trackers.github_line import Line
from domain.trackers.github_lists import find_markers, list_changed
from domain.trackers.github_project import describe_repository
from domain.trackers.github_survey import survey_issues
from domain.trackers.github_write import change_issue, fetch_issue, make_issue
from domain.trackers.shared_tokens import SharedTokens

LONGEST_TITLE = 256


class GitHubAdapter:
    """One account on one GitHub. Calls run in threads: a coroutine that is cancelled leaves its call to finish.

    `timeout_seconds` bounds each request as a whole; a write that waited for its turn (a thread, a new token) for longer than
    `patience_seconds` is not sent any more, since whoever asked for it may have lost the right to. Repositories are addressed by
    number, which survives a rename.
    """

    def __init__(
        self,
        *,
        base_url: str,
        credentials: Mapping[str, str],
        timeout_seconds: float,
        patience_seconds: float = math.inf,
        shared_tokens: SharedTokens | None = None,
    ) -> None:
        """Takes the API's address (`https://api.github.com`, `https://host/api/v3`); raises InvalidError, sends nothing."""
        if urlsplit(base_url).scheme not in ("http", "https") or not urlsplit(base_url).hostname:
            raise InvalidError("GitHub's base URL is an address like https://api.github.com.")
        self.capabilities = Capabilities(statuses=frozenset({"open", "done", "cancelled"}), title_limit=LONGEST_TITLE, pacing=PACING)
        address = base_url.rstrip("/")
        access = open_access(credentials, base_url=address, shared=shared_tokens)
        self.quota: Quota | None = None  # as the last answer that told had it; set by the threads
        self._line = Line(address, access, timeout_seconds=timeout_seconds, patience_seconds=patience_seconds, note_quota=self._note_quota)

    def _note_quota(self, quota: Quota) -> None:
        self.quota = quota

    async def describe(self, key_or_id: str) -> Project:
        """Looks a repository up by `org/repo` or number, with its organisation's issue types and fields."""
        return await self._line.run(lambda: describe_repository(self._line, key_or_id))

    async def identity(self) -> str:
        """Gives the login under which our issues appear, in lower case, asked for once."""
        return await self._line.run(self._line.login)

    async def locate(self, url: str) -> tuple[str, str]:
        """Reads the address of an issue, of its page or in the API, and gives its repository and its number."""
        return locate_issue(self._line.base_url, url)

    async def create(self, place: Place, draft: Draft) -> Receipt:
        """Makes the issue with one request; the status can't be given along, so the receipt shows it open."""
        return await self._line.run(lambda: make_issue(self._line, place, draft), in_time=True)

    async def fetch(self, place: Place, remote_id: str, *, etag: str | None = None) -> RemoteIssue | None:
        """Reads the issue; None means that it is still the one with `etag`."""
        return await self._line.run(lambda: fetch_issue(self._line, place, remote_id, etag=etag))

    async def update(self, place: Place, issue: RemoteIssue, changes: Fields) -> Receipt:
        """Writes the changed fields with one request, and one more for each native field that is cleared.

        `issue.marker` is put back where the body lost it. Text outside the region and labels that aren't ours are written as
        `issue.raw` has them. GitHub ignores a new reason for an issue that is closed already, so a change from done to cancelled may
        not show in the receipt.
        """
        return await self._line.run(lambda: change_issue(self._line, place, issue, changes), in_time=True)

    async def find(self, place: Place, markers: Iterable[UUID], *, since: datetime) -> dict[UUID, RemoteIssue]:
        """Looks for issues made since then that carry one of the markers; of two with one marker the lower number is given."""
        wanted = frozenset(markers)
        return await self._line.run(lambda: find_markers(self._line, place, wanted, since=since))

    async def changed(self, place: Place, *, since: datetime | None, etag: str | None = None, page: int = 1) -> SweepPage | None:
        """Lists a page of a hundred issues changed at or after an instant, in whole seconds, oldest change first."""
        return await self._line.run(lambda: list_changed(self._line, place, since=since, etag=etag, page=page))

    async def survey(self, global_ids: list[str]) -> dict[str, Surveyed]:
        """Looks up to 100 issues up by their node ids, with one request for each installation that may see them."""
        return await self._line.run(lambda: survey_issues(self._line, global_ids))

    async def comments(self, place: Place, remote_id: str, *, since: datetime | None = None) -> list[RemoteComment]:
        """Reads all of an issue's comments that changed at or after an instant, oldest first."""
        return await self._line.run(lambda: list_comments(self._line, place, remote_id, since=since))

    async def comment(self, place: Place, remote_id: str, *, body: str, marker: UUID) -> CommentReceipt:
        """Writes a comment with one request; the marker is hidden at its end."""
        return await self._line.run(lambda: add_comment(self._line, place, remote_id, body=body, marker=marker), in_time=True)

    async def inspect_hook(self, place: Place, url: str) -> HookReport:
        """Looks at the repository's webhook to an address, and which of its deliveries of the last three days failed."""
        return await self._line.run(lambda: inspect_hook(self._line, place, url, now=datetime.now(UTC)))

    async def redeliver(self, place: Place, hook_id: str, delivery_id: str) -> None:
        """Has GitHub deliver a webhook again."""
        await self._line.run(lambda: redeliver(self._line, place, hook_id, delivery_id), in_time=True)

    def close(self) -> None:
        """Takes no new calls; those that wait or are under way go on to their end, and then the connections are closed."""
        self._line.close()
