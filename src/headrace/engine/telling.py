"""Tells every server how this worker does: its numbers, through the database that both share."""

import logging
import threading

import sqlalchemy as sa

from headrace.model.errors import HeadraceError
from headrace.store import observing
from headrace.store.database import Database
from headrace.telemetry import metrics

logger = logging.getLogger(__name__)

TELL_SECONDS = 5.0


class Telling:
    """A thread. What it has told last is at most `TELL_SECONDS` old, as long as the worker lives."""

    def __init__(self, database: Database, worker_id: str) -> None:
        self._database, self._worker_id = database, worker_id
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="headrace-telling", daemon=True)

    def start(self) -> None:
        """Begin, with a first word at once."""
        self._thread.start()

    def close(self) -> None:
        """Say no more."""
        self._closing.set()

    def tell(self) -> None:
        """Write the numbers as they are now."""
        with self._database.write() as transaction:
            observing.note(transaction, self._worker_id, metrics.exposed(metrics.WORKER))

    def _run(self) -> None:
        while True:
            try:
                self.tell()
            except (HeadraceError, sa.exc.SQLAlchemyError):
                logger.warning("this worker's numbers could not be written", exc_info=True)
            if self._closing.wait(TELL_SECONDS):
                return
