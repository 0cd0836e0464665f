"""What is noted of every request: its id, its trace, its time, and how it was answered."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from headrace.telemetry import logs, metrics, tracing
from headrace.transports import requests
from headrace.transports.asgi import Scope, header

ELSEWHERE = "other"
"""The route of what no route is for: made-up paths must not become names of numbers."""

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class Seen:
    """One request. `answered` is called with the status, once."""

    def __init__(self, scope: Scope) -> None:
        self.request_id = requests.read_id(scope)
        self._scope = scope
        self._began = time.monotonic()

    def answered(self, status: int) -> None:
        """The head of the answer is sent."""
        seconds = time.monotonic() - self._began
        route, method = self._route(), str(self._scope["method"])
        known = method if method in METHODS else ELSEWHERE
        metrics.http_requests.labels(method=known, route=route, status=str(status)).inc()
        metrics.http_seconds.labels(method=known, route=route).observe(seconds)
        requests.access_logger.info("%s %s %d %.1f ms", method, self._scope["path"], status, seconds * 1000)

    def _route(self) -> str:
        """The template of the route that was found, such as `/jobs/{job_id}`."""
        route = self._scope.get("route")
        return str(getattr(route, "path", "") or ELSEWHERE)


@contextmanager
def seen(scope: Scope) -> Iterator[Seen]:
    """Note a request while the block lasts; a span is around it if anybody records any."""
    found = Seen(scope)
    with logs.about(logs.request_id, found.request_id):
        if not tracing.is_on():
            yield found
            return
        with tracing.request(f"{scope['method']} {scope['path']}", header(scope, b"traceparent")):
            yield found
