"""Texts that are nearly the same: a 64-bit simhash over runs of words, which differs in few bits for such texts.

Source: Charikar, "Similarity estimation techniques from rounding algorithms" (STOC 2002); that 3 of 64 bits suit pages
of text, and how to look for them by quarters: Manku, Jain and Das Sarma, "Detecting near-duplicates for web crawling"
(WWW 2007). A word is hashed once; the hash of a run follows from those of its words, for all runs in one go.
"""

import re
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FEWEST_WORDS = 40
"""Shorter texts are alike by chance."""
MOST_WORDS = 2_000
SAMPLE_CHARACTERS = 32_000
RUN = 3
BITS = 64
MOST_REMEMBERED = 50_000
WORDS, PLAIN_WORDS = re.compile(r"\w+"), re.compile(r"[0-9a-z_]+")
"""The second finds the same in ASCII, faster."""
# Odd numbers: the golden ratio's, and those that end splitmix64 (Steele, Lea and Flood, OOPSLA 2014).
STEP, FIRST_MIX, SECOND_MIX = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


class Hashes(dict[str, int]):
    """The hash of each word, made when it is first asked for."""

    def __missing__(self, word: str) -> int:
        """64 bits. Two threads may both make it."""
        if len(self) >= MOST_REMEMBERED:
            self.clear()
        made = self[word] = int.from_bytes(blake2b(word.encode(), digest_size=BITS // 8).digest())
        return made


_hashes = Hashes()


def simhash_of(text: str) -> bytes | None:
    """8 bytes, from the first 2,000 words; None for a text that is too short."""
    import numpy as np

    sample = text[:SAMPLE_CHARACTERS].lower()
    words = (PLAIN_WORDS if sample.isascii() else WORDS).findall(sample)[:MOST_WORDS]
    if len(words) < FEWEST_WORDS:
        return None
    hashes = np.fromiter(map(_hashes.__getitem__, words), np.uint64, len(words))
    runs = np.unique(_of_runs(hashes))
    bits = np.unpackbits(runs.view(np.uint8).reshape(-1, BITS // 8), axis=1)
    return np.packbits(bits.sum(axis=0, dtype=np.uint32) * 2 > len(runs)).tobytes()


def _of_runs(words: "NDArray[np.uint64]") -> "NDArray[np.uint64]":
    """A hash of each run of `RUN` words, from theirs; their order counts."""
    import numpy as np

    mixed = words[: len(words) - RUN + 1].copy()
    for place in range(1, RUN):
        mixed = mixed * np.uint64(STEP) + words[place : len(words) - RUN + 1 + place]
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(FIRST_MIX)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(SECOND_MIX)
    return mixed ^ (mixed >> np.uint64(31))
