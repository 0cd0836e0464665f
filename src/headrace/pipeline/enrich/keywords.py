"""Keywords by frequency in the document against rarity in the language, for texts that separate words by spaces."""

import re
from collections import Counter
from collections.abc import Mapping
from functools import cache, lru_cache
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
# The same where letters have vowels, accents or joiners written beside them, which would end a word.
BESIDE_LETTERS = re.compile(
    "[\u0300-\u036f\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed"
    "\u0900-\u0963\u0971-\u0df3\u200c\u200d]"
)
LETTER = rf"(?:[^\W\d_]|{BESIDE_LETTERS.pattern})"
MARKED_TOKENS = re.compile(rf"{LETTER}{{3,30}}(?:-{LETTER}{{2,30}})*|[^\w\s]")
# The same for ASCII in lower case, which is looked through twice as fast by plain ranges.
PLAIN_TOKENS = re.compile(r"[a-z]{3,30}(?:-[a-z]{2,30})*|[\x00-\x08\x0e-\x1b!-/:-@\[-^`{-\x7f]")
PLAIN = {"\u00a0": " "} | dict.fromkeys("\u2013\u2014\u2018\u2019\u201c\u201d\u2022\u2026", "'")
"""What makes most texts that are not ASCII so; here a mark is a mark."""
UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
"""Thai, Lao, Burmese and Khmer letters, kana, ideographs and Hangul."""
ADDRESS_MARKS = ("://", "www.", "@")
ADDRESS = re.compile(r"(?:https?://|ftp://|www\.)[^\s<>()\[\]\"']+|@[\w-]+(?:\.[\w-]+)+")
MOST_REMEMBERED = 50_000


def keywords_of(text: str) -> tuple[str, ...]:
    """At most 10 words and phrases of two words in lower case, the best first."""
    tokens = tokens_of(text)
    words = {token: count for token, count in Counter(tokens).items() if says_something(token)}
    frequent = {word for word, count in words.items() if count >= MIN_COUNT_OF_PHRASE}
    pairs = Counter([pair for pair in pairwise(tokens) if pair[0] in frequent and pair[1] in frequent])
    return chosen(words, {pair: pairs[pair] for pair in pairs if is_phrase(pair, pairs[pair])})


def tokens_of(text: str) -> list[str]:
    """Words and marks, in lower case; what is in an address is none."""
    if any(mark in text for mark in ADDRESS_MARKS):
        text = ADDRESS.sub("'", text)
    for mark, plain in PLAIN.items():
        text = text.replace(mark, plain)
    if text.isascii():
        return PLAIN_TOKENS.findall(text.lower())
    return (MARKED_TOKENS if BESIDE_LETTERS.search(text) else TOKENS).findall(text.lower())


def is_phrase(pair: tuple[str, str], count: int) -> bool:
    """Whether two neighbours, of which both say something, belong together."""
    return count >= MIN_COUNT_OF_PHRASE and pair[0] != pair[1]


def chosen(words: Mapping[str, int], phrases: Mapping[tuple[str, str], int]) -> tuple[str, ...]:
    """The best by count times rarity, no word twice."""
    scored: list[tuple[float, tuple[str, ...], int]]
    scored = [(-count * rarity(word), (word,), count) for word, count in words.items()]
    scored += [(-count * (rarity(pair[0]) + rarity(pair[1])), pair, count) for pair, count in phrases.items()]
    found: list[tuple[str, ...]] = []
    taken: Counter[str] = Counter()
    for _, terms, count in sorted(scored):
        if all(taken[term] <= SHARE_OF_PHRASE * words[term] for term in terms):
            found.append(terms)
            taken.update(dict.fromkeys(terms, count))
        if len(found) == MAX_KEYWORDS:
            break
    return tuple(" ".join(terms) for terms in found)


@lru_cache(MOST_REMEMBERED)
def says_something(token: str) -> bool:
    """Whether it is a word, neither so common that it says nothing nor written without spaces between words."""
    return token[0].isalpha() and token not in stop_words() and not UNSPACED.search(token)


@lru_cache(MOST_REMEMBERED)
def rarity(word: str) -> float:
    """The inverse frequency in English, as a logarithm. A word that is not in the list, of any language, is rare.

    By Zipf's law a word's frequency goes with its rank; BERT's vocabulary lists words by frequency in 3.3 billion.
    """
    return 0.1 + log(ranks().get(word, LAST_RANK) / FIRST_RANK)


@cache
def stop_words() -> frozenset[str]:
    """Words of three letters and more that say nothing, in 29 languages; hardly any that says something in English."""
    return frozenset((files(__package__) / "data" / "stop_words.txt").read_text(encoding="utf-8").split())


@cache
def ranks() -> dict[str, int]:
    """The line of each whole word in the vocabulary, from "the" on."""
    vocabulary = files("headrace.pipeline.embed") / "data" / "minilm" / "vocab.txt"
    words = vocabulary.read_text(encoding="utf-8").split("\n")
    return {word: rank for rank, word in enumerate(words) if rank >= FIRST_RANK and word.isalpha()}
