"""Every row of one database into another, and a sum over each table that tells whether both hold the same.

The rows only: queues, search indexes and the bytes of documents are the caller's.
"""

import hashlib
import json
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from headrace.store.database import Transaction
from headrace.store.schema import metadata, payment, worker
from headrace.store.types import HalfVector

BATCH = 500
SUM_BITS = 128

Row = Mapping[str, Any]
Arrived = Callable[[Transaction, sa.Table, Sequence[Row]], None]
"""Called with each batch of rows that has been written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a table holds: `digest` is the same for the same rows, in whatever order they come."""

    table: str
    rows: int
    digest: int


def tables() -> list[sa.Table]:
    """Those that are moved, each after those that it refers to. Workers say anew what they do."""
    return [table for table in metadata.sorted_tables if table not in (worker, payment)]


def is_empty(connection: sa.Connection) -> bool:
    """Whether a database of ours holds nothing but its name."""
    filled = (table for table in tables() if table.name != "installation")
    return not any(connection.execute(sa.select(sa.literal(1)).select_from(one).limit(1)).first() for one in filled)


def copy(origin: sa.Connection, target: Transaction, table: sa.Table, arrived: Arrived) -> int:
    """Write every row of a table; returns how many."""
    count = 0
    for batch in _batches(origin, table):
        rows = [{name: _storable(value) for name, value in row.items()} for row in batch]
        target.execute(sa.insert(table), rows)
        arrived(target, table, rows)
        count += len(rows)
    return count


def go_on_counting(origin: sa.Connection, target: Transaction) -> None:
    """Let Postgres give out numbers from where SQLite stood, so that none comes twice."""
    for name, last in origin.exec_driver_sql("SELECT name, seq FROM sqlite_sequence").all():
        table = metadata.tables.get(str(name))
        if table is not None and last:
            (key,) = table.primary_key.columns
            sequence = sa.func.pg_get_serial_sequence(table.name, key.name)
            target.execute(sa.select(sa.func.setval(sequence, int(last))))


def content(connection: sa.Connection, table: sa.Table) -> Content:
    """Count and sum up a table's rows."""
    count = total = 0
    for batch in _batches(connection, table):
        count += len(batch)
        total += sum(_row_digest(table, row) for row in batch)
    return Content(table=table.name, rows=count, digest=total % (1 << SUM_BITS))


def _batches(connection: sa.Connection, table: sa.Table) -> Iterator[list[Row]]:
    """Rows that refer to others of their table come after those that do not."""
    own = [key.parent.is_not(None) for key in table.foreign_keys if key.column.table is table]
    statement = sa.select(table).order_by(*own).execution_options(yield_per=BATCH)
    for rows in connection.execute(statement).mappings().partitions():
        yield [dict(row) for row in rows]


def _storable(value: Any) -> Any:
    """Postgres has no place for the character NUL."""
    return value.replace("\0", " ") if isinstance(value, str) else value


def _row_digest(table: sa.Table, row: Row) -> int:
    said = "\x1f".join(_said(column, row[column.name]) for column in table.columns)
    return int.from_bytes(hashlib.blake2b(said.encode("utf-8", "replace"), digest_size=SUM_BITS // 8).digest(), "big")


def _said(column: sa.Column[Any], value: Any) -> str:
    """A value in words that are the same whichever database it came from."""
    if isinstance(value, Mapping | list):
        return json.dumps(value, sort_keys=True)
    if isinstance(value, bytes | memoryview):
        return _vector(bytes(value)) if isinstance(column.type, HalfVector) else bytes(value).hex()
    if isinstance(value, datetime):
        return value.isoformat()
    return repr(_storable(value))


def _vector(value: bytes) -> str:
    """Nothing may have lost its sign on the way."""
    return repr([number + 0.0 for number in struct.unpack(f"<{len(value) // 2}e", value)])
