"""What `headrace doctor --url` finds out about the way to a server: whether a proxy in between lets streams through."""

import os
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

OPEN_SECONDS = 20.0
UNBUFFERED_SECONDS = 5.0
"""What is held back is held until kilobytes have come together: far longer than the slowest of servers takes."""
HEARTBEAT_SECONDS = 20.0
"""The server's own is 15 s by default."""
SNAPSHOT_SECONDS = 0.5
"""What comes so soon after the first piece still belongs to the state as it was."""

Found = tuple[str, str, str]
"""The name of a check, its state (ok, info or bad), and what is told of it."""


def findings(url: str) -> Iterator[Found]:
    """Every check, one after the other; the first says whether there is a server at all."""
    import httpx

    token = os.environ.get("HEADRACE_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with httpx.Client(base_url=url, headers=headers, timeout=OPEN_SECONDS, trust_env=False) as client:
        for name, look in CHECKS.items():
            try:
                yield name, *look(client)
            except httpx.TransportError as error:
                yield name, "bad", f"no answer: {error or type(error).__name__}"
                if name == "reachable":
                    return
            except (ValueError, KeyError):
                yield name, "bad", "something that is not Headrace answers there"
                if name == "reachable":
                    return


def _reachable(client: "httpx.Client") -> tuple[str, str]:
    answer = client.get("openapi.json")
    info = answer.json()["info"]
    return "ok", f"{info['title']} {info['version']}, {answer.elapsed.total_seconds() * 1000:.0f} ms"


def _session(client: "httpx.Client") -> tuple[str, str]:
    answer = client.get("session")
    if answer.status_code == 200:
        return "ok", f"this is {answer.json()['user_id']!r}"
    return "bad", f"{_detail(answer)} (HEADRACE_TOKEN)"


def _events(client: "httpx.Client") -> tuple[str, str]:
    started = time.monotonic()
    with client.stream("GET", "events", headers={"Accept": "text/event-stream"}) as answer:
        if answer.status_code != 200:
            answer.read()
            return "bad", _detail(answer)
        next(answer.iter_raw())
        took = time.monotonic() - started
    if took > UNBUFFERED_SECONDS:
        return "bad", f"the first bytes took {took:.1f} s: something in between holds them back"
    return "ok", f"the first bytes came after {took * 1000:.0f} ms"


def _heartbeat(client: "httpx.Client") -> tuple[str, str]:
    import httpx

    started = time.monotonic()
    headers = {"Accept": "text/event-stream"}
    timeout = httpx.Timeout(OPEN_SECONDS, read=HEARTBEAT_SECONDS)
    with client.stream("GET", "events", headers=headers, timeout=timeout) as answer:
        first: float | None = None
        for _ in answer.iter_raw():
            now = time.monotonic()
            first = now if first is None else first
            if now - first > SNAPSHOT_SECONDS:
                return "ok", f"something came after {now - started:.0f} s of an open stream"
    return "bad", f"the stream was cut after {time.monotonic() - started:.0f} s: raise the proxy's read timeout"


def _websocket(client: "httpx.Client") -> tuple[str, str]:
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "aGVhZHJhY2UgZG9jdG9yIQ==",
    }
    with client.stream("GET", "ws", headers=headers) as answer:
        if answer.status_code == 101:
            return "ok", "the upgrade goes through"
        answer.read()
        return "info", f"{answer.status_code} instead of an upgrade: pages fall back to long polls"


def _long_poll(client: "httpx.Client") -> tuple[str, str]:
    headers = {"Accept": "application/json"}
    page = client.get("events", headers=headers).json()
    started = time.monotonic()
    answer = client.get("events", headers=headers, params={"after": page["next_cursor"], "wait": 1})
    took = time.monotonic() - started
    return ("ok" if answer.status_code == 200 else "bad"), f"answered after {took:.1f} s of at most 1 s"


def _detail(answer: Any) -> str:
    try:
        return f"{answer.status_code}: {answer.json()['detail']}"
    except (ValueError, KeyError):
        return f"{answer.status_code}, and not from Headrace"


CHECKS: dict[str, Callable[["httpx.Client"], tuple[str, str]]] = {
    "reachable": _reachable,
    "auth": _session,
    "stream": _events,
    "websocket": _websocket,
    "long poll": _long_poll,
    "heartbeat": _heartbeat,
}
