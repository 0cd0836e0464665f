"""What an extractor yields, and how its parts become numbered, bounded, clean sections."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from headrace.model.document import Section
from headrace.model.errors import DocumentError
from headrace.pipeline.source import Limits, Outline, Picture

MAX_SECTION_CHARACTERS = 64_000
GROUP_CHARACTERS = 32_000
MAX_LINKS, MAX_LINK_CHARACTERS = 20, 300
BREAKS = ("\n\n", "\n", ". ", " ")
WAY_TO_READ = "install tesseract where the worker runs to have them read"


class Unrecognized(Exception):
    """No text could be got from a picture; says why, after "page 3 ", "bill.pdf: page 3 " or "the picture "."""


Recognize = Callable[[Picture], str]
"""Gives the text in a picture. Raises Unrecognized."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A stretch of a document that chunks do not cross: a page, what stands below a heading, a group of rows.

    `fraction` (0.0 to 1.0) says how far the document is read with it. `gap` is the number of characters between this
    part and the next in the whole text: 1 where parts are joined by a newline, 0 where one continues the other.
    `picture` draws what the part looks like where that, with no or hardly any text, is all there is; what is read in it
    follows the text.
    """

    text: str
    fraction: float
    page: int | None = None
    heading: str | None = None
    gap: int = 1
    picture: Callable[[], Picture] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """An opened document. What follows `parts` grows while they are read.

    `failed_pages` are those without a text that they should have, with the reason, which goes on after "page 3 ".
    """

    outline: Outline
    parts: Iterator[Part]
    warnings: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    failed_pages: dict[int, str] = field(default_factory=dict)


def read_sections(
    parsed: Parsed, limits: Limits, recognize: Recognize | None = None
) -> Iterator[tuple[Section, float]]:
    """Number the parts by their offsets in the whole text; each section comes with the fraction read.

    Pictures are read by `recognize`; without it they are counted in a warning. Raises DocumentError: `empty` when
    nothing but white space was found, `too_large` beyond the limit.
    """
    start, has_text, unread, has_stamp = 0, False, 0, False
    for part in parsed.parts:
        text = cleaned(part.text if recognize is None else recognized(part, recognize, parsed))
        if recognize is None and part.picture is not None:
            leave(part, parsed)
            unread += 1
            has_stamp = has_stamp or bool(text.strip())
        has_text = has_text or bool(text.strip())
        # A page is a section even where it is blank.
        for piece in pieces(text, MAX_SECTION_CHARACTERS) if text or part.page is None else [text]:
            yield Section(text=piece, page=part.page, heading=part.heading, start=start), part.fraction
            start += len(piece)
        start += part.gap
        if start > limits.max_unpacked_bytes:
            raise too_much_text(limits)
    if not has_text:
        raise no_text(parsed.outline, parsed.warnings, unread)
    if unread:
        verb = "holds" if unread == 1 else "hold"
        parsed.warnings.append(f"{pages(unread)} {verb} {only(has_stamp)} pictures; {WAY_TO_READ}")


def recognized(part: Part, recognize: Recognize, parsed: Parsed) -> str:
    """The part's text, and that in its picture; where it cannot be got, that is said."""
    if part.picture is None:
        return part.text
    try:
        return "\n".join(filter(str.strip, (part.text, recognize(part.picture()))))
    except Unrecognized as error:
        parsed.warnings.append(f"{f'page {part.page}' if part.page else part.heading or 'the picture'} {error}")
        if part.page is not None:
            parsed.failed_pages[part.page] = str(error)
        return part.text


def leave(part: Part, parsed: Parsed) -> None:
    """Note that nobody reads the part's picture."""
    if part.page is not None:
        parsed.failed_pages[part.page] = f"holds {only(bool(part.text.strip()))} a picture; {WAY_TO_READ}"


def only(has_stamp: bool) -> str:
    """How much of a page its picture is."""
    return "hardly more than" if has_stamp else "only"


def pieces(text: str, limit: int) -> Iterator[str]:
    """Cut `text` into contiguous pieces of at most `limit` characters."""
    start = 0
    while start < len(text):
        end = cutting_point(text, limit, start)
        yield text[start:end]
        start = end


def cutting_point(text: str, limit: int, start: int = 0) -> int:
    """Where to cut what is longer than `limit` from `start` on: behind a paragraph, a line, a sentence or a word."""
    if len(text) - start <= limit:
        return len(text)
    for mark in BREAKS:
        position = text.rfind(mark, start + limit // 2, start + limit)
        if position >= 0:
            return position + len(mark)
    return start + limit


def cleaned(text: str) -> str:
    """Replace what no database keeps, NUL and lone surrogates, by U+FFFD one for one, so that offsets stay."""
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in text)
    return text


def grouped(records: Iterable[tuple[str, float]], heading: str | None = None) -> Iterator[Part]:
    """Join small records (text, fraction) by blank lines into parts of about GROUP_CHARACTERS."""
    group: list[str] = []
    size, fraction = 0, 0.0
    for text, fraction in records:
        if text:
            group.append(text)
        size += len(text)
        if size >= GROUP_CHARACTERS:
            yield Part(text="\n\n".join(group), fraction=fraction, heading=heading, gap=2)
            group, size = [], 0
    if group:
        yield Part(text="\n\n".join(group), fraction=fraction, heading=heading, gap=2)


def web_links(links: Iterable[str]) -> list[str]:
    """The first few that lead into the web, each once."""
    found = dict.fromkeys(link for link in links if link.startswith(("http://", "https://")))
    return [cleaned(link) for link in found if len(link) <= MAX_LINK_CHARACTERS][:MAX_LINKS]


def no_text(outline: Outline, warnings: list[str], unread: int) -> DocumentError:
    """Success with no characters is not a success."""
    if unread:
        there = f"its {pages(unread)} {'holds' if unread == 1 else 'hold'}" if outline.page_count else "it holds"
        return DocumentError("empty", f"no text was found in the document: {there} only pictures; {WAY_TO_READ}")
    if warnings:
        return DocumentError("empty", f"no text was found in the document: {warnings[0]}")
    return DocumentError("empty", "no text was found in the document; check that the right file was sent")


def pages(count: int) -> str:
    """So many of them."""
    return "1 page" if count == 1 else f"{count} pages"


def too_much_text(limits: Limits) -> DocumentError:
    """More text than an operator wants from one document."""
    return DocumentError(
        "too_large",
        f"the document holds more than {limits.max_unpacked_bytes} bytes of text; split it into smaller files",
    )
