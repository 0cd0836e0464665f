"""`headrace db move`: a SQLite installation into a Postgres, in one transaction, checked before it is committed.

The log keeps its name and its numbers, so whoever watches goes on where they were. What is left behind gets another
name: started again by mistake, it is nobody's log any more.
"""

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from zlib import crc32

import sqlalchemy as sa

from headrace.cli.options import usage
from headrace.cli.terminal import say
from headrace.engine import dispatch
from headrace.engine.dispatch import DurableDispatcher
from headrace.model.errors import Conflict
from headrace.model.ids import BlobKey, new_id
from headrace.model.vocabulary import JobType
from headrace.search import keywords
from headrace.settings import Settings
from headrace.store import jobs, migrations, moving
from headrace.store.blobs import BlobStore, open_blobs
from headrace.store.database import Database, Transaction
from headrace.store.moving import Row
from headrace.store.schema import chunk, installation, job, metadata


def move(source: Settings, target: Settings) -> None:
    """Move everything, or nothing."""
    if not source.is_sqlite or target.is_sqlite:
        raise usage("what is moved is a SQLite database, and --to names a Postgres: postgresql://user@host/name")
    origin, place = Database.of(source), Database.of(target)
    if origin.file is None or not origin.file.exists():
        raise usage(f"there is no database {str(origin.file)!r}; give --data-dir")
    with _nobody_at_work(origin.file):
        for database in (origin, place):
            migrations.upgrade(database)
        dispatch.prepare(place)
        with origin.write(durable=True) as old:  # which nobody writes to meanwhile
            if target.blobs_url is not None:
                _move_bytes(old.connection, open_blobs(source), open_blobs(target))
            _move_rows(old, place)
            renew_epoch(old)
    origin.close()
    place.close()


def renew_epoch(transaction: Transaction) -> str:
    """Give the log another name: positions in what it was until now are answered with a reset."""
    epoch = new_id().replace("-", "")[-10:]
    transaction.execute(sa.update(installation).filter_by(name="epoch").values(value=epoch))
    return epoch


def _move_rows(old: Transaction, place: Database) -> None:
    dispatcher = DurableDispatcher(place)
    with place.write(durable=True) as new:
        new.connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        if not moving.is_empty(new.connection):
            raise Conflict("the database to move to is not empty; name a new one")
        new.execute(sa.delete(installation))
        for table in moving.tables():
            count = moving.copy(old.connection, new, table, _index)
            say(f"{table.name}: {count:,} rows")
        moving.go_on_counting(old.connection, new)
        _check(old.connection, new.connection)
        say(f"{_hand_out(new, dispatcher)} jobs go on there")
    dispatcher.close()


def _index(new: Transaction, table: sa.Table, rows: Sequence[Row]) -> None:
    """The keyword index of Postgres is made anew; it takes what is not marked as indexed."""
    if table is not chunk:
        return
    indexed = [row["chunk_id"] for row in rows if row["is_indexed"]]
    mine = sa.update(chunk).where(chunk.c.chunk_id.in_(indexed))
    new.execute(mine.values(is_indexed=False))
    keywords.add(new, [(row["chunk_id"], row["text"]) for row in rows if row["is_indexed"]])
    new.execute(mine.values(is_indexed=True))


def _check(old: sa.Connection, new: sa.Connection) -> None:
    """Every table holds the same on both sides, and every searchable passage is in the index."""
    for table in moving.tables():
        before, after = moving.content(old, table), moving.content(new, table)
        if before != after:
            raise Conflict(f"the table {table.name} differs after the move ({before} and {after}); nothing was moved")
    searchable = sa.select(sa.func.count()).select_from(chunk).where(chunk.c.is_indexed)
    wanted, found = old.scalar(searchable) or 0, new.exec_driver_sql("SELECT count(*) FROM chunk_fts").scalar() or 0
    if wanted != found:
        raise Conflict(f"{wanted} passages are searchable, but {found} after the move; nothing was moved")
    say(f"checked: {len(metadata.tables)} tables are the same on both sides, {found:,} passages are searchable")


def _hand_out(new: Transaction, dispatcher: DurableDispatcher) -> int:
    """Put what has not ended into the queue again; done documents stay done."""
    alive = sa.select(job.c.user_id, job.c.job_id).where(job.c.status.in_(jobs.LIVE), job.c.job_type != JobType.TASK)
    found = new.execute(alive).all()
    for one in found:
        dispatcher.hand_out(new, jobs.get(new.connection, one.user_id, one.job_id))
    return len(found)


def _move_bytes(old: sa.Connection, here: BlobStore, there: BlobStore) -> None:
    """Upload what the other store has not got yet: repeated, it goes on where it was."""
    keys = sorted(_blob_keys(old))
    sent = 0
    for key in keys:
        if not there.has(key) and here.has(key):
            there.upload(key, here.folder / key[-2:] / key)
            sent += 1
    say(f"bytes: {sent:,} files uploaded, {len(keys) - sent:,} were there")


def _blob_keys(old: sa.Connection) -> set[BlobKey]:
    columns = [table.c.blob_key for table in metadata.sorted_tables if "blob_key" in table.c]
    return {BlobKey(row[0]) for column in columns for row in old.execute(sa.select(column).distinct())}


@contextmanager
def _nobody_at_work(file: Path) -> Iterator[None]:
    """Hold the locks that a worker and a server of this database hold while they run.

    Raises:
        Conflict: one of them does.
    """
    names = {"worker": f"{file.name}.worker", "server": f"{file.name}.relay-{crc32(b'webhooks'):08x}"}
    with (file.with_name(names["worker"])).open("a") as worker, (file.with_name(names["server"])).open("a") as server:
        for who, lock in (("worker", worker), ("server", server)):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Conflict(f"a {who} runs on {str(file)!r}; stop it first") from error
        yield
