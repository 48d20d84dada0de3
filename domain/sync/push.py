"""What an issue needs is written down and sent; where nothing but the task has changed, without a session."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from domain.metrics import SYNC_LAG
from domain.sync.assign import agreed_after, assigned_in, narrow, widen
from domain.sync.claim import Claim
from domain.sync.desk import Desk
from domain.sync.dropped import LOCKED, note_dropped, say, was_refused, without_dropped
from domain.sync.flap import flaps, is_meddled, swinging, with_flip
from domain.sync.journal import count_well, new_attempt
from domain.sync.local import Local, local_fields_read
from domain.sync.look import Seen
from domain.sync.merge import Ages, Merged, canon_all, merge
from domain.sync.pull_comments import Fetched
from domain.sync.remote import as_json, from_json, keep_remote
from domain.sync.settle import come_to_rest
from domain.sync.steps import Step, reached
from domain.sync.table import Operation, SyncAttempt
from domain.sync.untouched import LINKS, Untouched, journal_untouched, outcome_untouched
from domain.tasks.table import Task
from domain.trackers.contract import Field, Fields, FieldValue, Receipt, RemoteIssue
from domain.trackers.link import IssueLink


@dataclass(frozen=True, slots=True)
class Push:
    """A change that the issue needs, written down already: what to send, into which state, for which version of the task.

    `untouched` is there where it was written down without a session: the link as it is now.
    """

    attempt: SyncAttempt
    issue: RemoteIssue
    changes: Fields
    version: int
    changed_at: datetime
    assigned: list[str] | None = None
    untouched: Untouched | None = None

    @property
    def operation(self) -> str:
        """The name of what is sent."""
        return "transition" if Field.STATUS in self.changes else "update"

    @property
    def wire(self) -> Fields:
        """The changes as the adapter takes them: with everybody who is to be assigned."""
        return self.changes if self.assigned is None else self.changes | {Field.ASSIGNEE: self.assigned}


def remote_fields(claim: Claim, issue: RemoteIssue, *, base: Fields, local: Fields) -> Fields:
    """Gives the issue's side of the merge."""
    remote = canon_all(issue.fields, title_limit=claim.adapter.capabilities.title_limit)
    return narrow(remote, base=base.get(Field.ASSIGNEE), local=local.get(Field.ASSIGNEE), but=claim.link.bystanders)


async def push_untouched(desk: Desk, claim: Claim, seen: Seen, *, comments: Fetched, at: datetime) -> Push | None:
    """Writes down what must be pushed if that is all there is to do, and nothing was written since the claim; else does nothing."""
    before = claim.untouched
    if before is None or seen.entries or not seen.fresh or comments.told or comments.read is not None:
        return None
    if seen.issue.key.rpartition("#")[0] != claim.project.key:
        return None
    local = await local_fields_read(desk.database, claim, before.task, public_url=desk.settings.public_url)
    link, base = LINKS.copy(before.link), from_json(before.link.base)
    remote = remote_fields(claim, seen.issue, base=base, local=local.fields)
    merged = merge(base, local.fields, remote, ages=Ages(before.task.updated_at, seen.issue.version))
    if merged.pull or merged.conflicts or (swinging(merged, base=base, remote=remote) and flaps(link.flips, at=at)):
        return None
    keep_remote(link, seen.issue)
    link.local = as_json(local.fields)
    push = draw_up(claim, link, before.task, merged=merged, issue=seen.issue, remote=remote, at=at)
    if push is None:
        return None
    say(link, notes_for_now(local, {}, seen.issue, merged))
    written = await journal_untouched(desk.database, before, link, push.attempt)
    return None if written is None else replace(push, untouched=written)


def draw_up(
    claim: Claim,
    link: IssueLink,
    task: Task,
    *,
    merged: Merged,
    issue: RemoteIssue,
    remote: Fields,
    at: datetime,
) -> Push | None:
    """Notes on the link what both sides agree on, and gives what is to be sent; None where that is nothing."""
    before = link.base.get(Field.ASSIGNEE)
    link.base = link.base | as_json({f: value for f, value in merged.agreed.items() if f not in merged.push})
    push = without_dropped(link, merged.push, remote)
    if issue.locked:
        push.pop(Field.BODY, None)
    if not push:
        return None
    if issue.marker != link.marker and not issue.locked and not was_refused(link, Field.BODY):
        # A marker that people removed is put back by any write.
        push[Field.BODY] = merged.agreed[Field.BODY]
    attempt = new_attempt(link, Operation.UPDATE, tracker_id=claim.tracker.id, fields=push, at=at)
    assigned = widen(push[Field.ASSIGNEE], issue.fields, instead_of=before) if Field.ASSIGNEE in push else None
    return Push(attempt, replace(issue, marker=link.marker), push, link.desired_version, task.updated_at, assigned)


def notes_for_now(local: Local, pulled: dict[Field, str], issue: RemoteIssue, merged: Merged) -> dict[Field, str]:
    """Gives what is to be said of the fields as they are now."""
    locked = {Field.BODY: LOCKED} if issue.locked and Field.BODY in merged.push else {}
    return local.notes | pulled | locked


async def note_pushed_untouched(desk: Desk, claim: Claim, push: Push, receipt: Receipt, *, at: datetime) -> tuple[bool, datetime | None]:
    """Notes a success where the link was not written since its journal, and says whether; and when the link is due again."""
    if push.untouched is None or claim.tracker.failures:
        return False, None
    link = LINKS.copy(push.untouched.link)
    take_in(claim, link, push, receipt, at=at)
    come_to_rest(link, version=push.version, at=at)
    if others_changed(push, receipt):
        link.due_at = at
    async with outcome_untouched(desk.database, push.untouched, link, push.attempt, receipt, at=at) as written:
        if written:
            await reached(Step.BEFORE_COMMIT, push.operation)
    if written:
        count_well(push.attempt, receipt, kind=claim.tracker.kind)
        note_lag(push, at=at)
    return written, link.due_at


def take_in(claim: Claim, link: IssueLink, push: Push, receipt: Receipt, *, at: datetime) -> None:
    """Notes on the link how the issue looks after a push."""
    keep_remote(link, receipt.issue)
    sent, before = push.changes, link.base.get(Field.ASSIGNEE)
    overwritten = Field.BODY in sent and is_meddled(link.base.get(Field.BODY), push.issue.fields.get(Field.BODY))
    if Field.ASSIGNEE in sent:
        note_assigned(link, sent[Field.ASSIGNEE], receipt.issue)
    seen = canon_all(receipt.issue.fields, title_limit=claim.adapter.capabilities.title_limit)
    seen = narrow(seen, base=sent.get(Field.ASSIGNEE), local=before, but=link.bystanders)
    # Only what was sent is agreed: anything else that the answer shows differently is a change that people made meanwhile.
    link.base = link.base | as_json({field: seen[field] for field in sent if field is not Field.ASSIGNEE})
    if Field.ASSIGNEE in sent:
        link.base = link.base | {Field.ASSIGNEE.value: agreed_after(sent[Field.ASSIGNEE], assigned_in(receipt.issue.fields), before=before)}
    note_dropped(link, sent, seen)
    if overwritten or (Field.STATUS in sent and seen[Field.STATUS] == sent[Field.STATUS]):
        link.flips = with_flip(link.flips, at=at)


def note_assigned(link: IssueLink, sent: FieldValue, issue: RemoteIssue) -> None:
    """Notes who else is assigned where the task's owner was taken away: that is how it was wanted, and no news."""
    link.bystanders = assigned_in(issue.fields) if sent is None else []


def others_changed(push: Push, receipt: Receipt) -> bool:
    """Tells whether the issue shows changes besides what was sent: people made them meanwhile."""
    return _others(receipt.issue.fields, push.changes) != _others(push.issue.fields, push.changes)


def _others(fields: Fields, sent: Fields) -> dict[str, Any]:
    return {field: value for field, value in fields.items() if field not in sent}


def note_lag(push: Push, *, at: datetime) -> None:
    """Measures how long the tracker was behind."""
    SYNC_LAG.observe(max(0.0, (at - push.changed_at).total_seconds()))
