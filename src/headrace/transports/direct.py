"""Writes to a connection what its server would write, past the server: the bytes are made once for all watchers.

uvicorn frames each message for each connection anew and writes it. That is all it does in the middle of a stream whose
socket has room, so there it can be left out. Anything else (a full socket, an end, another server, a version whose
parts have other names) takes the usual way.
"""

from operator import attrgetter
from typing import Any, NamedTuple

from headrace.eventlog.framing import Lane, Write

SHORT_FRAME, MEDIUM_FRAME = 125, 65_535
TEXT_FRAME = 0x81
LENGTH_OF_TWO, LENGTH_OF_EIGHT = 126, 127
"""https://www.rfc-editor.org/rfc/rfc6455#section-5.2"""


def chunk(body: bytes) -> bytes:
    """A chunk of an HTTP/1.1 body: https://www.rfc-editor.org/rfc/rfc9112#section-7.1 ."""
    return b"%x\r\n%b\r\n" % (len(body), body)


def text_frame(text: bytes) -> bytes:
    """A server's WebSocket frame that is a whole text message."""
    size = len(text)
    if size <= SHORT_FRAME:
        return bytes((TEXT_FRAME, size)) + text
    if size <= MEDIUM_FRAME:
        return bytes((TEXT_FRAME, LENGTH_OF_TWO)) + size.to_bytes(2) + text
    return bytes((TEXT_FRAME, LENGTH_OF_EIGHT)) + size.to_bytes(8) + text


class HttpLane(NamedTuple):
    """A chunked response of uvicorn's that has begun, and has not been ended by us."""

    write: Write
    flow: Any

    def has_room(self) -> bool:
        """See `Lane`."""
        return not self.flow.write_paused


class WebSocketLane(NamedTuple):
    """A WebSocket of uvicorn's. It may have been closed from the other side."""

    write: Write
    protocol: Any

    def has_room(self) -> bool:
        """See `Lane`."""
        protocol = self.protocol
        return protocol.writable.is_set() and not protocol.close_sent and not protocol.disconnected


def lane(server: Any) -> Lane | None:
    """The lane below a server whose response or handshake is under way; None if that is not known."""
    known = LANES.get(type(server).__module__)
    if known is None:
        return None
    make, needed = known
    try:
        needed(server)
    except AttributeError:
        return None
    return make(server)


def _http(cycle: Any) -> Lane | None:
    return HttpLane(cycle.transport.write, cycle.flow) if cycle.chunked_encoding else None


def _websocket(protocol: Any) -> Lane:
    return WebSocketLane(protocol.transport.write, protocol)


LANES = {
    "uvicorn.protocols.http.httptools_impl": (
        _http,
        attrgetter("flow.write_paused", "transport.write", "chunked_encoding"),
    ),
    "uvicorn.protocols.websockets.websockets_sansio_impl": (
        _websocket,
        attrgetter("writable.is_set", "transport.write", "close_sent", "disconnected"),
    ),
}
"""By the module of a server's part that sends: what makes its lane, and what that needs to be there."""
