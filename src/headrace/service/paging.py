"""The cursor of an answer to a question: how much was seen already, of which question."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from headrace.model.errors import MalformedCursor

FURTHEST = 100_000
"""Nobody reads so far; and each page is found anew from the first one."""


def encode(offset: int, asked: Mapping[str, Any]) -> str:
    """Where the next page begins."""
    return f"{offset}-{_name(asked)}"


def decode(cursor: str, asked: Mapping[str, Any]) -> int:
    """How many passages to leave out.

    Raises:
        MalformedCursor: the cursor is of another question, or of none.
    """
    offset, _, name = cursor.partition("-")
    if not (offset.isascii() and offset.isdecimal()) or len(offset) > len(str(FURTHEST)) or name != _name(asked):
        raise MalformedCursor(cursor, "a `next_cursor` of this question")
    return min(int(offset), FURTHEST)


def _name(asked: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()[:12]
