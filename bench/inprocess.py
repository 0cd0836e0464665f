"""The worker's way of a job in one thread of one process, without a server: what the stages are compared with."""

import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from headrace.engine.control import Control
from headrace.engine.ingest import Ingest
from headrace.engine.reading import Reader
from headrace.engine.receipts import Receipts
from headrace.engine.unpacking import Unpacking
from headrace.model.ids import LOCAL_USER
from headrace.model.job import Job
from headrace.model.vocabulary import JobStatus, JobType
from headrace.pipeline.embed import Embedder, Embedders, Options
from headrace.pipeline.sandbox import Limits, Parsers
from headrace.service import Jobs, Request
from headrace.settings import Settings
from headrace.store import migrations, workspaces
from headrace.store.blobs import Blobs
from headrace.store.database import Database, Transaction

DIMENSIONS = 64
BATCH_TEXTS = 64


class HashEmbedder:
    """A vector that follows from the text's hash: as cheap as an embedder can be."""

    name, dimensions, max_tokens = "hash", DIMENSIONS, 256

    def batches(
        self, texts: Sequence[str], *, on_wait: Callable[[float], None] | None = None
    ) -> Iterator[tuple[Sequence[int], "np.ndarray"]]:
        """In the order of the texts."""
        del on_wait
        for start in range(0, len(texts), BATCH_TEXTS):
            some = texts[start : start + BATCH_TEXTS]
            raw = b"".join(hashlib.shake_128(text.encode()).digest(DIMENSIONS) for text in some)
            rows = np.frombuffer(raw, np.uint8).reshape(len(some), DIMENSIONS).astype(np.float32) - 127.5
            yield range(start, start + len(some)), (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype("<f2")

    def embed_query(self, text: str) -> "np.ndarray":
        """One text."""
        return next(iter(self.batches([text])))[1][0].astype(np.float32)


class Fixed(Embedders):
    """One embedder, whatever is asked for."""

    def __init__(self, embedder: Embedder) -> None:
        super().__init__(Options(default="none"))
        self._embedder = embedder

    def get(self, choice: str) -> Embedder:
        """That one."""
        del choice
        return self._embedder


class Nowhere:
    """Jobs are run by hand."""

    def hand_out(self, transaction: Transaction, job: Job) -> None:
        """To nobody."""


@dataclass(frozen=True, slots=True)
class Done:
    """A job that has ended: seconds, those of the processor with the parsers, chunks, events; what accepting took."""

    seconds: float
    cpu_seconds: float
    chunks: int
    events: int
    accepting_seconds: float
    accepting_cpu_seconds: float


class Bench:
    """An installation in a folder of its own."""

    def __init__(self, jobs: Jobs, ingest: Ingest) -> None:
        self._jobs, self._ingest = jobs, ingest

    def run(self, documents: Sequence[tuple[str, bytes]]) -> Done:
        """One job on these files, in this thread."""
        began, cpu = time.perf_counter(), cpu_seconds()
        with self._jobs.intake() as intake:
            for name, data in documents:
                incoming = intake.open_file(name)
                incoming.write(data)
                intake.add_file(incoming)
            sent = self._jobs.submit(LOCAL_USER, Request(job_type=JobType.FILE, force=True), intake)
        accepting = time.perf_counter() - began, cpu_seconds() - cpu
        began, cpu = time.perf_counter(), cpu_seconds()
        self._ingest.run_job(sent.job_id, sent.run, lambda parts: [self._ingest.run_slice(part) for part in parts])
        seconds, cpu = time.perf_counter() - began, cpu_seconds() - cpu
        ended = self._jobs.get(LOCAL_USER, sent.job_id)
        if ended.status is not JobStatus.COMPLETED:
            raise RuntimeError(f"the job ended {ended.status}: {ended.message}")
        return Done(seconds, cpu, ended.chunks_created, ended.sequence, *accepting)


def cpu_seconds() -> float:
    """Of the processor: of this process and of its parsers, those that have ended too."""
    parsers = psutil.Process().children(recursive=True)
    return time.process_time() + sum(sum(parser.cpu_times()[:4]) for parser in parsers)


@contextmanager
def installation(embedder: Embedder, *, describes: bool = True, **settings: object) -> Iterator[Bench]:
    """All that a worker has, with that embedder, on an empty folder; documents are described unless told otherwise."""
    folder = Path(tempfile.mkdtemp(prefix="headrace-bench-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        chosen = Settings(data_dir=folder, database_url=None, **settings)  # type: ignore[arg-type]
        database = Database(chosen.url)
        stack.callback(database.close)
        migrations.upgrade(database)
        with database.write() as transaction:
            workspaces.set_default_rag_config(transaction, LOCAL_USER, {"enrichment": describes})
        blobs = Blobs(folder / "blobs")
        jobs = Jobs(chosen, database, blobs, Nowhere())
        control = Control(database)
        stack.callback(control.close)
        parsers = stack.enter_context(Parsers(Limits()))
        ingest = Ingest(
            database=database,
            reader=Reader(database, blobs, parsers),
            unpacking=Unpacking(database, blobs, parsers, control, chosen),
            embedders=Fixed(embedder),
            receipts=Receipts(database, "local"),
            control=control,
            settings=chosen,
        )
        yield Bench(jobs, ingest)
