"""Who is asking. Without authentication that is the one local user, from this machine only."""

import ipaddress
from collections.abc import Mapping
from typing import Any

from fastapi import Request

from headrace.model.errors import NotAllowed
from headrace.model.ids import LOCAL_USER, UserId
from headrace.settings import Settings

Scope = Mapping[str, Any]


class Guard:
    """Asks every request, on every route and transport, who it is from.

    While nobody has to log in, a page of another site must not reach the server through its visitor's browser: the
    Host header has to be one of ours (DNS rebinding), and so has the Origin of a browser's request.
    """

    def __init__(self, settings: Settings) -> None:
        self._names = {"localhost", *settings.allowed_hosts}
        self._insecure = settings.insecure

    async def principal(self, scope: Scope) -> UserId:
        """The user on whose behalf a request or connection comes.

        Raises:
            NotAllowed: it comes from where it may not.
        """
        headers = {name: value.decode("latin-1") for name, value in scope["headers"] if name in (b"host", b"origin")}
        host = headers.get(b"host", "")
        if not self._is_ours(host):
            raise NotAllowed(f"this server does not answer for the host {host[:80]!r}; see the setting allowed_hosts")
        origin = headers.get(b"origin")
        if origin is not None and origin.partition("://")[2] != host:
            raise NotAllowed(f"requests from the origin {origin[:80]!r} are not answered")
        return LOCAL_USER

    def _is_ours(self, host: str) -> bool:
        name = _without_port(host)
        return self._insecure or name in self._names or _is_loopback(name)


async def user(request: Request) -> UserId:
    """For routes: the principal, as the guard of the app sees it."""
    guard: Guard = request.app.state.guard
    return await guard.principal(request.scope)


def check_bind(settings: Settings) -> str | None:
    """Why the server must not listen where it is told to; None when it may."""
    if settings.insecure or settings.host == "localhost" or _is_loopback(settings.host):
        return None
    return (
        f"refusing to listen on {settings.host}: nobody has to log in yet, so only this machine may connect; "
        "listen on 127.0.0.1, or pass --insecure if the network is trusted"
    )


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
