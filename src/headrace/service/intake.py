"""Takes the documents of one request in, within the limits, and makes their bytes durable.

Texts share one blob, so that ten thousand messages cost one fsync; each file has its own.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import PurePath
from types import TracebackType
from typing import Any

from headrace.model.document import BlobRange
from headrace.model.errors import InvalidField, TooLarge, UnsupportedType
from headrace.model.vocabulary import JobType
from headrace.pipeline.sniff import TEXT, UNREADABLE, sniff
from headrace.settings import Settings
from headrace.store.blobs import BlobStore, Writer

UNNAMED = "text.txt"

CONTAINERS = (dict, list)
"""What JSON nests."""

ESCAPED_NUL = "\\u0000"
"""A JSON text without this has no NUL in it; one with it may have a backslash and five letters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a request asks for beside its documents. `workspace` is a name or an id; None is the default one.

    With `force` a file that is here already, unchanged, is ingested all the same; with `replace` one that came before
    under the same name, with other bytes, is the same document's older version.
    """

    job_type: JobType
    workspace: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    force_recreate: bool = False
    force: bool = False
    replace: bool = False
    idempotency_key: str | None = None
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A document whose bytes are in. One with a name of its sender's may be another sending of one that is here."""

    filename: str
    is_named: bool
    content_type: str
    sha256: str
    blob: BlobRange
    metadata: Mapping[str, Any]


@dataclass(slots=True)
class _Part:
    """A document on its way in; `offset` and `size` lie in its writer's blob."""

    writer: Writer
    filename: str
    is_named: bool
    content_type: str
    sha256: str
    offset: int
    size: int
    metadata: Mapping[str, Any]


class Intake:
    """Collects documents; leave the block without `settle`, and nothing of them is kept."""

    def __init__(self, blobs: BlobStore, settings: Settings) -> None:
        self._blobs = blobs
        self._settings = settings
        self._stack = ExitStack()
        self._texts: Writer | None = None
        self._parts: list[_Part] = []
        self._refusals: list[UnsupportedType] = []

    def __enter__(self) -> "Intake":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def __len__(self) -> int:
        return len(self._parts)

    def add_text(
        self,
        text: str,
        *,
        filename: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        is_named: bool | None = None,
    ) -> None:
        """Take a text in. Its type is that of its content, so a page of HTML sent as text is HTML only as a file.

        `is_named` says whether `filename` is its sender's; it is where there is one, unless told otherwise.
        """
        data = text.encode("utf-8", "replace")
        self._check_size(len(data))
        if self._texts is None:
            self._texts = self._stack.enter_context(self._blobs.create())
        writer = self._texts
        part = _Part(
            writer=writer,
            filename=self._filename(filename or UNNAMED),
            is_named=bool(filename) if is_named is None else is_named,
            content_type=TEXT,
            sha256=hashlib.sha256(data).hexdigest(),
            offset=writer.size,
            size=len(data),
            metadata=self._metadata(metadata or {}),
        )
        writer.write(data)
        self._add(part)

    def open_file(self, filename: str) -> "Incoming":
        """Start a file, whose bytes follow."""
        name = self._filename(PurePath(filename.replace("\\", "/")).name)
        return Incoming(self, self._stack.enter_context(self._blobs.create()), name, self._settings.max_file_bytes)

    def add_file(self, incoming: "Incoming", metadata: Mapping[str, Any] | None = None) -> None:
        """A file is complete. One of a type that cannot be read is a document that will fail, beside others."""
        writer = incoming.writer
        try:
            content_type = sniff(writer.part, incoming.filename)
        except UnsupportedType as error:
            content_type = UNREADABLE
            self._refusals.append(UnsupportedType(f"{incoming.filename!r}: {error.detail}"))
        writer.seal()
        self._add(
            _Part(
                writer=writer,
                filename=incoming.filename,
                is_named=True,
                content_type=content_type,
                sha256=incoming.sha256,
                offset=0,
                size=writer.size,
                metadata=self._metadata(metadata or {}),
            )
        )

    def settle(self) -> list[Arrived]:
        """Make all of it durable, in the order in which it came.

        Raises:
            UnsupportedType: there is nothing that can be read.
        """
        if self._refusals and len(self._refusals) == len(self._parts):
            raise self._refusals[0]
        writers = list({id(part.writer): part.writer for part in self._parts}.values())
        keys = {id(writer): where.key for writer, where in zip(writers, self._blobs.settle(writers), strict=True)}
        return [
            Arrived(
                filename=part.filename,
                is_named=part.is_named,
                content_type=part.content_type,
                sha256=part.sha256,
                blob=BlobRange(key=keys[id(part.writer)], offset=part.offset, size=part.size),
                metadata=part.metadata,
            )
            for part in self._parts
        ]

    def fingerprint(self, request: Request) -> str:
        """Equal for requests that ask for the same: what an `Idempotency-Key` is checked against."""
        asked = {
            "type": request.job_type,
            "workspace": request.workspace,
            "metadata": request.metadata,
            "force_recreate": request.force_recreate,
            **({"force": True} if request.force else {}),
            **({"replace": True} if request.replace else {}),
            "documents": [[part.filename, part.sha256, part.metadata] for part in self._parts],
        }
        return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()

    def check_metadata(self, metadata: Mapping[str, Any]) -> Mapping[str, Any]:
        """`metadata`, if it is within the limits.

        Raises:
            InvalidField: it is too large or too deep.
        """
        return self._metadata(metadata)

    def _add(self, part: _Part) -> None:
        self._parts.append(part)

    def _check_size(self, size: int) -> None:
        if size > self._settings.max_file_bytes:
            raise TooLarge(f"a document may have {self._settings.max_file_bytes} bytes, this one has {size}")

    def _filename(self, name: str) -> str:
        printable = name if name.isprintable() else "".join(char for char in name if char.isprintable())
        clean = printable.strip() or UNNAMED
        if len(clean.encode()) > self._settings.max_filename_bytes:
            raise InvalidField.single("filename", f"must be at most {self._settings.max_filename_bytes} bytes long")
        return clean

    def _metadata(self, metadata: Mapping[str, Any]) -> Mapping[str, Any]:
        if not metadata:
            return metadata
        if _is_deeper(metadata, self._settings.max_metadata_depth):
            raise InvalidField.single("metadata", f"must be at most {self._settings.max_metadata_depth} levels deep")
        if len(_as_json(metadata)) > self._settings.max_metadata_bytes:
            raise InvalidField.single("metadata", f"must be at most {self._settings.max_metadata_bytes} bytes of JSON")
        return metadata


class Incoming:
    """A file that is being received."""

    def __init__(self, intake: Intake, writer: Writer, filename: str, most_bytes: int) -> None:
        self.intake = intake
        self.writer = writer
        self.filename = filename
        self._most_bytes = most_bytes
        self._hash = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Of what has come so far, in hexadecimal."""
        return self._hash.hexdigest()

    def write(self, data: bytes) -> None:
        """Take some bytes in.

        Raises:
            TooLarge: the file has become larger than the limit.
        """
        if self.writer.size + len(data) > self._most_bytes:
            raise TooLarge(f"{self.filename!r} is larger than the limit of {self._most_bytes} bytes a file")
        self._hash.update(data)
        self.writer.write(data)


def _is_deeper(container: Mapping[str, Any] | list[Any], levels: int) -> bool:
    return not levels or any(_is_deeper(one, levels - 1) for one in _in(container) if isinstance(one, CONTAINERS))


def _in(container: Mapping[str, Any] | list[Any]) -> Iterable[Any]:
    return container if isinstance(container, list) else container.values()


def _as_json(metadata: Mapping[str, Any]) -> bytes:
    """What is stored and told of them: neither database nor every reader of JSON can take more than this."""
    try:
        encoded = json.dumps(metadata, default=str, allow_nan=False, ensure_ascii=False)
        written = encoded.encode()
    except ValueError as error:
        raise InvalidField.single("metadata", "must be JSON: no NaN, no Infinity, no half of a character") from error
    if ESCAPED_NUL in encoded and any("\0" in text for text in _texts(json.loads(encoded))):
        raise InvalidField.single("metadata", "must not contain the character NUL")
    return written


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, CONTAINERS):
        for one in (*value, *_in(value)):
            yield from _texts(one)
