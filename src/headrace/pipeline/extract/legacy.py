"""Which of the encodings before Unicode a text is in: the one whose text is the likeliest.

The bytes are read in each, and each language that is written in it says how probable what came out is, by how often its
letters occur, as counted in the translations of free programs. Only characters beyond ASCII count: about the others
these encodings agree.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import log

USUAL = "western"
WRITTEN_IN = {
    USUAL: ("cp1252", "iso8859_15", "cp850", "mac_roman"),
    "central": ("cp1250", "iso8859_2", "cp852"),
    "cyrillic": ("cp1251", "koi8_u", "cp866", "iso8859_5", "mac_cyrillic"),
    "greek": ("cp1253", "iso8859_7"),
    "turkish": ("cp1254",),
    "hebrew": ("cp1255",),
    "arabic": ("cp1256", "iso8859_6"),
    "baltic": ("cp1257",),
    "vietnamese": ("cp1258",),
    "thai": ("cp874",),
    "japanese": ("cp932", "euc_jp"),
    "simplified": ("gb18030",),
    "traditional": ("big5hkscs",),
    "korean": ("cp949",),
}
"""The encodings of each group of languages, the most usual first."""
IN_COMMON_USE = {
    "japanese": ("euc_jp", ((0xA1, 0xA3, 0.1), (0xA4, 0xA5, 0.1), (0xB0, 0xCF, 0.3))),
    "simplified": ("gb2312", ((0xA1, 0xA3, 0.1), (0xB0, 0xD7, 0.5))),
    "traditional": ("big5", ((0xA1, 0xA3, 0.1), (0xA4, 0xC6, 0.5))),
    "korean": ("euc_kr", ((0xA1, 0xA3, 0.1), (0xB0, 0xC8, 0.4))),
}
"""Rows of marks, kana, ideographs and syllables that the standards list first, and how much of a text is in them.

Source: JIS X 0208, GB 2312, Big5 and KS X 1001. What the table of letters has is not counted here.
"""
LATIN = frozenset({USUAL, "central", "turkish", "baltic", "vietnamese"})
MARKS = "’“”–\u00a0—…«»„‘•°€£§©®™·"  # noqa: RUF001  (they are what is looked for)
SHARE_OF_MARKS = 0.1
SIGNS = [chr(code) for code in (*range(0xA1, 0xC0), 0xD7, 0xF7)]
ENGLISH = dict.fromkeys(SIGNS, 0.005) | {"\u2019": 1.0, "\u00e9": 0.2}
# Logarithms of probabilities: of an encoding, compared with the one before it; of a capital, compared with the small
# letter; of a text all in capitals; of a word that goes on in another script; of a character that nobody has use for;
# and of each byte of what is hardly a text.
RARER, CAPITAL, SHOUTED, MIXED, USELESS, DOUBTFUL = map(log, (1 / 50, 1 / 25, 1 / 500, 1 / 20, 1e-6, 1 / 400))
MOST_BYTES = 2_000
MIXTURE = re.compile(r"[A-Za-z][^\W\d_\x00-\x7f]|[^\W\d_\x00-\x7f][A-Za-z]")


@dataclass(frozen=True, slots=True)
class Language:
    """The logarithms of its characters' probabilities, and the group that it belongs to."""

    group: str
    likelihoods: Mapping[str, float]

    def likelihood(self, counted: Mapping[str, int]) -> float:
        """The logarithm of the probability of so many of these characters."""
        return sum(count * self.likelihoods.get(character, USELESS) for character, count in counted.items())


def likeliest(sample: bytes) -> str | None:
    """The name of an encoding; None where the bytes are like no text in any."""
    words = b" ".join(word for word in sample.split() if not word.isascii())[:MOST_BYTES]
    readings = (reading for group, names in WRITTEN_IN.items() for reading in readings_in(words, group, names))
    likelihood, name = max(readings, key=lambda reading: reading[0])
    return name if likelihood >= DOUBTFUL * len(sample) else None


def readings_in(words: bytes, group: str, names: tuple[str, ...]) -> Iterator[tuple[float, str]]:
    """How likely the words are in each of the encodings of a group."""
    for rank, name in enumerate(names, group != USUAL):
        text = words.decode(name, "replace")
        counted = {character: count for character, count in Counter(text).items() if character > "\x7f"}
        swapped = {character.swapcase(): count for character, count in counted.items()}
        handicap = rank * RARER + (0 if group in LATIN else MIXED * len(MIXTURE.findall(text)))
        for language in languages()[group]:
            yield handicap + max(language.likelihood(counted), SHOUTED + language.likelihood(swapped)), name


@cache
def languages() -> Mapping[str, tuple[Language, ...]]:
    """Those of each group. English has marks only, and is taken for what says nothing."""
    table = (files(__package__) / "data" / "letters.txt").read_text(encoding="utf-8").splitlines()
    known = [Language(USUAL, likelihoods(ENGLISH)), *map(language_in, table)]
    return {group: tuple(language for language in known if language.group == group) for group in WRITTEN_IN}


def language_in(line: str) -> Language:
    """A line of the table: the language, its group, and its letters, each with how many of a thousand it is."""
    _, group, *letters = line.split()
    found = likelihoods({letter[0]: int(letter[1:]) / 1000 for letter in letters})
    encoding, rows = IN_COMMON_USE.get(group, ("", ()))
    for first, last, share in rows:
        characters = characters_in(encoding, first, last)
        found = dict.fromkeys(characters, log(share / len(characters))) | found
    return Language(group, found)


def likelihoods(shares: Mapping[str, float]) -> dict[str, float]:
    """The logarithms for letters that are given in small, for their capitals, and for the marks of all languages."""
    found = dict.fromkeys(MARKS, log(SHARE_OF_MARKS / len(MARKS)))
    for letter, share in shares.items():
        found[letter] = log(share)
        if letter.upper() != letter:
            found[letter.upper()] = found[letter] + CAPITAL
    return found


def characters_in(encoding: str, first: int, last: int) -> set[str]:
    """The characters in these rows of a standard."""
    pairs = (bytes((row, cell)) for row in range(first, last + 1) for cell in range(0x40, 0xFF))
    return {character for pair in pairs for character in pair.decode(encoding, "ignore") if character > "\x7f"}
