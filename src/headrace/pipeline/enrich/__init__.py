"""What a document is about: its title, language, keywords, summary and dates, and what it is nearly the same as.

Other packages may bring an enricher: a class, or a function without arguments, that makes an `Enricher`.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from headrace.pipeline import plugins
from headrace.pipeline.enrich.dates import dates_of
from headrace.pipeline.enrich.keywords import keywords_of
from headrace.pipeline.enrich.language import language_of
from headrace.pipeline.enrich.likeness import simhash_of
from headrace.pipeline.enrich.llm import Chat, Told
from headrace.pipeline.enrich.summary import summary_of
from headrace.pipeline.enrich.titles import title_of
from headrace.pipeline.source import Description, Outline

Enricher = Callable[[str, str], Mapping[str, Any]]
"""Given the beginning of a document and its file's name, the members of its metadata: plain JSON values."""

USUAL = frozenset({"title", "language", "keywords", "summary", "dates", "duplicates"})

SAMPLE_CHARACTERS = 400_000
MAIL_HEADER = re.compile(r"^(?:(?:From|To|Cc|Date): .*\n)+(?:Subject: (.*)(?:\n|\Z))?", re.MULTILINE)
"""As mail begins; what it is about is said by its subject only."""
LINK = re.compile(r"!\[[^\[\]\n]*\]\([^()\n]*\)|\[([^\[\]\n]*)\]\([^()\n]*\)")
"""Of Markdown: a picture says nothing, a link what it is called."""


def describe(texts: Iterable[str], *, filename: str, outline: Outline, wanted: frozenset[str] = USUAL) -> Description:
    """Describe a document by its first 400,000 characters; `texts` is not read beyond them.

    `wanted` names what is to be found out.
    """
    sample = sampled(texts)
    said = MAIL_HEADER.sub(r"\n\1\n\n", sample) if "From: " in sample else sample
    said = LINK.sub(r"\1", said) if "](" in said else said
    keywords = keywords_of(said) if wanted & {"keywords", "summary"} else ()
    return Description(
        title=title_of(sample, filename, outline) if "title" in wanted else None,
        language=language_of(said) if "language" in wanted else None,
        keywords=keywords if "keywords" in wanted else (),
        summary=summary_of(said, keywords) if "summary" in wanted else None,
        dates=dates_of(sample) if "dates" in wanted else (),
        simhash=simhash_of(sample) if "duplicates" in wanted else None,
    )


def supplement(
    found: Description, texts: Iterable[str], *, filename: str, chat: Chat | None = None, brought: Collection[str] = ()
) -> Description:
    """Ask others, too, of the same characters: a language model, whose words come first, and other packages, by name.

    Neither can fail the document.
    """
    sample = sampled(texts)
    told = chat.describe(sample) if chat is not None and sample.strip() else Told()
    more, warnings = _brought(brought, sample, filename)
    return replace(
        found,
        keywords=tuple(told.keywords) or found.keywords,
        summary=told.summary or found.summary,
        more=more,
        warnings=(*warnings, *((told.warning,) if told.warning else ())),
    )


def _brought(names: Collection[str], sample: str, filename: str) -> tuple[dict[str, Any], list[str]]:
    found: dict[str, Any] = {}
    warnings = []
    for name in names:
        try:
            found |= _enricher(name)(sample, filename)
        except plugins.NoSuchPart:
            warnings.append(
                f"the enricher {name!r} is not installed here, or does not load; the operator can tell more"
            )
        except Exception as error:  # noqa: BLE001  (of other people's making: it must not end the document)
            warnings.append(f"the enricher {name!r} failed: {type(error).__name__}")
    return found, warnings


@cache
def _enricher(name: str) -> Enricher:
    made: Enricher = plugins.load(plugins.Group.ENRICHERS, name)()
    return made


def sampled(texts: Iterable[str]) -> str:
    """The beginning of the document."""
    taken, size = [], 0
    for text in texts:
        taken.append(text[: SAMPLE_CHARACTERS - size])
        size += len(taken[-1])
        if size >= SAMPLE_CHARACTERS:
            break
    return "\n".join(taken)
