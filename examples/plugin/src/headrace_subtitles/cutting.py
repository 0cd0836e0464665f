"""A chunker that keeps paragraphs whole."""

import re

from headrace.model.document import Chunk, Section

PARAGRAPH = re.compile(r"\S(?:.|\n(?!\s*\n))*")


class Paragraphs:
    """One passage a paragraph; one that is longer than the embedder reads is cut, at four characters a token."""

    def __init__(self, *, max_tokens: int, overlap_tokens: int) -> None:
        del overlap_tokens
        self._most = 4 * max_tokens

    def chunk(self, section: Section, first_ordinal: int) -> list[Chunk]:
        """The section's paragraphs."""
        spans = (
            (start, min(match.end(), start + self._most))
            for match in PARAGRAPH.finditer(section.text)
            for start in range(match.start(), match.end(), self._most)
        )
        found = [(start, end) for start, end in spans if section.text[start:end].strip()]
        return [
            Chunk(ordinal=ordinal, text=section.text[start:end], start=section.start + start, end=section.start + end)
            for ordinal, (start, end) in enumerate(found, first_ordinal)
        ]
