"""From a commit in the worker to the bytes at a watcher; and what a watcher costs in memory."""

import asyncio
import json
import resource
import time
from datetime import UTC, datetime

from bench.server import Measured, running
from bench.table import Table, percentiles

IDLE_WATCHERS = 1_000


def measure(table: Table) -> None:
    """Add the rows of watching."""
    with running(embedder="none") as server:
        delays = asyncio.run(_delays(server))
        table.add(
            f"commit in the worker to a watcher, {len(delays)} events", percentiles(delays), "p50 < 5, p99 < 25 ms"
        )
    with running(embedder="none") as server:
        table.add(
            f"memory of each of {IDLE_WATCHERS} idle SSE watchers",
            f"{asyncio.run(_idle(server)) / 1024:.1f} KB",
            "<= 12 KB",
        )


async def _delays(server: Measured) -> list[float]:
    """Between the timestamp that an event was given, before its commit, and its arrival."""
    delays: list[float] = []
    reader, writer = await _stream(server, "/events")
    with server.http() as http:
        documents = [{"content": f"Document {n}. " * 2_000, "filename": f"{n}.txt"} for n in range(150)]
        await asyncio.to_thread(http.post, "/upload", json={"documents": documents})
    while True:
        line = await reader.readline()
        arrived = datetime.now(UTC)
        if not line.startswith(b"data: "):
            continue
        frame = json.loads(line[6:])
        if frame["type"] in {"job.progress", "document.status.updated", "job.stage"}:
            delays.append((arrived - datetime.fromisoformat(frame["timestamp"])).total_seconds())
        if frame["type"] == "job.completed" and len(delays) > 1:
            writer.close()
            return delays


async def _idle(server: Measured) -> float:
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    warm = [await _stream(server, "/events") for _ in range(50)]
    before = server.parts[0].memory_full_info().uss
    watchers = [await _stream(server, "/events") for _ in range(IDLE_WATCHERS)]
    await asyncio.sleep(2)
    after = server.parts[0].memory_full_info().uss
    for _, writer in warm + watchers:
        writer.close()
    return (after - before) / IDLE_WATCHERS


async def _stream(server: Measured, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: text/event-stream\r\n\r\n".encode())
    while not (await reader.readline()).startswith(b"data: "):
        pass
    return reader, writer


def start_and_idle(table: Table) -> None:
    """Add the rows of a server that does nothing."""
    with running() as server:
        table.add("start to /readyz", f"{server.start_seconds:.2f} s", "< 2 s")
        time.sleep(10)
        table.add(
            "idle memory of server and worker, model not loaded", f"{server.memory_bytes() / 1e6:.0f} MB", "< 200 MB"
        )
        before = server.cpu_seconds()
        time.sleep(20)
        share = (server.cpu_seconds() - before) / 20
        table.add("idle, of one core", f"{share:.1%}", "< 3 %")
