"""How a parser's process speaks with its owner: frames of length-prefixed JSON, checked like any input from outside.

Owner to parser: an Order, with the document's open file beside it. Parser to owner, for each order: one Outline, any
number of Passages, then Finished, with what the order's Brief asks for, or a DocumentError anywhere instead. A parser
may ask, at any point, for the text in a Picture, whose pixels follow its frame, and waits for the answer. Of an archive
it sends Members, each followed by the Pieces of it, whose bytes follow their frames.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from headrace.model.document import Section
from headrace.model.errors import DocumentError
from headrace.pipeline.chunk import Span
from headrace.pipeline.extract.parts import MAX_SECTION_CHARACTERS, cleaned
from headrace.pipeline.source import Description, Outline
from headrace.pipeline.study import NO_BRIEF, NOTHING_FOUND, Brief, Findings

PARSER, RECOGNIZER = b"+", b"?"  # what the warm process is asked for; or, without sockets, to learn a Skill
READY = b"."  # the warm process has its imports done, or has learned
OBITUARY = struct.Struct(">iq")  # a child's wait status, and by how many bytes it had grown at most
LENGTH = struct.Struct(">I")
# 64,000 characters of which each is escaped in six bytes, and some room.
MAX_FRAME_BYTES = 1 << 20
MAX_TITLE_CHARACTERS = 500
MAX_VALUE_CHARACTERS = 2_000
MAX_FIELDS = 50
MAX_WARNINGS = 100
MAX_FAILED_PAGES = 1_000
MAX_LANGUAGE_CHARACTERS = 10
MAX_SECONDS = 1e6
SIMHASH_BYTES = 8
CODES = frozenset({"corrupt", "encrypted", "empty", "unsupported_type", "too_large", "timeout", "out_of_memory"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One document to read: a range of the file that comes with it. Sections before `first_section` are not sent.

    With `unpacks` it is an archive whose members are wanted; else `brief` says what besides its text.
    """

    offset: int
    size: int
    content_type: str
    first_section: int = 0
    unpacks: bool = False
    brief: Brief = NO_BRIEF


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """One section, how far the document is read with it (0.0 to 1.0), and where it is to be cut, if that was asked."""

    section: Section
    fraction: float
    spans: tuple[Span, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The document is read to its end."""

    warnings: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    failed_pages: Mapping[int, str] = field(default_factory=dict)
    findings: Findings = NOTHING_FOUND


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A picture whose text is asked for; its pixels follow, a byte each."""

    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """The next file of an archive, by its path there."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """So many bytes of the archive's last member follow."""

    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoilt:
    """The archive's last member is damaged; what came of it is to be dropped. `reason` is a clause for people."""

    reason: str


Message = Outline | Passage | Finished | Drawing | Member | Piece | Spoilt


class Malformed(Exception):
    """A frame that no parser of ours sends."""


def packed(kind: str, body: Mapping[str, Any]) -> bytes:
    """A frame."""
    data = orjson.dumps({"kind": kind, **body})
    return LENGTH.pack(len(data)) + data


def packed_order(order: Order) -> bytes:
    """The frame of an order."""
    return packed("order", asdict(order))


def packed_passage(section: Section, fraction: float, spans: Sequence[Span] | None = None) -> bytes:
    """The frame of a section."""
    heading = section.heading[:MAX_TITLE_CHARACTERS] if section.heading else None
    body = {
        "text": section.text,
        "page": section.page,
        "heading": heading,
        "start": section.start,
        "fraction": fraction,
        "spans": spans,
    }
    return packed("passage", body)


def packed_outline(outline: Outline) -> bytes:
    """The frame of an outline, cut to what the owner accepts."""
    metadata = {name: clipped(value) for name, value in list(outline.metadata.items())[:MAX_FIELDS]}
    title = clipped(outline.title)[:MAX_TITLE_CHARACTERS] if outline.title else None
    body = {"page_count": outline.page_count, "title": title, "metadata": metadata}
    return packed("outline", body | {"warnings": list(outline.warnings)[:MAX_WARNINGS]})


def packed_finish(finished: Finished) -> bytes:
    """The frame of the end, cut to what the owner accepts."""
    failed = list(finished.failed_pages.items())[:MAX_FAILED_PAGES]
    body = {
        "warnings": [clipped(warning) for warning in finished.warnings[:MAX_WARNINGS]],
        "links": [clipped(link) for link in finished.links],
        "failed_pages": [[page, clipped(reason)] for page, reason in failed],
        "cutting_seconds": finished.findings.cutting_seconds,
        "describing_seconds": finished.findings.describing_seconds,
    }
    found = finished.findings.description
    return packed("finished", body | {"description": None if found is None else described(found)})


def described(found: Description) -> dict[str, Any]:
    """The members of a frame that tell a description, as `description_of` wants them."""
    return {
        "title": found.title and clipped(found.title)[:MAX_TITLE_CHARACTERS],
        "language": found.language,
        "keywords": [clipped(word) for word in found.keywords],
        "summary": found.summary and clipped(found.summary),
        "dates": found.dates,
        "simhash": found.simhash and found.simhash.hex(),
    }


def packed_answer(text: str, problem: str | None) -> bytes:
    """The frame with the text of a picture, cut to what fits; `problem` says why there is none."""
    return packed("recognized", {"text": cleaned(text)[:MAX_SECTION_CHARACTERS], "problem": problem})


def parsed_answer(data: bytes) -> tuple[str, str | None]:
    """Text and problem; they come from our side and are believed."""
    body = orjson.loads(data)
    return body["text"], body["problem"]


def packed_failure(error: DocumentError) -> bytes:
    """The frame of a document's own failure."""
    return packed("failure", {"code": error.code, "detail": clipped(error.detail)})


def clipped(text: str) -> str:
    """A value short and clean enough to send."""
    return str(text)[:MAX_VALUE_CHARACTERS].encode("utf-8", "replace").decode().replace("\x00", "")


def parsed_order(data: bytes) -> Order:
    """The order in a frame's data; it comes from our side and is believed."""
    body = orjson.loads(data)
    body.pop("kind")
    return Order(**body | {"brief": Brief(**body["brief"])})


def parsed(data: bytes) -> Message:
    """The message in a frame's data. Raises Malformed, or the DocumentError that the parser reports."""
    try:
        body = orjson.loads(data)
        kind = body["kind"]
        if kind == "failure" and body["code"] in CODES:
            raise DocumentError(body["code"], text(body["detail"], MAX_VALUE_CHARACTERS))
        return READERS[kind](body)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Malformed from error


def passage_of(body: Mapping[str, Any]) -> Passage:
    """A passage whose every field is of its type."""
    section = Section(
        text=text(body["text"], MAX_FRAME_BYTES),
        page=None if body["page"] is None else number(body["page"]),
        heading=None if body["heading"] is None else text(body["heading"], MAX_TITLE_CHARACTERS),
        start=number(body["start"]),
    )
    spans = body["spans"]
    return Passage(
        section=section,
        fraction=measure(body["fraction"], 1.0),
        spans=None if spans is None else tuple((number(start), number(end)) for start, end in spans),
    )


def outline_of(body: Mapping[str, Any]) -> Outline:
    """An outline whose every field is of its type; metadata is flat text."""
    metadata = {text(name, 100): text(value, MAX_VALUE_CHARACTERS) for name, value in body["metadata"].items()}
    if len(metadata) > MAX_FIELDS:
        raise Malformed
    return Outline(
        page_count=None if body["page_count"] is None else number(body["page_count"]),
        title=None if body["title"] is None else text(body["title"], MAX_TITLE_CHARACTERS),
        metadata=metadata,
        warnings=texts(body["warnings"]),
    )


def finish_of(body: Mapping[str, Any]) -> Finished:
    """The end, with what was found on the way."""
    failed = body["failed_pages"]
    if not isinstance(failed, list) or len(failed) > MAX_FAILED_PAGES:
        raise Malformed
    found = body["description"]
    findings = Findings(
        description=None if found is None else description_of(found),
        cutting_seconds=measure(body["cutting_seconds"], MAX_SECONDS),
        describing_seconds=measure(body["describing_seconds"], MAX_SECONDS),
    )
    return Finished(
        warnings=texts(body["warnings"]),
        links=texts(body["links"]),
        failed_pages={number(page): text(reason, MAX_VALUE_CHARACTERS) for page, reason in failed},
        findings=findings,
    )


def description_of(body: Mapping[str, Any]) -> Description:
    """A description whose every field is of its type; nobody else's enricher runs in a parser's process."""
    title, language, summary, simhash = (body[name] for name in ("title", "language", "summary", "simhash"))
    return Description(
        title=None if title is None else text(title, MAX_TITLE_CHARACTERS),
        language=None if language is None else text(language, MAX_LANGUAGE_CHARACTERS),
        keywords=texts(body["keywords"]),
        summary=None if summary is None else text(summary, MAX_VALUE_CHARACTERS),
        dates=texts(body["dates"]),
        simhash=None if simhash is None else simhash_of(simhash),
    )


def simhash_of(value: object) -> bytes:
    """The bytes of a hexadecimal number of the right length."""
    found = bytes.fromhex(text(value, 2 * SIMHASH_BYTES))
    if len(found) != SIMHASH_BYTES:
        raise Malformed
    return found


def drawing_of(body: Mapping[str, Any]) -> Drawing:
    """A picture's measures."""
    return Drawing(width=number(body["width"]), height=number(body["height"]))


def member_of(body: Mapping[str, Any]) -> Member:
    """A member's path."""
    return Member(path=text(body["path"], MAX_VALUE_CHARACTERS))


def piece_of(body: Mapping[str, Any]) -> Piece:
    """The size of what follows."""
    return Piece(size=number(body["size"]))


def spoilt_of(body: Mapping[str, Any]) -> Spoilt:
    """Why a member is dropped."""
    return Spoilt(reason=text(body["reason"], MAX_VALUE_CHARACTERS))


READERS: Mapping[str, Callable[[Mapping[str, Any]], Message]] = {
    "passage": passage_of,
    "outline": outline_of,
    "finished": finish_of,
    "drawing": drawing_of,
    "member": member_of,
    "piece": piece_of,
    "spoilt": spoilt_of,
}


def text(value: object, limit: int) -> str:
    """The value, if it is a string no longer than the limit."""
    if not isinstance(value, str) or len(value) > limit:
        raise Malformed
    return value


def texts(value: object) -> tuple[str, ...]:
    """The value, if it is a short list of strings."""
    if not isinstance(value, list) or len(value) > MAX_WARNINGS:
        raise Malformed
    return tuple(text(item, MAX_VALUE_CHARACTERS) for item in value)


def measure(value: object, most: float) -> float:
    """The value, if it is a number from 0 to `most`."""
    if not isinstance(value, float | int) or isinstance(value, bool) or not 0 <= value <= most:
        raise Malformed
    return float(value)


def number(value: object) -> int:
    """The value, if it is a whole number from 0 that a database keeps."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 53:
        raise Malformed
    return value
