"""The client that blocks."""

import time
from collections.abc import Iterator
from types import TracebackType

import httpx

from headrace.client.answers import read_answer, reason
from headrace.client.errors import ServerUnreachable
from headrace.client.following import SILENCE_SECONDS, Following, Frame
from headrace.client.requests import Request
from headrace.client.verbs import CONNECT_SECONDS, DEFAULT_URL, Json, Verbs, http_options


class Client(Verbs[Json]):
    """The HTTP API of the server at `url`, as the user of `token`. Close it, or use it as a context manager."""

    def __init__(self, url: str = DEFAULT_URL, *, token: str | None = None) -> None:
        self.url = url
        self._http = httpx.Client(**http_options(url, token))

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def follow(
        self, job_id: str, after: str | None = None, *, patience_seconds: float | None = None
    ) -> Iterator[Frame]:
        """Every frame of a job after the event `after`, each once and in order, until the job has ended.

        Without `after` it begins with a snapshot. It resumes by itself after any disconnect or server restart; a
        `reset` frame followed by a snapshot says that the position is known no more.

        Raises:
            ServerUnreachable: at the first attempt, or after pauses of `patience_seconds` in all (None: never).
            HeadraceError: 401, 403, 404 or another refusal that will not change.
        """
        return self._watched(Following(self.url, job_id, after, patience_seconds=patience_seconds))

    def follow_user(self, after: str | None = None, *, patience_seconds: float | None = None) -> Iterator[Frame]:
        """The same for all jobs, documents and workspaces of the user; it has no end of its own."""
        return self._watched(Following(self.url, None, after, patience_seconds=patience_seconds))

    def _send(self, request: Request) -> Json:
        try:
            return read_answer(self._http.request(request.method, request.path, **request.options()))
        except httpx.TransportError as error:
            raise ServerUnreachable(self.url, reason(error)) from error

    def _watched(self, state: Following) -> Iterator[Frame]:
        while not state.has_ended:
            try:
                yield from self._connected(state)
            except httpx.TransportError as error:
                state.broken(reason(error))
            if not state.has_ended:
                time.sleep(state.pause_seconds)

    def _connected(self, state: Following) -> Iterator[Frame]:
        timeout = httpx.Timeout(CONNECT_SECONDS, read=SILENCE_SECONDS)
        with self._http.stream("GET", state.path, headers=state.headers(), timeout=timeout) as response:
            if not state.opens(response.status_code, response.headers.get("content-type", "")):
                return state.refused(response.status_code, response.read(), response.headers.get("retry-after"))
            for data in response.iter_raw():
                yield from state.feed(data)
                if state.has_ended:
                    return None
        return state.closed()
