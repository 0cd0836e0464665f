"""What is found out about a document by whoever parses it: where its passages begin and end, and what it is about.

This is most of the work on a document, and it is done beside the worker, in the parser's own process.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from time import monotonic

from headrace.model.document import Section
from headrace.pipeline.chunk import Chunker, Span
from headrace.pipeline.source import Description, Outline

MOST_SPANS, SPANS_PER_CAPACITY = 16, 8


class Skill(IntEnum):
    """What a parser's process can do besides parsing, each with what stands before it."""

    PARSES = 0
    CUTS = 1
    DESCRIBES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """What is wanted of a document besides its text: nothing, or its passages' places, or a description, or both.

    Passages are of at most `max_tokens` tokens of the embedder, of which `overlap_tokens` may be those of the one
    before; None has none cut. `describes` names what is to be found out. `filename` is a title where there is no other.
    """

    filename: str = ""
    max_tokens: int | None = None
    overlap_tokens: int = 0
    describes: Collection[str] = ()

    @property
    def skill(self) -> Skill:
        """What it takes."""
        if self.describes:
            return Skill.DESCRIBES
        return Skill.PARSES if self.max_tokens is None else Skill.CUTS

    def allows(self, text: str, spans: Collection[Span] | None) -> bool:
        """Whether a section may be cut like this: in places that it has, and into no more passages than we would cut.

        The splitter's passages are never small one after the other, so eight times as many as fit are far too many.
        """
        if spans is None or self.max_tokens is None:
            return spans is None and self.max_tokens is None
        room = max(1, self.max_tokens - self.overlap_tokens)
        is_within = all(0 <= start < end <= len(text) for start, end in spans)
        return is_within and len(spans) <= MOST_SPANS + SPANS_PER_CAPACITY * len(text) // room


NO_BRIEF = Brief()


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What was found out, and the seconds that it took."""

    description: Description | None = None
    cutting_seconds: float = 0.0
    describing_seconds: float = 0.0


NOTHING_FOUND = Findings()


class Study:
    """Reads along while a document is parsed, section by section."""

    def __init__(self, brief: Brief) -> None:
        self._brief = brief
        self._chunker = None if brief.max_tokens is None else chunker(brief.max_tokens, brief.overlap_tokens)
        self._sample: list[str] = []
        self._room = 0
        self._cutting_seconds = 0.0
        if brief.describes:
            from headrace.pipeline.enrich import SAMPLE_CHARACTERS

            self._room = SAMPLE_CHARACTERS

    def skip(self, section: Section) -> None:
        """Read a section that the owner has: it counts for the description only."""
        if self._room > 0:
            self.cut(section)

    def cut(self, section: Section) -> list[Span] | None:
        """Where the section's passages begin and end; None where somebody else cuts it."""
        spans = None
        if self._chunker is not None:
            began = monotonic()
            spans = self._chunker.spans(section.text)
            self._cutting_seconds += monotonic() - began
        if self._room > 0:
            self._keep(section.text, spans)
        return spans

    def _keep(self, text: str, spans: list[Span] | None) -> None:
        for start, end in [(0, len(text))] if spans is None else spans:
            self._sample.append(text[start:end])
            self._room -= end - start

    def findings(self, outline: Outline) -> Findings:
        """All of it, once every section was read."""
        began = monotonic()
        description = self._describe(outline) if self._brief.describes else None
        return Findings(
            description=description,
            cutting_seconds=self._cutting_seconds,
            describing_seconds=monotonic() - began,
        )

    def _describe(self, outline: Outline) -> Description:
        from headrace.pipeline.enrich import describe

        wanted = frozenset(self._brief.describes)
        return describe(self._sample, filename=self._brief.filename, outline=outline, wanted=wanted)


@cache
def chunker(max_tokens: int, overlap_tokens: int) -> Chunker:
    """One for each size; they remember words."""
    return Chunker(max_tokens=max_tokens, overlap_tokens=overlap_tokens)


def prepare(skill: Skill) -> None:
    """Load what a process that is to have the skill needs, so that those forked from it share it."""
    from headrace.pipeline.enrich import USUAL

    study = Study(Brief(max_tokens=256, describes=USUAL if skill is Skill.DESCRIBES else ()))
    study.cut(Section(text="A study reads along while others parse: it cuts and describes. " * 8))
    study.findings(Outline())
