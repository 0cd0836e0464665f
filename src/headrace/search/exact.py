"""Ranks the best by keywords once more, by the words just as they were asked for.

Both keyword indexes know stems, which find more, and forget the words, which rank better: `vacuum` and `vacuuming` are
one to them. Postgres' own rank knows nothing of how rare a word is, either; among the best that were found, it shows.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from math import log

from headrace.search.question import Candidate

SATURATION, LENGTH_SHARE = 1.2, 0.75
"""k1 and b of Okapi BM25 (Robertson and Zaragoza, "The probabilistic relevance framework: BM25 and beyond", 2009)."""


def sharpened(found: Sequence[Candidate], texts: Mapping[int, str], asked: Sequence[str]) -> list[Candidate]:
    """The same candidates by keyword, their rank raised by the BM25 of the exact words, counted among them alone.

    `texts` are theirs by chunk id; `asked` are words in lower case. Those with all the words stay before the others.
    """
    lowered = {chunk_id: unicodedata.normalize("NFC", text).lower() for chunk_id, text in texts.items()}
    mean = sum(map(len, lowered.values())) / max(1, len(lowered))
    exact = dict.fromkeys((one.chunk_id for one in found), 0.0)
    for word in asked:
        counts = {chunk_id: count for chunk_id, text in lowered.items() if (count := occurrences(word, text))}
        rarity = log(1 + (len(lowered) - len(counts) + 0.5) / (len(counts) + 0.5))
        for chunk_id, count in counts.items():
            length = 1 - LENGTH_SHARE + LENGTH_SHARE * len(lowered[chunk_id]) / mean
            exact[chunk_id] += rarity * count * (SATURATION + 1) / (count + SATURATION * length)
    raised = [Candidate(one.chunk_id, _raised(one.score, exact[one.chunk_id])) for one in found]
    return sorted(raised, key=lambda one: (-one.score, one.chunk_id))


def occurrences(word: str, text: str) -> int:
    """How often a word is in a text, as a word: with no letter or digit at either side."""
    count, start = 0, text.find(word)
    while start >= 0:
        end = start + len(word)
        count += not (text[end : end + 1].isalnum() or (start and text[start - 1].isalnum()))
        start = text.find(word, end)
    return count


def _raised(score: float, more: float) -> float:
    """A score is rank / (1 + rank), and one more where all the words are."""
    with_all = int(score >= 1)
    rank = (score - with_all) / (1 - (score - with_all)) + more
    return with_all + rank / (1 + rank)
