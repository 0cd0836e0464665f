"""Wakes the threads that look for work when there may be some, so that an idle worker need not look often.

Whoever hands out a job tells all workers: by a bell beside the SQLite file, by a notice on Postgres. A process rings
for itself when a piece of its work has ended. A ring is a hint: everybody looks by themselves now and then.
"""

import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import sql

from headrace.model.errors import Busy
from headrace.store.bell import LONGEST_HINT_BYTES, listen
from headrace.store.database import WORK_CHANNEL, Database

logger = logging.getLogger(__name__)

EAGER_SECONDS = 1.0
EAGER_PAUSE_SECONDS = 0.1
"""After a ring everybody looks this often for a while: the engine notes the end of a piece of work a bit after us."""

EAGER_AFTER_NOTICE_SECONDS = 0.3
"""A notice comes with what it tells of; of several workers who look at the same moment some find the queue taken."""

SHORTEST_PAUSE_SECONDS = 0.02
"""Between two looks, however often it rings: ten thousand jobs are not ten thousand looks."""

RECONNECT_SECONDS = 1.0


class Waking:
    """One for all threads of a process that look for work."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rung = threading.Condition()
        self._rings = 0
        self._noticed: dict[str, int] = {}
        self._looked_at: dict[str, float] = {}
        self._eager_until = 0.0
        self._closing = threading.Event()
        self._listening = listen(database.work_bell.folder) if database.work_bell else None
        self._connection: psycopg.Connection[Any] | None = None
        self.hears_others = self._listening is not None
        """Whether other processes can ring here."""
        if self._listening:
            self._start(partial(self._hear_bell, self._listening[0]))
        elif not database.is_sqlite:
            self._start(self._hear_notices)

    def ring(self, eager_seconds: float = EAGER_SECONDS) -> None:
        """There may be work."""
        with self._rung:
            self._rings += 1
            self._eager_until = max(self._eager_until, time.monotonic() + eager_seconds)
            self._rung.notify_all()

    def ring_everywhere(self) -> None:
        """There may be work for all workers."""
        self.ring()
        with suppress(Busy):  # they look by themselves, too
            self._database.call_workers()

    def wait(self, name: str, seconds: float) -> None:
        """Return when somebody has rung since the same `name` returned last, or after `seconds`; at first at once."""
        with self._rung:
            pause = min(seconds, EAGER_PAUSE_SECONDS) if time.monotonic() < self._eager_until else seconds
            self._rung.wait_for(lambda: self._rings != self._noticed.get(name), pause)
        time.sleep(max(0.0, self._looked_at.get(name, 0.0) + SHORTEST_PAUSE_SECONDS - time.monotonic()))
        with self._rung:
            self._noticed[name] = self._rings
            self._looked_at[name] = time.monotonic()

    def close(self) -> None:
        """Let nobody ring here any more."""
        self._closing.set()
        if self._listening:
            listener, path = self._listening
            path.unlink(missing_ok=True)
            listener.close()
        if self._connection is not None:
            self._connection.close()

    def _start(self, hear: Callable[[], None]) -> None:
        threading.Thread(target=hear, name="headrace-waking", daemon=True).start()

    def _hear_bell(self, listener: socket.socket) -> None:
        listener.setblocking(True)
        with suppress(OSError):  # closed
            while True:
                listener.recv(LONGEST_HINT_BYTES)
                self.ring()

    def _hear_notices(self) -> None:
        """Listen on a connection of its own, and on a new one when that is lost."""
        where = self._database.url.set(drivername="postgresql").render_as_string(hide_password=False)
        while True:
            try:
                with psycopg.connect(where, autocommit=True) as self._connection:
                    self._connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(WORK_CHANNEL)))
                    self._database.call_workers()  # there are proxies that take the order, and tell nothing
                    for _ in self._connection.notifies():
                        self.hears_others = True
                        self.ring(EAGER_AFTER_NOTICE_SECONDS)
            except (psycopg.Error, sa.exc.SQLAlchemyError, Busy) as error:
                if not self._closing.is_set():
                    logger.warning("does not hear of work for the moment, and looks for it: %s", error)
            self.hears_others = False
            if self._closing.wait(RECONNECT_SECONDS):
                return
