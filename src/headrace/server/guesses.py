"""Slows down whoever tries secrets: so many wrong ones a minute from one address, and it has to wait.

A secret of ours cannot be guessed. What is spared is the database, which each attempt asks.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Mapping
from typing import Any

from headrace.model.errors import NotAuthenticated
from headrace.model.principal import Principal
from headrace.server.access import digest
from headrace.server.rates import Rate

Scope = Mapping[str, Any]

MOST_KNOWN = 10_000
WHY = "too many wrong tokens came from your address; wait a moment"


class Guesses:
    """What was right before is looked up whatever its neighbours behind the same address are trying."""

    def __init__(self, per_minute: float) -> None:
        self._rate = Rate(per_minute / 60, per_minute)
        self._right: OrderedDict[bytes, None] = OrderedDict()

    def check(self, scope: Scope, secret: str = "") -> None:
        """Raise TooManyRequests where the address has to wait and the secret is not one that was right before."""
        if digest(secret) not in self._right:
            self._rate.check(_address(scope), WHY)

    async def judge(self, scope: Scope, secret: str, finding: Awaitable[Principal]) -> Principal:
        """Whom a secret speaks for, as `finding` says; a wrong one is counted.

        Raises:
            NotAuthenticated: as `finding` does.
        """
        try:
            found = await finding
        except NotAuthenticated:
            self.count(scope)
            raise
        key = digest(secret)
        self._right[key] = None
        self._right.move_to_end(key)
        if len(self._right) > MOST_KNOWN:
            self._right.popitem(last=False)
        return found

    def count(self, scope: Scope) -> None:
        """A secret from that address was wrong."""
        self._rate.spend(_address(scope))


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""
