"""Connections that can be cut and blocked at will, on a real hub over a real log."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any

from headrace.eventlog.hub import Hub, Limits
from headrace.model.ids import JobId, UserId
from headrace.store.database import Database
from headrace.transports import sse

SECONDS = 20.0


def play(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run a scenario that must not hang."""

    async def limited() -> None:
        async with asyncio.timeout(SECONDS):
            await scenario()

    asyncio.run(limited())


async def until(is_so: Callable[[], object]) -> None:
    """Let the loop run until something is so that nobody signals."""
    while not is_so():  # noqa: ASYNC110 - it yields and does not wait
        await asyncio.sleep(0)


@asynccontextmanager
async def running(database: Database, **limits: float) -> AsyncIterator[Hub]:
    hub = Hub(database, Limits(**limits))
    await hub.start()
    try:
        yield hub
    finally:
        await hub.close()


class Connection:
    """One client's connection to the SSE transport, by the server's side of ASGI.

    What was sent is in `sent`; a closed one raises, as uvloop does; while `open` is cleared its socket is full.
    """

    def __init__(self, hub: Hub, user_id: UserId, job_id: JobId | None = None, cursor: str | None = None) -> None:
        self.sent = b""
        self.largest = 0
        self.status: int | None = None
        self.is_complete = False
        self.is_closed = False
        self.open = asyncio.Event()
        self.open.set()
        self._gone = asyncio.Event()
        self._got = asyncio.Event()
        headers = [(b"last-event-id", cursor.encode())] if cursor else []
        scope = {"type": "http", "method": "GET", "path": "/events", "headers": headers, "query_string": b""}
        serving = sse.serve(hub, user_id, job_id, scope, self.receive, self.send)
        self.task = asyncio.create_task(serving)

    async def send(self, message: dict[str, Any]) -> None:
        if self.is_closed:
            raise RuntimeError("unable to perform operation; the handler is closed")
        await self.open.wait()
        self.status = message.get("status", self.status)
        self.sent += message.get("body", b"")
        self.largest = max(self.largest, len(message.get("body", b"")))
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self.is_complete = True
            self._gone.set()
        self._got.set()
        self._got = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    def cut(self) -> None:
        """The client is gone; nothing more reaches it."""
        self.is_closed = True
        self.open.set()
        self._gone.set()
        self._got.set()

    @property
    def frames(self) -> list[dict[str, Any]]:
        return frames_in(self.sent)

    @property
    def seqs(self) -> list[int]:
        """The numbers of the job's events that came, without snapshots."""
        return [frame["seq"] for frame in self.frames if frame["type"] not in ("snapshot", "reset")]

    async def until(self, is_so: Callable[["Connection"], bool]) -> "Connection":
        """Wait until what was sent fulfils a condition."""
        while not is_so(self):
            await self._got.wait()
        return self

    async def until_seq(self, last: int) -> "Connection":
        return await self.until(lambda self: self.seqs[-1:] == [last])


def frames_in(sent: bytes) -> list[dict[str, Any]]:
    """The whole frames in a piece of an event stream; what is cut off at its end is dropped."""
    return [frame for block in sent.split(b"\n\n")[:-1] if (frame := _frame_in(block)) is not None]


@lru_cache(10_000)
def _frame_in(block: bytes) -> dict[str, Any] | None:
    """A client looks at all that it has again and again; whoever watches the same log has the same blocks."""
    lines = dict(line.split(b": ", 1) for line in block.split(b"\n") if not line.startswith(b":"))
    if b"data" not in lines:
        return None
    frame: dict[str, Any] = json.loads(lines[b"data"])
    assert lines[b"id"].decode() == frame["event_id"]
    return frame
