"""How Postgres is connected to, and which of its errors pass by themselves."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
import sqlalchemy as sa

from headrace.model.errors import Busy
from headrace.store.types import as_json

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 0.5
TELL_SECONDS = 10.0

WORKER_LOCKS = 715_517
"""The first key of the session locks by which workers show that they live; the second is a hash of a worker's name."""

PASSING = ("08", "40", "53", "57", "25P03", "55P03")
"""How the codes of such errors begin (PostgreSQL, appendix A): connections, deadlocks, resources, and an operator who
stops the server or a statement that took too long; a session that idled in a transaction; a lock that was not free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a process may ask of Postgres. A statement or an idle transaction that lasts longer is ended by it."""

    connections: int = 30
    connect_seconds: float = 10.0
    statement_seconds: float = 120.0


def make_engine(url: sa.URL, limits: Limits) -> sa.Engine:
    """A pool of connections, each looked at before it is used: one that died with its server is made anew."""
    return sa.create_engine(
        url,
        pool_size=max(1, limits.connections // 3),
        max_overflow=limits.connections - max(1, limits.connections // 3),
        pool_timeout=limits.connect_seconds,
        pool_pre_ping=True,
        json_serializer=as_json,
        connect_args={"connect_timeout": max(2, round(limits.connect_seconds)), "options": _options(url, limits)},
    )


def _options(url: sa.URL, limits: Limits) -> str:
    """Options of the session, so that `RESET` comes back to them. What the URL says comes last, and wins."""
    longest = round(limits.statement_seconds * 1000)
    own = {
        "statement_timeout": longest,
        "idle_in_transaction_session_timeout": longest,
        # A machine that lost its power is noticed within half a minute, and its locks are free.
        "tcp_keepalives_idle": 10,
        "tcp_keepalives_interval": 5,
        "tcp_keepalives_count": 3,
    }
    given = url.query.get("options", ())
    return " ".join(
        [*(f"-c {name}={value}" for name, value in own.items()), *([given] if isinstance(given, str) else given)]
    )


def is_passing(error: sa.exc.DBAPIError) -> bool:
    """Whether the same may succeed a moment later: Postgres is away, stopping, starting, or settled a deadlock."""
    if error.connection_invalidated:
        return True
    code = getattr(error.orig, "sqlstate", None)
    if code is None:
        return isinstance(error.orig, psycopg.OperationalError)
    return str(code).startswith(PASSING)


def wait_for_answer(engine: sa.Engine, seconds: float, stopping: Callable[[float], object] = time.sleep) -> bool:
    """Wait for a Postgres that starts later than we do. False if `stopping`, which waits, says that this is to end.

    Raises:
        Busy: it did not answer in that time.
    """
    began = time.monotonic()
    told = 0
    while True:
        try:
            with engine.connect():
                return True
        except sa.exc.OperationalError as error:
            waited = time.monotonic() - began
            if waited > seconds:
                raise Busy(f"the database does not answer: {error.orig}") from error
            if waited >= told * TELL_SECONDS:
                logger.warning("the database does not answer; trying again for %.0f s", seconds - waited)
                told += 1
            if stopping(PAUSE_SECONDS):
                return False


def is_worker_alive(connection: sa.Connection, worker_id: str) -> bool:
    """Whether a worker of that name is connected, and so holds its lock."""
    held = sa.text(
        "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database"
        " WHERE datname = current_database() AND locktype = 'advisory' AND granted AND objsubid = 2"
        " AND classid::bigint = :locks AND objid::bigint = (hashtext(:worker)::bigint & 4294967295)"
    )
    return bool(connection.scalar(held, {"locks": WORKER_LOCKS, "worker": worker_id}))
