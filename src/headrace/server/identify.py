"""Who is asking, where the application around us knows: its own users, sessions and rules."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from headrace.model.ids import UserId
from headrace.model.principal import Principal
from headrace.server.guesses import Guesses
from headrace.server.principal import Guard
from headrace.transports.asgi import Scope

Identify = Callable[[Mapping[str, Any]], Awaitable[str]]
"""From an ASGI scope to a user's id; raises a `HeadraceError` (401, 403) for nobody it knows."""


class HostGuard(Guard):
    """Asks the application that we are mounted in. It also answers for the Host and Origin of its requests."""

    def __init__(self, identify: Identify) -> None:
        self._identify_user = identify
        self.guesses = Guesses(0)

    async def admit(self, scope: Scope) -> Principal | None:
        """See `Guard`."""
        return await self._ask(scope)

    async def watcher(self, scope: Scope, job_id: str | None) -> Principal:  # noqa: ARG002
        """See `Guard`."""
        return await self._ask(scope)

    async def connect(self, scope: Scope, secret: str | None) -> Principal:  # noqa: ARG002
        """See `Guard`."""
        return await self._ask(scope)

    def check_source(self, scope: Scope) -> None:
        """The application answers for that, too."""

    async def is_alive(self, who: Principal) -> bool:  # noqa: ARG002
        """The application ends its own sessions."""
        return True

    async def _ask(self, scope: Scope) -> Principal:
        return Principal(user_id=UserId(await self._identify_user(scope)))
