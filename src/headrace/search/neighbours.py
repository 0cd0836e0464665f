"""The passages around a passage."""

import sqlalchemy as sa

from headrace.model.document import Neighbour
from headrace.model.errors import ChunkNotFound
from headrace.model.ids import DocumentId, UserId
from headrace.search.scope import is_live
from headrace.store.schema import chunk, document

LARGEST_ID = 2**63


def neighbours(
    connection: sa.Connection, user_id: UserId, chunk_id: str, *, before: int, after: int
) -> list[Neighbour]:
    """The passage itself and those up to so many before and after it, of the version that readers see.

    Raises:
        ChunkNotFound: there is none of that id for this user.
    """
    row = find_one(connection, user_id, chunk_id)
    around = (
        sa.select(chunk)
        .where(
            chunk.c.document_id == row["document_id"],
            chunk.c.version == row["version"],
            chunk.c.ordinal.between(row["ordinal"] - before, row["ordinal"] + after),
        )
        .order_by(chunk.c.ordinal)
    )
    return [neighbour_of(one) for one in connection.execute(around).mappings()]


def find_one(connection: sa.Connection, user_id: UserId, chunk_id: str) -> sa.RowMapping:
    """Where a passage that this user can search stands.

    Raises:
        ChunkNotFound: there is none of that id.
    """
    if not chunk_id.isdecimal() or int(chunk_id) >= LARGEST_ID:
        raise ChunkNotFound(chunk_id)
    statement = (
        sa.select(chunk.c.document_id, chunk.c.version, chunk.c.ordinal, chunk.c.start_offset, chunk.c.end_offset)
        .join(document, is_live())
        .where(chunk.c.chunk_id == int(chunk_id), document.c.user_id == user_id)
    )
    row = connection.execute(statement).mappings().one_or_none()
    if row is None:
        raise ChunkNotFound(chunk_id)
    return row


def neighbour_of(row: sa.RowMapping) -> Neighbour:
    """A row of `chunk` in our words."""
    return Neighbour(
        document_id=DocumentId(row["document_id"]),
        chunk_id=str(row["chunk_id"]),
        ordinal=row["ordinal"],
        text=row["text"],
        offsets=(row["start_offset"], row["end_offset"]),
        page=row["page"],
        heading=row["heading"],
    )
