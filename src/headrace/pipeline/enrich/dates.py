"""Dates that a text speaks of, as ISO 8601: 2026-03-01, 1 March 2026, March 1, 2026, 01.03.2026; in five languages."""

import re
from collections.abc import Iterator
from datetime import date

SAMPLE_CHARACTERS = 100_000
MOST_DATES = 50
MONTHS = (
    "january januar janvier enero gennaio", "february februar février fevrier febrero febbraio",
    "march märz maerz mars marzo", "april avril abril aprile", "may mai mayo maggio", "june juni juin junio giugno",
    "july juli juillet julio luglio", "august août aout agosto", "september septembre septiembre settembre",
    "october oktober octobre octubre ottobre", "november novembre noviembre",
    "december dezember décembre decembre diciembre dicembre",
)  # fmt: skip
SHORT = ("jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "okt", "nov", "dec", "dez")
_NUMBERS = {word: number for number, words in enumerate(MONTHS, 1) for word in words.split()}
_NUMBERS |= {word: next(number for name, number in _NUMBERS.items() if name.startswith(word[:3])) for word in SHORT}
_MONTH = "|".join(sorted(_NUMBERS, key=len, reverse=True))

_SHAPES = re.compile(
    "|".join(
        rf"\b{shape}(?=T[0-9]{{2}}:|\b)"
        for shape in (
            r"(?P<y1>1[0-9]{3}|20[0-9]{2})-(?P<m1>[01][0-9])-(?P<d1>[0-3][0-9])",
            rf"(?P<d2>[0-3]?[0-9])(?:st|nd|rd|th|er|\.|º)?\s+(?:de\s+|of\s+)?(?P<n2>{_MONTH})\.?,?\s+(?:de\s+)?(?P<y2>1[0-9]{{3}}|20[0-9]{{2}})",
            rf"(?P<n3>{_MONTH})\.?\s+(?P<d3>[0-3]?[0-9])(?:st|nd|rd|th)?,?\s+(?P<y3>1[0-9]{{3}}|20[0-9]{{2}})",
            r"(?P<d4>[0-3]?[0-9])\.\s?(?P<m4>[01]?[0-9])\.\s?(?P<y4>1[0-9]{3}|20[0-9]{2})",
        )
    ),
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?:1[0-9]|20)[0-9]{2}(?![0-9])(?<![0-9]{5})")
"""Looks behind last: a pattern that begins with a digit is searched for several times as fast."""
BEFORE, AFTER = 32, 12
"""Characters around a year that its month and day are within; to look nowhere else is ten times as fast."""


def dates_of(text: str) -> tuple[str, ...]:
    """At most 50 different dates, the earliest first. `03/04/2026` is none: nobody can tell which it is."""
    found: set[str] = set()
    for year in _YEAR.finditer(text[:SAMPLE_CHARACTERS]):
        found.update(_found(text[max(0, year.start() - BEFORE) : year.end() + AFTER]))
        if len(found) >= MOST_DATES:
            break
    return tuple(sorted(found)[:MOST_DATES])


def _found(text: str) -> Iterator[str]:
    for match in _SHAPES.finditer(text):
        parts = {name[0]: value for name, value in match.groupdict().items() if value is not None}
        month = _NUMBERS[parts["n"].lower()] if "n" in parts else int(parts["m"])
        try:
            yield date(int(parts["y"]), month, int(parts["d"])).isoformat()
        except ValueError:  # the 31st of April
            continue
