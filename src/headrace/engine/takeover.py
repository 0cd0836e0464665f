"""Takes over the jobs of workers that died, on Postgres: within a second, and without heartbeats.

Each worker holds a session advisory lock named after its executor. Whoever can get the lock of an executor with jobs
in hand knows that its owner is gone, and puts these jobs back into their queues. A worker that wakes up after that
finds its claims taken, and writes nothing.

On SQLite there is one worker at a time, and each is the heir of the last: nothing to take over.
"""

import logging
import threading
from contextlib import suppress

import sqlalchemy as sa
from dbos import error as engine_errors

from headrace.engine import claims
from headrace.model.errors import HeadraceError
from headrace.store import payments, roster
from headrace.store.database import Database
from headrace.store.postgres import WORKER_LOCKS

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
GRACE_SECONDS = 2.0
"""When Postgres comes back, everybody has lost their locks: so long they have to get them again."""

FAILURES = (sa.exc.SQLAlchemyError, HeadraceError, engine_errors.DBOSException)
"""What the database's going away may look like: also a pool that is empty, or a transaction that is broken."""


class Takeover:
    """A thread that shows that this worker lives, and looks for others that do not."""

    def __init__(self, database: Database, executor: str) -> None:
        self._database = database
        self._executor = executor
        self._closing = threading.Event()
        self._connection = self._connect()
        if not self._try_lock(executor):
            raise RuntimeError(f"another worker is executor {executor!r}")
        self._thread = threading.Thread(target=self._run, name="headrace-takeover", daemon=True)

    def start(self) -> None:
        """Begin to look, once the engine runs."""
        self._thread.start()

    def close(self) -> None:
        """Stop looking; the lock goes with the connection."""
        self._closing.set()
        self._connection.invalidate()

    def _run(self) -> None:
        while not self._closing.wait(LOOK_SECONDS):
            try:
                self._look()
            except FAILURES as error:
                if self._closing.is_set():
                    return
                logger.warning("lost the connection that shows that this worker lives: %s", error)
                self._show_again()

    def _show_again(self) -> None:
        """Connect and lock anew.

        Another worker may be at our jobs by now: then its claims are the later ones, and ours write nothing; nor does
        the engine take our word for the end of what it has given to another.
        """
        while not self._closing.wait(LOOK_SECONDS):
            with suppress(*FAILURES):
                self._connection.invalidate()
                self._connection = self._connect()
                if self._try_lock(self._executor):
                    logger.info("worker %s is connected again", self._executor)
                    self._closing.wait(GRACE_SECONDS)
                    return

    def _connect(self) -> sa.Connection:
        return self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")

    def _look(self) -> None:
        for executor, in_hand in claims.in_hand(self._connection).items():
            if executor != self._executor and self._try_lock(executor):
                try:
                    self._take(executor)
                finally:
                    self._connection.execute(*_call("pg_advisory_unlock", executor))
                logger.warning("worker %s is gone; took over its %d pieces of work", executor, len(in_hand))

    def _take(self, executor: str) -> None:
        with self._database.write() as transaction:
            roster.forget(transaction, executor)
            payments.forget(transaction, executor)
        for claim in claims.in_hand(self._connection)[executor]:  # read again: with the lock, nobody else takes them
            claims.put_back(claim)
        self._database.call_workers()

    def _try_lock(self, executor: str) -> bool:
        return bool(self._connection.execute(*_call("pg_try_advisory_lock", executor)).scalar())


def _call(function: str, executor: str) -> tuple[sa.TextClause, dict[str, object]]:
    return sa.text(f"SELECT {function}(:locks, hashtext(:executor))"), {"locks": WORKER_LOCKS, "executor": executor}
