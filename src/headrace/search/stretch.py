"""A document's text as it was extracted, put together from its passages, so that a hit can be shown where it stands.

What lies between two passages is white space, which is not kept: a blank stands for one character of it, line feeds for
more. So every offset holds.
"""

from dataclasses import replace

import sqlalchemy as sa

from headrace.model.document import Neighbour, Stretch
from headrace.model.errors import DocumentNotFound
from headrace.model.ids import DocumentId, UserId
from headrace.search.neighbours import find_one, neighbour_of
from headrace.store.schema import chunk, document


def stretch(connection: sa.Connection, user_id: UserId, document_id: str, *, start: int, length: int) -> Stretch:
    """At most `length` characters from `start` on, of the version that readers see.

    Raises:
        DocumentNotFound: there is none of that id for this user, or nothing of it can be read yet.
    """
    mine = (document.c.document_id == document_id, document.c.user_id == user_id, document.c.live_version.is_not(None))
    version = connection.scalar(sa.select(document.c.live_version).where(*mine))
    if version is None:
        raise DocumentNotFound(document_id)
    of_version = (chunk.c.document_id == document_id, chunk.c.version == version)
    total = connection.scalar(sa.select(sa.func.max(chunk.c.end_offset)).where(*of_version)) or 0
    first, last = min(start, total), min(start + length, total)
    columns = [column for column in chunk.c if column is not chunk.c.vector]
    within = (chunk.c.end_offset > first, chunk.c.start_offset < last)
    rows = connection.execute(sa.select(*columns).where(*of_version, *within).order_by(chunk.c.ordinal)).mappings()
    passages = tuple(neighbour_of(row) for row in rows)
    return Stretch(
        document_id=DocumentId(document_id),
        start=first,
        end=last,
        total=total,
        text=_joined(passages, first, last),
        passages=passages,
    )


def around(connection: sa.Connection, user_id: UserId, document_id: str, chunk_id: str, *, margin: int) -> Stretch:
    """A passage with so many characters before and after it.

    Raises:
        ChunkNotFound: there is none of that id for this user.
        DocumentNotFound: it is of another document.
    """
    row = find_one(connection, user_id, chunk_id)
    if row["document_id"] != document_id:
        raise DocumentNotFound(document_id)
    sought = (row["start_offset"], row["end_offset"])
    start = max(0, sought[0] - margin)
    found = stretch(connection, user_id, document_id, start=start, length=sought[1] + margin - start)
    return replace(found, sought=sought)


def _joined(passages: tuple[Neighbour, ...], first: int, last: int) -> str:
    text, at = [], first
    for one in passages:
        start, end = one.offsets
        text.append(_gap(start - at))
        exact = one.text[: end - start].ljust(end - start)  # a chunker of another package may have changed it
        text.append(exact[max(0, at - start) : max(0, last - start)])
        at = max(at, min(end, last))
    return "".join([*text, _gap(last - at)])


def _gap(size: int) -> str:
    return " " if size == 1 else "\n" * size
