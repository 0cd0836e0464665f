"""Stands before every route: nothing is answered to whom the guard does not let in."""

import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, MutableMapping
from typing import Any

from headrace.model.errors import HeadraceError, NotAuthenticated, NotFound
from headrace.model.principal import Principal
from headrace.server import problems
from headrace.server.access import EXPLAINED
from headrace.server.principal import SAFE_METHODS, Guard
from headrace.server.rates import Rate
from headrace.server.seen import Seen, seen
from headrace.transports.asgi import PRINCIPAL, Scope, refuse, until_gone

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Coroutine[Any, Any, None]]
ASGI = Callable[[Any, Any, Any], Coroutine[Any, Any, None]]
Header = tuple[bytes, bytes]

SECURITY_HEADERS = [
    (b"content-security-policy", b"default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
]

LONG_SECONDS = 1.0
"""A request that took longer (a long poll, a wait for a job's end) is authorised again before it is answered."""


BURST_SECONDS = 4.0
"""So many seconds' worth of requests may come at once."""


class Gate:
    """An ASGI application around another one; every answer carries the security headers.

    A user who logs in may make `requests_per_second` requests that read, and as many that write: a flood of the one
    leaves the other alone. 0 sets no limit, and nobody is counted where nobody logs in.
    """

    def __init__(self, app: ASGI, guard: Guard, *, requests_per_second: float = 0.0) -> None:
        self._app, self._guard = app, guard
        self._rate = Rate(requests_per_second, requests_per_second * BURST_SECONDS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "websocket":
            await self._refuse_socket(scope, receive, send)
        elif scope["type"] != "http":
            await self._app(scope, receive, send)
        else:
            with seen(scope) as request:
                await self._serve(scope, receive, Reply(send, request, str(scope.get("root_path", ""))))

    async def _serve(self, scope: Scope, receive: Receive, reply: "Reply") -> None:
        try:
            who = scope[PRINCIPAL] = await self._guard.admit(scope)
            if who is not None and who.credential is not None:
                reads = scope["method"] in SAFE_METHODS
                self._rate.take((who.user_id, reads), "too many requests of yours in a short time")
        except HeadraceError as error:
            await problems.respond(error)(scope, receive, reply.send)
            return
        admitted_at = time.monotonic()

        async def send(message: Message) -> None:
            is_start = message["type"] == "http.response.start"
            if is_start and time.monotonic() - admitted_at > LONG_SECONDS and not await self._is_still_known(who):
                await problems.respond(NotAuthenticated(EXPLAINED))(scope, receive, reply.send)
                reply.is_over = True
            await reply.send(message)

        try:
            await self._app(scope, receive, send)
        except Exception:
            # It is logged and told by then; uvicorn would cut the connection, and with it the next request.
            if not reply.is_complete:
                raise

    async def _is_still_known(self, who: Principal | None) -> bool:
        return who is None or await self._guard.is_alive(who)

    async def _refuse_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The sockets that there are have been taken out before; this one leads nowhere."""
        await receive()
        try:
            await self._guard.watcher(scope, None)
            error: HeadraceError = NotFound(f"there is no WebSocket at {scope['path'][:200]!r}")
        except HeadraceError as refusal:
            error = refusal
        await refuse(scope, send, error)
        await until_gone(receive)


class Reply:
    """The answer to one request; once it is over, what else is said is dropped."""

    def __init__(self, send: Send, request: Seen, root: str = "") -> None:
        self._send, self._request, self._root = send, request, root.encode()
        self.is_over = self.is_complete = False

    async def send(self, message: Message) -> None:
        """Send a message, with the security headers if it is the first."""
        if self.is_over:
            return
        if message["type"] == "http.response.start":
            own = (b"x-request-id", self._request.request_id.encode())
            message["headers"] = [*self._located(message.get("headers", [])), *SECURITY_HEADERS, own]
            self._request.answered(message["status"])
        await self._send(message)
        self.is_complete = message["type"] == "http.response.body" and not message.get("more_body", False)

    def _located(self, headers: Iterable[Header]) -> Iterator[Header]:
        """Routes know nothing of where the application is mounted; who follows their `Location` has to."""
        for name, value in headers:
            is_ours = name == b"location" and value.startswith(b"/") and not value.startswith(self._root + b"/")
            yield name, self._root + value if is_ours else value
