"""Finds out who speaks."""

import re
from collections.abc import Mapping

SPEAKER = re.compile(r"^([A-Z][A-Z .'-]{1,39}): ", re.MULTILINE)


class Speakers:
    """The names that stand in capitals before what is said, in the order in which they come first."""

    def __call__(self, text: str, filename: str) -> Mapping[str, list[str]]:
        """`speakers`, for the document's metadata."""
        del filename
        return {"speakers": list(dict.fromkeys(SPEAKER.findall(text)))}
