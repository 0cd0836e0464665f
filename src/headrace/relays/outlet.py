"""The seam between the log and another system."""

from collections.abc import Sequence
from typing import Protocol

from headrace.relays.message import Message


class Unreachable(Exception):
    """The other system takes nothing now. The message says why; it is tried again."""


class Outlet(Protocol):
    """Where a relay sends. It opens itself when first used, and again after a failure."""

    async def send(self, messages: Sequence[Message]) -> int:
        """Send in order; returns how many, from the first on, are certainly there.

        Raises:
            Unreachable: none is.
        """
        ...

    async def close(self) -> None:
        """Let go of what is open."""
        ...
