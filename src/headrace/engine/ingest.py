"""Runs jobs: takes documents up, sends them through the stages, and makes sure that each one is finished somehow."""

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from contextvars import copy_context
from dataclasses import dataclass
from typing import TypeVar

import sqlalchemy as sa

from headrace.engine import errands, reembed, slices, twins
from headrace.engine.control import Control
from headrace.engine.early import Early, one_ahead
from headrace.engine.indexing import Indexing
from headrace.engine.measuring import Measured
from headrace.engine.patience import told_twin, told_waiting
from headrace.engine.reading import Read, Reader, save_all
from headrace.engine.receipts import Receipts
from headrace.engine.slices import Slice
from headrace.engine.traces import slice_span
from headrace.engine.unpacking import Unpacking
from headrace.model.document import Document
from headrace.model.errors import Busy, DocumentError, JobNotFound, ModelChanged, Superseded
from headrace.model.ids import DocumentId, JobId
from headrace.model.job import Item, Job
from headrace.model.pace import Forecast, Plan
from headrace.model.rag import NO_EMBEDDER, RagConfig
from headrace.model.vocabulary import JobStatus, JobType, Stage
from headrace.pipeline.embed import Embedders
from headrace.pipeline.sandbox import Opening
from headrace.settings import Settings
from headrace.store import documents, jobs, paces, revisions, work, workspaces
from headrace.store.database import Database, Transaction
from headrace.store.schema import job as job_table
from headrace.store.work import Hand
from headrace.telemetry import metrics, tracing

logger = logging.getLogger(__name__)

WAIT_SECONDS = 0.1
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0
MANY_CHUNKS = 256
"""So many chunks of small documents are saved in one transaction."""
FEWEST_CHUNKS = 256
"""So many of what is read are waited for before they are indexed: they fill several batches of an embedder."""

INTERNAL = DocumentError("internal", "an internal error stopped this document; the server's log has the details")

OVER = (Superseded, JobNotFound)
"""Why a worker lets go of a job without a word; a job that is not there was forgotten, long after its end."""

Result = TypeVar("Result")
Spread = Callable[[Sequence[Slice]], None]
"""Hands out several slices, to be run wherever there is room."""


def one_thread() -> Executor:
    """What a worker does beside its other work."""
    return ThreadPoolExecutor(1, "headrace-beside")


@dataclass(frozen=True, slots=True)
class Ingest:
    """Everything that a worker needs to run jobs; shared by its threads."""

    database: Database
    reader: Reader
    unpacking: Unpacking
    embedders: Embedders
    receipts: Receipts
    control: Control
    settings: Settings
    beside: Callable[[], Executor] = one_thread
    """Makes what indexes a slice's documents while its next ones are being read."""

    def run_job(self, job_id: JobId, run: int, spread: Spread) -> None:
        """Run one hand-out of a job to its end. Safe to call again after a crash: what is done stays done."""
        try:
            job = self._surely(lambda: self._start(job_id, run))
            if job.run == 1:
                tracing.waited("headrace.queue", job.created_at)
            if job.job_type is JobType.REEMBEDDING:
                self._surely(lambda: reembed.run(self.database, self.embedders, self.receipts, self.control, job))
                return
            self._surely(lambda: errands.run(self.database, job))
            config = self._surely(lambda: self._config(job_id))
            recipe = config.recipe(self.settings.embedder_name)
            self._surely(lambda: self.unpacking.unpack_all(job_id, run, recipe))
            self._surely(lambda: twins.wait_and_settle(self.database, self.control, job_id, run, recipe))
            parts = self._surely(lambda: self._cut(job_id, run))
            if len(parts) > 1:
                self._surely(lambda: self._spread(job_id, run, parts, spread))
                self._wait_for_slices(job_id, run)
            for part in parts if len(parts) == 1 else ():
                self.run_slice(part)
            with tracing.span("headrace.go_live"):
                self._surely(lambda: self._finish(job_id, run, recipe))
        except OVER as reason:
            logger.info("job %s does not go on: %s", job_id, reason)

    def _spread(self, job_id: JobId, run: int, parts: Sequence[Slice], spread: Spread) -> None:
        if not self._is_worked_off(job_id, run):
            spread(parts)

    def _wait_for_slices(self, job_id: JobId, run: int) -> None:
        """Wait for what the slices write, not for what the engine says of them: that may be lost with a connection."""
        while not self._surely(lambda: self._is_worked_off(job_id, run)):
            self.control.wait_for_an_end(WAIT_SECONDS)

    def _is_worked_off(self, job_id: JobId, run: int) -> bool:
        with self.database.read() as connection:
            found = connection.execute(sa.select(job_table).where(job_table.c.job_id == job_id)).one_or_none()
        if found is None or found.run != run or found.status != JobStatus.RUNNING:
            raise Superseded(f"job {job_id!r} does not run any more, or in another run")
        return bool(found.processed_items >= found.total_items)

    def run_slice(self, part: Slice) -> None:
        """Finish every document of a slice: ingested, or failed with its reason; with several tries at bad luck."""
        with (
            self.control.watching(part.job_id, part.run),
            slice_span(self.database, part.job_id, part.first, part.last),
        ):
            try:
                self._try_again_and_again(part)
                metrics.slices.inc()
            except OVER:
                logger.info("job %s does not go on", part.job_id)

    def _start(self, job_id: JobId, run: int) -> Job:
        with self.database.write() as transaction:
            return work.start(transaction, job_id, run, expect=self._expect)

    def _expect(self, connection: sa.Connection, job: Job) -> Forecast | None:
        config = workspaces.rag_config_of_job(connection, job.job_id)
        bulks = paces.bulks(connection, job)
        parts = max(
            sum(bulk.bytes for bulk in bulks) / self.settings.slice_bytes,
            job.total_items / self.settings.slice_documents,
        )
        try:
            embedder = self.embedders.get(config.embedder).name
        except ValueError:
            return None
        plan = Plan(
            bulks=bulks,
            is_enriched=bool(config.enrichment),
            embedder=None if embedder == NO_EMBEDDER else embedder,
            database=self.database.url.get_backend_name(),
            threads=min(self.settings.slices_at_once, math.ceil(parts)),
        )
        return paces.history(connection).forecast(plan)

    def _config(self, job_id: JobId) -> RagConfig:
        with self.database.read() as connection:
            return workspaces.rag_config_of_job(connection, job_id)

    def _finish(self, job_id: JobId, run: int, recipe: str) -> Job:
        with self.database.write(durable=True) as transaction:
            return work.finish(transaction, job_id, run, recipe=recipe)

    def _surely(self, action: Callable[[], Result]) -> Result:
        """Do what no document can be blamed for, again and again: a database that is away comes back."""
        tries = 0
        while True:
            try:
                return action()
            except OVER:
                raise
            except Busy as error:  # the database is away, and a trace says no more
                logger.warning("trying again: %s", error.detail)
            except Exception:  # the boundary: a job whose workflow ended here would be running for ever
                logger.exception("trying again")
            self.control.wait(min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**tries))
            tries += 1

    def _cut(self, job_id: JobId, run: int) -> list[Slice]:
        limits = {"most_bytes": self.settings.slice_bytes, "most_documents": self.settings.slice_documents}
        with self.database.read() as connection:
            return slices.cut(job_id, run, jobs.sizes(connection, job_id), **limits)

    def _try_again_and_again(self, part: Slice) -> None:
        tries = 0
        while tries < self.settings.max_tries:
            try:
                return self._work_through(part)
            except OVER:
                raise
            except Busy as error:  # the database is away, which is no document's fault
                logger.warning("job %s, documents %d-%d wait: %s", part.job_id, part.first, part.last, error.detail)
                self.control.wait(FIRST_PAUSE_SECONDS)
                continue
            except Exception:  # the boundary: whatever went wrong, the documents must be finished
                logger.exception("job %s, documents %d-%d, try %d", part.job_id, part.first, part.last, tries + 1)
            self.control.wait(FIRST_PAUSE_SECONDS * 2**tries)
            tries += 1
        self._surely(lambda: self._give_up(part))
        return None

    def _work_through(self, part: Slice) -> None:
        with self.database.write() as transaction, work.working(transaction, part.job_id, part.run) as hand:
            items = work.claim(hand, part.first, part.last)
        for groups in slices.shifts(items):
            shift = _Shift(self, part, items)
            shift.work(groups)
            shift.learn()

    def _give_up(self, part: Slice) -> None:
        with self.database.write() as transaction, work.working(transaction, part.job_id, part.run) as hand:
            for item in work.claim(hand, part.first, part.last):
                hand.fail(item, INTERNAL)


class _Shift:
    """A worker's turn at a slice: its documents are read group by group, and indexed beside the reading of the next."""

    def __init__(self, ingest: Ingest, part: Slice, claimed: Iterable[Item]) -> None:
        self._ingest = ingest
        self._part = part
        self._claims = {item.ordinal: item.claim for item in claimed}
        self._unsaved: list[Read] = []
        self._ready: list[Item] = []
        self._reading, self._indexing = Measured(), Measured()
        self._look_up_settings()

    def work(self, groups: Iterable[Sequence[Item]]) -> None:
        """Finish all of them, unless another worker has taken them up."""
        with self._ingest.beside() as beside:
            indexing: Future[None] | None = None
            for ready in self._read_all(groups):
                if indexing is not None:
                    indexing.result()
                indexing = beside.submit(copy_context().run, self._index_all, ready)
            if indexing is not None:
                indexing.result()

    def _read_all(self, groups: Iterable[Sequence[Item]]) -> Iterator[list[Item]]:
        """Hands out what is read, some documents at a time."""
        for group in groups:
            self._read_group(group)
            if sum(item.chunk_count for item in self._ready) >= FEWEST_CHUNKS:
                yield self._ready
                self._ready = []
        if self._ready:
            yield self._ready

    def _read_group(self, items: Sequence[Item]) -> None:
        """Take documents up and save their chunks."""
        taken, found = self._take_up(items)
        pairs = [(item, found.get(item.document_id)) for item in taken]
        with closing(one_ahead(pairs, self._begin)) as each:
            for (item, document), begun in each:
                self._read(item, document, begun)
        self._save_unsaved()

    def _index_all(self, items: Sequence[Item]) -> None:
        """Make what was read searchable."""
        try:
            self._index(items)
        except ModelChanged:
            self._look_up_settings()
            with self._ingest.database.read() as connection:
                left = self._stored(connection, items)
            self._index_all(left)
        except (DocumentError, ValueError) as error:
            failure = error if isinstance(error, DocumentError) else DocumentError("embedding_failed", str(error))
            self._fail(failure, items)

    def _index(self, items: Sequence[Item]) -> None:
        ingest, job_id, run = self._ingest, self._part.job_id, self._part.run
        indexing = Indexing(
            ingest.database,
            ingest.embedders.get(self._config.embedder),
            ingest.receipts,
            items,
            self._in_hand,
            self._stop,
            on_wait=told_waiting(ingest.database, job_id, run, self._stop),
            on_twin=told_twin(ingest.database, job_id, run),
            most=self._config.max_embeddings or ingest.settings.max_embeddings_per_job,
            check=self._check_vectors,
        )
        indexing.measured = self._indexing
        indexing.run()

    def learn(self) -> None:
        """Remember how long all this took."""
        if measured := self._reading.take() + self._indexing.take():
            with self._ingest.database.write() as transaction:
                paces.learn(transaction, measured)

    def _look_up_settings(self) -> None:
        with self._ingest.database.read() as connection:
            self._config = workspaces.rag_config_of_job(connection, self._part.job_id)
            self._workspace_id = workspaces.of_job(connection, self._part.job_id)
            self._vectors_number = workspaces.vectors_number(connection, self._workspace_id)

    def _check_vectors(self, transaction: Transaction) -> None:
        workspaces.check_vectors(transaction, self._workspace_id, self._vectors_number, self._config.embedder)

    def _take_up(self, items: Sequence[Item]) -> tuple[list[Item], dict[DocumentId, Document]]:
        with self._in_hand() as hand:
            begun = work.take_up(hand, items, self._ingest.settings.max_deaths)
            self._ingest.control.hold(self._part.run, begun)
            connection = hand.transaction.connection
            found = documents.get_many(connection, [one.document_id for one in begun])
            return begun, revisions.applied(connection, found, begun)

    def _begin(self, one: tuple[Item, Document | None]) -> AbstractContextManager[Opening | None]:
        item, document = one
        if document is None:
            return nullcontext()
        return self._ingest.reader.begin(document, item, self._config, self._stop)

    def _read(self, item: Item, document: Document | None, begun: Early[Opening | None]) -> None:
        if self._stop():
            raise Superseded("the job does not go on")
        if document is None:
            return self._fail(work.DELETED, [item])
        if item.stage.rank >= Stage.INDEXING.rank:
            return self._ready.append(item)
        try:
            read = self._ingest.reader.read(document, item, self._config, begun, self._save, self._reading)
        except DocumentError as error:
            return self._fail(error, [item])
        self._unsaved.append(read)
        if sum(len(one.chunks) for one in self._unsaved) > MANY_CHUNKS:
            self._save_unsaved()
        return None

    def _save(self, read: Read) -> None:
        with self._in_hand() as hand:
            save_all(hand, [read])
        read.saved()

    def _save_unsaved(self) -> None:
        if not self._unsaved:
            return
        with self._in_hand() as hand:
            save_all(hand, self._unsaved)
        for read in self._unsaved:
            read.saved()
            self._ready.append(read.after)
        self._unsaved = []

    def _fail(self, error: DocumentError, items: Sequence[Item]) -> None:
        with self._in_hand() as hand:
            for item in self._stored(hand.transaction.connection, items):
                logger.info("document %s: %s (%s)", item.document_id, error.detail, error.code)
                metrics.document_failures.labels(code=error.code).inc()
                hand.fail(item, error)

    def _stored(self, connection: sa.Connection, items: Iterable[Item]) -> list[Item]:
        """Those of the items that are unfinished, as they are stored now.

        Raises:
            Superseded: another worker has claimed one of them.
        """
        wanted = {item.ordinal for item in items}
        found = work.unfinished(connection, self._part.job_id, min(wanted), max(wanted)) if wanted else []
        stored = [item for item in found if item.ordinal in wanted]
        if any(item.claim != self._claims[item.ordinal] for item in stored):
            raise Superseded("documents were taken up by another worker")
        return stored

    @property
    def _recipe(self) -> str:
        return self._config.recipe(self._ingest.settings.embedder_name)

    def _stop(self) -> bool:
        return self._ingest.control.is_stopped(self._part.job_id, self._part.run)

    @contextmanager
    def _in_hand(self) -> Iterator[Hand]:
        interval = self._ingest.settings.progress_interval_seconds
        with (
            self._ingest.database.write() as transaction,
            work.working(
                transaction, self._part.job_id, self._part.run, interval_seconds=interval, recipe=self._recipe
            ) as hand,
        ):
            yield hand
