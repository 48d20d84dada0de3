"""The webhooks of the sandbox GitHub: events become signed HTTP requests, each sent once and recorded."""

import asyncio
import hmac
import time
import uuid
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx
import msgspec

from sandbox.github_access import installation_id
from sandbox.github_chaos import Chaos
from sandbox.github_documents import Site
from sandbox.github_issues import Office
from sandbox.github_nodes import node_id
from sandbox.github_payloads import issue_payload
from sandbox.github_records import APP_HOOKS, Delivery, Hook, Issue, Repository
from sandbox.github_state import State

PATIENCE_SECONDS = 10
DELIVERIES_KEPT = 2_000  # of each hook
LONGEST_RECORDED_ANSWER = 10_000  # characters
USER_AGENT = "GitHub-Hookshot/5a9d0e1"


@dataclass(frozen=True)
class Parcel:
    """One delivery to make: these bytes under these headers."""

    hook: Hook
    headers: dict[str, str]
    body: bytes
    action: str | None
    repository_id: int
    redelivery: bool = False


class Courier:
    """Delivers events to the hooks of their repository and of the App; never retries, as GitHub never does.

    While it is paused it keeps everything back; `chaos` decides what becomes of a parcel that is sent.
    """

    def __init__(self, state: State, chaos: Chaos, *, app_id: int | None = None) -> None:
        self._state = state
        self._chaos = chaos
        self._app_id = app_id
        self._client = httpx.AsyncClient(timeout=PATIENCE_SECONDS, trust_env=False)
        self._running: set[asyncio.Task[None]] = set()
        self.paused = False
        self.kept: list[Parcel] = []

    def announce(self, office: Office, issue: Issue, *, site: Site) -> None:
        """Send what an office announced about an issue to every hook that listens, and return at once."""
        for announcement in office.announcements:
            listeners = self._listeners(office.repository, announcement.event)
            payload = issue_payload(announcement, issue, office=office, site=site) if listeners else {}
            for hook in listeners:
                self.send(hook, announcement.event, payload, repository=office.repository)
        office.announcements.clear()

    def _listeners(self, repository: Repository, event: str) -> list[Hook]:
        hooks = self._state.of(Hook, repository.id)
        if self._state.account(repository.owner).installation == "active":
            hooks += self._state.of(Hook, APP_HOOKS)
        return [hook for hook in hooks if hook.active and ({event, "*"} & set(hook.events))]

    def send(self, hook: Hook, event: str, payload: dict[str, Any], *, repository: Repository) -> None:
        """Send one event to one hook in the background."""
        if hook.repository_id == APP_HOOKS:
            number = installation_id(repository.owner, self._state)
            payload = payload | {"installation": {"id": number, "node_id": node_id("Installation", number)}}
        raw = msgspec.json.encode(payload)
        form = hook.content_type == "form"
        body = urlencode({"payload": raw}).encode() if form else raw
        headers = self._headers(hook, event, body, guid=str(uuid.uuid4()))
        self._ship(Parcel(hook, headers, body, payload.get("action"), repository.id))

    def resend(self, hook: Hook, delivery: Delivery) -> None:
        """Send the same bytes under the same id again, signed with the secret of now."""
        headers = self._headers(hook, delivery.event, delivery.body, guid=delivery.guid)
        self._ship(Parcel(hook, headers, delivery.body, delivery.action, delivery.repository_id, redelivery=True))

    def _ship(self, parcel: Parcel) -> None:
        if self.paused:
            self.kept.append(parcel)
            return
        match self._chaos.webhook_fate():
            case "dropped":
                pass  # never sent, so never listed among the deliveries either
            case "doubled":
                self._start(self._post_in_turn([parcel, parcel]))
            case "late" if self._chaos.rates is not None:
                self._start(self._post_in_turn([parcel], after_seconds=self._chaos.rates.late_seconds))
            case _:
                self._start(self._post_in_turn([parcel]))

    def release(self, parcels: list[Parcel]) -> None:
        """Go on, and make what was kept good by these deliveries, one after the other."""
        self.paused = False
        self.kept.clear()
        self._start(self._post_in_turn(parcels))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _post_in_turn(self, parcels: list[Parcel], *, after_seconds: float = 0) -> None:
        if after_seconds:
            await asyncio.sleep(after_seconds)
        for parcel in parcels:
            await self._post(parcel)

    async def _post(self, parcel: Parcel) -> None:
        hook, delivered_at, started = parcel.hook, self._state.instant(), time.monotonic()
        code, status, answer_headers, answer = await self._attempt(hook.url, parcel.headers, parcel.body)
        delivery = Delivery(
            id=self._state.new_id(),
            hook_id=hook.id,
            repository_id=parcel.repository_id,
            guid=parcel.headers["X-GitHub-Delivery"],
            event=parcel.headers["X-GitHub-Event"],
            action=parcel.action,
            redelivery=parcel.redelivery,
            request_headers=parcel.headers,
            body=parcel.body,
            delivered_at=delivered_at,
            duration=round(time.monotonic() - started, 2),
            status=status,
            status_code=code,
            response_headers=answer_headers,
            response_body=answer,
        )
        self._record(hook, delivery)

    def _record(self, hook: Hook, delivery: Delivery) -> None:
        """Keep a delivery among the newest of its hook; a hook that was removed meanwhile has none."""
        if self._state.find(Hook, hook.id) is None:
            return
        hook.last_code, hook.last_message = delivery.status_code, delivery.status
        hook.last_status = "active" if 200 <= delivery.status_code < 300 else "misconfigured"
        self._state.save(delivery, hook)
        while self._state.count(Delivery, hook.id) > DELIVERIES_KEPT:
            self._state.remove(self._state.oldest(Delivery, hook.id))
        self._state.commit()

    async def _attempt(self, url: str, headers: dict[str, str], body: bytes) -> tuple[int, str, dict[str, str], str | None]:
        try:
            answer = await self._client.post(url, content=body, headers=headers)
        except httpx.TimeoutException:
            return 0, "timed out", {}, None
        except (httpx.HTTPError, httpx.InvalidURL):
            return 0, "failed to connect to host", {}, None
        status = "OK" if answer.is_success else f"Invalid HTTP Response: {answer.status_code}"
        return answer.status_code, status, dict(answer.headers), answer.text[:LONGEST_RECORDED_ANSWER]

    async def close(self) -> None:
        """Give up what is still on its way."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._client.aclose()

    def _headers(self, hook: Hook, event: str, body: bytes, *, guid: str) -> dict[str, str]:
        """Return the headers of a delivery.

        https://docs.github.com/webhooks/webhook-events-and-payloads#delivery-headers
        """
        form, of_app = hook.content_type == "form", hook.repository_id == APP_HOOKS
        headers = {
            "Accept": "*/*",
            "Content-Type": "application/x-www-form-urlencoded" if form else "application/json",
            "User-Agent": USER_AGENT,
            "X-GitHub-Delivery": guid,
            "X-GitHub-Event": event,
            "X-GitHub-Hook-ID": str(hook.id),
            "X-GitHub-Hook-Installation-Target-ID": str(self._app_id if of_app else hook.repository_id),
            "X-GitHub-Hook-Installation-Target-Type": "integration" if of_app else "repository",
        }
        if hook.secret:
            for name, algorithm in (("X-Hub-Signature", "sha1"), ("X-Hub-Signature-256", "sha256")):
                headers[name] = f"{algorithm}={hmac.new(hook.secret.encode(), body, algorithm).hexdigest()}"
        return headers
