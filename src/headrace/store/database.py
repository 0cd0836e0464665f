"""One database, SQLite or Postgres: connections, transactions, and the bell that rings after a commit."""

import fcntl
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Literal

import sqlalchemy as sa
from sqlalchemy.exc import DataError, DBAPIError

from headrace.model.errors import BadRequest, Busy
from headrace.model.ids import UserId
from headrace.settings import Settings
from headrace.store import postgres
from headrace.store.bell import Bell
from headrace.store.prepared import prepare
from headrace.store.schema import installation
from headrace.store.types import as_json

logger = logging.getLogger(__name__)

BUSY_MILLISECONDS = 30_000
TURN_SECONDS = 0.002
POLITE_SECONDS = 1.0
NOTIFY_CHANNEL = "headrace"
WORK_CHANNEL = "headrace_work"
"""On Postgres: what users' logs have grown, and that there may be work."""
TURNS = 715_518
"""The first key of the advisory locks by which transactions take turns; the second is a hash of what for."""

MOST_NAMED = 100
"""A commit that concerns more users than this rings once for all of them."""

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The wall clock, aware, in UTC. Used to tell people when; never to order or to expire."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Transaction:
    """A write in progress. What is done in it is seen by all or by none, and whoever waits is told after it."""

    connection: sa.Connection
    epoch: str
    now: datetime
    concerned: set[UserId] = field(default_factory=set)
    hands_out: bool = False

    def execute(self, statement: sa.Executable, rows: Any = None) -> sa.CursorResult[Any]:
        """Run one statement, or the same one for each of `rows`."""
        return self.connection.execute(statement, rows)

    def execute_many(self, statement: sa.Insert | sa.Update | sa.Delete, rows: Sequence[Mapping[str, Any]]) -> int:
        """Run one statement for each of `rows`, which all name the same values; returns how many rows it has changed.

        `statement` is a constant of a module: it is worked out once, and kept.
        """
        if not rows:
            return 0
        prepared = prepare(statement, tuple(rows[0]), self.connection.dialect)
        return self.connection.exec_driver_sql(prepared.sql, [prepared.values(row) for row in rows]).rowcount

    def select_prepared(self, statement: "sa.Select[Any]", row: Mapping[str, Any]) -> Sequence[Any]:
        """The rows that a constant of a module finds for these values, as the driver gives them."""
        prepared = prepare(statement, tuple(row), self.connection.dialect)
        return self.connection.exec_driver_sql(prepared.sql, prepared.values(row)).all()

    @property
    def is_sqlite(self) -> bool:
        """Which of the two databases this is."""
        return self.connection.dialect.name == "sqlite"

    def take_turns(self, *names: str) -> None:
        """Let no other transaction that says the same go on from here until this one is over.

        For what is looked for first and made if it is not there. On SQLite there is one writer at a time anyway.
        """
        if not self.is_sqlite:
            self.execute(sa.select(sa.func.pg_advisory_xact_lock(TURNS, sa.func.hashtext("\n".join(names)))))

    def share_turns(self, *names: str) -> None:
        """As `take_turns`, beside others who share; only whoever takes the turn alone waits, and is waited for."""
        if not self.is_sqlite:
            self.execute(sa.select(sa.func.pg_advisory_xact_lock_shared(TURNS, sa.func.hashtext("\n".join(names)))))


class Database:
    """Opens transactions. `write` is serialised by the database's own locks; `read` sees one moment throughout.

    A `durable` write is on the disk when it returns. Any other survives the death of the process, and may be lost with
    the machine's power: right for progress, wrong for a promise. On Postgres, which can die alone, all are durable.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Clock = utc_now,
        pool_size: int = 10,
        limits: postgres.Limits | None = None,
    ) -> None:
        self.url = sa.make_url(url)
        self.clock = clock
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = (
            _sqlite_engine(self.url, pool_size)
            if self.is_sqlite
            else postgres.make_engine(self.url, limits or postgres.Limits())
        )
        self.bell = Bell.beside(self.file) if self.file else None
        self.work_bell = Bell.beside(self.file, "work") if self.file else None
        self._epoch: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Database":
        """The database that the settings name, within their limits."""
        limits = postgres.Limits(
            connections=settings.database_connections,
            connect_seconds=settings.database_connect_seconds,
            statement_seconds=settings.database_statement_seconds,
        )
        return cls(settings.url, limits=limits)

    @property
    def file(self) -> Path | None:
        """SQLite's file; None on Postgres."""
        return Path(self.url.database).absolute() if self.is_sqlite and self.url.database else None

    @property
    def epoch(self) -> str:
        """The name of this database's log; read once."""
        if self._epoch is None:
            with self.read() as connection:
                self._epoch = str(connection.scalar(sa.select(installation.c.value).filter_by(name="epoch")))
        return self._epoch

    @contextmanager
    def write(self, *, durable: bool = False) -> Iterator[Transaction]:
        """Commit on leaving, roll back on an exception, then ring for those concerned.

        What is `durable` is on the disk when this returns, and on SQLite it goes before what is not.

        Raises:
            Busy: another writer held the database for longer than 30 s, or Postgres is away for the moment.
        """
        epoch = self.epoch
        with _translated(), self._turn(is_urgent=durable), self.engine.connect() as connection:
            self._set_durability(connection, durable)
            with connection.begin():
                transaction = Transaction(connection, epoch, self.clock())
                yield transaction
                self._notify(transaction)
        self._ring(transaction)

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection whose statements all see the same moment."""
        options: dict[str, Any] = {"reading": True}
        if not self.is_sqlite:
            options |= {"isolation_level": "REPEATABLE READ"}
        with _translated(), self.engine.connect().execution_options(**options) as connection:
            yield connection

    def call_workers(self) -> None:
        """Have them look for work, where the engine has put some into its queues by itself. Raises Busy."""
        if self.work_bell:
            self.work_bell.ring("")
        elif not self.is_sqlite:
            with _translated(), self.engine.begin() as connection:
                connection.execute(_notice(WORK_CHANNEL))

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()
        for bell in (self.bell, self.work_bell):
            if bell:
                bell.close()

    @contextmanager
    def _turn(self, *, is_urgent: bool) -> Iterator[None]:
        """Wait for the writers before us. What has to be durable goes first, for somebody waits for the answer.

        SQLite's own waiting sleeps up to 0.1 s at a time and is passed over again and again by a busy worker; this
        looks every few milliseconds, and a worker lets urgent writers pass, though not for longer than a second.
        """
        if self.file is None:
            yield
            return
        with _beside(self.file, "turn") as turn, _beside(self.file, "urgent") as urgent:
            if is_urgent:
                fcntl.flock(urgent, fcntl.LOCK_SH)
            started = time.monotonic()
            while not ((is_urgent or _may_pass(urgent, started)) and _try_lock(turn)):
                if time.monotonic() - started > BUSY_MILLISECONDS / 1000:
                    raise Busy("the database is busy; try again")
                time.sleep(TURN_SECONDS)
            yield

    def _set_durability(self, connection: sa.Connection, durable: bool) -> None:
        if self.is_sqlite:
            raw = connection.connection.dbapi_connection
            raw.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")  # type: ignore[union-attr]

    def _notify(self, transaction: Transaction) -> None:
        if self.is_sqlite:
            return
        for name in _named(transaction.concerned):
            transaction.execute(_notice(NOTIFY_CHANNEL, name))
        if transaction.hands_out:
            transaction.execute(_notice(WORK_CHANNEL))

    def _ring(self, committed: Transaction) -> None:
        if self.bell:
            for name in _named(committed.concerned):
                self.bell.ring(name)
        if self.work_bell and committed.hands_out:
            self.work_bell.ring("")


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _beside(file: Path, name: str) -> IO[str]:
    return file.with_name(f"{file.name}-{name}").open("a")


def _may_pass(urgent: IO[str], since: float) -> bool:
    """Whether nobody more urgent waits, or they have had their way for long enough."""
    if time.monotonic() - since > POLITE_SECONDS:
        return True
    if not _try_lock(urgent):
        return False
    fcntl.flock(urgent, fcntl.LOCK_UN)
    return True


def _notice(channel: str, payload: str = "") -> sa.Select[Any]:
    return sa.select(sa.func.pg_notify(channel, payload))


def _named(concerned: set[UserId]) -> list[str]:
    return [""] if len(concerned) > MOST_NAMED else sorted(concerned)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (DataError, UnicodeEncodeError) as error:
        logger.warning("a value cannot be stored: %s", error)
        raise BadRequest("a text or number in the request cannot be stored or looked for") from error
    except DBAPIError as error:
        if "locked" in str(error.orig) or postgres.is_passing(error):
            logger.warning("the database cannot be asked now: %s", error.orig)
            raise Busy("the database cannot be asked now; try again") from error
        raise
    except sa.exc.TimeoutError as error:
        logger.warning("all connections to the database are in use")
        raise Busy("all connections to the database are in use; try again") from error


def _sqlite_engine(url: sa.URL, pool_size: int) -> sa.Engine:
    engine = sa.create_engine(
        url,
        pool_size=pool_size,
        max_overflow=50,
        json_serializer=as_json,
        connect_args={"check_same_thread": False, "isolation_level": None},
    )

    @sa.event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        for pragma in (
            f"busy_timeout={BUSY_MILLISECONDS}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "temp_store=MEMORY",
            "cache_size=-16000",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        # A transaction that reads first and writes later would fail instead of waiting for its turn.
        kind: Literal["", " IMMEDIATE"] = "" if connection.get_execution_options().get("reading") else " IMMEDIATE"
        connection.exec_driver_sql(f"BEGIN{kind}")

    return engine
