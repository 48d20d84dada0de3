"""Our comments go into the issue: journal first, one request, then the outcome; one whose fate is unknown is looked for by its marker."""

import re
from datetime import datetime, timedelta

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.columns import now_utc
from domain.comments.table import Comment, CommentPost, PostState
from domain.comments.write import public_name
from domain.database import transaction
from domain.sync.call import make_call
from domain.sync.claim import Claim, own_link
from domain.sync.desk import Desk
from domain.sync.journal import begin_attempt, end_badly, end_well
from domain.sync.missing import note_unseen
from domain.sync.neutral import neutralise
from domain.sync.steps import Step, reached
from domain.sync.table import Operation, SyncAttempt
from domain.trackers.contract import CommentReceipt, Cost, Failure, RemoteComment, TrackerError
from domain.trackers.link import IssueLink

OPERATION = "comment"
PROBES = 3
# By so much the tracker's clock may be behind ours.
SKEW = timedelta(minutes=10)
LOCKED = "The issue is locked: this follows when it is unlocked."
LOCKED_FOR = timedelta(minutes=10)
LOST = "Nobody can tell whether it was written; it is being looked for in the issue."
# With these codes the comment is what the tracker won't have: any other failure says nothing of it, and it waits for the next try.
REFUSALS = {"locked": "The issue is locked.", "invalid": None, "forbidden": None}
_OPEN = (PostState.WAITING, PostState.SENDING, PostState.UNKNOWN)
_MARKS = re.compile(r"([\\`*_\[\]<>~])")


async def post_comments(desk: Desk, claim: Claim) -> bool:
    """Posts what waits for the link's issue, oldest first, and says whether the link may go on: False where it was released.

    One whose fate is unknown holds back those behind it, so that they stay in order, but nothing else of the link. Raises Paced.
    """
    goes_on = True
    while goes_on and (post := await _due_post(desk, claim)) is not None:
        goes_on = await (_send if post.state is PostState.WAITING else _look_for)(desk, claim, post)
    return goes_on


async def _due_post(desk: Desk, claim: Claim) -> CommentPost | None:
    """Gives the oldest open post if something is to be done for it now. One that was being sent is unknown: its process died."""
    now = now_utc()
    async with transaction(desk.database) as session:
        link = await own_link(session, claim)
        if link is None:
            return None
        post = await _first_open(session, link)
        if post is None:
            link.comments_due = False
        elif post.state is PostState.WAITING and (link.remote or {}).get("locked"):
            post.note, post.due_at = LOCKED, now + LOCKED_FOR
        elif post.state is PostState.SENDING:
            _lose(post, at=now)
    return post if post is not None and (post.due_at is None or post.due_at <= now) else None


async def _first_open(session: AsyncSession, link: IssueLink) -> CommentPost | None:
    query = select(CommentPost).where(CommentPost.link_id == link.id, col(CommentPost.state).in_(_OPEN))
    return (await session.exec(query.order_by(col(CommentPost.id)).limit(1))).first()


def _lose(post: CommentPost, *, at: datetime) -> None:
    post.state, post.probes, post.due_at, post.note = PostState.UNKNOWN, 0, at, LOST


async def next_post_at(session: AsyncSession, link: IssueLink) -> datetime | None:
    """Tells when the link is due for its comments: None where none is open."""
    post = await _first_open(session, link) if link.comments_due else None
    return None if post is None else post.due_at or post.created_at


async def _send(desk: Desk, claim: Claim, post: CommentPost) -> bool:
    pacing = claim.adapter.capabilities.pacing
    async with desk.pacer.turn(claim.tracker, pacing, Cost.CREATE, background=claim.link.background) as turn:
        await reached(Step.BEFORE_JOURNAL, OPERATION)
        written = await _write_down(desk, claim, post)
        if written is None:
            turn.refund()
            return False
        attempt, text = written
        remote_id = str(claim.link.remote_id)
        sent = await make_call(turn, OPERATION, lambda: claim.adapter.comment(claim.place, remote_id, body=text, marker=post.id))
    return await _note_outcome(desk, claim, post, attempt=attempt, sent=sent)


async def _write_down(desk: Desk, claim: Claim, post: CommentPost) -> tuple[SyncAttempt, str] | None:
    """Writes down what is about to be sent, and gives its text; None when somebody else has claimed the link since."""
    now = now_utc()
    async with transaction(desk.database) as session:
        link = await own_link(session, claim)
        if link is None:
            return None
        row = await _load(session, post)
        row.state, row.sent_at, row.note = PostState.SENDING, now, None
        comment = (await session.exec(select(Comment).where(Comment.id == post.comment_id))).one()
        attempt = begin_attempt(session, link, Operation.COMMENT, tracker_id=claim.tracker.id, comment_id=post.id, at=now)
        return attempt, _text(comment)


async def _load(session: AsyncSession, post: CommentPost) -> CommentPost:
    """Reads the post again; the link, which is locked, keeps all others out."""
    return (await session.exec(select(CommentPost).where(CommentPost.id == post.id))).one()


def _text(comment: Comment) -> str:
    name = neutralise(_MARKS.sub(r"\\\1", public_name(comment.author)))
    return f"**{name} in Followthrough:**\n\n{neutralise(comment.body)}"


async def _note_outcome(desk: Desk, claim: Claim, post: CommentPost, *, attempt: SyncAttempt, sent: CommentReceipt | TrackerError) -> bool:
    now = now_utc()
    async with transaction(desk.database, desk.bell.ring) as session:
        link = await own_link(session, claim)
        row = await _load(session, post)
        if isinstance(sent, TrackerError):
            await end_badly(session, attempt, sent, kind=claim.tracker.kind, at=now)
            if link is not None:
                _note_failed(row, sent, at=now)
        else:
            await end_well(session, attempt, sent, kind=claim.tracker.kind, at=now)
            _note_posted(row, sent.comment, link=link)
        await reached(Step.BEFORE_COMMIT, OPERATION)
    await reached(Step.AFTER_COMMIT, OPERATION)
    if link is not None and row.state is PostState.WAITING and isinstance(sent, TrackerError):
        await note_unseen(desk, claim, sent)
        return False
    return link is not None


def _note_failed(post: CommentPost, error: TrackerError, *, at: datetime) -> None:
    if error.failure is Failure.AMBIGUOUS:
        _lose(post, at=at)
    elif error.failure is Failure.DEFINITE and error.code in REFUSALS:
        post.state, post.note = PostState.REFUSED, (REFUSALS[error.code] or error.text)[:2000]
    else:
        post.state, post.sent_at = PostState.WAITING, None


def _note_posted(post: CommentPost, comment: RemoteComment, *, link: IssueLink | None) -> None:
    """What was written stays true whoever holds the link by now; who holds it counts the comment as seen."""
    if post.state is PostState.POSTED:
        return
    post.state, post.due_at, post.note = PostState.POSTED, None, None
    post.remote_id, post.url = comment.remote_id, comment.url
    if link is not None:
        link.comments_seen += 1


async def _look_for(desk: Desk, claim: Claim, post: CommentPost) -> bool:
    """Looks for a post's marker in the issue: absent in three probes over three probe intervals, the post waits to be sent again."""
    since = (post.sent_at or post.created_at) - SKEW
    try:
        async with desk.pacer.turn(claim.tracker, claim.adapter.capabilities.pacing, Cost.READ, background=True):
            comments = await claim.adapter.comments(claim.place, str(claim.link.remote_id), since=since)
    except TrackerError as error:
        await note_unseen(desk, claim, error)
        return False
    found = next((comment for comment in comments if comment.marker == post.id), None)
    now = now_utc()
    async with transaction(desk.database) as session:
        link = await own_link(session, claim)
        if link is None:
            return False
        row = await _load(session, post)
        if found is not None:
            _note_posted(row, found, link=link)
        else:
            _note_absent(row, interval=timedelta(seconds=desk.settings.probe_seconds), at=now)
    return True


def _note_absent(post: CommentPost, *, interval: timedelta, at: datetime) -> None:
    post.probes += 1
    if post.probes >= PROBES and at - (post.sent_at or post.created_at) >= PROBES * interval:
        post.state, post.probes, post.sent_at, post.due_at, post.note = PostState.WAITING, 0, None, None, None
    else:
        post.due_at = at + interval
