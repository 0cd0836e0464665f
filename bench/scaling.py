"""Workers on one Postgres: how fast one job is with 1, 2 and 3 of them, how soon one begins, how soon it is taken over.

On a machine with two cores a third worker has no core of its own: what is seen then is what sharing costs.
"""

import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg

from bench.server import finish
from bench.table import Table, percentiles
from tests import services
from tests.cluster import Worker
from tests.running import RunningServer
from tests.unit.pipeline.documents import pdf

WORKERS = (1, 2, 3)
DOCUMENTS, PAGES = 40, 60
STARTS = 40
TAKEOVERS = 5
LONG_PAGES, LONG_PAGE_TIMES = 4_500, 40
"""Of a document that is in hand for long enough to be taken over: its pages, and how often each says the same."""


class Town:
    """One server and so many workers, all on one empty database."""

    def __init__(self, folder: Path, url: str) -> None:
        settings = {"database_url": url, "embedder": "none", "min_free_disk_bytes": 0, "slice_documents": 2}
        self.folder = folder
        self.server = RunningServer(folder, settings, ["--no-worker"]).start()
        self.http = self.server.client(timeout=600.0)
        self.workers: list[Worker] = []

    def have(self, count: int) -> None:
        """Start workers until there are so many."""
        while len(self.workers) < count:
            worker = Worker(f"worker-{len(self.workers)}", self.folder, self.server.environment)
            self.workers.append(worker.start().wait_until_ready())

    def cpu_seconds(self) -> float:
        """Of the workers and their parsers."""
        return sum(_cpu(psutil.Process(worker.pid)) for worker in self.workers)

    def close(self) -> None:
        """Leave nothing running."""
        self.http.close()
        for worker in self.workers:
            worker.kill()
        self.server.close()


def measure(table: Table) -> None:
    """All of it, on a Postgres of its own."""
    with services.postgres() as url, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        plain = url.replace("+psycopg", "")
        with town(Path(name), plain) as made:
            _throughput(table, made, plain)
            _starts(table, made)
            _takeovers(table, made)


@contextmanager
def town(folder: Path, url: str) -> Iterator[Town]:
    """One that is gone afterwards."""
    made = Town(folder, url)
    try:
        yield made
    finally:
        made.close()


def _throughput(table: Table, town: Town, url: str) -> None:
    """The same job each time, but for its names; the database's processes are counted beside the workers'."""
    postgres = _postmaster(url)
    alone = 0.0
    for count in WORKERS:
        town.have(count)
        finish(town.http, _submit(town.http, 4, 4, f"warm {count}"))
        workers, database, began = town.cpu_seconds(), _cpu(postgres), time.perf_counter()
        view = finish(town.http, _submit(town.http, DOCUMENTS, PAGES, f"book {count}"))
        seconds = time.perf_counter() - began
        assert view["failed_items"] == 0, view
        alone = alone or seconds
        spent = town.cpu_seconds() - workers, _cpu(postgres) - database
        table.add(
            f"scale-out: one job of {DOCUMENTS} PDFs of {PAGES} pages, {count} worker{'s' * (count > 1)}",
            f"{DOCUMENTS * PAGES / seconds:.0f} pages/s, {alone / seconds:.2f}x of one; "
            f"processor: workers {spent[0]:.1f} s, database {spent[1]:.1f} s",
        )


def _starts(table: Table, town: Town) -> None:
    """From the moment when a job is accepted to the event by which it runs, one small job at a time."""
    waited = []
    for number in range(STARTS):
        view = finish(town.http, _submit(town.http, 1, 1, f"start {number}"))
        waited.append(_seconds_between(str(view["created_at"]), str(view["started_at"])))
    table.add(
        f"scale-out: {STARTS} jobs, from accepted to begun, {len(town.workers)} idle workers", percentiles(waited)
    )


def _takeovers(table: Table, town: Town) -> None:
    """kill -9 of the worker that has a job in hand, to the moment when another one has it."""
    seconds = []
    for number in range(TAKEOVERS):
        job = _submit(town.http, 1, LONG_PAGES, f"long {number}", LONG_PAGE_TIMES)
        victim = _wait_for(lambda job=job: _whose(town, job))  # type: ignore[misc]
        died = time.perf_counter()
        victim.kill()
        _wait_for(lambda job=job, victim=victim: _whose(town, job, but=victim))  # type: ignore[misc]
        seconds.append(time.perf_counter() - died)
        victim.start().wait_until_ready()
        assert finish(town.http, job)["status"] == "completed"
    table.add(
        f"scale-out: {TAKEOVERS} times kill -9 of the worker, until another one has its job",
        f"median {statistics.median(seconds):.1f} s, longest {max(seconds):.1f} s",
    )


def _submit(http: httpx.Client, documents: int, pages: int, name: str, times: int = 1) -> str:
    files = [
        ("file", (f"{name} {number}.pdf", pdf([f"page {page} of {name} {number}. " * times for page in range(pages)])))
        for number in range(documents)
    ]
    return str(http.post("/ingest", files=files).raise_for_status().json()["job_id"])


def _whose(town: Town, job: str, but: Worker | None = None) -> Worker | None:
    """Who says that it has the job in hand; each says so within a second."""
    by_pid = {worker.pid: worker for worker in town.workers if worker is not but}
    listed: list[dict[str, Any]] = town.http.get("/workers").json()["workers"]
    found = [by_pid[one["pid"]] for one in listed if job in one["job_ids"] and one["pid"] in by_pid]
    return found[0] if found else None


def _wait_for(look: Any, seconds: float = 60.0) -> Any:
    until = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.02)
    return found


def _seconds_between(one: str, other: str) -> float:
    return (datetime.fromisoformat(other) - datetime.fromisoformat(one)).total_seconds()


def _postmaster(url: str) -> psutil.Process:
    """The parent of the process that serves a connection."""
    with psycopg.connect(url) as connection:
        return psutil.Process(connection.info.backend_pid).parent() or psutil.Process(connection.info.backend_pid)


def _cpu(process: psutil.Process) -> float:
    """User and system time of a process and all below it, those that have ended included."""
    times = process.cpu_times()
    below = sum(_cpu(child) for child in process.children())
    return float(times.user + times.system + times.children_user + times.children_system + below)
