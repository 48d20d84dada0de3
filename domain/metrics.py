"""The figures that Prometheus reads; every name stands here."""

from prometheus_client import Counter, Gauge, Histogram

HTTP_REQUESTS = Counter("followthrough_http_requests_total", "Answered requests", ["method", "route", "status"])
HTTP_SECONDS = Histogram(
    "followthrough_http_request_seconds",
    "Time to answer a request",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
SYNC_ATTEMPTS = Counter("followthrough_sync_attempts_total", "Calls to a tracker that change it", ["kind", "operation", "outcome"])
SYNC_CALLS = Counter("followthrough_sync_calls_total", "HTTP calls to a tracker", ["kind", "operation"])
SYNC_READS = Counter("followthrough_sync_reads_total", "Reads of a tracker: ok, not_modified", ["kind", "result"])
SYNC_AMBIGUOUS = Counter("followthrough_sync_ambiguous_total", "Calls of which nobody can tell if they took effect", ["kind", "operation"])
SYNC_HEALED = Counter(
    "followthrough_sync_healed_total", "Such calls that were cleared up: marker, webhook, sweep, duplicate", ["kind", "how"]
)
SYNC_CONFLICTS = Counter("followthrough_sync_conflicts_total", "Fields changed on both sides", ["field", "winner"])
SYNC_LAG = Histogram(
    "followthrough_sync_delay_seconds",
    "Time from the commit of a task's change to the tracker's answer",
    buckets=(0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600),
)
SWEEPS = Counter("followthrough_sweeps_total", "Lists of what changed in a project: ok, not_modified, failed", ["kind", "result"])
WEBHOOKS = Counter("followthrough_webhooks_total", "Webhooks received", ["kind", "outcome"])
WEBHOOKS_REDELIVERED = Counter("followthrough_webhooks_redelivered_total", "Failed deliveries that a tracker was asked for again", ["kind"])
LIMITER_WAIT = Histogram(
    "followthrough_limiter_wait_seconds",
    "Time that a call to a tracker waited for its turn",
    ["cost"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
LIMITER_DENIED = Counter("followthrough_limiter_denied_total", "Calls that had no turn within their patience", ["budget"])
TASKS_IMPORTED = Counter("followthrough_tasks_imported_total", "Tasks made by an import")

# Read from the database from time to time, see domain/sync/measure.py: each worker shows the same.
SYNC_OLDEST_DUE = Gauge("followthrough_sync_lag_seconds", "Age of the oldest link that is due, 0 where none is", ["tracker"])
SYNC_WAITING = Gauge("followthrough_sync_waiting", "Links that are due", ["tracker"])
LINKS = Gauge("followthrough_links", "Links by their state", ["state"])
INBOX_AGE = Gauge("followthrough_inbox_age_seconds", "Age of the oldest webhook that is not processed, 0 where there is none")
CONFLICTS_OPEN = Gauge("followthrough_conflicts_open", "Conflicts that no person has decided")
TRACKER_QUOTA_REMAINING = Gauge("followthrough_tracker_quota_remaining", "Calls left in the account's quota, as last answered", ["tracker"])
