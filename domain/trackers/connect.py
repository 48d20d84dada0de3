"""From a tracker's row to its adapter: the one place that knows which kinds there are."""

from collections.abc import Mapping

from domain.settings import Settings
from domain.trackers.contract import Adapter, WebhookReader
from domain.trackers.credentials import Vault
from domain.trackers.github import GitHubAdapter
from domain.trackers.github_webhooks import GitHubWebhooks
from domain.trackers.shared_tokens import open_shared_tokens
from domain.trackers.table import Tracker, TrackerKind

DEFAULT_BASE_URL = {TrackerKind.GITHUB: "https://api.github.com"}
WEBHOOK_READERS: Mapping[TrackerKind, WebhookReader] = {TrackerKind.GITHUB: GitHubWebhooks()}


def connect(tracker: Tracker, vault: Vault, settings: Settings) -> Adapter:
    """Makes the adapter for a tracker with its decrypted credentials; nothing is called yet."""
    return GitHubAdapter(
        base_url=tracker.base_url,
        credentials=vault.open_json(tracker.credentials),
        timeout_seconds=settings.tracker_timeout_seconds,
        # A call must be over before the lease under which it is made; a tenth is kept for what comes before and after.
        patience_seconds=0.9 * (settings.lease_seconds - settings.tracker_timeout_seconds),
        shared_tokens=open_shared_tokens(settings.redis_url, vault),
    )
