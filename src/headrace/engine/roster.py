"""Lets people see this worker: a row that says who it is and what it has in hand, renewed every few seconds."""

import logging
import os
import socket
import threading
from collections.abc import Callable, Collection
from importlib.metadata import version

import sqlalchemy as sa

from headrace.model.errors import HeadraceError
from headrace.model.ids import JobId
from headrace.settings import Settings
from headrace.store import roster
from headrace.store.database import Database
from headrace.store.roster import Worker

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
RENEW_LOOKS = 5


class Roster:
    """A thread. What changes is written within a second; what does not, every five."""

    def __init__(
        self, database: Database, settings: Settings, executor: str, in_hand: Callable[[], Collection[JobId]]
    ) -> None:
        self._database = database
        self._settings = settings
        self._executor = executor
        self._in_hand = in_hand
        self._is_draining = False
        self._version = version("headrace")
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="headrace-roster", daemon=True)

    def start(self) -> None:
        """Begin to be seen."""
        self._thread.start()

    def drain(self) -> None:
        """Say that this worker takes nothing more."""
        self._is_draining = True

    def close(self) -> None:
        """Be seen no more."""
        self._closing.set()
        self._thread.join(LOOK_SECONDS)
        try:
            with self._database.write() as transaction:
                roster.forget(transaction, self._executor)
        except (HeadraceError, sa.exc.SQLAlchemyError):
            logger.warning("this worker could not take leave; it is listed for a moment longer")

    def _run(self) -> None:
        written, looks = None, 0
        while True:
            now = self._described()
            if now != written or looks >= RENEW_LOOKS:
                written, looks = (now, 0) if self._write(now) else (None, 0)
            looks += 1
            if self._closing.wait(LOOK_SECONDS):
                return

    def _write(self, described: Worker) -> bool:
        try:
            with self._database.write() as transaction:
                roster.note(transaction, described)
        except (HeadraceError, sa.exc.SQLAlchemyError) as error:
            logger.warning("this worker could not say what it does: %s", error)
            return False
        return True

    def _described(self) -> Worker:
        return Worker(
            worker_id=self._executor,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=self._version,
            capacity=self._settings.slices_at_once,
            tags=sorted(self._settings.worker_tags),
            is_draining=self._is_draining,
            job_ids=sorted(self._in_hand()),
        )
