"""The JSON bodies that clients send, strictly: a number where a text is due is an error, not a text."""

import base64
import binascii
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    Tag,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from headrace.search.query import Clock, SearchMode, Span

EARLIEST = datetime.min.replace(tzinfo=UTC, microsecond=1)  # there is one before it, as whoever takes an end needs
LATEST = datetime.max.replace(tzinfo=UTC)

Name = Annotated[str, Field(min_length=1, max_length=255)]
Metadata = dict[str, Any]


class Body(BaseModel):
    """What all bodies have in common. A null for a field that may be left out means that it is."""

    model_config = ConfigDict(strict=True, extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, sent: Any) -> Any:
        if not isinstance(sent, dict):
            return sent
        return {name: value for name, value in sent.items() if value is not None or not cls._has_default(name)}

    @classmethod
    def _has_default(cls, name: str) -> bool:
        """Whether a field stands for something when it is left out; where it stands for null, null is kept."""
        field = cls.model_fields.get(name)
        return field is not None and not field.is_required() and field.default is not None

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        told = handler(schema)
        properties = handler.resolve_ref_schema(told).get("properties", {})
        for name, field in properties.items():
            if cls._has_default(name):
                properties[name] = {"anyOf": [field, {"type": "null"}]}
        return told


class TextBody(Body):
    """`POST /ingest/text`."""

    text_content: Annotated[str, Field(min_length=1)]
    metadata: Metadata = {}
    collection_name: Name | None = None


class MessageBody(Body):
    """One message of a batch."""

    text: Annotated[str, Field(min_length=1)]
    metadata: Metadata = {}


class BatchBody(Body):
    """`POST /ingest/batch`."""

    messages: Annotated[list[MessageBody], Field(min_length=1)]
    metadata: Metadata = {}
    collection_name: Name | None = None


class DocumentBody(Body):
    """One document of an upload: its text as `content` or `text`, or its bytes as `content_base64`."""

    content: str | None = None
    text: str | None = None
    content_base64: str | None = None
    filename: Name | None = None
    metadata: Metadata = {}

    @model_validator(mode="after")
    def _has_one_content(self) -> "DocumentBody":
        given = [one for one in (self.content, self.text, self.content_base64) if one]
        if len(given) != 1:
            raise ValueError("needs exactly one of content, text and content_base64, and not an empty one")
        return self

    @field_validator("content_base64")
    @classmethod
    def _is_base64(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                base64.b64decode(value, validate=True)
            except binascii.Error as error:
                raise ValueError("is not base64") from error
        return value

    @property
    def data(self) -> bytes | None:
        """The decoded bytes of `content_base64`."""
        return None if self.content_base64 is None else base64.b64decode(self.content_base64)


KINDS = TEXT, DOCUMENT = "<text>", "<document>"
"""Of what is in an upload: which of them is meant shows, so that errors are told of that alone."""

Sent = Annotated[
    Annotated[DocumentBody, Tag(DOCUMENT)] | Annotated[str, Field(min_length=1), Tag(TEXT)],
    Discriminator(lambda value: TEXT if isinstance(value, str) else DOCUMENT),
]


class UploadBody(Body):
    """`POST /upload`."""

    documents: Annotated[list[Sent], Field(min_length=1)]
    collection_name: Name | None = None
    force_recreate: bool = False
    force: bool = False
    replace: bool = False


class AgainBody(Body):
    """`POST /resource/ingest/{document_id}`."""

    force: bool = False


class SpanBody(Body):
    """A stretch of time: dates, or times with a zone (UTC where there is none). A date as `to` is all of that day."""

    model_config = ConfigDict(strict=False, extra="forbid", populate_by_name=True)

    start: Annotated[str | None, Field(alias="from", max_length=40)] = None
    end: Annotated[str | None, Field(alias="to", max_length=40)] = None

    @field_validator("start", "end")
    @classmethod
    def _is_a_time(cls, value: str | None) -> str | None:
        if value is not None:
            moment_of(value)
        return value

    @property
    def span(self) -> Span:
        """Its bounds as instants."""
        after = None if self.end is None else moment_of(self.end, is_end=True)
        return Span(start=None if self.start is None else moment_of(self.start), end=after)


def moment_of(text: str, *, is_end: bool = False) -> datetime:
    """The instant that a date or a time begins with; with `is_end`, the first one behind it.

    What cannot be told in UTC, such as the end of 9999-12-31, is the nearest instant that can. Raises ValueError.
    """
    moment = datetime.fromisoformat(text)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    length = timedelta(days=1) if len(text) <= len("2026-01-15") else timedelta(microseconds=1)
    try:
        asked = aware + length if is_end else aware
        asked.astimezone(UTC)
    except OverflowError:
        return EARLIEST if aware.year == EARLIEST.year else LATEST
    return max(asked, EARLIEST)


class QueryBody(Body):
    """`POST /query`."""

    model_config = ConfigDict(strict=False, extra="ignore")

    query: Annotated[str, Field(min_length=1, max_length=10_000, strict=True)]
    mode: SearchMode | None = None
    top_k: Annotated[int, Field(ge=1, le=1000, strict=True)] = 10
    workspace: Annotated[str, Field(strict=True)] | None = None
    document_ids: list[str] | None = None
    filters: Metadata = {}
    created_at: SpanBody | None = None
    updated_at: SpanBody | None = None
    dated: SpanBody | None = None
    cursor: str | None = None

    @property
    def times(self) -> dict[Clock, Span]:
        """The bounds in time that are given."""
        given = {clock: getattr(self, clock.value) for clock in Clock}
        return {clock: body.span for clock, body in given.items() if body is not None}


class EnrichmentBody(Body):
    """What is found out about a document; what is left out is as it is by default."""

    model_config = ConfigDict(strict=True, extra="forbid")

    title: bool = True
    language: bool = True
    keywords: bool = True
    summary: bool = True
    dates: bool = True
    duplicates: bool = True
    llm: bool = False
    plugins: Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=20)] = []


class RagConfigBody(Body):
    """The settings of a workspace; what is left out is inherited."""

    model_config = ConfigDict(strict=True, extra="forbid")

    chunk_size: Annotated[int, Field(ge=16, le=256)] = 256
    chunk_overlap: Annotated[int, Field(ge=0, le=128)] = 0
    embedder: Annotated[str, Field(min_length=1, max_length=128)] = "default"
    enrichment: bool | EnrichmentBody = True
    max_embeddings: Annotated[int, Field(ge=1)] | None = None
    search_mode: Literal["hybrid", "vector", "keyword"] = "hybrid"
    worker_tag: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,32}$")] | None = None

    @model_validator(mode="after")
    def _overlaps_less_than_half(self) -> "RagConfigBody":
        if self.chunk_overlap * 2 > self.chunk_size:
            raise ValueError("chunk_overlap must be at most half of chunk_size")
        return self


class WorkspaceBody(Body):
    """`POST /workspaces`."""

    name: Name
    rag_config: RagConfigBody = RagConfigBody()


class WorkspaceChangeBody(Body):
    """`PATCH /workspaces/{id}`."""

    name: Name | None = None
    rag_config: RagConfigBody | None = None


MOST_STEPS = 10**12


class TaskBody(Body):
    """`POST /tasks`."""

    title: Name
    total: Annotated[int, Field(ge=1, le=MOST_STEPS)] | None = None
    lease_seconds: Annotated[float, Field(ge=1, le=86_400)] = 60.0
    metadata: Metadata = {}


class AdvanceBody(Body):
    """`POST /tasks/{id}/advance`."""

    count: Annotated[int, Field(ge=0, le=MOST_STEPS)] = 1
    total: Annotated[int, Field(ge=1, le=MOST_STEPS)] | None = None
    message: Annotated[str, Field(max_length=1000)] | None = None


class FinishBody(Body):
    """`POST /tasks/{id}/finish`."""

    error: Annotated[str, Field(min_length=1, max_length=10_000)] | None = None
    message: Annotated[str, Field(max_length=1000)] | None = None
