"""A backfill that was planned is carried out, in one transaction, but for what changed meanwhile."""

from collections import Counter, defaultdict
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.activity.record import Act, record
from domain.bell import forget
from domain.sync.adopt import ENDED, adopt_issue
from domain.sync.backfill import Action, Plan, Step, links_of
from domain.tasks.table import Task
from domain.trackers.link import IssueLink, mark_due, open_link
from domain.trackers.table import Tracker


async def run_backfill(session: AsyncSession, act: Act, plan: Plan) -> None:
    """Does what was planned, but for tasks that were deleted or got a link meanwhile: those are counted as unchanged.

    Links that it opens are made in the background, after all that people wait for.
    """
    tasks = await _lock_tasks(session, plan)
    links = await links_of(session, tasks, lock=True)
    done: dict[UUID, Counter[str]] = defaultdict(Counter)
    for step in plan.steps:
        if step.project is None or step.action in {Action.UNCHANGED, Action.UNROUTED}:
            continue
        task = tasks.get(step.task.id)
        if task is not None and await _carry_out(session, act, step, task=task, links=links.get(step.task.id, [])):
            done[step.project.tracker_id][step.action] += 1
        else:
            step.action, step.reason = Action.UNCHANGED, "it was changed meanwhile"
    for tracker_id, counts in done.items():
        tracker = await session.get(Tracker, tracker_id)
        record(session, act, "backfilled", subject=tracker, changes={action: (None, count) for action, count in counts.items()})
    # The poll finds them: thousands of rings would keep waiting what a person waits for.
    forget(session)


async def _lock_tasks(session: AsyncSession, plan: Plan) -> dict[UUID, Task]:
    ids = [step.task.id for step in plan.steps if step.action not in {Action.UNCHANGED, Action.UNROUTED}]
    query = select(Task).where(col(Task.id).in_(ids), col(Task.deleted_at).is_(None)).order_by(col(Task.id))
    return {task.id: task for task in await session.exec(query.with_for_update(key_share=True))}


async def _carry_out(session: AsyncSession, act: Act, step: Step, *, task: Task, links: list[IssueLink]) -> bool:
    if step.action is Action.CHANGE:
        link = next((link for link in links if step.link is not None and link.id == step.link.id and link.state not in ENDED), None)
        if link is not None:
            mark_due(session, link, at=act.at)
        return link is not None
    if links or step.project is None or step.route is None:
        return False
    if step.found is not None:
        await adopt_issue(session, act, task, step.found)
        return True
    link = open_link(session, task_id=task.id, tracker_project_id=step.project.id, label_prefix=step.route.label_prefix, at=act.at)
    link.background, link.issue_type = True, step.route.issue_type
    return True
