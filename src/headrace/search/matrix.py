"""Vectors in memory, all compared at each query: exact, and a few milliseconds for tens of thousands.

A `Matrix` never changes for whoever holds it: rows are added behind its end, in room that a newer one shares.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from headrace.search.question import Candidate
from headrace.search.vectors import Floats

SMALLEST_ROOM = 256
MOST_DEAD = 0.3
"""The share of rows of dropped versions at which a matrix is written anew."""

Flags = np.ndarray[Any, np.dtype[np.bool_]]
Ids = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """The vectors of one number of dimensions, `(at least count, dimensions)` float32, each of length 1 or 0.

    `spans` has the first row of each document and the one after its last.
    """

    vectors: Floats
    chunk_ids: Ids
    is_alive: Flags
    spans: Mapping[str, tuple[int, int]]

    @classmethod
    def empty(cls, dimensions: int) -> "Matrix":
        """One without rows."""
        return cls(
            vectors=np.empty((0, dimensions), np.float32),
            chunk_ids=np.empty(0, np.int64),
            is_alive=np.empty(0, np.bool_),
            spans={},
        )

    @property
    def count(self) -> int:
        """Rows, dead ones too."""
        return len(self.is_alive)

    @property
    def size_bytes(self) -> int:
        """Memory that holds something."""
        return self.vectors[: self.count].nbytes + self.chunk_ids.nbytes + self.is_alive.nbytes

    def with_rows(self, document_ids: Sequence[str], chunk_ids: Sequence[int], vectors: Floats) -> "Matrix":
        """With more rows; those of a document follow each other, here and in what is added next."""
        count = self.count + len(vectors)
        room = self.vectors if count <= len(self.vectors) else self._moved(max(SMALLEST_ROOM, 2 * count))
        room[self.count : count] = vectors
        return replace(
            self,
            vectors=room,
            chunk_ids=np.concatenate([self.chunk_ids, np.asarray(chunk_ids, np.int64)]),
            is_alive=np.concatenate([self.is_alive, np.ones(len(vectors), np.bool_)]),
            spans=self._extended(document_ids),
        )

    def without(self, document_ids: Iterable[str]) -> "Matrix":
        """With the rows of these documents dead, or gone once there are too many dead."""
        spans, is_alive = dict(self.spans), self.is_alive.copy()
        for start, stop in filter(None, (spans.pop(one, None) for one in document_ids)):
            is_alive[start:stop] = False
        left = replace(self, is_alive=is_alive, spans=spans)
        return left._compacted() if np.count_nonzero(is_alive) < (1 - MOST_DEAD) * self.count else left

    def nearest(self, wanted: Floats, limit: int, document_ids: Collection[str] | None = None) -> list[Candidate]:
        """The best by cosine, among these documents if they are given; ties by chunk id."""
        scores = self.vectors[: self.count] @ wanted
        alive = self.is_alive if document_ids is None else self._rows_of(document_ids)
        scores[~alive] = -np.inf
        worst = np.partition(scores, -limit)[-limit] if 0 < limit < self.count else -np.inf
        rows = np.flatnonzero((scores >= worst) & alive)
        best = rows[np.lexsort((self.chunk_ids[rows], -scores[rows]))][:limit]
        return [Candidate(*pair) for pair in zip(self.chunk_ids[best].tolist(), scores[best].tolist(), strict=True)]

    def _rows_of(self, document_ids: Collection[str]) -> Flags:
        flags = np.zeros(self.count, np.bool_)
        for start, stop in filter(None, map(self.spans.get, document_ids)):
            flags[start:stop] = True
        return flags

    def _extended(self, document_ids: Sequence[str]) -> dict[str, tuple[int, int]]:
        spans = dict(self.spans)
        for row, document_id in enumerate(document_ids, self.count):
            spans[document_id] = (spans.get(document_id, (row, row))[0], row + 1)
        return spans

    def _moved(self, room: int) -> Floats:
        moved = np.empty((room, self.vectors.shape[1]), np.float32)
        moved[: self.count] = self.vectors[: self.count]
        return moved

    def _compacted(self) -> "Matrix":
        spans, start = {}, 0
        for document_id, (first, last) in sorted(self.spans.items(), key=lambda one: one[1]):
            spans[document_id] = (start, start := start + last - first)
        alive = np.flatnonzero(self.is_alive)
        return Matrix(
            vectors=self.vectors[alive],
            chunk_ids=self.chunk_ids[alive],
            is_alive=np.ones(len(alive), np.bool_),
            spans=spans,
        )
