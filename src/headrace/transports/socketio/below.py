"""The WebSocket below a Socket.IO connection, and how to tell when all that was queued for it is sent."""

import asyncio
from collections.abc import Callable
from typing import Any

from engineio.packet import NOOP, Packet

from headrace.eventlog.framing import Lane, Message, Send
from headrace.transports import requests

Marks = dict[str | None, "asyncio.Future[Below]"]
"""Who waits for which text to be sent, on whichever WebSocket that is."""


class Below:
    """A WebSocket. What python-engineio sends goes through `send`, as does what is sent past its queue."""

    def __init__(self, send: Send, abort: Callable[[], object], lane: Lane | None, marks: Marks) -> None:
        self._send, self._marks = send, marks
        self.abort, self.lane = abort, lane

    async def send(self, message: Message) -> None:
        """Send a message, and tell who waits for it."""
        if message["type"] == "websocket.accept":
            message["headers"] = [*message.get("headers", ()), *requests.own_headers()]
        await self._send(message)
        waiting = self._marks.get(message.get("text"))
        if waiting is not None and not waiting.done():
            waiting.set_result(self)

    async def send_packet(self, packet: Packet) -> None:
        """Send a packet of ours."""
        await self._send({"type": "websocket.send", "text": packet.encode()})


def mark(socket: Any, marks: Marks) -> "asyncio.Future[Below]":
    """Queue a packet that means nothing. Once it is sent, so is all that was queued before, on the same WebSocket."""
    packet = Packet(NOOP, socket.sid)
    text = packet.encode()
    passed = marks[text] = asyncio.get_running_loop().create_future()
    passed.add_done_callback(lambda _: marks.pop(text, None))
    socket.queue.put_nowait(packet)
    return passed
