"""Which worker is about to pay for which embeddings, on Postgres: the others wait for its receipts.

A note is void once its worker is gone, which the lock tells that each one holds while it lives (`engine/takeover.py`):
no clock, and nothing to renew. On SQLite there is one worker at a time, which needs no notes.
"""

from collections.abc import Collection

import sqlalchemy as sa

from headrace.store import postgres
from headrace.store.database import Transaction
from headrace.store.schema import payment

NOTE = (
    "INSERT INTO payment (key, worker_id) SELECT wanted.key, %s FROM unnest(%s::bytea[]) AS wanted (key) ORDER BY 1"
    # What could not be taken back is one's own again.
    " ON CONFLICT (key) DO UPDATE SET worker_id = excluded.worker_id WHERE payment.worker_id = excluded.worker_id"
    " RETURNING key"
)
OTHERS = "SELECT DISTINCT worker_id FROM payment WHERE key = ANY(%s::bytea[]) AND worker_id <> %s"
TAKE_BACK = "DELETE FROM payment WHERE key = ANY(%s::bytea[]) AND worker_id = %s"


def note(transaction: Transaction, keys: Collection[bytes], worker_id: str) -> set[bytes]:
    """Say that a worker is about to pay for these; returns those that no other living worker has noted before."""
    run = transaction.connection.exec_driver_sql
    for (other,) in run(OTHERS, (list(keys), worker_id)).all():
        if not postgres.is_worker_alive(transaction.connection, other):
            forget(transaction, other)
    return {bytes(row[0]) for row in run(NOTE, (worker_id, list(keys)))}


def take_back(transaction: Transaction, keys: Collection[bytes], worker_id: str) -> None:
    """The worker has paid for these, or will not."""
    transaction.connection.exec_driver_sql(TAKE_BACK, (list(keys), worker_id))


def forget(transaction: Transaction, worker_id: str) -> None:
    """A worker is gone."""
    transaction.execute(sa.delete(payment).where(payment.c.worker_id == worker_id))
