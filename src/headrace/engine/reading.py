"""The first half of a document's way: from bytes to described chunks that are saved, but not searchable yet."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

from headrace.engine.measuring import Measured
from headrace.model.document import Chunk, Document
from headrace.model.errors import DocumentError, UnsupportedType
from headrace.model.ids import DocumentId, WorkspaceId
from headrace.model.job import FAILED_PAGES, Item, Stats
from headrace.model.pace import Unit
from headrace.model.progress import item_work
from headrace.model.rag import RagConfig
from headrace.model.vocabulary import Stage
from headrace.pipeline.chunk import BUILT_IN, Chunking, chunks_of, load_chunker
from headrace.pipeline.enrich import USUAL, describe, supplement
from headrace.pipeline.enrich.llm import Chat
from headrace.pipeline.extract.window import open_window
from headrace.pipeline.sandbox import Opening, Outline, Parsers, Passage, Source
from headrace.pipeline.sniff import UNREADABLE, sniff_file
from headrace.pipeline.source import Description
from headrace.pipeline.study import NOTHING_FOUND, Brief, Findings
from headrace.search import index
from headrace.store import likenesses
from headrace.store.archives import MEMBERS
from headrace.store.blobs import BlobStore
from headrace.store.database import Database
from headrace.store.recognitions import Recognitions
from headrace.store.work import Hand

SAVE_CHUNKS = 256
SAVE_SECONDS = 0.25
"""A long document is saved this often while it is read, so that little is read again after a crash."""


@dataclass(slots=True)
class Read:
    """What has been read of a document and is not saved yet: `before` is the item as stored, `after` as it will be.

    `sections` and `pages` are those that have come since `after` was last moved on.
    """

    document: Document
    config: RagConfig
    before: Item
    after: Item
    chunks: list[Chunk] = field(default_factory=list)
    sections: int = 0
    pages: int = 0
    stats: Stats = field(default_factory=Stats)
    measured: Measured = field(default_factory=Measured)
    findings: Findings = NOTHING_FOUND
    cutting_seconds: float = 0.0
    simhash: bytes | None = None

    @property
    def is_compared(self) -> bool:
        """Whether it is to be looked for an earlier document like it now."""
        return self.after.stage is Stage.INDEXING and "duplicates" in self.config.enrichers

    @property
    def chunk_count(self) -> int:
        """Of the document, as far as it is read."""
        return self.before.chunk_count + len(self.chunks)

    def move_on(self, fraction: float) -> None:
        """Put what has come to the item; the document is read as far as `fraction` says (0.0 to 1.0)."""
        item = self.after
        self.stats = self.stats.plus(Stats(pages=self.pages, chunks=self.chunk_count - item.chunk_count))
        self.after = replace(
            item,
            stage=Stage.EXTRACTING,
            sections_done=item.sections_done + self.sections,
            chunk_count=self.chunk_count,
            work_done=max(item.work_done, item_work(item.work_total, Stage.EXTRACTING, fraction)),
        )
        self.sections = self.pages = 0

    def save(self, hand: Hand, same: Mapping[DocumentId, str]) -> None:
        """Write it in the caller's transaction; `same` are earlier documents of the same bytes."""
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
        if self.is_compared:
            known = same.get(self.document.document_id)
            self.after = likenesses.with_duplicates(hand.transaction, self.document, self.after, self.simhash, known)
        self.after = replace(self.after, counted=self.before.counted.plus(self.stats))
        hand.move(self.before, self.after)

    def saved(self) -> None:
        """Its transaction has committed."""
        self.before, self.chunks, self.stats = self.after, [], Stats()


def save_all(hand: Hand, reads: Sequence[Read]) -> None:
    """Write them in the caller's transaction; they are of one workspace."""
    hand.make_sure([read.before for read in reads])
    same = likenesses.find_same(hand.transaction, [read.document for read in reads if read.is_compared])
    for read in reads:
        read.save(hand, same)


Save = Callable[[Read], None]


class Reader:
    """Extracts, chunks and describes one document at a time; several threads may use it."""

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        parsers: Parsers,
        *,
        chunker: str = BUILT_IN,
        chat: Chat | None = None,
    ) -> None:
        self._database = database
        self._chat = chat
        self._blobs = blobs
        self._parsers = parsers
        self._chunker_name = chunker
        self._chunkers: dict[tuple[int, int], Chunking] = {}

    @contextmanager
    def begin(
        self, document: Document, item: Item, config: RagConfig, stop: Callable[[], bool]
    ) -> Iterator[Opening | None]:
        """Have a parser begin with a document, for `read` to go on with; None where there is nothing to parse."""
        if item.stage.rank > Stage.EXTRACTING.rank:
            yield None
            return
        if document.content_type == UNREADABLE:
            self._refuse(document)
        with (
            self._blobs.as_file(document.blob) as (path, offset),
            self._parsers.begin(
                _source(document, path, offset),
                first_section=item.sections_done,
                stop=stop,
                texts=Recognitions(self._database, document.document_id),
                brief=self._brief(item, config),
            ) as opening,
        ):
            yield opening

    def read(
        self,
        document: Document,
        item: Item,
        config: RagConfig,
        begun: AbstractContextManager[Opening | None],
        save: Save,
        measured: Measured | None = None,
    ) -> Read:
        """Bring an item to the stage `indexing`; `begun` is what `begin` gives for it.

        A long document is saved on the way through `save`; the rest comes back unsaved, for the caller to save. How
        long each stage took is added to `measured`.

        Raises:
            DocumentError: the document cannot be read.
            Superseded: `stop` said so.
        """
        progress = Read(document=document, config=config, before=item, after=item, measured=measured or Measured())
        with begun as opening:
            if opening is not None:
                self._extract(progress, opening, save)
        if progress.after.stage.rank <= Stage.ENRICHING.rank:
            self._enrich(progress, save)
        return progress

    def _extract(self, progress: Read, opening: Opening, save: Save) -> None:
        document, first = progress.document, progress.after.sections_done
        began = saved_at = time.monotonic()
        elsewhere, reading = 0.0, opening.reading()
        for passage in reading.passages():
            entered = time.monotonic()
            self._add(progress, passage)
            if len(progress.chunks) >= SAVE_CHUNKS or time.monotonic() - saved_at > SAVE_SECONDS:
                progress.move_on(reading.fraction)
                save(progress)
                saved_at = time.monotonic()
            elsewhere += time.monotonic() - entered
        progress.move_on(reading.fraction)
        outline, progress.findings = reading.outline, reading.findings
        progress.cutting_seconds += progress.findings.cutting_seconds
        if not first:
            _measure(progress, outline, time.monotonic() - began - elsewhere)
        progress.after = replace(
            progress.after,
            stage=Stage.CHUNKING,
            work_done=item_work(progress.after.work_total, Stage.CHUNKING),
            page_count=outline.page_count,
            description=_described(progress.after, outline),
        )
        counted = Stats(
            bytes=document.blob.size, warnings=len(outline.warnings), failed_pages=len(outline.failed_pages)
        )
        progress.stats = progress.stats.plus(counted)
        self._save_if_long(progress, save)

    def _refuse(self, document: Document) -> NoReturn:
        """Say again why a file that came with others cannot be read."""
        try:
            with self._blobs.as_file(document.blob) as (path, offset), path.open("rb") as file:
                sniff_file(open_window(file.fileno(), offset, document.blob.size), document.filename)
        except UnsupportedType as error:
            raise DocumentError("unsupported_type", error.detail) from error
        raise DocumentError("unsupported_type", "it could not be read when it came; send it again")

    def _brief(self, item: Item, config: RagConfig) -> Brief:
        """What the parser is to find out, too. Another package's chunker works here, where it is not in a cage."""
        return Brief(
            filename=item.filename,
            max_tokens=config.chunk_size if self._chunker_name == BUILT_IN else None,
            overlap_tokens=config.chunk_overlap,
            describes=sorted(config.enrichers & USUAL),
        )

    def _add(self, progress: Read, passage: Passage) -> None:
        section = passage.section
        if passage.spans is None:
            began = time.monotonic()
            progress.chunks += self._chunker(progress.config).chunk(section, progress.chunk_count)
            progress.cutting_seconds += time.monotonic() - began
        else:
            progress.chunks += chunks_of(section, passage.spans, progress.chunk_count)
        progress.sections += 1
        progress.pages += section.page is not None

    def _enrich(self, progress: Read, save: Save) -> None:
        item = replace(
            progress.after,
            stage=Stage.ENRICHING,
            work_done=item_work(progress.after.work_total, Stage.ENRICHING),
        )
        progress.after = item
        self._save_if_long(progress, save)
        config = progress.config
        if not config.enrichers and not config.brought:
            progress.after = replace(item, stage=Stage.INDEXING, work_done=item_work(item.work_total, Stage.INDEXING))
            return
        began, kind = time.monotonic(), progress.document.content_type
        found = self._describe(progress)
        seconds = progress.findings.describing_seconds + time.monotonic() - began
        progress.measured.add(Stage.ENRICHING, kind, Unit.BYTES, item.work_total, seconds)
        known = found.facts | _warned(item, found.warnings)
        progress.simhash = found.simhash
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
                warnings=len(found.warnings),
            )
        )

    def _describe(self, progress: Read) -> Description:
        """What its parser says of the document, and what others say, who are asked here."""
        item, config = progress.after, progress.config
        found = progress.findings.description
        if found is None:  # an earlier attempt had read all of it
            outline = Outline(title=item.description.get("title"))
            found = describe(self._texts(progress), filename=item.filename, outline=outline, wanted=config.enrichers)
        chat = self._chat if "llm" in config.enrichers else None
        if chat is None and not config.brought:
            return found
        return supplement(found, self._texts(progress), filename=item.filename, chat=chat, brought=config.brought)

    def _chunker(self, config: RagConfig) -> Chunking:
        sizes = (config.chunk_size, config.chunk_overlap)
        if sizes not in self._chunkers:
            self._chunkers[sizes] = load_chunker(self._chunker_name, max_tokens=sizes[0], overlap_tokens=sizes[1])
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


def _source(document: Document, path: Path, offset: int) -> Source:
    return Source(
        path=path,
        offset=offset,
        size=document.blob.size,
        content_type=document.content_type,
        filename=document.filename,
        sender=document.job_id,
    )


def _measure(progress: Read, outline: Outline, waited_seconds: float) -> None:
    """What the parser did before anybody listened took nobody's time: extracting has what is left of the waiting."""
    item, kind, measured = progress.after, progress.document.content_type, progress.measured
    found_out_seconds = progress.findings.cutting_seconds + progress.findings.describing_seconds
    extracting_seconds = max(0.0, waited_seconds - found_out_seconds)
    measured.add(Stage.EXTRACTING, kind, Unit.BYTES, item.work_total, extracting_seconds)
    measured.add(Stage.EXTRACTING, kind, Unit.PAGES, outline.page_count or 0, extracting_seconds)
    measured.add(Stage.CHUNKING, kind, Unit.BYTES, item.work_total, progress.cutting_seconds)
    measured.add(Stage.CHUNKING, kind, Unit.CHUNKS, item.chunk_count, progress.cutting_seconds)


def _described(item: Item, outline: Outline) -> dict[str, Any]:
    """What the document says of itself; of an archive, with what unpacking it has found."""
    facts = _outline_facts(outline)
    if MEMBERS not in item.description:
        return facts
    warnings = [*item.description.get("warnings", []), *outline.warnings]
    return facts | {MEMBERS: item.description[MEMBERS]} | ({"warnings": warnings} if warnings else {})


def _outline_facts(outline: Outline) -> dict[str, Any]:
    facts = {**outline.metadata, "title": outline.title, "page_count": outline.page_count}
    if outline.warnings:
        facts["warnings"] = list(outline.warnings)
    if outline.failed_pages:
        facts[FAILED_PAGES] = [{"page": page, "reason": reason} for page, reason in outline.failed_pages.items()]
    return {name: value for name, value in facts.items() if value not in (None, "", [])}


def _warned(item: Item, warnings: Sequence[str]) -> dict[str, Any]:
    return {"warnings": [*item.description.get("warnings", ()), *warnings]} if warnings else {}
