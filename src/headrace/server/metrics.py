"""What an operator sees: this server's numbers, those of all workers, and what the database knows of all users.

A number from the database is the same on every server, so over several of them take its maximum, not its sum.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from headrace.eventlog.hub import Hub
from headrace.model.vocabulary import JobStatus, ProcessingStatus
from headrace.store import observing
from headrace.store.database import Database
from headrace.store.observing import Census, Told
from headrace.telemetry import metrics

SILENT_SECONDS = 20.0
"""A worker that has told nothing for so long is not up."""
FRESH_SECONDS = 2.0
"""Several scrapers that come together count everything once."""

FreeBytes = Callable[[], int | None]


class Metrics:
    """Puts the page for Prometheus together."""

    def __init__(self, database: Database, hub: Hub, free_bytes: FreeBytes, uploads: Callable[[], int]) -> None:
        self._database, self._hub, self._free_bytes, self._uploads = database, hub, free_bytes, uploads
        self._lock = asyncio.Lock()
        self._page = b""
        self._made_at = -FRESH_SECONDS

    async def page(self) -> bytes:
        """All numbers in the text format, at most `FRESH_SECONDS` old."""
        async with self._lock:
            if time.monotonic() - self._made_at >= FRESH_SECONDS:
                here = list(self._here())
                self._page = await asyncio.to_thread(self._build, here)
                self._made_at = time.monotonic()
            return self._page

    def _build(self, here: list[Metric]) -> bytes:
        now = self._database.clock()
        with self._database.read() as connection:
            census, told = observing.take_census(connection), observing.select_told(connection)
        registry = CollectorRegistry()
        registry.register(_Families([*here, *_known(census, now), *_merged(told, now)]))
        return generate_latest(registry) + generate_latest(metrics.SERVER)

    def _here(self) -> Iterable[Metric]:
        """What this process sees; called on the event loop."""
        streams = GaugeMetricFamily("headrace_streams", "open streams and waits of this server", labels=["transport"])
        for transport, count in self._hub.count_by_transport().items():
            streams.add_metric([transport], count)
        yield streams
        yield _gauge("headrace_watchers", "open streams of this server", self._hub.count_watchers())
        yield _gauge("headrace_watchers_behind_events", "events that the slowest watcher has still to get",
                     self._hub.count_behind())  # fmt: skip
        yield _gauge("headrace_uploads", "bodies above 64 KB that are coming in", self._uploads())
        pool = GaugeMetricFamily("headrace_database_connections", "this server's connections", labels=["state"])
        pool.add_metric(["in_use"], self._database.engine.pool.checkedout())  # type: ignore[attr-defined]
        pool.add_metric(["idle"], self._database.engine.pool.checkedin())  # type: ignore[attr-defined]
        yield pool
        if (free := self._free_bytes()) is not None:
            yield _gauge("headrace_disk_free_bytes", "free disk where documents are kept", free)


class _Families(Collector):
    """Families that are there already, as a collector."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _known(census: Census, now: datetime) -> Iterable[Metric]:
    """What the database knows."""
    jobs = GaugeMetricFamily("headrace_jobs", "jobs of all users, by status", labels=["status"])
    for status in JobStatus:
        jobs.add_metric([status.value], census.jobs.get(status.value, 0))
    documents = GaugeMetricFamily("headrace_documents", "documents of all users, by status", labels=["status"])
    for state in ProcessingStatus:
        documents.add_metric([state.value], census.documents.get(state.value, 0))
    lags = GaugeMetricFamily("headrace_relay_lag_events", "events that a relay has still to send", labels=["relay"])
    for name, count in census.relay_lags.items():
        lags.add_metric([name], count)
    oldest = census.oldest_pending_at
    age = 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())
    yield from (jobs, documents, lags)
    yield _gauge("headrace_chunks", "chunks of all documents", census.chunk_count)
    yield _gauge("headrace_queue_depth", "jobs with documents that wait to run", census.queue_depth)
    yield _gauge("headrace_queue_oldest_seconds", "for how long the oldest of them has waited", age)
    yield _gauge("headrace_webhook_pending", "deliveries to webhooks that are still to be made",
                 census.pending_deliveries)  # fmt: skip
    yield CounterMetricFamily("headrace_events", "events written to the log, of all users", census.event_count)


def _merged(told: list[Told], now: datetime) -> Iterable[Metric]:
    """The numbers of all workers, each labelled with its worker; and which of them is up."""
    up = GaugeMetricFamily("headrace_worker_up", "1 for a worker that says that it lives", labels=["worker"])
    families: dict[str, Metric] = {}
    for one in told:
        is_up = abs((now - one.seen_at).total_seconds()) < SILENT_SECONDS
        up.add_metric([one.worker_id], int(is_up))
        for family in text_string_to_metric_families(one.samples):
            merged = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            for sample in family.samples:
                if not sample.name.endswith("_created"):
                    merged.add_sample(sample.name, {**sample.labels, "worker": one.worker_id}, sample.value)
    return [up, *families.values()]


def _gauge(name: str, told: str, value: float) -> Metric:
    return GaugeMetricFamily(name, told, value)
