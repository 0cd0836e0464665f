"""Finds candidates on Postgres: a GIN index of words, and pgvector."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import TSVECTOR

from headrace.search import words
from headrace.search.highlight import BEGIN, END, spans, words_only
from headrace.search.question import Candidate, Query
from headrace.search.scope import Condition, conditions, is_live
from headrace.store.database import Database
from headrace.store.schema import chunk, document
from headrace.store.types import HalfVector

LONGEST_INDEXED = 4000
"""Dimensions that pgvector's HNSW can take as `halfvec`; longer vectors are compared one by one."""
WORTH_AN_INDEX = 10_000
INDEX_LOCK = 7_155_171
SEARCH_WIDTH = 200

_keywords = sa.table("chunk_fts", sa.column("chunk_id", sa.BigInteger), sa.column("words", TSVECTOR))


class PostgresFinder:
    """Opens readings on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def reading(self, query: Query) -> Iterator["PostgresReading"]:  # noqa: D102
        allowed = conditions(query, is_sqlite=False)
        with self._database.read() as connection:
            yield PostgresReading(connection, query, allowed)


class PostgresReading:
    """One repeatable read."""

    def __init__(self, connection: sa.Connection, query: Query, allowed: list[Condition]) -> None:
        self.connection = connection
        self._query = query
        self._allowed = sa.and_(is_live(), *allowed)

    def by_keyword(self, limit: int) -> list[Candidate]:  # noqa: D102
        every = sa.func.plainto_tsquery("english", " ".join(words.asked(self._query.text)))
        either = sa.func.replace(sa.cast(every, sa.Text), " & ", " | ").op("::")(sa.text("tsquery"))
        has_all = sa.cast(_keywords.c.words.op("@@")(every), sa.Integer)
        # 32: rank / (rank + 1), so that what has all words comes before what has not.
        score = sa.func.ts_rank_cd(_keywords.c.words, either, 32) + has_all
        statement = (
            sa.select(chunk.c.chunk_id, score.label("score"))
            .where(chunk.c.chunk_id == _keywords.c.chunk_id, self._allowed, _keywords.c.words.op("@@")(either))
            .order_by(sa.desc("score"), chunk.c.chunk_id)
            .limit(limit)
        )
        return _candidates(self.connection, statement)

    def highlights(self, texts: Mapping[int, str]) -> dict[int, tuple[tuple[int, int], ...]]:  # noqa: D102
        asked = " ".join(words.asked(self._query.text))
        if not asked or not texts:
            return {}
        found = self.connection.exec_driver_sql(
            "SELECT given.chunk_id, ts_headline('english', given.text,"
            " replace(plainto_tsquery('english', %s)::text, ' & ', ' | ')::tsquery, %s)"
            " FROM unnest(%s::bigint[], %s::text[]) AS given (chunk_id, text)",
            (
                asked,
                f'HighlightAll=true, StartSel="{BEGIN}", StopSel="{END}"',
                list(texts),
                [words_only(text) for text in texts.values()],
            ),
        )
        return {chunk_id: spans(marked, texts[chunk_id]) for chunk_id, marked in found}

    def by_vector(self, limit: int) -> list[Candidate]:  # noqa: D102
        if self._query.vector is None:
            return []
        from headrace.search import vectors  # numpy only where vectors are asked for

        wanted = vectors.unit(self._query.vector)
        if wanted is None:
            return []
        self.connection.exec_driver_sql("SET LOCAL hnsw.iterative_scan = strict_order")
        self.connection.exec_driver_sql(f"SET LOCAL hnsw.ef_search = {SEARCH_WIDTH}")
        nearest = self._nearest(vectors.as_half(wanted), len(wanted), limit, exactly=False)
        if len(nearest) < limit:
            # The index gives up among chunks that the query may not see; those that it may see are few then.
            nearest = self._nearest(vectors.as_half(wanted), len(wanted), limit, exactly=True)
        return nearest

    def _nearest(self, wanted: bytes, dimensions: int, limit: int, *, exactly: bool) -> list[Candidate]:
        kind = f"halfvec({dimensions})"
        target = sa.cast(sa.literal(wanted, HalfVector()), HalfVector()).op("::")(sa.text(kind))
        distance: sa.ColumnElement[float] = chunk.c.vector.op("::")(sa.text(kind)).op("<=>", return_type=sa.Double())(
            target
        )
        # As in the index's own definition, and a literal, or a prepared statement could not use it.
        has_dimensions = sa.func.vector_dims(chunk.c.vector) == sa.literal_column(str(dimensions))
        order = distance + 0 if exactly else distance
        comparable = self._query.vector_workspaces
        is_comparable = sa.true() if comparable is None else document.c.workspace_id.in_(comparable)
        found = (
            sa.select(chunk.c.chunk_id, distance.label("distance"))
            .where(self._allowed, has_dimensions, is_comparable)
            .order_by(order, chunk.c.chunk_id)
            .limit(limit)
            .subquery()
        )
        score = 1 - found.c.distance
        statement = sa.select(found.c.chunk_id, score.label("score")).order_by(sa.desc("score"), found.c.chunk_id)
        return _candidates(self.connection, statement.where(found.c.distance != sa.literal_column("'NaN'")))


def _candidates(connection: sa.Connection, statement: "sa.Select[Any]") -> list[Candidate]:
    return [Candidate(chunk_id, float(score)) for chunk_id, score in connection.execute(statement)]


def ensure_vector_index(database: Database, dimensions: int) -> bool:
    """Index the vectors of so many dimensions, if it is worth it and not done yet; says whether there is an index.

    Others go on writing meanwhile. SQLite needs none; with fewer than ten thousand vectors, or more than 4,000
    dimensions, Postgres compares all of them.
    """
    if database.is_sqlite or dimensions > LONGEST_INDEXED:
        return False
    name = f"ix_chunk_vector_{dimensions:d}"
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not _is_worth_it(connection, dimensions):
            return False
        connection.exec_driver_sql("SET statement_timeout = 0")  # it may take long, and nobody waits for it
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({INDEX_LOCK})")
        try:
            _make_index(connection, name, dimensions)
        finally:
            connection.exec_driver_sql(f"SELECT pg_advisory_unlock({INDEX_LOCK})")
            connection.exec_driver_sql("RESET statement_timeout")
    return True


def _is_worth_it(connection: sa.Connection, dimensions: int) -> bool:
    some = f"SELECT 1 FROM chunk WHERE vector_dims(vector) = {dimensions:d} LIMIT {WORTH_AN_INDEX}"  # noqa: S608
    count = connection.exec_driver_sql(f"SELECT count(*) FROM ({some}) AS found").scalar_one()  # noqa: S608
    return int(count) == WORTH_AN_INDEX


def _make_index(connection: sa.Connection, name: str, dimensions: int) -> None:
    is_valid = connection.execute(
        sa.text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)"), {"name": name}
    ).scalar()
    if is_valid is False:  # its making was cut short
        connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
    connection.exec_driver_sql(
        f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON chunk"
        f" USING hnsw ((vector::halfvec({dimensions:d})) halfvec_cosine_ops) WHERE vector_dims(vector) = {dimensions:d}"
    )
