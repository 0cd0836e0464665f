"""Before a job's documents are cut into slices, its archives are unpacked: each member is a document of the same job.

The archive itself stays one: its text is the list of what was in it. A member that cannot be read fails with the
reason, and the others go on. An archive within an archive is unpacked too, to a limit, and all of it counts against the
limits of the outermost.
"""

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import PurePosixPath

from headrace.engine.control import Control
from headrace.model.document import BlobRange, Document
from headrace.model.errors import Busy, DocumentError, Superseded, UnsupportedType
from headrace.model.ids import DocumentId, JobId, new_id
from headrace.model.job import Item
from headrace.model.vocabulary import ProcessingStatus
from headrace.pipeline.extract.window import open_window
from headrace.pipeline.sandbox import Member, Parsers, Source, Spoilt
from headrace.pipeline.sniff import UNREADABLE, ZIP, sniff_file
from headrace.settings import Settings
from headrace.store import archives, sameness, work
from headrace.store.archives import Unpacked
from headrace.store.blobs import BlobStore, Writer
from headrace.store.database import Database

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 0.5
# What reading an archive's list has said about it, and not its sender.
FOUND = {"title", "language", "keywords", "members", "warnings"}
INTERNAL = DocumentError("internal", "an internal error stopped this archive; the server's log has the details")


@dataclass(frozen=True, slots=True)
class Unpacking:
    """What it takes to unpack; shared by a worker's threads."""

    database: Database
    blobs: BlobStore
    parsers: Parsers
    control: Control
    settings: Settings

    def unpack_all(self, job_id: JobId, run: int, recipe: str) -> None:
        """Unpack every archive of a job. After a crash, call it again: what is unpacked is not touched.

        Raises:
            Superseded: the job does not go on.
        """
        with self.database.read() as connection:
            waiting = archives.waiting(connection, job_id, ZIP)
        if not waiting:
            return
        with self.control.watching(job_id, run):
            for item, document in waiting:
                self._try_again_and_again(item, document, run, recipe)

    def _try_again_and_again(self, item: Item, document: Document, run: int, recipe: str) -> None:
        tries = 0
        while tries < self.settings.max_tries:
            try:
                return self._unpack(item, document, run, recipe)
            except Superseded:
                raise
            except DocumentError as error:
                return self._fail(item, run, error)
            except Busy as error:  # the database or the store is away, which is not the archive's fault
                logger.warning("job %s, archive %d waits: %s", item.job_id, item.ordinal, error.detail)
                self.control.wait(PAUSE_SECONDS)
                continue
            except Exception:  # the boundary: whatever went wrong, the archive must be finished somehow
                logger.exception("job %s, archive %d, try %d", item.job_id, item.ordinal, tries + 1)
            self.control.wait(PAUSE_SECONDS * 2**tries)
            tries += 1
        return self._fail(item, run, INTERNAL)

    def _unpack(self, item: Item, document: Document, run: int, recipe: str) -> None:
        with self.blobs.create() as writer:
            contents = Contents(self.parsers, self.settings, writer, lambda: self._is_stopped(item, run))
            with self.blobs.as_file(document.blob) as (path, offset):
                outermost = Source(
                    path=path, offset=offset, size=document.blob.size, content_type=ZIP, filename=document.filename
                )
                contents.unpack(outermost)
            where = self.blobs.settle([writer])[0]
        unpacked = [_as_document(one, document, where) for one in contents.found]
        with self.database.write(durable=True) as transaction:
            sameness.take_turns(transaction, document.workspace_id)
            unpacked = [_dated(one, transaction.now) for one in unpacked]
            with work.working(transaction, item.job_id, run, recipe=recipe) as hand:
                archives.add_members(hand, item, unpacked, contents.warnings, recipe)

    def _fail(self, item: Item, run: int, error: DocumentError) -> None:
        with self.database.write() as transaction, work.working(transaction, item.job_id, run) as hand:
            hand.fail(item, error)

    def _is_stopped(self, item: Item, run: int) -> bool:
        return self.control.is_stopped(item.job_id, run)


@dataclass(slots=True, kw_only=True)
class File:
    """One member: its path from the outermost archive on, and its bytes in the blob of all members."""

    path: str
    depth: int
    offset: int
    size: int = 0
    sha256: str = ""
    content_type: str = UNREADABLE
    failure: DocumentError | None = None
    members: int | None = None


@dataclass(slots=True)
class Contents:
    """What is found in one archive, and in those within it."""

    parsers: Parsers
    settings: Settings
    writer: Writer
    stop: Callable[[], bool]
    found: list[File] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def unpack(self, outermost: Source) -> None:
        """Fill `found`, the members of an archive before those of the archives among them.

        Raises:
            DocumentError: the outermost archive cannot be unpacked, or holds too much.
            Superseded: `stop` said so.
        """
        self._read(outermost, "", 1)
        for file in self.found:  # which grows in the loop
            if file.content_type == ZIP and file.failure is None:
                self._unpack_inner(file)

    def _unpack_inner(self, archive: File) -> None:
        count = len(self.found)
        source = Source(
            path=self.writer.part,
            offset=archive.offset,
            size=archive.size,
            content_type=ZIP,
            filename=_name(archive.path, self.settings.max_filename_bytes),
        )
        limit = self.settings.max_archive_depth
        if archive.depth >= limit:
            detail = f"archives are nested deeper than {limit}; send the inner one by itself"
            archive.failure = DocumentError("too_large", detail)
            return
        try:
            self._read(source, f"{archive.path}/", archive.depth + 1)
            archive.members = len(self.found) - count
        except DocumentError as error:
            archive.failure = error

    def _read(self, source: Source, prefix: str, depth: int) -> None:
        """Read one archive's members to their ends."""
        with self.parsers.unpack(source, stop=self.stop) as reading:
            for told, pieces in _by_member(reading.members()):
                self._take(File(path=prefix + told.path, depth=depth, offset=self.writer.size), pieces)

    def _take(self, file: File, pieces: Iterable[bytes | Spoilt]) -> None:
        hashed = hashlib.sha256()
        for piece in pieces:
            if isinstance(piece, Spoilt):
                file.failure = DocumentError(
                    "corrupt", f"{piece.reason} in its archive; pack it again and send it again"
                )
            elif file.failure is None:
                self._check_size(file, len(piece))
                self.writer.write(piece)
                hashed.update(piece)
                file.size += len(piece)
        file.sha256 = hashed.hexdigest()
        if file.failure is None:
            self._sniff(file)
        self.found.append(file)
        if len(self.found) > self.settings.max_archive_members:
            limit = self.settings.max_archive_members
            raise DocumentError("too_large", f"the archive and those within it hold more than {limit} files; split it")

    def _check_size(self, file: File, more: int) -> None:
        if self.writer.size + more > self.settings.max_unpacked_bytes:
            raise DocumentError("too_large", "the archive and those within it unpack to more than is allowed; split it")
        if file.size + more > self.settings.max_file_bytes:
            limit = self.settings.max_file_bytes
            file.failure = DocumentError("too_large", f"it is larger than the limit of {limit} bytes a file")

    def _sniff(self, file: File) -> None:
        with self.writer.part.open("rb") as whole:
            try:
                file.content_type = sniff_file(open_window(whole.fileno(), file.offset, file.size), file.path)
            except UnsupportedType as error:
                file.failure = DocumentError("unsupported_type", error.detail)


def _by_member(told: Iterator[Member | Spoilt | bytes]) -> Iterator[tuple[Member, Iterator[bytes | Spoilt]]]:
    """Each member with what is told of it."""
    member: Member | None = None
    following: list[Member] = []

    def of_member() -> Iterator[bytes | Spoilt]:
        for one in told:
            if isinstance(one, Member):
                following.append(one)
                return
            yield one

    first = next(told, None)
    member = first if isinstance(first, Member) else None
    while member is not None:
        yield member, of_member()
        member = following.pop() if following else None


def _as_document(file: File, archive: Document, where: BlobRange) -> Unpacked:
    """A member as the document that it becomes: its user's and its archive's metadata, and where it was."""
    name = _name(file.path, 255)
    kept = {key: value for key, value in archive.metadata.items() if archive.live_version is None or key not in FOUND}
    document = replace(
        archive,
        document_id=DocumentId(new_id()),
        filename=name,
        content_type=file.content_type,
        blob=BlobRange(key=where.key, offset=file.offset, size=file.size),
        sha256=file.sha256,
        processing_status=ProcessingStatus.PENDING,
        processing_error=None,
        chunk_count=None,
        metadata={**kept, "archive": archive.filename, "path": file.path},
        live_version=None,
        next_version=1,
        recipe=None,
    )
    return Unpacked(document=document, failure=file.failure, members=file.members)


def _dated(unpacked: Unpacked, now: datetime) -> Unpacked:
    return replace(unpacked, document=replace(unpacked.document, created_at=now, updated_at=now))


def _name(path: str, most_bytes: int) -> str:
    """The last part of a member's path, cut to what a name may have."""
    name = PurePosixPath(path.replace("\\", "/")).name.strip() or "unnamed"
    while len(name.encode("utf-8", "replace")) > most_bytes:
        name = name[1:]  # its end tells the type
    return name
