"""Writes the index of chunks, always inside the caller's transaction.

A version of a document is saved, indexed batch by batch, and searched by nobody until it goes live.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from headrace.model.document import Chunk
from headrace.model.ids import DocumentId, WorkspaceId
from headrace.search import keywords
from headrace.store import workspaces
from headrace.store.database import Transaction
from headrace.store.schema import chunk, receipt

TEXTS_AT_ONCE = 500
KEYS_AT_ONCE = 500
"""Keeps statements below SQLite's limit on variables."""

INSERT_CHUNK = sa.insert(chunk)
MARK_INDEXED = (
    sa.update(chunk)
    .where(chunk.c.chunk_id == sa.bindparam("id"), chunk.c.is_indexed.is_(False))
    .values(is_indexed=True, vector=sa.bindparam("embedding"))
)
INSERT_RECEIPT = {
    True: sqlite.insert(receipt).on_conflict_do_nothing(),
    False: postgresql.insert(receipt).on_conflict_do_nothing(),
}
"""By whether it is for SQLite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredChunk:
    """A saved chunk that is not in the index yet."""

    chunk_id: int
    ordinal: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedChunk:
    """A chunk and its embedding: `(dimensions,)` little-endian float16, None where there is none to be had."""

    chunk_id: int
    text: str
    vector: bytes | None


def save_chunks(
    transaction: Transaction,
    *,
    document_id: DocumentId,
    version: int,
    workspace_id: WorkspaceId,
    chunks: Sequence[Chunk],
) -> None:
    """Write chunks that are to be indexed later. A repeat of an ordinal is an IntegrityError."""
    if chunks:
        same = {"document_id": document_id, "version": version, "workspace_id": workspace_id}
        transaction.execute_many(INSERT_CHUNK, [same | _columns(one) for one in chunks])


def unindexed(
    connection: sa.Connection, *, document_id: DocumentId, version: int, limit: int, after: int = -1
) -> list[StoredChunk]:
    """At most `limit` chunks that wait for `index_chunks`, in order, from the one after the ordinal `after` on.

    A caller that goes through a long version passes its last ordinal, so that what is done is not read again.
    """
    statement = (
        sa.select(chunk.c.chunk_id, chunk.c.ordinal, chunk.c.text)
        .where(*_of(document_id, version), chunk.c.ordinal > after, chunk.c.is_indexed.is_(False))
        .order_by(chunk.c.ordinal)
        .limit(limit)
    )
    found = connection.execute(statement)
    return [StoredChunk(chunk_id=chunk_id, ordinal=ordinal, text=text) for chunk_id, ordinal, text in found]


def unindexed_of(
    connection: sa.Connection, document_ids: Sequence[DocumentId], *, version: int, limit: int
) -> list[tuple[DocumentId, StoredChunk]]:
    """As `unindexed`, of several short documents in the same version: document after document, each from its start."""
    found: list[tuple[DocumentId, StoredChunk]] = []
    for start in range(0, len(document_ids), KEYS_AT_ONCE):
        some = chunk.c.document_id.in_(document_ids[start : start + KEYS_AT_ONCE])
        statement = (
            sa.select(chunk.c.document_id, chunk.c.chunk_id, chunk.c.ordinal, chunk.c.text)
            .where(some, chunk.c.version == version, chunk.c.is_indexed.is_(False))
            .order_by(chunk.c.document_id, chunk.c.ordinal)
            .limit(limit - len(found))
        )
        for document_id, chunk_id, ordinal, text in connection.execute(statement):
            found.append((DocumentId(document_id), StoredChunk(chunk_id=chunk_id, ordinal=ordinal, text=text)))
    return found


def texts(connection: sa.Connection, document_id: DocumentId, version: int) -> Iterator[str]:
    """The texts of all chunks, in order; a few hundred are in memory at a time."""
    last = -1
    statement = sa.select(chunk.c.ordinal, chunk.c.text).where(*_of(document_id, version)).order_by(chunk.c.ordinal)
    while found := connection.execute(statement.where(chunk.c.ordinal > last).limit(TEXTS_AT_ONCE)).all():
        yield from (text for _, text in found)
        last = found[-1].ordinal


def index_chunks(transaction: Transaction, rows: Sequence[IndexedChunk]) -> None:
    """Give chunks their vectors and their keywords; `text` is as it was saved.

    One that is indexed already, or was dropped meanwhile, is passed over.
    """
    if not rows:
        return
    keywords.add(transaction, [(row.chunk_id, row.text) for row in rows])
    transaction.execute_many(MARK_INDEXED, [{"id": row.chunk_id, "embedding": row.vector} for row in rows])


def find_receipts(connection: sa.Connection, keys: Sequence[bytes]) -> dict[bytes, bytes]:
    """The vectors (float16) that were paid for already, by key; those not found are left out."""
    found: dict[bytes, bytes] = {}
    for start in range(0, len(keys), KEYS_AT_ONCE):
        some = receipt.c.key.in_(keys[start : start + KEYS_AT_ONCE])
        rows = connection.execute(sa.select(receipt.c.key, receipt.c.vector).where(some))
        found.update((bytes(key), bytes(vector)) for key, vector in rows)
    return found


def save_receipts(transaction: Transaction, receipts: Mapping[bytes, bytes]) -> None:
    """Keep vectors under their keys; the first one kept stays."""
    # In one order by all, or two workers with the same texts would wait for each other.
    rows = [{"key": key, "vector": receipts[key], "created_at": transaction.now} for key in sorted(receipts)]
    transaction.execute_many(INSERT_RECEIPT[transaction.is_sqlite], rows)


def drop_version(transaction: Transaction, *, document_id: DocumentId, version: int, limit: int | None) -> int:
    """Delete a version that is not live, at most `limit` chunks of it; returns how many there were."""
    return _drop(transaction, sa.select(chunk.c.chunk_id).where(*_of(document_id, version)).limit(limit))


def drop_document(transaction: Transaction, document_id: DocumentId) -> None:
    """Delete all versions, the live one too."""
    mine = chunk.c.document_id == document_id
    workspace_id = transaction.connection.scalar(sa.select(chunk.c.workspace_id).where(mine).limit(1))
    if workspace_id is None:
        return
    _drop(transaction, sa.select(chunk.c.chunk_id).where(mine))
    workspaces.touch_index(transaction, workspace_id)


def _drop(transaction: Transaction, chunk_ids: "sa.Select[tuple[int]]") -> int:
    in_order = chunk_ids.order_by(chunk.c.version, chunk.c.ordinal)
    keywords.remove(transaction, in_order)
    return transaction.execute(sa.delete(chunk).where(chunk.c.chunk_id.in_(in_order))).rowcount


def _of(document_id: DocumentId, version: int) -> tuple[sa.ColumnElement[bool], ...]:
    return chunk.c.document_id == document_id, chunk.c.version == version


def _columns(one: Chunk) -> dict[str, Any]:
    return {
        "ordinal": one.ordinal,
        "text": keywords.storable(one.text),
        "start_offset": one.start,
        "end_offset": one.end,
        "page": one.page,
        "heading": one.heading,
    }
