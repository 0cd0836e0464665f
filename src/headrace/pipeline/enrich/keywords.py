"""Keywords by frequency in the document against rarity in the language, for texts that separate words by spaces."""

import re
from collections import Counter
from functools import cache
from importlib.resources import files
from itertools import pairwise
from math import log

MAX_KEYWORDS = 10
MIN_COUNT_OF_PHRASE = 3
# A word is left out where it mostly occurs within a phrase that is a keyword already.
SHARE_OF_PHRASE = 0.5
FIRST_RANK, LAST_RANK = 1_996, 30_522  # the lines of "the" and of the end in the vocabulary
# Words of at least three letters; marks between them, so that phrases do not cross them.
TOKENS = re.compile(r"[^\W\d_]{3,30}(?:-[^\W\d_]{2,30})*|[^\w\s]")
IDEOGRAPHS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def keywords_of(text: str) -> tuple[str, ...]:
    """At most 10 words and phrases of two words in lower case, the best first."""
    stop = stop_words()
    tokens = [token for token in TOKENS.findall(text.lower()) if not IDEOGRAPHS.search(token)]
    is_word = [token[0].isalpha() and token not in stop for token in tokens]
    words = Counter(token for token, counts in zip(tokens, is_word, strict=True) if counts)
    neighbours = pairwise(zip(tokens, is_word, strict=True))
    phrases = Counter((one, two) for (one, is_one), (two, is_two) in neighbours if is_one and is_two and one != two)
    return chosen(words, {pair: count for pair, count in phrases.items() if count >= MIN_COUNT_OF_PHRASE})


def chosen(words: Counter[str], phrases: dict[tuple[str, ...], int]) -> tuple[str, ...]:
    """The best by count times rarity, no word twice."""
    counts = phrases | {(word,): count for word, count in words.items()}
    scores = {terms: count * sum(map(rarity, terms)) for terms, count in counts.items()}
    found: list[tuple[str, ...]] = []
    taken: Counter[str] = Counter()
    for terms in sorted(scores, key=lambda terms: (-scores[terms], terms)):
        is_new = all(taken[term] <= SHARE_OF_PHRASE * words[term] for term in terms)
        if is_new and len(found) < MAX_KEYWORDS:
            found.append(terms)
            for term in terms:
                taken[term] += counts[terms]
    return tuple(" ".join(terms) for terms in found)


def rarity(word: str) -> float:
    """The inverse frequency in English, as a logarithm. A word that is not in the list, of any language, is rare.

    By Zipf's law a word's frequency goes with its rank; BERT's vocabulary lists words by frequency in 3.3 billion.
    """
    return 0.1 + log(ranks().get(word, LAST_RANK) / FIRST_RANK)


@cache
def stop_words() -> frozenset[str]:
    """Words that say nothing: English, German, French, Spanish, Italian, Portuguese, Dutch; three letters and more."""
    return frozenset((files(__package__) / "data" / "stop_words.txt").read_text(encoding="utf-8").split())


@cache
def ranks() -> dict[str, int]:
    """The line of each whole word in the vocabulary, from "the" on."""
    vocabulary = files("headrace.pipeline.embed") / "data" / "minilm" / "vocab.txt"
    words = vocabulary.read_text(encoding="utf-8").split("\n")
    return {word: rank for rank, word in enumerate(words) if rank >= FIRST_RANK and word.isalpha()}
