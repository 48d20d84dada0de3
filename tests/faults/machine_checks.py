"""What must be true once everything has come to rest, whatever happened before."""

from typing import Any

from sqlmodel import select

from domain.comments.table import Comment, CommentPost, Origin, PostState
from domain.database import transaction
from domain.sync.table import SyncAttempt, SyncConflict
from domain.tasks.table import Task
from domain.trackers.github_body import read_marker, read_region, write_body
from domain.trackers.link import IssueLink, LinkState
from tests.faults.machine_history import NOT_TOLD, Edit, Story, here_of, there_of
from tests.faults.machine_moves import Moves
from tests.faults.machine_remote import Document, is_duplicate, labels_of, logins_of
from tests.faults.machine_stage import STRANGER, Play

# Each action may cost so many calls, and a play a few more: sweeps, probes and the settling at its end.
CALLS_PER_ACTION, CALLS_AT_LEAST = 6, 60


async def check_all(moves: Moves) -> None:
    """Checks a play that has come to rest."""
    calls = moves.play.people.calls()
    assert len(calls) <= CALLS_AT_LEAST + CALLS_PER_ACTION * moves.actions, calls
    await _check_silence(moves)
    await _check_attempts(moves.play)
    issues = moves.play.people.all_issues()
    for task, story in enumerate(moves.stories):
        await _check_task(moves.play, task, story, issues)


async def _check_silence(moves: Moves) -> None:
    """A sweep, an audit, every webhook once more, and a look at each issue: nothing is written, and nothing changes."""
    play = moves.play
    before, calls = await _versions(play), len(play.people.calls())
    await moves.sweep()
    await moves.audit()
    for task in range(len(play.links)):
        await moves.reconcile(task)
    now = await _versions(play)
    assert now == before, ("a sweep and an audit change nothing at rest", before, now)
    await moves.deliver_all()
    await moves.deliver_all(backwards=True)
    await moves.look_again()
    after = await _versions(play)
    assert after["tasks"] == before["tasks"], ("webhooks that come again change no task", before["tasks"], after["tasks"])
    assert after["base"] == before["base"], ("webhooks that come again change nothing that was agreed on", before["base"], after["base"])
    written = [call for call in play.people.calls()[calls:] if call.startswith(("POST", "PATCH", "DELETE")) and "graphql" not in call]
    assert not written, written


async def _versions(play: Play) -> dict[str, Any]:
    tasks, links = [await play.task(n) for n in range(len(play.tasks))], [await play.link(n) for n in range(len(play.links))]
    return {
        "tasks": [(task.version, task.updated_at) for task in tasks],
        "links": [(link.version, link.fence, link.desired_version) for link in links],
        "base": [link.base for link in links],
    }


async def _check_attempts(play: Play) -> None:
    async with transaction(play.desk.database) as session:
        query = select(SyncAttempt).where(SyncAttempt.tracker_id == play.tracker_id, SyncAttempt.outcome == None)  # noqa: E711
        unfinished = (await session.exec(query)).all()
    assert not unfinished, [(attempt.operation, attempt.started_at) for attempt in unfinished]


async def _check_task(play: Play, number: int, story: Story, issues: list[Document]) -> None:
    task, link = await play.task(number), await play.link(number)
    live = [issue for issue in issues if read_marker(issue["body"]) == link.marker and not is_duplicate(issue)]
    if link.state is LinkState.DETACHED:
        assert story.deleted, "nobody detached the link of a live task"
        assert not live, "a task that was deleted before it was sent has no issue"
        return
    assert link.state is LinkState.LINKED, (link.state, link.error_text)
    assert [issue["number"] for issue in live] == [int(str(link.remote_id))], "one live issue for each marker"
    assert link.desired_version == link.pushed_version
    (issue,) = live
    conflicts = await _conflicts(play, link)
    _check_fields(story, link, issue, conflicts, here=here_of(task, play), there=there_of(issue, play))
    _check_body(story, task, link, issue, conflicts)
    assert labels_of(issue)[1] == story.foreign_labels, "labels of others are theirs"
    await _check_comments(play, story, link, issue)


async def _conflicts(play: Play, link: IssueLink) -> list[SyncConflict]:
    async with transaction(play.desk.database) as session:
        return list((await session.exec(select(SyncConflict).where(SyncConflict.link_id == link.id))).all())


def _check_fields(
    story: Story, link: IssueLink, issue: Document, conflicts: list[SyncConflict], *, here: dict[str, Any], there: dict[str, Any]
) -> None:
    for name, edits in story.by_field():
        _check_last_word(story, name, edits, here=here, there=there)
    _check_titles(story, there["title"], conflicts)
    if not story.deleted:
        differing = {name for name in here if here[name] != there[name]}
        assert not differing - _may_differ(link, here, there, issue), (differing, here, there)
    else:
        assert there["status"] in {"cancelled", "done"} or _edited_since_agreed(story, "status"), "the issue of a deleted task is closed"


def _edited_since_agreed(story: Story, name: str) -> bool:
    return any(edit.field == name and edit.side == "there" for edit in story.edits)


def _may_differ(link: IssueLink, here: dict[str, Any], there: dict[str, Any], issue: Document) -> set[str]:
    """The exceptions, each shown on the link.

    GitHub ignores another reason for an issue that is closed already. Somebody whom the other side doesn't know stays where he is.
    """
    allowed = set()
    if {here["status"], there["status"]} == {"done", "cancelled"} and "status" in link.notes:
        allowed.add("status")
    if (here["assignee"] == NOT_TOLD or STRANGER in logins_of(issue)) and "assignee" in link.notes:
        allowed.add("assignee")
    return allowed | ({"assignee"} if here["assignee"] in logins_of(issue) else set())


def _check_last_word(story: Story, name: str, edits: list[Edit], *, here: dict[str, Any], there: dict[str, Any]) -> None:
    """An edit of what both sides agreed on, after which nobody edited the field, is what both sides hold."""
    last = edits[-1]
    if story.deleted:
        # A deleted task takes nothing any more: what people write in its issue stays there alone.
        return
    if name == "status" and here["status"] != there["status"]:
        return
    if name == "assignee" and ({STRANGER, NOT_TOLD} & {edit.value for edit in edits}):
        return
    held = {here[name], there[name]}
    if last.agreed:
        assert held == {last.value}, (name, held, edits)
    elif others := [edit for edit in edits if edit.side != last.side]:
        assert held <= {last.value, others[-1].value}, (name, held, edits)


def _check_titles(story: Story, title: str, conflicts: list[SyncConflict]) -> None:
    """The last title of each side is there, or was seen by the other before that one wrote its own, or is kept as the loser."""
    kept = {value for conflict in conflicts if conflict.field == "title" for value in (conflict.local, conflict.remote)}
    for side in ("here", "there"):
        edit = next((edit for edit in reversed(story.edits) if (edit.field, edit.side) == ("title", side)), None)
        if edit is not None and not story.deleted:
            assert edit.value == title or edit.seen or edit.value in kept, (edit, title, kept)


def _check_body(story: Story, task: Task, link: IssueLink, issue: Document, conflicts: list[SyncConflict]) -> None:
    region = read_region(issue["body"]) or ""
    outside = (issue["body"] or "").replace(read_region(issue["body"]) or "\0", "")
    assert write_body(issue["body"], region=region) == issue["body"]
    for word in story.outside:
        assert outside.count(word) == 1, ("text outside of the region", word, issue["body"])
    assert region == link.base["body"] == link.local["body"], "the managed region is what the task says"
    assert task.description in region
    for word in story.inside:
        told = any(conflict.field == "body" and word in str(conflict.remote) for conflict in conflicts)
        assert word not in region, "what is inside of the region is ours"
        assert told, ("text inside of the region is kept as the loser", word)


async def _check_comments(play: Play, story: Story, link: IssueLink, issue: Document) -> None:
    written = [comment["body"] for comment in play.people.comments(issue["number"])]
    async with transaction(play.desk.database) as session:
        query = select(Comment).where(Comment.task_id == link.task_id, Comment.origin == Origin.TRACKER, Comment.deleted_at == None)  # noqa: E711
        pulled = [row.body for row in await session.exec(query)]
        posts = (await session.exec(select(CommentPost).where(CommentPost.link_id == link.id))).all()
    for text in story.comments_here:
        assert sum(text in body for body in written) == 1, ("a comment of ours is posted once", text, written)
    for text in story.comments_there:
        assert written.count(text) == 1
        assert story.deleted or pulled.count(text) == 1, ("a comment of theirs is taken over once", text, pulled)
    assert not {post.state for post in posts} - {PostState.POSTED}, [(post.state, post.note) for post in posts]
    if not story.deleted:
        assert len(pulled) == len(story.comments_there), "nothing of ours comes back"
