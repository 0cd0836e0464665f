"""Over real sockets, with a writer that never waits: a watcher that reconnects anywhere sees each event once."""

import asyncio
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import aclosing, contextmanager

import pytest

from headrace.eventlog.hub import Hub
from headrace.model.ids import UserId
from headrace.transports import asgi
from tests.unit.eventlog.writing import Author, new_database
from tests.unit.transports.serving import SECONDS, read_sse, read_websocket, serving

WATCHERS, EVENTS, CUTS = 20, 300, 12


def write(author: Author, job_id: str) -> None:
    """Write the job to its end, a few events at a time."""
    job = author.newest_of(job_id)
    while job.sequence < EVENTS - 1:
        job = author.tick(job, min(1 + job.sequence % 5, EVENTS - 1 - job.sequence))
    author.end(job)


@contextmanager
def writing(author: Author, job_id: str, where: str) -> Iterator[None]:
    """Write in a thread of this process, or in another process."""
    if where == "thread":
        thread = threading.Thread(target=write, args=(author, job_id))
        thread.start()
        yield
        thread.join(SECONDS)
        return
    url = author.database.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", __name__, url, author.user_id, job_id]
    with subprocess.Popen(command) as process:
        yield
        assert process.wait(SECONDS) == 0


@pytest.mark.parametrize(
    ("wire", "where", "way"),
    [("sse", "thread", "step"), ("sse", "process", "task"), ("ws", "process", "step"), ("ws", "thread", "task")],
)
def test_a_watcher_that_reconnects_anywhere_sees_each_event_once(alice, monkeypatch, wire, where, way) -> None:
    if way == "task":
        monkeypatch.setattr(asgi, "STEPPABLE", set())
    job = alice.begin()
    read = read_sse if wire == "sse" else read_websocket
    path = f"/jobs/{job.job_id}/events" if wire == "sse" else f"/ws/{job.job_id}"
    path += f"?user={alice.user_id}"
    epoch, seed = alice.database.epoch, random.randrange(2**32)
    chance, reconnects = random.Random(seed), 0

    async def watch(port: int, seen: list[int]) -> None:
        nonlocal reconnects
        cursor = f"{epoch}-0"
        while EVENTS not in seen:
            stay_for = chance.randint(1, 2 * EVENTS // CUTS)
            async with aclosing(read(port, path, cursor)) as frames:
                async for frame in frames:
                    seen.append(frame["seq"])
                    cursor, stay_for = frame["event_id"], stay_for - 1
                    if not stay_for:
                        break
            reconnects += 1

    async def watch_all(port: int) -> list[list[int]]:
        everything: list[list[int]] = [[] for _ in range(WATCHERS)]
        async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as group:
            for seen in everything:
                group.create_task(watch(port, seen))
        return everything

    with serving(Hub(alice.database)) as server, writing(alice, job.job_id, where):
        everything = asyncio.run(watch_all(server.config.port))

    print(f"{wire}, {where}, {way}: {reconnects} reconnects, seed {seed}")
    assert reconnects >= WATCHERS * 5
    assert everything == [list(range(1, EVENTS + 1))] * WATCHERS


if __name__ == "__main__":
    write(Author(new_database(sys.argv[1]), UserId(sys.argv[2])), sys.argv[3])
