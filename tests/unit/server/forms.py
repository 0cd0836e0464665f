"""Forms as clients send them, and a request that brings one in pieces."""

from collections.abc import AsyncIterator, Iterable, Sequence
from itertools import pairwise

from fastapi import Request

BOUNDARY = b"a-boundary"
MULTIPART = b"multipart/form-data; boundary=" + BOUNDARY

Part = tuple[str, str | None, bytes]
"""Field, name of the file or None, content."""


def encoded(parts: Iterable[Part], *, is_whole: bool = True) -> bytes:
    """The body of a form."""
    body = b""
    for name, filename, content in parts:
        named = f'; filename="{filename}"' if filename is not None else ""
        head = f'Content-Disposition: form-data; name="{name}"{named}'
        body += b"--" + BOUNDARY + b"\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n"
    return body + b"--" + BOUNDARY + b"--\r\n" if is_whole else body


def pieces(body: bytes, cuts: Iterable[int]) -> list[bytes]:
    """A body cut at these places."""
    places = [0, *sorted({cut % (len(body) + 1) for cut in cuts}), len(body)]
    return [body[start:end] for start, end in pairwise(places)]


class Sent:
    """A request whose body comes in these pieces; `taken` counts those that were asked for."""

    def __init__(self, chunks: Sequence[bytes], content_type: bytes = MULTIPART) -> None:
        self.taken = 0
        self._chunks = self._send(chunks)
        scope = {"type": "http", "method": "POST", "path": "/ingest", "query_string": b""}
        self.request = Request(scope | {"headers": [(b"content-type", content_type)]}, self._receive)

    async def _send(self, chunks: Sequence[bytes]) -> AsyncIterator[dict[str, object]]:
        for chunk in chunks:
            self.taken += 1
            yield {"type": "http.request", "body": chunk, "more_body": True}
        yield {"type": "http.request", "body": b"", "more_body": False}

    async def _receive(self) -> dict[str, object]:
        return await anext(self._chunks)
