"""A task finds its tracker project: the routes choose, and a link is opened."""

from datetime import datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from domain.tasks.table import Task
from domain.trackers.link import IssueLink, open_link
from domain.trackers.route import Facts, find_route


async def route_task(session: AsyncSession, task: Task, *, at: datetime) -> IssueLink | None:
    """Opens the link to the project of the first matching route; None when no route matches."""
    route = await find_route(session, Facts(task.team_id, task.priority.value, task.kind.value if task.kind else None))
    if route is None:
        return None
    return open_link(
        session,
        task_id=task.id,
        tracker_project_id=route.tracker_project_id,
        label_prefix=route.label_prefix,
        issue_type=route.issue_type,
        at=at,
    )
