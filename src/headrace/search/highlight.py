"""Where the words of a question are in a text, out of what a database has marked."""

import re

BEGIN, END = "\x02", "\x03"
_SPAN = re.compile(f"{BEGIN}([^{END}]*){END}")
_NO_WORD = re.compile(r"[\W_]")


def spans(marked: str, text: str) -> tuple[tuple[int, int], ...]:
    """The marked stretches as offsets in `text`; none where the marks do not fit it."""
    if BEGIN in text or END in text:
        return ()
    found, shift = [], 0
    for match in _SPAN.finditer(marked):
        start = match.start() - shift
        found.append((start, start + len(match[1])))
        shift += 2
    return tuple(found) if len(marked) - shift == len(text) else ()


def words_only(text: str) -> str:
    """The text with everything between its words blank, so that each stays where it is."""
    return _NO_WORD.sub(" ", text)
