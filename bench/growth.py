"""What becomes of time and memory as an installation grows: events in the log, jobs in line, chunks, watchers.

Run: make bench ARGS=growth, or `python -m bench.growth --events 1000000 --jobs 100000 --chunks 200000`. Each size is
measured in a process of its own, so that its memory is its own.
"""

import argparse
import asyncio
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from bench.fanout import servers
from bench.fanout.load import Load, put
from bench.table import Table
from headrace.engine import dispatch
from headrace.engine.dispatch import DurableDispatcher
from headrace.eventlog.hub import Hub
from headrace.eventlog.replay import Stream
from headrace.model.event import encode, frame_without_job
from headrace.model.ids import LOCAL_USER
from headrace.model.vocabulary import EventType, JobType
from headrace.service import Jobs, Request
from headrace.settings import Settings
from headrace.store import migrations, schema
from headrace.store.blobs import Blobs
from headrace.store.database import Database

PORTION = 5_000
TRIES = 20
DEFAULTS = {
    "events": [10_000, 100_000, 1_000_000],
    "jobs": [1_000, 10_000, 100_000],
    "chunks": [5_000, 20_000, 50_000],
    "watchers": [1_000, 5_000, 10_000],
}

Row = dict[str, float]


def events(folder: Path, count: int) -> Row:
    """A log of so many events, and a watcher who comes anew, one who resumes at its end, one who has missed 100."""
    database = opened(folder)
    with database.write() as transaction:
        frame = encode(frame_without_job(EventType.WORKSPACE_STATUS, LOCAL_USER, transaction.now))
        transaction.execute(sa.insert(schema.account).values(user_id=LOCAL_USER, last_number=count, pruned_number=0))
    for first in range(0, count, PORTION):
        with database.write() as transaction:
            rows = [
                {"user_id": LOCAL_USER, "number": number, "type": "workspace.status.updated", "body": frame}
                | {"job_id": None, "sequence": None, "created_at": transaction.now}
                for number in range(first + 1, min(count, first + PORTION) + 1)
            ]
            transaction.execute(sa.insert(schema.event), rows)
    return asyncio.run(_watch(database, count)) | {"bytes_each": size_of(database) / count}


async def _watch(database: Database, count: int) -> Row:
    cursors = {"new": None, "resumed": f"{database.epoch}-{count}", "missed_100": f"{database.epoch}-{count - 100}"}
    taken: Row = {}
    for name, cursor in cursors.items():
        seconds = []
        for _ in range(TRIES):
            hub = Hub(database)
            await hub.start()
            began = time.perf_counter()
            topic, opening = await hub.open(Stream(LOCAL_USER), cursor)
            if name == "missed_100":
                assert opening.head - opening.place == 100
            seconds.append(time.perf_counter() - began)
            hub.release(topic)
            await hub.close()
        taken[f"{name}_ms"] = statistics.median(seconds) * 1000
    return taken


def jobs(folder: Path, count: int) -> Row:
    """A queue of so many jobs, and one more that is submitted, looked at, and cancelled."""
    database = opened(folder)
    dispatch.prepare(database)
    settings = Settings(data_dir=folder, min_free_disk_bytes=0, max_pending_jobs=10 * count)
    service = Jobs(settings, database, Blobs(folder / "blobs"), DurableDispatcher(database))
    first = submit(service)
    _multiply(database, first, count)
    submitted, looked, cancelled = [], [], []
    for _ in range(TRIES):
        began = time.perf_counter()
        job_id = submit(service)
        submitted.append(time.perf_counter() - began)
        began = time.perf_counter()
        service.get(LOCAL_USER, job_id)
        looked.append(time.perf_counter() - began)
        began = time.perf_counter()
        service.cancel(LOCAL_USER, job_id)
        cancelled.append(time.perf_counter() - began)
    named = {"submit_ms": submitted, "look_ms": looked, "cancel_ms": cancelled}
    return {name: statistics.median(seconds) * 1000 for name, seconds in named.items()}


def submit(service: Jobs) -> str:
    """One small job, as the server accepts it."""
    service.check_room()
    with service.intake() as intake:
        intake.add_text("the weir holds")
        return service.submit(LOCAL_USER, Request(job_type=JobType.TEXT), intake).job_id


def _multiply(database: Database, job_id: str, count: int) -> None:
    """Copies of a job's row: what is asked of the queue does not look at more."""
    with database.write() as transaction:
        row = dict(transaction.execute(sa.select(schema.job).filter_by(job_id=job_id)).mappings().one())
    for first in range(0, count, PORTION):
        with database.write() as transaction:
            rows = [row | {"job_id": f"{number:08d}", "queue_tag": number} for number in range(first, first + PORTION)]
            transaction.execute(sa.insert(schema.job), rows[: count - first])


def chunks(folder: Path, count: int) -> Row:
    """An index of so many chunks of generated text with random vectors, and questions to it."""
    from bench import query as searching
    from headrace.search.query import Searcher, SearchMode

    database, texts = opened(folder), searching.Texts()
    began = time.process_time()
    searching.build(database, texts, count)
    cpu = time.process_time() - began
    searcher = Searcher(database)
    taken: Row = {"cpu_seconds_per_1000": cpu / count * 1000, "bytes_each": size_of(database) / count}
    for mode in (SearchMode.KEYWORD, SearchMode.VECTOR, SearchMode.HYBRID):
        searching.measure(searcher, lambda: texts.question(3, searching.FREQUENT), mode)  # what is loaded on first use
        seen = searching.measure(searcher, lambda: texts.question(3, searching.FREQUENT), mode)
        taken[f"{mode.value}_ms"] = statistics.median(seen)
    return taken


def watchers(_folder: Path, count: int) -> Row:
    """So many watchers, half of them on each of two servers that share a core, and three events a second for all."""
    load = Load(name="growth", watchers=count, per_second=3, seconds=6)
    seen = put(load, servers.HEADRACE_PAIR)
    lost = load.watchers * round(load.per_second * load.seconds) - seen.delivered
    memory = {"kb_each": seen.kb_per_watcher, "memory_mb": seen.kb_per_watcher * count / 1024}
    each = seen.cpu_seconds / max(seen.delivered, 1) * 1_000_000
    return {"p50_ms": seen.p50, "p99_ms": seen.p99, "lost": lost, "cpu_us_each": each} | memory


def opened(folder: Path) -> Database:
    database = Database(f"sqlite:///{folder / 'headrace.db'}")
    migrations.upgrade(database)
    return database


def size_of(database: Database) -> float:
    """Bytes on disk, what is still in the write-ahead log included."""
    assert database.file is not None
    return float(sum(part.stat().st_size for part in database.file.parent.glob("headrace.db*") if part.is_file()))


KINDS: dict[str, Callable[[Path, int], Row]] = {"events": events, "jobs": jobs, "chunks": chunks, "watchers": watchers}


def alone(kind: str, count: int) -> Row:
    """The row of one size, from a process of its own, with the most memory that it had."""
    command = [sys.executable, "-m", "bench.growth", "--one", kind, str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    row: Row = json.loads(done.stdout.splitlines()[-1])
    return row


def measure(table: Table, sizes: dict[str, list[int]] | None = None) -> None:
    """All sizes; the smallest first, so that what grows is seen."""
    for kind, counts in (sizes or DEFAULTS).items():
        for count in counts:
            row = alone(kind, count)
            said = ", ".join(f"{name.replace('_', ' ')} {value:,.2f}" for name, value in row.items())
            table.add(f"growth: {count:,} {kind}", said)


def main() -> None:
    """One size when asked by `--one`, else those that the options name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=2, metavar=("KIND", "COUNT"))
    for kind, counts in DEFAULTS.items():
        parser.add_argument(f"--{kind}", type=int, nargs="*", default=counts)
    given = vars(parser.parse_args())
    if given["one"]:
        kind, count = given["one"]
        with tempfile.TemporaryDirectory() as folder:
            row = KINDS[kind](Path(folder), int(count))
        row.setdefault("memory_mb", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        print(json.dumps(row))
        return
    measure(Table(), {kind: given[kind] for kind in KINDS})


if __name__ == "__main__":
    main()
