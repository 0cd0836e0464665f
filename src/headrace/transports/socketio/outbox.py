"""What waits to be sent to one Socket.IO client: python-engineio's queue, which has no end, with one.

It relies on the `queue`, `upgraded`, `closing` and `closed` of python-engineio's sockets, which its documentation does
not name: whoever polls takes the whole queue at once, and `None` in it makes the writer of a WebSocket close it.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from engineio.packet import NOOP, Packet

from headrace.eventlog.framing import Message

MOST_POLLED = 12
"""Packets that wait for the next poll. python-engineio's client takes no answer of more than 16; some are not ours."""

MOST_PUSHED = 64


class Outbox:
    """`abort_wire` cuts the socket below, if there is one: a client that polls may have none at the moment."""

    def __init__(self, socket: Any, abort_wire: Callable[[], object]) -> None:
        self._socket, self._abort_wire = socket, abort_wire
        self._is_waiting = False
        self._ending: asyncio.Task[None] | None = None

    async def send(self, message: Message) -> None:
        """Add a message, once there is room. May be run without a task of its own.

        Raises:
            ConnectionResetError: the client has gone.
        """
        while self._is_full and not self.is_closed:
            await self._until_taken()
        if self.is_closed:
            raise ConnectionResetError("the client has gone")
        if message["packet"] is not None:
            self.put(message["packet"])
        if message["is_last"]:
            self._end()

    def put(self, packet: Packet) -> None:
        """Add a packet, whether there is room or not."""
        self._socket.queue.put_nowait(packet)

    def abort(self) -> None:
        """Cut off a client that takes nothing."""
        self._abort_wire()
        self._end()

    def leave(self) -> None:
        """Let go of whoever waits for room: the client has gone."""
        queue = self._socket.queue
        while self._is_waiting and not queue.empty():
            queue.get_nowait()
            queue.task_done()

    @property
    def is_closed(self) -> bool:
        """Whether nothing that is added now would be sent."""
        return bool(self._socket.closed or self._socket.closing)

    @property
    def _is_full(self) -> bool:
        most = MOST_PUSHED if self._socket.upgraded else MOST_POLLED
        return bool(self._socket.queue.qsize() >= most)

    async def _until_taken(self) -> None:
        self._is_waiting = True
        try:
            await self._socket.queue.join()
        finally:
            self._is_waiting = False

    def _end(self) -> None:
        self._ending = asyncio.get_running_loop().create_task(end(self._socket))


async def end(socket: Any) -> None:
    """Close a connection after what waits to be sent, in a way that clients come back from."""
    if socket.upgraded or socket.upgrading:
        socket.queue.put_nowait(None)
    await socket.close(wait=False, abort=True)


def answer_poll(socket: Any) -> None:
    """Let a poll that waits on a closed connection return at once; the next one finds no session."""
    if not socket.upgraded:
        socket.queue.put_nowait(Packet(NOOP))
