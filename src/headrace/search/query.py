"""Answers a query: keywords, vectors, or both fused, from one moment of the database."""

from collections.abc import Sequence

import sqlalchemy as sa

from headrace.model.document import Hit
from headrace.model.ids import DocumentId
from headrace.search.postgres import PostgresFinder
from headrace.search.question import Candidate, Finder, Query, Reading, SearchMode
from headrace.search.scope import is_live
from headrace.search.sqlite import SqliteFinder
from headrace.store.database import Database
from headrace.store.schema import chunk, document

__all__ = ["Query", "SearchMode", "Searcher", "fuse"]

FEWEST_CANDIDATES = 50
FUSION_CONSTANT = 60
"""Cormack, Clarke and Buettcher, "Reciprocal Rank Fusion outperforms Condorcet" (SIGIR 2009)."""
GIGABYTE = 1_000_000_000


class Searcher:
    """Answers queries, from any thread.

    On SQLite it keeps the vectors of the workspaces asked last in memory, up to `matrix_bytes` (a single workspace
    that is larger is kept while it is the one asked).
    """

    def __init__(self, database: Database, *, matrix_bytes: int = GIGABYTE) -> None:
        self._finder: Finder = SqliteFinder(database, matrix_bytes) if database.is_sqlite else PostgresFinder(database)

    def query(self, query: Query) -> list[Hit]:
        """At most `top_k` chunks, best first, ties by chunk id.

        All are of the versions that were live at one moment. Someone else's workspaces and documents have no hits.

        Raises:
            InvalidField: the filters cannot be meant.
        """
        with self._finder.reading(query) as reading:
            best = _candidates(reading, query)[: query.top_k]
            return _hits(reading.connection, query, best)


def fuse(*rankings: Sequence[Candidate]) -> list[Candidate]:
    """One ranking of several by reciprocal ranks: the score is the sum of 1 / (60 + rank), ranks from 1."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, candidate in enumerate(ranking, 1):
            scores[candidate.chunk_id] = scores.get(candidate.chunk_id, 0.0) + 1 / (FUSION_CONSTANT + rank)
    return sorted((Candidate(*pair) for pair in scores.items()), key=lambda one: (-one.score, one.chunk_id))


def _candidates(reading: Reading, query: Query) -> list[Candidate]:
    if query.mode is SearchMode.KEYWORD:
        return reading.by_keyword(query.top_k)
    if query.mode is SearchMode.VECTOR:
        return reading.by_vector(query.top_k)
    wanted = max(FEWEST_CANDIDATES, query.top_k)
    nearest = reading.by_vector(wanted)
    worded = reading.by_keyword(wanted)
    return fuse(worded, nearest) if nearest else worded


def _hits(connection: sa.Connection, query: Query, best: Sequence[Candidate]) -> list[Hit]:
    statement = sa.select(
        *(column for column in chunk.c if column is not chunk.c.vector),
        *(document.c.metadata, document.c.filename, document.c.user_id),
    ).where(chunk.c.chunk_id.in_([one.chunk_id for one in best]), is_live())
    found = connection.execute(statement).mappings()
    # Not in the statement, or SQLite would begin at the user's documents.
    rows = {row["chunk_id"]: row for row in found if row["user_id"] == query.user_id}
    return [_hit(rows[one.chunk_id], one.score) for one in best if one.chunk_id in rows]


def _hit(row: sa.RowMapping, score: float) -> Hit:
    return Hit(
        document_id=DocumentId(row["document_id"]),
        chunk_id=str(row["chunk_id"]),
        text=row["text"],
        score=score,
        metadata=row["metadata"],
        filename=row["filename"],
        offsets=(row["start_offset"], row["end_offset"]),
        page=row["page"],
    )
