"""Knows which of the runs in this process may go on. One query for all of them, several times a second."""

import logging
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa

from headrace.model.errors import Busy, HeadraceError
from headrace.model.ids import JobId
from headrace.model.job import Item
from headrace.model.vocabulary import JobStatus
from headrace.store import handback
from headrace.store.database import Database
from headrace.store.schema import job

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.15
"""Well below the second within which a cancelled job's work is to stop."""


class Control:
    """Watches the jobs that this process works on; a thread of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._watched: Counter[tuple[JobId, int]] = Counter()
        self._stopped: frozenset[tuple[JobId, int]] = frozenset()
        self._claims: dict[tuple[JobId, int], dict[int, int]] = defaultdict(dict)
        self._is_leaving = False
        self._lock = threading.Lock()
        self._block_ended = threading.Condition(self._lock)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._look, name="headrace-control", daemon=True)
        self._thread.start()

    @contextmanager
    def watching(self, job_id: JobId, run: int) -> Iterator[None]:
        """Keep an eye on one run while the block lasts."""
        with self._lock:
            self._watched[job_id, run] += 1
        try:
            yield
        finally:
            with self._lock:
                self._watched[job_id, run] -= 1
                if not self._watched[job_id, run]:
                    del self._watched[job_id, run]
                    self._claims.pop((job_id, run), None)
                self._block_ended.notify_all()

    def in_hand(self) -> set[JobId]:
        """The jobs that this process works on now."""
        with self._lock:
            return {job_id for job_id, _ in self._watched}

    def hold(self, run: int, claimed: Sequence[Item]) -> None:
        """Remember what is being taken up in a run that is watched; before its commit, so that nothing is missed.

        Raises:
            Busy: this process is about to end, and takes nothing up.
        """
        with self._lock:
            if self._is_leaving:
                raise Busy("this worker stops")
            for one in claimed:
                self._claims[one.job_id, run][one.ordinal] = one.claim

    def hand_back(self) -> None:
        """Take nothing up any more, and say that what is in hand was not left by a death."""
        with self._lock:
            self._is_leaving = True
            held = dict(self._claims)
        try:
            for (job_id, _), claims in held.items():
                with self._database.write() as transaction:
                    handback.forgive(transaction, job_id, claims)
        except (HeadraceError, sa.exc.SQLAlchemyError):
            logger.warning("could not say that this worker stops: its documents count one death more", exc_info=True)

    def is_stopped(self, job_id: JobId, run: int) -> bool:
        """Whether that run was cancelled, paused or replaced. A hint, at most a moment old: the store decides."""
        return (job_id, run) in self._stopped

    def wait(self, seconds: float) -> None:
        """Sleep, unless the process stops meanwhile."""
        self._closing.wait(seconds)

    def wait_for_an_end(self, seconds: float) -> None:
        """Sleep until a block of `watching` ends, of whatever run, or as long as is said; a hint to look again."""
        with self._lock:
            self._block_ended.wait(seconds)

    def close(self) -> None:
        """Stop looking."""
        self._closing.set()

    def _look(self) -> None:
        while not self._closing.wait(LOOK_SECONDS):
            with self._lock:
                watched = set(self._watched)
            try:
                self._stopped = self._find_stopped(watched) if watched else frozenset()
            except (HeadraceError, sa.exc.SQLAlchemyError):
                logger.warning("could not look which jobs go on", exc_info=True)

    def _find_stopped(self, watched: set[tuple[JobId, int]]) -> frozenset[tuple[JobId, int]]:
        statement = sa.select(job.c.job_id, job.c.run).where(
            job.c.job_id.in_({job_id for job_id, _ in watched}), job.c.status == JobStatus.RUNNING
        )
        with self._database.read() as connection:
            going_on = {(JobId(row[0]), int(row[1])) for row in connection.execute(statement)}
        return frozenset(watched - going_on)
