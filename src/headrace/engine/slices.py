"""Cuts a job's documents into slices that take a few seconds each and spread over workers and cores."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from headrace.model.ids import JobId
from headrace.model.job import Item
from headrace.store.jobs import Size

GROUP_BYTES = 256_000
GROUP_DOCUMENTS = 64


Part = TypeVar("Part", Item, Size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """The documents of one hand-out of a job from ordinal `first` to `last`, both included."""

    job_id: JobId
    run: int
    first: int
    last: int


def cut(job_id: JobId, run: int, items: Iterable[Size], *, most_bytes: int, most_documents: int) -> list[Slice]:
    """Slices of at most so many bytes and documents; a document larger than that is a slice of its own.

    The cut depends on the documents only, never on what is done already: the engine asks again after a crash and must
    get the same answer.
    """
    return [
        Slice(job_id=job_id, run=run, first=run_of[0].ordinal, last=run_of[-1].ordinal)
        for run_of in _runs(items, most_bytes, most_documents)
    ]


def groups(items: Iterable[Item]) -> Iterator[list[Item]]:
    """What one worker takes up at a time: small documents together, so that their writes share a transaction."""
    return _runs(items, GROUP_BYTES, GROUP_DOCUMENTS)


def shifts(items: Sequence[Item]) -> Iterator[list[list[Item]]]:
    """The groups that are read, and then indexed, together.

    A document that a worker has died on is worked on alone, lest its neighbours die, or be blamed, with it.
    """
    for item in items:
        if item.deaths:
            yield [[item]]
    calm = [item for item in items if not item.deaths]
    if calm:
        yield list(groups(calm))


def _runs(items: Iterable[Part], most_bytes: int, most_documents: int) -> Iterator[list[Part]]:
    run: list[Part] = []
    size = 0
    for item in items:
        if run and (size + item.work_total > most_bytes or len(run) >= most_documents):
            yield run
            run, size = [], 0
        run.append(item)
        size += item.work_total
    if run:
        yield run
