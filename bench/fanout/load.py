"""Puts load on a server and says what came of it."""

import json
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from bench.fanout import install
from bench.fanout.servers import LOAD_CORE, Running, Server, running, start
from headrace.model.event import encode, job_frame
from headrace.model.ids import LOCAL_USER, JobId, new_id
from headrace.model.job import Job
from headrace.model.vocabulary import EventType, JobType
from headrace.store.database import utc_now

PLACEHOLDER = 10**18
"""Stands in a frame where the nanoseconds will: as many digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """So many watchers, of whom some more never read; so many events a second, for so long."""

    name: str
    watchers: int
    per_second: float
    seconds: float
    stalled: int = 0
    padding: int = 0
    patience: float = 3.0
    """A server may take this many times as long as the load; what it has not delivered then is lost."""

    def smaller(self) -> "Load":
        """A tenth of the watchers, for a second."""
        return replace(self, watchers=self.watchers // 10, stalled=self.stalled // 10, seconds=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Times in milliseconds from when an event was due to its arrival; what the server grew by in KB."""

    wanted: int
    delivered: int
    seconds: float
    cpu_seconds: float
    client_cpu_seconds: float
    p50: float
    p99: float
    most: float
    kb_per_watcher: float
    memory_grew_kb: int
    kernel_grew_kb: int
    closed: int

    @property
    def per_cpu_second(self) -> float:
        """Deliveries for each second of the server's processor time."""
        return self.delivered / max(self.cpu_seconds, 0.01)


def put(load: Load, server: Server) -> Outcome:
    """Start a server, load it, stop it."""
    with running(server) as started, tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(frame(load.padding))
        file.flush()
        return _run(load, server.wire, started, Path(file.name))


def _run(load: Load, wire: str, started: Running, file: Path) -> Outcome:
    events = max(1, round(load.per_second * load.seconds))
    limit = max(10, round(load.seconds * load.patience))
    ports, pids = (",".join(map(str, numbers)) for numbers in (started.ports, started.pids))
    places = [wire, ports, started.publish_port, file, pids]
    counts = [load.watchers, load.stalled, events, load.per_second, limit]
    command = [str(word) for word in (install.compiled("load"), *places, *counts)]
    with start(command, LOAD_CORE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        told, failure = process.communicate()
    if process.returncode:
        raise RuntimeError(f"the load on {wire} broke off: {failure.strip()}")
    return Outcome(**json.loads(told))


def frame(padding: int) -> str:
    """What is published: the frame of a job's progress as every watcher of the product gets it, and `ts`."""
    now = utc_now()
    job = Job(
        job_id=JobId(new_id()),
        user_id=LOCAL_USER,
        workspace_id=None,
        job_type=JobType.TEXT,
        message="Chunking documents..." + "x" * padding,
        metadata={},
        total_items=1,
        created_at=now,
    )
    made = {"event_id": "0123456789abcdef-1000"} | job_frame(job, EventType.JOB_PROGRESS, now)
    return encode(made | {"ts": PLACEHOLDER})
