"""Wakes the threads that look for work when there may be some, so that an idle worker need not look often.

Whoever hands out a job rings a bell beside the SQLite file; this process rings for itself when a piece of its work has
ended. A ring is a hint: everybody looks by themselves now and then. On Postgres nobody rings from outside.
"""

import socket
import threading
import time
from contextlib import suppress

from headrace.store.bell import LONGEST_HINT_BYTES, listen
from headrace.store.database import Database

EAGER_SECONDS = 1.0
EAGER_PAUSE_SECONDS = 0.1
"""After a ring everybody looks this often for a while: the engine notes the end of a piece of work a bit after us."""


class Waking:
    """One for all threads of a process that look for work."""

    def __init__(self, database: Database) -> None:
        self._rung = threading.Condition()
        self._rings = 0
        self._noticed: dict[str, int] = {}
        self._eager_until = 0.0
        self._listening = listen(database.work_bell.folder) if database.work_bell else None
        if self._listening:
            listener, _ = self._listening
            threading.Thread(target=self._listen, args=(listener,), name="headrace-waking", daemon=True).start()

    @property
    def hears_others(self) -> bool:
        """Whether other processes can ring here."""
        return self._listening is not None

    def ring(self) -> None:
        """There may be work."""
        with self._rung:
            self._rings += 1
            self._eager_until = time.monotonic() + EAGER_SECONDS
            self._rung.notify_all()

    def wait(self, name: str, seconds: float) -> None:
        """Return when somebody has rung since the same `name` returned last, or after `seconds`; at first at once."""
        with self._rung:
            pause = min(seconds, EAGER_PAUSE_SECONDS) if time.monotonic() < self._eager_until else seconds
            self._rung.wait_for(lambda: self._rings != self._noticed.get(name), pause)
            self._noticed[name] = self._rings

    def close(self) -> None:
        """Let nobody ring here any more."""
        if self._listening:
            listener, path = self._listening
            path.unlink(missing_ok=True)
            listener.close()

    def _listen(self, listener: socket.socket) -> None:
        listener.setblocking(True)
        with suppress(OSError):  # closed
            while True:
                listener.recv(LONGEST_HINT_BYTES)
                self.ring()
