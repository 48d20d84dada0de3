"""Which issue an address means."""

import pytest

from domain.trackers.contract import Failure, TrackerError
from domain.trackers.github_address import locate_issue

PUBLIC, OWN, TENANT = "https://api.github.com", "https://git.example:8443/api/v3", "https://api.acme.ghe.com"


@pytest.mark.parametrize(
    ("base_url", "address", "found"),
    [
        (PUBLIC, "https://github.com/org/repo/issues/12", ("org/repo", "12")),
        (PUBLIC, " https://GitHub.com:443/org/repo.js/issues/12/?a=b#issuecomment-1 ", ("org/repo.js", "12")),
        (PUBLIC, "https://api.github.com/repositories/1/issues/2", ("1", "2")),
        (PUBLIC, "https://api.github.com/repos/o/r/issues/2", ("o/r", "2")),
        (OWN, "https://git.example:8443/org/repo/issues/12", ("org/repo", "12")),
        (OWN, "https://git.example:8443/api/v3/repositories/1/issues/2", ("1", "2")),
        (OWN, "https://git.example:8443/api/v3/repos/o/r/issues/2", ("o/r", "2")),
        (TENANT, "https://acme.ghe.com/org/repo/issues/12", ("org/repo", "12")),
    ],
)
def test_issue_is_found_by_the_address_of_its_page_or_in_the_api(base_url: str, address: str, found: tuple[str, str]) -> None:
    assert locate_issue(base_url, address) == found


@pytest.mark.parametrize(
    ("base_url", "address"),
    [
        (PUBLIC, "https://github.com/org/repo/pull/12"),
        (PUBLIC, "https://github.com/org/repo/issues"),
        (PUBLIC, "https://github.com/org/repo/issues/0"),
        (PUBLIC, "https://github.com/org/../issues/1"),
        (PUBLIC, "https://github.com.evil.example/org/repo/issues/12"),
        (PUBLIC, "https://github.com@evil.example/org/repo/issues/12"),
        (PUBLIC, "http://github.com/org/repo/issues/12"),
        (PUBLIC, "https://api.github.com/org/repo/issues/12"),
        (OWN, "https://git.example/org/repo/issues/12"),
        (OWN, "https://github.com/org/repo/issues/12"),
        (PUBLIC, "https://github.com:x/org/repo/issues/12"),
        (PUBLIC, "https://[/org/repo/issues/12"),
        (PUBLIC, "org/repo#12"),
        (PUBLIC, ""),
    ],
)
def test_other_addresses_are_no_issue(base_url: str, address: str) -> None:
    with pytest.raises(TrackerError) as caught:
        locate_issue(base_url, address)
    assert (caught.value.failure, caught.value.code, caught.value.calls) == (Failure.DEFINITE, "not_an_issue", 0)
