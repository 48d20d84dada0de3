"""Connects Followthrough with a GitHub: tracker, repository, webhook and route, each only where it is missing.

A start can end between any two of these steps, and the next one goes on from there. The route comes last.
"""

from rich.console import Console

from sandbox.launch import ServerFailedError
from sandbox.start import Services, Target
from sandbox.story_calls import Caller, CallRefusedError, Document

SANDBOX_NAME, GITHUB_NAME = "Sandbox GitHub", "GitHub"
CONDITIONS = ("team", "priority", "kind")
# Your own GitHub is asked before the sandbox, which may be there from an earlier start (100, as routes have it by themselves).
OWN_POSITION, SANDBOX_POSITION = 50, 100


def connect(api: Caller, services: Services, console: Console) -> bool:
    """Connects what is not connected yet; False: trackers other than the sandbox are there, so nothing may be tried out."""
    github = services.github
    name = SANDBOX_NAME if github.sandbox else GITHUB_NAME
    trackers = {one["name"]: one for one in api.get("/v1/trackers", limit="200")["items"]}
    others = bool(trackers.keys() - {name})
    if github.sandbox and others and name not in trackers:
        return False
    tracker_id, webhook = _tracker(api, github, name=name, known=trackers.get(name))
    project = _project(api, github, tracker_id)
    routed = bool(api.get("/v1/routes", tracker_project_id=project["id"])["items"])
    if github.sandbox:
        _set_up_hook(api, github, tracker_id, f"{services.public_url}/webhooks/{tracker_id}", new=webhook)
    elif not routed:
        _tell_webhook(console, github, webhook or _new_webhook(api, tracker_id))
    if not routed:
        _route(api, tracker_id, project["id"], position=SANDBOX_POSITION if github.sandbox else OWN_POSITION)
    return not (github.sandbox and others)


def _tracker(api: Caller, github: Target, *, name: str, known: Document | None) -> tuple[str, Document | None]:
    """Gives the tracker's id, and its webhook where it is new. Credentials are never shown: whether they changed can't be seen."""
    given = {"base_url": github.base_url, "credentials": {"token": github.token}}
    if known is not None:
        api.patch(f"/v1/trackers/{known['id']}", given)
        return known["id"], None
    made = api.post("/v1/trackers", {"name": name, **given})
    return made["tracker"]["id"], made["webhook"]


def _project(api: Caller, github: Target, tracker_id: str) -> Document:
    """Has the repository looked up; while GitHub can't be asked, one that is known already will do."""
    path = f"/v1/trackers/{tracker_id}/projects"
    try:
        project: Document = api.post(path, {"key": github.repository})
    except CallRefusedError as error:
        found = _projects(api, tracker_id)
        known = next((one for one in found if one["key"].lower() == github.repository.lower()), None)
        if error.status == 503 and known is not None:
            return known
        raise ServerFailedError(f"{github.repository} can't be used: {error.reason}") from error
    return project


def _projects(api: Caller, tracker_id: str) -> list[Document]:
    found: list[Document] = api.get(f"/v1/trackers/{tracker_id}/projects", limit="200")["items"]
    return found


def _new_webhook(api: Caller, tracker_id: str) -> Document:
    webhook: Document = api.post(f"/v1/trackers/{tracker_id}/webhook-secret")
    return webhook


def _set_up_hook(api: Caller, github: Target, tracker_id: str, url: str, *, new: Document | None) -> None:
    """Has the sandbox send its webhooks to `url`; the hook of a start at another port is taken away."""
    sandbox, path = Caller(github.base_url, github.token), f"/repos/{github.repository}/hooks"
    ours = [hook for hook in sandbox.get(path) if hook["config"]["url"].endswith(f"/webhooks/{tracker_id}")]
    if any(hook["config"]["url"] == url for hook in ours):
        return
    for hook in ours:
        sandbox.call("DELETE", f"{path}/{hook['id']}")
    webhook = new or _new_webhook(api, tracker_id)
    config = {"url": webhook["url"], "secret": webhook["secret"], "content_type": "json"}
    sandbox.post(path, {"name": "web", "active": True, "events": webhook["events"], "config": config})


def _tell_webhook(console: Console, github: Target, webhook: Document) -> None:
    console.print(f"\nSet up the webhook at {github.page_url}/settings/hooks, so that changes there arrive at once:")
    console.print(f"  URL {webhook['url']}  content type {webhook['content_type']}  events {', '.join(webhook['events'])}")
    console.print(f"  secret {webhook['secret']}")


def _route(api: Caller, tracker_id: str, project_id: str, *, position: int) -> None:
    """Sends all tasks to the project: a route of an earlier start that sends them to another repository is turned to it."""
    projects = {one["id"] for one in _projects(api, tracker_id)}
    for route in api.get("/v1/routes", limit="200")["items"]:
        if route["position"] == position and route["tracker_project_id"] in projects and not any(route[name] for name in CONDITIONS):
            api.patch(f"/v1/routes/{route['id']}", {"tracker_project_id": project_id})
            return
    api.post("/v1/routes", {"tracker_project_id": project_id, "position": position})
