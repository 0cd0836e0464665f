"""The numbers of one process, by name. Those that the database knows are read from it instead: see `server/metrics.py`.

https://prometheus.io/docs/practices/naming/
"""

from functools import cache

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

WORK_SECONDS = (0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0, 300.0)
REQUEST_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

WORKER = CollectorRegistry()
"""What a worker process counts; it reaches every server's /metrics through the database."""

SERVER = CollectorRegistry()
"""What a server process counts."""

stage_seconds = Histogram(
    "headrace_stage_seconds",
    "time that a piece of work took, by stage and by the unit that it is counted in",
    ["stage", "unit"],
    registry=WORKER,
    buckets=WORK_SECONDS,
)
stage_units = Counter(
    "headrace_stage_units", "work done, by stage: bytes, pages, chunks, embeddings", ["stage", "unit"], registry=WORKER
)
embeddings = Counter("headrace_embeddings", "embeddings of chunks, by origin", ["origin"], registry=WORKER)
chunks_indexed = Counter("headrace_chunks_indexed", "chunks made searchable", registry=WORKER)
document_failures = Counter(
    "headrace_document_failures",
    "documents that failed, by code; timeout, out_of_memory and parser_crashed are parsers that were ended",
    ["code"],
    registry=WORKER,
)
slices = Counter("headrace_slices", "slices of jobs worked through", registry=WORKER)

http_requests = Counter(
    "headrace_http_requests", "requests answered, but for streams", ["method", "route", "status"], registry=SERVER
)
http_seconds = Histogram(
    "headrace_http_request_seconds",
    "time from a request's head to the head of its answer",
    ["method", "route"],
    registry=SERVER,
    buckets=REQUEST_SECONDS,
)
worker_restarts = Counter("headrace_worker_restarts", "workers of this server that were started again", registry=SERVER)


def exposed(registry: CollectorRegistry) -> str:
    """All numbers of a registry, in the text format."""
    return generate_latest(registry).decode()


def note_work(stage: str, unit: str, count: float, seconds: float) -> None:
    """A piece of work was done: so many units in so many seconds."""
    taken, done = _of_work(stage, unit)
    taken.observe(seconds)
    done.inc(count)


@cache
def _of_work(stage: str, unit: str) -> tuple[Histogram, Counter]:
    """Looked up once: each document asks several times."""
    return stage_seconds.labels(stage=stage, unit=unit), stage_units.labels(stage=stage, unit=unit)
