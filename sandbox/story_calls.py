"""The calls that the story makes, to the API and to the sandbox GitHub; what goes wrong becomes a sentence."""

from typing import Any

import httpx

from sandbox.launch import ServerFailedError

Document = dict[str, Any]


class CallRefusedError(ServerFailedError):
    """An answer that is an error; `status` is its HTTP status, `reason` what it says."""

    def __init__(self, call: str, status: int, reason: str) -> None:
        super().__init__(f"{call} answered {status}: {reason}")
        self.status = status
        self.reason = reason


class Caller:
    """Calls one server with one token; raises ServerFailedError when it can't be reached, CallRefusedError when it refuses."""

    def __init__(self, base_url: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._client = httpx.Client(base_url=base_url, headers=headers, timeout=30, trust_env=False)

    def get(self, path: str, **parameters: str) -> Any:
        return self.call("GET", path, params=parameters).json()

    def post(self, path: str, body: Document | None = None) -> Any:
        return self.call("POST", path, json=body).json()

    def patch(self, path: str, body: Document) -> Any:
        return self.call("PATCH", path, json=body).json()

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Gives the answer, which is no error."""
        try:
            answer = self._client.request(method, path, **options)
        except httpx.HTTPError as error:
            raise ServerFailedError(f"{method} {path} at {self._client.base_url} was not answered: {error}") from error
        if answer.is_error:
            raise CallRefusedError(f"{method} {answer.url}", answer.status_code, _reason(answer))
        return answer


def _reason(answer: httpx.Response) -> str:
    """Gives what a problem document (RFC 9457) says, or the whole of another answer."""
    if "application/problem+json" not in answer.headers.get("content-type", ""):
        return answer.text
    problem = answer.json()
    places = "; ".join(place["detail"] for place in problem.get("errors", []))
    return f"{problem['detail']} ({places})" if places else str(problem["detail"])
