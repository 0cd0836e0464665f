"""Makes all vectors of a workspace anew, with another model, while the old ones go on serving.

First every text is embedded into a receipt, batch by batch: what a crash or a pause interrupts is not paid for again,
and a cancelled job has changed nothing. Then all vectors are swapped in one transaction.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from headrace.engine.control import Control
from headrace.engine.patience import told_waiting
from headrace.engine.receipts import Receipts
from headrace.model.errors import DocumentError, Superseded
from headrace.model.ids import WorkspaceId
from headrace.model.job import Job
from headrace.pipeline.embed import Embedder, Embedders, makes_vectors, receipt_key
from headrace.search import index
from headrace.search.postgres import ensure_vector_index
from headrace.store import reembedding, work, workspaces
from headrace.store.database import Database, Transaction
from headrace.store.reembedding import Passage

logger = logging.getLogger(__name__)

PORTION = 512
SAVED_AT_ONCE = 64
SWAPPED_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Reembedding:
    """One hand-out of one such job."""

    database: Database
    embedder: Embedder
    receipts: Receipts
    choice: str
    job: Job
    workspace_id: WorkspaceId
    stop: Callable[[], bool]

    def run(self) -> None:
        """Raises Superseded when the job does not go on, DocumentError when the embedder fails for good."""
        with self.database.write() as transaction:
            reembedding.begin(transaction, self.job.job_id, self.job.run)
        reached = done = 0
        while True:
            reached, done = self._embed_from(reached, done)
            if self._swap():
                return
            reached = done = 0  # something was ingested meanwhile: what is in the receipts is passed over quickly

    def _embed_from(self, reached: int, done: int) -> tuple[int, int]:
        while makes_vectors(self.embedder):
            with self.database.read() as connection:
                portion = reembedding.passages(connection, self.workspace_id, after=reached, limit=PORTION)
            if not portion:
                break
            self._embed(portion, done)
            reached, done = portion[-1].chunk_id, done + len(portion)
        return reached, done

    def _embed(self, portion: Sequence[Passage], done: int) -> None:
        left = {receipt_key(self.embedder, one.text): one.text for one in portion}
        bought = 0
        while left:
            with self.receipts.settle(left.keys()) as settled:
                for receipts in self._buy({key: text for key, text in left.items() if key in settled.mine}):
                    bought += len(receipts)
                    self._save(receipts, done + bought)
            left = {key: text for key, text in left.items() if key not in settled.paid and key not in settled.mine}
            self._wait_for(left.keys())
        self._save({}, done + len(portion))

    def _buy(self, texts: Mapping[bytes, str]) -> Iterator[dict[bytes, bytes]]:
        keys, unsaved = list(texts), dict[bytes, bytes]()
        waiting = told_waiting(self.database, self.job.job_id, self.job.run, self.stop)
        for places, vectors in self.embedder.batches(list(texts.values()), on_wait=waiting):
            unsaved |= {keys[place]: row.tobytes() for place, row in zip(places, vectors, strict=True)}
            if len(unsaved) >= SAVED_AT_ONCE:
                yield unsaved
                unsaved = {}
        if unsaved:
            yield unsaved

    def _wait_for(self, keys: Collection[bytes]) -> None:
        """Others are paying for these."""
        if keys:
            self.receipts.wait(keys)
        if self.stop():
            raise Superseded("the job does not go on")

    def _save(self, receipts: Mapping[bytes, bytes], done: int) -> None:
        if self.stop():
            raise Superseded("the job does not go on")
        with self.database.write() as transaction:
            self.receipts.keep(transaction, receipts)
            reembedding.advance(transaction, self.job.job_id, self.job.run, done=done, bought=len(receipts))

    def _swap(self) -> bool:
        """Whether every chunk had its new vector; else nothing has changed."""
        try:
            with self.database.write(durable=True) as transaction:
                workspaces.change_vectors(transaction, self.workspace_id)
                self._write_vectors(transaction)
                reembedding.swap(transaction, self.job.job_id, self.job.run, self.choice)
        except _SomeMissing:
            return False
        if makes_vectors(self.embedder):
            ensure_vector_index(self.database, self.embedder.dimensions)
        return True

    def _write_vectors(self, transaction: Transaction) -> None:
        if not makes_vectors(self.embedder):
            reembedding.clear_vectors(transaction, self.workspace_id)
            return
        reached = 0
        while portion := reembedding.passages(
            transaction.connection, self.workspace_id, after=reached, limit=SWAPPED_AT_ONCE
        ):
            keys = {one.chunk_id: receipt_key(self.embedder, one.text) for one in portion}
            paid = index.find_receipts(transaction.connection, list(keys.values()))
            if not paid.keys() >= set(keys.values()):
                raise _SomeMissing
            reembedding.set_vectors(transaction, {chunk_id: paid[key] for chunk_id, key in keys.items()})
            reached = portion[-1].chunk_id


class _SomeMissing(Exception):
    """A chunk was indexed since it was looked."""


def run(database: Database, embedders: Embedders, receipts: Receipts, control: Control, job: Job) -> None:
    """Run a job to its end; it fails with the embedder's reason, and the old vectors stay."""
    if job.workspace_id is None:
        return
    choice = str(job.metadata["embedder"])
    with control.watching(job.job_id, job.run):
        stop = lambda: control.is_stopped(job.job_id, job.run)  # noqa: E731
        try:
            embedder = embedders.get(choice)
            Reembedding(database, embedder, receipts, choice, job, job.workspace_id, stop).run()
        except (DocumentError, ValueError) as error:
            with database.write(durable=True) as transaction:
                work.fail(transaction, job.job_id, job.run, str(error))
