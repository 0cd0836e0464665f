"""A transaction on a connection that is not ours: a session of someone else's engine, whatever its pragmas are."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from headrace.store.bell import Bell
from headrace.store.database import BUSY_MILLISECONDS, NOTIFY_CHANNEL, Transaction, utc_now
from headrace.store.schema import installation

T = TypeVar("T")

PAUSE_SECONDS = 0.02


def write(session: Session, change: Callable[[Transaction], T]) -> T:
    """Commit `change` together with what the session holds already, then wake those who watch.

    On SQLite, `change` must begin with a statement that writes: it takes the lock. Another writer is waited for up to
    30 s, unless the session is in a transaction of its own, which is then left to the caller.
    """
    until = time.monotonic() + BUSY_MILLISECONDS / 1000
    is_ours = not session.in_transaction()
    while True:
        try:
            return _write_once(session, change)
        except OperationalError as error:
            if not is_ours or "locked" not in str(error.orig) or time.monotonic() > until:
                raise
            session.rollback()
            time.sleep(PAUSE_SECONDS)


def _write_once(session: Session, change: Callable[[Transaction], T]) -> T:
    connection = session.connection()
    transaction = Transaction(connection, "", utc_now())
    try:
        result = change(transaction)
        if not transaction.is_sqlite:
            for name in sorted(transaction.concerned):
                transaction.execute(sa.select(sa.func.pg_notify(NOTIFY_CHANNEL, name)))
        session.commit()
    except BaseException:
        session.rollback()
        raise
    _ring(connection.engine.url, transaction)
    return result


def read_epoch(transaction: Transaction) -> str:
    """The name of the log that the transaction writes to."""
    return str(transaction.execute(sa.select(installation.c.value).filter_by(name="epoch")).scalar_one())


def _ring(url: sa.URL, transaction: Transaction) -> None:
    if not transaction.is_sqlite or not url.database or not transaction.concerned:
        return
    bell = Bell.beside(Path(url.database).absolute())
    for name in sorted(transaction.concerned):
        bell.ring(name)
    bell.close()
