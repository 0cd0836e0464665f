"""Vectors in memory. While there are tens of thousands, all are compared at each query: exact, in a few milliseconds.

Of more, the signs of their numbers are compared first, one bit each, and then only the rows whose signs differ least:
approximate, a fraction of the time for a million, and half the memory for each.

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
MOST_EXACT = 65_536
"""Rows of which each one is compared."""
FEWEST_LIKELY, LIKELY_SHARE = 10_000, 0.01
"""Rows that are compared after their signs: of sentences embedded by MiniLM a hundredth holds 98 % of the best ten."""
LIKELY_FOR_EACH = 10
"""So many likely rows for each one wanted; who wants more has all of them compared, so that pages fit together."""
WORD_BITS = 64
PORTION = 1_024
"""Rows that are made float32 at a time: so many stay in the processor's cache."""

Flags = np.ndarray[Any, np.dtype[np.bool_]]
Ids = np.ndarray[Any, np.dtype[np.int64]]
Rows = np.ndarray[Any, np.dtype[np.intp]]
Words = np.ndarray[Any, np.dtype[np.uint64]]
Stored = np.ndarray[Any, np.dtype[np.float32 | np.float16]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """The vectors of one number of dimensions, `(at least count, dimensions)`, each of length 1 or 0.

    They are float32; of more than `MOST_EXACT` float16, with `signs`, `(words, at least count)`, a bit for each number.
    `spans` has the first row of each document and the one after its last.
    """

    vectors: Stored
    signs: Words | None
    chunk_ids: Ids
    is_alive: Flags
    spans: Mapping[str, tuple[int, int]]

    @classmethod
    def empty(cls, dimensions: int) -> "Matrix":
        """One without rows."""
        return cls(
            vectors=np.empty((0, dimensions), np.float32),
            signs=None,
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
        signs = 0 if self.signs is None else self.signs[:, : self.count].nbytes
        return self.vectors[: self.count].nbytes + signs + self.chunk_ids.nbytes + self.is_alive.nbytes

    def with_rows(self, document_ids: Sequence[str], chunk_ids: Sequence[int], vectors: Floats) -> "Matrix":
        """With more rows; those of a document follow each other, here and in what is added next."""
        count = self.count + len(vectors)
        is_room = count <= len(self.vectors) and (count > MOST_EXACT) == (self.signs is not None)
        room, signs = (self.vectors, self.signs) if is_room else self._moved(count)
        room[self.count : count] = vectors
        if signs is not None:
            signs[:, self.count : count] = _signs(vectors)
        return replace(
            self,
            vectors=room,
            signs=signs,
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
        alive = self.is_alive if document_ids is None else self._rows_of(document_ids)
        if self.signs is None:
            rows = np.flatnonzero(alive)
            scores = (self.vectors[: self.count] @ wanted)[rows]
        else:
            rows = self._likely(self.signs, wanted, limit, alive)
            scores = self._compared(rows, wanted)
        worst = np.partition(scores, -limit)[-limit] if 0 < limit < len(rows) else -np.inf
        kept = np.flatnonzero(scores >= worst)
        best = kept[np.lexsort((self.chunk_ids[rows[kept]], -scores[kept]))][:limit]
        found = zip(self.chunk_ids[rows[best]].tolist(), scores[best].tolist(), strict=True)
        return [Candidate(*pair) for pair in found]

    def _likely(self, signs: Words, wanted: Floats, limit: int, alive: Flags) -> Rows:
        """The living rows whose signs differ least from those of what is wanted, with all that differ as little."""
        most = max(FEWEST_LIKELY, int(LIKELY_SHARE * self.count))
        if np.count_nonzero(alive) <= most or limit * LIKELY_FOR_EACH > most:
            return np.flatnonzero(alive)
        apart = np.zeros(self.count, np.uint16)
        for column, word in zip(signs, _signs(wanted[np.newaxis])[:, 0], strict=True):
            apart += np.bitwise_count(column[: self.count] ^ word)
        apart[~alive] = np.iinfo(np.uint16).max
        return np.flatnonzero(apart <= np.partition(apart, most - 1)[most - 1])

    def _compared(self, rows: Rows, wanted: Floats) -> Floats:
        scores = np.empty(len(rows), np.float32)
        for start in range(0, len(rows), PORTION):
            some = rows[start : start + PORTION]
            scores[start : start + PORTION] = self.vectors[some].astype(np.float32) @ wanted
        return scores

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

    def _moved(self, count: int) -> tuple[Stored, Words | None]:
        """Room for twice as many rows, with those of now in it."""
        room, dimensions = max(SMALLEST_ROOM, 2 * count), self.vectors.shape[1]
        vectors: Stored = np.empty((room, dimensions), np.float16 if count > MOST_EXACT else np.float32)
        vectors[: self.count] = self.vectors[: self.count]
        if count <= MOST_EXACT:
            return vectors, None
        signs = np.empty((-(-dimensions // WORD_BITS), room), np.uint64)
        signs[:, : self.count] = (
            _signs(self.vectors[: self.count]) if self.signs is None else self.signs[:, : self.count]
        )
        return vectors, signs

    def _compacted(self) -> "Matrix":
        spans, start = {}, 0
        for document_id, (first, last) in sorted(self.spans.items(), key=lambda one: one[1]):
            spans[document_id] = (start, start := start + last - first)
        alive = np.flatnonzero(self.is_alive)
        is_large = len(alive) > MOST_EXACT
        return Matrix(
            vectors=self.vectors[alive] if is_large else self.vectors[alive].astype(np.float32),
            signs=self.signs[:, alive] if is_large and self.signs is not None else None,
            chunk_ids=self.chunk_ids[alive],
            is_alive=np.ones(len(alive), np.bool_),
            spans=spans,
        )


def _signs(vectors: Stored) -> Words:
    """A bit for each number, set above zero; `(words, rows)`, so that the same word of all rows lies together."""
    bits = np.packbits(vectors > 0, axis=1)
    padded = np.zeros((len(bits), -(-vectors.shape[1] // WORD_BITS) * (WORD_BITS // 8)), np.uint8)
    padded[:, : bits.shape[1]] = bits
    return np.ascontiguousarray(padded.view(np.uint64).T)
