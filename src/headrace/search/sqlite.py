"""Finds candidates on SQLite: FTS5, and matrices in memory."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import sqlalchemy as sa

from headrace.search import words
from headrace.search.highlight import BEGIN, END, spans
from headrace.search.question import Candidate, Query, SearchMode
from headrace.search.scope import Condition, conditions, is_live
from headrace.store.database import Database
from headrace.store.schema import chunk, document, workspace

if TYPE_CHECKING:
    from headrace.search.views import View, Views

MOST_RANKED = 4_000
"""Chunks with only the commonest of several words are not ranked when there are more than this (bm25 costs 3 us)."""
SPARE = 10

_keywords = sa.table("chunk_fts", sa.column("rowid", sa.Integer))


class SqliteFinder:
    """Opens readings on SQLite."""

    def __init__(self, database: Database, matrix_bytes: int) -> None:
        self._database = database
        self._matrix_bytes = matrix_bytes
        self._views: Views | None = None
        self._lock = threading.Lock()

    @contextmanager
    def reading(self, query: Query) -> Iterator["SqliteReading"]:  # noqa: D102
        allowed = conditions(query, is_sqlite=True)
        if query.vector is None or query.mode is SearchMode.KEYWORD:
            with self._database.read() as connection:
                yield SqliteReading(connection, query, allowed, [])
        else:
            with self.views.reading(self._workspaces(query)) as (connection, views):
                yield SqliteReading(connection, query, allowed, views)

    @property
    def views(self) -> "Views":
        """The matrices; numpy is imported by the first query that needs them."""
        with self._lock:
            if self._views is None:
                from headrace.search.views import Views

                self._views = Views(self._database, self._matrix_bytes)
            return self._views

    def _workspaces(self, query: Query) -> Sequence[str]:
        statement = sa.select(workspace.c.workspace_id).where(workspace.c.user_id == query.user_id)
        if query.workspace_id is not None:
            statement = statement.where(workspace.c.workspace_id == query.workspace_id)
        if query.vector_workspaces is not None:
            statement = statement.where(workspace.c.workspace_id.in_(query.vector_workspaces))
        with self._database.read() as connection:
            return connection.scalars(statement).all()


class SqliteReading:
    """One snapshot, and the matrices as of it."""

    def __init__(
        self, connection: sa.Connection, query: Query, allowed: list[Condition], views: Sequence["View"]
    ) -> None:
        self.connection = connection
        self._query = query
        self._allowed = allowed
        self._views = views

    def by_keyword(self, limit: int) -> list[Candidate]:  # noqa: D102
        asked = words.asked(self._query.text)
        if not asked:
            return []
        if not self._query.is_narrowed:
            # Most that is in the index can be seen by most queries: ask for some more, and look at those alone.
            portion = limit + limit // 2 + SPARE
            found = self._ranked(asked, portion)
            visible = self._visible([one.chunk_id for one in found])
            kept = [one for one in found if one.chunk_id in visible]
            if len(kept) >= limit or len(found) < portion:
                return kept[:limit]
        mine = sa.select(chunk.c.chunk_id).join(document, is_live()).where(*self._allowed)
        return self._ranked(asked, limit, mine)

    def by_vector(self, limit: int) -> list[Candidate]:  # noqa: D102
        if self._query.vector is None:
            return []
        from headrace.search import vectors  # numpy only where vectors are asked for

        wanted = vectors.unit(self._query.vector)
        if wanted is None:
            return []
        matrices = [view.matrices[len(wanted)] for view in self._views if len(wanted) in view.matrices]
        documents = self._documents() if self._query.is_narrowed else None
        found = [one for matrix in matrices for one in matrix.nearest(wanted, limit, documents)]
        return sorted(found, key=lambda one: (-one.score, one.chunk_id))[:limit]

    def highlights(self, texts: Mapping[int, str]) -> dict[int, tuple[tuple[int, int], ...]]:  # noqa: D102
        asked = words.asked(self._query.text)
        if not asked or not texts:
            return {}
        places = ", ".join("?" * len(texts))
        found = self.connection.exec_driver_sql(
            f"SELECT rowid, highlight(chunk_fts, 0, ?, ?) FROM chunk_fts"  # noqa: S608
            f" WHERE chunk_fts MATCH ? AND rowid IN ({places})",
            (BEGIN, END, _any_of(asked), *texts),
        )
        return {chunk_id: spans(marked, texts[chunk_id]) for chunk_id, marked in found}

    def _documents(self) -> set[str]:
        return set(self.connection.scalars(sa.select(document.c.document_id).where(*self._allowed)))

    def _visible(self, chunk_ids: Sequence[int]) -> set[int]:
        # Not a join, which SQLite would begin at the user's documents.
        in_scope = sa.exists().where(is_live(), *self._allowed)
        return set(
            self.connection.scalars(sa.select(chunk.c.chunk_id).where(chunk.c.chunk_id.in_(chunk_ids), in_scope))
        )

    def _ranked(self, asked: Sequence[str], limit: int, mine: "sa.Select[tuple[int]] | None" = None) -> list[Candidate]:
        rare = self._rarest(asked)
        if mine is None:
            return self._ranked_of_all(asked, rare, limit)
        every, either = _all_of(asked), _any_of(asked)
        has_all = _keywords.c.rowid.in_(_matching(every)).label("has_all")
        score = sa.literal_column("-bm25(chunk_fts)", sa.Double).label("score")
        statement = sa.select(_keywords.c.rowid, score, has_all).where(_match(either))
        rowid = sa.literal_column("+chunk_fts.rowid", sa.Integer)  # the plus: not one search of the index for each row
        if len(rare) < len(asked):
            statement = statement.where(rowid.in_(_matching(_any_of(rare))))
        ranked = statement.where(rowid.in_(mine)).order_by(has_all.desc(), score.desc(), _keywords.c.rowid).limit(limit)
        return [
            Candidate(chunk_id, rank / (1 + rank) + all_) for chunk_id, rank, all_ in self.connection.execute(ranked)
        ]

    def _ranked_of_all(self, asked: Sequence[str], rare: Sequence[str], limit: int) -> list[Candidate]:
        """As `_ranked`, in the driver's own words, which is what nearly every query needs."""
        needed = (
            "" if len(rare) == len(asked) else " AND +rowid IN (SELECT rowid FROM chunk_fts WHERE chunk_fts MATCH ?)"
        )
        found = self.connection.exec_driver_sql(
            "SELECT rowid, -bm25(chunk_fts) AS score,"  # noqa: S608
            " rowid IN (SELECT rowid FROM chunk_fts WHERE chunk_fts MATCH ?) AS has_all"
            f" FROM chunk_fts WHERE chunk_fts MATCH ?{needed} ORDER BY has_all DESC, score DESC, rowid LIMIT ?",
            (_all_of(asked), _any_of(asked), *([_any_of(rare)] if needed else []), limit),
        )
        return [Candidate(chunk_id, rank / (1 + rank) + all_) for chunk_id, rank, all_ in found]

    def _rarest(self, asked: Sequence[str]) -> list[str]:
        """The words that a chunk needs one of to be ranked: all, unless that would be too many chunks."""
        if len(asked) == 1:
            return list(asked)
        counted = sorted(zip(self._counts(asked), asked, strict=True))
        rare: list[str] = []
        total = 0
        for count, word in counted:
            total += count
            if rare and total > MOST_RANKED:
                break
            if count:
                rare.append(word)
        return rare or list(asked)

    def _counts(self, asked: Sequence[str]) -> Sequence[int]:
        """In how many chunks each word is, up to `MOST_RANKED`."""
        one = f"(SELECT count(*) FROM (SELECT 1 FROM chunk_fts WHERE chunk_fts MATCH ? LIMIT {MOST_RANKED}))"  # noqa: S608
        terms = tuple(_any_of([word]) for word in asked)
        return tuple(self.connection.exec_driver_sql(f"SELECT {', '.join([one] * len(terms))}", terms).one())


def _match(expression: str) -> Condition:
    return sa.literal_column("chunk_fts").op("MATCH", is_comparison=True)(expression)


def _matching(expression: str) -> "sa.Select[tuple[int]]":
    return sa.select(_keywords.c.rowid).where(_match(expression))


def _all_of(asked: Sequence[str]) -> str:
    return " AND ".join(f'"{word}"' for word in asked)


def _any_of(asked: Sequence[str]) -> str:
    return " OR ".join(f'"{word}"' for word in asked)
