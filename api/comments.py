"""Comments over HTTP: ours, with how far each has come in each issue, and those that people wrote in the tracker."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct
from sqlmodel.ext.asyncio.session import AsyncSession

from api.auth import can_read, can_write
from api.conditional import answer_one, answer_written
from api.guarded import get
from api.paging import answer_page, reads
from api.session import act_of
from domain.comments.search import COMMENTS
from domain.comments.table import Origin, PostState
from domain.comments.write import write_comment
from domain.tasks.change import lock_task
from domain.tasks.search import TASKS

Body = Annotated[str, Meta(min_length=1, max_length=20_000, pattern=r"\S", description="Markdown, at most 20,000 characters.")]


class CommentPostRead(Struct):
    """A comment of ours in one issue; `unknown` means that nobody can tell yet whether it was written, `note` says what went wrong."""

    link_id: UUID
    state: PostState
    url: str | None
    note: str | None


class CommentRead(Struct):
    """A comment. `author` is a name here, a login in the tracker; `url` and `link_id` are set in the tracker's, `posts` in ours."""

    id: UUID
    task_id: UUID
    origin: Origin
    author: str
    body: str
    url: str | None
    link_id: UUID | None
    posts: list[CommentPostRead]
    created_at: datetime
    updated_at: datetime


class CommentPage(Struct):
    """A page of comments."""

    items: list[CommentRead]
    next_cursor: str | None


class CommentCreate(Struct, forbid_unknown_fields=True):
    """A new comment."""

    body: Body


class TaskCommentController(Controller):
    """The comments on a task."""

    path = "/v1/tasks/{task_id:uuid}/comments"
    tags = ["Comments"]

    @get(operation_id="list_comments", summary="List a task's comments", guards=[can_read], opt=reads(COMMENTS, fixed="task_id"))
    async def list_comments(self, request: Request[Any, Any, Any], task_id: FromPath[UUID]) -> Response[CommentPage]:
        """Gives the comments on one task, ours and the tracker's; those that were deleted in the tracker are left out."""
        return await answer_page(request, COMMENTS, fixed={"task_id": [task_id]}, parent=(TASKS, task_id))

    @post(operation_id="create_comment", summary="Comment on a task", guards=[can_write])
    async def create_comment(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[AsyncSession],
        task_id: FromPath[UUID],
        data: JSONBody[CommentCreate],
    ) -> Response[CommentRead]:
        """Stores a comment; it is posted soon after to the issues that the task has now."""
        task = await lock_task(session, task_id)
        comment = await write_comment(session, act_of(request), task, data.body)
        return await answer_written(session, COMMENTS, comment.id, status=201, location="/v1/comments")


class CommentController(Controller):
    """Single comments."""

    path = "/v1/comments"
    tags = ["Comments"]

    @get("/{comment_id:uuid}", operation_id="get_comment", summary="Read a comment", guards=[can_read])
    async def get_comment(self, request: Request[Any, Any, Any], comment_id: FromPath[UUID]) -> Response[CommentRead]:
        """Gives one comment with how far it has come in each issue."""
        return await answer_one(request, COMMENTS, comment_id)
