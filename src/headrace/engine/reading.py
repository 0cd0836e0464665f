"""The first half of a document's way: from bytes to described chunks that are saved, but not searchable yet."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from headrace.model.document import Chunk, Document, Section
from headrace.model.ids import WorkspaceId
from headrace.model.job import Item, Stats
from headrace.model.progress import item_work
from headrace.model.rag import RagConfig
from headrace.model.vocabulary import Stage
from headrace.pipeline.chunk import Chunker
from headrace.pipeline.enrich import describe
from headrace.pipeline.sandbox import Outline, Parsers, Source
from headrace.search import index
from headrace.store.blobs import Blobs
from headrace.store.database import Database
from headrace.store.work import Hand

SAVE_CHUNKS = 256
SAVE_SECONDS = 0.25
"""A long document is saved this often while it is read, so that little is read again after a crash."""


@dataclass(slots=True)
class Read:
    """What has been read of a document and is not saved yet: `before` is the item as stored, `after` as it will be."""

    document: Document
    config: RagConfig
    before: Item
    after: Item
    chunks: list[Chunk] = field(default_factory=list)
    stats: Stats = field(default_factory=Stats)

    def save(self, hand: Hand) -> None:
        """Write it in the caller's transaction."""
        if not self.before.sections_done and self.before.claim > 1:  # what an earlier attempt may have left
            index.drop_version(
                hand.transaction, document_id=self.before.document_id, version=self.before.version, limit=None
            )
        index.save_chunks(
            hand.transaction,
            document_id=self.before.document_id,
            version=self.before.version,
            workspace_id=WorkspaceId(self.document.workspace_id),
            chunks=self.chunks,
        )
        hand.move(self.before, self.after)
        hand.count(self.stats)

    def saved(self) -> None:
        """Its transaction has committed."""
        self.before, self.chunks, self.stats = self.after, [], Stats()


Save = Callable[[Read], None]


class Reader:
    """Extracts, chunks and describes one document at a time; several threads may use it."""

    def __init__(self, database: Database, blobs: Blobs, parsers: Parsers) -> None:
        self._database = database
        self._blobs = blobs
        self._parsers = parsers
        self._chunkers: dict[tuple[int, int], Chunker] = {}

    def read(self, document: Document, item: Item, config: RagConfig, save: Save, stop: Callable[[], bool]) -> Read:
        """Bring an item to the stage `indexing`.

        A long document is saved on the way through `save`; the rest comes back unsaved, for the caller to save.

        Raises:
            DocumentError: the document cannot be read.
            Superseded: `stop` said so.
        """
        progress = Read(document=document, config=config, before=item, after=item)
        if item.stage.rank <= Stage.EXTRACTING.rank:
            self._extract(progress, save, stop)
        if progress.after.stage.rank <= Stage.ENRICHING.rank:
            self._enrich(progress, save)
        return progress

    def _extract(self, progress: Read, save: Save, stop: Callable[[], bool]) -> None:
        document, started = progress.document, time.monotonic()
        first = progress.after.sections_done
        with self._parsers.open(self._source(document), first_section=first, stop=stop) as reading:
            for section in reading:
                self._add(progress, section, reading.fraction)
                if len(progress.chunks) >= SAVE_CHUNKS or time.monotonic() - started > SAVE_SECONDS:
                    save(progress)
                    started = time.monotonic()
            outline = reading.outline
        progress.after = replace(
            progress.after,
            stage=Stage.CHUNKING,
            work_done=item_work(progress.after.work_total, Stage.CHUNKING),
            page_count=outline.page_count,
            description=_outline_facts(outline),
        )
        progress.stats = progress.stats.plus(Stats(bytes=document.blob.size))
        self._save_if_long(progress, save)

    def _add(self, progress: Read, section: Section, fraction: float) -> None:
        chunks = self._chunker(progress.config).chunk(section, progress.after.chunk_count)
        progress.chunks += chunks
        item = progress.after
        progress.after = replace(
            item,
            stage=Stage.EXTRACTING,
            sections_done=item.sections_done + 1,
            chunk_count=item.chunk_count + len(chunks),
            work_done=max(item.work_done, item_work(item.work_total, Stage.EXTRACTING, fraction)),
        )
        progress.stats = progress.stats.plus(Stats(pages=int(section.page is not None), chunks=len(chunks)))

    def _enrich(self, progress: Read, save: Save) -> None:
        item = replace(
            progress.after,
            stage=Stage.ENRICHING,
            work_done=item_work(progress.after.work_total, Stage.ENRICHING),
        )
        progress.after = item
        self._save_if_long(progress, save)
        outline = Outline(page_count=item.page_count, title=item.description.get("title"), metadata=item.description)
        if not progress.config.enrichment:
            progress.after = replace(item, stage=Stage.INDEXING, work_done=item_work(item.work_total, Stage.INDEXING))
            return
        found = describe(self._texts(progress), filename=item.filename, outline=outline)
        facts = {"title": found.title, "language": found.language, "keywords": list(found.keywords)}
        known = {name: value for name, value in facts.items() if value}
        progress.after = replace(
            item,
            stage=Stage.INDEXING,
            work_done=item_work(item.work_total, Stage.INDEXING),
            description={**item.description, **known},
        )
        progress.stats = progress.stats.plus(
            Stats(
                keywords=len(found.keywords),
                metadata_extracted=len(progress.after.description),
                languages=(found.language,) if found.language else (),
            )
        )

    def _chunker(self, config: RagConfig) -> Chunker:
        sizes = (config.chunk_size, config.chunk_overlap)
        if sizes not in self._chunkers:
            self._chunkers[sizes] = Chunker(max_tokens=config.chunk_size, overlap_tokens=config.chunk_overlap)
        return self._chunkers[sizes]

    def _texts(self, progress: Read) -> Iterator[str]:
        if len(progress.chunks) == progress.after.chunk_count:
            yield from (chunk.text for chunk in progress.chunks)
            return
        with self._database.read() as connection:
            yield from index.texts(connection, progress.after.document_id, progress.after.version)
        yield from (chunk.text for chunk in progress.chunks)

    def _save_if_long(self, progress: Read, save: Save) -> None:
        if progress.before.sections_done:
            save(progress)

    def _source(self, document: Document) -> Source:
        return Source(
            path=self._blobs.path(document.blob.key),
            offset=document.blob.offset,
            size=document.blob.size,
            content_type=document.content_type,
            filename=document.filename,
        )


def _outline_facts(outline: Outline) -> dict[str, Any]:
    facts = {**outline.metadata, "title": outline.title, "page_count": outline.page_count}
    if outline.warnings:
        facts["warnings"] = list(outline.warnings)
    return {name: value for name, value in facts.items() if value not in (None, "", [])}
