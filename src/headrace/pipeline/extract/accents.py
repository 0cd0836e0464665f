"""Letters whose accents a PDF draws as signs of their own: TeX does, in its older fonts."""

import ctypes
import re
import unicodedata

import pypdfium2
from pypdfium2.raw import FPDFText_CountChars, FPDFText_GetCharBox, FPDFText_GetUnicode

COMBINING = {
    "\N{GRAVE ACCENT}": "\N{COMBINING GRAVE ACCENT}",
    "\N{ACUTE ACCENT}": "\N{COMBINING ACUTE ACCENT}",
    "\N{MODIFIER LETTER CIRCUMFLEX ACCENT}": "\N{COMBINING CIRCUMFLEX ACCENT}",
    "\N{SMALL TILDE}": "\N{COMBINING TILDE}",
    "\N{BREVE}": "\N{COMBINING BREVE}",
    "\N{DIAERESIS}": "\N{COMBINING DIAERESIS}",
    "\N{RING ABOVE}": "\N{COMBINING RING ABOVE}",
    "\N{DOUBLE ACUTE ACCENT}": "\N{COMBINING DOUBLE ACUTE ACCENT}",
    "\N{CARON}": "\N{COMBINING CARON}",
    "\N{CEDILLA}": "\N{COMBINING CEDILLA}",
}
DOTLESS = "\N{LATIN SMALL LETTER DOTLESS I}"
PAIR = re.compile(f"([{''.join(COMBINING)}])([A-Za-z{DOTLESS}])")


def composed(content: pypdfium2.PdfTextPage, text: str) -> str:
    """The page's text with such letters made whole, where the accent is drawn upon its letter.

    One beside it may stand for an apostrophe, or be a quotation mark.
    """
    expected = len(PAIR.findall(text))
    if not expected:
        return text
    characters = "".join(chr(FPDFText_GetUnicode(content, index)) for index in range(FPDFText_CountChars(content)))
    are_drawn = [is_upon(content, match.start()) for match in PAIR.finditer(characters)]
    if len(are_drawn) != expected:  # some are beyond the page's edge
        return text
    verdicts = iter(are_drawn)
    return PAIR.sub(lambda pair: whole(pair) if next(verdicts) else pair[0], text)


def is_upon(content: pypdfium2.PdfTextPage, index: int) -> bool:
    """Whether the middle of a character is above or below the next one."""
    left, right = sides(content, index)
    next_left, next_right = sides(content, index + 1)
    return next_left <= (left + right) / 2 <= next_right


def sides(content: pypdfium2.PdfTextPage, index: int) -> tuple[float, float]:
    """Where a character begins and ends, from the left."""
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    FPDFText_GetCharBox(content, index, left, right, bottom, top)
    return left.value, right.value


def whole(pair: re.Match[str]) -> str:
    """The letter with its accent, if there is such a letter."""
    letter = unicodedata.normalize("NFC", pair[2].replace(DOTLESS, "i") + COMBINING[pair[1]])
    return letter if len(letter) == 1 else pair[0]
