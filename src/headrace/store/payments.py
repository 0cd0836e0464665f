"""Which worker is about to pay for which embeddings, on Postgres: the others wait for its receipts.

A note is void once its worker is gone, which the lock tells that each one holds while it lives (`engine/takeover.py`):
no clock, and nothing to renew. On SQLite there is one worker at a time, which needs no notes.
"""

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from headrace.store import postgres
from headrace.store.database import Transaction
from headrace.store.schema import payment

KEYS_AT_ONCE = 1_000


def note(transaction: Transaction, keys: Collection[bytes], worker_id: str) -> set[bytes]:
    """Say that a worker is about to pay for these; returns those that no other living worker has noted before."""
    noted: set[bytes] = set()
    # In one order by all, or two workers with the same texts would wait for each other.
    in_order = sorted(keys)
    for start in range(0, len(in_order), KEYS_AT_ONCE):
        some = in_order[start : start + KEYS_AT_ONCE]
        _forget_the_dead(transaction, some, worker_id)
        new = insert(payment).values([{"key": key, "worker_id": worker_id} for key in some])
        own = payment.c.worker_id == worker_id  # of one that could not be taken back
        statement = new.on_conflict_do_update(
            index_elements=["key"], set_={"worker_id": new.excluded.worker_id}, where=own
        ).returning(payment.c.key)
        noted |= {bytes(row[0]) for row in transaction.execute(statement)}
    return noted


def take_back(transaction: Transaction, keys: Collection[bytes], worker_id: str) -> None:
    """The worker has paid for these, or will not."""
    in_order = sorted(keys)
    for start in range(0, len(in_order), KEYS_AT_ONCE):
        mine = payment.c.key.in_(in_order[start : start + KEYS_AT_ONCE]), payment.c.worker_id == worker_id
        transaction.execute(sa.delete(payment).where(*mine))


def forget(transaction: Transaction, worker_id: str) -> None:
    """A worker is gone."""
    transaction.execute(sa.delete(payment).where(payment.c.worker_id == worker_id))


def _forget_the_dead(transaction: Transaction, keys: Collection[bytes], worker_id: str) -> None:
    others = sa.select(payment.c.worker_id).where(payment.c.key.in_(keys), payment.c.worker_id != worker_id).distinct()
    for (other,) in transaction.execute(others).all():
        if not postgres.is_worker_alive(transaction.connection, other):
            forget(transaction, other)
