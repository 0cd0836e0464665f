"""Where a request comes from: which Host it believes to speak to, and from which Origin's page it was sent."""

import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from headrace.model.errors import NotAllowed
from headrace.settings import Settings

Scope = Mapping[str, Any]
Origin = tuple[str, str, int]

PORTS = {"http": 80, "https": 443}
SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}


class Origins:
    """The hosts and origins that are ours: the one that the request was sent to, and those of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._names = {"localhost", *settings.allowed_hosts}
        self._insecure = settings.insecure
        self._allowed = {parsed for text in settings.allowed_origins if (parsed := parse_origin(text)) is not None}

    def check_host(self, scope: Scope) -> None:
        """Refuse a name that is not ours: another site's page that had its name resolved to this machine.

        Raises:
            NotAllowed: see there.
        """
        host = _only(scope, b"host") or ""
        name = without_port(host)
        if not (self._insecure or name in self._names or is_loopback(name)):
            raise NotAllowed(f"this server does not answer for the host {host[:80]!r}; see the setting allowed_hosts")

    def check_origin(self, scope: Scope) -> None:
        """Refuse the page of another site. Programs that are no browsers send no Origin, and pass.

        Raises:
            NotAllowed: scheme, host and port are neither those that the request was sent to nor in allowed_origins.
        """
        told = _only(scope, b"origin")
        if told is None:
            return
        scheme = SCHEMES.get(scope.get("scheme", "http"), "http")
        origin = parse_origin(told)
        own = parse_origin(f"{scheme}://{_only(scope, b'host') or ''}")
        if origin is None or (origin != own and origin not in self._allowed):
            raise NotAllowed(f"pages of {told[:80]!r} may not use this server; see the setting allowed_origins")


def parse_origin(text: str) -> Origin | None:
    """Scheme, host and port, the default port filled in; None for what is no http origin, such as `null`."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    has_more = parts.path or parts.query or parts.fragment or parts.username is not None
    if parts.scheme not in PORTS or not parts.hostname or has_more:
        return None
    return parts.scheme, parts.hostname, PORTS[parts.scheme] if port is None else port


def without_port(host: str) -> str:
    """The name in a Host header."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


@lru_cache(maxsize=256)
def is_loopback(name: str) -> bool:
    """Whether a name is an address that only this machine has."""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _only(scope: Scope, name: bytes) -> str | None:
    """A header that may come once; None when it did not come, and what is nobody's when it came twice."""
    found = [value.decode("latin-1") for key, value in scope["headers"] if key == name]
    return None if not found else found[0] if len(found) == 1 else "\0"
