"""GitHub's description of its REST API as the proxy is given it, and the few places where it falls short of GitHub's prose."""

import re
from typing import Any

API_PATH = "/api/v3"
BY_NAME, BY_NUMBER = "/repos/{owner}/{repo}", "/repositories/{repository_id}"
ISSUES = f"{BY_NAME}/issues"
ISSUE = f"{ISSUES}/{{issue_number}}"

UNDESCRIBED = re.compile(rf"/api/graphql|{API_PATH}/orgs/[^/]+/issue-fields")
"""What the description leaves out altogether: the proxy passes it on unchecked, and says so."""

_GUIDES = "https://docs.github.com/rest/using-the-rest-api"
_CONDITIONAL = f"{_GUIDES}/best-practices-for-using-the-rest-api#use-conditional-requests-if-appropriate"
_REDIRECTS = f"{_GUIDES}/best-practices-for-using-the-rest-api#follow-redirects"
_CREDENTIALS = "https://docs.github.com/rest/authentication/authenticating-to-the-rest-api#failed-login-limit"
_MISSING = f"{_GUIDES}/troubleshooting-the-rest-api#404-not-found-for-an-existing-resource"
_LIMITS = f"{_GUIDES}/rate-limits-for-the-rest-api#exceeding-the-rate-limit"

# GitHub's guides say of any call what the description says of some alone.
_SAID_OF_ALL = (
    ("get", ISSUES, "304", "not_modified", _CONDITIONAL),
    ("get", ISSUES, "403", "forbidden", _LIMITS),
    ("post", ISSUES, "401", "requires_authentication", _CREDENTIALS),
    ("post", ISSUES, "429", "forbidden", _LIMITS),
    ("post", ISSUES, "307", "temporary_redirect", _REDIRECTS),
    ("patch", ISSUE, "307", "temporary_redirect", _REDIRECTS),
    ("delete", f"{ISSUE}/issue-field-values/{{issue_field_id}}", "307", "temporary_redirect", _REDIRECTS),
    ("get", f"{ISSUE}/comments", "301", "moved_permanently", _REDIRECTS),
    ("post", f"{ISSUE}/comments", "307", "temporary_redirect", _REDIRECTS),
    ("post", f"{BY_NAME}/hooks/{{hook_id}}/deliveries/{{delivery_id}}/attempts", "404", "not_found", _MISSING),
)


def as_served(description: dict[str, Any]) -> dict[str, Any]:
    """Put the description's paths where the sandbox has them, those of a repository under its number as well."""
    served = {}
    for path, calls in description["paths"].items():
        complete = _with_what_is_said_of_all(path, calls)
        served[API_PATH + path] = complete
        if path == BY_NAME or path.startswith(f"{BY_NAME}/"):
            served[API_PATH + path.replace(BY_NAME, BY_NUMBER)] = _by_number(complete)
    # Its list of installations wants an account that is a person and an enterprise at once; one alone is described well.
    listed = served[f"{API_PATH}/app/installations"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    listed["items"] = {"$ref": "#/components/schemas/installation"}
    return {**description, "paths": served, "servers": []}


def _with_what_is_said_of_all(path: str, calls: dict[str, Any]) -> dict[str, Any]:
    complete = dict(calls)
    for verb, where, status, response, _ in _SAID_OF_ALL:
        if where == path:
            more = {status: {"$ref": f"#/components/responses/{response}"}}
            complete[verb] = {**complete[verb], "responses": more | complete[verb]["responses"]}
    return complete


def _by_number(calls: dict[str, Any]) -> dict[str, Any]:
    """Return the same calls with the repository's number in place of its owner and name."""
    number = {"name": "repository_id", "in": "path", "required": True, "schema": {"type": "integer"}}
    named = ("#/components/parameters/owner", "#/components/parameters/repo")
    changed = {}
    for verb, call in calls.items():
        rest = [parameter for parameter in call.get("parameters", []) if parameter.get("$ref") not in named]
        changed[verb] = {**call, "operationId": f"{call['operationId']}-by-number", "parameters": [number, *rest]}
    return changed


def template(verb: str, url: str) -> str:
    """Return a call as verb and path, with what differs from one call to the next in braces."""
    path = url.removeprefix(API_PATH).partition("?")[0]
    path = re.sub(r"^/repos/[^/]+/[^/]+", BY_NAME, path)
    path = re.sub(r"^/repositories/\d+", BY_NUMBER, path)
    path = re.sub(r"/\d+(?=/|$)", "/{number}", path)
    path = re.sub(r"^/users/.+", "/users/{login}", path)
    path = re.sub(r"^/orgs/[^/]+", "/orgs/{org}", path)
    return f"{verb} {re.sub(r'/labels/.+', '/labels/{name}', path)}"
