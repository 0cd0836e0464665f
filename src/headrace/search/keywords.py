"""The keyword index `chunk_fts`: FTS5 beside the chunks' own texts on SQLite, a table of `tsvector` on Postgres."""

import json
from collections.abc import Sequence

import sqlalchemy as sa

from headrace.search.words import cut
from headrace.store.database import Transaction
from headrace.store.schema import chunk


def add(transaction: Transaction, rows: Sequence[tuple[int, str]]) -> None:
    """Index `(chunk_id, text)` of chunks that are saved with that text, and not indexed yet."""
    if transaction.is_sqlite:
        # FTS5 would take the same row twice, and could never forget it again. All in one statement, since at the end of
        # each it writes down what it has in memory.
        transaction.connection.exec_driver_sql(
            "INSERT INTO chunk_fts (rowid, text) SELECT chunk_id, text FROM chunk"
            " WHERE chunk_id IN (SELECT value FROM json_each(?)) AND NOT is_indexed",
            (json.dumps([chunk_id for chunk_id, _ in rows]),),
        )
    else:
        transaction.connection.exec_driver_sql(
            "INSERT INTO chunk_fts (chunk_id, words) SELECT chunk_id, to_tsvector('english', new.words)"
            " FROM unnest(%s::bigint[], %s::text[]) AS new (chunk_id, words) JOIN chunk USING (chunk_id)"
            " WHERE NOT is_indexed",
            ([chunk_id for chunk_id, _ in rows], [" ".join(cut(text)) for _, text in rows]),
        )


def remove(transaction: Transaction, chunk_ids: "sa.Select[tuple[int]]") -> None:
    """Forget chunks that are about to be deleted; on Postgres the foreign key does it."""
    if transaction.is_sqlite:
        index = sa.table("chunk_fts", sa.column("chunk_fts"), sa.column("rowid"), sa.column("text"))
        indexed = sa.and_(chunk.c.chunk_id.in_(chunk_ids), chunk.c.is_indexed)
        old = sa.select(sa.literal("delete"), chunk.c.chunk_id, chunk.c.text).where(indexed)
        transaction.execute(sa.insert(index).from_select(["chunk_fts", "rowid", "text"], old))


def storable(text: str) -> str:
    """`text` with the characters that a database refuses replaced one for one, so that offsets hold."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", " ")
