"""Texts that are nearly the same: a 64-bit simhash over runs of words, which differs in few bits for such texts.

Source: Charikar, "Similarity estimation techniques from rounding algorithms" (STOC 2002); that 3 of 64 bits suit pages
of text, and how to look for them by quarters: Manku, Jain and Das Sarma, "Detecting near-duplicates for web crawling"
(WWW 2007).
"""

import re
from hashlib import blake2b

FEWEST_WORDS = 40
"""Shorter texts are alike by chance."""
MOST_WORDS = 2_000
RUN = 3
BITS = 64


def simhash_of(text: str) -> bytes | None:
    """8 bytes; None for a text that is too short."""
    import numpy as np

    words = re.findall(r"\w+", text.lower())[:MOST_WORDS]
    if len(words) < FEWEST_WORDS:
        return None
    runs = {" ".join(words[place : place + RUN]) for place in range(len(words) - RUN + 1)}
    digests = b"".join(blake2b(run.encode(), digest_size=BITS // 8).digest() for run in runs)
    bits = np.unpackbits(np.frombuffer(digests, np.uint8).reshape(-1, BITS // 8), axis=1)
    return np.packbits(bits.sum(axis=0) * 2 > len(runs)).tobytes()
