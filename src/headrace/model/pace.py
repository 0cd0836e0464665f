"""How fast work went here before, and what that says of the work of a job: pure functions of what is remembered.

For each stage and kind of work there is one count and the seconds that it took. What is new counts fully; what is older
fades with the time worked since, so that a faster machine or another service is soon believed.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from headrace.model.vocabulary import Stage

HALF_LIFE_SECONDS = 120.0
"""After so much more work of a kind, what was remembered of it counts half."""


class Unit(StrEnum):
    """What is counted of the work."""

    BYTES = "bytes"
    PAGES = "pages"
    CHUNKS = "chunks"
    EMBEDDINGS = "embeddings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """So many units took so many seconds of one thread.

    `kind` is the content type of documents while they are read, the embedder's name for embeddings, and the database's
    name for chunks that are written.
    """

    stage: Stage
    kind: str
    unit: Unit
    count: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    """All that a job has of one content type. Of embeddings it is known only that every chunk may need one."""

    content_type: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done with the documents of a job, and by how many threads at a time."""

    bulks: Sequence[Bulk]
    is_enriched: bool
    embedder: str | None
    database: str
    threads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The seconds that a job takes from its beginning: until all is read, and from there until all is searchable.

    The latter is for so many `chunks` as are expected (0 if that is not known). `done_seconds` stand for what was done
    already when the present run began.
    """

    reading_seconds: float
    indexing_seconds: float
    chunks: float = 0.0
    done_seconds: float = 0.0

    def of_chunks(self, count: int | None) -> "Forecast":
        """The same, once it is known how many chunks there are."""
        if not count or not self.chunks:
            return self
        return replace(self, indexing_seconds=self.indexing_seconds * count / self.chunks, chunks=count)

    def to_json(self) -> dict[str, float]:
        """As it is stored."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Forecast":
        """The inverse of `to_json`."""
        return cls(**data)


def fading(seconds: float) -> float:
    """What is left of the weight of older work after `seconds` of newer work."""
    return math.pow(0.5, max(0.0, seconds) / HALF_LIFE_SECONDS)


class History:
    """What is remembered of finished work."""

    def __init__(self, paces: Iterable[Pace]) -> None:
        self._paces = {(pace.stage, pace.unit, pace.kind): pace for pace in paces}

    def forecast(self, plan: Plan) -> Forecast | None:
        """What a job is expected to take; None as long as nothing is known of a part of it."""
        reading = [self._reading(bulk, is_enriched=plan.is_enriched) for bulk in plan.bulks]
        chunks = [self._chunks(bulk) for bulk in plan.bulks]
        each = [self._seconds_each(Stage.INDEXING, Unit.CHUNKS, plan.database)]
        if plan.embedder is not None:
            each.append(self._seconds_each(Stage.INDEXING, Unit.EMBEDDINGS, plan.embedder))
        known = [*reading, *chunks, *each]
        if not plan.bulks or any(one is None for one in known):
            return None
        expected = _total(chunks)
        return Forecast(
            reading_seconds=_total(reading) / plan.threads,
            indexing_seconds=expected * _total(each) / plan.threads,
            chunks=expected,
        )

    def _reading(self, bulk: Bulk, *, is_enriched: bool) -> float | None:
        stages = [Stage.EXTRACTING, Stage.CHUNKING, *([Stage.ENRICHING] if is_enriched else [])]
        each = [self._seconds_each(stage, Unit.BYTES, bulk.content_type) for stage in stages]
        return None if any(one is None for one in each) else bulk.bytes * _total(each)

    def _chunks(self, bulk: Bulk) -> float | None:
        """How many are to be expected: as many a byte as such documents had before."""
        of_bytes = self._find(Stage.CHUNKING, Unit.BYTES, bulk.content_type)
        of_chunks = self._find(Stage.CHUNKING, Unit.CHUNKS, bulk.content_type)
        if of_bytes is None or of_chunks is None or not of_bytes.count:
            return None
        return bulk.bytes * of_chunks.count / of_bytes.count

    def _seconds_each(self, stage: Stage, unit: Unit, kind: str) -> float | None:
        pace = self._find(stage, unit, kind)
        return None if pace is None or not pace.count else pace.seconds / pace.count

    def _find(self, stage: Stage, unit: Unit, kind: str) -> Pace | None:
        """What is known of that kind; of documents of a type never seen, what is known of all others together."""
        if stage is Stage.INDEXING or (stage, unit, kind) in self._paces:
            return self._paces.get((stage, unit, kind))
        others = [pace for (of, what, _), pace in self._paces.items() if (of, what) == (stage, unit)]
        if not others:
            return None
        count, seconds = sum(pace.count for pace in others), sum(pace.seconds for pace in others)
        return Pace(stage=stage, kind=kind, unit=unit, count=count, seconds=seconds)


def _total(known: Iterable[float | None]) -> float:
    return math.fsum(one for one in known if one is not None)
