"""From a commit in the worker to the bytes at a watcher; and what a watcher costs in memory."""

import asyncio
import json
import resource
import time
from datetime import UTC, datetime

from bench.server import Measured, running
from bench.table import Table, percentiles
from headrace.model.ids import LOCAL_USER, JobId
from headrace.model.vocabulary import EventType, JobType
from headrace.store import jobs, record
from headrace.store.database import Database

IDLE_WATCHERS = 1_000
COMMITS = 300
PAUSE_SECONDS = 0.02
TARGET = "p50 < 5, p99 < 25 ms"


def measure(table: Table) -> None:
    """Add the rows of watching."""
    with running(embedder="none") as server:
        table.add("commit to a watcher, worker idle", percentiles(asyncio.run(_commits(server))), TARGET)
        with server.http() as http:
            documents = [{"content": f"Document {n}. " * 4_000, "filename": f"{n}.txt"} for n in range(400)]
            http.post("/upload", json={"documents": documents}).raise_for_status()
        table.add("commit to a watcher, worker at full speed", percentiles(asyncio.run(_commits(server))), TARGET)
    with running(embedder="none") as server:
        delays = asyncio.run(_delays(server))
        table.add(
            f"timestamp in the worker to a watcher, {len(delays)} events, the transaction included", percentiles(delays)
        )
    with running(embedder="none") as server:
        table.add(
            f"memory of each of {IDLE_WATCHERS} idle SSE watchers",
            f"{asyncio.run(_idle(server)) / 1024:.1f} KB",
            "<= 12 KB",
        )


async def _commits(server: Measured) -> list[float]:
    """Between the moment right before a commit beside the worker, and the arrival of its event at a watcher."""
    database = Database(f"sqlite:///{server.folder / 'headrace.db'}")
    with database.write() as transaction:
        submission = jobs.Submission(user_id=LOCAL_USER, workspace_id=None, job_type=JobType.TEXT)
        job = jobs.submit(transaction, submission)
    reader, writer = await _stream(server, f"/jobs/{job.job_id}/events")
    committing = asyncio.create_task(asyncio.to_thread(_commit, database, job.job_id))
    arrived: dict[int, float] = {}
    while len(arrived) < COMMITS:
        line = await reader.readline()
        if line.startswith(b"data: "):
            arrived[json.loads(line[6:])["seq"]] = time.perf_counter()
    committed = await committing
    writer.close()
    database.close()
    return [arrived[number] - committed[number] for number in arrived]


def _commit(database: Database, job_id: JobId) -> dict[int, float]:
    committed = {}
    for _ in range(COMMITS):
        with database.write() as transaction:
            with record.changing(transaction, job_id) as draft:
                draft.report(EventType.JOB_PROGRESS)
            committed[draft.job.sequence] = time.perf_counter()
        time.sleep(PAUSE_SECONDS)
    return committed


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
