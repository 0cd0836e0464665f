"""Watchers that are cut off at any byte, over real sockets and server restarts, see every event once and in order."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.faults import chaos
from tests.faults.test_kills import submit
from tests.running import RunningServer, running_server

pytestmark = pytest.mark.timeout(chaos.TIMEOUT)

WATCHERS = 8
SECONDS = chaos.pick(240, 3600)
SILENCE_SECONDS = 5.0
MADE_FOR_A_WATCHER = {"snapshot", "reset"}

Frame = dict[str, Any]


class Watcher:
    """Follows one stream by cursor; what it was told is in `frames`."""

    def __init__(self, server: RunningServer, job: str | None, rng: random.Random, last: str) -> None:
        self.server, self.job, self.rng, self.last = server, job, rng, last
        self.frames: list[Frame] = []
        self.cuts = 0
        self.cursor = ""

    @property
    def is_done(self) -> bool:
        return self.cursor == self.last

    async def follow(self, cuts: int) -> None:
        """Be cut off at least so often, if the stream lasts, and then see it through."""
        first = f"{self.last.partition('-')[0]}-0"
        self.cursor = first
        while not self.is_done or self.cuts < cuts:
            if self.is_done:
                await self.check_whole()
                self.frames, self.cursor = [], first
            offset = self.rng.randrange(1, 20_000) if self.cuts < cuts else None
            with suppress(OSError, TimeoutError, WebSocketException, asyncio.IncompleteReadError):
                await self.rng.choice((self.sse, self.sse, self.websocket))(offset)
            self.cuts += offset is not None
            await asyncio.sleep(0)

    async def check_whole(self) -> None:
        """All that came so far are the stream's events, each once and in order."""
        assert [frame["event_id"] for frame in self.frames] == self.expected

    @property
    def expected(self) -> list[str]:
        where, values = ("job_id = ?", [self.job]) if self.job else ("1 = 1", [])
        statement = f"SELECT number FROM event WHERE {where} ORDER BY number"
        epoch = self.last.partition("-")[0]
        return [f"{epoch}-{number}" for (number,) in chaos.query(self.server, statement, *values)]

    def take(self, frame: Frame) -> None:
        assert frame["type"] not in MADE_FOR_A_WATCHER, frame
        self.frames.append(frame)
        self.cursor = frame["event_id"]

    async def sse(self, offset: int | None) -> None:
        path = f"/jobs/{self.job}/events" if self.job else "/events"
        in_url = self.rng.random() < 0.5
        head = [f"GET {path}{f'?after={self.cursor}' if in_url else ''} HTTP/1.1", "Host: 127.0.0.1"]
        head += [] if in_url else [f"Last-Event-ID: {self.cursor}"]
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        try:
            writer.write("\r\n".join((*head, "", "")).encode())
            async for block in self.blocks(reader, offset):
                for line in block.splitlines():
                    if line.startswith(b"data: "):
                        self.take(json.loads(line.removeprefix(b"data: ")))
        finally:
            writer.transport.abort()

    async def blocks(self, reader: asyncio.StreamReader, offset: int | None) -> AsyncIterator[bytes]:
        """The whole blocks of the body's chunks, up to so many bytes; one that is cut in two is lost."""
        async with asyncio.timeout(SILENCE_SECONDS):
            await reader.readuntil(b"\r\n\r\n")
        rest, left = b"", offset if offset is not None else 1 << 60
        while left > 0 and not self.is_done:
            async with asyncio.timeout(SILENCE_SECONDS):
                size = int(await reader.readuntil(b"\r\n"), 16)
                if not size:
                    return
                data = (await reader.readexactly(size + 2))[:-2]
            *whole, rest = (rest + data[:left]).split(b"\n\n")
            left -= size
            for block in whole:
                yield block

    async def websocket(self, offset: int | None) -> None:
        path = f"/ws/{self.job}" if self.job else "/ws"
        url = f"{self.server.url.replace('http', 'ws')}{path}?after={self.cursor}"
        left = offset if offset is not None else 1 << 60
        async with asyncio.timeout(SILENCE_SECONDS):
            socket = await connect(url, proxy=None, close_timeout=0.1)
        try:
            while left > 0 and not self.is_done:
                async with asyncio.timeout(SILENCE_SECONDS):
                    text = str(await socket.recv())
                left -= len(text)
                self.take(json.loads(text))
        finally:
            socket.transport.abort()
            await socket.wait_closed()


async def restart_now_and_then(server: RunningServer, rng: random.Random, times: int) -> None:
    """kill -9 and SIGTERM, by turns, while others watch."""
    for number in range(times):
        await asyncio.sleep(rng.uniform(0.2, 1.0))
        await asyncio.to_thread(server.kill if number % 2 else server.stop)
        await asyncio.to_thread(server.start)


def test_watchers_that_are_cut_off_anywhere_see_every_event_once_and_in_order(tmp_path: Path) -> None:
    rng, cuts = random.Random(chaos.SEED), chaos.pick(100, 500)
    restarts = chaos.pick(2, 10)
    with running_server(tmp_path, embedder="none", min_free_disk_bytes=0, progress_interval_seconds=0.001) as server:
        with server.client() as client:
            notes = {f"{number}.txt": f"note {number}".encode() * 50 for number in range(40)}
            jobs = [submit(client, notes) for _ in range(3)]
            lasts = [chaos.wait_for_end(client, job, 120)["last_event_id"] for job in jobs]
            newest = chaos.query(server, "SELECT max(number) FROM event")[0][0]
        streams = [*zip(jobs, lasts, strict=True), (None, f"{lasts[0].partition('-')[0]}-{newest}")]
        watchers = [
            Watcher(server, *(job, random.Random(rng.random()), last))
            for job, last in (streams[number % len(streams)] for number in range(WATCHERS))
        ]

        async def watch() -> None:
            async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as group:
                group.create_task(restart_now_and_then(server, rng, restarts))
                for watcher in watchers:
                    group.create_task(watcher.follow(-(-cuts // WATCHERS)))

        asyncio.run(watch())
        for watcher in watchers:
            assert [frame["event_id"] for frame in watcher.frames] == watcher.expected
        total = sum(watcher.cuts for watcher in watchers)
        chaos.tell("P4", f"{total} cuts of {WATCHERS} watchers, {restarts} restarts: 0 gaps, 0 repeats")


@pytest.mark.parametrize("cursor", ["elsewhere-3", "{epoch}-999999999"])
def test_a_cursor_that_this_log_cannot_continue_from_gets_a_reset_and_the_snapshot(tmp_path: Path, cursor: str) -> None:
    with running_server(tmp_path, embedder="none", min_free_disk_bytes=0) as server, server.client() as client:
        job = submit(client, {"weir.txt": b"the weir holds"})
        epoch = chaos.wait_for_end(client, job)["last_event_id"].partition("-")[0]
        answer = client.get(f"/jobs/{job}/events", params={"after": cursor.format(epoch=epoch)})
        assert answer.status_code == httpx.codes.OK
        lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
        assert [json.loads(line)["type"] for line in lines] == ["reset", "snapshot", "job.completed"]
