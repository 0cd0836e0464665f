"""One sentence of a text that says most of what it is about."""

import re
from collections.abc import Sequence
from itertools import pairwise
from math import sqrt

SAMPLE_CHARACTERS = 3_000
MOST_SENTENCES = 24
SHORTEST, LONGEST = 40, 320
LEAD = 0.15
"""The share of its score that a sentence loses for every two before it, up to six: texts say early what they say."""
READ_CHARACTERS = 4 * SAMPLE_CHARACTERS
"""How far we look behind a table of contents."""
SHORT_LINE = 30
"""Bytes a line, on average, below which several lines are a list and no prose."""
FEWEST_LINES = 3
# Lines of a table of contents: they lead to a page by dots, or several of them end in its number.
_CONTENTS = re.compile(r"^.*(?:\.{4,}|(?:\. ){3,}|\u2026{2,}).*$|(?:^.{1,90}[ \t]\d{1,4}[ \t]*\n){3,}", re.MULTILINE)
_PARAGRAPHS = re.compile(r"\n\s*\n")
_ENDS = re.compile(r"(?<!\b[A-Z])[.!?] (?=[\w\"'(])|[\u3002\uff01\uff1f]")


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
    """The beginning of the text without tables of contents and lists of short lines."""
    paragraphs = _PARAGRAPHS.split(_CONTENTS.sub("\n\n", text[:READ_CHARACTERS]))
    return "\n\n".join(paragraph for paragraph in paragraphs if not is_list(paragraph))[:SAMPLE_CHARACTERS]


def is_list(paragraph: str) -> bool:
    """Whether its lines are too short to go on in each other."""
    lines = paragraph.strip().split("\n")
    return len(lines) >= FEWEST_LINES and len(paragraph.encode("utf-8", "replace")) < SHORT_LINE * len(lines)


def sentences(text: str) -> list[str]:
    """Those that read like one: not a heading, not a table, neither too short nor too long."""
    found = []
    for paragraph in _PARAGRAPHS.split(text):
        whole = " ".join(paragraph.split())
        ends = [0, *(end.end() for end in _ENDS.finditer(whole)), len(whole)]
        found += [whole[start:end].strip() for start, end in pairwise(ends)]
    return [one for one in found if SHORTEST <= len(one) <= LONGEST and one[-1:] in ".!?\u3002\uff01\uff1f"]
