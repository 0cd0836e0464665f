"""Vectors that are paid for already, and who is about to pay for others: each is bought once, however many ask for it.

Threads and jobs of this worker settle it among themselves; on Postgres, workers do so by notes in the database. Whoever
has keys in hand saves its vectors before it waits for others', so nobody waits in a circle.
"""

import logging
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from headrace.model.errors import HeadraceError
from headrace.search import index
from headrace.store import payments
from headrace.store.database import Database, Transaction

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.25
"""At what another worker has noted; within this process a waiter is woken."""

MOST_TRIES = 240


@dataclass(frozen=True, slots=True)
class Settled:
    """`paid` are vectors by their keys; `mine` are keys that the caller is to pay for. Others are in other hands."""

    paid: Mapping[bytes, bytes]
    mine: frozenset[bytes]


class Receipts:
    """The receipts of an installation, as the threads of one worker share them."""

    def __init__(self, database: Database, worker_id: str) -> None:
        self._database, self._worker_id = database, worker_id
        self._in_hand: set[bytes] = set()
        self._noted: set[bytes] = set()
        self._changed = threading.Condition()

    @contextmanager
    def settle(self, keys: Collection[bytes]) -> Iterator[Settled]:
        """What is paid for, and what the caller pays for in the block: it calls `keep` with all that it has bought."""
        here = self._take(keys)
        try:
            with self._database.read() as connection:  # now that nobody else here pays for them
                paid = index.find_receipts(connection, list(keys))
            mine = here - paid.keys()
            if self._database.is_sqlite or not mine:
                yield Settled(paid, mine)
                return
            with self._noting(mine) as noted:
                with self._database.read() as connection:
                    paid |= index.find_receipts(connection, list(noted))
                yield Settled(paid, noted - paid.keys())
        finally:
            self._give_back(here)

    def keep(self, transaction: Transaction, receipts: Mapping[bytes, bytes]) -> None:
        """Write what was paid for."""
        index.save_receipts(transaction, receipts)
        if not self._database.is_sqlite:
            payments.take_back(transaction, receipts.keys(), self._worker_id)
            with self._changed:
                self._noted -= receipts.keys()

    def wait(self, keys: Collection[bytes]) -> None:
        """Until none of the keys is in hand here any more, or it is time to look again."""
        with self._changed:
            is_elsewhere = self._is_free(keys) and not self._database.is_sqlite
            self._changed.wait_for(lambda: self._is_free(keys) and not is_elsewhere, LOOK_SECONDS)

    def _is_free(self, keys: Collection[bytes]) -> bool:
        return self._in_hand.isdisjoint(keys)

    def _take(self, keys: Collection[bytes]) -> frozenset[bytes]:
        with self._changed:
            free = frozenset(keys) - self._in_hand
            self._in_hand |= free
            return free

    def _give_back(self, keys: Collection[bytes]) -> None:
        with self._changed:
            self._in_hand.difference_update(keys)
            self._changed.notify_all()

    @contextmanager
    def _noting(self, keys: frozenset[bytes]) -> Iterator[frozenset[bytes]]:
        with self._database.write() as transaction:
            noted = frozenset(payments.note(transaction, keys, self._worker_id))
        with self._changed:
            self._noted |= noted
        try:
            yield noted
        except BaseException:
            self._take_back(noted)  # all of them: what was to be kept may have been rolled back
            raise
        self._take_back(noted & self._noted)

    def _take_back(self, noted: frozenset[bytes]) -> None:
        """For as long as the database is away, others wait for it anyway, and this thread has nothing else to do."""
        with self._changed:
            self._noted -= noted
        for _ in range(MOST_TRIES if noted else 0):
            try:
                with self._database.write() as transaction:
                    return payments.take_back(transaction, noted, self._worker_id)
            except (HeadraceError, sa.exc.SQLAlchemyError):
                logger.warning("what is not paid for after all could not be said; trying again", exc_info=True)
            time.sleep(LOOK_SECONDS)
        return None
