"""The calls about issue types and issue fields, as GitHub's REST API has them."""

from typing import Any

from litestar import Request, Response, delete, get

from sandbox.github_access import require_caller
from sandbox.github_calls import Call, Sandbox, answer, at
from sandbox.github_catalog import catalog_of, field_document, field_values_document, type_document
from sandbox.github_documents import API_PATH
from sandbox.github_errors import not_found
from sandbox.github_issues import clear_field
from sandbox.github_records import Catalog


@get(f"{API_PATH}/orgs/{{org:str}}/issue-types")
async def list_issue_types(request: Request[Any, Any, Any], sandbox: Sandbox, org: str) -> Response[Any]:
    """List the issue types of an organization."""
    catalog = _catalog(request, sandbox, org)
    return answer([type_document(catalog, row.name) for row in catalog.types])


@get(f"{API_PATH}/orgs/{{org:str}}/issue-fields")
async def list_issue_fields(request: Request[Any, Any, Any], sandbox: Sandbox, org: str) -> Response[Any]:
    """List the issue fields of an organization."""
    catalog = _catalog(request, sandbox, org)
    return answer([field_document(catalog, row.id) for row in catalog.fields])


def _catalog(request: Request[Any, Any, Any], sandbox: Sandbox, org: str) -> Catalog:
    require_caller(request, sandbox.access, sandbox.state)
    catalog = sandbox.state.find(Catalog, org.lower())
    if catalog is None:
        raise not_found()
    return catalog


@get(at("/issues/{number:int}/issue-field-values"))
async def list_field_values(call: Call, number: int) -> Response[Any]:
    """List the values that an issue has."""
    issue = call.issue(number)
    return answer(field_values_document(issue, catalog_of(call.state, call.repository)))


@delete(at("/issues/{number:int}/issue-field-values/{field_id:int}"))
async def delete_field_value(call: Call, number: int, field_id: int) -> None:
    """Take the value of one field from an issue."""
    call.require_push()
    issue, office = call.issue(number), call.office()
    if field_id not in issue.field_values:
        raise not_found()
    clear_field(office, issue, field_id)
    call.sandbox.announce(office, issue, call.request)


HANDLERS = [list_issue_types, list_issue_fields, list_field_values, delete_field_value]
