"""Says which calls of the adapter, and which answers to them, the tests before held to the description: runs last."""

import pytest

from domain.trackers.contract import Place, TrackerError
from domain.trackers.github import GitHubAdapter
from tests.contract.conftest import Proxy, drafted
from tests.contract.description import BY_NAME, BY_NUMBER, template

pytestmark = pytest.mark.contract

ISSUE = f"{BY_NUMBER}/issues/{{number}}"
HOOK = f"{BY_NUMBER}/hooks/{{number}}"
ANSWERS = {
    "GET /user": {200, 401},
    "GET /app": {200},
    "GET /app/installations": {200},
    "POST /app/installations/{number}/access_tokens": {201, 403, 404},
    f"GET {BY_NAME}/installation": {200, 301, 404},
    f"GET {BY_NUMBER}/installation": {200},
    f"GET {BY_NAME}": {200, 301, 404},
    f"GET {BY_NUMBER}": {200, 403, 404},
    "GET /orgs/{org}/issue-types": {200, 404},
    f"GET {BY_NUMBER}/issues": {200, 304, 403, 404},
    f"GET {BY_NAME}/issues": {301},
    f"POST {BY_NUMBER}/issues": {201, 401, 403, 410, 422, 429, 503},
    f"POST {BY_NAME}/issues": {307},
    f"GET {ISSUE}": {200, 301, 304, 404, 410},
    f"PATCH {ISSUE}": {200, 307, 403, 410, 422, 503},
    f"DELETE {ISSUE}/issue-field-values/{{number}}": {204, 307, 403, 404, 503},
    f"GET {ISSUE}/comments": {200, 301, 404, 410},
    f"POST {ISSUE}/comments": {201, 307, 403, 404, 410, 422},
    f"GET {BY_NUMBER}/hooks": {200, 404},
    f"GET {HOOK}/deliveries": {200},
    f"POST {HOOK}/deliveries/{{number}}/attempts": {202, 404},
}
UNCHECKED = {"GET /orgs/{org}/issue-fields": {200, 404}, "POST /api/graphql": {200}}


async def test_request_that_breaks_the_description_is_noticed(adapter: GitHubAdapter, place: Place, proxy: Proxy) -> None:
    """Else none of the tests before would say anything."""
    wrong = Place(place.project_remote_id, place.label_prefix, {"due_on": {"id": "no number"}})
    with pytest.raises(TrackerError):
        await adapter.create(wrong, drafted(due_on="2027-01-31"))
    found, proxy.violations = proxy.violations, []
    assert len(found) == 1
    assert '"location":["request","body","issue_field_values","0","field_id"]' in found[0]


def test_every_call_of_the_adapter_was_held_to_the_description(proxy: Proxy) -> None:
    held: dict[str, set[int]] = {}
    for verb, url, status in proxy.adapter_calls:
        held.setdefault(template(verb, url), set()).add(status)
    assert held == ANSWERS | UNCHECKED
