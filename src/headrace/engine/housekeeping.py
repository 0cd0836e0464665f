"""Clears away, in the worker's spare moments, what nobody will ask for again."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from headrace.engine import errands
from headrace.model.errors import Superseded
from headrace.model.ids import DocumentId, JobId
from headrace.search import index
from headrace.search.postgres import ensure_vector_index
from headrace.settings import Settings
from headrace.store import documents, retention, tasks
from headrace.store.blobs import BlobStore
from headrace.store.database import Database

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 2.0
CHUNKS_AT_ONCE = 2_000
UPLOAD_GRACE_SECONDS = 24 * 3600.0
"""A blob without a document may belong to an upload that is still coming in."""
WATCH_SECONDS = 1800.0
"""It must have been seen unchanged for so long, too: the wall clock may be wrong by a year, or have been."""


class Housekeeping:
    """A thread that drops chunks of replaced, cancelled and failed versions, and applies the retention."""

    def __init__(
        self, database: Database, blobs: BlobStore, settings: Settings, dimensions: Callable[[], int] = int
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._settings = settings
        self._dimensions = dimensions
        self._heard: dict[tuple[JobId, int], float] = {}
        self._seen: dict[tuple[str, float], float] = {}
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="headrace-housekeeping", daemon=True)

    def start(self) -> None:
        """Begin, with a first cleaning soon."""
        self._thread.start()

    def close(self) -> None:
        """Stop after what is being done."""
        self._closing.set()

    def _run(self) -> None:
        cleaned_at = time.monotonic() - self._settings.cleanup_interval_seconds
        while not self._closing.wait(SWEEP_SECONDS):
            try:
                self.sweep()
                self.look_after_tasks()
                if time.monotonic() - cleaned_at >= self._settings.cleanup_interval_seconds:
                    cleaned_at = time.monotonic()
                    self.clean()
            except Exception:  # the boundary of this thread: cleaning fails today and works tomorrow
                logger.exception("cleaning failed")

    def sweep(self) -> None:
        """Drop the chunks of versions that are not served any more, a portion to a transaction."""
        with self._database.read() as connection:
            found = retention.leftovers(connection)
            hidden = documents.select_hidden(connection, retention.PORTION)
        for document_id, version in found:
            while not self._drop_portion(document_id, version):
                pass
        for document_id in hidden:
            errands.remove_document(self._database, document_id)

    def _drop_portion(self, document_id: DocumentId, version: int) -> bool:
        with self._database.write() as transaction:
            if not retention.is_leftover(transaction, document_id, version):
                return True
            dropped = index.drop_version(transaction, document_id=document_id, version=version, limit=CHUNKS_AT_ONCE)
            if dropped < CHUNKS_AT_ONCE:
                retention.clear_leftover(transaction, document_id, version)
            return dropped < CHUNKS_AT_ONCE

    def look_after_tasks(self) -> None:
        """Fail the tasks of which nothing was heard for as long as their leases say; of the others tell the latest."""
        now = time.monotonic()
        with self._database.read() as connection:
            leases = tasks.select_leases(connection)
        heard = self._heard
        self._heard = {}
        for job_id, renewals, seconds in leases:
            if (job_id, renewals) not in heard:
                self._tell_of_task(job_id)
            since = heard.get((job_id, renewals), now)
            self._heard[job_id, renewals] = since
            if now - since > seconds:
                self._end_silent_task(job_id, seconds)

    def _tell_of_task(self, job_id: JobId) -> None:
        with suppress(Superseded), self._database.write() as transaction:
            tasks.catch_up(transaction, job_id)

    def _end_silent_task(self, job_id: JobId, seconds: float) -> None:
        reason = f"nothing was heard of this task for {seconds:.0f} s"
        with suppress(Superseded), self._database.write(durable=True) as transaction:
            tasks.finish(transaction, job_id, error=reason, message=None)

    def clean(self) -> None:
        """Apply the retention to old events, very old jobs and unused bytes; index vectors once they are many."""
        settings = self._settings
        pruned = forgotten = retention.PORTION
        while pruned == retention.PORTION:
            with self._database.write() as transaction:
                pruned = retention.prune_events(
                    transaction, max_age_hours=settings.max_age_hours, max_jobs=settings.max_jobs
                )
        while forgotten == retention.PORTION:
            with self._database.write() as transaction:
                forgotten = retention.forget_jobs(transaction, history_days=settings.history_days)
        self._forget_bytes()
        # Last, since an embedder that is a service may have to be asked.
        if not self._database.is_sqlite and (dimensions := self._dimensions()):
            ensure_vector_index(self._database, dimensions)

    def _forget_bytes(self) -> None:
        """Remove the bytes that nobody's document has: of uploads that never finished, and of documents that went."""
        now, written_before = time.monotonic(), time.time() - UPLOAD_GRACE_SECONDS
        seen, self._seen = self._seen, {}

        def is_over(name: str, written_at: float) -> bool:
            since = self._seen[name, written_at] = seen.get((name, written_at), now)
            return written_at < written_before and now - since >= WATCH_SECONDS

        for file, written_at in self._blobs.unfinished():
            if is_over(file.name, written_at):
                file.unlink(missing_ok=True)
        for key, written_at in self._blobs.finished():
            with self._database.read() as connection:
                is_used = retention.is_blob_used(connection, key)
            if not is_used and is_over(key, written_at):
                self._blobs.delete(key)
