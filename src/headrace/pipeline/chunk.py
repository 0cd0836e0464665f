"""Sections cut into passages that fit the embedder, at the best boundaries: paragraph, line, sentence, word."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import accumulate
from typing import Protocol

from headrace.model.document import Chunk, Section
from headrace.pipeline import plugins
from headrace.pipeline.embed.wordpiece import SPECIAL_TOKENS, count_tokens
from headrace.pipeline.extract.parts import pieces

BUILT_IN = "sentences"

# BERT's tokenizer always cuts around white space, ASCII punctuation and ideographs, so that counts of words add up.
ALONE = r"!-/:-@\[-`{-~\u3400-\u4dbf\u4e00-\u9fff"
SPACES = " \t\r\n"
WORDS = re.compile(rf"(?:[^{SPACES}{ALONE}]+|[{ALONE}])[{SPACES}]*|[{SPACES}]+")
"""With the white space behind each, so that they are all of the text."""
MAX_CACHED_WORDS, MAX_CACHED_CHARACTERS = 50_000, 64
# A word of more than 100 characters is one token to BERT, whatever its length: no passage shall grow without end.
MAX_CHARACTERS_PER_TOKEN = 12
# The splitter's time grows with the square of a text that has words but no spaces: 9 s for 64,000 ideographs.
UNBROKEN_CHARACTERS = 2_000
UNBROKEN = re.compile(rf"[^\s.,;:!?\u3001\u3002\uff01\uff0c\uff1f]{{{UNBROKEN_CHARACTERS}}}")
WINDOW_CHARACTERS = 4_000
MAX_SHARE_OF_TITLE = 0.25
"""Of a chunk: a line alone that is longer is no heading."""

Span = tuple[int, int]
"""Where a passage begins and ends, exclusive, in its section: offsets in characters."""

Count = Callable[[str], int]
"""How many tokens a stretch of a text has."""


class Chunking(Protocol):
    """Cuts documents into passages; used by one thread at a time."""

    def chunk(self, section: Section, first_ordinal: int) -> list[Chunk]:
        """The section's chunks, numbered from `first_ordinal`; none for white space.

        A chunk's text is what stands between its offsets, which count in the whole document as the section's do. It has
        at most as many of the embedder's tokens as its maker was asked for; the rest of a longer one is not embedded.
        """
        ...


def load_chunker(name: str, *, max_tokens: int, overlap_tokens: int) -> Chunking:
    """The built-in chunker, `sentences`, or the one that a package names in `headrace.chunkers`.

    An entry point there refers to what makes one, called with `max_tokens` and `overlap_tokens`. Raises NoSuchPart.
    """
    if name == BUILT_IN:
        return Chunker(max_tokens=max_tokens, overlap_tokens=overlap_tokens)
    made: Chunking = plugins.load(plugins.Group.CHUNKERS, name)(max_tokens=max_tokens, overlap_tokens=overlap_tokens)
    return Checked(made)


class Checked:
    """Another package's chunker, whose chunks are believed only where they are true."""

    def __init__(self, chunking: Chunking) -> None:
        self._chunking = chunking

    def chunk(self, section: Section, first_ordinal: int) -> list[Chunk]:
        """As of the chunker within. Raises ValueError for chunks that say what is not so."""
        chunks = self._chunking.chunk(section, first_ordinal)
        for ordinal, chunk in enumerate(chunks, first_ordinal):
            start, end = chunk.start - section.start, chunk.end - section.start
            if chunk.ordinal != ordinal or start < 0 or section.text[start:end] != chunk.text:
                raise ValueError(f"chunk {chunk.ordinal} is not the text from {chunk.start} to {chunk.end}")
        return [replace(chunk, page=section.page, heading=section.heading) for chunk in chunks]


class Chunker:
    """Cuts sections into chunks of at most `max_tokens`, the special tokens included, so that none is truncated.

    Fast because words are counted once: the splitter asks for each stretch of text some ten times, and the tokenizer
    alone makes 1 MB/s. Here it counts single words, which repeat and are remembered; a stretch is a difference of sums.
    """

    def __init__(self, *, max_tokens: int = 256, overlap_tokens: int = 0) -> None:
        self._counts = Counts()
        self._capacity = max_tokens - SPECIAL_TOKENS
        self._overlap = overlap_tokens

    def chunk(self, section: Section, first_ordinal: int) -> list[Chunk]:
        """The section's chunks, numbered from `first_ordinal`; none for white space."""
        return chunks_of(section, self.spans(section.text), first_ordinal)

    def spans(self, text: str) -> list[Span]:
        """Where the chunks of a text are."""
        count = self._counter(text)
        return [
            (offset + start, offset + end)
            for offset, window in windows(text)
            for start, end in self._with_title(window, self._split(window, count, self._capacity), count)
        ]

    def _split(self, text: str, count: Count, capacity: int) -> list[Span]:
        from semantic_text_splitter import TextSplitter

        splitter = TextSplitter.from_callback(count, capacity, self._overlap)
        return [(start, start + len(found)) for start, found in splitter.chunk_indices(text) if found.strip()]

    def _with_title(self, text: str, spans: list[Span], count: Count) -> list[Span]:
        """The same, but that a short line which stands before more than fits beside it takes along what does fit.

        A heading alone is found by its words, and says nothing.
        """
        if len(spans) < 2:
            return spans
        (begins, ends), (body, body_ends) = spans[:2]
        used = count(text[begins:body])
        if "\n" in text[begins:ends] or used > (self._capacity - self._overlap) * MAX_SHARE_OF_TITLE:
            return spans
        first, *others = self._split(text[body:body_ends], count, self._capacity - used)
        rest = body + others[0][0] if others else body_ends
        return [(begins, body + first[1])] + [
            (rest + start, rest + end) for start, end in self._split(text[rest:], count, self._capacity)
        ]

    def _counter(self, whole: str) -> Count:
        """Counts the tokens of any stretch of `whole`."""
        words = WORDS.findall(whole)
        bounds = list(accumulate(map(len, words), initial=0))
        sums = list(accumulate(map(self._counts.__getitem__, words), initial=0))
        cursor = 0

        def count(text: str) -> int:
            nonlocal cursor
            # The splitter moves forward. Should an earlier place read the same, the count is the same.
            start = whole.find(text, cursor)
            start = whole.find(text) if start < 0 else start
            cursor = 0 if self._overlap else start
            end = start + len(text)
            first, last = bisect_left(bounds, start), bisect_right(bounds, end) - 1
            if last < first:  # within one word
                counted = self._counts[text]
            else:
                head, tail = whole[start : bounds[first]], whole[bounds[last] : end]
                counted = self._counts[head] + sums[last] - sums[first] + self._counts[tail]
            return max(counted, len(text) // MAX_CHARACTERS_PER_TOKEN)

        return count


def chunks_of(section: Section, spans: Iterable[Span], first_ordinal: int) -> list[Chunk]:
    """The chunks of a section that is cut there, numbered from `first_ordinal`."""
    return [
        Chunk(
            ordinal=ordinal,
            text=section.text[start:end],
            start=section.start + start,
            end=section.start + end,
            page=section.page,
            heading=section.heading,
        )
        for ordinal, (start, end) in enumerate(spans, first_ordinal)
    ]


class Counts(dict[str, int]):
    """The number of tokens of single words, counted when they are first asked for and remembered while they are few."""

    def __missing__(self, word: str) -> int:
        """As the tokenizer says; the white space behind a word counts nothing."""
        bare = word.rstrip(SPACES)
        count = self[bare] if bare != word else count_tokens(word)
        if len(self) >= MAX_CACHED_WORDS:
            self.clear()
        if len(word) <= MAX_CACHED_CHARACTERS:
            self[word] = count
        return count


def windows(text: str) -> Iterator[tuple[int, str]]:
    """The text as the splitter can take it, each stretch with its offset: nearly always the whole."""
    offset = 0
    longest = max(map(len, text.split()), default=0)  # which is found in no time, and tells nearly always
    is_unbroken = longest >= UNBROKEN_CHARACTERS and UNBROKEN.search(text)
    for window in pieces(text, WINDOW_CHARACTERS) if is_unbroken else [text]:
        yield offset, window
        offset += len(window)
