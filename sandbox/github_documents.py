"""The JSON documents of the sandbox GitHub, field for field as GitHub's REST description has them."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from sandbox.github_catalog import catalog_of, field_values_document, type_document
from sandbox.github_nodes import node_id
from sandbox.github_records import Account, Comment, Issue, Label, Repository
from sandbox.github_state import State

API_PATH = "/api/v3"  # where GitHub Enterprise Server has it
GRAPHQL_PATH = "/api/graphql"  # likewise

REPOSITORY_LINKS = {
    "archive": "/{archive_format}{/ref}",
    "assignees": "/assignees{/user}",
    "blobs": "/git/blobs{/sha}",
    "branches": "/branches{/branch}",
    "collaborators": "/collaborators{/collaborator}",
    "comments": "/comments{/number}",
    "commits": "/commits{/sha}",
    "compare": "/compare/{base}...{head}",
    "contents": "/contents/{+path}",
    "contributors": "/contributors",
    "deployments": "/deployments",
    "downloads": "/downloads",
    "events": "/events",
    "forks": "/forks",
    "git_commits": "/git/commits{/sha}",
    "git_refs": "/git/refs{/sha}",
    "git_tags": "/git/tags{/sha}",
    "hooks": "/hooks",
    "issue_comment": "/issues/comments{/number}",
    "issue_events": "/issues/events{/number}",
    "issues": "/issues{/number}",
    "keys": "/keys{/key_id}",
    "labels": "/labels{/name}",
    "languages": "/languages",
    "merges": "/merges",
    "milestones": "/milestones{/number}",
    "notifications": "/notifications{?since,all,participating}",
    "pulls": "/pulls{/number}",
    "releases": "/releases{/id}",
    "stargazers": "/stargazers",
    "statuses": "/statuses/{sha}",
    "subscribers": "/subscribers",
    "subscription": "/subscription",
    "tags": "/tags",
    "teams": "/teams",
    "trees": "/git/trees{/sha}",
}
USER_LINKS = {
    "followers": "/followers",
    "following": "/following{/other_user}",
    "gists": "/gists{/gist_id}",
    "starred": "/starred{/owner}{/repo}",
    "subscriptions": "/subscriptions",
    "organizations": "/orgs",
    "repos": "/repos",
    "events": "/events{/privacy}",
    "received_events": "/received_events",
}
REACTIONS = ("+1", "-1", "laugh", "confused", "heart", "hooray", "eyes", "rocket")


@dataclass(frozen=True)
class Site:
    """Where this sandbox is reached, for the URLs in its documents: `web` has no slash at its end."""

    web: str

    @property
    def api(self) -> str:
        return f"{self.web}{API_PATH}"

    def repository(self, repository: Repository) -> str:
        return f"{self.api}/repos/{repository.full_name}"

    def issue_page(self, repository: Repository, number: int) -> str:
        return f"{self.web}/{repository.full_name}/issues/{number}"


def user_document(account: Account, *, site: Site) -> dict[str, Any]:
    """Write an account as a simple user."""
    name = quote(account.login)  # the brackets of a bot may not stand in a URL as they are
    url = f"{site.api}/users/{name}"
    return {
        "login": account.login,
        "id": account.id,
        "node_id": node_id(account.type, account.id),
        "avatar_url": f"{site.web}/avatars/u/{account.id}",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{site.web}/{name}",
        **{f"{link}_url": url + path for link, path in USER_LINKS.items()},
        "type": account.type,
        "user_view_type": "public",
        "site_admin": False,
    }


def profile_document(account: Account, *, site: Site) -> dict[str, Any]:
    """Write an account as a public profile."""
    empty = ("company", "location", "email", "hireable", "bio", "twitter_username")
    return {
        **user_document(account, site=site),
        "name": account.login,
        "blog": "",
        **dict.fromkeys(empty),
        **dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0),
        "created_at": account.created_at,
        "updated_at": account.created_at,
    }


def repository_document(repository: Repository, *, state: State, site: Site, login: str = "") -> dict[str, Any]:
    """Write a repository in full, as `login` sees it."""
    url = site.repository(repository)
    page = f"{site.web}/{repository.full_name}"
    host = site.web.partition("//")[2]
    issues = state.count(Issue, f"{repository.id}/open")
    pushes = login.lower() not in repository.without_push
    return {
        "id": repository.id,
        "node_id": node_id("Repository", repository.id),
        "name": repository.name,
        "full_name": repository.full_name,
        "private": True,
        "owner": user_document(state.account(repository.owner), site=site),
        "html_url": page,
        "description": None,
        "fork": False,
        "url": url,
        **{f"{name}_url": url + path for name, path in REPOSITORY_LINKS.items()},
        "git_url": f"git://{host}/{repository.full_name}.git",
        "ssh_url": f"git@{host}:{repository.full_name}.git",
        "clone_url": f"{page}.git",
        "svn_url": page,
        "mirror_url": None,
        "homepage": None,
        "language": None,
        "license": None,
        "default_branch": "main",
        "topics": [],
        "visibility": "private",
        **dict.fromkeys(("size", "forks", "forks_count", "network_count"), 0),
        **dict.fromkeys(("stargazers_count", "watchers", "watchers_count", "subscribers_count"), 0),
        "open_issues": issues,
        "open_issues_count": issues,
        "has_issues": repository.has_issues,
        **dict.fromkeys(("has_projects", "has_downloads", "has_wiki"), True),
        **dict.fromkeys(("has_pages", "has_discussions", "is_template", "disabled"), False),
        "archived": repository.archived,
        "allow_forking": False,
        "web_commit_signoff_required": False,
        "pushed_at": repository.created_at,
        "created_at": repository.created_at,
        "updated_at": repository.updated_at,
        "permissions": dict.fromkeys(("admin", "maintain", "push", "triage"), pushes) | {"pull": True},
    }


def label_document(label: Label, *, repository: Repository, site: Site) -> dict[str, Any]:
    """Write a label."""
    return {
        "id": label.id,
        "node_id": node_id("Label", label.id),
        "url": f"{site.repository(repository)}/labels/{quote(label.name, safe='')}",
        "name": label.name,
        "color": label.color,
        "default": label.default,
        "description": label.description,
    }


def issue_document(issue: Issue, *, repository: Repository, state: State, site: Site) -> dict[str, Any]:
    """Write an issue."""
    url = f"{site.repository(repository)}/issues/{issue.number}"
    assignees = [user_document(state.account(login), site=site) for login in issue.assignees]
    catalog = catalog_of(state, repository)
    return {
        "url": url,
        "repository_url": site.repository(repository),
        "labels_url": f"{url}/labels{{/name}}",
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
        "timeline_url": f"{url}/timeline",
        "html_url": site.issue_page(repository, issue.number),
        "id": issue.id,
        "node_id": node_id("Issue", issue.id),
        "number": issue.number,
        "title": issue.title,
        "user": user_document(state.account(issue.user), site=site),
        "labels": [label_document(label, repository=repository, site=site) for label in labels_of(issue, state=state)],
        "state": issue.state,
        "state_reason": issue.state_reason,
        "locked": issue.locked,
        "active_lock_reason": issue.lock_reason,
        "assignee": assignees[0] if assignees else None,
        "assignees": assignees,
        "milestone": None,
        "comments": issue.comments,
        "created_at": issue.created_at,
        "updated_at": issue.updated_at,
        "closed_at": issue.closed_at,
        "closed_by": user_document(state.account(issue.closed_by), site=site) if issue.closed_by else None,
        "author_association": "COLLABORATOR",
        "body": issue.body,
        "performed_via_github_app": None,
        "type": type_document(catalog, issue.type),
        "issue_field_values": field_values_document(issue, catalog),
        "reactions": _no_reactions(f"{url}/reactions"),
        "sub_issues_summary": {"total": 0, "completed": 0, "percent_completed": 0},
    }


def labels_of(issue: Issue, *, state: State) -> list[Label]:
    """Return the labels of an issue, in the order of their names on it."""
    found = (state.find(Label, f"{issue.repository_id}/{name.lower()}") for name in issue.labels)
    return [label for label in found if label is not None]


def comment_document(comment: Comment, *, repository: Repository, state: State, site: Site) -> dict[str, Any]:
    """Write a comment of an issue."""
    url = f"{site.repository(repository)}/issues/comments/{comment.id}"
    return {
        "url": url,
        "html_url": f"{site.issue_page(repository, comment.number)}#issuecomment-{comment.id}",
        "issue_url": f"{site.repository(repository)}/issues/{comment.number}",
        "id": comment.id,
        "node_id": node_id("IssueComment", comment.id),
        "user": user_document(state.account(comment.user), site=site),
        "created_at": comment.created_at,
        "updated_at": comment.updated_at,
        "author_association": "COLLABORATOR",
        "body": comment.body,
        "performed_via_github_app": None,
        "reactions": _no_reactions(f"{url}/reactions"),
    }


def _no_reactions(url: str) -> dict[str, Any]:
    return {"url": url, "total_count": 0, **dict.fromkeys(REACTIONS, 0)}
