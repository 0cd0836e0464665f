"""What waits to be sent to one Socket.IO client: python-engineio's queue, which has no end, with one.

That is for clients that poll. On a WebSocket nothing waits: packets go past the queue, once it has run dry.

It relies on the `queue`, `upgraded`, `closing` and `closed` of python-engineio's sockets, which its documentation does
not name: whoever polls takes the whole queue at once, and `None` in it makes the writer of a WebSocket close it.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from engineio.packet import NOOP, Packet

from headrace.eventlog.framing import Message
from headrace.eventlog.topic import Watcher
from headrace.transports.socketio.below import Below, Marks, mark

MOST_POLLED = 12
"""Packets that wait for the next poll. python-engineio's client takes no answer of more than 16; some are not ours."""


class Outbox:
    """`abort_wire` cuts the socket below, if there is one: a client that polls may have none at the moment.

    `watcher` is told how to do without us, once there is a way.
    """

    def __init__(self, socket: Any, abort_wire: Callable[[], object], marks: Marks) -> None:
        self._socket, self._abort_wire, self._marks = socket, abort_wire, marks
        self.watcher: Watcher | None = None
        self._below: Below | None = None
        self._passing: asyncio.Future[Below] | None = None
        self._is_waiting = False
        self._ending: asyncio.Task[None] | None = None

    async def send(self, message: Message) -> None:
        """Send a message, or add it once there is room. May be run without a task of its own.

        Raises:
            ConnectionResetError: the client has gone.
        """
        if self._below is None and self._socket.upgraded and not self.is_closed:
            self._passing = mark(self._socket, self._marks)
            self._below = await self._passing
            if self.watcher is not None:
                self.watcher.lane = self._below.lane
        if self._below is None:
            await self._until_room()
        if self.is_closed:
            raise ConnectionResetError("the client has gone")
        packet = message["packet"]
        if packet is not None and self._below is not None:
            await self._below.send_packet(packet)
        elif packet is not None:
            self.put(packet)
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
        """Let go of whoever waits: the client has gone."""
        if self._passing is not None and not self._passing.done():
            self._passing.set_exception(ConnectionResetError("the client has gone"))
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
        return bool(self._socket.queue.qsize() >= MOST_POLLED)

    async def _until_room(self) -> None:
        while self._is_full and not self.is_closed:
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
