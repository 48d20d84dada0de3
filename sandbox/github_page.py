"""The web pages of the sandbox GitHub: a person reads the issues there, and closes or reopens them."""

from html import escape
from typing import Any

from litestar import MediaType, Request, Response, get, post
from litestar.response import Redirect

from sandbox.github_calls import Sandbox
from sandbox.github_control import require_loopback
from sandbox.github_control_issues import change_as_human, human_office
from sandbox.github_documents import labels_of
from sandbox.github_errors import invalid, not_found
from sandbox.github_records import Comment, Issue, Label, Repository
from sandbox.github_state import State

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --open: #1a7f37; --closed: #8250df; }
@media (prefers-color-scheme: dark) { :root { --open: #3fb950; --closed: #ab7df8; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.5rem; margin: .25rem 0 1rem; } a { color: LinkText; text-decoration: none; }
a:hover { text-decoration: underline; } a:focus-visible, button:focus-visible { outline: 2px solid LinkText; }
.scroll { overflow-x: auto; } table { width: 100%; border-collapse: collapse; }
th, td { text-align: left; padding: .5rem .75rem .5rem 0; border-bottom: 1px solid var(--line); }
td.number, time { white-space: nowrap; font-variant-numeric: tabular-nums; } .note { opacity: .75; }
.open { color: var(--open); } .closed { color: var(--closed); } form { margin: 0; }
button { font: inherit; padding: .25rem .75rem; border: 1px solid var(--line); border-radius: .4rem; cursor: pointer;
  background: var(--soft); color: inherit; white-space: nowrap; }
.label { border: 1px solid var(--line); border-radius: 1rem; padding: 0 .6rem; font-size: .85rem; white-space: nowrap; }
.label i { display: inline-block; width: .6rem; height: .6rem; border-radius: 50%; margin-right: .35rem; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; border: 1px solid var(--line);
  border-radius: .4rem; padding: .75rem; }
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"


@get("/")
async def show_repositories(sandbox: Sandbox) -> Response[str]:
    """Show the repositories."""
    items = "".join(_repository_item(row, sandbox.state) for row in sandbox.state.all(Repository))
    return _page("Sandbox GitHub", f'<p class="note">A stand-in for GitHub on this machine.</p><ul>{items}</ul>')


def _repository_item(repository: Repository, state: State) -> str:
    open_ones, issues = state.count(Issue, f"{repository.id}/open"), state.count(Issue, repository.id)
    name = escape(repository.full_name)
    return f'<li><a href="/{name}/issues">{name}</a> <span class="note">{open_ones} open of {issues}</span></li>'


@get("/{owner:str}/{repo:str}")
async def show_repository(owner: str, repo: str) -> Redirect:
    """Lead on to the issues of a repository."""
    return Redirect(f"/{owner}/{repo}/issues")


@get("/{owner:str}/{repo:str}/issues")
async def show_issues(sandbox: Sandbox, owner: str, repo: str) -> Response[str]:
    """Show the issues of a repository, newest first."""
    repository = human_office(sandbox, f"{owner}/{repo}").repository
    rows = "".join(_row(issue, repository, sandbox.state) for issue in _issues(repository, sandbox.state))
    head = "".join(f"<th scope=col>{name}</th>" for name in ("#", "Title", "State", "Labels", "By", "Updated", ""))
    table = f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    name = escape(repository.full_name)
    return _page(f"Issues · {repository.full_name}", table if rows else f"<p>No issues in {name} yet.</p>", back="/")


def _issues(repository: Repository, state: State) -> list[Issue]:
    return state.of(Issue, repository.id)[::-1]


def _row(issue: Issue, repository: Repository, state: State) -> str:
    page = escape(f"/{repository.full_name}/issues/{issue.number}")
    return (
        f'<tr><td class="number">{issue.number}</td><td><a href="{page}">{escape(issue.title)}</a></td>'
        f"<td>{_state(issue)}</td><td>{_labels(issue, state)}</td><td>{escape(issue.user)}</td>"
        f"<td><time>{escape(issue.updated_at)}</time></td><td>{_button(issue, page)}</td></tr>"
    )


@get("/{owner:str}/{repo:str}/issues/{number:int}")
async def show_issue(sandbox: Sandbox, owner: str, repo: str, number: int) -> Response[str]:
    """Show an issue with its description and comments."""
    repository = human_office(sandbox, f"{owner}/{repo}").repository
    issue = sandbox.state.find(Issue, f"{repository.id}/{number}")
    if issue is None:
        raise not_found()
    page = f"/{repository.full_name}/issues"
    assigned = f" · assigned to {escape(', '.join(issue.assignees))}" if issue.assignees else ""
    head = (
        f"<p>{_state(issue)} {_labels(issue, sandbox.state)} <span class=note>opened by {escape(issue.user)}"
        f"{assigned} · updated <time>{escape(issue.updated_at)}</time></span></p>"
    )
    body = f"<pre>{escape(issue.body or 'No description.')}</pre>{_comments(issue, sandbox.state)}"
    content = f"{head}{body}{_button(issue, escape(f'{page}/{number}'))}"
    return _page(f"#{number} {issue.title}", content, back=page)


def _comments(issue: Issue, state: State) -> str:
    found = state.of(Comment, f"{issue.repository_id}/{issue.number}")
    return "".join(
        f'<p class="note">{escape(row.user)}, <time>{escape(row.created_at)}</time></p><pre>{escape(row.body)}</pre>' for row in found
    )


@post("/{owner:str}/{repo:str}/issues/{number:int}", status_code=303)
async def press_button(request: Request[Any, Any, Any], sandbox: Sandbox, owner: str, repo: str, number: int) -> Response[Any]:
    """Close or reopen an issue as the person at the keyboard, and show the page from which the button was pressed."""
    require_loopback(request)
    wanted = (await request.form()).get("state")
    if wanted not in ("open", "closed"):
        raise invalid("Issue", "state", "invalid", value=wanted)
    change_as_human(request, sandbox, f"{owner}/{repo}", number=number, change={"state": wanted})
    from_list = not request.headers.get("referer", "").endswith(f"/{number}")
    page = f"/{owner}/{repo}/issues"
    return Response(None, status_code=303, headers={"location": page if from_list else f"{page}/{number}"})


def _state(issue: Issue) -> str:
    reason = f" ({escape(issue.state_reason)})" if issue.state_reason else ""
    return f'<span class="{issue.state}">{issue.state}{reason}</span>'


def _labels(issue: Issue, state: State) -> str:
    return " ".join(_label(label) for label in labels_of(issue, state=state))


def _label(label: Label) -> str:
    return f'<span class="label"><i style="background:#{escape(label.color)}"></i>{escape(label.name)}</span>'


def _button(issue: Issue, page: str) -> str:
    wanted, text = ("closed", "Close") if issue.state == "open" else ("open", "Reopen")
    named = f'aria-label="{text} issue {issue.number}"'
    button = f'<button name="state" value="{wanted}" {named}>{text}</button>'
    return f'<form method="post" action="{page}">{button}</form>'


def _page(title: str, content: str, *, back: str | None = None) -> Response[str]:
    """Lay out a page; `content` and `back` are HTML already, `title` is text."""
    link = f'<p><a href="{escape(back)}">← back</a></p>' if back else ""
    html = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>'
        f"<body>{link}<h1>{escape(title)}</h1>{content}</body></html>"
    )
    headers = {"content-security-policy": POLICY, "x-content-type-options": "nosniff", "cache-control": "no-store"}
    return Response(html, media_type=MediaType.HTML, headers=headers)


HANDLERS = [show_repositories, show_repository, show_issues, show_issue, press_button]
