"""Puts back what the engine has claimed for this worker, and this worker does not run.

So it is when the database goes away between a claim and its answer, or before the end of a piece of work is noted: the
claim is there, its owner lives, and nobody works on it. Whoever takes it up again finds out what is left to do.
"""

import logging
import threading

from headrace.engine import claims
from headrace.engine.claims import Claim
from headrace.engine.takeover import FAILURES
from headrace.store.database import Database

logger = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""What is found by two looks, one after the other, is a stray: a claim and its run are a moment apart."""


class Strays:
    """A thread."""

    def __init__(self, database: Database, executor: str) -> None:
        self._database = database
        self._executor = executor
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="headrace-strays", daemon=True)

    def start(self) -> None:
        """Begin to look, once the engine runs."""
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._closing.set()

    def _run(self) -> None:
        suspects: set[Claim] = set()
        while not self._closing.wait(LOOK_SECONDS):
            try:
                found = self._find()
                for stray in found & suspects:
                    claims.put_back(stray)
                    logger.warning("%s was claimed here and does not run; it is put back", stray.workflow_id)
                    self._database.call_workers()
                suspects = found - suspects
            except FAILURES as error:
                logger.warning("could not look for work that was lost: %s", error)
                suspects = set()

    def _find(self) -> set[Claim]:
        with self._database.read() as connection:
            claimed = claims.in_hand(connection)[self._executor]
        running = claims.running_here()  # read after the claims: a run that ends notes so first, and is gone then
        return {one for one in claimed if one.workflow_id not in running}
