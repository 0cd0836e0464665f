"""The vectors of SQLite's workspaces, kept in memory and brought up to date before each use."""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from itertools import groupby

import sqlalchemy as sa

from headrace.search.matrix import Matrix
from headrace.search.vectors import units
from headrace.store.database import Database
from headrace.store.schema import document, workspace

VERSIONS_AT_ONCE = 500
ROWS_AT_ONCE = 2_000

Version = tuple[str, int]
Row = tuple[str, int, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A workspace as it was at `index_number`: the live version of each document, a matrix for each dimension.

    `vectors_number` counts how often all of its vectors were made anew.
    """

    index_number: int = -1
    vectors_number: int = 0
    versions: Mapping[str, int] = field(default_factory=dict)
    matrices: Mapping[int, Matrix] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        """Memory used by the vectors."""
        return sum(matrix.size_bytes for matrix in self.matrices.values())


class Shelf:
    """Where the newest view of a workspace is kept; `lock` is held by whoever brings it up to date."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.view = View()


class Views:
    """The views of the workspaces that were asked last, up to a limit in bytes; safe to use from many threads."""

    def __init__(self, database: Database, limit_bytes: int) -> None:
        self._database = database
        self._limit_bytes = limit_bytes
        self._shelves: OrderedDict[str, Shelf] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def reading(self, workspace_ids: Sequence[str]) -> Iterator[tuple[sa.Connection, list[View]]]:
        """A connection, and views of these workspaces at the moment that the connection sees."""
        with ExitStack() as locks:
            # Before the moment begins, or a view could be ahead of it; in one order, or two could wait for each other.
            shelves = {one: self._shelf(one) for one in sorted(set(workspace_ids))}
            for shelf in shelves.values():
                locks.enter_context(shelf.lock)
            with self._database.read() as connection:
                views = [self._current(connection, *one) for one in shelves.items()]
                locks.close()
                self._shrink(keep=len(views))
                yield connection, views

    @property
    def size_bytes(self) -> int:
        """Memory used by all that is kept."""
        with self._lock:
            return sum(shelf.view.size_bytes for shelf in self._shelves.values())

    def _shelf(self, workspace_id: str) -> Shelf:
        with self._lock:
            shelf = self._shelves.setdefault(workspace_id, Shelf())
            self._shelves.move_to_end(workspace_id)
            return shelf

    def _current(self, connection: sa.Connection, workspace_id: str, shelf: Shelf) -> View:
        statement = sa.select(workspace.c.index_number, workspace.c.vectors_number).where(
            workspace.c.workspace_id == workspace_id
        )
        row = connection.execute(statement).one_or_none()
        view = shelf.view
        if row is None:
            view = View()
        elif view.index_number != row.index_number:
            kept = view if view.vectors_number == row.vectors_number else View()
            brought_up = _brought_up(kept, connection, workspace_id, row.index_number)
            view = replace(brought_up, vectors_number=row.vectors_number)
        shelf.view = view
        return view

    def _shrink(self, keep: int) -> None:
        """Let go of what was used longest ago; what is in use now stays, however large."""
        with self._lock:
            sizes = {one: shelf.view.size_bytes for one, shelf in self._shelves.items()}
            total = sum(sizes.values())
            for workspace_id in list(self._shelves)[: max(0, len(self._shelves) - keep)]:
                if total <= self._limit_bytes:
                    break
                total -= sizes[workspace_id]
                self._shelves[workspace_id].view = View()


def _brought_up(old: View, connection: sa.Connection, workspace_id: str, index_number: int) -> View:
    live = sa.select(document.c.document_id, document.c.live_version).where(
        document.c.workspace_id == workspace_id, document.c.live_version.is_not(None)
    )
    versions: dict[str, int] = {document_id: version for document_id, version in connection.execute(live)}  # noqa: C416
    gone = [one for one, version in old.versions.items() if versions.get(one) != version]
    new = [one for one in versions.items() if old.versions.get(one[0]) != one[1]]
    matrices = dict(old.matrices)
    if gone:
        matrices = {dimensions: matrix.without(gone) for dimensions, matrix in matrices.items()}
    for rows in _rows(connection, new):
        _add(matrices, rows)
    return View(index_number=index_number, versions=versions, matrices=matrices)


def _rows(connection: sa.Connection, versions: Sequence[Version]) -> Iterator[Sequence[Row]]:
    """The vectors of these versions as `(document_id, chunk_id, vector)`, some thousands at a time."""
    for start in range(0, len(versions), VERSIONS_AT_ONCE):
        some = versions[start : start + VERSIONS_AT_ONCE]
        wanted = ", ".join(["(?, ?)"] * len(some))
        found = connection.exec_driver_sql(
            f"WITH wanted (document_id, version) AS (VALUES {wanted})"  # noqa: S608
            " SELECT wanted.document_id, chunk.chunk_id, chunk.vector FROM wanted CROSS JOIN chunk"
            " ON chunk.document_id = wanted.document_id AND chunk.version = wanted.version"
            " WHERE chunk.vector IS NOT NULL",
            tuple(value for version in some for value in version),
        )
        while rows := found.fetchmany(ROWS_AT_ONCE):
            yield [(document_id, chunk_id, vector) for document_id, chunk_id, vector in rows]


def _add(matrices: dict[int, Matrix], rows: Iterable[Row]) -> None:
    by_size = sorted(rows, key=lambda row: len(row[2]))  # stable: a document's rows stay together
    for size, same in groupby(by_size, key=lambda row: len(row[2])):
        dimensions = size // 2
        document_ids, chunk_ids, vectors = zip(*same, strict=True)
        matrix = matrices.get(dimensions) or Matrix.empty(dimensions)
        matrices[dimensions] = matrix.with_rows(document_ids, chunk_ids, units(b"".join(vectors), dimensions))
