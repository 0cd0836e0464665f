"""The second half of a document's way: from saved chunks to searchable ones, batch by batch.

A vector that was paid for before, under the same text, model and parameters, is taken from its receipt.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

import sqlalchemy as sa

from headrace.engine.measuring import Measured
from headrace.engine.receipts import Receipts
from headrace.model.errors import DocumentError, Superseded
from headrace.model.job import Item, Stats
from headrace.model.pace import Unit
from headrace.model.progress import item_work
from headrace.model.vocabulary import Stage
from headrace.pipeline.embed import Embedder, OnWait, ignore, makes_vectors, receipt_key
from headrace.search import index
from headrace.store.database import Database, Transaction
from headrace.store.work import Hand
from headrace.telemetry import metrics

PORTION_CHUNKS = 512
"""Enough to keep several requests to a service under way, or to sort texts by their length."""
PORTION_ITEMS = 256
SAVE_CHUNKS = 64
"""While they are saved nobody else can write on SQLite."""
SAVE_SECONDS = 0.05
"""Vectors are saved about as often as progress may be told: what a crash costs is the batch in hand."""

InHand = Callable[[], AbstractContextManager[Hand]]
"""Opens a transaction with the job in hand."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A chunk that is not searchable yet, of the item with that ordinal."""

    ordinal: int
    chunk: index.StoredChunk


Keyed = tuple[Waiting, bytes]
"""A chunk, and the key that its vector's receipt has."""

OnTwin = Callable[[bool], None]


@dataclass(slots=True)
class Batch:
    """Chunks with their vectors (None where nothing is embedded), and what was paid for them.

    How many vectors were `computed`, and how many taken from their receipts, is counted by ordinal.
    """

    rows: list[tuple[Waiting, bytes | None]] = field(default_factory=list)
    receipts: dict[bytes, bytes] = field(default_factory=dict)
    computed: Counter[int] = field(default_factory=Counter)
    reused: Counter[int] = field(default_factory=Counter)

    def is_large(self) -> bool:
        """Whether it is time to save it."""
        return len(self.rows) >= SAVE_CHUNKS

    def add(self, more: "Batch") -> None:
        """Put another batch to this one."""
        self.rows += more.rows
        self.receipts |= more.receipts
        self.computed += more.computed
        self.reused += more.reused


class Indexing:
    """Makes the chunks of some items of one job searchable. `items` are kept as they are stored.

    How long it takes is added to `measured`.
    """

    def __init__(  # noqa: PLR0913  (what a worker lends to it)
        self,
        database: Database,
        embedder: Embedder,
        receipts: Receipts,
        items: Sequence[Item],
        in_hand: InHand,
        stop: Callable[[], bool],
        *,
        on_wait: OnWait = ignore,
        on_twin: OnTwin = lambda _: None,
        most: int = 0,
        check: Callable[[Transaction], None] | None = None,
    ) -> None:
        """`most` texts may be embedded for the whole job, 0 for any number; `check` refuses vectors of an old model.

        `on_twin` is told when another job embeds the same passages, and when it does not any more.
        """
        self._database = database
        self._embedder = embedder
        self._items = {item.ordinal: item for item in items}
        self._in_hand = in_hand
        self._stop = stop
        self._receipts = receipts
        self._on_wait = on_wait
        self._on_twin = on_twin
        self._most = most
        self._check = check
        self.measured = Measured()
        self._reached: dict[int, int] = {}

    def run(self) -> None:
        """Index portion after portion; a document is completed in the transaction of its last chunk.

        Raises:
            DocumentError: the embedder failed for good, or the job's budget is spent.
            ModelChanged: the workspace has another model since it was looked up.
            Superseded: the job does not go on, or is not this worker's any more.
        """
        while self._items:
            portion, waiting = self._next_portion()
            if waiting:
                self._index(waiting)
            else:
                self._complete(portion)

    def _next_portion(self) -> tuple[list[Item], list[Waiting]]:
        """The items that come next, and those of their chunks that wait: a part of one, or all of several."""
        portion = _portion(self._items.values())
        with self._database.read() as connection:
            found = self._find(connection, portion) if len(portion) > 1 else self._go_on(connection, portion[0])
        return portion, found

    def _go_on(self, connection: sa.Connection, item: Item) -> list[Waiting]:
        after = self._reached.get(item.ordinal, -1)
        found = index.unindexed(
            connection, document_id=item.document_id, version=item.version, limit=PORTION_CHUNKS, after=after
        )
        if found:
            self._reached[item.ordinal] = found[-1].ordinal
        return [Waiting(item.ordinal, chunk) for chunk in found]

    def _find(self, connection: sa.Connection, portion: Sequence[Item]) -> list[Waiting]:
        waiting = []
        for version in sorted({item.version for item in portion}):
            ordinals = {item.document_id: item.ordinal for item in portion if item.version == version}
            found = index.unindexed_of(connection, list(ordinals), version=version, limit=PORTION_CHUNKS)
            waiting += [Waiting(ordinals[document_id], chunk) for document_id, chunk in found]
        return waiting

    def _index(self, waiting: Sequence[Waiting]) -> None:
        if not makes_vectors(self._embedder):
            rows: list[tuple[Waiting, bytes | None]] = [(one, None) for one in waiting]
            self._save_all(Batch(rows=rows[start : start + SAVE_CHUNKS]) for start in range(0, len(rows), SAVE_CHUNKS))
            return
        keyed = [(one, receipt_key(self._embedder, one.chunk.text)) for one in waiting]
        while keyed:
            keyed = self._pay(keyed)

    def _pay(self, keyed: Sequence[Keyed]) -> list[Keyed]:
        """Index what is paid for and what nobody else pays for; returns the rest, when it is time to look again."""
        with self._receipts.settle({key for _, key in keyed}) as settled:
            first = _first_of_each([each for each in keyed if each[1] in settled.mine])
            self._save_all(self._batches([each for each in keyed if each[1] in settled.paid], settled.paid, first))
        mine = {one.chunk.chunk_id for one, _ in first.values()}
        rest = [each for each in keyed if each[1] not in settled.paid and each[0].chunk.chunk_id not in mine]
        self._wait_for_twins({key for _, key in rest} - settled.mine)
        return rest

    def _wait_for_twins(self, keys: Collection[bytes]) -> None:
        if keys:
            self._on_twin(True)
            self._receipts.wait(keys)
            if self._stop():
                raise Superseded("the job does not go on")
        else:
            self._on_twin(False)

    def _save_all(self, batches: Iterable[Batch]) -> None:
        """Save them as they come, some together."""
        unsaved, saved_at = Batch(), time.monotonic()
        try:
            for batch in batches:
                if self._stop():
                    raise Superseded("the job does not go on")
                unsaved.add(batch)
                if unsaved.is_large() or time.monotonic() - saved_at > SAVE_SECONDS:
                    self._save(unsaved)
                    unsaved, saved_at = Batch(), time.monotonic()
        except DocumentError:
            self._save(unsaved)  # it is paid for
            raise
        self._save(unsaved)

    def _batches(
        self, known: Sequence[Keyed], paid: Mapping[bytes, bytes], missing: Mapping[bytes, Keyed]
    ) -> Iterator[Batch]:
        """First what is paid for already, then what the embedder makes, as it makes it."""
        yield Batch(rows=[(one, paid[key]) for one, key in known], reused=Counter(one.ordinal for one, _ in known))
        left = self._left() if missing and self._most else len(missing)
        yield from self._embed(list(missing.values())[:left])
        if left < len(missing):
            told = f"this job may have {self._most} texts embedded, and has; raise max_embeddings and retry"
            raise DocumentError("budget_spent", told)

    def _left(self) -> int:
        """How many more texts may be embedded for the job."""
        with self._in_hand() as hand:
            return max(0, self._most - hand.job.stats.embeddings_computed)

    def _embed(self, missing: Sequence[Keyed]) -> Iterator[Batch]:
        began = time.monotonic()
        for places, vectors in self._embedder.batches([one.chunk.text for one, _ in missing], on_wait=self._on_wait):
            seconds = time.monotonic() - began
            self.measured.add(Stage.INDEXING, self._embedder.name, Unit.EMBEDDINGS, len(places), seconds)
            batch = Batch(computed=Counter(missing[place][0].ordinal for place in places))
            for place, vector in zip(places, vectors, strict=True):
                one, key = missing[place]
                batch.receipts[key] = vector.tobytes()
                batch.rows.append((one, batch.receipts[key]))
            yield batch
            began = time.monotonic()

    def _save(self, batch: Batch) -> None:
        if not batch.rows:
            return
        counts = Counter(one.ordinal for one, _ in batch.rows)
        indexed = [
            index.IndexedChunk(chunk_id=one.chunk.chunk_id, text=one.chunk.text, vector=vector)
            for one, vector in batch.rows
        ]
        after = {ordinal: _indexed(self._items[ordinal], count, batch) for ordinal, count in counts.items()}
        finished = [item for item in after.values() if item.chunks_indexed == item.chunk_count]
        began = time.monotonic()
        with self._in_hand() as hand:
            if self._check:
                self._check(hand.transaction)
            index.index_chunks(hand.transaction, indexed)
            self._receipts.keep(hand.transaction, batch.receipts)
            for ordinal, item in after.items():
                hand.move(self._items[ordinal], item)
            hand.complete(*finished)
        seconds, kind = time.monotonic() - began, self._database.url.get_backend_name()
        self.measured.add(Stage.INDEXING, kind, Unit.CHUNKS, len(batch.rows), seconds)
        metrics.chunks_indexed.inc(len(batch.rows))
        metrics.embeddings.labels(origin="computed").inc(batch.computed.total())
        metrics.embeddings.labels(origin="reused").inc(batch.reused.total())
        self._items |= after
        for item in finished:
            del self._items[item.ordinal]

    def _complete(self, portion: Sequence[Item]) -> None:
        """Nothing of these waits to be indexed: they have no chunks at all, or their last transaction was not told."""
        with self._in_hand() as hand:
            hand.complete(*portion)
        for item in portion:
            del self._items[item.ordinal]


def _first_of_each(keyed: Iterable[Keyed]) -> dict[bytes, Keyed]:
    """Of those with one key, the same text, the first; in their order."""
    found: dict[bytes, Keyed] = {}
    for one, key in keyed:
        found.setdefault(key, (one, key))
    return found


def _portion(items: Iterable[Item]) -> list[Item]:
    """The first item, and those after it as long as all that is left of them is one portion."""
    portion: list[Item] = []
    room = PORTION_CHUNKS
    for item in items:
        room -= item.chunk_count - item.chunks_indexed
        if portion and (room < 0 or len(portion) == PORTION_ITEMS):
            break
        portion.append(item)
    return portion


def _indexed(item: Item, count: int, batch: Batch) -> Item:
    indexed = item.chunks_indexed + count
    stats = Stats(embeddings_computed=batch.computed[item.ordinal], embeddings_reused=batch.reused[item.ordinal])
    return replace(
        item,
        chunks_indexed=indexed,
        work_done=item_work(item.work_total, Stage.INDEXING, indexed / max(1, item.chunk_count)),
        counted=item.counted.plus(stats),
    )
