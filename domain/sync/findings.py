"""What a check of a tracker finds, in sentences that say what is so and what to do."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from domain.settings import Settings
from domain.sync.sweep import dead_hook
from domain.trackers.contract import Adapter, HookReport, Project, TrackerError
from domain.trackers.table import Tracker, TrackerProject, TrackerState

EVENTS = ("issues", "issue_comment")
_LATE_SWEEPS = 3
_FEW = 0.1


class Aspect(StrEnum):
    """What a finding is about."""

    ADDRESS = "address"
    CREDENTIALS = "credentials"
    LIMIT = "limit"
    PROJECT = "project"
    PERMISSION = "permission"
    WEBHOOK = "webhook"
    EVENTS = "events"
    DELIVERIES = "deliveries"
    SWEEP = "sweep"
    DEAD_HOOK = "dead_hook"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was looked at: what is so, and what to do where it isn't well. `subject` is the project's key."""

    name: Aspect
    subject: str | None
    ok: bool
    text: str
    fix: str | None = None


def about_project(known: TrackerProject, project: Project) -> Iterator[Finding]:
    """Says whether the project can be seen, has issues and may be written."""
    renamed = f" (it was {known.key} before)" if known.key != project.key else ""
    if project.issues_enabled:
        yield Finding(Aspect.PROJECT, project.key, True, f"{project.key} can be seen and has issues{renamed}.")
    else:
        fix = "switch issues on in the settings of the repository"
        yield Finding(Aspect.PROJECT, project.key, False, f"Issues are switched off in {project.key}{renamed}.", fix)
    if project.writable:
        yield Finding(Aspect.PERMISSION, project.key, True, "The account may write there.")
    else:
        fix = "give the account write access to its issues, or unarchive it"
        yield Finding(Aspect.PERMISSION, project.key, False, "The account can't write there, or the repository is archived.", fix)


def about_unseen_hook(project: TrackerProject, error: TrackerError) -> Finding:
    """Credentials that may not look at webhooks are enough where webhooks come in all the same."""
    if project.webhook_at is not None:
        text = f"The webhook can't be looked at, but the last one came in at {_time(project.webhook_at)}. {error.text}"
        return Finding(Aspect.WEBHOOK, project.key, True, text)
    fix = "give the account the right to read webhooks; sweeps find changes meanwhile"
    return Finding(Aspect.WEBHOOK, project.key, False, f"The webhook can't be looked at. {error.text}", fix)


def about_hook(key: str, report: HookReport, *, url: str) -> Iterator[Finding]:
    """Says whether the webhook is there, on, whole and getting through."""
    if report.id is None:
        fix = "add one with the content type application/json; POST /v1/trackers/{id}/webhook-secret gives all that it needs"
        yield Finding(Aspect.WEBHOOK, key, False, f"There is no webhook to {url}: changes are seen by sweeps alone.", fix)
        return
    if report.active:
        yield Finding(Aspect.WEBHOOK, key, True, f"There is a webhook to {url}.")
    else:
        yield Finding(Aspect.WEBHOOK, key, False, f"The webhook to {url} is switched off.", "make it active at the tracker")
    missing = [] if "*" in report.events else [event for event in EVENTS if event not in report.events]
    if missing:
        text = f"The webhook doesn't send {' and '.join(missing)}."
        yield Finding(Aspect.EVENTS, key, False, text, f"let it send {' and '.join(EVENTS)}")
    else:
        yield Finding(Aspect.EVENTS, key, True, f"It sends {' and '.join(EVENTS)}.")
    if report.failed:
        text = f"{len(report.failed)} of its last deliveries failed; they are asked for again by themselves."
        yield Finding(Aspect.DELIVERIES, key, False, text, "see that PUBLIC_URL can be reached from the tracker, and that the secret fits")
    else:
        yield Finding(Aspect.DELIVERIES, key, True, "Its last deliveries arrived.")


def about_limit(tracker: Tracker, adapter: Adapter | None, *, at: datetime) -> Iterator[Finding]:
    """Says how much of the account's limit is left."""
    if tracker.blocked_until is not None and tracker.blocked_until > at:
        text = f"The tracker is left alone until {_time(tracker.blocked_until)}. {tracker.state_reason}".strip()
        yield Finding(Aspect.LIMIT, None, False, text, "wait; the sync goes on by itself")
    quota = adapter.quota if adapter is not None else None
    if quota is not None:
        ok = quota.remaining > _FEW * quota.limit
        text = f"{quota.remaining} of {quota.limit} calls are left until {_time(quota.reset_at)}."
        yield Finding(Aspect.LIMIT, None, ok, text, None if ok else "wait, or see what else uses this account")


def about_sweeps(settings: Settings, tracker: Tracker, project: TrackerProject, *, at: datetime) -> Iterator[Finding]:
    """What is known without asking: how the sweeps do, and whether webhooks went missing."""
    since = project.swept_at or project.created_at
    text = f"It was last swept at {_time(project.swept_at)}." if project.swept_at else "It was not swept yet."
    if tracker.state is TrackerState.PAUSED:
        yield Finding(Aspect.SWEEP, project.key, False, f"The tracker is paused. {text}", "PATCH it with state=ok")
    elif at - since > timedelta(seconds=max(_LATE_SWEEPS * settings.sweep_seconds, 60)):
        yield Finding(Aspect.SWEEP, project.key, False, text, "see that a worker runs, and what else is found here")
    else:
        yield Finding(Aspect.SWEEP, project.key, True, text)
    dead = dead_hook(project, at=at, settings=settings)
    if dead is not None:
        fix = "see the webhook's last deliveries at the tracker, and that PUBLIC_URL can be reached from there"
        yield Finding(Aspect.DEAD_HOOK, project.key, False, dead, fix)


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
