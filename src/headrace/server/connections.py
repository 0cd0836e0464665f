"""What uvicorn leaves open: how long, and how large, the head of a request may be; and what follows an early answer.

A client that sends one byte a minute would hold a connection for ever (slowloris); one that never ends its headers
would fill the memory. Nothing above the protocol can see either, for there is no request yet. Nor can it see a body
that comes although it was refused: it is read and dropped for a while, since whoever still sends when the connection
is closed may never read the answer.
"""

import json
from asyncio import TimerHandle, Transport
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from headrace.model.errors import HeadraceError, HeadTooLarge, TooSlow
from headrace.server import problems
from headrace.settings import Settings
from headrace.transports.asgi import problem


class BoundedProtocol(HttpToolsProtocol):
    """Uvicorn's protocol with a deadline and a size for each request's head, and a deadline for what is answered early.

    See `bounded`.
    """

    head_seconds = 10.0
    head_bytes = 16_384
    rest_seconds = 30.0

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """See asyncio. The first request has to come within the deadline; uvicorn bounds the wait for later ones."""
        super().connection_made(transport)
        self._has_body_to_come = False
        self._head_size: int | None = 0
        self._deadline: TimerHandle | None = self.loop.call_later(self.head_seconds, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self._cancel_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        if self.transport.is_closing():
            return
        if self._head_size is not None:
            self._head_size += len(data)
        super().data_received(data)
        if self._head_size is not None and self._head_size > self.head_bytes:
            self._refuse(self._too_large())

    def on_message_begin(self) -> None:
        """A head begins. What came in one piece with the end of the request before is not counted, but for a byte."""
        super().on_message_begin()
        if self._head_size is None:
            self._head_size = 1
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.head_seconds, self._give_up)

    def on_headers_complete(self) -> None:
        """The head is there; one that came whole, and is too large all the same, is answered by a word on that."""
        self._cancel_deadline()
        self._head_size = None
        self._has_body_to_come = not (self.parser.should_upgrade() and self._should_upgrade())
        app = self.app
        if self._is_too_large():
            self.app = problems.respond(self._too_large(), {"Connection": "close"})
        try:
            super().on_headers_complete()
        finally:
            self.app = app

    def on_response_complete(self) -> None:
        """The answer is sent, perhaps before the body that it refuses: the rest of that is waited for, not for ever."""
        super().on_response_complete()
        if self._has_body_to_come and self.cycle.response_complete and not self.transport.is_closing():
            self._deadline = self.loop.call_later(self.rest_seconds, self.transport.close)

    def on_message_complete(self) -> None:
        """The whole request is there. If it was answered before, only now does the wait for the next one begin."""
        super().on_message_complete()
        if self._has_body_to_come and self.cycle.response_complete:
            self._cancel_deadline()
            self._unset_keepalive_if_required()
            wait = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)
            self.timeout_keep_alive_task = wait
        self._has_body_to_come = False

    def handle_websocket_upgrade(self) -> None:
        """See uvicorn."""
        if self._is_too_large():
            self._refuse(self._too_large())
        else:
            super().handle_websocket_upgrade()

    def _is_too_large(self) -> bool:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > self.head_bytes

    def _too_large(self) -> HeadTooLarge:
        return HeadTooLarge(f"the URL and headers of a request may have {self.head_bytes} bytes together")

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        if self._head_size:
            self._refuse(TooSlow(f"the head of a request has to be here within {self.head_seconds:g} s"))
        else:
            self.transport.close()

    def _refuse(self, error: HeadraceError) -> None:
        """Answer by hand: there is no request that an application could answer."""
        self._cancel_deadline()
        body = json.dumps(problem(error)).encode()
        head = b"content-type: %s\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        line = STATUS_LINE[error.status]
        self.transport.write(line + head % (problems.MEDIA_TYPE.encode(), len(body)) + body)
        self.transport.close()


def bounded(settings: Settings) -> type[BoundedProtocol]:
    """The protocol for uvicorn, with the operator's limits."""
    limits: dict[str, Any] = {
        "head_seconds": settings.head_seconds,
        "head_bytes": settings.max_head_bytes,
        "rest_seconds": settings.body_idle_seconds,
    }
    return type("Http", (BoundedProtocol,), limits)
