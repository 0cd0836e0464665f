"""A position in the log: which log it is, and how far one has read."""

import re
from dataclasses import dataclass

from headrace.model.errors import MalformedCursor

_SHAPE = re.compile(r"([0-9a-z]{1,16})-([0-9]{1,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cursor:
    """`epoch` names the log (renewed on restore); `number` is that of the last event seen, 0 before the first."""

    epoch: str
    number: int

    def __str__(self) -> str:
        """The opaque event id that clients keep."""
        return f"{self.epoch}-{self.number}"

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Read what a client sends back.

        Raises:
            MalformedCursor: `text` was never one of our event ids.
        """
        match = _SHAPE.fullmatch(text)
        if match is None:
            raise MalformedCursor(text)
        return cls(match[1], int(match[2]))
