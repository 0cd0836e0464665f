"""Which addresses a webhook may be posted to."""

import asyncio

import httpx
import pytest

from headrace.relays.webhooks.guard import Refused, check_url, resolve

PRIVATE = [
    "127.0.0.1", "127.1.2.3", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
    "224.0.0.1", "255.255.255.255", "192.0.2.1", "[::1]", "[::]", "[fe80::1]", "[fd00::1]", "[ff02::1]",
    "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[64:ff9b::a9fe:a9fe]", "[2002:7f00:1::]", "[2001:db8::1]",
]  # fmt: skip


@pytest.mark.parametrize("host", PRIVATE)
def test_an_address_that_is_not_of_the_public_internet_is_refused(host: str) -> None:
    with pytest.raises(Refused, match="private"):
        check_url(f"http://{host}/", allow_private=False)
    with pytest.raises(Refused, match="private"):
        asyncio.run(resolve(httpx.URL(f"http://{host}/"), allow_private=False))


@pytest.mark.parametrize("host", ["127.1", "0x7f000001", "2130706433", "017700000001", "localhost", "localhost."])
def test_another_spelling_of_the_same_address_is_refused_once_it_is_resolved(host: str) -> None:
    with pytest.raises(Refused):
        asyncio.run(resolve(check_url(f"http://{host}/", allow_private=False), allow_private=False))


@pytest.mark.parametrize("host", ["1.1.1.1", "[2606:4700:4700::1111]"])
def test_a_public_address_is_allowed(host: str) -> None:
    target = asyncio.run(resolve(check_url(f"https://{host}/x?y=1", allow_private=False), allow_private=False))

    assert target.url.path == "/x"
    assert target.headers == {"Host": host}


def test_the_address_that_was_checked_is_the_one_connected_to_under_the_name_s_own_certificate() -> None:
    target = asyncio.run(resolve(httpx.URL("https://localhost:8443/hook"), allow_private=True))

    assert target.url.host in {"127.0.0.1", "::1"}
    assert target.headers == {"Host": "localhost:8443"}
    assert target.extensions == {"sni_hostname": "localhost"}
