"""When a document says that it was made: a date as its author wrote it, as ISO 8601."""

import re
from collections.abc import Mapping
from datetime import datetime

from headrace.pipeline.enrich.dates import dates_of

YEAR_OR_MONTH = re.compile(r"[12][0-9]{3}(?:-[01][0-9])?")
FIRST_YEAR = 1000
"""Programs write year 1 or 101 for a date that they do not know."""


def dated(metadata: Mapping[str, str]) -> dict[str, str]:
    """The metadata, of which `created_at` is ISO 8601 or left out."""
    instant = instant_of(metadata.get("created_at", ""))
    others = {name: value for name, value in metadata.items() if name != "created_at"}
    return others | ({"created_at": instant} if instant else {})


def instant_of(text: str) -> str | None:
    """A year, a month, a day or a moment; None where it is none of them."""
    text = text.strip()
    if YEAR_OR_MONTH.fullmatch(text):
        return text
    try:
        known = datetime.fromisoformat(text).year >= FIRST_YEAR
    except ValueError:
        return next(iter(dates_of(text)), None)
    return text.replace(" ", "T", 1) if known else None
