"""Where things are on a GitHub: paths in its API, and which issue an address means."""

import re
from urllib.parse import SplitResult, urlsplit

from domain.trackers.contract import Failure, TrackerError

_FULL_NAME = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_NUMBER = re.compile(r"[1-9][0-9]{0,18}")
_IN_API = re.compile(r"/(?:repositories/([1-9][0-9]{0,18})|repos/([\w.-]+/[\w.-]+))/issues/([1-9][0-9]{0,18})/?", re.ASCII)
_PAGE = re.compile(r"/([\w.-]+/[\w.-]+)/issues/([1-9][0-9]{0,18})/?", re.ASCII)
_PORTS = {"http": 80, "https": 443}


def repository_path(key_or_id: str) -> str:
    """Returns the path of a repository; GitHub's `/repositories/{number}` stands for `/repos/{owner}/{name}` everywhere."""
    if _NUMBER.fullmatch(key_or_id):
        return f"/repositories/{key_or_id}"
    if _FULL_NAME.fullmatch(key_or_id) and not {".", ".."} & set(key_or_id.split("/")):
        return f"/repos/{key_or_id}"
    text = "A repository of GitHub's is named org/repo, or by its number."
    raise TrackerError(Failure.DEFINITE, text, code="project_not_found", calls=0)


def issue_path(repository: str, remote_id: str) -> str:
    """Returns the path of an issue below that of its repository."""
    return f"{repository}/issues/{_number(remote_id, 'An issue')}"


def hook_path(repository: str, hook_id: str) -> str:
    """Returns the path of a webhook below that of its repository."""
    return f"{repository}/hooks/{_number(hook_id, 'A webhook')}"


def delivery_path(repository: str, hook_id: str, delivery_id: str) -> str:
    """Returns the path of a webhook's delivery."""
    return f"{hook_path(repository, hook_id)}/deliveries/{_number(delivery_id, 'A delivery')}"


def _number(given: str, what: str) -> str:
    if not _NUMBER.fullmatch(given):
        raise TrackerError(Failure.DEFINITE, f"{what} of GitHub's is named by its number.", code="invalid", calls=0)
    return given


def locate_issue(base_url: str, address: str) -> tuple[str, str]:
    """Returns an issue's repository (`org/repo` or its number) and number from the address of its page or in the API."""
    try:
        base, given = urlsplit(base_url), urlsplit(address.strip())
        in_api = _IN_API.fullmatch(given.path.removeprefix(base.path.rstrip("/"))) if _origin(given) == _origin(base) else None
        on_page = _PAGE.fullmatch(given.path) if _origin(given) == _origin(base, pages=True) else None
    except ValueError:
        in_api = on_page = None
    if in_api:
        return in_api[1] or in_api[2], in_api[3]
    if on_page and not {".", ".."} & set(on_page[1].split("/")):
        return on_page[1], on_page[2]
    text = "That is no address of an issue on this GitHub: it looks like https://github.com/org/repo/issues/12. Pull requests don't count."
    raise TrackerError(Failure.DEFINITE, text, code="not_an_issue", calls=0)


def _origin(parts: SplitResult, *, pages: bool = False) -> tuple[str, str, int | None]:
    """Returns scheme, host and port; those of the pages, given the API's: it is on a host of its own, or below `/api/v3`."""
    host = (parts.hostname or "").lower()
    if pages and not parts.path.strip("/"):
        host = host.removeprefix("api.")
    return parts.scheme, host, parts.port or _PORTS.get(parts.scheme)
