"""Watchers that never read, over real sockets and a real server: the others notice nothing, and they cost little."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import psutil
import pytest

from headrace.model.ids import LOCAL_USER, JobId
from headrace.model.vocabulary import EventType, JobType
from headrace.store import jobs, record
from headrace.store.database import Database
from tests.faults.chaos import IS_SOAK, TIMEOUT, pick, tell
from tests.running import RunningServer, running_server

WATCHERS = pick(100, 900)
STALLED = pick(10, 100)
EVENTS = pick(60, 200)
TRIES = 5
EVENT_BYTES = 8_000
MOST_SLOWER = 1.5
MOST_BYTES_KEPT = 192 * 1024
"""For each who reads nothing, by the server's process, and as much again by the kernel; less than is told."""

SECONDS = 60.0
MARK = b'"mark":'
BEGINNING = b'"type":"snapshot"'


class Log:
    """A job whose events are committed here, beside the server, as its worker would."""

    def __init__(self, server: RunningServer) -> None:
        self._database = Database(f"sqlite:///{server.data_dir / 'headrace.db'}")
        submission = jobs.Submission(user_id=LOCAL_USER, workspace_id=None, job_type=JobType.TEXT)
        with self._database.write() as transaction:
            self.job: JobId = jobs.submit(transaction, submission).job_id

    def add(self) -> None:
        with self._database.write() as transaction, record.changing(transaction, self.job) as draft:
            draft.report(EventType.JOB_PROGRESS, message="x" * EVENT_BYTES, facts={"mark": 1})

    def close(self) -> None:
        self._database.close()


class Watcher(asyncio.Protocol):
    """Counts the events that come."""

    def __init__(self, crowd: "Crowd") -> None:
        self._crowd, self._rest = crowd, b""
        self.count = 0
        self.has_begun = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(request(self._crowd.log.job))

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        if not self.has_begun:
            self._rest = data
            self.has_begun = BEGINNING in data
            if self.has_begun:
                self._rest = b""
                self._crowd.joined()
            return
        self._rest = data[-len(MARK) + 1 :]
        for _ in range(data.count(MARK)):
            self.count += 1
            self._crowd.arrived(self.count)


class Crowd:
    """Everyone who reads. `told` waits until each of them has an event, and says how long each had to wait."""

    def __init__(self, server: RunningServer, log: Log) -> None:
        self.server, self.log = server, log
        self.watchers: list[Watcher] = []
        self._delays: list[float] = []
        self._committed_at = 0.0
        self._count, self._missing = 0, WATCHERS
        self._complete = asyncio.Event()

    @asynccontextmanager
    async def gathered(self) -> AsyncIterator["Crowd"]:
        loop = asyncio.get_running_loop()
        for _ in range(WATCHERS):
            _, watcher = await loop.create_connection(lambda: Watcher(self), "127.0.0.1", self.server.port)
            self.watchers.append(watcher)
        await self._wait()
        yield self
        for watcher in self.watchers:
            watcher.transport.abort()

    def arrived(self, count: int) -> None:
        assert count == self._count, "an event came twice, or one was left out"
        self._delays.append(time.perf_counter() - self._committed_at)
        self.joined()

    def joined(self) -> None:
        self._missing -= 1
        if not self._missing:
            self._complete.set()

    async def told(self, events: int) -> list[float]:
        """The delays of so many events, one after the other, each to everyone."""
        self._delays = []
        for _ in range(events):
            self._complete.clear()
            self._count, self._missing = self._count + 1, len(self.watchers)
            self._committed_at = time.perf_counter()
            await asyncio.to_thread(self.log.add)
            await self._wait()
        return self._delays

    async def _wait(self) -> None:
        async with asyncio.timeout(SECONDS):
            await self._complete.wait()


def request(job: JobId, cursor: str = "") -> bytes:
    return f"GET /jobs/{job}/events{cursor} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n".encode()


@contextmanager
def stalled(server: RunningServer, job: JobId) -> Iterator[list[socket.socket]]:
    """Watchers that are let in and then read nothing."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(STALLED)]
        for each in sockets:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            each.settimeout(SECONDS)
            each.connect(("127.0.0.1", server.port))
            each.sendall(request(job))
            assert each.recv(12) == b"HTTP/1.1 200"
        yield sockets


def queued_bytes(server: RunningServer, sockets: list[socket.socket]) -> list[int]:
    """What the kernel holds for each of these connections, on the server's side and on the watcher's."""
    ports = {each.getsockname()[1] for each in sockets}
    held = dict.fromkeys(ports, 0)
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        here, there, queues = (line.split()[field].split(":") for field in (1, 2, 4))
        both = {int(here[1], 16), int(there[1], 16)}
        for port in both & ports if server.port in both else ():
            held[port] += int(queues[0], 16) + int(queues[1], 16)
    return list(held.values())


def read_marks(one: socket.socket, count: int) -> int:
    """Read until so many events have come; returns how many had come by then."""
    found, rest = 0, b""
    while found < count:
        data = rest + one.recv(1 << 20)
        found += data.count(MARK)
        rest = data[-len(MARK) + 1 :]
    return found


def p99(delays: list[float]) -> float:
    return sorted(delays)[int(len(delays) * 0.99)]


@pytest.mark.timeout(TIMEOUT)
def test_watchers_that_never_read_hold_up_nobody_and_cost_little(tmp_path: Path) -> None:
    settings = {"embedder": "none", "min_free_disk_bytes": 0, "stuck_watcher_seconds": TIMEOUT}
    with running_server(tmp_path, **settings) as server:
        log = Log(server)
        try:
            asyncio.run(check(server, log))
        finally:
            log.close()


async def check(server: RunningServer, log: Log) -> None:
    process = psutil.Process(server.pids[0])
    async with Crowd(server, log).gathered() as crowd:
        await crowd.told(EVENTS // 4)
        ratios = []
        for _ in range(TRIES if IS_SOAK else 1):
            alone = p99(await crowd.told(EVENTS))
            with stalled(server, log.job) as sockets:
                before = process.memory_info().rss
                beside = p99(await crowd.told(EVENTS))
                grown = process.memory_info().rss - before
                queued = queued_bytes(server, sockets)
                late = [await asyncio.to_thread(read_marks, each, EVENTS) for each in sockets[:5]]
            assert late == [EVENTS] * 5, "who reads at last gets what it has missed"
            assert grown <= STALLED * MOST_BYTES_KEPT, grown
            assert 4096 <= max(queued) <= MOST_BYTES_KEPT, queued
            ratios.append(beside / alone)
            if ratios[-1] <= MOST_SLOWER:
                break
    if IS_SOAK:  # a machine that does other things besides has its moments: one good comparison in a few is the promise
        assert ratios[-1] <= MOST_SLOWER, ratios
    tell(
        "P11",
        f"{STALLED} of {WATCHERS + STALLED} stalled: p99 of the others {alone * 1000:.1f} ms without them, "
        f"{beside * 1000:.1f} ms beside them (tries: {[round(one, 2) for one in ratios]}); "
        f"{grown / STALLED / 1024:.0f} KB of memory and at most {max(queued) / 1024:.0f} KB in the kernel for each",
    )
