"""What an extractor yields, and how its parts become numbered, bounded, clean sections."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from headrace.model.document import Section
from headrace.model.errors import DocumentError
from headrace.pipeline.source import Limits, Outline

MAX_SECTION_CHARACTERS = 64_000
GROUP_CHARACTERS = 32_000
BREAKS = ("\n\n", "\n", ". ", " ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A stretch of a document that chunks do not cross: a page, what stands below a heading, a group of rows.

    `fraction` (0.0 to 1.0) says how far the document is read with it. `gap` is the number of characters between this
    part and the next in the whole text: 1 where parts are joined by a newline, 0 where one continues the other.
    """

    text: str
    fraction: float
    page: int | None = None
    heading: str | None = None
    gap: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """An opened document. `warnings` grows while `parts` are read."""

    outline: Outline
    parts: Iterator[Part]
    warnings: list[str] = field(default_factory=list)


def read_sections(parsed: Parsed, limits: Limits) -> Iterator[tuple[Section, float]]:
    """Number the parts by their offsets in the whole text; each section comes with the fraction read.

    Raises DocumentError: `empty` when nothing but white space was found, `too_large` beyond the limit.
    """
    start, has_text = 0, False
    for part in parsed.parts:
        text = cleaned(part.text)
        has_text = has_text or bool(text.strip())
        # A page is a section even where it is blank.
        for piece in pieces(text, MAX_SECTION_CHARACTERS) if text or part.page is None else [text]:
            yield Section(text=piece, page=part.page, heading=part.heading, start=start), part.fraction
            start += len(piece)
        start += part.gap
        if start > limits.max_unpacked_bytes:
            raise too_much_text(limits)
    if not has_text:
        raise no_text(parsed.outline)


def pieces(text: str, limit: int) -> Iterator[str]:
    """Cut `text` into contiguous pieces of at most `limit` characters."""
    while text:
        end = cutting_point(text, limit)
        yield text[:end]
        text = text[end:]


def cutting_point(text: str, limit: int) -> int:
    """Where to cut a text that is longer than `limit`: behind a paragraph, a line, a sentence or a word."""
    if len(text) <= limit:
        return len(text)
    for mark in BREAKS:
        position = text.rfind(mark, limit // 2, limit)
        if position >= 0:
            return position + len(mark)
    return limit


def cleaned(text: str) -> str:
    """Replace what no database keeps, NUL and lone surrogates, by U+FFFD one for one, so that offsets stay."""
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in text)
    return text


def grouped(records: Iterable[tuple[str, float]]) -> Iterator[Part]:
    """Join small records (text, fraction) by blank lines into parts of about GROUP_CHARACTERS."""
    group: list[str] = []
    size, fraction = 0, 0.0
    for text, fraction in records:
        if text:
            group.append(text)
        size += len(text)
        if size >= GROUP_CHARACTERS:
            yield Part(text="\n\n".join(group), fraction=fraction, gap=2)
            group, size = [], 0
    if group:
        yield Part(text="\n\n".join(group), fraction=fraction, gap=2)


def no_text(outline: Outline) -> DocumentError:
    """Success with no characters is not a success."""
    if outline.page_count:
        way_out = "a scan needs text recognition (OCR) before it is sent"
    else:
        way_out = "check that the right file was sent"
    return DocumentError("empty", f"no text was found in the document; {way_out}")


def too_much_text(limits: Limits) -> DocumentError:
    """More text than an operator wants from one document."""
    return DocumentError(
        "too_large",
        f"the document holds more than {limits.max_unpacked_bytes} bytes of text; split it into smaller files",
    )
