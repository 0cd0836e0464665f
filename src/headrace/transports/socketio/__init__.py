"""Socket.IO: a user's stream as named events, over WebSocket and HTTP polling. The protocol is python-socketio's."""

import asyncio
from typing import TYPE_CHECKING

from headrace.eventlog.framing import Receive, Send
from headrace.eventlog.hub import Hub
from headrace.transports.asgi import Scope

if TYPE_CHECKING:
    from headrace.transports.socketio.wire import CheckSource, Connect
    from headrace.transports.socketio.wire import SocketIO as Wire

__all__ = ["SocketIO"]


class SocketIO:
    """The ASGI application for its path. Its library is loaded when the first client comes: it takes a while."""

    def __init__(self, hub: Hub, connect: "Connect", check_source: "CheckSource") -> None:
        self._hub, self._connect, self._check_source = hub, connect, check_source
        self._loading = asyncio.Lock()
        self._wire: Wire | None = None
        self._is_closed = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        wire = self._wire or await self._load()
        await wire(scope, receive, send)

    async def close(self) -> None:
        """End every connection that is left, and let no more come."""
        self._is_closed = True
        if self._wire is not None:
            await self._wire.close()

    async def _load(self) -> "Wire":
        async with self._loading:
            if self._wire is None:
                await asyncio.to_thread(__import__, "headrace.transports.socketio.wire")
                from headrace.transports.socketio.wire import SocketIO as Wire

                self._wire = Wire(self._hub, self._connect, self._check_source)
                if self._is_closed:
                    await self._wire.close()
            return self._wire
