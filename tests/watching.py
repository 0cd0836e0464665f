"""Watchers made of clients that we did not write. Each remembers what it saw, is cut now and then, and comes back."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import socketio
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

Frame = dict[str, Any]
Line = tuple[int, str]

ENDS = {"job.completed", "job.failed", "job.cancelled"}
NAMES = ("document_status", "workspace_status", "job_event")
GONE = (OSError, aiohttp.ClientError, asyncio.TimeoutError, WebSocketException, socketio.exceptions.SocketIOError)
AWAY_SECONDS = 0.1
LONGEST_LINE = 1 << 22


class Seen:
    """What one watcher has been told. It is cut after as many frames as `stays` says, each time anew."""

    def __init__(
        self, wanted: Collection[str] = (), stays: Iterator[int] | None = None, cursor: str | None = None
    ) -> None:
        self.wanted, self.stays, self.cursor = set(wanted), stays or iter(()), cursor
        self.lines: dict[str, list[Line]] = defaultdict(list)
        self.ready = asyncio.Event()
        self._moved = asyncio.Event()
        self.snapshots = self.resets = self.cuts = 0
        self._ended: set[str] = set()
        self._stay = next(stays, -1)

    @property
    def is_over(self) -> bool:
        """Whether every job that is wanted has ended."""
        return bool(self.wanted) and self.wanted <= self._ended

    @property
    def epoch(self) -> str:
        """The log's, once anything has come."""
        return (self.cursor or "").partition("-")[0]

    async def sees_ends(self, count: int) -> None:
        """Wait until that many of the jobs that are wanted have ended."""
        while len(self.wanted & self._ended) < count:
            self._moved.clear()
            await self._moved.wait()

    def take(self, frame: Frame) -> bool:
        """Remember a frame; says whether to leave now."""
        self.cursor = frame["event_id"]
        self.snapshots += frame["type"] == "snapshot"
        self.resets += frame["type"] == "reset"
        if frame["type"] == "snapshot":
            self.ready.set()
        if frame["type"] in ("snapshot", "reset"):
            return False
        self.lines[frame["job_id"]].append((frame["seq"], frame["type"]))
        if frame["type"] in ENDS:
            self._ended.add(frame["job_id"])
            self._moved.set()
        self._stay -= 1
        if self._stay == 0:
            self._stay = next(self.stays, -1)
            self.cuts += 1
            return True
        return self.is_over


Watch = Callable[[str, str, Seen], Awaitable[None]]
"""One connection: to a server's URL, at a path, until it is cut or over."""


async def follow(watch: Watch, url: str, path: str, seen: Seen) -> None:
    """Connect again and again, from where it stood, until all is seen. A server may be away for a while."""
    while not seen.is_over:
        try:
            await watch(url, path, seen)
        except GONE:
            await asyncio.sleep(AWAY_SECONDS)  # what every client does: a server that is away gives no signal


async def sse(url: str, path: str, seen: Seen) -> None:
    """Server-sent events, read by hand from aiohttp."""
    headers = {} if seen.cursor is None else {"Last-Event-ID": seen.cursor}
    timeout = aiohttp.ClientTimeout(total=None, sock_read=30)
    async with (
        aiohttp.ClientSession(timeout=timeout, read_bufsize=LONGEST_LINE) as session,
        session.get(url + path, headers=headers, raise_for_status=True) as response,
    ):
        async for line in response.content:
            if line.startswith(b"data: ") and seen.take(json.loads(line[6:])):
                return


async def websocket(url: str, path: str, seen: Seen) -> None:
    """The `websockets` package."""
    after = "" if seen.cursor is None else f"?after={seen.cursor}"
    where = url.replace("http", "ws", 1) + path + after
    async with connect(where, proxy=None, max_size=LONGEST_LINE, close_timeout=0.1) as connection:
        async for text in connection:
            if seen.take(json.loads(text)):
                return


async def socket_io(url: str, transport: str, seen: Seen) -> None:
    """The `python-socketio` client, cut by leaving."""
    async with socket_io_client(url, transport, lambda: seen.cursor) as (_, queue):
        while (frame := await queue.get()) is not None:
            if seen.take(frame):
                return


class Session:
    """aiohttp's for the Socket.IO client, which leaves answers unread and, if it cannot connect, WebSockets open."""

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession()
        self._sockets: list[aiohttp.ClientWebSocketResponse] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    async def get(self, *arguments: Any, **options: Any) -> aiohttp.ClientResponse:
        return await self._read(self._session.get(*arguments, **options))

    async def post(self, *arguments: Any, **options: Any) -> aiohttp.ClientResponse:
        return await self._read(self._session.post(*arguments, **options))

    async def ws_connect(self, *arguments: Any, **options: Any) -> aiohttp.ClientWebSocketResponse:
        socket = await self._session.ws_connect(*arguments, **options)
        self._sockets.append(socket)
        return socket

    async def close(self) -> None:
        for socket in self._sockets:
            await socket.close()
        await self._session.close()

    @staticmethod
    async def _read(request: Awaitable[aiohttp.ClientResponse]) -> aiohttp.ClientResponse:
        answer = await request
        await answer.read()  # kept, so that the client can read it again
        return answer


@asynccontextmanager
async def socket_io_client(
    url: str, transports: str, cursor: Callable[[], str | None], **options: Any
) -> AsyncIterator[tuple[socketio.AsyncClient, asyncio.Queue[Frame | None]]]:
    """A connected client, and what it gets; None when it was disconnected."""
    queue: asyncio.Queue[Frame | None] = asyncio.Queue()
    session = Session()  # its own would be forgotten, unclosed, when the server disconnects it
    client = socketio.AsyncClient(**{"reconnection": False, "http_session": session} | options)
    for name in NAMES:
        client.on(name, queue.put_nowait)
    client.on("disconnect", lambda _reason: queue.put_nowait(None))
    try:
        try:
            await client.connect(url, auth=lambda: {"after": cursor()}, transports=transports.split(), wait_timeout=10)
        except (
            TypeError
        ) as error:  # it takes the number of a closing frame for a packet, when the server goes just then
            raise ConnectionResetError("the server has gone") from error
        yield client, queue
    finally:
        await client.disconnect()
        await session.close()


async def long_poll(url: str, path: str, seen: Seen) -> None:
    """A job's state is waited for, and its new events are then read as JSON."""
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(url, timeout=timeout, raise_for_status=True) as session:
        while not seen.is_over:
            if seen.cursor is not None:
                async with session.get(path, params={"after": seen.cursor, "wait": "5"}) as answer:
                    await answer.read()
            if await _read_pages(session, path, seen):
                return


async def _read_pages(session: aiohttp.ClientSession, path: str, seen: Seen) -> bool:
    while True:
        params = {} if seen.cursor is None else {"after": seen.cursor}
        async with session.get(f"{path}/events", params=params, headers={"Accept": "application/json"}) as answer:
            events = (await answer.json())["events"]
        if not events:
            return False
        orders = [seen.take(event) for event in events]  # a page that has come is not forgotten by leaving
        if any(orders):
            return True
