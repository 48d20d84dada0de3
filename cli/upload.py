"""Sends one document to the API, and reads what it answers, whatever that is."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

import httpx
import msgspec

from cli.addresses import without_secrets
from cli.outcomes import Answer, Outcome, Problem, State, failed

TIMEOUT = httpx.Timeout(60, connect=10)
MOST_RETRIES = 3
LONGEST_WAIT_SECONDS = 60.0


class Api:
    """An API to import into, with the parameters that are the same for all documents."""

    def __init__(self, url: str, *, token: str, parameters: Mapping[str, str]) -> None:
        self._shown = without_secrets(url)
        self._parameters = dict(parameters)
        self._client = httpx.Client(base_url=url, timeout=TIMEOUT, headers={"Authorization": f"Bearer {token}"})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._client.close()

    def send(self, document: str, source: bytes, *, tell: Callable[[str], None]) -> Outcome:
        """Imports one document; never raises for what goes wrong with it. `tell` is given what a person who waits should know."""
        try:
            response = self._post_patiently(document, source, tell=tell)
        except httpx.ConnectError as error:
            return failed(document, f"no connection to {self._shown} ({error}); is the API running there?")
        except httpx.TimeoutException:
            return failed(document, f"no answer from {self._shown} in time; it may be stored all the same, and can be imported again")
        except httpx.HTTPError as error:
            return failed(document, f"the connection to {self._shown} broke ({type(error).__name__}: {error})")
        if response.status_code in {200, 201}:
            return self._read_answer(document, response)
        return Outcome(document, State.FAILED, problem=self._read_problem(response))

    def _post_patiently(self, document: str, source: bytes, *, tell: Callable[[str], None]) -> httpx.Response:
        response = self._post(source)
        for _ in range(MOST_RETRIES):
            seconds = seconds_to_wait(response)
            if seconds is None:
                break
            tell(f"{document}: {self._shown} is unavailable; trying again in {seconds:.0f} s")
            time.sleep(seconds)
            response = self._post(source)
        return response

    def _post(self, source: bytes) -> httpx.Response:
        headers = {"Content-Type": "text/markdown"}
        return self._client.post("/v1/postmortems/import", content=source, params=self._parameters, headers=headers)

    def _read_answer(self, document: str, response: httpx.Response) -> Outcome:
        try:
            answer = msgspec.json.decode(response.content, type=Answer)
        except msgspec.DecodeError:
            return failed(document, self._not_ours(response))
        return Outcome(document, self._state(response, answer), answer, response.content)

    def _state(self, response: httpx.Response, answer: Answer) -> State:
        if "dry_run" in self._parameters:
            return State.NOT_STORED
        if response.status_code == httpx.codes.CREATED:
            return State.NEW
        return self._changed(answer.postmortem.id, request_id=response.headers.get("X-Request-Id", ""))

    def _changed(self, postmortem_id: str, *, request_id: str) -> State:
        """Looks whether this request stands in the postmortem's record: 200 says that it was known, not whether it changed."""
        try:
            response = self._client.get("/v1/activity", params={"postmortem_id": postmortem_id, "limit": "20"})
            items = msgspec.json.decode(response.raise_for_status().content, type=_Activities).items
        except (httpx.HTTPError, msgspec.DecodeError):
            return State.KNOWN
        return State.CHANGED if any(item.request_id == request_id for item in items) else State.SAME

    def _read_problem(self, response: httpx.Response) -> Problem:
        try:
            problem = msgspec.json.decode(response.content, type=Problem)
        except msgspec.DecodeError:
            return Problem(self._not_ours(response), status=response.status_code)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            problem.detail += " `followthrough token create` makes a token; that of `make run` is in .followthrough/token."
        return problem

    def _not_ours(self, response: httpx.Response) -> str:
        return f"{self._shown} answered {response.status_code}, but not as Followthrough's API does; is --api right?"


class _Activity(msgspec.Struct):
    request_id: str | None


class _Activities(msgspec.Struct):
    items: list[_Activity]


def seconds_to_wait(response: httpx.Response) -> float | None:
    """Reads Retry-After (RFC 9110, section 10.2.3: seconds or a date) of a 503; None where trying again is not invited."""
    text = response.headers.get("Retry-After", "").strip()
    if response.status_code != httpx.codes.SERVICE_UNAVAILABLE or not text:
        return None
    if text.isascii() and text.isdecimal():
        return min(float(text), LONGEST_WAIT_SECONDS)
    try:
        wait = (parsedate_to_datetime(text).replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds()
    except ValueError:
        return None
    return min(max(wait, 0.0), LONGEST_WAIT_SECONDS)
