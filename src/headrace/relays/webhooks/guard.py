"""Keeps webhooks from reaching what only this server can reach: its own machine and private networks.

An address is checked after the name is resolved, and that very address is connected to, so that a name which resolves
differently a moment later changes nothing.
"""

import asyncio
import ipaddress
import socket
from dataclasses import dataclass

import httpx

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""RFC 6052: its last 32 bits are an IPv4 address."""
PORTS = {"http": 80, "https": 443}


class Refused(Exception):
    """A URL that must not be posted to. The message says why, to the webhook's owner."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL whose host is an address, and the name that it stands for."""

    url: httpx.URL
    host: str

    @property
    def headers(self) -> dict[str, str]:
        """Name the host as the receiver knows it."""
        port = self.url.port
        name = f"[{self.host}]" if ":" in self.host else self.host
        return {"Host": name if port is None else f"{name}:{port}"}

    @property
    def extensions(self) -> dict[str, str]:
        """The name that a certificate has to be for."""
        return {"sni_hostname": self.host}


def check_url(text: str, *, allow_private: bool) -> httpx.URL:
    """What can be said of a URL without asking for addresses.

    Raises:
        Refused: it is not one that may be posted to.
    """
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        raise Refused("is not a URL") from error
    if url.scheme not in PORTS or not url.host:
        raise Refused("must begin with https:// or http:// and name a host")
    if url.userinfo:
        raise Refused("must not hold a name or a password")
    literal = _literal(url.host)
    if literal is not None:
        _check(literal, allow_private=allow_private)
    return url


async def resolve(url: httpx.URL, *, allow_private: bool) -> Target:
    """The address to connect to. Every one that the name has must be allowed.

    Raises:
        Refused: one of them is not, or there is none.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            url.host, url.port or PORTS[url.scheme], type=socket.SOCK_STREAM
        )
    except OSError as error:
        raise Refused(f"the host {url.host!r} has no address") from error
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    for address in addresses:
        _check(address, allow_private=allow_private)
    return Target(url.copy_with(host=str(addresses[0])), url.host)


def _check(address: Address, *, allow_private: bool) -> None:
    if not allow_private and not all(_is_public(one) for one in {address, _embedded(address)}):
        raise Refused("leads to an address that is private, or of the server itself")


def _is_public(address: Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _embedded(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, if it does for one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo or address


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None
