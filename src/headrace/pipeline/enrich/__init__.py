"""What a document is about: its title, its language, its keywords."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePath

from headrace.pipeline.enrich.keywords import keywords_of
from headrace.pipeline.enrich.language import language_of
from headrace.pipeline.source import Outline

SAMPLE_CHARACTERS = 400_000
MAX_TITLE_CHARACTERS = 200
HEADING_CHARACTERS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """`language` is an ISO 639-1 code, None where the text does not tell; at most 10 keywords, the best first."""

    title: str
    language: str | None
    keywords: tuple[str, ...]


def describe(texts: Iterable[str], *, filename: str, outline: Outline) -> Description:
    """Describe a document by its first 400,000 characters; `texts` is not read beyond them."""
    sample = sampled(texts)
    return Description(
        title=title_of(sample, filename, outline), language=language_of(sample), keywords=keywords_of(sample)
    )


def sampled(texts: Iterable[str]) -> str:
    """The beginning of the document."""
    taken, size = [], 0
    for text in texts:
        taken.append(text[: SAMPLE_CHARACTERS - size])
        size += len(taken[-1])
        if size >= SAMPLE_CHARACTERS:
            break
    return "\n".join(taken)


def title_of(sample: str, filename: str, outline: Outline) -> str:
    """The document's own title, else a first line that reads like one, else the file's name."""
    if outline.title and outline.title.strip():
        return " ".join(outline.title.split())[:MAX_TITLE_CHARACTERS]
    first = next(islice((line.strip() for line in sample[:2000].splitlines() if line.strip()), 1), "")
    heading = first.lstrip("#").strip()
    is_heading = first.startswith("#") or (
        len(first) <= HEADING_CHARACTERS and first[-1:].isalnum() and ": " not in first
    )
    if heading and is_heading:
        return heading[:MAX_TITLE_CHARACTERS]
    return PurePath(filename).stem.replace("_", " ").strip()[:MAX_TITLE_CHARACTERS] or filename
