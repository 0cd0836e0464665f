"""The id of a request: the client's own, or a new one. It is in the answer's head, and in each line of the log."""

import logging
import re
import secrets
import time
from typing import Any

from headrace.telemetry import logs

access_logger = logging.getLogger("headrace.access")

HEADER = b"x-request-id"
TOLD = re.compile(rb"[A-Za-z0-9._-]{1,64}")
BEGAN = "headrace.began"
"""Where a scope holds when its request came, in monotonic seconds."""


def read_id(scope: dict[str, Any]) -> str:
    """What the request calls itself, where that is a name; else one made for it."""
    told: bytes = next((value for key, value in scope["headers"] if key == HEADER), b"")
    return told.decode() if TOLD.fullmatch(told) else secrets.token_hex(8)


def begin(scope: dict[str, Any]) -> None:
    """Name the request of a stream, for as long as its task lasts."""
    scope[BEGAN] = time.monotonic()
    logs.request_id.set(read_id(scope))


def own_headers() -> list[tuple[bytes, bytes]]:
    """What the head of the answer says of the request; nothing outside of one."""
    found = logs.request_id.get()
    return [] if found is None else [(HEADER, found.encode())]


def note_answer(scope: dict[str, Any], status: int) -> None:
    """The head of a stream is sent; its end is not noted."""
    milliseconds = (time.monotonic() - scope.get(BEGAN, time.monotonic())) * 1000
    kind = scope["method"] if scope["type"] == "http" else "WS"
    access_logger.info("%s %s %d %.1f ms", kind, scope["path"], status, milliseconds)
