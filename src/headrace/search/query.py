"""Answers a query: keywords, vectors, or both fused, from one moment of the database."""

from collections.abc import Sequence

import sqlalchemy as sa

from headrace.model.document import Hit, Neighbour, Stretch
from headrace.model.ids import DocumentId, UserId
from headrace.search import words
from headrace.search.exact import sharpened
from headrace.search.neighbours import neighbours
from headrace.search.postgres import PostgresFinder
from headrace.search.question import (
    FEWEST_CANDIDATES,
    Candidate,
    Clock,
    Finder,
    Query,
    Reading,
    SearchMode,
    Span,
)
from headrace.search.scope import is_live
from headrace.search.sqlite import SqliteFinder
from headrace.search.stretch import around, stretch
from headrace.store.database import Database
from headrace.store.schema import chunk, document

__all__ = ["Clock", "Query", "SearchMode", "Searcher", "Span", "fuse"]

FUSION_CONSTANT = 10
"""Cormack, Clarke and Buettcher, "Reciprocal Rank Fusion outperforms Condorcet" (SIGIR 2009), who take 60. A smaller
one lets the first places of either ranking count for more: on the labelled sets of `bench/retrieval.py` never worse."""
GIGABYTE = 1_000_000_000


class Searcher:
    """Answers queries, from any thread.

    On SQLite it keeps the vectors of the workspaces asked last in memory, up to `matrix_bytes` (a single workspace
    that is larger is kept while it is the one asked).
    """

    def __init__(self, database: Database, *, matrix_bytes: int = GIGABYTE) -> None:
        self._database = database
        self._finder: Finder = SqliteFinder(database, matrix_bytes) if database.is_sqlite else PostgresFinder(database)

    def query(self, query: Query) -> list[Hit]:
        """At most `top_k` chunks, best first, ties by chunk id.

        All are of the versions that were live at one moment. Someone else's workspaces and documents have no hits.

        Raises:
            InvalidField: the filters cannot be meant.
        """
        return self.page(query)[0]

    def page(self, query: Query) -> tuple[list[Hit], bool]:
        """As `query`, after the first `offset` of them; and whether there are more.

        While the index stays as it is, pages of one size never repeat a passage nor leave one out; where the index is
        approximate, up to the thousandth. A fused ranking ends with the candidates that were fused, some hundreds.
        """
        with self._finder.reading(query) as reading:
            found = _candidates(reading, query)
            best = found[query.offset : query.offset + query.top_k]
            return _hits(reading, query, best), len(found) > query.offset + query.top_k

    def neighbours(self, user_id: UserId, chunk_id: str, *, before: int, after: int) -> list[Neighbour]:
        """A passage with those around it in the same document, in their order.

        Raises:
            ChunkNotFound: there is none, it is not what readers see now, or it is someone else's.
        """
        with self._database.read() as connection:
            return neighbours(connection, user_id, chunk_id, before=before, after=after)

    def stretch(self, user_id: UserId, document_id: str, *, start: int, length: int) -> Stretch:
        """A part of a document's text.

        Raises:
            DocumentNotFound: there is none, nothing of it can be read yet, or it is someone else's.
        """
        with self._database.read() as connection:
            return stretch(connection, user_id, document_id, start=start, length=length)

    def around(self, user_id: UserId, document_id: str, chunk_id: str, *, margin: int) -> Stretch:
        """A passage where it stands in its document's text.

        Raises:
            ChunkNotFound, DocumentNotFound: there is none, it is not what readers see now, or it is someone else's.
        """
        with self._database.read() as connection:
            return around(connection, user_id, document_id, chunk_id, margin=margin)


def fuse(*rankings: Sequence[Candidate]) -> list[Candidate]:
    """One ranking of several by reciprocal ranks: the score is the sum of 1 / (10 + rank), ranks from 1."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, candidate in enumerate(ranking, 1):
            scores[candidate.chunk_id] = scores.get(candidate.chunk_id, 0.0) + 1 / (FUSION_CONSTANT + rank)
    return sorted((Candidate(*pair) for pair in scores.items()), key=lambda one: (-one.score, one.chunk_id))


def _candidates(reading: Reading, query: Query) -> list[Candidate]:
    seen = query.offset + query.top_k + 1
    if query.mode is SearchMode.KEYWORD:
        return _by_keyword(reading, query, seen)
    if query.mode is SearchMode.VECTOR:
        return reading.by_vector(seen)
    nearest = reading.by_vector(query.depth)
    return fuse(_by_keyword(reading, query, query.depth), nearest) if nearest else _by_keyword(reading, query, seen)


def _by_keyword(reading: Reading, query: Query, limit: int) -> list[Candidate]:
    """The first hundred are ranked once more; as many for each page, or a later one could repeat an earlier."""
    found = reading.by_keyword(max(limit, FEWEST_CANDIDATES))
    best, others = found[:FEWEST_CANDIDATES], found[FEWEST_CANDIDATES:]
    texts = sa.select(chunk.c.chunk_id, chunk.c.text).where(chunk.c.chunk_id.in_([one.chunk_id for one in best]))
    told = dict(reading.connection.execute(texts).all()) if best else {}
    return [*sharpened(best, told, words.asked(query.text)), *others][:limit]


def _hits(reading: Reading, query: Query, best: Sequence[Candidate]) -> list[Hit]:
    rows = _rows(reading.connection, query, best)
    marked = reading.highlights({chunk_id: row["text"] for chunk_id, row in rows.items()})
    return [_hit(rows[one.chunk_id], one.score, marked.get(one.chunk_id, ())) for one in best if one.chunk_id in rows]


def _rows(connection: sa.Connection, query: Query, best: Sequence[Candidate]) -> dict[int, sa.RowMapping]:
    statement = sa.select(
        *(column for column in chunk.c if column is not chunk.c.vector),
        *(document.c.metadata, document.c.filename, document.c.user_id, document.c.created_at, document.c.updated_at),
    ).where(chunk.c.chunk_id.in_([one.chunk_id for one in best]), is_live())
    found = connection.execute(statement).mappings()
    # Not in the statement, or SQLite would begin at the user's documents.
    return {row["chunk_id"]: row for row in found if row["user_id"] == query.user_id}


def _hit(row: sa.RowMapping, score: float, highlights: tuple[tuple[int, int], ...]) -> Hit:
    return Hit(
        document_id=DocumentId(row["document_id"]),
        chunk_id=str(row["chunk_id"]),
        text=row["text"],
        score=score,
        metadata=row["metadata"],
        filename=row["filename"],
        offsets=(row["start_offset"], row["end_offset"]),
        page=row["page"],
        heading=row["heading"],
        ordinal=row["ordinal"],
        highlights=highlights,
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
