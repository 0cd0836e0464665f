"""A document, its bytes, and the passages that are searched."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from headrace.model.ids import BlobKey, DocumentId, JobId, UserId, WorkspaceId
from headrace.model.vocabulary import ProcessingStatus, WorkspaceStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobRange:
    """Where a document's bytes are: many small documents share one blob."""

    key: BlobKey
    offset: int = 0
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A thing that becomes searchable. `live_version` is the one that readers see; None until one is ready.

    `recipe` names the settings that the live version was made with.
    """

    document_id: DocumentId
    user_id: UserId
    workspace_id: WorkspaceId
    filename: str
    content_type: str
    blob: BlobRange
    sha256: str
    processing_status: ProcessingStatus = ProcessingStatus.PENDING
    processing_error: str | None = None
    chunk_count: int | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    job_id: JobId | None = None
    live_version: int | None = None
    next_version: int = 1
    recipe: str | None = None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """The content of one version of a document that was sent again with other bytes or other metadata."""

    document_id: DocumentId
    version: int
    content_type: str
    blob: BlobRange
    sha256: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    recipe: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A user's container of documents. `index_number` grows with every change of what is searchable in it.

    `embedder` is the name of the one that made its vectors; None while there are none. `document_count` is 0, too,
    where nobody has asked to count them.
    """

    workspace_id: WorkspaceId
    user_id: UserId
    name: str
    status: WorkspaceStatus
    status_message: str | None = None
    rag_config: Mapping[str, Any] = field(default_factory=dict)
    document_count: int = 0
    index_number: int = 0
    embedder: str | None = None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of a document's text that chunks do not cross, as a page of a PDF.

    `page` counts from 1, None where the format has no pages. `start` is the offset of `text`, in characters, in the
    text of the whole document.
    """

    text: str
    page: int | None = None
    heading: str | None = None
    start: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A passage: `start` and `end` are offsets in characters, end exclusive, in the text of the whole document."""

    ordinal: int
    text: str
    start: int
    end: int
    page: int | None = None
    heading: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A chunk that answers a query; the higher the `score` the better, within one answer only.

    `highlights` are offsets in `text`, end exclusive, of the words that were asked for; the times are the document's.
    """

    document_id: DocumentId
    chunk_id: str
    text: str
    score: float
    metadata: Mapping[str, Any]
    filename: str
    offsets: tuple[int, int]
    page: int | None = None
    heading: str | None = None
    ordinal: int = 0
    highlights: tuple[tuple[int, int], ...] = ()
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """The characters from `start` to `end`, exclusive, of a document's text, which has `total` of them.

    `passages` are the chunks that lie in it, wholly or in part; `sought` are the offsets of the one that was asked for.
    """

    document_id: DocumentId
    start: int
    end: int
    total: int
    text: str
    passages: tuple["Neighbour", ...] = ()
    sought: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A chunk among those of its document; `ordinal` counts from 0."""

    document_id: DocumentId
    chunk_id: str
    ordinal: int
    text: str
    offsets: tuple[int, int]
    page: int | None = None
    heading: str | None = None
