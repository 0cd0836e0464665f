"""The words of the first stage: a document's bytes, what parsing them may cost, what it says, what is said of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MB = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A document's bytes: `size` bytes of the file at `path`, from `offset` on, of the type that `sniff` found.

    `sender` is whoever answers for it, such as a job; None shares nothing with any other document.
    """

    path: Path
    offset: int = 0
    size: int
    content_type: str
    filename: str
    sender: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one parse may cost.

    `seconds` counts the time that we wait for the parser, and for what it is asked to find out, not what its reader
    takes. `memory_bytes` is address space beyond what an idle parser has mapped; `max_unpacked_bytes` bounds both what
    an archive may declare and the characters of text that one document may yield. `max_ratio` is how many times its
    own size an archive may unpack to, once that is more than `ratio_from_bytes`. `max_pixels` bounds a picture, and
    `recognition_seconds` what is spent on the text in one.
    """

    seconds: float = 120.0
    memory_bytes: int = 1_000 * MB
    max_pages: int = 5_000
    max_unpacked_bytes: int = 1_000 * MB
    max_members: int = 10_000
    max_ratio: int = 100
    ratio_from_bytes: int = 10 * MB
    max_pixels: int = 50 * MB
    recognition_seconds: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """What a document says of itself. `page_count` is None where the format has no pages.

    `metadata` holds plain JSON values: author, subject, keywords, created_at and modified_at (ISO 8601), and so on.
    `warnings` are sentences about what could not be read, and `failed_pages` the pages among that, each with its reason
    ("is damaged and was left out"); they are complete once the last section was read.
    """

    page_count: int | None = None
    title: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    failed_pages: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a document is about. What is not known, or was not asked for, is None or empty.

    `language` is an ISO 639-1 code; at most 10 keywords, the best first; `dates` are ISO 8601 days, the earliest first;
    `simhash` has 8 bytes; `more` is what enrichers of other packages say.
    """

    title: str | None = None
    language: str | None = None
    keywords: tuple[str, ...] = ()
    summary: str | None = None
    dates: tuple[str, ...] = ()
    simhash: bytes | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def facts(self) -> dict[str, Any]:
        """Those that go into the document's metadata."""
        found = {
            **self.more,
            "title": self.title,
            "language": self.language,
            "keywords": list(self.keywords),
            "summary": self.summary,
            "dates": list(self.dates),
        }
        return {name: value for name, value in found.items() if value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What a page looks like: `width` x `height` bytes from the top left, 0 for black to 255 for white."""

    width: int
    height: int
    pixels: bytes
