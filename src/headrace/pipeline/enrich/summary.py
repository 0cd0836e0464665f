"""One sentence of a text that says most of what it is about."""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from math import sqrt

SAMPLE_CHARACTERS = 3_000
MOST_SENTENCES = 24
SHORTEST, LONGEST = 40, 320
LEAD = 0.15
"""The share of its score that a sentence loses for every two before it, up to six: texts say early what they say."""
READ_CHARACTERS = 4 * SAMPLE_CHARACTERS
"""How far we look behind code and tables of contents."""
SHORT_LINE = 30
"""Bytes a line, on average, below which several lines are a list and no prose."""
FEWEST_LINES = 3
_LEADERS = re.compile(r"[.\u2026](?:\.{3}| \. \. |\u2026)")
"""Dots that lead to the number of a page."""
_NUMBERED = re.compile(r"\S[ \t]\d{1,4}\s*$")
"""How lines end that lead there without dots, several together."""
_NUMBERS = re.compile(r"[0-9]\s*\n.*[0-9]\s*\n.*[0-9]\s*\n")
_FENCED = re.compile(r"^(```|~~~).*?(?:^\1|\Z)", re.MULTILINE | re.DOTALL)
"""Code within Markdown."""
_STRONG = re.compile(r"(\*\*|__)(?=\S)([^*_\n]+)(?<=\S)\1")
_BULLETS = re.compile(r"^[-*+\u2022] +", re.MULTILINE)
_PARAGRAPHS = re.compile(r"\n\s*\n")
_ENDS = re.compile(r"[.!?] (?<!\b[A-Z]. )(?=[\w\"'(])|[\u3002\uff01\uff1f]")


def summary_of(text: str, keywords: Sequence[str]) -> str | None:
    """A sentence of the beginning of `text`, by the keywords in it; None where no sentence has any."""
    terms = list({word for keyword in keywords for word in keyword.split()})
    best, best_score = None, 0.0
    for place, sentence in enumerate(sentences(prose(text))[:MOST_SENTENCES]):
        lower = sentence.lower()
        score = sum(term in lower for term in terms) / sqrt(lower.count(" ") + 2) * (1 - LEAD * min(place, 6) / 2)
        if score > best_score:
            best, best_score = sentence, score
    return best


def prose(text: str) -> str:
    """The beginning of the text without code, tables of contents and lists of short lines."""
    text = text[:READ_CHARACTERS]
    if "```" in text or "~~~" in text:
        text = _FENCED.sub("", text)
    beginning = text[:SAMPLE_CHARACTERS]
    if _LEADERS.search(beginning) or _NUMBERS.search(beginning):
        beginning = "\n".join(without_contents(text.split("\n"))).lstrip()[:SAMPLE_CHARACTERS]
    paragraphs = (paragraph for paragraph in _PARAGRAPHS.split(beginning) if not is_list(paragraph))
    return _BULLETS.sub("", _STRONG.sub(r"\2", "\n\n".join(paragraphs)))


def without_contents(lines: Sequence[str]) -> Iterator[str]:
    """The lines, blank in place of those of a table of contents."""
    for is_numbered, group in groupby(lines, lambda line: _NUMBERED.search(line[-8:]) is not None):
        found = list(group)
        is_contents = is_numbered and len(found) >= FEWEST_LINES
        yield from ("" if is_contents or _LEADERS.search(line) else line for line in found)


def is_list(paragraph: str) -> bool:
    """Whether its lines are too short to go on in each other."""
    least = SHORT_LINE * (paragraph.strip().count("\n") + 1)
    is_short = FEWEST_LINES * SHORT_LINE <= least > len(paragraph)
    return is_short and len(paragraph.encode("utf-8", "replace")) < least


def sentences(text: str) -> list[str]:
    """Those that read like one: not a heading, not a table, neither too short nor too long."""
    found = []
    for paragraph in _PARAGRAPHS.split(text):
        whole = " ".join(paragraph.split())
        ends = [0, *(end.end() for end in _ENDS.finditer(whole)), len(whole)]
        found += [whole[start:end].strip() for start, end in pairwise(ends)]
    return [one for one in found if SHORTEST <= len(one) <= LONGEST and one[-1:] in ".!?\u3002\uff01\uff1f"]
