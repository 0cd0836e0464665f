"""The second half of a document's way: from saved chunks to searchable ones, batch by batch.

A vector that was paid for before, under the same text, model and parameters, is taken from its receipt.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

from headrace.model.errors import Superseded
from headrace.model.job import Item, Stats
from headrace.model.progress import item_work
from headrace.model.vocabulary import Stage
from headrace.pipeline.embed import Embedder, receipt_key
from headrace.search import index
from headrace.store.database import Database
from headrace.store.work import Hand

PORTION_CHUNKS = 256
SAVE_CHUNKS = 64
"""Indexing the words of a chunk takes about 0.4 ms, during which nobody else can write on SQLite."""
SAVE_SECONDS = 0.05
"""Vectors are saved about as often as progress may be told: what a crash costs is the batch in hand."""

InHand = Callable[[], AbstractContextManager[Hand]]
"""Opens a transaction with the job in hand."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A chunk that is not searchable yet, of the item with that ordinal."""

    ordinal: int
    chunk: index.StoredChunk


@dataclass(slots=True)
class Batch:
    """Chunks with their vectors (None where nothing is embedded), and what was paid for them."""

    rows: list[tuple[Waiting, bytes | None]] = field(default_factory=list)
    receipts: dict[bytes, bytes] = field(default_factory=dict)
    stats: Stats = field(default_factory=Stats)

    def add(self, more: "Batch") -> None:
        """Put another batch to this one."""
        self.rows += more.rows
        self.receipts |= more.receipts
        self.stats = self.stats.plus(more.stats)


class Indexing:
    """Makes the chunks of some items of one job searchable. `items` are kept as they are stored."""

    def __init__(
        self,
        database: Database,
        embedder: Embedder,
        items: Sequence[Item],
        in_hand: InHand,
        stop: Callable[[], bool],
    ) -> None:
        self._database = database
        self._embedder = embedder
        self._items = {item.ordinal: item for item in items}
        self._in_hand = in_hand
        self._stop = stop

    def run(self) -> None:
        """Index portion after portion; a document is completed in the transaction of its last chunk.

        Raises:
            DocumentError: the embedder failed for good.
            Superseded: the job does not go on, or is not this worker's any more.
        """
        while self._items:
            waiting = self._next_portion()
            if not waiting:
                self._complete_the_rest()
                return
            self._index(waiting)

    def _next_portion(self) -> list[Waiting]:
        waiting: list[Waiting] = []
        with self._database.read() as connection:
            for item in self._items.values():
                room = PORTION_CHUNKS - len(waiting)
                if not room:
                    break
                found = index.unindexed(connection, document_id=item.document_id, version=item.version, limit=room)
                waiting += [Waiting(item.ordinal, chunk) for chunk in found]
        return waiting

    def _index(self, waiting: Sequence[Waiting]) -> None:
        unsaved, saved_at = Batch(), time.monotonic()
        for batch in self._batches(waiting):
            if self._stop():
                raise Superseded("the job does not go on")
            unsaved.add(batch)
            if len(unsaved.rows) >= SAVE_CHUNKS or time.monotonic() - saved_at > SAVE_SECONDS:
                self._save(unsaved)
                unsaved, saved_at = Batch(), time.monotonic()
        if unsaved.rows:
            self._save(unsaved)

    def _batches(self, waiting: Sequence[Waiting]) -> Iterator[Batch]:
        """First what is paid for already, then what the embedder makes, as it makes it."""
        if not self._embedder.dimensions:
            for start in range(0, len(waiting), SAVE_CHUNKS):
                yield Batch(rows=[(one, None) for one in waiting[start : start + SAVE_CHUNKS]])
            return
        keys = [receipt_key(self._embedder, one.chunk.text) for one in waiting]
        with self._database.read() as connection:
            paid = index.find_receipts(connection, keys)
        known = Batch()
        missing: list[tuple[Waiting, bytes]] = []
        for one, key in zip(waiting, keys, strict=True):
            if key in paid:
                known.rows.append((one, paid[key]))
            else:
                missing.append((one, key))
        known.stats = Stats(embeddings_reused=len(known.rows))
        yield known
        yield from self._embed(missing)

    def _embed(self, missing: Sequence[tuple[Waiting, bytes]]) -> Iterator[Batch]:
        for places, vectors in self._embedder.batches([one.chunk.text for one, _ in missing]):
            batch = Batch(stats=Stats(embeddings_computed=len(places)))
            for place, vector in zip(places, vectors, strict=True):
                one, key = missing[place]
                batch.receipts[key] = vector.tobytes()
                batch.rows.append((one, batch.receipts[key]))
            yield batch

    def _save(self, batch: Batch) -> None:
        counts = Counter(one.ordinal for one, _ in batch.rows)
        indexed = [
            index.IndexedChunk(chunk_id=one.chunk.chunk_id, text=one.chunk.text, vector=vector)
            for one, vector in batch.rows
        ]
        after = {ordinal: _indexed(self._items[ordinal], count) for ordinal, count in counts.items()}
        with self._in_hand() as hand:
            index.index_chunks(hand.transaction, indexed)
            index.save_receipts(hand.transaction, batch.receipts)
            hand.count(batch.stats)
            for ordinal, item in after.items():
                hand.move(self._items[ordinal], item)
                if item.chunks_indexed == item.chunk_count:
                    hand.complete(item)
        for ordinal, item in after.items():
            self._items[ordinal] = item
            if item.chunks_indexed == item.chunk_count:
                del self._items[ordinal]

    def _complete_the_rest(self) -> None:
        """Nothing of them waits to be indexed, so they have no chunks at all."""
        with self._in_hand() as hand:
            for item in self._items.values():
                hand.complete(item)


def _indexed(item: Item, count: int) -> Item:
    indexed = item.chunks_indexed + count
    return replace(
        item,
        chunks_indexed=indexed,
        work_done=item_work(item.work_total, Stage.INDEXING, indexed / max(1, item.chunk_count)),
    )
