"""The figures that Prometheus reads; every name stands here."""

from prometheus_client import Counter, Histogram

HTTP_REQUESTS = Counter("followthrough_http_requests_total", "Answered requests", ["method", "route", "status"])
HTTP_SECONDS = Histogram(
    "followthrough_http_request_seconds",
    "Time to answer a request",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
SYNC_ATTEMPTS = Counter("followthrough_sync_attempts_total", "Calls to a tracker that change it", ["kind", "operation", "outcome"])
SYNC_CALLS = Counter("followthrough_sync_calls_total", "HTTP calls to a tracker", ["kind", "operation"])
SYNC_CONFLICTS = Counter("followthrough_sync_conflicts_total", "Fields changed on both sides", ["field", "winner"])
WEBHOOKS = Counter("followthrough_webhooks_total", "Webhooks received", ["kind", "outcome"])
TASKS_IMPORTED = Counter("followthrough_tasks_imported_total", "Tasks made by an import")
