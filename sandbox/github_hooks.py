"""The webhooks of the sandbox GitHub: events become signed HTTP requests, each sent once and recorded."""

import asyncio
import hmac
import time
import uuid
from typing import Any
from urllib.parse import urlencode

import httpx
import msgspec

from sandbox.github_documents import Site
from sandbox.github_issues import Office
from sandbox.github_payloads import issue_payload
from sandbox.github_records import Delivery, Hook, Issue, Repository
from sandbox.github_state import State, instant

PATIENCE_SECONDS = 10
LONGEST_RECORDED_ANSWER = 10_000  # characters
USER_AGENT = "GitHub-Hookshot/5a9d0e1"


class Courier:
    """Delivers events to the hooks of their repository; never retries, as GitHub never does."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._client = httpx.AsyncClient(timeout=PATIENCE_SECONDS, trust_env=False)
        self._running: set[asyncio.Task[None]] = set()

    def announce(self, office: Office, issue: Issue, *, site: Site) -> None:
        """Send what an office announced about an issue to every hook that listens, and return at once."""
        for announcement in office.announcements:
            payload = issue_payload(announcement, issue, office=office, site=site)
            for hook in self._listeners(office.repository, announcement.event):
                self.send(hook, announcement.event, payload)
        office.announcements.clear()

    def _listeners(self, repository: Repository, event: str) -> list[Hook]:
        return [
            hook
            for hook in self._state.all(Hook)
            if hook.repository_id == repository.id and hook.active and ({event, "*"} & set(hook.events))
        ]

    def send(self, hook: Hook, event: str, payload: dict[str, Any]) -> None:
        """Send one event to one hook in the background."""
        raw = msgspec.json.encode(payload)
        form = hook.content_type == "form"
        body = urlencode({"payload": raw}).encode() if form else raw
        headers = _headers(hook, event, body, guid=str(uuid.uuid4()))
        self._start(self._post(hook, headers, body, action=payload.get("action"), redelivery=False))

    def resend(self, hook: Hook, delivery: Delivery) -> None:
        """Send the same bytes under the same id again, signed with the secret of now."""
        headers = _headers(hook, delivery.event, delivery.body, guid=delivery.guid)
        self._start(self._post(hook, headers, delivery.body, action=delivery.action, redelivery=True))

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _post(self, hook: Hook, headers: dict[str, str], body: bytes, *, action: str | None, redelivery: bool) -> None:
        delivered_at, started = instant(), time.monotonic()
        code, status, answer_headers, answer = await self._attempt(hook.url, headers, body)
        delivery = Delivery(
            id=self._state.new_id(),
            hook_id=hook.id,
            repository_id=hook.repository_id,
            guid=headers["X-GitHub-Delivery"],
            event=headers["X-GitHub-Event"],
            action=action,
            redelivery=redelivery,
            request_headers=headers,
            body=body,
            delivered_at=delivered_at,
            duration=round(time.monotonic() - started, 2),
            status=status,
            status_code=code,
            response_headers=answer_headers,
            response_body=answer,
        )
        hook.last_code, hook.last_status = code, "active" if 200 <= code < 300 else "misconfigured"
        hook.last_message = status
        self._state.save(delivery)
        if self._state.find(Hook, hook.id) is not None:
            self._state.save(hook)
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


def _headers(hook: Hook, event: str, body: bytes, *, guid: str) -> dict[str, str]:
    """Return the headers of a delivery.

    https://docs.github.com/webhooks/webhook-events-and-payloads#delivery-headers
    """
    form = hook.content_type == "form"
    headers = {
        "Accept": "*/*",
        "Content-Type": "application/x-www-form-urlencoded" if form else "application/json",
        "User-Agent": USER_AGENT,
        "X-GitHub-Delivery": guid,
        "X-GitHub-Event": event,
        "X-GitHub-Hook-ID": str(hook.id),
        "X-GitHub-Hook-Installation-Target-ID": str(hook.repository_id),
        "X-GitHub-Hook-Installation-Target-Type": "repository",
    }
    if hook.secret:
        for name, algorithm in (("X-Hub-Signature", "sha1"), ("X-Hub-Signature-256", "sha256")):
            headers[name] = f"{algorithm}={hmac.new(hook.secret.encode(), body, algorithm).hexdigest()}"
    return headers
