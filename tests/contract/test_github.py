"""The sandbox GitHub and PyGithub, held to GitHub's own description of its REST API."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import github
import pytest
from github.Issue import Issue
from github.Repository import Repository

from tests.contract.conftest import APP_ID, Proxy
from tests.contract.description import BY_NAME, BY_NUMBER, template
from tests.sandbox.github_peers import SECRET, connect, receiving

pytestmark = pytest.mark.contract

ISSUE = "/issues/{number}"
HOOK = "/hooks/{number}"
COVERED = {
    "GET /user",
    "GET /users/{login}",
    "GET /rate_limit",
    "GET /app",
    "GET /app/installations",
    "GET /app/installations/{number}",
    "POST /app/installations/{number}/access_tokens",
    "GET /installation/repositories",
    f"GET {BY_NAME}",
    f"GET {BY_NAME}/installation",
    *(
        f"{call.split()[0]} {repository}{call.split()[1]}"
        for repository in (BY_NAME, BY_NUMBER)
        for call in (
            "GET /issues",
            "POST /issues",
            f"GET {ISSUE}",
            f"PATCH {ISSUE}",
            f"GET {ISSUE}/labels",
            f"POST {ISSUE}/labels",
            f"PUT {ISSUE}/labels",
            f"DELETE {ISSUE}/labels",
            f"DELETE {ISSUE}/labels/{{name}}",
            f"PUT {ISSUE}/lock",
            f"DELETE {ISSUE}/lock",
            f"GET {ISSUE}/comments",
            f"POST {ISSUE}/comments",
            "GET /issues/comments/{number}",
            "PATCH /issues/comments/{number}",
            "GET /labels",
            "POST /labels",
            "GET /labels/{name}",
            "GET /hooks",
            "POST /hooks",
            f"GET {HOOK}",
            f"PATCH {HOOK}",
            f"DELETE {HOOK}",
            f"POST {HOOK}/pings",
            f"GET {HOOK}/deliveries",
            f"GET {HOOK}/deliveries/{{number}}",
            f"POST {HOOK}/deliveries/{{number}}/attempts",
        )
    ),
}


@pytest.fixture(params=["by name", "by number"])
def repository(client: github.Github, proxy: Proxy, request: pytest.FixtureRequest) -> Repository:
    named = request.param == "by name"
    return client.get_repo(proxy.sandbox.repository if named else proxy.sandbox.repository_id)


def test_issue_lives_its_life(repository: Repository) -> None:
    issue = repository.create_issue("A title", body="A body", labels=["bug", "new"], assignees=["octo-dev"])
    issue.edit(title="Another", body="text", labels=["question"], assignees=[])
    for reason in ("completed", "not_planned", "duplicate"):
        issue.edit(state="closed", state_reason=reason)
        assert issue.state_reason == reason
        issue.edit(state="open", state_reason="reopened")
    assert repository.get_issue(issue.number).title == "Another"
    issue.edit(body="")
    _new_issue(repository).edit(title="Changed at once")


def test_issues_are_listed(repository: Repository, client: github.Github) -> None:
    for count in range(3):
        repository.create_issue(f"Listed {count}", labels=["listed"])
    since = datetime(2020, 1, 1, tzinfo=UTC)
    client.per_page = 2
    creator = client.get_user("followthrough-bot")
    found = repository.get_issues(state="all", creator=creator, sort="created", direction="desc")
    assert len(list(found)) >= 3
    assert list(repository.get_issues(state="all", since=since, labels=["listed"], sort="updated", direction="asc"))


def test_unchanged_issue_is_304(repository: Repository) -> None:
    issue = repository.get_issue(repository.create_issue("Unchanged").number)
    assert issue.title == "Unchanged"
    assert not issue.update()


def test_labels_come_and_go(repository: Repository) -> None:
    """PyGithub adds and sets labels as a bare array, which GitHub takes and its description leaves out: not so here."""
    issue = _new_issue(repository)
    path = f"{issue.url}/labels"
    issue.requester.requestJsonAndCheck("POST", path, input={"labels": ["one", "two a b"]})
    issue.remove_from_labels("two a b")
    issue.requester.requestJsonAndCheck("PUT", path, input={"labels": ["three"]})
    assert [label.name for label in issue.get_labels()] == ["three"]
    issue.delete_labels()


def _new_issue(repository: Repository) -> Issue:
    """Return an issue that is addressed as its repository is: one that was fetched would go by its name."""
    return repository.get_issue(repository.create_issue("New").number)


def test_labels_of_a_repository_are_made(repository: Repository) -> None:
    name = f"made {time.time_ns()}"
    repository.create_label(name, "00ff00", "described")
    assert repository.get_label(name).color == "00ff00"
    assert name in [label.name for label in repository.get_labels()]


def test_conversation_is_held_and_locked(repository: Repository) -> None:
    issue = _new_issue(repository)
    comment = issue.create_comment("first")
    comment.edit("mended")
    path = f"{repository.url}/issues/comments/{comment.id}"
    issue.requester.requestJsonAndCheck("PATCH", path, input={"body": "mended again"})
    assert issue.requester.requestJsonAndCheck("GET", path)[1]["body"] == "mended again"
    assert len(list(issue.get_comments())) == 1
    issue.lock("resolved")
    issue.unlock()


def test_hook_delivers(repository: Repository) -> None:
    with receiving() as receiver:
        config = {"url": receiver.url, "content_type": "json", "secret": SECRET}
        hook = repository.create_hook("web", config, ["issues", "issue_comment"], active=True)
        receiver.take(1)
        hook.ping()
        receiver.take(1)
        assert repository.get_hook(hook.id).active
        assert list(repository.get_hooks())
        hook.edit("web", config, events=["issues"])
        delivery_id = _first_delivery(repository, hook.id)
        delivery = repository.get_hook_delivery(hook.id, delivery_id)
        assert delivery.status == "OK"
        path = f"{repository.url}{HOOK.format(number=hook.id)}/deliveries/{delivery_id}/attempts"
        repository.requester.requestJsonAndCheck("POST", path)
        receiver.take(1)
        _retrace(repository, hook.id)


def _retrace(repository: Repository, hook_id: int) -> None:
    """Make the calls again that PyGithub makes by the URL in the hook, at the address of the repository."""
    path = f"{repository.url}/hooks/{hook_id}"
    repository.requester.requestJsonAndCheck("PATCH", path, input={"active": False, "add_events": ["label"]})
    repository.requester.requestJsonAndCheck("POST", f"{path}/pings")
    repository.requester.requestJsonAndCheck("DELETE", path)


def _first_delivery(repository: Repository, hook_id: int) -> int:
    for _ in range(250):
        for delivery in repository.get_hook_deliveries(hook_id):
            return delivery.id or 0
        time.sleep(0.02)
    raise AssertionError("no delivery was recorded")


def test_user_repository_and_limit_are_shown(client: github.Github, proxy: Proxy) -> None:
    assert client.get_user().login == proxy.sandbox.login
    assert client.get_repo(proxy.sandbox.repository).private
    assert client.get_rate_limit().rate.limit == 5000


def test_refusals_have_githubs_shape(repository: Repository, client: github.Github) -> None:
    with pytest.raises(github.GithubException) as refused:
        repository.create_issue(" ")
    assert refused.value.status == 422
    issue = repository.create_issue("Refused")
    with pytest.raises(github.GithubException) as refused:
        issue.edit(title="x" * 257)
    assert refused.value.status == 422
    with pytest.raises(github.UnknownObjectException):
        repository.get_issue(999_999).title  # noqa: B018 - a lazy issue is fetched when it is read
    with receiving() as receiver:
        hook = repository.create_hook("web", {"url": receiver.url}, ["issues"])
        with pytest.raises(github.GithubException, match="already exists"):
            repository.create_hook("web", {"url": receiver.url}, ["issues"])
        hook.delete()
    with pytest.raises(github.UnknownObjectException):
        client.get_repo("nobody/nothing").create_issue("x")


def test_wrong_token_has_githubs_shape(proxy: Proxy) -> None:
    auth = github.Auth.Token("wrong")
    with (
        connect(proxy.sandbox, auth=auth, base_url=proxy.base_url) as client,
        pytest.raises(github.BadCredentialsException),
    ):
        client.get_user().login  # noqa: B018 - the user is fetched when it is read


@pytest.fixture
def integration(proxy: Proxy) -> Iterator[github.GithubIntegration]:
    auth = github.Auth.AppAuth(APP_ID, proxy.app_key)
    with github.GithubIntegration(auth=auth, base_url=proxy.base_url, retry=None, timeout=10) as integration:
        yield integration


def test_app_works_through_its_installation(integration: github.GithubIntegration, proxy: Proxy) -> None:
    owner, name = proxy.sandbox.repository.split("/")
    installation = integration.get_repo_installation(owner, name)
    assert integration.get_app().slug == "followthrough"
    assert integration.get_app_installation(installation.id).app_id == APP_ID
    assert installation.id in [row.id for row in integration.get_installations()]
    assert proxy.sandbox.repository in [row.full_name for row in installation.get_repos()]
    token = integration.get_access_token(installation.id, permissions={"issues": "write"})
    with connect(proxy.sandbox, auth=github.Auth.Token(token.token), base_url=proxy.base_url) as client:
        assert client.get_repo(proxy.sandbox.repository_id).create_issue("From the App").number


def test_every_call_of_the_sandbox_was_held_to_the_description(proxy: Proxy) -> None:
    """Runs last: what the tests above called is all that the description and the sandbox have in common."""
    assert {template(verb, path) for verb, path, _ in proxy.calls} >= COVERED
